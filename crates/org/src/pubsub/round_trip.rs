//! Property tests: whatever an event holds, another Avro library reads it from the bytes by the schema, and a published one
//! reads back as what it was.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use proptest::prelude::*;

use super::bitmap::Position;
use super::bitmap::tests::decode as decode_bitmap;
use super::decode::decode;
use super::encode::{Told, encode_change, encode_published};
use super::schema::{AvroType, EventField, EventSchema};
use crate::core::{
    ChangeType, CommittedEvent, FieldIndex, FieldSchema, FieldType, FieldValue, ObjectSchema, Org, OrgProfile,
    PublishedEvent,
};

static OBJECTS: LazyLock<Vec<ObjectSchema>> = LazyLock::new(|| {
    let mut org = Org::new(&OrgProfile::default(), [5; 32], 0);
    let fields = vec![
        FieldSchema::text("Text__c", "Text", 255),
        FieldSchema::number("Number__c", "Number", FieldType::Double, 18, 2),
        FieldSchema::new("Flag__c", "Flag", FieldType::Boolean),
        FieldSchema::new("Day__c", "Day", FieldType::Date),
        FieldSchema::new("When__c", "When", FieldType::DateTime),
    ];
    org.add_platform_event("Order__e", "Order", fields).expect("a new event");
    ["Account", "Contact", "Task", "Order__e"].map(|name| org.object(name).expect("it exists").clone()).to_vec()
});

fn object(name: &str) -> &'static ObjectSchema {
    OBJECTS.iter().find(|object| object.name == name).expect("one of the objects")
}

/// The values of a schema's fields in the order of the schema, parts one by one.
fn leaves(schema: &EventSchema) -> Vec<(FieldIndex, AvroType)> {
    let of_field = |field: &EventField| match field {
        EventField::Demanded(index, avro_type) | EventField::Plain(index, avro_type) => vec![(*index, *avro_type)],
        EventField::Compound(parts) => parts.clone(),
        // No account is a person here.
        EventField::Switchable(name, _) => vec![(*name, AvroType::String)],
    };
    schema.fields.iter().flat_map(of_field).collect()
}

fn a_value(object: &ObjectSchema, index: FieldIndex, avro_type: AvroType) -> BoxedStrategy<FieldValue> {
    match (avro_type, object.field(index).field_type) {
        (AvroType::String, _) => "\\PC{1,40}".prop_map(|text| FieldValue::text(&text)).boxed(),
        (AvroType::Boolean, _) => any::<bool>().prop_map(FieldValue::Boolean).boxed(),
        (AvroType::Int, _) => any::<i32>().prop_map(|number| FieldValue::Integer(number.into())).boxed(),
        (AvroType::Double, _) => {
            any::<f64>().prop_filter("a number", |n| n.is_finite()).prop_map(FieldValue::Number).boxed()
        }
        (AvroType::Long, FieldType::Date) => (-100_000i32..2_000_000).prop_map(FieldValue::Date).boxed(),
        (AvroType::Long, FieldType::Time) => (0i32..86_400_000).prop_map(FieldValue::Time).boxed(),
        (AvroType::Long, FieldType::Long) => any::<i64>().prop_map(FieldValue::Integer).boxed(),
        (AvroType::Long, _) => any::<i64>().prop_map(FieldValue::DateTime).boxed(),
    }
}

/// Any values for any of the fields of an object's events.
fn some_values(object: &'static ObjectSchema) -> BoxedStrategy<BTreeMap<FieldIndex, FieldValue>> {
    let fields = leaves(&EventSchema::of(object));
    let values: Vec<_> = fields
        .into_iter()
        .map(|(index, avro_type)| proptest::option::of(a_value(object, index, avro_type)).prop_map(move |v| (index, v)))
        .collect();
    let populated = |values: Vec<(FieldIndex, Option<FieldValue>)>| {
        let valued = values.into_iter().filter_map(|(index, value)| Some((index, value?)));
        valued.filter(|(_, value)| !value.is_null()).collect()
    };
    values.prop_map(populated).boxed()
}

fn read(schema: &EventSchema, bytes: &[u8]) -> Vec<(String, Value)> {
    let avro = apache_avro::Schema::parse_str(&schema.json).expect("an Avro schema");
    let reader = GenericDatumReader::builder(&avro).build().expect("the schema resolves");
    let mut rest = bytes;
    let Value::Record(fields) = reader.read_value(&mut rest).expect("the event is in its schema's form") else {
        panic!("an event is a record");
    };
    assert!(rest.is_empty(), "nothing follows the event");
    fields
}

/// The leaves of what another library read, in the order of the schema; `None` where there is no value.
fn read_leaves(schema: &EventSchema, fields: &[(String, Value)], skipped: usize) -> Vec<Option<Value>> {
    let plain = |value: &Value| match value {
        Value::Union(_, inner) => Some((**inner).clone()).filter(|inner| *inner != Value::Null),
        demanded => Some(demanded.clone()),
    };
    let mut values = Vec::new();
    for (field, (_, value)) in schema.fields.iter().zip(&fields[skipped..]) {
        match (field, plain(value)) {
            (EventField::Compound(_), Some(Value::Record(parts))) => {
                values.extend(parts.iter().map(|(_, part)| plain(part)));
            }
            (EventField::Compound(parts), None) => values.extend(parts.iter().map(|_| None)),
            (_, value) => values.push(value),
        }
    }
    values
}

/// What another library is to read for a value.
fn expected(value: &FieldValue, avro_type: AvroType) -> Value {
    match (value, avro_type) {
        (FieldValue::Text(text), _) => Value::String(text.to_string()),
        (FieldValue::Boolean(value), _) => Value::Boolean(*value),
        (FieldValue::Integer(value), AvroType::Int) => Value::Int(i32::try_from(*value).expect("32 bits")),
        (FieldValue::Integer(value) | FieldValue::DateTime(value), _) => Value::Long(*value),
        (FieldValue::Number(value), _) => Value::Double(*value),
        (FieldValue::Date(days), _) => Value::Long(i64::from(*days) * 86_400_000),
        (FieldValue::Time(ms), _) => Value::Long(i64::from(*ms)),
        (FieldValue::Null, _) => Value::Null,
    }
}

fn an_update(entity: &str, values: BTreeMap<FieldIndex, FieldValue>, nulled: Vec<FieldIndex>) -> CommittedEvent {
    CommittedEvent {
        replay_id: 1,
        entity: entity.to_owned(),
        record_ids: vec!["0038d00000AAAAAAAA".to_owned()],
        change_type: ChangeType::Update,
        transaction_key: "key".to_owned(),
        sequence_number: 1,
        commit_timestamp_ms: i64::MAX,
        commit_number: i64::MIN,
        commit_user: "0058d00000AAAAAAAA".to_owned(),
        change_origin: String::new(),
        values: values.into_iter().collect(),
        nulled,
        diffed: Vec::new(),
    }
}

fn positions_in(fields: &[(String, Value)], name: &str) -> Vec<Position> {
    let Value::Record(header) = &fields[0].1 else { panic!("the header comes first") };
    let Value::Array(entries) = &header.iter().find(|(own, _)| own == name).expect("a header field").1 else {
        panic!("an array");
    };
    let text = |entry: &Value| if let Value::String(text) = entry { text.clone() } else { panic!("a text") };
    decode_bitmap(&entries.iter().map(text).collect::<Vec<_>>()).into_iter().collect()
}

fn check_update(
    object: &ObjectSchema,
    values: BTreeMap<FieldIndex, FieldValue>,
    hidden: &[bool],
) -> Result<(), TestCaseError> {
    let schema = EventSchema::of(object);
    let all = leaves(&schema);
    let nulled: Vec<FieldIndex> = all.iter().map(|(index, _)| *index).filter(|i| !values.contains_key(i)).collect();
    let event = an_update(&object.name, values.clone(), nulled.clone());
    let told = Told { event: &event, record_id: None, enriched: &[], hidden };
    let fields = read(&schema, &encode_change(&told, &schema));
    let is_seen = |index: &FieldIndex| !hidden.get(usize::from(*index)).copied().unwrap_or(false);
    let wanted: Vec<_> = all
        .iter()
        .map(|(index, avro_type)| values.get(index).filter(|_| is_seen(index)).map(|value| expected(value, *avro_type)))
        .collect();
    prop_assert_eq!(read_leaves(&schema, &fields, 1), wanted);
    let places = |indexes: &mut dyn Iterator<Item = FieldIndex>| {
        let mut places: Vec<_> = indexes.filter(is_seen).filter_map(|index| schema.position(index)).collect();
        places.sort_unstable();
        places
    };
    prop_assert_eq!(positions_in(&fields, "nulledFields"), places(&mut nulled.iter().copied()));
    prop_assert_eq!(positions_in(&fields, "changedFields"), places(&mut all.iter().map(|(index, _)| *index)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn another_library_reads_every_change_of_a_contact(
        values in some_values(object("Contact")),
        hidden in proptest::collection::vec(any::<bool>(), 0..120),
    ) {
        check_update(object("Contact"), values, &hidden)?;
    }

    #[test]
    fn another_library_reads_every_change_of_an_account(values in some_values(object("Account"))) {
        check_update(object("Account"), values, &[])?;
    }

    #[test]
    fn another_library_reads_every_change_of_a_task(values in some_values(object("Task"))) {
        check_update(object("Task"), values, &[])?;
    }

    #[test]
    fn a_platform_event_reads_back_as_it_was(mut values in some_values(object("Order__e"))) {
        let order = object("Order__e");
        let schema = EventSchema::of(order);
        let demanded = |name: &str| order.index_of(name).expect("every event has it");
        values.insert(demanded("CreatedDate"), FieldValue::DateTime(7));
        values.insert(demanded("CreatedById"), FieldValue::text("0058d00000AAAAAAAA"));
        let values: Vec<_> = values.into_iter().collect();
        let event = PublishedEvent {
            replay_id: 1,
            object: "Order__e".to_owned(),
            uuid: String::new(),
            published_ms: 0,
            values: values.clone(),
        };
        let bytes = encode_published(&event, &schema);
        let fields = read(&schema, &bytes);
        let by_field: BTreeMap<_, _> = values.iter().cloned().collect();
        let wanted: Vec<_> = leaves(&schema)
            .iter()
            .map(|(index, avro_type)| by_field.get(index).map(|value| expected(value, *avro_type)))
            .collect();
        prop_assert_eq!(read_leaves(&schema, &fields, 0), wanted);
        prop_assert_eq!(decode(&bytes, &schema, order), Ok(values));
    }

    #[test]
    fn no_bytes_break_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let order = object("Order__e");
        let _ = decode(&bytes, &EventSchema::of(order), order);
    }
}
