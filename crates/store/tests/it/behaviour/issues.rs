//! Sync issues: lists, groups, and trying again.

use syncline_model::{
    clock::Clock,
    id::{IssueId, MappingId},
    issue::{IssueFilter, IssueGroup, IssueKind, ListedIssue, NewIssue, Retried},
    profile::ProfileKind,
    store::Signal,
    work::{Finish, Lane, Outcome, Settlement},
};

use crate::world::{Mapped, START_MS, World, at, contacts, upsert};

fn issue(kind: IssueKind, field: &str, code: &str) -> NewIssue {
    NewIssue {
        kind,
        record_id: Some("003A".into()),
        field: (!field.is_empty()).then(|| field.into()),
        code: code.into(),
        cause: format!("Refused: 50 % of {field}"),
        remedy: "Ask".into(),
    }
}

fn misfit(field: &str) -> NewIssue {
    issue(IssueKind::ValueMisfit, field, "")
}

fn any() -> IssueFilter {
    IssueFilter::default()
}

/// Users with a name and a mapping that covers them, nothing due.
async fn with_users(world: World, users: &[(&str, &str)]) -> Mapped {
    for (id, name) in users {
        world.user(id, &[("name", name), ("email", format!("{id}@acme.test").as_str())]).await;
    }
    let mapped = world.mapped().await;
    mapped.settle_all().await;
    mapped
}

impl Mapped {
    /// Something of the user changes, and the mapping's item settles with these issues alone.
    async fn settle_with(&self, user: &str, issues: Vec<NewIssue>) {
        self.world.user(user, &[("plan", &IssueId::new(self.world.clock.now()).to_string())]).await;
        let mut due = self.all_due().await.into_values().map(|(_, work)| work);
        let work = due.find(|work| work.key == self.key(user)).unwrap();
        self.settle_others(&work).await;
        self.finish(&work, Settlement { issues, ..Settlement::default() }).await;
    }

    async fn listed(&self, filter: &IssueFilter) -> Vec<ListedIssue> {
        self.world.store.issues(self.connection, filter, None, 5_000).await.unwrap()
    }

    /// Profiles and fields of the issues that a filter means, in order.
    async fn meant(&self, filter: IssueFilter) -> Vec<String> {
        let listed = self.listed(&filter).await;
        let mut meant: Vec<String> = listed
            .into_iter()
            .map(|ListedIssue { issue, .. }| {
                format!("{} {}", issue.profile_id, issue.issue.field.unwrap_or_default()).trim().to_owned()
            })
            .collect();
        meant.sort();
        meant
    }

    async fn groups(&self, filter: &IssueFilter) -> Vec<IssueGroup> {
        self.world.store.issue_groups(self.connection, filter).await.unwrap()
    }

    async fn retry(&self, filter: &IssueFilter) -> Retried {
        self.world.store.retry_issues(self.connection, filter).await.unwrap()
    }
}

pub(crate) async fn issues_are_listed_newest_first_page_by_page(world: World) {
    let mapped = with_users(world, &[("u1", "Ada"), ("u2", "Bob"), ("u3", "Cyd")]).await;
    for user in ["u2", "u3", "u1"] {
        mapped.world.clock.advance_ms(5);
        mapped.settle_with(user, vec![misfit("Plan__c")]).await;
    }
    let store = &mapped.world.store;
    let page = async |after, limit| {
        let listed = store.issues(mapped.connection, &any(), after, limit).await.unwrap();
        let ids: Vec<String> = listed.iter().map(|listed| listed.issue.profile_id.clone()).collect();
        (ids, listed.last().map(|listed| listed.issue.id))
    };
    let (first, last) = page(None, 2).await;
    assert_eq!(first, ["u1", "u3"]);
    // The one that a page ended with may be gone by the time the next one is asked for, and those before it may be seen again.
    mapped.settle_with("u3", Vec::new()).await;
    mapped.settle_with("u1", vec![misfit("Plan__c")]).await;
    assert_eq!(page(last, 2).await.0, ["u2"]);
    assert_eq!(page(page(last, 2).await.1, 2).await.0, [""; 0]);
    assert_eq!(page(None, 0).await.0, [""; 0]);
    let listed = mapped.listed(&any()).await.remove(0);
    assert_eq!(listed.attributes["name"], "Ada".into());
    assert_eq!((listed.issue.count, listed.waiting), (2, false));
}

pub(crate) async fn issues_are_grouped_by_what_they_have_in_common(world: World) {
    let mapped = with_users(world, &[("u1", "Ada"), ("u2", "Bob")]).await;
    let second = mapped.world.store.save_mapping(mapped.connection, None, &contacts(), &[], &[]).await.unwrap();
    mapped.settle_all().await;
    mapped
        .settle_with("u1", vec![misfit("Plan__c"), misfit("Seats__c"), issue(IssueKind::RecordRejected, "", "A")])
        .await;
    mapped.world.clock.advance_ms(5);
    let other = NewIssue { cause: "Refused otherwise".into(), ..misfit("Plan__c") };
    mapped.settle_with("u2", vec![other, issue(IssueKind::RecordRejected, "", "B")]).await;
    let key = |group: &IssueGroup| {
        let NewIssue { kind, field, code, .. } = group.sample.issue.clone();
        (group.sample.mapping_id, kind, field.unwrap_or_default(), code, group.issues)
    };
    let groups = mapped.groups(&any()).await;
    let first = mapped.mapping.id;
    let (misfits, refusals) = (IssueKind::ValueMisfit, IssueKind::RecordRejected);
    let expected = [
        (first, misfits, "Plan__c".into(), String::new(), 2),
        (first, misfits, "Seats__c".into(), String::new(), 1),
        (first, refusals, String::new(), "A".into(), 1),
        (first, refusals, String::new(), "B".into(), 1),
    ];
    assert_eq!(groups.iter().map(key).collect::<Vec<_>>(), expected);
    assert_eq!((groups[0].first_at, groups[0].last_at), (at(START_MS), at(START_MS + 5)));
    assert_eq!(groups[0].sample.issue.cause, "Refused otherwise");
    assert!(groups.iter().all(|group| group.waiting == 0));

    // Another mapping's are others, in the order of mappings.
    mapped.world.store.mark_all_due(mapped.connection, second.id).await.unwrap();
    for work in mapped.due(Lane::Remote).await {
        let settlement = Settlement { issues: vec![misfit("Plan__c")], ..Settlement::default() };
        let finish = Finish { key: work.key, generation: work.generation, outcome: Outcome::Settled(settlement) };
        mapped.world.store.finish(&mapped.lease, vec![finish]).await.unwrap();
    }
    let mappings = async || {
        let groups = mapped.groups(&IssueFilter { field: Some("Plan__c".into()), ..any() }).await;
        groups.iter().map(|group| group.sample.mapping_id).collect::<Vec<MappingId>>()
    };
    assert_eq!(mappings().await, [first, second.id]);
    mapped.world.store.order_mappings(mapped.connection, &[second.id, first]).await.unwrap();
    assert_eq!(mappings().await, [second.id, first]);
    mapped.world.store.delete_mapping(mapped.connection, first).await.unwrap();
    assert_eq!(mappings().await, [second.id]);
}

pub(crate) async fn issues_are_chosen_by_each_condition(world: World) {
    let mapped = with_users(world, &[("u1", "Ada"), ("u2", "Bob")]).await;
    mapped
        .settle_with("u1", vec![misfit("Plan__c"), issue(IssueKind::FieldRejected, "Seats__c", "STRING_TOO_LONG")])
        .await;
    mapped.settle_with("u2", vec![misfit("Plan__c"), issue(IssueKind::RecordRejected, "", "LOCKED")]).await;
    let plan = mapped.listed(&IssueFilter { search: Some("u1@acme".into()), ..any() }).await;
    let plan = plan.into_iter().find(|listed| listed.issue.issue.kind == IssueKind::ValueMisfit).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (any(), vec!["u1 Plan__c", "u1 Seats__c", "u2", "u2 Plan__c"]),
        (IssueFilter { id: Some(plan.issue.id), ..any() }, vec!["u1 Plan__c"]),
        (IssueFilter { id: Some(IssueId::new(at(START_MS))), ..any() }, vec![]),
        (
            IssueFilter { mappings: Some(vec![mapped.mapping.id]), kind: Some(IssueKind::FieldRejected), ..any() },
            vec!["u1 Seats__c"],
        ),
        (IssueFilter { mappings: Some(vec![MappingId::new(at(START_MS))]), ..any() }, vec![]),
        (IssueFilter { mappings: Some(Vec::new()), ..any() }, vec![]),
        (IssueFilter { code: text("LOCKED"), ..any() }, vec!["u2"]),
        (IssueFilter { code: text(""), ..any() }, vec!["u1 Plan__c", "u2 Plan__c"]),
        (IssueFilter { field: text("Seats__c"), ..any() }, vec!["u1 Seats__c"]),
        (IssueFilter { field: text(""), ..any() }, vec!["u2"]),
        (IssueFilter::of_profile(ProfileKind::User, "u2"), vec!["u2", "u2 Plan__c"]),
        (IssueFilter::of_profile(ProfileKind::Company, "u2"), vec![]),
        (IssueFilter { search: text(" BOB "), ..any() }, vec!["u2", "u2 Plan__c"]),
        (IssueFilter { search: text("003a"), kind: Some(IssueKind::RecordRejected), ..any() }, vec!["u2"]),
        (IssueFilter { search: text("too_long"), ..any() }, vec!["u1 Seats__c"]),
        (IssueFilter { search: text("of seats"), ..any() }, vec!["u1 Seats__c"]),
        (IssueFilter { search: text("nobody"), ..any() }, vec![]),
        (IssueFilter { search: text("  "), ..any() }, vec!["u1 Plan__c", "u1 Seats__c", "u2", "u2 Plan__c"]),
    ];
    for (filter, expected) in cases {
        let groups = mapped.groups(&filter).await;
        assert_eq!(groups.iter().map(|group| group.issues).sum::<u64>(), expected.len() as u64, "{filter:?}");
        assert_eq!(mapped.meant(filter.clone()).await, expected, "{filter:?}");
    }
    // A profile that is gone is still found by its id.
    mapped
        .world
        .write(vec![syncline_model::profile::ProfileWrite::Delete { kind: ProfileKind::User, id: "u2".into() }])
        .await;
    assert_eq!(mapped.meant(IssueFilter { search: text("U2"), ..any() }).await, ["u2", "u2 Plan__c"]);
    assert_eq!(mapped.meant(IssueFilter { search: text("Bob"), ..any() }).await, [""; 0]);
    assert!(mapped.listed(&IssueFilter { search: text("u2"), ..any() }).await[0].attributes.is_empty());
}

pub(crate) async fn search_takes_wildcards_and_zero_characters_as_they_are(world: World) {
    let mapped = with_users(world, &[("u1", "Ada")]).await;
    mapped.settle_with("u1", vec![misfit("Plan__c")]).await;
    let found = async |text: &str| mapped.meant(IssueFilter { search: Some(text.into()), ..any() }).await.len();
    assert_eq!((found("50 % of").await, found("n__c").await), (1, 1));
    assert_eq!((found("5%%").await, found("a_a").await, found("\\").await), (0, 0, 0));
    assert_eq!(found("\0").await, 1);
    let by_code = IssueFilter { code: Some("\0".into()), field: Some("\0".into()), ..any() };
    assert_eq!(mapped.meant(by_code).await, [""; 0]);
}

pub(crate) async fn retrying_makes_the_items_due_at_once_and_says_how_many(world: World) {
    let mapped = with_users(world, &[("u1", "Ada"), ("u2", "Bob"), ("u3", "Cyd")]).await;
    let refused = |field| issue(IssueKind::FieldRejected, field, "");
    mapped.settle_with("u1", vec![refused("Plan__c"), refused("Seats__c")]).await;
    mapped.settle_with("u2", vec![refused("Plan__c")]).await;
    let store = &mapped.world.store;
    let (work, view) = (mapped.world.count(Signal::Work).await, mapped.world.count(Signal::View).await);

    let nothing = IssueFilter { id: Some(IssueId::new(at(START_MS))), ..any() };
    assert_eq!(mapped.retry(&nothing).await, Retried::default());
    assert_eq!(mapped.world.count(Signal::Work).await, work);

    let one = mapped.listed(&IssueFilter { field: Some("Seats__c".into()), ..any() }).await.remove(0);
    let filter = IssueFilter { id: Some(one.issue.id), ..any() };
    assert_eq!(mapped.retry(&filter).await, Retried { issues: 1, items: 1 });
    assert!(mapped.world.count(Signal::Work).await > work && mapped.world.count(Signal::View).await > view);
    assert_eq!(mapped.due_ids(Lane::Remote).await, ["u1"]);
    // The item is what is tried again, with all its issues.
    let waiting: Vec<u64> = mapped.groups(&any()).await.iter().map(|group| group.waiting).collect();
    assert_eq!(waiting, [1, 1]);
    assert!(mapped.listed(&filter).await[0].waiting);

    // What waits for its next try does not wait any longer.
    let later = at(mapped.world.clock.now().as_millisecond() + 60_000);
    let due = mapped.due(Lane::Remote).await.remove(0);
    let put_off = Finish { key: due.key.clone(), generation: due.generation, outcome: Outcome::Retry { at: later } };
    store.finish(&mapped.lease, vec![put_off]).await.unwrap();
    assert!(mapped.all_due().await.is_empty() && mapped.listed(&filter).await[0].waiting);
    assert_eq!(
        mapped.retry(&IssueFilter { field: Some("Plan__c".into()), ..any() }).await,
        Retried { issues: 2, items: 2 }
    );
    assert_eq!(mapped.due_ids(Lane::Remote).await, ["u1", "u2"]);
    assert_eq!(mapped.retry(&any()).await, Retried { issues: 3, items: 2 });
    assert_eq!(store.examination_requests(mapped.connection).await.unwrap(), 0);

    // Whoever took an item before it was to be tried again does not take it off.
    mapped.finish(&due, Settlement::default()).await;
    assert_eq!(mapped.due_ids(Lane::Remote).await, ["u1", "u2"]);
    mapped.settle_all().await;
    assert!(mapped.listed(&any()).await.is_empty() && mapped.groups(&any()).await.is_empty());
}

pub(crate) async fn retrying_looks_up_again_what_a_look_up_told(world: World) {
    let mapped = with_users(world, &[("u1", "Ada"), ("u2", "Bob")]).await;
    for user in ["u1", "u2"] {
        let kind = if user == "u1" { IssueKind::AmbiguousKey } else { IssueKind::RecordRejected };
        mapped.settle_with(user, vec![issue(kind, "", "")]).await;
        mapped.found(user, &format!("{user}@acme.test"), None).await;
    }
    mapped.retry(&any()).await;
    let mut searched: Vec<_> =
        mapped.due(Lane::Remote).await.into_iter().map(|work| (work.key.profile_id, work.searched)).collect();
    searched.sort();
    assert_eq!(searched, [("u1".to_owned(), false), ("u2".to_owned(), true)]);
}

pub(crate) async fn retrying_asks_for_a_description_where_that_is_what_tells(world: World) {
    let mapped = with_users(world, &[("u1", "Ada"), ("u2", "Bob")]).await;
    mapped.settle_with("u1", vec![issue(IssueKind::SchemaChanged, "Plan__c", "")]).await;
    mapped.settle_with("u2", vec![issue(IssueKind::FieldRejected, "Plan__c", "")]).await;
    let requests = async || mapped.world.store.examination_requests(mapped.connection).await.unwrap();
    mapped.retry(&IssueFilter { kind: Some(IssueKind::FieldRejected), ..any() }).await;
    assert_eq!(requests().await, 0);
    mapped.retry(&any()).await;
    assert_eq!(requests().await, 1);
    mapped.settle_with("u1", vec![misfit("Plan__c")]).await;
    mapped.retry(&any()).await;
    assert_eq!(requests().await, 2);
}

/// More than one statement takes.
pub(crate) async fn thousands_are_retried_at_once(world: World) {
    const MANY: usize = 1_203;
    let mapped = world.mapped().await;
    let write =
        (0..MANY).map(|n| upsert(ProfileKind::User, &format!("u{n}"), &[("email", &format!("u{n}@acme.test"))]));
    mapped.world.write(write.collect()).await;
    let due = mapped.world.store.due_work(&mapped.lease, Lane::Remote, None, 5_000).await.unwrap();
    let finished = due.into_iter().map(|work| {
        let settlement = Settlement { issues: vec![misfit("Plan__c")], ..Settlement::default() };
        Finish { key: work.key, generation: work.generation, outcome: Outcome::Settled(settlement) }
    });
    mapped.world.store.finish(&mapped.lease, finished.collect()).await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut after = None;
    loop {
        let page = mapped.world.store.issues(mapped.connection, &any(), after, 200).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.issue.id);
        seen.extend(page.into_iter().map(|listed| listed.issue.profile_id));
    }
    assert_eq!(seen.len(), MANY);
    let all = MANY as u64;
    assert_eq!(mapped.retry(&any()).await, Retried { issues: all, items: all });
    let group = mapped.groups(&any()).await.remove(0);
    assert_eq!((group.issues, group.waiting), (all, all));
    assert_eq!(mapped.world.store.count_due(mapped.connection, Lane::Remote, None, 5_000).await.unwrap(), 1_203);
}
