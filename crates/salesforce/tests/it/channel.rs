//! The event channel of a connection.

use std::time::Duration;

use serde_json::json;
use syncline_model::{
    change::RecordEffect,
    connector::{Connector, ConnectorError, PreparedStream, StreamedObject},
};
use syncline_org::{Fault, FaultRule};

use crate::connected::{self, Connected};

const QUERIES: &str = "GET /tooling/query";
const CHANNELS: &str = "/tooling/sobjects/PlatformEventChannel";
const MEMBERS: &str = "/tooling/sobjects/PlatformEventChannelMember";

fn object(name: &str, keys: &[&str]) -> StreamedObject {
    let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
    StreamedObject { object: name.to_owned(), fields: keys.clone(), key_fields: keys }
}

async fn prepare(connected: &Connected, wanted: &[StreamedObject]) -> PreparedStream {
    connected.salesforce.prepare_stream(wanted).await.unwrap()
}

/// The object, of which just that field matters besides its key.
fn with_field(object: StreamedObject, field: &str) -> StreamedObject {
    StreamedObject { fields: vec![field.to_owned()], ..object }
}

/// Members of Syncline's own channel: entity and enriched fields.
fn members(connected: &Connected) -> Vec<(String, Vec<String>)> {
    let handle = connected.org.handle();
    let org = handle.lock();
    let own = org.channel_members().filter(|member| member.metadata.event_channel != "ChangeEvents");
    let mut own: Vec<_> = own
        .map(|member| {
            let enriched = member.metadata.enriched_fields.iter().map(|field| field.name.clone()).collect();
            (member.metadata.selected_entity.clone(), enriched)
        })
        .collect();
    own.sort();
    own
}

fn member(entity: &str, enriched: &[&str]) -> (String, Vec<String>) {
    (entity.to_owned(), enriched.iter().map(|name| (*name).to_owned()).collect())
}

fn refuse(connected: &Connected, method: &str, path: &str, status: u16, code: &str, message: &str) {
    let fault = Fault::Answer {
        status,
        error_code: Some(code.to_owned()),
        message: Some(message.to_owned()),
        after_commit: false,
    };
    connected.org.handle().add_fault(FaultRule {
        method: Some(method.to_owned()),
        path: Some(path.to_owned()),
        object: None,
        skip: 0,
        times: None,
        probability: 1.0,
        fault,
    });
}

fn why<'p>(prepared: &'p PreparedStream, object: &str) -> &'p ConnectorError {
    let error = &prepared.refused[object];
    assert!(error.advice.is_some(), "{error:?}");
    error
}

#[tokio::test]
async fn the_channel_holds_just_what_is_wanted_and_carries_the_keys() {
    let connected = connected::connect().await;
    let wanted = [object("Contact", &["Email"]), object("Account", &["Website", "Id"])];
    let prepared = prepare(&connected, &wanted).await;
    let topic = prepared.topic.clone().unwrap();
    assert!(topic.starts_with("/data/Syncline_") && topic.ends_with("__chn") && prepared.refused.is_empty());
    assert_eq!(
        members(&connected),
        [member("AccountChangeEvent", &["Website"]), member("ContactChangeEvent", &["Email"])]
    );

    let mut stream = connected.salesforce.changes(&topic, None).await.unwrap();
    let lead = connected.create("Lead", json!({"LastName": "Ek", "Company": "Acme"}));
    let contact = connected.contact("a@example.com");
    connected.edit(&contact, json!({"Title": "Boss"}));
    let mut changes = Vec::new();
    while changes.len() < 2 {
        let batch = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap().unwrap().unwrap();
        changes.extend(batch.changes);
    }
    assert!(changes.iter().all(|change| change.record_id != lead));
    // What an event is enriched with did not change, and is as it was when it was delivered: it is no news.
    let RecordEffect::Values { values, .. } = &changes[1].effect else { panic!("{changes:?}") };
    assert_eq!((&values["Title"], values.get("Email")), (&"Boss".into(), None));

    // A second look costs one question.
    let (queries, limits) = (connected.calls(QUERIES), connected.calls("GET /limits"));
    connected.salesforce.report();
    assert_eq!(prepare(&connected, &wanted).await, prepared);
    assert_eq!((connected.calls(QUERIES), connected.calls("GET /limits")), (queries + 1, limits));
    assert_eq!(connected.salesforce.report().calls, 1);

    // Another object, another key, and one object less.
    let wanted = [object("Contact", &["Phone"]), object("Lead", &[])];
    assert_eq!(prepare(&connected, &wanted).await.topic.as_ref(), Some(&topic));
    assert_eq!(members(&connected), [member("ContactChangeEvent", &["Phone"]), member("LeadChangeEvent", &[])]);
    assert_eq!(prepare(&connected, &[]).await, PreparedStream::default());
    assert_eq!(members(&connected), []);
    // What others selected is left alone.
    assert!(connected.org.handle().lock().channel_members().count() >= 5);
}

#[tokio::test]
async fn whoever_comes_second_finds_it_made_and_another_connection_has_its_own() {
    let connected = connected::connect().await;
    let wanted = [object("Contact", &["Email"])];
    let mut settings = connected::settings(&connected.org);
    let again = connected.again(&settings);
    let (first, second) = tokio::join!(connected.salesforce.prepare_stream(&wanted), again.prepare_stream(&wanted));
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(members(&connected), [member("ContactChangeEvent", &["Email"])]);

    "environment 2".clone_into(&mut settings.channel_key);
    let other = connected.again(&settings);
    other.prepare_stream(&[object("Lead", &[])]).await.unwrap();
    other.prepare_stream(&[]).await.unwrap();
    assert_eq!(members(&connected), [member("ContactChangeEvent", &["Email"])]);
}

#[tokio::test]
async fn a_full_allowance_keeps_out_only_what_is_not_in_it() {
    let connected = connected::connect().await;
    // Selected from the start: Account, Contact, Lead, Opportunity and Task.
    let prepared = prepare(&connected, &[object("Contact", &["Email"]), object("Case", &[])]).await;
    assert!(prepared.topic.unwrap().starts_with("/data/Syncline_"));
    assert_eq!(prepared.refused.keys().collect::<Vec<_>>(), ["Case"]);
    assert_eq!(members(&connected), [member("ContactChangeEvent", &["Email"])]);

    connected.org.handle().lock().set_captured_entities_max(None);
    let prepared = prepare(&connected, &[object("Contact", &["Email"]), object("Case", &[])]).await;
    assert!(prepared.refused.is_empty());
}

#[tokio::test]
async fn without_the_permission_the_standard_channel_serves_for_what_is_selected_there() {
    let connected = connected::connect().await;
    refuse(&connected, "POST", CHANNELS, 403, "INSUFFICIENT_ACCESS", "insufficient access rights");
    let prepared = prepare(&connected, &[object("Contact", &["Email"]), object("Case", &[])]).await;
    assert_eq!(prepared.topic.as_deref(), Some("/data/ChangeEvents"));
    assert_eq!(prepared.refused.keys().collect::<Vec<_>>(), ["Case"]);
    assert!(why(&prepared, "Case").advice.unwrap().remedy.contains("Customize Application"));

    // What is selected is not known: nothing is taken for granted.
    refuse(&connected, "GET", "/tooling/query", 403, "INSUFFICIENT_ACCESS", "insufficient access rights");
    let prepared = prepare(&connected, &[object("Contact", &["Email"])]).await;
    assert_eq!(prepared.topic, None);
    why(&prepared, "Contact");

    // The permission came.
    connected.org.handle().set_faults(syncline_org::Faults::default());
    let prepared = prepare(&connected, &[object("Contact", &["Email"])]).await;
    assert!(prepared.topic.unwrap().starts_with("/data/Syncline_"));
}

#[tokio::test]
async fn each_refusal_says_what_would_change_it() {
    let connected = connected::connect().await;
    let prepared = prepare(&connected, &[object("User", &[]), object("Nonsense__c", &[])]).await;
    assert!(prepared.refused.contains_key("Nonsense__c"), "{prepared:?}");
    for (code, message, words) in [
        ("LIMIT_EXCEEDED", "The maximum number of entities is 5", "add-on"),
        ("FUNCTIONALITY_NOT_ENABLED", "no", "Enterprise"),
        ("FIELD_INTEGRITY_EXCEPTION", "The selected entity XChangeEvent isn't valid.", "Nothing"),
        ("SOMETHING_NEW", "no", "own words"),
    ] {
        connected.org.handle().set_faults(syncline_org::Faults::default());
        refuse(&connected, "POST", MEMBERS, 400, code, message);
        let prepared = prepare(&connected, &[object("Case", &[])]).await;
        assert!(why(&prepared, "Case").advice.unwrap().remedy.contains(words), "{code}: {prepared:?}");
        assert_eq!(prepared.topic, None);
    }
    // Trouble of the moment is none of these.
    connected.org.handle().set_faults(syncline_org::Faults::default());
    refuse(&connected, "POST", MEMBERS, 503, "SERVER_UNAVAILABLE", "later");
    assert!(connected.salesforce.prepare_stream(&[object("Case", &[])]).await.is_err());
}

#[tokio::test]
async fn deliveries_are_told_with_the_calls() {
    let connected = connected::connect().await;
    assert_eq!(connected.salesforce.report().deliveries, None);
    prepare(&connected, &[]).await;
    let deliveries = connected.salesforce.report().deliveries.unwrap();
    assert!(deliveries.limit > 0 && deliveries.used <= deliveries.limit);
}

/// (Change Data Capture guide, "Change Events for Person Accounts".)
#[tokio::test]
async fn contacts_are_selected_with_accounts_whose_fields_come_from_them() {
    let connected = connected::connect().await;
    connected.org.handle().lock().enable_person_accounts(0);
    let account = object("Account", &["PersonEmail"]);
    let prepared = prepare(&connected, std::slice::from_ref(&account)).await;
    assert!(prepared.topic.is_some() && prepared.refused.is_empty(), "{prepared:?}");
    assert_eq!(
        members(&connected),
        [member("AccountChangeEvent", &["PersonEmail"]), member("ContactChangeEvent", &[])]
    );
    // Contacts that are mapped themselves stay as they are.
    let both = [account.clone(), object("Contact", &["Email"])];
    prepare(&connected, &both).await;
    assert_eq!(members(&connected)[1], member("ContactChangeEvent", &["Email"]));
    let companies = [with_field(object("Account", &["Website"]), "Phone")];
    prepare(&connected, &companies).await;
    assert_eq!(members(&connected), [member("AccountChangeEvent", &["Website"])]);

    let limit = "The org has reached its limit of selected entities.";
    refuse(&connected, "POST", MEMBERS, 400, "LIMIT_EXCEEDED", limit);
    let prepared = prepare(&connected, &[account]).await;
    assert_eq!(prepared.refused.keys().collect::<Vec<_>>(), ["Account"]);
    let words = why(&prepared, "Account").advice.unwrap();
    assert!(words.cause.contains("where contacts are selected too") && words.remedy.contains("Contact"), "{words:?}");
}
