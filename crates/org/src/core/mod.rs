//! The state core of the org: schema, rows, transactions, the change event log, and sign-in state.
//!
//! It does no I/O, reads no clock (callers pass `now_ms`, milliseconds since 1970 UTC) and draws every random thing from one
//! seeded generator, so that a run can be repeated.

mod access;
pub mod automation;
mod capture;
mod catalog;
pub mod channel;
mod delivery;
pub mod edition;
pub mod error;
pub mod event;
mod feature;
mod formula;
mod grants;
pub mod history;
pub mod id;
mod metadata;
pub mod oauth;
pub mod org;
pub(crate) mod platform_event;
pub mod record_type;
mod row;
pub(crate) mod rules;
pub mod schema;
pub(crate) mod table;
mod text_diff;
mod transaction;
pub mod value;
pub mod write;

pub use access::{Access, Permission};
pub use edition::{ApiUsage, Edition};
pub use error::WriteError;
pub use event::{ChangeType, CommittedEvent, LogEntry, PublishedEvent};
pub use formula::Formula;
pub use history::FieldChange;
pub use org::{Org, OrgProfile};
pub use record_type::{MASTER_RECORD_TYPE_ID, RecordTypeInfo};
pub use row::{Draft, Row};
pub use schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
pub use transaction::Transaction;
pub use value::{FieldRef, FieldValue};
pub use write::{LeadConversion, Write, WriteContext, WriteOutcome};

#[cfg(test)]
mod tests;
