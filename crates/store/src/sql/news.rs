//! News from the change stream and from reads, and what look-ups found.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::{
    change::{Position, RecordedChanges},
    connection::Lease,
    id::{ConnectionId, MappingId},
    mapping::MatchKey,
    record::{HeldRecord, Record, RecordKey},
    work::{Found, Lane},
};

use super::{
    link::{DUE_AGAIN, DUE_ALREADY},
    store::{SqlStore, Unit},
};
use crate::{
    failure::Failure,
    rules::{Marks, TakenIn},
};

impl SqlStore {
    pub(super) async fn stream_position(
        &self,
        connection: ConnectionId,
        stream: &str,
    ) -> Result<Option<Position>, Failure> {
        let position: Option<Vec<u8>> = sqlx::query_scalar(
            "-- position\nselect position from stream_position where connection_id = $1 and stream = $2",
        )
        .bind(connection.to_string())
        .bind(stream)
        .fetch_optional(self.reader())
        .await?;
        Ok(position.map(Position))
    }

    pub(super) async fn take_in(&self, lease: &Lease, news: &RecordedChanges) -> Result<Vec<RecordKey>, Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        let connection = lease.connection_id;
        let mut marks = Marks::default();

        let keys = news.changes.iter().map(|change| (change.object.clone(), change.record_id.clone()));
        let keys = keys.chain(news.reads.iter().map(|read| (read.object.clone(), read.id.clone())));
        let mut records = unit.records(connection, keys.chain(news.gone.iter().cloned())).await?;
        let mut taken = TakenIn::default();
        taken.changes(&mut records, &news.changes);
        taken.found(&mut records, &news.reads, &news.gone);
        unit.keep_taken(connection, &records, &taken, &mut marks).await?;

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
        for object in &news.resync_objects {
            unit.spread_stale(connection, object).await?;
        }
        unit.move_position(connection, news).await?;
        unit.note_newest(connection, &news.newest).await?;
        unit.commit().await?;
        Ok(taken.missed.into_iter().collect())
    }

    pub(super) async fn forget_position(&self, lease: &Lease, stream: &str) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        sqlx::query("-- forget position\ndelete from stream_position where connection_id = $1 and stream = $2")
            .bind(lease.connection_id.to_string())
            .bind(stream)
            .execute(&mut *unit.tx)
            .await?;
        unit.mark_stale(lease.connection_id, None).await?;
        // An org that was moved numbers its commits anew, maybe from lower down: its events must not be taken for old ones.
        sqlx::query(
            "-- forget commits\nupdate record set commit_ms = null, commit_number = null, commit_sequence = null \
             where connection_id = $1",
        )
        .bind(lease.connection_id.to_string())
        .execute(&mut *unit.tx)
        .await?;
        unit.search_again(lease.connection_id, None).await?;
        unit.commit().await
    }

    pub(super) async fn keep_found(&self, lease: &Lease, found: Vec<Found>) -> Result<(), Failure> {
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
        for Found { key, match_key, candidates, record, asked_at } in found {
            let item = (key.mapping_id, key.profile_id);
            let Some(link) = links.get_mut(&item).filter(|link| link.match_key.as_ref() == Some(&match_key)) else {
                continue;
            };
            let to = record.as_ref().map(|record| (record.object.clone(), record.id.clone()));
            if let (Some(key), Some(record)) = (&to, record) {
                hold(&mut records, key, record, asked_at);
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
        // A copy that says something new concerns all that need it, since the event that would have told them is older than the
        // copy now; so does one that is in doubt from now on, or no longer.
        let news = touched.iter().filter(|record| {
            let key = (record.object.clone(), record.id.clone());
            before.get(&key).is_some_and(|before| before.stale != record.stale || before.values != record.values)
        });
        let changed: Vec<RecordKey> = news.map(|record| (record.object.clone(), record.id.clone())).collect();
        moved.extend(changed.iter().cloned());
        unit.save_records(connection, touched).await?;
        unit.save_links(connection, &saved.values().cloned().collect::<Vec<_>>()).await?;
        let mut marks = Marks::default();
        for other in unit.links_to(connection, moved).await? {
            if !saved.contains_key(&(other.mapping_id, other.profile_id.clone())) {
                marks.add(other.mapping_id, &other.profile_id, Lane::Local);
            }
        }
        unit.mark_due(connection, &marks).await?;
        unit.spread(connection, changed, DUE_AGAIN).await?;
        unit.drop_unlinked(connection, left).await?;
        unit.raised.view = true;
        unit.commit().await
    }

    pub(super) async fn keep_reads(
        &self,
        lease: &Lease,
        object: &str,
        asked: &[(String, i64)],
        read: Vec<Record>,
    ) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        let connection = lease.connection_id;
        let keys = asked.iter().map(|(id, _)| (object.to_owned(), id.clone()));
        let mut records = unit.records(connection, keys).await?;
        let mut taken = TakenIn::default();
        taken.answers(&mut records, object, asked, read);
        let mut marks = Marks::default();
        unit.keep_taken(connection, &records, &taken, &mut marks).await?;
        unit.mark_due(connection, &marks).await?;
        unit.commit().await
    }
}

/// Takes a record that a look-up found into the held copies.
fn hold(records: &mut BTreeMap<RecordKey, HeldRecord>, key: &RecordKey, record: Record, asked_at: Option<i64>) {
    match records.get_mut(key) {
        Some(held) => held.refresh(record, asked_at),
        None => {
            records.insert(key.clone(), HeldRecord::from_read(record));
        }
    }
}

impl Unit<'_> {
    /// Keeps copies that took something in, and notes all that are linked to changed ones as due: with a call if the copy is
    /// stale or gone, else without.
    async fn keep_taken(
        &mut self,
        connection: ConnectionId,
        records: &BTreeMap<RecordKey, HeldRecord>,
        taken: &TakenIn,
        marks: &mut Marks,
    ) -> Result<(), Failure> {
        self.save_records(connection, taken.touched.iter().filter_map(|key| records.get(key))).await?;
        for link in self.links_to(connection, taken.changed.iter().cloned()).await? {
            let record = link.record.as_ref().and_then(|key| records.get(key));
            let call = record.is_some_and(|record| record.stale || record.gone);
            marks.add(link.mapping_id, &link.profile_id, if call { Lane::Remote } else { Lane::Local });
        }
        self.spread(connection, taken.changed.iter().cloned(), DUE_AGAIN).await?;
        let mut cleared = Marks::default();
        for link in self.links_to(connection, taken.cleared.iter().cloned()).await? {
            cleared.add(link.mapping_id, &link.profile_id, Lane::Local);
        }
        self.mark(connection, &cleared, DUE_ALREADY).await?;
        self.spread(connection, taken.cleared.iter().cloned(), DUE_ALREADY).await
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
        Ok(())
    }
}
