//! Sync issues.

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use syncline_model::issue;
use utoipa::ToSchema;

use super::{
    Api, EnvironmentPath,
    error::{ApiError, ErrorBody},
    extract::InEnvironment,
    words::ProfileKind,
};

/// Most issues that are listed; somebody who has more needs to look at causes, not at rows.
const ISSUES_MAX: u32 = 500;

/// Something that could not be synced.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Issue {
    id: String,
    mapping_id: String,
    /// Sort of trouble.
    kind: IssueKind,
    /// The code that Salesforce gave; empty where there is none.
    code: String,
    profile_kind: ProfileKind,
    profile_id: String,
    #[schema(required = true)]
    record_id: Option<String>,
    /// The field or attribute concerned.
    #[schema(required = true)]
    field: Option<String>,
    /// What happened.
    cause: String,
    /// What to do about it.
    remedy: String,
    #[schema(value_type = String, format = DateTime)]
    first_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_at: Timestamp,
    /// How often it was seen.
    count: i64,
}

/// Sorts of issues.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum IssueKind {
    /// Several records have the profile's key.
    AmbiguousKey,
    /// A value does not fit its target.
    ValueMisfit,
    /// Salesforce refused a field.
    FieldRejected,
    /// Salesforce refused the record.
    RecordRejected,
    /// A mapped object or field is not there.
    SchemaChanged,
}

impl From<issue::IssueKind> for IssueKind {
    fn from(kind: issue::IssueKind) -> Self {
        match kind {
            issue::IssueKind::AmbiguousKey => Self::AmbiguousKey,
            issue::IssueKind::ValueMisfit => Self::ValueMisfit,
            issue::IssueKind::FieldRejected => Self::FieldRejected,
            issue::IssueKind::RecordRejected => Self::RecordRejected,
            issue::IssueKind::SchemaChanged => Self::SchemaChanged,
        }
    }
}

impl From<issue::Issue> for Issue {
    fn from(stored: issue::Issue) -> Self {
        Self {
            id: stored.id.to_string(),
            mapping_id: stored.mapping_id.to_string(),
            kind: stored.issue.kind.into(),
            code: stored.issue.code,
            profile_kind: stored.profile_kind.into(),
            profile_id: stored.profile_id,
            record_id: stored.issue.record_id,
            field: stored.issue.field,
            cause: stored.issue.cause,
            remedy: stored.issue.remedy,
            first_at: stored.first_at,
            last_at: stored.last_at,
            count: stored.count,
        }
    }
}

/// A list of issues.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssueList {
    data: Vec<Issue>,
}

/// Sync issues, newest first.
#[utoipa::path(
    get, path = "/environments/{env}/issues", tag = "issues", operation_id = "listIssues", params(EnvironmentPath),
    responses((status = 200, body = IssueList), (status = 404, body = ErrorBody)),
)]
pub(super) async fn list(
    State(api): State<Api>,
    environment: InEnvironment,
) -> Result<axum::Json<IssueList>, ApiError> {
    let Some(connection) = api.store.connection(environment.id).await? else {
        return Ok(axum::Json(IssueList { data: Vec::new() }));
    };
    let issues = api.store.issues(connection.id, None, ISSUES_MAX).await?;
    Ok(axum::Json(IssueList { data: issues.into_iter().map(Issue::from).collect() }))
}
