//! The session that REST and the Pub/Sub API share, and how it is renewed.
//!
//! A refresh token may be good for a single use, and presenting a used one makes Salesforce revoke the whole grant. So there is
//! one renewal at a time; it runs to its end even if whoever asked for it has gone; it begins with what the store holds; and
//! what it brings is durable before anybody uses it. That a token is presented is durable before it is presented: where the answer is
//! lost, or we die before it is kept, the token is presented once more and never again, and whoever has to connect again is told why.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use syncline_model::{
    clock::Clock,
    connector::{Advice, ConnectorError, ErrorKind},
};
use tokio::sync::{Mutex, RwLock};
use url::Url;

use crate::{
    credentials::{CredentialError, CredentialStore, Credentials, Grant, RefreshToken, StoredSession},
    error::Effect,
    gate::Gate,
    http,
    oauth::{OAuthClient, TokenReply},
    version,
};

/// How often a refresh token that may be good for a single use is presented without an answer.
const MOST_UNANSWERED: u8 = 2;
/// A refresh token that nobody uses ends after 30 days, and the sessions of a busy connection may last longer than that.
const REFRESH_APART: SignedDuration = SignedDuration::from_hours(3 * 24);

/// How long nobody must have been reached at the org's host before Salesforce is asked whether the org has moved: most failures of the
/// line pass sooner, and a bad line is no time to present a refresh token.
const UNREACHED_PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// Between two questions where the org is now.
const SEARCHES_APART: SignedDuration = SignedDuration::from_mins(10);

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
    clock: Arc<dyn Clock>,
    /// Organization id in its 18-character form that this connection keeps to.
    pub(crate) org_id: String,
    current: RwLock<Option<Arc<Token>>>,
    renewal: Arc<Mutex<Renewal>>,
    /// Since when nobody is reached at the org's host.
    unreached_since: std::sync::Mutex<Option<Timestamp>>,
    /// When Salesforce was last asked where the org is.
    searched_at: Mutex<Option<Timestamp>>,
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
        clock: Arc<dyn Clock>,
        org_id: String,
    ) -> Arc<Self> {
        Arc::new(Self {
            oauth,
            store,
            gate,
            clock,
            org_id,
            current: RwLock::default(),
            renewal: Arc::default(),
            unreached_since: std::sync::Mutex::default(),
            searched_at: Mutex::default(),
        })
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

    /// A session at another host than that of `stale`, where the org is not any more: Salesforce names the host with each session. `None`
    /// where it names the same again, or was asked not long ago.
    pub(crate) async fn token_elsewhere(self: &Arc<Self>, stale: &Token) -> Result<Option<Arc<Token>>, ConnectorError> {
        let mut searched_at = self.searched_at.lock().await;
        let mut token = self.token().await?;
        if token.instance_url == stale.instance_url {
            let now = self.clock.now();
            if searched_at.is_some_and(|before| now.duration_since(before) < SEARCHES_APART) {
                return Ok(None);
            }
            *searched_at = Some(now);
            token = self.token_after(&token).await?;
            if token.instance_url != stale.instance_url {
                tracing::info!(org.id = %self.org_id, from = %stale.instance_url, to = %token.instance_url, "the org has moved");
            }
        }
        Ok(Some(token).filter(|token| token.instance_url != stale.instance_url))
    }

    /// Notes that nobody was reached at the org's host, and tells whether that is so for long.
    pub(crate) fn is_long_unreached(&self) -> bool {
        let now = self.clock.now();
        let mut since = self.unreached_since.lock().expect("nobody panics with the lock held");
        now.duration_since(*since.get_or_insert(now)) >= UNREACHED_PATIENCE
    }

    /// Notes that somebody answered at the org's host.
    pub(crate) fn note_reached(&self) {
        *self.unreached_since.lock().expect("nobody panics with the lock held") = None;
    }

    /// Uses a refresh token that was not used for long. Other grants need no use.
    pub(crate) async fn keep_alive(self: &Arc<Self>) -> Result<(), ConnectorError> {
        let credentials = self.store.load().await.map_err(unstored)?;
        let Grant::RefreshToken(RefreshToken { used_at, .. }) = credentials.grant else { return Ok(()) };
        if used_at.is_some_and(|used_at| self.clock.now().duration_since(used_at) < REFRESH_APART) {
            return Ok(());
        }
        self.renewed(credentials.session.map(|session| session.access_token)).await.map(drop)
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
        let mut credentials = match unsaved {
            Some(credentials) => credentials,
            None => self.store.load().await.map_err(unstored)?,
        };
        if let Some(kept) = &credentials.session
            && stale.is_none_or(|stale| stale.expose_secret() != kept.access_token.expose_secret())
        {
            // Renewed meanwhile, or not yet used: a refusal of it will bring us here again.
            return self.usable(kept);
        }

        if let (Grant::RefreshToken(refresh), Some((refused, error))) = (&credentials.grant, &renewal.refused)
            && refresh.token.expose_secret() == refused.expose_secret()
        {
            return Err(error.clone());
        }
        self.note_presenting(&mut credentials).await?;
        let reply = match self.oauth.renew(&credentials.grant, self.clock.now()).await {
            Ok(reply) => reply,
            Err(error) => return Err(self.not_renewed(renewal, credentials, error).await),
        };
        let (credentials, token) = self.accepted(credentials.grant, reply)?;
        if let Err(error) = self.store.save(&credentials).await {
            renewal.unsaved = Some(credentials);
            return Err(unstored(error));
        }
        tracing::info!(org.id = %self.org_id, "Salesforce session renewed");
        Ok(token)
    }

    /// Counts a refresh token as presented before it is.
    async fn note_presenting(&self, credentials: &mut Credentials) -> Result<(), ConnectorError> {
        let Grant::RefreshToken(refresh) = &mut credentials.grant else { return Ok(()) };
        if refresh.is_kept {
            return Ok(());
        }
        if refresh.unanswered >= MOST_UNANSWERED {
            return Err(lost_answer());
        }
        refresh.unanswered += 1;
        self.store.save(credentials).await.map_err(unstored)
    }

    /// What a renewal that failed leaves, and how to say it.
    async fn not_renewed(
        &self,
        renewal: &mut Renewal,
        mut credentials: Credentials,
        mut error: ConnectorError,
    ) -> ConnectorError {
        let Grant::RefreshToken(refresh) = &mut credentials.grant else { return error };
        match error.kind {
            ErrorKind::UnknownOutcome => error.kind = ErrorKind::Transient,
            ErrorKind::AuthRevoked => {
                if refresh.unanswered > 1 {
                    error = lost_answer();
                }
                renewal.refused = Some((refresh.token.clone(), error.clone()));
            }
            // Refused for another reason, or not even sent: the token is as good as before.
            _ if !refresh.is_kept => {
                refresh.unanswered -= 1;
                if let Err(error) = self.store.save(&credentials).await {
                    tracing::warn!(%error, org.id = %self.org_id, "could not note that a refresh token was answered");
                }
            }
            _ => {}
        }
        error
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
            (Grant::RefreshToken(_), Some(rotated)) => {
                Grant::RefreshToken(RefreshToken::new(rotated, self.clock.now()))
            }
            (Grant::RefreshToken(refresh), None) => Grant::RefreshToken(RefreshToken {
                is_kept: true,
                ..RefreshToken::new(refresh.token, self.clock.now())
            }),
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

/// Salesforce rotated the refresh token, and nobody has the new one.
fn lost_answer() -> ConnectorError {
    let advice = Advice {
        cause: "Salesforce's answer with the next refresh token was lost: the network or this server failed at that moment",
        remedy: "Connect again with Reconnect; nothing is lost meanwhile. A connection by JWT bearer or client credentials has no such \
                 token to lose.",
    };
    let what = "Salesforce's answer with the next refresh token was lost, and it does not take the old one any more";
    ConnectorError { advice: Some(advice), ..ConnectorError::new(ErrorKind::AuthRevoked, "", what) }
}

fn unstored(error: CredentialError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Transient, "", error.to_string())
}
