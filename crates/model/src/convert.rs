//! Normal forms. A value is brought into the form that its target would keep before it is compared or written, so that an
//! echo of our own write is no change. Both conversions are idempotent: the normal form of a normal form is itself.

use std::fmt;

use crate::{
    Number, Value,
    attribute::{DataType, parse_instant, to_day, to_millisecond, to_second},
    record_id,
    schema::{FieldSchema, FieldType},
};

/// A value that does not fit its target. The text names what is wrong with it and what is allowed, never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit(String);

impl Misfit {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

fn misfit<T>(text: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit::new(text))
}

/// Whether the value is none in every normal form: null, a text of blanks, a list of such texts.
pub fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => trimmed(text).is_empty(),
        Value::List(items) => items.iter().all(|item| trimmed(item).is_empty()),
        Value::Boolean(_) | Value::Number(_) | Value::DateTime(_) => false,
    }
}

/// Without blanks at both ends. Salesforce counts control characters among them there.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || letter.is_control())
}

/// The length of a text as Salesforce counts it: an emoji has two units or more.
pub(crate) fn utf16_length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The value as the text that a text field would keep; empty where it keeps none.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) => trimmed(text).to_owned(),
        Value::DateTime(instant) => to_millisecond(*instant).to_string(),
        other => trimmed(&other.to_string()).to_owned(),
    }
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
/// field's scale, instants to the second, dates to the day, lists in sorted order, ids of 18 characters.
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
            Value::DateTime(instant) => Value::DateTime(in_range(to_day(instant))?),
            value => value,
        },
        F::DateTime => match to_attribute(value, DataType::DateTime)? {
            Value::DateTime(instant) => Value::DateTime(in_range(to_second(instant))?),
            value => value,
        },
        F::MultiPicklist => match to_attribute(value, DataType::List)? {
            Value::List(items) => choices(&items, field)?,
            value => value,
        },
        F::Address | F::Other => return misfit("this type of Salesforce field can not be written"),
        _ => {
            let text = text_of(value);
            if text.is_empty() {
                return Ok(Value::Null);
            }
            if text.contains('\0') {
                return misfit("the text has the character U+0000, which Salesforce does not keep");
            }
            let text = match field.field_type {
                F::Picklist => allowed(&text, field)?,
                F::Id | F::Reference => match record_id::to_long(&text) {
                    Some(id) => id,
                    None => return misfit("the text is no record id of 15 or 18 characters"),
                },
                F::Time => time_of_day(&text)?,
                _ => text,
            };
            if let Some(length) = field.length.filter(|length| *length > 0)
                && utf16_length(&text) > length as usize
            {
                return misfit(format!("the text is longer than the {length} characters that the field takes"));
            }
            Value::Text(text)
        }
    })
}

/// Whether a field that has `held` needs no write to become `wanted`, which is in normal form. Of a picklist Salesforce keeps a
/// value in the spelling of its definition, whatever the case it was written in.
pub fn is_kept(held: &Value, wanted: &Value, field: &FieldSchema) -> bool {
    let held = to_field(held, field).unwrap_or_else(|_| held.clone());
    let same_choice = |(held, wanted): (&String, &String)| held.eq_ignore_ascii_case(wanted);
    match (field.field_type, &held, wanted) {
        (FieldType::Picklist, Value::Text(held), Value::Text(wanted)) => same_choice((held, wanted)),
        (FieldType::MultiPicklist, Value::List(held), Value::List(wanted)) => {
            held.len() == wanted.len() && held.iter().zip(wanted).all(same_choice)
        }
        _ => held == *wanted,
    }
}

/// The choices of a multi-select picklist: a set, so they stand in one order, each once.
fn choices(items: &[String], field: &FieldSchema) -> Result<Value, Misfit> {
    let mut chosen = Vec::with_capacity(items.len());
    for item in items.iter().map(|item| trimmed(item)).filter(|item| !item.is_empty()) {
        if item.contains(';') {
            return misfit("a `;` in a list item would split it in two in Salesforce");
        }
        if item.contains('\0') {
            return misfit("a list item has the character U+0000, which Salesforce does not keep");
        }
        chosen.push(allowed(item, field)?);
    }
    chosen.sort_by_cached_key(|item| (item.to_ascii_lowercase(), item.clone()));
    chosen.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    Ok(if chosen.is_empty() { Value::Null } else { Value::List(chosen) })
}

/// Salesforce keeps dates of the years 1700 to 4000.
fn in_range(instant: jiff::Timestamp) -> Result<jiff::Timestamp, Misfit> {
    match jiff::tz::Offset::UTC.to_datetime(instant).year() {
        1700..=4000 => Ok(instant),
        _ => misfit("Salesforce keeps dates of the years 1700 to 4000 only"),
    }
}

/// A time of day as Salesforce gives it: `13:45:00.000Z`.
fn time_of_day(text: &str) -> Result<String, Misfit> {
    match text.trim_end_matches('Z').parse::<jiff::civil::Time>() {
        Ok(time) => Ok(format!(
            "{:02}:{:02}:{:02}.{:03}Z",
            time.hour(),
            time.minute(),
            time.second(),
            time.subsec_nanosecond() / 1_000_000
        )),
        Err(_) => misfit("the text is no time of day, such as 13:45:00"),
    }
}

/// The choice that a text means, in the spelling of the picklist's definition where that is known.
fn allowed(text: &str, field: &FieldSchema) -> Result<String, Misfit> {
    let choices = &field.restricted_to;
    if choices.is_empty() {
        return Ok(text.to_owned());
    }
    let meant = choices.iter().find(|choice| *choice == text);
    match meant.or_else(|| choices.iter().find(|choice| choice.eq_ignore_ascii_case(text))) {
        Some(choice) => Ok(choice.clone()),
        None => misfit(format!("the picklist is restricted to: {}", choices.join(", "))),
    }
}
