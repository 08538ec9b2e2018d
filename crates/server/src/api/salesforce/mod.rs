//! The environment's connection to Salesforce, as the screens show it: how it stands, how changes arrive, what it costs, and what
//! the last examination found.

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use syncline_model::{connection, id::EnvironmentId};
use utoipa::ToSchema;

use self::{
    budget::Budget,
    examination::Examination,
    feeds::{Feed, Stream},
};
use super::{
    Api, EnvironmentPath,
    error::{ApiError, ErrorBody},
    extract::InEnvironment,
    words::ConnectionStatus,
};
use crate::stopping;

mod budget;
pub(super) mod connect;
pub(super) mod examination;
mod feeds;
pub(super) mod objects;
pub(super) mod steer;

/// How the connection stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Connection {
    status: ConnectionStatus,
    /// The connected Salesforce user.
    #[schema(required = true)]
    username: Option<String>,
    #[schema(required = true)]
    organization_id: Option<String>,
    #[schema(required = true)]
    organization_name: Option<String>,
    #[schema(required = true)]
    instance_url: Option<String>,
    /// Where it was signed in last: one of `login_urls`, or a My Domain.
    #[schema(required = true)]
    login_url: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    connected_at: Option<Timestamp>,
    /// Plain words where it is not healthy.
    #[schema(required = true)]
    detail: Option<String>,
    #[schema(required = true)]
    stream: Option<Stream>,
    /// How changes of each mapped object are noticed, by object.
    feeds: Vec<Feed>,
    /// What it costs the org; nothing where it is not connected.
    #[schema(required = true)]
    budget: Option<Budget>,
    /// What the last examination found; nothing where it is not connected.
    #[schema(required = true)]
    examination: Option<Examination>,
    /// Work items due.
    waiting: u64,
    /// Linked profiles.
    links: u64,
    /// Sync issues.
    issues: u64,
    /// Whether this installation has a Salesforce client id, so that one can connect in the browser.
    available: bool,
    /// Login pages to choose from.
    login_urls: Vec<String>,
    /// The callback URL that an External Client App must have for this server.
    callback_url: String,
}

/// How the connection stands.
#[utoipa::path(
    get, path = "/environments/{env}/salesforce", tag = "salesforce", operation_id = "getConnection",
    params(EnvironmentPath), responses((status = 200, body = Connection), (status = 404, body = ErrorBody)),
)]
pub(super) async fn status(
    State(api): State<Api>,
    environment: InEnvironment,
) -> Result<axum::Json<Connection>, ApiError> {
    Ok(axum::Json(describe(&api, environment.id).await?))
}

/// The connection as the screens show it.
pub(super) async fn describe(api: &Api, environment: EnvironmentId) -> Result<Connection, ApiError> {
    let mut view = Connection {
        status: ConnectionStatus::NotConnected,
        username: None,
        organization_id: None,
        organization_name: None,
        instance_url: None,
        login_url: None,
        connected_at: None,
        detail: None,
        stream: None,
        feeds: Vec::new(),
        budget: None,
        examination: None,
        waiting: 0,
        links: 0,
        issues: 0,
        available: api.login.is_available(),
        login_urls: api.login.login_urls(),
        callback_url: api.login.callback_url().to_owned(),
    };
    let Some(stored) = shown(api, environment).await? else { return Ok(view) };
    let counts = api.store.counts(stored.id, None).await?;
    view.feeds = feeds::describe(api, stored.id).await?;
    view.budget = Some(budget::describe(api, &stored).await?);
    view.examination = Some(examination::describe(api, stored.id).await?);
    view.status = stored.status.into();
    view.username = Some(stored.org.username);
    view.organization_id = Some(stored.org.org_id);
    view.organization_name = Some(stored.org.org_name);
    view.instance_url = Some(stored.org.instance_url);
    view.login_url = Some(stored.org.login_url);
    view.connected_at = Some(stored.connected_at);
    view.detail = stored.detail;
    view.stream = Some(stored.stream.into());
    view.waiting = counts.waiting;
    view.links = counts.links;
    view.issues = counts.issues;
    Ok(view)
}

/// The connection, unless it is being disconnected or was.
async fn shown(api: &Api, environment: EnvironmentId) -> Result<Option<connection::Connection>, ApiError> {
    let stored = api.store.connection(environment).await?;
    Ok(stored.filter(|one| ConnectionStatus::from(one.status) != ConnectionStatus::NotConnected))
}

/// The same, for what can not be done without one.
pub(super) async fn connected(api: &Api, environment: EnvironmentId) -> Result<connection::Connection, ApiError> {
    shown(api, environment).await?.ok_or_else(|| ApiError::conflict("Connect with Salesforce first."))
}

/// The same, for what somebody has to do now.
pub(super) async fn worked_on(api: &Api, environment: EnvironmentId) -> Result<connection::Connection, ApiError> {
    let connection = connected(api, environment).await?;
    stopping::worked_on(&connection)?;
    Ok(connection)
}

/// Where a record opens: under /<id>; Lightning and the older screens both forward from there.
pub(super) fn record_url(connection: &connection::Connection, id: &str) -> String {
    format!("{}/{id}", connection.org.instance_url.trim_end_matches('/'))
}
