//! Why something did or did not sync, as the management API tells it, against the emulated org.

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_model::clock::{Clock, SystemClock};

use crate::{
    association::{becomes, user},
    harness::{Browser, Harness, eventually},
    org::Org,
};

async fn explained(browser: &Browser, user: &str) -> Value {
    let (status, body) = browser.send(Method::GET, &format!("{{env}}/users/{user}/sync"), None).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["mappings"][0].clone()
}

/// Waits until the mapping of a user stands so.
async fn stands(browser: &Browser, user: &str, state: &str) -> Value {
    eventually(&format!("{user} is {state}"), async || {
        let mapping = explained(browser, user).await;
        (mapping["state"] == state && mapping["waiting"].is_null()).then_some(mapping)
    })
    .await
}

#[tokio::test]
async fn each_reason_for_not_being_linked_is_told_and_each_field_of_a_link() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    let answer = browser.send(Method::GET, "{env}/users/ada/sync", None).await;
    assert_eq!(answer.0, StatusCode::CONFLICT, "{}", answer.1);
    harness.connect().await;

    let account = org.create("Account", json!({ "Name": "Acme", "Industry": "Banking" })).await;
    let contact = json!({ "LastName": "Ada", "Email": "ada@explained.test", "Title": "CTO", "AccountId": account });
    let contact = org.create("Contact", contact).await;
    for name in ["Twin", "Double"] {
        org.create("Contact", json!({ "LastName": name, "Email": "twin@explained.test" })).await;
    }
    for (id, email) in
        [("ada", "Ada@explained.test"), ("bob", "bob@explained.test"), ("twin", "twin@explained.test"), ("eve", " ")]
    {
        user(&harness, id, email).await;
    }
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "duplicates": "skip",
        "inbound": [{ "from": "Title", "to": "title" }, { "from": "Account.Industry", "to": "industry" }],
        "outbound": [{ "from": "floor", "to": "Department" }],
    });
    let begun = SystemClock.now();
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    becomes(&harness, "ada", "title", json!("CTO")).await;

    let linked = stands(&browser, "ada", "linked").await;
    assert_eq!((&linked["record_id"], &linked["key"]), (&json!(contact), &json!("ada@explained.test")));
    assert_eq!(linked["matches"], "Email = email");
    let fields = linked["fields"].as_array().unwrap();
    let inbound = json!({
        "direction": "inbound", "from": "Account.Industry", "to": "industry", "source": "Banking", "target": "Banking",
        "state": "in_step", "message": null, "synced_at": fields[1]["synced_at"], "synced_value": "Banking",
        "synced_from": "Account.Industry",
    });
    let synced_at: Timestamp = fields[1]["synced_at"].as_str().unwrap().parse().unwrap();
    assert!(begun <= synced_at && synced_at <= SystemClock.now(), "{synced_at}");
    assert_eq!(fields[1], inbound);
    assert_eq!((&fields[2]["direction"], &fields[2]["state"]), (&json!("outbound"), &json!("in_step")));
    // Both sides had nothing from the start.
    for untold in ["synced_at", "synced_value", "synced_from"] {
        assert_eq!(fields[2][untold], Value::Null, "{untold}");
    }

    let reason = |mapping: &Value| mapping["reason"].as_str().unwrap().to_owned();
    assert!(reason(&stands(&browser, "bob", "no_record").await).contains("No Contact that the connected user can see"));
    let twin = stands(&browser, "twin", "ambiguous").await;
    assert!(reason(&twin).contains("2 records of Contact have Email twin@explained.test"), "{twin}");
    assert!(twin["issues"][0].as_str().unwrap().contains("Merge the duplicates"), "{twin}");
    assert!(reason(&stands(&browser, "eve", "no_key").await).contains("no value in `email`"));

    // A value that does not fit is told at its line, the others stay in step.
    let long = "x".repeat(100);
    let set = syncline_model::attribute::AttributeOperation::set(long.as_str().into());
    let write = syncline_model::profile::ProfileWrite::Upsert {
        kind: syncline_model::profile::ProfileKind::User,
        id: "ada".to_owned(),
        operations: vec![("floor".to_owned(), set)],
        seen: false,
    };
    harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
    let failed = eventually("the value is refused", async || {
        let mapping = explained(&browser, "ada").await;
        (mapping["fields"][2]["state"] == "failed" && mapping["waiting"].is_null()).then_some(mapping)
    })
    .await;
    assert!(failed["fields"][2]["message"].as_str().unwrap().contains("80"), "{failed}");
    assert_eq!((&failed["fields"][0]["state"], failed["issues"].as_array().unwrap().len()), (&json!("in_step"), 1));

    let answer = browser.send(Method::GET, "{env}/users/nobody/sync", None).await;
    assert_eq!(answer.0, StatusCode::NOT_FOUND);
    harness.end().await;
}

/// Of two mappings that feed one attribute, the one that does not win has nothing to wait for.
#[tokio::test]
async fn a_mapping_that_another_one_goes_before_is_in_step() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let person =
        |title: &str| json!({ "LastName": "Ada", "Email": "ada@both.test", "Title": title, "Company": "Acme" });
    let mut contact = person("CTO");
    contact.as_object_mut().unwrap().remove("Company");
    org.create("Contact", contact).await;
    org.create("Lead", person("Analyst")).await;
    user(&harness, "ada", "ada@both.test").await;
    for salesforce in ["Contact", "Lead"] {
        let mapping = json!({
            "salesforce": salesforce, "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
            "inbound": [{ "from": "Title", "to": "title" }],
        });
        let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
    }
    becomes(&harness, "ada", "title", json!("CTO")).await;
    let explained = eventually("both are linked", async || {
        let (_, body) = browser.send(Method::GET, "{env}/users/ada/sync", None).await;
        let mappings = body["mappings"].as_array().unwrap().clone();
        let is_quiet = |one: &Value| one["state"] == "linked" && one["waiting"].is_null();
        mappings.iter().all(is_quiet).then_some(mappings)
    })
    .await;
    let lead = &explained[1]["fields"][0];
    assert_eq!(
        (&lead["source"], &lead["target"], &lead["state"]),
        (&json!("Analyst"), &json!("CTO"), &json!("in_step"))
    );
    assert!(lead["message"].as_str().unwrap().contains("Another mapping"), "{lead}");
    harness.end().await;
}

/// A line may get another source, and an attribute its value from another mapping: what is told of a value is what was true when it was set.
#[tokio::test]
async fn a_value_that_was_set_is_told_with_what_it_came_from_then() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let contact = json!({ "LastName": "Ada", "Email": "ada@source.test", "Title": "CTO" });
    let contact = org.create("Contact", contact).await;
    let lead = json!({ "LastName": "Ada", "Email": "ada@source.test", "Title": "Analyst", "Company": "Acme" });
    org.create("Lead", lead).await;
    user(&harness, "ada", "ada@source.test").await;
    let mapping = |salesforce: &str, from: &str| {
        json!({
            "salesforce": salesforce, "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
            "inbound": [{ "from": from, "to": "title", "empty": "keep" }],
        })
    };
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping("Contact", "Title"))).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    becomes(&harness, "ada", "title", json!("CTO")).await;
    let told = async |from: &str, value: &str, synced_from: &str| {
        eventually(&format!("{value} came from {synced_from}"), async || {
            let mapping = explained(&browser, "ada").await;
            let line = &mapping["fields"][0];
            let is_told = line["from"] == from && line["synced_value"] == value && line["synced_from"] == synced_from;
            (is_told && mapping["waiting"].is_null()).then_some(())
        })
        .await;
    };
    told("Title", "CTO", "Title").await;

    // The new source has no value yet, and leaves the attribute as it is.
    let path = format!("{{env}}/mappings/{}", made["id"].as_str().unwrap());
    let (status, edited) = browser.send(Method::PUT, &path, Some(mapping("Contact", "Department"))).await;
    assert_eq!(status, StatusCode::OK, "{edited}");
    told("Department", "CTO", "Title").await;
    org.edit("Contact", &contact, json!({ "Department": "Board" })).await;
    told("Department", "Board", "Department").await;

    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping("Lead", "Title"))).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    eventually("the lead is linked", async || {
        let (_, body) = browser.send(Method::GET, "{env}/users/ada/sync", None).await;
        let lead = &body["mappings"][1];
        (lead["state"] == "linked" && lead["waiting"].is_null()).then_some(())
    })
    .await;
    org.edit("Contact", &contact, json!({ "Department": null })).await;
    told("Department", "Analyst", "Title of Lead").await;
    harness.end().await;
}
