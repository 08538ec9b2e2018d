//! The environment's connection to Salesforce: how it stands, connecting, disconnecting, and what the org consists of.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::Engine;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use syncline_model::{
    connection,
    schema::{FieldSchema, ObjectSchema},
    store::Authorization,
};
use utoipa::{IntoParams, ToSchema};

use super::{
    Api, EnvironmentPath,
    error::{ApiError, ErrorBody},
    extract::{InEnvironment, Query, session_token},
    words::{ConnectionStatus, StreamState},
};
use crate::{disconnect::disconnect_org, secrets};

/// How long somebody may take at Salesforce's login page.
const AUTHORIZATION_MINUTES: i64 = 10;

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
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    connected_at: Option<Timestamp>,
    /// Plain words where it is not healthy.
    #[schema(required = true)]
    detail: Option<String>,
    #[schema(required = true)]
    stream: Option<Stream>,
    /// Work items due.
    waiting: u64,
    /// Linked profiles.
    links: u64,
    /// Sync issues.
    issues: u64,
    #[schema(required = true)]
    api_calls: Option<ApiCalls>,
    /// Whether this installation has a Salesforce client id, so that one can connect.
    available: bool,
    /// Login pages to choose from.
    login_urls: Vec<String>,
}

/// State of the change stream.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stream {
    state: StreamState,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Commit time of the newest event.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    last_event_at: Option<Timestamp>,
    /// How long the newest event took to arrive, in milliseconds.
    #[schema(required = true)]
    last_delay_ms: Option<i64>,
    /// Plain words where it is not healthy.
    #[schema(required = true)]
    detail: Option<String>,
}

/// Use of the org's daily allowance of API calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiCalls {
    used: u64,
    limit: u64,
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
pub(super) async fn describe(
    api: &Api,
    environment: syncline_model::id::EnvironmentId,
) -> Result<Connection, ApiError> {
    let stored = api.store.connection(environment).await?;
    let shown = stored.filter(|one| ConnectionStatus::from(one.status) != ConnectionStatus::NotConnected);
    let mut view = Connection {
        status: ConnectionStatus::NotConnected,
        username: None,
        organization_id: None,
        organization_name: None,
        instance_url: None,
        connected_at: None,
        detail: None,
        stream: None,
        waiting: 0,
        links: 0,
        issues: 0,
        api_calls: None,
        available: api.login.is_available(),
        login_urls: api.login.login_urls(),
    };
    let Some(stored) = shown else { return Ok(view) };
    let counts = api.store.counts(stored.id, None).await?;
    view.status = stored.status.into();
    view.username = Some(stored.org.username);
    view.organization_id = Some(stored.org.org_id);
    view.organization_name = Some(stored.org.org_name);
    view.instance_url = Some(stored.org.instance_url);
    view.connected_at = Some(stored.connected_at);
    view.detail = stored.detail;
    view.stream = Some(Stream {
        state: stored.stream.state.into(),
        since: stored.stream.since,
        last_event_at: stored.stream.last_event_at,
        last_delay_ms: stored.stream.last_delay_ms,
        detail: stored.stream.detail,
    });
    view.waiting = counts.waiting;
    view.links = counts.links;
    view.issues = counts.issues;
    view.api_calls = stored.api_usage.map(|usage| ApiCalls { used: usage.used, limit: usage.limit });
    Ok(view)
}

/// Which login page.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorizeInput {
    /// One of `login_urls`, or the address of a My Domain; the first of `login_urls` where left out.
    #[serde(default)]
    login_url: Option<String>,
}

/// Where to send the browser.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuthorizeUrl {
    /// Salesforce's login page, to be opened in a window of its own.
    url: String,
}

/// Begin to connect. The answer's page comes back to `/api/v1/salesforce/callback`, which tells the window that opened it.
#[utoipa::path(
    post, path = "/environments/{env}/salesforce/authorize", tag = "salesforce", operation_id = "authorizeSalesforce",
    params(EnvironmentPath), request_body = AuthorizeInput,
    responses(
        (status = 200, body = AuthorizeUrl), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "No Salesforce client id is set"),
    ),
)]
pub(super) async fn authorize(
    State(api): State<Api>,
    environment: InEnvironment,
    super::extract::Json(input): super::extract::Json<AuthorizeInput>,
) -> Result<axum::Json<AuthorizeUrl>, ApiError> {
    if !api.login.is_available() {
        return Err(ApiError::conflict(
            "No Salesforce client id is set on this server (SYNCLINE_SALESFORCE_CLIENT_ID); its operator has to add one.",
        ));
    }
    let login_url =
        api.login.choose_login_url(input.login_url).map_err(|words| ApiError::invalid("login_url", words))?;
    let state = secrets::random_token();
    let (url, verifier) = api.login.begin(&login_url, &state).map_err(ApiError::defect)?;
    let authorization =
        Authorization { environment_id: environment.id, session_hash: environment.session_hash, login_url, verifier };
    let expires_at = api.clock.now().saturating_add(SignedDuration::from_mins(AUTHORIZATION_MINUTES));
    let expires_at = expires_at.map_err(ApiError::defect)?;
    api.store.add_authorization(&secrets::digest(&state), &authorization, expires_at).await?;
    Ok(axum::Json(AuthorizeUrl { url: url.into() }))
}

/// What Salesforce sends the browser back with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CallbackQuery {
    /// Code to exchange for tokens.
    code: Option<String>,
    /// What `authorize` gave.
    state: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// The same in words.
    error_description: Option<String>,
}

/// Where Salesforce sends the browser back to: a page that tells the window that opened it how it went, and closes.
#[utoipa::path(
    get, path = "/salesforce/callback", tag = "salesforce", operation_id = "salesforceCallback", params(CallbackQuery),
    responses((status = 200, content_type = "text/html", body = String)),
)]
pub(super) async fn callback(
    State(api): State<Api>,
    headers: HeaderMap,
    Query(query): Query<CallbackQuery>,
) -> Result<Response, ApiError> {
    let outcome = finish_connect(&api, &headers, query).await;
    let (ok, message) = match &outcome {
        Ok(org_name) => (true, format!("Connected to {org_name}.")),
        Err(words) => (false, words.clone()),
    };
    Ok(result_page(ok, &message))
}

async fn finish_connect(api: &Api, headers: &HeaderMap, query: CallbackQuery) -> Result<String, String> {
    const STALE: &str = "This sign-in is not known any more. Go back to Syncline and connect again.";
    let session = session_token(headers).ok_or("Sign in to Syncline first, then connect again.")?;
    let state = query.state.ok_or(STALE)?;
    let words = |error: ApiError| error.message().to_owned();
    let begun = api.store.take_authorization(&secrets::digest(&state)).await.map_err(|error| words(error.into()))?;
    let begun = begun.ok_or(STALE)?;
    let session_hash = secrets::digest(session);
    let signed_in = api.store.session_member(&session_hash).await.map_err(|error| words(error.into()))?.is_some();
    if !signed_in || begun.session_hash != session_hash {
        return Err("This sign-in was begun in another browser session. Connect again from this one.".to_owned());
    }
    if let Some(error) = query.error {
        let said = query.error_description.unwrap_or(error);
        return Err(format!("Salesforce did not allow it: {said}"));
    }
    let code = query.code.ok_or(STALE)?;
    let exchanged = api.login.exchange(&begun.login_url, &code, &begun.verifier).await;
    let (org, credentials) = exchanged.map_err(|error| format!("Salesforce refused the sign-in: {error}"))?;
    let connected = api.store.connect(begun.environment_id, &org, &credentials).await;
    if let Err(error) = connected {
        // The grant is of no use to anyone now.
        if let Err(error) = api.login.revoke(&org.login_url, &credentials).await {
            tracing::warn!(%error, "could not revoke a token that was not needed");
        }
        return Err(words(error.into()));
    }
    tracing::info!(organization.id = %org.org_id, "connected environment {} to an org", begun.environment_id);
    Ok(org.org_name)
}

/// Runs in the window that the sign-in happened in. The window that opened it may have been lost on the way through
/// Salesforce's pages, so the same is said on a channel that all windows of this site hear.
const RESULT_SCRIPT: &str = r#"
const { ok, message } = document.body.dataset;
const said = { type: "syncline:salesforce", ok: ok === "true", message };
if (window.opener) window.opener.postMessage(said, window.location.origin);
new BroadcastChannel("syncline:salesforce").postMessage(said);
if (window.opener) window.close();
"#;

fn result_page(ok: bool, message: &str) -> Response {
    let words = escape(message);
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Salesforce</title>\
         <body data-ok=\"{ok}\" data-message=\"{words}\" style=\"font: 16px/1.5 system-ui; margin: 3rem\">\
         <p>{words}</p><p><a href=\"/\">Back to Syncline</a></p><script>{RESULT_SCRIPT}</script></body></html>"
    );
    let script = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, RESULT_SCRIPT.as_bytes());
    let script = base64::engine::general_purpose::STANDARD.encode(script);
    let policy =
        format!("default-src 'none'; script-src 'sha256-{script}'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    let mut response = Html(page).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Disconnect. Once this answers, nothing is sent to that org any more. Mappings and attribute values stay.
#[utoipa::path(
    delete, path = "/environments/{env}/salesforce", tag = "salesforce", operation_id = "disconnectSalesforce",
    params(EnvironmentPath),
    responses((status = 204, description = "Disconnected"), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)),
)]
pub(super) async fn disconnect(State(api): State<Api>, environment: InEnvironment) -> Result<StatusCode, ApiError> {
    let connection = api.store.connection(environment.id).await?;
    let Some(connection) = connection.filter(|one| one.status != connection::ConnectionStatus::Disconnected) else {
        return Ok(StatusCode::NO_CONTENT);
    };
    // Goes on to its end even if the browser hangs up: a half disconnected org would keep its token.
    let parts = api.clone();
    let done = tokio::spawn(async move { disconnect_org(&parts.store, &parts.login, &connection).await });
    match tokio::time::timeout(DISCONNECT_PATIENCE, done).await {
        Ok(Ok(Ok(()))) => Ok(StatusCode::NO_CONTENT),
        Ok(Ok(Err(error))) => Err(error.into()),
        Ok(Err(broken)) => Err(ApiError::defect(broken)),
        Err(_) => {
            Err(ApiError::conflict("A server that works on this connection has not stopped yet; it will be soon."))
        }
    }
}

/// Longer than a lease lives without being renewed, so that even a dead node's connection is disconnected within it.
const DISCONNECT_PATIENCE: Duration = Duration::from_secs(90);

/// An object type of the org.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ObjectSummary {
    /// API name.
    name: String,
    label: String,
}

/// Object types that can be mapped.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ObjectList {
    data: Vec<ObjectSummary>,
}

/// An object type with its fields.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SalesforceObject {
    /// API name.
    name: String,
    label: String,
    fields: Vec<SalesforceField>,
}

/// A field.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SalesforceField {
    /// API name.
    name: String,
    label: String,
    /// Type in Salesforce's words.
    #[serde(rename = "type")]
    field_type: String,
    /// Most characters.
    #[schema(required = true)]
    length: Option<u32>,
    /// Whether the connected user may change it.
    updateable: bool,
    /// Whether the customer made it.
    custom: bool,
    /// Object types that a reference can point to.
    reference_to: Vec<String>,
}

/// Object types that can be mapped.
#[utoipa::path(
    get, path = "/environments/{env}/salesforce/objects", tag = "salesforce", operation_id = "listSalesforceObjects",
    params(EnvironmentPath),
    responses(
        (status = 200, body = ObjectList), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected, or the org is not read yet"),
    ),
)]
pub(super) async fn list_objects(
    State(api): State<Api>,
    environment: InEnvironment,
) -> Result<axum::Json<ObjectList>, ApiError> {
    let schemas = schemas_of(&api, environment.id).await?;
    let data = schemas.into_iter().map(|schema| ObjectSummary { name: schema.name, label: schema.label }).collect();
    Ok(axum::Json(ObjectList { data }))
}

/// Path of an object type.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ObjectPath {
    /// Environment id.
    #[serde(rename = "env")]
    _env: String,
    /// API name.
    name: String,
}

/// An object type with its fields.
#[utoipa::path(
    get, path = "/environments/{env}/salesforce/objects/{name}", tag = "salesforce", operation_id = "getSalesforceObject",
    params(ObjectPath),
    responses(
        (status = 200, body = SalesforceObject), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected, or the org is not read yet"),
    ),
)]
pub(super) async fn get_object(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ObjectPath>,
) -> Result<axum::Json<SalesforceObject>, ApiError> {
    let schemas = schemas_of(&api, environment.id).await?;
    let schema = schemas.into_iter().find(|schema| schema.name.eq_ignore_ascii_case(&path.name));
    let schema = schema.ok_or_else(|| ApiError::not_found("The object"))?;
    Ok(axum::Json(SalesforceObject {
        name: schema.name,
        label: schema.label,
        fields: schema.fields.into_iter().map(show_field).collect(),
    }))
}

fn show_field(field: FieldSchema) -> SalesforceField {
    let field_type = serde_json::to_value(field.field_type).ok();
    SalesforceField {
        name: field.name,
        label: field.label,
        field_type: field_type.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
        length: field.length,
        updateable: field.updateable,
        custom: field.custom,
        reference_to: field.reference_to,
    }
}

async fn schemas_of(api: &Api, environment: syncline_model::id::EnvironmentId) -> Result<Vec<ObjectSchema>, ApiError> {
    let connection = api.store.connection(environment).await?;
    let connection = connection.filter(|one| ConnectionStatus::from(one.status) != ConnectionStatus::NotConnected);
    described(api, &connection.ok_or_else(|| ApiError::conflict("Connect with Salesforce first."))?).await
}

/// What the org said of its objects; refused until it has said something.
pub(super) async fn described(api: &Api, connection: &connection::Connection) -> Result<Vec<ObjectSchema>, ApiError> {
    let schemas = api.store.object_schemas(connection.id).await?;
    if schemas.is_empty() {
        return Err(ApiError::conflict("The org's objects are still being read; try again in a few seconds."));
    }
    Ok(schemas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_salesforce_says_can_not_become_part_of_the_page() {
        assert_eq!(escape("<b onclick='x'>\"&"), "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;");
    }
}
