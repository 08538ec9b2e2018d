//! Managed subscriptions: the org remembers how far a client got.

use super::*;
use syncline_org::core::channel::{ManagedDefinition, Replay, RunState};
use syncline_org::pubsub::EventAction;
use syncline_salesforce_eventbus::v1::{CommitReplayRequest, ErrorCode, ManagedFetchRequest, ManagedFetchResponse};

const NAME: &str = "Accounts_Watcher";

fn definition(default_replay: Replay) -> ManagedDefinition {
    ManagedDefinition {
        label: "Accounts".to_owned(),
        topic_name: ACCOUNTS.to_owned(),
        default_replay,
        error_recovery_replay: Replay::Earliest,
        state: RunState::Run,
    }
}

struct Managed {
    requests: mpsc::Sender<ManagedFetchRequest>,
    responses: Streaming<ManagedFetchResponse>,
}

impl Managed {
    async fn open(fixture: &Fixture, developer_name: &str, num_requested: i32) -> Managed {
        let (requests, receiver) = mpsc::channel(8);
        let developer_name = developer_name.to_owned();
        let first = ManagedFetchRequest { developer_name, num_requested, ..ManagedFetchRequest::default() };
        requests.send(first).await.expect("the channel has room");
        let stream = fixture.client().await.managed_subscribe(ReceiverStream::new(receiver)).await;
        Managed { requests, responses: stream.expect("a stream").into_inner() }
    }

    async fn next(&mut self) -> Result<Option<ManagedFetchResponse>, Status> {
        tokio::time::timeout(DEADLINE, self.responses.message()).await.expect("the org answers in time")
    }

    async fn response(&mut self) -> ManagedFetchResponse {
        self.next().await.expect("no error").expect("the stream goes on")
    }

    /// Commits a position, and says what became of it.
    async fn commit(&mut self, replay_id: &[u8]) -> Option<ErrorCode> {
        let commit = CommitReplayRequest { commit_request_id: "one".to_owned(), replay_id: replay_id.to_vec().into() };
        let request = ManagedFetchRequest { commit_replay_id_request: Some(commit), ..ManagedFetchRequest::default() };
        self.requests.send(request).await.expect("the stream is open");
        let response = loop {
            if let Some(response) = self.response().await.commit_response {
                break response;
            }
        };
        assert_eq!((response.commit_request_id.as_str(), &response.replay_id[..]), ("one", replay_id));
        assert!(response.process_time > 0);
        response.error.map(|error| error.code())
    }
}

#[tokio::test]
async fn a_client_goes_on_after_what_it_committed() {
    let fixture = Fixture::start().await;
    let now_ms = fixture.org.now_ms();
    let id = fixture.org.lock().create_managed_subscription(NAME, definition(Replay::Earliest), now_ms);
    assert!(id.expect("a managed subscription").starts_with("18x"));
    fixture.create_accounts(3);

    let mut first = Managed::open(&fixture, NAME, 10).await;
    let response = first.response().await;
    assert_eq!(positions(&response.events), fixture.replay_ids());
    assert_eq!(first.commit(&response.events[1].replay_id).await, None);
    assert_eq!(first.commit(b"nonsense").await, Some(ErrorCode::Commit));
    drop(first);

    let mut second = Managed::open(&fixture, NAME, 10).await;
    assert_eq!(positions(&second.response().await.events), fixture.replay_ids()[2..]);

    fixture.org.act_on_events(EventAction::ForgetReplayIds);
    fixture.create_accounts(1);
    let mut third = Managed::open(&fixture, NAME, 10).await;
    assert_eq!(positions(&third.response().await.events), fixture.replay_ids(), "the committed position was forgotten");
}

#[tokio::test]
async fn a_stopped_or_unknown_subscription_is_refused_and_stopping_ends_its_streams() {
    let fixture = Fixture::start_with(impatient()).await;
    let now_ms = fixture.org.now_ms();
    let id = fixture.org.lock().create_managed_subscription(NAME, definition(Replay::Latest), now_ms);
    let id = id.expect("a managed subscription");
    fixture.create_accounts(1);
    let mut subscriber = Managed::open(&fixture, NAME, 10).await;
    assert!(subscriber.response().await.events.is_empty(), "LATEST brings nothing of before");

    let stopped = ManagedDefinition { state: RunState::Stop, ..definition(Replay::Latest) };
    fixture.org.lock().update_managed_subscription(&id, NAME, stopped, now_ms).expect("it can be stopped");
    let ended = loop {
        match subscriber.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended cleanly"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::FailedPrecondition);
    let refused = Managed::open(&fixture, NAME, 10).await.next().await.expect_err("it is stopped");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let refused = Managed::open(&fixture, "Nobody", 10).await.next().await.expect_err("there is none");
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn an_org_has_at_most_two_hundred_of_them() {
    let fixture = Fixture::start().await;
    let mut org = fixture.org.lock();
    for number in 0..200 {
        org.create_managed_subscription(&format!("S{number}"), definition(Replay::Latest), 0).expect("one of 200");
    }
    let one_more = org.create_managed_subscription("S200", definition(Replay::Latest), 0);
    assert_eq!(one_more.expect_err("200 are enough").code, "LIMIT_EXCEEDED");
}
