//! Many records in one request: sObject Collections.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{RestError, ok};
use super::data::{Call, Reply};
use super::routes::Route;
use super::rows::{field_list, known};
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
