//! What the columns of an upload mean for one object and user, and the write that a row asks for.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::job::{JobRequest, Operation};
use crate::core::schema::FieldIndex;
use crate::core::value::{FieldValue, parse_date, parse_datetime};
use crate::core::{Access, FieldSchema, FieldType, ObjectSchema, Org, Write, WriteError, id};

/// What clears a field; an empty field of the CSV leaves it alone (Bulk API 2.0 guide).
const NOTHING: &str = "#N/A";

/// The columns of an upload.
#[derive(Debug)]
pub(crate) struct Columns {
    object: String,
    operation: Operation,
    columns: Vec<Column>,
    /// Position of the `Id` column.
    id: Option<usize>,
    /// Position and name of the column that an upsert finds records by, unless that is the id.
    key: Option<(usize, String)>,
}

#[derive(Debug)]
enum Column {
    Id,
    Field {
        name: String,
        field_type: FieldType,
    },
    /// `Account.Key__c`: the record of the object with that key goes into the reference field.
    Parent {
        reference: String,
        object: String,
        key: String,
    },
}

fn not_found(column: &str) -> String {
    format!("InvalidBatch : Field name not found : {column}")
}

impl Columns {
    /// Understands a header row, or says why the job fails.
    pub(crate) fn bind(
        org: &Org,
        access: &Access,
        request: &JobRequest,
        header: &[Cow<'_, str>],
    ) -> Result<Columns, String> {
        let schema = org
            .object(&request.object)
            .ok_or_else(|| format!("InvalidJob : Unable to find object: {}", request.object))?;
        let columns = header.iter().map(|name| column(org, access, schema, name)).collect::<Result<Vec<_>, _>>()?;
        let position = |name: &str| header.iter().position(|own| own.eq_ignore_ascii_case(name));
        let repeated = (0..header.len()).find(|at| position(&header[*at]) != Some(*at));
        if let Some(at) = repeated {
            return Err(format!("InvalidBatch : Duplicate field name found : {}", header[at]));
        }
        let id = position("Id");
        let operation = request.operation;
        if operation.is_delete() && (id.is_none() || header.len() != 1) {
            return Err("InvalidBatch : A delete batch must contain the Id column and no other".to_owned());
        }
        let key = match &request.external_id_field {
            Some(field) if operation == Operation::Upsert && !field.eq_ignore_ascii_case("Id") => {
                let at = position(field).ok_or_else(|| not_found(field))?;
                Some((at, schema.field_named(field).map_or_else(|| field.clone(), |(_, field)| field.name.clone())))
            }
            _ => None,
        };
        Ok(Columns { object: schema.name.clone(), operation, columns, id, key })
    }

    /// API name of the object that is written.
    pub(crate) fn object(&self) -> &str {
        &self.object
    }

    /// The number of columns.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    /// What a row has in its `Id` column.
    pub(crate) fn id_in<'r>(&self, row: &'r [Cow<'_, str>]) -> &'r str {
        self.id.map_or("", |at| &row[at])
    }

    /// What a row has to find its record by in an upsert, in a form that equal keys share.
    pub(crate) fn key_in(&self, row: &[Cow<'_, str>]) -> Option<String> {
        let at = self.key.as_ref().map(|(at, _)| *at)?;
        Some(row[at].trim().to_lowercase()).filter(|key| !key.is_empty())
    }

    /// The error of a row whose key another row of the same transaction has too.
    pub(crate) fn key_is_repeated(&self, row: &[Cow<'_, str>]) -> WriteError {
        let (value, field) = self.key.as_ref().map_or(("", ""), |(at, field)| (&*row[*at], field.as_str()));
        WriteError::at("DUPLICATE_VALUE", field, format!("Duplicate external id specified: {value}"))
    }

    /// The write that a row asks for.
    pub(crate) fn write(&self, org: &Org, row: &[Cow<'_, str>]) -> Result<Write, WriteError> {
        let id = self.id_in(row).trim();
        let missing = |call: &str| WriteError::new("MISSING_ARGUMENT", format!("Id not specified in {call} call"));
        let object = || self.object.clone();
        match self.operation {
            Operation::Delete | Operation::HardDelete if id.is_empty() => Err(missing("a delete")),
            Operation::Delete => Ok(Write::Delete { object: Some(object()), id: id.to_owned() }),
            Operation::HardDelete => Ok(Write::HardDelete { object: Some(object()), id: id.to_owned() }),
            Operation::Update if id.is_empty() => Err(missing("an update")),
            Operation::Update => {
                Ok(Write::Update { object: Some(object()), id: id.to_owned(), values: self.values(org, row)? })
            }
            Operation::Upsert => self.upsert(org, row, id),
            Operation::Insert if id.is_empty() => {
                Ok(Write::Create { object: object(), values: self.values(org, row)? })
            }
            _ => Err(WriteError::at("INVALID_FIELD_FOR_INSERT_UPDATE", "Id", "cannot specify Id in an insert call")),
        }
    }

    fn upsert(&self, org: &Org, row: &[Cow<'_, str>], id: &str) -> Result<Write, WriteError> {
        let object = self.object.clone();
        let mut values = self.values(org, row)?;
        let Some((at, field)) = &self.key else {
            return Ok(match id {
                "" => Write::Create { object, values },
                id => Write::Update { object: Some(object), id: id.to_owned(), values },
            });
        };
        if !id.is_empty() {
            let message = format!("Cannot specify both an external ID reference {field} and a salesforce id, Id");
            return Err(WriteError::at("INVALID_FIELD", field, message));
        }
        let key = row[*at].trim();
        if key.is_empty() || key == NOTHING {
            return Err(WriteError::at("MISSING_ARGUMENT", field, format!("{field} not specified")));
        }
        let mut found = find(org, &self.object, field, key);
        match (found.pop(), found.is_empty()) {
            (None, _) => Ok(Write::Create { object, values }),
            (Some(id), true) => {
                values.shift_remove(field);
                Ok(Write::Update { object: Some(object), id, values })
            }
            (Some(id), false) => {
                found.push(id);
                let ids = found.join(", ");
                let message = format!("{field}: more than one record found for external id field: [{ids}]");
                Err(WriteError::at("DUPLICATE_EXTERNAL_ID", field, message))
            }
        }
    }

    fn values(&self, org: &Org, row: &[Cow<'_, str>]) -> Result<Map<String, Json>, WriteError> {
        let mut values = Map::new();
        for ((column, text), position) in self.columns.iter().zip(row).zip(0..) {
            if text.is_empty() {
                continue;
            }
            let (name, value) = match column {
                Column::Id => continue,
                Column::Field { name, .. } | Column::Parent { reference: name, .. } if text == NOTHING => {
                    (name, Json::Null)
                }
                Column::Field { name, field_type } => (name, value(name, *field_type, text, position)?),
                Column::Parent { reference, object, key } => {
                    let mut found = find(org, object, key, text.trim());
                    let id = found.pop().filter(|_| found.is_empty()).ok_or_else(|| {
                        let message = format!(
                            "Foreign key external ID: {} not found for field {key} in entity {object}",
                            text.to_lowercase()
                        );
                        WriteError::new("INVALID_FIELD", message)
                    })?;
                    (reference, Json::String(id))
                }
            };
            values.insert(name.clone(), value);
        }
        Ok(values)
    }
}

fn column(org: &Org, access: &Access, schema: &ObjectSchema, name: &str) -> Result<Column, String> {
    if name.eq_ignore_ascii_case("Id") {
        return Ok(Column::Id);
    }
    if let Some((_, field)) = access.field_named(schema, name) {
        return Ok(Column::Field { name: field.name.clone(), field_type: field.field_type });
    }
    let unknown = || not_found(name);
    let (path, key) = name.rsplit_once('.').ok_or_else(unknown)?;
    let (target, relationship) = path.split_once(':').map_or((None, path), |(target, rest)| (Some(target), rest));
    let (index, reference) = schema.relationship(relationship).ok_or_else(unknown)?;
    if !access.sees(schema, index) {
        return Err(unknown());
    }
    if target.is_some() && reference.reference_to.len() == 1 {
        let words = "InvalidBatch : type is not needed for non polymorphic foreign key references";
        return Err(format!("{words}: {relationship}"));
    }
    let is_key = |object: &&ObjectSchema| {
        access.reads(object) && access.field_named(object, key).is_some_and(|(_, field)| field.id_lookup)
    };
    let named = |object: &&ObjectSchema| target.is_none_or(|target| object.name.eq_ignore_ascii_case(target));
    let targets = reference.reference_to.iter().filter_map(|object| org.object(object));
    let object = targets.filter(named).find(is_key).ok_or_else(unknown)?;
    let key = object.field_named(key).map_or_else(String::new, |(_, field)| field.name.clone());
    Ok(Column::Parent { reference: reference.name.clone(), object: object.name.clone(), key })
}

/// A field of the CSV as the REST API would take it.
fn value(name: &str, field_type: FieldType, text: &str, position: usize) -> Result<Json, WriteError> {
    let is_fine = match field_type {
        FieldType::Boolean => {
            return flag(text).map(Json::Bool).ok_or_else(|| unreadable(name, field_type, text, position));
        }
        FieldType::Int | FieldType::Double | FieldType::Currency | FieldType::Percent => {
            text.trim().is_empty() || text.trim().parse::<f64>().is_ok_and(f64::is_finite)
        }
        FieldType::Date | FieldType::DateTime => {
            let text = text.trim();
            text.is_empty() || parse_date(text).is_some() || parse_datetime(text).is_some()
        }
        _ => true,
    };
    if is_fine { Ok(Json::String(text.to_owned())) } else { Err(unreadable(name, field_type, text, position)) }
}

fn unreadable(name: &str, field_type: FieldType, text: &str, position: usize) -> WriteError {
    let wanted = field_type.soap_type();
    let message = format!(
        "Failed to deserialize field at col {position}. Due to, '{text}' is not a valid value for the type {wanted}"
    );
    WriteError::at("INVALID_FIELD", name, message)
}

/// The words for yes and no (Bulk API 2.0 guide, valid CSV record rows).
fn flag(text: &str) -> Option<bool> {
    let any = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    if any(&["true", "yes", "y", "on", "1"]) {
        Some(true)
    } else if any(&["false", "no", "n", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// Ids of the records with this key that are not in the recycle bin.
fn find(org: &Org, object: &str, field: &str, key: &str) -> Vec<String> {
    let Some((table, (index, field))) =
        org.table(object).and_then(|table| Some((table, table.schema.field_named(field)?)))
    else {
        return Vec::new();
    };
    let key = stored_key(field, index == table.system.id, key);
    if index == table.system.id {
        let row = key.as_text().and_then(|id| table.row_by_id(id)).filter(|row| !table.is_deleted(row));
        return row.map(|row| table.id_of(row).to_owned()).into_iter().collect();
    }
    let is_live = |row: &&crate::core::Row| !table.is_deleted(row);
    let ids = |row: &crate::core::Row| table.id_of(row).to_owned();
    if table.is_indexed(index) {
        return table
            .find(index, key.as_field_ref())
            .filter_map(|slot| table.row(slot))
            .filter(is_live)
            .map(ids)
            .collect();
    }
    scan(table.iter().map(|(_, row)| row).filter(is_live), index, &key).map(ids).collect()
}

fn scan<'r>(
    rows: impl Iterator<Item = &'r crate::core::Row>,
    index: FieldIndex,
    key: &FieldValue,
) -> impl Iterator<Item = &'r crate::core::Row> {
    rows.filter(move |row| match (row.get(index), key.as_field_ref()) {
        (FieldValue::Text(own), FieldValue::Text(key)) => own.to_lowercase() == key.to_lowercase(),
        (own, key) => own == key && !own.is_null(),
    })
}

fn stored_key(field: &FieldSchema, is_id: bool, key: &str) -> FieldValue {
    match (is_id, field.field_type.is_text()) {
        (true, _) => id::normalize(key).map_or(FieldValue::Null, FieldValue::from),
        (_, true) => FieldValue::text(key),
        (_, false) => key.parse().map_or(FieldValue::Null, FieldValue::Number),
    }
}
