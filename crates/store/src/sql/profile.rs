//! Profiles and definitions within a transaction, and what a profile's change sets in motion.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Row as _};
use syncline_model::{
    attribute::{DataType, Origin, Scope},
    id::{ConnectionId, EnvironmentId, MappingId},
    mapping::MatchKey,
    profile::{Profile, ProfileKind},
    work::Lane,
};

use super::{
    Db,
    row::{self, PROFILE, QUESTION, id, text},
    store::{ROWS_MAX, Unit, groups},
};
use crate::{
    failure::Failure,
    rules::{Author, Definitions, Marks, ProfileChange, email, search_text},
};

pub(super) type ProfileKey = (ProfileKind, String);

impl Unit<'_> {
    /// What is known of these attributes, events and questions.
    pub(super) async fn definitions(
        &mut self,
        environment: EnvironmentId,
        origin: Origin,
        attributes: BTreeSet<(Scope, String)>,
        events: BTreeSet<String>,
        questions: BTreeSet<String>,
    ) -> Result<Definitions, Failure> {
        let mut types = BTreeMap::new();
        for group in groups(attributes.into_iter().filter(|(_, name)| !name.contains('\0'))) {
            let mut query = QueryBuilder::<Db>::new(
                "-- attribute definitions by name\nselect scope, name, data_type from attribute_definition where environment_id = ",
            );
            query.push_bind(environment.to_string()).push(" and (scope, name) in (");
            query.push_values(group, |mut row, (scope, name)| {
                row.push_bind(scope.as_str()).push_bind(name);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                let data_type: DataType = text(&row, "data_type")?.parse()?;
                types.insert((row::word(&row, "scope")?, text(&row, "name")?), data_type);
            }
        }
        let mut known = BTreeSet::new();
        for group in groups(events.into_iter().filter(|name| !name.contains('\0'))) {
            let mut query = QueryBuilder::<Db>::new(
                "-- event definitions by name\nselect name from event_definition where environment_id = ",
            );
            query.push_bind(environment.to_string()).push(" and name in (");
            let mut names = query.separated(", ");
            for name in group {
                names.push_bind(name);
            }
            query.push(")");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                known.insert(row.try_get::<String, _>(0)?);
            }
        }
        let mut asked = BTreeMap::new();
        for group in groups(questions.into_iter().filter(|id| !id.contains('\0'))) {
            let mut query = QueryBuilder::<Db>::new("-- question definitions by id\nselect ");
            query.push(QUESTION).push(" from question_definition where environment_id = ");
            query.push_bind(environment.to_string()).push(" and id in (");
            let mut ids = query.separated(", ");
            for id in group {
                ids.push_bind(id);
            }
            query.push(")");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                asked.insert(text(&row, "id")?, row::question(&row)?);
            }
        }
        Ok(Definitions::new(types, known, asked, origin, self.now))
    }

    pub(super) async fn save_definitions(
        &mut self,
        environment: EnvironmentId,
        definitions: &Definitions,
    ) -> Result<(), Failure> {
        if !definitions.new_attributes.is_empty() {
            self.rules_change(environment).await?;
        }
        for group in definitions.new_attributes.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new(
                "-- add attribute definitions\ninsert into attribute_definition (environment_id, scope, name, display_name, \
                 description, data_type, origin, created_at) ",
            );
            query.push_values(group, |mut row, new| {
                row.push_bind(environment.to_string()).push_bind(new.scope.as_str()).push_bind(new.name.clone());
                row.push_bind(new.display_name.clone()).push_bind(new.description.clone());
                row.push_bind(new.data_type.as_str()).push_bind(new.origin.as_str());
                row.push_bind(new.created_at.as_millisecond());
            });
            query.build().execute(&mut *self.tx).await?;
        }
        for group in definitions.new_events.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new(
                "-- add event definitions\ninsert into event_definition (environment_id, name, display_name, description, \
                 created_at) ",
            );
            query.push_values(group, |mut row, new| {
                row.push_bind(environment.to_string()).push_bind(new.name.clone());
                row.push_bind(new.display_name.clone()).push_bind(new.description.clone());
                row.push_bind(new.created_at.as_millisecond());
            });
            query.build().execute(&mut *self.tx).await?;
        }
        let questions: Vec<_> = definitions.new_questions.values().collect();
        for group in questions.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Db>::new("-- save question definitions\ninsert into question_definition (");
            query.push(QUESTION).push(", environment_id) ");
            query.push_values(group, |mut row, new| {
                row.push_bind(new.id.clone()).push_bind(new.name.clone()).push_bind(new.data_type.as_str());
                row.push_bind(new.created_at.as_millisecond()).push_bind(environment.to_string());
            });
            query.push(" on conflict (environment_id, id) do update set name = excluded.name");
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    /// Those of these profiles that exist.
    pub(super) async fn profiles(
        &mut self,
        environment: EnvironmentId,
        keys: impl IntoIterator<Item = ProfileKey>,
    ) -> Result<BTreeMap<ProfileKey, Profile>, Failure> {
        let mut profiles = BTreeMap::new();
        for group in groups(keys) {
            let mut query = QueryBuilder::<Db>::new("-- profiles by id\nselect ");
            query.push(PROFILE).push(" from profile p where p.environment_id = ").push_bind(environment.to_string());
            query.push(" and (p.kind, p.id) in (");
            query.push_values(group, |mut row, (kind, id)| {
                row.push_bind(kind.as_str()).push_bind(id);
            });
            query.push(")");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                let profile = row::profile(&row)?;
                profiles.insert((profile.kind, profile.id.clone()), profile);
            }
        }
        Ok(profiles)
    }

    pub(super) async fn save_profiles(
        &mut self,
        environment: EnvironmentId,
        profiles: &[&Profile],
    ) -> Result<(), Failure> {
        let mut rows = Vec::with_capacity(profiles.len());
        for profile in profiles {
            let summary = serde_json::to_string(&profile.summary)?;
            rows.push((profile, serde_json::to_string(&profile.attributes)?, summary));
        }
        for group in rows.chunks(ROWS_MAX) {
            self.rows += group.len();
            let mut query = QueryBuilder::<Db>::new(
                "-- save profiles\ninsert into profile (environment_id, kind, id, attributes, email, search, created_at, \
                 last_seen_at, summary, revision) ",
            );
            query.push_values(group, |mut row, (profile, attributes, summary)| {
                row.push_bind(environment.to_string()).push_bind(profile.kind.as_str()).push_bind(profile.id.clone());
                row.push_bind(attributes.clone()).push_bind(email(profile)).push_bind(search_text(profile));
                row.push_bind(profile.created_at.as_millisecond());
                row.push_bind(profile.last_seen_at.map(|at| at.as_millisecond())).push_bind(summary.clone());
                row.push_bind(profile.revision);
            });
            query.push(
                " on conflict (environment_id, kind, id) do update set attributes = excluded.attributes, \
                 email = excluded.email, search = excluded.search, created_at = excluded.created_at, \
                 last_seen_at = excluded.last_seen_at, summary = excluded.summary, revision = excluded.revision",
            );
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    pub(super) async fn delete_profiles(
        &mut self,
        environment: EnvironmentId,
        keys: impl IntoIterator<Item = ProfileKey>,
    ) -> Result<(), Failure> {
        for group in groups(keys) {
            let mut query = QueryBuilder::<Db>::new("-- delete profiles\ndelete from profile where environment_id = ");
            query.push_bind(environment.to_string()).push(" and (kind, id) in (");
            query.push_values(group, |mut row, (kind, id)| {
                row.push_bind(kind.as_str()).push_bind(id);
            });
            query.push(")");
            query.build().execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    /// The environment's connection, as far as changes concern it: connecting again marks everything anyway.
    async fn connected(&mut self, environment: EnvironmentId) -> Result<Option<ConnectionId>, Failure> {
        let connection: Option<String> = sqlx::query_scalar(
            "-- connection of environment
            select id from connection where environment_id = $1 and status not in ('disconnecting', 'disconnected')",
        )
        .bind(environment.to_string())
        .fetch_optional(&mut *self.tx)
        .await?;
        Ok(connection.map(|id| id.parse()).transpose()?)
    }

    /// Profiles have changed: which mappings are concerned, what keys they have now, what is due. The one place where this is
    /// decided, for the environment's writes and for work items alike.
    pub(super) async fn profiles_changed(
        &mut self,
        environment: EnvironmentId,
        changes: &[(ProfileChange, Author)],
    ) -> Result<(), Failure> {
        if changes.is_empty() {
            return Ok(());
        }
        self.raised.view = true;
        let Some(connection) = self.connected(environment).await? else { return Ok(()) };
        let rules = self.rules(environment, connection).await?;
        let mut marks = Marks::default();
        let mut keys: BTreeMap<(MappingId, String), Option<MatchKey>> = BTreeMap::new();
        let mut seen: BTreeMap<ProfileKind, BTreeSet<String>> = BTreeMap::new();
        for (change, author) in changes {
            let Some(profile) = change.after.as_ref().or(change.before.as_ref()) else { continue };
            let changed = change.changed();
            if change.seen() {
                seen.entry(profile.kind).or_default().insert(profile.id.clone());
            }
            for mapping in rules.mappings.iter().filter(|mapping| mapping.definition.userflow == profile.kind) {
                if let Some(consequence) = change.consequence(mapping.id, &mapping.definition, *author, &changed) {
                    marks.add(mapping.id, &profile.id, consequence.lane);
                    if let Some(key) = consequence.key {
                        keys.insert((mapping.id, profile.id.clone()), key);
                    }
                }
            }
        }
        for (kind, profiles) in seen {
            for (mapping, profile) in self.sharing_a_record(connection, kind, profiles).await? {
                marks.add(mapping, &profile, Lane::Local);
            }
        }
        let keys: Vec<_> = keys.into_iter().map(|((mapping, profile), key)| (mapping, profile, key)).collect();
        self.save_keys(connection, &keys).await?;
        self.mark_due(connection, &marks).await
    }

    /// The items of these profiles whose record is linked to other profiles too: which of them speaks may be another now.
    async fn sharing_a_record(
        &mut self,
        connection: ConnectionId,
        kind: ProfileKind,
        profiles: BTreeSet<String>,
    ) -> Result<Vec<(MappingId, String)>, Failure> {
        let mut sharing = Vec::new();
        for group in groups(profiles) {
            let mut query = QueryBuilder::<Db>::new(
                "-- items that share a record\nselect l.mapping_id, l.profile_id from link l join object_mapping m \
                 on m.connection_id = l.connection_id and m.id = l.mapping_id where m.profile_kind = ",
            );
            query.push_bind(kind.as_str()).push(" and l.connection_id = ").push_bind(connection.to_string());
            query.push(" and l.profile_id in (");
            let mut ids = query.separated(", ");
            for id in group {
                ids.push_bind(id);
            }
            query.push(
                ") and l.record_id is not null and exists (select 1 from link o where o.connection_id = l.connection_id and o.record_id = l.record_id \
                 and o.object = l.object and o.mapping_id = l.mapping_id and o.profile_id <> l.profile_id)",
            );
            for row in query.build().fetch_all(&mut *self.tx).await? {
                sharing.push((id(&row, "mapping_id")?, text(&row, "profile_id")?));
            }
        }
        Ok(sharing)
    }
}
