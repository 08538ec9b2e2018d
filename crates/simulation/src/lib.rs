//! Seeded runs of the whole sync path among the faults of the catalogue of failures, and checkers that share no code with it.
//!
//! One run is an emulated org, a store, the engine with the real connector between them, and people who change things at both
//! sides, all in one process over real sockets. What goes wrong when, and who changes what, is drawn from the seed before the
//! run begins ([`Schedule`]); how the two interleave is up to the machine. Once everything is well again and quiet, the checkers
//! look at what is left: the org's history and ledger, what became durable, and both sides as they are.

mod check;
mod evidence;
mod fault;
mod mapped;
mod node;
mod run;
mod schedule;
mod tap;
mod trouble;
mod world;

pub use check::Report;
pub use fault::FaultKind;
pub use mapped::{Case, play as play_case};
pub use run::{Run, simulate};
pub use schedule::{Change, GrantKind, Schedule, Step, StoreKind, Trouble};
