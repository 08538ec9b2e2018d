//! The REST data API: `/services/data/vNN.0/…`. A request is read, authorised and handed to the route of its path
//! ([`super::routes`]).

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::{RestError, ok};
use super::limits::DAILY_REQUESTS_MAX;
use super::{Account, BODY_BYTES_MAX, Web, access_token, origin, routes};
use crate::core::oauth::Session;
use crate::core::{Access, WriteContext};
use crate::soql::Asker;

/// The oldest version that still works, and the newest.
const VERSION_MIN: u32 = 31;
const VERSION_MAX: u32 = 68;
/// URI and headers together (REST guide).
const URI_BYTES_MAX: usize = 16_384;

/// One authorised request.
pub(crate) struct Call<'a> {
    pub(crate) web: &'a Web,
    pub(crate) method: &'a Method,
    /// `66.0`.
    pub(crate) version: String,
    /// `/services/data/v66.0`.
    pub(crate) base: String,
    pub(crate) origin: String,
    pub(crate) parameters: HashMap<String, String>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) session: Session,
    /// What the caller may see and do.
    pub(crate) access: Arc<Access>,
}

/// What the dispatcher hands back: the answer, and the account of it.
pub(crate) type Reply = Result<(Response, usize), RestError>;

impl Call<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Who asks a query.
    pub(crate) fn asker(&self, include_deleted: bool) -> Asker<'_> {
        Asker { access: &self.access, now_ms: self.web.org.now_ms(), include_deleted, tooling: false }
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, RestError> {
        serde_json::from_slice(&self.body).map_err(|error| RestError::unreadable_json(&error))
    }

    /// Who writes, and what change events will say of the origin.
    pub(crate) fn write_context(&self) -> WriteContext {
        let options = self.header("sforce-call-options").unwrap_or("");
        let client = options.split([',', ';']).find_map(|option| option.trim().strip_prefix("client=").map(str::trim));
        let mut change_origin = format!("com/salesforce/api/rest/{}", self.version);
        if let Some(client) = client.filter(|client| !client.is_empty()) {
            change_origin.push_str(";client=");
            change_origin.push_str(client);
        }
        WriteContext { user_id: self.session.user_id.clone(), change_origin, now_ms: self.web.org.now_ms() }
    }
}

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
    if parts.uri.to_string().len() > URI_BYTES_MAX {
        return RestError::new(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", "The URI is too long").into_response();
    }
    let mut account = Account { path: "/services/data/{unknown}", records: 0 };
    let result = match read_body(&parts.headers, body).await {
        Ok(body) => answer(&web, &parts, body, &mut account),
        Err(error) => Err(error),
    };
    let mut response = result.unwrap_or_else(IntoResponse::into_response);
    let used = web.org.lock().count_api_request();
    if let Ok(usage) = HeaderValue::from_str(&format!("api-usage={used}/{DAILY_REQUESTS_MAX}")) {
        response.headers_mut().insert("sforce-limit-info", usage);
    }
    response.extensions_mut().insert(account);
    response
}

fn answer(
    web: &Web,
    parts: &axum::http::request::Parts,
    body: Bytes,
    account: &mut Account,
) -> Result<Response, RestError> {
    let segments = routes::segments(parts.uri.path().strip_prefix("/services/data").unwrap_or_default());
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let [version, resource @ ..] = segments.as_slice() else { return Err(RestError::not_found()) };
    let number = version_number(version)?;
    let parameters: HashMap<String, String> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let token = access_token(&parts.headers).or_else(|| parameters.get("oauth_token").map(String::as_str));
    let now_ms = web.org.now_ms();
    let (session, access) = {
        let mut org = web.org.lock();
        let session = token.and_then(|token| org.use_session(token, now_ms)).ok_or_else(RestError::invalid_session)?;
        let access = org.access(&session.user_id, now_ms);
        (session, access)
    };
    let call = Call {
        web,
        method: &parts.method,
        version: format!("{number}.0"),
        base: format!("/services/data/v{number}.0"),
        origin: origin(&parts.headers),
        parameters,
        headers: &parts.headers,
        body,
        session,
        access,
    };
    account.path = routes::find(resource).map_or(routes::UNKNOWN, |(route, _)| route.template);
    let (response, records) = routes::dispatch(&call, resource)?;
    account.records = records;
    Ok(response)
}

/// The number in `v66.0`, if the org speaks that version.
fn version_number(version: &str) -> Result<u32, RestError> {
    let number =
        version.strip_prefix('v').and_then(|number| number.strip_suffix(".0")).and_then(|n| n.parse::<u32>().ok());
    let number = number.filter(|number| *number <= VERSION_MAX).ok_or_else(RestError::not_found)?;
    if number < VERSION_MIN {
        let message = "The requested API version is retired";
        return Err(RestError::new(StatusCode::GONE, "UNSUPPORTED_API_VERSION", message));
    }
    Ok(number)
}

/// The whole body, unpacked if it came packed.
async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, RestError> {
    let too_large =
        || RestError::new(StatusCode::PAYLOAD_TOO_LARGE, "REQUEST_TOO_LARGE", "The request body is too large");
    let bytes = axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| too_large())?;
    let encoding = headers.get("content-encoding").and_then(|value| value.to_str().ok()).unwrap_or("");
    if !encoding.eq_ignore_ascii_case("gzip") {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes.as_ref()).take(BODY_BYTES_MAX as u64 + 1);
    let broken = |_| RestError::bad_request("UNKNOWN_EXCEPTION", "The request body is not valid gzip");
    reader.read_to_end(&mut unpacked).map_err(broken)?;
    if unpacked.len() > BODY_BYTES_MAX { Err(too_large()) } else { Ok(Bytes::from(unpacked)) }
}
