//! One run's world: an org, a store, the process between them, and what people do at both sides.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value as Json, json};
use syncline_model::{
    Number, Value,
    attribute::{AttributeDefinition, AttributeOperation, DataType, Origin, Scope},
    clock::{Clock, SystemClock},
    connection::{Connection, OrgIdentity},
    id::{ConnectionId, EnvironmentId, MappingId},
    issue::IssueFilter,
    mapping::{Duplicates, FieldMapping, MappingDefinition, MatchRule, OnUnlink},
    profile::{Profile, ProfileFilter, ProfileKind, ProfileWrite},
    store::{AdminStore, EnvironmentStore, Store, SyncStore},
};
use syncline_org::{
    OrgHandle, OrgOptions, RunningOrg,
    core::{FieldSchema, Transaction, Write, WriteContext, oauth::CodeRequest},
    seed::SeedSize,
};
use syncline_salesforce::{App, OAuthClient, Pkce};
use syncline_store::{MemoryStore, SecretKey};
use tempfile::TempDir;

use crate::{
    evidence::{Evidence, FieldChange, INBOUND, Live, OUTBOUND, Plain, Written, key_field},
    node::{Node, Reach},
    schedule::{
        ACCOUNTS, CONTACTS, Change, GrantKind, MATCHED_USERS, Schedule, StoreKind, TIERS, USERS, contact_email,
        first_user_email,
    },
    tap::Tap,
};

const REDIRECT: &str = "http://localhost/callback";

/// Everything of one run.
pub(crate) struct World {
    pub(crate) org: RunningOrg,
    pub(crate) tap: Arc<Tap>,
    clock: Arc<dyn Clock>,
    pub(crate) environment: EnvironmentId,
    pub(crate) connection: ConnectionId,
    pub(crate) mappings: Vec<MappingId>,
    pub(crate) node: Option<Node>,
    grant: GrantKind,
    skew_ms: i64,
    pub(crate) contacts: Vec<String>,
    pub(crate) accounts: Vec<String>,
    users: Vec<String>,
    pub(crate) written: Vec<Written>,
    /// How long before its commit other users' transactions stamp what they write.
    late_ms: AtomicU64,
    /// The grant of each field that may be hidden: id of the row.
    field_grants: BTreeMap<&'static str, String>,
    _folder: TempDir,
}

impl World {
    /// Builds it, connected and mapped, with the process running.
    pub(crate) async fn build(schedule: &Schedule) -> World {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let seed_size = Some(SeedSize { contacts: 0, accounts: 0, leads: 0, opportunities: 0 });
        let options = OrgOptions { seed_size, secret_seed: Some([schedule.seed as u8; 32]), ..OrgOptions::default() };
        let org = syncline_org::start(options).await.expect("an org can be started");
        let tier = FieldSchema::picklist("Tier__c", "Tier", &TIERS).restricted();
        org.handle().lock().add_custom_field("Contact", tier).expect("a new org has no such field");
        org.handle()
            .set_faults(syncline_org::Faults { clock_skew_ms: schedule.skew_ms, ..syncline_org::Faults::default() });

        let folder = tempfile::tempdir().expect("a folder can be made");
        let store: Arc<dyn Store> = match schedule.store {
            StoreKind::Memory => Arc::new(MemoryStore::new(Arc::clone(&clock))),
            StoreKind::Sqlite => {
                let url = format!("sqlite://{}", folder.path().join("syncline.db").display());
                let key = SecretKey::parse("a passphrase for the simulation").expect("it is long enough");
                syncline_store::open(&url, key, Arc::clone(&clock)).await.expect("a store can be opened")
            }
        };
        let tap = Arc::new(Tap::on(store, Arc::clone(&clock)));
        let environment = tap.environments().await.expect("a store has environments")[0].id;
        let mut world = World {
            org,
            tap,
            clock,
            environment,
            connection: ConnectionId::new(Timestamp::UNIX_EPOCH),
            mappings: Vec::new(),
            node: None,
            grant: schedule.grant,
            skew_ms: schedule.skew_ms,
            contacts: Vec::new(),
            accounts: Vec::new(),
            users: Vec::new(),
            written: Vec::new(),
            late_ms: AtomicU64::new(0),
            field_grants: BTreeMap::new(),
            _folder: folder,
        };
        world.find_field_grants().await;
        world.people().await;
        world.connect().await;
        for (definition, targets) in mappings(&world.clock) {
            let saved = world.tap.save_mapping(world.connection, None, &definition, &targets, &[]).await;
            world.mappings.push(saved.expect("a mapping can be saved").id);
        }
        world.revive();
        world
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    pub(crate) fn handle(&self) -> &OrgHandle {
        self.org.handle()
    }

    fn app(&self) -> App {
        App { client_id: self.org.client_id.clone(), client_secret: SecretString::from(self.org.client_secret.clone()) }
    }

    /// A person connects the org, or connects it again.
    pub(crate) async fn connect(&mut self) {
        let client = OAuthClient::new(&self.org.url, self.app(), None).expect("the org's address will do");
        let granted = match self.grant {
            GrantKind::ClientCredentials => client.connect_with_client_credentials().await,
            GrantKind::Rotating => {
                let pkce = Pkce::new();
                let code = {
                    let now_ms = self.handle().now_ms();
                    let mut org = self.handle().lock();
                    let user = org.admin_user_id().to_owned();
                    let request = CodeRequest {
                        client_id: self.org.client_id.clone(),
                        redirect_uri: REDIRECT.to_owned(),
                        code_challenge: Some(pkce.challenge.clone()),
                        ..CodeRequest::default()
                    };
                    org.issue_code(request, &user, now_ms).expect("the app is registered")
                };
                client.exchange_code(&code, REDIRECT, &pkce.verifier, self.clock.now()).await
            }
        };
        let granted = granted.expect("the org lets the app in");
        let identity: OrgIdentity = granted.identity;
        let connected = self.tap.connect(self.environment, &identity, &granted.credentials.to_json()).await;
        self.connection = connected.expect("an org can be connected");
    }

    pub(crate) async fn connection(&self) -> Connection {
        let connection = self.tap.connection(self.environment).await.expect("the store answers");
        connection.expect("there is a connection")
    }

    /// Starts the process.
    pub(crate) fn revive(&mut self) {
        let reach = Reach { app: self.app(), pubsub_url: self.org.pubsub_url.clone() };
        self.node = Some(Node::start(self.tap.clone(), Arc::clone(&self.clock), reach));
    }

    /// Kills it.
    pub(crate) async fn kill(&mut self) {
        if let Some(node) = self.node.take() {
            node.die().await;
        }
    }

    /// Writes as another user of the org, in the browser; the ids of what was written.
    pub(crate) fn edit(&self, writes: Vec<Write>) -> Vec<Option<String>> {
        let user_id = self.handle().lock().second_user_id().to_owned();
        let committed = WriteContext { user_id, change_origin: String::new(), now_ms: self.handle().now_ms() };
        let late_ms = i64::try_from(self.late_ms.load(Ordering::Relaxed)).unwrap_or(0);
        let results = self.handle().change(|org| {
            // Whoever writes to a record first waits for the end of the transaction that has written to it: stamps never go back.
            let free_ms = |write: &Write| match write {
                Write::Update { id, .. } => {
                    org.history().rfind(|change| change.record_id == id).map_or(0, |change| change.at_ms)
                }
                _ => committed.now_ms,
            };
            let free_ms = writes.iter().map(free_ms).max().unwrap_or(0);
            let stamped_ms = (committed.now_ms - late_ms).max(free_ms).min(committed.now_ms);
            let stamped = WriteContext { now_ms: stamped_ms, ..committed.clone() };
            let mut transaction = Transaction::default();
            let results = org.write_in(&mut transaction, &stamped, false, writes);
            org.finish(&committed, transaction);
            results
        });
        results.into_iter().map(|result| result.ok().map(|outcome| outcome.id)).collect()
    }

    /// From now on what other users write commits so long after its stamps.
    pub(crate) fn commit_late(&self, late_ms: u64) {
        self.late_ms.store(late_ms, Ordering::Relaxed);
    }

    fn update(&self, id: &str, values: Json) -> bool {
        self.edit(vec![update(id, values)]).iter().all(Option::is_some)
    }

    async fn people(&mut self) {
        for account in 0..ACCOUNTS {
            let values = json!({ "Name": format!("Account {account}"), "External_Id__c": company(account), "Website": format!("https://first{account}.example") });
            let made = self.edit(vec![create("Account", values)]).remove(0);
            self.accounts.push(made.expect("an account can be made"));
        }
        for contact in 0..CONTACTS {
            let values = json!({
                "LastName": format!("Contact {contact}"), "Email": contact_email(contact), "Title": format!("First {contact}"),
                "Department": format!("Department {contact}"), "AccountId": self.accounts[contact % ACCOUNTS],
            });
            let made = self.edit(vec![create("Contact", values)]).remove(0);
            self.contacts.push(made.expect("a contact can be made"));
        }
        for user in 0..USERS {
            let id = format!("u{user}");
            self.users.push(id.clone());
            let plan = format!("plan {user}");
            let attributes = vec![("email", Value::text(first_user_email(user))), ("plan", Value::text(plan))];
            assert!(self.set(ProfileKind::User, &id, attributes).await);
        }
        for account in 0..ACCOUNTS {
            let seats = Number::new(account as f64).map_or(Value::Null, Value::Number);
            assert!(self.set(ProfileKind::Company, &company(account), vec![("seats", seats)]).await);
        }
    }

    async fn set(&mut self, kind: ProfileKind, id: &str, attributes: Vec<(&str, Value)>) -> bool {
        let at_ms = self.now_ms();
        let operations =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), AttributeOperation::set(value.clone())));
        let upsert = ProfileWrite::Upsert { kind, id: id.to_owned(), operations: operations.collect(), seen: true };
        let is_written = self.tap.write(self.environment, &vec![upsert]).await.is_ok();
        for (name, value) in attributes.into_iter().filter(|_| is_written) {
            self.written.push(Written {
                profile: id.to_owned(),
                attribute: name.to_owned(),
                value: Plain::of_value(&value),
                at_ms,
            });
        }
        is_written
    }

    /// Makes a change; whether it took effect.
    pub(crate) async fn make(&mut self, change: &Change) -> bool {
        let thousandths = |number: i64| Number::new(number as f64 / 1_000.0).map_or(Value::Null, Value::Number);
        match change {
            Change::Title { contact, number } => {
                self.update(&self.contacts[*contact], json!({ "Title": title(*number) }))
            }
            Change::Department { contact, number } => {
                let department = number.map(|number| format!("Department {number}"));
                self.update(&self.contacts[*contact], json!({ "Department": department }))
            }
            Change::Titles { contacts, number } => {
                let writes =
                    contacts.iter().map(|contact| update(&self.contacts[*contact], json!({ "Title": title(*number) })));
                self.edit(writes.collect()).iter().any(Option::is_some)
            }
            Change::Website { account, number } => {
                self.update(&self.accounts[*account], json!({ "Website": format!("https://site{number}.example") }))
            }
            Change::Overwrite { contact, number } => self
                .update(&self.contacts[*contact], json!({ "userflow_user_plan__c": format!("overwritten {number}") })),
            Change::ContactEmail { contact, email } => self.update(&self.contacts[*contact], json!({ "Email": email })),
            Change::NewContact { email, number } => {
                let values = json!({ "LastName": format!("New {number}"), "Email": email, "Title": title(*number) });
                let made = self.edit(vec![create("Contact", values)]).remove(0);
                let is_made = made.is_some();
                // Those that come after it keep their numbers.
                self.contacts.push(made.unwrap_or_default());
                is_made
            }
            Change::Plan { user, number, padded } => {
                let blanks = if *padded { "  " } else { "" };
                let plan = number.map(|number| format!("{blanks}plan {number}{blanks}")).unwrap_or_default();
                self.set_of_user(*user, "plan", Value::text(plan)).await
            }
            Change::Score { user, thousandths: number } => self.set_of_user(*user, "score", thousandths(*number)).await,
            Change::Tier { user, tier } => self.set_of_user(*user, "tier", Value::text(tier.as_str())).await,
            Change::Seats { company: number, thousandths: seats } => {
                self.set(ProfileKind::Company, &company(*number), vec![("seats", thousandths(*seats))]).await
            }
            Change::UserEmail { user, email } => self.set_of_user(*user, "email", Value::text(email.as_str())).await,
            Change::NewUser { email, number } => {
                let id = format!("u{}", self.users.len());
                self.users.push(id.clone());
                let attributes =
                    vec![("email", Value::text(email.as_str())), ("plan", Value::text(format!("plan {number}")))];
                self.set(ProfileKind::User, &id, attributes).await
            }
        }
    }

    async fn set_of_user(&mut self, user: usize, attribute: &str, value: Value) -> bool {
        let id = self.users[user].clone();
        self.set(ProfileKind::User, &id, vec![(attribute, value)]).await
    }

    /// Touches the canaries at both sides: once both have arrived, everything before them has been taken in.
    pub(crate) async fn send_canaries(&mut self, number: u64) {
        let is_told = self.make(&Change::Title { contact: 0, number }).await
            && self.make(&Change::Website { account: 0, number }).await
            && self.make(&Change::Plan { user: 0, number: Some(number), padded: false }).await
            && self.make(&Change::Seats { company: 0, thousandths: number as i64 * 1_000 }).await;
        assert!(is_told, "the canaries can not be refused");
    }

    /// Whether a canary met the trouble's end and was refused: a person has to have it tried again.
    pub(crate) async fn is_a_canary_parked(&self) -> bool {
        let issues =
            self.tap.issues(self.connection, &IssueFilter::default(), None, 10_000).await.expect("the store answers");
        issues
            .iter()
            .map(|listed| &listed.issue)
            .any(|issue| issue.profile_id == "u0" || issue.profile_id == company(0))
    }

    /// Whether the canaries with this number have arrived.
    pub(crate) async fn have_canaries_arrived(&self, number: u64) -> bool {
        let user = self.tap.profile(self.environment, ProfileKind::User, "u0").await.expect("the store answers");
        let company_ =
            self.tap.profile(self.environment, ProfileKind::Company, &company(0)).await.expect("the store answers");
        let (Some(user), Some(company_)) = (user, company_) else { return false };
        let inbound = user.attribute("salesforce_title") == &Value::text(title(number))
            && company_.attribute("salesforce_website") == &Value::text(format!("https://site{number}.example"));
        inbound
            && self.field(&self.contacts[0], "userflow_user_plan__c") == Plain::Text(format!("plan {number}"))
            && self.field(&self.accounts[0], "userflow_company_seats__c") == Plain::Thousandths(number as i64 * 1_000)
    }

    /// Whether the process knows every field as one that it sees.
    pub(crate) async fn sees_all_fields(&self) -> bool {
        let schemas = self.tap.object_schemas(self.connection).await.expect("the store answers");
        let is_seen = |object: &str, field: &str| {
            schemas.iter().any(|schema| schema.name == object && schema.field(field).is_some())
        };
        INBOUND.iter().all(|line| is_seen(line.0, line.1)) && OUTBOUND.iter().all(|line| is_seen(line.object, line.to))
    }

    fn field(&self, id: &str, field: &str) -> Plain {
        let org = self.handle().lock();
        let Some((schema, row)) = org.record(id) else { return Plain::Nothing };
        schema.index_of(field).map_or(Plain::Nothing, |index| Plain::of_json(&row.get(index).to_json()))
    }

    /// Hides fields of contacts from the connected user, or lets them be read and changed.
    pub(crate) fn grant_field(&self, field: &str, read: bool, edit: bool) -> bool {
        let values = json!({ "PermissionsRead": read, "PermissionsEdit": edit });
        self.field_grants.get(field).is_some_and(|id| self.update(id, values))
    }

    async fn find_field_grants(&mut self) {
        let http = reqwest::Client::builder().build().expect("a client can be made");
        for field in ["Title", "Department", "userflow_user_plan__c", "userflow_user_onboarding_score__c"] {
            let statement = format!(
                "SELECT Id FROM FieldPermissions WHERE Field = 'Contact.{field}' AND Parent.Profile.Name = 'System Administrator' AND \
                 Parent.IsOwnedByProfile = true"
            );
            let url = format!("{}/services/data/v66.0/query", self.org.url);
            let answer = http.get(url).query(&[("q", statement)]).bearer_auth(self.org.access_token()).send().await;
            let found: Json = answer.expect("the org answers").json().await.expect("it answers in JSON");
            if let Some(id) = found["records"][0]["Id"].as_str() {
                self.field_grants.insert(field, id.to_owned());
            }
        }
        assert!(!self.field_grants.is_empty(), "the administrator's fields are granted by rows");
    }

    pub(crate) async fn profiles(&self, kind: ProfileKind) -> BTreeMap<String, Profile> {
        let filter = ProfileFilter { limit: 10_000, ..ProfileFilter::default() };
        let page = self.tap.profiles(self.environment, kind, &filter).await.expect("the store answers");
        page.data.into_iter().map(|profile| (profile.id.clone(), profile)).collect()
    }

    /// Records that live, with the fields that matter.
    pub(crate) fn live_records(&self) -> BTreeMap<String, Live> {
        let org = self.handle().lock();
        let ids = self.contacts.iter().chain(&self.accounts);
        let live = ids.filter_map(|id| {
            let (schema, row) = org.record(id)?;
            if org.is_deleted(schema, row) {
                return None;
            }
            let object = schema.name.as_str();
            let value = |field: &str| schema.index_of(field).map_or(Json::Null, |index| row.get(index).to_json());
            let inbound = INBOUND.iter().filter(|line| line.0 == object).map(|line| line.1);
            let outbound = OUTBOUND.iter().filter(|line| line.object == object).map(|line| line.to);
            let names = inbound.chain(outbound).chain([key_field(object)]);
            let fields = names.map(|name| (name.to_owned(), Plain::of_json(&value(name)))).collect();
            let created = schema.index_of("CreatedDate").map(|index| row.get(index));
            let created_ms = match created {
                Some(syncline_org::core::FieldValue::DateTime(ms)) => ms,
                _ => 0,
            };
            Some((id.clone(), Live { object: object.to_owned(), created_ms, fields }))
        });
        live.collect()
    }

    /// Everything that the checkers look at.
    pub(crate) async fn evidence(&self) -> Evidence {
        let issues =
            self.tap.issues(self.connection, &IssueFilter::default(), None, 10_000).await.expect("the store answers");
        let (users, companies) = (self.profiles(ProfileKind::User).await, self.profiles(ProfileKind::Company).await);
        let history = {
            let org = self.handle().lock();
            let ours = org.admin_user_id();
            let changes = org.history().map(|change| FieldChange {
                record: change.record_id.to_owned(),
                object: change.object.to_owned(),
                field: change.field.to_owned(),
                old: change.old.to_json(),
                new: Plain::of_json(&change.new.to_json()),
                at_ms: change.at_ms - self.skew_ms,
                ours: change.user_id == ours,
                transaction: change.transaction,
            });
            changes.collect()
        };
        Evidence {
            history,
            ledger: self.handle().ledger().entries_after(0, usize::MAX),
            client_id: self.org.client_id.clone(),
            notes: self.tap.notes(),
            written: self.written.clone(),
            records: self.live_records(),
            users,
            companies,
            issues: issues.into_iter().map(|listed| listed.issue).collect(),
        }
    }
}

/// The title that a number stands for.
pub(crate) fn title(number: u64) -> String {
    format!("Title {number}")
}

fn company(number: usize) -> String {
    format!("acc-{number}")
}

fn object(values: Json) -> Map<String, Json> {
    match values {
        Json::Object(values) => values,
        _ => Map::new(),
    }
}

pub(crate) fn update(id: &str, values: Json) -> Write {
    Write::Update { object: None, id: id.to_owned(), values: object(values) }
}

pub(crate) fn create(of: &str, values: Json) -> Write {
    Write::Create { object: of.to_owned(), values: object(values) }
}

fn mappings(clock: &Arc<dyn Clock>) -> [(MappingDefinition, Vec<AttributeDefinition>); 2] {
    let one = |object: &str, kind: ProfileKind, key: &str, scope: Scope| {
        let field = |from: &str, to: &str| FieldMapping::new(from, to);
        let inbound: Vec<FieldMapping> =
            INBOUND.iter().filter(|line| line.0 == object).map(|line| field(line.1, line.2)).collect();
        let outbound = OUTBOUND.iter().filter(|line| line.object == object).map(|line| field(line.from, line.to));
        let targets = inbound.iter().map(|line| AttributeDefinition {
            scope,
            name: line.to.clone(),
            display_name: line.to.clone(),
            description: None,
            data_type: DataType::String,
            origin: Origin::Salesforce,
            created_at: clock.now(),
        });
        let targets = targets.collect();
        let definition = MappingDefinition {
            salesforce: object.to_owned(),
            userflow: kind,
            match_rule: MatchRule { salesforce: key_field(object).to_owned(), userflow: key.to_owned() },
            duplicates: Duplicates::Oldest,
            on_unlink: OnUnlink::Clear,
            stream_events: false,
            events: Vec::new(),
            inbound,
            outbound: outbound.collect(),
        };
        (definition, targets)
    };
    [
        one("Contact", ProfileKind::User, "email", Scope::User),
        one("Account", ProfileKind::Company, "company_id", Scope::Company),
    ]
}

/// Users who have a contact from the start, and companies that have an account.
pub(crate) const LINKS: u64 = (MATCHED_USERS + ACCOUNTS) as u64;

impl World {
    /// Records whose last change no event of the log tells of.
    pub(crate) fn untold(&self, evidence: &Evidence) -> BTreeSet<String> {
        let told = self.told();
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for change in &evidence.history {
            last.insert(&change.record, change.at_ms);
        }
        let is_untold =
            |id: &&str| !told.get(*id).is_some_and(|events| events.iter().any(|(_, told_ms)| *told_ms == last[id]));
        last.keys().copied().filter(is_untold).map(str::to_owned).collect()
    }

    /// By record: the events that tell of it, with their times by this machine's clock.
    pub(crate) fn told(&self) -> BTreeMap<String, Vec<(u64, i64)>> {
        let org = self.handle().lock();
        let mut told: BTreeMap<String, Vec<(u64, i64)>> = BTreeMap::new();
        for event in org.events_after(None) {
            for record in &event.record_ids {
                told.entry(record.clone())
                    .or_default()
                    .push((event.replay_id, event.commit_timestamp_ms - self.skew_ms));
            }
        }
        told
    }
}
