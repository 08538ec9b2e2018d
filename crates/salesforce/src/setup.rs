//! Reading and writing what is set up in an org, one row at a time: permission sets, custom fields, channels. Knows nothing of
//! what the rows are for.

use serde::Deserialize;
use serde_json::Value as Json;
use syncline_model::connector::ConnectorError;

use crate::{
    error::{self, Effect},
    rest::Rest,
    soql,
};

/// Which of Salesforce's two APIs of the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// Records. (REST guide.)
    Data,
    /// Definitions. (Tooling API guide.)
    Tooling,
}

impl Api {
    fn path(self) -> &'static str {
        match self {
            Self::Data => "",
            Self::Tooling => "/tooling",
        }
    }
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

impl Rest {
    /// What a path under the API's version says.
    pub(crate) async fn get_json(&self, path: &str) -> Result<Json, ConnectorError> {
        let answer = self.call(Effect::Reads, |base, _| self.http.get(format!("{base}{path}"))).await?;
        serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Reads))
    }

    /// All rows of a statement, whose literals the caller has quoted.
    pub(crate) async fn rows(&self, api: Api, statement: &str) -> Result<Vec<Json>, ConnectorError> {
        self.query_through(&format!("{}/query", api.path()), soql::encoded(statement)).await
    }

    /// Makes a row and gives its id.
    pub(crate) async fn create(&self, api: Api, object: &str, values: &Json) -> Result<String, ConnectorError> {
        let path = format!("{}/sobjects/{object}", api.path());
        let answer = self.call(Effect::Writes, |base, _| self.http.post(format!("{base}{path}")).json(values)).await?;
        let made: Created =
            serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Writes))?;
        Ok(made.id)
    }

    /// Changes a row.
    pub(crate) async fn change(&self, api: Api, object: &str, id: &str, values: &Json) -> Result<(), ConnectorError> {
        let path = format!("{}/sobjects/{object}/{id}", api.path());
        self.call(Effect::Writes, |base, _| self.http.patch(format!("{base}{path}")).json(values)).await.map(drop)
    }

    /// Deletes a row.
    pub(crate) async fn remove(&self, api: Api, object: &str, id: &str) -> Result<(), ConnectorError> {
        let path = format!("{}/sobjects/{object}/{id}", api.path());
        self.call(Effect::Writes, |base, _| self.http.delete(format!("{base}{path}"))).await.map(drop)
    }
}
