//! The Userflow side: what a request to an environment means, and how its objects look to a client.
//!
//! Callers enter at [`Environment`], with JSON bodies and query strings as they came in, and get JSON objects in the shapes of
//! Userflow's REST API back, or a [`Refusal`] that names the field. This crate knows no HTTP server, no SQL and nothing of
//! Salesforce: everything goes through [`syncline_model::store::EnvironmentStore`].

mod answer;
mod attributes;
mod environment;
mod expansion;
mod list;
mod query;
mod refusal;
mod render;
mod request;
mod rules;

pub use environment::Environment;
pub use refusal::Refusal;
pub use request::{Request, Tracked};
pub use rules::{MAX_ATTRIBUTES, MAX_GROUPS, MAX_ID_LENGTH, MAX_LIST_ITEMS, MAX_NAME_LENGTH, MAX_TEXT_BYTES};
