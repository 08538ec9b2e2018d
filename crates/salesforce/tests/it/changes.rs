//! The change stream.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use syncline_model::{
    Value,
    change::{ChangeBatch, Position, RecordChange, RecordEffect},
    connector::{ChangeStream, Connector, ConnectorError, ErrorKind},
};
use syncline_org::core::Write;
use syncline_salesforce::{CredentialStore, Salesforce};

use crate::connected::{self, Connected};

async fn next(stream: &mut Box<dyn ChangeStream>) -> Result<ChangeBatch, ConnectorError> {
    let next = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
    next.expect("something comes in time").map(|batch| batch.expect("the stream is open"))
}

/// Reads until there are as many changes as that; with them, the position behind all but the last.
async fn take(stream: &mut Box<dyn ChangeStream>, count: usize) -> (Vec<RecordChange>, Option<Position>) {
    let (mut changes, mut position) = (Vec::new(), None);
    while changes.len() < count {
        let batch = next(stream).await.unwrap();
        assert!(batch.resync_objects.is_empty(), "{batch:?}");
        changes.extend(batch.changes);
        position = batch.position.or(position);
    }
    assert_eq!(changes.len(), count, "{changes:?}");
    (changes, position)
}

/// Reads until somebody has that title; what came last before a stream was resumed comes again.
async fn take_until(stream: &mut Box<dyn ChangeStream>, title: &str) -> (Vec<RecordChange>, Option<Position>) {
    let wanted = values(&[("Title", title.into())]);
    let (mut changes, mut position) = (Vec::new(), None);
    while !changes.iter().any(|change| told(change) == wanted) {
        let batch = next(stream).await.unwrap();
        changes.extend(batch.changes);
        position = batch.position.or(position);
    }
    (changes, position)
}

fn values(pairs: &[(&str, Value)]) -> RecordEffect {
    let values = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    RecordEffect::Values { values, complete: false }
}

/// What an effect says apart from the fields that every change moves.
fn told(change: &RecordChange) -> RecordEffect {
    let RecordEffect::Values { mut values, complete } = change.effect.clone() else { return change.effect.clone() };
    values.retain(|name, _| !name.starts_with("LastModified"));
    RecordEffect::Values { values, complete }
}

async fn open(connected: &Connected, from: Option<&Position>) -> Box<dyn ChangeStream> {
    connected.salesforce.changes("/data/ChangeEvents", from).await.unwrap()
}

#[tokio::test]
async fn an_edit_arrives_with_just_what_it_changed() {
    let connected = connected::connect().await;
    let id = connected.create("Contact", json!({"LastName": "Ek", "Email": "a@example.com", "Title": "Boss"}));
    let mut stream = open(&connected, None).await;
    let (created, _) = take(&mut stream, 1).await;
    let RecordEffect::Values { values: all, complete: true } = &created[0].effect else { panic!("{created:?}") };
    assert_eq!(created[0].record_id, id);
    for (name, value) in
        [("Id", id.as_str()), ("LastName", "Ek"), ("Name", "Ek"), ("Email", "a@example.com"), ("Title", "Boss")]
    {
        assert_eq!(all.get(name), Some(&value.into()), "{name} in {all:?}");
    }

    connected.edit(
        &id,
        json!({"Birthdate": "1990-02-03", "Title": null, "MailingCity": "Aarhus", "Email": "b@example.com"}),
    );
    connected.edit(&id, json!({"FirstName": "Ann", "LastName": "Lund"}));
    connected.edit(&id, json!({"FirstName": "Bo"}));
    connected.commit(Write::Delete { object: None, id: id.clone() });
    let (changes, _) = take(&mut stream, 4).await;
    assert!(changes.iter().all(|change| change.record_id == id && change.object == "Contact"));
    assert!(changes.is_sorted_by_key(|change| change.commit.order()));
    let birthdate = Value::DateTime("1990-02-03T00:00:00Z".parse().unwrap());
    let edited = [
        ("Birthdate", birthdate),
        ("Title", Value::Null),
        ("MailingCity", "Aarhus".into()),
        ("Email", "b@example.com".into()),
    ];
    assert_eq!(told(&changes[0]), values(&edited));
    let named = [("FirstName", "Ann".into()), ("LastName", "Lund".into()), ("Name", "Ann Lund".into())];
    assert_eq!(told(&changes[1]), values(&named));
    assert_eq!(changes[2].effect, RecordEffect::Unknown);
    assert_eq!(changes[3].effect, RecordEffect::Gone);
}

#[tokio::test]
async fn a_change_equals_what_a_read_tells() {
    let connected = connected::connect().await;
    let id = connected.create("Account", json!({"Name": "Acme"}));
    let mut stream = open(&connected, None).await;
    take(&mut stream, 1).await;
    let fields = json!({"NumberOfEmployees": 12, "AnnualRevenue": 1250.5, "Website": "acme.example", "BillingCity": "Aarhus",
        "Industry": "Energy", "Name": "Acme Corp", "Description": "Line one\nline two"});
    connected.edit(&id, fields.clone());
    let (changes, _) = take(&mut stream, 1).await;
    let names: Vec<_> = fields.as_object().unwrap().keys().cloned().collect();
    let mut read = connected.salesforce.read("Account", &[id], &names).await.unwrap().remove(0).values;
    read.remove("Id");
    assert_eq!(told(&changes[0]), RecordEffect::Values { values: read, complete: false });
}

#[tokio::test]
async fn a_stream_resumes_behind_its_position() {
    let connected = connected::connect().await;
    let id = connected.contact("a@example.com");
    connected.edit(&id, json!({"Title": "first"}));
    let mut stream = open(&connected, None).await;
    let (_, position) = take(&mut stream, 2).await;
    drop(stream);
    for n in 0..1_000 {
        connected.edit(&id, json!({"Title": format!("T{n}")}));
    }
    let mut stream = open(&connected, position.as_ref()).await;
    let (mut changes, position) = take(&mut stream, 1_001).await;
    assert_eq!(told(&changes.remove(0)), values(&[("Title", "first".into())]));
    let titles: Vec<_> = changes.iter().map(told).collect();
    assert!((0..1_000).all(|n| titles[n] == values(&[("Title", format!("T{n}").as_str().into())])));
    drop(stream);

    let mut stream = open(&connected, position.as_ref()).await;
    connected.edit(&id, json!({"Title": "last"}));
    let (changes, _) = take(&mut stream, 2).await;
    assert_eq!(told(&changes[1]), values(&[("Title", "last".into())]));
}

#[tokio::test]
async fn dropping_a_wait_loses_nothing() {
    let connected = connected::connect().await;
    let id = connected.contact("a@example.com");
    let mut stream = open(&connected, None).await;
    take(&mut stream, 1).await;
    let mut seen = 0;
    for n in 0..40 {
        connected.edit(&id, json!({"Title": format!("T{n}")}));
        if let Ok(batch) = tokio::time::timeout(Duration::from_micros(300), stream.next()).await {
            seen += batch.unwrap().unwrap().changes.len();
        }
    }
    if seen < 40 {
        take(&mut stream, 40 - seen).await;
    }
}

#[tokio::test]
async fn an_unknown_position_is_lost_and_never_skipped() {
    let connected = connected::connect().await;
    connected.contact("a@example.com");
    for unknown in [vec![0xff; 8], vec![1, 2, 3], b"not a position".to_vec()] {
        let lost = match connected.salesforce.changes("/data/ChangeEvents", Some(&Position(unknown))).await {
            Ok(mut stream) => next(&mut stream).await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(lost.kind, ErrorKind::PositionLost, "{lost}");
    }
}

#[tokio::test]
async fn a_session_that_ends_in_mid_stream_is_renewed_and_nothing_is_missed() {
    let connected = connected::connect().await;
    let id = connected.contact("a@example.com");
    let mut stream = open(&connected, None).await;
    take(&mut stream, 1).await;

    connected.end_sessions();
    // The first event of an object takes a call for its schema, which meets the ended session.
    let account = connected.create("Account", json!({"Name": "Acme"}));
    connected.edit(&id, json!({"Title": "Boss"}));
    let (changes, position) = take_until(&mut stream, "Boss").await;
    assert!(changes.iter().any(|change| change.record_id == account));
    drop(stream);

    connected.end_sessions();
    let mut stream = open(&connected, position.as_ref()).await;
    connected.edit(&id, json!({"Title": "Chief"}));
    take_until(&mut stream, "Chief").await;
    assert_eq!(connected.calls("POST /services/oauth2/token"), 2);
}

#[tokio::test]
async fn the_stream_works_over_tls_with_an_authority_of_ones_own() {
    let connected = connected::connect().await;
    let mut settings = connected::settings(&connected.org);
    settings.pubsub.url = format!("https://localhost:{}", connected.org.pubsub_tls.port());
    settings.extra_ca = Some(connected.org.ca_pem.clone().into_bytes());
    let store: Arc<dyn CredentialStore> = connected.drawer.clone();
    let salesforce =
        Salesforce::connect(&settings, &connected.granted.identity, store.clone(), connected::clock()).unwrap();
    let mut stream = salesforce.changes("/data/ChangeEvents", None).await.unwrap();
    connected.contact("a@example.com");
    take(&mut stream, 1).await;

    settings.extra_ca = None;
    let distrustful = Salesforce::connect(&settings, &connected.granted.identity, store, connected::clock()).unwrap();
    let Err(error) = distrustful.changes("/data/ChangeEvents", None).await else {
        panic!("an unknown authority was trusted")
    };
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_told_when_opening() {
    let connected = connected::connect().await;
    let opened = connected.salesforce.changes("/data/NonsenseChangeEvent", None).await;
    let Err(error) = opened else { panic!("the topic was found") };
    assert_eq!(error.kind, ErrorKind::Misconfigured, "{error}");
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_given_up() {
    let connected = connected::connect().await;
    let mut settings = connected::settings(&connected.org);
    settings.pubsub.silence_limit = Duration::from_millis(200);
    let store: Arc<dyn CredentialStore> = connected.drawer.clone();
    let salesforce = Salesforce::connect(&settings, &connected.granted.identity, store, connected::clock()).unwrap();
    let mut stream = salesforce.changes("/data/ChangeEvents", None).await.unwrap();
    let error = next(&mut stream).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.contains("silent"), "{error}");
}

#[tokio::test]
async fn a_closed_org_ends_the_stream_in_good_order() {
    let connected = connected::connect().await;
    let mut stream = open(&connected, None).await;
    connected.contact("a@example.com");
    take(&mut stream, 1).await;
    connected.org.shutdown().await;
    let end = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap();
    assert!(matches!(end, Ok(None)) || end.is_err_and(|error| error.kind == ErrorKind::Transient));
}
