//! Thousands of items that become due together go by a bulk job, and what changes meanwhile does not wait for it, be it of people in the
//! job or of others.

use serde_json::{Value, json};
use syncline_org::{BulkSettings, seed::SeedSize};

use crate::{
    database::sqlite,
    program::{Installation, eventually},
};

/// Enough for a job even after the worker for single calls has taken its share.
const PEOPLE: usize = 3_600;
/// Of the people in the job, those that change again meanwhile: more than a call takes.
const AGAIN: usize = 400;
const SIZE: SeedSize = SeedSize { contacts: PEOPLE + 400, accounts: 100, leads: 0, opportunities: 0 };

#[tokio::test(flavor = "multi_thread")]
async fn thousands_go_by_a_job_and_a_change_meanwhile_does_not_wait() {
    let installation = Installation::new(sqlite, SIZE).await;
    let _server = installation.serve();
    installation.ready().await;
    let contacts = installation.query("SELECT Id, Email FROM Contact WHERE Email != null ORDER BY Id").await;
    let (late, contacts) = contacts[..=PEOPLE].split_last().expect("there are contacts");
    set_plans(&installation, contacts, "pro").await;

    // The job takes its time, as Salesforce's do.
    let org = installation.org.handle().clone();
    org.bulk().set_settings(BulkSettings { state_ms_min: 20_000, ..BulkSettings::default() });
    installation.map().await;
    let ledger = org.ledger();
    let calls = |path: &str| ledger.report().counts.get(path).copied().unwrap_or(0);
    eventually("a job begins", async || (calls("POST /jobs/ingest") > 0).then_some(())).await;
    let begun = std::time::Instant::now();
    set_plans(&installation, &contacts[..AGAIN], "team").await;
    set_plan(&installation, late, "late").await;
    let plan_of =
        format!("SELECT userflow_user_plan__c FROM Contact WHERE Id = '{}'", late["Id"].as_str().expect("an id"));
    eventually("the late change is written", async || {
        let found = installation.query(&plan_of).await;
        (found[0]["userflow_user_plan__c"] == json!("late")).then_some(())
    })
    .await;
    let is_over = calls("GET /jobs/ingest/{id}/successfulResults") > 0;
    let (took, counts) = (begun.elapsed(), ledger.report().counts);
    assert!(!is_over, "the job had ended when it was written, {took:?} after it began: {counts:?}");

    for (plan, people) in [("pro", PEOPLE - AGAIN), ("team", AGAIN)] {
        let with_plan = format!("SELECT Id FROM Contact WHERE userflow_user_plan__c = '{plan}'");
        eventually("the backlog is written", async || {
            (installation.query(&with_plan).await.len() == people).then_some(())
        })
        .await;
    }
    let single = calls("PATCH /composite/sobjects");
    assert!(single <= 8, "{single} calls besides the job");
}

/// Gives the contacts' users a plan, many at a time.
async fn set_plans(installation: &Installation, contacts: &[Value], plan: &str) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = async || {
        while let Some(contact) = contacts.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            set_plan(installation, contact, plan).await;
        }
    };
    futures::future::join_all((0..32).map(|_| worker())).await;
}

/// Gives a contact's user a plan.
async fn set_plan(installation: &Installation, contact: &Value, plan: &str) {
    let body = json!({"id": contact["Id"], "attributes": {"email": contact["Email"], "plan": plan}});
    installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
}
