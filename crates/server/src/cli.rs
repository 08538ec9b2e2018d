//! The command line: what can be asked of the program, and the settings each command needs, judged before anything runs.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use futures::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};
use syncline_org::core::Edition;

use crate::{
    commands::{self, Output, SignIn},
    demo::{self, DemoOptions},
    doctor,
    emulated_org::OrgOptions,
    explain,
    settings::{SettingsSource, one_of},
};

/// Keeps Salesforce and a product-onboarding environment in step, in real time, in both directions.
#[derive(Debug, Parser)]
#[command(name = "syncline", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// Print one JSON value in place of words
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve {
        #[command(flatten)]
        settings: Box<SettingsSource>,
    },
    /// Everything on this machine: an emulated Salesforce org with people in it, a server, an environment that is in step with it
    Demo(DemoArgs),
    /// Run the emulated Salesforce org alone
    Org(OrgArgs),
    /// Connect an environment to an org with client credentials, or by JWT bearer with a private key
    Connect {
        #[command(flatten)]
        target: Target,
        /// The org's My Domain, such as https://acme.my.salesforce.com; with a private key also https://login.salesforce.com, or
        /// https://test.salesforce.com for a sandbox
        #[arg(long, value_name = "URL")]
        login_url: String,
        /// Consumer key
        #[arg(long, value_name = "ID")]
        client_id: String,
        /// Consumer secret
        #[arg(long, env = "SYNCLINE_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
        client_secret: Option<SecretString>,
        /// File that holds the consumer secret
        #[arg(long, value_name = "FILE")]
        client_secret_file: Option<PathBuf>,
        /// In place of a secret: file with the RSA private key (PEM) of the app's certificate, or the key itself
        #[arg(long, env = "SYNCLINE_PRIVATE_KEY", value_name = "FILE", hide_env_values = true, requires = "username")]
        private_key: Option<SecretString>,
        /// User to act as, with a private key
        #[arg(long, value_name = "NAME", requires = "private_key")]
        username: Option<String>,
    },
    /// Disconnect an environment; mappings and attribute values stay
    Disconnect {
        #[command(flatten)]
        target: Target,
    },
    /// Pause an environment's connection: no call is made until it is resumed, and nothing is lost
    Pause {
        #[command(flatten)]
        target: Target,
    },
    /// Resume a paused connection
    Resume {
        #[command(flatten)]
        target: Target,
    },
    /// Check permissions, field access, picklists, Change Data Capture and limits before they hurt; fails if there is a problem
    Doctor {
        #[command(flatten)]
        target: Target,
    },
    /// Tell why a user, a company or a Salesforce record did or did not sync
    Explain {
        #[command(flatten)]
        target: Target,
        /// E-mail address, user id, company id, or Salesforce id
        #[arg(value_name = "WHO")]
        who: String,
    },
    /// Keys for the Userflow-compatible API
    #[command(subcommand)]
    ApiKeys(ApiKeys),
    /// People who may sign in
    #[command(subcommand)]
    Members(Members),
    /// Mappings as a TOML file
    #[command(subcommand)]
    Mappings(Mappings),
    /// Print the description of the management API
    Openapi,
}

/// Which environment of which installation.
#[derive(Args, Debug)]
struct Target {
    #[command(flatten)]
    settings: Box<SettingsSource>,
    /// Name or id of the environment; needed where there are several
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ApiKeys {
    /// Make a key and print it; it is shown this once
    Create {
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Subcommand)]
enum Members {
    /// Add a person; prints a password where none is given
    Add {
        #[command(flatten)]
        settings: Box<SettingsSource>,
        /// E-mail address
        #[arg(long)]
        email: String,
        /// Name [default: what stands before the @]
        #[arg(long)]
        name: Option<String>,
        /// Password, at least 8 characters
        #[arg(long, env = "SYNCLINE_PASSWORD", hide_env_values = true)]
        password: Option<SecretString>,
        /// File that holds the password
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum Mappings {
    /// Write the mappings to FILE (`-` for standard output)
    Export {
        #[command(flatten)]
        target: Target,
        file: PathBuf,
    },
    /// Show what applying FILE would change, without changing it
    Plan {
        #[command(flatten)]
        target: Target,
        file: PathBuf,
    },
    /// Make the mappings those of FILE
    Apply {
        #[command(flatten)]
        target: Target,
        file: PathBuf,
    },
}

#[derive(Args, Debug)]
struct DemoArgs {
    /// Address of the web app and the APIs; port 0 for any free one
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Address of the emulated org
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    org_listen: SocketAddr,
    /// Address of the emulated org with TLS
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    org_https_listen: SocketAddr,
    /// Address of the emulated org's Pub/Sub API
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    org_pubsub_listen: SocketAddr,
    /// Folder to keep everything in [default: a temporary one that is removed at the end]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Use this empty database in place of SQLite
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Write addresses and credentials to this file as JSON, once everything is in step
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
    /// Connect nothing, to walk through the setup
    #[arg(long)]
    blank: bool,
    /// Let nothing change by itself
    #[arg(long)]
    no_trickle: bool,
    /// Let every answer of the org take this much longer
    #[arg(long, default_value_t = 0, value_name = "MS")]
    org_response_delay_ms: u64,
    /// How many contacts the org has; other records in proportion
    #[arg(long, default_value_t = 3000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    contacts: u32,
}

#[derive(Args, Debug)]
struct OrgArgs {
    /// Address to listen on; port 0 for any free one
    #[arg(long, default_value = "127.0.0.1:8321", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Address of the same with TLS
    #[arg(long, default_value = "127.0.0.1:8322", value_name = "ADDRESS")]
    https_listen: SocketAddr,
    /// Address of the Pub/Sub API
    #[arg(long, default_value = "127.0.0.1:7443", value_name = "ADDRESS")]
    pubsub_listen: SocketAddr,
    /// Address of the same with TLS
    #[arg(long, default_value = "127.0.0.1:7444", value_name = "ADDRESS")]
    pubsub_tls_listen: SocketAddr,
    /// Write the certificate to trust both TLS addresses by to this file [default: a temporary one that is removed at the end]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Certificate (PEM) of a client that signs in by JWT
    #[arg(long, value_name = "FILE")]
    jwt_certificate: Option<PathBuf>,
    /// Write addresses and credentials to this file as JSON, once it listens
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
    /// What was bought from Salesforce, which sets the limits
    #[arg(long, default_value = "developer", value_name = "EDITION")]
    edition: OrgEdition,
    /// How many contacts to make up; other records in proportion [default: 3000, or none with --seed-file]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    contacts: Option<u32>,
    /// Take records from this file: a tree or plan of `sf data export tree`, or CSV named after its object, as Contact.csv.
    /// May be given several times; what is referred to comes first
    #[arg(long, value_name = "FILE")]
    seed_file: Vec<PathBuf>,
    /// API requests that it takes in 24 hours [default: the edition's number]
    #[arg(long, value_name = "N")]
    daily_requests_max: Option<u64>,
    /// Events that it delivers in 24 hours, each subscriber counted [default: the edition's number]
    #[arg(long, value_name = "N")]
    daily_deliveries_max: Option<u64>,
    /// Let every answer take this much longer
    #[arg(long, default_value_t = 0, value_name = "MS")]
    response_delay_ms: u64,
}

/// An edition by the name that people know.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrgEdition {
    Developer,
    Professional,
    Enterprise,
    Unlimited,
}

impl From<OrgEdition> for Edition {
    fn from(edition: OrgEdition) -> Self {
        match edition {
            OrgEdition::Developer => Self::Developer,
            OrgEdition::Professional => Self::Professional,
            OrgEdition::Enterprise => Self::Enterprise,
            OrgEdition::Unlimited => Self::Unlimited,
        }
    }
}

/// Something to be run, once there is a runtime to run it on.
pub type Job = Box<dyn FnOnce() -> LocalBoxFuture<'static, anyhow::Result<()>>>;

impl Cli {
    /// Whether results and errors are to be JSON.
    pub fn json(&self) -> bool {
        self.json
    }

    /// The filter for log lines where the user names none: commands that print a result say only what is wrong.
    pub fn log_filter(&self) -> Option<&'static str> {
        match self.command {
            Command::Serve { .. } => None,
            _ => Some("warn"),
        }
    }

    /// Judges the settings and gives what is to be run.
    ///
    /// # Errors
    /// Where a setting is missing or wrong: wrong usage.
    pub fn prepare(self) -> anyhow::Result<Job> {
        let output = Output { json: self.json };
        Ok(match self.command {
            Command::Serve { settings } => {
                let settings = settings.resolve()?;
                Box::new(move || Box::pin(commands::serve(settings)))
            }
            Command::Demo(args) => {
                let options = DemoOptions::from(args);
                Box::new(move || Box::pin(demo::command(options, output)))
            }
            Command::Org(args) => Box::new(move || Box::pin(commands::org(args.into(), output))),
            Command::Connect {
                target,
                login_url,
                client_id,
                client_secret,
                client_secret_file,
                private_key,
                username,
            } => {
                let client_secret = one_of("client secret", client_secret, client_secret_file.as_deref())?;
                let private_key = private_key.map(private_key_of).transpose()?;
                let sign_in = match (client_secret, private_key.zip(username)) {
                    (Some(client_secret), None) => SignIn::ClientSecret(client_secret),
                    (None, Some((private_key, username))) => SignIn::PrivateKey { private_key, username },
                    (Some(_), Some(_)) => bail!("give a client secret or a private key, not both"),
                    (None, None) => {
                        bail!("give --client-secret, --client-secret-file, or --private-key and --username")
                    }
                };
                let target = target.resolve()?;
                Box::new(move || Box::pin(commands::connect(target, login_url, client_id, sign_in, output)))
            }
            Command::Disconnect { target } => {
                let target = target.resolve()?;
                Box::new(move || Box::pin(commands::disconnect(target, output)))
            }
            Command::Pause { target } => {
                let target = target.resolve()?;
                Box::new(move || Box::pin(commands::pause(target, output)))
            }
            Command::Resume { target } => {
                let target = target.resolve()?;
                Box::new(move || Box::pin(commands::resume(target, output)))
            }
            Command::Doctor { target } => {
                let target = target.resolve()?;
                Box::new(move || Box::pin(doctor::doctor(target, output)))
            }
            Command::Explain { target, who } => {
                let target = target.resolve()?;
                Box::new(move || Box::pin(explain::explain(target, who, output)))
            }
            Command::ApiKeys(ApiKeys::Create { target }) => {
                let target = target.resolve()?;
                Box::new(move || Box::pin(commands::create_api_key(target, output)))
            }
            Command::Members(Members::Add { settings, email, name, password, password_file }) => {
                let password = one_of("password", password, password_file.as_deref())?;
                let settings = settings.resolve()?;
                Box::new(move || Box::pin(commands::add_member(settings, email, name, password, output)))
            }
            Command::Mappings(Mappings::Export { target, file }) => {
                let target = target.resolve()?;
                Box::new(move || Box::pin(commands::export_mappings(target, file, output)))
            }
            Command::Mappings(Mappings::Plan { target, file }) => {
                let target = target.resolve()?;
                Box::new(move || Box::pin(commands::apply_mappings(target, file, false, output)))
            }
            Command::Mappings(Mappings::Apply { target, file }) => {
                let target = target.resolve()?;
                Box::new(move || Box::pin(commands::apply_mappings(target, file, true, output)))
            }
            Command::Openapi => Box::new(|| Box::pin(commands::openapi())),
        })
    }
}

/// A private key that is given itself, which PEM begins like that, or as a file.
fn private_key_of(given: SecretString) -> anyhow::Result<SecretString> {
    if given.expose_secret().trim_start().starts_with("-----BEGIN ") {
        return Ok(given);
    }
    let file = PathBuf::from(given.expose_secret());
    one_of("private key", None, Some(&file))?.context("the private key is empty")
}

impl Target {
    fn resolve(self) -> anyhow::Result<commands::Target> {
        Ok(commands::Target { settings: self.settings.resolve()?, environment: self.environment })
    }
}

impl From<DemoArgs> for DemoOptions {
    fn from(args: DemoArgs) -> Self {
        Self {
            listen: args.listen,
            org_listen: args.org_listen,
            org_https_listen: args.org_https_listen,
            org_pubsub_listen: args.org_pubsub_listen,
            data_dir: args.data_dir,
            database_url: args.database_url,
            state_file: args.state_file,
            blank: args.blank,
            trickle: !args.no_trickle,
            org_response_delay_ms: args.org_response_delay_ms,
            contacts: args.contacts as usize,
        }
    }
}

impl From<OrgArgs> for commands::OrgCommand {
    fn from(args: OrgArgs) -> Self {
        Self {
            options: OrgOptions {
                listen: args.listen,
                https_listen: args.https_listen,
                pubsub_listen: args.pubsub_listen,
                pubsub_tls_listen: args.pubsub_tls_listen,
                ca_file: args.ca_file,
                jwt_certificate: args.jwt_certificate,
                edition: args.edition.into(),
                contacts: args.contacts.unwrap_or(if args.seed_file.is_empty() { 3000 } else { 0 }) as usize,
                seed_files: args.seed_file,
                daily_requests_max: args.daily_requests_max,
                daily_deliveries_max: args.daily_deliveries_max,
                response_delay_ms: args.response_delay_ms,
            },
            state_file: args.state_file,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn json_is_taken_behind_every_command() {
        for line in [
            "syncline serve --json",
            "syncline demo --json --blank",
            "syncline api-keys create --json --environment production",
            "syncline members add --email a@b.example --json",
            "syncline mappings plan file.toml --json",
            "syncline connect --login-url http://127.0.0.1:1 --client-id x --json",
            "syncline connect --login-url http://127.0.0.1:1 --client-id x --private-key f --username u --json",
            "syncline pause --json",
            "syncline resume --json --environment production",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).expect(line).json, "{line}");
        }
    }
}
