//! Describe, find, read and write.

use serde_json::json;
use syncline_model::{
    Number, Value,
    connector::{Connector, ErrorKind, RecordWrite},
    schema::FieldType,
};
use syncline_org::core::Write;

use crate::connected::{self, Connected};

const QUERY_CALLS: &str = "GET /query";
const WRITE_CALLS: &str = "PATCH /composite/sobjects";

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn write(object: &str, id: &str, values: &[(&str, Value)]) -> RecordWrite {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    RecordWrite { object: object.to_owned(), id: id.to_owned(), values }
}

#[tokio::test]
async fn describe_tells_types_lengths_and_what_may_be_written() {
    let connected = connected::connect().await;
    let schema = connected.salesforce.describe("Contact").await.unwrap();
    let email = schema.field("email").unwrap();
    assert_eq!((email.field_type, email.length, email.updateable), (FieldType::Email, Some(80), true));
    let name = schema.field("Name").unwrap();
    assert!(!name.updateable);
    assert_eq!(schema.field("AccountId").unwrap().reference_to, ["Account"]);
    assert_eq!(schema.field("Birthdate").unwrap().field_type, FieldType::Date);
    assert_eq!(schema.field("SystemModstamp").unwrap().field_type, FieldType::DateTime);

    for hopeless in ["Nonsense", "Contact/x", ""] {
        assert!(connected.salesforce.describe(hopeless).await.is_err(), "{hopeless}");
    }
    let usage = connected.salesforce.report().usage.unwrap();
    assert!(usage.used >= 1 && usage.limit >= usage.used, "{usage:?}");
}

#[tokio::test]
async fn a_thousand_keys_take_three_calls() {
    let connected = connected::connect().await;
    let emails: Vec<_> = (0..1000).map(|n| format!("person.number.{n}@example.com")).collect();
    let ids: Vec<_> = emails.iter().step_by(4).map(|email| connected.contact(email)).collect();
    let found = connected.salesforce.find("Contact", "Email", &emails, &texts(&["LastName"])).await.unwrap();
    assert_eq!(found.len(), 250);
    assert_eq!(connected.calls(QUERY_CALLS), 3, "{:?}", connected.org.handle().ledger().report().counts);
    let mut read: Vec<_> = found.iter().map(|record| record.id.clone()).collect();
    let mut made = ids;
    read.sort();
    made.sort();
    assert_eq!(read, made);
    assert!(found.iter().all(|record| record.values["LastName"] == "Ek".into() && record.object == "Contact"));
    assert!(found.iter().all(|record| record.modstamp >= record.created_at));
}

#[tokio::test]
async fn more_than_a_page_of_rows_is_read_to_the_end() {
    let connected = connected::connect().await;
    for _ in 0..2_100 {
        connected.contact("same@example.com");
    }
    let found = connected.salesforce.find("Contact", "Email", &texts(&["same@example.com"]), &[]).await.unwrap();
    assert_eq!(found.len(), 2_100);
}

#[tokio::test]
async fn hostile_keys_find_what_has_them_and_nothing_else() {
    let connected = connected::connect().await;
    let hostile = ["o'Brien \\ \"x\"", "' OR LastName != '", "50%_", "tab\there", "a,b) OR (Id != null"];
    for name in hostile {
        connected.create("Contact", json!({"LastName": name}));
    }
    connected.create("Contact", json!({"LastName": "Bystander"}));
    for name in hostile {
        let found = connected.salesforce.find("Contact", "LastName", &texts(&[name]), &[]).await.unwrap();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].values["LastName"], name.into());
    }
    let error = connected.salesforce.find("Contact", "Id FROM User--", &texts(&["x"]), &[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misconfigured);
    assert!(connected.salesforce.find("Contact", "Email", &[], &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_read_leaves_out_what_is_gone() {
    let connected = connected::connect().await;
    let (kept, gone) = (connected.contact("kept@example.com"), connected.contact("gone@example.com"));
    connected.commit(Write::Delete { object: None, id: gone.clone() });
    let ids = [kept[..15].to_owned(), gone, "not an id".to_owned()];
    let read = connected.salesforce.read("Contact", &ids, &texts(&["Email", "Birthdate"])).await.unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].id, kept);
    assert_eq!(read[0].values["Email"], "kept@example.com".into());
    assert_eq!(read[0].values["Birthdate"], Value::Null);
}

async fn values_of(connected: &Connected, object: &str, id: &str, fields: &[&str]) -> syncline_model::Values {
    connected.salesforce.read(object, &texts(&[id]), &texts(fields)).await.unwrap().remove(0).values
}

#[tokio::test]
async fn a_write_succeeds_in_parts_and_tells_each_record_its_outcome() {
    let connected = connected::connect().await;
    let contact = connected.contact("a@example.com");
    let other = connected.contact("b@example.com");
    let gone = connected.contact("c@example.com");
    connected.commit(Write::Delete { object: None, id: gone.clone() });
    let account = connected.create("Account", json!({"Name": "Acme"}));
    let day = Value::DateTime("1990-02-03T00:00:00Z".parse().unwrap());

    let outcomes = connected
        .salesforce
        .write(&[
            write("Contact", &contact, &[("Title", "Boss".into()), ("Birthdate", day.clone())]),
            write("Account", &account, &[("NumberOfEmployees", Value::Number(Number::new(12.0).unwrap()))]),
            write("Contact", &other, &[("Email", "no address".into())]),
            write("Contact", &gone, &[("Title", "Ghost".into())]),
            write("Contact", &other, &[("Nonsense__c", "x".into())]),
            write("Contact", "nonsense", &[("Title", "x".into())]),
            write("Contact", &other, &[("Email", Value::Null)]),
        ])
        .await
        .unwrap();
    let kinds: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().map_err(|error| error.kind).copied()).collect();
    assert_eq!(
        kinds,
        [
            Ok(()),
            Ok(()),
            Err(ErrorKind::FieldRejected),
            Err(ErrorKind::RecordGone),
            Err(ErrorKind::SchemaChanged),
            Err(ErrorKind::RecordRejected),
            Ok(())
        ],
        "{outcomes:?}"
    );
    assert_eq!(outcomes[2].as_ref().unwrap_err().fields, ["Email"]);
    assert_eq!(connected.calls(WRITE_CALLS), 1);

    let values = values_of(&connected, "Contact", &contact, &["Title", "Birthdate"]).await;
    assert_eq!((&values["Title"], &values["Birthdate"]), (&"Boss".into(), &day));
    assert_eq!(values_of(&connected, "Contact", &other, &["Email"]).await["Email"], Value::Null);
    let employees = &values_of(&connected, "Account", &account, &["NumberOfEmployees"]).await["NumberOfEmployees"];
    assert_eq!(employees, &Value::Number(Number::new(12.0).unwrap()));
}

#[tokio::test]
async fn two_hundred_records_are_one_call() {
    let connected = connected::connect().await;
    let writes: Vec<_> = (0..connected.salesforce.max_writes())
        .map(|n| {
            write(
                "Contact",
                &connected.contact(&format!("p{n}@example.com")),
                &[("Title", format!("T{n}").as_str().into())],
            )
        })
        .collect();
    let outcomes = connected.salesforce.write(&writes).await.unwrap();
    assert_eq!(outcomes.len(), 200);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(connected.calls(WRITE_CALLS), 1);
    assert!(connected.salesforce.write(&[]).await.unwrap().is_empty());
}
