//! A result as a table of values, for the Bulk API: what it may not contain, what its columns are called, what is in them.

use std::ops::Range;

use super::lexer::{TokenKind, tokenize};
use super::plan::{Column, Hop, Item, Pick};
use super::read::Place;
use super::render::ResultRows;
use crate::core::value::FieldRef;
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
        let name = |(column, alias): (&Column, Option<&str>)| {
            if let Some(alias) = alias {
                return alias.to_owned();
            }
            let mut name: String = column.hops.iter().flat_map(|hop| [hop.name.as_str(), "."]).collect();
            name.push_str(match &column.pick {
                Pick::At(_) => self.field(org, column).map_or("", |field| &field.name),
                Pick::OneOf { name, .. } => name,
                Pick::Type => "Type",
            });
            name
        };
        self.flat_columns().map(name).collect()
    }

    /// Whether a column is an address, which is several values in one.
    pub(crate) fn has_compound_column(&self) -> bool {
        self.flat_columns().any(|(column, _)| column.kind.is_compound())
    }

    fn flat_columns(&self) -> impl Iterator<Item = (&Column, Option<&str>)> {
        self.items.iter().filter_map(|item| match item {
            Item::Value { column, alias } => Some((column, alias.as_deref())),
            Item::Children(_) | Item::TypeOf(_) => None,
        })
    }

    /// Names of the columns that hold dates or instants.
    pub(crate) fn time_columns(&self, org: &Org) -> Vec<String> {
        let is_time = |column: &Column| matches!(column.kind, FieldType::Date | FieldType::DateTime);
        let named = self.column_names(org).into_iter().zip(self.flat_columns());
        named.filter(|(_, (column, _))| is_time(column)).map(|(name, _)| name).collect()
    }

    /// The field of a column, unless it is one of whichever object a reference points to.
    fn field<'o>(&self, org: &'o Org, column: &Column) -> Option<&'o FieldSchema> {
        let at = |pick: &Pick| if let Pick::At(index) = pick { Some(*index) } else { None };
        let parent = |object: &'o ObjectSchema, hop: &Hop| {
            object.field(at(&hop.reference)?).reference_to.first().and_then(|target| org.object(target))
        };
        let object = column.hops.iter().try_fold(org.object(&self.object)?, parent)?;
        Some(object.field(at(&column.pick)?))
    }

    /// Visits the values of some of the records, column by column, and `None` after each record. A record that is gone, or a
    /// parent that is not there, has no values.
    pub(crate) fn each_cell(&self, org: &Org, records: Range<usize>, mut visit: impl FnMut(Option<FieldRef<'_>>)) {
        let Some(table) = org.table(&self.object) else { return };
        let columns: Vec<&Column> = self.flat_columns().map(|(column, _)| column).collect();
        for row in self.slots[records].iter().filter_map(|slot| table.row(*slot)) {
            let place = Place { org, table, row };
            for column in &columns {
                visit(Some(place.read(column).get()));
            }
            visit(None);
        }
    }
}
