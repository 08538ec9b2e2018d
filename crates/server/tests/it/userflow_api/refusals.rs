//! Whatever is wrong with a request: the answer has the documented shape, and nothing has changed.

use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::json;
use syncline_model::store::KeyKind;

use super::{API_KEY, Api, answer, error};
use syncline::secrets;

/// An API with something in it that a bad request could spoil.
async fn furnished() -> Api {
    let api = Api::start().await;
    let body = json!({
        "id": "ada",
        "attributes": { "email": "ada@example.com", "seats": 3 },
        "groups": [{ "id": "acme", "attributes": { "seats": 10, "plan": "pro" } }],
    });
    api.post("/users", body).await;
    api.post("/events", json!({ "name": "paid", "user_id": "ada", "attributes": { "amount": 5 } })).await;
    api
}

fn post(api: &Api, path: &str, body: &'static str) -> RequestBuilder {
    api.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json").body(body)
}

/// Sends the request and looks whether it got that answer and left everything as it was.
async fn refused(api: &Api, request: RequestBuilder, status: u16, code: &str, message: &str) {
    let before = api.state().await;
    let (given, body) = answer(request).await;
    assert_eq!((given.as_u16(), body), (status, error(code, message)));
    assert_eq!(api.state().await, before);
}

#[tokio::test]
async fn bodies_that_mean_nothing_change_nothing() {
    let api = furnished().await;
    let cases = [
        (
            "/users",
            r#"{"id":"ada","attributes":{"plan":"x","seats":{"set":1,"data_type":"currency"}}}"#,
            "attributes.seats.data_type: `currency` is no attribute type; allowed are string, number, boolean, datetime and list",
        ),
        ("/users", r#"{"attributes":{}}"#, "id: is required"),
        ("/users", "[]", "body: must be an object"),
        (
            "/users",
            r#"{"id":"new","attributes":{"plan":"x"},"groups":[{"id":"g","attributes":{"a.b":1}}]}"#,
            "groups[0].attributes.a.b: a name is made of the letters a-z and A-Z, digits, underscores, dashes and spaces",
        ),
        ("/groups", r#"{"id":"new","users":[]}"#, "users: is no known field; known are id, attributes"),
        (
            "/users?expand=friends",
            r#"{"id":"new"}"#,
            "expand: `friends` can not be expanded; allowed are groups, memberships, memberships.group",
        ),
        ("/groups?expand=users", r#"{"id":"new"}"#, "expand: is no known parameter; there are none here"),
        ("/users?dry_run=1", r#"{"id":"new"}"#, "dry_run: is no known parameter; known are expand"),
        ("/events", r#"{"name":"x"}"#, "user_id: at least one of `user_id` and `group_id` is required"),
        ("/events", r#"{"name":"new","user_id":"bob"}"#, "user_id: User with id 'bob' not found"),
        ("/events", r#"{"name":"new","user_id":"ada","group_id":"none"}"#, "group_id: Group with id 'none' not found"),
    ];
    for (path, body, message) in cases {
        refused(&api, post(&api, path, body), 400, "invalid_params", message).await;
    }
}

#[tokio::test]
async fn values_that_do_not_fit_their_attribute_name_the_field_and_undo_the_whole_request() {
    let api = furnished().await;
    let cases = [
        (
            "/users",
            r#"{"id":"new","attributes":{"plan":"x","seats":"many"}}"#,
            "attributes.seats: the text is no number",
        ),
        (
            "/users",
            r#"{"id":"ada","attributes":{"seats":4},"groups":[{"id":"new"},{"id":"acme","attributes":{"plan":["a"]}}]}"#,
            "groups[1].attributes.plan: a list was given for a string",
        ),
        (
            "/groups",
            r#"{"id":"acme","attributes":{"plan":{"add":1}}}"#,
            "attributes.plan: only a number can be added to, and the attribute is a string",
        ),
        (
            "/events",
            r#"{"name":"new","user_id":"ada","attributes":{"amount":true}}"#,
            "attributes.amount: a boolean was given for a number",
        ),
    ];
    for (path, body, message) in cases {
        refused(&api, post(&api, path, body), 400, "invalid_params", message).await;
    }
}

#[tokio::test]
async fn malformed_json_is_answered_with_its_place() {
    let api = furnished().await;
    let cases = [
        ("{\"id\":\n \"ada\",}", "the body is no JSON: trailing comma at line 2 column 8"),
        ("", "the body is no JSON: EOF while parsing a value at line 1 column 0"),
        ("{\"id\":\"ada\"} x", "the body is no JSON: trailing characters at line 1 column 14"),
    ];
    for (body, message) in cases {
        refused(&api, post(&api, "/users", body), 400, "invalid_json", message).await;
    }
    let before = api.state().await;
    let not_text = api
        .request(Method::POST, "/users")
        .header(header::CONTENT_TYPE, "application/json")
        .body(b"{\"id\":\"\xff\"}".to_vec());
    let (status, body) = answer(not_text).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_json")));
    let deep = "[".repeat(100_000);
    let request = api.request(Method::POST, "/users").header(header::CONTENT_TYPE, "application/json").body(deep);
    let (status, body) = answer(request).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_json")));
    assert_eq!(api.state().await, before);
}

#[tokio::test]
async fn a_body_of_two_megabytes_is_refused_in_words() {
    let api = furnished().await;
    let body = |bytes: usize| {
        let empty = json!({ "id": "big", "attributes": { "bio": "" } }).to_string().len();
        json!({ "id": "big", "attributes": { "bio": "x".repeat(bytes - empty) } })
    };
    let message = "the body is larger than 1048576 bytes";
    for bytes in [1024 * 1024 + 1, 2_000_000] {
        let request = api.request(Method::POST, "/users").json(&body(bytes));
        refused(&api, request, 413, "payload_too_large", message).await;
    }
    // In chunks, so that no header tells how much is to come.
    let chunks = futures::stream::iter((0..2_000).map(|_| Ok::<_, std::io::Error>("x".repeat(1_000))));
    let request = api
        .request(Method::POST, "/users")
        .header(header::CONTENT_TYPE, "application/json")
        .body(reqwest::Body::wrap_stream(chunks));
    refused(&api, request, 413, "payload_too_large", message).await;

    // A body of just the limit is read, and refused for what it holds.
    let request = api.request(Method::POST, "/users").json(&body(1024 * 1024));
    refused(&api, request, 400, "invalid_params", "attributes.bio: is longer than 65536 bytes").await;
}

#[tokio::test]
async fn only_a_key_of_the_api_opens_the_environment() {
    let api = furnished().await;
    let token = "ct_dybdwc2fkna4lmih2zyqb6eun";
    api.store.add_key(api.environment, KeyKind::Token, &secrets::digest(token)).await.unwrap();
    let message = "send an API key of the environment, as `Authorization: Bearer ak_…`";
    let authorizations = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(API_KEY.to_owned()),
        Some(format!("Basic {API_KEY}")),
        Some("Bearer ak_wrong".to_owned()),
        Some(format!("Bearer {token}")),
        Some(format!("Bearer {}", &API_KEY[..API_KEY.len() - 1])),
    ];
    for authorization in authorizations {
        for (method, path) in [(Method::POST, "/users"), (Method::GET, "/users"), (Method::GET, "/no/such/route")] {
            let mut request =
                api.client.request(method, format!("{}{path}", api.base_url)).json(&json!({ "id": "new" }));
            if let Some(authorization) = &authorization {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            refused(&api, request, 401, "unauthorized", message).await;
        }
    }
    let unauthorized = api.client.get(format!("{}/users", api.base_url)).send().await.unwrap();
    assert_eq!(unauthorized.headers()[header::WWW_AUTHENTICATE], "Bearer");
    let lower =
        api.client.get(format!("{}/users/ada", api.base_url)).header("authorization", format!("bearer {API_KEY}"));
    assert_eq!(answer(lower).await.0, StatusCode::OK);
}

#[tokio::test]
async fn unknown_ids_and_routes_are_not_found() {
    let api = furnished().await;
    let nothing_here = "there is nothing at this address";
    let cases = [
        (Method::GET, "/users/bob", "User with id 'bob' not found"),
        (Method::GET, "/users/acme", "User with id 'acme' not found"),
        (Method::GET, "/groups/ada", "Group with id 'ada' not found"),
        (Method::DELETE, "/groups/bob", "Group with id 'bob' not found"),
        (Method::GET, "/users/a%00b", "User with id 'ab' not found"),
        (
            Method::DELETE,
            "/group_memberships?user_id=ada&group_id=none",
            "Group membership of user 'ada' in group 'none' not found",
        ),
        (Method::GET, "", nothing_here),
        (Method::GET, "/userz", nothing_here),
        (Method::POST, "/users/ada/groups", nothing_here),
    ];
    for (method, path, message) in cases {
        refused(&api, api.request(method, path), 404, "not_found", message).await;
    }
}

#[tokio::test]
async fn methods_content_types_and_versions_that_are_not_taken_are_told() {
    let api = furnished().await;
    let message = "this address does not take this method; the Allow header tells which it takes";
    for (method, path) in [(Method::PATCH, "/users/ada"), (Method::DELETE, "/users"), (Method::GET, "/events")] {
        refused(&api, api.request(method, path), 405, "method_not_allowed", message).await;
    }
    let response = api.request(Method::PUT, "/users").send().await.unwrap();
    assert_eq!(response.headers()[header::ALLOW], "GET,HEAD,POST");

    let message = "send the body as JSON, with the header `Content-Type: application/json`";
    let body = r#"{"id":"new"}"#;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        let request = api.request(Method::POST, "/users").header(header::CONTENT_TYPE, content_type).body(body);
        refused(&api, request, 415, "unsupported_media_type", message).await;
    }
    refused(&api, api.request(Method::POST, "/users").body(body), 415, "unsupported_media_type", message).await;

    let message = "Userflow-Version: there is no such version; `2020-01-03` is the only one";
    let request = post(&api, "/users", body).header("Userflow-Version", "2031-01-01");
    refused(&api, request, 400, "invalid_params", message).await;
    let request = post(&api, "/users", body).header("Userflow-Version", "2020-01-03");
    assert_eq!(answer(request).await.0, StatusCode::OK);
}

#[tokio::test]
async fn bad_cursors_limits_and_filters_are_refused() {
    let api = furnished().await;
    let both = "ending_before: only one of `starting_after` and `ending_before` can be set";
    let cases = [
        ("/users?starting_after=bob", "starting_after: User with id 'bob' not found"),
        ("/users?ending_before=bob", "ending_before: User with id 'bob' not found"),
        ("/users?starting_after=a%00", "starting_after: must not contain control characters"),
        ("/users?user_id=ada&starting_after=bob", "starting_after: User with id 'bob' not found"),
        ("/groups?starting_after=ada", "starting_after: Group with id 'ada' not found"),
        (
            "/attribute_definitions?starting_after=user:none",
            "starting_after: Attribute definition with id 'user:none' not found",
        ),
        ("/event_definitions?ending_before=none", "ending_before: Event definition with id 'none' not found"),
        ("/users?starting_after=ada&ending_before=ada", both),
        ("/users?limit=0", "limit: must be a whole number from 1 to 100"),
        ("/users?limit=101", "limit: must be a whole number from 1 to 100"),
        ("/users?limit=ten", "limit: must be a whole number from 1 to 100"),
        ("/users?limit=5&limit=6", "limit: is given more than once"),
        ("/users?email=", "email: must not be empty"),
        (
            "/users?order_by=email",
            "order_by: `email` can not be sorted by; allowed are created_at, with `-` in front for descending order",
        ),
        (
            "/attribute_definitions?scope=company",
            "scope: `company` is no scope; allowed are user, group, group_membership, event",
        ),
        (
            "/users?emial=ada%40example.com",
            "emial: is no known parameter; known are limit, starting_after, ending_before, expand, order_by, email, group_id, user_id",
        ),
        (
            "/groups/acme?expand=groups",
            "expand: `groups` can not be expanded; allowed are users, memberships, memberships.user",
        ),
    ];
    for (path, message) in cases {
        refused(&api, api.request(Method::GET, path), 400, "invalid_params", message).await;
    }
}

#[tokio::test]
async fn a_deletion_with_a_parameter_it_does_not_know_deletes_nothing() {
    let api = furnished().await;
    let message = "dry_run: is no known parameter; there are none here";
    refused(&api, api.request(Method::DELETE, "/users/ada?dry_run=true"), 400, "invalid_params", message).await;
}
