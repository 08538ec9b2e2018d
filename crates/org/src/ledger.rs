//! An account of the requests that reached the org, for tests and benchmarks that count calls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Requests remembered one by one unless said otherwise; older ones only count.
const ENTRIES_MAX: usize = 50_000;
/// Of which a report shows the latest.
const REPORTED_MAX: usize = 1000;

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// Its place among all requests, from 1. The ledger gives it.
    pub number: u64,
    /// When it came, in milliseconds since 1970 UTC.
    pub started_ms: i64,
    /// When what it does was done.
    pub at_ms: i64,
    /// When its answer went out; nothing as long as it did not, or if it got lost.
    pub answered_ms: Option<i64>,
    /// HTTP method, or `RPC`.
    pub method: String,
    /// The path with ids and versions replaced by `{…}`.
    pub path: String,
    /// The path and the query as they came; of a subscription, its topic and where it begins.
    pub uri: String,
    /// 18-character id of the user who asked, if it is known.
    pub user_id: Option<String>,
    /// Consumer key of the app that the session was given to.
    pub client_id: Option<String>,
    /// Which refresh token was presented: the beginning of its hash, so that their use can be followed.
    pub token: Option<String>,
    /// HTTP status.
    pub status: u16,
    /// Salesforce's code of the refusal.
    pub error_code: Option<String>,
    /// Records written, read or found, where the request has such a number.
    pub records: usize,
    /// Bytes of the request's body, unpacked.
    pub bytes_in: u64,
    /// Bytes of the answer's body before it was packed, if the answer was there as a whole.
    pub bytes_out: Option<u64>,
}

/// Counts by method and path, and the latest requests.
#[derive(Debug, Default)]
pub struct Ledger {
    state: Mutex<LedgerState>,
}

#[derive(Debug)]
struct LedgerState {
    counts: BTreeMap<String, u64>,
    records: BTreeMap<String, u64>,
    entries: VecDeque<LedgerEntry>,
    entries_max: usize,
    latest: u64,
}

impl Default for LedgerState {
    fn default() -> LedgerState {
        LedgerState {
            counts: BTreeMap::new(),
            records: BTreeMap::new(),
            entries: VecDeque::new(),
            entries_max: ENTRIES_MAX,
            latest: 0,
        }
    }
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

    /// Remembers so many requests one by one from now on.
    pub fn set_entries_max(&self, max: usize) {
        let mut state = self.state();
        state.entries_max = max;
        let surplus = state.entries.len().saturating_sub(max);
        state.entries.drain(..surplus);
    }

    /// Adds a request and gives its number.
    pub fn record(&self, mut entry: LedgerEntry) -> u64 {
        let mut state = self.state();
        let key = format!("{} {}", entry.method, entry.path);
        *state.records.entry(key.clone()).or_default() += entry.records as u64;
        *state.counts.entry(key).or_default() += 1;
        state.latest += 1;
        entry.number = state.latest;
        if state.entries.len() >= state.entries_max {
            state.entries.pop_front();
        }
        if state.entries_max > 0 {
            state.entries.push_back(entry);
        }
        state.latest
    }

    /// Notes when the answer of a request went out.
    pub fn answered(&self, number: u64, at_ms: i64) {
        let mut state = self.state();
        let Ok(place) = state.entries.binary_search_by_key(&number, |entry| entry.number) else { return };
        state.entries[place].answered_ms = Some(at_ms);
    }

    /// Says more closely what a request asks for.
    pub(crate) fn specify(&self, number: u64, uri: String) {
        let mut state = self.state();
        let Ok(place) = state.entries.binary_search_by_key(&number, |entry| entry.number) else { return };
        state.entries[place].uri = uri;
    }

    /// Requests so far whose method and path template these are.
    pub fn count(&self, method: &str, path: &str) -> u64 {
        self.state().counts.get(&format!("{method} {path}")).copied().unwrap_or(0)
    }

    /// The requests that came after the one with this number, oldest first, at most so many.
    pub fn entries_after(&self, number: u64, at_most: usize) -> Vec<LedgerEntry> {
        let state = self.state();
        let from = state.entries.partition_point(|entry| entry.number <= number);
        state.entries.range(from..).take(at_most).cloned().collect()
    }

    /// The counts, and the latest requests one by one.
    pub fn report(&self) -> LedgerReport {
        let state = self.state();
        let from = state.entries.len().saturating_sub(REPORTED_MAX);
        LedgerReport {
            total: state.counts.values().sum(),
            counts: state.counts.clone(),
            records: state.records.clone(),
            recent: state.entries.range(from..).cloned().collect(),
        }
    }

    /// Begins a new account. Numbers go on.
    pub fn reset(&self) {
        let mut state = self.state();
        *state = LedgerState { entries_max: state.entries_max, latest: state.latest, ..LedgerState::default() };
    }
}
