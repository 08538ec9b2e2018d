//! One subscriber's way through the event log: what it is due to get, by its topic, its channel's members and its permissions.
//!
//! Picks under the org's lock; writes and sends nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::watch;

use super::fault::EventFaults;
use super::refusal::Refusal;
use super::schema::{EventSchema, SchemaRegistry};
use crate::Faults;
use crate::core::channel::{Member, RunState, Selection, Topic};
use crate::core::oauth::Session;
use crate::core::{
    Access, ChangeType, CommittedEvent, FieldIndex, FieldRef, FieldValue, LogEntry, ObjectSchema, Org, Row,
};

/// Entries looked at in one go, so that a subscriber that is due few of them does not hold the org up.
const LOOKED_AT_MAX: usize = 10_000;

/// How an object's events are written for one subscriber.
#[derive(Debug)]
pub(super) struct View {
    version: u32,
    pub(super) schema: Arc<EventSchema>,
    /// By the field's position: whether the subscriber may not read it.
    pub(super) hidden: Vec<bool>,
}

/// An event to deliver.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) entry: LogEntry,
    /// The one of its records that it is told of, if it is told of them one by one.
    pub(super) record: Option<usize>,
    pub(super) enriched: Vec<(FieldIndex, FieldValue)>,
    pub(super) view: Arc<View>,
}

/// A subscriber in the log.
pub(crate) struct Reader {
    topic: Topic,
    access_token: String,
    user_id: String,
    managed_id: Option<String>,
    faults: watch::Receiver<Faults>,
    access: Option<(Arc<Access>, i64)>,
    views: HashMap<String, Arc<View>>,
    /// Replay id up to which everything was picked.
    picked: u64,
    /// Replay id up to which everything was taken.
    taken: u64,
    /// What is committed before this time is missed.
    deaf_until_ms: i64,
    waiting: VecDeque<Due>,
    /// Events picked so far, for the faults that meet every so many-th.
    count: u64,
}

impl Reader {
    pub(super) fn new(session: &Session, topic: Topic, position: u64, faults: watch::Receiver<Faults>) -> Reader {
        Reader {
            topic,
            access_token: session.access_token.clone(),
            user_id: session.user_id.clone(),
            managed_id: None,
            faults,
            access: None,
            views: HashMap::new(),
            picked: position,
            taken: position,
            deaf_until_ms: i64::MIN,
            waiting: VecDeque::new(),
            count: 0,
        }
    }

    pub(super) fn managed(mut self, id: &str) -> Reader {
        self.managed_id = Some(id.to_owned());
        self
    }

    /// Leaves out what is committed before a time.
    pub(super) fn miss_until(&mut self, time_ms: i64) {
        self.deaf_until_ms = time_ms;
    }

    /// Events that were picked and not taken.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes picked events, the first of them.
    pub(super) fn take(&mut self, count: usize) -> Vec<Due> {
        let due: Vec<Due> = self.waiting.drain(..count.min(self.waiting.len())).collect();
        self.taken = match (self.waiting.is_empty(), due.last()) {
            (true, _) => self.picked,
            (false, Some(last)) => last.entry.replay_id(),
            (false, None) => self.taken,
        };
        due
    }

    /// Replay id up to which the subscriber has everything.
    pub(super) fn position(&self) -> u64 {
        self.taken
    }

    /// Looks again whether the subscriber may still read.
    pub(super) fn renew(&mut self, org: &Org, now_ms: i64) -> Result<(), Refusal> {
        let faults = self.event_faults();
        if faults.unavailable {
            return Err(Refusal::Unavailable);
        }
        org.session(&self.access_token, now_ms).ok_or(Refusal::Authentication)?;
        if let Some(id) = &self.managed_id {
            let managed = org.managed_subscription(id, "").ok_or(Refusal::UnknownManagedSubscription)?;
            if managed.definition.state == RunState::Stop {
                return Err(Refusal::ManagedSubscriptionStopped);
            }
        }
        if self.access.as_ref().is_some_and(|(_, until_ms)| now_ms < *until_ms) {
            return Ok(());
        }
        let access = org.access(&self.user_id, now_ms);
        if !org.may_subscribe(&access, &self.topic) {
            return Err(Refusal::NoAccess);
        }
        if self.access.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, &access)) {
            self.views.clear();
        }
        self.access = Some((access, now_ms + i64::from(faults.permission_cache_ms)));
        Ok(())
    }

    fn event_faults(&self) -> EventFaults {
        self.faults.borrow().events.clone()
    }

    /// Picks events until so many wait or the log ends; whether it did not end.
    pub(super) fn pick(&mut self, org: &Org, schemas: &mut SchemaRegistry, events_max: usize) -> bool {
        let faults = self.event_faults();
        let Some((access, _)) = self.access.clone() else { return false };
        for (looked_at, entry) in org.log.after(Some(self.picked)).enumerate() {
            if self.waiting.len() >= events_max || looked_at == LOOKED_AT_MAX {
                return true;
            }
            self.picked = entry.replay_id();
            if entry.at_ms() < self.deaf_until_ms {
                continue;
            }
            let Some(object) = org.object(entry.object()) else { continue };
            let Some(selection) = org.selected(&access, &self.topic, object) else { continue };
            let view = self.view(schemas, &access, object, &faults);
            let from = self.waiting.len();
            self.pick_entry(org, entry, selection, &view);
            if self.waiting.len() > from {
                self.count += 1;
                if faults.duplicate_every > 0 && self.count.is_multiple_of(faults.duplicate_every) {
                    let again: Vec<Due> = self.waiting.range(from..).cloned().collect();
                    self.waiting.extend(again);
                }
            }
        }
        self.picked = org.latest_replay_id().max(self.picked);
        false
    }

    fn pick_entry(&mut self, org: &Org, entry: &LogEntry, selection: Selection<'_>, view: &Arc<View>) {
        let mut push = |record, enriched| {
            self.waiting.push_back(Due { entry: entry.clone(), record, enriched, view: view.clone() });
        };
        match (entry, selection) {
            (_, Selection::Whole) => push(None, Vec::new()),
            (LogEntry::Published(event), Selection::Member(member)) => {
                let value_of = |field| value_in(&event.values, field).unwrap_or_default();
                if member.filter.as_ref().is_none_or(|filter| filter.holds(&value_of)) {
                    push(None, Vec::new());
                }
            }
            (LogEntry::Change(event), Selection::Member(member)) => match event.change_type {
                ChangeType::Update | ChangeType::Delete if !member.enriched.is_empty() => {
                    // What is added is each record's own, so records told together are told one by one.
                    for (at, record_id) in event.record_ids.iter().enumerate() {
                        let row = org.record(record_id).map(|(_, row)| row);
                        if passes(member, event, row) {
                            push(Some(at), enriched(member, event, row));
                        }
                    }
                }
                ChangeType::Create | ChangeType::Undelete if !passes(member, event, None) => {}
                _ => push(None, Vec::new()),
            },
        }
    }

    fn view(
        &mut self,
        schemas: &mut SchemaRegistry,
        access: &Access,
        object: &ObjectSchema,
        faults: &EventFaults,
    ) -> Arc<View> {
        let known = self.views.get(&object.name).filter(|view| view.version == object.version);
        let view = known.cloned().unwrap_or_else(|| {
            let hidden = (0..object.width()).map(|index| is_hidden(access, object, index)).collect();
            let schema = schemas.schema_of(object);
            let view = Arc::new(View { version: object.version, schema, hidden });
            self.views.insert(object.name.clone(), view.clone());
            view
        });
        let is_late = faults.old_schema_every > 0 && (self.count + 1).is_multiple_of(faults.old_schema_every);
        match schemas.past_schema_of(object).filter(|_| is_late) {
            Some(schema) => Arc::new(View { version: view.version, schema, hidden: view.hidden.clone() }),
            None => view,
        }
    }
}

fn is_hidden(access: &Access, object: &ObjectSchema, index: usize) -> bool {
    FieldIndex::try_from(index).is_ok_and(|index| !access.sees(object, index))
}

fn value_in(values: &[(FieldIndex, FieldValue)], field: FieldIndex) -> Option<FieldRef<'_>> {
    values.iter().find(|(own, _)| *own == field).map(|(_, value)| value.as_field_ref())
}

/// Whether a record's change fulfils the member's filter: by what changed, and by what the record is now for the rest.
fn passes(member: &Member, event: &CommittedEvent, row: Option<&Row>) -> bool {
    let Some(filter) = &member.filter else { return true };
    let now = |field| row.map_or(FieldValue::Null, |row| row.get(field));
    filter.holds(&|field| {
        if event.nulled.contains(&field) {
            return FieldValue::Null;
        }
        value_in(&event.values, field).filter(|_| !event.diffed.contains(&field)).unwrap_or_else(|| now(field))
    })
}

/// What the member adds to a record's change, as the record is now.
fn enriched(member: &Member, event: &CommittedEvent, row: Option<&Row>) -> Vec<(FieldIndex, FieldValue)> {
    let added = member.enriched.iter().filter(|field| !event.nulled.contains(field));
    let valued = added.filter_map(|field| Some((*field, row?.get(*field).to_value())));
    valued.filter(|(_, value)| !value.is_null()).collect()
}
