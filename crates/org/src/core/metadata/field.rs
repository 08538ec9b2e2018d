//! A CustomField in the Metadata API's form, read into a schema. (Metadata API guide, CustomField.)

use serde_json::Value as Json;

use super::{Definition, check_label, integrity, value_set};
use crate::core::error::WriteError;
use crate::core::formula::{self, Formula};
use crate::core::org::{Org, no_such_object};
use crate::core::schema::{FieldSchema, FieldType};
use crate::core::value::FieldValue;

/// Attributes that every type takes. Those that have no effect here are about layouts, history and compliance.
const COMMON: &[&str] = &[
    "label",
    "type",
    "description",
    "inlineHelpText",
    "fullName",
    "deprecated",
    "trackHistory",
    "trackFeedHistory",
    "trackTrending",
    "isFilteringDisabled",
    "isNameField",
    "isSortingDisabled",
    "isAIPredictionField",
    "isConvertLeadDisabled",
    "businessOwnerGroup",
    "businessOwnerUser",
    "businessStatus",
    "complianceGroup",
    "securityClassification",
    "externalDeveloperName",
    "restrictedAdminField",
    "writeRequiresMasterRead",
    "readOnlyProxy",
    "translateData",
    "urls",
];

/// What a type takes besides, in the order of the kinds of value.
fn attributes_of(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "Text" => &["length", "required", "unique", "externalId", "caseSensitive", "defaultValue", "formula"],
        "Email" => &["required", "unique", "externalId", "defaultValue"],
        "Phone" | "Url" | "TextArea" => &["required", "defaultValue"],
        "LongTextArea" => &["length", "visibleLines", "defaultValue"],
        "Html" => &["length", "visibleLines"],
        "Number" => &["precision", "scale", "required", "unique", "externalId", "defaultValue", "formula"],
        "Currency" | "Percent" => &["precision", "scale", "required", "defaultValue", "formula"],
        "Checkbox" => &["defaultValue", "formula"],
        "Date" | "DateTime" | "Time" => &["required", "defaultValue", "formula"],
        "Picklist" => &["valueSet", "required"],
        "MultiselectPicklist" => &["valueSet", "visibleLines", "required"],
        "Lookup" => &["referenceTo", "relationshipName", "relationshipLabel", "deleteConstraint", "required"],
        "MasterDetail" => {
            &["referenceTo", "relationshipName", "relationshipLabel", "relationshipOrder", "reparentableMasterDetail"]
        }
        "AutoNumber" => &["displayFormat", "startingNumber", "externalId", "populateExistingRows"],
        "Location" => &["scale", "displayLocationInDecimal", "required"],
        _ => return None,
    })
}

/// Types that Salesforce has and this org has not.
const NOT_HERE: &[&str] = &[
    "EncryptedText",
    "Summary",
    "Hierarchy",
    "File",
    "MetadataRelationship",
    "ExternalLookup",
    "IndirectLookup",
    "CustomDataType",
];

/// The schema of a definition, and the number that an automatic number begins at.
pub(super) fn read(
    org: &Org,
    object: &str,
    name: &str,
    metadata: &Json,
) -> Result<(FieldSchema, Option<u64>), WriteError> {
    let mut definition = Definition::new(metadata, "CustomField")?;
    let kind = definition.demanded_text("type")?;
    definition.of = format!("CustomField of type {kind}");
    let Some(own) = attributes_of(kind) else {
        let message = if NOT_HERE.contains(&kind) {
            format!("Fields of type {kind} are not available in this org")
        } else {
            format!("Type: bad value for restricted picklist field: {kind}")
        };
        return Err(integrity("Type", message));
    };
    let is_formula = definition.get("formula").is_some();
    check_attributes(&definition, own, is_formula)?;
    let label = definition.demanded_text("label")?;
    check_label(label, "Label")?;
    let mut field = FieldSchema::new(name, label, FieldType::String);
    field.description = definition.text("description")?.map(str::to_owned);
    field.help_text = definition.text("inlineHelpText")?.map(str::to_owned);
    if is_formula {
        read_formula(org, object, kind, &definition, &mut field)?;
        return Ok((field, None));
    }
    let start = shape(org, kind, &definition, &mut field)?;
    field.nillable = !definition.flag("required")? && field.nillable;
    field.unique = definition.flag("unique")?;
    field.case_sensitive = definition.flag("caseSensitive")?;
    field.external_id = definition.flag("externalId")?;
    read_default(kind, &definition, &mut field)?;
    Ok((field, start))
}

fn check_attributes(definition: &Definition<'_>, own: &[&str], is_formula: bool) -> Result<(), WriteError> {
    let for_formula = ["formula", "formulaTreatBlanksAs", "precision", "scale", "required", "unique", "externalId"];
    for name in definition.names().filter(|name| !COMMON.contains(name)) {
        let is_known = if is_formula { for_formula.contains(&name) } else { own.contains(&name) };
        // Descriptions that are read and sent back say `false` of what a type has not.
        let says_nothing = definition.get(name) == Some(&Json::Bool(false));
        if !is_known && !says_nothing {
            return Err(integrity(name, format!("Can not specify '{name}' for a {}", definition.of)));
        }
        if is_formula && matches!(name, "required" | "unique" | "externalId") && !says_nothing {
            return Err(integrity(name, format!("Can not specify '{name}' for a formula field")));
        }
    }
    Ok(())
}

/// Type, length, digits, choices and references. Gives back the first automatic number.
fn shape(
    org: &Org,
    kind: &str,
    definition: &Definition<'_>,
    field: &mut FieldSchema,
) -> Result<Option<u64>, WriteError> {
    match kind {
        "Text" => field.length = definition.number_within("length", 1, 255)?,
        "Email" => (field.field_type, field.length) = (FieldType::Email, 80),
        "Phone" => (field.field_type, field.length) = (FieldType::Phone, 40),
        "Url" => (field.field_type, field.length) = (FieldType::Url, 255),
        "TextArea" => (field.field_type, field.length) = (FieldType::TextArea, 255),
        "LongTextArea" | "Html" => {
            field.field_type = FieldType::TextArea;
            field.html_formatted = kind == "Html";
            field.length = definition.number_within("length", 256, 131_072)?;
            field.visible_lines = lines(definition, if field.html_formatted { 10 } else { 2 }, 50)?;
        }
        "Number" | "Currency" | "Percent" => decimal(kind, definition, field)?,
        "Checkbox" => (field.field_type, field.nillable) = (FieldType::Boolean, false),
        "Date" => field.field_type = FieldType::Date,
        "DateTime" => field.field_type = FieldType::DateTime,
        "Time" => field.field_type = FieldType::Time,
        "Picklist" => {
            (field.field_type, field.length) = (FieldType::Picklist, 255);
            value_set::read(definition, field)?;
        }
        "MultiselectPicklist" => {
            (field.field_type, field.length) = (FieldType::MultiPicklist, 4_099);
            field.visible_lines = lines(definition, 3, 10)?;
            value_set::read(definition, field)?;
        }
        "Lookup" | "MasterDetail" => reference(org, kind, definition, field)?,
        "AutoNumber" => {
            let format = definition.demanded_text("displayFormat")?;
            check_number_format(format)?;
            field.length = 30;
            *field = field.clone().auto_numbered(format);
            return Ok(Some(definition.number("startingNumber")?.map_or(1, u64::from)));
        }
        "Location" => {
            field.field_type = FieldType::Location;
            field.scale = u8::try_from(definition.number_within("scale", 0, 15)?).expect("at most 15");
            definition.get("displayLocationInDecimal").ok_or_else(|| definition.missing("displayLocationInDecimal"))?;
        }
        _ => return Err(integrity("Type", format!("Type: bad value for restricted picklist field: {kind}"))),
    }
    Ok(None)
}

fn lines(definition: &Definition<'_>, lowest: u32, highest: u32) -> Result<u8, WriteError> {
    let lines = definition.number_within("visibleLines", lowest, highest)?;
    Ok(u8::try_from(lines).expect("bounds are below 256"))
}

fn decimal(kind: &str, definition: &Definition<'_>, field: &mut FieldSchema) -> Result<(), WriteError> {
    field.field_type = match kind {
        "Currency" => FieldType::Currency,
        "Percent" => FieldType::Percent,
        _ => FieldType::Double,
    };
    let precision = definition.number_within("precision", 1, 18)?;
    let scale = definition.number_within("scale", 0, 18)?;
    if scale > precision {
        return Err(integrity("scale", "The scale must be less than or equal to the precision"));
    }
    field.precision = u8::try_from(precision).expect("at most 18");
    field.scale = u8::try_from(scale).expect("at most 18");
    Ok(())
}

fn reference(org: &Org, kind: &str, definition: &Definition<'_>, field: &mut FieldSchema) -> Result<(), WriteError> {
    let target = definition.demanded_text("referenceTo")?;
    let object = org.object(target).filter(|object| !object.tooling).ok_or_else(|| {
        integrity("ReferenceTo", format!("referenceTo value of '{target}' does not resolve to a valid sObject type"))
    })?;
    let is_detail = kind == "MasterDetail";
    let children = match definition.text("relationshipName")? {
        None if is_detail => return Err(definition.missing("relationshipName")),
        children => children.map(|name| super::custom_name(&format!("{name}__r"), "__r", "Child Relationship Name")),
    };
    field.field_type = FieldType::Reference;
    field.length = 18;
    field.reference_to = vec![object.name.clone()];
    field.relationship_name = field.name.strip_suffix("__c").map(|stem| format!("{stem}__r"));
    field.child_relationship_name = children.transpose()?;
    if is_detail {
        field.nillable = false;
        field.cascade_delete = true;
        field.updateable = definition.flag("reparentableMasterDetail")?;
        return Ok(());
    }
    field.cascade_delete = match definition.text("deleteConstraint")? {
        None | Some("SetNull") => false,
        Some("Cascade") => true,
        Some("Restrict") => {
            field.restricted_delete = true;
            false
        }
        Some(other) => {
            let message = format!("deleteConstraint: bad value for restricted picklist field: {other}");
            return Err(integrity("deleteConstraint", message));
        }
    };
    Ok(())
}

fn read_formula(
    org: &Org,
    object: &str,
    kind: &str,
    definition: &Definition<'_>,
    field: &mut FieldSchema,
) -> Result<(), WriteError> {
    match kind {
        // A formula's text is as long as a formula may make it (Help).
        "Text" => field.length = 1_300,
        "Number" | "Currency" | "Percent" => decimal(kind, definition, field)?,
        "Checkbox" => (field.field_type, field.nillable) = (FieldType::Boolean, false),
        "Date" => field.field_type = FieldType::Date,
        "DateTime" => field.field_type = FieldType::DateTime,
        "Time" => field.field_type = FieldType::Time,
        _ => return Err(integrity("formula", format!("Can not specify 'formula' for a {}", definition.of))),
    }
    let blank_as_zero = match definition.text("formulaTreatBlanksAs")? {
        None | Some("BlankAsZero") => true,
        Some("BlankAsBlank") => false,
        Some(other) => return Err(integrity("formulaTreatBlanksAs", format!("'{other}' is not a valid value"))),
    };
    let schema = org.object(object).ok_or_else(|| no_such_object(object))?;
    let text = definition.demanded_text("formula")?;
    let formula = Formula::read(org, schema, text, field.field_type, blank_as_zero)
        .map_err(|message| integrity("Formula", format!("Error: {message}")))?;
    if formula.mentions(&field.name) {
        return Err(integrity("Formula", "Error: Formula cannot reference itself directly or indirectly."));
    }
    field.formula = Some(formula);
    field.calculated = true;
    field.in_change_event = false;
    *field = field.clone().read_only();
    Ok(())
}

fn read_default(kind: &str, definition: &Definition<'_>, field: &mut FieldSchema) -> Result<(), WriteError> {
    let text = match definition.get("defaultValue") {
        Some(Json::Bool(value)) => Some(value.to_string()),
        Some(Json::Number(value)) => Some(value.to_string()),
        _ => definition.text("defaultValue")?.map(str::to_owned),
    };
    let Some(text) = text else {
        return if kind == "Checkbox" { Err(definition.missing("defaultValue")) } else { Ok(()) };
    };
    let unusable = || {
        let message = format!("Default values of fields must be a literal of the field's type in this org: {text}");
        integrity("defaultValue", message)
    };
    let value = formula::literal(&text).ok_or_else(unusable)?;
    let value = match (value, field.field_type) {
        (FieldValue::Boolean(value), FieldType::Boolean) => FieldValue::Boolean(value),
        (FieldValue::Number(value), kind) if kind.is_decimal() => FieldValue::Number(value),
        (FieldValue::Text(value), kind) if kind.is_text() => FieldValue::Text(value),
        _ => return Err(unusable()),
    };
    field.default = crate::core::rules::coerce(field, &value.to_json())?;
    field.defaulted_on_create = true;
    Ok(())
}

/// `INV-{0000}`: one counter, in any text. Placeholders for parts of the date are not available here.
pub(super) fn check_number_format(format: &str) -> Result<(), WriteError> {
    let counter = format.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let is_counter = |zeros: &str| (1..=10).contains(&zeros.len()) && zeros.bytes().all(|byte| byte == b'0');
    let is_good = counter.is_some_and(|(zeros, after)| is_counter(zeros) && !after.contains(['{', '}']));
    if is_good && format.len() <= 30 {
        return Ok(());
    }
    Err(integrity("DisplayFormat", format!("Invalid display format: {format}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_format_has_one_counter() {
        for good in ["{0}", "A-{0000}", "{00} of many"] {
            assert!(check_number_format(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "{}", "{0}{0}", "{X}{0}", "{00000000000}", "{YYYY}-{0}"] {
            assert!(check_number_format(bad).is_err(), "{bad}");
        }
    }
}
