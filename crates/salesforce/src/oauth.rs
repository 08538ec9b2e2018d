//! OAuth 2.0 against Salesforce: the web-server flow with PKCE, refresh, client credentials, JWT bearer, and who it was that connected.

use std::sync::Arc;

use aws_lc_rs::{
    digest,
    rand::{SecureRandom, SystemRandom},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use syncline_model::{
    connection::OrgIdentity,
    connector::{Advice, ConnectorError, ErrorKind},
};
use url::Url;

use crate::{
    credentials::{Credentials, Grant, RefreshToken, StoredSession},
    error::{self, Effect},
    gate::Gate,
    http::{self, Answer, misconfigured},
    jwt, record_id, version,
};

/// The least that syncing needs: the API, and to keep working when nobody is there.
const SCOPE: &str = "api refresh_token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// From this difference of clocks on, an assertion may be refused for it: it lives three minutes.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);
const QUERY_USER: &str = "SELECT Username FROM User WHERE Id = ";
const QUERY_ORGANIZATION: &str = "SELECT Name FROM Organization";

/// The connected app (or external client app) that Syncline acts as.
#[derive(Clone, Debug)]
pub struct App {
    /// Consumer key.
    pub client_id: String,
    /// Consumer secret; empty where a certificate vouches for the app.
    pub client_secret: SecretString,
}

/// A PKCE pair for one pass of the web-server flow (RFC 7636, method S256).
#[derive(Clone, Debug)]
pub struct Pkce {
    /// Kept by us and sent with the code.
    pub verifier: SecretString,
    /// Its hash, sent through the browser.
    pub challenge: String,
}

impl Pkce {
    /// A fresh pair.
    pub fn new() -> Self {
        let verifier = random_token();
        let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
        Self { challenge: BASE64_URL_SAFE_NO_PAD.encode(hash), verifier: verifier.into() }
    }
}

impl Default for Pkce {
    fn default() -> Self {
        Self::new()
    }
}

/// 256 random bits as 43 characters that need no escaping: fit for a verifier and for a `state`.
pub fn random_token() -> String {
    let mut bytes = [0u8; 32];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random numbers");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A connection just made: who it is to, and what it may act with. Nothing is stored yet.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Which org, and as whom.
    pub identity: OrgIdentity,
    /// What to keep.
    pub credentials: Credentials,
}

/// An app at one login host.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    http: reqwest::Client,
    /// Its own, and never closed: who connects is not stopped, and a renewal passes the gate of its connection as a whole.
    gate: Arc<Gate>,
    login_url: Url,
    app: App,
}

impl OAuthClient {
    /// `login_url` is what an administrator gave (see [`crate::check_login_url`]); `extra_ca` is a PEM file's content with
    /// certificates to trust besides the system's.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] where one of them will not do.
    pub fn new(login_url: &str, app: App, extra_ca: Option<&[u8]>) -> Result<Self, ConnectorError> {
        Ok(Self {
            http: http::http_client(extra_ca)?,
            gate: Gate::new(),
            login_url: http::check_login_url(login_url)?,
            app,
        })
    }

    pub(crate) fn login_url(&self) -> &Url {
        &self.login_url
    }

    /// Where to send the browser of the person who connects.
    pub fn authorize_url(&self, redirect_uri: &str, state: &str, pkce: &Pkce) -> Url {
        let mut url = self.address("/services/oauth2/authorize");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.app.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", SCOPE)
            .append_pair("state", state)
            .append_pair("code_challenge", &pkce.challenge)
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// Trades the code that came back with the browser for a grant, and asks whose it is.
    ///
    /// # Errors
    /// [`ErrorKind::AuthRevoked`] where the code is wrong, used or too old; [`ErrorKind::Misconfigured`] where the app, the
    /// org or the user do not allow it; [`ErrorKind::Transient`].
    pub async fn exchange_code(
        &self,
        code: &str,
        redirect_uri: &str,
        verifier: &SecretString,
        now: Timestamp,
    ) -> Result<Granted, ConnectorError> {
        let reply = self
            .token(
                Effect::Reads,
                &[
                    ("grant_type", "authorization_code"),
                    ("code", code),
                    ("redirect_uri", redirect_uri),
                    ("code_verifier", verifier.expose_secret()),
                    ("client_id", &self.app.client_id),
                    ("client_secret", self.app.client_secret.expose_secret()),
                ],
            )
            .await?;
        let refresh_token = reply.refresh_token.clone().ok_or_else(|| {
            misconfigured("Salesforce gave no refresh token: the app must be allowed the scope `refresh_token`")
        })?;
        self.granted(&reply, Grant::RefreshToken(RefreshToken::new(refresh_token, now))).await
    }

    /// Connects as the user that the app itself names (client credentials flow; only at the org's own My Domain host).
    ///
    /// # Errors
    /// As [`OAuthClient::exchange_code`].
    pub async fn connect_with_client_credentials(&self) -> Result<Granted, ConnectorError> {
        let App { client_id, client_secret } = self.app.clone();
        let grant = Grant::ClientCredentials { client_id, client_secret };
        let token = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.app.client_id),
            ("client_secret", self.app.client_secret.expose_secret()),
        ];
        self.granted(&self.token(Effect::Reads, &token).await?, grant).await
    }

    /// Connects as a user whom an administrator has approved the app for; the app's certificate vouches for us.
    ///
    /// # Errors
    /// As [`OAuthClient::exchange_code`]; [`ErrorKind::Misconfigured`] also where the key is none, or our clock is wrong.
    pub async fn connect_with_jwt(
        &self,
        username: &str,
        private_key: SecretString,
        now: Timestamp,
    ) -> Result<Granted, ConnectorError> {
        let client_id = self.app.client_id.clone();
        let grant = Grant::JwtBearer { client_id, username: username.to_owned(), private_key };
        let reply = self.renew(&grant, now).await?;
        self.granted(&reply, grant).await
    }

    /// Buys a session. With a refresh token this may use the token up: whoever calls this keeps what comes back, and counts an
    /// [`ErrorKind::UnknownOutcome`] as an answer that was lost.
    pub(crate) async fn renew(&self, grant: &Grant, now: Timestamp) -> Result<TokenReply, ConnectorError> {
        match grant {
            Grant::RefreshToken(RefreshToken { token, .. }) => {
                let form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token.expose_secret()),
                    ("client_id", &self.app.client_id),
                    ("client_secret", self.app.client_secret.expose_secret()),
                ];
                self.token(Effect::Writes, &form).await
            }
            Grant::ClientCredentials { client_id, client_secret } => {
                let form = [
                    ("grant_type", "client_credentials"),
                    ("client_id", client_id),
                    ("client_secret", client_secret.expose_secret()),
                ];
                self.token(Effect::Reads, &form).await
            }
            Grant::JwtBearer { client_id, username, private_key } => {
                let audience = version::origin_text(&self.login_url);
                let assertion = jwt::assertion(client_id, username, &audience, private_key.expose_secret(), now)?;
                let form = [("grant_type", JWT_BEARER), ("assertion", &assertion)];
                let answer = self.post_token(Effect::Reads, &form).await?;
                token_reply(&answer, Effect::Reads).map_err(|error| of_assertion(error, answer.date, now))
            }
        }
    }

    /// Takes back what the credentials allow; done as well where it was taken back before.
    ///
    /// # Errors
    /// [`ErrorKind::Transient`] where Salesforce did not answer: to be tried again later.
    pub async fn revoke(&self, credentials: &Credentials) -> Result<(), ConnectorError> {
        let Some(token) = credentials.revocable_token() else { return Ok(()) };
        let answer = self.post("/services/oauth2/revoke", Effect::Reads, &[("token", token.expose_secret())]).await?;
        let is_unknown_token =
            answer.status == 400 && error::from_answer(&answer, Effect::Reads).code == "invalid_token";
        if answer.is_success() || is_unknown_token { Ok(()) } else { Err(error::from_answer(&answer, Effect::Reads)) }
    }

    async fn granted(&self, reply: &TokenReply, grant: Grant) -> Result<Granted, ConnectorError> {
        let identity = self.identify(reply).await?;
        let session =
            StoredSession { access_token: reply.access_token.clone(), instance_url: identity.instance_url.clone() };
        Ok(Granted { identity, credentials: Credentials { grant, session: Some(session) } })
    }

    /// The scope `api` is enough to ask for names by query, and the ids are in the reply; the identity service would want
    /// more scopes.
    async fn identify(&self, reply: &TokenReply) -> Result<OrgIdentity, ConnectorError> {
        let ids = reply.ids()?;
        let instance_url = reply.instance_url(&self.login_url)?;
        let api = version::newest(&self.http, &self.gate, &instance_url).await?;
        let username = format!("{QUERY_USER}'{}'", ids.user_id);
        let (username, org_name) = futures::try_join!(
            self.query_text(&instance_url, &api, reply, &username, "Username"),
            self.query_text(&instance_url, &api, reply, QUERY_ORGANIZATION, "Name"),
        )?;
        Ok(OrgIdentity {
            org_id: ids.org_id,
            org_name,
            username,
            user_id: ids.user_id,
            instance_url: version::origin_text(&instance_url),
            login_url: version::origin_text(&self.login_url),
        })
    }

    /// One text of the only row that a query finds.
    async fn query_text(
        &self,
        instance_url: &Url,
        api: &str,
        reply: &TokenReply,
        soql: &str,
        field: &str,
    ) -> Result<String, ConnectorError> {
        let mut url = instance_url.clone();
        url.set_path(&format!("{api}/query"));
        url.query_pairs_mut().append_pair("q", soql);
        let request = self.http.get(url).bearer_auth(reply.access_token.expose_secret());
        let answer = http::exchange(&self.gate, request, Effect::Reads).await?;
        if !answer.is_success() {
            return Err(error::from_answer(&answer, Effect::Reads));
        }
        let page: serde_json::Value =
            serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Reads))?;
        let text = page.pointer(&format!("/records/0/{field}")).and_then(serde_json::Value::as_str);
        text.map(str::to_owned)
            .ok_or_else(|| misconfigured(format!("the connected user can not read `{field}` by the query `{soql}`")))
    }

    async fn token(&self, effect: Effect, form: &[(&str, &str)]) -> Result<TokenReply, ConnectorError> {
        token_reply(&self.post_token(effect, form).await?, effect)
    }

    async fn post_token(&self, effect: Effect, form: &[(&str, &str)]) -> Result<Answer, ConnectorError> {
        self.post("/services/oauth2/token", effect, form).await
    }

    async fn post(&self, path: &str, effect: Effect, form: &[(&str, &str)]) -> Result<Answer, ConnectorError> {
        Ok(http::exchange(&self.gate, self.http.post(self.address(path)).form(form), effect).await?)
    }

    fn address(&self, path: &str) -> Url {
        let mut url = self.login_url.clone();
        url.set_path(path);
        url
    }
}

/// A token reply, or the refusal. One that was answered with any error was not honoured.
fn token_reply(answer: &Answer, effect: Effect) -> Result<TokenReply, ConnectorError> {
    if !answer.is_success() {
        return Err(error::from_answer(answer, Effect::Reads));
    }
    // The body holds tokens, so nothing of it is quoted.
    let kind = if effect == Effect::Writes { ErrorKind::UnknownOutcome } else { ErrorKind::Transient };
    let unreadable = ConnectorError::new(kind, "", "the token service's answer is not a token reply");
    serde_json::from_slice(&answer.body).map_err(|_| unreadable)
}

/// Why Salesforce did not take an assertion: it says little, and the same words for several reasons.
fn of_assertion(mut refusal: ConnectorError, their_time: Option<Timestamp>, our_time: Timestamp) -> ConnectorError {
    if refusal.code != "invalid_grant" {
        return refusal;
    }
    let ahead = their_time.map(|their_time| our_time.duration_since(their_time)).unwrap_or_default();
    let is_about_time = ["expired", "invalid assertion"].iter().any(|words| refusal.message.contains(words));
    if is_about_time && ahead.abs() > CLOCK_TOLERANCE {
        let direction = if ahead.is_positive() { "ahead of" } else { "behind" };
        let minutes = ahead.abs().as_secs().unsigned_abs().div_ceil(60);
        refusal.kind = ErrorKind::Misconfigured;
        refusal.message = format!(
            "{}: this server's clock is about {minutes} minutes {direction} Salesforce's, and an assertion lives three",
            refusal.message
        );
        refusal.advice = Some(Advice {
            cause: "This server's clock is wrong",
            remedy: "Set it right, best with a time service (NTP); it is tried again by itself.",
        });
        return refusal;
    }
    let known = JWT_REFUSALS.iter().find(|(words, _)| refusal.message.contains(words));
    refusal.advice = known.map(|(_, advice)| *advice).or(refusal.advice);
    refusal
}

/// Words of Salesforce, and what they mean of an assertion.
const JWT_REFUSALS: [(&str, Advice); 3] = [
    (
        "hasn't approved this consumer",
        Advice {
            cause: "The app is not approved for this user, or there is no such active user",
            remedy: "Check the user name. In Salesforce Setup, open the app's policies, let administrators pre-authorize its users, \
                     and give the user a permission set or profile that the app is selected for.",
        },
    ),
    (
        "audience is invalid",
        Advice {
            cause: "The login URL is not one that this org answers to",
            remedy: "Use https://login.salesforce.com for production, https://test.salesforce.com for a sandbox, or the org's My Domain.",
        },
    ),
    (
        "invalid assertion",
        Advice {
            cause: "Salesforce could not check the signature with the app's certificate",
            remedy: "Upload the certificate that belongs to this private key to the app, and check the consumer key.",
        },
    ),
];

/// Salesforce's answer to a token request. It tells no lifetime. (REST guide, "OAuth 2.0 Web Server Flow".)
#[derive(Debug, Deserialize)]
pub(crate) struct TokenReply {
    pub(crate) access_token: SecretString,
    /// In a refresh, only where the refresh token was rotated.
    pub(crate) refresh_token: Option<SecretString>,
    instance_url: String,
    id: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IdentityIds {
    pub(crate) org_id: String,
    pub(crate) user_id: String,
}

impl TokenReply {
    /// Whose session it is: the last two segments of the identity URL.
    pub(crate) fn ids(&self) -> Result<IdentityIds, ConnectorError> {
        let mut segments = self.id.rsplit('/').map(record_id::to_long);
        match (segments.next().flatten(), segments.next().flatten()) {
            (Some(user_id), Some(org_id)) => Ok(IdentityIds { org_id, user_id }),
            _ => Err(misconfigured("Salesforce's token reply does not tell which org it is for")),
        }
    }

    pub(crate) fn instance_url(&self, login_url: &Url) -> Result<Url, ConnectorError> {
        http::check_instance_url(&self.instance_url, login_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> OAuthClient {
        let app = App { client_id: "key+1".into(), client_secret: "shh".to_owned().into() };
        OAuthClient::new("https://login.salesforce.com/", app, None).unwrap()
    }

    #[test]
    fn the_authorize_address_carries_the_challenge_and_never_the_verifier() {
        let pkce = Pkce::new();
        let url = client().authorize_url("https://sync.example/cb?a=b", "st ate", &pkce);
        let pairs: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        assert!(url.as_str().starts_with("https://login.salesforce.com/services/oauth2/authorize?"));
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", "key+1"),
            ("redirect_uri", "https://sync.example/cb?a=b"),
            ("scope", "api refresh_token"),
            ("state", "st ate"),
            ("code_challenge", pkce.challenge.as_str()),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(pairs[name], value);
        }
        assert_eq!(pairs.len(), 7);
        assert!(!url.as_str().contains(pkce.verifier.expose_secret()));
    }

    #[test]
    fn a_verifier_is_of_the_length_that_the_standard_wants_and_never_twice_the_same() {
        let (one, two) = (Pkce::new(), Pkce::new());
        assert_eq!(one.verifier.expose_secret().len(), 43);
        assert_ne!(one.verifier.expose_secret(), two.verifier.expose_secret());
        // RFC 7636, appendix B.
        let hash = digest::digest(&digest::SHA256, b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(hash), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn the_org_is_read_from_the_identity_url() {
        let reply = |id: &str| -> TokenReply {
            let json =
                serde_json::json!({"access_token": "a", "instance_url": "https://x.my.salesforce.com", "id": id});
            serde_json::from_value(json).unwrap()
        };
        let ids = reply("https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS").ids().unwrap();
        assert_eq!((ids.org_id.as_str(), ids.user_id.as_str()), ("00Dxx0000001gPLEAY", "005xx000001SwiUAAS"));
        assert!(reply("https://login.salesforce.com/").ids().is_err());
    }
}
