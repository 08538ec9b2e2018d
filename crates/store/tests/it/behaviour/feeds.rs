//! How changes of each object are noticed, and what reads find.

use syncline_model::{
    change::{Position, RecordEffect, RecordedChanges},
    feed::{Feed, FeedWay, NewestChange},
    mapping::MatchKey,
    record::Record,
    store::Signal,
    work::Lane,
};

use crate::world::{Mapped, NODE, START_MS, TTL_MS, World, at, batch, change, news, record, values};

const SWEEP: &str = "sweep/Contact";

fn feed(object: &str, way: FeedWay, reason: Option<&str>, since_ms: i64) -> Feed {
    Feed {
        object: object.into(),
        way,
        reason: reason.map(str::to_owned),
        since: at(since_ms),
        expected_delay_ms: 2_000,
        last_change_at: None,
        last_delay_ms: None,
    }
}

fn newest(object: &str, commit_ms: i64, delay_ms: i64) -> NewestChange {
    NewestChange { object: object.into(), commit_ms, delay_ms }
}

fn sweep(reads: Vec<Record>, gone: &[&str]) -> RecordedChanges {
    let gone = gone.iter().map(|id| ("Contact".to_owned(), (*id).to_owned())).collect();
    RecordedChanges { stream: SWEEP.into(), reads, gone, ..RecordedChanges::default() }
}

fn read(id: &str, pairs: &[(&str, &str)], modified_ms: i64) -> Record {
    Record { modstamp: at(modified_ms), ..record(id, pairs) }
}

async fn swept(linked: &Mapped, reads: Vec<Record>, gone: &[&str]) -> Vec<(String, String)> {
    linked.world.store.record_changes(&linked.lease, &sweep(reads, gone)).await.unwrap()
}

pub(crate) async fn a_feed_that_goes_on_as_it_was_keeps_its_time_and_what_was_noted(world: World) {
    let mapped = world.mapped().await;
    let store = &mapped.world.store;
    let first = [feed("Contact", FeedWay::Stream, None, 5), feed("Account", FeedWay::Polling, Some("no channel"), 6)];
    let view = mapped.world.count(Signal::View).await;
    store.save_feeds(&mapped.lease, &first).await.unwrap();
    assert!(mapped.world.count(Signal::View).await > view);
    assert_eq!(store.feeds(mapped.connection).await.unwrap(), [first[1].clone(), first[0].clone()]);

    let changes =
        RecordedChanges { newest: vec![newest("Contact", 70, 9), newest("Lead", 80, 1)], ..batch(Vec::new()) };
    mapped.take_in(changes).await;
    let noted = |feed: Feed| Feed { last_change_at: Some(at(70)), last_delay_ms: Some(9), ..feed };
    let view = mapped.world.count(Signal::View).await;
    let slower = Feed { expected_delay_ms: 900_000, ..feed("Contact", FeedWay::Stream, None, 50) };
    store.save_feeds(&mapped.lease, std::slice::from_ref(&slower)).await.unwrap();
    assert!(mapped.world.count(Signal::View).await > view);
    let slower = noted(Feed { since: at(5), ..slower });
    assert_eq!(store.feeds(mapped.connection).await.unwrap(), std::slice::from_ref(&slower));

    // The same again shows nowhere.
    let view = mapped.world.count(Signal::View).await;
    store.save_feeds(&mapped.lease, std::slice::from_ref(&slower)).await.unwrap();
    assert_eq!(mapped.world.count(Signal::View).await, view);
    for changed in
        [feed("Contact", FeedWay::Stream, Some("late"), 60), feed("Contact", FeedWay::Polling, Some("late"), 70)]
    {
        store.save_feeds(&mapped.lease, std::slice::from_ref(&changed)).await.unwrap();
        assert_eq!(store.feeds(mapped.connection).await.unwrap(), [noted(changed)]);
    }
}

pub(crate) async fn an_older_change_is_not_the_newest(world: World) {
    let mapped = world.mapped().await;
    let store = &mapped.world.store;
    store.save_feeds(&mapped.lease, &[feed("Contact", FeedWay::Stream, None, 5)]).await.unwrap();
    mapped.take_in(RecordedChanges { newest: vec![newest("Contact", 70, 9)], ..batch(Vec::new()) }).await;
    mapped.take_in(RecordedChanges { newest: vec![newest("Contact", 60, 500)], ..sweep(Vec::new(), &[]) }).await;
    let feed = store.feeds(mapped.connection).await.unwrap().remove(0);
    assert_eq!((feed.last_change_at, feed.last_delay_ms), (Some(at(70)), Some(9)));
    let stream = store.connection(mapped.world.environment).await.unwrap().unwrap().stream;
    assert_eq!((stream.last_event_at, stream.last_delay_ms), (Some(at(70)), Some(9)));
}

pub(crate) async fn disconnecting_forgets_feeds_and_sweeps(world: World) {
    let mapped = world.mapped().await;
    let store = &mapped.world.store;
    store.save_feeds(&mapped.lease, &[feed("Contact", FeedWay::Stream, None, 5)]).await.unwrap();
    mapped.take_in(RecordedChanges { position: Some(Position(vec![1])), ..sweep(Vec::new(), &[]) }).await;
    assert_eq!(store.position(mapped.connection, SWEEP).await.unwrap(), Some(Position(vec![1])));
    store.disconnect(mapped.connection).await.unwrap();
    assert!(store.feeds(mapped.connection).await.unwrap().is_empty());
    assert_eq!(store.position(mapped.connection, SWEEP).await.unwrap(), None);
}

pub(crate) async fn a_read_that_finds_a_copy_otherwise_marks_the_linked_and_is_told(world: World) {
    let linked = world.linked().await;
    let work = linked.world.count(Signal::Work).await;
    let other = read("003X", &[("Title", "CEO")], START_MS);
    let missed = swept(&linked, vec![read("003A", &[("Title", "CEO")], START_MS), other], &["003Y"]).await;
    assert_eq!(missed, [("Contact".to_owned(), "003A".to_owned())]);
    assert!(linked.world.count(Signal::Work).await > work);
    let held = linked.due(Lane::Local).await.remove(0).record.unwrap();
    assert_eq!((&held.values["Title"], held.read_ms), (&"CEO".into(), START_MS));
    linked.settle_all().await;

    // The same read again, as sweeps overlap, changes nothing: not even the revision that a write may be waiting on.
    assert!(swept(&linked, vec![read("003A", &[("Title", "CEO")], START_MS)], &[]).await.is_empty());
    assert!(linked.all_due().await.is_empty());
    assert_eq!(linked.look("u1").await.record.unwrap().revision, held.revision);
}

pub(crate) async fn a_read_that_finds_a_record_gone_marks_the_linked_and_is_told(world: World) {
    let linked = world.linked().await;
    assert_eq!(swept(&linked, Vec::new(), &["003A"]).await, [("Contact".to_owned(), "003A".to_owned())]);
    assert!(linked.due(Lane::Remote).await.remove(0).record.unwrap().gone);
    linked.settle_all().await;
    assert!(swept(&linked, Vec::new(), &["003A"]).await.is_empty());
    assert!(linked.all_due().await.is_empty());
    // It is there again.
    let read = read("003A", &[("Email", "ada@acme.test"), ("Title", "CTO")], START_MS);
    assert_eq!(swept(&linked, vec![read], &[]).await.len(), 1);
    assert!(!linked.due(Lane::Local).await.remove(0).record.unwrap().gone);
}

pub(crate) async fn a_field_that_was_not_known_is_taken_in_but_was_not_missed(world: World) {
    let linked = world.linked().await;
    assert!(swept(&linked, vec![read("003A", &[("Title", "CTO"), ("Phone", "1")], START_MS)], &[]).await.is_empty());
    assert_eq!(linked.due(Lane::Local).await.remove(0).record.unwrap().values["Phone"], "1".into());
}

pub(crate) async fn a_stale_copy_was_not_missed_and_is_still_to_be_read(world: World) {
    let linked = world.linked().await;
    linked.take_in(batch(vec![change("003A", 0, RecordEffect::Unknown)])).await;
    let missed = swept(&linked, vec![read("003A", &[("Title", "CEO")], START_MS + 2_000)], &[]).await;
    assert!(missed.is_empty());
    let held = linked.due(Lane::Remote).await.remove(0).record.unwrap();
    // The sweep may have begun before what made the copy stale.
    assert_eq!((&held.values["Title"], held.stale), (&"CEO".into(), true));
}

pub(crate) async fn a_read_with_stamps_from_before_the_copy_has_it_read_again_if_they_differ(world: World) {
    let linked = world.linked().await;
    linked.take_in(batch(vec![news("003A", 5, &[("Title", "CEO")])])).await;
    let before = linked.due(Lane::Local).await.remove(0).record.unwrap();
    linked.settle_all().await;
    // It was long on its way, or it is news that the stream did not tell of, of a transaction that was long under way.
    assert!(swept(&linked, vec![read("003A", &[("Title", "CEO")], START_MS)], &[]).await.is_empty());
    assert!(linked.all_due().await.is_empty());
    assert_eq!(linked.look("u1").await.record.unwrap(), before);
    // Looking at it has made it due.
    linked.settle_all().await;

    assert!(swept(&linked, vec![read("003A", &[("Title", "CTO")], START_MS)], &[]).await.is_empty());
    let held = linked.due(Lane::Remote).await.remove(0).record.unwrap();
    assert_eq!((&held.values["Title"], held.stale), (&"CEO".into(), true));
    // A read under way since before that one knows less than it.
    let store = &linked.world.store;
    let asked = |revision| [("003A".to_owned(), revision)];
    let seen = |title| vec![read("003A", &[("Title", title)], START_MS)];
    store.record_reads(&linked.lease, "Contact", &asked(before.revision), seen("CEO")).await.unwrap();
    assert!(linked.look("u1").await.record.unwrap().stale);
    store.record_reads(&linked.lease, "Contact", &asked(held.revision), seen("CTO")).await.unwrap();
    let held = linked.look("u1").await.record.unwrap();
    assert_eq!((&held.values["Title"], held.stale), (&"CTO".into(), false));
}

pub(crate) async fn a_read_that_may_have_been_overtaken_proves_nothing(world: World) {
    let linked = world.linked().await;
    linked.take_in(batch(vec![news("003A", 1, &[("Title", "CEO")])])).await;
    linked.settle_all().await;
    // Of the second of the event: which of the two is newer can not be told.
    assert!(swept(&linked, vec![read("003A", &[("Title", "CTO")], START_MS + 2_000)], &[]).await.is_empty());
    assert!(linked.due(Lane::Remote).await.remove(0).record.unwrap().stale);
}

pub(crate) async fn what_a_sweep_found_moves_with_its_mark_and_keys(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    linked.found("u2", "bob@acme.test", None).await;
    linked.settle_all().await;
    let key = (linked.mapping.id, MatchKey::from_normal("bob@acme.test".into()), "003B".to_owned());
    let changes = RecordedChanges {
        keys: vec![key],
        position: Some(Position(b"2026-01-31T12:00:00Z".to_vec())),
        ..sweep(vec![read("003A", &[("Title", "CEO")], START_MS), read("003B", &[], START_MS)], &[])
    };
    assert_eq!(linked.world.store.record_changes(&linked.lease, &changes).await.unwrap().len(), 1);
    assert_eq!(linked.due_ids(Lane::Local).await, ["u1"]);
    assert_eq!(linked.due_ids(Lane::Remote).await, ["u2"]);
    let mark = linked.world.store.position(linked.connection, SWEEP).await.unwrap();
    assert_eq!(mark, Some(Position(b"2026-01-31T12:00:00Z".to_vec())));
    assert_eq!(linked.position().await, None);

    // Another node has taken the connection: nothing of a sweep is kept.
    let store = &linked.world.store;
    store.acquire_lease(linked.connection, NODE, TTL_MS).await.unwrap().unwrap();
    let late = RecordedChanges { position: Some(Position(vec![9])), ..sweep(Vec::new(), &["003A"]) };
    assert!(store.record_changes(&linked.lease, &late).await.is_err());
    assert!(store.save_feeds(&linked.lease, &[feed("Contact", FeedWay::Polling, None, 0)]).await.is_err());
    assert_eq!(store.position(linked.connection, SWEEP).await.unwrap(), mark);
    assert!(store.feeds(linked.connection).await.unwrap().is_empty());
}

pub(crate) async fn a_large_sweep_is_one_transaction(world: World) {
    let linked = world.linked().await;
    let mut reads: Vec<Record> = (0..1_500).map(|n| read(&format!("003N{n}"), &[("Title", "x")], START_MS)).collect();
    reads.push(read("003A", &[("Title", "CEO")], START_MS));
    assert_eq!(swept(&linked, reads, &[]).await.len(), 1);
    assert_eq!(
        linked.due(Lane::Local).await.remove(0).record.unwrap().values,
        values(&[("Email", "ada@acme.test"), ("Title", "CEO"),])
    );
}
