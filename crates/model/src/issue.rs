//! Sync issues: what could not be synced, why, and what to do about it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
