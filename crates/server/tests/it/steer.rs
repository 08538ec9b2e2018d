//! What a person asks for while everything runs: that a profile is synced now, that a mapping pauses.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    association::{becomes, user},
    harness::{Browser, Harness, client, eventually, refused},
    org::Org,
};

/// Ada, whose contact is at an account, both mapped.
async fn ada(harness: &Harness, browser: &Browser, org: &Org) -> (String, String, String) {
    harness.connect().await;
    let account = org.create("Account", json!({ "Name": "Acme", "Industry": "Banking" })).await;
    let contact = json!({ "LastName": "Ada", "Email": "ada@steered.test", "Title": "CTO", "AccountId": account });
    let contact = org.create("Contact", contact).await;
    user(harness, "ada", "ada@steered.test").await;
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Title", "to": "title" }, { "from": "Account.Industry", "to": "industry" }],
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    becomes(harness, "ada", "industry", json!("Banking")).await;
    (account, contact, made["id"].as_str().unwrap().to_owned())
}

async fn in_step(browser: &Browser) -> Value {
    eventually("nothing waits", async || {
        let standing = browser.get("{env}/users/ada/sync").await["mappings"][0].clone();
        standing["waiting"].is_null().then_some(standing)
    })
    .await
}

#[tokio::test]
async fn sync_now_finds_what_nobody_told_on_the_record_and_on_what_it_is_associated_with() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    let (account, contact, _) = ada(&harness, &browser, &org).await;
    in_step(&browser).await;
    org.act_on_events(json!({ "action": "end_streams", "how": "deaf" })).await;
    org.edit("Contact", &contact, json!({ "Title": "CEO" })).await;
    org.edit("Account", &account, json!({ "Industry": "Energy" })).await;

    let (status, asked) = browser.send(Method::POST, "{env}/users/ada/sync", None).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{asked}");
    assert_eq!(asked["id"], "ada");
    becomes(&harness, "ada", "title", json!("CEO")).await;
    becomes(&harness, "ada", "industry", json!("Energy")).await;
    let standing = in_step(&browser).await;
    assert_eq!((&standing["state"], &standing["attempts"]), (&json!("linked"), &json!(0)));

    refused(&browser.send(Method::POST, "{env}/users/nobody/sync", None).await, 404, "not_found", None);
    refused(&browser.send(Method::POST, "{env}/companies/ada/sync", None).await, 404, "not_found", None);
    let paused = browser.send(Method::POST, "{env}/salesforce/pause", None).await;
    assert_eq!(paused.0, StatusCode::OK, "{}", paused.1);
    let words = refused(&browser.send(Method::POST, "{env}/users/ada/sync", None).await, 409, "conflict", None);
    assert!(words.contains("paused"), "{words}");
    harness.end().await;
}

#[tokio::test]
async fn a_paused_mapping_keeps_what_changes_until_it_is_resumed() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    let (_, contact, mapping) = ada(&harness, &browser, &org).await;
    in_step(&browser).await;
    let (status, paused) = browser.send(Method::POST, &format!("{{env}}/mappings/{mapping}/pause"), None).await;
    assert_eq!((status, &paused["paused"]), (StatusCode::OK, &json!(true)), "{paused}");
    org.edit("Contact", &contact, json!({ "Title": "CEO" })).await;
    eventually("the change waits", async || {
        (browser.get("{env}/mappings").await["data"][0]["waiting"] == 1).then_some(())
    })
    .await;
    let standing = browser.get("{env}/users/ada/sync").await["mappings"][0].clone();
    assert!(standing["waiting"].as_str().unwrap().contains("until the mapping is resumed"), "{standing}");
    assert_eq!(standing["fields"][0]["target"], "CTO");

    let (status, resumed) = browser.send(Method::POST, &format!("{{env}}/mappings/{mapping}/resume"), None).await;
    assert_eq!((status, &resumed["paused"]), (StatusCode::OK, &json!(false)), "{resumed}");
    becomes(&harness, "ada", "title", json!("CEO")).await;
    refused(&browser.send(Method::POST, "{env}/mappings/none/pause", None).await, 404, "not_found", None);
    harness.end().await;
}

/// Asserts that whatever needs somebody who works on the connection is refused, and with these words.
async fn nobody_works(browser: &Browser, words: &str) {
    let draft = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Department", "to": "department" }],
    });
    for (method, path, body) in [
        (Method::POST, "{env}/mappings/preview", Some(draft.clone())),
        (Method::POST, "{env}/mappings/sample", Some(draft)),
        // What was not described yet.
        (Method::GET, "{env}/salesforce/objects/User", None),
        (Method::POST, "{env}/salesforce/examination", None),
        (Method::POST, "{env}/issues/retry", Some(json!({}))),
        (Method::POST, "{env}/users/ada/sync", None),
    ] {
        let said = refused(&browser.send(method, path, body).await, 409, "conflict", None);
        assert!(said.ends_with(words), "{path}: {said}");
    }
}

#[tokio::test]
async fn what_nobody_works_on_is_refused_in_one_set_of_words() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    ada(&harness, &browser, &org).await;
    let paused = browser.send(Method::POST, "{env}/salesforce/pause", None).await;
    assert_eq!(paused.0, StatusCode::OK, "{}", paused.1);
    nobody_works(&browser, "Sync is paused. Resume it first: all that changed meanwhile is synced then.").await;

    let refusal = json!({ "answer": { "status": 400, "error_code": "invalid_grant" } });
    org.add_fault(json!({ "path": "/services/oauth2/token", "fault": refusal })).await;
    let url = format!("{}/__control/sessions", harness.org.as_ref().unwrap().state().org_url);
    assert!(client().delete(url).send().await.unwrap().status().is_success());
    let resumed = browser.send(Method::POST, "{env}/salesforce/resume", None).await;
    assert_eq!(resumed.0, StatusCode::OK, "{}", resumed.1);
    eventually("the grant is found to be gone", async || {
        (browser.get("{env}/salesforce").await["status"] == "reconnect_needed").then_some(())
    })
    .await;
    nobody_works(&browser, "Sign in to Salesforce again first: what waits is synced then.").await;
    harness.end().await;
}
