//! The Pub/Sub API over real sockets, seen by a gRPC client.
//!
//! The client and what it takes to read an event are here; the tests stand in the files by subject.

mod change;
mod channel;
mod fault;
mod managed;
mod permission;
mod publish;
mod subscribe;

use std::sync::Arc;
use std::time::Duration;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use serde_json::{Value as Json, json};
use syncline_org::core::{FieldSchema, FieldValue, Org, OrgProfile, Write, WriteContext};
use syncline_org::pubsub::{self, EventFaults, Patience, PubSubDoors, PubSubOptions};
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
        Fixture::around(Org::new(&OrgProfile::default(), [9; 32], SystemClock.now_ms()), patience).await
    }

    async fn around(mut org: Org, patience: Patience) -> Fixture {
        let now_ms = SystemClock.now_ms();
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

    fn delete(&self, id: &str) {
        self.write(Write::Delete { object: None, id: id.to_owned() });
    }

    /// Several writes in one transaction.
    fn write_together(&self, writes: Vec<Write>) {
        let user_id = self.org.lock().admin_user_id().to_owned();
        let context = WriteContext { user_id, change_origin: String::new(), now_ms: self.org.now_ms() };
        for result in self.org.commit(&context, true, writes) {
            result.expect("the write is accepted");
        }
    }

    fn set_event_faults(&self, events: EventFaults) {
        self.org.set_faults(Faults { events, ..Faults::default() });
    }

    /// A session of a new user who may see all records of these objects, and read these fields.
    fn session_of_user_who(&self, views_all: &[&str], reads: &[&str]) -> Credentials {
        let now_ms = self.org.now_ms();
        let mut org = self.org.lock();
        let user = org.load("User", vec![vec![("LastName", "Sand".into()), ("IsActive", true.into())]], now_ms);
        let user = user.expect("there are users").remove(0);
        let set = org.load("PermissionSet", vec![vec![("Name", FieldValue::from("Set"))]], now_ms);
        let set = set.expect("there are permission sets").remove(0);
        let grants = views_all.iter().map(|object| {
            vec![
                ("ParentId", set.as_str().into()),
                ("SobjectType", (*object).into()),
                ("PermissionsRead", true.into()),
                ("PermissionsViewAllRecords", true.into()),
            ]
        });
        org.load("ObjectPermissions", grants.collect(), now_ms).expect("there are object permissions");
        let fields = reads.iter().map(|field| {
            let object = field.split_once('.').expect("an object and a field").0;
            vec![
                ("ParentId", set.as_str().into()),
                ("SobjectType", object.into()),
                ("Field", (*field).into()),
                ("PermissionsRead", FieldValue::from(true)),
            ]
        });
        org.load("FieldPermissions", fields.collect(), now_ms).expect("there are field permissions");
        let assignment = vec![("PermissionSetId", set.as_str().into()), ("AssigneeId", user.as_str().into())];
        org.load("PermissionSetAssignment", vec![assignment], now_ms).expect("there are assignments");
        Credentials { access_token: org.sign_in(&user, now_ms).access_token, tenant_id: self.org_id.clone() }
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

    /// Names of the fields that have a value.
    fn populated(&self) -> Vec<&str> {
        let is_populated = |value: &Value| !matches!(value, Value::Union(_, inner) if **inner == Value::Null);
        self.fields[1..].iter().filter(|(_, value)| is_populated(value)).map(|(name, _)| name.as_str()).collect()
    }

    fn change_type(&self) -> &str {
        match self.header("changeType") {
            Value::Enum(_, symbol) => symbol,
            other => panic!("{other:?} is no symbol"),
        }
    }

    fn record_ids(&self) -> Vec<&str> {
        let Value::Array(ids) = self.header("recordIds") else { panic!("an array") };
        ids.iter().map(|id| if let Value::String(id) = id { id.as_str() } else { panic!("{id:?}") }).collect()
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
    Patience { keepalive: Duration::from_millis(20), without_credit: DEADLINE, ..Patience::default() }
}
