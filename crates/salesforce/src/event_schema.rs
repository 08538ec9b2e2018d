//! The Avro schema of a change event: what its fields are called in the API, and what their values mean.

use std::{collections::HashMap, io, sync::Once};

use apache_avro::{Schema, reader::datum::GenericDatumReader, schema::RecordSchema, types::Value as Avro};
use jiff::Timestamp;
use syncline_model::{Number, Value, attribute::to_day, clock::from_ms, schema::FieldType};

use crate::fields;

/// A message of the Pub/Sub API is at most 4 MB; nothing decoded from it needs more than this.
const MAX_ALLOCATION_BYTES: usize = 64 << 20;
/// The header as every change event begins with it (Change Data Capture guide, "Change Event Header Fields"): enough to tell
/// what an event is about whose own schema can not be had.
const HEADER: &str = r#"{"type":"record","name":"ChangeEventHeader","fields":[
    {"name":"entityName","type":"string"},
    {"name":"recordIds","type":{"type":"array","items":"string"}},
    {"name":"changeType","type":{"type":"enum","name":"ChangeType","symbols":["CREATE","UPDATE","DELETE","UNDELETE",
        "GAP_CREATE","GAP_UPDATE","GAP_DELETE","GAP_UNDELETE","GAP_OVERFLOW","SNAPSHOT"]}},
    {"name":"changeOrigin","type":"string"},
    {"name":"transactionKey","type":"string"},
    {"name":"sequenceNumber","type":"int"},
    {"name":"commitTimestamp","type":"long"},
    {"name":"commitNumber","type":"long"},
    {"name":"commitUser","type":"string"},
    {"name":"nulledFields","type":{"type":"array","items":"string"}},
    {"name":"diffFields","type":{"type":"array","items":"string"}},
    {"name":"changedFields","type":{"type":"array","items":"string"}}]}"#;

/// A schema that events are written with.
#[derive(Debug)]
pub(crate) struct EventSchema {
    avro: Schema,
    header: Schema,
    /// The object that the schema's name tells.
    pub(crate) object: Option<String>,
    /// All fields in order; the header is the first.
    pub(crate) fields: Vec<EventField>,
}

/// One top-level field.
#[derive(Debug)]
pub(crate) struct EventField {
    /// API name.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The parts, where the field is or may be compound.
    pub(crate) parts: Vec<Part>,
    /// Whether the parts are those of a person's name.
    pub(crate) is_person_name: bool,
}

/// A part of a compound field.
#[derive(Debug)]
pub(crate) struct Part {
    /// API name of the field of its own that it is on the object.
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// What a value means beyond its Avro type, as far as the schema's `doc` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    Id,
    Choices,
    Day,
    Instant,
    TimeOfDay,
    /// A long of which the schema does not say what it counts.
    Unclear,
}

impl EventSchema {
    /// `None` where the text is no schema of a change event.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        limit_allocations();
        let avro = Schema::parse_str(json).ok()?;
        let Schema::Record(record) = &avro else { return None };
        let header = record.fields.first().filter(|field| field.name == "ChangeEventHeader")?.schema.clone();
        let mut compounds = HashMap::new();
        for field in &record.fields {
            for branch in branches(&field.schema) {
                if let Schema::Record(compound) = branch {
                    compounds.insert(compound.name.name().to_owned(), compound.clone());
                }
            }
        }
        let fields = record.fields.iter().map(|field| {
            let compound = branches(&field.schema).iter().find_map(|branch| match branch {
                Schema::Record(compound) => Some(compound),
                Schema::Ref { name } => compounds.get(name.name()),
                _ => None,
            });
            EventField {
                name: field.name.clone(),
                role: role(field.doc.as_deref(), &field.schema),
                parts: compound.map(|compound| parts(&field.name, compound)).unwrap_or_default(),
                is_person_name: field.name == "Name" && compound.is_some(),
            }
        });
        let fields = fields.collect();
        let object = object_name(record.name.name());
        Some(Self { header, object, fields, avro })
    }

    /// The values of an event, one for each field; `None` where the bytes are not exactly one event of this schema.
    pub(crate) fn decode(&self, payload: &[u8]) -> Option<Vec<Avro>> {
        let mut source = Exact { rest: payload, is_short: false };
        let value = GenericDatumReader::builder(&self.avro).build().ok()?.read_value(&mut source).ok()?;
        match value {
            Avro::Record(values) if !source.is_short && source.rest.is_empty() && values.len() == self.fields.len() => {
                Some(values.into_iter().map(|(_, value)| value).collect())
            }
            _ => None,
        }
    }

    /// The header alone, which can be read even where what follows can not.
    pub(crate) fn decode_header(&self, payload: &[u8]) -> Option<Avro> {
        read_header(&self.header, payload)
    }
}

/// The header of an event whose schema is not known.
pub(crate) fn decode_known_header(payload: &[u8]) -> Option<Avro> {
    limit_allocations();
    read_header(&Schema::parse_str(HEADER).ok()?, payload)
}

fn read_header(schema: &Schema, payload: &[u8]) -> Option<Avro> {
    let mut source = Exact { rest: payload, is_short: false };
    let value = GenericDatumReader::builder(schema).build().ok()?.read_value(&mut source).ok()?;
    (!source.is_short).then_some(value)
}

fn limit_allocations() {
    static ONCE: Once = Once::new();
    // The library's own limit is half a gigabyte, which a few broken bytes could ask for.
    ONCE.call_once(|| {
        apache_avro::util::max_allocation_bytes(MAX_ALLOCATION_BYTES);
    });
}

/// Notices when more is read than there is; the library takes a missing end for null.
struct Exact<'a> {
    rest: &'a [u8],
    is_short: bool,
}

impl io::Read for Exact<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_short |= self.rest.len() < buffer.len();
        io::Read::read(&mut self.rest, buffer)
    }
}

fn branches(schema: &Schema) -> &[Schema] {
    match schema {
        Schema::Union(union) => union.variants(),
        single => std::slice::from_ref(single),
    }
}

/// The role that a `doc` such as `Data:DateOnly` or `CreatedDate:DateTime:00N…` tells in its second word.
fn role(doc: Option<&str>, schema: &Schema) -> Role {
    let is_long = branches(schema).contains(&Schema::Long);
    match doc.and_then(|doc| doc.split(':').nth(1)) {
        Some("DateOnly") if is_long => Role::Day,
        Some("DateTime") if is_long => Role::Instant,
        Some("TimeOnly") if is_long => Role::TimeOfDay,
        _ if is_long => Role::Unclear,
        Some("MultiEnum") => Role::Choices,
        Some("EntityId") => Role::Id,
        _ => Role::Plain,
    }
}

fn parts(parent: &str, compound: &RecordSchema) -> Vec<Part> {
    let of_field = |field: &apache_avro::schema::RecordField| Part {
        name: part_name(parent, &field.name),
        role: role(field.doc.as_deref(), &field.schema),
    };
    compound.fields.iter().map(of_field).collect()
}

/// API name of the object's own field for a part: `MailingAddress.City` is `MailingCity`, `Address.City` is `City`,
/// `Spot__c.Latitude` is `Spot__Latitude__s`, `Name.LastName` is `LastName`.
fn part_name(parent: &str, part: &str) -> String {
    if parent == "Name" {
        part.to_owned()
    } else if let Some(prefix) = parent.strip_suffix("Address") {
        format!("{prefix}{part}")
    } else if let Some(custom) = parent.strip_suffix("__c") {
        format!("{custom}__{part}__s")
    } else {
        format!("{parent}{part}")
    }
}

/// `ContactChangeEvent` is of `Contact`, `Employee__ChangeEvent` of `Employee__c`.
pub(crate) fn object_name(event: &str) -> Option<String> {
    match event.strip_suffix("__ChangeEvent") {
        Some(custom) => Some(format!("{custom}__c")),
        None => event.strip_suffix("ChangeEvent").map(str::to_owned),
    }
    .filter(|object| !object.is_empty() && object != "__c")
}

/// What stands in a nullable field.
pub(crate) fn inner(value: &Avro) -> &Avro {
    match value {
        Avro::Union(_, value) => value,
        value => value,
    }
}

/// The value in the form that a read of the record would give it; `None` where it can not be told. `described` decides what the
/// schema leaves open.
pub(crate) fn to_value(value: &Avro, role: Role, described: Option<FieldType>) -> Option<Value> {
    Some(match (inner(value), role) {
        (Avro::Null, _) => Value::Null,
        (Avro::String(id), Role::Id) => fields::id_value(id),
        (Avro::String(choices), Role::Choices) => fields::list_value(choices),
        (Avro::String(text), _) => match described {
            Some(FieldType::MultiPicklist) => fields::list_value(text),
            Some(FieldType::Id | FieldType::Reference) => fields::id_value(text),
            _ => Value::text(text.as_str()),
        },
        (Avro::Boolean(value), _) => Value::Boolean(*value),
        (Avro::Int(number), _) => Value::Number(Number::new(f64::from(*number))?),
        (Avro::Float(number), _) => Value::Number(Number::new(f64::from(*number))?),
        (Avro::Double(number), _) => Value::Number(Number::new(*number)?),
        (Avro::Long(ms), Role::Day) => Value::DateTime(to_day(instant(*ms)?)),
        (Avro::Long(ms), Role::Instant) => Value::DateTime(instant(*ms)?),
        (Avro::Long(ms), Role::TimeOfDay) => Value::Text(time_of_day(*ms)?),
        (Avro::Long(count), _) => match described? {
            FieldType::Date => Value::DateTime(to_day(instant(*count)?)),
            FieldType::DateTime => Value::DateTime(instant(*count)?),
            FieldType::Time => Value::Text(time_of_day(*count)?),
            _ => Value::Number(Number::new(*count as f64)?),
        },
        _ => return None,
    })
}

fn instant(ms: i64) -> Option<Timestamp> {
    let instant = from_ms(ms);
    (instant.as_millisecond() == ms).then_some(instant)
}

/// As REST writes a time of day: `13:45:00.000Z`.
fn time_of_day(ms: i64) -> Option<String> {
    const DAY_MS: i64 = 86_400_000;
    if !(0..DAY_MS).contains(&ms) {
        return None;
    }
    let (seconds, ms) = (ms / 1000, ms % 1000);
    Some(format!("{:02}:{:02}:{:02}.{ms:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_as_the_objects_own_fields() {
        for (parent, part, name) in [
            ("MailingAddress", "City", "MailingCity"),
            ("BillingAddress", "StateCode", "BillingStateCode"),
            ("Address", "Street", "Street"),
            ("Name", "LastName", "LastName"),
            ("Spot__c", "Latitude", "Spot__Latitude__s"),
        ] {
            assert_eq!(part_name(parent, part), name);
        }
    }

    #[test]
    fn an_event_names_its_object() {
        assert_eq!(object_name("ContactChangeEvent").as_deref(), Some("Contact"));
        assert_eq!(object_name("Employee__ChangeEvent").as_deref(), Some("Employee__c"));
        assert_eq!(object_name("ChangeEvent"), None);
        assert_eq!(object_name("__ChangeEvent"), None);
        assert_eq!(object_name("Contact"), None);
    }

    #[test]
    fn longs_are_read_by_what_they_count() {
        let long = Avro::Union(1, Box::new(Avro::Long(1_767_269_700_000)));
        let at = |text: &str| Some(Value::DateTime(text.parse().unwrap()));
        assert_eq!(to_value(&long, Role::Instant, None), at("2026-01-01T12:15:00Z"));
        assert_eq!(to_value(&long, Role::Day, None), at("2026-01-01T00:00:00Z"));
        assert_eq!(to_value(&long, Role::Unclear, Some(FieldType::DateTime)), at("2026-01-01T12:15:00Z"));
        assert_eq!(to_value(&long, Role::Unclear, None), None);
        assert_eq!(to_value(&Avro::Long(49_500_000), Role::TimeOfDay, None), Some(Value::text("13:45:00.000Z")));
        assert_eq!(to_value(&Avro::Long(i64::MAX), Role::Instant, None), None);
    }
}
