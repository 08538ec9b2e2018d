//! One subscription from its first request to its end: credits, keepalives, commits of a managed one, and when it ends.
//!
//! Subscribe and ManagedSubscribe differ in where they begin and in commits; here both are one.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use syncline_salesforce_eventbus::v1::{
    CommitReplayRequest, CommitReplayResponse, ConsumerEvent, Error as EventError, ErrorCode, FetchRequest,
    FetchResponse, ManagedFetchRequest, ManagedFetchResponse, ReplayPreset,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::bus::{Bus, Start, replay_id_bytes};
use super::fault::StreamEnd;
use super::reader::Reader;
use super::refusal::Refusal;
use super::service::Patience;
use crate::core::oauth::Session;

/// Most events that a subscriber can have asked for and not yet got; a larger number counts as this one (Pub/Sub API guide).
const CREDITS_MAX: u32 = 100;

/// Responses on their way to one subscriber. Each holds an event, answers a commit or is a keepalive, so with every credit used
/// there are not many more than credits, even while a set delay keeps all of them waiting.
pub(super) const DELIVERIES_MAX: usize = CREDITS_MAX as usize + 1;

/// What a subscription is about. Counts in the first request only.
#[derive(Clone, PartialEq)]
pub(super) enum Subject {
    Topic { name: String, preset: ReplayPreset, replay_id: bytes::Bytes },
    Managed { id: String, name: String },
}

/// A request of either kind.
pub(super) struct Ask {
    subject: Subject,
    num_requested: i32,
    commit: Option<CommitReplayRequest>,
}

impl From<FetchRequest> for Ask {
    fn from(request: FetchRequest) -> Ask {
        let preset = request.replay_preset();
        let subject = Subject::Topic { name: request.topic_name, preset, replay_id: request.replay_id };
        Ask { subject, num_requested: request.num_requested, commit: None }
    }
}

impl From<ManagedFetchRequest> for Ask {
    fn from(request: ManagedFetchRequest) -> Ask {
        let subject = Subject::Managed { id: request.subscription_id, name: request.developer_name };
        Ask { subject, num_requested: request.num_requested, commit: request.commit_replay_id_request }
    }
}

/// A response of either kind.
pub(super) struct Batch {
    events: Vec<ConsumerEvent>,
    position: u64,
    rpc_id: String,
    credits: u32,
    commit: Option<CommitReplayResponse>,
}

impl From<Batch> for FetchResponse {
    fn from(batch: Batch) -> FetchResponse {
        FetchResponse {
            events: batch.events,
            latest_replay_id: replay_id_bytes(batch.position),
            rpc_id: batch.rpc_id,
            pending_num_requested: i32::try_from(batch.credits).unwrap_or(i32::MAX),
        }
    }
}

impl From<Batch> for ManagedFetchResponse {
    fn from(batch: Batch) -> ManagedFetchResponse {
        ManagedFetchResponse {
            events: batch.events,
            latest_replay_id: replay_id_bytes(batch.position),
            rpc_id: batch.rpc_id,
            pending_num_requested: i32::try_from(batch.credits).unwrap_or(i32::MAX),
            commit_response: batch.commit,
        }
    }
}

/// A response and the moment it leaves. The moment is absolute, so a delay moves every response and slows none.
pub(super) struct Delivery {
    due: Instant,
    result: Result<Batch, Status>,
}

impl Delivery {
    pub(super) async fn when_due<R: From<Batch>>(self) -> Result<R, Status> {
        if self.due > Instant::now() {
            sleep_until(self.due).await;
        }
        self.result.map(R::from)
    }
}

pub(super) type Asks = Pin<Box<dyn Stream<Item = Result<Ask, Status>> + Send>>;

/// Who subscribes, and how to answer.
pub(super) struct Caller {
    pub(super) bus: Arc<Bus>,
    pub(super) session: Session,
    pub(super) deliveries: mpsc::Sender<Delivery>,
    pub(super) rpc_id: String,
    /// Number of the call in the ledger.
    pub(super) number: u64,
}

/// Serves one subscriber until it goes, runs out of credit for too long, or the org ends it.
pub(super) async fn serve(caller: Caller, patience: Patience, asks: Asks) {
    let refused = caller.deliveries.clone();
    let rpc_id = caller.rpc_id.clone();
    let ended = run(caller, patience, asks).await;
    let status = match ended {
        Ok(()) => return,
        Err(End::Refused(refusal)) => refusal.status(&rpc_id),
        Err(End::Broken(status)) => status,
    };
    // The subscriber may have gone; then there is no one to tell.
    let _ = refused.send(Delivery { due: Instant::now(), result: Err(status) }).await;
}

/// Why a subscription ended other than cleanly.
enum End {
    Refused(Refusal),
    Broken(Status),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> End {
        End::Refused(refusal)
    }
}

async fn run(caller: Caller, patience: Patience, mut asks: Asks) -> Result<(), End> {
    let closing = caller.bus.closing();
    let mut stream_ends = caller.bus.stream_ends();
    let first = tokio::select! {
        ask = asks.next() => ask.transpose().map_err(End::Broken)?,
        () = tokio::time::sleep(patience.without_credit) => None,
        () = closing.cancelled() => None,
        _ = stream_ends.changed() => return ended_by(*stream_ends.borrow()),
        () = caller.deliveries.closed() => None,
    };
    match first {
        Some(first) => Subscription::begin(caller, first).await?.serve(patience, asks).await,
        None => Ok(()),
    }
}

fn ended_by(end: StreamEnd) -> Result<(), End> {
    match end {
        StreamEnd::Clean | StreamEnd::Deaf => Ok(()),
        StreamEnd::Unavailable => Err(Refusal::Unavailable.into()),
    }
}

struct Subscription {
    caller: Caller,
    subject: Subject,
    managed_id: Option<String>,
    reader: Reader,
    /// Replay id up to which the subscriber has everything.
    position: u64,
    credits: u32,
    delivered: u64,
    /// It tells of nothing any more.
    is_deaf: bool,
}

impl Subscription {
    async fn begin(caller: Caller, first: Ask) -> Result<Subscription, End> {
        if let Some(refusal) = caller.bus.event_faults().refusal {
            return Err(refusal.into());
        }
        let (reader, managed_id) = match &first.subject {
            Subject::Topic { name, preset, replay_id } => {
                caller.bus.note_subject(caller.number, name, preset.as_str_name());
                let start = match preset {
                    ReplayPreset::Latest => Start::Latest,
                    ReplayPreset::Earliest => Start::Earliest,
                    ReplayPreset::Custom => Start::After(replay_id),
                };
                (caller.bus.read(&caller.session, name, &start)?, None)
            }
            Subject::Managed { id, name } => {
                let (reader, id) = caller.bus.read_managed(&caller.session, id, name)?;
                (reader, Some(id))
            }
        };
        let position = reader.position();
        let subject = first.subject.clone();
        let mut subscription =
            Subscription { caller, subject, managed_id, reader, position, credits: 0, delivered: 0, is_deaf: false };
        subscription.take_ask(first).await?;
        Ok(subscription)
    }

    /// Adds the credits of a request and does the commit it asks for.
    async fn take_ask(&mut self, ask: Ask) -> Result<(), End> {
        self.check_subject(&ask.subject)?;
        let commits = ask.commit.is_some();
        if let (Some(commit), Some(id)) = (ask.commit, &self.managed_id) {
            let (is_committed, process_time) = self.caller.bus.commit(id, &commit.replay_id);
            let refused = || EventError {
                code: ErrorCode::Commit.into(),
                msg: "The Replay ID to commit isn't valid.".to_owned(),
            };
            let response = CommitReplayResponse {
                commit_request_id: commit.commit_request_id,
                replay_id: commit.replay_id,
                error: (!is_committed).then(refused),
                process_time,
            };
            self.deliver(Vec::new(), Some(response)).await;
        }
        match u32::try_from(ask.num_requested) {
            Ok(0) if commits => Ok(()),
            Ok(requested) if requested > 0 => {
                self.credits = self.credits.saturating_add(requested).min(CREDITS_MAX);
                Ok(())
            }
            _ => Err(Refusal::RequestedEvents.into()),
        }
    }

    /// A later request may repeat the subject, or leave it out.
    fn check_subject(&self, subject: &Subject) -> Result<(), Refusal> {
        let repeats = |later: &str, first: &str| later.is_empty() || later == first;
        let is_same = match (subject, &self.subject) {
            (Subject::Topic { name, .. }, Subject::Topic { name: first, .. }) => repeats(name, first),
            (Subject::Managed { id, name }, Subject::Managed { id: first_id, name: first }) => {
                repeats(id, first_id) && repeats(name, first)
            }
            _ => false,
        };
        if is_same { Ok(()) } else { Err(Refusal::TopicChanged) }
    }

    async fn serve(&mut self, patience: Patience, mut asks: Asks) -> Result<(), End> {
        let bus = self.caller.bus.clone();
        let closing = bus.closing();
        let (mut commits, mut stream_ends) = (bus.commits(), bus.stream_ends());
        let mut asks_for_more = true;
        let mut quiet_since = Instant::now();
        loop {
            // Marked as seen before the log is read: a commit in between wakes the loop again.
            commits.borrow_and_update();
            while self.credits > 0 && !self.is_deaf && self.deliver_ready().await? {
                quiet_since = Instant::now();
            }
            let faults = bus.event_faults();
            if faults.end_stream_after > 0 && self.delivered >= faults.end_stream_after {
                return ended_by(if faults.end_unavailable { StreamEnd::Unavailable } else { StreamEnd::Clean });
            }
            if self.credits == 0 && !asks_for_more {
                return Ok(());
            }

            let patience_ends =
                quiet_since + if self.credits > 0 { patience.keepalive } else { patience.without_credit };
            tokio::select! {
                ask = asks.next(), if asks_for_more => match ask.transpose().map_err(End::Broken)? {
                    Some(ask) => {
                        if self.credits == 0 {
                            quiet_since = Instant::now();
                        }
                        self.take_ask(ask).await?;
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
                    // Looks again whether the session still lives, too.
                    self.position = bus.ready(&mut self.reader, 0)?.position.max(self.position);
                    self.deliver(Vec::new(), None).await;
                    quiet_since = Instant::now();
                }
                () = closing.cancelled() => return Ok(()),
                _ = stream_ends.changed() => match *stream_ends.borrow() {
                    StreamEnd::Deaf => self.is_deaf = true,
                    end => return ended_by(end),
                },
                () = self.caller.deliveries.closed() => return Ok(()),
            }
        }
    }

    /// Sends what is ready, as much as the credits allow, in one response. Whether there may be more.
    async fn deliver_ready(&mut self) -> Result<bool, Refusal> {
        let faults = self.caller.bus.event_faults();
        let mut events_max = self.credits as usize;
        if faults.end_stream_after > 0 {
            let left = faults.end_stream_after.saturating_sub(self.delivered);
            events_max = events_max.min(usize::try_from(left).unwrap_or(usize::MAX));
        }
        let ready = self.caller.bus.ready(&mut self.reader, events_max)?;
        self.position = ready.position;
        if ready.events.is_empty() {
            // A long stretch of the log that is not this subscriber's is walked in steps, and others have their turn between.
            tokio::task::yield_now().await;
            return Ok(ready.more && events_max > 0);
        }
        self.delivered += ready.events.len() as u64;
        self.credits -= u32::try_from(ready.events.len()).unwrap_or(self.credits).min(self.credits);
        Ok(self.deliver(ready.events, None).await)
    }

    /// Whether the subscriber is still there to take it.
    async fn deliver(&self, events: Vec<ConsumerEvent>, commit: Option<CommitReplayResponse>) -> bool {
        let batch = Batch {
            events,
            position: self.position,
            rpc_id: self.caller.rpc_id.clone(),
            credits: self.credits,
            commit,
        };
        let due = Instant::now() + self.caller.bus.response_delay();
        self.caller.deliveries.send(Delivery { due, result: Ok(batch) }).await.is_ok()
    }
}
