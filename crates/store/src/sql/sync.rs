//! The engine's side of the store.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use sqlx::QueryBuilder;
use syncline_model::{
    budget::{CallReport, HourOfCalls},
    change::{Position, RecordedChanges},
    connection::{Connection, ConnectionStatus, Lease, StreamState},
    custom_field::WantedField,
    examination::Examination,
    feed::Feed,
    id::{ConnectionId, MappingId},
    mapping::{MatchKey, ObjectMapping},
    profile::Profile,
    record::{Applied, HeldRecord, Record},
    schema::ObjectSchema,
    store::{StoreError, SyncStore},
    work::{Finish, Found, Lane, Work, WorkKey},
};

use super::{
    Db,
    link::RecordKey,
    row::{self, RECORD, flag, get, id, json, text},
    store::{SqlStore, Unit, groups, look_at_lease},
};
use crate::{
    failure::Failure,
    rules::{Marks, vanish},
    signal::Raised,
};

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
        Ok(self.prolong_lease(lease, ttl_ms, report).await?)
    }

    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        Ok(self.give_up_lease(lease).await?)
    }

    async fn mappings(&self, connection: ConnectionId) -> Result<Vec<ObjectMapping>, StoreError> {
        Ok(self.mappings_of(connection).await?)
    }

    async fn object_schemas(&self, connection: ConnectionId) -> Result<Vec<ObjectSchema>, StoreError> {
        Ok(self.known_objects(connection).await?)
    }

    async fn save_object_schema(&self, lease: &Lease, schema: &ObjectSchema) -> Result<(), StoreError> {
        Ok(self.know_object(lease, schema).await?)
    }

    async fn position(&self, connection: ConnectionId, stream: &str) -> Result<Option<Position>, StoreError> {
        Ok(self.stream_position(connection, stream).await?)
    }

    async fn record_changes(
        &self,
        lease: &Lease,
        changes: &RecordedChanges,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.take_in(lease, changes).await?;
        Ok(Vec::new()) // PENDING store
    }

    async fn lose_position(&self, lease: &Lease, stream: &str) -> Result<(), StoreError> {
        Ok(self.forget_position(lease, stream).await?)
    }

    async fn save_feeds(&self, _lease: &Lease, _feeds: &[Feed]) -> Result<(), StoreError> {
        Ok(()) // PENDING store
    }

    async fn api_calls(&self, _connection: ConnectionId) -> Result<Vec<HourOfCalls>, StoreError> {
        Ok(Vec::new()) // PENDING store
    }

    async fn wanted_fields(&self, _connection: ConnectionId) -> Result<Vec<WantedField>, StoreError> {
        Ok(Vec::new()) // PENDING store
    }

    async fn save_wanted_field(&self, _lease: &Lease, _field: &WantedField) -> Result<(), StoreError> {
        Ok(()) // PENDING store
    }

    async fn is_examination_requested(&self, _connection: ConnectionId) -> Result<bool, StoreError> {
        Ok(false) // PENDING store
    }

    async fn save_examination(&self, _lease: &Lease, _examination: &Examination) -> Result<(), StoreError> {
        Ok(()) // PENDING store
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

    async fn due_work(&self, lease: &Lease, lane: Lane, limit: u32) -> Result<Vec<Work>, StoreError> {
        Ok(self.longest_due(lease, lane, limit).await?)
    }

    async fn reload_work(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError> {
        Ok(self.due_again(lease, keys).await?)
    }

    async fn count_due(&self, connection: ConnectionId, lane: Lane, limit: u32) -> Result<u32, StoreError> {
        Ok(self.count_due_items(connection, lane, limit).await?)
    }

    async fn record_found(&self, lease: &Lease, found: Vec<Found>) -> Result<(), StoreError> {
        Ok(self.keep_found(lease, found).await?)
    }

    async fn record_reads(
        &self,
        lease: &Lease,
        object: &str,
        read: Vec<Record>,
        missing: &[String],
    ) -> Result<(), StoreError> {
        Ok(self.keep_reads(lease, object, read, missing).await?)
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

/// A due item with all that is known of it. `l.searched` and the like are null where the profile is not covered any more.
const WORK: &str = "d.mapping_id, d.profile_id, d.generation, d.attempts, l.match_key, l.searched, l.candidates, l.was_linked, \
     p.kind, p.id, p.attributes, p.created_at, p.last_seen_at, p.revision, \
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

fn work(row: &row::Row) -> Result<Work, Failure> {
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
        attempts: get::<i64>(row, "attempts")?.try_into()?,
        profile,
        match_key: get::<Option<String>>(row, "match_key")?.map(MatchKey::from_normal),
        searched: get::<Option<i64>>(row, "searched")?.is_some_and(|searched| searched != 0),
        candidates: get::<Option<i64>>(row, "candidates")?.unwrap_or(0).try_into()?,
        was_linked: get::<Option<i64>>(row, "was_linked")?.is_some_and(|was_linked| was_linked != 0),
        record,
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

    async fn take_lease(&self, connection: ConnectionId, node: &str, ttl_ms: i64) -> Result<Option<Lease>, Failure> {
        let mut unit = match self.begin_on_connection(connection).await {
            Err(Failure::Told(StoreError::NotFound(_))) => return Ok(None),
            begun => begun?.0,
        };
        let status = unit.status(connection).await?;
        if status == ConnectionStatus::Disconnected {
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

    async fn prolong_lease(&self, lease: &Lease, ttl_ms: i64, report: &CallReport) -> Result<(), Failure> {
        let mut unit = self.begin().await?;
        let renewed = sqlx::query(concat!(
            "-- renew lease
            update lease set expires_at = ",
            now_ms!(),
            " + $1 where connection_id = $2 and token = $3 and expires_at > ",
            now_ms!(),
            " and exists (select 1 from connection c
                where c.id = lease.connection_id and c.status not in ('disconnecting', 'disconnected'))"
        ))
        .bind(ttl_ms)
        .bind(lease.connection_id.to_string())
        .bind(lease.token)
        .execute(&mut *unit.tx)
        .await?;
        if renewed.rows_affected() == 0 {
            return Err(StoreError::LeaseLost.into());
        }
        if let Some(usage) = report.usage {
            let changed = sqlx::query(
                "-- note API usage
                update connection set api_used = $1, api_limit = $2
                where id = $3 and (api_used is null or api_used <> $4 or api_limit <> $5)",
            )
            .bind(i64::try_from(usage.used)?)
            .bind(i64::try_from(usage.limit)?)
            .bind(lease.connection_id.to_string())
            .bind(i64::try_from(usage.used)?)
            .bind(i64::try_from(usage.limit)?)
            .execute(&mut *unit.tx)
            .await?;
            unit.raised.view = changed.rows_affected() > 0;
        }
        unit.commit().await
    }

    async fn give_up_lease(&self, lease: &Lease) -> Result<(), Failure> {
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

    pub(super) async fn mappings_of(&self, connection: ConnectionId) -> Result<Vec<ObjectMapping>, Failure> {
        let rows =
            sqlx::query("-- mappings\nselect * from object_mapping where connection_id = $1 order by position, id")
                .bind(connection.to_string())
                .fetch_all(self.reader())
                .await?;
        rows.iter().map(row::mapping).collect()
    }

    async fn known_objects(&self, connection: ConnectionId) -> Result<Vec<ObjectSchema>, Failure> {
        let rows = sqlx::query(
            "-- object schemas\nselect object_schema from object_schema where connection_id = $1 order by name",
        )
        .bind(connection.to_string())
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(|row| json(row, "object_schema")).collect()
    }

    async fn know_object(&self, lease: &Lease, schema: &ObjectSchema) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        sqlx::query(
            "-- save object schema
            insert into object_schema (connection_id, name, object_schema) values ($1, $2, $3)
            on conflict (connection_id, name) do update set object_schema = excluded.object_schema",
        )
        .bind(lease.connection_id.to_string())
        .bind(&schema.name)
        .bind(serde_json::to_string(schema)?)
        .execute(&mut *unit.tx)
        .await?;
        unit.raised.view = true;
        unit.commit().await
    }

    async fn stream_position(&self, connection: ConnectionId, stream: &str) -> Result<Option<Position>, Failure> {
        let position: Option<Vec<u8>> = sqlx::query_scalar(
            "-- position\nselect position from stream_position where connection_id = $1 and stream = $2",
        )
        .bind(connection.to_string())
        .bind(stream)
        .fetch_optional(self.reader())
        .await?;
        Ok(position.map(Position))
    }

    async fn take_in(&self, lease: &Lease, news: &RecordedChanges) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        let connection = lease.connection_id;
        let mut marks = Marks::default();

        let keys = news.changes.iter().map(|change| (change.object.clone(), change.record_id.clone()));
        let mut records = unit.records(connection, keys).await?;
        let mut touched: BTreeSet<RecordKey> = BTreeSet::new();
        let mut changed: BTreeSet<RecordKey> = BTreeSet::new();
        for change in &news.changes {
            let key = (change.object.clone(), change.record_id.clone());
            let Some(record) = records.get_mut(&key) else { continue };
            match record.apply(change) {
                Applied::Older => continue,
                Applied::Confirmed => {}
                Applied::Changed => {
                    changed.insert(key.clone());
                }
            }
            touched.insert(key);
        }
        unit.save_records(connection, touched.iter().filter_map(|key| records.get(key))).await?;
        unit.mark_linked(connection, &records, changed, &mut marks).await?;

        let wanted = news.keys.iter().map(|(mapping, key, _)| (*mapping, key.clone()));
        let with_keys = unit.links_with_keys(connection, wanted).await?;
        let mut ids: BTreeMap<(MappingId, &MatchKey), BTreeSet<&str>> = BTreeMap::new();
        for (mapping, key, record) in &news.keys {
            ids.entry((*mapping, key)).or_default().insert(record);
        }
        let mut look_again = Vec::new();
        for link in with_keys {
            let Some(key) = &link.match_key else { continue };
            let record = link.record.as_ref().map(|(_, record)| record.as_str());
            let others = ids.get(&(link.mapping_id, key)).is_some_and(|ids| ids.iter().any(|id| Some(*id) != record));
            if others {
                marks.add(link.mapping_id, &link.profile_id, Lane::Remote);
                look_again.push((link.mapping_id, link.profile_id.clone(), link.match_key));
            }
        }
        unit.save_keys(connection, &look_again).await?;
        unit.mark_due(connection, &marks).await?;

        for mapping in news.resync.iter().collect::<BTreeSet<_>>() {
            unit.mark_stale(connection, Some(*mapping)).await?;
            unit.search_again(connection, Some(*mapping)).await?;
        }
        unit.move_position(connection, news).await?;
        unit.commit().await
    }

    async fn forget_position(&self, lease: &Lease, stream: &str) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        sqlx::query("-- forget position\ndelete from stream_position where connection_id = $1 and stream = $2")
            .bind(lease.connection_id.to_string())
            .bind(stream)
            .execute(&mut *unit.tx)
            .await?;
        unit.mark_stale(lease.connection_id, None).await?;
        unit.search_again(lease.connection_id, None).await?;
        unit.commit().await
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

    async fn longest_due(&self, lease: &Lease, lane: Lane, limit: u32) -> Result<Vec<Work>, Failure> {
        let mut tx = self.read().await?;
        look_at_lease(&mut tx, lease).await?;
        let mut query = QueryBuilder::<Db>::new("-- due work\nselect ");
        query.push(WORK).push(", ").push(RECORD).push(WORK_FROM).push_bind(lease.connection_id.to_string());
        query.push(" and d.lane = ").push_bind(i64::from(lane.as_i16()));
        query.push(" and d.due_at <= ").push_bind(self.clock.now().as_millisecond());
        query.push(" order by d.due_at, d.mapping_id, d.profile_id limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *tx).await?;
        rows.iter().map(work).collect()
    }

    async fn due_again(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, Failure> {
        let mut tx = self.read().await?;
        look_at_lease(&mut tx, lease).await?;
        let mut found = BTreeMap::new();
        for group in groups(keys.iter().map(|key| (key.mapping_id, key.profile_id.clone()))) {
            let mut query = QueryBuilder::<Db>::new("-- due work again\nselect ");
            query.push(WORK).push(", ").push(RECORD).push(WORK_FROM).push_bind(lease.connection_id.to_string());
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
        Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
    }

    async fn count_due_items(&self, connection: ConnectionId, lane: Lane, limit: u32) -> Result<u32, Failure> {
        let count: i64 = sqlx::query_scalar(
            "-- count due
            select count(*) from (
                select 1 from due d
                join object_mapping m on m.connection_id = d.connection_id and m.id = d.mapping_id and m.paused = 0
                where d.connection_id = $1 and d.lane = $2 and d.due_at <= $3 limit $4
            ) as counted",
        )
        .bind(connection.to_string())
        .bind(i64::from(lane.as_i16()))
        .bind(self.clock.now().as_millisecond())
        .bind(i64::from(limit))
        .fetch_one(self.reader())
        .await?;
        Ok(count.try_into()?)
    }

    async fn keep_found(&self, lease: &Lease, found: Vec<Found>) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        let connection = lease.connection_id;
        let items = found.iter().map(|found| (found.key.mapping_id, found.key.profile_id.clone()));
        let mut links = unit.links_of(connection, items).await?;
        let wanted = found.iter().filter_map(|found| found.record.as_ref());
        let wanted = wanted.map(|record| (record.object.clone(), record.id.clone()));
        let before = unit.records(connection, wanted).await?;
        let mut records = before.clone();
        let mut moved: BTreeSet<RecordKey> = BTreeSet::new();
        let mut left: BTreeSet<RecordKey> = BTreeSet::new();
        let mut saved = BTreeMap::new();
        for Found { key, match_key, candidates, record } in found {
            let item = (key.mapping_id, key.profile_id);
            let Some(link) = links.get_mut(&item).filter(|link| link.match_key.as_ref() == Some(&match_key)) else {
                continue;
            };
            let to = record.as_ref().map(|record| (record.object.clone(), record.id.clone()));
            if let (Some(key), Some(record)) = (&to, record) {
                hold(&mut records, key, record);
            }
            link.searched = true;
            link.candidates = candidates.into();
            link.was_linked |= to.is_some();
            if link.record != to {
                link.linked_at = to.as_ref().map(|_| unit.now.as_millisecond());
                left.extend(link.record.clone());
                moved.extend(link.record.clone());
                moved.extend(to.clone());
                link.record = to;
            }
            saved.insert(item, link.clone());
        }
        let touched: Vec<&HeldRecord> =
            records.iter().filter(|(key, record)| before.get(key) != Some(record)).map(|(_, record)| record).collect();
        // A copy that says something new concerns all that are linked to it, since the event that would have told them is
        // older than the copy now.
        let news = touched.iter().filter(|record| {
            let key = (record.object.clone(), record.id.clone());
            before.get(&key).is_some_and(|before| !before.stale && before.values != record.values)
        });
        moved.extend(news.map(|record| (record.object.clone(), record.id.clone())));
        unit.save_records(connection, touched).await?;
        unit.save_links(connection, &saved.values().cloned().collect::<Vec<_>>()).await?;
        let mut marks = Marks::default();
        for other in unit.links_to(connection, moved).await? {
            if !saved.contains_key(&(other.mapping_id, other.profile_id.clone())) {
                marks.add(other.mapping_id, &other.profile_id, Lane::Local);
            }
        }
        unit.mark_due(connection, &marks).await?;
        unit.drop_unlinked(connection, left).await?;
        unit.raised.view = true;
        unit.commit().await
    }

    async fn keep_reads(
        &self,
        lease: &Lease,
        object: &str,
        read: Vec<Record>,
        missing: &[String],
    ) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        let connection = lease.connection_id;
        let ids = read.iter().map(|record| &record.id).chain(missing);
        let before = unit.records(connection, ids.map(|id| (object.to_owned(), id.clone()))).await?;
        let mut records = before.clone();
        for record in read {
            if let Some(held) = records.get_mut(&(object.to_owned(), record.id.clone())) {
                held.refresh(record);
            }
        }
        for id in missing {
            if let Some(held) = records.get_mut(&(object.to_owned(), id.clone())) {
                vanish(held);
            }
        }
        let mut marks = Marks::default();
        let news = records.iter().filter(|(key, record)| {
            before
                .get(key)
                .is_some_and(|before| !before.stale && (before.gone, &before.values) != (record.gone, &record.values))
        });
        let news: BTreeSet<RecordKey> = news.map(|(key, _)| key.clone()).collect();
        unit.save_records(connection, records.values()).await?;
        unit.mark_linked(connection, &records, news, &mut marks).await?;
        unit.mark_due(connection, &marks).await?;
        unit.commit().await
    }
}

/// Takes a record that a look-up found into the held copies.
fn hold(records: &mut BTreeMap<RecordKey, HeldRecord>, key: &RecordKey, record: Record) {
    match records.get_mut(key) {
        Some(held) => held.refresh(record),
        None => {
            records.insert(key.clone(), HeldRecord::from_read(record));
        }
    }
}

impl Unit<'_> {
    /// Notes all that are linked to these copies as due: with a call if the copy is stale or gone, else without.
    async fn mark_linked(
        &mut self,
        connection: ConnectionId,
        records: &BTreeMap<RecordKey, HeldRecord>,
        changed: BTreeSet<RecordKey>,
        marks: &mut Marks,
    ) -> Result<(), Failure> {
        for link in self.links_to(connection, changed).await? {
            let record = link.record.as_ref().and_then(|key| records.get(key));
            let call = record.is_some_and(|record| record.stale || record.gone);
            marks.add(link.mapping_id, &link.profile_id, if call { Lane::Remote } else { Lane::Local });
        }
        Ok(())
    }

    async fn move_position(&mut self, connection: ConnectionId, news: &RecordedChanges) -> Result<(), Failure> {
        if let Some(Position(position)) = &news.position {
            sqlx::query(
                "-- move position
                insert into stream_position (connection_id, stream, position) values ($1, $2, $3)
                on conflict (connection_id, stream) do update set position = excluded.position",
            )
            .bind(connection.to_string())
            .bind(&news.stream)
            .bind(position)
            .execute(&mut *self.tx)
            .await?;
        }
        if let Some((commit_ms, delay_ms)) = news.newest.iter().map(|newest| (newest.commit_ms, newest.delay_ms)).max()
        {
            sqlx::query(
                "-- note newest event\nupdate connection set last_event_at = $1, last_delay_ms = $2 where id = $3",
            )
            .bind(commit_ms)
            .bind(delay_ms)
            .bind(connection.to_string())
            .execute(&mut *self.tx)
            .await?;
            self.raised.view = true;
        }
        Ok(())
    }

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

    pub(super) async fn clear_lease(&mut self, connection: ConnectionId) -> Result<(), Failure> {
        sqlx::query("-- clear lease\nupdate lease set node = null, expires_at = 0 where connection_id = $1")
            .bind(connection.to_string())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}
