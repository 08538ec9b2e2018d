//! Normal forms: idempotent, and what Salesforce and the environment would keep.

use jiff::Timestamp;
use proptest::prelude::*;
use syncline_model::{
    Number, Value,
    attribute::DataType,
    convert::{is_kept, to_attribute, to_field},
    mapping::{Empty, FieldMapping},
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

const FIELD_TYPES: [FieldType; 19] = {
    use FieldType as F;
    [
        F::Id,
        F::Reference,
        F::String,
        F::TextArea,
        F::Picklist,
        F::MultiPicklist,
        F::Email,
        F::Phone,
        F::Url,
        F::Boolean,
        F::Int,
        F::Double,
        F::Currency,
        F::Percent,
        F::Date,
        F::DateTime,
        F::Time,
        F::Address,
        F::Other,
    ]
};

fn any_field() -> impl Strategy<Value = FieldSchema> {
    let choices = proptest::sample::subsequence(vec!["a", "B", "b", "bc", "1", "true"], 0..4);
    let numbers = (proptest::option::of(1u32..8), proptest::option::of(0u32..5));
    (proptest::sample::select(&FIELD_TYPES[..]), numbers, choices).prop_map(|(field_type, (length, scale), choices)| {
        let restricted_to = choices.into_iter().map(str::to_owned).collect();
        FieldSchema { length, scale, restricted_to, ..field(field_type) }
    })
}

/// A line with any options; its value map may lead anywhere.
fn any_line() -> impl Strategy<Value = FieldMapping> {
    let empty = proptest::sample::select(&[Empty::Clear, Empty::Keep, Empty::Default][..]);
    let values = proptest::collection::btree_map("[a-c1]{1,2}", "[a-c1🙂]{0,3}", 0..4);
    (empty, any_value(), proptest::option::of("[a-c]{0,2}"), any::<bool>(), values).prop_map(
        |(empty, default, otherwise, truncate, values)| FieldMapping {
            empty,
            default,
            otherwise,
            truncate,
            values,
            ..FieldMapping::new("from", "to")
        },
    )
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

    /// What a line writes to a field is what it finds there afterwards, so that nothing is written twice.
    #[test]
    fn what_a_line_wrote_is_kept(line in any_line(), value in any_value(), field in any_field()) {
        if let Ok(Some(wanted)) = line.to_field(&value, &field) {
            prop_assert!(is_kept(&wanted, &wanted, &field), "{:?}", wanted);
            prop_assert_eq!(line.to_field(&value, &field).unwrap(), Some(wanted));
        }
    }

    /// What a line sets on an attribute is in the attribute's normal form.
    #[test]
    fn what_a_line_set_is_kept(
        line in any_line(), value in any_value(), data_type in proptest::sample::select(&DataType::ALL[..]),
    ) {
        if let Ok(Some(wanted)) = line.to_attribute(&value, data_type) {
            prop_assert_eq!(to_attribute(&wanted, data_type).unwrap(), wanted);
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
fn picklists_keep_the_spelling_of_their_definition() {
    let restricted = FieldSchema { restricted_to: vec!["Gold".into(), "Silver".into()], ..field(FieldType::Picklist) };
    assert_eq!(to_field(&"gold".into(), &restricted).unwrap(), "Gold".into());
    // What an unrestricted one has is not known, so it is only known that case makes no difference.
    let free = field(FieldType::Picklist);
    assert!(is_kept(&"Gold".into(), &"gold".into(), &free));
    assert!(!is_kept(&"Gold".into(), &"silver".into(), &free));
    let list = |items: &[&str]| Value::List(items.iter().map(|item| (*item).to_owned()).collect());
    let several = field(FieldType::MultiPicklist);
    let wanted = to_field(&list(&["silver", "gold"]), &several).unwrap();
    assert!(is_kept(&list(&["Gold", "Silver"]), &wanted, &several));
    assert!(!is_kept(&list(&["Gold"]), &wanted, &several));
    assert_eq!(to_field(&list(&[" a ", "", "A", "b"]), &several).unwrap(), list(&["A", "b"]));
    assert_eq!(to_field(&list(&[" "]), &several).unwrap(), Value::Null);
}

#[test]
fn ids_have_eighteen_characters_and_times_of_day_milliseconds() {
    let id = |text: &str| to_field(&text.into(), &field(FieldType::Reference));
    assert_eq!(id("001M000000qfPyS").unwrap(), "001M000000qfPySIAU".into());
    assert_eq!(id("001M000000qfPySIAU").unwrap(), "001M000000qfPySIAU".into());
    assert!(id("Acme").unwrap_err().to_string().contains("record id"));
    let time = |text: &str| to_field(&text.into(), &field(FieldType::Time));
    assert_eq!(time("13:45").unwrap(), "13:45:00.000Z".into());
    assert_eq!(time("13:45:00.000Z").unwrap(), "13:45:00.000Z".into());
    assert!(time("noon").unwrap_err().to_string().contains("time of day"));
}

#[test]
fn dates_that_salesforce_does_not_keep_are_misfits() {
    for (text, fits) in [
        ("0001-01-01T00:00:00Z", false),
        ("1699-12-31T23:59:59Z", false),
        ("1700-01-01T00:00:00Z", true),
        ("4000-12-31T23:59:59Z", true),
        ("9999-12-01T00:00:00Z", false),
    ] {
        for field_type in [FieldType::Date, FieldType::DateTime] {
            assert_eq!(to_field(&text.into(), &field(field_type)).is_ok(), fits, "{text} {field_type:?}");
        }
    }
}

#[test]
fn text_is_counted_in_utf_16_units_and_kept_as_it_is() {
    let three = FieldSchema { length: Some(3), ..field(FieldType::String) };
    assert!(to_field(&"é🙂".into(), &three).is_ok());
    assert!(to_field(&"🙂🙂".into(), &three).is_err());
    let long = field(FieldType::TextArea);
    for text in ["=1+1", "<b>&amp;</b>", "\u{202e}abc", "a\u{7}b", "line\r\nline"] {
        assert_eq!(to_field(&text.into(), &long).unwrap(), text.into());
        assert_eq!(to_attribute(&text.into(), DataType::String).unwrap(), text.into());
    }
    assert_eq!(to_field(&"\u{1}\ta\u{7}".into(), &long).unwrap(), "a".into(), "Salesforce cuts them off at the ends");
    assert!(to_field(&"a\0b".into(), &long).unwrap_err().to_string().contains("U+0000"));
}

#[test]
fn a_checkbox_has_no_third_state() {
    assert_eq!(to_field(&Value::Null, &field(FieldType::Boolean)).unwrap(), Value::Boolean(false));
}

#[test]
fn attributes_keep_milliseconds_fields_seconds_and_dates_the_day() {
    let instant = Value::DateTime("2026-03-01T23:59:59.123456Z".parse().unwrap());
    assert_eq!(
        to_attribute(&instant, DataType::DateTime).unwrap(),
        Value::DateTime("2026-03-01T23:59:59.123Z".parse().unwrap())
    );
    assert_eq!(
        to_field(&instant, &field(FieldType::DateTime)).unwrap(),
        Value::DateTime("2026-03-01T23:59:59Z".parse().unwrap())
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
