//! Sync issues: what could not be synced, why, and what to do about it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Values,
    id::{IssueId, MappingId},
    profile::ProfileKind,
};

/// An issue to be recorded. Recording the issues of a work item replaces those it had: an issue closes by itself when its
/// cause is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewIssue {
    /// What sort of trouble.
    pub kind: IssueKind,
    /// The record concerned.
    pub record_id: Option<String>,
    /// The field or attribute concerned.
    pub field: Option<String>,
    /// The code that Salesforce gave; empty where the cause is ours to name.
    pub code: String,
    /// What happened, in plain words. Never a field's value.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
}

/// Sorts of issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueKind {
    /// Several records have the profile's key.
    AmbiguousKey,
    /// A value does not fit its target.
    ValueMisfit,
    /// Salesforce refused a field.
    FieldRejected,
    /// Salesforce refused the record.
    RecordRejected,
    /// A mapped object or field is not there.
    SchemaChanged,
}

impl IssueKind {
    /// All sorts.
    pub const ALL: [Self; 5] =
        [Self::AmbiguousKey, Self::ValueMisfit, Self::FieldRejected, Self::RecordRejected, Self::SchemaChanged];

    /// The word that the store and the management API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AmbiguousKey => "ambiguous_key",
            Self::ValueMisfit => "value_misfit",
            Self::FieldRejected => "field_rejected",
            Self::RecordRejected => "record_rejected",
            Self::SchemaChanged => "schema_changed",
        }
    }

    /// Whether it is what the org's description of its objects says that tells it, so that trying again needs a new description.
    pub fn is_by_description(self) -> bool {
        matches!(self, Self::ValueMisfit | Self::SchemaChanged)
    }

    /// Whether it is what a look-up told, so that trying again needs a new look-up.
    pub fn is_by_look_up(self) -> bool {
        self == Self::AmbiguousKey
    }
}

/// An issue as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Identifier.
    pub id: IssueId,
    /// The mapping whose work it is.
    pub mapping_id: MappingId,
    /// User or company.
    pub profile_kind: ProfileKind,
    /// The profile that is not in step.
    pub profile_id: String,
    /// What is wrong.
    pub issue: NewIssue,
    /// When it was first seen.
    pub first_at: Timestamp,
    /// When it was last seen.
    pub last_at: Timestamp,
    /// How often it was seen.
    pub count: i64,
}

/// Which issues; a condition that is not there holds for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssueFilter {
    /// This one alone.
    pub id: Option<IssueId>,
    /// Of one of these mappings.
    pub mappings: Option<Vec<MappingId>>,
    /// Of this sort.
    pub kind: Option<IssueKind>,
    /// With this code; empty for those that have none.
    pub code: Option<String>,
    /// About this field or attribute; empty for those that are about none.
    pub field: Option<String>,
    /// Of this profile.
    pub profile: Option<(ProfileKind, String)>,
    /// Those that have this text, in any case, in their profile's id, name or address, or in record id, field, code or cause.
    pub search: Option<String>,
}

impl IssueFilter {
    /// All issues of a profile.
    pub fn of_profile(kind: ProfileKind, id: &str) -> Self {
        Self { profile: Some((kind, id.to_owned())), ..Self::default() }
    }
}

/// An issue as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedIssue {
    /// The issue.
    pub issue: Issue,
    /// Whether its work item is due, or waits for its next try: what the issue says is not the last word.
    pub waiting: bool,
    /// Attributes of its profile; none where that is deleted.
    pub attributes: Values,
}

/// Issues that have mapping, sort, code and field in common: most likely one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueGroup {
    /// The one first seen last, as an example.
    pub sample: Issue,
    /// How many there are.
    pub issues: u64,
    /// How many of them have a work item that is due, or waits for its next try.
    pub waiting: u64,
    /// When one of them was first seen.
    pub first_at: Timestamp,
    /// When one of them was last seen.
    pub last_at: Timestamp,
}

/// What trying issues again has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    /// How many issues were meant.
    pub issues: u64,
    /// How many work items are due for them.
    pub items: u64,
}
