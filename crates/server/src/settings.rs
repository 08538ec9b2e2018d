//! Settings: flags, then `SYNCLINE_*` variables, then `syncline.toml`. Read once, before anything runs.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use secrecy::SecretString;
use serde::Deserialize;
use syncline_salesforce::App;
use syncline_store::SecretKey;
use url::Url;

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "syncline.toml";

/// Salesforce's own Pub/Sub API.
pub const PUBSUB_URL: &str = "https://api.pubsub.salesforce.com:7443";

/// Settings as one source gives them; the names are those of the flags, with `_` in the file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsSource {
    /// Settings file [default: syncline.toml, if there is one]
    #[arg(long, env = "SYNCLINE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Database: sqlite://FILE or postgres://… [default: sqlite://syncline.db]
    #[arg(long, env = "SYNCLINE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Folder for the SQLite database, if no database is named
    #[arg(long, env = "SYNCLINE_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Key that encrypts tokens at rest: 32 bytes in Base64 (make one: openssl rand -base64 32)
    #[arg(long, env = "SYNCLINE_SECRET_KEY", value_name = "KEY", hide_env_values = true)]
    pub secret_key: Option<SecretString>,
    /// File that holds the secret key
    #[arg(long, env = "SYNCLINE_SECRET_KEY_FILE", value_name = "FILE")]
    pub secret_key_file: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "SYNCLINE_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Where browsers reach this server [default: http:// and the address it listens on]
    #[arg(long, env = "SYNCLINE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<Url>,
    /// Name of this node, different for each that shares a database [default: host name and listen address]
    #[arg(long, env = "SYNCLINE_NODE", value_name = "NAME")]
    pub node: Option<String>,
    /// The only login page offered, such as a My Domain [default: Salesforce's public ones]
    #[arg(long, env = "SYNCLINE_SALESFORCE_LOGIN_URL", value_name = "URL")]
    pub salesforce_login_url: Option<String>,
    /// Consumer key of the connected app
    #[arg(long, env = "SYNCLINE_SALESFORCE_CLIENT_ID", value_name = "ID")]
    pub salesforce_client_id: Option<String>,
    /// Consumer secret of the connected app
    #[arg(long, env = "SYNCLINE_SALESFORCE_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub salesforce_client_secret: Option<SecretString>,
    /// File that holds the consumer secret
    #[arg(long, env = "SYNCLINE_SALESFORCE_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub salesforce_client_secret_file: Option<PathBuf>,
    /// Pub/Sub API [default: https://api.pubsub.salesforce.com:7443]
    #[arg(long, env = "SYNCLINE_SALESFORCE_PUBSUB_URL", value_name = "URL")]
    pub salesforce_pubsub_url: Option<Url>,
    /// PEM file with certificates to trust for Salesforce besides the system's
    #[arg(long, env = "SYNCLINE_SALESFORCE_CA_FILE", value_name = "FILE")]
    pub salesforce_ca_file: Option<PathBuf>,
}

/// Settings, complete and judged.
#[derive(Debug)]
pub struct Settings {
    /// Database.
    pub database_url: String,
    /// Encrypts tokens at rest.
    pub secret_key: SecretKey,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Where browsers reach this server, if not where it listens.
    pub public_url: Option<Url>,
    /// Name of this node, if not host name and listen address.
    pub node: Option<String>,
    /// How Salesforce is reached.
    pub salesforce: SalesforceSettings,
}

/// How Salesforce is reached.
#[derive(Clone, Debug)]
pub struct SalesforceSettings {
    /// The only login page offered.
    pub login_url: Option<String>,
    /// The app that people connect through.
    pub app: Option<App>,
    /// Pub/Sub API; `http://` means plaintext HTTP/2.
    pub pubsub_url: String,
    /// Certificates to trust besides the system's, in PEM form.
    pub extra_ca: Option<Vec<u8>>,
}

impl Default for SalesforceSettings {
    fn default() -> Self {
        Self { login_url: None, app: None, pubsub_url: PUBSUB_URL.to_owned(), extra_ca: None }
    }
}

impl SettingsSource {
    /// Completes these settings, which are those of flags and variables, from the settings file and the defaults.
    ///
    /// # Errors
    /// What is missing or wrong, and how to put it right.
    pub fn resolve(self) -> anyhow::Result<Settings> {
        let file = read_file(self.config.as_deref())?;
        let all = self.or(file);
        let database_url = all.database_url.filter(|url| !url.is_empty()).unwrap_or_else(|| match &all.data_dir {
            Some(folder) => sqlite_in(folder),
            None => "sqlite://syncline.db".to_owned(),
        });
        let secret_key = one_of("secret key", all.secret_key, all.secret_key_file.as_deref())?.context(
            "no secret key: set SYNCLINE_SECRET_KEY, and keep it, since the stored tokens are readable with it alone. \
             Make one with: openssl rand -base64 32",
        )?;
        let secret_key = parse_key(&secret_key)?;
        let secret_file = all.salesforce_client_secret_file.as_deref();
        let client_secret = one_of("Salesforce client secret", all.salesforce_client_secret, secret_file)?;
        let app = match (all.salesforce_client_id.filter(|id| !id.is_empty()), client_secret) {
            (Some(client_id), Some(client_secret)) => Some(App { client_id, client_secret }),
            (None, None) => None,
            (Some(_), None) => {
                bail!("SYNCLINE_SALESFORCE_CLIENT_ID is set and SYNCLINE_SALESFORCE_CLIENT_SECRET is not")
            }
            (None, Some(_)) => {
                bail!("SYNCLINE_SALESFORCE_CLIENT_SECRET is set and SYNCLINE_SALESFORCE_CLIENT_ID is not")
            }
        };
        if let Some(url) = &all.salesforce_login_url {
            syncline_salesforce::check_login_url(url).with_context(|| format!("the Salesforce login URL {url}"))?;
        }
        let extra_ca = all.salesforce_ca_file.map(|file| {
            fs::read(&file).with_context(|| format!("can not read the certificates in {}", file.display()))
        });
        Ok(Settings {
            database_url,
            secret_key,
            listen: all.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
            public_url: all.public_url,
            node: all.node,
            salesforce: SalesforceSettings {
                login_url: all.salesforce_login_url,
                app,
                pubsub_url: all.salesforce_pubsub_url.map_or_else(|| PUBSUB_URL.to_owned(), String::from),
                extra_ca: extra_ca.transpose()?,
            },
        })
    }

    /// What is not said here, as `other` says it.
    fn or(self, other: Self) -> Self {
        Self {
            config: self.config.or(other.config),
            database_url: self.database_url.or(other.database_url),
            data_dir: self.data_dir.or(other.data_dir),
            secret_key: self.secret_key.or(other.secret_key),
            secret_key_file: self.secret_key_file.or(other.secret_key_file),
            listen: self.listen.or(other.listen),
            public_url: self.public_url.or(other.public_url),
            node: self.node.or(other.node),
            salesforce_login_url: self.salesforce_login_url.or(other.salesforce_login_url),
            salesforce_client_id: self.salesforce_client_id.or(other.salesforce_client_id),
            salesforce_client_secret: self.salesforce_client_secret.or(other.salesforce_client_secret),
            salesforce_client_secret_file: self.salesforce_client_secret_file.or(other.salesforce_client_secret_file),
            salesforce_pubsub_url: self.salesforce_pubsub_url.or(other.salesforce_pubsub_url),
            salesforce_ca_file: self.salesforce_ca_file.or(other.salesforce_ca_file),
        }
    }
}

/// The URL of the SQLite database in a folder.
pub fn sqlite_in(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("syncline.db").display())
}

/// A key in the form of `SYNCLINE_SECRET_KEY`.
///
/// # Errors
/// Where it is none.
pub fn parse_key(text: &SecretString) -> anyhow::Result<SecretKey> {
    use secrecy::ExposeSecret;
    let advice = "the secret key must be 32 bytes in Base64; make one with: openssl rand -base64 32";
    SecretKey::parse(text.expose_secret().trim()).context(advice)
}

fn read_file(named: Option<&Path>) -> anyhow::Result<SettingsSource> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => return Err(error).with_context(|| format!("can not read the settings file {}", path.display())),
    };
    toml::from_str(&text).with_context(|| format!("the settings file {} is wrong", path.display()))
}

/// A secret that is given itself or as a file.
///
/// # Errors
/// Where the file can not be read.
pub fn one_of(what: &str, given: Option<SecretString>, file: Option<&Path>) -> anyhow::Result<Option<SecretString>> {
    use secrecy::ExposeSecret;
    let given = given.filter(|secret| !secret.expose_secret().is_empty());
    match (given, file) {
        (Some(secret), _) => Ok(Some(secret)),
        (None, None) => Ok(None),
        (None, Some(file)) => {
            let text =
                fs::read_to_string(file).with_context(|| format!("can not read the {what} in {}", file.display()))?;
            Ok(Some(SecretString::from(text.trim())))
        }
    }
}

/// Name of this node: stable over restarts, different on each host and for each server on a host.
pub fn node_name(named: Option<&str>, listen: SocketAddr) -> String {
    if let Some(name) = named {
        return name.to_owned();
    }
    let host = fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    format!("{}/{listen}", host.as_deref().map_or("localhost", str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 32 zero bytes.
    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn with_file(text: &str, flags: SettingsSource) -> anyhow::Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        fs::write(&file, text).unwrap();
        SettingsSource { config: Some(file), ..flags }.resolve()
    }

    #[test]
    fn flags_come_before_the_file_and_the_file_before_defaults() {
        let flags = SettingsSource { listen: Some("127.0.0.1:1".parse().unwrap()), ..Default::default() };
        let file = format!("secret_key = \"{KEY}\"\nlisten = \"127.0.0.1:2\"\ndata_dir = \"/var/lib/x\"");
        let settings = with_file(&file, flags).unwrap();
        assert_eq!(settings.listen.port(), 1);
        assert_eq!(settings.database_url, "sqlite:///var/lib/x/syncline.db");
        assert_eq!(settings.salesforce.pubsub_url, PUBSUB_URL);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |file: &str| format!("{:#}", with_file(file, SettingsSource::default()).unwrap_err());
        assert!(refused("").contains("openssl rand -base64 32"));
        assert!(refused("secret_key = \"short\"").contains("32 bytes"));
        assert!(refused("lisen = \"127.0.0.1:2\"").contains("unknown field `lisen`"));
        let half = format!("secret_key = \"{KEY}\"\nsalesforce_client_id = \"x\"");
        assert!(refused(&half).contains("SYNCLINE_SALESFORCE_CLIENT_SECRET is not"));
    }

    #[test]
    fn secrets_are_not_shown_by_debug() {
        let source = SettingsSource { secret_key: Some(KEY.into()), ..Default::default() };
        assert!(!format!("{source:?}").contains(KEY));
    }
}
