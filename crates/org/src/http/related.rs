//! From a record to its parent or its children by the name of the relationship: `/sobjects/X/id/Account`.

use super::answer::RestError;
use super::call::{Call, Reply};
use super::rows::{self, known};
use super::{query, routes};
use crate::core::{WriteError, id};

/// Where a relationship leads from a record.
enum Target {
    /// One record: its object and its id.
    Parent(String, String),
    /// Records of an object: it, and the field that points here.
    Children(String, String),
}

/// Follows a relationship from a record.
fn target(call: &Call<'_>, object: &str, given: &str, relationship: &str) -> Result<Target, RestError> {
    let org = call.org();
    let schema = known(call, &org, object)?;
    let id = id::normalize(given).ok_or_else(RestError::not_found)?;
    let (found, row) = org.record(&id).ok_or_else(RestError::not_found)?;
    if found.name != schema.name {
        return Err(RestError::not_found());
    }
    if org.is_deleted(schema, row) {
        return Err(WriteError::deleted().into());
    }
    if let Some((index, _)) = schema.relationship(relationship).filter(|(index, _)| call.access.sees(schema, *index)) {
        let parent = row.get(index).as_text().and_then(|id| org.record(id).map(|(object, _)| (object, id)));
        let (object, id) = parent.ok_or_else(RestError::not_found)?;
        return Ok(Target::Parent(object.name.clone(), id.to_owned()));
    }
    let named = |name: &Option<String>| name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(relationship));
    let children = org.child_relationships(&schema.name);
    let child = children.into_iter().find(|(child, field)| {
        named(&field.child_relationship_name)
            && call.access.reads(child)
            && call.access.field_named(child, &field.name).is_some()
    });
    let (child, field) = child.ok_or_else(RestError::not_found)?;
    Ok(Target::Children(child.name.clone(), field.name.clone()))
}

/// `GET /sobjects/X/id/relationship?fields=A,B`.
pub(crate) fn read(call: &Call<'_>, object: &str, given: &str, relationship: &str) -> Reply {
    match target(call, object, given, relationship)? {
        Target::Parent(object, id) => rows::read(call, &object, &id),
        Target::Children(child, field) => {
            let fields = match call.parameters.get("fields") {
                Some(fields) => fields.clone(),
                None => {
                    let org = call.org();
                    let schema = known(call, &org, &child)?;
                    let names = call.access.visible_fields(schema).map(|(_, field)| field.name.as_str());
                    names.collect::<Vec<_>>().join(",")
                }
            };
            let id = id::normalize(given).ok_or_else(RestError::not_found)?;
            query::run(call, &format!("SELECT {fields} FROM {child} WHERE {field} = '{id}'"), false)
        }
    }
}

/// `PATCH` or `DELETE /sobjects/X/id/relationship`, of a parent.
pub(crate) fn write(call: &Call<'_>, object: &str, given: &str, relationship: &str, handler: routes::Handler) -> Reply {
    match target(call, object, given, relationship)? {
        Target::Parent(object, id) => handler(call, &[object.as_str(), id.as_str()]),
        Target::Children(..) => Err(RestError::method_not_allowed(call.method.as_str(), "GET, HEAD")),
    }
}
