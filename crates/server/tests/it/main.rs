//! The server over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that can not go on is to stop there")]

mod association;
mod computed;
mod connection;
mod demo;
mod explain;
mod harness;
mod issues;
mod lifecycle;
mod lines;
mod live;
mod openapi;
mod org;
mod pairs;
mod person_accounts;
mod preview;
mod profiles;
mod salesforce;
mod session;
mod steer;
mod userflow_api;
