//! What an administrator sees and does of a connection that stands, over the management API.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Harness, refused};

#[tokio::test]
async fn the_share_of_calls_is_a_whole_percentage() {
    let harness = Harness::with_org().await;
    let browser = harness.signed_in().await;
    let fitting = json!({ "api_share_percent": 25 });
    refused(&browser.send(Method::PATCH, "{env}/salesforce", Some(fitting)).await, 409, "conflict", None);
    harness.connect().await;
    for wrong in [json!(0), json!(101), json!(-5), json!(1_000_000)] {
        let answer = browser.send(Method::PATCH, "{env}/salesforce", Some(json!({ "api_share_percent": wrong }))).await;
        refused(&answer, 400, "invalid_params", Some("api_share_percent"));
    }
    for misshapen in [json!({ "api_share_percent": "half" }), json!({ "api_share_percent": 2.5 }), json!({})] {
        let answer = browser.send(Method::PATCH, "{env}/salesforce", Some(misshapen)).await;
        refused(&answer, 422, "invalid_params", Some("api_share_percent"));
    }
    harness.end().await;
}

#[tokio::test]
async fn nothing_can_be_steered_where_nothing_is_connected() {
    let harness = Harness::start().await;
    let browser = harness.signed_in().await;
    for path in ["{env}/salesforce/pause", "{env}/salesforce/resume", "{env}/salesforce/examination"] {
        refused(&browser.send(Method::POST, path, None).await, 409, "conflict", None);
    }
    let view = browser.get("{env}/salesforce").await;
    assert_eq!((&view["feeds"], &view["budget"], &view["examination"]), (&json!([]), &json!(null), &json!(null)));
    assert_eq!(view["callback_url"], json!(format!("{}/api/v1/salesforce/callback", harness.url)));
    harness.end().await;
}
