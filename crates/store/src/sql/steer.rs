//! What a person asks for: that a profile is synced now, that a mapping pauses.

use sqlx::QueryBuilder;
use syncline_model::{
    id::{ConnectionId, MappingId},
    profile::ProfileKind,
    store::StoreError,
    work::Lane,
};

use super::{
    Db, row,
    store::{SqlStore, Unit},
};
use crate::{failure::Failure, rules::Marks, signal::Raised};

impl SqlStore {
    pub(super) async fn renew_items(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profile: &str,
    ) -> Result<u64, Failure> {
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        let mappings = unit.forget_searches_of(connection, kind, profile).await?;
        if !mappings.is_empty() {
            unit.doubt_associated(connection, &mappings, profile).await?;
        }
        let mut marks = Marks::default();
        for mapping in &mappings {
            marks.add(*mapping, profile, Lane::Remote);
        }
        unit.mark_due(connection, &marks).await?;
        unit.commit().await?;
        Ok(u64::try_from(mappings.len())?)
    }

    pub(super) async fn set_paused(
        &self,
        connection: ConnectionId,
        mapping: MappingId,
        paused: bool,
    ) -> Result<(), Failure> {
        let (mut unit, environment) = self.begin_on_connection(connection).await?;
        unit.rules_change(environment).await?;
        let done =
            sqlx::query("-- pause mapping\nupdate object_mapping set paused = $1 where connection_id = $2 and id = $3")
                .bind(i64::from(paused))
                .bind(connection.to_string())
                .bind(mapping.to_string())
                .execute(&mut *unit.tx)
                .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("the mapping").into());
        }
        unit.raised = Raised { work: true, view: true };
        unit.commit().await
    }
}

impl Unit<'_> {
    /// Marks a profile's items as not searched. Gives the mappings that cover it.
    async fn forget_searches_of(
        &mut self,
        connection: ConnectionId,
        kind: ProfileKind,
        profile: &str,
    ) -> Result<Vec<MappingId>, Failure> {
        let rows = sqlx::query(
            "-- forget searches of profile
            update link set searched = 0 where connection_id = $1 and profile_id = $2
                and mapping_id in (select id from object_mapping where connection_id = $3 and profile_kind = $4)
            returning mapping_id",
        )
        .bind(connection.to_string())
        .bind(profile)
        .bind(connection.to_string())
        .bind(kind.as_str())
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter().map(|row| row::id(row, "mapping_id")).collect()
    }

    /// Marks the copies stale that a profile's items are associated with. The linked record itself is read by the look-up.
    async fn doubt_associated(
        &mut self,
        connection: ConnectionId,
        mappings: &[MappingId],
        profile: &str,
    ) -> Result<(), Failure> {
        let mut query = QueryBuilder::<Db>::new(
            "-- doubt associated copies\nupdate record set stale = 1, revision = revision + 1 where connection_id = ",
        );
        query.push_bind(connection.to_string());
        query.push(" and (object, record_id) in (select object, record_id from association where connection_id = ");
        query.push_bind(connection.to_string()).push(" and profile_id = ").push_bind(profile.to_owned());
        query.push(" and mapping_id in (");
        let mut ids = query.separated(", ");
        for mapping in mappings {
            ids.push_bind(mapping.to_string());
        }
        query.push("))");
        query.build().execute(&mut *self.tx).await?;
        Ok(())
    }
}
