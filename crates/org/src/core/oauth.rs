//! Who may come in: clients, passwords, authorization codes, grants with their refresh tokens, and sessions.

use std::collections::HashMap;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use rand::rngs::StdRng;

use super::id;
use super::org::Org;
use super::value::FieldValue;

/// Life of an authorization code.
pub const CODE_LIFE_MS: i64 = 15 * 60 * 1000;
/// Life of a session that nobody uses (Salesforce's default session timeout).
pub const SESSION_IDLE_MS: i64 = 2 * 3600 * 1000;
/// Life of a refresh token that nobody uses.
pub const REFRESH_IDLE_MS: i64 = 30 * 24 * 3600 * 1000;
/// Live grants of one user to one client; the next one evicts the oldest.
pub const GRANTS_PER_USER_AND_CLIENT: usize = 5;
/// What a client gets that asks for nothing in particular.
pub const DEFAULT_SCOPE: &str = "refresh_token api id";

/// An external client app.
#[derive(Clone, Debug)]
pub struct Client {
    /// Consumer key.
    pub id: String,
    /// Consumer secret.
    pub secret: String,
    /// What the consent page calls it.
    pub name: String,
    /// Callback URLs, each matched exactly.
    pub redirect_uris: Vec<String>,
    /// Whether any callback on this very machine is accepted too, for development.
    pub allow_loopback_redirects: bool,
    /// The user that client credentials act as; `None` refuses that flow.
    pub run_as_user_id: Option<String>,
    /// Whether each refresh gives a new refresh token and spends the old one.
    pub rotates_refresh_tokens: bool,
}

/// A refused request to an OAuth endpoint: always HTTP 400 with an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {description}")]
pub struct OAuthError {
    /// The code, such as `invalid_grant`.
    pub error: &'static str,
    /// The words.
    pub description: &'static str,
}

const fn refused(error: &'static str, description: &'static str) -> OAuthError {
    OAuthError { error, description }
}

/// The refresh token is unknown, spent, or revoked.
pub const EXPIRED_TOKEN: OAuthError = refused("invalid_grant", "expired access/refresh token");
const EXPIRED_CODE: OAuthError = refused("invalid_grant", "expired authorization code");
const UNKNOWN_CLIENT: OAuthError = refused("invalid_client_id", "client identifier invalid");
const WRONG_SECRET: OAuthError = refused("invalid_client", "invalid client credentials");
const WRONG_REDIRECT: OAuthError = refused("redirect_uri_mismatch", "redirect_uri must match configuration");
const WRONG_PASSWORD: OAuthError = refused("invalid_grant", "authentication failure");
const CODE_VERIFIER_MISSING: OAuthError = refused("invalid_grant", "code verifier required");
const CODE_VERIFIER_WRONG: OAuthError = refused("invalid_request", "invalid code verifier");
const NO_RUN_AS_USER: OAuthError = refused("invalid_app_access", "user is not admin approved to access this app");

/// What the authorize page was asked for.
#[derive(Clone, Debug)]
pub struct CodeRequest {
    /// Consumer key.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Space-separated scopes.
    pub scope: String,
    /// The PKCE challenge (S256), if one was sent.
    pub code_challenge: Option<String>,
}

/// A live access token and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `<org id>!…`.
    pub access_token: String,
    /// 18-character id of the user.
    pub user_id: String,
    /// The client it was given to; `None` for a sign-in by SOAP or in the console.
    pub client_id: Option<String>,
    /// Space-separated scopes.
    pub scope: String,
    /// When it was given.
    pub issued_ms: i64,
    /// When it ends unless it is used.
    pub expires_ms: i64,
}

/// What the token endpoint gives.
#[derive(Clone, Debug)]
pub struct TokenGrant {
    /// The new session.
    pub session: Session,
    /// A refresh token, where the flow and rotation give one.
    pub refresh_token: Option<String>,
}

#[derive(Debug)]
struct Code {
    request: CodeRequest,
    user_id: String,
    issued_ms: i64,
    /// Set when the code is spent: coming back with it once more revokes this grant.
    grant: Option<u64>,
}

#[derive(Debug)]
struct Grant {
    client_id: String,
    user_id: String,
    scope: String,
    current_refresh_token: String,
    last_used_ms: i64,
}

#[derive(Debug)]
struct LiveSession {
    session: Session,
    grant: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct OAuthState {
    clients: HashMap<String, Client>,
    /// By user id: password and security token.
    passwords: HashMap<String, (String, String)>,
    codes: HashMap<String, Code>,
    grants: HashMap<u64, Grant>,
    /// Every refresh token ever given, spent ones too, with its grant.
    refresh_tokens: HashMap<String, u64>,
    sessions: HashMap<String, LiveSession>,
    session_idle_ms: Option<i64>,
    grants_made: u64,
}

impl OAuthState {
    pub(crate) fn set_password(&mut self, user_id: &str, password: &str, rng: &mut StdRng) {
        self.passwords.insert(user_id.to_owned(), (password.to_owned(), random_text(rng, 24)));
    }

    fn revoke_grant(&mut self, grant: u64) {
        self.grants.remove(&grant);
        self.sessions.retain(|_, live| live.grant != Some(grant));
    }

    fn idle_ms(&self) -> i64 {
        self.session_idle_ms.unwrap_or(SESSION_IDLE_MS)
    }

    fn live(&self, token: &str, now_ms: i64) -> Option<&LiveSession> {
        self.sessions.get(token).filter(|live| now_ms < live.session.expires_ms)
    }
}

impl Org {
    /// Registers an app.
    pub fn register_client(&mut self, client: Client) {
        self.oauth.clients.insert(client.id.clone(), client);
    }

    /// An app by its consumer key.
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.oauth.clients.get(id)
    }

    /// Adds a callback URL to an app.
    pub fn add_redirect_uri(&mut self, client_id: &str, uri: &str) {
        if let Some(client) = self.oauth.clients.get_mut(client_id) {
            client.redirect_uris.push(uri.to_owned());
        }
    }

    /// Gives a user a password (and a new security token).
    pub fn set_password(&mut self, user_id: &str, password: &str) {
        self.oauth.set_password(user_id, password, &mut self.rng);
    }

    /// How long sessions given from now on live without use, in milliseconds.
    pub fn set_session_idle_ms(&mut self, idle_ms: i64) {
        self.oauth.session_idle_ms = Some(idle_ms);
    }

    /// The user whom this name and password belong to. The security token may follow the password, as API clients send it.
    pub fn authenticate(&self, username: &str, password: &str) -> Result<String, OAuthError> {
        let table = self.table("User").expect("every org has users");
        let index = table.schema.index_of("Username").expect("users have names");
        let slot = table.find(index, FieldValue::Text(username.trim())).next().ok_or(WRONG_PASSWORD)?;
        let row = table.row(slot).ok_or(WRONG_PASSWORD)?;
        let active = table.is_checked(row, "IsActive");
        let user_id = row.get(table.system.id).as_text().filter(|_| active).ok_or(WRONG_PASSWORD)?;
        let (expected, security_token) = self.oauth.passwords.get(user_id).ok_or(WRONG_PASSWORD)?;
        let rest = password.strip_prefix(expected.as_str()).ok_or(WRONG_PASSWORD)?;
        if rest.is_empty() || rest == security_token { Ok(user_id.to_owned()) } else { Err(WRONG_PASSWORD) }
    }

    /// Checks client and callback before the sign-in page is shown. Its errors must not be sent to the callback.
    pub fn check_code_request(&self, request: &CodeRequest) -> Result<&Client, OAuthError> {
        let client = self.client(&request.client_id).ok_or(UNKNOWN_CLIENT)?;
        let registered = client.redirect_uris.contains(&request.redirect_uri);
        if registered || (client.allow_loopback_redirects && is_loopback(&request.redirect_uri)) {
            Ok(client)
        } else {
            Err(WRONG_REDIRECT)
        }
    }

    /// Gives a code for a user who allowed the request.
    pub fn issue_code(&mut self, request: CodeRequest, user_id: &str, now_ms: i64) -> Result<String, OAuthError> {
        self.check_code_request(&request)?;
        self.oauth.codes.retain(|_, code| now_ms < code.issued_ms + 2 * CODE_LIFE_MS);
        let code = format!("aPrx{}==", random_text(&mut self.rng, 60));
        let user_id = user_id.to_owned();
        self.oauth.codes.insert(code.clone(), Code { request, user_id, issued_ms: now_ms, grant: None });
        Ok(code)
    }

    fn check_client(&self, client_id: &str, secret: &str) -> Result<&Client, OAuthError> {
        let client = self.client(client_id).ok_or(UNKNOWN_CLIENT)?;
        if client.secret == secret { Ok(client) } else { Err(WRONG_SECRET) }
    }

    /// Trades a code for tokens. A code works once; a second use also revokes what the first one gave.
    pub fn exchange_code(
        &mut self,
        client_id: &str,
        secret: &str,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        now_ms: i64,
    ) -> Result<TokenGrant, OAuthError> {
        self.check_client(client_id, secret)?;
        let known =
            self.oauth.codes.get(code).filter(|code| code.request.client_id == client_id).ok_or(EXPIRED_CODE)?;
        if let Some(grant) = known.grant {
            self.oauth.revoke_grant(grant);
            return Err(EXPIRED_CODE);
        }
        if now_ms >= known.issued_ms + CODE_LIFE_MS {
            return Err(EXPIRED_CODE);
        }
        if known.request.redirect_uri != redirect_uri {
            return Err(WRONG_REDIRECT);
        }
        match (known.request.code_challenge.as_deref(), verifier) {
            (Some(_), None) => return Err(CODE_VERIFIER_MISSING),
            (Some(challenge), Some(verifier)) if challenge != s256(verifier) => return Err(CODE_VERIFIER_WRONG),
            _ => {}
        }
        let (user_id, scope) = (known.user_id.clone(), known.request.scope.clone());
        if !asks_for_refresh(&scope) {
            let session = self.open_session(&user_id, Some(client_id), &scope, None, now_ms);
            // A grant number that nothing hangs on marks the code as spent.
            self.spend_code(code, 0);
            return Ok(TokenGrant { session, refresh_token: None });
        }
        let (grant, refresh_token) = self.open_grant(client_id, &user_id, &scope, now_ms);
        self.spend_code(code, grant);
        let session = self.open_session(&user_id, Some(client_id), &scope, Some(grant), now_ms);
        Ok(TokenGrant { session, refresh_token: Some(refresh_token) })
    }

    fn spend_code(&mut self, code: &str, grant: u64) {
        if let Some(code) = self.oauth.codes.get_mut(code) {
            code.grant = Some(grant);
        }
    }

    fn open_grant(&mut self, client_id: &str, user_id: &str, scope: &str, now_ms: i64) -> (u64, String) {
        let same = |grant: &Grant| grant.client_id == client_id && grant.user_id == user_id;
        let mut live: Vec<u64> = self.oauth.grants.iter().filter(|(_, g)| same(g)).map(|(number, _)| *number).collect();
        live.sort_unstable();
        for oldest in live.iter().rev().skip(GRANTS_PER_USER_AND_CLIENT - 1) {
            self.oauth.revoke_grant(*oldest);
        }
        self.oauth.grants_made += 1;
        let number = self.oauth.grants_made;
        let token = self.new_refresh_token(number);
        let grant = Grant {
            client_id: client_id.to_owned(),
            user_id: user_id.to_owned(),
            scope: scope.to_owned(),
            current_refresh_token: token.clone(),
            last_used_ms: now_ms,
        };
        self.oauth.grants.insert(number, grant);
        (number, token)
    }

    fn new_refresh_token(&mut self, grant: u64) -> String {
        let token = format!("5Aep861{}", random_text(&mut self.rng, 80));
        self.oauth.refresh_tokens.insert(token.clone(), grant);
        token
    }

    /// Gives a new session for a refresh token. With rotation the token is spent; presenting a spent one revokes its whole
    /// family, sessions included.
    pub fn refresh(
        &mut self,
        client_id: &str,
        secret: &str,
        token: &str,
        now_ms: i64,
    ) -> Result<TokenGrant, OAuthError> {
        let rotates = self.check_client(client_id, secret)?.rotates_refresh_tokens;
        let number = *self.oauth.refresh_tokens.get(token).ok_or(EXPIRED_TOKEN)?;
        let grant = self.oauth.grants.get_mut(&number).filter(|g| g.client_id == client_id).ok_or(EXPIRED_TOKEN)?;
        let is_idle = now_ms >= grant.last_used_ms + REFRESH_IDLE_MS;
        if grant.current_refresh_token != token || is_idle {
            self.oauth.revoke_grant(number);
            return Err(EXPIRED_TOKEN);
        }
        grant.last_used_ms = now_ms;
        let (user_id, scope) = (grant.user_id.clone(), grant.scope.clone());
        let mut refresh_token = None;
        if rotates {
            let next = self.new_refresh_token(number);
            if let Some(grant) = self.oauth.grants.get_mut(&number) {
                grant.current_refresh_token = next.clone();
            }
            refresh_token = Some(next);
        }
        let session = self.open_session(&user_id, Some(client_id), &scope, Some(number), now_ms);
        Ok(TokenGrant { session, refresh_token })
    }

    /// A session for the app's own user. Asking again gives the same session while it lives, as Salesforce does.
    pub fn client_credentials(&mut self, client_id: &str, secret: &str, now_ms: i64) -> Result<TokenGrant, OAuthError> {
        let user_id = self.check_client(client_id, secret)?.run_as_user_id.clone().ok_or(NO_RUN_AS_USER)?;
        let same = |live: &&LiveSession| {
            live.grant.is_none()
                && live.session.client_id.as_deref() == Some(client_id)
                && live.session.user_id == user_id
                && now_ms < live.session.expires_ms
        };
        let session = match self.oauth.sessions.values().find(same) {
            Some(live) => live.session.clone(),
            None => self.open_session(&user_id, Some(client_id), "api id", None, now_ms),
        };
        Ok(TokenGrant { session, refresh_token: None })
    }

    /// The user name and password flow.
    pub fn password_grant(
        &mut self,
        client_id: &str,
        secret: &str,
        username: &str,
        password: &str,
        now_ms: i64,
    ) -> Result<TokenGrant, OAuthError> {
        self.check_client(client_id, secret)?;
        let user_id = self.authenticate(username, password)?;
        let session = self.open_session(&user_id, Some(client_id), "api id", None, now_ms);
        Ok(TokenGrant { session, refresh_token: None })
    }

    /// Opens a session without any flow: SOAP sign-in, the console, tests.
    pub fn sign_in(&mut self, user_id: &str, now_ms: i64) -> Session {
        self.open_session(user_id, None, "full", None, now_ms)
    }

    fn open_session(
        &mut self,
        user_id: &str,
        client_id: Option<&str>,
        scope: &str,
        grant: Option<u64>,
        now_ms: i64,
    ) -> Session {
        self.oauth.sessions.retain(|_, live| now_ms < live.session.expires_ms);
        let org_id15 = &self.org_id()[..15].to_owned();
        let session = Session {
            access_token: format!("{org_id15}!AQ8A{}", random_text(&mut self.rng, 92)),
            user_id: user_id.to_owned(),
            client_id: client_id.map(str::to_owned),
            scope: scope.to_owned(),
            issued_ms: now_ms,
            expires_ms: now_ms + self.oauth.idle_ms(),
        };
        let live = LiveSession { session: session.clone(), grant };
        self.oauth.sessions.insert(session.access_token.clone(), live);
        session
    }

    /// The session of an access token, if it lives. Looking does not prolong it.
    pub fn session(&self, access_token: &str, now_ms: i64) -> Option<Session> {
        self.oauth.live(access_token, now_ms).map(|live| live.session.clone())
    }

    /// The session of an access token, if it lives; using it lets it live on.
    pub fn use_session(&mut self, access_token: &str, now_ms: i64) -> Option<Session> {
        let idle_ms = self.oauth.idle_ms();
        let live = self.oauth.sessions.get_mut(access_token).filter(|live| now_ms < live.session.expires_ms)?;
        live.session.expires_ms = live.session.expires_ms.max(now_ms + idle_ms);
        Some(live.session.clone())
    }

    /// Ends a session, or a grant with all its sessions. False for a token that nothing hangs on.
    pub fn revoke(&mut self, token: &str) -> bool {
        if let Some(grant) = self.oauth.refresh_tokens.get(token).copied() {
            let live = self.oauth.grants.contains_key(&grant);
            self.oauth.revoke_grant(grant);
            return live;
        }
        self.oauth.sessions.remove(token).is_some()
    }

    /// Ends the session with this access token; with its grant, also every other session and refresh token of that.
    pub fn end_session(&mut self, access_token: &str, with_grant: bool) {
        let live = self.oauth.sessions.remove(access_token);
        if let Some(grant) = live.and_then(|live| live.grant).filter(|_| with_grant) {
            self.oauth.revoke_grant(grant);
        }
    }

    /// Revokes every grant: its refresh tokens, and the sessions that came from it.
    pub fn revoke_all_grants(&mut self) {
        for grant in std::mem::take(&mut self.oauth.grants).into_keys() {
            self.oauth.revoke_grant(grant);
        }
    }

    /// Ends every session at once, as an administrator or an expiry would; refresh tokens stay.
    pub fn end_all_sessions(&mut self) {
        self.oauth.sessions.clear();
    }

    /// Whether a refresh token is the live one of its grant, with its client, user and scope.
    pub fn refresh_token_owner(&self, token: &str) -> Option<(&str, &str, &str)> {
        let grant = self.oauth.grants.get(self.oauth.refresh_tokens.get(token)?)?;
        (grant.current_refresh_token == token).then_some((&grant.client_id, &grant.user_id, &grant.scope))
    }

    /// An unguessable word from the org's own generator.
    pub fn random_word(&mut self, length: usize) -> String {
        random_text(&mut self.rng, length)
    }
}

/// The PKCE S256 challenge of a verifier (RFC 7636).
pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

fn asks_for_refresh(scope: &str) -> bool {
    scope.split_whitespace().any(|word| word == "refresh_token" || word == "offline_access")
}

fn is_loopback(uri: &str) -> bool {
    let rest = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or("");
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    !authority.contains('@') && matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

fn random_text(rng: &mut StdRng, length: usize) -> String {
    let mut text = String::with_capacity(length + 10);
    while text.len() < length {
        text.push_str(&id::base62(rng.next_u64() >> 5, 9));
    }
    text.truncate(length);
    text
}
