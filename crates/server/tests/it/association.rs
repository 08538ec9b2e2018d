//! Fields of associated records, against the emulated org: they arrive, and change with whatever they come from.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_model::profile::ProfileKind;

use crate::{
    harness::{Browser, Harness, client, eventually},
    org::Org,
};

pub(crate) async fn user(harness: &Harness, id: &str, email: &str) {
    let set = syncline_model::attribute::AttributeOperation::set(email.into());
    let write = syncline_model::profile::ProfileWrite::Upsert {
        kind: ProfileKind::User,
        id: id.to_owned(),
        operations: vec![("email".to_owned(), set)],
        seen: false,
    };
    harness.store.write(harness.environment.id, &vec![write]).await.unwrap();
}

pub(crate) async fn becomes(harness: &Harness, user: &str, attribute: &str, wanted: Value) {
    let what = format!("{attribute} of {user} becomes {wanted}");
    eventually(&what, async || {
        let profile = harness.store.profile(harness.environment.id, ProfileKind::User, user).await.unwrap()?;
        let value = serde_json::to_value(profile.attribute(attribute)).unwrap();
        (value == wanted).then_some(())
    })
    .await;
}

async fn map(browser: &Browser, inbound: &[(&str, &str)]) {
    let inbound: Vec<_> = inbound.iter().map(|(from, to)| json!({ "from": from, "to": to })).collect();
    let mapping = json!({
        "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
        "inbound": inbound,
    });
    let (status, made) = browser.send(Method::POST, "{env}/mappings", Some(mapping)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
}

#[tokio::test]
async fn fields_of_associated_records_follow_whatever_they_come_from() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let parent = org.create("Account", json!({ "Name": "Holding", "Industry": "Energy" })).await;
    let account = org.create("Account", json!({ "Name": "Acme", "Industry": "Banking", "ParentId": parent })).await;
    let other = org.create("Account", json!({ "Name": "Other", "Industry": "Retail" })).await;
    let boss = org.create("Contact", json!({ "LastName": "Boss", "Title": "Chair" })).await;
    for name in ["ada", "bob"] {
        let email = format!("{name}@associated.test");
        user(&harness, name, &email).await;
        let contact = json!({ "LastName": name, "Email": email, "AccountId": account, "ReportsToId": boss });
        org.create("Contact", contact).await;
    }
    let lines = [
        ("account.industry", "industry"),
        ("Account.Parent.Industry", "sector"),
        ("ReportsTo.Title", "boss"),
        ("Title", "title"),
    ];
    map(&browser, &lines).await;
    for user in ["ada", "bob"] {
        becomes(&harness, user, "industry", json!("Banking")).await;
        becomes(&harness, user, "sector", json!("Energy")).await;
        becomes(&harness, user, "boss", json!("Chair")).await;
    }

    // A change of the associated record reaches every linked child, from each step of a path.
    org.edit("Account", &account, json!({ "Industry": "Insurance" })).await;
    org.edit("Account", &parent, json!({ "Industry": "Utilities" })).await;
    org.edit("Contact", &boss, json!({ "Title": "Founder" })).await;
    for user in ["ada", "bob"] {
        becomes(&harness, user, "industry", json!("Insurance")).await;
        becomes(&harness, user, "sector", json!("Utilities")).await;
        becomes(&harness, user, "boss", json!("Founder")).await;
    }

    // Another parent in the midst of a path.
    org.edit("Account", &account, json!({ "ParentId": other })).await;
    becomes(&harness, "ada", "sector", json!("Retail")).await;
    org.edit("Account", &parent, json!({ "Industry": "Nothing to do with them any more" })).await;
    org.edit("Account", &other, json!({ "Industry": "Wholesale" })).await;
    becomes(&harness, "bob", "sector", json!("Wholesale")).await;

    // The end of an association.
    org.delete("Account", &other).await;
    becomes(&harness, "ada", "sector", json!(null)).await;
    becomes(&harness, "ada", "industry", json!("Insurance")).await;
    harness.end().await;
}

#[tokio::test]
async fn a_record_that_moves_to_another_parent_takes_over_its_fields() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let first = org.create("Account", json!({ "Name": "First", "Industry": "Banking" })).await;
    let second = org.create("Account", json!({ "Name": "Second", "Industry": "Retail" })).await;
    user(&harness, "ada", "ada@moving.test").await;
    let contact = json!({ "LastName": "Ada", "Email": "ada@moving.test", "AccountId": first });
    let contact = org.create("Contact", contact).await;
    map(&browser, &[("Account.Industry", "industry")]).await;
    becomes(&harness, "ada", "industry", json!("Banking")).await;
    org.edit("Contact", &contact, json!({ "AccountId": second })).await;
    becomes(&harness, "ada", "industry", json!("Retail")).await;
    org.edit("Contact", &contact, json!({ "AccountId": null })).await;
    becomes(&harness, "ada", "industry", json!(null)).await;
    harness.end().await;
}

/// Many children of one record: all follow, what else changes does not wait for them, and the org is asked nothing.
#[tokio::test]
async fn a_parent_of_thousands_changes_and_the_org_is_asked_nothing() {
    const CHILDREN: usize = 2_000;
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let account = org.create("Account", json!({ "Name": "Crowd", "Industry": "Banking" })).await;
    for group in (0..CHILDREN).collect::<Vec<_>>().chunks(200) {
        let record = |n: &usize| {
            json!({
                "attributes": { "type": "Contact" }, "LastName": format!("C{n}"), "Email": format!("c{n}@crowd.test"),
                "AccountId": account,
            })
        };
        let records: Vec<_> = group.iter().map(record).collect();
        let url = format!("{}/composite/sobjects", org.url);
        let request =
            client().post(url).bearer_auth(&org.token).json(&json!({ "allOrNone": true, "records": records }));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        for n in group {
            user(&harness, &format!("c{n}"), &format!("c{n}@crowd.test")).await;
        }
    }
    user(&harness, "ada", "ada@alone.test").await;
    let alone = org.create("Contact", json!({ "LastName": "Ada", "Email": "ada@alone.test", "Title": "CTO" })).await;
    map(&browser, &[("Account.Industry", "industry"), ("Title", "title")]).await;
    let connection = harness.store.connection(harness.environment.id).await.unwrap().unwrap().id;
    let settled = async || (harness.store.counts(connection, None).await.unwrap().waiting == 0).then_some(());
    for n in [0, CHILDREN / 2, CHILDREN - 1] {
        becomes(&harness, &format!("c{n}"), "industry", json!("Banking")).await;
    }
    becomes(&harness, "ada", "title", json!("CTO")).await;
    eventually("all are settled", settled).await;

    let calls = async || {
        let ledger = client().get(format!("{}/__control/ledger", harness.org.as_ref().unwrap().state().org_url));
        let ledger: Value = ledger.send().await.unwrap().json().await.unwrap();
        let calls = ledger["recent"].as_array().unwrap().iter().filter(|call| {
            call["path"].as_str().is_some_and(|path| path.contains("/query") || path.contains("/composite"))
        });
        calls.count()
    };
    let before = calls().await;
    org.edit("Account", &account, json!({ "Industry": "Insurance" })).await;
    org.edit("Contact", &alone, json!({ "Title": "Founder" })).await;
    becomes(&harness, "ada", "title", json!("Founder")).await;
    for n in [0, CHILDREN / 2, CHILDREN - 1] {
        becomes(&harness, &format!("c{n}"), "industry", json!("Insurance")).await;
    }
    eventually("all are settled", settled).await;
    assert_eq!(calls().await, before, "nobody was asked");
    tokio::time::timeout(Duration::from_secs(60), harness.end()).await.unwrap();
}

/// One record that is linked to one profile and associated with another's: a read for the one must not leave the other with what was.
#[tokio::test]
async fn a_change_that_no_event_tells_in_full_reaches_the_linked_and_the_associated() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let boss = json!({ "LastName": "Boss", "Email": "boss@both.test", "Title": "Chair", "Department": "Board" });
    let boss = org.create("Contact", boss).await;
    org.create("Contact", json!({ "LastName": "Ada", "Email": "ada@both.test", "ReportsToId": boss })).await;
    user(&harness, "boss", "boss@both.test").await;
    user(&harness, "ada", "ada@both.test").await;
    map(&browser, &[("Title", "title"), ("ReportsTo.Department", "department")]).await;
    becomes(&harness, "boss", "title", json!("Chair")).await;
    becomes(&harness, "ada", "department", json!("Board")).await;

    org.act_on_events(json!({ "action": "make_gaps", "object": "Contact", "commits": 1 })).await;
    org.edit("Contact", &boss, json!({ "Title": "Founder", "Department": "Garden" })).await;
    becomes(&harness, "boss", "title", json!("Founder")).await;
    becomes(&harness, "ada", "department", json!("Garden")).await;
    harness.end().await;
}

/// Has the objects described anew.
async fn check_now(browser: &Browser) {
    let (status, body) = browser.send(Method::POST, "{env}/salesforce/examination", Some(json!({}))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
}

#[tokio::test]
async fn what_an_object_looks_like_may_change_while_a_record_is_read() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let account = org.create("Account", json!({ "Name": "Acme", "Industry": "Banking" })).await;
    org.create("Contact", json!({ "LastName": "Ada", "Email": "ada@read.test", "AccountId": account })).await;
    user(&harness, "ada", "ada@read.test").await;
    map(&browser, &[("Account.Industry", "industry")]).await;
    becomes(&harness, "ada", "industry", json!("Banking")).await;

    // The record is read by what the mapping meant before, and the answer comes when it means something else.
    let slow = json!({ "delay": { "ms": 4000, "after_commit": true } });
    org.add_fault(json!({ "method": "GET", "path": "/query", "object": "Contact", "fault": slow })).await;
    let (status, body) = browser.send(Method::POST, "{env}/users/ada/sync", None).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    org.set_access("Account.Industry", false, false).await;
    check_now(&browser).await;
    eventually("it is told", async || {
        let issues = browser.get("{env}/issues").await;
        issues["data"].as_array().unwrap().iter().any(|issue| issue["field"] == "Account.Industry").then_some(())
    })
    .await;
    harness.end().await;
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_told_and_followed_again_once_it_leads_somewhere() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let account = org.create("Account", json!({ "Name": "Acme", "Industry": "Banking" })).await;
    let contact = json!({ "LastName": "Ada", "Email": "ada@nowhere.test", "Title": "CTO", "AccountId": account });
    org.create("Contact", contact).await;
    user(&harness, "ada", "ada@nowhere.test").await;
    map(&browser, &[("Title", "title"), ("Account.Industry", "industry")]).await;
    becomes(&harness, "ada", "industry", json!("Banking")).await;

    let issues = async || browser.get("{env}/issues").await["data"].as_array().unwrap().clone();
    org.set_access("Account.Industry", false, false).await;
    check_now(&browser).await;
    // Who happens to ask for it before it is described anew is refused, which is told of too.
    let lines = async || issues().await.into_iter().find(|issue| issue["field"] == "Account.Industry");
    assert_eq!(eventually("it is told", lines).await["kind"], "schema_changed");

    org.set_access("Account.Industry", true, true).await;
    check_now(&browser).await;
    eventually("the issue closes by itself", async || issues().await.is_empty().then_some(())).await;
    org.edit("Account", &account, json!({ "Industry": "Insurance" })).await;
    becomes(&harness, "ada", "industry", json!("Insurance")).await;
    harness.end().await;
}

#[tokio::test]
async fn what_changed_while_a_field_could_not_be_seen_comes_once_it_can() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let org = Org::of(&harness);
    harness.connect().await;
    let account = org.create("Account", json!({ "Name": "Acme", "Industry": "Banking" })).await;
    let contact = json!({ "LastName": "Ada", "Email": "ada@seen.test", "Title": "CTO", "AccountId": account });
    let contact = org.create("Contact", contact).await;
    user(&harness, "ada", "ada@seen.test").await;
    map(&browser, &[("Title", "title"), ("Account.Industry", "industry"), ("Department", "department")]).await;
    becomes(&harness, "ada", "title", json!("CTO")).await;
    becomes(&harness, "ada", "industry", json!("Banking")).await;

    for field in ["Contact.Title", "Account.Industry"] {
        org.set_access(field, false, false).await;
    }
    check_now(&browser).await;
    eventually("both are told", async || {
        let issues = browser.get("{env}/issues").await["data"].take();
        let is_told = |field: &str| issues.as_array().unwrap().iter().any(|issue| issue["field"] == field);
        (is_told("Title") && is_told("Account.Industry")).then_some(())
    })
    .await;
    // Others see both fields still.
    org.grant_to_others(&["Contact.Title", "Account.Industry"]).await;
    let update = |id: &str, values: Value| json!({ "update": { "id": id, "values": values } });
    org.write(json!([
        update(&account, json!({ "Industry": "Energy" })),
        update(&contact, json!({ "Title": "CEO", "Department": "Board" })),
    ]))
    .await;
    becomes(&harness, "ada", "department", json!("Board")).await;
    becomes(&harness, "ada", "title", json!("CTO")).await;

    for field in ["Contact.Title", "Account.Industry"] {
        org.set_access(field, true, true).await;
    }
    check_now(&browser).await;
    becomes(&harness, "ada", "title", json!("CEO")).await;
    becomes(&harness, "ada", "industry", json!("Energy")).await;
    harness.end().await;
}
