//! Plays a case: an org, a store, the engine with the real connector between them; after each act it waits until all is quiet, and
//! compares every attribute and every field with the model.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value as Json, json};
use syncline_model::{
    Value,
    attribute::{AttributeDefinition, AttributeOperation, DataType, Origin, Scope},
    clock::{Clock, SystemClock},
    id::{ConnectionId, EnvironmentId, MappingId},
    issue::IssueFilter,
    mapping::{Duplicates, Empty as OnEmpty, FieldMapping, MappingDefinition, MatchRule, OnUnlink},
    profile::{ProfileKind, ProfileWrite},
    store::{AdminStore, EnvironmentStore, Store},
};
use syncline_org::{
    OrgOptions, RunningOrg,
    core::{FieldSchema, FieldType, LeadConversion, Org, Write, WriteContext},
    seed::SeedSize,
};
use syncline_salesforce::{App, OAuthClient};
use syncline_store::MemoryStore;

use super::{
    case::{Act, COMPANIES, Case, Empty, Line, Mapping, PROJECT, Side, USERS, lookup_field, lookups, type_of},
    fact::{CHOICES, Fact, Kind, Type},
    model::{Model, Person, Record},
};
use crate::{
    node::{Node, Reach},
    tap::Tap,
};

/// Longest time until both sides are as the model says. It is far more than they need; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK_APART: Duration = Duration::from_millis(5);
/// The account and the company that nobody but the canary touches.
const CANARY: &str = "canary";

/// Plays a case on a runtime of its own: what is not as the model says, nothing if all is.
pub fn play(case: &Case) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be had");
    let complaints = runtime.block_on(async {
        let mut world = World::build(case).await;
        let complaints = world.play().await;
        if let Some(node) = world.node.take() {
            node.die().await;
        }
        complaints
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    complaints
}

struct World<'c> {
    case: &'c Case,
    org: RunningOrg,
    store: Arc<Tap>,
    environment: EnvironmentId,
    connection: ConnectionId,
    mappings: Vec<MappingId>,
    node: Option<Node>,
    /// Ids of the records, and where each stands.
    ids: Vec<String>,
    canary: (String, u64),
    model: Model,
}

impl<'c> World<'c> {
    async fn build(case: &'c Case) -> World<'c> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let seed_size = Some(SeedSize { contacts: 0, accounts: 0, leads: 0, opportunities: 0 });
        let org = syncline_org::start(OrgOptions { seed_size, ..OrgOptions::default() }).await;
        let org = org.expect("an org can be started");
        make_project(&mut org.handle().lock());
        for ((object, name), kind) in case.fields.iter().filter(|((_, name), _)| name.ends_with("__c")) {
            org.handle().lock().add_custom_field(object, made(name, *kind)).expect("a new org has no such field");
        }
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::clone(&clock)));
        let store = Arc::new(Tap::on(store, Arc::clone(&clock)));
        let environment = store.environments().await.expect("a store has environments")[0].id;
        let app =
            App { client_id: org.client_id.clone(), client_secret: SecretString::from(org.client_secret.clone()) };
        let client = OAuthClient::new(&org.url, app.clone(), None).expect("the org's address will do");
        let granted = client.connect_with_client_credentials().await.expect("the org lets the app in");
        let connected = store.connect(environment, &granted.identity, &granted.credentials.to_json()).await;
        let reach = Reach { app, pubsub_url: org.pubsub_url.clone() };
        let mut world = World {
            case,
            org,
            store,
            environment,
            connection: connected.expect("an org can be connected"),
            mappings: Vec::new(),
            node: None,
            ids: Vec::new(),
            canary: (String::new(), 0),
            model: Model::new(&case.mappings),
        };
        world.begin().await;
        world.node = Some(Node::start(world.store.clone(), clock, reach));
        world
    }

    async fn begin(&mut self) {
        let canary = json!({ "Name": "Canary", "Key__c": CANARY });
        self.canary.0 = self.edit(vec![create("Account", canary)]).0.remove(0).expect("it can be made");
        for (at, (object, act)) in self.case.records.iter().enumerate() {
            let Act::Edit { fields, lookups, .. } = act else { continue };
            let mut values = self.entered(object, fields, lookups);
            let demanded = match *object {
                "Account" => json!({ "Name": format!("Account {at}") }),
                "Contact" => json!({ "LastName": format!("Contact {at}") }),
                "Lead" => json!({ "LastName": format!("Lead {at}"), "Company": "None" }),
                PROJECT => json!({ "Name": format!("Project {at}") }),
                _ => json!({ "Name": format!("Deal {at}"), "StageName": "Prospecting", "CloseDate": "2027-01-01" }),
            };
            values.extend(demanded.as_object().cloned().unwrap_or_default());
            let made = self.edit(vec![create(object, Json::Object(values))]).0.remove(0);
            self.ids.push(made.expect("a record can be made"));
        }
        self.say(ProfileKind::Company, CANARY, &[]).await;
        for person in 0..USERS + COMPANIES {
            let (side, id) = match person.checked_sub(USERS) {
                None => (Side::User, format!("u{person}")),
                Some(company) => (Side::Company, format!("c{company}")),
            };
            self.model.people.push(Person { id, side, ..Person::default() });
        }
        for act in &self.case.people {
            self.act(act).await;
        }
        let canary = Mapping {
            object: "Account",
            side: Side::Company,
            key: "Key__c",
            attribute: "company_id",
            skips_duplicates: false,
            keeps_when_unlinked: false,
            inbound: vec![Line {
                from: "Website".to_owned(),
                to: CANARY.to_owned(),
                empty: Empty::Clear,
                values: BTreeMap::new(),
                otherwise: None,
                cuts: false,
            }],
            outbound: Vec::new(),
        };
        for mapping in std::iter::once(&canary).chain(&self.case.mappings) {
            let (definition, targets) = defined(mapping);
            let saved = self.store.save_mapping(self.connection, None, &definition, &targets, &[]).await;
            self.mappings.push(saved.expect("a mapping can be saved").id);
        }
    }

    async fn play(&mut self) -> Vec<String> {
        let mut complaints = self.agree().await;
        for (at, act) in self.case.acts.iter().enumerate() {
            if !complaints.is_empty() {
                complaints.insert(
                    0,
                    format!("after {} acts, the last {:?}", at, at.checked_sub(1).map(|at| &self.case.acts[at])),
                );
                return complaints;
            }
            self.act(act).await;
            complaints = self.agree().await;
        }
        if !complaints.is_empty() {
            complaints.insert(0, format!("after the last act, {:?}", self.case.acts.last()));
        }
        complaints
    }

    /// Does something at both: the world and the model.
    async fn act(&mut self, act: &Act) {
        match act {
            Act::Edit { record, fields, lookups } => {
                let object = self.case.records[*record].0;
                let values = self.entered(object, fields, lookups);
                self.change(Write::Update { object: None, id: self.ids[*record].clone(), values });
            }
            Act::Delete { record } => self.change(Write::Delete { object: None, id: self.ids[*record].clone() }),
            Act::Undelete { record } => self.change(Write::Undelete { id: self.ids[*record].clone() }),
            Act::Merge { master, loser } => self.change(Write::Merge {
                master: self.ids[*master].clone(),
                losers: vec![self.ids[*loser].clone()],
                values: Map::new(),
            }),
            // Into a contact without an account no lead can go.
            Act::Convert { lead, contact } => {
                let account = self.model.records[*contact].lookups.get("Account").map(|at| self.ids[*at].clone());
                self.change(Write::Convert(LeadConversion {
                    lead_id: self.ids[*lead].clone(),
                    converted_status: "Closed - Converted".to_owned(),
                    account_id: account,
                    contact_id: Some(self.ids[*contact].clone()),
                    do_not_create_opportunity: true,
                    ..LeadConversion::default()
                }));
            }
            Act::Say { person, attributes } => {
                let seen = self.model.people.iter().map(|person| person.seen).max().unwrap_or(0) + 1;
                let own = &mut self.model.people[*person];
                own.seen = seen;
                for (name, fact) in attributes {
                    match fact {
                        Fact::Nothing => drop(own.attributes.remove(name)),
                        fact => drop(own.attributes.insert(name.clone(), fact.clone())),
                    }
                }
                let (id, kind) = (own.id.clone(), kind_of(own.side));
                self.say(kind, &id, attributes).await;
            }
            Act::Order(order) => {
                let known = std::mem::take(&mut self.model.order);
                self.model.order = order.iter().copied().filter(|at| known.contains(at)).collect();
                let order = self.model.order.iter().map(|at| self.mappings[at + 1]);
                let ids: Vec<MappingId> = std::iter::once(self.mappings[0]).chain(order).collect();
                self.store.order_mappings(self.connection, &ids).await.expect("mappings can be ordered");
            }
            Act::Define { mapping, .. } | Act::Pause { mapping, .. } | Act::Forget { mapping }
                if !self.model.order.contains(mapping) => {}
            Act::Define { mapping, definition } => {
                self.model.mappings[*mapping] = definition.clone();
                let (definition, targets) = defined(definition);
                let id = Some(self.mappings[mapping + 1]);
                let saved = self.store.save_mapping(self.connection, id, &definition, &targets, &[]).await;
                saved.expect("a mapping can be edited");
            }
            Act::Pause { mapping, is_paused } => {
                match is_paused {
                    true => self.model.paused.insert(*mapping),
                    false => self.model.paused.remove(mapping),
                };
                let id = self.mappings[mapping + 1];
                self.store.pause_mapping(self.connection, id, *is_paused).await.expect("a mapping can be paused");
            }
            Act::Forget { mapping } => {
                self.model.forget(*mapping);
                let id = self.mappings[mapping + 1];
                self.store.delete_mapping(self.connection, id).await.expect("a mapping can be deleted");
            }
        }
    }

    fn change(&mut self, write: Write) {
        self.model.records = self.edit(vec![write]).1;
    }

    /// Another user of the org writes: the ids of what was written, and all records as they are then.
    fn edit(&self, writes: Vec<Write>) -> (Vec<Option<String>>, Vec<Record>) {
        let now_ms = self.org.handle().now_ms();
        self.org.handle().change(|org| {
            let context =
                WriteContext { user_id: org.second_user_id().to_owned(), change_origin: String::new(), now_ms };
            let results = org.commit(&context, false, writes);
            let ids = results.into_iter().map(|result| result.ok().map(|outcome| outcome.id)).collect();
            (ids, self.records(org))
        })
    }

    fn records(&self, org: &Org) -> Vec<Record> {
        let records = self.ids.iter().zip(&self.case.records).map(|(id, (object, _))| {
            let Some((schema, row)) = org.record(id) else { return Record { object, ..Record::default() } };
            let value = |field: &str| schema.index_of(field).map_or(Json::Null, |at| row.get(at).to_json());
            let fields = self.case.fields_of(object).map(|(name, kind)| (name.to_owned(), kind.read(&value(name))));
            let pointed = lookups(object).iter().filter_map(|name| {
                let id = value(&lookup_field(name));
                Some((*name, self.ids.iter().position(|other| Some(other.as_str()) == id.as_str())?))
            });
            Record {
                object,
                is_alive: !org.is_deleted(schema, row) && value("IsConverted") != Json::Bool(true),
                lookups: pointed.collect(),
                fields: fields.collect(),
            }
        });
        records.collect()
    }

    fn entered(
        &self,
        object: &'static str,
        fields: &[(String, Fact)],
        lookups: &[(&'static str, Option<usize>)],
    ) -> Map<String, Json> {
        let fields = fields.iter().map(|(name, fact)| (name.clone(), self.case.kind(object, name).entered(fact)));
        let lookups = lookups.iter().map(|(name, to)| (lookup_field(name), json!(to.map(|to| &self.ids[to]))));
        fields.chain(lookups).collect()
    }

    async fn say(&self, kind: ProfileKind, id: &str, attributes: &[(String, Fact)]) {
        let operations =
            attributes.iter().map(|(name, fact)| (name.clone(), AttributeOperation::set(fact.to_value()))).collect();
        let upsert = ProfileWrite::Upsert { kind, id: id.to_owned(), operations, seen: true };
        self.store.write(self.environment, &vec![upsert]).await.expect("the store takes it");
        // Who was seen last speaks, and times are in milliseconds.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }

    /// Waits until all is quiet and both sides are as the model says; what is not.
    async fn agree(&mut self) -> Vec<String> {
        if self.model.records.is_empty() {
            self.model.records = self.edit(Vec::new()).1;
        }
        let begun = Instant::now();
        loop {
            self.canary.1 += 1;
            let website = format!("https://canary{}.example", self.canary.1);
            let values = Map::from_iter([("Website".to_owned(), json!(website))]);
            self.edit(vec![Write::Update { object: None, id: self.canary.0.clone(), values }]);
            while !self.is_quiet(&website).await {
                if begun.elapsed() > PATIENCE {
                    return vec![format!("not quiet {} s later", PATIENCE.as_secs())];
                }
                tokio::time::sleep(LOOK_APART).await;
            }
            self.see_open().await;
            if let Err(words) = self.model.settle(self.case) {
                return vec![words];
            }
            let differences = self.differences().await;
            if differences.is_empty() || begun.elapsed() > PATIENCE / 4 {
                return differences;
            }
            tokio::time::sleep(LOOK_APART).await;
        }
    }

    /// The model takes over what it can not know.
    async fn see_open(&mut self) {
        for person in 0..self.model.people.len() {
            let (side, id) = (self.model.people[person].side, self.model.people[person].id.clone());
            let profile = self.store.profile(self.environment, kind_of(side), &id).await;
            let profile = profile.expect("the store answers").expect("it was made");
            for name in
                self.case.targets(side).into_iter().filter(|name| self.model.is_open(side, name)).collect::<Vec<_>>()
            {
                let fact = Fact::of_value(profile.attribute(name));
                self.model.people[person].attributes.insert(name.to_owned(), fact);
            }
        }
    }

    async fn is_quiet(&self, website: &str) -> bool {
        let mut waiting = 0;
        // What waits for a paused mapping goes on waiting.
        for at in self.model.order.iter().filter(|at| !self.model.paused.contains(at)).map(|at| at + 1).chain([0]) {
            let counts = self.store.counts(self.connection, Some(self.mappings[at])).await;
            waiting += counts.expect("the store answers").waiting;
        }
        let canary =
            self.store.profile(self.environment, ProfileKind::Company, CANARY).await.expect("the store answers");
        waiting == 0 && canary.is_some_and(|canary| canary.attribute(CANARY) == &Value::text(website))
    }

    async fn differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        for person in &self.model.people {
            let profile = self.store.profile(self.environment, kind_of(person.side), &person.id).await;
            let profile = profile.expect("the store answers").expect("it was made");
            for name in self.case.targets(person.side) {
                let (is, should) =
                    (Fact::of_value(profile.attribute(name)), person.attributes.get(name).cloned().unwrap_or_default());
                if is != should {
                    differences.push(format!("{name} of {} is {is:?}, and the model says {should:?}", person.id));
                }
            }
        }
        let records = self.edit(Vec::new()).1;
        for (at, (is, should)) in records.iter().zip(&self.model.records).enumerate() {
            for (name, fact) in &is.fields {
                if fact != &should.fields[name] {
                    let should = &should.fields[name];
                    differences
                        .push(format!("{name} of {} {at} is {fact:?}, and the model says {should:?}", is.object));
                }
            }
        }
        if !differences.is_empty() {
            let issues = self.store.issues(self.connection, &IssueFilter::default(), None, 1_000).await;
            let issues = issues.expect("the store answers").into_iter().map(|listed| listed.issue);
            differences.extend(issues.map(|issue| format!("an issue: {} {:?}", issue.profile_id, issue.issue)));
            differences.push(format!("the model's world: {:#?}", self.model));
        }
        differences
    }
}

fn create(object: &str, values: Json) -> Write {
    Write::Create { object: object.to_owned(), values: values.as_object().cloned().unwrap_or_default() }
}

fn kind_of(side: Side) -> ProfileKind {
    match side {
        Side::User => ProfileKind::User,
        Side::Company => ProfileKind::Company,
    }
}

/// An object of an administrator's own, with a lookup to accounts, and one from contacts.
fn make_project(org: &mut Org) {
    let now_ms = 0;
    let metadata = json!({
        "label": "Project", "pluralLabel": "Projects", "nameField": { "type": "Text", "label": "Name" },
        "deploymentStatus": "Deployed", "sharingModel": "ReadWrite",
    });
    org.create_object(PROJECT, &metadata, now_ms).expect("a new org has no such object");
    for (object, name, to, relationship) in
        [(PROJECT, "Account__c", "Account", "Account__r"), ("Contact", "Project__c", PROJECT, "Project__r")]
    {
        let field = FieldSchema::reference(name, name.trim_end_matches("__c"), &[to], relationship);
        org.add_custom_field(object, field).expect("a new org has no such field");
    }
}

/// The field as an administrator makes it.
fn made(name: &str, kind: Kind) -> FieldSchema {
    let label = name.trim_end_matches("__c");
    let choices = || FieldSchema::picklist(name, label, &CHOICES).restricted();
    match kind {
        Kind::Text(length) => FieldSchema::text(name, label, u32::try_from(length).unwrap_or(u32::MAX)),
        Kind::Choice => choices(),
        Kind::Choices => {
            let mut field = choices();
            field.field_type = FieldType::MultiPicklist;
            field
        }
        Kind::Checkbox => FieldSchema::new(name, label, FieldType::Boolean).required().with_default(false),
        Kind::Number(decimals) => {
            FieldSchema::number(name, label, FieldType::Double, 18, u8::try_from(decimals).unwrap_or(0))
        }
        Kind::Day => FieldSchema::new(name, label, FieldType::Date),
        Kind::Instant => FieldSchema::new(name, label, FieldType::DateTime),
    }
}

/// The mapping in the product's words, with the attributes that it feeds.
fn defined(mapping: &Mapping) -> (MappingDefinition, Vec<AttributeDefinition>) {
    let line = |line: &Line| {
        let (empty, default) = match &line.empty {
            Empty::Clear => (OnEmpty::Clear, Value::Null),
            Empty::Keep => (OnEmpty::Keep, Value::Null),
            Empty::Default(fact) => (OnEmpty::Default, fact.to_value()),
        };
        FieldMapping {
            from: line.from.clone(),
            to: line.to.clone(),
            empty,
            default,
            otherwise: line.otherwise.clone(),
            truncate: line.cuts,
            values: line.values.clone(),
        }
    };
    let kind = kind_of(mapping.side);
    let targets = mapping.inbound.iter().map(|line| AttributeDefinition {
        scope: Scope::from(kind),
        name: line.to.clone(),
        display_name: line.to.clone(),
        description: None,
        data_type: match type_of(&line.to) {
            Type::String => DataType::String,
            Type::Number => DataType::Number,
            Type::Boolean => DataType::Boolean,
            Type::DateTime => DataType::DateTime,
            Type::List => DataType::List,
        },
        origin: Origin::Salesforce,
        created_at: Timestamp::UNIX_EPOCH,
    });
    let definition = MappingDefinition {
        salesforce: mapping.object.to_owned(),
        userflow: kind,
        match_rule: MatchRule { salesforce: mapping.key.to_owned(), userflow: mapping.attribute.to_owned() },
        duplicates: if mapping.skips_duplicates { Duplicates::Skip } else { Duplicates::Oldest },
        on_unlink: if mapping.keeps_when_unlinked { OnUnlink::Keep } else { OnUnlink::Clear },
        stream_events: false,
        events: Vec::new(),
        inbound: mapping.inbound.iter().map(line).collect(),
        outbound: mapping.outbound.iter().map(line).collect(),
    };
    (definition, targets.collect())
}
