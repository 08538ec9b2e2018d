//! Which objects are synced with what: each pair goes both ways, against the emulated org.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_engine::Tempo;
use syncline_model::{
    attribute::AttributeOperation,
    issue::{IssueFilter, IssueKind},
    profile::{ProfileKind, ProfileWrite},
};

use crate::{
    association::becomes,
    harness::{Browser, Harness, eventually, refused},
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
    let issues = harness.store.issues(connection, &IssueFilter::default(), None, 10).await.unwrap();
    assert!(issues.is_empty(), "{issues:?}");
}

fn lead() -> Pair {
    Pair {
        object: "Lead",
        kind: ProfileKind::User,
        key: ("Email", "email"),
        from: ("Title", json!("CTO"), json!("Founder")),
        record: json!({ "LastName": "Ada", "Company": "Acme" }),
    }
}

/// All on one connection, each mapping beside the ones before.
#[tokio::test]
async fn each_standard_object_goes_both_ways_with_users_and_companies() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let pairs = [
        lead(),
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

/// The look-up takes so long that it ends by what was known before the field was there.
#[tokio::test]
async fn a_field_that_is_made_while_its_record_is_looked_up_is_written() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let slow = json!({ "delay": { "ms": 3000, "after_commit": true } });
    org.add_fault(json!({ "method": "GET", "path": "/query", "object": "Lead", "fault": slow })).await;
    lead().goes_both_ways(&harness, &browser, &org).await;
    no_issues(&harness).await;
    harness.end().await;
}

/// Salesforce takes its time to let the event channel carry an object that was just mapped.
#[tokio::test]
async fn what_changes_between_the_look_up_and_the_streams_first_word_is_not_missed() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    org.act_on_events(json!({ "action": "set_captured_entities_max", "entities": null })).await;
    org.make_object("Seat__c", "Stage__c").await;
    harness.connect().await;
    org.add_fault(json!({
        "method": "POST", "path": "/tooling/sobjects/PlatformEventChannelMember", "fault": { "delay": { "ms": 4000, "after_commit": false } },
    }))
    .await;
    let pair = staged("Seat__c", ProfileKind::User, ("Name", "user_id"));
    let id = org.create(pair.object, json!({ "Name": pair.key_value(), "Stage__c": "new" })).await;
    pair.write(&harness, &[("plan", "growth")]).await;
    // A field made for the mapping would have all of it read again.
    let mut mapping = pair.mapping();
    mapping["outbound"] = json!([]);
    make(&browser, mapping).await;
    pair.inbound_becomes(&harness, &json!("new")).await;
    let members = "tooling/query?q=SELECT+Id+FROM+PlatformEventChannelMember+WHERE+DeveloperName+LIKE+'Syncline%25'";
    let members = org.send(Method::GET, members, json!({})).await;
    assert_eq!(members["totalSize"], 0, "the stream carries it already: {members}");
    org.edit(pair.object, &id, json!({ "Stage__c": "old" })).await;
    pair.inbound_becomes(&harness, &json!("old")).await;
    harness.end().await;
}

/// What an answer says of an object's fields.
async fn fields(browser: &Browser, object: &str) -> Vec<String> {
    let answer = browser.get(&format!("{{env}}/salesforce/objects/{object}")).await;
    answer["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect()
}

/// A pair of a custom object that [`Org::make_object`] made.
fn staged(object: &'static str, kind: ProfileKind, key: (&'static str, &'static str)) -> Pair {
    Pair { object, kind, key, from: ("Stage__c", json!("new"), json!("old")), record: json!({}) }
}

#[tokio::test]
async fn custom_objects_are_listed_described_when_asked_for_and_go_both_ways() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    org.make_object("Seat__c", "Stage__c").await;
    org.make_object("Team__c", "Stage__c").await;
    org.make_object("Plan__c", "Tier__c").await;
    org.make_field("Seat__c", "Plan__c", json!({
        "type": "Lookup", "label": "Plan", "referenceTo": "Plan__c", "relationshipName": "Seats", "relationshipLabel": "Seats",
    }))
    .await;
    // More objects are mapped than the five that an org announces without an add-on.
    org.act_on_events(json!({ "action": "set_captured_entities_max", "entities": null })).await;
    harness.connect().await;

    let listed = browser.get("{env}/salesforce/objects").await;
    let names: Vec<_> = listed["data"].as_array().unwrap().iter().map(|object| object["name"].clone()).collect();
    assert_eq!(names, ["Account", "Contact", "Lead", "Opportunity", "Plan__c", "Seat__c", "Team__c"]);
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap().id;
    let described = harness.store.object_schemas(connection).await.unwrap();
    assert!(described.iter().all(|schema| schema.name != "Seat__c"), "nobody asked for it");
    assert!(fields(&browser, "seat__C").await.contains(&"Stage__c".to_owned()));
    // Not to be mapped, but to be gone through.
    assert!(fields(&browser, "User").await.contains(&"Email".to_owned()));
    let unknown = browser.send(Method::GET, "{env}/salesforce/objects/Nowhere__c", None).await;
    refused(&unknown, 404, "not_found", None);
    let user = json!({
        "salesforce": "User", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
    });
    let words = refused(
        &browser.send(Method::POST, "{env}/mappings", Some(user)).await,
        400,
        "invalid_params",
        Some("salesforce"),
    );
    assert!(words.contains("no object that can be synced") && words.contains("Seat__c"), "{words}");

    // Described only because it is mapped.
    staged("Team__c", ProfileKind::Company, ("Name", "team")).goes_both_ways(&harness, &browser, &org).await;
    staged("Seat__c", ProfileKind::User, ("Name", "user_id")).goes_both_ways(&harness, &browser, &org).await;

    // Neither the custom object at the end of a path is described before it is asked for.
    let plan = org.create("Plan__c", json!({ "Name": "Basic", "Tier__c": "gold" })).await;
    org.create("Seat__c", json!({ "Name": "seat-of-ada", "Plan__c": plan })).await;
    let paths = json!({
        "salesforce": "Seat__c", "userflow": "user", "match": { "salesforce": "Name", "userflow": "seat" },
        "inbound": [{ "from": "plan__r.Tier__c", "to": "tier" }],
    });
    make(&browser, paths).await;
    let set = vec![("seat".to_owned(), AttributeOperation::set("seat-of-ada".into()))];
    let write = ProfileWrite::Upsert { kind: ProfileKind::User, id: "ada".into(), operations: set, seen: false };
    harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
    becomes(&harness, "ada", "tier", json!("gold")).await;
    org.edit("Plan__c", &plan, json!({ "Tier__c": "platinum" })).await;
    becomes(&harness, "ada", "tier", json!("platinum")).await;
    no_issues(&harness).await;
    harness.end().await;
}

#[tokio::test]
async fn a_custom_object_that_is_removed_is_told_of_holds_up_nothing_else_and_is_taken_up_again() {
    let tempo = Tempo { describe_missing: Duration::from_secs(1), ..Tempo::default() };
    let harness = Harness::with_org_at(tempo).await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    org.act_on_events(json!({ "action": "set_captured_entities_max", "entities": null })).await;
    let seats = org.make_object("Seat__c", "Stage__c").await;
    harness.connect().await;
    let seat = staged("Seat__c", ProfileKind::User, ("Name", "user_id"));
    seat.goes_both_ways(&harness, &browser, &org).await;

    org.remove_object(&seats).await;
    seat.write(&harness, &[("plan", "huge")]).await;
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap().id;
    let told = eventually("a sync issue tells of it", async || {
        harness
            .store
            .issues(connection, &IssueFilter::default(), None, 10)
            .await
            .unwrap()
            .pop()
            .map(|listed| listed.issue)
    })
    .await;
    assert_eq!((told.issue.kind, told.profile_id), (IssueKind::SchemaChanged, seat.profile()), "{}", told.issue.cause);
    lead().goes_both_ways(&harness, &browser, &org).await;
    // The values that came from it stay, as with a field that is removed.
    seat.inbound_becomes(&harness, &json!("old")).await;

    org.make_object("Seat__c", "Stage__c").await;
    org.create(seat.object, json!({ "Name": seat.key_value(), "Stage__c": "anew" })).await;
    seat.inbound_becomes(&harness, &json!("anew")).await;
    // A field that somebody removed is not made again before its mapping is saved again.
    eventually("only the field is missing", async || {
        let issues = harness.store.issues(connection, &IssueFilter::default(), None, 10).await.unwrap();
        let fields: Vec<_> = issues.into_iter().map(|listed| listed.issue.issue.field.unwrap_or_default()).collect();
        (fields == ["userflow_user_plan__c"]).then_some(())
    })
    .await;
    harness.end().await;
}
