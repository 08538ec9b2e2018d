//! The port to the outside system whose records are synced: today Salesforce.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    Values,
    budget::CallReport,
    change::{ChangeBatch, Position},
    custom_field::WantedField,
    examination::Finding,
    record::Record,
    schema::{ListedObject, ObjectSchema},
};

/// One connected org.
///
/// All calls may be made in parallel. None of them retries by itself except to renew an expired session, once; those that work in
/// many steps ([`Connector::read_all`], [`Connector::write_many`]) also repeat steps that change nothing. A call that was
/// sent and not answered fails with [`ErrorKind::UnknownOutcome`] if it may have changed anything.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The objects that can be mapped, as far as the connected user sees them and may change their records; in any order.
    async fn list_objects(&self) -> Result<Vec<ListedObject>, ConnectorError>;

    /// API names of objects to describe before anybody asks for them, because they are nearly always mapped.
    fn offered_objects(&self) -> &'static [&'static str] {
        &[]
    }

    /// The object and the fields that the connected user can see.
    async fn describe(&self, object: &str) -> Result<ObjectSchema, ConnectorError>;

    /// All records of `object` whose `key_field` equals one of `keys` in the system's own sense of equality, which may be wider
    /// than ours; in any order. `fields` are the values wanted. Any number of keys and fields.
    async fn find(
        &self,
        object: &str,
        key_field: &str,
        keys: &[String],
        fields: &[String],
    ) -> Result<Vec<Record>, ConnectorError>;

    /// The records of these ids that exist and are visible, in any order. Any number of ids.
    async fn read(&self, object: &str, ids: &[String], fields: &[String]) -> Result<Vec<Record>, ConnectorError>;

    /// All records of an object, as they arrive; the number in memory does not depend on how many there are.
    async fn read_all(&self, object: &str, fields: &[String]) -> Result<Box<dyn RecordStream>, ConnectorError>;

    /// Updates records by id, at most [`Connector::max_writes`] of them, in one call; never creates one. One outcome for each
    /// write, in order. A write that is refused does not keep others from succeeding.
    async fn write(&self, writes: &[RecordWrite]) -> Result<Vec<WriteOutcome>, ConnectorError>;

    /// How many records one [`Connector::write`] takes.
    fn max_writes(&self) -> usize;

    /// As [`Connector::write`], for many records: costs fewer calls and takes longer, maybe minutes.
    async fn write_many(&self, writes: &[RecordWrite]) -> Result<Vec<WriteOutcome>, ConnectorError>;

    /// From how many records on [`Connector::write_many`] costs fewer calls than [`Connector::write`], and how many it takes.
    fn many_writes(&self) -> std::ops::Range<usize>;

    /// Makes the change stream carry these objects and no others, as far as the org and the connected user's permissions allow.
    /// Doing it twice is harmless. What one object is refused for does not keep others out.
    async fn prepare_stream(&self, wanted: &[StreamedObject]) -> Result<PreparedStream, ConnectorError>;

    /// Opens the change stream `topic` behind `from`, or at the oldest change still kept where there is no position yet. Never
    /// anywhere later: a position that is no longer known fails with [`ErrorKind::PositionLost`].
    async fn changes(&self, topic: &str, from: Option<&Position>) -> Result<Box<dyn ChangeStream>, ConnectorError>;

    /// Records that changed, came, or went since the times asked for; all objects in as few calls as can be.
    async fn changed_since(&self, asked: &[Since]) -> Result<ChangedSince, ConnectorError>;

    /// Takes a field of ours as far as it will go: makes it where it does not exist, lets the connected user see and change it.
    /// Doing it twice is harmless. Tells whether it is usable by now.
    async fn ensure_field(&self, field: &WantedField) -> Result<bool, ConnectorError>;

    /// Looks for what will keep these objects from being synced, or will soon. A check that could not be made is a finding too.
    async fn examine(&self, objects: &[ExaminedObject]) -> Result<Vec<Finding>, ConnectorError>;

    /// Does what keeps the grant alive while nothing else happens. To be called every few hours.
    async fn keep_alive(&self) -> Result<(), ConnectorError>;

    /// What was called since the last report, and what the org said of its allowances.
    fn report(&self) -> CallReport;

    /// Lets no call start from now on, and waits for those under way to end; breaks them off after a while.
    async fn close(&self);
}

/// A mapped object, for the change stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamedObject {
    /// API name.
    pub object: String,
    /// Fields whose changes matter.
    pub fields: Vec<String>,
    /// Fields that each of its changes should carry, changed or not: those that records are matched by.
    pub key_fields: Vec<String>,
}

impl StreamedObject {
    /// An object of which just the changes are to be told of, whatever they are.
    pub fn bare(object: &str) -> Self {
        Self { object: object.to_owned(), fields: Vec::new(), key_fields: Vec::new() }
    }
}

/// What [`Connector::prepare_stream`] came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreparedStream {
    /// What to listen to; `None` where nothing can be streamed.
    pub topic: Option<String>,
    /// For each object that is not in the stream, why, and what would change that.
    pub refused: BTreeMap<String, ConnectorError>,
}

/// A question for what changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// API name of the object.
    pub object: String,
    /// The values wanted.
    pub fields: Vec<String>,
    /// From this time on by the system's own clock, inclusive.
    pub since: Timestamp,
    /// Whether to ask the system's own list of deletions too, which knows of those that leave no trace in the object.
    pub with_deletions: bool,
}

/// What changed.
#[derive(Clone, Debug, Default)]
pub struct ChangedSince {
    /// One for each question, in order.
    pub objects: Vec<Result<ChangedObject, ConnectorError>>,
    /// The system's own time when it was asked: where the next question should begin, but for what commits late.
    pub asked_at: Timestamp,
}

/// What changed of one object.
#[derive(Clone, Debug, Default)]
pub struct ChangedObject {
    /// Records as they are now.
    pub records: Vec<Record>,
    /// Ids of records that are gone.
    pub gone: Vec<String>,
    /// Where there was too much for one answer: everything before this time is in it, and the rest is to be asked for from here. It
    /// is later than what was asked.
    pub more_from: Option<Timestamp>,
}

/// A mapped object, for [`Connector::examine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExaminedObject {
    /// API name.
    pub object: String,
    /// The field that records are matched by.
    pub key_field: String,
    /// Fields that are read.
    pub read: Vec<String>,
    /// Fields that are written.
    pub written: Vec<String>,
}

/// Records as they arrive.
#[async_trait]
pub trait RecordStream: Send {
    /// The next records; `None` once all have come and their number was checked. In no order. Where the system lost what it had
    /// found and was asked anew, records come again, as they are by then.
    async fn next(&mut self) -> Result<Option<Vec<Record>>, ConnectorError>;
}

/// An open change stream.
#[async_trait]
pub trait ChangeStream: Send {
    /// The next batch, as soon as there is one. An empty batch with a position is a sign of life. `None` where the other side
    /// closed in good order: open again from the last position. Dropping the future loses nothing.
    async fn next(&mut self) -> Result<Option<ChangeBatch>, ConnectorError>;
}

/// Values to write to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordWrite {
    /// API name of the object.
    pub object: String,
    /// Id in its 18-character form.
    pub id: String,
    /// New values, in the normal form of their fields; null clears.
    pub values: Values,
}

/// What became of a write.
pub type WriteOutcome = Result<(), ConnectorError>;

/// Use of a daily allowance of the org: API calls, or deliveries of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiUsage {
    /// Used in the last 24 hours, by anyone.
    pub used: u64,
    /// Allowed in 24 hours.
    pub limit: u64,
}

/// A failed call, or a refused record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorError {
    /// Class, which decides what happens next.
    pub kind: ErrorKind,
    /// The system's own code, such as `UNABLE_TO_LOCK_ROW`; empty where it gave none.
    pub code: String,
    /// The system's own words, or what happened on the way there. Never a secret.
    pub message: String,
    /// Fields that the system named.
    pub fields: Vec<String>,
    /// What it means and what to do about it, where more can be said than its kind says.
    pub advice: Option<Advice>,
}

/// Words for the administrator about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What happened: a clause without a full stop.
    pub cause: &'static str,
    /// What the administrator can do: a sentence.
    pub remedy: &'static str,
}

impl ConnectorError {
    /// An error of that kind.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), fields: Vec::new(), advice: None }
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.code, self.message) }
    }
}

impl std::error::Error for ConnectorError {}

/// Classes of failure. What is done about each, and what the administrator is told, is the engine's one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// Network, overload, a locked row: the same again later may succeed. Nothing was changed.
    Transient,
    /// Too many calls at a time.
    RateLimited,
    /// The day's allowance is spent.
    QuotaExhausted,
    /// Sent and not answered: it may have happened. Updates by id may be sent again; anything else is read back first.
    UnknownOutcome,
    /// The grant is gone: a person must connect again.
    AuthRevoked,
    /// The record does not exist any more.
    RecordGone,
    /// This record was refused; the same again will be refused again.
    RecordRejected,
    /// A field of this record was refused.
    FieldRejected,
    /// An object or field is not as it was described.
    SchemaChanged,
    /// The position in the change stream is no longer known: changes were missed.
    PositionLost,
    /// The org or the user's permissions do not allow it: an administrator must act.
    Misconfigured,
}
