//! The rows of one object: stored sparsely, addressed by slot, indexed by the values that lookups go by.

use std::collections::HashMap;
use std::sync::Arc;

use super::id;
use super::schema::{FieldIndex, ObjectSchema};
use super::value::FieldValue;

/// Position of a row in its table; the row's id tells it.
pub(crate) type Slot = usize;

/// One record. Only populated fields take room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    fields: Vec<(FieldIndex, FieldValue)>,
}

static NULL: FieldValue = FieldValue::Null;

impl Row {
    /// The value of a field.
    pub fn get(&self, index: FieldIndex) -> &FieldValue {
        match self.fields.binary_search_by_key(&index, |(own, _)| *own) {
            Ok(at) => &self.fields[at].1,
            Err(_) => &NULL,
        }
    }

    /// Every populated field, by position.
    pub fn populated(&self) -> impl Iterator<Item = (FieldIndex, &FieldValue)> {
        self.fields.iter().map(|(index, value)| (*index, value))
    }

    pub(crate) fn set(&mut self, index: FieldIndex, value: FieldValue) {
        match (self.fields.binary_search_by_key(&index, |(own, _)| *own), value) {
            (Ok(at), FieldValue::Null) => drop(self.fields.remove(at)),
            (Ok(at), value) => self.fields[at].1 = value,
            (Err(_), FieldValue::Null) => {}
            (Err(at), value) => self.fields.insert(at, (index, value)),
        }
    }

    pub(crate) fn shrink(&mut self) {
        self.fields.shrink_to_fit();
    }
}

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
    indexes: HashMap<FieldIndex, HashMap<Arc<str>, Vec<Slot>>>,
}

impl Table {
    pub(crate) fn new(schema: ObjectSchema) -> Table {
        let system = SystemFields::of(&schema);
        let indexes = schema
            .fields()
            .iter()
            .zip(0..)
            .filter(|(field, _)| field.indexed)
            .map(|(_, index)| (index, HashMap::new()))
            .collect();
        Table { schema, system, rows: Vec::new(), indexes }
    }

    /// Adds a field; rows have no value for it yet.
    pub(crate) fn add_field(&mut self, field: super::FieldSchema) -> FieldIndex {
        let indexed = field.indexed;
        let index = self.schema.push(field);
        if indexed {
            self.indexes.insert(index, HashMap::new());
        }
        index
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

    pub(crate) fn is_deleted(&self, row: &Row) -> bool {
        self.system.is_deleted.is_some_and(|index| *row.get(index) == FieldValue::Boolean(true))
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
            let old = previous.as_ref().and_then(|row| index_key(row.get(*field)));
            let new = current.and_then(|row| index_key(row.get(*field)));
            if old == new {
                continue;
            }
            if let Some(key) = old
                && let Some(slots) = index.get_mut(&key)
            {
                slots.retain(|own| *own != slot);
                if slots.is_empty() {
                    index.remove(&key);
                }
            }
            if let Some(key) = new {
                index.entry(key).or_default().push(slot);
            }
        }
        previous
    }

    pub(crate) fn is_indexed(&self, field: FieldIndex) -> bool {
        self.indexes.contains_key(&field)
    }

    /// Slots of the rows, deleted ones too, whose indexed field equals the value, letter cases aside; ids must have 18 characters.
    pub(crate) fn find(&self, field: FieldIndex, value: &FieldValue) -> &[Slot] {
        let slots = self.indexes.get(&field).zip(index_key(value)).and_then(|(index, key)| index.get(&key));
        slots.map_or(&[], Vec::as_slice)
    }
}

/// Index keys are caseless because SOQL's comparison of strings is.
fn index_key(value: &FieldValue) -> Option<Arc<str>> {
    match value {
        FieldValue::Null => None,
        FieldValue::Text(text) if text.chars().any(char::is_uppercase) => Some(Arc::from(text.to_lowercase())),
        FieldValue::Text(text) => Some(Arc::clone(text)),
        FieldValue::Integer(value) => Some(Arc::from(value.to_string())),
        FieldValue::Number(value) => Some(Arc::from(value.to_string())),
        FieldValue::Boolean(_) | FieldValue::Date(_) | FieldValue::DateTime(_) => None,
    }
}
