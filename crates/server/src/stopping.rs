//! Stopping the work on an org: pausing it for a while, or disconnecting it, after which what the org had granted is given back.
//!
//! The order is always the same. The store says so first; the node that works on the connection sees it, closes its way to the org
//! and gives the lease back; only then is it answered. What a disconnected org had granted is revoked after that: at once if
//! Salesforce answers, else by [`revoke_in_background`], from whatever node, until it is done or a day has passed.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use syncline_model::{
    clock::Clock,
    connection::{Connection, ConnectionStatus},
    connector::ErrorKind,
    id::ConnectionId,
    store::{Store, StoreError},
};
use tokio_util::sync::CancellationToken;

use crate::salesforce_login::SalesforceLogin;

/// How often it is looked whether the connection's owner has stopped.
const LOOK: Duration = Duration::from_millis(50);
/// How long whoever disconnects waits for Salesforce to take the grant back.
const REVOKE_PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks for grants that are still to be revoked.
const REVOKE_APART: Duration = Duration::from_secs(60);
/// A grant that could not be revoked in this time is forgotten: without its token nobody can use it from here.
const REVOKE_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Nobody works on a connection that was stopped, whatever is asked of it; says what to do first.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum Idle {
    /// Somebody paused it.
    #[error("Sync is paused. Resume it first: all that changed meanwhile is synced then.")]
    Paused,
    /// Salesforce took back its grant.
    #[error("Sign in to Salesforce again first: what waits is synced then.")]
    ReconnectNeeded,
}

/// What somebody has to do now can be done only where somebody works on the connection.
///
/// # Errors
/// Where nobody does until a person acts.
pub fn worked_on(connection: &Connection) -> Result<(), Idle> {
    match connection.status {
        ConnectionStatus::Paused => Err(Idle::Paused),
        ConnectionStatus::ReconnectNeeded => Err(Idle::ReconnectNeeded),
        _ => Ok(()),
    }
}

/// Calls may take half a minute to end, and a dead node's lease runs out within a quarter of one; longer than both.
pub const STOP_PATIENCE: Duration = Duration::from_secs(90);

/// Disconnects. When it answers, no call to the org is under way or will be made but the revocation. Waits for the node that works
/// on the connection, or for its lease to run out if it is dead. Tells whether Salesforce has taken back by now what it had granted;
/// of a connection that is disconnected already that is all there is to do.
///
/// # Errors
/// [`StoreError::Conflict`] if somebody connects it again meanwhile.
pub async fn disconnect_org(
    store: &Arc<dyn Store>,
    login: &SalesforceLogin,
    connection: &Connection,
) -> Result<bool, StoreError> {
    let mut status = match connection.status {
        ConnectionStatus::Disconnected => store.connection_status(connection.id).await?,
        _ => store.disconnect(connection.id).await?,
    };
    while status == ConnectionStatus::Disconnecting {
        tokio::time::sleep(LOOK).await;
        status = store.connection_status(connection.id).await?;
    }
    if status != ConnectionStatus::Disconnected {
        return Err(StoreError::Conflict("Somebody connected it again meanwhile.".to_owned()));
    }
    // A Salesforce that is silent has not done it.
    tokio::time::timeout(REVOKE_PATIENCE, revoke(store, login, connection)).await.unwrap_or(Ok(false))
}

/// Pauses. When it answers, no call to the org is under way or will be made. Everything is kept.
///
/// # Errors
/// [`StoreError::Conflict`] where it is not connected, or somebody resumes it meanwhile.
pub async fn pause_org(store: &Arc<dyn Store>, connection: &Connection) -> Result<(), StoreError> {
    if connection.status != ConnectionStatus::Paused {
        store.pause(connection.id).await?;
    }
    while store.is_owned(connection.id).await? {
        still_paused(store, connection.id).await?;
        tokio::time::sleep(LOOK).await;
    }
    still_paused(store, connection.id).await
}

async fn still_paused(store: &Arc<dyn Store>, connection: ConnectionId) -> Result<(), StoreError> {
    match store.connection_status(connection).await? {
        ConnectionStatus::Paused => Ok(()),
        _ => Err(StoreError::Conflict("Somebody resumed or disconnected it meanwhile.".to_owned())),
    }
}

/// Ends a pause: what changed meanwhile follows.
///
/// # Errors
/// [`StoreError::Conflict`] where it is not paused.
pub async fn resume_org(store: &Arc<dyn Store>, connection: &Connection) -> Result<(), StoreError> {
    match connection.status {
        ConnectionStatus::Connected => Ok(()),
        _ => store.resume(connection.id).await,
    }
}

/// Revokes what a disconnected org had granted and forgets it; tells whether that is done. One that Salesforce refuses to revoke is
/// forgotten as well, since it will say so again.
///
/// # Errors
/// Where the store fails.
async fn revoke(store: &Arc<dyn Store>, login: &SalesforceLogin, connection: &Connection) -> Result<bool, StoreError> {
    let Some((credentials, epoch)) = store.credentials(connection.id).await? else { return Ok(true) };
    if let Err(error) = login.revoke(&connection.org.login_url, &credentials).await {
        let is_final = !matches!(
            error.kind,
            ErrorKind::Transient | ErrorKind::RateLimited | ErrorKind::QuotaExhausted | ErrorKind::UnknownOutcome
        );
        tracing::warn!(%error, connection.id = %connection.id, is_final, "the grant could not be revoked at Salesforce");
        if !is_final {
            return Ok(false);
        }
    }
    store.forget_credentials(connection.id, epoch).await?;
    Ok(true)
}

/// Revokes what could not be revoked when it was disconnected, by whomever, until it is told to stop.
pub async fn revoke_in_background(
    store: Arc<dyn Store>,
    login: Arc<SalesforceLogin>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        if let Err(error) = revoke_all(&store, &login, &*clock).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "could not look for grants to revoke");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(REVOKE_APART) => {}
        }
    }
}

async fn revoke_all(store: &Arc<dyn Store>, login: &SalesforceLogin, clock: &dyn Clock) -> Result<(), StoreError> {
    for environment in store.environments().await? {
        let connection = store.connection(environment.id).await?;
        let disconnected = connection.filter(|one| one.status == ConnectionStatus::Disconnected);
        let Some(connection) = disconnected else { continue };
        let Some((_, epoch)) = store.credentials(connection.id).await? else { continue };
        // Its stream stands still since it was disconnected.
        if clock.now().duration_since(connection.stream.since) < REVOKE_FOR {
            revoke(store, login, &connection).await?;
        } else {
            tracing::warn!(connection.id = %connection.id, "a grant could not be revoked at Salesforce for a day; forgetting it");
            store.forget_credentials(connection.id, epoch).await?;
        }
    }
    Ok(())
}
