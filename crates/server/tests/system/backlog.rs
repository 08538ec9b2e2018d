//! Thousands of items that become due together go by a bulk job, and what changes meanwhile does not wait for it.

use serde_json::{Value, json};
use syncline_org::{BulkSettings, seed::SeedSize};

use crate::{
    database::sqlite,
    program::{Installation, eventually},
};

/// Enough for a job even after the worker for single calls has taken its share.
const PEOPLE: usize = 3_600;
const SIZE: SeedSize = SeedSize { contacts: PEOPLE + 400, accounts: 100, leads: 0, opportunities: 0 };

#[tokio::test(flavor = "multi_thread")]
async fn thousands_go_by_a_job_and_a_change_meanwhile_does_not_wait() {
    let installation = Installation::new(sqlite, SIZE).await;
    let _server = installation.serve();
    installation.ready().await;
    let contacts = installation.query("SELECT Id, Email FROM Contact WHERE Email != null ORDER BY Id").await;
    let (late, contacts) = contacts[..=PEOPLE].split_last().expect("there are contacts");
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = async || {
        while let Some(contact) = contacts.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            set_plan(&installation, contact, "pro").await;
        }
    };
    futures::future::join_all((0..32).map(|_| worker())).await;

    // The job takes its time, as Salesforce's do.
    let org = installation.org.handle().clone();
    org.bulk().set_settings(BulkSettings { state_ms_min: 10_000, ..BulkSettings::default() });
    installation.map().await;
    let ledger = org.ledger();
    let calls = |path: &str| ledger.report().counts.get(path).copied().unwrap_or(0);
    eventually("a job begins", async || (calls("POST /jobs/ingest") > 0).then_some(())).await;
    set_plan(&installation, late, "late").await;
    let plan_of =
        format!("SELECT userflow_user_plan__c FROM Contact WHERE Id = '{}'", late["Id"].as_str().expect("an id"));
    eventually("the late change is written", async || {
        let found = installation.query(&plan_of).await;
        (found[0]["userflow_user_plan__c"] == json!("late")).then_some(())
    })
    .await;
    assert_eq!(calls("GET /jobs/ingest/{id}/successfulResults"), 0, "it was written while the job was under way");

    eventually("the backlog is written", async || {
        let written = installation.query("SELECT Id FROM Contact WHERE userflow_user_plan__c = 'pro'").await;
        (written.len() == PEOPLE).then_some(())
    })
    .await;
    let single = calls("PATCH /composite/sobjects");
    assert!(single <= 5, "{single} calls besides the job");
}

/// Gives a contact's user a plan.
async fn set_plan(installation: &Installation, contact: &Value, plan: &str) {
    let body = json!({"id": contact["Id"], "attributes": {"email": contact["Email"], "plan": plan}});
    installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
}
