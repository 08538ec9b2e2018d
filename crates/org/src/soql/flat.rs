//! A result as a table of values, for the Bulk API: what it may not contain, what its columns are called, what is in them.

use std::ops::Range;

use super::bind::{Column, ColumnField};
use super::evaluate::{ResultRows, follow};
use super::lexer::{TokenKind, tokenize};
use crate::core::value::{FieldRef, FieldValue};
use crate::core::{FieldSchema, FieldType, ObjectSchema, Org};

/// What a statement has that bulk queries do not do (Bulk API 2.0 guide), in Salesforce's words. A faulty statement has nothing.
pub(crate) fn bulk_restriction(statement: &str) -> Option<&'static str> {
    let tokens = tokenize(statement).ok()?;
    let is = |at: usize, word: &str| {
        tokens
            .get(at)
            .is_some_and(|token| matches!(&token.kind, TokenKind::Word(own) if own.eq_ignore_ascii_case(word)))
    };
    let mut depth = 0_usize;
    let mut in_select_list = true;
    for (at, token) in tokens.iter().enumerate() {
        match &token.kind {
            TokenKind::Symbol("(") if in_select_list && is(at + 1, "SELECT") => {
                return Some("Aggregate Relationships not supported in Bulk Query");
            }
            TokenKind::Symbol("(") => depth += 1,
            TokenKind::Symbol(")") => depth = depth.saturating_sub(1),
            TokenKind::Word(_) if in_select_list && depth == 0 && is(at, "FROM") => in_select_list = false,
            TokenKind::Word(_) if in_select_list && is(at, "TYPEOF") && is(at + 2, "WHEN") => {
                return Some("TYPEOF not supported in Bulk Query");
            }
            TokenKind::Word(_) if !in_select_list && is(at, "GROUP") && is(at + 1, "BY") => {
                return Some("GROUP BY not supported in Bulk Query");
            }
            TokenKind::Word(_) if !in_select_list && depth == 0 && is(at, "OFFSET") => {
                let is_clause = tokens.get(at + 1).is_some_and(|next| matches!(next.kind, TokenKind::Literal(_)));
                if is_clause {
                    return Some("OFFSET not supported in Bulk Query");
                }
            }
            _ => {}
        }
    }
    None
}

impl ResultRows {
    /// API name of the object whose records these are.
    pub(crate) fn object(&self) -> &str {
        &self.object
    }

    /// Names of the columns, in the order asked for: `Name`, `Account.Owner.Name`.
    pub(crate) fn column_names(&self, org: &Org) -> Vec<String> {
        let name = |column: &Column| {
            let mut name: String = column.hops.iter().flat_map(|(_, name)| [name.as_str(), "."]).collect();
            name.push_str(match &column.field {
                ColumnField::At(_) => self.field(org, column).map_or("", |field| &field.name),
                ColumnField::Named(own) => own,
            });
            name
        };
        self.columns.iter().map(name).collect()
    }

    /// Whether a column is an address, which is several values in one.
    pub(crate) fn has_compound_column(&self, org: &Org) -> bool {
        let is_compound = |column| self.field(org, column).is_some_and(|field| field.field_type.is_compound());
        self.columns.iter().any(is_compound)
    }

    /// Names of the columns that hold dates or instants.
    pub(crate) fn time_columns(&self, org: &Org) -> Vec<String> {
        let is_time = |column: &Column| {
            let field_type = self.field(org, column).map(|field| field.field_type);
            matches!(field_type, Some(FieldType::Date | FieldType::DateTime))
        };
        let named = self.column_names(org).into_iter().zip(&self.columns);
        named.filter(|(_, column)| is_time(column)).map(|(name, _)| name).collect()
    }

    /// The field of a column, unless it is one of whichever object a reference points to.
    fn field<'o>(&self, org: &'o Org, column: &Column) -> Option<&'o FieldSchema> {
        let ColumnField::At(index) = column.field else { return None };
        let parent = |object: &'o ObjectSchema, (index, _): &(u16, String)| {
            object.field(*index).reference_to.first().and_then(|target| org.object(target))
        };
        let object = column.hops.iter().try_fold(org.object(&self.object)?, parent)?;
        Some(object.field(index))
    }

    /// Visits the values of some of the records, column by column, and `None` after each record. A record that is gone, or a
    /// parent that is not there, has no values.
    pub(crate) fn each_cell(&self, org: &Org, records: Range<usize>, mut visit: impl FnMut(Option<FieldRef<'_>>)) {
        let Some(table) = org.table(&self.object) else { return };
        for row in self.slots[records].iter().filter_map(|slot| table.row(*slot)) {
            for column in &self.columns {
                let found = follow(org, table, row, &column.hops);
                let at = found.and_then(|(table, _)| match &column.field {
                    ColumnField::At(index) => Some(*index),
                    ColumnField::Named(name) => table.schema.index_of(name),
                });
                match (found, at, &column.field) {
                    (Some((table, _)), _, ColumnField::Named(name)) if name.eq_ignore_ascii_case("Type") => {
                        visit(Some(FieldValue::Text(table.schema.name.as_str())));
                    }
                    (Some((table, row)), Some(index), _) if table.schema.field(index).formula.is_some() => {
                        visit(Some(org.field_value(table, row, index).as_field_ref()));
                    }
                    (Some((_, row)), Some(index), _) => visit(Some(row.get(index))),
                    _ => visit(Some(FieldValue::Null)),
                }
            }
            visit(None);
        }
    }
}
