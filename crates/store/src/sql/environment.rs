//! The environment's side of the store.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use syncline_model::{
    attribute::{AttributeDefinition, EventDefinition, Scope},
    id::EnvironmentId,
    profile::{EnvironmentWrite, Membership, Page, Profile, ProfileFilter, ProfileKind},
    store::{EnvironmentStore, StoreError},
    summary::QuestionDefinition,
};

use super::{
    Db,
    row::{self, PROFILE, QUESTION, get, text, time, word},
    store::SqlStore,
};
use crate::{
    failure::Failure,
    rules::{check_ids, email_wanted, search_words},
};

#[async_trait]
impl EnvironmentStore for SqlStore {
    async fn write(&self, environment: EnvironmentId, write: &EnvironmentWrite) -> Result<Vec<i64>, StoreError> {
        check_ids(write)?;
        self.write_with_others(environment, write.clone()).await
    }

    async fn profile(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        id: &str,
    ) -> Result<Option<Profile>, StoreError> {
        Ok(self.profile_by_id(environment, kind, id).await?)
    }

    async fn profiles(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        filter: &ProfileFilter,
    ) -> Result<Page<Profile>, StoreError> {
        Ok(self.profile_page(environment, kind, filter).await?)
    }

    async fn count_profiles(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        filter: &ProfileFilter,
    ) -> Result<u64, StoreError> {
        Ok(self.profile_count(environment, kind, filter).await?)
    }

    async fn memberships(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        id: &str,
    ) -> Result<Vec<Membership>, StoreError> {
        Ok(self.memberships_of(environment, kind, id).await?)
    }

    async fn attribute_definitions(
        &self,
        environment: EnvironmentId,
        scope: Option<Scope>,
    ) -> Result<Vec<AttributeDefinition>, StoreError> {
        Ok(self.known_attributes(environment, scope).await?)
    }

    async fn event_definitions(&self, environment: EnvironmentId) -> Result<Vec<EventDefinition>, StoreError> {
        Ok(self.known_events(environment).await?)
    }

    async fn question_definitions(&self, environment: EnvironmentId) -> Result<Vec<QuestionDefinition>, StoreError> {
        Ok(self.known_questions(environment).await?)
    }
}

impl SqlStore {
    async fn profile_by_id(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        id: &str,
    ) -> Result<Option<Profile>, Failure> {
        if id.contains('\0') {
            return Ok(None);
        }
        let mut query = QueryBuilder::<Db>::new("-- profile\nselect ");
        query.push(PROFILE).push(" from profile p where p.environment_id = ").push_bind(environment.to_string());
        query.push(" and p.kind = ").push_bind(kind.as_str()).push(" and p.id = ").push_bind(id.to_owned());
        query.build().fetch_optional(self.reader()).await?.map(|row| row::profile(&row)).transpose()
    }

    async fn profile_page(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        filter: &ProfileFilter,
    ) -> Result<Page<Profile>, Failure> {
        let mut query = QueryBuilder::<Db>::new("-- profiles\nselect ");
        query.push(PROFILE).push(" from profile p where ");
        push_filter(&mut query, environment, kind, filter);
        // The page before a profile is read from there backwards, and turned round at the end.
        let backwards = filter.before.is_some() && filter.after.is_none();
        for (cursor, is_after) in [(&filter.after, true), (&filter.before, false)] {
            let Some(cursor) = cursor else { continue };
            let profile = self.profile_by_id(environment, kind, cursor).await?;
            let profile = profile.ok_or(StoreError::NotFound("the profile to continue from"))?;
            let greater = is_after != filter.descending;
            query.push(if greater { " and (p.created_at, p.id) > (" } else { " and (p.created_at, p.id) < (" });
            query.push_bind(profile.created_at.as_millisecond()).push(", ").push_bind(profile.id).push(")");
        }
        query.push(match filter.descending != backwards {
            false => " order by p.created_at, p.id",
            true => " order by p.created_at desc, p.id desc",
        });
        let limit = usize::try_from(filter.limit)?;
        query.push(" limit ").push_bind(i64::from(filter.limit) + 1);
        let rows = query.build().fetch_all(self.reader()).await?;
        let has_more = rows.len() > limit;
        let mut data = rows.iter().take(limit).map(row::profile).collect::<Result<Vec<_>, _>>()?;
        if backwards {
            data.reverse();
        }
        Ok(Page { data, has_more })
    }

    async fn profile_count(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        filter: &ProfileFilter,
    ) -> Result<u64, Failure> {
        let mut query = QueryBuilder::<Db>::new("-- count profiles\nselect count(*) from profile p where ");
        push_filter(&mut query, environment, kind, filter);
        Ok(u64::try_from(query.build_query_scalar::<i64>().fetch_one(self.reader()).await?)?)
    }

    async fn memberships_of(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        id: &str,
    ) -> Result<Vec<Membership>, Failure> {
        let mut query = QueryBuilder::<Db>::new(
            "-- memberships\nselect user_id, company_id, attributes, created_at from membership where environment_id = ",
        );
        query.push_bind(environment.to_string()).push(match kind {
            ProfileKind::User => " and user_id = ",
            ProfileKind::Company => " and company_id = ",
        });
        query.push_bind(id.replace('\0', "\u{fffd}")).push(" order by created_at, user_id, company_id");
        query.build().fetch_all(self.reader()).await?.iter().map(row::membership).collect()
    }

    async fn known_attributes(
        &self,
        environment: EnvironmentId,
        scope: Option<Scope>,
    ) -> Result<Vec<AttributeDefinition>, Failure> {
        let mut query = QueryBuilder::<Db>::new(
            "-- attribute definitions\nselect * from attribute_definition where environment_id = ",
        );
        query.push_bind(environment.to_string());
        if let Some(scope) = scope {
            query.push(" and scope = ").push_bind(scope.as_str());
        }
        query.push(" order by created_at, name, scope");
        let rows = query.build().fetch_all(self.reader()).await?;
        let definition = |row: &row::Row| {
            Ok(AttributeDefinition {
                scope: word(row, "scope")?,
                name: text(row, "name")?,
                display_name: text(row, "display_name")?,
                description: get(row, "description")?,
                data_type: text(row, "data_type")?.parse()?,
                origin: word(row, "origin")?,
                created_at: time(row, "created_at")?,
            })
        };
        rows.iter().map(definition).collect()
    }

    async fn known_events(&self, environment: EnvironmentId) -> Result<Vec<EventDefinition>, Failure> {
        let rows = sqlx::query(
            "-- event definitions\nselect * from event_definition where environment_id = $1 order by created_at, name",
        )
        .bind(environment.to_string())
        .fetch_all(self.reader())
        .await?;
        let definition = |row: &row::Row| {
            Ok(EventDefinition {
                name: text(row, "name")?,
                display_name: text(row, "display_name")?,
                description: get(row, "description")?,
                created_at: time(row, "created_at")?,
            })
        };
        rows.iter().map(definition).collect()
    }

    async fn known_questions(&self, environment: EnvironmentId) -> Result<Vec<QuestionDefinition>, Failure> {
        let mut query = QueryBuilder::<Db>::new("-- question definitions\nselect ");
        query.push(QUESTION).push(" from question_definition where environment_id = ");
        query.push_bind(environment.to_string()).push(" order by created_at, id");
        query.build().fetch_all(self.reader()).await?.iter().map(row::question).collect()
    }
}

fn push_filter(query: &mut QueryBuilder<Db>, environment: EnvironmentId, kind: ProfileKind, filter: &ProfileFilter) {
    query.push("p.environment_id = ").push_bind(environment.to_string());
    query.push(" and p.kind = ").push_bind(kind.as_str());
    if let Some(words) = search_words(filter) {
        query.push(" and p.search like ").push_bind(containing(&words)).push(" escape '\\'");
    }
    if let Some(email) = email_wanted(filter) {
        query.push(" and p.email = ").push_bind(email);
    }
    if let Some(company) = &filter.company_id {
        query.push(
            " and exists (select 1 from membership m where m.environment_id = p.environment_id and m.user_id = p.id",
        );
        query.push(" and m.company_id = ").push_bind(company.replace('\0', "\u{fffd}")).push(")");
    }
}

/// The pattern of texts that contain these words, with `\` before what would stand for something else.
pub(super) fn containing(words: &str) -> String {
    format!("%{}%", words.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}
