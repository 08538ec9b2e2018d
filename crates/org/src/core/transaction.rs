//! Several commits as one: what they wrote can be taken back together, and change events follow only at the end.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use super::error::WriteError;
use super::id;
use super::org::Org;
use super::row::Row;
use super::table::Slot;
use super::value::FieldValue;
use super::write::{Write, WriteContext, WriteOutcome};

/// The rows a transaction has touched, as they were before it, in the order of first touch.
///
/// Whoever holds one keeps everybody else from the org, or they would see and build on what may be taken back.
#[derive(Debug, Default)]
#[must_use = "a transaction is finished or rolled back"]
pub struct Transaction {
    pub(super) rows: Vec<(usize, Slot, Option<Row>)>,
    seen: HashSet<(usize, Slot)>,
    /// Rows that go for good when it ends.
    pub(super) purged: Vec<(usize, Slot)>,
}

impl Transaction {
    /// Keeps what a row was, if it was not touched before.
    pub(super) fn touch(&mut self, table: usize, slot: Slot, before: Option<Row>) {
        if self.seen.insert((table, slot)) {
            self.rows.push((table, slot, before));
        }
    }

    /// Has a row go for good when the transaction ends.
    pub(super) fn purge(&mut self, table: usize, slot: Slot) {
        self.purged.push((table, slot));
    }

    pub(super) fn absorb(&mut self, inner: Transaction) {
        self.purged.extend(inner.purged);
        inner.rows.into_iter().for_each(|(table, slot, before)| self.touch(table, slot, before));
    }
}

impl Org {
    /// Runs one transaction and says for each row, in order, what became of it.
    ///
    /// Rows that fail leave the others alone, unless `all_or_none`: then nothing is written and the rows that were fine say
    /// `ALL_OR_NONE_OPERATION_ROLLED_BACK`. A record written twice in one transaction yields one event, with its final state;
    /// a write that changes no value yields none.
    pub fn commit(
        &mut self,
        context: &WriteContext,
        all_or_none: bool,
        writes: Vec<Write>,
    ) -> Vec<Result<WriteOutcome, WriteError>> {
        let mut transaction = Transaction::default();
        let results = self.write_in(&mut transaction, context, all_or_none, writes);
        self.finish(context, transaction);
        results
    }

    /// Writes as part of a transaction that goes on. With `all_or_none`, a row that fails takes back these writes only.
    pub fn write_in(
        &mut self,
        transaction: &mut Transaction,
        context: &WriteContext,
        all_or_none: bool,
        writes: Vec<Write>,
    ) -> Vec<Result<WriteOutcome, WriteError>> {
        let access = self.access(&context.user_id, context.now_ms);
        let mut touched = Transaction::default();
        let mut results: Vec<_> = writes
            .into_iter()
            .map(|write| {
                self.check_locks(&write, context.now_ms)?;
                self.apply(context, &access, &mut touched, write)
            })
            .collect();
        if !all_or_none || results.iter().all(Result::is_ok) {
            transaction.absorb(touched);
            return results;
        }
        self.roll_back(touched);
        for result in results.iter_mut().filter(|result| result.is_ok()) {
            *result = Err(WriteError::rolled_back());
        }
        results
    }

    /// Ends a transaction: what it wrote stays, and events tell of it.
    pub fn finish(&mut self, context: &WriteContext, transaction: Transaction) {
        if !transaction.rows.is_empty() {
            self.note_history(context, &transaction);
            self.append_events(context, &transaction.rows);
        }
        for (table, slot) in transaction.purged {
            let own = &self.tables[table];
            if let Some(row) = own.row(slot)
                && let FieldValue::DateTime(at_ms) = row.get(own.system.system_modstamp)
            {
                let id = own.id_of(row).to_owned();
                self.purged.entry(table).or_default().push((id, at_ms));
            }
            self.replace_row(table, slot, None);
        }
    }

    /// Ids of records of an object that are not even in the recycle bin any more, with the time of their deletion. (SOAP guide,
    /// getDeleted: deletions are kept in a log of their own.)
    pub fn purged(&self, object: &str) -> &[(String, i64)] {
        let table = self.table_index(object);
        table.and_then(|table| self.purged.get(&table)).map_or(&[], Vec::as_slice)
    }

    /// Ends a transaction as if it had never begun, but for the ids that it spent.
    pub fn roll_back(&mut self, transaction: Transaction) {
        for (table, slot, before) in transaction.rows.into_iter().rev() {
            self.replace_row(table, slot, before);
        }
    }

    /// Locks records as a long transaction of somebody else does: writes to them, and to what points to them, are refused until
    /// `until_ms`, or until they are unlocked.
    pub fn lock_rows<'i>(&mut self, ids: impl IntoIterator<Item = &'i str>, until_ms: Option<i64>) {
        let ids = ids.into_iter().filter_map(id::normalize);
        self.row_locks.extend(ids.map(|id| (id, until_ms)));
    }

    /// Unlocks every record that [`Org::lock_rows`] locked.
    pub fn unlock_rows(&mut self) {
        self.row_locks.clear();
    }

    fn check_locks(&mut self, write: &Write, now_ms: i64) -> Result<(), WriteError> {
        if self.row_locks.is_empty() {
            return Ok(());
        }
        self.row_locks.retain(|_, until_ms| until_ms.is_none_or(|until_ms| now_ms < until_ms));
        let values = match write {
            Write::Create { values, .. } | Write::Update { values, .. } | Write::Merge { values, .. } => Some(values),
            _ => None,
        };
        let parents = values.into_iter().flat_map(|values| values.values()).filter_map(Json::as_str);
        let locked = write.record_id().into_iter().chain(parents).find_map(|id| locked(&self.row_locks, id));
        locked.map_or(Ok(()), |id| {
            let message = format!("unable to obtain exclusive access to this record or 1 records: {id}");
            Err(WriteError::new("UNABLE_TO_LOCK_ROW", message))
        })
    }
}

fn locked(locks: &HashMap<String, Option<i64>>, id: &str) -> Option<String> {
    id::normalize(id.trim()).filter(|id| locks.contains_key(id))
}
