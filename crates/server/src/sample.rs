//! A real record, to show beside the fields of an object what they hold. Nothing of it is kept.

use std::collections::BTreeMap;

use syncline_model::{
    connection::Connection, convert::attribute_type, id::MappingId, inquiry::Question, mapping::MappingDefinition,
    record::Record, record_id, schema::ObjectSchema, store::Store,
};

use crate::{
    inquire::{InquiryError, ask},
    preview,
};

/// As much of a value as shows what kind of thing the field holds.
const CHARS_MAX: usize = 120;

/// A record that a profile matches by the mapping's rule; `None` where none does.
///
/// # Errors
/// Where the org can not be asked.
pub async fn matched(
    store: &dyn Store,
    connection: &Connection,
    existing: Option<MappingId>,
    definition: &MappingDefinition,
) -> Result<Option<Record>, InquiryError> {
    let schemas = store.object_schemas(connection.id).await?;
    let Some(schema) = schemas.iter().find(|schema| schema.name == definition.salesforce) else { return Ok(None) };
    let rule = &definition.match_rule;
    if schema.field(&rule.salesforce).is_none() {
        return Ok(None);
    }
    let mappings = store.mappings(connection.id).await?;
    let before = mappings.iter().find(|mapping| Some(mapping.id) == existing);
    let keys = preview::sample(store, connection, before, definition).await?;
    let keys: Vec<String> = keys.iter().map(|(_, key)| key.to_string()).collect();
    if keys.is_empty() {
        return Ok(None);
    }
    let (object, key_field) = (schema.name.clone(), rule.salesforce.clone());
    let found = ask(store, connection, Question::Find { object, key_field, keys, fields: Vec::new() }).await?;
    match found.into_iter().next() {
        Some(first) => read(store, connection, schema, first.id).await,
        None => Ok(None),
    }
}

/// The record of that id; `None` where there is none that the connected user can see, or its object is not described.
///
/// # Errors
/// Where the org can not be asked.
pub async fn by_id(store: &dyn Store, connection: &Connection, id: &str) -> Result<Option<Record>, InquiryError> {
    let Some(id) = record_id::to_long(id) else { return Ok(None) };
    let schemas = store.object_schemas(connection.id).await?;
    let is_of = |schema: &&ObjectSchema| schema.key_prefix.as_deref().is_some_and(|prefix| id.starts_with(prefix));
    match schemas.iter().find(is_of) {
        Some(schema) => read(store, connection, schema, id).await,
        None => Ok(None),
    }
}

async fn read(
    store: &dyn Store,
    connection: &Connection,
    schema: &ObjectSchema,
    id: String,
) -> Result<Option<Record>, InquiryError> {
    let fields = schema.fields.iter().filter(|field| attribute_type(field.field_type).is_some());
    let fields = fields.map(|field| field.name.clone()).collect();
    let question = Question::Read { object: schema.name.clone(), ids: vec![id], fields };
    Ok(ask(store, connection, question).await?.into_iter().next())
}

/// What the fields hold, as text.
pub fn texts(record: &Record) -> BTreeMap<String, String> {
    let said = record.values.iter().filter(|(_, value)| !value.is_null());
    let text = |value: String| match value.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value,
    };
    said.map(|(name, value)| (name.clone(), text(value.to_string()))).collect()
}
