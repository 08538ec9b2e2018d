//! Screens are told of changes.

use std::time::Duration;

use reqwest::{Method, Response};
use syncline_model::{
    Value,
    attribute::AttributeOperation,
    profile::{ProfileKind, ProfileWrite},
};
use tokio::time::timeout;

use crate::harness::{Browser, Harness, refused};

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

    /// Whether an event comes within a while that is many times as long as one takes.
    async fn stays_silent(&mut self) -> bool {
        timeout(Duration::from_millis(700), self.next()).await.is_err()
    }
}

async fn set_plan(harness: &Harness, id: &str, plan: &str) {
    let operations = vec![("plan".to_owned(), AttributeOperation::set(Value::from(plan)))];
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
