//! The emulated org as the commands run it: with people in it, an app to connect through, and a session to look around with.

use std::net::SocketAddr;

use anyhow::Context;
use serde::Serialize;
use syncline_org::{Faults, RunningOrg, pubsub::PubSubOptions, seed::SeedSize};

/// What an org is asked for.
#[derive(Clone, Debug)]
pub struct OrgOptions {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Address of the Pub/Sub API.
    pub pubsub_listen: SocketAddr,
    /// How many contacts it has; other records in proportion.
    pub contacts: usize,
    /// How much longer every answer takes.
    pub response_delay_ms: u64,
}

/// Addresses and credentials of an org, as state files have them.
#[derive(Clone, Debug, Serialize)]
pub struct OrgState {
    /// Login pages, REST API and web console.
    pub org_url: String,
    /// Pub/Sub API, plaintext HTTP/2.
    pub org_pubsub_url: String,
    /// Host and port of the Pub/Sub API with TLS.
    pub org_pubsub_tls: String,
    /// Certificate of the authority that vouches for it, as PEM.
    pub org_pubsub_ca: String,
    /// Organization id.
    pub org_id: String,
    /// A user's name.
    pub org_username: String,
    /// Her password.
    pub org_password: String,
    /// Consumer key of an app.
    pub org_client_id: String,
    /// Its consumer secret.
    pub org_client_secret: String,
    /// A session of that user.
    pub org_access_token: String,
}

/// An org that runs.
#[derive(Debug)]
pub struct EmulatedOrg {
    org: RunningOrg,
    state: OrgState,
}

/// Starts an org.
///
/// # Errors
/// Where an address can not be listened on.
pub async fn start(options: OrgOptions) -> anyhow::Result<EmulatedOrg> {
    let org = syncline_org::start(syncline_org::OrgOptions {
        listen: options.listen,
        pubsub: PubSubOptions { plaintext: options.pubsub_listen, ..PubSubOptions::default() },
        seed_size: Some(seed_size(options.contacts)),
        keeps_history: false,
        ..syncline_org::OrgOptions::default()
    })
    .await
    .with_context(|| format!("can not run the org on {} and {}", options.listen, options.pubsub_listen))?;
    let state = OrgState {
        org_url: org.url.clone(),
        org_pubsub_url: org.pubsub_url.clone(),
        org_pubsub_tls: org.pubsub_tls.to_string(),
        org_pubsub_ca: org.ca_pem.clone(),
        org_id: org.org_id.clone(),
        org_username: org.org_username.clone(),
        org_password: org.org_password.clone(),
        org_client_id: org.client_id.clone(),
        org_client_secret: org.client_secret.clone(),
        org_access_token: org.access_token(),
    };
    let org = EmulatedOrg { org, state };
    org.set_response_delay_ms(options.response_delay_ms);
    Ok(org)
}

/// So many contacts, and everything else in the proportions of the demo.
fn seed_size(contacts: usize) -> SeedSize {
    let like = SeedSize::DEMO;
    let share = |count: usize| (count * contacts).div_ceil(like.contacts);
    SeedSize {
        contacts,
        accounts: share(like.accounts),
        leads: share(like.leads),
        opportunities: share(like.opportunities),
    }
}

impl EmulatedOrg {
    /// Addresses and credentials.
    pub fn state(&self) -> OrgState {
        self.state.clone()
    }

    /// Lets every answer take so much longer from now on.
    pub fn set_response_delay_ms(&self, response_delay_ms: u64) {
        self.org.handle().set_faults(Faults { response_delay_ms, ..self.org.handle().faults() });
    }

    /// What a person needs to know.
    pub fn in_words(&self) -> String {
        let state = &self.state;
        format!(
            "\nEmulated Salesforce org {}\n\n  Sign in      {}\n               {} / {}\n  Pub/Sub      {} ({} with TLS)\n  \
             Client id    {}\n  Secret       {}\n\n  Ctrl-C ends it.\n",
            state.org_id,
            state.org_url,
            state.org_username,
            state.org_password,
            state.org_pubsub_url,
            state.org_pubsub_tls,
            state.org_client_id,
            state.org_client_secret,
        )
    }

    /// Lets requests and subscriptions end, and closes.
    pub async fn close(self) {
        self.org.shutdown().await;
    }
}
