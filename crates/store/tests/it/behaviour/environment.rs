//! Writes to an environment.

use syncline_model::{
    Value,
    attribute::{AttributeOperation, DataType, Operator, Origin, Scope},
    profile::{ProfileKind, ProfileWrite},
    store::{Signal, StoreError},
};

use crate::world::{World, at, seen, set, upsert, values};

fn company(id: &str) -> ProfileWrite {
    upsert(ProfileKind::Company, id, &[("name", id)])
}

fn join(user: &str, company: &str) -> ProfileWrite {
    ProfileWrite::Join { user_id: user.into(), company_id: company.into(), operations: set(&[("role", "admin")]) }
}

async fn companies_of(world: &World, user: &str) -> Vec<String> {
    let memberships = world.store.memberships(world.environment, ProfileKind::User, user).await.unwrap();
    memberships.into_iter().map(|membership| membership.company_id).collect()
}

pub(crate) async fn attributes_become_known_by_their_first_value(world: World) {
    let view = world.count(Signal::View).await;
    let mut write = upsert(ProfileKind::User, "u1", &[("signed_up_at", "2026-01-31T12:00:00Z"), ("empty", "")]);
    if let ProfileWrite::Upsert { operations, .. } = &mut write {
        operations.push(("nothing".into(), AttributeOperation::set(Value::Null)));
        let operand = Value::List(vec!["a".into()]);
        operations.push(("tags".into(), AttributeOperation { operator: Operator::Append, operand, data_type: None }));
    }
    world.write(vec![write]).await;
    assert!(world.count(Signal::View).await > view);
    let known = world.store.attribute_definitions(world.environment, Some(Scope::User)).await.unwrap();
    let mut known: Vec<_> =
        known.iter().map(|known| (known.name.as_str(), known.data_type, known.display_name.as_str())).collect();
    known.sort_unstable_by_key(|known| known.0);
    assert_eq!(known, [("signed_up_at", DataType::DateTime, "Signed Up At"), ("tags", DataType::List, "Tags"),]);
    let profile = world.profile("u1").await.unwrap();
    assert_eq!(profile.attribute("signed_up_at"), &Value::DateTime("2026-01-31T12:00:00Z".parse().unwrap()));
    assert_eq!(profile.attributes.len(), 2);
    assert_eq!((profile.revision, profile.created_at), (1, at(crate::world::START_MS)));
    let all = world.store.attribute_definitions(world.environment, None).await.unwrap();
    assert!(all.iter().all(|known| known.origin == Origin::Api));
}

pub(crate) async fn a_misfit_changes_nothing(world: World) {
    world
        .write(vec![ProfileWrite::Upsert {
            kind: ProfileKind::User,
            id: "u1".into(),
            operations: vec![(
                "age".into(),
                AttributeOperation { data_type: Some(DataType::Number), ..AttributeOperation::set("7".into()) },
            )],
            seen: true,
        }])
        .await;
    let before = world.profile("u1").await;
    world.clock.advance_ms(5);
    let write = vec![
        upsert(ProfileKind::User, "u0", &[("fresh", "x")]),
        upsert(ProfileKind::User, "u1", &[("name", "Ada"), ("age", "seven")]),
    ];
    let error = world.store.write(world.environment, &write).await.unwrap_err();
    assert!(matches!(error, StoreError::Misfit { ref attribute, .. } if attribute == "age"), "{error:?}");
    assert_eq!(world.profile("u0").await, None);
    assert_eq!(world.profile("u1").await, before);
    let known = world.store.attribute_definitions(world.environment, None).await.unwrap();
    assert_eq!(known.iter().map(|known| known.name.as_str()).collect::<Vec<_>>(), ["age"]);
}

pub(crate) async fn deleting_a_user_takes_memberships(world: World) {
    world.user("u1", &[]).await;
    world.user("u2", &[]).await;
    world.write(vec![company("c1"), join("u1", "c1"), join("u2", "c1")]).await;
    let members = world.store.memberships(world.environment, ProfileKind::Company, "c1").await.unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(members[0].attributes, values(&[("role", "admin")]));
    world.write(vec![ProfileWrite::Delete { kind: ProfileKind::User, id: "u1".into() }]).await;
    assert_eq!(world.profile("u1").await, None);
    assert!(companies_of(&world, "u1").await.is_empty());
    assert_eq!(companies_of(&world, "u2").await, ["c1"]);
    world.write(vec![ProfileWrite::Delete { kind: ProfileKind::User, id: "nobody".into() }]).await;
    world.write(vec![ProfileWrite::Delete { kind: ProfileKind::Company, id: "c1".into() }]).await;
    assert!(companies_of(&world, "u2").await.is_empty());
}

pub(crate) async fn joining_needs_both_sides(world: World) {
    world.user("u1", &[]).await;
    let error = world.store.write(world.environment, &vec![join("u1", "c1")]).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound("the company")), "{error:?}");
    world.write(vec![company("c1"), join("u1", "c1")]).await;
    assert_eq!(companies_of(&world, "u1").await, ["c1"]);
    let leave = ProfileWrite::Leave { user_id: "u1".into(), company_id: "c1".into() };
    world.write(vec![leave.clone(), join("u1", "c1"), leave]).await;
    assert!(companies_of(&world, "u1").await.is_empty());
}

pub(crate) async fn pruning_keeps_the_named_companies(world: World) {
    world.user("u1", &[]).await;
    world.user("u2", &[]).await;
    let joins = ["c1", "c2", "c3"].map(|company| join("u1", company));
    world.write(vec![company("c1"), company("c2"), company("c3"), company("c4"), join("u2", "c1")]).await;
    world.write(joins.to_vec()).await;
    let prune = |keep: &[&str]| ProfileWrite::Prune {
        user_id: "u1".into(),
        keep: keep.iter().map(|id| (*id).to_owned()).collect(),
    };
    // What is joined in the same write is pruned too, unless it is named.
    world.write(vec![join("u1", "c4"), prune(&["c2", "c3"])]).await;
    assert_eq!(companies_of(&world, "u1").await, ["c2", "c3"]);
    world.write(vec![prune(&[]), join("u1", "c4")]).await;
    assert_eq!(companies_of(&world, "u1").await, ["c4"]);
    assert_eq!(companies_of(&world, "u2").await, ["c1"]);
}

pub(crate) async fn a_deleted_and_recreated_profile_starts_over(world: World) {
    world.user("u1", &[("plan", "pro"), ("name", "Ada")]).await;
    world.clock.advance_ms(10);
    let delete = ProfileWrite::Delete { kind: ProfileKind::User, id: "u1".into() };
    world.write(vec![delete, upsert(ProfileKind::User, "u1", &[("plan", "free")])]).await;
    let profile = world.profile("u1").await.unwrap();
    assert_eq!(profile.attributes, values(&[("plan", "free")]));
    assert_eq!((profile.revision, profile.created_at), (1, at(crate::world::START_MS + 10)));
}

pub(crate) async fn an_id_with_a_zero_character_is_refused(world: World) {
    for write in [upsert(ProfileKind::User, "a\0b", &[]), upsert(ProfileKind::User, "u1", &[("a\0b", "x")])] {
        let error = world.store.write(world.environment, &vec![write]).await.unwrap_err();
        assert!(matches!(error, StoreError::Misfit { .. }), "{error:?}");
    }
    world.user("u1", &[("note", "a\0b"), ("email", "a\0b@acme.test")]).await;
    assert_eq!(world.profile("u1").await.unwrap().attribute("note"), &"a\0b".into());
    assert_eq!(world.profile("a\0b").await, None);
}

pub(crate) async fn events_become_known(world: World) {
    world.user("u1", &[]).await;
    let track = |name: &str, pairs: &[(&str, &str)]| ProfileWrite::Track {
        name: name.into(),
        time: at(5),
        attributes: values(pairs),
        user_id: Some("u1".into()),
        company_id: None,
    };
    world.write(vec![track("flow_started", &[("step", "one")]), track("flow_started", &[])]).await;
    world.clock.advance_ms(1);
    world.write(vec![track("a_later_one", &[])]).await;
    let known = world.store.event_definitions(world.environment).await.unwrap();
    let names: Vec<_> = known.iter().map(|known| (known.name.as_str(), known.display_name.as_str())).collect();
    assert_eq!(names, [("flow_started", "Flow Started"), ("a_later_one", "A Later One")]);
    let attributes = world.store.attribute_definitions(world.environment, Some(Scope::Event)).await.unwrap();
    assert_eq!(attributes.len(), 1);
}

pub(crate) async fn saying_the_same_again_changes_nothing_but_the_time_seen(world: World) {
    world.user("u1", &[("plan", "pro")]).await;
    let before = world.profile("u1").await.unwrap();
    world.clock.advance_ms(7);
    world.user("u1", &[("plan", "pro")]).await;
    assert_eq!(world.profile("u1").await.unwrap(), before);
    world.write(vec![seen("u1")]).await;
    let after = world.profile("u1").await.unwrap();
    assert_eq!(after.last_seen_at, Some(at(crate::world::START_MS + 7)));
    assert_eq!(after.revision, before.revision + 1);
}
