//! Who may ask.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{EMAIL, Harness, PASSWORD, read, refused};

#[tokio::test]
async fn a_member_signs_in_and_out() {
    let harness = Harness::start().await;
    let browser = harness.signed_in().await;
    let session = browser.get("/session").await;
    assert_eq!(session["member"], json!({ "email": EMAIL, "name": "Ada" }));
    assert_eq!(session["environments"][0]["name"], "production");

    let (status, _) = browser.send(Method::DELETE, "/session", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    refused(&browser.send(Method::GET, "/session", None).await, 401, "unauthenticated", None);
    harness.end().await;
}

#[tokio::test]
async fn the_cookie_is_for_this_site_alone_and_what_is_kept_is_not_the_cookie() {
    let harness = Harness::start().await;
    let request = harness.browser().request(Method::POST, "/session");
    let answer = request.json(&json!({ "email": " ADA@example.com ", "password": PASSWORD })).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    assert!(harness.store.session_member(token.as_bytes()).await.unwrap().is_none());
    assert!(harness.store.session_member(&syncline::secrets::digest(token)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_refused_in_the_same_words() {
    let harness = Harness::start().await;
    let browser = harness.browser();
    let mut words = Vec::new();
    for (email, password) in [(EMAIL, "wrong"), ("nobody@example.com", PASSWORD)] {
        let answer =
            browser.send(Method::POST, "/session", Some(json!({ "email": email, "password": password }))).await;
        words.push(refused(&answer, 401, "invalid_credentials", None));
    }
    assert_eq!(words[0], words[1]);
    let incomplete = browser.send(Method::POST, "/session", Some(json!({ "email": EMAIL }))).await;
    refused(&incomplete, 422, "invalid_params", Some("password"));
}

#[tokio::test]
async fn guessing_is_bounded() {
    let harness = Harness::start().await;
    let browser = harness.browser();
    let guess = || browser.send(Method::POST, "/session", Some(json!({ "email": EMAIL, "password": "guess" })));
    for _ in 0..10 {
        refused(&guess().await, 401, "invalid_credentials", None);
    }
    refused(&guess().await, 429, "too_many_attempts", None);
}

#[tokio::test]
async fn nothing_is_shown_to_strangers() {
    let harness = Harness::start().await;
    let stranger = harness.browser();
    for path in [
        "{env}/users",
        "{env}/users/u1",
        "{env}/companies",
        "{env}/companies/c1",
        "{env}/attribute-definitions",
        "{env}/salesforce",
        "{env}/salesforce/objects",
        "{env}/salesforce/objects/Contact",
        "{env}/mappings",
        "{env}/issues",
        "{env}/live?watch=users",
    ] {
        refused(&stranger.send(Method::GET, path, None).await, 401, "unauthenticated", None);
    }
    for (method, path) in [
        (Method::POST, "{env}/salesforce/authorize"),
        (Method::DELETE, "{env}/salesforce"),
        (Method::POST, "{env}/mappings"),
        (Method::PUT, "{env}/mappings/1"),
        (Method::DELETE, "{env}/mappings/1"),
    ] {
        refused(&stranger.send(method, path, Some(json!({}))).await, 401, "unauthenticated", None);
    }
}

#[tokio::test]
async fn other_sites_can_not_change_anything() {
    let harness = Harness::start().await;
    let browser = harness.signed_in().await;
    for (name, value) in [
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = browser.request(Method::DELETE, "/session").header(name, value);
        refused(&read(request.send().await.unwrap()).await, 403, "cross_origin", None);
    }
    browser.get("/session").await;
    let own = browser.request(Method::DELETE, "/session").header("origin", harness.url.as_str());
    let own = own.header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(own.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn every_answer_has_the_security_headers_and_unknown_addresses_are_no_pages() {
    let harness = Harness::start().await;
    let browser = harness.signed_in().await;
    let answer = browser.client.get(format!("{}/healthz", harness.url)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert!(answer.headers().contains_key("referrer-policy"));

    let ready = browser.client.get(format!("{}/readyz", harness.url)).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    let metrics = browser.client.get(format!("{}/metrics", harness.url)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("syncline_http_request_seconds"), "{metrics}");
    refused(&browser.send(Method::GET, "/nonsense", None).await, 404, "not_found", None);
    refused(&browser.send(Method::GET, "/environments/nonsense/users", None).await, 404, "not_found", None);
    let document = browser.client.get(format!("{}/api/openapi.json", harness.url)).send().await.unwrap();
    assert_eq!(read(document).await.1["openapi"], "3.1.0");
}
