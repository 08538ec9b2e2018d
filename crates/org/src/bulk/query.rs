//! The work of a query job: found rows become CSV, a few at a time, so that others get at the org in between.

use std::sync::Arc;

use serde_json::{Value, json};

use super::csv::CsvWriter;
use super::job::{Content, Operation};
use super::run::{self, Outcome, Run};
use super::spool::SpoolWriter;
use super::{BulkError, job::JobOrigin, job::JobRequest};
use crate::OrgHandle;
use crate::core::value::{parse_date, parse_datetime};
use crate::soql::{self, Asker, Execution, ResultRows, SoqlError};

/// Rows that are written under one hold of the org's lock: about a millisecond.
const ROWS_AT_ONCE: usize = 2_000;

const DAY_MS: i64 = 86_400_000;

/// Why a query cannot be a bulk query.
#[derive(Debug)]
pub(crate) enum QueryRefusal {
    /// The statement has a fault.
    Soql(SoqlError),
    /// Bulk queries do not do this, or not now.
    Bulk(BulkError),
}

/// Runs a statement as of now and starts a job that writes what was found. Gives the job's id. The object must be that of the
/// statement, if one is named.
pub(crate) fn begin(
    org: &OrgHandle,
    prefix: &str,
    mut request: JobRequest,
    origin: JobOrigin,
    statement: &str,
) -> Result<String, QueryRefusal> {
    let unsupported = |message: &str| QueryRefusal::Bulk(BulkError::refused("API_ERROR", message));
    if let Some(message) = soql::bulk_restriction(statement) {
        return Err(unsupported(message));
    }
    let now_ms = org.now_ms();
    let rows = {
        let state = org.lock();
        let access = state.access(&origin.user_id, now_ms);
        let include_deleted = request.operation == Operation::QueryAll;
        let asker = Asker { access: &access, now_ms, include_deleted, tooling: false };
        let rows = match soql::run(&state, &asker, statement).map_err(QueryRefusal::Soql)? {
            Execution::Rows(rows) => rows,
            _ => return Err(unsupported("Aggregate Relationships not supported in Bulk Query")),
        };
        if rows.has_compound_column() {
            return Err(unsupported("Selecting compound data not supported in Bulk Query"));
        }
        rows
    };
    if !request.object.is_empty() && request.object != rows.object() {
        let message = format!(
            "The root entity of the requested query ({}) does not match the entity of the requested Bulk API Job ({}).",
            rows.object(),
            request.object
        );
        return Err(QueryRefusal::Bulk(BulkError::refused("INVALID_TYPE_FOR_OPERATION", message)));
    }
    request.object = rows.object().to_owned();
    let id = org.bulk().open(prefix, request, origin, now_ms).map_err(QueryRefusal::Bulk)?;
    run::start(org, &id, move |run| match run.request.content {
        Content::Csv => spool(run, &rows),
        Content::Json => spool_json(run, &rows),
    });
    Ok(id)
}

fn spool(run: &Run, rows: &ResultRows) -> Outcome {
    if let Some(error) = run.org.bulk().failure_after(rows.len()) {
        return Err(error);
    }
    let mut writer = CsvWriter::new(run.request.format);
    let names = rows.column_names(&run.org.lock());
    writer.row(names.iter().map(String::as_str));
    let mut spool = SpoolWriter::new(writer.take());
    let mut lengths = Vec::with_capacity(ROWS_AT_ONCE);
    for from in (0..rows.len()).step_by(ROWS_AT_ONCE) {
        if run.is_cancelled() {
            return Ok(None);
        }
        lengths.clear();
        let mut row_begins = 0;
        rows.each_cell(&run.org.lock(), from..rows.len().min(from + ROWS_AT_ONCE), |cell| match cell {
            Some(value) => writer.value(value),
            None => {
                writer.end_row();
                lengths.push(writer.len() - row_begins);
                row_begins = writer.len();
            }
        });
        let written = spool.write(&writer.take(), lengths.drain(..));
        written.map_err(|error| format!("InternalServerError : {error}"))?;
    }
    Ok(Some(Arc::new(spool.finish())))
}

/// The same as JSON objects, each after the first behind a comma. Times are numbers of milliseconds.
fn spool_json(run: &Run, rows: &ResultRows) -> Outcome {
    let base = format!("/services/data/v{}.0", run.origin.version);
    let mut spool = SpoolWriter::new(Vec::new());
    let times = rows.time_columns(&run.org.lock());
    for from in (0..rows.len()).step_by(ROWS_AT_ONCE) {
        if run.is_cancelled() {
            return Ok(None);
        }
        let records = rows.page(&run.org.lock(), from, ROWS_AT_ONCE, &base);
        for (mut record, number) in records.into_iter().zip(from..) {
            times.iter().for_each(|path| count_milliseconds(&mut record, path));
            let row = format!("{}{record}", if number == 0 { "" } else { "," });
            let written = spool.write(row.as_bytes(), std::iter::once(row.len()));
            written.map_err(|error| format!("InternalServerError : {error}"))?;
        }
    }
    Ok(Some(Arc::new(spool.finish())))
}

/// Turns the time at a path into milliseconds since 1970.
fn count_milliseconds(record: &mut Value, path: &str) {
    let place = path.split('.').try_fold(record, |place, name| place.get_mut(name));
    if let Some(place) = place
        && let Some(text) = place.as_str()
        && let Some(ms) = parse_datetime(text).or_else(|| parse_date(text).map(|days| i64::from(days) * DAY_MS))
    {
        *place = json!(ms);
    }
}
