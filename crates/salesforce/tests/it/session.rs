//! Renewing the session: once, durably, and for the right org.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::json;
use syncline_model::{
    clock::{Clock, ManualClock},
    connector::{Connector, ErrorKind},
};
use syncline_org::{FaultRule, Faults};
use syncline_salesforce::{CredentialStore, Salesforce};

use crate::connected;

const TOKEN_CALLS: &str = "POST /services/oauth2/token";

#[tokio::test]
async fn many_calls_that_meet_an_ended_session_renew_it_once() {
    let connected = connected::connect().await;
    connected.end_sessions();
    let calls = (0..30).map(|_| connected.salesforce.describe("Contact"));
    for result in futures::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(connected.calls(TOKEN_CALLS), 1);
    // That the token is presented, and what came of it.
    assert_eq!(connected.drawer.saves.load(Ordering::SeqCst), 2);

    // The rotated token is the one that was saved: it renews again, through another connector too.
    connected.end_sessions();
    connected.again(&connected::settings(&connected.org)).describe("Contact").await.unwrap();
    // And what that one saved is found here, without another renewal.
    connected.salesforce.describe("Contact").await.unwrap();
    assert_eq!(connected.calls(TOKEN_CALLS), 2);
}

#[tokio::test]
async fn a_rotated_token_is_not_used_before_it_is_saved_and_not_lost_when_saving_fails() {
    let connected = connected::connect().await;
    let before = connected.drawer.json();
    connected.end_sessions();
    *connected.drawer.saves_max.lock().unwrap() = Some(1);
    for _ in 0..2 {
        let error = connected.salesforce.describe("Contact").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    }
    // Each call met the ended session once, and was not made again with a token that might get lost.
    let statuses = connected.statuses("GET", "/sobjects/{object}/describe");
    assert_eq!(statuses, [401, 401]);
    assert_eq!(connected.drawer.json()["refresh_token"], before["refresh_token"]);

    *connected.drawer.saves_max.lock().unwrap() = None;
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
        while connected.drawer.json()["refresh_token"] == before["refresh_token"] {
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
    let salesforce =
        Salesforce::connect(&connected::settings(&connected.org), &identity, store, connected::clock()).unwrap();
    connected.end_sessions();
    let error = salesforce.describe("Contact").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misconfigured, "{error}");
    assert!(error.message.contains(&connected.org.org_id) && error.message.contains("00D000000000001AAA"), "{error}");
    assert_eq!(connected.drawer.json()["unanswered"], 1, "nothing of the other org is kept");
}

/// What happens to the next token requests.
fn token_fault(connected: &connected::Connected, times: u64, fault: serde_json::Value) {
    let rule = json!({ "path": "/services/oauth2/token", "times": times, "fault": fault });
    let rules: Vec<FaultRule> = vec![serde_json::from_value(rule).unwrap()];
    connected.org.handle().set_faults(Faults { rules, ..Faults::default() });
}

async fn error_of(salesforce: &Salesforce) -> syncline_model::connector::ConnectorError {
    salesforce.describe("Contact").await.unwrap_err()
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_once_more_and_then_explained() {
    let connected = connected::connect().await;
    connected.end_sessions();
    token_fault(&connected, 1, json!("lose_answer"));
    let error = error_of(&connected.salesforce).await;
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    assert_eq!(connected.drawer.json()["unanswered"], 1);

    // Salesforce rotated: it takes the whole grant back when the old token comes again, and we say why.
    let error = error_of(&connected.salesforce).await;
    assert_eq!(error.kind, ErrorKind::AuthRevoked, "{error}");
    assert!(error.message.contains("was lost") && error.advice.unwrap().remedy.contains("Reconnect"), "{error}");
    for salesforce in [&connected.salesforce, &connected.again(&connected::settings(&connected.org))] {
        assert_eq!(error_of(salesforce).await.kind, ErrorKind::AuthRevoked);
    }
    assert_eq!(connected.calls(TOKEN_CALLS), 2);
}

#[tokio::test]
async fn a_crash_between_the_answer_and_its_keeping_counts_as_a_lost_answer() {
    let connected = connected::connect().await;
    connected.end_sessions();
    *connected.drawer.saves_max.lock().unwrap() = Some(1);
    assert_eq!(error_of(&connected.salesforce).await.kind, ErrorKind::Transient);
    *connected.drawer.saves_max.lock().unwrap() = None;
    let error = error_of(&connected.again(&connected::settings(&connected.org))).await;
    assert_eq!(error.kind, ErrorKind::AuthRevoked, "{error}");
    assert!(error.message.contains("was lost"), "{error}");
    assert_eq!(connected.calls(TOKEN_CALLS), 2);
}

#[tokio::test]
async fn a_token_that_can_not_be_noted_as_presented_is_not_presented() {
    let connected = connected::connect().await;
    connected.end_sessions();
    connected.drawer.is_locked.store(true, Ordering::SeqCst);
    assert_eq!(error_of(&connected.salesforce).await.kind, ErrorKind::Transient);
    assert_eq!(connected.calls(TOKEN_CALLS), 0);
    connected.drawer.is_locked.store(false, Ordering::SeqCst);
    connected.salesforce.describe("Contact").await.unwrap();
}

#[tokio::test]
async fn a_token_service_that_is_down_costs_no_token() {
    let connected = connected::connect().await;
    connected.end_sessions();
    token_fault(&connected, 5, json!({ "answer": { "status": 503 } }));
    for _ in 0..5 {
        assert_eq!(error_of(&connected.salesforce).await.kind, ErrorKind::Transient);
    }
    connected.salesforce.describe("Contact").await.unwrap();
    assert_eq!(connected.drawer.json().get("unanswered"), None);
}

#[tokio::test]
async fn a_token_that_salesforce_leaves_as_it_is_may_be_presented_again() {
    let connected = connected::connect().await;
    let client_id = connected.org.client_id.clone();
    let mut client = connected.org.handle().lock().client(&client_id).unwrap().clone();
    client.rotates_refresh_tokens = false;
    connected.org.handle().lock().register_client(client);
    connected.end_sessions();
    connected.salesforce.describe("Contact").await.unwrap();
    let saves = connected.drawer.saves.load(Ordering::SeqCst);
    connected.end_sessions();
    token_fault(&connected, 3, json!("lose_answer"));
    for _ in 0..3 {
        assert_eq!(error_of(&connected.salesforce).await.kind, ErrorKind::Transient);
    }
    connected.salesforce.describe("Contact").await.unwrap();
    assert_eq!(connected.drawer.saves.load(Ordering::SeqCst), saves + 1, "nothing is noted of it beforehand");
}

#[tokio::test]
async fn a_grant_that_was_not_used_for_long_is_used() {
    let connected = connected::connect().await;
    let at = |days: i64| -> Arc<dyn Clock> {
        let later = jiff::SignedDuration::from_hours(days * 24);
        Arc::new(ManualClock::new(connected::now().checked_add(later).unwrap()))
    };
    let open = |days: i64| {
        let store: Arc<dyn CredentialStore> = connected.drawer.clone();
        let settings = connected::settings(&connected.org);
        Salesforce::connect(&settings, &connected.granted.identity, store, at(days)).unwrap()
    };
    open(1).keep_alive().await.unwrap();
    assert_eq!(connected.calls(TOKEN_CALLS), 0, "it was used a day ago");
    let before = connected.drawer.json();
    open(4).keep_alive().await.unwrap();
    assert_eq!(connected.calls(TOKEN_CALLS), 1);
    assert_ne!(connected.drawer.json()["refresh_token"], before["refresh_token"]);
    open(5).keep_alive().await.unwrap();
    assert_eq!(connected.calls(TOKEN_CALLS), 1);
}
