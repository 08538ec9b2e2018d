//! Transactions: creates, updates, deletes and undeletes, with the rules of the platform, and the events they leave behind.

use std::sync::Arc;

use rand::Rng;
use serde_json::{Map, Value as Json};

use super::access::Access;
use super::error::WriteError;
use super::event::{ChangeType, CommittedEvent};
use super::id;
use super::org::Org;
use super::row::{Draft, Row};
use super::rules;
use super::schema::{FieldIndex, FieldSchema, FieldType};
use super::table::Slot;
use super::transaction::Transaction;
use super::value::FieldValue;

/// Who writes, how, and when.
#[derive(Clone, Debug)]
pub struct WriteContext {
    /// 18-character id of the user.
    pub user_id: String,
    /// What change events say of the origin: `com/salesforce/api/rest/66.0;client=X`, or nothing for a person in the console.
    pub change_origin: String,
    /// The time, in milliseconds since 1970 UTC.
    pub now_ms: i64,
}

/// One row of a transaction. Field names are API names in any case; values are JSON as the REST API takes it.
#[derive(Clone, Debug)]
pub enum Write {
    /// Make a record.
    Create {
        /// API name of the object.
        object: String,
        /// Its fields.
        values: Map<String, Json>,
    },
    /// Change a record; fields not named stay.
    Update {
        /// The object that the caller takes the record for; `None` to go by the id.
        object: Option<String>,
        /// 15- or 18-character id.
        id: String,
        /// The fields to change.
        values: Map<String, Json>,
    },
    /// Move a record to the recycle bin, and those that hang on it.
    Delete {
        /// The object that the caller takes the record for; `None` to go by the id.
        object: Option<String>,
        /// 15- or 18-character id.
        id: String,
    },
    /// Take a record back from the recycle bin.
    Undelete {
        /// 15- or 18-character id.
        id: String,
    },
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteOutcome {
    /// 18-character id.
    pub id: String,
    /// Whether the row was made.
    pub created: bool,
}

fn permit(allowed: bool) -> Result<(), WriteError> {
    let refusal = || WriteError::new("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id");
    if allowed { Ok(()) } else { Err(refusal()) }
}

impl Org {
    pub(super) fn apply(
        &mut self,
        context: &WriteContext,
        access: &Access,
        touched: &mut Transaction,
        write: Write,
    ) -> Result<WriteOutcome, WriteError> {
        match write {
            Write::Create { object, values } => self.create(context, access, touched, &object, &values),
            Write::Update { object, id, values } => {
                let (table, slot) = self.locate_live(&id, object.as_deref())?;
                permit(access.edits(&self.tables[table].schema))?;
                self.update(context, access, touched, table, slot, &values)
            }
            Write::Delete { object, id } => {
                let (table, slot) = self.locate_live(&id, object.as_deref())?;
                permit(access.deletes(&self.tables[table].schema))?;
                self.set_deleted(context, touched, table, slot, true)
            }
            Write::Undelete { id } => {
                let (table, slot) = self.locate_any(&id, None)?;
                if self.tables[table].row(slot).is_some_and(|row| !self.tables[table].is_deleted(row)) {
                    return Err(WriteError::new("UNDELETE_FAILED", "Entity is not in the recycle bin"));
                }
                self.set_deleted(context, touched, table, slot, false)
            }
        }
    }

    fn locate_any(&self, given: &str, object: Option<&str>) -> Result<(usize, Slot), WriteError> {
        let malformed =
            || WriteError::at("MALFORMED_ID", "Id", format!("Record ID: id value of incorrect type: {given}"));
        let id = id::normalize(given.trim()).ok_or_else(malformed)?;
        let table = self.table_with_prefix(id::key_prefix(&id)).ok_or_else(malformed)?;
        let schema = &self.tables[table].schema;
        if object.is_some_and(|object| !object.eq_ignore_ascii_case(&schema.name)) {
            let message = format!("Record ID: id value of incorrect type: {given}");
            return Err(WriteError::at("MALFORMED_ID", "Id", message));
        }
        let slot = self.tables[table].slot_of(&id).ok_or_else(WriteError::no_such_record)?;
        Ok((table, slot))
    }

    fn locate_live(&self, given: &str, object: Option<&str>) -> Result<(usize, Slot), WriteError> {
        let (table, slot) = self.locate_any(given, object)?;
        let deleted = self.tables[table].row(slot).is_some_and(|row| self.tables[table].is_deleted(row));
        if deleted { Err(WriteError::deleted()) } else { Ok((table, slot)) }
    }

    fn create(
        &mut self,
        context: &WriteContext,
        access: &Access,
        touched: &mut Transaction,
        object: &str,
        values: &Map<String, Json>,
    ) -> Result<WriteOutcome, WriteError> {
        let unknown = || WriteError::new("INVALID_TYPE", format!("sObject type '{object}' is not supported."));
        let table = self.table_index(object).ok_or_else(unknown)?;
        permit(access.creates(&self.tables[table].schema))?;
        if !self.tables[table].schema.writeable {
            let message = format!("entity type cannot be inserted: {}", self.tables[table].schema.label);
            return Err(WriteError::new("INVALID_TYPE_FOR_OPERATION", message));
        }
        let mut row = Draft::default();
        self.assign(access, table, None, &mut row, values)?;
        let schema = &self.tables[table].schema;
        if let Some(index) = schema.index_of("RecordTypeId").filter(|index| row.get(*index).is_null())
            && let Some(default) = self.default_record_type(&schema.name, &context.user_id)
        {
            row.set(index, default.into());
        }
        self.default_choices(schema, &mut row);
        self.check_record_type(schema, None, &row)?;
        let (slot, id) = self.tables[table].reserve();
        self.fill_in(table, &id, &mut row, &context.user_id, context.now_ms);
        self.require(table, &row)?;
        self.check_grant(table, None, &mut row)?;
        self.derive(table, None, &mut row, context.now_ms);
        self.store(touched, table, slot, Some(row.pack()));
        self.note_activity(context, touched, table, slot);
        Ok(WriteOutcome { id, created: true })
    }

    fn update(
        &mut self,
        context: &WriteContext,
        access: &Access,
        touched: &mut Transaction,
        table: usize,
        slot: Slot,
        values: &Map<String, Json>,
    ) -> Result<WriteOutcome, WriteError> {
        let before = self.tables[table].row(slot).cloned().ok_or_else(WriteError::no_such_record)?;
        let mut row = before.unpack();
        self.assign(access, table, Some(slot), &mut row, values)?;
        self.check_record_type(&self.tables[table].schema, Some(&before), &row)?;
        self.require(table, &row)?;
        self.check_grant(table, Some(slot), &mut row)?;
        self.derive(table, Some(&before), &mut row, context.now_ms);
        self.stamp(context, table, &mut row);
        let id = self.id_of(table, &row);
        self.store(touched, table, slot, Some(row.pack()));
        self.note_activity(context, touched, table, slot);
        Ok(WriteOutcome { id, created: false })
    }

    fn set_deleted(
        &mut self,
        context: &WriteContext,
        touched: &mut Transaction,
        table: usize,
        slot: Slot,
        deleted: bool,
    ) -> Result<WriteOutcome, WriteError> {
        let mut row = self.tables[table].row(slot).ok_or_else(WriteError::no_such_record)?.unpack();
        let Some(is_deleted) = self.tables[table].system.is_deleted else {
            let schema = &self.tables[table].schema;
            if schema.setup && schema.writeable && schema.name != "User" && deleted {
                self.check_grant_removal(table, slot)?;
                return Ok(self.erase(touched, table, slot));
            }
            let message = format!("entity type cannot be deleted: {}", self.tables[table].schema.label);
            return Err(WriteError::new("INVALID_TYPE_FOR_OPERATION", message));
        };
        let id = self.id_of(table, &row);
        row.set(is_deleted, deleted.into());
        self.stamp(context, table, &mut row);
        self.store(touched, table, slot, Some(row.pack()));
        for (child_table, child_slot) in self.dependants(table, &id, !deleted) {
            self.set_deleted(context, touched, child_table, child_slot, deleted)?;
        }
        Ok(WriteOutcome { id, created: false })
    }

    /// The set-up has no recycle bin: what is deleted is gone, with what hangs on it.
    fn erase(&mut self, touched: &mut Transaction, table: usize, slot: Slot) -> WriteOutcome {
        let id = self.tables[table].row(slot).map_or_else(String::new, |row| self.tables[table].id_of(row).to_owned());
        for (child_table, child_slot) in self.dependants(table, &id, false) {
            self.store(touched, child_table, child_slot, None);
        }
        self.store(touched, table, slot, None);
        WriteOutcome { id, created: false }
    }

    /// Rows that go to the bin and come back with this one.
    fn dependants(&self, table: usize, id: &str, deleted: bool) -> Vec<(usize, Slot)> {
        let parent = &self.tables[table].schema.name;
        let key = FieldValue::text(id);
        let mut found = Vec::new();
        for (child_table, child) in self.tables.iter().enumerate() {
            for (index, field) in child.schema.each_field() {
                if field.cascade_delete && field.reference_to.contains(parent) {
                    let in_state = |slot: &Slot| child.row(*slot).is_some_and(|row| child.is_deleted(row) == deleted);
                    found
                        .extend(child.find(index, key.as_field_ref()).filter(in_state).map(|slot| (child_table, slot)));
                }
            }
        }
        found
    }

    /// Puts the given values into the row, or says what is wrong with them.
    fn assign(
        &self,
        access: &Access,
        table: usize,
        slot: Option<Slot>,
        row: &mut Draft,
        values: &Map<String, Json>,
    ) -> Result<(), WriteError> {
        let schema = &self.tables[table].schema;
        let mut read_only = Vec::new();
        for (name, input) in values {
            let (index, field) =
                access.field_named(schema, name).ok_or_else(|| WriteError::no_such_column(name, &schema.name))?;
            let writeable = if slot.is_some() { field.updateable } else { field.createable };
            if !writeable || !access.changes(schema, index) {
                read_only.push(field.name.clone());
                continue;
            }
            let value = rules::coerce(field, input)?;
            self.check_reference(field, &value)?;
            self.check_unique(table, slot, index, field, &value)?;
            row.set(index, value);
        }
        if read_only.is_empty() {
            return Ok(());
        }
        let message = format!(
            "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is \
             read/write for your profile or permission set.",
            read_only.join(", ")
        );
        Err(WriteError { code: "INVALID_FIELD_FOR_INSERT_UPDATE", message, fields: read_only })
    }

    fn check_reference(&self, field: &FieldSchema, value: &FieldValue) -> Result<(), WriteError> {
        let (FieldType::Reference, Some(id)) = (field.field_type, value.as_text()) else { return Ok(()) };
        let target = self.object_with_prefix(id::key_prefix(id));
        if target.is_none_or(|target| !field.reference_to.contains(&target.name)) {
            let message = format!("{}: id value of incorrect type: {id}", field.label);
            return Err(WriteError::at("MALFORMED_ID", &field.name, message));
        }
        match self.record(id) {
            None => {
                let message = format!("{}: invalid cross reference id", field.label);
                Err(WriteError::at("INVALID_CROSS_REFERENCE_KEY", &field.name, message))
            }
            Some((object, row)) if self.is_deleted(object, row) => {
                Err(WriteError::at("ENTITY_IS_DELETED", &field.name, "entity is deleted"))
            }
            Some(_) => Ok(()),
        }
    }

    fn check_unique(
        &self,
        table: usize,
        slot: Option<Slot>,
        index: FieldIndex,
        field: &FieldSchema,
        value: &FieldValue,
    ) -> Result<(), WriteError> {
        if !field.unique {
            return Ok(());
        }
        let table = &self.tables[table];
        let other = table
            .find(index, value.as_field_ref())
            .find(|other| Some(*other) != slot && table.row(*other).is_some_and(|row| !table.is_deleted(row)));
        match other.and_then(|other| table.row(other)?.get(table.system.id).as_text()) {
            None => Ok(()),
            Some(id) => {
                let message = format!("duplicate value found: {} duplicates value on record with id: {id}", field.name);
                Err(WriteError::at("DUPLICATE_VALUE", &field.name, message))
            }
        }
    }

    fn require(&self, table: usize, row: &Draft) -> Result<(), WriteError> {
        let schema = &self.tables[table].schema;
        let missing: Vec<String> = (schema.each_field())
            .filter(|(index, field)| {
                !field.nillable && !field.compound_parent && field.createable && row.get(*index).is_null()
            })
            .map(|(_, field)| field.name.clone())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        Err(WriteError { code: "REQUIRED_FIELD_MISSING", message, fields: missing })
    }

    fn derive(&self, table: usize, before: Option<&Row>, row: &mut Draft, now_ms: i64) {
        let schema = &self.tables[table].schema;
        rules::derive(schema, before, row, now_ms);
        if schema.name != "Task" {
            return;
        }
        // A task belongs to the account of what it is about, or of whom.
        let parent = |name: &str| schema.index_of(name).and_then(|index| self.record(row.get(index).as_text()?));
        let account = [parent("WhatId"), parent("WhoId")].into_iter().flatten().find_map(|(object, parent)| {
            let index = object.index_of(if object.name == "Account" { "Id" } else { "AccountId" })?;
            Some(parent.get(index).to_value()).filter(|account| !account.is_null())
        });
        if let Some(index) = schema.index_of("AccountId") {
            row.set(index, account.unwrap_or_default());
        }
    }

    fn stamp(&self, context: &WriteContext, table: usize, row: &mut Draft) {
        let system = &self.tables[table].system;
        let now = FieldValue::DateTime(context.now_ms / 1000 * 1000);
        row.set(system.last_modified_date, now.clone());
        row.set(system.system_modstamp, now);
        row.set(system.last_modified_by, FieldValue::text(&context.user_id));
    }

    fn id_of(&self, table: usize, row: &Draft) -> String {
        row.get(self.tables[table].system.id).as_text().unwrap_or_default().to_owned()
    }

    fn store(&mut self, touched: &mut Transaction, table: usize, slot: Slot, row: Option<Row>) {
        self.access.note_write(&self.tables[table].schema);
        let before = self.tables[table].replace(slot, row);
        touched.touch(table, slot, before);
    }

    /// A task moves its parents' last activity date and system stamp; that is no change of theirs, so no event follows.
    fn note_activity(&mut self, context: &WriteContext, touched: &mut Transaction, table: usize, slot: Slot) {
        let Some(row) = self.tables[table].row(slot).filter(|_| self.tables[table].schema.name == "Task") else {
            return;
        };
        let schema = &self.tables[table].schema;
        let value = |name: &str| schema.index_of(name).map_or(FieldValue::Null, |index| row.get(index));
        let FieldValue::Date(day) = value("ActivityDate") else { return };
        let parents: Vec<String> = ["WhoId", "WhatId", "AccountId"]
            .iter()
            .filter_map(|name| value(name).as_text().map(str::to_owned))
            .collect();
        for parent in parents {
            let Some((parent_table, parent_slot)) = self.locate(&parent) else { continue };
            let system = self.tables[parent_table].system;
            let (Some(index), Some(parent)) = (system.last_activity_date, self.tables[parent_table].row(parent_slot))
            else {
                continue;
            };
            if matches!(parent.get(index), FieldValue::Date(known) if known >= day) {
                continue;
            }
            let mut parent = parent.unpack();
            parent.set(index, FieldValue::Date(day));
            parent.set(system.system_modstamp, FieldValue::DateTime(context.now_ms / 1000 * 1000));
            self.store(touched, parent_table, parent_slot, Some(parent.pack()));
        }
    }

    pub(super) fn append_events(&mut self, context: &WriteContext, touched: &Transaction) {
        self.expire_events(context.now_ms);
        let mut events: Vec<CommittedEvent> = Vec::new();
        let transaction_key = self.transaction_key();
        self.commit_number += 1 + (self.rng.next_u64() % 40) as i64;
        for ((table, slot, before), sequence_number) in touched.rows.iter().zip(1..) {
            let Some((change_type, values, nulled)) = self.change(*table, *slot, before.as_ref()) else { continue };
            let Some(row) = self.tables[*table].row(*slot) else { continue };
            let record_id = self.tables[*table].id_of(row).to_owned();
            let entity = self.tables[*table].schema.name.clone();
            // The same change to several records in one transaction is told once, as the event bus does.
            let merged = events.iter_mut().find(|event| {
                event.entity == entity
                    && matches!(change_type, ChangeType::Update | ChangeType::Delete)
                    && event.change_type == change_type
                    && event.values == values
                    && event.nulled == nulled
            });
            if let Some(event) = merged {
                event.record_ids.push(record_id);
                continue;
            }
            events.push(CommittedEvent {
                replay_id: 0,
                entity,
                record_ids: vec![record_id],
                change_type,
                transaction_key: transaction_key.clone(),
                sequence_number,
                commit_timestamp_ms: context.now_ms,
                commit_number: self.commit_number,
                commit_user: context.user_id.clone(),
                change_origin: context.change_origin.clone(),
                values,
                nulled,
            });
        }
        for mut event in events {
            self.latest_replay_id += 1 + self.rng.next_u64() % 7;
            event.replay_id = self.latest_replay_id;
            self.events.push_back(Arc::new(event));
        }
    }

    /// What a captured row's event has to tell, if anything.
    #[expect(clippy::type_complexity, reason = "the three parts of an event, named where they are taken apart")]
    fn change(
        &self,
        table: usize,
        slot: Slot,
        before: Option<&Row>,
    ) -> Option<(ChangeType, Vec<(FieldIndex, FieldValue)>, Vec<FieldIndex>)> {
        let table = &self.tables[table];
        if !self.captured.contains(&table.schema.name) {
            return None;
        }
        let after = table.row(slot)?;
        let carried = |index: &FieldIndex| table.schema.field(*index).in_change_event;
        let populated = || {
            let all = after.populated().filter(|(index, _)| carried(index));
            all.map(|(index, value)| (index, value.to_value())).collect::<Vec<_>>()
        };
        match (before.map(|before| table.is_deleted(before)), table.is_deleted(after)) {
            (None, false) => Some((ChangeType::Create, populated(), Vec::new())),
            (Some(false), true) => Some((ChangeType::Delete, Vec::new(), Vec::new())),
            (Some(true), false) => Some((ChangeType::Undelete, populated(), Vec::new())),
            (None | Some(true), true) => None,
            (Some(false), false) => {
                let before = before?;
                let (mut values, mut nulled) = (Vec::new(), Vec::new());
                let mut is_data_change = false;
                for index in table.schema.each_field().map(|(index, _)| index).filter(carried) {
                    let (old, new) = (before.get(index), after.get(index));
                    // Two changes within one second have one LastModifiedDate; the event names it all the same.
                    let stamped = index == table.system.last_modified_date;
                    let audit = stamped || index == table.system.last_modified_by;
                    is_data_change |= old != new && !audit;
                    match (old == new && !stamped, new.is_null()) {
                        (true, _) => {}
                        (false, true) => nulled.push(index),
                        (false, false) => values.push((index, new.to_value())),
                    }
                }
                is_data_change.then_some((ChangeType::Update, values, nulled))
            }
        }
    }

    fn transaction_key(&mut self) -> String {
        let (high, low) = (self.rng.next_u64(), self.rng.next_u64());
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}
