//! The org's event log as a bus: what each subscriber is due to get, written for it.
//!
//! The org's lock is held while the next events of one subscriber are picked, and not while they are written or sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use syncline_salesforce_eventbus::v1::{ConsumerEvent, ProducerEvent};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::encode::{Told, encode_change, encode_published};
use super::fault::{EventFaults, StreamEnd};
use super::reader::{Due, Reader};
use super::refusal::Refusal;
use super::schema::{EventSchema, SchemaRegistry};
use crate::core::channel::{Replay, RunState, has_change_events};
use crate::core::oauth::Session;
use crate::core::{LogEntry, ObjectSchema, Org, WriteContext, id};
use crate::{Faults, LedgerEntry, OrgHandle};

/// Events for one subscriber, in commit order.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) events: Vec<ConsumerEvent>,
    /// Replay id up to which the subscriber then has everything; past the last event if others followed that are not its own.
    pub(crate) position: u64,
    /// Whether the log was not read to its end.
    pub(crate) more: bool,
}

/// Where a stream of the subscriber's own choice begins.
pub(crate) enum Start<'r> {
    Latest,
    Earliest,
    /// After a replay id. Ids are opaque to clients; here they are eight bytes, the highest first.
    After(&'r [u8]),
}

/// The events of one org. Cheap to share; every subscription reads at its own pace.
pub(crate) struct Bus {
    org: OrgHandle,
    org_id: String,
    closing: CancellationToken,
    streams: Arc<AtomicUsize>,
}

/// One open stream, counted until it is dropped.
pub(crate) struct StreamPlace(Arc<AtomicUsize>);

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Bus {
    /// The bus of an org; subscriptions end when `closing` is cancelled.
    pub(crate) fn new(org: OrgHandle, closing: CancellationToken) -> Bus {
        let org_id = org.lock().org_id().to_owned();
        Bus { org, org_id, closing, streams: Arc::default() }
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

    /// Changes whenever all streams are to end.
    pub(crate) fn stream_ends(&self) -> watch::Receiver<StreamEnd> {
        self.org.watch_stream_ends()
    }

    pub(crate) fn faults(&self) -> watch::Receiver<Faults> {
        self.org.watch_faults()
    }

    pub(crate) fn event_faults(&self) -> EventFaults {
        self.org.watch_faults().borrow().events.clone()
    }

    /// How long every response is held back, to play a distant Salesforce.
    pub(crate) fn response_delay(&self) -> Duration {
        self.org.response_delay()
    }

    /// Notes a call in the org's account of requests, and whose it was or why it was refused; gives its number there. A stream is
    /// one call.
    pub(crate) fn note_call(&self, method: &str, session: &Result<Session, Refusal>) -> u64 {
        let now_ms = self.org.now_ms();
        let path = format!("/eventbus.v1.PubSub/{method}");
        self.org.ledger().record(LedgerEntry {
            started_ms: now_ms,
            at_ms: now_ms,
            method: "RPC".to_owned(),
            uri: path.clone(),
            path,
            user_id: session.as_ref().ok().map(|session| session.user_id.clone()),
            client_id: session.as_ref().ok().and_then(|session| session.client_id.clone()),
            // gRPC says no in its trailers, under this status too.
            status: 200,
            error_code: session.as_ref().err().map(|refusal| refusal.error_code()),
            ..LedgerEntry::default()
        })
    }

    /// Says in that account what a stream was opened for, and from where on.
    pub(crate) fn note_subject(&self, number: u64, topic: &str, start: &str) {
        self.org.ledger().specify(number, format!("/eventbus.v1.PubSub/Subscribe?topic={topic}&from={start}"));
    }

    /// The live session of a token, if `tenant_id` (15 or 18 characters) is this org.
    pub(crate) fn session(&self, access_token: &str, tenant_id: &str) -> Option<Session> {
        id::normalize(tenant_id).filter(|tenant_id| *tenant_id == self.org_id)?;
        self.org.lock().use_session(access_token, self.org.now_ms())
    }

    /// A place for one more stream.
    pub(crate) fn stream_place(&self) -> Result<StreamPlace, Refusal> {
        let max = self.event_faults().streams_max();
        let taken =
            self.streams.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| (open < max).then_some(open + 1));
        taken.map(|_| StreamPlace(self.streams.clone())).map_err(|_| Refusal::TooManyStreams)
    }

    /// What a topic is to a user: whether it may be published to and subscribed to, and the id of its present schema.
    pub(crate) fn topic(&self, session: &Session, name: &str) -> Result<(bool, bool, String), Refusal> {
        let org = self.org.lock();
        let topic = org.topic(name).ok_or(Refusal::UnknownTopic)?;
        let access = org.access(&session.user_id, self.org.now_ms());
        let object = topic.object().and_then(|name| org.object(name));
        let can_publish = object.is_some_and(|object| object.is_platform_event() && access.creates(object));
        let can_subscribe = org.may_subscribe(&access, &topic);
        // A topic of several objects has no schema of its own.
        let schema_id = object.map(|object| self.org.event_schemas().schema_of(object).id.clone());
        Ok((can_publish, can_subscribe, schema_id.unwrap_or_default()))
    }

    /// The schema with this id, present or past.
    pub(crate) fn schema(&self, schema_id: &str) -> Option<Arc<EventSchema>> {
        schema_with_id(&self.org.lock(), &mut self.org.event_schemas(), schema_id)
    }

    /// A reader of a topic from a place in the log on.
    pub(crate) fn read(&self, session: &Session, topic: &str, start: &Start<'_>) -> Result<Reader, Refusal> {
        let now_ms = self.org.now_ms();
        let mut org = self.org.lock();
        org.expire_events(now_ms);
        let topic = org.topic(topic).ok_or(Refusal::UnknownTopic)?;
        let position = position_of(&org, start)?;
        let mut reader = Reader::new(session, topic, position, self.faults());
        if matches!(start, Start::Latest) {
            reader.miss_until(now_ms + i64::from(self.event_faults().latest_blind_ms));
        }
        reader.renew(&org, now_ms).map(|()| reader)
    }

    /// A reader of a managed subscription from where its client got to, and the subscription's id.
    pub(crate) fn read_managed(&self, session: &Session, id: &str, name: &str) -> Result<(Reader, String), Refusal> {
        let now_ms = self.org.now_ms();
        let mut org = self.org.lock();
        org.expire_events(now_ms);
        let managed = org.managed_subscription(id, name).ok_or(Refusal::UnknownManagedSubscription)?;
        if managed.definition.state == RunState::Stop {
            return Err(Refusal::ManagedSubscriptionStopped);
        }
        let topic = org.topic(&managed.definition.topic_name).ok_or(Refusal::UnknownTopic)?;
        let start = |replay| if replay == Replay::Latest { Start::Latest } else { Start::Earliest };
        let position = match managed.committed.map(u64::to_be_bytes) {
            None => position_of(&org, &start(managed.definition.default_replay)),
            Some(committed) => position_of(&org, &Start::After(&committed))
                .or_else(|_| position_of(&org, &start(managed.definition.error_recovery_replay))),
        };
        let id = managed.id.clone();
        let mut reader = Reader::new(session, topic, position?, self.faults()).managed(&id);
        reader.renew(&org, now_ms)?;
        Ok((reader, id))
    }

    /// Remembers how far the client of a managed subscription got; whether that is a position at all. And the time.
    pub(crate) fn commit(&self, managed_id: &str, replay_id: &[u8]) -> (bool, i64) {
        let position = <[u8; 8]>::try_from(replay_id).map(u64::from_be_bytes);
        let committed = position.is_ok_and(|position| self.org.lock().commit_position(managed_id, position));
        (committed, self.org.now_ms())
    }

    /// A reader's next events, at most so many.
    pub(crate) fn ready(&self, reader: &mut Reader, events_max: usize) -> Result<Ready, Refusal> {
        let now_ms = self.org.now_ms();
        let mut org = self.org.lock();
        reader.renew(&org, now_ms)?;
        let more = reader.pick(&org, &mut self.org.event_schemas(), events_max);
        let wanted = reader.waiting().min(events_max);
        let granted = if wanted == 0 { 0 } else { org.use_deliveries(wanted as u64, now_ms) };
        drop(org);
        if wanted > 0 && granted == 0 {
            return Err(Refusal::DeliveryLimit);
        }
        let due = reader.take(usize::try_from(granted).unwrap_or(wanted));
        let events = due.iter().map(|due| self.write(due)).collect();
        Ok(Ready { events, position: reader.position(), more })
    }

    fn write(&self, due: &Due) -> ConsumerEvent {
        let schema = &due.view.schema;
        let (id, payload) = match &due.entry {
            LogEntry::Change(event) => {
                let told = Told {
                    event,
                    record_id: due.record.and_then(|record| event.record_ids.get(record)),
                    enriched: &due.enriched,
                    hidden: &due.view.hidden,
                };
                (event_id(event.replay_id), encode_change(&told, schema))
            }
            LogEntry::Published(event) => (event.uuid.clone(), encode_published(event, schema)),
        };
        ConsumerEvent {
            event: Some(ProducerEvent {
                id,
                schema_id: schema.id.clone(),
                payload: payload.into(),
                headers: Vec::new(),
            }),
            replay_id: replay_id_bytes(due.entry.replay_id()),
        }
    }

    /// Changes the org in the name of a session, at once for all that `change` does.
    pub(crate) fn change<T>(&self, session: &Session, change: impl FnOnce(&mut Org, &WriteContext) -> T) -> T {
        let context =
            WriteContext { user_id: session.user_id.clone(), change_origin: String::new(), now_ms: self.org.now_ms() };
        self.org.change(|org| change(org, &context))
    }
}

fn position_of(org: &Org, start: &Start<'_>) -> Result<u64, Refusal> {
    match start {
        Start::Latest => Ok(org.latest_replay_id()),
        Start::Earliest => Ok(0),
        Start::After([]) => Err(Refusal::ReplayIdMissing),
        Start::After(replay_id) => {
            let position = <[u8; 8]>::try_from(*replay_id).map(u64::from_be_bytes);
            position.ok().filter(|position| org.replay_id_is_valid(*position)).ok_or(Refusal::ReplayIdCorrupted)
        }
    }
}

/// A position as clients get it.
pub(crate) fn replay_id_bytes(position: u64) -> Bytes {
    Bytes::copy_from_slice(&position.to_be_bytes())
}

/// The schema with this id, of whatever event of the org, present or past.
pub(crate) fn schema_with_id(org: &Org, schemas: &mut SchemaRegistry, schema_id: &str) -> Option<Arc<EventSchema>> {
    if let Some(schema) = schemas.with_id(schema_id) {
        return Some(schema);
    }
    // A client may know an id from before this process was started.
    let has_events = |object: &&ObjectSchema| has_change_events(object) || object.is_platform_event();
    org.objects().filter(has_events).for_each(|object| drop(schemas.schema_of(object)));
    schemas.with_id(schema_id)
}

/// A UUID that is the same whenever and to whomever the change is delivered: its position, well mixed (SplitMix64).
fn event_id(replay_id: u64) -> String {
    let mixed = |value: u64| {
        let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ value >> 31
    };
    let (high, low) = (mixed(replay_id), mixed(replay_id ^ u64::MAX));
    let bits = u128::from(high) << 64 | u128::from(low);
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}
