//! Normal forms: idempotent, and what Salesforce and the environment would keep.

use jiff::Timestamp;
use proptest::prelude::*;
use syncline_model::{
    Number, Value,
    attribute::DataType,
    convert::{to_attribute, to_field},
    schema::{FieldSchema, FieldType},
};

fn field(field_type: FieldType) -> FieldSchema {
    FieldSchema {
        name: "F__c".into(),
        label: "F".into(),
        field_type,
        length: None,
        scale: None,
        updateable: true,
        nillable: true,
        custom: true,
        calculated: false,
        restricted_to: Vec::new(),
        reference_to: Vec::new(),
        relationship: None,
    }
}

pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<f64>().prop_filter_map("finite", Number::new).prop_map(Value::Number),
        "[ a-zA-Z0-9;éß🙂]{0,12}".prop_map(Value::Text),
        (-60_000_000_000_000i64..250_000_000_000_000)
            .prop_map(|ms| Value::DateTime(Timestamp::from_millisecond(ms).unwrap())),
        proptest::collection::vec("[a-c;]{0,3}", 0..4).prop_map(Value::List),
    ]
}

fn any_field() -> impl Strategy<Value = FieldSchema> {
    use FieldType as F;
    const TYPES: [FieldType; 11] = [
        F::String,
        F::TextArea,
        F::Picklist,
        F::MultiPicklist,
        F::Email,
        F::Boolean,
        F::Int,
        F::Double,
        F::Currency,
        F::Date,
        F::DateTime,
    ];
    (proptest::sample::select(&TYPES[..]), proptest::option::of(1u32..8), proptest::option::of(0u32..5))
        .prop_map(|(field_type, length, scale)| FieldSchema { length, scale, ..field(field_type) })
}

proptest! {
    #[test]
    fn the_normal_form_of_an_attribute_is_its_own(value in any_value(), data_type in proptest::sample::select(&DataType::ALL[..])) {
        if let Ok(once) = to_attribute(&value, data_type) {
            prop_assert_eq!(to_attribute(&once, data_type).unwrap(), once);
        }
    }

    #[test]
    fn the_normal_form_of_a_field_is_its_own(value in any_value(), field in any_field()) {
        if let Ok(once) = to_field(&value, &field) {
            prop_assert_eq!(to_field(&once, &field).unwrap(), once);
        }
    }

    #[test]
    fn values_survive_the_store(value in any_value()) {
        let text = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}

fn number(value: f64) -> Value {
    Value::Number(Number::new(value).unwrap())
}

#[test]
fn text_is_trimmed_and_the_empty_text_is_null() {
    let string = FieldSchema { length: Some(5), ..field(FieldType::String) };
    assert_eq!(to_field(&"  hello ".into(), &string).unwrap(), "hello".into());
    assert_eq!(to_field(&"   ".into(), &string).unwrap(), Value::Null);
    let misfit = to_field(&"hello!".into(), &string).unwrap_err();
    assert_eq!(misfit.to_string(), "the text is longer than the 5 characters that the field takes");
}

#[test]
fn numbers_are_rounded_to_the_scale_half_away_from_zero() {
    let money = FieldSchema { scale: Some(2), ..field(FieldType::Currency) };
    assert_eq!(to_field(&number(1.005), &money).unwrap(), number(1.01));
    assert_eq!(to_field(&number(-2.675), &money).unwrap(), number(-2.68));
    assert_eq!(to_field(&number(1e300), &money).unwrap(), number(1e300));
    assert_eq!(to_field(&number(999.995), &money).unwrap(), number(1000.0));
    assert_eq!(to_field(&number(-0.004), &money).unwrap(), number(0.0));
    let fine = FieldSchema { scale: Some(15), ..field(FieldType::Double) };
    assert_eq!(to_field(&number(6.44), &fine).unwrap(), number(6.44));
    assert_eq!(to_field(&number(1.234_567_890_123_456_7), &fine).unwrap(), number(1.234_567_890_123_457));
    assert_eq!(to_field(&"12.5".into(), &field(FieldType::Int)).unwrap(), number(13.0));
    assert!(to_field(&"twelve".into(), &money).is_err());
}

#[test]
fn a_restricted_picklist_takes_only_its_values() {
    let picklist = FieldSchema { restricted_to: vec!["Gold".into(), "Silver".into()], ..field(FieldType::Picklist) };
    assert_eq!(to_field(&"Gold".into(), &picklist).unwrap(), "Gold".into());
    let misfit = to_field(&"Bronze".into(), &picklist).unwrap_err();
    assert_eq!(misfit.to_string(), "the picklist is restricted to: Gold, Silver");
}

#[test]
fn a_list_is_a_set_in_a_multipicklist() {
    let given = Value::List(vec!["b".into(), "a".into(), "b".into()]);
    assert_eq!(to_field(&given, &field(FieldType::MultiPicklist)).unwrap(), Value::List(vec!["a".into(), "b".into()]));
    assert!(to_field(&Value::List(vec!["a;b".into()]), &field(FieldType::MultiPicklist)).is_err());
}

#[test]
fn a_checkbox_has_no_third_state() {
    assert_eq!(to_field(&Value::Null, &field(FieldType::Boolean)).unwrap(), Value::Boolean(false));
}

#[test]
fn instants_keep_milliseconds_and_dates_keep_the_day() {
    let instant = Value::DateTime("2026-03-01T23:59:59.123456Z".parse().unwrap());
    assert_eq!(
        to_field(&instant, &field(FieldType::DateTime)).unwrap(),
        Value::DateTime("2026-03-01T23:59:59.123Z".parse().unwrap())
    );
    assert_eq!(
        to_field(&instant, &field(FieldType::Date)).unwrap(),
        Value::DateTime("2026-03-01T00:00:00Z".parse().unwrap())
    );
    assert_eq!(
        to_field(&"2026-03-01".into(), &field(FieldType::Date)).unwrap(),
        Value::DateTime("2026-03-01T00:00:00Z".parse().unwrap())
    );
}
