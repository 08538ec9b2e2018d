//! A running org: the listeners around one shared [`Org`], and what a caller needs to know to use it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::core::oauth::Client;
use crate::core::{Org, OrgProfile};
use crate::handle::{Clock, OrgHandle, SystemClock};
use crate::http;
use crate::pubsub::{self, PubSubDoors, PubSubOptions};
use crate::seed::{self, SeedSize};

/// How an org is to be.
#[derive(Clone)]
pub struct OrgOptions {
    /// Where HTTP is served. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// Where the Pub/Sub API is served.
    pub pubsub: PubSubOptions,
    /// Who the org is and who runs it.
    pub profile: OrgProfile,
    /// Records to begin with; `None` for an org with nothing but its administrator.
    pub seed_size: Option<SeedSize>,
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
    /// Whether every value that a field ever had is kept for checkers; it costs memory with every change.
    pub keeps_history: bool,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for OrgOptions {
    fn default() -> OrgOptions {
        OrgOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            pubsub: PubSubOptions::default(),
            profile: OrgProfile::default(),
            seed_size: None,
            seed_number: 1,
            secret_seed: None,
            client_id: "3MVG9syncline.demo".to_owned(),
            client_secret: None,
            client_name: "Syncline".to_owned(),
            redirect_uris: Vec::new(),
            keeps_history: true,
            clock: Arc::new(SystemClock),
        }
    }
}

/// An org that answers. Dropping it closes its listeners at once; [`RunningOrg::shutdown`] lets requests finish.
#[derive(Debug)]
pub struct RunningOrg {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// `http://127.0.0.1:PORT`: the Pub/Sub API in plain HTTP/2.
    pub pubsub_url: String,
    /// The Pub/Sub API with TLS.
    pub pubsub_tls: SocketAddr,
    /// The authority that vouches for the TLS listener, as PEM.
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
    http_server: Option<JoinHandle<io::Result<()>>>,
    pubsub_doors: Option<PubSubDoors>,
}

/// Makes an org and opens its listeners.
///
/// # Errors
/// Where an address cannot be listened on.
pub async fn start(options: OrgOptions) -> io::Result<RunningOrg> {
    let now_ms = options.clock.now_ms();
    let mut org = Org::new(&options.profile, options.secret_seed.unwrap_or_else(rand::random), now_ms);
    if let Some(size) = options.seed_size {
        seed::seed(&mut org, size, options.seed_number, now_ms);
    }
    org.keep_history(options.keeps_history);
    let client_secret = options.client_secret.unwrap_or_else(|| org.random_word(64));
    org.register_client(Client {
        id: options.client_id.clone(),
        secret: client_secret.clone(),
        name: options.client_name,
        redirect_uris: options.redirect_uris,
        allow_loopback_redirects: true,
        run_as_user_id: Some(org.admin_user_id().to_owned()),
        rotates_refresh_tokens: true,
    });
    let org_id = org.org_id().to_owned();
    let handle = OrgHandle::new(org, options.clock);

    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    let doors = pubsub::open(handle.clone(), options.pubsub).await?;
    let http_closing = CancellationToken::new();
    let http_server = tokio::spawn(serve_http(listener, handle.clone(), http_closing.clone()));
    tracing::info!(%address, pubsub = %doors.plaintext, pubsub_tls = %doors.tls, "the org answers");
    Ok(RunningOrg {
        url: format!("http://{address}"),
        pubsub_url: format!("http://{}", doors.plaintext),
        pubsub_tls: doors.tls,
        ca_pem: doors.ca_pem.clone(),
        org_id,
        org_username: options.profile.admin_username,
        org_password: options.profile.admin_password,
        client_id: options.client_id,
        client_secret,
        handle,
        http_closing,
        http_server: Some(http_server),
        pubsub_doors: Some(doors),
    })
}

async fn serve_http(listener: TcpListener, handle: OrgHandle, closing: CancellationToken) -> io::Result<()> {
    // Without it small answers wait for the acknowledgement of the ones before.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "a connection keeps its delays");
        }
    });
    axum::serve(listener, http::router(handle)).with_graceful_shutdown(closing.cancelled_owned()).await
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
        if let Some(doors) = self.pubsub_doors.take() {
            doors.close().await;
        }
        if let Some(server) = self.http_server.take()
            && let Ok(Err(error)) = server.await
        {
            tracing::warn!(error = %error, "the HTTP listener ended with an error");
        }
    }
}

impl Drop for RunningOrg {
    fn drop(&mut self) {
        self.http_closing.cancel();
        if let Some(server) = self.http_server.take() {
            server.abort();
        }
    }
}
