//! Attributes: their definitions, and the operations that change them.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, tz::Offset};
use serde::{Deserialize, Serialize};

use crate::{Number, Value};

/// Type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataType {
    /// Text.
    String,
    /// Number.
    Number,
    /// True or false.
    Boolean,
    /// Instant.
    DateTime,
    /// List of texts.
    List,
}

impl DataType {
    /// All types, in the order in which they are documented.
    pub const ALL: [Self; 5] = [Self::String, Self::Number, Self::Boolean, Self::DateTime, Self::List];

    /// The word that the store and both APIs use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::DateTime => "datetime",
            Self::List => "list",
        }
    }

    /// The type that a value shows by itself: text in ISO 8601 form with a zone is an instant, as in Userflow.js.
    /// `None` for null, which fits every type.
    pub fn inferred(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Boolean(_) => Some(Self::Boolean),
            Value::Number(_) => Some(Self::Number),
            Value::DateTime(_) => Some(Self::DateTime),
            Value::List(_) => Some(Self::List),
            Value::Text(text) if parse_instant(text).is_some() => Some(Self::DateTime),
            Value::Text(_) => Some(Self::String),
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DataType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|data_type| data_type.as_str() == text).ok_or_else(|| {
            format!("`{text}` is no attribute type; allowed are string, number, boolean, datetime and list")
        })
    }
}

/// An ISO 8601 instant with date, time and zone, to the millisecond; anything less is mere text.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 17 && bytes[4] == b'-' && bytes[7] == b'-' && matches!(bytes[10], b'T' | b' ');
    if !shaped {
        return None;
    }
    text.parse::<Timestamp>().ok().map(to_millisecond)
}

/// The instant, cut to whole milliseconds: what an attribute keeps.
pub fn to_millisecond(instant: Timestamp) -> Timestamp {
    crate::clock::from_ms(instant.as_millisecond())
}

/// The instant, cut to whole seconds: what a Salesforce field keeps.
pub fn to_second(instant: Timestamp) -> Timestamp {
    crate::clock::from_ms(instant.as_millisecond().div_euclid(1_000) * 1_000)
}

/// Midnight in UTC of the instant's day in UTC: how a calendar day is held as an instant.
pub fn to_day(instant: Timestamp) -> Timestamp {
    let date = Offset::UTC.to_datetime(instant).date();
    Offset::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).unwrap_or(instant)
}

/// What an attribute belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A user.
    User,
    /// A company (the API says `group`).
    Company,
    /// A membership (the API says `group_membership`).
    Membership,
    /// An event.
    Event,
}

impl Scope {
    /// The word that the store uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Company => "company",
            Self::Membership => "membership",
            Self::Event => "event",
        }
    }
}

impl From<crate::profile::ProfileKind> for Scope {
    fn from(kind: crate::profile::ProfileKind) -> Self {
        match kind {
            crate::profile::ProfileKind::User => Self::User,
            crate::profile::ProfileKind::Company => Self::Company,
        }
    }
}

/// Where an attribute comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The customer's application or the API.
    Api,
    /// A field mapping from Salesforce.
    Salesforce,
}

impl Origin {
    /// The word that the store and the management API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Salesforce => "salesforce",
        }
    }
}

/// An attribute as it is known, made when a value for it first arrives or a mapping names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeDefinition {
    /// What it belongs to.
    pub scope: Scope,
    /// Code name; never changes.
    pub name: String,
    /// Name for people.
    pub display_name: String,
    /// What it means, if somebody said so.
    pub description: Option<String>,
    /// Type; never changes, except between string and list.
    pub data_type: DataType,
    /// Where its values come from.
    pub origin: Origin,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A kind of event as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDefinition {
    /// Code name.
    pub name: String,
    /// Name for people.
    pub display_name: String,
    /// What it means, if somebody said so.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// `plan_name` → `Plan Name`: the name for people that a code name gets until somebody gives a better one.
pub fn display_name(code: &str) -> String {
    let words = code.split(['_', '-', ' ', '.']).filter(|word| !word.is_empty());
    let capitalised = words.map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    });
    let name = capitalised.collect::<Vec<_>>().join(" ");
    if name.is_empty() { code.to_owned() } else { name }
}

/// How to change an attribute. The names are Userflow's (`userflow.d.ts`, `AttributeChange`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeOperation {
    /// What to do.
    pub operator: Operator,
    /// With which value.
    pub operand: Value,
    /// The type that the sender says the attribute has.
    pub data_type: Option<DataType>,
}

/// What an [`AttributeOperation`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Takes the operand; null clears.
    Set,
    /// Takes the operand unless there is a value already.
    SetOnce,
    /// Adds a number; nothing counts as 0.
    Add,
    /// Subtracts a number.
    Subtract,
    /// Puts values at the end of a list.
    Append,
    /// Puts values at the start of a list.
    Prepend,
    /// Takes values out of a list, wherever they stand.
    Remove,
}

impl AttributeOperation {
    /// Sets a value.
    pub fn set(operand: Value) -> Self {
        Self { operator: Operator::Set, operand, data_type: None }
    }

    /// The type that an attribute gets which this operation is the first to name.
    pub fn implied_type(&self) -> Option<DataType> {
        self.data_type.or(match self.operator {
            Operator::Set | Operator::SetOnce => DataType::inferred(&self.operand),
            Operator::Add | Operator::Subtract => Some(DataType::Number),
            Operator::Append | Operator::Prepend | Operator::Remove => Some(DataType::List),
        })
    }

    /// The attribute's value afterwards, in the normal form of `data_type`.
    ///
    /// # Errors
    /// Where operand or operation do not fit the type; the text says what would.
    pub fn apply(&self, current: &Value, data_type: DataType) -> Result<Value, String> {
        let fits = |value: &Value| crate::convert::to_attribute(value, data_type).map_err(|misfit| misfit.to_string());
        match self.operator {
            Operator::Set => fits(&self.operand),
            Operator::SetOnce if current.is_null() => fits(&self.operand),
            Operator::SetOnce => Ok(current.clone()),
            Operator::Add => self.sum(current, data_type, 1.0),
            Operator::Subtract => self.sum(current, data_type, -1.0),
            Operator::Append => self.edit_list(data_type, current, |list, given| list.extend(given)),
            Operator::Prepend => self.edit_list(data_type, current, |list, mut given| {
                given.append(list);
                *list = given;
            }),
            Operator::Remove => {
                self.edit_list(data_type, current, |list, given| list.retain(|item| !given.contains(item)))
            }
        }
    }

    fn sum(&self, current: &Value, data_type: DataType, sign: f64) -> Result<Value, String> {
        if data_type != DataType::Number {
            return Err(format!("only a number can be added to, and the attribute is a {data_type}"));
        }
        let number = |value: &Value| match crate::convert::to_attribute(value, DataType::Number) {
            Ok(Value::Number(number)) => Ok(number.as_f64()),
            Ok(_) => Ok(0.0),
            Err(misfit) => Err(misfit.to_string()),
        };
        let sum = number(current)? + sign * number(&self.operand)?;
        Number::new(sum).map(Value::Number).ok_or_else(|| "the sum is too large for a number".to_owned())
    }

    fn edit_list(
        &self,
        data_type: DataType,
        current: &Value,
        edit: impl FnOnce(&mut Vec<String>, Vec<String>),
    ) -> Result<Value, String> {
        if data_type != DataType::List {
            return Err(format!("only a list can be appended to or removed from, and the attribute is a {data_type}"));
        }
        let list = |value: &Value| match crate::convert::to_attribute(value, DataType::List) {
            Ok(Value::List(items)) => Ok(items),
            Ok(_) => Ok(Vec::new()),
            Err(misfit) => Err(misfit.to_string()),
        };
        let mut items = list(current)?;
        edit(&mut items, list(&self.operand)?);
        Ok(if items.is_empty() { Value::Null } else { Value::List(items) })
    }
}
