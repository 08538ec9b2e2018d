//! What the org consists of: object types and their fields, for the mapping editor.

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use syncline_model::schema::{FieldSchema, ObjectSchema};
use utoipa::{IntoParams, ToSchema};

use super::super::{
    Api, EnvironmentPath,
    error::{ApiError, ErrorBody},
    extract::InEnvironment,
};
use crate::org_objects;

/// An object type of the org.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ObjectSummary {
    /// API name.
    name: String,
    label: String,
}

/// Object types that can be mapped.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ObjectList {
    data: Vec<ObjectSummary>,
}

/// An object type with its fields.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct SalesforceObject {
    /// API name.
    name: String,
    label: String,
    fields: Vec<SalesforceField>,
}

/// A field.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct SalesforceField {
    /// API name.
    name: String,
    label: String,
    /// Type in Salesforce's words.
    #[serde(rename = "type")]
    field_type: String,
    /// Most characters.
    #[schema(required = true)]
    length: Option<u32>,
    /// Whether the connected user may change it.
    updateable: bool,
    /// Whether the customer made it.
    custom: bool,
    /// Object types that a reference can point to.
    reference_to: Vec<String>,
    /// What the association is called that goes through a reference, in paths such as `Account.Industry`.
    #[schema(required = true)]
    relationship: Option<String>,
}

/// Object types that can be mapped.
#[utoipa::path(
    get, path = "/environments/{env}/salesforce/objects", tag = "salesforce", operation_id = "listSalesforceObjects",
    params(EnvironmentPath),
    responses(
        (status = 200, body = ObjectList), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected, or the org is not read yet"),
    ),
)]
pub(in crate::api) async fn list_objects(
    State(api): State<Api>,
    environment: InEnvironment,
) -> Result<axum::Json<ObjectList>, ApiError> {
    let connection = super::connected(&api, environment.id).await?;
    let objects = org_objects::listed(&*api.store, connection.id).await?;
    let data = objects.into_iter().map(|object| ObjectSummary { name: object.name, label: object.label }).collect();
    Ok(axum::Json(ObjectList { data }))
}

/// Path of an object type.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::api) struct ObjectPath {
    /// Environment id.
    #[serde(rename = "env")]
    _env: String,
    /// API name.
    name: String,
}

/// An object type with its fields: one that can be mapped, or that a field of a known one leads to. It is read from the org if it
/// was not yet, which takes a second or two.
#[utoipa::path(
    get, path = "/environments/{env}/salesforce/objects/{name}", tag = "salesforce", operation_id = "getSalesforceObject",
    params(ObjectPath),
    responses(
        (status = 200, body = SalesforceObject), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected, still being read, or the org does not tell"),
    ),
)]
pub(in crate::api) async fn get_object(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ObjectPath>,
) -> Result<axum::Json<SalesforceObject>, ApiError> {
    let connection = super::connected(&api, environment.id).await?;
    let objects = org_objects::listed(&*api.store, connection.id).await?;
    let schemas = api.store.object_schemas(connection.id).await?;
    let is_meant = |name: &&str| name.eq_ignore_ascii_case(&path.name);
    let referenced = schemas.iter().flat_map(|schema| &schema.fields).flat_map(|field| &field.reference_to);
    let mut known = objects.iter().map(|object| &object.name).chain(referenced).map(String::as_str);
    // Nothing else is asked for: each object that is costs a call.
    let name = known.find(is_meant).ok_or_else(|| ApiError::not_found("The object"))?;
    let is_there = |schemas: &[ObjectSchema]| schemas.iter().any(|schema| schema.name == name);
    let missing = |schemas: &[ObjectSchema]| (!is_there(schemas)).then(|| name.to_owned()).into_iter().collect();
    let schemas = org_objects::described(&*api.store, &connection, missing).await?;
    let schema = schemas.into_iter().find(|schema| schema.name == name);
    let schema = schema.ok_or_else(|| ApiError::not_found("The object"))?;
    Ok(axum::Json(SalesforceObject {
        name: schema.name,
        label: schema.label,
        fields: schema.fields.into_iter().map(show_field).collect(),
    }))
}

fn show_field(field: FieldSchema) -> SalesforceField {
    let field_type = serde_json::to_value(field.field_type).ok();
    SalesforceField {
        name: field.name,
        label: field.label,
        field_type: field_type.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
        length: field.length,
        updateable: field.updateable,
        custom: field.custom,
        reference_to: field.reference_to,
        relationship: field.relationship,
    }
}
