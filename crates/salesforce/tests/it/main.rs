//! The connector against the emulated org, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that meets nothing there has failed")]

mod bulk_read;
mod bulk_write;
mod changes;
mod channel;
mod close;
mod connected;
mod conversion;
mod custom_fields;
mod doctor;
mod fault_table;
mod oauth;
mod polling;
mod protocol;
mod records;
mod session;
mod trouble;
