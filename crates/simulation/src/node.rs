//! Syncline's process, as far as it syncs: the engine with the real connector, in a runtime of its own, so that it can die as a
//! process does: at once, with everything that was under way.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::ExposeSecret;
use syncline_engine::{ConnectorFactory, Engine, EngineOptions, Tempo};
use syncline_model::{
    clock::Clock,
    connection::Connection,
    connector::{Connector, ConnectorError, ErrorKind},
    id::ConnectionId,
    store::{Store, StoreError},
};
use syncline_salesforce::{
    App, BulkSettings, CredentialError, CredentialStore, Credentials, Grant, PubSubSettings, Salesforce,
    SalesforceSettings,
};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// Its name: a process that starts again takes its connections back at once.
pub(crate) const NODE: &str = "simulated";
/// What is under way may finish its present step when a process dies; nothing takes that long.
const DEATH: Duration = Duration::from_secs(5);

/// A day in a minute and a half, but for waits that a debug build on a busy machine could not keep.
pub(crate) fn tempo() -> Tempo {
    let hurried = Tempo::default().hurried(1_000);
    Tempo {
        retry_first: Duration::from_millis(10),
        poll: Duration::from_millis(100),
        describe: Duration::from_millis(1_500),
        prepare_stream: Duration::from_millis(1_000),
        ensure_field: Duration::from_millis(20),
        ..hurried
    }
}

/// How the node reaches the org.
#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) app: App,
    pub(crate) pubsub_url: String,
}

/// A running process.
pub(crate) struct Node {
    runtime: Runtime,
    stop: CancellationToken,
}

impl Node {
    /// Starts one.
    pub(crate) fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>, reach: Reach) -> Node {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime can be had");
        let connectors = Arc::new(Connectors { store: Arc::clone(&store), clock: Arc::clone(&clock), reach });
        let options = EngineOptions { store, clock, node: NODE.to_owned(), connectors, tempo: tempo() };
        let stop = CancellationToken::new();
        runtime.spawn(Engine::new(options).run(stop.clone()));
        Node { runtime, stop }
    }

    /// Dies: nothing is finished, nothing is given back.
    pub(crate) async fn die(self) {
        let Node { runtime, stop } = self;
        let dead = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(DEATH));
        dead.await.expect("it can be waited for");
        drop(stop);
    }
}

struct Connectors {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    reach: Reach,
}

#[async_trait]
impl ConnectorFactory for Connectors {
    async fn open(&self, connection: &Connection) -> Result<Arc<dyn Connector>, ConnectorError> {
        let kept = Kept { store: Arc::clone(&self.store), connection: connection.id, epoch: connection.epoch };
        let credentials = kept.load().await.map_err(|error| {
            ConnectorError::new(ErrorKind::Transient, "", format!("the stored credentials can not be read: {error}"))
        })?;
        let app = match &credentials.grant {
            Grant::RefreshToken(_) | Grant::JwtBearer { .. } => self.reach.app.clone(),
            Grant::ClientCredentials { client_id, client_secret } => {
                App { client_id: client_id.clone(), client_secret: client_secret.clone() }
            }
        };
        let settings = SalesforceSettings {
            app,
            pubsub: PubSubSettings { url: self.reach.pubsub_url.clone(), ..PubSubSettings::default() },
            extra_ca: None,
            bulk: BulkSettings::default(),
            channel_key: connection.environment_id.to_string(),
        };
        Ok(Arc::new(Salesforce::connect(&settings, &connection.org, Arc::new(kept), Arc::clone(&self.clock))?))
    }
}

/// A connection's credentials in the store.
struct Kept {
    store: Arc<dyn Store>,
    connection: ConnectionId,
    epoch: i64,
}

#[async_trait]
impl CredentialStore for Kept {
    async fn load(&self) -> Result<Credentials, CredentialError> {
        match self.store.credentials(self.connection).await.map_err(unusable)? {
            Some((json, epoch)) if epoch == self.epoch => Credentials::from_json(json.expose_secret()),
            Some(_) => Err(CredentialError::new("the connection was changed meanwhile")),
            None => Err(CredentialError::new("there are none")),
        }
    }

    async fn save(&self, credentials: &Credentials) -> Result<(), CredentialError> {
        let url = credentials.session.as_ref().map(|session| session.instance_url.as_str());
        self.store.save_credentials(self.connection, self.epoch, &credentials.to_json(), url).await.map_err(unusable)
    }
}

fn unusable(error: StoreError) -> CredentialError {
    CredentialError::new(error.to_string())
}
