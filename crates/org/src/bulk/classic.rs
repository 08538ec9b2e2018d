//! The first Bulk API, which older clients use: a job is a frame around batches, and each batch is run as a job of version 2.0.

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::csv::{CsvFormat, CsvWriter};
use super::ingest::{self, RowOutcome, error_text};
use super::job::{Content, Job, JobOrigin, JobRequest, JobState, Operation};
use super::query::{self, QueryRefusal};
use super::{BATCH_PREFIX, Bulk, BulkError, JOB_LIFE_MS, JOB_PREFIX};
use crate::OrgHandle;
use crate::core::id;
use crate::core::value::format_datetime;

/// Size of one batch (Bulk API guide: 10,000 records in 10 MB).
const BATCH_BYTES_MAX: usize = 10_000_000;

/// Whether a job takes more batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameState {
    Open,
    Closed,
    Aborted,
}

/// A job of the first Bulk API.
#[derive(Debug)]
pub(crate) struct ClassicJob {
    id: String,
    request: JobRequest,
    origin: JobOrigin,
    state: FrameState,
    pub(super) created_ms: i64,
    modified_ms: i64,
    batches: Vec<String>,
}

fn refused(code: &'static str, message: impl Into<String>) -> BulkError {
    BulkError::refused(code, message)
}

fn no_such_job(id: &str) -> BulkError {
    refused("InvalidJob", format!("Unable to find job for id: {id}"))
}

fn no_such_batch(id: &str) -> BulkError {
    refused("InvalidBatch", format!("Unable to find batch for id: {id}"))
}

/// An instant as the first Bulk API writes it.
fn instant(ms: i64) -> Value {
    json!(format_datetime(ms / 1000 * 1000).replace("+0000", "Z"))
}

/// Makes a job. The properties may be texts or what they are; nothing is known of their letter case.
pub(crate) fn open(
    org: &OrgHandle,
    properties: &Map<String, Value>,
    origin: JobOrigin,
    now_ms: i64,
) -> Result<Value, BulkError> {
    let text = |name: &str| properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let asked = text("operation").unwrap_or_default();
    let known = Operation::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(asked));
    let (operation, _) = known.ok_or_else(|| refused("InvalidJob", format!("Operation not supported: {asked}")))?;
    let content = match text("contentType").unwrap_or("XML").to_ascii_uppercase().as_str() {
        "CSV" => Content::Csv,
        "JSON" => Content::Json,
        other => return Err(refused("FeatureNotEnabled", format!("Content type {other} is not available"))),
    };
    let mut request = JobRequest {
        operation: *operation,
        object: text("object").unwrap_or_default().to_owned(),
        external_id_field: text("externalIdFieldName").map(str::to_owned),
        assignment_rule_id: text("assignmentRuleId").map(str::to_owned),
        format: CsvFormat::default(),
        content,
    };
    {
        let state = org.lock();
        let access = state.access(&origin.user_id, now_ms);
        let checked = if operation.is_query() {
            match state.object(&request.object).filter(|object| access.reads(object)) {
                Some(object) => {
                    request.object = object.name.clone();
                    Ok(())
                }
                None => Err(refused("InvalidJob", format!("Unable to find object: {}", request.object))),
            }
        } else {
            ingest::check(&state, &access, &mut request)
        };
        checked.map_err(old_words)?;
    }
    let mut jobs = org.bulk().jobs();
    jobs.made += 1;
    let id = id::of_slot(JOB_PREFIX, jobs.made);
    let job = ClassicJob {
        id: id.clone(),
        request,
        origin,
        state: FrameState::Open,
        created_ms: now_ms,
        modified_ms: now_ms,
        batches: Vec::new(),
    };
    let told = job.to_json(&[]);
    jobs.classic.insert(id, job);
    Ok(told)
}

/// The codes of version 2.0 are those of the first in capitals, and its messages begin with them.
fn old_words(error: BulkError) -> BulkError {
    let BulkError::Refused(code, message) = error else { return error };
    let code = match code {
        "INVALIDJOB" => "InvalidJob",
        "INVALIDENTITY" => "InvalidEntity",
        "FEATURENOTENABLED" => "FeatureNotEnabled",
        other => other,
    };
    let message =
        message.split_once(" : ").filter(|(first, _)| *first == code).map_or(message.as_str(), |(_, rest)| rest);
    BulkError::Refused(code, message.to_owned())
}

impl ClassicJob {
    fn to_json(&self, batches: &[&Job]) -> Value {
        let count = |state: JobState| batches.iter().filter(|batch| batch.state == state).count();
        let sum = |part: fn(&Job) -> i64| batches.iter().map(|batch| part(batch)).sum::<i64>();
        let state = match self.state {
            FrameState::Open => "Open",
            FrameState::Closed => "Closed",
            FrameState::Aborted => "Aborted",
        };
        let mut body = json!({
            "apexProcessingTime": 0,
            "apiActiveProcessingTime": sum(|batch| batch.active_ms),
            "apiVersion": f64::from(self.origin.version),
            "assignmentRuleId": self.request.assignment_rule_id,
            "concurrencyMode": "Parallel",
            "contentType": if self.request.content == Content::Csv { "CSV" } else { "JSON" },
            "createdById": self.origin.user_id,
            "createdDate": instant(self.created_ms),
            "externalIdFieldName": self.request.external_id_field,
            "fastPathEnabled": false,
            "id": self.id,
            "numberBatchesCompleted": count(JobState::JobComplete),
            "numberBatchesFailed": count(JobState::Failed),
            "numberBatchesInProgress": count(JobState::InProgress),
            "numberBatchesQueued": count(JobState::UploadComplete),
            "numberBatchesTotal": batches.len(),
            "numberRecordsFailed": batches.iter().map(|batch| batch.failed_rows).sum::<usize>(),
            "numberRecordsProcessed": batches.iter().map(|batch| batch.processed_rows()).sum::<usize>(),
            "numberRetries": 0,
            "object": self.request.object,
            "operation": self.request.operation.name(),
            "state": state,
            "systemModstamp": instant(self.modified_ms),
            "totalProcessingTime": sum(|batch| batch.total_ms),
        });
        // XML has no place for nothing.
        if let Value::Object(body) = &mut body {
            body.retain(|_, value| !value.is_null());
        }
        body
    }
}

fn batch_json(job_id: &str, batch: &Job) -> Value {
    let state = match batch.state {
        JobState::Open | JobState::UploadComplete => "Queued",
        JobState::InProgress => "InProgress",
        JobState::JobComplete => "Completed",
        JobState::Failed => "Failed",
        JobState::Aborted => "Not Processed",
    };
    let mut body = json!({
        "apexProcessingTime": 0,
        "apiActiveProcessingTime": batch.active_ms,
        "createdDate": instant(batch.created_ms),
        "id": batch.id,
        "jobId": job_id,
        "numberRecordsFailed": batch.failed_rows,
        "numberRecordsProcessed": batch.processed_rows(),
        "state": state,
        "stateMessage": batch.error,
        "systemModstamp": instant(batch.modified_ms),
        "totalProcessingTime": batch.total_ms,
    });
    if let Value::Object(body) = &mut body
        && batch.error.is_none()
    {
        body.shift_remove("stateMessage");
    }
    body
}

impl Bulk {
    /// Looks at a job of the first Bulk API.
    fn classic<T>(
        &self,
        given: &str,
        now_ms: i64,
        look: impl FnOnce(&mut ClassicJob, &[&Job]) -> Result<T, BulkError>,
    ) -> Result<T, BulkError> {
        let id = id::normalize(given).ok_or_else(|| no_such_job(given))?;
        let jobs = &mut *self.jobs();
        let job = jobs.classic.get_mut(&id).filter(|job| now_ms < job.created_ms + JOB_LIFE_MS);
        let job = job.ok_or_else(|| no_such_job(given))?;
        let batches: Vec<&Job> = job.batches.iter().filter_map(|batch| jobs.known.get(batch)).collect();
        look(job, &batches)
    }

    pub(crate) fn classic_job(&self, id: &str, now_ms: i64) -> Result<Value, BulkError> {
        self.classic(id, now_ms, |job, batches| Ok(job.to_json(batches)))
    }

    /// What the rows of a job are written in.
    pub(crate) fn classic_content(&self, id: &str, now_ms: i64) -> Result<Content, BulkError> {
        self.classic(id, now_ms, |job, _| Ok(job.request.content))
    }

    pub(crate) fn classic_batches(&self, id: &str, now_ms: i64) -> Result<Vec<Value>, BulkError> {
        self.classic(id, now_ms, |job, batches| Ok(batches.iter().map(|batch| batch_json(&job.id, batch)).collect()))
    }

    /// Looks at a batch of a job.
    pub(crate) fn classic_batch<T>(
        &self,
        id: &str,
        batch: &str,
        now_ms: i64,
        look: impl FnOnce(&Job, Value) -> Result<T, BulkError>,
    ) -> Result<T, BulkError> {
        let wanted = id::normalize(batch).ok_or_else(|| no_such_batch(batch))?;
        self.classic(id, now_ms, |job, batches| {
            let found = batches.iter().find(|own| own.id == wanted).ok_or_else(|| no_such_batch(batch))?;
            look(found, batch_json(&job.id, found))
        })
    }

    /// Closes a job, or stops it with its batches.
    pub(crate) fn classic_state(&self, id: &str, asked: &str, now_ms: i64) -> Result<Value, BulkError> {
        let unfinished = self.classic(id, now_ms, |job, batches| {
            job.state = match (asked, job.state) {
                ("Closed", FrameState::Open) => FrameState::Closed,
                ("Aborted", FrameState::Open | FrameState::Closed) => FrameState::Aborted,
                ("Closed" | "Aborted", _) => {
                    return Err(refused("InvalidJobState", "Closing already Completed/Aborted Job not allowed"));
                }
                _ => return Err(refused("InvalidJob", format!("Job state not supported: {asked}"))),
            };
            job.modified_ms = now_ms;
            let unfinished = batches.iter().filter(|batch| asked == "Aborted" && !batch.state.is_final());
            Ok(unfinished.map(|batch| batch.id.clone()).collect::<Vec<_>>())
        })?;
        for batch in unfinished {
            // One that ended meanwhile needs no stop.
            let _ = self.abort(&batch, now_ms);
        }
        self.classic_job(id, now_ms)
    }
}

/// Adds a batch to an open job and starts it: rows, or the statement of a query.
pub(crate) fn add_batch(org: &OrgHandle, id: &str, body: &Bytes) -> Result<Value, BulkError> {
    let now_ms = org.now_ms();
    let (request, origin) = org.bulk().classic(id, now_ms, |job, _| {
        if job.state != FrameState::Open {
            return Err(refused("InvalidJobState", "Unable to add a batch to a job that is not open"));
        }
        Ok((job.request.clone(), job.origin.clone()))
    })?;
    if body.len() > BATCH_BYTES_MAX {
        return Err(refused("ClientInputError", format!("Batch is larger than {BATCH_BYTES_MAX} bytes")));
    }
    let batch = if request.operation.is_query() {
        let statement = String::from_utf8_lossy(body);
        match query::begin(org, BATCH_PREFIX, request.clone(), origin.clone(), &statement) {
            Ok(batch) => batch,
            Err(refusal) => {
                let batch = org.bulk().open(BATCH_PREFIX, request, origin, now_ms)?;
                org.bulk().advance(&batch, JobState::Failed, now_ms, |job| job.error = Some(failure(refusal)));
                batch
            }
        }
    } else {
        let data = match request.content {
            Content::Csv => body.clone(),
            Content::Json => table(body)?,
        };
        let batch = org.bulk().open(BATCH_PREFIX, request, origin, now_ms)?;
        org.bulk().upload(&batch, now_ms, data)?;
        ingest::begin(org, &batch)?;
        batch
    };
    org.bulk().classic(id, now_ms, |job, _| {
        job.batches.push(batch.clone());
        Ok(())
    })?;
    org.bulk().classic_batch(id, &batch, now_ms, |_, told| Ok(told))
}

/// Why the batch of a query failed.
fn failure(refusal: QueryRefusal) -> String {
    let (code, message) = match refusal {
        QueryRefusal::Soql(error) => (error.code, error.message),
        QueryRefusal::Bulk(BulkError::NotFound) => ("NOT_FOUND", String::new()),
        QueryRefusal::Bulk(BulkError::Refused("API_ERROR", message)) => ("FUNCTIONALITY_NOT_ENABLED", message),
        QueryRefusal::Bulk(BulkError::Refused(code, message)) => (code, message),
    };
    format!("InvalidBatch : Failed to process query: {code}: {message}")
}

/// Records in JSON as the CSV that says the same: null clears a field, a parent's key is a column of the relationship.
fn table(body: &Bytes) -> Result<Bytes, BulkError> {
    let unreadable = |error: serde_json::Error| refused("ClientInputError", format!("Failed to parse JSON: {error}"));
    let records: Vec<Map<String, Value>> = serde_json::from_slice(body).map_err(unreadable)?;
    let mut columns: Vec<String> = Vec::new();
    let mut rows: Vec<Map<String, Value>> = Vec::with_capacity(records.len());
    for record in records {
        let mut row = Map::new();
        for (name, value) in record.into_iter().filter(|(name, _)| name != "attributes") {
            match value {
                Value::Object(parent) => {
                    let keys = parent.into_iter().filter(|(key, _)| key != "attributes");
                    row.extend(keys.map(|(key, value)| (format!("{name}.{key}"), value)));
                }
                value => drop(row.insert(name, value)),
            }
        }
        columns.extend(row.keys().filter(|name| !columns.contains(name)).cloned().collect::<Vec<_>>());
        rows.push(row);
    }
    let mut writer = CsvWriter::new(CsvFormat::default());
    writer.row(columns.iter().map(String::as_str));
    for row in rows {
        for column in &columns {
            match row.get(column) {
                None => writer.text(""),
                Some(Value::Null) => writer.text("#N/A"),
                Some(Value::String(text)) => writer.text(text),
                Some(other) => writer.text(&other.to_string()),
            }
        }
        writer.end_row();
    }
    Ok(writer.take().into())
}

/// What became of the rows of a batch, in their order, as the job's content says.
pub(crate) fn results(batch: &Job) -> Bytes {
    if batch.request.content == Content::Json {
        let result = |row: &RowOutcome| match row {
            RowOutcome::Done { id, created } => json!({ "success": true, "created": created, "id": id, "errors": [] }),
            RowOutcome::Failed { error, .. } => json!({ "success": false, "created": false, "id": null, "errors": [{
                "statusCode": error.code, "message": error.message, "fields": error.fields, "extendedErrorDetails": null }] }),
        };
        let results: Value = batch.rows.iter().map(|row| result(&row.outcome)).collect();
        return results.to_string().into();
    }
    let mut writer = CsvWriter::new(CsvFormat::default());
    writer.row(["Id", "Success", "Created", "Error"]);
    for row in &batch.rows {
        match &row.outcome {
            RowOutcome::Done { id, created } => {
                writer.row([&**id, "true", if *created { "true" } else { "false" }, ""])
            }
            RowOutcome::Failed { error, .. } => writer.row(["", "false", "false", &error_text(error)]),
        }
    }
    writer.take().into()
}
