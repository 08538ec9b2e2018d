//! Databases for the tests, and what is in them while no server runs.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use serde_json::Value;
use sqlx::Row;

/// A PostgreSQL database of its own, dropped with this; or none where there is no server to make it on.
pub(crate) struct Postgres {
    pub(crate) url: String,
    server: String,
    name: String,
}

impl Postgres {
    /// Makes a database on the server that `SYNCLINE_TEST_POSTGRES_URL` names. Only outside of CI may there be none.
    pub(crate) async fn new(name: &str) -> Option<Self> {
        let Ok(server) = std::env::var("SYNCLINE_TEST_POSTGRES_URL") else {
            assert!(std::env::var_os("CI").is_none(), "CI has no SYNCLINE_TEST_POSTGRES_URL");
            eprintln!(
                "skipped: SYNCLINE_TEST_POSTGRES_URL is not set (`cargo xtask with-postgres -- cargo test` sets it)"
            );
            return None;
        };
        let name = format!("{name}_{}", std::process::id());
        execute(&server, format!("create database {name}")).await;
        let mut url: url::Url = server.parse().expect("a URL");
        url.set_path(&name);
        Some(Self { url: url.into(), server, name })
    }

    /// Drops the database.
    pub(crate) async fn drop(self) {
        execute(&self.server, format!("drop database {} with (force)", self.name)).await;
    }
}

async fn execute(server: &str, statement: String) {
    let pool = sqlx::PgPool::connect(server).await.expect("PostgreSQL answers");
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.expect("the statement succeeds");
    pool.close().await;
}

/// What a killed server left behind.
pub(crate) struct Image {
    /// Position in the change stream, if one was kept.
    pub(crate) position: Option<Vec<u8>>,
    /// Held copies.
    pub(crate) records: Vec<ImageRecord>,
    /// Links, as (record id, mapping id, profile id).
    pub(crate) links: Vec<(String, String, String)>,
    /// Due items, as (mapping id, profile id).
    pub(crate) due: HashSet<(String, String)>,
    /// Sync issues, as (profile id, field).
    pub(crate) issues: Vec<(String, Option<String>)>,
    /// Attributes by profile id.
    pub(crate) profiles: HashMap<String, Value>,
}

/// A held copy.
pub(crate) struct ImageRecord {
    pub(crate) id: String,
    pub(crate) fields: Value,
    pub(crate) commit_number: Option<i64>,
    pub(crate) read_ms: i64,
    pub(crate) stale: bool,
}

macro_rules! image {
    ($pool:ty, $url:expr) => {{
        let pool = <$pool>::connect($url).await.expect("the database opens");
        let rows = |sql: &'static str| sqlx::query(sql).fetch_all(&pool);
        let position = rows("select position from stream_position where stream like '/data/%'")
            .await
            .expect("rows")
            .first()
            .map(|row| row.get(0));
        let records = rows("select record_id, fields, commit_number, read_ms, stale from record").await.expect("rows");
        let links =
            rows("select record_id, mapping_id, profile_id from link where record_id is not null").await.expect("rows");
        let due = rows("select mapping_id, profile_id from due").await.expect("rows");
        let profiles = rows("select id, attributes from profile").await.expect("rows");
        let issues = rows("select profile_id, field from sync_issue").await.expect("rows");
        let image = Image {
            position,
            records: records
                .iter()
                .map(|row| ImageRecord {
                    id: row.get(0),
                    fields: serde_json::from_str(row.get(1)).expect("JSON"),
                    commit_number: row.get(2),
                    read_ms: row.get(3),
                    stale: row.get::<i64, _>(4) != 0,
                })
                .collect(),
            links: links.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect(),
            due: due.iter().map(|row| (row.get(0), row.get(1))).collect(),
            issues: issues.iter().map(|row| (row.get(0), row.get(1))).collect(),
            profiles: profiles
                .iter()
                .map(|row| (row.get(0), serde_json::from_str(row.get(1)).expect("JSON")))
                .collect(),
        };
        pool.close().await;
        image
    }};
}

/// Position in the change stream, also while a server runs.
pub(crate) async fn position(url: &str) -> Option<Vec<u8>> {
    image(url).await.position
}

/// Name of the node that works on the connection, if any does.
pub(crate) async fn owner(url: &str) -> Option<String> {
    let pool = sqlx::PgPool::connect(url).await.expect("PostgreSQL answers");
    let node = sqlx::query_scalar("select node from lease").fetch_one(&pool).await.expect("a row");
    pool.close().await;
    node
}

/// Reads what is in the database.
pub(crate) async fn image(url: &str) -> Image {
    if url.starts_with("postgres") { image!(sqlx::PgPool, url) } else { image!(sqlx::SqlitePool, url) }
}

/// The URL of a SQLite database in a folder.
pub(crate) fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("syncline.db").display())
}
