//! The commands that do one thing and end, and the two that run until they are stopped. They talk to the store, so they work with
//! and without a running server, which notices at once.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow, bail};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use syncline_engine::Tempo;
use syncline_model::{
    clock::{Clock, SystemClock},
    connection::{Connection, ConnectionStatus},
    profile::Environment,
    store::{KeyKind, Store},
};
use syncline_salesforce::App;
use tokio::net::TcpListener;
use url::Url;

use crate::{
    emulated_org::{self, OrgOptions},
    lifecycle,
    mappings_file::{self, MappingsFile},
    salesforce_login::{SalesforceLogin, in_words},
    secrets,
    settings::{SalesforceSettings, Settings, node_name},
    stopping::{disconnect_org, pause_org, resume_org},
    wiring::{self, ServerParts},
};

/// Shortest password taken. NIST SP 800-63B: at least 8 characters, and no other rules.
const PASSWORD_CHARS_MIN: usize = 8;

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// As one JSON value in place of words.
    pub json: bool,
}

impl Output {
    /// Prints a result.
    pub fn say(self, value: &serde_json::Value, words: &str) {
        let text = if self.json { value.to_string() } else { words.trim_end().to_owned() };
        // Whoever does not read our output any more does not want it.
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// An environment of an installation.
#[derive(Debug)]
pub struct Target {
    /// The installation.
    pub settings: Settings,
    /// Name or id of the environment.
    pub environment: Option<String>,
}

impl Target {
    /// The environment with its connection, which may not work, but is there.
    pub(crate) async fn connected(self) -> anyhow::Result<(Arc<dyn Store>, Environment, Connection)> {
        let (store, environment, _) = self.open().await?;
        let connection = store.connection(environment.id).await?;
        let connection = connection.filter(|one| one.status != ConnectionStatus::Disconnected);
        let connection = connection.with_context(|| format!("environment {} is not connected", environment.name))?;
        Ok((store, environment, connection))
    }

    pub(crate) async fn open(self) -> anyhow::Result<(Arc<dyn Store>, Environment, SalesforceSettings)> {
        let Settings { database_url, secret_key, salesforce, .. } = self.settings;
        let store = open_store(&database_url, secret_key).await?;
        let environment = choose(store.environments().await?, self.environment.as_deref())?;
        Ok((store, environment, salesforce))
    }
}

async fn open_store(url: &str, key: syncline_store::SecretKey) -> anyhow::Result<Arc<dyn Store>> {
    if let Some(folder) = url.strip_prefix("sqlite://").and_then(|file| Path::new(file).parent()) {
        fs::create_dir_all(folder).with_context(|| format!("can not make the folder {}", folder.display()))?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    syncline_store::open(url, key, clock).await.context("can not open the database")
}

fn choose(known: Vec<Environment>, named: Option<&str>) -> anyhow::Result<Environment> {
    let names: Vec<_> = known.iter().map(|environment| environment.name.clone()).collect();
    let is_named = |environment: &Environment| {
        named.is_none_or(|name| environment.name == name || environment.id.to_string() == name)
    };
    let mut found: Vec<_> = known.into_iter().filter(is_named).collect();
    match (found.len(), named) {
        (1, _) => Ok(found.remove(0)),
        (0, Some(name)) => bail!("there is no environment `{name}`; there are: {}", names.join(", ")),
        _ => bail!("say which environment with --environment; there are: {}", names.join(", ")),
    }
}

/// `syncline serve`.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let stop = lifecycle::stop_on_signal()?;
    let store = open_store(&settings.database_url, settings.secret_key).await?;
    let listener = listen(settings.listen).await?;
    let server = wiring::start(ServerParts {
        store,
        clock: Arc::new(SystemClock),
        salesforce: settings.salesforce,
        node: node_name(settings.node.as_deref(), settings.listen),
        listener,
        public_url: settings.public_url,
        tempo: Tempo::default(),
        stop,
    })?;
    tracing::info!("listening on {}", server.url);
    server.ended().await
}

/// Binds an address.
///
/// # Errors
/// Where it is taken or not ours.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("can not listen on {address}"))
}

/// What `syncline org` is asked for.
#[derive(Debug)]
pub struct OrgCommand {
    /// The org.
    pub options: OrgOptions,
    /// Where to write addresses and credentials.
    pub state_file: Option<PathBuf>,
}

/// `syncline org`.
pub async fn org(command: OrgCommand, output: Output) -> anyhow::Result<()> {
    let stop = lifecycle::stop_on_signal()?;
    let org = emulated_org::start(command.options).await?;
    let state = serde_json::to_value(org.state())?;
    if let Some(file) = &command.state_file {
        write_state_file(file, &state)?;
    }
    output.say(&state, &org.in_words());
    stop.cancelled().await;
    org.close().await;
    Ok(())
}

/// Writes a state file so that whoever waits for it sees all of it or nothing, and nobody else sees it at all.
///
/// # Errors
/// Where the folder does not let files be made.
pub fn write_state_file(file: &Path, state: &serde_json::Value) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> anyhow::Result<()> {
        // Temporary files are made readable for their owner alone.
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(draft, "{state:#}")?;
        draft.persist(file)?;
        Ok(())
    };
    written().with_context(|| format!("can not write {}", file.display()))
}

/// How `syncline connect` signs in.
#[derive(Debug)]
pub enum SignIn {
    /// With the app's secret, as the user that the app names.
    ClientSecret(SecretString),
    /// With a key, as the user of that name.
    PrivateKey {
        /// The RSA key of the app's certificate, as PEM.
        private_key: SecretString,
        /// The user's name.
        username: String,
    },
}

/// `syncline connect`.
pub async fn connect(
    target: Target,
    login_url: String,
    client_id: String,
    sign_in: SignIn,
    output: Output,
) -> anyhow::Result<()> {
    let (store, environment, salesforce) = target.open().await?;
    // Nobody comes back from a browser here.
    let nowhere = Url::parse("http://localhost")?;
    let login = SalesforceLogin::new(salesforce, &nowhere);
    let signed_in = match sign_in {
        SignIn::ClientSecret(client_secret) => {
            login.client_credentials(&login_url, App { client_id, client_secret }).await
        }
        SignIn::PrivateKey { private_key, username } => {
            login.jwt_bearer(&login_url, client_id, &username, private_key, SystemClock.now()).await
        }
    };
    let (org, credentials) =
        signed_in.map_err(|error| anyhow!("can not sign in at Salesforce: {}", in_words(&error)))?;
    let connected = store.connect(environment.id, &org, &credentials).await;
    if let Err(error) = connected {
        if let Err(error) = login.revoke(&org.login_url, &credentials).await {
            tracing::warn!(%error, "could not revoke a token that was not needed");
        }
        return Err(error.into());
    }
    let result = json!({
        "environment": environment.name, "organization_id": org.org_id, "organization_name": org.org_name,
        "username": org.username, "instance_url": org.instance_url,
    });
    let words =
        format!("Connected environment {} to {} ({}) as {}.", environment.name, org.org_name, org.org_id, org.username);
    output.say(&result, &words);
    Ok(())
}

/// `syncline disconnect`.
pub async fn disconnect(target: Target, output: Output) -> anyhow::Result<()> {
    let (store, environment, salesforce) = target.open().await?;
    let connection = store.connection(environment.id).await?;
    let not_connected = || anyhow!("environment {} is not connected", environment.name);
    let connection = connection.ok_or_else(not_connected)?;
    // One that was disconnected while Salesforce did not answer has its grant still to give back.
    if connection.status == ConnectionStatus::Disconnected && store.credentials(connection.id).await?.is_none() {
        return Err(not_connected());
    }
    let nowhere = Url::parse("http://localhost")?;
    let login = SalesforceLogin::new(salesforce, &nowhere);
    let revoked = disconnect_org(&store, &login, &connection).await?;
    let org = &connection.org;
    let result = json!({ "environment": environment.name, "organization_id": org.org_id, "revoked": revoked });
    let mut words = format!("Disconnected environment {} from {}.", environment.name, org.org_name);
    if !revoked {
        words.push_str(
            " Salesforce did not take the grant back yet: a running server goes on trying for 24 hours, and so does this command \
             when it is given again.",
        );
    }
    output.say(&result, &words);
    Ok(())
}

/// `syncline pause`.
pub async fn pause(target: Target, output: Output) -> anyhow::Result<()> {
    let (store, environment, connection) = target.connected().await?;
    pause_org(&store, &connection).await?;
    say_how_it_stands(&environment, &connection, "Paused", output);
    Ok(())
}

/// `syncline resume`.
pub async fn resume(target: Target, output: Output) -> anyhow::Result<()> {
    let (store, environment, connection) = target.connected().await?;
    resume_org(&store, &connection).await?;
    say_how_it_stands(&environment, &connection, "Resumed", output);
    Ok(())
}

fn say_how_it_stands(environment: &Environment, connection: &Connection, done: &str, output: Output) {
    let org = &connection.org;
    let result = json!({ "environment": environment.name, "organization_id": org.org_id });
    output.say(&result, &format!("{done} environment {}, connected to {}.", environment.name, org.org_name));
}

/// Makes a key and keeps its hash; gives the key itself.
///
/// # Errors
/// Where the store fails.
pub async fn make_key(store: &dyn Store, environment: &Environment, kind: KeyKind) -> anyhow::Result<String> {
    let lead = match kind {
        KeyKind::Api => "ak_",
        KeyKind::Token => "ct_",
    };
    let key = format!("{lead}{}", secrets::random_token());
    store.add_key(environment.id, kind, &secrets::digest(&key)).await?;
    Ok(key)
}

/// `syncline api-keys create`.
pub async fn create_api_key(target: Target, output: Output) -> anyhow::Result<()> {
    let (store, environment, _) = target.open().await?;
    let key = make_key(&*store, &environment, KeyKind::Api).await?;
    output.say(&json!({ "key": key, "environment": environment.name }), &key);
    Ok(())
}

/// `syncline members add`.
pub async fn add_member(
    settings: Settings,
    email: String,
    name: Option<String>,
    password: Option<SecretString>,
    output: Output,
) -> anyhow::Result<()> {
    let email = email.trim().to_lowercase();
    let Some((before, _)) = email.split_once('@').filter(|(before, after)| !before.is_empty() && !after.is_empty())
    else {
        bail!("`{email}` is no e-mail address");
    };
    let name = name.unwrap_or_else(|| before.to_owned());
    let made = password.is_none().then(secrets::random_token);
    let password =
        made.clone().unwrap_or_else(|| password.map(|one| one.expose_secret().to_owned()).unwrap_or_default());
    if password.chars().count() < PASSWORD_CHARS_MIN {
        bail!("the password must have at least {PASSWORD_CHARS_MIN} characters");
    }
    let store = open_store(&settings.database_url, settings.secret_key).await?;
    store.add_member(&email, &name, &secrets::hash_password(password).await?).await?;
    let words = match &made {
        Some(password) => format!("Added {email}. Password: {password}"),
        None => format!("Added {email}."),
    };
    output.say(&json!({ "email": email, "name": name, "password": made }), &words);
    Ok(())
}

/// `syncline mappings export`.
pub async fn export_mappings(target: Target, file: PathBuf, output: Output) -> anyhow::Result<()> {
    let (store, environment, _) = target.open().await?;
    let connection = store.connection(environment.id).await?.context("the environment was never connected")?;
    let mappings = MappingsFile::of(store.mappings(connection.id).await?);
    let text = mappings.to_text()?;
    if file == Path::new("-") {
        output.say(&serde_json::to_value(&mappings)?, &text);
        return Ok(());
    }
    fs::write(&file, text).with_context(|| format!("can not write {}", file.display()))?;
    let count = mappings.mapping.len();
    output.say(&json!({ "file": file, "mappings": count }), &format!("Wrote {count} mappings to {}.", file.display()));
    Ok(())
}

/// `syncline mappings plan` and `apply`.
pub async fn apply_mappings(target: Target, file: PathBuf, apply: bool, output: Output) -> anyhow::Result<()> {
    let text = fs::read_to_string(&file).with_context(|| format!("can not read {}", file.display()))?;
    let wanted = MappingsFile::parse(&text)?;
    let (store, environment, _) = target.open().await?;
    let connection = mappings_file::connection_of(&*store, environment.id).await?;
    let plan = mappings_file::plan(&*store, &connection, &wanted, SystemClock.now()).await?;
    let report = if apply {
        let report = plan.report();
        plan.apply(&*store, &connection).await?;
        report
    } else {
        plan.tried_report(&*store, &connection, SystemClock.now()).await?
    };
    output.say(&json!({ "applied": apply, "steps": report }), &mappings_file::in_words(&report));
    Ok(())
}

/// `syncline openapi`.
pub async fn openapi() -> anyhow::Result<()> {
    std::io::stdout().write_all(crate::api::openapi::document()?.as_bytes())?;
    Ok(())
}
