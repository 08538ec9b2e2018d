//! Attribute operations.

use syncline_model::{
    Number, Value,
    attribute::{AttributeOperation, DataType, Operator, display_name, parse_instant},
};

fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|item| (*item).to_owned()).collect())
}

fn number(value: f64) -> Value {
    Value::Number(Number::new(value).unwrap())
}

fn apply(operator: Operator, operand: Value, current: Value, data_type: DataType) -> Result<Value, String> {
    AttributeOperation { operator, operand, data_type: None }.apply(&current, data_type)
}

#[test]
fn each_operation_does_what_its_name_says() {
    use Operator as O;
    let string = DataType::String;
    assert_eq!(apply(O::Set, "new".into(), "old".into(), string), Ok("new".into()));
    assert_eq!(apply(O::Set, Value::Null, "old".into(), string), Ok(Value::Null));
    assert_eq!(apply(O::SetOnce, "new".into(), "old".into(), string), Ok("old".into()));
    assert_eq!(apply(O::SetOnce, "new".into(), Value::Null, string), Ok("new".into()));
    assert_eq!(apply(O::Add, number(2.0), Value::Null, DataType::Number), Ok(number(2.0)));
    assert_eq!(apply(O::Subtract, number(2.0), number(1.5), DataType::Number), Ok(number(-0.5)));
    assert_eq!(apply(O::Append, list(&["c"]), list(&["a", "b"]), DataType::List), Ok(list(&["a", "b", "c"])));
    assert_eq!(apply(O::Prepend, list(&["c", "d"]), list(&["a"]), DataType::List), Ok(list(&["c", "d", "a"])));
    assert_eq!(apply(O::Remove, "a".into(), list(&["a", "b", "a"]), DataType::List), Ok(list(&["b"])));
    assert_eq!(apply(O::Remove, "b".into(), list(&["b"]), DataType::List), Ok(Value::Null));
}

#[test]
fn operations_that_do_not_fit_the_type_say_what_would() {
    assert_eq!(
        apply(Operator::Add, number(1.0), "x".into(), DataType::String),
        Err("only a number can be added to, and the attribute is a string".into())
    );
    assert_eq!(
        apply(Operator::Append, "x".into(), number(1.0), DataType::Number),
        Err("only a list can be appended to or removed from, and the attribute is a number".into())
    );
    assert_eq!(
        apply(Operator::Set, Value::Boolean(true), Value::Null, DataType::Number),
        Err("a boolean was given for a number".into())
    );
}

#[test]
fn only_whole_instants_are_inferred_to_be_instants() {
    assert!(parse_instant("2026-01-31T12:00:00Z").is_some());
    assert!(parse_instant("2026-01-31T12:00:00.5+01:00").is_some());
    for text in ["2026-01-31", "2026-01-31T12:00:00", "12:00:00Z", "", "20260131T120000Z", "é026-01-31T12:00:00Z"] {
        assert!(parse_instant(text).is_none(), "{text}");
    }
    assert_eq!(DataType::inferred(&"2026-01-31T12:00:00Z".into()), Some(DataType::DateTime));
    assert_eq!(DataType::inferred(&"plain".into()), Some(DataType::String));
}

#[test]
fn code_names_become_names_for_people() {
    assert_eq!(display_name("signed_up_at"), "Signed Up At");
    assert_eq!(display_name("plan"), "Plan");
    assert_eq!(display_name("__"), "__");
}
