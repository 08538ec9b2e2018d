//! Objects and fields as describe tells of them, and values between REST's JSON and our own form.

use std::fmt::Write;

use jiff::{Timestamp, tz::Offset};
use serde::Deserialize;
use serde_json::Value as Json;
use syncline_model::{
    Number, Value,
    attribute::to_millisecond,
    schema::{FieldSchema, FieldType, ListedObject, ObjectSchema},
};

use crate::record_id;

/// What clears a field in a bulk job; an empty one is left as it is. (Bulk API 2.0 guide, "Valid CSV Record Rows".)
const CSV_NULL: &str = "#N/A";
/// Longest field of a bulk job (Bulk API 2.0 guide, limits: 32,000 characters).
const MAX_CSV_FIELD_BYTES: usize = 32_000;

/// The parts of `DescribeSObjectResult` that syncing needs. (REST guide, "sObject Describe".)
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribedObject {
    name: String,
    label: String,
    key_prefix: Option<String>,
    fields: Vec<DescribedField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedField {
    name: String,
    label: String,
    #[serde(rename = "type")]
    field_type: String,
    #[serde(default)]
    length: u32,
    #[serde(default)]
    scale: u32,
    #[serde(default)]
    updateable: bool,
    #[serde(default)]
    nillable: bool,
    #[serde(default)]
    custom: bool,
    #[serde(default)]
    calculated: bool,
    #[serde(default)]
    restricted_picklist: bool,
    #[serde(default)]
    picklist_values: Vec<PicklistEntry>,
    #[serde(default)]
    reference_to: Vec<String>,
    relationship_name: Option<String>,
}

#[derive(Deserialize)]
struct PicklistEntry {
    value: String,
    #[serde(default)]
    active: bool,
}

/// Standard objects that can be mapped.
pub(crate) const STANDARD_OBJECTS: [&str; 4] = ["Account", "Contact", "Lead", "Opportunity"];

/// What describeGlobal says. (REST guide, "Describe Global".)
#[derive(Deserialize)]
pub(crate) struct DescribedOrg {
    sobjects: Vec<NamedObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedObject {
    name: String,
    label: String,
    #[serde(default)]
    custom: bool,
    #[serde(default)]
    custom_setting: bool,
    #[serde(default)]
    deprecated_and_hidden: bool,
    #[serde(default)]
    queryable: bool,
    #[serde(default)]
    updateable: bool,
}

impl NamedObject {
    /// Metadata types, external and big objects and events are custom too, and end otherwise; a list custom setting does not.
    fn can_be_mapped(&self) -> bool {
        let is_meant = STANDARD_OBJECTS.contains(&self.name.as_str())
            || (self.custom && !self.custom_setting && self.name.ends_with("__c"));
        is_meant && self.queryable && self.updateable && !self.deprecated_and_hidden
    }
}

impl DescribedOrg {
    pub(crate) fn into_listed(self) -> Vec<ListedObject> {
        let meant = self.sobjects.into_iter().filter(NamedObject::can_be_mapped);
        meant.map(|object| ListedObject { name: object.name, label: object.label }).collect()
    }
}

impl From<DescribedObject> for ObjectSchema {
    fn from(object: DescribedObject) -> Self {
        let fields = object.fields.into_iter().map(FieldSchema::from).collect();
        Self { name: object.name, label: object.label, key_prefix: object.key_prefix, fields }
    }
}

impl From<DescribedField> for FieldSchema {
    fn from(field: DescribedField) -> Self {
        use FieldType as F;
        let field_type = field_type(&field.field_type);
        let is_number = matches!(field_type, F::Int | F::Double | F::Currency | F::Percent);
        let is_text = matches!(
            field_type,
            F::String | F::TextArea | F::Picklist | F::MultiPicklist | F::Email | F::Phone | F::Url
        );
        let allowed = field.picklist_values.into_iter().filter(|entry| entry.active).map(|entry| entry.value);
        Self {
            name: field.name,
            label: field.label,
            field_type,
            length: (is_text && field.length > 0).then_some(field.length),
            scale: is_number.then_some(field.scale),
            updateable: field.updateable,
            nillable: field.nillable,
            custom: field.custom,
            calculated: field.calculated,
            restricted_to: if field.restricted_picklist { allowed.collect() } else { Vec::new() },
            reference_to: field.reference_to,
            relationship: field.relationship_name,
        }
    }
}

fn field_type(word: &str) -> FieldType {
    use FieldType as F;
    match word {
        "id" => F::Id,
        "reference" => F::Reference,
        "string" | "combobox" | "encryptedstring" => F::String,
        "textarea" => F::TextArea,
        "picklist" => F::Picklist,
        "multipicklist" => F::MultiPicklist,
        "email" => F::Email,
        "phone" => F::Phone,
        "url" => F::Url,
        "boolean" => F::Boolean,
        "int" | "long" => F::Int,
        "double" => F::Double,
        "currency" => F::Currency,
        "percent" => F::Percent,
        "date" => F::Date,
        "datetime" => F::DateTime,
        "time" => F::Time,
        "address" | "location" => F::Address,
        _ => F::Other,
    }
}

/// A value as REST gives it; `None` where it is not of the type that describe told.
pub(crate) fn from_json(json: &Json, field_type: FieldType) -> Option<Value> {
    use FieldType as F;
    Some(match (field_type, json) {
        // A checkbox is never empty; where a reply leaves it out it means false.
        (F::Boolean, Json::Null) => Value::Boolean(false),
        (_, Json::Null) => Value::Null,
        (F::Boolean, Json::Bool(value)) => Value::Boolean(*value),
        (F::Int | F::Double | F::Currency | F::Percent, Json::Number(number)) => {
            Value::Number(number.as_f64().and_then(Number::new)?)
        }
        (F::Address | F::Other, _) => Value::Null,
        (_, Json::String(text)) => from_string(text, field_type)?,
        (_, Json::Bool(value)) => Value::text(value.to_string()),
        (_, Json::Number(number)) => Value::text(number.to_string()),
        (_, Json::Array(_) | Json::Object(_)) => return None,
    })
}

fn from_string(text: &str, field_type: FieldType) -> Option<Value> {
    use FieldType as F;
    Some(match field_type {
        F::Id | F::Reference => id_value(text),
        F::MultiPicklist => list_value(text),
        F::Date => Value::DateTime(parse_day(text)?),
        F::DateTime => Value::DateTime(parse_instant(text)?),
        _ => Value::text(text),
    })
}

/// A value as a bulk job gives it, whose nulls are empty; `None` where it is not of the type that describe told.
pub(crate) fn from_csv(text: &str, field_type: FieldType) -> Option<Value> {
    use FieldType as F;
    match field_type {
        _ if text.is_empty() => from_json(&Json::Null, field_type),
        F::Boolean => text.parse().ok().map(Value::Boolean),
        F::Int | F::Double | F::Currency | F::Percent => text.parse().ok().and_then(Number::new).map(Value::Number),
        F::Address | F::Other => Some(Value::Null),
        _ => from_string(text, field_type),
    }
}

/// What [`to_json`] gave as a bulk job takes it; `None` where it can not be said there.
pub(crate) fn to_csv(json: &Json) -> Option<String> {
    match json {
        Json::Null => Some(CSV_NULL.to_owned()),
        Json::String(text) if text == CSV_NULL || text.is_empty() || text.len() > MAX_CSV_FIELD_BYTES => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A value as REST takes it.
pub(crate) fn to_json(value: &Value, field_type: FieldType) -> Json {
    match (field_type, value) {
        (FieldType::Boolean, Value::Null) => Json::Bool(false),
        (_, Value::Null) => Json::Null,
        (_, Value::Boolean(value)) => Json::Bool(*value),
        (_, Value::Number(number)) => match number.as_i64() {
            Some(whole) => Json::from(whole),
            None => Json::from(number.as_f64()),
        },
        (_, Value::Text(text)) => Json::String(text.clone()),
        (FieldType::Date, Value::DateTime(instant)) => {
            Json::String(Offset::UTC.to_datetime(*instant).date().to_string())
        }
        (_, Value::DateTime(instant)) => Json::String(instant_text(*instant)),
        (_, Value::List(choices)) => Json::String(choices.join(";")),
    }
}

/// `2011-07-07T00:37:00.000Z`: what SOQL and JSON both take.
pub(crate) fn instant_text(instant: Timestamp) -> String {
    let civil = Offset::UTC.to_datetime(instant);
    let mut text = format!("{:04}-{:02}-{:02}", civil.year(), civil.month(), civil.day());
    let _ = write!(
        text,
        "T{:02}:{:02}:{:02}.{:03}Z",
        civil.hour(),
        civil.minute(),
        civil.second(),
        civil.subsec_nanosecond() / 1_000_000
    );
    text
}

/// Salesforce writes `2011-07-07T00:37:00.000+0000`, without a colon.
pub(crate) fn parse_instant(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().map(to_millisecond)
}

fn parse_day(text: &str) -> Option<Timestamp> {
    let day: jiff::civil::Date = text.parse().ok()?;
    Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok()
}

/// An id in its 18-character form.
pub(crate) fn id_value(id: &str) -> Value {
    Value::text(record_id::to_long(id).unwrap_or_else(|| id.to_owned()))
}

/// The choices of a multi-select picklist, in sorted order, since Salesforce gives them in the picklist's own.
pub(crate) fn list_value(choices: &str) -> Value {
    let mut items: Vec<_> = choices.split(';').filter(|choice| !choice.is_empty()).map(str::to_owned).collect();
    items.sort();
    items.dedup();
    if items.is_empty() { Value::Null } else { Value::List(items) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn instant(text: &str) -> Value {
        Value::DateTime(text.parse().unwrap())
    }

    #[test]
    fn a_description_becomes_a_schema() {
        let described: DescribedObject = serde_json::from_value(json!({
            "name": "Contact", "label": "Contact", "keyPrefix": "003", "fields": [
                {"name": "Id", "label": "Contact ID", "type": "id", "length": 18, "nillable": false, "picklistValues": []},
                {"name": "Tier__c", "label": "Tier", "type": "picklist", "length": 255, "updateable": true, "nillable": true,
                 "custom": true, "restrictedPicklist": true, "picklistValues": [
                    {"active": true, "value": "Gold", "label": "Or"}, {"active": false, "value": "Old", "label": "Old"}]},
                {"name": "Score__c", "label": "Score", "type": "double", "length": 0, "scale": 2, "updateable": true},
                {"name": "Photo", "label": "Photo", "type": "base64"},
            ],
        }))
        .unwrap();
        let schema = ObjectSchema::from(described);
        let tier = schema.field("tier__C").unwrap();
        assert_eq!((tier.length, tier.scale, tier.custom, tier.updateable), (Some(255), None, true, true));
        assert_eq!(tier.restricted_to, ["Gold"]);
        assert_eq!(schema.field("Score__c").unwrap().scale, Some(2));
        assert_eq!(schema.field("Photo").unwrap().field_type, FieldType::Other);
        assert_eq!(schema.field("Id").unwrap().length, None);
    }

    #[test]
    fn values_of_each_type_go_both_ways() {
        use FieldType as F;
        for (field_type, read, value, written) in [
            (
                F::DateTime,
                json!("2011-07-07T00:37:00.000+0000"),
                instant("2011-07-07T00:37:00Z"),
                json!("2011-07-07T00:37:00.000Z"),
            ),
            (F::Date, json!("2010-01-31"), instant("2010-01-31T00:00:00Z"), json!("2010-01-31")),
            (F::MultiPicklist, json!("b;a"), Value::List(vec!["a".into(), "b".into()]), json!("a;b")),
            (F::Int, json!(5), Value::Number(Number::new(5.0).unwrap()), json!(5)),
            (F::Double, json!(1.25), Value::Number(Number::new(1.25).unwrap()), json!(1.25)),
            (F::Boolean, json!(true), Value::Boolean(true), json!(true)),
            (F::String, json!("x"), Value::Text("x".into()), json!("x")),
            (
                F::Reference,
                json!("003q000000KvQ1t"),
                Value::Text("003q000000KvQ1tAAF".into()),
                json!("003q000000KvQ1tAAF"),
            ),
            (F::Time, json!("13:45:00.000Z"), Value::Text("13:45:00.000Z".into()), json!("13:45:00.000Z")),
            (F::String, json!(null), Value::Null, json!(null)),
        ] {
            assert_eq!(from_json(&read, field_type), Some(value.clone()), "{field_type:?}");
            assert_eq!(to_json(&value, field_type), written, "{field_type:?}");
            let text = to_csv(&written).unwrap();
            assert_eq!(text == CSV_NULL, value.is_null(), "{field_type:?}");
            let read = if value.is_null() { "" } else { text.as_str() };
            assert_eq!(from_csv(read, field_type), Some(value), "{field_type:?}");
        }
        assert_eq!(to_json(&Value::Null, F::Boolean), json!(false));
        assert_eq!(to_csv(&json!(false)).as_deref(), Some("false"));
        assert_eq!(to_csv(&json!(CSV_NULL)), None);
        assert_eq!(from_csv("", F::Boolean), Some(Value::Boolean(false)));
        assert_eq!(from_csv("12.0", F::Int), Some(Value::Number(Number::new(12.0).unwrap())));
        assert_eq!(from_csv("many", F::Int), None);
        assert_eq!(from_json(&json!("soon"), F::DateTime), None);
    }

    #[test]
    fn the_four_standard_objects_and_custom_objects_with_records_can_be_mapped() {
        let object = |name: &str, custom: bool, custom_setting: bool, updateable: bool| {
            json!({
                "name": name, "label": name, "custom": custom, "customSetting": custom_setting, "queryable": true,
                "updateable": updateable, "deprecatedAndHidden": false, "keyPrefix": null,
            })
        };
        let described = json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [
            object("Account", false, false, true), object("AccountHistory", false, false, false),
            object("Case", false, false, true), object("Plan__c", true, false, true), object("ns__Seat__c", true, false, true),
            object("Settings__c", true, true, true), object("Kind__mdt", true, false, true), object("Order__x", true, false, true),
            object("Signal__e", true, false, false), object("Plan__Share", false, false, true),
            object("Plan__History", false, false, false), object("Plan__Feed", false, false, false),
            object("Locked__c", true, false, false), object("Plan__ChangeEvent", false, false, false),
        ]});
        let described: DescribedOrg = serde_json::from_value(described).unwrap();
        let names: Vec<_> = described.into_listed().into_iter().map(|object| object.name).collect();
        assert_eq!(names, ["Account", "Plan__c", "ns__Seat__c"]);
    }
}
