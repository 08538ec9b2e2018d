//! What a connection may act with, and the port through which it is kept.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// What a connection holds of Salesforce: a grant, and the session that it bought last.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// What new sessions are bought with.
    pub grant: Grant,
    /// The session, where there is one.
    pub session: Option<StoredSession>,
}

/// What sessions are bought with.
#[derive(Clone, Debug)]
pub enum Grant {
    /// A person agreed in the browser.
    RefreshToken(RefreshToken),
    /// The connected app acts as the user that it names itself.
    ClientCredentials {
        /// The app's consumer key.
        client_id: String,
        /// The app's consumer secret.
        client_secret: SecretString,
    },
    /// The app's certificate vouches for us, who say which user we act as (JWT bearer flow, RFC 7523).
    JwtBearer {
        /// The app's consumer key.
        client_id: String,
        /// The user's name.
        username: String,
        /// The RSA key of the certificate, as PEM.
        private_key: SecretString,
    },
}

/// A refresh token. It may change with each use (refresh token rotation): a used one must not be presented again, or Salesforce
/// revokes the grant.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// The token.
    pub token: SecretString,
    /// Salesforce gave none in its place when it was used last: it may be presented as often as one likes.
    pub is_kept: bool,
    /// How often it was presented, as far as is known without an answer. Noted before it is presented, so that a crash is counted.
    pub unanswered: u8,
    /// When it was given, or used last.
    pub used_at: Option<Timestamp>,
}

impl RefreshToken {
    /// One that was never presented.
    pub fn new(token: SecretString, given_at: Timestamp) -> Self {
        Self { token, is_kept: false, unanswered: 0, used_at: Some(given_at) }
    }
}

/// A session.
#[derive(Clone, Debug)]
pub struct StoredSession {
    /// The bearer token.
    pub access_token: SecretString,
    /// Scheme and host that it is for.
    pub instance_url: String,
}

/// The stored form; its own type, so that nothing but [`Credentials::to_json`] can write a secret.
#[derive(Serialize, Deserialize)]
#[serde(tag = "grant", rename_all = "snake_case")]
enum Stored {
    RefreshToken {
        refresh_token: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_kept: bool,
        #[serde(default, skip_serializing_if = "is_zero")]
        unanswered: u8,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used_at: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access_token: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance_url: Option<String>,
    },
    ClientCredentials {
        client_id: String,
        client_secret: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access_token: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance_url: Option<String>,
    },
    JwtBearer {
        client_id: String,
        username: String,
        private_key: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access_token: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance_url: Option<String>,
    },
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}

impl Credentials {
    /// As JSON, for a store that encrypts it.
    pub fn to_json(&self) -> SecretString {
        let (access_token, instance_url) = match &self.session {
            Some(session) => (Some(exposed(&session.access_token)), Some(session.instance_url.clone())),
            None => (None, None),
        };
        let stored = match &self.grant {
            Grant::RefreshToken(RefreshToken { token, is_kept, unanswered, used_at }) => Stored::RefreshToken {
                refresh_token: exposed(token),
                is_kept: *is_kept,
                unanswered: *unanswered,
                used_at: *used_at,
                access_token,
                instance_url,
            },
            Grant::ClientCredentials { client_id, client_secret } => Stored::ClientCredentials {
                client_id: client_id.clone(),
                client_secret: exposed(client_secret),
                access_token,
                instance_url,
            },
            Grant::JwtBearer { client_id, username, private_key } => Stored::JwtBearer {
                client_id: client_id.clone(),
                username: username.clone(),
                private_key: exposed(private_key),
                access_token,
                instance_url,
            },
        };
        serde_json::to_string(&stored).expect("texts have a JSON form").into()
    }

    /// From what [`Credentials::to_json`] made.
    ///
    /// # Errors
    /// Where it is anything else. The error does not quote it.
    pub fn from_json(json: &str) -> Result<Self, CredentialError> {
        // serde_json's own message could quote a secret.
        let stored = serde_json::from_str(json).map_err(|_| CredentialError::new("they are not in the stored form"))?;
        let (grant, access_token, instance_url) = match stored {
            Stored::RefreshToken { refresh_token, is_kept, unanswered, used_at, access_token, instance_url } => {
                let token = RefreshToken { token: refresh_token.into(), is_kept, unanswered, used_at };
                (Grant::RefreshToken(token), access_token, instance_url)
            }
            Stored::ClientCredentials { client_id, client_secret, access_token, instance_url } => (
                Grant::ClientCredentials { client_id, client_secret: client_secret.into() },
                access_token,
                instance_url,
            ),
            Stored::JwtBearer { client_id, username, private_key, access_token, instance_url } => {
                (Grant::JwtBearer { client_id, username, private_key: private_key.into() }, access_token, instance_url)
            }
        };
        let session = access_token
            .zip(instance_url)
            .map(|(access_token, instance_url)| StoredSession { access_token: access_token.into(), instance_url });
        Ok(Self { grant, session })
    }

    /// The token whose revocation ends all that these credentials allow.
    pub fn revocable_token(&self) -> Option<&SecretString> {
        match &self.grant {
            Grant::RefreshToken(refresh) => Some(&refresh.token),
            Grant::ClientCredentials { .. } | Grant::JwtBearer { .. } => {
                self.session.as_ref().map(|session| &session.access_token)
            }
        }
    }
}

fn exposed(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

/// Where the credentials of one connection are kept.
///
/// Exactly one node may have a [`crate::Salesforce`] open on a connection at a time; the connection's lease sees to that, and
/// `save` must fail once the lease is lost.
#[async_trait]
pub trait CredentialStore: Send + Sync + 'static {
    /// The credentials saved last.
    async fn load(&self) -> Result<Credentials, CredentialError>;

    /// Replaces the credentials. They are durable when this returns: the token that they replace may be worthless already.
    async fn save(&self, credentials: &Credentials) -> Result<(), CredentialError>;
}

/// Credentials could not be loaded or saved.
#[derive(Debug, thiserror::Error)]
#[error("the stored credentials can not be used: {0}")]
pub struct CredentialError(String);

impl CredentialError {
    /// An error of those words, which must hold no secret.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_survive_being_stored() {
        for json in [
            r#"{"grant":"refresh_token","refresh_token":"r"}"#,
            r#"{"grant":"refresh_token","refresh_token":"r","access_token":"a","instance_url":"https://x.my.salesforce.com"}"#,
            r#"{"grant":"refresh_token","refresh_token":"r","is_kept":true,"unanswered":1,"used_at":"2026-11-25T08:00:00Z"}"#,
            r#"{"grant":"client_credentials","client_id":"i","client_secret":"s"}"#,
            r#"{"grant":"jwt_bearer","client_id":"i","username":"u","private_key":"p"}"#,
        ] {
            assert_eq!(Credentials::from_json(json).unwrap().to_json().expose_secret(), json);
        }
    }

    #[test]
    fn no_secret_is_shown_by_debug_or_by_an_error() {
        let credentials = Credentials::from_json(
            r#"{"grant":"client_credentials","client_id":"i","client_secret":"s3cret","access_token":"t0ken","instance_url":"u"}"#,
        );
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
        let refused = Credentials::from_json(r#"{"grant":"s3cret"}"#).unwrap_err();
        assert!(!refused.to_string().contains("s3cret"));
    }
}
