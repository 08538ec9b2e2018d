//! The rows by which clients read the schema: CustomField, CustomObject, EntityDefinition and FieldDefinition.
//!
//! The schema is the truth. A row of the first two is written when its schema changes, since its id is the durable id; the
//! other two are made again for those who ask, where a schema has moved on.

use serde_json::Value as Json;

use super::describe;
use crate::core::org::Org;
use crate::core::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
use crate::core::table::Slot;
use crate::core::value::FieldValue;

type Values = Vec<(&'static str, FieldValue)>;

impl Org {
    /// Writes the row that tells of a custom field, and says its id, which is the field's durable id.
    pub(super) fn tell_of_field(&mut self, at: usize, index: FieldIndex, now_ms: i64) -> String {
        let schema = &self.tables[at].schema;
        let field = schema.field(index);
        let (known, values) = (field.durable_id.clone(), custom_field(schema, field));
        let id = self.tell("CustomField", &known, values, now_ms);
        self.tables[at].schema.field_mut(index).durable_id.clone_from(&id);
        id
    }

    /// Writes a row of the Tooling API: a new one, or that which is known, and says its id.
    pub(in crate::core) fn tell(&mut self, object: &str, known: &str, values: Values, now_ms: i64) -> String {
        let Some((at, slot)) = self.locate(known) else {
            let made = self.load(object, vec![values], now_ms).expect("the catalogue has this object and its fields");
            return made.into_iter().next().expect("one row was loaded");
        };
        let table = &mut self.tables[at];
        let mut row = table.row(slot).map(|row| row.unpack()).unwrap_or_default();
        for (name, value) in values {
            row.set(table.schema.index_of(name).expect("the catalogue has this field"), value);
        }
        let stamp = FieldValue::DateTime(now_ms / 1000 * 1000);
        row.set(table.system.last_modified_date, stamp.clone());
        row.set(table.system.system_modstamp, stamp);
        table.replace(slot, Some(row.pack()));
        known.to_owned()
    }

    /// Does [`Org::refresh_definitions`] for a query, or an object, that may be about them.
    pub(crate) fn refresh_definitions_for(&mut self, statement: &str) {
        if statement.to_ascii_lowercase().contains("definition") {
            self.refresh_definitions();
        }
    }

    /// Makes the rows of EntityDefinition and FieldDefinition agree with the schemas.
    pub fn refresh_definitions(&mut self) {
        let moved: Vec<usize> = (self.tables.iter().enumerate())
            .filter(|(at, table)| {
                self.setup.definitions.get(at).is_none_or(|(known, _)| *known != table.schema.version)
            })
            .map(|(at, _)| at)
            .collect();
        for at in moved {
            if let Some((_, rows)) = self.setup.definitions.remove(&at) {
                rows.into_iter().for_each(|(table, slot)| drop(self.tables[table].replace(slot, None)));
            }
            let schema = &self.tables[at].schema;
            let version = schema.version;
            let (mut entities, mut fields) = (Vec::new(), Vec::new());
            if !schema.removed {
                entities.push(entity_definition(schema));
                fields.extend(schema.each_field().map(|(_, field)| field_definition(self, schema, field)));
            }
            let mut rows = self.load_definitions("EntityDefinition", entities);
            rows.extend(self.load_definitions("FieldDefinition", fields));
            self.setup.definitions.insert(at, (version, rows));
        }
    }

    fn load_definitions(&mut self, object: &str, rows: Vec<Values>) -> Vec<(usize, Slot)> {
        let made_ms = self.made_ms();
        let ids = self.load(object, rows, made_ms).expect("the catalogue has this object and its fields");
        ids.iter().filter_map(|id| self.locate(id)).collect()
    }
}

/// `EntityDefinition.DurableId`, which is also what a custom field says its object is.
fn entity_id(object: &ObjectSchema) -> &str {
    if object.durable_id.is_empty() { &object.name } else { &object.durable_id }
}

fn developer_name(name: &str) -> &str {
    ["__c", "__e", "__s"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

fn count(number: impl Into<i64>) -> FieldValue {
    match number.into() {
        0 => FieldValue::Null,
        number => FieldValue::Integer(number),
    }
}

fn optional(text: Option<&str>) -> FieldValue {
    text.map_or(FieldValue::Null, FieldValue::text)
}

fn json(value: &Json) -> FieldValue {
    FieldValue::text(&value.to_string())
}

fn custom_field(object: &ObjectSchema, field: &FieldSchema) -> Values {
    vec![
        ("DeveloperName", developer_name(&field.name).into()),
        ("TableEnumOrId", entity_id(object).into()),
        ("EntityDefinitionId", entity_id(object).into()),
        ("FullName", format!("{}.{}", object.name, field.name).into()),
        ("Metadata", json(&describe::metadata(field))),
        ("Description", optional(field.description.as_deref())),
        ("InlineHelpText", optional(field.help_text.as_deref())),
        ("Length", count(field.length)),
        ("Precision", count(field.precision)),
        ("Scale", if field.precision > 0 { FieldValue::Integer(field.scale.into()) } else { FieldValue::Null }),
        ("ManageableState", "unmanaged".into()),
    ]
}

fn entity_definition(object: &ObjectSchema) -> Values {
    let is_data = object.writeable && !object.tooling;
    let is_custom = !object.durable_id.is_empty();
    let is_customizable = super::is_customizable(object);
    vec![
        ("DurableId", entity_id(object).into()),
        ("QualifiedApiName", object.name.as_str().into()),
        ("DeveloperName", developer_name(&object.name).into()),
        ("MasterLabel", object.label.as_str().into()),
        ("Label", object.label.as_str().into()),
        ("PluralLabel", object.label_plural.as_str().into()),
        ("KeyPrefix", object.key_prefix.as_str().into()),
        ("PublisherId", if is_custom { "<local>" } else { "System" }.into()),
        ("IsCustomizable", is_customizable.into()),
        ("IsQueryable", true.into()),
        ("IsRetrieveable", true.into()),
        ("IsSearchable", is_data.into()),
        ("IsTriggerable", is_data.into()),
        ("IsApexTriggerable", is_data.into()),
        ("IsWorkflowEnabled", is_customizable.into()),
        ("IsLayoutable", is_data.into()),
        ("IsCompactLayoutable", is_data.into()),
        ("IsReplicateable", is_data.into()),
        ("IsIdEnabled", true.into()),
    ]
}

fn field_definition(org: &Org, object: &ObjectSchema, field: &FieldSchema) -> Values {
    let id = if field.custom && field.compound.is_none() {
        &field.durable_id[..15.min(field.durable_id.len())]
    } else {
        &field.name
    };
    let targets: Vec<&str> =
        field.reference_to.iter().map(String::as_str).filter(|target| org.object(target).is_some()).collect();
    let reference_to =
        serde_json::json!({ "referenceTo": if targets.is_empty() { Json::Null } else { targets.clone().into() } });
    let is_long = field.field_type == FieldType::TextArea && field.length > 4000;
    let is_plain = !field.field_type.is_compound() && !is_long;
    vec![
        ("DurableId", format!("{}.{id}", entity_id(object)).into()),
        ("QualifiedApiName", field.name.as_str().into()),
        ("DeveloperName", developer_name(&field.name).into()),
        ("EntityDefinitionId", entity_id(object).into()),
        ("MasterLabel", field.label.as_str().into()),
        ("Label", field.label.as_str().into()),
        ("FullName", format!("{}.{}", object.name, field.name).into()),
        ("Metadata", json(&describe::metadata(field))),
        ("Description", optional(field.description.as_deref())),
        ("DataType", describe::data_type(field).into()),
        ("ValueTypeId", field.field_type.as_str().into()),
        ("Length", FieldValue::Integer(field.length.into())),
        ("Precision", FieldValue::Integer(field.precision.into())),
        ("Scale", FieldValue::Integer(field.scale.into())),
        ("IsIndexed", (field.indexed || field.field_type == FieldType::Id).into()),
        ("IsCompound", field.compound_parent.into()),
        ("IsNillable", field.nillable.into()),
        ("IsCalculated", field.calculated.into()),
        ("IsNameField", field.name_field.into()),
        ("IsHtmlFormatted", field.html_formatted.into()),
        ("IsHighScaleNumber", false.into()),
        ("IsPolymorphicForeignKey", (targets.len() > 1).into()),
        ("IsApiFilterable", is_plain.into()),
        ("IsApiSortable", is_plain.into()),
        ("IsApiGroupable", (is_plain && !field.field_type.is_decimal()).into()),
        ("IsFieldHistoryTracked", false.into()),
        ("RelationshipName", optional(field.relationship_name.as_deref())),
        ("ReferenceTo", json(&reference_to)),
        ("ComplianceGroup", FieldValue::Null),
        ("NamespacePrefix", FieldValue::Null),
        ("PublisherId", if field.custom { "<local>" } else { "System" }.into()),
    ]
}
