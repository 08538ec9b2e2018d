//! Applying: takes due work items, asks what is not known, plans, writes the differences, finishes. One worker a lane: the local
//! one never waits for a call; the remote one has one call under way, and what becomes due meanwhile goes into the next. Where
//! thousands wait, a third helps the remote one ([`bulk`]).

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use syncline_model::{
    Values,
    clock::from_ms,
    connector::{Connector, ConnectorError, ErrorKind, RecordWrite},
    id::MappingId,
    issue::{IssueKind, NewIssue},
    path::STEPS_MAX,
    record::Record,
    store::Signal,
    work::{Finish, Found, Lane, Outcome, Settlement, Work, WorkKey},
};
use tokio::{sync::Notify, time::Instant};

use crate::{
    budget::{Permit, Purpose},
    bulk,
    context::{Interrupt, OwnerContext, POLL},
    error_policy::{Action, issue, policy},
    insistence::Insistence,
    pace::Pace,
    plan::{Need, Plan, Ready, pick},
    rules::Rules,
};

/// Items that the local worker takes at once: enough to make the transaction's cost small for each, few enough to finish soon.
const LOCAL_ITEMS: u32 = 500;

/// Items due because of one record that many are associated with, which it takes when nothing else is due: few, so that what comes
/// meanwhile does not wait long.
const SPREAD_ITEMS: u32 = 200;

/// How often to look whether a call is full by now; looking at every change would cost more than it gains.
const LOOK_APART: Duration = Duration::from_millis(10);

/// Tries of an item within which an object that a call was refused about has been described anew: one and two seconds apart.
const TRIES_TILL_DESCRIBED: i32 = 2;

/// Items that a worker has taken. An item can be due in one lane while the other lane's worker still has it: it waits.
#[derive(Default)]
pub(crate) struct InFlight {
    items: Mutex<HashSet<WorkKey>>,
    /// What became due until then is the bulk worker's: the remote worker takes what is behind it.
    left_behind: Mutex<Option<Timestamp>>,
    freed: Notify,
}

impl InFlight {
    /// Takes those of the items that nobody has; they are given back when the guard is dropped.
    pub(crate) fn take(&self, work: &mut Vec<Work>) -> Taken<'_> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        work.retain(|work| items.insert(work.key.clone()));
        Taken { in_flight: self, keys: work.iter().map(|work| work.key.clone()).collect() }
    }

    /// Until the guard is dropped, the remote worker leaves alone what became due at that time or earlier.
    pub(crate) fn leave_behind(&self, until: Timestamp) -> LeftBehind<'_> {
        *self.left_behind.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        LeftBehind(self)
    }

    fn behind(&self) -> Option<Timestamp> {
        *self.left_behind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct LeftBehind<'a>(&'a InFlight);

impl Drop for LeftBehind<'_> {
    fn drop(&mut self) {
        *self.0.left_behind.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

pub(crate) struct Taken<'a> {
    in_flight: &'a InFlight,
    keys: Vec<WorkKey>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // A worker hears its own bell too: ringing for nothing would make one that has nothing to do look again without end.
        if self.keys.is_empty() {
            return;
        }
        let mut items = self.in_flight.items.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            items.remove(key);
        }
        self.in_flight.freed.notify_waiters();
    }
}

/// Who works on the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hand {
    /// Does what needs no call.
    Local,
    /// Does what needs calls.
    Remote,
    /// Does what needs calls where thousands of items wait for them.
    Bulk,
}

/// Works on items until that ends.
pub(crate) async fn run(
    context: &OwnerContext,
    connector: &dyn Connector,
    in_flight: &InFlight,
    hand: Hand,
) -> Interrupt {
    let mut worker =
        Worker { context, connector, in_flight, pace: Pace::default(), insistence: Insistence::default(), failures: 0 };
    let mut seen = 0;
    loop {
        let freed = in_flight.freed.notified();
        let round = match hand {
            Hand::Local => worker.local_round().await,
            Hand::Remote => worker.remote_round().await,
            Hand::Bulk => bulk::round(&mut worker).await,
        };
        match round {
            Ok(true) => worker.failures = 0,
            Ok(false) => tokio::select! {
                now = context.options.store.wait(Signal::Work, seen) => seen = now,
                () = freed => {}
                () = tokio::time::sleep(POLL) => {}
            },
            Err(why) => {
                if let Err(why) = context.recover(why, worker.failures, "syncing").await {
                    return why;
                }
                worker.failures += 1;
            }
        }
    }
}

pub(crate) struct Worker<'a> {
    pub(crate) context: &'a OwnerContext,
    pub(crate) connector: &'a dyn Connector,
    pub(crate) in_flight: &'a InFlight,
    pace: Pace,
    insistence: Insistence,
    failures: u32,
}

impl Worker<'_> {
    /// Settles what can be settled with what is held. Tells whether there was anything.
    async fn local_round(&mut self) -> Result<bool, Interrupt> {
        let store = &self.context.options.store;
        let mut works = store.due_work(&self.context.lease, Lane::Local, None, LOCAL_ITEMS).await?;
        if works.is_empty() {
            works = store.due_work(&self.context.lease, Lane::Spread, None, SPREAD_ITEMS).await?;
        }
        let _taken = self.in_flight.take(&mut works);
        if works.is_empty() {
            return Ok(false);
        }
        let rules = self.rules().await?;
        works.retain(|work| rules.mappings.contains_key(&work.key.mapping_id));
        let rivals = self.rivals(&rules, &works).await?;
        let finished = works.iter().map(|work| {
            let outcome = match self.plan_among(&rules, work, &rivals) {
                Plan::Ready(Ready { attributes, write: None, sources, unlink, dissociated, issues }) => {
                    let rest = Settlement::default();
                    Outcome::Settled(Settlement { attributes, sources, unlink, dissociated, issues, ..rest })
                }
                Plan::Ready(_) | Plan::Needs(_) => Outcome::NeedsCall,
            };
            Finish { key: work.key.clone(), generation: work.generation, outcome }
        });
        let finished: Vec<_> = finished.collect();
        metrics::counter!("syncline_items_finished_total", "lane" => "local").increment(finished.len() as u64);
        store.finish(&self.context.lease, finished).await?;
        Ok(true)
    }

    /// Settles what needs calls. Tells whether there was anything.
    async fn remote_round(&mut self) -> Result<bool, Interrupt> {
        if !self.wait_for_turn().await? {
            return Ok(false);
        }
        let store = &self.context.options.store;
        let limit = u32::try_from(self.connector.max_writes()).unwrap_or(u32::MAX);
        let behind = self.in_flight.behind();
        let mut works = store.due_work(&self.context.lease, Lane::Remote, behind, limit).await?;
        let _taken = self.in_flight.take(&mut works);
        if works.is_empty() {
            return Ok(false);
        }
        self.pace.called(Instant::now(), works.len());
        self.work_off(works, "remote").await?;
        Ok(true)
    }

    /// Asks what is not known of the items, plans, writes and finishes.
    pub(crate) async fn work_off(&mut self, mut works: Vec<Work>, lane: &'static str) -> Result<(), Interrupt> {
        let mut rules = self.rules().await?;
        works.retain(|work| rules.mappings.contains_key(&work.key.mapping_id));

        let mut failed = HashMap::new();
        self.describe_unknown(&mut rules, &works, &mut failed).await?;
        self.search(&mut rules, &mut works, &mut failed).await?;
        self.read(&mut rules, &mut works, &mut failed).await?;
        self.read_associated(&mut rules, &mut works, &mut failed).await?;
        let finished = self.write(&rules, &works, failed).await?;
        metrics::counter!("syncline_items_finished_total", "lane" => lane).increment(finished.len() as u64);
        for some in parts(finished) {
            self.context.options.store.finish(&self.context.lease, some).await?;
        }
        Ok(())
    }

    /// Whether anything is left of the calls that Syncline may make; says so where nothing is.
    pub(crate) async fn may_call(&self) -> Result<bool, Interrupt> {
        let (context, time) = (self.context, self.context.now());
        let spent = match context.spending.permit(Purpose::Live, time) {
            Permit::Stop(until) => Some(context.spending.words(until, time)),
            Permit::Go | Permit::Wait(_) => None,
        };
        let may_call = spent.is_none();
        context.say_spent(spent).await?;
        Ok(may_call)
    }

    /// Waits until a call may start. Tells whether there is anything due.
    async fn wait_for_turn(&mut self) -> Result<bool, Interrupt> {
        let store = &self.context.options.store;
        let full = self.connector.max_writes();
        let limit = u32::try_from(full).unwrap_or(u32::MAX);
        loop {
            let waiting = store
                .count_due(self.context.connection.id, Lane::Remote, self.in_flight.behind(), limit)
                .await? as usize;
            if waiting == 0 {
                return Ok(false);
            }
            if !self.may_call().await? {
                return Ok(false);
            }
            let now = Instant::now();
            let start = self.pace.next_start(now, waiting, full);
            if start <= now {
                return Ok(true);
            }
            tokio::time::sleep((start - now).min(LOOK_APART)).await;
        }
    }

    /// Learns what objects look like that a new mapping names or that its paths lead to.
    async fn describe_unknown(
        &self,
        rules: &mut Arc<Rules>,
        works: &[Work],
        failed: &mut Failed,
    ) -> Result<(), Interrupt> {
        let used: HashSet<_> = works.iter().map(|work| work.key.mapping_id).collect();
        for mapping in used.iter().map(|id| &rules.mappings[id]) {
            if self.schema(mapping).is_none() {
                match self.context.describe(self.connector, &mapping.definition.salesforce).await {
                    Ok(()) => {}
                    Err(Interrupt::Connector(error)) if concerns_items(&error) => {
                        let of_mapping = works.iter().filter(|work| work.key.mapping_id == mapping.id);
                        failed.extend(of_mapping.map(|work| (work.key.clone(), error.clone())));
                    }
                    Err(why) => return Err(why),
                }
            }
        }
        if !rules.interest.undescribed().is_empty() {
            self.context.describe_used(self.connector, &self.context.stored_rules().await?.mappings).await?;
            *rules = self.rules().await?;
        }
        Ok(())
    }

    /// Looks up the records of profiles whose record is not known, many keys in a call.
    async fn search(
        &self,
        rules: &mut Arc<Rules>,
        works: &mut Vec<Work>,
        failed: &mut Failed,
    ) -> Result<(), Interrupt> {
        let mut sought: BTreeMap<MappingId, Vec<&Work>> = BTreeMap::new();
        for work in works.iter().filter(|work| !failed.contains_key(&work.key)) {
            if self.plan(rules, work) == Plan::Needs(Need::Search) {
                sought.entry(work.key.mapping_id).or_default().push(work);
            }
        }
        if sought.is_empty() {
            return Ok(());
        }
        let mut found = Vec::new();
        for (id, works) in sought {
            let definition = &rules.mappings[&id].definition;
            let rule = &definition.match_rule;
            let mut keys: Vec<_> =
                works.iter().filter_map(|work| work.match_key.as_ref()).map(ToString::to_string).collect();
            keys.sort_unstable();
            keys.dedup();
            let fields = self.fields(rules, &definition.salesforce);
            let records = match self.connector.find(&definition.salesforce, &rule.salesforce, &keys, &fields).await {
                Ok(records) => records,
                Err(error) if concerns_items(&error) => {
                    self.context.note_refusal(&definition.salesforce, &error);
                    failed.extend(works.iter().map(|work| (work.key.clone(), error.clone())));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let by_key = pick(rule, definition.duplicates, records);
            found.extend(works.iter().filter_map(|work| {
                let match_key = work.match_key.clone()?;
                let (candidates, record) = by_key.get(&match_key).cloned().unwrap_or_default();
                let held = work.record.as_ref().filter(|held| record.as_ref().is_some_and(|found| found.id == held.id));
                let asked_at = held.map(|held| held.revision);
                Some(Found { key: work.key.clone(), match_key, candidates, record, asked_at })
            }));
        }
        for some in parts(found) {
            self.context.options.store.record_found(&self.context.lease, some).await?;
        }
        self.reload(rules, works, failed).await
    }

    /// Reads linked records whose copy is stale or lacks fields, many in a call.
    async fn read(&self, rules: &mut Arc<Rules>, works: &mut Vec<Work>, failed: &mut Failed) -> Result<(), Interrupt> {
        let mut wanted: BTreeMap<&str, BTreeMap<String, i64>> = BTreeMap::new();
        for work in works.iter().filter(|work| !failed.contains_key(&work.key)) {
            if let (Plan::Needs(Need::Read), Some(record)) = (self.plan(rules, work), &work.record) {
                let object = rules.mappings[&work.key.mapping_id].definition.salesforce.as_str();
                // The same copy may come with several items; what all of them have seen is the oldest of it.
                let revision = wanted.entry(object).or_default().entry(record.id.clone()).or_insert(record.revision);
                *revision = record.revision.min(*revision);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        for (object, asked) in wanted {
            let ids: Vec<_> = asked.keys().cloned().collect();
            let fields = self.fields(rules, object);
            match self.connector.read(object, &ids, &fields).await {
                Ok(records) => self.keep_reads(object, asked, records).await?,
                Err(error) if concerns_items(&error) => {
                    self.context.note_refusal(object, &error);
                    let of_object = works
                        .iter()
                        .filter(|work| rules.mappings[&work.key.mapping_id].definition.salesforce == object);
                    failed.extend(of_object.map(|work| (work.key.clone(), error.clone())));
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.reload(rules, works, failed).await
    }

    /// Reads the records that linked ones are associated with, step by step along the mappings' paths; one read for all items.
    async fn read_associated(
        &self,
        rules: &mut Arc<Rules>,
        works: &mut Vec<Work>,
        failed: &mut Failed,
    ) -> Result<(), Interrupt> {
        // Each step of a path is first noted, so that its news is taken in from then on, and then read.
        for _ in 0..2 * STEPS_MAX {
            let mut noted = Vec::new();
            let mut wanted: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
            let mut waiting: BTreeMap<String, Vec<WorkKey>> = BTreeMap::new();
            for work in works.iter().filter(|work| !failed.contains_key(&work.key)) {
                let Plan::Needs(Need::Associated { unknown, unread }) = self.plan(rules, work) else { continue };
                if !unknown.is_empty() {
                    noted.push((work.key.clone(), unknown.into_iter().collect()));
                }
                for (object, id) in unread {
                    waiting.entry(object.clone()).or_default().push(work.key.clone());
                    let revision = work.associated.get(&(object.clone(), id.clone())).map_or(0, |held| held.revision);
                    let asked = wanted.entry(object).or_default().entry(id).or_insert(revision);
                    *asked = revision.min(*asked);
                }
            }
            if noted.is_empty() && wanted.is_empty() {
                return Ok(());
            }
            let (store, lease) = (&self.context.options.store, &self.context.lease);
            for some in parts(noted) {
                store.associate(lease, some).await?;
            }
            for (object, asked) in wanted {
                let ids: Vec<_> = asked.keys().cloned().collect();
                let fields = self.fields(rules, &object);
                match self.connector.read(&object, &ids, &fields).await {
                    Ok(records) => self.keep_reads(&object, asked, records).await?,
                    Err(error) if concerns_items(&error) => {
                        self.context.note_refusal(&object, &error);
                        let waiting = waiting.remove(&object).unwrap_or_default();
                        failed.extend(waiting.into_iter().map(|key| (key, error.clone())));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            self.reload(rules, works, failed).await?;
        }
        Ok(())
    }

    async fn keep_reads(
        &self,
        object: &str,
        asked: BTreeMap<String, i64>,
        records: Vec<Record>,
    ) -> Result<(), Interrupt> {
        let mut read: HashMap<_, _> = records.into_iter().map(|record| (record.id.clone(), record)).collect();
        for asked in parts(asked.into_iter().collect()) {
            let read = asked.iter().filter_map(|(id, _)| read.remove(id)).collect();
            self.context.options.store.record_reads(&self.context.lease, object, &asked, read).await?;
        }
        Ok(())
    }

    /// Fields of an object that copies must have and that the connected user can see; one that is not there would make the whole call
    /// fail. All of them, whoever asks: a read clears all doubt about a copy, so it must have looked at all of it.
    fn fields(&self, rules: &Rules, object: &str) -> Vec<String> {
        let schema = self.context.schema(object);
        let needed = rules.interest.fields(object).into_iter().flatten();
        needed.filter(|name| schema.as_ref().is_none_or(|schema| schema.field(name).is_some())).cloned().collect()
    }

    /// Takes the items as they are by now, and the rules after them: an item that was marked again meanwhile because its rules changed
    /// would be taken off by the old ones. What failed stays as it was when it did, so that a mark since then has it tried again.
    async fn reload(&self, rules: &mut Arc<Rules>, works: &mut Vec<Work>, failed: &Failed) -> Result<(), Interrupt> {
        let (ended, going_on): (Vec<_>, Vec<_>) = works.drain(..).partition(|work| failed.contains_key(&work.key));
        let keys: Vec<_> = going_on.into_iter().map(|work| work.key).collect();
        *works = self.context.options.store.reload_work(&self.context.lease, &keys).await?;
        works.extend(ended);
        *rules = self.rules().await?;
        works.retain(|work| rules.mappings.contains_key(&work.key.mapping_id));
        Ok(())
    }

    /// Writes the differences, all items' in one call, and says what became of each item.
    async fn write(&mut self, rules: &Rules, works: &[Work], failed: Failed) -> Result<Vec<Finish>, Interrupt> {
        let rivals = self.rivals(rules, works).await?;
        let mut prepared: Vec<Result<Ready, Outcome>> = Vec::with_capacity(works.len());
        for work in works {
            prepared.push(match (failed.get(&work.key), self.plan_among(rules, work, &rivals)) {
                (Some(error), _) if may_look_otherwise(error, work) => Err(self.retry(work)),
                (Some(error), _) => Err(refused(error, work)),
                // News came while the call was under way; the next round asks again.
                (None, Plan::Needs(_)) => Err(self.retry_soon(work)),
                (None, Plan::Ready(ready)) => Ok(self.without_insisting(ready)),
            });
        }
        let plans: Vec<&Ready> = prepared.iter().filter_map(|prepared| prepared.as_ref().ok()).collect();
        let results = self.send(&plans).await?;
        self.note_gone(works, &results).await?;
        let finished = works.iter().zip(prepared).map(|(work, prepared)| {
            let outcome = prepared.map_or_else(|outcome| outcome, |ready| self.settle(work, ready, &results));
            Finish { key: work.key.clone(), generation: work.generation, outcome }
        });
        Ok(finished.collect())
    }

    /// Takes out of a plan what was written several times already and undone by somebody each time.
    fn without_insisting(&self, mut ready: Ready) -> Ready {
        let Some(write) = &mut ready.write else { return ready };
        write.values.retain(|field, value| {
            let enough = self.insistence.is_enough(&write.id, field, value);
            if enough {
                ready.issues.push(NewIssue {
                    kind: IssueKind::FieldRejected,
                    record_id: Some(write.id.clone()),
                    field: Some(field.clone()),
                    code: String::new(),
                    cause: "Something in the org changes the field back each time Syncline writes it.".to_owned(),
                    remedy: "Find the trigger, flow or integration that writes this field, or take the field out of the mapping.".to_owned(),
                });
            }
            !enough
        });
        if write.values.is_empty() {
            ready.write = None;
        }
        ready
    }

    /// Sends all writes. A field that is refused is left out and the record's others are sent again, until what is left is taken.
    async fn send(&self, plans: &[&Ready]) -> Result<Results, Interrupt> {
        // Two items may write to one record; a call may name a record once.
        let mut writes: BTreeMap<(String, String), Values> = BTreeMap::new();
        for write in plans.iter().filter_map(|ready| ready.write.as_ref()) {
            let values = writes.entry((write.object.clone(), write.id.clone())).or_default();
            values.extend(write.values.clone());
        }
        let mut unsent: Vec<_> =
            writes.into_iter().map(|((object, id), values)| RecordWrite { object, id, values }).collect();
        let mut results = Results::new();
        while !unsent.is_empty() {
            for (write, outcome) in self.send_call(std::mem::take(&mut unsent)).await? {
                let result = results.entry(write.id.clone()).or_default();
                match outcome {
                    Ok(()) => result.taken = write.values,
                    Err(error) => {
                        self.context.note_refusal(&write.object, &error);
                        unsent.extend(without_refused(&write, &error));
                        result.errors.push(error);
                    }
                }
            }
        }
        Ok(results)
    }

    /// Records that a write did not find: their copies are gone, so that the next round looks for who takes over.
    async fn note_gone(&self, works: &[Work], results: &Results) -> Result<(), Interrupt> {
        let mut gone: BTreeMap<&str, BTreeMap<String, i64>> = BTreeMap::new();
        for record in works.iter().filter_map(|work| work.record.as_ref()) {
            let mut errors = results.get(&record.id).into_iter().flat_map(|result| &result.errors);
            if errors.any(|error| policy(error.kind).action == Action::ReadAgain) {
                gone.entry(&record.object).or_default().insert(record.id.clone(), record.revision);
            }
        }
        for (object, asked) in gone {
            let asked: Vec<_> = asked.into_iter().collect();
            self.context.options.store.record_reads(&self.context.lease, object, &asked, Vec::new()).await?;
        }
        Ok(())
    }

    async fn send_call(
        &self,
        writes: Vec<RecordWrite>,
    ) -> Result<Vec<(RecordWrite, Result<(), ConnectorError>)>, Interrupt> {
        let mut outcomes = Vec::with_capacity(writes.len());
        let many = self.connector.many_writes();
        let size = if writes.len() < many.start { self.connector.max_writes() } else { many.end };
        for call in writes.chunks(size.max(1)) {
            let sent = if call.len() <= self.connector.max_writes() {
                self.connector.write(call).await
            } else {
                self.connector.write_many(call).await
            };
            match sent {
                Ok(results) => outcomes.extend(results),
                Err(error) if concerns_items(&error) => outcomes.extend(call.iter().map(|_| Err(error.clone()))),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(writes.into_iter().zip(outcomes).collect())
    }

    fn settle(&mut self, work: &Work, ready: Ready, results: &Results) -> Outcome {
        let mut settlement = Settlement {
            attributes: ready.attributes,
            sources: ready.sources,
            unlink: ready.unlink,
            dissociated: ready.dissociated,
            issues: ready.issues,
            record_revision: work.record.as_ref().map_or(0, |record| record.revision),
            ..Settlement::default()
        };
        let Some(write) = ready.write else { return Outcome::Settled(settlement) };
        let Some(result) = results.get(&write.id) else { return self.retry_soon(work) };
        for error in &result.errors {
            match policy(error.kind).action {
                Action::Issue(_) => settlement = with_issue(settlement, error, &write),
                Action::ReadAgain => return self.retry_soon(work),
                _ => return self.retry(work),
            }
        }
        settlement.written = write.values.into_iter().filter(|(name, _)| result.taken.contains_key(name)).collect();
        for (field, value) in &settlement.written {
            self.insistence.wrote(&write.id, field, value);
        }
        Outcome::Settled(settlement)
    }

    fn retry(&self, work: &Work) -> Outcome {
        self.retry_after(self.context.options.tempo.backoff(u32::try_from(work.attempts).unwrap_or(0)))
    }

    /// At once the first time, then like any other: what keeps asking for one more look must not cost a call each time.
    fn retry_soon(&self, work: &Work) -> Outcome {
        if work.attempts == 0 { self.retry_after(Duration::ZERO) } else { self.retry(work) }
    }

    fn retry_after(&self, wait: Duration) -> Outcome {
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        Outcome::Retry { at: from_ms(self.context.options.clock.now().as_millisecond() + wait_ms) }
    }
}

/// What is kept in one transaction: others want to write too.
fn parts<T>(all: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut all = all.into_iter();
    std::iter::from_fn(move || {
        let some: Vec<T> = all.by_ref().take(LOCAL_ITEMS as usize).collect();
        (!some.is_empty()).then_some(some)
    })
}

/// Items whose look-up or read was refused.
type Failed = HashMap<WorkKey, ConnectorError>;

/// What became of each record that was written, by id.
type Results = HashMap<String, WriteResult>;

#[derive(Default)]
struct WriteResult {
    /// What it was refused for, each time with fewer fields.
    errors: Vec<ConnectorError>,
    /// The values that Salesforce took.
    taken: Values,
}

/// The same without the fields that were refused, if anything was refused for its fields and anything is left.
fn without_refused(write: &RecordWrite, error: &ConnectorError) -> Option<RecordWrite> {
    let is_refused = |name: &str| error.fields.iter().any(|field| field.eq_ignore_ascii_case(name));
    let mut rest = write.clone();
    rest.values.retain(|name, _| !is_refused(name));
    let is_refusal = matches!(policy(error.kind).action, Action::Issue(_));
    (is_refusal && !rest.values.is_empty() && rest != *write).then_some(rest)
}

/// Whether a call failed because of what it was about, as against the line, the org's limits or the grant.
fn concerns_items(error: &ConnectorError) -> bool {
    matches!(policy(error.kind).action, Action::Issue(_) | Action::ReadAgain)
}

/// Whether a look-up or read was refused for what the object was taken to look like, and the item was not tried by a later description
/// yet. (A write is refused field by field, and what is left of it is done.)
fn may_look_otherwise(error: &ConnectorError, work: &Work) -> bool {
    error.kind == ErrorKind::SchemaChanged && work.attempts < TRIES_TILL_DESCRIBED
}

fn refused(error: &ConnectorError, work: &Work) -> Outcome {
    let kind = match policy(error.kind).action {
        Action::Issue(kind) => kind,
        _ => IssueKind::RecordRejected,
    };
    let record_id = work.record.as_ref().map(|record| record.id.as_str());
    let issue = issue(kind, error, record_id, error.fields.first().map(String::as_str));
    Outcome::Settled(Settlement { issues: vec![issue], ..Settlement::default() })
}

fn with_issue(mut settlement: Settlement, error: &ConnectorError, write: &RecordWrite) -> Settlement {
    if let Action::Issue(kind) = policy(error.kind).action {
        let fields: Vec<_> = error.fields.iter().map(|field| Some(field.as_str())).collect();
        let fields = if fields.is_empty() { vec![None] } else { fields };
        settlement.issues.extend(fields.into_iter().map(|field| issue(kind, error, Some(&write.id), field)));
    }
    settlement
}
