//! A subscriber gets what its user may read.

use super::*;

#[tokio::test]
async fn fields_that_the_user_may_not_read_are_left_out() {
    let fixture = Fixture::start().await;
    let contact = fixture.create("Contact", json!({"LastName": "Roe", "Title": "Analyst", "Department": "Sales"}));
    fixture.update(&contact, json!({"Title": null, "Department": "Support"}));
    let credentials = fixture.session_of_user_who(&["Contact"], &["Contact.Department"]);
    let client = fixture.client_with(credentials).await;
    let mut subscriber = Subscriber::open(client, from_earliest(CONTACTS, 10)).await.expect("a subscription");
    let events = subscriber.events(2).await;
    let created = subscriber.decode(&events[0]).await;
    assert_eq!((created.text("Title"), created.text("Department")), (None, Some("Sales")));
    let updated = subscriber.decode(&events[1]).await;
    assert_eq!(updated.text("Department"), Some("Support"));
    assert_eq!(updated.changed_bitmap(), updated.places(&["Department", "LastModifiedDate"]));
    assert_eq!(*updated.header("nulledFields"), Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_topic_of_one_object_is_refused_and_one_of_many_filtered() {
    let fixture = Fixture::start().await;
    fixture.create_accounts(1);
    fixture.create("Contact", json!({"LastName": "Roe"}));
    let credentials = fixture.session_of_user_who(&["Contact"], &[]);
    let client = || fixture.client_with(credentials.clone());

    let mut subscriber = Subscriber::open(client().await, from_earliest(ACCOUNTS, 10)).await.expect("a stream");
    assert_refused(&subscriber.refusal().await, Code::PermissionDenied, "topic.access.denied");
    let topic = |name: &str| TopicRequest { topic_name: name.to_owned() };
    let info = client().await.get_topic(topic(ACCOUNTS)).await.expect("a topic").into_inner();
    assert!(!info.can_subscribe);
    let info = client().await.get_topic(topic(CONTACTS)).await.expect("a topic").into_inner();
    assert!(info.can_subscribe);

    let mut subscriber = Subscriber::open(client().await, from_earliest(EVERYTHING, 10)).await.expect("a stream");
    let events = subscriber.events(1).await;
    assert_eq!(positions(&events), fixture.replay_ids()[1..]);
}
