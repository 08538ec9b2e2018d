//! The algorithm of syncing, over the ports of [`syncline_model`]: it names no vendor, opens no socket, holds no SQL and does not
//! read the system clock.
//!
//! A change only marks a work item due ([`listen`] for news from the outside, the store for changes of a profile). Whatever marked
//! it, there is one way on: take due items, look up and read what is not held, [`plan`] (pure), write the differences, finish
//! ([`apply`]). Doing an item twice is harmless, so every failure between two of these steps is mended by doing it again.
//!
//! [`Engine`] is the way in: it owns each connection under a lease ([`owner`]).

mod apply;
mod bulk;
mod context;
mod engine;
mod error_policy;
mod insistence;
mod listen;
mod owner;
mod pace;
mod plan;
mod tempo;

pub use context::{ConnectorFactory, EngineOptions};
pub use engine::Engine;
pub use error_policy::{Action, Policy, Rest, policy};
pub use plan::{AttributeTypes, Need, Plan, Ready, pick, plan};
pub use tempo::Tempo;
