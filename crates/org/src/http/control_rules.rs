//! The part of the control interface that sets up what records have to obey. It is no part of Salesforce.
//!
//! | request | does |
//! |---|---|
//! | `POST /__control/validation_rules` `{"object": "Contact", "name": "N", "when": "Title = 'x'", "message": "…", "field": "Title"}` | refuses records that meet the condition |
//! | `POST /__control/automations` `{"object": "Contact", "name": "N", "trigger": "both", "when": "Title = 'x'", "action": …}` | changes values, or writes to other records, whenever a record is saved |
//! | `DELETE /__control/automations` | takes away all validation rules and automations |
//! | `POST /__control/record_types` `{"object": "Account", "developer_name": "Partner", "label": "Partners", "choices": {"Rating": {"allowed": ["Hot"], "default": "Hot"}}, "default_for": ["Standard User"]}` | makes a record type, by default that of these profiles' new records: `{"id": "012…"}` |
//! | `PUT /__control/features` `{"person_accounts": true, "knowledge": true}` | switches features on; they stay on |
//!
//! A condition is what stands behind WHERE in SOQL, `Amount < 100 AND Account.Industry = 'Energy'`, about the record as it is to be
//! stored; without one it always holds.
//! Triggers are `create`, `update` and `both`. What an action may be:
//!
//! | action | does |
//! |---|---|
//! | `{"set": {"field": "Title", "to": {"value": "x"}}}` | before saving: that value; or `{"copy_of": "Phone"}`, `"upper"`, `"lower"`, `{"append": " (EU)"}` |
//! | `{"create_task": {"values": {"Subject": "Call"}}}` | after saving: a task with or about the record |
//! | `{"update_parent": {"reference": "AccountId", "values": {"Rating": "Hot"}}}` | after saving: writes to the record that the reference points to |
//!
//! What cannot be done is answered with 400 and a line of text.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Web;
use crate::core::automation::{Action, Assignment, Automation, Condition, Trigger, ValidationRule};
use crate::core::{Org, WriteError};
use crate::soql::{self, Asker};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/__control/validation_rules", post(add_validation_rule))
        .route("/__control/automations", post(add_automation).delete(clear))
        .route("/__control/record_types", post(add_record_type))
        .route("/__control/features", put(enable))
}

type Refused = (StatusCode, String);

fn refused(error: &WriteError) -> Refused {
    (StatusCode::BAD_REQUEST, error.to_string())
}

/// The condition in SOQL's words; every record meets one that says nothing.
fn condition(org: &Org, object: &str, text: &str, now_ms: i64) -> Result<Condition, Refused> {
    if text.trim().is_empty() {
        return Ok(Condition::always());
    }
    let access = org.access(org.admin_user_id(), now_ms);
    let asker = Asker { access: &access, now_ms, include_deleted: false, tooling: false };
    let condition = soql::condition(org, &asker, object, text);
    let condition = condition.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(Condition::new(move |org, row| condition.holds(org, row)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewValidationRule {
    object: String,
    name: String,
    #[serde(default)]
    when: String,
    message: String,
    field: Option<String>,
}

async fn add_validation_rule(
    State(web): State<Web>,
    Json(rule): Json<NewValidationRule>,
) -> Result<StatusCode, Refused> {
    let NewValidationRule { object, name, when, message, field } = rule;
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let condition = condition(&org, &object, &when, now_ms)?;
    let rule = ValidationRule { object, name, condition, message, field };
    org.add_validation_rule(rule).map_err(|error| refused(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum When {
    Create,
    Update,
    #[default]
    Both,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum NewValue {
    Value(Value),
    CopyOf(String),
    Upper,
    Lower,
    Append(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum NewAction {
    Set { field: String, to: NewValue },
    CreateTask { values: Map<String, Value> },
    UpdateParent { reference: String, values: Map<String, Value> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAutomation {
    object: String,
    name: String,
    #[serde(default)]
    trigger: When,
    #[serde(default)]
    when: String,
    action: NewAction,
}

async fn add_automation(State(web): State<Web>, Json(automation): Json<NewAutomation>) -> Result<StatusCode, Refused> {
    let NewAutomation { object, name, trigger, when, action } = automation;
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let condition = condition(&org, &object, &when, now_ms)?;
    let trigger = match trigger {
        When::Create => Trigger::Create,
        When::Update => Trigger::Update,
        When::Both => Trigger::Both,
    };
    let action = match action {
        NewAction::Set { field, to } => Action::Set {
            field,
            to: match to {
                NewValue::Value(value) => Assignment::Value(value),
                NewValue::CopyOf(field) => Assignment::CopyOf(field),
                NewValue::Upper => Assignment::Upper,
                NewValue::Lower => Assignment::Lower,
                NewValue::Append(suffix) => Assignment::Append(suffix),
            },
        },
        NewAction::CreateTask { values } => Action::CreateTask { values },
        NewAction::UpdateParent { reference, values } => Action::UpdateParent { reference, values },
    };
    let automation = Automation { object, name, trigger, condition, action };
    org.add_automation(automation).map_err(|error| refused(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear(State(web): State<Web>) -> StatusCode {
    web.org.lock().clear_automations();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewChoices {
    allowed: Vec<String>,
    default: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRecordType {
    object: String,
    developer_name: String,
    label: String,
    #[serde(default)]
    choices: HashMap<String, NewChoices>,
    #[serde(default)]
    default_for: Vec<String>,
}

async fn add_record_type(State(web): State<Web>, Json(wanted): Json<NewRecordType>) -> Result<Json<Value>, Refused> {
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let id = make_record_type(&mut org, &wanted, now_ms).map_err(|error| refused(&error))?;
    Ok(Json(json!({ "id": id })))
}

fn make_record_type(org: &mut Org, wanted: &NewRecordType, now_ms: i64) -> Result<String, WriteError> {
    let id = org.add_record_type(&wanted.object, &wanted.developer_name, &wanted.label, now_ms)?;
    for (field, choices) in &wanted.choices {
        let allowed: Vec<&str> = choices.allowed.iter().map(String::as_str).collect();
        org.limit_choices(&id, field, &allowed, choices.default.as_deref())?;
    }
    for name in &wanted.default_for {
        let profile = org.profile_named(name);
        let unknown = || WriteError::new("INVALID_CROSS_REFERENCE_KEY", format!("there is no profile {name}"));
        org.set_default_record_type(&profile.ok_or_else(unknown)?, &id)?;
    }
    Ok(id)
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Features {
    person_accounts: bool,
    knowledge: bool,
}

async fn enable(State(web): State<Web>, Json(features): Json<Features>) -> Json<Value> {
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    if features.person_accounts {
        org.enable_person_accounts(now_ms);
    }
    if features.knowledge {
        org.enable_knowledge(now_ms);
    }
    Json(json!({ "person_accounts": org.has_person_accounts(), "knowledge": org.has_knowledge() }))
}
