//! A field that becomes another: longer, shorter, of another type. What is stored is converted, or forbids it.

use std::collections::HashSet;

use super::describe::type_name;
use super::integrity;
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::rules::{coerce, length_of};
use crate::core::schema::{FieldIndex, FieldSchema, FieldType};
use crate::core::table::Table;
use crate::core::value::{FieldRef, FieldValue};

/// Types that each of them may become (Help: "Notes on Changing Custom Field Types"); a value that cannot follow is lost.
const FAMILIES: &[&[&str]] = &[
    &["Text", "TextArea", "LongTextArea", "Html", "Picklist", "MultiselectPicklist", "Email", "Phone", "Url"],
    &["Number", "Currency", "Percent", "Text"],
    &["Date", "DateTime"],
    &["AutoNumber", "Text"],
];

impl Org {
    /// Gives a field another definition, and says whether its values were converted to another type. The field keeps its name,
    /// its id and its place.
    pub(super) fn reshape(&mut self, at: usize, index: FieldIndex, field: FieldSchema) -> Result<bool, WriteError> {
        let old = self.tables[at].schema.field(index).clone();
        let field = FieldSchema {
            custom: old.custom,
            durable_id: old.durable_id.clone(),
            id_lookup: field.external_id,
            indexed: field.external_id || field.unique || field.field_type == FieldType::Reference,
            compound_parent: old.compound_parent,
            in_change_event: old.in_change_event,
            createable: field.createable && !old.compound_parent,
            updateable: field.updateable && !old.compound_parent,
            ..field
        };
        check_change(&old, &field)?;
        let is_converted = type_name(&old) != type_name(&field);
        check_values(&self.tables[at], index, &field, is_converted)?;
        if is_converted || field.field_type.is_decimal() {
            let converted = |value: FieldRef<'_>| coerce(&field, &value.to_json()).unwrap_or_default();
            self.tables[at].convert(index, |value| if value.is_null() { FieldValue::Null } else { converted(value) });
        }
        let parts: Vec<FieldIndex> =
            self.tables[at].schema.components(&old.name).into_iter().map(|(part, _)| part).collect();
        for part in parts {
            let part = self.tables[at].schema.field_mut(part);
            (part.scale, part.precision) = (field.scale, 3 + field.scale);
        }
        let is_indexed = field.indexed;
        *self.tables[at].schema.field_mut(index) = field;
        self.tables[at].index_field(index, is_indexed);
        Ok(is_converted)
    }
}

fn check_change(old: &FieldSchema, new: &FieldSchema) -> Result<(), WriteError> {
    let (from, to) = (type_name(old), type_name(new));
    if old.formula.is_some() != new.formula.is_some() {
        return Err(integrity(
            "formula",
            "Cannot change a formula field into another kind of field, or the other way round",
        ));
    }
    let may_become = |family: &&&[&str]| family.contains(&from) && family.contains(&to);
    if from != to && (old.formula.is_some() || !FAMILIES.iter().any(|family| may_become(&family))) {
        return Err(integrity("Type", format!("Cannot change the type of a custom field from {from} to {to}")));
    }
    if old.reference_to != new.reference_to {
        return Err(integrity("ReferenceTo", "Cannot change the object that a relationship field points to"));
    }
    Ok(())
}

fn check_values(table: &Table, index: FieldIndex, new: &FieldSchema, is_converted: bool) -> Result<(), WriteError> {
    let limit = 10f64.powi(i32::from(new.precision) - i32::from(new.scale));
    let mut seen = HashSet::new();
    for (_, row) in table.iter() {
        let is_too_big = match row.get(index) {
            FieldValue::Text(text) => new.length > 0 && length_of(text) > new.length as usize,
            FieldValue::Number(number) => new.field_type.is_decimal() && number.abs() >= limit,
            _ => false,
        };
        if is_too_big && !is_converted {
            let what = if new.length > 0 { "length" } else { "precision" };
            let message = format!("Cannot decrease the {what} of {}: records have values that would not fit", new.name);
            return Err(integrity(what, message));
        }
        let value = row.get(index).to_value();
        if new.unique && !value.is_null() && !table.is_deleted(row) {
            let key = value.as_text().map_or_else(|| value.to_json().to_string(), str::to_lowercase);
            if !seen.insert(key) {
                let message = format!("duplicate value found: {} duplicates value on another record", new.name);
                return Err(WriteError::at("DUPLICATE_VALUE", &new.name, message));
            }
        }
    }
    Ok(())
}
