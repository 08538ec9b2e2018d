//! Lead conversion: a lead becomes an account, a contact and, if wanted, an opportunity.

use serde::Deserialize;

use super::Run;
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::row::{Draft, Row};
use crate::core::table::Slot;
use crate::core::value::{FieldValue, civil_from_days, days_from_civil};
use crate::core::write::{WriteOutcome, permit};

/// What a lead is to become.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct LeadConversion {
    /// 15- or 18-character id of the lead.
    pub lead_id: String,
    /// A status that stands for converted leads.
    pub converted_status: String,
    /// An account that is there; `None` for a new one.
    pub account_id: Option<String>,
    /// A contact of that account; `None` for a new one.
    pub contact_id: Option<String>,
    /// Whether no opportunity is wanted.
    pub do_not_create_opportunity: bool,
    /// Its name; `None` for the company's.
    pub opportunity_name: Option<String>,
    /// Owner of what is made; `None` for the lead's.
    pub owner_id: Option<String>,
    /// Whether a contact that is there takes the lead's source, if it has one already.
    pub overwrite_lead_source: bool,
}

/// From the lead to the account (Salesforce help, "Lead Conversion Field Mapping").
const TO_ACCOUNT: &[(&str, &str)] = &[
    ("Company", "Name"),
    ("Street", "BillingStreet"),
    ("City", "BillingCity"),
    ("State", "BillingState"),
    ("PostalCode", "BillingPostalCode"),
    ("Country", "BillingCountry"),
    ("Phone", "Phone"),
    ("Fax", "Fax"),
    ("Website", "Website"),
    ("Industry", "Industry"),
    ("AnnualRevenue", "AnnualRevenue"),
    ("NumberOfEmployees", "NumberOfEmployees"),
    ("Rating", "Rating"),
    ("LeadSource", "AccountSource"),
];
const TO_CONTACT: &[(&str, &str)] = &[
    ("FirstName", "FirstName"),
    ("LastName", "LastName"),
    ("Salutation", "Salutation"),
    ("Title", "Title"),
    ("Email", "Email"),
    ("Phone", "Phone"),
    ("MobilePhone", "MobilePhone"),
    ("Fax", "Fax"),
    ("Street", "MailingStreet"),
    ("City", "MailingCity"),
    ("State", "MailingState"),
    ("PostalCode", "MailingPostalCode"),
    ("Country", "MailingCountry"),
    ("LeadSource", "LeadSource"),
    ("Description", "Description"),
    ("HasOptedOutOfEmail", "HasOptedOutOfEmail"),
    ("HasOptedOutOfFax", "HasOptedOutOfFax"),
    ("DoNotCall", "DoNotCall"),
];
const FIRST_STAGE: &str = "Prospecting";

type Values = Vec<(&'static str, FieldValue)>;

impl Org {
    pub(super) fn convert(&mut self, run: &mut Run<'_>, wanted: &LeadConversion) -> Result<WriteOutcome, WriteError> {
        let (leads, slot) = self.locate_live(&wanted.lead_id, Some("Lead"))?;
        let lead = self.tables[leads].row(slot).cloned().ok_or_else(WriteError::no_such_record)?;
        permit(run.access.edits(&self.tables[leads].schema))?;
        if self.tables[leads].is_checked(&lead, "IsConverted") {
            return Err(WriteError::converted());
        }
        if !self.is_converted_status(&wanted.converted_status) {
            let message = format!("invalid convertedStatus: {}", wanted.converted_status);
            return Err(WriteError::new("INVALID_STATUS", message));
        }
        let owner: FieldValue = match &wanted.owner_id {
            Some(owner) => {
                let (table, slot) = self.locate_live(owner, Some("User"))?;
                self.id_at(table, slot).into()
            }
            None => self.owner_of_what_is_made(run, leads, &lead),
        };
        let account_id = self.converted_account(run, wanted, leads, &lead, &owner)?;
        let contact_id = self.converted_contact(run, wanted, leads, &lead, &owner, &account_id)?;
        let opportunity_id = match wanted.do_not_create_opportunity {
            true => None,
            false => Some(self.converted_opportunity(run, wanted, leads, &lead, owner, &account_id, &contact_id)?),
        };
        self.move_activities(run, &lead, leads, &contact_id, opportunity_id.as_deref().unwrap_or(&account_id))?;
        let today = (run.context.now_ms / 86_400_000) as i32;
        let outcome: Values = vec![
            ("IsConverted", true.into()),
            ("Status", wanted.converted_status.as_str().into()),
            ("ConvertedDate", FieldValue::Date(today)),
            ("ConvertedAccountId", account_id.into()),
            ("ConvertedContactId", contact_id.into()),
            ("ConvertedOpportunityId", opportunity_id.map_or(FieldValue::Null, FieldValue::from)),
            ("IsUnreadByOwner", false.into()),
        ];
        self.amend(run, leads, slot, outcome)?;
        Ok(WriteOutcome::changed(self.tables[leads].id_of(&lead).to_owned()))
    }

    /// A queue owns no account.
    fn owner_of_what_is_made(&self, run: &Run<'_>, leads: usize, lead: &Row) -> FieldValue {
        let owner = self.tables[leads].text(lead, "OwnerId").filter(|id| id.starts_with("005"));
        owner.unwrap_or(&run.context.user_id).into()
    }

    fn is_converted_status(&self, status: &str) -> bool {
        let Some(table) = self.table("LeadStatus") else { return false };
        table.iter().any(|(_, row)| {
            table.is_checked(row, "IsConverted")
                && table.text(row, "ApiName").is_some_and(|name| name.eq_ignore_ascii_case(status))
        })
    }

    /// The lead's fields under the names that they have there.
    fn mapped(&self, leads: usize, lead: &Row, mapping: &'static [(&'static str, &'static str)]) -> Values {
        let schema = &self.tables[leads].schema;
        let value = |name: &str| schema.index_of(name).map_or(FieldValue::Null, |index| lead.get(index).to_value());
        mapping.iter().map(|(from, to)| (*to, value(from))).filter(|(_, value)| !value.is_null()).collect()
    }

    fn converted_account(
        &mut self,
        run: &mut Run<'_>,
        wanted: &LeadConversion,
        leads: usize,
        lead: &Row,
        owner: &FieldValue,
    ) -> Result<String, WriteError> {
        let mut values = self.mapped(leads, lead, TO_ACCOUNT);
        let Some(given) = &wanted.account_id else {
            values.push(("OwnerId", owner.clone()));
            return self.make(run, "Account", values);
        };
        let (table, slot) = self.locate_live(given, Some("Account"))?;
        self.complete(run, table, slot, values)?;
        Ok(self.id_at(table, slot))
    }

    fn converted_contact(
        &mut self,
        run: &mut Run<'_>,
        wanted: &LeadConversion,
        leads: usize,
        lead: &Row,
        owner: &FieldValue,
        account_id: &str,
    ) -> Result<String, WriteError> {
        let mut values = self.mapped(leads, lead, TO_CONTACT);
        let Some(given) = &wanted.contact_id else {
            values.extend([("AccountId", account_id.into()), ("OwnerId", owner.clone())]);
            return self.make(run, "Contact", values);
        };
        let (table, slot) = self.locate_live(given, Some("Contact"))?;
        let contact = self.tables[table].row(slot).ok_or_else(WriteError::no_such_record)?;
        if wanted.account_id.is_none() || self.tables[table].text(contact, "AccountId") != Some(account_id) {
            let message = "the contact is not one of the account's";
            return Err(WriteError::new("INVALID_CROSS_REFERENCE_KEY", message));
        }
        if wanted.overwrite_lead_source
            && let Some((name, source)) = values.iter().find(|(name, _)| *name == "LeadSource").cloned()
        {
            self.amend(run, table, slot, vec![(name, source)])?;
        }
        self.complete(run, table, slot, values)?;
        Ok(self.id_at(table, slot))
    }

    #[expect(clippy::too_many_arguments, reason = "an opportunity comes from all that was made before it")]
    fn converted_opportunity(
        &mut self,
        run: &mut Run<'_>,
        wanted: &LeadConversion,
        leads: usize,
        lead: &Row,
        owner: FieldValue,
        account_id: &str,
        contact_id: &str,
    ) -> Result<String, WriteError> {
        let company = self.tables[leads].text(lead, "Company").unwrap_or_default();
        let name = match &wanted.opportunity_name {
            Some(name) => name.clone(),
            None => format!("{company}-"),
        };
        let mut values = self.mapped(leads, lead, &[("LeadSource", "LeadSource")]);
        values.extend([
            ("Name", name.into()),
            ("AccountId", account_id.into()),
            ("StageName", FIRST_STAGE.into()),
            ("CloseDate", FieldValue::Date(end_of_quarter((run.context.now_ms / 86_400_000) as i32))),
            ("OwnerId", owner),
        ]);
        let id = self.make(run, "Opportunity", values)?;
        let role: Values =
            vec![("OpportunityId", id.as_str().into()), ("ContactId", contact_id.into()), ("IsPrimary", true.into())];
        self.make(run, "OpportunityContactRole", role)?;
        Ok(id)
    }

    fn move_activities(
        &mut self,
        run: &mut Run<'_>,
        lead: &Row,
        leads: usize,
        contact_id: &str,
        about: &str,
    ) -> Result<(), WriteError> {
        let lead_id = self.tables[leads].id_of(lead).to_owned();
        let of_the_lead = self.children(
            leads,
            &lead_id,
            |child, row| !child.is_deleted(row),
            |field| matches!(field.name.as_str(), "WhoId" | "LeadId"),
        );
        for (table, slot) in of_the_lead {
            let values: Values = match self.tables[table].schema.name.as_str() {
                "CampaignMember" => vec![("ContactId", contact_id.into())],
                _ => vec![("WhoId", contact_id.into()), ("WhatId", about.into())],
            };
            self.amend(run, table, slot, values)?;
        }
        Ok(())
    }

    /// Fills in what a record does not have yet.
    fn complete(&mut self, run: &mut Run<'_>, table: usize, slot: Slot, values: Values) -> Result<(), WriteError> {
        let own = &self.tables[table];
        let Some(row) = own.row(slot) else { return Ok(()) };
        let is_empty = |name: &str| own.schema.index_of(name).is_some_and(|index| row.get(index).is_null());
        let missing: Values = values.into_iter().filter(|(name, _)| is_empty(name)).collect();
        if missing.is_empty() { Ok(()) } else { self.amend(run, table, slot, missing) }
    }

    /// Makes a record as the platform itself does: no field is closed to it.
    pub(super) fn make(&mut self, run: &mut Run<'_>, object: &str, values: Values) -> Result<String, WriteError> {
        let table = self.table_index(object).expect("the platform makes records of standard objects");
        let mut row = Draft::default();
        self.put(table, &mut row, values);
        self.insert(run, table, row)
    }

    /// Changes a record as the platform itself does.
    pub(super) fn amend(
        &mut self,
        run: &mut Run<'_>,
        table: usize,
        slot: Slot,
        values: Values,
    ) -> Result<(), WriteError> {
        let before = self.tables[table].row(slot).cloned().ok_or_else(WriteError::no_such_record)?;
        let mut row = before.unpack();
        self.put(table, &mut row, values);
        self.stamp(run.context, table, &mut row);
        self.save(run, table, slot, Some(&before), row)
    }

    fn put(&self, table: usize, row: &mut Draft, values: Values) {
        for (name, value) in values {
            let index = self.tables[table].schema.index_of(name);
            row.set(index.expect("the catalogue gives standard objects these fields"), value);
        }
    }
}

fn end_of_quarter(day: i32) -> i32 {
    let (year, month, _) = civil_from_days(day);
    match (month - 1) / 3 * 3 + 4 {
        13 => days_from_civil(year + 1, 1, 1) - 1,
        next => days_from_civil(year, next, 1) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::value::{format_date, parse_date};

    #[test]
    fn a_quarter_ends_on_its_last_day() {
        for (day, end) in [("2023-01-01", "2023-03-31"), ("2023-11-14", "2023-12-31"), ("2024-06-30", "2024-06-30")] {
            assert_eq!(format_date(end_of_quarter(parse_date(day).unwrap())), end);
        }
    }
}
