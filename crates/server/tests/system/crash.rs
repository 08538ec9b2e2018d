//! The server is killed at any moment, fifty times, while both sides change. What it leaves behind must be sound each time, and once
//! all is quiet both sides are equal, with nothing created, deleted or lost.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use syncline_org::seed::SeedSize;

use crate::{
    database::{Image, Postgres, image, position, sqlite},
    program::{Installation, eventually},
};

const KILLS: usize = 50;
const SIZE: SeedSize = SeedSize { contacts: 60, accounts: 20, leads: 0, opportunities: 0 };
/// Contacts that have a user; the others must never be touched.
const USERS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_on_sqlite() {
    let installation = Installation::new(sqlite, SIZE).await;
    survive(installation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_on_postgresql() {
    let Some(database) = Postgres::new("syncline_crash").await else { return };
    let installation = Installation::new(|_| database.url.clone(), SIZE).await;
    survive(installation).await;
    database.drop().await;
}

async fn survive(installation: Installation) {
    let seed = std::env::var("SYNCLINE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("SYNCLINE_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let installation = Arc::new(installation);
    let mut server = installation.serve();
    installation.ready().await;
    installation.map().await;
    let people = populate(&installation).await;
    eventually("both sides agree before the first kill", async || {
        differences(&installation).await.is_empty().then_some(())
    })
    .await;
    let before = inventory(&installation).await;

    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(Mutex::new(HashMap::new()));
    let writers = [
        tokio::spawn(change_users(
            installation.clone(),
            people.clone(),
            answered.clone(),
            stop.clone(),
            random.next_u64(),
        )),
        tokio::spawn(edit_records(installation.clone(), people.clone(), stop.clone(), random.next_u64())),
    ];
    let mut positions = BTreeSet::new();
    let mut subscribed = 0;
    for life in 0..KILLS {
        // In the middle of starting up; some time after it listens to the org; some time after it took something in. However slow
        // the machine, each of them happens. How long after: each power of two is as likely as the next.
        match life % 3 {
            0 => {}
            1 => {
                eventually("the server listens", async || (subscriptions(&installation) > subscribed).then_some(()))
                    .await;
            }
            _ => {
                let moved = async || (!positions.contains(&position(installation.database_url()).await)).then_some(());
                eventually("the server takes changes in", moved).await;
            }
        }
        let after_ms = 2f64.powf(random.random_range(2.0..10.0));
        tokio::time::sleep(Duration::from_secs_f64(after_ms / 1000.0)).await;
        server.kill();
        let image = image(installation.database_url()).await;
        check_image(&installation, &image);
        positions.insert(image.position);
        subscribed = subscriptions(&installation);
        server = installation.serve();
    }
    assert!(positions.len() >= KILLS / 3, "the server hardly ever got to work: {} positions", positions.len());

    installation.ready().await;
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("the writer ends");
    }
    let mut left = Vec::new();
    eventually("both sides agree after the last kill", async || {
        left = differences(&installation).await;
        left.is_empty().then_some(())
    })
    .await;
    eventually("nothing is left to do", async || image(installation.database_url()).await.due.is_empty().then_some(()))
        .await;

    assert_eq!(inventory(&installation).await, before, "nothing is created or deleted on either side");
    let users = installation.profiles("users").await;
    for (id, answer) in answered.lock().expect("no writer panicked").iter() {
        let user = users.iter().find(|user| user["id"] == json!(id)).expect("the user is there");
        for name in ["plan", "onboarding_score"] {
            assert_eq!(user["attributes"][name], answer[name], "what was answered is kept");
        }
    }
    drop(server);
}

/// How often the org's change stream was opened.
fn subscriptions(installation: &Installation) -> u64 {
    installation.org.handle().ledger().count("RPC", "/eventbus.v1.PubSub/Subscribe")
}

/// Gives contacts users and accounts companies, and makes some that match nobody. Gives the (user id, contact id) pairs.
pub(crate) async fn populate(installation: &Installation) -> Vec<(String, String)> {
    let contacts = installation.query("SELECT Id, Email FROM Contact WHERE Email != null ORDER BY Id").await;
    let mut people = Vec::new();
    for (number, contact) in contacts.iter().take(USERS).enumerate() {
        let id = format!("user-{number}");
        let email = contact["Email"].as_str().expect("an address").to_uppercase();
        let body = json!({"id": id, "attributes": {"email": email, "plan": "free"}});
        installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
        people.push((id, contact["Id"].as_str().expect("an id").to_owned()));
    }
    for number in 0..10 {
        let body =
            json!({"id": format!("nobody-{number}"), "attributes": {"email": format!("nobody-{number}@example.com")}});
        installation.userflow(reqwest::Method::POST, "/users", Some(body)).await.expect("the server answers");
    }
    for account in installation.query("SELECT External_Id__c FROM Account WHERE External_Id__c != null").await {
        let body = json!({"id": account["External_Id__c"], "attributes": {"plan": "team"}});
        installation.userflow(reqwest::Method::POST, "/groups", Some(body)).await.expect("the server answers");
    }
    people
}

/// Changes users until told to stop. A change that was not answered is made again until it is.
async fn change_users(
    installation: Arc<Installation>,
    people: Vec<(String, String)>,
    answered: Arc<Mutex<HashMap<String, Value>>>,
    stop: Arc<AtomicBool>,
    seed: u64,
) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let (id, _) = &people[random.random_range(0..people.len())];
        let attributes = json!({"plan": format!("plan {number}"), "onboarding_score": number});
        let body = json!({"id": id, "attributes": attributes});
        while installation.userflow(reqwest::Method::POST, "/users", Some(body.clone())).await.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        answered.lock().expect("nobody panicked").insert(id.clone(), attributes);
        tokio::time::sleep(Duration::from_millis(random.random_range(0..20))).await;
    }
}

/// Edits records in the org until told to stop.
async fn edit_records(
    installation: Arc<Installation>,
    people: Vec<(String, String)>,
    stop: Arc<AtomicBool>,
    seed: u64,
) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let (_, contact) = &people[random.random_range(0..people.len())];
        let department = if random.random_bool(0.3) { Value::Null } else { json!(format!("Department {number}")) };
        let fields = json!({"Title": format!("Title {number}"), "Department": department});
        installation.edit_record("Contact", contact, fields).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..20))).await;
    }
}

/// What differs between the two sides in mapped fields of matched pairs, and what was written where nothing matches.
pub(crate) async fn differences(installation: &Installation) -> Vec<String> {
    let users =
        by(installation.profiles("users").await, |user| user["attributes"]["email"].as_str().map(str::to_lowercase));
    let groups = by(installation.profiles("groups").await, |group| group["id"].as_str().map(str::to_owned));
    let contacts =
        "SELECT Id, Email, Title, Department, userflow_user_plan__c, userflow_user_onboarding_score__c FROM Contact";
    let accounts = "SELECT Id, External_Id__c, Industry, userflow_company_plan__c FROM Account";
    let mut differences = Vec::new();
    let mut compare = |record: &Value, profile: Option<&Value>, pairs: &[(&str, &str)], outbound: &[&str]| {
        for (field, attribute) in pairs {
            let expected = match profile {
                Some(profile) => profile["attributes"].get(attribute).unwrap_or(&Value::Null),
                None if outbound.contains(field) => &Value::Null,
                None => continue,
            };
            let agree = match (record[field].as_f64(), expected.as_f64()) {
                (Some(one), Some(other)) => one == other,
                _ => record[field] == *expected,
            };
            if !agree {
                differences.push(format!("{}.{field} is {} and should be {expected}", record["Id"], record[field]));
            }
        }
    };
    for contact in installation.query(contacts).await {
        let user = contact["Email"].as_str().and_then(|email| users.get(&email.to_lowercase()));
        let pairs = [
            ("Title", "salesforce_contact_title"),
            ("Department", "salesforce_contact_department"),
            ("userflow_user_plan__c", "plan"),
            ("userflow_user_onboarding_score__c", "onboarding_score"),
        ];
        compare(&contact, user, &pairs, &["userflow_user_plan__c", "userflow_user_onboarding_score__c"]);
    }
    for account in installation.query(accounts).await {
        let group = account["External_Id__c"].as_str().and_then(|id| groups.get(id));
        let pairs = [("Industry", "salesforce_account_industry"), ("userflow_company_plan__c", "plan")];
        compare(&account, group, &pairs, &["userflow_company_plan__c"]);
    }
    differences
}

fn by(rows: Vec<Value>, key: impl Fn(&Value) -> Option<String>) -> BTreeMap<String, Value> {
    rows.into_iter().filter_map(|row| Some((key(&row)?, row))).collect()
}

/// Everything that exists on both sides.
pub(crate) async fn inventory(installation: &Installation) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut inventory = BTreeMap::new();
    let mut add = |name, rows: Vec<Value>, id: &str| {
        inventory.insert(name, rows.iter().map(|row| row[id].to_string()).collect());
    };
    for (name, soql) in [
        ("contacts", "SELECT Id FROM Contact"),
        ("accounts", "SELECT Id FROM Account"),
        ("leads", "SELECT Id FROM Lead"),
        ("tasks", "SELECT Id FROM Task"),
    ] {
        add(name, installation.query(soql).await, "Id");
    }
    add("users", installation.profiles("users").await, "id");
    add("groups", installation.profiles("groups").await, "id");
    inventory
}

/// The position is never ahead of its effects: each event up to it that changed a mapped field of a held record is in the copy (or
/// the copy is known to be stale), and each difference between a copy and its profile is due.
fn check_image(installation: &Installation, image: &Image) {
    if let Some(position) = &image.position {
        let position = u64::from_be_bytes(position.as_slice().try_into().expect("eight bytes"));
        let handle = installation.org.handle();
        let org = handle.lock();
        for event in org.events_after(None).filter(|event| event.replay_id <= position) {
            let object = org.object(&event.entity).expect("the object exists");
            let changed = event.values.iter().map(|(field, _)| field).chain(&event.nulled);
            if !changed.into_iter().any(|field| ["Title", "Department"].contains(&object.field(*field).name.as_str())) {
                continue;
            }
            for record in image.records.iter().filter(|record| event.record_ids.contains(&record.id)) {
                let is_in = record.stale
                    || record.commit_number >= Some(event.commit_number)
                    || record.read_ms + 1000 > event.commit_timestamp_ms;
                assert!(is_in, "event {} is behind the position and not in the copy of {}", event.replay_id, record.id);
            }
        }
    }
    for (record_id, mapping, profile) in &image.links {
        let record = image.records.iter().find(|record| record.id == *record_id).expect("a linked record is held");
        let Some(attributes) = image.profiles.get(profile) else { continue };
        let title = record.fields.get("Title").unwrap_or(&Value::Null);
        let shown = attributes.get("salesforce_contact_title").unwrap_or(&Value::Null);
        let is_due = image.due.contains(&(mapping.clone(), profile.clone()));
        assert!(title == shown || is_due, "{profile} differs from {record_id} and is not due");
    }
}
