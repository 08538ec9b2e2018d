//! Disconnecting an org: first nobody works on it any more, then its token is revoked and forgotten.

use std::{sync::Arc, time::Duration};

use syncline_model::{
    connection::{Connection, ConnectionStatus},
    store::{Store, StoreError},
};

use crate::salesforce_login::SalesforceLogin;

/// How often it is looked whether the connection's owner has stopped.
const LOOK: Duration = Duration::from_millis(50);

/// Disconnects. When it answers, no call to the org is under way or will be made. Waits for the node that works on the connection, or
/// for its lease to run out if it is dead.
///
/// # Errors
/// [`StoreError::Conflict`] if somebody connects it again meanwhile.
pub async fn disconnect_org(
    store: &Arc<dyn Store>,
    login: &SalesforceLogin,
    connection: &Connection,
) -> Result<(), StoreError> {
    let mut status = store.disconnect(connection.id).await?;
    while status == ConnectionStatus::Disconnecting {
        tokio::time::sleep(LOOK).await;
        status = store.connection_status(connection.id).await?;
    }
    if status != ConnectionStatus::Disconnected {
        return Err(StoreError::Conflict("Somebody connected it again meanwhile.".to_owned()));
    }
    let Some((credentials, epoch)) = store.credentials(connection.id).await? else { return Ok(()) };
    // A token that can not be revoked now is forgotten all the same: the person wants it gone from here.
    if let Err(error) = login.revoke(&connection.org.login_url, &credentials).await {
        tracing::warn!(%error, connection.id = %connection.id, "the token could not be revoked at Salesforce");
    }
    store.forget_credentials(connection.id, epoch).await
}
