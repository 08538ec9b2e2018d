//! `syncline explain`, by e-mail address, user id and Salesforce id.

use serde_json::{Value, json};
use syncline_org::seed::SeedSize;

use crate::{
    database::sqlite,
    program::{Installation, eventually},
};

const SIZE: SeedSize = SeedSize { contacts: 5, accounts: 2, leads: 0, opportunities: 0 };

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_asked_for_is_explained_in_words() {
    let installation = Installation::new(sqlite, SIZE).await;
    let _server = installation.serve();
    installation.ready().await;
    installation.map().await;
    let contact = installation.query("SELECT Id, Email FROM Contact WHERE Email != null LIMIT 1").await.remove(0);
    let (id, email) = (contact["Id"].as_str().expect("an id"), contact["Email"].as_str().expect("an address"));
    let body = json!({ "id": "user-1", "attributes": { "email": email } });
    installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");

    let words = eventually("it is linked", async || {
        let words = installation.command(&["explain", email]);
        words.contains("Linked to Contact").then_some(words)
    })
    .await;
    assert!(words.starts_with("user user-1") && words.contains(&format!("its Email is {email}")), "{words}");
    let short = &id[..15];
    for who in ["user-1", id, short] {
        let explained: Value = serde_json::from_str(&installation.command(&["explain", who, "--json"])).expect("JSON");
        assert_eq!(explained["explanations"][0]["id"], "user-1", "{who}: {explained}");
        assert_eq!(explained["explanations"][0]["mappings"][0]["record_id"], id);
    }
    installation.edit_record("Contact", id, json!({ "Title": "Explorer" })).await;
    eventually("it says what was set, and from what", async || {
        let words = installation.command(&["explain", "user-1"]);
        words.contains(r#"set to "Explorer" from Title at "#).then_some(())
    })
    .await;
    let refused = installation.refused(&["explain", "nobody@example.com"]);
    assert!(refused.contains("no user or company"), "{refused}");
}
