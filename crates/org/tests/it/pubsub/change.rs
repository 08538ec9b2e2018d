//! The kinds of changes: gaps, overflows, wildcards, merged events, differences of long texts, schemas in transition.

use super::*;
use syncline_org::pubsub::EventAction;

#[tokio::test]
async fn the_next_commits_of_an_object_may_be_gaps() {
    let fixture = Fixture::start().await;
    let contact = fixture.create("Contact", json!({"LastName": "Roe"}));
    fixture.org.act_on_events(EventAction::MakeGaps { object: "Contact".to_owned(), commits: 4 });
    fixture.create("Contact", json!({"LastName": "Poe"}));
    fixture.update(&contact, json!({"Title": "Director"}));
    fixture.delete(&contact);
    fixture.write(Write::Undelete { id: contact.clone() });
    fixture.update(&contact, json!({"Title": "Chief"}));

    let mut subscriber = fixture.subscribe(from_earliest(CONTACTS, 10)).await;
    let events = subscriber.events(6).await;
    let mut seen = Vec::new();
    for event in &events[1..5] {
        let gap = subscriber.decode(event).await;
        assert!(gap.populated().is_empty());
        seen.push(gap.change_type().to_owned());
    }
    assert_eq!(seen, ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"]);
    let last = subscriber.decode(&events[5]).await;
    assert_eq!((last.change_type(), last.text("Title")), ("UPDATE", Some("Chief")));
}

#[tokio::test]
async fn what_is_beyond_the_most_changes_of_a_transaction_is_one_overflow_for_each_object() {
    let fixture = Fixture::start().await;
    fixture.org.act_on_events(EventAction::SetOverflowAfter { changes: 3 });
    let create = |object: &str, values: Json| Write::Create {
        object: object.to_owned(),
        values: values.as_object().expect("an object").clone(),
    };
    let accounts = (0..4).map(|number| create("Account", json!({"Name": format!("Company {number}")})));
    let contacts = (0..2).map(|number| create("Contact", json!({"LastName": format!("Roe {number}")})));
    fixture.write_together(accounts.chain(contacts).collect());

    let mut subscriber = fixture.subscribe(from_earliest(EVERYTHING, 10)).await;
    let events = subscriber.events(5).await;
    let mut told = Vec::new();
    for event in &events {
        let event = subscriber.decode(event).await;
        let Value::String(entity) = event.header("entityName") else { panic!("a text") };
        told.push((entity.clone(), event.change_type().to_owned(), event.record_ids()[0] == "000000000000000AAA"));
    }
    let told: Vec<_> = told.iter().map(|(entity, kind, is_none)| (entity.as_str(), kind.as_str(), *is_none)).collect();
    let account = ("Account", "CREATE", false);
    let overflow = |entity| (entity, "GAP_OVERFLOW", true);
    assert_eq!(told, [account, account, account, overflow("Account"), overflow("Contact")]);
}

#[tokio::test]
async fn a_converted_field_is_told_with_a_wildcard_for_ids() {
    let fixture = Fixture::start().await;
    fixture.org.act_on_events(EventAction::AnnounceConversion { object: "account".to_owned() });
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
    let event = subscriber.events(1).await.remove(0);
    let event = subscriber.decode(&event).await;
    assert_eq!((event.change_type(), event.record_ids()), ("GAP_UPDATE", vec!["001*"]));
}

#[tokio::test]
async fn the_same_change_to_several_records_of_a_transaction_is_told_once() {
    let fixture = Fixture::start().await;
    let ids: Vec<String> =
        (0..3).map(|number| fixture.create("Contact", json!({"LastName": format!("Roe {number}")}))).collect();
    let title = |id: &str, title: &str| Write::Update {
        object: None,
        id: id.to_owned(),
        values: json!({"Title": title}).as_object().expect("an object").clone(),
    };
    fixture.write_together(vec![title(&ids[0], "Chief"), title(&ids[1], "Analyst"), title(&ids[2], "Chief")]);
    let mut subscriber = fixture.subscribe(from_earliest(CONTACTS, 10)).await;
    let events = subscriber.events(5).await;
    let merged = subscriber.decode(&events[3]).await;
    assert_eq!((merged.record_ids(), merged.text("Title")), (vec![ids[0].as_str(), &ids[2]], Some("Chief")));
    let single = subscriber.decode(&events[4]).await;
    assert_eq!((single.record_ids(), single.text("Title")), (vec![ids[1].as_str()], Some("Analyst")));
}

#[tokio::test]
async fn a_long_text_is_told_by_its_difference_and_named_so() {
    let fixture = Fixture::start().await;
    let lines: Vec<String> = (0..40).map(|line| format!("This is line {line} of a rather long description.")).collect();
    let mut changed = lines.clone();
    changed[20] = "This line is another.".to_owned();
    let account = fixture.create("Account", json!({"Name": "Acme", "Description": lines.join("\n")}));
    fixture.update(&account, json!({"Description": changed.join("\n")}));

    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
    let events = subscriber.events(2).await;
    let created = subscriber.decode(&events[0]).await;
    assert_eq!(created.text("Description"), Some(lines.join("\n").as_str()));
    assert_eq!(*created.header("diffFields"), Value::Array(Vec::new()));
    let updated = subscriber.decode(&events[1]).await;
    let text = updated.text("Description").expect("a difference");
    let expected = format!("\n@@ -21,1 +21,1 @@\n-{}\n+{}", lines[20], changed[20]);
    assert!(text.starts_with("--- \n+++ ") && text.ends_with(&expected), "{text}");
    let Value::Array(entries) = updated.header("diffFields") else { panic!("an array") };
    let place = format!("0x{:x}", updated.places(&["Description"]));
    let [Value::String(entry)] = entries.as_slice() else { panic!("one entry: {entries:?}") };
    assert_eq!(u128::from_str_radix(&entry[2..], 16), u128::from_str_radix(&place[2..], 16));
}

#[tokio::test]
async fn for_a_while_events_may_come_in_the_schema_from_before() {
    let fixture = Fixture::start().await;
    let contact = fixture.create("Contact", json!({"LastName": "Roe"}));
    let mut subscriber = fixture.subscribe(from_earliest(CONTACTS, 10)).await;
    let first = subscriber.events(1).await.remove(0);
    let field = FieldSchema::text("Plan__c", "Plan", 255);
    fixture.org.lock().add_custom_field("Contact", field).expect("a new field");
    fixture.set_event_faults(EventFaults { old_schema_every: 2, ..EventFaults::default() });
    for plan in ["a", "b", "c"] {
        fixture.update(&contact, json!({"Plan__c": plan, "Title": plan}));
    }
    let events = subscriber.events(3).await;
    let schema_id = |event: &ConsumerEvent| event.event.as_ref().expect("a body").schema_id.clone();
    assert_eq!((schema_id(&events[0]), schema_id(&events[2])), (schema_id(&first), schema_id(&first)));
    assert_ne!(schema_id(&events[1]), schema_id(&first));
    let old = subscriber.decode(&events[0]).await;
    assert_eq!(old.text("Title"), Some("a"));
    assert_eq!(old.changed_bitmap(), old.places(&["Title", "LastModifiedDate"]));
    assert_eq!(subscriber.decode(&events[1]).await.text("Plan__c"), Some("b"));
}
