//! Platform events as custom objects whose names end in `__e`. (Metadata API guide, CustomObject; Platform Events guide.)

use serde_json::Value as Json;

use super::{Definition, check_label, integrity};
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::schema::{FieldSchema, FieldType};

const ATTRIBUTES: &[&str] =
    &["fullName", "label", "pluralLabel", "description", "deploymentStatus", "eventType", "publishBehavior"];

impl Org {
    /// Adds a platform event by its full name (`Order__e`) and its definition in the Metadata API's form, and says its id.
    pub(super) fn create_event_object(
        &mut self,
        full_name: &str,
        metadata: &Json,
        now_ms: i64,
    ) -> Result<String, WriteError> {
        let name = super::custom_name(full_name.trim(), "__e", "Object Name")?;
        let definition = Definition::new(metadata, "CustomObject")?;
        if let Some(unknown) = definition.names().find(|name| !ATTRIBUTES.contains(name)) {
            return Err(integrity(unknown, format!("Can not specify '{unknown}' for a platform event")));
        }
        let (label, plural) = (definition.demanded_text("label")?, definition.demanded_text("pluralLabel")?);
        check_label(label, "Label")?;
        check_label(plural, "Plural Label")?;
        for (attribute, allowed) in [
            ("deploymentStatus", &["Deployed", "InDevelopment"] as &[&str]),
            ("eventType", &["HighVolume"]),
            ("publishBehavior", &["PublishAfterCommit", "PublishImmediately"]),
        ] {
            if let Some(given) = definition.text(attribute)?.filter(|given| !allowed.contains(given)) {
                let message = format!("{attribute}: bad value for restricted picklist field: {given}");
                return Err(integrity(attribute, message));
            }
        }
        self.define_platform_event(&name, label, plural)?;
        let id = self.tell(
            "CustomObject",
            "",
            vec![
                ("DeveloperName", name.trim_end_matches("__e").into()),
                ("FullName", name.as_str().into()),
                ("Description", definition.text("description")?.unwrap_or_default().into()),
                ("ManageableState", "unmanaged".into()),
                ("Metadata", metadata.to_string().into()),
            ],
            now_ms,
        );
        let at = self.table_index(&name).expect("the event was defined");
        self.tables[at].schema.durable_id.clone_from(&id);
        Ok(id)
    }
}

/// Fields of events are texts, numbers, checkboxes and times.
pub(super) fn check_field(field: &FieldSchema) -> Result<(), WriteError> {
    let fits = matches!(
        field.field_type,
        FieldType::String
            | FieldType::TextArea
            | FieldType::Double
            | FieldType::Boolean
            | FieldType::Date
            | FieldType::DateTime
    );
    if fits && field.formula.is_none() && field.auto_number.is_none() {
        return Ok(());
    }
    Err(integrity("Type", "The field type isn't supported for platform events."))
}
