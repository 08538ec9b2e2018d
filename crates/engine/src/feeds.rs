//! Feeds: which mapped object's changes come by the change stream and which are asked for, and why. [`run`] sees to it that the
//! org's channel carries what is mapped; [`decide`] (pure) draws the conclusion; [`Feeds`] is what the listener, the sweeps and
//! this tell each other. Whatever is decided, sweeps go on, so that a wrong decision costs time and never a change.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use syncline_model::{
    connector::{Connector, ConnectorError, PreparedStream, StreamedObject},
    feed::{Feed, FeedWay, NewestChange},
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    budget::{Permit, Purpose},
    context::{Interrupt, OwnerContext, POLL},
    error_policy::{Action, policy, words},
    interest::Interest,
    tempo::Tempo,
};

/// A change is to be noticed through the stream within this time.
const STREAM_DELAY_MS: i64 = 3_000;

/// What the parts that notice changes tell each other.
pub(crate) struct Feeds {
    known: Mutex<Known>,
    /// What to listen to, with a number that rises when it is to be opened again.
    listen_to: watch::Sender<(Source, u64)>,
    /// How the changes of each object are noticed.
    ways: watch::Sender<BTreeMap<String, FeedWay>>,
    /// Something of the above became known.
    news: Notify,
}

#[derive(Default)]
struct Known {
    health: Health,
    /// Objects of which the stream did not tell, and how many sweeps in a row said so.
    deaf: BTreeMap<String, u32>,
    /// Why an object could not be asked for.
    troubles: BTreeMap<String, String>,
    prepare: bool,
    /// When the stream told of changes last, and when the newest of them had been committed, in milliseconds after 1970.
    last_told: Option<(Instant, i64)>,
}

/// What to listen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nothing is mapped, so there is nothing to be told of.
    Nothing,
    /// The org has no stream for what is mapped.
    NoStream,
    /// A topic.
    Topic(String),
}

/// How the stream is.
#[derive(Clone, Debug, Default)]
pub(crate) enum Health {
    /// Not opened yet.
    #[default]
    Unknown,
    /// Open; `doubt` says why it was not before, until it has shown a sign of life.
    Live {
        /// Since when.
        since: Instant,
        /// Why it was not.
        doubt: Option<String>,
    },
    /// Broken.
    Down {
        /// Since when.
        since: Instant,
        /// Whether the org refuses it, as against troubles on the way.
        refused: bool,
        /// Why, in words for the administrator.
        why: String,
    },
}

impl Feeds {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::default(),
            listen_to: watch::Sender::new((Source::Nothing, 0)),
            ways: watch::Sender::default(),
            news: Notify::new(),
        }
    }

    /// What to listen to, to watch.
    pub(crate) fn listen_to(&self) -> watch::Receiver<(Source, u64)> {
        self.listen_to.subscribe()
    }

    /// How the changes of each object are noticed, to watch.
    pub(crate) fn ways(&self) -> watch::Receiver<BTreeMap<String, FeedWay>> {
        self.ways.subscribe()
    }

    /// Looks soon at what the stream carries.
    pub(crate) fn prepare_soon(&self) {
        self.known().prepare = true;
        self.news.notify_one();
    }

    /// A stream that is down is opened again at once: what it was refused for may have been mended.
    fn try_again(&self) {
        if matches!(self.known().health, Health::Down { .. }) {
            self.listen_to.send_modify(|(_, times)| *times += 1);
        }
    }

    /// The stream was opened.
    pub(crate) fn opened(&self) {
        let mut known = self.known();
        let doubt = match &known.health {
            Health::Down { why, .. } => Some(why.clone()),
            Health::Live { doubt, .. } => doubt.clone(),
            Health::Unknown => None,
        };
        known.health = Health::Live { since: Instant::now(), doubt };
        self.news.notify_one();
    }

    /// The stream gave something, at least a sign of life; `newest` is what it told of.
    pub(crate) fn heard(&self, newest: &[NewestChange]) {
        let mut known = self.known();
        let mut is_news = false;
        if let Health::Live { doubt, .. } = &mut known.health {
            is_news = doubt.take().is_some();
        }
        for change in newest {
            is_news |= known.deaf.remove(&change.object).is_some();
        }
        if let Some(commit_ms) = newest.iter().map(|change| change.commit_ms).max() {
            known.last_told = Some((Instant::now(), commit_ms));
        }
        if is_news {
            self.news.notify_one();
        }
    }

    /// The stream broke, or could not be opened.
    pub(crate) fn broke(&self, error: &ConnectorError) {
        let mut known = self.known();
        let since = match &known.health {
            Health::Down { since, .. } => *since,
            _ => Instant::now(),
        };
        let refused = !matches!(policy(error.kind).action, Action::Retry | Action::Resync);
        known.health = Health::Down { since, refused, why: words(error).to_string() };
        self.news.notify_one();
    }

    /// Whether the stream should have told by now of a change that was committed so long ago: it has been open since, and is not
    /// still busy with what came before.
    pub(crate) fn should_have_told(&self, age: Duration, commit_ms: i64, slack: Duration) -> bool {
        let known = self.known();
        let is_behind = known.last_told.is_some_and(|(at, told_ms)| at.elapsed() < slack && told_ms < commit_ms);
        matches!(&known.health, Health::Live { since, .. } if since.elapsed() > age) && !is_behind
    }

    /// A sweep found changes of these objects that the open stream should have told of: it is opened again.
    pub(crate) fn deaf_to(&self, objects: &BTreeSet<String>) {
        let mut known = self.known();
        for object in objects {
            *known.deaf.entry(object.clone()).or_default() += 1;
        }
        known.prepare = true;
        drop(known);
        self.listen_to.send_modify(|(_, times)| *times += 1);
        self.news.notify_one();
    }

    /// Words for a stream that was found to be deaf and has told of nothing since.
    pub(crate) fn deafness(&self) -> Option<String> {
        let known = self.known();
        let objects: Vec<_> = known.deaf.keys().map(String::as_str).collect();
        (!objects.is_empty()).then(|| {
            format!(
                "Changes of {} were found that the stream had not told of; it was opened again.",
                objects.join(" and ")
            )
        })
    }

    /// Whether and why an object could not be asked for.
    pub(crate) fn set_trouble(&self, object: &str, why: Option<String>) {
        let mut known = self.known();
        let is_news = match why {
            Some(why) => known.troubles.insert(object.to_owned(), why.clone()) != Some(why),
            None => known.troubles.remove(object).is_some(),
        };
        if is_news {
            self.news.notify_one();
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the stream carrying what is mapped, and the feeds saying how things are, until that ends.
pub(crate) async fn run(context: &OwnerContext, connector: &dyn Connector, mut preparing: Preparing) -> Interrupt {
    let mut saved = Vec::new();
    let mut failures = 0;
    loop {
        let round = async {
            preparing.look(context, connector).await?;
            save(context, &preparing, &mut saved).await
        };
        match round.await {
            Ok(()) => failures = 0,
            Err(why) => {
                if let Err(why) = context.recover(why, failures, "looking at the feeds").await {
                    return why;
                }
                failures += 1;
            }
        }
        tokio::select! {
            () = context.feeds.news.notified() => {}
            () = tokio::time::sleep(POLL.min(context.options.tempo.prepare_stream)) => {}
        }
    }
}

/// What is known of the org's channel.
pub(crate) struct Preparing {
    wanted: Vec<StreamedObject>,
    outcome: Option<Result<PreparedStream, ConnectorError>>,
    next: Instant,
    failures: u32,
}

impl Preparing {
    /// Before anything is looked up: from here on the stream keeps what changes, so that no change falls between. If it fails, asking
    /// for changes does as well.
    pub(crate) async fn first(context: &OwnerContext, connector: &dyn Connector) -> Result<Self, Interrupt> {
        let mut preparing = Self { wanted: Vec::new(), outcome: None, next: Instant::now(), failures: 0 };
        preparing.look(context, connector).await?;
        Ok(preparing)
    }

    /// Prepares the stream if it is time to, or if what is mapped has changed.
    async fn look(&mut self, context: &OwnerContext, connector: &dyn Connector) -> Result<(), Interrupt> {
        let tempo = &context.options.tempo;
        let rules = context.stored_rules().await?;
        let wanted = streamed_objects(&context.interest(&rules.mappings));
        let is_asked = std::mem::take(&mut context.feeds.known().prepare);
        if wanted == self.wanted && !is_asked && Instant::now() < self.next {
            return Ok(());
        }
        if wanted.is_empty() {
            self.wanted = wanted;
            self.outcome = None;
            self.next = Instant::now() + tempo.prepare_stream;
            context.feeds.listen(Source::Nothing);
            return Ok(());
        }
        if matches!(context.spending.permit(Purpose::Live, context.now()), Permit::Stop(_)) {
            context.feeds.known().prepare |= is_asked;
            return Ok(());
        }
        if is_asked {
            context.feeds.try_again();
        }
        let prepared = connector.prepare_stream(&wanted).await;
        self.wanted = wanted;
        match prepared {
            Ok(prepared) => {
                self.failures = 0;
                self.next = Instant::now() + tempo.prepare_stream;
                for (object, error) in &prepared.refused {
                    tracing::info!(connection.id = %context.connection.id, object, error = error as &dyn std::error::Error, "the change stream does not carry it");
                }
                context.feeds.listen(prepared.topic.clone().map_or(Source::NoStream, Source::Topic));
                self.outcome = Some(Ok(prepared));
            }
            Err(error) if policy(error.kind).action == Action::Reconnect => return Err(error.into()),
            Err(error) => {
                tracing::warn!(connection.id = %context.connection.id, error = &error as &dyn std::error::Error, "the change stream could not be prepared");
                context.note_limit(&error);
                self.next = Instant::now() + tempo.backoff(self.failures);
                self.failures += 1;
                // What was prepared before still stands.
                if !matches!(self.outcome, Some(Ok(_))) {
                    context.feeds.listen(Source::NoStream);
                    self.outcome = Some(Err(error));
                }
            }
        }
        Ok(())
    }
}

impl Feeds {
    fn listen(&self, source: Source) {
        self.listen_to.send_if_modified(|(known, _)| {
            let is_news = *known != source;
            *known = source;
            is_news
        });
    }
}

/// The objects whose changes matter, each with its fields and those that its records are matched by; mapped ones first, since an org takes
/// only so many.
fn streamed_objects(interest: &Interest) -> Vec<StreamedObject> {
    let objects = interest.objects().map(|object| StreamedObject {
        object: object.to_owned(),
        fields: interest.fields(object).into_iter().flatten().cloned().collect(),
        key_fields: interest.keys(object).cloned().collect(),
    });
    objects.collect()
}

/// Says how things are, if that has changed since it was said last.
async fn save(context: &OwnerContext, preparing: &Preparing, saved: &mut Vec<Feed>) -> Result<(), Interrupt> {
    let (now, tempo) = (context.now(), &context.options.tempo);
    let spent = match context.spending.permit(Purpose::Sweep, now) {
        Permit::Stop(until) => Some(context.spending.words(until, now)),
        Permit::Go | Permit::Wait(_) => None,
    };
    let interval = context.spending.question_interval(tempo, now);
    let feeds = {
        let known = context.feeds.known();
        let decided = decide(&preparing.wanted, preparing.outcome.as_ref(), &known, tempo, Instant::now());
        let feeds = decided.into_iter().map(|(object, reason)| {
            let reason =
                reason.map(|why| spent.clone().or_else(|| known.troubles.get(&object).cloned()).unwrap_or(why));
            feed(object, reason, interval, now)
        });
        feeds.collect::<Vec<_>>()
    };
    let ways: BTreeMap<_, _> = feeds.iter().map(|feed| (feed.object.clone(), feed.way)).collect();
    context.feeds.ways.send_if_modified(|known| {
        let is_news = *known != ways;
        *known = ways;
        is_news
    });
    if feeds.len() != saved.len() || feeds.iter().zip(saved.iter()).any(|(feed, saved)| differs(feed, saved)) {
        context.options.store.save_feeds(&context.lease, &feeds).await?;
        *saved = feeds;
    }
    Ok(())
}

fn feed(object: String, reason: Option<String>, interval: Duration, now: Timestamp) -> Feed {
    let (way, expected_delay_ms) = match reason {
        None => (FeedWay::Stream, STREAM_DELAY_MS),
        Some(_) => (FeedWay::Polling, i64::try_from(interval.as_millis()).unwrap_or(i64::MAX)),
    };
    Feed { object, way, reason, since: now, expected_delay_ms, last_change_at: None, last_delay_ms: None }
}

/// Whether it is worth saying again: the interval moves a little all the time.
fn differs(feed: &Feed, saved: &Feed) -> bool {
    let apart = (feed.expected_delay_ms - saved.expected_delay_ms).abs();
    feed.object != saved.object
        || feed.way != saved.way
        || feed.reason != saved.reason
        || apart > saved.expected_delay_ms / 5
}

/// For each object, why it is asked for; `None` where the stream tells of it.
fn decide(
    wanted: &[StreamedObject],
    prepared: Option<&Result<PreparedStream, ConnectorError>>,
    known: &Known,
    tempo: &Tempo,
    at: Instant,
) -> Vec<(String, Option<String>)> {
    // A stream that comes back within this time has lost nobody a moment: the sweep of all that changed would cost more.
    let patience = tempo.retry_first * 30;
    let of_stream = match &known.health {
        Health::Unknown => None,
        Health::Live { since, doubt } => doubt.clone().filter(|_| at - *since < tempo.retry_first * 10),
        Health::Down { since, refused, why } => (*refused || at - *since >= patience).then(|| why.clone()),
    };
    let reason = |object: &str| match prepared {
        None => Some("The change stream is not prepared yet.".to_owned()),
        Some(Err(error)) => Some(words(error).to_string()),
        Some(Ok(prepared)) => match prepared.refused.get(object) {
            Some(error) => Some(words(error).to_string()),
            None if prepared.topic.is_none() => Some("The org has no change stream for it.".to_owned()),
            None if known.deaf.get(object).is_some_and(|times| *times > 1) => Some(format!(
                "The change stream is open and does not tell of changes of {object}. Look at Change Data Capture in the org's setup; as soon as the stream tells of one, it is used again."
            )),
            None => of_stream.clone(),
        },
    };
    wanted.iter().map(|wanted| (wanted.object.clone(), reason(&wanted.object))).collect()
}

#[cfg(test)]
mod tests {
    use syncline_model::connector::ErrorKind;

    use super::*;

    fn wanted() -> Vec<StreamedObject> {
        let object = |name: &str| StreamedObject {
            object: name.to_owned(),
            fields: vec!["Email".to_owned()],
            key_fields: vec!["Email".to_owned()],
        };
        vec![object("Account"), object("Contact")]
    }

    fn refused(object: &str) -> PreparedStream {
        let error = ConnectorError::new(ErrorKind::Misconfigured, "CAP", "5 entities are selected already");
        PreparedStream { topic: Some("t".to_owned()), refused: BTreeMap::from([(object.to_owned(), error)]) }
    }

    fn polled(feeds: &Feeds, prepared: PreparedStream) -> Vec<String> {
        polled_after(feeds, prepared, 0)
    }

    fn polled_after(feeds: &Feeds, prepared: PreparedStream, seconds: u64) -> Vec<String> {
        let at = Instant::now() + Duration::from_secs(seconds);
        let decided = decide(&wanted(), Some(&Ok(prepared)), &feeds.known(), &Tempo::default(), at);
        decided.into_iter().filter(|(_, reason)| reason.is_some()).map(|(object, _)| object).collect()
    }

    fn all() -> PreparedStream {
        PreparedStream { topic: Some("t".to_owned()), ..PreparedStream::default() }
    }

    #[test]
    fn what_the_stream_may_not_carry_is_asked_for() {
        let feeds = Feeds::new();
        feeds.opened();
        assert_eq!(polled(&feeds, refused("Contact")), ["Contact"]);
        assert_eq!(polled(&feeds, PreparedStream::default()), ["Account", "Contact"]);
    }

    #[test]
    fn a_stream_that_breaks_for_seconds_is_still_the_stream() {
        let feeds = Feeds::new();
        feeds.opened();
        feeds.broke(&ConnectorError::new(ErrorKind::Transient, "", "broken"));
        assert!(polled(&feeds, all()).is_empty());
        feeds.broke(&ConnectorError::new(ErrorKind::Transient, "", "broken again"));
        assert!(polled_after(&feeds, all(), 29).is_empty());
        assert_eq!(polled_after(&feeds, all(), 30).len(), 2);
    }

    #[test]
    fn a_stream_that_is_refused_is_the_stream_again_once_it_shows_a_sign_of_life() {
        let feeds = Feeds::new();
        feeds.broke(&ConnectorError::new(ErrorKind::QuotaExhausted, "", "deliveries are used up"));
        assert_eq!(polled(&feeds, all()).len(), 2);
        feeds.opened();
        assert_eq!(polled(&feeds, all()).len(), 2, "it may be refused again in a moment");
        feeds.heard(&[]);
        assert!(polled(&feeds, all()).is_empty());
    }

    #[test]
    fn an_object_that_the_stream_never_tells_of_is_asked_for_until_it_does() {
        let feeds = Feeds::new();
        feeds.opened();
        let contact = BTreeSet::from(["Contact".to_owned()]);
        feeds.deaf_to(&contact);
        assert!(polled(&feeds, all()).is_empty(), "it is opened again first");
        feeds.deaf_to(&contact);
        assert_eq!(polled(&feeds, all()), ["Contact"]);
        feeds.heard(&[NewestChange { object: "Contact".to_owned(), commit_ms: 1, delay_ms: 0 }]);
        assert!(polled(&feeds, all()).is_empty());
    }
}
