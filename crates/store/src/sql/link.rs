//! Links, held copies and due items: what a transaction does to them. Set by set, never row by row.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;
use syncline_model::{
    id::{ConnectionId, EnvironmentId, MappingId},
    mapping::{MatchKey, ObjectMapping},
    profile::Profile,
    record::{HeldRecord, RecordKey},
    work::Lane,
};

use super::{
    Db,
    row::{self, PROFILE, RECORD, get, id, text},
    store::{ROWS_MAX, Unit, groups},
};
use crate::{
    failure::Failure,
    rules::{Marks, match_key},
};

/// An item that is due already stays as it is.
pub(super) const DUE_ALREADY: &str = " on conflict do nothing";

/// An item that is due already is due again: its generation rises, of the two lanes the higher one counts, of the two times
/// the earlier one.
pub(super) const DUE_AGAIN: &str = " on conflict (connection_id, mapping_id, profile_id) do update set \
     lane = case when excluded.lane > due.lane then excluded.lane else due.lane end, \
     generation = due.generation + 1, \
     due_at = case when excluded.due_at < due.due_at then excluded.due_at else due.due_at end";

/// Links of profiles that have a key.
pub(super) const HAS_KEY: &str = "match_key is not null";

/// Links that have a record or may be about to: an item on its way is planned by what was known when it was taken.
pub(super) const HAS_RECORD: &str = "(record_id is not null or exists (select 1 from due on_its_way \
     where on_its_way.connection_id = link.connection_id and on_its_way.mapping_id = link.mapping_id \
     and on_its_way.profile_id = link.profile_id))";

/// A link as stored.
#[derive(Clone, Debug)]
pub(super) struct LinkRow {
    pub(super) mapping_id: MappingId,
    pub(super) profile_id: String,
    pub(super) match_key: Option<MatchKey>,
    pub(super) searched: bool,
    pub(super) candidates: i64,
    pub(super) was_linked: bool,
    pub(super) record: Option<RecordKey>,
    pub(super) linked_at: Option<i64>,
}

const LINK: &str = "l.mapping_id, l.profile_id, l.match_key, l.searched, l.candidates, l.was_linked, \
     l.object, l.record_id, l.linked_at";

fn link(row: &row::Row) -> Result<LinkRow, Failure> {
    Ok(LinkRow {
        mapping_id: id(row, "mapping_id")?,
        profile_id: text(row, "profile_id")?,
        match_key: get::<Option<String>>(row, "match_key")?.map(MatchKey::from_normal),
        searched: row::flag(row, "searched")?,
        candidates: get(row, "candidates")?,
        was_linked: row::flag(row, "was_linked")?,
        record: get::<Option<String>>(row, "object")?.zip(get(row, "record_id")?),
        linked_at: get(row, "linked_at")?,
    })
}

impl Unit<'_> {
    /// Marks items due now.
    pub(super) async fn mark_due(&mut self, connection: ConnectionId, marks: &Marks) -> Result<(), Failure> {
        self.mark(connection, marks, DUE_AGAIN).await
    }

    /// Marks items due now; `already` says what becomes of those that are due already.
    pub(super) async fn mark(
        &mut self,
        connection: ConnectionId,
        marks: &Marks,
        already: &'static str,
    ) -> Result<(), Failure> {
        let marks: Vec<_> = marks.iter().collect();
        for group in marks.chunks(ROWS_MAX) {
            self.rows += group.len();
            let mut query = QueryBuilder::<Db>::new(
                "-- mark due\ninsert into due (connection_id, mapping_id, profile_id, lane, generation, due_at, attempts) ",
            );
            let (connection, generation, now_ms) = (connection.to_string(), self.generation, self.now_ms());
            query.push_values(group, |mut row, (mapping, profile, lane)| {
                row.push_bind(connection.clone()).push_bind(mapping.to_string()).push_bind((*profile).clone());
                row.push_bind(i64::from(lane.as_i16())).push_bind(generation).push_bind(now_ms).push_bind(0_i64);
            });
            query.push(already);
            query.build().execute(&mut *self.tx).await?;
            self.raised.work = true;
            self.raised.view = true;
        }
        Ok(())
    }

    /// Marks all profiles that have a key, of one mapping or of all, as not searched and due. Gives their number.
    pub(super) async fn search_again(
        &mut self,
        connection: ConnectionId,
        mapping: Option<MappingId>,
    ) -> Result<u64, Failure> {
        let mut query =
            QueryBuilder::<Db>::new("-- forget searches\nupdate link set searched = 0 where connection_id = ");
        query.push_bind(connection.to_string()).push(" and match_key is not null");
        if let Some(mapping) = mapping {
            query.push(" and mapping_id = ").push_bind(mapping.to_string());
        }
        query.build().execute(&mut *self.tx).await?;
        self.mark_links(connection, mapping, HAS_KEY, Lane::Remote).await
    }

    /// Marks the profiles whose links are meant, of one mapping or of all, due. Gives their number.
    pub(super) async fn mark_links(
        &mut self,
        connection: ConnectionId,
        mapping: Option<MappingId>,
        meant: &'static str,
        lane: Lane,
    ) -> Result<u64, Failure> {
        let mut query = QueryBuilder::<Db>::new(
            "-- mark all due\ninsert into due (connection_id, mapping_id, profile_id, lane, generation, due_at, attempts) \
             select connection_id, mapping_id, profile_id, ",
        );
        query.push_bind(i64::from(lane.as_i16())).push(", ").push_bind(self.generation).push(", ");
        query.push_bind(self.now_ms()).push(", ").push_bind(0_i64).push(" from link where connection_id = ");
        query.push_bind(connection.to_string()).push(" and ").push(meant);
        if let Some(mapping) = mapping {
            query.push(" and mapping_id = ").push_bind(mapping.to_string());
        }
        query.push(DUE_AGAIN);
        let marked = query.build().execute(&mut *self.tx).await?.rows_affected();
        if marked > 0 {
            self.raised.work = true;
            self.raised.view = true;
        }
        Ok(marked)
    }

    /// Marks the held copies that a mapping's profiles are linked to as stale; of all mappings where none is named. A read that is
    /// on its way does not know what this is about.
    pub(super) async fn mark_stale(
        &mut self,
        connection: ConnectionId,
        mapping: Option<MappingId>,
    ) -> Result<(), Failure> {
        let mut query = QueryBuilder::<Db>::new(
            "-- mark copies stale\nupdate record set stale = 1, revision = revision + 1 where connection_id = ",
        );
        query.push_bind(connection.to_string());
        if let Some(mapping) = mapping {
            query.push(
                " and exists (select 1 from link l where l.connection_id = record.connection_id \
                 and l.record_id = record.record_id and l.object = record.object and l.mapping_id = ",
            );
            query.push_bind(mapping.to_string()).push(")");
        }
        query.build().execute(&mut *self.tx).await?;
        Ok(())
    }

    /// Held copies by object and id.
    pub(super) async fn records(
        &mut self,
        connection: ConnectionId,
        keys: impl IntoIterator<Item = RecordKey>,
    ) -> Result<BTreeMap<RecordKey, HeldRecord>, Failure> {
        let mut records = BTreeMap::new();
        for group in groups(keys) {
            let mut query = QueryBuilder::<Db>::new("-- held copies\nselect ");
            query.push(RECORD).push(" from record r where r.connection_id = ").push_bind(connection.to_string());
            query.push(" and (r.object, r.record_id) in (");
            query.push_values(group, |mut row, (object, record)| {
                row.push_bind(object).push_bind(record);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                let record = row::record(&row)?;
                records.insert((record.object.clone(), record.id.clone()), record);
            }
        }
        Ok(records)
    }

    /// Keeps copies, new or changed.
    pub(super) async fn save_records<'r>(
        &mut self,
        connection: ConnectionId,
        records: impl IntoIterator<Item = &'r HeldRecord>,
    ) -> Result<(), Failure> {
        let mut rows = Vec::new();
        for record in records {
            rows.push((record, serde_json::to_string(&record.values)?));
        }
        for group in rows.chunks(ROWS_MAX) {
            self.rows += group.len();
            let mut query = QueryBuilder::<Db>::new(
                "-- save copies\ninsert into record (connection_id, object, record_id, fields, created_at, read_ms, commit_ms, \
                 commit_number, commit_sequence, stale, gone, revision) ",
            );
            query.push_values(group, |mut row, (record, fields)| {
                row.push_bind(connection.to_string()).push_bind(record.object.clone()).push_bind(record.id.clone());
                row.push_bind(fields.clone()).push_bind(record.created_at.as_millisecond()).push_bind(record.read_ms);
                row.push_bind(record.commit.map(|commit| commit.commit_ms));
                row.push_bind(record.commit.map(|commit| commit.commit_number));
                row.push_bind(record.commit.map(|commit| i64::from(commit.sequence)));
                row.push_bind(i64::from(record.stale)).push_bind(i64::from(record.gone)).push_bind(record.revision);
            });
            query.push(
                " on conflict (connection_id, object, record_id) do update set fields = excluded.fields, \
                 created_at = excluded.created_at, read_ms = excluded.read_ms, commit_ms = excluded.commit_ms, \
                 commit_number = excluded.commit_number, commit_sequence = excluded.commit_sequence, \
                 stale = excluded.stale, gone = excluded.gone, revision = excluded.revision",
            );
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    /// Drops those of these copies that nobody is linked to or associated with any more.
    pub(super) async fn drop_unlinked(
        &mut self,
        connection: ConnectionId,
        keys: impl IntoIterator<Item = RecordKey>,
    ) -> Result<(), Failure> {
        for group in groups(keys) {
            let mut query = QueryBuilder::<Db>::new("-- drop copies\ndelete from record where connection_id = ");
            query.push_bind(connection.to_string()).push(" and (object, record_id) in (");
            query.push_values(group, |mut row, (object, record)| {
                row.push_bind(object).push_bind(record);
            });
            query.push(") and ").push(NOBODY_LINKED);
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    /// Drops all copies of the connection that nobody is linked to or associated with any more.
    pub(super) async fn drop_all_unlinked(&mut self, connection: ConnectionId) -> Result<(), Failure> {
        let mut query =
            QueryBuilder::<Db>::new("-- drop all unlinked copies\ndelete from record where connection_id = ");
        query.push_bind(connection.to_string()).push(" and ").push(NOBODY_LINKED);
        query.build().execute(&mut *self.tx).await?;
        Ok(())
    }

    /// Links by item.
    pub(super) async fn links_of(
        &mut self,
        connection: ConnectionId,
        items: impl IntoIterator<Item = (MappingId, String)>,
    ) -> Result<BTreeMap<(MappingId, String), LinkRow>, Failure> {
        let mut links = BTreeMap::new();
        for group in groups(items) {
            let mut query = QueryBuilder::<Db>::new("-- links of items\nselect ");
            query.push(LINK).push(" from link l where l.connection_id = ").push_bind(connection.to_string());
            query.push(" and (l.mapping_id, l.profile_id) in (");
            query.push_values(group, |mut row, (mapping, profile)| {
                row.push_bind(mapping.to_string()).push_bind(profile);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                let link = link(&row)?;
                links.insert((link.mapping_id, link.profile_id.clone()), link);
            }
        }
        Ok(links)
    }

    /// Links to records.
    pub(super) async fn links_to(
        &mut self,
        connection: ConnectionId,
        records: impl IntoIterator<Item = RecordKey>,
    ) -> Result<Vec<LinkRow>, Failure> {
        let mut links = Vec::new();
        for group in groups(records) {
            let mut query = QueryBuilder::<Db>::new("-- links to records\nselect ");
            query.push(LINK).push(" from link l where l.connection_id = ").push_bind(connection.to_string());
            query.push(" and (l.record_id, l.object) in (");
            query.push_values(group, |mut row, (object, record)| {
                row.push_bind(record).push_bind(object);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                links.push(link(&row)?);
            }
        }
        Ok(links)
    }

    /// Links by match key.
    pub(super) async fn links_with_keys(
        &mut self,
        connection: ConnectionId,
        keys: impl IntoIterator<Item = (MappingId, MatchKey)>,
    ) -> Result<Vec<LinkRow>, Failure> {
        let mut links = Vec::new();
        for group in groups(keys) {
            let mut query = QueryBuilder::<Db>::new("-- links with keys\nselect ");
            query.push(LINK).push(" from link l where l.connection_id = ").push_bind(connection.to_string());
            query.push(" and (l.mapping_id, l.match_key) in (");
            query.push_values(group, |mut row, (mapping, key)| {
                row.push_bind(mapping.to_string()).push_bind(key.as_str().to_owned());
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                links.push(link(&row)?);
            }
        }
        Ok(links)
    }

    /// Keeps links, new or changed.
    pub(super) async fn save_links(&mut self, connection: ConnectionId, links: &[LinkRow]) -> Result<(), Failure> {
        for group in links.chunks(ROWS_MAX) {
            self.rows += group.len();
            let mut query = QueryBuilder::<Db>::new(
                "-- save links\ninsert into link (connection_id, mapping_id, profile_id, match_key, searched, candidates, \
                 was_linked, object, record_id, linked_at) ",
            );
            query.push_values(group, |mut row, link| {
                let (object, record) = link.record.clone().unzip();
                row.push_bind(connection.to_string()).push_bind(link.mapping_id.to_string());
                row.push_bind(link.profile_id.clone());
                row.push_bind(link.match_key.as_ref().map(|key| key.as_str().to_owned()));
                row.push_bind(i64::from(link.searched))
                    .push_bind(link.candidates)
                    .push_bind(i64::from(link.was_linked));
                row.push_bind(object).push_bind(record).push_bind(link.linked_at);
            });
            query.push(
                " on conflict (connection_id, mapping_id, profile_id) do update set match_key = excluded.match_key, \
                 searched = excluded.searched, candidates = excluded.candidates, was_linked = excluded.was_linked, \
                 object = excluded.object, record_id = excluded.record_id, \
                 linked_at = excluded.linked_at",
            );
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    /// Gives profiles their keys, as not searched; a link stays.
    pub(super) async fn save_keys(
        &mut self,
        connection: ConnectionId,
        keys: &[(MappingId, String, Option<MatchKey>)],
    ) -> Result<(), Failure> {
        for group in keys.chunks(ROWS_MAX) {
            self.rows += group.len();
            let mut query = QueryBuilder::<Db>::new(
                "-- save keys\ninsert into link (connection_id, mapping_id, profile_id, match_key, searched) ",
            );
            query.push_values(group, |mut row, (mapping, profile, key)| {
                row.push_bind(connection.to_string()).push_bind(mapping.to_string()).push_bind(profile.clone());
                row.push_bind(key.as_ref().map(|key| key.as_str().to_owned())).push_bind(0_i64);
            });
            query.push(
                " on conflict (connection_id, mapping_id, profile_id) do update set match_key = excluded.match_key, \
                 searched = excluded.searched",
            );
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    /// Gives every profile of the mapping's kind its key and marks those that have one due.
    pub(super) async fn cover(
        &mut self,
        environment: EnvironmentId,
        connection: ConnectionId,
        mapping: &ObjectMapping,
    ) -> Result<(), Failure> {
        let mut after = String::new();
        loop {
            let mut query = QueryBuilder::<Db>::new("-- profiles to cover\nselect ");
            query.push(PROFILE).push(" from profile p where p.environment_id = ").push_bind(environment.to_string());
            query.push(" and p.kind = ").push_bind(mapping.definition.userflow.as_str());
            query.push(" and p.id > ").push_bind(after.clone());
            query.push(" order by p.id limit ").push_bind(i64::try_from(ROWS_MAX)?);
            let rows = query.build().fetch_all(&mut *self.tx).await?;
            let profiles = rows.iter().map(row::profile).collect::<Result<Vec<Profile>, _>>()?;
            let Some(last) = profiles.last() else { break };
            after = last.id.clone();
            let key = |profile: &Profile| match_key(&mapping.definition, profile);
            let keys: Vec<_> = profiles.iter().map(|profile| (mapping.id, profile.id.clone(), key(profile))).collect();
            self.save_keys(connection, &keys).await?;
        }
        self.search_again(connection, Some(mapping.id)).await?;
        Ok(())
    }
}

const NOBODY_LINKED: &str = "not exists (select 1 from link l where l.connection_id = record.connection_id \
     and l.record_id = record.record_id and l.object = record.object) \
     and not exists (select 1 from association a where a.connection_id = record.connection_id \
     and a.record_id = record.record_id and a.object = record.object)";
