//! What work is planned by, read from the database only where it has changed: an environment's `rules_version` rises with each
//! change of its mappings, of the fields that they want, and of its attributes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::Row as _;
use syncline_model::{
    attribute::{DataType, Scope},
    custom_field::WantedField,
    id::{ConnectionId, EnvironmentId},
    mapping::ObjectMapping,
    rules::{AttributeTypes, StoredRules},
};

use super::{
    row::{self, text},
    store::{Connection, SqlStore, Unit},
};
use crate::failure::Failure;

/// The rules of each connection that were read last, and their version.
#[derive(Debug, Default)]
pub(super) struct KnownRules(Mutex<HashMap<ConnectionId, (i64, Arc<StoredRules>)>>);

impl KnownRules {
    fn get(&self, connection: ConnectionId, version: i64) -> Option<Arc<StoredRules>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&connection).filter(|(of, _)| *of == version).map(|(_, rules)| Arc::clone(rules))
    }

    fn keep(&self, connection: ConnectionId, version: i64, rules: &Arc<StoredRules>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(connection, (version, Arc::clone(rules)));
    }
}

/// The environment of a connection, and the version of its rules; what is read next in the same transaction is of that version.
const VERSION: &str = "-- rules version
    select e.id, e.rules_version from environment e join connection c on c.environment_id = e.id where c.id = $1";

impl SqlStore {
    pub(super) async fn rules_of(&self, connection: ConnectionId) -> Result<Arc<StoredRules>, Failure> {
        let version = sqlx::query(VERSION).bind(connection.to_string()).fetch_optional(self.reader()).await?;
        let Some(version) = version else { return Ok(Arc::default()) };
        if let Some(known) = self.known_rules.get(connection, version.try_get(1)?) {
            return Ok(known);
        }
        let mut tx = self.read().await?;
        let Some(version) = sqlx::query(VERSION).bind(connection.to_string()).fetch_optional(&mut *tx).await? else {
            return Ok(Arc::default());
        };
        let environment = version.try_get::<String, _>(0)?.parse()?;
        let rules = Arc::new(read(&mut tx, environment, connection).await?);
        self.known_rules.keep(connection, version.try_get(1)?, &rules);
        Ok(rules)
    }
}

impl Unit<'_> {
    /// What the connection's work is planned by.
    pub(super) async fn rules(
        &mut self,
        environment: EnvironmentId,
        connection: ConnectionId,
    ) -> Result<Arc<StoredRules>, Failure> {
        let known = self.rules_version.and_then(|version| self.store.known_rules.get(connection, version));
        if let Some(known) = known {
            return Ok(known);
        }
        let rules = Arc::new(read(&mut self.tx, environment, connection).await?);
        if let Some(version) = self.rules_version {
            self.store.known_rules.keep(connection, version, &rules);
        }
        Ok(rules)
    }

    /// Something of the environment's rules is changed in this transaction, or was: nobody may know them by the version before.
    pub(super) async fn rules_change(&mut self, environment: EnvironmentId) -> Result<(), Failure> {
        // What this transaction reads from now on is of no version: it may never be committed.
        self.rules_version = None;
        sqlx::query("-- rules change\nupdate environment set rules_version = rules_version + 1 where id = $1")
            .bind(environment.to_string())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

async fn read(
    tx: &mut Connection,
    environment: EnvironmentId,
    connection: ConnectionId,
) -> Result<StoredRules, Failure> {
    let (mappings, wanted_fields) = (mappings(tx, connection).await?, wanted_fields(tx, connection).await?);
    let attributes = sqlx::query(
        "-- attribute types of profiles
        select scope, name, data_type from attribute_definition where environment_id = $1 and scope in ($2, $3)",
    )
    .bind(environment.to_string())
    .bind(Scope::User.as_str())
    .bind(Scope::Company.as_str())
    .fetch_all(&mut *tx)
    .await?;
    let mut types = HashMap::from([Scope::User, Scope::Company].map(|scope| (scope, AttributeTypes::new())));
    for row in &attributes {
        let data_type: DataType = text(row, "data_type")?.parse()?;
        types.entry(row::word(row, "scope")?).or_default().insert(text(row, "name")?, data_type);
    }
    Ok(StoredRules { mappings, wanted_fields, types })
}

pub(super) async fn mappings(connection: &mut Connection, of: ConnectionId) -> Result<Vec<ObjectMapping>, Failure> {
    let rows = sqlx::query("-- mappings\nselect * from object_mapping where connection_id = $1 order by position, id")
        .bind(of.to_string())
        .fetch_all(connection)
        .await?;
    rows.iter().map(row::mapping).collect()
}

pub(super) async fn wanted_fields(connection: &mut Connection, of: ConnectionId) -> Result<Vec<WantedField>, Failure> {
    let rows =
        sqlx::query("-- wanted fields\nselect * from wanted_field where connection_id = $1 order by object, name")
            .bind(of.to_string())
            .fetch_all(connection)
            .await?;
    rows.iter().map(row::wanted_field).collect()
}
