//! The event channel of a connection: a custom one of Syncline's own with just the objects it needs, so that nobody else's changes
//! are delivered, or counted; or the org's standard one where that can not be made. Knows how channels are set up, and nothing of
//! how events are received.
//!
//! Set-up is read before it is changed, and what is there already is as good as made: two who do this at the same time, or one
//! who died in the middle, end with the same channel. (Change Data Capture guide, "Channels"; Tooling API guide,
//! "PlatformEventChannel", "PlatformEventChannelMember".)

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    sync::Mutex,
};

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use syncline_model::{
    connector::{Advice, ConnectorError, ErrorKind, PreparedStream, StreamedObject},
    person_account::{ACCOUNT, CONTACT, needs_contacts},
    schema::{FieldSchema, FieldType, ObjectSchema},
};

use crate::{pubsub::PubSub, rest::Rest, setup::Api};

/// The channel of all objects that are selected in the org's set-up.
const STANDARD: &str = "ChangeEvents";
const CHANNEL: &str = "PlatformEventChannel";
const MEMBER: &str = "PlatformEventChannelMember";
/// Fields that the events of one object are enriched with, at most (Change Data Capture guide, "Enrichment").
const MAX_ENRICHED: usize = 10;
/// Longest text that events are enriched with; longer is long text.
const MAX_ENRICHED_CHARS: u32 = 255;
/// Room for the object in the name of a member, which may have 80 characters in all.
const MAX_NAMED_CHARS: usize = 45;

/// The channel, and what is known of it.
pub(crate) struct Channel {
    /// `Syncline_1a2b3c4d`, which its full name and its members' names begin with.
    name: String,
    /// Enrichment of its members by their id, where it was read or written since this was opened.
    enriched: Mutex<HashMap<String, Vec<String>>>,
}

/// One object in one channel, as a query tells.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    id: String,
    developer_name: String,
    event_channel: String,
    selected_entity: String,
}

/// The definition of a member, as much of it as is Syncline's to say.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Defined {
    metadata: Option<Definition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    #[serde(default)]
    enriched_fields: Option<Vec<EnrichedField>>,
}

#[derive(Deserialize)]
struct EnrichedField {
    name: String,
}

impl Channel {
    /// The channel of the connection that `key` stands for, in that org.
    pub(crate) fn new(org_id: &str, key: &str) -> Self {
        Self { name: format!("Syncline_{}", hash(&format!("{org_id} {key}"))), enriched: Mutex::default() }
    }

    fn full_name(&self) -> String {
        format!("{}__chn", self.name)
    }

    /// Begins like the channel's. Names may not have two underscores in a row, and have to be short.
    fn member_name(&self, entity: &str) -> String {
        if entity.contains("__") || entity.len() > MAX_NAMED_CHARS {
            let plain = entity.replace("__", "_");
            let begin = plain.get(..MAX_NAMED_CHARS.min(plain.len())).unwrap_or_default().trim_end_matches('_');
            format!("{}_{begin}_{}", self.name, hash(entity))
        } else {
            format!("{}_{entity}", self.name)
        }
    }

    /// Makes the channel hold what is wanted; see [`syncline_model::connector::Connector::prepare_stream`].
    pub(crate) async fn prepare(
        &self,
        rest: &Rest,
        pubsub: &PubSub,
        wanted: &[StreamedObject],
    ) -> Result<PreparedStream, ConnectorError> {
        let statement = format!("SELECT Id, DeveloperName, EventChannel, SelectedEntity FROM {MEMBER}");
        let members = match rest.rows(Api::Tooling, &statement).await {
            Ok(rows) => rows.into_iter().filter_map(|row| serde_json::from_value::<Member>(row).ok()).collect(),
            Err(error) if is_passing(&error) => return Err(error),
            // Whoever may not look may not be able to make a channel either; trying tells.
            Err(error) => {
                tracing::info!(%error, "the org's event channels can not be read");
                Vec::new()
            }
        };

        let mut refused = BTreeMap::new();
        let mut streamed = Vec::new();
        let mut wanted_members = Vec::new();
        let needs_contacts = wanted.iter().any(|object| needs_contacts(&object.object, object.fields.iter()));
        let contacts = StreamedObject::bare(CONTACT);
        let only_needed =
            (needs_contacts && !wanted.iter().any(|object| object.object == CONTACT)).then_some(&contacts);
        for object in wanted.iter().chain(only_needed) {
            match rest.schema(&object.object).await {
                Ok(schema) => wanted_members.push((entity(&schema.name), enrichable(&schema, object), object)),
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) => drop(refused.insert(object.object.clone(), error)),
            }
        }

        // First what makes room: the org may have an allowance of five objects.
        let prefix = format!("{}_", self.name);
        let names: Vec<_> = wanted_members.iter().map(|(entity, ..)| self.member_name(entity)).collect();
        for member in members.iter().filter(|member| member.developer_name.starts_with(&prefix)) {
            if !names.contains(&member.developer_name) {
                self.remove(rest, member).await?;
            }
        }
        let mut has_channel = members.iter().any(|member| member.developer_name.starts_with(&prefix));
        for ((entity, enriched, object), name) in wanted_members.iter().zip(&names) {
            let known = members.iter().find(|member| member.developer_name == *name);
            let made = match known {
                Some(member) => self.enrich(rest, member, entity, enriched).await,
                None => self.add(rest, &mut has_channel, name, entity, enriched).await,
            };
            match made {
                Ok(()) => streamed.push(object.object.clone()),
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) => drop(refused.insert(object.object.clone(), explained(error))),
            }
        }

        let mut topic = self.full_name();
        if streamed.is_empty() {
            STANDARD.clone_into(&mut topic);
            for (entity, _, object) in &wanted_members {
                let is_selected = |member: &Member| {
                    member.event_channel == STANDARD
                        && (member.selected_entity == *entity
                            || member.developer_name == format!("{STANDARD}_{entity}"))
                };
                if members.iter().any(is_selected) {
                    refused.remove(&object.object);
                    streamed.push(object.object.clone());
                }
            }
        }
        if needs_contacts && let Some(error) = refused.get(CONTACT) {
            let error = ConnectorError { advice: Some(WITHOUT_CONTACTS), ..error.clone() };
            refused.insert(ACCOUNT.to_owned(), error);
        }
        if only_needed.is_some() {
            refused.remove(CONTACT);
            streamed.retain(|object| object != CONTACT);
        }
        streamed.retain(|object| !refused.contains_key(object));
        if streamed.is_empty() {
            return Ok(PreparedStream { topic: None, refused });
        }
        let topic = format!("/data/{topic}");
        match pubsub.check(&topic).await {
            Ok(()) => Ok(PreparedStream { topic: Some(topic), refused }),
            Err(error) if is_passing(&error) => Err(error),
            Err(error) => {
                let error = ConnectorError { advice: Some(MAY_NOT_SUBSCRIBE), ..error };
                refused.extend(streamed.into_iter().map(|object| (object, error.clone())));
                Ok(PreparedStream { topic: None, refused })
            }
        }
    }

    /// Adds an object to the channel, which is made first where it is not there.
    async fn add(
        &self,
        rest: &Rest,
        has_channel: &mut bool,
        name: &str,
        entity: &str,
        enriched: &[String],
    ) -> Result<(), ConnectorError> {
        if !*has_channel {
            let definition = json!({ "channelType": "data", "label": "Syncline" });
            let body = json!({ "FullName": self.full_name(), "Metadata": definition });
            made(rest.create(Api::Tooling, CHANNEL, &body).await)?;
            *has_channel = true;
        }
        let create = async |enriched: &[String]| {
            let body = self.definition(name, entity, enriched);
            rest.create(Api::Tooling, MEMBER, &body).await
        };
        let mut enriched = enriched;
        let mut outcome = create(enriched).await;
        if !enriched.is_empty() && outcome.as_ref().is_err_and(is_about_enrichment) {
            // Poorer events are better than none: a record whose key did not change is known by its id.
            enriched = &[];
            outcome = create(enriched).await;
        }
        if let Some(id) = made(outcome)? {
            self.remember(&id, enriched);
        }
        Ok(())
    }

    /// Lets the events of a member carry these fields.
    async fn enrich(
        &self,
        rest: &Rest,
        member: &Member,
        entity: &str,
        enriched: &[String],
    ) -> Result<(), ConnectorError> {
        let known = self.enriched.lock().expect("nobody panics with the lock held").get(&member.id).cloned();
        let known = match known {
            Some(known) => known,
            None => {
                let path = format!("/tooling/sobjects/{MEMBER}/{}", member.id);
                match rest.get_json(&path).await {
                    Ok(row) => enrichment(row),
                    Err(error) if is_passing(&error) => return Err(error),
                    // It is in the channel all the same.
                    Err(_) => return Ok(()),
                }
            }
        };
        if known != enriched {
            let body = self.definition(&member.developer_name, entity, enriched);
            match rest.change(Api::Tooling, MEMBER, &member.id, &body).await {
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) => tracing::warn!(%entity, %error, "the events of an object can not be enriched"),
                Ok(()) => {}
            }
        }
        self.remember(&member.id, enriched);
        Ok(())
    }

    async fn remove(&self, rest: &Rest, member: &Member) -> Result<(), ConnectorError> {
        match rest.remove(Api::Tooling, MEMBER, &member.id).await {
            Err(error) if is_passing(&error) => Err(error),
            Err(error) => {
                // Its changes are received and belong to no mapping.
                tracing::warn!(entity = member.selected_entity, %error, "an object can not be taken out of the channel");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn definition(&self, name: &str, entity: &str, enriched: &[String]) -> Json {
        let enriched: Vec<_> = enriched.iter().map(|name| json!({ "name": name })).collect();
        json!({
            "FullName": name,
            "Metadata": { "eventChannel": self.full_name(), "selectedEntity": entity, "enrichedFields": enriched },
        })
    }

    fn remember(&self, member_id: &str, enriched: &[String]) {
        let mut known = self.enriched.lock().expect("nobody panics with the lock held");
        known.insert(member_id.to_owned(), enriched.to_vec());
    }
}

fn enrichment(row: Json) -> Vec<String> {
    let defined = serde_json::from_value::<Defined>(row).ok().and_then(|defined| defined.metadata);
    defined
        .and_then(|metadata| metadata.enriched_fields)
        .unwrap_or_default()
        .into_iter()
        .map(|field| field.name)
        .collect()
}

/// Something that is to be there: made by us now, or there already.
fn made(outcome: Result<String, ConnectorError>) -> Result<Option<String>, ConnectorError> {
    match outcome {
        Ok(id) => Ok(Some(id)),
        Err(error) if error.code.starts_with("DUPLICATE_") => Ok(None),
        Err(error) => Err(error),
    }
}

/// The event of an object: `AccountChangeEvent`, `Employee__ChangeEvent`.
fn entity(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(custom) => format!("{custom}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    }
}

/// Those of the key fields that events can be enriched with, in the names that describe gives them.
fn enrichable(schema: &ObjectSchema, object: &StreamedObject) -> Vec<String> {
    let is_short = |length: Option<u32>| length.is_some_and(|length| length <= MAX_ENRICHED_CHARS);
    let is_fit = |field: &&FieldSchema| match field.field_type {
        _ if field.calculated => false,
        FieldType::Id | FieldType::Address | FieldType::Other => false,
        FieldType::TextArea => is_short(field.length),
        _ => true,
    };
    let fit = object.key_fields.iter().filter_map(|name| schema.field(name)).filter(is_fit);
    let mut names: Vec<_> = fit.map(|field| field.name.clone()).collect();
    names.sort();
    names.dedup();
    names.truncate(MAX_ENRICHED);
    names
}

/// The first eight hexadecimal digits of a hash: enough to keep the channels of one org apart.
fn hash(text: &str) -> String {
    let mut hex = String::with_capacity(8);
    for byte in &digest(&SHA256, text.as_bytes()).as_ref()[..4] {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Trouble of the moment, as against a no.
fn is_passing(error: &ConnectorError) -> bool {
    use ErrorKind::*;
    matches!(error.kind, Transient | RateLimited | QuotaExhausted | UnknownOutcome | AuthRevoked)
}

fn is_about_enrichment(error: &ConnectorError) -> bool {
    error.fields.iter().any(|field| field.eq_ignore_ascii_case("enrichedFields")) || error.message.contains("enrich")
}

const MAY_NOT_SUBSCRIBE: Advice = Advice {
    cause: "The connected user may not listen to the org's change events",
    remedy: "Give the connected user the permission View All Data; until then Syncline asks for changes at intervals.",
};

const WITHOUT_CONTACTS: Advice = Advice {
    cause: "Changes of a person account's e-mail, title and the like are told of only where contacts are selected too, and they are not",
    remedy: "Make room for Contact in Setup → Change Data Capture, or select it there; until then Syncline asks for changes at intervals.",
};

/// The refusal of a member with words on what would change it.
fn explained(error: ConnectorError) -> ConnectorError {
    let names = |field: &str| error.fields.iter().any(|named| named.eq_ignore_ascii_case(field));
    let advice = match error.code.as_str() {
        "LIMIT_EXCEEDED" if error.message.contains("custom channels") => Advice {
            cause: "The org has as many event channels as it may have",
            remedy: "Delete a custom channel that nobody needs; until then Syncline asks for changes at intervals.",
        },
        "LIMIT_EXCEEDED" => Advice {
            cause: "The org's limit of objects selected for Change Data Capture is reached, which is five without the add-on",
            remedy: "Take an object that nobody needs out of Setup → Change Data Capture, or buy the add-on; until then \
                     Syncline asks for changes at intervals.",
        },
        "FUNCTIONALITY_NOT_ENABLED" | "INVALID_TYPE" | "NOT_FOUND" | "API_DISABLED_FOR_ORG" => Advice {
            cause: "The org's edition has no Change Data Capture",
            remedy: "Nothing: Syncline asks for changes at intervals. Enterprise, Performance, Unlimited and Developer Edition \
                     have it.",
        },
        code if code.starts_with("INSUFFICIENT_ACCESS") => Advice {
            cause: "The connected user may not set up an event channel",
            remedy: "Give the connected user the permission Customize Application, or select the object in Setup → Change Data \
                     Capture; until then Syncline asks for changes at intervals.",
        },
        _ if names("selectedEntity") || error.message.contains("selected entity") => Advice {
            cause: "Salesforce publishes no change events for this object",
            remedy: "Nothing: Syncline asks for its changes at intervals.",
        },
        _ => Advice {
            cause: "The org refuses to add the object to Syncline's event channel",
            remedy: "Act on Salesforce's own words; until then Syncline asks for changes at intervals.",
        },
    };
    ConnectorError { kind: ErrorKind::Misconfigured, advice: Some(advice), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_stable_and_apart() {
        let channel = Channel::new("00D000000000001AAA", "environment 1");
        assert_eq!(channel.full_name(), Channel::new("00D000000000001AAA", "environment 1").full_name());
        assert_ne!(channel.full_name(), Channel::new("00D000000000001AAA", "environment 2").full_name());
        assert_eq!(channel.full_name().len(), "Syncline_12345678__chn".len());
        let names = ["AccountChangeEvent", "ns__A__ChangeEvent", "ns_A__ChangeEvent", &"x".repeat(70)];
        let names = names.map(|entity| channel.member_name(entity));
        assert!(names.iter().all(|name| name.len() <= 80 && !name.contains("__") && !name.ends_with('_')), "{names:?}");
        assert!((1..names.len()).all(|n| !names[..n].contains(&names[n])), "{names:?}");
        assert_eq!((entity("Account"), entity("A__c")), ("AccountChangeEvent".into(), "A__ChangeEvent".into()));
    }
}
