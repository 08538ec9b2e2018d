//! PostgreSQL: many nodes on one database.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use syncline_model::{
    clock::Clock,
    store::{Signal, Store},
};
use uuid::Uuid;

use crate::{failure::Failure, seal::SecretKey, signal::Counts};

pub(crate) type Db = sqlx::Postgres;

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "initial", include_str!("../../migrations/postgres/0001_initial.sql")),
    (2, "feeds and budget", include_str!("../../migrations/postgres/0002_feeds_and_budget.sql")),
    (3, "association", include_str!("../../migrations/postgres/0003_association.sql")),
    (4, "objects", include_str!("../../migrations/postgres/0004_objects.sql")),
    (5, "inquiry", include_str!("../../migrations/postgres/0005_inquiry.sql")),
    (6, "summary", include_str!("../../migrations/postgres/0006_summary.sql")),
    (7, "rules", include_str!("../../migrations/postgres/0007_rules.sql")),
    (8, "last synced", include_str!("../../migrations/postgres/0008_last_synced.sql")),
    (9, "edited at", include_str!("../../migrations/postgres/0009_edited_at.sql")),
];

/// Sees what others have committed up to each statement. Said here because a server may be set to another default.
const BEGIN_WRITE: &str = "begin isolation level read committed";
/// One view of the database for all statements of a method that only reads.
const BEGIN_READ: &str = "begin isolation level repeatable read, read only";

/// See `SqlStore::grow`.
const AFTER_GROWTH: Option<&str> = Some("analyze profile, link, record, due");

const CONNECTIONS_MAX: u32 = 16;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);
const CHANNEL: &str = "syncline";
/// How long to wait before a failed notification or listener is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The database's clock, in milliseconds after 1970: the time of day, not of the transaction's start.
macro_rules! now_ms {
    () => {
        "cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)"
    };
}
/// Keeps others from changing the row until the transaction ends.
macro_rules! for_update {
    () => {
        " for no key update"
    };
}
/// Keeps others from changing the row, but not from doing the same.
macro_rules! for_share {
    () => {
        " for share of l"
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

/// Opens a database that exists.
pub(crate) async fn open(url: &str, key: SecretKey, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, Failure> {
    let options = PgConnectOptions::from_str(url)?.application_name("syncline");
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT);
    let pool = pool.connect_with(options).await?;
    store::migrate(&pool, MIGRATIONS).await?;

    let counts = Arc::new(Counts::new());
    let committed = Arc::new(Counts::new());
    let node = Uuid::new_v4().simple().to_string();
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    let (waiting, to_write) = tokio::sync::mpsc::channel(together::TOGETHER_MAX);
    let mut store =
        store::SqlStore::new(pool.clone(), pool.clone(), key, clock, counts.clone(), Some(committed.clone()), waiting);
    store.add_first_environment().await?;
    for signal in [Signal::Work, Signal::View] {
        store.keep_running(tokio::spawn(notify(pool.clone(), committed.clone(), signal, node.clone())));
    }
    store.keep_running(tokio::spawn(listen(listener, counts, node)));
    Ok(store.start(to_write))
}

fn letter(signal: Signal) -> char {
    match signal {
        Signal::Work => 'w',
        Signal::View => 'v',
    }
}

/// Tells the other nodes of commits. One notification is under way at most, and it stands for all commits before it. It is
/// never part of the transaction: committing with a notification takes a lock that all nodes share.
async fn notify(pool: PgPool, committed: Arc<Counts>, signal: Signal, node: String) {
    let payload = format!("{}{node}", letter(signal));
    let mut told = 0;
    loop {
        let count = committed.wait(signal, told).await;
        let sent = sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(&payload).execute(&pool).await;
        match sent {
            Ok(_) => told = count,
            Err(_) => tokio::time::sleep(RETRY_DELAY).await,
        }
    }
}

/// Raises the signals that other nodes tell of. Where the line was broken, something may have been missed.
async fn listen(mut listener: PgListener, counts: Arc<Counts>, node: String) {
    loop {
        match listener.try_recv().await {
            Ok(Some(notification)) => {
                let payload = notification.payload();
                let own = payload.get(1..) == Some(node.as_str());
                match payload.chars().next() {
                    Some('w') if !own => counts.raise(Signal::Work),
                    Some('v') if !own => counts.raise(Signal::View),
                    _ => {}
                }
            }
            Ok(None) => counts.raise_all(),
            Err(error) => {
                tracing::warn!(%error, "lost the line on which other nodes tell of changes; trying again");
                counts.raise_all();
                tokio::time::sleep(RETRY_DELAY).await;
            }
        }
    }
}
