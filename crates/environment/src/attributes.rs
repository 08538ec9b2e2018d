//! Attributes in a request: literal values, or objects that say what to do (`{"add": 1}`).

use serde_json::{Map, Value as Json};
use syncline_model::{
    Number, Value, Values,
    attribute::{AttributeOperation, DataType, Operator},
    convert::to_attribute,
};

use crate::{
    refusal::{Refusal, shortened},
    rules::{MAX_ATTRIBUTES, MAX_LIST_ITEMS, Name, check_name, check_text, within},
};

/// Operations by attribute name, in the order of the request.
pub(crate) type Operations = Vec<(String, AttributeOperation)>;

/// The operators by their names in JSON (`userflow.d.ts`, `AttributeChange`).
const OPERATORS: [(&str, Operator); 7] = [
    ("set", Operator::Set),
    ("set_once", Operator::SetOnce),
    ("add", Operator::Add),
    ("subtract", Operator::Subtract),
    ("append", Operator::Append),
    ("prepend", Operator::Prepend),
    ("remove", Operator::Remove),
];

/// The attributes of a user, company or membership.
pub(crate) fn operations(field: &str, json: &Json) -> Result<Operations, Refusal> {
    named(field, json)?
        .iter()
        .map(|(name, json)| operation(&within(field, name), json).map(|operation| (name.clone(), operation)))
        .collect()
}

/// The attributes of an event, which has no earlier values: literals and `set` only. Nulls are left out.
pub(crate) fn values(field: &str, json: &Json) -> Result<Values, Refusal> {
    let mut values = Values::new();
    for (name, json) in named(field, json)? {
        let field = within(field, name);
        let operation = operation(&field, json)?;
        if operation.operator != Operator::Set {
            return Err(Refusal::invalid(field, "an event has no earlier value to change; give a value or `set`"));
        }
        let value = match operation.data_type {
            Some(data_type) => to_attribute(&operation.operand, data_type)
                .map_err(|misfit| Refusal::invalid(&field, misfit.to_string()))?,
            None => operation.operand,
        };
        if !value.is_null() {
            values.insert(name.clone(), value);
        }
    }
    Ok(values)
}

fn named<'a>(field: &str, json: &'a Json) -> Result<&'a Map<String, Json>, Refusal> {
    let Json::Object(map) = json else {
        return Err(Refusal::invalid(field, "must be an object of values by attribute name"));
    };
    if map.len() > MAX_ATTRIBUTES {
        return Err(Refusal::invalid(field, format!("has more than {MAX_ATTRIBUTES} attributes")));
    }
    for name in map.keys() {
        check_name(name, Name::Attribute)
            .map_err(|message| Refusal::invalid(within(field, &shortened(name)), message))?;
    }
    Ok(map)
}

fn operation(field: &str, json: &Json) -> Result<AttributeOperation, Refusal> {
    let operation = match json {
        Json::Object(map) => operation_object(field, map)?,
        literal => AttributeOperation::set(value(field, literal)?),
    };
    // What does not even fit the type that the operation itself implies fits no attribute.
    if let Some(data_type) = operation.implied_type() {
        operation.apply(&Value::Null, data_type).map_err(|message| Refusal::invalid(field, message))?;
    }
    Ok(operation)
}

fn operation_object(field: &str, map: &Map<String, Json>) -> Result<AttributeOperation, Refusal> {
    let data_type = map.get("data_type").map(|json| data_type(&within(field, "data_type"), json)).transpose()?;
    let mut given = map.iter().filter(|(key, _)| *key != "data_type");
    let (Some((key, operand)), None) = (given.next(), given.next()) else {
        return Err(Refusal::invalid(field, format!("must be a value, or an object with one of {}", operator_names())));
    };
    let Some((_, operator)) = OPERATORS.into_iter().find(|(name, _)| name == key) else {
        return Err(Refusal::invalid(
            within(field, &shortened(key)),
            format!("is no operation; allowed are {}", operator_names()),
        ));
    };
    let field = within(field, key);
    let operand = value(&field, operand)?;
    if operand.is_null() && matches!(operator, Operator::Add | Operator::Subtract) {
        return Err(Refusal::invalid(field, "must be a number"));
    }
    Ok(AttributeOperation { operator, operand, data_type })
}

fn operator_names() -> String {
    OPERATORS.map(|(name, _)| name).join(", ")
}

fn data_type(field: &str, json: &Json) -> Result<DataType, Refusal> {
    let Json::String(text) = json else {
        return Err(Refusal::invalid(field, "must be a string"));
    };
    shortened(text).parse().map_err(|message: String| Refusal::invalid(field, message))
}

fn value(field: &str, json: &Json) -> Result<Value, Refusal> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => number
            .as_f64()
            .and_then(Number::new)
            .map(Value::Number)
            .ok_or_else(|| Refusal::invalid(field, "is too large for a number"))?,
        Json::String(text) => {
            check_text(text).map_err(|message| Refusal::invalid(field, message))?;
            Value::text(text)
        }
        Json::Array(items) => list(field, items)?,
        Json::Object(_) => {
            return Err(Refusal::invalid(field, "must be a string, number, boolean, null or a list of strings"));
        }
    })
}

/// Lists hold texts; numbers and truth values are taken as they are written.
fn list(field: &str, items: &[Json]) -> Result<Value, Refusal> {
    if items.len() > MAX_LIST_ITEMS {
        return Err(Refusal::invalid(field, format!("has more than {MAX_LIST_ITEMS} items")));
    }
    let texts = items.iter().enumerate().map(|(place, item)| {
        let field = format!("{field}[{place}]");
        match item {
            Json::Array(_) | Json::Object(_) | Json::Null => {
                Err(Refusal::invalid(field, "must be a string, number or boolean"))
            }
            scalar => value(&field, scalar).map(|value| value.to_string()),
        }
    });
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    if texts.iter().map(String::len).sum::<usize>() > crate::rules::MAX_TEXT_BYTES {
        return Err(Refusal::invalid(field, format!("is longer than {} bytes", crate::rules::MAX_TEXT_BYTES)));
    }
    Ok(if texts.is_empty() { Value::Null } else { Value::List(texts) })
}
