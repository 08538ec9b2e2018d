//! The four doors: plain and TLS, HTTP and gRPC, with one org behind them.

use reqwest::{Certificate, Client, StatusCode, Version};
use serde_json::{Value, json};
use syncline_org::RunningOrg;
use syncline_salesforce_eventbus::v1::TopicRequest;
use syncline_salesforce_eventbus::v1::pub_sub_client::PubSubClient;
use tonic::Request;
use tonic::codegen::{Service, http};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use crate::web::{Web, client};

fn who_trusts(org: &RunningOrg) -> Client {
    let authority = Certificate::from_pem(org.ca_pem.as_bytes()).expect("the authority is PEM");
    Client::builder().tls_certs_only([authority]).build().expect("a client")
}

fn port(url: &str) -> &str {
    url.rsplit(':').next().expect("a port")
}

async fn h2(org: &RunningOrg) -> Channel {
    let authority = tonic::transport::Certificate::from_pem(&org.ca_pem);
    let url = format!("https://localhost:{}", port(&org.https_url));
    let endpoint = Endpoint::from_shared(url).expect("a URL");
    let tls = ClientTlsConfig::new().ca_certificate(authority);
    endpoint.tls_config(tls).expect("a valid configuration").connect().await.expect("the door opens")
}

#[tokio::test]
async fn addresses_in_answers_are_those_that_the_client_came_by() {
    let web = Web::start().await;
    let https = who_trusts(&web.org);
    let doors = [
        (&web.http, web.org.url.clone()),
        (&web.http, format!("http://localhost:{}", port(&web.org.url))),
        (&https, web.org.https_url.clone()),
        (&https, format!("https://localhost:{}", port(&web.org.https_url))),
    ];
    for (client, origin) in doors {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", web.org.client_id.as_str()),
            ("client_secret", web.org.client_secret.as_str()),
        ];
        let answer = client.post(format!("{origin}/services/oauth2/token")).form(&form).send().await.unwrap();
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_11));
        let tokens: Value = answer.json().await.unwrap();
        assert_eq!(tokens["instance_url"], json!(origin));
        let identity = tokens["id"].as_str().unwrap();
        assert!(identity.starts_with(&format!("{origin}/id/")), "{identity}");
        let token = tokens["access_token"].as_str().unwrap();
        let person: Value = client.get(identity).bearer_auth(token).send().await.unwrap().json().await.unwrap();
        assert_eq!(person["urls"]["rest"], json!(format!("{origin}/services/data/v{{version}}/")));
        let root: Value = client
            .get(format!("{origin}/services/data/v66.0"))
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert!(root["identity"].as_str().unwrap().starts_with(&origin), "{root}");

        let login = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><login><username>admin@northwind.example\
                     </username><password>northwind-demo-1</password></login></e:Body></e:Envelope>";
        let answer = client.post(format!("{origin}/services/Soap/u/50.0")).body(login).send().await.unwrap();
        assert!(answer.text().await.unwrap().contains(&format!("<serverUrl>{origin}/services/Soap/u/50.0/")));
    }
}

#[tokio::test]
async fn what_is_written_at_one_door_is_read_at_the_other() {
    let web = Web::start().await;
    let id = web.create("Account", json!({ "Name": "Acme" })).await;
    let url = format!("{}/services/data/v66.0/sobjects/Account/{id}", web.org.https_url);
    let answer = who_trusts(&web.org).get(url).bearer_auth(&web.token).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["Name"], "Acme");
}

#[tokio::test]
async fn the_https_door_speaks_http_2_to_those_who_can() {
    let web = Web::start().await;
    let mut channel = h2(&web.org).await;
    let target = format!("https://localhost:{}/.well-known/auth-configuration", port(&web.org.https_url));
    let request = http::Request::get(target).body(tonic::body::Body::empty()).unwrap();
    std::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    let answer = channel.call(request).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
    let body = axum::body::to_bytes(axum::body::Body::new(answer.into_body()), 65_536).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["Url"], json!(format!("https://localhost:{}", port(&web.org.https_url))));
    assert_eq!(body["OrgId"], json!(web.org.org_id));
}

#[tokio::test]
async fn one_authority_vouches_for_both_tls_doors_and_nobody_else_does() {
    let web = Web::start().await;
    let stranger = client().get(web.org.https_url.as_str()).send().await;
    assert!(stranger.is_err(), "nobody else vouches for the org");

    let authority = tonic::transport::Certificate::from_pem(&web.org.ca_pem);
    let tls = ClientTlsConfig::new().ca_certificate(authority).domain_name("api.pubsub.salesforce.com");
    let endpoint = Endpoint::from_shared(format!("https://{}", web.org.pubsub_tls)).unwrap();
    let tls = endpoint.tls_config(tls).unwrap().connect().await.expect("the certificate is trusted");
    let plain = Endpoint::from_shared(web.org.pubsub_url.clone()).unwrap().connect().await.unwrap();
    for channel in [tls, plain] {
        let mut request = Request::new(TopicRequest { topic_name: "/data/AccountChangeEvent".to_owned() });
        for (name, value) in
            [("accesstoken", web.token.as_str()), ("instanceurl", &web.org.url), ("tenantid", &web.org.org_id)]
        {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        let topic = PubSubClient::new(channel).get_topic(request).await.expect("the org answers").into_inner();
        assert!(topic.can_subscribe);
    }
}

#[tokio::test]
async fn a_client_that_greets_slowly_keeps_nobody_out_and_shutdown_waits_for_no_idle_connection() {
    let web = Web::start().await;
    let address = web.org.https_url.strip_prefix("https://").unwrap();
    let _silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let trusting = who_trusts(&web.org);
    let answer = trusting.get(format!("{}/services/data", web.org.https_url)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let _h2 = h2(&web.org).await;
    let address = address.to_owned();
    tokio::time::timeout(std::time::Duration::from_secs(10), web.org.shutdown()).await.expect("the org closes");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "the door is shut");
}
