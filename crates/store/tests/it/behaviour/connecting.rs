//! Connecting, disconnecting, mappings.

use secrecy::{ExposeSecret, SecretString};
use syncline_model::{
    attribute::{AttributeDefinition, DataType, Origin, Scope},
    budget::CallReport,
    change::Position,
    connection::ConnectionStatus,
    id::EnvironmentId,
    profile::ProfileKind,
    record::HeldRecord,
    store::{Counts, Signal, StoreError},
    work::Lane,
};

use crate::world::{NODE, START_MS, TTL_MS, World, at, batch, contacts, news, org, record};

fn target(name: &str, data_type: DataType) -> AttributeDefinition {
    AttributeDefinition {
        scope: Scope::User,
        name: name.into(),
        display_name: "Title".into(),
        description: Some("From Salesforce".into()),
        data_type,
        origin: Origin::Salesforce,
        created_at: at(0),
    }
}

pub(crate) async fn a_fresh_store_has_the_environment_production(world: World) {
    let environments = world.store.environments().await.unwrap();
    assert_eq!(environments.len(), 1);
    assert_eq!(environments[0].name, "production");
    world.store.ping().await.unwrap();
}

pub(crate) async fn connecting_raises_the_epoch_and_the_work_signal(world: World) {
    assert!(world.store.connection(world.environment).await.unwrap().is_none());
    assert_eq!(world.count(Signal::Work).await, 0);
    let id = world.connect().await;
    assert!(world.count(Signal::Work).await > 0);
    let first = world.store.connection(world.environment).await.unwrap().unwrap();
    assert_eq!((first.id, first.status, first.org.clone()), (id, ConnectionStatus::Connected, org("00D1")));
    assert_eq!(world.connect().await, id);
    let second = world.store.connection(world.environment).await.unwrap().unwrap();
    assert!(second.epoch > first.epoch);
    assert_eq!(world.store.connections().await.unwrap(), [second]);
}

pub(crate) async fn an_unknown_environment_can_not_be_connected(world: World) {
    let unknown = EnvironmentId::new(at(0));
    let error = world.store.connect(unknown, &org("00D1"), &SecretString::from("t")).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound(_)), "{error:?}");
}

pub(crate) async fn another_org_for_the_same_environment_is_refused(world: World) {
    let id = world.connect().await;
    world.store.disconnect(id).await.unwrap();
    let error = world.store.connect(world.environment, &org("00D2"), &SecretString::from("t")).await.unwrap_err();
    let StoreError::Conflict(words) = error else { panic!("{error:?}") };
    assert!(words.contains("(00D2)") && words.contains("(00D1)") && words.contains("Connect again"), "{words}");
    let status = world.store.connection_status(id).await.unwrap();
    assert_eq!(status, ConnectionStatus::Disconnected);
}

pub(crate) async fn connecting_marks_all_profiles_with_a_key_due(world: World) {
    let linked = world.linked().await;
    linked.world.user("u2", &[("name", "No Address")]).await;
    linked.settle_all().await;
    linked.world.connect().await;
    let lease = linked.world.store.acquire_lease(linked.connection, NODE, TTL_MS).await.unwrap().unwrap();
    let due = linked.world.store.due_work(&lease, Lane::Remote, None, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].key.profile_id, "u1");
    assert!(!due[0].searched);
    assert!(due[0].record.is_some());
}

pub(crate) async fn connecting_again_fences_off_the_earlier_owner(world: World) {
    let linked = world.linked().await;
    linked.world.connect().await;
    let error = linked.world.store.due_work(&linked.lease, Lane::Remote, None, 10).await.unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost));
}

pub(crate) async fn credentials_are_replaced_only_under_their_epoch(world: World) {
    let store = &world.store;
    let id = world.connect().await;
    let (secret, epoch) = store.credentials(id).await.unwrap().unwrap();
    assert_eq!(secret.expose_secret(), "token");
    let (moved, view) = ("https://acme--new.my.test", world.count(Signal::View).await);
    store.save_credentials(id, epoch, &SecretString::from("rotated"), Some(moved)).await.unwrap();
    assert_eq!(store.connection(world.environment).await.unwrap().unwrap().org.instance_url, moved);
    assert!(world.count(Signal::View).await > view);
    assert_eq!(store.credentials(id).await.unwrap().unwrap().0.expose_secret(), "rotated");
    world.connect().await;
    let error = store.save_credentials(id, epoch, &SecretString::from("late"), None).await.unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost));
    assert_eq!(store.credentials(id).await.unwrap().unwrap().0.expose_secret(), "token");
    store.disconnect(id).await.unwrap();
    let (_, epoch) = store.credentials(id).await.unwrap().unwrap();
    store.forget_credentials(id, epoch).await.unwrap();
    assert!(store.credentials(id).await.unwrap().is_none());
}

pub(crate) async fn disconnecting_a_connection_that_nobody_owns_ends_at_once(world: World) {
    let id = world.connect().await;
    let before = world.store.connection(world.environment).await.unwrap().unwrap();
    assert_eq!(world.store.disconnect(id).await.unwrap(), ConnectionStatus::Disconnected);
    let after = world.store.connection(world.environment).await.unwrap().unwrap();
    assert_eq!(after.status, ConnectionStatus::Disconnected);
    assert!(after.epoch > before.epoch);
    assert!(world.store.connections().await.unwrap().is_empty());
    assert!(world.store.acquire_lease(id, NODE, TTL_MS).await.unwrap().is_none());
}

pub(crate) async fn disconnecting_waits_for_the_owner_to_stop(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    assert_eq!(store.disconnect(linked.connection).await.unwrap(), ConnectionStatus::Disconnecting);
    assert_eq!(store.connection_status(linked.connection).await.unwrap(), ConnectionStatus::Disconnecting);
    let error = store.record_changes(&linked.lease, &batch(Vec::new())).await.unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost));
    assert!(matches!(
        store.renew_lease(&linked.lease, TTL_MS, &CallReport::default()).await,
        Err(StoreError::LeaseLost)
    ));
    store.release_lease(&linked.lease).await.unwrap();
    assert_eq!(store.connection_status(linked.connection).await.unwrap(), ConnectionStatus::Disconnected);
}

pub(crate) async fn disconnecting_ends_by_itself_when_the_owner_died(world: World) {
    let mapped = world.mapped().await;
    let store = &mapped.world.store;
    store.disconnect(mapped.connection).await.unwrap();
    // The same node in its next life can not work on it, and nobody else has to stop.
    assert!(store.acquire_lease(mapped.connection, NODE, TTL_MS).await.unwrap().is_none());
    assert_eq!(store.connection_status(mapped.connection).await.unwrap(), ConnectionStatus::Disconnected);

    mapped.world.connect().await;
    // A lease that ends at the moment it is given.
    store.acquire_lease(mapped.connection, NODE, 0).await.unwrap().unwrap();
    store.acquire_lease(mapped.connection, NODE, 300).await.unwrap().unwrap();
    assert_eq!(store.disconnect(mapped.connection).await.unwrap(), ConnectionStatus::Disconnecting);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while store.connection_status(mapped.connection).await.unwrap() != ConnectionStatus::Disconnected {
        assert!(std::time::Instant::now() < deadline, "the lease has run out and the status stays");
        mapped.world.clock.advance_ms(10);
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn disconnecting_forgets_the_sync_and_keeps_mappings_and_values(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let mut changes = batch(vec![news("003A", 1, &[("Title", "CEO")])]);
    changes.position = Some(Position(vec![1, 2]));
    linked.take_in(changes).await;
    store.disconnect(linked.connection).await.unwrap();
    assert_eq!(linked.position().await, None);
    assert_eq!(store.counts(linked.connection, None).await.unwrap(), Counts::default());
    assert!(store.links(linked.connection, ProfileKind::User, &["u1".into()]).await.unwrap().is_empty());
    assert_eq!(store.mappings(linked.connection).await.unwrap(), std::slice::from_ref(&linked.mapping));
    assert_eq!(linked.world.profile("u1").await.unwrap().attribute("plan"), &"pro".into());
    linked.world.connect().await;
    let lease = store.acquire_lease(linked.connection, "node 2", TTL_MS).await.unwrap().unwrap();
    let due = store.due_work(&lease, Lane::Remote, None, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert!(due[0].record.is_none());
    assert_eq!(due[0].match_key.as_ref().unwrap().as_str(), "ada@acme.test");
}

pub(crate) async fn a_disconnected_environment_collects_no_work(world: World) {
    let mapped = world.mapped().await;
    mapped.world.store.disconnect(mapped.connection).await.unwrap();
    mapped.world.user("u1", &[("email", "ada@acme.test")]).await;
    assert_eq!(mapped.world.store.counts(mapped.connection, None).await.unwrap(), Counts::default());
}

pub(crate) async fn saving_a_mapping_makes_its_targets_known_and_marks_profiles_due(world: World) {
    world.user("u1", &[("email", "ada@acme.test")]).await;
    world.user("u2", &[("plan", "pro")]).await;
    world.write(vec![crate::world::upsert(ProfileKind::Company, "c1", &[("email", "info@acme.test")])]).await;
    let connection = world.connect().await;
    let work = world.count(Signal::Work).await;
    let targets = [target("title", DataType::String)];
    let saved = world.store.save_mapping(connection, None, &contacts(), &targets, &[]).await.unwrap();
    assert!(world.count(Signal::Work).await > work);
    assert_eq!((saved.version, saved.position, saved.paused), (1, 0, false));
    assert_eq!(saved.edited_at, Some(at(START_MS)));
    world.clock.advance_ms(60_000);
    let second = world.store.save_mapping(connection, None, &contacts(), &targets, &[]).await.unwrap();
    assert_eq!(second.position, 1);
    let known = world.store.attribute_definitions(world.environment, Some(Scope::User)).await.unwrap();
    let title = known.iter().find(|known| known.name == "title").unwrap();
    assert_eq!(
        (title.data_type, title.origin, title.display_name.as_str()),
        (DataType::String, Origin::Salesforce, "Title")
    );
    let edited = world.store.save_mapping(connection, Some(saved.id), &contacts(), &targets, &[]).await.unwrap();
    assert_eq!((edited.version, edited.position, edited.edited_at), (2, 0, Some(at(START_MS + 60_000))));
    assert_eq!(world.store.mappings(connection).await.unwrap(), [edited, second]);
    assert_eq!(world.store.counts(connection, Some(saved.id)).await.unwrap().waiting, 1);
    assert_eq!(world.store.counts(connection, None).await.unwrap().waiting, 2);
}

pub(crate) async fn a_mapping_with_a_target_of_another_type_is_refused_whole(world: World) {
    world.user("u1", &[("email", "ada@acme.test"), ("title", "CTO")]).await;
    let connection = world.connect().await;
    let targets = [target("new_one", DataType::String), target("title", DataType::Number)];
    let error = world.store.save_mapping(connection, None, &contacts(), &targets, &[]).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(ref text) if text.contains("title")), "{error:?}");
    assert!(world.store.mappings(connection).await.unwrap().is_empty());
    let known = world.store.attribute_definitions(world.environment, None).await.unwrap();
    assert!(known.iter().all(|known| known.name != "new_one"));
}

pub(crate) async fn editing_the_match_rule_ends_links(world: World) {
    let linked = world.linked().await;
    let mut definition = contacts();
    definition.match_rule.userflow = "user_id".into();
    let store = &linked.world.store;
    store.save_mapping(linked.connection, Some(linked.mapping.id), &definition, &[], &[]).await.unwrap();
    let due = linked.due(Lane::Remote).await;
    assert_eq!(due.len(), 1);
    assert!(due[0].record.is_none());
    assert!(due[0].was_linked);
    assert!(!due[0].searched);
    assert_eq!(due[0].match_key.as_ref().unwrap().as_str(), "u1");
    assert_eq!(store.counts(linked.connection, None).await.unwrap().links, 0);
}

pub(crate) async fn editing_only_fields_keeps_links(world: World) {
    let linked = world.linked().await;
    let mut definition = contacts();
    definition.inbound.clear();
    let store = &linked.world.store;
    store.save_mapping(linked.connection, Some(linked.mapping.id), &definition, &[], &[]).await.unwrap();
    let due = linked.due(Lane::Remote).await;
    assert_eq!(due[0].record.as_ref().unwrap().id, "003A");
    assert!(!due[0].searched);
}

pub(crate) async fn deleting_a_mapping_takes_its_links_and_work(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let other = store.save_mapping(linked.connection, None, &contacts(), &[], &[]).await.unwrap();
    store.delete_mapping(linked.connection, linked.mapping.id).await.unwrap();
    assert_eq!(store.mappings(linked.connection).await.unwrap(), std::slice::from_ref(&other));
    assert_eq!(store.counts(linked.connection, None).await.unwrap(), Counts { waiting: 1, links: 0, issues: 0 });
    assert_eq!(linked.world.profile("u1").await.unwrap().attribute("plan"), &"pro".into());
    let error = store.delete_mapping(linked.connection, linked.mapping.id).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound(_)));
    let error =
        store.save_mapping(linked.connection, Some(linked.mapping.id), &contacts(), &[], &[]).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound(_)));
}

pub(crate) async fn a_reconnect_request_keeps_everything(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    store.require_reconnect(&linked.lease, "the grant was revoked").await.unwrap();
    let connection = store.connection(linked.world.environment).await.unwrap().unwrap();
    assert_eq!(connection.status, ConnectionStatus::ReconnectNeeded);
    assert_eq!(connection.detail.as_deref(), Some("the grant was revoked"));
    assert_eq!(store.counts(linked.connection, None).await.unwrap().links, 1);
    // Changes go on being collected.
    linked.world.user("u1", &[("plan", "free")]).await;
    linked.world.connect().await;
    let connection = store.connection(linked.world.environment).await.unwrap().unwrap();
    assert_eq!((connection.status, connection.detail), (ConnectionStatus::Connected, None));
    let lease = store.acquire_lease(linked.connection, NODE, TTL_MS).await.unwrap().unwrap();
    let due = store.due_work(&lease, Lane::Remote, None, 10).await.unwrap();
    assert_eq!(
        due[0].record.as_ref().unwrap(),
        &HeldRecord {
            revision: due[0].record.as_ref().unwrap().revision,
            ..HeldRecord::from_read(record("003A", &[("Email", "ada@acme.test"), ("Title", "CTO")]))
        }
    );
}
