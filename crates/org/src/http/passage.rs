//! What every request passes on its way in and out: the ledger, and the faults that are on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::{ErrorCode, RestError, json_answer};
use super::{BODY_BYTES_MAX, Web, access_token, routes};
use crate::LedgerEntry;
use crate::core::edition::LONG_RUNNING_MS;
use crate::faults::{Fault, Seen, words_of};

const DATA_API: &str = "/services/data/";
/// How the ledger says that a connection was cut before anything was done.
const NO_STATUS: u16 = 0;

/// What a handler tells the ledger of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// The path with its variable parts named.
    pub(crate) path: Option<&'static str>,
    /// How many records it was about.
    pub(crate) records: usize,
    pub(crate) user_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) bytes_in: u64,
}

/// The data API's requests that are under way, with the time that each came.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<BTreeMap<u64, i64>>>);

struct Flight {
    all: InFlight,
    number: u64,
}

impl InFlight {
    fn take_off(&self, now_ms: i64) -> Flight {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = flights.last_key_value().map_or(0, |(last, _)| last + 1);
        flights.insert(number, now_ms);
        Flight { all: self.clone(), number }
    }

    fn long_running(&self, now_ms: i64) -> usize {
        let flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.values().filter(|started_ms| now_ms - **started_ms >= LONG_RUNNING_MS).count()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

/// Lets a request in and its answer out.
pub(super) async fn pass(State(web): State<Web>, request: Request, next: Next) -> Response {
    let started_ms = web.org.now_ms();
    let (parts, body) = request.into_parts();
    let template = template(&parts);
    let (body, plan) = plan(&web, &parts, template.as_deref(), body).await;
    let flight = parts.uri.path().starts_with(DATA_API).then(|| web.in_flight.take_off(started_ms));
    let mut entry = LedgerEntry {
        started_ms,
        method: parts.method.to_string(),
        uri: parts.uri.to_string(),
        bytes_in: content_length(&parts.headers),
        ..LedgerEntry::default()
    };

    sleep(plan.before).await;
    let mut response = if plan.cuts_before {
        cut()
    } else if let Some(answer) = plan.answer_before {
        answer
    } else if flight.is_some() && exceeds_long_running(&web) {
        let words = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
        RestError::new(StatusCode::FORBIDDEN, "REQUEST_LIMIT_EXCEEDED", words).into_response()
    } else {
        next.run(Request::from_parts(parts, body)).await
    };

    let account = response.extensions_mut().remove::<Account>().unwrap_or_default();
    entry.at_ms = web.org.now_ms();
    entry.path = account.path.map(str::to_owned).or(template).unwrap_or_else(|| "{unknown}".to_owned());
    entry.status = if plan.cuts_before { NO_STATUS } else { response.status().as_u16() };
    entry.error_code = response.extensions_mut().remove::<ErrorCode>().map(|code| code.0.into_owned());
    entry.records = account.records;
    entry.user_id = account.user_id;
    entry.client_id = account.client_id;
    entry.token = account.token;
    entry.bytes_in = entry.bytes_in.max(account.bytes_in);
    entry.bytes_out = axum::body::HttpBody::size_hint(response.body()).exact();
    let number = web.org.ledger().record(entry);

    sleep(plan.after + web.org.response_delay()).await;
    if plan.loses_answer {
        return cut();
    }
    if let Some(answer) = plan.answer_after {
        response = answer;
    }
    if plan.truncates {
        response = truncated(response).await;
    }
    if !plan.cuts_before {
        web.org.ledger().answered(number, web.org.now_ms());
    }
    if let Some(date) = http_date(web.org.now_ms()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache,must-revalidate,max-age=0,no-store,private"));
    response
}

/// The org's own time, as the `Date` of an answer has it.
fn http_date(now_ms: i64) -> Option<HeaderValue> {
    let now = jiff::Timestamp::from_millisecond(now_ms).ok()?;
    HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}

async fn sleep(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn exceeds_long_running(web: &Web) -> bool {
    let allowed = web.org.lock().edition().long_running_max();
    web.in_flight.long_running(web.org.now_ms()) >= allowed
}

fn content_length(headers: &HeaderMap) -> u64 {
    headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// What the ledger and fault rules call the path of a request.
fn template(parts: &Parts) -> Option<String> {
    let matched = || parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let Some(path) = parts.uri.path().strip_prefix(DATA_API) else { return matched() };
    let segments = routes::segments(path);
    let resource: Vec<&str> = segments.iter().skip(1).map(AsRef::as_ref).collect();
    Some(routes::find(&resource).map_or(routes::UNKNOWN, |(route, _)| route.template).to_owned())
}

/// What is going to happen to a request besides what it asks for.
#[derive(Default)]
struct Plan {
    before: Duration,
    cuts_before: bool,
    answer_before: Option<Response>,
    after: Duration,
    loses_answer: bool,
    answer_after: Option<Response>,
    truncates: bool,
}

async fn plan(web: &Web, parts: &Parts, template: Option<&str>, body: Body) -> (Body, Plan) {
    if !web.org.has_fault_rules() {
        return (body, Plan::default());
    }
    let (body, bytes) = if web.org.fault_rules_ask_for_objects() {
        // A body that is too large is refused where it is read.
        match axum::body::to_bytes(body, BODY_BYTES_MAX + 1).await {
            Ok(bytes) => (Body::from(bytes.clone()), bytes),
            Err(_) => (Body::empty(), Bytes::new()),
        }
    } else {
        (body, Bytes::new())
    };
    let address = routes::decoded(parts.uri.path_and_query().map_or("", |address| address.as_str())).replace('+', " ");
    let is_about = |object: &str| {
        let mut words = address.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| word.eq_ignore_ascii_case(object)) || names_object(&bytes, object)
    };
    let method = parts.method.as_str();
    let faults = web.org.strike(Seen { method, path: template.unwrap_or(""), is_about: &is_about });
    let mut plan = Plan::default();
    for fault in faults {
        plan.take_in(web, parts, fault);
    }
    (body, plan)
}

/// Whether a JSON body has the object's name as a text.
fn names_object(body: &[u8], object: &str) -> bool {
    let quoted = format!("\"{object}\"");
    body.windows(quoted.len()).any(|window| window.eq_ignore_ascii_case(quoted.as_bytes()))
}

impl Plan {
    fn take_in(&mut self, web: &Web, parts: &Parts, fault: Fault) {
        match fault {
            Fault::Delay { ms, after_commit: false } => self.before += Duration::from_millis(ms),
            Fault::Delay { ms, after_commit: true } => self.after += Duration::from_millis(ms),
            Fault::CutConnection => self.cuts_before = true,
            Fault::LoseAnswer => self.loses_answer = true,
            Fault::TruncateBody => self.truncates = true,
            Fault::Answer { status, error_code, message, after_commit } => {
                let answer = error_answer(parts.uri.path(), status, error_code, message);
                *(if after_commit { &mut self.answer_after } else { &mut self.answer_before }) = Some(answer);
            }
            Fault::ExpireSession | Fault::RevokeGrant => {
                if let Some(token) = access_token(&parts.headers) {
                    web.org.lock().end_session(token, fault == Fault::RevokeGrant);
                }
            }
            Fault::RowError { .. } => {}
        }
    }
}

/// An error in the shape that the path has: an object for OAuth, an array for everything else, HTML from a gateway.
fn error_answer(path: &str, status: u16, error_code: Option<String>, message: Option<String>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let Some(code) = error_code else {
        let reason = status.canonical_reason().unwrap_or("Error");
        let page = format!(
            "<html>\n<head><title>{number} {reason}</title></head>\n<body>\n<h1>{reason}</h1>\n<p>We are down for maintenance. \
             Sorry for the inconvenience. We'll be back shortly.</p>\n</body>\n</html>\n",
            number = status.as_u16()
        );
        return (status, [(header::CONTENT_TYPE, "text/html; charset=UTF-8")], page).into_response();
    };
    let message = message.unwrap_or_else(|| words_of(&code).to_owned());
    let body = if path.starts_with("/services/oauth2/") {
        json!({ "error": code, "error_description": message })
    } else {
        json!([{ "message": message, "errorCode": code }])
    };
    let mut response = json_answer(status, &body);
    response.extensions_mut().insert(ErrorCode(code.into()));
    response
}

/// An answer that never comes: a body that breaks before its first byte makes the server close the connection without having
/// sent the head (and reset the stream, in HTTP/2).
fn cut() -> Response {
    Response::new(Body::from_stream(futures::stream::once(async { Err::<Bytes, _>(lost()) })))
}

fn lost() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "a fault cuts the connection")
}

/// The same answer, whose body breaks off in its middle.
async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let half = bytes.slice(..bytes.len() / 2);
    let broken = futures::stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) => Some((Ok(half), None)),
            None => {
                // The server writes what it has when the next part is not ready at once.
                tokio::time::sleep(Duration::from_millis(1)).await;
                Some((Err(lost()), None))
            }
        }
    });
    Response::from_parts(parts, Body::from_stream(broken))
}
