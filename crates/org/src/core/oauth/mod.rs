//! Who may come in: apps, passwords, authorization codes, grants with their refresh tokens, and sessions.
//!
//! Each flow stands in a file of its own: [`code`] the web-server flow, [`grant`] refresh tokens, [`machine`] the flows without
//! a page, [`session`] access tokens. Nothing here knows HTTP; the words of a refusal are Salesforce's.

pub mod code;
mod grant;
mod jwt;
mod machine;
mod session;

use std::collections::HashMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use rand::Rng;
use rand::rngs::StdRng;

use super::access::Permission;
use super::id;
use super::org::Org;

pub use code::{CODE_LIFE_MS, CodeRequest, s256};
pub use grant::{GRANTS_PER_USER_AND_CLIENT, GrantInfo, REFRESH_IDLE_MS};
pub use jwt::{ASSERTION_LIFE_MS, NoRsaKey, RsaKey};
pub use session::{SESSION_IDLE_MS, Session};

/// What a client gets that asks for nothing in particular and was not limited to anything.
pub const DEFAULT_SCOPE: &str = "refresh_token api id";

/// Every scope of Salesforce's that the org knows, with what it lets a client do in the words of the consent page.
pub const SCOPES: &[(&str, &str)] = &[
    ("api", "Manage user data via APIs"),
    ("refresh_token", "Perform requests at any time"),
    ("offline_access", "Perform requests at any time"),
    ("id", "Access the identity URL service"),
    ("profile", "Access the identity URL service"),
    ("email", "Access the identity URL service"),
    ("address", "Access the identity URL service"),
    ("phone", "Access the identity URL service"),
    ("openid", "Access unique user identifiers"),
    ("web", "Manage user data via Web browsers"),
    ("full", "Full access"),
    ("chatter_api", "Access Connect REST API resources"),
    ("custom_permissions", "Access custom permissions"),
    ("visualforce", "Access Visualforce applications"),
];

/// A connected app or external client app.
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
    /// Scopes that it may ask for; `None` for every one there is.
    pub scopes: Option<Vec<String>>,
    /// What its JWT assertions must be signed with; `None` refuses that flow.
    pub jwt_key: Option<RsaKey>,
    /// Whether an administrator approved it for everybody. Otherwise a JWT gets in only those who once allowed it a refresh
    /// token.
    pub is_pre_authorized: bool,
    /// Whether it is installed in the org. One that is not lets in only users who may approve such apps.
    pub is_installed: bool,
    /// Whether the web-server and refresh flows want the secret. One that was sent must be right in any case.
    pub requires_secret: bool,
    /// Whether the web-server flow must use PKCE.
    pub requires_pkce: bool,
}

impl Client {
    /// An installed app that may do everything but act as a user of its own or by JWT, with rotation as partners must have it.
    pub fn new(id: impl Into<String>, secret: impl Into<String>, name: impl Into<String>) -> Client {
        Client {
            id: id.into(),
            secret: secret.into(),
            name: name.into(),
            redirect_uris: Vec::new(),
            allow_loopback_redirects: false,
            run_as_user_id: None,
            rotates_refresh_tokens: true,
            scopes: None,
            jwt_key: None,
            is_pre_authorized: true,
            is_installed: true,
            requires_secret: true,
            requires_pkce: false,
        }
    }

    /// The app that the official CLI signs people in with: public, in every org.
    pub fn platform_cli() -> Client {
        Client {
            redirect_uris: vec!["http://localhost:1717/OauthRedirect".to_owned()],
            rotates_refresh_tokens: false,
            requires_secret: false,
            ..Client::new("PlatformCLI", "", "Salesforce CLI")
        }
    }

    /// What a request for these scopes is given: everything the app may have where it names none.
    fn scope_for(&self, asked: &str) -> Result<String, OAuthError> {
        let asked = asked.split_whitespace().collect::<Vec<_>>().join(" ");
        match (&self.scopes, asked.is_empty()) {
            (None, true) => Ok(DEFAULT_SCOPE.to_owned()),
            (Some(scopes), true) => Ok(scopes.join(" ")),
            (_, false) if asked.split(' ').all(|scope| self.may_have(scope)) => Ok(asked),
            (_, false) => Err(WRONG_SCOPE),
        }
    }

    /// Full access includes every other but the one that outlives the session.
    fn may_have(&self, scope: &str) -> bool {
        let is_known = SCOPES.iter().any(|(known, _)| *known == scope);
        let has = |wanted: &str| self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|scope| scope == wanted));
        is_known
            && if outlives_session(scope) {
                has("refresh_token") || has("offline_access")
            } else {
                has(scope) || has("full")
            }
    }
}

/// Whether a scope asks for a refresh token.
fn outlives_session(scope: &str) -> bool {
    matches!(scope, "refresh_token" | "offline_access")
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

// Codes and words are those that the facts list for the token endpoint; what only memory vouches for says so.
/// The refresh token is unknown, spent, or revoked.
pub const EXPIRED_TOKEN: OAuthError = refused("invalid_grant", "expired access/refresh token");
const UNKNOWN_CLIENT: OAuthError = refused("invalid_client_id", "client identifier invalid");
const WRONG_SECRET: OAuthError = refused("invalid_client", "invalid client credentials");
const WRONG_REDIRECT: OAuthError = refused("redirect_uri_mismatch", "redirect_uri must match configuration");
const WRONG_PASSWORD: OAuthError = refused("invalid_grant", "authentication failure");
const WRONG_SCOPE: OAuthError = refused("invalid_scope", "the requested scope is not allowed");
const NOT_APPROVED: OAuthError = refused("invalid_app_access", "user is not admin approved to access this app");
/// Seen in redirects to the error page since September 2025.
const NOT_INSTALLED: OAuthError = refused("invalid_client", "app must be installed into org");
/// From memory.
const INACTIVE_USER: OAuthError = refused("inactive_user", "user is inactive");

/// What the token endpoint gives.
#[derive(Clone, Debug)]
pub struct TokenGrant {
    /// The new session.
    pub session: Session,
    /// A refresh token, where the flow and rotation give one.
    pub refresh_token: Option<String>,
    /// What the client wants to find in its id token (OpenID Connect).
    pub nonce: Option<String>,
}

impl TokenGrant {
    fn of(session: Session) -> TokenGrant {
        TokenGrant { session, refresh_token: None, nonce: None }
    }
}

#[derive(Debug)]
pub(crate) struct OAuthState {
    clients: HashMap<String, Client>,
    /// By user id: password and security token.
    passwords: HashMap<String, (String, String)>,
    codes: HashMap<String, code::Code>,
    grants: HashMap<u64, grant::Grant>,
    /// Every refresh token of a live grant, spent ones too, with its grant.
    refresh_tokens: HashMap<String, u64>,
    sessions: HashMap<String, session::LiveSession>,
    session_idle_ms: i64,
    refresh_idle_ms: i64,
    grants_made: u64,
}

impl Default for OAuthState {
    fn default() -> OAuthState {
        OAuthState {
            clients: HashMap::new(),
            passwords: HashMap::new(),
            codes: HashMap::new(),
            grants: HashMap::new(),
            refresh_tokens: HashMap::new(),
            sessions: HashMap::new(),
            session_idle_ms: SESSION_IDLE_MS,
            refresh_idle_ms: REFRESH_IDLE_MS,
            grants_made: 0,
        }
    }
}

impl OAuthState {
    pub(crate) fn set_password(&mut self, user_id: &str, password: &str, rng: &mut StdRng) {
        self.passwords.insert(user_id.to_owned(), (password.to_owned(), random_text(rng, 24)));
    }
}

impl Org {
    /// Registers an app, or replaces the one of that consumer key.
    pub fn register_client(&mut self, client: Client) {
        self.oauth.clients.insert(client.id.clone(), client);
    }

    /// An app by its consumer key.
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.oauth.clients.get(id)
    }

    /// Every app, in no order.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.oauth.clients.values()
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

    fn active_user(&self, username: &str) -> Option<String> {
        self.user_named(username.trim()).filter(|user_id| self.is_active_user(user_id))
    }

    fn is_active_user(&self, user_id: &str) -> bool {
        self.table("User")
            .is_some_and(|users| users.row_by_id(user_id).is_some_and(|row| users.is_checked(row, "IsActive")))
    }

    /// The user whom this name and password belong to. The security token may follow the password, as API clients send it.
    pub fn authenticate(&self, username: &str, password: &str) -> Result<String, OAuthError> {
        let user_id = self.active_user(username).ok_or(WRONG_PASSWORD)?;
        let (expected, security_token) = self.oauth.passwords.get(&user_id).ok_or(WRONG_PASSWORD)?;
        let with_token = format!("{expected}{security_token}");
        if same_secret(expected, password) || same_secret(&with_token, password) {
            Ok(user_id)
        } else {
            Err(WRONG_PASSWORD)
        }
    }

    /// The app of a consumer key, if the secret is its own; one that wants no secret may do without.
    pub(crate) fn check_client(&self, client_id: &str, secret: &str) -> Result<&Client, OAuthError> {
        let client = self.client(client_id).ok_or(UNKNOWN_CLIENT)?;
        let may_lack_it = secret.is_empty() && !client.requires_secret;
        if may_lack_it || same_secret(&client.secret, secret) { Ok(client) } else { Err(WRONG_SECRET) }
    }

    /// Whether an app may let this user in at all.
    ///
    /// # Errors
    /// Where the user is inactive, or the app is not installed and the user may not approve such apps.
    pub fn check_app_access(&self, client: &Client, user_id: &str, now_ms: i64) -> Result<(), OAuthError> {
        if !self.is_active_user(user_id) {
            return Err(INACTIVE_USER);
        }
        let may_approve = || {
            let access = self.access(user_id, now_ms);
            access.has(Permission::ApproveUninstalledConnectedApps) || access.has(Permission::UseAnyApiClient)
        };
        if client.is_installed || may_approve() { Ok(()) } else { Err(NOT_INSTALLED) }
    }

    /// An unguessable word from the org's own generator.
    pub fn random_word(&mut self, length: usize) -> String {
        random_text(&mut self.rng, length)
    }
}

/// Whether two secrets are the same, in a time that does not tell how much of them is.
fn same_secret(expected: &str, given: &str) -> bool {
    verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).is_ok()
}

fn random_text(rng: &mut StdRng, length: usize) -> String {
    let mut text = String::with_capacity(length + 10);
    while text.len() < length {
        text.push_str(&id::base62(rng.next_u64() >> 5, 9));
    }
    text.truncate(length);
    text
}
