//! Associations: the records that items need besides the one that they are linked to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sqlx::QueryBuilder;
use syncline_model::{
    connection::Lease,
    id::{ConnectionId, MappingId},
    record::{HeldRecord, RecordKey},
    work::{Lane, Settlement, Work, WorkKey},
};

use super::{
    Db,
    link::DUE_AGAIN,
    row::{self, RECORD, id, text},
    store::{ROWS_MAX, SqlStore, Unit, groups},
};
use crate::failure::Failure;

type Row = (MappingId, String, String, String);

impl SqlStore {
    pub(super) async fn note_associations(
        &self,
        lease: &Lease,
        needed: Vec<(WorkKey, Vec<RecordKey>)>,
    ) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        let connection = lease.connection_id;
        let items = needed.iter().map(|(key, _)| (key.mapping_id, key.profile_id.clone()));
        let covered = unit.links_of(connection, items).await?;
        let rows =
            needed.into_iter().filter(|(key, _)| covered.contains_key(&(key.mapping_id, key.profile_id.clone())));
        let rows = rows.flat_map(|(key, records)| {
            records.into_iter().map(move |(object, id)| (key.mapping_id, key.profile_id.clone(), object, id))
        });
        let rows: BTreeSet<Row> = rows.collect();
        let keys: BTreeSet<RecordKey> = rows.iter().map(|(_, _, object, id)| (object.clone(), id.clone())).collect();
        let held = unit.records(connection, keys.iter().cloned()).await?;
        let unread: Vec<_> = keys.into_iter().filter(|key| !held.contains_key(key)).map(HeldRecord::unread).collect();
        unit.save_records(connection, &unread).await?;
        for group in rows.into_iter().collect::<Vec<_>>().chunks(ROWS_MAX) {
            unit.rows += group.len();
            let mut query = QueryBuilder::<Db>::new(
                "-- save associations\ninsert into association (connection_id, mapping_id, profile_id, object, record_id) ",
            );
            query.push_values(group, |mut row, (mapping, profile, object, id)| {
                row.push_bind(connection.to_string()).push_bind(mapping.to_string()).push_bind(profile.clone());
                row.push_bind(object.clone()).push_bind(id.clone());
            });
            query.push(" on conflict do nothing");
            query.build().execute(&mut *unit.tx).await?;
        }
        unit.commit().await
    }

    /// Adds to items the copies that they are associated with.
    pub(super) async fn add_associated(
        tx: &mut sqlx::Transaction<'_, Db>,
        connection: ConnectionId,
        works: &mut [Work],
    ) -> Result<(), Failure> {
        let items = works.iter().map(|work| (work.key.mapping_id, work.key.profile_id.clone()));
        let mut associated = Self::associated(tx, connection, items.collect()).await?;
        for work in works {
            work.associated =
                associated.remove(&(work.key.mapping_id, work.key.profile_id.clone())).unwrap_or_default();
        }
        Ok(())
    }

    /// The copies that items are associated with; one copy for all that need it.
    pub(super) async fn associated(
        tx: &mut sqlx::Transaction<'_, Db>,
        connection: ConnectionId,
        items: Vec<(MappingId, String)>,
    ) -> Result<BTreeMap<(MappingId, String), BTreeMap<RecordKey, Arc<HeldRecord>>>, Failure> {
        let mut copies: BTreeMap<RecordKey, Arc<HeldRecord>> = BTreeMap::new();
        let mut found: BTreeMap<(MappingId, String), Vec<RecordKey>> = BTreeMap::new();
        for group in groups(items) {
            let mut query = QueryBuilder::<Db>::new(
                "-- associations of items\nselect mapping_id, profile_id, object, record_id from association where connection_id = ",
            );
            query.push_bind(connection.to_string()).push(" and (mapping_id, profile_id) in (");
            query.push_values(group, |mut row, (mapping, profile)| {
                row.push_bind(mapping.to_string()).push_bind(profile);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut **tx).await? {
                let key = (text(&row, "object")?, text(&row, "record_id")?);
                found.entry((id(&row, "mapping_id")?, text(&row, "profile_id")?)).or_default().push(key);
            }
        }
        for group in groups(found.values().flatten().cloned()) {
            let mut query = QueryBuilder::<Db>::new("-- associated copies\nselect ");
            query.push(RECORD).push(" from record r where r.connection_id = ").push_bind(connection.to_string());
            query.push(" and (r.object, r.record_id) in (");
            query.push_values(group, |mut row, (object, record)| {
                row.push_bind(object).push_bind(record);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut **tx).await? {
                let record = row::record(&row)?;
                copies.insert((record.object.clone(), record.id.clone()), Arc::new(record));
            }
        }
        let copies = found.into_iter().map(|(item, keys)| {
            (item, keys.into_iter().filter_map(|key| Some((key.clone(), copies.get(&key)?.clone()))).collect())
        });
        Ok(copies.collect())
    }
}

impl Unit<'_> {
    /// Marks all items that are associated with these records; `already` says what becomes of those that are due already.
    pub(super) async fn spread(
        &mut self,
        connection: ConnectionId,
        records: impl IntoIterator<Item = RecordKey>,
        already: &'static str,
    ) -> Result<(), Failure> {
        for group in groups(records) {
            let mut query = self.begin_spreading(connection);
            query.push(" and (record_id, object) in (");
            query.push_values(group, |mut row, (object, record)| {
                row.push_bind(record).push_bind(object);
            });
            query.push(")");
            self.end_spreading(query, already).await?;
        }
        Ok(())
    }

    /// Any record of the object may have changed: copies that items are associated with are stale, and those items are due.
    pub(super) async fn spread_stale(&mut self, connection: ConnectionId, object: &str) -> Result<(), Failure> {
        let mut query = QueryBuilder::<Db>::new(
            "-- mark associated copies stale\nupdate record set stale = 1, revision = revision + 1 where connection_id = ",
        );
        query.push_bind(connection.to_string()).push(" and object = ").push_bind(object.to_owned());
        query.push(
            " and exists (select 1 from association a where a.connection_id = record.connection_id \
             and a.record_id = record.record_id and a.object = record.object)",
        );
        query.build().execute(&mut *self.tx).await?;
        let mut query = self.begin_spreading(connection);
        query.push(" and object = ").push_bind(object.to_owned());
        self.end_spreading(query, DUE_AGAIN).await
    }

    fn begin_spreading(&self, connection: ConnectionId) -> QueryBuilder<Db> {
        let mut query = QueryBuilder::<Db>::new(
            "-- mark associated due\ninsert into due (connection_id, mapping_id, profile_id, lane, generation, due_at, attempts) \
             select distinct connection_id, mapping_id, profile_id, ",
        );
        query.push("cast(").push_bind(i64::from(Lane::Spread.as_i16())).push(" as bigint), cast(");
        query.push_bind(self.generation).push(" as bigint), cast(").push_bind(self.now_ms());
        query.push(" as bigint), cast(").push_bind(0_i64);
        query.push(" as bigint) from association where connection_id = ").push_bind(connection.to_string());
        query
    }

    async fn end_spreading(&mut self, mut query: QueryBuilder<Db>, already: &'static str) -> Result<(), Failure> {
        query.push(already);
        let marked = query.build().execute(&mut *self.tx).await?.rows_affected();
        if marked > 0 {
            self.rows += usize::try_from(marked)?;
            self.raised.work = true;
            self.raised.view = true;
        }
        Ok(())
    }

    /// Ends the associations that settled items do not need any more.
    pub(super) async fn dissociate<'s>(
        &mut self,
        connection: ConnectionId,
        settled: impl Iterator<Item = (&'s WorkKey, &'s Settlement)> + Clone,
    ) -> Result<(), Failure> {
        let rows = settled.flat_map(|(key, settlement)| {
            let rows = settlement.dissociated.iter();
            rows.map(|(object, id)| (key.mapping_id, key.profile_id.clone(), object.clone(), id.clone()))
        });
        let rows: BTreeSet<Row> = rows.collect();
        let left: BTreeSet<RecordKey> = rows.iter().map(|(_, _, object, id)| (object.clone(), id.clone())).collect();
        for group in groups(rows) {
            let mut query =
                QueryBuilder::<Db>::new("-- end associations\ndelete from association where connection_id = ");
            query.push_bind(connection.to_string()).push(" and (mapping_id, profile_id, object, record_id) in (");
            query.push_values(group, |mut row, (mapping, profile, object, id)| {
                row.push_bind(mapping.to_string()).push_bind(profile).push_bind(object).push_bind(id);
            });
            query.push(")");
            query.build().execute(&mut *self.tx).await?;
        }
        self.drop_unlinked(connection, left).await
    }
}
