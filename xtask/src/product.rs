//! Building and running the product itself.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace::{cargo, command, output_of, root, run};
use crate::{postgres, web};

/// Which of cargo's profiles the binary is built with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build; shares everything with the tests.
    Debug,
    /// What people run.
    Release,
}

/// Builds the web app and the binary with it inside; returns the binary's path.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    web::build()?;
    let mut build = cargo();
    build.args(["build", "--locked", "--package", "syncline"]);
    if profile == Profile::Release {
        build.arg("--release");
    }
    run(&mut build)?;
    let folder = match profile {
        Profile::Debug => "target/debug/syncline",
        Profile::Release => "target/release/syncline",
    };
    Ok(root().join(folder))
}

/// Becomes `syncline demo`, so that Ctrl-C and the exit code are its own. Returns only when it cannot start.
pub(crate) fn demo(arguments: &[OsString]) -> Result<()> {
    let binary = build(Profile::Release)?;
    let failure = command(&binary, "").arg("demo").args(arguments).exec();
    Err(failure).with_context(|| format!("cannot start {}", binary.display()))
}

/// Measures the whole program between a real database and the emulated org. Prints; judges nothing.
pub(crate) fn bench() -> Result<()> {
    web::build()?;
    let cluster = postgres::Cluster::start()?;
    let mut bench = cargo();
    bench.args(["bench", "--locked", "--package", "syncline", "--bench", "latency"]);
    run(bench.env(postgres::URL_VARIABLE, cluster.url()).env("RUST_LOG", "error"))
}

/// Measures bulk jobs between the connector and an emulated org in a process of its own. Prints; judges nothing.
pub(crate) fn bench_bulk() -> Result<()> {
    web::build()?;
    run(cargo().args(["bench", "--locked", "--package", "syncline", "--bench", "bulk"]).env("RUST_LOG", "error"))
}

/// Counts what a connection costs its org. Prints; judges nothing.
pub(crate) fn bench_cost() -> Result<()> {
    web::build()?;
    run(cargo().args(["bench", "--locked", "--package", "syncline", "--bench", "cost"]).env("RUST_LOG", "error"))
}

/// Measures what stands beside a change: many mappings, many associated records. Prints; judges nothing.
pub(crate) fn bench_mappings() -> Result<()> {
    web::build()?;
    run(cargo().args(["bench", "--locked", "--package", "syncline", "--bench", "mappings"]).env("RUST_LOG", "error"))
}

/// Measures the emulated org alone, a client beside it. Prints; judges nothing.
pub(crate) fn bench_org() -> Result<()> {
    run(cargo().args(["bench", "--locked", "--package", "syncline-org", "--bench", "org"]).env("RUST_LOG", "error"))
}

/// Writes the OpenAPI document of the management API, from which the web app's client is generated.
pub(crate) fn write_openapi() -> Result<()> {
    let document = output_of(cargo().args(["run", "--quiet", "--package", "syncline", "--", "openapi"]))?;
    let file = root().join("crates/server/openapi.json");
    std::fs::write(&file, document).with_context(|| format!("cannot write {}", file.display()))
}
