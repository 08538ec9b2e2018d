//! What makes the options of a mapping's line acceptable. Pure, as [`crate::mapping_rules`], whose part it is.

use syncline_model::{
    Value,
    attribute::DataType,
    convert::{self, Misfit},
    custom_field::{WantedField, WantedFieldKind},
    line::can_be_cut,
    mapping::{Empty, FieldMapping},
    schema::{FieldSchema, FieldType},
};

use crate::mapping_rules::{Fault, refuse};

/// Most values of a value map; a picklist of Salesforce has no more.
const VALUES_MAX: usize = 1000;

/// The type of what a line gives: by a value map all becomes text, but a list stays a list.
pub(crate) fn given_type(line: &FieldMapping, source: DataType) -> DataType {
    if line.values.is_empty() || source == DataType::List { source } else { DataType::String }
}

/// Judges the options of a line that feeds an attribute of type `target`; `path` leads to the line.
pub(crate) fn check_inbound(line: &FieldMapping, path: &str, source: DataType, target: DataType) -> Result<(), Fault> {
    if line.truncate {
        return refuse(format!("{path}.truncate"), "Only a text that goes to Salesforce can be cut.");
    }
    check(line, path, source, |value| convert::to_attribute(value, target))
}

/// Judges the options of a line that writes to a field.
pub(crate) fn check_outbound(
    line: &FieldMapping,
    path: &str,
    source: DataType,
    field: &FieldSchema,
) -> Result<(), Fault> {
    if line.truncate && !(can_be_cut(field.field_type) && field.length.is_some()) {
        let message = format!("{} is no text field; only texts can be cut.", field.label);
        return refuse(format!("{path}.truncate"), message);
    }
    check(line, path, source, |value| convert::to_field(value, field))
}

fn check(
    line: &FieldMapping,
    path: &str,
    source: DataType,
    form: impl Fn(&Value) -> Result<Value, Misfit>,
) -> Result<(), Fault> {
    let (default, values) = (format!("{path}.default"), format!("{path}.values"));
    match (line.empty, line.default.is_null()) {
        (Empty::Default, _) => match form(&line.default) {
            _ if convert::is_blank(&line.default) => {
                return refuse(default, format!("Say what `{}` is where `{}` has no value.", line.to, line.from));
            }
            Err(misfit) => return refuse(default, format!("`{}` can not hold this default: {misfit}.", line.to)),
            Ok(_) => {}
        },
        (_, false) => return refuse(default, "A default counts only where `empty` is `default`."),
        (_, true) => {}
    }
    if line.values.is_empty() {
        return match line.otherwise {
            Some(_) => refuse(format!("{path}.otherwise"), "`otherwise` counts only beside `values`."),
            None => Ok(()),
        };
    }
    if line.values.len() > VALUES_MAX {
        let message = format!("There are {} values; at most {VALUES_MAX} are allowed.", line.values.len());
        return refuse(values, message);
    }
    if source == DataType::DateTime {
        return refuse(values, format!("`{}` is a point in time, which can not be listed value by value.", line.from));
    }
    for (given, wanted) in &line.values {
        if given.is_empty() || given.trim() != given {
            return refuse(values, format!("`{given}` would never be met: values are compared without blanks around."));
        }
        if let Err(misfit) = form(&Value::text(wanted.as_str())) {
            let message = format!("`{}` can not hold `{wanted}`, which `{given}` becomes: {misfit}.", line.to);
            return refuse(values, message);
        }
    }
    if let Some(Err(misfit)) = line.otherwise.as_ref().map(|wanted| form(&Value::text(wanted.as_str()))) {
        return refuse(format!("{path}.otherwise"), format!("`{}` can not hold this: {misfit}.", line.to));
    }
    Ok(())
}

/// A field that is still to be made, as it will be.
pub(crate) fn as_made(wanted: &WantedField) -> FieldSchema {
    let (field_type, length, scale) = match wanted.kind {
        WantedFieldKind::Text => (FieldType::String, Some(255), None),
        WantedFieldKind::LongText => (FieldType::TextArea, Some(32_768), None),
        WantedFieldKind::Number => (FieldType::Double, None, Some(2)),
        WantedFieldKind::Checkbox => (FieldType::Boolean, None, None),
        WantedFieldKind::DateTime => (FieldType::DateTime, None, None),
    };
    FieldSchema {
        name: wanted.name.clone(),
        label: wanted.label.clone(),
        field_type,
        length,
        scale,
        updateable: true,
        nillable: true,
        custom: true,
        calculated: false,
        restricted_to: Vec::new(),
        reference_to: Vec::new(),
        relationship: None,
    }
}
