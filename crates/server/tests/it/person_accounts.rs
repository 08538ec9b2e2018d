//! Person accounts: accounts that are people, each with a contact of its own, against the emulated org.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_model::{
    attribute::AttributeOperation,
    issue::{IssueFilter, IssueKind, ListedIssue},
    profile::{ProfileKind, ProfileWrite},
};

use crate::{
    association::{becomes, user},
    harness::{Browser, Harness, eventually, refused},
    org::Org,
};

const ADA: &str = "ada@people.test";
const PLAN: &str = "userflow_user_plan__c";

/// Ada, who has a plan and a score, and an org in which accounts may be people. Their contacts have two fields of the customer's.
async fn world() -> (Harness, Browser, Org) {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    org.enable_person_accounts().await;
    for field in ["Tier", "Score"] {
        org.make_field("Contact", &format!("{field}__c"), json!({ "type": "Text", "label": field, "length": 80 }))
            .await;
    }
    harness.connect().await;
    user(&harness, "ada", ADA).await;
    set(&harness, "ada", &[("plan", "growth"), ("score", "7")]).await;
    (harness, browser, org)
}

async fn set(harness: &Harness, id: &str, values: &[(&str, &str)]) {
    let operation = |(name, value): &(&str, &str)| ((*name).to_owned(), AttributeOperation::set((*value).into()));
    let operations = values.iter().map(operation).collect();
    let write = ProfileWrite::Upsert { kind: ProfileKind::User, id: id.to_owned(), operations, seen: false };
    harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
}

/// People as users, with everything that a person account has of its own, of its contact, and of both.
fn people() -> Value {
    json!({
        "salesforce": "Account", "userflow": "user", "match": { "salesforce": "PersonEmail", "userflow": "email" },
        "inbound": [
            { "from": "Name", "to": "full_name" }, { "from": "FirstName", "to": "first_name" },
            { "from": "PersonTitle", "to": "title" }, { "from": "PersonMailingCity", "to": "city" },
            { "from": "Tier__pc", "to": "tier" }, { "from": "Phone", "to": "phone" },
            { "from": "Industry", "to": "industry" },
        ],
        "outbound": [{ "from": "plan", "to": PLAN }, { "from": "score", "to": "Score__pc" }],
    })
}

fn contacts() -> Value {
    json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Title", "to": "title" }],
        "outbound": [{ "from": "score", "to": "Score__c" }],
    })
}

async fn make(browser: &Browser, mapping: Value) {
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
}

/// Ada's account and its contact.
async fn ada(org: &Org) -> (String, String) {
    let person = json!({
        "FirstName": "Ada", "LastName": "Byron", "PersonEmail": "Ada@People.Test", "PersonTitle": "CTO", "PersonMailingCity": "London",
        "Tier__pc": "gold", "Phone": "1", "Industry": "Banking",
    });
    let account = org.create("Account", person).await;
    let contact = org.value("Account", &account, "PersonContactId").await.as_str().unwrap().to_owned();
    (account, contact)
}

async fn field_becomes(org: &Org, object: &str, id: &str, field: &str, wanted: Value) {
    eventually(&format!("{object}.{field} becomes {wanted}"), async || {
        (org.value(object, id, field).await == wanted).then_some(())
    })
    .await;
}

async fn issues(harness: &Harness) -> Vec<ListedIssue> {
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap().id;
    harness.store.issues(connection, &IssueFilter::default(), None, 10).await.unwrap()
}

/// Which record a profile is linked to by each mapping, once nothing waits.
async fn links(browser: &Browser, profile: &str) -> Vec<Option<String>> {
    let standings = eventually("nothing waits", async || {
        let sync = browser.get(&format!("{{env}}/{profile}/sync")).await;
        let standings = sync["mappings"].as_array().unwrap().clone();
        standings.iter().all(|standing| standing["waiting"].is_null()).then_some(standings)
    })
    .await;
    standings.iter().map(|standing| standing["record_id"].as_str().map(str::to_owned)).collect()
}

/// What comes from a person account follows, whichever of its two halves is changed; and what goes there.
async fn goes_both_ways(harness: &Harness, org: &Org) -> String {
    let (account, contact) = ada(org).await;
    for (attribute, value) in [
        ("full_name", "Ada Byron"),
        ("first_name", "Ada"),
        ("title", "CTO"),
        ("city", "London"),
        ("tier", "gold"),
        ("phone", "1"),
        ("industry", "Banking"),
    ] {
        becomes(harness, "ada", attribute, json!(value)).await;
    }
    field_becomes(org, "Account", &account, PLAN, json!("growth")).await;
    field_becomes(org, "Contact", &contact, "Score__c", json!("7")).await;

    let changed = json!({ "PersonTitle": "CEO", "Tier__pc": null, "Industry": "Energy", "LastName": "Lovelace" });
    org.edit("Account", &account, changed).await;
    becomes(harness, "ada", "title", json!("CEO")).await;
    becomes(harness, "ada", "tier", json!(null)).await;
    becomes(harness, "ada", "industry", json!("Energy")).await;
    becomes(harness, "ada", "full_name", json!("Ada Lovelace")).await;
    org.edit("Contact", &contact, json!({ "FirstName": "Augusta", "MailingCity": "Paris", "Tier__c": "silver" })).await;
    becomes(harness, "ada", "first_name", json!("Augusta")).await;
    becomes(harness, "ada", "full_name", json!("Augusta Lovelace")).await;
    becomes(harness, "ada", "city", json!("Paris")).await;
    becomes(harness, "ada", "tier", json!("silver")).await;
    set(harness, "ada", &[("plan", "scale"), ("score", "8")]).await;
    field_becomes(org, "Account", &account, PLAN, json!("scale")).await;
    field_becomes(org, "Account", &account, "Score__pc", json!("8")).await;
    account
}

#[tokio::test]
async fn person_accounts_go_both_ways_with_users_and_companies_beside_them_are_left_alone() {
    let (harness, browser, org) = world().await;
    // Users and accounts that have no address are not the same for that.
    set(&harness, "eve", &[("plan", "solo")]).await;
    let acme = json!({ "Name": "Acme", "Industry": "Retail", "AccountNumber": "acme" });
    let acme = org.create("Account", acme).await;
    make(&browser, people()).await;
    let companies = json!({
        "salesforce": "Account", "userflow": "company", "match": { "salesforce": "AccountNumber", "userflow": "company_id" },
        "inbound": [{ "from": "Name", "to": "name" }],
    });
    make(&browser, companies).await;
    let write = ProfileWrite::Upsert { kind: ProfileKind::Company, id: "acme".into(), operations: vec![], seen: false };
    harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
    let account = goes_both_ways(&harness, &org).await;

    assert_eq!(links(&browser, "users/ada").await, [Some(account)]);
    assert_eq!(links(&browser, "users/eve").await, [None]);
    assert_eq!(links(&browser, "companies/acme").await, [Some(acme.clone())]);
    assert_eq!(org.value("Account", &acme, PLAN).await, json!(null));
    assert!(issues(&harness).await.is_empty());
    harness.end().await;
}

#[tokio::test]
async fn person_accounts_go_both_ways_where_changes_are_asked_for() {
    let (harness, browser, org) = world().await;
    org.act_on_events(json!({ "action": "set_captured_entities_max", "entities": 0 })).await;
    make(&browser, people()).await;
    goes_both_ways(&harness, &org).await;
    assert!(issues(&harness).await.is_empty());
    harness.end().await;
}

/// What is offered is what the org lets people write, and a preview shows a real person before anything is saved.
#[tokio::test]
async fn fields_of_people_are_offered_and_previewed_and_a_persons_name_is_not_written() {
    let (harness, browser, org) = world().await;
    let (account, _) = ada(&org).await;
    let described = browser.get("{env}/salesforce/objects/Account").await;
    let updateable = |name: &str| {
        let fields = described["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).unwrap_or_else(|| panic!("{name}"))["updateable"].clone()
    };
    for name in ["PersonEmail", "PersonTitle", "PersonMailingCity", "FirstName", "LastName", "Tier__pc", "Score__pc"] {
        assert_eq!(updateable(name), true, "{name}");
    }
    for name in ["IsPersonAccount", "PersonContactId", "PersonMailingAddress"] {
        assert_eq!(updateable(name), false, "{name}");
    }

    let (status, preview) = browser.send(Method::POST, "{env}/mappings/preview", Some(people())).await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    let shown = &preview["sample"][0];
    assert_eq!((&shown["id"], &shown["record_id"]), (&json!("ada"), &json!(account)));
    let after: Vec<_> = shown["lines"].as_array().unwrap().iter().map(|line| line["after"].clone()).collect();
    let expected = ["Ada Byron", "Ada", "CTO", "London", "gold", "1", "Banking", "growth", "7"];
    assert_eq!(json!(after), json!(expected));

    let mut named = people();
    named["outbound"] = json!([{ "from": "plan", "to": "Name" }]);
    let answer = browser.send(Method::POST, "{env}/mappings", Some(named)).await;
    let words = refused(&answer, 400, "invalid_params", Some("outbound[0].to"));
    assert!(words.contains("first and the last name"), "{words}");
    harness.end().await;
}

/// Matched by a field of all accounts, a mapping may meet both kinds; what one of them has not is an issue on that field alone.
#[tokio::test]
async fn what_a_person_or_a_company_has_not_is_an_issue_and_the_others_sync() {
    let (harness, browser, org) = world().await;
    let acme = org.create("Account", json!({ "Name": "Acme", "Site": "bob" })).await;
    let person = org.create("Account", json!({ "LastName": "Byron", "Site": "ada" })).await;
    set(&harness, "bob", &[("plan", "solo"), ("score", "1")]).await;
    make(&browser, json!({
        "salesforce": "Account", "userflow": "user", "match": { "salesforce": "Site", "userflow": "user_id" },
        "outbound": [{ "from": "plan", "to": "Name" }, { "from": "score", "to": "PersonTitle" }, { "from": "score", "to": PLAN }],
    }))
    .await;
    field_becomes(&org, "Account", &person, PLAN, json!("7")).await;
    field_becomes(&org, "Account", &acme, PLAN, json!("1")).await;
    assert_eq!(org.value("Account", &person, "PersonTitle").await, "7");
    assert_eq!(org.value("Account", &acme, "Name").await, "solo");
    assert_eq!(org.value("Account", &person, "Name").await, "Byron");
    let mut told: Vec<_> = issues(&harness).await.into_iter().map(|listed| listed.issue).collect();
    told.sort_by_key(|issue| issue.profile_id.clone());
    let [of_ada, of_bob] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((of_ada.profile_id.as_str(), of_ada.issue.field.as_deref()), ("ada", Some("Name")));
    assert!(of_ada.issue.cause.contains("The account is a person") && of_ada.issue.remedy.contains("FirstName"));
    assert_eq!((of_bob.profile_id.as_str(), of_bob.issue.field.as_deref()), ("bob", Some("PersonTitle")));
    assert!(of_bob.issue.cause.contains("The account is a company"), "{of_bob:?}");
    assert!(told.iter().all(|issue| issue.issue.kind == IssueKind::SchemaChanged));
    harness.end().await;
}

/// The contact of a person account is a contact like others for whoever maps contacts.
#[tokio::test]
async fn beside_a_mapping_of_contacts_the_order_decides_and_one_field_has_one_source() {
    let (harness, browser, org) = world().await;
    let (account, contact) = ada(&org).await;
    let bob = json!({ "LastName": "Babbage", "Email": "bob@people.test", "Title": "Inventor" });
    let bob = org.create("Contact", bob).await;
    user(&harness, "bob", "bob@people.test").await;
    make(&browser, contacts()).await;
    // Of a person account this is the very field that the contact's mapping reads, or writes.
    let mut both = people();
    let answer = browser.send(Method::POST, "{env}/mappings", Some(both.clone())).await;
    let words = refused(&answer, 400, "invalid_params", Some("outbound[1].to"));
    assert!(words.contains("Account.Score__pc and Contact.Score__c are one field of a person account"), "{words}");
    both["outbound"] = json!([{ "from": "title", "to": "PersonTitle" }]);
    both["inbound"] = json!([{ "from": "Phone", "to": "phone" }]);
    let answer = browser.send(Method::POST, "{env}/mappings", Some(both.clone())).await;
    let words = refused(&answer, 400, "invalid_params", Some("outbound[0].to"));
    assert!(words.contains("user title → Account.PersonTitle → Contact.Title → user title"), "{words}");

    both["outbound"] = json!([{ "from": "plan", "to": PLAN }]);
    both["inbound"] = json!([{ "from": "PersonTitle", "to": "title" }, { "from": "Tier__pc", "to": "tier" }]);
    make(&browser, both).await;
    becomes(&harness, "ada", "title", json!("CTO")).await;
    becomes(&harness, "ada", "tier", json!("gold")).await;
    becomes(&harness, "bob", "title", json!("Inventor")).await;
    field_becomes(&org, "Account", &account, PLAN, json!("growth")).await;
    field_becomes(&org, "Account", &account, "Score__pc", json!("7")).await;
    org.edit("Account", &account, json!({ "PersonTitle": "CEO" })).await;
    becomes(&harness, "ada", "title", json!("CEO")).await;
    set(&harness, "ada", &[("plan", "scale"), ("score", "8")]).await;
    field_becomes(&org, "Contact", &contact, "Score__c", json!("8")).await;
    field_becomes(&org, "Account", &account, PLAN, json!("scale")).await;
    let linked = [Some(contact), Some(account.clone())];
    assert_eq!(links(&browser, "users/ada").await, linked);
    assert_eq!(links(&browser, "users/bob").await, [Some(bob), None]);

    // Both halves go, and come back.
    org.delete("Account", &account).await;
    becomes(&harness, "ada", "title", json!(null)).await;
    becomes(&harness, "ada", "tier", json!(null)).await;
    org.write(json!([{ "undelete": { "id": account } }])).await;
    becomes(&harness, "ada", "title", json!("CEO")).await;
    becomes(&harness, "ada", "tier", json!("gold")).await;
    assert_eq!(links(&browser, "users/ada").await, linked);
    assert!(issues(&harness).await.is_empty());
    harness.end().await;
}

/// Takes contacts out of the org's own selection.
async fn unselect_contacts(org: &Org) {
    let member = "SELECT Id FROM PlatformEventChannelMember WHERE SelectedEntity = 'ContactChangeEvent'";
    let member = org.tooling_query(member).await["records"][0]["Id"].as_str().unwrap().to_owned();
    org.send(Method::DELETE, &format!("tooling/sobjects/PlatformEventChannelMember/{member}"), json!({})).await;
}

async fn account_feed(browser: &Browser, way: &str) -> Value {
    eventually(&format!("accounts come by {way}"), async || {
        let connection = browser.get("{env}/salesforce").await;
        let feeds = connection["feeds"].as_array().unwrap();
        assert!(feeds.iter().all(|feed| feed["object"] == "Account"), "only what is mapped is shown: {connection}");
        feeds.iter().find(|feed| feed["way"] == way).cloned()
    })
    .await
}

#[tokio::test]
async fn changes_of_people_are_told_of_in_full_where_only_accounts_are_mapped() {
    let (harness, browser, org) = world().await;
    unselect_contacts(&org).await;
    make(&browser, people()).await;
    account_feed(&browser, "stream").await;
    goes_both_ways(&harness, &org).await;
    harness.end().await;
}

#[tokio::test]
async fn accounts_that_are_people_are_asked_for_where_contacts_can_not_be_selected() {
    let (harness, browser, org) = world().await;
    unselect_contacts(&org).await;
    // Accounts, leads, opportunities and tasks are.
    org.act_on_events(json!({ "action": "set_captured_entities_max", "entities": 4 })).await;
    make(&browser, people()).await;
    let feed = account_feed(&browser, "polling").await;
    let reason = feed["reason"].as_str().unwrap();
    assert!(reason.contains("told of only where contacts are selected too"), "{reason}");
    goes_both_ways(&harness, &org).await;
    harness.end().await;
}

#[tokio::test]
async fn a_person_that_is_deleted_merged_or_made_a_company_is_let_go_and_comes_back() {
    let (harness, browser, org) = world().await;
    make(&browser, people()).await;
    let (loser, _) = ada(&org).await;
    becomes(&harness, "ada", "title", json!("CTO")).await;
    let master = json!({ "LastName": "Byron", "PersonEmail": ADA, "PersonTitle": "Countess" });
    let master = org.create("Account", master).await;
    org.write(json!([{ "merge": { "master": master, "losers": [loser], "values": {} } }])).await;
    becomes(&harness, "ada", "title", json!("Countess")).await;
    field_becomes(&org, "Account", &master, PLAN, json!("growth")).await;
    org.delete("Account", &master).await;
    becomes(&harness, "ada", "title", json!(null)).await;
    org.write(json!([{ "undelete": { "id": master } }])).await;
    becomes(&harness, "ada", "title", json!("Countess")).await;

    // Another address is another person, whichever half it is written to.
    user(&harness, "bob", "bob@people.test").await;
    let contact = org.value("Account", &master, "PersonContactId").await.as_str().unwrap().to_owned();
    org.edit("Account", &master, json!({ "PersonEmail": "bob@people.test" })).await;
    becomes(&harness, "bob", "title", json!("Countess")).await;
    becomes(&harness, "ada", "title", json!(null)).await;
    org.edit("Contact", &contact, json!({ "Email": ADA })).await;
    becomes(&harness, "ada", "title", json!("Countess")).await;
    becomes(&harness, "bob", "title", json!(null)).await;

    // Its event tells nothing but the record type.
    let types = org.query("SELECT Id FROM RecordType WHERE SobjectType = 'Account' AND IsPersonType = false").await;
    let (company, person) = (types[0]["Id"].clone(), org.value("Account", &master, "RecordTypeId").await);
    org.edit("Account", &master, json!({ "RecordTypeId": company })).await;
    becomes(&harness, "ada", "title", json!(null)).await;
    assert_eq!(links(&browser, "users/ada").await, [None]);
    org.edit("Account", &master, json!({ "RecordTypeId": person })).await;
    becomes(&harness, "ada", "title", json!("Countess")).await;
    set(&harness, "ada", &[("plan", "scale")]).await;
    field_becomes(&org, "Account", &master, PLAN, json!("scale")).await;
    assert_eq!(links(&browser, "users/ada").await, [Some(master)]);
    harness.end().await;
}
