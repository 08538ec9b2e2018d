//! How values compare: letter cases aside unless they matter, and with nothing where there is no value.

use std::cmp::Ordering;

use super::date_literal::DaySpan;
use super::lexer::matches_pattern;
use super::plan::{OrderBy, Test};
use super::read::Cell;
use super::tree::Operator;
use crate::core::schema::FieldType;
use crate::core::value::{FieldRef, FieldValue};

const DAY_MS: i64 = 86_400_000;

/// Whether a value of a kind passes a test.
pub(crate) fn holds(value: FieldRef<'_>, kind: FieldType, exact: bool, test: &Test) -> bool {
    // A checkbox without a value, such as one of a parent that is not there, is off.
    let value = if value.is_null() && kind == FieldType::Boolean { FieldValue::Boolean(false) } else { value };
    match test {
        Test::Compare(operator, literal) => compares(value, *operator, literal.as_field_ref(), exact),
        Test::Span(operator, span) => within(value, *operator, *span),
        Test::Like(pattern) => value.as_text().is_some_and(|text| matches_pattern(text, pattern)),
        Test::In { values, has_null, negated } => {
            let is_in = if value.is_null() {
                *has_null
            } else {
                let own =
                    |literal: &FieldValue| compare(literal.as_field_ref(), value, exact).unwrap_or(Ordering::Less);
                values.binary_search_by(own).is_ok()
            };
            is_in != *negated
        }
        Test::Includes { alternatives, negated } => {
            let text = value.as_text().unwrap_or("");
            let has = |part: &String| text.split(';').any(|choice| same_text(choice, part));
            alternatives.iter().any(|parts| parts.iter().all(has)) != *negated
        }
    }
}

fn compares(value: FieldRef<'_>, operator: Operator, literal: FieldRef<'_>, exact: bool) -> bool {
    let equals = || match (value, literal) {
        (FieldValue::Null, FieldValue::Null) => true,
        (FieldValue::Text(value), FieldValue::Text(literal)) if !exact => same_text(value, literal),
        _ => compare(value, literal, exact) == Some(Ordering::Equal),
    };
    match operator {
        Operator::Equal => equals(),
        // A record without a value differs from every value.
        Operator::NotEqual => !equals(),
        Operator::Less => compare(value, literal, exact) == Some(Ordering::Less),
        Operator::LessOrEqual => compare(value, literal, exact).is_some_and(Ordering::is_le),
        Operator::Greater => compare(value, literal, exact) == Some(Ordering::Greater),
        Operator::GreaterOrEqual => compare(value, literal, exact).is_some_and(Ordering::is_ge),
        Operator::Like => false,
    }
}

fn within(value: FieldRef<'_>, operator: Operator, span: DaySpan) -> bool {
    let (at, start, end) = match value {
        FieldValue::Date(days) => (i64::from(days), i64::from(span.start), i64::from(span.end)),
        FieldValue::DateTime(ms) => (ms, i64::from(span.start) * DAY_MS, i64::from(span.end) * DAY_MS),
        _ => return operator == Operator::NotEqual,
    };
    match operator {
        Operator::Equal => (start..end).contains(&at),
        Operator::NotEqual => !(start..end).contains(&at),
        Operator::Less => at < start,
        Operator::LessOrEqual => at < end,
        Operator::Greater => at >= end,
        Operator::GreaterOrEqual => at >= start,
        Operator::Like => false,
    }
}

/// Order of two values of one field; `None` where one is missing.
pub(crate) fn compare(left: FieldRef<'_>, right: FieldRef<'_>, exact: bool) -> Option<Ordering> {
    match (left, right) {
        (FieldValue::Text(left), FieldValue::Text(right)) if exact => Some(left.cmp(right)),
        (FieldValue::Text(left), FieldValue::Text(right)) => Some(compare_text(left, right)),
        (FieldValue::Boolean(left), FieldValue::Boolean(right)) => Some(left.cmp(&right)),
        (FieldValue::Date(left), FieldValue::Date(right)) => Some(left.cmp(&right)),
        (FieldValue::DateTime(left), FieldValue::DateTime(right)) => Some(left.cmp(&right)),
        (FieldValue::Time(left), FieldValue::Time(right)) => Some(left.cmp(&right)),
        (FieldValue::Integer(left), FieldValue::Integer(right)) => Some(left.cmp(&right)),
        _ => number(left)?.partial_cmp(&number(right)?),
    }
}

pub(crate) fn number(value: FieldRef<'_>) -> Option<f64> {
    match value {
        FieldValue::Integer(value) => Some(value as f64),
        FieldValue::Number(value) => Some(value),
        _ => None,
    }
}

fn compare_text(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        let mut by_byte =
            left.bytes().zip(right.bytes()).map(|(l, r)| l.to_ascii_lowercase().cmp(&r.to_ascii_lowercase()));
        return by_byte.find(|order| order.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()));
    }
    left.chars().flat_map(char::to_lowercase).cmp(right.chars().flat_map(char::to_lowercase))
}

fn same_text(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().flat_map(char::to_lowercase).eq(right.chars().flat_map(char::to_lowercase))
}

/// Lower case, letter by letter: a letter's lower case does not hang on its neighbours.
pub(crate) fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// A value in a form that equal values share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ValueKey {
    Null,
    Text(String),
    Boolean(bool),
    Number(u64),
    Date(i32),
    DateTime(i64),
}

pub(crate) fn key_of(value: FieldRef<'_>, exact: bool) -> ValueKey {
    // Adding zero makes one of the two zeros.
    let number = |number: f64| ValueKey::Number((number + 0.0).to_bits());
    match value {
        FieldValue::Null => ValueKey::Null,
        FieldValue::Text(text) if exact => ValueKey::Text(text.to_owned()),
        FieldValue::Text(text) => ValueKey::Text(lower(text)),
        FieldValue::Boolean(value) => ValueKey::Boolean(value),
        FieldValue::Integer(value) => number(value as f64),
        FieldValue::Number(value) => number(value),
        FieldValue::Date(days) => ValueKey::Date(days),
        FieldValue::DateTime(ms) => ValueKey::DateTime(ms),
        FieldValue::Time(ms) => ValueKey::DateTime(i64::from(ms)),
    }
}

/// What one row is sorted by, for one term of ORDER BY.
#[derive(Clone, Debug)]
pub(crate) struct SortValue<'a> {
    /// Position among the choices of a picklist; 0 without choices.
    rank: usize,
    value: Cell<'a>,
}

impl<L> OrderBy<L> {
    pub(crate) fn sort_value<'a>(&self, value: Cell<'a>) -> SortValue<'a> {
        let rank = match value.get() {
            FieldValue::Text(text) if !self.choices.is_empty() => {
                let own = self.choices.iter().position(|choice| same_text(choice, text));
                own.unwrap_or(self.choices.len())
            }
            _ => 0,
        };
        SortValue { rank, value }
    }

    pub(crate) fn order(&self, left: &SortValue<'_>, right: &SortValue<'_>, exact: bool) -> Ordering {
        let (left_value, right_value) = (left.value.get(), right.value.get());
        let (null_side, value_side) =
            if self.nulls_last { (Ordering::Greater, Ordering::Less) } else { (Ordering::Less, Ordering::Greater) };
        match (left_value.is_null(), right_value.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => null_side,
            (false, true) => value_side,
            (false, false) => {
                let by_value = || compare(left_value, right_value, exact).unwrap_or(Ordering::Equal);
                let order = left.rank.cmp(&right.rank).then_with(by_value);
                if self.descending { order.reverse() } else { order }
            }
        }
    }
}
