//! Connecting: sending the browser to Salesforce's login page, and taking it back from there.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use base64::Engine;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use syncline_model::store::Authorization;
use utoipa::{IntoParams, ToSchema};

use super::super::{
    Api, EnvironmentPath,
    error::{ApiError, ErrorBody},
    extract::{InEnvironment, Json, Query, session_token},
};
use crate::{salesforce_login::in_words, secrets};

/// How long somebody may take at Salesforce's login page.
const AUTHORIZATION_MINUTES: i64 = 10;

/// Which login page.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct AuthorizeInput {
    /// One of `login_urls`, or the address of a My Domain; the first of `login_urls` where left out.
    #[serde(default)]
    login_url: Option<String>,
}

/// Where to send the browser.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct AuthorizeUrl {
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
pub(in crate::api) async fn authorize(
    State(api): State<Api>,
    environment: InEnvironment,
    Json(input): Json<AuthorizeInput>,
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
pub(in crate::api) struct CallbackQuery {
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
pub(in crate::api) async fn callback(
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
    let exchanged = api.login.exchange(&begun.login_url, &code, &begun.verifier, api.clock.now()).await;
    let (org, credentials) =
        exchanged.map_err(|error| format!("Salesforce refused the sign-in: {}", in_words(&error)))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_salesforce_says_can_not_become_part_of_the_page() {
        assert_eq!(escape("<b onclick='x'>\"&"), "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;");
    }
}
