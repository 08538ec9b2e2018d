//! Life: every other second somebody edits a contact or an account in Salesforce, and a user or a company moves on in the
//! application. Both come in through the same doors as anybody's changes.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use reqwest::Client;
use serde_json::{Value, json};
use syncline_model::{connection::ConnectionStatus, id::EnvironmentId, store::Store};
use tokio_util::sync::CancellationToken;

use super::{
    org_client::OrgClient,
    people::{self, People},
};

/// Often enough to be watched, seldom enough to be read.
const PACE: Duration = Duration::from_secs(2);

const TITLES: [&str; 8] = [
    "Head of Operations",
    "VP Customer Success",
    "Product Manager",
    "IT Director",
    "Data Analyst",
    "Chief of Staff",
    "Support Lead",
    "Engineering Manager",
];
const DEPARTMENTS: [&str; 6] = ["Operations", "Customer Success", "Product", "IT", "Finance", "Engineering"];
const INDUSTRIES: [&str; 6] = ["Technology", "Manufacturing", "Healthcare", "Retail", "Energy", "Finance"];

/// What changes, and through which doors.
pub(super) struct Trickle {
    pub(super) store: Arc<dyn Store>,
    pub(super) environment: EnvironmentId,
    pub(super) org: OrgClient,
    pub(super) http: Client,
    pub(super) userflow_url: String,
    pub(super) api_key: String,
    pub(super) people: People,
}

impl Trickle {
    /// Goes on until told to stop; waits while nothing is connected.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut random: StdRng = rand::make_rng();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PACE) => {}
            }
            if let Err(error) = self.step(&mut random).await {
                tracing::warn!("a change of the demo did not happen: {error:#}");
            }
        }
    }

    async fn step(&self, random: &mut StdRng) -> anyhow::Result<()> {
        let connection = self.store.connection(self.environment).await?;
        if connection.is_none_or(|connection| connection.status != ConnectionStatus::Connected) {
            return Ok(());
        }
        self.edit_in_salesforce(random).await.context("in Salesforce")?;
        self.move_on_in_the_application(random).await.context("in the application")
    }

    async fn edit_in_salesforce(&self, random: &mut StdRng) -> anyhow::Result<()> {
        if random.random_bool(0.7) {
            let Some(pair) = self.people.users.choose(random) else { return Ok(()) };
            let fields = match random.random_range(0..3) {
                0 => json!({ "Title": any(&TITLES, random) }),
                1 => json!({ "Department": any(&DEPARTMENTS, random) }),
                _ => json!({ "Phone": format!("+1 555 01{:02}", random.random_range(0..100)) }),
            };
            return self.org.change("Contact", &pair.record_id, &fields).await;
        }
        let Some(pair) = self.people.companies.choose(random) else { return Ok(()) };
        let fields = match random.random_range(0..2) {
            0 => json!({ "Industry": any(&INDUSTRIES, random) }),
            _ => json!({ "NumberOfEmployees": random.random_range(10..5_000) }),
        };
        self.org.change("Account", &pair.record_id, &fields).await
    }

    async fn move_on_in_the_application(&self, random: &mut StdRng) -> anyhow::Result<()> {
        let plan = people::any_plan(random);
        if random.random_bool(0.7) {
            let Some(pair) = self.people.users.choose(random) else { return Ok(()) };
            let attributes = json!({ "plan": plan, "onboarding_score": random.random_range(0..=100) });
            return self.save("users", &pair.profile_id, attributes).await;
        }
        let Some(pair) = self.people.companies.choose(random) else { return Ok(()) };
        self.save("groups", &pair.profile_id, json!({ "plan": plan, "seats": random.random_range(3..400) })).await
    }

    async fn save(&self, kind: &str, id: &str, attributes: Value) -> anyhow::Result<()> {
        let request = self.http.post(format!("{}/{kind}", self.userflow_url)).bearer_auth(&self.api_key);
        request.json(&json!({ "id": id, "attributes": attributes })).send().await?.error_for_status()?;
        Ok(())
    }
}

fn any(choices: &[&'static str], random: &mut StdRng) -> &'static str {
    choices.choose(random).copied().unwrap_or_default()
}
