//! The org's HTTP side: OAuth and SOAP sign-in, the REST data API, the web console, and the control interface.
//!
//! Handlers hold the org's lock for one step at a time and never across an await.

mod answer;
mod authorize;
mod call;
mod collections;
mod composite;
mod console;
mod console_page;
pub mod control;
mod data;
mod describe;
mod html;
mod identity;
mod limits;
mod passage;
mod query;
mod reference;
mod routes;
mod rows;
mod soap;
mod token;
mod tree;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::{any, get, post};
use tower_http::compression::CompressionLayer;

use crate::OrgHandle;
use answer::RestError;
use passage::InFlight;
use query::Cursors;

/// Largest request body, unpacked or not: what Salesforce takes in one REST call.
pub(crate) const BODY_BYTES_MAX: usize = 50 * 1024 * 1024;

/// The console's cookie. Browsers share cookies among the ports of a host, so it must not be called what an application on the
/// same machine may call its own.
pub(crate) const SESSION_COOKIE: &str = "syncline_org_sid";

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Web {
    pub(crate) org: OrgHandle,
    pub(crate) cursors: Arc<Mutex<Cursors>>,
    pub(crate) in_flight: InFlight,
}

/// Everything that the org answers over HTTP.
pub fn router(org: OrgHandle) -> Router {
    let web = Web { org, cursors: Arc::default(), in_flight: InFlight::default() };
    let answered = Router::new()
        .route("/", get(console::home))
        .route("/login", get(console::login_page).post(console::login))
        .route("/logout", post(console::logout))
        .route("/console/{object}", get(console::list))
        .route("/console/{object}/new", get(console::new_page).post(console::create))
        .route("/console/{object}/{id}", get(console::record))
        .route("/console/{object}/{id}/edit", get(console::edit_page).post(console::save))
        .route("/console/{object}/{id}/delete", post(console::delete))
        .route("/{id}", get(console::by_id))
        .route("/services/oauth2/authorize", get(authorize::page).post(authorize::decide))
        .route("/services/oauth2/token", post(token::token))
        .route("/services/oauth2/revoke", get(token::revoke).post(token::revoke))
        .route("/services/oauth2/introspect", post(token::introspect))
        .route("/services/oauth2/userinfo", get(identity::userinfo).post(identity::userinfo))
        .route("/id/{org_id}/{user_id}", get(identity::identity))
        .route("/services/Soap/u/{version}", post(soap::login))
        .route("/services/Soap/u/{version}/{org_id}", post(soap::login))
        .route("/services/data", get(data::versions))
        .route("/services/data/", get(data::versions))
        .route("/services/data/{*rest}", any(data::serve))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(web.clone(), passage::pass))
        .layer(CompressionLayer::new());
    answered.merge(control::routes()).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(web)
}

async fn not_found() -> RestError {
    RestError::not_found()
}

/// Scheme and host that the client came by: what `instance_url` is to be, however it reached this process.
pub(crate) fn origin(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let plausible =
        |host: &&str| !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]_".contains(c));
    let host = text("host").filter(plausible).unwrap_or("localhost");
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    format!("{scheme}://{host}")
}

/// The access token of a request: `Bearer`, `OAuth`, or the header of older clients.
pub(crate) fn access_token(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let schemed = text("authorization").and_then(|value| value.split_once(' ')).and_then(|(scheme, token)| {
        (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then_some(token.trim())
    });
    schemed.or_else(|| text("x-sfdc-session"))
}

/// A cookie of a request.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(own, _)| *own == name))
        .map(|(_, value)| value)
}

/// A redirect that turns a POST into a GET.
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    match HeaderValue::from_str(location) {
        Ok(location) => {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(header::LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}
