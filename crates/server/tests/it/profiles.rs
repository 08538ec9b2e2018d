//! Users and companies on the screens.

use reqwest::Method;
use serde_json::json;
use syncline_model::{
    Number, Value,
    attribute::AttributeOperation,
    profile::{ProfileKind, ProfileWrite},
};

use crate::harness::{Harness, refused};

fn upsert(kind: ProfileKind, id: &str, attributes: &[(&str, Value)]) -> ProfileWrite {
    let operations =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), AttributeOperation::set(value.clone()))).collect();
    ProfileWrite::Upsert { kind, id: id.to_owned(), operations, seen: true }
}

#[tokio::test]
async fn users_are_listed_page_by_page_and_found_by_search() {
    let harness = Harness::start().await;
    let mut write = Vec::new();
    for number in 1..=5 {
        let email = Value::text(format!("user{number}@example.com"));
        write.push(upsert(ProfileKind::User, &format!("u/{number}"), &[("email", email)]));
    }
    harness.store.write(harness.environment.id, &write).await.unwrap();
    let browser = harness.signed_in().await;

    let first = browser.get("{env}/users?limit=3").await;
    assert_eq!((first["total"].as_u64(), first["data"].as_array().unwrap().len()), (Some(5), 3));
    let cursor = first["next_cursor"].as_str().unwrap().replace('/', "%2F");
    let second = browser.get(&format!("{{env}}/users?limit=3&after={cursor}")).await;
    assert_eq!(second["data"].as_array().unwrap().len(), 2);
    assert_eq!(second["next_cursor"], json!(null));

    let found = browser.get("{env}/users?search=USER4").await;
    assert_eq!(found["total"], 1);
    assert_eq!(found["data"][0]["id"], "u/4");

    refused(&browser.send(Method::GET, "{env}/users?limit=1000", None).await, 400, "invalid_params", Some("limit"));
    refused(&browser.send(Method::GET, "{env}/users?after=nobody", None).await, 400, "invalid_params", Some("after"));
}

#[tokio::test]
async fn a_profile_shows_its_attributes_with_type_and_origin_and_its_memberships() {
    let harness = Harness::start().await;
    let seats = Value::Number(Number::new(12.0).unwrap());
    let role = vec![("role".to_owned(), AttributeOperation::set(Value::from("owner")))];
    let write = vec![
        upsert(
            ProfileKind::User,
            "u/1",
            &[("name", Value::from("Grace")), ("signed_up_at", Value::from("2026-01-31T12:00:00Z"))],
        ),
        upsert(ProfileKind::Company, "acme", &[("name", Value::from("Acme")), ("seats", seats)]),
        ProfileWrite::Join { user_id: "u/1".into(), company_id: "acme".into(), operations: role },
    ];
    harness.store.write(harness.environment.id, &write).await.unwrap();
    let browser = harness.signed_in().await;

    let user = browser.get("{env}/users/u%2F1").await;
    assert_eq!(user["name"], "Grace");
    let since = user["attributes"].as_array().unwrap().iter().find(|one| one["name"] == "signed_up_at").unwrap();
    assert_eq!(since["data_type"], "datetime");
    assert_eq!(since["value"], "2026-01-31T12:00:00Z");
    assert_eq!(since["origin"], "api");
    let membership = json!({ "kind": "company", "id": "acme", "name": "Acme", "attributes": { "role": "owner" } });
    assert_eq!(user["memberships"], json!([membership]));

    let company = browser.get("{env}/companies/acme").await;
    assert_eq!(company["memberships"][0]["id"], "u/1");
    let definitions = browser.get("{env}/attribute-definitions?scope=company").await;
    let names: Vec<_> =
        definitions["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"seats") && !names.contains(&"signed_up_at"), "{names:?}");
    refused(&browser.send(Method::GET, "{env}/users/nobody", None).await, 404, "not_found", None);
}
