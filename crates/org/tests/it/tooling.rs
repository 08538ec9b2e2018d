//! Custom objects and fields that are made while the org runs, and the objects by which the schema is read.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::web::{Web, read};

const FIELDS: &str = "/tooling/sobjects/CustomField";
const OBJECTS: &str = "/tooling/sobjects/CustomObject";

pub(crate) fn text_field(full_name: &str) -> Value {
    json!({ "FullName": full_name, "Metadata": { "type": "Text", "label": "Plan", "length": 40 } })
}

/// Makes a custom field and gives its id.
pub(crate) async fn make_field(web: &Web, full_name: &str, metadata: Value) -> String {
    let (status, made) = web.send(Method::POST, FIELDS, json!({ "FullName": full_name, "Metadata": metadata })).await;
    assert_eq!(status, StatusCode::CREATED, "{full_name}: {made}");
    made["id"].as_str().expect("an id").to_owned()
}

/// Lets the administrator see and change fields, by a permission set of their own.
pub(crate) async fn grant(web: &Web, object: &str, fields: &[&str]) {
    let set = web.create("PermissionSet", json!({ "Name": format!("Of_{object}"), "Label": "Plans" })).await;
    for field in fields {
        let field = format!("{object}.{field}");
        let grant = json!({
            "ParentId": set, "SobjectType": object, "Field": field, "PermissionsRead": true, "PermissionsEdit": true,
        });
        web.create("FieldPermissions", grant).await;
    }
    let admin = web.org.handle().lock().admin_user_id().to_owned();
    web.create("PermissionSetAssignment", json!({ "PermissionSetId": set, "AssigneeId": admin })).await;
}

async fn set_limits(web: &Web, limits: Value) {
    let request = web.http.put(web.url("/__control/limits")).json(&limits);
    assert_eq!(request.send().await.expect("an answer").status(), StatusCode::NO_CONTENT);
}

async fn described(web: &Web, object: &str, field: &str) -> Option<Value> {
    let (_, object) = web.get(&format!("/sobjects/{object}/describe")).await;
    object["fields"].as_array().expect("a list").iter().find(|own| own["name"] == field).cloned()
}

async fn tooling_query(web: &Web, statement: &str) -> (StatusCode, Value) {
    let url = web.url("/services/data/v66.0/tooling/query/");
    read(web.http.get(url).query(&[("q", statement)]).bearer_auth(&web.token).send().await.expect("an answer")).await
}

fn code(refused: &Value) -> &str {
    refused[0]["errorCode"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_field_is_made_then_granted_then_used() {
    let web = Web::start().await;
    let (status, made) = web.send(Method::POST, FIELDS, text_field("Contact.userflow_plan__c")).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let id = made["id"].as_str().expect("an id");
    assert!(id.starts_with("00N") && id.len() == 18);
    assert_eq!(made, json!({ "id": id, "success": true, "errors": [], "warnings": [], "infos": [] }));

    let contact = web.create("Contact", json!({ "LastName": "Okafor" })).await;
    let path = format!("/sobjects/Contact/{contact}");
    assert_eq!(described(&web, "Contact", "userflow_plan__c").await, None);
    let (status, refused) = web.send(Method::PATCH, &path, json!({ "userflow_plan__c": "pro" })).await;
    assert_eq!((status, code(&refused)), (StatusCode::BAD_REQUEST, "INVALID_FIELD"));
    let (status, refused) = web.query("SELECT userflow_plan__c FROM Contact").await;
    assert_eq!((status, code(&refused)), (StatusCode::BAD_REQUEST, "INVALID_FIELD"));

    grant(&web, "Contact", &["userflow_plan__c"]).await;
    let field = described(&web, "Contact", "userflow_plan__c").await.expect("granted");
    for (name, expected) in [
        ("custom", json!(true)),
        ("length", json!(40)),
        ("label", json!("Plan")),
        ("updateable", json!(true)),
        ("type", json!("string")),
    ] {
        assert_eq!(field[name], expected, "{name}");
    }
    assert_eq!(web.send(Method::PATCH, &path, json!({ "userflow_plan__c": "pro" })).await.0, StatusCode::NO_CONTENT);
    assert_eq!(web.get(&path).await.1["userflow_plan__c"], "pro");
    let org = web.org.handle().lock();
    let index = org.object("Contact").unwrap().index_of("userflow_plan__c").unwrap();
    let event = org.events_after(None).last().expect("the change is told");
    assert!(event.values.iter().any(|(field, value)| *field == index && value.as_text() == Some("pro")));
}

#[tokio::test]
async fn a_field_that_is_there_or_was_there_lately_is_not_made_again() {
    let web = Web::start().await;
    let id = make_field(&web, "Contact.Plan__c", text_field("")["Metadata"].clone()).await;
    let (status, refused) = web.send(Method::POST, FIELDS, text_field("contact.plan__C")).await;
    assert_eq!((status, code(&refused)), (StatusCode::BAD_REQUEST, "DUPLICATE_DEVELOPER_NAME"));
    assert_eq!(refused[0]["message"], "There is already a field named plan__c on Contact.");

    let (_, found) = tooling_query(&web, "SELECT Id FROM CustomField WHERE DeveloperName = 'Plan'").await;
    assert_eq!(found["records"][0]["Id"], json!(id));
    assert_eq!(web.call(Method::DELETE, &format!("{FIELDS}/{id}"), None).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(web.get(&format!("{FIELDS}/{id}")).await.0, StatusCode::NOT_FOUND);
    let (_, refused) = web.send(Method::POST, FIELDS, text_field("Contact.Plan__c")).await;
    assert_eq!(code(&refused), "DUPLICATE_DEVELOPER_NAME", "{refused}");
    assert_eq!(web.call(Method::DELETE, &format!("{FIELDS}/{id}"), None).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_definition_that_does_not_fit_is_refused_with_the_reason() {
    let web = Web::start().await;
    let text = |name: &str| (name.to_owned(), json!({ "type": "Text", "label": "X", "length": 10 }));
    let field = |metadata: Value| ("Contact.X__c".to_owned(), metadata);
    let long_label = "x".repeat(41);
    for ((full_name, metadata), expected) in [
        (text("Contact.1x__c"), "FIELD_INTEGRITY_EXCEPTION"),
        (text("Contact.x"), "FIELD_INTEGRITY_EXCEPTION"),
        (text("Contact.a__b__c"), "FIELD_INTEGRITY_EXCEPTION"),
        (text("Contact.ab___c"), "FIELD_INTEGRITY_EXCEPTION"),
        (text("Contact.a b__c"), "FIELD_INTEGRITY_EXCEPTION"),
        (text(&format!("Contact.{}__c", "x".repeat(41))), "STRING_TOO_LONG"),
        (text("Nobody.x__c"), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (text("PermissionSet.x__c"), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (field(json!({ "type": "Text", "label": long_label, "length": 10 })), "STRING_TOO_LONG"),
        (field(json!({ "type": "Text", "label": "X" })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "Text", "length": 10 })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "Text", "label": "X", "length": 256 })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "Date", "label": "X", "length": 9 })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "Number", "label": "X", "precision": 19, "scale": 0 })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "Number", "label": "X", "precision": 2, "scale": 3 })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "Checkbox", "label": "X" })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "Picklist", "label": "X" })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "Lookup", "label": "X", "referenceTo": "Nobody" })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "EncryptedText", "label": "X", "length": 9 })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "Nonsense", "label": "X" })), "FIELD_INTEGRITY_EXCEPTION"),
        (field(json!({ "type": "Text", "label": "X", "length": "many" })), "JSON_PARSER_ERROR"),
    ] {
        let body = json!({ "FullName": full_name, "Metadata": metadata });
        let (status, refused) = web.send(Method::POST, FIELDS, body.clone()).await;
        assert_eq!((status, code(&refused)), (StatusCode::BAD_REQUEST, expected), "{body} {refused}");
    }
    for body in [json!({}), json!({ "FullName": "Contact.X__c" }), json!({ "FullName": "Contact.X__c", "Metadata": 1 })]
    {
        assert_eq!(code(&web.send(Method::POST, FIELDS, body).await.1), "REQUIRED_FIELD_MISSING");
    }
}

#[tokio::test]
async fn an_object_takes_as_many_fields_as_its_edition_lets_it() {
    let web = Web::start().await;
    set_limits(&web, json!({ "custom_fields_max": 2 })).await;
    for name in ["One", "Two"] {
        make_field(&web, &format!("Contact.{name}__c"), text_field("")["Metadata"].clone()).await;
    }
    let (status, refused) = web.send(Method::POST, FIELDS, text_field("Contact.Three__c")).await;
    assert_eq!((status, code(&refused)), (StatusCode::BAD_REQUEST, "CUSTOM_ENTITY_OR_FIELD_LIMIT"));
    make_field(&web, "Lead.Three__c", text_field("")["Metadata"].clone()).await;

    set_limits(&web, json!({ "custom_fields_max": null, "field_visibility_delay_ms": 3_600_000 })).await;
    make_field(&web, "Contact.Three__c", text_field("")["Metadata"].clone()).await;
    grant(&web, "Contact", &["Three__c"]).await;
    assert_eq!(described(&web, "Contact", "Three__c").await, None, "a grant takes its time");
    set_limits(&web, json!({ "field_visibility_delay_ms": 0 })).await;
    assert!(described(&web, "Contact", "Three__c").await.is_some());
}

#[tokio::test]
async fn every_type_of_field_holds_its_values() {
    let web = Web::start().await;
    let values = json!({ "valueSetDefinition": { "sorted": false, "value": [
        { "valueName": "red", "label": "Red", "default": true }, { "fullName": "blue", "label": "Blue", "default": false },
    ] }, "restricted": true });
    let kinds = [
        ("Text__c", json!({ "type": "Text", "length": 20, "externalId": true, "unique": true }), json!("a")),
        ("Area__c", json!({ "type": "TextArea" }), json!("a\nb")),
        ("Long__c", json!({ "type": "LongTextArea", "length": 32_768, "visibleLines": 3 }), json!("long")),
        ("Html__c", json!({ "type": "Html", "length": 32_768, "visibleLines": 25 }), json!("<b>x</b>")),
        ("Number__c", json!({ "type": "Number", "precision": 18, "scale": 2 }), json!(1.25)),
        ("Money__c", json!({ "type": "Currency", "precision": 16, "scale": 2 }), json!(9.5)),
        ("Percent__c", json!({ "type": "Percent", "precision": 5, "scale": 1 }), json!(25.0)),
        ("Check__c", json!({ "type": "Checkbox", "defaultValue": "false" }), json!(true)),
        ("Date__c", json!({ "type": "Date" }), json!("2026-01-31")),
        ("Moment__c", json!({ "type": "DateTime" }), json!("2026-01-31T12:00:00.000+0000")),
        ("Time__c", json!({ "type": "Time" }), json!("13:45:00.000Z")),
        ("Email__c", json!({ "type": "Email" }), json!("a@b.example")),
        ("Phone__c", json!({ "type": "Phone" }), json!("+1 2")),
        ("Url__c", json!({ "type": "Url" }), json!("https://b.example")),
        ("Pick__c", json!({ "type": "Picklist", "valueSet": values }), json!("blue")),
        ("Many__c", json!({ "type": "MultiselectPicklist", "valueSet": values, "visibleLines": 4 }), json!("red;blue")),
    ];
    let mut row = serde_json::Map::new();
    for (name, mut metadata, value) in kinds.clone() {
        metadata["label"] = json!(name);
        make_field(&web, &format!("Account.{name}"), metadata).await;
        row.insert(name.to_owned(), value);
    }
    let names: Vec<&str> = kinds.iter().map(|(name, ..)| *name).collect();
    grant(&web, "Account", &names).await;
    row.insert("Name".to_owned(), json!("Acme"));
    let id = web.create("Account", Value::Object(row)).await;
    let (_, found) = web.get(&format!("/sobjects/Account/{id}")).await;
    for (name, _, value) in kinds {
        assert_eq!(found[name], value, "{name}");
    }
    let bad = json!({ "Name": "B", "Pick__c": "green" });
    assert_eq!(
        code(&web.send(Method::POST, "/sobjects/Account", bad).await.1),
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    );
    let twice = json!({ "Name": "B", "Text__c": "A" });
    assert_eq!(code(&web.send(Method::POST, "/sobjects/Account", twice).await.1), "DUPLICATE_VALUE");
    let (status, _) = web.send(Method::PATCH, "/sobjects/Account/Text__c/a", json!({ "Name": "By key" })).await;
    assert_eq!(status, StatusCode::OK, "a unique external id addresses records");
    let pick = described(&web, "Account", "Pick__c").await.expect("granted");
    assert_eq!(
        pick["picklistValues"][0],
        json!({ "active": true, "defaultValue": true, "label": "Red", "validFor": null, "value": "red" })
    );
    assert_eq!(described(&web, "Account", "Html__c").await.unwrap()["htmlFormatted"], true);
}

#[tokio::test]
async fn a_checkbox_has_a_value_in_records_from_before_it() {
    let web = Web::start().await;
    let id = web.create("Account", json!({ "Name": "Acme" })).await;
    make_field(&web, "Account.Vip__c", json!({ "type": "Checkbox", "label": "Vip", "defaultValue": false })).await;
    grant(&web, "Account", &["Vip__c"]).await;
    assert_eq!(web.get(&format!("/sobjects/Account/{id}")).await.1["Vip__c"], false);
    let (_, found) = web.query("SELECT Id FROM Account WHERE Vip__c = false").await;
    assert_eq!(found["totalSize"], 1);
}

#[tokio::test]
async fn a_required_field_is_for_everybody_at_once_and_demanded() {
    let web = Web::start().await;
    let metadata = json!({ "type": "Text", "label": "Code", "length": 9, "required": true });
    make_field(&web, "Account.Code__c", metadata).await;
    assert_eq!(described(&web, "Account", "Code__c").await.expect("visible")["permissionable"], false);
    let (_, refused) = web.send(Method::POST, "/sobjects/Account", json!({ "Name": "Acme" })).await;
    assert_eq!((code(&refused), &refused[0]["fields"]), ("REQUIRED_FIELD_MISSING", &json!(["Code__c"])));
    web.create("Account", json!({ "Name": "Acme", "Code__c": "x" })).await;
}

#[tokio::test]
async fn numbers_places_and_formulas_work_themselves_out() {
    let web = Web::start().await;
    let number = json!({ "type": "AutoNumber", "label": "No", "displayFormat": "A-{0000}", "startingNumber": 7 });
    make_field(&web, "Account.No__c", number).await;
    make_field(
        &web,
        "Account.Spot__c",
        json!({ "type": "Location", "label": "Spot", "scale": 5, "displayLocationInDecimal": true }),
    )
    .await;
    let formula = json!({ "type": "Text", "label": "Greeting", "formula": "'Dear ' & Name & IF(ISBLANK(Phone), '', ' ' & Phone)" });
    make_field(&web, "Account.Greeting__c", formula).await;
    let path = json!({ "type": "Text", "label": "Of", "formula": "Account.Greeting__c" });
    make_field(&web, "Contact.Of__c", path).await;
    grant(&web, "Account", &["Spot__c", "Greeting__c"]).await;
    grant(&web, "Contact", &["Of__c"]).await;

    let row = json!({ "Name": "Acme", "Spot__Latitude__s": 1.5, "Spot__Longitude__s": -2.25 });
    let id = web.create("Account", row).await;
    let (_, found) = web.get(&format!("/sobjects/Account/{id}")).await;
    assert_eq!((&found["No__c"], &found["Greeting__c"]), (&json!("A-0007"), &json!("Dear Acme")));
    assert_eq!(found["Spot__c"], json!({ "latitude": 1.5, "longitude": -2.25 }));
    web.create("Contact", json!({ "LastName": "Roe", "AccountId": id })).await;
    web.send(Method::PATCH, &format!("/sobjects/Account/{id}"), json!({ "Phone": "1" })).await;
    let (_, found) = web.query("SELECT Of__c FROM Contact WHERE Of__c = 'Dear Acme 1'").await;
    assert_eq!(found["records"][0]["Of__c"], "Dear Acme 1", "a formula follows the parent: {found}");

    let field = described(&web, "Account", "Greeting__c").await.expect("granted");
    assert_eq!(
        (&field["calculated"], &field["createable"], &field["updateable"]),
        (&json!(true), &json!(false), &json!(false))
    );
    assert!(field["calculatedFormula"].as_str().is_some_and(|text| text.starts_with("'Dear '")));
    let refused = web.send(Method::PATCH, &format!("/sobjects/Account/{id}"), json!({ "Greeting__c": "x" })).await.1;
    assert_eq!(code(&refused), "INVALID_FIELD_FOR_INSERT_UPDATE");
    let wrong = json!({ "FullName": "Account.Bad__c", "Metadata": { "type": "Text", "label": "Bad", "formula": "Nonsense__c" } });
    let refused = web.send(Method::POST, FIELDS, wrong).await.1;
    assert_eq!(code(&refused), "FIELD_INTEGRITY_EXCEPTION");
    assert_eq!(refused[0]["message"], "Error: Field Nonsense__c does not exist. Check spelling.");
}

#[tokio::test]
async fn a_field_changes_as_far_as_its_values_let_it() {
    let web = Web::start().await;
    let id = make_field(&web, "Account.Plan__c", json!({ "type": "Text", "label": "Plan", "length": 20 })).await;
    grant(&web, "Account", &["Plan__c"]).await;
    let account = web.create("Account", json!({ "Name": "Acme", "Plan__c": "enterprise" })).await;
    let path = format!("{FIELDS}/{id}");
    let change = |metadata: Value| json!({ "Metadata": metadata });
    let (status, refused) =
        web.send(Method::PATCH, &path, change(json!({ "type": "Text", "label": "Plan", "length": 5 }))).await;
    assert_eq!((status, code(&refused)), (StatusCode::BAD_REQUEST, "FIELD_INTEGRITY_EXCEPTION"));
    let (status, _) =
        web.send(Method::PATCH, &path, change(json!({ "type": "Text", "label": "The plan", "length": 12 }))).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let field = described(&web, "Account", "Plan__c").await.expect("granted");
    assert_eq!((&field["label"], &field["length"]), (&json!("The plan"), &json!(12)));

    let choices = json!({ "type": "Picklist", "label": "Plan", "valueSet": { "restricted": true, "valueSetDefinition": {
        "sorted": false, "value": [{ "valueName": "enterprise", "label": "Enterprise", "default": false }] } } });
    assert_eq!(web.send(Method::PATCH, &path, change(choices)).await.0, StatusCode::NO_CONTENT);
    {
        let org = web.org.handle().lock();
        let event = org.events_after(None).last().expect("a conversion is told");
        assert_eq!(event.record_ids, ["001*"], "of all records at once");
    }
    assert_eq!(described(&web, "Account", "Plan__c").await.unwrap()["type"], "picklist");
    assert_eq!(web.get(&format!("/sobjects/Account/{account}")).await.1["Plan__c"], "enterprise");
    let refused = web.send(Method::PATCH, &path, change(json!({ "type": "Date", "label": "Plan" }))).await.1;
    assert_eq!(code(&refused), "FIELD_INTEGRITY_EXCEPTION");

    // What is read can be sent back.
    let (_, whole) = web.get(&path).await;
    assert_eq!((&whole["FullName"], &whole["Metadata"]["type"]), (&json!("Account.Plan__c"), &json!("Picklist")));
    let (status, answer) = web.send(Method::PATCH, &path, change(whole["Metadata"].clone())).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
}

#[tokio::test]
async fn a_custom_object_is_an_object_like_any_other() {
    let web = Web::start().await;
    let employee = json!({ "FullName": "Employee__c", "Metadata": {
        "label": "Employee", "pluralLabel": "Employees", "nameField": { "type": "Text", "label": "Employee Name" },
        "deploymentStatus": "Deployed", "sharingModel": "ReadWrite", "enableActivities": true,
    } });
    let (status, made) = web.send(Method::POST, OBJECTS, employee.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let object_id = made["id"].as_str().expect("an id").to_owned();
    assert!(object_id.starts_with("01I"));
    assert_eq!(code(&web.send(Method::POST, OBJECTS, employee).await.1), "DUPLICATE_DEVELOPER_NAME");

    let (_, described_object) = web.get("/sobjects/Employee__c/describe").await;
    assert_eq!((&described_object["custom"], &described_object["keyPrefix"]), (&json!(true), &json!("a00")));
    let (_, task) = web.get("/sobjects/Task/describe").await;
    let what = task["fields"].as_array().unwrap().iter().find(|field| field["name"] == "WhatId").unwrap();
    assert!(what["referenceTo"].as_array().unwrap().contains(&json!("Employee__c")));

    let detail = json!({ "type": "MasterDetail", "label": "Employee", "referenceTo": "Employee__c", "relationshipName": "Reviews" });
    let review = json!({ "FullName": "Review__c", "Metadata": {
        "label": "Review", "pluralLabel": "Reviews", "nameField": { "type": "AutoNumber", "label": "No", "displayFormat": "R-{000}" },
        "deploymentStatus": "Deployed", "sharingModel": "ControlledByParent",
    } });
    assert_eq!(web.send(Method::POST, OBJECTS, review).await.0, StatusCode::CREATED);
    make_field(&web, "Review__c.Employee__c", detail).await;
    let employee = web.create("Employee__c", json!({ "Name": "Ada" })).await;
    assert!(employee.starts_with("a00"));
    let review = web.create("Review__c", json!({ "Employee__c": employee })).await;
    let (_, found) = web.query("SELECT Name, Employee__r.Name FROM Review__c").await;
    assert_eq!(
        (&found["records"][0]["Name"], &found["records"][0]["Employee__r"]["Name"]),
        (&json!("R-001"), &json!("Ada"))
    );
    let reference = described(&web, "Review__c", "Employee__c").await.expect("a detail is seen by all");
    assert_eq!((&reference["relationshipName"], &reference["cascadeDelete"]), (&json!("Employee__r"), &json!(true)));
    assert_eq!(described(&web, "Review__c", "OwnerId").await, None, "a detail belongs to its master");
    web.call(Method::DELETE, &format!("/sobjects/Employee__c/{employee}"), None).await;
    assert_eq!(web.get(&format!("/sobjects/Review__c/{review}")).await.0, StatusCode::NOT_FOUND);

    let refused = read(web.call(Method::DELETE, &format!("{OBJECTS}/{object_id}"), None).await).await.1;
    assert_eq!(code(&refused), "DEPENDENCY_EXISTS");
    let review_id = web.org.handle().lock().object_id("Review__c").unwrap();
    for id in [review_id, object_id] {
        assert_eq!(web.call(Method::DELETE, &format!("{OBJECTS}/{id}"), None).await.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(web.get("/sobjects/Employee__c/describe").await.0, StatusCode::NOT_FOUND);
    assert_eq!(code(&web.query("SELECT Id FROM Employee__c").await.1), "INVALID_TYPE");
}

#[tokio::test]
async fn the_schema_is_read_by_queries() {
    let web = Web::start().await;
    let id =
        make_field(&web, "Contact.Plan__c", json!({ "type": "Text", "label": "Plan", "length": 40, "unique": true }))
            .await;
    let statement = "SELECT DurableId, QualifiedApiName, DataType, Length, IsIndexed, EntityDefinition.QualifiedApiName \
                     FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Contact' AND QualifiedApiName = 'Plan__c'";
    for (status, found) in [web.query(statement).await, tooling_query(&web, statement).await] {
        assert_eq!(status, StatusCode::OK, "{found}");
        let row = &found["records"][0];
        assert_eq!(row["DurableId"], format!("Contact.{}", &id[..15]));
        assert_eq!((&row["DataType"], &row["Length"]), (&json!("Text(40) (Unique Case Insensitive)"), &json!(40)));
        assert_eq!(
            (&row["IsIndexed"], &row["EntityDefinition"]["QualifiedApiName"]),
            (&json!(true), &json!("Contact"))
        );
    }
    let (_, found) = web.query("SELECT COUNT() FROM FieldDefinition WHERE EntityDefinitionId = 'Contact'").await;
    let before = found["totalSize"].as_u64().expect("a number");
    make_field(&web, "Contact.Other__c", text_field("")["Metadata"].clone()).await;
    let (_, found) = web.query("SELECT COUNT() FROM FieldDefinition WHERE EntityDefinitionId = 'Contact'").await;
    assert_eq!(found["totalSize"], before + 1);
    assert_eq!(code(&web.query("SELECT QualifiedApiName FROM FieldDefinition").await.1), "MALFORMED_QUERY");
    let (_, found) =
        web.query("SELECT KeyPrefix, IsCustomizable FROM EntityDefinition WHERE QualifiedApiName = 'Lead'").await;
    assert_eq!(
        (&found["records"][0]["KeyPrefix"], &found["records"][0]["IsCustomizable"]),
        (&json!("00Q"), &json!(true))
    );

    let (_, found) =
        tooling_query(&web, "SELECT Id, FullName, Metadata FROM CustomField WHERE DeveloperName = 'Plan'").await;
    let row = &found["records"][0];
    assert_eq!((&row["FullName"], &row["Metadata"]["length"]), (&json!("Contact.Plan__c"), &json!(40)));
    assert_eq!(row["attributes"]["url"], format!("/services/data/v66.0/tooling/sobjects/CustomField/{id}"));
    let refused = tooling_query(&web, "SELECT Metadata FROM CustomField").await.1;
    assert_eq!(code(&refused), "MALFORMED_QUERY");
    assert!(refused[0]["message"].as_str().unwrap().ends_with("Result size: 2"));
    assert_eq!(
        code(&web.query("SELECT Id FROM CustomField").await.1),
        "INVALID_TYPE",
        "the data API has no definitions"
    );
    assert_eq!(web.get("/sobjects/CustomField/describe").await.0, StatusCode::NOT_FOUND);
    assert_eq!(web.get("/tooling/sobjects/CustomField/describe").await.0, StatusCode::OK);
    let (_, global) = web.get("/tooling/sobjects/").await;
    let names: Vec<&str> = global["sobjects"].as_array().unwrap().iter().filter_map(|o| o["name"].as_str()).collect();
    assert!(names.contains(&"CustomField") && names.contains(&"FieldDefinition") && !names.contains(&"Contact"));
    assert_eq!(tooling_query(&web, "SELECT Id FROM ApexClass").await.1["totalSize"], 0);
}
