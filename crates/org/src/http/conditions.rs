//! Conditional requests: what a resource is at the moment, and whether the caller has that already.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

use super::answer::RestError;
use super::call::Call;
use crate::core::schema::ObjectSchema;
use crate::core::{FieldValue, Row};

/// What a resource is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// `"…"`: the same as long as the resource is.
    etag: String,
    modified_s: i64,
}

impl Version {
    /// The version of a record: of all its fields, whatever was asked for.
    pub(crate) fn of_row(object: &ObjectSchema, row: &Row) -> Version {
        let mut hasher = DefaultHasher::new();
        for (index, value) in row.populated() {
            (index, value.to_value().to_json().to_string()).hash(&mut hasher);
        }
        let modified = ["LastModifiedDate", "CreatedDate"].iter().find_map(|name| object.index_of(name));
        let modified_s = match modified.map(|index| row.get(index)) {
            Some(FieldValue::DateTime(ms)) => ms.div_euclid(1000),
            _ => 0,
        };
        Version { etag: quoted(hasher.finish()), modified_s }
    }

    /// Refuses what is only to be done to another version.
    pub(crate) fn check_unchanged(&self, call: &Call<'_>) -> Result<(), RestError> {
        let is_other = call.header(header::IF_MATCH.as_str()).is_some_and(|tags| !self.is_among(tags));
        let is_newer = date(call, &header::IF_UNMODIFIED_SINCE).is_some_and(|since_s| self.modified_s > since_s);
        if !is_other && !is_newer {
            return Ok(());
        }
        let message = "The resource was changed since the version that the request is about";
        Err(RestError::new(StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", message))
    }

    /// Whether the caller has this version, so that it need not be sent.
    pub(crate) fn is_known(&self, call: &Call<'_>) -> bool {
        match call.header(header::IF_NONE_MATCH.as_str()) {
            Some(tags) => self.is_among(tags),
            None => date(call, &header::IF_MODIFIED_SINCE).is_some_and(|since_s| self.modified_s <= since_s),
        }
    }

    fn is_among(&self, tags: &str) -> bool {
        let plain =
            |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').trim_end_matches("--gzip").to_owned();
        tags.split(',').any(|tag| tag.trim() == "*" || plain(tag) == plain(&self.etag))
    }

    /// Answers with the resource, or says that the caller has it.
    pub(crate) fn answer(&self, call: &Call<'_>, resource: impl FnOnce() -> Response) -> Response {
        let mut response = if self.is_known(call) { StatusCode::NOT_MODIFIED.into_response() } else { resource() };
        let modified = Timestamp::from_second(self.modified_s).ok();
        let modified = modified.and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok());
        for (name, value) in [(header::ETAG, Some(self.etag.clone())), (header::LAST_MODIFIED, modified)] {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

fn quoted(hash: u64) -> String {
    format!("\"{}\"", STANDARD.encode(hash.to_be_bytes()))
}

fn date(call: &Call<'_>, header: &HeaderName) -> Option<i64> {
    let text = call.header(header.as_str())?;
    DateTimeParser::new().parse_timestamp(text).ok().map(Timestamp::as_second)
}

/// Descriptions that were given out, by who asked and what for.
#[derive(Debug, Default)]
pub(crate) struct Descriptions(HashMap<String, Version>);

/// Descriptions remembered; beyond it all are forgotten, which costs a client one answer that it has already.
const DESCRIPTIONS_MAX: usize = 20_000;

impl Descriptions {
    /// The version of a description. When it was changed is known from its last reader on: a description that is another than
    /// before gets a later time, also within one second.
    pub(crate) fn version_of(&mut self, key: String, body: &str, now_ms: i64) -> Version {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let etag = quoted(hasher.finish());
        let now_s = now_ms.div_euclid(1000);
        let modified_s = match self.0.get(&key) {
            Some(known) if known.etag == etag => known.modified_s,
            Some(known) => known.modified_s.max(now_s) + 1,
            None => now_s,
        };
        if self.0.len() >= DESCRIPTIONS_MAX {
            self.0.clear();
        }
        let version = Version { etag, modified_s };
        self.0.insert(key, version.clone());
        version
    }
}
