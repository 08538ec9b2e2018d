//! News from the change stream.

use syncline_model::{
    change::{CommitPosition, Position, RecordChange, RecordEffect, RecordedChanges},
    feed::NewestChange,
    mapping::MatchKey,
    store::Signal,
    work::Lane,
};

use crate::world::{START_MS, STREAM, World, at, batch, change, news, record};

pub(crate) async fn news_complete_the_held_copy_and_mark_the_linked_due(world: World) {
    let linked = world.linked().await;
    let work = linked.world.count(Signal::Work).await;
    linked.take_in(batch(vec![news("003A", 1, &[("Title", "CEO")]), news("003A", 2, &[("Phone", "1")])])).await;
    assert!(linked.world.count(Signal::Work).await > work);
    let due = linked.due(Lane::Local).await;
    assert_eq!(due.len(), 1);
    let held = due[0].record.as_ref().unwrap();
    assert_eq!(held.values, crate::world::values(&[("Email", "ada@acme.test"), ("Phone", "1"), ("Title", "CEO")]));
    assert_eq!(held.commit.unwrap().commit_number, 2);
    assert!(due[0].searched);
    assert!(linked.due(Lane::Remote).await.is_empty());
}

pub(crate) async fn a_stale_or_deleted_copy_needs_a_call(world: World) {
    let linked = world.linked().await;
    linked.take_in(batch(vec![change("003A", 1, RecordEffect::Unknown)])).await;
    let due = linked.due(Lane::Remote).await;
    assert!(due[0].record.as_ref().unwrap().stale);
    linked.settle_all().await;
    linked.take_in(batch(vec![change("003A", 2, RecordEffect::Gone)])).await;
    let due = linked.due(Lane::Remote).await;
    assert!(due[0].record.as_ref().unwrap().gone);
}

pub(crate) async fn older_and_confirming_news_mark_nobody(world: World) {
    let linked = world.linked().await;
    linked.take_in(batch(vec![news("003A", 5, &[("Title", "CTO")])])).await;
    assert!(linked.all_due().await.is_empty());
    // What confirmed the copy has a place in the stream, so what comes before it is older.
    linked.take_in(batch(vec![news("003A", 4, &[("Title", "Engineer")])])).await;
    assert!(linked.all_due().await.is_empty());
    let work = linked.look("u1").await;
    assert_eq!(work.record.unwrap().values["Title"], "CTO".into());
}

pub(crate) async fn news_of_records_that_nobody_is_linked_to_are_dropped(world: World) {
    let linked = world.linked().await;
    linked.take_in(batch(vec![news("003B", 1, &[("Title", "CEO")])])).await;
    assert!(linked.all_due().await.is_empty());
}

pub(crate) async fn a_key_that_appears_makes_others_look_again(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    linked.world.user("u3", &[("email", "eve@acme.test")]).await;
    linked.found("u2", "bob@acme.test", None).await;
    linked.settle_all().await;
    let key = |text: &str, id: &str| (linked.mapping.id, MatchKey::from_normal(text.into()), id.to_owned());
    linked
        .take_in(RecordedChanges {
            stream: STREAM.into(),
            // The first is linked to just that record.
            keys: vec![key("ada@acme.test", "003A"), key("bob@acme.test", "003B"), key("nobody@acme.test", "003C")],
            ..RecordedChanges::default()
        })
        .await;
    let due = linked.due(Lane::Remote).await;
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].key.profile_id.as_str(), due[0].searched), ("u2", false));
    linked.settle_all().await;
    linked.take_in(RecordedChanges { keys: vec![key("ada@acme.test", "003Z")], ..batch(Vec::new()) }).await;
    assert_eq!(linked.due_ids(Lane::Remote).await, ["u1"]);
}

pub(crate) async fn a_resync_marks_copies_stale_and_profiles_due(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("name", "No Address")]).await;
    linked.settle_all().await;
    linked.take_in(RecordedChanges { resync: vec![linked.mapping.id], ..batch(Vec::new()) }).await;
    let due = linked.due(Lane::Remote).await;
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].key.profile_id.as_str(), due[0].searched), ("u1", false));
    assert!(due[0].record.as_ref().unwrap().stale);
}

pub(crate) async fn the_position_moves_with_the_effects(world: World) {
    let linked = world.linked().await;
    assert_eq!(linked.position().await, None);
    let mut changes = batch(vec![news("003A", 1, &[("Title", "CEO")])]);
    changes.position = Some(Position(vec![0, 255, 1]));
    linked.take_in(changes).await;
    assert_eq!(linked.position().await, Some(Position(vec![0, 255, 1])));
    linked.take_in(batch(Vec::new())).await;
    assert_eq!(linked.position().await, Some(Position(vec![0, 255, 1])));
    assert_eq!(linked.world.store.position(linked.connection, "other").await.unwrap(), None);
    linked.take_in(RecordedChanges { position: Some(Position(vec![7])), ..batch(Vec::new()) }).await;
    assert_eq!(linked.position().await, Some(Position(vec![7])));
}

pub(crate) async fn losing_the_position_forgets_it_and_marks_everything(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    linked.settle_all().await;
    linked.take_in(RecordedChanges { position: Some(Position(vec![7])), ..batch(Vec::new()) }).await;
    linked.world.store.lose_position(&linked.lease, STREAM).await.unwrap();
    assert_eq!(linked.position().await, None);
    let due = linked.due(Lane::Remote).await;
    assert_eq!(due.len(), 2);
    assert!(due.iter().all(|work| !work.searched));
    assert!(due.iter().filter_map(|work| work.record.as_ref()).all(|record| record.stale));
}

pub(crate) async fn commits_may_be_numbered_anew_after_the_position_was_lost(world: World) {
    let linked = world.linked().await;
    linked.take_in(batch(vec![news("003A", 9, &[("Title", "CTO")])])).await;
    linked.world.store.lose_position(&linked.lease, STREAM).await.unwrap();
    let later = RecordChange {
        commit: CommitPosition { commit_ms: START_MS + 60_000, commit_number: 2, sequence: 1 },
        ..news("003A", 2, &[("Title", "CEO")])
    };
    linked.take_in(batch(vec![later])).await;
    let work = linked.look("u1").await;
    assert_eq!(work.record.unwrap().values["Title"], "CEO".into());
}

pub(crate) async fn the_newest_event_shows_on_the_connection(world: World) {
    let linked = world.linked().await;
    let view = linked.world.count(Signal::View).await;
    linked
        .take_in(RecordedChanges {
            newest: vec![NewestChange { object: "Contact".into(), commit_ms: START_MS, delay_ms: 120 }],
            ..batch(Vec::new())
        })
        .await;
    assert!(linked.world.count(Signal::View).await > view);
    let stream = linked.world.store.connection(linked.world.environment).await.unwrap().unwrap().stream;
    assert_eq!((stream.last_event_at, stream.last_delay_ms), (Some(at(START_MS)), Some(120)));
    // Records that are linked after that are as they were.
    linked.found("u1", "ada@acme.test", Some(record("003A", &[("Title", "CTO")]))).await;
}
