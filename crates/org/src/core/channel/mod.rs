//! Event channels: which objects' changes and which platform events go where, and what clients may subscribe to.
//!
//! Channels, their members and managed subscriptions are set-up that the Tooling API creates and reads; each is also a row of
//! its Tooling object, so that queries find it. Knows no subscriber. (Change Data Capture guide, "Channels"; Tooling API guide.)

mod definition;
mod filter;
mod managed;
mod topic;

pub use definition::{ChannelDefinition, EnrichedField, MemberDefinition};
pub(crate) use filter::Filter;
pub(crate) use managed::ManagedSubscription;
pub use managed::{ManagedDefinition, Replay, RunState};
pub(crate) use topic::{Selection, Topic, event_name, has_change_events, object_of_event};

use super::error::WriteError;
use super::org::Org;
use super::schema::FieldIndex;

/// The channel that the set-up page fills: every selected object.
pub(crate) const STANDARD_CHANNEL: &str = "ChangeEvents";

/// Objects whose changes are captured unless said otherwise: as many as an org without the add-on may select.
const SELECTED_BY_DEFAULT: [&str; 5] = ["Account", "Contact", "Lead", "Opportunity", "Task"];

/// Distinct objects that all channels together may select without the add-on (Change Data Capture guide, "Allocations").
const ENTITIES_MAX: usize = 5;

/// Custom channels of an org (the same).
const CHANNELS_MAX: usize = 100;

const CHANNEL: &str = "PlatformEventChannel";
const MEMBER: &str = "PlatformEventChannelMember";
const MANAGED: &str = "ManagedEventSubscription";

/// The event set-up of an org.
#[derive(Debug)]
pub(crate) struct Channels {
    channels: Vec<Channel>,
    members: Vec<Member>,
    managed: Vec<ManagedSubscription>,
    entities_max: Option<usize>,
}

impl Default for Channels {
    fn default() -> Channels {
        Channels { channels: Vec::new(), members: Vec::new(), managed: Vec::new(), entities_max: Some(ENTITIES_MAX) }
    }
}

/// A custom channel.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    id: String,
    name: String,
    definition: ChannelDefinition,
}

/// One object in one channel.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    id: String,
    name: String,
    definition: MemberDefinition,
    /// API name of the object: the changed one, or the platform event.
    object: String,
    /// Fields that updates and deletes carry besides what changed.
    pub(crate) enriched: Vec<FieldIndex>,
    /// What an event must fulfil.
    pub(crate) filter: Option<Filter>,
}

/// One piece of event set-up as the Tooling API shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct EventSetup<D> {
    /// 18-character id.
    pub id: String,
    /// `FullName`.
    pub full_name: String,
    /// `Metadata`.
    pub metadata: D,
}

impl Org {
    /// Whether changes of an object are captured, in whatever channel.
    pub fn is_captured(&self, object: &str) -> bool {
        self.channels.members.iter().any(|member| member.object == object && !object.ends_with("__e"))
    }

    /// Sets how many distinct objects may be selected; `None` as with the add-on. Five without it.
    pub fn set_captured_entities_max(&mut self, entities_max: Option<usize>) {
        self.channels.entities_max = entities_max;
    }

    pub(super) fn select_default_entities(&mut self, now_ms: i64) {
        let selected = SELECTED_BY_DEFAULT.iter().filter(|_| self.edition().has_change_data_capture());
        for object in selected.copied().collect::<Vec<_>>() {
            self.select_entity(object, now_ms).expect("a new org may select these objects");
        }
    }

    /// Selects an object on the standard channel, as the set-up page does. Gives the member's id.
    pub fn select_entity(&mut self, object: &str, now_ms: i64) -> Result<String, WriteError> {
        let entity = event_name(object);
        let definition = MemberDefinition {
            event_channel: STANDARD_CHANNEL.to_owned(),
            selected_entity: entity.clone(),
            enriched_fields: Vec::new(),
            filter_expression: None,
        };
        self.create_channel_member(&format!("{STANDARD_CHANNEL}_{entity}"), definition, now_ms)
    }

    /// The custom channels.
    pub fn event_channels(&self) -> impl Iterator<Item = EventSetup<&ChannelDefinition>> {
        self.channels.channels.iter().map(|channel| EventSetup {
            id: channel.id.clone(),
            full_name: channel.name.clone(),
            metadata: &channel.definition,
        })
    }

    /// The members of all channels.
    pub fn channel_members(&self) -> impl Iterator<Item = EventSetup<&MemberDefinition>> {
        self.channels.members.iter().map(|member| EventSetup {
            id: member.id.clone(),
            full_name: member.name.clone(),
            metadata: &member.definition,
        })
    }

    /// Makes a custom channel and gives its id.
    pub fn create_event_channel(
        &mut self,
        full_name: &str,
        definition: ChannelDefinition,
        now_ms: i64,
    ) -> Result<String, WriteError> {
        definition.check(full_name)?;
        let channels = &self.channels.channels;
        if channels.iter().any(|channel| channel.name.eq_ignore_ascii_case(full_name)) {
            return Err(duplicate(full_name));
        }
        if channels.len() >= CHANNELS_MAX {
            return Err(WriteError::new("LIMIT_EXCEEDED", "The maximum number of custom channels has been reached."));
        }
        let id = self.tell(CHANNEL, "", definition.row(full_name), now_ms);
        self.channels.channels.push(Channel { id: id.clone(), name: full_name.to_owned(), definition });
        Ok(id)
    }

    /// Changes a custom channel: its label, for the rest of the definition must be as it was.
    pub fn update_event_channel(
        &mut self,
        id: &str,
        full_name: &str,
        definition: ChannelDefinition,
        now_ms: i64,
    ) -> Result<(), WriteError> {
        definition.check(full_name)?;
        let at = self.channels.channels.iter().position(|channel| channel.id == id).ok_or_else(no_such_setup)?;
        if self.channels.channels[at].definition.channel_type != definition.channel_type {
            return Err(not_updateable("channelType"));
        }
        self.tell(CHANNEL, id, definition.row(full_name), now_ms);
        let channel = &mut self.channels.channels[at];
        (channel.name, channel.definition) = (full_name.to_owned(), definition);
        Ok(())
    }

    /// Removes a custom channel that has no members.
    pub fn delete_event_channel(&mut self, id: &str) -> Result<(), WriteError> {
        let at = self.channels.channels.iter().position(|channel| channel.id == id).ok_or_else(no_such_setup)?;
        let name = &self.channels.channels[at].name;
        if self.channels.members.iter().any(|member| member.definition.event_channel == *name) {
            let message = format!("Cannot delete the channel {name} because it has channel members.");
            return Err(WriteError::new("DELETE_FAILED", message));
        }
        self.channels.channels.remove(at);
        self.erase_setup_row(CHANNEL, id);
        Ok(())
    }

    /// Puts an object in a channel and gives the member's id.
    pub fn create_channel_member(
        &mut self,
        full_name: &str,
        definition: MemberDefinition,
        now_ms: i64,
    ) -> Result<String, WriteError> {
        let mut member = self.member(full_name, definition)?;
        let others = &self.channels.members;
        let same_place = |other: &Member| {
            other.definition.event_channel == member.definition.event_channel && other.object == member.object
        };
        if others.iter().any(|other| other.name.eq_ignore_ascii_case(full_name) || same_place(other)) {
            return Err(duplicate(full_name));
        }
        if !member.object.ends_with("__e") && !self.is_captured(&member.object) {
            self.check_entity_allowance()?;
        }
        member.id = self.tell(MEMBER, "", self.member_row(&member), now_ms);
        let id = member.id.clone();
        self.channels.members.push(member);
        Ok(id)
    }

    /// Changes a member: enrichment and filter, for its channel and entity must be as they were.
    pub fn update_channel_member(
        &mut self,
        id: &str,
        full_name: &str,
        definition: MemberDefinition,
        now_ms: i64,
    ) -> Result<(), WriteError> {
        let at = self.channels.members.iter().position(|member| member.id == id).ok_or_else(no_such_setup)?;
        let before = &self.channels.members[at].definition;
        if before.event_channel != definition.event_channel {
            return Err(not_updateable("eventChannel"));
        }
        if before.selected_entity != definition.selected_entity {
            return Err(not_updateable("selectedEntity"));
        }
        let member = Member { id: id.to_owned(), ..self.member(full_name, definition)? };
        self.tell(MEMBER, id, self.member_row(&member), now_ms);
        self.channels.members[at] = member;
        Ok(())
    }

    /// Takes an object out of a channel.
    pub fn delete_channel_member(&mut self, id: &str) -> Result<(), WriteError> {
        let at = self.channels.members.iter().position(|member| member.id == id).ok_or_else(no_such_setup)?;
        self.channels.members.remove(at);
        self.erase_setup_row(MEMBER, id);
        Ok(())
    }

    fn check_entity_allowance(&self) -> Result<(), WriteError> {
        if !self.edition().has_change_data_capture() {
            return Err(WriteError::new(
                "FUNCTIONALITY_NOT_ENABLED",
                "Change Data Capture is not enabled for this org.",
            ));
        }
        let mut objects: Vec<&str> = self.channels.members.iter().map(|member| member.object.as_str()).collect();
        objects.retain(|object| !object.ends_with("__e"));
        objects.sort_unstable();
        objects.dedup();
        match self.channels.entities_max {
            Some(max) if objects.len() >= max => {
                let message = format!(
                    "The maximum number of entities that can be selected for Change Data Capture is {max}. To select more, \
                     purchase the add-on."
                );
                Err(WriteError::new("LIMIT_EXCEEDED", message))
            }
            _ => Ok(()),
        }
    }

    /// The member of a channel that an object has.
    pub(crate) fn member_of(&self, channel: &str, object: &str) -> Option<&Member> {
        self.channels
            .members
            .iter()
            .find(|member| member.definition.event_channel == channel && member.object == object)
    }

    fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.channels.iter().find(|channel| channel.name == name)
    }

    fn erase_setup_row(&mut self, object: &str, id: &str) {
        if let Some(table) = self.table_index(object)
            && let Some(slot) = self.tables[table].slot_of(id)
        {
            self.tables[table].replace(slot, None);
        }
    }
}

fn duplicate(full_name: &str) -> WriteError {
    let message = format!("duplicate value found: {full_name} duplicates value on record with the same name");
    WriteError::at("DUPLICATE_VALUE", "FullName", message)
}

fn no_such_setup() -> WriteError {
    WriteError::new("NOT_FOUND", "The requested resource does not exist")
}

fn not_updateable(field: &str) -> WriteError {
    let message = format!("The {field} field can't be updated. Delete the record and create it again.");
    WriteError::at("FIELD_INTEGRITY_EXCEPTION", field, message)
}

fn invalid(field: &str, message: impl Into<String>) -> WriteError {
    WriteError::at("FIELD_INTEGRITY_EXCEPTION", field, message)
}
