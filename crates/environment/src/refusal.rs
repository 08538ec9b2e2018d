//! Why a request is not done. The texts are for the person who wrote the client: they name the field and what is allowed,
//! and never repeat an attribute's value.

use syncline_model::{profile::ProfileKind, store::StoreError};

/// A request that was not done. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A field of the body or a parameter of the query is wrong.
    #[error("{field}: {message}")]
    InvalidParams {
        /// Which one, such as `groups[0].attributes.plan`.
        field: String,
        /// What is wrong with it and what is allowed.
        message: String,
    },
    /// What the path or the parameters name does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidParams { field: field.into(), message: message.into() }
    }

    pub(crate) fn no_profile(kind: ProfileKind, id: &str) -> Self {
        Self::NotFound(no_profile(kind, id))
    }

    pub(crate) fn no_membership(user_id: &str, company_id: &str) -> Self {
        Self::NotFound(format!(
            "Group membership of user '{}' in group '{}' not found",
            shortened(user_id),
            shortened(company_id)
        ))
    }
}

/// `User with id 'x' not found`: the wording of Userflow's own errors.
pub(crate) fn no_profile(kind: ProfileKind, id: &str) -> String {
    let noun = match kind {
        ProfileKind::User => "User",
        ProfileKind::Company => "Group",
    };
    format!("{noun} with id '{}' not found", shortened(id))
}

/// What a client sent, cut so that an error stays readable however long it was.
pub(crate) fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let mut letters = text.chars();
    let start: String = letters.by_ref().take(MAX_CHARS).filter(|letter| !letter.is_control()).collect();
    if letters.next().is_some() { format!("{start}…") } else { start }
}
