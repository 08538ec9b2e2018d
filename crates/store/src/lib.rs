//! Durable state: the only crate that speaks SQL.
//!
//! The store is written once, under `sql/`, and compiled for SQLite (`sqlite/`) and for PostgreSQL (`postgres/`); those two
//! folders hold the few lines that differ. [`MemoryStore`] has the same behaviour without a database, for simulation. One
//! conformance suite runs against all three. Callers know the traits of [`syncline_model::store`], not these types.
//!
//! Must not know: HTTP, Salesforce, what is done about a due item.

#![expect(clippy::duplicate_mod, reason = "the one SQL body is compiled once for each database")]

mod failure;
mod memory;
mod postgres;
mod rules;
mod seal;
mod signal;
mod sqlite;

use std::sync::Arc;

use syncline_model::{
    clock::Clock,
    store::{Store, StoreError},
};

pub use crate::{
    memory::MemoryStore,
    seal::{SealError, SecretKey},
};

/// The environment that a fresh database has.
const FIRST_ENVIRONMENT: &str = "production";

/// Opens the database at `url` and brings its schema up to date: `sqlite://path` (made where there is no file),
/// `sqlite::memory:` or `postgres://…`. Secrets are sealed with `key`; `clock` tells all times but those of leases, which go
/// by the database's own clock, so that nodes need not agree on the time.
///
/// # Errors
/// [`StoreError::Unavailable`] where the database can not be reached, [`StoreError::Broken`] where the URL is of no known kind
/// or the schema is of a newer version.
pub async fn open(url: &str, key: SecretKey, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StoreError> {
    match url.split_once(':').map_or("", |(scheme, _)| scheme) {
        "sqlite" => Ok(sqlite::open(url, key, clock).await?),
        "postgres" | "postgresql" => Ok(postgres::open(url, key, clock).await?),
        _ => Err(StoreError::Broken("the database URL starts with neither `sqlite://` nor `postgres://`".into())),
    }
}
