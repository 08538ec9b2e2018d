//! Changes: news from the Salesforce change stream. A change is a hint; what it says of values completes a held copy.

use serde::{Deserialize, Serialize};

use crate::{
    Values,
    feed::NewestChange,
    id::MappingId,
    mapping::MatchKey,
    record::{Record, RecordKey},
};

/// A position in a change stream: opaque bytes, compared only for equality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(pub Vec<u8>);

/// When and where in the stream a change was committed (`ChangeEventHeader.commitTimestamp`, `.commitNumber`, `.sequenceNumber`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitPosition {
    /// Milliseconds after 1970.
    pub commit_ms: i64,
    /// Number of the transaction, increasing within an org.
    pub commit_number: i64,
    /// Place within the transaction.
    pub sequence: i32,
}

impl CommitPosition {
    /// What commits are ordered by.
    pub fn order(self) -> (i64, i32) {
        (self.commit_number, self.sequence)
    }
}

/// News about one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// API name of its object.
    pub object: String,
    /// Id in its 18-character form.
    pub record_id: String,
    /// When it was committed.
    pub commit: CommitPosition,
    /// What happened.
    pub effect: RecordEffect,
}

/// What happened to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordEffect {
    /// These fields have these values now; null means cleared.
    Values {
        /// By API name.
        values: Values,
        /// Whether these are all fields of the record that have a value (create, undelete).
        complete: bool,
    },
    /// Deleted.
    Gone,
    /// Changed in a way that the news does not tell: it must be read.
    Unknown,
}

/// What a change stream delivers at once.
#[derive(Clone, Debug, Default)]
pub struct ChangeBatch {
    /// News, in commit order.
    pub changes: Vec<RecordChange>,
    /// Objects of which any record may have changed (overflow, wildcard).
    pub resync_objects: Vec<String>,
    /// Where to go on once all of the above is durable.
    pub position: Option<Position>,
}

/// News as the engine hands it to the store, from the change stream or from asking: only what concerns mapped objects, and with
/// the match keys that appeared.
#[derive(Clone, Debug, Default)]
pub struct RecordedChanges {
    /// Name of the stream or the question whose position this moves.
    pub stream: String,
    /// News, in commit order, with values of mapped fields only.
    pub changes: Vec<RecordChange>,
    /// Records as a read found them.
    pub reads: Vec<Record>,
    /// Object and id of records that a read found to be gone.
    pub gone: Vec<RecordKey>,
    /// Match keys that a record took on, by mapping: profiles with that key must look again.
    pub keys: Vec<(MappingId, MatchKey, String)>,
    /// Mappings of which any record may have changed.
    pub resync: Vec<MappingId>,
    /// Objects of which any record that others are associated with may have changed.
    pub resync_objects: Vec<String>,
    /// Where to go on.
    pub position: Option<Position>,
    /// The newest change of each object that has one.
    pub newest: Vec<NewestChange>,
}
