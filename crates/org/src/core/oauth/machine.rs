//! The flows without a page: client credentials, user name and password, JWT bearer.

use super::super::org::Org;
use super::jwt::{self, Assertion};
use super::session::Origin;
use super::{NOT_APPROVED, OAuthError, TokenGrant, UNKNOWN_CLIENT, WRONG_SECRET, outlives_session, refused};

/// What an app that was not limited gets by itself: nothing here gives a refresh token.
const MACHINE_SCOPE: &str = "api id";

const NOBODY_APPROVED: OAuthError = refused("invalid_grant", "user hasn't approved this consumer");

impl Org {
    /// A session for the app's own user. Asking again gives the same session while it lives, as Salesforce does.
    pub fn client_credentials(&mut self, client_id: &str, secret: &str, now_ms: i64) -> Result<TokenGrant, OAuthError> {
        // This flow has nothing but the secret to go by, so an app that wants none has not got it.
        let client = self.check_client(client_id, secret)?;
        let user_id = client.run_as_user_id.clone().filter(|_| !secret.is_empty()).ok_or(NOT_APPROVED)?;
        self.check_app_access(client, &user_id, now_ms)?;
        let scope = self.machine_scope(client_id);
        Ok(TokenGrant::of(self.repeatable_session(&user_id, client_id, &scope, now_ms)))
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
        let client = self.check_client(client_id, secret)?;
        let user_id = self.authenticate(username, password)?;
        self.check_app_access(client, &user_id, now_ms)?;
        let scope = self.machine_scope(client_id);
        Ok(TokenGrant::of(self.open_session(&user_id, Some(client_id), &scope, Origin::SignIn, now_ms)))
    }

    /// A session for the user whom a signed assertion names. `origin` is the org's own address, as the client knows it.
    ///
    /// Its scopes are those that the user allowed the app before, if any (JWT bearer flow in Salesforce Help).
    pub fn jwt_bearer(&mut self, assertion: &str, origin: &str, now_ms: i64) -> Result<TokenGrant, OAuthError> {
        let assertion = Assertion::parse(assertion)?;
        let client = self.client(&assertion.claims.iss).ok_or(UNKNOWN_CLIENT)?;
        assertion.check_signature(client.jwt_key.as_ref())?;
        assertion.claims.check_time(now_ms)?;
        assertion.claims.check_audience(&[jwt::PRODUCTION_LOGIN, jwt::SANDBOX_LOGIN, origin])?;
        let client_id = client.id.clone();
        let user_id = self.active_user(&assertion.claims.sub).ok_or(NOBODY_APPROVED)?;
        let mut allowed: Vec<&str> = Vec::new();
        for (_, grant) in self.oauth.grants_of(&user_id, &client_id) {
            allowed.extend(grant.scope.split(' ').filter(|scope| !outlives_session(scope)));
        }
        allowed.sort_unstable();
        allowed.dedup();
        let allowed = allowed.join(" ");
        if allowed.is_empty() && !client.is_pre_authorized {
            return Err(NOBODY_APPROVED);
        }
        self.check_app_access(client, &user_id, now_ms)?;
        let scope = if allowed.is_empty() { self.machine_scope(&client_id) } else { allowed };
        Ok(TokenGrant::of(self.repeatable_session(&user_id, &client_id, &scope, now_ms)))
    }

    /// Consumer key and secret of the app that signed this assertion of itself, which stands for the secret
    /// (`private_key_jwt`, RFC 7523).
    pub fn vouched_client(&self, text: &str, origin: &str, now_ms: i64) -> Result<(String, String), OAuthError> {
        let endpoint = format!("{origin}/services/oauth2/token");
        let assertion = Assertion::parse(text).map_err(|_| WRONG_SECRET)?;
        let client = self.client(&assertion.claims.iss).ok_or(UNKNOWN_CLIENT)?;
        let checked = assertion
            .check_signature(client.jwt_key.as_ref())
            .and_then(|()| assertion.claims.check_time(now_ms))
            .and_then(|()| {
                assertion.claims.check_audience(&[&endpoint, origin, jwt::PRODUCTION_LOGIN, jwt::SANDBOX_LOGIN])
            });
        if checked.is_err() || assertion.claims.sub != client.id {
            return Err(WRONG_SECRET);
        }
        Ok((client.id.clone(), client.secret.clone()))
    }

    fn machine_scope(&self, client_id: &str) -> String {
        match self.client(client_id).and_then(|client| client.scopes.as_ref()) {
            None => MACHINE_SCOPE.to_owned(),
            Some(scopes) => {
                scopes.iter().map(String::as_str).filter(|scope| !outlives_session(scope)).collect::<Vec<_>>().join(" ")
            }
        }
    }
}
