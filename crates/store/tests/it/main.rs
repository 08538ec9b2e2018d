//! What every store does, by the words of its traits: one suite, run against SQLite, PostgreSQL and memory.

#![expect(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

mod behaviour;
mod database;
mod differential;
mod schema;
mod world;
