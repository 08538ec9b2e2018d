//! Change data capture: what a transaction's rows leave in the event log.
//!
//! Knows rows before and after, not what was written to them. (Change Data Capture guide.)

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rand::Rng;

use super::event::{ChangeType, CommittedEvent, LogEntry};
use super::org::Org;
use super::row::Row;
use super::schema::{FieldIndex, FieldType, ObjectSchema};
use super::table::Slot;
use super::text_diff;
use super::value::FieldValue;
use super::write::WriteContext;

/// Changes of one transaction that are told one by one; what is beyond is one event for each object.
const CHANGES_MAX: usize = 100_000;

/// What an overflow event gives for record ids.
const NO_RECORD: &str = "000000000000000AAA";

/// How changes are told.
#[derive(Debug)]
pub(crate) struct Capture {
    changes_max: usize,
    /// By object: so many commits are told without their values.
    gaps: HashMap<String, u32>,
}

impl Default for Capture {
    fn default() -> Capture {
        Capture { changes_max: CHANGES_MAX, gaps: HashMap::new() }
    }
}

/// What happened to one record.
#[derive(PartialEq)]
struct Change {
    change_type: ChangeType,
    values: Vec<(FieldIndex, FieldValue)>,
    nulled: Vec<FieldIndex>,
    diffed: Vec<FieldIndex>,
}

impl Change {
    fn of_type(change_type: ChangeType) -> Change {
        Change { change_type, values: Vec::new(), nulled: Vec::new(), diffed: Vec::new() }
    }

    /// Whether the same happening to other records in the same transaction may be told in one event.
    fn merges(&self) -> bool {
        !matches!(
            self.change_type,
            ChangeType::Create | ChangeType::Undelete | ChangeType::GapCreate | ChangeType::GapUndelete
        )
    }

    fn is_told_by(&self, event: &CommittedEvent, entity: &str) -> bool {
        event.entity == entity
            && event.change_type == self.change_type
            && event.values == self.values
            && event.nulled == self.nulled
    }

    /// The same for equal changes.
    fn fingerprint(&self, table: usize) -> u64 {
        let mut hasher = DefaultHasher::new();
        (table, self.change_type.as_str(), &self.nulled).hash(&mut hasher);
        for (index, value) in &self.values {
            index.hash(&mut hasher);
            match value {
                FieldValue::Null => {}
                FieldValue::Text(text) => text.hash(&mut hasher),
                FieldValue::Boolean(value) => value.hash(&mut hasher),
                FieldValue::Integer(value) | FieldValue::DateTime(value) => value.hash(&mut hasher),
                FieldValue::Number(value) => value.to_bits().hash(&mut hasher),
                FieldValue::Date(value) | FieldValue::Time(value) => value.hash(&mut hasher),
            }
        }
        hasher.finish()
    }

    /// The same without its values, as the bus tells what it could not work out.
    fn without_values(&self) -> Change {
        Change::of_type(match self.change_type {
            ChangeType::Create => ChangeType::GapCreate,
            ChangeType::Update => ChangeType::GapUpdate,
            ChangeType::Delete => ChangeType::GapDelete,
            ChangeType::Undelete => ChangeType::GapUndelete,
            gap => gap,
        })
    }
}

impl Org {
    /// The next so many commits that change records of an object are told as gaps: without values, as if the changes had been
    /// made outside of the application servers.
    pub fn make_gaps(&mut self, object: &str, commits: u32) {
        if let Some(name) = self.object(object).map(|object| object.name.clone()) {
            self.capture.gaps.insert(name, commits);
        }
    }

    /// Tells so many changes of one transaction one by one, and the rest as an overflow. Salesforce: 100,000.
    pub fn set_overflow_after(&mut self, changes_max: usize) {
        self.capture.changes_max = changes_max;
    }

    /// Tells that every record of an object may have changed, as when a field's type was converted: its id is a wildcard.
    pub fn announce_conversion(&mut self, context: &WriteContext, object: &str) {
        let Some((name, prefix)) = self.object(object).map(|object| (object.name.clone(), object.key_prefix.clone()))
        else {
            return;
        };
        if self.is_captured(&name) {
            let mut transaction = self.begin_telling(context);
            transaction.add(1, name, format!("{prefix}*"), Change::of_type(ChangeType::GapUpdate));
            self.append(transaction.events);
        }
    }

    /// Puts in the log what a transaction did to these rows, given as they were before it.
    pub(crate) fn append_events(&mut self, context: &WriteContext, touched: &[(usize, Slot, Option<Row>)]) {
        self.expire_events(context.now_ms);
        let mut transaction = self.begin_telling(context);
        let (mut told, mut gapped) = (0, BTreeMap::new());
        let mut places: HashMap<u64, usize> = HashMap::new();
        let mut overflown: Vec<String> = Vec::new();
        for ((table, slot, before), sequence_number) in touched.iter().zip(1..) {
            let Some(mut change) = self.change(*table, *slot, before.as_ref()) else { continue };
            let Some(row) = self.tables[*table].row(*slot) else { continue };
            let entity = &self.tables[*table].schema.name;
            told += 1;
            if told > self.capture.changes_max {
                if !overflown.contains(entity) {
                    overflown.push(entity.clone());
                    let overflow = Change::of_type(ChangeType::GapOverflow);
                    transaction.add(sequence_number, entity.clone(), NO_RECORD.to_owned(), overflow);
                }
                continue;
            }
            if self.capture.gaps.get(entity).is_some_and(|left| *left > 0) {
                gapped.insert(entity.clone(), ());
                change = change.without_values();
            }
            let record_id = self.tables[*table].id_of(row).to_owned();
            // The same change to several records in one transaction is told once.
            let place = change.merges().then(|| change.fingerprint(*table));
            let known = place.and_then(|place| places.get(&place)).map(|at| &mut transaction.events[*at]);
            match known.filter(|event| change.is_told_by(event, entity)) {
                Some(event) => event.record_ids.push(record_id),
                None => {
                    if let Some(place) = place {
                        places.insert(place, transaction.events.len());
                    }
                    transaction.add(sequence_number, entity.clone(), record_id, change);
                }
            }
        }
        for object in gapped.into_keys() {
            if let Some(left) = self.capture.gaps.get_mut(&object) {
                *left -= 1;
            }
        }
        self.append(transaction.events);
    }

    fn begin_telling<'c>(&mut self, context: &'c WriteContext) -> Telling<'c> {
        self.commit_number += 1 + (self.rng.next_u64() % 40) as i64;
        let transaction_key = self.random_uuid();
        Telling { context, transaction_key, commit_number: self.commit_number, events: Vec::new() }
    }

    fn append(&mut self, events: Vec<CommittedEvent>) {
        for mut event in events {
            self.log.push(&mut self.rng, |replay_id| {
                event.replay_id = replay_id;
                LogEntry::Change(Arc::new(event))
            });
        }
    }

    /// What a captured row's event has to tell, if anything.
    fn change(&self, table: usize, slot: Slot, before: Option<&Row>) -> Option<Change> {
        let table = &self.tables[table];
        if !self.is_captured(&table.schema.name) {
            return None;
        }
        let after = table.row(slot)?;
        let left_out = self.left_out_of_person(table, before, after);
        let tells = |index: FieldIndex| carries(&table.schema, index) && !left_out.contains(&index);
        let whole = |change_type| {
            let carried = after.populated().filter(|(index, _)| tells(*index));
            let values = carried.map(|(index, value)| (index, value.to_value())).collect();
            Change { values, ..Change::of_type(change_type) }
        };
        match (before.map(|before| table.is_deleted(before)), table.is_deleted(after)) {
            (None, false) => Some(whole(ChangeType::Create)),
            (Some(false), true) => Some(Change::of_type(ChangeType::Delete)),
            (Some(true), false) => Some(whole(ChangeType::Undelete)),
            (None | Some(true), true) => None,
            (Some(false), false) => {
                let mut change = Change::of_type(ChangeType::Update);
                let mut is_data_change = false;
                let before = before?;
                let stamp = table.system.last_modified_date;
                // Of the two halves of a person each is told of with the other.
                let is_half = self.has_person_accounts() && table.is_checked(after, "IsPersonAccount");
                for (index, old, new) in Row::differences(before, after).filter(|(index, ..)| tells(*index)) {
                    is_data_change |= is_half || (index != stamp && index != table.system.last_modified_by);
                    if new.is_null() {
                        change.nulled.push(index);
                        continue;
                    }
                    let is_long = table.schema.field(index).field_type == FieldType::TextArea;
                    let texts = old.as_text().zip(new.as_text()).filter(|_| is_long);
                    match texts.and_then(|(old, new)| text_diff::difference(old, new)) {
                        Some(difference) => {
                            change.diffed.push(index);
                            change.values.push((index, FieldValue::Text(difference.into())));
                        }
                        None => change.values.push((index, new.to_value())),
                    }
                }
                // Two changes within one second have one LastModifiedDate; the event names it all the same.
                if let Err(at) = change.values.binary_search_by_key(&stamp, |(index, _)| *index) {
                    change.values.insert(at, (stamp, after.get(stamp).to_value()));
                }
                is_data_change.then_some(change)
            }
        }
    }

    /// A random identifier in the form of a UUID.
    pub(crate) fn random_uuid(&mut self) -> String {
        let (high, low) = (self.rng.next_u64(), self.rng.next_u64());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }
}

fn carries(object: &ObjectSchema, index: FieldIndex) -> bool {
    let field = object.field(index);
    field.in_change_event && !field.removed
}

/// The events of one transaction, before they have their places in the log.
struct Telling<'c> {
    context: &'c WriteContext,
    transaction_key: String,
    commit_number: i64,
    events: Vec<CommittedEvent>,
}

impl Telling<'_> {
    fn add(&mut self, sequence_number: i32, entity: String, record_id: String, change: Change) {
        self.events.push(CommittedEvent {
            replay_id: 0,
            entity,
            record_ids: vec![record_id],
            change_type: change.change_type,
            transaction_key: self.transaction_key.clone(),
            sequence_number,
            commit_timestamp_ms: self.context.now_ms,
            commit_number: self.commit_number,
            commit_user: self.context.user_id.clone(),
            change_origin: self.context.change_origin.clone(),
            values: change.values,
            nulled: change.nulled,
            diffed: change.diffed,
        });
    }
}
