//! Ingest jobs of Bulk API 2.0 over HTTP: made, given their data, started, and their three result files.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Map, Value};

use super::answer::RestError;
use super::bulk::{abort, asked_state, csv, delete, invalid_state, list, of_kind, origin, put, show, told};
use super::call::{Call, Reply};
use super::routes::Route;
use crate::bulk::ingest::{self, ResultFile};
use crate::bulk::job::JobRequest;

pub(crate) const ROUTES: &[Route] = &[
    Route {
        template: "/jobs/ingest",
        methods: &[("GET", |call, _| list(call, false)), ("POST", |call, _| create(call))],
    },
    Route {
        template: "/jobs/ingest/{id}",
        methods: &[
            ("DELETE", |call, names| delete(call, names[0], false)),
            ("GET", |call, names| show(call, names[0], false)),
            ("PATCH", |call, names| patch(call, names[0])),
        ],
    },
    Route { template: "/jobs/ingest/{id}/batches", methods: &[("PUT", |call, names| upload(call, names[0]))] },
    Route {
        template: "/jobs/ingest/{id}/successfulResults",
        methods: &[("GET", |call, names| results(call, names[0], ResultFile::Successful))],
    },
    Route {
        template: "/jobs/ingest/{id}/failedResults",
        methods: &[("GET", |call, names| results(call, names[0], ResultFile::Failed))],
    },
    Route {
        template: "/jobs/ingest/{id}/unprocessedrecords",
        methods: &[("GET", |call, names| results(call, names[0], ResultFile::Unprocessed))],
    },
];

/// `POST /jobs/ingest`: the job, or in a form with two parts the job and its data, which starts it at once.
fn create(call: &Call<'_>) -> Reply {
    let org = &call.web.org;
    let (job, content) = match call.header("content-type").and_then(boundary) {
        Some(boundary) => {
            let job = part(&call.body, boundary, "job").ok_or_else(|| missing_part("job"))?;
            let content = part(&call.body, boundary, "content").ok_or_else(|| missing_part("content"))?;
            (job, Some(content))
        }
        None => (call.body.clone(), None),
    };
    let job: Map<String, Value> = serde_json::from_slice(&job).map_err(|error| RestError::unreadable_json(&error))?;
    let id = ingest::open(org, JobRequest::read(&job, false)?, origin(call))?;
    if let Some(content) = content {
        org.bulk().upload(&id, org.now_ms(), content)?;
        ingest::begin(org, &id)?;
    }
    told(call, &id, false)
}

/// `PUT /jobs/ingest/ID/batches`.
fn upload(call: &Call<'_>, id: &str) -> Reply {
    call.web.org.bulk().upload(id, call.web.org.now_ms(), call.body.clone())?;
    Ok((StatusCode::CREATED.into_response(), 0))
}

/// `PATCH /jobs/ingest/ID {"state": "UploadComplete"}` or `Aborted`.
fn patch(call: &Call<'_>, id: &str) -> Reply {
    of_kind(call, id, false)?;
    match asked_state(call)?.as_str() {
        "UploadComplete" => {
            ingest::begin(&call.web.org, id)?;
            told(call, id, false)
        }
        "Aborted" => abort(call, id),
        other => Err(invalid_state(other)),
    }
}

/// `GET /jobs/ingest/ID/successfulResults` and its like.
fn results(call: &Call<'_>, id: &str, file: ResultFile) -> Reply {
    of_kind(call, id, false)?;
    let org = call.web.org.clone();
    let (header, count) = org.bulk().look(id, org.now_ms(), |job| job.result_header(file))??;
    let id = id.to_owned();
    let pieces = futures::stream::try_unfold((Some(header), 0), move |(header, from)| {
        let next = match header {
            Some(header) => Some((header, from)),
            None => org.bulk().look(&id, org.now_ms(), |job| job.result_piece(file, from)).ok().flatten(),
        };
        let next = next.map(|(piece, next): (Bytes, usize)| (piece, (None, next)));
        std::future::ready(Ok::<_, std::io::Error>(next))
    });
    let mut response = csv(Body::from_stream(pieces));
    if file != ResultFile::Unprocessed {
        put(&mut response, "sforce-numberofrecords", &count.to_string());
    }
    Ok((response, count))
}

/// What separates the parts of a form, if the request is one.
fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    });
    boundary.map(|boundary| boundary.trim_matches('"')).filter(|boundary| !boundary.is_empty())
}

/// The content of the part of a form with this name.
fn part(body: &Bytes, boundary: &str, name: &str) -> Option<Bytes> {
    let mark = format!("--{boundary}");
    let ends = format!("\r\n{mark}");
    let mut at = find(body, mark.as_bytes(), 0)? + mark.len();
    loop {
        let head_end = find(body, b"\r\n\r\n", at)?;
        let content = head_end + 4;
        // A part without content ends with the line break that ends its head.
        let end = find(body, ends.as_bytes(), content - 2)?;
        let head = String::from_utf8_lossy(&body[at..head_end]).to_ascii_lowercase();
        if head.contains(&format!("name=\"{name}\"")) {
            return Some(body.slice(content..end.max(content)));
        }
        at = end + ends.len();
    }
}

fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = body.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}

fn missing_part(name: &str) -> RestError {
    RestError::bad_request("API_ERROR", format!("The multipart request has no part '{name}'"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_parts_of_a_form_are_found_by_name() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n{\"a\":1}\r\n--B\r\n\
                    Content-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n\
                    A,B\n1,2\n\r\n--B--\r\n";
        let body = Bytes::from(body);
        assert_eq!(boundary("multipart/form-data; boundary=\"B\""), Some("B"));
        assert_eq!(part(&body, "B", "job").unwrap(), "{\"a\":1}");
        assert_eq!(part(&body, "B", "content").unwrap(), "A,B\n1,2\n");
        assert_eq!(part(&body, "B", "other"), None);
    }

    proptest! {
        #[test]
        fn no_form_makes_the_reader_panic(text in "(--B|\r\n|\r\n\r\n|name=\"job\"|x){0,12}") {
            let _ = part(&Bytes::from(text), "B", "job");
        }
    }
}
