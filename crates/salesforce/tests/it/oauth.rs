//! Connecting: the web-server flow, client credentials, refusals, revocation.

use syncline_model::connector::{Connector, ErrorKind};
use syncline_org::OrgOptions;
use syncline_salesforce::{App, Credentials, Grant, OAuthClient, Pkce};

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

    let stolen = client.exchange_code(&code, REDIRECT, &Pkce::new().verifier).await.unwrap_err();
    assert_eq!((stolen.kind, stolen.code.as_str()), (ErrorKind::Misconfigured, "invalid_request"));
    client.exchange_code(&code, REDIRECT, &pkce.verifier).await.unwrap();
    let again = client.exchange_code(&code, REDIRECT, &pkce.verifier).await.unwrap_err();
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
