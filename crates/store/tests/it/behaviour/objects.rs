//! What is known of the org's objects.

use syncline_model::{
    schema::{ListedObject, ObjectSchema},
    store::{Signal, StoreError},
};

use crate::world::{NODE, TTL_MS, World};

fn listed(name: &str, label: &str) -> ListedObject {
    ListedObject { name: name.into(), label: label.into() }
}

fn schema(name: &str) -> ObjectSchema {
    ObjectSchema { name: name.into(), label: name.into(), key_prefix: None, fields: Vec::new() }
}

pub(crate) async fn the_list_of_objects_is_kept_in_place_of_the_last(world: World) {
    let mapped = world.mapped().await;
    let (store, id) = (&mapped.world.store, mapped.connection);
    assert!(store.object_list(id).await.unwrap().is_empty());
    let view = mapped.world.count(Signal::View).await;
    store.save_object_list(&mapped.lease, &[listed("Seat__c", "Seat"), listed("Account", "Account")]).await.unwrap();
    assert!(mapped.world.count(Signal::View).await > view);
    assert_eq!(store.object_list(id).await.unwrap(), [listed("Account", "Account"), listed("Seat__c", "Seat")]);
    // More than one statement takes.
    let many: Vec<_> = (0..1_200).map(|n| listed(&format!("O{n:04}__c"), "One of many")).collect();
    store.save_object_list(&mapped.lease, &many).await.unwrap();
    assert_eq!(store.object_list(id).await.unwrap(), many);
    assert!(store.object_schemas(id).await.unwrap().is_empty(), "what is listed is not described");
    store.save_object_list(&mapped.lease, &[]).await.unwrap();
    assert!(store.object_list(id).await.unwrap().is_empty());
}

pub(crate) async fn what_nobody_uses_is_forgotten(world: World) {
    let mapped = world.mapped().await;
    let (store, id) = (&mapped.world.store, mapped.connection);
    for object in ["Contact", "Seat__c", "User"] {
        store.save_object_schema(&mapped.lease, &schema(object), &[]).await.unwrap();
    }
    store.forget_object_schemas(&mapped.lease, &["Seat__c".into(), "User".into(), "Case".into()], &[]).await.unwrap();
    assert_eq!(store.object_schemas(id).await.unwrap(), [schema("Contact")]);
}

pub(crate) async fn objects_are_the_owners_to_tell_of(world: World) {
    let mapped = world.mapped().await;
    let (store, id) = (&mapped.world.store, mapped.connection);
    store.save_object_schema(&mapped.lease, &schema("Contact"), &[]).await.unwrap();
    store.acquire_lease(id, NODE, TTL_MS).await.unwrap().unwrap();
    let outcomes = [
        store.save_object_list(&mapped.lease, &[listed("Account", "Account")]).await,
        store.forget_object_schemas(&mapped.lease, &["Contact".into()], &[]).await,
    ];
    for outcome in outcomes {
        assert!(matches!(outcome, Err(StoreError::LeaseLost)));
    }
    assert!(store.object_list(id).await.unwrap().is_empty());
    assert_eq!(store.object_schemas(id).await.unwrap(), [schema("Contact")]);
}
