//! Lists: paging, order, filters.

use serde_json::{Value, json};

use super::{Api, START_RENDERED, ids};

/// As many users, each a millisecond after the one before; those whose number is divisible by three belong to `acme`.
async fn with_users(count: usize) -> (Api, Vec<String>) {
    let api = Api::start().await;
    let mut made = Vec::new();
    for place in 0..count {
        api.clock.advance_ms(1);
        // Ids that sort otherwise than by creation.
        let id = format!("u{:03}", (place * 7) % count);
        let mut body = json!({ "id": id, "attributes": { "email": format!("{id}@Example.com") } });
        if place % 3 == 0 {
            body["groups"] = json!([{ "id": "acme" }]);
        }
        api.post("/users", body).await;
        made.push(id);
    }
    (api, made)
}

/// Follows `next_page_url` to the end and gives the pages.
async fn pages(api: &Api, path: &str) -> Vec<Value> {
    let mut pages = vec![api.get(path).await];
    while let Some(next) = pages[pages.len() - 1]["next_page_url"].as_str() {
        assert!(pages.len() < 100, "the list has no end");
        let next = api.get(next).await;
        pages.push(next);
    }
    pages
}

fn sizes(pages: &[Value]) -> Vec<usize> {
    pages.iter().map(|page| ids(page).len()).collect()
}

fn has_more(pages: &[Value]) -> Vec<bool> {
    pages.iter().map(|page| page["has_more"].as_bool().unwrap()).collect()
}

#[tokio::test]
async fn two_hundred_and_fifty_users_are_paged_forward_and_backward() {
    let (api, made) = with_users(250).await;

    let forward = pages(&api, "/users?limit=100").await;
    assert_eq!(sizes(&forward), [100, 100, 50]);
    assert_eq!(has_more(&forward), [true, true, false]);
    assert_eq!(forward.iter().flat_map(ids).collect::<Vec<_>>(), made);

    // The page before the last user, and so on to the start; within a page the order is that of the list.
    let backward = pages(&api, &format!("/users?limit=100&ending_before={}", made[249])).await;
    assert_eq!(sizes(&backward), [100, 100, 49]);
    assert_eq!(has_more(&backward), [true, true, false]);
    assert_eq!(backward.iter().rev().flat_map(ids).collect::<Vec<_>>(), made[..249]);

    let newest_first: Vec<_> = made.iter().rev().cloned().collect();
    let descending = pages(&api, "/users?limit=90&order_by=-created_at").await;
    assert_eq!(sizes(&descending), [90, 90, 70]);
    assert_eq!(descending.iter().flat_map(ids).collect::<Vec<_>>(), newest_first);

    let members = pages(&api, "/users?group_id=acme&limit=40").await;
    let expected: Vec<_> = made.iter().step_by(3).cloned().collect();
    assert_eq!(sizes(&members), [40, 40, 4]);
    assert_eq!(members.iter().flat_map(ids).collect::<Vec<_>>(), expected);
    let before = format!("/users?group_id=acme&limit=40&ending_before={}", expected[83]);
    let members = pages(&api, &before).await;
    assert_eq!(sizes(&members), [40, 40, 3]);
    assert_eq!(members.iter().rev().flat_map(ids).collect::<Vec<_>>(), expected[..83]);

    let default = api.get("/users").await;
    assert_eq!(ids(&default), made[..20]);
    assert_eq!(default["url"], "/users");
    assert_eq!(default["next_page_url"], format!("/users?starting_after={}", made[19]));
}

#[tokio::test]
async fn a_list_says_where_its_next_page_is_with_everything_else_as_it_was_asked() {
    let api = Api::start().await;
    for id in ["a", "b & c", "d"] {
        api.clock.advance_ms(1);
        api.post("/groups", json!({ "id": id })).await;
    }
    let group = |id: &str, created_at: &str| {
        json!({
            "id": id,
            "object": "group",
            "attributes": {},
            "created_at": created_at,
            "memberships": [],
            "users": null,
        })
    };
    let first = api.get("/groups?limit=2&expand[]=memberships").await;
    let expected = json!({
        "object": "list",
        "data": [group("a", "2022-11-29T12:34:56.001+00:00"), group("b & c", "2022-11-29T12:34:56.002+00:00")],
        "has_more": true,
        "url": "/groups",
        "next_page_url": "/groups?limit=2&expand%5B%5D=memberships&starting_after=b+%26+c",
    });
    assert_eq!(first, expected);
    let second = api.get(first["next_page_url"].as_str().unwrap()).await;
    let expected = json!({
        "object": "list",
        "data": [group("d", "2022-11-29T12:34:56.003+00:00")],
        "has_more": false,
        "url": "/groups",
        "next_page_url": null,
    });
    assert_eq!(second, expected);
}

#[tokio::test]
async fn users_are_found_by_email_id_and_group() {
    let (api, made) = with_users(8).await;
    api.post("/users", json!({ "id": "twin", "attributes": { "email": " U003@example.COM " } })).await;
    let place = made.iter().position(|id| id == "u003").unwrap();
    assert_ne!(place % 3, 0, "u003 must be no member of acme");

    let cases: [(&str, &[&str]); 11] = [
        ("email=u003%40example.com", &["u003", "twin"]),
        ("email=+U003%40EXAMPLE.com+", &["u003", "twin"]),
        ("email=nobody%40example.com", &[]),
        ("user_id=u003", &["u003"]),
        ("user_id=U003", &[]),
        ("user_id=u003&email=u003%40example.com", &["u003"]),
        ("user_id=u003&email=u004%40example.com", &[]),
        ("user_id=u003&group_id=acme", &[]),
        ("user_id=u000&group_id=acme", &["u000"]),
        ("group_id=nobody", &[]),
        ("email=u000%40example.com&group_id=acme", &["u000"]),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&api.get(&format!("/users?{query}")).await), expected, "for {query}");
    }
    assert_eq!(ids(&api.get("/groups?group_id=acme").await), ["acme"]);
    assert_eq!(ids(&api.get("/groups?group_id=globex").await), [""; 0]);
}

#[tokio::test]
async fn attribute_definitions_are_made_by_first_use_and_listed_by_scope() {
    let api = Api::start().await;
    let body = json!({
        "id": "ada",
        "attributes": { "signed_up_at": "2026-01-31T12:00:00Z", "plan": null },
        "memberships": [
            { "attributes": { "role": ["owner"] }, "group": { "id": "acme", "attributes": { "seats": { "add": 1 } } } },
        ],
    });
    api.post("/users", body).await;
    api.clock.advance_ms(1_000);
    api.post("/events", json!({ "name": "paid", "user_id": "ada", "attributes": { "first-time": true } })).await;

    let definition = |scope: &str, name: &str, display_name: &str, data_type: &str, created_at: &str| {
        json!({
            "id": format!("{scope}:{name}"),
            "object": "attribute_definition",
            "name": name,
            "display_name": display_name,
            "description": null,
            "data_type": data_type,
            "scope": scope,
            "created_at": created_at,
        })
    };
    let later = "2022-11-29T12:34:57.000+00:00";
    let user = definition("user", "signed_up_at", "Signed Up At", "datetime", START_RENDERED);
    let group = definition("group", "seats", "Seats", "number", START_RENDERED);
    let membership = definition("group_membership", "role", "Role", "list", START_RENDERED);
    let event = definition("event", "first-time", "First Time", "boolean", later);
    for (scope, expected) in [("user", &user), ("group", &group), ("group_membership", &membership), ("event", &event)]
    {
        let list = api.get(&format!("/attribute_definitions?scope={scope}")).await;
        assert_eq!(list["data"], json!([expected]));
    }
    let by_name = api.get("/attribute_definitions?order_by=name").await;
    assert_eq!(by_name["data"], json!([event, membership, group, user]));
    let newest_first = api.get("/attribute_definitions?order_by[]=-created_at&order_by[]=-display_name&limit=2").await;
    assert_eq!(newest_first["data"], json!([event, user]));
    let rest = api.get(newest_first["next_page_url"].as_str().unwrap()).await;
    assert_eq!(rest["data"], json!([group, membership]));
    assert_eq!(rest["next_page_url"], Value::Null);
    let back = api.get("/attribute_definitions?order_by=name&limit=2&ending_before=user:signed_up_at").await;
    assert_eq!(back["data"], json!([membership, group]));
    assert_eq!(back["has_more"], true);
}
