//! The environment's side.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use syncline_model::{
    Values,
    attribute::{AttributeDefinition, EventDefinition, Origin, Scope},
    id::EnvironmentId,
    profile::{EnvironmentWrite, Event, Membership, Page, Profile, ProfileFilter, ProfileKind, ProfileWrite},
    store::{EnvironmentStore, StoreError},
    summary::QuestionDefinition,
};

use super::{MemoryStore, State};
use crate::rules::{
    Author, ProfileChange, add_up, check_ids, concerned, email, email_wanted, search_text, search_words, upserted,
};

#[async_trait]
impl EnvironmentStore for MemoryStore {
    async fn write(&self, environment: EnvironmentId, write: &EnvironmentWrite) -> Result<Vec<i64>, StoreError> {
        check_ids(write)?;
        self.change(|state, now, raised| {
            if !state.environments.iter().any(|known| known.id == environment) {
                return Err(StoreError::NotFound("the environment"));
            }
            let mut definitions = state.definitions(environment, Origin::Api, now);
            // Everything is worked out aside and put in place at the end, so that a failure changes nothing.
            let mut touched: BTreeMap<(ProfileKind, String), Option<Profile>> = BTreeMap::new();
            let mut memberships: BTreeMap<(String, String), Membership> = BTreeMap::new();
            for ((of, user, company), membership) in &state.memberships {
                if *of == environment && write.iter().any(|step| concerns(step, user, company)) {
                    memberships.insert((user.clone(), company.clone()), membership.clone());
                }
            }
            let before: BTreeSet<(String, String)> = memberships.keys().cloned().collect();
            let mut events: Vec<Event> = state.events.get(&environment).cloned().unwrap_or_default();
            let mut last_event_id = state.last_event_id;
            let mut tracked = Vec::new();
            for step in write {
                let current = |touched: &BTreeMap<_, Option<Profile>>, kind: ProfileKind, id: &str| {
                    let stored = || state.profiles.get(&(environment, kind, id.to_owned())).cloned();
                    touched.get(&(kind, id.to_owned())).cloned().unwrap_or_else(stored)
                };
                match step {
                    ProfileWrite::Upsert { kind, id, operations, seen } => {
                        let known = current(&touched, *kind, id);
                        let after = upserted(known.as_ref(), *kind, id, operations, *seen, &mut definitions)?;
                        touched.insert((*kind, id.clone()), Some(after));
                    }
                    ProfileWrite::Delete { kind, id } => {
                        if current(&touched, *kind, id).is_none() {
                            continue;
                        }
                        touched.insert((*kind, id.clone()), None);
                        memberships.retain(|(user, company), _| match kind {
                            ProfileKind::User => user != id,
                            ProfileKind::Company => company != id,
                        });
                        events.retain(|event| match kind {
                            ProfileKind::User => event.user_id.as_ref() != Some(id),
                            ProfileKind::Company => event.company_id.as_ref() != Some(id),
                        });
                    }
                    ProfileWrite::Join { user_id, company_id, operations } => {
                        if current(&touched, ProfileKind::User, user_id).is_none() {
                            return Err(StoreError::NotFound("the user"));
                        }
                        if current(&touched, ProfileKind::Company, company_id).is_none() {
                            return Err(StoreError::NotFound("the company"));
                        }
                        let key = (user_id.clone(), company_id.clone());
                        let membership = memberships.entry(key).or_insert_with(|| Membership {
                            user_id: user_id.clone(),
                            company_id: company_id.clone(),
                            attributes: Values::new(),
                            created_at: now,
                        });
                        let named = operations.iter().map(|(name, operation)| (name, operation));
                        definitions.apply(Scope::Membership, &mut membership.attributes, named)?;
                    }
                    ProfileWrite::Leave { user_id, company_id } => {
                        memberships.remove(&(user_id.clone(), company_id.clone()));
                    }
                    ProfileWrite::Prune { user_id, keep } => {
                        memberships.retain(|(user, company), _| user != user_id || keep.contains(company));
                    }
                    ProfileWrite::Track { name, time, attributes, user_id, company_id } => {
                        definitions.name_event(name)?;
                        let mut values = Values::new();
                        definitions.set(Scope::Event, &mut values, attributes)?;
                        definitions.name_question(name, &values)?;
                        for (kind, id) in concerned(user_id.as_ref(), company_id.as_ref()) {
                            if let Some(mut profile) = current(&touched, kind, &id) {
                                add_up(&mut profile, name, *time, &values);
                                touched.insert((kind, id), Some(profile));
                            }
                        }
                        last_event_id += 1;
                        tracked.push(last_event_id);
                        events.push(Event {
                            id: last_event_id,
                            name: name.clone(),
                            time: *time,
                            created_at: now,
                            attributes: values,
                            user_id: user_id.clone(),
                            company_id: company_id.clone(),
                        });
                    }
                }
            }
            for (user, company) in before {
                state.memberships.remove(&(environment, user, company));
            }
            let memberships = memberships.into_iter();
            state.memberships.extend(memberships.map(|((user, company), kept)| ((environment, user, company), kept)));
            state.events.insert(environment, events);
            state.last_event_id = last_event_id;
            state.save_definitions(environment, definitions);
            let changes = state.put_profiles(environment, touched);
            state.profiles_changed(environment, &changes, now, raised);
            raised.view = true;
            Ok(tracked)
        })
    }

    async fn profile(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        id: &str,
    ) -> Result<Option<Profile>, StoreError> {
        Ok(self.lock().profiles.get(&(environment, kind, id.to_owned())).cloned())
    }

    async fn profiles(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        filter: &ProfileFilter,
    ) -> Result<Page<Profile>, StoreError> {
        let state = self.lock();
        let mut all = state.filtered(environment, kind, filter);
        let place = |profile: &Profile| (profile.created_at, profile.id.clone());
        all.sort_by_key(|profile| place(profile));
        if filter.descending {
            all.reverse();
        }
        let cursor = |id: &String| {
            let found = state.profiles.get(&(environment, kind, id.clone()));
            found.map(place).ok_or(StoreError::NotFound("the profile to continue from"))
        };
        if let Some(after) = &filter.after {
            let after = cursor(after)?;
            all.retain(|profile| if filter.descending { place(profile) < after } else { place(profile) > after });
        }
        if let Some(before) = &filter.before {
            let before = cursor(before)?;
            all.retain(|profile| if filter.descending { place(profile) > before } else { place(profile) < before });
        }
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let has_more = all.len() > limit;
        if filter.before.is_some() && filter.after.is_none() {
            all.drain(..all.len().saturating_sub(limit));
        } else {
            all.truncate(limit);
        }
        Ok(Page { data: all, has_more })
    }

    async fn count_profiles(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        filter: &ProfileFilter,
    ) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.lock().filtered(environment, kind, filter).len()).unwrap_or(u64::MAX))
    }

    async fn memberships(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        id: &str,
    ) -> Result<Vec<Membership>, StoreError> {
        let state = self.lock();
        let own = state.memberships.iter().filter(|((of, user, company), _)| {
            *of == environment
                && match kind {
                    ProfileKind::User => user == id,
                    ProfileKind::Company => company == id,
                }
        });
        let mut own: Vec<Membership> = own.map(|(_, membership)| membership.clone()).collect();
        own.sort_by_key(|membership| membership.created_at);
        Ok(own)
    }

    async fn attribute_definitions(
        &self,
        environment: EnvironmentId,
        scope: Option<Scope>,
    ) -> Result<Vec<AttributeDefinition>, StoreError> {
        let state = self.lock();
        let known = state.attributes.iter().filter(|((of, _, _), _)| *of == environment);
        let known = known.filter(|((_, of, _), _)| scope.is_none_or(|scope| scope == *of));
        let mut known: Vec<AttributeDefinition> = known.map(|(_, definition)| definition.clone()).collect();
        known.sort_by_key(|known| (known.created_at, known.name.clone(), known.scope.as_str()));
        Ok(known)
    }

    async fn event_definitions(&self, environment: EnvironmentId) -> Result<Vec<EventDefinition>, StoreError> {
        let state = self.lock();
        let known = state.event_names.iter().filter(|((of, _), _)| *of == environment);
        let mut known: Vec<EventDefinition> = known.map(|(_, definition)| definition.clone()).collect();
        known.sort_by_key(|known| (known.created_at, known.name.clone()));
        Ok(known)
    }

    async fn question_definitions(&self, environment: EnvironmentId) -> Result<Vec<QuestionDefinition>, StoreError> {
        let state = self.lock();
        let known = state.questions.iter().filter(|((of, _), _)| *of == environment);
        let mut known: Vec<QuestionDefinition> = known.map(|(_, definition)| definition.clone()).collect();
        known.sort_by_key(|known| (known.created_at, known.id.clone()));
        Ok(known)
    }
}

/// Whether a step may change the membership.
fn concerns(step: &ProfileWrite, user: &str, company: &str) -> bool {
    match step {
        ProfileWrite::Delete { kind: ProfileKind::User, id } | ProfileWrite::Prune { user_id: id, .. } => id == user,
        ProfileWrite::Delete { kind: ProfileKind::Company, id } => id == company,
        ProfileWrite::Join { user_id, company_id, .. } | ProfileWrite::Leave { user_id, company_id } => {
            user_id == user && company_id == company
        }
        ProfileWrite::Upsert { .. } | ProfileWrite::Track { .. } => false,
    }
}

impl State {
    fn put_profiles(
        &mut self,
        environment: EnvironmentId,
        touched: BTreeMap<(ProfileKind, String), Option<Profile>>,
    ) -> Vec<(ProfileChange, Author)> {
        let mut changes = Vec::new();
        for ((kind, id), after) in touched {
            let key = (environment, kind, id);
            let before = self.profiles.remove(&key);
            if let Some(after) = &after {
                self.profiles.insert(key, after.clone());
            }
            if before != after {
                changes.push((ProfileChange { before, after }, Author::Environment));
            }
        }
        changes
    }

    fn filtered(&self, environment: EnvironmentId, kind: ProfileKind, filter: &ProfileFilter) -> Vec<Profile> {
        let (words, address) = (search_words(filter), email_wanted(filter));
        let is_member = |profile: &Profile| {
            filter.company_id.as_ref().is_none_or(|company| {
                self.memberships.contains_key(&(environment, profile.id.clone(), company.clone()))
            })
        };
        let profiles = self.profiles.iter().filter(|((of, of_kind, _), _)| (*of, *of_kind) == (environment, kind));
        profiles
            .map(|(_, profile)| profile)
            .filter(|profile| words.as_ref().is_none_or(|words| search_text(profile).contains(words)))
            .filter(|profile| address.is_none() || email(profile) == address)
            .filter(|profile| is_member(profile))
            .cloned()
            .collect()
    }
}
