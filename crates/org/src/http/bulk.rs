//! Bulk API 2.0 over HTTP: what both kinds of jobs have in common, and query jobs with their pages of CSV.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::answer::{RestError, no_content, ok};
use super::call::{Call, Reply};
use super::routes::Route;
use crate::bulk::job::{Job, JobOrigin, JobRequest, JobState};
use crate::bulk::query::{self, QueryRefusal};
use crate::bulk::{BulkError, JOB_PREFIX};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        template: "/jobs/query",
        methods: &[("GET", |call, _| list(call, true)), ("POST", |call, _| create(call))],
    },
    Route {
        template: "/jobs/query/{id}",
        methods: &[
            ("DELETE", |call, names| delete(call, names[0], true)),
            ("GET", |call, names| show(call, names[0], true)),
            ("PATCH", |call, names| patch(call, names[0])),
        ],
    },
    Route { template: "/jobs/query/{id}/results", methods: &[("GET", |call, names| results(call, names[0]))] },
    Route { template: "/jobs/query/{id}/resultPages", methods: &[("GET", |call, names| result_pages(call, names[0]))] },
];

/// Jobs in one list (Bulk API 2.0 guide).
const LISTED_MAX: usize = 1000;
/// Links in one list of result pages (Bulk API 2.0 guide).
const PAGE_LINKS: usize = 5;

impl From<BulkError> for RestError {
    fn from(error: BulkError) -> RestError {
        match error {
            BulkError::NotFound => RestError::not_found(),
            BulkError::Refused(code, message) => RestError::bad_request(code, message),
        }
    }
}

impl From<QueryRefusal> for RestError {
    fn from(refusal: QueryRefusal) -> RestError {
        match refusal {
            QueryRefusal::Soql(error) => error.into(),
            QueryRefusal::Bulk(error) => error.into(),
        }
    }
}

/// Who makes a job, and with which version of the API.
pub(super) fn origin(call: &Call<'_>) -> JobOrigin {
    let context = call.write_context();
    JobOrigin {
        user_id: context.user_id,
        change_origin: context.change_origin.replace("/api/rest/", "/api/bulkapi/"),
        version: version(call),
    }
}

fn version(call: &Call<'_>) -> u32 {
    call.version.split('.').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// `POST /jobs/query`.
fn create(call: &Call<'_>) -> Reply {
    let body: Map<String, Value> = call.json()?;
    // The statement says which object.
    let request = JobRequest { object: String::new(), ..JobRequest::read(&body, true)? };
    let statement = body.get("query").and_then(Value::as_str).unwrap_or_default();
    let id = query::begin(&call.web.org, JOB_PREFIX, request, origin(call), statement)?;
    told(call, &id, false)
}

/// How a job that was just made or changed tells of itself.
pub(super) fn told(call: &Call<'_>, id: &str, has_progress: bool) -> Reply {
    let org = &call.web.org;
    Ok((ok(&org.bulk().look(id, org.now_ms(), |job| job.to_json(has_progress))?), 0))
}

/// `GET /jobs/query/ID` and `GET /jobs/ingest/ID`.
pub(super) fn show(call: &Call<'_>, id: &str, is_query: bool) -> Reply {
    of_kind(call, id, is_query)?;
    told(call, id, true)
}

/// Refuses the id of a job of the other kind.
pub(super) fn of_kind(call: &Call<'_>, id: &str, is_query: bool) -> Result<(), RestError> {
    let org = &call.web.org;
    let is_right = org
        .bulk()
        .look(id, org.now_ms(), |job| job.id.starts_with(JOB_PREFIX) && job.request.operation.is_query() == is_query)?;
    if is_right { Ok(()) } else { Err(RestError::not_found()) }
}

/// The state that a PATCH asks for.
pub(super) fn asked_state(call: &Call<'_>) -> Result<String, RestError> {
    let body: Map<String, Value> = call.json()?;
    Ok(body.get("state").and_then(Value::as_str).unwrap_or_default().to_owned())
}

pub(super) fn invalid_state(state: &str) -> RestError {
    RestError::bad_request("API_ERROR", format!("Invalid value: '{state}' supplied for property: 'state'"))
}

/// `PATCH /jobs/query/ID {"state": "Aborted"}`.
fn patch(call: &Call<'_>, id: &str) -> Reply {
    of_kind(call, id, true)?;
    match asked_state(call)?.as_str() {
        "Aborted" => abort(call, id),
        other => Err(invalid_state(other)),
    }
}

pub(super) fn abort(call: &Call<'_>, id: &str) -> Reply {
    Ok((ok(&call.web.org.bulk().abort(id, call.web.org.now_ms())?), 0))
}

/// `DELETE /jobs/query/ID` and `DELETE /jobs/ingest/ID`.
pub(super) fn delete(call: &Call<'_>, id: &str, is_query: bool) -> Reply {
    of_kind(call, id, is_query)?;
    call.web.org.bulk().delete(id, call.web.org.now_ms())?;
    Ok((no_content(), 0))
}

/// `GET /jobs/query` and `GET /jobs/ingest`.
pub(super) fn list(call: &Call<'_>, is_query: bool) -> Reply {
    let parameter = |name: &str| call.parameters.get(name).map(String::as_str);
    let is_asked = |name: &str, own: &str| parameter(name).is_none_or(|asked| asked.eq_ignore_ascii_case(own));
    // All jobs here are of version 2.0, which decides by itself about chunks, and all run in parallel.
    let kind = if is_query { "V2Query" } else { "V2Ingest" };
    let is_possible = is_asked("isPkChunkingEnabled", "false")
        && is_asked("jobType", kind)
        && is_asked("concurrencyMode", "Parallel");
    let after =
        parameter("queryLocator").map(|locator| crate::core::id::normalize(locator).ok_or_else(invalid_locator));
    let after = after.transpose()?;
    let is_job = |job: &Job| job.id.starts_with(JOB_PREFIX);
    let wanted = |job: &Job| is_possible && is_job(job) && job.request.operation.is_query() == is_query;
    let show = |job: &Job| {
        let mut shown = job.to_json(false);
        shown["jobType"] = json!(kind);
        shown
    };
    let (records, next) = call.web.org.bulk().list(after.as_deref(), LISTED_MAX, wanted, show);
    let resource = if is_query { "query" } else { "ingest" };
    let next_url = next.as_ref().map(|next| format!("{}/jobs/{resource}?queryLocator={next}", call.base));
    let count = records.len();
    Ok((ok(&json!({ "done": next.is_none(), "records": records, "nextRecordsUrl": next_url })), count))
}

fn invalid_locator() -> RestError {
    RestError::bad_request("INVALIDLOCATOR", "Invalid query locator")
}

/// A locator says where its page begins.
fn locator_of(row: usize) -> String {
    URL_SAFE_NO_PAD.encode(row.to_string())
}

fn row_of(locator: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(locator.trim_end_matches('=')).ok()?;
    std::str::from_utf8(&bytes).ok()?.parse().ok()
}

/// The part of a result that a request asks for: where it begins, how many rows it may have, and the job's result.
struct Asked {
    from: usize,
    page_rows: usize,
    result: std::sync::Arc<crate::bulk::spool::Spool>,
}

fn asked(call: &Call<'_>, id: &str) -> Result<Asked, RestError> {
    of_kind(call, id, true)?;
    let org = &call.web.org;
    let seen = org.bulk().look(id, org.now_ms(), |job| (job.origin.version, job.state, job.result.clone()))?;
    let (job_version, state, result) = seen;
    if job_version != version(call) {
        let message = format!("The results of a job of API version {job_version}.0 must be read with that version");
        return Err(RestError::new(StatusCode::CONFLICT, "INVALIDVERSION", message));
    }
    let result = result.filter(|_| state == JobState::JobComplete).ok_or_else(|| {
        let message = format!("Results of a Job in state {} are not available", state.name());
        RestError::bad_request("INVALIDJOBSTATE", message)
    })?;
    let from = match call.parameters.get("locator") {
        Some(locator) => row_of(locator).filter(|from| *from <= result.rows()).ok_or_else(invalid_locator)?,
        None => 0,
    };
    let page_rows = match call.parameters.get("maxRecords") {
        Some(given) => given.parse().ok().filter(|rows| *rows > 0).ok_or_else(|| {
            RestError::bad_request(
                "API_ERROR",
                format!("Invalid value: '{given}' supplied for parameter: 'maxRecords'"),
            )
        })?,
        None => org.bulk().settings().page_rows.max(1),
    };
    Ok(Asked { from, page_rows, result })
}

/// `GET /jobs/query/ID/results?locator=…&maxRecords=…`.
fn results(call: &Call<'_>, id: &str) -> Reply {
    let Asked { from, page_rows, result } = asked(call, id)?;
    let to = result.rows().min(from.saturating_add(page_rows));
    // The last page says so with the word null.
    let locator = if to < result.rows() { locator_of(to) } else { "null".to_owned() };
    let mut response = csv(Body::from_stream(result.pieces(from..to)));
    put(&mut response, "sforce-locator", &locator);
    put(&mut response, "sforce-numberofrecords", &(to - from).to_string());
    Ok((response, to - from))
}

/// `GET /jobs/query/ID/resultPages`: links to pages that can be read side by side.
fn result_pages(call: &Call<'_>, id: &str) -> Reply {
    let Asked { from, page_rows, result } = asked(call, id)?;
    let begins = (from..result.rows().max(from + 1)).step_by(page_rows).take(PAGE_LINKS + 1);
    let mut begins: Vec<usize> = begins.collect();
    let next = if begins.len() > PAGE_LINKS { begins.pop() } else { None };
    let is_sized = call.parameters.contains_key("maxRecords");
    let size = if is_sized { format!("&maxRecords={page_rows}") } else { String::new() };
    // The guide has one name with the whole path; replies were seen with another and the path without its beginning.
    let link = |row: &usize| {
        let path = format!("/jobs/query/{id}/results?locator={}{size}", locator_of(*row));
        json!({ "resultUrl": format!("{}{path}", call.base), "resultLink": path })
    };
    let next_url =
        next.map(|row| format!("{}/jobs/query/{id}/resultPages?locator={}{size}", call.base, locator_of(row)));
    let links: Vec<Value> = begins.iter().map(link).collect();
    Ok((ok(&json!({ "resultPages": links, "nextRecordsUrl": next_url, "done": next.is_none() })), 0))
}

/// An answer of CSV.
pub(super) fn csv(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"));
    response
}

pub(super) fn put(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
