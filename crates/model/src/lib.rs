//! The nouns of Syncline and the ports between its parts.
//!
//! Everything here is a plain value or a trait. This crate does no I/O, knows no SQL, no HTTP and no async runtime, never
//! reads the system clock except in [`clock::SystemClock`], and holds the rules that more than one part must agree on:
//! the normal form of values ([`convert`]), of match keys ([`mapping`]), and which news about a record is newer ([`record`]).

pub mod attribute;
pub mod budget;
pub mod change;
pub mod clock;
pub mod connection;
pub mod connector;
pub mod convert;
pub mod custom_field;
pub mod examination;
pub mod feed;
pub mod id;
pub mod inquiry;
pub mod issue;
pub mod line;
pub mod mapping;
pub mod path;
pub mod person_account;
pub mod profile;
pub mod record;
pub mod record_id;
pub mod rules;
pub mod schema;
pub mod source;
pub mod store;
pub mod summary;
pub mod synced;
pub mod value;
pub mod work;

pub use value::{Number, Value};

/// Text of an entity's fields or attributes by name; ordered, so that two equal maps are written the same way.
pub type Values = std::collections::BTreeMap<String, Value>;
