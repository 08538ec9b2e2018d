//! What can go wrong on the event bus, and what is limited.

use super::*;
use syncline_org::pubsub::{EventAction, StreamEnd};

#[tokio::test]
async fn every_so_many_th_event_comes_twice() {
    let fixture = Fixture::start().await;
    fixture.set_event_faults(EventFaults { duplicate_every: 2, ..EventFaults::default() });
    fixture.create_accounts(5);
    let ids = fixture.replay_ids();
    let expected = [ids[0], ids[1], ids[1], ids[2], ids[3], ids[3], ids[4]];
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 3)).await;
    let mut seen = positions(&subscriber.events(3).await);
    subscriber.ask(10).await;
    seen.extend(positions(&subscriber.events(4).await));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn what_is_committed_in_the_blind_window_of_latest_is_missed() {
    let fixture = Fixture::start_with(impatient()).await;
    fixture.set_event_faults(EventFaults { latest_blind_ms: 3_600_000, ..EventFaults::default() });
    let mut latest = fixture.subscribe(from_latest(ACCOUNTS, 10)).await;
    latest.keepalive().await;
    fixture.create_accounts(1);
    let newest = fixture.replay_ids()[0];
    let deadline = Instant::now() + DEADLINE;
    while position(&latest.keepalive().await.latest_replay_id) != newest {
        assert!(Instant::now() < deadline, "the position moves past what is missed");
    }
    let mut earliest = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
    assert_eq!(positions(&earliest.events(1).await), [newest]);
}

#[tokio::test]
async fn the_org_can_end_streams_in_any_way() {
    let fixture = Fixture::start_with(impatient()).await;
    for how in [StreamEnd::Clean, StreamEnd::Unavailable, StreamEnd::Deaf] {
        let mut subscriber = fixture.subscribe(from_latest(ACCOUNTS, 10)).await;
        subscriber.keepalive().await;
        fixture.org.act_on_events(EventAction::EndStreams { how });
        match how {
            StreamEnd::Clean => assert!(subscriber.rest().await.is_empty()),
            StreamEnd::Unavailable => {
                assert_refused(&subscriber.refusal().await, Code::Unavailable, "service.unavailable");
            }
            StreamEnd::Deaf => {
                subscriber.keepalive().await;
                fixture.create_accounts(1);
                subscriber.keepalive().await;
            }
        }
    }

    fixture.create_accounts(5);
    fixture.set_event_faults(EventFaults { end_stream_after: 3, ..EventFaults::default() });
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
    assert_eq!(subscriber.rest().await.len(), 3);
    fixture.set_event_faults(EventFaults { unavailable: true, ..EventFaults::default() });
    let topic = TopicRequest { topic_name: ACCOUNTS.to_owned() };
    let status = fixture.client().await.get_topic(topic).await.expect_err("everything is down");
    assert_refused(&status, Code::Unavailable, "service.unavailable");
}

#[tokio::test]
async fn a_position_is_no_good_after_its_event_was_forgotten_or_expired_or_the_org_moved() {
    let fixture = Fixture::start().await;
    let corrupted = "subscription.fetch.replayid.corrupted";
    for action in [EventAction::ForgetReplayIds, EventAction::Migrate] {
        fixture.create_accounts(2);
        let known = *fixture.replay_ids().last().expect("events");
        fixture.org.act_on_events(action);
        let mut subscriber = fixture.subscribe(after(ACCOUNTS, &known.to_be_bytes(), 10)).await;
        assert_refused(&subscriber.refusal().await, Code::InvalidArgument, corrupted);
        fixture.create_accounts(1);
        let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
        let kept = positions(&subscriber.events(1).await);
        assert_eq!(kept, fixture.replay_ids());
        assert!(kept[0] > known);
    }

    let old = fixture.replay_ids()[0];
    let clock_skew_ms = 73 * 3600 * 1000;
    let admin = fixture.org.lock().admin_user_id().to_owned();
    fixture.org.set_faults(Faults { clock_skew_ms, ..Faults::default() });
    let access_token = fixture.org.lock().sign_in(&admin, fixture.org.now_ms()).access_token;
    let credentials = Credentials { access_token, ..fixture.credentials() };
    fixture.create_accounts(1);
    let client = fixture.client_with(credentials).await;
    let mut subscriber = Subscriber::open(client, after(ACCOUNTS, &old.to_be_bytes(), 10)).await.expect("a stream");
    assert_refused(&subscriber.refusal().await, Code::InvalidArgument, corrupted);
}

#[tokio::test]
async fn a_position_from_before_the_first_event_leads_to_it() {
    let fixture = Fixture::start_with(impatient()).await;
    let mut subscriber = fixture.subscribe(from_latest(ACCOUNTS, 10)).await;
    let anchor = subscriber.keepalive().await.latest_replay_id;
    fixture.create_accounts(2);
    let mut resumed = fixture.subscribe(after(ACCOUNTS, &anchor, 10)).await;
    assert_eq!(positions(&resumed.events(2).await), fixture.replay_ids());
}

#[tokio::test]
async fn deliveries_of_all_subscribers_together_are_limited() {
    let fixture = Fixture::start().await;
    fixture.org.act_on_events(EventAction::SetDailyDeliveriesMax { events: Some(5) });
    fixture.create_accounts(4);
    let mut first = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
    first.events(4).await;
    let mut second = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
    second.events(1).await;
    let status = second.refusal().await;
    assert_refused(&status, Code::ResourceExhausted, "subscription.limit.exceeded");
    assert!(status.message().starts_with("You have exceeded the event delivery limit for your org."));
    fixture.create_accounts(1);
    assert_refused(&first.refusal().await, Code::ResourceExhausted, "subscription.limit.exceeded");

    // A Developer Edition org has a limit of its own, and what was delivered counts towards it.
    fixture.org.act_on_events(EventAction::SetDailyDeliveriesMax { events: None });
    let now_ms = fixture.org.now_ms();
    assert_eq!(fixture.org.lock().daily_deliveries(now_ms), (5, 10_000));
}

#[tokio::test]
async fn so_many_streams_may_be_open_and_no_more() {
    let fixture = Fixture::start().await;
    fixture.set_event_faults(EventFaults { streams_max: Some(1), ..EventFaults::default() });
    fixture.create_accounts(1);
    let mut subscriber = fixture.subscribe(from_earliest(ACCOUNTS, 10)).await;
    subscriber.events(1).await;
    let refused = Subscriber::open(fixture.client().await, from_earliest(ACCOUNTS, 10)).await;
    let status = refused.err().expect("one stream is open");
    assert_refused(&status, Code::ResourceExhausted, "concurrent.client.limit.exceeded");

    drop(subscriber);
    let deadline = Instant::now() + DEADLINE;
    while Subscriber::open(fixture.client().await, from_earliest(ACCOUNTS, 10)).await.is_err() {
        assert!(Instant::now() < deadline, "a stream that was left makes place");
    }
}
