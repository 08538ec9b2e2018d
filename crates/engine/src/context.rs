//! What everything that works on a connection shares, and what can end it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use syncline_model::{
    clock::Clock,
    connection::{Connection, Lease, StreamState},
    connector::{Connector, ConnectorError, ErrorKind},
    id::MappingId,
    mapping::ObjectMapping,
    rules::StoredRules,
    schema::ObjectSchema,
    store::{Store, StoreError},
};
use tokio_util::sync::CancellationToken;

use crate::{
    budget::{Permit, Purpose},
    error_policy::{Action, Rest, policy, words},
    feeds::Feeds,
    interest::{Interest, Schemas, looks_otherwise},
    rules::Rules,
    spending::Spending,
    tempo::Tempo,
};

/// Signals may be lost between nodes, so the engine looks this often on its own.
pub(crate) const POLL: Duration = Duration::from_secs(1);

/// What an [`crate::Engine`] works with.
#[derive(Clone)]
pub struct EngineOptions {
    /// Where everything durable is.
    pub store: Arc<dyn Store>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Name of this node: two nodes that run at the same time have different ones; a node that starts again has the same one, and
    /// takes its connections back at once.
    pub node: String,
    /// Opens connectors.
    pub connectors: Arc<dyn ConnectorFactory>,
    /// How long it waits between what it does.
    pub tempo: Tempo,
}

/// Opens the connector of a connection.
#[async_trait]
pub trait ConnectorFactory: Send + Sync + 'static {
    /// A connector with the credentials of the connection's present epoch.
    async fn open(&self, connection: &Connection) -> Result<Arc<dyn Connector>, ConnectorError>;
}

/// What everything that works on a connection shares.
pub(crate) struct OwnerContext {
    pub(crate) options: EngineOptions,
    pub(crate) connection: Connection,
    pub(crate) lease: Lease,
    pub(crate) stop: CancellationToken,
    /// The last description of each object, so that planning asks nobody.
    schemas: Mutex<Schemas>,
    interest: Mutex<Known>,
    /// Objects about which a call was refused for what they were taken to look like.
    doubted: Mutex<BTreeSet<String>>,
    /// Objects that were not there when they were described last, or not to be seen.
    missing: Mutex<BTreeSet<String>>,
    /// What work was planned by last.
    pub(crate) rules: Mutex<Option<Arc<Rules>>>,
    /// What was spent of the org's calls.
    pub(crate) spending: Arc<Spending>,
    /// How changes are noticed.
    pub(crate) feeds: Feeds,
    saying: tokio::sync::Mutex<Saying>,
}

/// What mappings need, for these versions of them; it is worked out anew where they or a description changed.
#[derive(Default)]
struct Known {
    versions: Vec<(MappingId, i64)>,
    interest: Option<Arc<Interest>>,
    /// Objects that a path leads to and that could not be described when it was tried last.
    refused: BTreeSet<String>,
}

/// What is said of the stream: its own state, and that calls wait, which concerns more people.
#[derive(Default)]
struct Saying {
    stream: Option<(StreamState, Option<String>)>,
    spent: Option<String>,
    said: Option<(StreamState, Option<String>)>,
}

impl OwnerContext {
    pub(crate) fn new(
        options: EngineOptions,
        connection: Connection,
        lease: Lease,
        spending: Arc<Spending>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            options,
            connection,
            lease,
            stop,
            schemas: Mutex::default(),
            interest: Mutex::default(),
            doubted: Mutex::default(),
            missing: Mutex::default(),
            rules: Mutex::default(),
            spending,
            feeds: Feeds::new(),
            saying: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// Says how the stream is.
    pub(crate) async fn say_stream(&self, state: StreamState, detail: Option<String>) -> Result<(), Interrupt> {
        let mut saying = self.saying.lock().await;
        saying.stream = Some((state, detail));
        self.say(&mut saying).await
    }

    /// Says that calls wait, and why; or that they do not.
    pub(crate) async fn say_spent(&self, spent: Option<String>) -> Result<(), Interrupt> {
        let mut saying = self.saying.lock().await;
        if saying.spent == spent {
            return Ok(());
        }
        saying.spent = spent;
        self.say(&mut saying).await
    }

    async fn say(&self, saying: &mut Saying) -> Result<(), Interrupt> {
        let Some((state, detail)) = saying.stream.clone() else { return Ok(()) };
        let told = (state, saying.spent.clone().or(detail));
        if saying.said.as_ref() != Some(&told) {
            self.options.store.set_stream_state(&self.lease, told.0, told.1.as_deref()).await?;
            saying.said = Some(told);
        }
        Ok(())
    }

    /// Adds what is known of the org's objects.
    pub(crate) fn remember(&self, known: impl IntoIterator<Item = ObjectSchema>) {
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        schemas.extend(known.into_iter().map(|schema| (schema.name.clone(), Arc::new(schema))));
        // Under the lock, so that nobody keeps what was worked out from the descriptions before.
        self.interest.lock().unwrap_or_else(PoisonError::into_inner).interest = None;
    }

    pub(crate) fn schema(&self, object: &str) -> Option<Arc<ObjectSchema>> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner).get(object).cloned()
    }

    /// The connection's mappings and what else is stored that work is planned by.
    pub(crate) async fn stored_rules(&self) -> Result<Arc<StoredRules>, StoreError> {
        self.options.store.rules(self.connection.id).await
    }

    /// What these mappings, which are all of the connection's, need of the org.
    pub(crate) fn interest(&self, mappings: &[ObjectMapping]) -> Arc<Interest> {
        let schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.interest.lock().unwrap_or_else(PoisonError::into_inner);
        let versions = mappings.iter().map(|mapping| (mapping.id, mapping.version));
        match &known.interest {
            Some(interest) if versions.clone().eq(known.versions.iter().copied()) => Arc::clone(interest),
            _ => {
                let interest = Arc::new(Interest::of(mappings, &schemas));
                known.versions = versions.collect();
                known.interest = Some(Arc::clone(&interest));
                interest
            }
        }
    }

    /// Asks what an object looks like, and keeps the answer for planning and for the screens. All that is mapped is due to which the org
    /// looks otherwise by it; and of an object that is there again, or shows a field again which is needed, all is read anew.
    pub(crate) async fn describe(&self, connector: &dyn Connector, object: &str) -> Result<(), Interrupt> {
        let missing = || self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let described = connector.describe(object).await;
        if described.as_ref().is_err_and(|error| error.kind == ErrorKind::SchemaChanged) {
            missing().insert(object.to_owned());
            self.forget(object).await?;
        }
        let schema = described?;
        let is_back = missing().contains(object);
        let before = self.schemas.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let rules = self.stored_rules().await?;
        let mut after = before.clone();
        after.insert(schema.name.clone(), Arc::new(schema.clone()));
        let otherwise = rules.mappings.iter().filter(|mapping| {
            is_back && mapping.definition.salesforce == object || looks_otherwise(&mapping.definition, &before, &after)
        });
        let otherwise: Vec<_> = otherwise.map(|mapping| mapping.id).collect();
        if !otherwise.is_empty() {
            tracing::info!(connection.id = %self.connection.id, object, "mapped fields are not what they were");
        }
        // Whoever takes a marked item must plan it by the new description; a mark that is not made must be made next time.
        self.remember([schema.clone()]);
        let interest = self.interest(&rules.mappings);
        let mut needed = interest.fields(object).into_iter().flatten();
        let returns = |name: &String| schema.field(name).is_some();
        let was_missing = |name: &String| before.get(object).is_some_and(|before| before.field(name).is_none());
        let saved = async {
            // While it could not be seen, no event and no sweep told of it.
            if is_back || needed.any(|name| was_missing(name) && returns(name)) {
                let news = interest.all_may_have_changed(object, &rules.mappings);
                self.options.store.record_changes(&self.lease, &news).await?;
            }
            self.options.store.save_object_schema(&self.lease, &schema, &otherwise).await
        };
        let saved = saved.await;
        match &saved {
            Ok(()) if is_back => {
                missing().remove(object);
                // The stream may have left it out.
                self.feeds.prepare_soon();
            }
            Ok(()) => {}
            Err(_) => self.know_as_before(&schema.name, before.get(&schema.name)),
        }
        Ok(saved?)
    }

    /// Forgets what an object looked like that is not there, or not to be seen. Paths through it lead nowhere then, and what else
    /// their mappings sync must not wait for it.
    async fn forget(&self, object: &str) -> Result<(), Interrupt> {
        let before = self.schemas.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(known) = before.get(object) else { return Ok(()) };
        let mut after = before.clone();
        after.remove(object);
        let rules = self.stored_rules().await?;
        let others = rules.mappings.iter().filter(|mapping| mapping.definition.salesforce != object);
        let otherwise = others.filter(|mapping| looks_otherwise(&mapping.definition, &before, &after));
        let otherwise: Vec<_> = otherwise.map(|mapping| mapping.id).collect();
        self.know_as_before(object, None);
        let forgotten = self.options.store.forget_object_schemas(&self.lease, &[object.to_owned()], &otherwise).await;
        if forgotten.is_err() {
            self.know_as_before(object, Some(known));
        }
        Ok(forgotten?)
    }

    /// Goes back to what was known of an object before.
    pub(crate) fn know_as_before(&self, object: &str, before: Option<&Arc<ObjectSchema>>) {
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        match before {
            Some(before) => drop(schemas.insert(object.to_owned(), Arc::clone(before))),
            None => drop(schemas.remove(object)),
        }
        self.interest.lock().unwrap_or_else(PoisonError::into_inner).interest = None;
    }

    /// Has the objects described that these mappings use and that are not known yet, those that paths lead to included. One that can
    /// not be described is left out until [`OwnerContext::forget_refusals`].
    pub(crate) async fn describe_used(
        &self,
        connector: &dyn Connector,
        mappings: &[ObjectMapping],
    ) -> Result<(), Interrupt> {
        let known = || self.interest.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let interest = self.interest(mappings);
            let untried = interest.undescribed().iter().find(|object| !known().refused.contains(*object));
            let Some(object) = untried else { return Ok(()) };
            match self.describe(connector, object).await {
                Err(Interrupt::Connector(error)) if matches!(policy(error.kind).action, Action::Issue(_)) => {
                    tracing::warn!(connection.id = %self.connection.id, object, error = &error as &dyn std::error::Error, "object can not be described");
                    known().refused.insert(object.clone());
                }
                other => other?,
            }
        }
    }

    /// What could not be described may be described now.
    pub(crate) fn forget_refusals(&self) {
        self.interest.lock().unwrap_or_else(PoisonError::into_inner).refused.clear();
    }

    /// Takes in why a call about an object was refused: one that looks otherwise than by its description is described anew soon, and
    /// until then whatever asks for the same is refused too.
    pub(crate) fn note_refusal(&self, object: &str, error: &ConnectorError) {
        if error.kind == ErrorKind::SchemaChanged {
            self.doubt(object);
        }
    }

    pub(crate) fn doubt(&self, object: &str) {
        self.doubted.lock().unwrap_or_else(PoisonError::into_inner).insert(object.to_owned());
    }

    /// Takes out those of the doubted objects that may be described now.
    pub(crate) fn take_doubted(&self, may: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let mut doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        let (taken, left) = std::mem::take(&mut *doubted).into_iter().partition(|object| may(object));
        *doubted = left;
        taken
    }

    /// The objects that do not have what these mappings, which are all of the connection's, need of them, or do not let it be written.
    /// Where a path leads nowhere, any object may be the one.
    pub(crate) fn lacking(&self, mappings: &[ObjectMapping]) -> BTreeSet<String> {
        let interest = self.interest(mappings);
        let schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        let lacks = |schema: &ObjectSchema| {
            let mut needed = interest.fields(&schema.name).into_iter().flatten();
            let of_object = mappings.iter().filter(|mapping| mapping.definition.salesforce == schema.name);
            let mut targets = of_object.flat_map(|mapping| &mapping.definition.outbound);
            needed.any(|name| schema.field(name).is_none())
                || targets.any(|line| schema.field(&line.to).is_some_and(|field| !field.updateable))
        };
        let all = interest.has_broken_path();
        schemas.values().filter(|schema| all || lacks(schema)).map(|schema| schema.name.clone()).collect()
    }

    /// Waits, unless told to stop.
    pub(crate) async fn rest(&self, time: Duration) -> Result<(), Interrupt> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Interrupt::Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Takes in that a call was refused for a limit of the org: it concerns whoever would call next.
    pub(crate) fn note_limit(&self, error: &ConnectorError) {
        let Action::Rest(why @ (Rest::Quota | Rest::Rate)) = policy(error.kind).action else { return };
        let tempo = &self.options.tempo;
        let time = if why == Rest::Quota { tempo.rest_quota } else { tempo.rest_rate };
        let now = self.now();
        self.spending.refused(why, now, now.checked_add(time).unwrap_or(now));
    }

    /// Waits as long as no call may be made for a change.
    pub(crate) async fn wait_for_calls(&self) -> Result<(), Interrupt> {
        let apart = POLL.min(self.options.tempo.rest_quota);
        while let Permit::Stop(_) = self.spending.permit(Purpose::Live, self.now()) {
            self.rest(apart).await?;
        }
        Ok(())
    }

    /// Decides what to do about a call, or something else, that went wrong as a whole, as against with one item: waits if it is worth
    /// trying again, or gives the reason to stop. `failures` counts those in a row.
    pub(crate) async fn recover(&self, interrupt: Interrupt, failures: u32, what: &str) -> Result<(), Interrupt> {
        if let Interrupt::Connector(error) = &interrupt {
            self.note_limit(error);
            if policy(error.kind).action == Action::Rest(Rest::Quota) {
                self.tell(&interrupt, what, self.options.tempo.rest_quota);
                return self.wait_for_calls().await;
            }
        }
        self.wait_out(interrupt, failures, what).await
    }

    /// The same where the limits that it may have met are none of calls.
    pub(crate) async fn wait_out(&self, interrupt: Interrupt, failures: u32, what: &str) -> Result<(), Interrupt> {
        let tempo = &self.options.tempo;
        let wait = match &interrupt {
            Interrupt::Stopped | Interrupt::Store(StoreError::LeaseLost) => return Err(interrupt),
            Interrupt::Store(_) => tempo.backoff(failures).min(tempo.retry_first * 10),
            Interrupt::Connector(error) => match policy(error.kind).action {
                Action::Reconnect => {
                    let words = words(error);
                    let detail = format!("{}. {}", words.cause, words.remedy);
                    self.options.store.require_reconnect(&self.lease, &detail).await?;
                    return Err(interrupt);
                }
                Action::Rest(Rest::Rate) => tempo.rest_rate,
                Action::Rest(Rest::Quota) => tempo.rest_quota,
                Action::Rest(Rest::Misconfigured) => tempo.rest_misconfigured,
                _ => tempo.backoff(failures).min(tempo.retry_first * 30),
            },
        };
        self.tell(&interrupt, what, wait);
        self.rest(wait).await
    }

    fn tell(&self, interrupt: &Interrupt, what: &str, wait: Duration) {
        tracing::warn!(
            connection.id = %self.connection.id,
            error = interrupt as &dyn std::error::Error,
            "{what} failed; next try in {} s",
            wait.as_secs()
        );
    }
}

/// What ends a step before it is done.
#[derive(Debug)]
pub(crate) enum Interrupt {
    /// Told to stop.
    Stopped,
    /// The store failed, or the lease is lost.
    Store(StoreError),
    /// A call failed as a whole.
    Connector(ConnectorError),
}

impl std::fmt::Display for Interrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stopped => f.write_str("told to stop"),
            Self::Store(error) => error.fmt(f),
            Self::Connector(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Interrupt {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Stopped => None,
            Self::Store(error) => error.source(),
            Self::Connector(error) => error.source(),
        }
    }
}

impl From<StoreError> for Interrupt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ConnectorError> for Interrupt {
    fn from(error: ConnectorError) -> Self {
        Self::Connector(error)
    }
}
