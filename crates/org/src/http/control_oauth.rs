//! The part of the control interface that is about coming in: apps, grants and sessions. It is no part of Salesforce.
//!
//! | request | does |
//! |---|---|
//! | `GET /__control/apps` | every app |
//! | `PUT /__control/apps/CONSUMER_KEY` | registers an app, or changes what is named of one: `secret`, `name`, `callback_urls`, `allow_loopback_callbacks`, `certificate` (PEM; `null` for none), `run_as` (user name; `null` for nobody), `scopes` (`null` for all), `installed`, `pre_authorized`, `rotates_refresh_tokens`, `requires_secret`, `requires_pkce` |
//! | `DELETE /__control/grants?user=NAME&client_id=KEY` | revokes what a user allowed an app; either may be left out. `{"revoked": 1}` |
//! | `DELETE /__control/sessions?user=NAME&client_id=KEY` | ends sessions, as an administrator could; refresh tokens stay |
//! | `GET`, `PUT /__control/lifetimes` `{"session_idle_ms": 7200000, "refresh_idle_ms": 2592000000}` | how long sessions and refresh tokens live without use; what is not named stays |
//!
//! Whoever is not known is answered with 400 and a line of text.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Web;
use super::control::said;
use crate::core::Org;
use crate::core::oauth::{Client, RsaKey};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/__control/apps", get(apps))
        .route("/__control/apps/{client_id}", put(put_app))
        .route("/__control/grants", delete(revoke_grants))
        .route("/__control/sessions", delete(end_sessions))
        .route("/__control/lifetimes", get(lifetimes).put(set_lifetimes))
}

type Refused = (StatusCode, String);

fn refused(words: impl Into<String>) -> Refused {
    (StatusCode::BAD_REQUEST, words.into())
}

/// What is to change of an app. A member that is `null` is told from one that is not there where both mean something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppChange {
    secret: Option<String>,
    name: Option<String>,
    callback_urls: Option<Vec<String>>,
    allow_loopback_callbacks: Option<bool>,
    #[serde(default, deserialize_with = "said")]
    certificate: Option<Option<String>>,
    #[serde(default, deserialize_with = "said")]
    run_as: Option<Option<String>>,
    #[serde(default, deserialize_with = "said")]
    scopes: Option<Option<Vec<String>>>,
    installed: Option<bool>,
    pre_authorized: Option<bool>,
    rotates_refresh_tokens: Option<bool>,
    requires_secret: Option<bool>,
    requires_pkce: Option<bool>,
}

impl AppChange {
    fn apply(self, org: &Org, client: &mut Client) -> Result<(), Refused> {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        if let Some(certificate) = self.certificate {
            let key = certificate.map(|pem| RsaKey::from_pem(&pem)).transpose();
            client.jwt_key = key.map_err(|error| refused(error.to_string()))?;
        }
        if let Some(run_as) = self.run_as {
            client.run_as_user_id = run_as.map(|name| user_of(org, &name)).transpose()?;
        }
        set(&mut client.secret, self.secret);
        set(&mut client.name, self.name);
        set(&mut client.redirect_uris, self.callback_urls);
        set(&mut client.allow_loopback_redirects, self.allow_loopback_callbacks);
        set(&mut client.scopes, self.scopes);
        set(&mut client.is_installed, self.installed);
        set(&mut client.is_pre_authorized, self.pre_authorized);
        set(&mut client.rotates_refresh_tokens, self.rotates_refresh_tokens);
        set(&mut client.requires_secret, self.requires_secret);
        set(&mut client.requires_pkce, self.requires_pkce);
        Ok(())
    }
}

fn user_of(org: &Org, username: &str) -> Result<String, Refused> {
    org.user_named(username).ok_or_else(|| refused(format!("no user is called {username}")))
}

fn told(org: &Org, client: &Client) -> Value {
    let run_as = client.run_as_user_id.as_deref().and_then(|id| org.record(id));
    json!({
        "client_id": client.id,
        "secret": client.secret,
        "name": client.name,
        "callback_urls": client.redirect_uris,
        "allow_loopback_callbacks": client.allow_loopback_redirects,
        "has_certificate": client.jwt_key.is_some(),
        "run_as": run_as.and_then(|(user, row)| row.get(user.index_of("Username")?).as_text()),
        "scopes": client.scopes,
        "installed": client.is_installed,
        "pre_authorized": client.is_pre_authorized,
        "rotates_refresh_tokens": client.rotates_refresh_tokens,
        "requires_secret": client.requires_secret,
        "requires_pkce": client.requires_pkce,
    })
}

async fn apps(State(web): State<Web>) -> Json<Value> {
    let org = web.org.lock();
    let mut clients: Vec<&Client> = org.clients().collect();
    clients.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Json(clients.into_iter().map(|client| told(&org, client)).collect())
}

async fn put_app(
    State(web): State<Web>,
    Path(client_id): Path<String>,
    Json(change): Json<AppChange>,
) -> Result<Json<Value>, Refused> {
    let mut org = web.org.lock();
    let mut client = match org.client(&client_id) {
        Some(client) => client.clone(),
        None => Client::new(client_id.as_str(), org.random_word(64), client_id.as_str()),
    };
    change.apply(&org, &mut client)?;
    let answer = told(&org, &client);
    org.register_client(client);
    Ok(Json(answer))
}

/// Whose grants or sessions are meant.
#[derive(Debug, Deserialize)]
struct Whose {
    user: Option<String>,
    client_id: Option<String>,
}

impl Whose {
    fn user_id(&self, org: &Org) -> Result<Option<String>, Refused> {
        self.user.as_deref().map(|name| user_of(org, name)).transpose()
    }
}

async fn revoke_grants(State(web): State<Web>, Query(whose): Query<Whose>) -> Result<Json<Value>, Refused> {
    let mut org = web.org.lock();
    let user_id = whose.user_id(&org)?;
    Ok(Json(json!({ "revoked": org.revoke_grants(user_id.as_deref(), whose.client_id.as_deref()) })))
}

async fn end_sessions(State(web): State<Web>, Query(whose): Query<Whose>) -> Result<StatusCode, Refused> {
    let mut org = web.org.lock();
    let user_id = whose.user_id(&org)?;
    org.end_sessions(user_id.as_deref(), whose.client_id.as_deref());
    Ok(StatusCode::NO_CONTENT)
}

/// How long what is not used lives.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Lifetimes {
    session_idle_ms: Option<i64>,
    refresh_idle_ms: Option<i64>,
}

async fn lifetimes(State(web): State<Web>) -> Json<Lifetimes> {
    let org = web.org.lock();
    Json(Lifetimes { session_idle_ms: Some(org.session_idle_ms()), refresh_idle_ms: Some(org.refresh_idle_ms()) })
}

async fn set_lifetimes(State(web): State<Web>, Json(lifetimes): Json<Lifetimes>) -> StatusCode {
    let mut org = web.org.lock();
    if let Some(idle_ms) = lifetimes.session_idle_ms {
        org.set_session_idle_ms(idle_ms);
    }
    if let Some(idle_ms) = lifetimes.refresh_idle_ms {
        org.set_refresh_idle_ms(idle_ms);
    }
    StatusCode::NO_CONTENT
}
