//! Answers that are none of Salesforce's: what stands between it and us, and broken connections.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use syncline_model::{
    connection::OrgIdentity,
    connector::{Connector, ConnectorError, ErrorKind, RecordWrite},
};
use syncline_salesforce::{
    App, CredentialStore, Credentials, PubSubSettings, RefreshToken, Salesforce, SalesforceSettings, StoredSession,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::connected::Drawer;

const VERSIONS: &str = r#"[{"label":"Spring '26","url":"/services/data/v66.0","version":"66.0"}]"#;
const DESCRIBED: &str = r#"{"name":"Contact","label":"Contact","fields":[
    {"name":"Title","label":"Title","type":"string","length":128,"updateable":true,"nillable":true}]}"#;

/// A door that answers the last kind of request named by `trouble` with these bytes, and the others as an org would.
async fn door(trouble: &'static str, answer: String) -> (Salesforce, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let troubles = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&troubles);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 65_536];
            let length = socket.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let reply = if request.contains(trouble) {
                counted.fetch_add(1, Ordering::SeqCst);
                answer.clone()
            } else if request.contains("/describe") {
                json(DESCRIBED)
            } else {
                json(VERSIONS)
            };
            let _ = socket.write_all(reply.as_bytes()).await;
        }
    });
    let identity = OrgIdentity {
        org_id: "00D000000000001AAA".to_owned(),
        org_name: String::new(),
        username: String::new(),
        user_id: String::new(),
        instance_url: url.clone(),
        login_url: url.clone(),
    };
    let credentials = Credentials {
        grant: syncline_salesforce::Grant::RefreshToken(RefreshToken::new(
            "5Aep".to_owned().into(),
            crate::connected::now(),
        )),
        session: Some(StoredSession { access_token: "00D!x".to_owned().into(), instance_url: url }),
    };
    let settings = SalesforceSettings {
        app: App { client_id: "c".to_owned(), client_secret: "s".to_owned().into() },
        pubsub: PubSubSettings::default(),
        bulk: syncline_salesforce::BulkSettings::default(),
        extra_ca: None,
        channel_key: String::new(),
    };
    let store: Arc<dyn CredentialStore> = Drawer::with(&credentials);
    (Salesforce::connect(&settings, &identity, store, crate::connected::clock()).unwrap(), troubles)
}

fn reply(status: &str, content_type: &str, length: usize, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn json(body: &str) -> String {
    reply("200 OK", "application/json;charset=UTF-8", body.len(), body)
}

async fn write(salesforce: &Salesforce) -> ConnectorError {
    let values = [("Title".to_owned(), "Boss".into())].into();
    let write = RecordWrite { object: "Contact".to_owned(), id: "003q000000KvQ1tAAF".to_owned(), values };
    salesforce.write(&[write]).await.unwrap_err()
}

#[tokio::test]
async fn a_page_of_html_is_told_for_what_it_is() {
    let page = "<html><head><script>x()</script></head><body><h1>Down for Maintenance</h1></body></html>";
    let (salesforce, _) = door("/describe", reply("503 Service Unavailable", "text/html", page.len(), page)).await;
    let error = salesforce.describe("Contact").await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Transient, "HTTP 503"));
    assert!(error.message.contains("Down for Maintenance") && !error.message.contains('<'), "{error}");

    let (salesforce, _) = door("/describe", reply("200 OK", "text/html", page.len(), page)).await;
    assert_eq!(salesforce.describe("Contact").await.unwrap_err().kind, ErrorKind::Transient);
}

#[tokio::test]
async fn a_write_without_an_answer_may_have_happened_and_is_not_sent_again() {
    let body = r#"[{"id":"003q000000KvQ1tAAF","succ"#;
    for broken in [
        String::new(),
        "HTTP/1.1 200 OK\r\nContent-".to_owned(),
        reply("200 OK", "application/json", body.len() + 30, body),
        reply("200 OK", "application/json", body.len(), body),
        reply("200 OK", "application/json", 2, "[]"),
        reply("504 Gateway Timeout", "text/html", 0, ""),
    ] {
        let (salesforce, troubles) = door("PATCH ", broken.clone()).await;
        let error = write(&salesforce).await;
        assert_eq!(error.kind, ErrorKind::UnknownOutcome, "{broken:?}: {error}");
        assert_eq!(troubles.load(Ordering::SeqCst), 1, "{broken:?}");
    }
    let (salesforce, _) = door("PATCH ", reply("503 Service Unavailable", "text/html", 0, "")).await;
    assert_eq!(write(&salesforce).await.kind, ErrorKind::Transient);
}

#[tokio::test]
async fn nobody_there_is_transient_and_a_redirect_is_not_followed() {
    let (salesforce, troubles) = door(
        "/describe",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            .to_owned(),
    )
    .await;
    assert_eq!(salesforce.describe("Contact").await.unwrap_err().kind, ErrorKind::Misconfigured);
    assert_eq!(troubles.load(Ordering::SeqCst), 1);
    // Nothing listens at the address of a listener that is gone.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let app = App { client_id: "c".to_owned(), client_secret: "s".to_owned().into() };
    let client = syncline_salesforce::OAuthClient::new(&format!("http://{closed}"), app, None).unwrap();
    let error = client.connect_with_client_credentials().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
}
