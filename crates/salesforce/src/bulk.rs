//! Bulk API 2.0: what jobs that read and jobs that write have in common. A job is made, works in its own time, and is asked how far
//! it is at growing intervals; in the end its results are read and it is deleted.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use syncline_model::connector::{ConnectorError, ErrorKind};
use tokio::time::Instant;

use crate::{
    error::{self, Effect},
    rest::Rest,
};

/// How often a call that only asks is made again before its failure is told.
const MOST_FAILURES: u32 = 4;
/// Time for a body that is streamed: Salesforce ends a call after ten minutes (limits guide, "API request limits").
pub(crate) const STREAM_TIMEOUT: Duration = Duration::from_secs(600);

/// How patient bulk jobs are worked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkSettings {
    /// Wait before a job is first asked how far it is; it doubles each time.
    pub first_wait: Duration,
    /// Longest such wait: each question is a call.
    pub longest_wait: Duration,
    /// A job that has not ended by then is given up. Salesforce itself gives up a batch after five minutes and twenty tries.
    pub patience: Duration,
}

impl Default for BulkSettings {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            patience: Duration::from_secs(2 * 60 * 60),
        }
    }
}

/// Query jobs, or ingest jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobKind {
    Query,
    Ingest,
}

impl JobKind {
    /// The path of the jobs of this kind.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Query => "/jobs/query",
            Self::Ingest => "/jobs/ingest",
        }
    }
}

/// What a job says of itself. (Bulk API 2.0 guide, "Get Information About a Query Job".)
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    id: String,
    state: String,
    number_records_processed: Option<u64>,
    error_message: Option<String>,
}

/// How a job ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JobEnd {
    /// It did its work, with so many records; with ingest jobs, some of them may have been refused.
    Complete(u64),
    /// Salesforce gave it up, for that reason.
    Failed(String),
    /// A person stopped it.
    Aborted,
    /// The org does not know it any more.
    Gone,
    /// It goes on still, but its time is up.
    Late,
}

/// A job that was made.
pub(crate) struct Job {
    rest: Arc<Rest>,
    settings: BulkSettings,
    /// Its path under the API's version.
    pub(crate) path: String,
}

impl Job {
    /// Makes a job. Nothing has changed in the org's records by that, whatever comes back.
    pub(crate) async fn create(
        rest: &Arc<Rest>,
        settings: BulkSettings,
        kind: JobKind,
        asked: &Json,
    ) -> Result<Self, ConnectorError> {
        let path = kind.path();
        let answer = rest.call(Effect::Reads, |base, _| rest.http.post(format!("{base}{path}")).json(asked)).await?;
        let told: Told = serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Reads))?;
        // It becomes part of addresses.
        if told.id.is_empty() || !told.id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(error::unreadable(&answer, Effect::Reads));
        }
        Ok(Self { rest: Arc::clone(rest), settings, path: format!("{path}/{}", told.id) })
    }

    /// Waits until the job has ended, one way or another.
    pub(crate) async fn ended(&self) -> Result<JobEnd, ConnectorError> {
        let deadline = Instant::now() + self.settings.patience;
        let mut wait = self.settings.first_wait;
        loop {
            tokio::time::sleep(wait.min(deadline.saturating_duration_since(Instant::now()))).await;
            wait = self.settings.longest_wait.min(wait * 2);
            let told = match self.told().await {
                Ok(told) => told,
                Err(error) if is_gone(&error) => return Ok(JobEnd::Gone),
                Err(error) => return Err(error),
            };
            match told.state.as_str() {
                "JobComplete" => return Ok(JobEnd::Complete(told.number_records_processed.unwrap_or(0))),
                "Failed" => {
                    return Ok(JobEnd::Failed(error::presentable(&told.error_message.unwrap_or_default())));
                }
                "Aborted" => return Ok(JobEnd::Aborted),
                _ if Instant::now() >= deadline => return Ok(JobEnd::Late),
                _ => {}
            }
        }
    }

    /// The state that the job is in.
    pub(crate) async fn state(&self) -> Result<String, ConnectorError> {
        Ok(self.told().await?.state)
    }

    async fn told(&self) -> Result<Told, ConnectorError> {
        insist(self.settings, || async {
            let get = |base: &str, _: &_| self.rest.http.get(format!("{base}{}", self.path));
            let answer = self.rest.call(Effect::Reads, get).await?;
            serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Reads))
        })
        .await
    }

    /// Moves the job to `UploadComplete` or `Aborted`.
    pub(crate) async fn set_state(&self, state: &str) -> Result<(), ConnectorError> {
        let body = json!({ "state": state });
        let patch = |base: &str, _: &_| self.rest.http.patch(format!("{base}{}", self.path)).json(&body);
        self.rest.call(Effect::Writes, patch).await.map(drop)
    }

    /// Deletes the job with its results. If that fails, or the connection is closed, Salesforce does it after seven days.
    pub(crate) async fn delete(&self) {
        let delete = |base: &str, _: &_| self.rest.http.delete(format!("{base}{}", self.path));
        let deleted = tokio::select! {
            deleted = insist(self.settings, || self.rest.call(Effect::Reads, delete)) => deleted,
            () = self.rest.gate.closing() => Err(broken_off("the connection was closed")),
        };
        if let Err(error) = deleted {
            tracing::debug!(job = %self.path, %error, "a bulk job could not be deleted");
        }
    }

    /// Stops the job, if it goes on still, and deletes it.
    pub(crate) async fn discard(&self) {
        if let Err(error) = self.set_state("Aborted").await {
            tracing::debug!(job = %self.path, %error, "a bulk job could not be stopped");
        }
        self.delete().await;
    }
}

/// Makes a call that changes nothing again where the line or the org failed for a moment.
pub(crate) async fn insist<T, F>(settings: BulkSettings, call: impl Fn() -> F) -> Result<T, ConnectorError>
where
    F: Future<Output = Result<T, ConnectorError>>,
{
    let mut failures = 0;
    loop {
        match call().await {
            Err(error) if is_passing(&error) && failures < MOST_FAILURES => pause(settings, failures).await,
            done => return done,
        }
        failures += 1;
    }
}

/// The wait before something is tried again.
pub(crate) async fn pause(settings: BulkSettings, failures: u32) {
    tokio::time::sleep(settings.longest_wait.min(settings.first_wait * (1 << failures.min(16)))).await;
}

/// Whether the same again in a moment may succeed.
pub(crate) fn is_passing(error: &ConnectorError) -> bool {
    matches!(error.kind, ErrorKind::Transient | ErrorKind::RateLimited | ErrorKind::UnknownOutcome)
}

/// Whether a job, or what belongs to it, is not known any more.
pub(crate) fn is_gone(error: &ConnectorError) -> bool {
    matches!(error.code.as_str(), "NOT_FOUND" | "HTTP 404")
}

/// Whether the org does not do this by a bulk job, or not today, while the REST API may: the object or the edition has no bulk
/// jobs, a permission is missing, or the day's jobs are used up.
pub(crate) fn is_refused(error: &ConnectorError) -> bool {
    error.kind == ErrorKind::Misconfigured
        || (error.kind == ErrorKind::QuotaExhausted && error.code != "REQUEST_LIMIT_EXCEEDED")
        || is_gone(error)
}

/// Whether it failed in a way that says nothing about the job.
pub(crate) fn broken_off(what: impl Into<String>) -> ConnectorError {
    ConnectorError::new(ErrorKind::Transient, "", what)
}
