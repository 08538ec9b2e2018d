//! Two nodes on one database, and the one that works on the connection dies for good: the other takes over once the lease has run
//! out, and what both sides changed meanwhile arrives, once.

use serde_json::{Value, json};
use syncline_org::seed::SeedSize;

use crate::{
    crash::{differences, inventory, populate},
    database::{Postgres, image, owner},
    program::{FIRST_NODE, Installation, eventually},
};

const SIZE: SeedSize = SeedSize { contacts: 60, accounts: 20, leads: 0, opportunities: 0 };
const SECOND_NODE: &str = "second";
/// People changed before the owner dies, so that it dies at work; as many others are changed after that.
const CHANGED: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_takes_over_a_dead_nodes_connection() {
    let Some(database) = Postgres::new("syncline_takeover").await else { return };
    let mut installation = Installation::new(|_| database.url.clone(), SIZE).await;
    let first = installation.serve();
    installation.ready().await;
    installation.map().await;
    let people = populate(&installation).await;
    agreed("both sides agree before the owner dies", &installation).await;
    let second = installation.serve_beside(SECOND_NODE);
    installation.ready().await;
    let before = inventory(&installation).await;

    // Each node takes requests, whoever works on the connection.
    change(&installation, &people[..CHANGED], "before").await;
    assert_eq!(owner(&database.url).await.as_deref(), Some(FIRST_NODE));
    first.kill();
    change(&installation, &people[CHANGED..2 * CHANGED], "after").await;
    let newcomer =
        installation.query("SELECT Id, Email FROM Contact WHERE Email != null ORDER BY Id DESC LIMIT 1").await;
    let email = newcomer[0]["Email"].as_str().expect("an address");
    let body = json!({"id": "newcomer", "attributes": {"email": email, "plan": "new"}});
    installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");

    eventually("the second node works on the connection", async || {
        (owner(&database.url).await.as_deref() == Some(SECOND_NODE)).then_some(())
    })
    .await;
    agreed("both sides agree after the owner died", &installation).await;
    eventually("nothing is left to do", async || image(&database.url).await.due.is_empty().then_some(())).await;

    let mut after = inventory(&installation).await;
    assert!(after.get_mut("users").expect("users").remove("\"newcomer\""), "who came meanwhile is there");
    assert_eq!(after, before, "nothing is created or deleted on either side");
    let links = image(&database.url).await.links;
    let mut items: Vec<_> = links.iter().map(|(_, mapping, profile)| (mapping, profile)).collect();
    items.sort_unstable();
    items.dedup();
    assert_eq!(items.len(), links.len(), "nobody is linked twice");
    let found = format!("SELECT Id FROM Contact WHERE userflow_user_plan__c = 'new' AND Email = '{email}'");
    assert_eq!(installation.query(&found).await.len(), 1, "who came meanwhile is one contact");
    drop(second);
    database.drop().await;
}

async fn agreed(what: &str, installation: &Installation) {
    eventually(what, async || differences(installation).await.is_empty().then_some(())).await;
}

/// Changes both sides of these people, each side in fields of its own.
async fn change(installation: &Installation, people: &[(String, String)], word: &str) {
    for (number, (user, contact)) in people.iter().enumerate() {
        let body: Value = json!({"id": user, "attributes": {"plan": format!("{word} {number}")}});
        installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
        installation.edit_record("Contact", contact, json!({"Title": format!("{word} {number}")})).await;
    }
}
