//! The connector against the emulated org, over real sockets.

mod changes;
mod connected;
mod oauth;
mod protocol;
mod records;
mod session;
mod trouble;
