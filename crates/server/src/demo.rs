//! Everything on this machine, to be looked at: an emulated Salesforce org with people in it, a server, and an environment a
//! quarter of whose people the org knows; connected and mapped through the same doors as any org.

mod org_client;
mod people;
mod trickle;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use secrecy::SecretString;
use serde::Serialize;
use syncline_engine::Tempo;
use syncline_model::{
    clock::{Clock, SystemClock},
    connection::Connection,
    profile::Environment,
    store::{KeyKind, Signal, Store},
};
use syncline_salesforce::App;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::{
    org_client::{OrgClient, http_client},
    people::{People, populate},
    trickle::Trickle,
};
use crate::{
    commands::{self, Output},
    emulated_org::{self, EmulatedOrg, OrgOptions},
    lifecycle,
    mappings_file::{self, MappingsFile},
    secrets,
    settings::{SalesforceSettings, parse_key, sqlite_in},
    wiring::{self, RunningServer, ServerParts},
};

/// Who signs in.
const ADMIN_EMAIL: &str = "admin@syncline.local";

/// What is kept in step.
const MAPPINGS: &str = include_str!("demo/mappings.toml");

/// Describing four objects takes a second at most; longer means that something is broken.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(60);

/// Thousands of people are in step within seconds; a slow machine and a slow org may take longer.
const IN_STEP_WITHIN: Duration = Duration::from_secs(600);

/// What the demo is asked for.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Address of the web app and the APIs.
    pub listen: SocketAddr,
    /// Address of the emulated org.
    pub org_listen: SocketAddr,
    /// Address of the same over TLS.
    pub org_https_listen: SocketAddr,
    /// Address of its Pub/Sub API.
    pub org_pubsub_listen: SocketAddr,
    /// Folder to keep everything in; a temporary one where none is named.
    pub data_dir: Option<PathBuf>,
    /// An empty database to use in place of SQLite.
    pub database_url: Option<String>,
    /// Where to write addresses and credentials.
    pub state_file: Option<PathBuf>,
    /// Connect nothing.
    pub blank: bool,
    /// Let changes happen by themselves.
    pub trickle: bool,
    /// How much longer every answer of the org takes.
    pub org_response_delay_ms: u64,
    /// How many contacts the org has.
    pub contacts: usize,
}

/// Addresses and credentials of a demo, as its state file has them.
#[derive(Clone, Debug, Serialize)]
pub struct DemoState {
    /// The web app.
    pub app_url: String,
    /// The environment.
    pub environment_id: String,
    /// The Userflow-compatible API.
    pub userflow_api_url: String,
    /// A key for it.
    pub userflow_api_key: String,
    /// What a browser may use.
    pub userflow_token: String,
    /// Who signs in to the web app.
    pub admin_email: String,
    /// With which password.
    pub admin_password: String,
    /// The org.
    #[serde(flatten)]
    pub org: emulated_org::OrgState,
}

/// A demo that runs.
pub struct Demo {
    /// Addresses and credentials.
    pub state: DemoState,
    /// The store, for whoever looks on.
    pub store: Arc<dyn Store>,
    /// The environment.
    pub environment: Environment,
    server: RunningServer,
    org: EmulatedOrg,
    trickle: Option<JoinHandle<()>>,
    folder: Option<TempDir>,
}

/// `syncline demo`.
///
/// # Errors
/// Where an address is taken, a folder can not be written, or people do not get in step.
pub async fn command(options: DemoOptions, output: Output) -> anyhow::Result<()> {
    let stop = lifecycle::stop_on_signal()?;
    let (blank, trickle, state_file) = (options.blank, options.trickle, options.state_file.clone());
    let demo = tokio::select! {
        started = start(options, stop.clone()) => started?,
        () = stop.cancelled() => return Ok(()),
    };
    let state = serde_json::to_value(&demo.state)?;
    if let Some(file) = &state_file {
        commands::write_state_file(file, &state)?;
    }
    output.say(&state, &in_words(&demo.state, blank, trickle));
    demo.ended().await
}

fn in_words(state: &DemoState, blank: bool, trickle: bool) -> String {
    let doing = match (blank, trickle) {
        (true, _) => "Nothing is connected yet: open Settings → Integrations and add Salesforce.",
        (false, true) => "Both sides are in step. Every two seconds something changes on each of them.",
        (false, false) => "Both sides are in step.",
    };
    format!(
        "\nSyncline demo\n\n  {doing}\n\n  Web app     {}\n              {} / {}\n  Salesforce  {}\n              {} / {}\n  \
         Users API   {}  (Authorization: Bearer {})\n\n  Ctrl-C ends it.\n",
        state.app_url,
        state.admin_email,
        state.admin_password,
        state.org.org_url,
        state.org.org_username,
        state.org.org_password,
        state.userflow_api_url,
        state.userflow_api_key,
    )
}

/// Starts a demo and waits until both sides are in step.
///
/// # Errors
/// Where an address is taken, a folder can not be written, or people do not get in step.
pub async fn start(options: DemoOptions, stop: CancellationToken) -> anyhow::Result<Demo> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (database_url, folder) = place(&options)?;
    let key = parse_key(&SecretString::from(secrets::random_secret_key()))?;
    let store =
        syncline_store::open(&database_url, key, Arc::clone(&clock)).await.context("can not open the database")?;
    let environment = store.environments().await?.into_iter().next().context("the database has no environment")?;

    // People get in step at full speed; the delay is for what is watched afterwards.
    let org = emulated_org::start(OrgOptions {
        listen: options.org_listen,
        https_listen: options.org_https_listen,
        pubsub_listen: options.org_pubsub_listen,
        // A demo may run for days.
        daily_requests_max: Some(5_000_000),
        daily_deliveries_max: Some(5_000_000),
        ..OrgOptions::on_free_ports(options.contacts)
    })
    .await?;
    let org_state = org.state();
    let server = wiring::start(ServerParts {
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        salesforce: SalesforceSettings {
            login_url: Some(org_state.org_url.clone()),
            app: Some(app(&org_state)),
            pubsub_url: org_state.org_pubsub_url.clone(),
            extra_ca: None,
        },
        node: "demo".to_owned(),
        listener: commands::listen(options.listen).await?,
        public_url: None,
        tempo: Tempo::default(),
        stop: stop.clone(),
    })?;

    let http = http_client()?;
    let token = SecretString::from(org_state.org_access_token.clone());
    let org_client = OrgClient::open(http.clone(), &org_state.org_url, token).await?;
    let people = populate(&*store, environment.id, &org_client, clock.now()).await?;
    if !options.blank {
        connect(&store, &environment, &server, &org_state, &people, &*clock).await?;
    }
    org.set_response_delay_ms(options.org_response_delay_ms);
    let state = credentials(&*store, &environment, &server, org_state).await?;
    let trickle = options.trickle.then(|| {
        let trickle = Trickle {
            store: Arc::clone(&store),
            environment: environment.id,
            org: org_client,
            http,
            userflow_url: state.userflow_api_url.clone(),
            api_key: state.userflow_api_key.clone(),
            people,
        };
        tokio::spawn(trickle.run(stop.clone()))
    });
    Ok(Demo { state, store, environment, server, org, trickle, folder })
}

/// The database to use, and the temporary folder that it is in, if it is in one.
fn place(options: &DemoOptions) -> anyhow::Result<(String, Option<TempDir>)> {
    if let Some(url) = &options.database_url {
        return Ok((url.clone(), None));
    }
    let Some(folder) = &options.data_dir else {
        let folder = tempfile::Builder::new().prefix("syncline-demo-").tempdir()?;
        return Ok((sqlite_in(folder.path()), Some(folder)));
    };
    std::fs::create_dir_all(folder).with_context(|| format!("can not make the folder {}", folder.display()))?;
    refuse_old(folder)?;
    Ok((sqlite_in(folder), None))
}

/// The org of a demo lives in memory, so a database of an earlier demo would be connected to an org that is gone.
fn refuse_old(folder: &Path) -> anyhow::Result<()> {
    let old = folder.join("syncline.db");
    if old.exists() {
        bail!("{} is of an earlier run; the demo begins anew: remove it or name another folder", old.display());
    }
    Ok(())
}

fn app(org: &emulated_org::OrgState) -> App {
    App { client_id: org.org_client_id.clone(), client_secret: SecretString::from(org.org_client_secret.clone()) }
}

async fn connect(
    store: &Arc<dyn Store>,
    environment: &Environment,
    server: &RunningServer,
    org: &emulated_org::OrgState,
    people: &People,
    clock: &dyn Clock,
) -> anyhow::Result<()> {
    let (identity, granted) = server.login.client_credentials(&org.org_url, app(org)).await?;
    store.connect(environment.id, &identity, &granted).await?;
    let connection = mappings_file::connection_of(&**store, environment.id).await?;
    let wanted = MappingsFile::parse(MAPPINGS)?;
    wait_for(&**store, DESCRIBED_WITHIN, "the org was not described", async || {
        Ok(!store.object_list(connection.id).await?.is_empty())
    })
    .await?;
    mappings_file::plan(&**store, &connection, &wanted, clock.now()).await?.apply(&**store, &connection).await?;
    in_step(&**store, &connection, people.users.len() + people.companies.len()).await
}

/// Waits until so many profiles are linked and nothing is left to do.
async fn in_step(store: &dyn Store, connection: &Connection, links: usize) -> anyhow::Result<()> {
    wait_for(store, IN_STEP_WITHIN, "people are not in step", async || {
        let counts = store.counts(connection.id, None).await?;
        Ok(counts.waiting == 0 && counts.links >= links as u64)
    })
    .await
}

async fn wait_for(
    store: &dyn Store,
    within: Duration,
    otherwise: &str,
    is_so: impl AsyncFn() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    /// Not everything that is waited for raises a signal.
    const LOOK_ANYWAY: Duration = Duration::from_millis(100);
    let deadline = tokio::time::Instant::now() + within;
    let mut seen = 0;
    while !is_so().await? {
        if tokio::time::Instant::now() > deadline {
            bail!("{otherwise} after {} seconds; the log says why", within.as_secs());
        }
        if let Ok(count) = tokio::time::timeout(LOOK_ANYWAY, store.wait(Signal::View, seen)).await {
            seen = count;
        }
    }
    Ok(())
}

async fn credentials(
    store: &dyn Store,
    environment: &Environment,
    server: &RunningServer,
    org: emulated_org::OrgState,
) -> anyhow::Result<DemoState> {
    let app_url = server.url.as_str().trim_end_matches('/').to_owned();
    let admin_password = secrets::random_token();
    let hash = secrets::hash_password(admin_password.clone()).await?;
    store.add_member(ADMIN_EMAIL, "Admin", &hash).await?;
    Ok(DemoState {
        environment_id: environment.id.to_string(),
        userflow_api_url: format!("{app_url}/userflow"),
        userflow_api_key: commands::make_key(store, environment, KeyKind::Api).await?,
        userflow_token: commands::make_key(store, environment, KeyKind::Token).await?,
        admin_email: ADMIN_EMAIL.to_owned(),
        admin_password,
        app_url,
        org,
    })
}

impl Demo {
    /// Waits until the demo has ended, which it does once it is told to stop.
    ///
    /// # Errors
    /// Where a part of it broke down.
    pub async fn ended(self) -> anyhow::Result<()> {
        let Self { server, org, trickle, folder, .. } = self;
        let ended = server.ended().await;
        if let Some(trickle) = trickle {
            trickle.abort();
        }
        org.close().await;
        if let Some(folder) = folder {
            // What is left behind in the system's temporary folder is swept by the system.
            let _ = folder.close();
        }
        ended
    }
}
