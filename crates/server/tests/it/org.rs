//! The emulated org, as any Salesforce client sees it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Harness, client};

/// The org, as any Salesforce client sees it.
pub(crate) struct Org {
    /// Of the data API.
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Org {
    pub(crate) fn of(harness: &Harness) -> Self {
        let state = harness.org.as_ref().unwrap().state();
        Self { url: format!("{}/services/data/v64.0", state.org_url), token: state.org_access_token }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> Value {
        let request = client().request(method, format!("{}/{path}", self.url)).bearer_auth(&self.token);
        let answer = request.json(&body).send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    pub(crate) async fn create(&self, object: &str, fields: Value) -> String {
        self.send(Method::POST, &format!("sobjects/{object}"), fields).await["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn edit(&self, object: &str, id: &str, fields: Value) {
        self.send(Method::PATCH, &format!("sobjects/{object}/{id}"), fields).await;
    }

    pub(crate) async fn delete(&self, object: &str, id: &str) {
        self.send(Method::DELETE, &format!("sobjects/{object}/{id}"), json!({})).await;
    }

    /// The rows of a query.
    pub(crate) async fn query(&self, soql: &str) -> Vec<Value> {
        let request = client().get(format!("{}/query", self.url)).bearer_auth(&self.token);
        let answer: Value = request.query(&[("q", soql)]).send().await.unwrap().json().await.unwrap();
        answer["records"].as_array().unwrap_or_else(|| panic!("{soql}: {answer}")).clone()
    }

    /// Sets what the world does to the org's events.
    pub(crate) async fn act_on_events(&self, action: Value) {
        let url = format!("{}/__control/events", self.url.replace("/services/data/v64.0", ""));
        let answer = client().post(url).json(&action).send().await.unwrap();
        assert!(answer.status().is_success(), "{action}: {}", answer.text().await.unwrap());
    }

    /// The value of a field; null where there is none yet.
    pub(crate) async fn value(&self, object: &str, id: &str, field: &str) -> Value {
        self.send(Method::GET, &format!("sobjects/{object}/{id}"), json!({})).await[field].take()
    }
}
