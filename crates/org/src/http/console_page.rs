//! The console's pages as HTML. Everything that comes from a record or a request is escaped here.

use std::collections::HashMap;
use std::fmt::Write as _;

use axum::http::StatusCode;
use axum::response::Response;

use super::console::{OBJECTS, is_editable};
use super::html::{CLOUD, escape, page};
use crate::core::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
use crate::core::{FieldRef, FieldValue, Org, Row, WriteError};

/// What every page shows around its content.
pub(super) struct Frame<'o> {
    pub(super) org: &'o Org,
    pub(super) user_name: &'o str,
    pub(super) object: Option<&'o ObjectSchema>,
}

/// Where in a list a page stands.
pub(super) struct Position<'p> {
    pub(super) words: &'p str,
    pub(super) number: usize,
    pub(super) start: usize,
    pub(super) total: usize,
}

impl Frame<'_> {
    fn show(&self, status: StatusCode, title: &str, content: &str) -> Response {
        let mut links = String::new();
        for object in OBJECTS.iter().filter_map(|name| self.org.object(name)) {
            let on = if self.object.is_some_and(|current| current.name == object.name) { " class=\"on\"" } else { "" };
            let _ = write!(links, "<a href=\"/console/{}\"{on}>{}</a>", object.name, escape(&object.label_plural));
        }
        let body = format!(
            "<header class=\"bar\"><a class=\"org\" href=\"/\">{CLOUD} {org}</a><nav aria-label=\"Objects\">{links}</nav>\
             <span class=\"who\">{user}</span><form method=\"post\" action=\"/logout\"><button>Log out</button></form></header>\
             <main>{content}</main>",
            org = escape(self.org.name()),
            user = escape(self.user_name),
        );
        page(status, &format!("{title} | {}", self.org.name()), &body)
    }

    /// A value as a person reads it: references by the name of what they point to.
    fn shown(&self, field: &FieldSchema, value: FieldRef<'_>) -> String {
        match (field.field_type, value) {
            (_, FieldValue::Null) => String::new(),
            (FieldType::Reference, FieldValue::Text(id)) => match self.org.record(id) {
                Some((object, row)) if OBJECTS.contains(&object.name.as_str()) => {
                    format!(
                        "<a href=\"/console/{}/{}\">{}</a>",
                        object.name,
                        escape(id),
                        escape(&record_name(object, row))
                    )
                }
                _ => escape(id),
            },
            (FieldType::Boolean, FieldValue::Boolean(value)) => if value { "Yes" } else { "No" }.to_owned(),
            (FieldType::Phone, _) => format!("<span class=\"number\">{}</span>", escape(&value.to_display(field))),
            (FieldType::Email, FieldValue::Text(address)) => {
                format!("<a href=\"mailto:{0}\">{0}</a>", escape(address))
            }
            _ => escape(&value.to_display(field)),
        }
    }
}

/// Fields that a person looks for first, by object; the rest follow in the order of describe.
const FIRST_FIELDS: &[&str] = &[
    "Salutation",
    "FirstName",
    "LastName",
    "Subject",
    "Name",
    "Company",
    "Title",
    "Email",
    "Phone",
    "MobilePhone",
    "AccountId",
    "Username",
    "Status",
    "Priority",
    "ActivityDate",
    "WhoId",
    "WhatId",
    "StageName",
    "Amount",
    "CloseDate",
    "Type",
    "Industry",
    "Website",
    "AnnualRevenue",
    "NumberOfEmployees",
    "Description",
    "OwnerId",
];

fn in_reading_order(object: &ObjectSchema) -> Vec<(FieldIndex, &FieldSchema)> {
    let mut fields: Vec<_> = object.each_field().collect();
    let place =
        |field: &FieldSchema| FIRST_FIELDS.iter().position(|name| *name == field.name).unwrap_or(FIRST_FIELDS.len());
    fields.sort_by_key(|(_, field)| place(field));
    fields
}

/// A lookup is called by what it leads to, not by the id that it holds.
fn label(field: &FieldSchema) -> String {
    let label = field.label.as_str();
    escape(if field.field_type == FieldType::Reference { label.strip_suffix(" ID").unwrap_or(label) } else { label })
}

/// What a record is called.
fn record_name(object: &ObjectSchema, row: &Row) -> String {
    let name = object.each_field().find(|(_, field)| field.name_field);
    let name = name.and_then(|(index, _)| row.get(index).as_text()).map(str::to_owned);
    name.unwrap_or_else(|| format!("Untitled {}", object.label))
}

fn columns(object: &ObjectSchema) -> Vec<(FieldIndex, &FieldSchema)> {
    let names: &[&str] = match object.name.as_str() {
        "Account" => &["Name", "Type", "Industry", "BillingCity", "Phone"],
        "Contact" => &["Name", "Title", "AccountId", "Email", "Phone"],
        "Lead" => &["Name", "Company", "Email", "Status"],
        "Opportunity" => &["Name", "AccountId", "StageName", "Amount", "CloseDate"],
        "Task" => &["Subject", "WhoId", "WhatId", "Status", "ActivityDate"],
        _ => &["Name", "Username", "Title", "IsActive"],
    };
    names.iter().filter_map(|name| object.field_named(name)).collect()
}

pub(super) fn home(frame: &Frame<'_>) -> Response {
    let mut tiles = String::new();
    for object in OBJECTS.iter().filter_map(|name| frame.org.object(name)) {
        let count = frame.org.record_count(&object.name);
        let captured = if frame.org.is_captured(&object.name) { " · changes captured" } else { "" };
        let _ = write!(
            tiles,
            "<a class=\"tile\" href=\"/console/{}\"><b>{}</b><span>{count} records{captured}</span></a>",
            object.name,
            escape(&object.label_plural)
        );
    }
    let content = format!(
        "<section class=\"card\"><header><h1><span class=\"kind\">Organization {}</span>{}</h1></header>\
         <div class=\"pad muted\">An emulated Salesforce org. What you change here reaches subscribers as change events.</div></section>\
         <div class=\"tiles\">{tiles}</div>",
        escape(frame.org.org_id()),
        escape(frame.org.name()),
    );
    frame.show(StatusCode::OK, "Home", &content)
}

pub(super) fn list(frame: &Frame<'_>, object: &ObjectSchema, rows: &[&Row], position: &Position<'_>) -> Response {
    let columns = columns(object);
    let heads: String = columns.iter().map(|(_, field)| format!("<th scope=\"col\">{}</th>", label(field))).collect();
    let mut lines = String::new();
    for row in rows {
        lines.push_str("<tr>");
        for (at, (index, field)) in columns.iter().enumerate() {
            let cell = if at == 0 {
                let id = object.index_of("Id").and_then(|id| row.get(id).as_text()).unwrap_or("");
                format!("<a href=\"/console/{}/{}\">{}</a>", object.name, escape(id), escape(&record_name(object, row)))
            } else {
                frame.shown(field, row.get(*index))
            };
            let _ = write!(lines, "<td>{cell}</td>");
        }
        lines.push_str("</tr>");
    }
    if rows.is_empty() {
        let _ = write!(
            lines,
            "<tr><td colspan=\"{}\" class=\"muted\">No {} found.</td></tr>",
            columns.len(),
            escape(&object.label_plural.to_lowercase())
        );
    }
    let query: String = url::form_urlencoded::byte_serialize(position.words.as_bytes()).collect();
    let link = |number: usize, words: &str| {
        format!("<a class=\"button\" href=\"/console/{}?q={query}&amp;page={number}\">{words}</a>", object.name)
    };
    let previous = if position.number > 1 { link(position.number - 1, "Previous") } else { String::new() };
    let next =
        if position.start + rows.len() < position.total { link(position.number + 1, "Next") } else { String::new() };
    let new = if object.name == "User" {
        String::new()
    } else {
        format!("<a class=\"button\" href=\"/console/{}/new\">New</a>", object.name)
    };
    let first = if rows.is_empty() { 0 } else { position.start + 1 };
    let content = format!(
        "<section class=\"card\"><header><h1>{label}</h1><form class=\"search\" role=\"search\"><input type=\"search\" name=\"q\" \
         value=\"{words}\" placeholder=\"Search\" aria-label=\"Search {label}\"><button>Search</button></form>{new}</header>\
         <table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>\
         <div class=\"pages\"><span class=\"muted\">{first}–{last} of {total}, last modified first</span><span>{previous} {next}</span></div></section>",
        label = escape(&object.label_plural),
        words = escape(position.words),
        last = position.start + rows.len(),
        total = position.total,
    );
    frame.show(StatusCode::OK, &object.label_plural, &content)
}

/// The head of a record's pages, with its tabs.
fn record_head(object: &ObjectSchema, row: &Row, id: &str, tab: &str) -> String {
    let base = format!("/console/{}/{}", object.name, escape(id));
    let name = escape(&record_name(object, row));
    let on = |own: &str| if own == tab { " class=\"on\" aria-current=\"page\"" } else { "" };
    let has_activity = matches!(object.name.as_str(), "Account" | "Contact" | "Lead" | "Opportunity");
    let activity = if has_activity {
        format!("<a href=\"{base}?tab=activity\"{}>Activity</a>", on("activity"))
    } else {
        String::new()
    };
    let delete = if object.name == "User" {
        String::new()
    } else {
        format!("<form method=\"post\" action=\"{base}/delete\"><button class=\"danger\">Delete</button></form>")
    };
    format!(
        "<header><h1><span class=\"kind\">{label} · {id}</span>{name}</h1><a class=\"button main\" href=\"{base}/edit\">Edit</a>{delete}</header>\
         <nav class=\"tabs\" aria-label=\"Record\"><a href=\"{base}\"{details}>Details</a>{activity}</nav>",
        label = escape(&object.label),
        id = escape(id),
        details = on("details"),
    )
}

pub(super) fn details(frame: &Frame<'_>, object: &ObjectSchema, row: &Row, id: &str) -> Response {
    let (mut filled, mut empty) = (String::new(), String::new());
    for (index, field) in in_reading_order(object) {
        let is_hidden = field.compound_parent || matches!(field.name.as_str(), "Id" | "IsDeleted" | "MasterRecordId");
        let value = row.get(index);
        if !is_hidden {
            let place = if value.is_null() { &mut empty } else { &mut filled };
            let value = frame.shown(field, value);
            let name = escape(&field.name);
            let _ = write!(place, "<div><dt>{}</dt><dd data-field=\"{name}\">{value}</dd></div>", label(field));
        }
    }
    let head = record_head(object, row, id, "details");
    let content = format!(
        "<section class=\"card\">{head}<dl class=\"fields\">{filled}</dl>\
         <details class=\"pad\"><summary>Fields without a value</summary><dl class=\"fields\">{empty}</dl></details></section>"
    );
    frame.show(StatusCode::OK, &record_name(object, row), &content)
}

pub(super) fn activity(
    frame: &Frame<'_>,
    object: &ObjectSchema,
    row: &Row,
    id: &str,
    tasks: &[(&ObjectSchema, &Row)],
) -> Response {
    let mut items = String::new();
    for (schema, task) in tasks {
        let value = |name: &str| {
            schema.field_named(name).map_or_else(String::new, |(index, field)| frame.shown(field, task.get(index)))
        };
        let task_id = schema.index_of("Id").and_then(|index| task.get(index).as_text()).unwrap_or("");
        let done = if value("IsClosed") == "Yes" { " done" } else { "" };
        let _ = write!(
            items,
            "<li><a href=\"/console/Task/{}\"><strong>{}</strong></a> <span class=\"pill{done}\">{}</span>\
             <div class=\"muted\">{} · by {}</div><div>{}</div></li>",
            escape(task_id),
            escape(&record_name(schema, task)),
            value("Status"),
            value("ActivityDate"),
            value("CreatedById"),
            value("Description"),
        );
    }
    if items.is_empty() {
        items.push_str("<li class=\"muted\">No activities yet.</li>");
    }
    let head = record_head(object, row, id, "activity");
    let content = format!("<section class=\"card\">{head}<ul class=\"timeline\">{items}</ul></section>");
    frame.show(StatusCode::OK, &record_name(object, row), &content)
}

/// The form for a record: an existing one with its id, or a new one. `given` is what was typed before, when it could not be saved.
pub(super) fn form(
    frame: &Frame<'_>,
    object: &ObjectSchema,
    record: Option<(&Row, &str)>,
    given: &HashMap<String, String>,
    error: Option<&WriteError>,
) -> Response {
    let mut inputs = String::new();
    for (index, field) in in_reading_order(object) {
        if !is_editable(field, record.is_some()) {
            continue;
        }
        let stored = match record {
            Some((row, _)) => row.get(index).to_display(field),
            None => field.default.to_display(field),
        };
        let typed = given.get(&field.name).cloned();
        let value = match field.field_type {
            FieldType::Boolean if !given.is_empty() => typed.map_or_else(|| "false".to_owned(), |_| "true".to_owned()),
            _ => typed.unwrap_or(stored),
        };
        let _ = write!(inputs, "<div>{}</div>", input(field, &value));
    }
    let (title, action, back) = match record {
        Some((row, id)) => {
            let base = format!("/console/{}/{}", object.name, escape(id));
            (format!("Edit {}", record_name(object, row)), format!("{base}/edit"), base)
        }
        None => (
            format!("New {}", object.label),
            format!("/console/{}/new", object.name),
            format!("/console/{}", object.name),
        ),
    };
    let alert = error.map_or_else(String::new, |error| {
        format!("<div class=\"pad\"><p class=\"alert\" role=\"alert\">{}</p></div>", escape(&error.message))
    });
    let content = format!(
        "<form class=\"card\" method=\"post\" action=\"{action}\"><header><h1>{}</h1><a class=\"button\" href=\"{back}\">Cancel</a>\
         <button class=\"main\">Save</button></header>{alert}<div class=\"fields\">{inputs}</div></form>",
        escape(&title)
    );
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    frame.show(status, &title, &content)
}

fn input(field: &FieldSchema, value: &str) -> String {
    let (name, label, value_safe) = (escape(&field.name), label(field), escape(value));
    let label = format!("<label for=\"{name}\">{label}{}</label>", if field.nillable { "" } else { " *" });
    let control = match field.field_type {
        FieldType::Boolean => {
            let checked = if value == "true" { " checked" } else { "" };
            format!("<input type=\"checkbox\" id=\"{name}\" name=\"{name}\" value=\"true\"{checked}>")
        }
        FieldType::Picklist => {
            let mut options = String::from("<option value=\"\"></option>");
            // An unrestricted picklist may hold a value that is none of its choices.
            let foreign = Some(value).filter(|value| {
                !value.is_empty() && field.picklist_values.iter().all(|choice| choice.value != **value)
            });
            for choice in field.picklist_values.iter().map(|choice| choice.value.as_str()).chain(foreign) {
                let selected = if choice == value { " selected" } else { "" };
                let _ = write!(options, "<option{selected}>{}</option>", escape(choice));
            }
            format!("<select id=\"{name}\" name=\"{name}\">{options}</select>")
        }
        // A line end right after the tag is not part of the text, so one that is must come second.
        FieldType::TextArea => format!("<textarea id=\"{name}\" name=\"{name}\" rows=\"3\">\n{value_safe}</textarea>"),
        kind => {
            let input_type = match kind {
                FieldType::Date => "date",
                FieldType::Email => "email",
                FieldType::Int => "number",
                _ => "text",
            };
            let length = if field.length > 0 { format!(" maxlength=\"{}\"", field.length) } else { String::new() };
            format!("<input type=\"{input_type}\" id=\"{name}\" name=\"{name}\" value=\"{value_safe}\"{length}>")
        }
    };
    label + &control
}
