//! The Pub/Sub API's protocol: what a caller may ask, credits, keepalives, and when a subscription ends.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use syncline_salesforce_eventbus::v1::pub_sub_server::PubSub;
use syncline_salesforce_eventbus::v1::{
    ConsumerEvent, FetchRequest, FetchResponse, ManagedFetchRequest, ManagedFetchResponse, PublishRequest,
    PublishResponse, ReplayPreset, SchemaInfo, SchemaRequest, TopicInfo, TopicRequest,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::bus::{Bus, Topic};
use super::refusal::Refusal;

/// Most events that a subscriber can have asked for and not yet got; a larger number counts as this one (Pub/Sub API guide).
const CREDITS_MAX: u32 = 100;

/// Responses on their way to one subscriber. Each holds an event or is a keepalive, so with every credit used there are not
/// more than credits, even while a set delay keeps all of them waiting.
const DELIVERIES_MAX: usize = CREDITS_MAX as usize + 1;

/// How long a subscription is kept up when nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// An idle subscriber gets an empty response this long after the last one. Salesforce: 270 s.
    pub keepalive: Duration,
    /// A subscriber without credit has this long to ask for more. Salesforce: 60 s.
    pub without_credit: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { keepalive: Duration::from_secs(270), without_credit: Duration::from_secs(60) }
    }
}

/// The service `eventbus.v1.PubSub`.
#[derive(Clone)]
pub(crate) struct PubSubService {
    bus: Arc<Bus>,
    patience: Patience,
}

type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl PubSubService {
    pub(crate) fn new(bus: Arc<Bus>, patience: Patience) -> PubSubService {
        PubSubService { bus, patience }
    }

    /// Every call names its session in its metadata. A stream that is open already outlives its session.
    fn admit(&self, method: &str, metadata: &MetadataMap, rpc_id: &str) -> Result<(), Status> {
        self.bus.note_call(method);
        let text = |key: &str| metadata.get(key).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_known = !text("instanceurl").is_empty() && self.bus.has_session(text("accesstoken"), text("tenantid"));
        if is_known { Ok(()) } else { Err(Refusal::Authentication.status(rpc_id)) }
    }

    async fn delay(&self) {
        tokio::time::sleep(self.bus.response_delay()).await;
    }
}

#[tonic::async_trait]
impl PubSub for PubSubService {
    type SubscribeStream = ResponseStream<FetchResponse>;
    type PublishStreamStream = ResponseStream<PublishResponse>;
    type ManagedSubscribeStream = ResponseStream<ManagedFetchResponse>;

    async fn get_topic(&self, request: Request<TopicRequest>) -> Result<Response<TopicInfo>, Status> {
        let rpc_id = new_rpc_id();
        self.admit("GetTopic", request.metadata(), &rpc_id)?;
        let topic_name = request.into_inner().topic_name;
        let topic = self.bus.topic(&topic_name).ok_or_else(|| Refusal::UnknownTopic.status(&rpc_id))?;
        self.delay().await;
        Ok(Response::new(TopicInfo {
            topic_name,
            tenant_guid: format!("core/prod/{}", self.bus.org_id()),
            // Change events come from committed changes alone.
            can_publish: false,
            can_subscribe: true,
            schema_id: self.bus.schema_id(&topic).unwrap_or_default(),
            rpc_id,
        }))
    }

    async fn get_schema(&self, request: Request<SchemaRequest>) -> Result<Response<SchemaInfo>, Status> {
        let rpc_id = new_rpc_id();
        self.admit("GetSchema", request.metadata(), &rpc_id)?;
        let schema_id = request.into_inner().schema_id;
        let schema = self.bus.schema(&schema_id).ok_or_else(|| Refusal::UnknownSchema.status(&rpc_id))?;
        self.delay().await;
        Ok(Response::new(SchemaInfo { schema_json: schema.json.clone(), schema_id, rpc_id }))
    }

    async fn subscribe(
        &self,
        request: Request<Streaming<FetchRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let rpc_id = new_rpc_id();
        self.admit("Subscribe", request.metadata(), &rpc_id)?;
        // Clients wait for the answer's head before they ask for events, so a bad first request is an error in the stream.
        let (deliveries, receiver) = mpsc::channel(DELIVERIES_MAX);
        let (bus, patience) = (self.bus.clone(), self.patience);
        tokio::spawn(async move {
            let refused = deliveries.clone();
            if let Err(status) = subscription(bus, patience, deliveries, rpc_id, request.into_inner()).await {
                // The subscriber may have gone; then there is no one to tell.
                let _ = refused.send(Delivery { due: Instant::now(), result: Err(status) }).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver).then(Delivery::when_due))))
    }

    async fn publish(&self, _: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        Err(Status::unimplemented("this org has no events that can be published"))
    }

    async fn publish_stream(
        &self,
        _: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        Err(Status::unimplemented("this org has no events that can be published"))
    }

    async fn managed_subscribe(
        &self,
        _: Request<Streaming<ManagedFetchRequest>>,
    ) -> Result<Response<Self::ManagedSubscribeStream>, Status> {
        Err(Status::unimplemented("this org has no managed subscriptions"))
    }
}

fn new_rpc_id() -> String {
    Uuid::new_v4().to_string()
}

/// A response and the moment it leaves. The moment is absolute, so a delay moves every response and slows none.
struct Delivery {
    due: Instant,
    result: Result<FetchResponse, Status>,
}

impl Delivery {
    async fn when_due(self) -> Result<FetchResponse, Status> {
        if self.due > Instant::now() {
            sleep_until(self.due).await;
        }
        self.result
    }
}

/// Serves one subscriber until it goes, runs out of credit for too long, or the org closes. A clean end is no error.
async fn subscription(
    bus: Arc<Bus>,
    patience: Patience,
    deliveries: mpsc::Sender<Delivery>,
    rpc_id: String,
    mut requests: Streaming<FetchRequest>,
) -> Result<(), Status> {
    let closing = bus.closing();
    let first = tokio::select! {
        request = requests.message() => request?,
        () = tokio::time::sleep(patience.without_credit) => None,
        () = closing.cancelled() => None,
        () = deliveries.closed() => None,
    };
    match first {
        Some(first) => {
            let mut subscription = Subscription::begin(bus, deliveries, rpc_id, &first)?;
            subscription.serve(patience, requests).await
        }
        None => Ok(()),
    }
}

struct Subscription {
    bus: Arc<Bus>,
    deliveries: mpsc::Sender<Delivery>,
    rpc_id: String,
    topic_name: String,
    topic: Topic,
    /// Replay id up to which the subscriber has everything.
    position: u64,
    credits: u32,
}

impl Subscription {
    /// Topic, preset and replay id count in the first request only.
    fn begin(
        bus: Arc<Bus>,
        deliveries: mpsc::Sender<Delivery>,
        rpc_id: String,
        first: &FetchRequest,
    ) -> Result<Subscription, Status> {
        let topic = bus.topic(&first.topic_name).ok_or_else(|| Refusal::UnknownTopic.status(&rpc_id))?;
        let position = match first.replay_preset() {
            ReplayPreset::Latest => bus.latest_replay_id(),
            ReplayPreset::Earliest => 0,
            ReplayPreset::Custom => {
                custom_position(&bus, &first.replay_id).map_err(|refusal| refusal.status(&rpc_id))?
            }
        };
        let topic_name = first.topic_name.clone();
        let mut subscription = Subscription { bus, deliveries, rpc_id, topic_name, topic, position, credits: 0 };
        subscription.add_credits(first)?;
        Ok(subscription)
    }

    fn add_credits(&mut self, request: &FetchRequest) -> Result<(), Status> {
        if !request.topic_name.is_empty() && request.topic_name != self.topic_name {
            return Err(Refusal::TopicChanged.status(&self.rpc_id));
        }
        match u32::try_from(request.num_requested) {
            Ok(requested) if requested > 0 => {
                self.credits = self.credits.saturating_add(requested).min(CREDITS_MAX);
                Ok(())
            }
            _ => Err(Refusal::RequestedEvents.status(&self.rpc_id)),
        }
    }

    async fn serve(&mut self, patience: Patience, mut requests: Streaming<FetchRequest>) -> Result<(), Status> {
        let closing = self.bus.closing();
        let mut commits = self.bus.commits();
        let mut asks_for_more = true;
        let mut quiet_since = Instant::now();
        loop {
            // Marked as seen before the log is read: a commit in between wakes the loop again.
            commits.borrow_and_update();
            while self.credits > 0 && self.deliver_ready().await {
                quiet_since = Instant::now();
            }
            if self.credits == 0 && !asks_for_more {
                return Ok(());
            }

            let patience_ends =
                quiet_since + if self.credits > 0 { patience.keepalive } else { patience.without_credit };
            tokio::select! {
                request = requests.message(), if asks_for_more => match request? {
                    Some(request) => {
                        if self.credits == 0 {
                            quiet_since = Instant::now();
                        }
                        self.add_credits(&request)?;
                    }
                    None => asks_for_more = false,
                },
                changed = commits.changed(), if self.credits > 0 => if changed.is_err() {
                    return Ok(());
                },
                () = sleep_until(patience_ends) => {
                    if self.credits == 0 {
                        return Ok(());
                    }
                    self.deliver(Vec::new()).await;
                    quiet_since = Instant::now();
                }
                () = closing.cancelled() => return Ok(()),
                () = self.deliveries.closed() => return Ok(()),
            }
        }
    }

    /// Sends what is ready, as much as the credits allow, in one response. Whether there was anything.
    async fn deliver_ready(&mut self) -> bool {
        let ready = self.bus.ready(&self.topic, self.position, self.credits as usize);
        self.position = ready.position;
        if ready.events.is_empty() {
            return false;
        }
        self.credits -= u32::try_from(ready.events.len()).unwrap_or(self.credits).min(self.credits);
        self.deliver(ready.events).await
    }

    /// Whether the subscriber is still there to take it.
    async fn deliver(&self, events: Vec<ConsumerEvent>) -> bool {
        let response = FetchResponse {
            events,
            latest_replay_id: self.position.to_be_bytes().to_vec().into(),
            rpc_id: self.rpc_id.clone(),
            pending_num_requested: i32::try_from(self.credits).unwrap_or(i32::MAX),
        };
        let due = Instant::now() + self.bus.response_delay();
        self.deliveries.send(Delivery { due, result: Ok(response) }).await.is_ok()
    }
}

/// The position that a replay id names. Ids are opaque to clients; here they are eight bytes, the highest first.
fn custom_position(bus: &Bus, replay_id: &[u8]) -> Result<u64, Refusal> {
    if replay_id.is_empty() {
        return Err(Refusal::ReplayIdMissing);
    }
    let bytes = <[u8; 8]>::try_from(replay_id).map_err(|_| Refusal::ReplayIdCorrupted)?;
    let position = u64::from_be_bytes(bytes);
    if bus.is_valid_position(position) { Ok(position) } else { Err(Refusal::ReplayIdCorrupted) }
}
