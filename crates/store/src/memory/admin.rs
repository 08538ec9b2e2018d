//! What screens and commands ask.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use syncline_model::{
    attribute::{AttributeDefinition, Origin},
    connection::{Connection, ConnectionStatus, OrgIdentity, StreamState, StreamStatus},
    custom_field::WantedField,
    examination::Examination,
    feed::Feed,
    id::{ConnectionId, EnvironmentId, InquiryId, IssueId, MappingId, MemberId},
    inquiry::{Answer, Question},
    issue::{Issue, IssueFilter, IssueGroup, ListedIssue, Retried},
    mapping::{MappingDefinition, ObjectMapping},
    profile::{Environment, ProfileKind},
    schema::ListedObject,
    store::{AdminStore, Authorization, Counts, KeyKind, LinkView, Member, StoreError},
    work::{Lane, Standing},
};

use super::{Connected, MemoryStore, State, is_off};
use crate::{
    rules::{
        INQUIRY_LIFE_MS, IssueGroupKey, again_wanted, check_pausable, check_resumable, check_share, check_target,
        is_meant, org_taken, other_org, places, rivals,
    },
    signal::Raised,
};

const ALL: Raised = Raised { work: true, view: true };

/// What was begun before must not be finished; nobody runs the stream any more.
fn stop(connection: &mut Connection, now: Timestamp) {
    connection.detail = None;
    connection.epoch += 1;
    connection.stream.state = StreamState::Stopped;
    connection.stream.since = now;
    connection.stream.detail = None;
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[async_trait]
impl AdminStore for MemoryStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn environments(&self) -> Result<Vec<Environment>, StoreError> {
        Ok(self.lock().environments.clone())
    }

    async fn add_member(&self, email: &str, name: &str, password_hash: &str) -> Result<MemberId, StoreError> {
        self.change(|state, now, _| {
            let email = email.trim().to_lowercase();
            if state.members.values().any(|member| member.email == email) {
                return Err(StoreError::Conflict(format!("a member with the address {email} exists already")));
            }
            let id = MemberId::new(now);
            let (name, password_hash) = (name.to_owned(), password_hash.to_owned());
            state.members.insert(id, Member { id, email, name, password_hash });
            Ok(id)
        })
    }

    async fn member_by_email(&self, email: &str) -> Result<Option<Member>, StoreError> {
        let email = email.trim().to_lowercase();
        Ok(self.lock().members.values().find(|member| member.email == email).cloned())
    }

    async fn add_session(&self, token_hash: &[u8], member: MemberId, expires_at: Timestamp) -> Result<(), StoreError> {
        self.lock().sessions.insert(token_hash.to_owned(), (member, expires_at));
        Ok(())
    }

    async fn session_member(&self, token_hash: &[u8]) -> Result<Option<Member>, StoreError> {
        let state = self.lock();
        let session = state.sessions.get(token_hash).filter(|(_, expires_at)| *expires_at > self.clock.now());
        Ok(session.and_then(|(member, _)| state.members.get(member).cloned()))
    }

    async fn remove_session(&self, token_hash: &[u8]) -> Result<(), StoreError> {
        self.lock().sessions.remove(token_hash);
        Ok(())
    }

    async fn add_key(&self, environment: EnvironmentId, kind: KeyKind, hash: &[u8]) -> Result<(), StoreError> {
        self.lock().keys.insert((hash.to_owned(), kind.as_str()), environment);
        Ok(())
    }

    async fn key_environment(&self, kind: KeyKind, hash: &[u8]) -> Result<Option<EnvironmentId>, StoreError> {
        Ok(self.lock().keys.get(&(hash.to_owned(), kind.as_str())).copied())
    }

    async fn add_authorization(
        &self,
        state_hash: &[u8],
        authorization: &Authorization,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.lock().authorizations.insert(state_hash.to_owned(), (authorization.clone(), expires_at));
        Ok(())
    }

    async fn take_authorization(&self, state_hash: &[u8]) -> Result<Option<Authorization>, StoreError> {
        let now = self.clock.now();
        let taken = self.lock().authorizations.remove(state_hash);
        Ok(taken.filter(|(_, expires_at)| *expires_at > now).map(|(authorization, _)| authorization))
    }

    async fn connection(&self, environment: EnvironmentId) -> Result<Option<Connection>, StoreError> {
        let state = self.lock();
        let mut all = state.connections.values().map(|connected| &connected.connection);
        Ok(all.find(|connection| connection.environment_id == environment).cloned())
    }

    async fn connect(
        &self,
        environment: EnvironmentId,
        org: &OrgIdentity,
        credentials: &SecretString,
    ) -> Result<ConnectionId, StoreError> {
        self.change(|state, now, raised| {
            if !state.environments.iter().any(|known| known.id == environment) {
                return Err(StoreError::NotFound("the environment"));
            }
            let all = || state.connections.values().map(|connected| &connected.connection);
            let live = |known: &Connection| known.status != ConnectionStatus::Disconnected;
            let mut elsewhere = all().filter(|known| known.environment_id != environment && live(known));
            if elsewhere.any(|known| known.org.org_id == org.org_id) {
                return Err(org_taken(org));
            }
            let known = all().find(|known| known.environment_id == environment);
            if let Some(known) = known.filter(|known| known.org.org_id != org.org_id) {
                return Err(other_org(&known.org, org));
            }
            let id = known.map_or_else(|| ConnectionId::new(now), |known| known.id);
            let connected =
                state.connections.entry(id).or_insert_with(|| Connected::new(id, environment, org.clone(), now));
            connected.token += 1;
            connected.node = None;
            connected.lease_ends = Timestamp::UNIX_EPOCH;
            let connection = &mut connected.connection;
            connection.status = ConnectionStatus::Connected;
            connection.org = org.clone();
            connection.connected_at = now;
            stop(connection, now);
            connected.credentials = Some((credentials.clone(), connection.epoch));
            let mappings: Vec<MappingId> = connected.mappings.iter().map(|mapping| mapping.id).collect();
            for mapping in mappings {
                state.cover(id, mapping, now, raised);
            }
            *raised = ALL;
            Ok(id)
        })
    }

    async fn disconnect(&self, connection: ConnectionId) -> Result<ConnectionStatus, StoreError> {
        self.change(|state, now, raised| {
            let connected = state.connected(connection)?;
            let held = connected.is_held(now);
            let status = &mut connected.connection.status;
            if *status != ConnectionStatus::Disconnected {
                *status = if held { ConnectionStatus::Disconnecting } else { ConnectionStatus::Disconnected };
            }
            let status = *status;
            stop(&mut connected.connection, now);
            connected.positions.clear();
            connected.feeds.clear();
            connected.records.clear();
            connected.associations.clear();
            connected.links.clear();
            connected.due.clear();
            connected.issues.clear();
            connected.inquiries.clear();
            *raised = ALL;
            Ok(status)
        })
    }

    async fn pause(&self, connection: ConnectionId) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let connection = &mut state.connected(connection)?.connection;
            check_pausable(connection.status)?;
            connection.status = ConnectionStatus::Paused;
            stop(connection, now);
            *raised = ALL;
            Ok(())
        })
    }

    async fn resume(&self, connection: ConnectionId) -> Result<(), StoreError> {
        self.change(|state, _, raised| {
            let connection = &mut state.connected(connection)?.connection;
            check_resumable(connection.status)?;
            connection.status = ConnectionStatus::Connected;
            connection.detail = None;
            *raised = ALL;
            Ok(())
        })
    }

    async fn is_owned(&self, connection: ConnectionId) -> Result<bool, StoreError> {
        let now = self.clock.now();
        Ok(self.lock().connections.get(&connection).is_some_and(|connected| connected.is_held(now)))
    }

    async fn set_api_share(&self, connection: ConnectionId, percent: u8) -> Result<(), StoreError> {
        check_share(percent)?;
        self.change(|state, _, raised| {
            state.connected(connection)?.connection.api_share = percent;
            *raised = ALL;
            Ok(())
        })
    }

    async fn feeds(&self, connection: ConnectionId) -> Result<Vec<Feed>, StoreError> {
        Ok(self.lock().connections.get(&connection).map(|connected| connected.feeds.clone()).unwrap_or_default())
    }

    async fn examination(&self, connection: ConnectionId) -> Result<Option<Examination>, StoreError> {
        Ok(self.lock().connected(connection)?.examination.clone())
    }

    async fn request_examination(&self, connection: ConnectionId) -> Result<(), StoreError> {
        self.change(|state, _, raised| {
            state.connected(connection)?.examination_requests += 1;
            *raised = ALL;
            Ok(())
        })
    }

    async fn object_list(&self, connection: ConnectionId) -> Result<Vec<ListedObject>, StoreError> {
        Ok(self.lock().connections.get(&connection).map(|connected| connected.listed.clone()).unwrap_or_default())
    }

    async fn connection_status(&self, connection: ConnectionId) -> Result<ConnectionStatus, StoreError> {
        self.change(|state, now, raised| {
            let connected = state.connected(connection)?;
            if connected.connection.status == ConnectionStatus::Disconnecting && !connected.is_held(now) {
                connected.end_disconnecting(raised);
            }
            Ok(connected.connection.status)
        })
    }

    async fn inquire(&self, connection: ConnectionId, question: &Question) -> Result<InquiryId, StoreError> {
        self.change(|state, now, raised| {
            let connected = state.connected(connection)?;
            let is_old = |at: Timestamp| at.as_millisecond() < now.as_millisecond() - INQUIRY_LIFE_MS;
            connected.inquiries.retain(|_, (.., asked_at)| !is_old(*asked_at));
            let id = InquiryId::new(now);
            connected.inquiries.insert(id, (question.clone(), None, now));
            raised.work = true;
            Ok(id)
        })
    }

    async fn take_answer(&self, connection: ConnectionId, inquiry: InquiryId) -> Result<Option<Answer>, StoreError> {
        self.change(|state, _, _| {
            let inquiries = &mut state.connected(connection)?.inquiries;
            let answered = inquiries.get(&inquiry).is_some_and(|(_, answer, _)| answer.is_some());
            Ok(if answered { inquiries.remove(&inquiry).and_then(|(_, answer, _)| answer) } else { None })
        })
    }

    async fn forget_inquiry(&self, connection: ConnectionId, inquiry: InquiryId) -> Result<(), StoreError> {
        self.change(|state, _, _| {
            state.connected(connection)?.inquiries.remove(&inquiry);
            Ok(())
        })
    }

    async fn credentials(&self, connection: ConnectionId) -> Result<Option<(SecretString, i64)>, StoreError> {
        let state = self.lock();
        Ok(state.connections.get(&connection).and_then(|connected| connected.credentials.clone()))
    }

    async fn save_credentials(
        &self,
        connection: ConnectionId,
        epoch: i64,
        credentials: &SecretString,
        instance_url: Option<&str>,
    ) -> Result<(), StoreError> {
        self.change(|state, _, raised| {
            let connected = state.connected(connection)?;
            let kept = connected.credentials.as_mut().filter(|(_, of)| *of == epoch);
            kept.ok_or(StoreError::LeaseLost)?.0 = credentials.clone();
            let known = &mut connected.connection.org.instance_url;
            if let Some(moved) = instance_url.filter(|url| url != known) {
                moved.clone_into(known);
                raised.view = true;
            }
            Ok(())
        })
    }

    async fn forget_credentials(&self, connection: ConnectionId, epoch: i64) -> Result<(), StoreError> {
        if let Some(connected) = self.lock().connections.get_mut(&connection) {
            connected.credentials.take_if(|(_, of)| *of == epoch);
        }
        Ok(())
    }

    async fn save_mapping(
        &self,
        connection: ConnectionId,
        mapping: Option<MappingId>,
        definition: &MappingDefinition,
        targets: &[AttributeDefinition],
        fields: &[WantedField],
    ) -> Result<ObjectMapping, StoreError> {
        self.change(|state, now, raised| {
            let environment = state.connected(connection)?.connection.environment_id;
            let mut new: Vec<AttributeDefinition> = Vec::new();
            for target in targets {
                let key = (environment, target.scope, target.name.clone());
                let added = new.iter().find(|new| (new.scope, &new.name) == (target.scope, &target.name));
                match state.attributes.get(&key).or(added) {
                    Some(known) => check_target(target, known.data_type)?,
                    None => {
                        new.push(AttributeDefinition { origin: Origin::Salesforce, created_at: now, ..target.clone() });
                    }
                }
            }
            let generation = state.next_generation();
            let connected = state.connected(connection)?;
            let mut was_linked = Vec::new();
            let before = connected.mappings.iter().find(|known| Some(known.id) == mapping);
            let concerned = before.map(|before| rivals(&connected.mappings, before)).unwrap_or_default();
            let saved = match mapping {
                Some(id) => {
                    let known = connected.mappings.iter_mut().find(|known| known.id == id);
                    let known = known.ok_or(StoreError::NotFound("the mapping"))?;
                    let before = std::mem::replace(&mut known.definition, definition.clone());
                    known.version += 1;
                    known.edited_at = Some(now);
                    let saved = known.clone();
                    if before.userflow != definition.userflow {
                        connected.forget_items(id);
                    } else if before.match_rule != definition.match_rule || before.salesforce != definition.salesforce {
                        was_linked = connected.end_links_of(id);
                    }
                    saved
                }
                None => {
                    let position = connected.mappings.iter().map(|known| known.position + 1).max().unwrap_or(0);
                    let id = MappingId::new(now);
                    let (edited_at, definition) = (Some(now), definition.clone());
                    let saved = ObjectMapping { id, version: 1, edited_at, position, paused: false, definition };
                    connected.mappings.push(saved.clone());
                    saved
                }
            };
            let wanted: Vec<_> = fields.iter().map(|field| again_wanted(&connected.wanted, field)).collect();
            for field in wanted {
                connected.wanted.retain(|known| (&known.object, &known.name) != (&field.object, &field.name));
                connected.wanted.push(field);
            }
            connected.wanted.sort_by(|a, b| (&a.object, &a.name).cmp(&(&b.object, &b.name)));
            connected.drop_unwanted();
            if !is_off(connected.connection.status) {
                state.cover(connection, saved.id, now, raised);
                let marks = was_linked.into_iter().map(|item| (item, Lane::Remote));
                let connected = state.connected(connection)?;
                connected.mark(marks, generation, now, raised);
                connected.mark_linked(concerned, Lane::Local, generation, now, raised);
            }
            for new in new {
                state.attributes.insert((environment, new.scope, new.name.clone()), new);
            }
            *raised = ALL;
            Ok(saved)
        })
    }

    async fn order_mappings(&self, connection: ConnectionId, order: &[MappingId]) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            let connected = state.connected(connection)?;
            let places = places(&connected.mappings, order)?;
            for mapping in &mut connected.mappings {
                mapping.position = places[&mapping.id];
            }
            connected.mappings.sort_by_key(|mapping| (mapping.position, mapping.id));
            let known = connected.mappings.clone();
            let concerned = known.iter().filter(|mapping| !rivals(&known, mapping).is_empty());
            connected.mark_linked(concerned.map(|mapping| mapping.id).collect(), Lane::Local, generation, now, raised);
            *raised = ALL;
            Ok(())
        })
    }

    async fn pause_mapping(
        &self,
        connection: ConnectionId,
        mapping: MappingId,
        paused: bool,
    ) -> Result<(), StoreError> {
        self.change(|state, _, raised| {
            let mut mappings = state.connected(connection)?.mappings.iter_mut();
            let found = mappings.find(|known| known.id == mapping).ok_or(StoreError::NotFound("the mapping"))?;
            found.paused = paused;
            *raised = ALL;
            Ok(())
        })
    }

    async fn delete_mapping(&self, connection: ConnectionId, mapping: MappingId) -> Result<(), StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            let connected = state.connected(connection)?;
            let place = connected.mappings.iter().position(|known| known.id == mapping);
            let removed = connected.mappings.remove(place.ok_or(StoreError::NotFound("the mapping"))?);
            let concerned = rivals(&connected.mappings, &removed);
            connected.mark_linked(concerned, Lane::Local, generation, now, raised);
            connected.forget_items(mapping);
            connected.drop_unwanted();
            *raised = ALL;
            Ok(())
        })
    }

    async fn counts(&self, connection: ConnectionId, mapping: Option<MappingId>) -> Result<Counts, StoreError> {
        let state = self.lock();
        let Some(connected) = state.connections.get(&connection) else { return Ok(Counts::default()) };
        let of = |id: MappingId| mapping.is_none_or(|mapping| mapping == id);
        let links = connected.links.iter().filter(|(item, link)| of(item.0) && link.record.is_some());
        Ok(Counts {
            waiting: count(connected.due.keys().filter(|item| of(item.0)).count()),
            links: count(links.count()),
            issues: count(connected.issues.iter().filter(|issue| of(issue.mapping_id)).count()),
        })
    }

    async fn links(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profiles: &[String],
    ) -> Result<Vec<LinkView>, StoreError> {
        let state = self.lock();
        let Some(connected) = state.connections.get(&connection) else { return Ok(Vec::new()) };
        let mut links = Vec::new();
        for mapping in connected.mappings.iter().filter(|mapping| mapping.definition.userflow == kind) {
            for ((_, profile), link) in connected.links.iter().filter(|((of, _), _)| *of == mapping.id) {
                if let (Some((object, record)), Some(linked_at)) = (&link.record, link.linked_at)
                    && profiles.contains(profile)
                {
                    links.push(LinkView {
                        mapping_id: mapping.id,
                        profile_kind: kind,
                        profile_id: profile.clone(),
                        object: object.clone(),
                        record_id: record.clone(),
                        linked_at,
                    });
                }
            }
        }
        // Stable, so that those of one profile stay in the order of mappings.
        links.sort_by(|a, b| a.profile_id.cmp(&b.profile_id));
        Ok(links)
    }

    async fn linked_profiles(
        &self,
        connection: ConnectionId,
        mapping: MappingId,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let state = self.lock();
        let Some(connected) = state.connections.get(&connection) else { return Ok(Vec::new()) };
        let linked = connected.links.iter().filter(|(item, link)| item.0 == mapping && link.record.is_some());
        let mut linked: Vec<_> =
            linked.map(|(item, link)| (std::cmp::Reverse(link.linked_at), item.1.clone())).collect();
        linked.sort();
        Ok(linked.into_iter().take(limit as usize).map(|(_, profile)| profile).collect())
    }

    async fn standing(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profile: &str,
    ) -> Result<Vec<Standing>, StoreError> {
        let state = self.lock();
        let Some(connected) = state.connections.get(&connection) else { return Ok(Vec::new()) };
        let mappings = connected.mappings.iter().filter(|mapping| mapping.definition.userflow == kind);
        Ok(mappings.filter_map(|mapping| state.standing(connected, kind, &(mapping.id, profile.to_owned()))).collect())
    }

    async fn sync_profile(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profile: &str,
    ) -> Result<u64, StoreError> {
        self.change(|state, now, raised| {
            let generation = state.next_generation();
            let connected = state.connected(connection)?;
            let covers = |id| connected.kind_of(id) == Some(kind);
            let items = connected.links.keys().filter(|item| item.1 == profile && covers(item.0));
            let items: Vec<_> = items.cloned().collect();
            let mut doubted = BTreeSet::new();
            for item in &items {
                if let Some(link) = connected.links.get_mut(item) {
                    link.searched = false;
                }
                doubted.extend(connected.associations.get(item).into_iter().flatten().cloned());
            }
            for key in doubted {
                if let Some(record) = connected.records.get_mut(&key) {
                    record.stale = true;
                    record.revision += 1;
                }
            }
            connected.mark(items.iter().map(|item| (item.clone(), Lane::Remote)), generation, now, raised);
            Ok(count(items.len()))
        })
    }

    async fn profiles_of_record(
        &self,
        connection: ConnectionId,
        record: &str,
    ) -> Result<Vec<(ProfileKind, String)>, StoreError> {
        let state = self.lock();
        let Some(connected) = state.connections.get(&connection) else { return Ok(Vec::new()) };
        let linked =
            connected.links.iter().filter(|(_, link)| link.record.as_ref().is_some_and(|(_, id)| id == record));
        let profiles =
            linked.filter_map(|((mapping, profile), _)| Some((connected.kind_of(*mapping)?, profile.clone())));
        let mut profiles: Vec<_> = profiles.collect();
        profiles.sort_by(|a, b| (a.0.as_str(), &a.1).cmp(&(b.0.as_str(), &b.1)));
        profiles.dedup();
        Ok(profiles)
    }

    async fn issues(
        &self,
        connection: ConnectionId,
        filter: &IssueFilter,
        after: Option<IssueId>,
        limit: u32,
    ) -> Result<Vec<ListedIssue>, StoreError> {
        let state = self.lock();
        let mut issues: Vec<ListedIssue> = state.issues_meant(connection, filter).collect();
        issues.retain(|listed| after.is_none_or(|after| listed.issue.id < after));
        issues.sort_by_key(|listed| std::cmp::Reverse(listed.issue.id));
        issues.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(issues)
    }

    async fn issue_groups(
        &self,
        connection: ConnectionId,
        filter: &IssueFilter,
    ) -> Result<Vec<IssueGroup>, StoreError> {
        let state = self.lock();
        let mut groups: BTreeMap<IssueGroupKey, IssueGroup> = BTreeMap::new();
        for ListedIssue { issue, waiting, .. } in state.issues_meant(connection, filter) {
            let mappings = &state.connections[&connection].mappings;
            let mapping = mappings.iter().find(|mapping| mapping.id == issue.mapping_id);
            let Some(position) = mapping.map(|mapping| mapping.position) else { continue };
            let group = groups.entry(IssueGroupKey::of(position.into(), &issue)).or_insert_with(|| IssueGroup {
                sample: issue.clone(),
                issues: 0,
                waiting: 0,
                first_at: issue.first_at,
                last_at: issue.last_at,
            });
            group.issues += 1;
            group.waiting += u64::from(waiting);
            group.first_at = group.first_at.min(issue.first_at);
            group.last_at = group.last_at.max(issue.last_at);
            if issue.id > group.sample.id {
                group.sample = issue;
            }
        }
        Ok(groups.into_values().collect())
    }

    async fn retry_issues(&self, connection: ConnectionId, filter: &IssueFilter) -> Result<Retried, StoreError> {
        self.change(|state, now, raised| {
            state.connected(connection)?;
            let meant: Vec<Issue> = state.issues_meant(connection, filter).map(|listed| listed.issue).collect();
            let generation = state.next_generation();
            let connected = state.connected(connection)?;
            let mut items = BTreeSet::new();
            for issue in &meant {
                let item = (issue.mapping_id, issue.profile_id.clone());
                let link = connected.links.get_mut(&item).filter(|link| link.key.is_some());
                if let Some(link) = link.filter(|_| issue.issue.kind.is_by_look_up()) {
                    link.searched = false;
                }
                items.insert(item);
            }
            let retried = Retried { issues: count(meant.len()), items: count(items.len()) };
            connected.mark(items.into_iter().map(|item| (item, Lane::Remote)), generation, now, raised);
            if meant.iter().any(|issue| issue.issue.kind.is_by_description()) {
                connected.examination_requests += 1;
                *raised = ALL;
            }
            Ok(retried)
        })
    }
}

impl State {
    /// The issues that a filter means, in no order.
    fn issues_meant(&self, connection: ConnectionId, filter: &IssueFilter) -> impl Iterator<Item = ListedIssue> {
        let connected = self.connections.get(&connection);
        let issues =
            connected.into_iter().flat_map(|connected| connected.issues.iter().map(move |issue| (connected, issue)));
        issues.filter_map(|(connected, issue)| {
            let key = (connected.connection.environment_id, issue.profile_kind, issue.profile_id.clone());
            let profile = self.profiles.get(&key);
            is_meant(filter, issue, profile).then(|| ListedIssue {
                issue: issue.clone(),
                waiting: connected.due.contains_key(&(issue.mapping_id, issue.profile_id.clone())),
                attributes: profile.map(|profile| profile.attributes.clone()).unwrap_or_default(),
            })
        })
    }
}

impl Connected {
    fn new(id: ConnectionId, environment: EnvironmentId, org: OrgIdentity, now: Timestamp) -> Self {
        let stream = StreamStatus {
            state: StreamState::Stopped,
            since: now,
            detail: None,
            last_event_at: None,
            last_delay_ms: None,
        };
        Self {
            connection: Connection {
                id,
                environment_id: environment,
                status: ConnectionStatus::Connected,
                detail: None,
                epoch: 0,
                org,
                connected_at: now,
                stream,
                api_usage: None,
                deliveries: None,
                api_share: syncline_model::budget::DEFAULT_API_SHARE,
            },
            credentials: None,
            node: None,
            token: 0,
            lease_ends: Timestamp::UNIX_EPOCH,
            mappings: Vec::new(),
            schemas: Default::default(),
            listed: Vec::new(),
            positions: Default::default(),
            links: Default::default(),
            records: Default::default(),
            associations: Default::default(),
            due: Default::default(),
            issues: Vec::new(),
            feeds: Vec::new(),
            calls: Default::default(),
            wanted: Vec::new(),
            inquiries: BTreeMap::new(),
            examination_requests: 0,
            examination: None,
        }
    }

    fn is_held(&self, now: Timestamp) -> bool {
        self.node.is_some() && self.lease_ends > now
    }

    /// Ends the links of a mapping; gives the items that were linked.
    fn end_links_of(&mut self, mapping: MappingId) -> Vec<super::Item> {
        let mut ended = Vec::new();
        for (item, link) in self.links.iter_mut().filter(|(item, _)| item.0 == mapping) {
            if link.record.take().is_some() {
                link.linked_at = None;
                ended.push(item.clone());
            }
        }
        self.drop_unlinked();
        ended
    }
}
