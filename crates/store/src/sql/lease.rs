//! Leases, and what their holders say with each renewal.

use syncline_model::{
    budget::{CallReport, HourOfCalls},
    connection::{ConnectionStatus, Lease},
    connector::ApiUsage,
    id::ConnectionId,
    store::StoreError,
};

use super::{
    row,
    store::{SqlStore, Unit},
};
use crate::{
    failure::Failure,
    rules::{begin_of_hour, recent_after},
};

impl SqlStore {
    pub(super) async fn take_lease(
        &self,
        connection: ConnectionId,
        node: &str,
        ttl_ms: i64,
    ) -> Result<Option<Lease>, Failure> {
        let mut unit = match self.begin_on_connection(connection).await {
            Err(Failure::Told(StoreError::NotFound(_))) => return Ok(None),
            begun => begun?.0,
        };
        let status = unit.status(connection).await?;
        if !matches!(status, ConnectionStatus::Connected | ConnectionStatus::Disconnecting) {
            return Ok(None);
        }
        let token: Option<i64> = sqlx::query_scalar(concat!(
            "-- acquire lease
            update lease set node = $1, token = token + 1, expires_at = ",
            now_ms!(),
            " + $2 where connection_id = $3 and (node is null or node = $4 or expires_at <= ",
            now_ms!(),
            ") returning token"
        ))
        .bind(node)
        .bind(ttl_ms)
        .bind(connection.to_string())
        .bind(node)
        .fetch_optional(&mut *unit.tx)
        .await?;
        let Some(token) = token else { return Ok(None) };
        // Its owner died while it was to be disconnected: nobody is left that would have to stop.
        if status == ConnectionStatus::Disconnecting {
            unit.clear_lease(connection).await?;
            unit.set_status(connection, ConnectionStatus::Disconnected, None).await?;
            unit.commit().await?;
            return Ok(None);
        }
        unit.commit().await?;
        Ok(Some(Lease { connection_id: connection, token }))
    }

    /// Prolongs a lease: that of a connection which is to be worked on, or any.
    pub(super) async fn prolong_lease(
        &self,
        lease: &Lease,
        ttl_ms: i64,
        report: &CallReport,
        any_status: bool,
    ) -> Result<(), Failure> {
        let mut unit = self.begin().await?;
        let renewed = sqlx::query(concat!(
            "-- renew lease
            update lease set expires_at = ",
            now_ms!(),
            " + $1 where connection_id = $2 and token = $3 and expires_at > ",
            now_ms!(),
            " and ($4 = 1 or exists (
                select 1 from connection c where c.id = lease.connection_id and c.status = 'connected'))"
        ))
        .bind(ttl_ms)
        .bind(lease.connection_id.to_string())
        .bind(lease.token)
        .bind(i64::from(any_status))
        .execute(&mut *unit.tx)
        .await?;
        if renewed.rows_affected() == 0 {
            return Err(StoreError::LeaseLost.into());
        }
        unit.note_usage(lease.connection_id, report.usage, NOTE_API_USAGE).await?;
        unit.note_usage(lease.connection_id, report.deliveries, NOTE_DELIVERIES).await?;
        unit.count_calls(lease.connection_id, report.calls).await?;
        unit.commit().await
    }

    pub(super) async fn give_up_lease(&self, lease: &Lease) -> Result<(), Failure> {
        let mut unit = match self.begin_on_connection(lease.connection_id).await {
            Err(Failure::Told(StoreError::NotFound(_))) => return Ok(()),
            begun => begun?.0,
        };
        let released = sqlx::query(
            "-- release lease
            update lease set node = null, expires_at = 0 where connection_id = $1 and token = $2 and node is not null",
        )
        .bind(lease.connection_id.to_string())
        .bind(lease.token)
        .execute(&mut *unit.tx)
        .await?;
        if released.rows_affected() > 0 {
            if unit.status(lease.connection_id).await? == ConnectionStatus::Disconnecting {
                unit.set_status(lease.connection_id, ConnectionStatus::Disconnected, None).await?;
            }
            unit.raised.work = true;
        }
        unit.commit().await
    }

    pub(super) async fn is_lease_held(&self, connection: ConnectionId) -> Result<bool, Failure> {
        let held: Option<i64> = sqlx::query_scalar(concat!(
            "-- who holds the lease
            select cast(1 as bigint) from lease where connection_id = $1 and node is not null and expires_at > ",
            now_ms!()
        ))
        .bind(connection.to_string())
        .fetch_optional(self.reader())
        .await?;
        Ok(held.is_some())
    }

    pub(super) async fn recent_calls(&self, connection: ConnectionId) -> Result<Vec<HourOfCalls>, Failure> {
        let rows = sqlx::query(
            "-- API calls\nselect hour, calls from api_call where connection_id = $1 and hour > $2 order by hour",
        )
        .bind(connection.to_string())
        .bind(recent_after(self.clock.now()))
        .fetch_all(self.reader())
        .await?;
        let hours = rows.iter().map(|row| {
            Ok(HourOfCalls { hour: row::time(row, "hour")?, calls: row::get::<i64>(row, "calls")?.try_into()? })
        });
        hours.collect()
    }
}

const NOTE_API_USAGE: &str = "-- note API usage
    update connection set api_used = $1, api_limit = $2
    where id = $3 and (api_used is null or api_used <> $4 or api_limit <> $5)";
const NOTE_DELIVERIES: &str = "-- note event deliveries
    update connection set deliveries_used = $1, deliveries_limit = $2
    where id = $3 and (deliveries_used is null or deliveries_used <> $4 or deliveries_limit <> $5)";

impl Unit<'_> {
    async fn note_usage(
        &mut self,
        connection: ConnectionId,
        usage: Option<ApiUsage>,
        statement: &'static str,
    ) -> Result<(), Failure> {
        let Some(usage) = usage else { return Ok(()) };
        // Whatever an org says of its limits, the lease is renewed.
        let [used, limit] = [usage.used, usage.limit].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        let changed = sqlx::query(statement)
            .bind(used)
            .bind(limit)
            .bind(connection.to_string())
            .bind(used)
            .bind(limit)
            .execute(&mut *self.tx)
            .await?;
        self.raised.view |= changed.rows_affected() > 0;
        Ok(())
    }

    async fn count_calls(&mut self, connection: ConnectionId, calls: u64) -> Result<(), Failure> {
        if calls > 0 {
            sqlx::query(
                "-- count API calls
                insert into api_call (connection_id, hour, calls) values ($1, $2, $3)
                on conflict (connection_id, hour) do update set calls = api_call.calls + excluded.calls",
            )
            .bind(connection.to_string())
            .bind(begin_of_hour(self.now))
            .bind(i64::try_from(calls)?)
            .execute(&mut *self.tx)
            .await?;
        }
        sqlx::query("-- forget old API calls\ndelete from api_call where connection_id = $1 and hour < $2")
            .bind(connection.to_string())
            .bind(recent_after(self.now))
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Whether a node holds the lease; nobody else takes it until the transaction ends.
    pub(super) async fn is_held(&mut self, connection: ConnectionId) -> Result<bool, Failure> {
        let held = sqlx::query(concat!(
            "-- is lease held
            select cast(case when node is not null and expires_at > ",
            now_ms!(),
            " then 1 else 0 end as bigint) as held from lease where connection_id = $1",
            for_update!()
        ))
        .bind(connection.to_string())
        .fetch_optional(&mut *self.tx)
        .await?;
        held.as_ref().map_or(Ok(false), |row| row::flag(row, "held"))
    }

    pub(super) async fn clear_lease(&mut self, connection: ConnectionId) -> Result<(), Failure> {
        sqlx::query("-- clear lease\nupdate lease set node = null, expires_at = 0 where connection_id = $1")
            .bind(connection.to_string())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}
