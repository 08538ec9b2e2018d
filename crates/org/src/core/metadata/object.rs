//! Custom objects: made and removed while the org runs. (Metadata API guide, CustomObject.)

use serde_json::{Value as Json, json};

use super::{Definition, check_label, field, integrity};
use crate::core::catalog;
use crate::core::error::WriteError;
use crate::core::id;
use crate::core::org::Org;
use crate::core::schema::{FieldSchema, ObjectSchema};

const ATTRIBUTES: &[&str] = &[
    "fullName",
    "label",
    "pluralLabel",
    "nameField",
    "deploymentStatus",
    "sharingModel",
    "externalSharingModel",
    "description",
    "enableActivities",
    "enableHistory",
    "enableReports",
    "enableSearch",
    "enableFeeds",
    "enableBulkApi",
    "enableSharing",
    "enableStreamingApi",
    "enableLicensing",
    "enableEnhancedLookup",
    "allowInChatterGroups",
    "gender",
    "startsWith",
    "visibility",
    "customHelpPage",
    "compactLayoutAssignment",
    "actionOverrides",
    "searchLayouts",
    "deprecated",
];
/// Key prefixes of custom objects are `a00` and on.
const OBJECTS_MAX: u64 = 62 * 62;

impl Org {
    /// Adds a custom object by its full name (`Employee__c`) and its definition in the Metadata API's form, and says its id.
    /// Its records are for those who have the permission, and for whoever may modify all data.
    pub fn create_object(&mut self, full_name: &str, metadata: &Json, now_ms: i64) -> Result<String, WriteError> {
        if full_name.trim().to_ascii_lowercase().ends_with("__e") {
            return self.create_event_object(full_name, metadata, now_ms);
        }
        let name = super::custom_name(full_name.trim(), "__c", "Object Name")?;
        if self.object(&name).is_some() {
            let message = format!("That object name is already in use: {name}");
            return Err(WriteError::at("DUPLICATE_DEVELOPER_NAME", "DeveloperName", message));
        }
        let metadata = normal_form(metadata)?;
        let definition = Definition::new(&metadata, "CustomObject")?;
        let name_field = name_field(&definition)?;
        let key_prefix = self.next_key_prefix()?;
        let (label, plural) = (definition.demanded_text("label")?, definition.demanded_text("pluralLabel")?);
        let has_activities = definition.flag("enableActivities")?;
        let fields = catalog::custom_object_fields(name_field, has_activities);
        let id = self.tell("CustomObject", "", custom_object(&name, &metadata), now_ms);
        let mut schema = ObjectSchema::new(&name, label, plural, &key_prefix, fields);
        schema.durable_id.clone_from(&id);
        self.add_object(schema);
        if has_activities {
            self.offer_activities(&name);
        }
        Ok(id)
    }

    /// Changes a custom object, by its id: its labels and switches, not its name and its name field's type.
    pub fn update_object(&mut self, id: &str, metadata: &Json, now_ms: i64) -> Result<(), WriteError> {
        let at = self.object_with_id(id)?;
        let metadata = normal_form(metadata)?;
        let definition = Definition::new(&metadata, "CustomObject")?;
        let name_field = name_field(&definition)?;
        let schema = &mut self.tables[at].schema;
        let no_name = || integrity("nameField", "Can not specify 'nameField' for an object without names");
        let index = schema.index_of("Name").ok_or_else(no_name)?;
        if schema.field(index).auto_number.is_some() != name_field.auto_number.is_some() {
            return Err(integrity("nameField", "Cannot change the type of the name field in this org"));
        }
        definition.demanded_text("label")?.clone_into(&mut schema.label);
        definition.demanded_text("pluralLabel")?.clone_into(&mut schema.label_plural);
        let own = schema.field_mut(index);
        (own.label, own.auto_number) = (name_field.label, name_field.auto_number);
        let (name, has_activities) = (schema.name.clone(), definition.flag("enableActivities")?);
        self.tell("CustomObject", id, custom_object(&name, &metadata), now_ms);
        if has_activities {
            self.offer_activities(&name);
        }
        self.access.outdate();
        Ok(())
    }

    /// Removes a custom object, by its id, with its records and its permissions.
    pub fn delete_object(&mut self, id: &str) -> Result<(), WriteError> {
        let at = self.object_with_id(id)?;
        let name = self.tables[at].schema.name.clone();
        let references = self.child_relationships(&name);
        if let Some((child, field)) = references.into_iter().find(|(child, field)| field.custom && child.name != name) {
            let message =
                format!("This custom object is referenced elsewhere in salesforce.com.: {}.{}", child.name, field.name);
            return Err(WriteError::new("DEPENDENCY_EXISTS", message));
        }
        let own: Vec<String> = (self.tables[at].schema.each_field())
            .filter(|(_, field)| field.custom && field.compound.is_none())
            .map(|(_, field)| field.durable_id.clone())
            .collect();
        own.iter().for_each(|field| self.drop_rows("CustomField", "Id", field));
        for permissions in ["ObjectPermissions", "FieldPermissions"] {
            self.drop_rows(permissions, "SobjectType", &name);
        }
        self.drop_rows("CustomObject", "Id", &self.tables[at].schema.durable_id.clone());
        self.remove_object(at);
        Ok(())
    }

    /// The id of a custom object by its name.
    pub fn object_id(&self, name: &str) -> Option<String> {
        self.object(name).map(|object| object.durable_id.clone()).filter(|id| !id.is_empty())
    }

    /// The definition of a custom object in the Metadata API's form.
    pub fn object_metadata(&self, name: &str) -> Option<Json> {
        let (of, row) = self.record(&self.object_id(name)?)?;
        serde_json::from_str(row.get(of.index_of("Metadata")?).as_text()?).ok()
    }

    fn object_with_id(&self, id: &str) -> Result<usize, WriteError> {
        let id = id::normalize(id).ok_or_else(WriteError::no_such_record)?;
        let found = self.tables.iter().position(|table| table.schema.durable_id == id && !table.schema.removed);
        found.ok_or_else(|| WriteError::new("NOT_FOUND", "The requested resource does not exist"))
    }

    fn next_key_prefix(&self) -> Result<String, WriteError> {
        let free = (0..OBJECTS_MAX).map(|number| format!("a{}", id::base62(number, 2)));
        let is_free = |prefix: &String| self.tables.iter().all(|table| table.schema.key_prefix != *prefix);
        free.into_iter()
            .find(is_free)
            .ok_or_else(|| WriteError::new("CUSTOM_ENTITY_OR_FIELD_LIMIT", "reached maximum number of custom objects"))
    }

    /// Lets tasks and events be about records of the object.
    fn offer_activities(&mut self, object: &str) {
        for activity in ["Task", "Event"] {
            let Some(at) = self.table_index(activity) else { continue };
            let schema = &mut self.tables[at].schema;
            let Some(index) = schema.index_of("WhatId") else { continue };
            if !schema.field(index).reference_to.iter().any(|target| target == object) {
                schema.field_mut(index).reference_to.push(object.to_owned());
            }
        }
        self.access.outdate();
    }
}

/// The definition with what is left out said, and what must be there checked.
fn normal_form(metadata: &Json) -> Result<Json, WriteError> {
    let definition = Definition::new(metadata, "CustomObject")?;
    if let Some(unknown) = definition.names().find(|name| !ATTRIBUTES.contains(name)) {
        return Err(integrity(unknown, format!("Can not specify '{unknown}' for a CustomObject")));
    }
    check_label(definition.demanded_text("label")?, "Label")?;
    check_label(definition.demanded_text("pluralLabel")?, "Plural Label")?;
    for (name, allowed) in [
        ("deploymentStatus", &["Deployed", "InDevelopment"] as &[&str]),
        ("sharingModel", &["ReadWrite", "Read", "Private", "ControlledByParent"]),
    ] {
        let given = definition.demanded_text(name)?;
        if !allowed.contains(&given) {
            return Err(integrity(name, format!("{name}: bad value for restricted picklist field: {given}")));
        }
    }
    let mut whole = metadata.clone();
    // XML knows only text.
    for (_, value) in whole.as_object_mut().into_iter().flatten() {
        if let Some(switch) = value.as_str().and_then(|text| text.parse::<bool>().ok()) {
            *value = json!(switch);
        }
    }
    for switch in ["enableActivities", "enableHistory", "enableReports", "enableSearch", "enableBulkApi", "enableFeeds"]
    {
        whole[switch] = json!(definition.flag(switch)?);
    }
    Ok(whole)
}

/// The field that names records: text, or a number that the org gives out.
fn name_field(definition: &Definition<'_>) -> Result<FieldSchema, WriteError> {
    let given = definition.get("nameField").ok_or_else(|| definition.missing("nameField"))?;
    let given = Definition::new(given, "CustomField as nameField")?;
    let label = given.demanded_text("label")?;
    check_label(label, "Label")?;
    let mut name = FieldSchema::text("Name", label, 80);
    match given.demanded_text("type")? {
        "Text" => {
            name.defaulted_on_create = true;
            name.name_field = true;
        }
        "AutoNumber" => {
            let format = given.demanded_text("displayFormat")?;
            field::check_number_format(format)?;
            name = name.auto_numbered(format);
            name.name_field = true;
        }
        other => return Err(integrity("nameField", format!("Type: bad value for restricted picklist field: {other}"))),
    }
    name.id_lookup = true;
    Ok(name.indexed())
}

fn custom_object(name: &str, metadata: &Json) -> Vec<(&'static str, crate::core::value::FieldValue)> {
    let text = |attribute: &str| metadata[attribute].as_str().map_or_else(Default::default, Into::into);
    vec![
        ("DeveloperName", name.trim_end_matches("__c").into()),
        ("FullName", name.into()),
        ("Description", text("description")),
        ("SharingModel", text("sharingModel")),
        ("ManageableState", "unmanaged".into()),
        ("Metadata", metadata.to_string().into()),
    ]
}
