//! Pausing and resuming; credentials that are renewed meanwhile.

use secrecy::{ExposeSecret, SecretString};
use syncline_model::{
    budget::CallReport,
    change::Position,
    clock::Clock,
    connection::{ConnectionStatus, StreamState},
    id::{ConnectionId, MappingId},
    profile::ProfileKind,
    store::{Counts, Signal, StoreError},
    work::Lane,
};

use crate::world::{NODE, TTL_MS, World, at, batch, news};

pub(crate) async fn pausing_ends_the_owner_and_keeps_everything(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    store.set_stream_state(&linked.lease, StreamState::Live, None).await.unwrap();
    let mut changes = batch(vec![news("003A", 1, &[("Title", "CEO")])]);
    changes.position = Some(Position(vec![1]));
    linked.take_in(changes).await;
    let before = store.connection(linked.world.environment).await.unwrap().unwrap();
    let (work, view) = (linked.world.count(Signal::Work).await, linked.world.count(Signal::View).await);
    store.pause(linked.connection).await.unwrap();
    assert!(linked.world.count(Signal::Work).await > work && linked.world.count(Signal::View).await > view);
    let paused = store.connection(linked.world.environment).await.unwrap().unwrap();
    assert_eq!((paused.status, paused.stream.state), (ConnectionStatus::Paused, StreamState::Stopped));
    assert_eq!(paused.epoch, before.epoch + 1);
    assert_eq!(store.connections().await.unwrap(), [paused]);

    assert!(store.is_owned(linked.connection).await.unwrap());
    let renewed = store.renew_lease(&linked.lease, TTL_MS, &CallReport::default()).await;
    assert!(matches!(renewed, Err(StoreError::LeaseLost)));
    // What was under way when it was paused may end, and what came of it is kept.
    store.keep_lease(&linked.lease, TTL_MS, &CallReport::default()).await.unwrap();
    store.record_reads(&linked.lease, "Contact", &[], Vec::new()).await.unwrap();
    store.release_lease(&linked.lease).await.unwrap();
    assert!(!store.is_owned(linked.connection).await.unwrap());
    assert_eq!(store.connection_status(linked.connection).await.unwrap(), ConnectionStatus::Paused);
    assert!(store.acquire_lease(linked.connection, NODE, TTL_MS).await.unwrap().is_none());
    assert!(!store.is_owned(linked.connection).await.unwrap());

    // Changes go on being collected.
    linked.world.user("u1", &[("plan", "free")]).await;
    assert_eq!(store.counts(linked.connection, None).await.unwrap(), Counts { waiting: 1, links: 1, issues: 0 });
    assert_eq!(linked.position().await, Some(Position(vec![1])));
    assert!(matches!(store.pause(linked.connection).await, Err(StoreError::Conflict(_))));
}

pub(crate) async fn a_paused_mapping_collects_changes_and_gives_no_work(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let signals = async || (linked.world.count(Signal::Work).await, linked.world.count(Signal::View).await);
    let before = signals().await;
    store.pause_mapping(linked.connection, linked.mapping.id, true).await.unwrap();
    let paused = signals().await;
    assert!(paused.0 > before.0 && paused.1 > before.1);
    assert!(store.mappings(linked.connection).await.unwrap()[0].paused);
    linked.take_in(batch(vec![news("003A", 1, &[("Title", "CEO")])])).await;
    assert_eq!(store.counts(linked.connection, None).await.unwrap().waiting, 1);
    assert!(linked.all_due().await.is_empty());

    // Saving it does not resume it.
    let saved = store.save_mapping(linked.connection, Some(linked.mapping.id), &linked.mapping.definition, &[], &[]);
    assert!(saved.await.unwrap().paused);
    store.pause_mapping(linked.connection, linked.mapping.id, false).await.unwrap();
    assert_eq!(linked.all_due().await.len(), 1);
    let unknown = store.pause_mapping(linked.connection, MappingId::new(linked.world.clock.now()), true).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(_))));
}

pub(crate) async fn resuming_goes_on_where_it_was(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    assert!(matches!(store.resume(linked.connection).await, Err(StoreError::Conflict(_))));
    store.pause(linked.connection).await.unwrap();
    store.release_lease(&linked.lease).await.unwrap();
    linked.world.user("u1", &[("plan", "free")]).await;
    let paused = store.connection(linked.world.environment).await.unwrap().unwrap();
    let work = linked.world.count(Signal::Work).await;
    store.resume(linked.connection).await.unwrap();
    assert!(linked.world.count(Signal::Work).await > work);
    let resumed = store.connection(linked.world.environment).await.unwrap().unwrap();
    assert_eq!((resumed.status, resumed.epoch), (ConnectionStatus::Connected, paused.epoch));
    let lease = store.acquire_lease(linked.connection, NODE, TTL_MS).await.unwrap().unwrap();
    let due = store.due_work(&lease, Lane::Remote, None, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert!(due[0].searched && due[0].record.is_some());
    assert_eq!(store.links(linked.connection, ProfileKind::User, &["u1".into()]).await.unwrap().len(), 1);
}

pub(crate) async fn only_a_connection_that_works_can_be_paused(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let refused = |outcome: Result<(), StoreError>| assert!(matches!(outcome, Err(StoreError::Conflict(_))));
    store.require_reconnect(&linked.lease, "the grant is gone").await.unwrap();
    refused(store.pause(linked.connection).await);
    refused(store.resume(linked.connection).await);
    // Its owner has to stop.
    let renewed = store.renew_lease(&linked.lease, TTL_MS, &CallReport::default()).await;
    assert!(matches!(renewed, Err(StoreError::LeaseLost)));
    store.disconnect(linked.connection).await.unwrap();
    refused(store.pause(linked.connection).await);
    store.release_lease(&linked.lease).await.unwrap();
    refused(store.pause(linked.connection).await);
    refused(store.resume(linked.connection).await);
    let unknown = ConnectionId::new(at(0));
    assert!(matches!(store.pause(unknown).await, Err(StoreError::NotFound(_))));
    assert!(matches!(store.resume(unknown).await, Err(StoreError::NotFound(_))));
    assert!(!store.is_owned(unknown).await.unwrap());
}

pub(crate) async fn a_paused_connection_can_be_connected_again_or_disconnected(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    store.pause(linked.connection).await.unwrap();
    linked.world.connect().await;
    assert_eq!(store.connection_status(linked.connection).await.unwrap(), ConnectionStatus::Connected);
    let lost = store.keep_lease(&linked.lease, TTL_MS, &CallReport::default()).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost)));
    let lease = store.acquire_lease(linked.connection, NODE, TTL_MS).await.unwrap().unwrap();
    store.pause(linked.connection).await.unwrap();
    assert_eq!(store.disconnect(linked.connection).await.unwrap(), ConnectionStatus::Disconnecting);
    // Disconnected only once what was under way has ended, however long that takes.
    store.keep_lease(&lease, TTL_MS, &CallReport::default()).await.unwrap();
    assert_eq!(store.connection_status(linked.connection).await.unwrap(), ConnectionStatus::Disconnecting);
    store.release_lease(&lease).await.unwrap();
    assert_eq!(store.connection_status(linked.connection).await.unwrap(), ConnectionStatus::Disconnected);
    let lost = store.keep_lease(&lease, TTL_MS, &CallReport::default()).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost)));
}

pub(crate) async fn an_owner_whose_time_is_over_owns_nothing(world: World) {
    let id = world.connect().await;
    assert!(!world.store.is_owned(id).await.unwrap());
    let lease = world.store.acquire_lease(id, NODE, 0).await.unwrap().unwrap();
    assert!(!world.store.is_owned(id).await.unwrap());
    let lost = world.store.keep_lease(&lease, TTL_MS, &CallReport::default()).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost)));
}

pub(crate) async fn a_renewed_grant_is_kept_while_pausing_or_disconnecting(world: World) {
    let store = &world.store;
    let id = world.connect().await;
    let (_, epoch) = store.credentials(id).await.unwrap().unwrap();
    store.pause(id).await.unwrap();
    assert_eq!(store.credentials(id).await.unwrap().unwrap().1, epoch);
    store.save_credentials(id, epoch, &SecretString::from("renewed"), None).await.unwrap();
    store.resume(id).await.unwrap();
    assert_eq!(store.credentials(id).await.unwrap().unwrap().0.expose_secret(), "renewed");
    store.disconnect(id).await.unwrap();
    store.save_credentials(id, epoch, &SecretString::from("to be revoked"), None).await.unwrap();
    store.forget_credentials(id, epoch).await.unwrap();
    let late = store.save_credentials(id, epoch, &SecretString::from("late"), None).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)));
    assert!(store.credentials(id).await.unwrap().is_none());
    world.connect().await;
    let late = store.save_credentials(id, epoch, &SecretString::from("late"), None).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)));
    store.forget_credentials(id, epoch).await.unwrap();
    assert_eq!(store.credentials(id).await.unwrap().unwrap().0.expose_secret(), "token");
}
