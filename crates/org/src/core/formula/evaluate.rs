//! The value of a formula for one row. What [`super::kind`] let pass has a value or none; nothing here fails.

use std::cmp::Ordering;

use super::{Function, Node, Operator, raw};
use crate::core::org::Org;
use crate::core::row::Row;
use crate::core::rules::round_to_scale;
use crate::core::schema::{FieldSchema, FieldType};
use crate::core::table::Table;
use crate::core::value::{FieldValue, civil_from_days, format_date, format_datetime, format_time};

const DAY_MS: f64 = 86_400_000.0;

/// The row that a formula is about.
pub(super) struct Scope<'o> {
    pub(super) org: &'o Org,
    pub(super) table: &'o Table,
    pub(super) row: &'o Row,
    pub(super) blank_as_zero: bool,
    /// Formulas on the way here.
    pub(super) depth: usize,
}

/// A value in the form of the field that shows it.
pub(super) fn as_type(value: FieldValue, field: &FieldSchema) -> FieldValue {
    match (field.field_type, value) {
        (FieldType::Boolean, value) => FieldValue::Boolean(value == FieldValue::Boolean(true)),
        (_, FieldValue::Number(number)) if !number.is_finite() => FieldValue::Null,
        (_, FieldValue::Number(number)) => FieldValue::Number(round_to_scale(number, field.scale)),
        (_, value) => value,
    }
}

impl Scope<'_> {
    pub(super) fn value(&self, node: &Node) -> FieldValue {
        match node {
            Node::Literal(value) => value.clone(),
            Node::Field(path) => self.field(path),
            Node::Negate(inner) => self.number(inner).map_or(FieldValue::Null, |number| FieldValue::Number(-number)),
            Node::Binary(operator, left, right) => self.binary(*operator, left, right),
            Node::Call(function, parameters) => self.call(*function, parameters),
        }
    }

    fn field(&self, path: &[String]) -> FieldValue {
        let Some((last, parents)) = path.split_last() else { return FieldValue::Null };
        let (mut table, mut row) = (self.table, self.row);
        for parent in parents {
            let reference = table.schema.relationship(parent).and_then(|(index, _)| row.get(index).as_text());
            let Some((at, slot)) = reference.and_then(|id| self.org.locate(id)) else { return FieldValue::Null };
            table = &self.org.tables[at];
            let Some(found) = table.row(slot) else { return FieldValue::Null };
            row = found;
        }
        let index = table.schema.index_of(last);
        let value = index.map(|index| self.org.value_at_depth(table, row, index, self.depth + 1));
        match value.unwrap_or_default() {
            FieldValue::Integer(number) => FieldValue::Number(number as f64),
            value => value,
        }
    }

    fn number(&self, node: &Node) -> Option<f64> {
        match self.value(node) {
            FieldValue::Number(number) => Some(number),
            _ if self.blank_as_zero => Some(0.0),
            _ => None,
        }
    }

    fn text(&self, node: &Node) -> String {
        self.value(node).as_text().unwrap_or_default().to_owned()
    }

    fn is_true(&self, node: &Node) -> bool {
        self.value(node) == FieldValue::Boolean(true)
    }

    fn binary(&self, operator: Operator, left: &Node, right: &Node) -> FieldValue {
        let numbers = |work: fn(f64, f64) -> f64| match (self.number(left), self.number(right)) {
            (Some(left), Some(right)) => Some(work(left, right)).filter(|result| result.is_finite()),
            _ => None,
        };
        let number = |result: Option<f64>| result.map_or(FieldValue::Null, FieldValue::Number);
        match operator {
            Operator::Or => (self.is_true(left) || self.is_true(right)).into(),
            Operator::And => (self.is_true(left) && self.is_true(right)).into(),
            Operator::Join => raw(self.text(left) + &self.text(right)),
            Operator::Multiply => number(numbers(|left, right| left * right)),
            Operator::Divide => number(numbers(|left, right| left / right)),
            Operator::Power => number(numbers(f64::powf)),
            Operator::Add => self.sum(left, right, 1.0),
            Operator::Subtract => self.sum(left, right, -1.0),
            Operator::Equal => (self.compare(left, right) == Some(Ordering::Equal)).into(),
            Operator::NotEqual => (self.compare(left, right) != Some(Ordering::Equal)).into(),
            Operator::Less => (self.compare(left, right) == Some(Ordering::Less)).into(),
            Operator::LessOrEqual => matches!(self.compare(left, right), Some(Ordering::Less | Ordering::Equal)).into(),
            Operator::Greater => (self.compare(left, right) == Some(Ordering::Greater)).into(),
            Operator::GreaterOrEqual => {
                matches!(self.compare(left, right), Some(Ordering::Greater | Ordering::Equal)).into()
            }
        }
    }

    /// Numbers, texts, and moments with days added or taken away.
    fn sum(&self, left: &Node, right: &Node, sign: f64) -> FieldValue {
        match (self.value(left), self.value(right)) {
            (FieldValue::Text(left), FieldValue::Text(right)) => raw(format!("{left}{right}")),
            (text @ FieldValue::Text(_), FieldValue::Null) | (FieldValue::Null, text @ FieldValue::Text(_)) => text,
            (FieldValue::Date(from), FieldValue::Date(to)) => FieldValue::Number(f64::from(from) - f64::from(to)),
            (FieldValue::DateTime(from), FieldValue::DateTime(to)) => FieldValue::Number((from - to) as f64 / DAY_MS),
            (FieldValue::Date(day), _) => {
                let moved = self.number(right).map(|days| f64::from(day) + sign * days.trunc());
                moved.map_or(FieldValue::Null, |day| FieldValue::Date(day as i32))
            }
            (FieldValue::DateTime(ms), _) => {
                let moved = self.number(right).map(|days| ms.saturating_add((sign * days * DAY_MS) as i64));
                moved.map_or(FieldValue::Null, FieldValue::DateTime)
            }
            _ => match (self.number(left), self.number(right)) {
                (Some(left), Some(right)) => FieldValue::Number(left + sign * right),
                _ => FieldValue::Null,
            },
        }
    }

    fn compare(&self, left: &Node, right: &Node) -> Option<Ordering> {
        let is_number = |value: &FieldValue| matches!(value, FieldValue::Number(_));
        let known = |value: FieldValue, other: &FieldValue| match (value, other) {
            (FieldValue::Null, FieldValue::Number(_)) if self.blank_as_zero => FieldValue::Number(0.0),
            (value, _) => value,
        };
        let (left, right) = (self.value(left), self.value(right));
        if !is_number(&left) && !is_number(&right) && (left.is_null() || right.is_null()) {
            return (left.is_null() && right.is_null()).then_some(Ordering::Equal);
        }
        match (known(left.clone(), &right), known(right, &left)) {
            (FieldValue::Text(left), FieldValue::Text(right)) => Some(left.cmp(&right)),
            (FieldValue::Boolean(left), FieldValue::Boolean(right)) => Some(left.cmp(&right)),
            (FieldValue::Number(left), FieldValue::Number(right)) => Some(left.total_cmp(&right)),
            (FieldValue::Date(left), FieldValue::Date(right)) => Some(left.cmp(&right)),
            (FieldValue::DateTime(left), FieldValue::DateTime(right)) => Some(left.cmp(&right)),
            (FieldValue::Time(left), FieldValue::Time(right)) => Some(left.cmp(&right)),
            _ => None,
        }
    }

    fn call(&self, function: Function, parameters: &[Node]) -> FieldValue {
        let text = |at: usize| self.text(&parameters[at]);
        let number = |at: usize| self.number(&parameters[at]);
        let shown = |result: Option<f64>| result.map_or(FieldValue::Null, FieldValue::Number);
        let date_part = |part: fn((i32, i32, i32)) -> i32| match self.value(&parameters[0]) {
            FieldValue::Date(days) => FieldValue::Number(f64::from(part(civil_from_days(days)))),
            _ => FieldValue::Null,
        };
        let count = |at: usize| number(at).unwrap_or(0.0).max(0.0) as usize;
        match function {
            Function::If => self.value(&parameters[if self.is_true(&parameters[0]) { 1 } else { 2 }]),
            Function::And => parameters.iter().all(|parameter| self.is_true(parameter)).into(),
            Function::Or => parameters.iter().any(|parameter| self.is_true(parameter)).into(),
            Function::Not => (!self.is_true(&parameters[0])).into(),
            Function::IsBlank => self.value(&parameters[0]).is_null().into(),
            Function::BlankValue => match self.value(&parameters[0]) {
                FieldValue::Null => self.value(&parameters[1]),
                value => value,
            },
            Function::Text => raw(as_text(&self.value(&parameters[0]))),
            Function::Value => text(0).trim().parse().map_or(FieldValue::Null, FieldValue::Number),
            Function::Len => FieldValue::Number(text(0).chars().count() as f64),
            Function::Upper => raw(text(0).to_uppercase()),
            Function::Lower => raw(text(0).to_lowercase()),
            Function::Trim => text(0).into(),
            Function::Left => raw(text(0).chars().take(count(1)).collect::<String>()),
            Function::Right => {
                let characters: Vec<char> = text(0).chars().collect();
                raw(characters[characters.len().saturating_sub(count(1))..].iter().collect())
            }
            Function::Contains => text(0).contains(&text(1)).into(),
            Function::Begins => text(0).starts_with(&text(1)).into(),
            Function::Substitute if text(1).is_empty() => raw(text(0)),
            Function::Substitute => raw(text(0).replace(&text(1), &text(2))),
            Function::Abs => shown(number(0).map(f64::abs)),
            Function::Round => shown(number(0).map(|value| round_to_scale(value, count(1).min(18) as u8))),
            Function::Floor => shown(number(0).map(f64::floor)),
            Function::Ceiling => shown(number(0).map(f64::ceil)),
            Function::Max => shown((0..parameters.len()).filter_map(number).reduce(f64::max)),
            Function::Min => shown((0..parameters.len()).filter_map(number).reduce(f64::min)),
            Function::Mod => shown(number(0).zip(number(1)).map(|(value, by)| value.rem_euclid(by))),
            Function::Year => date_part(|(year, ..)| year),
            Function::Month => date_part(|(_, month, _)| month),
            Function::Day => date_part(|(.., day)| day),
            Function::IsPickVal => (text(0) == text(1)).into(),
            Function::Case => {
                let is_meant = |pair: &&[Node]| match pair {
                    [value, _] => self.compare(&parameters[0], value) == Some(Ordering::Equal),
                    _ => true,
                };
                let chosen = parameters[1..].chunks(2).find(is_meant).and_then(<[Node]>::last);
                chosen.map_or(FieldValue::Null, |result| self.value(result))
            }
        }
    }
}

/// `TEXT()`: numbers without trailing zeros, moments in UTC.
fn as_text(value: &FieldValue) -> String {
    match value {
        FieldValue::Null => String::new(),
        FieldValue::Text(text) => text.to_string(),
        FieldValue::Boolean(value) => value.to_string(),
        FieldValue::Integer(value) => value.to_string(),
        FieldValue::Number(value) => value.to_string(),
        FieldValue::Date(days) => format_date(*days),
        FieldValue::DateTime(ms) => format_datetime(*ms).replace('T', " ").replace(".000+0000", "Z"),
        FieldValue::Time(ms) => format_time(*ms).trim_end_matches('Z').to_owned(),
    }
}
