//! Platform events: event objects that are defined at run time, and what is published to them.
//!
//! An event object is described like any other but holds no rows: what is published goes to the event log alone. Object
//! permissions rule who may publish and read it, and there is no field-level security. (Platform Events guide.)

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::error::WriteError;
use super::event::{LogEntry, PublishedEvent};
use super::id;
use super::org::Org;
use super::rules;
use super::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
use super::value::FieldValue;
use super::write::WriteContext;

/// What every table has and no event shows.
const HIDDEN: [&str; 4] = ["Id", "LastModifiedDate", "LastModifiedById", "SystemModstamp"];

/// Bytes of one event (Pub/Sub API guide).
pub(crate) const EVENT_BYTES_MAX: usize = 1024 * 1024;

impl Org {
    /// Defines a platform event: its name ends in `__e`. Its fields are added like those of any custom object.
    pub fn define_platform_event(&mut self, name: &str, label: &str, label_plural: &str) -> Result<(), WriteError> {
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        };
        if !name.strip_suffix("__e").is_some_and(is_name) {
            let message = "The API name of a platform event must be a valid name that ends with __e.";
            return Err(WriteError::at("INVALID_FULL_NAME", "FullName", message));
        }
        if self.object(name).is_some() {
            let message = format!("There is already an object named {name}.");
            return Err(WriteError::at("DUPLICATE_DEVELOPER_NAME", "FullName", message));
        }
        let serial = self.objects().filter(|object| object.is_platform_event()).count() as u64;
        let object = ObjectSchema::new(name, label, label_plural, &format!("e{}", id::base62(serial, 2)), fields());
        self.add_object(object);
        let schema = &mut self.tables.last_mut().expect("an object was added").schema;
        for name in HIDDEN {
            if let Some(index) = schema.index_of(name) {
                schema.remove(index);
            }
        }
        Ok(())
    }

    /// The same with fields, for whoever sets an org up in Rust.
    pub fn add_platform_event(&mut self, name: &str, label: &str, fields: Vec<FieldSchema>) -> Result<(), WriteError> {
        self.define_platform_event(name, label, &format!("{label}s"))?;
        fields.into_iter().try_for_each(|field| self.add_custom_field(name, field).map(drop))
    }

    /// Publishes an event from values as the REST API takes them. Gives an id that no record has, and the event's identifier.
    pub fn publish_values(
        &mut self,
        context: &WriteContext,
        object: &str,
        given: &Map<String, Json>,
    ) -> Result<(String, String), WriteError> {
        let schema = self.platform_event(object)?;
        let mut values = Vec::with_capacity(given.len());
        for (name, input) in given {
            let (index, field) =
                schema.field_named(name).ok_or_else(|| WriteError::no_such_column(name, &schema.name))?;
            if !field.createable {
                let message = format!("Unable to create/update fields: {}.", field.name);
                return Err(WriteError::at("INVALID_FIELD_FOR_INSERT_UPDATE", &field.name, message));
            }
            values.push((index, rules::coerce(field, input)?));
        }
        let id = id::of_slot(&schema.key_prefix, 0);
        let uuid = self.random_uuid();
        self.publish(context, object, uuid.clone(), values)?;
        Ok((id, uuid))
    }

    fn platform_event(&self, object: &str) -> Result<&ObjectSchema, WriteError> {
        let unknown = || WriteError::new("INVALID_TYPE", format!("sObject type '{object}' is not supported."));
        self.object(object).filter(|object| object.is_platform_event()).ok_or_else(unknown)
    }

    /// Puts an event in the log and gives its position. The values are in the form of their fields; what has a default gets it.
    pub(crate) fn publish(
        &mut self,
        context: &WriteContext,
        object: &str,
        uuid: String,
        mut values: Vec<(FieldIndex, FieldValue)>,
    ) -> Result<u64, WriteError> {
        let schema = self.platform_event(object)?;
        if !self.access(&context.user_id, context.now_ms).creates(schema) {
            let message = "insufficient access rights on object id";
            return Err(WriteError::new("INSUFFICIENT_ACCESS_OR_READONLY", message));
        }
        let stamps = [
            ("CreatedDate", FieldValue::DateTime(context.now_ms)),
            ("CreatedById", FieldValue::text(&context.user_id)),
        ];
        let missing = |values: &[(FieldIndex, FieldValue)], index: FieldIndex| {
            !values.iter().any(|(own, value)| *own == index && !value.is_null())
        };
        for (name, value) in stamps {
            let index = schema.index_of(name).expect("every event object has these fields");
            if missing(&values, index) {
                values.push((index, value));
            }
        }
        for (index, field) in schema.each_field() {
            if missing(&values, index) && !field.default.is_null() {
                values.push((index, field.default.clone()));
            } else if missing(&values, index) && !field.nillable && field.custom {
                let message = format!("Required fields are missing: [{}]", field.name);
                return Err(WriteError::at("REQUIRED_FIELD_MISSING", &field.name, message));
            }
        }
        values.retain(|(_, value)| !value.is_null());
        values.sort_by_key(|(index, _)| *index);
        let (object, published_ms) = (schema.name.clone(), context.now_ms);
        self.expire_events(context.now_ms);
        let replay_id = self.log.push(&mut self.rng, |replay_id| {
            LogEntry::Published(Arc::new(PublishedEvent { replay_id, object, uuid, published_ms, values }))
        });
        Ok(replay_id)
    }
}

/// What every event object has.
fn fields() -> Vec<FieldSchema> {
    let hidden = |field: FieldSchema| field.read_only().not_in_change_events();
    let user = |name: &str, label: &str| FieldSchema::reference(name, label, &["User"], name.trim_end_matches("Id"));
    vec![
        hidden(FieldSchema::new("Id", "Record ID", FieldType::Id).with_length(18)),
        hidden(FieldSchema::text("ReplayId", "Replay ID", 1000)),
        FieldSchema::new("CreatedDate", "Created Date", FieldType::DateTime).required().read_only(),
        user("CreatedById", "Created By ID").required().read_only(),
        hidden(FieldSchema::text("EventUuid", "Event UUID", 36)),
        hidden(FieldSchema::new("LastModifiedDate", "Last Modified Date", FieldType::DateTime)),
        hidden(user("LastModifiedById", "Last Modified By ID")),
        hidden(FieldSchema::new("SystemModstamp", "System Modstamp", FieldType::DateTime)),
    ]
}
