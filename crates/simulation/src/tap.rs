//! The store that the engine gets: the real one, with a note taken of everything that matters to the checkers.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use syncline_model::{
    Values,
    attribute::{AttributeDefinition, EventDefinition, Scope},
    budget::{CallReport, HourOfCalls},
    change::{Position, RecordedChanges},
    clock::Clock,
    connection::{Connection, ConnectionStatus, Lease, OrgIdentity, StreamState},
    custom_field::WantedField,
    examination::Examination,
    feed::Feed,
    id::{ConnectionId, EnvironmentId, InquiryId, IssueId, MappingId, MemberId},
    inquiry::{Answer, Inquiry, Question},
    issue::{IssueFilter, IssueGroup, ListedIssue, Retried},
    mapping::{MappingDefinition, ObjectMapping},
    profile::{Environment, EnvironmentWrite, Membership, Page, Profile, ProfileFilter, ProfileKind},
    record::{Record, RecordKey},
    rules::StoredRules,
    schema::{ListedObject, ObjectSchema},
    store::{
        AdminStore, Authorization, Counts, EnvironmentStore, KeyKind, LinkView, Member, Signal, Signals, Store,
        StoreError, SyncStore,
    },
    summary::QuestionDefinition,
    work::{Finish, Found, Lane, Linked, Outcome, Standing, Work, WorkKey},
};

/// Something that became durable.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// The engine set attributes.
    Set { profile: String, attributes: Values, at_ms: i64 },
    /// News of a stream was taken in, and its position moved.
    News {
        stream: String,
        position: Option<Vec<u8>>,
        /// Records that a read found otherwise than they were held, and where the event stream stood then.
        missed: Vec<(String, String)>,
        at_ms: i64,
    },
    /// A position was given up: so many items were due then, of so many pairs.
    Lost { due: u64, pairs: u64 },
}

/// The store, tapped.
pub(crate) struct Tap {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    notes: Mutex<Vec<Note>>,
    /// Held while items end.
    ending: tokio::sync::Mutex<()>,
}

impl Tap {
    pub(crate) fn on(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Tap {
        Tap { store, clock, notes: Mutex::default(), ending: tokio::sync::Mutex::default() }
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

#[async_trait]
impl Signals for Tap {
    async fn wait(&self, signal: Signal, seen: u64) -> u64 {
        self.store.wait(signal, seen).await
    }
}

/// Implements a trait by the store behind the tap, but for the methods written out.
macro_rules! passed_on {
    ($trait:ident; $(fn $name:ident($($argument:ident: $type:ty),*) -> $given:ty;)* $(own { $($own:item)* })?) => {
        #[async_trait]
        impl $trait for Tap {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$given, StoreError> {
                self.store.$name($($argument),*).await
            })*
            $($($own)*)?
        }
    };
}

passed_on! { SyncStore;
    fn connections() -> Vec<Connection>;
    fn acquire_lease(connection: ConnectionId, node: &str, ttl_ms: i64) -> Option<Lease>;
    fn renew_lease(lease: &Lease, ttl_ms: i64, report: &CallReport) -> ();
    fn keep_lease(lease: &Lease, ttl_ms: i64, report: &CallReport) -> ();
    fn release_lease(lease: &Lease) -> ();
    fn mappings(connection: ConnectionId) -> Vec<ObjectMapping>;
    fn rules(connection: ConnectionId) -> Arc<StoredRules>;
    fn object_schemas(connection: ConnectionId) -> Vec<ObjectSchema>;
    fn save_object_schema(lease: &Lease, schema: &ObjectSchema, otherwise: &[MappingId]) -> ();
    fn forget_object_schemas(lease: &Lease, objects: &[String], otherwise: &[MappingId]) -> ();
    fn save_object_list(lease: &Lease, objects: &[ListedObject]) -> ();
    fn position(connection: ConnectionId, stream: &str) -> Option<Position>;
    fn save_feeds(lease: &Lease, feeds: &[Feed]) -> ();
    fn api_calls(connection: ConnectionId) -> Vec<HourOfCalls>;
    fn wanted_fields(connection: ConnectionId) -> Vec<WantedField>;
    fn save_wanted_field(lease: &Lease, field: &WantedField) -> ();
    fn examination_requests(connection: ConnectionId) -> i64;
    fn save_examination(lease: &Lease, examination: &Examination, answered: i64) -> ();
    fn inquiries(connection: ConnectionId) -> Vec<Inquiry>;
    fn answer_inquiry(lease: &Lease, inquiry: InquiryId, answer: &Answer) -> ();
    fn set_stream_state(lease: &Lease, state: StreamState, detail: Option<&str>) -> ();
    fn require_reconnect(lease: &Lease, detail: &str) -> ();
    fn due_work(lease: &Lease, lane: Lane, after: Option<Timestamp>, limit: u32) -> Vec<Work>;
    fn reload_work(lease: &Lease, keys: &[WorkKey]) -> Vec<Work>;
    fn linked(lease: &Lease, keys: &[WorkKey]) -> Vec<Linked>;
    fn count_due(connection: ConnectionId, lane: Lane, after: Option<Timestamp>, limit: u32) -> u32;
    fn record_found(lease: &Lease, found: Vec<Found>) -> ();
    fn record_reads(lease: &Lease, object: &str, asked: &[(String, i64)], read: Vec<Record>) -> ();
    fn associate(lease: &Lease, needed: Vec<(WorkKey, Vec<RecordKey>)>) -> ();
    fn mark_all_due(connection: ConnectionId, mapping: MappingId) -> u64;
    own {
        async fn record_changes(
            &self,
            lease: &Lease,
            changes: &RecordedChanges,
        ) -> Result<Vec<(String, String)>, StoreError> {
            let missed = self.store.record_changes(lease, changes).await?;
            self.note(Note::News {
                stream: changes.stream.clone(),
                position: changes.position.as_ref().map(|position| position.0.clone()),
                missed: missed.clone(),
                at_ms: self.now_ms(),
            });
            Ok(missed)
        }

        async fn lose_position(&self, lease: &Lease, stream: &str) -> Result<(), StoreError> {
            // Nobody ends an item until it is known how many are due.
            let _alone = self.ending.lock().await;
            self.store.lose_position(lease, stream).await?;
            let counts = self.store.counts(lease.connection_id, None).await?;
            self.note(Note::Lost { due: counts.waiting, pairs: counts.links });
            Ok(())
        }

        async fn finish(&self, lease: &Lease, finished: Vec<Finish>) -> Result<(), StoreError> {
            let set = finished.iter().filter_map(|finish| match &finish.outcome {
                Outcome::Settled(settlement) if !settlement.attributes.is_empty() => Some(Note::Set {
                    profile: finish.key.profile_id.clone(),
                    attributes: settlement.attributes.clone(),
                    at_ms: self.now_ms(),
                }),
                _ => None,
            });
            let set: Vec<Note> = set.collect();
            let _alone = self.ending.lock().await;
            self.store.finish(lease, finished).await?;
            set.into_iter().for_each(|note| self.note(note));
            Ok(())
        }
    }
}

passed_on! { EnvironmentStore;
    fn write(environment: EnvironmentId, write: &EnvironmentWrite) -> Vec<i64>;
    fn profile(environment: EnvironmentId, kind: ProfileKind, id: &str) -> Option<Profile>;
    fn profiles(environment: EnvironmentId, kind: ProfileKind, filter: &ProfileFilter) -> Page<Profile>;
    fn count_profiles(environment: EnvironmentId, kind: ProfileKind, filter: &ProfileFilter) -> u64;
    fn memberships(environment: EnvironmentId, kind: ProfileKind, id: &str) -> Vec<Membership>;
    fn attribute_definitions(environment: EnvironmentId, scope: Option<Scope>) -> Vec<AttributeDefinition>;
    fn event_definitions(environment: EnvironmentId) -> Vec<EventDefinition>;
    fn question_definitions(environment: EnvironmentId) -> Vec<QuestionDefinition>;
}

passed_on! { AdminStore;
    fn ping() -> ();
    fn environments() -> Vec<Environment>;
    fn add_member(email: &str, name: &str, password_hash: &str) -> MemberId;
    fn member_by_email(email: &str) -> Option<Member>;
    fn add_session(token_hash: &[u8], member: MemberId, expires_at: Timestamp) -> ();
    fn session_member(token_hash: &[u8]) -> Option<Member>;
    fn remove_session(token_hash: &[u8]) -> ();
    fn add_key(environment: EnvironmentId, kind: KeyKind, hash: &[u8]) -> ();
    fn key_environment(kind: KeyKind, hash: &[u8]) -> Option<EnvironmentId>;
    fn add_authorization(state_hash: &[u8], authorization: &Authorization, expires_at: Timestamp) -> ();
    fn take_authorization(state_hash: &[u8]) -> Option<Authorization>;
    fn connection(environment: EnvironmentId) -> Option<Connection>;
    fn connect(environment: EnvironmentId, org: &OrgIdentity, credentials: &SecretString) -> ConnectionId;
    fn disconnect(connection: ConnectionId) -> ConnectionStatus;
    fn connection_status(connection: ConnectionId) -> ConnectionStatus;
    fn pause(connection: ConnectionId) -> ();
    fn resume(connection: ConnectionId) -> ();
    fn is_owned(connection: ConnectionId) -> bool;
    fn set_api_share(connection: ConnectionId, percent: u8) -> ();
    fn feeds(connection: ConnectionId) -> Vec<Feed>;
    fn examination(connection: ConnectionId) -> Option<Examination>;
    fn request_examination(connection: ConnectionId) -> ();
    fn inquire(connection: ConnectionId, question: &Question) -> InquiryId;
    fn take_answer(connection: ConnectionId, inquiry: InquiryId) -> Option<Answer>;
    fn forget_inquiry(connection: ConnectionId, inquiry: InquiryId) -> ();
    fn object_list(connection: ConnectionId) -> Vec<ListedObject>;
    fn credentials(connection: ConnectionId) -> Option<(SecretString, i64)>;
    fn save_credentials(connection: ConnectionId, epoch: i64, credentials: &SecretString, instance_url: Option<&str>) -> ();
    fn forget_credentials(connection: ConnectionId, epoch: i64) -> ();
    fn save_mapping(
        connection: ConnectionId,
        mapping: Option<MappingId>,
        definition: &MappingDefinition,
        targets: &[AttributeDefinition],
        fields: &[WantedField]
    ) -> ObjectMapping;
    fn order_mappings(connection: ConnectionId, order: &[MappingId]) -> ();
    fn pause_mapping(connection: ConnectionId, mapping: MappingId, paused: bool) -> ();
    fn delete_mapping(connection: ConnectionId, mapping: MappingId) -> ();
    fn counts(connection: ConnectionId, mapping: Option<MappingId>) -> Counts;
    fn links(connection: ConnectionId, kind: ProfileKind, profiles: &[String]) -> Vec<LinkView>;
    fn linked_profiles(connection: ConnectionId, mapping: MappingId, limit: u32) -> Vec<String>;
    fn standing(connection: ConnectionId, kind: ProfileKind, profile: &str) -> Vec<Standing>;
    fn sync_profile(connection: ConnectionId, kind: ProfileKind, profile: &str) -> u64;
    fn profiles_of_record(connection: ConnectionId, record: &str) -> Vec<(ProfileKind, String)>;
    fn issues(connection: ConnectionId, filter: &IssueFilter, after: Option<IssueId>, limit: u32) -> Vec<ListedIssue>;
    fn issue_groups(connection: ConnectionId, filter: &IssueFilter) -> Vec<IssueGroup>;
    fn retry_issues(connection: ConnectionId, filter: &IssueFilter) -> Retried;
}
