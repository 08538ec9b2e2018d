//! The way of a job through its states: work in the background, at least as long in each state as is set, stopped at any time.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::job::{Job, JobOrigin, JobRequest, JobState};
use super::spool::Spool;
use crate::OrgHandle;

/// What the work on one job needs to know.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) org: OrgHandle,
    pub(crate) id: String,
    pub(crate) request: JobRequest,
    pub(crate) origin: JobOrigin,
    cancel: CancellationToken,
}

impl Run {
    /// Whether the work is to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

/// What work comes to: the result of a query, or why the job failed.
pub(crate) type Outcome = Result<Option<Arc<Spool>>, String>;

/// Starts the work on a job whose state is UploadComplete. A job that is no longer on the list is left alone.
pub(crate) fn start(org: &OrgHandle, id: &str, work: impl FnOnce(&Run) -> Outcome + Send + 'static) {
    let run = org.bulk().look(id, org.now_ms(), |job| Run {
        org: org.clone(),
        id: job.id.clone(),
        request: job.request.clone(),
        origin: job.origin.clone(),
        cancel: job.cancel.clone(),
    });
    if let Ok(run) = run {
        tokio::spawn(go(run, work));
    }
}

async fn go(run: Run, work: impl FnOnce(&Run) -> Outcome + Send + 'static) {
    let (org, id, cancel) = (run.org.clone(), run.id.clone(), run.cancel.clone());
    stay(&cancel, Instant::now() + org.bulk().state_span()).await;
    let (begun, begun_ms) = (Instant::now(), org.now_ms());
    if cancel.is_cancelled() || !org.bulk().advance(&id, JobState::InProgress, begun_ms, |_| {}) {
        return;
    }
    let outcome = tokio::task::spawn_blocking(move || work(&run)).await;
    let outcome = outcome.unwrap_or_else(|_| Err("InternalServerError : the job ended unexpectedly".to_owned()));
    let worked_ms = org.now_ms() - begun_ms;
    stay(&cancel, begun + org.bulk().state_span()).await;
    let keep_time = move |job: &mut Job| {
        job.active_ms = worked_ms;
        job.total_ms = worked_ms;
    };
    let is_there = match outcome {
        Ok(result) => org.bulk().advance(&id, JobState::JobComplete, org.now_ms(), |job| {
            keep_time(job);
            job.result = result;
        }),
        Err(error) => org.bulk().advance(&id, JobState::Failed, org.now_ms(), |job| {
            keep_time(job);
            job.error = Some(error);
        }),
    };
    if !is_there {
        tracing::debug!(job = %id, "a bulk job was aborted in the middle of its work");
    }
}

/// Waits until then, or until the job is stopped.
async fn stay(cancel: &CancellationToken, until: Instant) {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = tokio::time::sleep_until(until) => {}
    }
}
