//! What a mapping would do before it is saved, and what a real record's fields hold.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use syncline_model::{connection::Connection, id::MappingId, mapping::MappingDefinition};
use utoipa::{IntoParams, ToSchema};

use super::{
    Api, EnvironmentPath,
    error::{ApiError, ErrorBody},
    extract::{InEnvironment, Json, Query},
    mappings::{self, MappingInput},
    salesforce::connected,
};
use crate::{
    preview::{self, Preview},
    sample,
};

/// What a draft would replace.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Replaced {
    /// Id of the mapping that it would replace; a new one where left out.
    replaces: Option<String>,
}

async fn replaced(api: &Api, connection: &Connection, query: Replaced) -> Result<Option<MappingId>, ApiError> {
    match query.replaces {
        Some(id) => Ok(Some(mappings::existing(api, connection, &id).await?)),
        None => Ok(None),
    }
}

/// Try a mapping on a sample of real profiles and records. Reads both sides anew, and writes nothing.
#[utoipa::path(
    post, path = "/environments/{env}/mappings/preview", tag = "mappings", operation_id = "previewMapping",
    params(EnvironmentPath, Replaced), request_body = MappingInput,
    responses(
        (status = 200, body = Preview), (status = 400, body = ErrorBody, description = "`field` names what is wrong"),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected, or Salesforce can not be asked now"),
    ),
)]
pub(super) async fn preview(
    State(api): State<Api>,
    environment: InEnvironment,
    Query(query): Query<Replaced>,
    Json(input): Json<MappingInput>,
) -> Result<axum::Json<Preview>, ApiError> {
    let connection = connected(&api, environment.id).await?;
    let existing = replaced(&api, &connection, query).await?;
    let accepted = mappings::judged(&api, &connection, existing, input).await?;
    let preview = preview::preview(api.store.as_ref(), &connection, existing, accepted, api.clock.now()).await?;
    Ok(axum::Json(preview))
}

/// A real record, to show what its fields hold.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SampleRecord {
    /// API name of its object.
    object: String,
    /// Its id; `null` where no profile matches a record.
    #[schema(required = true)]
    id: Option<String>,
    /// What its fields hold, as text, long ones cut; fields without value are left out.
    values: BTreeMap<String, String>,
}

/// A record that a draft would match. Lines count for nothing.
#[utoipa::path(
    post, path = "/environments/{env}/mappings/sample", tag = "mappings", operation_id = "sampleMapping",
    params(EnvironmentPath, Replaced), request_body = MappingInput,
    responses(
        (status = 200, body = SampleRecord), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected, or Salesforce can not be asked now"),
    ),
)]
pub(super) async fn sample(
    State(api): State<Api>,
    environment: InEnvironment,
    Query(query): Query<Replaced>,
    Json(input): Json<MappingInput>,
) -> Result<axum::Json<SampleRecord>, ApiError> {
    let connection = connected(&api, environment.id).await?;
    let existing = replaced(&api, &connection, query).await?;
    let definition = MappingDefinition::from(input);
    let found = sample::matched(api.store.as_ref(), &connection, existing, &definition).await?;
    let object = definition.salesforce;
    Ok(axum::Json(match found {
        Some(record) => SampleRecord { object, values: sample::texts(&record), id: Some(record.id) },
        None => SampleRecord { object, id: None, values: BTreeMap::new() },
    }))
}

/// Path of a record.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RecordPath {
    /// Environment id.
    #[serde(rename = "env")]
    _env: String,
    /// Id of the record.
    id: String,
}

/// What the fields of a record hold.
#[utoipa::path(
    get, path = "/environments/{env}/salesforce/records/{id}", tag = "salesforce", operation_id = "getSalesforceRecord",
    params(RecordPath),
    responses(
        (status = 200, body = SampleRecord), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected, or Salesforce can not be asked now"),
    ),
)]
pub(super) async fn record(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<RecordPath>,
) -> Result<axum::Json<SampleRecord>, ApiError> {
    let connection = connected(&api, environment.id).await?;
    let found = sample::by_id(api.store.as_ref(), &connection, &path.id).await?;
    let record = found.ok_or_else(|| ApiError::not_found("The record"))?;
    Ok(axum::Json(SampleRecord { object: record.object.clone(), values: sample::texts(&record), id: Some(record.id) }))
}
