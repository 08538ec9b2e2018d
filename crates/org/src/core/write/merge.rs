//! Merging: up to two records go to the bin, and what pointed to them points to the master.

use serde_json::{Map, Value as Json};

use super::Run;
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::table::Slot;
use crate::core::value::FieldValue;
use crate::core::write::{WriteOutcome, permit};

/// Objects whose records can be merged.
pub(crate) const MERGEABLE: [&str; 4] = ["Account", "Contact", "Lead", "Case"];

/// References that say what was, and stay as they are.
const OF_THE_PAST: [&str; 4] = ["MasterRecordId", "ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId"];

fn invalid(message: &str) -> WriteError {
    WriteError::new("INVALID_OPERATION", message)
}

impl Org {
    pub(super) fn merge(
        &mut self,
        run: &mut Run<'_>,
        master: &str,
        losers: &[String],
        values: &Map<String, Json>,
    ) -> Result<WriteOutcome, WriteError> {
        let (table, slot) = self.locate_live(master, None)?;
        let schema = &self.tables[table].schema;
        if !MERGEABLE.contains(&schema.name.as_str()) {
            return Err(invalid("merge is not supported for this type"));
        }
        permit(run.access.edits(schema) && run.access.deletes(schema))?;
        if losers.is_empty() || losers.len() > 2 {
            return Err(invalid("a merge takes one or two records besides the master"));
        }
        let object = schema.name.clone();
        let master_id = self.id_at(table, slot);
        let mut gone: Vec<(Slot, String)> = Vec::with_capacity(losers.len());
        for loser in losers {
            let (_, loser) = self.locate_live(loser, Some(&object))?;
            if loser == slot || gone.iter().any(|(known, _)| *known == loser) {
                return Err(invalid("a record cannot be merged with itself"));
            }
            gone.push((loser, self.id_at(table, loser)));
        }
        for (loser, _) in &gone {
            self.bin_as_loser(run, table, *loser, &master_id);
        }
        // The master is told of before what it takes over.
        self.update(run, table, slot, values)?;
        let mut related = Vec::new();
        for (_, loser_id) in &gone {
            self.hand_over(run, table, loser_id, &master_id, &mut related)?;
        }
        self.note_merged_activity(run, table, slot, gone.iter().map(|(loser, _)| *loser));
        Ok(WriteOutcome { related, ..WriteOutcome::changed(master_id) })
    }

    fn bin_as_loser(&mut self, run: &mut Run<'_>, table: usize, slot: Slot, master_id: &str) {
        let own = &self.tables[table];
        let (Some(row), Some(is_deleted)) = (own.row(slot), own.system.is_deleted) else { return };
        let mut row = row.unpack();
        row.set(is_deleted, true.into());
        if let Some(index) = own.schema.index_of("MasterRecordId") {
            row.set(index, master_id.into());
        }
        self.stamp(run.context, table, &mut row);
        self.deleted_with.remove(&(table, slot));
        self.store(run.touched, table, slot, Some(row.pack()));
    }

    /// Points everything that points to one record to another.
    fn hand_over(
        &mut self,
        run: &mut Run<'_>,
        table: usize,
        from: &str,
        to: &str,
        related: &mut Vec<String>,
    ) -> Result<(), WriteError> {
        let children = self.children(
            table,
            from,
            |child, row| !child.is_deleted(row),
            |field| !OF_THE_PAST.contains(&field.name.as_str()),
        );
        for (child, child_slot) in children {
            let Some(before) = self.tables[child].row(child_slot).cloned() else { continue };
            let mut row = before.unpack();
            let schema = &self.tables[child].schema;
            let pointing: Vec<_> = schema
                .each_field()
                .filter(|(index, field)| {
                    !OF_THE_PAST.contains(&field.name.as_str()) && before.get(*index) == FieldValue::Text(from)
                })
                .map(|(index, _)| index)
                .collect();
            let own_id = self.id_at(child, child_slot);
            for index in pointing {
                // Nothing is its own parent.
                row.set(index, if own_id == to { FieldValue::Null } else { to.into() });
            }
            self.derive(child, Some(&before), &mut row, run.context.now_ms)?;
            self.stamp(run.context, child, &mut row);
            self.store(run.touched, child, child_slot, Some(row.pack()));
            if own_id != to {
                related.push(own_id);
            }
        }
        Ok(())
    }
}
