//! No two mappings can fight: whatever mappings are saved one after the other, nothing that was accepted flows in a circle, and
//! each field has one source. Circles are looked for in another way than by what judges mappings.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use syncline_model::{
    clock::from_ms,
    mapping::{Duplicates, MatchRule, OnUnlink},
};

use super::*;

const SEEDS: u64 = 2_000;
const FIELDS: [&str; 3] = ["One", "Two", "Three"];
const ATTRIBUTES: [&str; 4] = ["a", "b", "c", "d"];

fn text(name: &str) -> FieldSchema {
    FieldSchema {
        name: name.into(),
        label: name.into(),
        field_type: FieldType::String,
        length: Some(255),
        scale: None,
        updateable: true,
        nillable: true,
        custom: false,
        calculated: false,
        restricted_to: Vec::new(),
        reference_to: Vec::new(),
        relationship: None,
    }
}

fn object(name: &str, lookup: &str) -> ObjectSchema {
    let to_account = FieldSchema {
        field_type: FieldType::Reference,
        relationship: Some(lookup.into()),
        reference_to: vec!["Account".into()],
        ..text(&format!("{lookup}Id"))
    };
    let fields = FIELDS.iter().map(|name| text(name)).chain([text("Key"), to_account]).collect();
    ObjectSchema { name: name.into(), label: name.into(), key_prefix: None, fields }
}

fn drawn(random: &mut StdRng) -> MappingDefinition {
    let mut one = |of: &[&str]| (*of.choose(random).expect("there are some")).to_owned();
    let salesforce = one(&["Account", "Contact"]);
    let userflow = if one(&["user", "company"]) == "user" { ProfileKind::User } else { ProfileKind::Company };
    let paths: &[&str] = if salesforce == "Account" { &["", "Parent."] } else { &["", "Account.", "Account.Parent."] };
    let mut lines = |is_inbound: bool| -> Vec<FieldMapping> {
        let count = one(&["0", "1", "2"]).len() + one(&["", "1"]).len();
        let line = |_| {
            let (path, field, attribute) = (one(paths), one(&FIELDS), one(&ATTRIBUTES));
            match is_inbound {
                true => FieldMapping::new(format!("{path}{field}"), attribute),
                false => FieldMapping::new(attribute, field),
            }
        };
        (0..count).map(line).collect()
    };
    let (inbound, outbound) = (lines(true), lines(false));
    MappingDefinition {
        salesforce,
        userflow,
        match_rule: MatchRule { salesforce: "Key".into(), userflow: "key".into() },
        duplicates: Duplicates::Oldest,
        on_unlink: OnUnlink::Clear,
        stream_events: false,
        events: Vec::new(),
        inbound,
        outbound,
    }
}

/// From where to where values flow: names of fields and attributes.
fn flows(mapping: &MappingDefinition) -> Vec<(String, String)> {
    let attribute = |name: &str| format!("{} {name}", mapping.userflow);
    let inbound = mapping.inbound.iter().map(|line| {
        let from = match line.from.rsplit_once('.') {
            Some((_, field)) => format!("Account.{field}"),
            None => format!("{}.{}", mapping.salesforce, line.from),
        };
        (from, attribute(&line.to))
    });
    let outbound =
        mapping.outbound.iter().map(|line| (attribute(&line.from), format!("{}.{}", mapping.salesforce, line.to)));
    inbound.chain(outbound).collect()
}

/// Takes away, again and again, what nothing flows to; what is left flows in circles, or from one.
fn circles(mut flows: BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    loop {
        let fed: BTreeSet<String> = flows.iter().map(|(_, to)| to.clone()).collect();
        let before = flows.len();
        flows.retain(|(from, _)| fed.contains(from));
        if flows.len() == before {
            return flows;
        }
    }
}

#[test]
fn whatever_is_accepted_flows_in_no_circle_and_feeds_each_field_once() {
    let schemas = [object("Account", "Parent"), object("Contact", "Account")];
    let objects =
        schemas.each_ref().map(|schema| ListedObject { name: schema.name.clone(), label: schema.label.clone() });
    let (mut accepted, mut would_fight) = (0, 0);
    for seed in 0..SEEDS {
        let mut random = StdRng::seed_from_u64(seed);
        let mut mappings: Vec<ObjectMapping> = Vec::new();
        for position in 0..random.random_range(2..8) {
            let definition = drawn(&mut random);
            let around = Surroundings {
                mappings: &mappings,
                judged: None,
                schemas: &schemas,
                objects: &objects,
                attributes: &[],
                questions: &[],
                now: from_ms(0),
            };
            let all = |last: &MappingDefinition| -> BTreeSet<(String, String)> {
                mappings.iter().map(|mapping| &mapping.definition).chain([last]).flat_map(flows).collect()
            };
            match judge(&definition, around) {
                Ok(found) => {
                    accepted += 1;
                    assert_eq!(circles(all(&definition)), BTreeSet::new(), "seed {seed}");
                    let id = MappingId::new(from_ms(i64::from(position)));
                    let definition = found.definition;
                    mappings.push(ObjectMapping {
                        id,
                        version: 1,
                        edited_at: None,
                        position,
                        paused: false,
                        definition,
                    });
                }
                Err(fault) if fault.message.contains("loop") => {
                    would_fight += 1;
                    assert_ne!(circles(all(&definition)), BTreeSet::new(), "seed {seed}: {fault:?}");
                }
                Err(_) => {}
            }
        }
        let mut sources: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for mapping in &mappings {
            for line in &mapping.definition.outbound {
                *sources.entry((&mapping.definition.salesforce, &line.to)).or_default() += 1;
            }
        }
        assert!(sources.values().all(|count| *count == 1), "seed {seed}: {sources:?}");
    }
    assert!(accepted > 1_000 && would_fight > 500, "{accepted} accepted, {would_fight} would fight");
}
