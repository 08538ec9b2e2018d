//! Publishing platform events: Publish and PublishStream.

use syncline_salesforce_eventbus::v1::{
    Error as EventError, ErrorCode, ProducerEvent, PublishRequest, PublishResponse, PublishResult,
};

use super::bus::{Bus, replay_id_bytes};
use super::decode::decode;
use super::refusal::Refusal;
use crate::core::Org;
use crate::core::WriteContext;
use crate::core::oauth::Session;
use crate::core::platform_event::EVENT_BYTES_MAX;

/// Publishes the events of one request, each by itself: one that is not in its schema's form leaves the others alone.
pub(super) fn publish(
    bus: &Bus,
    session: &Session,
    request: &PublishRequest,
    rpc_id: &str,
) -> Result<PublishResponse, Refusal> {
    let (can_publish, _, schema_id) = bus.topic(session, &request.topic_name)?;
    if !can_publish {
        return Err(Refusal::NoAccess);
    }
    if request.events.is_empty() {
        return Err(Refusal::NothingToPublish);
    }
    let object = request.topic_name.trim_start_matches("/event/");
    // Schemas are looked up before the org is locked to publish.
    let schemas: Vec<_> = request.events.iter().map(|event| bus.schema(&event.schema_id)).collect();
    let results = bus.change(session, |org, context| {
        let publish_one = |(event, schema): (&ProducerEvent, Option<_>)| {
            let published =
                match schema.filter(|schema: &std::sync::Arc<super::schema::EventSchema>| schema.object == object) {
                    Some(schema) => publish_one(org, context, object, event, &schema),
                    None => Err(format!("The schema ID {} isn't a schema of the topic.", event.schema_id)),
                };
            let correlation_key = event.id.clone();
            match published {
                Ok(replay_id) => PublishResult { replay_id: replay_id_bytes(replay_id), error: None, correlation_key },
                Err(msg) => {
                    let error = Some(EventError { code: ErrorCode::Publish.into(), msg });
                    PublishResult { error, correlation_key, ..PublishResult::default() }
                }
            }
        };
        request.events.iter().zip(schemas).map(publish_one).collect()
    });
    Ok(PublishResponse { results, schema_id, rpc_id: rpc_id.to_owned() })
}

fn publish_one(
    org: &mut Org,
    context: &WriteContext,
    object: &str,
    event: &ProducerEvent,
    schema: &super::schema::EventSchema,
) -> Result<u64, String> {
    if event.payload.len() > EVENT_BYTES_MAX {
        return Err("The event message is larger than 1 MB.".to_owned());
    }
    let described = org.object(object).ok_or("The event object doesn't exist.")?;
    let values = decode(&event.payload, schema, described)
        .map_err(|problem| format!("The payload can't be deserialized with the schema: {problem}"))?;
    let uuid = if event.id.is_empty() { org.random_uuid() } else { event.id.clone() };
    org.publish(context, object, uuid, values).map_err(|error| error.message)
}
