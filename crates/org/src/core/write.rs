//! Writes of records, with the rules of the platform. [`super::capture`] tells the event log what they did.
//!
//! [`Org::apply`] takes one write; each kind that is more than a save has a file of its own. Whatever a write does to several
//! records it does as a whole or not at all.

mod activity;
mod articles;
mod automated;
mod bin;
mod campaign;
mod conversion;
mod derived;
mod merge;
mod person;
mod values;

use serde_json::{Map, Value as Json};

use super::access::Access;
use super::error::WriteError;
use super::id;
use super::org::Org;
use super::row::{Draft, Row};
use super::schema::FieldSchema;
use super::table::{Slot, Table};
use super::transaction::Transaction;
use super::value::FieldValue;

pub use conversion::LeadConversion;
pub(crate) use merge::MERGEABLE;

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

/// One row of a transaction. Field names are API names in any case; values are JSON as the REST API takes it; ids have 15 or 18
/// characters.
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
        /// Which record.
        id: String,
        /// The fields to change.
        values: Map<String, Json>,
    },
    /// Move a record to the recycle bin, and those that hang on it.
    Delete {
        /// The object that the caller takes the record for; `None` to go by the id.
        object: Option<String>,
        /// Which record.
        id: String,
    },
    /// Take a record back from the recycle bin, and those that went there with it.
    Undelete {
        /// Which record.
        id: String,
    },
    /// Remove a record from the recycle bin for good.
    EmptyBin {
        /// Which record.
        id: String,
    },
    /// Delete a record past the recycle bin.
    HardDelete {
        /// The object that the caller takes the record for; `None` to go by the id.
        object: Option<String>,
        /// Which record.
        id: String,
    },
    /// Merge one or two records into another: they go to the bin, and what points to them points to the master.
    Merge {
        /// The record that stays.
        master: String,
        /// Those that go.
        losers: Vec<String>,
        /// Fields of the master to change.
        values: Map<String, Json>,
    },
    /// Make an account, a contact and an opportunity of a lead.
    Convert(LeadConversion),
    /// Put the draft of an article online in place of the version that is.
    PublishArticle {
        /// The draft.
        id: String,
    },
    /// Begin a new draft of an article that is online.
    DraftArticle {
        /// The version that is online.
        id: String,
    },
}

impl Write {
    /// The record that it is about, as it was given; `None` for one that is to be made.
    pub fn record_id(&self) -> Option<&str> {
        match self {
            Write::Create { .. } => None,
            Write::Update { id, .. }
            | Write::Delete { id, .. }
            | Write::Undelete { id }
            | Write::EmptyBin { id }
            | Write::HardDelete { id, .. }
            | Write::Merge { master: id, .. }
            | Write::PublishArticle { id }
            | Write::DraftArticle { id } => Some(id),
            Write::Convert(conversion) => Some(&conversion.lead_id),
        }
    }
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteOutcome {
    /// 18-character id.
    pub id: String,
    /// Whether the row was made.
    pub created: bool,
    /// Records that a merge pointed to its master.
    pub related: Vec<String>,
}

impl WriteOutcome {
    fn changed(id: String) -> WriteOutcome {
        WriteOutcome { id, created: false, related: Vec::new() }
    }

    fn made(id: String) -> WriteOutcome {
        WriteOutcome { id, created: true, related: Vec::new() }
    }
}

fn permit(allowed: bool) -> Result<(), WriteError> {
    let refusal = || WriteError::new("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id");
    if allowed { Ok(()) } else { Err(refusal()) }
}

/// One write under way: for whom, and what it has touched.
struct Run<'r> {
    context: &'r WriteContext,
    access: &'r Access,
    touched: &'r mut Transaction,
    /// How many saves led to this one.
    depth: u8,
}

impl Org {
    /// Does one write; what it did before it failed is taken back.
    pub(super) fn apply(
        &mut self,
        context: &WriteContext,
        access: &Access,
        touched: &mut Transaction,
        write: Write,
    ) -> Result<WriteOutcome, WriteError> {
        let mut own = Transaction::default();
        let result = self.run(&mut Run { context, access, touched: &mut own, depth: 0 }, write);
        match &result {
            Ok(_) => touched.absorb(own),
            Err(_) => self.roll_back(own),
        }
        result
    }

    fn run(&mut self, run: &mut Run<'_>, write: Write) -> Result<WriteOutcome, WriteError> {
        match write {
            Write::Create { object, values } => self.create(run, &object, &values),
            Write::Update { object, id, values } => {
                let (table, slot) = self.locate_live(&id, object.as_deref())?;
                permit(run.access.edits(&self.tables[table].schema))?;
                self.update(run, table, slot, &values)
            }
            Write::Delete { object, id } => {
                let (table, slot) = self.locate_live(&id, object.as_deref())?;
                permit(run.access.deletes(&self.tables[table].schema))?;
                self.delete(run, table, slot)
            }
            Write::Undelete { id } => {
                let (table, slot) = self.locate_any(&id, None)?;
                permit(run.access.deletes(&self.tables[table].schema))?;
                self.undelete(run, table, slot)
            }
            Write::EmptyBin { id } => {
                let (table, slot) = self.locate_any(&id, None)?;
                permit(run.access.deletes(&self.tables[table].schema))?;
                self.empty_bin(run, table, slot)
            }
            Write::HardDelete { object, id } => {
                let (table, slot) = self.locate_live(&id, object.as_deref())?;
                permit(run.access.deletes(&self.tables[table].schema))?;
                self.hard_delete(run, table, slot)
            }
            Write::Merge { master, losers, values } => self.merge(run, &master, &losers, &values),
            Write::Convert(conversion) => self.convert(run, &conversion),
            Write::PublishArticle { id } => self.publish_article(run, &id),
            Write::DraftArticle { id } => self.draft_article(run, &id),
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
        run: &mut Run<'_>,
        object: &str,
        values: &Map<String, Json>,
    ) -> Result<WriteOutcome, WriteError> {
        let unknown = || WriteError::new("INVALID_TYPE", format!("sObject type '{object}' is not supported."));
        let table = self.table_index(object).ok_or_else(unknown)?;
        permit(run.access.creates(&self.tables[table].schema))?;
        if self.tables[table].schema.is_platform_event() {
            let (id, _) = self.publish_values(run.context, object, values)?;
            return Ok(WriteOutcome::made(id));
        }
        if !self.tables[table].schema.writeable {
            let message = format!("entity type cannot be inserted: {}", self.tables[table].schema.label);
            return Err(WriteError::new("INVALID_TYPE_FOR_OPERATION", message));
        }
        let mut row = Draft::default();
        self.assign(run.access, table, true, &mut row, values)?;
        self.insert(run, table, row).map(WriteOutcome::made)
    }

    /// Makes a record of these values, completed by what new records have, and gives its id.
    fn insert(&mut self, run: &mut Run<'_>, table: usize, mut row: Draft) -> Result<String, WriteError> {
        let schema = &self.tables[table].schema;
        self.choose_person_type(schema, &mut row);
        if let Some(index) = schema.index_of("RecordTypeId").filter(|index| row.get(*index).is_null())
            && let Some(default) = self.default_record_type(&schema.name, &run.context.user_id)
        {
            row.set(index, default.into());
        }
        self.default_choices(schema, &mut row);
        let (slot, id) = self.tables[table].reserve();
        self.fill_in(table, &id, &mut row, &run.context.user_id, run.context.now_ms);
        self.save(run, table, slot, None, row)?;
        Ok(id)
    }

    fn update(
        &mut self,
        run: &mut Run<'_>,
        table: usize,
        slot: Slot,
        values: &Map<String, Json>,
    ) -> Result<WriteOutcome, WriteError> {
        let own = &self.tables[table];
        let before = own.row(slot).cloned().ok_or_else(WriteError::no_such_record)?;
        if own.schema.name == "Lead" && own.is_checked(&before, "IsConverted") {
            return Err(WriteError::converted());
        }
        let id = own.id_of(&before).to_owned();
        let mut row = before.unpack();
        self.assign(run.access, table, false, &mut row, values)?;
        self.stamp(run.context, table, &mut row);
        self.save(run, table, slot, Some(&before), row)?;
        Ok(WriteOutcome::changed(id))
    }

    /// Judges and stores a record, and does what follows from it. `before` is the record as it was; `None` for a new one.
    fn save(
        &mut self,
        run: &mut Run<'_>,
        table: usize,
        slot: Slot,
        before: Option<&Row>,
        mut row: Draft,
    ) -> Result<(), WriteError> {
        self.automate_before_save(table, before, &mut row)?;
        self.derive(table, before, &mut row, run.context.now_ms)?;
        self.require(table, &row)?;
        self.check_grant(table, before.map(|_| slot), &mut row)?;
        self.check_record_type(&self.tables[table].schema, before, &row)?;
        self.check_unique(table, slot, before, &row)?;
        self.validate(table, &row)?;
        self.store(run.touched, table, slot, Some(row.pack()));
        self.note_activity(run, table, slot);
        self.keep_person_whole(run, table, slot, before)?;
        self.refresh_cases(run, table, slot, before);
        if before.is_none() {
            self.give_role(run, table, slot)?;
        }
        self.automate_after_save(run, table, slot, before.is_none())
    }

    fn stamp(&self, context: &WriteContext, table: usize, row: &mut Draft) {
        let system = &self.tables[table].system;
        let now = FieldValue::DateTime(context.now_ms / 1000 * 1000);
        row.set(system.last_modified_date, now.clone());
        row.set(system.system_modstamp, now);
        row.set(system.last_modified_by, FieldValue::text(&context.user_id));
    }

    fn id_at(&self, table: usize, slot: Slot) -> String {
        let table = &self.tables[table];
        table.row(slot).map_or_else(String::new, |row| table.id_of(row).to_owned())
    }

    fn store(&mut self, touched: &mut Transaction, table: usize, slot: Slot, row: Option<Row>) {
        let after = if self.is_counted(table) { row.clone() } else { None };
        let before = self.replace_row(table, slot, row);
        if self.is_counted(table) {
            self.count_for_campaigns(touched, table, before.as_ref(), after.as_ref());
        }
        touched.touch(table, slot, before);
    }

    /// Rows that point to a record by one of these fields, and are of this kind, each once.
    fn children(
        &self,
        table: usize,
        id: &str,
        is_wanted: impl Fn(&Table, &Row) -> bool,
        by: impl Fn(&FieldSchema) -> bool,
    ) -> Vec<(usize, Slot)> {
        let parent = &self.tables[table].schema.name;
        let mut found: Vec<(usize, Slot)> = Vec::new();
        for (number, child) in self.tables.iter().enumerate() {
            for (index, field) in child.schema.each_field() {
                if !field.reference_to.contains(parent) || !by(field) {
                    continue;
                }
                let fits = |(_, row): &(Slot, &Row)| row.get(index) == FieldValue::Text(id) && is_wanted(child, row);
                match child.is_indexed(index) {
                    true => {
                        let rows =
                            child.find(index, FieldValue::Text(id)).filter_map(|slot| Some((slot, child.row(slot)?)));
                        found.extend(rows.filter(fits).map(|(slot, _)| (number, slot)));
                    }
                    false => found.extend(child.iter().filter(fits).map(|(slot, _)| (number, slot))),
                }
            }
        }
        let mut seen = std::collections::HashSet::new();
        found.retain(|child| seen.insert(*child));
        found
    }
}
