//! A running org: the listeners around one shared [`Org`], and what a caller needs to know to use it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::serve::{Listener, ListenerExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::core::oauth::{Client, RsaKey};
use crate::core::{Org, OrgProfile};
use crate::handle::{Clock, OrgHandle, SystemClock};
use crate::http;
use crate::pubsub::{self, PubSubDoors, PubSubOptions};
use crate::seed::{self, SeedSize};
use crate::tls::{self, Certificates, TlsListener};

/// How an org is to be.
#[derive(Clone)]
pub struct OrgOptions {
    /// Where HTTP is served. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// Where the same is served over TLS.
    pub https_listen: SocketAddr,
    /// Where the Pub/Sub API is served.
    pub pubsub: PubSubOptions,
    /// Who the org is and who runs it.
    pub profile: OrgProfile,
    /// Records to begin with; `None` for an org with nothing but its administrator.
    pub seed_size: Option<SeedSize>,
    /// Files with records to begin with, besides those: see [`seed::seed_files`].
    pub seed_files: Vec<PathBuf>,
    /// The same number gives the same records.
    pub seed_number: u64,
    /// What tokens and keys are drawn from; `None` for the system's own randomness.
    pub secret_seed: Option<[u8; 32]>,
    /// Consumer key of the app that is registered from the start.
    pub client_id: String,
    /// Its secret; `None` for a random one.
    pub client_secret: Option<String>,
    /// What the consent page calls the app.
    pub client_name: String,
    /// Its callback URLs, besides any on this machine.
    pub redirect_uris: Vec<String>,
    /// API requests in 24 hours; `None` for the edition's number.
    pub daily_requests_max: Option<u64>,
    /// Events delivered in 24 hours, each subscriber counted; `None` for the edition's number.
    pub daily_deliveries_max: Option<u64>,
    /// Whether every value that a field ever had is kept for checkers; it costs memory with every change.
    pub keeps_history: bool,
    /// What the app signs its JWT assertions with: its certificate, or public key, as PEM.
    pub client_certificate: Option<String>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for OrgOptions {
    fn default() -> OrgOptions {
        OrgOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            https_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            pubsub: PubSubOptions::default(),
            profile: OrgProfile::default(),
            seed_size: None,
            seed_files: Vec::new(),
            seed_number: 1,
            secret_seed: None,
            client_id: "3MVG9syncline.demo".to_owned(),
            client_secret: None,
            client_name: "Syncline".to_owned(),
            redirect_uris: Vec::new(),
            daily_requests_max: None,
            daily_deliveries_max: None,
            keeps_history: true,
            client_certificate: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// An org that answers. Dropping it closes its listeners at once; [`RunningOrg::shutdown`] lets requests finish.
#[derive(Debug)]
pub struct RunningOrg {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// `https://127.0.0.1:PORT`: the same over TLS.
    pub https_url: String,
    /// `http://127.0.0.1:PORT`: the Pub/Sub API in plain HTTP/2.
    pub pubsub_url: String,
    /// The Pub/Sub API with TLS.
    pub pubsub_tls: SocketAddr,
    /// The authority that vouches for both TLS listeners, as PEM.
    pub ca_pem: String,
    /// 18-character id of the org.
    pub org_id: String,
    /// Sign-in name of the administrator.
    pub org_username: String,
    /// The administrator's password.
    pub org_password: String,
    /// Consumer key of the registered app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    handle: OrgHandle,
    http_closing: CancellationToken,
    http_servers: JoinSet<io::Result<()>>,
    pubsub_doors: Option<PubSubDoors>,
}

/// Makes an org and opens its listeners.
///
/// # Errors
/// Where an address cannot be listened on, or a file with records cannot be taken.
pub async fn start(options: OrgOptions) -> io::Result<RunningOrg> {
    let now_ms = options.clock.now_ms();
    let mut org = Org::new(&options.profile, options.secret_seed.unwrap_or_else(rand::random), now_ms);
    if let Some(size) = options.seed_size {
        seed::seed(&mut org, size, options.seed_number, now_ms);
    }
    let from_files = seed::seed_files(&mut org, &options.seed_files, now_ms);
    let from_files = from_files.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if from_files > 0 {
        tracing::info!(records = from_files, "records came from files");
    }
    org.keep_history(options.keeps_history);
    org.set_daily_requests_max(options.daily_requests_max);
    org.set_daily_deliveries_max(options.daily_deliveries_max);
    let client_secret = options.client_secret.unwrap_or_else(|| org.random_word(64));
    let jwt_key = options.client_certificate.as_deref().map(RsaKey::from_pem).transpose();
    org.register_client(Client {
        redirect_uris: options.redirect_uris,
        allow_loopback_redirects: true,
        run_as_user_id: Some(org.admin_user_id().to_owned()),
        jwt_key: jwt_key.map_err(io::Error::other)?,
        ..Client::new(options.client_id.as_str(), client_secret.as_str(), options.client_name)
    });
    org.register_client(Client::platform_cli());
    let org_id = org.org_id().to_owned();
    let handle = OrgHandle::new(org, options.clock);

    let certificates = Certificates::generate()?;
    let http = TcpListener::bind(options.listen).await?;
    let https = TlsListener::new(TcpListener::bind(options.https_listen).await?, &certificates)?;
    let (address, https_address) = (http.local_addr()?, https.local_addr()?);
    let doors = pubsub::open(handle.clone(), options.pubsub, &certificates).await?;
    let router = http::router(handle.clone());
    let http_closing = CancellationToken::new();
    let mut http_servers = JoinSet::new();
    let tls_router = http::behind_tls(router.clone());
    http_servers.spawn(serve_http(https, tls_router, http_closing.clone()));
    let http = http.tap_io(|stream| tls::set_nodelay(stream));
    http_servers.spawn(serve_http(http, router, http_closing.clone()));
    tracing::info!(%address, https = %https_address, pubsub = %doors.plaintext, pubsub_tls = %doors.tls, "the org answers");
    Ok(RunningOrg {
        url: format!("http://{address}"),
        https_url: format!("https://{https_address}"),
        pubsub_url: format!("http://{}", doors.plaintext),
        pubsub_tls: doors.tls,
        ca_pem: certificates.ca_pem,
        org_id,
        org_username: options.profile.admin_username,
        org_password: options.profile.admin_password,
        client_id: options.client_id,
        client_secret,
        handle,
        http_closing,
        http_servers,
        pubsub_doors: Some(doors),
    })
}

async fn serve_http<L>(listener: L, router: Router, closing: CancellationToken) -> io::Result<()>
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    axum::serve(listener, router).with_graceful_shutdown(closing.cancelled_owned()).await
}

impl RunningOrg {
    /// The org itself, to look into or to change from within this process.
    pub fn handle(&self) -> &OrgHandle {
        &self.handle
    }

    /// A new session of the administrator.
    pub fn access_token(&self) -> String {
        let now_ms = self.handle.now_ms();
        let mut org = self.handle.lock();
        let admin = org.admin_user_id().to_owned();
        org.sign_in(&admin, now_ms).access_token
    }

    /// Accepts no more, lets requests and subscriptions end, and closes.
    pub async fn shutdown(mut self) {
        self.http_closing.cancel();
        self.handle.bulk().close();
        if let Some(doors) = self.pubsub_doors.take() {
            doors.close().await;
        }
        while let Some(ended) = self.http_servers.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::warn!(error = %error, "an HTTP listener ended with an error");
            }
        }
    }
}

impl Drop for RunningOrg {
    fn drop(&mut self) {
        self.http_closing.cancel();
        self.handle.bulk().close();
        self.http_servers.abort_all();
    }
}
