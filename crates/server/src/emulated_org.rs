//! The emulated org as the commands run it: with people in it, an app to connect through, and a session to look around with.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;
use syncline_org::core::{Edition, OrgProfile};
use syncline_org::{Faults, RunningOrg, pubsub::PubSubOptions, seed::SeedSize};
use tempfile::NamedTempFile;

/// What an org is asked for.
#[derive(Clone, Debug)]
pub struct OrgOptions {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Address of the same over TLS.
    pub https_listen: SocketAddr,
    /// Address of the Pub/Sub API.
    pub pubsub_listen: SocketAddr,
    /// Address of the same over TLS.
    pub pubsub_tls_listen: SocketAddr,
    /// Where to write the certificate that both TLS addresses are to be trusted by; `None` for a file that goes with the org.
    pub ca_file: Option<PathBuf>,
    /// Certificate, as PEM, of whoever signs in to the app by JWT.
    pub jwt_certificate: Option<PathBuf>,
    /// What was bought from Salesforce, which sets the limits.
    pub edition: Edition,
    /// How many contacts are made up; other records in proportion.
    pub contacts: usize,
    /// Files with more records.
    pub seed_files: Vec<PathBuf>,
    /// API requests in 24 hours; `None` for the edition's number.
    pub daily_requests_max: Option<u64>,
    /// Events delivered in 24 hours, each subscriber counted; `None` for the edition's number.
    pub daily_deliveries_max: Option<u64>,
    /// How much longer every answer takes.
    pub response_delay_ms: u64,
}

impl OrgOptions {
    /// Any free ports of this machine.
    pub fn on_free_ports(contacts: usize) -> Self {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen: any_port,
            https_listen: any_port,
            pubsub_listen: any_port,
            pubsub_tls_listen: any_port,
            ca_file: None,
            jwt_certificate: None,
            edition: Edition::default(),
            contacts,
            seed_files: Vec::new(),
            daily_requests_max: None,
            daily_deliveries_max: None,
            response_delay_ms: 0,
        }
    }
}

/// Addresses and credentials of an org, as state files have them.
#[derive(Clone, Debug, Serialize)]
pub struct OrgState {
    /// Login pages, REST API and web console.
    pub org_url: String,
    /// The same over TLS.
    pub org_https_url: String,
    /// Pub/Sub API, plaintext HTTP/2.
    pub org_pubsub_url: String,
    /// Host and port of the Pub/Sub API with TLS.
    pub org_pubsub_tls: String,
    /// Certificate of the authority that vouches for both TLS addresses, as PEM.
    pub org_pubsub_ca: String,
    /// A file with that certificate.
    pub org_ca_file: PathBuf,
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
    /// Removed when the org goes.
    _ca_file: Option<NamedTempFile>,
}

/// Starts an org.
///
/// # Errors
/// Where an address can not be listened on, or a file can not be taken.
pub async fn start(options: OrgOptions) -> anyhow::Result<EmulatedOrg> {
    let read_certificate = |file: &PathBuf| {
        fs::read_to_string(file).with_context(|| format!("can not read the certificate {}", file.display()))
    };
    let OrgOptions { listen, https_listen, pubsub_listen, pubsub_tls_listen, .. } = options;
    let org = syncline_org::start(syncline_org::OrgOptions {
        listen,
        https_listen,
        pubsub: PubSubOptions { plaintext: pubsub_listen, tls: pubsub_tls_listen, ..PubSubOptions::default() },
        client_certificate: options.jwt_certificate.as_ref().map(read_certificate).transpose()?,
        profile: OrgProfile { edition: options.edition, ..OrgProfile::default() },
        seed_size: Some(seed_size(options.contacts)),
        seed_files: options.seed_files,
        daily_requests_max: options.daily_requests_max,
        daily_deliveries_max: options.daily_deliveries_max,
        keeps_history: false,
        ..syncline_org::OrgOptions::default()
    })
    .await
    .with_context(|| {
        format!("can not start the org on {listen}, {https_listen}, {pubsub_listen} and {pubsub_tls_listen}")
    })?;
    let (ca_path, ca_file) = write_ca(options.ca_file, &org.ca_pem)?;
    let state = OrgState {
        org_url: org.url.clone(),
        org_https_url: org.https_url.clone(),
        org_pubsub_url: org.pubsub_url.clone(),
        org_pubsub_tls: org.pubsub_tls.to_string(),
        org_pubsub_ca: org.ca_pem.clone(),
        org_ca_file: ca_path,
        org_id: org.org_id.clone(),
        org_username: org.org_username.clone(),
        org_password: org.org_password.clone(),
        org_client_id: org.client_id.clone(),
        org_client_secret: org.client_secret.clone(),
        org_access_token: org.access_token(),
    };
    let org = EmulatedOrg { org, state, _ca_file: ca_file };
    org.set_response_delay_ms(options.response_delay_ms);
    Ok(org)
}

/// Writes the certificate to a file of the caller's, or to one that is gone when what comes back is dropped.
fn write_ca(file: Option<PathBuf>, pem: &str) -> anyhow::Result<(PathBuf, Option<NamedTempFile>)> {
    if let Some(file) = file {
        fs::write(&file, pem).with_context(|| format!("can not write {}", file.display()))?;
        return Ok((std::path::absolute(file)?, None));
    }
    let mut file = tempfile::Builder::new().prefix("syncline-org-ca-").suffix(".pem").tempfile()?;
    file.write_all(pem.as_bytes())?;
    Ok((file.path().to_owned(), Some(file)))
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
            "\nEmulated Salesforce org {}\n\n  Sign in      {}\n               {} / {}\n  With TLS     {}\n  Trust        {}\n  \
             Pub/Sub      {} ({} with TLS)\n  Client id    {}\n  Secret       {}\n\n  Ctrl-C ends it.\n",
            state.org_id,
            state.org_url,
            state.org_username,
            state.org_password,
            state.org_https_url,
            state.org_ca_file.display(),
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
