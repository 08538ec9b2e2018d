//! What a user looked at lately. Requests count only if they say so with `Sforce-Mru: updateMru=true` (REST guide).

use std::collections::HashMap;
use std::sync::PoisonError;

use serde_json::{Value, json};

use super::answer::ok;
use super::call::{Call, Reply};
use super::routes::Route;
use crate::soql::render_record;

pub(crate) const ROUTES: &[Route] = &[Route { template: "/recent", methods: &[("GET", |call, _| recent(call))] }];

/// Records remembered of each user, and shown unless fewer are asked for.
const RECORDS_MAX: usize = 200;

/// By user: ids, the latest last.
#[derive(Debug, Default)]
pub(crate) struct RecentlyViewed(HashMap<String, Vec<String>>);

/// Notes that the caller looked at a record.
pub(crate) fn note(call: &Call<'_>, id: &str) {
    let asked = call.header("sforce-mru").unwrap_or("");
    if !asked.split([',', ';']).any(|option| option.trim().eq_ignore_ascii_case("updateMru=true")) {
        return;
    }
    let mut recent = call.web.recent.lock().unwrap_or_else(PoisonError::into_inner);
    let ids = recent.0.entry(call.session.user_id.clone()).or_default();
    ids.retain(|own| own != id);
    ids.push(id.to_owned());
    if ids.len() > RECORDS_MAX {
        ids.remove(0);
    }
}

/// The records that the caller looked at, of one object or of all, the latest first.
pub(crate) fn viewed(call: &Call<'_>, org: &crate::core::Org, object: Option<&str>, at_most: usize) -> Vec<Value> {
    let recent = call.web.recent.lock().unwrap_or_else(PoisonError::into_inner);
    let ids = recent.0.get(&call.session.user_id).into_iter().flatten().rev();
    let record = |id: &String| {
        let (schema, row) = org.record(id)?;
        let is_meant = object.is_none_or(|object| object == schema.name);
        if !is_meant || org.is_deleted(schema, row) || !call.access.reads(schema) {
            return None;
        }
        let name = schema.each_field().find(|(_, field)| field.name_field).map(|(index, _)| index);
        let fields: Vec<_> = schema.index_of("Id").into_iter().chain(name).collect();
        Some(render_record(org, schema, row, &fields, &call.base))
    };
    ids.filter_map(record).take(at_most).collect()
}

/// `GET /recent?limit=N`.
fn recent(call: &Call<'_>) -> Reply {
    let at_most = call.parameters.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(RECORDS_MAX);
    let records = viewed(call, &call.org(), None, at_most);
    let count = records.len();
    Ok((ok(&json!(records)), count))
}
