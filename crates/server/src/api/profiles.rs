//! Users and companies as the screens show them.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use syncline_model::{
    Value,
    attribute::{self, AttributeDefinition as StoredDefinition, DataType, Scope},
    connection::Connection,
    id::EnvironmentId,
    issue::IssueFilter,
    profile::{self, ProfileFilter, ProfileKind},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    Api, EnvironmentPath, ItemPath,
    error::{ApiError, ErrorBody},
    extract::{InEnvironment, Query},
    issues::{self, Issue},
    salesforce::record_url,
    words,
};
use crate::explain::{self, Explanation};

/// Most rows of a page.
const PAGE_MAX: u32 = 200;

/// Most issues shown of one profile.
const PROFILE_ISSUES_MAX: u32 = 50;

/// A page of users or companies.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfileList {
    data: Vec<ProfileSummary>,
    /// How many there are in all.
    total: u64,
    /// Pass as `after` for the next page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// A row of the list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfileSummary {
    id: String,
    #[schema(required = true)]
    name: Option<String>,
    #[schema(required = true)]
    email: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    last_seen_at: Option<Timestamp>,
    /// Salesforce objects that it is linked to.
    linked: BTreeSet<String>,
}

/// A user or company.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Profile {
    kind: words::ProfileKind,
    id: String,
    #[schema(required = true)]
    name: Option<String>,
    #[schema(required = true)]
    email: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    last_seen_at: Option<Timestamp>,
    /// Rises with each change.
    revision: i64,
    attributes: Vec<Attribute>,
    memberships: Vec<Membership>,
    links: Vec<Link>,
    issues: Vec<Issue>,
}

/// An attribute that has a value.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Attribute {
    name: String,
    display_name: String,
    data_type: words::DataType,
    /// Text, number, boolean, list of texts, or an instant in RFC 3339.
    value: serde_json::Value,
    origin: words::Origin,
}

/// A company that a user belongs to, or a user who belongs to a company.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Membership {
    kind: words::ProfileKind,
    id: String,
    #[schema(required = true)]
    name: Option<String>,
    attributes: BTreeMap<String, serde_json::Value>,
}

/// A match with a Salesforce record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Link {
    mapping_id: String,
    /// API name of the record's object.
    object: String,
    record_id: String,
    record_url: String,
    #[schema(value_type = String, format = DateTime)]
    linked_at: Timestamp,
}

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only those whose id, name or e-mail address contains this.
    search: Option<String>,
    /// `next_cursor` of the page before.
    after: Option<String>,
    /// Rows of a page, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Users, oldest first.
#[utoipa::path(
    get, path = "/environments/{env}/users", tag = "profiles", operation_id = "listUsers",
    params(EnvironmentPath, ListQuery),
    responses((status = 200, body = ProfileList), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn list_users(
    State(api): State<Api>,
    environment: InEnvironment,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<ProfileList>, ApiError> {
    list(&api, environment.id, ProfileKind::User, query).await
}

/// Companies, oldest first.
#[utoipa::path(
    get, path = "/environments/{env}/companies", tag = "profiles", operation_id = "listCompanies",
    params(EnvironmentPath, ListQuery),
    responses((status = 200, body = ProfileList), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn list_companies(
    State(api): State<Api>,
    environment: InEnvironment,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<ProfileList>, ApiError> {
    list(&api, environment.id, ProfileKind::Company, query).await
}

async fn list(
    api: &Api,
    environment: EnvironmentId,
    kind: ProfileKind,
    query: ListQuery,
) -> Result<axum::Json<ProfileList>, ApiError> {
    let limit = query.limit.unwrap_or(50);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("`limit` is a number from 1 to {PAGE_MAX}.")));
    }
    let all = ProfileFilter {
        search: query.search.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        limit,
        ..ProfileFilter::default()
    };
    let page = ProfileFilter { after: query.after, ..all.clone() };
    let page = api.store.profiles(environment, kind, &page).await.map_err(|error| match error {
        syncline_model::store::StoreError::NotFound(_) => {
            ApiError::invalid("after", "`after` names no row of this list; start from its first page.")
        }
        error => error.into(),
    })?;
    let total = api.store.count_profiles(environment, kind, &all).await?;
    let next_cursor = page.data.last().filter(|_| page.has_more).map(|profile| profile.id.clone());
    let mut linked = linked_objects(api, environment, kind, &page.data).await?;
    let data = page.data.into_iter().map(|profile| ProfileSummary {
        linked: linked.remove(&profile.id).unwrap_or_default(),
        name: text_attribute(&profile, "name"),
        email: text_attribute(&profile, "email"),
        created_at: profile.created_at,
        last_seen_at: profile.last_seen_at,
        id: profile.id,
    });
    Ok(axum::Json(ProfileList { data: data.collect(), total, next_cursor }))
}

async fn linked_objects(
    api: &Api,
    environment: EnvironmentId,
    kind: ProfileKind,
    profiles: &[profile::Profile],
) -> Result<BTreeMap<String, BTreeSet<String>>, ApiError> {
    let mut linked = BTreeMap::<String, BTreeSet<String>>::new();
    if let Some(connection) = api.store.connection(environment).await? {
        let ids: Vec<_> = profiles.iter().map(|profile| profile.id.clone()).collect();
        for link in api.store.links(connection.id, kind, &ids).await? {
            linked.entry(link.profile_id).or_default().insert(link.object);
        }
    }
    Ok(linked)
}

fn text_attribute(profile: &profile::Profile, name: &str) -> Option<String> {
    profile.attribute(name).as_text().map(str::to_owned)
}

/// One user.
#[utoipa::path(
    get, path = "/environments/{env}/users/{id}", tag = "profiles", operation_id = "getUser", params(ItemPath),
    responses((status = 200, body = Profile), (status = 404, body = ErrorBody)),
)]
pub(super) async fn get_user(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ItemPath>,
) -> Result<axum::Json<Profile>, ApiError> {
    get(&api, environment.id, ProfileKind::User, &path.id).await
}

/// One company.
#[utoipa::path(
    get, path = "/environments/{env}/companies/{id}", tag = "profiles", operation_id = "getCompany", params(ItemPath),
    responses((status = 200, body = Profile), (status = 404, body = ErrorBody)),
)]
pub(super) async fn get_company(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ItemPath>,
) -> Result<axum::Json<Profile>, ApiError> {
    get(&api, environment.id, ProfileKind::Company, &path.id).await
}

/// Why a user did or did not sync: mapping by mapping, field by field.
#[utoipa::path(
    get, path = "/environments/{env}/users/{id}/sync", tag = "profiles", operation_id = "explainUser", params(ItemPath),
    responses(
        (status = 200, body = Explanation), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected"),
    ),
)]
pub(super) async fn explain_user(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ItemPath>,
) -> Result<axum::Json<Explanation>, ApiError> {
    explain(&api, environment.id, ProfileKind::User, &path.id).await
}

/// Why a company did or did not sync: mapping by mapping, field by field.
#[utoipa::path(
    get, path = "/environments/{env}/companies/{id}/sync", tag = "profiles", operation_id = "explainCompany", params(ItemPath),
    responses(
        (status = 200, body = Explanation), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected"),
    ),
)]
pub(super) async fn explain_company(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ItemPath>,
) -> Result<axum::Json<Explanation>, ApiError> {
    explain(&api, environment.id, ProfileKind::Company, &path.id).await
}

async fn explain(
    api: &Api,
    environment: EnvironmentId,
    kind: ProfileKind,
    id: &str,
) -> Result<axum::Json<Explanation>, ApiError> {
    let connection = super::salesforce::connected(api, environment).await?;
    let explanation = explain::of_profile(api.store.as_ref(), environment, &connection, kind, id).await?;
    Ok(axum::Json(explanation.ok_or_else(|| not_found(kind))?))
}

/// Sync a user now: read both sides anew and write the differences. The answer tells what is due; it is done once nothing waits.
#[utoipa::path(
    post, path = "/environments/{env}/users/{id}/sync", tag = "profiles", operation_id = "syncUser", params(ItemPath),
    responses(
        (status = 202, body = Explanation), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected, or paused"),
    ),
)]
pub(super) async fn sync_user(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ItemPath>,
) -> Result<(StatusCode, axum::Json<Explanation>), ApiError> {
    sync_now(&api, environment.id, ProfileKind::User, &path.id).await
}

/// Sync a company now: read both sides anew and write the differences. The answer tells what is due; it is done once nothing waits.
#[utoipa::path(
    post, path = "/environments/{env}/companies/{id}/sync", tag = "profiles", operation_id = "syncCompany", params(ItemPath),
    responses(
        (status = 202, body = Explanation), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not connected, or paused"),
    ),
)]
pub(super) async fn sync_company(
    State(api): State<Api>,
    environment: InEnvironment,
    Path(path): Path<ItemPath>,
) -> Result<(StatusCode, axum::Json<Explanation>), ApiError> {
    sync_now(&api, environment.id, ProfileKind::Company, &path.id).await
}

async fn sync_now(
    api: &Api,
    environment: EnvironmentId,
    kind: ProfileKind,
    id: &str,
) -> Result<(StatusCode, axum::Json<Explanation>), ApiError> {
    let connection = super::salesforce::worked_on(api, environment).await?;
    if api.store.profile(environment, kind, id).await?.is_none() {
        return Err(not_found(kind));
    }
    api.store.sync_profile(connection.id, kind, id).await?;
    Ok((StatusCode::ACCEPTED, explain(api, environment, kind, id).await?))
}

fn not_found(kind: ProfileKind) -> ApiError {
    ApiError::not_found(if kind == ProfileKind::User { "The user" } else { "The company" })
}

async fn get(
    api: &Api,
    environment: EnvironmentId,
    kind: ProfileKind,
    id: &str,
) -> Result<axum::Json<Profile>, ApiError> {
    let profile = api.store.profile(environment, kind, id).await?;
    let profile = profile.ok_or_else(|| not_found(kind))?;
    let definitions = api.store.attribute_definitions(environment, Some(Scope::from(kind))).await?;
    let (mut links, mut issues) = (Vec::new(), Vec::new());
    if let Some(connection) = api.store.connection(environment).await? {
        let found = api.store.links(connection.id, kind, std::slice::from_ref(&profile.id)).await?;
        links.extend(found.into_iter().map(|link| show_link(link, &connection)));
        let own = IssueFilter::of_profile(kind, id);
        let open = api.store.issues(connection.id, &own, None, PROFILE_ISSUES_MAX).await?;
        issues = issues::show(api, &connection, open).await?;
    }
    Ok(axum::Json(Profile {
        kind: kind.into(),
        name: text_attribute(&profile, "name"),
        email: text_attribute(&profile, "email"),
        created_at: profile.created_at,
        last_seen_at: profile.last_seen_at,
        revision: profile.revision,
        memberships: memberships(api, environment, kind, id).await?,
        attributes: show_attributes(&profile, &definitions),
        id: profile.id,
        links,
        issues,
    }))
}

fn show_link(link: syncline_model::store::LinkView, connection: &Connection) -> Link {
    let record_url = record_url(connection, &link.record_id);
    Link {
        mapping_id: link.mapping_id.to_string(),
        object: link.object,
        record_id: link.record_id,
        record_url,
        linked_at: link.linked_at,
    }
}

fn show_attributes(profile: &profile::Profile, definitions: &[StoredDefinition]) -> Vec<Attribute> {
    let known: BTreeMap<&str, &StoredDefinition> = definitions.iter().map(|one| (one.name.as_str(), one)).collect();
    let attributes = profile.attributes.iter().map(|(name, value)| {
        let definition = known.get(name.as_str());
        let inferred = || DataType::inferred(value).unwrap_or(DataType::String);
        Attribute {
            name: name.clone(),
            display_name: definition.map_or_else(|| attribute::display_name(name), |one| one.display_name.clone()),
            data_type: definition.map_or_else(inferred, |one| one.data_type).into(),
            value: json(value),
            origin: definition.map_or(attribute::Origin::Api, |one| one.origin).into(),
        }
    });
    attributes.collect()
}

/// The value as JSON for screens: an instant is its RFC 3339 text.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::DateTime(instant) => instant.to_string().into(),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

async fn memberships(
    api: &Api,
    environment: EnvironmentId,
    kind: ProfileKind,
    id: &str,
) -> Result<Vec<Membership>, ApiError> {
    /// Of a company with thousands of users, the screen shows the first.
    const MEMBERSHIPS_MAX: usize = 50;
    let other_kind = if kind == ProfileKind::User { ProfileKind::Company } else { ProfileKind::User };
    let mut shown = Vec::new();
    for membership in api.store.memberships(environment, kind, id).await?.into_iter().take(MEMBERSHIPS_MAX) {
        let other = if kind == ProfileKind::User { membership.company_id } else { membership.user_id };
        let profile = api.store.profile(environment, other_kind, &other).await?;
        let attributes = membership.attributes.iter().map(|(name, value)| (name.clone(), json(value)));
        shown.push(Membership {
            kind: other_kind.into(),
            id: other,
            name: profile.and_then(|profile| text_attribute(&profile, "name")),
            attributes: attributes.collect(),
        });
    }
    Ok(shown)
}

/// An attribute that is known.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttributeDefinition {
    name: String,
    display_name: String,
    data_type: words::DataType,
    scope: words::ProfileKind,
    origin: words::Origin,
}

/// Attributes that are known.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttributeDefinitionList {
    data: Vec<AttributeDefinition>,
}

/// Which attributes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DefinitionsQuery {
    /// Of users or of companies; both where left out.
    scope: Option<words::ProfileKind>,
}

/// Attributes of users and companies.
#[utoipa::path(
    get, path = "/environments/{env}/attribute-definitions", tag = "profiles", operation_id = "listAttributeDefinitions",
    params(EnvironmentPath, DefinitionsQuery),
    responses((status = 200, body = AttributeDefinitionList), (status = 404, body = ErrorBody)),
)]
pub(super) async fn list_attribute_definitions(
    State(api): State<Api>,
    environment: InEnvironment,
    Query(query): Query<DefinitionsQuery>,
) -> Result<axum::Json<AttributeDefinitionList>, ApiError> {
    let scope = query.scope.map(|kind| Scope::from(ProfileKind::from(kind)));
    let known = api.store.attribute_definitions(environment.id, scope).await?.into_iter();
    let data = known.filter_map(|one| {
        let kind = match one.scope {
            Scope::User => ProfileKind::User,
            Scope::Company => ProfileKind::Company,
            Scope::Membership | Scope::Event => return None,
        };
        Some(AttributeDefinition {
            name: one.name,
            display_name: one.display_name,
            data_type: one.data_type.into(),
            scope: kind.into(),
            origin: one.origin.into(),
        })
    });
    Ok(axum::Json(AttributeDefinitionList { data: data.collect() }))
}
