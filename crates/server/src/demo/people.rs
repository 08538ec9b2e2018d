//! The users and companies of the demo: a part of the org's contacts and accounts also use the application, and a few people use
//! it whom Salesforce has never heard of.

use std::collections::{BTreeSet, HashMap, HashSet};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use rand::{
    RngExt, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};
use serde_json::Value as Json;
use syncline_model::{
    Number, Value,
    attribute::AttributeOperation,
    id::EnvironmentId,
    profile::{ProfileKind, ProfileWrite},
    store::Store,
};

use super::org_client::{OrgClient, Row};

/// One of so many contacts and accounts uses the application.
const SHARE: usize = 4;

/// One of so many users is a stranger to Salesforce.
const STRANGERS: usize = 25;

/// Profiles of one transaction.
const BATCH: usize = 100;

/// The same people each time.
const SEED: u64 = 2026;

const PLANS: [&str; 4] = ["free", "starter", "growth", "enterprise"];
const ROLES: [&str; 3] = ["admin", "member", "viewer"];
const FEATURES: [&str; 6] = ["dashboards", "alerts", "api", "exports", "sso", "automations"];

/// A profile and the record that it stands for.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// Id of the user or company.
    pub(super) profile_id: String,
    /// Id of the contact or account.
    pub(super) record_id: String,
}

/// Who is on both sides.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    /// Users and their contacts.
    pub(super) users: Vec<Pair>,
    /// Companies and their accounts.
    pub(super) companies: Vec<Pair>,
}

/// A plan that somebody may be on.
pub(super) fn any_plan(random: &mut StdRng) -> &'static str {
    PLANS.choose(random).copied().unwrap_or(PLANS[0])
}

/// Gives a part of the org's people an account in the application.
pub(super) async fn populate(
    store: &dyn Store,
    environment: EnvironmentId,
    org: &OrgClient,
    now: Timestamp,
) -> anyhow::Result<People> {
    let mut accounts = org.query("SELECT Id, Name, External_Id__c FROM Account ORDER BY CreatedDate, Id").await?;
    let mut contacts =
        org.query("SELECT Id, FirstName, LastName, Email, AccountId FROM Contact ORDER BY CreatedDate, Id").await?;
    let mut sower = Sower { random: StdRng::seed_from_u64(SEED), now, writes: Vec::new() };
    let (account_count, contact_count) = (accounts.len().div_ceil(SHARE), contacts.len().div_ceil(SHARE));

    accounts.retain(|account| account.get("External_Id__c").is_some_and(Json::is_string));
    accounts.shuffle(&mut sower.random);
    // The one that everybody looks for is there.
    accounts.sort_by_key(|account| text(account, "External_Id__c") != "acme-corp");
    accounts.truncate(account_count);
    let chosen: HashMap<String, String> =
        accounts.iter().map(|account| (text(account, "Id"), text(account, "External_Id__c"))).collect();

    // Colleagues use the application together; after them come people who are alone in it.
    contacts.retain(|contact| contact.get("Email").is_some_and(Json::is_string));
    contacts.shuffle(&mut sower.random);
    let mut seen = HashSet::new();
    contacts.sort_by_key(|contact| {
        let account = text(contact, "AccountId");
        (!chosen.contains_key(&account), !seen.insert(account))
    });
    contacts.truncate(contact_count);

    let mut people = People::default();
    for account in &accounts {
        people.companies.push(sower.sow_company(account));
    }
    for (place, contact) in contacts.iter().enumerate() {
        let company = chosen.get(&text(contact, "AccountId"));
        people.users.push(sower.sow_user(place, contact, company.map(String::as_str)));
    }
    for place in 0..contacts.len().div_ceil(STRANGERS) {
        sower.sow_stranger(place);
    }
    for batch in sower.writes.chunks(BATCH) {
        store.write(environment, &batch.to_vec()).await.context("the demo's people can not be kept")?;
    }
    Ok(people)
}

fn text(row: &Row, field: &str) -> String {
    row.get(field).and_then(Json::as_str).unwrap_or_default().to_owned()
}

struct Sower {
    random: StdRng,
    now: Timestamp,
    writes: Vec<ProfileWrite>,
}

impl Sower {
    fn sow_company(&mut self, account: &Row) -> Pair {
        let id = text(account, "External_Id__c");
        let seats = self.random.random_range(3..400);
        let attributes = vec![
            ("name", Value::text(text(account, "Name"))),
            ("plan", Value::from(any_plan(&mut self.random))),
            ("seats", number(seats)),
            ("monthly_spend", number(seats * self.random.random_range(9..45))),
            ("signed_up_at", self.past_moment()),
        ];
        self.upsert(ProfileKind::Company, &id, attributes);
        Pair { profile_id: id, record_id: text(account, "Id") }
    }

    fn sow_user(&mut self, place: usize, contact: &Row, company: Option<&str>) -> Pair {
        let id = format!("u_{}", 10_001 + place);
        let name = format!("{} {}", text(contact, "FirstName"), text(contact, "LastName"));
        let mut email = text(contact, "Email");
        if place % 10 == 9 {
            // People type their address as they please; it is the same address.
            email = email.split('.').map(capitalised).collect::<Vec<_>>().join(".");
        }
        self.sow_person(&id, name.trim(), &email);
        if let Some(company) = company {
            let role = ROLES.choose(&mut self.random).copied().unwrap_or(ROLES[1]);
            self.writes.push(ProfileWrite::Join {
                user_id: id.clone(),
                company_id: company.to_owned(),
                operations: vec![("role".to_owned(), AttributeOperation::set(Value::from(role)))],
            });
        }
        Pair { profile_id: id, record_id: text(contact, "Id") }
    }

    fn sow_stranger(&mut self, place: usize) {
        let name = format!("Guest {}", place + 1);
        self.sow_person(&format!("guest_{}", place + 1), &name, &format!("guest{}@mail.example", place + 1));
    }

    fn sow_person(&mut self, id: &str, name: &str, email: &str) {
        let used: BTreeSet<_> = FEATURES.iter().filter(|_| self.random.random_bool(0.4)).collect();
        let attributes = vec![
            ("name", Value::text(name)),
            ("email", Value::text(email)),
            ("plan", Value::from(any_plan(&mut self.random))),
            ("onboarding_score", number(self.random.random_range(0..=100))),
            ("is_trial", Value::from(self.random.random_bool(0.2))),
            ("signed_up_at", self.past_moment()),
            ("features_used", Value::List(used.into_iter().map(|feature| (*feature).to_owned()).collect())),
        ];
        self.upsert(ProfileKind::User, id, attributes);
    }

    fn upsert(&mut self, kind: ProfileKind, id: &str, attributes: Vec<(&str, Value)>) {
        let operations = attributes.into_iter().map(|(name, value)| (name.to_owned(), AttributeOperation::set(value)));
        self.writes.push(ProfileWrite::Upsert {
            kind,
            id: id.to_owned(),
            operations: operations.collect(),
            seen: true,
        });
    }

    fn past_moment(&mut self) -> Value {
        let ago = SignedDuration::from_secs(self.random.random_range(3_600..2 * 365 * 86_400));
        Value::DateTime(self.now.saturating_sub(ago).unwrap_or(self.now))
    }
}

fn number(value: i32) -> Value {
    Number::new(f64::from(value)).map_or(Value::Null, Value::Number)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
