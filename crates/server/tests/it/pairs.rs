//! Which objects are synced with what: each pair goes both ways, against the emulated org.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_model::{
    attribute::AttributeOperation,
    profile::{ProfileKind, ProfileWrite},
};

use crate::{
    harness::{Browser, Harness, eventually},
    org::Org,
};

/// An object and what it is synced with.
struct Pair {
    object: &'static str,
    kind: ProfileKind,
    /// The field and the attribute that are matched by.
    key: (&'static str, &'static str),
    /// A field that is synced from Salesforce, and two values of it.
    from: (&'static str, Value, Value),
    /// What a record needs besides.
    record: Value,
}

impl Pair {
    fn profile(&self) -> String {
        format!("{}-{}", self.object.to_lowercase(), self.kind.as_str())
    }

    /// What both sides have in the fields that are matched by.
    fn key_value(&self) -> String {
        match self.key {
            (_, "company_id" | "user_id") => self.profile(),
            ("Email", _) => format!("{}@pairs.test", self.profile()),
            _ => format!("Key of {}", self.profile()),
        }
    }

    /// The attribute that the field goes into; each pair has its own.
    fn attribute(&self) -> String {
        format!("{}_{}", self.object.to_lowercase(), self.from.0.to_lowercase())
    }

    fn mapping(&self) -> Value {
        let field = format!("userflow_{}_plan__c", self.kind.as_str());
        json!({
            "salesforce": self.object, "userflow": self.kind.as_str(),
            "match": { "salesforce": self.key.0, "userflow": self.key.1 },
            "inbound": [{ "from": self.from.0, "to": self.attribute() }],
            "outbound": [{ "from": "plan", "to": field }],
        })
    }

    async fn write(&self, harness: &Harness, values: &[(&str, &str)]) {
        let set = |(name, value): &(&str, &str)| ((*name).to_owned(), AttributeOperation::set((*value).into()));
        let operations = values.iter().map(set).collect();
        let write = ProfileWrite::Upsert { kind: self.kind, id: self.profile(), operations, seen: false };
        harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
    }

    async fn inbound_becomes(&self, harness: &Harness, wanted: &Value) {
        eventually(&format!("{} of {} becomes {wanted}", self.attribute(), self.profile()), async || {
            let store = &harness.store;
            let profile = store.profile(harness.environment.id, self.kind, &self.profile()).await.unwrap()?;
            (serde_json::to_value(profile.attribute(&self.attribute())).unwrap() == *wanted).then_some(())
        })
        .await;
    }

    async fn outbound_becomes(&self, org: &Org, id: &str, wanted: &str) {
        let field = format!("userflow_{}_plan__c", self.kind.as_str());
        eventually(&format!("{field} of {} becomes {wanted}", self.object), async || {
            (org.value(self.object, id, &field).await == wanted).then_some(())
        })
        .await;
    }

    /// Goes both ways: first what there is, then what changes.
    async fn goes_both_ways(&self, harness: &Harness, browser: &Browser, org: &Org) {
        let mut record = self.record.clone();
        record[self.key.0] = json!(self.key_value());
        record[self.from.0] = self.from.1.clone();
        let id = org.create(self.object, record).await;
        let mut values = vec![("plan", "growth")];
        let key = self.key_value();
        if !matches!(self.key.1, "company_id" | "user_id") {
            values.push((self.key.1, &key));
        }
        self.write(harness, &values).await;
        make(browser, self.mapping()).await;

        self.inbound_becomes(harness, &self.from.1).await;
        self.outbound_becomes(org, &id, "growth").await;
        org.edit(self.object, &id, json!({ self.from.0: self.from.2 })).await;
        self.inbound_becomes(harness, &self.from.2).await;
        self.write(harness, &[("plan", "scale")]).await;
        self.outbound_becomes(org, &id, "scale").await;
    }
}

async fn make(browser: &Browser, mapping: Value) {
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
}

async fn no_issues(harness: &Harness) {
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap().id;
    let issues = harness.store.issues(connection, None, 10).await.unwrap();
    assert!(issues.is_empty(), "{issues:?}");
}

/// All on one connection, each mapping beside the ones before.
#[tokio::test]
async fn each_standard_object_goes_both_ways_with_users_and_companies() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let pairs = [
        Pair {
            object: "Lead",
            kind: ProfileKind::User,
            key: ("Email", "email"),
            from: ("Title", json!("CTO"), json!("Founder")),
            record: json!({ "LastName": "Ada", "Company": "Acme" }),
        },
        Pair {
            object: "Account",
            kind: ProfileKind::Company,
            key: ("AccountNumber", "company_id"),
            from: ("Industry", json!("Banking"), json!("Energy")),
            record: json!({ "Name": "Acme" }),
        },
        Pair {
            object: "Opportunity",
            kind: ProfileKind::Company,
            key: ("Name", "deal"),
            from: ("Amount", json!(1200), json!(1500.5)),
            record: json!({ "StageName": "Prospecting", "CloseDate": "2027-01-31" }),
        },
        Pair {
            object: "Contact",
            kind: ProfileKind::Company,
            key: ("Email", "billing_email"),
            from: ("Title", json!("CFO"), json!("Chair")),
            record: json!({ "LastName": "Billing" }),
        },
    ];
    for pair in &pairs {
        pair.goes_both_ways(&harness, &browser, &org).await;
    }
    no_issues(&harness).await;
    harness.end().await;
}
