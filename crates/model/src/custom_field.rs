//! Salesforce fields that Syncline makes for attributes: how they are named, and how far they are.

use serde::{Deserialize, Serialize};

/// A field that a mapping wants and that is Syncline's to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedField {
    /// API name of the object.
    pub object: String,
    /// API name of the field, ending in `__c`.
    pub name: String,
    /// Label for people, at most 40 characters.
    pub label: String,
    /// Type.
    pub kind: WantedFieldKind,
    /// How far it is.
    pub state: WantedFieldState,
    /// Words for the administrator where it is not usable yet.
    pub detail: Option<String>,
}

/// Type of a field that Syncline makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedFieldKind {
    /// `Text(255)`.
    Text,
    /// `LongTextArea(32768)`.
    LongText,
    /// `Number(16,2)`: 18 digits in all, which is the most.
    Number,
    /// `Checkbox`, unchecked by default.
    Checkbox,
    /// `Date/Time`.
    DateTime,
}

impl WantedFieldKind {
    /// The word that the store and the management API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::LongText => "long_text",
            Self::Number => "number",
            Self::Checkbox => "checkbox",
            Self::DateTime => "date_time",
        }
    }
}

/// How far a wanted field is. Each step may be done twice without harm, so a crash between two of them costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedFieldState {
    /// To be made, to be granted, or not yet visible.
    Wanted,
    /// The connected user sees it and may change it.
    Usable,
    /// Salesforce refuses it; an administrator must act, then it is tried again.
    Refused,
}

impl WantedFieldState {
    /// The word that the store and the management API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Usable => "usable",
            Self::Refused => "refused",
        }
    }
}
