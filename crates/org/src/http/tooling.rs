//! The Tooling API: custom objects and fields, which are definitions and not records, and the objects that tell of the schema.
//!
//! Everything that is a plain record goes the way of the data API's records; a call is of the Tooling API by its path.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer::{RestError, json_answer, no_content, ok};
use super::call::{Call, Reply};
use super::routes::Route;
use super::{describe, query, rows};
use crate::core::{Permission, WriteError, id};

pub(crate) const ROUTES: &[Route] = &[
    Route { template: "/tooling", methods: &[("GET", |call, _| resources(call))] },
    Route { template: "/tooling/sobjects", methods: &[("GET", |call, _| describe::global(call))] },
    Route {
        template: "/tooling/sobjects/{object}",
        methods: &[
            ("GET", |call, names| describe::basic(call, names[0])),
            ("POST", |call, names| create(call, names[0])),
        ],
    },
    Route {
        template: "/tooling/sobjects/{object}/describe",
        methods: &[("GET", |call, names| describe::object(call, names[0]))],
    },
    Route {
        template: "/tooling/sobjects/{object}/{id}",
        methods: &[
            ("DELETE", |call, names| delete(call, names[0], names[1])),
            ("GET", |call, names| read(call, names[0], names[1])),
            ("PATCH", |call, names| update(call, names[0], names[1])),
        ],
    },
    Route { template: "/tooling/query", methods: &[("GET", |call, _| query::query(call, false))] },
    Route { template: "/tooling/query/{locator}", methods: &[("GET", |call, names| query::more(call, names[0]))] },
];

/// Objects whose rows are definitions.
#[derive(Clone, Copy)]
enum Defined {
    Field,
    Object,
}

impl Defined {
    fn named(object: &str) -> Option<Defined> {
        match object.to_ascii_lowercase().as_str() {
            "customfield" => Some(Defined::Field),
            "customobject" => Some(Defined::Object),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Defined::Field => "CustomField",
            Defined::Object => "CustomObject",
        }
    }
}

/// `GET /tooling`.
fn resources(call: &Call<'_>) -> Reply {
    let resource = |name: &str| (name.to_owned(), json!(format!("{}/{name}", call.base)));
    Ok((ok(&Value::Object(["sobjects", "query"].map(resource).into_iter().collect())), 0))
}

/// `POST /tooling/sobjects/X`.
fn create(call: &Call<'_>, object: &str) -> Reply {
    let Some(defined) = Defined::named(object) else { return rows::create(call, object) };
    may_customize(call)?;
    let body = DefinitionBody::of(call, defined)?;
    let full_name = body.full_name.ok_or_else(|| missing("FullName"))?;
    let now_ms = call.web.org.now_ms();
    let id = {
        let mut org = call.org();
        match defined {
            Defined::Field => org.create_field(&full_name, &body.metadata, now_ms)?,
            Defined::Object => org.create_object(&full_name, &body.metadata, now_ms)?,
        }
    };
    Ok((created(call, defined, &id), 1))
}

fn created(call: &Call<'_>, defined: Defined, id: &str) -> Response {
    let body = json!({ "id": id, "success": true, "errors": [], "warnings": [], "infos": [] });
    let mut response = json_answer(StatusCode::CREATED, &body);
    if let Ok(location) = HeaderValue::from_str(&format!("{}/sobjects/{}/{id}", call.base, defined.name())) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// `GET /tooling/sobjects/X/id`.
fn read(call: &Call<'_>, object: &str, given: &str) -> Reply {
    call.org().refresh_definitions_for(object);
    rows::read(call, object, given)
}

/// `PATCH /tooling/sobjects/X/id`.
fn update(call: &Call<'_>, object: &str, given: &str) -> Reply {
    let Some(defined) = Defined::named(object) else { return rows::update(call, object, given) };
    may_customize(call)?;
    let body = DefinitionBody::of(call, defined)?;
    check_full_name(call, given, body.full_name.as_deref())?;
    let context = call.write_context();
    let mut org = call.org();
    match defined {
        Defined::Field => org.update_field(&context, given, &body.metadata)?,
        Defined::Object => org.update_object(given, &body.metadata, context.now_ms)?,
    }
    drop(org);
    if call.held.is_none() {
        // A conversion is told in the event log.
        call.web.org.change(|_| ());
    }
    Ok((no_content(), 1))
}

/// A definition keeps its name.
fn check_full_name(call: &Call<'_>, given: &str, full_name: Option<&str>) -> Result<(), RestError> {
    let Some(full_name) = full_name else { return Ok(()) };
    let org = call.org();
    let known = id::normalize(given).and_then(|id| {
        let (object, row) = org.record(&id)?;
        Some(row.get(object.index_of("FullName")?).as_text()?.to_owned())
    });
    let known = known.ok_or_else(RestError::not_found)?;
    if known.eq_ignore_ascii_case(full_name) {
        return Ok(());
    }
    let message = format!("Cannot change the full name {known} to {full_name} in this org");
    Err(WriteError::at("FIELD_INTEGRITY_EXCEPTION", "FullName", message).into())
}

/// `DELETE /tooling/sobjects/X/id`.
fn delete(call: &Call<'_>, object: &str, given: &str) -> Reply {
    let Some(defined) = Defined::named(object) else { return rows::delete(call, object, given) };
    may_customize(call)?;
    let now_ms = call.web.org.now_ms();
    let mut org = call.org();
    match defined {
        Defined::Field => org.delete_field(given, now_ms)?,
        Defined::Object => org.delete_object(given)?,
    }
    Ok((no_content(), 1))
}

fn may_customize(call: &Call<'_>) -> Result<(), RestError> {
    if call.access.has(Permission::CustomizeApplication) {
        return Ok(());
    }
    let message = "insufficient access rights on cross-reference id";
    Err(RestError::new(StatusCode::FORBIDDEN, "INSUFFICIENT_ACCESS", message))
}

fn missing(name: &str) -> RestError {
    let message = format!("Required fields are missing: [{name}]");
    WriteError { code: "REQUIRED_FIELD_MISSING", message, fields: vec![name.to_owned()] }.into()
}

/// Refuses a query for the fields of all objects at once.
pub(crate) fn check_filter(statement: &str) -> Result<(), RestError> {
    let statement = statement.to_ascii_lowercase();
    let Some((_, rest)) = statement.split_once("fielddefinition") else { return Ok(()) };
    let is_asked = statement
        .split_whitespace()
        .zip(statement.split_whitespace().skip(1))
        .any(|(from, object)| from.ends_with("from") && object.trim_end_matches(')') == "fielddefinition");
    let is_filtered = ["entitydefinitionid", "entitydefinition.", "durableid"]
        .iter()
        .any(|name| rest.split_once("where").is_some_and(|(_, condition)| condition.contains(name)));
    if !is_asked || is_filtered {
        return Ok(());
    }
    let message = "A filter on a reified column is required [EntityDefinitionId,DurableId]";
    Err(RestError::bad_request("MALFORMED_QUERY", message))
}

/// Refuses definitions of more than one thing at once.
pub(crate) fn check_single(records: &[Value], total: usize) -> Result<(), RestError> {
    let has = |name: &str| records.first().is_some_and(|record| record.get(name).is_some());
    if total <= 1 || !(has("Metadata") || has("FullName")) {
        return Ok(());
    }
    let message = format!(
        "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more than one row \
         for retrieval. Result size: {total}"
    );
    Err(RestError::bad_request("MALFORMED_QUERY", message))
}

/// What is sent to define something.
struct DefinitionBody {
    full_name: Option<String>,
    metadata: Value,
}

impl DefinitionBody {
    fn of(call: &Call<'_>, defined: Defined) -> Result<DefinitionBody, RestError> {
        let body: Map<String, Value> = call.json()?;
        let (mut full_name, mut metadata) = (None, None);
        for (name, value) in body {
            match name.to_ascii_lowercase().as_str() {
                "fullname" => full_name = value.as_str().map(str::to_owned),
                "metadata" => metadata = Some(value),
                "attributes" => {}
                _ => return Err(WriteError::no_such_column(&name, defined.name()).into()),
            }
        }
        let metadata = metadata.filter(Value::is_object).ok_or_else(|| missing("Metadata"))?;
        Ok(DefinitionBody { full_name, metadata })
    }
}
