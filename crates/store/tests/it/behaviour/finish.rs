//! Ending items.

use syncline_model::{
    attribute::{Origin, Scope},
    issue::{IssueFilter, IssueKind, NewIssue},
    mapping::FieldMapping,
    profile::{ProfileKind, ProfileWrite},
    store::{Counts, Signal},
    work::{Finish, Lane, Outcome, Settlement},
};

use crate::world::{START_MS, World, at, batch, contacts, news, record, upsert, values};

fn nothing() -> Settlement {
    Settlement::default()
}

pub(crate) async fn settling_takes_an_item_off_the_list(world: World) {
    let linked = world.linked().await;
    let work = linked.look("u1").await;
    linked.finish(&work, nothing()).await;
    assert!(linked.all_due().await.is_empty());
    // A second end of the same item finds nothing to end.
    linked.finish(&work, nothing()).await;
    assert_eq!(
        linked.world.store.counts(linked.connection, None).await.unwrap(),
        Counts { waiting: 0, links: 1, issues: 0 }
    );
}

pub(crate) async fn an_item_that_was_marked_meanwhile_stays_due(world: World) {
    let linked = world.linked().await;
    let work = linked.look("u1").await;
    linked.world.user("u1", &[("plan", "free")]).await;
    linked.finish(&work, nothing()).await;
    assert_eq!(linked.due_ids(Lane::Remote).await, ["u1"]);
    let needs_call = Finish { key: work.key.clone(), generation: work.generation, outcome: Outcome::NeedsCall };
    let retry = Finish {
        key: work.key.clone(),
        generation: work.generation,
        outcome: Outcome::Retry { at: at(START_MS + 1_000_000) },
    };
    linked.world.store.finish(&linked.lease, vec![needs_call, retry]).await.unwrap();
    assert_eq!(linked.due(Lane::Remote).await[0].attempts, 0);
}

pub(crate) async fn an_item_that_came_again_is_not_ended_by_its_earlier_life(world: World) {
    let linked = world.linked().await;
    let first = linked.look("u1").await;
    linked.finish(&first, nothing()).await;
    let second = linked.look("u1").await;
    assert_ne!(first.generation, second.generation);
    linked.finish(&first, nothing()).await;
    assert_eq!(linked.due_ids(Lane::Remote).await, ["u1"]);
}

pub(crate) async fn settling_sets_attributes_without_marking_its_own_mapping(world: World) {
    let linked = world.linked().await;
    let before = linked.world.profile("u1").await.unwrap();
    let view = linked.world.count(Signal::View).await;
    let work = linked.look("u1").await;
    linked.finish(&work, Settlement { attributes: values(&[("title", "CTO"), ("plan", "")]), ..nothing() }).await;
    assert!(linked.world.count(Signal::View).await > view);
    let after = linked.world.profile("u1").await.unwrap();
    assert_eq!((after.attribute("title"), after.attribute("plan").is_null()), (&"CTO".into(), true));
    assert_eq!(after.revision, before.revision + 1);
    assert!(linked.all_due().await.is_empty());
    let known = linked.world.store.attribute_definitions(linked.world.environment, Some(Scope::User)).await.unwrap();
    assert_eq!(known.iter().find(|known| known.name == "title").unwrap().origin, Origin::Salesforce);
    // Setting what is there already changes nothing.
    let work = linked.look("u1").await;
    linked.finish(&work, Settlement { attributes: values(&[("title", "CTO")]), ..nothing() }).await;
    assert_eq!(linked.world.profile("u1").await.unwrap(), after);
}

pub(crate) async fn settling_marks_other_mappings_that_send_the_attribute(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let mut definition = contacts();
    definition.outbound = vec![FieldMapping::new("title", "Copy__c")];
    let other = store.save_mapping(linked.connection, None, &definition, &[], &[]).await.unwrap();
    let mut uninterested = contacts();
    uninterested.match_rule.userflow = "user_id".into();
    uninterested.inbound.clear();
    store.save_mapping(linked.connection, None, &uninterested, &[], &[]).await.unwrap();
    linked.settle_all().await;
    let work = linked.look("u1").await;
    linked.finish(&work, Settlement { attributes: values(&[("title", "CTO")]), ..nothing() }).await;
    let due: Vec<_> = linked.all_due().await.into_keys().collect();
    assert_eq!(due, [(other.id, "u1".to_owned())]);
    linked.settle_all().await;
    // A key is a key of every mapping, also of the item's own.
    let work = linked.look("u1").await;
    linked.finish(&work, Settlement { attributes: values(&[("email", "new@acme.test")]), ..nothing() }).await;
    let due = linked.all_due().await;
    assert_eq!(due.len(), 2);
    assert!(due.values().all(|(lane, work)| *lane == Lane::Remote && !work.searched));
}

pub(crate) async fn written_values_are_kept_unless_newer_news_is_held(world: World) {
    let linked = world.linked().await;
    let work = linked.look("u1").await;
    let revision = work.record.as_ref().unwrap().revision;
    let settlement = |plan: &str, record_revision| Settlement {
        written: values(&[("Plan__c", plan)]),
        record_revision,
        ..nothing()
    };
    linked.finish(&work, settlement("pro", revision)).await;
    let work = linked.look("u1").await;
    let held = work.record.clone().unwrap();
    assert_eq!(held.values["Plan__c"], "pro".into());
    assert!(held.revision > revision);
    // The event that tells of our write is no news.
    linked.finish(&work, nothing()).await;
    linked.take_in(batch(vec![news("003A", 1, &[("Plan__c", "pro")])])).await;
    assert!(linked.all_due().await.is_empty());
    linked.take_in(batch(vec![news("003A", 2, &[("Plan__c", "theirs")])])).await;
    let work = linked.look("u1").await;
    linked.finish(&work, settlement("ours", held.revision)).await;
    // Whatever came meanwhile, it is planned again.
    assert_eq!(linked.all_due().await.len(), 1);
    assert_eq!(linked.look("u1").await.record.unwrap().values["Plan__c"], "theirs".into());
}

pub(crate) async fn written_values_tell_others_of_the_record(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("email", "ada@acme.test")]).await;
    linked.found("u2", "ada@acme.test", Some(record("003A", &[("Title", "CTO")]))).await;
    linked.settle_all().await;
    let work = linked.look("u1").await;
    for (_, other) in linked.all_due().await.into_values().filter(|(_, other)| other.key != work.key) {
        linked.finish(&other, nothing()).await;
    }
    let record_revision = work.record.as_ref().unwrap().revision;
    linked.finish(&work, Settlement { written: values(&[("Plan__c", "pro")]), record_revision, ..nothing() }).await;
    assert_eq!(linked.due_ids(Lane::Local).await, ["u2"]);
    assert!(linked.due(Lane::Remote).await.is_empty());
}

pub(crate) async fn written_values_that_the_mapping_itself_reads_mark_its_item_again(world: World) {
    let linked = world.linked().await;
    linked.settle_all().await;
    let work = linked.look("u1").await;
    let read = work.record.as_ref().unwrap().revision;
    linked
        .finish(&work, Settlement { written: values(&[("Title", "Written")]), record_revision: read, ..nothing() })
        .await;
    let due: Vec<_> = linked.all_due().await.into_keys().collect();
    assert_eq!(due, [(linked.mapping.id, "u1".to_owned())]);
    let work = linked.look("u1").await;
    let held = work.record.as_ref().unwrap().revision;
    linked
        .finish(&work, Settlement { written: values(&[("Plan__c", "pro")]), record_revision: held, ..nothing() })
        .await;
    assert!(linked.all_due().await.is_empty());
}

pub(crate) async fn unlinking_ends_the_link_and_drops_the_copy(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("email", "ada@acme.test")]).await;
    linked.found("u2", "ada@acme.test", Some(record("003A", &[]))).await;
    linked.settle_all().await;
    let work = linked.look("u1").await;
    linked.finish(&work, Settlement { unlink: true, ..nothing() }).await;
    // The other one keeps the copy, and may speak now.
    assert_eq!(linked.world.store.counts(linked.connection, None).await.unwrap().links, 1);
    let other = linked.look("u2").await;
    assert_eq!((other.record.as_ref().unwrap().id.as_str(), other.speaks), ("003A", true));
    let own = linked.due(Lane::Remote).await.into_iter().find(|work| work.key.profile_id == "u1").unwrap();
    assert!(own.record.is_none() && !own.was_linked);
    linked.finish(&other, Settlement { unlink: true, ..nothing() }).await;
    linked.found("u2", "ada@acme.test", Some(record("003A", &[("Title", "Read")]))).await;
    assert_eq!(linked.look("u2").await.record.unwrap().values, values(&[("Title", "Read")]));
}

pub(crate) async fn a_settled_deleted_profile_leaves_nothing(world: World) {
    let linked = world.linked().await;
    linked.world.write(vec![ProfileWrite::Delete { kind: ProfileKind::User, id: "u1".into() }]).await;
    let work = linked.due(Lane::Remote).await.remove(0);
    linked.finish(&work, Settlement { unlink: true, attributes: values(&[("title", "")]), ..nothing() }).await;
    assert_eq!(linked.world.store.counts(linked.connection, None).await.unwrap(), Counts::default());
    assert_eq!(linked.world.profile("u1").await, None);
    linked.world.user("u1", &[("email", "ada@acme.test")]).await;
    let work = linked.due(Lane::Remote).await.remove(0);
    assert!(work.record.is_none() && !work.was_linked && !work.searched);
}

pub(crate) async fn a_call_that_is_needed_moves_the_item_to_the_other_lane(world: World) {
    let linked = world.linked().await;
    linked.take_in(batch(vec![news("003A", 1, &[("Title", "CEO")])])).await;
    let work = linked.due(Lane::Local).await.remove(0);
    let signal = linked.world.count(Signal::Work).await;
    let finish = Finish { key: work.key, generation: work.generation, outcome: Outcome::NeedsCall };
    linked.world.store.finish(&linked.lease, vec![finish]).await.unwrap();
    assert!(linked.world.count(Signal::Work).await > signal);
    assert!(linked.due(Lane::Local).await.is_empty());
    assert_eq!(linked.due(Lane::Remote).await[0].generation, work.generation);
}

pub(crate) async fn a_retry_waits_and_counts(world: World) {
    let linked = world.linked().await;
    for attempts in 1..=2 {
        let work = linked.look("u1").await;
        let outcome = Outcome::Retry { at: at(START_MS + 1_000 * i64::from(attempts)) };
        let finish = Finish { key: work.key, generation: work.generation, outcome };
        linked.world.store.finish(&linked.lease, vec![finish]).await.unwrap();
        assert!(linked.all_due().await.is_empty());
        assert_eq!(linked.world.store.counts(linked.connection, None).await.unwrap().waiting, 1);
        linked.world.clock.advance_ms(1_000);
        assert_eq!(linked.due(Lane::Remote).await[0].attempts, attempts);
    }
}

pub(crate) async fn issues_replace_what_was_and_count_repeats(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let issue = |field: &str, code: &str| NewIssue {
        kind: IssueKind::FieldRejected,
        record_id: Some("003A".into()),
        field: Some(field.into()),
        code: code.into(),
        cause: "refused".into(),
        remedy: "ask".into(),
    };
    let settle = |issues: Vec<NewIssue>| Settlement { issues, ..nothing() };
    let list = async |of: Option<ProfileKind>, limit| {
        let filter = IssueFilter { profile: of.map(|kind| (kind, "u1".to_owned())), ..IssueFilter::default() };
        let listed = store.issues(linked.connection, &filter, None, limit).await.unwrap();
        listed.into_iter().map(|listed| listed.issue).collect::<Vec<_>>()
    };
    let work = linked.look("u1").await;
    linked.finish(&work, settle(vec![issue("A", "1"), issue("B", "1"), issue("A", "2")])).await;
    let first = list(None, 10).await;
    assert_eq!(first.len(), 2);
    assert!(first.iter().all(|issue| (issue.count, issue.first_at, issue.last_at) == (1, at(START_MS), at(START_MS))));
    linked.world.clock.advance_ms(5);
    let work = linked.look("u1").await;
    linked.finish(&work, settle(vec![issue("B", "3")])).await;
    let second = list(Some(ProfileKind::User), 10).await;
    assert_eq!(second.len(), 1);
    assert!(first.iter().any(|first| first.id == second[0].id));
    assert_eq!((second[0].count, second[0].first_at, second[0].last_at), (2, at(START_MS), at(START_MS + 5)));
    assert_eq!((&second[0].issue, second[0].profile_kind), (&issue("B", "3"), ProfileKind::User));
    assert!(list(Some(ProfileKind::Company), 10).await.is_empty());
    assert!(list(None, 0).await.is_empty());
    assert_eq!(store.counts(linked.connection, Some(linked.mapping.id)).await.unwrap().issues, 1);
    let work = linked.look("u1").await;
    linked.finish(&work, nothing()).await;
    assert!(list(None, 10).await.is_empty());
}

/// More than one statement takes.
pub(crate) async fn many_items_are_finished_at_once(world: World) {
    const MANY: usize = 1_203;
    let mapped = world.mapped().await;
    let id = |n: usize| format!("u{n:04}");
    let email = |n: usize| format!("u{n}@acme.test");
    let write = (0..MANY).map(|n| upsert(ProfileKind::User, &id(n), &[("email", email(n).as_str())]));
    mapped.world.write(write.collect()).await;
    let due = mapped.world.store.due_work(&mapped.lease, Lane::Remote, None, 5_000).await.unwrap();
    assert_eq!(due.len(), MANY);
    let found = due.iter().enumerate().map(|(n, work)| syncline_model::work::Found {
        key: work.key.clone(),
        match_key: work.match_key.clone().unwrap(),
        candidates: 1,
        record: Some(record(&format!("003{n}"), &[("Title", "CTO")])),
        asked_at: None,
    });
    mapped.world.store.record_found(&mapped.lease, found.collect()).await.unwrap();
    let finished = due.into_iter().map(|work| Finish {
        key: work.key,
        generation: work.generation,
        outcome: Outcome::Settled(Settlement { attributes: values(&[("title", "CTO")]), ..nothing() }),
    });
    mapped.world.store.finish(&mapped.lease, finished.collect()).await.unwrap();
    let counts = mapped.world.store.counts(mapped.connection, None).await.unwrap();
    assert_eq!(counts, Counts { waiting: 0, links: MANY as u64, issues: 0 });
    let changes = (0..MANY).map(|n| news(&format!("003{n}"), 1, &[("Title", "CEO")]));
    mapped.take_in(batch(changes.collect())).await;
    assert_eq!(mapped.world.store.count_due(mapped.connection, Lane::Local, None, 5_000).await.unwrap(), 1_203);
    assert_eq!(mapped.world.profile(&id(MANY - 1)).await.unwrap().attribute("title"), &"CTO".into());
}
