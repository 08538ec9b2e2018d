//! `cargo xtask generate`: remakes every committed file that a tool writes. Running it twice changes nothing.
//!
//! Today that is the gRPC code of the Pub/Sub API. It is generated here and committed, so that building the workspace needs
//! neither `protoc` nor a build script.

use anyhow::Context;
use std::path::Path;

/// Remakes the generated files in place.
pub(crate) fn generate() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace's folder")?;
    generate_eventbus(&root.join("crates/salesforce-eventbus"))
}

fn generate_eventbus(crate_dir: &Path) -> anyhow::Result<()> {
    let proto_dir = crate_dir.join("proto");
    let descriptors = protox::compile([proto_dir.join("pubsub_api.proto")], [&proto_dir])
        .context("the Pub/Sub API's proto file does not compile")?;

    let src = crate_dir.join("src");
    tonic_prost_build::configure()
        // `Bytes` makes a payload that goes to many subscribers one allocation, not one for each.
        .bytes(".")
        .emit_rerun_if_changed(false)
        .out_dir(&src)
        .compile_fds(descriptors)
        .context("cannot generate the gRPC code")?;

    // The generator names the file after the proto package; the module is called after the API's version.
    std::fs::rename(src.join("eventbus.v1.rs"), src.join("v1.rs")).context("cannot move the generated file")
}
