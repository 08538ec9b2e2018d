//! What a path of associations means, by what the org looks like.

use syncline_model::{
    path::{FieldPath, PathError},
    schema::ObjectSchema,
};

fn object(json: serde_json::Value) -> ObjectSchema {
    serde_json::from_value(json).unwrap()
}

fn field(name: &str, label: &str, rest: serde_json::Value) -> serde_json::Value {
    let mut field = serde_json::json!({
        "name": name, "label": label, "type": "string", "updateable": true, "nillable": true, "custom": false,
    });
    field.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    field
}

fn lookup(name: &str, label: &str, relationship: &str, to: &[&str]) -> serde_json::Value {
    field(name, label, serde_json::json!({"type": "reference", "relationship": relationship, "reference_to": to}))
}

fn schemas() -> Vec<ObjectSchema> {
    let none = serde_json::json!({});
    let of = |name: &str, prefix: &str, fields: Vec<serde_json::Value>| {
        object(serde_json::json!({"name": name, "label": name, "key_prefix": prefix, "fields": fields}))
    };
    vec![
        of(
            "Contact",
            "003",
            vec![
                field("Title", "Title", none.clone()),
                lookup("AccountId", "Account ID", "Account", &["Account"]),
                lookup("OwnerId", "Owner ID", "Owner", &["Group", "User"]),
                lookup("Plan__c", "Plan", "Plan__r", &["Plan__c"]),
            ],
        ),
        of(
            "Account",
            "001",
            vec![
                field("Industry", "Industry", none.clone()),
                lookup("ParentId", "Parent Account ID", "Parent", &["Account"]),
            ],
        ),
        of("User", "005", vec![field("Name", "Full Name", none.clone()), field("Email", "Email", none.clone())]),
        of("Group", "00G", vec![field("Name", "Name", none)]),
    ]
}

fn resolve(path: &str) -> Result<FieldPath, PathError> {
    let schemas = schemas();
    let schema = |name: &str| schemas.iter().find(|schema| schema.name == name);
    FieldPath::resolve(path, &schemas[0], &schema)
}

#[test]
fn a_path_goes_from_lookup_to_lookup_in_the_orgs_own_spelling() {
    let path = resolve("account.PARENT.industry").unwrap();
    assert_eq!(path.name, "Account.Parent.Industry");
    assert_eq!(path.label, "Account › Parent Account › Industry");
    let lookups: Vec<_> = path.steps.iter().map(|step| step.lookup.as_str()).collect();
    assert_eq!(lookups, ["AccountId", "ParentId"]);
    assert_eq!(path.steps[0].object_of("001000000000001AAA"), Some("Account"));
    assert!(resolve("Title").unwrap().steps.is_empty());
}

#[test]
fn a_lookup_of_several_objects_leads_to_those_that_have_the_field() {
    let name = resolve("Owner.Name").unwrap();
    assert_eq!(name.steps[0].object_of("005000000000001AAA"), Some("User"));
    assert_eq!(name.steps[0].object_of("00G000000000001AAA"), Some("Group"));
    let email = resolve("Owner.Email").unwrap();
    assert_eq!(email.steps[0].object_of("005000000000001AAA"), Some("User"));
    assert_eq!(email.steps[0].object_of("00G000000000001AAA"), None, "a queue has no such field");
}

#[test]
fn what_there_is_not_is_named() {
    let said = |path: &str| resolve(path).unwrap_err().to_string();
    assert_eq!(said("Acount.Industry"), "Contact has no association `Acount`");
    assert_eq!(said("Account.Industri"), "Account has no field `Industri`, or the connected user can not see it");
    assert_eq!(said("Title.Name"), "Contact has no association `Title`");
    assert!(said("Plan__r.Name").contains("not told what Plan__c looks like"));
    assert!(said("Account.Parent.Parent.Parent.Parent.Parent.Industry").contains("at most 5"));
    assert!(resolve("Account.Parent.Parent.Parent.Parent.Industry").is_ok());
    assert!(resolve("").is_err() && resolve("Account.").is_err() && resolve(".").is_err());
}
