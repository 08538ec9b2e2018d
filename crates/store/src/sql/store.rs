//! The store and its transactions.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{
    Database, Pool, Row, SqlSafeStr, Transaction,
    migrate::{Migration, MigrationType, Migrator},
};
use syncline_model::{
    clock::Clock,
    connection::Lease,
    id::{ConnectionId, EnvironmentId},
    store::{Signal, Signals, StoreError},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{AFTER_GROWTH, BEGIN_READ, BEGIN_WRITE, Db, rules::KnownRules, together::Waiting};
use crate::{
    FIRST_ENVIRONMENT,
    failure::Failure,
    seal::SecretKey,
    signal::{Counts, Raised},
};

/// Rows to a statement: what several hundred gain in speed is had, and their parameters stay below the databases' limits
/// (32,766 in SQLite, 65,535 in PostgreSQL).
pub(super) const ROWS_MAX: usize = 500;

/// Rows written after which the database is first told to look at its tables again.
const GROWTH_MIN: u64 = 1_000;

pub(super) type Connection = <Db as Database>::Connection;

/// The store on one kind of database.
pub(super) struct SqlStore {
    writer: Pool<Db>,
    reader: Pool<Db>,
    pub(super) key: SecretKey,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) known_rules: KnownRules,
    counts: Arc<Counts>,
    /// Raised with `counts`, for whoever tells other nodes.
    committed: Option<Arc<Counts>>,
    generation: AtomicI64,
    /// Rows written since the start, and how many of them are to be there before the next [`AFTER_GROWTH`].
    written: AtomicU64,
    next_growth: AtomicU64,
    running: Vec<JoinHandle<()>>,
    /// Requests that wait for their transaction.
    pub(super) waiting: mpsc::Sender<Waiting>,
}

impl Drop for SqlStore {
    fn drop(&mut self) {
        for task in &self.running {
            task.abort();
        }
    }
}

impl SqlStore {
    pub(super) fn new(
        writer: Pool<Db>,
        reader: Pool<Db>,
        key: SecretKey,
        clock: Arc<dyn Clock>,
        counts: Arc<Counts>,
        committed: Option<Arc<Counts>>,
        waiting: mpsc::Sender<Waiting>,
    ) -> Self {
        // A new item's generation must not be one that the same item had in an earlier life, or who took it then could end
        // it now. So they start at the time of the start, with room for 65,536 transactions a millisecond.
        let generation = AtomicI64::new(clock.now().as_millisecond() << 16);
        let (written, next_growth) = (AtomicU64::new(0), AtomicU64::new(GROWTH_MIN));
        let running = Vec::new();
        let known_rules = KnownRules::default();
        Self {
            writer,
            reader,
            key,
            clock,
            known_rules,
            counts,
            committed,
            generation,
            written,
            next_growth,
            running,
            waiting,
        }
    }

    /// Keeps a task until the store is dropped.
    pub(super) fn keep_running(&mut self, task: JoinHandle<()>) {
        self.running.push(task);
    }

    pub(super) async fn add_first_environment(&self) -> Result<(), Failure> {
        let now = self.clock.now();
        sqlx::query(
            "-- add first environment
            insert into environment (id, name, created_at) select $1, $2, $3
            where not exists (select 1 from environment) on conflict (name) do nothing",
        )
        .bind(EnvironmentId::new(now).to_string())
        .bind(FIRST_ENVIRONMENT)
        .bind(now.as_millisecond())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    pub(super) async fn begin(&self) -> Result<Unit<'_>, Failure> {
        let tx = self.writer.begin_with(BEGIN_WRITE).await?;
        let generation = self.generation.fetch_add(1, Ordering::Relaxed);
        let (now, raised) = (self.clock.now(), Raised::default());
        Ok(Unit { store: self, tx, now, generation, raised, rows: 0, rules_version: None })
    }

    /// A transaction for an environment; there is no other at the same time.
    pub(super) async fn begin_in_environment(&self, environment: EnvironmentId) -> Result<Unit<'_>, Failure> {
        let mut unit = self.begin().await?;
        let version = sqlx::query_scalar(concat!(
            "-- lock environment\nselect rules_version from environment where id = $1",
            for_update!()
        ))
        .bind(environment.to_string())
        .fetch_optional(&mut *unit.tx)
        .await?;
        unit.rules_version = Some(version.ok_or(StoreError::NotFound("the environment"))?);
        Ok(unit)
    }

    /// A transaction for a connection, in its environment.
    pub(super) async fn begin_on_connection(
        &self,
        connection: ConnectionId,
    ) -> Result<(Unit<'_>, EnvironmentId), Failure> {
        let mut unit = self.begin().await?;
        let environment = sqlx::query(concat!(
            "-- lock environment of connection
            select id, rules_version from environment where id = (select environment_id from connection where id = $1)",
            for_update!()
        ))
        .bind(connection.to_string())
        .fetch_optional(&mut *unit.tx)
        .await?
        .ok_or(StoreError::NotFound("the connection"))?;
        unit.rules_version = Some(environment.try_get(1)?);
        Ok((unit, environment.try_get::<String, _>(0)?.parse()?))
    }

    /// A transaction of the holder of a lease.
    pub(super) async fn begin_leased(&self, lease: &Lease) -> Result<(Unit<'_>, EnvironmentId), Failure> {
        let (mut unit, environment) = match self.begin_on_connection(lease.connection_id).await {
            Err(Failure::Told(StoreError::NotFound(_))) => return Err(StoreError::LeaseLost.into()),
            begun => begun?,
        };
        check_lease(&mut unit.tx, lease).await?;
        Ok((unit, environment))
    }

    /// A transaction that only reads: one view of the database for all its statements.
    pub(super) async fn read(&self) -> Result<Transaction<'static, Db>, Failure> {
        Ok(self.reader.begin_with(BEGIN_READ).await?)
    }

    pub(super) fn reader(&self) -> &Pool<Db> {
        &self.reader
    }

    pub(super) fn writer(&self) -> &Pool<Db> {
        &self.writer
    }

    /// Rows were written. Has the database look at its tables again each time that their number has doubled: one that knows
    /// nothing of tables that were just filled joins them in ways that take minutes; after that it looks by itself.
    async fn grow(&self, rows: u64) {
        let Some(statement) = AFTER_GROWTH else { return };
        let written = self.written.fetch_add(rows, Ordering::Relaxed) + rows;
        if written < self.next_growth.load(Ordering::Relaxed) {
            return;
        }
        self.next_growth.store(written * 2, Ordering::Relaxed);
        if let Err(error) = sqlx::query(statement).execute(&self.writer).await {
            tracing::warn!(%error, "the database could not look at its tables again; it may be slow for a while");
        }
    }

    pub(super) fn raise(&self, raised: Raised) {
        for signal in raised.signals() {
            self.counts.raise(signal);
            if let Some(committed) = &self.committed {
                committed.raise(signal);
            }
        }
    }
}

/// Fails unless the lease is held and the connection is to be worked on; within a writing transaction it stays so.
pub(super) async fn check_lease(conn: &mut Connection, lease: &Lease) -> Result<EnvironmentId, Failure> {
    let row = sqlx::query(concat!(
        "-- check lease
        select c.environment_id from connection c join lease l on l.connection_id = c.id
        where c.id = $1 and l.token = $2 and l.expires_at > ",
        now_ms!(),
        " and c.status not in ('disconnecting', 'disconnected')",
        for_share!()
    ))
    .bind(lease.connection_id.to_string())
    .bind(lease.token)
    .fetch_optional(&mut *conn)
    .await?
    .ok_or(StoreError::LeaseLost)?;
    Ok(row.try_get::<String, _>(0)?.parse()?)
}

/// The same without a lock, for a transaction that only reads.
pub(super) async fn look_at_lease(conn: &mut Connection, lease: &Lease) -> Result<EnvironmentId, Failure> {
    let environment: Option<String> = sqlx::query_scalar(concat!(
        "-- look at lease
        select c.environment_id from connection c join lease l on l.connection_id = c.id
        where c.id = $1 and l.token = $2 and l.expires_at > ",
        now_ms!(),
        " and c.status not in ('disconnecting', 'disconnected')"
    ))
    .bind(lease.connection_id.to_string())
    .bind(lease.token)
    .fetch_optional(&mut *conn)
    .await?;
    Ok(environment.ok_or(StoreError::LeaseLost)?.parse()?)
}

/// A transaction that writes.
pub(super) struct Unit<'a> {
    pub(super) store: &'a SqlStore,
    pub(super) tx: Transaction<'static, Db>,
    /// The time of all that it does.
    pub(super) now: Timestamp,
    /// Generation of items that it is the first to mark due.
    pub(super) generation: i64,
    /// What it raises once it is committed.
    pub(super) raised: Raised,
    /// Rows that it writes, of the tables that grow.
    pub(super) rows: usize,
    /// Version of the rules that it reads, in a transaction for an environment; none once it has changed them.
    pub(super) rules_version: Option<i64>,
}

impl Unit<'_> {
    pub(super) async fn commit(self) -> Result<(), Failure> {
        self.tx.commit().await?;
        self.store.raise(self.raised);
        self.store.grow(self.rows as u64).await;
        Ok(())
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now.as_millisecond()
    }
}

#[async_trait]
impl Signals for SqlStore {
    async fn wait(&self, signal: Signal, seen: u64) -> u64 {
        self.counts.wait(signal, seen).await
    }
}

/// Brings the schema up to date.
pub(super) async fn migrate(pool: &Pool<Db>, migrations: &[(i64, &'static str, &'static str)]) -> Result<(), Failure> {
    let migrations = migrations.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    migrator.run(pool).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => Failure::from(error),
        error => Failure::Defect(Box::new(error)),
    })
}

/// The distinct members, in order and in groups that fit one statement.
pub(super) fn groups<T: Ord + Clone>(items: impl IntoIterator<Item = T>) -> Vec<Vec<T>> {
    let items: Vec<T> = items.into_iter().collect::<BTreeSet<T>>().into_iter().collect();
    items.chunks(ROWS_MAX).map(<[T]>::to_vec).collect()
}
