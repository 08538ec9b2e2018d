//! Fields that mappings want made.

use sqlx::QueryBuilder;
use syncline_model::{
    connection::Lease,
    custom_field::{WantedField, WantedFieldState},
    id::ConnectionId,
    mapping::ObjectMapping,
    work::Lane,
};

use super::{
    Db,
    link::HAS_RECORD,
    rules,
    store::{ROWS_MAX, SqlStore, Unit},
};
use crate::{
    failure::Failure,
    rules::{again_wanted, is_written, writes},
};

impl SqlStore {
    pub(super) async fn wanted_fields_of(&self, connection: ConnectionId) -> Result<Vec<WantedField>, Failure> {
        rules::wanted_fields(&mut *self.reader().acquire().await?, connection).await
    }

    pub(super) async fn say_wanted_field(&self, lease: &Lease, field: &WantedField) -> Result<(), Failure> {
        let (mut unit, environment) = self.begin_leased(lease).await?;
        let connection = lease.connection_id;
        let known = unit.wanted_fields(connection).await?;
        let known = known.into_iter().find(|known| known.object == field.object && known.name == field.name);
        let Some(known) = known.filter(|known| (known.state, &known.detail) != (field.state, &field.detail)) else {
            return Ok(());
        };
        let becomes_usable = known.state != WantedFieldState::Usable && field.state == WantedFieldState::Usable;
        let said = WantedField { state: field.state, detail: field.detail.clone(), ..known };
        unit.rules_change(environment).await?;
        unit.save_wanted_fields(connection, &[said]).await?;
        if becomes_usable {
            for mapping in unit.mappings(connection).await? {
                if writes(&mapping.definition, field) {
                    unit.mark_links(connection, Some(mapping.id), HAS_RECORD, Lane::Remote).await?;
                }
            }
            unit.raised.work = true;
        }
        unit.raised.view = true;
        unit.commit().await
    }
}

impl Unit<'_> {
    pub(super) async fn mappings(&mut self, connection: ConnectionId) -> Result<Vec<ObjectMapping>, Failure> {
        rules::mappings(&mut self.tx, connection).await
    }

    async fn wanted_fields(&mut self, connection: ConnectionId) -> Result<Vec<WantedField>, Failure> {
        rules::wanted_fields(&mut self.tx, connection).await
    }

    /// Keeps wanted fields, new or changed.
    async fn save_wanted_fields(&mut self, connection: ConnectionId, fields: &[WantedField]) -> Result<(), Failure> {
        for field in fields {
            sqlx::query(
                "-- save wanted field
                insert into wanted_field (connection_id, object, name, label, kind, state, detail)
                values ($1, $2, $3, $4, $5, $6, $7)
                on conflict (connection_id, object, name) do update set label = excluded.label, kind = excluded.kind,
                    state = excluded.state, detail = excluded.detail",
            )
            .bind(connection.to_string())
            .bind(&field.object)
            .bind(&field.name)
            .bind(&field.label)
            .bind(field.kind.as_str())
            .bind(field.state.as_str())
            .bind(&field.detail)
            .execute(&mut *self.tx)
            .await?;
        }
        Ok(())
    }

    /// Notes the fields that a saved mapping wants made.
    pub(super) async fn want_fields(
        &mut self,
        connection: ConnectionId,
        fields: &[WantedField],
    ) -> Result<(), Failure> {
        let known = self.wanted_fields(connection).await?;
        let wanted: Vec<WantedField> = fields.iter().map(|field| again_wanted(&known, field)).collect();
        self.save_wanted_fields(connection, &wanted).await
    }

    /// Forgets the wanted fields that no mapping writes to any more.
    pub(super) async fn drop_unwanted(&mut self, connection: ConnectionId) -> Result<(), Failure> {
        let mut unwanted = self.wanted_fields(connection).await?;
        if unwanted.is_empty() {
            return Ok(());
        }
        let mappings = self.mappings(connection).await?;
        unwanted.retain(|field| !is_written(&mappings, field));
        for group in unwanted.chunks(ROWS_MAX) {
            let mut query =
                QueryBuilder::<Db>::new("-- drop unwanted fields\ndelete from wanted_field where connection_id = ");
            query.push_bind(connection.to_string()).push(" and (object, name) in (");
            query.push_values(group, |mut row, field| {
                row.push_bind(field.object.clone()).push_bind(field.name.clone());
            });
            query.push(")");
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }
}
