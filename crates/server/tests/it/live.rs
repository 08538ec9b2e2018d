//! Screens are told of changes.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value as Json, json};
use syncline_model::{
    Value,
    attribute::AttributeOperation,
    profile::{ProfileKind, ProfileWrite},
};
use tokio::time::timeout;

use crate::{
    association::user,
    harness::{Browser, Harness, eventually, refused},
    org::Org,
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Events {
    response: Response,
    text: String,
}

impl Events {
    async fn open(browser: &Browser, watch: &str) -> Self {
        let response = browser.request(Method::GET, &format!("{{env}}/live?watch={watch}")).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event, or nothing where the stream has ended.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if event.starts_with("event: ") {
                    return Some(event);
                }
                continue;
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("an event comes").unwrap_or(None)?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// What `read` sees once that is `wanted`, where it reads again only when told to, as a screen does.
    async fn until(&mut self, read: impl AsyncFn() -> Json, wanted: impl Fn(&Json) -> bool) -> Json {
        loop {
            self.next().await.expect("the stream stays open");
            let seen = read().await;
            if wanted(&seen) {
                return seen;
            }
        }
    }

    /// Whether an event comes within a while that is many times as long as one takes.
    async fn stays_silent(&mut self) -> bool {
        timeout(Duration::from_millis(700), self.next()).await.is_err()
    }
}

async fn set_plan(harness: &Harness, id: &str, plan: &str) {
    set(harness, id, "plan", plan).await;
}

async fn set(harness: &Harness, id: &str, attribute: &str, value: &str) {
    let operations = vec![(attribute.to_owned(), AttributeOperation::set(Value::from(value)))];
    let write = vec![ProfileWrite::Upsert { kind: ProfileKind::User, id: id.into(), operations, seen: false }];
    harness.store.write(harness.environment.id, &write).await.unwrap();
}

#[tokio::test]
async fn a_profiles_screen_is_told_at_once_and_again_when_that_profile_changes() {
    let harness = Harness::start().await;
    set_plan(&harness, "u1", "free").await;
    let browser = harness.signed_in().await;
    let mut events = Events::open(&browser, "users/u1").await;
    assert_eq!(events.next().await.unwrap(), "event: changed\ndata: {\"revision\":1}");
    set_plan(&harness, "u1", "growth").await;
    assert_eq!(events.next().await.unwrap(), "event: changed\ndata: {\"revision\":2}");
    set_plan(&harness, "u2", "free").await;
    assert!(events.stays_silent().await, "another user's change is no news here");
    set_plan(&harness, "u1", "enterprise").await;
    assert_eq!(events.next().await.unwrap(), "event: changed\ndata: {\"revision\":3}");
}

/// How a profile is synced changes without the profile: when a field is made, a value is written, a mapping edited.
#[tokio::test]
async fn a_profiles_screen_is_told_of_each_step_of_a_field_that_is_made_for_it() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    org.create("Contact", json!({ "LastName": "Ada", "Email": "ada@watched.test" })).await;
    user(&harness, "ada", "ada@watched.test").await;
    set(&harness, "ada", "floor", "5th").await;
    let mapping = |outbound: Json| {
        json!({
            "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
            "inbound": [{ "from": "Title", "to": "title" }], "outbound": outbound,
        })
    };
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping(json!([])))).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let read = async || browser.get("{env}/users/ada/sync").await["mappings"][0].take();
    eventually("ada is linked", async || {
        let standing = read().await;
        (standing["state"] == "linked" && standing["waiting"].is_null()).then_some(())
    })
    .await;

    let mut events = Events::open(&browser, "users/ada").await;
    events.next().await.unwrap();
    let path = format!("{{env}}/mappings/{}", made["id"].as_str().unwrap());
    let save = async || {
        let own = mapping(json!([{ "from": "floor", "to": "userflow_user_floor__c" }]));
        let (status, edited) = browser.send(Method::PUT, &path, Some(own)).await;
        assert_eq!(status, StatusCode::OK, "{edited}");
    };
    let tells = |standing: &Json, state: &str, words: &str| {
        let line = &standing["fields"][1];
        line["state"] == state && line["message"].as_str().unwrap_or_default().contains(words)
    };
    org.limit_custom_fields(json!(0)).await;
    save().await;
    events.until(read, |standing| tells(standing, "failed", "as many custom fields as")).await;

    let away = json!({ "answer": { "status": 503 } });
    org.add_fault(json!({ "method": "POST", "path": "/tooling/sobjects/{object}", "fault": away })).await;
    org.limit_custom_fields(json!(null)).await;
    save().await;
    let standing = events.until(read, |standing| tells(standing, "waiting", "503")).await;
    assert_eq!((&standing["issues"], &standing["waiting"]), (&json!([]), &json!(null)), "{standing}");

    org.mend().await;
    let standing = events.until(read, |standing| tells(standing, "in_step", "")).await;
    assert_eq!(standing["fields"][1]["synced_value"], "5th", "{standing}");
    harness.end().await;
}

#[tokio::test]
async fn lists_and_the_connection_are_watched_too() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let mut users = Events::open(&browser, "users").await;
    let mut salesforce = Events::open(&browser, "salesforce").await;
    users.next().await.unwrap();
    salesforce.next().await.unwrap();
    set_plan(&harness, "u1", "free").await;
    assert!(users.next().await.unwrap().contains("\"revision\":2"));
    harness.connect().await;
    assert!(salesforce.next().await.unwrap().contains("\"revision\":2"));
    harness.end().await;
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops_and_only_what_is_shown_can_be_watched() {
    let harness = Harness::start().await;
    let browser = harness.signed_in().await;
    refused(&browser.send(Method::GET, "{env}/live?watch=secrets", None).await, 400, "invalid_params", Some("watch"));
    refused(&browser.send(Method::GET, "{env}/live", None).await, 400, "invalid_params", Some("watch"));
    let mut events = Events::open(&browser, "users").await;
    events.next().await.unwrap();
    timeout(PATIENCE, harness.end()).await.expect("an open stream does not hold the server up");
    assert_eq!(events.next().await, None);
}
