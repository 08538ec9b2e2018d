//! The Avro schema of an object's events, and the way from the object's fields to positions in it.
//!
//! Shape, names and `doc` texts are those of schemas that a Salesforce org hands out. Change events: `ChangeEventHeader` first,
//! then the object's fields in the object's order, each nullable, the parts of a name or address inside one compound field.
//! Platform events: who made it and when, then the custom fields. (Change Data Capture guide; Pub/Sub API guide.) Knows no
//! values; [`super::encode`] writes them.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

use super::bitmap::Position;
use crate::core::channel::event_name;
use crate::core::{FieldIndex, FieldSchema, FieldType, ObjectSchema};

/// The symbols of the `ChangeType` enumeration, whose order is their number on the wire.
pub(crate) const CHANGE_TYPES: [&str; 10] = [
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
];

/// How a field's value is written, and as which branch of its union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AvroType {
    /// Text of any kind, ids and picklist values.
    String,
    /// A checkbox.
    Boolean,
    /// A whole number of 32 bits.
    Int,
    /// Dates and times, in milliseconds since 1970 UTC.
    Long,
    /// Numbers, currency amounts, percentages.
    Double,
}

impl AvroType {
    fn of(field_type: FieldType) -> AvroType {
        match field_type {
            FieldType::Boolean => AvroType::Boolean,
            FieldType::Int => AvroType::Int,
            FieldType::Currency | FieldType::Double | FieldType::Percent => AvroType::Double,
            FieldType::Date | FieldType::DateTime | FieldType::Time | FieldType::Long => AvroType::Long,
            _ => AvroType::String,
        }
    }

    fn name(self) -> &'static str {
        match self {
            AvroType::String => "string",
            AvroType::Boolean => "boolean",
            AvroType::Int => "int",
            AvroType::Long => "long",
            AvroType::Double => "double",
        }
    }
}

/// One top-level field of an event, after the header.
#[derive(Debug)]
pub(crate) enum EventField {
    /// A value of its own that is always there.
    Demanded(FieldIndex, AvroType),
    /// A value of its own, or none.
    Plain(FieldIndex, AvroType),
    /// A record of nullable parts: the object's fields that fill them, in order.
    Compound(Vec<(FieldIndex, AvroType)>),
    /// The name of an account: a text for a company, and for a person a record of parts, which are fields of the account too
    /// where it may be a person.
    Switchable(FieldIndex, Vec<(FieldIndex, AvroType)>),
}

/// The schema that events of one object are written with.
#[derive(Debug)]
pub(crate) struct EventSchema {
    /// 22 characters, the same for the same schema, another for any other.
    pub(crate) id: String,
    /// The schema as Avro's JSON.
    pub(crate) json: String,
    /// The object whose events these are.
    pub(crate) object: String,
    /// The fields after the header: the first of a change event stands at index 1 of the schema.
    pub(crate) fields: Vec<EventField>,
    /// By the field's position in its object.
    positions: Vec<Option<Position>>,
}

impl EventSchema {
    /// The schema of an object's events as the object is now.
    pub(crate) fn of(object: &ObjectSchema) -> EventSchema {
        let is_change = !object.is_platform_event();
        let mut fields = Vec::new();
        let mut positions = vec![None; object.width()];
        let mut avro_fields: Vec<Json> = is_change.then(header_schema).into_iter().collect();
        let mut compounds: Vec<String> = Vec::new();
        let mut named_types = NamedTypes::default();
        for (index, field) in object.each_field().filter(|(_, field)| field.in_change_event) {
            let position = avro_fields.len();
            let avro_type = AvroType::of(field.field_type);
            match &field.compound {
                None if !is_change && !field.custom => {
                    fields.push(EventField::Demanded(index, avro_type));
                    avro_fields.push(demanded_schema(field, avro_type));
                }
                None => {
                    positions[usize::from(index)] = Some(Position::Field(position));
                    avro_fields.push(plain_schema(object, field));
                    if is_switchable(object, field) {
                        let parts = object.components(&field.name);
                        for (at, (part_index, _)) in parts.iter().enumerate() {
                            positions[usize::from(*part_index)] = Some(Position::Part(position, at));
                        }
                        let typed = parts.into_iter().map(|(index, field)| (index, AvroType::of(field.field_type)));
                        fields.push(EventField::Switchable(index, typed.collect()));
                        compounds.push(field.name.clone());
                    } else {
                        fields.push(EventField::Plain(index, avro_type));
                    }
                }
                // The compound stands where the first of its parts does and takes them all; the others are done with then.
                Some(part) if compounds.contains(&part.parent) => {}
                Some(part) => {
                    let parts: Vec<_> = object
                        .components(&part.parent)
                        .into_iter()
                        .filter(|(_, field)| field.in_change_event)
                        .collect();
                    for (at, (part_index, _)) in parts.iter().enumerate() {
                        positions[usize::from(*part_index)] = Some(Position::Part(position, at));
                    }
                    avro_fields.push(named_types.compound_schema(object, &part.parent, &parts));
                    let typed = parts.into_iter().map(|(index, field)| (index, AvroType::of(field.field_type)));
                    fields.push(EventField::Compound(typed.collect()));
                    compounds.push(part.parent.clone());
                }
            }
        }

        let name = if is_change { event_name(&object.name) } else { object.name.clone() };
        let mut schema = json!({
            "type": "record",
            "name": name,
            "namespace": "com.sforce.eventbus",
            "fields": avro_fields,
        });
        let id = fingerprint(&schema.to_string());
        if !is_change {
            schema["uuid"] = json!(id);
        }
        EventSchema { id, json: schema.to_string(), object: object.name.clone(), fields, positions }
    }

    /// Where a field's value stands; `None` for a field that events do not carry.
    pub(crate) fn position(&self, field: FieldIndex) -> Option<Position> {
        self.positions.get(usize::from(field)).copied().flatten()
    }

    /// Fields that the object had when this was made, known or not: every field's position is below it.
    pub(crate) fn width(&self) -> usize {
        self.positions.len()
    }
}

/// 128 bits of the SHA-256 of the schema, as 22 characters that need no escaping in a URL.
fn fingerprint(json: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, json.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

fn header_schema() -> Json {
    let strings = json!({"type": "array", "items": "string"});
    json!({
        "name": "ChangeEventHeader",
        "type": {
            "type": "record",
            "name": "ChangeEventHeader",
            "fields": [
                {"name": "entityName", "type": "string"},
                {"name": "recordIds", "type": strings},
                {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": CHANGE_TYPES}},
                {"name": "changeOrigin", "type": "string"},
                {"name": "transactionKey", "type": "string"},
                {"name": "sequenceNumber", "type": "int"},
                {"name": "commitTimestamp", "type": "long"},
                {"name": "commitNumber", "type": "long"},
                {"name": "commitUser", "type": "string"},
                {"name": "nulledFields", "type": strings},
                {"name": "diffFields", "type": strings},
                {"name": "changedFields", "type": strings},
            ],
        },
        "doc": "Data:ComplexValueType",
    })
}

fn nullable(name: &str, avro_type: AvroType) -> Json {
    json!({"name": name, "type": ["null", avro_type.name()], "default": null})
}

fn demanded_schema(field: &FieldSchema, avro_type: AvroType) -> Json {
    let doc = if field.name == "CreatedById" { "CreatedBy:EntityId" } else { "CreatedDate:DateTime" };
    json!({"name": field.name, "type": avro_type.name(), "doc": doc})
}

/// An account may be a company or a person, so its name may be a text or a record.
fn is_switchable(object: &ObjectSchema, field: &FieldSchema) -> bool {
    object.name == "Account" && field.name == "Name"
}

fn plain_schema(object: &ObjectSchema, field: &FieldSchema) -> Json {
    if is_switchable(object, field) {
        let parts = ["Salutation", "FirstName", "LastName"].map(|part| nullable(part, AvroType::String));
        let person = json!({"type": "record", "name": "Switchable_PersonName", "fields": parts});
        return json!({
            "name": "Name",
            "type": ["null", "string", person],
            "doc": "Data:Switchable_PersonName",
            "default": null,
        });
    }
    json!({
        "name": field.name,
        "type": ["null", AvroType::of(field.field_type).name()],
        "doc": role(field),
        "default": null,
    })
}

/// The `doc` of a field: `<role>:<type>`, and for a custom field its 15-character id.
fn role(field: &FieldSchema) -> String {
    let role = match field.field_type {
        FieldType::Id | FieldType::Reference => "ForeignKey:EntityId",
        FieldType::DateTime if field.name == "CreatedDate" => "CreatedDate:DateTime",
        FieldType::DateTime => "Data:DateTime",
        FieldType::Date => "Data:DateOnly",
        FieldType::Time => "Data:TimeOnly",
        FieldType::TextArea if field.html_formatted => "Data:HtmlStringPlusClob",
        FieldType::TextArea => "Data:StringPlusClob",
        FieldType::Picklist if field.restricted_picklist && !field.custom => "Data:StaticEnum",
        FieldType::Picklist | FieldType::Combobox => "Data:DynamicEnum",
        FieldType::MultiPicklist => "Data:MultiEnum",
        FieldType::Boolean => "Data:Boolean",
        FieldType::Currency => "Data:Currency",
        FieldType::Int => "Data:Integer",
        FieldType::Double => "Data:Double",
        FieldType::Percent => "Data:Percent",
        FieldType::Phone => "Data:Phone",
        FieldType::Url => "Data:Url",
        FieldType::Email => "Data:Email",
        FieldType::Address => "Data:Address",
        FieldType::Location => "Data:Location",
        FieldType::Long => "Data:Long",
        FieldType::Base64 => "Data:Base64",
        FieldType::EncryptedString => "Data:EncryptedText",
        FieldType::String | FieldType::AnyType | FieldType::ComplexValue => "Data:Text",
    };
    match field.durable_id.get(..15) {
        Some(id) if field.custom => format!("{role}:{id}"),
        _ => role.to_owned(),
    }
}

/// The record types that a schema has defined so far: Avro defines a name once and refers to it afterwards.
#[derive(Default)]
struct NamedTypes(Vec<(String, Json)>);

impl NamedTypes {
    fn compound_schema(&mut self, object: &ObjectSchema, parent: &str, parts: &[(FieldIndex, &FieldSchema)]) -> Json {
        let kind = match object.field_named(parent).map(|(_, field)| field.field_type) {
            Some(FieldType::Address) => "Address",
            Some(FieldType::Location) => "Location",
            _ => "PersonName",
        };
        let part_fields: Json = parts
            .iter()
            .map(|(_, field)| {
                let name = field.compound.as_ref().map_or("", |part| part.name);
                nullable(name, AvroType::of(field.field_type))
            })
            .collect();
        json!({
            "name": parent,
            "type": ["null", self.define_or_refer(kind, part_fields)],
            "doc": format!("Data:{kind}"),
            "default": null,
        })
    }

    fn define_or_refer(&mut self, kind: &str, part_fields: Json) -> Json {
        if let Some((name, _)) = self.0.iter().find(|(name, defined)| name.starts_with(kind) && *defined == part_fields)
        {
            return json!(name);
        }
        // An address with other parts than the first one's needs a name of its own.
        let same_kind = self.0.iter().filter(|(name, _)| name.starts_with(kind)).count();
        let name = if same_kind == 0 { kind.to_owned() } else { format!("{kind}{}", same_kind + 1) };
        self.0.push((name.clone(), part_fields.clone()));
        json!({"type": "record", "name": name, "fields": part_fields})
    }
}

/// The form that streaming clients of old get for the same event, with its envelope and with times as text (REST API guide,
/// "Platform Event Schema by Event Name").
pub(crate) fn expanded(compact: &Json) -> Json {
    let mut payload_fields = compact["fields"].clone();
    for field in payload_fields.as_array_mut().into_iter().flatten() {
        if field["doc"].as_str().is_some_and(|doc| doc.contains(":DateTime")) {
            let is_nullable = field["type"].is_array();
            field["type"] = if is_nullable { json!(["null", "string"]) } else { json!("string") };
        }
    }
    let payload = json!({"type": "record", "name": "Payload", "doc": "", "fields": payload_fields});
    let replay = json!({"type": "record", "name": "Event", "fields": [{"name": "replayId", "type": "long"}]});
    let data = json!({
        "type": "record",
        "name": "Data",
        "namespace": "",
        "fields": [
            {"name": "schema", "type": "string"},
            {"name": "payload", "type": payload},
            {"name": "event", "type": replay},
        ],
    });
    json!({
        "name": compact["name"],
        "namespace": compact["namespace"],
        "type": "expanded-record",
        "fields": [{"name": "data", "type": data}, {"name": "channel", "type": "string"}],
    })
}

/// Every schema that events were written with, by its id, and those of each object.
#[derive(Debug, Default)]
pub(crate) struct SchemaRegistry {
    of_objects: HashMap<String, OfObject>,
    by_id: HashMap<String, Arc<EventSchema>>,
}

#[derive(Debug)]
struct OfObject {
    version: u32,
    present: Arc<EventSchema>,
    past: Option<Arc<EventSchema>>,
}

impl SchemaRegistry {
    /// The present schema of an object.
    pub(crate) fn schema_of(&mut self, object: &ObjectSchema) -> Arc<EventSchema> {
        let past = match self.of_objects.get_mut(&object.name) {
            Some(known) if known.version == object.version => return known.present.clone(),
            known => known.map(|known| known.present.clone()),
        };
        let present = Arc::new(EventSchema::of(object));
        // A change that events do not show, such as a label's, leaves their schema as it is.
        let past = past.filter(|past| past.id != present.id);
        self.by_id.insert(present.id.clone(), present.clone());
        let of_object = OfObject { version: object.version, present: present.clone(), past };
        self.of_objects.insert(object.name.clone(), of_object);
        present
    }

    /// The schema that an object had before the present one, which events may still be written with for a while.
    pub(crate) fn past_schema_of(&self, object: &ObjectSchema) -> Option<Arc<EventSchema>> {
        self.of_objects.get(&object.name)?.past.clone()
    }

    /// The schema with this id, present or past.
    pub(crate) fn with_id(&self, id: &str) -> Option<Arc<EventSchema>> {
        self.by_id.get(id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::channel::has_change_events;
    use crate::core::{Org, OrgProfile};

    fn org() -> Org {
        Org::new(&OrgProfile::default(), [1; 32], 0)
    }

    #[test]
    fn every_object_has_a_schema_that_avro_understands() {
        for object in org().objects().filter(|object| has_change_events(object)) {
            let schema = EventSchema::of(object);
            let parsed = apache_avro::Schema::parse_str(&schema.json);
            assert!(parsed.is_ok(), "{}: {parsed:?}", object.name);
            assert_eq!(schema.id.len(), 22);
        }
    }

    #[test]
    fn fields_have_the_shape_and_the_roles_of_an_orgs_own_schemas() {
        let org = org();
        let schema = EventSchema::of(org.object("Account").expect("there are accounts"));
        let schema: Json = serde_json::from_str(&schema.json).expect("JSON");
        let field = |name: &str| {
            let fields = schema["fields"].as_array().expect("a list");
            fields.iter().find(|field| field["name"] == name).unwrap_or_else(|| panic!("there is {name}")).clone()
        };
        assert_eq!(schema["name"], "AccountChangeEvent");
        assert_eq!(schema["namespace"], "com.sforce.eventbus");
        assert_eq!(schema["fields"][0]["name"], "ChangeEventHeader");
        assert_eq!(
            field("Industry"),
            json!({"name": "Industry", "type": ["null", "string"], "doc": "Data:DynamicEnum", "default": null})
        );
        assert_eq!(field("Name")["type"][2]["name"], "Switchable_PersonName");
        assert_eq!(field("BillingAddress")["type"][1]["fields"][1]["name"], "City");
        assert_eq!(field("ShippingAddress")["type"], json!(["null", "Address"]));
        assert_eq!(field("CreatedDate")["doc"], "CreatedDate:DateTime");
        assert_eq!(field("ParentId")["doc"], "ForeignKey:EntityId");
        assert_eq!(field("CleanStatus")["doc"], "Data:StaticEnum");
        let names: Vec<_> = schema["fields"].as_array().expect("a list").iter().map(|field| &field["name"]).collect();
        for absent in ["Id", "IsDeleted", "SystemModstamp", "LastActivityDate", "BillingCity"] {
            assert!(!names.iter().any(|name| *name == absent), "{absent} is no field of the event");
        }
    }

    #[test]
    fn a_new_field_makes_a_new_schema_and_the_old_one_stays_known() {
        let mut org = org();
        let mut registry = SchemaRegistry::default();
        let contact = |org: &Org| org.object("Contact").expect("there are contacts").clone();
        let old = registry.schema_of(&contact(&org));
        assert_eq!(registry.schema_of(&contact(&org)).id, old.id);

        org.add_custom_field("Contact", FieldSchema::text("Plan__c", "Plan", 255)).expect("a new field");
        let new = registry.schema_of(&contact(&org));
        assert_ne!(new.id, old.id);
        assert!(registry.with_id(&old.id).is_some() && registry.with_id(&new.id).is_some());
        let json: Json = serde_json::from_str(&new.json).expect("JSON");
        let last = json["fields"].as_array().and_then(|fields| fields.last()).expect("a last field");
        assert_eq!(last["name"], "Plan__c");
        assert!(last["doc"].as_str().is_some_and(|doc| doc.starts_with("Data:Text:00N") && doc.len() == 25), "{last}");
    }
}
