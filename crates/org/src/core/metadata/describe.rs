//! A field's schema told in the Metadata API's form, and in the words of FieldDefinition.

use serde_json::{Map, Value as Json, json};

use crate::core::schema::{FieldSchema, FieldType};
use crate::core::value::FieldValue;

/// Attributes of a CustomField that are null unless said otherwise, as the Tooling API spells them out.
const ATTRIBUTES: &[&str] = &[
    "businessOwnerGroup",
    "businessOwnerUser",
    "businessStatus",
    "caseSensitive",
    "complianceGroup",
    "customDataType",
    "defaultValue",
    "deleteConstraint",
    "deprecated",
    "description",
    "displayFormat",
    "displayLocationInDecimal",
    "encryptionScheme",
    "escapeMarkup",
    "externalDeveloperName",
    "externalId",
    "formula",
    "formulaTreatBlanksAs",
    "inlineHelpText",
    "isAIPredictionField",
    "isConvertLeadDisabled",
    "isFilteringDisabled",
    "isNameField",
    "isSortingDisabled",
    "label",
    "length",
    "lookupFilter",
    "maskChar",
    "maskType",
    "metadataRelationshipControllingField",
    "populateExistingRows",
    "precision",
    "readOnlyProxy",
    "referenceTargetField",
    "referenceTo",
    "relationshipLabel",
    "relationshipName",
    "relationshipOrder",
    "reparentableMasterDetail",
    "required",
    "restrictedAdminField",
    "scale",
    "securityClassification",
    "startingNumber",
    "stripMarkup",
    "summarizedField",
    "summaryFilterItems",
    "summaryForeignKey",
    "summaryOperation",
    "trackFeedHistory",
    "trackHistory",
    "trackTrending",
    "translateData",
    "type",
    "unique",
    "urls",
    "valueSet",
    "visibleLines",
    "writeRequiresMasterRead",
];

/// The Metadata API's name of a field's type.
pub(super) fn type_name(field: &FieldSchema) -> &'static str {
    match field.field_type {
        _ if field.auto_number.is_some() => "AutoNumber",
        FieldType::TextArea if field.html_formatted => "Html",
        FieldType::TextArea if field.length > 255 => "LongTextArea",
        FieldType::TextArea => "TextArea",
        FieldType::Picklist | FieldType::Combobox => "Picklist",
        FieldType::MultiPicklist => "MultiselectPicklist",
        FieldType::Reference if field.cascade_delete && !field.nillable => "MasterDetail",
        FieldType::Reference => "Lookup",
        FieldType::Boolean => "Checkbox",
        FieldType::Currency => "Currency",
        FieldType::Int | FieldType::Long | FieldType::Double => "Number",
        FieldType::Percent => "Percent",
        FieldType::Phone => "Phone",
        FieldType::Date => "Date",
        FieldType::DateTime => "DateTime",
        FieldType::Time => "Time",
        FieldType::Url => "Url",
        FieldType::Email => "Email",
        FieldType::Address | FieldType::Location => "Location",
        FieldType::EncryptedString => "EncryptedText",
        FieldType::Id | FieldType::String | FieldType::Base64 | FieldType::AnyType | FieldType::ComplexValue => "Text",
    }
}

/// The definition of a field, every attribute named.
pub(super) fn metadata(field: &FieldSchema) -> Json {
    let mut attributes: Map<String, Json> = ATTRIBUTES.iter().map(|name| ((*name).to_owned(), Json::Null)).collect();
    let kind = type_name(field);
    let mut set = |name: &str, value: Json| drop(attributes.insert(name.to_owned(), value));
    set("label", json!(field.label));
    set("type", json!(kind));
    set("description", json!(field.description));
    set("inlineHelpText", json!(field.help_text));
    set("externalId", json!(field.external_id));
    if let Some(formula) = &field.formula {
        set("formula", json!(formula.text()));
        set("formulaTreatBlanksAs", json!(if formula.blank_as_zero() { "BlankAsZero" } else { "BlankAsBlank" }));
    }
    if field.field_type.is_decimal() {
        set("precision", json!(field.precision));
        set("scale", json!(field.scale));
    }
    if field.formula.is_some() {
        return Json::Object(attributes);
    }
    if matches!(kind, "Text" | "LongTextArea" | "Html") {
        set("length", json!(field.length));
    }
    if kind == "Text" {
        set("caseSensitive", json!(field.case_sensitive));
    }
    if matches!(kind, "Text" | "Number" | "Email") {
        set("unique", json!(field.unique));
    }
    if !matches!(kind, "Checkbox" | "MasterDetail" | "AutoNumber" | "LongTextArea" | "Html") {
        set("required", json!(!field.nillable));
    }
    if field.visible_lines > 0 {
        set("visibleLines", json!(field.visible_lines));
    }
    if kind == "Location" {
        set("scale", json!(field.scale));
        set("displayLocationInDecimal", json!(true));
    }
    set("displayFormat", json!(field.auto_number));
    set("defaultValue", default_value(field));
    if let [target] = field.reference_to.as_slice() {
        set("referenceTo", json!(target));
        set(
            "relationshipName",
            json!(field.child_relationship_name.as_deref().map(|name| name.trim_end_matches("__r"))),
        );
        if kind == "Lookup" {
            set("deleteConstraint", json!(delete_constraint(field)));
        } else {
            set("reparentableMasterDetail", json!(field.updateable));
        }
    }
    if !field.picklist_values.is_empty() {
        set("valueSet", value_set(field));
    }
    Json::Object(attributes)
}

fn delete_constraint(field: &FieldSchema) -> &'static str {
    match (field.cascade_delete, field.restricted_delete) {
        (true, _) => "Cascade",
        (_, true) => "Restrict",
        _ => "SetNull",
    }
}

fn default_value(field: &FieldSchema) -> Json {
    match &field.default {
        _ if !field.picklist_values.is_empty() => Json::Null,
        FieldValue::Boolean(value) => json!(value.to_string()),
        FieldValue::Number(value) => json!(value.to_string()),
        FieldValue::Text(text) => json!(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
        _ => Json::Null,
    }
}

fn value_set(field: &FieldSchema) -> Json {
    let values: Vec<Json> = (field.picklist_values.iter())
        .map(|choice| {
            json!({
                "color": null,
                "default": choice.default,
                "description": null,
                "isActive": if choice.active { Json::Null } else { json!(false) },
                "label": choice.label,
                "urls": null,
                "valueName": choice.value,
            })
        })
        .collect();
    json!({
        "controllingField": null,
        "restricted": field.restricted_picklist,
        "valueSetDefinition": { "sorted": false, "value": values },
        "valueSetName": null,
        "valueSettings": [],
    })
}

/// `FieldDefinition.DataType`: what an administrator reads in the list of fields.
pub(super) fn data_type(field: &FieldSchema) -> String {
    let shape = match type_name(field) {
        "Text" if field.field_type == FieldType::Id => "Lookup()".to_owned(),
        "Text" if field.compound_parent => "Name".to_owned(),
        "Text" if field.formula.is_some() => "Text".to_owned(),
        "Text" => format!("Text({})", field.length),
        "TextArea" => "Text Area(255)".to_owned(),
        "LongTextArea" => format!("Long Text Area({})", field.length),
        "Html" => format!("Rich Text Area({})", field.length),
        "Picklist" => "Picklist".to_owned(),
        "MultiselectPicklist" => "Picklist (Multi-Select)".to_owned(),
        "MasterDetail" => format!("Master-Detail({})", field.reference_to.join(",")),
        "Lookup" => format!("Lookup({})", field.reference_to.join(",")),
        "DateTime" => "Date/Time".to_owned(),
        "Url" => "URL".to_owned(),
        "AutoNumber" => "Auto Number".to_owned(),
        "Location" if field.field_type == FieldType::Address => "Address".to_owned(),
        "Location" => "Geolocation".to_owned(),
        "Number" if !field.field_type.is_decimal() => "Number(9, 0)".to_owned(),
        kind @ ("Number" | "Currency" | "Percent") if field.formula.is_none() => {
            format!("{kind}({}, {})", field.precision.saturating_sub(field.scale), field.scale)
        }
        kind => kind.to_owned(),
    };
    let shape = if field.formula.is_some() { format!("Formula ({shape})") } else { shape };
    let external = if field.external_id { " (External ID)" } else { "" };
    let unique = if field.unique { " (Unique Case Insensitive)" } else { "" };
    shape + external + unique
}
