//! The port to durable state. Every method is one transaction: it happens as a whole or not at all, and when it has answered
//! it survives the death of the process.
//!
//! Three traits, by who uses them: [`SyncStore`] for the engine, [`EnvironmentStore`] for the environment,
//! [`AdminStore`] for screens and commands. One store is all three.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::{
    attribute::{AttributeDefinition, EventDefinition, Scope},
    budget::{CallReport, HourOfCalls},
    change::{Position, RecordedChanges},
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
    summary::QuestionDefinition,
    work::{Finish, Found, Lane, Linked, Standing, Work, WorkKey},
};

/// A store that everything else is built on.
pub trait Store: SyncStore + EnvironmentStore + AdminStore + Signals {}

impl<T: SyncStore + EnvironmentStore + AdminStore + Signals> Store for T {}

/// Why a store method failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another node has taken the connection, or it is no longer to be worked on.
    #[error("the connection is not this node's to work on any more")]
    LeaseLost,
    /// What was named does not exist.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// The state does not allow it; the text is for the person who asked.
    #[error("{0}")]
    Conflict(String),
    /// A value does not fit an attribute. Nothing of the request was done.
    #[error("{attribute}: {reason}")]
    Misfit {
        /// Name of the attribute.
        attribute: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// The database did not answer, or refused for a passing reason.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What the database holds can not be read back, or a statement is wrong: a defect.
    #[error("the database holds what this version can not read, or was asked wrongly")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a waiter can be woken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Something is due, or a connection is to be started, stopped or told of new mappings.
    Work,
    /// Something that a screen may show has changed.
    View,
}

/// Waking those who wait for a change. A signal is only a hint: it may come without a change, and on another node it may be
/// lost, so whoever waits also looks on its own once in a while.
#[async_trait]
pub trait Signals: Send + Sync + 'static {
    /// Waits until the signal's count is above `seen` and gives the count. Counts start at 0 and rise at each commit that
    /// concerns the signal, here or (through the database's own notification where it has one) on another node.
    async fn wait(&self, signal: Signal, seen: u64) -> u64;
}

/// What the engine needs. Each method that takes a [`Lease`] fails with [`StoreError::LeaseLost`], without effect, once the
/// lease is no longer held; the check and the effect are in the same transaction.
#[async_trait]
pub trait SyncStore: Send + Sync + 'static {
    /// All connections that are not [`ConnectionStatus::Disconnected`].
    async fn connections(&self) -> Result<Vec<Connection>, StoreError>;

    /// Takes a connection that is [`ConnectionStatus::Connected`] for `node`, for `ttl_ms` by the database's clock, if nobody holds
    /// it or its time is over or the holder has the same name (an earlier life of this node). Raises the token.
    async fn acquire_lease(
        &self,
        connection: ConnectionId,
        node: &str,
        ttl_ms: i64,
    ) -> Result<Option<Lease>, StoreError>;

    /// Prolongs the lease of a connection that is [`ConnectionStatus::Connected`], and says how things are.
    /// Adds the report's calls to the hour that it is by the store's clock, and forgets hours that ended more than 24 hours ago.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] also where the connection is not to be worked on any more, although the lease is still held.
    async fn renew_lease(&self, lease: &Lease, ttl_ms: i64, report: &CallReport) -> Result<(), StoreError>;

    /// The same whatever the connection's status, for an owner that has to stop and is waiting for what is under way to end.
    async fn keep_lease(&self, lease: &Lease, ttl_ms: i64, report: &CallReport) -> Result<(), StoreError>;

    /// Gives the connection up. A connection that is [`ConnectionStatus::Disconnecting`] becomes
    /// [`ConnectionStatus::Disconnected`]. No error if the lease is lost already.
    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError>;

    /// The connection's mappings in order, paused ones included.
    async fn mappings(&self, connection: ConnectionId) -> Result<Vec<ObjectMapping>, StoreError>;

    /// What the connection's work is planned by: the same allocation for as long as none of it changes, where the store is asked
    /// often; so it costs next to nothing to ask, and to see that nothing has changed.
    async fn rules(&self, connection: ConnectionId) -> Result<Arc<StoredRules>, StoreError>;

    /// What is known of the org's objects.
    async fn object_schemas(&self, connection: ConnectionId) -> Result<Vec<ObjectSchema>, StoreError>;

    /// Keeps what the org said of an object, and marks all profiles that have a key of those mappings due in [`Lane::Remote`] to which
    /// the org looks otherwise by it.
    async fn save_object_schema(
        &self,
        lease: &Lease,
        schema: &ObjectSchema,
        otherwise: &[MappingId],
    ) -> Result<(), StoreError>;

    /// Forgets what the org said of these objects, and makes all due that these mappings look otherwise for by that.
    async fn forget_object_schemas(
        &self,
        lease: &Lease,
        objects: &[String],
        otherwise: &[MappingId],
    ) -> Result<(), StoreError>;

    /// Keeps the list of objects that can be mapped in place of the last.
    async fn save_object_list(&self, lease: &Lease, objects: &[ListedObject]) -> Result<(), StoreError>;

    /// Where to go on in a stream.
    async fn position(&self, connection: ConnectionId, stream: &str) -> Result<Option<Position>, StoreError>;

    /// Takes in news, in one transaction: completes held copies by [`crate::record::HeldRecord::apply`] and, for reads, by
    /// [`crate::record::HeldRecord::refresh`]; copies of those that are gone become gone; marks those linked to a changed copy due (in
    /// [`Lane::Remote`] if the copy is now stale or gone, else [`Lane::Local`]) and those associated with one (in [`Lane::Spread`]); for each (mapping, key, record id) of `keys`, marks
    /// profiles that have the key and are not linked to that record as not searched and due in [`Lane::Remote`]; for each mapping of
    /// `resync`, marks its held copies stale and all its profiles with a key not searched and due; for each object of `resync_objects`,
    /// marks its copies stale and the items that are associated with them due; moves the position; notes the
    /// newest change of each object with its feed. Raises [`Signal::Work`] if anything became due.
    ///
    /// Gives object and id of copies that a read found otherwise than they were held, although they were not stale: news of them
    /// was missed, or is late.
    async fn record_changes(&self, lease: &Lease, changes: &RecordedChanges) -> Result<Vec<RecordKey>, StoreError>;

    /// The position is no longer known: forgets it, marks all held copies stale, forgets which events they are of (commits may be
    /// numbered anew), and marks every profile with a key not searched and due in [`Lane::Remote`].
    async fn lose_position(&self, lease: &Lease, stream: &str) -> Result<(), StoreError>;

    /// Says how changes of each object are noticed; objects that are not named have no feed any more. An object whose way and reason
    /// are what they were keeps its `since`; what was noted of its newest change stays.
    async fn save_feeds(&self, lease: &Lease, feeds: &[Feed]) -> Result<(), StoreError>;

    /// Calls of the last 24 hours by hour, oldest first.
    async fn api_calls(&self, connection: ConnectionId) -> Result<Vec<HourOfCalls>, StoreError>;

    /// The fields that mappings want made, in whatever state.
    async fn wanted_fields(&self, connection: ConnectionId) -> Result<Vec<WantedField>, StoreError>;

    /// Says how far a wanted field is. One that has become usable marks the linked profiles of all mappings that write to it due in
    /// [`Lane::Remote`]. Nothing happens where it is not wanted any more.
    async fn save_wanted_field(&self, lease: &Lease, field: &WantedField) -> Result<(), StoreError>;

    /// How many requests for an examination are not answered yet.
    async fn examination_requests(&self, connection: ConnectionId) -> Result<i64, StoreError>;

    /// Keeps an examination in place of the last one. It answers as many requests as there were when it began: who asks while it
    /// is under way has changed something since, and is owed another one.
    async fn save_examination(&self, lease: &Lease, examination: &Examination, answered: i64)
    -> Result<(), StoreError>;

    /// Inquiries that are not answered yet, oldest first.
    async fn inquiries(&self, connection: ConnectionId) -> Result<Vec<Inquiry>, StoreError>;

    /// Answers an inquiry. Nothing happens where nobody waits for it any more. Raises [`Signal::View`].
    async fn answer_inquiry(&self, lease: &Lease, inquiry: InquiryId, answer: &Answer) -> Result<(), StoreError>;

    /// Says what the stream is doing.
    async fn set_stream_state(&self, lease: &Lease, state: StreamState, detail: Option<&str>)
    -> Result<(), StoreError>;

    /// Ends syncing until a person acts: sets [`ConnectionStatus::ReconnectNeeded`] with words for the administrator.
    async fn require_reconnect(&self, lease: &Lease, detail: &str) -> Result<(), StoreError>;

    /// Up to `limit` items of the lane that are due by the store's clock, the longest due first, with both their sides. Items of
    /// paused mappings are left out; with `after`, so are those that became due at that time or earlier. Says nothing to the
    /// database: the holder of the lease is the only one that works on them.
    async fn due_work(
        &self,
        lease: &Lease,
        lane: Lane,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Work>, StoreError>;

    /// The same items again, as they are now; those that are no longer due are left out.
    async fn reload_work(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError>;

    /// What those of these items are linked to that have a key and a record that is not gone, due or not.
    async fn linked(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Linked>, StoreError>;

    /// How many items [`SyncStore::due_work`] would give, counted no further than `limit`.
    async fn count_due(
        &self,
        connection: ConnectionId,
        lane: Lane,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<u32, StoreError>;

    /// Keeps what look-ups found, if the profile still has that key: marks it searched, links it to the record (holding a copy
    /// by [`crate::record::HeldRecord::from_read`] or [`crate::record::HeldRecord::refresh`]) or to none, keeping the number of
    /// candidates. A link to none leaves [`Work::was_linked`] as it was; a link to a record makes it true. Does not make anything due
    /// except other profiles of the same record, whose [`Work::speaks`] may have changed. A copy that nobody is linked to any
    /// more is dropped.
    async fn record_found(&self, lease: &Lease, found: Vec<Found>) -> Result<(), StoreError>;

    /// Keeps what reads gave. `asked` are the ids that were asked for, with the revisions that their copies had then; those that
    /// are not in `read` are not there, and their copies become gone. Whoever needs a copy that is not stale any more is due, unless it is
    /// already.
    async fn record_reads(
        &self,
        lease: &Lease,
        object: &str,
        asked: &[(String, i64)],
        read: Vec<Record>,
    ) -> Result<(), StoreError>;

    /// Notes that items need these records, besides the one that they are linked to: copies of them are held from now on, news of them
    /// is taken in, and whatever changes such a copy marks the items due ([`Lane::Spread`], with a call or without). Of a record that
    /// was not held the copy is [`crate::record::HeldRecord::unread`]. Items that are no longer covered are left out.
    async fn associate(&self, lease: &Lease, needed: Vec<(WorkKey, Vec<RecordKey>)>) -> Result<(), StoreError>;

    /// Ends items. For [`crate::work::Outcome::Settled`], in this order: keeps `written` in the held copy if its revision has not
    /// risen; ends the link and associations if told (a copy is dropped if nobody else is linked to it or associated with it);
    /// sets attributes (which marks other mappings whose key or outbound source that is due, and raises [`Signal::View`]); replaces
    /// the item's issues; takes the item off the due list if its generation has not risen, else leaves it due. For the other
    /// outcomes, likewise only if the generation has not risen: moves it to [`Lane::Remote`], or sets its time and adds one to
    /// its attempts.
    async fn finish(&self, lease: &Lease, finished: Vec<Finish>) -> Result<(), StoreError>;

    /// Marks items due now, whatever their time was: all of a mapping's profiles that have a key, as not searched, in
    /// [`Lane::Remote`].
    async fn mark_all_due(&self, connection: ConnectionId, mapping: MappingId) -> Result<u64, StoreError>;
}

/// What the environment needs.
#[async_trait]
pub trait EnvironmentStore: Send + Sync + 'static {
    /// Does all of it or nothing. Attribute definitions are made for names that are new (with
    /// [`crate::attribute::display_name`] and the operation's implied type; nothing for null), event definitions too. A
    /// profile that changes marks, for every mapping of its kind on the environment's connection that is concerned by
    /// [`MappingDefinition::concern`], its item due: [`Lane::Remote`] for a changed key (then also not searched), an outbound source, or a
    /// profile that is new or was deleted; [`Lane::Local`] for an overwritten inbound target. Raises the signals. Gives the ids
    /// of the events that were tracked, in order.
    ///
    /// # Errors
    /// [`StoreError::Misfit`] where a value does not fit an attribute's type.
    async fn write(&self, environment: EnvironmentId, write: &EnvironmentWrite) -> Result<Vec<i64>, StoreError>;

    /// One profile.
    async fn profile(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        id: &str,
    ) -> Result<Option<Profile>, StoreError>;

    /// Profiles in order of creation (then id). `after` and `before` name a profile of the environment.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where `after` or `before` name none.
    async fn profiles(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        filter: &ProfileFilter,
    ) -> Result<Page<Profile>, StoreError>;

    /// How many profiles pass the filter, paging aside.
    async fn count_profiles(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        filter: &ProfileFilter,
    ) -> Result<u64, StoreError>;

    /// Memberships of a user, or of a company, oldest first.
    async fn memberships(
        &self,
        environment: EnvironmentId,
        kind: ProfileKind,
        id: &str,
    ) -> Result<Vec<Membership>, StoreError>;

    /// The attributes known, by creation and name; of one scope or of all.
    async fn attribute_definitions(
        &self,
        environment: EnvironmentId,
        scope: Option<Scope>,
    ) -> Result<Vec<AttributeDefinition>, StoreError>;

    /// The kinds of event known, by creation and name.
    async fn event_definitions(&self, environment: EnvironmentId) -> Result<Vec<EventDefinition>, StoreError>;

    /// The questions that were answered, oldest first.
    async fn question_definitions(&self, environment: EnvironmentId) -> Result<Vec<QuestionDefinition>, StoreError>;
}

/// A person who may sign in.
#[derive(Clone, Debug)]
pub struct Member {
    /// Identifier.
    pub id: MemberId,
    /// E-mail address, lower-cased; unique.
    pub email: String,
    /// Name.
    pub name: String,
    /// argon2id hash in PHC form.
    pub password_hash: String,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// `ak_…`: everything in one environment, through the Userflow-compatible API. Kept as a hash.
    Api,
    /// `ct_…`: what a browser may do in one environment.
    Token,
}

impl KeyKind {
    /// The word that the store uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Token => "token",
        }
    }
}

/// A sign-in at Salesforce that has begun in a browser.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// The environment to connect.
    pub environment_id: EnvironmentId,
    /// Hash of the browser session that began it; only that session may end it.
    pub session_hash: Vec<u8>,
    /// Scheme and host of the login page.
    pub login_url: String,
    /// PKCE verifier.
    pub verifier: SecretString,
}

/// How the parts of a connection stand, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Work items due or waiting for their next try.
    pub waiting: u64,
    /// Linked profiles.
    pub links: u64,
    /// Sync issues.
    pub issues: u64,
}

/// A link as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// The mapping.
    pub mapping_id: MappingId,
    /// User or company.
    pub profile_kind: ProfileKind,
    /// The profile.
    pub profile_id: String,
    /// API name of the record's object.
    pub object: String,
    /// Id of the record.
    pub record_id: String,
    /// Since when.
    pub linked_at: Timestamp,
}

/// What screens and commands need.
#[async_trait]
pub trait AdminStore: Send + Sync + 'static {
    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// All environments, oldest first. A fresh database has one, `production`.
    async fn environments(&self) -> Result<Vec<Environment>, StoreError>;

    /// Adds a member.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the address is taken.
    async fn add_member(&self, email: &str, name: &str, password_hash: &str) -> Result<MemberId, StoreError>;

    /// The member of that address, in any case.
    async fn member_by_email(&self, email: &str) -> Result<Option<Member>, StoreError>;

    /// Opens a session until `expires_at`.
    async fn add_session(&self, token_hash: &[u8], member: MemberId, expires_at: Timestamp) -> Result<(), StoreError>;

    /// The member of a session that has not expired.
    async fn session_member(&self, token_hash: &[u8]) -> Result<Option<Member>, StoreError>;

    /// Ends a session.
    async fn remove_session(&self, token_hash: &[u8]) -> Result<(), StoreError>;

    /// Keeps a key's hash.
    async fn add_key(&self, environment: EnvironmentId, kind: KeyKind, hash: &[u8]) -> Result<(), StoreError>;

    /// The environment that a key opens.
    async fn key_environment(&self, kind: KeyKind, hash: &[u8]) -> Result<Option<EnvironmentId>, StoreError>;

    /// Keeps a begun sign-in until `expires_at`; its verifier is sealed.
    async fn add_authorization(
        &self,
        state_hash: &[u8],
        authorization: &Authorization,
        expires_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Takes a begun sign-in that has not expired: it can be taken once.
    async fn take_authorization(&self, state_hash: &[u8]) -> Result<Option<Authorization>, StoreError>;

    /// The environment's connection, also a disconnected one.
    async fn connection(&self, environment: EnvironmentId) -> Result<Option<Connection>, StoreError>;

    /// Ties the environment to an org, or reconnects it: keeps the credentials sealed, sets [`ConnectionStatus::Connected`], raises the
    /// epoch, marks the profiles of all mappings not searched and due. Raises [`Signal::Work`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where another environment has the org, or this one was connected to another org.
    async fn connect(
        &self,
        environment: EnvironmentId,
        org: &OrgIdentity,
        credentials: &SecretString,
    ) -> Result<ConnectionId, StoreError>;

    /// Sets [`ConnectionStatus::Disconnecting`] and raises the epoch; if no node holds the lease, sets
    /// [`ConnectionStatus::Disconnected`] at once. Either way forgets position, held copies, links and due items; mappings and
    /// attribute values stay; so do wanted fields and counted calls. Raises [`Signal::Work`]. The credentials stay until [`AdminStore::forget_credentials`].
    async fn disconnect(&self, connection: ConnectionId) -> Result<ConnectionStatus, StoreError>;

    /// The connection's status; a lease that has run out counts as released (so that `Disconnecting` ends by itself).
    async fn connection_status(&self, connection: ConnectionId) -> Result<ConnectionStatus, StoreError>;

    /// Sets [`ConnectionStatus::Paused`] and raises the epoch; everything is kept. Who works on it stops by itself: wait until
    /// [`AdminStore::is_owned`] says that nobody does.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it is not connected.
    async fn pause(&self, connection: ConnectionId) -> Result<(), StoreError>;

    /// Ends a pause. Raises [`Signal::Work`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it is not paused.
    async fn resume(&self, connection: ConnectionId) -> Result<(), StoreError>;

    /// Whether a node holds the connection's lease.
    async fn is_owned(&self, connection: ConnectionId) -> Result<bool, StoreError>;

    /// Sets the share of the org's daily calls that may be used, 1 to 100 percent. Raises the signals.
    async fn set_api_share(&self, connection: ConnectionId, percent: u8) -> Result<(), StoreError>;

    /// How changes of each object are noticed, by object.
    async fn feeds(&self, connection: ConnectionId) -> Result<Vec<Feed>, StoreError>;

    /// The last examination.
    async fn examination(&self, connection: ConnectionId) -> Result<Option<Examination>, StoreError>;

    /// Asks the connection's owner to examine it. Raises the signals.
    async fn request_examination(&self, connection: ConnectionId) -> Result<(), StoreError>;

    /// Asks the connection's owner to ask the org. Raises [`Signal::Work`]. Forgets inquiries of more than ten minutes ago, which nobody
    /// waits for any more; a disconnection forgets all.
    async fn inquire(&self, connection: ConnectionId, question: &Question) -> Result<InquiryId, StoreError>;

    /// The answer, which is forgotten with it, as is the question; `None` where there is none yet, or none any more.
    async fn take_answer(&self, connection: ConnectionId, inquiry: InquiryId) -> Result<Option<Answer>, StoreError>;

    /// Nobody waits for the answer any more.
    async fn forget_inquiry(&self, connection: ConnectionId, inquiry: InquiryId) -> Result<(), StoreError>;

    /// The objects that can be mapped, by name; empty where the org was not asked yet.
    async fn object_list(&self, connection: ConnectionId) -> Result<Vec<ListedObject>, StoreError>;

    /// The credentials, unsealed, with the epoch that [`AdminStore::connect`] gave them. Pausing and disconnecting raise the
    /// connection's epoch but not theirs: a renewal that was under way then can still be kept.
    async fn credentials(&self, connection: ConnectionId) -> Result<Option<(SecretString, i64)>, StoreError>;

    /// Replaces the credentials if their epoch is still that one; else [`StoreError::LeaseLost`]. What is shown of the org says from
    /// then on that it is at `instance_url`, where that is known.
    async fn save_credentials(
        &self,
        connection: ConnectionId,
        epoch: i64,
        credentials: &SecretString,
        instance_url: Option<&str>,
    ) -> Result<(), StoreError>;

    /// Deletes the credentials if their epoch is still that one; those of a later connect stay.
    async fn forget_credentials(&self, connection: ConnectionId, epoch: i64) -> Result<(), StoreError>;

    /// Makes or replaces a mapping: makes attribute definitions for inbound targets that are new (type as given, origin
    /// Salesforce), gives every profile of the kind its match key, marks all that have one not searched and due, and ends the
    /// links of a mapping whose match rule or objects changed. Notes the fields that are to be made, of those that some mapping
    /// writes to; one that was refused before is wanted again. Raises [`Signal::Work`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where an attribute exists with another type.
    async fn save_mapping(
        &self,
        connection: ConnectionId,
        mapping: Option<MappingId>,
        definition: &MappingDefinition,
        targets: &[AttributeDefinition],
        fields: &[WantedField],
    ) -> Result<ObjectMapping, StoreError>;

    /// Gives mappings their order. Linked profiles of mappings that feed an attribute together with others become due in
    /// [`Lane::Local`], since another of them may come first now.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where `order` does not name each of the connection's mappings once.
    async fn order_mappings(&self, connection: ConnectionId, order: &[MappingId]) -> Result<(), StoreError>;

    /// Pauses a mapping or resumes it. While it is paused its items are not worked on; changes go on being collected. Raises the signals.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such mapping.
    async fn pause_mapping(&self, connection: ConnectionId, mapping: MappingId, paused: bool)
    -> Result<(), StoreError>;

    /// Deletes a mapping with its links, its work, and the wanted fields that no other mapping writes to; attribute values stay, unless
    /// another mapping feeds the attribute too: its linked profiles become due in [`Lane::Local`].
    async fn delete_mapping(&self, connection: ConnectionId, mapping: MappingId) -> Result<(), StoreError>;

    /// How things stand; of one mapping or of the whole connection.
    async fn counts(&self, connection: ConnectionId, mapping: Option<MappingId>) -> Result<Counts, StoreError>;

    /// The links of these profiles.
    async fn links(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profiles: &[String],
    ) -> Result<Vec<LinkView>, StoreError>;

    /// Profiles that are linked by a mapping, those first that were linked last, no more than `limit`.
    async fn linked_profiles(
        &self,
        connection: ConnectionId,
        mapping: MappingId,
        limit: u32,
    ) -> Result<Vec<String>, StoreError>;

    /// A profile's items as they stand, in the order of mappings; a mapping that does not cover it has none.
    async fn standing(
        &self,
        connection: ConnectionId,
        kind: ProfileKind,
        profile: &str,
    ) -> Result<Vec<Standing>, StoreError>;

    /// Marks a profile's items due now in [`Lane::Remote`], those that wait for their next try too: as not searched, so that the look-up
    /// reads the linked record anew, and with the copies that they are associated with stale. Gives their number. Raises [`Signal::Work`].
    async fn sync_profile(&self, connection: ConnectionId, kind: ProfileKind, profile: &str)
    -> Result<u64, StoreError>;

    /// The profiles that are linked to a record, by kind and id.
    async fn profiles_of_record(
        &self,
        connection: ConnectionId,
        record: &str,
    ) -> Result<Vec<(ProfileKind, String)>, StoreError>;

    /// Sync issues, the one first seen last first, no more than `limit`; with `after`, those that come after that one, which need not
    /// be there any more.
    async fn issues(
        &self,
        connection: ConnectionId,
        filter: &IssueFilter,
        after: Option<IssueId>,
        limit: u32,
    ) -> Result<Vec<ListedIssue>, StoreError>;

    /// Sync issues by what they have in common, in the order of mappings, sorts, fields and codes.
    async fn issue_groups(&self, connection: ConnectionId, filter: &IssueFilter)
    -> Result<Vec<IssueGroup>, StoreError>;

    /// Has the work items of issues tried again, in one transaction: marks them due in [`Lane::Remote`], whatever their time was; as not
    /// searched where [`crate::issue::IssueKind::is_by_look_up`]. Where one [`crate::issue::IssueKind::is_by_description`], asks for an
    /// examination too, which has the org's objects described anew. Raises the signals.
    async fn retry_issues(&self, connection: ConnectionId, filter: &IssueFilter) -> Result<Retried, StoreError>;
}
