//! The Pub/Sub API's six calls: who may call, and what each answers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use syncline_salesforce_eventbus::v1::pub_sub_server::PubSub;
use syncline_salesforce_eventbus::v1::{
    FetchRequest, FetchResponse, ManagedFetchRequest, ManagedFetchResponse, PublishRequest, PublishResponse,
    SchemaInfo, SchemaRequest, TopicInfo, TopicRequest,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::bus::{Bus, StreamPlace};
use super::publish::publish;
use super::refusal::Refusal;
use super::subscription::{Ask, Batch, Caller, DELIVERIES_MAX, Delivery, serve};
use crate::core::oauth::Session;

/// Answers of a publishing stream on their way; a publisher that reads none of them is not read from either.
const PUBLISH_ANSWERS_MAX: usize = 16;

/// How long a stream is kept up when nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// An idle subscriber gets an empty response this long after the last one. Salesforce: 270 s.
    pub keepalive: Duration,
    /// A subscriber without credit has this long to ask for more. Salesforce: 60 s.
    pub without_credit: Duration,
    /// A publishing stream has this long until its next request. Salesforce: 70 s.
    pub without_publish: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            keepalive: Duration::from_secs(270),
            without_credit: Duration::from_secs(60),
            without_publish: Duration::from_secs(70),
        }
    }
}

/// The service `eventbus.v1.PubSub`.
#[derive(Clone)]
pub(crate) struct PubSubService {
    bus: Arc<Bus>,
    patience: Patience,
}

type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// One admitted call.
struct Admitted {
    session: Session,
    rpc_id: String,
    /// Its number in the ledger.
    number: u64,
}

impl Admitted {
    fn refuse(&self, refusal: Refusal) -> Status {
        refusal.status(&self.rpc_id)
    }
}

impl PubSubService {
    pub(crate) fn new(bus: Arc<Bus>, patience: Patience) -> PubSubService {
        PubSubService { bus, patience }
    }

    /// Every call names its session in its metadata.
    fn admit(&self, method: &str, metadata: &MetadataMap) -> Result<Admitted, Status> {
        let rpc_id = Uuid::new_v4().to_string();
        let text = |key: &str| metadata.get(key).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let session = match self.bus.event_faults().unavailable {
            true => Err(Refusal::Unavailable),
            false => self
                .bus
                .session(text("accesstoken"), text("tenantid"))
                .filter(|_| !text("instanceurl").is_empty())
                .ok_or(Refusal::Authentication),
        };
        let number = self.bus.note_call(method, &session);
        match session {
            Ok(session) => Ok(Admitted { session, rpc_id, number }),
            Err(refusal) => Err(refusal.status(&rpc_id)),
        }
    }

    async fn delay(&self) {
        tokio::time::sleep(self.bus.response_delay()).await;
    }

    /// Opens a subscription of either kind.
    fn open<A, R>(&self, method: &str, request: Request<Streaming<A>>) -> Result<Response<ResponseStream<R>>, Status>
    where
        Ask: From<A>,
        A: Send + 'static,
        R: From<Batch> + Send + 'static,
    {
        let admitted = self.admit(method, request.metadata())?;
        let place = self.bus.stream_place().map_err(|refusal| admitted.refuse(refusal))?;
        // Clients wait for the answer's head before they ask for events, so a bad first request is an error in the stream.
        let (deliveries, receiver) = mpsc::channel(DELIVERIES_MAX);
        let Admitted { session, rpc_id, number } = admitted;
        let caller = Caller { bus: self.bus.clone(), session, deliveries, rpc_id, number };
        let asks = request.into_inner().map_ok(Ask::from).boxed();
        tokio::spawn(keeping(place, serve(caller, self.patience, asks)));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver).then(Delivery::when_due::<R>))))
    }
}

/// Holds a stream's place for as long as it is served.
async fn keeping(place: StreamPlace, served: impl Future<Output = ()>) {
    served.await;
    drop(place);
}

#[tonic::async_trait]
impl PubSub for PubSubService {
    type SubscribeStream = ResponseStream<FetchResponse>;
    type PublishStreamStream = ResponseStream<PublishResponse>;
    type ManagedSubscribeStream = ResponseStream<ManagedFetchResponse>;

    async fn get_topic(&self, request: Request<TopicRequest>) -> Result<Response<TopicInfo>, Status> {
        let admitted = self.admit("GetTopic", request.metadata())?;
        let topic_name = request.into_inner().topic_name;
        let topic = self.bus.topic(&admitted.session, &topic_name);
        let (can_publish, can_subscribe, schema_id) = topic.map_err(|refusal| admitted.refuse(refusal))?;
        self.delay().await;
        Ok(Response::new(TopicInfo {
            topic_name,
            tenant_guid: format!("core/prod/{}", self.bus.org_id()),
            can_publish,
            can_subscribe,
            schema_id,
            rpc_id: admitted.rpc_id,
        }))
    }

    async fn get_schema(&self, request: Request<SchemaRequest>) -> Result<Response<SchemaInfo>, Status> {
        let admitted = self.admit("GetSchema", request.metadata())?;
        let schema_id = request.into_inner().schema_id;
        let schema = self.bus.schema(&schema_id).ok_or_else(|| admitted.refuse(Refusal::UnknownSchema))?;
        self.delay().await;
        Ok(Response::new(SchemaInfo { schema_json: schema.json.clone(), schema_id, rpc_id: admitted.rpc_id }))
    }

    async fn subscribe(
        &self,
        request: Request<Streaming<FetchRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        self.open("Subscribe", request)
    }

    async fn managed_subscribe(
        &self,
        request: Request<Streaming<ManagedFetchRequest>>,
    ) -> Result<Response<Self::ManagedSubscribeStream>, Status> {
        self.open("ManagedSubscribe", request)
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let admitted = self.admit("Publish", request.metadata())?;
        let published = publish(&self.bus, &admitted.session, request.get_ref(), &admitted.rpc_id);
        let response = published.map_err(|refusal| admitted.refuse(refusal))?;
        self.delay().await;
        Ok(Response::new(response))
    }

    async fn publish_stream(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        let admitted = self.admit("PublishStream", request.metadata())?;
        let place = self.bus.stream_place().map_err(|refusal| admitted.refuse(refusal))?;
        let (answers, receiver) = mpsc::channel(PUBLISH_ANSWERS_MAX);
        let (service, requests) = (self.clone(), request.into_inner());
        tokio::spawn(keeping(place, async move {
            if let Err(status) = service.publish_all(&admitted, requests, &answers).await {
                // The publisher may have gone; then there is no one to tell.
                let _ = answers.send(Err(status)).await;
            }
        }));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

impl PubSubService {
    /// Answers each request of a publishing stream, until its publisher has nothing more or waits for too long.
    async fn publish_all(
        &self,
        admitted: &Admitted,
        mut requests: Streaming<PublishRequest>,
        answers: &mpsc::Sender<Result<PublishResponse, Status>>,
    ) -> Result<(), Status> {
        let closing = self.bus.closing();
        let mut stream_ends = self.bus.stream_ends();
        let mut topic_name = String::new();
        loop {
            let next = tokio::select! {
                next = requests.message() => next?,
                () = tokio::time::sleep(self.patience.without_publish) => None,
                () = closing.cancelled() => None,
                _ = stream_ends.changed() => None,
                () = answers.closed() => None,
            };
            let Some(mut request) = next else { return Ok(()) };
            if topic_name.is_empty() {
                topic_name.clone_from(&request.topic_name);
            }
            if request.topic_name.is_empty() {
                request.topic_name.clone_from(&topic_name);
            }
            let published = match request.topic_name == topic_name {
                true => self
                    .check_session(admitted)
                    .and_then(|()| publish(&self.bus, &admitted.session, &request, &admitted.rpc_id)),
                false => Err(Refusal::TopicChanged),
            };
            let response = published.map_err(|refusal| admitted.refuse(refusal))?;
            self.delay().await;
            if answers.send(Ok(response)).await.is_err() {
                return Ok(());
            }
        }
    }

    /// A stream may outlive its session.
    fn check_session(&self, admitted: &Admitted) -> Result<(), Refusal> {
        match self.bus.session(&admitted.session.access_token, self.bus.org_id()) {
            Some(_) => Ok(()),
            None => Err(Refusal::Authentication),
        }
    }
}
