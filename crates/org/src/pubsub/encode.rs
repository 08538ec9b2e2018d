//! An event as its bytes.
//!
//! Avro's binary form of such an event is short to write by hand: a run of union branches, zero for "no value". So it is
//! written straight into one buffer, and no tree of values is built for the 80 fields that an update leaves empty.

use super::bitmap::bitmap;
use super::schema::{AvroType, CHANGE_TYPES, EventField, EventSchema};
use crate::core::{ChangeType, CommittedEvent, FieldIndex, FieldRef, FieldValue, PublishedEvent};

const MS_PER_DAY: i64 = 86_400_000;

const NULL_BRANCH: i64 = 0;
const VALUE_BRANCH: i64 = 1;
/// The third branch of an account's name; a company's is the second, as everywhere.
const PERSON_BRANCH: i64 = 2;

/// What one subscriber gets of a change.
pub(crate) struct Told<'e> {
    pub(crate) event: &'e CommittedEvent,
    /// One of the event's records, if it is told of them one by one.
    pub(crate) record_id: Option<&'e String>,
    /// Values that the subscriber's channel adds; what changed wins over them.
    pub(crate) enriched: &'e [(FieldIndex, FieldValue)],
    /// By the field's position: whether the subscriber may not read it. Fields beyond it may be read.
    pub(crate) hidden: &'e [bool],
}

/// A change in Avro's binary form, by this schema. Values of fields that the schema does not have are left out.
pub(crate) fn encode_change(told: &Told<'_>, schema: &EventSchema) -> Vec<u8> {
    let is_hidden = |field: FieldIndex| told.hidden.get(usize::from(field)).copied().unwrap_or(false);
    let mut values = Values::new(schema);
    for (field, value) in told.enriched.iter().chain(&told.event.values).filter(|(field, _)| !is_hidden(*field)) {
        values.set(*field, value.as_field_ref());
    }
    let mut out = AvroWriter(Vec::with_capacity(512));
    write_header(&mut out, told, schema, &is_hidden);
    write_fields(&mut out, &values, schema);
    out.0
}

/// A platform event in Avro's binary form, by this schema.
pub(crate) fn encode_published(event: &PublishedEvent, schema: &EventSchema) -> Vec<u8> {
    let mut values = Values::new(schema);
    event.values.iter().for_each(|(field, value)| values.set(*field, value.as_field_ref()));
    let mut out = AvroWriter(Vec::with_capacity(256));
    write_fields(&mut out, &values, schema);
    out.0
}

/// An event's values by their fields' positions, so that finding one is no search.
struct Values<'e>(Vec<FieldRef<'e>>);

impl<'e> Values<'e> {
    fn new(schema: &EventSchema) -> Values<'e> {
        Values(vec![FieldValue::Null; schema.width()])
    }

    fn set(&mut self, field: FieldIndex, value: FieldRef<'e>) {
        // A field that was added since the schema was made has no place in it.
        if let Some(own) = self.0.get_mut(usize::from(field)) {
            *own = value;
        }
    }

    fn get(&self, field: FieldIndex) -> FieldRef<'e> {
        self.0[usize::from(field)]
    }
}

fn write_header(out: &mut AvroWriter, told: &Told<'_>, schema: &EventSchema, is_hidden: &dyn Fn(FieldIndex) -> bool) {
    let event = told.event;
    let positions = |fields: &mut dyn Iterator<Item = FieldIndex>| {
        bitmap(fields.filter(|field| !is_hidden(*field)).filter_map(|field| schema.position(field)))
    };
    let nulled = positions(&mut event.nulled.iter().copied());
    let diffed = positions(&mut event.diffed.iter().copied());
    // The values of a new or restored record speak for themselves; only an update says what changed.
    let changed = match event.change_type {
        ChangeType::Update => {
            positions(&mut event.values.iter().map(|(field, _)| *field).chain(event.nulled.iter().copied()))
        }
        _ => Vec::new(),
    };
    let change_type = CHANGE_TYPES.iter().position(|symbol| *symbol == event.change_type.as_str());

    out.string(&event.entity);
    out.strings(told.record_id.map_or(event.record_ids.as_slice(), std::slice::from_ref));
    out.long(change_type.expect("every change type is a symbol of the schema") as i64);
    out.string(&event.change_origin);
    out.string(&event.transaction_key);
    out.long(event.sequence_number.into());
    out.long(event.commit_timestamp_ms);
    out.long(event.commit_number);
    out.string(&event.commit_user);
    out.strings(&nulled);
    out.strings(&diffed);
    out.strings(&changed);
}

fn write_fields(out: &mut AvroWriter, values: &Values<'_>, schema: &EventSchema) {
    for field in &schema.fields {
        match field {
            EventField::Demanded(index, avro_type) => write_demanded(out, *avro_type, values.get(*index)),
            EventField::Plain(index, avro_type) => write_nullable(out, *avro_type, values.get(*index)),
            EventField::Compound(parts) => write_parts(out, VALUE_BRANCH, parts, values),
            EventField::Switchable(name, parts) => match values.get(*name) {
                FieldValue::Null => write_parts(out, PERSON_BRANCH, parts, values),
                name => write_nullable(out, AvroType::String, name),
            },
        }
    }
}

fn write_parts(out: &mut AvroWriter, branch: i64, parts: &[(FieldIndex, AvroType)], values: &Values<'_>) {
    let is_filled = parts.iter().any(|(part, _)| !values.get(*part).is_null());
    out.long(if is_filled { branch } else { NULL_BRANCH });
    if is_filled {
        parts.iter().for_each(|(part, avro_type)| write_nullable(out, *avro_type, values.get(*part)));
    }
}

fn write_nullable(out: &mut AvroWriter, avro_type: AvroType, value: FieldRef<'_>) {
    match (avro_type, value) {
        (AvroType::String, FieldValue::Text(text)) => {
            out.long(VALUE_BRANCH);
            out.string(text);
        }
        (AvroType::Boolean, FieldValue::Boolean(value)) => {
            out.long(VALUE_BRANCH);
            out.0.push(u8::from(value));
        }
        (AvroType::Int, FieldValue::Integer(value)) => {
            out.long(VALUE_BRANCH);
            out.long(value);
        }
        (AvroType::Long, FieldValue::Integer(value)) => {
            out.long(VALUE_BRANCH);
            out.long(value);
        }
        (AvroType::Double, FieldValue::Number(value)) => {
            out.long(VALUE_BRANCH);
            out.0.extend_from_slice(&value.to_le_bytes());
        }
        (AvroType::Long, FieldValue::Date(days)) => {
            out.long(VALUE_BRANCH);
            out.long(i64::from(days) * MS_PER_DAY);
        }
        (AvroType::Long, FieldValue::DateTime(ms)) => {
            out.long(VALUE_BRANCH);
            out.long(ms);
        }
        (AvroType::Long, FieldValue::Time(ms)) => {
            out.long(VALUE_BRANCH);
            out.long(i64::from(ms));
        }
        // A value from before its field's type was converted has no form in the new type.
        _ => out.long(NULL_BRANCH),
    }
}

/// A value that every event has.
fn write_demanded(out: &mut AvroWriter, avro_type: AvroType, value: FieldRef<'_>) {
    match (avro_type, value) {
        (AvroType::Long, FieldValue::DateTime(ms)) => out.long(ms),
        (AvroType::String, value) => out.string(value.as_text().unwrap_or_default()),
        _ => out.long(0),
    }
}

/// Avro's binary forms (Avro specification, "Binary Encoding").
struct AvroWriter(Vec<u8>);

impl AvroWriter {
    /// A whole number of any width: zigzag, then seven bits a byte, the lowest first.
    fn long(&mut self, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        while rest >= 0x80 {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    fn string(&mut self, text: &str) {
        self.long(text.len() as i64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// An array: one block with its count if there is anything, then the empty block that ends it.
    fn strings(&mut self, items: &[String]) {
        if !items.is_empty() {
            self.long(items.len() as i64);
            items.iter().for_each(|item| self.string(item));
        }
        self.long(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Org, OrgProfile, Write, WriteContext};
    use crate::pubsub::bitmap::Position;
    use crate::pubsub::bitmap::tests::decode as decode_bitmap;
    use apache_avro::reader::datum::GenericDatumReader;
    use apache_avro::types::Value;
    use serde_json::{Value as Json, json};
    use std::sync::Arc;

    const NOW_MS: i64 = 1_790_000_000_000;

    /// An org in which things happen, read back the way a subscriber does: with another Avro library, by the schema's JSON.
    struct Watched {
        org: Org,
    }

    fn told(event: &CommittedEvent) -> Told<'_> {
        Told { event, record_id: None, enriched: &[], hidden: &[] }
    }

    /// An event as a subscriber sees it.
    struct Seen {
        fields: Vec<(String, Value)>,
        schema: Json,
    }

    impl Watched {
        fn new() -> Watched {
            Watched { org: Org::new(&OrgProfile::default(), [7; 32], NOW_MS) }
        }

        fn write(&mut self, write: Write) -> String {
            let user_id = self.org.admin_user_id().to_owned();
            let change_origin = "com/salesforce/api/rest/66.0;client=test".to_owned();
            let context = WriteContext { user_id, change_origin, now_ms: NOW_MS };
            let outcome = self.org.commit(&context, true, vec![write]).remove(0);
            outcome.expect("the write is accepted").id
        }

        fn create(&mut self, object: &str, values: Json) -> String {
            self.write(Write::Create {
                object: object.to_owned(),
                values: values.as_object().expect("an object").clone(),
            })
        }

        fn update(&mut self, id: &str, values: Json) {
            let values = values.as_object().expect("an object").clone();
            self.write(Write::Update { object: None, id: id.to_owned(), values });
        }

        fn last_event(&self) -> Seen {
            self.seen(self.org.events_after(None).last().expect("something happened"))
        }

        fn seen(&self, event: &CommittedEvent) -> Seen {
            let object = self.org.object(&event.entity).expect("the event's object exists");
            let schema = EventSchema::of(object);
            let bytes = encode_change(&told(event), &schema);

            let avro = apache_avro::Schema::parse_str(&schema.json).expect("the schema is an Avro schema");
            let reader = GenericDatumReader::builder(&avro).build().expect("the schema resolves");
            let mut rest = bytes.as_slice();
            let Value::Record(fields) = reader.read_value(&mut rest).expect("the event is in its schema's form") else {
                panic!("an event is a record");
            };
            assert!(rest.is_empty(), "nothing follows the event");
            Seen { fields, schema: serde_json::from_str(&schema.json).expect("a schema is JSON") }
        }
    }

    fn named<'a>(fields: &'a [(String, Value)], name: &str) -> &'a Value {
        &fields.iter().find(|(own, _)| own == name).unwrap_or_else(|| panic!("there is a field {name}")).1
    }

    impl Seen {
        fn header(&self, name: &str) -> &Value {
            let Value::Record(header) = &self.fields[0].1 else { panic!("the header comes first") };
            named(header, name)
        }

        fn value(&self, name: &str) -> &Value {
            match named(&self.fields, name) {
                Value::Union(_, value) => value,
                other => panic!("every field but the header is a union, {name} is {other:?}"),
            }
        }

        fn part(&self, compound: &str, name: &str) -> &Value {
            let Value::Record(parts) = self.value(compound) else { panic!("{compound} has no parts") };
            match named(parts, name) {
                Value::Union(_, value) => value,
                other => panic!("every part is a union, {name} is {other:?}"),
            }
        }

        fn populated(&self) -> Vec<&str> {
            let is_populated = |value: &Value| !matches!(value, Value::Union(_, inner) if **inner == Value::Null);
            self.fields[1..].iter().filter(|(_, value)| is_populated(value)).map(|(name, _)| name.as_str()).collect()
        }

        /// What a bitmap of the header names, by the schema's own field names.
        fn fields_of(&self, header_field: &str) -> Vec<String> {
            let Value::Array(entries) = self.header(header_field) else { panic!("{header_field} is an array") };
            let entries: Vec<String> = entries.iter().map(text).map(str::to_owned).collect();
            let name = |field: &Json| field["name"].as_str().expect("a field has a name").to_owned();
            let compound = |at: usize| &self.schema["fields"][at];
            decode_bitmap(&entries)
                .into_iter()
                .map(|position| match position {
                    Position::Field(at) => name(&self.schema["fields"][at]),
                    Position::Part(at, part) => {
                        // The second address refers to the first one's type by name.
                        let defined =
                            self.schema["fields"].as_array().expect("a list").iter().map(|field| &field["type"][1]);
                        let mut types = defined.filter(|kind| {
                            kind["name"] == compound(at)["type"][1] || *kind == &compound(at)["type"][1]
                        });
                        let parts = types.find(|kind| kind.is_object()).expect("the type is defined");
                        format!("{}.{}", name(compound(at)), name(&parts["fields"][part]))
                    }
                })
                .collect()
        }
    }

    fn text(value: &Value) -> &str {
        match value {
            Value::String(text) => text,
            other => panic!("{other:?} is no text"),
        }
    }

    #[test]
    fn an_update_carries_only_what_changed_and_names_it() {
        let mut watched = Watched::new();
        let contact =
            watched.create("Contact", json!({"LastName": "Okafor", "Title": "Analyst", "Email": "a@b.example"}));
        watched.update(&contact, json!({"Title": "Director"}));

        let event = watched.last_event();
        assert_eq!(text(event.header("entityName")), "Contact");
        assert_eq!(*event.header("changeType"), Value::Enum(1, "UPDATE".to_owned()));
        assert_eq!(*event.header("recordIds"), Value::Array(vec![Value::String(contact)]));
        assert_eq!(text(event.header("changeOrigin")), "com/salesforce/api/rest/66.0;client=test");
        assert_eq!(*event.header("commitTimestamp"), Value::Long(NOW_MS));
        assert_eq!(event.fields_of("changedFields"), ["Title", "LastModifiedDate"]);
        assert_eq!(event.populated(), ["Title", "LastModifiedDate"]);
        assert_eq!(text(event.value("Title")), "Director");
        assert_eq!(*event.value("LastModifiedDate"), Value::Long(NOW_MS));
        assert!(event.fields_of("nulledFields").is_empty() && event.fields_of("diffFields").is_empty());
    }

    #[test]
    fn an_accounts_name_is_a_text_and_that_of_a_person_a_record_of_its_parts() {
        let mut watched = Watched::new();
        watched.create("Account", json!({"Name": "Acme"}));
        assert_eq!(text(watched.last_event().value("Name")), "Acme");
        watched.org.enable_person_accounts(NOW_MS);
        watched.create("Account", json!({"Name": "Other"}));
        assert_eq!(text(watched.last_event().value("Name")), "Other");
        let person = watched.create("Account", json!({"FirstName": "Ann", "LastName": "Ay"}));
        watched.update(&person, json!({"FirstName": "Bea", "LastName": "Bee"}));
        // Its contact's event comes after it.
        let of_account = |event: &&Arc<CommittedEvent>| event.entity == "Account";
        let event = watched.org.events_after(None).filter(of_account).last().expect("the account changed").clone();
        let event = watched.seen(&event);
        assert_eq!(text(event.part("Name", "FirstName")), "Bea");
        assert_eq!(text(event.part("Name", "LastName")), "Bee");
        assert_eq!(*event.part("Name", "Salutation"), Value::Null);
        assert_eq!(event.populated(), ["Name", "LastModifiedDate"]);
        let Value::Array(changed) = event.header("changedFields") else { panic!("a list") };
        assert!(changed.iter().any(|entry| text(entry).contains("-0x")), "the parts are named: {changed:?}");
    }

    #[test]
    fn a_cleared_field_is_null_and_named_among_the_nulled_and_the_changed() {
        let mut watched = Watched::new();
        let contact = watched.create("Contact", json!({"LastName": "Eze", "Title": "Analyst"}));
        watched.update(&contact, json!({"Title": null}));

        let event = watched.last_event();
        assert_eq!(event.fields_of("nulledFields"), ["Title"]);
        assert_eq!(event.fields_of("changedFields"), ["Title", "LastModifiedDate"]);
        assert_eq!(event.populated(), ["LastModifiedDate"]);
    }

    #[test]
    fn parts_of_names_and_addresses_are_named_under_their_compound() {
        let mut watched = Watched::new();
        let contact = watched.create("Contact", json!({"LastName": "Eze", "FirstName": "Ada", "OtherCity": "Lagos"}));
        watched.update(
            &contact,
            json!({"FirstName": "Adaeze", "MailingCity": "Enugu", "MailingLatitude": 0.25, "OtherCity": null}),
        );

        let event = watched.last_event();
        assert_eq!(
            event.fields_of("changedFields"),
            [
                "LastModifiedDate",
                "Name.FirstName",
                "OtherAddress.City",
                "MailingAddress.City",
                "MailingAddress.Latitude"
            ]
        );
        assert_eq!(event.fields_of("nulledFields"), ["OtherAddress.City"]);
        assert_eq!(event.populated(), ["Name", "MailingAddress", "LastModifiedDate"]);
        assert_eq!(text(event.part("Name", "FirstName")), "Adaeze");
        assert_eq!(*event.part("Name", "LastName"), Value::Null);
        assert_eq!(text(event.part("MailingAddress", "City")), "Enugu");
        assert_eq!(*event.part("MailingAddress", "Latitude"), Value::Double(0.25));
    }

    #[test]
    fn a_create_carries_every_value_in_its_type_and_names_none() {
        let mut watched = Watched::new();
        let account =
            json!({"Name": "Acme Corp", "AnnualRevenue": 1_500_000, "NumberOfEmployees": 42, "BillingCity": "Köln"});
        let account = watched.create("Account", account);
        let event = watched.last_event();
        assert_eq!(*event.header("changeType"), Value::Enum(0, "CREATE".to_owned()));
        assert!(event.fields_of("changedFields").is_empty());
        assert_eq!(*named(&event.fields, "Name"), Value::Union(1, Box::new(Value::String("Acme Corp".to_owned()))));
        assert_eq!(*event.value("AnnualRevenue"), Value::Double(1_500_000.0));
        assert_eq!(*event.value("NumberOfEmployees"), Value::Int(42));
        assert_eq!(text(event.part("BillingAddress", "City")), "Köln");
        assert_eq!(*event.value("CreatedDate"), Value::Long(NOW_MS));

        let birthday = json!({"LastName": "Roe", "AccountId": account, "Birthdate": "1970-01-03", "DoNotCall": true});
        watched.create("Contact", birthday);
        let event = watched.last_event();
        assert_eq!(*event.value("Birthdate"), Value::Long(2 * MS_PER_DAY));
        assert_eq!(*event.value("DoNotCall"), Value::Boolean(true));
        assert_eq!(text(event.value("AccountId")), account);
    }

    #[test]
    fn a_delete_is_a_header_alone_and_an_undelete_is_whole_again() {
        let mut watched = Watched::new();
        let lead = watched.create("Lead", json!({"LastName": "Roe", "Company": "Roe Ltd"}));
        watched.write(Write::Delete { object: None, id: lead.clone() });
        let event = watched.last_event();
        assert_eq!(*event.header("changeType"), Value::Enum(2, "DELETE".to_owned()));
        assert!(event.populated().is_empty());

        watched.write(Write::Undelete { id: lead });
        let event = watched.last_event();
        assert_eq!(*event.header("changeType"), Value::Enum(3, "UNDELETE".to_owned()));
        assert_eq!(text(event.value("Company")), "Roe Ltd");
    }

    #[test]
    fn a_change_without_values_is_a_header_alone() {
        let mut watched = Watched::new();
        watched.create("Contact", json!({"LastName": "Roe"}));
        let original = watched.org.events_after(None).last().expect("an event").clone();
        for (change_type, symbol) in [
            (ChangeType::GapCreate, 4),
            (ChangeType::GapUpdate, 5),
            (ChangeType::GapDelete, 6),
            (ChangeType::GapUndelete, 7),
            (ChangeType::GapOverflow, 8),
        ] {
            let gap = CommittedEvent { change_type, values: Vec::new(), ..(*original).clone() };
            let schema = EventSchema::of(watched.org.object("Contact").expect("there are contacts"));
            let avro = apache_avro::Schema::parse_str(&schema.json).expect("an Avro schema");
            let reader = GenericDatumReader::builder(&avro).build().expect("the schema resolves");
            let Value::Record(fields) =
                reader.read_value(&mut encode_change(&told(&gap), &schema).as_slice()).expect("an event")
            else {
                panic!("an event is a record");
            };
            let seen = Seen { fields, schema: Json::Null };
            assert_eq!(*seen.header("changeType"), Value::Enum(symbol, change_type.as_str().to_owned()));
            assert!(seen.populated().is_empty());
        }
    }
}
