//! The Pub/Sub API over real sockets, seen by a gRPC client.

use std::sync::Arc;
use std::time::Duration;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use serde_json::{Value as Json, json};
use syncline_org::core::{FieldSchema, Org, OrgProfile, Write, WriteContext};
use syncline_org::pubsub::{self, Patience, PubSubDoors, PubSubOptions};
use syncline_org::seed::SeedSize;
use syncline_org::tls::Certificates;
use syncline_org::{Clock, Faults, OrgHandle, OrgOptions, SystemClock};
use syncline_salesforce_eventbus::v1::pub_sub_client::PubSubClient;
use syncline_salesforce_eventbus::v1::{
    ConsumerEvent, FetchRequest, FetchResponse, ReplayPreset, SchemaRequest, TopicRequest,
};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status, Streaming};

const ACCOUNTS: &str = "/data/AccountChangeEvent";
const CONTACTS: &str = "/data/ContactChangeEvent";
const EVERYTHING: &str = "/data/ChangeEvents";
/// Long enough that only a test that hangs runs into it.
const DEADLINE: Duration = Duration::from_secs(20);

/// An org with open doors, and a session in it.
struct Fixture {
    org: OrgHandle,
    doors: PubSubDoors,
    ca_pem: String,
    access_token: String,
    org_id: String,
}

impl Fixture {
    async fn start() -> Fixture {
        Fixture::start_with(Patience::default()).await
    }

    async fn start_with(patience: Patience) -> Fixture {
        let now_ms = SystemClock.now_ms();
        let mut org = Org::new(&OrgProfile::default(), [9; 32], now_ms);
        let admin = org.admin_user_id().to_owned();
        let access_token = org.sign_in(&admin, now_ms).access_token;
        let org_id = org.org_id().to_owned();
        let org = OrgHandle::new(org, Arc::new(SystemClock));
        let options = PubSubOptions { patience, ..PubSubOptions::default() };
        let certificates = Certificates::generate().expect("certificates are made");
        let doors = pubsub::open(org.clone(), options, &certificates).await.expect("the doors open");
        Fixture { org, doors, ca_pem: certificates.ca_pem, access_token, org_id }
    }

    fn write(&self, write: Write) -> String {
        let user_id = self.org.lock().admin_user_id().to_owned();
        let context = WriteContext { user_id, change_origin: String::new(), now_ms: self.org.now_ms() };
        self.org.commit(&context, true, vec![write]).remove(0).expect("the write is accepted").id
    }

    fn create(&self, object: &str, values: Json) -> String {
        self.write(Write::Create { object: object.to_owned(), values: values.as_object().expect("an object").clone() })
    }

    fn create_accounts(&self, count: usize) {
        for number in 0..count {
            self.create("Account", json!({"Name": format!("Company {number}")}));
        }
    }

    fn update(&self, id: &str, values: Json) {
        let values = values.as_object().expect("an object").clone();
        self.write(Write::Update { object: None, id: id.to_owned(), values });
    }

    fn replay_ids(&self) -> Vec<u64> {
        self.org.lock().events_after(None).map(|event| event.replay_id).collect()
    }

    fn credentials(&self) -> Credentials {
        Credentials { access_token: self.access_token.clone(), tenant_id: self.org_id.clone() }
    }

    async fn client(&self) -> Client {
        self.client_with(self.credentials()).await
    }

    async fn client_with(&self, credentials: Credentials) -> Client {
        connect(&format!("http://{}", self.doors.plaintext), credentials).await
    }

    async fn subscribe(&self, request: FetchRequest) -> Subscriber {
        Subscriber::open(self.client().await, request).await.expect("the subscription is accepted")
    }
}

async fn connect(url: &str, credentials: Credentials) -> Client {
    let endpoint = Endpoint::from_shared(url.to_owned()).expect("an address is a URL");
    let channel = endpoint.tcp_nodelay(true).connect().await.expect("the plaintext door is open");
    PubSubClient::with_interceptor(channel, credentials)
}

type Client = PubSubClient<InterceptedService<Channel, Credentials>>;

#[derive(Clone)]
struct Credentials {
    access_token: String,
    tenant_id: String,
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata: &mut MetadataMap = request.metadata_mut();
        let text = |value: &str| MetadataValue::try_from(value).expect("credentials are ASCII");
        metadata.insert("accesstoken", text(&self.access_token));
        metadata.insert("tenantid", text(&self.tenant_id));
        metadata.insert("instanceurl", text("http://127.0.0.1"));
        Ok(request)
    }
}

struct Subscriber {
    client: Client,
    requests: mpsc::Sender<FetchRequest>,
    responses: Streaming<FetchResponse>,
}

impl Subscriber {
    async fn open(mut client: Client, first: FetchRequest) -> Result<Subscriber, Status> {
        let (requests, receiver) = mpsc::channel(8);
        requests.send(first).await.expect("the channel has room");
        let responses = client.subscribe(ReceiverStream::new(receiver)).await?.into_inner();
        Ok(Subscriber { client, requests, responses })
    }

    async fn ask(&self, num_requested: i32) {
        self.ask_about("", num_requested).await;
    }

    async fn ask_about(&self, topic_name: &str, num_requested: i32) {
        let request = FetchRequest { topic_name: topic_name.to_owned(), num_requested, ..FetchRequest::default() };
        self.requests.send(request).await.expect("the subscription is open");
    }

    /// The next response, or `None` at the clean end of the stream.
    async fn next(&mut self) -> Result<Option<FetchResponse>, Status> {
        tokio::time::timeout(DEADLINE, self.responses.message()).await.expect("the org answers in time")
    }

    async fn response(&mut self) -> FetchResponse {
        self.next().await.expect("no error").expect("the stream goes on")
    }

    /// So many events, in however many responses.
    async fn events(&mut self, count: usize) -> Vec<ConsumerEvent> {
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(self.response().await.events);
        }
        assert_eq!(events.len(), count, "no more events than expected");
        events
    }

    async fn keepalive(&mut self) -> FetchResponse {
        let response = self.response().await;
        assert!(response.events.is_empty(), "nothing happened yet");
        response
    }

    /// Everything until the org ends the stream cleanly.
    async fn rest(&mut self) -> Vec<ConsumerEvent> {
        let mut events = Vec::new();
        while let Some(response) = self.next().await.expect("a clean end") {
            events.extend(response.events);
        }
        events
    }

    async fn refusal(&mut self) -> Status {
        loop {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended cleanly"),
                Err(status) => return status,
            }
        }
    }

    /// An event decoded with the schema it names.
    async fn decode(&mut self, event: &ConsumerEvent) -> Decoded {
        let event = event.event.clone().expect("an event has a body");
        let request = SchemaRequest { schema_id: event.schema_id };
        let schema = self.client.get_schema(request).await.expect("the schema is known").into_inner();
        let avro = apache_avro::Schema::parse_str(&schema.schema_json).expect("an Avro schema");
        let reader = GenericDatumReader::builder(&avro).build().expect("the schema resolves");
        let Value::Record(fields) = reader.read_value(&mut event.payload.as_ref()).expect("an event") else {
            panic!("an event is a record");
        };
        Decoded { fields, schema: serde_json::from_str(&schema.schema_json).expect("JSON") }
    }
}

struct Decoded {
    fields: Vec<(String, Value)>,
    schema: Json,
}

impl Decoded {
    fn index_of(&self, name: &str) -> usize {
        self.fields.iter().position(|(own, _)| own == name).unwrap_or_else(|| panic!("there is a field {name}"))
    }

    fn text(&self, name: &str) -> Option<&str> {
        match &self.fields[self.index_of(name)].1 {
            Value::Union(_, value) => match &**value {
                Value::String(text) => Some(text),
                _ => None,
            },
            other => panic!("{name} is {other:?}"),
        }
    }

    fn header(&self, name: &str) -> &Value {
        let Value::Record(header) = &self.fields[0].1 else { panic!("the header comes first") };
        &header.iter().find(|(own, _)| own == name).expect("the header has the field").1
    }

    /// The bits of these fields.
    fn places(&self, names: &[&str]) -> u128 {
        names.iter().map(|name| 1 << self.index_of(name)).sum()
    }

    fn changed_bitmap(&self) -> u128 {
        let Value::Array(entries) = self.header("changedFields") else { panic!("an array") };
        let [Value::String(entry)] = entries.as_slice() else { panic!("one entry, without compounds: {entries:?}") };
        u128::from_str_radix(entry.strip_prefix("0x").expect("a bitmap"), 16).expect("hexadecimal")
    }
}

fn from_earliest(topic: &str, num_requested: i32) -> FetchRequest {
    FetchRequest {
        topic_name: topic.to_owned(),
        replay_preset: ReplayPreset::Earliest.into(),
        num_requested,
        ..FetchRequest::default()
    }
}

fn from_latest(topic: &str, num_requested: i32) -> FetchRequest {
    FetchRequest { replay_preset: ReplayPreset::Latest.into(), ..from_earliest(topic, num_requested) }
}

fn after(topic: &str, replay_id: &[u8], num_requested: i32) -> FetchRequest {
    FetchRequest {
        replay_preset: ReplayPreset::Custom.into(),
        replay_id: replay_id.to_vec().into(),
        ..from_earliest(topic, num_requested)
    }
}

fn position(replay_id: &[u8]) -> u64 {
    u64::from_be_bytes(replay_id.try_into().expect("a replay id has eight bytes"))
}

fn positions(events: &[ConsumerEvent]) -> Vec<u64> {
    events.iter().map(|event| position(&event.replay_id)).collect()
}

fn trailer<'a>(status: &'a Status, name: &str) -> &'a str {
    status.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn assert_refused(status: &Status, code: Code, error_code: &str) {
    assert_eq!(status.code(), code, "{status:?}");
    assert_eq!(trailer(status, "error-code"), format!("sfdc.platform.eventbus.grpc.{error_code}"));
    assert!(!trailer(status, "rpc-id").is_empty());
}

fn impatient() -> Patience {
    Patience { keepalive: Duration::from_millis(20), without_credit: DEADLINE }
}

#[tokio::test]
async fn earliest_brings_everything_that_is_kept_in_commit_order() {
    let fixture = Fixture::start().await;
    fixture.create_accounts(5);
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
    let kept = subscriber.events(5).await;
    assert_eq!(positions(&kept), fixture.replay_ids());

    fixture.create_accounts(1);
    let live = subscriber.events(1).await;
    assert_eq!(positions(&live), fixture.replay_ids()[5..]);
    assert_eq!(subscriber.decode(&live[0]).await.text("Name"), Some("Company 0"));
}

#[tokio::test]
async fn custom_resumes_after_the_position_and_not_at_it() {
    let fixture = Fixture::start().await;
    fixture.create_accounts(5);
    let replay_ids = fixture.replay_ids();
    let mut subscriber = fixture.subscribe(after(ACCOUNTS, &replay_ids[2].to_be_bytes(), 10)).await;
    assert_eq!(positions(&subscriber.events(2).await), replay_ids[3..]);

    let newest = replay_ids[4].to_be_bytes();
    let mut subscriber = fixture.subscribe(after(ACCOUNTS, &newest, 10)).await;
    fixture.create_accounts(1);
    assert_eq!(positions(&subscriber.events(1).await), fixture.replay_ids()[5..]);
}

#[tokio::test]
async fn latest_brings_only_what_happens_from_then_on() {
    let fixture = Fixture::start_with(impatient()).await;
    fixture.create_accounts(3);
    let mut subscriber = fixture.subscribe(from_latest(ACCOUNTS, 10)).await;
    let anchor = subscriber.keepalive().await;
    assert_eq!(position(&anchor.latest_replay_id), *fixture.replay_ids().last().expect("three events"));

    fixture.create_accounts(2);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.extend(positions(&subscriber.response().await.events));
    }
    assert_eq!(seen, fixture.replay_ids()[3..]);
}

#[tokio::test]
async fn a_topic_carries_its_own_object_and_the_all_changes_topic_carries_all() {
    let fixture = Fixture::start().await;
    fixture.create("Account", json!({"Name": "Acme"}));
    fixture.create("Contact", json!({"LastName": "Roe"}));
    fixture.create("Account", json!({"Name": "Beta"}));
    let all = fixture.replay_ids();

    let mut contacts = fixture.subscribe(from_earliest(CONTACTS, 10)).await;
    let response = contacts.response().await;
    assert_eq!(positions(&response.events), [all[1]]);
    assert_eq!(position(&response.latest_replay_id), all[2], "the position moves past what is not this topic's");
    let mut everything = fixture.subscribe(from_earliest(EVERYTHING, 10)).await;
    assert_eq!(positions(&everything.events(3).await), all);
}

#[tokio::test]
async fn an_update_names_its_changed_fields_by_their_place_in_the_schema() {
    let fixture = Fixture::start().await;
    let account = fixture.create("Account", json!({"Name": "Acme", "Industry": "Energy"}));
    fixture.update(&account, json!({"Industry": "Finance", "Phone": "+1 555 0100"}));
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
    let events = subscriber.events(2).await;
    let update = subscriber.decode(&events[1]).await;
    assert_eq!(*update.header("changeType"), Value::Enum(1, "UPDATE".to_owned()));
    assert_eq!(update.text("Industry"), Some("Finance"));
    assert_eq!(update.text("Phone"), Some("+1 555 0100"));
    assert_eq!(update.text("Rating"), None);
    assert_eq!(update.changed_bitmap(), update.places(&["Industry", "Phone", "LastModifiedDate"]));
    let Json::Array(fields) = &update.schema["fields"] else { panic!("a schema has fields") };
    assert_eq!(fields[update.index_of("Industry")]["name"], "Industry");
}

#[tokio::test]
async fn a_patch_over_rest_arrives_with_its_values_its_bitmap_and_its_origin() {
    let seed_size = Some(SeedSize { contacts: 3, accounts: 2, leads: 0, opportunities: 0 });
    let org = syncline_org::start(OrgOptions { seed_size, ..OrgOptions::default() }).await.expect("the org starts");
    let access_token = org.access_token();
    let http = reqwest::Client::builder().timeout(DEADLINE).build().expect("a client");
    let data = format!("{}/services/data/v66.0", org.url);
    let contacts: Json = http
        .get(format!("{data}/query"))
        .query(&[("q", "SELECT Id FROM Contact LIMIT 1")])
        .bearer_auth(&access_token)
        .send()
        .await
        .expect("the org answers")
        .json()
        .await
        .expect("the answer is JSON");
    let contact = contacts["records"][0]["Id"].as_str().expect("there are contacts").to_owned();

    let credentials = Credentials { access_token: access_token.clone(), tenant_id: org.org_id.clone() };
    let client = connect(&org.pubsub_url, credentials).await;
    let mut subscriber =
        Subscriber::open(client, from_earliest(CONTACTS, 10)).await.expect("the subscription is accepted");
    let patched = http
        .patch(format!("{data}/sobjects/Contact/{contact}"))
        .bearer_auth(&access_token)
        .header("Sforce-Call-Options", "client=Tester")
        .json(&json!({"Title": "Director", "userflow_user_plan__c": "growth"}))
        .send()
        .await
        .expect("the org answers");
    assert_eq!(patched.status(), 204);

    let event = subscriber.events(1).await.remove(0);
    let update = subscriber.decode(&event).await;
    assert_eq!(*update.header("recordIds"), Value::Array(vec![Value::String(contact)]));
    let origin = Value::String("com/salesforce/api/rest/66.0;client=Tester".to_owned());
    assert_eq!(*update.header("changeOrigin"), origin);
    assert_eq!(update.text("Title"), Some("Director"));
    assert_eq!(update.text("userflow_user_plan__c"), Some("growth"));
    assert_eq!(update.text("Email"), None, "what did not change is not carried");
    // It was its owner who had last changed the seeded contact, so the modifier changes too.
    let changed = ["Title", "userflow_user_plan__c", "LastModifiedDate", "LastModifiedById"];
    assert_eq!(update.changed_bitmap(), update.places(&changed));
    org.shutdown().await;
}

#[tokio::test]
async fn no_more_events_come_than_were_asked_for_and_requests_add_up() {
    let patience = Patience { without_credit: Duration::from_millis(300), ..Patience::default() };
    let fixture = Fixture::start_with(patience).await;
    fixture.create_accounts(8);
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 3)).await;
    let response = subscriber.response().await;
    assert_eq!((response.events.len(), response.pending_num_requested), (3, 0));
    assert_eq!(response.latest_replay_id, response.events[2].replay_id);

    subscriber.ask(1).await;
    subscriber.ask(2).await;
    subscriber.events(3).await;
    assert!(subscriber.rest().await.is_empty(), "without credit nothing comes, and after a while the stream ends");
}

#[tokio::test]
async fn more_than_a_hundred_outstanding_events_count_as_a_hundred() {
    let patience = Patience { without_credit: Duration::from_millis(300), ..Patience::default() };
    let fixture = Fixture::start_with(patience).await;
    fixture.create_accounts(120);
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 5_000)).await;
    assert_eq!(subscriber.rest().await.len(), 100);
}

#[tokio::test]
async fn an_idle_subscriber_hears_of_the_position_it_can_resume_from() {
    let fixture = Fixture::start_with(impatient()).await;
    let mut subscriber = fixture.subscribe(from_latest(CONTACTS, 10)).await;
    subscriber.keepalive().await;
    fixture.create_accounts(1);
    let newest = fixture.replay_ids()[0];
    let deadline = Instant::now() + DEADLINE;
    loop {
        let response = subscriber.keepalive().await;
        assert_eq!(response.pending_num_requested, 10);
        if position(&response.latest_replay_id) == newest {
            break;
        }
        assert!(Instant::now() < deadline, "the position follows other objects' events");
    }
    fixture.create("Contact", json!({"LastName": "Roe"}));
    let mut resumed = fixture.subscribe(after(CONTACTS, &newest.to_be_bytes(), 10)).await;
    assert_eq!(positions(&resumed.events(1).await), fixture.replay_ids()[1..]);
}

#[tokio::test]
async fn a_stranger_is_refused_with_the_documented_trailers() {
    let fixture = Fixture::start().await;
    let auth_error = |status: &Status| assert_refused(status, Code::Unauthenticated, "service.auth.error");
    for credentials in [
        Credentials { access_token: "00D000000000001!made.up".to_owned(), ..fixture.credentials() },
        Credentials { access_token: String::new(), ..fixture.credentials() },
        Credentials { tenant_id: "00D000000000001AAA".to_owned(), ..fixture.credentials() },
    ] {
        let mut client = fixture.client_with(credentials).await;
        let topic = TopicRequest { topic_name: ACCOUNTS.to_owned() };
        auth_error(&client.get_topic(topic).await.expect_err("no topic for strangers"));
        let schema = SchemaRequest { schema_id: "any".to_owned() };
        auth_error(&client.get_schema(schema).await.expect_err("no schema for strangers"));
        let refused = match Subscriber::open(client, from_earliest(ACCOUNTS, 1)).await {
            Ok(mut subscriber) => subscriber.refusal().await,
            Err(status) => status,
        };
        auth_error(&refused);
    }
}

#[tokio::test]
async fn a_session_that_ends_is_noticed_at_the_next_call_and_its_stream_goes_on() {
    let fixture = Fixture::start_with(impatient()).await;
    let mut subscriber = fixture.subscribe(from_latest(ACCOUNTS, 10)).await;
    subscriber.keepalive().await;
    fixture.org.lock().end_all_sessions();
    fixture.create_accounts(1);
    while subscriber.response().await.events.is_empty() {}
    let topic = TopicRequest { topic_name: ACCOUNTS.to_owned() };
    let status = subscriber.client.get_topic(topic).await.expect_err("the session has ended");
    assert_refused(&status, Code::Unauthenticated, "service.auth.error");
}

#[tokio::test]
async fn bad_requests_are_refused_with_the_documented_trailers() {
    let fixture = Fixture::start().await;
    fixture.create_accounts(2);
    let first = fixture.replay_ids()[0];
    for (request, code, error_code) in [
        (from_earliest("/data/NoSuchChangeEvent", 1), Code::NotFound, "topic.notfound"),
        (from_earliest("/data/accountchangeevent", 1), Code::NotFound, "topic.notfound"),
        (from_earliest("AccountChangeEvent", 1), Code::NotFound, "topic.notfound"),
        (from_earliest(ACCOUNTS, 0), Code::InvalidArgument, "subscription.fetch.requested.events.invalid"),
        (from_earliest(ACCOUNTS, -5), Code::InvalidArgument, "subscription.fetch.requested.events.invalid"),
        (after(ACCOUNTS, &[], 1), Code::InvalidArgument, "subscription.fetch.replayid.validation.failed"),
        (after(ACCOUNTS, b"xyz", 1), Code::InvalidArgument, "subscription.fetch.replayid.corrupted"),
        (
            after(ACCOUNTS, &(first ^ 1 << 40).to_be_bytes(), 1),
            Code::InvalidArgument,
            "subscription.fetch.replayid.corrupted",
        ),
    ] {
        let mut subscriber = fixture.subscribe(request).await;
        assert_refused(&subscriber.refusal().await, code, error_code);
    }
    let mut client = fixture.client().await;
    let topic = TopicRequest { topic_name: "/data/NoSuchChangeEvent".to_owned() };
    let status = client.get_topic(topic).await.expect_err("there is no such topic");
    assert_refused(&status, Code::NotFound, "topic.notfound");
}

#[tokio::test]
async fn a_later_request_may_repeat_the_topic_but_not_change_it() {
    let fixture = Fixture::start().await;
    fixture.create_accounts(2);
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 1)).await;
    subscriber.events(1).await;
    subscriber.ask_about(ACCOUNTS, 1).await;
    subscriber.events(1).await;
    subscriber.ask_about(CONTACTS, 1).await;
    assert_eq!(subscriber.refusal().await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_new_field_gives_the_topic_a_new_schema_and_the_old_one_can_still_be_fetched() {
    let fixture = Fixture::start().await;
    let contact = fixture.create("Contact", json!({"LastName": "Roe"}));
    let mut subscriber = fixture.subscribe(from_earliest(CONTACTS, 10)).await;
    let old_event = subscriber.events(1).await.remove(0);
    let topic = || TopicRequest { topic_name: CONTACTS.to_owned() };
    let old = subscriber.client.get_topic(topic()).await.expect("contacts have a topic").into_inner();
    assert!(old.can_subscribe && !old.can_publish);

    let field = FieldSchema::text("Plan__c", "Plan", 255);
    fixture.org.lock().add_custom_field("Contact", field).expect("a new field");
    fixture.update(&contact, json!({"Plan__c": "enterprise"}));
    let new_event = subscriber.events(1).await.remove(0);
    let new = subscriber.client.get_topic(topic()).await.expect("contacts have a topic").into_inner();
    assert_ne!(new.schema_id, old.schema_id);
    let schema_id = |event: &ConsumerEvent| event.event.as_ref().expect("a body").schema_id.clone();
    assert_eq!([schema_id(&old_event), schema_id(&new_event)], [old.schema_id, new.schema_id]);

    let decoded = subscriber.decode(&new_event).await;
    assert_eq!(decoded.text("Plan__c"), Some("enterprise"));
    assert_eq!(decoded.changed_bitmap(), decoded.places(&["Plan__c", "LastModifiedDate"]));
    let old = subscriber.decode(&old_event).await;
    assert!(old.fields.iter().all(|(name, _)| name != "Plan__c"));

    let unknown = SchemaRequest { schema_id: "AAAAAAAAAAAAAAAAAAAAAA".to_owned() };
    let status = subscriber.client.get_schema(unknown).await.expect_err("there is no such schema");
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_tls_door_opens_to_those_who_trust_the_orgs_authority() {
    let fixture = Fixture::start().await;
    fixture.create_accounts(1);
    let endpoint = || Endpoint::from_shared(format!("https://{}", fixture.doors.tls)).expect("an address is a URL");
    let authority = Certificate::from_pem(&fixture.ca_pem);
    for name in ["localhost", "127.0.0.1", "api.pubsub.salesforce.com", "acme.my.salesforce.com"] {
        let tls = ClientTlsConfig::new().ca_certificate(authority.clone()).domain_name(name);
        let channel = endpoint().tls_config(tls).expect("a valid configuration").connect().await;
        let client =
            PubSubClient::with_interceptor(channel.expect("the certificate is trusted"), fixture.credentials());
        let subscriber = Subscriber::open(client, from_earliest(ACCOUNTS, 1)).await;
        subscriber.expect("the subscription is accepted").events(1).await;
    }

    let strangers_tls = ClientTlsConfig::new().with_native_roots().domain_name("localhost");
    let channel = endpoint().tls_config(strangers_tls).expect("a valid configuration").connect().await;
    assert!(channel.is_err(), "nobody else vouches for the org");
}

#[tokio::test]
async fn a_response_delay_moves_every_delivery_and_slows_none() {
    const DELAY: Duration = Duration::from_millis(300);
    let fixture = Fixture::start().await;
    fixture.org.set_faults(Faults { response_delay_ms: 300, ..Faults::default() });
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 100)).await;
    let began = Instant::now();
    for _ in 0..50 {
        fixture.create_accounts(1);
        // Gives the subscription a chance to see each commit by itself, so that there are many deliveries on their way.
        tokio::task::yield_now().await;
    }
    subscriber.events(50).await;
    let took = began.elapsed();
    assert!(took >= DELAY, "nothing comes before its time: {took:?}");
    assert!(took < DELAY * 10, "deliveries wait side by side: {took:?}");
}

#[tokio::test]
async fn closing_the_doors_ends_every_stream_cleanly() {
    let fixture = Fixture::start().await;
    fixture.create_accounts(1);
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
    subscriber.events(1).await;
    let (ended, ()) = tokio::join!(subscriber.next(), fixture.doors.close());
    assert!(ended.expect("a clean end is no error").is_none());
}

#[tokio::test]
async fn a_client_that_asks_for_no_more_gets_what_it_asked_for() {
    let fixture = Fixture::start().await;
    fixture.create_accounts(3);
    let mut client = fixture.client().await;
    let once = tokio_stream::once(from_earliest(ACCOUNTS, 2));
    let mut responses = client.subscribe(once).await.expect("the subscription is accepted").into_inner();
    let first = responses.message().await.expect("no error").expect("a response");
    assert_eq!(first.events.len(), 2);
    assert!(responses.message().await.expect("a clean end").is_none());
}
