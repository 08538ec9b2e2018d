//! Requests that arrive while a transaction is under way share the next one: making a commit durable takes as long for one as
//! for many. A request on an idle store is written at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use syncline_model::{
    id::EnvironmentId,
    profile::{EnvironmentWrite, ProfileWrite},
    store::StoreError,
};
use tokio::sync::{mpsc, oneshot};

use super::store::SqlStore;
use crate::failure::Failure;

/// Requests to a transaction at most, and requests that wait at most: one that finds no room waits to be let in.
pub(super) const TOGETHER_MAX: usize = 64;

/// A request that waits to be written.
pub(super) struct Waiting {
    environment: EnvironmentId,
    write: EnvironmentWrite,
    done: oneshot::Sender<Result<Vec<i64>, StoreError>>,
}

/// Writes what waits, until the store is dropped. A task of its own, so that no request is left half-way when the one who made
/// it goes away.
pub(super) async fn run(store: Weak<SqlStore>, mut waiting: mpsc::Receiver<Waiting>) {
    let mut together = Vec::new();
    while waiting.recv_many(&mut together, TOGETHER_MAX).await > 0 {
        let Some(store) = store.upgrade() else { return };
        let mut by_environment: BTreeMap<EnvironmentId, Vec<Waiting>> = BTreeMap::new();
        for waiting in together.drain(..) {
            by_environment.entry(waiting.environment).or_default().push(waiting);
        }
        for (environment, waiting) in by_environment {
            store.write_together(environment, waiting).await;
        }
    }
}

impl SqlStore {
    /// Starts writing what waits.
    pub(super) fn start(self, waiting: mpsc::Receiver<Waiting>) -> Arc<Self> {
        let store = Arc::new(self);
        tokio::spawn(run(Arc::downgrade(&store), waiting));
        store
    }

    pub(super) async fn write_with_others(
        &self,
        environment: EnvironmentId,
        write: EnvironmentWrite,
    ) -> Result<Vec<i64>, StoreError> {
        let (done, outcome) = oneshot::channel();
        let gone = || StoreError::Unavailable("the store is closing".into());
        self.waiting.send(Waiting { environment, write, done }).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }

    /// Writes requests of one environment in the order in which they came: the outcome is that of one after the other.
    async fn write_together(&self, environment: EnvironmentId, waiting: Vec<Waiting>) {
        let all = waiting.iter().flat_map(|waiting| waiting.write.iter().cloned()).collect();
        match self.write_environment(environment, &all).await {
            Ok(mut events) => {
                for waiting in waiting {
                    let tracked =
                        waiting.write.iter().filter(|step| matches!(step, ProfileWrite::Track { .. })).count();
                    let rest = events.split_off(tracked.min(events.len()));
                    drop(waiting.done.send(Ok(std::mem::replace(&mut events, rest))));
                }
            }
            // One of them is wrong, and nothing was done: each by itself will tell which.
            Err(Failure::Told(_)) => {
                for waiting in waiting {
                    let written = self.write_environment(environment, &waiting.write).await;
                    drop(waiting.done.send(written.map_err(StoreError::from)));
                }
            }
            // It may have been done; doing it again would do it twice.
            Err(failure) => {
                let error = StoreError::from(failure);
                let is_passing = matches!(error, StoreError::Unavailable(_));
                let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                for waiting in waiting {
                    let source = text.clone().into();
                    let error = if is_passing { StoreError::Unavailable(source) } else { StoreError::Broken(source) };
                    drop(waiting.done.send(Err(error)));
                }
            }
        }
    }
}
