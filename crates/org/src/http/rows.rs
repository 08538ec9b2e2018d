//! One record at a time.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer::{RestError, json_answer, no_content, ok};
use super::call::{Call, Reply};
use super::conditions::Version;
use super::routes::Route;
use super::{describe, events, recent, related};
use crate::core::schema::{FieldIndex, ObjectSchema};
use crate::core::{FieldValue, Org, Row, Write, WriteError, WriteOutcome, id};
use crate::soql::render_record;

/// The first version whose answer to an upsert that updated has a body.
const UPSERT_ANSWERS_FROM: f32 = 46.0;

pub(crate) const ROUTES: &[Route] = &[
    Route {
        template: "/sobjects/{object}",
        methods: &[
            ("GET", |call, names| describe::basic(call, names[0])),
            ("POST", |call, names| create(call, names[0])),
        ],
    },
    Route {
        template: "/sobjects/{object}/{id}",
        methods: &[
            ("DELETE", |call, names| delete(call, names[0], names[1])),
            ("GET", |call, names| read(call, names[0], names[1])),
            ("PATCH", |call, names| update(call, names[0], names[1])),
            ("POST", |call, names| match names[1] {
                field if field.eq_ignore_ascii_case("Id") => create(call, names[0]),
                _ => Err(RestError::method_not_allowed("POST", "DELETE, GET, HEAD, PATCH")),
            }),
        ],
    },
    Route {
        // The middle is an external id's field, or a record whose relationship the last part is.
        template: "/sobjects/{object}/{field}/{value}",
        methods: &[
            ("DELETE", |call, names| match is_field(call, names[0], names[1]) {
                true => delete_by_external_id(call, names[0], names[1], names[2]),
                false => {
                    related::write(call, names[0], names[1], names[2], |call, names| delete(call, names[0], names[1]))
                }
            }),
            ("GET", |call, names| match is_field(call, names[0], names[1]) {
                true => read_by_external_id(call, names[0], names[1], names[2]),
                false => related::read(call, names[0], names[1], names[2]),
            }),
            ("PATCH", |call, names| match is_field(call, names[0], names[1]) {
                true => upsert(call, names[0], names[1], names[2]),
                false => {
                    related::write(call, names[0], names[1], names[2], |call, names| update(call, names[0], names[1]))
                }
            }),
        ],
    },
];

fn is_field(call: &Call<'_>, object: &str, name: &str) -> bool {
    // What is neither is refused as a field.
    id::normalize(name).is_none() || call.org().object(object).is_some_and(|object| object.index_of(name).is_some())
}

/// `POST /sobjects/X`.
pub(crate) fn create(call: &Call<'_>, object: &str) -> Reply {
    known(call, &call.org(), object)?;
    let values = fields(call)?;
    if call.org().object(object).is_some_and(ObjectSchema::is_platform_event) {
        return events::publish(call, object, &values);
    }
    let outcome = commit_one(call, Write::Create { object: object.to_owned(), values })?;
    recent::note(call, &outcome.id);
    Ok((created(call, object, &outcome, json!({})), 1))
}

fn created(call: &Call<'_>, object: &str, outcome: &WriteOutcome, more: Value) -> Response {
    let mut body = json!({ "id": outcome.id, "success": true, "errors": [] });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    let mut response = json_answer(StatusCode::CREATED, &body);
    let name = call.org().object(object).map_or_else(String::new, |object| object.name.clone());
    if let Ok(location) = HeaderValue::from_str(&format!("{}/sobjects/{name}/{}", call.base, outcome.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// `GET /sobjects/X/id?fields=A,B`.
pub(crate) fn read(call: &Call<'_>, object: &str, given: &str) -> Reply {
    let org = call.org();
    let schema = known(call, &org, object)?;
    let id = id::normalize(given).ok_or_else(|| malformed_id(given))?;
    match org.record(&id) {
        Some((found, row)) if found.name == schema.name => {
            if org.is_deleted(schema, row) {
                return Err(WriteError::deleted().into());
            }
            recent::note(call, &id);
            shown(call, &org, schema, row)
        }
        _ => Err(RestError::not_found()),
    }
}

fn shown(call: &Call<'_>, org: &Org, schema: &ObjectSchema, row: &Row) -> Reply {
    let indexes = match call.parameters.get("fields") {
        Some(names) => field_list(call, schema, names.split(','))?,
        None => call.access.visible_fields(schema).map(|(index, _)| index).collect(),
    };
    let version = Version::of_row(schema, row);
    version.check_unchanged(call)?;
    Ok((version.answer(call, || ok(&render_record(org, schema, row, &indexes, &call.base))), 1))
}

/// Positions of the named fields.
pub(crate) fn field_list<'n>(
    call: &Call<'_>,
    schema: &ObjectSchema,
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<FieldIndex>, RestError> {
    let position = |name: &str| match call.access.field_named(schema, name) {
        Some((index, _)) => Ok(index),
        None => Err(WriteError::no_such_column(name, &schema.name).into()),
    };
    names.map(str::trim).filter(|name| !name.is_empty()).map(position).collect()
}

/// `PATCH /sobjects/X/id`.
pub(crate) fn update(call: &Call<'_>, object: &str, id: &str) -> Reply {
    known(call, &call.org(), object)?;
    let values = fields(call)?;
    check_version(call, id)?;
    let (object, id) = (Some(object.to_owned()), id.to_owned());
    recent::note(call, &id::normalize(&id).unwrap_or_default());
    commit_one(call, Write::Update { object, id, values })?;
    Ok((no_content(), 1))
}

/// `DELETE /sobjects/X/id`.
pub(crate) fn delete(call: &Call<'_>, object: &str, id: &str) -> Reply {
    known(call, &call.org(), object)?;
    check_version(call, id)?;
    commit_one(call, Write::Delete { object: Some(object.to_owned()), id: id.to_owned() })?;
    Ok((no_content(), 1))
}

/// Refuses a write that is meant for another version of the record.
fn check_version(call: &Call<'_>, given: &str) -> Result<(), RestError> {
    let org = call.org();
    let record = id::normalize(given).and_then(|id| org.record(&id));
    record.map_or(Ok(()), |(object, row)| Version::of_row(object, row).check_unchanged(call))
}

/// `GET /sobjects/X/ExternalId__c/value`.
pub(crate) fn read_by_external_id(call: &Call<'_>, object: &str, field: &str, value: &str) -> Reply {
    let org = call.org();
    let schema = known(call, &org, object)?;
    let ids = ids_by_external_id(call, &org, schema, field, value)?;
    match ids.as_slice() {
        [] => Err(RestError::not_found()),
        [id] => match org.record(id) {
            Some((_, row)) => shown(call, &org, schema, row),
            None => Err(RestError::not_found()),
        },
        several => Ok((choices(call, schema, several), several.len())),
    }
}

/// `PATCH /sobjects/X/ExternalId__c/value`.
pub(crate) fn upsert(call: &Call<'_>, object: &str, field: &str, value: &str) -> Reply {
    let (found, name, field) = {
        let org = call.org();
        let schema = known(call, &org, object)?;
        let ids = ids_by_external_id(call, &org, schema, field, value)?;
        if ids.len() > 1 {
            return Ok((choices(call, schema, &ids), ids.len()));
        }
        let field = schema.field_named(field).map_or_else(String::new, |(_, field)| field.name.clone());
        (ids.into_iter().next(), schema.name.clone(), field)
    };
    let mut values = fields(call)?;
    match found {
        Some(id) => {
            check_version(call, &id)?;
            let outcome = commit_one(call, Write::Update { object: Some(name), id, values })?;
            // Until then an update was told from a creation by its status alone (REST guide).
            let answers = call.version.parse().is_ok_and(|version: f32| version >= UPSERT_ANSWERS_FROM);
            let body = json!({ "id": outcome.id, "success": true, "errors": [], "created": false });
            Ok((if answers { ok(&body) } else { no_content() }, 1))
        }
        None if field == "Id" || call.parameters.get("updateOnly").is_some_and(|only| only == "true") => {
            Err(RestError::not_found())
        }
        None => {
            values.insert(field, json!(value));
            let outcome = commit_one(call, Write::Create { object: name.clone(), values })?;
            Ok((created(call, &name, &outcome, json!({ "created": true })), 1))
        }
    }
}

/// `DELETE /sobjects/X/ExternalId__c/value`.
fn delete_by_external_id(call: &Call<'_>, object: &str, field: &str, value: &str) -> Reply {
    let ids = {
        let org = call.org();
        let schema = known(call, &org, object)?;
        let ids = ids_by_external_id(call, &org, schema, field, value)?;
        if ids.len() > 1 {
            return Ok((choices(call, schema, &ids), ids.len()));
        }
        ids
    };
    let id = ids.first().ok_or_else(RestError::not_found)?;
    delete(call, object, id)
}

fn choices(call: &Call<'_>, schema: &ObjectSchema, ids: &[String]) -> Response {
    let urls: Vec<String> = ids.iter().map(|id| format!("{}/sobjects/{}/{id}", call.base, schema.name)).collect();
    json_answer(StatusCode::MULTIPLE_CHOICES, &json!(urls))
}

/// Ids of the records in use that have this external id.
pub(crate) fn ids_by_external_id(
    call: &Call<'_>,
    org: &Org,
    schema: &ObjectSchema,
    field: &str,
    value: &str,
) -> Result<Vec<String>, RestError> {
    let no_such_key = || {
        let message = format!("Provided external ID field does not exist or is not accessible: {field}");
        RestError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    };
    let (index, field) =
        call.access.field_named(schema, field).filter(|(_, field)| field.id_lookup).ok_or_else(no_such_key)?;
    let table = org.table(&schema.name).ok_or_else(RestError::not_found)?;
    let key = match (field.name.as_str(), field.field_type.is_text()) {
        ("Id", _) => {
            let slot = id::normalize(value).and_then(|id| table.slot_of(&id));
            let row = slot.and_then(|slot| table.row(slot)).filter(|row| !table.is_deleted(row));
            return Ok(row.and_then(|row| row.get(table.system.id).as_text()).map(str::to_owned).into_iter().collect());
        }
        (_, true) => FieldValue::text(value),
        (_, false) => value.parse().map_or(FieldValue::Null, FieldValue::Number),
    };
    let live =
        table.find(index, key.as_field_ref()).filter_map(|slot| table.row(slot)).filter(|row| !table.is_deleted(row));
    Ok(live.filter_map(|row| row.get(table.system.id).as_text().map(str::to_owned)).collect())
}

fn commit_one(call: &Call<'_>, write: Write) -> Result<WriteOutcome, RestError> {
    Ok(call.commit(false, vec![Ok(write)]).remove(0)?)
}

/// The fields in a request's body, without what is no field.
fn fields(call: &Call<'_>) -> Result<Map<String, Value>, RestError> {
    let mut fields: Map<String, Value> = call.json()?;
    fields.shift_remove("attributes");
    // A row addressed by its URL may not name its id in the body as well.
    if fields.keys().any(|name| name.eq_ignore_ascii_case("id")) {
        let message = "The Id field should not be specified in the sobject data.";
        return Err(RestError::bad_request("INVALID_FIELD", message));
    }
    Ok(fields)
}

/// An object of the API that is called, if the caller may see it.
pub(crate) fn known<'o>(call: &Call<'_>, org: &'o Org, object: &str) -> Result<&'o ObjectSchema, RestError> {
    org.object(object).filter(|object| call.knows(object)).ok_or_else(RestError::not_found)
}

fn malformed_id(given: &str) -> RestError {
    WriteError::at("MALFORMED_ID", "Id", format!("Record ID: id value of incorrect type: {given}")).into()
}
