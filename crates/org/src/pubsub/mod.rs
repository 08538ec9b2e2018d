//! The org's Pub/Sub API: change events over gRPC.
//!
//! [`service`] speaks the protocol, one task for each subscription; [`bus`] turns the org's log of committed changes into events,
//! each written once however many subscribers read it; [`schema`], [`bitmap`] and [`encode`] know the event's form; [`serve`]
//! opens the doors, in plain HTTP/2 and with TLS.
//!
//! It reads the org's state and changes none of it. It shares nothing with the connector but the generated gRPC code, so that
//! a wrong belief on one side meets real clients on the other.

mod bitmap;
mod bus;
mod encode;
mod refusal;
mod schema;
mod serve;
mod service;

pub use serve::{PubSubDoors, PubSubOptions, open};
pub use service::Patience;
