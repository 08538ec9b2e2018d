//! The org as its listeners share it: the state behind a lock, a wake-up at each commit, the fault switches and the ledger.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::bulk::Bulk;
use crate::core::{Org, Write, WriteContext, WriteError, WriteOutcome};
use crate::faults::{Fault, FaultRule, Faults, RuleBook, Seen};
use crate::ledger::Ledger;
use crate::pubsub::StreamEnd;
use crate::pubsub::schema::SchemaRegistry;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 UTC.
    fn now_ms(&self) -> i64;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is passed")]
    fn now_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }
}

/// A shared handle to one org. Clones are the same org.
#[derive(Clone)]
pub struct OrgHandle {
    shared: Arc<Shared>,
}

struct Shared {
    org: Mutex<Org>,
    clock: Arc<dyn Clock>,
    latest_replay_id: watch::Sender<u64>,
    faults: watch::Sender<Faults>,
    rules: Mutex<RuleBook>,
    stream_ends: watch::Sender<StreamEnd>,
    event_schemas: Mutex<SchemaRegistry>,
    ledger: Ledger,
    bulk: Bulk,
}

impl std::fmt::Debug for OrgHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrgHandle").finish_non_exhaustive()
    }
}

impl OrgHandle {
    /// Shares an org.
    pub fn new(org: Org, clock: Arc<dyn Clock>) -> OrgHandle {
        let latest_replay_id = watch::Sender::new(org.latest_replay_id());
        let faults = watch::Sender::new(Faults::default());
        let rules = Mutex::new(RuleBook::new(&Faults::default()));
        let stream_ends = watch::Sender::new(StreamEnd::Clean);
        let shared = Shared {
            org: Mutex::new(org),
            clock,
            latest_replay_id,
            faults,
            rules,
            stream_ends,
            event_schemas: Mutex::default(),
            ledger: Ledger::default(),
            bulk: Bulk::default(),
        };
        OrgHandle { shared: Arc::new(shared) }
    }

    /// The org, locked. Never hold it across an await. Use [`OrgHandle::commit`] to write, so that subscribers wake.
    pub fn lock(&self) -> MutexGuard<'_, Org> {
        // A request that panicked left the org as its last finished step; other requests go on.
        self.shared.org.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since 1970 UTC, by the org's clock.
    pub fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms() + self.shared.faults.borrow().clock_skew_ms
    }

    /// Runs one transaction (see [`Org::commit`]) and wakes whoever waits for events.
    pub fn commit(
        &self,
        context: &WriteContext,
        all_or_none: bool,
        writes: Vec<Write>,
    ) -> Vec<Result<WriteOutcome, WriteError>> {
        self.change(|org| org.commit(context, all_or_none, writes))
    }

    /// Changes the org and wakes whoever waits for events.
    pub fn change<T>(&self, change: impl FnOnce(&mut Org) -> T) -> T {
        let mut org = self.lock();
        let result = change(&mut org);
        self.tell(org);
        result
    }

    /// Lets go of the org and wakes whoever waits for what was committed meanwhile.
    pub(crate) fn tell(&self, org: MutexGuard<'_, Org>) {
        let latest = org.latest_replay_id();
        drop(org);
        self.shared.latest_replay_id.send_if_modified(|known| {
            let is_newer = latest > *known;
            *known = (*known).max(latest);
            is_newer
        });
    }

    /// Ends every open stream of the Pub/Sub API.
    pub fn end_streams(&self, how: StreamEnd) {
        self.shared.stream_ends.send_replace(how);
    }

    /// The schemas of events, locked. Whoever wants the org as well locks the org first.
    pub(crate) fn event_schemas(&self) -> MutexGuard<'_, SchemaRegistry> {
        self.shared.event_schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watch_stream_ends(&self) -> watch::Receiver<StreamEnd> {
        self.shared.stream_ends.subscribe()
    }

    /// Position of the newest event, to watch.
    pub fn watch_events(&self) -> watch::Receiver<u64> {
        self.shared.latest_replay_id.subscribe()
    }

    /// The faults that are on, the rules with what is left of them.
    pub fn faults(&self) -> Faults {
        let rules = self.rules().rules().to_vec();
        Faults { rules, ..self.shared.faults.borrow().clone() }
    }

    pub(crate) fn watch_faults(&self) -> watch::Receiver<Faults> {
        self.shared.faults.subscribe()
    }

    /// Switches faults: those that are on are off, unless they are among these.
    pub fn set_faults(&self, faults: Faults) {
        *self.rules() = RuleBook::new(&faults);
        self.shared.faults.send_replace(faults);
    }

    /// Adds a rule to those that are on.
    pub fn add_fault(&self, rule: FaultRule) {
        self.rules().push(rule);
    }

    fn rules(&self) -> MutexGuard<'_, RuleBook> {
        self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_fault_rules(&self) -> bool {
        !self.rules().rules().is_empty()
    }

    pub(crate) fn fault_rules_ask_for_objects(&self) -> bool {
        self.rules().asks_for_objects()
    }

    /// What happens to a request as a whole.
    pub(crate) fn strike(&self, seen: Seen<'_>) -> Vec<Fault> {
        self.rules().strike(seen)
    }

    /// What a row that a request writes is refused for.
    pub(crate) fn strike_row(&self, seen: Seen<'_>) -> Option<WriteError> {
        self.rules().strike_row(seen)
    }

    /// How much later than it could an answer is to come.
    pub fn response_delay(&self) -> Duration {
        Duration::from_millis(self.shared.faults.borrow().response_delay_ms)
    }

    /// The org's bulk jobs.
    pub fn bulk(&self) -> &Bulk {
        &self.shared.bulk
    }

    /// What was asked of the org.
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }
}
