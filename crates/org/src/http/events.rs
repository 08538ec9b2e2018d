//! Platform events over REST: publishing one, and the schemas of events.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{RestError, json_answer, ok};
use super::call::{Call, Reply};
use super::routes::Route;
use crate::core::channel::{has_change_events, object_of_event};
use crate::core::{Org, WriteContext};
use crate::pubsub::bus::schema_with_id;
use crate::pubsub::schema::{EventSchema, expanded};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        template: "/sobjects/{object}/eventSchema",
        methods: &[("GET", |call, names| schema_of_event(call, names[0]))],
    },
    Route { template: "/event/eventSchema/{id}", methods: &[("GET", |call, names| schema_by_id(call, names[0]))] },
];

/// `POST /sobjects/X__e`: the answer is an id that no record has, and the event's own identifier where errors would be (Platform
/// Events guide, "Publish Event Messages with Salesforce APIs").
pub(crate) fn publish(call: &Call<'_>, object: &str, values: &Map<String, Value>) -> Reply {
    let context = call.write_context();
    let publish = |org: &mut Org, context: &WriteContext| org.publish_values(context, object, values);
    let (id, uuid) = match call.held {
        Some(_) => publish(&mut call.org(), &context),
        None => call.web.org.change(|org| publish(org, &context)),
    }?;
    let enqueued = json!({ "statusCode": "OPERATION_ENQUEUED", "message": uuid, "fields": [] });
    Ok((json_answer(StatusCode::CREATED, &json!({ "id": id, "success": true, "errors": [enqueued] })), 1))
}

/// `GET /sobjects/X__e/eventSchema`, and the same for a change event.
fn schema_of_event(call: &Call<'_>, event: &str) -> Reply {
    let org = call.org();
    let is_readable = |object: &&crate::core::ObjectSchema| call.access.reads(object);
    let object = match object_of_event(event) {
        Some(name) => org.object(&name).filter(|object| has_change_events(object)),
        None => org.object(event).filter(|object| object.is_platform_event()),
    };
    let object = object.filter(is_readable).ok_or_else(RestError::not_found)?;
    let schema = call.web.org.event_schemas().schema_of(object);
    shown(call, &schema)
}

/// `GET /event/eventSchema/<id>`.
fn schema_by_id(call: &Call<'_>, id: &str) -> Reply {
    let schema = schema_with_id(&call.org(), &mut call.web.org.event_schemas(), id);
    shown(call, &*schema.ok_or_else(RestError::not_found)?)
}

fn shown(call: &Call<'_>, schema: &EventSchema) -> Reply {
    let compact: Value = serde_json::from_str(&schema.json)
        .map_err(|_| RestError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN_EXCEPTION", "unreadable schema"))?;
    match call.parameters.get("payloadFormat").map_or("EXPANDED", String::as_str) {
        "EXPANDED" => Ok((ok(&expanded(&compact)), 0)),
        "COMPACT" => Ok((ok(&compact), 0)),
        other => {
            let message = format!("Invalid value for the parameter payloadFormat: {other}");
            Err(RestError::bad_request("INVALID_QUERY_PARAMETER", message))
        }
    }
}
