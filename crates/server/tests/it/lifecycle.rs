//! What becomes of a link when its record is converted, merged, deleted, refused or given another key, against the emulated org.

use std::{collections::BTreeSet, time::Duration};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_engine::Tempo;
use syncline_model::{
    attribute::AttributeOperation,
    issue::IssueFilter,
    profile::{ProfileKind, ProfileWrite},
};

use crate::{
    association::{becomes, user},
    harness::{Browser, Harness, client, eventually},
    org::Org,
};

const EMAIL: &str = "ada@lifecycle.test";
const PLAN: &str = "userflow_user_plan__c";

/// How changes are noticed.
#[derive(Clone, Copy)]
enum Noticed {
    ByEvents,
    ByAsking,
}

/// Ada, who has a plan, and an org in which nobody is matched yet.
async fn world(noticed: Noticed) -> (Harness, Browser, Org) {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    let entities = if matches!(noticed, Noticed::ByAsking) { json!(0) } else { json!(null) };
    org.act_on_events(json!({ "action": "set_captured_entities_max", "entities": entities })).await;
    harness.connect().await;
    user(&harness, "ada", EMAIL).await;
    set_plan(&harness, "growth").await;
    (harness, browser, org)
}

async fn set_plan(harness: &Harness, plan: &str) {
    let operations = vec![("plan".to_owned(), AttributeOperation::set(plan.into()))];
    let write = ProfileWrite::Upsert { kind: ProfileKind::User, id: "ada".to_owned(), operations, seen: false };
    harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
}

/// Maps the object by email; its title goes into `to`, and the plan into its field.
async fn map(browser: &Browser, object: &str, to: &str, on_unlink: &str) {
    let mapping = json!({
        "salesforce": object, "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "on_unlink": on_unlink,
        "inbound": [{ "from": "Title", "to": to }], "outbound": [{ "from": "plan", "to": PLAN }],
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
}

/// A lead that is linked to Ada by the mappings, and has her plan.
async fn lead(org: &Org) -> String {
    let lead = json!({ "LastName": "Ada", "Company": "Acme", "Email": EMAIL, "Title": "of the lead" });
    org.create("Lead", lead).await
}

async fn has_plan(org: &Org, object: &str, id: &str, plan: &str) {
    eventually(&format!("the {object} has the plan {plan}"), async || {
        (org.value(object, id, PLAN).await == plan).then_some(())
    })
    .await;
}

async fn convert(org: &Org, lead: &str, into: Value) {
    let mut conversion = json!({ "lead_id": lead, "converted_status": "Closed - Converted" });
    conversion.as_object_mut().unwrap().extend(into.as_object().unwrap().clone());
    org.write(json!([{ "convert": conversion }])).await;
}

/// Which record Ada is linked to by each mapping, once nothing waits; and that nobody complains.
async fn links(harness: &Harness, browser: &Browser) -> Vec<Option<String>> {
    let standings = eventually("nothing waits", async || {
        let sync = browser.get("{env}/users/ada/sync").await;
        let standings = sync["mappings"].as_array().unwrap().clone();
        standings.iter().all(|standing| standing["waiting"].is_null()).then_some(standings)
    })
    .await;
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap().id;
    let issues = harness.store.issues(connection, &IssueFilter::default(), None, 10).await.unwrap();
    assert!(issues.is_empty(), "{issues:?}");
    standings.iter().map(|standing| standing["record_id"].as_str().map(str::to_owned)).collect()
}

/// How many records the org was told to change since its ledger was begun.
async fn records_written(harness: &Harness) -> u64 {
    let address =
        format!("{}/__control/ledger/entries?after=0&limit=10000", harness.org.as_ref().unwrap().state().org_url);
    let entries: Value = client().get(address).send().await.unwrap().json().await.unwrap();
    let writes = entries.as_array().unwrap().iter().filter(|entry| entry["path"] == "/composite/sobjects");
    writes.map(|entry| entry["records"].as_u64().unwrap()).sum()
}

async fn begin_ledger(harness: &Harness) {
    let address = format!("{}/__control/ledger", harness.org.as_ref().unwrap().state().org_url);
    client().delete(address).send().await.unwrap().error_for_status().unwrap();
}

/// The contact of a converted lead is who Ada is linked to now, and the lead is left alone.
async fn contact_has_taken_over(harness: &Harness, browser: &Browser, org: &Org, contact: &str) {
    has_plan(org, "Contact", contact, "growth").await;
    assert_eq!(links(harness, browser).await, [None, Some(contact.to_owned())]);
    begin_ledger(harness).await;
    set_plan(harness, "scale").await;
    has_plan(org, "Contact", contact, "scale").await;
    org.edit("Contact", contact, json!({ "Title": "of the contact" })).await;
    becomes(harness, "ada", "title", json!("of the contact")).await;
    assert_eq!(links(harness, browser).await, [None, Some(contact.to_owned())]);
    assert_eq!(records_written(harness).await, 1, "the lead is not written to");
}

async fn a_contact_is_made(noticed: Noticed) {
    let (harness, browser, org) = world(noticed).await;
    for object in ["Lead", "Contact"] {
        map(&browser, object, "title", "clear").await;
    }
    let lead = lead(&org).await;
    has_plan(&org, "Lead", &lead, "growth").await;
    becomes(&harness, "ada", "title", json!("of the lead")).await;
    convert(&org, &lead, json!({})).await;
    let contact = org.value("Lead", &lead, "ConvertedContactId").await.as_str().unwrap().to_owned();
    contact_has_taken_over(&harness, &browser, &org, &contact).await;
    harness.end().await;
}

#[tokio::test]
async fn the_contact_that_a_lead_becomes_takes_over() {
    a_contact_is_made(Noticed::ByEvents).await;
}

#[tokio::test]
async fn the_contact_that_a_lead_becomes_takes_over_where_changes_are_asked_for() {
    a_contact_is_made(Noticed::ByAsking).await;
}

#[tokio::test]
async fn the_contact_that_a_lead_is_merged_into_takes_over() {
    let (harness, browser, org) = world(Noticed::ByEvents).await;
    for object in ["Lead", "Contact"] {
        map(&browser, object, "title", "clear").await;
    }
    let lead = lead(&org).await;
    has_plan(&org, "Lead", &lead, "growth").await;
    let account = org.create("Account", json!({ "Name": "Acme" })).await;
    // It has no address of its own and gets the lead's.
    let contact = json!({ "LastName": "Ada", "AccountId": account, "Title": "of old" });
    let contact = org.create("Contact", contact).await;
    convert(&org, &lead, json!({ "account_id": account, "contact_id": contact })).await;
    becomes(&harness, "ada", "title", json!("of old")).await;
    contact_has_taken_over(&harness, &browser, &org, &contact).await;
    harness.end().await;
}

async fn there_is_no_mapping_for_contacts(noticed: Noticed) {
    let (harness, browser, org) = world(noticed).await;
    map(&browser, "Lead", "title", "clear").await;
    // A second mapping of the same leads keeps what it gave.
    let mut kept = json!({
        "salesforce": "Lead", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "on_unlink": "keep",
    });
    kept["inbound"] = json!([{ "from": "Company", "to": "company_name" }]);
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(kept)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let lead = lead(&org).await;
    has_plan(&org, "Lead", &lead, "growth").await;
    becomes(&harness, "ada", "title", json!("of the lead")).await;
    becomes(&harness, "ada", "company_name", json!("Acme")).await;
    convert(&org, &lead, json!({})).await;
    becomes(&harness, "ada", "title", json!(null)).await;
    begin_ledger(&harness).await;
    set_plan(&harness, "scale").await;
    assert_eq!(links(&harness, &browser).await, [None, None]);
    becomes(&harness, "ada", "company_name", json!("Acme")).await;
    assert_eq!(records_written(&harness).await, 0, "the lead is not written to");
    harness.end().await;
}

#[tokio::test]
async fn a_converted_lead_is_let_go_where_contacts_are_not_mapped() {
    there_is_no_mapping_for_contacts(Noticed::ByEvents).await;
}

#[tokio::test]
async fn a_converted_lead_is_let_go_where_contacts_are_not_mapped_and_changes_are_asked_for() {
    there_is_no_mapping_for_contacts(Noticed::ByAsking).await;
}

#[tokio::test]
async fn a_lead_whose_conversion_nobody_told_is_let_go_at_the_first_refusal() {
    let (harness, browser, org) = world(Noticed::ByEvents).await;
    map(&browser, "Lead", "title", "clear").await;
    let lead = lead(&org).await;
    has_plan(&org, "Lead", &lead, "growth").await;
    becomes(&harness, "ada", "title", json!("of the lead")).await;
    org.act_on_events(json!({ "action": "end_streams", "how": "deaf" })).await;
    convert(&org, &lead, json!({})).await;
    begin_ledger(&harness).await;
    set_plan(&harness, "scale").await;
    becomes(&harness, "ada", "title", json!(null)).await;
    assert_eq!(links(&harness, &browser).await, [None]);
    assert_eq!(records_written(&harness).await, 1, "one refusal is enough");
    harness.end().await;
}

#[tokio::test]
async fn what_a_mapping_says_since_a_call_began_is_done_too() {
    let (harness, browser, org) = world(Noticed::ByEvents).await;
    let contact = json!({ "LastName": "Ada", "Email": EMAIL, "Title": "CTO", "Description": "kept" });
    org.create("Contact", contact).await;
    org.add_fault(json!({
        "method": "GET", "path": "/query", "times": 1, "fault": { "delay": { "ms": 2000, "after_commit": true } },
    }))
    .await;
    let mut mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Title", "to": "title" }, { "from": "Description", "to": "note", "empty": "keep" }],
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping.clone())).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    eventually("the look-up has begun", async || org.faults_are_met().await.then_some(())).await;
    mapping["inbound"][1]["to"] = json!("remark");
    let path = format!("{{env}}/mappings/{}", made["id"].as_str().unwrap());
    let (status, changed) = browser.send(Method::PUT, &path, Some(mapping)).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    becomes(&harness, "ada", "title", json!("CTO")).await;
    becomes(&harness, "ada", "remark", json!("kept")).await;
    becomes(&harness, "ada", "note", json!(null)).await;
    harness.end().await;
}

#[tokio::test]
async fn the_survivor_of_a_merge_takes_over_and_what_is_deleted_comes_back_with_its_link() {
    let (harness, browser, org) = world(Noticed::ByEvents).await;
    map(&browser, "Contact", "title", "clear").await;
    let contact = |title: &str| json!({ "LastName": "Ada", "Email": EMAIL, "Title": title });
    let loser = org.create("Contact", contact("of the loser")).await;
    has_plan(&org, "Contact", &loser, "growth").await;
    becomes(&harness, "ada", "title", json!("of the loser")).await;
    let master = org.create("Contact", contact("of the master")).await;

    org.write(json!([{ "merge": { "master": master, "losers": [loser], "values": {} } }])).await;
    becomes(&harness, "ada", "title", json!("of the master")).await;
    set_plan(&harness, "scale").await;
    has_plan(&org, "Contact", &master, "scale").await;
    org.delete("Contact", &master).await;
    becomes(&harness, "ada", "title", json!(null)).await;
    set_plan(&harness, "solo").await;
    assert_eq!(links(&harness, &browser).await, [None]);
    org.write(json!([{ "undelete": { "id": master } }])).await;
    becomes(&harness, "ada", "title", json!("of the master")).await;
    has_plan(&org, "Contact", &master, "solo").await;
    assert_eq!(links(&harness, &browser).await, [Some(master)]);
    harness.end().await;
}

#[tokio::test]
async fn two_records_that_change_addresses_change_people_and_nobody_keeps_anothers_values() {
    let (harness, browser, org) = world(Noticed::ByEvents).await;
    user(&harness, "bob", "bob@lifecycle.test").await;
    map(&browser, "Contact", "title", "clear").await;
    let contact = |email: &str, title: &str| json!({ "LastName": "X", "Email": email, "Title": title });
    let first = org.create("Contact", contact(" ADA@lifecycle.test", "first")).await;
    let second = org.create("Contact", contact("Bob@Lifecycle.Test", "second")).await;
    becomes(&harness, "ada", "title", json!("first")).await;
    becomes(&harness, "bob", "title", json!("second")).await;
    has_plan(&org, "Contact", &first, "growth").await;
    let update = |id: &str, email: &str| json!({ "update": { "id": id, "values": { "Email": email } } });
    org.write(json!([update(&first, "bob@lifecycle.test"), update(&second, EMAIL)])).await;
    becomes(&harness, "ada", "title", json!("second")).await;
    becomes(&harness, "bob", "title", json!("first")).await;
    has_plan(&org, "Contact", &second, "growth").await;
    eventually("the first has Bob's plan, which is none", async || {
        org.value("Contact", &first, PLAN).await.is_null().then_some(())
    })
    .await;
    assert_eq!(links(&harness, &browser).await, [Some(second)]);
    harness.end().await;
}

#[tokio::test]
async fn a_record_that_the_org_refuses_is_an_issue_that_closes_with_its_cause() {
    let (harness, browser, org) = world(Noticed::ByEvents).await;
    map(&browser, "Contact", "title", "clear").await;
    let contact = org.create("Contact", json!({ "LastName": "Ada", "Email": EMAIL, "Title": "0" })).await;
    has_plan(&org, "Contact", &contact, "growth").await;
    let codes = [
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "DUPLICATES_DETECTED",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INACTIVE_OWNER_OR_USER",
    ];
    for (number, code) in codes.into_iter().enumerate() {
        let fault = json!({ "row_error": { "status_code": code } });
        org.add_fault(json!({ "path": "/composite/sobjects", "times": 1, "fault": fault })).await;
        set_plan(&harness, code).await;
        let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap().id;
        eventually(code, async || {
            let issues = harness.store.issues(connection, &IssueFilter::default(), None, 10).await.unwrap();
            issues.iter().any(|issue| issue.issue.issue.code == code).then_some(())
        })
        .await;
        // The other way is open, and a change of the record tries the refused one again.
        let title = format!("title {number}");
        org.edit("Contact", &contact, json!({ "Title": title })).await;
        becomes(&harness, "ada", "title", json!(title)).await;
        has_plan(&org, "Contact", &contact, code).await;
        assert_eq!(links(&harness, &browser).await, [Some(contact.clone())]);
    }
    harness.end().await;
}

#[tokio::test]
async fn a_field_that_gets_another_type_goes_on_into_the_attribute_as_it_is() {
    let harness = Harness::with_org().await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    let metadata = |of: Value| {
        let mut metadata = json!({ "label": "Seats" });
        metadata.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        metadata
    };
    org.make_field("Contact", "Seats__c", metadata(json!({ "type": "Text", "length": 20 }))).await;
    harness.connect().await;
    user(&harness, "ada", EMAIL).await;
    let contact = json!({ "LastName": "Ada", "Email": EMAIL, "Title": "CTO", "Seats__c": "12" });
    let contact = org.create("Contact", contact).await;
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Title", "to": "title" }, { "from": "Seats__c", "to": "seats" }],
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    becomes(&harness, "ada", "seats", json!("12")).await;

    let field = org.tooling_query("SELECT Id FROM CustomField WHERE DeveloperName = 'Seats'").await;
    let changed = json!({
        "FullName": "Contact.Seats__c", "Metadata": metadata(json!({ "type": "Number", "precision": 18, "scale": 0 })),
    });
    let path = format!("tooling/sobjects/CustomField/{}", field["records"][0]["Id"].as_str().unwrap());
    org.send(Method::PATCH, &path, changed).await;
    org.edit("Contact", &contact, json!({ "Title": "CEO", "Seats__c": 13 })).await;
    becomes(&harness, "ada", "seats", json!("13")).await;
    becomes(&harness, "ada", "title", json!("CEO")).await;
    assert_eq!(links(&harness, &browser).await, [Some(contact)]);
    harness.end().await;
}

/// Nobody asks for a check: the refused call is enough to learn that a field is gone, and time to learn that it is back.
#[tokio::test]
async fn fields_that_are_hidden_hold_up_nothing_else_and_their_issues_close_when_they_are_shown_again() {
    let tempo = Tempo { describe_missing: Duration::from_secs(1), ..Tempo::default() };
    let harness = Harness::with_org_at(tempo).await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    harness.connect().await;
    let account = org.create("Account", json!({ "Name": "Acme", "Industry": "Banking", "Phone": "1" })).await;
    let emails = ["ada@lifecycle.test", "bob@lifecycle.test"];
    for email in emails {
        let contact = json!({ "LastName": "Contact", "Email": email, "AccountId": account, "Title": "CTO", "Department": "Board" });
        org.create("Contact", contact).await;
    }
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [
            { "from": "Title", "to": "title" }, { "from": "Department", "to": "department" },
            { "from": "Account.Industry", "to": "industry" }, { "from": "Account.Phone", "to": "phone" },
        ],
        "outbound": [{ "from": "floor", "to": "Fax" }, { "from": "floor", "to": "AssistantName" }],
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let arrives = async |user: &str, values: &[(&str, &str)]| {
        for (name, value) in values {
            becomes(&harness, user, name, json!(value)).await;
        }
    };
    let add = async |name: &str, email: &str| {
        let operations = [("email", email), ("floor", "5th")];
        let operations =
            operations.map(|(name, value)| (name.to_owned(), AttributeOperation::set(value.into()))).into();
        let write = ProfileWrite::Upsert { kind: ProfileKind::User, id: name.to_owned(), operations, seen: false };
        harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
    };
    let written = async |email: &str, wanted: Value| {
        let soql = format!("SELECT Fax, AssistantName FROM Contact WHERE Email = '{email}'");
        eventually(&format!("its fax and assistant are {wanted}"), async || {
            let record = org.query(&soql).await.remove(0);
            (json!([record["Fax"], record["AssistantName"]]) == wanted).then_some(())
        })
        .await;
    };
    let issues = async |wanted: &[&str]| {
        eventually(&format!("the open issues are of {wanted:?}"), async || {
            let issues = browser.get("{env}/issues").await;
            let fields = issues["data"].as_array()?.iter().map(|issue| issue["field"].as_str().unwrap_or_default());
            (fields.collect::<BTreeSet<_>>() == BTreeSet::from_iter(wanted.iter().copied())).then_some(())
        })
        .await;
    };
    add("ada", emails[0]).await;
    arrives("ada", &[("title", "CTO"), ("industry", "Banking")]).await;
    written(emails[0], json!(["5th", "5th"])).await;

    org.set_access("Contact.Title", false, false).await;
    org.set_access("Account.Industry", false, false).await;
    org.set_access("Contact.AssistantName", true, false).await;
    add("bob", emails[1]).await;
    arrives("bob", &[("department", "Board"), ("phone", "1")]).await;
    written(emails[1], json!(["5th", null])).await;
    issues(&["Title", "Account.Industry", "AssistantName"]).await;

    org.set_access("Contact.Title", true, true).await;
    org.set_access("Account.Industry", true, true).await;
    arrives("bob", &[("title", "CTO"), ("industry", "Banking")]).await;
    issues(&["AssistantName"]).await;
    org.set_access("Contact.AssistantName", true, true).await;
    written(emails[1], json!(["5th", "5th"])).await;
    issues(&[]).await;
    harness.end().await;
}

#[tokio::test]
async fn an_object_that_is_hidden_is_told_of_and_read_anew_when_it_is_shown_again() {
    let tempo = Tempo { describe_missing: Duration::from_secs(1), ..Tempo::default() };
    let harness = Harness::with_org_at(tempo).await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    harness.connect().await;
    let emails = ["ada@lifecycle.test", "bob@lifecycle.test"];
    for email in emails {
        let lead = json!({ "LastName": "Lead", "Company": "Acme", "Email": email, "Title": "CTO" });
        org.create("Lead", lead).await;
    }
    let mapping = json!({
        "salesforce": "Lead", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Title", "to": "title" }],
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    user(&harness, "ada", emails[0]).await;
    becomes(&harness, "ada", "title", json!("CTO")).await;

    // What is looked at again once its object is announced would be found by that.
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap().id;
    eventually("leads were swept", async || harness.store.position(connection, "sweep/Lead").await.unwrap()).await;
    let permissions = org.hide_object("Lead").await;
    user(&harness, "bob", emails[1]).await;
    let issues = async || browser.get("{env}/issues").await["data"].take();
    let of_bob = async || {
        let issues = issues().await;
        issues.as_array()?.iter().find(|issue| issue["profile_id"] == "bob").cloned()
    };
    assert_eq!(eventually("it is told", of_bob).await["kind"], "schema_changed");
    org.create("ObjectPermissions", permissions).await;
    becomes(&harness, "bob", "title", json!("CTO")).await;
    eventually("the issues close", async || (issues().await == json!([])).then_some(())).await;
    harness.end().await;
}

/// A change that does not tell its values has its record's keys read, which can not be while they are hidden.
#[tokio::test]
async fn a_hidden_match_field_does_not_hold_up_the_stream_and_who_matches_meanwhile_is_linked_later() {
    let tempo = Tempo { describe_missing: Duration::from_secs(1), ..Tempo::default() };
    let harness = Harness::with_org_at(tempo).await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    harness.connect().await;
    map(&browser, "Contact", "title", "keep").await;
    map(&browser, "Lead", "lead_title", "keep").await;
    user(&harness, "ada", EMAIL).await;
    let lead = lead(&org).await;
    becomes(&harness, "ada", "lead_title", json!("of the lead")).await;
    let contact = org.create("Contact", json!({ "LastName": "Ada", "Title": "of the contact" })).await;

    // Whoever sets the address sees it still.
    org.set_access("Contact.Email", false, false).await;
    org.grant_to_others(&["Contact.Email"]).await;
    org.act_on_events(json!({ "action": "make_gaps", "object": "Contact", "commits": 1 })).await;
    org.write(json!([{ "update": { "id": contact, "values": { "Email": EMAIL } } }])).await;
    org.edit("Lead", &lead, json!({ "Title": "after the gap" })).await;
    becomes(&harness, "ada", "lead_title", json!("after the gap")).await;
    org.set_access("Contact.Email", true, true).await;
    becomes(&harness, "ada", "title", json!("of the contact")).await;
    harness.end().await;
}

#[tokio::test]
async fn an_associated_object_that_is_hidden_holds_up_no_other_field() {
    let tempo = Tempo { describe_missing: Duration::from_secs(1), ..Tempo::default() };
    let harness = Harness::with_org_at(tempo).await;
    let (browser, org) = (harness.signed_in().await, Org::of(&harness));
    harness.connect().await;
    for (name, email) in [("Acme", EMAIL), ("Other", "bob@lifecycle.test")] {
        let account = org.create("Account", json!({ "Name": name, "Industry": "Banking" })).await;
        let contact = json!({ "LastName": name, "Email": email, "Title": "CTO", "AccountId": account });
        org.create("Contact", contact).await;
    }
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": [{ "from": "Title", "to": "title" }, { "from": "Account.Industry", "to": "industry" }],
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    user(&harness, "ada", EMAIL).await;
    becomes(&harness, "ada", "industry", json!("Banking")).await;

    let permissions = org.hide_object("Account").await;
    user(&harness, "bob", "bob@lifecycle.test").await;
    becomes(&harness, "bob", "title", json!("CTO")).await;
    let issues = async || browser.get("{env}/issues").await["data"].take();
    eventually("the path is told", async || {
        issues().await.as_array()?.iter().any(|issue| issue["field"] == "Account.Industry").then_some(())
    })
    .await;
    // What it gave stays.
    becomes(&harness, "ada", "industry", json!("Banking")).await;
    org.create("ObjectPermissions", permissions).await;
    becomes(&harness, "bob", "industry", json!("Banking")).await;
    eventually("the issues close", async || (issues().await == json!([])).then_some(())).await;
    harness.end().await;
}
