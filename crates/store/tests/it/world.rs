//! A store with an environment to try things on.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use secrecy::SecretString;
use syncline_model::{
    Value, Values,
    attribute::AttributeOperation,
    change::{CommitPosition, Position, RecordChange, RecordEffect, RecordedChanges},
    clock::ManualClock,
    connection::{Lease, OrgIdentity},
    id::{ConnectionId, EnvironmentId, MappingId},
    mapping::{Duplicates, FieldMapping, MappingDefinition, MatchKey, MatchRule, ObjectMapping, OnUnlink},
    profile::{Profile, ProfileKind, ProfileWrite},
    record::Record,
    store::{Signal, Store},
    work::{Finish, Found, Lane, Outcome, Settlement, Work, WorkKey},
};

pub(crate) const NODE: &str = "node 1";
pub(crate) const TTL_MS: i64 = 60_000;
pub(crate) const STREAM: &str = "changes";
pub(crate) const START_MS: i64 = 1_790_000_000_000;

/// A store and the clock that it is given.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) environment: EnvironmentId,
    /// Where the store keeps its rows, if it is a database.
    pub(crate) url: Option<String>,
}

/// A connected and mapped environment, with the lease taken.
pub(crate) struct Mapped {
    pub(crate) world: World,
    pub(crate) connection: ConnectionId,
    pub(crate) mapping: ObjectMapping,
    pub(crate) lease: Lease,
}

pub(crate) fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(at(START_MS)))
}

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

pub(crate) fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

pub(crate) fn set(pairs: &[(&str, &str)]) -> Vec<(String, AttributeOperation)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), AttributeOperation::set((*value).into()))).collect()
}

pub(crate) fn upsert(kind: ProfileKind, id: &str, pairs: &[(&str, &str)]) -> ProfileWrite {
    ProfileWrite::Upsert { kind, id: id.to_owned(), operations: set(pairs), seen: false }
}

pub(crate) fn seen(id: &str) -> ProfileWrite {
    ProfileWrite::Upsert { kind: ProfileKind::User, id: id.to_owned(), operations: Vec::new(), seen: true }
}

pub(crate) fn org(id: &str) -> OrgIdentity {
    OrgIdentity {
        org_id: id.to_owned(),
        org_name: "Acme".into(),
        username: "admin@acme.test".into(),
        user_id: "005000000000001AAA".into(),
        instance_url: "https://acme.test".into(),
        login_url: "https://login.test".into(),
    }
}

pub(crate) fn contacts() -> MappingDefinition {
    let line = |from: &str, to: &str| FieldMapping::new(from, to);
    MappingDefinition {
        salesforce: "Contact".into(),
        userflow: ProfileKind::User,
        match_rule: MatchRule { salesforce: "Email".into(), userflow: "email".into() },
        duplicates: Duplicates::Oldest,
        on_unlink: OnUnlink::Clear,
        stream_events: false,
        events: Vec::new(),
        inbound: vec![line("Title", "title")],
        outbound: vec![line("plan", "Plan__c")],
    }
}

pub(crate) fn record(id: &str, pairs: &[(&str, &str)]) -> Record {
    Record {
        object: "Contact".into(),
        id: id.into(),
        values: values(pairs),
        created_at: at(START_MS - 1_000_000),
        modified_at: at(START_MS - 100_000),
        modstamp: at(START_MS - 100_000),
    }
}

pub(crate) fn change(record: &str, number: i64, effect: RecordEffect) -> RecordChange {
    let commit = CommitPosition { commit_ms: START_MS + number * 2_000, commit_number: number, sequence: 1 };
    RecordChange { object: "Contact".into(), record_id: record.into(), commit, effect }
}

pub(crate) fn news(record: &str, number: i64, pairs: &[(&str, &str)]) -> RecordChange {
    change(record, number, RecordEffect::Values { values: values(pairs), complete: false })
}

pub(crate) fn batch(changes: Vec<RecordChange>) -> RecordedChanges {
    RecordedChanges { stream: STREAM.into(), changes, ..RecordedChanges::default() }
}

impl World {
    pub(crate) async fn new(store: Arc<dyn Store>, clock: Arc<ManualClock>, url: Option<String>) -> Self {
        let environments = store.environments().await.unwrap();
        let environment = environments[0].id;
        Self { store, clock, environment, url }
    }

    pub(crate) async fn write(&self, write: Vec<ProfileWrite>) {
        self.store.write(self.environment, &write).await.unwrap();
    }

    pub(crate) async fn user(&self, id: &str, pairs: &[(&str, &str)]) {
        self.write(vec![upsert(ProfileKind::User, id, pairs)]).await;
    }

    pub(crate) async fn profile(&self, id: &str) -> Option<Profile> {
        self.store.profile(self.environment, ProfileKind::User, id).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> ConnectionId {
        self.store.connect(self.environment, &org("00D1"), &SecretString::from("token")).await.unwrap()
    }

    pub(crate) async fn count(&self, signal: Signal) -> u64 {
        // The count is above zero in every world, so asking for more than nothing answers at once where it was raised.
        tokio::time::timeout(std::time::Duration::from_millis(20), self.store.wait(signal, 0)).await.unwrap_or_default()
    }

    pub(crate) async fn mapped(self) -> Mapped {
        let connection = self.connect().await;
        let mapping = self.store.save_mapping(connection, None, &contacts(), &[], &[]).await.unwrap();
        let lease = self.store.acquire_lease(connection, NODE, TTL_MS).await.unwrap().unwrap();
        Mapped { world: self, connection, mapping, lease }
    }

    /// One user, linked to one contact, nothing due.
    pub(crate) async fn linked(self) -> Mapped {
        self.user("u1", &[("email", "Ada@Acme.test"), ("plan", "pro")]).await;
        let mapped = self.mapped().await;
        mapped
            .found("u1", "ada@acme.test", Some(record("003A", &[("Email", "ada@acme.test"), ("Title", "CTO")])))
            .await;
        mapped.settle_all().await;
        mapped
    }
}

impl Mapped {
    pub(crate) fn key(&self, profile: &str) -> WorkKey {
        WorkKey { mapping_id: self.mapping.id, profile_id: profile.to_owned() }
    }

    pub(crate) async fn due(&self, lane: Lane) -> Vec<Work> {
        self.world.store.due_work(&self.lease, lane, None, 1_000).await.unwrap()
    }

    /// Ids of the profiles that are due in a lane.
    pub(crate) async fn due_ids(&self, lane: Lane) -> Vec<String> {
        let mut ids: Vec<String> = self.due(lane).await.into_iter().map(|work| work.key.profile_id).collect();
        ids.sort();
        ids
    }

    /// All that is due, with its lane, by mapping and profile.
    pub(crate) async fn all_due(&self) -> BTreeMap<(MappingId, String), (Lane, Work)> {
        let mut all = BTreeMap::new();
        for lane in [Lane::Spread, Lane::Local, Lane::Remote] {
            for work in self.due(lane).await {
                all.insert((work.key.mapping_id, work.key.profile_id.clone()), (lane, work));
            }
        }
        all
    }

    /// Marks an item due and gives it as it is now.
    pub(crate) async fn look(&self, profile: &str) -> Work {
        self.world.store.mark_all_due(self.connection, self.mapping.id).await.unwrap();
        self.due(Lane::Remote).await.into_iter().find(|work| work.key.profile_id == profile).unwrap()
    }

    pub(crate) async fn found(&self, profile: &str, key: &str, record: Option<Record>) {
        let found = Found {
            key: self.key(profile),
            match_key: MatchKey::from_normal(key.to_owned()),
            candidates: u32::from(record.is_some()),
            record,
            asked_at: None,
        };
        self.world.store.record_found(&self.lease, vec![found]).await.unwrap();
    }

    pub(crate) async fn finish(&self, work: &Work, settlement: Settlement) {
        let finish =
            Finish { key: work.key.clone(), generation: work.generation, outcome: Outcome::Settled(settlement) };
        self.world.store.finish(&self.lease, vec![finish]).await.unwrap();
    }

    pub(crate) async fn settle_all(&self) {
        for _ in 0..3 {
            let all = self.all_due().await;
            let finished = all.into_values().map(|(_, work)| Finish {
                key: work.key,
                generation: work.generation,
                outcome: Outcome::Settled(Settlement::default()),
            });
            self.world.store.finish(&self.lease, finished.collect()).await.unwrap();
        }
        assert!(self.all_due().await.is_empty());
    }

    /// Settles all that is due but for one item.
    pub(crate) async fn settle_others(&self, but: &Work) {
        for (_, work) in self.all_due().await.into_values().filter(|(_, work)| work.key != but.key) {
            self.finish(&work, Settlement::default()).await;
        }
    }

    pub(crate) async fn take_in(&self, changes: RecordedChanges) {
        self.world.store.record_changes(&self.lease, &changes).await.unwrap();
    }

    pub(crate) async fn position(&self) -> Option<Position> {
        self.world.store.position(self.connection, STREAM).await.unwrap()
    }
}
