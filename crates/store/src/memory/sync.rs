//! The engine's side.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use jiff::Timestamp;
use syncline_model::{
    attribute::{Origin, Scope},
    budget::{CallReport, HourOfCalls},
    change::{Position, RecordedChanges},
    clock::from_ms,
    connection::{Connection, ConnectionStatus, Lease, StreamState},
    custom_field::{WantedField, WantedFieldState},
    examination::Examination,
    feed::Feed,
    id::{ConnectionId, InquiryId, MappingId},
    inquiry::{Answer, Inquiry},
    mapping::ObjectMapping,
    profile::{Profile, ProfileKind},
    record::{HeldRecord, Record, RecordKey},
    rules::{AttributeTypes, StoredRules},
    schema::{ListedObject, ObjectSchema},
    store::{StoreError, SyncStore},
    work::{Finish, Found, Lane, Linked, Outcome, Settlement, Standing, Waiting, Work, WorkKey},
};

use super::{Connected, Due, Item, MemoryStore, State, is_off};
use crate::{
    rules::{
        Author, ProfileChange, begin_of_hour, has_synced, reads_back, recent_after, replaced_feeds, replaced_issues,
        writes,
    },
    signal::Raised,
};

fn after(now: Timestamp, ms: i64) -> Timestamp {
    syncline_model::clock::from_ms(now.as_millisecond().saturating_add(ms))
}

#[async_trait]
impl SyncStore for MemoryStore {
    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        let state = self.lock();
        let all = state.connections.values().map(|connected| connected.connection.clone());
        Ok(all.filter(|connection| connection.status != ConnectionStatus::Disconnected).collect())
    }

    async fn acquire_lease(
        &self,
        connection: ConnectionId,
        node: &str,
        ttl_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        self.change(|state, now, raised| {
            let Some(connected) = state.connections.get_mut(&connection) else { return Ok(None) };
            let free = connected.node.as_deref().is_none_or(|holder| holder == node) || connected.lease_ends <= now;
            let status = connected.connection.status;
            if !free || !matches!(status, ConnectionStatus::Connected | ConnectionStatus::Disconnecting) {
                return Ok(None);
            }
            connected.token += 1;
            if status == ConnectionStatus::Disconnecting {
                connected.end_disconnecting(raised);
                return Ok(None);
            }
            connected.node = Some(node.to_owned());
            connected.lease_ends = after(now, ttl_ms);
            Ok(Some(Lease { connection_id: connection, token: connected.token }))
        })
    }

    async fn renew_lease(&self, lease: &Lease, ttl_ms: i64, report: &CallReport) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let connected = state.holder(lease, now)?;
            if connected.connection.status != ConnectionStatus::Connected {
                return Err(StoreError::LeaseLost);
            }
            connected.prolong(ttl_ms, report, now, raised);
            Ok(())
        })
    }

    async fn keep_lease(&self, lease: &Lease, ttl_ms: i64, report: &CallReport) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            state.holder(lease, now)?.prolong(ttl_ms, report, now, raised);
            Ok(())
        })
    }

    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        self.change(|state, _, raised| {
            let Some(connected) = state.connections.get_mut(&lease.connection_id) else { return Ok(()) };
            if connected.token == lease.token && connected.node.is_some() {
                raised.work = true;
                connected.node = None;
                connected.lease_ends = Timestamp::UNIX_EPOCH;
                if connected.connection.status == ConnectionStatus::Disconnecting {
                    connected.end_disconnecting(raised);
                }
            }
            Ok(())
        })
    }

    async fn mappings(&self, connection: ConnectionId) -> Result<Vec<ObjectMapping>, StoreError> {
        Ok(self.lock().connections.get(&connection).map(|connected| connected.mappings.clone()).unwrap_or_default())
    }

    async fn rules(&self, connection: ConnectionId) -> Result<Arc<StoredRules>, StoreError> {
        let state = self.lock();
        let Some(connected) = state.connections.get(&connection) else { return Ok(Arc::default()) };
        let mut types = HashMap::from([Scope::User, Scope::Company].map(|scope| (scope, AttributeTypes::new())));
        for ((environment, scope, name), definition) in &state.attributes {
            if let Some(types) = types.get_mut(scope).filter(|_| *environment == connected.connection.environment_id) {
                types.insert(name.clone(), definition.data_type);
            }
        }
        let (mappings, wanted_fields) = (connected.mappings.clone(), connected.wanted.clone());
        Ok(Arc::new(StoredRules { mappings, wanted_fields, types }))
    }

    async fn object_schemas(&self, connection: ConnectionId) -> Result<Vec<ObjectSchema>, StoreError> {
        let state = self.lock();
        let connected = state.connections.get(&connection);
        Ok(connected.map(|connected| connected.schemas.values().cloned().collect()).unwrap_or_default())
    }

    async fn save_object_schema(
        &self,
        lease: &Lease,
        schema: &ObjectSchema,
        otherwise: &[MappingId],
    ) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            let connected = state.leased(lease, now)?;
            connected.schemas.insert(schema.name.clone(), schema.clone());
            connected.mark_keyed(otherwise, generation, now, raised);
            raised.view = true;
            Ok(())
        })
    }

    async fn forget_object_schemas(
        &self,
        lease: &Lease,
        objects: &[String],
        otherwise: &[MappingId],
    ) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            let connected = state.leased(lease, now)?;
            connected.schemas.retain(|name, _| !objects.contains(name));
            connected.mark_keyed(otherwise, generation, now, raised);
            raised.view = true;
            Ok(())
        })
    }

    async fn save_object_list(&self, lease: &Lease, objects: &[ListedObject]) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let listed = &mut state.leased(lease, now)?.listed;
            *listed = objects.to_vec();
            listed.sort_unstable();
            raised.view = true;
            Ok(())
        })
    }

    async fn position(&self, connection: ConnectionId, stream: &str) -> Result<Option<Position>, StoreError> {
        let state = self.lock();
        Ok(state.connections.get(&connection).and_then(|connected| connected.positions.get(stream).cloned()))
    }

    async fn record_changes(
        &self,
        lease: &Lease,
        changes: &RecordedChanges,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            Ok(state.leased(lease, now)?.take_in(changes, generation, now, raised))
        })
    }

    async fn lose_position(&self, lease: &Lease, stream: &str) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            let connected = state.leased(lease, now)?;
            connected.positions.remove(stream);
            connected.mark_stale(None);
            connected.records.values_mut().for_each(|record| record.commit = None);
            connected.search_again(None, generation, now, raised);
            Ok(())
        })
    }

    async fn save_feeds(&self, lease: &Lease, feeds: &[Feed]) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let connected = state.leased(lease, now)?;
            let feeds = replaced_feeds(&connected.feeds, feeds);
            raised.view = feeds != connected.feeds;
            connected.feeds = feeds;
            Ok(())
        })
    }

    async fn api_calls(&self, connection: ConnectionId) -> Result<Vec<HourOfCalls>, StoreError> {
        let recent = recent_after(self.clock.now());
        let state = self.lock();
        let Some(connected) = state.connections.get(&connection) else { return Ok(Vec::new()) };
        let hours = connected.calls.iter().filter(|(hour, _)| **hour > recent);
        Ok(hours.map(|(hour, calls)| HourOfCalls { hour: from_ms(*hour), calls: *calls }).collect())
    }

    async fn wanted_fields(&self, connection: ConnectionId) -> Result<Vec<WantedField>, StoreError> {
        Ok(self.lock().connections.get(&connection).map(|connected| connected.wanted.clone()).unwrap_or_default())
    }

    async fn save_wanted_field(&self, lease: &Lease, field: &WantedField) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            state.leased(lease, now)?.say_wanted_field(field, generation, now, raised);
            Ok(())
        })
    }

    async fn examination_requests(&self, connection: ConnectionId) -> Result<i64, StoreError> {
        Ok(self.lock().connections.get(&connection).map(|connected| connected.examination_requests).unwrap_or_default())
    }

    async fn save_examination(
        &self,
        lease: &Lease,
        examination: &Examination,
        answered: i64,
    ) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let connected = state.leased(lease, now)?;
            connected.examination = Some(examination.clone());
            connected.examination_requests -= answered;
            raised.view = true;
            Ok(())
        })
    }

    async fn inquiries(&self, connection: ConnectionId) -> Result<Vec<Inquiry>, StoreError> {
        let state = self.lock();
        let Some(connected) = state.connections.get(&connection) else { return Ok(Vec::new()) };
        let unanswered = connected.inquiries.iter().filter(|(_, (_, answer, _))| answer.is_none());
        Ok(unanswered.map(|(id, (question, ..))| Inquiry { id: *id, question: question.clone() }).collect())
    }

    async fn answer_inquiry(&self, lease: &Lease, inquiry: InquiryId, answer: &Answer) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            if let Some((_, kept, _)) = state.leased(lease, now)?.inquiries.get_mut(&inquiry) {
                *kept = Some(answer.clone());
            }
            raised.view = true;
            Ok(())
        })
    }

    async fn set_stream_state(
        &self,
        lease: &Lease,
        state: StreamState,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        self.change(|all, now, raised| {
            let stream = &mut all.leased(lease, now)?.connection.stream;
            if stream.state != state {
                stream.since = now;
            }
            stream.state = state;
            stream.detail = detail.map(str::to_owned);
            raised.view = true;
            Ok(())
        })
    }

    async fn require_reconnect(&self, lease: &Lease, detail: &str) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let connection = &mut state.leased(lease, now)?.connection;
            connection.status = ConnectionStatus::ReconnectNeeded;
            connection.detail = Some(detail.to_owned());
            *raised = Raised { work: true, view: true };
            Ok(())
        })
    }

    async fn due_work(
        &self,
        lease: &Lease,
        lane: Lane,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Work>, StoreError> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.leased(lease, now)?;
        let connected = &state.connections[&lease.connection_id];
        let mut due: Vec<(Timestamp, &Item)> = connected
            .due
            .iter()
            .filter(|(item, due)| due.is_in(lane, after, now) && connected.is_running(item.0))
            .map(|(item, due)| (due.at, item))
            .collect();
        due.sort();
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(due.into_iter().filter_map(|(_, item)| state.work(connected, item)).collect())
    }

    async fn reload_work(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.leased(lease, now)?;
        let connected = &state.connections[&lease.connection_id];
        let items = keys.iter().map(|key| (key.mapping_id, key.profile_id.clone()));
        let due = items
            .filter(|item| connected.is_running(item.0) && connected.due.get(item).is_some_and(|due| due.at <= now));
        let mut once = BTreeSet::new();
        Ok(due.filter(|item| once.insert(item.clone())).filter_map(|item| state.work(connected, &item)).collect())
    }

    async fn linked(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Linked>, StoreError> {
        let now = self.clock.now();
        let mut state = self.lock();
        let connected = state.leased(lease, now)?;
        let linked = keys.iter().filter_map(|key| {
            let item = (key.mapping_id, key.profile_id.clone());
            let link = connected.links.get(&item).filter(|link| link.key.is_some())?;
            let record = connected.records.get(link.record.as_ref()?).filter(|record| !record.gone)?.clone();
            Some(Linked { key: key.clone(), record, associated: connected.associated(&item) })
        });
        Ok(linked.collect())
    }

    async fn count_due(
        &self,
        connection: ConnectionId,
        lane: Lane,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<u32, StoreError> {
        let now = self.clock.now();
        let state = self.lock();
        let Some(connected) = state.connections.get(&connection) else { return Ok(0) };
        let due =
            connected.due.iter().filter(|(item, due)| due.is_in(lane, after, now) && connected.is_running(item.0));
        Ok(u32::try_from(due.count()).unwrap_or(u32::MAX).min(limit))
    }

    async fn record_found(&self, lease: &Lease, found: Vec<Found>) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            state.leased(lease, now)?.keep_found(found, generation, now, raised);
            raised.view = true;
            Ok(())
        })
    }

    async fn record_reads(
        &self,
        lease: &Lease,
        object: &str,
        asked: &[(String, i64)],
        read: Vec<Record>,
    ) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            let connected = state.leased(lease, now)?;
            connected.keep_reads(object, asked, read, generation, now, raised);
            Ok(())
        })
    }

    async fn associate(&self, lease: &Lease, needed: Vec<(WorkKey, Vec<RecordKey>)>) -> Result<(), StoreError> {
        self.change(|state, now, _| {
            let connected = state.leased(lease, now)?;
            for (key, records) in needed {
                let item = (key.mapping_id, key.profile_id);
                if connected.links.contains_key(&item) {
                    for key in &records {
                        connected.records.entry(key.clone()).or_insert_with(|| HeldRecord::unread(key.clone()));
                    }
                    connected.associations.entry(item).or_default().extend(records);
                }
            }
            Ok(())
        })
    }

    async fn finish(&self, lease: &Lease, finished: Vec<Finish>) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            state.leased(lease, now)?;
            state.finish(lease.connection_id, finished, now, raised)
        })
    }

    async fn mark_all_due(&self, connection: ConnectionId, mapping: MappingId) -> Result<u64, StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            Ok(state.connected(connection)?.search_again(Some(mapping), generation, now, raised))
        })
    }
}

impl State {
    /// An item that is due, with both its sides.
    fn work(&self, connected: &Connected, item: &Item) -> Option<Work> {
        let due = connected.due.get(item)?;
        Some(self.item(connected, connected.kind_of(item.0)?, item, Some(due)))
    }

    /// An item as it stands, due or not.
    pub(super) fn standing(&self, connected: &Connected, kind: ProfileKind, item: &Item) -> Option<Standing> {
        let (link, due) = (connected.links.get(item)?, connected.due.get(item));
        let waiting =
            due.map(|due| Waiting { needs_call: due.lane == Lane::Remote, at: due.at, attempts: due.attempts });
        let work = self.item(connected, kind, item, due);
        Some(Standing { work, linked_at: link.linked_at, last_synced: link.last_synced.clone(), waiting })
    }

    /// An item, due or not, with both its sides.
    fn item(&self, connected: &Connected, kind: ProfileKind, item: &Item, due: Option<&Due>) -> Work {
        let profile = |id: &str| self.profiles.get(&(connected.connection.environment_id, kind, id.to_owned()));
        let link = connected.links.get(item).cloned().unwrap_or_default();
        let own = profile(&item.1);
        let speaks = own.is_some_and(|own| {
            let rank = |profile: &Profile| (profile.last_seen_at, std::cmp::Reverse(profile.id.clone()));
            link.record.as_ref().is_some_and(|record| {
                let linked = connected.linked_to(record).into_iter().filter(|other| other.0 == item.0);
                linked.filter_map(|other| profile(&other.1)).all(|other| rank(other) <= rank(own))
            })
        });
        Work {
            key: WorkKey { mapping_id: item.0, profile_id: item.1.clone() },
            generation: due.map(|due| due.generation).unwrap_or_default(),
            due_at: due.map_or(Timestamp::UNIX_EPOCH, |due| due.at),
            attempts: due.map(|due| due.attempts).unwrap_or_default(),
            profile: own.cloned(),
            match_key: link.key,
            searched: link.searched,
            candidates: link.candidates,
            was_linked: link.was_linked,
            record: link.record.and_then(|key| connected.records.get(&key).cloned()),
            associated: connected.associated(item),
            speaks,
        }
    }

    fn finish(
        &mut self,
        id: ConnectionId,
        finished: Vec<Finish>,
        now: Timestamp,
        raised: &mut Raised,
    ) -> Result<(), StoreError> {
        let environment = self.connected(id)?.connection.environment_id;
        let mut settled: Vec<(Item, i64, ProfileKind, Settlement)> = Vec::new();
        let mut others = Vec::new();
        for Finish { key, generation, outcome } in finished {
            let Some(kind) = self.connected(id)?.kind_of(key.mapping_id) else { continue };
            let item = (key.mapping_id, key.profile_id);
            match outcome {
                Outcome::Settled(settlement) => settled.push((item, generation, kind, settlement)),
                Outcome::NeedsCall => others.push((item, generation, None)),
                Outcome::Retry { at } => others.push((item, generation, Some(at))),
            }
        }

        // What can fail comes first, so that nothing is changed if it does.
        let mut definitions = self.definitions(environment, Origin::Salesforce, now);
        let mut profiles = BTreeMap::new();
        let mut changes = Vec::new();
        for (item, _, kind, settlement) in &settled {
            let key = (environment, *kind, item.1.clone());
            let Some(before) = profiles.get(&key).or_else(|| self.profiles.get(&key)).cloned() else { continue };
            let mut after = before.clone();
            definitions.set((*kind).into(), &mut after.attributes, &settlement.attributes)?;
            if after.attributes != before.attributes {
                after.revision += 1;
                profiles.insert(key, after.clone());
                let change = ProfileChange { before: Some(before), after: Some(after) };
                changes.push((change, Author::Item(item.0)));
            }
        }

        let generation = self.next_generation();
        let connected = self.connected(id)?;
        connected.keep_written(&settled, generation, now, raised);
        for (item, _, _, settlement) in settled.iter().filter(|(_, _, _, settlement)| has_synced(settlement)) {
            let Some(link) = connected.links.get_mut(item) else { continue };
            if let Some((_, record_id)) = &link.record {
                link.last_synced.note(record_id, settlement, now);
            }
        }
        connected.end_links(&settled, generation, now, raised);
        for (item, _, _, settlement) in &settled {
            if let Some(needed) = connected.associations.get_mut(item) {
                needed.retain(|key| !settlement.dissociated.contains(key));
            }
        }
        self.save_definitions(environment, definitions);
        self.profiles.extend(profiles);
        self.profiles_changed(environment, &changes, now, raised);

        let profiles = &self.profiles;
        let Some(connected) = self.connections.get_mut(&id) else { return Ok(()) };
        let mut marks = Vec::new();
        for (item, _, kind, _) in &settled {
            if !profiles.contains_key(&(environment, *kind, item.1.clone()))
                && let Some(record) = connected.links.remove(item).and_then(|link| link.record)
            {
                marks.push(record);
            }
        }
        let marks: Vec<_> = marks.iter().flat_map(|record| connected.linked_to(record)).collect();
        connected.mark(marks.into_iter().map(|item| (item, Lane::Local)), generation, now, raised);
        connected.drop_unlinked();
        for (item, generation, kind, settlement) in settled {
            let key = WorkKey { mapping_id: item.0, profile_id: item.1.clone() };
            let own = |issue: &syncline_model::issue::Issue| issue.mapping_id == item.0 && issue.profile_id == item.1;
            let old: Vec<_> = connected.issues.extract_if(.., |issue| own(issue)).collect();
            raised.view |= !old.is_empty() || !settlement.issues.is_empty();
            connected.issues.extend(replaced_issues(old, &key, kind, &settlement.issues, now));
            if connected.due.get(&item).is_some_and(|due| due.generation == generation) {
                connected.due.remove(&item);
                raised.view = true;
            }
        }
        for (item, generation, retry) in others {
            let Some(due) = connected.due.get_mut(&item).filter(|due| due.generation == generation) else { continue };
            match retry {
                None => {
                    due.lane = Lane::Remote;
                    raised.work = true;
                }
                Some(at) => {
                    due.at = syncline_model::attribute::to_millisecond(at);
                    due.attempts += 1;
                }
            }
        }
        Ok(())
    }
}

impl Connected {
    fn prolong(&mut self, ttl_ms: i64, report: &CallReport, now: Timestamp, raised: &mut Raised) {
        self.lease_ends = after(now, ttl_ms);
        let connection = &mut self.connection;
        for (known, said) in
            [(&mut connection.api_usage, report.usage), (&mut connection.deliveries, report.deliveries)]
        {
            raised.view |= said.is_some() && *known != said;
            *known = said.or(*known);
        }
        if report.calls > 0 {
            *self.calls.entry(begin_of_hour(now)).or_default() += report.calls;
        }
        self.calls.retain(|hour, _| *hour >= recent_after(now));
    }

    fn say_wanted_field(&mut self, field: &WantedField, generation: i64, now: Timestamp, raised: &mut Raised) {
        let known = self.wanted.iter_mut().find(|known| known.object == field.object && known.name == field.name);
        let Some(known) = known.filter(|known| (known.state, &known.detail) != (field.state, &field.detail)) else {
            return;
        };
        let becomes_usable = known.state != WantedFieldState::Usable && field.state == WantedFieldState::Usable;
        known.state = field.state;
        known.detail.clone_from(&field.detail);
        raised.view = true;
        if becomes_usable {
            raised.work = true;
            let written = self.mappings.iter().filter(|mapping| writes(&mapping.definition, field));
            let written: BTreeSet<MappingId> = written.map(|mapping| mapping.id).collect();
            self.mark_linked(written, Lane::Remote, generation, now, raised);
        }
    }

    pub(super) fn end_disconnecting(&mut self, raised: &mut Raised) {
        self.connection.status = ConnectionStatus::Disconnected;
        self.connection.detail = None;
        self.node = None;
        self.lease_ends = Timestamp::UNIX_EPOCH;
        *raised = Raised { work: true, view: true };
    }

    /// Marks the profiles of these mappings due that are linked, or may be about to be: an item on its way is planned by what was
    /// known when it was taken.
    pub(super) fn mark_linked(
        &mut self,
        mappings: BTreeSet<MappingId>,
        lane: Lane,
        generation: i64,
        now: Timestamp,
        raised: &mut Raised,
    ) {
        let concerned = self.links.iter().filter(|(item, link)| {
            mappings.contains(&item.0) && (link.record.is_some() || self.due.contains_key(*item))
        });
        let marks: Vec<_> = concerned.map(|(item, _)| (item.clone(), lane)).collect();
        self.mark(marks, generation, now, raised);
    }

    fn is_running(&self, mapping: MappingId) -> bool {
        !is_off(self.connection.status) && self.mappings.iter().any(|known| known.id == mapping && !known.paused)
    }

    pub(super) fn kind_of(&self, mapping: MappingId) -> Option<ProfileKind> {
        self.mappings.iter().find(|known| known.id == mapping).map(|known| known.definition.userflow)
    }

    fn associated(&self, item: &Item) -> BTreeMap<RecordKey, Arc<HeldRecord>> {
        let needed = self.associations.get(item).into_iter().flatten();
        needed.filter_map(|key| Some((key.clone(), Arc::new(self.records.get(key)?.clone())))).collect()
    }

    pub(super) fn copies(&self, keys: impl Iterator<Item = RecordKey>) -> BTreeMap<RecordKey, HeldRecord> {
        keys.filter_map(|key| self.records.get(&key).cloned().map(|record| (key, record))).collect()
    }

    fn keep_written(
        &mut self,
        settled: &[(Item, i64, ProfileKind, Settlement)],
        generation: i64,
        now: Timestamp,
        raised: &mut Raised,
    ) {
        let linked = settled.iter().filter_map(|(item, _, _, _)| self.links.get(item)?.record.clone());
        let before = self.copies(linked);
        let mut writers = BTreeSet::new();
        let mut marks = Vec::new();
        for (item, _, _, settlement) in settled.iter().filter(|(_, _, _, settlement)| !settlement.written.is_empty()) {
            let Some(key) = self.links.get(item).and_then(|link| link.record.clone()) else { continue };
            let (Some(before), Some(record)) = (before.get(&key), self.records.get_mut(&key)) else { continue };
            if before.revision == settlement.record_revision {
                record.values.extend(settlement.written.clone());
                let mapping = self.mappings.iter().find(|mapping| mapping.id == item.0);
                if !mapping.is_some_and(|mapping| reads_back(&mapping.definition, &settlement.written)) {
                    writers.insert(item.clone());
                }
            } else {
                // What was planned is not known to be so: a read that says as before marks nobody, and may tell of after the write.
                marks.push((item.clone(), Lane::Local));
            }
        }
        let mut changed = Vec::new();
        for (key, before) in &before {
            if let Some(record) = self.records.get_mut(key).filter(|record| record.values != before.values) {
                record.revision += 1;
                changed.push(key.clone());
            }
        }
        marks.extend(self.associated_with(&changed.iter().cloned().collect()));
        for key in changed {
            let others = self.linked_to(&key).into_iter().filter(|item| !writers.contains(item));
            marks.extend(others.map(|item| (item, Lane::Local)));
        }
        self.mark(marks, generation, now, raised);
    }

    fn end_links(
        &mut self,
        settled: &[(Item, i64, ProfileKind, Settlement)],
        generation: i64,
        now: Timestamp,
        raised: &mut Raised,
    ) {
        let mut left = BTreeSet::new();
        for (item, _, _, _) in settled.iter().filter(|(_, _, _, settlement)| settlement.unlink) {
            if let Some(link) = self.links.get_mut(item) {
                left.extend(link.record.take());
                link.linked_at = None;
                link.was_linked = false;
                raised.view = true;
            }
        }
        let others: Vec<_> = left.iter().flat_map(|record| self.linked_to(record)).collect();
        self.mark(others.into_iter().map(|item| (item, Lane::Local)), generation, now, raised);
        self.drop_unlinked();
    }
}
