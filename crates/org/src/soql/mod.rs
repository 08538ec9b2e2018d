//! SOQL: text to tokens ([`lexer`]), to a tree ([`parser`]), to a plan for one org ([`bind`]), to rows ([`choose`]) or groups of them
//! ([`aggregate`]), to JSON ([`render`]) or a table of values ([`flat`]).
//!
//! It reads the state core and changes nothing.

mod aggregate;
mod bind;
mod choose;
mod columns;
mod compare;
mod date_literal;
mod flat;
mod function;
mod lexer;
mod parser;
mod plan;
mod read;
mod render;
mod tree;

pub use aggregate::GroupRows;
pub(crate) use flat::bulk_restriction;
pub use render::{ResultRows, render_record};

use choose::Chooser;
use plan::{Column, Filter, Output, Plan};

use crate::core::{Access, Org, Row};

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

/// What a query came to.
#[derive(Clone, Debug)]
pub enum Execution {
    /// `COUNT()`.
    Count(usize),
    /// Groups of records, or all of them as one.
    Groups(GroupRows),
    /// Records.
    Rows(ResultRows),
}

/// Runs a query.
///
/// # Errors
/// What the statement has that SOQL, or the org as the asker sees it, has not.
pub fn run(org: &Org, asker: &Asker<'_>, statement: &str) -> Result<Execution, SoqlError> {
    let Plan { object, rows, output } = plan_of(org, asker, statement)?;
    let Some(chooser) = Chooser::new(org, &object, asker.include_deleted) else { return Ok(Execution::Count(0)) };
    Ok(match output {
        Output::RowCount => Execution::Count(aggregate::count(chooser, &rows)),
        Output::Groups(grouping) => Execution::Groups(aggregate::groups(chooser, &rows, &grouping)),
        Output::Records(items) => {
            let slots = chooser.slots(&rows);
            Execution::Rows(ResultRows { object, items, slots, include_deleted: asker.include_deleted })
        }
    })
}

/// What the columns of a query's result are: the answer to `columns=true`.
///
/// # Errors
/// As those of [`run`].
pub fn columns(org: &Org, asker: &Asker<'_>, statement: &str) -> Result<serde_json::Value, SoqlError> {
    Ok(columns::of_plan(org, &plan_of(org, asker, statement)?))
}

fn plan_of(org: &Org, asker: &Asker<'_>, statement: &str) -> Result<Plan, SoqlError> {
    if statement.trim().is_empty() {
        return Err(SoqlError { code: "MALFORMED_QUERY", message: "SOQL statements cannot be empty".to_owned() });
    }
    let plan = || bind::bind(org, asker, &parser::parse(statement)?);
    plan().map_err(|refusal: Refusal| refusal.shown_in(statement))
}

/// A condition on the rows of one object, as WHERE has it, to be asked of row after row. Date words mean the time it was made.
#[derive(Clone, Debug)]
pub struct RowCondition {
    object: String,
    filter: Filter<Column>,
}

impl RowCondition {
    /// API name of the object.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Whether a row of the object, stored or about to be, meets it.
    pub fn holds(&self, org: &Org, row: &Row) -> bool {
        let place = org.table(&self.object).map(|table| read::Place { org, table, row });
        place.is_some_and(|place| choose::passes(place, &self.filter))
    }
}

/// Reads a condition such as `Email LIKE '%.io' AND Account.Industry = 'Energy'`. Semi-joins are none.
///
/// # Errors
/// As those of [`run`], with places in `text`.
pub fn condition(org: &Org, asker: &Asker<'_>, object: &str, text: &str) -> Result<RowCondition, SoqlError> {
    let bound = || bind::bind_condition(org, asker, object, &parser::parse_condition(text)?);
    let (object, filter) = bound().map_err(|refusal: Refusal| refusal.shown_in(text))?;
    Ok(RowCondition { object, filter })
}

#[cfg(test)]
mod tests;
