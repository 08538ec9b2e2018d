//! What a profile's events add up to.

use std::collections::BTreeMap;

use syncline_model::{
    Number, Value, Values,
    attribute::DataType,
    mapping::FieldMapping,
    profile::{Profile, ProfileKind, ProfileWrite},
    summary::{EventSummary, LatestAnswer, Occurrences},
    work::Lane,
};

use crate::{
    database::{execute, open_at},
    world::{Mapped, START_MS, World, at, contacts, seen, upsert},
};

fn track(name: &str, time_ms: i64, attributes: Values, user: &str, company: Option<&str>) -> ProfileWrite {
    ProfileWrite::Track {
        name: name.into(),
        time: at(time_ms),
        attributes,
        user_id: Some(user.into()),
        company_id: company.map(str::to_owned),
    }
}

fn paid(time_ms: i64) -> ProfileWrite {
    track("paid", time_ms, Values::new(), "u1", None)
}

fn answered(time_ms: i64, question: &str, name: &str, field: &str, answer: Value) -> ProfileWrite {
    let attributes = [("question_cvid", question.into()), ("question_name", name.into()), (field, answer)];
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    track("question_answered", time_ms, attributes, "u1", Some("c1"))
}

fn number(value: f64) -> Value {
    Value::Number(Number::new(value).unwrap())
}

async fn company(world: &World) -> Profile {
    world.store.profile(world.environment, ProfileKind::Company, "c1").await.unwrap().unwrap()
}

async fn happen(world: &World) {
    world.user("u1", &[("plan", "pro")]).await;
    world.user("u2", &[]).await;
    world.write(vec![upsert(ProfileKind::Company, "c1", &[])]).await;
    let list = Value::List(vec!["speed".into(), "price \u{1f642}".into()]);
    world.write(vec![paid(2_000), paid(1_000)]).await;
    world.clock.advance_ms(10);
    world
        .write(vec![
            answered(500, "nps", "How likely?", "number_answer", number(9.5)),
            answered(400, "nps", "How likely?", "number_answer", number(3.0)),
            answered(500, "why", "Why?", "text_answer", "\"so\" it\n=1+1".into()),
            answered(600, "which", "Which?", "list_answer", list),
            answered(700, "passed", "Passed over", "flow_name", "Tour".into()),
            paid(3_000),
        ])
        .await;
}

pub(crate) async fn events_add_up_on_those_that_they_name(world: World) {
    happen(&world).await;
    let profile = world.profile("u1").await.unwrap();
    let paid_thrice = Occurrences { count: 3, first_ms: 1_000, last_ms: 3_000 };
    let asked = Occurrences { count: 5, first_ms: 400, last_ms: 700 };
    let events = BTreeMap::from([("paid".to_owned(), paid_thrice), ("question_answered".to_owned(), asked)]);
    assert_eq!(profile.summary.events, events);
    assert_eq!(profile.summary.answers["nps"], LatestAnswer { at_ms: 500, value: number(9.5) });
    assert_eq!(profile.summary.answers["passed"], LatestAnswer { at_ms: 700, value: Value::Null });
    assert_eq!(profile.revision, 1 + 8);
    let company = company(&world).await;
    assert_eq!(company.summary.answers, profile.summary.answers);
    assert_eq!(company.summary.events.keys().collect::<Vec<_>>(), ["question_answered"]);
    assert_eq!(world.profile("u2").await.unwrap().summary, EventSummary::default());

    // Who is deleted starts over, within a write too; and an event of nobody is recorded all the same.
    let delete = || ProfileWrite::Delete { kind: ProfileKind::User, id: "u1".into() };
    world.write(vec![paid(4_000), delete(), upsert(ProfileKind::User, "u1", &[]), paid(5_000)]).await;
    let once = Occurrences { count: 1, first_ms: 5_000, last_ms: 5_000 };
    assert_eq!(world.profile("u1").await.unwrap().summary.events, BTreeMap::from([("paid".to_owned(), once)]));
    world.write(vec![delete(), paid(6_000)]).await;
    assert_eq!(world.profile("u1").await, None);
}

pub(crate) async fn an_answer_makes_its_question_known(world: World) {
    happen(&world).await;
    world.write(vec![answered(900, "nps", "How likely now?", "text_answer", "very".into())]).await;
    let known = world.store.question_definitions(world.environment).await.unwrap();
    let known: Vec<_> = known.iter().map(|known| (known.id.as_str(), known.name.as_str(), known.data_type)).collect();
    let wanted = [
        ("nps", "How likely now?", DataType::Number),
        ("which", "Which?", DataType::List),
        ("why", "Why?", DataType::String),
    ];
    assert_eq!(known, wanted, "the name follows, the type stays; what was only passed over is not known");
}

async fn send(linked: &Mapped, sources: &[&str]) {
    let mut definition = contacts();
    let lines = sources.iter().enumerate().map(|(at, from)| FieldMapping::new(*from, format!("Field{at}__c")));
    definition.outbound = lines.collect();
    let (connection, mapping) = (linked.connection, Some(linked.mapping.id));
    linked.world.store.save_mapping(connection, mapping, &definition, &[], &[]).await.unwrap();
    linked.settle_all().await;
}

pub(crate) async fn an_answer_that_looks_like_a_date_is_a_text_and_the_next_need_not_be_one(world: World) {
    let answer = |time_ms, text: &str| answered(time_ms, "when", "When?", "text_answer", text.into());
    world.user("u1", &[]).await;
    for (time_ms, text) in [(1_000, "2026-01-31T12:00:00Z"), (2_000, "not sure yet")] {
        world.write(vec![answer(time_ms, text)]).await;
        assert_eq!(world.profile("u1").await.unwrap().summary.answers["when"].value, text.into());
    }
}

pub(crate) async fn only_what_a_mapping_sends_is_made_due_by_an_event(world: World) {
    let linked = world.linked().await;
    let nps = |time_ms, value| answered(time_ms, "nps", "How likely?", "number_answer", number(value));
    linked.world.write(vec![paid(1_000), nps(1_000, 9.0)]).await;
    assert!(linked.all_due().await.is_empty(), "no mapping sends it");

    send(&linked, &["event.paid.first", "answer.nps"]).await;
    // A later event, the same answer again, an older answer: nothing that is sent has another value.
    linked.world.write(vec![paid(2_000), nps(2_000, 9.0), nps(500, 1.0)]).await;
    assert!(linked.all_due().await.is_empty());
    linked.world.write(vec![nps(3_000, 7.0)]).await;
    assert_eq!(linked.due_ids(Lane::Remote).await, ["u1"]);
    let work = linked.due(Lane::Remote).await.remove(0);
    assert_eq!(*work.profile.as_ref().unwrap().source("answer.nps"), number(7.0), "planned by what is sent");
    linked.settle_all().await;
    linked.world.write(vec![paid(500)]).await;
    assert_eq!(linked.due_ids(Lane::Remote).await, ["u1"]);

    // A burst is one item.
    send(&linked, &["event.paid.count"]).await;
    for time_ms in 10_000..10_100 {
        linked.world.write(vec![paid(time_ms)]).await;
    }
    assert_eq!(linked.due(Lane::Remote).await.len(), 1);
}

pub(crate) async fn being_seen_makes_due_only_where_that_is_mapped(world: World) {
    let linked = world.linked().await;
    linked.world.clock.advance_ms(2_000);
    linked.world.write(vec![seen("u1")]).await;
    assert!(linked.all_due().await.is_empty());
    send(&linked, &["last_seen_at"]).await;
    linked.world.clock.advance_ms(2_000);
    linked.world.write(vec![seen("u1")]).await;
    assert_eq!(linked.due_ids(Lane::Remote).await, ["u1"]);
    let work = linked.due(Lane::Remote).await.remove(0);
    assert_eq!(*work.profile.unwrap().source("last_seen_at"), Value::DateTime(at(START_MS + 4_000)));
}

pub(crate) async fn what_happened_before_is_added_up_by_the_migration(world: World) {
    // A store in memory has no past.
    let Some(url) = world.url.clone() else { return };
    happen(&world).await;
    let before = (world.profile("u1").await, company(&world).await, world.profile("u2").await);
    let questions = world.store.question_definitions(world.environment).await.unwrap();
    assert_eq!(questions.len(), 3);
    drop(world);
    for undo in [
        "alter table profile drop column summary",
        "drop table question_definition",
        "delete from _sqlx_migrations where version = 6",
    ] {
        execute(&url, undo).await;
    }
    let world = open_at(&url).await;
    assert_eq!((world.profile("u1").await, company(&world).await, world.profile("u2").await), before);
    assert_eq!(world.store.question_definitions(world.environment).await.unwrap(), questions);
}
