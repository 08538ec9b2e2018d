//! How long a change takes, both ways, and what a burst costs: the whole program between a real database and the emulated org, whose
//! every answer is delayed. Prints percentiles; judges nothing. Beside each figure stands the limit that no program could beat here: a
//! bare write to the same org, a bare subscriber to the same change stream.
//!
//! `cargo xtask bench`, or `cargo bench -p syncline --bench latency`. `BENCH_SECONDS`, `BENCH_RATE` (changes a second),
//! `BENCH_DELAY_MS` and `SYNCLINE_TEST_POSTGRES_URL` (then PostgreSQL is measured too) are read.

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use syncline_org::{Faults, core::CommittedEvent, seed::SeedSize};
use tokio::time::{Instant, MissedTickBehavior};

use crate::support::{
    database,
    program::{Installation, eventually},
    setting,
};

const PEOPLE: usize = 1_000;
const SIZE: SeedSize = SeedSize { contacts: PEOPLE + 50, accounts: 100, leads: 0, opportunities: 0 };

struct Options {
    seconds: u64,
    rate: u64,
    delay_ms: u64,
}

fn main() {
    let options = Options {
        seconds: setting("BENCH_SECONDS", 20),
        rate: setting("BENCH_RATE", 20),
        delay_ms: setting("BENCH_DELAY_MS", 50),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        println!(
            "{} changes/s for {} s each way; every answer of the org delayed by {} ms",
            options.rate, options.seconds, options.delay_ms
        );
        measure("SQLite", Installation::new(database::sqlite, SIZE).await, &options).await;
        if std::env::var_os("SYNCLINE_TEST_POSTGRES_URL").is_some() {
            let database = database::Postgres::new("syncline_bench").await.expect("a database");
            measure("PostgreSQL", Installation::new(|_| database.url.clone(), SIZE).await, &options).await;
            database.drop().await;
        }
    });
}

async fn measure(database: &str, installation: Installation, options: &Options) {
    let installation = Arc::new(installation);
    let server = installation.serve();
    installation.ready().await;
    installation.map().await;
    let contacts = installation.query("SELECT Id, Email FROM Contact WHERE Email != null ORDER BY Id").await;
    let contacts: Arc<[Value]> = contacts.into_iter().take(PEOPLE).collect();
    burst(&installation, &contacts, "start").await;
    installation.org.handle().set_faults(Faults { response_delay_ms: options.delay_ms, ..Faults::default() });

    println!("\n{database:<34} {:>8} {:>8} {:>8} {:>8}", "p50 ms", "p90 ms", "p99 ms", "max ms");
    print("Userflow → Salesforce", outbound(&installation, &contacts, options).await);
    print("  limit: a bare PATCH", bare_writes(&installation, &contacts, options).await);
    let (inbound, bare) = inbound(&installation, &contacts, options).await;
    print("Salesforce → Userflow", inbound);
    print("  limit: a bare subscriber", bare);
    bursts(&installation, &contacts).await;
    drop(server);
}

fn print(what: &str, mut samples: Vec<i64>) {
    samples.sort_unstable();
    let at = |part: f64| samples[((samples.len() - 1) as f64 * part).round() as usize];
    println!("{what:<34} {:>8} {:>8} {:>8} {:>8}   ({} samples)", at(0.5), at(0.9), at(0.99), at(1.0), samples.len());
}

/// Runs `change` at the rate, each in its own task, with a running number.
async fn at_rate<F: Future<Output = ()> + Send + 'static>(options: &Options, mut change: impl FnMut(u64) -> F) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(options.rate).expect("a rate"));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..options.rate * options.seconds {
        ticks.tick().await;
        tasks.spawn(change(number));
    }
    tasks.join_all().await;
}

/// Request answered → value committed in the org, in milliseconds.
async fn outbound(installation: &Arc<Installation>, contacts: &Arc<[Value]>, options: &Options) -> Vec<i64> {
    let answered = Arc::new(Mutex::new(HashMap::new()));
    at_rate(options, |number| {
        let (installation, contacts, answered) = (installation.clone(), contacts.clone(), answered.clone());
        async move {
            let plan = format!("out {number}");
            let body =
                json!({"id": format!("user-{}", number as usize % contacts.len()), "attributes": {"plan": plan}});
            installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
            answered.lock().expect("nobody panicked").insert(plan, installation.org.handle().now_ms());
        }
    })
    .await;
    let answered = answered.lock().expect("nobody panicked").clone();
    eventually("all changes are written", async || {
        let committed = committed(installation, "userflow_user_plan__c");
        answered.keys().all(|plan| committed.contains_key(plan)).then_some(())
    })
    .await;
    let committed = committed(installation, "userflow_user_plan__c");
    answered.iter().map(|(plan, answered_ms)| (committed[plan] - answered_ms).max(0)).collect()
}

/// When each value of a field was first committed, from the org's own event log.
fn committed(installation: &Installation, field: &str) -> HashMap<String, i64> {
    let handle = installation.org.handle();
    let org = handle.lock();
    let index = org.object("Contact").and_then(|object| object.index_of(field)).expect("the field exists");
    let mut committed = HashMap::new();
    for event in org.events_after(None).filter(|event| event.entity == "Contact") {
        for (_, value) in event.values.iter().filter(|(field, _)| *field == index) {
            committed.entry(value.as_text().unwrap_or_default().to_owned()).or_insert(event.commit_timestamp_ms);
        }
    }
    committed
}

/// Request sent → value committed in the org, in milliseconds, without Syncline.
async fn bare_writes(installation: &Arc<Installation>, contacts: &Arc<[Value]>, options: &Options) -> Vec<i64> {
    let sent = Arc::new(Mutex::new(HashMap::new()));
    at_rate(&Options { seconds: 5, ..*options }, |number| {
        let (installation, contacts, sent) = (installation.clone(), contacts.clone(), sent.clone());
        async move {
            let title = format!("bare {number}");
            let id = contacts[number as usize % contacts.len()]["Id"].as_str().expect("an id").to_owned();
            sent.lock().expect("nobody panicked").insert(title.clone(), installation.org.handle().now_ms());
            installation.edit_record("Contact", &id, json!({"Title": title})).await;
        }
    })
    .await;
    let committed = committed(installation, "Title");
    let sent = sent.lock().expect("nobody panicked");
    sent.iter().map(|(title, sent_ms)| (committed[title] - sent_ms).max(0)).collect()
}

/// Committed in the org → visible through the API, and → received by a bare subscriber, in milliseconds.
async fn inbound(installation: &Arc<Installation>, contacts: &Arc<[Value]>, options: &Options) -> (Vec<i64>, Vec<i64>) {
    let bare = BareSubscriber::start(installation).await;
    let seen = Arc::new(Mutex::new(HashMap::new()));
    at_rate(options, |number| {
        let (installation, contacts, seen) = (installation.clone(), contacts.clone(), seen.clone());
        async move {
            let person = number as usize % contacts.len();
            let title = format!("in {number}");
            let contact = contacts[person]["Id"].as_str().expect("an id").to_owned();
            let edit = tokio::spawn({
                let (installation, fields) = (installation.clone(), json!({"Title": title}));
                async move { installation.edit_record("Contact", &contact, fields).await }
            });
            let path = format!("/users/user-{person}");
            loop {
                let user = installation.userflow(reqwest::Method::GET, &path, None).await.expect("the server answers");
                if user["attributes"]["salesforce_contact_title"] == json!(title) {
                    seen.lock().expect("nobody panicked").insert(title, installation.org.handle().now_ms());
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            edit.await.expect("the org answers");
        }
    })
    .await;
    let committed = committed(installation, "Title");
    let seen = seen.lock().expect("nobody panicked");
    (seen.iter().map(|(title, seen_ms)| (seen_ms - committed[title]).max(0)).collect(), bare.stop())
}

/// Subscribes to the org's changes with nothing but the generated client.
struct BareSubscriber {
    delays: Arc<Mutex<Vec<i64>>>,
    task: tokio::task::JoinHandle<()>,
}

impl BareSubscriber {
    async fn start(installation: &Arc<Installation>) -> Self {
        use syncline_salesforce_eventbus::v1::{FetchRequest, ReplayPreset, pub_sub_client::PubSubClient};
        let delays = Arc::new(Mutex::new(Vec::new()));
        let endpoint = tonic::transport::Endpoint::from_shared(installation.org.pubsub_url.clone()).expect("a URL");
        let mut client = PubSubClient::new(endpoint.tcp_nodelay(true).connect().await.expect("the org answers"));
        let (credits, requests) = tokio::sync::mpsc::channel(16);
        let fetch = |num_requested| FetchRequest {
            topic_name: "/data/ChangeEvents".to_owned(),
            replay_preset: ReplayPreset::Latest as i32,
            num_requested,
            ..FetchRequest::default()
        };
        credits.send(fetch(100)).await.expect("the channel is open");
        let mut request = tonic::Request::new(tokio_stream::wrappers::ReceiverStream::new(requests));
        for (name, value) in [
            ("accesstoken", installation.org.access_token()),
            ("instanceurl", installation.org.url.clone()),
            ("tenantid", installation.org.org_id.clone()),
        ] {
            request.metadata_mut().insert(name, value.parse().expect("ASCII"));
        }
        let mut stream = client.subscribe(request).await.expect("the org accepts").into_inner();
        let installation = installation.clone();
        let task = tokio::spawn({
            let delays = delays.clone();
            async move {
                while let Ok(Some(answer)) = stream.message().await {
                    let ids = answer.events.iter().map(|event| event.replay_id.as_ref());
                    let received_ms = ids.map(|id| age_ms(&installation, id));
                    delays.lock().expect("nobody panicked").extend(received_ms);
                    let received = i32::try_from(answer.events.len()).unwrap_or(100);
                    if received > 0 && credits.send(fetch(received)).await.is_err() {
                        break;
                    }
                }
            }
        });
        Self { delays, task }
    }

    fn stop(self) -> Vec<i64> {
        self.task.abort();
        self.delays.lock().expect("nobody panicked").clone()
    }
}

/// How long ago the event was committed, in milliseconds.
fn age_ms(installation: &Installation, replay_id: &[u8]) -> i64 {
    let id = u64::from_be_bytes(replay_id.try_into().expect("eight bytes"));
    let handle = installation.org.handle();
    let now_ms = handle.now_ms();
    let org = handle.lock();
    let committed_ms = org.events_after(Some(id - 1)).next().map_or(now_ms, |event| event.commit_timestamp_ms);
    (now_ms - committed_ms).max(0)
}

/// A thousand changes at once, each way: time until the last is there, and calls.
async fn bursts(installation: &Arc<Installation>, contacts: &Arc<[Value]>) {
    let handle = installation.org.handle().clone();
    handle.ledger().reset();
    let start = Instant::now();
    burst(installation, contacts, "burst").await;
    let calls: u64 = handle
        .ledger()
        .report()
        .counts
        .iter()
        .filter(|(path, _)| path.starts_with("PATCH"))
        .map(|(_, calls)| calls)
        .sum();
    println!("{PEOPLE} changes out at once: {calls} calls, all written after {} ms", start.elapsed().as_millis());

    let edits: Vec<_> = contacts.iter().map(|contact| contact["Id"].as_str().expect("an id").to_owned()).collect();
    let token = installation.org.access_token();
    for ids in edits.chunks(200) {
        let records: Vec<_> =
            ids.iter().map(|id| json!({"attributes": {"type": "Contact"}, "id": id, "Title": "Burst"})).collect();
        let url = format!("{}/services/data/v66.0/composite/sobjects", installation.org.url);
        let body = json!({"allOrNone": true, "records": records});
        installation.http.patch(url).bearer_auth(&token).json(&body).send().await.expect("the org answers");
    }
    let before = handle.ledger().report().total;
    let start = Instant::now();
    eventually("all changes have arrived", async || {
        let users = installation.profiles("users").await;
        users.iter().all(|user| user["attributes"]["salesforce_contact_title"] == json!("Burst")).then_some(())
    })
    .await;
    let calls = handle.ledger().report().total - before;
    println!("{PEOPLE} changes in at once: {calls} calls, all there after {} ms", start.elapsed().as_millis());
}

/// Gives every user a plan, many requests at a time, and waits until the org has them all.
async fn burst(installation: &Arc<Installation>, contacts: &Arc<[Value]>, plan: &str) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = async || {
        loop {
            let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(contact) = contacts.get(number) else { break };
            let body = json!({"id": format!("user-{number}"), "attributes": {"email": contact["Email"], "plan": plan}});
            installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
        }
    };
    futures::future::join_all((0..32).map(|_| worker())).await;
    eventually("the burst is written", async || {
        let handle = installation.org.handle();
        let org = handle.lock();
        let index = org.object("Contact").and_then(|object| object.index_of("userflow_user_plan__c"))?;
        let says_plan = |event: &&Arc<CommittedEvent>| {
            event.values.iter().any(|(field, value)| *field == index && value.as_text() == Some(plan))
        };
        // One event tells of all records that one transaction changed alike.
        let events = org.events_after(None).filter(|event| event.entity == "Contact").filter(says_plan);
        (events.map(|event| event.record_ids.len()).sum::<usize>() >= contacts.len()).then_some(())
    })
    .await;
}
