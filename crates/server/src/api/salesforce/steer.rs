//! What an administrator does to a connection that stands: pause and resume it, set its share of the org's calls, disconnect it.

use std::future::Future;

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use syncline_model::{connection::ConnectionStatus, store::StoreError};
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

/// Disconnect. Once this answers, nothing is sent to that org any more. Mappings and attribute values stay.
#[utoipa::path(
    delete, path = "/environments/{env}/salesforce", tag = "salesforce", operation_id = "disconnectSalesforce",
    params(EnvironmentPath),
    responses((status = 204, description = "Disconnected"), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)),
)]
pub(in crate::api) async fn disconnect(
    State(api): State<Api>,
    environment: InEnvironment,
) -> Result<StatusCode, ApiError> {
    let connection = api.store.connection(environment.id).await?;
    let Some(connection) = connection.filter(|one| one.status != ConnectionStatus::Disconnected) else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let parts = api.clone();
    to_its_end(async move { disconnect_org(&parts.store, &parts.login, &connection).await.map(drop) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Goes on even if the browser hangs up: a half disconnected org would keep its token.
async fn to_its_end(work: impl Future<Output = Result<(), StoreError>> + Send + 'static) -> Result<(), ApiError> {
    match tokio::time::timeout(STOP_PATIENCE, tokio::spawn(work)).await {
        Ok(Ok(done)) => Ok(done?),
        Ok(Err(broken)) => Err(ApiError::defect(broken)),
        Err(_) => {
            Err(ApiError::conflict("A server that works on this connection has not stopped yet; it will be soon."))
        }
    }
}
