//! The org's HTTP side: OAuth and SOAP sign-in, the REST data API, the web console, and the control interface.
//!
//! Handlers hold the org's lock for one step at a time and never across an await.

mod answer;
mod authorize;
mod bulk;
mod bulk_classic;
mod bulk_ingest;
mod call;
mod collections;
mod composite;
mod conditions;
mod console;
mod console_page;
pub mod control;
mod control_oauth;
mod control_rules;
mod data;
mod describe;
mod events;
mod html;
mod identity;
mod layouts;
mod limits;
mod metadata_api;
mod open_id;
mod passage;
mod picklists;
mod query;
mod recent;
mod reference;
mod related;
mod replication;
mod routes;
mod rows;
mod search;
mod soap;
mod soap_data;
mod token;
mod tooling;
mod tooling_channel;
mod tree;
mod xml;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::{any, get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::OrgHandle;
use answer::RestError;
use conditions::Descriptions;
use passage::InFlight;
use query::Cursors;
use recent::RecentlyViewed;

/// Largest request body, unpacked or not: what Salesforce takes in one REST call.
pub(crate) const BODY_BYTES_MAX: usize = 50 * 1024 * 1024;

/// The console's cookie. Browsers share cookies among the ports of a host, so it must not be called what an application on the
/// same machine may call its own.
pub(crate) const SESSION_COOKIE: &str = "syncline_org_sid";

/// Set by the TLS door, and by a proxy in front of the plain one.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Web {
    pub(crate) org: OrgHandle,
    pub(crate) cursors: Arc<Mutex<Cursors>>,
    pub(crate) in_flight: InFlight,
    pub(crate) id_token_key: Arc<open_id::IdTokenKey>,
    pub(crate) descriptions: Arc<Mutex<Descriptions>>,
    pub(crate) recent: Arc<Mutex<RecentlyViewed>>,
}

/// Everything that the org answers over HTTP.
pub fn router(org: OrgHandle) -> Router {
    let web = Web {
        org,
        cursors: Arc::default(),
        in_flight: InFlight::default(),
        id_token_key: Arc::default(),
        descriptions: Arc::default(),
        recent: Arc::default(),
    };
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
        .route(authorize::ERROR_PAGE, get(authorize::error_page))
        .route("/services/oauth2/token", post(token::token).get(token::no_token))
        .route("/services/oauth2/revoke", get(token::revoke).post(token::revoke))
        .route("/services/oauth2/introspect", post(token::introspect))
        .route("/services/oauth2/userinfo", get(identity::userinfo).post(identity::userinfo))
        .route("/id/keys", get(open_id::keys))
        .route("/id/{org_id}/{user_id}", get(identity::identity).post(identity::identity))
        .route("/.well-known/openid-configuration", get(open_id::configuration))
        .route("/.well-known/auth-configuration", get(open_id::auth_configuration))
        .route("/services/Soap/u/{version}", post(soap::partner))
        .route("/services/Soap/u/{version}/{org_id}", post(soap::partner))
        .route("/services/Soap/c/{version}", post(soap::enterprise))
        .route("/services/Soap/c/{version}/{org_id}", post(soap::enterprise))
        .route("/services/async/{version}/{*rest}", any(bulk_classic::serve))
        .route("/services/Soap/m/{version}", post(metadata_api::serve))
        .route("/services/Soap/m/{version}/{org_id}", post(metadata_api::serve))
        .route("/services/data", get(data::versions))
        .route("/services/data/{*rest}", any(data::serve))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(web.clone(), passage::pass))
        // A client on the same machine gains nothing from smaller answers.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest));
    let limit = DefaultBodyLimit::max(BODY_BYTES_MAX);
    let routes = answered
        .merge(control::routes())
        .merge(control_oauth::routes())
        .merge(control_rules::routes())
        .layer(limit)
        .layer(middleware::map_request(name_host))
        .with_state(web);
    // A router's own layers see a request when its route has been found: what changes the path stands before it.
    Router::new().fallback_service(routes).layer(middleware::map_request(without_empty_segments))
}

/// Salesforce looks past empty parts of a path. The official command line makes `//services/data` of an address that ends with a
/// slash, and the official Pub/Sub sample signs in at `/services/Soap/u/60.0/`.
async fn without_empty_segments(mut request: Request) -> Request {
    let path = request.uri().path();
    if path.len() > 1 && (path.contains("//") || path.ends_with('/')) {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(target) = format!("/{}{query}", segments.join("/")).parse::<PathAndQuery>() {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(target);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request
}

/// The same org for those who came through TLS, so that every address in an answer says so.
pub(crate) fn behind_tls(router: Router) -> Router {
    router.layer(middleware::map_request(async |mut request: Request| {
        request.headers_mut().insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
        request
    }))
}

/// HTTP/2 names the host in the request's target alone. From here on it is where HTTP/1.1 has it.
async fn name_host(mut request: Request) -> Request {
    let authority = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(authority) = authority {
        request.headers_mut().entry(header::HOST).or_insert(authority);
    }
    request
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
    let scheme = if text(FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
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
