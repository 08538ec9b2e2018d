//! Connecting, disconnecting, mappings: what an administrator decides.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;
use sqlx::{QueryBuilder, Row as _};
use syncline_model::{
    attribute::{AttributeDefinition, Origin},
    clock::from_ms,
    connection::{ConnectionStatus, OrgIdentity, StreamState},
    custom_field::WantedField,
    id::{ConnectionId, EnvironmentId, MappingId},
    mapping::{MappingDefinition, ObjectMapping},
    store::StoreError,
    work::Lane,
};

use super::{
    Db,
    link::HAS_RECORD,
    row,
    store::{SqlStore, Unit},
};
use crate::{
    failure::{Failure, is_taken},
    rules::{Marks, check_pausable, check_resumable, check_share, check_target, org_taken, other_org, places, rivals},
    signal::Raised,
};

/// Name of the table in what binds sealed credentials to their row.
const CREDENTIALS: &str = "credentials";

impl SqlStore {
    pub(super) async fn connect_org(
        &self,
        environment: EnvironmentId,
        org: &OrgIdentity,
        credentials: &SecretString,
    ) -> Result<ConnectionId, Failure> {
        let mut unit = self.begin_in_environment(environment).await?;
        let elsewhere: i64 = sqlx::query_scalar(
            "-- org elsewhere
            select count(*) from connection where org_id = $1 and environment_id <> $2 and status <> 'disconnected'",
        )
        .bind(&org.org_id)
        .bind(environment.to_string())
        .fetch_one(&mut *unit.tx)
        .await?;
        if elsewhere > 0 {
            return Err(org_taken(org).into());
        }
        let known = sqlx::query("-- known connection\nselect id, org from connection where environment_id = $1")
            .bind(environment.to_string())
            .fetch_optional(&mut *unit.tx)
            .await?;
        let connection = match known {
            Some(known) => {
                let first: OrgIdentity = row::json(&known, "org")?;
                if first.org_id != org.org_id {
                    return Err(other_org(&first, org).into());
                }
                row::id(&known, "id")?
            }
            None => ConnectionId::new(unit.now),
        };
        // Whoever worked under the earlier grant must not finish under this one.
        sqlx::query(
            "-- fence earlier owner
            insert into lease (connection_id, node, token, expires_at) values ($1, null, 0, 0)
            on conflict (connection_id) do update set node = null, token = lease.token + 1, expires_at = 0",
        )
        .bind(connection.to_string())
        .execute(&mut *unit.tx)
        .await?;
        sqlx::query(
            "-- connect
            insert into connection (id, environment_id, status, epoch, org_id, org, connected_at, stream_state, stream_since)
            values ($1, $2, $3, 1, $4, $5, $6, $7, $8)
            on conflict (id) do update set status = excluded.status, detail = null, epoch = connection.epoch + 1,
                org = excluded.org, connected_at = excluded.connected_at, stream_state = excluded.stream_state,
                stream_since = excluded.stream_since, stream_detail = null",
        )
        .bind(connection.to_string())
        .bind(environment.to_string())
        .bind(ConnectionStatus::Connected.as_str())
        .bind(&org.org_id)
        .bind(serde_json::to_string(org)?)
        .bind(unit.now_ms())
        .bind(StreamState::Stopped.as_str())
        .bind(unit.now_ms())
        .execute(&mut *unit.tx)
        .await
        // Two environments may try at the same moment.
        .map_err(|error| if is_taken(&error) { org_taken(org).into() } else { Failure::from(error) })?;
        self.keep_credentials(&mut unit, connection, credentials).await?;
        for mapping in &unit.mappings(connection).await? {
            unit.cover(environment, connection, mapping).await?;
        }
        unit.raised = Raised { work: true, view: true };
        unit.commit().await?;
        Ok(connection)
    }

    async fn keep_credentials(
        &self,
        unit: &mut Unit<'_>,
        connection: ConnectionId,
        credentials: &SecretString,
    ) -> Result<(), Failure> {
        let row = connection.to_string();
        sqlx::query(
            "-- keep credentials
            insert into credentials (connection_id, sealed, epoch) select $1, $2, epoch from connection where id = $3
            on conflict (connection_id) do update set sealed = excluded.sealed, epoch = excluded.epoch",
        )
        .bind(&row)
        .bind(self.key.seal(CREDENTIALS, row.as_bytes(), credentials))
        .bind(&row)
        .execute(&mut *unit.tx)
        .await?;
        Ok(())
    }

    pub(super) async fn opened_credentials(
        &self,
        connection: ConnectionId,
    ) -> Result<Option<(SecretString, i64)>, Failure> {
        let found = sqlx::query("-- credentials\nselect sealed, epoch from credentials where connection_id = $1")
            .bind(connection.to_string())
            .fetch_optional(self.reader())
            .await?;
        let Some(found) = found else { return Ok(None) };
        let sealed: Vec<u8> = row::get(&found, "sealed")?;
        let opened = self.key.open(CREDENTIALS, connection.to_string().as_bytes(), &sealed)?;
        Ok(Some((opened, row::get(&found, "epoch")?)))
    }

    pub(super) async fn replace_credentials(
        &self,
        connection: ConnectionId,
        epoch: i64,
        credentials: &SecretString,
        instance_url: Option<&str>,
    ) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        let row = connection.to_string();
        let replaced = sqlx::query(
            "-- replace credentials\nupdate credentials set sealed = $1 where connection_id = $2 and epoch = $3",
        )
        .bind(self.key.seal(CREDENTIALS, row.as_bytes(), credentials))
        .bind(&row)
        .bind(epoch)
        .execute(&mut *unit.tx)
        .await?;
        if replaced.rows_affected() == 0 {
            return Err(StoreError::LeaseLost.into());
        }
        if let Some(url) = instance_url {
            unit.note_instance_url(connection, url).await?;
        }
        unit.commit().await
    }

    pub(super) async fn delete_credentials(&self, connection: ConnectionId, epoch: i64) -> Result<(), Failure> {
        let mut unit = self.begin().await?;
        sqlx::query("-- forget credentials\ndelete from credentials where connection_id = $1 and epoch = $2")
            .bind(connection.to_string())
            .bind(epoch)
            .execute(&mut *unit.tx)
            .await?;
        unit.commit().await
    }

    pub(super) async fn disconnect_org(&self, connection: ConnectionId) -> Result<ConnectionStatus, Failure> {
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        let held = unit.is_held(connection).await?;
        let status = match unit.status(connection).await? {
            ConnectionStatus::Disconnected => ConnectionStatus::Disconnected,
            _ if held => ConnectionStatus::Disconnecting,
            _ => ConnectionStatus::Disconnected,
        };
        unit.raise_epoch(connection).await?;
        unit.set_status(connection, status, None).await?;
        for table in ["stream_position", "feed", "record", "link", "association", "due", "sync_issue", "inquiry"] {
            let mut query = QueryBuilder::<Db>::new("-- forget\ndelete from ");
            query.push(table).push(" where connection_id = ").push_bind(connection.to_string());
            query.build().execute(&mut *unit.tx).await?;
        }
        unit.commit().await?;
        Ok(status)
    }

    pub(super) async fn pause_connection(&self, connection: ConnectionId) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        check_pausable(unit.status(connection).await?)?;
        unit.raise_epoch(connection).await?;
        unit.set_status(connection, ConnectionStatus::Paused, None).await?;
        unit.commit().await
    }

    pub(super) async fn resume_connection(&self, connection: ConnectionId) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        check_resumable(unit.status(connection).await?)?;
        unit.set_status(connection, ConnectionStatus::Connected, None).await?;
        unit.commit().await
    }

    pub(super) async fn share_calls(&self, connection: ConnectionId, percent: u8) -> Result<(), Failure> {
        check_share(percent)?;
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        sqlx::query("-- set API share\nupdate connection set api_share = $1 where id = $2")
            .bind(i64::from(percent))
            .bind(connection.to_string())
            .execute(&mut *unit.tx)
            .await?;
        unit.raised = Raised { work: true, view: true };
        unit.commit().await
    }

    /// The status; ends a disconnection whose owner has died.
    pub(super) async fn settled_status(&self, connection: ConnectionId) -> Result<ConnectionStatus, Failure> {
        let row = sqlx::query("-- status\nselect status from connection where id = $1")
            .bind(connection.to_string())
            .fetch_optional(self.reader())
            .await?
            .ok_or(StoreError::NotFound("the connection"))?;
        let status: ConnectionStatus = row::word(&row, "status")?;
        if status != ConnectionStatus::Disconnecting {
            return Ok(status);
        }
        let (mut unit, _) = self.begin_on_connection(connection).await?;
        let held = unit.is_held(connection).await?;
        let status = unit.status(connection).await?;
        if held || status != ConnectionStatus::Disconnecting {
            return Ok(status);
        }
        unit.clear_lease(connection).await?;
        unit.set_status(connection, ConnectionStatus::Disconnected, None).await?;
        unit.commit().await?;
        Ok(ConnectionStatus::Disconnected)
    }

    pub(super) async fn put_mapping(
        &self,
        connection: ConnectionId,
        mapping: Option<MappingId>,
        definition: &MappingDefinition,
        targets: &[AttributeDefinition],
        fields: &[WantedField],
    ) -> Result<ObjectMapping, Failure> {
        let (mut unit, environment) = self.begin_on_connection(connection).await?;
        unit.rules_change(environment).await?;
        unit.add_targets(environment, targets).await?;
        let known = unit.mappings(connection).await?;
        let before = match mapping {
            Some(id) => {
                let before = known.iter().find(|known| known.id == id);
                Some(before.ok_or(StoreError::NotFound("the mapping"))?.clone())
            }
            None => None,
        };
        let edited_at = Some(from_ms(unit.now_ms()));
        let saved = match &before {
            Some(before) => ObjectMapping {
                version: before.version + 1,
                edited_at,
                definition: definition.clone(),
                ..before.clone()
            },
            None => ObjectMapping {
                id: MappingId::new(unit.now),
                version: 1,
                edited_at,
                position: known.iter().map(|known| known.position + 1).max().unwrap_or(0),
                paused: false,
                definition: definition.clone(),
            },
        };
        unit.save_mapping_row(connection, &saved).await?;
        unit.want_fields(connection, fields).await?;
        unit.drop_unwanted(connection).await?;
        let was_linked = match &before {
            Some(before) => unit.end_links_of_edited(connection, before, &saved).await?,
            None => Vec::new(),
        };
        let status = unit.status(connection).await?;
        if !matches!(status, ConnectionStatus::Disconnecting | ConnectionStatus::Disconnected) {
            unit.cover(environment, connection, &saved).await?;
            let mut marks = Marks::default();
            for profile in was_linked {
                marks.add(saved.id, &profile, Lane::Remote);
            }
            unit.mark_due(connection, &marks).await?;
            if let Some(before) = &before {
                unit.mark_rivals(connection, &known, before).await?;
            }
        }
        unit.raised = Raised { work: true, view: true };
        unit.commit().await?;
        Ok(saved)
    }

    pub(super) async fn place_mappings(&self, connection: ConnectionId, order: &[MappingId]) -> Result<(), Failure> {
        let (mut unit, environment) = self.begin_on_connection(connection).await?;
        unit.rules_change(environment).await?;
        let known = unit.mappings(connection).await?;
        for (id, place) in places(&known, order)? {
            sqlx::query(
                "-- place mapping\nupdate object_mapping set position = $1 where connection_id = $2 and id = $3",
            )
            .bind(i64::from(place))
            .bind(connection.to_string())
            .bind(id.to_string())
            .execute(&mut *unit.tx)
            .await?;
        }
        for mapping in known.iter().filter(|mapping| !rivals(&known, mapping).is_empty()) {
            unit.mark_links(connection, Some(mapping.id), HAS_RECORD, Lane::Local).await?;
        }
        unit.raised = Raised { work: true, view: true };
        unit.commit().await
    }

    pub(super) async fn drop_mapping(&self, connection: ConnectionId, mapping: MappingId) -> Result<(), Failure> {
        let (mut unit, environment) = self.begin_on_connection(connection).await?;
        unit.rules_change(environment).await?;
        let known = unit.mappings(connection).await?;
        let before = known.iter().find(|known| known.id == mapping).ok_or(StoreError::NotFound("the mapping"))?;
        unit.mark_rivals(connection, &known, before).await?;
        sqlx::query("-- delete mapping\ndelete from object_mapping where connection_id = $1 and id = $2")
            .bind(connection.to_string())
            .bind(mapping.to_string())
            .execute(&mut *unit.tx)
            .await?;
        unit.forget_items(connection, mapping).await?;
        unit.drop_all_unlinked(connection).await?;
        unit.drop_unwanted(connection).await?;
        unit.raised = Raised { work: true, view: true };
        unit.commit().await
    }
}

impl Unit<'_> {
    /// Marks the linked profiles of mappings that feed an attribute which that one feeds or fed too.
    async fn mark_rivals(
        &mut self,
        connection: ConnectionId,
        known: &[ObjectMapping],
        one: &ObjectMapping,
    ) -> Result<(), Failure> {
        for rival in rivals(known, one) {
            self.mark_links(connection, Some(rival), HAS_RECORD, Lane::Local).await?;
        }
        Ok(())
    }

    /// What was begun before must not be finished; nobody runs the stream any more.
    async fn raise_epoch(&mut self, connection: ConnectionId) -> Result<(), Failure> {
        sqlx::query(
            "-- raise epoch
            update connection set epoch = epoch + 1, stream_state = $1, stream_since = $2, stream_detail = null
            where id = $3",
        )
        .bind(StreamState::Stopped.as_str())
        .bind(self.now_ms())
        .bind(connection.to_string())
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Says where the org is, if it has moved.
    async fn note_instance_url(&mut self, connection: ConnectionId, url: &str) -> Result<(), Failure> {
        let row = sqlx::query("-- org of connection\nselect org from connection where id = $1")
            .bind(connection.to_string())
            .fetch_one(&mut *self.tx)
            .await?;
        let org: OrgIdentity = row::json(&row, "org")?;
        if org.instance_url == url {
            return Ok(());
        }
        let org = OrgIdentity { instance_url: url.to_owned(), ..org };
        sqlx::query("-- org has moved\nupdate connection set org = $1 where id = $2")
            .bind(serde_json::to_string(&org)?)
            .bind(connection.to_string())
            .execute(&mut *self.tx)
            .await?;
        self.raised.view = true;
        Ok(())
    }

    async fn add_targets(
        &mut self,
        environment: EnvironmentId,
        targets: &[AttributeDefinition],
    ) -> Result<(), Failure> {
        let rows = sqlx::query(
            "-- attribute types\nselect scope, name, data_type from attribute_definition where environment_id = $1",
        )
        .bind(environment.to_string())
        .fetch_all(&mut *self.tx)
        .await?;
        let mut known = BTreeMap::new();
        for row in &rows {
            known.insert((row::word(row, "scope")?, row::text(row, "name")?), row::text(row, "data_type")?.parse()?);
        }
        let mut new = Vec::new();
        for target in targets {
            match known.get(&(target.scope, target.name.clone())) {
                Some(data_type) => check_target(target, *data_type)?,
                None => {
                    known.insert((target.scope, target.name.clone()), target.data_type);
                    new.push(target);
                }
            }
        }
        for target in new {
            sqlx::query(
                "-- add target
                insert into attribute_definition (environment_id, scope, name, display_name, description, data_type, origin,
                    created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(environment.to_string())
            .bind(target.scope.as_str())
            .bind(&target.name)
            .bind(&target.display_name)
            .bind(&target.description)
            .bind(target.data_type.as_str())
            .bind(Origin::Salesforce.as_str())
            .bind(self.now_ms())
            .execute(&mut *self.tx)
            .await?;
        }
        Ok(())
    }

    async fn save_mapping_row(&mut self, connection: ConnectionId, mapping: &ObjectMapping) -> Result<(), Failure> {
        sqlx::query(
            "-- save mapping
            insert into object_mapping (connection_id, id, version, position, paused, object, profile_kind, definition, edited_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            on conflict (connection_id, id) do update set version = excluded.version, object = excluded.object,
                profile_kind = excluded.profile_kind, definition = excluded.definition, edited_at = excluded.edited_at",
        )
        .bind(connection.to_string())
        .bind(mapping.id.to_string())
        .bind(mapping.version)
        .bind(i64::from(mapping.position))
        .bind(i64::from(mapping.paused))
        .bind(&mapping.definition.salesforce)
        .bind(mapping.definition.userflow.as_str())
        .bind(serde_json::to_string(&mapping.definition)?)
        .bind(mapping.edited_at.map(|at| at.as_millisecond()))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Ends the links of a mapping that matches others now; gives the profiles that were linked.
    async fn end_links_of_edited(
        &mut self,
        connection: ConnectionId,
        before: &ObjectMapping,
        after: &ObjectMapping,
    ) -> Result<Vec<String>, Failure> {
        let (old, new) = (&before.definition, &after.definition);
        if old.userflow != new.userflow {
            self.forget_items(connection, before.id).await?;
            self.drop_all_unlinked(connection).await?;
            return Ok(Vec::new());
        }
        if old.match_rule == new.match_rule && old.salesforce == new.salesforce {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "-- end links of mapping
            update link set object = null, record_id = null, linked_at = null
            where connection_id = $1 and mapping_id = $2 and record_id is not null returning profile_id",
        )
        .bind(connection.to_string())
        .bind(before.id.to_string())
        .fetch_all(&mut *self.tx)
        .await?;
        self.drop_all_unlinked(connection).await?;
        let profiles = rows.iter().map(|row| Ok(row.try_get::<String, _>(0)?));
        Ok(profiles.collect::<Result<BTreeSet<String>, Failure>>()?.into_iter().collect())
    }

    async fn forget_items(&mut self, connection: ConnectionId, mapping: MappingId) -> Result<(), Failure> {
        for table in ["link", "association", "due", "sync_issue"] {
            let mut query = QueryBuilder::<Db>::new("-- forget items of mapping\ndelete from ");
            query.push(table).push(" where connection_id = ").push_bind(connection.to_string());
            query.push(" and mapping_id = ").push_bind(mapping.to_string());
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }
}
