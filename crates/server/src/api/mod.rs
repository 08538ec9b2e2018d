//! The management API: what the web app needs. Handlers read and write the store and wake nobody: whoever works, waits for the
//! store's signals. They call Salesforce only to sign in and to revoke.

use std::{ops::Deref, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::header,
    middleware,
    response::IntoResponse,
    routing::{any, get},
};
use serde::Deserialize;
use syncline_model::{clock::Clock, store::Store};
use tokio_util::sync::CancellationToken;
use url::Url;
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::salesforce_login::SalesforceLogin;

pub mod error;
mod extract;
mod issues;
mod live;
mod mappings;
pub mod openapi;
mod preview;
mod profiles;
mod salesforce;
mod session;
mod sources;
mod words;

/// Largest body taken: a mapping of all fields that fit one, with room.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// What handlers work with.
pub struct ApiParts {
    /// Where everything durable is.
    pub store: Arc<dyn Store>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// How people sign in at Salesforce.
    pub login: Arc<SalesforceLogin>,
    /// Where browsers reach this server.
    pub public_url: Url,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// State of the handlers.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// The parts with what belongs to the API alone.
pub struct Shared {
    parts: ApiParts,
    throttle: session::Throttle,
}

impl Api {
    /// The API over these parts.
    pub fn new(parts: ApiParts) -> Self {
        Self(Arc::new(Shared { parts, throttle: session::Throttle::default() }))
    }
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Deref for Shared {
    type Target = ApiParts;

    fn deref(&self) -> &ApiParts {
        &self.parts
    }
}

/// Path of something that belongs to an environment.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct EnvironmentPath {
    /// Environment id.
    #[serde(rename = "env")]
    _env: String,
}

/// Path of one of several things that belong to an environment.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ItemPath {
    /// Environment id.
    #[serde(rename = "env")]
    _env: String,
    /// Its id.
    id: String,
}

fn described_routes() -> OpenApiRouter<Api> {
    let routes = OpenApiRouter::new()
        .routes(routes!(session::sign_in, session::current, session::sign_out))
        .routes(routes!(profiles::list_users))
        .routes(routes!(profiles::get_user))
        .routes(routes!(profiles::explain_user, profiles::sync_user))
        .routes(routes!(profiles::list_companies))
        .routes(routes!(profiles::get_company))
        .routes(routes!(profiles::explain_company, profiles::sync_company))
        .routes(routes!(profiles::list_attribute_definitions))
        .routes(routes!(salesforce::status, salesforce::steer::update, salesforce::steer::disconnect))
        .routes(routes!(salesforce::steer::pause))
        .routes(routes!(salesforce::steer::resume))
        .routes(routes!(salesforce::examination::request))
        .routes(routes!(salesforce::connect::authorize))
        .routes(routes!(salesforce::connect::callback))
        .routes(routes!(salesforce::objects::list_objects))
        .routes(routes!(salesforce::objects::get_object))
        .routes(routes!(mappings::list, mappings::create))
        .routes(routes!(mappings::order))
        .routes(routes!(sources::list))
        .routes(routes!(preview::preview))
        .routes(routes!(preview::sample))
        .routes(routes!(preview::record))
        .routes(routes!(mappings::replace, mappings::delete))
        .routes(routes!(mappings::pause))
        .routes(routes!(mappings::resume))
        .routes(routes!(issues::list))
        .routes(routes!(issues::groups))
        .routes(routes!(issues::retry))
        .routes(routes!(live::watch));
    OpenApiRouter::with_openapi(openapi::Document::openapi()).nest("/api/v1", routes)
}

/// Everything under `/api`.
pub fn router(api: Api) -> Router {
    let (routes, _) = described_routes().split_for_parts();
    let unknown = any(async || error::ApiError::not_found("This address"));
    routes
        .route("/api/openapi.json", get(serve_document))
        .route("/api/{*rest}", unknown.clone())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(api.clone(), extract::same_origin))
        .with_state(api)
}

async fn serve_document() -> Result<impl IntoResponse, error::ApiError> {
    let document = openapi::document().map_err(error::ApiError::defect)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document))
}
