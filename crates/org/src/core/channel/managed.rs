//! Managed subscriptions: the org remembers for a client how far it got. (Pub/Sub API guide, "Managed Event Subscriptions".)

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::definition::is_developer_name;
use super::{EventSetup, MANAGED, duplicate, invalid, no_such_setup};
use crate::core::error::WriteError;
use crate::core::org::Org;
use crate::core::value::FieldValue;

/// Managed subscriptions of an org (the same guide).
const MANAGED_MAX: usize = 200;

/// Where a subscription begins without a position of its own.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Replay {
    /// At what happens from then on.
    #[default]
    Latest,
    /// At the oldest event that is kept.
    Earliest,
}

/// Whether a managed subscription may be used.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are Salesforce's own and say all")]
pub enum RunState {
    #[default]
    Run,
    Stop,
}

/// `ManagedEventSubscription.Metadata`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedDefinition {
    /// What people see.
    pub label: String,
    /// `/data/ContactChangeEvent`, `/event/Order__e` and the like.
    pub topic_name: String,
    /// Where to begin as long as nothing was committed.
    #[serde(default)]
    pub default_replay: Replay,
    /// Where to go on when the committed position is no longer valid.
    #[serde(default)]
    pub error_recovery_replay: Replay,
    /// Whether it may be used.
    #[serde(default)]
    pub state: RunState,
}

impl ManagedDefinition {
    fn row(&self, full_name: &str) -> Vec<(&'static str, FieldValue)> {
        let word = |replay: Replay| FieldValue::from(if replay == Replay::Latest { "LATEST" } else { "EARLIEST" });
        vec![
            ("DeveloperName", full_name.into()),
            ("FullName", full_name.into()),
            ("MasterLabel", self.label.as_str().into()),
            ("TopicName", self.topic_name.as_str().into()),
            ("DefaultReplay", word(self.default_replay)),
            ("ErrorRecoveryReplay", word(self.error_recovery_replay)),
            ("State", if self.state == RunState::Run { "RUN" } else { "STOP" }.into()),
            ("Metadata", json!(self).to_string().into()),
        ]
    }
}

/// A managed subscription and how far its client got.
#[derive(Clone, Debug)]
pub(crate) struct ManagedSubscription {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) definition: ManagedDefinition,
    /// What was last committed.
    pub(crate) committed: Option<u64>,
}

impl Org {
    /// The managed subscriptions.
    pub fn managed_subscriptions(&self) -> impl Iterator<Item = EventSetup<&ManagedDefinition>> {
        self.channels.managed.iter().map(|managed| EventSetup {
            id: managed.id.clone(),
            full_name: managed.name.clone(),
            metadata: &managed.definition,
        })
    }

    /// Makes a managed subscription and gives its id.
    pub fn create_managed_subscription(
        &mut self,
        full_name: &str,
        definition: ManagedDefinition,
        now_ms: i64,
    ) -> Result<String, WriteError> {
        self.check_managed(full_name, &definition)?;
        if self.channels.managed.iter().any(|other| other.name.eq_ignore_ascii_case(full_name)) {
            return Err(duplicate(full_name));
        }
        if self.channels.managed.len() >= MANAGED_MAX {
            let message = format!("An org can have up to {MANAGED_MAX} managed event subscriptions.");
            return Err(WriteError::new("LIMIT_EXCEEDED", message));
        }
        let id = self.tell(MANAGED, "", definition.row(full_name), now_ms);
        let name = full_name.to_owned();
        self.channels.managed.push(ManagedSubscription { id: id.clone(), name, definition, committed: None });
        Ok(id)
    }

    /// Changes a managed subscription. Another topic begins anew.
    pub fn update_managed_subscription(
        &mut self,
        id: &str,
        full_name: &str,
        definition: ManagedDefinition,
        now_ms: i64,
    ) -> Result<(), WriteError> {
        self.check_managed(full_name, &definition)?;
        let at = self.channels.managed.iter().position(|managed| managed.id == id).ok_or_else(no_such_setup)?;
        self.tell(MANAGED, id, definition.row(full_name), now_ms);
        let managed = &mut self.channels.managed[at];
        if managed.definition.topic_name != definition.topic_name {
            managed.committed = None;
        }
        (managed.name, managed.definition) = (full_name.to_owned(), definition);
        Ok(())
    }

    /// Removes a managed subscription.
    pub fn delete_managed_subscription(&mut self, id: &str) -> Result<(), WriteError> {
        let at = self.channels.managed.iter().position(|managed| managed.id == id).ok_or_else(no_such_setup)?;
        self.channels.managed.remove(at);
        self.erase_setup_row(MANAGED, id);
        Ok(())
    }

    fn check_managed(&self, full_name: &str, definition: &ManagedDefinition) -> Result<(), WriteError> {
        if !is_developer_name(full_name) {
            return Err(invalid("FullName", format!("Invalid name: {full_name}")));
        }
        if definition.label.trim().is_empty() {
            return Err(WriteError::at("REQUIRED_FIELD_MISSING", "label", "Required field is missing: label"));
        }
        match self.topic(&definition.topic_name) {
            Some(_) => Ok(()),
            None => Err(invalid("topicName", format!("The topic {} doesn't exist.", definition.topic_name))),
        }
    }

    /// A managed subscription by its id (15 or 18 characters) or, without one, by its developer name.
    pub(crate) fn managed_subscription(&self, id: &str, name: &str) -> Option<&ManagedSubscription> {
        let id = crate::core::id::normalize(id);
        self.channels.managed.iter().find(|managed| match &id {
            Some(id) => managed.id == *id,
            None => managed.name == name,
        })
    }

    /// Remembers how far a client got; whether that is a position to resume from.
    pub(crate) fn commit_position(&mut self, id: &str, position: u64) -> bool {
        let is_valid = self.log.is_valid(position);
        match self.channels.managed.iter_mut().find(|managed| managed.id == id) {
            Some(managed) if is_valid => {
                managed.committed = Some(position);
                true
            }
            _ => false,
        }
    }
}
