//! The Tooling API's event set-up: channels, their members and managed subscriptions, one at a time.
//!
//! Definitions come as `FullName` and `Metadata`. (Tooling API guide, "PlatformEventChannel", "PlatformEventChannelMember",
//! "ManagedEventSubscription".)

use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::{RestError, json_answer, no_content};
use super::call::{Call, Reply};
use super::routes::{Handler, Route};
use super::rows;
use crate::core::{Org, Permission, id};

const CHANNEL: &str = "PlatformEventChannel";
const MEMBER: &str = "PlatformEventChannelMember";
const MANAGED: &str = "ManagedEventSubscription";

const CHANNEL_METHODS: &[(&str, Handler)] = &[
    ("DELETE", |call, names| delete(call, names[0], Org::delete_event_channel)),
    ("GET", |call, names| rows::read(call, CHANNEL, names[0])),
    ("PATCH", |call, names| update(call, names[0], Org::update_event_channel)),
];
const MEMBER_METHODS: &[(&str, Handler)] = &[
    ("DELETE", |call, names| delete(call, names[0], Org::delete_channel_member)),
    ("GET", |call, names| rows::read(call, MEMBER, names[0])),
    ("PATCH", |call, names| update(call, names[0], Org::update_channel_member)),
];
const MANAGED_METHODS: &[(&str, Handler)] = &[
    ("DELETE", |call, names| delete(call, names[0], Org::delete_managed_subscription)),
    ("GET", |call, names| rows::read(call, MANAGED, names[0])),
    ("PATCH", |call, names| update(call, names[0], Org::update_managed_subscription)),
];

pub(crate) const ROUTES: &[Route] = &[
    Route {
        template: "/tooling/sobjects/PlatformEventChannel",
        methods: &[("POST", |call, _| create(call, Org::create_event_channel))],
    },
    Route { template: "/tooling/sobjects/PlatformEventChannel/{id}", methods: CHANNEL_METHODS },
    Route {
        template: "/tooling/sobjects/PlatformEventChannelMember",
        methods: &[("POST", |call, _| create(call, Org::create_channel_member))],
    },
    Route { template: "/tooling/sobjects/PlatformEventChannelMember/{id}", methods: MEMBER_METHODS },
    Route {
        template: "/tooling/sobjects/ManagedEventSubscription",
        methods: &[("POST", |call, _| create(call, Org::create_managed_subscription))],
    },
    Route { template: "/tooling/sobjects/ManagedEventSubscription/{id}", methods: MANAGED_METHODS },
];

/// A definition as it comes. A change takes the whole of it, as a creation does.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition<D> {
    full_name: String,
    metadata: D,
}

fn definition<D: DeserializeOwned>(call: &Call<'_>) -> Result<Definition<D>, RestError> {
    let body: Value = call.json()?;
    for field in ["FullName", "Metadata"] {
        if body.get(field).is_none_or(Value::is_null) {
            let message = format!("Required fields are missing: [{field}]");
            return Err(crate::core::WriteError::at("REQUIRED_FIELD_MISSING", field, message).into());
        }
    }
    serde_json::from_value(body).map_err(|error| RestError::bad_request("JSON_PARSER_ERROR", error.to_string()))
}

fn may_customize(call: &Call<'_>) -> Result<(), RestError> {
    if call.access.has(Permission::CustomizeApplication) {
        return Ok(());
    }
    let message = "insufficient access rights on cross-reference id";
    Err(RestError::new(StatusCode::FORBIDDEN, "INSUFFICIENT_ACCESS", message))
}

fn create<D: DeserializeOwned>(
    call: &Call<'_>,
    create: fn(&mut Org, &str, D, i64) -> Result<String, crate::core::WriteError>,
) -> Reply {
    may_customize(call)?;
    let Definition { full_name, metadata } = definition(call)?;
    let id = create(&mut call.org(), &full_name, metadata, call.web.org.now_ms())?;
    let body = json!({ "id": id, "success": true, "errors": [], "warnings": [], "infos": [] });
    Ok((json_answer(StatusCode::CREATED, &body), 1))
}

fn update<D: DeserializeOwned>(
    call: &Call<'_>,
    id: &str,
    update: fn(&mut Org, &str, &str, D, i64) -> Result<(), crate::core::WriteError>,
) -> Reply {
    may_customize(call)?;
    let Definition { full_name, metadata } = definition(call)?;
    let id = id::normalize(id).ok_or_else(RestError::not_found)?;
    update(&mut call.org(), &id, &full_name, metadata, call.web.org.now_ms())?;
    Ok((no_content(), 1))
}

fn delete(call: &Call<'_>, id: &str, delete: fn(&mut Org, &str) -> Result<(), crate::core::WriteError>) -> Reply {
    may_customize(call)?;
    let id = id::normalize(id).ok_or_else(RestError::not_found)?;
    delete(&mut call.org(), &id)?;
    Ok((no_content(), 1))
}
