//! Records that items need besides the one that they are linked to.

use syncline_model::{
    change::{RecordChange, RecordEffect, RecordedChanges},
    profile::ProfileKind,
    record::{HeldRecord, Record, RecordKey},
    work::{Lane, Settlement},
};

use crate::world::{Mapped, START_MS, World, at, batch, change, news, record, values};

fn account(id: &str) -> RecordKey {
    ("Account".to_owned(), id.to_owned())
}

fn of_account(change: RecordChange) -> RecordedChanges {
    batch(vec![RecordChange { object: "Account".into(), ..change }])
}

async fn associate(mapped: &Mapped, profile: &str, records: &[RecordKey]) {
    mapped.world.store.associate(&mapped.lease, vec![(mapped.key(profile), records.to_vec())]).await.unwrap();
}

async fn read(mapped: &Mapped, id: &str, revision: i64, record: Option<Record>) {
    let read = record.map(|record| Record { object: "Account".into(), modstamp: at(START_MS), ..record });
    let asked = [(id.to_owned(), revision)];
    mapped.world.store.record_reads(&mapped.lease, "Account", &asked, read.into_iter().collect()).await.unwrap();
}

async fn held(mapped: &Mapped, profile: &str, id: &str) -> HeldRecord {
    HeldRecord::clone(&mapped.look(profile).await.associated[&account(id)])
}

/// One user, linked to one contact and associated with one account whose industry is known; nothing due.
async fn associated(world: World) -> Mapped {
    let linked = world.linked().await;
    associate(&linked, "u1", &[account("001A")]).await;
    read(&linked, "001A", 0, Some(record("001A", &[("Industry", "Banking")]))).await;
    linked.settle_all().await;
    linked
}

pub(crate) async fn a_record_that_is_needed_is_held_unread_until_it_is_read(world: World) {
    let linked = world.linked().await;
    associate(&linked, "u1", &[account("001A"), account("001B")]).await;
    assert!(linked.all_due().await.is_empty());
    let work = linked.look("u1").await;
    assert_eq!(work.associated.keys().cloned().collect::<Vec<_>>(), [account("001A"), account("001B")]);
    assert_eq!(*work.associated[&account("001A")], HeldRecord::unread(account("001A")));
    read(&linked, "001A", 0, Some(record("001A", &[("Industry", "Banking")]))).await;
    read(&linked, "001B", 0, None).await;
    let (first, second) = (held(&linked, "u1", "001A").await, held(&linked, "u1", "001B").await);
    assert_eq!((first.stale, &first.values["Industry"]), (false, &"Banking".into()));
    assert!(second.gone && !second.stale);
    // What is held already stays as it is.
    associate(&linked, "u1", &[account("001A")]).await;
    assert_eq!(held(&linked, "u1", "001A").await, first);
}

pub(crate) async fn news_that_comes_before_the_first_read_is_not_overwritten_by_it(world: World) {
    let linked = world.linked().await;
    associate(&linked, "u1", &[account("001A")]).await;
    linked.take_in(of_account(news("001A", 5, &[("Industry", "Energy")]))).await;
    read(&linked, "001A", 0, Some(record("001A", &[("Industry", "Banking")]))).await;
    let copy = held(&linked, "u1", "001A").await;
    assert!(copy.stale, "the read may have been on its way when that changed");
    assert_eq!(copy.values["Industry"], "Energy".into());
}

pub(crate) async fn a_change_of_an_associated_record_spreads_to_all_that_need_it(world: World) {
    let linked = associated(world).await;
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    linked.found("u2", "bob@acme.test", Some(record("003B", &[]))).await;
    linked.world.user("u3", &[("email", "eve@acme.test")]).await;
    linked.found("u3", "eve@acme.test", Some(record("003C", &[]))).await;
    associate(&linked, "u2", &[account("001A")]).await;
    associate(&linked, "u3", &[account("001B")]).await;
    linked.settle_all().await;

    linked.take_in(of_account(news("001A", 5, &[("Industry", "Energy")]))).await;
    assert_eq!(linked.due_ids(Lane::Spread).await, ["u1", "u2"]);
    let works = linked.due(Lane::Spread).await;
    assert!(works.iter().all(|work| work.associated[&account("001A")].values["Industry"] == "Energy".into()));
    // One's own news comes first, and a call too.
    linked.take_in(batch(vec![news("003A", 6, &[("Title", "CEO")])])).await;
    assert_eq!(
        (linked.due_ids(Lane::Spread).await, linked.due_ids(Lane::Local).await),
        (vec!["u2".into()], vec!["u1".into()])
    );
    linked.settle_all().await;

    // Older news, and news that says what is held, is none.
    linked.take_in(of_account(news("001A", 4, &[("Industry", "Retail")]))).await;
    linked.take_in(of_account(news("001A", 6, &[("Industry", "Energy")]))).await;
    assert!(linked.all_due().await.is_empty());
    linked.take_in(of_account(change("001A", 7, RecordEffect::Gone))).await;
    assert_eq!(linked.due_ids(Lane::Spread).await, ["u1", "u2"]);
}

pub(crate) async fn a_read_of_an_associated_record_spreads_what_it_found(world: World) {
    let linked = associated(world).await;
    let revision = held(&linked, "u1", "001A").await.revision;
    linked.settle_all().await;
    read(&linked, "001A", revision, Some(record("001A", &[("Industry", "Energy")]))).await;
    assert_eq!(linked.due_ids(Lane::Spread).await, ["u1"]);
}

pub(crate) async fn an_overflow_makes_associated_copies_stale(world: World) {
    let linked = associated(world).await;
    linked.take_in(RecordedChanges { resync_objects: vec!["Account".into()], ..batch(Vec::new()) }).await;
    let work = linked.due(Lane::Spread).await.remove(0);
    assert!(work.associated[&account("001A")].stale && !work.record.unwrap().stale);
}

pub(crate) async fn what_is_written_to_an_associated_record_spreads(world: World) {
    let linked = associated(world).await;
    // The same record, needed by one and linked to another, who writes to it.
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    let same = Record { object: "Account".into(), ..record("001A", &[("Industry", "Banking")]) };
    linked.found("u2", "bob@acme.test", Some(same)).await;
    linked.settle_all().await;
    let work = linked.look("u2").await;
    linked.settle_others(&work).await;
    let record_revision = work.record.as_ref().unwrap().revision;
    let written = values(&[("Industry", "Energy")]);
    linked.finish(&work, Settlement { written, record_revision, ..Settlement::default() }).await;
    assert_eq!(linked.due_ids(Lane::Spread).await, ["u1"]);
}

pub(crate) async fn a_copy_that_nobody_needs_any_more_is_dropped(world: World) {
    let linked = associated(world).await;
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    linked.found("u2", "bob@acme.test", Some(record("003B", &[]))).await;
    associate(&linked, "u2", &[account("001A")]).await;
    for profile in ["u1", "u2"] {
        let work = linked.look(profile).await;
        assert_eq!(work.associated[&account("001A")].values["Industry"], "Banking".into());
        let settlement = Settlement { dissociated: vec![account("001A")], ..Settlement::default() };
        linked.finish(&work, settlement).await;
        assert!(linked.look(profile).await.associated.is_empty());
    }
    linked.settle_all().await;
    associate(&linked, "u1", &[account("001A")]).await;
    assert_eq!(held(&linked, "u1", "001A").await, HeldRecord::unread(account("001A")));
}

pub(crate) async fn deleting_the_mapping_ends_its_associations(world: World) {
    let linked = associated(world).await;
    linked.world.store.delete_mapping(linked.connection, linked.mapping.id).await.unwrap();
    linked.take_in(of_account(news("001A", 5, &[("Industry", "Energy")]))).await;
    assert!(linked.all_due().await.is_empty());
}

pub(crate) async fn what_is_not_covered_can_not_be_associated(world: World) {
    let linked = world.linked().await;
    associate(&linked, "nobody", &[account("001A")]).await;
    linked.take_in(of_account(news("001A", 5, &[("Industry", "Energy")]))).await;
    assert!(linked.all_due().await.is_empty());
}

pub(crate) async fn a_read_that_clears_a_doubt_spreads_to_those_that_are_not_due(world: World) {
    let linked = associated(world).await;
    linked.take_in(of_account(change("001A", 5, RecordEffect::Unknown))).await;
    // Its read was refused, so the item is parked.
    linked.settle_all().await;
    let revision = {
        let standing = linked.world.store.standing(linked.connection, ProfileKind::User, "u1").await.unwrap();
        standing[0].work.associated[&account("001A")].revision
    };
    read(&linked, "001A", revision, Some(record("001A", &[("Industry", "Energy")]))).await;
    assert_eq!(linked.due_ids(Lane::Spread).await, ["u1"]);
}
