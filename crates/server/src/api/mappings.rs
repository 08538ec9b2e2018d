//! Object mappings.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use syncline_model::{
    Number, Value,
    connection::Connection,
    custom_field::WantedField,
    id::{EnvironmentId, MappingId},
    mapping::{self, FieldMapping, MappingDefinition, MatchRule, ObjectMapping},
    schema::ObjectSchema,
};
use utoipa::ToSchema;

use super::{
    Api, EnvironmentPath, ItemPath,
    error::{ApiError, ErrorBody},
    extract::{InEnvironment, Json},
    salesforce::connected,
    words::{Duplicates, Empty, MadeFieldState, OnUnlink, ProfileKind},
};
use crate::{
    mapping_rules::{Accepted, Surroundings, judge, undescribed},
    org_objects,
};

/// What an administrator says of a mapping.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MappingInput {
    /// API name of the Salesforce object.
    salesforce: String,
    /// Users or companies.
    userflow: ProfileKind,
    /// When a record and a profile are the same.
    #[serde(rename = "match")]
    match_rule: MatchInput,
    /// Which of several records with one key is taken.
    #[serde(default)]
    duplicates: Duplicates,
    /// What becomes of inbound attributes when a link ends.
    #[serde(default)]
    on_unlink: OnUnlink,
    /// Whether events become activities.
    #[serde(default)]
    stream_events: bool,
    /// Which events; `content` stands for all content events.
    #[serde(default)]
    events: Vec<String>,
    /// Salesforce to Userflow: `from` is a field, `to` an attribute.
    #[serde(default)]
    inbound: Vec<LineInput>,
    /// Userflow to Salesforce: `from` is an attribute or another of the environment's outbound sources, `to` a field.
    #[serde(default)]
    outbound: Vec<LineInput>,
}

/// The two fields whose equality says that a record and a profile are the same.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchInput {
    /// Field of the Salesforce object.
    salesforce: String,
    /// `email`, `user_id`, `company_id` or an attribute.
    userflow: String,
}

/// One line of a mapping. Options that are not used are left out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LineInput {
    /// Source.
    from: String,
    /// Target.
    to: String,
    /// What a source without value does to the target: `clear` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    empty: Option<Empty>,
    /// What the target gets where `empty` is `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<DefaultValue>,
    /// What the target is for each value of the source; several may become one, and the empty text is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<BTreeMap<String, String>>,
    /// What the target is where `values` does not name the source's value. Without it that is a sync issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    otherwise: Option<String>,
    /// Whether a text that is too long for the Salesforce field is cut and marked with `…`. Otherwise it is a sync issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    truncate: Option<bool>,
}

/// A value that a line names.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum DefaultValue {
    /// True or false.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A text; where the target is a point in time, in ISO 8601 form.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

/// A mapping.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Mapping {
    id: String,
    #[serde(flatten)]
    definition: MappingInput,
    /// While true, nothing is synced; changes are kept.
    paused: bool,
    /// When it was made or edited last, where that is known.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    edited_at: Option<Timestamp>,
    /// Linked profiles.
    links: u64,
    /// Work items due.
    waiting: u64,
    /// Fields of `outbound` that are Syncline's to make, and how far they are.
    fields: Vec<MadeField>,
}

/// A Salesforce field that Syncline makes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MadeField {
    /// API name.
    field: String,
    state: MadeFieldState,
    /// Plain words where it is not usable yet.
    #[schema(required = true)]
    detail: Option<String>,
}

/// A list of mappings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MappingList {
    data: Vec<Mapping>,
}

impl From<LineInput> for FieldMapping {
    fn from(input: LineInput) -> Self {
        let default = input.default.map_or(Value::Null, |default| match default {
            DefaultValue::Boolean(value) => Value::Boolean(value),
            DefaultValue::Number(value) => Number::new(value).map_or(Value::Null, Value::Number),
            DefaultValue::Text(value) => Value::text(value),
            DefaultValue::List(value) => Value::List(value),
        });
        Self {
            from: input.from,
            to: input.to,
            empty: input.empty.unwrap_or_default().into(),
            default,
            otherwise: input.otherwise,
            truncate: input.truncate.unwrap_or_default(),
            values: input.values.unwrap_or_default(),
        }
    }
}

impl From<FieldMapping> for LineInput {
    fn from(stored: FieldMapping) -> Self {
        let default = match stored.default {
            Value::Null => None,
            Value::Boolean(value) => Some(DefaultValue::Boolean(value)),
            Value::Number(value) => Some(DefaultValue::Number(value.as_f64())),
            Value::List(value) => Some(DefaultValue::List(value)),
            text @ (Value::Text(_) | Value::DateTime(_)) => Some(DefaultValue::Text(text.to_string())),
        };
        Self {
            from: stored.from,
            to: stored.to,
            empty: (stored.empty != mapping::Empty::Clear).then(|| stored.empty.into()),
            default,
            values: (!stored.values.is_empty()).then_some(stored.values),
            otherwise: stored.otherwise,
            truncate: stored.truncate.then_some(true),
        }
    }
}

impl From<MappingInput> for MappingDefinition {
    fn from(input: MappingInput) -> Self {
        let lines = |lines: Vec<LineInput>| lines.into_iter().map(FieldMapping::from).collect();
        Self {
            salesforce: input.salesforce,
            userflow: input.userflow.into(),
            match_rule: MatchRule { salesforce: input.match_rule.salesforce, userflow: input.match_rule.userflow },
            duplicates: input.duplicates.into(),
            on_unlink: input.on_unlink.into(),
            stream_events: input.stream_events,
            events: input.events,
            inbound: lines(input.inbound),
            outbound: lines(input.outbound),
        }
    }
}

impl From<MappingDefinition> for MappingInput {
    fn from(stored: MappingDefinition) -> Self {
        let lines = |lines: Vec<FieldMapping>| lines.into_iter().map(LineInput::from).collect();
        let rule = stored.match_rule;
        Self {
            salesforce: stored.salesforce,
            userflow: stored.userflow.into(),
            match_rule: MatchInput { salesforce: rule.salesforce, userflow: rule.userflow },
            duplicates: stored.duplicates.into(),
            on_unlink: stored.on_unlink.into(),
            stream_events: stored.stream_events,
            events: stored.events,
            inbound: lines(stored.inbound),
            outbound: lines(stored.outbound),
        }
    }
}

/// Mappings in order.
#[utoipa::path(
    get, path = "/environments/{env}/mappings", tag = "mappings", operation_id = "listMappings", params(EnvironmentPath),
    responses((status = 200, body = MappingList), (status = 404, body = ErrorBody)),
)]
pub(super) async fn list(
    State(api): State<Api>,
    environment: InEnvironment,
) -> Result<axum::Json<MappingList>, ApiError> {
    let mut data = Vec::new();
    if let Some(connection) = api.store.connection(environment.id).await? {
        for mapping in api.store.mappings(connection.id).await? {
            data.push(show(&api, &connection, mapping).await?);
        }
    }
    Ok(axum::Json(MappingList { data }))
}

async fn show(api: &Api, connection: &Connection, mapping: ObjectMapping) -> Result<Mapping, ApiError> {
    let counts = api.store.counts(connection.id, Some(mapping.id)).await?;
    let mut fields = api.store.wanted_fields(connection.id).await?;
    fields.retain(|field| {
        let lines = &mapping.definition.outbound;
        field.object == mapping.definition.salesforce && lines.iter().any(|line| line.to == field.name)
    });
    let made = |field: WantedField| MadeField { field: field.name, state: field.state.into(), detail: field.detail };
    Ok(Mapping {
        id: mapping.id.to_string(),
        fields: fields.into_iter().map(made).collect(),
        definition: mapping.definition.into(),
        paused: mapping.paused,
        edited_at: mapping.edited_at,
        links: counts.links,
        waiting: counts.waiting,
    })
}

/// Make a mapping.
#[utoipa::path(
    post, path = "/environments/{env}/mappings", tag = "mappings", operation_id = "createMapping",
    params(EnvironmentPath), request_body = MappingInput,
    responses(
        (status = 201, body = Mapping), (status = 400, body = ErrorBody, description = "`field` names what is wrong"),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "Not connected yet"),
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    environment: InEnvironment,
    Json(input): Json<MappingInput>,
) -> Result<(StatusCode, axum::Json<Mapping>), ApiError> {
    let connection = connected(&api, environment.id).await?;
    Ok((StatusCode::CREATED, axum::Json(save(&api, &connection, None, input).await?)))
}

/// Replace a mapping.
#[utoipa::path(
    put, path = "/environments/{env}/mappings/{id}", tag = "mappings", operation_id = "replaceMapping",
    params(ItemPath), request_body = MappingInput,
    responses(
        (status = 200, body = Mapping), (status = 400, body = ErrorBody, description = "`field` names what is wrong"),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "Not connected yet"),
    ),
)]
pub(super) async fn replace(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ItemPath>,
    Json(input): Json<MappingInput>,
) -> Result<axum::Json<Mapping>, ApiError> {
    let connection = connected(&api, environment.id).await?;
    let id = existing(&api, &connection, &path.id).await?;
    Ok(axum::Json(save(&api, &connection, Some(id), input).await?))
}

/// All mappings in their new order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MappingOrder {
    /// Ids of all mappings; where several feed one attribute, the first of them that has a link and a value wins.
    ids: Vec<String>,
}

/// Change the order of the mappings.
#[utoipa::path(
    put, path = "/environments/{env}/mappings/order", tag = "mappings", operation_id = "orderMappings",
    params(EnvironmentPath), request_body = MappingOrder,
    responses(
        (status = 200, body = MappingList), (status = 400, body = ErrorBody, description = "`field` names what is wrong"),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "Not connected yet"),
    ),
)]
pub(super) async fn order(
    State(api): State<Api>,
    environment: InEnvironment,
    Json(input): Json<MappingOrder>,
) -> Result<axum::Json<MappingList>, ApiError> {
    let connection = connected(&api, environment.id).await?;
    let known = api.store.mappings(connection.id).await?;
    let named: Option<BTreeSet<MappingId>> = input.ids.iter().map(|id| id.parse().ok()).collect();
    if named != Some(known.iter().map(|mapping| mapping.id).collect()) || input.ids.len() != known.len() {
        return Err(ApiError::invalid("ids", "An order names each mapping of the connection once."));
    }
    let order: Vec<MappingId> = input.ids.iter().filter_map(|id| id.parse().ok()).collect();
    api.store.order_mappings(connection.id, &order).await?;
    list(State(api), environment).await
}

/// Pause a mapping. Its links stay, changes on both sides are kept, and nothing of it is synced until it is resumed.
#[utoipa::path(
    post, path = "/environments/{env}/mappings/{id}/pause", tag = "mappings", operation_id = "pauseMapping",
    params(ItemPath), responses((status = 200, body = Mapping), (status = 404, body = ErrorBody)),
)]
pub(super) async fn pause(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ItemPath>,
) -> Result<axum::Json<Mapping>, ApiError> {
    set_paused(&api, environment.id, &path.id, true).await
}

/// Resume a mapping. Sync goes on where it stopped.
#[utoipa::path(
    post, path = "/environments/{env}/mappings/{id}/resume", tag = "mappings", operation_id = "resumeMapping",
    params(ItemPath), responses((status = 200, body = Mapping), (status = 404, body = ErrorBody)),
)]
pub(super) async fn resume(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ItemPath>,
) -> Result<axum::Json<Mapping>, ApiError> {
    set_paused(&api, environment.id, &path.id, false).await
}

async fn set_paused(
    api: &Api,
    environment: EnvironmentId,
    id: &str,
    paused: bool,
) -> Result<axum::Json<Mapping>, ApiError> {
    let connection = api.store.connection(environment).await?;
    let connection = connection.ok_or_else(|| ApiError::not_found("The mapping"))?;
    let id = existing(api, &connection, id).await?;
    api.store.pause_mapping(connection.id, id, paused).await?;
    let mapping = api.store.mappings(connection.id).await?.into_iter().find(|mapping| mapping.id == id);
    let mapping = mapping.ok_or_else(|| ApiError::not_found("The mapping"))?;
    Ok(axum::Json(show(api, &connection, mapping).await?))
}

/// Delete a mapping. Attribute values stay.
#[utoipa::path(
    delete, path = "/environments/{env}/mappings/{id}", tag = "mappings", operation_id = "deleteMapping",
    params(ItemPath),
    responses((status = 204, description = "Deleted"), (status = 404, body = ErrorBody)),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ItemPath>,
) -> Result<StatusCode, ApiError> {
    let connection = api.store.connection(environment.id).await?;
    let connection = connection.ok_or_else(|| ApiError::not_found("The mapping"))?;
    let id = existing(&api, &connection, &path.id).await?;
    api.store.delete_mapping(connection.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn existing(api: &Api, connection: &Connection, id: &str) -> Result<MappingId, ApiError> {
    let known = api.store.mappings(connection.id).await?;
    let named = id.parse::<MappingId>().ok();
    let found = known.into_iter().map(|mapping| mapping.id).find(|known| Some(*known) == named);
    found.ok_or_else(|| ApiError::not_found("The mapping"))
}

async fn save(
    api: &Api,
    connection: &Connection,
    id: Option<MappingId>,
    input: MappingInput,
) -> Result<Mapping, ApiError> {
    let Accepted { definition, targets, fields } = judged(api, connection, id, input).await?;
    let saved = api.store.save_mapping(connection.id, id, &definition, &targets, &fields).await?;
    show(api, connection, saved).await
}

/// The mapping as it would be saved, if it is acceptable.
pub(super) async fn judged(
    api: &Api,
    connection: &Connection,
    id: Option<MappingId>,
    input: MappingInput,
) -> Result<Accepted, ApiError> {
    let definition = MappingDefinition::from(input);
    let objects = org_objects::listed(&*api.store, connection.id).await?;
    let missing = |schemas: &[ObjectSchema]| undescribed(&definition, &objects, schemas);
    let schemas = org_objects::described(&*api.store, connection, missing).await?;
    let mappings = api.store.mappings(connection.id).await?;
    let attributes = api.store.attribute_definitions(connection.environment_id, None).await?;
    let questions = api.store.question_definitions(connection.environment_id).await?;
    let around = Surroundings {
        mappings: &mappings,
        judged: id,
        objects: &objects,
        schemas: &schemas,
        attributes: &attributes,
        questions: &questions,
        now: api.clock.now(),
    };
    judge(&definition, around).map_err(|fault| ApiError::invalid(fault.field, fault.message))
}
