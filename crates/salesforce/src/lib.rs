//! Salesforce as a [`Connector`]: OAuth, REST and the change stream of the Pub/Sub API.
//!
//! This crate knows Salesforce and nothing of Userflow: no mappings, no profiles, no store but the port through which it keeps
//! its [`Credentials`], no retries but the renewal of a session. What it returns is in our own normal form: ids of 18
//! characters, dates as instants, the choices of a multi-select picklist sorted.
//!
//! Way in: [`OAuthClient`] to connect an org, then [`Salesforce::connect`] to work with it.

mod bitmap;
mod bulk;
mod bulk_csv;
mod bulk_read;
mod bulk_write;
mod change_event;
mod channel;
mod conversion;
mod credentials;
mod custom_fields;
mod doctor;
mod error;
mod event_schema;
mod fault_words;
mod fields;
mod gate;
mod http;
mod jwt;
mod oauth;
mod polling;
mod pubsub;
mod rest;
mod session;
mod setup;
mod soql;
mod version;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use syncline_model::{
    budget::CallReport,
    change::Position,
    clock::Clock,
    connection::OrgIdentity,
    connector::{
        ChangeStream, ChangedSince, Connector, ConnectorError, ExaminedObject, PreparedStream, RecordStream,
        RecordWrite, Since, StreamedObject, WriteOutcome,
    },
    custom_field::WantedField,
    examination::Finding,
    record::Record,
    record_id,
    schema::{ListedObject, ObjectSchema},
};

pub use self::{
    bulk::BulkSettings,
    credentials::{CredentialError, CredentialStore, Credentials, Grant, RefreshToken, StoredSession},
    error::fault_table,
    http::check_login_url,
    oauth::{App, Granted, OAuthClient, Pkce, random_token},
    pubsub::PubSubSettings,
};
use self::{channel::Channel, gate::Gate, pubsub::PubSub, rest::Rest, session::Session};

/// How long closing waits for answers: nearly all come within a second, and whoever disconnects waits as long.
const CLOSE_PATIENCE: Duration = Duration::from_secs(30);

/// How Salesforce is reached.
#[derive(Clone, Debug)]
pub struct SalesforceSettings {
    /// The app that connections of the web-server flow were granted to.
    pub app: App,
    /// The change stream.
    pub pubsub: PubSubSettings,
    /// Bulk jobs.
    pub bulk: BulkSettings,
    /// A PEM file's content with certificates to trust besides the system's.
    pub extra_ca: Option<Vec<u8>>,
    /// What tells the event channel of this connection from those of other connections to the same org; the same for as long as
    /// the channel is to be.
    pub channel_key: String,
}

/// One connected org.
pub struct Salesforce {
    /// Id of the connected user.
    user_id: String,
    rest: Arc<Rest>,
    pubsub: Arc<PubSub>,
    channel: Channel,
    gate: Arc<Gate>,
    bulk: BulkSettings,
    session: Arc<Session>,
}

impl Salesforce {
    /// The org of `identity`, acting with what `credentials` holds. Nothing is sent yet.
    ///
    /// # Errors
    /// [`syncline_model::connector::ErrorKind::Misconfigured`] where an address or the extra CA will not do.
    pub fn connect(
        settings: &SalesforceSettings,
        identity: &OrgIdentity,
        credentials: Arc<dyn CredentialStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConnectorError> {
        let extra_ca = settings.extra_ca.as_deref();
        let oauth = OAuthClient::new(&identity.login_url, settings.app.clone(), extra_ca)?;
        let gate = Gate::new();
        let session = Session::new(oauth, credentials, Arc::clone(&gate), clock, identity.org_id.clone());
        let rest = Arc::new(Rest::new(http::http_client(extra_ca)?, Arc::clone(&gate), Arc::clone(&session)));
        let pubsub = Arc::new(PubSub {
            endpoint: pubsub::endpoint(&settings.pubsub.url, extra_ca)?,
            settings: settings.pubsub.clone(),
            gate: Arc::clone(&gate),
            session: Arc::clone(&session),
            rest: Arc::clone(&rest),
            schemas: pubsub::SchemaCache::default(),
        });
        let channel = Channel::new(&identity.org_id, &settings.channel_key);
        Ok(Self { user_id: identity.user_id.clone(), rest, pubsub, channel, gate, session, bulk: settings.bulk })
    }
}

#[async_trait]
impl Connector for Salesforce {
    async fn list_objects(&self) -> Result<Vec<ListedObject>, ConnectorError> {
        self.rest.list_objects().await
    }

    fn offered_objects(&self) -> &'static [&'static str] {
        &fields::STANDARD_OBJECTS
    }

    async fn describe(&self, object: &str) -> Result<ObjectSchema, ConnectorError> {
        self.rest.describe(object).await.map(|schema| ObjectSchema::clone(&schema))
    }

    async fn find(
        &self,
        object: &str,
        key_field: &str,
        keys: &[String],
        fields: &[String],
    ) -> Result<Vec<Record>, ConnectorError> {
        self.rest.find(object, key_field, keys, fields).await
    }

    async fn read(&self, object: &str, ids: &[String], fields: &[String]) -> Result<Vec<Record>, ConnectorError> {
        // By query: unlike a retrieve by id, it leaves out what is gone or hidden instead of failing or telling nulls.
        self.rest.find(object, "Id", ids, fields).await
    }

    async fn write(&self, writes: &[RecordWrite]) -> Result<Vec<WriteOutcome>, ConnectorError> {
        self.rest.write(writes).await
    }

    fn max_writes(&self) -> usize {
        rest::MAX_WRITES
    }

    async fn read_all(&self, object: &str, fields: &[String]) -> Result<Box<dyn RecordStream>, ConnectorError> {
        bulk_read::read_all(&self.rest, self.bulk, object, fields).await
    }

    async fn write_many(&self, writes: &[RecordWrite]) -> Result<Vec<WriteOutcome>, ConnectorError> {
        bulk_write::write_many(&self.rest, self.bulk, writes).await
    }

    fn many_writes(&self) -> std::ops::Range<usize> {
        bulk_write::MANY_WRITES
    }

    async fn prepare_stream(&self, wanted: &[StreamedObject]) -> Result<PreparedStream, ConnectorError> {
        self.rest.ask_deliveries().await;
        self.channel.prepare(&self.rest, &self.pubsub, wanted).await
    }

    async fn changes(&self, topic: &str, from: Option<&Position>) -> Result<Box<dyn ChangeStream>, ConnectorError> {
        Ok(Box::new(self.pubsub.open(topic, from).await?))
    }

    async fn changed_since(&self, asked: &[Since]) -> Result<ChangedSince, ConnectorError> {
        self.rest.changed_since(asked).await
    }

    async fn ensure_field(&self, field: &WantedField) -> Result<bool, ConnectorError> {
        custom_fields::ensure(&self.rest, &self.user_id, field).await
    }

    async fn examine(&self, objects: &[ExaminedObject]) -> Result<Vec<Finding>, ConnectorError> {
        doctor::examine(&self.rest, &self.user_id, objects).await
    }

    async fn keep_alive(&self) -> Result<(), ConnectorError> {
        self.session.keep_alive().await
    }

    fn report(&self) -> CallReport {
        CallReport { calls: self.rest.take_calls(), usage: self.rest.api_usage(), deliveries: self.rest.deliveries() }
    }

    async fn close(&self) {
        self.gate.close(CLOSE_PATIENCE).await;
    }
}
