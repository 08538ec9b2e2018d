//! A server on a free port over SQLite in a folder that goes away with it, maybe with an org beside it, and a browser.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use secrecy::SecretString;
use serde_json::{Value, json};
use syncline::{
    emulated_org::{self, EmulatedOrg, OrgOptions},
    secrets,
    settings::{SalesforceSettings, parse_key, sqlite_in},
    wiring::{self, RunningServer, ServerParts},
};
use syncline_engine::Tempo;
use syncline_model::{clock::SystemClock, profile::Environment, store::Store};
use syncline_salesforce::App;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Generous, so that a slow machine does not fail a test that is right.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "difference engine";

pub(crate) struct Harness {
    pub(crate) url: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) environment: Environment,
    pub(crate) org: Option<EmulatedOrg>,
    pub(crate) stop: CancellationToken,
    server: Option<RunningServer>,
    _folder: TempDir,
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::over(None, Tempo::default()).await
    }

    pub(crate) async fn with_org() -> Self {
        Self::with_org_at(Tempo::default()).await
    }

    pub(crate) async fn with_org_at(tempo: Tempo) -> Self {
        let org = emulated_org::start(OrgOptions::on_free_ports(12));
        Self::over(Some(org.await.unwrap()), tempo).await
    }

    async fn over(org: Option<EmulatedOrg>, tempo: Tempo) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let key = parse_key(&SecretString::from(secrets::random_secret_key())).unwrap();
        let store = syncline_store::open(&sqlite_in(folder.path()), key, clock.clone()).await.unwrap();
        let hash = secrets::hash_password(PASSWORD.to_owned()).await.unwrap();
        store.add_member(EMAIL, "Ada", &hash).await.unwrap();
        let environment = store.environments().await.unwrap().remove(0);
        let salesforce = org.as_ref().map(|org| {
            let state = org.state();
            SalesforceSettings {
                login_url: Some(state.org_url),
                app: Some(App { client_id: state.org_client_id, client_secret: state.org_client_secret.into() }),
                pubsub_url: state.org_pubsub_url,
                extra_ca: None,
            }
        });
        let stop = CancellationToken::new();
        let server = wiring::start(ServerParts {
            store: store.clone(),
            clock,
            salesforce: salesforce.unwrap_or_default(),
            node: "test".to_owned(),
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            public_url: None,
            tempo,
            stop: stop.clone(),
        })
        .unwrap();
        let url = server.url.as_str().trim_end_matches('/').to_owned();
        Self { url, store, environment, org, stop, server: Some(server), _folder: folder }
    }

    /// A browser that is signed in.
    pub(crate) async fn signed_in(&self) -> Browser {
        let browser = self.browser();
        let answer =
            browser.send(Method::POST, "/session", Some(json!({ "email": EMAIL, "password": PASSWORD }))).await;
        assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
        browser
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { client: client(), api: format!("{}/api/v1", self.url), environment: self.environment.id.to_string() }
    }

    /// Connects with client credentials, as `syncline connect` does, and waits until the org is described.
    pub(crate) async fn connect(&self) {
        let org = self.org.as_ref().unwrap().state();
        let app = App { client_id: org.org_client_id, client_secret: org.org_client_secret.into() };
        let login = self.server.as_ref().unwrap().login.clone();
        let (identity, credentials) = login.client_credentials(&org.org_url, app).await.unwrap();
        let connection = self.store.connect(self.environment.id, &identity, &credentials).await.unwrap();
        eventually("the org is described", async || {
            (!self.store.object_list(connection).await.unwrap().is_empty()).then_some(())
        })
        .await;
    }

    /// Stops the server in good order.
    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        self.server.take().unwrap().ended().await.unwrap();
        if let Some(org) = self.org.take() {
            org.close().await;
        }
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A browser: it keeps cookies and follows nothing by itself.
pub(crate) fn client() -> Client {
    let builder = Client::builder().cookie_store(true).redirect(redirect::Policy::none()).tcp_nodelay(true);
    builder.timeout(PATIENCE).build().unwrap()
}

pub(crate) struct Browser {
    pub(crate) client: Client,
    pub(crate) api: String,
    environment: String,
}

impl Browser {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path = path.replace("{env}", &format!("/environments/{}", self.environment));
        self.client.request(method, format!("{}{path}", self.api))
    }

    /// Sends a request to the management API; `{env}` stands for the environment's part of the path.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}

pub(crate) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Asserts that a request was refused, and gives the words.
#[track_caller]
pub(crate) fn refused(answer: &(StatusCode, Value), status: u16, code: &str, field: Option<&str>) -> String {
    assert_eq!(answer.0.as_u16(), status, "{}", answer.1);
    let error = &answer.1["error"];
    assert_eq!(error["code"], code, "{error}");
    assert_eq!(error["field"], json!(field), "{error}");
    error["message"].as_str().unwrap().to_owned()
}

/// The first thing that the probe finds.
pub(crate) async fn eventually<T>(what: &str, probe: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {} s", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
