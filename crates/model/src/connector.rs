//! The port to the outside system whose records are synced: today Salesforce.

use std::fmt;

use async_trait::async_trait;

use crate::{
    Values,
    change::{ChangeBatch, Position},
    record::Record,
    schema::ObjectSchema,
};

/// One connected org.
///
/// All calls may be made in parallel. None of them retries by itself except to renew an expired session, once. A call that was
/// sent and not answered fails with [`ErrorKind::UnknownOutcome`] if it may have changed anything.
#[async_trait]
pub trait Connector: Send + Sync {
    /// API names of objects to describe and offer before any mapping names them.
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

    /// Updates records by id, at most [`Connector::max_writes`] of them, in one call; never creates one. One outcome for each
    /// write, in order. A write that is refused does not keep others from succeeding.
    async fn write(&self, writes: &[RecordWrite]) -> Result<Vec<WriteOutcome>, ConnectorError>;

    /// How many records one [`Connector::write`] takes.
    fn max_writes(&self) -> usize;

    /// Opens the change stream behind `from`, or at the oldest change still kept where there is no position yet. Never
    /// anywhere later: a position that is no longer known fails with [`ErrorKind::PositionLost`].
    async fn changes(&self, from: Option<&Position>) -> Result<Box<dyn ChangeStream>, ConnectorError>;

    /// What the last answers said of the org's daily allowance of calls.
    fn api_usage(&self) -> Option<ApiUsage>;
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

/// Use of the org's daily allowance of API calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiUsage {
    /// Calls made in the last 24 hours, by anyone.
    pub used: u64,
    /// Calls allowed in 24 hours.
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
}

impl ConnectorError {
    /// An error of that kind.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), fields: Vec::new() }
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
