//! The choices of a picklist in the Metadata API's form (ValueSet).

use serde_json::Value as Json;

use super::{Definition, integrity};
use crate::core::error::WriteError;
use crate::core::schema::{FieldSchema, PicklistValue};
use crate::core::value::FieldValue;

/// Choices of one picklist (Help: 1,000 active ones).
const CHOICES_MAX: usize = 1_000;

/// Puts the choices of a definition into a field.
pub(super) fn read(definition: &Definition<'_>, field: &mut FieldSchema) -> Result<(), WriteError> {
    let set = definition.get("valueSet").ok_or_else(|| definition.missing("valueSet"))?;
    let set = Definition::new(set, "ValueSet")?;
    for absent in ["valueSetName", "controllingField"] {
        if set.get(absent).is_some() {
            let message = format!("Value sets with '{absent}' are not available in this org");
            return Err(integrity(absent, message));
        }
    }
    field.restricted_picklist = set.flag("restricted")?;
    let values = set.get("valueSetDefinition").ok_or_else(|| set.missing("valueSetDefinition"))?;
    let values = Definition::new(values, "ValueSetValuesDefinition")?;
    let choices = match values.get("value") {
        Some(Json::Array(choices)) => choices.as_slice(),
        Some(one @ Json::Object(_)) => std::slice::from_ref(one),
        _ => return Err(values.missing("value")),
    };
    field.picklist_values = choices.iter().map(choice).collect::<Result<_, _>>()?;
    check(&field.picklist_values)?;
    if values.flag("sorted")? {
        field.picklist_values.sort_by_key(|choice| choice.label.to_lowercase());
    }
    if let Some(default) = field.picklist_values.iter().find(|choice| choice.default) {
        field.default = FieldValue::text(&default.value);
        field.defaulted_on_create = true;
    }
    Ok(())
}

fn choice(choice: &Json) -> Result<PicklistValue, WriteError> {
    let choice = Definition::new(choice, "CustomValue")?;
    // `fullName` up to version 37 and in XML, `valueName` since.
    let name = match choice.text("valueName")? {
        Some(name) => name,
        None => choice.demanded_text("fullName")?,
    };
    if name.chars().count() > 255 {
        let message = format!("Picklist Value: data value too large: {name} (max length=255)");
        return Err(WriteError::at("STRING_TOO_LONG", "valueSet", message));
    }
    Ok(PicklistValue {
        value: name.to_owned(),
        label: choice.text("label")?.unwrap_or(name).to_owned(),
        active: choice.get("isActive").is_none() || choice.flag("isActive")?,
        default: choice.flag("default")?,
    })
}

fn check(choices: &[PicklistValue]) -> Result<(), WriteError> {
    if choices.len() > CHOICES_MAX {
        return Err(integrity("valueSet", format!("A picklist may have at most {CHOICES_MAX} values")));
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = choices.iter().find(|choice| !seen.insert(choice.value.to_lowercase())) {
        let message = format!("Duplicate picklist value: {}", twice.value);
        return Err(WriteError::at("DUPLICATE_VALUE", "valueSet", message));
    }
    if choices.iter().filter(|choice| choice.default).count() > 1 {
        return Err(integrity("valueSet", "A picklist may have only one default value"));
    }
    Ok(())
}
