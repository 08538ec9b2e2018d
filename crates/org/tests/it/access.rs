//! What a user may not see is not there, and what a user may not change stays, through every way in.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_org::core::FieldSchema;

use crate::web::{Web, read};

/// An org with a second user of the standard profile, and that user's token.
pub(crate) async fn with_a_standard_user() -> (Web, String, String) {
    let web = Web::start().await;
    let (_, profiles) = web.query("SELECT Id FROM Profile WHERE Name = 'Standard User'").await;
    let profile = profiles["records"][0]["Id"].as_str().expect("every org has this profile").to_owned();
    let user = web
        .create(
            "User",
            json!({
                "Username": "sam@northwind.example", "Email": "sam@northwind.example", "LastName": "Sand", "Alias": "sam",
                "CommunityNickname": "sam", "ProfileId": profile, "IsActive": true, "TimeZoneSidKey": "UTC",
                "LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US",
            }),
        )
        .await;
    let now_ms = web.org.handle().now_ms();
    let token = web.org.handle().lock().sign_in(&user, now_ms).access_token;
    (web, user, token)
}

/// The grants of a field or an object to the standard profile.
async fn grants(web: &Web, of: &str, condition: &str) -> Vec<String> {
    let statement = format!(
        "SELECT Id FROM {of} WHERE {condition} AND Parent.Profile.Name = 'Standard User' AND Parent.IsOwnedByProfile = true"
    );
    let (status, found) = web.query(&statement).await;
    assert_eq!(status, StatusCode::OK, "{found}");
    let records = found["records"].as_array().expect("a list");
    records.iter().map(|row| row["Id"].as_str().expect("an id").to_owned()).collect()
}

async fn as_user(web: &Web, token: &str, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    let mut request = web.http.request(method, web.url(&format!("/services/data/v66.0{path}"))).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    read(request.send().await.expect("the org answers")).await
}

#[tokio::test]
async fn a_field_without_a_grant_is_not_there() {
    let (web, _, token) = with_a_standard_user().await;
    let id = web.create("Contact", json!({ "LastName": "Ay", "Title": "Chief", "Phone": "1" })).await;
    let title = grants(&web, "FieldPermissions", "Field = 'Contact.Title'").await.remove(0);
    let path = format!("/sobjects/Contact/{id}");
    let (_, seen) = as_user(&web, &token, Method::GET, &path, None).await;
    assert_eq!(seen["Title"], "Chief");

    assert_eq!(web.call(Method::DELETE, &format!("/sobjects/FieldPermissions/{title}"), None).await.status(), 204);
    let (_, seen) = as_user(&web, &token, Method::GET, &path, None).await;
    assert_eq!((seen.get("Title"), &seen["Phone"]), (None, &json!("1")));
    let (_, described) = as_user(&web, &token, Method::GET, "/sobjects/Contact/describe", None).await;
    let names: Vec<&str> =
        described["fields"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"Phone") && !names.contains(&"Title"));
    for statement in [
        "SELECT Title FROM Contact",
        "SELECT Id FROM Contact WHERE Title = 'x'",
        "SELECT Id FROM Contact ORDER BY Title",
    ] {
        let query = format!("/query?q={}", statement.replace(' ', "+"));
        let (status, refused) = as_user(&web, &token, Method::GET, &query, None).await;
        assert_eq!(
            (status, &refused[0]["errorCode"]),
            (StatusCode::BAD_REQUEST, &json!("INVALID_FIELD")),
            "{statement}"
        );
    }
    let (status, refused) = as_user(&web, &token, Method::PATCH, &path, Some(json!({ "Title": "x" }))).await;
    assert_eq!((status, &refused[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("INVALID_FIELD")));
    // The administrator's profile has its own grant.
    assert_eq!(web.get(&path).await.1["Title"], "Chief");
}

#[tokio::test]
async fn a_field_that_may_only_be_read_keeps_its_value() {
    let (web, _, token) = with_a_standard_user().await;
    let id = web.create("Contact", json!({ "LastName": "Ay", "Title": "Chief" })).await;
    let title = grants(&web, "FieldPermissions", "Field = 'Contact.Title'").await.remove(0);
    web.send(Method::PATCH, &format!("/sobjects/FieldPermissions/{title}"), json!({ "PermissionsEdit": false })).await;
    let path = format!("/sobjects/Contact/{id}");
    let (status, refused) = as_user(&web, &token, Method::PATCH, &path, Some(json!({ "Title": "x" }))).await;
    assert_eq!(
        (status, &refused[0]["errorCode"]),
        (StatusCode::BAD_REQUEST, &json!("INVALID_FIELD_FOR_INSERT_UPDATE"))
    );
    assert_eq!(refused[0]["fields"], json!(["Title"]));
    assert_eq!(as_user(&web, &token, Method::GET, &path, None).await.1["Title"], "Chief");
    let (_, described) = as_user(&web, &token, Method::GET, "/sobjects/Contact/describe", None).await;
    let field = described["fields"].as_array().unwrap().iter().find(|field| field["name"] == "Title").unwrap();
    assert_eq!(field["updateable"], false);
}

#[tokio::test]
async fn an_object_without_a_grant_is_not_there() {
    let (web, _, token) = with_a_standard_user().await;
    let id = web.create("Lead", json!({ "LastName": "Ay", "Company": "Acme" })).await;
    let grant = grants(&web, "ObjectPermissions", "SobjectType = 'Lead'").await.remove(0);
    web.send(
        Method::PATCH,
        &format!("/sobjects/ObjectPermissions/{grant}"),
        json!({ "PermissionsCreate": false, "PermissionsEdit": false, "PermissionsDelete": false }),
    )
    .await;
    let path = format!("/sobjects/Lead/{id}");
    assert_eq!(as_user(&web, &token, Method::GET, &path, None).await.0, StatusCode::OK);
    for (method, path, body) in [
        (Method::PATCH, path.as_str(), Some(json!({ "Title": "x" }))),
        (Method::DELETE, path.as_str(), None),
        (Method::POST, "/sobjects/Lead", Some(json!({ "LastName": "B", "Company": "C" }))),
    ] {
        let (status, refused) = as_user(&web, &token, method.clone(), path, body).await;
        let expected = (StatusCode::FORBIDDEN, &json!("INSUFFICIENT_ACCESS_OR_READONLY"));
        assert_eq!((status, &refused[0]["errorCode"]), expected, "{method}");
    }

    web.call(Method::DELETE, &format!("/sobjects/ObjectPermissions/{grant}"), None).await;
    assert_eq!(as_user(&web, &token, Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
    let (_, global) = as_user(&web, &token, Method::GET, "/sobjects", None).await;
    assert!(global["sobjects"].as_array().unwrap().iter().all(|object| object["name"] != "Lead"));
    let (status, refused) = as_user(&web, &token, Method::GET, "/query?q=SELECT+Id+FROM+Lead", None).await;
    assert_eq!((status, &refused[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("INVALID_TYPE")));
}

#[tokio::test]
async fn a_permission_set_gives_its_assignee_what_the_profile_does_not() {
    let (web, user, token) = with_a_standard_user().await;
    let id = web.create("Contact", json!({ "LastName": "Ay", "Title": "Chief" })).await;
    let title = grants(&web, "FieldPermissions", "Field = 'Contact.Title'").await.remove(0);
    web.call(Method::DELETE, &format!("/sobjects/FieldPermissions/{title}"), None).await;
    let path = format!("/sobjects/Contact/{id}?fields=Title");
    assert_eq!(as_user(&web, &token, Method::GET, &path, None).await.0, StatusCode::BAD_REQUEST);

    let set = web.create("PermissionSet", json!({ "Name": "Titles", "Label": "Titles" })).await;
    web.create(
        "FieldPermissions",
        json!({ "ParentId": set, "SobjectType": "Contact", "Field": "Contact.Title", "PermissionsRead": true }),
    )
    .await;
    assert_eq!(
        as_user(&web, &token, Method::GET, &path, None).await.0,
        StatusCode::BAD_REQUEST,
        "nobody is assigned yet"
    );
    web.create("PermissionSetAssignment", json!({ "PermissionSetId": set, "AssigneeId": user })).await;
    assert_eq!(as_user(&web, &token, Method::GET, &path, None).await.1["Title"], "Chief");
}

#[tokio::test]
async fn a_grant_takes_effect_after_the_delay_that_is_set() {
    let (web, user, token) = with_a_standard_user().await;
    web.org.handle().lock().add_custom_field("Contact", FieldSchema::text("Late__c", "Late", 20)).unwrap();
    let path = "/query?q=SELECT+Late__c+FROM+Contact";
    assert_eq!(as_user(&web, &token, Method::GET, path, None).await.0, StatusCode::OK, "granted when the org was made");
    let grant = grants(&web, "FieldPermissions", "Field = 'Contact.Late__c'").await.remove(0);
    web.org.handle().lock().set_field_visibility_delay_ms(3_600_000);
    // A grant that is given anew is not in force yet.
    web.send(Method::PATCH, &format!("/sobjects/FieldPermissions/{grant}"), json!({ "PermissionsEdit": false })).await;
    assert_eq!(as_user(&web, &token, Method::GET, path, None).await.0, StatusCode::BAD_REQUEST);
    let later_ms = web.org.handle().now_ms() + 3_700_000;
    {
        let org = web.org.handle().lock();
        let contact = org.object("Contact").unwrap();
        let field = contact.index_of("Late__c").unwrap();
        assert!(org.access(&user, later_ms).sees(contact, field));
    }
    web.org.handle().lock().set_field_visibility_delay_ms(0);
    assert_eq!(as_user(&web, &token, Method::GET, path, None).await.0, StatusCode::OK);
}
