//! What the two sides of a link were set to last, when, and from what.

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

/// What something was set to, when, and from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncedValue {
    /// The value; a long one is cut.
    pub value: Value,
    /// When.
    pub at: Timestamp,
    /// What the value came from, as in [`Sources`](crate::work::Sources); not known of what was set before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl LastSynced {
    /// Notes what a settlement has set. What was set while the profile was linked to another record is forgotten.
    pub fn note(&mut self, record_id: &str, settlement: &Settlement, at: Timestamp) {
        if self.record_id != record_id {
            *self = Self { record_id: record_id.to_owned(), ..Self::default() };
        }
        let noted = |values: &Values, sources: &BTreeMap<String, String>| -> BTreeMap<String, SyncedValue> {
            let note = |(name, value): (&String, &Value)| {
                (name.clone(), SyncedValue { value: cut(value), at, from: sources.get(name).cloned() })
            };
            values.iter().map(note).collect()
        };
        self.attributes.extend(noted(&settlement.attributes, &settlement.sources.attributes));
        self.fields.extend(noted(&settlement.written, &settlement.sources.fields));
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
    use crate::work::Sources;

    /// Each value with its name and what it comes from.
    fn settlement(attributes: &[[&str; 3]], written: &[[&str; 3]]) -> Settlement {
        let values = |set: &[[&str; 3]]| -> Values {
            set.iter().map(|[name, value, _]| ((*name).to_owned(), Value::from(*value))).collect()
        };
        let sources =
            |set: &[[&str; 3]]| set.iter().map(|[name, _, from]| ((*name).to_owned(), (*from).to_owned())).collect();
        Settlement {
            attributes: values(attributes),
            written: values(written),
            sources: Sources { attributes: sources(attributes), fields: sources(written) },
            ..Settlement::default()
        }
    }

    #[test]
    fn each_side_keeps_what_it_was_set_to_last_until_another_record_is_linked() {
        let (first, later) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let synced_value =
            |value: &str, at, from: &str| SyncedValue { value: value.into(), at, from: Some(from.into()) };
        let mut synced = LastSynced::default();
        synced.note("003A", &settlement(&[["title", "CTO", "Title"]], &[["Title", "pro", "plan"]]), first);
        synced.note("003A", &settlement(&[["title", "CEO", "Role__c"]], &[]), later);
        assert_eq!(synced.attribute("003A", "title"), Some(&synced_value("CEO", later, "Role__c")));
        assert_eq!(synced.field("003A", "Title"), Some(&synced_value("pro", first, "plan")));
        assert_eq!(synced.attribute("003B", "title"), None);
        synced.note("003B", &settlement(&[], &[["Title", "pro", "plan"]]), later);
        assert_eq!((synced.attribute("003A", "title"), synced.attribute("003B", "title")), (None, None));
    }

    #[test]
    fn what_was_kept_without_a_source_is_still_read() {
        let kept =
            r#"{"record_id":"003A","attributes":{"title":{"value":"CTO","at":"1970-01-01T00:00:00Z"}},"fields":{}}"#;
        let synced: LastSynced = serde_json::from_str(kept).unwrap();
        let value = SyncedValue { value: "CTO".into(), at: Timestamp::UNIX_EPOCH, from: None };
        assert_eq!(synced.attribute("003A", "title"), Some(&value));
        assert_eq!(serde_json::to_string(&synced).unwrap(), kept);
    }

    #[test]
    fn a_long_value_is_cut_between_two_characters_and_marked() {
        let mut synced = LastSynced::default();
        synced.note("003A", &settlement(&[["bio", &"é".repeat(300), "Bio__c"]], &[]), Timestamp::UNIX_EPOCH);
        let kept = synced.attribute("003A", "bio").unwrap().value.as_text().unwrap().to_owned();
        assert_eq!(kept, format!("{}…", "é".repeat(CHARS_MAX)));
        let items: Vec<_> = (0..30).map(|number| number.to_string()).collect();
        let Value::List(kept) = cut(&Value::List(items.clone())) else { panic!("a list stays one") };
        assert_eq!((&kept[..ITEMS_MAX], kept[ITEMS_MAX..].join(" ")), (&items[..ITEMS_MAX], "…".to_owned()));
    }
}
