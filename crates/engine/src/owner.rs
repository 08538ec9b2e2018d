//! The owner of one connection: holds its lease, opens its connector, and runs its listener and its two workers, until the lease
//! is lost, it is told to stop, or the grant is gone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use syncline_model::{
    connection::{Connection, Lease},
    connector::{Connector, ConnectorError},
    id::ConnectionId,
    schema::ObjectSchema,
    store::StoreError,
    work::Lane,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    apply,
    engine::EngineOptions,
    error_policy::{Action, backoff, policy},
    listen,
};

/// How long a lease lasts without being renewed: what a connection stands still when its node dies and does not come back.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(15);
/// Renewed this often, so that two failures in a row cost nothing.
const RENEW_APART: Duration = Duration::from_secs(4);

/// What everything that works on a connection shares.
pub(crate) struct OwnerContext {
    pub(crate) options: EngineOptions,
    pub(crate) connection: Connection,
    pub(crate) lease: Lease,
    pub(crate) stop: CancellationToken,
    /// The last description of each object, so that planning asks nobody.
    schemas: Mutex<HashMap<String, Arc<ObjectSchema>>>,
}

impl OwnerContext {
    pub(crate) fn new(options: EngineOptions, connection: Connection, lease: Lease, stop: CancellationToken) -> Self {
        Self { options, connection, lease, stop, schemas: Mutex::default() }
    }

    pub(crate) fn schema(&self, object: &str) -> Option<Arc<ObjectSchema>> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner).get(object).cloned()
    }

    /// Asks what an object looks like, and keeps the answer for planning and for the screens.
    pub(crate) async fn describe(&self, connector: &dyn Connector, object: &str) -> Result<(), Interrupt> {
        let schema = connector.describe(object).await?;
        self.options.store.save_object_schema(&self.lease, &schema).await?;
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner).insert(object.to_owned(), Arc::new(schema));
        Ok(())
    }

    /// Waits, unless told to stop.
    pub(crate) async fn rest(&self, time: Duration) -> Result<(), Interrupt> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Interrupt::Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Decides what to do about something that went wrong as a whole, as against with one item: waits if it is worth trying again,
    /// or gives the reason to stop. `failures` counts those in a row.
    pub(crate) async fn recover(&self, interrupt: Interrupt, failures: u32, what: &str) -> Result<(), Interrupt> {
        let wait = match &interrupt {
            Interrupt::Stopped | Interrupt::Store(StoreError::LeaseLost) => return Err(interrupt),
            Interrupt::Store(_) => backoff(failures).min(Duration::from_secs(10)),
            Interrupt::Connector(error) => {
                let policy = policy(error.kind);
                match policy.action {
                    Action::Reconnect => {
                        let detail = format!("{}. {}", policy.cause, policy.remedy);
                        self.options.store.require_reconnect(&self.lease, &detail).await?;
                        return Err(interrupt);
                    }
                    Action::Rest(time) => time,
                    _ => backoff(failures).min(Duration::from_secs(30)),
                }
            }
        };
        tracing::warn!(
            connection.id = %self.connection.id,
            error = &interrupt as &dyn std::error::Error,
            "{what} failed; next try in {} s",
            wait.as_secs()
        );
        self.rest(wait).await
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

/// Works on the connection until that ends, then gives the lease back.
pub(crate) async fn run(context: OwnerContext) -> ConnectionId {
    let id = context.connection.id;
    // Dropping the work in the middle of anything is as safe as dying there.
    let why = tokio::select! {
        () = context.stop.cancelled() => Interrupt::Stopped,
        why = work(&context) => why,
    };
    context.stop.cancel();
    match why {
        Interrupt::Stopped | Interrupt::Store(StoreError::LeaseLost) => {
            tracing::info!(connection.id = %id, "stopped working on connection {id}: {why}");
        }
        why => {
            tracing::warn!(connection.id = %id, error = &why as &dyn std::error::Error, "stopped working on connection {id}");
        }
    }
    if let Err(error) = context.options.store.release_lease(&context.lease).await {
        tracing::warn!(connection.id = %id, error = &error as &dyn std::error::Error, "could not give the lease back; it runs out");
    }
    id
}

async fn work(context: &OwnerContext) -> Interrupt {
    let connector = tokio::select! {
        connector = open(context) => match connector {
            Ok(connector) => connector,
            Err(why) => return why,
        },
        why = hold_lease(context, None) => return why,
    };
    let connector = connector.as_ref();
    let items = apply::InFlight::default();
    tokio::select! {
        why = hold_lease(context, Some(connector)) => why,
        why = listen::run(context, connector) => why,
        why = apply::run(context, connector, &items, Lane::Local) => why,
        why = apply::run(context, connector, &items, Lane::Remote) => why,
    }
}

/// Renews the lease. Stops before it has run out by this node's own monotonic clock, whatever the store says by then.
async fn hold_lease(context: &OwnerContext, connector: Option<&dyn Connector>) -> Interrupt {
    let ttl_ms = i64::try_from(LEASE_TTL.as_millis()).unwrap_or(i64::MAX);
    let mut held_until = Instant::now() + LEASE_TTL;
    loop {
        tokio::time::sleep(RENEW_APART).await;
        let asked = Instant::now();
        let usage = connector.and_then(Connector::api_usage);
        match context.options.store.renew_lease(&context.lease, ttl_ms, usage).await {
            Ok(()) => held_until = asked + LEASE_TTL,
            Err(StoreError::LeaseLost) => return Interrupt::Store(StoreError::LeaseLost),
            Err(error) if Instant::now() + RENEW_APART >= held_until => return Interrupt::Store(error),
            Err(error) => {
                tracing::warn!(
                    connection.id = %context.connection.id,
                    error = &error as &dyn std::error::Error,
                    "could not renew the lease"
                );
            }
        }
    }
}

/// Opens the connector and learns what the mapped objects look like.
async fn open(context: &OwnerContext) -> Result<Arc<dyn Connector>, Interrupt> {
    let mut failures = 0;
    loop {
        match try_open(context).await {
            Ok(connector) => return Ok(connector),
            Err(why) => context.recover(why, failures, "opening the connection").await?,
        }
        failures += 1;
    }
}

async fn try_open(context: &OwnerContext) -> Result<Arc<dyn Connector>, Interrupt> {
    let known = context.options.store.object_schemas(context.connection.id).await?;
    {
        let mut schemas = context.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        schemas.extend(known.into_iter().map(|schema| (schema.name.clone(), Arc::new(schema))));
    }
    let connector = context.options.connectors.open(&context.connection).await?;
    let mappings = context.options.store.mappings(context.connection.id).await?;
    let mapped = mappings.iter().map(|mapping| mapping.definition.salesforce.as_str());
    let mut objects: Vec<&str> = mapped.chain(connector.offered_objects().iter().copied()).collect();
    objects.sort_unstable();
    objects.dedup();
    for object in objects {
        match context.describe(connector.as_ref(), object).await {
            // One object that can not be described must not hold up the others; its mapping's items say what is wrong.
            Err(Interrupt::Connector(error)) if matches!(policy(error.kind).action, Action::Issue(_)) => {
                tracing::warn!(connection.id = %context.connection.id, object, error = &error as &dyn std::error::Error, "object can not be described");
            }
            other => other?,
        }
    }
    Ok(connector)
}
