//! Connecting: the web-server flow, client credentials, refusals, revocation.

use std::sync::{Arc, atomic::Ordering};

use base64::{Engine, prelude::BASE64_STANDARD};
use syncline_model::connector::{Connector, ConnectorError, ErrorKind};
use syncline_org::{Faults, OrgOptions, RunningOrg};
use syncline_salesforce::{App, CredentialStore, Credentials, Grant, Granted, OAuthClient, Pkce, Salesforce};

use crate::connected::{self, REDIRECT, allow, oauth_client};

#[tokio::test]
async fn the_web_server_flow_connects_and_tells_which_org_it_is() {
    let connected = connected::connect().await;
    let identity = &connected.granted.identity;
    assert_eq!(identity.org_id, connected.org.org_id);
    assert_eq!(identity.org_name, "Northwind Traders");
    assert_eq!(identity.username, connected.org.org_username);
    assert_eq!(identity.user_id, connected.org.handle().lock().admin_user_id());
    assert_eq!((&identity.instance_url, &identity.login_url), (&connected.org.url, &connected.org.url));
    assert!(matches!(connected.granted.credentials.grant, Grant::RefreshToken(_)));
    assert_eq!(connected.salesforce.describe("contact").await.unwrap().name, "Contact");
}

#[tokio::test]
async fn a_code_is_good_once_and_only_with_its_verifier() {
    let org = syncline_org::start(OrgOptions::default()).await.unwrap();
    let client = oauth_client(&org);
    let pkce = Pkce::new();
    let code = allow(&org, &client.authorize_url(REDIRECT, "s", &pkce)).await["code"].clone();

    let stolen = client.exchange_code(&code, REDIRECT, &Pkce::new().verifier, connected::now()).await.unwrap_err();
    assert_eq!((stolen.kind, stolen.code.as_str()), (ErrorKind::Misconfigured, "invalid_request"));
    client.exchange_code(&code, REDIRECT, &pkce.verifier, connected::now()).await.unwrap();
    let again = client.exchange_code(&code, REDIRECT, &pkce.verifier, connected::now()).await.unwrap_err();
    assert_eq!((again.kind, again.code.as_str()), (ErrorKind::AuthRevoked, "invalid_grant"));
}

#[tokio::test]
async fn client_credentials_connect_without_a_person() {
    let org = syncline_org::start(OrgOptions::default()).await.unwrap();
    let granted = oauth_client(&org).connect_with_client_credentials().await.unwrap();
    assert_eq!(granted.identity.username, org.org_username);
    assert!(matches!(granted.credentials.grant, Grant::ClientCredentials { .. }));

    let wrong = App { client_id: org.client_id.clone(), client_secret: "wrong".to_owned().into() };
    let refused = OAuthClient::new(&org.url, wrong, None).unwrap().connect_with_client_credentials().await.unwrap_err();
    assert_eq!((refused.kind, refused.code.as_str()), (ErrorKind::Misconfigured, "invalid_client"));
}

#[tokio::test]
async fn revoking_ends_the_grant_and_may_be_repeated() {
    let connected = connected::connect().await;
    let client = oauth_client(&connected.org);
    let credentials: &Credentials = &connected.granted.credentials;
    client.revoke(credentials).await.unwrap();
    client.revoke(credentials).await.unwrap();
    let error = connected.salesforce.describe("Contact").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::AuthRevoked);
}

/// A key in the form of PKCS#8 and its certificate, and the same key in the older form.
struct Signer {
    certificate: String,
    pkcs8: String,
    pkcs1: String,
}

impl Signer {
    fn new() -> Self {
        let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let certificate =
            rcgen::CertificateParams::new(["jwt.example".to_owned()]).unwrap().self_signed(&pair).unwrap();
        // PKCS#8 is a version, an algorithm, and then the older form as a string of bytes (RFC 5208): 26 bytes stand before it.
        let pkcs1 = BASE64_STANDARD.encode(&pair.serialize_der()[26..]);
        let pkcs1 = format!("-----BEGIN RSA PRIVATE KEY-----\n{pkcs1}\n-----END RSA PRIVATE KEY-----\n");
        Self { certificate: certificate.pem(), pkcs8: pair.serialize_pem(), pkcs1 }
    }
}

async fn jwt(org: &RunningOrg, username: &str, key: &str) -> Result<Granted, ConnectorError> {
    let app = App { client_id: org.client_id.clone(), client_secret: String::new().into() };
    let client = OAuthClient::new(&org.url, app, None).unwrap();
    client.connect_with_jwt(username, key.to_owned().into(), connected::now()).await
}

#[tokio::test]
async fn a_signed_assertion_connects_and_renews_without_a_person() {
    let signer = Signer::new();
    let options = OrgOptions { client_certificate: Some(signer.certificate.clone()), ..OrgOptions::default() };
    let org = syncline_org::start(options).await.unwrap();
    for key in [&signer.pkcs8, &signer.pkcs1] {
        let granted = jwt(&org, &org.org_username, key).await.unwrap();
        assert_eq!(granted.identity.username, org.org_username);
        let drawer = connected::Drawer::with(&granted.credentials);
        let store: Arc<dyn CredentialStore> = drawer.clone();
        let settings = connected::settings(&org);
        let salesforce = Salesforce::connect(&settings, &granted.identity, store, connected::clock()).unwrap();
        org.handle().lock().end_all_sessions();
        salesforce.describe("Contact").await.unwrap();
        salesforce.keep_alive().await.unwrap();
        assert_eq!(drawer.json()["grant"], "jwt_bearer");
        assert_eq!(drawer.saves.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn an_assertion_that_is_refused_is_explained() {
    let (signer, other) = (Signer::new(), Signer::new());
    let options = OrgOptions { client_certificate: Some(signer.certificate.clone()), ..OrgOptions::default() };
    let org = syncline_org::start(options).await.unwrap();
    let username = org.org_username.clone();
    let advice = |error: &ConnectorError| error.advice.expect("there is more to say").remedy;

    let error = jwt(&org, &username, &other.pkcs8).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::AuthRevoked, "invalid_grant"));
    assert!(advice(&error).contains("certificate"), "{error}");
    let error = jwt(&org, "nobody@example.com", &signer.pkcs8).await.unwrap_err();
    assert!(advice(&error).contains("pre-authorize"), "{error}");

    for (skew_minutes, words) in [(10, "behind"), (-10, "ahead of")] {
        org.handle().set_faults(Faults { clock_skew_ms: skew_minutes * 60_000, ..Faults::default() });
        let error = jwt(&org, &username, &signer.pkcs8).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Misconfigured, "{error}");
        assert!(error.message.contains("10 minutes") && error.message.contains(words), "{error}");
        assert!(advice(&error).contains("NTP"));
    }

    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
    let older = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----";
    for (key, words) in [
        ("", "-----BEGIN PRIVATE KEY-----"),
        (locked, "pass phrase"),
        (older, "pass phrase"),
        (&signer.certificate, "certificate and not the private key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "no RSA key"),
    ] {
        let error = jwt(&org, &username, key).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Misconfigured);
        assert!(error.message.contains(words), "{error}");
    }
}
