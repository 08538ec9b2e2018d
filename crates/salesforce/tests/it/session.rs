//! Renewing the session: once, durably, and for the right org.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use syncline_model::connector::{Connector, ErrorKind};
use syncline_salesforce::{CredentialStore, Salesforce};

use crate::connected;

const TOKEN_CALLS: &str = "POST /services/oauth2/token";

#[tokio::test]
async fn many_calls_that_meet_an_ended_session_renew_it_once() {
    let connected = connected::connect().await;
    connected.end_sessions();
    let calls = (0..20).map(|_| connected.salesforce.describe("Contact"));
    for result in futures::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(connected.calls(TOKEN_CALLS), 1);
    assert_eq!(connected.drawer.saves.load(Ordering::SeqCst), 1);

    // The rotated token is the one that was saved: it renews again, through another connector too.
    connected.end_sessions();
    let store: Arc<dyn CredentialStore> = connected.drawer.clone();
    let settings = connected::settings(&connected.org);
    let other = Salesforce::connect(&settings, &connected.granted.identity, store).unwrap();
    other.describe("Contact").await.unwrap();
    // And what that one saved is found here, without another renewal.
    connected.salesforce.describe("Contact").await.unwrap();
    assert_eq!(connected.calls(TOKEN_CALLS), 2);
}

#[tokio::test]
async fn a_rotated_token_is_not_used_before_it_is_saved_and_not_lost_when_saving_fails() {
    let connected = connected::connect().await;
    let before = connected.drawer.json();
    connected.end_sessions();
    connected.drawer.is_locked.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let error = connected.salesforce.describe("Contact").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    }
    // Each call met the ended session once, and was not made again with a token that might get lost.
    let statuses = connected.statuses("GET", "/sobjects/{object}/describe");
    assert_eq!(statuses, [401, 401]);
    assert_eq!(connected.drawer.json(), before);

    connected.drawer.is_locked.store(false, Ordering::SeqCst);
    connected.salesforce.describe("Contact").await.unwrap();
    assert_eq!(connected.calls(TOKEN_CALLS), 1);
    assert_ne!(connected.drawer.json()["refresh_token"], before["refresh_token"]);
}

#[tokio::test]
async fn a_renewal_goes_on_when_its_caller_has_gone() {
    let connected = connected::connect().await;
    connected.end_sessions();
    let mut faults = connected.org.handle().faults();
    faults.response_delay_ms = 100;
    connected.org.handle().set_faults(faults);
    let before = connected.drawer.json();
    let renewing = async {
        while connected.calls(TOKEN_CALLS) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        result = connected.salesforce.describe("Contact") => panic!("answered before the renewal: {result:?}"),
        () = renewing => {}
    }
    tokio::time::timeout(Duration::from_secs(10), async {
        while connected.drawer.json() == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("the rotated token is saved");
    connected.salesforce.describe("Contact").await.unwrap();
    assert_eq!(connected.calls(TOKEN_CALLS), 1);
}

#[tokio::test]
async fn a_refused_refresh_token_is_not_presented_again() {
    let connected = connected::connect().await;
    let token = connected.drawer.json()["refresh_token"].as_str().unwrap().to_owned();
    connected.org.handle().lock().revoke(&token);
    for _ in 0..3 {
        let error = connected.salesforce.describe("Contact").await.unwrap_err();
        assert_eq!((error.kind, error.code.as_str()), (ErrorKind::AuthRevoked, "invalid_grant"));
    }
    assert_eq!(connected.calls(TOKEN_CALLS), 1);
}

#[tokio::test]
async fn a_session_of_another_org_is_refused() {
    let connected = connected::connect().await;
    let mut identity = connected.granted.identity.clone();
    identity.org_id = "00D000000000001AAA".to_owned();
    let store: Arc<dyn CredentialStore> = connected.drawer.clone();
    let salesforce = Salesforce::connect(&connected::settings(&connected.org), &identity, store).unwrap();
    connected.end_sessions();
    let error = salesforce.describe("Contact").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misconfigured, "{error}");
    assert!(error.message.contains(&connected.org.org_id) && error.message.contains("00D000000000001AAA"), "{error}");
    assert_eq!(connected.drawer.saves.load(Ordering::SeqCst), 0);
}
