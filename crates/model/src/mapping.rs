//! Object mappings: which Salesforce object stands for which profiles, how they match, and which fields go where.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Value,
    id::MappingId,
    profile::{Profile, ProfileKind},
};

/// One Salesforce object type ↔ one kind of profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectMapping {
    /// Identifier.
    pub id: MappingId,
    /// Rises with each edit.
    pub version: i64,
    /// When it was made or edited last; not known of one that was made before that was noted.
    pub edited_at: Option<Timestamp>,
    /// Place among the connection's mappings; lower comes first.
    pub position: i32,
    /// While true, nothing is synced; changes are kept due.
    pub paused: bool,
    /// What it says.
    pub definition: MappingDefinition,
}

/// What an administrator says of a mapping; the same words as in the mappings file and in the management API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingDefinition {
    /// API name of the Salesforce object.
    pub salesforce: String,
    /// Users or companies.
    pub userflow: ProfileKind,
    /// When a record and a profile are the same.
    #[serde(rename = "match")]
    pub match_rule: MatchRule,
    /// Which of several records with one key is taken.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// What happens to inbound attributes when a link ends.
    #[serde(default)]
    pub on_unlink: OnUnlink,
    /// Whether events become activities.
    #[serde(default)]
    pub stream_events: bool,
    /// Which events; `content` stands for all content events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Salesforce → Userflow; `from` is a field, `to` an attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inbound: Vec<FieldMapping>,
    /// Userflow → Salesforce; `from` is an attribute or another [`Source`](crate::source::Source), `to` a field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbound: Vec<FieldMapping>,
}

/// The two fields whose equality says that a record and a profile are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRule {
    /// Field of the Salesforce object.
    pub salesforce: String,
    /// Attribute, or one of the pseudo-fields `user_id` and `company_id`.
    pub userflow: String,
}

/// One line of a mapping, with its options. What they do is in [`crate::line`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldMapping {
    /// Source.
    pub from: String,
    /// Target.
    pub to: String,
    /// What a source without value does to the target.
    #[serde(default, skip_serializing_if = "Empty::is_clear")]
    pub empty: Empty,
    /// What [`Empty::Default`] sets.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub default: Value,
    /// What the target is where `values` does not name the source's value; without it that is a sync issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
    /// Whether a text that is too long for a Salesforce field is cut, and marked with `…`; otherwise it is a sync issue.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncate: bool,
    /// What the target is for each value of the source; several may become one, and nothing means no value. Where this is empty,
    /// values stay as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

/// What a source without value does to the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Empty {
    /// It is cleared.
    #[default]
    Clear,
    /// It stays as it is.
    Keep,
    /// It gets a value that the line names.
    Default,
}

impl Empty {
    fn is_clear(&self) -> bool {
        *self == Self::Clear
    }
}

/// Rule for several records with one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// The one created first, then by Id. The default, because it does not move.
    #[default]
    Oldest,
    /// The one modified last.
    Newest,
    /// None of them.
    Skip,
}

/// What becomes of inbound attributes when a link ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnlink {
    /// They are cleared.
    #[default]
    Clear,
    /// They stay.
    Keep,
}

/// A match key in its normal form: two records match if their keys are equal byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MatchKey(String);

impl MatchKey {
    /// A key that is already in normal form, as read back from the store.
    pub fn from_normal(text: String) -> Self {
        Self(text)
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl MatchRule {
    /// Whether keys are e-mail addresses, which compare without regard to case.
    pub fn is_email(&self) -> bool {
        self.userflow == "email"
    }

    /// The normal form of a key value from either side: trimmed; e-mail addresses lower-cased; numbers in canonical decimal
    /// form. `None` where the value can not be a key.
    pub fn key(&self, value: &Value) -> Option<MatchKey> {
        let text = match value {
            Value::Text(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then(|| MatchKey(if self.is_email() { text.to_lowercase() } else { text }))
    }

    /// The profile's key.
    pub fn profile_key(&self, profile: &Profile) -> Option<MatchKey> {
        match self.userflow.as_str() {
            "user_id" | "company_id" => self.key(&Value::Text(profile.id.clone())),
            attribute => self.key(profile.attribute(attribute)),
        }
    }
}

/// What a change of some attributes means for a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Nothing.
    None,
    /// An inbound target was overwritten: what is held says what belongs there.
    Inbound,
    /// The match key or an outbound source changed.
    Outbound,
}

impl MappingDefinition {
    /// What it means for this mapping that these attributes and computed sources of a profile changed.
    pub fn concern(&self, changed: &BTreeSet<Cow<'_, str>>) -> Concern {
        let sources = self.outbound.iter().map(|line| line.from.as_str());
        if changed.contains(self.match_rule.userflow.as_str()) || sources.into_iter().any(|from| changed.contains(from))
        {
            Concern::Outbound
        } else if self.inbound.iter().any(|line| changed.contains(line.to.as_str())) {
            Concern::Inbound
        } else {
            Concern::None
        }
    }
}
