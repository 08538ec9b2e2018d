//! Users, companies and memberships: made, changed, expanded, pruned, deleted.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_model::profile::ProfileKind;

use super::{Api, START_RENDERED, answer, error, open};

#[tokio::test]
async fn a_user_is_made_then_changed_and_keeps_what_was_not_sent() {
    let api = Api::start().await;
    let made = json!({
        "id": "c2dfad13",
        "object": "user",
        "attributes": {
            "admin": true,
            "email": "ada@example.com",
            "score": 1.5,
            "seats": 3,
            "signed_up_at": "2026-01-31T12:00:00.000+00:00",
            "tags": ["a", "b"],
        },
        "created_at": START_RENDERED,
        "groups": null,
        "memberships": null,
    });
    let body = json!({
        "id": "c2dfad13",
        "attributes": {
            "email": "ada@example.com",
            "seats": 3,
            "score": 1.5,
            "admin": true,
            "signed_up_at": "2026-01-31T13:00:00+01:00",
            "tags": ["a", "b"],
            "nothing": null,
        },
    });
    assert_eq!(api.post("/users", body).await, made);
    assert_eq!(api.get("/users/c2dfad13").await, made);

    api.clock.advance_ms(1_000);
    let mut changed = made;
    changed["attributes"]["seats"] = json!(4);
    changed["attributes"].as_object_mut().unwrap().shift_remove("score");
    let body = json!({ "id": "c2dfad13", "attributes": { "seats": 4, "score": null } });
    assert_eq!(api.post("/users", body).await, changed);
    assert_eq!(api.get("/users/c2dfad13").await, changed);
}

#[tokio::test]
async fn a_group_is_made_and_read() {
    let api = Api::start().await;
    let expected = json!({
        "id": "acme",
        "object": "group",
        "attributes": { "name": "Acme" },
        "created_at": START_RENDERED,
        "memberships": null,
        "users": null,
    });
    assert_eq!(api.post("/groups", json!({ "id": "acme", "attributes": { "name": "Acme" } })).await, expected);
    assert_eq!(api.get("/groups/acme").await, expected);
}

#[tokio::test]
async fn what_was_answered_is_in_the_database_file() {
    let api = Api::start().await;
    api.post("/users", json!({ "id": "ada", "attributes": { "plan": "pro" } })).await;

    let reopened = open(&api.directory, api.clock.clone()).await;

    let user = reopened.profile(api.environment, ProfileKind::User, "ada").await.unwrap().unwrap();
    assert_eq!(user.attribute("plan").as_text(), Some("pro"));
    assert!(api.store.profile(api.environment, ProfileKind::User, "bob").await.unwrap().is_none());
}

#[tokio::test]
async fn each_of_the_seven_operations_changes_the_attribute() {
    let api = Api::start().await;
    // Each step: what is sent for the attribute, and its value afterwards.
    let steps = [
        ("plan", json!({ "set": "pro" }), json!("pro")),
        ("plan", json!({ "set": "free", "data_type": "string" }), json!("free")),
        ("plan", json!({ "set_once": "pro" }), json!("free")),
        ("first_plan", json!({ "set_once": "pro" }), json!("pro")),
        ("logins", json!({ "add": 2 }), json!(2)),
        ("logins", json!({ "add": "0.5" }), json!(2.5)),
        ("logins", json!({ "subtract": 3 }), json!(-0.5)),
        ("tags", json!({ "append": "b" }), json!(["b"])),
        ("tags", json!({ "append": ["c", 4] }), json!(["b", "c", "4"])),
        ("tags", json!({ "prepend": ["a", "b"] }), json!(["a", "b", "b", "c", "4"])),
        ("tags", json!({ "remove": ["b", "x"] }), json!(["a", "c", "4"])),
        ("tags", json!({ "remove": ["a", "c", "4"] }), Value::Null),
        ("zip", json!({ "set": 1234, "data_type": "string" }), json!("1234")),
        ("born", json!({ "set": "2026-01-31", "data_type": "datetime" }), json!("2026-01-31T00:00:00.000+00:00")),
        ("note", json!({ "set": "2026-01-31T12:00:00Z", "data_type": "string" }), json!("2026-01-31T12:00:00Z")),
    ];
    for (name, operation, expected) in steps {
        let answered = api.post("/users", json!({ "id": "ada", "attributes": { name: operation } })).await;
        assert_eq!(answered["attributes"][name], expected, "after {operation}");
        assert_eq!(api.attributes("ada").await[name], expected, "after {operation}");
    }
}

#[tokio::test]
async fn operations_of_one_request_are_all_done() {
    let api = Api::start().await;
    api.post("/groups", json!({ "id": "acme", "attributes": { "seats": 5 } })).await;
    let body = json!({
        "id": "ada",
        "attributes": { "logins": { "add": 1 }, "plan": { "set_once": "pro" } },
        "groups": [{ "id": "acme", "attributes": { "seats": { "add": 2 } } }, { "id": "globex" }],
    });
    api.post("/users", body).await;
    assert_eq!(api.attributes("ada").await, json!({ "logins": 1, "plan": "pro" }));
    assert_eq!(api.get("/groups/acme").await["attributes"], json!({ "seats": 7 }));
    assert_eq!(api.get("/groups/globex").await["attributes"], json!({}));
}

#[tokio::test]
async fn related_objects_are_null_unless_expanded() {
    let api = Api::start().await;
    let body = json!({
        "id": "ada",
        "attributes": { "name": "Ada" },
        "memberships": [
            { "attributes": { "role": "owner" }, "group": { "id": "acme", "attributes": { "plan": "pro" } } },
        ],
    });
    let user = |groups: Value, memberships: Value| {
        json!({
            "id": "ada",
            "object": "user",
            "attributes": { "name": "Ada" },
            "created_at": START_RENDERED,
            "groups": groups,
            "memberships": memberships,
        })
    };
    let group = |users: Value, memberships: Value| {
        json!({
            "id": "acme",
            "object": "group",
            "attributes": { "plan": "pro" },
            "created_at": START_RENDERED,
            "memberships": memberships,
            "users": users,
        })
    };
    let membership = |user: Value, group: Value| {
        json!({
            "id": "ada:acme",
            "object": "group_membership",
            "attributes": { "role": "owner" },
            "created_at": START_RENDERED,
            "group_id": "acme",
            "group": group,
            "user_id": "ada",
            "user": user,
        })
    };
    let (plain_user, plain_group) = (user(Value::Null, Value::Null), group(Value::Null, Value::Null));
    let plain_membership = membership(Value::Null, Value::Null);

    assert_eq!(api.post("/users", body.clone()).await, plain_user);
    assert_eq!(api.post("/users?expand=groups", body).await, user(json!([plain_group]), Value::Null));

    let with_memberships = user(Value::Null, json!([plain_membership]));
    assert_eq!(api.get("/users/ada?expand=memberships").await, with_memberships);
    assert_eq!(api.get("/users?expand[]=memberships").await["data"], json!([with_memberships]));
    let deep = user(json!([plain_group]), json!([membership(Value::Null, plain_group.clone())]));
    assert_eq!(api.get("/users/ada?expand%5B%5D=memberships.group&expand%5B%5D=groups").await, deep);

    let with_users = group(json!([plain_user]), Value::Null);
    assert_eq!(api.get("/groups/acme?expand=users").await, with_users);
    assert_eq!(api.get("/groups?expand=users").await["data"], json!([with_users]));
    let deep = group(Value::Null, json!([membership(plain_user, Value::Null)]));
    assert_eq!(api.get("/groups/acme?expand=memberships.user").await, deep);
    assert_eq!(api.get("/groups/acme?expand=memberships").await, group(Value::Null, json!([plain_membership])));
}

#[tokio::test]
async fn memberships_add_up_unless_they_are_pruned() {
    let api = Api::start().await;
    let group_ids = async || -> Vec<String> {
        let user = api.get("/users/ada?expand=memberships").await;
        let memberships = user["memberships"].as_array().unwrap();
        memberships.iter().map(|membership| membership["group_id"].as_str().unwrap().to_owned()).collect()
    };
    let join = async |ids: &[&str], prune: bool| {
        api.clock.advance_ms(1);
        let groups: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        api.post("/users", json!({ "id": "ada", "groups": groups, "prune_memberships": prune })).await;
    };
    join(&["a", "b"], false).await;
    join(&["c"], false).await;
    assert_eq!(group_ids().await, ["a", "b", "c"]);
    join(&["b", "d"], true).await;
    assert_eq!(group_ids().await, ["b", "d"]);
    join(&[], true).await;
    assert_eq!(group_ids().await, [""; 0]);
    assert_eq!(super::ids(&api.get("/groups?limit=100").await), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_deleted_user_is_gone_with_its_memberships_and_its_groups_stay() {
    let api = Api::start().await;
    api.post("/users", json!({ "id": "ada", "groups": [{ "id": "acme" }] })).await;
    api.post("/events", json!({ "name": "paid", "user_id": "ada" })).await;

    assert_eq!(api.delete("/users/ada").await, json!({ "id": "ada", "object": "user", "deleted": true }));

    let gone = (StatusCode::NOT_FOUND, error("not_found", "User with id 'ada' not found"));
    assert_eq!(answer(api.request(Method::GET, "/users/ada")).await, gone);
    assert_eq!(answer(api.request(Method::DELETE, "/users/ada")).await, gone);
    assert_eq!(api.get("/groups/acme?expand=memberships").await["memberships"], json!([]));

    // Whoever comes back under the same id is somebody new.
    api.clock.advance_ms(5_000);
    let again = api.post("/users?expand=groups", json!({ "id": "ada" })).await;
    assert_eq!(again["created_at"], "2022-11-29T12:35:01.000+00:00");
    assert_eq!(again["groups"], json!([]));
}

#[tokio::test]
async fn a_deleted_group_is_gone_and_its_users_stay() {
    let api = Api::start().await;
    api.post("/users", json!({ "id": "ada", "groups": [{ "id": "acme" }, { "id": "globex" }] })).await;

    assert_eq!(api.delete("/groups/acme").await, json!({ "id": "acme", "object": "group", "deleted": true }));

    let gone = (StatusCode::NOT_FOUND, error("not_found", "Group with id 'acme' not found"));
    assert_eq!(answer(api.request(Method::GET, "/groups/acme")).await, gone);
    assert_eq!(super::ids(&json!({ "data": api.get("/users/ada?expand=groups").await["groups"] })), ["globex"]);
}

#[tokio::test]
async fn a_membership_is_deleted_alone() {
    let api = Api::start().await;
    api.post("/users", json!({ "id": "ada", "groups": [{ "id": "acme" }, { "id": "globex" }] })).await;

    let path = "/group_memberships?user_id=ada&group_id=acme";
    let deleted = json!({ "id": "ada:acme", "object": "group_membership", "deleted": true });
    assert_eq!(api.delete(path).await, deleted);

    let user = api.get("/users/ada?expand=memberships").await;
    assert_eq!(super::ids(&json!({ "data": user["memberships"] })), ["ada:globex"]);
    let message = "Group membership of user 'ada' in group 'acme' not found";
    let gone = (StatusCode::NOT_FOUND, error("not_found", message));
    assert_eq!(answer(api.request(Method::DELETE, path)).await, gone);
    let missing = (StatusCode::BAD_REQUEST, error("invalid_params", "group_id: is required"));
    assert_eq!(answer(api.request(Method::DELETE, "/group_memberships?user_id=ada")).await, missing);
    api.get("/groups/acme").await;
}

#[tokio::test]
async fn any_text_can_be_an_id() {
    let api = Api::start().await;
    let cases = [
        ("ada@example.com", "ada@example.com"),
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("ü ñ", "%C3%BC%20%C3%B1"),
        ("a:b", "a:b"),
        ("ADA", "ADA"),
        ("' or 1=1 --", "'%20or%201=1%20--"),
    ];
    for (id, path) in cases {
        api.clock.advance_ms(1);
        api.post("/users", json!({ "id": id, "groups": [{ "id": id }] })).await;
        assert_eq!(api.get(&format!("/users/{path}")).await["id"], id);
        assert_eq!(api.get(&format!("/groups/{path}")).await["id"], id);
    }
    let listed = api.get("/users?limit=100").await;
    assert_eq!(super::ids(&listed), cases.map(|(id, _)| id));
    // Each is the cursor of the next page.
    let mut page = api.get("/users?limit=1").await;
    for (id, _) in cases {
        assert_eq!(super::ids(&page), [id]);
        let Some(next) = page["next_page_url"].as_str() else { break };
        page = api.get(next).await;
    }
    assert_eq!(page["has_more"], false);
}
