//! The environment's users and companies. Either one is a *profile*: an id that the customer's application chose, and attributes.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Value, Values, attribute::AttributeOperation, id::EnvironmentId, summary::EventSummary};

/// Whether a profile is a user or a company (the API says `group`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileKind {
    /// A person who uses the customer's application.
    User,
    /// An account of the customer's application.
    Company,
}

impl ProfileKind {
    /// The word that the store, files and the management API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Company => "company",
        }
    }
}

impl fmt::Display for ProfileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProfileKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "user" => Ok(Self::User),
            "company" => Ok(Self::Company),
            _ => Err(format!("`{text}` is neither `user` nor `company`")),
        }
    }
}

/// An environment: one set of users, companies, events and content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Identifier.
    pub id: EnvironmentId,
    /// Name, unique in this installation.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A user or a company as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// User or company.
    pub kind: ProfileKind,
    /// What the application passed to `userflow.identify` or `userflow.group`; compared as exact text.
    pub id: String,
    /// Attributes that have a value; none is [`Value::Null`].
    pub attributes: Values,
    /// When it was first heard of.
    pub created_at: Timestamp,
    /// When the application last identified it.
    pub last_seen_at: Option<Timestamp>,
    /// What its events add up to.
    pub summary: EventSummary,
    /// Rises by one with each change of the profile.
    pub revision: i64,
}

impl Profile {
    /// The attribute's value, null where it has none.
    pub fn attribute(&self, name: &str) -> &Value {
        self.attributes.get(name).unwrap_or(&Value::Null)
    }
}

/// Users belong to companies through memberships, which have attributes of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The user's id.
    pub user_id: String,
    /// The company's id.
    pub company_id: String,
    /// Attributes that have a value.
    pub attributes: Values,
    /// When the user joined.
    pub created_at: Timestamp,
}

/// Something that a user did, at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Identifier within the environment, increasing.
    pub id: i64,
    /// Code name, such as `flow_started`.
    pub name: String,
    /// When it happened.
    pub time: Timestamp,
    /// When it was received.
    pub created_at: Timestamp,
    /// Attributes that have a value.
    pub attributes: Values,
    /// Who did it.
    pub user_id: Option<String>,
    /// For which company.
    pub company_id: Option<String>,
}

/// One step of an [`EnvironmentWrite`].
#[derive(Clone, Debug, PartialEq)]
pub enum ProfileWrite {
    /// Creates or changes a user or company.
    Upsert {
        /// User or company.
        kind: ProfileKind,
        /// Its id.
        id: String,
        /// Operations by attribute name, applied in this order.
        operations: Vec<(String, AttributeOperation)>,
        /// Whether the profile itself was seen (identified), as against named by an administrator or another record.
        seen: bool,
    },
    /// Deletes a user or company with its memberships and its events. Nothing happens where there is none.
    Delete {
        /// User or company.
        kind: ProfileKind,
        /// Its id.
        id: String,
    },
    /// Creates or changes a membership; both profiles exist by now.
    Join {
        /// The user's id.
        user_id: String,
        /// The company's id.
        company_id: String,
        /// Operations on the membership's attributes.
        operations: Vec<(String, AttributeOperation)>,
    },
    /// Deletes a membership.
    Leave {
        /// The user's id.
        user_id: String,
        /// The company's id.
        company_id: String,
    },
    /// Deletes the user's memberships of all companies but these.
    Prune {
        /// The user's id.
        user_id: String,
        /// Companies that stay.
        keep: Vec<String>,
    },
    /// Records an event, and adds it to the summaries of those that it names, as far as there are such.
    Track {
        /// Code name.
        name: String,
        /// When it happened.
        time: Timestamp,
        /// Attributes.
        attributes: Values,
        /// Who did it.
        user_id: Option<String>,
        /// For which company.
        company_id: Option<String>,
    },
}

/// What one request changes in an environment: all of it or nothing.
pub type EnvironmentWrite = Vec<ProfileWrite>;

/// Which profiles to list, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileFilter {
    /// Only those whose id, `name` or `email` attribute contains this, without regard to case.
    pub search: Option<String>,
    /// Only those whose `email` attribute is this, trimmed and lower-cased.
    pub email: Option<String>,
    /// Only users who are members of this company.
    pub company_id: Option<String>,
    /// Only those after the profile of this id.
    pub after: Option<String>,
    /// Only those before the profile of this id; the page that ends just before it.
    pub before: Option<String>,
    /// Newest first in place of oldest first.
    pub descending: bool,
    /// At most this many.
    pub limit: u32,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Whether there are more behind the last.
    pub has_more: bool,
}
