//! Rules and automations at work while a record is saved: values are set, then the record is judged, and once it is stored others
//! are written.

use serde_json::{Map, Value as Json};

use super::Run;
use crate::core::automation::{Action, Assignment};
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::row::{Draft, Row};
use crate::core::rules;
use crate::core::table::Slot;

/// How deep one save may lead to another (Apex governor limits: 16 levels of triggers).
const DEPTH_MAX: u8 = 16;

impl Org {
    /// Runs what sets values before a record is stored.
    pub(super) fn automate_before_save(
        &self,
        table: usize,
        before: Option<&Row>,
        row: &mut Draft,
    ) -> Result<(), WriteError> {
        for automation in self.automations.of(table) {
            let Action::Set { field, to } = &automation.action else { continue };
            if !automation.trigger.fires(before.is_none()) || !automation.condition.holds(self, &row.pack()) {
                continue;
            }
            let schema = &self.tables[table].schema;
            let Some((index, field)) = schema.field_named(field) else { continue };
            let own = row.get(index).as_text().unwrap_or_default();
            let text = match to {
                Assignment::Value(value) => {
                    row.set(index, rules::coerce(field, value)?);
                    continue;
                }
                Assignment::CopyOf(from) => {
                    let from = schema.field_named(from);
                    let shown = from.map(|(index, from)| row.get(index).to_display(from)).unwrap_or_default();
                    row.set(index, rules::coerce(field, &Json::String(shown))?);
                    continue;
                }
                Assignment::Upper => own.to_uppercase(),
                Assignment::Lower => own.to_lowercase(),
                Assignment::Append(suffix) if own.ends_with(suffix.as_str()) => continue,
                Assignment::Append(suffix) => format!("{own}{suffix}"),
            };
            row.set(index, rules::coerce(field, &Json::String(text))?);
        }
        Ok(())
    }

    /// Says no to a record that a validation rule refuses.
    pub(super) fn validate(&self, table: usize, row: &Draft) -> Result<(), WriteError> {
        let rules = self.automations.validations_of(table);
        if !rules.is_empty() {
            let row = row.pack();
            if let Some(broken) = rules.iter().find(|rule| rule.condition.holds(self, &row)) {
                let code = "FIELD_CUSTOM_VALIDATION_EXCEPTION";
                return Err(match &broken.field {
                    Some(field) => {
                        let schema = &self.tables[table].schema;
                        let name = schema.field_named(field).map_or(field.as_str(), |(_, field)| &field.name);
                        WriteError::at(code, name, &*broken.message)
                    }
                    None => WriteError::new(code, &*broken.message),
                });
            }
        }
        Ok(())
    }

    /// Runs what writes to other records once this one is stored.
    pub(super) fn automate_after_save(
        &mut self,
        run: &mut Run<'_>,
        table: usize,
        slot: Slot,
        is_new: bool,
    ) -> Result<(), WriteError> {
        for automation in self.automations.of(table) {
            let Some(row) = self.tables[table].row(slot) else { return Ok(()) };
            let sets = matches!(automation.action, Action::Set { .. });
            if sets || !automation.trigger.fires(is_new) || !automation.condition.holds(self, row) {
                continue;
            }
            if run.depth >= DEPTH_MAX {
                let message = format!("{}: maximum trigger depth exceeded", automation.name);
                return Err(WriteError::new("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message));
            }
            let id = self.id_at(table, slot);
            let parent = match &automation.action {
                Action::UpdateParent { reference, .. } => {
                    self.tables[table].text(row, reference).and_then(|parent| self.locate(parent))
                }
                _ => None,
            };
            run.depth += 1;
            match (&automation.action, parent) {
                (Action::CreateTask { values }, _) => self.automated_task(run, &id, values)?,
                (Action::UpdateParent { values, .. }, Some((table, slot))) => {
                    self.update_unchecked(run, table, slot, values)?;
                }
                _ => {}
            }
            run.depth -= 1;
        }
        Ok(())
    }

    fn automated_task(&mut self, run: &mut Run<'_>, about: &str, values: &Map<String, Json>) -> Result<(), WriteError> {
        let table = self.table_index("Task").expect("every org has tasks");
        let mut task = Draft::default();
        self.fill_by_name(table, &mut task, values)?;
        let schema = &self.tables[table].schema;
        let object = self.record(about).map(|(object, _)| object.name.as_str()).unwrap_or_default();
        for name in ["WhoId", "WhatId"] {
            if let Some((index, field)) = schema.field_named(name)
                && field.reference_to.iter().any(|target| target == object)
            {
                task.set(index, about.into());
            }
        }
        self.insert(run, table, task).map(drop)
    }

    fn update_unchecked(
        &mut self,
        run: &mut Run<'_>,
        table: usize,
        slot: Slot,
        values: &Map<String, Json>,
    ) -> Result<(), WriteError> {
        let before = self.tables[table].row(slot).cloned().ok_or_else(WriteError::no_such_record)?;
        let mut row = before.unpack();
        self.fill_by_name(table, &mut row, values)?;
        self.stamp(run.context, table, &mut row);
        self.save(run, table, slot, Some(&before), row)
    }

    /// What the platform writes, no field is closed to.
    fn fill_by_name(&self, table: usize, row: &mut Draft, values: &Map<String, Json>) -> Result<(), WriteError> {
        let schema = &self.tables[table].schema;
        for (name, input) in values {
            let (index, field) =
                schema.field_named(name).ok_or_else(|| WriteError::no_such_column(name, &schema.name))?;
            row.set(index, rules::coerce(field, input)?);
        }
        Ok(())
    }
}
