//! What a run leaves behind for the checkers: the org's history and ledger, the store's notes, and both sides as they are. It shares
//! nothing with the product's own conversions; the few that the mapping needs are written down here a second time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use syncline_model::{Value, issue::Issue, profile::Profile};
use syncline_org::LedgerEntry;

use crate::{schedule::TIERS, tap::Note};

/// A value, numbers in thousandths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plain {
    Nothing,
    Text(String),
    Thousandths(i64),
}

impl Plain {
    pub(crate) fn of_json(value: &Json) -> Plain {
        match value {
            Json::String(text) if !text.is_empty() => Plain::Text(text.clone()),
            Json::Number(number) => Plain::Thousandths((number.as_f64().unwrap_or(f64::NAN) * 1_000.0).round() as i64),
            _ => Plain::Nothing,
        }
    }

    pub(crate) fn of_value(value: &Value) -> Plain {
        match value {
            Value::Text(text) => Plain::Text(text.clone()),
            Value::Number(number) => Plain::Thousandths((number.as_f64() * 1_000.0).round() as i64),
            _ => Plain::Nothing,
        }
    }
}

/// A line from Userflow to Salesforce, with what the field makes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outbound {
    pub(crate) object: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    /// Decimals of a number field.
    pub(crate) scale: u32,
    /// A picklist that takes nothing but its choices.
    pub(crate) is_tier: bool,
}

/// The lines from Salesforce to Userflow: object, field, attribute. All are texts and stay as they are.
pub(crate) const INBOUND: [(&str, &str, &str); 3] = [
    ("Contact", "Title", "salesforce_title"),
    ("Contact", "Department", "salesforce_department"),
    ("Account", "Website", "salesforce_website"),
];

const fn line(object: &'static str, from: &'static str, to: &'static str, scale: u32, is_tier: bool) -> Outbound {
    Outbound { object, from, to, scale, is_tier }
}

/// The lines from Userflow to Salesforce.
pub(crate) const OUTBOUND: [Outbound; 4] = [
    line("Contact", "plan", "userflow_user_plan__c", 0, false),
    line("Contact", "score", "userflow_user_onboarding_score__c", 2, false),
    line("Contact", "tier", "Tier__c", 0, true),
    line("Account", "seats", "userflow_company_seats__c", 0, false),
];

impl Outbound {
    /// What the field keeps of a value; `None` where it can not be written.
    pub(crate) fn kept(&self, value: &Plain) -> Option<Plain> {
        Some(match value {
            Plain::Nothing => Plain::Nothing,
            Plain::Text(text) if self.is_tier => {
                return TIERS.contains(&text.as_str()).then(|| value.clone());
            }
            Plain::Text(text) => match text.trim() {
                "" => Plain::Nothing,
                text => Plain::Text(text.to_owned()),
            },
            Plain::Thousandths(number) => {
                let unit = 10_i64.pow(3 - self.scale);
                // Half away from zero.
                let rounded = (number.abs() + unit / 2) / unit * unit;
                Plain::Thousandths(rounded * number.signum())
            }
        })
    }
}

/// A change of a field in the org.
#[derive(Clone, Debug)]
pub(crate) struct FieldChange {
    pub(crate) record: String,
    pub(crate) object: String,
    pub(crate) field: String,
    pub(crate) old: Json,
    pub(crate) new: Plain,
    /// By this machine's clock.
    pub(crate) at_ms: i64,
    /// Made by the connected user.
    pub(crate) ours: bool,
    pub(crate) transaction: u64,
}

/// A record as it is at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    pub(crate) object: String,
    pub(crate) created_ms: i64,
    pub(crate) fields: BTreeMap<String, Plain>,
}

impl Live {
    pub(crate) fn field(&self, name: &str) -> Plain {
        self.fields.get(name).cloned().unwrap_or(Plain::Nothing)
    }
}

/// A value that the run gave an attribute.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) profile: String,
    pub(crate) attribute: String,
    pub(crate) value: Plain,
    pub(crate) at_ms: i64,
}

/// Everything.
pub(crate) struct Evidence {
    pub(crate) history: Vec<FieldChange>,
    pub(crate) ledger: Vec<LedgerEntry>,
    pub(crate) client_id: String,
    pub(crate) notes: Vec<Note>,
    pub(crate) written: Vec<Written>,
    /// Records that live.
    pub(crate) records: BTreeMap<String, Live>,
    /// Users by id, and companies by theirs.
    pub(crate) users: BTreeMap<String, Profile>,
    pub(crate) companies: BTreeMap<String, Profile>,
    pub(crate) issues: Vec<Issue>,
}

impl Evidence {
    /// Ids of live records that have the profile's key, the oldest first.
    pub(crate) fn candidates(&self, profile: &Profile, object: &str) -> Vec<&str> {
        let Some(key) = key_of(profile, object) else { return Vec::new() };
        let has_key = |live: &Live| {
            live.object == object && key_in(&live.field(key_field(object)), object).as_ref() == Some(&key)
        };
        let mut found: Vec<(i64, &str)> = self
            .records
            .iter()
            .filter(|(_, live)| has_key(live))
            .map(|(id, live)| (live.created_ms, id.as_str()))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Every key that a record ever had.
    pub(crate) fn record_keys(&self, record: &str, object: &str) -> BTreeSet<String> {
        let field = key_field(object);
        let changes = self.history.iter().filter(|change| change.record == record && change.field == field);
        changes
            .flat_map(|change| [Plain::of_json(&change.old), change.new.clone()])
            .filter_map(|key| key_in(&key, object))
            .collect()
    }

    /// Every key that a profile ever had.
    pub(crate) fn profile_keys(&self, profile: &str, object: &str) -> BTreeSet<String> {
        if object == "Account" {
            return BTreeSet::from([profile.to_owned()]);
        }
        let emails = self.written.iter().filter(|written| written.profile == profile && written.attribute == "email");
        emails.filter_map(|written| key_in(&written.value, object)).collect()
    }

    /// Values that a field of a record had, in order.
    pub(crate) fn versions<'e>(&'e self, record: &'e str, field: &'e str) -> impl Iterator<Item = &'e FieldChange> {
        self.history.iter().filter(move |change| change.record == record && change.field == field)
    }

    /// Profiles of an object.
    pub(crate) fn profiles(&self, object: &str) -> &BTreeMap<String, Profile> {
        if object == "Account" { &self.companies } else { &self.users }
    }

    /// Whether the profile has an issue about this field or attribute, or about the record as a whole.
    pub(crate) fn is_parked(&self, object: &str, profile: &str, names: &[&str]) -> bool {
        let kind = if object == "Account" { "company" } else { "user" };
        self.issues.iter().any(|issue| {
            issue.profile_kind.as_str() == kind
                && issue.profile_id == profile
                // A validation rule refuses the record, whatever field it puts its words at.
                && (issue.issue.code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
                    || issue.issue.field.as_deref().is_none_or(|field| names.contains(&field)))
        })
    }
}

/// The field that records of an object are matched by.
pub(crate) fn key_field(object: &str) -> &'static str {
    if object == "Account" { "External_Id__c" } else { "Email" }
}

fn key_in(value: &Plain, object: &str) -> Option<String> {
    let Plain::Text(text) = value else { return None };
    let text = text.trim();
    (!text.is_empty()).then(|| if object == "Contact" { text.to_lowercase() } else { text.to_owned() })
}

/// The profile's key in normal form.
pub(crate) fn key_of(profile: &Profile, object: &str) -> Option<String> {
    match object {
        "Account" => Some(profile.id.clone()),
        _ => key_in(&Plain::of_value(profile.attribute("email")), object),
    }
}
