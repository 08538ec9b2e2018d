//! Every value that a field ever had: what each transaction changed, for checkers that compare runs with what was allowed.
//!
//! It is no part of Salesforce and no answer of the org depends on it.

use std::sync::Arc;

use super::org::Org;
use super::row::Row;
use super::schema::FieldIndex;
use super::transaction::Transaction;
use super::value::FieldValue;
use super::write::WriteContext;

/// One change of one field of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange<'o> {
    /// 18-character id of the record.
    pub record_id: &'o str,
    /// API name of the object.
    pub object: &'o str,
    /// API name of the field.
    pub field: &'o str,
    /// What it was; no value for a record that is made.
    pub old: &'o FieldValue,
    /// What it became.
    pub new: &'o FieldValue,
    /// When the transaction committed, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// 18-character id of the user who made the change.
    pub user_id: &'o str,
    /// As change events say it: empty for a person in the user interface.
    pub change_origin: &'o str,
    /// Number of the transaction, from 1.
    pub transaction: u64,
}

#[derive(Debug)]
struct CommittedBy {
    at_ms: i64,
    user_id: String,
    change_origin: String,
}

#[derive(Debug)]
struct Entry {
    record_id: Arc<str>,
    table: usize,
    field: FieldIndex,
    old: FieldValue,
    new: FieldValue,
    transaction: usize,
}

/// The log, if it is kept.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) is_kept: bool,
    transactions: Vec<CommittedBy>,
    entries: Vec<Entry>,
}

impl Org {
    /// Keeps a history of field values from now on, or not. It costs memory with every change; what was kept stays.
    pub fn keep_history(&mut self, is_kept: bool) {
        self.history.is_kept = is_kept;
    }

    pub(super) fn note_history(&mut self, context: &WriteContext, transaction: &Transaction) {
        if !self.history.is_kept {
            return;
        }
        let number = self.history.transactions.len();
        let nothing = Row::default();
        for (table, slot, before) in &transaction.rows {
            let stored = &self.tables[*table];
            let after = stored.row(*slot);
            let Some(known) = after.or(before.as_ref()) else { continue };
            let record_id: Arc<str> = stored.id_of(known).into();
            let (was, is) = (before.as_ref().unwrap_or(&nothing), after.unwrap_or(&nothing));
            for (field, old, new) in Row::differences(was, is) {
                self.history.entries.push(Entry {
                    record_id: record_id.clone(),
                    table: *table,
                    field,
                    old: old.to_value(),
                    new: new.to_value(),
                    transaction: number,
                });
            }
        }
        let WriteContext { user_id, change_origin, now_ms } = context.clone();
        self.history.transactions.push(CommittedBy { at_ms: now_ms, user_id, change_origin });
    }

    /// Every change since the history is kept, in the order of commits.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = FieldChange<'_>> {
        self.history.entries.iter().map(|entry| {
            let transaction = &self.history.transactions[entry.transaction];
            let schema = &self.tables[entry.table].schema;
            FieldChange {
                record_id: &entry.record_id,
                object: &schema.name,
                field: &schema.field(entry.field).name,
                old: &entry.old,
                new: &entry.new,
                at_ms: transaction.at_ms,
                user_id: &transaction.user_id,
                change_origin: &transaction.change_origin,
                transaction: entry.transaction as u64 + 1,
            }
        })
    }
}
