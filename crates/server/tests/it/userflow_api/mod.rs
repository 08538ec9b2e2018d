//! The Userflow-compatible API as its clients see it: HTTP over a real socket, a real database file behind it.

#![expect(clippy::unwrap_used, reason = "a test that can not go on is to stop there")]

mod events;
mod lists;
mod profiles;
mod refusals;

use std::sync::Arc;

use axum::{Router, serve::ListenerExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline::{secrets, userflow_api};
use syncline_model::{
    clock::ManualClock,
    id::EnvironmentId,
    store::{KeyKind, Store},
};
use syncline_store::SecretKey;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

/// 32 zero bytes in base64: nothing is sealed here that anybody could want.
const SECRET_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const API_KEY: &str = "ak_2snys2ycbvetjeivbzs7m7btfm";

/// When the tests' clock begins.
const START: &str = "2022-11-29T12:34:56Z";
/// The same as the API writes it.
const START_RENDERED: &str = "2022-11-29T12:34:56.000+00:00";

/// A running API with one environment and one key.
struct Api {
    base_url: String,
    client: reqwest::Client,
    clock: Arc<ManualClock>,
    store: Arc<dyn Store>,
    environment: EnvironmentId,
    directory: TempDir,
    server: JoinHandle<()>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Api {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(START.parse().unwrap()));
        let store = open(&directory, clock.clone()).await;
        let environment = store.environments().await.unwrap()[0].id;
        store.add_key(environment, KeyKind::Api, &secrets::digest(API_KEY)).await.unwrap();

        // Mounted as the server does it, since that is where a fallback gets lost.
        let app = Router::new().nest("/userflow", userflow_api::router(store.clone(), clock.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/userflow", listener.local_addr().unwrap());
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let client = reqwest::Client::builder().timeout(std::time::Duration::from_secs(30)).build().unwrap();
        Self { base_url, client, clock, store, environment, directory, server }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base_url)).bearer_auth(API_KEY)
    }

    async fn get(&self, path: &str) -> Value {
        done(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        done(self.request(Method::POST, path).json(&body)).await
    }

    async fn delete(&self, path: &str) -> Value {
        done(self.request(Method::DELETE, path)).await
    }

    /// Attributes of a user.
    async fn attributes(&self, user_id: &str) -> Value {
        self.get(&format!("/users/{user_id}")).await["attributes"].clone()
    }

    /// Everything that the API shows.
    async fn state(&self) -> Vec<Value> {
        let mut state = Vec::new();
        let lists = [
            "/users?limit=100&expand=memberships.group",
            "/groups?limit=100&expand=memberships",
            "/attribute_definitions?limit=100",
            "/event_definitions?limit=100",
        ];
        for path in lists {
            state.push(self.get(path).await);
        }
        state
    }
}

async fn open(directory: &TempDir, clock: Arc<ManualClock>) -> Arc<dyn Store> {
    let url = format!("sqlite://{}", directory.path().join("syncline.db").display());
    syncline_store::open(&url, SecretKey::parse(SECRET_KEY).unwrap(), clock).await.unwrap()
}

/// The answer to a request that must succeed.
async fn done(request: reqwest::RequestBuilder) -> Value {
    let (status, body) = answer(request).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

/// Status and body; the body must be JSON and say so.
async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/json", "with status {status}");
    (status, response.json().await.unwrap())
}

fn error(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}

/// The ids of a list's rows.
fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}
