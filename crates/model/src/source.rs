//! Where the value of an outbound line comes from: an attribute, when the profile was seen, or what its events add up to.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use crate::{
    Number, Value,
    clock::from_ms,
    profile::Profile,
    summary::{EventSummary, QUESTION_ID_CHARS_MAX},
};

const FIRST_SEEN: &str = "first_seen_at";
const LAST_SEEN: &str = "last_seen_at";

/// The source of an outbound line. Names of attributes have no periods, so nothing can be taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// An attribute, by name.
    Attribute(&'a str),
    /// `first_seen_at`: when the profile was first heard of. An attribute of that name comes before it.
    FirstSeen,
    /// `last_seen_at`: when the profile was last seen. An attribute of that name comes before it.
    LastSeen,
    /// `event.<name>.count`: how often an event happened.
    EventCount(&'a str),
    /// `event.<name>.first`: when it first happened.
    EventFirst(&'a str),
    /// `event.<name>.last`: when it last happened.
    EventLast(&'a str),
    /// `answer.<question>`: the latest answer to a question, by its id.
    Answer(&'a str),
}

impl<'a> Source<'a> {
    /// What a line names; `None` where it names nothing that there is.
    pub fn parse(from: &'a str) -> Option<Self> {
        match from.split_once('.') {
            None if from == FIRST_SEEN => Some(Self::FirstSeen),
            None if from == LAST_SEEN => Some(Self::LastSeen),
            None => Some(Self::Attribute(from)),
            Some(("event", rest)) => match rest.rsplit_once('.')? {
                ("", _) => None,
                (name, "count") => Some(Self::EventCount(name)),
                (name, "first") => Some(Self::EventFirst(name)),
                (name, "last") => Some(Self::EventLast(name)),
                _ => None,
            },
            Some(("answer", question)) => {
                let fits = !question.is_empty() && question.chars().count() <= QUESTION_ID_CHARS_MAX;
                fits.then_some(Self::Answer(question))
            }
            Some(_) => None,
        }
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(name) => f.write_str(name),
            Self::FirstSeen => f.write_str(FIRST_SEEN),
            Self::LastSeen => f.write_str(LAST_SEEN),
            Self::EventCount(name) => write!(f, "event.{name}.count"),
            Self::EventFirst(name) => write!(f, "event.{name}.first"),
            Self::EventLast(name) => write!(f, "event.{name}.last"),
            Self::Answer(question) => write!(f, "answer.{question}"),
        }
    }
}

impl Profile {
    /// What the profile has for the source of an outbound line.
    pub fn source(&self, from: &str) -> Cow<'_, Value> {
        match Source::parse(from) {
            Some(source) => self.value_of(source),
            None => Cow::Owned(Value::Null),
        }
    }

    fn value_of(&self, source: Source<'_>) -> Cow<'_, Value> {
        let event = |name: &str| self.summary.events.get(name);
        let instant = |ms: Option<i64>| ms.map_or(Value::Null, |ms| Value::DateTime(from_ms(ms)));
        let or_seen = |name: &str, seen: Option<jiff::Timestamp>| match self.attribute(name) {
            Value::Null => Cow::Owned(instant(seen.map(jiff::Timestamp::as_millisecond))),
            own => Cow::Borrowed(own),
        };
        match source {
            Source::Attribute(name) => Cow::Borrowed(self.attribute(name)),
            Source::FirstSeen => or_seen(FIRST_SEEN, Some(self.created_at)),
            Source::LastSeen => or_seen(LAST_SEEN, self.last_seen_at),
            Source::EventCount(name) => {
                let count = event(name).map_or(0, |known| known.count);
                Cow::Owned(Number::new(f64::from(count)).map_or(Value::Null, Value::Number))
            }
            Source::EventFirst(name) => Cow::Owned(instant(event(name).map(|known| known.first_ms))),
            Source::EventLast(name) => Cow::Owned(instant(event(name).map(|known| known.last_ms))),
            Source::Answer(question) => {
                Cow::Borrowed(self.summary.answers.get(question).map_or(&Value::Null, |latest| &latest.value))
            }
        }
    }
}

/// The sources that a profile has other values for than before.
pub fn changed<'p>(before: &'p Profile, after: &'p Profile) -> BTreeSet<Cow<'p, str>> {
    let both = [before, after].into_iter();
    let attributes = both.clone().flat_map(|profile| profile.attributes.keys()).map(|name| Source::Attribute(name));
    let summaries = both.map(|profile| &profile.summary).filter(|_| before.summary != after.summary);
    let sources = attributes.chain([Source::FirstSeen, Source::LastSeen]).chain(summaries.flat_map(sources_of));
    let changed = sources.filter(|source| before.value_of(*source) != after.value_of(*source));
    let named = changed.map(|source| match source {
        Source::Attribute(name) => Cow::Borrowed(name),
        computed => Cow::Owned(computed.to_string()),
    });
    named.collect()
}

fn sources_of(summary: &EventSummary) -> impl Iterator<Item = Source<'_>> {
    let of_event = |name| [Source::EventCount(name), Source::EventFirst(name), Source::EventLast(name)];
    let events = summary.events.keys().flat_map(move |name| of_event(name));
    events.chain(summary.answers.keys().map(|question| Source::Answer(question)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Values, profile::ProfileKind};

    fn profile() -> Profile {
        Profile {
            kind: ProfileKind::User,
            id: "ada".into(),
            attributes: Values::from([("plan".into(), "pro".into())]),
            created_at: from_ms(1_000),
            last_seen_at: None,
            summary: EventSummary::default(),
            revision: 1,
        }
    }

    #[test]
    fn each_source_is_written_as_it_is_read_and_nothing_else_is_one() {
        let sources = [
            ("plan", Source::Attribute("plan")),
            ("event", Source::Attribute("event")),
            ("first_seen_at", Source::FirstSeen),
            ("last_seen_at", Source::LastSeen),
            ("event.trial.extended.count", Source::EventCount("trial.extended")),
            ("event.count.first", Source::EventFirst("count")),
            ("event.paid.last", Source::EventLast("paid")),
            ("answer.cv.1", Source::Answer("cv.1")),
        ];
        for (text, source) in sources {
            assert_eq!(Source::parse(text), Some(source));
            assert_eq!(source.to_string(), text);
        }
        let long = format!("answer.{}", "q".repeat(QUESTION_ID_CHARS_MAX + 1));
        for text in ["event.", "event.paid", "event..count", "event.paid.mean", "answer.", "seen.first", "a.b", &long] {
            assert_eq!(Source::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_never_happened_was_counted_nought_times_and_has_no_time() {
        let none = profile();
        assert_eq!(*none.source("event.paid.count"), Value::Number(Number::new(0.0).unwrap()));
        for from in ["event.paid.first", "event.paid.last", "answer.nps", "last_seen_at", "event.paid.mean"] {
            assert!(none.source(from).is_null(), "{from}");
        }
        assert_eq!(*none.source("first_seen_at"), Value::DateTime(from_ms(1_000)));
    }

    #[test]
    fn an_attribute_comes_before_the_time_seen_that_has_its_name() {
        let mut own = Profile { last_seen_at: Some(from_ms(5)), ..profile() };
        assert_eq!(*own.source("last_seen_at"), Value::DateTime(from_ms(5)));
        own.attributes.insert("last_seen_at".into(), "yesterday".into());
        assert_eq!(*own.source("last_seen_at"), "yesterday".into());
    }

    #[test]
    fn only_what_has_another_value_has_changed() {
        let before = profile();
        let names = |after: &Profile| changed(&before, after).into_iter().map(Cow::into_owned).collect::<Vec<_>>();
        let mut after = before.clone();
        assert!(names(&after).is_empty());
        after.last_seen_at = Some(from_ms(9));
        after.attributes.insert("plan".into(), "free".into());
        after.summary.take_in("paid", from_ms(3), &Values::new());
        assert_eq!(names(&after), ["event.paid.count", "event.paid.first", "event.paid.last", "last_seen_at", "plan"]);

        let before = after.clone();
        let names = |after: &Profile| changed(&before, after).into_iter().map(Cow::into_owned).collect::<Vec<_>>();
        after.summary.take_in("paid", from_ms(2), &Values::new());
        assert_eq!(names(&after), ["event.paid.count", "event.paid.first"]);
        let answer = Values::from([("question_cvid".into(), "nps".into()), ("text_answer".into(), "9".into())]);
        after.summary.take_in("question_answered", from_ms(2), &answer);
        assert!(names(&after).contains(&"answer.nps".to_owned()));
        let answered = after.clone();
        after.summary.take_in("question_answered", from_ms(4), &answer);
        let again: Vec<_> = changed(&answered, &after).into_iter().collect();
        assert_eq!(again, ["event.question_answered.count", "event.question_answered.last"], "the answer is the same");
    }
}
