//! Of several mappings that feed one attribute, the first in order that has a link and a value wins.

use std::collections::BTreeMap;

use jiff::Timestamp;
use syncline_engine::{Contender, Paths, Ready, give_precedence};
use syncline_model::{
    Value, Values,
    attribute::DataType,
    id::MappingId,
    mapping::{Duplicates, Empty, FieldMapping, MappingDefinition, MatchRule, ObjectMapping, OnUnlink},
    profile::{Profile, ProfileKind},
    record::HeldRecord,
    rules::AttributeTypes,
    schema::{FieldSchema, FieldType, ObjectSchema},
};

static NO_PATHS: Paths = Paths::new();

fn mapping(object: &str, position: i32, line: FieldMapping) -> ObjectMapping {
    ObjectMapping {
        id: MappingId::new(Timestamp::UNIX_EPOCH),
        version: 1,
        edited_at: None,
        position,
        paused: false,
        definition: MappingDefinition {
            salesforce: object.into(),
            userflow: ProfileKind::User,
            match_rule: MatchRule { salesforce: "Email".into(), userflow: "email".into() },
            duplicates: Duplicates::Oldest,
            on_unlink: OnUnlink::Clear,
            stream_events: false,
            events: Vec::new(),
            inbound: vec![line],
            outbound: Vec::new(),
        },
    }
}

fn line() -> FieldMapping {
    FieldMapping::new("Title", "title")
}

fn schema() -> ObjectSchema {
    let title = FieldSchema {
        name: "Title".into(),
        label: "Title".into(),
        field_type: FieldType::String,
        length: Some(128),
        scale: None,
        updateable: true,
        nillable: true,
        custom: false,
        calculated: false,
        restricted_to: Vec::new(),
        reference_to: Vec::new(),
        relationship: None,
    };
    ObjectSchema { name: "Any".into(), label: "Any".into(), key_prefix: None, fields: vec![title] }
}

fn record(title: Option<&str>) -> HeldRecord {
    HeldRecord {
        object: "Any".into(),
        id: "003000000000001AAA".into(),
        values: title.into_iter().map(|title| ("Title".to_owned(), title.into())).collect(),
        created_at: Timestamp::UNIX_EPOCH,
        read_ms: 0,
        commit: None,
        stale: false,
        gone: false,
        revision: 1,
    }
}

/// What the title of a profile becomes, whichever of the mappings' items is planned; null where it is cleared. Each mapping comes
/// with its linked record.
fn title_among(held: &str, linked: &[(&ObjectMapping, HeldRecord)]) -> Option<Value> {
    let planned: Vec<_> =
        plans_among(held, linked).into_iter().map(|mut ready| ready.attributes.remove("title")).collect();
    assert!(planned.iter().all(|one| one == &planned[0]), "all items come to the same result: {planned:?}");
    planned[0].clone()
}

/// What each of the mappings' items sets.
fn plans_among(held: &str, linked: &[(&ObjectMapping, HeldRecord)]) -> Vec<Ready> {
    let profile = Profile {
        kind: ProfileKind::User,
        id: "u1".into(),
        attributes: [("title".to_owned(), Value::from(held))]
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        created_at: Timestamp::UNIX_EPOCH,
        last_seen_at: None,
        summary: Default::default(),
        revision: 1,
    };
    let (schema, associated) = (schema(), BTreeMap::new());
    let contenders: Vec<_> = linked
        .iter()
        .map(|(mapping, record)| Contender {
            mapping,
            schema: Some(&schema),
            paths: &NO_PATHS,
            record,
            associated: &associated,
        })
        .collect();
    let types = AttributeTypes::from([("title".to_owned(), DataType::String)]);
    let planned = linked.iter().map(|(own, _)| {
        // What the mapping alone would set.
        let attributes = Values::from([("title".to_owned(), "of its own".into())]);
        let mut ready = Ready { attributes, ..Ready::default() };
        give_precedence(&mut ready, own, &profile, &types, &contenders);
        ready
    });
    planned.collect()
}

#[test]
fn the_first_with_a_value_wins() {
    let (contact, lead) = (mapping("Contact", 0, line()), mapping("Lead", 1, line()));
    let linked = |first, second| [(&contact, record(Some(first))), (&lead, record(Some(second)))];
    assert_eq!(title_among("", &linked("CTO", "Boss")), Some("CTO".into()));
    assert_eq!(title_among("CTO", &linked("CTO", "Boss")), None, "it is so already");
    assert_eq!(title_among("CTO", &linked("", "Boss")), Some("Boss".into()), "the next takes over");
    assert_eq!(title_among("Boss", &linked("", "")), Some(Value::Null));
}

#[test]
fn whose_value_it_is_is_told() {
    let (contact, lead) = (mapping("Contact", 0, line()), mapping("Lead", 1, line()));
    let sources = |held: &str, title: &str| -> Vec<Option<String>> {
        let linked = [(&contact, record(Some(title))), (&lead, record(Some("Boss")))];
        plans_among(held, &linked).into_iter().map(|mut ready| ready.sources.attributes.remove("title")).collect()
    };
    let told = |of_contact: &str, of_lead: &str| [Some(of_contact.to_owned()), Some(of_lead.to_owned())];
    assert_eq!(sources("", "CTO"), told("Title", "Title of Contact"));
    assert_eq!(sources("", ""), told("Title of Lead", "Title"));
    assert_eq!(sources("CTO", "CTO"), [None, None], "nothing is set");
}

#[test]
fn where_none_has_a_value_the_first_says_what_becomes_of_the_attribute() {
    let keeping = FieldMapping { empty: Empty::Keep, ..line() };
    let filling = FieldMapping { empty: Empty::Default, default: "nobody".into(), ..line() };
    let (contact, lead) = (mapping("Contact", 0, keeping), mapping("Lead", 1, filling.clone()));
    let linked = |first, second| [(&contact, record(Some(first))), (&lead, record(Some(second)))];
    assert_eq!(title_among("CTO", &linked("", "")), None);
    assert_eq!(title_among("CTO", &linked("", "Boss")), Some("Boss".into()));
    let contact = mapping("Contact", 0, filling);
    let linked = |first, second| [(&contact, record(Some(first))), (&lead, record(Some(second)))];
    assert_eq!(title_among("", &linked("", "Boss")), Some("Boss".into()), "a default is no value");
    assert_eq!(title_among("", &linked("", "")), Some("nobody".into()));
}

#[test]
fn nobody_takes_over_while_the_first_can_not_say() {
    let mapped = FieldMapping { values: [("CTO".to_owned(), "leader".to_owned())].into(), ..line() };
    let (mut contact, lead) = (mapping("Contact", 0, mapped), mapping("Lead", 1, line()));
    let unread = [(&contact, record(None)), (&lead, record(Some("Boss")))];
    assert_eq!(title_among("leader", &unread), None, "it is still to be read");
    let misfit = [(&contact, record(Some("CEO"))), (&lead, record(Some("Boss")))];
    assert_eq!(title_among("leader", &misfit), None, "a value that does not fit is an issue, not nothing");
    contact.paused = true;
    let paused = [(&contact, record(Some("CTO"))), (&lead, record(Some("Boss")))];
    assert_eq!(title_among("old", &paused), None, "a paused mapping holds on to what it gave");
}

#[test]
fn a_link_that_ends_leaves_its_attributes_to_the_others() {
    let (contact, lead) = (mapping("Contact", 0, line()), mapping("Lead", 1, line()));
    let planned = |lead_title: &str, cleared: bool| {
        let profile = Profile {
            kind: ProfileKind::User,
            id: "u1".into(),
            attributes: [("title".to_owned(), "CTO".into())].into(),
            created_at: Timestamp::UNIX_EPOCH,
            last_seen_at: None,
            summary: Default::default(),
            revision: 1,
        };
        let (schema, associated, record) = (schema(), BTreeMap::new(), record(Some(lead_title)));
        let contender = Contender {
            mapping: &lead,
            schema: Some(&schema),
            paths: &NO_PATHS,
            record: &record,
            associated: &associated,
        };
        let attributes = cleared.then(|| ("title".to_owned(), Value::Null)).into_iter().collect();
        let mut ready = Ready { attributes, unlink: true, ..Ready::default() };
        give_precedence(&mut ready, &contact, &profile, &AttributeTypes::new(), &[contender]);
        ready.attributes.remove("title")
    };
    assert_eq!(planned("Boss", true), Some("Boss".into()));
    assert_eq!(planned("Boss", false), Some("Boss".into()), "also where the mapping would keep it");
    assert_eq!(planned("", true), Some(Value::Null));
    assert_eq!(planned("", false), Some(Value::Null), "it is the others' to say what becomes of it");
}
