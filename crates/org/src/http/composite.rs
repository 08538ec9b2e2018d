//! Several requests in one: composite, batch and graph. Their parts run through the same routes as plain requests.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{RestError, ok};
use super::call::{Call, Held, Reply};
use super::data::{parameters, version_number};
use super::reference::References;
use super::routes::{self, Route};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        template: "/composite",
        methods: &[("GET", |call, _| resources(call)), ("POST", |call, _| composite(call))],
    },
    Route { template: "/composite/batch", methods: &[("POST", |call, _| batch(call))] },
    Route { template: "/composite/graph", methods: &[("POST", |call, _| graph(call))] },
];

/// Requests in one composite or batch request (REST guide).
const PARTS_MAX: usize = 25;
/// Of which may be queries and collections, in a composite request (REST guide).
const HEAVY_PARTS_MAX: usize = 5;
/// Graphs in one request, and requests in all of them (REST guide).
const GRAPHS_MAX: usize = 75;
const NODES_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Composite {
    #[serde(default)]
    all_or_none: bool,
    composite_request: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    method: String,
    url: String,
    reference_id: String,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    http_headers: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    #[serde(default)]
    halt_on_error: bool,
    batch_requests: Vec<BatchPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchPart {
    method: String,
    url: String,
    #[serde(default)]
    rich_input: Value,
}

#[derive(Deserialize)]
struct Graphs {
    graphs: Vec<Graph>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Graph {
    graph_id: String,
    composite_request: Vec<Part>,
}

/// What a part was answered.
struct PartAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
    records: usize,
}

fn resources(call: &Call<'_>) -> Reply {
    let names = ["batch", "graph", "sobjects", "tree"];
    let resources: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!(format!("{}/composite/{name}", call.base)))).collect();
    Ok((ok(&Value::Object(resources)), 0))
}

/// `POST /composite`.
fn composite(call: &Call<'_>) -> Reply {
    let request: Composite = call.json()?;
    check_count(request.composite_request.len(), PARTS_MAX, "subrequests in a composite request")?;
    check_references(&request.composite_request)?;
    let heavy = request.composite_request.iter().filter(|part| is_heavy(&part.url)).count();
    check_count(heavy, HEAVY_PARTS_MAX, "query and sObject Collections subrequests in a composite request")?;
    let (answers, records, _) = run_all(call, request.all_or_none, &request.composite_request);
    Ok((ok(&json!({ "compositeResponse": answers })), records))
}

/// `POST /composite/graph`: each graph stands or falls as a whole.
fn graph(call: &Call<'_>) -> Reply {
    let request: Graphs = call.json()?;
    check_count(request.graphs.len(), GRAPHS_MAX, "graphs in a composite graph request")?;
    let nodes = request.graphs.iter().map(|graph| graph.composite_request.len()).sum();
    check_count(nodes, NODES_MAX, "nodes in a composite graph request")?;
    let mut records = 0;
    let mut graphs = Vec::with_capacity(request.graphs.len());
    for graph in &request.graphs {
        check_references(&graph.composite_request)?;
        let (answers, count, is_successful) = run_all(call, true, &graph.composite_request);
        records += count;
        graphs.push(json!({
            "graphId": graph.graph_id,
            "graphResponse": { "compositeResponse": answers },
            "isSuccessful": is_successful,
        }));
    }
    Ok((ok(&json!({ "graphs": graphs })), records))
}

/// `POST /composite/batch`: the parts have nothing to do with each other.
fn batch(call: &Call<'_>) -> Reply {
    let request: Batch = call.json()?;
    check_count(request.batch_requests.len(), PARTS_MAX, "batch requests")?;
    let (mut results, mut records, mut has_errors) = (Vec::new(), 0, false);
    for part in &request.batch_requests {
        if has_errors && request.halt_on_error {
            let halted = json!([{
                "errorCode": "BATCH_PROCESSING_HALTED",
                "message": "Batch processing halted per request",
            }]);
            results.push(json!({ "statusCode": StatusCode::PRECONDITION_FAILED.as_u16(), "result": halted }));
            continue;
        }
        let answer = run(call, &part.method, &part.url, &part.rich_input, &HashMap::new());
        has_errors |= is_failure(answer.status);
        records += answer.records;
        results.push(json!({ "statusCode": answer.status.as_u16(), "result": answer.body }));
    }
    Ok((ok(&json!({ "hasErrors": has_errors, "results": results })), records))
}

fn check_count(count: usize, max: usize, what: &str) -> Result<(), RestError> {
    if count <= max {
        return Ok(());
    }
    Err(RestError::bad_request("LIMIT_EXCEEDED", format!("Limit of {max} reached for: {what}")))
}

fn check_references(parts: &[Part]) -> Result<(), RestError> {
    let mut seen = std::collections::HashSet::new();
    for Part { reference_id: id, .. } in parts {
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let message = format!("Invalid referenceId: '{id}'. Only letters, numbers and underscores are allowed");
            return Err(RestError::bad_request("INVALID_INPUT", message));
        }
        if !seen.insert(id) {
            let message = format!("Duplicate ReferenceId provided in the request: {id}");
            return Err(RestError::bad_request("INVALID_INPUT", message));
        }
    }
    Ok(())
}

/// Whether a part is one of those that a composite request may have few of.
fn is_heavy(url: &str) -> bool {
    let segments = routes::segments(url.split('?').next().unwrap_or(""));
    let resource = |names: &[&str]| {
        let start = segments.iter().position(|segment| names[0].eq_ignore_ascii_case(segment));
        start.is_some_and(|at| {
            names.iter().zip(&segments[at..]).filter(|(a, b)| a.eq_ignore_ascii_case(b)).count() == names.len()
        })
    };
    resource(&["query"]) || resource(&["queryAll"]) || resource(&["composite", "sobjects"])
}

fn is_failure(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error() || status == StatusCode::MULTIPLE_CHOICES
}

/// The answers in order, how many records they were about, and whether all was well.
fn run_all(call: &Call<'_>, all_or_none: bool, parts: &[Part]) -> (Vec<Value>, usize, bool) {
    if !all_or_none {
        return run_parts(call, false, parts);
    }
    let mut org = call.web.org.lock();
    let outcome = {
        let held = Held::new(&mut org);
        let whole = call.with_held(&held);
        let outcome = run_parts(&whole, true, parts);
        held.end(&call.write_context(), outcome.2);
        outcome
    };
    call.web.org.tell(org);
    outcome
}

fn run_parts(call: &Call<'_>, all_or_none: bool, parts: &[Part]) -> (Vec<Value>, usize, bool) {
    let mut references = References::default();
    let mut answers: Vec<(&Part, PartAnswer)> = Vec::with_capacity(parts.len());
    for part in parts {
        if all_or_none && answers.last().is_some_and(|(_, answer)| is_failure(answer.status)) {
            break;
        }
        let answer = match (references.resolve_text(&part.url), references.resolve(&part.body)) {
            (Ok(url), Ok(body)) => run(call, &part.method, &url, &body, &part.http_headers),
            (Err(missing), _) | (_, Err(missing)) => halted(missing.to_string()),
        };
        references.insert(&part.reference_id, &answer.body);
        answers.push((part, answer));
    }
    let is_successful = answers.iter().all(|(_, answer)| !is_failure(answer.status));
    let records = answers.iter().map(|(_, answer)| answer.records).sum();
    if all_or_none && !is_successful {
        let shown = parts.iter().enumerate().map(|(position, part)| match answers.get(position) {
            Some((_, answer)) if is_failure(answer.status) => shown(part, answer),
            _ => {
                let words = "The transaction was rolled back since another operation in the same transaction failed.";
                shown(part, &halted(words.to_owned()))
            }
        });
        return (shown.collect(), 0, false);
    }
    (answers.iter().map(|(part, answer)| shown(part, answer)).collect(), records, is_successful)
}

fn halted(message: String) -> PartAnswer {
    PartAnswer {
        status: StatusCode::BAD_REQUEST,
        headers: HeaderMap::new(),
        body: json!([{ "errorCode": "PROCESSING_HALTED", "message": message }]),
        records: 0,
    }
}

fn shown(part: &Part, answer: &PartAnswer) -> Value {
    // The headers that a client of the part could use.
    let told = [(header::LOCATION, "Location"), (header::ETAG, "ETag"), (header::LAST_MODIFIED, "Last-Modified")];
    let headers: Map<String, Value> = told
        .iter()
        .filter_map(|(name, shown)| Some(((*shown).to_owned(), json!(answer.headers.get(name)?.to_str().ok()?))))
        .collect();
    json!({
        "body": answer.body,
        "httpHeaders": headers,
        "httpStatusCode": answer.status.as_u16(),
        "referenceId": part.reference_id,
    })
}

/// Answers one part, as if it had come by itself.
fn run(call: &Call<'_>, method: &str, url: &str, body: &Value, headers: &HashMap<String, String>) -> PartAnswer {
    let (response, records) = match dispatch(call, method, url, body, headers) {
        Ok(reply) => reply,
        Err(error) => (error.into_response(), 0),
    };
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).now_or_never().and_then(Result::ok).unwrap_or_default();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    PartAnswer { status: parts.status, headers: parts.headers, body, records }
}

fn dispatch(
    call: &Call<'_>,
    method: &str,
    url: &str,
    body: &Value,
    own_headers: &HashMap<String, String>,
) -> Result<(Response, usize), RestError> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let path = path.strip_prefix("/services/data").unwrap_or(path);
    let segments = routes::segments(path);
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let [version, resource @ ..] = segments.as_slice() else { return Err(RestError::not_found()) };
    let number = version_number(version)?;
    // Within a transaction the parts share the org, which only these know how to do. Nothing is composite twice.
    let is_plain = matches!(resource.first(), Some(head) if ["sobjects", "query", "queryAll", "limits"].iter().any(|own| own.eq_ignore_ascii_case(head)));
    let is_collection = matches!(resource, [head, kind, ..] if head.eq_ignore_ascii_case("composite") && kind.eq_ignore_ascii_case("sobjects"));
    let is_composite = matches!(resource, [head, ..] if head.eq_ignore_ascii_case("composite"));
    if !is_collection && (is_composite || (call.held.is_some() && !is_plain)) {
        return Err(RestError::not_found());
    }
    let method = Method::from_bytes(method.trim().to_ascii_uppercase().as_bytes()).unwrap_or(Method::GET);
    let mut headers = call.headers.clone();
    for conditional in [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE]
    {
        headers.remove(conditional);
    }
    for (name, value) in own_headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            headers.insert(name, value);
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let path = routes::find(resource).map_or(routes::UNKNOWN, |(route, _)| route.template);
    let part = Call {
        web: call.web,
        method,
        version: format!("{number}.0"),
        base: super::call::base(number, path),
        origin: call.origin.clone(),
        parameters: parameters(query),
        headers,
        body,
        session: call.session.clone(),
        access: call.access.clone(),
        path,
        held: call.held,
    };
    routes::dispatch(&part, resource)
}
