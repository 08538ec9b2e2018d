//! The project's own commands, run as `cargo xtask <command>`. Each installs what it needs, so that a fresh Debian
//! machine with rustup and Node is enough. Nothing here is part of the product.

mod debian;
mod fresh;
mod generate;
mod postgres;
mod product;
mod suite;
mod tidy;
mod web;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

use crate::product::Profile;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, runs and tests Syncline")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build target/release/syncline, the web app inside
    Build {
        /// Build target/debug/syncline instead, which is quicker
        #[arg(long)]
        debug: bool,
    },
    /// Build, then run `syncline demo` with these arguments
    Demo {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run every check and test
    Test {
        /// Run one step alone
        #[arg(long, value_name = "STEP")]
        only: Option<suite::Step>,
    },
    /// Check the repository's own rules
    Tidy,
    /// Remake every committed file that a tool writes
    Generate,
    /// Run the foreign Salesforce clients, and write docs/clients.md: which of their calls work
    ClientsTable,
    /// Measure latency and calls, on SQLite and on a private PostgreSQL, and print the figures
    Bench,
    /// Read a million contacts and write many by bulk jobs, and print rates and memory
    BenchBulk,
    /// Measure what a burst and an idle day cost an org in API calls, and print the figures beside their limits
    BenchCost,
    /// Measure a change beside 200 mappings that do not concern it, and beside 20,000 records that follow another
    BenchMappings,
    /// Measure what the emulated org can take and give, and print the figures
    BenchOrg,
    /// Run a command with a private PostgreSQL, whose URL it finds in SYNCLINE_TEST_POSTGRES_URL
    WithPostgres {
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Build { debug: true } => product::build(Profile::Debug).map(drop),
        Task::Build { debug: false } => product::build(Profile::Release).map(drop),
        Task::Demo { arguments } => product::demo(&arguments),
        Task::Test { only } => suite::test(only),
        Task::Tidy => tidy::tidy(),
        Task::Generate => generate::generate().and_then(|()| product::write_openapi()),
        Task::ClientsTable => suite::write_clients_table(),
        Task::Bench => product::bench(),
        Task::BenchBulk => product::bench_bulk(),
        Task::BenchCost => product::bench_cost(),
        Task::BenchMappings => product::bench_mappings(),
        Task::BenchOrg => product::bench_org(),
        Task::WithPostgres { command } => with_postgres(&command),
    }
}

fn with_postgres(command: &[OsString]) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { bail!("no command was given") };
    let cluster = postgres::Cluster::start()?;
    let mut command = std::process::Command::new(program);
    workspace::run(command.args(arguments).env(postgres::URL_VARIABLE, cluster.url()))
}
