//! Items as they stand, due or not.

use syncline_model::{
    clock::Clock,
    profile::ProfileKind,
    record::Record,
    store::Signal,
    synced::LastSynced,
    work::{Finish, Lane, Outcome, Settlement, Sources},
};

use crate::world::{World, at, batch, news, record, values};

pub(crate) async fn an_item_tells_its_link_and_what_it_waits_for(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let standing = async || store.standing(linked.connection, ProfileKind::User, "u1").await.unwrap().remove(0);
    let quiet = standing().await;
    assert_eq!((quiet.waiting, quiet.work.key.clone()), (None, linked.key("u1")));
    assert_eq!(quiet.linked_at, Some(linked.world.clock.now()));
    assert_eq!(quiet.work.record.unwrap().values["Title"], "CTO".into());
    assert_eq!(quiet.work.match_key.unwrap().as_str(), "ada@acme.test");
    assert!(quiet.work.profile.is_some() && quiet.work.searched && quiet.work.speaks);

    linked.take_in(batch(vec![news("003A", 5, &[("Title", "CEO")])])).await;
    let waiting = standing().await.waiting.unwrap();
    assert_eq!((waiting.needs_call, waiting.attempts, waiting.at), (false, 0, linked.world.clock.now()));
    let due = linked.all_due().await.into_values().next().unwrap().1;
    let later = at(linked.world.clock.now().as_millisecond() + 60_000);
    let finish = |outcome| vec![Finish { key: due.key.clone(), generation: due.generation, outcome }];
    store.finish(&linked.lease, finish(Outcome::NeedsCall)).await.unwrap();
    assert!(standing().await.waiting.unwrap().needs_call);
    store.finish(&linked.lease, finish(Outcome::Retry { at: later })).await.unwrap();
    let waiting = standing().await.waiting.unwrap();
    assert_eq!((waiting.attempts, waiting.at), (1, later));
}

pub(crate) async fn what_a_link_set_last_stands_with_the_item(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let last = async || store.standing(linked.connection, ProfileKind::User, "u1").await.unwrap().remove(0).last_synced;
    assert_eq!(last().await, LastSynced::default());

    let mut works = vec![linked.look("u1").await];
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    works.push(linked.due(Lane::Remote).await.into_iter().find(|work| work.key.profile_id == "u2").unwrap());
    let (attributes, written) = (values(&[("title", "CTO")]), values(&[("Plan__c", "pro")]));
    let sources = Sources {
        attributes: [("title".to_owned(), "Title".to_owned())].into(),
        fields: [("Plan__c".to_owned(), "plan".to_owned())].into(),
    };
    let settlement = Settlement { attributes, written, sources, ..Settlement::default() };
    // Who is linked to nothing has nothing to note.
    for work in &works {
        linked.finish(work, settlement.clone()).await;
    }
    let mut expected = LastSynced::default();
    expected.note("003A", &settlement, linked.world.clock.now());
    assert_eq!(last().await, expected);
    let last_title = last().await.attribute("003A", "title").unwrap().from.clone();
    assert_eq!(last_title.as_deref(), Some("Title"));

    // What has not changed since keeps its time.
    linked.world.clock.advance_ms(30_000);
    let later = Settlement { attributes: values(&[("title", "CEO")]), ..Settlement::default() };
    linked.finish(&linked.look("u1").await, later.clone()).await;
    expected.note("003A", &later, linked.world.clock.now());
    assert_eq!(last().await, expected);
}

pub(crate) async fn associated_copies_stand_with_the_item(world: World) {
    let linked = world.linked().await;
    let account = ("Account".to_owned(), "001A".to_owned());
    let needed = vec![(linked.key("u1"), vec![account.clone()])];
    linked.world.store.associate(&linked.lease, needed).await.unwrap();
    let standing = linked.world.store.standing(linked.connection, ProfileKind::User, "u1").await.unwrap();
    assert!(standing[0].work.associated.contains_key(&account));
}

pub(crate) async fn a_profile_that_is_to_be_synced_now_is_read_anew_on_both_sides(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let account = ("Account".to_owned(), "001A".to_owned());
    store.associate(&linked.lease, vec![(linked.key("u1"), vec![account.clone()])]).await.unwrap();
    let read = vec![Record { object: "Account".into(), ..record("001A", &[("Industry", "Energy")]) }];
    store.record_reads(&linked.lease, "Account", &[("001A".into(), 0)], read).await.unwrap();
    let due = linked.all_due().await.into_values().next().unwrap().1;
    let finish =
        vec![Finish { key: due.key, generation: due.generation, outcome: Outcome::Settled(Default::default()) }];
    store.finish(&linked.lease, finish).await.unwrap();
    let standing = async || store.standing(linked.connection, ProfileKind::User, "u1").await.unwrap().remove(0);
    let quiet = standing().await;
    assert!(quiet.work.searched && !quiet.work.associated[&account].stale && quiet.waiting.is_none());

    let work = linked.world.count(Signal::Work).await;
    assert_eq!(store.sync_profile(linked.connection, ProfileKind::User, "u1").await.unwrap(), 1);
    assert!(linked.world.count(Signal::Work).await > work);
    let marked = standing().await;
    assert!(!marked.work.searched && marked.work.associated[&account].stale);
    assert!(marked.work.associated[&account].revision > quiet.work.associated[&account].revision);
    assert_eq!(marked.work.record.unwrap().id, "003A");
    let waiting = marked.waiting.unwrap();
    assert_eq!((waiting.needs_call, waiting.at), (true, linked.world.clock.now()));

    // One that failed does not wait for its time any longer.
    let due = linked.all_due().await.into_values().next().unwrap().1;
    let later = at(linked.world.clock.now().as_millisecond() + 60_000);
    let outcome = Outcome::Retry { at: later };
    store.finish(&linked.lease, vec![Finish { key: due.key, generation: due.generation, outcome }]).await.unwrap();
    store.sync_profile(linked.connection, ProfileKind::User, "u1").await.unwrap();
    assert_eq!(standing().await.waiting.unwrap().at, linked.world.clock.now());

    assert_eq!(store.sync_profile(linked.connection, ProfileKind::Company, "u1").await.unwrap(), 0);
    assert_eq!(store.sync_profile(linked.connection, ProfileKind::User, "nobody").await.unwrap(), 0);
}

pub(crate) async fn a_profile_that_no_mapping_covers_has_no_items(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    assert!(store.standing(linked.connection, ProfileKind::Company, "u1").await.unwrap().is_empty());
    assert!(store.standing(linked.connection, ProfileKind::User, "nobody").await.unwrap().is_empty());
    linked.world.user("u2", &[("name", "No address")]).await;
    let standing = store.standing(linked.connection, ProfileKind::User, "u2").await.unwrap();
    assert!(standing.iter().all(|one| one.work.match_key.is_none() && one.work.record.is_none()));
}

pub(crate) async fn a_record_tells_who_is_linked_to_it(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("email", "ada@acme.test")]).await;
    linked.found("u2", "ada@acme.test", Some(record("003A", &[]))).await;
    let store = &linked.world.store;
    let users = ["u1", "u2"].map(|id| (ProfileKind::User, id.to_owned()));
    assert_eq!(store.profiles_of_record(linked.connection, "003A").await.unwrap(), users);
    let mut linked_users = store.linked_profiles(linked.connection, linked.mapping.id, 5).await.unwrap();
    linked_users.sort();
    assert_eq!(linked_users, ["u1", "u2"]);
    assert_eq!(store.linked_profiles(linked.connection, linked.mapping.id, 1).await.unwrap().len(), 1);
    assert!(store.profiles_of_record(linked.connection, "003B").await.unwrap().is_empty());
}
