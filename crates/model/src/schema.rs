//! What Salesforce says about its objects and fields, as far as syncing needs it.

use serde::{Deserialize, Serialize};

/// A Salesforce object type and the fields that the connected user can see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectSchema {
    /// API name, in the org's own spelling.
    pub name: String,
    /// Label for people.
    pub label: String,
    /// What ids of its records begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_prefix: Option<String>,
    /// Fields, in the org's order.
    pub fields: Vec<FieldSchema>,
}

impl ObjectSchema {
    /// The field of that API name; names compare without regard to case, as in Salesforce.
    pub fn field(&self, name: &str) -> Option<&FieldSchema> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// An object type that can be mapped, by name. Whether it is described is another matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedObject {
    /// API name, in the org's own spelling.
    pub name: String,
    /// Label for people.
    pub label: String,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// API name.
    pub name: String,
    /// Label for people.
    pub label: String,
    /// Type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Most characters that a text field takes; `None` where the type has no such bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// Decimals that a number is rounded to on store; `None` where the type is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<u32>,
    /// Whether the connected user may change it.
    pub updateable: bool,
    /// Whether it can be set to nothing.
    pub nillable: bool,
    /// Whether the customer made it.
    pub custom: bool,
    /// Whether its value is worked out from others (formula, roll-up): it changes without any change of the record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub calculated: bool,
    /// The allowed values of a restricted picklist; empty where any value goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restricted_to: Vec<String>,
    /// Object types that a reference can point to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_to: Vec<String>,
    /// Name of the association that a reference makes, as it stands in a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relationship: Option<String>,
}

/// Type of a field, in the words of Salesforce's describe (`DescribeSObjectResult.fields[].type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// Record id.
    Id,
    /// Id of another record.
    Reference,
    /// One line of text; also combobox and encrypted text.
    String,
    /// Long or rich text.
    TextArea,
    /// One of a list of values.
    Picklist,
    /// Several of a list of values.
    MultiPicklist,
    /// E-mail address.
    Email,
    /// Telephone number.
    Phone,
    /// Web address.
    Url,
    /// Checkbox.
    Boolean,
    /// Whole number.
    Int,
    /// Number.
    Double,
    /// Amount of money.
    Currency,
    /// Percentage; 25 means 25 %.
    Percent,
    /// Calendar day.
    Date,
    /// Instant.
    DateTime,
    /// Time of day.
    Time,
    /// Compound address or location; only its parts can be synced.
    Address,
    /// Anything else; can not be synced.
    Other,
}
