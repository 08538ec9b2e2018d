//! The connector's side of the Pub/Sub protocol, against a server that follows a script: what an emulated org would not do.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{Stream, StreamExt};
use syncline_model::{
    change::{Position, RecordEffect},
    connector::{ChangeStream, Connector, ErrorKind},
};
use syncline_salesforce::{CredentialStore, Salesforce};
use syncline_salesforce_eventbus::v1::{
    ConsumerEvent, FetchRequest, FetchResponse, ManagedFetchRequest, ManagedFetchResponse, ProducerEvent,
    PublishRequest, PublishResponse, ReplayPreset, SchemaInfo, SchemaRequest, TopicInfo, TopicRequest,
    pub_sub_server::{PubSub, PubSubServer},
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, transport::server::TcpIncoming};

use crate::connected::{self, Connected};

const ID: &str = "003q000000KvQ1tAAF";

/// What the server does on one stream, in order; after the last step it closes the stream, unless that is to stay open.
#[derive(Clone, Debug)]
enum Step {
    /// Sends events with these replay ids, and says that the log goes on to the last number.
    Events(Vec<u8>, u8),
    /// Sends as many events, one a response, as were asked for, until so many were sent.
    EventsWithinCredit(usize),
    Refuse(Box<Status>),
    StayOpen,
}

/// What the server saw.
#[derive(Debug, Default)]
struct Seen {
    /// First request and access token of each stream.
    streams: Vec<(FetchRequest, String)>,
    /// The most events that were asked for and not yet sent.
    most_outstanding: i32,
}

#[derive(Clone, Default)]
struct Script {
    streams: Arc<Mutex<VecDeque<Vec<Step>>>>,
    seen: Arc<Mutex<Seen>>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl PubSub for Script {
    type SubscribeStream = Answers<FetchResponse>;
    type PublishStreamStream = Answers<PublishResponse>;
    type ManagedSubscribeStream = Answers<ManagedFetchResponse>;

    async fn subscribe(
        &self,
        request: Request<Streaming<FetchRequest>>,
    ) -> Result<Response<Answers<FetchResponse>>, Status> {
        let token = request.metadata().get("accesstoken").unwrap().to_str().unwrap().to_owned();
        let mut requests = request.into_inner();
        let steps = self.streams.lock().unwrap().pop_front().expect("no more streams than the script has");
        let first = requests.message().await?.unwrap();
        let mut credit = first.num_requested;
        {
            let mut seen = self.seen.lock().unwrap();
            seen.streams.push((first, token));
            seen.most_outstanding = seen.most_outstanding.max(credit);
        }
        if let [Step::Refuse(status)] = &steps[..] {
            return Err(Status::clone(status));
        }
        let (answers, outgoing) = mpsc::channel(1);
        let seen = Arc::clone(&self.seen);
        tokio::spawn(async move {
            for step in steps {
                match step {
                    Step::Events(ids, latest) => {
                        let events = ids.into_iter().map(event).collect();
                        let response =
                            FetchResponse { events, latest_replay_id: vec![latest].into(), ..Default::default() };
                        answers.send(Ok(response)).await.unwrap();
                    }
                    Step::EventsWithinCredit(count) => {
                        for n in 0..count {
                            while credit == 0 {
                                credit += requests.message().await.unwrap().unwrap().num_requested;
                            }
                            // Whatever else was asked for meanwhile counts as outstanding too.
                            while let Ok(Ok(Some(more))) =
                                tokio::time::timeout(Duration::from_micros(50), requests.message()).await
                            {
                                credit += more.num_requested;
                            }
                            let most = seen.lock().unwrap().most_outstanding.max(credit);
                            seen.lock().unwrap().most_outstanding = most;
                            credit -= 1;
                            let events = vec![event((n % 250) as u8)];
                            answers.send(Ok(FetchResponse { events, ..Default::default() })).await.unwrap();
                        }
                    }
                    Step::Refuse(status) => answers.send(Err(*status)).await.unwrap(),
                    Step::StayOpen => answers.closed().await,
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(outgoing).boxed()))
    }

    async fn get_schema(&self, _: Request<SchemaRequest>) -> Result<Response<SchemaInfo>, Status> {
        Err(Status::invalid_argument("there is no such schema"))
    }

    async fn get_topic(&self, _: Request<TopicRequest>) -> Result<Response<TopicInfo>, Status> {
        Ok(Response::new(TopicInfo { can_subscribe: true, ..Default::default() }))
    }

    async fn publish(&self, _: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn publish_stream(
        &self,
        _: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn managed_subscribe(
        &self,
        _: Request<Streaming<ManagedFetchRequest>>,
    ) -> Result<Response<Self::ManagedSubscribeStream>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
}

/// An event of which only the header can be read, since its schema can not be had.
fn event(replay_id: u8) -> ConsumerEvent {
    let text = |text: &str| [&[(text.len() * 2) as u8], text.as_bytes()].concat();
    // Avro: one record id, then the end of the list; UPDATE; origin, key, sequence, time, number, user; three empty lists.
    let payload =
        [text("Contact"), vec![2], text(ID), vec![0, 2], text(""), text("k"), vec![2, 8, 6], text(""), vec![0, 0, 0]]
            .concat();
    let event = ProducerEvent { schema_id: "gone".to_owned(), payload: payload.into(), ..Default::default() };
    ConsumerEvent { event: Some(event), replay_id: vec![replay_id].into() }
}

fn unauthenticated() -> Box<Status> {
    let mut status = Status::unauthenticated("An authentication exception occurred.");
    status.metadata_mut().insert("error-code", "sfdc.platform.eventbus.grpc.service.auth.error".parse().unwrap());
    Box::new(status)
}

/// A connection to a real org whose Pub/Sub API follows the script.
async fn scripted(streams: Vec<Vec<Step>>) -> (Connected, Script, Salesforce) {
    let script = Script { streams: Arc::new(Mutex::new(streams.into())), ..Script::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().add_service(PubSubServer::new(script.clone()));
    tokio::spawn(server.serve_with_incoming(incoming));

    let connected = connected::connect().await;
    let mut settings = connected::settings(&connected.org);
    settings.pubsub.url = format!("http://{address}");
    let store: Arc<dyn CredentialStore> = connected.drawer.clone();
    let salesforce = Salesforce::connect(&settings, &connected.granted.identity, store, connected::clock()).unwrap();
    (connected, script, salesforce)
}

/// Everything up to the end of the stream: how many changes, the last position, and how it ended.
async fn drain(stream: &mut Box<dyn ChangeStream>) -> (usize, Option<Position>, Result<(), ErrorKind>) {
    let (mut count, mut position) = (0, None);
    loop {
        match tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("the stream goes on in time") {
            Ok(Some(batch)) => {
                assert!(
                    batch.changes.iter().all(|change| change.record_id == ID && change.effect == RecordEffect::Unknown)
                );
                count += batch.changes.len();
                position = batch.position.or(position);
            }
            Ok(None) => return (count, position, Ok(())),
            Err(error) => return (count, position, Err(error.kind)),
        }
    }
}

#[tokio::test]
async fn a_position_is_behind_what_came_in_full_and_that_of_the_log_only_where_nothing_came() {
    let (_connected, script, salesforce) =
        scripted(vec![vec![Step::Events(vec![1, 3, 5], 9)], vec![Step::Events(vec![], 9), Step::Events(vec![11], 12)]])
            .await;
    let mut stream = salesforce.changes("/data/ChangeEvents", None).await.unwrap();
    assert_eq!(drain(&mut stream).await, (3, Some(Position(vec![3])), Ok(())));
    let mut stream = salesforce.changes("/data/ChangeEvents", Some(&Position(vec![3]))).await.unwrap();
    assert_eq!(drain(&mut stream).await, (1, Some(Position(vec![9])), Ok(())));

    let seen = script.seen.lock().unwrap();
    let opened: Vec<_> = seen
        .streams
        .iter()
        .map(|(first, _)| (first.replay_preset(), first.replay_id.to_vec(), first.num_requested))
        .collect();
    assert_eq!(opened, [(ReplayPreset::Earliest, vec![], 100), (ReplayPreset::Custom, vec![3], 100)]);
}

#[tokio::test]
async fn an_event_that_is_told_in_parts_is_passed_only_with_the_last_of_them() {
    let (_connected, _script, salesforce) = scripted(vec![
        vec![Step::Events(vec![1], 9), Step::Events(vec![3], 9), Step::Events(vec![3], 9)],
        vec![Step::Events(vec![3, 3, 3], 9), Step::Events(vec![4], 9)],
    ])
    .await;
    let mut stream = salesforce.changes("/data/ChangeEvents", None).await.unwrap();
    assert_eq!(drain(&mut stream).await, (3, Some(Position(vec![1])), Ok(())));
    let mut stream = salesforce.changes("/data/ChangeEvents", Some(&Position(vec![1]))).await.unwrap();
    assert_eq!(drain(&mut stream).await, (4, Some(Position(vec![3])), Ok(())));
}

#[tokio::test]
async fn a_stream_whose_session_ends_goes_on_under_a_new_one_where_it_was() {
    let (connected, script, salesforce) = scripted(vec![
        vec![Step::Events(vec![1, 2, 3], 5), Step::Refuse(unauthenticated())],
        vec![Step::Events(vec![3, 4], 5), Step::Refuse(unauthenticated())],
        vec![Step::Events(vec![4, 5], 5)],
    ])
    .await;
    let mut stream = salesforce.changes("/data/ChangeEvents", None).await.unwrap();
    assert_eq!(drain(&mut stream).await, (7, Some(Position(vec![4])), Ok(())));

    let seen = script.seen.lock().unwrap();
    let from: Vec<_> = seen.streams.iter().map(|(first, _)| first.replay_id.to_vec()).collect();
    assert_eq!(from, [vec![], vec![2], vec![3]]);
    assert!(seen.streams.windows(2).all(|pair| pair[0].1 != pair[1].1), "each stream has a token of its own");
    assert_eq!(connected.calls("POST /services/oauth2/token"), 2);
}

#[tokio::test]
async fn a_session_that_is_refused_although_it_is_new_is_not_renewed_for_ever() {
    let refusals = vec![vec![Step::Refuse(unauthenticated())]; 2];
    let (connected, script, salesforce) = scripted(refusals).await;
    let Err(error) = salesforce.changes("/data/ChangeEvents", None).await else { panic!("the stream opened") };
    assert_eq!(error.kind, ErrorKind::Misconfigured, "{error}");
    assert_eq!(script.seen.lock().unwrap().streams.len(), 2);
    assert_eq!(connected.calls("POST /services/oauth2/token"), 1);
}

#[tokio::test]
async fn more_is_asked_for_in_time_and_never_more_than_salesforce_allows() {
    let (_connected, script, salesforce) = scripted(vec![vec![Step::EventsWithinCredit(500)]]).await;
    let mut stream = salesforce.changes("/data/ChangeEvents", None).await.unwrap();
    let (count, _, end) = drain(&mut stream).await;
    assert_eq!((count, end), (500, Ok(())));
    let most = script.seen.lock().unwrap().most_outstanding;
    assert_eq!(most, 100);
}

#[tokio::test]
async fn refusals_come_out_as_what_they_mean() {
    for (status, trailer, kind) in [
        (Status::invalid_argument("no"), "subscription.fetch.replayid.corrupted", ErrorKind::PositionLost),
        (Status::invalid_argument("no"), "subscription.fetch.replayid.validation.failed", ErrorKind::PositionLost),
        (Status::resource_exhausted("no"), "subscription.limit.exceeded", ErrorKind::QuotaExhausted),
        (Status::unavailable("no"), "service.unavailable", ErrorKind::Transient),
        (Status::permission_denied("no"), "", ErrorKind::Misconfigured),
    ] {
        let mut status = status;
        if !trailer.is_empty() {
            let code = format!("sfdc.platform.eventbus.grpc.{trailer}");
            status.metadata_mut().insert("error-code", code.parse().unwrap());
        }
        let refusal = Step::Refuse(Box::new(status));
        // At once, and after the stream has opened.
        let (_connected, _script, salesforce) =
            scripted(vec![vec![refusal.clone()], vec![Step::Events(vec![1, 2], 2), refusal]]).await;
        let Err(error) = salesforce.changes("/data/ChangeEvents", None).await else { panic!("the stream opened") };
        assert_eq!(error.kind, kind, "{trailer}");
        let mut stream = salesforce.changes("/data/ChangeEvents", None).await.unwrap();
        assert_eq!(drain(&mut stream).await, (2, Some(Position(vec![1])), Err(kind)), "{trailer}");
    }
}

#[tokio::test]
async fn dropping_a_stream_ends_it_at_the_server() {
    let (_connected, script, salesforce) = scripted(vec![vec![Step::StayOpen]]).await;
    let stream = salesforce.changes("/data/ChangeEvents", None).await.unwrap();
    let task = Arc::strong_count(&script.seen);
    drop(stream);
    tokio::time::timeout(Duration::from_secs(20), async {
        while Arc::strong_count(&script.seen) >= task {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("the server notices");
}
