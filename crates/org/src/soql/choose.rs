//! Which rows a query is about: found by an index or a range of ids where that can be, in order, and no more than are wanted.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::compare::{SortValue, holds};
use super::plan::{Column, Filter, OrderBy, Pick, RowChoice, Test};
use super::read::Place;
use super::tree::Operator;
use crate::core::schema::FieldIndex;
use crate::core::table::{Slot, Table};
use crate::core::value::{FieldRef, FieldValue};
use crate::core::{Org, id};

/// Chooses among the rows of one table.
#[derive(Clone, Copy)]
pub(crate) struct Chooser<'a> {
    org: &'a Org,
    table: &'a Table,
    include_deleted: bool,
}

/// Rows that may pass a filter.
enum Lookup<'f> {
    Ids(&'f [FieldValue]),
    Index(FieldIndex, &'f [FieldValue]),
    Slots(Range<Slot>),
    Any(Vec<Lookup<'f>>),
}

impl<'a> Chooser<'a> {
    pub(crate) fn new(org: &'a Org, object: &str, include_deleted: bool) -> Option<Chooser<'a>> {
        Some(Chooser { org, table: org.table(object)?, include_deleted })
    }

    pub(crate) fn place(&self, slot: Slot) -> Option<Place<'a>> {
        Some(Place { org: self.org, table: self.table, row: self.table.row(slot)? })
    }

    /// Every row that passes, in the order of ids.
    pub(crate) fn matching<'f>(
        self,
        filter: Option<&'f Filter<Column>>,
    ) -> Box<dyn Iterator<Item = (Slot, Place<'a>)> + 'f>
    where
        'a: 'f,
    {
        match self.candidates(filter) {
            Candidates::Range(range) => self.passing(range, filter),
            Candidates::Listed(slots) => self.passing(slots.into_iter(), filter),
        }
    }

    fn passing<'f>(
        self,
        slots: impl Iterator<Item = Slot> + 'f,
        filter: Option<&'f Filter<Column>>,
    ) -> Box<dyn Iterator<Item = (Slot, Place<'a>)> + 'f>
    where
        'a: 'f,
    {
        Box::new(slots.filter_map(move |slot| {
            let place = self.place(slot)?;
            let passes = filter.is_none_or(|filter| passes(place, filter));
            (passes && (self.include_deleted || !self.table.is_deleted(place.row))).then_some((slot, place))
        }))
    }

    /// The rows chosen, in the order asked for.
    pub(crate) fn slots(self, choice: &RowChoice) -> Vec<Slot> {
        let candidates = self.candidates(choice.filter.as_ref());
        self.chosen(candidates, choice)
    }

    /// The same, of rows already known.
    pub(crate) fn slots_among(self, mut slots: Vec<Slot>, choice: &RowChoice) -> Vec<Slot> {
        slots.sort_unstable();
        self.chosen(Candidates::Listed(slots), choice)
    }

    fn chosen(self, candidates: Candidates, choice: &RowChoice) -> Vec<Slot> {
        let wanted = choice.offset.saturating_add(choice.limit.unwrap_or(usize::MAX));
        let is_by_id = |by: &OrderBy<Column>| {
            by.by.hops.is_empty() && by.by.function.is_none() && by.by.pick == Pick::At(self.table.system.id)
        };
        let filter = choice.filter.as_ref();
        let slots = match (choice.order.first(), candidates) {
            // Rows lie in the order of their ids.
            (None, candidates) => self.first(candidates.ascending(), filter, wanted),
            (Some(by), candidates) if is_by_id(by) && !by.descending => {
                self.first(candidates.ascending(), filter, wanted)
            }
            (Some(by), candidates) if is_by_id(by) => self.first(candidates.descending(), filter, wanted),
            (_, candidates) => self.sorted(candidates.ascending(), choice, wanted),
        };
        slots.into_iter().skip(choice.offset).collect()
    }

    fn first(self, slots: Box<dyn Iterator<Item = Slot>>, filter: Option<&Filter<Column>>, wanted: usize) -> Vec<Slot> {
        self.passing(slots, filter).take(wanted).map(|(slot, _)| slot).collect()
    }

    fn sorted(self, slots: Box<dyn Iterator<Item = Slot>>, choice: &RowChoice, wanted: usize) -> Vec<Slot> {
        let order = choice.order.as_slice();
        let mut best: BinaryHeap<Ranked<'_>> = BinaryHeap::new();
        if wanted == 0 {
            return Vec::new();
        }
        for (slot, place) in self.passing(slots, choice.filter.as_ref()) {
            let keys = order.iter().map(|by| by.sort_value(place.read(&by.by))).collect();
            let ranked = Ranked { keys, slot, order };
            if best.len() < wanted {
                best.push(ranked);
            } else if let Some(mut worst) = best.peek_mut()
                && ranked < *worst
            {
                *worst = ranked;
            }
        }
        best.into_sorted_vec().into_iter().map(|ranked| ranked.slot).collect()
    }

    /// Rows that hold all that pass.
    fn candidates(self, filter: Option<&Filter<Column>>) -> Candidates {
        let all = self.table.slots();
        let Some(lookup) = filter.and_then(|filter| self.lookup(filter)) else { return Candidates::Range(all) };
        if let Lookup::Slots(range) = lookup {
            return Candidates::Range(range);
        }
        // Looking most rows up one by one is slower than passing over all of them.
        if self.at_most(&lookup) > all.len() / 2 {
            return Candidates::Range(all);
        }
        let mut slots = Vec::new();
        self.collect(&lookup, &mut slots);
        slots.sort_unstable();
        slots.dedup();
        Candidates::Listed(slots)
    }

    /// How to find every row that the filter passes, if there is a quick way.
    fn lookup<'f>(self, filter: &'f Filter<Column>) -> Option<Lookup<'f>> {
        match filter {
            Filter::And(filters) => {
                let mut range = self.table.slots();
                let mut lookups = Vec::new();
                for lookup in filters.iter().filter_map(|filter| self.lookup(filter)) {
                    match lookup {
                        Lookup::Slots(own) => range = range.start.max(own.start)..range.end.min(own.end),
                        other => lookups.push(other),
                    }
                }
                if range != self.table.slots() {
                    lookups.push(Lookup::Slots(range));
                }
                lookups.into_iter().min_by_key(|lookup| self.at_most(lookup))
            }
            Filter::Or(filters) => {
                let each = filters.iter().map(|filter| self.lookup(filter)).collect::<Option<Vec<_>>>()?;
                Some(Lookup::Any(each))
            }
            Filter::Not(_) => None,
            Filter::Is(column, test) => self.lookup_of(column, test),
        }
    }

    fn lookup_of<'f>(self, column: &Column, test: &'f Test) -> Option<Lookup<'f>> {
        let Pick::At(index) = column.pick else { return None };
        if !column.hops.is_empty() || column.function.is_some() {
            return None;
        }
        let is_id = index == self.table.system.id;
        let values = match test {
            Test::Compare(Operator::Equal, value) => std::slice::from_ref(value),
            Test::In { values, has_null: false, negated: false } => values.as_slice(),
            Test::Compare(operator, value) if is_id => return self.range(*operator, value.as_text()?),
            _ => return None,
        };
        if values.iter().any(FieldValue::is_null) {
            return None;
        }
        if is_id {
            return Some(Lookup::Ids(values));
        }
        self.table.is_indexed(index).then_some(Lookup::Index(index, values))
    }

    /// The slots on one side of an id, which sorts as its slot does.
    fn range(self, operator: Operator, id: &str) -> Option<Lookup<'static>> {
        let all = self.table.slots();
        let slot = id::slot(id).filter(|_| id::key_prefix(id) == self.table.schema.key_prefix)?;
        let range = match operator {
            Operator::Less => 0..slot,
            Operator::LessOrEqual => 0..slot.saturating_add(1),
            Operator::Greater => slot.saturating_add(1)..all.end,
            Operator::GreaterOrEqual => slot..all.end,
            _ => return None,
        };
        Some(Lookup::Slots(range.start.min(all.end)..range.end.min(all.end)))
    }

    fn at_most(self, lookup: &Lookup<'_>) -> usize {
        match lookup {
            Lookup::Ids(values) => values.len(),
            Lookup::Index(index, values) => {
                values.iter().map(|value| self.table.find_at_most(*index, value.as_field_ref())).sum()
            }
            Lookup::Slots(range) => range.len(),
            Lookup::Any(lookups) => lookups.iter().map(|lookup| self.at_most(lookup)).sum(),
        }
    }

    fn collect(self, lookup: &Lookup<'_>, slots: &mut Vec<Slot>) {
        match lookup {
            Lookup::Ids(values) => slots.extend(values.iter().filter_map(|id| self.table.slot_of(id.as_text()?))),
            Lookup::Index(index, values) => {
                slots.extend(values.iter().flat_map(|value| self.table.find(*index, value.as_field_ref())));
            }
            Lookup::Slots(range) => slots.extend(range.clone()),
            Lookup::Any(lookups) => lookups.iter().for_each(|lookup| self.collect(lookup, slots)),
        }
    }

    /// Rows whose reference points to a record, if an index knows them.
    pub(crate) fn children_of(self, reference: FieldIndex, parent: &str) -> Option<Vec<Slot>> {
        let is_indexed = self.table.is_indexed(reference);
        is_indexed.then(|| self.table.find(reference, FieldRef::Text(parent)).collect())
    }
}

enum Candidates {
    Range(Range<Slot>),
    /// In ascending order.
    Listed(Vec<Slot>),
}

impl Candidates {
    fn ascending(self) -> Box<dyn Iterator<Item = Slot>> {
        match self {
            Candidates::Range(range) => Box::new(range),
            Candidates::Listed(slots) => Box::new(slots.into_iter()),
        }
    }

    fn descending(self) -> Box<dyn Iterator<Item = Slot>> {
        match self {
            Candidates::Range(range) => Box::new(range.rev()),
            Candidates::Listed(slots) => Box::new(slots.into_iter().rev()),
        }
    }
}

/// Whether a row passes a filter.
pub(crate) fn passes(place: Place<'_>, filter: &Filter<Column>) -> bool {
    filter.passes(&|column, test| holds(place.read(column).get(), column.kind, column.exact, test))
}

/// A row with what it is sorted by.
struct Ranked<'a> {
    keys: Vec<SortValue<'a>>,
    slot: Slot,
    order: &'a [OrderBy<Column>],
}

impl Ord for Ranked<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = self.order.iter().zip(self.keys.iter().zip(&other.keys));
        let by_key = keys.map(|(by, (left, right))| by.order(left, right, by.by.exact)).find(|order| order.is_ne());
        by_key.unwrap_or_else(|| self.slot.cmp(&other.slot))
    }
}

impl PartialOrd for Ranked<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::org::OrgProfile;
    use crate::soql::{Asker, bind, parser};

    /// Rows that have to be looked at.
    fn looked_at(org: &Org, condition: &str) -> usize {
        let query = parser::parse(&format!("SELECT Id FROM Contact WHERE {condition}")).unwrap();
        let access = org.access(org.admin_user_id(), 0);
        let asker = Asker { access: &access, now_ms: 0, include_deleted: false, tooling: false };
        let plan = bind::bind(org, &asker, &query).unwrap();
        let chooser = Chooser::new(org, "Contact", false).unwrap();
        chooser.candidates(plan.rows.filter.as_ref()).ascending().count()
    }

    #[test]
    fn look_ups_by_key_do_not_scan() {
        let mut org = Org::new(&OrgProfile::default(), [1; 32], 0);
        let row = |n: usize| vec![("LastName", format!("N{n}").into()), ("Email", format!("{n}@x.io").into())];
        let ids = org.load("Contact", (0..100).map(row).collect(), 0).unwrap();
        let id = &ids[5];
        for (condition, expected) in [
            ("Email IN ('1@x.io', '2@X.io', 'nobody@x.io')", 2),
            (&format!("Id = '{id}'"), 1),
            (&format!("Id IN ('{}') AND LastName LIKE 'N%'", &id[..15]), 1),
            (&format!("Email = '1@x.io' OR Id = '{id}'"), 2),
            (&format!("Id > '{id}'"), 94),
            (&format!("Id >= '{id}' AND Id < '{}'", ids[8]), 3),
            (&format!("Id > '{id}' AND Email = '1@x.io'"), 1),
            ("Email = '1@x.io' AND (NOT LastName = 'x')", 1),
            ("Email = '1@x.io' OR LastName = 'N1'", 100),
            ("Email = null", 100),
            ("Email NOT IN ('1@x.io')", 100),
            ("Account.Name = 'x'", 100),
        ] {
            assert_eq!(looked_at(&org, condition), expected, "{condition}");
        }
    }
}
