//! Fields that mappings want made.

use syncline_model::{
    custom_field::{WantedField, WantedFieldKind, WantedFieldState},
    id::MappingId,
    mapping::{FieldMapping, MappingDefinition, MatchKey},
    store::{Signal, StoreError},
    work::{Found, Lane, Settlement, WorkKey},
};

use crate::world::{Mapped, NODE, TTL_MS, World, at, contacts, record};

fn wanted(name: &str) -> WantedField {
    WantedField {
        object: "Contact".into(),
        name: name.into(),
        label: "Made by Syncline".into(),
        kind: WantedFieldKind::Number,
        state: WantedFieldState::Wanted,
        detail: None,
    }
}

fn in_state(name: &str, state: WantedFieldState, detail: Option<&str>) -> WantedField {
    WantedField { state, detail: detail.map(str::to_owned), ..wanted(name) }
}

/// Contacts that are also sent the attribute `seats`.
fn with_seats() -> MappingDefinition {
    let mut definition = contacts();
    definition.outbound.push(FieldMapping::new("seats", "Seats__c"));
    definition
}

async fn known(mapped: &Mapped) -> Vec<WantedField> {
    mapped.world.store.wanted_fields(mapped.connection).await.unwrap()
}

async fn save(mapped: &Mapped, definition: &MappingDefinition, fields: &[WantedField]) {
    let mapping = Some(mapped.mapping.id);
    mapped.world.store.save_mapping(mapped.connection, mapping, definition, &[], fields).await.unwrap();
}

pub(crate) async fn a_mapping_notes_the_fields_that_it_wants(world: World) {
    let linked = world.linked().await;
    assert!(known(&linked).await.is_empty());
    // Whatever is said of its state, it is still to be made.
    let said = in_state("Plan__c", WantedFieldState::Usable, Some("soon"));
    save(&linked, &with_seats(), &[wanted("Seats__c"), said]).await;
    assert_eq!(known(&linked).await, [wanted("Plan__c"), wanted("Seats__c")]);
    let text = WantedField { kind: WantedFieldKind::LongText, label: "Other".into(), ..wanted("Seats__c") };
    save(&linked, &with_seats(), std::slice::from_ref(&text)).await;
    assert_eq!(known(&linked).await, [wanted("Plan__c"), text]);
    // Nothing is noted of a mapping that is refused.
    let (unknown, fields) = (MappingId::new(at(0)), [wanted("Seats__c"), wanted("Plan__c")]);
    let store = &linked.world.store;
    let error = store.save_mapping(linked.connection, Some(unknown), &contacts(), &[], &fields).await;
    assert!(matches!(error, Err(StoreError::NotFound(_))));
    assert_eq!(known(&linked).await.len(), 2);
}

pub(crate) async fn saving_again_asks_again_for_what_was_refused(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    let fields = [wanted("Plan__c"), wanted("Seats__c")];
    save(&linked, &with_seats(), &fields).await;
    let refused = in_state("Plan__c", WantedFieldState::Refused, Some("the org has no field left"));
    let usable = in_state("Seats__c", WantedFieldState::Usable, None);
    let view = linked.world.count(Signal::View).await;
    for said in [&refused, &usable] {
        store.save_wanted_field(&linked.lease, said).await.unwrap();
    }
    assert!(linked.world.count(Signal::View).await > view);
    assert_eq!(known(&linked).await, [refused, usable.clone()]);
    let other = WantedField { kind: WantedFieldKind::Text, ..wanted("Seats__c") };
    save(&linked, &with_seats(), &[wanted("Plan__c"), other]).await;
    assert_eq!(known(&linked).await, [wanted("Plan__c"), usable]);
    let waiting = in_state("Plan__c", WantedFieldState::Wanted, Some("it is made, and not yet seen"));
    store.save_wanted_field(&linked.lease, &waiting).await.unwrap();
    save(&linked, &with_seats(), &fields).await;
    assert_eq!(known(&linked).await[0], waiting);
}

pub(crate) async fn a_field_that_becomes_usable_marks_the_linked_of_all_mappings_that_write_to_it(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    save(&linked, &with_seats(), &[wanted("Seats__c")]).await;
    let mut definition = with_seats();
    definition.salesforce = "contact".into();
    definition.outbound[1].to = "seats__C".into();
    let second = store.save_mapping(linked.connection, None, &definition, &[], &[]).await.unwrap();
    let third = store.save_mapping(linked.connection, None, &contacts(), &[], &[]).await.unwrap();
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    for id in ["u1", "u2"] {
        for mapping in [second.id, third.id, linked.mapping.id] {
            let key = if id == "u1" { "ada@acme.test" } else { "bob@acme.test" };
            let found = Found {
                key: WorkKey { mapping_id: mapping, profile_id: id.into() },
                match_key: MatchKey::from_normal(key.into()),
                candidates: 0,
                record: (id == "u1").then(|| record("003A", &[])),
                asked_at: None,
            };
            store.record_found(&linked.lease, vec![found]).await.unwrap();
        }
    }
    linked.settle_all().await;
    let waiting = in_state("Seats__c", WantedFieldState::Wanted, Some("made"));
    store.save_wanted_field(&linked.lease, &waiting).await.unwrap();
    assert!(linked.all_due().await.is_empty());

    let (work, view) = (linked.world.count(Signal::Work).await, linked.world.count(Signal::View).await);
    let usable = in_state("Seats__c", WantedFieldState::Usable, None);
    store.save_wanted_field(&linked.lease, &usable).await.unwrap();
    assert!(linked.world.count(Signal::Work).await > work && linked.world.count(Signal::View).await > view);
    let due = linked.due(Lane::Remote).await;
    assert!(linked.due(Lane::Local).await.is_empty());
    let mut keys: Vec<_> = due.iter().map(|work| (work.key.mapping_id, work.key.profile_id.as_str())).collect();
    keys.sort_unstable();
    let mut expected = vec![(linked.mapping.id, "u1"), (second.id, "u1")];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert!(due.iter().all(|work| work.searched));

    // Said again, it marks nobody.
    linked.settle_all().await;
    store.save_wanted_field(&linked.lease, &usable).await.unwrap();
    assert!(linked.all_due().await.is_empty());
}

pub(crate) async fn what_is_looked_up_while_a_field_becomes_usable_is_planned_anew(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    save(&linked, &with_seats(), &[wanted("Seats__c")]).await;
    linked.settle_all().await;
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    let work = linked.due(Lane::Remote).await.remove(0);
    store.save_wanted_field(&linked.lease, &in_state("Seats__c", WantedFieldState::Usable, None)).await.unwrap();
    linked.found("u2", "bob@acme.test", Some(record("003B", &[("Email", "bob@acme.test")]))).await;
    linked.finish(&work, Settlement::default()).await;
    assert!(linked.due_ids(Lane::Remote).await.contains(&"u2".to_owned()));
}

pub(crate) async fn a_field_that_is_not_wanted_any_more_is_forgotten(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    save(&linked, &with_seats(), &[wanted("Seats__c"), wanted("Plan__c"), wanted("Nowhere__c")]).await;
    // What no mapping writes to is not wanted.
    assert_eq!(known(&linked).await, [wanted("Plan__c"), wanted("Seats__c")]);
    let second = store.save_mapping(linked.connection, None, &contacts(), &[], &[]).await.unwrap();
    save(&linked, &contacts(), &[]).await;
    assert_eq!(known(&linked).await, [wanted("Plan__c")]);
    store.delete_mapping(linked.connection, linked.mapping.id).await.unwrap();
    assert_eq!(known(&linked).await, [wanted("Plan__c")]);
    store.delete_mapping(linked.connection, second.id).await.unwrap();
    assert!(known(&linked).await.is_empty());
    store.save_wanted_field(&linked.lease, &in_state("Plan__c", WantedFieldState::Usable, None)).await.unwrap();
    assert!(known(&linked).await.is_empty());
}

pub(crate) async fn wanted_fields_outlive_a_disconnection_and_are_the_owners_to_tell_of(world: World) {
    let linked = world.linked().await;
    let store = &linked.world.store;
    save(&linked, &with_seats(), &[wanted("Seats__c")]).await;
    let usable = in_state("Seats__c", WantedFieldState::Usable, None);
    store.acquire_lease(linked.connection, NODE, TTL_MS).await.unwrap().unwrap();
    let late = store.save_wanted_field(&linked.lease, &usable).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)));
    store.disconnect(linked.connection).await.unwrap();
    assert_eq!(known(&linked).await, [wanted("Seats__c")]);
}
