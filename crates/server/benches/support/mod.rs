//! What benchmarks have in common: numbers from the environment, and a server in this process beside an org.

#[path = "../../tests/system/database.rs"]
pub(crate) mod database;
#[path = "../../tests/system/program.rs"]
pub(crate) mod program;

use std::sync::Arc;

use syncline::{
    secrets,
    settings::{SalesforceSettings, parse_key},
    wiring::{self, RunningServer, ServerParts},
};
use syncline_engine::Tempo;
use syncline_model::{
    attribute::AttributeOperation,
    clock::SystemClock,
    id::{ConnectionId, EnvironmentId},
    profile::{ProfileKind, ProfileWrite},
    store::Store,
};
use syncline_org::{OrgOptions, RunningOrg, seed::SeedSize};
use syncline_salesforce::App;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A setting of the benchmark.
pub(crate) fn setting<N: std::str::FromStr>(name: &str, default: N) -> N {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A server over SQLite, connected to an org that answers at once and is described.
pub(crate) struct Bench {
    pub(crate) org: RunningOrg,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) environment: EnvironmentId,
    pub(crate) connection: ConnectionId,
    server: RunningServer,
    stop: CancellationToken,
    _folder: TempDir,
}

impl Bench {
    pub(crate) async fn start(size: SeedSize, tempo: Tempo) -> Self {
        // More is made here in a minute than an org tells of in a day.
        let daily_deliveries_max = Some(u64::from(u32::MAX));
        let options = OrgOptions { seed_size: Some(size), daily_deliveries_max, ..OrgOptions::default() };
        let org = syncline_org::start(options);
        let org = org.await.expect("the org starts");
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(SystemClock);
        let key = parse_key(&secrets::random_secret_key().into()).expect("a key");
        let store = syncline_store::open(&database::sqlite(folder.path()), key, clock.clone()).await.expect("a store");
        let app = App { client_id: org.client_id.clone(), client_secret: org.client_secret.clone().into() };
        let stop = CancellationToken::new();
        let server = wiring::start(ServerParts {
            store: store.clone(),
            clock,
            salesforce: SalesforceSettings {
                login_url: Some(org.url.clone()),
                app: Some(app.clone()),
                pubsub_url: org.pubsub_url.clone(),
                extra_ca: None,
            },
            node: "bench".to_owned(),
            listener: tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port"),
            public_url: None,
            tempo,
            stop: stop.clone(),
        })
        .expect("the server starts");
        let environment = store.environments().await.expect("the store answers").remove(0).id;
        let (identity, credentials) = server.login.client_credentials(&org.url, app).await.expect("it lets us in");
        let connection = store.connect(environment, &identity, &credentials).await.expect("it is connected");
        program::eventually("the org is described", async || {
            (!store.object_list(connection).await.ok()?.is_empty()).then_some(())
        })
        .await;
        Self { org, store, environment, connection, server, stop, _folder: folder }
    }

    pub(crate) async fn write(&self, users: Vec<ProfileWrite>) {
        self.store.write(self.environment, &users).await.expect("it is written");
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.server.ended().await.expect("it ends in good order");
    }
}

pub(crate) fn user_write(id: &str, values: &[(&str, &str)]) -> ProfileWrite {
    let set = |(name, value): &(&str, &str)| ((*name).to_owned(), AttributeOperation::set((*value).into()));
    ProfileWrite::Upsert {
        kind: ProfileKind::User,
        id: id.to_owned(),
        operations: values.iter().map(set).collect(),
        seen: false,
    }
}
