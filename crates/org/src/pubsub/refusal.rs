//! How the Pub/Sub API says no: a gRPC status with the trailers `error-code` and `rpc-id`.

use tonic::{Code, Status};

/// A reason to refuse a call, with the documented error code where there is one (Pub/Sub API guide, "Error Codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No session, or one that has ended.
    Authentication,
    /// No topic has this name.
    UnknownTopic,
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
}

impl Refusal {
    /// The status to answer with. `rpc_id` names the call in the server's log.
    pub(crate) fn status(self, rpc_id: &str) -> Status {
        let (code, error_code, message) = self.words();
        let mut status = Status::new(code, message);
        let trailers = status.metadata_mut();
        trailers.insert("error-code", tonic::metadata::MetadataValue::from_static(error_code));
        if let Ok(rpc_id) = rpc_id.parse() {
            trailers.insert("rpc-id", rpc_id);
        }
        tracing::debug!(rpc.id = rpc_id, error_code, "Pub/Sub call refused");
        status
    }

    fn words(self) -> (Code, &'static str, &'static str) {
        match self {
            Refusal::Authentication => (
                Code::Unauthenticated,
                "sfdc.platform.eventbus.grpc.service.auth.error",
                "An authentication exception occurred. Provide valid authentication credentials.",
            ),
            // No documentation tells the code of this one and the next.
            Refusal::UnknownTopic => (
                Code::NotFound,
                "sfdc.platform.eventbus.grpc.topic.notfound",
                "The topic doesn't exist. Check the name of the topic, which is case-sensitive.",
            ),
            Refusal::UnknownSchema => {
                (Code::InvalidArgument, "sfdc.platform.eventbus.grpc.schema.notfound", "The schema ID isn't valid.")
            }
            Refusal::RequestedEvents => (
                Code::InvalidArgument,
                "sfdc.platform.eventbus.grpc.subscription.fetch.requested.events.invalid",
                "The number of requested events must be greater than zero.",
            ),
            Refusal::ReplayIdMissing => (
                Code::InvalidArgument,
                "sfdc.platform.eventbus.grpc.subscription.fetch.replayid.validation.failed",
                "The Replay ID validation failed. A CUSTOM replay preset needs a Replay ID.",
            ),
            Refusal::ReplayIdCorrupted => (
                Code::InvalidArgument,
                "sfdc.platform.eventbus.grpc.subscription.fetch.replayid.corrupted",
                "The Replay ID validation failed. Ensure that the Replay ID is valid.",
            ),
            Refusal::TopicChanged => (
                Code::InvalidArgument,
                "sfdc.platform.eventbus.grpc.subscription.fetch.topic.invalid",
                "The topic of a subscription can't change. Start a new subscription.",
            ),
        }
    }
}
