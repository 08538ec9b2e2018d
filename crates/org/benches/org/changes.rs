//! Change events to one subscriber, which always has credit left.

use std::time::Instant;

use futures::StreamExt;
use syncline_org::core::{Write, WriteContext};
use syncline_salesforce_eventbus::v1::pub_sub_client::PubSubClient;
use syncline_salesforce_eventbus::v1::{FetchRequest, FetchResponse, ReplayPreset};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Request, Streaming};

use crate::{Bench, bare, print};

const TOPIC: &str = "/data/ContactChangeEvent";
const EVENTS: usize = 100_000;
/// Events that may be on their way (Pub/Sub API guide).
const CREDITS: i32 = 100;

pub(crate) async fn measure(bench: &Bench) {
    commit_changes(bench).await;
    let mut rates = Vec::new();
    let mut sample = Vec::new();
    for _ in 0..bench.rounds {
        let first = FetchRequest {
            topic_name: TOPIC.to_owned(),
            replay_preset: ReplayPreset::Earliest.into(),
            num_requested: CREDITS,
            ..FetchRequest::default()
        };
        let (rate, responses) = subscribe(&bench.org.pubsub_url, &bench.org.org_id, &bench.token, first).await;
        rates.push(rate);
        sample = responses;
    }
    print("Change events to one subscriber", "events/s", rates);

    let server = bare::PubSubServer::start(sample).await;
    let mut limits = Vec::new();
    for _ in 0..bench.rounds {
        let first = FetchRequest { topic_name: TOPIC.to_owned(), num_requested: CREDITS, ..FetchRequest::default() };
        limits.push(subscribe(&server.url, "", "", first).await.0);
    }
    print("  limit: the same messages, ready-made", "events/s", limits);
}

/// Changes that differ, so that none are told together.
async fn commit_changes(bench: &Bench) {
    let found = bench.query("SELECT Id FROM Contact LIMIT 2000").await;
    let ids: Vec<String> = found["records"]
        .as_array()
        .expect("records")
        .iter()
        .filter_map(|row| row["Id"].as_str().map(str::to_owned))
        .collect();
    let handle = bench.org.handle();
    let user_id = handle.lock().admin_user_id().to_owned();
    for batch in 0..EVENTS / 200 {
        let writes = (0..200).map(|number| {
            let id = ids[(batch * 200 + number) % ids.len()].clone();
            let values = [
                ("Title".to_owned(), format!("Title {batch} {number}").into()),
                ("Phone".to_owned(), number.to_string().into()),
            ];
            Write::Update { object: None, id, values: values.into_iter().collect() }
        });
        let context = WriteContext { user_id: user_id.clone(), change_origin: String::new(), now_ms: handle.now_ms() };
        let results = handle.commit(&context, false, writes.collect());
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
}

/// Reads the events, each batch asking for as many more, and says how many came a second.
async fn subscribe(url: &str, tenant: &str, token: &str, first: FetchRequest) -> (f64, Vec<FetchResponse>) {
    let endpoint = Endpoint::from_shared(url.to_owned()).expect("a URL").tcp_nodelay(true);
    let channel = endpoint.connect().await.expect("the door is open");
    let (requests, receiver) = mpsc::channel(CREDITS as usize);
    let mut request = Request::new(ReceiverStream::new(receiver));
    for (key, value) in [("accesstoken", token), ("tenantid", tenant), ("instanceurl", "http://127.0.0.1")] {
        request.metadata_mut().insert(key, value.parse().expect("ASCII"));
    }
    let mut client = PubSubClient::new(channel).max_decoding_message_size(16 << 20);
    requests.send(first).await.expect("the stream is open");
    let started = Instant::now();
    let mut stream: Streaming<FetchResponse> = client.subscribe(request).await.expect("subscribed").into_inner();
    let (mut count, mut kept) = (0, Vec::new());
    while count < EVENTS {
        let response = stream.next().await.expect("more to come").expect("a response");
        let more = i32::try_from(response.events.len()).unwrap_or(CREDITS);
        count += response.events.len();
        kept.push(response);
        let more = FetchRequest { topic_name: TOPIC.to_owned(), num_requested: more, ..FetchRequest::default() };
        // After the last event the other side may have gone.
        if requests.send(more).await.is_err() {
            break;
        }
    }
    assert_eq!(count, EVENTS, "every change arrives once");
    (count as f64 / started.elapsed().as_secs_f64(), kept)
}
