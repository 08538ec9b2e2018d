//! What a connection costs its org in API calls: a burst of changes, and a day on which nothing happens, which is lived through in
//! minutes. Prints each figure beside the limit that it is to keep; judges nothing.
//!
//! `cargo xtask bench-cost`, or `cargo bench -p syncline --bench cost`. `BENCH_HURRY` (how many times as fast the day passes) is read.

#[expect(dead_code, reason = "shared with the system tests")]
#[path = "../tests/system/database.rs"]
mod database;
#[expect(dead_code, reason = "shared with the system tests")]
#[path = "../tests/system/program.rs"]
mod program;

use std::{cell::RefCell, collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use syncline::{
    secrets,
    settings::{SalesforceSettings, parse_key},
    wiring::{self, ServerParts},
};
use syncline_engine::Tempo;
use syncline_model::{
    attribute::AttributeOperation,
    clock::SystemClock,
    connection::StreamState,
    mapping::MappingDefinition,
    profile::{ProfileKind, ProfileWrite},
};
use syncline_org::{Faults, OrgOptions, RunningOrg, seed::SeedSize};
use syncline_salesforce::App;
use tokio_util::sync::CancellationToken;

use crate::program::{Installation, eventually};

const CHANGES: usize = 1_000;
const BURST_LIMIT: u64 = 6;
const DAY_LIMIT: u64 = 300;
const SIZE: SeedSize = SeedSize { contacts: CHANGES + 50, accounts: 10, leads: 0, opportunities: 0 };
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn main() {
    let hurry = std::env::var("BENCH_HURRY").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        println!("{:<44} {:>8} {:>8}", "", "calls", "limit");
        burst().await;
        idle_day(hurry).await;
    });
}

fn print(what: &str, calls: u64, limit: u64, by_path: &BTreeMap<String, u64>) {
    println!("{what:<44} {calls:>8} {limit:>8}");
    for (path, calls) in by_path {
        println!("  {path:<42} {calls:>8}");
    }
}

/// Calls that count against the org's allowance, by path.
fn counted(org: &RunningOrg) -> BTreeMap<String, u64> {
    let mut counts = org.handle().ledger().report().counts;
    counts.retain(|path, _| !path.starts_with("RPC ") && !path.contains("oauth2") && !path.contains("__control"));
    counts
}

/// As many users change at once as arrive while one call is under way.
async fn burst() {
    let installation = Installation::new(database::sqlite, SIZE).await;
    let server = installation.serve();
    installation.ready().await;
    installation.map().await;
    let contacts = installation.query("SELECT Id, Email FROM Contact WHERE Email != null ORDER BY Id").await;
    let contacts = &contacts[..CHANGES];
    let org = installation.org.handle().clone();
    let are_written = async |records_before: u64| {
        eventually("all changes are written", async || {
            (written(&installation.org) >= records_before + CHANGES as u64).then_some(())
        })
        .await;
    };
    change_users(&installation, contacts, "free").await;
    are_written(0).await;
    org.ledger().reset();
    org.set_faults(Faults { response_delay_ms: 1_000, ..Faults::default() });
    change_users(&installation, contacts, "pro").await;
    org.set_faults(Faults::default());
    are_written(0).await;
    let calls = counted(&installation.org);
    print(&format!("a burst of {CHANGES} changes to Salesforce"), calls.values().sum(), BURST_LIMIT, &calls);
    drop(server);
}

fn written(org: &RunningOrg) -> u64 {
    let records = org.handle().ledger().report().records;
    records.iter().filter(|(path, _)| path.starts_with("PATCH ")).map(|(_, records)| records).sum()
}

async fn change_users(installation: &Installation, contacts: &[Value], plan: &str) {
    let left = RefCell::new(contacts.iter().enumerate());
    let next = || left.borrow_mut().next();
    let worker = async || {
        while let Some((number, contact)) = next() {
            let attributes = json!({ "email": contact["Email"], "plan": plan });
            let body = json!({ "id": format!("user-{number}"), "attributes": attributes });
            installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
        }
    };
    futures::future::join_all((0..32).map(|_| worker())).await;
}

/// A connection with change data capture and two mappings, on a day on which nobody changes anything.
async fn idle_day(hurry: u32) {
    let org = syncline_org::start(OrgOptions {
        seed_size: Some(SeedSize { contacts: 100, accounts: 10, leads: 0, opportunities: 0 }),
        ..OrgOptions::default()
    });
    let org = org.await.expect("the org starts");
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(SystemClock);
    let key = parse_key(&secrets::random_secret_key().into()).expect("a key");
    let store = syncline_store::open(&database::sqlite(folder.path()), key, clock.clone()).await.expect("a store");
    let app = App { client_id: org.client_id.clone(), client_secret: org.client_secret.clone().into() };
    let stop = CancellationToken::new();
    let server = wiring::start(ServerParts {
        store: store.clone(),
        clock,
        salesforce: SalesforceSettings {
            login_url: Some(org.url.clone()),
            app: Some(app.clone()),
            pubsub_url: org.pubsub_url.clone(),
            extra_ca: None,
        },
        node: "bench".to_owned(),
        listener: tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port"),
        public_url: None,
        tempo: Tempo::default().hurried(hurry),
        stop: stop.clone(),
    })
    .expect("the server starts");
    let environment = store.environments().await.expect("the store answers").remove(0).id;
    let (identity, credentials) = server.login.client_credentials(&org.url, app).await.expect("the org lets it in");
    let connection = store.connect(environment, &identity, &credentials).await.expect("it is connected");
    for mapping in [
        json!({ "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
            "inbound": [{ "from": "Title", "to": "title" }] }),
        json!({ "salesforce": "Account", "userflow": "company", "match": { "salesforce": "Name", "userflow": "name" },
            "inbound": [{ "from": "Industry", "to": "industry" }] }),
    ] {
        let mapping: MappingDefinition = serde_json::from_value(mapping).expect("a mapping");
        store.save_mapping(connection, None, &mapping, &[], &[]).await.expect("it is saved");
    }
    let user = ProfileWrite::Upsert {
        kind: ProfileKind::User,
        id: "u1".into(),
        operations: vec![("email".to_owned(), AttributeOperation::set("nobody@example.com".into()))],
        seen: false,
    };
    store.write(environment, &vec![user]).await.expect("it is written");
    eventually("the stream is live and the connection examined", async || {
        let is_live = store.connection(environment).await.ok()??.stream.state == StreamState::Live;
        let is_examined = store.examination(connection).await.ok()?.is_some();
        (is_live && is_examined).then_some(())
    })
    .await;
    org.handle().ledger().reset();
    tokio::time::sleep(DAY / hurry).await;
    let calls = counted(&org);
    print(&format!("an idle day ({hurry} times as fast)"), calls.values().sum(), DAY_LIMIT, &calls);
    stop.cancel();
    server.ended().await.expect("it ends in good order");
}
