//! The org's log of committed changes as a bus of events.
//!
//! Each event is written once, when the first subscriber is due to get it, and shared by all who follow. No lock is held
//! while anything is sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use syncline_salesforce_eventbus::v1::{ConsumerEvent, ProducerEvent};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::encode::encode;
use super::schema::{EventSchema, SchemaRegistry, event_name, object_name};
use crate::core::{CommittedEvent, ObjectSchema, id};
use crate::{LedgerEntry, OrgHandle};

/// Written events kept for other subscribers, about 40 MB of them. A subscriber far behind the others writes its own again.
const WRITTEN_EVENTS_MAX: usize = 65_536;

/// What a subscription is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// `/data/ChangeEvents`: every object.
    Everything,
    /// `/data/ContactChangeEvent`: one object, by its API name.
    Object(String),
}

impl Topic {
    fn includes(&self, entity: &str) -> bool {
        match self {
            Topic::Everything => true,
            Topic::Object(object) => object == entity,
        }
    }
}

/// Events for one subscriber, in commit order.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    pub(crate) events: Vec<ConsumerEvent>,
    /// Replay id up to which the subscriber then has everything; past the last event if others followed that are not its own.
    pub(crate) position: u64,
}

/// A change to deliver, and the schema to write it by.
struct Due {
    event: Arc<CommittedEvent>,
    schema: Arc<EventSchema>,
}

/// The events of one org. Cheap to share; every subscription reads at its own pace.
pub(crate) struct Bus {
    org: OrgHandle,
    org_id: String,
    closing: CancellationToken,
    schemas: Mutex<SchemaRegistry>,
    written: Mutex<BTreeMap<u64, ConsumerEvent>>,
}

impl Bus {
    /// The bus of an org; subscriptions end when `closing` is cancelled.
    pub(crate) fn new(org: OrgHandle, closing: CancellationToken) -> Bus {
        let org_id = org.lock().org_id().to_owned();
        Bus { org, org_id, closing, schemas: Mutex::default(), written: Mutex::default() }
    }

    pub(crate) fn org_id(&self) -> &str {
        &self.org_id
    }

    /// Ends every subscription when cancelled.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Changes with every commit.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.org.watch_events()
    }

    /// How long every response is held back, to play a distant Salesforce.
    pub(crate) fn response_delay(&self) -> Duration {
        self.org.response_delay()
    }

    /// Notes a call in the org's account of requests.
    pub(crate) fn note_call(&self, method: &str) {
        self.org.ledger().record(LedgerEntry {
            at_ms: self.org.now_ms(),
            method: "RPC".to_owned(),
            path: format!("/eventbus.v1.PubSub/{method}"),
            status: 200,
            ..LedgerEntry::default()
        });
    }

    /// Whether the token is that of a live session of this org, and `tenant_id` (15 or 18 characters) is this org.
    pub(crate) fn has_session(&self, access_token: &str, tenant_id: &str) -> bool {
        id::normalize(tenant_id).is_some_and(|tenant_id| tenant_id == self.org_id)
            && self.org.lock().use_session(access_token, self.org.now_ms()).is_some()
    }

    /// The topic with this name, which is case-sensitive.
    pub(crate) fn topic(&self, name: &str) -> Option<Topic> {
        match name.strip_prefix("/data/")? {
            "ChangeEvents" => Some(Topic::Everything),
            event => {
                let object = object_name(event)?;
                let org = self.org.lock();
                let known = org.object(&object).filter(|known| known.name == object && has_change_events(known));
                known.map(|known| Topic::Object(known.name.clone()))
            }
        }
    }

    /// Id of the schema that the topic's events are written with now. A topic of several objects has no schema of its own.
    pub(crate) fn schema_id(&self, topic: &Topic) -> Option<String> {
        let Topic::Object(object) = topic else { return None };
        let org = self.org.lock();
        org.object(object).map(|object| lock(&self.schemas).schema_of(object).id.clone())
    }

    /// The schema with this id, present or past.
    pub(crate) fn schema(&self, schema_id: &str) -> Option<Arc<EventSchema>> {
        if let Some(schema) = lock(&self.schemas).with_id(schema_id) {
            return Some(schema);
        }
        // A client may know an id from before this bus was opened.
        let org = self.org.lock();
        let mut schemas = lock(&self.schemas);
        org.objects().filter(|object| has_change_events(object)).for_each(|object| drop(schemas.schema_of(object)));
        schemas.with_id(schema_id)
    }

    /// Position of the newest event.
    pub(crate) fn latest_replay_id(&self) -> u64 {
        self.org.lock().latest_replay_id()
    }

    /// Whether a subscription may resume after this position.
    pub(crate) fn is_valid_position(&self, replay_id: u64) -> bool {
        self.org.lock().replay_id_is_valid(replay_id)
    }

    /// The topic's next events after a position, at most so many.
    pub(crate) fn ready(&self, topic: &Topic, after: u64, events_max: usize) -> Ready {
        let (due, position) = self.due(topic, after, events_max);
        if due.is_empty() {
            return Ready { events: Vec::new(), position };
        }

        let mut written = lock(&self.written);
        let events = due
            .into_iter()
            .map(|due| written.entry(due.event.replay_id).or_insert_with(|| self.write(&due)).clone())
            .collect();
        while written.len() > WRITTEN_EVENTS_MAX {
            written.pop_first();
        }
        Ready { events, position }
    }

    /// The changes to deliver, and the position they lead to.
    fn due(&self, topic: &Topic, after: u64, events_max: usize) -> (Vec<Due>, u64) {
        let org = self.org.lock();
        let mut schemas = lock(&self.schemas);
        let mut due = Vec::new();
        for event in org.events_after(Some(after)).filter(|event| topic.includes(&event.entity)) {
            let Some(object) = org.object(&event.entity) else { continue };
            due.push(Due { event: event.clone(), schema: schemas.schema_of(object) });
            if due.len() == events_max {
                return (due, event.replay_id);
            }
        }
        let latest = org.latest_replay_id();
        (due, latest)
    }

    fn write(&self, Due { event, schema }: &Due) -> ConsumerEvent {
        ConsumerEvent {
            event: Some(ProducerEvent {
                id: self.event_id(event.replay_id),
                schema_id: schema.id.clone(),
                payload: encode(event, schema).into(),
                headers: Vec::new(),
            }),
            replay_id: Bytes::copy_from_slice(&event.replay_id.to_be_bytes()),
        }
    }

    /// A UUID that is the same whenever and to whomever the event is delivered.
    fn event_id(&self, replay_id: u64) -> String {
        let name = format!("{}/{replay_id}", self.org_id);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_ref()[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

/// Set-up objects that only the org itself writes have no change events.
fn has_change_events(object: &ObjectSchema) -> bool {
    object.writeable && object_name(&event_name(&object.name)).is_some()
}

/// A subscription that panicked leaves whole entries behind, so the others go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
