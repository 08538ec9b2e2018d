//! The web console, and the control interface.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_org::core::ChangeType;

use crate::web::{Web, client};

async fn log_in(web: &Web) {
    let form = [("username", web.org.org_username.as_str()), ("password", web.org.org_password.as_str())];
    let answer = web.http.post(web.url("/login")).form(&form).send().await.expect("the org answers");
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "/");
}

async fn page(web: &Web, path: &str) -> String {
    let answer = web.http.get(web.url(path)).send().await.expect("the org answers");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.expect("a page")
}

#[tokio::test]
async fn the_console_wants_a_sign_in() {
    let web = Web::start().await;
    let answer = client().get(web.url("/console/Contact")).send().await.unwrap();
    assert_eq!((answer.status(), answer.headers()["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/login"));
    let form = [("username", web.org.org_username.as_str()), ("password", "wrong")];
    let refused = web.http.post(web.url("/login")).form(&form).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_person_finds_a_record_edits_it_and_sees_its_activities() {
    let web = Web::start().await;
    let account = web.create("Account", json!({ "Name": "A&B <Ltd>" })).await;
    let contact =
        json!({ "FirstName": "Ann", "LastName": "Ay", "Email": "ann@x.io", "AccountId": account, "DoNotCall": true });
    let id = web.create("Contact", contact).await;
    web.create("Contact", json!({ "LastName": "Somebody Else" })).await;
    let task = json!({ "WhoId": id, "Subject": "Flow Started: <b>Tour</b>", "Status": "Completed", "ActivityDate": "2026-01-02" });
    web.create("Task", task).await;
    log_in(&web).await;
    assert!(page(&web, "/").await.contains("2 records"));
    let list = page(&web, "/console/Contact?q=ANN").await;
    assert!(list.contains("Ann Ay") && !list.contains("Somebody Else"));
    assert!(list.contains("A&amp;B &lt;Ltd&gt;") && !list.contains("<Ltd>"));
    let record = page(&web, &format!("/console/Contact/{id}")).await;
    assert!(record.contains("<dd data-field=\"Email\"><a href=\"mailto:ann@x.io\">ann@x.io</a></dd>"));
    let activity = page(&web, &format!("/console/Contact/{id}?tab=activity")).await;
    assert!(activity.contains("Flow Started: &lt;b&gt;Tour&lt;/b&gt;") && activity.contains("Completed"), "{activity}");

    let edit = format!("/console/Contact/{id}/edit");
    assert!(page(&web, &edit).await.contains("name=\"Title\""));
    let start = web.org.handle().lock().latest_replay_id();
    let form =
        [("FirstName", "Ann"), ("LastName", "Ay"), ("Title", "Chief"), ("Email", "ann@x.io"), ("DoNotCall", "true")];
    let saved = web.http.post(web.url(&edit)).form(&form).send().await.unwrap();
    assert_eq!(saved.headers()["location"], format!("/console/Contact/{id}"));
    assert!(page(&web, &format!("/console/Contact/{id}")).await.contains("<dd data-field=\"Title\">Chief</dd>"));
    {
        let org = web.org.handle().lock();
        let events: Vec<_> = org.events_after(Some(start)).collect();
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].change_type, events[0].change_origin.as_str()), (ChangeType::Update, ""));
        assert_eq!(events[0].values.len(), 2, "the title and the date, nothing else");
    }

    let form = [("LastName", ""), ("Email", "\"><script>"), ("DoNotCall", "true")];
    let refused = web.http.post(web.url(&edit)).form(&form).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let html = refused.text().await.unwrap();
    assert!(html.contains("role=\"alert\"") && html.contains("value=\"&quot;&gt;&lt;script&gt;\""), "{html}");
}

#[tokio::test]
async fn the_delay_comes_after_the_effect_and_can_be_switched() {
    let web = Web::start().await;
    let set = |ms: u64| {
        let request = web.http.put(web.url("/__control/faults")).json(&json!({ "response_delay_ms": ms }));
        async { assert_eq!(request.send().await.unwrap().status(), StatusCode::OK) }
    };
    let id = web.create("Contact", json!({ "LastName": "Ay" })).await;
    let mut events = web.org.handle().watch_events();
    events.mark_unchanged();
    set(400).await;
    let started = Instant::now();
    let path = format!("/sobjects/Contact/{id}");
    let patch = web.send(Method::PATCH, &path, json!({ "Title": "x" }));
    let seen = async {
        events.changed().await.unwrap();
        started.elapsed()
    };
    let ((status, _), committed_after) = tokio::join!(patch, seen);
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert!(committed_after < Duration::from_millis(400), "{committed_after:?}");
    set(0).await;
    assert!(web.org.handle().response_delay().is_zero());
    let unknown = web.http.put(web.url("/__control/faults")).json(&json!({ "respons_delay": 1 })).send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_ledger_counts_calls_and_records() {
    let web = Web::start().await;
    let record = |name: &str| json!({ "attributes": { "type": "Contact" }, "LastName": name });
    web.send(Method::POST, "/composite/sobjects", json!({ "records": [record("a"), record("b")] })).await;
    web.query("SELECT Id FROM Contact").await;
    web.get("/sobjects/Gadget").await;
    let ledger: Value = web.http.get(web.url("/__control/ledger")).send().await.unwrap().json().await.unwrap();
    assert_eq!(ledger["total"], 3);
    assert_eq!(ledger["counts"]["POST /composite/sobjects"], 1);
    assert_eq!(ledger["records"]["POST /composite/sobjects"], 2);
    assert_eq!(ledger["records"]["GET /query"], 2);
    assert_eq!(ledger["recent"][2]["status"], 404);
    web.http.delete(web.url("/__control/ledger")).send().await.unwrap();
    assert_eq!(web.org.handle().ledger().report().total, 0);
}
