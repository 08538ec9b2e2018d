//! Leases.

use syncline_model::{
    budget::CallReport,
    change::Position,
    connection::{Lease, StreamState},
    connector::ApiUsage,
    schema::ObjectSchema,
    store::StoreError,
    work::{Finish, Lane, Outcome, Settlement},
};

use crate::world::{NODE, STREAM, TTL_MS, World, batch, news, values};

pub(crate) async fn a_lease_is_held_by_one_node(world: World) {
    let id = world.connect().await;
    let first = world.store.acquire_lease(id, "a", TTL_MS).await.unwrap().unwrap();
    assert_eq!(world.store.acquire_lease(id, "b", TTL_MS).await.unwrap(), None);
    world.store.release_lease(&first).await.unwrap();
    let second = world.store.acquire_lease(id, "b", TTL_MS).await.unwrap().unwrap();
    assert!(second.token > first.token);
    world.store.release_lease(&first).await.unwrap();
    world.store.renew_lease(&second, TTL_MS, &CallReport::default()).await.unwrap();
}

pub(crate) async fn an_earlier_life_of_the_node_gives_way(world: World) {
    let id = world.connect().await;
    let first = world.store.acquire_lease(id, NODE, TTL_MS).await.unwrap().unwrap();
    let second = world.store.acquire_lease(id, NODE, TTL_MS).await.unwrap().unwrap();
    assert!(second.token > first.token);
    assert!(matches!(
        world.store.renew_lease(&first, TTL_MS, &CallReport::default()).await,
        Err(StoreError::LeaseLost)
    ));
}

pub(crate) async fn an_expired_lease_can_be_taken_and_no_longer_used(world: World) {
    let id = world.connect().await;
    // Its time is over at the moment that it is given.
    let first = world.store.acquire_lease(id, "a", 0).await.unwrap().unwrap();
    assert!(matches!(world.store.due_work(&first, Lane::Local, None, 1).await, Err(StoreError::LeaseLost)));
    assert!(matches!(
        world.store.renew_lease(&first, TTL_MS, &CallReport::default()).await,
        Err(StoreError::LeaseLost)
    ));
    let second = world.store.acquire_lease(id, "b", TTL_MS).await.unwrap().unwrap();
    assert!(second.token > first.token);
}

pub(crate) async fn every_leased_method_fails_without_effect_once_the_lease_is_lost(world: World) {
    let linked = world.linked().await;
    linked.world.user("u1", &[("plan", "free")]).await;
    let work = linked.due(Lane::Remote).await.remove(0);
    let store = &linked.world.store;
    let lost = Lease { token: linked.lease.token - 1, ..linked.lease.clone() };
    let mut changes = batch(vec![news("003A", 1, &[("Title", "CEO")])]);
    changes.position = Some(Position(vec![1]));
    let schema = ObjectSchema { name: "Contact".into(), label: "Contact".into(), key_prefix: None, fields: Vec::new() };
    let finish = Finish {
        key: work.key.clone(),
        generation: work.generation,
        outcome: Outcome::Settled(Settlement { attributes: values(&[("title", "CTO")]), ..Settlement::default() }),
    };
    let outcomes = [
        store
            .renew_lease(
                &lost,
                TTL_MS,
                &CallReport { usage: Some(ApiUsage { used: 1, limit: 2 }), ..CallReport::default() },
            )
            .await,
        store.save_object_schema(&lost, &schema, &[]).await,
        store.record_changes(&lost, &changes).await.map(drop),
        store.lose_position(&lost, STREAM).await,
        store.set_stream_state(&lost, StreamState::Live, None).await,
        store.require_reconnect(&lost, "no").await,
        store.due_work(&lost, Lane::Remote, None, 1).await.map(|_| ()),
        store.reload_work(&lost, std::slice::from_ref(&work.key)).await.map(|_| ()),
        store.record_found(&lost, Vec::new()).await,
        store.record_reads(&lost, "Contact", &[("003A".into(), 0)], Vec::new()).await,
        store.finish(&lost, vec![finish]).await,
    ];
    for (place, outcome) in outcomes.iter().enumerate() {
        assert!(matches!(outcome, Err(StoreError::LeaseLost)), "{place}: {outcome:?}");
    }
    assert_eq!(linked.position().await, None);
    assert!(store.object_schemas(linked.connection).await.unwrap().is_empty());
    let after = linked.due(Lane::Remote).await.remove(0);
    assert_eq!((after.generation, after.record, after.profile), (work.generation, work.record, work.profile));
    let connection = store.connection(linked.world.environment).await.unwrap().unwrap();
    assert_eq!((connection.stream.state, connection.api_usage), (StreamState::Stopped, None));
}

pub(crate) async fn releasing_a_lost_lease_is_no_error(world: World) {
    let id = world.connect().await;
    let first = world.store.acquire_lease(id, "a", 0).await.unwrap().unwrap();
    world.store.acquire_lease(id, "b", TTL_MS).await.unwrap().unwrap();
    world.store.release_lease(&first).await.unwrap();
    assert_eq!(world.store.acquire_lease(id, "c", TTL_MS).await.unwrap(), None);
}

pub(crate) async fn renewing_tells_the_api_usage(world: World) {
    let mapped = world.mapped().await;
    let usage = Some(ApiUsage { used: 17, limit: 15_000 });
    mapped
        .world
        .store
        .renew_lease(&mapped.lease, TTL_MS, &CallReport { usage, ..CallReport::default() })
        .await
        .unwrap();
    mapped.world.store.renew_lease(&mapped.lease, TTL_MS, &CallReport::default()).await.unwrap();
    let connection = mapped.world.store.connection(mapped.world.environment).await.unwrap().unwrap();
    assert_eq!(connection.api_usage, usage);
}

pub(crate) async fn the_owner_says_what_the_stream_does(world: World) {
    let mapped = world.mapped().await;
    let store = &mapped.world.store;
    store.set_stream_state(&mapped.lease, StreamState::Retrying, Some("no line")).await.unwrap();
    let first = store.connection(mapped.world.environment).await.unwrap().unwrap().stream;
    assert_eq!((first.state, first.detail.as_deref()), (StreamState::Retrying, Some("no line")));
    mapped.world.clock.advance_ms(9);
    store.set_stream_state(&mapped.lease, StreamState::Retrying, None).await.unwrap();
    let second = store.connection(mapped.world.environment).await.unwrap().unwrap().stream;
    assert_eq!((second.since, second.detail), (first.since, None));
    store.set_stream_state(&mapped.lease, StreamState::Live, None).await.unwrap();
    let third = store.connection(mapped.world.environment).await.unwrap().unwrap().stream;
    assert!(third.since > first.since);

    let mut schema =
        ObjectSchema { name: "Contact".into(), label: "Contact".into(), key_prefix: None, fields: Vec::new() };
    store.save_object_schema(&mapped.lease, &schema, &[]).await.unwrap();
    schema.label = "Person".into();
    store.save_object_schema(&mapped.lease, &schema, &[]).await.unwrap();
    assert_eq!(store.object_schemas(mapped.connection).await.unwrap(), [schema]);
}
