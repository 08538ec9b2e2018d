//! Platform events: published over gRPC and REST, delivered with their schema.

use super::*;
use crate::web::Web;
use apache_avro::writer::datum::GenericDatumWriter;
use reqwest::{Method, StatusCode};
use syncline_org::core::FieldType;
use syncline_salesforce_eventbus::v1::{ErrorCode, ProducerEvent, PublishRequest};

const TOPIC: &str = "/event/Order__e";

fn order_fields() -> Vec<FieldSchema> {
    vec![
        FieldSchema::text("Number__c", "Number", 80),
        FieldSchema::number("Total__c", "Total", FieldType::Double, 18, 2),
        FieldSchema::new("Paid__c", "Paid", FieldType::Boolean),
        FieldSchema::new("Due__c", "Due", FieldType::DateTime),
    ]
}

fn define(org: &OrgHandle) {
    org.lock().add_platform_event("Order__e", "Order", order_fields()).expect("a new event");
}

/// The topic's schema, as a publisher gets it.
async fn schema(client: &mut Client) -> (String, Json) {
    let topic = TopicRequest { topic_name: TOPIC.to_owned() };
    let topic = client.get_topic(topic).await.expect("the topic exists").into_inner();
    assert!(topic.can_publish && topic.can_subscribe);
    let request = SchemaRequest { schema_id: topic.schema_id.clone() };
    let schema = client.get_schema(request).await.expect("the schema is known").into_inner();
    (topic.schema_id, serde_json::from_str(&schema.schema_json).expect("JSON"))
}

fn payload(schema: &Json, number: &str) -> Vec<u8> {
    let avro = apache_avro::Schema::parse_str(&schema.to_string()).expect("an Avro schema");
    let some = |value| Value::Union(1, Box::new(value));
    let value = Value::Record(vec![
        ("CreatedDate".to_owned(), Value::Long(1_790_000_000_000)),
        ("CreatedById".to_owned(), Value::String("0058d00000AAAAAAAA".to_owned())),
        ("Number__c".to_owned(), some(Value::String(number.to_owned()))),
        ("Total__c".to_owned(), some(Value::Double(12.5))),
        ("Paid__c".to_owned(), some(Value::Boolean(true))),
        ("Due__c".to_owned(), Value::Union(0, Box::new(Value::Null))),
    ]);
    let writer = GenericDatumWriter::builder(&avro).build().expect("the schema resolves");
    writer.write_value_to_vec(value).expect("the value fits the schema")
}

fn event(id: &str, schema_id: &str, payload: Vec<u8>) -> ProducerEvent {
    let (id, schema_id) = (id.to_owned(), schema_id.to_owned());
    ProducerEvent { id, schema_id, payload: payload.into(), headers: Vec::new() }
}

fn request(topic_name: &str, events: Vec<ProducerEvent>) -> PublishRequest {
    PublishRequest { topic_name: topic_name.to_owned(), events, auth_refresh: String::new() }
}

#[tokio::test]
async fn an_event_has_its_makers_fields_first_and_its_schemas_id_in_the_schema() {
    let fixture = Fixture::start().await;
    define(&fixture.org);
    let (schema_id, schema) = schema(&mut fixture.client().await).await;
    let names: Vec<&str> = schema["fields"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|field| field["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["CreatedDate", "CreatedById", "Number__c", "Total__c", "Paid__c", "Due__c"]);
    assert_eq!((&schema["name"], &schema["uuid"]), (&json!("Order__e"), &json!(schema_id)));
    assert_eq!((&schema["fields"][0]["type"], &schema["fields"][1]["type"]), (&json!("long"), &json!("string")));
    assert_eq!(schema["fields"][2]["type"], json!(["null", "string"]));
}

#[tokio::test]
async fn each_event_of_a_request_is_published_or_refused_by_itself() {
    let fixture = Fixture::start().await;
    define(&fixture.org);
    let mut client = fixture.client().await;
    let (schema_id, schema) = schema(&mut client).await;
    let mut too_long = payload(&schema, "b");
    too_long.push(0);
    let events = vec![
        event("first", &schema_id, payload(&schema, "a")),
        event("broken", &schema_id, b"\x02".to_vec()),
        event("too long", &schema_id, too_long),
        event("stranger", "AAAAAAAAAAAAAAAAAAAAAA", payload(&schema, "c")),
        event("last", &schema_id, payload(&schema, "d")),
    ];
    let response = client.publish(request(TOPIC, events)).await.expect("a publish response").into_inner();
    assert_eq!(response.schema_id, schema_id);
    let keys: Vec<&str> = response.results.iter().map(|result| result.correlation_key.as_str()).collect();
    assert_eq!(keys, ["first", "broken", "too long", "stranger", "last"]);
    let codes: Vec<_> = response.results.iter().map(|result| result.error.as_ref().map(|error| error.code())).collect();
    let refused = Some(ErrorCode::Publish);
    assert_eq!(codes, [None, refused, refused, refused, None]);

    let mut subscriber = fixture.subscribe(from_earliest(TOPIC, 10)).await;
    let events = subscriber.events(2).await;
    assert_eq!(events[0].replay_id, response.results[0].replay_id);
    let body = events[0].event.as_ref().expect("a body");
    assert_eq!((body.id.as_str(), &body.payload[..]), ("first", &payload(&schema, "a")[..]));
    assert_eq!(subscriber.decode(&events[1]).await.text("Number__c"), Some("d"));
}

#[tokio::test]
async fn a_publishing_stream_answers_each_request_and_ends_without_them() {
    let patience = Patience { without_publish: Duration::from_millis(300), ..Patience::default() };
    let fixture = Fixture::start_with(patience).await;
    define(&fixture.org);
    let mut client = fixture.client().await;
    let (schema_id, schema) = schema(&mut client).await;
    let (requests, receiver) = mpsc::channel(8);
    for (topic, number) in [(TOPIC, "a"), ("", "b")] {
        let events = vec![event(number, &schema_id, payload(&schema, number))];
        requests.send(request(topic, events)).await.expect("the channel has room");
    }
    let mut answers = client.publish_stream(ReceiverStream::new(receiver)).await.expect("a stream").into_inner();
    for number in ["a", "b"] {
        let answer = answers.message().await.expect("no error").expect("an answer");
        assert_eq!(answer.results[0].correlation_key, number);
        assert!(answer.results[0].error.is_none());
    }
    let end = tokio::time::timeout(DEADLINE, answers.message()).await.expect("the org loses its patience");
    assert!(end.expect("a clean end").is_none());
    assert_eq!(fixture.subscribe(from_earliest(TOPIC, 10)).await.events(2).await.len(), 2);
}

#[tokio::test]
async fn change_events_are_nobodys_to_publish() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client().await;
    let status = client.publish(request(ACCOUNTS, Vec::new())).await.expect_err("only the org makes them");
    assert_eq!(status.code(), Code::PermissionDenied);
    let status = client.publish(request("/event/Nothing__e", Vec::new())).await.expect_err("there is no such event");
    assert_eq!(status.code(), Code::NotFound);

    define(&fixture.org);
    let stranger = fixture.session_of_user_who(&["Contact"], &[]);
    let mut client = fixture.client_with(stranger).await;
    let status = client.publish(request(TOPIC, Vec::new())).await.expect_err("without the permission");
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn an_event_published_over_rest_arrives_with_the_identifier_that_was_answered() {
    let web = Web::start().await;
    define(web.org.handle());
    let values = json!({"Number__c": "A-1", "Total__c": 3.25, "Due__c": "2026-01-01T00:00:00Z"});
    let (status, body) = web.send(Method::POST, "/sobjects/Order__e", values).await;
    assert_eq!((status, &body["success"]), (StatusCode::CREATED, &json!(true)));
    assert!(body["id"].as_str().is_some_and(|id| id.starts_with("e00") && id.len() == 18), "{body}");
    assert_eq!(body["errors"][0]["statusCode"], "OPERATION_ENQUEUED");

    let credentials = Credentials { access_token: web.token.clone(), tenant_id: web.org.org_id.clone() };
    let client = connect(&web.org.pubsub_url, credentials).await;
    let mut subscriber = Subscriber::open(client, from_earliest(TOPIC, 10)).await.expect("a subscription");
    let event = subscriber.events(1).await.remove(0);
    assert_eq!(event.event.as_ref().map(|event| json!(event.id)), Some(body["errors"][0]["message"].clone()));
    let event = subscriber.decode(&event).await;
    assert_eq!(event.text("Number__c"), Some("A-1"));
    assert_eq!(event.populated(), ["CreatedById", "Number__c", "Total__c", "Due__c"]);

    let (status, body) = web.send(Method::POST, "/sobjects/Order__e", json!({"Nothing__c": 1})).await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("INVALID_FIELD")));
}

#[tokio::test]
async fn rest_gives_the_schema_in_both_forms() {
    let web = Web::start().await;
    define(web.org.handle());
    let (_, compact) = web.get("/sobjects/Order__e/eventSchema?payloadFormat=COMPACT").await;
    assert_eq!((&compact["type"], &compact["fields"][0]["type"]), (&json!("record"), &json!("long")));
    let id = compact["uuid"].as_str().expect("the schema's id");
    let (_, by_id) = web.get(&format!("/event/eventSchema/{id}?payloadFormat=COMPACT")).await;
    assert_eq!(by_id, compact);
    let (_, expanded) = web.get("/sobjects/Order__e/eventSchema").await;
    assert_eq!(expanded["type"], "expanded-record");
    let payload = &expanded["fields"][0]["type"]["fields"][1]["type"];
    assert_eq!((&payload["name"], &payload["fields"][0]["type"]), (&json!("Payload"), &json!("string")));
    assert_eq!(web.get("/sobjects/Order__e/eventSchema?payloadFormat=NONE").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(web.get("/sobjects/Contact/eventSchema").await.0, StatusCode::NOT_FOUND);
    assert_eq!(web.get("/sobjects/ContactChangeEvent/eventSchema").await.1["name"], "ContactChangeEvent");
}

#[tokio::test]
async fn an_event_defined_through_the_tooling_api_can_be_published_and_read() {
    let web = Web::start().await;
    let object = json!({"FullName": "Order__e", "Metadata": {"label": "Order", "pluralLabel": "Orders",
        "deploymentStatus": "Deployed", "eventType": "HighVolume", "publishBehavior": "PublishImmediately"}});
    let (status, made) = web.send(Method::POST, "/tooling/sobjects/CustomObject", object).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let field = |name: &str, metadata: Json| json!({"FullName": format!("Order__e.{name}"), "Metadata": metadata});
    let number = field("Number__c", json!({"type": "Text", "label": "Number", "length": 80}));
    let (status, made) = web.send(Method::POST, "/tooling/sobjects/CustomField", number).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let lookup =
        field("Who__c", json!({"type": "Lookup", "label": "Who", "referenceTo": "Contact", "relationshipName": "Os"}));
    let (status, refused) = web.send(Method::POST, "/tooling/sobjects/CustomField", lookup).await;
    assert_eq!((status, &refused[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("FIELD_INTEGRITY_EXCEPTION")));

    let (status, body) = web.send(Method::POST, "/sobjects/Order__e", json!({"Number__c": "A-1"})).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let credentials = Credentials { access_token: web.token.clone(), tenant_id: web.org.org_id.clone() };
    let client = connect(&web.org.pubsub_url, credentials).await;
    let mut subscriber = Subscriber::open(client, from_earliest(TOPIC, 10)).await.expect("a subscription");
    let event = subscriber.events(1).await.remove(0);
    assert_eq!(subscriber.decode(&event).await.text("Number__c"), Some("A-1"));
}
