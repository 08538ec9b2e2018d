//! What a profile's events add up to: how often each happened, first and last, and the latest answer to each question. It is kept with
//! the profile and follows every event in the same transaction, so nobody has to go through events to know it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Value, Values, attribute::DataType};

/// The event that tells of an answer to a question of a flow; an NPS score is one. Its name and attributes are Userflow's.
const QUESTION_ANSWERED: &str = "question_answered";

/// Longest id of a question, in characters; anything longer is no id.
pub const QUESTION_ID_CHARS_MAX: usize = 255;

/// What a profile's events add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSummary {
    /// Events that happened, by code name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, Occurrences>,
    /// The latest answers, by the question's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, LatestAnswer>,
}

/// How often and when something happened. Times are milliseconds after 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrences {
    /// How often.
    pub count: u32,
    /// For the first time.
    pub first_ms: i64,
    /// For the last time.
    pub last_ms: i64,
}

/// An answer that none is later than.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestAnswer {
    /// When it was given, in milliseconds after 1970.
    pub at_ms: i64,
    /// What it is; null where the question was passed over.
    pub value: Value,
}

/// A question as it is known since it was first answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionDefinition {
    /// Its id in all versions of its flow (`question_cvid`).
    pub id: String,
    /// What it was called when it was last answered.
    pub name: String,
    /// Type of its first answer.
    pub data_type: DataType,
    /// When it was first answered.
    pub created_at: Timestamp,
}

/// What an event says of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<'a> {
    /// The question's id.
    pub question: String,
    /// What the question is called.
    pub name: String,
    /// The answer; null where there is none.
    pub value: &'a Value,
}

impl<'a> Answered<'a> {
    /// What an event says; `None` where it tells of no answer.
    pub fn of(event: &str, attributes: &'a Values) -> Option<Self> {
        let text = |name: &str| match attributes.get(name)? {
            value @ (Value::Text(_) | Value::Number(_)) => Some(value.to_string()),
            _ => None,
        };
        let question = text("question_cvid").filter(|_| event == QUESTION_ANSWERED)?;
        if question.is_empty() || question.chars().count() > QUESTION_ID_CHARS_MAX {
            return None;
        }
        let given = ["number_answer", "list_answer", "text_answer"].into_iter().find_map(|name| attributes.get(name));
        let name = text("question_name").unwrap_or_else(|| question.clone());
        Some(Self { question, name, value: given.unwrap_or(&Value::Null) })
    }

    /// The type that the answer shows; `None` where there is none. What looks like a date is a text all the same.
    pub fn data_type(&self) -> Option<DataType> {
        match self.value {
            Value::Null => None,
            Value::Number(_) => Some(DataType::Number),
            Value::List(_) => Some(DataType::List),
            _ => Some(DataType::String),
        }
    }
}

/// The type that an attribute of events gets by its first value. What people write is text: an answer that looks like a date must not
/// keep all answers after it from being taken.
pub fn implied_type(attribute: &str, value: &Value) -> Option<DataType> {
    let shown = DataType::inferred(value)?;
    let is_text = matches!(attribute, "question_cvid" | "question_name" | "text_answer");
    Some(if is_text { DataType::String } else { shown })
}

impl EventSummary {
    /// Takes an event in. Events may come late: an answer counts unless a later one is known; of two at the same time the one that
    /// is taken in last.
    pub fn take_in(&mut self, event: &str, time: Timestamp, attributes: &Values) {
        let time_ms = time.as_millisecond();
        let first = Occurrences { count: 0, first_ms: time_ms, last_ms: time_ms };
        let known = self.events.entry(event.to_owned()).or_insert(first);
        known.count = known.count.saturating_add(1);
        known.first_ms = known.first_ms.min(time_ms);
        known.last_ms = known.last_ms.max(time_ms);
        let Some(Answered { question, value, .. }) = Answered::of(event, attributes) else { return };
        if self.answers.get(&question).is_none_or(|known| known.at_ms <= time_ms) {
            self.answers.insert(question, LatestAnswer { at_ms: time_ms, value: value.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Number, clock::from_ms};

    fn answer(question: &str, value: Value) -> Values {
        let field = match value {
            Value::Number(_) => "number_answer",
            Value::List(_) => "list_answer",
            _ => "text_answer",
        };
        Values::from([("question_cvid".into(), question.into()), (field.into(), value)])
    }

    #[test]
    fn events_are_counted_in_whatever_order_they_come() {
        let mut summary = EventSummary::default();
        for time in [20, 10, 30] {
            summary.take_in("trial.extended", from_ms(time), &Values::new());
        }
        summary.take_in("paid", from_ms(5), &Values::new());
        let trials = Occurrences { count: 3, first_ms: 10, last_ms: 30 };
        let paid = Occurrences { count: 1, first_ms: 5, last_ms: 5 };
        assert_eq!(summary.events, BTreeMap::from([("trial.extended".into(), trials), ("paid".into(), paid)]));
        assert!(summary.answers.is_empty());
    }

    #[test]
    fn an_older_answer_does_not_replace_a_newer_one_and_of_two_at_once_the_later_told_counts() {
        let number = |value| Value::Number(Number::new(value).unwrap());
        let mut summary = EventSummary::default();
        for (time, value) in [(20, 7.0), (10, 3.0), (20, 9.0)] {
            summary.take_in(QUESTION_ANSWERED, from_ms(time), &answer("nps", number(value)));
        }
        summary.take_in(QUESTION_ANSWERED, from_ms(1), &answer("why", "nice".into()));
        summary.take_in("another_event", from_ms(99), &answer("why", "no answer".into()));
        let latest = |question: &str| summary.answers[question].clone();
        assert_eq!(latest("nps"), LatestAnswer { at_ms: 20, value: number(9.0) });
        assert_eq!(latest("why"), LatestAnswer { at_ms: 1, value: "nice".into() });
        summary.take_in(QUESTION_ANSWERED, from_ms(2), &Values::from([("question_cvid".into(), "why".into())]));
        assert_eq!(summary.answers["why"].value, Value::Null, "it was passed over");
    }

    #[test]
    fn an_answer_says_of_which_type_its_question_is() {
        let list = answer("q", Value::List(vec!["a".into()]));
        assert_eq!(Answered::of(QUESTION_ANSWERED, &list).unwrap().data_type(), Some(DataType::List));
        let date = answer("q", Value::DateTime(from_ms(0)));
        assert_eq!(Answered::of(QUESTION_ANSWERED, &date).unwrap().data_type(), Some(DataType::String));
        assert_eq!(Answered::of(QUESTION_ANSWERED, &answer("", "x".into())), None);
        assert_eq!(Answered::of(QUESTION_ANSWERED, &answer(&"q".repeat(256), "x".into())), None);
    }
}
