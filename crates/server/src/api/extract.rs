//! What handlers take out of a request: who asks, for which environment, and bodies whose rejections have our error shape.

use std::collections::BTreeMap;

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::Response,
};
use syncline_model::{id::EnvironmentId, store::Member};

use super::{Api, error::ApiError};
use crate::secrets;

/// Name of the session cookie.
pub(super) const SESSION_COOKIE: &str = "syncline_session";

/// A JSON body.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(ApiError))]
pub(super) struct Json<T>(pub(super) T);

/// A query string.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
pub(super) struct Query<T>(pub(super) T);

/// The member who asks, by the session cookie.
pub(super) struct SignedIn {
    /// Who.
    pub(super) member: Member,
    /// Hash of the session's token.
    pub(super) session_hash: Vec<u8>,
}

impl FromRequestParts<Api> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let token = session_token(&parts.headers).ok_or_else(ApiError::unauthenticated)?;
        let session_hash = secrets::digest(token);
        let member = api.store.session_member(&session_hash).await?.ok_or_else(ApiError::unauthenticated)?;
        Ok(Self { member, session_hash })
    }
}

/// The value of the session cookie.
pub(super) fn session_token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, value)| value)
}

/// The environment that the path names. Whoever is signed in may see every environment of the installation.
pub(super) struct InEnvironment {
    /// Which.
    pub(super) id: EnvironmentId,
    /// Hash of the session's token.
    pub(super) session_hash: Vec<u8>,
}

impl FromRequestParts<Api> for InEnvironment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let SignedIn { session_hash, .. } = SignedIn::from_request_parts(parts, api).await?;
        let Path(path) = Path::<BTreeMap<String, String>>::from_request_parts(parts, api).await?;
        let named = path.get("env").and_then(|text| text.parse::<EnvironmentId>().ok());
        let known = api.store.environments().await?;
        let id = known.into_iter().map(|environment| environment.id).find(|id| Some(*id) == named);
        Ok(Self { id: id.ok_or_else(|| ApiError::not_found("The environment"))?, session_hash })
    }
}

/// Refuses requests that change something and come from a page of another site. Browsers say where a request comes from;
/// a program that does not say has no browser's cookies to abuse.
pub(super) async fn same_origin(State(api): State<Api>, request: Request, next: Next) -> Result<Response, ApiError> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || comes_from_here(&api, request.headers()) {
        return Ok(next.run(request).await);
    }
    Err(ApiError::cross_origin())
}

fn comes_from_here(api: &Api, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = text("origin") else { return true };
    let named = text("host").map(|host| [format!("http://{host}"), format!("https://{host}")]);
    named.is_some_and(|here| here.iter().any(|here| here == origin))
        || api.public_url.origin().ascii_serialization() == origin
}
