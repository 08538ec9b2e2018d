//! What work is planned by: read often, and read again only where it has changed.

use std::sync::Arc;

use syncline_model::{
    attribute::{AttributeDefinition, DataType, Origin, Scope},
    custom_field::{WantedField, WantedFieldKind, WantedFieldState},
    id::MappingId,
    mapping::{FieldMapping, MappingDefinition},
    rules::StoredRules,
    store::StoreError,
};

use crate::world::{Mapped, START_MS, World, at, contacts};

impl Mapped {
    /// The rules, which say the same as what is asked for one by one.
    async fn rules(&self) -> Arc<StoredRules> {
        let store = &self.world.store;
        let rules = store.rules(self.connection).await.unwrap();
        assert_eq!(rules.mappings, store.mappings(self.connection).await.unwrap());
        assert_eq!(rules.wanted_fields, store.wanted_fields(self.connection).await.unwrap());
        for (scope, types) in &rules.types {
            let known = store.attribute_definitions(self.world.environment, Some(*scope)).await.unwrap();
            let known = known.into_iter().map(|definition| (definition.name, definition.data_type)).collect();
            assert_eq!(*types, known);
        }
        assert_eq!(rules.types.len(), 2);
        rules
    }
}

fn with_seats() -> MappingDefinition {
    MappingDefinition { outbound: vec![FieldMapping::new("seats", "Seats__c")], ..contacts() }
}

pub(crate) async fn every_change_of_what_work_is_planned_by_is_seen_at_once(world: World) {
    let mapped = world.linked().await;
    let store = &mapped.world.store;
    assert_eq!(mapped.rules().await.types[&Scope::User]["plan"], DataType::String);

    mapped.world.user("u2", &[("email", "bob@acme.test"), ("colour", "red")]).await;
    assert!(mapped.rules().await.types[&Scope::User].contains_key("colour"));
    let seats = WantedField {
        object: "Contact".into(),
        name: "Seats__c".into(),
        label: "Seats".into(),
        kind: WantedFieldKind::Number,
        state: WantedFieldState::Wanted,
        detail: None,
    };
    let target = AttributeDefinition {
        scope: Scope::User,
        name: "amount".into(),
        display_name: "Amount".into(),
        description: None,
        data_type: DataType::Number,
        origin: Origin::Salesforce,
        created_at: at(START_MS),
    };
    let fields = std::slice::from_ref(&seats);
    let second = store.save_mapping(mapped.connection, None, &with_seats(), &[target], fields).await.unwrap();
    let rules = mapped.rules().await;
    assert_eq!((rules.mappings.len(), rules.wanted_fields.len()), (2, 1));
    assert_eq!(rules.types[&Scope::User]["amount"], DataType::Number);

    let usable = WantedField { state: WantedFieldState::Usable, ..seats };
    store.save_wanted_field(&mapped.lease, &usable).await.unwrap();
    assert_eq!(mapped.rules().await.wanted_fields[0].state, WantedFieldState::Usable);
    store.order_mappings(mapped.connection, &[second.id, mapped.mapping.id]).await.unwrap();
    assert_eq!(mapped.rules().await.mappings[0].id, second.id);
    store.pause_mapping(mapped.connection, second.id, true).await.unwrap();
    assert!(mapped.rules().await.mappings[0].paused);
    store.save_mapping(mapped.connection, Some(second.id), &contacts(), &[], &[]).await.unwrap();
    assert!(mapped.rules().await.wanted_fields.is_empty());
    store.delete_mapping(mapped.connection, second.id).await.unwrap();
    assert_eq!(mapped.rules().await.mappings.len(), 1);
}

pub(crate) async fn what_changes_nothing_of_the_rules_leaves_them_as_they_are(world: World) {
    let mapped = world.linked().await;
    let store = &mapped.world.store;
    let before = mapped.rules().await;
    let unknown = MappingId::new(at(0));
    let refused = store.save_mapping(mapped.connection, Some(unknown), &with_seats(), &[], &[]).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))));
    mapped.world.user("u1", &[("plan", "free")]).await;
    mapped.settle_all().await;
    let after = mapped.rules().await;
    // A store without a database has nothing to spare.
    assert!(mapped.world.url.is_none() || Arc::ptr_eq(&before, &after));
}
