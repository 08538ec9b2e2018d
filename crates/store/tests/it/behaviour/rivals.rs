//! Several mappings that feed one attribute.

use syncline_model::{
    Value,
    mapping::{FieldMapping, MappingDefinition, MatchKey, ObjectMapping},
    store::StoreError,
    work::{Found, Lane, Settlement, WorkKey},
};

use crate::world::{Mapped, World, contacts, record};

fn leads() -> MappingDefinition {
    MappingDefinition {
        salesforce: "Lead".into(),
        inbound: vec![FieldMapping::new("Title", "title"), FieldMapping::new("Rating", "rating")],
        outbound: Vec::new(),
        ..contacts()
    }
}

/// One user, linked to a contact and to a lead, whose titles both feed one attribute; nothing due.
async fn rivals(world: World) -> (Mapped, ObjectMapping) {
    let linked = world.linked().await;
    let lead = linked.world.store.save_mapping(linked.connection, None, &leads(), &[], &[]).await.unwrap();
    let found = Found {
        key: key(&lead),
        match_key: MatchKey::from_normal("ada@acme.test".into()),
        candidates: 1,
        record: Some(syncline_model::record::Record {
            object: "Lead".into(),
            ..record("00QA", &[("Email", "ada@acme.test"), ("Title", "Boss")])
        }),
        asked_at: None,
    };
    linked.world.store.record_found(&linked.lease, vec![found]).await.unwrap();
    linked.settle_all().await;
    (linked, lead)
}

fn key(mapping: &ObjectMapping) -> WorkKey {
    WorkKey { mapping_id: mapping.id, profile_id: "u1".into() }
}

pub(crate) async fn what_other_mappings_are_linked_to_is_told_whether_due_or_not(world: World) {
    let (linked, lead) = rivals(world).await;
    let keys = [linked.key("u1"), key(&lead), WorkKey { profile_id: "u2".into(), ..key(&lead) }];
    let mut told = linked.world.store.linked(&linked.lease, &keys).await.unwrap();
    told.sort_by(|a, b| a.record.object.cmp(&b.record.object));
    let told: Vec<_> =
        told.iter().map(|told| (&told.key, told.record.id.as_str(), &told.record.values["Title"])).collect();
    assert_eq!(told, [(&keys[0], "003A", &"CTO".into()), (&keys[1], "00QA", &"Boss".into())]);

    // Without a key the link is about to end.
    linked.world.user("u1", &[("email", "")]).await;
    assert!(linked.world.store.linked(&linked.lease, &keys).await.unwrap().is_empty());
}

pub(crate) async fn an_attribute_that_one_sets_makes_the_others_that_feed_it_due(world: World) {
    let (linked, lead) = rivals(world).await;
    let work = linked.look("u1").await;
    let attributes = [("title".to_owned(), Value::from("Chief"))].into();
    linked.finish(&work, Settlement { attributes, ..Settlement::default() }).await;
    let due: Vec<_> = linked.all_due().await.into_iter().map(|(item, (lane, _))| (item.0, lane)).collect();
    assert_eq!(due, [(lead.id, Lane::Local)]);
}

pub(crate) async fn a_rival_that_is_edited_or_deleted_leaves_its_attributes_to_the_others(world: World) {
    let (linked, lead) = rivals(world).await;
    let without = MappingDefinition { inbound: vec![FieldMapping::new("Rating", "rating")], ..leads() };
    linked.world.store.save_mapping(linked.connection, Some(lead.id), &without, &[], &[]).await.unwrap();
    assert!(linked.all_due().await.contains_key(&(linked.mapping.id, "u1".into())));
    linked.settle_all().await;
    linked.world.store.save_mapping(linked.connection, Some(lead.id), &leads(), &[], &[]).await.unwrap();
    linked.settle_all().await;

    linked.world.store.delete_mapping(linked.connection, lead.id).await.unwrap();
    assert_eq!(linked.due_ids(Lane::Local).await, ["u1"]);
}

pub(crate) async fn a_new_order_makes_those_that_feed_together_due(world: World) {
    let (linked, lead) = rivals(world).await;
    let alone = MappingDefinition { inbound: vec![FieldMapping::new("Title", "alone")], ..contacts() };
    let alone = linked.world.store.save_mapping(linked.connection, None, &alone, &[], &[]).await.unwrap();
    linked.settle_all().await;

    let order = [lead.id, alone.id, linked.mapping.id];
    linked.world.store.order_mappings(linked.connection, &order).await.unwrap();
    let mappings = linked.world.store.mappings(linked.connection).await.unwrap();
    assert_eq!(mappings.iter().map(|mapping| mapping.id).collect::<Vec<_>>(), order);
    let due: Vec<_> = linked.all_due().await.into_iter().map(|(item, (lane, _))| (item.0, lane)).collect();
    let mut expected = [(linked.mapping.id, Lane::Local), (lead.id, Lane::Local)];
    expected.sort();
    assert_eq!(due, expected);

    // What is being looked up was planned by the old order.
    linked.settle_all().await;
    linked.world.user("u2", &[("email", "bob@acme.test")]).await;
    let works: Vec<_> =
        linked.due(Lane::Remote).await.into_iter().filter(|work| work.key.mapping_id != alone.id).collect();
    linked.world.store.order_mappings(linked.connection, &[linked.mapping.id, alone.id, lead.id]).await.unwrap();
    assert_eq!(works.len(), 2);
    for work in &works {
        linked.finish(work, Settlement::default()).await;
    }
    let due = linked.all_due().await;
    for mapping in [linked.mapping.id, lead.id] {
        assert!(due.contains_key(&(mapping, "u2".into())), "{due:?}");
    }

    for wrong in [vec![lead.id], vec![lead.id, lead.id, alone.id], vec![lead.id, alone.id, linked.mapping.id, lead.id]]
    {
        let refused = linked.world.store.order_mappings(linked.connection, &wrong).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    }
}
