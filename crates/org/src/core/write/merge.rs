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
        let people = self.merged_people(table, slot, &gone)?;
        for (loser, _) in &gone {
            self.bin_as_loser(run, table, *loser, &master_id);
        }
        for (contacts, contact, loser, master_contact) in &people {
            self.bin_as_loser(run, *contacts, *contact, master_contact);
            self.deleted_with.insert((*contacts, *contact), (table, *loser));
        }
        // The master is told of before what it takes over.
        self.update(run, table, slot, values)?;
        let mut related = Vec::new();
        for (_, loser_id) in &gone {
            self.hand_over(run, table, loser_id, &master_id, &mut related)?;
        }
        for (contacts, contact, _, master_contact) in people {
            let contact_id = self.id_at(contacts, contact);
            self.hand_over(run, contacts, &contact_id, &master_contact, &mut related)?;
        }
        self.note_merged_activity(run, table, slot, gone.iter().map(|(loser, _)| *loser));
        Ok(WriteOutcome { related, ..WriteOutcome::changed(master_id) })
    }

    /// The contacts that go with accounts which are people: each with its account, and the contact that stays. People are merged with
    /// people, and as accounts.
    fn merged_people(
        &self,
        table: usize,
        master: Slot,
        gone: &[(Slot, String)],
    ) -> Result<Vec<(usize, Slot, Slot, String)>, WriteError> {
        let own = &self.tables[table];
        let is_person = |slot: Slot| own.row(slot).is_some_and(|row| own.is_checked(row, "IsPersonAccount"));
        let people = gone.iter().filter(|(slot, _)| is_person(*slot)).count() + usize::from(is_person(master));
        match people {
            0 => return Ok(Vec::new()),
            _ if own.schema.name == "Contact" => {
                return Err(invalid("the contacts of person accounts are merged with them"));
            }
            _ if people <= gone.len() => return Err(invalid("person accounts are merged with person accounts only")),
            _ => {}
        }
        let contact_of = |slot: Slot| own.row(slot).and_then(|row| own.text(row, "PersonContactId"));
        let Some(stays) = contact_of(master) else { return Ok(Vec::new()) };
        let going = gone.iter().filter_map(|(slot, _)| {
            let (contacts, contact) = self.locate(contact_of(*slot)?)?;
            Some((contacts, contact, *slot, stays.to_owned()))
        });
        Ok(going.collect())
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
