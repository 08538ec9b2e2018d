//! Subscriptions to change events: where they begin, what they bring, credits, and how they end.

use super::*;

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
    let topic = TopicRequest { topic_name: ACCOUNTS.to_owned() };
    fixture.client().await.get_topic(topic).await.expect("the administrator is no stranger");
    let report = fixture.org.ledger().report();
    let (admitted, refused) = report.recent.split_last().expect("calls were made");
    let administrator = fixture.org.lock().admin_user_id().to_owned();
    assert_eq!((&admitted.user_id, &admitted.error_code), (&Some(administrator), &None));
    let error_code = Some("sfdc.platform.eventbus.grpc.service.auth.error".to_owned());
    assert!(refused.iter().all(|call| call.error_code == error_code && call.user_id.is_none()), "{refused:?}");
}

#[tokio::test]
async fn a_stream_ends_when_its_session_did() {
    let fixture = Fixture::start_with(impatient()).await;
    let mut idle = fixture.subscribe(from_latest(ACCOUNTS, 10)).await;
    idle.keepalive().await;
    let mut busy = fixture.subscribe(from_earliest(CONTACTS, 10)).await;
    fixture.org.lock().end_all_sessions();
    fixture.create("Contact", json!({"LastName": "Roe"}));
    for subscriber in [&mut idle, &mut busy] {
        assert_refused(&subscriber.refusal().await, Code::Unauthenticated, "service.auth.error");
        let topic = TopicRequest { topic_name: ACCOUNTS.to_owned() };
        let status = subscriber.client.get_topic(topic).await.expect_err("the session has ended");
        assert_refused(&status, Code::Unauthenticated, "service.auth.error");
    }
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
