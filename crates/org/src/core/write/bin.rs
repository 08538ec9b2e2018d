//! The recycle bin: what goes there together comes back together, and what is removed from it is gone.

use super::Run;
use crate::core::access::Permission;
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::row::Row;
use crate::core::table::{Slot, Table};
use crate::core::value::FieldValue;
use crate::core::write::{WriteOutcome, permit};

impl Org {
    /// Moves a record to the bin, with what hangs on it. What belongs to the set-up is gone at once.
    pub(super) fn delete(&mut self, run: &mut Run<'_>, table: usize, slot: Slot) -> Result<WriteOutcome, WriteError> {
        let row = self.tables[table].row(slot).cloned().ok_or_else(WriteError::no_such_record)?;
        let id = self.tables[table].id_of(&row).to_owned();
        let schema = &self.tables[table].schema;
        if self.tables[table].system.is_deleted.is_none() {
            if schema.setup && schema.writeable && schema.name != "User" {
                self.check_grant_removal(table, slot)?;
                self.erase(run, table, slot);
                return Ok(WriteOutcome::changed(id));
            }
            let message = format!("entity type cannot be deleted: {}", schema.label);
            return Err(WriteError::new("INVALID_TYPE_FOR_OPERATION", message));
        }
        self.check_free(table, &row)?;
        self.bin(run, table, slot, None);
        Ok(WriteOutcome::changed(id))
    }

    /// Says no where records are there that keep this one.
    fn check_free(&self, table: usize, row: &Row) -> Result<(), WriteError> {
        let own = &self.tables[table];
        if own.schema.name == "Contact" && own.is_checked(row, "IsPersonAccount") {
            let message = "The contact of a person account is deleted with its account";
            return Err(WriteError::new("DELETE_FAILED", message));
        }
        let mut keepers = Vec::new();
        let mut kind = "";
        for (child, slot) in
            self.children(table, own.id_of(row), |child, row| !child.is_deleted(row), |field| field.restricted_delete)
        {
            let child = &self.tables[child];
            kind = &child.schema.label_plural;
            let name = child.schema.each_field().find(|(_, field)| field.name_field).map(|(index, _)| index);
            let shown = name.zip(child.row(slot)).and_then(|(index, row)| row.get(index).as_text()).unwrap_or_default();
            keepers.push(shown.to_owned());
        }
        if keepers.is_empty() {
            return Ok(());
        }
        let message = format!(
            "Your attempt to delete {} could not be completed because it is associated with the following {}.: {}\n",
            own.text(row, "Name").unwrap_or_default(),
            kind.to_lowercase(),
            keepers.join(", ")
        );
        Err(WriteError::new("DELETE_FAILED", message))
    }

    /// `with` is the record that this one follows to the bin.
    fn bin(&mut self, run: &mut Run<'_>, table: usize, slot: Slot, with: Option<(usize, Slot)>) {
        if !self.set_deleted(run, table, slot, true) {
            return self.erase(run, table, slot);
        }
        // What an earlier stay in the bin left here says nothing of this one.
        match with {
            Some(root) => self.deleted_with.insert((table, slot), root),
            None => self.deleted_with.remove(&(table, slot)),
        };
        let root = with.unwrap_or((table, slot));
        for (child, child_slot) in self.dependants(table, slot, false) {
            self.bin(run, child, child_slot, Some(root));
        }
        self.forget_activity(run, table, slot);
    }

    /// Takes a record out of the bin, with what went there with it.
    pub(super) fn undelete(&mut self, run: &mut Run<'_>, table: usize, slot: Slot) -> Result<WriteOutcome, WriteError> {
        let refused = || WriteError::new("UNDELETE_FAILED", "Entity is not in the recycle bin");
        let own = &self.tables[table];
        let row = own.row(slot).filter(|row| own.is_deleted(row)).ok_or_else(refused)?;
        let id = own.id_of(row).to_owned();
        let follows_a_deleted_parent =
            own.schema.each_field().filter(|(_, field)| field.cascade_delete).any(|(index, _)| {
                let parent = row.get(index).as_text().and_then(|id| self.record(id));
                parent.is_some_and(|(object, row)| self.is_deleted(object, row))
            });
        if follows_a_deleted_parent {
            return Err(refused());
        }
        self.restore(run, table, slot, (table, slot));
        Ok(WriteOutcome::changed(id))
    }

    fn restore(&mut self, run: &mut Run<'_>, table: usize, slot: Slot, root: (usize, Slot)) {
        self.set_deleted(run, table, slot, false);
        self.note_activity(run, table, slot);
        for child in self.dependants(table, slot, true) {
            if self.deleted_with.get(&child) == Some(&root) {
                self.restore(run, child.0, child.1, root);
            }
        }
    }

    /// Whether the record knows deletion at all.
    fn set_deleted(&mut self, run: &mut Run<'_>, table: usize, slot: Slot, deleted: bool) -> bool {
        let own = &self.tables[table];
        let (Some(is_deleted), Some(row)) = (own.system.is_deleted, own.row(slot)) else { return false };
        let mut row = row.unpack();
        row.set(is_deleted, deleted.into());
        if let Some(master) = own.schema.index_of("MasterRecordId") {
            row.set(master, FieldValue::Null);
        }
        self.stamp(run.context, table, &mut row);
        self.store(run.touched, table, slot, Some(row.pack()));
        true
    }

    /// The set-up has no recycle bin: what is deleted is gone, with what hangs on it.
    fn erase(&mut self, run: &mut Run<'_>, table: usize, slot: Slot) {
        for (child, child_slot) in self.dependants(table, slot, false) {
            self.store(run.touched, child, child_slot, None);
        }
        self.store(run.touched, table, slot, None);
    }

    /// Removes a record from the bin for good, with what went there with it. No event tells of it.
    pub(super) fn empty_bin(
        &mut self,
        run: &mut Run<'_>,
        table: usize,
        slot: Slot,
    ) -> Result<WriteOutcome, WriteError> {
        let own = &self.tables[table];
        let refused = || WriteError::new("INVALID_OPERATION", "Entity is not in the recycle bin");
        let row = own.row(slot).filter(|row| own.is_deleted(row)).ok_or_else(refused)?;
        let id = own.id_of(row).to_owned();
        self.purge(run, table, slot, (table, slot));
        Ok(WriteOutcome::changed(id))
    }

    /// Deletes a record past the bin, as Bulk's `hardDelete` does.
    pub(super) fn hard_delete(
        &mut self,
        run: &mut Run<'_>,
        table: usize,
        slot: Slot,
    ) -> Result<WriteOutcome, WriteError> {
        permit(run.access.has(Permission::BulkApiHardDelete))?;
        let outcome = self.delete(run, table, slot)?;
        self.purge(run, table, slot, (table, slot));
        Ok(outcome)
    }

    /// Rows go when the transaction ends, so that its events can still tell of them.
    fn purge(&mut self, run: &mut Run<'_>, table: usize, slot: Slot, root: (usize, Slot)) {
        for child in self.dependants(table, slot, true) {
            if self.deleted_with.get(&child) == Some(&root) {
                self.purge(run, child.0, child.1, root);
            }
        }
        run.touched.purge(table, slot);
    }

    /// Rows that go to the bin and come back with this one.
    fn dependants(&self, table: usize, slot: Slot, deleted: bool) -> Vec<(usize, Slot)> {
        let Some(row) = self.tables[table].row(slot) else { return Vec::new() };
        let in_state = |child: &Table, row: &Row| child.is_deleted(row) == deleted;
        self.children(table, self.tables[table].id_of(row), in_state, |field| field.cascade_delete)
    }
}
