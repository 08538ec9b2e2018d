//! A parsed query against the objects of one org: names become positions, literals become values of the fields' types.

use std::collections::HashSet;

use super::date_literal::{self, DaySpan};
use super::lexer::PatternPart;
use super::parser::{Condition, FieldSet, Literal, LiteralValue, Operator, Path, Query, SelectItem};
use super::{Asker, Refusal};
use crate::core::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
use crate::core::value::{FieldValue, parse_date, parse_datetime, parse_time};
use crate::core::{Org, id};

/// Parents on the way to a field (SOQL reference).
const PARENT_STEPS_MAX: usize = 5;
const OFFSET_MAX: usize = 2000;
const FIELDS_ALL_LIMIT_MAX: usize = 200;

/// A query ready to run.
#[derive(Clone, Debug)]
pub(crate) struct BoundQuery {
    pub(crate) object: String,
    pub(crate) output: Output,
    pub(crate) filter: Option<Filter>,
    pub(crate) order: Vec<(Column, bool, bool)>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Output {
    Records(Vec<Column>),
    RowCount,
    ValueCount(Column, String),
}

/// A field of the row, or of a parent of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    /// Reference fields to go through, each with its relationship's name.
    pub(crate) hops: Vec<(FieldIndex, String)>,
    pub(crate) field: ColumnField,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ColumnField {
    /// Of a known object.
    At(FieldIndex),
    /// Of whichever object a polymorphic reference points to.
    Named(String),
}

#[derive(Clone, Debug)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Is(Column, Test),
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Compare(Operator, FieldValue),
    /// Against a span of days; `bool` says that the field has a time of day too.
    Span(Operator, DaySpan),
    Like(Vec<PatternPart>),
    /// The values, for the indexes, and the same as keys, for each row.
    In {
        values: Vec<FieldValue>,
        keys: HashSet<ValueKey>,
        negated: bool,
    },
    Includes {
        alternatives: Vec<Vec<String>>,
        negated: bool,
    },
}

/// A value in a form that equal values (to SOQL) share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ValueKey {
    Null,
    Text(String),
    Boolean(bool),
    Number(u64),
    Date(i32),
    DateTime(i64),
}

pub(crate) fn key_of(value: &FieldValue) -> ValueKey {
    match value {
        FieldValue::Null => ValueKey::Null,
        FieldValue::Text(text) => ValueKey::Text(text.to_lowercase()),
        FieldValue::Boolean(value) => ValueKey::Boolean(*value),
        FieldValue::Integer(value) => ValueKey::Number((*value as f64).to_bits()),
        FieldValue::Number(value) => ValueKey::Number(value.to_bits()),
        FieldValue::Date(days) => ValueKey::Date(*days),
        FieldValue::DateTime(ms) => ValueKey::DateTime(*ms),
        FieldValue::Time(ms) => ValueKey::DateTime(i64::from(*ms)),
    }
}

/// Whether an object is there for the asker.
fn is_known(asker: &Asker<'_>, object: &ObjectSchema) -> bool {
    (asker.tooling || !object.tooling) && asker.access.reads(object)
}

struct Binder<'a> {
    org: &'a Org,
    asker: &'a Asker<'a>,
    object: &'a ObjectSchema,
    alias: Option<&'a str>,
}

pub(crate) fn bind(org: &Org, asker: &Asker<'_>, query: &Query) -> Result<BoundQuery, Refusal> {
    let object = org.object(&query.object.text).filter(|object| is_known(asker, object)).ok_or_else(|| {
        let message = format!(
            "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' \
             after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            query.object.text
        );
        Refusal::at("INVALID_TYPE", query.object.at, message)
    })?;
    if query.offset > OFFSET_MAX {
        let message = "Maximum SOQL offset allowed is 2000".to_owned();
        return Err(Refusal { code: "NUMBER_OUTSIDE_VALID_RANGE", message, at: None });
    }
    let binder = Binder { org, asker, object, alias: query.alias.as_deref() };
    let mut order = Vec::with_capacity(query.order.len());
    for by in &query.order {
        let (column, field) = binder.column(&by.path)?;
        if field.is_some_and(|field| field.field_type.is_compound()) {
            let message = format!("field '{}' can not be sorted in a query call", by.path.steps.join("."));
            return Err(Refusal::at("MALFORMED_QUERY", by.path.at, message));
        }
        order.push((column, by.descending, by.nulls_last));
    }
    Ok(BoundQuery {
        object: object.name.clone(),
        output: binder.output(query)?,
        filter: query.condition.as_ref().map(|condition| binder.filter(condition)).transpose()?,
        order,
        limit: query.limit,
        offset: query.offset,
    })
}

impl<'a> Binder<'a> {
    fn output(&self, query: &Query) -> Result<Output, Refusal> {
        let only = query.select.len() == 1;
        let mut columns: Vec<Column> = Vec::new();
        for item in &query.select {
            match item {
                SelectItem::CountRows if only => return Ok(Output::RowCount),
                SelectItem::CountValues(path, alias) if only => {
                    let (column, _) = self.column(path)?;
                    return Ok(Output::ValueCount(column, alias.clone().unwrap_or_else(|| "expr0".to_owned())));
                }
                SelectItem::CountRows => {
                    return Err(Refusal::malformed(
                        query.object.at,
                        "COUNT() must be the only element in the SELECT list",
                    ));
                }
                SelectItem::CountValues(path, _) => {
                    return Err(Refusal::malformed(path.at, "Grouped query requires a GROUP BY clause"));
                }
                SelectItem::Path(path) => {
                    let (column, _) = self.column(path)?;
                    if columns.contains(&column) {
                        let message = format!("duplicate field selected: {}", path.steps.join("."));
                        return Err(Refusal::at("INVALID_FIELD", path.at, message));
                    }
                    columns.push(column);
                }
                SelectItem::Fields(set, at) => {
                    if *set != FieldSet::Standard && query.limit.is_none_or(|limit| limit > FIELDS_ALL_LIMIT_MAX) {
                        let message = "The SOQL FIELDS function must have a LIMIT of at most 200";
                        return Err(Refusal::malformed(*at, message));
                    }
                    let chosen = |field: &FieldSchema| match set {
                        FieldSet::All => true,
                        FieldSet::Standard => !field.custom,
                        FieldSet::Custom => field.custom,
                    };
                    let indexes = self.asker.access.visible_fields(self.object).filter(|(_, field)| chosen(field));
                    for (index, _) in indexes {
                        let column = Column { hops: Vec::new(), field: ColumnField::At(index) };
                        if !columns.contains(&column) {
                            columns.push(column);
                        }
                    }
                }
            }
        }
        Ok(Output::Records(columns))
    }

    /// A column and the schema of its field; no schema for a field behind a polymorphic reference.
    fn column(&self, path: &Path) -> Result<(Column, Option<&'a FieldSchema>), Refusal> {
        let mut steps = path.steps.as_slice();
        if let [first, rest @ ..] = steps
            && !rest.is_empty()
            && (self.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(first))
                || first.eq_ignore_ascii_case(&self.object.name))
            && self.object.relationship(first).is_none()
        {
            steps = rest;
        }
        let Some((last, parents)) = steps.split_last() else {
            return Err(Refusal::malformed(path.at, "unexpected token: '.'"));
        };
        if parents.len() > PARENT_STEPS_MAX {
            let message = "A path may go through at most 5 parent relationships";
            return Err(Refusal::malformed(path.at, message));
        }
        let mut object = self.object;
        let mut hops = Vec::with_capacity(parents.len());
        for (position, parent) in parents.iter().enumerate() {
            let unknown = || {
                let message = format!(
                    "Didn't understand relationship '{parent}' in field path. If you are attempting to use a custom \
                     relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or \
                     the describe call for the appropriate names."
                );
                Refusal::at("INVALID_FIELD", path.at, message)
            };
            let (index, field) = object
                .relationship(parent)
                .filter(|(index, _)| self.asker.access.sees(object, *index))
                .ok_or_else(unknown)?;
            hops.push((index, field.relationship_name.clone().unwrap_or_default()));
            if field.reference_to.len() > 1 {
                if position + 1 != parents.len() {
                    return Err(unknown());
                }
                return self.polymorphic(path, hops, field, last);
            }
            let target = field.reference_to.first().and_then(|target| self.org.object(target));
            object = target.filter(|target| is_known(self.asker, target)).ok_or_else(unknown)?;
        }
        let (index, field) =
            self.asker.access.field_named(object, last).ok_or_else(|| no_such_column(path, last, &object.name))?;
        Ok((Column { hops, field: ColumnField::At(index) }, Some(field)))
    }

    fn polymorphic(
        &self,
        path: &Path,
        hops: Vec<(FieldIndex, String)>,
        reference: &FieldSchema,
        last: &str,
    ) -> Result<(Column, Option<&'a FieldSchema>), Refusal> {
        // The virtual object `Name` stands in for all targets: it has only what they share.
        let is_shared = last.eq_ignore_ascii_case("Type")
            || reference
                .reference_to
                .iter()
                .filter_map(|target| self.org.object(target))
                .all(|target| target.index_of(last).is_some());
        if !is_shared {
            return Err(no_such_column(path, last, "Name"));
        }
        Ok((Column { hops, field: ColumnField::Named(last.to_owned()) }, None))
    }

    fn filter(&self, condition: &Condition) -> Result<Filter, Refusal> {
        let all =
            |conditions: &[Condition]| conditions.iter().map(|one| self.filter(one)).collect::<Result<Vec<_>, _>>();
        match condition {
            Condition::And(conditions) => Ok(Filter::And(all(conditions)?)),
            Condition::Or(conditions) => Ok(Filter::Or(all(conditions)?)),
            Condition::Not(inner) => Ok(Filter::Not(Box::new(self.filter(inner)?))),
            Condition::Compare(path, operator, literal) => self.comparison(path, *operator, literal),
            Condition::In { path, values, negated } => {
                let (column, field) = self.filterable(path)?;
                let values = values.iter().map(|literal| value(path, field, literal)).collect::<Result<Vec<_>, _>>()?;
                let keys = values.iter().map(key_of).collect();
                Ok(Filter::Is(column, Test::In { values, keys, negated: *negated }))
            }
            Condition::Includes { path, values, negated } => {
                let (column, field) = self.filterable(path)?;
                if field.is_none_or(|field| field.field_type != FieldType::MultiPicklist) {
                    let message = "includes/excludes may only be used on multi-select picklists".to_owned();
                    return Err(Refusal::at("INVALID_QUERY_FILTER_OPERATOR", path.at, message));
                }
                let alternative = |literal: &Literal| match &literal.value {
                    LiteralValue::Text { value, .. } => {
                        Ok(value.split(';').map(|part| part.trim().to_lowercase()).collect())
                    }
                    _ => Err(Refusal::malformed(literal.at, "a string literal is expected")),
                };
                let alternatives = values.iter().map(alternative).collect::<Result<Vec<_>, _>>()?;
                Ok(Filter::Is(column, Test::Includes { alternatives, negated: *negated }))
            }
        }
    }

    fn comparison(&self, path: &Path, operator: Operator, literal: &Literal) -> Result<Filter, Refusal> {
        let (column, field) = self.filterable(path)?;
        if let LiteralValue::DateWord(word, number) = &literal.value {
            let is_dated = field.is_some_and(|field| matches!(field.field_type, FieldType::Date | FieldType::DateTime));
            let span = date_literal::span(word, *number, self.asker.now_ms)
                .ok_or_else(|| Refusal::malformed(literal.at, format!("unexpected token: '{word}'")))?;
            if !is_dated {
                return Err(wrong_type(path, field, literal));
            }
            return Ok(Filter::Is(column, Test::Span(operator, span)));
        }
        if operator == Operator::Like {
            let is_text = field.is_none_or(|f| {
                f.field_type.is_text() && !matches!(f.field_type, FieldType::Id | FieldType::Reference)
            });
            return match &literal.value {
                LiteralValue::Text { pattern, .. } if is_text => Ok(Filter::Is(column, Test::Like(pattern.clone()))),
                _ => Err(Refusal::at("INVALID_QUERY_FILTER_OPERATOR", path.at, "invalid operator on this field: LIKE")),
            };
        }
        let value = value(path, field, literal)?;
        Ok(Filter::Is(column, Test::Compare(operator, value)))
    }

    fn filterable(&self, path: &Path) -> Result<(Column, Option<&'a FieldSchema>), Refusal> {
        let (column, field) = self.column(path)?;
        let is_filterable = |field: &FieldSchema| {
            !(field.field_type.is_compound() || field.field_type == FieldType::TextArea && field.length > 4000)
        };
        if field.is_none_or(is_filterable) {
            return Ok((column, field));
        }
        let message = format!("field '{}' can not be filtered in a query call", path.steps.join("."));
        Err(Refusal::at("INVALID_FIELD", path.at, message))
    }
}

fn no_such_column(path: &Path, column: &str, object: &str) -> Refusal {
    let message = format!(
        "No such column '{column}' on entity '{object}'. If you are attempting to use a custom field, be sure to append the '__c' \
         after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
    );
    Refusal::at("INVALID_FIELD", path.at, message)
}

fn wrong_type(path: &Path, field: Option<&FieldSchema>, literal: &Literal) -> Refusal {
    let name = path.steps.last().map_or("", String::as_str);
    let wanted = field.map_or("string", |field| match field.field_type {
        kind if kind.is_text() => "string",
        FieldType::DateTime => "dateTime",
        kind => kind.as_str(),
    });
    let quotes = if wanted == "string" { "should be enclosed in quotes" } else { "should not be enclosed in quotes" };
    let message = format!("value of filter criterion for field '{name}' must be of type {wanted} and {quotes}");
    Refusal::at("INVALID_FIELD", literal.at.min(path.at), message)
}

/// A literal as a value of the field's type.
fn value(path: &Path, field: Option<&FieldSchema>, literal: &Literal) -> Result<FieldValue, Refusal> {
    let mismatch = || wrong_type(path, field, literal);
    let field_type = field.map_or(FieldType::String, |field| field.field_type);
    match (&literal.value, field_type) {
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
        (LiteralValue::Unquoted(text), FieldType::Date) => parse_date(text).map(FieldValue::Date).ok_or_else(mismatch),
        (LiteralValue::Unquoted(text), FieldType::DateTime) => {
            parse_datetime(text).map(FieldValue::DateTime).ok_or_else(mismatch)
        }
        (LiteralValue::Unquoted(text), FieldType::Time) => parse_time(text).map(FieldValue::Time).ok_or_else(mismatch),
        (LiteralValue::DateWord(word, _), _) => {
            Err(Refusal::malformed(literal.at, format!("unexpected token: '{word}'")))
        }
        _ => Err(mismatch()),
    }
}
