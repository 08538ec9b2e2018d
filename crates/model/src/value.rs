//! A value of an attribute or a Salesforce field, whatever side it comes from.

use std::{cmp::Ordering, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A value. In JSON: `null`, a string, a number, a boolean, an array of strings, or `{"datetime": "2026-01-31T12:00:00Z"}`,
/// so that what is stored says its own type.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// No value. The empty text and the empty list have this as their normal form.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// A finite number.
    Number(Number),
    /// Text.
    Text(String),
    /// An instant, to the millisecond.
    DateTime(Timestamp),
    /// A list of texts.
    List(Vec<String>),
}

impl Value {
    /// A text value; the empty text is [`Value::Null`].
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Null } else { Self::Text(text) }
    }

    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, if this is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

/// Written as a person would: text as it is, numbers in decimal, instants in RFC 3339, lists joined by `;`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Boolean(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
            Self::DateTime(value) => value.fmt(f),
            Self::List(values) => values.join(";").fmt(f),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Number(value) => match value.as_i64() {
                Some(whole) => serializer.serialize_i64(whole),
                None => serializer.serialize_f64(value.as_f64()),
            },
            Self::Text(value) => serializer.serialize_str(value),
            Self::DateTime(value) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("datetime", value)?;
                map.end()
            }
            Self::List(values) => values.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Boolean(value),
            serde_json::Value::String(value) => Self::Text(value),
            serde_json::Value::Number(value) => value
                .as_f64()
                .and_then(Number::new)
                .map(Self::Number)
                .ok_or_else(|| de::Error::custom("number out of range"))?,
            value @ serde_json::Value::Array(_) => {
                Self::List(serde_json::from_value(value).map_err(de::Error::custom)?)
            }
            serde_json::Value::Object(mut map) => match map.remove("datetime") {
                Some(serde_json::Value::String(text)) => Self::DateTime(text.parse().map_err(de::Error::custom)?),
                _ => return Err(de::Error::custom("an object that is no datetime")),
            },
        })
    }
}

/// A finite number. Salesforce sends and takes doubles (REST JSON, Avro), so that is what is kept; equality is by value,
/// and there is one zero.
#[derive(Clone, Copy, Debug)]
pub struct Number(f64);

impl Number {
    /// The number, unless it is infinite or not a number.
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(if value == 0.0 { 0.0 } else { value }))
    }

    /// As a double.
    pub fn as_f64(self) -> f64 {
        self.0
    }

    /// As a whole number, if it is one that a double holds exactly.
    pub fn as_i64(self) -> Option<i64> {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        (self.0.fract() == 0.0 && self.0.abs() <= EXACT).then_some(self.0 as i64)
    }

    /// Rounded half away from zero to `scale` decimals, as Salesforce does on store; on the decimal form, since 1.005 is a little
    /// less in binary and must still become 1.01 as its author meant it.
    pub fn rounded(self, scale: u32) -> Self {
        let text = self.0.abs().to_string();
        let Some((whole, decimals)) = text.split_once('.').filter(|(_, decimals)| decimals.len() > scale as usize)
        else {
            return self;
        };
        let (kept, rest) = decimals.split_at(scale as usize);
        let mut digits: Vec<u8> = format!("0{whole}{kept}").into_bytes();
        if rest.as_bytes()[0] >= b'5' {
            let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
            let last = digits.len() - nines;
            digits[last..].fill(b'0');
            digits[last - 1] += 1;
        }
        digits.insert(digits.len() - kept.len(), b'.');
        let rounded = String::from_utf8(digits).ok().and_then(|text| text.parse::<f64>().ok());
        rounded.and_then(|rounded| Self::new(rounded.copysign(self.0))).unwrap_or(self)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl std::hash::Hash for Number {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
