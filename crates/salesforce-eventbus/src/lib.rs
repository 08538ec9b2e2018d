//! Salesforce's Pub/Sub API as gRPC code, client and server, generated from Salesforce's own `pubsub_api.proto`.
//!
//! Nothing here is written by hand, and nothing may be: it is the only thing that the connector and the emulated org share,
//! so it holds no opinion of ours. `cargo xtask generate` remakes it.

#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::doc_lazy_continuation,
    reason = "generated code; the proto file documents it"
)]
#[rustfmt::skip]
pub mod v1;
