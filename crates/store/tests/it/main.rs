//! What every store does, by the words of its traits: one suite, run against SQLite, PostgreSQL and memory.

mod behaviour;
mod database;
mod differential;
mod schema;
mod world;
