//! The program `syncline`. First the command line and the settings are read, so that what is wrong with them is said before
//! anything starts; then the command runs. Exit status: 0 done, 1 refused or failed, 2 wrong usage.

use std::process::ExitCode;

use clap::Parser;
use syncline::{cli::Cli, telemetry};

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json();
    telemetry::start(cli.log_filter());
    let job = match cli.prepare() {
        Ok(job) => job,
        Err(error) => return complain(json, &error, WRONG_USAGE),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(json, &error.into(), FAILED),
    };
    let done = runtime.block_on(job());
    // What still runs has nothing to lose; it must not keep the process from ending.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(json, &error, FAILED),
    }
}

fn complain(json: bool, error: &anyhow::Error, code: u8) -> ExitCode {
    if json {
        eprintln!("{}", serde_json::json!({ "error": format!("{error:#}") }));
    } else {
        eprintln!("syncline: {error:#}");
    }
    ExitCode::from(code)
}
