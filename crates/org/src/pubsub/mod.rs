//! The org's Pub/Sub API: change events and platform events over gRPC.
//!
//! [`service`] answers the calls, [`subscription`] serves one subscriber in a task of its own, [`publish`] takes events in;
//! [`bus`] stands between them and the org, and [`reader`] picks what one subscriber is due to get; [`schema`], [`bitmap`],
//! [`encode`] and [`decode`] know the events' form; [`fault`] names what can go wrong; [`serve`] opens the doors, in plain
//! HTTP/2 and with TLS.
//!
//! It shares nothing with the connector but the generated gRPC code, so that a wrong belief on one side meets real clients on
//! the other.

mod bitmap;
pub(crate) mod bus;
mod decode;
mod encode;
mod fault;
mod publish;
mod reader;
mod refusal;
#[cfg(test)]
mod round_trip;
pub(crate) mod schema;
mod serve;
mod service;
mod subscription;

pub use fault::{EventAction, EventFaults, StreamEnd};
pub use refusal::Refusal;
pub use serve::{PubSubDoors, PubSubOptions, open};
pub use service::Patience;
