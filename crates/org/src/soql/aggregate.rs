//! Groups of rows and what is counted, summed and compared within each.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json, json};

use super::choose::Chooser;
use super::compare::{ValueKey, compare, holds, key_of, number};
use super::plan::{Aggregate, GroupSource, GroupValue, Grouping, Measure, RowChoice};
use super::read::{Cell, Place};
use super::tree::GroupKind;
use crate::core::schema::FieldType;
use crate::core::value::FieldValue;

/// Groups found, each a row of values.
#[derive(Clone, Debug)]
pub struct GroupRows {
    names: Vec<String>,
    rows: Vec<Vec<FieldValue>>,
}

impl GroupRows {
    /// Number of groups.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Every group as JSON.
    pub fn records(&self) -> Vec<Json> {
        let record = |row: &Vec<FieldValue>| {
            let mut record = Map::from_iter([("attributes".to_owned(), json!({ "type": "AggregateResult" }))]);
            record.extend(self.names.iter().cloned().zip(row.iter().map(FieldValue::to_json)));
            Json::Object(record)
        };
        self.rows.iter().map(record).collect()
    }
}

/// One group while its rows come in.
struct Group {
    keys: Vec<FieldValue>,
    /// Which keys a subtotal leaves out.
    left_out: Vec<bool>,
    tallies: Vec<Tally>,
}

enum Tally {
    Count(i64),
    Distinct(HashSet<ValueKey>),
    /// The sum, and of how many.
    Sum(f64, u64),
    Extreme(FieldValue),
}

pub(crate) fn groups(chooser: Chooser<'_>, rows: &RowChoice, grouping: &Grouping) -> GroupRows {
    let mut found = Found { grouping, groups: Vec::new(), by_key: HashMap::new() };
    if grouping.keys.is_empty() {
        found.group(&[], &[]);
    }
    let subtotals = subtotals(grouping.kind, grouping.keys.len());
    for (_, place) in chooser.matching(rows.filter.as_ref()) {
        let keys: Vec<Cell<'_>> = grouping.keys.iter().map(|key| place.read(key)).collect();
        for left_out in &subtotals {
            let at = found.group(&keys, left_out);
            let tallies = found.groups[at].tallies.iter_mut().zip(&grouping.measures);
            tallies.for_each(|(tally, measure)| tally.add(measure, place));
        }
    }
    let mut groups = found.groups;
    if let Some(having) = &grouping.having {
        groups.retain(|group| {
            having.passes(&|value: &GroupValue, test| {
                holds(group.value(grouping, *value).as_field_ref(), value.kind, value.exact, test)
            })
        });
    }
    groups.sort_by(|left, right| order(grouping, left, right));
    let limit = rows.limit.unwrap_or(usize::MAX);
    let chosen = groups.iter().skip(rows.offset).take(limit);
    let row = |group: &Group| grouping.outputs.iter().map(|output| group.value(grouping, output.value)).collect();
    GroupRows {
        names: grouping.outputs.iter().map(|output| output.name.clone()).collect(),
        rows: chosen.map(row).collect(),
    }
}

/// For each set of groups, which keys it leaves out: the full one first.
fn subtotals(kind: GroupKind, keys: usize) -> Vec<Vec<bool>> {
    match kind {
        GroupKind::Plain => vec![vec![false; keys]],
        GroupKind::Rollup => (0..=keys).map(|left_out| (0..keys).map(|key| key >= keys - left_out).collect()).collect(),
        GroupKind::Cube => (0..1_usize << keys).map(|set| (0..keys).map(|key| set >> key & 1 == 1).collect()).collect(),
    }
}

fn order(grouping: &Grouping, left: &Group, right: &Group) -> Ordering {
    let by = grouping.order.iter().map(|by| {
        let value = |group: &Group| by.sort_value(Cell::Made(group.value(grouping, by.by)));
        by.order(&value(left), &value(right), by.by.exact)
    });
    by.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

struct Found<'g> {
    grouping: &'g Grouping,
    groups: Vec<Group>,
    by_key: HashMap<(Vec<ValueKey>, Vec<bool>), usize>,
}

impl Found<'_> {
    /// The position of a row's group.
    fn group(&mut self, keys: &[Cell<'_>], left_out: &[bool]) -> usize {
        let is_exact = |key: usize| self.grouping.keys[key].exact;
        let key = |at: usize| if left_out[at] { ValueKey::Null } else { key_of(keys[at].get(), is_exact(at)) };
        let key = ((0..keys.len()).map(key).collect(), left_out.to_vec());
        let next = self.groups.len();
        let at = *self.by_key.entry(key).or_insert(next);
        if at == next {
            let kept = |at: usize| if left_out[at] { FieldValue::Null } else { keys[at].get().to_value() };
            self.groups.push(Group {
                keys: (0..keys.len()).map(kept).collect(),
                left_out: left_out.to_vec(),
                tallies: self.grouping.measures.iter().map(Tally::new).collect(),
            });
        }
        at
    }
}

impl Group {
    fn value(&self, grouping: &Grouping, value: GroupValue) -> FieldValue {
        match value.source {
            GroupSource::Key(at) => self.keys[at].clone(),
            GroupSource::Measure(at) => self.tallies[at].value(&grouping.measures[at]),
            GroupSource::LeftOut(at) => FieldValue::Integer(i64::from(self.left_out[at])),
        }
    }
}

impl Tally {
    fn new(measure: &Measure) -> Tally {
        match measure.function {
            Aggregate::Count => Tally::Count(0),
            Aggregate::CountDistinct => Tally::Distinct(HashSet::new()),
            Aggregate::Sum | Aggregate::Avg => Tally::Sum(0.0, 0),
            Aggregate::Min | Aggregate::Max => Tally::Extreme(FieldValue::Null),
        }
    }

    /// Adds a row's value. No value counts for nothing.
    fn add(&mut self, measure: &Measure, place: Place<'_>) {
        let cell = place.read(&measure.column);
        let value = cell.get();
        if value.is_null() {
            return;
        }
        match self {
            Tally::Count(count) => *count += 1,
            Tally::Distinct(values) => drop(values.insert(key_of(value, measure.column.exact))),
            Tally::Sum(sum, count) => {
                *sum += number(value).unwrap_or(0.0);
                *count += 1;
            }
            Tally::Extreme(kept) => {
                let wanted = if measure.function == Aggregate::Min { Ordering::Less } else { Ordering::Greater };
                if kept.is_null() || compare(value, kept.as_field_ref(), measure.column.exact) == Some(wanted) {
                    *kept = value.to_value();
                }
            }
        }
    }

    fn value(&self, measure: &Measure) -> FieldValue {
        match self {
            Tally::Count(count) => FieldValue::Integer(*count),
            Tally::Distinct(values) => FieldValue::Integer(values.len() as i64),
            Tally::Sum(_, 0) => FieldValue::Null,
            Tally::Sum(sum, count) if measure.function == Aggregate::Avg => FieldValue::Number(sum / *count as f64),
            Tally::Sum(sum, _) if measure.column.kind == FieldType::Int => FieldValue::Integer(sum.round() as i64),
            Tally::Sum(sum, _) => FieldValue::Number(rounded(*sum, measure.scale)),
            Tally::Extreme(kept) => kept.clone(),
        }
    }
}

/// A sum without what binary fractions added to it.
fn rounded(sum: f64, scale: u8) -> f64 {
    format!("{sum:.*}", usize::from(scale)).parse().unwrap_or(sum)
}

/// How many of these rows there are.
pub(crate) fn count(chooser: Chooser<'_>, rows: &RowChoice) -> usize {
    let limit = rows.limit.unwrap_or(usize::MAX);
    chooser.matching(rows.filter.as_ref()).skip(rows.offset).take(limit).count()
}
