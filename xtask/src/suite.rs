//! `cargo xtask test`: every check and test of the project, in the order that finds mistakes soonest.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::fresh::when_changed;
use crate::product::{self, Profile};
use crate::workspace::{cargo, command, root, run, succeeds};
use crate::{debian, postgres, tidy, web};

/// Where the foreign clients live.
const CLIENTS: &str = "e2e/clients";
/// The official command line: large, and wants a Node of its own.
const COMMAND_LINE: &str = "e2e/clients/cli";
/// A client whose dependencies are not those of the others.
const TAP: &str = "e2e/clients/tap";

/// One part of the suite. Each installs what it needs and can run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// The repository's rules and the licences of all dependencies
    Tidy,
    /// rustfmt
    Format,
    /// The web app: types, lints, unit tests, build
    Web,
    /// clippy over everything, warnings denied
    Lint,
    /// All Rust tests, with a private PostgreSQL
    Rust,
    /// Salesforce clients that nobody here wrote, against the demo and against the emulated org alone
    Clients,
    /// A browser through the whole product
    Browser,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("no step is hidden").get_name())
    }
}

/// Runs the suite, or one step of it. The first failure ends it; the time of each step is printed either way.
pub(crate) fn test(only: Option<Step>) -> Result<()> {
    let steps = only.map_or(Step::value_variants().to_vec(), |step| vec![step]);
    let mut times = Vec::new();
    let mut result = Ok(());
    for step in steps {
        eprintln!("\n== {step} ==");
        let started = Instant::now();
        result = run_step(step).with_context(|| format!("step `{step}`"));
        times.push((step, started.elapsed()));
        if result.is_err() {
            break;
        }
    }
    print_times(&times, result.is_ok());
    result
}

fn run_step(step: Step) -> Result<()> {
    match step {
        Step::Tidy => tidy::tidy(),
        Step::Format => run(cargo().args(["fmt", "--all", "--check"])),
        Step::Web => web::check().and_then(|()| web::build()),
        Step::Lint => lint(),
        Step::Rust => rust(),
        Step::Clients => clients(),
        Step::Browser => browser(),
    }
}

fn lint() -> Result<()> {
    run(cargo().args(["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

fn rust() -> Result<()> {
    web::build()?;
    let cluster = postgres::Cluster::start()?;
    run(cargo().args(["test", "--locked", "--workspace"]).env(postgres::URL_VARIABLE, cluster.url()))
}

fn clients() -> Result<()> {
    foreign_clients("check")
}

/// Runs the foreign clients and writes down which of their calls work.
pub(crate) fn write_clients_table() -> Result<()> {
    foreign_clients("write")
}

/// What becomes of the table in the documentation is `check` or `write`.
fn foreign_clients(table: &str) -> Result<()> {
    let binary = product::build(Profile::Debug)?;
    web::install(CLIENTS)?;
    web::install(COMMAND_LINE)?;
    let python = install_python_clients(CLIENTS)?;
    install_python_clients(TAP)?;
    let mut tests = command(root().join(python), CLIENTS);
    run(tests.args(["-m", "pytest", "--clients-table", table]).env("SYNCLINE_BIN", binary))
}

/// Makes a virtual environment in `folder` of what its `requirements.txt` names; returns the path of its interpreter.
fn install_python_clients(folder: &str) -> Result<String> {
    let python = format!("{folder}/.venv/bin/python");
    let name = format!("python-{}", folder.replace('/', "-"));
    when_changed(&name, &[&format!("{folder}/requirements.txt")], &python, || {
        // Debian's python3 comes without what fills a virtual environment.
        if !succeeds(command("python3", "").args(["-c", "import ensurepip"])) {
            debian::install(&["python3", "python3-venv"])?;
        }
        run(command("python3", folder).args(["-m", "venv", "--clear", ".venv"]))?;
        let mut install = command(root().join(&python), folder);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run(install.args(["--requirement", "requirements.txt"]))
    })?;
    Ok(python)
}

fn browser() -> Result<()> {
    let binary = product::build(Profile::Debug)?;
    let chromium = debian::chromium()?;
    web::install("e2e")?;
    run(web::npm("e2e").args(["run", "check"]))?;
    run(web::npm("e2e").arg("test").env("SYNCLINE_BIN", binary).env("CHROMIUM", chromium))
}

fn print_times(times: &[(Step, Duration)], passed: bool) {
    eprintln!();
    for (index, (step, time)) in times.iter().enumerate() {
        let verdict = if passed || index + 1 < times.len() { "passed" } else { "FAILED" };
        eprintln!("{:<8} {verdict} {:>8.1} s", step.to_string(), time.as_secs_f64());
    }
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    eprintln!("{:<8} {} {:>8.1} s", "total", if passed { "passed" } else { "FAILED" }, total.as_secs_f64());
}
