//! Objects with the related objects that were asked for, read from the store as they are needed.

use std::collections::HashMap;

use serde_json::Value as Json;
use syncline_model::{
    id::EnvironmentId,
    profile::{Membership, Profile, ProfileFilter, ProfileKind},
    store::EnvironmentStore,
};

use crate::{expansion::Expansion, refusal::Refusal, render};

/// Most related objects of companies that `expand` puts into one answer, which is made in memory; more users than that are
/// read page by page, from the list of users with `group_id`.
const MAX_EXPANDED: u32 = 10_000;

/// One answer in the making.
pub(crate) struct Answer<'a> {
    store: &'a dyn EnvironmentStore,
    environment: EnvironmentId,
    expansion: &'a Expansion,
    /// Companies already read: the users of a page often share a few.
    companies: HashMap<String, Option<Profile>>,
    /// Users and memberships of companies put into the answer so far.
    expanded: usize,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(store: &'a dyn EnvironmentStore, environment: EnvironmentId, expansion: &'a Expansion) -> Self {
        Self { store, environment, expansion, companies: HashMap::new(), expanded: 0 }
    }

    /// The user or company.
    pub(crate) async fn profile(&mut self, profile: &Profile) -> Result<Json, Refusal> {
        match profile.kind {
            ProfileKind::User => self.user(profile).await,
            ProfileKind::Company => self.company(profile).await,
        }
    }

    async fn user(&mut self, user: &Profile) -> Result<Json, Refusal> {
        let expansion = self.expansion;
        let related = self.memberships(user, expansion.has("groups") || expansion.has("memberships")).await?;
        let mut groups = expansion.has("groups").then(Vec::new);
        let mut memberships = expansion.has("memberships").then(Vec::new);
        for membership in related {
            let needed = groups.is_some() || expansion.has("memberships.group");
            let company = if needed { self.company_of(&membership).await? } else { None };
            if let Some(memberships) = &mut memberships {
                let group = company.clone().filter(|_| expansion.has("memberships.group"));
                memberships.push(render::membership(&membership, None, group));
            }
            if let Some(groups) = &mut groups {
                groups.extend(company);
            }
        }
        Ok(render::user(user, groups, memberships))
    }

    async fn company(&mut self, company: &Profile) -> Result<Json, Refusal> {
        let expansion = self.expansion;
        let needed = expansion.has("users") || expansion.has("memberships.user");
        let users = if needed { self.users_of(company).await? } else { Vec::new() };
        let by_id: HashMap<&str, &Profile> = users.iter().map(|user| (user.id.as_str(), user)).collect();
        let related = self.memberships(company, expansion.has("memberships")).await?;
        self.count(related.len())?;
        let memberships = related.iter().map(|membership| {
            let user = by_id.get(membership.user_id.as_str()).filter(|_| expansion.has("memberships.user"));
            render::membership(membership, user.map(|user| render::profile(user)), None)
        });
        let memberships = expansion.has("memberships").then(|| memberships.collect());
        let users = expansion.has("users").then(|| users.iter().map(render::profile).collect());
        Ok(render::group(company, users, memberships))
    }

    async fn memberships(&self, profile: &Profile, needed: bool) -> Result<Vec<Membership>, Refusal> {
        if !needed {
            return Ok(Vec::new());
        }
        Ok(self.store.memberships(self.environment, profile.kind, &profile.id).await?)
    }

    async fn company_of(&mut self, membership: &Membership) -> Result<Option<Json>, Refusal> {
        let id = &membership.company_id;
        if !self.companies.contains_key(id) {
            let company = self.store.profile(self.environment, ProfileKind::Company, id).await?;
            self.companies.insert(id.clone(), company);
        }
        Ok(self.companies.get(id).and_then(Option::as_ref).map(render::profile))
    }

    async fn users_of(&mut self, company: &Profile) -> Result<Vec<Profile>, Refusal> {
        let filter =
            ProfileFilter { company_id: Some(company.id.clone()), limit: MAX_EXPANDED + 1, ..ProfileFilter::default() };
        let users = self.store.profiles(self.environment, ProfileKind::User, &filter).await?.data;
        self.count(users.len())?;
        Ok(users)
    }

    fn count(&mut self, more: usize) -> Result<(), Refusal> {
        self.expanded += more;
        if self.expanded > MAX_EXPANDED as usize {
            let message =
                format!("would give more than {MAX_EXPANDED} objects; read the users page by page with `group_id`");
            return Err(Refusal::invalid("expand", message));
        }
        Ok(())
    }
}
