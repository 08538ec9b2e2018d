//! The Userflow-compatible REST API: HTTP around [`syncline_environment::Environment`]. It knows keys, methods, content types
//! and status codes; what a request means is not decided here.
//!
//! Every answer is JSON, also those of routes and methods that do not exist, and every error has the shape
//! `{"error": {"code", "message"}}` of Userflow's own API. A writing request is answered after the write is durable.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    body::{Body, HttpBody},
    extract::{Path, RawQuery, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use bytes::BytesMut;
use futures::StreamExt;
use serde_json::{Value, json};
use syncline_environment::{Environment, Refusal};
use syncline_model::{
    clock::Clock,
    profile::ProfileKind,
    store::{KeyKind, Store, StoreError},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::secrets;

/// The only version of Userflow's API there is (its documentation: "current (and so far only) version").
const API_VERSION: &str = "2020-01-03";

/// Largest body. The largest request that makes sense, a user with a hundred companies of two hundred attributes, is smaller.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How much of a body that is too large is still read before the answer. A client that is cut off while it sends sees a
/// broken connection in place of the error that tells it why.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;

/// Longest time for a body to arrive: a request that trickles in holds memory and a connection.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Keys {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

/// The API, to be mounted under `/userflow`.
pub fn router(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Router {
    Router::new()
        .route("/users", get(users).post(save_user))
        .route("/users/{id}", get(user).delete(delete_user))
        .route("/groups", get(groups).post(save_group))
        .route("/groups/{id}", get(group).delete(delete_group))
        .route("/group_memberships", delete(delete_membership))
        .route("/events", post(track))
        .route("/attribute_definitions", get(attribute_definitions))
        .route("/event_definitions", get(event_definitions))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(unknown_route)
        .layer(middleware::from_fn_with_state(Keys { store, clock }, open_environment))
        // Here, and not only around the whole server, so that a defect is told as JSON too.
        .layer(CatchPanicLayer::custom(|_| Failure::defect().into_response()))
}

/// Lets a request with a good key on to its environment. The key is looked up by its digest, so the time that takes tells
/// nothing about any other key.
async fn open_environment(State(keys): State<Keys>, mut request: Request, next: Next) -> Result<Response, Failure> {
    let key = bearer(request.headers()).ok_or(Failure::Unauthorized)?;
    let environment = keys.store.key_environment(KeyKind::Api, &secrets::digest(key)).await.map_err(Refusal::from)?;
    let id = environment.ok_or(Failure::Unauthorized)?;
    check_version(request.headers())?;
    request.extensions_mut().insert(Environment::new(id, keys.store, keys.clock));
    Ok(next.run(request).await)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn check_version(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.get("userflow-version") {
        Some(version) if version != API_VERSION => {
            let message = format!("Userflow-Version: there is no such version; `{API_VERSION}` is the only one");
            Err(Failure::Refused(StatusCode::BAD_REQUEST, "invalid_params", message))
        }
        _ => Ok(()),
    }
}

type Answer = Result<Json<Value>, Failure>;
type Id = Result<Path<String>, PathRejection>;

async fn users(Extension(environment): Extension<Environment>, RawQuery(query): RawQuery) -> Answer {
    Ok(Json(environment.users(&query.unwrap_or_default()).await?))
}

async fn groups(Extension(environment): Extension<Environment>, RawQuery(query): RawQuery) -> Answer {
    Ok(Json(environment.groups(&query.unwrap_or_default()).await?))
}

async fn save_user(
    Extension(environment): Extension<Environment>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Answer {
    let body = read_json(request).await?;
    Ok(Json(environment.save_user(&query.unwrap_or_default(), &body).await?))
}

async fn save_group(
    Extension(environment): Extension<Environment>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Answer {
    let body = read_json(request).await?;
    Ok(Json(environment.save_group(&query.unwrap_or_default(), &body).await?))
}

async fn track(Extension(environment): Extension<Environment>, RawQuery(query): RawQuery, request: Request) -> Answer {
    let body = read_json(request).await?;
    Ok(Json(environment.track(&query.unwrap_or_default(), &body).await?))
}

async fn user(environment: Extension<Environment>, id: Id, query: RawQuery) -> Answer {
    profile(ProfileKind::User, environment, id, query).await
}

async fn group(environment: Extension<Environment>, id: Id, query: RawQuery) -> Answer {
    profile(ProfileKind::Company, environment, id, query).await
}

async fn profile(
    kind: ProfileKind,
    Extension(environment): Extension<Environment>,
    id: Id,
    RawQuery(query): RawQuery,
) -> Answer {
    let Path(id) = id.map_err(|_| Failure::bad_path())?;
    Ok(Json(environment.profile(kind, &id, &query.unwrap_or_default()).await?))
}

async fn delete_user(environment: Extension<Environment>, id: Id, query: RawQuery) -> Answer {
    delete_profile(ProfileKind::User, environment, id, query).await
}

async fn delete_group(environment: Extension<Environment>, id: Id, query: RawQuery) -> Answer {
    delete_profile(ProfileKind::Company, environment, id, query).await
}

async fn delete_profile(
    kind: ProfileKind,
    Extension(environment): Extension<Environment>,
    id: Id,
    RawQuery(query): RawQuery,
) -> Answer {
    let Path(id) = id.map_err(|_| Failure::bad_path())?;
    Ok(Json(environment.delete_profile(kind, &id, &query.unwrap_or_default()).await?))
}

async fn delete_membership(Extension(environment): Extension<Environment>, RawQuery(query): RawQuery) -> Answer {
    Ok(Json(environment.delete_membership(&query.unwrap_or_default()).await?))
}

async fn attribute_definitions(Extension(environment): Extension<Environment>, RawQuery(query): RawQuery) -> Answer {
    Ok(Json(environment.attribute_definitions(&query.unwrap_or_default()).await?))
}

async fn event_definitions(Extension(environment): Extension<Environment>, RawQuery(query): RawQuery) -> Answer {
    Ok(Json(environment.event_definitions(&query.unwrap_or_default()).await?))
}

async fn unknown_route() -> Failure {
    Failure::Refused(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address".to_owned())
}

async fn method_not_allowed() -> Failure {
    let message = "this address does not take this method; the Allow header tells which it takes";
    Failure::Refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message.to_owned())
}

/// The body of a request, which must be JSON and say so.
async fn read_json(request: Request) -> Result<Value, Failure> {
    if !is_json(request.headers()) {
        let message = "send the body as JSON, with the header `Content-Type: application/json`";
        return Err(Failure::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message.to_owned()));
    }
    let body = tokio::time::timeout(BODY_TIMEOUT, read(request.into_body())).await.map_err(|_| {
        let message = format!("the body did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
        Failure::Refused(StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
    })??;
    serde_json::from_slice(&body).map_err(|error| {
        let message = format!("the body is no JSON: {error}");
        Failure::Refused(StatusCode::BAD_REQUEST, "invalid_json", message)
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

async fn read(body: Body) -> Result<BytesMut, Failure> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut kept = BytesMut::with_capacity(expected.min(MAX_BODY_BYTES));
    let mut received = 0;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            let message = "the body broke off".to_owned();
            Failure::Refused(StatusCode::BAD_REQUEST, "invalid_json", message)
        })?;
        received += chunk.len();
        if received <= MAX_BODY_BYTES {
            kept.extend_from_slice(&chunk);
        } else if received > MAX_DRAINED_BYTES {
            break;
        } else {
            kept.clear();
        }
    }
    if received > MAX_BODY_BYTES {
        let message = format!("the body is larger than {MAX_BODY_BYTES} bytes");
        return Err(Failure::Refused(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message));
    }
    Ok(kept)
}

/// Why a request is not done, as a client of the API sees it.
enum Failure {
    /// No key, or one that opens nothing. Both get the same answer.
    Unauthorized,
    /// Refused by what HTTP alone tells: status, code and message.
    Refused(StatusCode, &'static str, String),
    /// Refused by the environment.
    Environment(Refusal),
}

impl Failure {
    fn defect() -> Self {
        let message = "an internal error; it has been logged".to_owned();
        Self::Refused(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    fn bad_path() -> Self {
        let message = "the id in the address is not UTF-8 text".to_owned();
        Self::Refused(StatusCode::BAD_REQUEST, "invalid_params", message)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Environment(refusal)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::Unauthorized => {
                let message = "send an API key of the environment, as `Authorization: Bearer ak_…`";
                (StatusCode::UNAUTHORIZED, "unauthorized", message.to_owned())
            }
            Self::Refused(status, code, message) => (status, code, message),
            Self::Environment(refusal) => return described(refusal).into_response(),
        };
        let mut response = (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn described(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::InvalidParams { .. } => {
            Failure::Refused(StatusCode::BAD_REQUEST, "invalid_params", refusal.to_string())
        }
        Refusal::NotFound(message) => Failure::Refused(StatusCode::NOT_FOUND, "not_found", message),
        Refusal::Store(error) => match error {
            StoreError::NotFound(_) => Failure::Refused(StatusCode::NOT_FOUND, "not_found", error.to_string()),
            StoreError::Conflict(message) => Failure::Refused(StatusCode::CONFLICT, "conflict", message),
            StoreError::Misfit { .. } => Failure::Refused(StatusCode::BAD_REQUEST, "invalid_params", error.to_string()),
            StoreError::Unavailable(cause) => {
                tracing::warn!(error = %cause, "the Userflow-compatible API could not reach the database");
                let message = "it is not known whether anything was done; try again".to_owned();
                Failure::Refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            }
            StoreError::Broken(cause) => {
                tracing::error!(error = %cause, "the Userflow-compatible API met a defect");
                Failure::defect()
            }
            StoreError::LeaseLost => {
                tracing::error!("the Userflow-compatible API was told of a lost lease, though it holds none");
                Failure::defect()
            }
        },
    }
}
