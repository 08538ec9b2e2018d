//! What a connection costs its org in API calls: a burst of changes, and a day on which nothing happens, which is lived through in
//! minutes. Prints each figure beside the limit that it is to keep; judges nothing.
//!
//! `cargo xtask bench-cost`, or `cargo bench -p syncline --bench cost`. `BENCH_HURRY` (how many times as fast the day passes) is read.

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use syncline_engine::Tempo;
use syncline_model::{connection::StreamState, mapping::MappingDefinition};
use syncline_org::{Faults, RunningOrg, seed::SeedSize};

use crate::support::{
    Bench, database,
    program::{Installation, eventually},
    setting, user_write,
};

const CHANGES: usize = 1_000;
const BURST_LIMIT: u64 = 6;
const DAY_LIMIT: u64 = 300;
const SIZE: SeedSize = SeedSize { contacts: CHANGES + 50, accounts: 10, leads: 0, opportunities: 0 };
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn main() {
    let hurry = setting("BENCH_HURRY", 600);
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
    let size = SeedSize { contacts: 100, accounts: 10, leads: 0, opportunities: 0 };
    let bench = Bench::start(size, Tempo::default().hurried(hurry)).await;
    let Bench { store, environment, connection, .. } = &bench;
    for mapping in [
        json!({ "salesforce": "Contact", "userflow": "user", "match": { "salesforce": "Email", "userflow": "email" },
            "inbound": [{ "from": "Title", "to": "title" }] }),
        json!({ "salesforce": "Account", "userflow": "company", "match": { "salesforce": "Name", "userflow": "name" },
            "inbound": [{ "from": "Industry", "to": "industry" }] }),
    ] {
        let mapping: MappingDefinition = serde_json::from_value(mapping).expect("a mapping");
        store.save_mapping(*connection, None, &mapping, &[], &[]).await.expect("it is saved");
    }
    bench.write(vec![user_write("u1", &[("email", "nobody@example.com")])]).await;
    eventually("the stream is live and the connection examined", async || {
        let is_live = store.connection(*environment).await.ok()??.stream.state == StreamState::Live;
        let is_examined = store.examination(*connection).await.ok()?.is_some();
        (is_live && is_examined).then_some(())
    })
    .await;
    bench.org.handle().ledger().reset();
    tokio::time::sleep(DAY / hurry).await;
    let calls = counted(&bench.org);
    print(&format!("an idle day ({hurry} times as fast)"), calls.values().sum(), DAY_LIMIT, &calls);
    bench.end().await;
}
