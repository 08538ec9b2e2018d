//! Tests of decoding: real shapes of events, and that no bytes make it panic.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;
use syncline_model::schema::FieldSchema;

use super::*;

const ID: &str = "003q000000KvQ1t";
const LONG_ID: &str = "003q000000KvQ1tAAF";
const AT: i64 = 1_767_269_700_123;
// Positions in the schema below.
const NAME: usize = 1;
const EMAIL: usize = 2;
const BIRTHDATE: usize = 3;
const SCORE: usize = 4;
const ADDRESS: usize = 5;
const TOPICS: usize = 7;

fn schema() -> EventSchema {
    let strings = json!({"type": "array", "items": "string"});
    let field =
        |name: &str, avro: &str, doc: &str| json!({"name": name, "type": ["null", avro], "doc": doc, "default": null});
    let part = |name: &str, avro: &str| json!({"name": name, "type": ["null", avro], "default": null});
    let json = json!({"type": "record", "name": "ContactChangeEvent", "namespace": "com.sforce.eventbus", "fields": [
        {"name": "ChangeEventHeader", "type": {"type": "record", "name": "ChangeEventHeader", "fields": [
            {"name": "entityName", "type": "string"},
            {"name": "recordIds", "type": strings},
            {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": ["CREATE", "UPDATE", "DELETE",
                "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT"]}},
            {"name": "changeOrigin", "type": "string"},
            {"name": "transactionKey", "type": "string"},
            {"name": "sequenceNumber", "type": "int"},
            {"name": "commitTimestamp", "type": "long"},
            {"name": "commitNumber", "type": "long"},
            {"name": "commitUser", "type": "string"},
            {"name": "nulledFields", "type": strings},
            {"name": "diffFields", "type": strings},
            {"name": "changedFields", "type": strings},
        ]}},
        {"name": "Name", "doc": "Data:PersonName", "default": null, "type": ["null", {"type": "record", "name": "PersonName",
            "fields": [part("Salutation", "string"), part("FirstName", "string"), part("LastName", "string")]}]},
        field("Email", "string", "Data:Email"),
        field("Birthdate", "long", "Data:DateOnly"),
        field("Score__c", "double", "Data:Double:00N000000000001"),
        {"name": "MailingAddress", "doc": "Data:Address", "default": null, "type": ["null", {"type": "record", "name": "Address",
            "fields": [part("Street", "string"), part("City", "string"), part("Latitude", "double")]}]},
        {"name": "OtherAddress", "doc": "Data:Address", "default": null, "type": ["null", "com.sforce.eventbus.Address"]},
        field("Topics__c", "string", "Data:MultiEnum:00N000000000002"),
        field("Opaque__c", "long", "Data:Something"),
    ]});
    EventSchema::parse(&json.to_string()).unwrap()
}

/// Avro's binary form, written out by hand.
#[derive(Clone, Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn long(mut self, value: i64) -> Self {
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        loop {
            let low = (rest & 0x7f) as u8;
            rest >>= 7;
            if rest == 0 {
                self.0.push(low);
                return self;
            }
            self.0.push(low | 0x80);
        }
    }

    fn text(self, text: &str) -> Self {
        let mut this = self.long(text.len() as i64);
        this.0.extend_from_slice(text.as_bytes());
        this
    }

    fn texts(mut self, items: &[&str]) -> Self {
        if !items.is_empty() {
            self = self.long(items.len() as i64);
        }
        items.iter().fold(self, |writer, item| writer.text(item)).long(0)
    }

    fn null(self) -> Self {
        self.long(0)
    }

    fn some_text(self, text: &str) -> Self {
        self.long(1).text(text)
    }

    fn some_double(self, value: f64) -> Self {
        let mut this = self.long(1);
        this.0.extend_from_slice(&value.to_le_bytes());
        this
    }
}

struct Event<'a> {
    change_type: i64,
    ids: &'a [&'a str],
    nulled: &'a [&'a str],
    diff: &'a [&'a str],
    changed: &'a [&'a str],
}

const CREATE: i64 = 0;
const UPDATE: i64 = 1;
const DELETE: i64 = 2;
const GAP_UPDATE: i64 = 5;
const GAP_DELETE: i64 = 6;
const GAP_OVERFLOW: i64 = 8;

impl Default for Event<'_> {
    fn default() -> Self {
        Self { change_type: UPDATE, ids: &[ID], nulled: &[], diff: &[], changed: &[] }
    }
}

impl Event<'_> {
    fn header(&self) -> Writer {
        Writer::default()
            .text("Contact")
            .texts(self.ids)
            .long(self.change_type)
            .text("com/salesforce/api/rest/66.0")
            .text("0001-key")
            .long(3)
            .long(AT)
            .long(77)
            .text("005000000000001AAA")
            .texts(self.nulled)
            .texts(self.diff)
            .texts(self.changed)
    }

    fn empty(&self) -> Writer {
        (0..8).fold(self.header(), |writer, _| writer.null())
    }
}

fn read_with(payload: &Writer, described: Option<Arc<ObjectSchema>>) -> News {
    read(&payload.0, Some(&schema()), "/data/ChangeEvents", |_| described.clone())
}

fn effect_of(payload: &Writer) -> RecordEffect {
    let news = read_with(payload, None);
    assert_eq!((news.changes.len(), news.resync.len()), (1, 0));
    assert_eq!(news.changes[0].record_id, LONG_ID);
    assert_eq!(news.changes[0].commit, CommitPosition { commit_ms: AT, commit_number: 77, sequence: 3 });
    news.changes[0].effect.clone()
}

fn values(pairs: &[(&str, Value)], complete: bool) -> RecordEffect {
    let values = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    RecordEffect::Values { values, complete }
}

fn bits(positions: &[usize]) -> String {
    format!("0x{:04X}", positions.iter().map(|position| 1u32 << position).sum::<u32>())
}

#[test]
fn an_update_tells_only_what_changed_and_null_only_where_it_was_cleared() {
    let changed = bits(&[EMAIL, SCORE, TOPICS]);
    let event = Event { changed: &[&changed], nulled: &[&bits(&[SCORE])], ..Event::default() };
    let payload =
        event.header().null().some_text("ann@example.com").null().null().null().null().some_text("b;a").null();
    let list = Value::List(vec!["a".into(), "b".into()]);
    let expected = [("Email", "ann@example.com".into()), ("Score__c", Value::Null), ("Topics__c", list)];
    assert_eq!(effect_of(&payload), values(&expected, false));
}

#[test]
fn a_changed_field_without_a_value_that_was_not_cleared_makes_the_record_unknown() {
    let changed = bits(&[EMAIL]);
    let event = Event { changed: &[&changed], ..Event::default() };
    assert_eq!(effect_of(&event.empty()), RecordEffect::Unknown);
}

#[test]
fn a_field_that_did_not_change_is_left_out_even_if_the_event_carries_it() {
    let changed = bits(&[EMAIL]);
    let event = Event { changed: &[&changed], ..Event::default() };
    let payload =
        event.header().null().some_text("a@b.c").long(1).long(AT).some_double(1.5).null().null().null().null();
    assert_eq!(effect_of(&payload), values(&[("Email", "a@b.c".into())], false));
}

#[test]
fn parts_of_addresses_become_the_objects_own_fields() {
    let (changed, nulled) = (format!("{ADDRESS}-0x02"), format!("{ADDRESS}-0x01"));
    let event = Event { changed: &[&changed], nulled: &[&nulled], ..Event::default() };
    let payload =
        event.header().null().null().null().null().long(1).null().some_text("Aarhus").null().null().null().null();
    let expected = [("MailingCity", "Aarhus".into()), ("MailingStreet", Value::Null)];
    assert_eq!(effect_of(&payload), values(&expected, false));

    // The whole address cleared: its own bit is set, and nothing is in it.
    let whole = bits(&[ADDRESS + 1]);
    let event = Event { changed: &[&whole], nulled: &[&whole], ..Event::default() };
    let expected = [("OtherCity", Value::Null), ("OtherLatitude", Value::Null), ("OtherStreet", Value::Null)];
    assert_eq!(effect_of(&event.empty()), values(&expected, false));
}

#[test]
fn a_name_is_told_only_where_all_of_it_is_known() {
    let name = |changed: &str, write: fn(Writer) -> Writer| {
        let event = Event { changed: &[changed], ..Event::default() };
        let payload = (0..7).fold(write(event.header().long(1)), |writer, _| writer.null());
        effect_of(&payload)
    };
    let both = name(&format!("{NAME}-0x06"), |writer| writer.null().some_text("Ann").some_text("Ek"));
    let expected = [("FirstName", "Ann".into()), ("LastName", "Ek".into()), ("Name", "Ann Ek".into())];
    assert_eq!(both, values(&expected, false));
    let half = name(&format!("{NAME}-0x02"), |writer| writer.null().some_text("Ann").null());
    assert_eq!(half, RecordEffect::Unknown);
    let salutation = name(&format!("{NAME}-0x01"), |writer| writer.some_text("Dr.").null().null());
    assert_eq!(salutation, values(&[("Salutation", "Dr.".into())], false));
}

#[test]
fn a_create_is_complete_and_dates_are_days() {
    let event = Event { change_type: CREATE, ..Event::default() };
    let payload = event
        .header()
        .long(1)
        .null()
        .null()
        .some_text("Ek")
        .some_text("a@b.c")
        .long(1)
        .long(AT)
        .null()
        .null()
        .null()
        .null()
        .null();
    let birthdate = Value::DateTime("2026-01-01T00:00:00Z".parse().unwrap());
    let expected = [
        ("Id", LONG_ID.into()),
        ("LastName", "Ek".into()),
        ("Name", "Ek".into()),
        ("Email", "a@b.c".into()),
        ("Birthdate", birthdate),
    ];
    assert_eq!(effect_of(&payload), values(&expected, true));

    // Where describe told of a field that has no value, it is known to be empty.
    let field: FieldSchema = serde_json::from_value(json!({"name": "Score__c", "label": "", "type": "double",
        "updateable": true, "nillable": true, "custom": true}))
    .unwrap();
    let described =
        ObjectSchema { name: "Contact".into(), label: String::new(), key_prefix: None, fields: vec![field] };
    let news = read_with(&payload, Some(Arc::new(described)));
    let RecordEffect::Values { values, .. } = &news.changes[0].effect else { panic!("{news:?}") };
    assert_eq!(values.get("Score__c"), Some(&Value::Null));
    assert_eq!(values.get("Topics__c"), None);
}

#[test]
fn deletes_gaps_and_differences_tell_no_values() {
    for (change_type, effect) in
        [(DELETE, RecordEffect::Gone), (GAP_UPDATE, RecordEffect::Unknown), (GAP_DELETE, RecordEffect::Unknown)]
    {
        assert_eq!(effect_of(&Event { change_type, ..Event::default() }.empty()), effect);
    }
    let (changed, diff) = (bits(&[EMAIL]), bits(&[EMAIL]));
    let event = Event { changed: &[&changed], diff: &[&diff], ..Event::default() };
    let payload = (0..6).fold(event.header().null().some_text("--- a\n+++ b"), |writer, _| writer.null());
    assert_eq!(effect_of(&payload), RecordEffect::Unknown);
}

#[test]
fn one_event_may_be_of_many_records() {
    let changed = bits(&[EMAIL]);
    let event = Event { ids: &[ID, "003q000000KvQ2t"], changed: &[&changed], ..Event::default() };
    let payload = (0..6).fold(event.header().null().some_text("a@b.c"), |writer, _| writer.null());
    let news = read_with(&payload, None);
    assert_eq!(news.changes.len(), 2);
    assert_eq!(news.changes[0].effect, news.changes[1].effect);
    assert_ne!(news.changes[0].record_id, news.changes[1].record_id);
}

#[test]
fn what_names_no_record_concerns_the_whole_object() {
    for (change_type, ids) in [
        (GAP_OVERFLOW, &["000000000000000AAA"][..]),
        (GAP_UPDATE, &["003*"]),
        (UPDATE, &["003*"]),
        (UPDATE, &[]),
        (GAP_UPDATE, &["000000000000000"]),
    ] {
        let news = read_with(&Event { change_type, ids, ..Event::default() }.empty(), None);
        assert_eq!((news.changes.len(), news.resync), (0, vec!["Contact".to_owned()]), "{ids:?}");
    }
}

#[test]
fn an_event_cut_short_is_known_by_its_header_and_else_by_its_schema_or_topic() {
    let whole = Event::default();
    for broken in [whole.header(), whole.empty().null()] {
        assert_eq!(effect_of(&broken), RecordEffect::Unknown);
    }
    // Of a schema that can not be had, the header is known all the same.
    let news = read(&whole.empty().0, None, "/data/ChangeEvents", |_| None);
    assert_eq!(news.changes[0].effect, RecordEffect::Unknown);

    let garbage = [0xff; 7];
    assert_eq!(read(&garbage, Some(&schema()), "/data/ChangeEvents", |_| None).resync, ["Contact"]);
    assert_eq!(read(&garbage, None, "/data/Employee__ChangeEvent", |_| None).resync, ["Employee__c"]);
    assert!(read(&garbage, None, "/data/ChangeEvents", |_| None).is_unreadable);
}

#[test]
fn fields_beyond_the_schema_and_longs_of_unknown_meaning_make_the_record_unknown() {
    let beyond = Event { changed: &["0x010000"], ..Event::default() };
    assert_eq!(effect_of(&beyond.empty()), RecordEffect::Unknown);
    let opaque = bits(&[8]);
    let event = Event { changed: &[&opaque], ..Event::default() };
    let payload = (0..7).fold(event.header(), |writer, _| writer.null()).long(1).long(5);
    assert_eq!(effect_of(&payload), RecordEffect::Unknown);
    let malformed = Event { changed: &["nonsense"], ..Event::default() };
    assert_eq!(effect_of(&malformed.empty()), RecordEffect::Unknown);
}

proptest! {
    #[test]
    fn no_event_is_lost_whatever_its_bytes(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        cut in 0usize..200,
        flips in proptest::collection::vec((0usize..150, any::<u8>()), 0..4),
        has_schema: bool,
    ) {
        let changed = bits(&[EMAIL, BIRTHDATE]);
        let mut mangled = Event { changed: &[&changed], ..Event::default() }.empty().0;
        for (place, byte) in flips {
            if let Some(slot) = mangled.get_mut(place) {
                *slot = byte;
            }
        }
        mangled.truncate(cut);
        let schema = schema();
        for payload in [&bytes, &mangled] {
            let news = read(payload, has_schema.then_some(&schema), "/data/ChangeEvents", |_| None);
            prop_assert!(!news.changes.is_empty() || !news.resync.is_empty() || news.is_unreadable);
        }
    }

    #[test]
    fn any_text_is_a_schema_or_refused(text in "\\PC{0,60}") {
        prop_assert!(EventSchema::parse(&text).is_none());
    }
}
