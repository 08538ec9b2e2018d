//! SQLite and memory, given the same random story, tell the same at every step.

use proptest::prelude::*;
use secrecy::SecretString;
use syncline_model::{
    Number, Value,
    attribute::AttributeOperation,
    change::{Position, RecordEffect, RecordedChanges},
    clock::Clock,
    connection::Lease,
    custom_field::{WantedField, WantedFieldKind, WantedFieldState},
    feed::{Feed, FeedWay, NewestChange},
    id::{ConnectionId, MappingId},
    issue::{IssueFilter, IssueKind, ListedIssue, NewIssue},
    mapping::{FieldMapping, MappingDefinition, MatchKey},
    profile::{ProfileFilter, ProfileKind, ProfileWrite},
    work::{Finish, Found, Lane, Outcome, Settlement, Sources, Work, WorkKey},
};

use crate::{
    database,
    world::{NODE, STREAM, TTL_MS, World, at, batch, change, contacts, news, org, record, values},
};

const CASES: u32 = 64;
const USERS: [&str; 4] = ["u0", "u1", "u2", "u3"];
const COMPANIES: [&str; 2] = ["c0", "c1"];
const KEYS: [&str; 3] = ["a@x.test", "b@x.test", "c@x.test"];
const RECORDS: [&str; 3] = ["003A", "003B", "003C"];

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<ProfileWrite>),
    News {
        record: usize,
        number: i64,
        kind: u8,
        title: usize,
        key: Option<(usize, usize)>,
        resync: bool,
        position: u8,
    },
    /// A read by record, title and time; the record that is gone.
    Sweep {
        read: Option<(usize, usize, i64)>,
        gone: Option<usize>,
        news: Option<(usize, i64)>,
        newest: bool,
    },
    SaveFeeds {
        contact: Option<bool>,
        account: bool,
    },
    SayField(u8),
    Found {
        user: usize,
        key: usize,
        record: Option<(usize, usize)>,
        modified_s: i64,
        asked_at: Option<i64>,
    },
    Reads {
        record: usize,
        title: usize,
        modified_s: i64,
        missing: bool,
        revision: i64,
    },
    Associate {
        user: usize,
        record: usize,
    },
    Take(Lane),
    Finish {
        outcome: u8,
        title: usize,
        unlink: bool,
        written: bool,
        issues: u8,
    },
    Advance(i64),
    MarkAll,
    RetryIssues {
        search: Option<usize>,
    },
    LosePosition,
    EditMapping {
        by_id: bool,
        second: bool,
    },
    DeleteSecond,
    Reconnect {
        first_disconnect: bool,
    },
}

fn any_user() -> impl Strategy<Value = String> {
    proptest::sample::select(&USERS[..]).prop_map(str::to_owned)
}

fn any_company() -> impl Strategy<Value = String> {
    proptest::sample::select(&COMPANIES[..]).prop_map(str::to_owned)
}

fn any_operation() -> impl Strategy<Value = (String, AttributeOperation)> {
    let named = |name: &'static str, value: Value| (name.to_owned(), AttributeOperation::set(value));
    prop_oneof![
        4 => proptest::sample::select(vec!["a@x.test", " A@x.test", "b@x.test", "c@x.test", ""])
            .prop_map(move |email| named("email", email.into())),
        2 => proptest::sample::select(vec!["pro", "free", ""]).prop_map(move |plan| named("plan", plan.into())),
        2 => proptest::sample::select(vec!["t0", "t1", ""]).prop_map(move |title| named("title", title.into())),
        // Whichever comes first decides the type, and the other may not fit it.
        1 => prop_oneof![Just(Value::from("seven")), Just(Value::Number(Number::new(7.0).unwrap()))]
            .prop_map(move |age| named("age", age)),
    ]
}

fn any_write() -> impl Strategy<Value = ProfileWrite> {
    let operations = || proptest::collection::vec(any_operation(), 0..3);
    prop_oneof![
        6 => (any_user(), operations(), any::<bool>()).prop_map(|(id, operations, seen)| {
            ProfileWrite::Upsert { kind: ProfileKind::User, id, operations, seen }
        }),
        2 => (any_company(), operations()).prop_map(|(id, operations)| {
            ProfileWrite::Upsert { kind: ProfileKind::Company, id, operations, seen: false }
        }),
        1 => any_user().prop_map(|id| ProfileWrite::Delete { kind: ProfileKind::User, id }),
        1 => any_company().prop_map(|id| ProfileWrite::Delete { kind: ProfileKind::Company, id }),
        2 => (any_user(), any_company(), operations()).prop_map(|(user_id, company_id, operations)| {
            ProfileWrite::Join { user_id, company_id, operations }
        }),
        1 => (any_user(), any_company()).prop_map(|(user_id, company_id)| ProfileWrite::Leave { user_id, company_id }),
        1 => (any_user(), proptest::collection::vec(any_company(), 0..2))
            .prop_map(|(user_id, keep)| ProfileWrite::Prune { user_id, keep }),
        1 => (any_user(), proptest::option::of(any_company()), 0..3_i64).prop_map(|(user, company_id, time)| ProfileWrite::Track {
            name: "clicked".into(),
            time: at(time),
            attributes: values(&[("button", "save")]),
            user_id: Some(user),
            company_id,
        }),
        1 => (any_user(), 0..3_i64, proptest::sample::select(vec!["yes", "no", ""])).prop_map(|(user, time, answer)| {
            ProfileWrite::Track {
                name: "question_answered".into(),
                time: at(time),
                attributes: values(&[("question_cvid", "q1"), ("question_name", answer), ("text_answer", answer)]),
                user_id: Some(user),
                company_id: None,
            }
        }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let place = 0..3_usize;
    prop_oneof![
        8 => proptest::collection::vec(any_write(), 1..4).prop_map(Step::Write),
        4 => (
            place.clone(), 0..12_i64, 0..4_u8, place.clone(), proptest::option::of((place.clone(), place.clone())),
            proptest::bool::weighted(0.1), 0..3_u8,
        ).prop_map(|(record, number, kind, title, key, resync, position)| {
            Step::News { record, number, kind, title, key, resync, position }
        }),
        6 => (0..4_usize, place.clone(), proptest::option::weighted(0.8, (place.clone(), place.clone())), 0..20_i64, proptest::option::of(0..4_i64))
            .prop_map(|(user, key, record, modified_s, asked_at)| Step::Found { user, key, record, modified_s, asked_at }),
        2 => (place.clone(), place.clone(), 0..20_i64, any::<bool>(), 0..4_i64).prop_map(
            |(record, title, modified_s, missing, revision)| Step::Reads { record, title, modified_s, missing, revision }
        ),
        4 => (
            proptest::option::weighted(0.8, (place.clone(), place.clone(), 0..20_i64)),
            proptest::option::weighted(0.2, place.clone()), proptest::option::weighted(0.3, (place.clone(), 0..12_i64)),
            any::<bool>(),
        ).prop_map(|(read, gone, news, newest)| Step::Sweep { read, gone, news, newest }),
        1 => (proptest::option::weighted(0.8, any::<bool>()), any::<bool>())
            .prop_map(|(contact, account)| Step::SaveFeeds { contact, account }),
        1 => (0..3_u8).prop_map(Step::SayField),
        3 => (0..4_usize, place.clone()).prop_map(|(user, record)| Step::Associate { user, record }),
        5 => prop_oneof![Just(Lane::Spread), Just(Lane::Local), Just(Lane::Remote)].prop_map(Step::Take),
        6 => (0..5_u8, place, any::<bool>(), any::<bool>(), 0..4_u8).prop_map(
            |(outcome, title, unlink, written, issues)| Step::Finish { outcome, title, unlink, written, issues }
        ),
        2 => (1..3_000_i64).prop_map(Step::Advance),
        1 => Just(Step::MarkAll),
        1 => proptest::option::of(0..4_usize).prop_map(|search| Step::RetryIssues { search }),
        1 => Just(Step::LosePosition),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(by_id, second)| Step::EditMapping { by_id, second }),
        1 => Just(Step::DeleteSecond),
        1 => any::<bool>().prop_map(|first_disconnect| Step::Reconnect { first_disconnect }),
    ]
}

/// One store in the midst of a story.
struct Teller {
    world: World,
    connection: ConnectionId,
    mapping: MappingId,
    second: Option<MappingId>,
    lease: Lease,
    /// What was taken last, which may be out of date when it is finished.
    taken: Vec<Work>,
}

impl Teller {
    async fn new(world: World) -> Self {
        let mapped = world.mapped().await;
        let (connection, mapping) = (mapped.connection, mapped.mapping.id);
        Self { world: mapped.world, connection, mapping, second: None, lease: mapped.lease, taken: Vec::new() }
    }

    /// Takes a step; what came of it as text without what is random.
    async fn take(&mut self, step: &Step) -> String {
        let store = self.world.store.clone();
        let mut missed = Vec::new();
        let told = match step.clone() {
            Step::Write(write) => store.write(self.world.environment, &write).await.map(drop),
            Step::News { record, number, kind, title, key, resync, position } => {
                let effect = match kind {
                    0 => RecordEffect::Gone,
                    1 => RecordEffect::Unknown,
                    _ => RecordEffect::Values { values: values(&[("Title", KEYS[title])]), complete: kind == 2 },
                };
                let keys = key.map(|(key, record)| {
                    (self.mapping, MatchKey::from_normal(KEYS[key].into()), RECORDS[record].to_owned())
                });
                let changes = RecordedChanges {
                    keys: keys.into_iter().collect(),
                    resync: (resync && title > 0).then_some(self.mapping).into_iter().collect(),
                    resync_objects: (resync && title < 2).then(|| "Contact".to_owned()).into_iter().collect(),
                    position: (position > 0).then(|| Position(vec![position])),
                    newest: if position > 1 {
                        vec![NewestChange { object: "Contact".into(), commit_ms: number, delay_ms: 5 }]
                    } else {
                        Vec::new()
                    },
                    ..batch(vec![change(RECORDS[record], number, effect)])
                };
                store.record_changes(&self.lease, &changes).await.map(drop)
            }
            Step::Sweep { read: found, gone, news: heard, newest } => {
                let changes = RecordedChanges {
                    stream: "sweep/Contact".into(),
                    changes: heard
                        .map(|(id, number)| news(RECORDS[id], number, &[("Title", "t")]))
                        .into_iter()
                        .collect(),
                    reads: found.map(|(id, title, modified_s)| read(id, title, modified_s)).into_iter().collect(),
                    gone: gone.map(|id| ("Contact".to_owned(), RECORDS[id].to_owned())).into_iter().collect(),
                    newest: match found {
                        Some((_, _, commit_ms)) if newest => {
                            vec![NewestChange { object: "Contact".into(), commit_ms, delay_ms: 7 }]
                        }
                        _ => Vec::new(),
                    },
                    ..RecordedChanges::default()
                };
                store.record_changes(&self.lease, &changes).await.map(|told| missed = told)
            }
            Step::SaveFeeds { contact, account } => {
                let since = self.world.clock.now();
                let feed = |object: &str, is_late| Feed {
                    object: object.to_owned(),
                    way: if is_late { FeedWay::Polling } else { FeedWay::Stream },
                    reason: is_late.then(|| "late".to_owned()),
                    since,
                    expected_delay_ms: 1_000,
                    last_change_at: None,
                    last_delay_ms: None,
                };
                let contact = contact.map(|is_late| feed("Contact", is_late));
                let feeds: Vec<Feed> = contact.into_iter().chain(account.then(|| feed("Account", true))).collect();
                store.save_feeds(&self.lease, &feeds).await
            }
            Step::SayField(state) => {
                let state =
                    [WantedFieldState::Wanted, WantedFieldState::Usable, WantedFieldState::Refused][usize::from(state)];
                store.save_wanted_field(&self.lease, &WantedField { state, ..wanted() }).await
            }
            Step::Found { user, key, record, modified_s, asked_at } => {
                let found = Found {
                    key: WorkKey { mapping_id: self.mapping, profile_id: USERS[user].into() },
                    match_key: MatchKey::from_normal(KEYS[key].into()),
                    candidates: u32::from(record.is_some()),
                    record: record.map(|(id, title)| read(id, title, modified_s)),
                    asked_at,
                };
                store.record_found(&self.lease, vec![found]).await
            }
            Step::Reads { record, title, modified_s, missing, revision } => {
                let asked = [(RECORDS[record].to_owned(), revision)];
                let read = (!missing).then(|| read(record, title, modified_s)).into_iter().collect();
                store.record_reads(&self.lease, "Contact", &asked, read).await
            }
            Step::Associate { user, record } => {
                let key = WorkKey { mapping_id: self.mapping, profile_id: USERS[user].into() };
                let needed = vec![(key, vec![("Contact".to_owned(), RECORDS[record].to_owned())])];
                store.associate(&self.lease, needed).await
            }
            Step::Take(lane) => store.due_work(&self.lease, lane, None, 100).await.map(|mut taken| {
                // Which of two mappings' items comes first at one time goes by their ids, which are random.
                taken.sort_by_key(|work| (self.name(work.key.mapping_id), work.key.profile_id.clone()));
                taken.truncate(3);
                self.taken = taken;
            }),
            Step::Finish { outcome, title, unlink, written, issues } => {
                let finished = self.taken.iter().map(|work| Finish {
                    key: work.key.clone(),
                    generation: work.generation,
                    outcome: match outcome {
                        0 => Outcome::NeedsCall,
                        1 => Outcome::Retry { at: at(crate::world::START_MS + 2_000) },
                        _ => Outcome::Settled(settlement(work, title, unlink, written, issues)),
                    },
                });
                store.finish(&self.lease, finished.collect()).await
            }
            Step::Advance(ms) => {
                self.world.clock.advance_ms(ms);
                Ok(())
            }
            Step::MarkAll => store.mark_all_due(self.connection, self.mapping).await.map(|_| ()),
            Step::RetryIssues { search } => {
                let search = search.map(|user| USERS[user].to_owned());
                let filter = IssueFilter { search, ..IssueFilter::default() };
                let retried = store.retry_issues(self.connection, &filter).await;
                retried.map(|retried| missed.push((retried.issues.to_string(), retried.items.to_string())))
            }
            Step::LosePosition => store.lose_position(&self.lease, STREAM).await,
            Step::EditMapping { by_id, second } => {
                let definition = definition(by_id);
                if second {
                    let saved = store.save_mapping(self.connection, self.second, &definition, &[], &[wanted()]).await;
                    saved.map(|saved| self.second = Some(saved.id))
                } else {
                    store
                        .save_mapping(self.connection, Some(self.mapping), &definition, &[], &[wanted()])
                        .await
                        .map(|_| ())
                }
            }
            Step::DeleteSecond => match self.second.take() {
                Some(second) => store.delete_mapping(self.connection, second).await,
                None => Ok(()),
            },
            Step::Reconnect { first_disconnect } => {
                if first_disconnect {
                    store.disconnect(self.connection).await.unwrap();
                    store.release_lease(&self.lease).await.unwrap();
                }
                let connect = store.connect(self.world.environment, &org("00D1"), &SecretString::from("t")).await;
                self.lease = store.acquire_lease(self.connection, NODE, TTL_MS).await.unwrap().unwrap();
                connect.map(|_| ())
            }
        };
        match told {
            Ok(()) => format!("done {missed:?}"),
            Err(error) => error.to_string(),
        }
    }

    fn name(&self, mapping: MappingId) -> &'static str {
        if mapping == self.mapping { "first" } else { "second" }
    }

    /// All that can be asked, without ids that are random and generations that each store numbers in its own way.
    async fn tell(&self) -> Vec<String> {
        let (store, environment) = (&self.world.store, self.world.environment);
        let mut told = Vec::new();
        for kind in [ProfileKind::User, ProfileKind::Company] {
            let filter = ProfileFilter { limit: 100, ..ProfileFilter::default() };
            let page = store.profiles(environment, kind, &filter).await.unwrap();
            told.extend(page.data.iter().map(|profile| format!("{profile:?}")));
        }
        for id in USERS {
            told.push(format!("{:?}", store.memberships(environment, ProfileKind::User, id).await.unwrap()));
        }
        told.push(format!("{:?}", store.attribute_definitions(environment, None).await.unwrap()));
        told.push(format!("{:?}", store.event_definitions(environment).await.unwrap()));
        told.push(format!("{:?}", store.question_definitions(environment).await.unwrap()));
        for lane in [Lane::Spread, Lane::Local, Lane::Remote] {
            let mut lines: Vec<String> = Vec::new();
            for work in store.due_work(&self.lease, lane, None, 100).await.unwrap() {
                let Work {
                    key,
                    generation: _,
                    due_at: _,
                    attempts,
                    profile,
                    match_key,
                    searched,
                    candidates,
                    was_linked,
                    record,
                    associated,
                    speaks,
                } = work;
                let mapping = self.name(key.mapping_id);
                lines.push(format!(
                    "{lane:?} {mapping} {} {attempts} {profile:?} {match_key:?} {searched} {candidates} {was_linked} {record:?} {associated:?} {speaks}",
                    key.profile_id
                ));
            }
            // Two mappings' ids have no order that both stores share.
            lines.sort();
            told.extend(lines);
        }
        let users: Vec<String> = USERS.map(str::to_owned).to_vec();
        for link in store.links(self.connection, ProfileKind::User, &users).await.unwrap() {
            let mapping = self.name(link.mapping_id);
            told.push(format!("{mapping} {} {} {:?}", link.profile_id, link.record_id, link.linked_at));
        }
        let mut issues = Vec::new();
        for ListedIssue { issue, waiting, .. } in
            store.issues(self.connection, &IssueFilter::default(), None, 100).await.unwrap()
        {
            let (mapping, times) = (self.name(issue.mapping_id), (issue.first_at, issue.last_at, issue.count));
            issues.push(format!("{mapping} {} {:?} {times:?} {waiting}", issue.profile_id, issue.issue));
        }
        issues.sort();
        told.extend(issues);
        for group in store.issue_groups(self.connection, &IssueFilter::default()).await.unwrap() {
            let NewIssue { kind, field, code, .. } = group.sample.issue;
            let (mapping, numbers) = (self.name(group.sample.mapping_id), (group.issues, group.waiting));
            told.push(format!("{mapping} {kind:?} {field:?} {code} {numbers:?} {} {}", group.first_at, group.last_at));
        }
        told.push(store.examination_requests(self.connection).await.unwrap().to_string());
        told.push(format!("{:?}", store.counts(self.connection, None).await.unwrap()));
        told.push(format!("{:?}", store.counts(self.connection, Some(self.mapping)).await.unwrap()));
        told.push(format!("{:?}", store.position(self.connection, STREAM).await.unwrap()));
        let connection = store.connection(environment).await.unwrap().unwrap();
        told.push(format!("{:?} {} {:?}", connection.status, connection.epoch, connection.stream));
        told.push(format!("{:?}", store.feeds(self.connection).await.unwrap()));
        told.push(format!("{:?}", store.wanted_fields(self.connection).await.unwrap()));
        let mappings = store.mappings(self.connection).await.unwrap();
        told.extend(
            mappings.iter().map(|mapping| format!("{} {} {:?}", mapping.version, mapping.position, mapping.definition)),
        );
        told
    }
}

fn definition(by_id: bool) -> MappingDefinition {
    let mut definition = contacts();
    if by_id {
        definition.match_rule.userflow = "user_id".into();
        definition.outbound = vec![FieldMapping::new("event.clicked.count", "Clicks__c")];
    }
    definition
}

fn read(id: usize, title: usize, modified_s: i64) -> syncline_model::record::Record {
    let modstamp = at(crate::world::START_MS + modified_s * 1_000);
    syncline_model::record::Record { modstamp, ..record(RECORDS[id], &[("Title", KEYS[title])]) }
}

fn wanted() -> WantedField {
    WantedField {
        object: "Contact".into(),
        name: "Plan__c".into(),
        label: "Plan".into(),
        kind: WantedFieldKind::Text,
        state: WantedFieldState::Wanted,
        detail: None,
    }
}

fn settlement(work: &Work, title: usize, unlink: bool, written: bool, issues: u8) -> Settlement {
    let issue = |field: &str| NewIssue {
        kind: if field == "A" { IssueKind::ValueMisfit } else { IssueKind::AmbiguousKey },
        record_id: None,
        field: Some(field.into()),
        code: String::new(),
        cause: "it does not fit".into(),
        remedy: "change it".into(),
    };
    Settlement {
        attributes: values(&[("title", ["t0", "t1", ""][title])]),
        unlink,
        written: if written { values(&[("Plan__c", KEYS[title])]) } else { values(&[]) },
        sources: Sources {
            attributes: [("title".into(), "Title".into())].into(),
            fields: [("Plan__c".into(), "plan".into())].into(),
        },
        record_revision: work.record.as_ref().map_or(0, |record| record.revision),
        dissociated: if unlink { work.associated.keys().cloned().collect() } else { Vec::new() },
        issues: ["A", "B"].iter().take(usize::from(issues.min(2))).map(|field| issue(field)).collect(),
    }
}

#[test]
fn sqlite_and_memory_tell_the_same_story() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec(any_step(), 20..60))| {
        runtime.block_on(async {
            let mut memory = Teller::new(database::memory().await).await;
            let mut sqlite = Teller::new(database::open_at("sqlite::memory:").await).await;
            for (number, step) in steps.iter().enumerate() {
                let (there, here) = (sqlite.take(step).await, memory.take(step).await);
                prop_assert_eq!(there, here, "step {}: {:?}", number, step);
                let (there, here) = (sqlite.tell().await, memory.tell().await);
                prop_assert_eq!(there, here, "after step {}: {:?}", number, step);
            }
            Ok(())
        })?;
    });
}
