//! The server over real sockets.

mod demo;
mod harness;
mod live;
mod openapi;
mod profiles;
mod salesforce;
mod session;
mod userflow_api;
