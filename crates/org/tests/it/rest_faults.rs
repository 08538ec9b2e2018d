//! Faults, second writers, limits, the ledger and the history: what tests of other programs switch on.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_org::core::{ApiUsage, Edition, OrgProfile};
use syncline_org::{OrgOptions, start};

use crate::web::{Web, client, read};

async fn control(web: &Web, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let request = web.http.request(method, web.url(&format!("/__control/{path}"))).json(&body);
    let response = request.send().await.expect("the org answers");
    let status = response.status();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(json!(text)))
}

async fn strike(web: &Web, rule: Value) {
    let (status, body) = control(web, Method::POST, "faults", rule).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

async fn title(web: &Web, id: &str) -> Value {
    web.get(&format!("/sobjects/Contact/{id}?fields=Title")).await.1["Title"].clone()
}

/// A PATCH that may fail to be answered at all.
async fn try_patch(web: &Web, id: &str, title: &str) -> Result<StatusCode, reqwest::Error> {
    let url = web.url(&format!("/services/data/v66.0/sobjects/Contact/{id}"));
    let request = web.http.patch(url).bearer_auth(&web.token).json(&json!({ "Title": title }));
    Ok(request.send().await?.status())
}

#[tokio::test]
async fn an_answer_is_lost_after_the_effect_and_a_connection_before_it() {
    let web = Web::start().await;
    let id = web.create("Contact", json!({ "LastName": "Ay" })).await;
    let rule = |fault: &str| json!({ "method": "PATCH", "path": "/sobjects/{object}/{id}", "object": "contact", "times": 1, "fault": fault });
    strike(&web, rule("lose_answer")).await;
    assert!(try_patch(&web, &id, "lost").await.unwrap_err().is_request());
    assert_eq!(title(&web, &id).await, "lost");
    strike(&web, rule("cut_connection")).await;
    assert!(try_patch(&web, &id, "cut").await.is_err());
    assert_eq!(title(&web, &id).await, "lost");
    assert_eq!(try_patch(&web, &id, "well").await.unwrap(), StatusCode::NO_CONTENT);
    let patches: Vec<_> =
        web.org.handle().ledger().entries_after(0, 100).into_iter().filter(|entry| entry.method == "PATCH").collect();
    assert_eq!(patches.iter().map(|entry| entry.status).collect::<Vec<_>>(), [204, 0, 204]);
    assert_eq!(patches.iter().map(|entry| entry.answered_ms.is_some()).collect::<Vec<_>>(), [false, false, true]);
    let (_, faults) = control(&web, Method::GET, "faults", json!(null)).await;
    assert_eq!(faults["rules"][0]["times"], 0);
}

#[tokio::test]
async fn answers_are_errors_pages_and_halves() {
    let web = Web::start().await;
    let once = |fault: Value| json!({ "path": "/limits", "times": 1, "fault": fault });
    strike(&web, once(json!({ "answer": { "status": 403, "error_code": "REQUEST_LIMIT_EXCEEDED" } }))).await;
    let limit = json!([{ "message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED" }]);
    assert_eq!(web.get("/limits").await, (StatusCode::FORBIDDEN, limit));
    strike(&web, once(json!({ "answer": { "status": 503 } }))).await;
    let page = web.call(Method::GET, "/limits", None).await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.text().await.unwrap().contains("Service Unavailable"));
    strike(&web, once(json!("truncate_body"))).await;
    let half = web.call(Method::GET, "/limits", None).await;
    assert_eq!(half.status(), StatusCode::OK);
    assert!(half.bytes().await.is_err());
    strike(&web, once(json!({ "delay": { "ms": 300 } }))).await;
    let started = Instant::now();
    assert_eq!(web.get("/limits").await.0, StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_millis(300));
    strike(&web, json!({ "path": "/services/oauth2/token", "fault": { "answer": { "status": 400, "error_code": "invalid_grant" } } })).await;
    let (status, body) = web.oauth("token", &[("grant_type", "refresh_token")]).await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
    let (status, _) = control(&web, Method::POST, "faults", json!({ "fault": "no_such_fault" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_error_can_come_after_the_effect() {
    let web = Web::start().await;
    let fault = json!({ "answer": { "status": 500, "error_code": "UNKNOWN_EXCEPTION", "after_commit": true } });
    strike(&web, json!({ "method": "POST", "object": "Lead", "fault": fault })).await;
    let record = json!({ "attributes": { "type": "Lead" }, "LastName": "L", "Company": "C" });
    let (status, body) = web.send(Method::POST, "/composite/sobjects", json!({ "records": [record] })).await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("UNKNOWN_EXCEPTION")));
    assert_eq!(web.query("SELECT COUNT() FROM Lead").await.1["totalSize"], 1);
    // Other objects are not met.
    web.create("Contact", json!({ "LastName": "Ay" })).await;
}

#[tokio::test]
async fn rows_are_refused_by_faults_and_by_locks() {
    let web = Web::start().await;
    let ids = [
        web.create("Contact", json!({ "LastName": "A" })).await,
        web.create("Contact", json!({ "LastName": "B" })).await,
    ];
    let change = |id: &str| json!({ "attributes": { "type": "Contact" }, "id": id, "Title": "x" });
    let both = json!({ "records": [change(&ids[0]), change(&ids[1])] });
    let row_error = json!({ "row_error": { "status_code": "UNABLE_TO_LOCK_ROW" } });
    strike(&web, json!({ "object": "Contact", "times": 1, "fault": row_error })).await;
    let (status, results) = web.send(Method::PATCH, "/composite/sobjects", both.clone()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(results[0]["errors"][0]["statusCode"], "UNABLE_TO_LOCK_ROW");
    assert_eq!(results[1]["success"], true);

    control(&web, Method::POST, "locks", json!({ "ids": [&ids[1][..15]] })).await;
    let (_, results) = web.send(Method::PATCH, "/composite/sobjects", both).await;
    assert_eq!(results[0]["success"], true);
    let words = format!("unable to obtain exclusive access to this record or 1 records: {}", ids[1]);
    assert_eq!(results[1]["errors"][0]["message"], words);
    assert_eq!(try_patch(&web, &ids[1], "y").await.unwrap(), StatusCode::BAD_REQUEST);
    control(&web, Method::DELETE, "locks", json!(null)).await;
    assert_eq!(try_patch(&web, &ids[1], "y").await.unwrap(), StatusCode::NO_CONTENT);
    // A lock that has run out is none.
    control(&web, Method::POST, "locks", json!({ "ids": [&ids[1]], "ms": 0 })).await;
    assert_eq!(try_patch(&web, &ids[1], "z").await.unwrap(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn sessions_end_and_grants_are_revoked_in_the_middle() {
    let web = Web::start().await;
    strike(&web, json!({ "path": "/limits", "skip": 1, "fault": "expire_session" })).await;
    assert_eq!(web.get("/limits").await.0, StatusCode::OK);
    let (status, body) = web.get("/limits").await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::UNAUTHORIZED, &json!("INVALID_SESSION_ID")));
    let entries = web.org.handle().ledger().entries_after(0, 10);
    assert_eq!(entries[1].error_code.as_deref(), Some("INVALID_SESSION_ID"));
}

#[tokio::test]
async fn another_user_writes_and_the_history_tells_of_it() {
    let web = Web::start().await;
    let id = web.create("Contact", json!({ "LastName": "Ay", "Title": "first" })).await;
    let edit = json!({ "all_or_none": true, "writes": [
        { "update": { "id": id, "values": { "Title": "second" } } },
        { "create": { "object": "Account", "values": { "Name": "Acme" } } },
    ]});
    let (status, results) = control(&web, Method::POST, "write", edit).await;
    assert_eq!((status, &results[1]["success"]), (StatusCode::OK, &json!(true)), "{results}");
    let second = web.org.handle().lock().second_user_id().to_owned();
    let (_, row) = web.get(&format!("/sobjects/Contact/{id}?fields=LastModifiedById")).await;
    assert_eq!(row["LastModifiedById"], second.as_str());
    let (_, history) =
        control(&web, Method::GET, &format!("history?record={}&field=title", &id[..15]), json!(null)).await;
    let history = history.as_array().unwrap();
    let values: Vec<(&Value, &Value)> = history.iter().map(|change| (&change["old"], &change["new"])).collect();
    assert_eq!(values, [(&json!(null), &json!("first")), (&json!("first"), &json!("second"))]);
    assert_eq!(history[0]["change_origin"], "com/salesforce/api/rest/66.0");
    assert_eq!((&history[1]["user_id"], &history[1]["change_origin"]), (&json!(second), &json!("")));
    {
        let org = web.org.handle().lock();
        let last = org.events_after(None).last().unwrap();
        assert_eq!((last.commit_user.as_str(), last.change_origin.as_str()), (second.as_str(), ""));
        // The account of the same transaction has its number.
        let numbers: Vec<u64> = org
            .history()
            .filter(|change| change.new.as_text() == Some("Acme"))
            .map(|change| change.transaction)
            .collect();
        assert_eq!(Some(numbers[0]), history[1]["transaction"].as_u64());
    }
    let (status, _) = control(&web, Method::POST, "write", json!({ "username": "nobody@x.io", "writes": [] })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    control(&web, Method::PUT, "history", json!({ "is_kept": false })).await;
    let before = web.org.handle().lock().history().count();
    try_patch(&web, &id, "third").await.unwrap();
    assert_eq!(web.org.handle().lock().history().count(), before);
}

#[tokio::test]
async fn the_org_has_as_many_requests_as_its_edition() {
    let web = Web::start().await;
    let answer = web.call(Method::GET, "/limits", None).await;
    assert_eq!(answer.headers()["sforce-limit-info"], "api-usage=1/15000");
    control(&web, Method::PUT, "limits", json!({ "daily_requests_max": 3 })).await;
    let (_, limits) = web.get("/limits").await;
    assert_eq!(limits["DailyApiRequests"], json!({ "Max": 3, "Remaining": 1 }));
    assert_eq!(web.get("/limits").await.0, StatusCode::OK);
    let refused = json!([{ "message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED" }]);
    assert_eq!(web.get("/limits").await, (StatusCode::FORBIDDEN, refused));
    // A sign-in is no API request.
    assert_eq!(web.oauth("token", &[("grant_type", "nonsense")]).await.0, StatusCode::BAD_REQUEST);
    control(&web, Method::PUT, "limits", json!({ "daily_requests_max": null, "api_enabled": false })).await;
    assert_eq!(web.get("/limits").await.1[0]["errorCode"], "API_DISABLED_FOR_ORG");
    let usage = web.org.handle().lock().api_usage(web.org.handle().now_ms());
    assert_eq!(usage, ApiUsage { used: 3, max: 15_000 });
}

#[tokio::test]
async fn an_edition_can_be_chosen() {
    let profile = OrgProfile { edition: Edition::Professional, ..OrgProfile::default() };
    let org = start(OrgOptions { profile, ..OrgOptions::default() }).await.unwrap();
    let web = Web { token: org.access_token(), org, http: client() };
    let (status, body) = web.query("SELECT OrganizationType FROM Organization").await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::FORBIDDEN, &json!("API_DISABLED_FOR_ORG")));
    control(&web, Method::PUT, "limits", json!({ "api_enabled": true })).await;
    let (_, body) = web.query("SELECT OrganizationType FROM Organization").await;
    assert_eq!(body["records"][0]["OrganizationType"], "Professional Edition");
    assert!(web.get("/limits").await.1["DailyApiRequests"]["Max"].as_u64().unwrap() > 100_000);
}

#[tokio::test]
async fn the_clock_can_be_wrong() {
    let web = Web::start().await;
    let hour = 3_600_000;
    let before = web.org.handle().now_ms();
    control(&web, Method::PUT, "faults", json!({ "clock_skew_ms": hour })).await;
    assert!(web.org.handle().now_ms() >= before + hour);
}

#[tokio::test]
async fn the_ledger_tells_each_request() {
    let web = Web::start().await;
    let id = web.create("Contact", json!({ "LastName": "Ay" })).await;
    web.get(&format!("/sobjects/Contact/{id}?fields=Nope")).await;
    let (_, entries) = control(&web, Method::GET, "ledger/entries?after=1", json!(null)).await;
    let entry = &entries[0];
    assert_eq!(entry["number"], 2);
    assert_eq!(entry["uri"], format!("/services/data/v66.0/sobjects/Contact/{id}?fields=Nope"));
    assert_eq!((&entry["path"], &entry["error_code"]), (&json!("/sobjects/{object}/{id}"), &json!("INVALID_FIELD")));
    assert_eq!(entry["user_id"], web.org.handle().lock().admin_user_id());
    assert!(entry["bytes_out"].as_u64().unwrap() > 20 && entry["answered_ms"].is_i64());
    let first = &web.org.handle().ledger().entries_after(0, 1)[0];
    assert_eq!(first.bytes_in, json!({ "LastName": "Ay" }).to_string().len() as u64);
    control(&web, Method::PUT, "limits", json!({ "ledger_entries_max": 1 })).await;
    web.get("/limits").await;
    assert_eq!(web.org.handle().ledger().entries_after(0, 10).len(), 1);
    assert_eq!(web.org.handle().ledger().report().total, 3);
    let outside = web.http.get(web.url("/services/nowhere")).send().await.unwrap();
    assert_eq!(read(outside).await.0, StatusCode::NOT_FOUND);
}
