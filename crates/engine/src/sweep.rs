//! Sweeps: asks what changed, whatever the stream said: of all objects every quarter of an hour, and of those that the stream does not
//! tell of in between, as often as the budget allows. [`Schedule`] (pure) says what to ask when; the mark of each object is the org's own time of
//! its last sweep, so that going from the stream to asking and back leaves no gap.
//!
//! Each question reaches back behind the last one, because a transaction commits with the stamps of its beginning. What comes
//! twice by that is known by its values and costs nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use syncline_model::{
    change::{Position, RecordedChanges},
    connector::{ChangedObject, Connector, Since},
    feed::{FeedWay, NewestChange},
    mapping::ObjectMapping,
    record::Record,
    schema::ObjectSchema,
};
use tokio::time::Instant;

use crate::{
    budget::{Permit, Purpose},
    context::{Interrupt, OwnerContext, POLL},
    error_policy::{Action, Rest, policy, words},
    interest::Interest,
    listen::match_key,
    tempo::Tempo,
};

/// Salesforce knows what was deleted for 15 days; who has not asked for longer has missed some, and all is read again.
const MARK_LIFE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Records in one transaction of the store, so that none of them is long.
const AT_ONCE: usize = 1_000;
/// Records of the last answer that are remembered for each object; beyond it they are taken in twice.
const REMEMBERED: usize = 10_000;
/// A stamp this old by the org's clock will not be given to another change: both are in whole seconds.
const MOMENT: SignedDuration = SignedDuration::from_secs(2);
/// Troubles in a row before an administrator is told: most pass.
const PASSING: u32 = 3;

/// Asks what changed until that ends.
pub(crate) async fn run(context: &OwnerContext, connector: &dyn Connector) -> Interrupt {
    let mut sweeper = Sweeper { context, connector, schedule: Schedule::default(), seen: HashMap::new() };
    let mut ways = context.feeds.ways();
    let mut failures = 0;
    loop {
        match sweeper.round().await {
            Ok(next) => {
                failures = 0;
                tokio::select! {
                    () = tokio::time::sleep_until(next.min(Instant::now() + POLL)) => {}
                    _ = ways.changed() => {}
                }
            }
            Err(why) => {
                if let Err(why) = context.recover(why, failures, "asking for changes").await {
                    return why;
                }
                failures += 1;
            }
        }
    }
}

struct Sweeper<'a> {
    context: &'a OwnerContext,
    connector: &'a dyn Connector,
    schedule: Schedule,
    /// What the last answer said of each object.
    seen: HashMap<String, Seen>,
}

#[derive(Default)]
struct Seen {
    records: HashMap<String, Record>,
    gone: HashSet<String>,
}

impl Sweeper<'_> {
    /// Asks what is due to be asked. Gives when the next question is.
    async fn round(&mut self) -> Result<Instant, Interrupt> {
        let (context, tempo) = (self.context, &self.context.options.tempo);
        let rules = context.stored_rules().await?;
        let interest = context.interest(&rules.mappings);
        self.know(&interest).await?;
        let now = context.now();
        if let Permit::Stop(_) = context.spending.permit(Purpose::Sweep, now) {
            return Ok(Instant::now() + POLL);
        }
        let interval = context.spending.question_interval(tempo, now);
        let ways = context.feeds.ways().borrow().clone();
        self.schedule.follow(&ways);
        let polled = ways.into_iter().filter(|(_, way)| *way == FeedWay::Polling).map(|(object, _)| object).collect();
        let questions = self.schedule.due(Instant::now(), now, &polled, interval, tempo);
        let mut asked = Vec::with_capacity(questions.len());
        for question in questions {
            if let Some(since) = self.ask_for(&interest, &question).await? {
                asked.push((question, since));
            }
        }
        if !asked.is_empty() {
            let sinces: Vec<_> = asked.iter().map(|(_, since)| since.clone()).collect();
            let began = Instant::now();
            let changed = self.connector.changed_since(&sinces).await?;
            for ((question, _), answer) in asked.into_iter().zip(changed.objects) {
                match answer {
                    Ok(answer) => {
                        let more_from = answer.more_from;
                        let taken = self
                            .take_in((&rules.mappings, &interest), &question, answer, changed.asked_at, &polled)
                            .await;
                        if let Err(why) = taken {
                            // It will be answered again, and must not look known then.
                            self.seen.remove(&question.object);
                            return Err(why);
                        }
                        self.schedule.answered(&question, began, changed.asked_at, more_from);
                        context.feeds.set_trouble(&question.object, None);
                    }
                    Err(error) => {
                        let action = policy(error.kind).action;
                        if matches!(action, Action::Reconnect | Action::Rest(Rest::Rate | Rest::Quota)) {
                            return Err(error.into());
                        }
                        context.note_refusal(&question.object, &error);
                        let failures = self.schedule.failed(&question.object, Instant::now(), action, tempo);
                        if action != Action::Retry || failures >= PASSING {
                            context.feeds.set_trouble(&question.object, Some(words(&error).to_string()));
                        }
                    }
                }
            }
        }
        Ok(self.schedule.next(Instant::now(), &polled, interval, tempo))
    }

    /// Keeps the schedule to the objects that matter, each with the mark that it was left with.
    async fn know(&mut self, interest: &Interest) -> Result<(), Interrupt> {
        let store = &self.context.options.store;
        let objects: BTreeSet<&str> = interest.objects().collect();
        self.schedule.objects.retain(|object, _| objects.contains(object.as_str()));
        self.seen.retain(|object, _| objects.contains(object.as_str()));
        for object in objects {
            if !self.schedule.objects.contains_key(object) {
                let mark = store.position(self.context.connection.id, &stream_of(object)).await?;
                let mark = mark.and_then(|mark| String::from_utf8(mark.0).ok()?.parse().ok());
                self.schedule.objects.insert(object.to_owned(), Marks { mark, ..Marks::default() });
            }
        }
        Ok(())
    }

    /// The question in full; `None` where the object is not to be seen.
    async fn ask_for(&mut self, interest: &Interest, question: &Question) -> Result<Option<Since>, Interrupt> {
        let (context, object) = (self.context, &question.object);
        if context.schema(object).is_none() {
            match context.describe(self.connector, object).await {
                Ok(()) => {}
                Err(Interrupt::Connector(error)) if policy(error.kind).action != Action::Reconnect => {
                    self.schedule.failed(object, Instant::now(), policy(error.kind).action, &context.options.tempo);
                    context.feeds.set_trouble(object, Some(words(&error).to_string()));
                    return Ok(None);
                }
                Err(why) => return Err(why),
            }
        }
        let Some(schema) = context.schema(object) else { return Ok(None) };
        let fields = interest.fields(object).into_iter().flatten();
        Ok(Some(Since {
            object: object.clone(),
            fields: fields.filter(|field| schema.field(field).is_some()).cloned().collect(),
            since: question.since,
            with_deletions: matches!(question.kind, Kind::Sweep | Kind::CatchUp),
        }))
    }

    /// Takes an answer into the store; the mark moves with the last of it.
    async fn take_in(
        &mut self,
        (mappings, interest): (&[ObjectMapping], &Interest),
        question: &Question,
        answer: ChangedObject,
        asked_at: Timestamp,
        polled: &BTreeSet<String>,
    ) -> Result<(), Interrupt> {
        let (context, object) = (self.context, &question.object);
        let store = &context.options.store;
        let is_streamed = !polled.contains(object);
        let mark = answer.more_from.unwrap_or(asked_at);
        let position = (question.kind != Kind::Poll).then(|| Position(mark.to_string().into_bytes()));
        let of_object: Vec<_> = mappings.iter().filter(|mapping| mapping.definition.salesforce == *object).collect();
        let unseen = self.seen.entry(object.clone()).or_default().unseen(answer, question.kind, asked_at);
        let newest = unseen.records.iter().map(|record| record.modstamp.as_millisecond()).max();
        let resync = question.resync.then(|| interest.all_may_have_changed(object, mappings));
        let mut end = RecordedChanges {
            stream: stream_of(object),
            gone: unseen.gone.into_iter().map(|id| (object.clone(), id)).collect(),
            position,
            ..resync.unwrap_or_default()
        };
        if let (Some(commit_ms), false) = (newest, is_streamed) {
            let delay_ms = (context.now().as_millisecond() - commit_ms).max(0);
            end.newest = vec![NewestChange { object: object.clone(), commit_ms, delay_ms }];
        }
        let schema = context.schema(object);
        let mut missed = BTreeSet::new();
        let mut records = unseen.records;
        while !records.is_empty() {
            let rest = records.split_off(records.len().min(AT_ONCE));
            let stamps: HashMap<_, _> = records.iter().map(|record| (record.id.clone(), record.modstamp)).collect();
            let keys = of_object
                .iter()
                .flat_map(|mapping| records.iter().filter_map(|record| match_key(mapping, &record.values, &record.id)));
            let keys = keys.collect();
            // A calculated field changes and nobody tells: it is taken in by itself, so that it makes no stream look deaf.
            let (plain, calculated) = split_calculated(records, schema.as_deref());
            let news = RecordedChanges { stream: stream_of(object), reads: plain, keys, ..RecordedChanges::default() };
            let found = store.record_changes(&context.lease, &news).await?;
            if !calculated.is_empty() {
                let news =
                    RecordedChanges { stream: stream_of(object), reads: calculated, ..RecordedChanges::default() };
                store.record_changes(&context.lease, &news).await?;
            }
            if is_streamed && question.kind == Kind::Sweep {
                let late = found
                    .into_iter()
                    .filter(|(_, id)| stamps.get(id).is_some_and(|stamp| self.should_have_been_told(*stamp, asked_at)));
                missed.extend(late.map(|(object, _)| object));
            }
            records = rest;
        }
        if end.position.is_some() || !end.gone.is_empty() || !end.newest.is_empty() || question.resync {
            store.record_changes(&context.lease, &end).await?;
        }
        if !missed.is_empty() {
            tracing::warn!(connection.id = %context.connection.id, object, "the change stream did not tell of changes that a sweep found");
            context.feeds.deaf_to(&missed);
        }
        Ok(())
    }

    /// Whether a change is so old that a stream which was open all the while should have told of it.
    fn should_have_been_told(&self, changed_at: Timestamp, asked_at: Timestamp) -> bool {
        let age = Duration::try_from(asked_at - changed_at).unwrap_or_default();
        let slack = self.context.options.tempo.retry_first * 60;
        age > slack && self.context.feeds.should_have_told(age, changed_at.as_millisecond(), slack)
    }
}

impl Seen {
    /// What an answer says that the last one did not. A sweep passes on all of it: whatever made a copy differ, it sets it right. So does
    /// a poll with what was changed just before it was answered: `SystemModstamp` is in whole seconds, so whoever writes within that
    /// second and is turned back by a trigger leaves a record that looks as it did.
    fn unseen(&mut self, answer: ChangedObject, kind: Kind, asked_at: Timestamp) -> ChangedObject {
        let before = std::mem::take(self);
        if answer.records.len() <= REMEMBERED && answer.gone.len() <= REMEMBERED {
            let settled = answer.records.iter().filter(|record| record.modstamp + MOMENT <= asked_at);
            self.records = settled.map(|record| (record.id.clone(), record.clone())).collect();
            self.gone = answer.gone.iter().cloned().collect();
        }
        if kind != Kind::Poll {
            return answer;
        }
        let is_new = |record: &Record| before.records.get(&record.id) != Some(record);
        ChangedObject {
            records: answer.records.into_iter().filter(is_new).collect(),
            gone: answer.gone.into_iter().filter(|id| !before.gone.contains(id)).collect(),
            more_from: answer.more_from,
        }
    }
}

/// The name under which an object's mark is kept.
fn stream_of(object: &str) -> String {
    format!("sweep/{object}")
}

/// Each record once with the fields that people and programs set, and, where there are others, once more with those.
fn split_calculated(records: Vec<Record>, schema: Option<&ObjectSchema>) -> (Vec<Record>, Vec<Record>) {
    let is_calculated = |name: &str| schema.and_then(|schema| schema.field(name)).is_some_and(|field| field.calculated);
    let mut calculated = Vec::new();
    let plain = records.into_iter().map(|mut record| {
        let (of_formulas, plain) =
            std::mem::take(&mut record.values).into_iter().partition(|(name, _)| is_calculated(name));
        record.values = of_formulas;
        if !record.values.is_empty() {
            calculated.push(record.clone());
        }
        record.values = plain;
        record
    });
    (plain.collect(), calculated)
}

/// What a question is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Finds out the org's time, which is the mark from then on: look-ups tell of what was before.
    First,
    /// Moves the mark.
    Sweep,
    /// A sweep out of turn, since the stream tells of the object only from now on; what was asked for before it did may have changed
    /// once more in between.
    CatchUp,
    /// In between, of what the stream does not tell of.
    Poll,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    object: String,
    kind: Kind,
    since: Timestamp,
    /// The mark was too old: any record may have changed.
    resync: bool,
}

/// When what was asked last, and where the next question begins.
#[derive(Default)]
struct Schedule {
    objects: BTreeMap<String, Marks>,
}

#[derive(Default)]
struct Marks {
    /// The org's time at the last sweep; durable.
    mark: Option<Timestamp>,
    /// The org's time at the last poll, where that is later.
    polled_to: Option<Timestamp>,
    swept: Option<Instant>,
    polled: Option<Instant>,
    /// The stream tells of it.
    is_streamed: bool,
    /// The stream tells of it, and there was no sweep since it does.
    is_behind: bool,
    /// The last answer was cut short: ask on from there.
    ask_on: Option<(Kind, Timestamp)>,
    not_before: Option<Instant>,
    failures: u32,
}

impl Marks {
    fn next_sweep(&self, tempo: &Tempo) -> Option<Instant> {
        Some(self.swept? + tempo.sweep)
    }

    fn next_poll(&self, interval: Duration) -> Option<Instant> {
        Some(self.polled? + interval)
    }
}

impl Schedule {
    /// Takes in how changes are noticed.
    fn follow(&mut self, ways: &BTreeMap<String, FeedWay>) {
        for (object, marks) in &mut self.objects {
            let is_streamed = ways.get(object) == Some(&FeedWay::Stream);
            marks.is_behind = is_streamed && (marks.is_behind || !marks.is_streamed);
            marks.is_streamed = is_streamed;
        }
    }

    /// What to ask now. Objects whose time comes soon are asked along, because a question of many objects costs one call.
    fn due(
        &self,
        at: Instant,
        now: Timestamp,
        polled: &BTreeSet<String>,
        interval: Duration,
        tempo: &Tempo,
    ) -> Vec<Question> {
        let sweeps = |marks: &Marks, ahead: Duration| marks.next_sweep(tempo).is_none_or(|next| at + ahead >= next);
        let polls = |marks: &Marks, ahead: Duration| marks.next_poll(interval).is_none_or(|next| at + ahead >= next);
        let ready = self.objects.iter().filter(|(_, marks)| marks.not_before.is_none_or(|time| at >= time));
        let ready: Vec<_> = ready.collect();
        let ahead = |any: bool, time: Duration| if any { time / 10 } else { Duration::ZERO };
        let sweep_ahead = ahead(ready.iter().any(|(_, marks)| sweeps(marks, Duration::ZERO)), tempo.sweep);
        let poll_ahead = ahead(
            ready.iter().any(|(object, marks)| polled.contains(*object) && polls(marks, Duration::ZERO)),
            interval,
        );
        let ask = |object: &str, marks: &Marks| {
            let (kind, since, resync) = match (marks.ask_on, marks.mark) {
                (Some((kind, from)), _) => (kind, from, false),
                (None, None) => (Kind::First, now, false),
                (None, Some(mark)) if now - mark > MARK_LIFE => (Kind::First, now, true),
                (None, Some(mark)) if marks.is_behind => (Kind::CatchUp, back(mark, tempo.sweep_overlap), false),
                (None, Some(mark)) if sweeps(marks, sweep_ahead) => {
                    (Kind::Sweep, back(mark, tempo.sweep_overlap), false)
                }
                (None, Some(mark)) if polled.contains(object) && polls(marks, poll_ahead) => {
                    let from = marks.polled_to.map_or(mark, |polled_to| polled_to.max(mark));
                    (Kind::Poll, back(from, tempo.poll_overlap), false)
                }
                (None, Some(_)) => return None,
            };
            Some(Question { object: object.to_owned(), kind, since, resync })
        };
        ready.into_iter().filter_map(|(object, marks)| ask(object, marks)).collect()
    }

    /// When to look again.
    fn next(&self, at: Instant, polled: &BTreeSet<String>, interval: Duration, tempo: &Tempo) -> Instant {
        let next = self.objects.iter().map(|(object, marks)| {
            let sweep = marks.next_sweep(tempo).unwrap_or(at);
            let poll = polled.contains(object).then(|| marks.next_poll(interval).unwrap_or(at));
            let next =
                if marks.ask_on.is_some() || marks.is_behind { at } else { poll.map_or(sweep, |poll| poll.min(sweep)) };
            marks.not_before.map_or(next, |time| next.max(time))
        });
        next.min().unwrap_or(at + POLL)
    }

    fn answered(&mut self, question: &Question, at: Instant, asked_at: Timestamp, more_from: Option<Timestamp>) {
        let Some(marks) = self.objects.get_mut(&question.object) else { return };
        (marks.failures, marks.not_before) = (0, None);
        // An answer that leads nowhere would be asked for for ever.
        marks.ask_on = more_from.filter(|from| *from > question.since).map(|from| (question.kind, from));
        let asked_at = marks.mark.map_or(asked_at, |mark| mark.max(asked_at));
        let reached = marks.ask_on.map_or(asked_at, |(_, from)| from);
        if question.kind != Kind::Poll {
            marks.mark = Some(reached);
        }
        marks.polled_to = Some(reached);
        if marks.ask_on.is_none() {
            marks.polled = Some(at);
            marks.is_behind &= question.kind != Kind::CatchUp;
            if question.kind != Kind::Poll {
                marks.swept = Some(at);
            }
        }
    }

    /// Gives how often that happened in a row.
    fn failed(&mut self, object: &str, at: Instant, action: Action, tempo: &Tempo) -> u32 {
        let Some(marks) = self.objects.get_mut(object) else { return 0 };
        let wait = match action {
            Action::Retry | Action::ReadAgain | Action::Resync => tempo.backoff(marks.failures),
            _ => tempo.rest_misconfigured,
        };
        marks.not_before = Some(at + wait);
        marks.failures += 1;
        marks.failures
    }
}

fn back(from: Timestamp, overlap: Duration) -> Timestamp {
    from.checked_sub(overlap).unwrap_or(from)
}

#[cfg(test)]
mod tests;
