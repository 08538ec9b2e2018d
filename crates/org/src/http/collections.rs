//! Many records in one request: sObject Collections.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{RestError, ok};
use super::call::{Call, Reply};
use super::routes::Route;
use super::rows::{field_list, ids_by_external_id, known};
use crate::core::{Write, WriteError, WriteOutcome, id};
use crate::soql::render_record;

/// Records in a write (REST guide).
const WRITE_RECORDS_MAX: usize = 200;
/// Records in a retrieve (REST guide).
const READ_RECORDS_MAX: usize = 2000;
/// Runs of one type in a write (REST guide).
const CHUNKS_MAX: usize = 10;

pub(crate) const ROUTES: &[Route] = &[
    Route {
        template: "/composite/sobjects",
        methods: &[
            ("DELETE", |call, _| delete(call)),
            ("PATCH", |call, _| update(call)),
            ("POST", |call, _| create(call)),
        ],
    },
    Route {
        template: "/composite/sobjects/{object}",
        methods: &[("GET", |call, names| retrieve(call, names[0])), ("POST", |call, names| retrieve(call, names[0]))],
    },
    Route {
        template: "/composite/sobjects/{object}/{field}",
        methods: &[("PATCH", |call, names| upsert(call, names[0], names[1]))],
    },
];

#[derive(Deserialize)]
struct Collection {
    #[serde(rename = "allOrNone", default)]
    all_or_none: bool,
    records: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Retrieve {
    ids: Vec<String>,
    fields: Vec<String>,
}

/// `POST /composite/sobjects`.
pub(crate) fn create(call: &Call<'_>) -> Reply {
    write(call, |object, mut values| {
        if take(&mut values, "id").is_some_and(|id| !id.is_null()) {
            return Err(WriteError::at("INVALID_FIELD", "Id", "cannot specify Id in an insert call"));
        }
        Ok(Write::Create { object, values })
    })
}

/// `PATCH /composite/sobjects`.
pub(crate) fn update(call: &Call<'_>) -> Reply {
    write(call, |object, mut values| match take(&mut values, "id") {
        Some(Value::String(id)) if !id.trim().is_empty() => Ok(Write::Update { object: Some(object), id, values }),
        _ => Err(WriteError::new("MISSING_ARGUMENT", "Id not specified in an update call")),
    })
}

fn take(values: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = values.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    values.shift_remove(&key)
}

fn write(call: &Call<'_>, to_write: impl Fn(String, Map<String, Value>) -> Result<Write, WriteError>) -> Reply {
    let collection: Collection = call.json()?;
    check_size(collection.records.len(), WRITE_RECORDS_MAX)?;
    let count = collection.records.len();
    let mut writes = Vec::with_capacity(count);
    let mut chunks: Vec<String> = Vec::new();
    for mut record in collection.records {
        let attributes = record.shift_remove("attributes");
        let object = attributes.as_ref().and_then(|attributes| attributes.get("type")).and_then(Value::as_str);
        let object = object.ok_or_else(|| {
            RestError::bad_request("INVALID_INPUT", "The record has no sObject type: set attributes.type")
        })?;
        if chunks.last().is_none_or(|last| !last.eq_ignore_ascii_case(object)) {
            chunks.push(object.to_owned());
        }
        writes.push(to_write(object.to_owned(), record));
    }
    if chunks.len() > CHUNKS_MAX {
        let message = "record limit reached. cannot submit more than 10 chunks of sObject types into this call";
        return Err(RestError::bad_request("LIMIT_EXCEEDED", message));
    }
    Ok((ok(&run(call, collection.all_or_none, writes)), count))
}

/// `PATCH /composite/sobjects/X/ExternalId__c`.
fn upsert(call: &Call<'_>, object: &str, field: &str) -> Reply {
    let collection: Collection = call.json()?;
    check_size(collection.records.len(), WRITE_RECORDS_MAX)?;
    let count = collection.records.len();
    let writes = {
        let org = call.org();
        let schema = known(call, &org, object)?;
        // Whether there is such a field does not depend on the records.
        ids_by_external_id(call, &org, schema, field, "")?;
        let mut seen = HashSet::new();
        let mut to_write = |mut record: Map<String, Value>| -> Result<Write, WriteError> {
            let attributes = record.shift_remove("attributes");
            let kind = attributes.as_ref().and_then(|attributes| attributes.get("type")).and_then(Value::as_str);
            if kind.is_none_or(|kind| !kind.eq_ignore_ascii_case(&schema.name)) {
                let message = format!("The record's type is not {}, which the collection is of", schema.name);
                return Err(WriteError::new("INVALID_INPUT", message));
            }
            let object = schema.name.clone();
            let key = match take(&mut record, field) {
                Some(Value::String(key)) if !key.trim().is_empty() => key.trim().to_owned(),
                Some(Value::Number(key)) => key.to_string(),
                _ if field.eq_ignore_ascii_case("Id") => return Ok(Write::Create { object, values: record }),
                _ => return Err(WriteError::new("MISSING_ARGUMENT", format!("{field} not specified"))),
            };
            if !seen.insert(key.to_lowercase()) {
                return Err(WriteError::at(
                    "DUPLICATE_VALUE",
                    field,
                    format!("Duplicate external id specified: {key}"),
                ));
            }
            let ids = ids_by_external_id(call, &org, schema, field, &key)
                .map_err(|_| WriteError::no_such_column(field, &schema.name))?;
            match ids.as_slice() {
                [id] => Ok(Write::Update { object: Some(object), id: id.clone(), values: record }),
                [] if field.eq_ignore_ascii_case("Id") => Err(WriteError::no_such_record()),
                [] => {
                    record.insert(field.to_owned(), Value::String(key));
                    Ok(Write::Create { object, values: record })
                }
                several => {
                    let message =
                        format!("{field}: more than one record found for external id field: [{}]", several.join(", "));
                    Err(WriteError::at("DUPLICATE_EXTERNAL_ID", field, message))
                }
            }
        };
        collection.records.into_iter().map(&mut to_write).collect()
    };
    let results = call.commit(collection.all_or_none, writes).into_iter().map(|result| {
        let created = result.as_ref().is_ok_and(|outcome| outcome.created);
        let mut shown = result_json(result);
        shown["created"] = json!(created);
        shown
    });
    Ok((ok(&results.collect()), count))
}

/// `DELETE /composite/sobjects?ids=…&allOrNone=…`.
pub(crate) fn delete(call: &Call<'_>) -> Reply {
    let ids: Vec<&str> = call
        .parameters
        .get("ids")
        .map_or("", String::as_str)
        .split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .collect();
    if ids.is_empty() {
        return Err(RestError::bad_request("MISSING_ARGUMENT", "The ids parameter is required"));
    }
    check_size(ids.len(), WRITE_RECORDS_MAX)?;
    let all_or_none = call.parameters.get("allOrNone").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let writes = ids.iter().map(|id| Ok(Write::Delete { object: None, id: (*id).to_owned() })).collect();
    Ok((ok(&run(call, all_or_none, writes)), ids.len()))
}

fn run(call: &Call<'_>, all_or_none: bool, writes: Vec<Result<Write, WriteError>>) -> Value {
    call.commit(all_or_none, writes).into_iter().map(result_json).collect()
}

pub(crate) fn result_json(result: Result<WriteOutcome, WriteError>) -> Value {
    match result {
        Ok(outcome) => json!({ "id": outcome.id, "success": true, "errors": [] }),
        Err(error) => json!({
            "success": false,
            "errors": [{ "statusCode": error.code, "message": error.message, "fields": error.fields }],
        }),
    }
}

/// `GET` or `POST /composite/sobjects/X`: records in the order of their ids, null for what is not there.
pub(crate) fn retrieve(call: &Call<'_>, object: &str) -> Reply {
    let split = |name: &str| {
        let list = call.parameters.get(name).map_or("", String::as_str);
        list.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect::<Vec<_>>()
    };
    let request = if call.method == axum::http::Method::POST {
        call.json()?
    } else {
        Retrieve { ids: split("ids"), fields: split("fields") }
    };
    for (list, name) in [(&request.ids, "ids"), (&request.fields, "fields")] {
        if list.is_empty() {
            return Err(RestError::bad_request("MISSING_ARGUMENT", format!("The {name} parameter is required")));
        }
    }
    check_size(request.ids.len(), READ_RECORDS_MAX)?;
    let org = call.org();
    let schema = known(call, &org, object)?;
    let indexes = field_list(call, schema, request.fields.iter().map(String::as_str))?;
    let record = |given: &String| -> Result<Value, RestError> {
        let malformed = || WriteError::at("MALFORMED_ID", "Id", format!("malformed id {given}"));
        let id = id::normalize(given).ok_or_else(malformed)?;
        Ok(match org.record(&id) {
            Some((found, row)) if found.name == schema.name && !org.is_deleted(schema, row) => {
                render_record(&org, schema, row, &indexes, &call.base)
            }
            _ => Value::Null,
        })
    };
    let records = request.ids.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    let count = records.len();
    Ok((ok(&Value::Array(records)), count))
}

fn check_size(count: usize, max: usize) -> Result<(), RestError> {
    if count <= max {
        return Ok(());
    }
    let message = format!("record limit reached. cannot submit more than {max} records into this call");
    Err(RestError::bad_request("EXCEEDED_ID_LIMIT", message))
}
