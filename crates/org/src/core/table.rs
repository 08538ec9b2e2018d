//! The rows of one object: addressed by slot, indexed by the values that lookups go by.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::id;
use super::row::{Draft, Row};
use super::schema::{FieldIndex, FieldSchema, ObjectSchema};
use super::value::{FieldRef, FieldValue};

/// Position of a row in its table; the row's id tells it.
pub(crate) type Slot = usize;

/// The positions of the fields that the org itself keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemFields {
    pub(crate) id: FieldIndex,
    pub(crate) is_deleted: Option<FieldIndex>,
    pub(crate) created_date: FieldIndex,
    pub(crate) created_by: FieldIndex,
    pub(crate) last_modified_date: FieldIndex,
    pub(crate) last_modified_by: FieldIndex,
    pub(crate) system_modstamp: FieldIndex,
    pub(crate) owner: Option<FieldIndex>,
    pub(crate) last_activity_date: Option<FieldIndex>,
}

impl SystemFields {
    fn of(schema: &ObjectSchema) -> SystemFields {
        let demanded = |name: &str| schema.index_of(name).expect("every object has the audit fields");
        SystemFields {
            id: demanded("Id"),
            is_deleted: schema.index_of("IsDeleted"),
            created_date: demanded("CreatedDate"),
            created_by: demanded("CreatedById"),
            last_modified_date: demanded("LastModifiedDate"),
            last_modified_by: demanded("LastModifiedById"),
            system_modstamp: demanded("SystemModstamp"),
            owner: schema.index_of("OwnerId"),
            last_activity_date: schema.index_of("LastActivityDate"),
        }
    }
}

/// One object's rows.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) schema: ObjectSchema,
    pub(crate) system: SystemFields,
    /// By slot. A slot whose creation was rolled back stays empty: Salesforce spends the id too.
    rows: Vec<Option<Row>>,
    indexes: HashMap<FieldIndex, Index>,
    /// The number that the newest record has, in each field that the org numbers records in.
    numbers: HashMap<FieldIndex, u64>,
}

impl Table {
    pub(crate) fn new(schema: ObjectSchema) -> Table {
        let system = SystemFields::of(&schema);
        let indexes = schema
            .each_field()
            .filter(|(_, field)| field.indexed)
            .map(|(index, _)| (index, Index::default()))
            .collect();
        Table { schema, system, rows: Vec::new(), indexes, numbers: HashMap::new() }
    }

    /// Adds a field; rows have no value for it yet.
    pub(crate) fn add_field(&mut self, field: FieldSchema) -> FieldIndex {
        let indexed = field.indexed;
        let index = self.schema.push(field);
        if indexed {
            self.indexes.insert(index, Index::default());
        }
        index
    }

    /// Takes a field out of use.
    pub(crate) fn remove_field(&mut self, index: FieldIndex) {
        self.schema.remove(index);
        self.indexes.remove(&index);
    }

    /// The first number that a field gives out.
    pub(crate) fn number_from(&mut self, index: FieldIndex, first: u64) {
        self.numbers.insert(index, first.saturating_sub(1));
    }

    /// Whether no row was ever made.
    pub(crate) fn is_unused(&self) -> bool {
        self.rows.is_empty()
    }

    /// Records belong to their master from now on, and to no owner.
    pub(crate) fn give_up_owner(&mut self) {
        if let Some(owner) = self.system.owner.take() {
            self.remove_field(owner);
        }
    }

    /// Changes the value of a field in every row.
    pub(crate) fn convert(&mut self, index: FieldIndex, change: impl Fn(FieldRef<'_>) -> FieldValue) {
        for slot in 0..self.rows.len() {
            let Some(row) = &self.rows[slot] else { continue };
            let value = change(row.get(index));
            if value.as_field_ref() != row.get(index) {
                let mut row = row.unpack();
                row.set(index, value);
                self.replace(slot, Some(row.pack()));
            }
        }
    }

    /// Lets rows be found by a field, or no longer.
    pub(crate) fn index_field(&mut self, field: FieldIndex, is_indexed: bool) {
        if !is_indexed {
            self.indexes.remove(&field);
            return;
        }
        let mut index = Index::default();
        for (slot, row) in self.iter() {
            if let Some(key) = index.key(row.get(field)) {
                index.insert(key, slot);
            }
        }
        self.indexes.insert(field, index);
    }

    pub(crate) fn row(&self, slot: Slot) -> Option<&Row> {
        self.rows.get(slot)?.as_ref()
    }

    /// Position of an 18-character id, if this table has or had such a row.
    pub(crate) fn slot_of(&self, id: &str) -> Option<Slot> {
        if id::key_prefix(id) != self.schema.key_prefix {
            return None;
        }
        id::slot(id).filter(|slot| self.row(*slot).is_some_and(|row| row.get(self.system.id).as_text() == Some(id)))
    }

    pub(crate) fn row_by_id(&self, id: &str) -> Option<&Row> {
        self.row(self.slot_of(id)?)
    }

    /// Every row with its slot, deleted ones too, in the order of ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Row)> {
        self.rows.iter().enumerate().filter_map(|(slot, row)| Some((slot, row.as_ref()?)))
    }

    /// Every slot ever given out.
    pub(crate) fn slots(&self) -> Range<Slot> {
        0..self.rows.len()
    }

    pub(crate) fn is_deleted(&self, row: &Row) -> bool {
        self.system.is_deleted.is_some_and(|index| row.get(index) == FieldValue::Boolean(true))
    }

    /// The text in a field of a row.
    pub(crate) fn text<'r>(&self, row: &'r Row, field: &str) -> Option<&'r str> {
        row.get(self.schema.index_of(field)?).as_text()
    }

    /// Whether a checkbox of a row is on.
    pub(crate) fn is_checked(&self, row: &Row, field: &str) -> bool {
        self.schema.index_of(field).is_some_and(|index| row.get(index) == FieldValue::Boolean(true))
    }

    /// The 18-character id of a row.
    pub(crate) fn id_of<'r>(&self, row: &'r Row) -> &'r str {
        row.get(self.system.id).as_text().unwrap_or_default()
    }

    /// Takes the next slot, still empty, and says the id it stands for.
    pub(crate) fn reserve(&mut self) -> (Slot, String) {
        let slot = self.rows.len();
        self.rows.push(None);
        (slot, id::of_slot(&self.schema.key_prefix, slot))
    }

    /// Puts a row (or nothing) in a slot, keeps the indexes true, and gives back what was there.
    pub(crate) fn replace(&mut self, slot: Slot, row: Option<Row>) -> Option<Row> {
        let previous = std::mem::replace(&mut self.rows[slot], row);
        let current = self.rows[slot].as_ref();
        for (field, index) in &mut self.indexes {
            let old = previous.as_ref().and_then(|row| index.key(row.get(*field)));
            let new = current.and_then(|row| index.key(row.get(*field)));
            if old == new {
                continue;
            }
            if let Some(key) = old {
                index.remove(key, slot);
            }
            if let Some(key) = new {
                index.insert(key, slot);
            }
        }
        previous
    }

    /// Gives a new record the next number in each field that records are numbered in.
    pub(crate) fn number_new(&mut self, row: &mut Draft) {
        for (index, field) in self.schema.each_field() {
            if let Some(format) = field.auto_number.as_deref().filter(|_| row.get(index).is_null()) {
                let number = self.numbers.entry(index).or_default();
                *number += 1;
                row.set(index, numbered(format, *number).into());
            }
        }
    }

    pub(crate) fn is_indexed(&self, field: FieldIndex) -> bool {
        self.indexes.contains_key(&field)
    }

    /// How many rows [`Table::find`] gives at most, without looking at them.
    pub(crate) fn find_at_most(&self, field: FieldIndex, value: FieldRef<'_>) -> usize {
        let slots = self.indexes.get(&field).and_then(|index| index.slots(index.key(value)?));
        slots.map_or(0, Slots::len)
    }

    /// Slots of the rows, deleted ones too, whose indexed field equals the value, letter cases aside; ids must have 18 characters.
    pub(crate) fn find<'t>(&'t self, field: FieldIndex, value: FieldRef<'t>) -> impl Iterator<Item = Slot> + 't {
        let slots = self.indexes.get(&field).and_then(|index| index.slots(index.key(value)?));
        let equals = move |slot: &Slot| self.row(*slot).is_some_and(|row| same_key(row.get(field), value));
        slots.into_iter().flat_map(Slots::iter).filter(equals)
    }
}

/// `A-0007` for the number 7 in the format `A-{0000}`.
fn numbered(format: &str, number: u64) -> String {
    match format.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (zeros, after))) => format!("{before}{number:0width$}{after}", width = zeros.len()),
        None => format!("{format}{number}"),
    }
}

/// Which rows may have a value: by the value's hash, since the rows themselves say the rest.
#[derive(Debug, Default)]
struct Index {
    by_hash: HashMap<u64, Slots, BuildHasherDefault<DefaultHasher>>,
}

#[derive(Debug)]
enum Slots {
    One(u32),
    Many(Vec<u32>),
}

impl Slots {
    fn len(&self) -> usize {
        match self {
            Slots::One(_) => 1,
            Slots::Many(slots) => slots.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        let slots = match self {
            Slots::One(slot) => std::slice::from_ref(slot),
            Slots::Many(slots) => slots,
        };
        slots.iter().map(|slot| *slot as Slot)
    }
}

impl Index {
    /// Keys are caseless because SOQL's comparison of strings is.
    fn key(&self, value: FieldRef<'_>) -> Option<u64> {
        let mut hasher = self.by_hash.hasher().build_hasher();
        match value {
            FieldValue::Text(text) if text.is_ascii() => {
                text.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
            }
            FieldValue::Text(text) => text.chars().flat_map(char::to_lowercase).for_each(|c| c.hash(&mut hasher)),
            FieldValue::Integer(value) => hasher.write_u64((value as f64).to_bits()),
            FieldValue::Number(value) => hasher.write_u64(value.to_bits()),
            FieldValue::Null
            | FieldValue::Boolean(_)
            | FieldValue::Date(_)
            | FieldValue::DateTime(_)
            | FieldValue::Time(_) => return None,
        }
        Some(hasher.finish())
    }

    fn slots(&self, key: u64) -> Option<&Slots> {
        self.by_hash.get(&key)
    }

    fn insert(&mut self, key: u64, slot: Slot) {
        let slot = u32::try_from(slot).expect("a table has fewer rows than four billion");
        match self.by_hash.get_mut(&key) {
            None => drop(self.by_hash.insert(key, Slots::One(slot))),
            Some(Slots::Many(slots)) => slots.push(slot),
            Some(slots) => {
                let Slots::One(first) = *slots else { return };
                *slots = Slots::Many(vec![first, slot]);
            }
        }
    }

    fn remove(&mut self, key: u64, slot: Slot) {
        let Some(slots) = self.by_hash.get_mut(&key) else { return };
        let is_empty = match slots {
            Slots::One(_) => true,
            Slots::Many(slots) => {
                slots.retain(|own| *own as Slot != slot);
                slots.is_empty()
            }
        };
        if is_empty {
            self.by_hash.remove(&key);
        }
    }
}

fn same_key(left: FieldRef<'_>, right: FieldRef<'_>) -> bool {
    match (left, right) {
        (FieldValue::Text(left), FieldValue::Text(right)) => {
            left == right || left.chars().flat_map(char::to_lowercase).eq(right.chars().flat_map(char::to_lowercase))
        }
        (FieldValue::Integer(left), FieldValue::Number(right))
        | (FieldValue::Number(right), FieldValue::Integer(left)) => left as f64 == right,
        _ => left == right,
    }
}
