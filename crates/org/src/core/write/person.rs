//! Person accounts: an account that is a person has a contact, and what they share is the same in both.

use super::Run;
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::row::{Draft, Row};
use crate::core::rules;
use crate::core::schema::{FieldIndex, ObjectSchema};
use crate::core::table::Slot;
use crate::core::value::FieldValue;

impl Org {
    /// An account with a last name and without a type becomes a person.
    pub(super) fn choose_person_type(&self, schema: &ObjectSchema, row: &mut Draft) {
        if self.person_accounts.is_none() || schema.name != "Account" {
            return;
        }
        let (Some(last_name), Some(kind)) = (schema.index_of("LastName"), schema.index_of("RecordTypeId")) else {
            return;
        };
        if row.get(kind).is_null() && !row.get(last_name).is_null() {
            let types = self.record_types_of("Account", "");
            if let Some(person) = types.into_iter().find(|info| info.is_person && info.active) {
                row.set(kind, person.id.into());
            }
        }
    }

    /// Makes an account a person or a company as its record type says, and keeps the two apart.
    pub(super) fn derive_account(
        &self,
        schema: &ObjectSchema,
        before: Option<&Row>,
        row: &mut Draft,
    ) -> Result<(), WriteError> {
        let Some(shared) = &self.person_accounts else { return Ok(()) };
        let at = |name: &str| schema.index_of(name).expect("an org with person accounts has these fields");
        let is_person = row.get(at("RecordTypeId")).as_text().is_some_and(|id| self.is_person_type(id));
        let was_person = before.map(|before| before.get(at("IsPersonAccount")) == FieldValue::Boolean(true));
        if was_person.is_some_and(|was_person| was_person != is_person) {
            let message = "Cannot change record type between a business account and a person account";
            return Err(WriteError::at("INVALID_FIELD_FOR_INSERT_UPDATE", "RecordTypeId", message));
        }
        row.set(at("IsPersonAccount"), is_person.into());
        if is_person {
            if row.get(at("LastName")).is_null() {
                return Err(WriteError::missing(vec!["LastName".to_owned()]));
            }
            rules::derive_person_name(schema, row);
            return Ok(());
        }
        let foreign: Vec<String> = shared
            .iter()
            .map(|(own, _)| (*own, schema.field(*own)))
            .filter(|(own, field)| {
                let is_of_people = field.name.starts_with("Person")
                    || field.name.ends_with("__pc")
                    || matches!(field.name.as_str(), "FirstName" | "LastName" | "Salutation");
                is_of_people && !row.get(*own).is_null() && row.get(*own) != field.default.as_field_ref()
            })
            .map(|(_, field)| field.name.clone())
            .collect();
        if foreign.is_empty() { Ok(()) } else { Err(WriteError::not_writeable(foreign)) }
    }

    /// After a write to a person account or to its contact: the other one follows, or is made.
    pub(super) fn keep_person_whole(&mut self, run: &mut Run<'_>, table: usize, slot: Slot) -> Result<(), WriteError> {
        let Some(shared) = self.person_accounts.clone() else { return Ok(()) };
        let own = &self.tables[table];
        let Some(row) = own.row(slot).cloned().filter(|row| own.is_checked(row, "IsPersonAccount")) else {
            return Ok(());
        };
        let is_account = own.schema.name == "Account";
        let other = own.text(&row, if is_account { "PersonContactId" } else { "AccountId" });
        match (other.and_then(|id| self.locate(id)), is_account) {
            (Some(other), true) => self.mirror(run, &row, other, shared.iter().copied()),
            (Some(other), false) => {
                let back = shared.iter().map(|(account, contact)| (*contact, *account));
                self.mirror(run, &row, other, back);
            }
            (None, true) => self.make_person_contact(run, table, slot, &row, &shared),
            (None, false) => {}
        }
        Ok(())
    }

    fn make_person_contact(
        &mut self,
        run: &mut Run<'_>,
        accounts: usize,
        slot: Slot,
        account: &Row,
        shared: &[(FieldIndex, FieldIndex)],
    ) {
        let contacts = self.table_index("Contact").expect("every org has contacts");
        let mut contact = Draft::default();
        shared.iter().for_each(|(from, to)| contact.set(*to, account.get(*from).to_value()));
        let account_id = self.tables[accounts].id_of(account).to_owned();
        let schema = &self.tables[contacts].schema;
        for (name, value) in [("AccountId", account_id.as_str().into()), ("IsPersonAccount", true.into())] {
            contact.set(schema.index_of(name).expect("a contact has these fields"), value);
        }
        let (contact_slot, contact_id) = self.tables[contacts].reserve();
        self.fill_in(contacts, &contact_id, &mut contact, &run.context.user_id, run.context.now_ms);
        rules::derive_person_name(&self.tables[contacts].schema, &mut contact);
        self.store(run.touched, contacts, contact_slot, Some(contact.pack()));
        let mut account = account.unpack();
        if let Some(index) = self.tables[accounts].schema.index_of("PersonContactId") {
            account.set(index, contact_id.into());
        }
        self.store(run.touched, accounts, slot, Some(account.pack()));
    }

    fn mirror(
        &mut self,
        run: &mut Run<'_>,
        from: &Row,
        (table, slot): (usize, Slot),
        shared: impl Iterator<Item = (FieldIndex, FieldIndex)>,
    ) {
        let Some(before) = self.tables[table].row(slot).cloned() else { return };
        let mut row = before.unpack();
        shared.for_each(|(from_index, to_index)| row.set(to_index, from.get(from_index).to_value()));
        rules::derive_person_name(&self.tables[table].schema, &mut row);
        if row.pack() == before {
            return;
        }
        self.stamp(run.context, table, &mut row);
        self.store(run.touched, table, slot, Some(row.pack()));
    }
}
