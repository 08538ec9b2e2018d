//! The algorithm of syncing, over the ports of [`syncline_model`]: it names no vendor, opens no socket, holds no SQL and does not
//! read the system clock.
//!
//! A change only marks a work item due ([`listen`] and [`sweep`] for news from the outside, the store for changes of a profile). Whatever marked
//! it, there is one way on: take due items, look up and read what is not held, [`plan`] (pure; [`precedence`] where several mappings feed one attribute), write the differences, finish
//! ([`apply`]). Doing an item twice is harmless, so every failure between two of these steps is mended by doing it again.
//!
//! [`interest`] says what mappings need of which object. [`feeds`] decides how changes of each object are noticed, [`budget`] how much asking may cost, and [`errands`] does what a connection
//! needs besides. [`Engine`] is the way in: it owns each connection under a lease ([`owner`]).

mod apply;
mod budget;
mod bulk;
mod context;
mod engine;
mod errands;
mod error_policy;
mod examine;
mod feeds;
mod inquiries;
mod insistence;
mod interest;
mod listen;
mod objects;
mod owner;
mod pace;
mod plan;
mod precedence;
mod rules;
mod spending;
mod sweep;
mod tempo;

pub use budget::{Budget, Permit, Purpose};
pub use context::{ConnectorFactory, EngineOptions};
pub use engine::Engine;
pub use error_policy::{Action, Policy, Rest, Words, issue, policy, words};
pub use examine::{ExamineError, examine_once};
pub use interest::{Fields, Paths, Schemas, paths, uses};
pub use plan::{Need, Plan, Ready, pick, plan, source};
pub use precedence::{Contender, give_precedence, plan_among};
pub use tempo::Tempo;
