//! Definitions of channels and their members in the Metadata form, and what may be in them.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::topic::{has_change_events, object_of_event};
use super::{Filter, Member, STANDARD_CHANNEL, invalid};
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::schema::{FieldIndex, FieldType, ObjectSchema};
use crate::core::value::FieldValue;

/// Fields of one member that events are enriched with, and fields that one filter may name (Change Data Capture guide).
const FIELDS_MAX: usize = 10;
/// Characters of a filter expression (the same).
const FILTER_LENGTH_MAX: usize = 131_072;
/// Longer text is long text, which events are not enriched with.
const SHORT_TEXT_MAX: u32 = 255;

/// `PlatformEventChannel.Metadata`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelDefinition {
    /// `data` for change events, `event` for platform events.
    pub channel_type: String,
    /// What people see.
    pub label: String,
}

impl ChannelDefinition {
    pub(super) fn check(&self, full_name: &str) -> Result<(), WriteError> {
        if !full_name.strip_suffix("__chn").is_some_and(is_developer_name) {
            return Err(invalid("FullName", "The name of a custom channel must be a valid name that ends with __chn."));
        }
        if !matches!(self.channel_type.as_str(), "data" | "event") {
            return Err(invalid("channelType", format!("Invalid channel type: {}", self.channel_type)));
        }
        if self.label.trim().is_empty() {
            return Err(WriteError::at("REQUIRED_FIELD_MISSING", "label", "Required field is missing: label"));
        }
        Ok(())
    }

    pub(super) fn row(&self, full_name: &str) -> Vec<(&'static str, FieldValue)> {
        vec![
            ("DeveloperName", full_name.trim_end_matches("__chn").into()),
            ("FullName", full_name.into()),
            ("MasterLabel", self.label.as_str().into()),
            ("ChannelType", self.channel_type.as_str().into()),
            ("Metadata", json!(self).to_string().into()),
        ]
    }
}

/// A field that events carry besides what changed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct EnrichedField {
    /// API name.
    pub name: String,
}

/// `PlatformEventChannelMember.Metadata`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberDefinition {
    /// `ChangeEvents`, or the full name of a custom channel.
    pub event_channel: String,
    /// `AccountChangeEvent`, `Employee__ChangeEvent` or `Order__e`.
    pub selected_entity: String,
    /// Fields that updates and deletes carry in any case.
    #[serde(default)]
    pub enriched_fields: Vec<EnrichedField>,
    /// What an event must fulfil to be delivered.
    #[serde(default)]
    pub filter_expression: Option<String>,
}

impl Org {
    /// A member as its definition says, still without an id.
    pub(super) fn member(&self, full_name: &str, definition: MemberDefinition) -> Result<Member, WriteError> {
        if !is_developer_name(full_name) {
            return Err(invalid("FullName", format!("Invalid name: {full_name}")));
        }
        let channel = &definition.event_channel;
        let is_event_channel = match self.channel(channel) {
            Some(channel) => channel.definition.channel_type == "event",
            None if channel == STANDARD_CHANNEL => false,
            None => return Err(invalid("eventChannel", format!("The event channel {channel} doesn't exist."))),
        };
        let entity = &definition.selected_entity;
        let named = if is_event_channel { Some(entity.clone()) } else { object_of_event(entity) };
        let object = named.and_then(|name| self.object(&name).filter(|object| object.name == name));
        let fits = |object: &&ObjectSchema| {
            if is_event_channel { object.is_platform_event() } else { has_change_events(object) }
        };
        let object = object
            .filter(fits)
            .ok_or_else(|| invalid("selectedEntity", format!("The selected entity {entity} isn't valid.")))?;
        let filter = definition.filter_expression.as_deref().filter(|text| !text.trim().is_empty());
        let filter = filter.map(|text| filter_of(object, text)).transpose()?;
        let mut enriched = enriched_fields(object, &definition.enriched_fields)?;
        // What a filter looks at is carried too.
        if let Some(filter) = filter.as_ref().filter(|_| !is_event_channel) {
            enriched.extend(filter.fields());
            enriched.sort_unstable();
            enriched.dedup();
        }
        let object = object.name.clone();
        Ok(Member { id: String::new(), name: full_name.to_owned(), definition, object, enriched, filter })
    }

    /// What a query of the Tooling object finds of a member.
    pub(super) fn member_row(&self, member: &Member) -> Vec<(&'static str, FieldValue)> {
        let channel = &member.definition.event_channel;
        vec![
            ("DeveloperName", member.name.as_str().into()),
            ("FullName", member.name.as_str().into()),
            ("MasterLabel", member.name.as_str().into()),
            ("EventChannel", self.channel(channel).map_or(channel, |channel| &channel.id).as_str().into()),
            ("SelectedEntity", member.definition.selected_entity.as_str().into()),
            ("FilterExpression", member.definition.filter_expression.as_deref().unwrap_or_default().into()),
            ("Metadata", json!(member.definition).to_string().into()),
        ]
    }
}

fn filter_of(object: &ObjectSchema, text: &str) -> Result<Filter, WriteError> {
    if text.chars().count() > FILTER_LENGTH_MAX {
        return Err(invalid("filterExpression", "The filter expression is too long."));
    }
    let filter = Filter::parse(object, text)
        .map_err(|problem| invalid("filterExpression", format!("The filter expression isn't valid: {problem}")))?;
    if filter.fields().len() > FIELDS_MAX {
        let message = format!("A filter expression can contain up to {FIELDS_MAX} fields.");
        return Err(invalid("filterExpression", message));
    }
    Ok(filter)
}

fn enriched_fields(object: &ObjectSchema, fields: &[EnrichedField]) -> Result<Vec<FieldIndex>, WriteError> {
    if fields.len() > FIELDS_MAX {
        let message = format!("You can select up to {FIELDS_MAX} enriched fields.");
        return Err(WriteError::at("LIMIT_EXCEEDED", "enrichedFields", message));
    }
    if object.is_platform_event() && !fields.is_empty() {
        return Err(invalid("enrichedFields", "Platform events can't be enriched."));
    }
    let mut indexes = Vec::new();
    for EnrichedField { name } in fields {
        let unfit = || invalid("enrichedFields", format!("The field {name} can't be used for enrichment."));
        let (index, field) = object.field_named(name).ok_or_else(unfit)?;
        if field.compound_parent {
            indexes.extend(object.components(&field.name).into_iter().map(|(index, _)| index));
        } else if field.in_change_event
            && !field.calculated
            && !(field.field_type == FieldType::TextArea && field.length > SHORT_TEXT_MAX)
        {
            indexes.push(index);
        } else {
            return Err(unfit());
        }
    }
    Ok(indexes)
}

/// Letters, digits and single underscores, a letter first.
pub(super) fn is_developer_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && !name.ends_with('_')
}
