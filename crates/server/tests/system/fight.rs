//! Something in the org that undoes what Syncline writes wins after a few rounds, and an administrator is told.

use serde_json::json;
use syncline_org::seed::SeedSize;

use crate::{
    database::{image, sqlite},
    program::{Installation, eventually},
};

const SIZE: SeedSize = SeedSize { contacts: 10, accounts: 2, leads: 0, opportunities: 0 };
/// How often Syncline writes a value that is undone each time.
const WRITES: usize = 3;
const FIELD: &str = "userflow_user_plan__c";

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_changed_back_each_time_is_left_alone_and_becomes_an_issue() {
    let installation = Installation::new(sqlite, SIZE).await;
    let _server = installation.serve();
    installation.ready().await;
    installation.map().await;
    let contacts = installation.query("SELECT Id, Email FROM Contact WHERE Email != null LIMIT 1").await;
    let id = contacts[0]["Id"].as_str().expect("an id");
    let body = json!({"id": "u", "attributes": {"email": contacts[0]["Email"], "plan": "pro"}});
    installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");

    for _ in 0..WRITES {
        eventually("Syncline writes the plan", async || (plan(&installation).await == json!("pro")).then_some(()))
            .await;
        installation.edit_record("Contact", id, json!({FIELD: "undone"})).await;
    }
    let expected = vec![("u".to_owned(), Some(FIELD.to_owned()))];
    eventually("it is told", async || (image(installation.database_url()).await.issues == expected).then_some(()))
        .await;
    assert_eq!(plan(&installation).await, json!("undone"), "the other one has won");
    assert!(image(installation.database_url()).await.due.is_empty(), "and the fight is over");

    // Another value is another matter.
    let body = json!({"id": "u", "attributes": {"plan": "team"}});
    installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
    eventually("the new plan is written", async || (plan(&installation).await == json!("team")).then_some(())).await;
    eventually("the issue is closed", async || {
        image(installation.database_url()).await.issues.is_empty().then_some(())
    })
    .await;
}

async fn plan(installation: &Installation) -> serde_json::Value {
    let contacts =
        installation.query("SELECT userflow_user_plan__c FROM Contact WHERE userflow_user_plan__c != null").await;
    contacts.first().map_or(serde_json::Value::Null, |contact| contact[FIELD].clone())
}
