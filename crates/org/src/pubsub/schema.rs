//! The Avro schema of an object's change events, and the way from the object's fields to positions in it.
//!
//! Shape, names and `doc` texts are those of schemas that a Salesforce org hands out: `ChangeEventHeader` first, then the
//! object's fields in the object's order, each nullable, the parts of a name or address inside one compound field.
//! (Change Data Capture guide; Pub/Sub API guide.) Knows no values; [`super::encode`] writes them.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

use super::bitmap::Position;
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

/// One top-level field of the event, after the header.
#[derive(Debug)]
pub(crate) enum EventField {
    /// A value of its own.
    Plain(FieldIndex),
    /// A record of nullable parts: the object's fields that fill them, in order.
    Compound(Vec<FieldIndex>),
}

/// The schema that events of one object are written with.
#[derive(Debug)]
pub(crate) struct EventSchema {
    /// 22 characters, the same for the same schema, another for any other.
    pub(crate) id: String,
    /// The schema as Avro's JSON.
    pub(crate) json: String,
    /// The fields after the header: the first stands at index 1 of the schema.
    pub(crate) fields: Vec<EventField>,
    types: HashMap<FieldIndex, AvroType>,
    positions: HashMap<FieldIndex, Position>,
}

impl EventSchema {
    /// The schema of an object's change events as the object is now.
    pub(crate) fn of(object: &ObjectSchema) -> EventSchema {
        let mut schema = EventSchema {
            id: String::new(),
            json: String::new(),
            fields: Vec::new(),
            types: HashMap::new(),
            positions: HashMap::new(),
        };
        let mut avro_fields = vec![header_schema()];
        let mut compounds: Vec<String> = Vec::new();
        let mut named_types = NamedTypes::default();
        for (index, field) in object.each_field().filter(|(_, field)| field.in_change_event) {
            let position = avro_fields.len();
            match &field.compound {
                None => {
                    schema.types.insert(index, AvroType::of(field.field_type));
                    schema.positions.insert(index, Position::Field(position));
                    schema.fields.push(EventField::Plain(index));
                    avro_fields.push(plain_schema(object, field));
                }
                // The compound stands where the first of its parts does and takes them all; the others are done with then.
                Some(part) if compounds.contains(&part.parent) => {}
                Some(part) => {
                    let parts: Vec<_> = object
                        .components(&part.parent)
                        .into_iter()
                        .filter(|(_, field)| field.in_change_event)
                        .collect();
                    for (at, (part_index, part_field)) in parts.iter().enumerate() {
                        schema.types.insert(*part_index, AvroType::of(part_field.field_type));
                        schema.positions.insert(*part_index, Position::Part(position, at));
                    }
                    avro_fields.push(named_types.compound_schema(object, &part.parent, &parts));
                    schema.fields.push(EventField::Compound(parts.into_iter().map(|(index, _)| index).collect()));
                    compounds.push(part.parent.clone());
                }
            }
        }

        schema.json = json!({
            "type": "record",
            "name": event_name(&object.name),
            "namespace": "com.sforce.eventbus",
            "fields": avro_fields,
        })
        .to_string();
        schema.id = fingerprint(&schema.json);
        schema
    }

    /// How a field's value is written; `None` for a field that events do not carry.
    pub(crate) fn avro_type(&self, field: FieldIndex) -> Option<AvroType> {
        self.types.get(&field).copied()
    }

    /// Where a field's value stands; `None` for a field that events do not carry.
    pub(crate) fn position(&self, field: FieldIndex) -> Option<Position> {
        self.positions.get(&field).copied()
    }
}

/// `ContactChangeEvent`, and `Employee__ChangeEvent` for the custom object `Employee__c`.
pub(crate) fn event_name(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(custom) => format!("{custom}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    }
}

/// The object that an event name belongs to: the inverse of [`event_name`]. `None` if it is no change event's name.
pub(crate) fn object_name(event: &str) -> Option<String> {
    match event.strip_suffix("__ChangeEvent") {
        Some(custom) if !custom.is_empty() => Some(format!("{custom}__c")),
        _ => event.strip_suffix("ChangeEvent").filter(|object| !object.is_empty()).map(str::to_owned),
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

fn plain_schema(object: &ObjectSchema, field: &FieldSchema) -> Json {
    // An account may be a company or a person, so its name may be a text or a record; see the third branch.
    if object.name == "Account" && field.name == "Name" {
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

/// Every schema that events were written with, by its id, and the present one of each object.
#[derive(Debug, Default)]
pub(crate) struct SchemaRegistry {
    present: HashMap<String, (u32, Arc<EventSchema>)>,
    by_id: HashMap<String, Arc<EventSchema>>,
}

impl SchemaRegistry {
    /// The present schema of an object.
    pub(crate) fn schema_of(&mut self, object: &ObjectSchema) -> Arc<EventSchema> {
        match self.present.get(&object.name) {
            Some((version, schema)) if *version == object.version => schema.clone(),
            _ => {
                let schema = Arc::new(EventSchema::of(object));
                self.by_id.insert(schema.id.clone(), schema.clone());
                self.present.insert(object.name.clone(), (object.version, schema.clone()));
                schema
            }
        }
    }

    /// The schema with this id, present or past.
    pub(crate) fn with_id(&self, id: &str) -> Option<Arc<EventSchema>> {
        self.by_id.get(id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Org, OrgProfile};

    fn org() -> Org {
        Org::new(&OrgProfile::default(), [1; 32], 0)
    }

    #[test]
    fn every_object_has_a_schema_that_avro_understands() {
        for object in org().objects() {
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

    #[test]
    fn event_names_lead_to_objects_and_back() {
        for (object, event) in [("Contact", "ContactChangeEvent"), ("Employee__c", "Employee__ChangeEvent")] {
            assert_eq!(event_name(object), event);
            assert_eq!(object_name(event).as_deref(), Some(object));
        }
        for name in ["ChangeEvent", "__ChangeEvent", "Contact", "ContactChangeEvents"] {
            assert_ne!(object_name(name).as_deref(), Some("Contact"), "{name}");
        }
        assert_eq!(object_name("ChangeEvent"), None);
    }
}
