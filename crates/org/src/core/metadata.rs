//! What an administrator sets up while the org runs: custom objects and custom fields, and the rows by which the Tooling API
//! tells of them.
//!
//! There is one path: a definition in the Metadata API's form is read into a schema ([`field`], [`object`]), and whatever makes,
//! changes or removes a schema does it here, so that rows, indexes, permissions and descriptions follow. Who may do so is for
//! the caller to check. (Tooling API guide; facts about single messages are named where they stand.)

mod definitions;
mod describe;
mod event_object;
mod field;
mod object;
mod reshape;
mod value_set;

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::error::WriteError;
use super::id;
use super::org::{Org, no_such_object};
use super::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
use super::table::Slot;
use super::write::WriteContext;

/// A deleted field keeps its name, and its place among those that the org may have, for so long (Help: 15 days).
const DELETED_FIELD_LIFE_MS: i64 = 15 * 24 * 3600 * 1000;
/// Characters of a name, without its `__c`, and of a label (Help).
const NAME_LENGTH_MAX: usize = 40;

/// What the org remembers of its set-up beside the schemas.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    deleted_fields: Vec<DeletedField>,
    fields_max: Option<usize>,
    /// The rows of EntityDefinition and FieldDefinition, by table, and the version of the schema that they tell of.
    definitions: HashMap<usize, (u32, Vec<(usize, Slot)>)>,
}

#[derive(Debug)]
struct DeletedField {
    table: usize,
    name: String,
    deleted_ms: i64,
}

/// A refusal of a definition at one of its attributes.
fn integrity(attribute: &str, message: impl Into<String>) -> WriteError {
    WriteError::at("FIELD_INTEGRITY_EXCEPTION", attribute, message)
}

impl Org {
    /// Adds a custom field that nobody sees until a permission set says so.
    pub fn define_custom_field(&mut self, object: &str, field: FieldSchema) -> Result<FieldIndex, WriteError> {
        self.define_field(object, field, self.made_ms())
    }

    /// Adds a custom field to an object, and lets every profile read and change it.
    pub fn add_custom_field(&mut self, object: &str, field: FieldSchema) -> Result<FieldIndex, WriteError> {
        let (name, now_ms) = (field.name.clone(), self.made_ms());
        let is_ruled = field.permissionable() && !self.object(object).is_some_and(ObjectSchema::is_platform_event);
        let index = self.define_field(object, field, now_ms)?;
        if is_ruled {
            let object = self.object(object).map_or_else(String::new, |object| object.name.clone());
            self.grant_to_profiles(&object, &name, now_ms);
        }
        Ok(index)
    }

    /// Adds a custom field by its full name (`Contact.Plan__c`) and its definition in the Metadata API's form, and says its id.
    /// Nobody sees it until a permission set says so, unless it is one that nobody can be kept from.
    pub fn create_field(&mut self, full_name: &str, metadata: &Json, now_ms: i64) -> Result<String, WriteError> {
        let (object, name) = self.full_field_name(full_name)?;
        let (field, start) = field::read(self, &object, &name, metadata)?;
        if self.object(&object).is_some_and(ObjectSchema::is_platform_event) {
            event_object::check_field(&field)?;
        }
        let index = self.define_field(&object, field, now_ms)?;
        let at = self.table_index(&object).ok_or_else(|| no_such_object(&object))?;
        if let Some(start) = start {
            self.tables[at].number_from(index, start);
        }
        Ok(self.tables[at].schema.field(index).durable_id.clone())
    }

    /// Changes a custom field, by its id, to another definition. Values that no longer fit forbid it; a change of type converts
    /// them, which change events tell of for all records at once.
    pub fn update_field(&mut self, context: &WriteContext, id: &str, metadata: &Json) -> Result<(), WriteError> {
        let (at, index) = self.field_with_id(id)?;
        let (object, name) = {
            let schema = &self.tables[at].schema;
            (schema.name.clone(), schema.field(index).name.clone())
        };
        let (field, _) = field::read(self, &object, &name, metadata)?;
        if self.reshape(at, index, field)? {
            self.announce_conversion(context, &object);
        }
        self.tell_of_field(at, index, context.now_ms);
        self.access.outdate();
        Ok(())
    }

    /// Removes a custom field, by its id.
    pub fn delete_field(&mut self, id: &str, now_ms: i64) -> Result<(), WriteError> {
        let (at, index) = self.field_with_id(id)?;
        let name = self.tables[at].schema.field(index).name.clone();
        let dependant = self.tables[at]
            .schema
            .each_field()
            .find(|(_, field)| field.formula.as_ref().is_some_and(|formula| formula.mentions(&name)));
        if let Some((_, dependant)) = dependant {
            let message = format!("This custom field is referenced elsewhere in salesforce.com.: {}", dependant.name);
            return Err(WriteError::new("DEPENDENCY_EXISTS", message));
        }
        self.take_out(at, index, now_ms);
        Ok(())
    }

    /// The id of a custom field by its full name, `Contact.Plan__c`.
    pub fn field_id(&self, full_name: &str) -> Option<String> {
        let (object, name) = full_name.split_once('.')?;
        let (_, field) = self.object(object)?.field_named(name)?;
        (!field.durable_id.is_empty()).then(|| field.durable_id.clone())
    }

    /// The definition of a field in the Metadata API's form.
    pub fn field_metadata(&self, object: &str, field: &str) -> Option<Json> {
        let (_, field) = self.object(object)?.field_named(field)?;
        Some(describe::metadata(field))
    }

    /// How many custom fields an object may have, where that is not the edition's number.
    pub fn set_custom_fields_max(&mut self, fields_max: Option<usize>) {
        self.setup.fields_max = fields_max;
    }

    /// Changes the definition of a field: its label, choices and the like, not its name. Values are left as they are.
    pub fn change_field(
        &mut self,
        object: &str,
        field: &str,
        change: impl FnOnce(&mut FieldSchema),
    ) -> Result<(), WriteError> {
        let (at, index) = self.locate_field(object, field)?;
        change(self.tables[at].schema.field_mut(index));
        if self.tables[at].schema.field(index).custom {
            self.tell_of_field(at, index, self.made_ms());
        }
        self.access.outdate();
        Ok(())
    }

    /// Removes a custom field: it is in no description and no answer any more, and its name is free at once.
    pub fn remove_custom_field(&mut self, object: &str, field: &str) -> Result<(), WriteError> {
        let (at, index) = self.locate_field(object, field)?;
        if !self.tables[at].schema.field(index).custom {
            return Err(WriteError::new("INSUFFICIENT_ACCESS_OR_READONLY", "a standard field can not be removed"));
        }
        self.take_out(at, index, i64::MIN);
        Ok(())
    }

    fn locate_field(&self, object: &str, field: &str) -> Result<(usize, FieldIndex), WriteError> {
        let at = self.table_index(object).ok_or_else(|| no_such_object(object))?;
        let schema = &self.tables[at].schema;
        let index = schema.index_of(field).ok_or_else(|| WriteError::no_such_column(field, &schema.name))?;
        Ok((at, index))
    }

    /// Where the custom field with an id is.
    fn field_with_id(&self, id: &str) -> Result<(usize, FieldIndex), WriteError> {
        let id = id::normalize(id).ok_or_else(WriteError::no_such_record)?;
        let found = self.tables.iter().enumerate().find_map(|(at, table)| {
            let mut fields = table.schema.each_field();
            fields.find(|(_, field)| field.durable_id == id && field.compound.is_none()).map(|(index, _)| (at, index))
        });
        found.ok_or_else(|| WriteError::new("NOT_FOUND", "The requested resource does not exist"))
    }

    /// The object and the name in `Contact.Plan__c`, both well formed.
    fn full_field_name(&self, full_name: &str) -> Result<(String, String), WriteError> {
        let malformed = || {
            let message = format!("Must specify the full name of the field, such as Account.Field__c: {full_name}");
            integrity("FullName", message)
        };
        let (object, name) = full_name.trim().split_once('.').ok_or_else(malformed)?;
        let schema = self.object(object).filter(|object| is_customizable(object)).ok_or_else(|| {
            let message = format!("Entity Enumeration Or ID: bad value for restricted picklist field: {object}");
            WriteError::at("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "TableEnumOrId", message)
        })?;
        Ok((schema.name.clone(), custom_name(name, "__c", "Custom Field Name")?))
    }

    /// Puts a field in, with the rules that every custom field is under.
    fn define_field(&mut self, object: &str, mut field: FieldSchema, now_ms: i64) -> Result<FieldIndex, WriteError> {
        let at = self.table_index(object).ok_or_else(|| no_such_object(object))?;
        field.name = custom_name(&field.name, "__c", "Custom Field Name")?;
        self.check_field_is_new(at, &field, now_ms)?;
        field.custom = true;
        field.indexed = field.external_id || field.unique || field.indexed || field.field_type == FieldType::Reference;
        field.id_lookup = field.external_id;
        if field.formula.is_some() {
            field.calculated = true;
            field.in_change_event = false;
            field = field.read_only();
        }
        let parts = location_parts(&mut field);
        let is_detail = field.cascade_delete && !field.nillable;
        if is_detail && !self.tables[at].is_unused() {
            let message = "Cannot create a master-detail relationship on an object that has records in this org";
            return Err(integrity("Type", message));
        }
        let backfill =
            (field.field_type == FieldType::Boolean && field.formula.is_none()).then(|| field.default.clone());
        let index = self.tables[at].add_field(field.clone());
        for part in parts {
            self.tables[at].add_field(part);
        }
        if let Some(default) = backfill {
            // A checkbox always has a value.
            self.tables[at].convert(index, |_| if default.is_null() { false.into() } else { default.clone() });
        }
        if is_detail {
            self.tables[at].give_up_owner();
        }
        let durable_id = self.tell_of_field(at, index, now_ms);
        let width = self.tables[at].schema.width();
        for part in usize::from(index)..width {
            let part = FieldIndex::try_from(part).expect("positions are small");
            self.tables[at].schema.field_mut(part).durable_id.clone_from(&durable_id);
        }
        self.access.outdate();
        if self.tables[at].schema.name == "Contact" {
            self.share_with_person_accounts(&field, now_ms);
        }
        Ok(index)
    }

    fn check_field_is_new(&self, at: usize, field: &FieldSchema, now_ms: i64) -> Result<(), WriteError> {
        let schema = &self.tables[at].schema;
        let duplicate = |what: &str| {
            let message = format!("There is already a {what} named {} on {}.", field.name, schema.label);
            Err(WriteError::at("DUPLICATE_DEVELOPER_NAME", "DeveloperName", message))
        };
        if schema.index_of(&field.name).is_some() {
            return duplicate("field");
        }
        let kept = |deleted: &&DeletedField| {
            deleted.table == at && now_ms < deleted.deleted_ms.saturating_add(DELETED_FIELD_LIFE_MS)
        };
        let deleted: Vec<&DeletedField> = self.setup.deleted_fields.iter().filter(kept).collect();
        if deleted.iter().any(|deleted| deleted.name.eq_ignore_ascii_case(&field.name)) {
            return duplicate("deleted field");
        }
        if let Some(children) = &field.child_relationship_name {
            for target in &field.reference_to {
                let taken = self.child_relationships(target).into_iter().any(|(_, child)| {
                    child.child_relationship_name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(children))
                });
                if taken {
                    let message = format!("There is already a Child Relationship named {children} on {target}.");
                    return Err(WriteError::at("DUPLICATE_DEVELOPER_NAME", "RelationshipName", message));
                }
            }
        }
        let is_counted = |field: &FieldSchema| field.custom && field.compound.is_none();
        let used = schema.each_field().filter(|(_, field)| is_counted(field)).count() + deleted.len();
        let fields_max = self.setup.fields_max.unwrap_or_else(|| self.edition().custom_fields_max());
        if used < fields_max {
            return Ok(());
        }
        let message = format!("reached maximum number of custom fields: {fields_max} on {}", schema.label);
        Err(WriteError::new("CUSTOM_ENTITY_OR_FIELD_LIMIT", message))
    }

    /// Takes a field out, with its parts, its permissions and the row that told of it.
    fn take_out(&mut self, at: usize, index: FieldIndex, now_ms: i64) {
        let (object, field) = {
            let schema = &self.tables[at].schema;
            (schema.name.clone(), schema.field(index).clone())
        };
        let parts: Vec<FieldIndex> =
            self.tables[at].schema.components(&field.name).into_iter().map(|(part, _)| part).collect();
        for index in parts.into_iter().chain([index]) {
            self.tables[at].remove_field(index);
        }
        if object == "Contact" {
            self.unshare_with_person_accounts(&field, index);
        }
        let full_name = format!("{object}.{}", field.name);
        self.drop_rows("FieldPermissions", "Field", &full_name);
        self.drop_rows("CustomField", "Id", &field.durable_id);
        self.setup.deleted_fields.push(DeletedField { table: at, name: field.name, deleted_ms: now_ms });
        self.access.outdate();
    }

    fn drop_rows(&mut self, object: &str, field: &str, value: &str) {
        let Some(at) = self.table_index(object) else { return };
        let table = &self.tables[at];
        let has_value = |row| table.text(row, field).is_some_and(|own| own.eq_ignore_ascii_case(value));
        let slots: Vec<Slot> = table.iter().filter(|(_, row)| has_value(row)).map(|(slot, _)| slot).collect();
        for slot in slots {
            self.tables[at].replace(slot, None);
        }
    }
}

/// Whether administrators may add fields to an object.
fn is_customizable(object: &ObjectSchema) -> bool {
    object.writeable && !object.tooling && (!object.setup || object.name == "User")
}

/// A location brings two fields that hold it; the compound itself is only read.
fn location_parts(field: &mut FieldSchema) -> Vec<FieldSchema> {
    if field.field_type != FieldType::Location {
        return Vec::new();
    }
    let stem = field.name.strip_suffix("__c").unwrap_or(&field.name).to_owned();
    let part = |index: usize, name: &'static str| {
        let label = format!("{} ({name})", field.label);
        let mut part = FieldSchema::number(&format!("{stem}__{name}__s"), &label, FieldType::Double, 0, field.scale);
        part.precision = 3 + field.scale;
        part.custom = true;
        part.part_of(&field.name, index, name)
    };
    let parts = vec![part(0, "Latitude"), part(1, "Longitude")];
    *field = field.clone().compound();
    parts
}

/// A name as the platform takes it, with its suffix; `what` is what the refusal calls it.
fn custom_name(name: &str, suffix: &str, what: &str) -> Result<String, WriteError> {
    let at_end = name.len().saturating_sub(suffix.len());
    let has_suffix = name.get(at_end..).is_some_and(|end| end.eq_ignore_ascii_case(suffix));
    if !has_suffix {
        let message = format!("{what}: a custom name must end with {suffix}: {name}");
        return Err(integrity("DeveloperName", message));
    }
    let stem = &name[..at_end];
    let well_formed = stem.starts_with(|first: char| first.is_ascii_alphabetic())
        && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !stem.ends_with('_')
        && !stem.contains("__");
    if !well_formed {
        let message = format!(
            "The {what} field can only contain underscores and alphanumeric characters. It must be unique, begin with a letter, \
             not include spaces, not end with an underscore, and not contain two consecutive underscores."
        );
        return Err(integrity("DeveloperName", message));
    }
    if stem.len() > NAME_LENGTH_MAX {
        let message = format!("{what}: data value too large: {stem} (max length={NAME_LENGTH_MAX})");
        return Err(WriteError::at("STRING_TOO_LONG", "DeveloperName", message));
    }
    Ok(format!("{stem}{suffix}"))
}

fn check_label(label: &str, what: &str) -> Result<(), WriteError> {
    if label.chars().count() <= NAME_LENGTH_MAX {
        return Ok(());
    }
    let message = format!("{what}: data value too large: {label} (max length={NAME_LENGTH_MAX})");
    Err(WriteError::at("STRING_TOO_LONG", "MasterLabel", message))
}

/// A definition in the Metadata API's form. What is null is as if it were not there.
struct Definition<'m> {
    attributes: &'m Map<String, Json>,
    /// What the refusals call it, such as `CustomField of type Text`.
    of: String,
}

impl<'m> Definition<'m> {
    fn new(metadata: &'m Json, of: &str) -> Result<Definition<'m>, WriteError> {
        let attributes = metadata.as_object().ok_or_else(|| integrity("Metadata", "Must specify Metadata"))?;
        Ok(Definition { attributes, of: of.to_owned() })
    }

    fn get(&self, name: &str) -> Option<&'m Json> {
        self.attributes.get(name).filter(|value| !value.is_null())
    }

    fn names(&self) -> impl Iterator<Item = &'m str> {
        self.attributes.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str())
    }

    fn wrong(&self, name: &str, wanted: &str) -> WriteError {
        WriteError::new("JSON_PARSER_ERROR", format!("'{name}' of {} must be {wanted}", self.of))
    }

    fn missing(&self, name: &str) -> WriteError {
        integrity(name, format!("Must specify '{name}' for a {}", self.of))
    }

    fn text(&self, name: &str) -> Result<Option<&'m str>, WriteError> {
        let value = self.get(name).map(|value| value.as_str().ok_or_else(|| self.wrong(name, "a string")));
        Ok(value.transpose()?.map(str::trim).filter(|text| !text.is_empty()))
    }

    fn demanded_text(&self, name: &str) -> Result<&'m str, WriteError> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    fn flag(&self, name: &str) -> Result<bool, WriteError> {
        match self.get(name) {
            None => Ok(false),
            Some(Json::Bool(value)) => Ok(*value),
            // Clients that turn XML into JSON send it so.
            Some(Json::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
            Some(_) => Err(self.wrong(name, "a boolean")),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u32>, WriteError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Json::String(text) => text.parse().ok(),
            value => value.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        number.map(Some).ok_or_else(|| self.wrong(name, "a whole number"))
    }

    /// A number that must be there, and within bounds.
    fn number_within(&self, name: &str, lowest: u32, highest: u32) -> Result<u32, WriteError> {
        let number = self.number(name)?.ok_or_else(|| self.missing(name))?;
        if (lowest..=highest).contains(&number) {
            return Ok(number);
        }
        let message = format!("{name} of a {} must be between {lowest} and {highest}: {number}", self.of);
        Err(integrity(name, message))
    }
}
