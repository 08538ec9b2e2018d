//! Attribute operations as a request gives them: what holds for every value.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use syncline_environment::Request;
use syncline_model::{
    Number, Value,
    attribute::{AttributeOperation, DataType},
    profile::ProfileWrite,
};

/// The operation that a request gives for the attribute `a`.
fn operation(json: Json) -> AttributeOperation {
    let request = Request::user(&json!({ "id": "x", "attributes": { "a": json } })).unwrap();
    match request.write.into_iter().next() {
        Some(ProfileWrite::Upsert { operations, .. }) => operations.into_iter().next().unwrap().1,
        other => panic!("no upsert but {other:?}"),
    }
}

fn applied(json: Json, current: &Value, data_type: DataType) -> Value {
    operation(json).apply(current, data_type).unwrap()
}

fn list(items: &[String]) -> Value {
    if items.is_empty() { Value::Null } else { Value::List(items.to_vec()) }
}

fn number(value: i32) -> Value {
    Value::Number(Number::new(f64::from(value)).unwrap())
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-d]{1,2}", 0..6)
}

/// A literal and the type of attribute that takes it.
fn literal() -> impl Strategy<Value = (Json, DataType)> {
    prop_oneof![
        "[^\\x00]{0,20}".prop_map(|text| (json!(text), DataType::String)),
        any::<i32>().prop_map(|value| (json!(value), DataType::Number)),
        any::<bool>().prop_map(|value| (json!(value), DataType::Boolean)),
        (0_i64..4_000_000_000_000)
            .prop_map(|ms| { (json!(syncline_model::clock::from_ms(ms).to_string()), DataType::DateTime) }),
        texts().prop_map(|items| (json!(items), DataType::List)),
        Just((Json::Null, DataType::String)),
    ]
}

proptest! {
    #[test]
    fn set_twice_is_set_once_and_a_literal_is_a_set((value, data_type) in literal()) {
        let once = applied(json!({ "set": value }), &Value::Null, data_type);
        prop_assert_eq!(&applied(json!({ "set": value }), &once, data_type), &once);
        if !value.is_null() {
            prop_assert_eq!(&applied(value.clone(), &Value::Null, data_type), &once);
        }
        prop_assert_eq!(applied(Json::Null, &once, data_type), Value::Null);
    }

    #[test]
    fn set_once_keeps_what_is_there_and_fills_what_is_not((first, data_type) in literal(), (second, _) in literal()) {
        let held = applied(json!({ "set_once": first }), &Value::Null, data_type);
        prop_assert_eq!(&held, &applied(first, &Value::Null, data_type));
        if !held.is_null() {
            prop_assert_eq!(applied(json!({ "set_once": second }), &held, data_type), held);
        }
    }

    #[test]
    fn subtract_takes_back_what_add_has_added(start in any::<i32>(), by in any::<i32>()) {
        let sum = applied(json!({ "add": by }), &number(start), DataType::Number);
        prop_assert_eq!(sum.to_string(), (i64::from(start) + i64::from(by)).to_string());
        prop_assert_eq!(applied(json!({ "subtract": by }), &sum, DataType::Number), number(start));
        prop_assert_eq!(applied(json!({ "add": by }), &Value::Null, DataType::Number), number(by));
    }

    #[test]
    fn append_and_prepend_keep_order_on_their_side(start in texts(), more in texts()) {
        let current = list(&start);
        let appended = [start.clone(), more.clone()].concat();
        prop_assert_eq!(applied(json!({ "append": more }), &current, DataType::List), list(&appended));
        let prepended = [more.clone(), start].concat();
        prop_assert_eq!(applied(json!({ "prepend": more }), &current, DataType::List), list(&prepended));
    }

    #[test]
    fn remove_leaves_none_of_them_and_all_others_and_removing_again_changes_nothing(start in texts(), gone in texts()) {
        let left = applied(json!({ "remove": gone }), &list(&start), DataType::List);
        let expected: Vec<_> = start.into_iter().filter(|item| !gone.contains(item)).collect();
        prop_assert_eq!(&left, &list(&expected));
        prop_assert_eq!(applied(json!({ "remove": gone }), &left, DataType::List), left);
    }

    #[test]
    fn append_then_remove_ends_without_them(start in texts(), item in "[a-d]{1,2}") {
        let appended = applied(json!({ "append": item }), &list(&start), DataType::List);
        let removed = applied(json!({ "remove": item }), &appended, DataType::List);
        let expected: Vec<_> = start.into_iter().filter(|other| *other != item).collect();
        prop_assert_eq!(removed, list(&expected));
    }
}
