//! A store without a database, for simulation: the same behaviour in plain maps, under one lock. What it keeps dies with it.

mod admin;
mod environment;
mod news;
mod sync;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use syncline_model::{
    attribute::{AttributeDefinition, EventDefinition, Origin, Scope},
    change::Position,
    clock::Clock,
    connection::{Connection, ConnectionStatus, Lease},
    custom_field::WantedField,
    examination::Examination,
    feed::Feed,
    id::{ConnectionId, EnvironmentId, InquiryId, MappingId, MemberId},
    inquiry::{Answer, Question},
    issue::Issue,
    mapping::{MatchKey, ObjectMapping},
    profile::{Environment, Event, Membership, Profile, ProfileKind},
    record::{HeldRecord, RecordKey},
    schema::{ListedObject, ObjectSchema},
    store::{Authorization, Member, Signal, Signals, StoreError},
    summary::QuestionDefinition,
    synced::LastSynced,
    work::Lane,
};

use crate::{
    FIRST_ENVIRONMENT,
    rules::{Author, Definitions, ProfileChange, is_written, match_key},
    signal::{Counts, Raised},
};

type Item = (MappingId, String);
type ProfileKey = (EnvironmentId, ProfileKind, String);

/// A store in memory. Leases go by the clock that it is given, as all its times do.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    counts: Counts,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    environments: Vec<Environment>,
    members: BTreeMap<MemberId, Member>,
    sessions: BTreeMap<Vec<u8>, (MemberId, Timestamp)>,
    keys: BTreeMap<(Vec<u8>, &'static str), EnvironmentId>,
    authorizations: BTreeMap<Vec<u8>, (Authorization, Timestamp)>,
    profiles: BTreeMap<ProfileKey, Profile>,
    memberships: BTreeMap<(EnvironmentId, String, String), Membership>,
    events: BTreeMap<EnvironmentId, Vec<Event>>,
    last_event_id: i64,
    attributes: BTreeMap<(EnvironmentId, Scope, String), AttributeDefinition>,
    event_names: BTreeMap<(EnvironmentId, String), EventDefinition>,
    questions: BTreeMap<(EnvironmentId, String), QuestionDefinition>,
    connections: BTreeMap<ConnectionId, Connected>,
    generation: i64,
}

/// A connection with all that belongs to it.
struct Connected {
    connection: Connection,
    /// With the epoch of the connect that gave them.
    credentials: Option<(SecretString, i64)>,
    node: Option<String>,
    token: i64,
    lease_ends: Timestamp,
    mappings: Vec<ObjectMapping>,
    schemas: BTreeMap<String, ObjectSchema>,
    /// By name.
    listed: Vec<ListedObject>,
    positions: BTreeMap<String, Position>,
    links: BTreeMap<Item, Link>,
    records: BTreeMap<RecordKey, HeldRecord>,
    associations: BTreeMap<Item, BTreeSet<RecordKey>>,
    due: BTreeMap<Item, Due>,
    issues: Vec<Issue>,
    /// By object.
    feeds: Vec<Feed>,
    /// By the beginning of the hour.
    calls: BTreeMap<i64, u64>,
    /// By object and name.
    wanted: Vec<WantedField>,
    inquiries: BTreeMap<InquiryId, (Question, Option<Answer>, Timestamp)>,
    examination_requests: i64,
    examination: Option<Examination>,
}

#[derive(Clone, Default)]
struct Link {
    key: Option<MatchKey>,
    searched: bool,
    candidates: u32,
    was_linked: bool,
    record: Option<RecordKey>,
    linked_at: Option<Timestamp>,
    last_synced: LastSynced,
}

#[derive(Clone, Copy)]
struct Due {
    lane: Lane,
    generation: i64,
    at: Timestamp,
    attempts: i32,
}

impl Due {
    fn is_in(&self, lane: Lane, after: Option<Timestamp>, now: Timestamp) -> bool {
        self.lane == lane && self.at <= now && after.is_none_or(|after| self.at > after)
    }
}

impl MemoryStore {
    /// An empty store, with the environment `production`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let first = Environment { id: EnvironmentId::new(now), name: FIRST_ENVIRONMENT.to_owned(), created_at: now };
        let state = State { environments: vec![first], ..State::default() };
        Self { clock, counts: Counts::new(), state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in the midst of a change is a defect that a test is to see, not to survive.
        self.state.lock().expect("no method panics under the lock")
    }

    /// Changes the state; signals are raised where it succeeds.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut State, Timestamp, &mut Raised) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut raised = Raised::default();
        let changed = change(&mut self.lock(), self.clock.now(), &mut raised)?;
        for signal in raised.signals() {
            self.counts.raise(signal);
        }
        Ok(changed)
    }
}

#[async_trait]
impl Signals for MemoryStore {
    async fn wait(&self, signal: Signal, seen: u64) -> u64 {
        self.counts.wait(signal, seen).await
    }
}

fn is_off(status: ConnectionStatus) -> bool {
    matches!(status, ConnectionStatus::Disconnecting | ConnectionStatus::Disconnected)
}

impl State {
    fn connected(&mut self, id: ConnectionId) -> Result<&mut Connected, StoreError> {
        self.connections.get_mut(&id).ok_or(StoreError::NotFound("the connection"))
    }

    /// The connection that the lease is of, if it is held.
    fn holder(&mut self, lease: &Lease, now: Timestamp) -> Result<&mut Connected, StoreError> {
        self.connections
            .get_mut(&lease.connection_id)
            .filter(|connected| connected.token == lease.token && connected.lease_ends > now)
            .ok_or(StoreError::LeaseLost)
    }

    fn leased(&mut self, lease: &Lease, now: Timestamp) -> Result<&mut Connected, StoreError> {
        let connected = self.holder(lease, now)?;
        if is_off(connected.connection.status) {
            return Err(StoreError::LeaseLost);
        }
        Ok(connected)
    }

    /// A generation for items that are marked due for the first time: one that no item had before.
    fn next_generation(&mut self) -> i64 {
        self.generation += 1 << 16;
        self.generation
    }

    fn definitions(&self, environment: EnvironmentId, origin: Origin, now: Timestamp) -> Definitions {
        let attributes = self.attributes.iter().filter(|((of, _, _), _)| *of == environment);
        let types = attributes.map(|((_, scope, name), known)| ((*scope, name.clone()), known.data_type));
        let events = self.event_names.keys().filter(|(of, _)| *of == environment);
        let events = events.map(|(_, name)| name.clone()).collect();
        let questions = self.questions.iter().filter(|((of, _), _)| *of == environment);
        let questions = questions.map(|((_, id), known)| (id.clone(), known.clone())).collect();
        Definitions::new(types.collect(), events, questions, origin, now)
    }

    fn save_definitions(&mut self, environment: EnvironmentId, definitions: Definitions) {
        for new in definitions.new_attributes {
            self.attributes.insert((environment, new.scope, new.name.clone()), new);
        }
        for new in definitions.new_events {
            self.event_names.insert((environment, new.name.clone()), new);
        }
        for (id, new) in definitions.new_questions {
            self.questions.insert((environment, id), new);
        }
    }

    /// Profiles have changed: what the environment's mappings make of it.
    fn profiles_changed(
        &mut self,
        environment: EnvironmentId,
        changes: &[(ProfileChange, Author)],
        now: Timestamp,
        raised: &mut Raised,
    ) {
        let generation = self.next_generation();
        raised.view |= !changes.is_empty();
        let mut connections = self.connections.values_mut();
        let Some(connected) = connections.find(|connected| connected.connection.environment_id == environment) else {
            return;
        };
        if is_off(connected.connection.status) {
            return;
        }
        let mut keys = Vec::new();
        let mut marks = Vec::new();
        for (change, author) in changes {
            let Some(profile) = change.after.as_ref().or(change.before.as_ref()) else { continue };
            let kind = profile.kind;
            let changed = change.changed();
            for mapping in connected.mappings.iter().filter(|mapping| mapping.definition.userflow == kind) {
                let item = (mapping.id, profile.id.clone());
                if change.seen() && connected.shares(&item) {
                    marks.push((item.clone(), Lane::Local));
                }
                if let Some(consequence) = change.consequence(mapping.id, &mapping.definition, *author, &changed) {
                    marks.push((item.clone(), consequence.lane));
                    keys.extend(consequence.key.map(|key| (item, key)));
                }
            }
        }
        for (item, key) in keys {
            let link = connected.links.entry(item).or_default();
            link.key = key;
            link.searched = false;
        }
        connected.mark(marks, generation, now, raised);
    }

    /// Gives every profile of the mapping's kind its key and marks those that have one due.
    fn cover(&mut self, id: ConnectionId, mapping: MappingId, now: Timestamp, raised: &mut Raised) {
        let generation = self.next_generation();
        let Some(connected) = self.connections.get_mut(&id) else { return };
        let Some(found) = connected.mappings.iter().find(|known| known.id == mapping) else { return };
        let definition = found.definition.clone();
        let environment = connected.connection.environment_id;
        for ((of, kind, profile), stored) in &self.profiles {
            if *of == environment && *kind == definition.userflow {
                let link = connected.links.entry((mapping, profile.clone())).or_default();
                link.key = match_key(&definition, stored);
                link.searched = false;
            }
        }
        connected.search_again(Some(mapping), generation, now, raised);
    }
}

impl Connected {
    /// Marks all items of mappings due that have a key.
    fn mark_keyed(&mut self, mappings: &[MappingId], generation: i64, now: Timestamp, raised: &mut Raised) {
        let keyed = self.links.iter().filter(|(item, link)| mappings.contains(&item.0) && link.key.is_some());
        let marks: Vec<_> = keyed.map(|(item, _)| (item.clone(), Lane::Remote)).collect();
        self.mark(marks, generation, now, raised);
    }

    /// Marks items due now; of two marks for one item the higher lane counts.
    fn mark(
        &mut self,
        marks: impl IntoIterator<Item = (Item, Lane)>,
        generation: i64,
        now: Timestamp,
        raised: &mut Raised,
    ) {
        let mut once: BTreeMap<Item, Lane> = BTreeMap::new();
        for (item, lane) in marks {
            let known = once.entry(item).or_insert(lane);
            *known = lane.max(*known);
        }
        for (item, lane) in once {
            raised.work = true;
            raised.view = true;
            match self.due.get_mut(&item) {
                Some(due) => {
                    due.lane = due.lane.max(lane);
                    due.generation += 1;
                    due.at = due.at.min(now);
                }
                None => {
                    self.due.insert(item, Due { lane, generation, at: now, attempts: 0 });
                }
            }
        }
    }

    fn search_again(
        &mut self,
        mapping: Option<MappingId>,
        generation: i64,
        now: Timestamp,
        raised: &mut Raised,
    ) -> u64 {
        let mut marks = Vec::new();
        for (item, link) in &mut self.links {
            if link.key.is_some() && mapping.is_none_or(|mapping| mapping == item.0) {
                link.searched = false;
                marks.push((item.clone(), Lane::Remote));
            }
        }
        let marked = marks.len();
        self.mark(marks, generation, now, raised);
        u64::try_from(marked).unwrap_or(u64::MAX)
    }

    fn mark_stale(&mut self, mapping: Option<MappingId>) {
        let linked: BTreeSet<RecordKey> = self
            .links
            .iter()
            .filter(|((of, _), _)| mapping.is_none_or(|mapping| mapping == *of))
            .filter_map(|(_, link)| link.record.clone())
            .collect();
        for (key, record) in &mut self.records {
            if mapping.is_none() || linked.contains(key) {
                record.stale = true;
                record.revision += 1;
            }
        }
    }

    fn linked_to(&self, record: &RecordKey) -> Vec<Item> {
        let linked = self.links.iter().filter(|(_, link)| link.record.as_ref() == Some(record));
        linked.map(|(item, _)| item.clone()).collect()
    }

    fn associated_with(&self, records: &BTreeSet<RecordKey>) -> Vec<(Item, Lane)> {
        let associated = self.associations.iter().filter(|(_, needed)| !needed.is_disjoint(records));
        associated.map(|(item, _)| (item.clone(), Lane::Spread)).collect()
    }

    /// Any record of the object may have changed: copies that items are associated with are stale, and those items are due.
    fn spread_stale(&mut self, object: &str, generation: i64, now: Timestamp, raised: &mut Raised) {
        let needed = self.associations.values().flatten().filter(|(of, _)| of == object);
        let needed: BTreeSet<RecordKey> = needed.cloned().collect();
        for key in &needed {
            if let Some(record) = self.records.get_mut(key) {
                record.stale = true;
                record.revision += 1;
            }
        }
        let marks = self.associated_with(&needed);
        self.mark(marks, generation, now, raised);
    }

    /// Whether another profile is linked to the item's record through the same mapping.
    fn shares(&self, item: &Item) -> bool {
        let Some(record) = self.links.get(item).and_then(|link| link.record.as_ref()) else { return false };
        self.linked_to(record).iter().any(|other| other.0 == item.0 && other.1 != item.1)
    }

    fn drop_unlinked(&mut self) {
        let linked: BTreeSet<RecordKey> = self.links.values().filter_map(|link| link.record.clone()).collect();
        let associated: BTreeSet<RecordKey> = self.associations.values().flatten().cloned().collect();
        self.records.retain(|key, _| linked.contains(key) || associated.contains(key));
    }

    /// Forgets the wanted fields that no mapping writes to any more.
    fn drop_unwanted(&mut self) {
        let mappings = &self.mappings;
        self.wanted.retain(|field| is_written(mappings, field));
    }

    fn forget_items(&mut self, mapping: MappingId) {
        self.links.retain(|item, _| item.0 != mapping);
        self.associations.retain(|item, _| item.0 != mapping);
        self.due.retain(|item, _| item.0 != mapping);
        self.issues.retain(|issue| issue.mapping_id != mapping);
        self.drop_unlinked();
    }
}
