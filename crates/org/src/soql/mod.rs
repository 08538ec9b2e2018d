//! SOQL: text to tokens ([`lexer`]), to a tree ([`parser`]), to columns and filters of one org ([`bind`]), to rows ([`evaluate`]).
//!
//! It reads the state core and changes nothing.

mod bind;
mod date_literal;
mod evaluate;
mod flat;
mod lexer;
mod parser;

pub use evaluate::{Execution, ResultRows, render_record};
pub(crate) use flat::bulk_restriction;

use crate::core::{Access, Org};

/// A refused query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct SoqlError {
    /// `MALFORMED_QUERY`, `INVALID_FIELD`, `INVALID_TYPE` and such.
    pub code: &'static str,
    /// Salesforce's words, with the place in the statement where there is one.
    pub message: String,
}

/// A refusal at a byte position, before the statement around it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) at: Option<usize>,
}

impl Refusal {
    pub(crate) fn at(code: &'static str, at: usize, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into(), at: Some(at) }
    }

    pub(crate) fn malformed(at: usize, message: impl Into<String>) -> Refusal {
        Refusal::at("MALFORMED_QUERY", at, message)
    }

    fn shown_in(self, statement: &str) -> SoqlError {
        let Some(at) = self.at else { return SoqlError { code: self.code, message: self.message } };
        let start = floor_char_boundary(statement, at.saturating_sub(60));
        let at = floor_char_boundary(statement, at);
        let end = floor_char_boundary(statement, at + 60);
        let excerpt = statement[start..end].replace(['\n', '\r', '\t'], " ");
        let before = &statement[..at];
        let row = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let pointer = " ".repeat(statement[start..at].chars().count());
        let message = format!("\n{excerpt}\n{pointer}^\nERROR at Row:{row}:Column:{column}\n{}", self.message);
        SoqlError { code: self.code, message }
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Who asks, when, and in which of the two APIs.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// What the user may see: nothing else is there.
    pub access: &'a Access,
    /// The time, in milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Whether rows in the recycle bin count (`queryAll`).
    pub include_deleted: bool,
    /// Whether the objects of the Tooling API are there.
    pub tooling: bool,
}

/// Runs a query.
///
/// # Errors
/// What the statement has that SOQL, or the org as the asker sees it, has not.
pub fn run(org: &Org, asker: &Asker<'_>, statement: &str) -> Result<Execution, SoqlError> {
    if statement.trim().is_empty() {
        return Err(SoqlError { code: "MALFORMED_QUERY", message: "SOQL statements cannot be empty".to_owned() });
    }
    let execute = || {
        let query = parser::parse(statement)?;
        let bound = bind::bind(org, asker, &query)?;
        Ok(evaluate::execute(org, bound, asker.include_deleted))
    };
    execute().map_err(|refusal: Refusal| refusal.shown_in(statement))
}

#[cfg(test)]
mod tests;
