//! Items as they stand, due or not, for whoever wants to know why something did or did not sync.

use sqlx::QueryBuilder;
use syncline_model::{
    id::{ConnectionId, MappingId},
    profile::ProfileKind,
    work::{Lane, Standing, Waiting},
};

use super::{
    Db,
    row::{self, RECORD, get, text},
    store::SqlStore,
    sync::{SIDES, work},
};
use crate::failure::Failure;

impl SqlStore {
    pub(super) async fn items_of_profile(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profile: &str,
    ) -> Result<Vec<Standing>, Failure> {
        let mut tx = self.read().await?;
        let mut query = QueryBuilder::<Db>::new(
            "-- items of profile\nselect l.mapping_id, l.profile_id, coalesce(d.generation, 0) as generation, \
             coalesce(d.due_at, 0) as due_at, coalesce(d.attempts, 0) as attempts, d.lane, l.linked_at, l.last_synced, ",
        );
        query.push(SIDES).push(", ").push(RECORD);
        query.push(
            " from link l \
             join connection c on c.id = l.connection_id \
             join object_mapping m on m.connection_id = l.connection_id and m.id = l.mapping_id \
             left join due d on d.connection_id = l.connection_id and d.mapping_id = l.mapping_id and d.profile_id = l.profile_id \
             left join profile p on p.environment_id = c.environment_id and p.kind = m.profile_kind and p.id = l.profile_id \
             left join record r on r.connection_id = l.connection_id and r.object = l.object and r.record_id = l.record_id \
             where l.connection_id = ",
        );
        query.push_bind(connection.to_string()).push(" and m.profile_kind = ").push_bind(kind.as_str());
        query.push(" and l.profile_id = ").push_bind(profile.to_owned()).push(" order by m.position, m.id");
        let rows = query.build().fetch_all(&mut *tx).await?;
        let mut works = rows.iter().map(work).collect::<Result<Vec<_>, _>>()?;
        Self::add_associated(&mut tx, connection, &mut works).await?;
        let standing = rows.iter().zip(works).map(|(row, work)| {
            let waiting = get::<Option<i64>>(row, "lane")?.map(|lane| Waiting {
                needs_call: lane == i64::from(Lane::Remote.as_i16()),
                at: work.due_at,
                attempts: work.attempts,
            });
            let linked_at = get::<Option<i64>>(row, "linked_at")?.map(syncline_model::clock::from_ms);
            Ok(Standing { work, linked_at, last_synced: row::json(row, "last_synced")?, waiting })
        });
        standing.collect()
    }

    pub(super) async fn profiles_linked_by(
        &self,
        connection: ConnectionId,
        mapping: MappingId,
        limit: u32,
    ) -> Result<Vec<String>, Failure> {
        let rows = sqlx::query(
            "-- profiles linked by mapping
            select profile_id from link where connection_id = $1 and mapping_id = $2 and record_id is not null
            order by linked_at desc, profile_id limit $3",
        )
        .bind(connection.to_string())
        .bind(mapping.to_string())
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(|row| text(row, "profile_id")).collect()
    }

    pub(super) async fn linked_profiles(
        &self,
        connection: ConnectionId,
        record: &str,
    ) -> Result<Vec<(ProfileKind, String)>, Failure> {
        let rows = sqlx::query(
            "-- profiles of record
            select distinct m.profile_kind, l.profile_id from link l
            join object_mapping m on m.connection_id = l.connection_id and m.id = l.mapping_id
            where l.connection_id = $1 and l.record_id = $2 order by m.profile_kind, l.profile_id",
        )
        .bind(connection.to_string())
        .bind(record)
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(|row| Ok((row::word(row, "profile_kind")?, text(row, "profile_id")?))).collect()
    }
}
