//! Inquiries: asked here, answered by the holder of the lease, and gone once the answer is taken.

use syncline_model::{
    connection::Lease,
    id::{ConnectionId, InquiryId},
    inquiry::{Answer, Inquiry, Question},
};

use super::{
    row,
    store::{SqlStore, Unit},
};
use crate::{failure::Failure, rules::INQUIRY_LIFE_MS, signal::Raised};

impl SqlStore {
    pub(super) async fn ask(&self, connection: ConnectionId, question: &Question) -> Result<InquiryId, Failure> {
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        sqlx::query("-- forget old inquiries\ndelete from inquiry where connection_id = $1 and asked_at < $2")
            .bind(connection.to_string())
            .bind(unit.now_ms() - INQUIRY_LIFE_MS)
            .execute(&mut *unit.tx)
            .await?;
        let id = InquiryId::new(unit.now);
        sqlx::query("-- inquire\ninsert into inquiry (connection_id, id, question, asked_at) values ($1, $2, $3, $4)")
            .bind(connection.to_string())
            .bind(id.to_string())
            .bind(serde_json::to_string(question)?)
            .bind(unit.now_ms())
            .execute(&mut *unit.tx)
            .await?;
        unit.raised = Raised { work: true, view: false };
        unit.commit().await?;
        Ok(id)
    }

    pub(super) async fn unanswered(&self, connection: ConnectionId) -> Result<Vec<Inquiry>, Failure> {
        let rows = sqlx::query(
            "-- inquiries\nselect id, question from inquiry where connection_id = $1 and answer is null order by id",
        )
        .bind(connection.to_string())
        .fetch_all(self.reader())
        .await?;
        let inquiry = |row| Ok(Inquiry { id: row::id(row, "id")?, question: row::json(row, "question")? });
        rows.iter().map(inquiry).collect()
    }

    pub(super) async fn keep_answer(&self, lease: &Lease, inquiry: InquiryId, answer: &Answer) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        sqlx::query("-- answer inquiry\nupdate inquiry set answer = $1 where connection_id = $2 and id = $3")
            .bind(serde_json::to_string(answer)?)
            .bind(lease.connection_id.to_string())
            .bind(inquiry.to_string())
            .execute(&mut *unit.tx)
            .await?;
        unit.raised.view = true;
        unit.commit().await
    }

    pub(super) async fn take(&self, connection: ConnectionId, inquiry: InquiryId) -> Result<Option<Answer>, Failure> {
        let answered: Option<i64> = sqlx::query_scalar(
            "-- is inquiry answered\nselect cast(1 as bigint) from inquiry where connection_id = $1 and id = $2 and answer is not null",
        )
        .bind(connection.to_string())
        .bind(inquiry.to_string())
        .fetch_optional(self.reader())
        .await?;
        if answered.is_none() {
            return Ok(None);
        }
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        let answer = unit.forget_inquiry(connection, inquiry).await?;
        unit.commit().await?;
        Ok(answer)
    }

    pub(super) async fn drop_inquiry(&self, connection: ConnectionId, inquiry: InquiryId) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        unit.forget_inquiry(connection, inquiry).await?;
        unit.commit().await
    }
}

impl Unit<'_> {
    async fn forget_inquiry(
        &mut self,
        connection: ConnectionId,
        inquiry: InquiryId,
    ) -> Result<Option<Answer>, Failure> {
        let row = sqlx::query(
            "-- forget inquiry\ndelete from inquiry where connection_id = $1 and id = $2 returning coalesce(answer, 'null') as answer",
        )
        .bind(connection.to_string())
        .bind(inquiry.to_string())
        .fetch_optional(&mut *self.tx)
        .await?;
        Ok(row.map(|row| row::json::<Option<Answer>>(&row, "answer")).transpose()?.flatten())
    }
}
