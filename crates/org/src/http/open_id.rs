//! OpenID Connect: the id token, the key it is signed with, and the documents that tell clients where everything is.

use std::sync::OnceLock;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::answer::ok;
use super::{Web, origin};
use crate::core::oauth::{SCOPES, TokenGrant};

/// Life of an id token.
const ID_TOKEN_SECONDS: i64 = 120;

/// The key that id tokens are signed with: made when the first one is asked for, since few clients ask.
#[derive(Debug, Default)]
pub(crate) struct IdTokenKey {
    key: OnceLock<Option<KeyPair>>,
}

impl IdTokenKey {
    /// `None` where the system gives no randomness.
    fn key(&self) -> Option<&KeyPair> {
        self.key.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).ok()).as_ref()
    }

    fn id_of(key: &KeyPair) -> String {
        URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, key.public_key().as_ref()).as_ref()[..16])
    }

    fn sign(&self, claims: &Value) -> Option<String> {
        let key = self.key()?;
        let header = json!({ "kid": IdTokenKey::id_of(key), "typ": "JWT", "alg": "RS256" });
        let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The id token of a grant whose scopes ask for one.
pub(super) fn id_token(web: &Web, origin: &str, identity: &str, grant: &TokenGrant) -> Option<String> {
    if !grant.session.scope.split(' ').any(|scope| scope == "openid") {
        return None;
    }
    let issued_s = grant.session.issued_ms / 1000;
    let hash = digest::digest(&digest::SHA256, grant.session.access_token.as_bytes());
    let mut claims = json!({
        "iss": origin,
        "sub": identity,
        "aud": grant.session.client_id,
        "iat": issued_s,
        "exp": issued_s + ID_TOKEN_SECONDS,
        "at_hash": URL_SAFE_NO_PAD.encode(&hash.as_ref()[..digest::SHA256_OUTPUT_LEN / 2]),
    });
    if let Some(nonce) = &grant.nonce {
        claims["nonce"] = json!(nonce);
    }
    web.id_token_key.sign(&claims)
}

/// `GET /id/keys`: what id tokens can be checked with.
pub(super) async fn keys(State(web): State<Web>) -> Response {
    let key = web.id_token_key.key().map(|key| {
        let public = key.public_key();
        json!({
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": IdTokenKey::id_of(key),
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        })
    });
    ok(&json!({ "keys": key.into_iter().collect::<Vec<_>>() }))
}

/// `GET /.well-known/openid-configuration`: it names what the org offers, no more.
pub(super) async fn configuration(headers: HeaderMap) -> Response {
    let origin = origin(&headers);
    let oauth = |endpoint: &str| format!("{origin}/services/oauth2/{endpoint}");
    ok(&json!({
        "issuer": origin,
        "authorization_endpoint": oauth("authorize"),
        "token_endpoint": oauth("token"),
        "revocation_endpoint": oauth("revoke"),
        "userinfo_endpoint": oauth("userinfo"),
        "introspection_endpoint": oauth("introspect"),
        "jwks_uri": format!("{origin}/id/keys"),
        "scopes_supported": SCOPES.iter().map(|(scope, _)| *scope).collect::<Vec<_>>(),
        "response_types_supported": ["code"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "password",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "display_values_supported": ["page"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "claims_supported": [
            "active", "address", "email", "email_verified", "family_name", "given_name", "language", "locale", "name",
            "nickname", "organization_id", "photos", "picture", "preferred_username", "profile", "sub", "updated_at",
            "urls", "user_id", "user_type", "utcOffset", "zoneinfo",
        ],
    }))
}

/// `GET /.well-known/auth-configuration`: which org is behind an address.
pub(super) async fn auth_configuration(State(web): State<Web>, headers: HeaderMap) -> Response {
    let origin = origin(&headers);
    ok(&json!({
        "OrgId": web.org.lock().org_id(),
        "Url": origin,
        "LoginPage": { "LoginPageUrl": format!("{origin}/login") },
        "UserProvisioning": null,
    }))
}
