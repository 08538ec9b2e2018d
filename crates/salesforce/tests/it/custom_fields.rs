//! Fields that Syncline makes in an org.

use reqwest::Method;
use serde_json::json;
use syncline_model::{
    connector::{Connector, ErrorKind},
    custom_field::{WantedField, WantedFieldKind, WantedFieldState},
};
use syncline_org::{Fault, FaultRule, Faults};

use crate::connected::{Connected, connect};

fn wanted(name: &str, kind: WantedFieldKind) -> WantedField {
    WantedField {
        object: "Contact".into(),
        name: name.into(),
        label: "Userflow trial".into(),
        kind,
        state: WantedFieldState::Wanted,
        detail: None,
    }
}

/// How many rows of each kind that Syncline's fields consist of the org has.
async fn made(connected: &Connected) -> Vec<usize> {
    let mut counts = Vec::new();
    for (api, statement) in [
        ("/tooling", "SELECT Id FROM CustomField WHERE DeveloperName LIKE 'userflow_user_trial%'"),
        ("", "SELECT Id FROM PermissionSet WHERE Name = 'Syncline'"),
        ("", "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Name = 'Syncline'"),
        ("", "SELECT Id FROM FieldPermissions WHERE Parent.Name = 'Syncline'"),
    ] {
        counts.push(connected.select(api, statement).await.len());
    }
    counts
}

#[tokio::test]
async fn a_field_of_each_type_is_made_granted_and_usable() {
    let connected = connect().await;
    use WantedFieldKind as K;
    let kinds = [K::Text, K::LongText, K::Number, K::Checkbox, K::DateTime];
    for (index, kind) in kinds.into_iter().enumerate() {
        let name = format!("userflow_user_trial_{index}__c");
        assert!(connected.salesforce.ensure_field(&wanted(&name, kind)).await.unwrap(), "{kind:?}");
        let schema = connected.salesforce.describe("Contact").await.unwrap();
        assert!(schema.field(&name).unwrap().updateable);
    }
    assert_eq!(made(&connected).await, [5, 1, 1, 5]);
}

#[tokio::test]
async fn a_field_that_is_usable_costs_one_look() {
    let connected = connect().await;
    let field = wanted("userflow_user_trial__c", WantedFieldKind::Text);
    assert!(connected.salesforce.ensure_field(&field).await.unwrap());
    let before = connected.org.handle().ledger().report().total;
    assert!(connected.salesforce.ensure_field(&field).await.unwrap());
    assert_eq!(connected.org.handle().ledger().report().total, before + 1);
}

#[tokio::test]
async fn breaking_off_at_any_call_and_trying_again_makes_the_same_field_once() {
    let connected = connect().await;
    let mut fields = 0;
    for fault in [Fault::LoseAnswer, Fault::CutConnection] {
        for at in 0.. {
            fields += 1;
            let name = format!("userflow_user_trial_{fields}__c");
            let field = wanted(&name, WantedFieldKind::Text);
            let rule = FaultRule {
                method: None,
                path: None,
                object: None,
                skip: at,
                times: Some(1),
                probability: 1.0,
                fault: fault.clone(),
            };
            connected.org.handle().set_faults(Faults { rules: vec![rule], ..Faults::default() });
            let first = connected.salesforce.ensure_field(&field).await;
            connected.org.handle().set_faults(Faults::default());
            assert!(connected.salesforce.ensure_field(&field).await.unwrap());
            assert_eq!(made(&connected).await, [fields, 1, 1, 1], "broken off at call {at}");
            let set = connected.select("", "SELECT Id FROM PermissionSet WHERE Name = 'Syncline'").await;
            let path = format!("/sobjects/PermissionSet/{}", set[0]["Id"].as_str().unwrap());
            connected.send(Method::DELETE, &path, json!(null)).await;
            if first.is_ok() {
                assert!(at > 6, "each of the steps was broken off");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_clash_a_limit_and_a_missing_permission_are_told_in_words() {
    let connected = connect().await;
    let text = wanted("userflow_user_trial__c", WantedFieldKind::Text);
    assert!(connected.salesforce.ensure_field(&text).await.unwrap());
    let number = WantedField { kind: WantedFieldKind::Number, ..text.clone() };
    let clash = connected.salesforce.ensure_field(&number).await.unwrap_err();
    assert_eq!(clash.kind, ErrorKind::FieldRejected);
    assert!(clash.advice.unwrap().remedy.contains("another field"));

    let id =
        connected.select("/tooling", "SELECT Id FROM CustomField WHERE DeveloperName = 'userflow_user_trial'").await;
    let path = format!("/tooling/sobjects/CustomField/{}", id[0]["Id"].as_str().unwrap());
    connected.send(Method::DELETE, &path, json!(null)).await;
    let deleted = connected.salesforce.ensure_field(&text).await.unwrap_err();
    assert!(deleted.advice.unwrap().remedy.contains("Deleted Fields"), "{deleted}");

    connected.org.handle().lock().set_custom_fields_max(Some(0));
    let other = wanted("userflow_user_trial_b__c", WantedFieldKind::Text);
    let full = connected.salesforce.ensure_field(&other).await.unwrap_err();
    assert_eq!(full.code, "CUSTOM_ENTITY_OR_FIELD_LIMIT");
    assert!(full.advice.unwrap().cause.contains("edition"));
}

#[tokio::test]
async fn a_field_that_is_slow_to_show_is_not_usable_yet() {
    let connected = connect().await;
    connected.org.handle().lock().set_field_visibility_delay_ms(60_000);
    let field = wanted("userflow_user_trial__c", WantedFieldKind::Text);
    assert!(!connected.salesforce.ensure_field(&field).await.unwrap());
    connected.org.handle().lock().set_field_visibility_delay_ms(0);
    assert!(connected.salesforce.ensure_field(&field).await.unwrap());
    assert_eq!(made(&connected).await, [1, 1, 1, 1]);
}
