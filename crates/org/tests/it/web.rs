//! A running org and a client for it, as the HTTP tests want them.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use syncline_org::{OrgOptions, RunningOrg, start};

pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/callback";
/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) struct Web {
    pub(crate) org: RunningOrg,
    pub(crate) http: Client,
    pub(crate) token: String,
}

impl Web {
    pub(crate) async fn start() -> Web {
        Web::of(start(OrgOptions::default()).await.expect("the org starts"))
    }

    pub(crate) fn of(org: RunningOrg) -> Web {
        let token = org.access_token();
        Web { org, http: client(), token }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.org.url)
    }

    /// A call of the data API, version 66, as the administrator.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let url = self.url(&format!("/services/data/v66.0{path}"));
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("the org answers")
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.call(Method::GET, path, None).await).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        read(self.call(method, path, Some(body)).await).await
    }

    /// Makes a record and gives its id.
    pub(crate) async fn create(&self, object: &str, values: Value) -> String {
        let (status, body) = self.send(Method::POST, &format!("/sobjects/{object}"), values).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn query(&self, statement: &str) -> (StatusCode, Value) {
        let url = self.url("/services/data/v66.0/query/");
        let request = self.http.get(url).query(&[("q", statement)]).bearer_auth(&self.token);
        read(request.send().await.expect("the org answers")).await
    }

    /// Posts a form to an OAuth endpoint.
    pub(crate) async fn oauth(&self, endpoint: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let request = self.http.post(self.url(&format!("/services/oauth2/{endpoint}"))).form(form);
        read(request.send().await.expect("the org answers")).await
    }
}

/// Its redirects are for the tests to see.
pub(crate) fn client() -> Client {
    Client::builder()
        .redirect(Policy::none())
        .timeout(Duration::from_secs(30))
        .tcp_nodelay(true)
        .cookie_store(true)
        .build()
        .expect("a client")
}

/// Status and JSON body; null where there is no body.
pub(crate) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.expect("a body");
    if text.is_empty() {
        return (status, json!(null));
    }
    let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: no JSON: {text}"));
    (status, body)
}
