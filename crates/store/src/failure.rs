//! What goes wrong inside a store method, and how the caller is told.

use std::error::Error;

use syncline_model::store::StoreError;

use crate::seal::SealError;

/// A failure inside a store method; becomes a [`StoreError`] at its edge.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An answer that the caller can act on.
    Told(StoreError),
    /// Passing: the same again may succeed.
    Passing(sqlx::Error),
    /// What is stored can not be read, or a statement is wrong.
    Defect(Box<dyn Error + Send + Sync>),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Told(error) => error,
            Failure::Passing(error) => Self::Unavailable(Box::new(error)),
            Failure::Defect(error) => Self::Broken(error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Told(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let passing = match &error {
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::BeginFailed => true,
            E::Database(error) => error.code().is_some_and(|code| is_passing(&code)),
            _ => false,
        };
        if passing { Self::Passing(error) } else { Self::Defect(Box::new(error)) }
    }
}

/// PostgreSQL's SQLSTATE has five characters and its class is the first two: connection (08), rolled back for others' sake
/// (40), out of resources (53), not in the right state (55, as a lock not to be had), stopped by the operator (57), trouble
/// outside (58). SQLite's result codes are numbers whose lowest byte is the class: busy, locked, out of memory, interrupted,
/// input or output, full, can not open.
fn is_passing(code: &str) -> bool {
    if code.len() == 5 {
        return matches!(&code[..2], "08" | "40" | "53" | "55" | "57" | "58");
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 9 | 10 | 13 | 14))
}

macro_rules! defect {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Defect(Box::new(error))
            }
        })+
    };
}
defect!(serde_json::Error, uuid::Error, SealError, std::num::TryFromIntError);

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Defect(text.into())
    }
}

/// Whether a row could not be written because another has the same key.
pub(crate) fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
