//! Disconnecting and pausing in the middle of a burst, again and again: once it has answered, the org hears of nothing but the
//! revocation, and what changed meanwhile arrives when it goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_org::{
    Fault, FaultRule, Faults, LedgerEntry,
    core::{Write, WriteContext},
    seed::SeedSize,
};

use crate::{
    database::sqlite,
    program::{Installation, PATIENCE, Server, eventually},
};

const DISCONNECTS: usize = 100;
const PAUSES: usize = 20;
const PEOPLE: usize = 20;
const SIZE: SeedSize = SeedSize { contacts: 30, accounts: 2, leads: 0, opportunities: 0 };
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "difference engine";

/// A server in the middle of a burst of changes on both sides. All that the org's ledger knows of is the server's doing, and that of
/// `syncline connect`: records are changed from within the org.
struct Burst {
    installation: Arc<Installation>,
    browser: reqwest::Client,
    /// Of the connection in the management API.
    path: String,
    people: Vec<(String, String)>,
    /// Number of the latest change of each kind, to users and to records.
    latest: Arc<[AtomicU64; 2]>,
    stop: Arc<AtomicBool>,
    writers: Vec<tokio::task::JoinHandle<()>>,
    random: StdRng,
    _server: Server,
}

/// From when the server was to be still, until when; by the org's clock.
struct Window {
    from_ms: i64,
    until_ms: i64,
}

impl Burst {
    async fn new() -> Self {
        let seed =
            std::env::var("SYNCLINE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
        eprintln!("SYNCLINE_TEST_SEED={seed}");
        let installation = Arc::new(Installation::new(sqlite, SIZE).await);
        installation.command(&["members", "add", "--email", EMAIL, "--password", PASSWORD]);
        let server = installation.serve();
        installation.ready().await;
        installation.map().await;
        let browser = reqwest::Client::builder().cookie_store(true).timeout(PATIENCE).build().expect("a client");
        let contacts = installation.query("SELECT Id, Email FROM Contact WHERE Email != null ORDER BY Id").await;
        let mut people = Vec::new();
        for (number, contact) in contacts.iter().take(PEOPLE).enumerate() {
            let id = format!("user-{number}");
            let body = json!({ "id": id, "attributes": { "email": contact["Email"], "plan": "0" } });
            installation.userflow(Method::POST, "/users", Some(body)).await.expect("the server answers");
            people.push((id, contact["Id"].as_str().expect("an id").to_owned()));
        }
        let org = installation.org.handle();
        org.ledger().set_entries_max(1_000_000);
        org.set_faults(Faults { response_delay_ms: 20, ..Faults::default() });
        let (latest, stop) = (Arc::default(), Arc::default());
        let mut burst = Self {
            installation,
            browser,
            path: String::new(),
            people,
            latest,
            stop,
            writers: Vec::new(),
            random: StdRng::seed_from_u64(seed),
            _server: server,
        };
        let signed_in =
            burst.api(Method::POST, "/session", Some(json!({ "email": EMAIL, "password": PASSWORD }))).await;
        assert_eq!(signed_in.0, StatusCode::OK, "{}", signed_in.1);
        let environment = signed_in.1["environments"][0]["id"].as_str().expect("an environment");
        burst.path = format!("/environments/{environment}/salesforce");
        burst.start();
        burst
    }

    /// What is sent takes a while to be answered, and longer than the revocation, which would hide what goes on behind it.
    fn answer_slowly(&self) {
        for (method, path) in [("PATCH", "/composite/sobjects"), ("GET", "/query")] {
            self.installation.org.handle().add_fault(FaultRule {
                method: Some(method.to_owned()),
                path: Some(path.to_owned()),
                object: None,
                skip: 0,
                times: None,
                probability: 1.0,
                fault: Fault::Delay { ms: 150, after_commit: true },
            });
        }
    }

    /// Changes both sides until told to stop: each change to all people is one number higher than the last.
    fn start(&mut self) {
        let change_users = {
            let (installation, people) = (self.installation.clone(), self.people.clone());
            let (latest, stop) = (self.latest.clone(), self.stop.clone());
            async move {
                while !stop.load(Ordering::Relaxed) {
                    let number = latest[0].fetch_add(1, Ordering::Relaxed) + 1;
                    for (id, _) in &people {
                        let body = json!({ "id": id, "attributes": { "plan": number.to_string() } });
                        installation.userflow(Method::POST, "/users", Some(body)).await.expect("the server answers");
                    }
                }
            }
        };
        let edit_records = {
            let (installation, people) = (self.installation.clone(), self.people.clone());
            let (latest, stop) = (self.latest.clone(), self.stop.clone());
            async move {
                while !stop.load(Ordering::Relaxed) {
                    let number = latest[1].fetch_add(1, Ordering::Relaxed) + 1;
                    for (_, contact) in &people {
                        edit(&installation, contact, json!({ "Title": number.to_string() }));
                        tokio::time::sleep(Duration::from_millis(3)).await;
                    }
                }
            }
        };
        self.writers = vec![tokio::spawn(change_users), tokio::spawn(edit_records)];
    }

    async fn api(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.browser.request(method, format!("http://{}/api/v1{path}", self.installation.address));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the server answers");
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Waits until the server works on the org, one time further than another, and some time more.
    async fn amid_the_burst(&mut self, round: usize, entries: u64) {
        let org = self.installation.org.handle().clone();
        let path = ["", "/eventbus.v1.PubSub/Subscribe", "/composite/sobjects"][round % 3];
        eventually("the server works on the org", async || {
            let is_there =
                org.ledger().entries_after(entries, usize::MAX).iter().any(|entry| entry.path.contains(path));
            is_there.then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(self.random.random_range(0..80))).await;
    }

    fn entries(&self) -> u64 {
        let ledger = self.installation.org.handle().ledger();
        ledger.report().recent.last().map_or(0, |entry| entry.number)
    }

    fn now_ms(&self) -> i64 {
        self.installation.org.handle().now_ms()
    }

    /// What began in one of the windows.
    fn begun_in(&self, windows: &[Window]) -> Vec<LedgerEntry> {
        let all = self.installation.org.handle().ledger().entries_after(0, usize::MAX);
        let is_in = |entry: &LedgerEntry| {
            windows.iter().any(|window| entry.started_ms > window.from_ms && entry.started_ms < window.until_ms)
        };
        all.into_iter().filter(is_in).collect()
    }

    /// What was begun before one of the windows and not answered when it began. A stream ends at our side, and the org hears of it later.
    fn under_way_at(&self, windows: &[Window]) -> Vec<LedgerEntry> {
        let all = self.installation.org.handle().ledger().entries_after(0, usize::MAX);
        let is_under_way = |entry: &LedgerEntry| {
            entry.method != "RPC"
                && windows.iter().any(|window| {
                    entry.started_ms < window.from_ms
                        && entry.answered_ms.is_none_or(|answered_ms| answered_ms > window.from_ms)
                })
        };
        all.into_iter().filter(is_under_way).collect()
    }

    /// Ends the burst, and waits until both sides say the latest.
    async fn settle(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers.drain(..) {
            writer.await.expect("the writer ends");
        }
        let [plan, title] = [0, 1].map(|side| self.latest[side].load(Ordering::Relaxed).to_string());
        let installation = &self.installation;
        eventually("both sides say the latest", async || {
            let contacts = installation.query("SELECT Id, userflow_user_plan__c FROM Contact").await;
            let users = installation.profiles("users").await;
            let is_done = |(id, contact): &(String, String)| {
                let contact = contacts.iter().find(|row| row["Id"] == json!(contact));
                let user = users.iter().find(|user| user["id"] == json!(id));
                contact.is_some_and(|row| row["userflow_user_plan__c"] == json!(plan))
                    && user.is_some_and(|user| user["attributes"]["salesforce_contact_title"] == json!(title))
            };
            self.people.iter().all(is_done).then_some(())
        })
        .await;
    }
}

fn edit(installation: &Installation, id: &str, values: Value) {
    let Value::Object(values) = values else { panic!("fields come as an object") };
    let handle = installation.org.handle();
    let user_id = handle.lock().admin_user_id().to_owned();
    let context = WriteContext { user_id, change_origin: String::new(), now_ms: handle.now_ms() };
    let write = Write::Update { object: None, id: id.to_owned(), values };
    handle.commit(&context, true, vec![write]).pop().expect("an outcome").expect("it is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnected_a_hundred_times_in_a_burst_nothing_but_the_revocation_is_heard() {
    let mut burst = Burst::new().await;
    burst.answer_slowly();
    let path = burst.path.clone();
    let (client_id, client_secret, url) = {
        let org = &burst.installation.org;
        (org.client_id.clone(), org.client_secret.clone(), org.url.clone())
    };
    let connect = ["connect", "--login-url", &url, "--client-id", &client_id, "--client-secret", &client_secret];
    let mut windows = Vec::new();
    let mut longest = Duration::ZERO;
    let mut entries = burst.entries();
    for round in 0..DISCONNECTS {
        burst.amid_the_burst(round, entries).await;
        if round % 2 == 0 {
            // So that a session is being renewed just then, which goes on by itself.
            burst.installation.org.handle().lock().end_all_sessions();
            tokio::time::sleep(Duration::from_millis(burst.random.random_range(0..20))).await;
        }
        let asked = Instant::now();
        // Now and then from another process, which works on the store alone.
        if round % 20 == 19 {
            burst.installation.command(&["disconnect"]);
        } else {
            let (status, body) = burst.api(Method::DELETE, &path, None).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            longest = longest.max(asked.elapsed());
        }
        let from_ms = burst.now_ms();
        tokio::time::sleep(Duration::from_millis(burst.random.random_range(50..150))).await;
        entries = burst.entries();
        windows.push(Window { from_ms, until_ms: burst.now_ms() });
        burst.installation.command(&connect);
    }
    burst.settle().await;
    // A server that looks for grants left behind may meet one that a command takes back just then: once more does no harm.
    let no_revocation = |entry: &LedgerEntry| entry.path != "/services/oauth2/revoke";
    let late: Vec<_> = burst.begun_in(&windows).into_iter().filter(no_revocation).collect();
    assert!(late.is_empty(), "{} calls after a disconnect had answered: {late:?}", late.len());
    let open: Vec<_> = burst.under_way_at(&windows).into_iter().filter(no_revocation).collect();
    assert!(open.is_empty(), "{} calls were under way when a disconnect had answered: {open:?}", open.len());
    let ledger = burst.installation.org.handle().ledger();
    let revoked = ledger.count("POST", "/services/oauth2/revoke");
    assert!(revoked >= DISCONNECTS as u64, "{revoked} grants were taken back");
    let written = ledger.count("PATCH", "/composite/sobjects");
    assert!(written > DISCONNECTS as u64 / 3, "hardly anything was going on: {written} writes");
    eprintln!("{DISCONNECTS} disconnects, the longest took {longest:?}; {written} calls wrote");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salesforce_that_is_silent_at_the_revocation_holds_nobody_up_and_nothing_else_is_said() {
    let mut burst = Burst::new().await;
    let path = burst.path.clone();
    burst.amid_the_burst(0, 0).await;
    let org = burst.installation.org.handle().clone();
    let silent = FaultRule {
        method: None,
        path: Some("/services/oauth2/revoke".to_owned()),
        object: None,
        skip: 0,
        times: None,
        probability: 1.0,
        fault: Fault::Delay { ms: 600_000, after_commit: false },
    };
    org.add_fault(silent);
    let asked = Instant::now();
    let (status, body) = burst.api(Method::DELETE, &path, None).await;
    let took = asked.elapsed();
    assert_eq!((status, body), (StatusCode::OK, json!({ "revoked": false })));
    // Two seconds for the revocation, and what the calls under way take; far from the minutes that Salesforce is silent.
    assert!(took < Duration::from_secs(20), "disconnecting took {took:?}");
    assert_eq!(burst.api(Method::GET, &path, None).await.1["status"], "not_connected");
    // The command says what is left to do, and as soon.
    let asked = Instant::now();
    let said: Value = serde_json::from_str(&burst.installation.command(&["disconnect", "--json"])).expect("JSON");
    assert_eq!(said["revoked"], false);
    let words = burst.installation.command(&["disconnect"]);
    assert!(words.contains("did not take the grant back yet"), "{words}");
    assert!(asked.elapsed() < Duration::from_secs(40), "saying so took {:?}", asked.elapsed());

    // When it speaks again the grant is taken back, and there is nothing left to disconnect.
    org.set_faults(Faults::default());
    let said: Value = serde_json::from_str(&burst.installation.command(&["disconnect", "--json"])).expect("JSON");
    assert_eq!(said["revoked"], true);
    assert!(burst.installation.refused(&["disconnect"]).contains("is not connected"));
    burst.stop.store(true, Ordering::Relaxed);
    for writer in burst.writers.drain(..) {
        writer.await.expect("the writer ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_in_a_burst_nothing_is_heard_and_all_follows_when_it_is_resumed() {
    let mut burst = Burst::new().await;
    let path = burst.path.clone();
    let mut windows = Vec::new();
    let mut entries = burst.entries();
    for round in 0..PAUSES {
        burst.amid_the_burst(round, entries).await;
        if round % 5 == 4 {
            burst.installation.command(&["pause"]);
        } else {
            let (status, body) = burst.api(Method::POST, &format!("{path}/pause"), None).await;
            assert_eq!(status, StatusCode::OK, "{body}");
        }
        let from_ms = burst.now_ms();
        tokio::time::sleep(Duration::from_millis(burst.random.random_range(100..300))).await;
        entries = burst.entries();
        windows.push(Window { from_ms, until_ms: burst.now_ms() });
        if round % 5 == 4 {
            burst.installation.command(&["resume"]);
        } else {
            let (status, body) = burst.api(Method::POST, &format!("{path}/resume"), None).await;
            assert_eq!(status, StatusCode::OK, "{body}");
        }
    }
    burst.settle().await;
    let late = burst.begun_in(&windows);
    assert!(late.is_empty(), "{} calls after a pause had answered: {late:?}", late.len());
}
