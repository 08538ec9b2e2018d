//! Access tokens: given by every flow, living on with use, ended by time, by a person or with their grant.

use super::super::org::Org;
use super::random_text;

/// Life of a session that nobody uses (Salesforce's default session timeout).
pub const SESSION_IDLE_MS: i64 = 2 * 3600 * 1000;

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

impl Session {
    /// Whether its scopes are good for the data API.
    pub fn may_use_api(&self) -> bool {
        self.scope.split(' ').any(|scope| matches!(scope, "api" | "full"))
    }
}

/// Where a session came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A sign-in of its own.
    SignIn,
    /// A grant, with which it ends.
    Grant(u64),
    /// A flow that gives the same session again while it lives.
    Repeatable,
}

#[derive(Debug)]
pub(super) struct LiveSession {
    pub(super) session: Session,
    pub(super) origin: Origin,
}

impl Org {
    /// How long sessions live without use, in milliseconds, from their next use on.
    pub fn set_session_idle_ms(&mut self, idle_ms: i64) {
        self.oauth.session_idle_ms = idle_ms;
    }

    /// How long sessions live without use, in milliseconds.
    pub fn session_idle_ms(&self) -> i64 {
        self.oauth.session_idle_ms
    }

    /// Opens a session without any flow: SOAP sign-in, the console, tests.
    pub fn sign_in(&mut self, user_id: &str, now_ms: i64) -> Session {
        self.open_session(user_id, None, "full", Origin::SignIn, now_ms)
    }

    pub(super) fn open_session(
        &mut self,
        user_id: &str,
        client_id: Option<&str>,
        scope: &str,
        origin: Origin,
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
            expires_ms: now_ms + self.oauth.session_idle_ms,
        };
        let live = LiveSession { session: session.clone(), origin };
        self.oauth.sessions.insert(session.access_token.clone(), live);
        session
    }

    /// A session such as client credentials and JWTs give: while it lives, whoever asks again gets the same.
    pub(super) fn repeatable_session(&mut self, user_id: &str, client_id: &str, scope: &str, now_ms: i64) -> Session {
        let same = |live: &&LiveSession| {
            let Session { client_id: client, user_id: user, scope: own, expires_ms, .. } = &live.session;
            live.origin == Origin::Repeatable
                && client.as_deref() == Some(client_id)
                && (user.as_str(), own.as_str()) == (user_id, scope)
                && now_ms < *expires_ms
        };
        match self.oauth.sessions.values().find(same) {
            Some(live) => live.session.clone(),
            None => self.open_session(user_id, Some(client_id), scope, Origin::Repeatable, now_ms),
        }
    }

    /// The session of an access token, if it lives. Looking does not prolong it.
    pub fn session(&self, access_token: &str, now_ms: i64) -> Option<Session> {
        let live = self.oauth.sessions.get(access_token)?;
        let lives = now_ms < live.session.expires_ms && self.is_active_user(&live.session.user_id);
        lives.then(|| live.session.clone())
    }

    /// The session of an access token, if it lives; using it lets it live on.
    pub fn use_session(&mut self, access_token: &str, now_ms: i64) -> Option<Session> {
        let mut session = self.session(access_token, now_ms)?;
        session.expires_ms = session.expires_ms.max(now_ms + self.oauth.session_idle_ms);
        self.oauth.sessions.get_mut(access_token)?.session.expires_ms = session.expires_ms;
        Some(session)
    }

    /// Ends a session, or a grant with all its sessions. False for a token that nothing hangs on.
    pub fn revoke(&mut self, token: &str) -> bool {
        match self.oauth.refresh_tokens.get(token) {
            Some(grant) => self.oauth.revoke_grant(*grant),
            None => self.oauth.sessions.remove(token).is_some(),
        }
    }

    /// Ends the session with this access token; with its grant, also every other session and refresh token of that.
    pub fn end_session(&mut self, access_token: &str, with_grant: bool) {
        if let Some(LiveSession { origin: Origin::Grant(grant), .. }) = self.oauth.sessions.remove(access_token)
            && with_grant
        {
            self.oauth.revoke_grant(grant);
        }
    }

    /// Ends every session at once, as an administrator or an expiry would; refresh tokens stay.
    pub fn end_all_sessions(&mut self) {
        self.end_sessions(None, None);
    }

    /// Ends the sessions of a user and of a client, where one is named; refresh tokens stay. Says how many there were.
    pub fn end_sessions(&mut self, user_id: Option<&str>, client_id: Option<&str>) -> usize {
        let before = self.oauth.sessions.len();
        self.oauth.sessions.retain(|_, LiveSession { session, .. }| {
            user_id.is_some_and(|id| id != session.user_id)
                || client_id.is_some_and(|id| session.client_id.as_deref() != Some(id))
        });
        before - self.oauth.sessions.len()
    }
}
