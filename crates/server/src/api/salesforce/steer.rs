//! What an administrator does to a connection that stands: pause and resume it, set its share of the org's calls, disconnect it.

use std::future::Future;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use syncline_model::store::StoreError;
use utoipa::ToSchema;

use super::{
    super::{
        Api, EnvironmentPath,
        error::{ApiError, ErrorBody},
        extract::{InEnvironment, Json},
    },
    Connection, connected, describe,
};
use crate::stopping::{STOP_PATIENCE, disconnect_org, pause_org, resume_org};

/// What can be set of a connection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ConnectionInput {
    /// Share of the org's daily API calls that Syncline may use, 1 to 100 percent.
    #[schema(minimum = 1, maximum = 100)]
    api_share_percent: i64,
}

/// Set the share of the org's API calls that Syncline may use.
#[utoipa::path(
    patch, path = "/environments/{env}/salesforce", tag = "salesforce", operation_id = "updateConnection",
    params(EnvironmentPath), request_body = ConnectionInput,
    responses(
        (status = 200, body = Connection), (status = 400, body = ErrorBody, description = "`field` names what is wrong"),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "Not connected"),
    ),
)]
pub(in crate::api) async fn update(
    State(api): State<Api>,
    environment: InEnvironment,
    Json(input): Json<ConnectionInput>,
) -> Result<axum::Json<Connection>, ApiError> {
    let percent = u8::try_from(input.api_share_percent).ok().filter(|percent| (1..=100).contains(percent));
    let percent = percent.ok_or_else(|| {
        ApiError::invalid(
            "api_share_percent",
            "Enter a whole number from 1 to 100. To stop all calls, pause the connection.",
        )
    })?;
    let connection = connected(&api, environment.id).await?;
    api.store.set_api_share(connection.id, percent).await?;
    Ok(axum::Json(describe(&api, environment.id).await?))
}

/// Pause. Once this answers, nothing is sent to that org until somebody resumes; changes on both sides are kept.
#[utoipa::path(
    post, path = "/environments/{env}/salesforce/pause", tag = "salesforce", operation_id = "pauseConnection",
    params(EnvironmentPath),
    responses((status = 200, body = Connection), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)),
)]
pub(in crate::api) async fn pause(
    State(api): State<Api>,
    environment: InEnvironment,
) -> Result<axum::Json<Connection>, ApiError> {
    let connection = connected(&api, environment.id).await?;
    let parts = api.clone();
    to_its_end(async move { pause_org(&parts.store, &connection).await }).await?;
    Ok(axum::Json(describe(&api, environment.id).await?))
}

/// Resume. Sync goes on where it stopped.
#[utoipa::path(
    post, path = "/environments/{env}/salesforce/resume", tag = "salesforce", operation_id = "resumeConnection",
    params(EnvironmentPath),
    responses((status = 200, body = Connection), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)),
)]
pub(in crate::api) async fn resume(
    State(api): State<Api>,
    environment: InEnvironment,
) -> Result<axum::Json<Connection>, ApiError> {
    let connection = connected(&api, environment.id).await?;
    resume_org(&api.store, &connection).await?;
    Ok(axum::Json(describe(&api, environment.id).await?))
}

/// What disconnecting has come to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Disconnection {
    /// Whether Salesforce has taken back what it had granted. Otherwise it did not answer, and Syncline goes on trying for 24 hours.
    revoked: bool,
}

/// Disconnect. Once this answers, nothing but the grant's revocation is sent to that org any more. Mappings and attribute values stay.
#[utoipa::path(
    delete, path = "/environments/{env}/salesforce", tag = "salesforce", operation_id = "disconnectSalesforce",
    params(EnvironmentPath),
    responses(
        (status = 200, body = Disconnection, description = "Disconnected"),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
)]
pub(in crate::api) async fn disconnect(
    State(api): State<Api>,
    environment: InEnvironment,
) -> Result<axum::Json<Disconnection>, ApiError> {
    let Some(connection) = api.store.connection(environment.id).await? else {
        return Ok(axum::Json(Disconnection { revoked: true }));
    };
    let parts = api.clone();
    let revoked = to_its_end(async move { disconnect_org(&parts.store, &parts.login, &connection).await }).await?;
    Ok(axum::Json(Disconnection { revoked }))
}

/// Goes on even if the browser hangs up: a half disconnected org would keep its token.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::time::timeout(STOP_PATIENCE, tokio::spawn(work)).await {
        Ok(Ok(done)) => Ok(done?),
        Ok(Err(broken)) => Err(ApiError::defect(broken)),
        Err(_) => {
            Err(ApiError::conflict("A server that works on this connection has not stopped yet; it will be soon."))
        }
    }
}
