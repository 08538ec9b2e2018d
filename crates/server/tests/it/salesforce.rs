//! Connecting, mapping and disconnecting, against the emulated org.

use std::collections::HashMap;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use syncline_model::connection::ConnectionStatus;
use url::Url;

use crate::harness::{Browser, Harness, client, eventually, refused};

/// What a person does in the window that opens: signs in at Salesforce and allows or denies. Gives where Salesforce sends her.
async fn at_salesforce(harness: &Harness, window: &Client, url: &str, decision: &str) -> String {
    let page = window.get(url).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let org = harness.org.as_ref().unwrap().state();
    let mut form: HashMap<String, String> = Url::parse(url).unwrap().query_pairs().into_owned().collect();
    form.insert("username".into(), org.org_username);
    form.insert("password".into(), org.org_password);
    form.insert("decision".into(), decision.into());
    let target = format!("{}/services/oauth2/authorize", org.org_url);
    let answer = window.post(target).form(&form).send().await.unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

async fn begin(browser: &Browser) -> String {
    let (status, body) = browser.send(Method::POST, "{env}/salesforce/authorize", Some(json!({}))).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_connects_through_salesforces_login_page_and_disconnects() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let before = browser.get("{env}/salesforce").await;
    assert_eq!((&before["status"], &before["available"]), (&json!("not_connected"), &json!(true)));

    let url = begin(&browser).await;
    let back = at_salesforce(&harness, &browser.client, &url, "allow").await;
    assert!(back.starts_with(&format!("{}/api/v1/salesforce/callback?", harness.url)), "{back}");
    let page = browser.client.get(&back).send().await.unwrap();
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("script-src 'sha256-"));
    let page = page.text().await.unwrap();
    assert!(page.contains("data-ok=\"true\""), "{page}");

    let org = harness.org.as_ref().unwrap().state();
    let view = browser.get("{env}/salesforce").await;
    assert_eq!(view["status"], "connected");
    assert_eq!(view["username"], json!(org.org_username));
    assert_eq!(view["organization_id"], json!(org.org_id));
    eventually("the stream is live", async || {
        let view = browser.get("{env}/salesforce").await;
        (view["stream"]["state"] == "live").then_some(())
    })
    .await;

    // The same answer of Salesforce can not be used again.
    let again = browser.client.get(&back).send().await.unwrap().text().await.unwrap();
    assert!(again.contains("data-ok=\"false\""), "{again}");

    let told = browser.send(Method::DELETE, "{env}/salesforce", None).await;
    assert_eq!(told, (StatusCode::OK, json!({ "revoked": true })));
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap();
    assert_eq!(connection.status, ConnectionStatus::Disconnected);
    assert!(harness.store.credentials(connection.id).await.unwrap().is_none());
    let ledger: Value =
        client().get(format!("{}/__control/ledger", org.org_url)).send().await.unwrap().json().await.unwrap();
    let last = ledger["recent"].as_array().unwrap().last().unwrap();
    assert_eq!(last["path"], "/services/oauth2/revoke", "the revocation is the last thing that the org hears");
    assert_eq!(browser.get("{env}/salesforce").await["status"], "not_connected");
    harness.end().await;
}

#[tokio::test]
async fn who_disconnects_is_told_whether_salesforce_took_the_grant_back() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let disconnect = async || browser.send(Method::DELETE, "{env}/salesforce", None).await;
    let told = |revoked: bool| (StatusCode::OK, json!({ "revoked": revoked }));
    assert_eq!(disconnect().await, told(true), "nothing was ever granted");
    harness.connect().await;

    let faults = format!("{}/__control/faults", harness.org.as_ref().unwrap().state().org_url);
    let busy = json!({ "path": "/services/oauth2/revoke", "fault": { "answer": { "status": 503 } } });
    assert!(client().post(&faults).json(&busy).send().await.unwrap().status().is_success());
    assert_eq!(disconnect().await, told(false));
    assert_eq!(browser.get("{env}/salesforce").await["status"], "not_connected");
    assert_eq!(disconnect().await, told(false), "it was tried again");
    assert!(client().delete(&faults).send().await.unwrap().status().is_success());
    assert_eq!(disconnect().await, told(true));
    harness.end().await;
}

#[tokio::test]
async fn who_denies_at_salesforce_is_told_so_and_nothing_is_connected() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let url = begin(&browser).await;
    let back = at_salesforce(&harness, &browser.client, &url, "deny").await;
    let page = browser.client.get(&back).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("data-ok=\"false\"") && page.contains("denied"), "{page}");
    assert_eq!(browser.get("{env}/salesforce").await["status"], "not_connected");
}

#[tokio::test]
async fn a_sign_in_can_be_finished_only_by_the_session_that_began_it() {
    let harness = Harness::with_org().await;
    let (attacker, victim) = (harness.signed_in().await, harness.signed_in().await);
    for stranger in [&victim, &harness.browser()] {
        let url = begin(&attacker).await;
        let back = at_salesforce(&harness, &attacker.client, &url, "allow").await;
        let page = stranger.client.get(&back).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("data-ok=\"false\""), "{page}");
    }
    assert!(harness.store.connection(harness.environment.id).await.unwrap().is_none());
}

#[tokio::test]
async fn who_signs_in_to_another_org_is_told_which_one_and_what_to_do_and_the_grant_is_taken_back() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let first = syncline_model::connection::OrgIdentity {
        org_id: "00D000000000009AAA".to_owned(),
        org_name: "First & Co".to_owned(),
        username: "ada@first.example".to_owned(),
        user_id: "005000000000009AAA".to_owned(),
        instance_url: "https://first.my.salesforce.com".to_owned(),
        login_url: "https://login.salesforce.com".to_owned(),
    };
    let connection = harness.store.connect(harness.environment.id, &first, &"{}".to_owned().into()).await.unwrap();
    harness.store.disconnect(connection).await.unwrap();
    let url = begin(&browser).await;
    let back = at_salesforce(&harness, &browser.client, &url, "allow").await;
    let page = browser.client.get(&back).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("data-ok=\"false\""), "{page}");
    for words in ["First &amp; Co", "00D000000000009AAA", "Connect again", "https://first.my.salesforce.com"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let org = harness.org.as_ref().unwrap().state();
    assert!(page.contains(&org.org_id), "{page}");
    let ledger: Value =
        client().get(format!("{}/__control/ledger", org.org_url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(ledger["recent"].as_array().unwrap().last().unwrap()["path"], "/services/oauth2/revoke");
}

/// What a window shows that comes back from Salesforce with such a state.
async fn comes_back(browser: &Browser, harness: &Harness, state: &str) -> String {
    let back = format!("{}/api/v1/salesforce/callback?code=c&state={state}", harness.url);
    browser.client.get(back).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_sign_in_that_took_too_long_or_was_never_begun_is_not_finished() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    begin(&browser).await;
    let unknown = comes_back(&browser, &harness, "unknown").await;
    assert!(unknown.contains("data-ok=\"false\"") && unknown.contains("connect again"), "{unknown}");

    let expired = syncline_model::store::Authorization {
        environment_id: harness.environment.id,
        session_hash: vec![1],
        login_url: harness.org.as_ref().unwrap().state().org_url,
        verifier: "verifier".to_owned().into(),
    };
    let long_ago = syncline_model::clock::from_ms(1_700_000_000_000);
    let state_hash = syncline::secrets::digest("slow");
    harness.store.add_authorization(&state_hash, &expired, long_ago).await.unwrap();
    let late = comes_back(&browser, &harness, "slow").await;
    assert!(late.contains("data-ok=\"false\"") && late.contains("not known any more"), "{late}");
    assert!(harness.store.connection(harness.environment.id).await.unwrap().is_none());
}

#[tokio::test]
async fn only_known_login_pages_can_be_chosen_and_only_with_a_client_id() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let evil = json!({ "login_url": "https://salesforce.com.evil.test" });
    let answer = browser.send(Method::POST, "{env}/salesforce/authorize", Some(evil)).await;
    refused(&answer, 400, "invalid_params", Some("login_url"));

    let bare = Harness::start().await;
    let answer = bare.signed_in().await.send(Method::POST, "{env}/salesforce/authorize", Some(json!({}))).await;
    assert!(refused(&answer, 409, "conflict", None).contains("SYNCLINE_SALESFORCE_CLIENT_ID"));
}

fn contact_mapping() -> Value {
    json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Title", "to": "salesforce_contact_title" }],
        "outbound": [{ "from": "plan", "to": "userflow_user_plan__c" }],
    })
}

#[tokio::test]
async fn a_mapping_is_refused_by_the_name_of_what_is_wrong_and_nothing_is_saved() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let answer = browser.send(Method::POST, "{env}/mappings", Some(contact_mapping())).await;
    refused(&answer, 409, "conflict", None);
    harness.connect().await;

    for (pointer, wrong, field) in [
        ("/salesforce", json!("Invoice__c"), "salesforce"),
        ("/match/salesforce", json!("Nope"), "match.salesforce"),
        ("/match/userflow", json!("company_id"), "match.userflow"),
        ("/inbound/0/from", json!("Nope"), "inbound[0].from"),
        ("/inbound/0/to", json!("email"), "inbound[0].to"),
        ("/inbound/0/to", json!("plan"), "inbound[0].to"),
        ("/outbound/0/to", json!("CreatedDate"), "outbound[0].to"),
    ] {
        let mut mapping = contact_mapping();
        *mapping.pointer_mut(pointer).unwrap() = wrong.clone();
        if (pointer, &wrong) == ("/inbound/0/to", &json!("plan")) {
            mapping["inbound"][0]["from"] = json!("userflow_user_plan__c");
        }
        let answer = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
        refused(&answer, 400, "invalid_params", Some(field));
    }
    let mut misspelt = contact_mapping();
    misspelt["inbond"] = json!([]);
    let answer = browser.send(Method::POST, "{env}/mappings", Some(misspelt)).await;
    refused(&answer, 422, "invalid_params", Some("inbond"));
    assert_eq!(browser.get("{env}/mappings").await, json!({ "data": [] }));
    harness.end().await;
}

#[tokio::test]
async fn a_mapping_is_made_changed_and_deleted() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    harness.connect().await;
    let objects = browser.get("{env}/salesforce/objects").await;
    assert!(objects["data"].as_array().unwrap().iter().any(|object| object["name"] == "Contact"));
    let contact = browser.get("{env}/salesforce/objects/contact").await;
    let email = contact["fields"].as_array().unwrap().iter().find(|field| field["name"] == "Email").unwrap();
    assert_eq!((&email["type"], &email["updateable"]), (&json!("email"), &json!(true)));

    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(contact_mapping())).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(made["duplicates"], "oldest");
    let definitions = browser.get("{env}/attribute-definitions?scope=user").await;
    let title = definitions["data"].as_array().unwrap().iter().find(|one| one["name"] == "salesforce_contact_title");
    let title = title.expect("the target is made with the mapping");
    assert_eq!((&title["display_name"], &title["origin"]), (&json!("Title"), &json!("salesforce")));

    let path = format!("{{env}}/mappings/{}", made["id"].as_str().unwrap());
    let mut wider = contact_mapping();
    wider["inbound"].as_array_mut().unwrap().push(json!({ "from": "department", "to": "department" }));
    let (status, changed) = browser.send(Method::PUT, &path, Some(wider)).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(changed["inbound"][1]["from"], "Department");
    assert_eq!(browser.get("{env}/mappings").await["data"].as_array().unwrap().len(), 1);

    let (status, _) = browser.send(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    refused(&browser.send(Method::DELETE, &path, None).await, 404, "not_found", None);
    harness.end().await;
}
