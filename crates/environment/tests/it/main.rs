//! What requests mean, without a store.

#![expect(clippy::unwrap_used, reason = "a test that can not go on is to stop there")]

mod operations;
mod requests;
