//! The web console: what a colleague with a browser sees and does in the org. What it saves has an empty change origin, as edits
//! in Salesforce's own user interface have.

use std::collections::HashMap;

use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::authorize::{signed_in_user, username};
use super::console_page::{self as pages, Frame};
use super::html::{CLOUD, escape, page};
use super::{SESSION_COOKIE, Web, cookie, see_other};
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};
use crate::core::{FieldValue, Org, Row, Write, WriteContext, WriteError, WriteOutcome, id};

/// Objects with a place in the console, in the order of the bar.
pub(super) const OBJECTS: &[&str] = &["Account", "Contact", "Lead", "Opportunity", "Task", "User"];
/// Records on a page of a list.
const PAGE_RECORDS: usize = 50;

type Answer = Result<Response, Turned>;

/// An answer that ends a handler early: to the sign-in page, or that there is no such page.
pub(super) struct Turned(Box<Response>);

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        *self.0
    }
}

fn signed_in(web: &Web, headers: &HeaderMap) -> Result<String, Turned> {
    signed_in_user(web, headers).ok_or_else(|| Turned(Box::new(see_other("/login"))))
}

/// `GET /`.
pub(super) async fn home(State(web): State<Web>, headers: HeaderMap) -> Answer {
    let user_id = signed_in(&web, &headers)?;
    let user_name = username(&web, &user_id);
    let org = web.org.lock();
    Ok(pages::home(&Frame { org: &org, user_name: &user_name, object: None }))
}

/// `GET /login`.
pub(super) async fn login_page() -> Response {
    login_form(StatusCode::OK, "", None)
}

fn login_form(status: StatusCode, name: &str, alert: Option<&str>) -> Response {
    let alert =
        alert.map_or_else(String::new, |words| format!("<p class=\"alert\" role=\"alert\">{}</p>", escape(words)));
    let body = format!(
        "<main class=\"door\"><form class=\"card\" method=\"post\" action=\"/login\">{CLOUD}<h1>Log in to the org</h1>{alert}\
         <label for=\"username\">Username</label><input id=\"username\" name=\"username\" value=\"{}\" autocomplete=\"username\" \
         required autofocus><label for=\"password\">Password</label><input id=\"password\" name=\"password\" type=\"password\" \
         autocomplete=\"current-password\" required><div class=\"row\"><button class=\"main\">Log In</button></div></form></main>",
        escape(name)
    );
    page(status, "Log in", &body)
}

/// `POST /login`.
pub(super) async fn login(State(web): State<Web>, Form(form): Form<HashMap<String, String>>) -> Response {
    let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let Ok(user_id) = org.authenticate(text("username").trim(), text("password")) else {
        let words = "Please check your username and password.";
        return login_form(StatusCode::UNAUTHORIZED, text("username"), Some(words));
    };
    let session = org.sign_in(&user_id, now_ms);
    with_cookie(see_other("/"), &format!("{SESSION_COOKIE}={}; Path=/; HttpOnly; SameSite=Lax", session.access_token))
}

/// `POST /logout`.
pub(super) async fn logout(State(web): State<Web>, headers: HeaderMap) -> Response {
    if let Some(sid) = cookie(&headers, SESSION_COOKIE) {
        web.org.lock().revoke(sid);
    }
    with_cookie(see_other("/login"), &format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// `GET /<record id>`: the short address that other systems link to.
pub(super) async fn by_id(State(web): State<Web>, Path(given): Path<String>) -> Answer {
    let id = id::normalize(&given).ok_or_else(missing)?;
    let org = web.org.lock();
    let object = org.record(&id).map(|(object, _)| object.name.clone()).ok_or_else(missing)?;
    Ok(see_other(&format!("/console/{object}/{id}")))
}

/// `GET /console/X?q=…&page=…`.
pub(super) async fn list(
    State(web): State<Web>,
    Path(object): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let user_id = signed_in(&web, &headers)?;
    let user_name = username(&web, &user_id);
    let org = web.org.lock();
    let schema = shown_object(&org, &object)?;
    let words = query.get("q").map(String::as_str).unwrap_or_default().trim().to_lowercase();
    let number: usize = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1).clamp(1, 1_000_000);
    let table = org.table(&schema.name).ok_or_else(missing)?;
    let searched: Vec<_> = ["Name", "Email", "Subject", "Company", "Username", "Title"]
        .iter()
        .filter_map(|name| schema.index_of(name))
        .collect();
    let fits = |row: &&Row| {
        let text = |index: &_| row.get(*index).as_text().is_some_and(|text| text.to_lowercase().contains(&words));
        !table.is_deleted(row) && (words.is_empty() || searched.iter().any(text))
    };
    let mut found: Vec<&Row> = table.iter().map(|(_, row)| row).filter(fits).collect();
    // What was touched last is what people look for.
    let modified = |row: &Row| match row.get(table.system.last_modified_date) {
        FieldValue::DateTime(ms) => ms,
        _ => 0,
    };
    found.sort_by_key(|row| std::cmp::Reverse(modified(row)));
    let frame = Frame { org: &org, user_name: &user_name, object: Some(schema) };
    let start = (number - 1) * PAGE_RECORDS;
    let rows: Vec<&Row> = found.iter().skip(start).take(PAGE_RECORDS).copied().collect();
    Ok(pages::list(&frame, schema, &rows, &pages::Position { words: &words, number, start, total: found.len() }))
}

/// `GET /console/X/ID?tab=activity`.
pub(super) async fn record(
    State(web): State<Web>,
    Path((object, id)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let user_id = signed_in(&web, &headers)?;
    let user_name = username(&web, &user_id);
    let org = web.org.lock();
    let (schema, row, id) = shown_record(&org, &object, &id)?;
    let frame = Frame { org: &org, user_name: &user_name, object: Some(schema) };
    if query.get("tab").is_some_and(|tab| tab == "activity") {
        return Ok(pages::activity(&frame, schema, row, &id, &activities(&org, &id)));
    }
    Ok(pages::details(&frame, schema, row, &id))
}

/// Tasks about a record, latest first.
fn activities<'o>(org: &'o Org, id: &str) -> Vec<(&'o ObjectSchema, &'o Row)> {
    let Some(tasks) = org.table("Task") else { return Vec::new() };
    let key = FieldValue::text(id);
    let indexes = ["WhoId", "WhatId"].into_iter().filter_map(|name| tasks.schema.index_of(name));
    let mut slots: Vec<_> = indexes.flat_map(|index| tasks.find(index, key.as_field_ref())).collect();
    slots.sort_unstable_by(|left, right| right.cmp(left));
    slots.dedup();
    let live = slots.into_iter().filter_map(|slot| tasks.row(slot)).filter(|row| !tasks.is_deleted(row));
    live.map(|row| (&tasks.schema, row)).collect()
}

/// `GET /console/X/ID/edit`.
pub(super) async fn edit_page(
    State(web): State<Web>,
    Path((object, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let user_id = signed_in(&web, &headers)?;
    let user_name = username(&web, &user_id);
    let org = web.org.lock();
    let (schema, row, id) = shown_record(&org, &object, &id)?;
    let frame = Frame { org: &org, user_name: &user_name, object: Some(schema) };
    Ok(pages::form(&frame, schema, Some((row, &id)), &HashMap::new(), None))
}

/// `GET /console/X/new`.
pub(super) async fn new_page(State(web): State<Web>, Path(object): Path<String>, headers: HeaderMap) -> Answer {
    let user_id = signed_in(&web, &headers)?;
    let user_name = username(&web, &user_id);
    let org = web.org.lock();
    let schema = shown_object(&org, &object)?;
    let frame = Frame { org: &org, user_name: &user_name, object: Some(schema) };
    Ok(pages::form(&frame, schema, None, &HashMap::new(), None))
}

/// `POST /console/X/new`.
pub(super) async fn create(
    State(web): State<Web>,
    Path(object): Path<String>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Answer {
    let user_id = signed_in(&web, &headers)?;
    let (name, values) = {
        let org = web.org.lock();
        let schema = shown_object(&org, &object)?;
        (schema.name.clone(), changed_values(schema, None, &form))
    };
    match commit(&web, &user_id, Write::Create { object: name.clone(), values }) {
        Ok(outcome) => Ok(see_other(&format!("/console/{name}/{}", outcome.id))),
        Err(error) => {
            let user_name = username(&web, &user_id);
            let org = web.org.lock();
            let schema = shown_object(&org, &object)?;
            let frame = Frame { org: &org, user_name: &user_name, object: Some(schema) };
            Ok(pages::form(&frame, schema, None, &form, Some(&error)))
        }
    }
}

/// `POST /console/X/ID/edit`.
pub(super) async fn save(
    State(web): State<Web>,
    Path((object, id)): Path<(String, String)>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Answer {
    let user_id = signed_in(&web, &headers)?;
    let (name, id, values) = {
        let org = web.org.lock();
        let (schema, row, id) = shown_record(&org, &object, &id)?;
        (schema.name.clone(), id, changed_values(schema, Some(row), &form))
    };
    match commit(&web, &user_id, Write::Update { object: Some(name.clone()), id: id.clone(), values }) {
        Ok(_) => Ok(see_other(&format!("/console/{name}/{id}"))),
        Err(error) => {
            let user_name = username(&web, &user_id);
            let org = web.org.lock();
            let (schema, row, id) = shown_record(&org, &object, &id)?;
            let frame = Frame { org: &org, user_name: &user_name, object: Some(schema) };
            Ok(pages::form(&frame, schema, Some((row, &id)), &form, Some(&error)))
        }
    }
}

/// `POST /console/X/ID/delete`.
pub(super) async fn delete(
    State(web): State<Web>,
    Path((object, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let user_id = signed_in(&web, &headers)?;
    let name = shown_object(&web.org.lock(), &object)?.name.clone();
    commit(&web, &user_id, Write::Delete { object: Some(name.clone()), id }).map_err(|_| missing())?;
    Ok(see_other(&format!("/console/{name}")))
}

fn commit(web: &Web, user_id: &str, write: Write) -> Result<WriteOutcome, WriteError> {
    let context = WriteContext { user_id: user_id.to_owned(), change_origin: String::new(), now_ms: web.org.now_ms() };
    web.org.commit(&context, false, vec![write]).remove(0)
}

/// What the form has changed, as the API would be told: a field that was left as it was shown is not written, so that somebody
/// else's change of it in the meantime stands.
fn changed_values(schema: &ObjectSchema, row: Option<&Row>, form: &HashMap<String, String>) -> Map<String, Value> {
    let mut values = Map::new();
    for (index, field) in schema.each_field() {
        if !is_editable(field, row.is_some()) {
            continue;
        }
        let shown = row.map_or_else(String::new, |row| row.get(index).to_display(field));
        let given = match (field.field_type, form.get(&field.name)) {
            (FieldType::Boolean, given) => if given.is_some() { "true" } else { "false" }.to_owned(),
            // Browsers send line ends as CR LF.
            (_, Some(given)) => given.replace("\r\n", "\n"),
            (_, None) => continue,
        };
        let is_unset_checkbox = row.is_none() && given == "false" && field.field_type == FieldType::Boolean;
        if given.trim() != shown.replace("\r\n", "\n") && !is_unset_checkbox {
            values.insert(field.name.clone(), Value::String(given));
        }
    }
    values
}

pub(super) fn is_editable(field: &FieldSchema, exists: bool) -> bool {
    !field.compound_parent && if exists { field.updateable } else { field.createable }
}

fn shown_object<'o>(org: &'o Org, object: &str) -> Result<&'o ObjectSchema, Turned> {
    org.object(object).filter(|schema| OBJECTS.contains(&schema.name.as_str())).ok_or_else(missing)
}

fn shown_record<'o>(org: &'o Org, object: &str, id: &str) -> Result<(&'o ObjectSchema, &'o Row, String), Turned> {
    let schema = shown_object(org, object)?;
    let id = id::normalize(id).ok_or_else(missing)?;
    let (found, row) = org.record(&id).ok_or_else(missing)?;
    if found.name != schema.name || org.is_deleted(schema, row) {
        return Err(missing());
    }
    Ok((schema, row, id))
}

fn missing() -> Turned {
    let body = format!(
        "<main class=\"door\"><div class=\"card\">{CLOUD}<h1>Page not found</h1><p>The record you asked for is not here. It may have \
         been deleted.</p><p><a href=\"/\">Home</a></p></div></main>"
    );
    Turned(Box::new(page(StatusCode::NOT_FOUND, "Not found", &body)))
}
