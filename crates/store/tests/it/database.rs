//! Stores to test: a fresh one for each test, gone after it.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use syncline_model::clock::Clock;
use syncline_store::{MemoryStore, SecretKey, open};

use crate::world::{World, manual_clock};

/// Names the superuser's URL of a PostgreSQL to make databases in.
const POSTGRES_URL: &str = "SYNCLINE_TEST_POSTGRES_URL";

pub(crate) fn key() -> SecretKey {
    SecretKey::parse("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap()
}

pub(crate) async fn memory() -> World {
    let clock = manual_clock();
    World::new(Arc::new(MemoryStore::new(clock.clone())), clock, None).await
}

pub(crate) async fn open_at(url: &str) -> World {
    let clock = manual_clock();
    let store = open(url, key(), Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    World::new(store, clock, Some(url.to_owned())).await
}

pub(crate) async fn in_memory<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    test(memory().await).await;
}

pub(crate) async fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("syncline.db").display());
    test(open_at(&url).await).await;
}

pub(crate) async fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    let Ok(server) = std::env::var(POSTGRES_URL) else {
        assert!(std::env::var_os("CI").is_none(), "{POSTGRES_URL} must be set where CI is");
        eprintln!("not run on PostgreSQL: {POSTGRES_URL} is not set");
        return;
    };
    let name = format!("syncline_{}", uuid::Uuid::new_v4().simple());
    let mut admin = PgConnection::connect(&server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("create database {name}"))).execute(&mut admin).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    let outcome = futures::FutureExt::catch_unwind(AssertUnwindSafe(async {
        test(open_at(&format!("{base}/{name}")).await).await;
    }))
    .await;
    sqlx::query(AssertSqlSafe(format!("drop database {name} with (force)"))).execute(&mut admin).await.unwrap();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a statement beside the store.
pub(crate) async fn execute(url: &str, statement: &'static str) {
    if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
}

/// The bytes of a column.
pub(crate) async fn blobs(url: &str, query: &'static str) -> Vec<Vec<u8>> {
    if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
    }
}

/// Rows of texts.
pub(crate) async fn texts(url: &str, query: &'static str) -> Vec<(String, String, String)> {
    if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query_as(query).fetch_all(&mut connection).await.unwrap()
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_as(query).fetch_all(&mut connection).await.unwrap()
    }
}
