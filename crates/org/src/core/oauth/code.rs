//! The web-server flow: a request to the authorize page, the code it ends in, and what the code is traded for.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::org::Org;
use super::session::Origin;
use super::{
    Client, OAuthError, TokenGrant, UNKNOWN_CLIENT, WRONG_REDIRECT, outlives_session, random_text, refused, same_secret,
};

/// Life of an authorization code.
pub const CODE_LIFE_MS: i64 = 15 * 60 * 1000;

const EXPIRED_CODE: OAuthError = refused("invalid_grant", "expired authorization code");
/// From memory.
const UNKNOWN_CODE: OAuthError = refused("invalid_grant", "invalid authorization code");
// The codes of these are documented (REST guide, web server flow), their words are not.
const CODE_VERIFIER_MISSING: OAuthError = refused("invalid_grant", "code verifier required");
const CODE_VERIFIER_WRONG: OAuthError = refused("invalid_request", "invalid code verifier");
const CODE_CHALLENGE_WRONG: OAuthError = refused("invalid_request", "invalid code challenge");
const CODE_CHALLENGE_MISSING: OAuthError = refused("invalid_request", "missing required code challenge");

/// What the authorize page was asked for.
#[derive(Clone, Debug, Default)]
pub struct CodeRequest {
    /// Consumer key.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Space-separated scopes; empty for whatever the app may have.
    pub scope: String,
    /// The PKCE challenge (S256), if one was sent.
    pub code_challenge: Option<String>,
    /// What the client wants to find in its id token.
    pub nonce: Option<String>,
}

/// A code that was given.
#[derive(Debug)]
pub(super) struct Code {
    request: CodeRequest,
    user_id: String,
    issued_ms: i64,
    /// Set when the code is spent: coming back with it once more revokes this grant.
    spent_on: Option<u64>,
}

/// A grant number that nothing hangs on, for a code that gave no refresh token.
const NO_GRANT: u64 = 0;

impl Org {
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

    /// Checks the rest of the request and gives the scopes that it is about. Its errors go to the callback.
    pub fn check_code_terms(&self, request: &CodeRequest) -> Result<String, OAuthError> {
        let client = self.check_code_request(request)?;
        match &request.code_challenge {
            None if client.requires_pkce => return Err(CODE_CHALLENGE_MISSING),
            Some(challenge) if !is_s256(challenge) => return Err(CODE_CHALLENGE_WRONG),
            _ => {}
        }
        client.scope_for(&request.scope)
    }

    /// Gives a code for a user who allowed the request.
    pub fn issue_code(&mut self, mut request: CodeRequest, user_id: &str, now_ms: i64) -> Result<String, OAuthError> {
        request.scope = self.check_code_terms(&request)?;
        self.check_app_access(self.check_code_request(&request)?, user_id, now_ms)?;
        self.oauth.codes.retain(|_, code| now_ms < code.issued_ms + 2 * CODE_LIFE_MS);
        let code = format!("aPrx{}==", random_text(&mut self.rng, 60));
        let user_id = user_id.to_owned();
        self.oauth.codes.insert(code.clone(), Code { request, user_id, issued_ms: now_ms, spent_on: None });
        Ok(code)
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
        let client = self.check_client(client_id, secret)?;
        let known = self.oauth.codes.get(code).filter(|code| code.request.client_id == client_id);
        let Code { request, user_id, issued_ms, spent_on } = known.ok_or(UNKNOWN_CODE)?;
        if let Some(grant) = *spent_on {
            self.oauth.revoke_grant(grant);
            return Err(EXPIRED_CODE);
        }
        if now_ms >= issued_ms + CODE_LIFE_MS {
            return Err(EXPIRED_CODE);
        }
        if request.redirect_uri != redirect_uri {
            return Err(WRONG_REDIRECT);
        }
        check_verifier(request.code_challenge.as_deref(), verifier)?;
        self.check_app_access(client, user_id, now_ms)?;
        let (user_id, scope, nonce) = (user_id.clone(), request.scope.clone(), request.nonce.clone());
        let (number, refresh_token) = if scope.split(' ').any(outlives_session) {
            let (number, token) = self.open_grant(client_id, &user_id, &scope, now_ms);
            (number, Some(token))
        } else {
            (NO_GRANT, None)
        };
        if let Some(code) = self.oauth.codes.get_mut(code) {
            code.spent_on = Some(number);
        }
        let origin = if refresh_token.is_some() { Origin::Grant(number) } else { Origin::SignIn };
        let session = self.open_session(&user_id, Some(client_id), &scope, origin, now_ms);
        Ok(TokenGrant { session, refresh_token, nonce })
    }
}

/// The PKCE S256 challenge of a verifier (RFC 7636).
pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// Whether a challenge can be the base64url of a SHA-256 hash.
fn is_s256(challenge: &str) -> bool {
    URL_SAFE_NO_PAD.decode(challenge.trim_end_matches('=')).is_ok_and(|hash| hash.len() == digest::SHA256_OUTPUT_LEN)
}

fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), OAuthError> {
    let Some(challenge) = challenge else { return Ok(()) };
    let verifier = verifier.ok_or(CODE_VERIFIER_MISSING)?;
    let is_verifier = (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if is_verifier && same_secret(challenge.trim_end_matches('='), &s256(verifier)) {
        Ok(())
    } else {
        Err(CODE_VERIFIER_WRONG)
    }
}

fn is_loopback(uri: &str) -> bool {
    let rest = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or("");
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    !authority.contains('@') && matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}
