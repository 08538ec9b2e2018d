//! The change stream: one topic of the Pub/Sub API, as batches of changes.
//!
//! A stream is a task of its own that hands what it receives through a channel of bounded size; whoever reads gets all that
//! waits there at once, so that a burst becomes few transactions. More events are asked for only as there is room, so a slow
//! reader slows the stream down instead of filling the memory. A position leaves here only together with everything that came
//! before it. There is no `LATEST`: events that are committed while such a stream opens would be lost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use syncline_model::{
    change::{ChangeBatch, Position},
    connector::{ChangeStream, ConnectorError, ErrorKind},
};
use syncline_salesforce_eventbus::v1::{
    ConsumerEvent, FetchRequest, FetchResponse, ReplayPreset, SchemaRequest, TopicRequest, pub_sub_client::PubSubClient,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinHandle,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status, Streaming,
    metadata::MetadataValue,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use crate::{
    change_event::{self, News},
    error::{self, Effect},
    event_schema::EventSchema,
    gate::Gate,
    http::misconfigured,
    rest::Rest,
    session::{Session, Token},
    version,
};

/// Events asked for and not yet received; Salesforce takes more for this much. (Pub/Sub API guide, "Subscribe RPC".)
const MAX_OUTSTANDING: i32 = 100;
/// Below this, more is asked for, so that the stream does not stand still for a round trip.
const REFILL_BELOW: i32 = 60;
/// Events that wait to be taken, over all responses; also the most that are taken at once.
const WAITING_EVENTS: u32 = 400;
/// Requests for more that are not yet sent. One is due per forty events received, and they are sent at once.
const WAITING_REQUESTS: usize = 8;
/// While events are asked for, Salesforce says something at least every 270 seconds.
const SILENCE_LIMIT: Duration = Duration::from_secs(300);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that went dead without a word is noticed within the sum of these two.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// A server may keep back its first sign until it has news; a refusal comes at once.
const OPENING_PATIENCE: Duration = Duration::from_secs(3);
/// Messages are up to 4 MB by Salesforce's own rule.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// Where the Pub/Sub API is, and how long to bear with it.
#[derive(Clone, Debug)]
pub struct PubSubSettings {
    /// `https://api.pubsub.salesforce.com:7443`, or `http://…` for HTTP/2 without TLS, as an emulated org may speak it.
    pub url: String,
    /// How long the stream may be silent before it is given up.
    pub silence_limit: Duration,
}

impl Default for PubSubSettings {
    fn default() -> Self {
        Self { url: "https://api.pubsub.salesforce.com:7443".to_owned(), silence_limit: SILENCE_LIMIT }
    }
}

/// The endpoint of a URL.
pub(crate) fn endpoint(url: &str, extra_ca: Option<&[u8]>) -> Result<Endpoint, ConnectorError> {
    let broken = |error: tonic::transport::Error| {
        misconfigured(format!("the Pub/Sub URL `{url}` can not be used: {}", error::with_sources(&error)))
    };
    let endpoint = Endpoint::from_shared(url.trim_end_matches('/').to_owned())
        .map_err(broken)?
        .user_agent(concat!("Syncline/", env!("CARGO_PKG_VERSION")))
        .map_err(broken)?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    match endpoint.uri().scheme_str() {
        Some("http") => Ok(endpoint),
        Some("https") => {
            let mut tls = ClientTlsConfig::new().with_enabled_roots();
            if let Some(pem) = extra_ca {
                tls = tls.ca_certificate(Certificate::from_pem(pem));
            }
            endpoint.tls_config(tls).map_err(broken)
        }
        _ => Err(misconfigured(format!("the Pub/Sub URL `{url}` must begin with https:// or http://"))),
    }
}

/// What a stream works with; the same for all streams of a connection.
pub(crate) struct PubSub {
    pub(crate) endpoint: Endpoint,
    pub(crate) settings: PubSubSettings,
    pub(crate) gate: Arc<Gate>,
    pub(crate) session: Arc<Session>,
    pub(crate) rest: Arc<Rest>,
    pub(crate) schemas: SchemaCache,
}

/// Schemas by their id; the schema of an id never changes. `None` for one that Salesforce would not give.
#[derive(Default)]
pub(crate) struct SchemaCache(Mutex<HashMap<String, Option<Arc<EventSchema>>>>);

impl SchemaCache {
    fn get(&self, id: &str) -> Option<Option<Arc<EventSchema>>> {
        self.0.lock().expect("nobody panics with the lock held").get(id).cloned()
    }

    fn put(&self, id: &str, schema: Option<Arc<EventSchema>>) {
        self.0.lock().expect("nobody panics with the lock held").insert(id.to_owned(), schema);
    }
}

impl PubSub {
    async fn client(&self) -> Result<PubSubClient<Channel>, ConnectorError> {
        let channel = self.endpoint.connect().await.map_err(|error| {
            let what = format!("the Pub/Sub API can not be reached: {}", error::with_sources(&error));
            ConnectorError::new(ErrorKind::Transient, "", what)
        })?;
        Ok(PubSubClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// Whether `topic` can be listened to.
    pub(crate) async fn check(&self, topic: &str) -> Result<(), ConnectorError> {
        self.check_topic(self.client().await?, topic).await
    }

    /// Opens a stream of `topic` behind `from`, or at the oldest event still kept.
    pub(crate) async fn open(
        self: &Arc<Self>,
        topic: &str,
        from: Option<&Position>,
    ) -> Result<Subscription, ConnectorError> {
        let client = self.client().await?;
        self.check_topic(client.clone(), topic).await?;

        let (batches, waiting) = mpsc::unbounded_channel();
        let (opened, is_open) = oneshot::channel();
        let stream = Stream {
            pubsub: Arc::clone(self),
            client,
            topic: topic.to_owned(),
            position: from.cloned(),
            last: None,
            batches,
            room: Arc::new(Semaphore::new(WAITING_EVENTS as usize)),
            opened: Some(opened),
        };
        let pass = self.gate.enter().map_err(|closed| closed.into_error(Effect::Reads))?;
        let gate = Arc::clone(&self.gate);
        let task = tokio::spawn(async move {
            tokio::select! {
                () = stream.run() => {}
                () = gate.closing() => {}
            }
            drop(pass);
        });
        let mut subscription = Subscription { waiting, held: None, task };
        // Answered, refused, or kept waiting: only a refusal is news, and it is in the channel.
        let answer = tokio::time::timeout(OPENING_PATIENCE, is_open).await;
        if let Ok(Err(_)) = answer
            && let Some(Waiting { said: Err(refusal), .. }) = subscription.waiting.recv().await
        {
            return Err(refusal);
        }
        Ok(subscription)
    }

    /// Tells a topic that does not exist or may not be read apart from troubles of the stream, before any is opened.
    async fn check_topic(&self, client: PubSubClient<Channel>, name: &str) -> Result<(), ConnectorError> {
        let topic = self
            .call(|token| {
                let mut client = client.clone();
                let request = self.request(&token, TopicRequest { topic_name: name.to_owned() });
                async move { client.get_topic(request?).await }
            })
            .await
            .map_err(|status| status.into_error())?;
        if topic.can_subscribe {
            Ok(())
        } else {
            Err(misconfigured(format!("the connected user may not subscribe to `{name}`")))
        }
    }

    /// The schema of an id. An id that Salesforce does not know, and a schema that is none, are `None`.
    async fn schema(
        &self,
        client: &PubSubClient<Channel>,
        id: &str,
    ) -> Result<Option<Arc<EventSchema>>, ConnectorError> {
        if let Some(known) = self.schemas.get(id) {
            return Ok(known);
        }
        let reply = self
            .call(|token| {
                let mut client = client.clone();
                let request = self.request(&token, SchemaRequest { schema_id: id.to_owned() });
                async move { client.get_schema(request?).await }
            })
            .await;
        let schema = match reply {
            Ok(info) => EventSchema::parse(&info.schema_json).map(Arc::new),
            Err(CallError::Refused(status)) if is_about_the_schema(&status) => {
                tracing::warn!(schema.id = id, code = ?status.code(), "Salesforce does not give the schema of an event");
                None
            }
            Err(error) => return Err(error.into_error()),
        };
        self.schemas.put(id, schema.clone());
        Ok(schema)
    }

    /// Makes a single call, once more under a renewed session if the session is over.
    async fn call<T, F>(&self, call: impl Fn(Arc<Token>) -> F) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: Future<Output = Result<tonic::Response<T>, Status>> + Send + 'static,
    {
        let through_gate = async |token: Arc<Token>| {
            let answer = self.gate.run(call(token)).await;
            answer.map_err(|stopped| CallError::NotMade(stopped.into_error(Effect::Reads)))
        };
        let token = self.session.token().await.map_err(CallError::NotMade)?;
        let answer = match through_gate(Arc::clone(&token)).await? {
            Err(status) if error::is_unauthenticated(&status) => {
                let token = self.session.token_after(&token).await.map_err(CallError::NotMade)?;
                through_gate(token).await?
            }
            answer => answer,
        };
        answer.map(tonic::Response::into_inner).map_err(|status| CallError::Refused(Box::new(status)))
    }

    /// A call with a deadline and the three headers that every call carries.
    fn request<T>(&self, token: &Token, message: T) -> Result<Request<T>, Status> {
        let mut request = self.with_headers(token, message)?;
        request.set_timeout(CALL_TIMEOUT);
        Ok(request)
    }

    fn with_headers<T>(&self, token: &Token, message: T) -> Result<Request<T>, Status> {
        let value = |text: &str| {
            MetadataValue::try_from(text).map_err(|_| Status::invalid_argument("a session that can not be sent"))
        };
        let mut request = Request::new(message);
        let mut access_token = value(token.secret())?;
        access_token.set_sensitive(true);
        request.metadata_mut().insert("accesstoken", access_token);
        request.metadata_mut().insert("instanceurl", value(&version::origin_text(&token.instance_url))?);
        request.metadata_mut().insert("tenantid", value(&self.session.org_id)?);
        Ok(request)
    }
}

/// A terminal answer about the schema id itself; anything else may be different the next time.
fn is_about_the_schema(status: &Status) -> bool {
    matches!(status.code(), tonic::Code::InvalidArgument | tonic::Code::NotFound)
}

enum CallError {
    NotMade(ConnectorError),
    Refused(Box<Status>),
}

impl CallError {
    fn into_error(self) -> ConnectorError {
        match self {
            Self::NotMade(error) => error,
            Self::Refused(status) => error::from_grpc(&status),
        }
    }
}

/// What one response said, or why there will be no other, and the room that it takes up until it is taken.
struct Waiting {
    said: Result<ChangeBatch, ConnectorError>,
    _room: Option<OwnedSemaphorePermit>,
}

/// The reader's end of a stream.
pub(crate) struct Subscription {
    waiting: mpsc::UnboundedReceiver<Waiting>,
    /// Came behind batches that had to be handed over first.
    held: Option<ConnectorError>,
    task: JoinHandle<()>,
}

#[async_trait]
impl ChangeStream for Subscription {
    async fn next(&mut self) -> Result<Option<ChangeBatch>, ConnectorError> {
        if let Some(error) = self.held.take() {
            return Err(error);
        }
        // The only await; after it, nothing can be lost by dropping the future.
        let Some(Waiting { said: first, .. }) = self.waiting.recv().await else { return Ok(None) };
        let mut all = first?;
        while all.changes.len() < WAITING_EVENTS as usize {
            match self.waiting.try_recv() {
                Ok(Waiting { said: Ok(batch), .. }) => append(&mut all, batch),
                Ok(Waiting { said: Err(error), .. }) => {
                    self.held = Some(error);
                    break;
                }
                Err(_) => break,
            }
        }
        Ok(Some(all))
    }
}

/// Adds what came next. Without a position of its own it leaves the earlier one standing, behind which it will come again.
fn append(all: &mut ChangeBatch, next: ChangeBatch) {
    all.changes.extend(next.changes);
    for object in next.resync_objects {
        if !all.resync_objects.contains(&object) {
            all.resync_objects.push(object);
        }
    }
    all.position = next.position.or(all.position.take());
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Ends the stream at the server too, so that a next one is not a second.
        self.task.abort();
    }
}

/// The task's end of a stream.
struct Stream {
    pubsub: Arc<PubSub>,
    client: PubSubClient<Channel>,
    /// Such as `/data/ChangeEvents`.
    topic: String,
    /// Where to go on.
    position: Option<Position>,
    /// The replay id that was heard of last.
    last: Option<Bytes>,
    batches: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
    /// Dropped or used with the server's first answer.
    opened: Option<oneshot::Sender<()>>,
}

enum End {
    /// Closed by the server in good order, or nobody reads any more.
    Closed,
    /// The session is over.
    SessionOver(Arc<Token>, Box<Status>),
    Failed(ConnectorError),
}

impl Stream {
    async fn run(mut self) {
        let mut is_renewed = false;
        loop {
            let mut has_answered = false;
            match self.follow(&mut has_answered).await {
                End::Closed => return,
                End::Failed(error) => return self.fail(error),
                End::SessionOver(token, status) => {
                    // One renewal for each time that the session held.
                    if is_renewed && !has_answered {
                        return self.fail(error::from_grpc(&status));
                    }
                    if let Err(error) = self.pubsub.session.token_after(&token).await {
                        return self.fail(error);
                    }
                    is_renewed = true;
                }
            }
        }
    }

    fn fail(self, error: ConnectorError) {
        let _ = self.batches.send(Waiting { said: Err(error), _room: None });
        // Whoever waits for the stream to open looks into the channel next.
        drop(self.opened);
    }

    /// Follows the topic under one session.
    async fn follow(&mut self, has_answered: &mut bool) -> End {
        let token = match self.pubsub.session.token().await {
            Ok(token) => token,
            Err(error) => return End::Failed(error),
        };
        let end = |status: Status| match error::is_unauthenticated(&status) {
            true => End::SessionOver(Arc::clone(&token), Box::new(status)),
            false => End::Failed(error::from_grpc(&status)),
        };
        let (requests, outgoing) = mpsc::channel(WAITING_REQUESTS);
        let request = match self.pubsub.with_headers(&token, ReceiverStream::new(outgoing)) {
            Ok(request) => request,
            Err(status) => return end(status),
        };
        if requests.send(self.first_request()).await.is_err() {
            return End::Closed;
        }
        let mut outstanding = MAX_OUTSTANDING;
        let silence_limit = self.pubsub.settings.silence_limit;
        let opening = self.subscribe(request);
        let mut responses = match self.pubsub.gate.run(tokio::time::timeout(silence_limit, opening)).await {
            Ok(Ok(Some(Ok(responses)))) => responses.into_inner(),
            Ok(Ok(Some(Err(status)))) => return end(status),
            Ok(Ok(None)) | Err(_) => return End::Closed,
            Ok(Err(_)) => return End::Failed(silent(silence_limit)),
        };
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(());
        }
        loop {
            let response = match tokio::time::timeout(silence_limit, responses.message()).await {
                Ok(Ok(Some(response))) => response,
                Ok(Ok(None)) => return End::Closed,
                Ok(Err(status)) => return end(status),
                Err(_) => return End::Failed(silent(silence_limit)),
            };
            *has_answered = true;
            outstanding -= i32::try_from(response.events.len()).unwrap_or(MAX_OUTSTANDING);
            let batch = match self.batch(&response.events, &response.latest_replay_id).await {
                Ok(batch) => batch,
                Err(error) => return End::Failed(error),
            };
            let position = batch.position.clone();
            let size = u32::try_from(response.events.len()).unwrap_or(WAITING_EVENTS).clamp(1, WAITING_EVENTS);
            let Ok(room) = Arc::clone(&self.room).acquire_many_owned(size).await else { return End::Closed };
            if self.batches.send(Waiting { said: Ok(batch), _room: Some(room) }).is_err() {
                return End::Closed;
            }
            if position.is_some() {
                self.position = position;
            }
            if outstanding < REFILL_BELOW {
                let more = FetchRequest {
                    topic_name: self.topic.clone(),
                    num_requested: MAX_OUTSTANDING - outstanding.max(0),
                    ..FetchRequest::default()
                };
                outstanding = MAX_OUTSTANDING;
                if requests.send(more).await.is_err() {
                    // The server stopped listening; why is told by what it still has to say.
                    tracing::debug!("the Pub/Sub API takes no more requests on this stream");
                }
            }
        }
    }

    /// Opens the stream. Where nobody wants it any more, it is given up only when the server must have begun with it: dropped
    /// sooner, its first bytes could still be under way when closing has ended.
    fn subscribe(
        &self,
        request: Request<ReceiverStream<FetchRequest>>,
    ) -> impl Future<Output = Option<Result<tonic::Response<Streaming<FetchResponse>>, Status>>> + Send + 'static {
        let (mut client, gate, batches) = (self.client.clone(), Arc::clone(&self.pubsub.gate), self.batches.clone());
        let given_up = async move {
            tokio::time::sleep(OPENING_PATIENCE).await;
            tokio::select! {
                () = gate.closing() => {}
                () = batches.closed() => {}
            }
        };
        async move {
            tokio::select! {
                responses = client.subscribe(request) => Some(responses),
                () = given_up => None,
            }
        }
    }

    fn first_request(&self) -> FetchRequest {
        let (preset, replay_id) = match &self.position {
            Some(Position(replay_id)) => (ReplayPreset::Custom, replay_id.clone()),
            None => (ReplayPreset::Earliest, Vec::new()),
        };
        FetchRequest {
            topic_name: self.topic.clone(),
            replay_preset: preset.into(),
            replay_id: replay_id.into(),
            num_requested: MAX_OUTSTANDING,
            ..FetchRequest::default()
        }
    }

    /// What a response says. Its position is that of the event before the last: an event of several records that was enriched comes
    /// as one for each of them, all with one replay id, and only another id tells that there are no more (Change Data Capture guide,
    /// "Event Enrichment Considerations"). So the last comes again with the next stream, which costs nothing but its delivery.
    /// `latest_replay_id` may be ahead of what was delivered, and counts only where nothing was.
    async fn batch(
        &mut self,
        events: &[ConsumerEvent],
        latest_replay_id: &Bytes,
    ) -> Result<ChangeBatch, ConnectorError> {
        let mut all = News::default();
        for event in events {
            all.add(self.news(event).await?);
        }
        if all.is_unreadable {
            // Any object may be meant; those that were never described are of no concern to anybody.
            let resync = self.pubsub.rest.described_objects();
            all.add(News { resync, ..News::default() });
        }
        let last = events.last().map_or(latest_replay_id, |event| &event.replay_id);
        let complete = match events {
            [] => Some(last),
            _ => events.iter().rev().map(|event| &event.replay_id).chain(&self.last).find(|id| *id != last),
        };
        let position = complete.filter(|id| !id.is_empty()).map(|id| Position(id.to_vec()));
        self.last = Some(last.clone());
        Ok(ChangeBatch { changes: all.changes, resync_objects: all.resync, position })
    }

    async fn news(&self, event: &ConsumerEvent) -> Result<News, ConnectorError> {
        let Some(event) = &event.event else { return Ok(News { is_unreadable: true, ..News::default() }) };
        let schema = self.pubsub.schema(&self.client, &event.schema_id).await?;
        let rest = &self.pubsub.rest;
        Ok(change_event::read(&event.payload, schema.as_deref(), &self.topic, |object| rest.described(object)))
    }
}

fn silent(limit: Duration) -> ConnectorError {
    let what = format!("the Pub/Sub API was silent for {} s", limit.as_secs());
    ConnectorError::new(ErrorKind::Transient, "", what)
}
