//! What the two sides of a link were set to last, and when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Value, Values, work::Settlement};

/// Longer texts are kept cut: what is kept is to be recognised, not to be read.
const CHARS_MAX: usize = 255;

/// Of a list so many items are kept.
const ITEMS_MAX: usize = 20;

/// What a link's attributes and fields were set to last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSynced {
    /// The record that the profile was linked to then.
    record_id: String,
    /// Attributes of the profile that were set, by name.
    attributes: BTreeMap<String, SyncedValue>,
    /// Fields of the record that were written, by name.
    fields: BTreeMap<String, SyncedValue>,
}

/// What something was set to, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncedValue {
    /// The value; a long one is cut.
    pub value: Value,
    /// When.
    pub at: Timestamp,
}

impl LastSynced {
    /// Notes what a settlement has set. What was set while the profile was linked to another record is forgotten.
    pub fn note(&mut self, record_id: &str, settlement: &Settlement, at: Timestamp) {
        if self.record_id != record_id {
            *self = Self { record_id: record_id.to_owned(), ..Self::default() };
        }
        let noted = |values: &Values| -> BTreeMap<String, SyncedValue> {
            values.iter().map(|(name, value)| (name.clone(), SyncedValue { value: cut(value), at })).collect()
        };
        self.attributes.extend(noted(&settlement.attributes));
        self.fields.extend(noted(&settlement.written));
    }

    /// What the attribute was set to by the link to that record.
    pub fn attribute(&self, record_id: &str, name: &str) -> Option<&SyncedValue> {
        self.attributes.get(name).filter(|_| self.record_id == record_id)
    }

    /// What the record's field was set to.
    pub fn field(&self, record_id: &str, name: &str) -> Option<&SyncedValue> {
        self.fields.get(name).filter(|_| self.record_id == record_id)
    }
}

fn cut(value: &Value) -> Value {
    let text = |text: &String| {
        let mut kept: String = text.chars().take(CHARS_MAX).collect();
        if kept.len() < text.len() {
            kept.push('…');
        }
        kept
    };
    match value {
        Value::Text(long) => Value::Text(text(long)),
        Value::List(items) => {
            let more = (items.len() > ITEMS_MAX).then(|| "…".to_owned());
            Value::List(items.iter().take(ITEMS_MAX).map(text).chain(more).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settlement(attributes: &[(&str, &str)], written: &[(&str, &str)]) -> Settlement {
        let values = |pairs: &[(&str, &str)]| -> Values {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
        };
        Settlement { attributes: values(attributes), written: values(written), ..Settlement::default() }
    }

    #[test]
    fn each_side_keeps_what_it_was_set_to_last_until_another_record_is_linked() {
        let (first, later) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let mut synced = LastSynced::default();
        synced.note("003A", &settlement(&[("title", "CTO")], &[("Plan__c", "pro")]), first);
        synced.note("003A", &settlement(&[("title", "CEO")], &[]), later);
        assert_eq!(synced.attribute("003A", "title"), Some(&SyncedValue { value: "CEO".into(), at: later }));
        assert_eq!(synced.field("003A", "Plan__c"), Some(&SyncedValue { value: "pro".into(), at: first }));
        assert_eq!(synced.attribute("003B", "title"), None);
        synced.note("003B", &settlement(&[], &[("Plan__c", "pro")]), later);
        assert_eq!((synced.attribute("003A", "title"), synced.attribute("003B", "title")), (None, None));
    }

    #[test]
    fn a_long_value_is_cut_between_two_characters_and_marked() {
        let mut synced = LastSynced::default();
        synced.note("003A", &settlement(&[("bio", &"é".repeat(300))], &[]), Timestamp::UNIX_EPOCH);
        let kept = synced.attribute("003A", "bio").unwrap().value.as_text().unwrap().to_owned();
        assert_eq!(kept, format!("{}…", "é".repeat(CHARS_MAX)));
        let items: Vec<_> = (0..30).map(|number| number.to_string()).collect();
        let Value::List(kept) = cut(&Value::List(items.clone())) else { panic!("a list stays one") };
        assert_eq!((&kept[..ITEMS_MAX], kept[ITEMS_MAX..].join(" ")), (&items[..ITEMS_MAX], "…".to_owned()));
    }
}
