//! Rows for a bound query, and their JSON.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json, json};

use super::bind::{BoundQuery, Column, ColumnField, Filter, Output, Test, key_of};
use super::date_literal::DaySpan;
use super::lexer::matches_pattern;
use super::parser::Operator;
use crate::core::Org;
use crate::core::Row;
use crate::core::schema::{FieldIndex, FieldType, ObjectSchema};
use crate::core::table::{Slot, Table};
use crate::core::value::FieldValue;

const DAY_MS: i64 = 86_400_000;

/// What a query came to.
#[derive(Clone, Debug)]
pub enum Execution {
    /// `COUNT()`.
    Count(usize),
    /// `COUNT(Field)`: the one row, its column's name and the number.
    Aggregate(String, usize),
    /// Records.
    Rows(ResultRows),
}

/// Records found, to be rendered a page at a time. Values are those at the time of rendering.
#[derive(Clone, Debug)]
pub struct ResultRows {
    pub(super) object: String,
    pub(super) columns: Vec<Column>,
    pub(super) slots: Vec<Slot>,
}

impl ResultRows {
    /// Number of records.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Records `from` up to `from + count` as JSON, with URLs under `base` (`/services/data/v66.0`).
    pub fn page(&self, org: &Org, from: usize, count: usize, base: &str) -> Vec<Json> {
        let Some(table) = org.table(&self.object) else { return Vec::new() };
        let slots = self.slots.iter().skip(from).take(count);
        slots.filter_map(|slot| Some(render(org, table, table.row(*slot)?, &self.columns, base))).collect()
    }
}

/// One record with the given fields, all of which are its own.
pub fn render_record(org: &Org, object: &ObjectSchema, row: &Row, fields: &[FieldIndex], base: &str) -> Json {
    let columns: Vec<Column> =
        fields.iter().map(|index| Column { hops: Vec::new(), field: ColumnField::At(*index) }).collect();
    match org.table(&object.name) {
        Some(table) => render(org, table, row, &columns, base),
        None => Json::Null,
    }
}

pub(crate) fn execute(org: &Org, query: BoundQuery, include_deleted: bool) -> Execution {
    let Some(table) = org.table(&query.object) else { return Execution::Count(0) };
    let scan = Scan { org, table };
    let keep = |slot: Slot| {
        let row = table.row(slot)?;
        let visible = include_deleted || !table.is_deleted(row);
        (visible && query.filter.as_ref().is_none_or(|filter| scan.passes(row, filter))).then_some(slot)
    };
    let mut slots: Vec<Slot> = match query.filter.as_ref().and_then(|filter| scan.candidates(filter)) {
        Some(mut candidates) => {
            candidates.sort_unstable();
            candidates.dedup();
            candidates.into_iter().filter_map(keep).collect()
        }
        None => table.iter().filter_map(|(slot, _)| keep(slot)).collect(),
    };
    scan.sort(&mut slots, &query.order);
    let limit = query.limit.unwrap_or(usize::MAX);
    let chosen: Vec<Slot> = slots.into_iter().skip(query.offset).take(limit).collect();
    match query.output {
        Output::RowCount => Execution::Count(chosen.len()),
        Output::ValueCount(column, name) => {
            let has_value = |slot: &&Slot| table.row(**slot).is_some_and(|row| !scan.value(row, &column).is_null());
            Execution::Aggregate(name, chosen.iter().filter(has_value).count())
        }
        Output::Records(columns) => Execution::Rows(ResultRows { object: query.object, columns, slots: chosen }),
    }
}

struct Scan<'a> {
    org: &'a Org,
    table: &'a Table,
}

impl<'a> Scan<'a> {
    /// The value of a column; null behind a missing parent.
    fn value(&self, row: &'a Row, column: &Column) -> FieldValue {
        let Some((table, row)) = follow(self.org, self.table, row, &column.hops) else { return FieldValue::Null };
        match &column.field {
            ColumnField::At(index) => self.org.field_value(table, row, *index),
            ColumnField::Named(name) if name.eq_ignore_ascii_case("Type") => table.schema.name.as_str().into(),
            ColumnField::Named(name) => {
                table.schema.index_of(name).map_or(FieldValue::Null, |index| self.org.field_value(table, row, index))
            }
        }
    }

    fn passes(&self, row: &'a Row, filter: &Filter) -> bool {
        match filter {
            Filter::And(filters) => filters.iter().all(|filter| self.passes(row, filter)),
            Filter::Or(filters) => filters.iter().any(|filter| self.passes(row, filter)),
            Filter::Not(inner) => !self.passes(row, inner),
            Filter::Is(column, test) => holds(&self.value(row, column), test),
        }
    }

    /// Slots that hold every row the filter passes, where indexes can tell; `None` calls for a scan.
    fn candidates(&self, filter: &Filter) -> Option<Vec<Slot>> {
        match filter {
            Filter::And(filters) => {
                filters.iter().filter_map(|filter| self.candidates(filter)).min_by_key(|candidates| candidates.len())
            }
            Filter::Or(filters) => {
                let each: Option<Vec<Vec<Slot>>> = filters.iter().map(|filter| self.candidates(filter)).collect();
                Some(each?.concat())
            }
            Filter::Not(_) => None,
            Filter::Is(column, test) => {
                let ColumnField::At(index) = column.field else { return None };
                let values = match test {
                    Test::Compare(Operator::Equal, value) => std::slice::from_ref(value),
                    Test::In { values, negated: false, .. } => values.as_slice(),
                    _ => return None,
                };
                if !column.hops.is_empty() || values.iter().any(FieldValue::is_null) {
                    return None;
                }
                if index == self.table.system.id {
                    return Some(values.iter().filter_map(|id| self.table.slot_of(id.as_text()?)).collect());
                }
                self.table
                    .is_indexed(index)
                    .then(|| values.iter().flat_map(|value| self.table.find(index, value.as_field_ref())).collect())
            }
        }
    }

    fn sort(&self, slots: &mut [Slot], order: &[(Column, bool, bool)]) {
        if order.is_empty() {
            return;
        }
        slots.sort_by_cached_key(|slot| {
            let keys = order.iter().map(|(column, descending, nulls_last)| {
                let value = self.table.row(*slot).map_or(FieldValue::Null, |row| self.value(row, column));
                SortKey { value: caseless(value), descending: *descending, nulls_last: *nulls_last }
            });
            keys.collect::<Vec<_>>()
        });
    }
}

/// The row at the end of a chain of references.
pub(super) fn follow<'a>(
    org: &'a Org,
    mut table: &'a Table,
    mut row: &'a Row,
    hops: &[(FieldIndex, String)],
) -> Option<(&'a Table, &'a Row)> {
    for (index, _) in hops {
        let (at, slot) = org.parent(table, row, *index)?;
        table = &org.tables[at];
        row = table.row(slot)?;
    }
    Some((table, row))
}

fn holds(value: &FieldValue, test: &Test) -> bool {
    match test {
        Test::Compare(operator, literal) => compares(value, *operator, literal),
        Test::Span(operator, span) => within(value, *operator, *span),
        Test::Like(pattern) => value.as_text().is_some_and(|text| matches_pattern(text, pattern)),
        Test::In { keys, negated, .. } => keys.contains(&key_of(value)) != *negated,
        Test::Includes { alternatives, negated } => {
            let chosen: Vec<String> = value.as_text().unwrap_or("").split(';').map(str::to_lowercase).collect();
            alternatives.iter().any(|parts| parts.iter().all(|part| chosen.contains(part))) != *negated
        }
    }
}

fn compares(value: &FieldValue, operator: Operator, literal: &FieldValue) -> bool {
    let ordering = compare(value, literal);
    match operator {
        Operator::Equal => ordering == Some(Ordering::Equal) || (value.is_null() && literal.is_null()),
        // A record without a value differs from every value.
        Operator::NotEqual => ordering != Some(Ordering::Equal) && !(value.is_null() && literal.is_null()),
        Operator::Less => ordering == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => ordering == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        Operator::Like => false,
    }
}

fn within(value: &FieldValue, operator: Operator, span: DaySpan) -> bool {
    let (at, start, end) = match value {
        FieldValue::Date(days) => (i64::from(*days), i64::from(span.start), i64::from(span.end)),
        FieldValue::DateTime(ms) => (*ms, i64::from(span.start) * DAY_MS, i64::from(span.end) * DAY_MS),
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

/// Order of two values of one field, letter cases aside; `None` where one is missing.
fn compare(left: &FieldValue, right: &FieldValue) -> Option<Ordering> {
    match (left, right) {
        (FieldValue::Text(left), FieldValue::Text(right)) => {
            Some(left.chars().flat_map(char::to_lowercase).cmp(right.chars().flat_map(char::to_lowercase)))
        }
        (FieldValue::Boolean(left), FieldValue::Boolean(right)) => Some(left.cmp(right)),
        (FieldValue::Date(left), FieldValue::Date(right)) => Some(left.cmp(right)),
        (FieldValue::DateTime(left), FieldValue::DateTime(right)) => Some(left.cmp(right)),
        (FieldValue::Time(left), FieldValue::Time(right)) => Some(left.cmp(right)),
        _ => Some(number(left)?.total_cmp(&number(right)?)),
    }
}

fn number(value: &FieldValue) -> Option<f64> {
    match value {
        FieldValue::Integer(value) => Some(*value as f64),
        FieldValue::Number(value) => Some(*value),
        _ => None,
    }
}

fn caseless(value: FieldValue) -> FieldValue {
    match value {
        // Ids differ by letter case alone, and their order is that of their bytes.
        FieldValue::Text(text) if text.len() == 18 && text.bytes().all(|c| c.is_ascii_alphanumeric()) => {
            FieldValue::Text(text)
        }
        FieldValue::Text(text) => FieldValue::Text(text.to_lowercase().into()),
        other => other,
    }
}

#[derive(Debug)]
struct SortKey {
    value: FieldValue,
    descending: bool,
    nulls_last: bool,
}

impl Ord for SortKey {
    fn cmp(&self, other: &SortKey) -> Ordering {
        match (self.value.is_null(), other.value.is_null()) {
            (true, true) => Ordering::Equal,
            (is_null, is_other_null) if is_null || is_other_null => {
                if is_null == self.nulls_last {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            _ => {
                let ordering = match (&self.value, &other.value) {
                    (FieldValue::Text(left), FieldValue::Text(right)) => left.cmp(right),
                    (left, right) => compare(left, right).unwrap_or(Ordering::Equal),
                };
                if self.descending { ordering.reverse() } else { ordering }
            }
        }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &SortKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortKey {
    fn eq(&self, other: &SortKey) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SortKey {}

fn render(org: &Org, table: &Table, row: &Row, columns: &[Column], base: &str) -> Json {
    let mut record = with_attributes(table, row, base);
    for column in columns {
        place(org, table, row, &column.hops, &column.field, base, &mut record);
    }
    Json::Object(record)
}

fn with_attributes(table: &Table, row: &Row, base: &str) -> Map<String, Json> {
    let name = &table.schema.name;
    let id = row.get(table.system.id).as_text().unwrap_or("");
    let attributes = json!({ "type": name, "url": format!("{base}/sobjects/{name}/{id}") });
    Map::from_iter([("attributes".to_owned(), attributes)])
}

/// Puts one column's value in its place, in the objects of its parents.
fn place(
    org: &Org,
    table: &Table,
    row: &Row,
    hops: &[(FieldIndex, String)],
    field: &ColumnField,
    base: &str,
    record: &mut Map<String, Json>,
) {
    if let [(_, name), rest @ ..] = hops {
        let Some((parent_table, parent)) = follow(org, table, row, &hops[..1]) else {
            record.insert(name.clone(), Json::Null);
            return;
        };
        let nested =
            record.entry(name.clone()).or_insert_with(|| Json::Object(with_attributes(parent_table, parent, base)));
        if let Json::Object(nested) = nested {
            place(org, parent_table, parent, rest, field, base, nested);
        }
        return;
    }
    match field {
        ColumnField::Named(name) if name.eq_ignore_ascii_case("Type") => {
            record.insert("Type".to_owned(), Json::String(table.schema.name.clone()));
        }
        ColumnField::Named(name) => {
            if let Some(index) = table.schema.index_of(name) {
                record.insert(table.schema.field(index).name.clone(), json_of(org, table, row, index));
            }
        }
        ColumnField::At(index) => {
            record.insert(table.schema.field(*index).name.clone(), json_of(org, table, row, *index));
        }
    }
}

fn json_of(org: &Org, table: &Table, row: &Row, index: FieldIndex) -> Json {
    let schema = &table.schema;
    let field = schema.field(index);
    if field.field_type == FieldType::ComplexValue {
        return row.get(index).as_text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    }
    if !field.field_type.is_compound() {
        return org.field_value(table, row, index).to_json();
    }
    let mut parts: Vec<(String, Json)> = Vec::new();
    for (index, component) in schema.components(&field.name) {
        let name = component.compound.as_ref().map_or("", |part| part.name);
        let (first, rest) = name.split_at(1);
        parts.push((first.to_ascii_lowercase() + rest, row.get(index).to_json()));
    }
    parts.sort_by(|left, right| left.0.cmp(&right.0));
    if parts.iter().all(|(_, value)| value.is_null()) { Json::Null } else { Json::Object(parts.into_iter().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::org::OrgProfile;
    use crate::soql::{Asker, bind, parser};

    /// Rows that have to be looked at, or `None` for all.
    fn looked_at(org: &Org, condition: &str) -> Option<usize> {
        let query = parser::parse(&format!("SELECT Id FROM Contact WHERE {condition}")).unwrap();
        let access = org.access(org.admin_user_id(), 0);
        let asker = Asker { access: &access, now_ms: 0, include_deleted: false, tooling: false };
        let bound = bind::bind(org, &asker, &query).unwrap();
        let scan = Scan { org, table: org.table("Contact").unwrap() };
        scan.candidates(bound.filter.as_ref().unwrap()).map(|slots| slots.len())
    }

    #[test]
    fn look_ups_by_key_do_not_scan() {
        let mut org = Org::new(&OrgProfile::default(), [1; 32], 0);
        let row = |n: usize| vec![("LastName", format!("N{n}").into()), ("Email", format!("{n}@x.io").into())];
        let ids = org.load("Contact", (0..100).map(row).collect(), 0).unwrap();
        let id = &ids[5];
        for (condition, expected) in [
            ("Email IN ('1@x.io', '2@X.io', 'nobody@x.io')", Some(2)),
            (&format!("Id = '{id}'"), Some(1)),
            (&format!("Id IN ('{}') AND LastName LIKE 'N%'", &id[..15]), Some(1)),
            (&format!("Email = '1@x.io' OR Id = '{id}'"), Some(2)),
            ("Email = '1@x.io' OR LastName = 'N1'", None),
            ("Email = null", None),
            ("Email NOT IN ('1@x.io')", None),
            ("Account.Name = 'x'", None),
        ] {
            assert_eq!(looked_at(&org, condition), expected, "{condition}");
        }
    }
}
