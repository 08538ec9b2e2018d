//! Inquiries: what a screen or a command wants to know of the org, asked through the store of whoever works on the connection.

use serde::{Deserialize, Serialize};

use crate::{id::InquiryId, record::Record};

/// A question that is not answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Identifier.
    pub id: InquiryId,
    /// What is asked.
    pub question: Question,
}

/// What is asked of the org. No more than a person looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// What an object looks like. The answer is kept as all descriptions are, see
    /// [`SyncStore::object_schemas`](crate::store::SyncStore::object_schemas).
    Describe {
        /// API name of the object.
        object: String,
    },
    /// All records whose field has one of these keys.
    Find {
        /// API name of the object.
        object: String,
        /// The field.
        key_field: String,
        /// The keys.
        keys: Vec<String>,
        /// The values wanted.
        fields: Vec<String>,
    },
    /// The records of these ids.
    Read {
        /// API name of the object.
        object: String,
        /// The ids.
        ids: Vec<String>,
        /// The values wanted.
        fields: Vec<String>,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The object is described.
    Described,
    /// The records that there are.
    Records(Vec<Record>),
    /// It could not be asked: words for whoever wanted to know.
    Refused(String),
}
