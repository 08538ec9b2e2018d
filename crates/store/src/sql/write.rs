//! What one request changes in an environment.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::QueryBuilder;
use syncline_model::{
    Values,
    attribute::{AttributeOperation, Origin, Scope},
    id::EnvironmentId,
    profile::{EnvironmentWrite, Membership, Profile, ProfileKind, ProfileWrite},
    store::StoreError,
    summary::Answered,
};

use super::{
    Db,
    profile::ProfileKey,
    row,
    store::{ROWS_MAX, SqlStore, Unit, groups},
};
use crate::{
    failure::Failure,
    rules::{Author, Definitions, ProfileChange, add_up, concerned, upserted},
};

type MembershipKey = (String, String);

impl SqlStore {
    pub(super) async fn write_environment(
        &self,
        environment: EnvironmentId,
        write: &EnvironmentWrite,
    ) -> Result<Vec<i64>, Failure> {
        let unit = self.begin_in_environment(environment).await?;
        let mut writing = Writing::prepare(unit, environment, write).await?;
        for step in write {
            writing.step(step).await?;
        }
        let (unit, events) = writing.end().await?;
        unit.commit().await?;
        Ok(events)
    }
}

/// A write under way. Profiles, memberships and events are collected and saved as sets; only what deletes memberships goes to
/// the database at its step, after what was collected before.
struct Writing<'a> {
    unit: Unit<'a>,
    environment: EnvironmentId,
    definitions: Definitions,
    stored: BTreeMap<ProfileKey, Profile>,
    profiles: BTreeMap<ProfileKey, Option<Profile>>,
    memberships: BTreeMap<MembershipKey, Membership>,
    /// Keys of `memberships` that are not saved yet.
    unsaved: BTreeSet<MembershipKey>,
    events: Vec<NewEvent>,
    /// Events so far, those that a later step deleted again included.
    tracked: i64,
}

struct NewEvent {
    /// Place among the events of the write, from 1.
    number: i64,
    name: String,
    time_ms: i64,
    attributes: Values,
    user_id: Option<String>,
    company_id: Option<String>,
}

impl<'a> Writing<'a> {
    /// Reads all that the write names.
    async fn prepare(
        mut unit: Unit<'a>,
        environment: EnvironmentId,
        write: &EnvironmentWrite,
    ) -> Result<Self, Failure> {
        let mut profiles = BTreeSet::new();
        let mut memberships = BTreeSet::new();
        let mut attributes = BTreeSet::new();
        let (mut events, mut questions) = (BTreeSet::new(), BTreeSet::new());
        let mut name = |scope: Scope, operations: &[(String, AttributeOperation)]| {
            attributes.extend(operations.iter().map(|(name, _)| (scope, name.clone())));
        };
        for step in write {
            match step {
                ProfileWrite::Upsert { kind, id, operations, .. } => {
                    profiles.insert((*kind, id.clone()));
                    name((*kind).into(), operations);
                }
                ProfileWrite::Delete { kind, id } => {
                    profiles.insert((*kind, id.clone()));
                }
                ProfileWrite::Join { user_id, company_id, operations } => {
                    profiles.insert((ProfileKind::User, user_id.clone()));
                    profiles.insert((ProfileKind::Company, company_id.clone()));
                    memberships.insert((user_id.clone(), company_id.clone()));
                    name(Scope::Membership, operations);
                }
                ProfileWrite::Leave { .. } | ProfileWrite::Prune { .. } => {}
                ProfileWrite::Track { name, user_id, company_id, .. } => {
                    events.insert(name.clone());
                    profiles.extend(concerned(user_id.as_ref(), company_id.as_ref()));
                }
            }
        }
        for step in write {
            if let ProfileWrite::Track { name, attributes: values, .. } = step {
                attributes.extend(values.keys().map(|name| (Scope::Event, name.clone())));
                questions.extend(Answered::of(name, values).map(|answered| answered.question));
            }
        }
        let definitions = unit.definitions(environment, Origin::Api, attributes, events, questions).await?;
        let stored = unit.profiles(environment, profiles).await?;
        let memberships = unit.memberships(environment, memberships).await?;
        let profiles = stored.iter().map(|(key, profile)| (key.clone(), Some(profile.clone()))).collect();
        let (unsaved, events) = (BTreeSet::new(), Vec::new());
        Ok(Self { unit, environment, definitions, stored, profiles, memberships, unsaved, events, tracked: 0 })
    }

    async fn step(&mut self, step: &ProfileWrite) -> Result<(), Failure> {
        match step {
            ProfileWrite::Upsert { kind, id, operations, seen } => {
                let profile = self.profiles.entry((*kind, id.clone())).or_default();
                let after = upserted(profile.as_ref(), *kind, id, operations, *seen, &mut self.definitions)?;
                *profile = Some(after);
            }
            ProfileWrite::Delete { kind, id } => self.delete(*kind, id).await?,
            ProfileWrite::Join { user_id, company_id, operations } => self.join(user_id, company_id, operations)?,
            ProfileWrite::Leave { user_id, company_id } => {
                let key = (user_id.clone(), company_id.clone());
                self.memberships.remove(&key);
                self.unsaved.remove(&key);
                let mut query = self.membership_deletion("-- leave");
                query.push("user_id = ").push_bind(user_id.clone());
                query.push(" and company_id = ").push_bind(company_id.clone());
                query.build().execute(&mut *self.unit.tx).await?;
            }
            ProfileWrite::Prune { user_id, keep } => self.prune(user_id, keep).await?,
            ProfileWrite::Track { name, time, attributes, user_id, company_id } => {
                self.definitions.name_event(name)?;
                let mut values = Values::new();
                self.definitions.set(Scope::Event, &mut values, attributes)?;
                self.definitions.name_question(name, &values)?;
                for key in concerned(user_id.as_ref(), company_id.as_ref()) {
                    if let Some(Some(profile)) = self.profiles.get_mut(&key) {
                        add_up(profile, name, *time, &values);
                    }
                }
                self.tracked += 1;
                self.events.push(NewEvent {
                    number: self.tracked,
                    name: name.clone(),
                    time_ms: time.as_millisecond(),
                    attributes: values,
                    user_id: user_id.clone(),
                    company_id: company_id.clone(),
                });
            }
        }
        Ok(())
    }

    fn join(
        &mut self,
        user_id: &str,
        company_id: &str,
        operations: &[(String, AttributeOperation)],
    ) -> Result<(), Failure> {
        let exists = |kind, id: &str| self.profiles.get(&(kind, id.to_owned())).is_some_and(Option::is_some);
        if !exists(ProfileKind::User, user_id) {
            return Err(StoreError::NotFound("the user").into());
        }
        if !exists(ProfileKind::Company, company_id) {
            return Err(StoreError::NotFound("the company").into());
        }
        let key = (user_id.to_owned(), company_id.to_owned());
        let now = self.unit.now;
        let membership = self.memberships.entry(key.clone()).or_insert_with(|| Membership {
            user_id: user_id.to_owned(),
            company_id: company_id.to_owned(),
            attributes: Values::new(),
            created_at: now,
        });
        let named = operations.iter().map(|(name, operation)| (name, operation));
        self.definitions.apply(Scope::Membership, &mut membership.attributes, named)?;
        self.unsaved.insert(key);
        Ok(())
    }

    async fn delete(&mut self, kind: ProfileKind, id: &str) -> Result<(), Failure> {
        let Some(profile) = self.profiles.get_mut(&(kind, id.to_owned())).and_then(Option::take) else { return Ok(()) };
        let is_of = |user: Option<&str>, company: Option<&str>| match kind {
            ProfileKind::User => user == Some(id),
            ProfileKind::Company => company == Some(id),
        };
        self.memberships.retain(|(user, company), _| !is_of(Some(user), Some(company)));
        self.unsaved.retain(|(user, company)| !is_of(Some(user), Some(company)));
        self.events.retain(|event| !is_of(event.user_id.as_deref(), event.company_id.as_deref()));
        let column = match kind {
            ProfileKind::User => "user_id = ",
            ProfileKind::Company => "company_id = ",
        };
        let mut query = self.membership_deletion("-- delete memberships of profile");
        query.push(column).push_bind(profile.id.clone());
        query.build().execute(&mut *self.unit.tx).await?;
        let mut query =
            QueryBuilder::<Db>::new("-- delete events of profile\ndelete from event where environment_id = ");
        query.push_bind(self.environment.to_string()).push(" and ").push(column).push_bind(profile.id);
        query.build().execute(&mut *self.unit.tx).await?;
        Ok(())
    }

    async fn prune(&mut self, user_id: &str, keep: &[String]) -> Result<(), Failure> {
        let goes = |user: &str, company: &String| user == user_id && !keep.contains(company);
        self.memberships.retain(|(user, company), _| !goes(user, company));
        self.unsaved.retain(|(user, company)| !goes(user, company));
        let mut query = self.membership_deletion("-- prune");
        query.push("user_id = ").push_bind(user_id.to_owned());
        if !keep.is_empty() {
            query.push(" and company_id not in (");
            let mut companies = query.separated(", ");
            for company in keep {
                companies.push_bind(company.clone());
            }
            query.push(")");
        }
        query.build().execute(&mut *self.unit.tx).await?;
        Ok(())
    }

    fn membership_deletion(&self, comment: &str) -> QueryBuilder<Db> {
        let mut query = QueryBuilder::new(comment);
        query.push("\ndelete from membership where environment_id = ").push_bind(self.environment.to_string());
        query.push(" and ");
        query
    }

    /// Saves what was collected. Gives the ids of the events.
    async fn end(mut self) -> Result<(Unit<'a>, Vec<i64>), Failure> {
        let environment = self.environment;
        self.unit.save_definitions(environment, &self.definitions).await?;
        let memberships: Vec<_> = self.unsaved.iter().filter_map(|key| self.memberships.get(key)).collect();
        self.unit.save_memberships(environment, &memberships).await?;
        let before = self.unit.number_events(environment, self.tracked).await?;
        self.unit.save_events(environment, before, &self.events).await?;

        let changed = self.profiles.iter().filter(|(key, after)| self.stored.get(*key) != after.as_ref());
        let (saved, deleted): (Vec<_>, Vec<_>) = changed.partition(|(_, after)| after.is_some());
        let deleted: Vec<ProfileKey> = deleted.into_iter().map(|(key, _)| key.clone()).collect();
        let saved: Vec<&Profile> = saved.into_iter().filter_map(|(_, after)| after.as_ref()).collect();
        self.unit.save_profiles(environment, &saved).await?;
        self.unit.delete_profiles(environment, deleted.iter().cloned()).await?;

        let keys = saved.iter().map(|profile| (profile.kind, profile.id.clone())).chain(deleted);
        let keys: Vec<ProfileKey> = keys.collect();
        let mut changes = Vec::with_capacity(keys.len());
        for key in keys {
            let after = self.profiles.remove(&key).flatten();
            changes.push((ProfileChange { before: self.stored.remove(&key), after }, Author::Environment));
        }
        self.unit.profiles_changed(environment, &changes).await?;
        self.unit.raised.view = true;
        Ok((self.unit, (before + 1..=before + self.tracked).collect()))
    }
}

impl Unit<'_> {
    async fn memberships(
        &mut self,
        environment: EnvironmentId,
        keys: BTreeSet<MembershipKey>,
    ) -> Result<BTreeMap<MembershipKey, Membership>, Failure> {
        let mut memberships = BTreeMap::new();
        for group in groups(keys) {
            let mut query = QueryBuilder::<Db>::new(
                "-- memberships by ids\nselect user_id, company_id, attributes, created_at from membership \
                 where environment_id = ",
            );
            query.push_bind(environment.to_string()).push(" and (user_id, company_id) in (");
            query.push_values(group, |mut row, (user, company)| {
                row.push_bind(user).push_bind(company);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                let membership = row::membership(&row)?;
                memberships.insert((membership.user_id.clone(), membership.company_id.clone()), membership);
            }
        }
        Ok(memberships)
    }

    async fn save_memberships(
        &mut self,
        environment: EnvironmentId,
        memberships: &[&Membership],
    ) -> Result<(), Failure> {
        let mut rows = Vec::with_capacity(memberships.len());
        for membership in memberships {
            rows.push((membership, serde_json::to_string(&membership.attributes)?));
        }
        for group in rows.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new(
                "-- save memberships\ninsert into membership (environment_id, user_id, company_id, attributes, created_at) ",
            );
            query.push_values(group, |mut row, (membership, attributes)| {
                row.push_bind(environment.to_string()).push_bind(membership.user_id.clone());
                row.push_bind(membership.company_id.clone()).push_bind(attributes.clone());
                row.push_bind(membership.created_at.as_millisecond());
            });
            query.push(
                " on conflict (environment_id, user_id, company_id) do update set attributes = excluded.attributes, \
                 created_at = excluded.created_at",
            );
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    /// Sets numbers aside for so many events. Gives the one before the first.
    async fn number_events(&mut self, environment: EnvironmentId, count: i64) -> Result<i64, Failure> {
        if count == 0 {
            return Ok(0);
        }
        let last: i64 = sqlx::query_scalar(
            "-- number events
            update environment set last_event_id = last_event_id + $1 where id = $2 returning last_event_id",
        )
        .bind(count)
        .bind(environment.to_string())
        .fetch_one(&mut *self.tx)
        .await?;
        Ok(last - count)
    }

    async fn save_events(
        &mut self,
        environment: EnvironmentId,
        before: i64,
        events: &[NewEvent],
    ) -> Result<(), Failure> {
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            rows.push((before + event.number, event, serde_json::to_string(&event.attributes)?));
        }
        for group in rows.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new(
                "-- add events\ninsert into event (environment_id, id, name, time, created_at, attributes, user_id, company_id) ",
            );
            let now_ms = self.now_ms();
            query.push_values(group, |mut row, (id, event, attributes)| {
                row.push_bind(environment.to_string()).push_bind(*id).push_bind(event.name.clone());
                row.push_bind(event.time_ms).push_bind(now_ms).push_bind(attributes.clone());
                row.push_bind(event.user_id.clone()).push_bind(event.company_id.clone());
            });
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }
}
