//! The owner of one connection: holds its lease, opens its connector, and runs its listener and its two workers, until the lease
//! is lost, it is told to stop, or the grant is gone.

use std::{sync::Arc, time::Duration};

use syncline_model::{connector::Connector, id::ConnectionId, store::StoreError};
use tokio::time::Instant;

use crate::{
    apply::{self, Hand},
    context::{Interrupt, OwnerContext},
    error_policy::{Action, policy},
    listen,
};

/// How long a lease lasts without being renewed: what a connection stands still when its node dies and does not come back.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(15);
/// Renewed this often, so that two failures in a row cost nothing.
const RENEW_APART: Duration = Duration::from_secs(4);

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
        why = apply::run(context, connector, &items, Hand::Local) => why,
        why = apply::run(context, connector, &items, Hand::Remote) => why,
        why = apply::run(context, connector, &items, Hand::Bulk) => why,
    }
}

/// Renews the lease. Stops before it has run out by this node's own monotonic clock, whatever the store says by then.
async fn hold_lease(context: &OwnerContext, connector: Option<&dyn Connector>) -> Interrupt {
    let ttl_ms = i64::try_from(LEASE_TTL.as_millis()).unwrap_or(i64::MAX);
    let mut held_until = Instant::now() + LEASE_TTL;
    loop {
        tokio::time::sleep(RENEW_APART).await;
        let asked = Instant::now();
        let report = connector.map(Connector::report).unwrap_or_default();
        match context.options.store.renew_lease(&context.lease, ttl_ms, &report).await {
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
    context.remember(context.options.store.object_schemas(context.connection.id).await?);
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
