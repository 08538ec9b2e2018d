//! Sync issues: one by one, by what they have in common, and having them tried again.

use axum::{extract::State, http::StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use syncline_model::{
    connection::Connection,
    id::{ConnectionId, IssueId, MappingId},
    issue::{self, IssueFilter, ListedIssue},
    store::StoreError,
};
use utoipa::{IntoParams, ToSchema};

use super::{
    Api, EnvironmentPath,
    error::{ApiError, ErrorBody},
    extract::{InEnvironment, Json, Query},
    salesforce::{record_url, worked_on},
    words::ProfileKind,
};

/// Most issues of a page.
const PAGE_MAX: u32 = 200;

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
    /// Name of the profile, or else its e-mail address; nothing where it has neither, or is deleted.
    #[schema(required = true)]
    profile_name: Option<String>,
    #[schema(required = true)]
    record_id: Option<String>,
    /// Where the record opens in Salesforce.
    #[schema(required = true)]
    record_url: Option<String>,
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
    /// Whether it is being tried again, or waits for that.
    waiting: bool,
}

/// Issues that have mapping, sort, code and field in common: most likely one cause.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssueGroup {
    mapping_id: String,
    /// Sort of trouble.
    kind: IssueKind,
    /// The code that Salesforce gave; empty where there is none.
    code: String,
    /// The field or attribute concerned.
    #[schema(required = true)]
    field: Option<String>,
    /// What happened to one of them, as an example.
    cause: String,
    /// What to do about it.
    remedy: String,
    /// How many issues there are.
    issues: u64,
    /// How many of them are being tried again, or wait for that.
    waiting: u64,
    /// When one of them was first seen.
    #[schema(value_type = String, format = DateTime)]
    first_at: Timestamp,
    /// When one of them was last seen.
    #[schema(value_type = String, format = DateTime)]
    last_at: Timestamp,
}

/// Sorts of issues.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
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

impl From<IssueKind> for issue::IssueKind {
    fn from(kind: IssueKind) -> Self {
        match kind {
            IssueKind::AmbiguousKey => Self::AmbiguousKey,
            IssueKind::ValueMisfit => Self::ValueMisfit,
            IssueKind::FieldRejected => Self::FieldRejected,
            IssueKind::RecordRejected => Self::RecordRejected,
            IssueKind::SchemaChanged => Self::SchemaChanged,
        }
    }
}

/// A page of issues.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssueList {
    data: Vec<Issue>,
    /// How many there are in all.
    total: u64,
    /// Pass as `after` for the next page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// Groups of issues.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssueGroupList {
    data: Vec<IssueGroup>,
    /// How many issues there are in all of them.
    total: u64,
}

/// Which issues; what is left out holds for all.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct IssueQuery {
    /// This one alone.
    id: Option<String>,
    /// Of this mapping.
    mapping_id: Option<String>,
    /// Of mappings of this Salesforce object, by API name.
    object: Option<String>,
    /// Of this sort.
    kind: Option<IssueKind>,
    /// With this code of Salesforce's; empty for those that have none.
    code: Option<String>,
    /// About this field or attribute; empty for those that are about none.
    field: Option<String>,
    /// Those that have this text in the profile's id, name or address, or in record id, field, code or cause.
    search: Option<String>,
}

/// Which of them are on the page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// `next_cursor` of the page before.
    after: Option<String>,
    /// Issues of a page, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Which issues to try again; what is left out holds for all, so an empty object means every issue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryInput {
    /// This one alone.
    #[serde(default)]
    id: Option<String>,
    /// Of this mapping.
    #[serde(default)]
    mapping_id: Option<String>,
    /// Of mappings of this Salesforce object, by API name.
    #[serde(default)]
    object: Option<String>,
    /// Of this sort.
    #[serde(default)]
    kind: Option<IssueKind>,
    /// With this code of Salesforce's; empty for those that have none.
    #[serde(default)]
    code: Option<String>,
    /// About this field or attribute; empty for those that are about none.
    #[serde(default)]
    field: Option<String>,
    /// Those that have this text in the profile's id, name or address, or in record id, field, code or cause.
    #[serde(default)]
    search: Option<String>,
}

/// What was begun.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Retried {
    /// How many issues were meant; none where they have closed by now.
    issues: u64,
    /// How many users and companies are tried again for them.
    profiles: u64,
}

/// Sync issues, the one first seen last first.
#[utoipa::path(
    get, path = "/environments/{env}/issues", tag = "issues", operation_id = "listIssues",
    params(EnvironmentPath, IssueQuery, PageQuery),
    responses((status = 200, body = IssueList), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn list(
    State(api): State<Api>,
    environment: InEnvironment,
    Query(query): Query<IssueQuery>,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<IssueList>, ApiError> {
    let limit = page.limit.unwrap_or(50);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("`limit` is a number from 1 to {PAGE_MAX}.")));
    }
    let after = page.after.map(|after| after.parse::<IssueId>()).transpose();
    let after = after.map_err(|_| ApiError::invalid("after", "`after` is the `next_cursor` of the page before."))?;
    let Some(connection) = api.store.connection(environment.id).await? else {
        return Ok(axum::Json(IssueList { data: Vec::new(), total: 0, next_cursor: None }));
    };
    let filter = query.filter(&api, connection.id).await?;
    let mut issues = api.store.issues(connection.id, &filter, after, limit + 1).await?;
    let has_more = issues.len() > limit as usize;
    issues.truncate(limit as usize);
    let next_cursor = issues.last().filter(|_| has_more).map(|listed| listed.issue.id.to_string());
    let total = api.store.issue_groups(connection.id, &filter).await?.iter().map(|group| group.issues).sum();
    let data = show(&api, &connection, issues).await?;
    Ok(axum::Json(IssueList { data, total, next_cursor }))
}

/// Sync issues by what they have in common, in the order of mappings.
#[utoipa::path(
    get, path = "/environments/{env}/issues/groups", tag = "issues", operation_id = "listIssueGroups",
    params(EnvironmentPath, IssueQuery),
    responses((status = 200, body = IssueGroupList), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn groups(
    State(api): State<Api>,
    environment: InEnvironment,
    Query(query): Query<IssueQuery>,
) -> Result<axum::Json<IssueGroupList>, ApiError> {
    let Some(connection) = api.store.connection(environment.id).await? else {
        return Ok(axum::Json(IssueGroupList { data: Vec::new(), total: 0 }));
    };
    let filter = query.filter(&api, connection.id).await?;
    let describing = is_being_described(&api, connection.id).await?;
    let groups = api.store.issue_groups(connection.id, &filter).await?;
    let total = groups.iter().map(|group| group.issues).sum();
    let shown = groups.into_iter().map(|group| {
        let what = group.sample.issue;
        let all_wait = describing && what.kind.is_by_description();
        IssueGroup {
            mapping_id: group.sample.mapping_id.to_string(),
            kind: what.kind.into(),
            code: what.code,
            field: what.field,
            cause: what.cause,
            remedy: what.remedy,
            issues: group.issues,
            waiting: if all_wait { group.issues } else { group.waiting },
            first_at: group.first_at,
            last_at: group.last_at,
        }
    });
    Ok(axum::Json(IssueGroupList { data: shown.collect(), total }))
}

/// Have issues tried again at once: one, those with something in common, or all. An issue whose cause is gone closes; one that stays says
/// so by `last_at`, once it is not `waiting` any more.
#[utoipa::path(
    post, path = "/environments/{env}/issues/retry", tag = "issues", operation_id = "retryIssues",
    params(EnvironmentPath), request_body = RetryInput,
    responses(
        (status = 202, body = Retried), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Nobody works on it: it is not connected, or paused"),
        (status = 422, body = ErrorBody),
    ),
)]
pub(super) async fn retry(
    State(api): State<Api>,
    environment: InEnvironment,
    Json(input): Json<RetryInput>,
) -> Result<(StatusCode, axum::Json<Retried>), ApiError> {
    let connection = worked_on(&api, environment.id).await?;
    let RetryInput { id, mapping_id, object, kind, code, field, search } = input;
    let query = IssueQuery { id, mapping_id, object, kind, code, field, search };
    let filter = query.filter(&api, connection.id).await?;
    let retried = api.store.retry_issues(connection.id, &filter).await?;
    let retried = Retried { issues: retried.issues, profiles: retried.items };
    Ok((StatusCode::ACCEPTED, axum::Json(retried)))
}

impl IssueQuery {
    async fn filter(self, api: &Api, connection: ConnectionId) -> Result<IssueFilter, ApiError> {
        let Self { id, mapping_id, object, kind, code, field, search } = self;
        let id = id.map(|id| id.parse::<IssueId>()).transpose();
        let id = id.map_err(|_| ApiError::invalid("id", "`id` is the id of a sync issue."))?;
        let mut mappings = None;
        if mapping_id.is_some() || object.is_some() {
            let known = api.store.mappings(connection).await?;
            let mut chosen: Vec<MappingId> = known.iter().map(|mapping| mapping.id).collect();
            if let Some(id) = mapping_id {
                chosen.retain(|known| known.to_string() == id);
                if chosen.is_empty() {
                    return Err(ApiError::invalid("mapping_id", "`mapping_id` names no mapping of this connection."));
                }
            }
            if let Some(object) = object {
                let of_object = |id: &MappingId| {
                    known.iter().any(|mapping| mapping.id == *id && mapping.definition.salesforce == object)
                };
                if !known.iter().any(|mapping| mapping.definition.salesforce == object) {
                    return Err(ApiError::invalid("object", "`object` names no Salesforce object that is mapped."));
                }
                chosen.retain(of_object);
            }
            mappings = Some(chosen);
        }
        Ok(IssueFilter { id, mappings, kind: kind.map(Into::into), code, field, profile: None, search })
    }
}

/// Issues as the screens show them.
pub(super) async fn show(
    api: &Api,
    connection: &Connection,
    issues: Vec<ListedIssue>,
) -> Result<Vec<Issue>, StoreError> {
    let describing = is_being_described(api, connection.id).await?;
    let shown = issues.into_iter().map(|ListedIssue { issue, waiting, attributes }| {
        let text = |name| attributes.get(name)?.as_text().map(str::to_owned);
        let what = issue.issue;
        Issue {
            id: issue.id.to_string(),
            mapping_id: issue.mapping_id.to_string(),
            waiting: waiting || describing && what.kind.is_by_description(),
            kind: what.kind.into(),
            code: what.code,
            profile_kind: issue.profile_kind.into(),
            profile_id: issue.profile_id,
            profile_name: text("name").or_else(|| text("email")),
            record_url: what.record_id.as_deref().map(|id| record_url(connection, id)),
            record_id: what.record_id,
            field: what.field,
            cause: what.cause,
            remedy: what.remedy,
            first_at: issue.first_at,
            last_at: issue.last_at,
            count: issue.count,
        }
    });
    Ok(shown.collect())
}

/// Whether the org's objects are to be described anew: what was told by their description is not the last word then.
async fn is_being_described(api: &Api, connection: ConnectionId) -> Result<bool, StoreError> {
    Ok(api.store.examination_requests(connection).await? > 0)
}
