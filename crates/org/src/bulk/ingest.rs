//! The work of an ingest job: rows become writes, 200 in a transaction, and each keeps what became of it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use axum::body::Bytes;

use super::columns::Columns;
use super::csv::{CsvFault, CsvFormat, CsvReader, CsvWriter, HEADER_CHARS_MAX};
use super::job::{Job, JobOrigin, JobRequest, JobState, Operation};
use super::run::{self, Outcome, Run};
use super::{BATCH_ROWS, Bulk, BulkError, JOB_PREFIX, UPLOAD_BYTES_MAX};
use crate::OrgHandle;
use crate::core::{Access, Org, Permission, Write, WriteContext, WriteError, WriteOutcome};
use crate::faults::Seen;

/// Rows in a transaction, as triggers see them (Bulk API 2.0 guide).
const TRANSACTION_ROWS: usize = 200;
/// Rows of a result file that are written under one hold of the list's lock.
const ROWS_AT_ONCE: usize = 2_000;

/// What became of one row.
#[derive(Debug)]
pub(crate) struct RowResult {
    /// Where it ends in the upload.
    end: usize,
    pub(crate) outcome: RowOutcome,
}

#[derive(Debug)]
pub(crate) enum RowOutcome {
    Done { id: Box<str>, created: bool },
    Failed { id: Box<str>, error: WriteError },
}

/// Checks what is asked of an ingest job against the org, and sets it on the list.
pub(crate) fn open(org: &OrgHandle, mut request: JobRequest, origin: JobOrigin) -> Result<String, BulkError> {
    let now_ms = org.now_ms();
    {
        let state = org.lock();
        let access = state.access(&origin.user_id, now_ms);
        check(&state, &access, &mut request)?;
    }
    org.bulk().open(JOB_PREFIX, request, origin, now_ms)
}

pub(super) fn check(org: &Org, access: &Access, request: &mut JobRequest) -> Result<(), BulkError> {
    let invalid = |message: String| BulkError::refused("INVALIDJOB", format!("InvalidJob : {message}"));
    let known = org.object(&request.object).filter(|object| access.reads(object) && !object.tooling);
    let object = known.ok_or_else(|| invalid(format!("Unable to find object: {}", request.object)))?;
    if !object.writeable {
        let message = format!("{} is not supported by the Bulk API", object.name);
        return Err(BulkError::refused("INVALIDENTITY", message));
    }
    request.object = object.name.clone();
    if request.operation == Operation::HardDelete && !access.has(Permission::BulkApiHardDelete) {
        let message = "hardDelete operation requires special user profile permission, please contact your system \
                       administrator";
        return Err(BulkError::refused("FEATURENOTENABLED", format!("FeatureNotEnabled : {message}")));
    }
    if request.operation != Operation::Upsert {
        request.external_id_field = None;
        return Ok(());
    }
    let Some(given) = request.external_id_field.take() else {
        let object = &request.object;
        let message = format!("External ID was blank for {object}. An External ID must be specified for upsert.");
        return Err(invalid(message));
    };
    let found = access.field_named(object, &given).filter(|(_, field)| field.id_lookup || field.name == "Id");
    let (_, field) = found.ok_or_else(|| {
        invalid(format!("Field name provided, {given} does not match an External ID for {}", object.name))
    })?;
    request.external_id_field = Some(field.name.clone());
    Ok(())
}

impl Bulk {
    /// Gives an open job its data: once.
    pub(crate) fn upload(&self, id: &str, now_ms: i64, data: Bytes) -> Result<(), BulkError> {
        if data.len() > UPLOAD_BYTES_MAX {
            let message = "The uploaded data is larger than the 150 MB that a job may have";
            return Err(BulkError::refused("BULK_API_ERROR", message));
        }
        self.change(id, now_ms, |job| {
            if job.request.operation.is_query() {
                return Err(BulkError::NotFound);
            }
            if job.state != JobState::Open {
                return Err(BulkError::state(format!("Adding data to a Job in state {} not allowed", job.state.name())));
            }
            if job.upload.is_some() {
                // The spelling is Salesforce's own.
                let message = format!(
                    "Found multipe contents for job: <{}>, please 'Close' / 'Abort' / 'Delete' the current Job then create a \
                     new Job and make sure you only do 'PUT' once on a given Job.",
                    &job.id[..15]
                );
                return Err(BulkError::refused("BULK_API_ERROR", message));
            }
            job.upload = Some(data);
            Ok(())
        })
    }
}

/// Ends the upload of a job and starts the work.
pub(crate) fn begin(org: &OrgHandle, id: &str) -> Result<(), BulkError> {
    let now_ms = org.now_ms();
    org.bulk().change(id, now_ms, |job| {
        if job.request.operation.is_query() {
            return Err(BulkError::NotFound);
        }
        if job.state != JobState::Open {
            return Err(BulkError::state("Closing already Completed/Aborted Job not allowed"));
        }
        job.state = JobState::UploadComplete;
        job.modified_ms = now_ms;
        Ok(())
    })?;
    run::start(org, id, work);
    Ok(())
}

fn work(run: &Run) -> Outcome {
    let upload = run.org.bulk().look(&run.id, run.org.now_ms(), |job| job.upload.clone()).ok().flatten();
    let upload = upload.unwrap_or_default();
    let format = run.request.format;
    let text = std::str::from_utf8(&upload).map_err(|_| "ClientInputError : The data is not in UTF-8".to_owned())?;
    let mut reader = CsvReader::new(text, format);
    let mut header = Vec::new();
    if !reader.read(&mut header).map_err(|fault| told(fault, format))? {
        return Err("InvalidBatch : The batch has no header row".to_owned());
    }
    if text[..reader.position()].chars().count() > HEADER_CHARS_MAX {
        return Err(format!("InvalidBatch : The header row is longer than {HEADER_CHARS_MAX} characters"));
    }
    let header_end = reader.position();
    // A job that was deleted meanwhile has nobody to tell.
    let _ = run.org.bulk().change(&run.id, run.org.now_ms(), |job| {
        job.header_end = header_end;
        Ok(())
    });
    let columns = {
        let org = run.org.lock();
        let access = org.access(&run.origin.user_id, run.org.now_ms());
        Columns::bind(&org, &access, &run.request, &header)?
    };
    check_rows(reader.clone(), columns.len(), format)?;
    let mut rows = Vec::with_capacity(TRANSACTION_ROWS);
    let mut done = 0;
    while !run.is_cancelled() {
        let ends = take(&mut reader, &mut rows);
        if rows.is_empty() {
            break;
        }
        if done % BATCH_ROWS == 0 && !run.org.bulk().count_batch(run.org.now_ms()) {
            return Err("ExceededQuota : ApiBatchItems Limit exceeded.".to_owned());
        }
        done += rows.len();
        if let Some(error) = run.org.bulk().failure_after(done) {
            return Err(error);
        }
        let outcomes = commit(&run.org, &run.origin, &columns, &rows);
        let results = ends.into_iter().zip(outcomes).map(|(end, outcome)| RowResult { end, outcome });
        let _ = run.org.bulk().change(&run.id, run.org.now_ms(), |job| {
            job.note(results);
            Ok(())
        });
    }
    Ok(None)
}

fn told(fault: CsvFault, format: CsvFormat) -> String {
    match fault {
        CsvFault::LineEnding => {
            let setting = format.line_ending_name();
            format!("ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {setting}")
        }
        CsvFault::Quote => "ClientInputError : A quoted field of the CSV does not end where it should".to_owned(),
    }
}

/// Nothing is written of a file that cannot be read to its end.
fn check_rows(mut reader: CsvReader<'_>, width: usize, format: CsvFormat) -> Result<(), String> {
    let mut row = Vec::with_capacity(width);
    let mut line = 1_usize;
    while reader.read(&mut row).map_err(|fault| told(fault, format))? {
        line += 1;
        if row.len() != width {
            let count = row.len();
            return Err(format!("InvalidBatch : Row {line} has {count} fields, but the header has {width}"));
        }
    }
    Ok(())
}

/// Takes the rows of one transaction and says where each ends.
fn take<'t>(reader: &mut CsvReader<'t>, rows: &mut Vec<Vec<Cow<'t, str>>>) -> Vec<usize> {
    rows.clear();
    let mut ends = Vec::with_capacity(TRANSACTION_ROWS);
    while rows.len() < TRANSACTION_ROWS {
        let mut row = Vec::new();
        // The file was read to its end before.
        if !reader.read(&mut row).unwrap_or(false) {
            break;
        }
        rows.push(row);
        ends.push(reader.position());
    }
    ends
}

/// One transaction: each row by itself succeeds or fails.
fn commit(org: &OrgHandle, origin: &JobOrigin, columns: &Columns, rows: &[Vec<Cow<'_, str>>]) -> Vec<RowOutcome> {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for key in rows.iter().filter_map(|row| columns.key_in(row)) {
        *uses.entry(key).or_default() += 1;
    }
    let has_fault_rules = org.has_fault_rules();
    let writes: Vec<Result<Write, WriteError>> = {
        let state = org.lock();
        let write = |row: &Vec<Cow<'_, str>>| match columns.key_in(row) {
            _ if has_fault_rules && let Some(error) = strike(org, columns.object()) => Err(error),
            Some(key) if uses.get(&key).is_some_and(|uses| *uses > 1) => Err(columns.key_is_repeated(row)),
            _ => columns.write(&state, row),
        };
        rows.iter().map(write).collect()
    };
    let (faults, writes): (Vec<_>, Vec<_>) = writes
        .into_iter()
        .map(|write| match write {
            Ok(write) => (None, Some(write)),
            Err(error) => (Some(error), None),
        })
        .unzip();
    let context = WriteContext {
        user_id: origin.user_id.clone(),
        change_origin: origin.change_origin.clone(),
        now_ms: org.now_ms(),
    };
    let mut committed = org.commit(&context, false, writes.into_iter().flatten().collect()).into_iter();
    let results = faults.into_iter().zip(rows).map(|(fault, row)| {
        let result = fault.map_or_else(|| committed.next(), |error| Some(Err(error)));
        outcome(result.unwrap_or_else(|| Err(WriteError::new("UNKNOWN_EXCEPTION", "no result"))), columns.id_in(row))
    });
    results.collect()
}

/// What a row is refused for by the faults that are on; they know an ingest job by its path.
fn strike(org: &OrgHandle, object: &str) -> Option<WriteError> {
    let is_about = |asked: &str| asked.eq_ignore_ascii_case(object);
    org.strike_row(Seen { method: "PATCH", path: "/jobs/ingest/{id}", is_about: &is_about })
}

fn outcome(result: Result<WriteOutcome, WriteError>, given_id: &str) -> RowOutcome {
    match result {
        Ok(outcome) => RowOutcome::Done { id: outcome.id.into(), created: outcome.created },
        Err(error) => RowOutcome::Failed { id: given_id.into(), error },
    }
}

/// An error as a result file has it.
pub(crate) fn error_text(error: &WriteError) -> String {
    let fields = if error.fields.is_empty() { String::new() } else { error.fields.join(" ") + " " };
    format!("{}:{}:{fields}--", error.code, error.message)
}

/// Which of a job's result files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultFile {
    Successful,
    Failed,
    Unprocessed,
}

impl Job {
    fn note(&mut self, results: impl Iterator<Item = RowResult>) {
        for result in results {
            self.failed_rows += usize::from(matches!(result.outcome, RowOutcome::Failed { .. }));
            self.rows.push(result);
        }
    }

    /// Some of the upload, all of which was found to be text before.
    fn uploaded(&self, range: Range<usize>) -> &str {
        let bytes = self.upload.as_deref().and_then(|upload| upload.get(range));
        bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Where the rows end that something became of.
    fn processed_end(&self) -> usize {
        self.rows.last().map_or(self.header_end, |row| row.end)
    }

    /// The first piece of a result file, its header row, and how many rows the file has. For what was not processed that is
    /// as it was uploaded.
    pub(crate) fn result_header(&self, file: ResultFile) -> Result<(Bytes, usize), BulkError> {
        if !self.state.is_final() {
            let message = format!("Results of a Job in state {} are not available", self.state.name());
            return Err(BulkError::state(message));
        }
        if file == ResultFile::Unprocessed {
            let header = self.upload.as_ref().map(|upload| upload.slice(..self.header_end));
            return Ok((header.unwrap_or_default(), 0));
        }
        let mut header = Vec::new();
        let mut reader = CsvReader::new(self.uploaded(0..self.header_end), self.request.format);
        let is_read = reader.read(&mut header).unwrap_or(false);
        let second = if file == ResultFile::Successful { "sf__Created" } else { "sf__Error" };
        let mut writer = CsvWriter::new(self.request.format);
        let names = header.iter().filter(|_| is_read).map(|name| &**name);
        writer.row(["sf__Id", second].into_iter().chain(names));
        let failed = self.failed_rows;
        let count = if file == ResultFile::Successful { self.rows.len() - failed } else { failed };
        Ok((writer.take().into(), count))
    }

    /// The piece of a result file that begins with the row at `from`, and where the next begins; nothing at the end.
    pub(crate) fn result_piece(&self, file: ResultFile, from: usize) -> Option<(Bytes, usize)> {
        if file == ResultFile::Unprocessed {
            let rest = self.upload.as_ref()?.slice(self.processed_end()..);
            return (from == 0).then_some((rest, 1));
        }
        let results = self.rows.get(from..).filter(|results| !results.is_empty())?;
        let results = &results[..results.len().min(ROWS_AT_ONCE)];
        let mut begins = from.checked_sub(1).map_or(self.header_end, |before| self.rows[before].end);
        let mut writer = CsvWriter::new(self.request.format);
        let mut row = Vec::new();
        for result in results {
            let range = std::mem::replace(&mut begins, result.end)..result.end;
            let (id, second) = match (&result.outcome, file) {
                (RowOutcome::Done { id, created: true }, ResultFile::Successful) => (id, "true".to_owned()),
                (RowOutcome::Done { id, created: false }, ResultFile::Successful) => (id, "false".to_owned()),
                (RowOutcome::Failed { id, error }, ResultFile::Failed) => (id, error_text(error)),
                _ => continue,
            };
            CsvReader::amid(self.uploaded(range), self.request.format).read(&mut row).ok()?;
            writer.row([&**id, &*second].into_iter().chain(row.iter().map(|field| &**field)));
        }
        Some((writer.take().into(), from + results.len()))
    }
}
