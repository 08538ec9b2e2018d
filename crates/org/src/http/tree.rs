//! Trees of new records: `POST /composite/tree/X`, all of it or nothing.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{RestError, json_answer};
use super::call::{Call, Held, Reply};
use super::routes::Route;
use super::rows::known;
use crate::core::{Write, WriteError};

pub(crate) const ROUTES: &[Route] =
    &[Route { template: "/composite/tree/{object}", methods: &[("POST", |call, names| create(call, names[0]))] }];

/// Records in one request, of all levels; levels; and kinds of records (REST guide).
const RECORDS_MAX: usize = 200;
const DEPTH_MAX: usize = 5;
const TYPES_MAX: usize = 5;

#[derive(Deserialize)]
struct Tree {
    records: Vec<Map<String, Value>>,
}

/// A record to be made, after its parent.
struct Node {
    reference_id: String,
    object: String,
    values: Map<String, Value>,
    /// Position of the parent among the nodes, and the field that points to it.
    parent: Option<(usize, String)>,
}

fn create(call: &Call<'_>, object: &str) -> Reply {
    let tree: Tree = call.json()?;
    let mut nodes = Vec::new();
    {
        let org = call.org();
        let object = known(call, &org, object)?.name.clone();
        grow(&org, &mut nodes, tree.records, &object, None, 1)?;
    }
    let mut objects: Vec<&str> = nodes.iter().map(|node| node.object.as_str()).collect();
    objects.sort_unstable();
    objects.dedup();
    if nodes.len() > RECORDS_MAX || objects.len() > TYPES_MAX {
        let message = format!("A tree may have {RECORDS_MAX} records of {TYPES_MAX} types");
        return Err(RestError::bad_request("INVALID_INPUT", message));
    }
    let count = nodes.len();
    let results = plant(call, nodes);
    let has_errors = results.iter().any(|result| result.get("errors").is_some());
    let status = if has_errors { StatusCode::BAD_REQUEST } else { StatusCode::CREATED };
    let body = json!({ "hasErrors": has_errors, "results": results });
    Ok((json_answer(status, &body), if has_errors { 0 } else { count }))
}

/// Takes a level of the tree apart, and those below it.
fn grow(
    org: &crate::core::Org,
    nodes: &mut Vec<Node>,
    records: Vec<Map<String, Value>>,
    object: &str,
    parent: Option<(usize, String)>,
    depth: usize,
) -> Result<(), RestError> {
    let invalid = |message: String| RestError::bad_request("INVALID_INPUT", message);
    if depth > DEPTH_MAX {
        return Err(invalid(format!("A tree may have {DEPTH_MAX} levels")));
    }
    for mut record in records {
        let attributes = record.shift_remove("attributes").unwrap_or_default();
        let text = |name: &str| attributes.get(name).and_then(Value::as_str);
        let reference_id = text("referenceId")
            .ok_or_else(|| invalid("Include a reference ID for each record in the request.".to_owned()))?;
        if nodes.iter().any(|node| node.reference_id == reference_id) {
            return Err(invalid(format!("Duplicate ReferenceId provided in the request: {reference_id}")));
        }
        if text("type").is_some_and(|own| !own.eq_ignore_ascii_case(object)) {
            let message = format!("Record type is not as expected: {} instead of {object}", text("type").unwrap_or(""));
            return Err(invalid(message));
        }
        let mut children = Vec::new();
        let mut values = Map::new();
        for (name, value) in record {
            match value {
                Value::Object(mut nested) if nested.get("records").is_some_and(Value::is_array) => {
                    children.push((name, nested.shift_remove("records").unwrap_or_default()));
                }
                value => drop(values.insert(name, value)),
            }
        }
        let own = nodes.len();
        let reference_id = reference_id.to_owned();
        nodes.push(Node { reference_id, object: object.to_owned(), values, parent: parent.clone() });
        for (relationship, records) in children {
            let named = |field: &crate::core::FieldSchema| {
                field.child_relationship_name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(&relationship))
            };
            let child = org.child_relationships(object).into_iter().find(|(_, field)| named(field));
            let (child, field) = child.ok_or_else(|| WriteError::no_such_column(&relationship, object))?;
            let records = serde_json::from_value(records).map_err(|error| RestError::unreadable_json(&error))?;
            grow(org, nodes, records, &child.name, Some((own, field.name.clone())), depth + 1)?;
        }
    }
    Ok(())
}

/// Makes the records in one transaction. On an error the results name the records at fault only.
fn plant(call: &Call<'_>, nodes: Vec<Node>) -> Vec<Value> {
    let mut org = call.web.org.lock();
    let results = {
        let held = Held::new(&mut org);
        let whole = call.with_held(&held);
        let (mut made, mut failed): (Vec<Option<String>>, Vec<Value>) = (Vec::new(), Vec::new());
        for node in &nodes {
            let mut values = node.values.clone();
            if let Some((parent, field)) = &node.parent {
                // What hangs on a record that could not be made has no fault of its own.
                let Some(parent) = &made[*parent] else {
                    made.push(None);
                    continue;
                };
                values.insert(field.clone(), json!(parent));
            }
            match whole.commit(false, vec![Ok(Write::Create { object: node.object.clone(), values })]).remove(0) {
                Ok(outcome) => made.push(Some(outcome.id)),
                Err(error) => {
                    let error = json!({ "statusCode": error.code, "message": error.message, "fields": error.fields });
                    failed.push(json!({ "referenceId": node.reference_id, "errors": [error] }));
                    made.push(None);
                }
            }
        }
        held.end(&call.write_context(), failed.is_empty());
        if failed.is_empty() {
            let made = nodes.iter().zip(made);
            made.map(|(node, id)| json!({ "referenceId": node.reference_id, "id": id })).collect()
        } else {
            failed
        }
    };
    call.web.org.tell(org);
    results
}
