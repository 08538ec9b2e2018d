//! From the body of a request to what it changes. Nothing here looks at the store.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use syncline_model::{
    Values,
    attribute::parse_instant,
    profile::{EnvironmentWrite, ProfileKind, ProfileWrite},
};

use crate::{
    attributes::{self, Operations},
    refusal::{Refusal, shortened},
    rules::{MAX_GROUPS, Name, check_name, id, object, optional, required_id, within},
};

/// What the body of an upsert asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Id of the user or company that it is about.
    pub id: String,
    /// What it changes, in order.
    pub write: EnvironmentWrite,
    /// The attributes it names, as fields of the body, such as `groups[0].attributes.plan`.
    attribute_fields: Vec<String>,
}

impl Request {
    /// Reads the body of `POST /users`: `{id, attributes?, groups?: [{id, attributes?}],
    /// memberships?: [{attributes?, group: {id, attributes?}}], prune_memberships?}`. Only one of `groups` and
    /// `memberships` may be there, as in Userflow.
    ///
    /// # Errors
    /// [`Refusal::InvalidParams`] names the first field that is wrong.
    pub fn user(body: &Json) -> Result<Self, Refusal> {
        let map = object("", body, &["id", "attributes", "groups", "memberships", "prune_memberships"])?;
        let mut request = Self::start("", ProfileKind::User, map)?;
        let companies = match (optional(map, "groups"), optional(map, "memberships")) {
            (Some(_), Some(_)) => {
                return Err(Refusal::invalid("memberships", "only one of `groups` and `memberships` can be set"));
            }
            (Some(groups), None) => Some(request.join_groups(groups)?),
            (None, Some(memberships)) => Some(request.join_memberships(memberships)?),
            (None, None) => None,
        };
        if prune(map)? {
            // Without a list it would take every membership away: not what somebody who forgot the list wants.
            let keep = companies.ok_or_else(|| {
                Refusal::invalid("prune_memberships", "needs `groups` or `memberships`, which say what stays")
            })?;
            request.write.push(ProfileWrite::Prune { user_id: request.id.clone(), keep });
        }
        Ok(request)
    }

    /// Reads the body of `POST /groups`: `{id, attributes?}`.
    ///
    /// # Errors
    /// [`Refusal::InvalidParams`] names the first field that is wrong.
    pub fn group(body: &Json) -> Result<Self, Refusal> {
        Self::start("", ProfileKind::Company, object("", body, &["id", "attributes"])?)
    }

    fn start(field: &str, kind: ProfileKind, map: &Map<String, Json>) -> Result<Self, Refusal> {
        let mut request =
            Self { id: required_id(field, map, "id")?, write: EnvironmentWrite::new(), attribute_fields: Vec::new() };
        let operations = request.operations(field, map)?;
        request.write.push(ProfileWrite::Upsert { kind, id: request.id.clone(), operations, seen: true });
        Ok(request)
    }

    fn join_groups(&mut self, groups: &Json) -> Result<Vec<String>, Refusal> {
        let mut ids = Vec::new();
        for (place, group) in items("groups", groups)?.iter().enumerate() {
            ids.push(self.join(&format!("groups[{place}]"), group, Operations::new())?);
        }
        Ok(ids)
    }

    fn join_memberships(&mut self, memberships: &Json) -> Result<Vec<String>, Refusal> {
        let mut ids = Vec::new();
        for (place, membership) in items("memberships", memberships)?.iter().enumerate() {
            let field = format!("memberships[{place}]");
            let map = object(&field, membership, &["attributes", "group"])?;
            let operations = self.operations(&field, map)?;
            let group = within(&field, "group");
            let json = optional(map, "group").ok_or_else(|| Refusal::invalid(&group, "is required"))?;
            ids.push(self.join(&group, json, operations)?);
        }
        Ok(ids)
    }

    fn join(&mut self, field: &str, group: &Json, membership: Operations) -> Result<String, Refusal> {
        let map = object(field, group, &["id", "attributes"])?;
        let company_id = required_id(field, map, "id")?;
        let operations = self.operations(field, map)?;
        self.write.push(ProfileWrite::Upsert {
            kind: ProfileKind::Company,
            id: company_id.clone(),
            operations,
            seen: false,
        });
        self.write.push(ProfileWrite::Join {
            user_id: self.id.clone(),
            company_id: company_id.clone(),
            operations: membership,
        });
        Ok(company_id)
    }

    fn operations(&mut self, field: &str, map: &Map<String, Json>) -> Result<Operations, Refusal> {
        let Some(json) = optional(map, "attributes") else { return Ok(Operations::new()) };
        let field = within(field, "attributes");
        let operations = attributes::operations(&field, json)?;
        self.attribute_fields.extend(operations.iter().map(|(name, _)| within(&field, name)));
        Ok(operations)
    }

    /// The fields of the body that name the attribute; more than one where a user and its companies have it.
    pub(crate) fn fields_of(&self, attribute: &str) -> String {
        let field = format!("attributes.{attribute}");
        let named = |given: &&String| **given == field || given.ends_with(&format!(".{field}"));
        let fields: Vec<_> = self.attribute_fields.iter().filter(named).cloned().collect();
        if fields.is_empty() { field } else { fields.join(" or ") }
    }
}

fn prune(map: &Map<String, Json>) -> Result<bool, Refusal> {
    match optional(map, "prune_memberships") {
        None => Ok(false),
        Some(Json::Bool(prune)) => Ok(*prune),
        Some(_) => Err(Refusal::invalid("prune_memberships", "must be true or false")),
    }
}

fn items<'a>(field: &str, json: &'a Json) -> Result<&'a [Json], Refusal> {
    match json {
        Json::Array(items) if items.len() > MAX_GROUPS => {
            Err(Refusal::invalid(field, format!("has more than {MAX_GROUPS} items")))
        }
        Json::Array(items) => Ok(items),
        _ => Err(Refusal::invalid(field, "must be a list")),
    }
}

/// What the body of `POST /events` asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracked {
    /// Code name of the event.
    pub name: String,
    /// When it happened, to the millisecond; absent means now.
    pub time: Option<Timestamp>,
    /// Attributes that have a value.
    pub attributes: Values,
    /// Who did it.
    pub user_id: Option<String>,
    /// For which company.
    pub company_id: Option<String>,
}

impl Tracked {
    /// Reads the body of `POST /events`: `{name, user_id?, group_id?, attributes?, time?}` with at least one of the ids.
    ///
    /// # Errors
    /// [`Refusal::InvalidParams`] names the first field that is wrong.
    pub fn parse(body: &Json) -> Result<Self, Refusal> {
        let map = object("", body, &["name", "user_id", "group_id", "attributes", "time"])?;
        let name = match optional(map, "name") {
            Some(Json::String(name)) => {
                check_name(name, Name::Event).map_err(|message| Refusal::invalid("name", message))?;
                name.clone()
            }
            Some(_) => return Err(Refusal::invalid("name", "must be a string")),
            None => return Err(Refusal::invalid("name", "is required")),
        };
        let user_id = optional(map, "user_id").map(|json| id("user_id", json)).transpose()?;
        let company_id = optional(map, "group_id").map(|json| id("group_id", json)).transpose()?;
        if user_id.is_none() && company_id.is_none() {
            return Err(Refusal::invalid("user_id", "at least one of `user_id` and `group_id` is required"));
        }
        let attributes = match optional(map, "attributes") {
            Some(json) => attributes::values("attributes", json)?,
            None => Values::new(),
        };
        let time = optional(map, "time").map(time).transpose()?;
        Ok(Self { name, time, attributes, user_id, company_id })
    }
}

fn time(json: &Json) -> Result<Timestamp, Refusal> {
    let text = json.as_str().ok_or_else(|| Refusal::invalid("time", "must be a string"))?;
    parse_instant(text).ok_or_else(|| {
        let given = shortened(text);
        Refusal::invalid(
            "time",
            format!("`{given}` is no ISO 8601 date and time with a zone, such as 2026-01-31T12:00:00Z"),
        )
    })
}
