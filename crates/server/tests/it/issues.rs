//! The list of sync issues: found, understood, tried again, closed.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_model::{
    attribute::AttributeOperation,
    profile::{ProfileKind, ProfileWrite},
};

use crate::{
    association::user,
    harness::{Browser, Harness, eventually, refused},
    org::Org,
};

/// A picklist that is restricted to these values.
fn picklist(values: &[&str]) -> Value {
    let values: Vec<_> =
        values.iter().map(|value| json!({ "valueName": value, "label": value, "default": false })).collect();
    let values = json!({ "restricted": true, "valueSetDefinition": { "sorted": false, "value": values } });
    json!({ "type": "Picklist", "label": "Tier", "valueSet": values })
}

/// Makes `Contact.Tier__c`, which everybody sees who administers the org, and gives its id.
async fn make_tier(org: &Org) -> String {
    let field = json!({ "FullName": "Contact.Tier__c", "Metadata": picklist(&["silver"]) });
    let made = org.send(Method::POST, "tooling/sobjects/CustomField", field).await;
    let parent = "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true AND Profile.Name = 'System Administrator'";
    let parent = org.query(parent).await[0]["Id"].clone();
    let grant = json!({
        "ParentId": parent, "SobjectType": "Contact", "Field": "Contact.Tier__c",
        "PermissionsRead": true, "PermissionsEdit": true,
    });
    org.create("FieldPermissions", grant).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn set_plan(harness: &Harness, user: &str, plan: &str) {
    let operations = [("plan", plan), ("name", user)];
    let operations =
        operations.iter().map(|(name, value)| ((*name).to_owned(), AttributeOperation::set((*value).into()))).collect();
    let write = ProfileWrite::Upsert { kind: ProfileKind::User, id: user.to_owned(), operations, seen: false };
    harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
}

async fn map_tier(browser: &Browser) -> String {
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Title", "to": "title" }], "outbound": [{ "from": "plan", "to": "Tier__c" }],
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn groups(browser: &Browser) -> Vec<Value> {
    browser.get("{env}/issues/groups").await["data"].as_array().unwrap().clone()
}

async fn retry(browser: &Browser, which: Value) -> Value {
    let (status, retried) = browser.send(Method::POST, "{env}/issues/retry", Some(which)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{retried}");
    retried
}

/// The groups once nothing is tried any more.
async fn tried(browser: &Browser) -> Vec<Value> {
    eventually("all is tried", async || {
        let groups = groups(browser).await;
        groups.iter().all(|group| group["waiting"] == 0).then_some(groups)
    })
    .await
}

#[tokio::test]
async fn a_value_that_a_picklist_has_not_is_found_understood_mended_and_closed() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    let field = make_tier(&org).await;
    harness.connect().await;
    for name in ["ada", "bob", "cyd"] {
        let email = format!("{name}@tier.test");
        user(&harness, name, &email).await;
        set_plan(&harness, name, "gold").await;
        org.create("Contact", json!({ "LastName": name, "Email": email })).await;
    }
    let mapping = map_tier(&browser).await;
    let found = eventually("it is told of all three", async || {
        groups(&browser).await.into_iter().find(|group| group["issues"] == 3 && group["waiting"] == 0)
    })
    .await;
    let which = (&found["mapping_id"], &found["kind"], &found["code"], &found["field"]);
    assert_eq!(which, (&json!(mapping), &json!("value_misfit"), &json!(""), &json!("Tier__c")));
    assert!(found["cause"].as_str().unwrap().contains("restricted to: silver"), "{found}");

    let page = browser.get("{env}/issues?limit=2&field=Tier__c&kind=value_misfit&object=Contact").await;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["total"]), (2, &json!(3)));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = browser.get(&format!("{{env}}/issues?limit=2&after={cursor}&mapping_id={mapping}")).await;
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &Value::Null));
    let ada = browser.get("{env}/issues?search=ADA").await["data"][0].clone();
    let record = ada["record_id"].as_str().unwrap();
    assert!(ada["record_url"].as_str().unwrap().ends_with(&format!("/{record}")), "{ada}");
    assert_eq!((&ada["profile_id"], &ada["profile_name"], &ada["count"]), (&json!("ada"), &json!("ada"), &json!(1)));

    // Trying again mends nothing by itself, and says so.
    assert_eq!(retry(&browser, json!({ "id": ada["id"] })).await, json!({ "issues": 1, "profiles": 1 }));
    let still = tried(&browser).await.remove(0);
    assert_eq!(still["issues"], 3);
    let only = format!("{{env}}/issues?id={}", ada["id"].as_str().unwrap());
    let again = browser.get(&only).await["data"][0].clone();
    assert_eq!((&again["id"], &again["waiting"]), (&ada["id"], &json!(false)));
    assert!(again["count"].as_i64().unwrap() > 1 && again["last_at"] != ada["last_at"], "{again}");

    let mended = json!({ "Metadata": picklist(&["silver", "gold"]) });
    org.send(Method::PATCH, &format!("tooling/sobjects/CustomField/{field}"), mended).await;
    let group = json!({ "mapping_id": mapping, "kind": "value_misfit", "code": "", "field": "Tier__c" });
    assert_eq!(retry(&browser, group.clone()).await, json!({ "issues": 3, "profiles": 3 }));
    assert!(tried(&browser).await.is_empty());
    assert_eq!(org.value("Contact", record, "Tier__c").await, "gold");
    assert_eq!(retry(&browser, group).await, json!({ "issues": 0, "profiles": 0 }));
    harness.end().await;
}

#[tokio::test]
async fn duplicates_that_are_merged_are_no_issue_any_more_once_it_is_tried_again() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    make_tier(&org).await;
    harness.connect().await;
    user(&harness, "ada", "ada@twice.test").await;
    let contact = || json!({ "LastName": "Ada", "Email": "ada@twice.test" });
    org.create("Contact", contact()).await;
    let second = org.create("Contact", contact()).await;
    map_tier(&browser).await;
    let found = eventually("it is told", async || groups(&browser).await.first().cloned()).await;
    assert_eq!((&found["kind"], &found["field"]), (&json!("ambiguous_key"), &json!("Email")));
    org.delete("Contact", &second).await;
    retry(&browser, json!({})).await;
    eventually("it closes", async || groups(&browser).await.is_empty().then_some(())).await;
    harness.end().await;
}

#[tokio::test]
async fn wrong_words_are_refused_by_name() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let empty = json!({ "data": [], "total": 0, "next_cursor": null });
    assert_eq!(browser.get("{env}/issues").await, empty);
    assert_eq!(browser.get("{env}/issues/groups").await, json!({ "data": [], "total": 0 }));
    let retry = async |which| browser.send(Method::POST, "{env}/issues/retry", Some(which)).await;
    refused(&retry(json!({})).await, 409, "conflict", None);

    harness.connect().await;
    assert_eq!(browser.get("{env}/issues").await, empty);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("after=here", "after"),
        ("id=here", "id"),
        ("kind=bad_luck", "kind"),
        ("mapping_id=none", "mapping_id"),
        ("object=Contact", "object"),
    ] {
        let answer = browser.send(Method::GET, &format!("{{env}}/issues?{query}"), None).await;
        refused(&answer, 400, "invalid_params", Some(field));
    }
    let answer = browser.send(Method::GET, "{env}/issues/groups?kind=bad_luck", None).await;
    let words = refused(&answer, 400, "invalid_params", Some("kind"));
    assert!(words.contains("value_misfit"), "{words}");
    refused(&retry(json!({ "id": "one" })).await, 400, "invalid_params", Some("id"));
    refused(&retry(json!({ "mapping_id": "none" })).await, 400, "invalid_params", Some("mapping_id"));
    refused(&retry(json!({ "mapping": "none" })).await, 422, "invalid_params", Some("mapping"));
    refused(&retry(json!({ "kind": "bad_luck" })).await, 422, "invalid_params", Some("kind"));
    assert_eq!(retry(json!({})).await.1, json!({ "issues": 0, "profiles": 0 }));
    let (status, paused) = browser.send(Method::POST, "{env}/salesforce/pause", None).await;
    assert_eq!(status, StatusCode::OK, "{paused}");
    let words = refused(&retry(json!({})).await, 409, "conflict", None);
    assert!(words.contains("Resume it"), "{words}");
    harness.end().await;
}
