//! An account of the requests that reached the org, for tests and benchmarks that count calls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Requests remembered one by one; older ones only count.
const RECENT_MAX: usize = 1000;

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerEntry {
    /// When it was answered, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// HTTP method, or `RPC`.
    pub method: String,
    /// The path with ids and versions replaced by `{…}`.
    pub path: String,
    /// HTTP status.
    pub status: u16,
    /// Records written, read or found, where the request has such a number.
    pub records: usize,
}

/// Counts by method and path, and the latest requests.
#[derive(Debug, Default)]
pub struct Ledger {
    state: Mutex<LedgerState>,
}

#[derive(Debug, Default)]
struct LedgerState {
    counts: BTreeMap<String, u64>,
    records: BTreeMap<String, u64>,
    recent: VecDeque<LedgerEntry>,
}

/// What the control interface shows of the ledger.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerReport {
    /// Requests in all.
    pub total: u64,
    /// Requests by `METHOD path-template`.
    pub counts: BTreeMap<String, u64>,
    /// Records in those requests.
    pub records: BTreeMap<String, u64>,
    /// The latest requests, oldest first.
    pub recent: Vec<LedgerEntry>,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, LedgerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request.
    pub fn record(&self, entry: LedgerEntry) {
        let mut state = self.state();
        let key = format!("{} {}", entry.method, entry.path);
        *state.records.entry(key.clone()).or_default() += entry.records as u64;
        *state.counts.entry(key).or_default() += 1;
        if state.recent.len() == RECENT_MAX {
            state.recent.pop_front();
        }
        state.recent.push_back(entry);
    }

    /// Requests so far whose method and path template these are.
    pub fn count(&self, method: &str, path: &str) -> u64 {
        self.state().counts.get(&format!("{method} {path}")).copied().unwrap_or(0)
    }

    /// The whole account.
    pub fn report(&self) -> LedgerReport {
        let state = self.state();
        LedgerReport {
            total: state.counts.values().sum(),
            counts: state.counts.clone(),
            records: state.records.clone(),
            recent: state.recent.iter().cloned().collect(),
        }
    }

    /// Begins a new account.
    pub fn reset(&self) {
        *self.state() = LedgerState::default();
    }
}
