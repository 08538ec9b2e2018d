//! Renewing the session: once, durably, and for the right org.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use syncline_model::{
    clock::{Clock, ManualClock},
    connection::OrgIdentity,
    connector::{Connector, ErrorKind},
};
use syncline_org::{FaultRule, Faults};
use syncline_salesforce::{CredentialStore, Credentials, Grant, Salesforce, StoredSession};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::connected::{self, Connected, Drawer};

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

/// Answers every request at an address of its own; tells the address.
async fn host(answer: impl Fn(&str, &str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let own = url.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 65_536];
            let length = socket.read(&mut request).await.unwrap_or(0);
            let reply = answer(&String::from_utf8_lossy(&request[..length]), &own);
            let _ = socket.write_all(reply.as_bytes()).await;
        }
    });
    url
}

fn reply(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{more}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn moved() -> String {
    reply("301 Moved Permanently", "Location: http://127.0.0.1:9/", "")
}

/// A connection whose session was bought while the org was at another host.
fn from_host(connected: &Connected, host: &str) -> (Salesforce, Arc<Drawer>, Arc<ManualClock>) {
    let mut credentials = connected.granted.credentials.clone();
    credentials.session.as_mut().unwrap().instance_url = host.to_owned();
    let (drawer, clock) = (Drawer::with(&credentials), Arc::new(ManualClock::new(connected::now())));
    let store: Arc<dyn CredentialStore> = drawer.clone();
    let settings = connected::settings(&connected.org);
    let salesforce = Salesforce::connect(&settings, &connected.granted.identity, store, clock.clone()).unwrap();
    (salesforce, drawer, clock)
}

#[tokio::test]
async fn an_org_that_moved_is_found_by_one_renewal() {
    let gone = || reply("404 Not Found", "Content-Type: text/html", "<h1>URL No Longer Exists</h1>");
    for was in [host(|_, _| moved()).await, host(move |_, _| gone()).await] {
        let connected = connected::connect().await;
        let (salesforce, drawer, _) = from_host(&connected, &was);
        let calls = (0..5).map(|_| salesforce.describe("Contact"));
        for result in futures::future::join_all(calls).await {
            result.unwrap();
        }
        assert_eq!(connected.calls(TOKEN_CALLS), 1);
        assert_eq!(drawer.json()["instance_url"], json!(connected.org.url));
    }
}

#[tokio::test]
async fn an_org_whose_host_is_not_reached_for_a_minute_is_looked_for() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for was in [format!("http://{nobody}"), "http://localhost:1".to_owned()] {
        let connected = connected::connect().await;
        let (salesforce, _, clock) = from_host(&connected, &was);
        for _ in 0..3 {
            assert_eq!(error_of(&salesforce).await.kind, ErrorKind::Transient);
        }
        assert_eq!(connected.calls(TOKEN_CALLS), 0, "a line that fails for a moment is no time for a renewal");
        clock.advance_ms(61_000);
        salesforce.describe("Contact").await.unwrap();
        assert_eq!(connected.calls(TOKEN_CALLS), 1);
    }
}

#[tokio::test]
async fn an_org_that_can_not_be_found_is_looked_for_now_and_then_and_told() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let host = host(move |request, own| {
        if !request.starts_with("POST /services/oauth2/token") {
            return moved();
        }
        let number = counted.fetch_add(1, Ordering::SeqCst);
        let token = json!({"access_token": format!("00D!{number}"), "instance_url": own,
            "id": format!("{own}/id/00D000000000001AAA/005000000000001AAA")});
        reply("200 OK", "Content-Type: application/json", &token.to_string())
    })
    .await;
    let identity = OrgIdentity {
        org_id: "00D000000000001AAA".to_owned(),
        org_name: String::new(),
        username: String::new(),
        user_id: String::new(),
        instance_url: host.clone(),
        login_url: host.clone(),
    };
    let connected = connected::connect().await;
    let clock = Arc::new(ManualClock::new(connected::now()));
    let credentials = Credentials {
        grant: Grant::ClientCredentials { client_id: "c".to_owned(), client_secret: "s".to_owned().into() },
        session: Some(StoredSession { access_token: "00D!x".to_owned().into(), instance_url: host }),
    };
    let store: Arc<dyn CredentialStore> = Drawer::with(&credentials);
    let settings = connected::settings(&connected.org);
    let salesforce = Salesforce::connect(&settings, &identity, store, clock.clone()).unwrap();
    for round in 1..3 {
        for _ in 0..3 {
            let error = error_of(&salesforce).await;
            assert_eq!(error.kind, ErrorKind::Misconfigured, "{error}");
            assert!(error.advice.unwrap().cause.contains("moved"), "{error}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), round);
        clock.advance_ms(11 * 60_000);
    }
}
