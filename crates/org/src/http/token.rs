//! The OAuth endpoints that machines call: token, revoke, introspect. What they decide stands in [`crate::core::oauth`].

use std::collections::HashMap;

use aws_lc_rs::{digest, hmac};
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::answer::{json_answer, ok};
use super::passage::Account;
use super::{Web, open_id, origin};
use crate::core::oauth::OAuthError;

const UNSUPPORTED_GRANT: OAuthError =
    OAuthError { error: "unsupported_grant_type", description: "grant type not supported" };
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// From memory: the endpoint wants its parameters in a body, and says so as an OAuth error.
const NO_POST: OAuthError = OAuthError { error: "invalid_request", description: "must use HTTP POST" };
const INVALID_TOKEN: OAuthError = OAuthError { error: "invalid_token", description: "invalid token" };

/// Form parameters, with the client's credentials from wherever they came.
struct Form {
    parameters: HashMap<String, String>,
}

impl Form {
    fn of(headers: &HeaderMap, query: HashMap<String, String>, body: &[u8]) -> Form {
        let mut parameters = query;
        parameters.extend(url::form_urlencoded::parse(body).into_owned());
        if let Some((id, secret)) = basic_credentials(headers) {
            parameters.insert("client_id".to_owned(), id);
            parameters.insert("client_secret".to_owned(), secret);
        }
        Form { parameters }
    }

    fn get(&self, name: &str) -> &str {
        self.given(name).unwrap_or_default()
    }

    fn given(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    // RFC 6749 has both form-encoded before they are joined.
    let plain = |text: &str| {
        let pair = format!("v={}", text.replace('+', "%2B"));
        url::form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
    };
    Some((plain(id), plain(secret)))
}

/// `GET /services/oauth2/token`.
pub(crate) async fn no_token() -> OAuthError {
    NO_POST
}

/// `POST /services/oauth2/token`. The reply has no `expires_in`: Salesforce never says when a session will end.
pub(crate) async fn token(
    State(web): State<Web>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::of(&headers, query, &body);
    let account = Account {
        client_id: form.given("client_id").map(str::to_owned),
        token: form.given("refresh_token").map(fingerprint),
        ..Account::default()
    };
    let mut response = give_token(&web, &form, &headers).into_response();
    response.extensions_mut().insert(account);
    response
}

/// Tells tokens apart without giving one away.
fn fingerprint(token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn give_token(web: &Web, form: &Form, headers: &HeaderMap) -> Result<Response, OAuthError> {
    let origin = origin(headers);
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let vouched = match form.get("client_assertion_type") {
        CLIENT_ASSERTION => Some(org.vouched_client(form.get("client_assertion"), &origin, now_ms)?),
        _ => None,
    };
    let (id, secret) = match &vouched {
        Some((id, secret)) => (id.as_str(), secret.as_str()),
        None => (form.get("client_id"), form.get("client_secret")),
    };
    let grant = match form.get("grant_type") {
        "authorization_code" => {
            let verifier = Some(form.get("code_verifier")).filter(|verifier| !verifier.is_empty());
            org.exchange_code(id, secret, form.get("code"), form.get("redirect_uri"), verifier, now_ms)?
        }
        "refresh_token" => org.refresh(id, secret, form.get("refresh_token"), now_ms)?,
        "client_credentials" => org.client_credentials(id, secret, now_ms)?,
        "password" => org.password_grant(id, secret, form.get("username"), form.get("password"), now_ms)?,
        JWT_BEARER => org.jwt_bearer(form.get("assertion"), &origin, now_ms)?,
        _ => return Err(UNSUPPORTED_GRANT),
    };
    let identity = format!("{origin}/id/{}/{}", org.org_id(), grant.session.user_id);
    let client = grant.session.client_id.as_deref().and_then(|id| org.client(id));
    let key = hmac::Key::new(hmac::HMAC_SHA256, client.map_or(secret, |client| &client.secret).as_bytes());
    drop(org);
    let issued_at = grant.session.issued_ms.to_string();
    let signature = STANDARD.encode(hmac::sign(&key, format!("{identity}{issued_at}").as_bytes()));
    let mut body = json!({
        "access_token": grant.session.access_token,
        "signature": signature,
        "scope": grant.session.scope,
        "instance_url": origin,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued_at,
    });
    if let Some(refresh_token) = &grant.refresh_token {
        body["refresh_token"] = json!(refresh_token);
    }
    if let Some(id_token) = open_id::id_token(web, &origin, &identity, &grant) {
        body["id_token"] = json!(id_token);
    }
    Ok(ok(&body))
}

/// `POST /services/oauth2/revoke`, or `GET` as some clients do.
pub(crate) async fn revoke(
    State(web): State<Web>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, OAuthError> {
    let form = Form::of(&headers, query, &body);
    if web.org.lock().revoke(form.get("token")) { Ok(StatusCode::OK.into_response()) } else { Err(INVALID_TOKEN) }
}

/// `POST /services/oauth2/introspect`: the only way to learn when a session will end. An app is told of its own tokens only.
pub(crate) async fn introspect(
    State(web): State<Web>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::of(&headers, query, &body);
    let (org, now_ms) = (web.org.lock(), web.org.now_ms());
    let (id, token) = (form.get("client_id"), form.get("token"));
    if org.check_client(id, form.get("client_secret")).is_err() {
        let body = json!({ "error": "invalid_client", "error_description": "invalid client credentials" });
        return json_answer(StatusCode::UNAUTHORIZED, &body);
    }
    let session = org.session(token, now_ms).filter(|session| session.client_id.as_deref() == Some(id));
    let grant = org.refresh_token_info(token, now_ms).filter(|grant| grant.client_id == id);
    let (kind, user_id, scope, issued_ms, expires_ms) = match (&session, &grant) {
        (Some(session), _) => ("access_token", &session.user_id, &session.scope, session.issued_ms, session.expires_ms),
        (_, Some(grant)) => ("refresh_token", &grant.user_id, &grant.scope, grant.issued_ms, grant.expires_ms),
        _ => return ok(&json!({ "active": false })),
    };
    let username = org.record(user_id).and_then(|(user, row)| row.get(user.index_of("Username")?).as_text());
    ok(&json!({
        "active": true,
        "scope": scope,
        "client_id": id,
        "username": username,
        "sub": format!("{}/id/{}/{user_id}", origin(&headers), org.org_id()),
        "token_type": kind,
        "exp": expires_ms / 1000,
        "iat": issued_ms / 1000,
        "nbf": issued_ms / 1000,
    }))
}
