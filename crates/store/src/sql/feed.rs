//! How changes of each object are noticed.

use sqlx::QueryBuilder;
use syncline_model::{
    connection::Lease,
    feed::{Feed, NewestChange},
    id::ConnectionId,
};

use super::{
    Db, row,
    store::{ROWS_MAX, SqlStore, Unit},
};
use crate::{failure::Failure, rules::replaced_feeds};

impl SqlStore {
    pub(super) async fn feeds_of(&self, connection: ConnectionId) -> Result<Vec<Feed>, Failure> {
        let rows = sqlx::query("-- feeds\nselect * from feed where connection_id = $1 order by object")
            .bind(connection.to_string())
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(row::feed).collect()
    }

    pub(super) async fn replace_feeds(&self, lease: &Lease, said: &[Feed]) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        let connection = lease.connection_id;
        let rows = sqlx::query("-- feeds\nselect * from feed where connection_id = $1 order by object")
            .bind(connection.to_string())
            .fetch_all(&mut *unit.tx)
            .await?;
        let old = rows.iter().map(row::feed).collect::<Result<Vec<Feed>, _>>()?;
        let feeds = replaced_feeds(&old, said);
        if feeds == old {
            return Ok(());
        }
        sqlx::query("-- forget feeds\ndelete from feed where connection_id = $1")
            .bind(connection.to_string())
            .execute(&mut *unit.tx)
            .await?;
        for group in feeds.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new(
                "-- save feeds\ninsert into feed (connection_id, object, way, reason, since, expected_delay_ms, \
                 last_change_at, last_delay_ms) ",
            );
            query.push_values(group, |mut row, feed| {
                row.push_bind(connection.to_string()).push_bind(feed.object.clone()).push_bind(feed.way.as_str());
                row.push_bind(feed.reason.clone()).push_bind(feed.since.as_millisecond());
                row.push_bind(feed.expected_delay_ms);
                row.push_bind(feed.last_change_at.map(|at| at.as_millisecond())).push_bind(feed.last_delay_ms);
            });
            query.build().execute(&mut *unit.tx).await?;
        }
        unit.raised.view = true;
        unit.commit().await
    }
}

impl Unit<'_> {
    /// Notes the newest change of each object with its feed, and of all with the connection; what is older than what is noted
    /// says nothing.
    pub(super) async fn note_newest(
        &mut self,
        connection: ConnectionId,
        newest: &[NewestChange],
    ) -> Result<(), Failure> {
        for change in newest {
            sqlx::query(
                "-- note newest change
                update feed set last_change_at = $1, last_delay_ms = $2
                where connection_id = $3 and object = $4 and (last_change_at is null or last_change_at <= $5)",
            )
            .bind(change.commit_ms)
            .bind(change.delay_ms)
            .bind(connection.to_string())
            .bind(&change.object)
            .bind(change.commit_ms)
            .execute(&mut *self.tx)
            .await?;
        }
        if let Some((commit_ms, delay_ms)) = newest.iter().map(|newest| (newest.commit_ms, newest.delay_ms)).max() {
            sqlx::query(
                "-- note newest event
                update connection set last_event_at = $1, last_delay_ms = $2
                where id = $3 and (last_event_at is null or last_event_at <= $4)",
            )
            .bind(commit_ms)
            .bind(delay_ms)
            .bind(connection.to_string())
            .bind(commit_ms)
            .execute(&mut *self.tx)
            .await?;
            self.raised.view = true;
        }
        Ok(())
    }
}
