//! Grants: what a user allowed an app, and the refresh tokens that stand for it, one alive at a time.

use super::super::org::Org;
use super::session::Origin;
use super::{EXPIRED_TOKEN, OAuthError, OAuthState, TokenGrant, random_text};

/// Life of a refresh token that nobody uses (the rule for partner apps from May 2026).
pub const REFRESH_IDLE_MS: i64 = 30 * 24 * 3600 * 1000;
/// Live grants of one user to one client; the next one evicts the oldest.
pub const GRANTS_PER_USER_AND_CLIENT: usize = 5;

#[derive(Debug)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) user_id: String,
    pub(super) scope: String,
    current_refresh_token: String,
    issued_ms: i64,
    last_used_ms: i64,
}

/// What a live refresh token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantInfo {
    /// The app.
    pub client_id: String,
    /// 18-character id of the user who allowed it.
    pub user_id: String,
    /// Space-separated scopes.
    pub scope: String,
    /// When it was allowed.
    pub issued_ms: i64,
    /// When it ends unless it is used.
    pub expires_ms: i64,
}

impl OAuthState {
    /// Ends a grant with its tokens and sessions. False if there was none.
    pub(super) fn revoke_grant(&mut self, number: u64) -> bool {
        self.sessions.retain(|_, live| live.origin != Origin::Grant(number));
        self.refresh_tokens.retain(|_, grant| *grant != number);
        self.grants.remove(&number).is_some()
    }

    pub(super) fn grants_of(&self, user_id: &str, client_id: &str) -> impl Iterator<Item = (u64, &Grant)> {
        let is_theirs = move |grant: &Grant| grant.user_id == user_id && grant.client_id == client_id;
        self.grants.iter().filter(move |(_, grant)| is_theirs(grant)).map(|(number, grant)| (*number, grant))
    }
}

impl Org {
    /// How long refresh tokens live without use, in milliseconds.
    pub fn set_refresh_idle_ms(&mut self, idle_ms: i64) {
        self.oauth.refresh_idle_ms = idle_ms;
    }

    /// How long refresh tokens live without use, in milliseconds.
    pub fn refresh_idle_ms(&self) -> i64 {
        self.oauth.refresh_idle_ms
    }

    pub(super) fn open_grant(&mut self, client_id: &str, user_id: &str, scope: &str, now_ms: i64) -> (u64, String) {
        let mut live: Vec<u64> = self.oauth.grants_of(user_id, client_id).map(|(number, _)| number).collect();
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
            issued_ms: now_ms,
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
        let client = self.check_client(client_id, secret)?;
        let rotates = client.rotates_refresh_tokens;
        let number = *self.oauth.refresh_tokens.get(token).ok_or(EXPIRED_TOKEN)?;
        let grant = self.oauth.grants.get(&number).filter(|grant| grant.client_id == client_id).ok_or(EXPIRED_TOKEN)?;
        let is_idle = now_ms >= grant.last_used_ms + self.oauth.refresh_idle_ms;
        if grant.current_refresh_token != token || is_idle {
            self.oauth.revoke_grant(number);
            return Err(EXPIRED_TOKEN);
        }
        let (user_id, scope) = (grant.user_id.clone(), grant.scope.clone());
        self.check_app_access(client, &user_id, now_ms)?;
        let refresh_token = rotates.then(|| self.new_refresh_token(number));
        if let Some(grant) = self.oauth.grants.get_mut(&number) {
            grant.last_used_ms = now_ms;
            if let Some(next) = &refresh_token {
                grant.current_refresh_token.clone_from(next);
            }
        }
        let session = self.open_session(&user_id, Some(client_id), &scope, Origin::Grant(number), now_ms);
        Ok(TokenGrant { refresh_token, ..TokenGrant::of(session) })
    }

    /// What a refresh token stands for, if it is the live one of its grant.
    pub fn refresh_token_info(&self, token: &str, now_ms: i64) -> Option<GrantInfo> {
        let grant = self.oauth.grants.get(self.oauth.refresh_tokens.get(token)?)?;
        let expires_ms = grant.last_used_ms + self.oauth.refresh_idle_ms;
        (grant.current_refresh_token == token && now_ms < expires_ms).then(|| GrantInfo {
            client_id: grant.client_id.clone(),
            user_id: grant.user_id.clone(),
            scope: grant.scope.clone(),
            issued_ms: grant.issued_ms,
            expires_ms,
        })
    }

    /// Whether a user has allowed an app a refresh token that lives.
    pub fn has_grant(&self, user_id: &str, client_id: &str) -> bool {
        self.oauth.grants_of(user_id, client_id).next().is_some()
    }

    /// Revokes what a user allowed an app, where one is named, as an administrator can: grants, their refresh tokens and the
    /// sessions by them. Says how many grants there were.
    pub fn revoke_grants(&mut self, user_id: Option<&str>, client_id: Option<&str>) -> usize {
        let is_meant = |grant: &Grant| {
            user_id.is_none_or(|id| id == grant.user_id) && client_id.is_none_or(|id| id == grant.client_id)
        };
        let meant: Vec<u64> =
            self.oauth.grants.iter().filter(|(_, grant)| is_meant(grant)).map(|(number, _)| *number).collect();
        for number in &meant {
            self.oauth.revoke_grant(*number);
        }
        meant.len()
    }
}
