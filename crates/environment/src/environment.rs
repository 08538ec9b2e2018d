//! The operations of the Userflow-compatible API, one method each.

use std::{cmp::Ordering, sync::Arc};

use jiff::Timestamp;
use serde_json::Value as Json;
use syncline_model::{
    attribute::{AttributeDefinition, EventDefinition, Scope},
    clock::Clock,
    convert::to_attribute,
    id::EnvironmentId,
    profile::{EnvironmentWrite, Page, Profile, ProfileFilter, ProfileKind, ProfileWrite},
    store::{EnvironmentStore, StoreError},
};

use crate::{
    answer::Answer,
    expansion::Expansion,
    list::{self, Rows},
    query::{Cursor, Order, Paging, Query, take_order},
    refusal::{Refusal, no_profile, shortened},
    render,
    request::{Request, Tracked},
    rules::check_id,
};

const DEFINITION_ORDERS: &[&str] = &["created_at", "display_name", "name"];

/// One environment, as a client of its API sees it. Each writing method answers after the write is durable.
#[derive(Clone)]
pub struct Environment {
    id: EnvironmentId,
    store: Arc<dyn EnvironmentStore>,
    clock: Arc<dyn Clock>,
}

impl Environment {
    /// The environment of that id, which the caller's key has opened.
    pub fn new(id: EnvironmentId, store: Arc<dyn EnvironmentStore>, clock: Arc<dyn Clock>) -> Self {
        Self { id, store, clock }
    }

    /// `POST /users`: creates or changes a user, with companies and memberships. Gives the user.
    ///
    /// # Errors
    /// [`Refusal::InvalidParams`] where the body, the query or a value for an attribute is wrong.
    pub async fn save_user(&self, query: &str, body: &Json) -> Result<Json, Refusal> {
        let request = Request::user(body)?;
        let expansion = only_expansion(query, Expansion::USER)?;
        self.write_request(&request).await?;
        self.rendered(ProfileKind::User, &request.id, &expansion).await
    }

    /// `POST /groups`: creates or changes a company. Gives the company. Takes no `expand`: a company may have more users
    /// than an answer holds, and a refusal after the write would not be true.
    ///
    /// # Errors
    /// [`Refusal::InvalidParams`] where the body, the query or a value for an attribute is wrong.
    pub async fn save_group(&self, query: &str, body: &Json) -> Result<Json, Refusal> {
        let request = Request::group(body)?;
        Query::parse(query).finish()?;
        self.write_request(&request).await?;
        self.rendered(ProfileKind::Company, &request.id, &Expansion::default()).await
    }

    async fn write_request(&self, request: &Request) -> Result<(), Refusal> {
        let written = self.store.write(self.id, &request.write).await;
        written.map(drop).map_err(|error| misfit(error, |name| request.fields_of(name)))
    }

    /// `GET /users/:id` and `GET /groups/:id`.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where there is none.
    pub async fn profile(&self, kind: ProfileKind, id: &str, query: &str) -> Result<Json, Refusal> {
        let expansion = only_expansion(query, allowed_expansions(kind))?;
        self.rendered(kind, id, &expansion).await
    }

    /// `DELETE /users/:id` and `DELETE /groups/:id`: with memberships and events; what it belonged to stays.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where there is none.
    pub async fn delete_profile(&self, kind: ProfileKind, id: &str, query: &str) -> Result<Json, Refusal> {
        Query::parse(query).finish()?;
        self.existing(kind, id).await?;
        self.write(ProfileWrite::Delete { kind, id: id.to_owned() }).await?;
        Ok(render::deleted(id, object(kind)))
    }

    /// `DELETE /group_memberships?user_id=&group_id=`.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where the user is no member of the company.
    pub async fn delete_membership(&self, query: &str) -> Result<Json, Refusal> {
        let mut query = Query::parse(query);
        let user_id = query.id("user_id")?.ok_or_else(|| Refusal::invalid("user_id", "is required"))?;
        let company_id = query.id("group_id")?.ok_or_else(|| Refusal::invalid("group_id", "is required"))?;
        query.finish()?;
        let memberships = self.store.memberships(self.id, ProfileKind::User, &user_id).await?;
        if !memberships.iter().any(|membership| membership.company_id == company_id) {
            return Err(Refusal::no_membership(&user_id, &company_id));
        }
        let id = render::membership_id(&user_id, &company_id);
        self.write(ProfileWrite::Leave { user_id, company_id }).await?;
        Ok(render::deleted(&id, "group_membership"))
    }

    /// `GET /users`: filters `email`, `user_id`, `group_id`.
    ///
    /// # Errors
    /// [`Refusal::InvalidParams`] where a parameter is wrong, also a cursor that names no user.
    pub async fn users(&self, query: &str) -> Result<Json, Refusal> {
        self.list(ProfileKind::User, query).await
    }

    /// `GET /groups`: filter `group_id`.
    ///
    /// # Errors
    /// [`Refusal::InvalidParams`] where a parameter is wrong, also a cursor that names no company.
    pub async fn groups(&self, query: &str) -> Result<Json, Refusal> {
        self.list(ProfileKind::Company, query).await
    }

    async fn list(&self, kind: ProfileKind, raw: &str) -> Result<Json, Refusal> {
        let mut query = Query::parse(raw);
        let paging = Paging::take(&mut query)?;
        let expansion = Expansion::take(&mut query, allowed_expansions(kind))?;
        let descending = match take_order(&mut query, &["created_at"])?[..] {
            [] => false,
            [order] => order.descending,
            _ => return Err(Refusal::invalid("order_by", "is given more than once")),
        };
        let mut filter = ProfileFilter { descending, ..ProfileFilter::default() };
        let wanted = match kind {
            ProfileKind::User => {
                filter.email = take_email(&mut query)?;
                filter.company_id = query.id("group_id")?;
                query.id("user_id")?
            }
            ProfileKind::Company => query.id("group_id")?,
        };
        query.finish()?;
        let rows = match wanted {
            Some(id) => {
                let found = self.profile_if(kind, &id, &filter).await?;
                Rows::of_all(found.into_iter().collect(), &paging, noun(kind), |profile| profile.id.clone())?
            }
            None => self.page(kind, filter, &paging).await?,
        };
        let mut answer = Answer::new(&*self.store, self.id, &expansion);
        let mut data = Vec::with_capacity(rows.data.len());
        for profile in &rows.data {
            data.push(answer.profile(profile).await?);
        }
        let url = match kind {
            ProfileKind::User => "/users",
            ProfileKind::Company => "/groups",
        };
        Ok(list::render(url, raw, &paging, Rows { data, has_more: rows.has_more }))
    }

    async fn page(
        &self,
        kind: ProfileKind,
        mut filter: ProfileFilter,
        paging: &Paging,
    ) -> Result<Rows<Profile>, Refusal> {
        match &paging.cursor {
            Cursor::Start => {}
            Cursor::After(id) => filter.after = Some(id.clone()),
            Cursor::Before(id) => filter.before = Some(id.clone()),
        }
        filter.limit = paging.limit + 1;
        match self.store.profiles(self.id, kind, &filter).await {
            Ok(Page { data, .. }) => Ok(Rows::cut(data, paging)),
            Err(StoreError::NotFound(_)) => {
                let id = filter.after.or(filter.before).unwrap_or_default();
                Err(paging.unknown_cursor(no_profile(kind, &id)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The profile of that id if it passes the filter.
    async fn profile_if(
        &self,
        kind: ProfileKind,
        id: &str,
        filter: &ProfileFilter,
    ) -> Result<Option<Profile>, Refusal> {
        let Some(profile) = self.store.profile(self.id, kind, id).await? else { return Ok(None) };
        if let Some(email) = &filter.email
            && normal_email(&profile.attribute("email").to_string()) != *email
        {
            return Ok(None);
        }
        if let Some(company_id) = &filter.company_id {
            let memberships = self.store.memberships(self.id, kind, id).await?;
            if !memberships.iter().any(|membership| membership.company_id == *company_id) {
                return Ok(None);
            }
        }
        Ok(Some(profile))
    }

    /// `POST /events`: records an event of a user, a company or both, who must exist. Gives the event.
    ///
    /// # Errors
    /// [`Refusal::InvalidParams`] where the body, the query or a value for an attribute is wrong, or there is no such user
    /// or company.
    pub async fn track(&self, query: &str, body: &Json) -> Result<Json, Refusal> {
        let expansion = only_expansion(query, Expansion::EVENT)?;
        let mut tracked = Tracked::parse(body)?;
        let user = self.named(ProfileKind::User, "user_id", tracked.user_id.as_deref()).await?;
        let company = self.named(ProfileKind::Company, "group_id", tracked.company_id.as_deref()).await?;
        let now = self.clock.now();
        let time = tracked.time.unwrap_or(now);
        let track = ProfileWrite::Track {
            name: tracked.name.clone(),
            time,
            attributes: tracked.attributes.clone(),
            user_id: tracked.user_id.clone(),
            company_id: tracked.company_id.clone(),
        };
        let ids = self.store.write(self.id, &vec![track]).await;
        let ids = ids.map_err(|error| misfit(error, |name| format!("attributes.{name}")))?;
        let id = ids.first().map(ToString::to_string).unwrap_or_default();
        self.normalise(&mut tracked).await?;
        let expanded =
            |profile: Option<Profile>, path| profile.filter(|_| expansion.has(path)).as_ref().map(render::profile);
        let (user, company) = (expanded(user, "user"), expanded(company, "group"));
        Ok(render::event(&id, &tracked, time, now, user, company))
    }

    /// The user or company that an event names.
    async fn named(&self, kind: ProfileKind, field: &str, id: Option<&str>) -> Result<Option<Profile>, Refusal> {
        let Some(id) = id else { return Ok(None) };
        let profile = self.store.profile(self.id, kind, id).await?;
        profile.map(Some).ok_or_else(|| Refusal::invalid(field, no_profile(kind, id)))
    }

    /// Brings an event's values into the form in which they were recorded, so that the answer shows what is kept.
    async fn normalise(&self, tracked: &mut Tracked) -> Result<(), Refusal> {
        if tracked.attributes.is_empty() {
            return Ok(());
        }
        for definition in self.store.attribute_definitions(self.id, Some(Scope::Event)).await? {
            if let Some(value) = tracked.attributes.get_mut(&definition.name)
                && let Ok(normal) = to_attribute(value, definition.data_type)
            {
                *value = normal;
            }
        }
        Ok(())
    }

    /// `GET /attribute_definitions`: filter `scope`.
    ///
    /// # Errors
    /// [`Refusal::InvalidParams`] where a parameter is wrong, also a cursor that names no definition.
    pub async fn attribute_definitions(&self, raw: &str) -> Result<Json, Refusal> {
        let mut query = Query::parse(raw);
        let paging = Paging::take(&mut query)?;
        let order = take_order(&mut query, DEFINITION_ORDERS)?;
        let scope = query.one("scope")?.map(|word| parse_scope(&word)).transpose()?;
        query.finish()?;
        let mut all = self.store.attribute_definitions(self.id, scope).await?;
        sort(&mut all, &order);
        let rows = Rows::of_all(all, &paging, "Attribute definition", render::attribute_definition_id)?;
        let data = rows.data.iter().map(render::attribute_definition).collect();
        Ok(list::render("/attribute_definitions", raw, &paging, Rows { data, has_more: rows.has_more }))
    }

    /// `GET /event_definitions`.
    ///
    /// # Errors
    /// [`Refusal::InvalidParams`] where a parameter is wrong, also a cursor that names no definition.
    pub async fn event_definitions(&self, raw: &str) -> Result<Json, Refusal> {
        let mut query = Query::parse(raw);
        let paging = Paging::take(&mut query)?;
        let order = take_order(&mut query, DEFINITION_ORDERS)?;
        query.finish()?;
        let mut all = self.store.event_definitions(self.id).await?;
        sort(&mut all, &order);
        let rows = Rows::of_all(all, &paging, "Event definition", |definition| definition.name.clone())?;
        let data = rows.data.iter().map(render::event_definition).collect();
        Ok(list::render("/event_definitions", raw, &paging, Rows { data, has_more: rows.has_more }))
    }

    async fn write(&self, step: ProfileWrite) -> Result<(), Refusal> {
        Ok(self.store.write(self.id, &EnvironmentWrite::from([step])).await.map(drop)?)
    }

    /// The profile, which a path names.
    async fn existing(&self, kind: ProfileKind, id: &str) -> Result<Profile, Refusal> {
        // What can be no id may be what a database can not even be asked for.
        let found = match check_id(id) {
            Ok(()) => self.store.profile(self.id, kind, id).await?,
            Err(_) => None,
        };
        found.ok_or_else(|| Refusal::no_profile(kind, id))
    }

    async fn rendered(&self, kind: ProfileKind, id: &str, expansion: &Expansion) -> Result<Json, Refusal> {
        let profile = self.existing(kind, id).await?;
        Answer::new(&*self.store, self.id, expansion).profile(&profile).await
    }
}

fn allowed_expansions(kind: ProfileKind) -> &'static [&'static str] {
    match kind {
        ProfileKind::User => Expansion::USER,
        ProfileKind::Company => Expansion::GROUP,
    }
}

/// The query string of a request that takes nothing but `expand`.
fn only_expansion(query: &str, allowed: &[&'static str]) -> Result<Expansion, Refusal> {
    let mut query = Query::parse(query);
    let expansion = Expansion::take(&mut query, allowed)?;
    query.finish()?;
    Ok(expansion)
}

fn take_email(query: &mut Query) -> Result<Option<String>, Refusal> {
    Ok(query.id("email")?.map(|email| normal_email(&email)))
}

/// How addresses are compared.
fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

fn parse_scope(word: &str) -> Result<Scope, Refusal> {
    let scopes = [Scope::User, Scope::Company, Scope::Membership, Scope::Event];
    scopes.into_iter().find(|scope| render::scope(*scope) == word).ok_or_else(|| {
        let word = shortened(word);
        Refusal::invalid("scope", format!("`{word}` is no scope; allowed are {}", scopes.map(render::scope).join(", ")))
    })
}

/// What definitions can be sorted by: `created_at`, `display_name` and `name`.
trait Definition {
    fn sort_fields(&self) -> (Timestamp, &str, &str);
}

impl Definition for AttributeDefinition {
    fn sort_fields(&self) -> (Timestamp, &str, &str) {
        (self.created_at, &self.display_name, &self.name)
    }
}

impl Definition for EventDefinition {
    fn sort_fields(&self) -> (Timestamp, &str, &str) {
        (self.created_at, &self.display_name, &self.name)
    }
}

/// Sorts by the keys, most significant first; rows that are equal in all of them stay in their order.
fn sort<T: Definition>(rows: &mut [T], order: &[Order]) {
    rows.sort_by(|a, b| {
        let (a, b) = (a.sort_fields(), b.sort_fields());
        let by_key = |order: &Order| {
            let ordering = match order.key {
                "created_at" => a.0.cmp(&b.0),
                "display_name" => a.1.cmp(b.1),
                _ => a.2.cmp(b.2),
            };
            if order.descending { ordering.reverse() } else { ordering }
        };
        order.iter().map(by_key).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    });
}

fn noun(kind: ProfileKind) -> &'static str {
    match kind {
        ProfileKind::User => "User",
        ProfileKind::Company => "Group",
    }
}

fn object(kind: ProfileKind) -> &'static str {
    match kind {
        ProfileKind::User => "user",
        ProfileKind::Company => "group",
    }
}

/// A misfit becomes a refusal that names the field of the body.
fn misfit(error: StoreError, field: impl FnOnce(&str) -> String) -> Refusal {
    match error {
        StoreError::Misfit { attribute, reason } => Refusal::invalid(field(&attribute), reason),
        error => error.into(),
    }
}
