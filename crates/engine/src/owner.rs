//! The owner of one connection: holds its lease, opens its connector, and runs all that works on it, until the lease is lost, it is
//! told to stop, or the grant is gone. Then it closes the connector, and only then gives the lease back: whoever waits for the lease
//! knows by it that no call of this node goes out any more.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use syncline_model::{
    budget::CallReport, connection::Lease, connector::Connector, id::ConnectionId, store::StoreError,
};
use tokio::time::Instant;

use crate::{
    apply::{self, Hand},
    context::{EngineOptions, Interrupt, OwnerContext},
    errands,
    error_policy::{Action, policy},
    feeds::{self, Preparing},
    inquiries, listen, objects, sweep,
};

/// How long a lease lasts without being renewed: what a connection stands still when its node dies and does not come back.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(15);
/// Renewed this often, so that two failures in a row cost nothing.
const RENEW_APART: Duration = Duration::from_secs(4);
/// Closing breaks off by itself what hangs; beyond this it is broken, and the lease runs out by itself.
const CLOSING_MOST: Duration = Duration::from_secs(60);

/// Works on the connection until that ends, then gives the lease back.
pub(crate) async fn run(context: OwnerContext) -> ConnectionId {
    let id = context.connection.id;
    let opened = OnceLock::new();
    // Dropping the work in the middle of anything is as safe as dying there.
    let why = tokio::select! {
        () = context.stop.cancelled() => Interrupt::Stopped,
        why = work(&context, &opened) => why,
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
    leave(&context.options, &context.lease, opened.get().map(AsRef::as_ref)).await;
    id
}

/// Closes the connector and gives the lease back, which is held meanwhile.
pub(crate) async fn leave(options: &EngineOptions, lease: &Lease, connector: Option<&dyn Connector>) {
    if let Some(connector) = connector {
        let closed = async {
            tokio::select! {
                () = connector.close() => true,
                () = tokio::time::sleep(CLOSING_MOST) => false,
            }
        };
        tokio::pin!(closed);
        let is_closed = loop {
            tokio::select! {
                is_closed = &mut closed => break is_closed,
                () = tokio::time::sleep(RENEW_APART) => renew(options, lease, &CallReport::default()).await,
            }
        };
        // The last calls count too.
        renew(options, lease, &connector.report()).await;
        if !is_closed {
            tracing::error!(connection.id = %lease.connection_id, "calls to Salesforce do not end; the lease runs out by itself");
            return;
        }
    }
    if let Err(error) = options.store.release_lease(lease).await {
        tracing::warn!(connection.id = %lease.connection_id, error = &error as &dyn std::error::Error, "could not give the lease back; it runs out");
    }
}

/// Prolongs a lease that is about to be given back; it may be lost already.
async fn renew(options: &EngineOptions, lease: &Lease, report: &CallReport) {
    if let Err(error) = options.store.keep_lease(lease, ttl_ms(), report).await {
        tracing::debug!(connection.id = %lease.connection_id, error = &error as &dyn std::error::Error, "the lease is not renewed");
    }
}

async fn work(context: &OwnerContext, opened: &OnceLock<Arc<dyn Connector>>) -> Interrupt {
    let held = hold_lease(context, opened);
    let works = async {
        let connector = match open(context, opened).await {
            Ok(connector) => connector,
            Err(why) => return why,
        };
        let preparing = match prepare(context, connector).await {
            Ok(preparing) => preparing,
            Err(why) => return why,
        };
        let items = apply::InFlight::default();
        tokio::select! {
            why = feeds::run(context, connector, preparing) => why,
            why = listen::run(context, connector) => why,
            why = sweep::run(context, connector) => why,
            why = errands::run(context, connector) => why,
            why = inquiries::run(context, connector) => why,
            why = apply::run(context, connector, &items, Hand::Local) => why,
            why = apply::run(context, connector, &items, Hand::Remote) => why,
            why = apply::run(context, connector, &items, Hand::Bulk) => why,
        }
    };
    tokio::select! {
        why = held => why,
        why = works => why,
    }
}

/// Renews the lease. Stops before it has run out by this node's own monotonic clock, whatever the store says by then.
async fn hold_lease(context: &OwnerContext, opened: &OnceLock<Arc<dyn Connector>>) -> Interrupt {
    let mut held_until = Instant::now() + LEASE_TTL;
    // What was counted but could not be kept is counted with the next.
    let mut unsaved = 0;
    loop {
        tokio::time::sleep(RENEW_APART).await;
        let asked = Instant::now();
        let mut report = opened.get().map(|connector| connector.report()).unwrap_or_default();
        context.spending.add(&report, context.now());
        report.calls += unsaved;
        match context.options.store.renew_lease(&context.lease, ttl_ms(), &report).await {
            Ok(()) => {
                held_until = asked + LEASE_TTL;
                unsaved = 0;
            }
            Err(StoreError::LeaseLost) => return Interrupt::Store(StoreError::LeaseLost),
            Err(error) if Instant::now() + RENEW_APART >= held_until => return Interrupt::Store(error),
            Err(error) => {
                unsaved = report.calls;
                tracing::warn!(
                    connection.id = %context.connection.id,
                    error = &error as &dyn std::error::Error,
                    "could not renew the lease"
                );
            }
        }
    }
}

fn ttl_ms() -> i64 {
    i64::try_from(LEASE_TTL.as_millis()).unwrap_or(i64::MAX)
}

/// Opens the connector and learns what the mapped objects look like.
async fn open<'a>(
    context: &OwnerContext,
    opened: &'a OnceLock<Arc<dyn Connector>>,
) -> Result<&'a dyn Connector, Interrupt> {
    let mut failures = 0;
    loop {
        match try_open(context, opened).await {
            Ok(connector) => return Ok(connector),
            Err(why) => context.recover(why, failures, "opening the connection").await?,
        }
        failures += 1;
    }
}

async fn try_open<'a>(
    context: &OwnerContext,
    opened: &'a OnceLock<Arc<dyn Connector>>,
) -> Result<&'a dyn Connector, Interrupt> {
    let store = &context.options.store;
    context.remember(store.object_schemas(context.connection.id).await?);
    let counted = store.api_calls(context.connection.id).await?;
    context.spending.load(counted, context.connection.api_usage, context.now());
    let connector = match opened.get() {
        Some(connector) => connector,
        None => {
            let connector = context.options.connectors.open(&context.connection).await?;
            opened.get_or_init(|| connector)
        }
    };
    let rules = context.stored_rules().await?;
    let mapped = rules.mappings.iter().map(|mapping| mapping.definition.salesforce.as_str());
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
    context.describe_used(connector.as_ref(), &rules.mappings).await?;
    objects::list(context, connector.as_ref()).await?;
    Ok(connector.as_ref())
}

/// Before anything is looked up: what changes from here on is kept by the stream.
async fn prepare(context: &OwnerContext, connector: &dyn Connector) -> Result<Preparing, Interrupt> {
    let mut failures = 0;
    loop {
        match Preparing::first(context, connector).await {
            Ok(preparing) => return Ok(preparing),
            Err(why) => context.recover(why, failures, "preparing the change stream").await?,
        }
        failures += 1;
    }
}
