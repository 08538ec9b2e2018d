//! Activities and those they are with or about: the date of the last one.
//!
//! An activity moves its parents' last activity date and system stamp; that is no change of theirs, so no event follows.
//! A task counts once it is completed, a calendar event at once (Object reference, `LastActivityDate`).

use super::Run;
use crate::core::org::Org;
use crate::core::row::Row;
use crate::core::schema::FieldSchema;
use crate::core::table::{Slot, Table};
use crate::core::value::FieldValue;

const PARENTS: [&str; 3] = ["WhoId", "WhatId", "AccountId"];

/// The day on which an activity counts.
fn day_of(table: &Table, row: &Row) -> Option<i32> {
    let counts = match table.schema.name.as_str() {
        "Task" => table.is_checked(row, "IsClosed"),
        "Event" => true,
        _ => false,
    };
    match row.get(table.schema.index_of("ActivityDate")?) {
        FieldValue::Date(day) if counts && !table.is_deleted(row) => Some(day),
        _ => None,
    }
}

fn is_activity(table: &Table) -> bool {
    matches!(table.schema.name.as_str(), "Task" | "Event")
}

impl Org {
    /// What a new, changed or restored activity tells its parents.
    pub(super) fn note_activity(&mut self, run: &mut Run<'_>, table: usize, slot: Slot) {
        if !is_activity(&self.tables[table]) {
            return;
        }
        let Some(day) = self.tables[table].row(slot).and_then(|row| day_of(&self.tables[table], row)) else { return };
        for (parent, parent_slot) in self.parents_of(table, slot) {
            if self.last_activity(parent, parent_slot).is_none_or(|known| known < day) {
                self.set_last_activity(run, parent, parent_slot, Some(day));
            }
        }
    }

    /// What an activity that is no more leaves behind.
    pub(super) fn forget_activity(&mut self, run: &mut Run<'_>, table: usize, slot: Slot) {
        if !is_activity(&self.tables[table]) {
            return;
        }
        for (parent, parent_slot) in self.parents_of(table, slot) {
            if self.last_activity(parent, parent_slot).is_none() {
                continue;
            }
            let id = self.id_at(parent, parent_slot);
            let is_parent = |field: &FieldSchema| PARENTS.contains(&field.name.as_str());
            let days = self.children(parent, &id, |child, row| day_of(child, row).is_some(), is_parent);
            let last = days.into_iter().filter_map(|(child, slot)| {
                let child = &self.tables[child];
                day_of(child, child.row(slot)?)
            });
            let last = last.max();
            if self.last_activity(parent, parent_slot) != last {
                self.set_last_activity(run, parent, parent_slot, last);
            }
        }
    }

    /// A master takes over the latest activity of those that were merged into it.
    pub(super) fn note_merged_activity(
        &mut self,
        run: &mut Run<'_>,
        table: usize,
        slot: Slot,
        losers: impl Iterator<Item = Slot>,
    ) {
        let latest = losers.filter_map(|loser| self.last_activity(table, loser)).max();
        if let Some(latest) = latest
            && self.last_activity(table, slot).is_none_or(|known| known < latest)
        {
            self.set_last_activity(run, table, slot, Some(latest));
        }
    }

    fn parents_of(&self, table: usize, slot: Slot) -> Vec<(usize, Slot)> {
        let table = &self.tables[table];
        let Some(row) = table.row(slot) else { return Vec::new() };
        let ids = PARENTS.iter().filter_map(|name| table.text(row, name));
        ids.filter_map(|id| self.locate(id))
            .filter(|(parent, _)| self.tables[*parent].system.last_activity_date.is_some())
            .collect()
    }

    fn last_activity(&self, table: usize, slot: Slot) -> Option<i32> {
        let table = &self.tables[table];
        match table.row(slot)?.get(table.system.last_activity_date?) {
            FieldValue::Date(day) => Some(day),
            _ => None,
        }
    }

    fn set_last_activity(&mut self, run: &mut Run<'_>, table: usize, slot: Slot, day: Option<i32>) {
        let system = self.tables[table].system;
        let (Some(index), Some(row)) = (system.last_activity_date, self.tables[table].row(slot)) else { return };
        let mut row = row.unpack();
        row.set(index, day.map_or(FieldValue::Null, FieldValue::Date));
        row.set(system.system_modstamp, FieldValue::DateTime(run.context.now_ms / 1000 * 1000));
        self.store(run.touched, table, slot, Some(row.pack()));
    }
}
