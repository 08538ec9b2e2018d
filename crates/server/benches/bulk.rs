//! All contacts of a large org, and many updates, by bulk jobs. The org is a process of its own, so that this one's memory is the
//! connector's; beside the reading stands a bare download of the same results. Prints; judges nothing.
//!
//! `cargo xtask bench-bulk`. `BENCH_CONTACTS` (a million) and `BENCH_WRITES` (a hundred thousand) are read.

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value as Json, json};
use syncline_model::{
    clock::SystemClock,
    connector::{Connector, RecordWrite},
};
use syncline_salesforce::{
    App, BulkSettings, CredentialError, CredentialStore, Credentials, OAuthClient, PubSubSettings, Salesforce,
    SalesforceSettings,
};

use crate::support::setting;

const FIELDS: [&str; 6] = ["FirstName", "LastName", "Email", "Title", "Department", "AccountId"];
/// What the program may have in memory while it reads a million records.
const LIMIT_MB: u64 = 150;

fn main() {
    let (contacts, writes) = (setting("BENCH_CONTACTS", 1_000_000), setting("BENCH_WRITES", 100_000));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let org = Org::start(contacts).await;
        let salesforce = org.connect().await;
        println!("memory before: {} MB", peak_mb());
        read(&salesforce).await;
        org.download().await;
        write(&salesforce, writes).await;
    });
}

/// Reads everything, taking records as they arrive.
async fn read(salesforce: &Salesforce) {
    let fields = FIELDS.map(str::to_owned);
    let started = Instant::now();
    let mut stream = salesforce.read_all("Contact", &fields).await.expect("reading begins");
    let (mut rows, mut begun) = (0, None);
    while let Some(records) = stream.next().await.expect("records come") {
        begun.get_or_insert_with(Instant::now);
        rows += records.len();
    }
    let begun = begun.expect("there are records");
    println!(
        "read_all: {rows} contacts, {:.0} rows/s; first batch after {:.1} s, from then on {:.0} rows/s",
        rate(rows, started),
        (begun - started).as_secs_f64(),
        rate(rows, begun)
    );
    println!("  memory at most: {} MB (limit {LIMIT_MB} MB)", peak_mb());
}

async fn write(salesforce: &Salesforce, count: usize) {
    let mut stream = salesforce.read_all("Contact", &[]).await.expect("reading begins");
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count
        && let Some(records) = stream.next().await.expect("records come")
    {
        ids.extend(records.into_iter().map(|record| record.id));
    }
    drop(stream);
    ids.truncate(count);
    let started = Instant::now();
    let mut refused = 0;
    for some in ids.chunks(salesforce.many_writes().end) {
        let write = |id: &String| RecordWrite {
            object: "Contact".to_owned(),
            id: id.clone(),
            values: [("Title".to_owned(), "Written by the benchmark".into())].into(),
        };
        let writes: Vec<_> = some.iter().map(write).collect();
        let outcomes = salesforce.write_many(&writes).await.expect("the job ends");
        refused += outcomes.iter().filter(|outcome| outcome.is_err()).count();
    }
    println!("write_many: {} contacts, {:.0} rows/s, {refused} refused", ids.len(), rate(ids.len(), started));
    println!("  memory at most: {} MB", peak_mb());
}

fn rate(rows: usize, since: Instant) -> f64 {
    rows as f64 / since.elapsed().as_secs_f64()
}

/// The most memory that this process ever had resident.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel counts");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") / 1024
}

/// An org in a process of its own.
struct Org {
    process: Child,
    state: Json,
    _folder: tempfile::TempDir,
}

impl Drop for Org {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Org {
    async fn start(contacts: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("org.json");
        let process = Command::new(env!("CARGO_BIN_EXE_syncline"))
            .arg("org")
            .args(["--listen", "127.0.0.1:0", "--https-listen", "127.0.0.1:0"])
            .args(["--pubsub-listen", "127.0.0.1:0", "--pubsub-tls-listen", "127.0.0.1:0"])
            .args(["--daily-requests-max", "1000000", "--contacts", &contacts.to_string()])
            .arg("--state-file")
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .expect("the org starts");
        let state = loop {
            match state(&file) {
                Some(state) => break state,
                None => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        Self { process, state, _folder: folder }
    }

    fn text(&self, name: &str) -> &str {
        self.state[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.state))
    }

    async fn connect(&self) -> Salesforce {
        let app = App {
            client_id: self.text("org_client_id").to_owned(),
            client_secret: self.text("org_client_secret").to_owned().into(),
        };
        let client = OAuthClient::new(self.text("org_url"), app.clone(), None).expect("a client");
        let granted = client.connect_with_client_credentials().await.expect("a grant");
        let settings = SalesforceSettings {
            app,
            pubsub: PubSubSettings { url: self.text("org_pubsub_url").to_owned(), ..PubSubSettings::default() },
            bulk: BulkSettings::default(),
            extra_ca: None,
            channel_key: "benchmark".to_owned(),
        };
        let drawer: Arc<dyn CredentialStore> = Arc::new(Drawer(Mutex::new(granted.credentials.to_json())));
        Salesforce::connect(&settings, &granted.identity, drawer, Arc::new(SystemClock)).expect("a connection")
    }

    /// The same statement's results, page by page side by side, thrown away: what client, wire and org allow.
    async fn download(&self) {
        let http = http_client();
        let base = format!("{}/services/data/v66.0", self.text("org_url"));
        let token = self.text("org_access_token");
        let get = async |path: &str| -> Json {
            let answer = http.get(format!("{base}{path}")).bearer_auth(token).send().await.expect("an answer");
            answer.json().await.expect("JSON")
        };
        let fields = ["Id", "CreatedDate", "LastModifiedDate", "SystemModstamp"];
        let statement = format!("SELECT {},{} FROM Contact", fields.join(","), FIELDS.join(","));
        let asked = json!({ "operation": "query", "query": statement });
        let request = http.post(format!("{base}/jobs/query")).bearer_auth(token).json(&asked);
        let job: Json = request.send().await.expect("an answer").json().await.expect("JSON");
        let path = format!("/jobs/query/{}", job["id"].as_str().unwrap_or_else(|| panic!("no job: {job}")));
        while get(&path).await["state"] != "JobComplete" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let rows = get(&path).await["numberRecordsProcessed"].as_u64().unwrap_or(0);
        let started = Instant::now();
        let mut list = format!("{path}/resultPages");
        let mut bytes = 0;
        loop {
            let pages = get(&list).await;
            let links = pages["resultPages"].as_array().expect("links").iter();
            let reads = links.map(async |link| {
                let url = format!("{base}{}", link["resultLink"].as_str().expect("a link"));
                let mut answer = http.get(url).bearer_auth(token).send().await.expect("an answer");
                let mut length = 0;
                while let Some(piece) = answer.chunk().await.expect("a piece") {
                    length += piece.len();
                }
                length
            });
            bytes += futures::future::join_all(reads).await.into_iter().sum::<usize>();
            let Some(next) = pages["nextRecordsUrl"].as_str() else { break };
            list = next.strip_prefix("/services/data/v66.0").expect("a path").to_owned();
        }
        println!(
            "  limit: a bare download of the same, the job done: {:.0} rows/s ({} MB)",
            rate(usize::try_from(rows).unwrap_or(0), started),
            bytes / 1_000_000
        );
    }
}

/// What the org wrote once it listens.
fn state(file: &Path) -> Option<Json> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

#[expect(clippy::disallowed_methods, reason = "the benchmark's own client, which is to be as bare as can be")]
fn http_client() -> reqwest::Client {
    reqwest::Client::new()
}

/// Keeps credentials in memory.
struct Drawer(Mutex<SecretString>);

#[async_trait]
impl CredentialStore for Drawer {
    async fn load(&self) -> Result<Credentials, CredentialError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).expose_secret().to_owned();
        Credentials::from_json(&kept)
    }

    async fn save(&self, credentials: &Credentials) -> Result<(), CredentialError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = credentials.to_json();
        Ok(())
    }
}
