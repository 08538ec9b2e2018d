//! The org's event bus as data: the events that commits and publishers leave behind, in one log with increasing positions.
//!
//! Knows nothing of who reads it; [`super::capture`] and [`super::platform_event`] fill it.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::Rng;

use super::schema::FieldIndex;
use super::value::FieldValue;

/// What a change event tells of its records (Change Data Capture guide, `changeType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeType {
    /// Made.
    Create,
    /// Changed.
    Update,
    /// Moved to the recycle bin.
    Delete,
    /// Taken back from the recycle bin.
    Undelete,
    /// A change without its values: fetch the record.
    GapCreate,
    /// A change without its values: fetch the record.
    GapUpdate,
    /// A deletion outside of the application servers.
    GapDelete,
    /// A restoration outside of the application servers.
    GapUndelete,
    /// Too many changes in one transaction: resynchronise the entity.
    GapOverflow,
}

impl ChangeType {
    /// The symbol on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeType::Create => "CREATE",
            ChangeType::Update => "UPDATE",
            ChangeType::Delete => "DELETE",
            ChangeType::Undelete => "UNDELETE",
            ChangeType::GapCreate => "GAP_CREATE",
            ChangeType::GapUpdate => "GAP_UPDATE",
            ChangeType::GapDelete => "GAP_DELETE",
            ChangeType::GapUndelete => "GAP_UNDELETE",
            ChangeType::GapOverflow => "GAP_OVERFLOW",
        }
    }
}

/// One event in the log: what one transaction did to one record, or alike to several.
#[derive(Clone, Debug, PartialEq)]
pub struct CommittedEvent {
    /// Position in the log: increasing, with gaps, never 0.
    pub replay_id: u64,
    /// Object name, such as `Contact`.
    pub entity: String,
    /// 18-character ids.
    pub record_ids: Vec<String>,
    /// What happened.
    pub change_type: ChangeType,
    /// The same for every event of one transaction.
    pub transaction_key: String,
    /// Order within the transaction, from 1.
    pub sequence_number: i32,
    /// When the transaction committed, in milliseconds since 1970 UTC.
    pub commit_timestamp_ms: i64,
    /// System change number of the transaction: increasing.
    pub commit_number: i64,
    /// 18-character id of the user who made the change.
    pub commit_user: String,
    /// `com/salesforce/api/rest/66.0;client=X` for the API, empty for a person in the user interface.
    pub change_origin: String,
    /// Update: exactly the changed fields that have a value now, LastModifiedDate among them. Create, Undelete: every populated
    /// field. Compound parents and derived fields never: see [`FieldSchema::in_change_event`](super::FieldSchema::in_change_event).
    pub values: Vec<(FieldIndex, FieldValue)>,
    /// Update: the fields that were cleared.
    pub nulled: Vec<FieldIndex>,
    /// Update: the fields whose value here is not the text but how it differs from the one before.
    pub diffed: Vec<FieldIndex>,
}

/// A platform event that somebody published.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedEvent {
    /// Position in the log.
    pub replay_id: u64,
    /// API name of the event object, which ends in `__e`.
    pub object: String,
    /// What its publisher calls it: `EventUuid`.
    pub uuid: String,
    /// When it was published, in milliseconds since 1970 UTC.
    pub published_ms: i64,
    /// Every populated field.
    pub values: Vec<(FieldIndex, FieldValue)>,
}

/// One entry of the log.
#[derive(Clone, Debug)]
pub enum LogEntry {
    /// A change of a record, for change data capture.
    Change(Arc<CommittedEvent>),
    /// A platform event.
    Published(Arc<PublishedEvent>),
}

impl LogEntry {
    /// Its position.
    pub fn replay_id(&self) -> u64 {
        match self {
            LogEntry::Change(event) => event.replay_id,
            LogEntry::Published(event) => event.replay_id,
        }
    }

    /// When it came about, in milliseconds since 1970 UTC.
    pub fn at_ms(&self) -> i64 {
        match self {
            LogEntry::Change(event) => event.commit_timestamp_ms,
            LogEntry::Published(event) => event.published_ms,
        }
    }

    /// API name of the object that it is about.
    pub fn object(&self) -> &str {
        match self {
            LogEntry::Change(event) => &event.entity,
            LogEntry::Published(event) => &event.object,
        }
    }
}

/// The log. Positions increase, with gaps, and outlive their events by nothing.
#[derive(Debug)]
pub(crate) struct EventLog {
    entries: VecDeque<LogEntry>,
    latest: u64,
    /// The position before the first event, as long as nothing after it was dropped.
    origin: Option<u64>,
}

impl EventLog {
    pub(crate) fn new(random: &mut impl Rng) -> EventLog {
        let latest = 1_000_000 + random.next_u64() % 9_000_000;
        EventLog { entries: VecDeque::new(), latest, origin: Some(latest) }
    }

    /// Appends the entry that `entry` makes of its position, which it gives back.
    pub(crate) fn push(&mut self, random: &mut impl Rng, entry: impl FnOnce(u64) -> LogEntry) -> u64 {
        self.latest += 1 + random.next_u64() % 7;
        self.entries.push_back(entry(self.latest));
        self.latest
    }

    /// Entries after a position, which need not be in the log still; from the earliest kept one for `None`.
    pub(crate) fn after(&self, replay_id: Option<u64>) -> impl Iterator<Item = &LogEntry> {
        let from = replay_id.map_or(0, |position| self.entries.partition_point(|entry| entry.replay_id() <= position));
        self.entries.range(from..)
    }

    /// Position of the newest event; a position from before the first one if there was none.
    pub(crate) fn latest(&self) -> u64 {
        self.latest
    }

    /// Whether a subscriber may resume from a position without a gap.
    pub(crate) fn is_valid(&self, replay_id: u64) -> bool {
        replay_id == self.latest
            || self.origin == Some(replay_id)
            || self.entries.binary_search_by_key(&replay_id, LogEntry::replay_id).is_ok()
    }

    /// Drops what is older than that.
    pub(crate) fn expire(&mut self, oldest_ms: i64) {
        while self.entries.front().is_some_and(|entry| entry.at_ms() < oldest_ms) {
            self.entries.pop_front();
            self.origin = None;
        }
    }

    /// Drops everything; no position given out so far is valid afterwards. `distance` is how far the next positions are away.
    pub(crate) fn forget(&mut self, distance: u64) {
        self.entries.clear();
        self.latest += distance.max(1);
        self.origin = Some(self.latest);
    }
}
