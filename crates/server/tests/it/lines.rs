//! What lines of mappings do with values, against the emulated org over its sockets: hostile values both ways, options, and
//! several mappings that feed one attribute.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use syncline_model::{
    Number, Value,
    attribute::AttributeOperation,
    id::MappingId,
    issue::{IssueFilter, IssueKind, ListedIssue},
    profile::{ProfileKind, ProfileWrite},
};

use crate::harness::{Browser, Harness, client, eventually};

/// Somebody in front of Salesforce.
struct Org {
    url: String,
    token: String,
}

impl Org {
    fn of(harness: &Harness) -> Self {
        let state = harness.org.as_ref().unwrap().state();
        Self { url: state.org_url, token: state.org_access_token }
    }

    async fn add(&self, object: &str, fields: &Json) -> String {
        let address = format!("{}/services/data/v60.0/sobjects/{object}", self.url);
        let answer = client().post(address).bearer_auth(&self.token).json(fields).send().await.unwrap();
        let answer: Json = answer.error_for_status().unwrap().json().await.unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    async fn set(&self, object: &str, id: &str, fields: &Json) {
        let address = format!("{}/services/data/v60.0/sobjects/{object}/{id}", self.url);
        let answer = client().patch(address).bearer_auth(&self.token).json(fields).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    async fn get(&self, object: &str, id: &str) -> Json {
        let address = format!("{}/services/data/v60.0/sobjects/{object}/{id}", self.url);
        let answer = client().get(address).bearer_auth(&self.token).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }
}

fn email(number: usize) -> String {
    format!("hostile{number}@example.test")
}

async fn add_contacts(org: &Org, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(org.add("Contact", &json!({ "LastName": "Hostile", "Email": email(number) })).await);
    }
    ids
}

async fn write_user(harness: &Harness, number: usize, attributes: &[(&str, Value)]) {
    let address = [("email", Value::from(email(number).as_str()))];
    let operations = address.iter().chain(attributes);
    let operations =
        operations.map(|(name, value)| ((*name).to_owned(), AttributeOperation::set(value.clone()))).collect();
    let write = ProfileWrite::Upsert { kind: ProfileKind::User, id: format!("u{number}"), operations, seen: false };
    harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
}

async fn attribute(harness: &Harness, number: usize, name: &str) -> Value {
    let profile = harness.store.profile(harness.environment.id, ProfileKind::User, &format!("u{number}")).await;
    profile.unwrap().unwrap().attribute(name).clone()
}

async fn map(browser: &Browser, mapping: Json) -> MappingId {
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    made["id"].as_str().unwrap().parse().unwrap()
}

async fn settled(harness: &Harness) {
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap();
    eventually("nothing is due any more", async || {
        let counts = harness.store.counts(connection.id, None).await.unwrap();
        (counts.waiting == 0).then_some(())
    })
    .await;
}

/// Fields with an issue, by user.
async fn issues(harness: &Harness) -> BTreeMap<String, Vec<String>> {
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap();
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ListedIssue { issue, .. } in
        harness.store.issues(connection.id, &IssueFilter::default(), None, 1000).await.unwrap()
    {
        assert!(matches!(issue.issue.kind, IssueKind::ValueMisfit | IssueKind::FieldRejected), "{issue:?}");
        fields.entry(issue.profile_id).or_default().push(issue.issue.field.unwrap_or_default());
    }
    fields
}

/// Texts that go through as they are.
const TEXTS: [&str; 10] = [
    "=1+1",
    "@SUM(1+9)*cmd|' /C calc'!A0",
    "<script>alert(1)</script><b>bold</b>",
    "R&amp;D &lt;fine&gt;",
    "👨‍👩‍👧 🇨🇭 e\u{301} 🙂",
    "\u{202e}desrever \u{5e9}\u{5dc}\u{5d5}\u{5dd}",
    "bell \u{7} escape \u{1b} end",
    "'; drop table profile; --",
    "line\nbreak\r\nand\ttab",
    "null",
];

#[tokio::test]
async fn hostile_texts_come_from_salesforce_as_they_are() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    harness.connect().await;
    let contacts = add_contacts(&org, TEXTS.len()).await;
    for number in 0..TEXTS.len() {
        write_user(&harness, number, &[]).await;
    }
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Description", "to": "note" }, { "from": "Title", "to": "title" }],
    });
    map(&browser, mapping).await;
    settled(&harness).await;
    for (contact, text) in contacts.iter().zip(TEXTS) {
        org.set("Contact", contact, &json!({ "Description": text, "Title": "told" })).await;
    }
    for (number, text) in TEXTS.iter().enumerate() {
        eventually("the text is there", async || {
            (attribute(&harness, number, "title").await == "told".into()).then_some(())
        })
        .await;
        assert_eq!(attribute(&harness, number, "note").await, (*text).into());
    }
    settled(&harness).await;
    assert_eq!(issues(&harness).await, BTreeMap::new());
    harness.end().await;
}

#[tokio::test]
async fn hostile_values_go_to_salesforce_or_become_an_issue_of_just_their_field() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    harness.connect().await;
    let number = |value: f64| Value::Number(Number::new(value).unwrap());
    let huge = "x".repeat(5 * 1024 * 1024);
    let emoji = "🙂".repeat(64);
    // The attribute, its value, its field, and what is there afterwards; an issue where nothing is.
    let mut cases: Vec<(&str, Value, &str, Option<Json>)> =
        TEXTS.iter().map(|text| ("note", (*text).into(), "Description", Some(json!(text)))).collect();
    cases.extend([
        ("note", huge.as_str().into(), "Description", None),
        ("note", "zero \0 inside".into(), "Description", None),
        ("short", emoji.as_str().into(), "Department", None),
        ("note", emoji.as_str().into(), "Description", Some(json!(emoji))),
        ("born", Value::DateTime("0001-01-01T00:00:00Z".parse().unwrap()), "Birthdate", None),
        ("born", Value::DateTime("9999-12-01T00:00:00Z".parse().unwrap()), "Birthdate", None),
        ("born", Value::DateTime("2000-02-29T23:59:59Z".parse().unwrap()), "Birthdate", Some(json!("2000-02-29"))),
        ("seats", number(123_456_789_012_345.0), "userflow_user_seats__c", Some(json!(123_456_789_012_345_f64))),
        ("seats", number(1e18), "userflow_user_seats__c", None),
        ("seats", number(0.005), "userflow_user_seats__c", Some(json!(0.01))),
    ]);
    let contacts = add_contacts(&org, cases.len() + 1).await;
    for (at, (name, value, ..)) in cases.iter().enumerate() {
        write_user(&harness, at, &[(name, value.clone()), ("plan", "told".into())]).await;
    }
    // And one that has nothing at all.
    let empty = cases.len();
    org.set("Contact", &contacts[empty], &json!({ "Description": "old", "Title": "old", "Birthdate": "2001-01-01" }))
        .await;
    write_user(&harness, empty, &[]).await;
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "outbound": [
            { "from": "plan", "to": "Title" },
            { "from": "note", "to": "Description" },
            { "from": "short", "to": "Department" },
            { "from": "born", "to": "Birthdate" },
            { "from": "seats", "to": "userflow_user_seats__c" },
        ],
    });
    map(&browser, mapping).await;
    eventually("the field is made and everything is written", async || {
        let contact = org.get("Contact", &contacts[empty - 1]).await;
        (contact["userflow_user_seats__c"] == json!(0.01)).then_some(())
    })
    .await;
    settled(&harness).await;

    let mut expected = BTreeMap::new();
    for (at, (_, _, field, there)) in cases.iter().enumerate() {
        let contact = org.get("Contact", &contacts[at]).await;
        assert_eq!(contact["Title"], "told", "case {at}: the others sync");
        assert_eq!(contact[field], there.clone().unwrap_or(Json::Null), "case {at}");
        if there.is_none() {
            expected.insert(format!("u{at}"), vec![(*field).to_owned()]);
        }
    }
    let contact = org.get("Contact", &contacts[empty]).await;
    for field in ["Title", "Description", "Department", "Birthdate", "userflow_user_seats__c"] {
        assert_eq!(contact[field], Json::Null, "{field}");
    }
    assert_eq!(issues(&harness).await, expected);

    // Nothing is written twice: what is read again is as it was written.
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap();
    let before = org.get("Contact", &contacts[0]).await["SystemModstamp"].clone();
    for mapping in harness.store.mappings(connection.id).await.unwrap() {
        harness.store.mark_all_due(connection.id, mapping.id).await.unwrap();
    }
    settled(&harness).await;
    assert_eq!(org.get("Contact", &contacts[0]).await["SystemModstamp"], before);
    harness.end().await;
}

#[tokio::test]
async fn options_of_lines_are_kept_and_obeyed() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    harness.connect().await;
    let contacts = add_contacts(&org, 1).await;
    org.set("Contact", &contacts[0], &json!({ "Title": "CTO", "Department": "keep me" })).await;
    write_user(&harness, 0, &[("note", "n".repeat(200).as_str().into())]).await;
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "duplicates": "oldest", "on_unlink": "clear", "stream_events": false, "events": [],
        "inbound": [
            { "from": "Title", "to": "level", "values": { "CTO": "high", "CEO": "high" }, "otherwise": "other" },
            { "from": "Phone", "to": "phone", "empty": "default", "default": "unknown" },
        ],
        "outbound": [
            { "from": "absent", "to": "Department", "empty": "keep" },
            { "from": "note", "to": "AssistantName", "truncate": true },
        ],
    });
    map(&browser, mapping.clone()).await;
    let shown = browser.get("{env}/mappings").await;
    for side in ["inbound", "outbound"] {
        assert_eq!(shown["data"][0][side], mapping[side], "what was said is shown, and nothing else");
    }
    settled(&harness).await;
    assert_eq!(attribute(&harness, 0, "level").await, "high".into());
    assert_eq!(attribute(&harness, 0, "phone").await, "unknown".into());
    let contact = org.get("Contact", &contacts[0]).await;
    assert_eq!(contact["Department"], "keep me");
    assert_eq!(contact["AssistantName"], format!("{}…", "n".repeat(39)));
    org.set("Contact", &contacts[0], &json!({ "Title": "Intern" })).await;
    eventually("what the map does not name is the other", async || {
        (attribute(&harness, 0, "level").await == "other".into()).then_some(())
    })
    .await;
    harness.end().await;
}

#[tokio::test]
async fn the_first_mapping_with_a_link_and_a_value_feeds_the_attribute() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    harness.connect().await;
    let contact = add_contacts(&org, 1).await.remove(0);
    let lead = json!({ "LastName": "Hostile", "Company": "Acme", "Email": email(0), "Title": "of the lead" });
    let lead = org.add("Lead", &lead).await;
    org.set("Contact", &contact, &json!({ "Title": "of the contact" })).await;
    write_user(&harness, 0, &[]).await;
    let mapping = |object: &str| {
        json!({
            "salesforce": object, "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
            "inbound": [{ "from": "Title", "to": "title" }],
        })
    };
    let contacts = map(&browser, mapping("Contact")).await;
    let leads = map(&browser, mapping("Lead")).await;
    let becomes = async |title: &str| {
        eventually(title, async || {
            let known = attribute(&harness, 0, "title").await;
            (known == title.into()).then_some(())
        })
        .await;
        settled(&harness).await;
        assert_eq!(attribute(&harness, 0, "title").await, title.into(), "and stays so");
    };
    becomes("of the contact").await;
    org.set("Lead", &lead, &json!({ "Title": "of the lead, later" })).await;
    org.set("Contact", &contact, &json!({ "Title": null })).await;
    becomes("of the lead, later").await;
    org.set("Contact", &contact, &json!({ "Title": "again of the contact" })).await;
    becomes("again of the contact").await;

    let order = json!({ "ids": [leads.to_string(), contacts.to_string()] });
    let (status, list) = browser.send(Method::PUT, "{env}/mappings/order", Some(order)).await;
    assert_eq!((status, &list["data"][0]["salesforce"]), (StatusCode::OK, &json!("Lead")), "{list}");
    becomes("of the lead, later").await;
    // The lead is another person's now: its link ends.
    org.set("Lead", &lead, &json!({ "Email": "else@example.test" })).await;
    becomes("again of the contact").await;
    org.set("Lead", &lead, &json!({ "Email": email(0) })).await;
    becomes("of the lead, later").await;
    let (status, _) = browser.send(Method::DELETE, &format!("{{env}}/mappings/{leads}"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    becomes("again of the contact").await;

    let (status, refused) = browser.send(Method::PUT, "{env}/mappings/order", Some(json!({ "ids": [] }))).await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_params")), "{refused}");
    harness.end().await;
}
