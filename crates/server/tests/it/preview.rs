//! What a mapping would do, before it is saved.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline::mappings_file::{self, MappingsFile};
use syncline_model::{
    attribute::AttributeOperation,
    clock::{Clock, SystemClock},
    profile::{ProfileKind, ProfileWrite},
};

use crate::{
    harness::{Browser, Harness, refused},
    org::Org,
};

async fn write_user(harness: &Harness, id: &str, attributes: &[(&str, &str)]) {
    let set = |(name, value): &(&str, &str)| ((*name).to_owned(), AttributeOperation::set((*value).into()));
    let operations = attributes.iter().map(set).collect();
    let write = ProfileWrite::Upsert { kind: ProfileKind::User, id: id.to_owned(), operations, seen: false };
    harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
}

fn draft() -> Value {
    json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [
            { "from": "Title", "to": "title" },
            { "from": "Account.Industry", "to": "industry" },
            { "from": "LastName", "to": "rank", "values": { "Lovelace": "1" } },
        ],
        "outbound": [{ "from": "tier", "to": "userflow_user_tier__c" }, { "from": "note", "to": "Department" }],
    })
}

/// Three users, of whom one matches a contact at an account, and one has no address.
async fn people(harness: &Harness, org: &Org) -> (String, String) {
    harness.connect().await;
    let account = org.create("Account", json!({ "Name": "Acme", "Industry": "Banking" })).await;
    let contact = json!({ "LastName": "Byron", "Email": "ada@preview.test", "Title": "CTO", "AccountId": account });
    let contact = org.create("Contact", contact).await;
    let long = "n".repeat(100);
    write_user(harness, "ada", &[("email", "Ada@preview.test"), ("tier", "gold"), ("note", &long)]).await;
    write_user(harness, "bob", &[("email", "bob@preview.test")]).await;
    write_user(harness, "eve", &[("name", "Eve")]).await;
    (account, contact)
}

async fn previewed(browser: &Browser, query: &str, draft: Value) -> Value {
    let (status, preview) = browser.send(Method::POST, &format!("{{env}}/mappings/preview{query}"), Some(draft)).await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    preview
}

#[tokio::test]
async fn a_draft_is_tried_on_real_people_and_nothing_is_written() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    let answer = browser.send(Method::POST, "{env}/mappings/preview", Some(draft())).await;
    refused(&answer, 409, "conflict", None);
    let (account, contact) = people(&harness, &org).await;
    let modified = org.value("Contact", &contact, "SystemModstamp").await;

    let preview = previewed(&browser, "", draft()).await;
    assert_eq!((&preview["profiles"], &preview["tried"], &preview["matched"]), (&json!(3), &json!(2), &json!(1)));
    let ada = &preview["sample"][0];
    assert_eq!((&ada["id"], &ada["record_id"], &ada["candidates"]), (&json!("ada"), &json!(contact), &json!(1)));
    let line = |at: usize| {
        let line = &ada["lines"][at];
        (line["before"].clone(), line["after"].clone(), line["changes"].clone(), line["failure"].is_null())
    };
    assert_eq!(line(0), (json!(null), json!("CTO"), json!(true), true));
    assert_eq!(line(1), (json!(null), json!("Banking"), json!(true), true));
    assert_eq!(line(2), (json!(null), json!(null), json!(false), false), "a value that is not mapped");
    assert_eq!(line(3), (json!(null), json!("gold"), json!(true), true), "a field that is still to be made");
    assert_eq!(line(4), (json!(null), json!(null), json!(false), false));
    assert!(ada["lines"][4]["failure"].as_str().unwrap().contains("80"), "{ada}");
    let bob = &preview["sample"][1];
    assert_eq!((&bob["id"], &bob["record_id"]), (&json!("bob"), &json!(null)));
    // Two of three users would be linked if all were as those that were tried; each look-up, read and write is one call here.
    assert_eq!(preview["cost"], json!({ "links": 2, "updates": 2, "writes": 2, "calls": 3, "seconds": 2 }));

    assert_eq!(browser.get("{env}/mappings").await["data"], json!([]));
    let profile = harness.store.profile(harness.environment.id, ProfileKind::User, "ada").await.unwrap().unwrap();
    assert!(profile.attribute("title").is_null());
    let known = harness.store.attribute_definitions(harness.environment.id, None).await.unwrap();
    assert!(known.iter().all(|one| one.name != "industry"));
    assert_eq!(org.value("Contact", &contact, "SystemModstamp").await, modified);

    let mut wrong = draft();
    wrong["inbound"][0]["from"] = json!("Nope");
    let answer = browser.send(Method::POST, "{env}/mappings/preview", Some(wrong)).await;
    refused(&answer, 400, "invalid_params", Some("inbound[0].from"));

    // What the fields of a matching record hold, and of one that it is associated with.
    let (status, sample) = browser.send(Method::POST, "{env}/mappings/sample", Some(draft())).await;
    assert_eq!((status, &sample["id"]), (StatusCode::OK, &json!(contact)), "{sample}");
    assert_eq!((&sample["values"]["Title"], &sample["values"]["AccountId"]), (&json!("CTO"), &json!(account)));
    let sample = browser.get(&format!("{{env}}/salesforce/records/{account}")).await;
    assert_eq!((&sample["object"], &sample["values"]["Industry"]), (&json!("Account"), &json!("Banking")));
    refused(&browser.send(Method::GET, "{env}/salesforce/records/none", None).await, 404, "not_found", None);
    harness.end().await;
}

#[tokio::test]
async fn an_edited_mapping_shows_what_differs_from_now_and_so_does_the_plan_of_a_file() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    people(&harness, &org).await;
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Title", "to": "title" }],
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    crate::association::becomes(&harness, "ada", "title", json!("CTO")).await;
    let replaces = format!("?replaces={}", made["id"].as_str().unwrap());
    let mut edited = draft();
    edited["inbound"][0]["values"] = json!({ "CTO": "Chief" });
    let preview = previewed(&browser, &replaces, edited.clone()).await;
    let line = &preview["sample"][0]["lines"][0];
    assert_eq!((&line["before"], &line["after"]), (&json!("CTO"), &json!("Chief")), "{preview}");

    let file = MappingsFile { mapping: vec![serde_json::from_value(edited).unwrap()] };
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap();
    let (store, now) = (harness.store.as_ref(), SystemClock.now());
    let plan = mappings_file::plan(store, &connection, &file, now).await.unwrap();
    let words = mappings_file::in_words(&plan.tried_report(store, &connection, now).await.unwrap());
    for expected in ["change Contact ↔ user", "2 were tried, and 1 match", r#"Title → title: "CTO" → "Chief""#, "✗ "]
    {
        assert!(words.contains(expected), "{expected} in {words}");
    }
    harness.stop.cancel();
    crate::harness::eventually("nobody works on the connection", async || {
        (!store.is_owned(connection.id).await.unwrap()).then_some(())
    })
    .await;
    let words = mappings_file::in_words(&plan.tried_report(store, &connection, now).await.unwrap());
    assert!(words.contains("not tried: No server works on the connection"), "{words}");
    harness.end().await;
}
