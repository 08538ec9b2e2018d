//! Person accounts: an account that is a person has a contact, and what they share is the same in both.

use super::Run;
use crate::core::catalog::is_of_people;
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::row::{Draft, Row};
use crate::core::rules;
use crate::core::schema::{FieldIndex, FieldSchema, ObjectSchema};
use crate::core::table::{Slot, Table};
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
        row.set(at("IsPersonAccount"), is_person.into());
        if let Some(before) = before.filter(|_| was_person != Some(is_person)) {
            self.check_conversion(schema, before, row)?;
            match is_person {
                true => self.marry(schema, row)?,
                false => {
                    let of_people = shared.iter().filter(|(own, _)| is_of_people(&schema.field(*own).name));
                    of_people.for_each(|(own, _)| row.set(*own, schema.field(*own).default.clone()));
                    row.set(at("PersonContactId"), FieldValue::Null);
                }
            }
        }
        let is_given =
            |index| !row.get(index).is_null() && row.get(index) != schema.field(index).default.as_field_ref();
        if is_person {
            let name = at("Name");
            // It is made of the person's first and last name.
            if before.map_or(is_given(name), |before| was_person == Some(true) && before.get(name) != row.get(name)) {
                return Err(WriteError::not_writeable(vec!["Name".to_owned()]));
            }
            if row.get(at("LastName")).is_null() {
                return Err(WriteError::missing(vec!["LastName".to_owned()]));
            }
            rules::derive_person_name(schema, row);
            return Ok(());
        }
        let foreign = shared.iter().map(|(own, _)| (*own, schema.field(*own)));
        let foreign = foreign.filter(|(own, field)| is_of_people(&field.name) && is_given(*own));
        let foreign: Vec<String> = foreign.map(|(_, field)| field.name.clone()).collect();
        if foreign.is_empty() { Ok(()) } else { Err(WriteError::not_writeable(foreign)) }
    }

    /// A change between company and person comes alone. (SOAP API guide, "Person Account Record Types".)
    fn check_conversion(&self, schema: &ObjectSchema, before: &Row, row: &Draft) -> Result<(), WriteError> {
        let is_free = |name: &str| {
            name.starts_with("LastModified") || matches!(name, "SystemModstamp" | "RecordTypeId" | "IsPersonAccount")
        };
        let mut others = schema.each_field().filter(|(_, field)| !is_free(&field.name));
        if others.any(|(index, _)| before.get(index) != row.get(index)) {
            let message = "Cannot specify any additional fields when marrying or separating a Person-Account";
            return Err(WriteError::new("INVALID_FIELD_FOR_INSERT_UPDATE", message));
        }
        Ok(())
    }

    /// A company with one contact becomes the person that the contact is; what both have, the account gives.
    fn marry(&self, schema: &ObjectSchema, row: &mut Draft) -> Result<(), WriteError> {
        let (Some(shared), Some(contacts)) = (&self.person_accounts, self.table("Contact")) else { return Ok(()) };
        let account_id = schema.index_of("Id").map_or(FieldValue::Null, |index| row.get(index).to_value());
        let account = contacts.schema.index_of("AccountId").expect("a contact has an account");
        let rows = contacts.find(account, account_id.as_field_ref()).filter_map(|slot| contacts.row(slot));
        let own: Vec<&Row> = rows.filter(|contact| !contacts.is_deleted(contact)).collect();
        let [contact] = own.as_slice() else {
            let message = "An account that is to be a person has exactly one contact";
            return Err(WriteError::at("INVALID_FIELD_FOR_INSERT_UPDATE", "RecordTypeId", message));
        };
        for (own, of_contact) in shared.iter().filter(|(own, _)| is_of_people(&schema.field(*own).name)) {
            row.set(*own, contact.get(*of_contact).to_value());
        }
        if let Some(index) = schema.index_of("PersonContactId") {
            row.set(index, contacts.id_of(contact).into());
        }
        Ok(())
    }

    /// After a write to a person account or to its contact: the other one follows, or is made. Where an account stopped being a
    /// person, its contact is one of its own.
    pub(super) fn keep_person_whole(
        &mut self,
        run: &mut Run<'_>,
        table: usize,
        slot: Slot,
        before: Option<&Row>,
    ) -> Result<(), WriteError> {
        let Some(shared) = self.person_accounts.clone() else { return Ok(()) };
        let own = &self.tables[table];
        let is_account = own.schema.name == "Account";
        let Some(row) = own.row(slot).cloned() else { return Ok(()) };
        let is_person = own.is_checked(&row, "IsPersonAccount");
        let left = before.filter(|_| is_account && !is_person).and_then(|before| own.text(before, "PersonContactId"));
        if let Some((contacts, contact)) = left.and_then(|id| self.locate(id)) {
            self.mark_person(run, contacts, contact, false);
        }
        if !is_person {
            return Ok(());
        }
        let own = &self.tables[table];
        let other = own.text(&row, if is_account { "PersonContactId" } else { "AccountId" });
        match (other.and_then(|id| self.locate(id)), is_account) {
            (Some(other), true) => {
                self.mark_person(run, other.0, other.1, true);
                self.mirror(run, &row, other, shared.iter().copied());
            }
            (Some(other), false) => {
                let back = shared.iter().map(|(account, contact)| (*contact, *account));
                self.mirror(run, &row, other, back);
            }
            (None, true) => self.make_person_contact(run, table, slot, &row, &shared),
            (None, false) => {}
        }
        Ok(())
    }

    fn mark_person(&mut self, run: &mut Run<'_>, contacts: usize, contact: Slot, is_person: bool) {
        let table = &self.tables[contacts];
        let index = table.schema.index_of("IsPersonAccount");
        let (Some(index), Some(row)) = (index, table.row(contact)) else { return };
        if row.get(index) == FieldValue::Boolean(is_person) {
            return;
        }
        let mut row = row.unpack();
        row.set(index, is_person.into());
        self.stamp(run.context, contacts, &mut row);
        self.store(run.touched, contacts, contact, Some(row.pack()));
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
        let Some(mut row) = self.tables[table].row(slot).map(Row::unpack) else { return };
        shared.for_each(|(from_index, to_index)| row.set(to_index, from.get(from_index).to_value()));
        rules::derive_person_name(&self.tables[table].schema, &mut row);
        // Both halves of a person have the same times, whichever was written. (CDC guide, "Updating a Person Account".)
        self.stamp(run.context, table, &mut row);
        self.store(run.touched, table, slot, Some(row.pack()));
    }

    /// Fields that a change event of an account or a contact leaves out although it could carry them: the name of a person, which is
    /// told by its parts; in an update what comes from the contact, unless changes of contacts are captured too; and of an account
    /// that becomes a person, or a company again, all but its type. (CDC guide, "Change Events for Person Accounts".)
    pub(in crate::core) fn left_out_of_person(
        &self,
        table: &Table,
        before: Option<&Row>,
        after: &Row,
    ) -> Vec<FieldIndex> {
        let is_account = table.schema.name == "Account";
        if self.person_accounts.is_none() || !(is_account || table.schema.name == "Contact") {
            return Vec::new();
        }
        let is_person = table.is_checked(after, "IsPersonAccount");
        let updated = before.filter(|before| !table.is_deleted(before) && !table.is_deleted(after));
        let is_converted = updated.is_some_and(|before| table.is_checked(before, "IsPersonAccount") != is_person);
        let tells_of_contact = updated.is_none() || self.is_captured("Contact");
        let is_left_out = |field: &FieldSchema| match (is_converted, is_account) {
            (true, _) => !is_account || field.name != "RecordTypeId",
            (false, true) => is_person && (field.name == "Name" || (!tells_of_contact && is_of_people(&field.name))),
            (false, false) => false,
        };
        let fields = table.schema.each_field().filter(|(_, field)| is_left_out(field));
        fields.map(|(index, _)| index).collect()
    }
}
