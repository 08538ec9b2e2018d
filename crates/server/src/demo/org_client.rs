//! The demo's own way into the org: its REST API, as the person who sits in front of Salesforce.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// A row of a query's answer.
pub(super) type Row = Map<String, Value>;

/// The org runs on this machine: whatever takes longer is broken.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP client for this machine.
pub(super) fn http_client() -> anyhow::Result<Client> {
    Ok(Client::builder().timeout(TIMEOUT).tcp_nodelay(true).build()?)
}

/// A signed-in person.
#[derive(Clone)]
pub(super) struct OrgClient {
    http: Client,
    url: String,
    data_path: String,
    access_token: SecretString,
}

impl OrgClient {
    /// Works with the newest version of the API that the org has.
    pub(super) async fn open(http: Client, url: &str, access_token: SecretString) -> anyhow::Result<Self> {
        let versions: Vec<Row> =
            http.get(format!("{url}/services/data")).send().await?.error_for_status()?.json().await?;
        let newest = versions.last().and_then(|version| version.get("url")).and_then(Value::as_str);
        let data_path = newest.context("the org has no version of its API")?.to_owned();
        Ok(Self { http, url: url.to_owned(), data_path, access_token })
    }

    /// All rows that a query finds.
    pub(super) async fn query(&self, soql: &str) -> anyhow::Result<Vec<Row>> {
        let first = self.http.get(format!("{}{}/query", self.url, self.data_path)).query(&[("q", soql)]);
        let mut page = self.send(first).await?;
        let mut rows = Vec::new();
        loop {
            let Value::Array(records) = page["records"].take() else { bail!("the org's answer has no records") };
            rows.extend(records.into_iter().filter_map(|record| match record {
                Value::Object(row) => Some(row),
                _ => None,
            }));
            let Some(next) = page["nextRecordsUrl"].as_str() else { return Ok(rows) };
            page = self.send(self.http.get(format!("{}{next}", self.url))).await?;
        }
    }

    /// Changes fields of a record.
    pub(super) async fn change(&self, object: &str, id: &str, fields: &Value) -> anyhow::Result<()> {
        let address = format!("{}{}/sobjects/{object}/{id}", self.url, self.data_path);
        self.send(self.http.patch(address).json(fields)).await?;
        Ok(())
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.bearer_auth(self.access_token.expose_secret()).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("the org answered {status}: {text}");
        }
        if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }
}
