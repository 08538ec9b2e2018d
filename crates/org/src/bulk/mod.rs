//! Bulk API 2.0: jobs that read many rows, or write them, in their own time.
//!
//! [`classic`] does the same for the first Bulk API. [`job`] says what a job is, [`csv`] how rows are written, [`columns`] what the columns of an upload mean, [`ingest`] and
//! [`query`] do the work when [`run`] says so, [`spool`] keeps what a query found. Here is the list of jobs. Nothing here knows HTTP.

pub(crate) mod classic;
mod columns;
pub(crate) mod csv;
pub(crate) mod ingest;
pub(crate) mod job;
pub(crate) mod query;
mod run;
pub(crate) mod spool;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::core::id;
use job::{Job, JobOrigin, JobRequest, JobState};

/// Largest upload of one job, as text (Bulk API 2.0 guide: 150 MB when encoded).
pub(crate) const UPLOAD_BYTES_MAX: usize = 150 * 1024 * 1024;
/// Rows of an upload that count as one batch of the daily quota (Bulk API 2.0 guide).
const BATCH_ROWS: usize = 10_000;
/// What the ids of jobs begin with, and those of batches.
pub(crate) const JOB_PREFIX: &str = "750";
const BATCH_PREFIX: &str = "751";
/// How long jobs and their results are kept (Bulk API 2.0 guide: seven days).
const JOB_LIFE_MS: i64 = 7 * 24 * 3600 * 1000;
/// What the daily quotas look back upon.
const QUOTA_SPAN_MS: i64 = 24 * 3600 * 1000;

/// How bulk jobs behave. Each can be set while the org runs.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BulkSettings {
    /// How long a job stays at least in each state on its way, in milliseconds. Salesforce takes seconds; the default is nothing.
    pub state_ms_min: u64,
    /// Query jobs in 24 hours.
    pub query_jobs_max: usize,
    /// Batches of 10,000 uploaded rows in 24 hours.
    pub batches_max: usize,
    /// Rows in a page of results when the client does not say how many.
    pub page_rows: usize,
    /// A job that comes to more rows than this fails there, as one does whose batches time out again and again; none if it is not said.
    pub fail_after_rows: Option<usize>,
}

impl Default for BulkSettings {
    fn default() -> BulkSettings {
        BulkSettings {
            state_ms_min: 0,
            query_jobs_max: 10_000,
            batches_max: 15_000,
            page_rows: 250_000,
            fail_after_rows: None,
        }
    }
}

/// Why a job cannot be made, changed or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BulkError {
    /// There is no such job.
    NotFound,
    /// The request, or the state of the job, does not allow it: Salesforce's code and words.
    Refused(&'static str, String),
}

impl BulkError {
    pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> BulkError {
        BulkError::Refused(code, message.into())
    }

    pub(crate) fn state(message: impl Into<String>) -> BulkError {
        BulkError::refused("INVALIDJOBSTATE", message)
    }
}

/// The bulk jobs of one org.
#[derive(Debug, Default)]
pub struct Bulk {
    jobs: Mutex<Jobs>,
    closing: CancellationToken,
}

#[derive(Debug, Default)]
struct Jobs {
    settings: BulkSettings,
    /// By id, which is the order in which they were made.
    known: BTreeMap<String, Job>,
    made: usize,
    /// Jobs of the first Bulk API, whose batches are among the others.
    classic: BTreeMap<String, classic::ClassicJob>,
    /// When query jobs were made.
    queries: VecDeque<i64>,
    /// When batches were begun.
    batches: VecDeque<i64>,
}

impl Bulk {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How jobs behave.
    pub fn settings(&self) -> BulkSettings {
        self.jobs().settings.clone()
    }

    /// Makes jobs behave so from their next step on.
    pub fn set_settings(&self, settings: BulkSettings) {
        self.jobs().settings = settings;
    }

    /// Ends the work on every job, for good.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Query jobs and batches of the last 24 hours.
    pub fn used(&self, now_ms: i64) -> (usize, usize) {
        let mut jobs = self.jobs();
        forget(&mut jobs.queries, now_ms);
        forget(&mut jobs.batches, now_ms);
        (jobs.queries.len(), jobs.batches.len())
    }

    /// Puts a job on the list and gives its id: a query waits for its turn, an ingest job for its data.
    pub(crate) fn open(
        &self,
        prefix: &str,
        request: JobRequest,
        origin: JobOrigin,
        now_ms: i64,
    ) -> Result<String, BulkError> {
        let mut jobs = self.jobs();
        jobs.known.retain(|_, job| now_ms < job.created_ms + JOB_LIFE_MS || !job.state.is_final());
        jobs.classic.retain(|_, job| now_ms < job.created_ms + JOB_LIFE_MS);
        let is_query = request.operation.is_query();
        if is_query && prefix == JOB_PREFIX {
            self.count_query(&mut jobs, now_ms)?;
        }
        jobs.made += 1;
        let id = id::of_slot(prefix, jobs.made);
        let job = Job {
            id: id.clone(),
            request,
            origin,
            state: if is_query { JobState::UploadComplete } else { JobState::Open },
            created_ms: now_ms,
            modified_ms: now_ms,
            error: None,
            total_ms: 0,
            active_ms: 0,
            result: None,
            upload: None,
            header_end: 0,
            rows: Vec::new(),
            failed_rows: 0,
            cancel: self.closing.child_token(),
        };
        jobs.known.insert(id.clone(), job);
        Ok(id)
    }

    fn count_query(&self, jobs: &mut Jobs, now_ms: i64) -> Result<(), BulkError> {
        forget(&mut jobs.queries, now_ms);
        let max = jobs.settings.query_jobs_max;
        if jobs.queries.len() >= max {
            let message = format!("Max bulk v2 query jobs ({max}) per 24 hrs has been reached");
            return Err(BulkError::refused("LIMIT_EXCEEDED", message));
        }
        jobs.queries.push_back(now_ms);
        Ok(())
    }

    /// Counts one batch of an upload; false if the day's are used up.
    fn count_batch(&self, now_ms: i64) -> bool {
        let mut jobs = self.jobs();
        forget(&mut jobs.batches, now_ms);
        let is_within = jobs.batches.len() < jobs.settings.batches_max;
        if is_within {
            jobs.batches.push_back(now_ms);
        }
        is_within
    }

    /// Looks at a job, by its id in either form.
    pub(crate) fn look<T>(&self, given: &str, now_ms: i64, look: impl FnOnce(&Job) -> T) -> Result<T, BulkError> {
        self.change(given, now_ms, |job| Ok(look(job)))
    }

    /// Changes a job under the lock of the list.
    pub(crate) fn change<T>(
        &self,
        given: &str,
        now_ms: i64,
        change: impl FnOnce(&mut Job) -> Result<T, BulkError>,
    ) -> Result<T, BulkError> {
        let id = id::normalize(given).ok_or(BulkError::NotFound)?;
        let mut jobs = self.jobs();
        let job = jobs.known.get_mut(&id).filter(|job| now_ms < job.created_ms + JOB_LIFE_MS);
        change(job.ok_or(BulkError::NotFound)?)
    }

    /// Jobs of one kind after a job, oldest first: at most `count` of them, and whether there are more.
    pub(crate) fn list<T>(
        &self,
        after: Option<&str>,
        count: usize,
        wanted: impl Fn(&Job) -> bool,
        show: impl Fn(&Job) -> T,
    ) -> (Vec<T>, Option<String>) {
        let jobs = self.jobs();
        let mut later =
            jobs.known.values().filter(|job| after.is_none_or(|after| job.id.as_str() > after) && wanted(job));
        let mut last = None;
        let shown = later.by_ref().take(count).inspect(|job| last = Some(job.id.clone())).map(show).collect();
        let has_more = later.next().is_some();
        (shown, last.filter(|_| has_more))
    }

    /// Stops a job wherever it is.
    pub(crate) fn abort(&self, id: &str, now_ms: i64) -> Result<Value, BulkError> {
        self.change(id, now_ms, |job| {
            if job.state.is_final() {
                return Err(BulkError::state("Aborting already Completed Job not allowed"));
            }
            job.cancel.cancel();
            job.state = JobState::Aborted;
            job.modified_ms = now_ms;
            Ok(job.to_json(false))
        })
    }

    /// Takes a job and its data off the list.
    pub(crate) fn delete(&self, id: &str, now_ms: i64) -> Result<(), BulkError> {
        let id = self.change(id, now_ms, |job| {
            if job.state.is_final() {
                return Ok(job.id.clone());
            }
            Err(BulkError::state(format!("Deleting a Job in state {} not allowed", job.state.name())))
        })?;
        self.jobs().known.remove(&id);
        Ok(())
    }

    /// Moves a job on its way; false if it was aborted or is gone.
    fn advance(&self, id: &str, state: JobState, now_ms: i64, also: impl FnOnce(&mut Job)) -> bool {
        let moved = self.change(id, now_ms, |job| {
            let goes_on = !job.state.is_final();
            if goes_on {
                job.state = state;
                job.modified_ms = now_ms;
                also(job);
            }
            Ok(goes_on)
        });
        moved.unwrap_or(false)
    }

    /// Why a job that did so many rows does no more, if that is so.
    fn failure_after(&self, rows: usize) -> Option<String> {
        let is_over = self.jobs().settings.fail_after_rows.is_some_and(|most| rows > most);
        is_over.then(|| "InternalServerError : Retried more than fifteen times".to_owned())
    }

    fn state_span(&self) -> Duration {
        Duration::from_millis(self.jobs().settings.state_ms_min)
    }
}

/// Drops what a daily quota no longer counts.
fn forget(times: &mut VecDeque<i64>, now_ms: i64) {
    while times.front().is_some_and(|at| at + QUOTA_SPAN_MS <= now_ms) {
        times.pop_front();
    }
}
