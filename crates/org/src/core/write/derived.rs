//! Fields that follow from other records: an activity's account, a case's contact, a campaign member's person.

use super::Run;
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::row::{Draft, Row};
use crate::core::rules;
use crate::core::schema::ObjectSchema;
use crate::core::table::Slot;
use crate::core::value::FieldValue;

/// What a case shows of its contact.
const CASE_CONTACT: [(&str, &str); 4] =
    [("ContactPhone", "Phone"), ("ContactMobile", "MobilePhone"), ("ContactEmail", "Email"), ("ContactFax", "Fax")];

/// What a campaign member shows of its person under the same name.
const MEMBER_PERSON: [&str; 13] = [
    "Salutation",
    "Name",
    "FirstName",
    "LastName",
    "Title",
    "Email",
    "Phone",
    "Fax",
    "MobilePhone",
    "Description",
    "DoNotCall",
    "HasOptedOutOfEmail",
    "LeadSource",
];
const ADDRESS: [&str; 5] = ["Street", "City", "State", "PostalCode", "Country"];

fn set(schema: &ObjectSchema, row: &mut Draft, field: &str, value: FieldValue) {
    if let Some(index) = schema.index_of(field) {
        row.set(index, value);
    }
}

impl Org {
    /// Sets the fields that follow from others, or says what does not go together.
    pub(in crate::core) fn derive(
        &self,
        table: usize,
        before: Option<&Row>,
        row: &mut Draft,
        now_ms: i64,
    ) -> Result<(), WriteError> {
        let schema = &self.tables[table].schema;
        rules::derive(schema, before, row, now_ms)?;
        match schema.name.as_str() {
            "Task" | "Event" => self.derive_activity(schema, row),
            "Case" => self.derive_case(schema, before, row, now_ms),
            "CampaignMember" => return self.derive_member(schema, before, row, now_ms),
            "Knowledge__kav" => return self.derive_article(schema, before, row),
            "Account" => return self.derive_account(schema, before, row),
            "User" => {
                let account = self.parent_value(schema, row, "ContactId", "AccountId");
                set(schema, row, "AccountId", account);
            }
            _ => {}
        }
        Ok(())
    }

    /// A value of the record that a reference points to.
    fn parent_value(&self, schema: &ObjectSchema, row: &Draft, reference: &str, field: &str) -> FieldValue {
        let parent = schema.index_of(reference).and_then(|index| self.record(row.get(index).as_text()?));
        let value = parent.and_then(|(object, parent)| Some(parent.get(object.index_of(field)?).to_value()));
        value.unwrap_or_default()
    }

    /// An activity belongs to the account of what it is about, or of whom.
    fn derive_activity(&self, schema: &ObjectSchema, row: &mut Draft) {
        let parent = |name: &str| schema.index_of(name).and_then(|index| self.record(row.get(index).as_text()?));
        let account = [parent("WhatId"), parent("WhoId")].into_iter().flatten().find_map(|(object, parent)| {
            let index = object.index_of(if object.name == "Account" { "Id" } else { "AccountId" })?;
            Some(parent.get(index).to_value()).filter(|account| !account.is_null())
        });
        set(schema, row, "AccountId", account.unwrap_or_default());
    }

    fn derive_case(&self, schema: &ObjectSchema, before: Option<&Row>, row: &mut Draft, now_ms: i64) {
        let is_null = |row: &Draft, name: &str| schema.index_of(name).is_some_and(|index| row.get(index).is_null());
        if is_null(row, "AccountId") && before.is_none() {
            let account = self.parent_value(schema, row, "ContactId", "AccountId");
            set(schema, row, "AccountId", account);
        }
        if is_null(row, "BusinessHoursId")
            && let Some(hours) = self.table("BusinessHours")
        {
            let default = hours.iter().find(|(_, row)| hours.is_checked(row, "IsDefault"));
            set(schema, row, "BusinessHoursId", default.map_or(FieldValue::Null, |(_, row)| hours.id_of(row).into()));
        }
        for (own, of_the_contact) in CASE_CONTACT {
            let value = self.parent_value(schema, row, "ContactId", of_the_contact);
            set(schema, row, own, value);
        }
        if schema.index_of("IsClosed").is_some_and(|index| row.get(index) == FieldValue::Boolean(true)) {
            if is_null(row, "ClosedDate") {
                set(schema, row, "ClosedDate", FieldValue::DateTime(now_ms / 1000 * 1000));
            }
        } else {
            set(schema, row, "ClosedDate", FieldValue::Null);
        }
    }

    /// A member is a lead or a contact, once in a campaign.
    fn derive_member(
        &self,
        schema: &ObjectSchema,
        before: Option<&Row>,
        row: &mut Draft,
        now_ms: i64,
    ) -> Result<(), WriteError> {
        let of =
            |row: &Draft, name: &str| schema.index_of(name).map_or(FieldValue::Null, |index| row.get(index).to_value());
        let (lead, contact) = (of(row, "LeadId"), of(row, "ContactId"));
        let (reference, kind) = match (lead.is_null(), contact.is_null()) {
            (true, true) => return Err(WriteError::missing(vec!["LeadId".to_owned(), "ContactId".to_owned()])),
            (_, false) => ("ContactId", "Contact"),
            (false, true) => ("LeadId", "Lead"),
        };
        if before.is_none() && self.is_member(of(row, "CampaignId"), reference, of(row, reference)) {
            return Err(WriteError::new("DUPLICATE_VALUE", "Already a campaign member."));
        }
        for name in MEMBER_PERSON {
            let value = self.parent_value(schema, row, reference, name);
            set(schema, row, name, value);
        }
        for name in ADDRESS {
            let prefix = if kind == "Contact" { "Mailing" } else { "" };
            let value = self.parent_value(schema, row, reference, &format!("{prefix}{name}"));
            set(schema, row, name, value);
        }
        let company = match kind {
            "Lead" => self.parent_value(schema, row, reference, "Company"),
            _ => {
                let account = self.parent_value(schema, row, reference, "AccountId");
                let account = account.as_text().and_then(|id| self.record(id));
                let name = account.and_then(|(object, row)| Some(row.get(object.index_of("Name")?).to_value()));
                name.unwrap_or_default()
            }
        };
        let has_responded = of(row, "Status").as_text() == Some("Responded");
        for (name, value) in [
            ("CompanyOrAccount", company),
            ("Type", kind.into()),
            ("LeadOrContactId", of(row, reference)),
            ("LeadOrContactOwnerId", self.parent_value(schema, row, reference, "OwnerId")),
            ("HasResponded", has_responded.into()),
        ] {
            set(schema, row, name, value);
        }
        if has_responded && of(row, "FirstRespondedDate").is_null() {
            set(schema, row, "FirstRespondedDate", FieldValue::Date((now_ms / 86_400_000) as i32));
        }
        Ok(())
    }

    /// Cases show their contact's numbers and address as they are.
    pub(super) fn refresh_cases(&mut self, run: &mut Run<'_>, table: usize, slot: Slot, before: Option<&Row>) {
        let contacts = &self.tables[table];
        let (Some(before), Some(after), "Contact") = (before, contacts.row(slot), contacts.schema.name.as_str()) else {
            return;
        };
        let changed = CASE_CONTACT.iter().any(|(_, of_the_contact)| {
            contacts.schema.index_of(of_the_contact).is_some_and(|index| before.get(index) != after.get(index))
        });
        let Some(case_table) = self.table_index("Case").filter(|_| changed) else { return };
        let cases = &self.tables[case_table];
        let Some(contact) = cases.schema.index_of("ContactId") else { return };
        let slots: Vec<Slot> = cases.find(contact, FieldValue::Text(contacts.id_of(after))).collect();
        for case_slot in slots {
            let cases = &self.tables[case_table];
            let Some(mut row) = cases.row(case_slot).map(Row::unpack) else { continue };
            for (own, of_the_contact) in CASE_CONTACT {
                let value = self.parent_value(&cases.schema, &row, "ContactId", of_the_contact);
                set(&cases.schema, &mut row, own, value);
            }
            self.store(run.touched, case_table, case_slot, Some(row.pack()));
        }
    }

    /// The contact that a new opportunity names has a part in it.
    pub(super) fn give_role(&mut self, run: &mut Run<'_>, table: usize, slot: Slot) -> Result<(), WriteError> {
        let own = &self.tables[table];
        let contact =
            own.row(slot).filter(|_| own.schema.name == "Opportunity").and_then(|row| own.text(row, "ContactId"));
        let Some(contact) = contact.map(FieldValue::from) else { return Ok(()) };
        let role =
            vec![("OpportunityId", self.id_at(table, slot).into()), ("ContactId", contact), ("IsPrimary", true.into())];
        self.make(run, "OpportunityContactRole", role).map(drop)
    }

    fn is_member(&self, campaign: FieldValue, reference: &str, person: FieldValue) -> bool {
        let Some(members) = self.table("CampaignMember") else { return false };
        let Some((own, of_campaign)) = members.schema.index_of(reference).zip(members.schema.index_of("CampaignId"))
        else {
            return false;
        };
        let campaign = campaign.as_field_ref();
        members
            .find(own, person.as_field_ref())
            .filter_map(|slot| members.row(slot))
            .any(|member| !members.is_deleted(member) && member.get(of_campaign) == campaign)
    }
}
