//! The one way in which this crate makes an HTTP client, and which addresses it may be aimed at.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use syncline_model::connector::{Advice, ConnectorError, ErrorKind};
use url::{Host, Url};

use crate::{
    error::{self, Effect},
    gate::{Gate, Pass, Stopped},
};

/// A host that does not take a connection in this time is down for our purposes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Salesforce answers nearly everything in a second and allows itself minutes; a worker waits this long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// An answer that is read as it comes and brings nothing for so long is broken off.
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);
/// Shorter than the idle time after which Salesforce's edge drops a connection, so that a write seldom meets a dead one.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A page of the widest rows is a few megabytes; more than this is no answer of Salesforce.
const MAX_BODY_BYTES: usize = 64 << 20;

const DATE: &str = "date";
const LIMIT_INFO: &str = "sforce-limit-info";

/// The client for Salesforce's OAuth and REST addresses. It follows no redirect, since the bearer token would go along.
///
/// `extra_ca` is a PEM file's content with certificates to trust besides the system's.
///
/// # Errors
/// [`ErrorKind::Misconfigured`] where `extra_ca` is no PEM.
pub(crate) fn http_client(extra_ca: Option<&[u8]>) -> Result<reqwest::Client, ConnectorError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("Syncline/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .gzip(true);
    if let Some(pem) = extra_ca {
        let certificates = reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|_| misconfigured("the extra CA file is no list of certificates in PEM form"))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder
        .build()
        .map_err(|error| misconfigured(format!("the HTTP client can not be set up: {}", error.without_url())))
}

/// A call that brought nothing, and whether another session may help.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: ConnectorError,
    pub(crate) cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The session is over.
    SessionOver,
    /// Nobody took the connection: the host has no address any more, or is not there.
    Unreached,
    /// Whoever is at that address now is not the org, or says that it is elsewhere.
    Elsewhere,
    Other,
}

impl From<ConnectorError> for Failed {
    fn from(error: ConnectorError) -> Self {
        Self { error, cause: Cause::Other }
    }
}

impl From<Failed> for ConnectorError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl Failed {
    /// What an answer other than success means.
    pub(crate) fn answered(answer: &Answer, effect: Effect) -> Self {
        let mut error = error::from_answer(answer, effect);
        let is_page = !answer.content_type.starts_with("application/json");
        let cause = match answer.status {
            // Other refusals also come as 401 and are not cured by a new token.
            401 if error.code == "INVALID_SESSION_ID"
                && !error.message.contains("not valid for use with the REST API") =>
            {
                Cause::SessionOver
            }
            301..=303 | 307 | 308 => Cause::Elsewhere,
            404 if is_page => Cause::Elsewhere,
            _ => Cause::Other,
        };
        if cause == Cause::Elsewhere {
            error.advice = Some(Advice {
                cause: "The org is not at this address any more: it was moved, or its My Domain was renamed",
                remedy: "Salesforce is asked every ten minutes where it is now. If it stays so, connect again with Reconnect, at the \
                         org's present My Domain.",
            });
        }
        Self { error, cause }
    }

    fn unanswered(error: reqwest::Error, effect: Effect) -> Self {
        let cause = if error.is_connect() { Cause::Unreached } else { Cause::Other };
        Self { error: error::from_transport(error, effect), cause }
    }
}

/// Makes a request through the gate, and reads the answer to its end.
pub(crate) async fn exchange(
    gate: &Arc<Gate>,
    request: reqwest::RequestBuilder,
    effect: Effect,
) -> Result<Answer, Failed> {
    // Once an answer has begun, the request was received: a connection that breaks then leaves a write in doubt too.
    let answer = gate.run(async move { Answer::read(request.send().await?).await }).await;
    answer.map_err(|stopped| stopped.into_error(effect))?.map_err(|error| Failed::unanswered(error, effect))
}

/// What a request for a body that is read as it comes was answered with.
pub(crate) enum Opened {
    Success(Body),
    Other(Answer),
}

/// Makes a request that changes nothing through the gate; the body of a success is still to be read.
pub(crate) async fn open(gate: &Arc<Gate>, request: reqwest::RequestBuilder) -> Result<Opened, Failed> {
    let effect = Effect::Reads;
    let answer = gate.run(async move {
        let response = request.send().await?;
        if response.status().is_success() { Ok(Ok(response)) } else { Answer::read(response).await.map(Err) }
    });
    let answer: Result<Result<reqwest::Response, Answer>, reqwest::Error> =
        answer.await.map_err(|stopped| stopped.into_error(effect))?;
    match answer.map_err(|error| Failed::unanswered(error, effect))? {
        Ok(response) => {
            let pass = gate.enter().map_err(|stopped| stopped.into_error(effect))?;
            Ok(Opened::Success(Body { response, gate: Arc::clone(gate), _pass: pass }))
        }
        Err(answer) => Ok(Opened::Other(answer)),
    }
}

/// The body of an answer, in pieces as they come. It ends when the gate closes.
pub(crate) struct Body {
    response: reqwest::Response,
    gate: Arc<Gate>,
    _pass: Pass,
}

impl Body {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// What the clock of whoever answered said.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        self.header(DATE).and_then(date)
    }

    pub(crate) fn limit_info(&self) -> Option<&str> {
        self.header(LIMIT_INFO)
    }

    /// The next piece; nothing at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, ConnectorError> {
        let piece = tokio::select! {
            piece = tokio::time::timeout(PIECE_TIMEOUT, self.response.chunk()) => piece,
            () = self.gate.closing() => return Err(Stopped::BrokenOff.into_error(Effect::Reads)),
        };
        let late = |_| ConnectorError::new(ErrorKind::Transient, "", "the answer stopped coming");
        piece.map_err(late)?.map_err(|error| error::from_transport(error, Effect::Reads))
    }
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) limit_info: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    /// What the clock of whoever answered said.
    pub(crate) date: Option<Timestamp>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads the answer, which may be no larger than any that Salesforce gives.
    pub(crate) async fn read(mut response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (content_type, limit_info) = (header("content-type").unwrap_or_default(), header(LIMIT_INFO));
        let (etag, last_modified) = (header("etag"), header("last-modified"));
        let date = header(DATE).as_deref().and_then(date);
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            // What is cut off here fails to parse and is classified like any other broken answer.
            let room = MAX_BODY_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
        Ok(Self { status, content_type, limit_info, etag, last_modified, date, body })
    }

    /// An answer that came as a part of another one.
    pub(crate) fn part(status: u16, body: Vec<u8>) -> Self {
        let content_type = "application/json".to_owned();
        Self { status, content_type, limit_info: None, etag: None, last_modified: None, date: None, body }
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

fn date(header: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(header).ok()
}

/// A login address that an administrator gave, as scheme and host.
///
/// # Errors
/// [`ErrorKind::Misconfigured`] unless it is `https://` on a Salesforce host, or on this machine.
pub fn check_login_url(text: &str) -> Result<Url, ConnectorError> {
    let url = Url::parse(text.trim()).map_err(|_| misconfigured("the Salesforce login URL is no URL"))?;
    let allowed = is_loopback(&url) || (url.scheme() == "https" && is_salesforce(&url));
    if !allowed {
        return Err(misconfigured(
            "the Salesforce login URL must be https:// on a host under salesforce.com or my.salesforce.mil",
        ));
    }
    origin(url)
}

/// The API address that Salesforce names in a token reply, as scheme and host.
///
/// # Errors
/// [`ErrorKind::Misconfigured`] where it is anything that the token may not be sent to. Only a login on this machine may name
/// an address on this machine.
pub(crate) fn check_instance_url(text: &str, login_url: &Url) -> Result<Url, ConnectorError> {
    let url = Url::parse(text).map_err(|_| misconfigured("Salesforce named an instance URL that is no URL"))?;
    let allowed = (is_loopback(&url) && is_loopback(login_url)) || (url.scheme() == "https" && is_salesforce(&url));
    if !allowed {
        return Err(misconfigured(
            "Salesforce named an instance URL that is not https:// on a host under salesforce.com or my.salesforce.mil",
        ));
    }
    origin(url)
}

fn origin(url: Url) -> Result<Url, ConnectorError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(misconfigured("a Salesforce URL must not hold a user name"));
    }
    Url::parse(&url.origin().ascii_serialization()).map_err(|_| misconfigured("the Salesforce URL has no host"))
}

fn is_loopback(url: &Url) -> bool {
    let is_http = matches!(url.scheme(), "http" | "https");
    is_http
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            None => false,
        }
}

fn is_salesforce(url: &Url) -> bool {
    // Login hosts and every org's My Domain, sandboxes included, are under the first name; those of Government Cloud Plus under the
    // second. (Help, "My Domain URL Formats".)
    let is_own = |name: &str| name.ends_with(".salesforce.com") || name.ends_with(".my.salesforce.mil");
    matches!(url.host(), Some(Host::Domain(name)) if is_own(name)) && url.port().is_none()
}

pub(crate) fn misconfigured(message: impl Into<String>) -> ConnectorError {
    ConnectorError::new(ErrorKind::Misconfigured, "", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_salesforce_and_this_machine_may_be_logged_in_to() {
        for (given, origin) in [
            ("https://login.salesforce.com", "https://login.salesforce.com/"),
            (" https://acme--uat.sandbox.my.salesforce.com/setup?x=1 ", "https://acme--uat.sandbox.my.salesforce.com/"),
            ("https://acme.develop.my.salesforce.com", "https://acme.develop.my.salesforce.com/"),
            ("https://acme-test.scratch.my.salesforce.com", "https://acme-test.scratch.my.salesforce.com/"),
            ("https://agency.my.salesforce.mil/", "https://agency.my.salesforce.mil/"),
            ("https://agency--uat.sandbox.my.salesforce.mil", "https://agency--uat.sandbox.my.salesforce.mil/"),
            ("http://127.0.0.1:8321", "http://127.0.0.1:8321/"),
            ("http://localhost:8321/x", "http://localhost:8321/"),
            ("http://[::1]:8321", "http://[::1]:8321/"),
        ] {
            assert_eq!(check_login_url(given).expect(given).as_str(), origin);
        }
        for hostile in [
            "",
            "login.salesforce.com",
            "http://login.salesforce.com",
            "https://salesforce.com.evil.test",
            "https://evilsalesforce.com",
            "https://salesforce.mil",
            "https://evil.salesforce.mil.test",
            "https://login.salesforce.com@evil.test",
            "https://me:pw@login.salesforce.com",
            "https://login.salesforce.com:22",
            "https://169.254.169.254",
            "http://0.0.0.0:80",
            "http://[::ffff:10.0.0.1]/",
            "http://10.0.0.1",
            "http://localhost.evil.test",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
        ] {
            let refusal = check_login_url(hostile).expect_err(hostile);
            assert_eq!(refusal.kind, ErrorKind::Misconfigured);
        }
    }

    #[test]
    fn an_instance_on_this_machine_needs_a_login_on_this_machine() {
        let cloud = check_login_url("https://login.salesforce.com").unwrap();
        let local = check_login_url("http://127.0.0.1:1").unwrap();
        assert!(check_instance_url("http://127.0.0.1:2", &cloud).is_err());
        assert!(check_instance_url("https://evil.test", &cloud).is_err());
        assert!(check_instance_url("https://acme.my.salesforce.com", &cloud).is_ok());
        assert!(check_instance_url("http://127.0.0.1:2", &local).is_ok());
    }
}
