//! Ending work items: a handful of statements for any number of them.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::QueryBuilder;
use syncline_model::{
    attribute::{Origin, Scope},
    connection::Lease,
    id::{ConnectionId, EnvironmentId, MappingId},
    issue::Issue,
    mapping::ObjectMapping,
    profile::ProfileKind,
    record::RecordKey,
    rules::StoredRules,
    synced::LastSynced,
    work::{Finish, Lane, Outcome, Settlement, WorkKey},
};

use super::{
    Db,
    link::{DUE_AGAIN, LinkRow},
    profile::ProfileKey,
    row,
    store::{ROWS_MAX, SqlStore, Unit, groups},
};
use crate::{
    failure::Failure,
    rules::{Author, Marks, ProfileChange, has_synced, reads_back, replaced_issues},
};

type Item = (MappingId, String);

/// The settled items of one call.
struct Settled {
    items: Vec<(WorkKey, ProfileKind, Settlement)>,
    links: BTreeMap<Item, LinkRow>,
}

impl SqlStore {
    pub(super) async fn end_items(&self, lease: &Lease, finished: Vec<Finish>) -> Result<(), Failure> {
        let (mut unit, environment) = self.begin_leased(lease).await?;
        let connection = lease.connection_id;
        let rules = unit.rules(environment, connection).await?;
        let mut items = Vec::new();
        let (mut settled, mut to_call, mut to_retry) = (Vec::new(), Vec::new(), Vec::new());
        for Finish { key, generation, outcome } in finished {
            // The items of a mapping that is deleted are gone with it.
            let Some(mapping) = rules.mapping(key.mapping_id) else { continue };
            match outcome {
                Outcome::Settled(settlement) => {
                    settled.push((key.clone(), generation));
                    items.push((key, mapping.definition.userflow, settlement));
                }
                Outcome::NeedsCall => to_call.push((key, generation)),
                Outcome::Retry { at } => to_retry.push((key, generation, at.as_millisecond())),
            }
        }
        let links = items.iter().map(|(key, _, _)| (key.mapping_id, key.profile_id.clone()));
        let links = unit.links_of(connection, links).await?;
        let settlement = Settled { items, links };
        unit.keep_written(connection, &rules, &settlement).await?;
        unit.note_synced(connection, &settlement).await?;
        unit.end_links(connection, &settlement).await?;
        let settlements = settlement.items.iter().map(|(key, _, settlement)| (key, settlement));
        unit.dissociate(connection, settlements).await?;
        unit.set_attributes(environment, &settlement).await?;
        unit.forget_deleted(environment, connection, &settlement).await?;
        unit.replace_issues(connection, &settlement).await?;
        unit.take_off(connection, &settled).await?;
        unit.hand_on(connection, &to_call).await?;
        unit.put_off(connection, &to_retry).await?;
        unit.commit().await
    }
}

impl Unit<'_> {
    /// Values that Salesforce took go into the held copies, unless newer news is held by now. Others that are linked to such a
    /// copy are due, and so is the item itself if its mapping reads a field that it wrote: the event that tells of the write will find
    /// the copy as it says and mark nobody.
    async fn keep_written(
        &mut self,
        connection: ConnectionId,
        rules: &StoredRules,
        settled: &Settled,
    ) -> Result<(), Failure> {
        let writes = settled.items.iter().filter(|(_, _, settlement)| !settlement.written.is_empty());
        let writes = writes.filter_map(|(key, _, settlement)| {
            let item = (key.mapping_id, key.profile_id.clone());
            let record = settled.links.get(&item)?.record.clone()?;
            Some((item, record, settlement))
        });
        let writes: Vec<(Item, RecordKey, &Settlement)> = writes.collect();
        let before = self.records(connection, writes.iter().map(|(_, record, _)| record.clone())).await?;
        let mut records = before.clone();
        let mut writers = BTreeSet::new();
        let mut marks = Marks::default();
        for (item, key, settlement) in writes {
            let (Some(before), Some(record)) = (before.get(&key), records.get_mut(&key)) else { continue };
            if before.revision == settlement.record_revision {
                record.values.extend(settlement.written.iter().map(|(name, value)| (name.clone(), value.clone())));
                let reads_back = |mapping: &ObjectMapping| reads_back(&mapping.definition, &settlement.written);
                if !rules.mapping(item.0).is_some_and(reads_back) {
                    writers.insert(item);
                }
            } else {
                // What was planned is not known to be so: a read that says as before marks nobody, and may tell of after the write.
                marks.add(item.0, &item.1, Lane::Local);
            }
        }
        records.retain(|key, record| before.get(key).is_some_and(|before| before.values != record.values));
        for record in records.values_mut() {
            record.revision += 1;
        }
        self.save_records(connection, records.values()).await?;
        self.spread(connection, records.keys().cloned(), DUE_AGAIN).await?;
        for other in self.links_to(connection, records.into_keys()).await? {
            if !writers.contains(&(other.mapping_id, other.profile_id.clone())) {
                marks.add(other.mapping_id, &other.profile_id, Lane::Local);
            }
        }
        self.mark_due(connection, &marks).await
    }

    /// Notes with the links what their two sides were set to.
    async fn note_synced(&mut self, connection: ConnectionId, settled: &Settled) -> Result<(), Failure> {
        let synced = settled.items.iter().filter(|(_, _, settlement)| has_synced(settlement));
        let synced: BTreeMap<Item, &Settlement> =
            synced.map(|(key, _, settlement)| ((key.mapping_id, key.profile_id.clone()), settlement)).collect();
        for group in groups(synced.keys().cloned()) {
            let mut query = QueryBuilder::<Db>::new(
                "-- what links were set to\nselect mapping_id, profile_id, last_synced from link where connection_id = ",
            );
            query.push_bind(connection.to_string()).push(" and (mapping_id, profile_id) in (");
            query.push_values(group, |mut row, (mapping, profile)| {
                row.push_bind(mapping.to_string()).push_bind(profile);
            });
            query.push(")");
            let mut noted = Vec::new();
            for row in query.build().fetch_all(&mut *self.tx).await? {
                let item: Item = (row::id(&row, "mapping_id")?, row::text(&row, "profile_id")?);
                let record = settled.links.get(&item).and_then(|link| link.record.as_ref());
                let (Some(settlement), Some((_, record_id))) = (synced.get(&item), record) else { continue };
                let mut last: LastSynced = row::json(&row, "last_synced")?;
                last.note(record_id, settlement, self.now);
                noted.push((item, serde_json::to_string(&last)?));
            }
            if noted.is_empty() {
                continue;
            }
            let mut query = QueryBuilder::<Db>::new(
                "-- note what links were set to\nupdate link set last_synced = noted.column3 from (",
            );
            query.push_values(noted, |mut row, ((mapping, profile), last)| {
                row.push_bind(mapping.to_string()).push_bind(profile).push_bind(last);
            });
            query.push(
                ") as noted where link.mapping_id = noted.column1 and link.profile_id = noted.column2 \
                 and link.connection_id = ",
            );
            query.push_bind(connection.to_string());
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    /// Ends links; who speaks for a record that stays linked to others may be another now.
    async fn end_links(&mut self, connection: ConnectionId, settled: &Settled) -> Result<(), Failure> {
        let ended = settled.items.iter().filter(|(_, _, settlement)| settlement.unlink);
        let ended = ended.filter_map(|(key, _, _)| settled.links.get(&(key.mapping_id, key.profile_id.clone())));
        let mut links: Vec<LinkRow> = ended.cloned().collect();
        let left: BTreeSet<RecordKey> = links.iter().filter_map(|link| link.record.clone()).collect();
        for link in &mut links {
            link.record = None;
            link.linked_at = None;
            link.was_linked = false;
        }
        self.save_links(connection, &links).await?;
        self.leave_records(connection, left).await?;
        self.raised.view |= !links.is_empty();
        Ok(())
    }

    /// Records have lost a link: others are due, and a copy that has none is dropped.
    async fn leave_records(&mut self, connection: ConnectionId, left: BTreeSet<RecordKey>) -> Result<(), Failure> {
        let mut marks = Marks::default();
        for other in self.links_to(connection, left.iter().cloned()).await? {
            marks.add(other.mapping_id, &other.profile_id, Lane::Local);
        }
        self.mark_due(connection, &marks).await?;
        self.drop_unlinked(connection, left).await
    }

    async fn set_attributes(&mut self, environment: EnvironmentId, settled: &Settled) -> Result<(), Failure> {
        let setting = || settled.items.iter().filter(|(_, _, settlement)| !settlement.attributes.is_empty());
        let keys = setting().map(|(key, kind, _)| (*kind, key.profile_id.clone()));
        let names = setting().flat_map(|(_, kind, settlement)| {
            settlement.attributes.keys().map(|name| (Scope::from(*kind), name.clone()))
        });
        let names: BTreeSet<_> = names.collect();
        if names.is_empty() {
            return Ok(());
        }
        let (origin, none) = (Origin::Salesforce, BTreeSet::new());
        let mut definitions = self.definitions(environment, origin, names, none.clone(), none).await?;
        let mut profiles = self.profiles(environment, keys).await?;
        let mut changed: BTreeSet<ProfileKey> = BTreeSet::new();
        let mut changes = Vec::new();
        for (key, kind, settlement) in setting() {
            let profile_key = (*kind, key.profile_id.clone());
            let Some(profile) = profiles.get_mut(&profile_key) else { continue };
            let before = profile.clone();
            definitions.set((*kind).into(), &mut profile.attributes, &settlement.attributes)?;
            if profile.attributes != before.attributes {
                profile.revision += 1;
                let after = Some(profile.clone());
                changes.push((ProfileChange { before: Some(before), after }, Author::Item(key.mapping_id)));
                changed.insert(profile_key);
            }
        }
        self.save_definitions(environment, &definitions).await?;
        let saved: Vec<_> = changed.iter().filter_map(|key| profiles.get(key)).collect();
        self.save_profiles(environment, &saved).await?;
        self.profiles_changed(environment, &changes).await
    }

    /// A settled item whose profile is deleted needs no link any more.
    async fn forget_deleted(
        &mut self,
        environment: EnvironmentId,
        connection: ConnectionId,
        settled: &Settled,
    ) -> Result<(), Failure> {
        let mut left = BTreeSet::new();
        let items = settled.items.iter().map(|(key, kind, _)| (key.mapping_id, key.profile_id.clone(), *kind));
        for group in groups(items) {
            let existing = self
                .existing_profiles(
                    environment,
                    group.iter().map(|(_, profile, kind)| (*kind, profile.clone())).collect(),
                )
                .await?;
            let deleted = group.into_iter().filter(|(_, profile, kind)| !existing.contains(&(*kind, profile.clone())));
            let deleted: Vec<Item> = deleted.map(|(mapping, profile, _)| (mapping, profile)).collect();
            if deleted.is_empty() {
                continue;
            }
            left.extend(deleted.iter().filter_map(|item| settled.links.get(item)?.record.clone()));
            let mut query = QueryBuilder::<Db>::new("-- forget deleted\ndelete from link where connection_id = ");
            query.push_bind(connection.to_string()).push(" and (mapping_id, profile_id) in (");
            query.push_values(deleted, |mut row, (mapping, profile)| {
                row.push_bind(mapping.to_string()).push_bind(profile);
            });
            query.push(")");
            query.build().execute(&mut *self.tx).await?;
        }
        self.leave_records(connection, left).await
    }

    async fn existing_profiles(
        &mut self,
        environment: EnvironmentId,
        keys: BTreeSet<ProfileKey>,
    ) -> Result<BTreeSet<ProfileKey>, Failure> {
        let mut query =
            QueryBuilder::<Db>::new("-- profiles that exist\nselect kind, id from profile where environment_id = ");
        query.push_bind(environment.to_string()).push(" and (kind, id) in (");
        query.push_values(keys, |mut row, (kind, id)| {
            row.push_bind(kind.as_str()).push_bind(id);
        });
        query.push(")");
        let rows = query.build().fetch_all(&mut *self.tx).await?;
        rows.iter().map(|row| Ok((row::word(row, "kind")?, row::text(row, "id")?))).collect()
    }

    async fn replace_issues(&mut self, connection: ConnectionId, settled: &Settled) -> Result<(), Failure> {
        let mut old: BTreeMap<Item, Vec<Issue>> = BTreeMap::new();
        let items = settled.items.iter().map(|(key, _, _)| (key.mapping_id, key.profile_id.clone()));
        for group in groups(items) {
            let mut query =
                QueryBuilder::<Db>::new("-- issues of items\nselect * from sync_issue where connection_id = ");
            query.push_bind(connection.to_string()).push(" and (mapping_id, profile_id) in (");
            query.push_values(group, |mut row, (mapping, profile)| {
                row.push_bind(mapping.to_string()).push_bind(profile);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                let issue = row::issue(&row)?;
                old.entry((issue.mapping_id, issue.profile_id.clone())).or_default().push(issue);
            }
        }
        let closed: Vec<String> = old.values().flatten().map(|issue| issue.id.to_string()).collect();
        let mut issues: Vec<Issue> = Vec::new();
        for (key, kind, settlement) in &settled.items {
            let old = old.remove(&(key.mapping_id, key.profile_id.clone())).unwrap_or_default();
            issues.extend(replaced_issues(old, key, *kind, &settlement.issues, self.now));
        }
        for group in closed.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new("-- close issues\ndelete from sync_issue where connection_id = ");
            query.push_bind(connection.to_string()).push(" and id in (");
            let mut ids = query.separated(", ");
            for id in group {
                ids.push_bind(id.clone());
            }
            query.push(")");
            query.build().execute(&mut *self.tx).await?;
        }
        for group in issues.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new(
                "-- save issues\ninsert into sync_issue (connection_id, id, mapping_id, profile_kind, profile_id, kind, record_id, \
                 field, code, cause, remedy, first_at, last_at, count) ",
            );
            query.push_values(group, |mut row, stored| {
                let Issue { id, mapping_id, profile_kind, profile_id, issue, first_at, last_at, count } = stored;
                row.push_bind(connection.to_string()).push_bind(id.to_string()).push_bind(mapping_id.to_string());
                row.push_bind(profile_kind.as_str()).push_bind(profile_id.clone()).push_bind(issue.kind.as_str());
                row.push_bind(issue.record_id.clone()).push_bind(issue.field.clone()).push_bind(issue.code.clone());
                row.push_bind(issue.cause.clone()).push_bind(issue.remedy.clone());
                row.push_bind(first_at.as_millisecond()).push_bind(last_at.as_millisecond()).push_bind(*count);
            });
            query.build().execute(&mut *self.tx).await?;
        }
        self.raised.view |= !closed.is_empty() || !issues.is_empty();
        Ok(())
    }

    /// Takes items off the due list, but for those that were marked again meanwhile.
    async fn take_off(&mut self, connection: ConnectionId, items: &[(WorkKey, i64)]) -> Result<(), Failure> {
        for group in items.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new("-- take off the due list\ndelete from due where connection_id = ");
            query.push_bind(connection.to_string()).push(" and (mapping_id, profile_id, generation) in (");
            push_items(&mut query, group);
            query.push(")");
            self.raised.view |= query.build().execute(&mut *self.tx).await?.rows_affected() > 0;
        }
        Ok(())
    }

    /// Moves items to the lane that makes calls.
    async fn hand_on(&mut self, connection: ConnectionId, items: &[(WorkKey, i64)]) -> Result<(), Failure> {
        for group in items.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new("-- hand on to a call\nupdate due set lane = ");
            query.push_bind(i64::from(Lane::Remote.as_i16())).push(" where connection_id = ");
            query.push_bind(connection.to_string()).push(" and (mapping_id, profile_id, generation) in (");
            push_items(&mut query, group);
            query.push(")");
            self.raised.work |= query.build().execute(&mut *self.tx).await?.rows_affected() > 0;
        }
        Ok(())
    }

    /// Sets the time of the next try.
    async fn put_off(&mut self, connection: ConnectionId, items: &[(WorkKey, i64, i64)]) -> Result<(), Failure> {
        for group in items.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new(
                "-- put off\nupdate due set due_at = later.column4, attempts = due.attempts + 1 from (",
            );
            query.push_values(group, |mut row, (key, generation, at_ms)| {
                row.push_bind(key.mapping_id.to_string()).push_bind(key.profile_id.clone());
                row.push_bind(*generation).push_bind(*at_ms);
            });
            // Both databases name the columns of a list of rows column1, column2, …
            query.push(
                ") as later where due.mapping_id = later.column1 and due.profile_id = later.column2 \
                 and due.generation = later.column3 and due.connection_id = ",
            );
            query.push_bind(connection.to_string());
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }
}

fn push_items(query: &mut QueryBuilder<Db>, items: &[(WorkKey, i64)]) {
    query.push_values(items, |mut row, (key, generation)| {
        row.push_bind(key.mapping_id.to_string()).push_bind(key.profile_id.clone()).push_bind(*generation);
    });
}
