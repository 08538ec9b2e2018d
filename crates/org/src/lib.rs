//! An emulated Salesforce org: enough of one, true to the wire, that Salesforce clients cannot tell.
//!
//! [`core`] is the org itself and does no I/O. Around it stand the ways in: OAuth, REST, the Bulk API and a small web console over HTTP, and the
//! Pub/Sub API over gRPC. It shares no code with Syncline's own Salesforce client but the generated gRPC messages: two sides
//! that shared a wrong belief would agree with each other and with nobody else.

mod bulk;
pub mod core;
mod faults;
mod handle;
pub mod http;
mod ledger;
pub mod pubsub;
mod running;
pub mod seed;
pub mod soql;
pub mod tls;

pub use bulk::{Bulk, BulkSettings};
pub use faults::{Fault, FaultRule, Faults, RowCode};
pub use handle::{Clock, OrgHandle, SystemClock};
pub use ledger::{Ledger, LedgerEntry, LedgerReport};
pub use running::{OrgOptions, RunningOrg, start};
