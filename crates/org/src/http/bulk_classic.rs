//! The first Bulk API: `/services/async/NN.0/job…`, in XML or JSON. Errors have a shape of their own.
//!
//! What is said of a job is in the format of the request; what is said of its batches is XML unless the job's rows are JSON,
//! whatever the request says.

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer::{RestError, json_answer};
use super::bulk::csv;
use super::data::{admit, read_body, version_number};
use super::html::escape;
use super::passage::Account;
use super::soap::element_text;
use super::{BODY_BYTES_MAX, Web, access_token, routes};
use crate::bulk::BulkError;
use crate::bulk::classic::{self, add_batch};
use crate::bulk::job::{Content, JobOrigin, JobState};

const NAMESPACE: &str = "http://www.force.com/2009/06/asyncapi/dataload";

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Xml,
    Json,
}

/// A refusal in the words of this API.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl From<BulkError> for Refusal {
    fn from(error: BulkError) -> Refusal {
        let (code, message) = match error {
            BulkError::NotFound => ("InvalidUrl", "Unable to find the resource".to_owned()),
            BulkError::Refused(code, message) => (code, message),
        };
        Refusal { status: StatusCode::BAD_REQUEST, code, message }
    }
}

impl From<RestError> for Refusal {
    fn from(error: RestError) -> Refusal {
        let (code, message) = match error.told() {
            ("INVALID_SESSION_ID", _) => ("InvalidSessionId", "Invalid session id".to_owned()),
            ("REQUEST_LIMIT_EXCEEDED", message) => ("ExceededQuota", message.to_owned()),
            ("NOT_FOUND", _) => ("InvalidUrl", "Unable to find the resource".to_owned()),
            (_, message) => ("ClientInputError", message.to_owned()),
        };
        Refusal { status: StatusCode::BAD_REQUEST, code, message }
    }
}

/// Everything under `/services/async/`.
pub(crate) async fn serve(
    State(web): State<Web>,
    Path((version, _)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut account = Account::default();
    let format = asked_format(&parts.headers);
    let answer = match read_body(&parts.headers, body, BODY_BYTES_MAX).await {
        Ok(body) => answer(&web, &parts, &version, format, &body, &mut account),
        Err(error) => Err(error.into()),
    };
    let mut response = answer.unwrap_or_else(|refusal| {
        let body = json!({ "exceptionCode": refusal.code, "exceptionMessage": refusal.message });
        told(format, refusal.status, "error", &body)
    });
    response.extensions_mut().insert(account);
    response
}

fn answer(
    web: &Web,
    parts: &axum::http::request::Parts,
    version: &str,
    format: Format,
    body: &Bytes,
    account: &mut Account,
) -> Result<Response, Refusal> {
    let number = version_number(&format!("v{version}"))?;
    let (session, ..) = admit(web, access_token(&parts.headers), account)?;
    let segments = routes::segments(parts.uri.path().strip_prefix("/services/async").unwrap_or_default());
    let resource: Vec<&str> = segments.iter().skip(1).map(AsRef::as_ref).collect();
    let (org, bulk, now_ms) = (&web.org, web.org.bulk(), web.org.now_ms());
    let job_told = |status, job: &Value| told(format, status, "jobInfo", job);
    match (resource.as_slice(), parts.method.as_str()) {
        (["job"], "POST") => {
            let change_origin = format!("com/salesforce/api/bulkapi/{number}.0");
            let origin = JobOrigin { user_id: session.user_id, change_origin, version: number };
            let job = classic::open(org, &properties(format, body), origin, now_ms)?;
            Ok(job_told(StatusCode::CREATED, &job))
        }
        (["job", id], "GET") => Ok(job_told(StatusCode::OK, &bulk.classic_job(id, now_ms)?)),
        (["job", id], "POST") => {
            let properties = properties(format, body);
            let state = properties.get("state").and_then(Value::as_str).unwrap_or_default();
            Ok(job_told(StatusCode::OK, &bulk.classic_state(id, state, now_ms)?))
        }
        (["job", id, "batch"], "POST") => {
            let batch = add_batch(org, id, body)?;
            Ok(told(batch_format(web, id)?, StatusCode::CREATED, "batchInfo", &batch))
        }
        (["job", id, "batch"], "GET") => {
            let batches = json!({ "batchInfo": bulk.classic_batches(id, now_ms)? });
            Ok(told(batch_format(web, id)?, StatusCode::OK, "batchInfoList", &batches))
        }
        (["job", id, "batch", batch], "GET") => {
            let batch = bulk.classic_batch(id, batch, now_ms, |_, told| Ok(told))?;
            Ok(told(batch_format(web, id)?, StatusCode::OK, "batchInfo", &batch))
        }
        (["job", id, "batch", batch, "request"], "GET") => {
            let upload = bulk.classic_batch(id, batch, now_ms, |batch, _| Ok(batch.upload.clone()))?;
            Ok(csv(Body::from(upload.unwrap_or_default())))
        }
        (["job", id, "batch", batch, "result"], "GET") => results(web, id, batch),
        (["job", id, "batch", batch, "result", result], "GET") => query_result(web, id, batch, result),
        _ => Err(RestError::not_found().into()),
    }
}

fn asked_format(headers: &HeaderMap) -> Format {
    let says_json = |name: header::HeaderName| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("application/json"))
    };
    let is_typed = headers.contains_key(header::CONTENT_TYPE);
    let is_json = says_json(header::CONTENT_TYPE) || (!is_typed && says_json(header::ACCEPT));
    if is_json { Format::Json } else { Format::Xml }
}

fn batch_format(web: &Web, id: &str) -> Result<Format, Refusal> {
    let content = web.org.bulk().classic_content(id, web.org.now_ms())?;
    Ok(if content == Content::Json { Format::Json } else { Format::Xml })
}

/// What a request says of a job.
fn properties(format: Format, body: &Bytes) -> Map<String, Value> {
    if format == Format::Json {
        return serde_json::from_slice(body).unwrap_or_default();
    }
    let xml = String::from_utf8_lossy(body);
    let names = ["operation", "object", "contentType", "externalIdFieldName", "assignmentRuleId", "state"];
    names.iter().filter_map(|name| Some(((*name).to_owned(), Value::String(element_text(&xml, name)?)))).collect()
}

/// A completed batch's results: those of its rows, or the list of the results of a query, of which there is one.
fn results(web: &Web, id: &str, batch: &str) -> Result<Response, Refusal> {
    let format = batch_format(web, id)?;
    let (result_id, rows) = web.org.bulk().classic_batch(id, batch, web.org.now_ms(), |batch, _| {
        if !batch.state.is_final() {
            return Err(BulkError::refused("InvalidBatch", "Batch not completed"));
        }
        let is_query = batch.request.operation.is_query();
        Ok((result_id(&batch.id), (!is_query).then(|| classic::results(batch))))
    })?;
    Ok(match (rows, format) {
        (Some(rows), Format::Xml) => csv(Body::from(rows)),
        (Some(rows), Format::Json) => json_body(Body::from(rows)),
        (None, Format::Xml) => told(format, StatusCode::OK, "result-list", &json!({ "result": result_id })),
        (None, Format::Json) => json_answer(StatusCode::OK, &json!([result_id])),
    })
}

/// The id of the one result of a batch.
fn result_id(batch: &str) -> String {
    crate::core::id::normalize(&format!("752{}", &batch[3..15])).unwrap_or_default()
}

fn query_result(web: &Web, id: &str, batch: &str, result: &str) -> Result<Response, Refusal> {
    let format = batch_format(web, id)?;
    let spool = web.org.bulk().classic_batch(id, batch, web.org.now_ms(), |batch, _| {
        let is_there = batch.state == JobState::JobComplete && result == result_id(&batch.id);
        let spool = batch.result.clone().filter(|_| is_there);
        spool.ok_or_else(|| BulkError::refused("InvalidBatch", format!("Unable to find result {result}")))
    })?;
    let pieces = spool.pieces(0..spool.rows());
    if format == Format::Xml {
        return Ok(csv(Body::from_stream(pieces)));
    }
    let bracket = |text: &'static str| futures::stream::once(async move { Ok(Bytes::from_static(text.as_bytes())) });
    use futures::StreamExt as _;
    Ok(json_body(Body::from_stream(bracket("[").chain(pieces).chain(bracket("]")))))
}

fn json_body(body: Body) -> Response {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn told(format: Format, status: StatusCode, name: &str, body: &Value) -> Response {
    if format == Format::Json {
        return json_answer(status, body);
    }
    let mut xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><{name} xmlns=\"{NAMESPACE}\">");
    elements(&mut xml, body);
    xml.push_str(&format!("</{name}>"));
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

/// The members of an object as elements, a list's once for each item.
fn elements(xml: &mut String, body: &Value) {
    match body {
        Value::Object(members) => {
            for (name, value) in members {
                let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                for item in items {
                    xml.push_str(&format!("<{name}>"));
                    elements(xml, item);
                    xml.push_str(&format!("</{name}>"));
                }
            }
        }
        Value::String(text) => xml.push_str(&escape(text)),
        Value::Null => {}
        other => xml.push_str(&other.to_string()),
    }
}
