//! What lines to Salesforce can come from.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use syncline_model::{attribute::DataType, profile::ProfileKind};
use utoipa::{IntoParams, ToSchema};

use super::{
    Api, EnvironmentPath,
    error::{ApiError, ErrorBody},
    extract::{InEnvironment, Query},
    words,
};
use crate::sources::choices;

/// What a line to Salesforce can come from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OutboundSource {
    /// What the line's `from` is: an attribute, `first_seen_at`, `last_seen_at`, `event.<name>.count`, `event.<name>.first`,
    /// `event.<name>.last` or `answer.<question>`.
    from: String,
    /// Name for people.
    title: String,
    data_type: words::DataType,
    /// The Salesforce field that a mapping makes for it unless another is chosen.
    made_field: SuggestedField,
}

/// A Salesforce field that can be made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SuggestedField {
    /// API name.
    name: String,
    /// Type, as people who set Salesforce up call it.
    #[serde(rename = "type")]
    field_type: &'static str,
}

/// What lines to Salesforce can come from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OutboundSourceList {
    data: Vec<OutboundSource>,
}

/// Of whom.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SourcesQuery {
    /// Users or companies.
    scope: words::ProfileKind,
}

/// What lines to Salesforce can come from: attributes, when a profile was seen, what its events add up to, answers.
#[utoipa::path(
    get, path = "/environments/{env}/outbound-sources", tag = "mappings", operation_id = "listOutboundSources",
    params(EnvironmentPath, SourcesQuery),
    responses((status = 200, body = OutboundSourceList), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn list(
    State(api): State<Api>,
    environment: InEnvironment,
    Query(query): Query<SourcesQuery>,
) -> Result<axum::Json<OutboundSourceList>, ApiError> {
    let kind = ProfileKind::from(query.scope);
    let attributes = api.store.attribute_definitions(environment.id, Some(kind.into())).await?;
    let events = api.store.event_definitions(environment.id).await?;
    let questions = api.store.question_definitions(environment.id).await?;
    let data = choices(kind, &attributes, &events, &questions).into_iter().map(|(from, described)| {
        let made = described.own_field("", kind);
        OutboundSource {
            from,
            data_type: described.data_type.unwrap_or(DataType::String).into(),
            made_field: SuggestedField { name: made.name, field_type: made.kind.title() },
            title: described.title,
        }
    });
    Ok(axum::Json(OutboundSourceList { data: data.collect() }))
}
