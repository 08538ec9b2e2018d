//! The one table that turns a class of failure into what happens next and what the administrator is told.

use std::fmt;

use syncline_model::{
    connector::{ConnectorError, ErrorKind},
    issue::{IssueKind, NewIssue},
};

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The same again, soon and then ever later.
    Retry,
    /// No calls for a while: the limit is the org's, not this item's.
    Rest(Rest),
    /// Nothing more until a person connects again.
    Reconnect,
    /// Not again until one of the two sides changes: it becomes a sync issue.
    Issue(IssueKind),
    /// The record is to be read, which will tell that it is gone.
    ReadAgain,
    /// Changes were missed: everything held is to be read again.
    Resync,
}

/// For which of its reasons to rest; how long is [`crate::Tempo`]'s to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Too many calls at the same time.
    Rate,
    /// The day's calls are used up.
    Quota,
    /// Something is not allowed.
    Misconfigured,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What happens next.
    pub action: Action,
    /// What happened, in plain words; Salesforce's own follow.
    pub cause: &'static str,
    /// What the administrator can do.
    pub remedy: &'static str,
}

/// The table.
pub fn policy(kind: ErrorKind) -> Policy {
    let row = |action, cause, remedy| Policy { action, cause, remedy };
    match kind {
        ErrorKind::Transient => row(
            Action::Retry,
            "Salesforce could not be reached or was busy",
            "Nothing: it is tried again until it succeeds.",
        ),
        // An update by id says what is to be, so sending it again can not do it twice.
        ErrorKind::UnknownOutcome => row(
            Action::Retry,
            "Salesforce did not answer, so the change may or may not have been made",
            "Nothing: it is sent again until Salesforce confirms it.",
        ),
        ErrorKind::RateLimited => row(
            Action::Rest(Rest::Rate),
            "Salesforce takes no more calls at the same time",
            "Nothing, if it passes; otherwise see which other integrations call the org.",
        ),
        ErrorKind::QuotaExhausted => row(
            Action::Rest(Rest::Quota),
            "The org's API calls for the last 24 hours are used up",
            "Wait until calls of yesterday fall out of the window, or buy more API calls. Changes are kept and follow.",
        ),
        ErrorKind::AuthRevoked => row(
            Action::Reconnect,
            "Salesforce no longer accepts the connection's grant",
            "Connect again with Reconnect; nothing is lost meanwhile.",
        ),
        ErrorKind::Misconfigured => row(
            Action::Rest(Rest::Misconfigured),
            "The org or the connected user's permissions do not allow it",
            "Give the connected user the permission that Salesforce names; it is tried again every minute.",
        ),
        ErrorKind::RecordGone => row(
            Action::ReadAgain,
            "The record is deleted or no longer visible to the connected user",
            "Nothing: the link ends, or follows the record that takes over.",
        ),
        ErrorKind::RecordRejected => row(
            Action::Issue(IssueKind::RecordRejected),
            "Salesforce refused the record",
            "Mend what Salesforce names, in the record or in the rule; the next change of either side tries again.",
        ),
        ErrorKind::FieldRejected => row(
            Action::Issue(IssueKind::FieldRejected),
            "Salesforce refused the field; the record's other fields are synced",
            "Mend the value, or the field's rule or permission; the next change of either side tries again.",
        ),
        ErrorKind::SchemaChanged => row(
            Action::Issue(IssueKind::SchemaChanged),
            "A mapped object or field is not there, or the connected user may not see it",
            "Give the connected user access to it, or take it out of the mapping.",
        ),
        ErrorKind::PositionLost => row(
            Action::Resync,
            "Salesforce no longer knows the place in the change stream where Syncline left off",
            "Nothing: all linked records are read again.",
        ),
    }
}

/// What an administrator is told about an error: what is known of its code, else what its kind says.
#[derive(Clone, Copy, Debug)]
pub struct Words<'e> {
    /// What happened: a clause without a full stop.
    pub cause: &'static str,
    /// What to do about it: a sentence.
    pub remedy: &'static str,
    error: &'e ConnectorError,
}

/// The words about an error.
pub fn words(error: &ConnectorError) -> Words<'_> {
    let policy = policy(error.kind);
    let (cause, remedy) = error.advice.map_or((policy.cause, policy.remedy), |advice| (advice.cause, advice.remedy));
    Words { cause, remedy, error }
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}). {}", self.cause, self.error, self.remedy)
    }
}

/// The issue that a refused item becomes.
pub fn issue(kind: IssueKind, error: &ConnectorError, record_id: Option<&str>, field: Option<&str>) -> NewIssue {
    let words = words(error);
    NewIssue {
        kind,
        record_id: record_id.map(str::to_owned),
        field: field.map(str::to_owned),
        code: error.code.clone(),
        cause: format!("{}. Salesforce says: {}", words.cause, error.message),
        remedy: words.remedy.to_owned(),
    }
}
