//! Running `syncline` as a user does: its commands, its server as a child process that can be killed, and the two APIs.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use syncline_org::{OrgOptions, RunningOrg, seed::SeedSize};

/// How long anything may take that is only waited for; far above what it does take, so that a slow machine fails no test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The mappings that tests and benchmark use: both objects, both directions.
pub(crate) const MAPPINGS: &str = r#"
[[mapping]]
salesforce = "Contact"
userflow = "user"
match = { salesforce = "Email", userflow = "email" }
inbound = [
    { from = "Title", to = "salesforce_contact_title" },
    { from = "Department", to = "salesforce_contact_department" },
]
outbound = [
    { from = "plan", to = "userflow_user_plan__c" },
    { from = "onboarding_score", to = "userflow_user_onboarding_score__c" },
]

[[mapping]]
salesforce = "Account"
userflow = "company"
match = { salesforce = "External_Id__c", userflow = "company_id" }
inbound = [{ from = "Industry", to = "salesforce_account_industry" }]
outbound = [{ from = "plan", to = "userflow_company_plan__c" }]
"#;

/// Name of an installation's first node.
pub(crate) const FIRST_NODE: &str = "test";

/// An installation: settings, a database that outlives its processes, and the org it is connected to.
pub(crate) struct Installation {
    pub(crate) org: RunningOrg,
    pub(crate) address: String,
    pub(crate) http: reqwest::Client,
    pub(crate) api_key: String,
    node: &'static str,
    database_url: String,
    folder: tempfile::TempDir,
}

impl Installation {
    /// An org with that many people, and an installation on the database that is connected to it and mapped.
    pub(crate) async fn new(database_url: impl Fn(&std::path::Path) -> String, size: SeedSize) -> Self {
        // A test of crashes reads more events than a free org delivers in a day.
        let options =
            OrgOptions { seed_size: Some(size), daily_deliveries_max: Some(u64::MAX), ..OrgOptions::default() };
        let org = syncline_org::start(options).await.expect("the org starts");
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let mut installation = Self {
            org,
            address,
            http: http_client(),
            api_key: String::new(),
            node: FIRST_NODE,
            database_url: database_url(folder.path()),
            folder,
        };
        let org = &installation.org;
        installation.command(&[
            "connect",
            "--login-url",
            &org.url,
            "--client-id",
            &org.client_id,
            "--client-secret",
            &org.client_secret,
        ]);
        let key: Value = serde_json::from_str(&installation.command(&["api-keys", "create", "--json"])).expect("JSON");
        installation.api_key = key["key"].as_str().expect("a key").to_owned();
        installation
    }

    /// The database.
    pub(crate) fn database_url(&self) -> &str {
        &self.database_url
    }

    fn program(&self) -> Command {
        let mut command = Command::new(program_path());
        command
            .current_dir(self.folder.path())
            .env("SYNCLINE_DATABASE_URL", &self.database_url)
            .env("SYNCLINE_SECRET_KEY", "dGVzdHMgbmVlZCBubyBzZWNyZXQsIG9ubHkgYSBrZXk=")
            .env("SYNCLINE_LISTEN", &self.address)
            .env("SYNCLINE_NODE", self.node)
            .env("SYNCLINE_SALESFORCE_PUBSUB_URL", &self.org.pubsub_url)
            .env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "error".to_owned()))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command and gives what it printed.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let output = self.program().args(arguments).output().expect("the program runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs a command that is to fail, and gives what it said of why.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.program().args(arguments).output().expect("the program runs");
        assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    /// Runs a command with something more in its environment; whether it was done, and what it printed and said.
    pub(crate) fn command_with(&self, variable: (&str, &str), arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.program().env(variable.0, variable.1).args(arguments).output().expect("the program runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("UTF-8"))
    }

    /// Puts a file where commands run.
    pub(crate) fn put(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the file is written");
    }

    /// Starts the server; it may not be ready yet.
    pub(crate) fn serve(&self) -> Server {
        Server(self.program().arg("serve").stdout(Stdio::null()).spawn().expect("the program runs"))
    }

    /// Starts another server on the same database, as a node of its own at an address of its own. Those who ask ask this one from
    /// now on; [`Self::serve`] starts it again.
    pub(crate) fn serve_beside(&mut self, node: &'static str) -> Server {
        self.node = node;
        self.address = free_address();
        self.serve()
    }

    /// Waits until the server answers.
    pub(crate) async fn ready(&self) {
        let url = format!("http://{}/readyz", self.address);
        eventually("the server is ready", async || {
            let answer = self.http.get(&url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Waits until the org's objects are described, so that mappings can be judged, and applies [`MAPPINGS`].
    pub(crate) async fn map(&self) {
        self.map_by(MAPPINGS).await;
    }

    /// Waits until the org's objects are described, and applies these mappings.
    pub(crate) async fn map_by(&self, mappings: &str) {
        eventually("the org's objects are described", async || {
            let file = self.folder.path().join("mappings.toml");
            std::fs::write(&file, mappings).expect("the file is written");
            let arguments = ["mappings", "apply", file.to_str()?];
            self.program().args(arguments).output().ok()?.status.success().then_some(())
        })
        .await;
    }

    /// A request to the Userflow-compatible API. `None` where the server did not answer.
    pub(crate) async fn userflow(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Option<Value> {
        let mut request =
            self.http.request(method, format!("http://{}/userflow{path}", self.address)).bearer_auth(&self.api_key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status();
        let body = answer.json().await.ok()?;
        assert!(status.is_success(), "{path}: {status} {body}");
        Some(body)
    }

    /// Changes a record as a person does in the org's own pages.
    pub(crate) async fn edit_record(&self, object: &str, id: &str, fields: Value) {
        let url = format!("{}/services/data/v66.0/sobjects/{object}/{id}", self.org.url);
        let answer = self
            .http
            .patch(url)
            .bearer_auth(self.org.access_token())
            .json(&fields)
            .send()
            .await
            .expect("the org answers");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }

    /// All rows of a query of the org.
    pub(crate) async fn query(&self, soql: &str) -> Vec<Value> {
        self.try_query(soql).await.unwrap_or_else(|| panic!("the org refuses {soql}"))
    }

    /// All rows of a query of the org; `None` where it is refused.
    pub(crate) async fn try_query(&self, soql: &str) -> Option<Vec<Value>> {
        let token = self.org.access_token();
        let mut rows = Vec::new();
        let mut url = format!("{}/services/data/v66.0/query", self.org.url);
        let mut query = vec![("q", soql)];
        loop {
            let answer = self.http.get(&url).query(&query).bearer_auth(&token).send().await.expect("the org answers");
            let page: Value = answer.json().await.expect("JSON");
            rows.extend(page["records"].as_array()?.iter().cloned());
            match page["nextRecordsUrl"].as_str() {
                Some(next) => url = format!("{}{next}", self.org.url),
                None => return Some(rows),
            }
            query.clear();
        }
    }

    /// All users, or all groups.
    pub(crate) async fn profiles(&self, kind: &str) -> Vec<Value> {
        let mut rows: Vec<Value> = Vec::new();
        loop {
            let after = rows.last().map(|row| format!("&starting_after={}", row["id"].as_str().expect("an id")));
            let path = format!("/{kind}?limit=100{}", after.unwrap_or_default());
            let page = self.userflow(reqwest::Method::GET, &path, None).await.expect("the server answers");
            rows.extend(page["data"].as_array().expect("a list").iter().cloned());
            if page["has_more"] == json!(false) {
                return rows;
            }
        }
    }
}

/// A server process; it is killed when dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Kills the process at once, as the machine's failure would: SIGKILL.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.0.kill().expect("it was running");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            self.end();
        }
    }
}

fn program_path() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_syncline"))
}

/// An address nobody listens on.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

#[expect(clippy::disallowed_methods, reason = "the tests' own client; its time-outs are the tests' deadlines")]
fn http_client() -> reqwest::Client {
    reqwest::Client::new()
}

/// Waits until `condition` gives something, asking again and again.
pub(crate) async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "not within {} s: {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
