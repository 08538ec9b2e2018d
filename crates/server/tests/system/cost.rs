//! What syncing costs the org in calls.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use syncline_org::{Faults, seed::SeedSize};

use crate::{
    database::sqlite,
    program::{Installation, eventually},
};

const CHANGES: usize = 1_000;
const SIZE: SeedSize = SeedSize { contacts: 1_050, accounts: 10, leads: 0, opportunities: 0 };

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_changes_cost_at_most_six_calls_out_and_none_in() {
    let installation = Installation::new(sqlite, SIZE).await;
    let _server = installation.serve();
    installation.ready().await;
    installation.map().await;
    let contacts = installation.query("SELECT Id, Email FROM Contact WHERE Email != null ORDER BY Id").await;
    let contacts = &contacts[..CHANGES];
    change_users(&installation, contacts, "free").await;
    eventually("all users are linked and written", async || (plans(&installation).await == only("free")).then_some(()))
        .await;
    // What the look-ups and the first sweep read is told of by the stream too, and may have to be read again; that is over once the
    // stream has told of something later, and nothing is due.
    let marker = contacts[0]["Id"].as_str().expect("an id");
    installation.edit_record("Contact", marker, json!({"Title": "Marker"})).await;
    let database = sqlx::SqlitePool::connect(installation.database_url()).await.expect("the database opens");
    eventually("nothing is on its way", async || {
        let user = installation.userflow(reqwest::Method::GET, "/users/user-0", None).await?;
        let due: i64 = sqlx::query_scalar("select count(*) from due").fetch_one(&database).await.ok()?;
        (user["attributes"]["salesforce_contact_title"] == json!("Marker") && due == 0).then_some(())
    })
    .await;

    // A burst is what arrives while a call is under way: the first one's answer is held back until all has been said, so that
    // this does not measure how fast the machine takes requests.
    let org = installation.org.handle().clone();
    org.ledger().reset();
    org.set_faults(Faults { response_delay_ms: 20_000, ..Faults::default() });
    change_users(&installation, contacts, "pro").await;
    org.set_faults(Faults::default());
    // Asking the org for its state would be a call too: its ledger tells that all records were written.
    let ledger = org.ledger();
    eventually("all changes are written", async || (writes(&ledger.report().records) >= CHANGES as u64).then_some(()))
        .await;
    let calls = writes(&ledger.report().counts);
    assert!(calls <= 6, "{calls} calls for {CHANGES} changes");
    assert_eq!(plans(&installation).await, only("pro"));

    for contact in contacts {
        installation.edit_record("Contact", contact["Id"].as_str().expect("an id"), json!({"Title": "Changed"})).await;
    }
    let edits = ledger.report().total;
    eventually("all changes have arrived", async || {
        let users = installation.profiles("users").await;
        users.iter().all(|user| user["attributes"]["salesforce_contact_title"] == json!("Changed")).then_some(())
    })
    .await;
    assert_eq!(ledger.report().total, edits, "changes of linked records cost no call: {:?}", ledger.report().counts);
}

/// Gives each contact's user a plan, many requests at a time, as a burst arrives.
async fn change_users(installation: &Installation, contacts: &[Value], plan: &str) {
    let one = async |(number, contact): (usize, &Value)| {
        let body = json!({"id": format!("user-{number}"), "attributes": {"email": contact["Email"], "plan": plan}});
        installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
    };
    let mut left = contacts.iter().enumerate();
    let left = std::cell::RefCell::new(&mut left);
    let next = || left.borrow_mut().next();
    let worker = async || {
        while let Some(contact) = next() {
            one(contact).await;
        }
    };
    futures::future::join_all((0..32).map(|_| worker())).await;
}

fn writes(by_path: &BTreeMap<String, u64>) -> u64 {
    by_path.iter().filter(|(path, _)| path.starts_with("PATCH ")).map(|(_, number)| number).sum()
}

/// How many contacts have which plan, those without one aside.
async fn plans(installation: &Installation) -> BTreeMap<String, usize> {
    let mut plans = BTreeMap::new();
    for contact in
        installation.query("SELECT userflow_user_plan__c FROM Contact WHERE userflow_user_plan__c != null").await
    {
        *plans.entry(contact["userflow_user_plan__c"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    plans
}

fn only(plan: &str) -> BTreeMap<String, usize> {
    BTreeMap::from([(plan.to_owned(), CHANGES)])
}
