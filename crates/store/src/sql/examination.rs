//! Examinations: who asked for one, and what the last one found.

use syncline_model::{connection::Lease, examination::Examination, id::ConnectionId, store::StoreError};

use super::{
    row,
    store::{SqlStore, Unit},
};
use crate::{failure::Failure, signal::Raised};

impl SqlStore {
    pub(super) async fn ask_for_examination(&self, connection: ConnectionId) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        unit.want_examination(connection).await?;
        unit.commit().await
    }

    pub(super) async fn unanswered_requests(&self, connection: ConnectionId) -> Result<i64, Failure> {
        let requests: Option<i64> = sqlx::query_scalar(
            "-- requests for an examination\nselect examination_requested from connection where id = $1",
        )
        .bind(connection.to_string())
        .fetch_optional(self.reader())
        .await?;
        Ok(requests.unwrap_or_default())
    }

    pub(super) async fn last_examination(&self, connection: ConnectionId) -> Result<Option<Examination>, Failure> {
        let row = sqlx::query("-- examination\nselect examination from connection where id = $1")
            .bind(connection.to_string())
            .fetch_optional(self.reader())
            .await?
            .ok_or(StoreError::NotFound("the connection"))?;
        let kept: Option<String> = row::get(&row, "examination")?;
        Ok(kept.map(|kept| serde_json::from_str(&kept)).transpose()?)
    }

    pub(super) async fn keep_examination(
        &self,
        lease: &Lease,
        examination: &Examination,
        answered: i64,
    ) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        sqlx::query(
            "-- save examination\nupdate connection set examination = $1, examination_requested = examination_requested - $2 \
             where id = $3",
        )
        .bind(serde_json::to_string(examination)?)
        .bind(answered)
        .bind(lease.connection_id.to_string())
        .execute(&mut *unit.tx)
        .await?;
        unit.raised.view = true;
        unit.commit().await
    }
}

impl Unit<'_> {
    pub(super) async fn want_examination(&mut self, connection: ConnectionId) -> Result<(), Failure> {
        sqlx::query("-- request examination\nupdate connection set examination_requested = examination_requested + 1 where id = $1")
            .bind(connection.to_string())
            .execute(&mut *self.tx)
            .await?;
        self.raised = Raised { work: true, view: true };
        Ok(())
    }
}
