//! What the org looks like, for whoever makes mappings: what is not described yet is asked for, and waited for.

use std::collections::BTreeSet;

use syncline_model::{
    connection::Connection,
    id::ConnectionId,
    inquiry::Question,
    schema::{ListedObject, ObjectSchema},
    store::{Store, StoreError},
};

use crate::inquire::{InquiryError, ask};

/// Why it is not known what an object looks like.
#[derive(Debug, thiserror::Error)]
pub enum NotKnown {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The org's objects are not listed yet.
    #[error("The org's objects are still being read; try again in a few seconds.")]
    NotListed,
    /// The org does not tell, or could not be asked.
    #[error("`{object}` can not be read from Salesforce. {words}")]
    Refused {
        /// The object.
        object: String,
        /// Cause and remedy.
        words: String,
    },
}

/// The objects that can be mapped.
///
/// # Errors
/// [`NotKnown::NotListed`] where the org was not asked yet.
pub async fn listed(store: &dyn Store, connection: ConnectionId) -> Result<Vec<ListedObject>, NotKnown> {
    let objects = store.object_list(connection).await?;
    if objects.is_empty() { Err(NotKnown::NotListed) } else { Ok(objects) }
}

/// What is known of the org's objects, as soon as `missing` says that nothing is missing. What it names is asked for.
///
/// # Errors
/// Where that can not be.
pub async fn described(
    store: &dyn Store,
    connection: &Connection,
    missing: impl Fn(&[ObjectSchema]) -> BTreeSet<String>,
) -> Result<Vec<ObjectSchema>, NotKnown> {
    let mut asked = BTreeSet::new();
    loop {
        let schemas = store.object_schemas(connection.id).await?;
        let Some(object) = missing(&schemas).into_iter().next() else { return Ok(schemas) };
        let refused = |words: String| NotKnown::Refused { object: object.clone(), words };
        if !asked.insert(object.clone()) {
            return Err(refused("It goes by another name there.".to_owned()));
        }
        match ask(store, connection, Question::Describe { object: object.clone() }).await {
            Ok(_) => {}
            Err(InquiryError::Store(error)) => return Err(error.into()),
            Err(InquiryError::Refused(words)) => return Err(refused(words)),
        }
    }
}
