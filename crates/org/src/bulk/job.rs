//! One job: what it was asked to do, how far it is, and how it tells of itself. It does nothing by itself.

use std::sync::Arc;

use axum::body::Bytes;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::BulkError;
use super::csv::{CsvFormat, Delimiter, LineEnding};
use super::ingest::RowResult;
use super::spool::Spool;
use crate::core::value::format_datetime;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Query,
    QueryAll,
    Insert,
    Update,
    Upsert,
    Delete,
    HardDelete,
}

impl Operation {
    pub(super) const ALL: [(Operation, &str); 7] = [
        (Operation::Query, "query"),
        (Operation::QueryAll, "queryAll"),
        (Operation::Insert, "insert"),
        (Operation::Update, "update"),
        (Operation::Upsert, "upsert"),
        (Operation::Delete, "delete"),
        (Operation::HardDelete, "hardDelete"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Operation::ALL.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn is_query(self) -> bool {
        matches!(self, Operation::Query | Operation::QueryAll)
    }

    pub(crate) fn is_delete(self) -> bool {
        matches!(self, Operation::Delete | Operation::HardDelete)
    }
}

/// Where a job is (Bulk API 2.0 guide).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    /// Waits for data.
    Open,
    /// Waits for its turn.
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl JobState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            JobState::Open => "Open",
            JobState::UploadComplete => "UploadComplete",
            JobState::InProgress => "InProgress",
            JobState::JobComplete => "JobComplete",
            JobState::Failed => "Failed",
            JobState::Aborted => "Aborted",
        }
    }

    /// Whether nothing more will happen.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, JobState::JobComplete | JobState::Failed | JobState::Aborted)
    }
}

/// What a client asks for when it makes a job.
#[derive(Clone, Debug)]
pub(crate) struct JobRequest {
    pub(crate) operation: Operation,
    pub(crate) object: String,
    pub(crate) external_id_field: Option<String>,
    pub(crate) assignment_rule_id: Option<String>,
    pub(crate) format: CsvFormat,
    pub(crate) content: Content,
}

/// What the rows of a job are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Csv,
    /// Only in the first Bulk API.
    Json,
}

/// Who made a job, with which API.
#[derive(Clone, Debug)]
pub(crate) struct JobOrigin {
    /// 18-character id of the user, as whom the job runs.
    pub(crate) user_id: String,
    /// What change events say of its writes.
    pub(crate) change_origin: String,
    /// Number of the API version.
    pub(crate) version: u32,
}

/// One job.
#[derive(Debug)]
pub(crate) struct Job {
    /// 18-character id (`750…`; `751…` for a batch of a job of the first Bulk API).
    pub(crate) id: String,
    pub(crate) request: JobRequest,
    pub(crate) origin: JobOrigin,
    pub(crate) state: JobState,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    pub(crate) error: Option<String>,
    /// Milliseconds from the beginning of the work to now or its end, and how many of them in the API.
    pub(crate) total_ms: i64,
    pub(crate) active_ms: i64,
    /// Result of a query.
    pub(crate) result: Option<Arc<Spool>>,
    /// Data of an ingest job.
    pub(crate) upload: Option<Bytes>,
    /// Where its header row ends; 0 until it was read.
    pub(crate) header_end: usize,
    /// What became of its rows so far, in their order.
    pub(crate) rows: Vec<RowResult>,
    pub(crate) failed_rows: usize,
    pub(crate) cancel: CancellationToken,
}

impl Job {
    /// How the job tells of itself. `has_progress` is what a job says when it is asked, not yet when it is made.
    pub(crate) fn to_json(&self, has_progress: bool) -> Value {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("id", json!(self.id));
        put("operation", json!(self.request.operation.name()));
        put("object", json!(self.request.object));
        put("createdById", json!(self.origin.user_id));
        put("createdDate", json!(format_datetime(self.created_ms / 1000 * 1000)));
        put("systemModstamp", json!(format_datetime(self.modified_ms / 1000 * 1000)));
        put("state", json!(self.state.name()));
        if let Some(field) = &self.request.external_id_field {
            put("externalIdFieldName", json!(field));
        }
        if let Some(rule) = &self.request.assignment_rule_id {
            put("assignmentRuleId", json!(rule));
        }
        put("concurrencyMode", json!("Parallel"));
        put("contentType", json!("CSV"));
        put("apiVersion", json!(f64::from(self.origin.version)));
        if self.state == JobState::Open {
            let url = format!("services/data/v{}.0/jobs/ingest/{}/batches", self.origin.version, self.id);
            put("contentUrl", json!(url));
        }
        let is_query = self.request.operation.is_query();
        if has_progress {
            put("jobType", json!(if is_query { "V2Query" } else { "V2Ingest" }));
        }
        put("lineEnding", json!(self.request.format.line_ending_name()));
        put("columnDelimiter", json!(self.request.format.delimiter_name()));
        if has_progress {
            put("numberRecordsProcessed", json!(self.processed_rows()));
            if !is_query {
                put("numberRecordsFailed", json!(self.failed_rows));
            }
            if let Some(error) = &self.error {
                put("errorMessage", json!(error));
            }
            put("retries", json!(0));
            put("totalProcessingTime", json!(self.total_ms));
            if is_query {
                put("isPkChunkingSupported", json!(true));
            } else {
                put("apiActiveProcessingTime", json!(self.active_ms));
                // No Apex runs here.
                put("apexProcessingTime", json!(0));
            }
        }
        Value::Object(body)
    }

    /// Rows that were found, or that were tried.
    pub(crate) fn processed_rows(&self) -> usize {
        self.result.as_ref().map_or(self.rows.len(), |result| result.rows())
    }
}

/// The value of a property that is one of several words, in any case; `default` where nothing is said.
fn word<T: Copy>(body: &Map<String, Value>, name: &str, all: &[(T, &str)], default: Option<T>) -> Result<T, BulkError> {
    let given = match body.get(name) {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text.as_str(),
        Some(_) => "?",
    };
    let known = all.iter().find(|(_, word)| word.eq_ignore_ascii_case(given)).map(|(value, _)| *value);
    known.or(default.filter(|_| given.is_empty())).ok_or_else(|| {
        BulkError::refused("API_ERROR", format!("Invalid value: '{given}' supplied for property: '{name}'"))
    })
}

impl JobRequest {
    /// Reads what both kinds of job have in common from a request's body. The operation must be one of a query, or none.
    pub(crate) fn read(body: &Map<String, Value>, is_query: bool) -> Result<JobRequest, BulkError> {
        let operations: Vec<_> =
            Operation::ALL.into_iter().filter(|(operation, _)| operation.is_query() == is_query).collect();
        word(body, "contentType", &[((), "CSV")], Some(()))?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(JobRequest {
            operation: word(body, "operation", &operations, None)?,
            object: text("object").unwrap_or_default(),
            external_id_field: text("externalIdFieldName"),
            assignment_rule_id: text("assignmentRuleId"),
            format: CsvFormat {
                delimiter: word(body, "columnDelimiter", &Delimiter::ALL, Some(Delimiter::Comma))?,
                line_ending: word(body, "lineEnding", &LineEnding::ALL, Some(LineEnding::Lf))?,
            },
            content: Content::Csv,
        })
    }
}
