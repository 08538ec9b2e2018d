//! Whether the org is quick enough never to be what a measurement of Syncline waits for, its client included.
//!
//! A million contacts are seeded; then each way in is used as hard as one client can, over real sockets, and beside it stands the
//! limit that no server could beat here: the same client against a bare server that sends the same bytes ready-made. Prints;
//! judges nothing.
//!
//! `cargo xtask bench-org`, or `cargo bench -p syncline-org`. `BENCH_CONTACTS` and `BENCH_ROUNDS` are read.

mod bare;
mod bulk;
mod changes;
mod collections;

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;
use syncline_org::seed::SeedSize;
use syncline_org::{OrgOptions, RunningOrg, start};

/// What a Salesforce call path goes through in every measurement.
const API: &str = "/services/data/v66.0";

/// The org under measurement and a signed-in client.
struct Bench {
    org: RunningOrg,
    http: Client,
    token: String,
    rounds: usize,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let contacts: usize = number("BENCH_CONTACTS", 1_000_000);
    let rounds = number("BENCH_ROUNDS", 5);
    let size = SeedSize { contacts, accounts: contacts / 10, leads: 0, opportunities: 0 };
    let started = Instant::now();
    let options = OrgOptions {
        seed_size: Some(size),
        daily_requests_max: Some(u64::MAX),
        daily_deliveries_max: Some(u64::MAX),
        ..OrgOptions::default()
    };
    let org = start(options).await.expect("the org starts");
    println!("{contacts} contacts and {} accounts", size.accounts);
    println!("  seeded in {:.1} s, {} MB resident", started.elapsed().as_secs_f64(), resident_mb());

    let token = org.access_token();
    let http = Client::builder().tcp_nodelay(true).build().expect("a client");
    let bench = Bench { org, http, token, rounds };
    bench.look_ups().await;
    println!("\n{:<44} {:>12} {:>12} {:>12}", "", "min", "median", "max");
    bulk::measure(&bench).await;
    changes::measure(&bench).await;
    collections::measure(&bench).await;
    println!("\n{} MB resident at the end, the clients included", resident_mb());
}

impl Bench {
    fn url(&self, path: &str) -> String {
        format!("{}{API}{path}", self.org.url)
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(self.url(path)).bearer_auth(&self.token).send().await.expect("the org answers");
        answer.error_for_status().expect("a good answer").json().await.expect("JSON")
    }

    async fn query(&self, statement: &str) -> Value {
        let request = self.http.get(self.url("/query")).query(&[("q", statement)]).bearer_auth(&self.token);
        request.send().await.expect("the org answers").json().await.expect("JSON")
    }

    /// A question by 2,000 keys among all contacts.
    async fn look_ups(&self) {
        let emails = self.query("SELECT Email FROM Contact LIMIT 2000").await;
        let emails: Vec<&str> =
            emails["records"].as_array().expect("records").iter().filter_map(|row| row["Email"].as_str()).collect();
        let statement = format!("SELECT Id FROM Contact WHERE Email IN ('{}')", emails.join("','"));
        let handle = self.org.handle();
        let mut times: Vec<Duration> = (0..self.rounds.max(5))
            .map(|_| {
                let started = Instant::now();
                let org = handle.lock();
                let access = org.access(org.admin_user_id(), 0);
                let asker =
                    syncline_org::soql::Asker { access: &access, now_ms: 0, include_deleted: false, tooling: false };
                let found = syncline_org::soql::run(&org, &asker, &statement).expect("a good query");
                drop(found);
                started.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!(
            "  WHERE Email IN ({} keys): {:.1} ms (median)",
            emails.len(),
            times[times.len() / 2].as_secs_f64() * 1e3
        );
    }
}

/// Prints the rates of several rounds.
fn print(what: &str, unit: &str, mut rates: Vec<f64>) {
    rates.sort_by(f64::total_cmp);
    let (min, median, max) = (rates[0], rates[rates.len() / 2], rates[rates.len() - 1]);
    println!("{what:<44} {min:>12.0} {median:>12.0} {max:>12.0}  {unit}");
}

/// Memory of this process, clients included.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
