//! Salesforce fields that Syncline makes for attributes: how they are named, and how far they are.

use serde::{Deserialize, Serialize};

use crate::{attribute::DataType, profile::ProfileKind};

/// What the names of Syncline's own fields begin with.
const PREFIX: &str = "userflow_";
/// What the API name of every custom field ends with.
const SUFFIX: &str = "__c";
/// Most characters of a custom field's name before its suffix, and of its label. (Metadata API guide, CustomField.)
const NAME_CHARS_MAX: usize = 40;

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

impl WantedField {
    /// A field for values of an attribute, still to be made. `title` is what people call the attribute.
    pub fn new(object: &str, name: &str, title: &str, data_type: DataType) -> Self {
        let kind = match data_type {
            DataType::String => WantedFieldKind::Text,
            DataType::Number => WantedFieldKind::Number,
            DataType::Boolean => WantedFieldKind::Checkbox,
            DataType::DateTime => WantedFieldKind::DateTime,
            DataType::List => WantedFieldKind::LongText,
        };
        let label: String = format!("Userflow {title}").chars().take(NAME_CHARS_MAX).collect();
        Self {
            object: object.to_owned(),
            name: name.to_owned(),
            label: label.trim_end().to_owned(),
            kind,
            state: WantedFieldState::Wanted,
            detail: None,
        }
    }
}

/// The API name of the field that Syncline makes for an attribute unless another is chosen: `userflow_user_plan__c`. A name that is too long
/// is cut and ends in a short hash of the whole, so that it is the same each time and says apart what begins alike.
pub fn own_name(kind: ProfileKind, attribute: &str) -> String {
    /// Of the hash, in letters.
    const HASH_CHARS: usize = 6;
    let plain =
        attribute.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    let words: String = plain.collect();
    let words: Vec<&str> = words.split('_').filter(|word| !word.is_empty()).collect();
    let stem = format!("{PREFIX}{}_{}", kind.as_str(), words.join("_"));
    // Letters that Salesforce does not take are told apart by the hash too.
    let is_whole = attribute.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | ' '));
    if stem.len() <= NAME_CHARS_MAX && is_whole && !words.is_empty() {
        return format!("{stem}{SUFFIX}");
    }
    let hash = attribute
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let hash = format!("{hash:016x}");
    let room = NAME_CHARS_MAX - HASH_CHARS - 1;
    let cut = stem.get(..room.min(stem.len())).unwrap_or(&stem).trim_end_matches('_');
    format!("{cut}_{}{SUFFIX}", &hash[..HASH_CHARS])
}

/// Whether a field of that name is Syncline's to make: `userflow_…__c`.
///
/// # Errors
/// What keeps a name of that form from being one that Salesforce takes.
pub fn is_own_name(name: &str) -> Result<bool, String> {
    let Some(middle) = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) else { return Ok(false) };
    let stem = &name[..name.len() - SUFFIX.len()];
    if stem.len() > NAME_CHARS_MAX {
        return Err(format!("`{name}` is too long: at most {NAME_CHARS_MAX} characters may stand before `{SUFFIX}`."));
    }
    let is_plain = middle.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if middle.is_empty() || !is_plain || stem.contains("__") || stem.ends_with('_') {
        return Err(format!(
            "`{name}` is no name that Salesforce takes: letters, digits and single underscores, the last of which is not at the end."
        ));
    }
    Ok(true)
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

impl WantedFieldKind {
    /// As people who set Salesforce up call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Text => "Text(255)",
            Self::LongText => "Long Text Area(32768)",
            Self::Number => "Number(16, 2)",
            Self::Checkbox => "Checkbox",
            Self::DateTime => "Date/Time",
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_begin_with_userflow_are_syncline_s_to_make() {
        for name in ["userflow_user_plan__c", "userflow_x__c"] {
            assert_eq!(is_own_name(name), Ok(true), "{name}");
        }
        for name in ["Plan__c", "userflow_user_plan", "Title", "xuserflow_plan__c"] {
            assert_eq!(is_own_name(name), Ok(false), "{name}");
        }
        let long = format!("userflow_{}__c", "x".repeat(32));
        for name in ["userflow___c", "userflow_a__b__c", "userflow_a___c", "userflow_ä__c", "userflow_a b__c", &long] {
            assert!(is_own_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_attribute_s_field_has_a_name_that_salesforce_takes_and_long_ones_are_told_apart() {
        let name = |attribute: &str| own_name(ProfileKind::User, attribute);
        assert_eq!(name("plan"), "userflow_user_plan__c");
        assert_eq!(own_name(ProfileKind::Company, "Seats left"), "userflow_company_seats_left__c");
        assert_eq!(name("a--b__c_"), "userflow_user_a_b_c__c");
        let long = ["number_of_onboarding_flows_started", "number_of_onboarding_flows_stopped", "größe", "große", "—"]
            .map(name);
        for name in &long {
            assert_eq!(is_own_name(name), Ok(true), "{name}");
        }
        let distinct: std::collections::BTreeSet<_> = long.iter().collect();
        assert_eq!(distinct.len(), long.len(), "{long:?}");
        assert_eq!(name("number_of_onboarding_flows_started"), long[0]);
    }

    #[test]
    fn a_label_is_no_longer_than_salesforce_takes() {
        let field = WantedField::new("Contact", "userflow_x__c", &"very long ".repeat(9), DataType::List);
        assert!(field.label.len() <= NAME_CHARS_MAX && !field.label.ends_with(' '));
        assert_eq!(field.kind, WantedFieldKind::LongText);
    }
}
