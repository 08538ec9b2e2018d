//! How the Pub/Sub API says no: a gRPC status with the trailers `error-code` and `rpc-id`.

use serde::{Deserialize, Serialize};
use tonic::{Code, Status};

/// A reason to refuse a call, with the documented error code where there is one (Pub/Sub API guide, "Error Codes").
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No session, or one that has ended.
    Authentication,
    /// A session that could not be prolonged; only a fault says so.
    AuthenticationRefresh,
    /// No topic has this name.
    UnknownTopic,
    /// The user may not do this with the topic.
    NoAccess,
    /// No schema has this id.
    UnknownSchema,
    /// `num_requested` is not positive.
    RequestedEvents,
    /// A replay from a custom position without a position.
    ReplayIdMissing,
    /// A position that is no position of this org's log, or no longer.
    ReplayIdCorrupted,
    /// A later request of a stream names another topic.
    TopicChanged,
    /// A publish request without events.
    NothingToPublish,
    /// No managed subscription has this id or name.
    UnknownManagedSubscription,
    /// The managed subscription was stopped.
    ManagedSubscriptionStopped,
    /// Too many streams are open.
    TooManyStreams,
    /// All the events of a day were delivered.
    DeliveryLimit,
    /// The service plays dead.
    Unavailable,
}

impl Refusal {
    /// The status to answer with. `rpc_id` names the call in the server's log.
    pub(crate) fn status(self, rpc_id: &str) -> Status {
        let (code, _, message) = self.words();
        let mut status = Status::new(code, format!("{message} rpcId: {rpc_id}"));
        let trailers = status.metadata_mut();
        if let Ok(error_code) = self.error_code().parse() {
            trailers.insert("error-code", error_code);
        }
        if let Ok(rpc_id) = rpc_id.parse() {
            trailers.insert("rpc-id", rpc_id);
        }
        tracing::debug!(rpc.id = rpc_id, error_code = self.error_code(), "Pub/Sub call refused");
        status
    }

    /// What the trailer `error-code` says.
    pub(crate) fn error_code(self) -> String {
        format!("sfdc.platform.eventbus.grpc.{}", self.words().1)
    }

    fn words(self) -> (Code, &'static str, &'static str) {
        match self {
            Refusal::Authentication => (
                Code::Unauthenticated,
                "service.auth.error",
                "An authentication exception occurred. Provide valid authentication credentials.",
            ),
            // Seen by others (Apache Camel); no documentation tells of it.
            Refusal::AuthenticationRefresh => {
                (Code::Unauthenticated, "service.auth.refresh.invalid", "The session could not be refreshed.")
            }
            // No documentation tells the codes of the next three.
            Refusal::UnknownTopic => (
                Code::NotFound,
                "topic.notfound",
                "The topic doesn't exist. Check the name of the topic, which is case-sensitive.",
            ),
            Refusal::NoAccess => (
                Code::PermissionDenied,
                "topic.access.denied",
                "You don't have the permissions that the topic requires.",
            ),
            Refusal::UnknownSchema => (Code::InvalidArgument, "schema.notfound", "The schema ID isn't valid."),
            Refusal::RequestedEvents => (
                Code::InvalidArgument,
                "subscription.fetch.requested.events.invalid",
                "The number of requested events must be greater than zero.",
            ),
            Refusal::ReplayIdMissing => (
                Code::InvalidArgument,
                "subscription.fetch.replayid.validation.failed",
                "The Replay ID validation failed. A CUSTOM replay preset needs a Replay ID.",
            ),
            Refusal::ReplayIdCorrupted => (
                Code::InvalidArgument,
                "subscription.fetch.replayid.corrupted",
                "The Replay ID validation failed. Ensure that the Replay ID is valid.",
            ),
            Refusal::TopicChanged => (
                Code::InvalidArgument,
                "subscription.fetch.topic.invalid",
                "The topic of a stream can't change. Start a new one.",
            ),
            // Nor those of these.
            Refusal::NothingToPublish => {
                (Code::InvalidArgument, "publish.events.missing", "A publish request needs at least one event.")
            }
            Refusal::UnknownManagedSubscription => {
                (Code::NotFound, "subscription.managed.notfound", "The managed event subscription doesn't exist.")
            }
            Refusal::ManagedSubscriptionStopped => (
                Code::FailedPrecondition,
                "subscription.managed.stopped",
                "The managed event subscription isn't running. Set its state to RUN.",
            ),
            Refusal::TooManyStreams => (
                Code::ResourceExhausted,
                "concurrent.client.limit.exceeded",
                "The maximum number of concurrent clients across all topics has been exceeded.",
            ),
            Refusal::DeliveryLimit => (
                Code::ResourceExhausted,
                "subscription.limit.exceeded",
                "You have exceeded the event delivery limit for your org.",
            ),
            Refusal::Unavailable => {
                (Code::Unavailable, "service.unavailable", "The Pub/Sub API service is unavailable. Try again later.")
            }
        }
    }
}
