//! What is worked out of events, when a profile was seen, and answers, on their way to Salesforce.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline::{
    mappings_file::{self, MappingsFile},
    secrets,
};
use syncline_model::{
    clock::{Clock, SystemClock},
    profile::ProfileKind,
    store::KeyKind,
};

use crate::{
    harness::{Browser, Harness, client, eventually, read, refused},
    org::Org,
};

const API_KEY: &str = "ak_computed";

/// An application that uses the Userflow-compatible API.
struct App {
    url: String,
}

impl App {
    async fn of(harness: &Harness) -> Self {
        harness.store.add_key(harness.environment.id, KeyKind::Api, &secrets::digest(API_KEY)).await.unwrap();
        Self { url: format!("{}/userflow", harness.url) }
    }

    async fn post(&self, path: &str, body: Value) {
        let request = client().post(format!("{}{path}", self.url)).bearer_auth(API_KEY).json(&body);
        let (status, answer) = read(request.send().await.unwrap()).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
    }

    async fn track(&self, name: &str, time: &str, attributes: Value) {
        let body =
            json!({ "name": name, "user_id": "ada", "group_id": "acme", "time": time, "attributes": attributes });
        self.post("/events", body).await;
    }

    async fn answer(&self, time: &str, score: u8) {
        let nps = json!({ "question_cvid": "nps", "question_name": "How likely?", "question_type": "nps", "number_answer": score });
        self.track("question_answered", time, nps).await;
    }
}

async fn map(browser: &Browser, salesforce: &str, kind: &str, key: (&str, &str), outbound: Value) {
    let mapping = json!({
        "salesforce": salesforce, "userflow": kind, "match": { "salesforce": key.0, "userflow": key.1 }, "outbound": outbound,
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
}

async fn becomes(org: &Org, object: &str, id: &str, wanted: Value) {
    eventually(&format!("{object} has {wanted}"), async || {
        let record = org.send(Method::GET, &format!("sobjects/{object}/{id}"), json!({})).await;
        let fields = wanted.as_object().unwrap();
        fields.iter().all(|(name, value)| record[name] == *value).then_some(())
    })
    .await;
}

async fn settled(harness: &Harness) {
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap().id;
    eventually("nothing is due any more", async || {
        (harness.store.counts(connection, None).await.unwrap().waiting == 0).then_some(())
    })
    .await;
}

/// How many calls have written to records.
async fn writes(harness: &Harness) -> u64 {
    let ledger = client().get(format!("{}/__control/ledger", harness.org.as_ref().unwrap().state().org_url));
    let ledger: Value = ledger.send().await.unwrap().json().await.unwrap();
    let counts = ledger["counts"].as_object().unwrap().iter();
    counts.filter(|(call, _)| call.starts_with("PATCH ")).map(|(_, count)| count.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn counts_times_and_answers_reach_salesforce_and_only_what_is_mapped_costs_anything() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let (org, app) = (Org::of(&harness), App::of(&harness).await);
    harness.connect().await;
    let contact = org.create("Contact", json!({ "LastName": "Ada", "Email": "ada@computed.test" })).await;
    let account = org.create("Account", json!({ "Name": "Acme", "AccountNumber": "acme" })).await;
    let user = json!({ "id": "ada", "attributes": { "email": "ada@computed.test" }, "groups": [{ "id": "acme" }] });
    app.post("/users", user).await;
    // Before anything is mapped.
    app.track("trial.extended", "2026-03-02T10:00:00Z", json!({})).await;
    app.answer("2026-03-05T10:00:00Z", 9).await;

    let choices = browser.get("{env}/outbound-sources?scope=user").await;
    let field = |from: &str| {
        let choice = choices["data"].as_array().unwrap().iter().find(|choice| choice["from"] == from);
        let choice = choice.unwrap_or_else(|| panic!("{from}: {choices}"));
        (choice["title"].clone(), choice["data_type"].clone(), choice["made_field"].clone())
    };
    let nps = json!({ "name": "userflow_user_how_likely__c", "type": "Number(16, 2)" });
    let (title, data_type, made) = field("answer.nps");
    assert_eq!((title, data_type), (json!("Latest answer: How likely?"), json!("number")));
    assert_ne!(made, nps, "a mark that Salesforce does not take is told apart");
    let nps_field = made["name"].as_str().unwrap().to_owned();
    assert_eq!(field("first_seen_at").2, json!({ "name": "userflow_user_first_seen__c", "type": "Date/Time" }));

    let lines = json!([
        { "from": "event.trial.extended.count", "to": "userflow_user_trials__c" },
        { "from": "event.trial.extended.first", "to": "userflow_user_first_trial__c" },
        { "from": "event.trial.extended.last", "to": "userflow_user_last_trial__c" },
        { "from": "event.never_happened.count", "to": "userflow_user_never__c" },
        { "from": "first_seen_at", "to": "userflow_user_first_seen__c" },
        { "from": "answer.nps", "to": nps_field },
    ]);
    map(&browser, "Contact", "user", ("Email", "email"), lines).await;
    let of_company = json!([{ "from": "answer.nps", "to": "Description" }]);
    map(&browser, "Account", "company", ("AccountNumber", "company_id"), of_company).await;
    let first_seen = harness.store.profile(harness.environment.id, ProfileKind::User, "ada").await;
    let first_seen = first_seen.unwrap().unwrap().created_at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
    let march = |day: u8| format!("2026-03-{day:02}T10:00:00.000+0000");
    let wanted = json!({
        "userflow_user_trials__c": 1.0, "userflow_user_first_trial__c": march(2), "userflow_user_last_trial__c": march(2),
        "userflow_user_never__c": 0.0, "userflow_user_first_seen__c": first_seen, nps_field.clone(): 9.0,
    });
    becomes(&org, "Contact", &contact, wanted).await;
    becomes(&org, "Account", &account, json!({ "Description": "9" })).await;

    // Late news: an earlier event moves the first time, an older answer nothing.
    app.track("trial.extended", "2026-03-01T10:00:00Z", json!({})).await;
    app.answer("2026-03-04T10:00:00Z", 2).await;
    let wanted = json!({
        "userflow_user_trials__c": 2.0, "userflow_user_first_trial__c": march(1), "userflow_user_last_trial__c": march(2),
        nps_field.clone(): 9.0,
    });
    becomes(&org, "Contact", &contact, wanted).await;
    app.answer("2026-03-06T10:00:00Z", 10).await;
    becomes(&org, "Contact", &contact, json!({ nps_field.clone(): 10.0 })).await;
    becomes(&org, "Account", &account, json!({ "Description": "10" })).await;

    // What no mapping sends makes nothing due.
    settled(&harness).await;
    let before = writes(&harness).await;
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap().id;
    for _ in 0..20 {
        app.track("page_viewed", "2026-03-07T10:00:00Z", json!({})).await;
        assert_eq!(harness.store.counts(connection, None).await.unwrap().waiting, 0);
    }
    assert_eq!(writes(&harness).await, before);

    // A burst is few writes.
    let burst = (0..100).map(|_| app.track("trial.extended", "2026-03-08T10:00:00Z", json!({})));
    futures::future::join_all(burst).await;
    becomes(&org, "Contact", &contact, json!({ "userflow_user_trials__c": 102.0 })).await;
    settled(&harness).await;
    let burst = writes(&harness).await - before;
    assert!((1..=10).contains(&burst), "{burst} writes for 100 events");

    // The profile's page shows what is sent.
    let explained = browser.get("{env}/users/ada/sync").await;
    let fields = explained["mappings"][0]["fields"].as_array().unwrap();
    let count = fields.iter().find(|field| field["from"] == "event.trial.extended.count").unwrap();
    assert_eq!((&count["source"], &count["target"], &count["state"]), (&json!(102), &json!(102), &json!("in_step")));
    harness.end().await;
}

#[tokio::test]
async fn a_source_that_there_is_not_is_refused_in_words() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    harness.connect().await;
    for from in ["event.paid.mean", "event.paid", "answer.", "Account.Name"] {
        let mapping = json!({
            "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
            "outbound": [{ "from": from, "to": "Title" }],
        });
        let answer = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
        let words = refused(&answer, 400, "invalid_params", Some("outbound[0].from"));
        assert!(words.contains("`event.<name>.count`") && words.contains("`answer.<question_cvid>`"), "{words}");
    }
    harness.end().await;
}

#[tokio::test]
async fn a_mappings_file_names_the_same_sources_is_planned_with_their_values_and_survives_its_own_text() {
    let harness = Harness::with_org().await;
    let (org, app) = (Org::of(&harness), App::of(&harness).await);
    harness.connect().await;
    let contact = org.create("Contact", json!({ "LastName": "Ada", "Email": "ada@computed.test" })).await;
    app.post("/groups", json!({ "id": "acme" })).await;
    app.post("/users", json!({ "id": "ada", "attributes": { "email": "ada@computed.test" } })).await;
    app.track("trial.extended", "2026-03-02T10:00:00Z", json!({})).await;
    let why = json!({ "question_cvid": "cv 1", "question_name": "Why?", "text_answer": "2026-01-31T12:00:00Z" });
    app.track("question_answered", "2026-03-02T10:00:00Z", why).await;

    let file = |count: &str| {
        let text = format!(
            r#"
            [[mapping]]
            salesforce = "Contact"
            userflow = "user"
            match = {{ salesforce = "Email", userflow = "email" }}
            [[mapping.outbound]]
            from = "event.trial.extended.{count}"
            to = "userflow_user_trials__c"
            [[mapping.outbound]]
            from = "answer.cv 1"
            to = "Description"
            "#
        );
        MappingsFile::parse(&text).unwrap()
    };
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap();
    let (store, now) = (harness.store.as_ref(), SystemClock.now());
    let refused = mappings_file::plan(store, &connection, &file("number"), now).await.err().unwrap().to_string();
    assert!(refused.contains("outbound[0].from") && refused.contains("`event.<name>.count`"), "{refused}");

    let plan = mappings_file::plan(store, &connection, &file("count"), now).await.unwrap();
    let words = mappings_file::in_words(&plan.tried_report(store, &connection, now).await.unwrap());
    let lines =
        ["event.trial.extended.count → userflow_user_trials__c: null → 1", "answer.cv 1 → Description: null → \"2026-"];
    for expected in lines {
        assert!(words.contains(expected), "{expected} in {words}");
    }
    plan.apply(store, &connection).await.unwrap();
    let wanted = json!({ "userflow_user_trials__c": 1.0, "Description": "2026-01-31T12:00:00Z" });
    becomes(&org, "Contact", &contact, wanted).await;
    let exported = MappingsFile::of(store.mappings(connection.id).await.unwrap());
    assert_eq!(MappingsFile::parse(&exported.to_text().unwrap()).unwrap(), file("count"));
    harness.end().await;
}
