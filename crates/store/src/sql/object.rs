//! What is known of the org's objects: which can be mapped, and what some of them look like.

use sqlx::QueryBuilder;
use syncline_model::{
    connection::Lease,
    id::{ConnectionId, MappingId},
    schema::{ListedObject, ObjectSchema},
    work::Lane,
};

use super::{
    Db,
    link::HAS_KEY,
    row::{get, json},
    store::{SqlStore, groups},
};
use crate::failure::Failure;

impl SqlStore {
    pub(super) async fn known_objects(&self, connection: ConnectionId) -> Result<Vec<ObjectSchema>, Failure> {
        let rows = sqlx::query(
            "-- object schemas\nselect object_schema from object_schema where connection_id = $1 order by name",
        )
        .bind(connection.to_string())
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(|row| json(row, "object_schema")).collect()
    }

    pub(super) async fn know_object(
        &self,
        lease: &Lease,
        schema: &ObjectSchema,
        otherwise: &[MappingId],
    ) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        sqlx::query(
            "-- save object schema
            insert into object_schema (connection_id, name, object_schema) values ($1, $2, $3)
            on conflict (connection_id, name) do update set object_schema = excluded.object_schema",
        )
        .bind(lease.connection_id.to_string())
        .bind(&schema.name)
        .bind(serde_json::to_string(schema)?)
        .execute(&mut *unit.tx)
        .await?;
        for mapping in otherwise {
            unit.mark_links(lease.connection_id, Some(*mapping), HAS_KEY, Lane::Remote).await?;
        }
        unit.raised.view = true;
        unit.commit().await
    }

    pub(super) async fn forget_objects(
        &self,
        lease: &Lease,
        objects: &[String],
        otherwise: &[MappingId],
    ) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        for object in objects {
            sqlx::query("-- forget object schema\ndelete from object_schema where connection_id = $1 and name = $2")
                .bind(lease.connection_id.to_string())
                .bind(object)
                .execute(&mut *unit.tx)
                .await?;
        }
        for mapping in otherwise {
            unit.mark_links(lease.connection_id, Some(*mapping), HAS_KEY, Lane::Remote).await?;
        }
        unit.raised.view = true;
        unit.commit().await
    }

    pub(super) async fn list_objects(&self, lease: &Lease, objects: &[ListedObject]) -> Result<(), Failure> {
        let (mut unit, _) = self.begin_leased(lease).await?;
        let connection = lease.connection_id.to_string();
        sqlx::query("-- forget object list\ndelete from listed_object where connection_id = $1")
            .bind(&connection)
            .execute(&mut *unit.tx)
            .await?;
        for group in groups(objects) {
            let mut query =
                QueryBuilder::<Db>::new("-- save object list\ninsert into listed_object (connection_id, name, label) ");
            query.push_values(group, |mut row, object| {
                row.push_bind(&connection).push_bind(&object.name).push_bind(&object.label);
            });
            query.build().execute(&mut *unit.tx).await?;
        }
        unit.raised.view = true;
        unit.commit().await
    }

    pub(super) async fn listed_objects(&self, connection: ConnectionId) -> Result<Vec<ListedObject>, Failure> {
        let rows =
            sqlx::query("-- object list\nselect name, label from listed_object where connection_id = $1 order by name")
                .bind(connection.to_string())
                .fetch_all(self.reader())
                .await?;
        rows.iter().map(|row| Ok(ListedObject { name: get(row, "name")?, label: get(row, "label")? })).collect()
    }
}
