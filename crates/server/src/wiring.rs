//! Puts the parts together: the store, the engine with its way to Salesforce, and everything on the one HTTP port.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use async_trait::async_trait;
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
    serve::ListenerExt,
};
use secrecy::{ExposeSecret, SecretString};
use syncline_engine::{ConnectorFactory, Engine, EngineOptions, Tempo};
use syncline_model::{
    clock::Clock,
    connection::Connection,
    connector::{Connector, ConnectorError, ErrorKind},
    id::ConnectionId,
    store::{Store, StoreError},
};
use syncline_salesforce::{
    App, BulkSettings, CredentialError, CredentialStore, Credentials, PubSubSettings, Salesforce,
    SalesforceSettings as Reach,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, set_header::SetResponseHeaderLayer};
use url::Url;

use crate::{
    api::{self, Api, ApiParts},
    salesforce_login::{SalesforceLogin, app_of},
    settings::SalesforceSettings,
    stopping, telemetry, userflow_api, web,
};

/// After that long, requests that are still under way are left behind.
const DRAIN: Duration = Duration::from_secs(10);

/// What a server is made of.
pub struct ServerParts {
    /// Where everything durable is.
    pub store: Arc<dyn Store>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// How Salesforce is reached.
    pub salesforce: SalesforceSettings,
    /// Name of this node.
    pub node: String,
    /// Where it listens.
    pub listener: TcpListener,
    /// Where browsers reach it, if not where it listens.
    pub public_url: Option<Url>,
    /// How long syncing waits between what it does.
    pub tempo: Tempo,
    /// Stops it.
    pub stop: CancellationToken,
}

/// A server that runs.
#[derive(Debug)]
pub struct RunningServer {
    /// Where browsers reach it.
    pub url: Url,
    /// How it signs in at Salesforce.
    pub login: Arc<SalesforceLogin>,
    http: JoinHandle<std::io::Result<()>>,
    engine: JoinHandle<()>,
    stop: CancellationToken,
}

/// Starts a server: it syncs and answers from now on.
///
/// # Errors
/// Where the listener has no address.
pub fn start(parts: ServerParts) -> anyhow::Result<RunningServer> {
    let ServerParts { store, clock, salesforce, node, listener, public_url, tempo, stop } = parts;
    let here = Url::parse(&format!("http://{}", listener.local_addr()?)).context("the listen address is no URL")?;
    let public_url = public_url.unwrap_or(here);
    let login = Arc::new(SalesforceLogin::new(salesforce, &public_url));

    let connectors = Arc::new(SalesforceConnectors {
        store: Arc::clone(&store),
        login: Arc::clone(&login),
        clock: Arc::clone(&clock),
    });
    let engine =
        Engine::new(EngineOptions { store: Arc::clone(&store), clock: Arc::clone(&clock), node, connectors, tempo });
    let engine = tokio::spawn(engine.run(stop.clone()));
    tokio::spawn(stopping::revoke_in_background(
        Arc::clone(&store),
        Arc::clone(&login),
        Arc::clone(&clock),
        stop.clone(),
    ));

    telemetry::metrics();
    let api = Api::new(ApiParts {
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        login: Arc::clone(&login),
        public_url: public_url.clone(),
        stop: stop.clone(),
    });
    let routes = routes(api, store, clock);
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "could not set TCP_NODELAY");
        }
    });
    let service = routes.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let http = tokio::spawn(async move { serving.await });
    Ok(RunningServer { url: public_url, login, http, engine, stop })
}

impl RunningServer {
    /// Waits until the server has ended, which it does in good order once it is told to stop.
    ///
    /// # Errors
    /// Where a part of it broke down.
    pub async fn ended(self) -> anyhow::Result<()> {
        let Self { mut http, engine, stop, .. } = self;
        tokio::select! {
            served = &mut http => {
                // The listener ends by itself only where it is broken; the engine is not to go on alone.
                stop.cancel();
                engine.await?;
                return Ok(served??);
            }
            () = stop.cancelled() => {}
        }
        engine.await?;
        match tokio::time::timeout(DRAIN, &mut http).await {
            Ok(served) => served??,
            Err(_) => {
                tracing::warn!("requests were still under way; leaving them behind");
                http.abort();
            }
        }
        Ok(())
    }
}

/// Everything on the one port.
fn routes(api: Api, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Router {
    let own = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(async || telemetry::render()))
        .with_state(api.clone());
    Router::new()
        .merge(own)
        .merge(api::router(api))
        .nest("/userflow", userflow_api::router(store, clock))
        .fallback(web::serve)
        .layer(middleware::from_fn(count_requests))
        .layer(CompressionLayer::new())
        .layer(secure(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .layer(secure(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(secure(header::REFERRER_POLICY, "same-origin"))
        .layer(CatchPanicLayer::new())
}

/// Styles are inline because the component library writes them so.
const CONTENT_POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

fn secure(name: header::HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn ready(State(api): State<Api>) -> Response {
    if api.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match api.store.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response(),
    }
}

async fn count_requests(request: Request, next: Next) -> Response {
    let method = request.method().as_str().to_owned();
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // The web app's own paths are made by browsers: as labels they would have no bound.
    let route = matched.unwrap_or_else(|| "web".to_owned());
    let begun = tokio::time::Instant::now();
    let response = next.run(request).await;
    let labels = [("method", method), ("route", route), ("status", response.status().as_u16().to_string())];
    metrics::histogram!("syncline_http_request_seconds", &labels).record(begun.elapsed());
    response
}

/// The engine's way to Salesforce.
pub(crate) struct SalesforceConnectors {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) login: Arc<SalesforceLogin>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl ConnectorFactory for SalesforceConnectors {
    async fn open(&self, connection: &Connection) -> Result<Arc<dyn Connector>, ConnectorError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            ConnectorError::new(ErrorKind::Transient, "", format!("the stored credentials can not be read: {error}"))
        };
        let stored = self.store.credentials(connection.id).await.map_err(|error| unreadable(&error))?;
        let epoch = stored.map(|(_, epoch)| epoch).filter(|epoch| *epoch <= connection.epoch);
        let epoch = epoch.ok_or_else(|| unreadable(&"the connection was changed meanwhile"))?;
        let kept = KeptCredentials { store: Arc::clone(&self.store), connection: connection.id, epoch };
        let credentials = kept.load().await.map_err(|error| unreadable(&error))?;
        let settings = self.login.settings();
        let nobody = || App { client_id: String::new(), client_secret: SecretString::default() };
        let reach = Reach {
            app: app_of(&credentials.grant).or_else(|| settings.app.clone()).unwrap_or_else(nobody),
            pubsub: PubSubSettings { url: settings.pubsub_url.clone(), ..PubSubSettings::default() },
            bulk: BulkSettings::default(),
            extra_ca: settings.extra_ca.clone(),
            // Outlives the connection, so that connecting anew finds the channel made before.
            channel_key: connection.environment_id.to_string(),
        };
        Ok(Arc::new(Salesforce::connect(&reach, &connection.org, Arc::new(kept), Arc::clone(&self.clock))?))
    }
}

/// A connection's credentials in the store, good for the epoch that they were given under: once somebody connects again, nothing can
/// be loaded or saved with them. Pausing and disconnecting let a renewal that is under way keep what it brings.
struct KeptCredentials {
    store: Arc<dyn Store>,
    connection: ConnectionId,
    epoch: i64,
}

#[async_trait]
impl CredentialStore for KeptCredentials {
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
