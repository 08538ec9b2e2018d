//! Events.

use serde_json::{Value, json};

use super::{Api, START_RENDERED};

#[tokio::test]
async fn an_event_is_recorded_and_answered_as_it_is_kept() {
    let api = Api::start().await;
    api.post("/users", json!({ "id": "ada", "groups": [{ "id": "acme" }] })).await;

    let body = json!({ "name": "subscription.paid", "user_id": "ada", "attributes": { "amount": 12, "note": null } });
    let mut first = api.post("/events", body).await;
    let first_id = first["id"].take();
    let expected = json!({
        "id": null,
        "object": "event",
        "name": "subscription.paid",
        "time": START_RENDERED,
        "created_at": START_RENDERED,
        "attributes": { "amount": 12 },
        "user_id": "ada",
        "user": null,
        "group_id": null,
        "group": null,
    });
    assert_eq!(first, expected);

    // The attribute is a number by now, so a text that is one is kept as one.
    api.clock.advance_ms(1_000);
    let body = json!({
        "name": "subscription.paid",
        "user_id": "ada",
        "group_id": "acme",
        "time": "2022-11-01T00:00:00+02:00",
        "attributes": { "amount": "7.5" },
    });
    let mut second = api.post("/events?expand=user&expand=group", body).await;
    let second_id = second["id"].take();
    let expected = json!({
        "id": null,
        "object": "event",
        "name": "subscription.paid",
        "time": "2022-10-31T22:00:00.000+00:00",
        "created_at": "2022-11-29T12:34:57.000+00:00",
        "attributes": { "amount": 7.5 },
        "user_id": "ada",
        "user": api.get("/users/ada").await,
        "group_id": "acme",
        "group": api.get("/groups/acme").await,
    });
    assert_eq!(second, expected);

    assert!(first_id.is_string() && second_id.is_string() && first_id != second_id, "{first_id} {second_id}");
}

#[tokio::test]
async fn kinds_of_event_are_listed() {
    let api = Api::start().await;
    api.post("/groups", json!({ "id": "acme" })).await;
    for name in ["trial.ended", "paid", "trial.ended"] {
        api.post("/events", json!({ "name": name, "group_id": "acme" })).await;
        api.clock.advance_ms(1_000);
    }
    let definition = |name: &str, display_name: &str, created_at: &str| {
        json!({
            "id": name,
            "object": "event_definition",
            "name": name,
            "display_name": display_name,
            "description": null,
            "created_at": created_at,
        })
    };
    let expected = json!({
        "object": "list",
        "data": [
            definition("trial.ended", "Trial Ended", START_RENDERED),
            definition("paid", "Paid", "2022-11-29T12:34:57.000+00:00"),
        ],
        "has_more": false,
        "url": "/event_definitions",
        "next_page_url": Value::Null,
    });
    assert_eq!(api.get("/event_definitions").await, expected);
}
