//! Asking the org what a person wants to see, through whoever works on the connection. Nothing is changed by it.

use std::{collections::BTreeMap, time::Duration};

use syncline_model::{
    connection::Connection,
    inquiry::{Answer, Question},
    record::Record,
    store::{Signal, Store, StoreError},
};
use tokio::time::{Instant, timeout_at};

use crate::stopping::{Idle, worked_on};

/// An org answers within a second or two; a person does not wait longer than this.
const PATIENCE: Duration = Duration::from_secs(20);
/// Signals may be lost between nodes.
const LOOK_ANYWAY: Duration = Duration::from_millis(250);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum InquiryError {
    /// It could not be asked; words for the person.
    #[error("{0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Idle> for InquiryError {
    fn from(idle: Idle) -> Self {
        Self::Refused(idle.to_string())
    }
}

/// The records that a question is about; a description is of none.
///
/// # Errors
/// Where the org can not be asked now, or nobody works on the connection.
pub async fn ask(store: &dyn Store, connection: &Connection, question: Question) -> Result<Vec<Record>, InquiryError> {
    let refused = |words: &str| Err(InquiryError::Refused(words.to_owned()));
    worked_on(connection)?;
    if !store.is_owned(connection.id).await? {
        return refused("No server works on the connection just now, so Salesforce is not asked.");
    }
    let id = store.inquire(connection.id, &question).await?;
    let deadline = Instant::now() + PATIENCE;
    let mut seen = 0;
    while Instant::now() < deadline {
        match store.take_answer(connection.id, id).await? {
            Some(Answer::Records(records)) => return Ok(records),
            Some(Answer::Described) => return Ok(Vec::new()),
            Some(Answer::Refused(words)) => return Err(InquiryError::Refused(words)),
            None => {}
        }
        if let Ok(now) = timeout_at(Instant::now() + LOOK_ANYWAY, store.wait(Signal::View, seen)).await {
            seen = now;
        }
    }
    store.forget_inquiry(connection.id, id).await?;
    refused("The server that works on the connection did not answer in time. Try again in a moment.")
}

/// Records by object and id, many of them in one question for each object. Those that are not there are left out.
///
/// # Errors
/// As [`ask`].
pub async fn read(
    store: &dyn Store,
    connection: &Connection,
    wanted: BTreeMap<String, (Vec<String>, Vec<String>)>,
) -> Result<Vec<Record>, InquiryError> {
    let mut records = Vec::new();
    for (object, (ids, fields)) in wanted {
        records.extend(ask(store, connection, Question::Read { object, ids, fields }).await?);
    }
    Ok(records)
}
