//! The REST data API: `/services/data/vNN.0/…`. A request is read, authorised and handed to the route of its path
//! ([`super::routes`]).

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{RestError, ok};
use super::call::Call;
use super::passage::Account;
use super::{BODY_BYTES_MAX, Web, access_token, origin, routes};
use crate::bulk::UPLOAD_BYTES_MAX;
use crate::core::oauth::Session;
use crate::core::{Access, ApiUsage, Permission};

/// The oldest version that still works, and the newest.
pub(super) const VERSION_MIN: u32 = 31;
pub(super) const VERSION_MAX: u32 = 68;
/// URI and headers together (REST guide).
const ADDRESS_BYTES_MAX: usize = 16_384;

/// `GET /services/data`: open to all.
pub(crate) async fn versions() -> Response {
    let versions = (VERSION_MIN..=VERSION_MAX).map(|number| {
        // Releases come three a year; version 66 is Spring '26.
        let season = ["Spring", "Summer", "Winter"][(number % 3) as usize];
        let year = 4 + number / 3 + u32::from(number % 3 == 2);
        json!({ "label": format!("{season} '{year:02}"), "url": format!("/services/data/v{number}.0"), "version": format!("{number}.0") })
    });
    ok(&Value::Array(versions.collect()))
}

/// Everything under `/services/data/`.
pub(crate) async fn serve(State(web): State<Web>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let mut account = Account::default();
    let answer = match check_size(&parts) {
        Ok(()) => read_body(&parts.headers, body, body_bytes_max(&parts)).await,
        Err(error) => Err(error),
    };
    let answer = answer.and_then(|body| answer_call(&web, parts, body, &mut account));
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    response.extensions_mut().insert(account);
    response
}

fn check_size(parts: &Parts) -> Result<(), RestError> {
    let uri_bytes = parts.uri.to_string().len();
    if uri_bytes > ADDRESS_BYTES_MAX {
        return Err(RestError::new(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", "The URI is too long"));
    }
    let headers_bytes: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if uri_bytes + headers_bytes > ADDRESS_BYTES_MAX {
        let (status, message) = (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The URI and the headers are too long");
        return Err(RestError::new(status, "REQUEST_HEADER_FIELDS_TOO_LARGE", message));
    }
    Ok(())
}

fn answer_call(web: &Web, parts: Parts, body: Bytes, account: &mut Account) -> Result<Response, RestError> {
    let segments = routes::segments(parts.uri.path().strip_prefix("/services/data").unwrap_or_default());
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let [version, resource @ ..] = segments.as_slice() else { return Err(RestError::not_found()) };
    let number = version_number(version)?;
    let parameters = parameters(parts.uri.query().unwrap_or(""));
    let token = access_token(&parts.headers).or_else(|| parameters.get("oauth_token").map(String::as_str));
    account.bytes_in = body.len() as u64;
    let (session, access, usage) = admit(web, token, account)?;
    let path = routes::find(resource).map_or(routes::UNKNOWN, |(route, _)| route.template);
    let call = Call {
        web,
        method: parts.method,
        version: format!("{number}.0"),
        base: super::call::base(number, path),
        origin: origin(&parts.headers),
        parameters,
        headers: parts.headers,
        body,
        session,
        access,
        path,
        held: None,
    };
    let mut response = match routes::dispatch(&call, resource) {
        Ok((response, records)) => {
            account.records = records;
            response
        }
        Err(error) => error.into_response(),
    };
    if let Ok(usage) = HeaderValue::from_str(&format!("api-usage={}/{}", usage.used, usage.max)) {
        response.headers_mut().insert("sforce-limit-info", usage);
    }
    Ok(response)
}

pub(crate) fn parameters(query: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Lets a caller in who has a session, if the org has requests left; it has one fewer then.
pub(super) fn admit(
    web: &Web,
    token: Option<&str>,
    account: &mut Account,
) -> Result<(Session, Arc<Access>, ApiUsage), RestError> {
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let session = token.and_then(|token| org.use_session(token, now_ms)).ok_or_else(RestError::invalid_session)?;
    account.user_id = Some(session.user_id.clone());
    account.client_id = session.client_id.clone();
    let access = org.access(&session.user_id, now_ms);
    if !session.may_use_api() {
        let words = "This session is not valid for use with the REST API";
        return Err(RestError::new(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", words));
    }
    if !org.api_enabled() {
        return Err(RestError::forbidden("API_DISABLED_FOR_ORG"));
    }
    if !access.has(Permission::ApiEnabled) {
        return Err(RestError::forbidden("API_CURRENTLY_DISABLED"));
    }
    let usage = org.use_api_request(now_ms).map_err(|_| RestError::forbidden("REQUEST_LIMIT_EXCEEDED"))?;
    Ok((session, access, usage))
}

/// The number in `v66.0`, if the org speaks that version.
pub(crate) fn version_number(version: &str) -> Result<u32, RestError> {
    let number =
        version.strip_prefix('v').and_then(|number| number.strip_suffix(".0")).and_then(|n| n.parse::<u32>().ok());
    let number = number.filter(|number| *number <= VERSION_MAX).ok_or_else(RestError::not_found)?;
    if number < VERSION_MIN {
        let message = "The requested API version is retired";
        return Err(RestError::new(StatusCode::GONE, "UNSUPPORTED_API_VERSION", message));
    }
    Ok(number)
}

fn body_bytes_max(parts: &Parts) -> usize {
    let is_upload = parts.uri.path().to_ascii_lowercase().contains("/jobs/ingest");
    if is_upload { UPLOAD_BYTES_MAX } else { BODY_BYTES_MAX }
}

/// The whole body, unpacked if it came packed.
pub(super) async fn read_body(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, RestError> {
    let too_large =
        || RestError::new(StatusCode::PAYLOAD_TOO_LARGE, "REQUEST_TOO_LARGE", "The request body is too large");
    let bytes = axum::body::to_bytes(body, bytes_max).await.map_err(|_| too_large())?;
    let encoding = headers.get("content-encoding").and_then(|value| value.to_str().ok()).unwrap_or("");
    if !encoding.eq_ignore_ascii_case("gzip") {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes.as_ref()).take(bytes_max as u64 + 1);
    let broken = |_| RestError::bad_request("UNKNOWN_EXCEPTION", "The request body is not valid gzip");
    reader.read_to_end(&mut unpacked).map_err(broken)?;
    if unpacked.len() > bytes_max { Err(too_large()) } else { Ok(Bytes::from(unpacked)) }
}
