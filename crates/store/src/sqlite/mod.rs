//! SQLite: one writer at a time, readers beside it.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use syncline_model::{clock::Clock, store::Store};

use crate::{failure::Failure, seal::SecretKey, signal::Counts};

pub(crate) type Db = sqlx::Sqlite;

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
    (2, "feeds and budget", include_str!("../../migrations/sqlite/0002_feeds_and_budget.sql")),
    (3, "association", include_str!("../../migrations/sqlite/0003_association.sql")),
    (4, "objects", include_str!("../../migrations/sqlite/0004_objects.sql")),
    (5, "inquiry", include_str!("../../migrations/sqlite/0005_inquiry.sql")),
    (6, "summary", include_str!("../../migrations/sqlite/0006_summary.sql")),
    (7, "rules", include_str!("../../migrations/sqlite/0007_rules.sql")),
    (8, "last synced", include_str!("../../migrations/sqlite/0008_last_synced.sql")),
    (9, "edited at", include_str!("../../migrations/sqlite/0009_edited_at.sql")),
];

/// Takes the write lock at once: a transaction that reads first and then wants to write would be refused if another process
/// wrote in between, however long it waits.
const BEGIN_WRITE: &str = "begin immediate";
const BEGIN_READ: &str = "begin";

/// Without statistics SQLite takes the index that has most of the columns asked for, which is the right one here.
const AFTER_GROWTH: Option<&str> = None;

/// How long to wait for another process, such as a command beside a server.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
const READERS_MAX: u32 = 4;
/// How soon a change made by another process is noticed.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// The database's clock, in milliseconds after 1970.
macro_rules! now_ms {
    () => {
        "cast(round(unixepoch('subsec') * 1000) as integer)"
    };
}
/// Keeps others from changing the row until the transaction ends; here there is only one writer anyway.
macro_rules! for_update {
    () => {
        ""
    };
}
/// Keeps others from changing the row, but not from doing the same.
macro_rules! for_share {
    () => {
        ""
    };
}

#[path = "../sql/admin.rs"]
mod admin;
#[path = "../sql/association.rs"]
mod association;
#[path = "../sql/connecting.rs"]
mod connecting;
#[path = "../sql/environment.rs"]
mod environment;
#[path = "../sql/examination.rs"]
mod examination;
#[path = "../sql/feed.rs"]
mod feed;
#[path = "../sql/finish.rs"]
mod finish;
#[path = "../sql/inquiry.rs"]
mod inquiry;
#[path = "../sql/issue.rs"]
mod issue;
#[path = "../sql/lease.rs"]
mod lease;
#[path = "../sql/link.rs"]
mod link;
#[path = "../sql/news.rs"]
mod news;
#[path = "../sql/object.rs"]
mod object;
#[path = "../sql/profile.rs"]
mod profile;
#[path = "../sql/row.rs"]
mod row;
#[path = "../sql/rules.rs"]
mod rules;
#[path = "../sql/standing.rs"]
mod standing;
#[path = "../sql/steer.rs"]
mod steer;
#[path = "../sql/store.rs"]
mod store;
#[path = "../sql/sync.rs"]
mod sync;
#[path = "../sql/together.rs"]
mod together;
#[path = "../sql/wanted.rs"]
mod wanted;
#[path = "../sql/write.rs"]
mod write;

/// Opens or makes a database file.
pub(crate) async fn open(url: &str, key: SecretKey, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, Failure> {
    let in_memory = url.contains(":memory:");
    let options = SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode a dead process loses nothing either way; FULL also keeps what was answered through a loss of power.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        // Rows that belong to others are deleted by the method that deletes those; a check of each row would cost more.
        .foreign_keys(false);
    // The connections live as long as the store: an in-memory database dies with its connection, and the watch compares what
    // one connection sees.
    let pool = || SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None).acquire_timeout(BUSY_TIMEOUT);
    let writer = pool().max_connections(1).connect_with(options.clone()).await?;
    store::migrate(&writer, MIGRATIONS).await?;
    // A database in memory belongs to its one connection.
    let reader = if in_memory {
        writer.clone()
    } else {
        pool().min_connections(1).max_connections(READERS_MAX).connect_with(options.read_only(true)).await?
    };
    let counts = Arc::new(Counts::new());
    let (waiting, to_write) = tokio::sync::mpsc::channel(together::TOGETHER_MAX);
    let mut store = store::SqlStore::new(writer.clone(), reader, key, clock, counts.clone(), None, waiting);
    store.add_first_environment().await?;
    if !in_memory {
        store.keep_running(tokio::spawn(watch(writer, counts)));
    }
    Ok(store.start(to_write))
}

/// Raises both signals when another process has changed the database: SQLite tells a connection that others wrote, not what.
async fn watch(writer: SqlitePool, counts: Arc<Counts>) {
    let mut seen: Option<i64> = None;
    let mut interval = tokio::time::interval(WATCH_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        // On the writing connection, so that this process's own writes do not count.
        let Ok(version) = sqlx::query_scalar("pragma data_version").fetch_one(&writer).await else { continue };
        if seen.is_some_and(|seen| seen != version) {
            counts.raise_all();
        }
        seen = Some(version);
    }
}
