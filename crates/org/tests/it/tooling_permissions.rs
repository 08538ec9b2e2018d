//! Permission sets and what belongs to them, under the rules that Salesforce has for them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::tooling::{make_field, text_field};
use crate::web::{Web, read};

async fn refusal(web: &Web, object: &str, values: Value) -> String {
    let (status, refused) = web.send(Method::POST, &format!("/sobjects/{object}"), values).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
    refused[0]["errorCode"].as_str().expect("a code").to_owned()
}

async fn first_id(web: &Web, statement: &str) -> String {
    web.query(statement).await.1["records"][0]["Id"].as_str().expect("a record").to_owned()
}

#[tokio::test]
async fn a_field_is_granted_once_and_only_if_it_can_be() {
    let web = Web::start().await;
    make_field(&web, "Contact.Plan__c", text_field("")["Metadata"].clone()).await;
    let set = web.create("PermissionSet", json!({ "Name": "Plans", "Label": "Plans" })).await;
    let grant = |object: &str, field: &str| json!({ "ParentId": set, "SobjectType": object, "Field": field, "PermissionsEdit": true });
    for (object, field) in [
        ("Contact", "Contact.Nonsense__c"),
        ("Contact", "Contact.LastName"),
        ("Contact", "Lead.Title"),
        ("Contact", "Title"),
        ("Nobody", "Nobody.Title"),
    ] {
        assert_eq!(
            refusal(&web, "FieldPermissions", grant(object, field)).await,
            "FIELD_INTEGRITY_EXCEPTION",
            "{field}"
        );
    }
    let id = web.create("FieldPermissions", grant("contact", "contact.plan__C")).await;
    let (_, made) = web.get(&format!("/sobjects/FieldPermissions/{id}")).await;
    assert_eq!(
        (&made["Field"], &made["SobjectType"], &made["PermissionsRead"]),
        (&json!("Contact.Plan__c"), &json!("Contact"), &json!(true)),
        "who may edit may read"
    );
    assert_eq!(refusal(&web, "FieldPermissions", grant("Contact", "Contact.Plan__c")).await, "DUPLICATE_VALUE");
}

#[tokio::test]
async fn permissions_on_objects_need_each_other() {
    let web = Web::start().await;
    let set = web.create("PermissionSet", json!({ "Name": "Leads", "Label": "Leads" })).await;
    let grant = |permissions: &[&str]| {
        let mut row = json!({ "ParentId": set, "SobjectType": "Lead" });
        permissions.iter().for_each(|permission| row[format!("Permissions{permission}")] = json!(true));
        row
    };
    for permissions in [&["Edit"] as &[&str], &["Read", "Delete"], &["Read", "Edit", "ModifyAllRecords"]] {
        assert_eq!(refusal(&web, "ObjectPermissions", grant(permissions)).await, "FIELD_INTEGRITY_EXCEPTION");
    }
    web.create("ObjectPermissions", grant(&["Read", "Edit"])).await;
    assert_eq!(refusal(&web, "ObjectPermissions", grant(&["Read"])).await, "DUPLICATE_VALUE");
}

#[tokio::test]
async fn permission_sets_are_named_assigned_and_deleted_by_rule() {
    let web = Web::start().await;
    let set = web.create("PermissionSet", json!({ "Name": "Plans", "Label": "Plans" })).await;
    assert_eq!(refusal(&web, "PermissionSet", json!({ "Name": "plans", "Label": "Again" })).await, "DUPLICATE_VALUE");
    for name in ["1st", "a b", "a__b", "a_"] {
        let values = json!({ "Name": name, "Label": "x" });
        assert_eq!(refusal(&web, "PermissionSet", values).await, "FIELD_INTEGRITY_EXCEPTION", "{name}");
    }
    let admin = web.org.handle().lock().admin_user_id().to_owned();
    let assignment = |set: &str| json!({ "PermissionSetId": set, "AssigneeId": admin });
    web.create("PermissionSetAssignment", assignment(&set)).await;
    let (_, refused) = web.send(Method::POST, "/sobjects/PermissionSetAssignment", assignment(&set)).await;
    assert_eq!(refused[0]["errorCode"], "DUPLICATE_VALUE");
    assert!(refused[0]["message"].as_str().unwrap().starts_with("Duplicate PermissionSetAssignment. Assignee: 005"));

    let owned = first_id(&web, "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true").await;
    assert_eq!(refusal(&web, "PermissionSetAssignment", assignment(&owned)).await, "FIELD_INTEGRITY_EXCEPTION");
    let delete = async |id: String| web.call(Method::DELETE, &format!("/sobjects/PermissionSet/{id}"), None).await;
    let (status, refused) = read(delete(owned).await).await;
    assert_eq!((status, &refused[0]["errorCode"]), (StatusCode::FORBIDDEN, &json!("INSUFFICIENT_ACCESS_OR_READONLY")));
    assert_eq!(delete(set).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn only_who_may_customize_the_application_makes_fields() {
    let web = Web::start().await;
    let profile = first_id(&web, "SELECT Id FROM Profile WHERE Name = 'Standard User'").await;
    let user = json!({
        "Username": "sam@northwind.example", "Email": "sam@northwind.example", "LastName": "Sand", "Alias": "sam",
        "CommunityNickname": "sam", "ProfileId": profile, "IsActive": true, "TimeZoneSidKey": "America/Los_Angeles",
        "LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US",
    });
    let user = web.create("User", user).await;
    let now_ms = web.org.handle().now_ms();
    let token = web.org.handle().lock().sign_in(&user, now_ms).access_token;
    let url = web.url("/services/data/v66.0/tooling/sobjects/CustomField");
    let request = web.http.post(url).bearer_auth(token).json(&text_field("Contact.Plan__c"));
    let (status, refused) = read(request.send().await.expect("an answer")).await;
    assert_eq!((status, &refused[0]["errorCode"]), (StatusCode::FORBIDDEN, &json!("INSUFFICIENT_ACCESS")));
}
