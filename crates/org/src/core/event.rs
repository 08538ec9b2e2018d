//! The change events that commits leave behind, for change data capture.

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
}
