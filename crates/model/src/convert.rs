//! Normal forms. A value is brought into the form that its target would keep before it is compared or written, so that an
//! echo of our own write is no change. Both conversions are idempotent: the normal form of a normal form is itself.

use std::fmt;

use crate::{
    Number, Value,
    attribute::{DataType, parse_instant, to_day, to_millisecond},
    schema::{FieldSchema, FieldType},
};

/// A value that does not fit its target. The text names what is wrong with it and what is allowed, never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit(String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

fn misfit<T>(text: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit(text.into()))
}

/// The form in which an attribute of that type keeps the value. Conversions that lose nothing are made (`"5"` is the number 5);
/// anything else is a misfit.
///
/// # Errors
/// Where the value has no such form.
pub fn to_attribute(value: &Value, data_type: DataType) -> Result<Value, Misfit> {
    Ok(match (data_type, value) {
        (_, Value::Null) => Value::Null,
        (_, Value::Text(text)) if text.is_empty() => Value::Null,
        (_, Value::List(items)) if items.is_empty() => Value::Null,

        (DataType::String, Value::List(_)) => return misfit("a list was given for a string"),
        (DataType::String, Value::DateTime(instant)) => Value::Text(to_millisecond(*instant).to_string()),
        (DataType::String, other) => Value::Text(other.to_string()),

        (DataType::Number, Value::Number(number)) => Value::Number(*number),
        (DataType::Number, Value::Text(text)) => match text.trim().parse().ok().and_then(Number::new) {
            Some(number) => Value::Number(number),
            None => return misfit("the text is no number"),
        },

        (DataType::Boolean, Value::Boolean(value)) => Value::Boolean(*value),
        (DataType::Boolean, Value::Text(text)) => match text.trim() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            _ => return misfit("the text is neither `true` nor `false`"),
        },

        (DataType::DateTime, Value::DateTime(instant)) => Value::DateTime(to_millisecond(*instant)),
        (DataType::DateTime, Value::Text(text)) => {
            match parse_instant(text.trim()).or_else(|| parse_day(text.trim())) {
                Some(instant) => Value::DateTime(instant),
                None => return misfit("the text is no ISO 8601 date and time, such as 2026-01-31T12:00:00Z"),
            }
        }

        (DataType::List, Value::List(items)) => Value::List(items.clone()),
        (DataType::List, scalar) => Value::List(vec![scalar.to_string()]),

        (wanted, given) => {
            let given = DataType::inferred(given).map_or("nothing", DataType::as_str);
            return misfit(format!("a {given} was given for a {wanted}"));
        }
    })
}

fn parse_day(text: &str) -> Option<jiff::Timestamp> {
    let date: jiff::civil::Date = text.parse().ok()?;
    jiff::tz::Offset::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).ok()
}

/// The attribute type that a Salesforce field becomes; `None` for types that can not be synced.
pub fn attribute_type(field_type: FieldType) -> Option<DataType> {
    use FieldType as F;
    Some(match field_type {
        F::Id | F::Reference | F::String | F::TextArea | F::Picklist | F::Email | F::Phone | F::Url | F::Time => {
            DataType::String
        }
        F::MultiPicklist => DataType::List,
        F::Boolean => DataType::Boolean,
        F::Int | F::Double | F::Currency | F::Percent => DataType::Number,
        F::Date | F::DateTime => DataType::DateTime,
        F::Address | F::Other => return None,
    })
}

/// The form in which Salesforce would keep the value in that field: text trimmed, the empty text null, numbers rounded to the
/// field's scale, instants to the second's thousandth, dates to the day, lists in sorted order.
///
/// # Errors
/// Where Salesforce would refuse the value: too long, not of the type, not in a restricted picklist.
pub fn to_field(value: &Value, field: &FieldSchema) -> Result<Value, Misfit> {
    use FieldType as F;
    Ok(match field.field_type {
        F::Boolean => match to_attribute(value, DataType::Boolean)? {
            // A checkbox has no third state.
            Value::Null => Value::Boolean(false),
            value => value,
        },
        F::Int | F::Double | F::Currency | F::Percent => match to_attribute(value, DataType::Number)? {
            Value::Number(number) => {
                Value::Number(number.rounded(if field.field_type == F::Int { 0 } else { field.scale.unwrap_or(18) }))
            }
            value => value,
        },
        F::Date => match to_attribute(value, DataType::DateTime)? {
            Value::DateTime(instant) => Value::DateTime(to_day(instant)),
            value => value,
        },
        F::DateTime => to_attribute(value, DataType::DateTime)?,
        F::MultiPicklist => match to_attribute(value, DataType::List)? {
            Value::List(mut items) => {
                if items.iter().any(|item| item.contains(';')) {
                    return misfit("a `;` in a list item would split it in two in Salesforce");
                }
                items.sort();
                items.dedup();
                for item in &items {
                    check_allowed(item, field)?;
                }
                Value::List(items)
            }
            value => value,
        },
        F::Address | F::Other => return misfit("this type of Salesforce field can not be written"),
        _ => {
            let text = match value {
                Value::List(items) => items.join(";"),
                other => other.to_string(),
            };
            let text = text.trim();
            if text.is_empty() {
                return Ok(Value::Null);
            }
            check_allowed(text, field)?;
            if let Some(length) = field.length.filter(|length| *length > 0)
                && text.chars().count() > length as usize
            {
                return misfit(format!("the text is longer than the {length} characters that the field takes"));
            }
            Value::Text(text.to_owned())
        }
    })
}

fn check_allowed(text: &str, field: &FieldSchema) -> Result<(), Misfit> {
    let allowed = &field.restricted_to;
    if allowed.is_empty() || allowed.iter().any(|value| value == text) {
        return Ok(());
    }
    misfit(format!("the picklist is restricted to: {}", allowed.join(", ")))
}
