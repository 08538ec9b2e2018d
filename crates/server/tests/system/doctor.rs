//! `syncline doctor`, with a running server and without one, and a field that a mapping wants made.

use serde_json::{Value, json};
use syncline_org::seed::SeedSize;

use crate::{
    database::sqlite,
    program::{Installation, eventually},
};

const SIZE: SeedSize = SeedSize { contacts: 20, accounts: 2, leads: 0, opportunities: 0 };

const WITH_NEW_FIELD: &str = r#"
[[mapping]]
salesforce = "Contact"
userflow = "user"
match = { salesforce = "Email", userflow = "email" }
outbound = [{ from = "seats", to = "userflow_user_seats__c" }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_examines_by_itself_or_through_the_server() {
    let installation = Installation::new(sqlite, SIZE).await;
    let alone: Value = serde_json::from_str(&installation.command(&["doctor", "--json"])).expect("JSON");
    assert!(checks(&alone).contains(&"edition".to_owned()), "{alone}");

    let _server = installation.serve();
    installation.ready().await;
    installation.map().await;
    // The mappings are examined once the server has seen them.
    eventually("the mapped objects are examined", async || {
        let through: Value = serde_json::from_str(&installation.command(&["doctor", "--json"])).ok()?;
        checks(&through).contains(&"field_access".to_owned()).then_some(())
    })
    .await;
    let words = installation.command(&["doctor"]);
    assert!(words.contains("✓ Contact: The connected user has access to all mapped fields."), "{words}");

    installation.org.handle().lock().set_api_enabled(false);
    let refused = installation.refused(&["doctor"]);
    assert!(refused.contains("problem"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_works_on_is_not_examined_nor_is_a_plan_tried() {
    let installation = Installation::new(sqlite, SIZE).await;
    let _server = installation.serve();
    installation.ready().await;
    installation.map().await;
    let contact = installation.query("SELECT Email FROM Contact WHERE Email != null LIMIT 1").await.remove(0);
    let body = json!({"id": "user-1", "attributes": {"email": contact["Email"]}});
    installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
    installation.put("wider.toml", WITH_NEW_FIELD);
    let nobody_works = |words: &str| {
        let refused = installation.refused(&["doctor"]);
        let planned = installation.command(&["mappings", "plan", "wider.toml"]);
        assert!(planned.contains(&format!("not tried: {words}")), "{planned}");
        assert!(refused.contains(words), "{refused}");
        refused
    };
    installation.command(&["pause"]);
    nobody_works("Sync is paused. Resume it first: all that changed meanwhile is synced then.");

    let refusal = json!({"answer": {"status": 400, "error_code": "invalid_grant"}});
    let rule = json!({"path": "/services/oauth2/token", "fault": refusal});
    installation.org.handle().add_fault(serde_json::from_value(rule).expect("a rule"));
    installation.org.handle().lock().end_all_sessions();
    installation.command(&["resume"]);
    eventually("the grant is found to be gone", async || {
        installation.command(&["mappings", "plan", "wider.toml"]).contains("not tried: Sign in").then_some(())
    })
    .await;
    let refused = nobody_works("Sign in to Salesforce again first: what waits is synced then.");
    assert!(refused.contains("no longer accepts the connection's grant"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_a_mapping_wants_is_made_and_then_written() {
    let installation = Installation::new(sqlite, SIZE).await;
    let _server = installation.serve();
    installation.ready().await;
    installation.map_by(WITH_NEW_FIELD).await;
    let contacts = installation.query("SELECT Id, Email FROM Contact WHERE Email != null LIMIT 1").await;
    let body = json!({"id": "user-1", "attributes": {"email": contacts[0]["Email"], "seats": 12}});
    installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
    eventually("the field is made and written", async || {
        let statement = "SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Contact' \
             AND QualifiedApiName = 'userflow_user_seats__c'";
        if installation.query(statement).await.is_empty() {
            return None;
        }
        // Whoever has the permission set sees it; it was given to the connected user.
        let statement = format!("SELECT userflow_user_seats__c FROM Contact WHERE Id = '{}'", contacts[0]["Id"].as_str()?);
        let rows = installation.try_query(&statement).await?;
        (rows[0]["userflow_user_seats__c"] == json!("12")).then_some(())
    })
    .await;
}

fn checks(examination: &Value) -> Vec<String> {
    let findings = examination["findings"].as_array().expect("findings");
    findings.iter().map(|finding| finding["check"].as_str().expect("a check").to_owned()).collect()
}
