//! Values as the model sees them, and how they are told to either side. Shares nothing with the product's conversions.

use jiff::{Timestamp, tz::Offset};
use serde_json::{Value as Json, json};
use syncline_model::{Number, Value};

/// A value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    #[default]
    Nothing,
    Text(String),
    Thousandths(i64),
    Truth(bool),
    /// Milliseconds since 1970.
    Instant(i64),
    Texts(Vec<String>),
}

/// What a Salesforce field is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// At most so many UTF-16 units.
    Text(usize),
    /// A restricted picklist of [`CHOICES`].
    Choice,
    /// A restricted picklist of which several may be chosen.
    Choices,
    Checkbox,
    /// So many decimals.
    Number(u32),
    Day,
    Instant,
}

/// The type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Type {
    String,
    Number,
    Boolean,
    DateTime,
    List,
}

/// What picklists offer.
pub(crate) const CHOICES: [&str; 4] = ["Gold", "Iron", "Lead", "Tin"];
pub(crate) const DAY_MS: i64 = 86_400_000;

impl Kind {
    /// The type of the attribute that it becomes (docs/mappings.md, the matrix).
    pub(crate) fn becomes(self) -> Type {
        match self {
            Kind::Text(_) | Kind::Choice => Type::String,
            Kind::Choices => Type::List,
            Kind::Checkbox => Type::Boolean,
            Kind::Number(_) => Type::Number,
            Kind::Day | Kind::Instant => Type::DateTime,
        }
    }

    /// Whether it takes attributes of that type (the same matrix).
    pub(crate) fn takes(self, given: Type) -> bool {
        match self {
            Kind::Text(_) | Kind::Choice | Kind::Choices => true,
            Kind::Checkbox => matches!(given, Type::String | Type::Boolean),
            Kind::Number(_) => matches!(given, Type::String | Type::Number),
            Kind::Day | Kind::Instant => matches!(given, Type::String | Type::DateTime),
        }
    }

    /// What a field of the org holds.
    pub(crate) fn read(self, held: &Json) -> Fact {
        match (self, held) {
            (Kind::Choices, Json::String(text)) => {
                let mut chosen: Vec<String> = text.split(';').map(str::to_owned).collect();
                chosen.sort_unstable();
                Fact::Texts(chosen)
            }
            (Kind::Day, Json::String(text)) => {
                instant(&format!("{text}T00:00:00Z")).map_or(Fact::Nothing, Fact::Instant)
            }
            (Kind::Instant, Json::String(text)) => {
                instant(&text.replace("+0000", "Z")).map_or(Fact::Nothing, Fact::Instant)
            }
            (_, Json::String(text)) if !text.is_empty() => Fact::Text(text.clone()),
            (_, Json::Bool(truth)) => Fact::Truth(*truth),
            (_, Json::Number(number)) => {
                Fact::Thousandths((number.as_f64().unwrap_or(f64::NAN) * 1_000.0).round() as i64)
            }
            (Kind::Checkbox, _) => Fact::Truth(false),
            _ => Fact::Nothing,
        }
    }

    /// How a person in the org enters it.
    pub(crate) fn entered(self, fact: &Fact) -> Json {
        match (self, fact) {
            (Kind::Checkbox, Fact::Nothing) => json!(false),
            (_, Fact::Nothing) => Json::Null,
            (_, Fact::Text(text)) => json!(text),
            (Kind::Number(0), Fact::Thousandths(number)) => json!(number / 1_000),
            (_, Fact::Thousandths(number)) => json!(*number as f64 / 1_000.0),
            (_, Fact::Truth(truth)) => json!(truth),
            (Kind::Day, Fact::Instant(ms)) => {
                json!(Offset::UTC.to_datetime(timestamp(*ms)).date().to_string())
            }
            (_, Fact::Instant(ms)) => json!(timestamp(*ms).to_string()),
            (_, Fact::Texts(texts)) => json!(texts.join(";")),
        }
    }
}

impl Fact {
    /// As a value of an attribute.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Fact::Nothing => Value::Null,
            Fact::Text(text) => Value::text(text.as_str()),
            Fact::Thousandths(number) => Number::new(*number as f64 / 1_000.0).map_or(Value::Null, Value::Number),
            Fact::Truth(truth) => Value::Boolean(*truth),
            Fact::Instant(ms) => Value::DateTime(timestamp(*ms)),
            Fact::Texts(texts) => Value::List(texts.clone()),
        }
    }

    /// What an attribute holds.
    pub(crate) fn of_value(value: &Value) -> Fact {
        match value {
            Value::Null => Fact::Nothing,
            Value::Text(text) if text.is_empty() => Fact::Nothing,
            Value::Text(text) => Fact::Text(text.clone()),
            Value::Number(number) => Fact::Thousandths((number.as_f64() * 1_000.0).round() as i64),
            Value::Boolean(truth) => Fact::Truth(*truth),
            Value::DateTime(at) => Fact::Instant(at.as_millisecond()),
            Value::List(texts) if texts.is_empty() => Fact::Nothing,
            Value::List(texts) => Fact::Texts(texts.clone()),
        }
    }

    /// Whether it is no value: nothing, or blanks.
    pub(crate) fn is_blank(&self) -> bool {
        match self {
            Fact::Nothing => true,
            Fact::Text(text) => text.trim().is_empty(),
            Fact::Texts(texts) => texts.iter().all(|text| text.trim().is_empty()),
            _ => false,
        }
    }

    /// As a text field keeps it.
    pub(crate) fn words(&self) -> String {
        match self {
            Fact::Nothing => String::new(),
            Fact::Text(text) => text.trim().to_owned(),
            Fact::Thousandths(number) => {
                let (sign, number) = (if *number < 0 { "-" } else { "" }, number.abs());
                let decimals = format!("{:03}", number % 1_000);
                match decimals.trim_end_matches('0') {
                    "" => format!("{sign}{}", number / 1_000),
                    decimals => format!("{sign}{}.{decimals}", number / 1_000),
                }
            }
            Fact::Truth(truth) => truth.to_string(),
            Fact::Instant(ms) => timestamp(*ms).to_string(),
            Fact::Texts(texts) => texts.join(";"),
        }
    }
}

pub(crate) fn instant(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}
