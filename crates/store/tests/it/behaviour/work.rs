//! Due items: how they come about and what they show.

use syncline_model::{
    change::RecordEffect,
    mapping::FieldMapping,
    profile::{ProfileKind, ProfileWrite},
    schema::ObjectSchema,
    store::StoreError,
    work::{Finish, Lane, Outcome},
};

use crate::world::{World, at, batch, change, contacts, news, record, seen, upsert, values};

pub(crate) async fn a_change_of_key_is_searched_again(world: World) {
    let linked = world.linked().await;
    linked.world.user("u1", &[("email", "new@acme.test")]).await;
    let work = linked.due(Lane::Remote).await.remove(0);
    assert!(!work.searched);
    assert_eq!(work.match_key.unwrap().as_str(), "new@acme.test");
    assert_eq!(work.record.unwrap().id, "003A");
    linked.settle_all().await;
    // The same key in another spelling is no other key.
    linked.found("u1", "new@acme.test", None).await;
    linked.world.user("u1", &[("email", "NEW@acme.test")]).await;
    assert!(linked.due(Lane::Remote).await.remove(0).searched);
    linked.settle_all().await;
    linked.world.user("u1", &[("email", "")]).await;
    let work = linked.due(Lane::Remote).await.remove(0);
    assert_eq!((work.match_key, work.searched), (None, false));
}

pub(crate) async fn concern_decides_the_lane(world: World) {
    let linked = world.linked().await;
    linked.world.user("u1", &[("unmapped", "x")]).await;
    assert!(linked.all_due().await.is_empty());
    linked.world.user("u1", &[("title", "overwritten")]).await;
    assert_eq!(linked.due_ids(Lane::Local).await, ["u1"]);
    linked.settle_all().await;
    linked.world.user("u1", &[("plan", "free")]).await;
    assert_eq!(linked.due_ids(Lane::Remote).await, ["u1"]);
    assert!(linked.due(Lane::Remote).await[0].searched);
    linked.settle_all().await;
    linked.world.user("u2", &[]).await;
    assert_eq!(linked.due_ids(Lane::Remote).await, ["u2"]);
    linked.settle_all().await;
    linked.world.write(vec![upsert(ProfileKind::Company, "c1", &[("plan", "x"), ("email", "x@acme.test")])]).await;
    assert!(linked.all_due().await.is_empty());
}

pub(crate) async fn marking_again_raises_the_generation_and_keeps_the_higher_lane(world: World) {
    let linked = world.linked().await;
    linked.world.user("u1", &[("plan", "free")]).await;
    let first = linked.due(Lane::Remote).await.remove(0);
    linked.world.user("u1", &[("title", "overwritten")]).await;
    assert!(linked.due(Lane::Local).await.is_empty());
    let second = linked.due(Lane::Remote).await;
    assert_eq!(second.len(), 1);
    assert!(second[0].generation > first.generation);
}

pub(crate) async fn the_longest_due_come_first_and_no_more_than_asked(world: World) {
    let mapped = world.mapped().await;
    for id in ["b", "c", "a"] {
        mapped.world.user(id, &[]).await;
        mapped.world.clock.advance_ms(1);
    }
    let ids =
        |work: Vec<syncline_model::work::Work>| work.into_iter().map(|work| work.key.profile_id).collect::<Vec<_>>();
    assert_eq!(ids(mapped.due(Lane::Remote).await), ["b", "c", "a"]);
    let two = mapped.world.store.due_work(&mapped.lease, Lane::Remote, None, 2).await.unwrap();
    let after = two[0].due_at;
    assert_eq!(ids(two), ["b", "c"]);
    let later = mapped.world.store.due_work(&mapped.lease, Lane::Remote, Some(after), 9).await.unwrap();
    assert_eq!(ids(later), ["c", "a"]);
    assert_eq!(mapped.world.store.count_due(mapped.connection, Lane::Remote, Some(after), 9).await.unwrap(), 2);
    // Asking takes nothing away.
    assert_eq!(mapped.due(Lane::Remote).await.len(), 3);
}

pub(crate) async fn paused_mappings_are_left_out(world: World) {
    // Nothing pauses a mapping yet but the database itself.
    let Some(url) = world.url.clone() else { return };
    let mapped = world.mapped().await;
    mapped.world.user("u1", &[]).await;
    let key = mapped.due(Lane::Remote).await.remove(0).key;
    crate::database::execute(&url, "update object_mapping set paused = 1").await;
    let store = &mapped.world.store;
    assert!(mapped.due(Lane::Remote).await.is_empty());
    assert!(store.reload_work(&mapped.lease, &[key]).await.unwrap().is_empty());
    assert_eq!(store.count_due(mapped.connection, Lane::Remote, None, 9).await.unwrap(), 0);
    assert!(store.mappings(mapped.connection).await.unwrap()[0].paused);
    assert_eq!(store.counts(mapped.connection, None).await.unwrap().waiting, 1);
}

pub(crate) async fn work_shows_both_sides(world: World) {
    let linked = world.linked().await;
    let work = linked.look("u1").await;
    assert_eq!(work.profile, linked.world.profile("u1").await);
    assert_eq!(work.match_key.unwrap().as_str(), "ada@acme.test");
    let held = work.record.unwrap();
    assert_eq!((held.object.as_str(), held.id.as_str()), ("Contact", "003A"));
    assert_eq!(held.values, values(&[("Email", "ada@acme.test"), ("Title", "CTO")]));
    assert_eq!((held.created_at, held.stale, held.gone), (record("", &[]).created_at, false, false));
    assert_eq!((work.attempts, work.candidates, work.was_linked, work.speaks), (0, 1, true, true));
    let links =
        linked.world.store.links(linked.connection, ProfileKind::User, &["u1".into(), "u2".into()]).await.unwrap();
    assert_eq!(links.len(), 1);
    assert_eq!((links[0].record_id.as_str(), links[0].object.as_str()), ("003A", "Contact"));
    assert_eq!(links[0].linked_at, at(crate::world::START_MS));
    let links = linked.world.store.links(linked.connection, ProfileKind::Company, &["u1".into()]).await.unwrap();
    assert!(links.is_empty());
}

pub(crate) async fn a_deleted_profile_is_due_without_its_side(world: World) {
    let linked = world.linked().await;
    linked.world.write(vec![ProfileWrite::Delete { kind: ProfileKind::User, id: "u1".into() }]).await;
    let work = linked.due(Lane::Remote).await.remove(0);
    assert_eq!((&work.profile, &work.match_key, work.speaks), (&None, &None, false));
    assert_eq!(work.record.unwrap().id, "003A");
}

pub(crate) async fn reloading_gives_what_is_still_due(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    linked.world.user("u3", &[]).await;
    let keys = [linked.key("u3"), linked.key("u2"), linked.key("u1"), linked.key("nobody")];
    linked.found("u2", "bob@acme.test", None).await;
    let retry = linked.due(Lane::Remote).await.into_iter().find(|work| work.key.profile_id == "u3").unwrap();
    let again = linked.world.store.reload_work(&linked.lease, &keys).await.unwrap();
    assert_eq!(again.iter().map(|work| work.key.profile_id.as_str()).collect::<Vec<_>>(), ["u3", "u2"]);
    assert!(again[1].searched);
    let outcome = Outcome::Retry { at: at(crate::world::START_MS + 1_000) };
    let finish = Finish { key: retry.key, generation: retry.generation, outcome };
    linked.world.store.finish(&linked.lease, vec![finish]).await.unwrap();
    let again = linked.world.store.reload_work(&linked.lease, &keys).await.unwrap();
    assert_eq!(again.len(), 1);
}

pub(crate) async fn a_look_up_for_an_outdated_key_is_ignored(world: World) {
    let linked = world.linked().await;
    linked.world.user("u1", &[("email", "new@acme.test")]).await;
    linked.found("u1", "ada@acme.test", Some(record("003B", &[]))).await;
    linked.found("nobody", "ada@acme.test", Some(record("003B", &[]))).await;
    let work = linked.due(Lane::Remote).await.remove(0);
    assert_eq!((work.record.unwrap().id.as_str(), work.searched), ("003A", false));
    assert_eq!(linked.world.store.counts(linked.connection, None).await.unwrap().links, 1);
}

pub(crate) async fn a_look_up_that_finds_nothing_ends_the_link_but_remembers_it(world: World) {
    let linked = world.linked().await;
    linked.look("u1").await;
    linked.found("u1", "ada@acme.test", None).await;
    let work = linked.due(Lane::Remote).await.remove(0);
    assert!(work.record.is_none());
    assert_eq!((work.searched, work.candidates, work.was_linked, work.speaks), (true, 0, true, false));
    assert_eq!(linked.world.store.counts(linked.connection, None).await.unwrap().links, 0);
}

pub(crate) async fn a_copy_without_links_is_dropped(world: World) {
    let linked = world.linked().await;
    linked.take_in(batch(vec![news("003A", 1, &[("Title", "CEO"), ("Phone", "1")])])).await;
    linked.look("u1").await;
    linked.found("u1", "ada@acme.test", Some(record("003B", &[("Title", "Other")]))).await;
    linked.found("u1", "ada@acme.test", Some(record("003A", &[("Title", "Read")]))).await;
    let held = linked.due(Lane::Remote).await.remove(0).record.unwrap();
    // A copy that had stayed would have the telephone number, and would be newer than the read.
    assert_eq!((held.values, held.commit), (values(&[("Title", "Read")]), None));
}

pub(crate) async fn the_one_last_seen_speaks(world: World) {
    let linked = world.linked().await;
    for id in ["u0", "u2"] {
        linked.world.user(id, &[("email", "ada@acme.test")]).await;
        linked.found(id, "ada@acme.test", Some(record("003A", &[]))).await;
    }
    let speakers = || async {
        linked.world.store.mark_all_due(linked.connection, linked.mapping.id).await.unwrap();
        let due = linked.due(Lane::Remote).await;
        assert_eq!(due.len(), 3);
        due.into_iter().filter(|work| work.speaks).map(|work| work.key.profile_id).collect::<Vec<_>>()
    };
    assert_eq!(speakers().await, ["u0"]);
    linked.world.write(vec![seen("u2")]).await;
    assert_eq!(speakers().await, ["u2"]);
    linked.world.clock.advance_ms(1);
    linked.world.write(vec![seen("u1")]).await;
    assert_eq!(speakers().await, ["u1"]);
    linked.world.write(vec![ProfileWrite::Delete { kind: ProfileKind::User, id: "u1".into() }]).await;
    let due = linked.due(Lane::Remote).await;
    let speakers: Vec<_> = due.iter().filter(|work| work.speaks).map(|work| work.key.profile_id.as_str()).collect();
    assert_eq!(speakers, ["u2"]);
}

pub(crate) async fn being_seen_makes_a_sharer_due(world: World) {
    let linked = world.linked().await;
    linked.world.write(vec![seen("u1")]).await;
    assert!(linked.all_due().await.is_empty());
    linked.world.user("u2", &[("email", "ada@acme.test")]).await;
    linked.found("u2", "ada@acme.test", Some(record("003A", &[]))).await;
    // The other one's turn to speak may be over.
    assert_eq!(linked.due_ids(Lane::Local).await, ["u1"]);
    linked.settle_all().await;
    linked.world.clock.advance_ms(1);
    linked.world.write(vec![seen("u2")]).await;
    assert_eq!(linked.due_ids(Lane::Local).await, ["u2"]);
}

pub(crate) async fn reads_refresh_copies_and_missing_ones_are_gone(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let mut read = record("003A", &[("Title", "CEO")]);
    read.modstamp = at(crate::world::START_MS);
    let asked = |id: &str, revision| (id.to_owned(), revision);
    let reads = vec![read.clone(), record("003X", &[])];
    let all = [asked("003A", 0), asked("003X", 0), asked("003Y", 0)];
    store.record_reads(&linked.lease, "Contact", &all, reads).await.unwrap();
    let work = linked.due(Lane::Local).await.remove(0);
    let held = work.record.unwrap();
    assert_eq!(held.values, values(&[("Email", "ada@acme.test"), ("Title", "CEO")]));
    assert_eq!(held.read_ms, crate::world::START_MS);
    // What was asked for before the copy was what it is now is no reason to give it up, but one to ask again.
    store.record_reads(&linked.lease, "Contact", &[asked("003A", held.revision - 1)], Vec::new()).await.unwrap();
    let held = linked.due(Lane::Remote).await.remove(0).record.unwrap();
    assert!(held.stale && !held.gone);
    store.record_reads(&linked.lease, "Contact", &[asked("003A", held.revision)], Vec::new()).await.unwrap();
    let work = linked.due(Lane::Remote).await.remove(0);
    let gone = work.record.unwrap();
    assert!(gone.gone && gone.revision > held.revision);
    assert_eq!(store.counts(linked.connection, None).await.unwrap().links, 1);
}

pub(crate) async fn counting_stops_at_the_limit(world: World) {
    let mapped = world.mapped().await;
    mapped.world.write((0..5).map(|n| upsert(ProfileKind::User, &n.to_string(), &[])).collect()).await;
    let store = &mapped.world.store;
    assert_eq!(store.count_due(mapped.connection, Lane::Remote, None, 100).await.unwrap(), 5);
    assert_eq!(store.count_due(mapped.connection, Lane::Remote, None, 3).await.unwrap(), 3);
    assert_eq!(store.count_due(mapped.connection, Lane::Local, None, 100).await.unwrap(), 0);
}

pub(crate) async fn marking_all_due_takes_all_with_a_key(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("name", "No Address")]).await;
    linked.settle_all().await;
    let mut other = contacts();
    other.outbound.push(FieldMapping::new("seats", "Seats__c"));
    let store = &linked.world.store;
    let other = store.save_mapping(linked.connection, None, &other, &[], &[]).await.unwrap();
    linked.settle_all().await;
    assert_eq!(store.mark_all_due(linked.connection, linked.mapping.id).await.unwrap(), 1);
    let due = linked.due(Lane::Remote).await;
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].key.mapping_id, due[0].searched), (linked.mapping.id, false));
    // An item that waits for its next try is due at once.
    let outcome = Outcome::Retry { at: at(crate::world::START_MS + 60_000) };
    let finish = Finish { key: due[0].key.clone(), generation: due[0].generation, outcome };
    store.finish(&linked.lease, vec![finish]).await.unwrap();
    assert!(linked.due(Lane::Remote).await.is_empty());
    store.mark_all_due(linked.connection, linked.mapping.id).await.unwrap();
    assert_eq!(linked.due(Lane::Remote).await[0].attempts, 1);
    assert_eq!(store.mark_all_due(linked.connection, other.id).await.unwrap(), 1);
    let unknown = syncline_model::id::ConnectionId::new(at(0));
    assert!(matches!(store.mark_all_due(unknown, other.id).await, Err(StoreError::NotFound(_))));
}

pub(crate) async fn a_look_up_that_casts_doubt_on_a_copy_concerns_all_that_are_linked_to_it(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("email", "ada@acme.test")]).await;
    linked.found("u2", "ada@acme.test", Some(record("003A", &[("Title", "CTO")]))).await;
    linked.take_in(batch(vec![news("003A", 5, &[("Title", "CEO")])])).await;
    linked.settle_all().await;
    // By its stamp the record that was found is older than the news that is held.
    linked.found("u2", "ada@acme.test", Some(record("003A", &[("Title", "CTO")]))).await;
    assert_eq!(linked.due_ids(Lane::Local).await, ["u1"], "u2 may be gone before it reads the record");
}

pub(crate) async fn a_read_that_clears_a_doubt_concerns_those_that_are_not_due(world: World) {
    let linked = world.linked().await;
    linked.take_in(batch(vec![change("003A", 5, RecordEffect::Unknown)])).await;
    let due = linked.due(Lane::Remote).await.remove(0);
    let asked = [("003A".to_owned(), due.record.as_ref().unwrap().revision)];
    let read = |title: &str| vec![record("003A", &[("Title", title)])];
    let store = &linked.world.store;
    store.record_reads(&linked.lease, "Contact", &asked, read("CEO")).await.unwrap();
    let again = linked.due(Lane::Remote).await.remove(0);
    assert_eq!(again.generation, due.generation, "whoever is due plans by it anyway");

    // Its read was refused, so the item is parked; another's read is what it was waiting for.
    linked.take_in(batch(vec![change("003A", 6, RecordEffect::Unknown)])).await;
    let asked = [("003A".to_owned(), linked.due(Lane::Remote).await[0].record.as_ref().unwrap().revision)];
    linked.settle_all().await;
    store.record_reads(&linked.lease, "Contact", &asked, read("Founder")).await.unwrap();
    assert_eq!(linked.due_ids(Lane::Local).await, ["u1"]);
}

pub(crate) async fn an_object_that_looks_otherwise_makes_all_that_have_a_key_due(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    linked.found("u2", "bob@acme.test", None).await;
    linked.world.user("u3", &[("name", "No Address")]).await;
    linked.settle_all().await;
    let schema = ObjectSchema { name: "Contact".into(), label: "Contact".into(), key_prefix: None, fields: Vec::new() };
    let store = &linked.world.store;
    store.save_object_schema(&linked.lease, &schema, &[]).await.unwrap();
    assert!(linked.all_due().await.is_empty());
    let are_due = async || {
        let due = linked.due(Lane::Remote).await;
        assert_eq!(due.iter().map(|work| work.key.profile_id.as_str()).collect::<Vec<_>>(), ["u1", "u2"]);
        assert!(due.iter().all(|work| work.searched), "nobody has to be looked up for that");
        linked.settle_all().await;
    };
    store.save_object_schema(&linked.lease, &schema, &[linked.mapping.id]).await.unwrap();
    are_due().await;
    let forgotten = ["Contact".to_owned()];
    store.forget_object_schemas(&linked.lease, &forgotten, &[]).await.unwrap();
    assert!(linked.all_due().await.is_empty());
    store.forget_object_schemas(&linked.lease, &forgotten, &[linked.mapping.id]).await.unwrap();
    are_due().await;
}
