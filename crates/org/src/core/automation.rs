//! What an administrator adds to saving: validation rules, and automations that change values in the same transaction.
//!
//! Their conditions are closures over the org and the row that is to be stored, so nothing here knows how they were written down.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::error::WriteError;
use super::org::Org;
use super::row::Row;
use super::schema::FieldIndex;

type Test = dyn Fn(&Org, &Row) -> bool + Send + Sync;

/// What a rule asks of a record.
#[derive(Clone)]
pub struct Condition(Arc<Test>);

impl Condition {
    /// A condition on a record as it is to be stored.
    pub fn new(holds: impl Fn(&Org, &Row) -> bool + Send + Sync + 'static) -> Condition {
        Condition(Arc::new(holds))
    }

    /// The condition that every record meets.
    pub fn always() -> Condition {
        Condition::new(|_, _| true)
    }

    pub(super) fn holds(&self, org: &Org, row: &Row) -> bool {
        (self.0)(org, row)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condition")
    }
}

/// Refuses records that meet its condition.
#[derive(Clone, Debug)]
pub struct ValidationRule {
    /// API name of the object.
    pub object: String,
    /// What the administrator calls it.
    pub name: String,
    /// When a record is refused.
    pub condition: Condition,
    /// What the writer reads.
    pub message: String,
    /// The field that the message stands at; `None` for the top of the page.
    pub field: Option<String>,
}

/// When an automation runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// With new records.
    Create,
    /// With changed records.
    Update,
    /// With both.
    #[default]
    Both,
}

impl Trigger {
    pub(super) fn fires(self, is_new: bool) -> bool {
        match self {
            Trigger::Create => is_new,
            Trigger::Update => !is_new,
            Trigger::Both => true,
        }
    }
}

/// What an automation does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Before the record is stored: gives a field a value.
    Set {
        /// API name of the field.
        field: String,
        /// What it becomes.
        to: Assignment,
    },
    /// After it: makes a task that is with or about the record.
    CreateTask {
        /// Its fields.
        values: Map<String, Json>,
    },
    /// After it: writes to the record that a reference points to.
    UpdateParent {
        /// API name of the reference.
        reference: String,
        /// The parent's fields; without any it is only stamped.
        values: Map<String, Json>,
    },
}

/// The value that an automation gives a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Assignment {
    /// Always this one.
    Value(Json),
    /// That of another field.
    CopyOf(String),
    /// Its own in capitals.
    Upper,
    /// Its own in small letters.
    Lower,
    /// Its own with this behind it, unless it is there already.
    Append(String),
}

/// Something that an administrator had the org do with every save.
#[derive(Clone, Debug)]
pub struct Automation {
    /// API name of the object.
    pub object: String,
    /// What the administrator calls it.
    pub name: String,
    /// When it runs.
    pub trigger: Trigger,
    /// For which records.
    pub condition: Condition,
    /// What it does.
    pub action: Action,
}

/// Everything of this kind, by the object's number.
#[derive(Debug, Default)]
pub(crate) struct Automations {
    validations: Vec<(usize, Arc<ValidationRule>)>,
    automations: Vec<(usize, Arc<Automation>)>,
}

impl Automations {
    pub(super) fn validations_of(&self, table: usize) -> Vec<Arc<ValidationRule>> {
        self.validations.iter().filter(|(own, _)| *own == table).map(|(_, rule)| rule.clone()).collect()
    }

    pub(super) fn of(&self, table: usize) -> Vec<Arc<Automation>> {
        self.automations.iter().filter(|(own, _)| *own == table).map(|(_, automation)| automation.clone()).collect()
    }
}

impl Org {
    /// Adds a validation rule; one of the same object and name gives way to it.
    ///
    /// # Errors
    /// Where the object or the field is not there.
    pub fn add_validation_rule(&mut self, rule: ValidationRule) -> Result<(), WriteError> {
        let table = self.number_of(&rule.object)?;
        if let Some(field) = &rule.field {
            self.index_in(table, field)?;
        }
        self.automations.validations.retain(|(own, known)| (*own, &known.name) != (table, &rule.name));
        self.automations.validations.push((table, Arc::new(rule)));
        Ok(())
    }

    /// Adds an automation; one of the same object and name gives way to it.
    ///
    /// # Errors
    /// Where the object or a field is not there.
    pub fn add_automation(&mut self, automation: Automation) -> Result<(), WriteError> {
        let table = self.number_of(&automation.object)?;
        match &automation.action {
            Action::Set { field, to: Assignment::CopyOf(from) } => {
                self.index_in(table, field)?;
                self.index_in(table, from)?;
            }
            Action::Set { field, .. } => drop(self.index_in(table, field)?),
            Action::UpdateParent { reference, .. } => drop(self.index_in(table, reference)?),
            Action::CreateTask { .. } => {}
        }
        self.automations.automations.retain(|(own, known)| (*own, &known.name) != (table, &automation.name));
        self.automations.automations.push((table, Arc::new(automation)));
        Ok(())
    }

    /// Takes away every rule and automation.
    pub fn clear_automations(&mut self) {
        self.automations = Automations::default();
    }

    fn number_of(&self, object: &str) -> Result<usize, WriteError> {
        self.table_index(object).ok_or_else(|| super::org::no_such_object(object))
    }

    fn index_in(&self, table: usize, field: &str) -> Result<FieldIndex, WriteError> {
        let schema = &self.tables[table].schema;
        schema.index_of(field).ok_or_else(|| WriteError::no_such_column(field, &schema.name))
    }
}
