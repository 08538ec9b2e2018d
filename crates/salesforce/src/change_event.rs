//! What a change event says: from its bytes to changes of records. Pure; knows no network and asks nobody.
//!
//! An event is never dropped. What can not be read of it makes the record "changed, read it"; what can not even be tied to a
//! record makes the whole object so.

use std::collections::BTreeMap;

use apache_avro::types::Value as Avro;
use syncline_model::{
    Value, Values,
    change::{CommitPosition, RecordChange, RecordEffect},
    person_account::IS_PERSON_ACCOUNT,
    schema::{FieldType, ObjectSchema},
};

use crate::{
    bitmap::FieldSet,
    conversion::IS_CONVERTED,
    event_schema::{EventField, EventSchema, Role, decode_known_header, inner, object_name, to_value},
    record_id,
};

/// What one event, or one batch of them, says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct News {
    pub(crate) changes: Vec<RecordChange>,
    /// Objects of which any record may have changed.
    pub(crate) resync: Vec<String>,
    /// Something was said that can not be tied to any object: then any record of any object may have changed.
    pub(crate) is_unreadable: bool,
}

impl News {
    fn resync(object: String) -> Self {
        Self { resync: vec![object], ..Self::default() }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.changes.extend(other.changes);
        for object in other.resync {
            if !self.resync.contains(&object) {
                self.resync.push(object);
            }
        }
        self.is_unreadable |= other.is_unreadable;
    }
}

/// Reads an event. `schema` is the one that it was written with, if it could be had; `topic` is what was subscribed to, and
/// `described` tells what describe said of an object, where it was asked.
pub(crate) fn read(
    payload: &[u8],
    schema: Option<&EventSchema>,
    topic: &str,
    described: impl Fn(&str) -> Option<std::sync::Arc<ObjectSchema>>,
) -> News {
    if let Some(schema) = schema
        && let Some(values) = schema.decode(payload)
        && let Some(header) = values.first().and_then(Header::read)
    {
        let described = described(&header.entity);
        return news(&header, |header| effect(header, schema, &values, described.as_deref()));
    }
    // Unreadable as a whole; its beginning may still tell what it is about.
    let header = schema.and_then(|schema| schema.decode_header(payload)).or_else(|| decode_known_header(payload));
    if let Some(header) = header.as_ref().and_then(Header::read) {
        tracing::warn!(object = %header.entity, "a change event could not be read; its records are read instead");
        return news(&header, |_| RecordEffect::Unknown);
    }
    let named_by_topic = || topic.rsplit('/').next().filter(|name| *name != "ChangeEvents").and_then(object_name);
    match schema.and_then(|schema| schema.object.clone()).or_else(named_by_topic) {
        Some(object) => {
            tracing::warn!(%object, "a change event could not be read; the object is compared as a whole");
            News::resync(object)
        }
        None => News { is_unreadable: true, ..News::default() },
    }
}

/// `ChangeEventHeader` (Change Data Capture guide, "Change Event Header Fields").
#[derive(Debug)]
struct Header {
    entity: String,
    record_ids: Vec<String>,
    change_type: String,
    commit: CommitPosition,
    nulled: Option<FieldSet>,
    diff: Option<FieldSet>,
    changed: Option<FieldSet>,
}

impl Header {
    fn read(value: &Avro) -> Option<Self> {
        let Avro::Record(cells) = inner(value) else { return None };
        let cell = |name: &str| cells.iter().find(|(known, _)| known == name).map(|(_, value)| inner(value));
        let text = |name: &str| match cell(name)? {
            Avro::String(text) | Avro::Enum(_, text) => Some(text.as_str()),
            _ => None,
        };
        let texts = |name: &str| match cell(name)? {
            Avro::Array(items) => items
                .iter()
                .map(|item| match item {
                    Avro::String(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let whole = |name: &str| match cell(name)? {
            Avro::Int(number) => Some(i64::from(*number)),
            Avro::Long(number) => Some(*number),
            _ => None,
        };
        let fields = |name: &str| FieldSet::decode(texts(name)?);
        let entity = text("entityName").filter(|entity| is_api_name(entity))?.to_owned();
        Some(Self {
            entity,
            record_ids: texts("recordIds")?.into_iter().map(str::to_owned).collect(),
            change_type: text("changeType")?.to_owned(),
            commit: CommitPosition {
                commit_ms: whole("commitTimestamp")?,
                commit_number: whole("commitNumber")?,
                sequence: i32::try_from(whole("sequenceNumber")?).ok()?,
            },
            nulled: fields("nulledFields"),
            diff: fields("diffFields"),
            changed: fields("changedFields"),
        })
    }
}

fn is_api_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// One change for each record that the event names: equal changes of several records may come as one event.
fn news(header: &Header, effect: impl Fn(&Header) -> RecordEffect) -> News {
    let ids: Option<Vec<_>> = header.record_ids.iter().map(|id| record_id::to_long(id)).collect();
    // An overflow and a mass change come with an id of zeros or with a wildcard such as `001*`.
    let is_of_records = |ids: &Vec<String>| !ids.is_empty() && ids.iter().all(|id| !id.starts_with("000000000000000"));
    let Some(ids) = ids.filter(is_of_records).filter(|_| header.change_type != "GAP_OVERFLOW") else {
        return News::resync(header.entity.clone());
    };
    let effect = effect(header);
    let change = |record_id: String| {
        let mut effect = effect.clone();
        if let RecordEffect::Values { values, complete: true } = &mut effect {
            values.insert("Id".to_owned(), Value::Text(record_id.clone()));
        }
        RecordChange { object: header.entity.clone(), record_id, commit: header.commit, effect }
    };
    News { changes: ids.into_iter().map(change).collect(), ..News::default() }
}

fn effect(header: &Header, schema: &EventSchema, values: &[Avro], described: Option<&ObjectSchema>) -> RecordEffect {
    let changed = match header.change_type.as_str() {
        "DELETE" => return RecordEffect::Gone,
        "UPDATE" => match (&header.changed, &header.nulled, &header.diff) {
            // A text sent as the difference to what it was must be read.
            (Some(changed), Some(nulled), Some(diff)) if diff.is_empty() => Some((changed, nulled)),
            _ => return RecordEffect::Unknown,
        },
        "CREATE" | "UNDELETE" => None,
        // A gap says that something happened which the stream could not carry. That goes for GAP_DELETE too: a read tells
        // whether the record is gone, and costs little.
        _ => return RecordEffect::Unknown,
    };
    let named = changed.and_then(|(changed, nulled)| changed.last().max(nulled.last()));
    if named.is_some_and(|last| last >= schema.fields.len()) {
        return RecordEffect::Unknown;
    }
    // Of an account that becomes a person, or a company again, an event tells the type and nothing else.
    let may_be_person = described.is_some_and(|object| object.field(IS_PERSON_ACCOUNT).is_some());
    let has_another_type = |(changed, _): (&FieldSet, &FieldSet)| {
        schema.fields.iter().position(|field| field.name == "RecordTypeId").is_some_and(|index| changed.has(index))
    };
    if may_be_person && changed.is_some_and(has_another_type) {
        return RecordEffect::Unknown;
    }
    let reading = Reading { changed, described };
    let mut found = Values::new();
    for (index, (field, value)) in schema.fields.iter().zip(values).enumerate().skip(1) {
        if reading.field(index, field, value, &mut found).is_none() {
            return RecordEffect::Unknown;
        }
    }
    if found.get(IS_CONVERTED) == Some(&Value::Boolean(true)) {
        return RecordEffect::Gone;
    }
    RecordEffect::Values { values: found, complete: changed.is_none() }
}

/// How the values of one event are to be taken.
struct Reading<'a> {
    /// The changed and the cleared fields of an update; a create and an undelete carry all that have a value.
    changed: Option<(&'a FieldSet, &'a FieldSet)>,
    described: Option<&'a ObjectSchema>,
}

impl Reading<'_> {
    /// Puts what the event says of one field into `found`; `None` where it says something that can not be told.
    fn field(&self, index: usize, field: &EventField, value: &Avro, found: &mut Values) -> Option<()> {
        if let Some((changed, nulled)) = self.changed
            && !changed.touches(index)
            && !nulled.touches(index)
        {
            return Some(());
        }
        if field.parts.is_empty() || matches!(inner(value), Avro::String(_)) {
            let is_cleared = self.is_cleared(|nulled| nulled.has(index));
            let read = self.value(&field.name, value, field.role, is_cleared)?;
            found.extend(read.map(|value| (field.name.clone(), value)));
            return Some(());
        }
        self.compound(index, field, value, found)
    }

    fn compound(&self, index: usize, field: &EventField, value: &Avro, found: &mut Values) -> Option<()> {
        let cells = match inner(value) {
            Avro::Record(cells) if cells.len() == field.parts.len() => Some(cells),
            Avro::Null => None,
            _ => return None,
        };
        // The text branch of an account's name may be what was cleared or left out.
        let mut parts = BTreeMap::new();
        for (at, part) in field.parts.iter().enumerate() {
            let is_touched = |fields: &FieldSet| fields.has_part(index, at);
            if self.changed.is_some_and(|(changed, nulled)| !is_touched(changed) && !is_touched(nulled)) {
                continue;
            }
            let cell = cells.map_or(&Avro::Null, |cells| &cells[at].1);
            if let Some(value) = self.value(&part.name, cell, part.role, self.is_cleared(is_touched))? {
                parts.insert(part.name.as_str(), value);
            }
        }
        if field.is_person_name {
            let is_name_touched = parts.keys().any(|part| NAME_PARTS.contains(part));
            match person_name(field, &parts, self.changed.is_none()) {
                Some(name) => _ = found.insert(field.name.clone(), name),
                // Part of the name changed, and what the whole is now takes a look at the record.
                None if is_name_touched => return None,
                None => {}
            }
        }
        found.extend(parts.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Some(())
    }

    fn is_cleared(&self, names: impl Fn(&FieldSet) -> bool) -> bool {
        self.changed.is_some_and(|(_, nulled)| names(nulled))
    }

    /// `Some(None)` where the event says nothing of the field, `None` where what it says is not clear.
    fn value(&self, name: &str, value: &Avro, role: Role, is_cleared: bool) -> Option<Option<Value>> {
        let described = self.described.map(|object| object.field(name));
        let field_type = described.flatten().map(|field| field.field_type);
        let value = to_value(value, role, field_type)?;
        Some(match (&value, self.changed) {
            // Changed, without a value, and yet not cleared: left out, say because the user may not see it.
            (Value::Null, Some(_)) if !is_cleared => return None,
            (_, Some(_)) => Some(value),
            // A whole record: what has no value is empty, unless it was left out because the user may not see it.
            (Value::Null, None) => field_type.is_some_and(|known| known != FieldType::Boolean).then_some(value),
            (_, None) => Some(value),
        })
    }
}

/// The parts that make up a person's name, in the order in which Salesforce puts them together (Object reference, Contact
/// `Name`: first, middle and last name and suffix); the salutation is none of them.
const NAME_PARTS: [&str; 4] = ["FirstName", "MiddleName", "LastName", "Suffix"];

fn person_name(field: &EventField, parts: &BTreeMap<&str, Value>, is_complete: bool) -> Option<Value> {
    let wanted = NAME_PARTS.iter().filter(|part| field.parts.iter().any(|known| known.name == **part));
    let mut words = Vec::new();
    for part in wanted {
        match parts.get(part) {
            Some(value) => words.extend(value.as_text()),
            None if is_complete => {}
            None => return None,
        }
    }
    (!words.is_empty()).then(|| Value::text(words.join(" ")))
}

#[cfg(test)]
mod tests;
