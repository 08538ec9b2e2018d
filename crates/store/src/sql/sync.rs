//! The engine's side of the store.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::QueryBuilder;
use syncline_model::{
    budget::{CallReport, HourOfCalls},
    change::{Position, RecordedChanges},
    connection::{Connection, ConnectionStatus, Lease, StreamState},
    custom_field::WantedField,
    examination::Examination,
    feed::Feed,
    id::{ConnectionId, InquiryId, MappingId},
    inquiry::{Answer, Inquiry},
    mapping::{MatchKey, ObjectMapping},
    profile::Profile,
    record::{Record, RecordKey},
    rules::StoredRules,
    schema::{ListedObject, ObjectSchema},
    store::{StoreError, SyncStore},
    work::{Finish, Found, Lane, Linked, Work, WorkKey},
};

use super::{
    Db,
    row::{self, RECORD, flag, get, id, text},
    rules,
    store::{SqlStore, Unit, groups, look_at_lease},
};
use crate::{failure::Failure, signal::Raised};

#[async_trait]
impl SyncStore for SqlStore {
    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        Ok(self.live_connections().await?)
    }

    async fn acquire_lease(
        &self,
        connection: ConnectionId,
        node: &str,
        ttl_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        Ok(self.take_lease(connection, node, ttl_ms).await?)
    }

    async fn renew_lease(&self, lease: &Lease, ttl_ms: i64, report: &CallReport) -> Result<(), StoreError> {
        Ok(self.prolong_lease(lease, ttl_ms, report, false).await?)
    }

    async fn keep_lease(&self, lease: &Lease, ttl_ms: i64, report: &CallReport) -> Result<(), StoreError> {
        Ok(self.prolong_lease(lease, ttl_ms, report, true).await?)
    }

    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        Ok(self.give_up_lease(lease).await?)
    }

    async fn mappings(&self, connection: ConnectionId) -> Result<Vec<ObjectMapping>, StoreError> {
        Ok(self.mappings_of(connection).await?)
    }

    async fn rules(&self, connection: ConnectionId) -> Result<Arc<StoredRules>, StoreError> {
        Ok(self.rules_of(connection).await?)
    }

    async fn object_schemas(&self, connection: ConnectionId) -> Result<Vec<ObjectSchema>, StoreError> {
        Ok(self.known_objects(connection).await?)
    }

    async fn save_object_schema(
        &self,
        lease: &Lease,
        schema: &ObjectSchema,
        otherwise: &[MappingId],
    ) -> Result<(), StoreError> {
        Ok(self.know_object(lease, schema, otherwise).await?)
    }

    async fn forget_object_schemas(
        &self,
        lease: &Lease,
        objects: &[String],
        otherwise: &[MappingId],
    ) -> Result<(), StoreError> {
        Ok(self.forget_objects(lease, objects, otherwise).await?)
    }

    async fn save_object_list(&self, lease: &Lease, objects: &[ListedObject]) -> Result<(), StoreError> {
        Ok(self.list_objects(lease, objects).await?)
    }

    async fn position(&self, connection: ConnectionId, stream: &str) -> Result<Option<Position>, StoreError> {
        Ok(self.stream_position(connection, stream).await?)
    }

    async fn record_changes(
        &self,
        lease: &Lease,
        changes: &RecordedChanges,
    ) -> Result<Vec<(String, String)>, StoreError> {
        Ok(self.take_in(lease, changes).await?)
    }

    async fn lose_position(&self, lease: &Lease, stream: &str) -> Result<(), StoreError> {
        Ok(self.forget_position(lease, stream).await?)
    }

    async fn save_feeds(&self, lease: &Lease, feeds: &[Feed]) -> Result<(), StoreError> {
        Ok(self.replace_feeds(lease, feeds).await?)
    }

    async fn api_calls(&self, connection: ConnectionId) -> Result<Vec<HourOfCalls>, StoreError> {
        Ok(self.recent_calls(connection).await?)
    }

    async fn wanted_fields(&self, connection: ConnectionId) -> Result<Vec<WantedField>, StoreError> {
        Ok(self.wanted_fields_of(connection).await?)
    }

    async fn save_wanted_field(&self, lease: &Lease, field: &WantedField) -> Result<(), StoreError> {
        Ok(self.say_wanted_field(lease, field).await?)
    }

    async fn examination_requests(&self, connection: ConnectionId) -> Result<i64, StoreError> {
        Ok(self.unanswered_requests(connection).await?)
    }

    async fn save_examination(
        &self,
        lease: &Lease,
        examination: &Examination,
        answered: i64,
    ) -> Result<(), StoreError> {
        Ok(self.keep_examination(lease, examination, answered).await?)
    }

    async fn inquiries(&self, connection: ConnectionId) -> Result<Vec<Inquiry>, StoreError> {
        Ok(self.unanswered(connection).await?)
    }

    async fn answer_inquiry(&self, lease: &Lease, inquiry: InquiryId, answer: &Answer) -> Result<(), StoreError> {
        Ok(self.keep_answer(lease, inquiry, answer).await?)
    }

    async fn set_stream_state(
        &self,
        lease: &Lease,
        state: StreamState,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        Ok(self.say_stream_state(lease, state, detail).await?)
    }

    async fn require_reconnect(&self, lease: &Lease, detail: &str) -> Result<(), StoreError> {
        Ok(self.stop_until_reconnected(lease, detail).await?)
    }

    async fn due_work(
        &self,
        lease: &Lease,
        lane: Lane,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Work>, StoreError> {
        Ok(self.longest_due(lease, lane, after, limit).await?)
    }

    async fn reload_work(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError> {
        Ok(self.due_again(lease, keys).await?)
    }

    async fn linked(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Linked>, StoreError> {
        Ok(self.links_with_copies(lease, keys).await?)
    }

    async fn count_due(
        &self,
        connection: ConnectionId,
        lane: Lane,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<u32, StoreError> {
        Ok(self.count_due_items(connection, lane, after, limit).await?)
    }

    async fn record_found(&self, lease: &Lease, found: Vec<Found>) -> Result<(), StoreError> {
        Ok(self.keep_found(lease, found).await?)
    }

    async fn record_reads(
        &self,
        lease: &Lease,
        object: &str,
        asked: &[(String, i64)],
        read: Vec<Record>,
    ) -> Result<(), StoreError> {
        Ok(self.keep_reads(lease, object, asked, read).await?)
    }

    async fn associate(&self, lease: &Lease, needed: Vec<(WorkKey, Vec<RecordKey>)>) -> Result<(), StoreError> {
        Ok(self.note_associations(lease, needed).await?)
    }

    async fn finish(&self, lease: &Lease, finished: Vec<Finish>) -> Result<(), StoreError> {
        Ok(self.end_items(lease, finished).await?)
    }

    async fn mark_all_due(&self, connection: ConnectionId, mapping: MappingId) -> Result<u64, StoreError> {
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        let marked = unit.search_again(connection, Some(mapping)).await?;
        unit.commit().await?;
        Ok(marked)
    }
}

/// What every due time is after, or that time.
fn after_ms(after: Option<Timestamp>) -> i64 {
    after.map_or(i64::MIN, Timestamp::as_millisecond)
}

const DUE: &str = "d.mapping_id, d.profile_id, d.generation, d.due_at, d.attempts";

/// All that is known of an item's two sides. `l.searched` and the like are null where the profile is not covered any more.
pub(super) const SIDES: &str = "l.match_key, l.searched, l.candidates, l.was_linked, p.kind, p.id, p.attributes, p.created_at, p.last_seen_at, p.summary, p.revision, \
     cast(case when p.id is null or l.record_id is null or exists ( \
       select 1 from link o join profile q on q.environment_id = p.environment_id and q.kind = p.kind and q.id = o.profile_id \
       where o.connection_id = l.connection_id and o.record_id = l.record_id and o.object = l.object \
         and o.mapping_id = l.mapping_id and o.profile_id <> l.profile_id \
         and (coalesce(q.last_seen_at, -1) > coalesce(p.last_seen_at, -1) \
           or (coalesce(q.last_seen_at, -1) = coalesce(p.last_seen_at, -1) and q.id < p.id)) \
     ) then 0 else 1 end as bigint) as speaks";

const WORK_FROM: &str = " from due d \
     join connection c on c.id = d.connection_id \
     join object_mapping m on m.connection_id = d.connection_id and m.id = d.mapping_id and m.paused = 0 \
     left join link l on l.connection_id = d.connection_id and l.mapping_id = d.mapping_id and l.profile_id = d.profile_id \
     left join profile p on p.environment_id = c.environment_id and p.kind = m.profile_kind and p.id = d.profile_id \
     left join record r on r.connection_id = l.connection_id and r.object = l.object and r.record_id = l.record_id \
     where d.connection_id = ";

/// Begins a query for the due items of a connection.
fn select_due(what: &str, connection: ConnectionId) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::<Db>::new(format!("{what}\nselect {DUE}, {SIDES}, {RECORD}{WORK_FROM}"));
    query.push_bind(connection.to_string());
    query
}

pub(super) fn work(row: &row::Row) -> Result<Work, Failure> {
    let profile = match get::<Option<String>>(row, "id")? {
        Some(_) => Some(row::profile(row)?),
        None => None::<Profile>,
    };
    let record = match get::<Option<String>>(row, "record_id")? {
        Some(_) => Some(row::record(row)?),
        None => None,
    };
    Ok(Work {
        key: WorkKey { mapping_id: id(row, "mapping_id")?, profile_id: text(row, "profile_id")? },
        generation: get(row, "generation")?,
        due_at: row::time(row, "due_at")?,
        attempts: get::<i64>(row, "attempts")?.try_into()?,
        profile,
        match_key: get::<Option<String>>(row, "match_key")?.map(MatchKey::from_normal),
        searched: get::<Option<i64>>(row, "searched")?.is_some_and(|searched| searched != 0),
        candidates: get::<Option<i64>>(row, "candidates")?.unwrap_or(0).try_into()?,
        was_linked: get::<Option<i64>>(row, "was_linked")?.is_some_and(|was_linked| was_linked != 0),
        record,
        associated: BTreeMap::new(),
        speaks: flag(row, "speaks")?,
    })
}

impl SqlStore {
    async fn live_connections(&self) -> Result<Vec<Connection>, Failure> {
        let rows = sqlx::query("-- connections\nselect * from connection where status <> 'disconnected' order by id")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(row::connection).collect()
    }

    pub(super) async fn mappings_of(&self, connection: ConnectionId) -> Result<Vec<ObjectMapping>, Failure> {
        rules::mappings(&mut *self.reader().acquire().await?, connection).await
    }

    async fn say_stream_state(&self, lease: &Lease, state: StreamState, detail: Option<&str>) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        sqlx::query(
            "-- set stream state
            update connection set stream_since = case when stream_state = $1 then stream_since else $2 end,
                stream_state = $3, stream_detail = $4 where id = $5",
        )
        .bind(state.as_str())
        .bind(unit.now_ms())
        .bind(state.as_str())
        .bind(detail)
        .bind(lease.connection_id.to_string())
        .execute(&mut *unit.tx)
        .await?;
        unit.raised.view = true;
        unit.commit().await
    }

    async fn stop_until_reconnected(&self, lease: &Lease, detail: &str) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        unit.set_status(lease.connection_id, ConnectionStatus::ReconnectNeeded, Some(detail)).await?;
        unit.commit().await
    }

    async fn longest_due(
        &self,
        lease: &Lease,
        lane: Lane,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Work>, Failure> {
        let mut tx = self.read().await?;
        look_at_lease(&mut tx, lease).await?;
        let mut query = select_due("-- due work", lease.connection_id);
        query.push(" and d.lane = ").push_bind(i64::from(lane.as_i16()));
        query.push(" and d.due_at <= ").push_bind(self.clock.now().as_millisecond());
        query.push(" and d.due_at > ").push_bind(after_ms(after));
        query.push(" order by d.due_at, d.mapping_id, d.profile_id limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *tx).await?;
        let mut works = rows.iter().map(work).collect::<Result<Vec<_>, _>>()?;
        Self::add_associated(&mut tx, lease.connection_id, &mut works).await?;
        Ok(works)
    }

    async fn due_again(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, Failure> {
        let mut tx = self.read().await?;
        look_at_lease(&mut tx, lease).await?;
        let mut found = BTreeMap::new();
        for group in groups(keys.iter().map(|key| (key.mapping_id, key.profile_id.clone()))) {
            let mut query = select_due("-- due work again", lease.connection_id);
            query.push(" and d.due_at <= ").push_bind(self.clock.now().as_millisecond());
            query.push(" and (d.mapping_id, d.profile_id) in (");
            query.push_values(group, |mut row, (mapping, profile)| {
                row.push_bind(mapping.to_string()).push_bind(profile);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *tx).await? {
                let work = work(&row)?;
                found.insert(work.key.clone(), work);
            }
        }
        // In the order of the question.
        let mut works: Vec<_> = keys.iter().filter_map(|key| found.remove(key)).collect();
        Self::add_associated(&mut tx, lease.connection_id, &mut works).await?;
        Ok(works)
    }

    async fn links_with_copies(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Linked>, Failure> {
        let mut tx = self.read().await?;
        look_at_lease(&mut tx, lease).await?;
        let items: Vec<_> = keys.iter().map(|key| (key.mapping_id, key.profile_id.clone())).collect();
        let mut associated = Self::associated(&mut tx, lease.connection_id, items.clone()).await?;
        let mut linked = Vec::new();
        for group in groups(items) {
            let mut query = QueryBuilder::<Db>::new("-- linked copies\nselect l.mapping_id, l.profile_id, ");
            query.push(RECORD).push(
                " from link l join record r on r.connection_id = l.connection_id and r.object = l.object \
                 and r.record_id = l.record_id and r.gone = 0 where l.match_key is not null and l.connection_id = ",
            );
            query.push_bind(lease.connection_id.to_string()).push(" and (l.mapping_id, l.profile_id) in (");
            query.push_values(group, |mut row, (mapping, profile)| {
                row.push_bind(mapping.to_string()).push_bind(profile);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *tx).await? {
                let key = WorkKey { mapping_id: id(&row, "mapping_id")?, profile_id: text(&row, "profile_id")? };
                let associated = associated.remove(&(key.mapping_id, key.profile_id.clone())).unwrap_or_default();
                linked.push(Linked { key, record: row::record(&row)?, associated });
            }
        }
        Ok(linked)
    }

    async fn count_due_items(
        &self,
        connection: ConnectionId,
        lane: Lane,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<u32, Failure> {
        let count: i64 = sqlx::query_scalar(
            "-- count due
            select count(*) from (
                select 1 from due d
                join object_mapping m on m.connection_id = d.connection_id and m.id = d.mapping_id and m.paused = 0
                where d.connection_id = $1 and d.lane = $2 and d.due_at <= $3 and d.due_at > $5 limit $4
            ) as counted",
        )
        .bind(connection.to_string())
        .bind(i64::from(lane.as_i16()))
        .bind(self.clock.now().as_millisecond())
        .bind(i64::from(limit))
        .bind(after_ms(after))
        .fetch_one(self.reader())
        .await?;
        Ok(count.try_into()?)
    }
}

impl Unit<'_> {
    pub(super) async fn status(&mut self, connection: ConnectionId) -> Result<ConnectionStatus, Failure> {
        let row = sqlx::query("-- status\nselect status from connection where id = $1")
            .bind(connection.to_string())
            .fetch_optional(&mut *self.tx)
            .await?
            .ok_or(StoreError::NotFound("the connection"))?;
        row::word(&row, "status")
    }

    pub(super) async fn set_status(
        &mut self,
        connection: ConnectionId,
        status: ConnectionStatus,
        detail: Option<&str>,
    ) -> Result<(), Failure> {
        sqlx::query("-- set status\nupdate connection set status = $1, detail = $2 where id = $3")
            .bind(status.as_str())
            .bind(detail)
            .bind(connection.to_string())
            .execute(&mut *self.tx)
            .await?;
        self.raised = Raised { work: true, view: true };
        Ok(())
    }
}
