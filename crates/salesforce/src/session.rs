//! The session that REST and the Pub/Sub API share, and how it is renewed.
//!
//! A refresh token may be good for a single use, and presenting a used one makes Salesforce revoke the whole grant. So there is
//! one renewal at a time; it runs to its end even if whoever asked for it has gone; it begins with what the store holds; and
//! what it brings is durable before anybody uses it.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use syncline_model::connector::{ConnectorError, ErrorKind};
use tokio::sync::{Mutex, RwLock};
use url::Url;

use crate::{
    credentials::{CredentialError, CredentialStore, Credentials, Grant, StoredSession},
    error::Effect,
    gate::Gate,
    http,
    oauth::{OAuthClient, TokenReply},
    version,
};

/// A session as calls use it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    access_token: SecretString,
    pub(crate) instance_url: Url,
}

impl Token {
    pub(crate) fn secret(&self) -> &str {
        self.access_token.expose_secret()
    }
}

pub(crate) struct Session {
    oauth: OAuthClient,
    store: Arc<dyn CredentialStore>,
    gate: Arc<Gate>,
    /// Organization id in its 18-character form that this connection keeps to.
    pub(crate) org_id: String,
    current: RwLock<Option<Arc<Token>>>,
    renewal: Arc<Mutex<Renewal>>,
}

/// What one renewal leaves for the next.
#[derive(Default)]
struct Renewal {
    /// Bought, but not yet durable.
    unsaved: Option<Credentials>,
    /// A refresh token that Salesforce refused, and how: it is not presented again.
    refused: Option<(SecretString, ConnectorError)>,
}

impl Session {
    pub(crate) fn new(
        oauth: OAuthClient,
        store: Arc<dyn CredentialStore>,
        gate: Arc<Gate>,
        org_id: String,
    ) -> Arc<Self> {
        Arc::new(Self { oauth, store, gate, org_id, current: RwLock::default(), renewal: Arc::default() })
    }

    /// The session; bought where none was kept.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<Arc<Token>, ConnectorError> {
        if let Some(token) = self.current.read().await.clone() {
            return Ok(token);
        }
        self.renewed(None).await
    }

    /// A session other than `stale`, which Salesforce refused.
    pub(crate) async fn token_after(self: &Arc<Self>, stale: &Token) -> Result<Arc<Token>, ConnectorError> {
        self.renewed(Some(stale.access_token.clone())).await
    }

    async fn renewed(self: &Arc<Self>, stale: Option<SecretString>) -> Result<Arc<Token>, ConnectorError> {
        let session = Arc::clone(self);
        // Goes on without the caller, who must not drop a token that is on its way to the store; and as a whole is one call, so that
        // closing waits until the token is there.
        let renewal = self.gate.run(async move {
            let mut renewal = session.renewal.lock().await;
            let token = session.renew(&mut renewal, stale.as_ref()).await?;
            *session.current.write().await = Some(Arc::clone(&token));
            Ok(token)
        });
        renewal.await.unwrap_or_else(|stopped| Err(stopped.into_error(Effect::Reads)))
    }

    async fn renew(&self, renewal: &mut Renewal, stale: Option<&SecretString>) -> Result<Arc<Token>, ConnectorError> {
        if let Some(credentials) = &renewal.unsaved {
            self.store.save(credentials).await.map_err(unstored)?;
        }
        let unsaved = renewal.unsaved.take();
        let credentials = match unsaved {
            Some(credentials) => credentials,
            None => self.store.load().await.map_err(unstored)?,
        };
        if let Some(kept) = &credentials.session
            && stale.is_none_or(|stale| stale.expose_secret() != kept.access_token.expose_secret())
        {
            // Renewed meanwhile, or not yet used: a refusal of it will bring us here again.
            return self.usable(kept);
        }

        if let (Grant::RefreshToken(token), Some((refused, error))) = (&credentials.grant, &renewal.refused)
            && token.expose_secret() == refused.expose_secret()
        {
            return Err(error.clone());
        }
        let reply = match self.oauth.renew(&credentials.grant).await {
            Ok(reply) => reply,
            Err(error) => {
                if let (Grant::RefreshToken(token), ErrorKind::AuthRevoked) = (&credentials.grant, error.kind) {
                    renewal.refused = Some((token.clone(), error.clone()));
                }
                return Err(error);
            }
        };
        let (credentials, token) = self.accepted(credentials.grant, reply)?;
        if let Err(error) = self.store.save(&credentials).await {
            renewal.unsaved = Some(credentials);
            return Err(unstored(error));
        }
        tracing::info!(org.id = %self.org_id, "Salesforce session renewed");
        Ok(token)
    }

    /// What a reply makes of the credentials, provided it is for the org that this connection keeps to.
    fn accepted(&self, grant: Grant, reply: TokenReply) -> Result<(Credentials, Arc<Token>), ConnectorError> {
        let ids = reply.ids()?;
        if ids.org_id != self.org_id {
            return Err(http::misconfigured(format!(
                "Salesforce answered for the org {} and not for {}, to which the connection belongs",
                ids.org_id, self.org_id
            )));
        }
        let instance_url = reply.instance_url(self.oauth.login_url())?;
        let grant = match (grant, reply.refresh_token) {
            (Grant::RefreshToken(_), Some(rotated)) => Grant::RefreshToken(rotated),
            (grant, _) => grant,
        };
        let session = StoredSession {
            access_token: reply.access_token.clone(),
            instance_url: version::origin_text(&instance_url),
        };
        let token = Arc::new(Token { access_token: reply.access_token, instance_url });
        Ok((Credentials { grant, session: Some(session) }, token))
    }

    fn usable(&self, kept: &StoredSession) -> Result<Arc<Token>, ConnectorError> {
        let instance_url = http::check_instance_url(&kept.instance_url, self.oauth.login_url())?;
        Ok(Arc::new(Token { access_token: kept.access_token.clone(), instance_url }))
    }
}

fn unstored(error: CredentialError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Transient, "", error.to_string())
}
