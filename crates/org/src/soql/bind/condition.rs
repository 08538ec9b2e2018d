//! Conditions: what is compared, with which values of the field's type.

use std::cmp::Ordering;

use super::super::Refusal;
use super::super::choose::Chooser;
use super::super::compare::{compare, lower};
use super::super::date_literal;
use super::super::function::RowFunction;
use super::super::plan::{Column, Filter, Test};
use super::super::tree::{Condition, Expression, Literal, LiteralValue, Operator, Query};
use super::{Binder, is_long_text};
use crate::core::id;
use crate::core::schema::FieldType;
use crate::core::value::{FieldValue, parse_date, parse_datetime, parse_time};

/// Semi-joins and anti-joins in one query (SOQL reference).
const JOINS_MAX: usize = 2;

/// What a test needs to know of what it tests.
#[derive(Clone, Copy)]
pub(super) struct Subject<'e> {
    pub(super) expression: &'e Expression,
    pub(super) kind: FieldType,
    pub(super) exact: bool,
}

impl Binder<'_> {
    /// `may_join`: whether only ANDs stand above it, as a semi-join demands.
    pub(super) fn filter(&self, condition: &Condition, may_join: bool) -> Result<Filter<Column>, Refusal> {
        let all = |conditions: &[Condition], may_join: bool| {
            conditions.iter().map(|one| self.filter(one, may_join)).collect::<Result<Vec<_>, _>>()
        };
        let expression = match condition {
            Condition::And(conditions) => return Ok(Filter::And(all(conditions, may_join)?)),
            Condition::Or(conditions) => return Ok(Filter::Or(all(conditions, false)?)),
            Condition::Not(inner) => return Ok(Filter::Not(Box::new(self.filter(inner, false)?))),
            Condition::Compare(expression, ..)
            | Condition::In { expression, .. }
            | Condition::InRows { expression, .. }
            | Condition::Includes { expression, .. } => expression,
        };
        let column = self.filterable(expression)?;
        let subject = Subject { expression, kind: column.kind, exact: column.exact };
        let test = match condition {
            Condition::InRows { query, negated, at, .. } => {
                let values = self.joined(subject, query, *at, may_join)?;
                Test::In { values, has_null: false, negated: *negated }
            }
            other => subject.test(other, self.asker.now_ms)?,
        };
        Ok(Filter::Is(column, test))
    }

    fn filterable(&self, expression: &Expression) -> Result<Column, Refusal> {
        let (column, field) = self.expression(expression)?;
        let is_unsearchable = column.kind.is_compound()
            || column.function == Some(RowFunction::Format)
            || field.is_some_and(is_long_text);
        if is_unsearchable {
            let message = format!("field '{}' can not be filtered in a query call", expression.shown());
            return Err(Refusal::at("INVALID_FIELD", expression.at(), message));
        }
        Ok(column)
    }

    /// The ids that a semi-join finds.
    fn joined(
        &self,
        subject: Subject<'_>,
        query: &Query,
        at: usize,
        may_join: bool,
    ) -> Result<Vec<FieldValue>, Refusal> {
        let refuse = |message: &str| Err(Refusal::malformed(at, message));
        if !self.may_join {
            return refuse("Nesting of semi join sub-selects is not supported");
        }
        if !may_join {
            return refuse(
                "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE expressions.",
            );
        }
        self.joins.set(self.joins.get() + 1);
        if self.joins.get() > JOINS_MAX {
            return refuse("Maximum 2 semi join sub-selects are allowed.");
        }
        if !matches!(subject.kind, FieldType::Id | FieldType::Reference) {
            let shown = subject.expression.shown();
            let message = format!(
                "The left operand field in the where expression for outer query should be an id or reference: {shown}"
            );
            return Err(Refusal::malformed(subject.expression.at(), message));
        }
        if !query.order.is_empty() || query.limit.is_some() || query.offset > 0 || query.group.is_some() {
            return refuse("ORDER BY, LIMIT and GROUP BY are not supported in semi join sub-selects");
        }
        let inner = Binder::for_query(self.org, self.asker, query, false)?;
        if inner.object.number == self.object.number {
            return refuse("The inner and outer selects should not be on the same object type");
        }
        let column = inner.joined_column(query, at)?;
        let choice = inner.choice(query)?;
        let Some(chooser) = Chooser::new(self.org, &inner.object.name, self.asker.include_deleted) else {
            return Ok(Vec::new());
        };
        let cells = chooser.matching(choice.filter.as_ref()).map(|(_, place)| place.read(&column));
        let mut values: Vec<FieldValue> =
            cells.map(|cell| cell.get().to_value()).filter(|value| !value.is_null()).collect();
        sort(&mut values, true);
        Ok(values)
    }
}

impl Subject<'_> {
    /// The test of a condition that is one comparison.
    pub(super) fn test(self, condition: &Condition, now_ms: i64) -> Result<Test, Refusal> {
        match condition {
            Condition::Compare(_, operator, literal) => self.comparison(*operator, literal, now_ms),
            Condition::In { values, negated, .. } => {
                let values = values.iter().map(|literal| self.value(literal)).collect::<Result<Vec<_>, _>>()?;
                let count = values.len();
                let mut values: Vec<_> = values.into_iter().filter(|value| !value.is_null()).collect();
                let has_null = values.len() < count;
                sort(&mut values, self.exact);
                Ok(Test::In { values, has_null, negated: *negated })
            }
            Condition::Includes { values, negated, .. } => {
                if self.kind != FieldType::MultiPicklist {
                    let message = "includes/excludes may only be used on multi-select picklists";
                    return Err(Refusal::at("INVALID_QUERY_FILTER_OPERATOR", self.expression.at(), message));
                }
                let alternative = |literal: &Literal| match &literal.value {
                    LiteralValue::Text { value, .. } => Ok(value.split(';').map(|part| lower(part.trim())).collect()),
                    _ => Err(Refusal::malformed(literal.at, "a string literal is expected")),
                };
                let alternatives = values.iter().map(alternative).collect::<Result<Vec<_>, _>>()?;
                Ok(Test::Includes { alternatives, negated: *negated })
            }
            _ => Err(Refusal::malformed(self.expression.at(), "Semi join sub-selects are not allowed here")),
        }
    }

    fn comparison(self, operator: Operator, literal: &Literal, now_ms: i64) -> Result<Test, Refusal> {
        let at = self.expression.at();
        if let LiteralValue::DateWord(word, number) = &literal.value {
            let span = date_literal::span(word, *number, now_ms)
                .ok_or_else(|| Refusal::malformed(literal.at, format!("unexpected token: '{word}'")))?;
            if operator == Operator::Like || !matches!(self.kind, FieldType::Date | FieldType::DateTime) {
                return Err(self.wrong_type(literal));
            }
            return Ok(Test::Span(operator, span));
        }
        let invalid = |operator: &str| {
            let message = format!("invalid operator on {} field: {operator}", self.kind.as_str());
            Refusal::at("INVALID_QUERY_FILTER_OPERATOR", at, message)
        };
        if operator == Operator::Like {
            let is_text = self.kind.is_text() && !matches!(self.kind, FieldType::Id | FieldType::Reference);
            return match &literal.value {
                LiteralValue::Text { pattern, .. } if is_text => Ok(Test::Like(pattern.clone())),
                _ => Err(invalid("LIKE")),
            };
        }
        let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        if !is_equality && matches!(self.kind, FieldType::Boolean | FieldType::MultiPicklist) {
            return Err(invalid("comparison"));
        }
        Ok(Test::Compare(operator, self.value(literal)?))
    }

    fn wrong_type(self, literal: &Literal) -> Refusal {
        let path = self.expression.path();
        let name = path.steps.last().map_or("", String::as_str);
        let wanted = match self.kind {
            kind if kind.is_text() => "string",
            FieldType::DateTime => "dateTime",
            kind => kind.as_str(),
        };
        let quotes =
            if wanted == "string" { "should be enclosed in quotes" } else { "should not be enclosed in quotes" };
        let message = format!("value of filter criterion for field '{name}' must be of type {wanted} and {quotes}");
        Refusal::at("INVALID_FIELD", literal.at.min(self.expression.at()), message)
    }

    /// A literal as a value of the field's type.
    fn value(self, literal: &Literal) -> Result<FieldValue, Refusal> {
        let mismatch = || self.wrong_type(literal);
        match (&literal.value, self.kind) {
            // A checkbox without a value is off.
            (LiteralValue::Null, FieldType::Boolean) => Ok(FieldValue::Boolean(false)),
            (LiteralValue::Null, _) => Ok(FieldValue::Null),
            (LiteralValue::Boolean(value), FieldType::Boolean) => Ok(FieldValue::Boolean(*value)),
            (LiteralValue::Text { value, .. }, FieldType::Id | FieldType::Reference) => {
                if value.is_empty() {
                    return Ok(FieldValue::Null);
                }
                let invalid =
                    || Refusal::at("INVALID_QUERY_FILTER_OPERATOR", literal.at, format!("invalid ID field: {value}"));
                id::normalize(value).map(|id| FieldValue::Text(id.into())).ok_or_else(invalid)
            }
            (LiteralValue::Text { value, .. }, kind) if kind.is_text() => Ok(FieldValue::text(value)),
            (
                LiteralValue::Unquoted(text),
                FieldType::Int | FieldType::Long | FieldType::Double | FieldType::Currency | FieldType::Percent,
            ) => {
                let number: f64 = text.parse().map_err(|_| mismatch())?;
                if number.is_finite() { Ok(FieldValue::Number(number)) } else { Err(mismatch()) }
            }
            (LiteralValue::Unquoted(text), FieldType::Date) => {
                parse_date(text).map(FieldValue::Date).ok_or_else(mismatch)
            }
            (LiteralValue::Unquoted(text), FieldType::DateTime) => {
                parse_datetime(text).map(FieldValue::DateTime).ok_or_else(mismatch)
            }
            (LiteralValue::Unquoted(text), FieldType::Time) => {
                parse_time(text).map(FieldValue::Time).ok_or_else(mismatch)
            }
            (LiteralValue::DateWord(word, _), _) => {
                Err(Refusal::malformed(literal.at, format!("unexpected token: '{word}'")))
            }
            _ => Err(mismatch()),
        }
    }
}

/// Sorted as a look-up wants it, each value once.
fn sort(values: &mut Vec<FieldValue>, exact: bool) {
    let order = |left: &FieldValue, right: &FieldValue| {
        compare(left.as_field_ref(), right.as_field_ref(), exact).unwrap_or(Ordering::Equal)
    };
    values.sort_unstable_by(order);
    values.dedup_by(|left, right| order(left, right).is_eq());
}
