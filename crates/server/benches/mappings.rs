//! What stands beside a change must not slow it down: 200 mappings that do not concern it, and a record with thousands of associated
//! ones that changes at the same time. Prints each figure beside the one without; judges nothing.
//!
//! `cargo xtask bench-mappings`, or `cargo bench -p syncline --bench mappings`. `BENCH_CHILDREN` (associated records) is read.

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::time::Duration;

use serde_json::{Map, Value, json};
use syncline_engine::Tempo;
use syncline_model::{
    attribute::{AttributeDefinition, DataType, Origin, Scope},
    clock::{Clock, SystemClock},
    mapping::MappingDefinition,
    profile::ProfileKind,
};
use syncline_org::{
    core::{Write, WriteContext},
    seed::SeedSize,
};
use tokio::time::Instant;

use crate::support::{Bench, setting, user_write};

/// The org begins empty.
const NOBODY: SeedSize = SeedSize { contacts: 0, accounts: 0, leads: 0, opportunities: 0 };
/// Mappings that do not concern the change, and lines in each.
const OTHERS: usize = 199;
const LINES: usize = 10;
/// Changes of which each figure is made.
const SAMPLES: usize = 200;
/// Between two changes while thousands follow their parent.
const APART: Duration = Duration::from_millis(50);
/// Everything ends within this time, or nothing does.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() {
    let children = setting("BENCH_CHILDREN", 20_000);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        println!("{:<52} {:>8} {:>8} {:>8}", "", "p50 ms", "p99 ms", "max ms");
        many_mappings().await;
        many_children(children).await;
    });
}

fn print(what: &str, samples: &mut [Duration]) {
    samples.sort_unstable();
    let at = |part: f64| samples[((samples.len() - 1) as f64 * part).round() as usize].as_secs_f64() * 1_000.0;
    println!("{what:<52} {:>8.1} {:>8.1} {:>8.1}", at(0.5), at(0.99), at(1.0));
}

/// One change at a time, out and in, beside one mapping more and beside many.
async fn many_mappings() {
    let bench = Bench::start(NOBODY, Tempo::default()).await;
    let contact = bench.create("Contact", json!({ "LastName": "Ada", "Email": "ada@bench.test" }));
    bench.user("ada", &[("email", "ada@bench.test")]).await;
    bench.map("Contact", "email", &[("Title", "title")], &[("plan", "Department")]).await;
    bench.settled().await;
    let mut out = bench.changes_out(&contact).await;
    let mut back = bench.changes_in(&contact, "ada", "title").await;
    print("Userflow → Salesforce, 1 mapping", &mut out);
    print("Salesforce → Userflow, 1 mapping", &mut back);
    for number in 0..OTHERS {
        let lines: Vec<_> = (0..LINES).map(|line| format!("lead_{number}_{line}")).collect();
        let lines: Vec<_> = lines.iter().map(|line| ("Title", line.as_str())).collect();
        bench.map("Lead", &format!("lead_key_{number}"), &lines, &[]).await;
    }
    bench.settled().await;
    let mut out = bench.changes_out(&contact).await;
    let mut back = bench.changes_in(&contact, "ada", "title").await;
    print(&format!("Userflow → Salesforce, {} mappings", OTHERS + 1), &mut out);
    print(&format!("Salesforce → Userflow, {} mappings", OTHERS + 1), &mut back);
    bench.end().await;
}

/// Changes of one contact before and while the account of thousands of others changes.
async fn many_children(children: usize) {
    let bench = Bench::start(NOBODY, Tempo::default()).await;
    let account = bench.create("Account", json!({ "Name": "Crowd", "Industry": "Banking" }));
    let email = |number: usize| format!("c{number}@crowd.test");
    for group in (0..children).collect::<Vec<_>>().chunks(1_000) {
        let record = |number: &usize| Write::Create {
            object: "Contact".to_owned(),
            values: object(json!({ "LastName": "C", "Email": email(*number), "AccountId": account })),
        };
        bench.commit(group.iter().map(record).collect());
        let user = |number: &usize| user_write(&format!("c{number}"), &[("email", &email(*number))]);
        bench.write(group.iter().map(user).collect()).await;
    }
    let contact = bench.create("Contact", json!({ "LastName": "Ada", "Email": "ada@bench.test" }));
    bench.user("ada", &[("email", "ada@bench.test")]).await;
    bench.map("Contact", "email", &[("Account.Industry", "industry"), ("Title", "title")], &[]).await;
    bench.all_have("industry", "Banking", children).await;
    bench.settled().await;
    let mut before = bench.changes_in(&contact, "ada", "title").await;
    print("Salesforce → Userflow, nothing else changes", &mut before);

    let calls = bench.calls();
    bench.edit(&account, json!({ "Industry": "Insurance" }));
    let start = Instant::now();
    let follow = async {
        bench.all_have("industry", "Insurance", children).await;
        start.elapsed()
    };
    let others = async {
        let mut samples = Vec::new();
        loop {
            samples.push(bench.change_in(&contact, "ada", "title", &format!("while {}", samples.len())).await);
            tokio::time::sleep(APART).await;
            if bench.is_settled().await {
                return samples;
            }
        }
    };
    let (took, mut during) = tokio::join!(follow, others);
    print(&format!("  while {children} follow their account (limit 500)"), &mut during);
    println!(
        "{children} follow after {:.1} s; calls of the org: {} (limit 0); {} changes beside it",
        took.as_secs_f64(),
        bench.calls() - calls,
        during.len()
    );
    bench.end().await;
}

impl Bench {
    async fn map(&self, of: &str, key: &str, inbound: &[(&str, &str)], outbound: &[(&str, &str)]) {
        let lines = |lines: &[(&str, &str)]| -> Vec<Value> {
            lines.iter().map(|(from, to)| json!({ "from": from, "to": to })).collect()
        };
        let definition = json!({
            "salesforce": of, "userflow": "user", "match": { "salesforce": "Email", "userflow": key },
            "inbound": lines(inbound), "outbound": lines(outbound),
        });
        let definition: MappingDefinition = serde_json::from_value(definition).expect("a mapping");
        let targets = inbound.iter().map(|(_, to)| AttributeDefinition {
            scope: Scope::User,
            name: (*to).to_owned(),
            display_name: (*to).to_owned(),
            description: None,
            data_type: DataType::String,
            origin: Origin::Salesforce,
            created_at: SystemClock.now(),
        });
        let targets: Vec<_> = targets.collect();
        self.store.save_mapping(self.connection, None, &definition, &targets, &[]).await.expect("it is saved");
    }

    async fn user(&self, id: &str, values: &[(&str, &str)]) {
        self.write(vec![user_write(id, values)]).await;
    }

    fn commit(&self, writes: Vec<Write>) -> String {
        let handle = self.org.handle();
        let user_id = handle.lock().admin_user_id().to_owned();
        let context = WriteContext { user_id, change_origin: String::new(), now_ms: handle.now_ms() };
        let outcomes = handle.commit(&context, true, writes);
        outcomes.into_iter().map(|outcome| outcome.expect("it is written").id).next_back().unwrap_or_default()
    }

    fn create(&self, of: &str, values: Value) -> String {
        self.commit(vec![Write::Create { object: of.to_owned(), values: object(values) }])
    }

    fn edit(&self, id: &str, values: Value) {
        self.commit(vec![Write::Update { object: None, id: id.to_owned(), values: object(values) }]);
    }

    fn calls(&self) -> u64 {
        let mut counts = self.org.handle().ledger().report().counts;
        counts.retain(|path, _| !path.starts_with("RPC "));
        counts.values().sum()
    }

    /// Written → committed in the org.
    async fn changes_out(&self, contact: &str) -> Vec<Duration> {
        let mut samples = Vec::with_capacity(SAMPLES);
        for number in 0..SAMPLES {
            let plan = format!("plan {number}");
            self.user("ada", &[("plan", &plan)]).await;
            let start = Instant::now();
            until(async || {
                let handle = self.org.handle();
                let org = handle.lock();
                org.record(contact).is_some_and(|(schema, row)| {
                    schema.index_of("Department").is_some_and(|index| row.get(index).as_text() == Some(plan.as_str()))
                })
            })
            .await;
            samples.push(start.elapsed());
        }
        samples
    }

    /// Committed in the org → visible in the store.
    async fn changes_in(&self, contact: &str, user: &str, attribute: &str) -> Vec<Duration> {
        let mut samples = Vec::with_capacity(SAMPLES);
        for number in 0..SAMPLES {
            samples.push(self.change_in(contact, user, attribute, &format!("title {number}")).await);
        }
        samples
    }

    async fn change_in(&self, contact: &str, user: &str, attribute: &str, title: &str) -> Duration {
        self.edit(contact, json!({ "Title": title }));
        let start = Instant::now();
        until(async || self.has(user, attribute, title).await).await;
        start.elapsed()
    }

    async fn has(&self, user: &str, attribute: &str, value: &str) -> bool {
        let profile = self.store.profile(self.environment, ProfileKind::User, user).await.expect("the store answers");
        profile.is_some_and(|profile| *profile.attribute(attribute) == value.into())
    }

    /// The last are seldom the first: all are looked at once they are there.
    async fn all_have(&self, attribute: &str, value: &str, children: usize) {
        let mut left: Vec<usize> = (0..children).collect();
        let start = Instant::now();
        while let Some(number) = left.last() {
            if self.has(&format!("c{number}"), attribute, value).await {
                left.pop();
            } else {
                assert!(start.elapsed() < PATIENCE, "{} of {children} do not follow", left.len());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    async fn is_settled(&self) -> bool {
        self.store.counts(self.connection, None).await.expect("the store answers").waiting == 0
    }

    async fn settled(&self) {
        until(async || self.is_settled().await).await;
    }
}

fn object(values: Value) -> Map<String, Value> {
    match values {
        Value::Object(values) => values,
        _ => panic!("fields come as an object"),
    }
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < PATIENCE, "it does not happen");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
