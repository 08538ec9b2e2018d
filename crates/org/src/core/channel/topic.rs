//! What clients may subscribe to: names of topics, and who may read them.

use super::{Member, STANDARD_CHANNEL};
use crate::core::access::{Access, Permission};
use crate::core::org::Org;
use crate::core::schema::ObjectSchema;

/// What a subscription is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// `/data/ChangeEvents`, `/data/Sales__chn`: the changes of a channel's objects.
    Changes(String),
    /// `/data/ContactChangeEvent`: the changes of one object, by its API name.
    Entity(String),
    /// `/event/Orders__chn`: the platform events of a channel.
    Events(String),
    /// `/event/Order__e`: one platform event, by its API name.
    Event(String),
}

impl Topic {
    /// The one object that it is about.
    pub(crate) fn object(&self) -> Option<&str> {
        match self {
            Topic::Entity(object) | Topic::Event(object) => Some(object),
            Topic::Changes(_) | Topic::Events(_) => None,
        }
    }
}

/// `ContactChangeEvent`, and `Employee__ChangeEvent` for the custom object `Employee__c`.
pub(crate) fn event_name(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(custom) => format!("{custom}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    }
}

/// The object that an event name belongs to: the inverse of [`event_name`]. `None` if it is no change event's name.
pub(crate) fn object_of_event(event: &str) -> Option<String> {
    match event.strip_suffix("__ChangeEvent") {
        Some(custom) if !custom.is_empty() => Some(format!("{custom}__c")),
        _ => event.strip_suffix("ChangeEvent").filter(|object| !object.is_empty()).map(str::to_owned),
    }
}

/// Whether an object's changes can be captured: those of data can, and of set-up those of users.
pub(crate) fn has_change_events(object: &ObjectSchema) -> bool {
    object.writeable && !object.tooling && !object.is_platform_event() && (!object.setup || object.name == "User")
}

/// Whether a user may get an object's events (Change Data Capture guide, "Required Permissions"; for platform events,
/// reading the event object).
fn may_read(access: &Access, object: &ObjectSchema) -> bool {
    match object.name.as_str() {
        _ if object.is_platform_event() => access.reads(object),
        "Task" | "Event" => access.has(Permission::ViewAllData),
        "User" => access.has(Permission::ViewAllUsers),
        _ => access.views_all(object),
    }
}

impl Org {
    /// The topic with this name, which is case-sensitive.
    pub(crate) fn topic(&self, name: &str) -> Option<Topic> {
        let exact = |name: &str| self.object(name).filter(|object| object.name == name);
        let channel =
            |name: &str, kind: &str| self.channel(name).is_some_and(|channel| channel.definition.channel_type == kind);
        if let Some(name) = name.strip_prefix("/event/") {
            return match exact(name).filter(|object| object.is_platform_event()) {
                Some(object) => Some(Topic::Event(object.name.clone())),
                None => channel(name, "event").then(|| Topic::Events(name.to_owned())),
            };
        }
        let name = name.strip_prefix("/data/").filter(|_| self.edition().has_change_data_capture())?;
        if name == STANDARD_CHANNEL || channel(name, "data") {
            return Some(Topic::Changes(name.to_owned()));
        }
        let object = object_of_event(name)?;
        exact(&object).filter(|object| has_change_events(object)).map(|object| Topic::Entity(object.name.clone()))
    }

    /// Whether a user may subscribe to a topic. One of several objects is open to all, and each gets what each may read.
    pub(crate) fn may_subscribe(&self, access: &Access, topic: &Topic) -> bool {
        topic.object().and_then(|name| self.object(name)).is_none_or(|object| may_read(access, object))
    }

    /// The selection by which an object's events are on a topic, if they are and the user may get them.
    pub(crate) fn selected(&self, access: &Access, topic: &Topic, object: &ObjectSchema) -> Option<Selection<'_>> {
        let selection = match topic {
            Topic::Event(name) => (*name == object.name).then_some(Selection::Whole)?,
            Topic::Entity(name) => {
                (*name == object.name).then_some(())?;
                self.member_of(STANDARD_CHANNEL, name)?;
                Selection::Whole
            }
            Topic::Changes(channel) | Topic::Events(channel) => {
                Selection::Member(self.member_of(channel, &object.name)?)
            }
        };
        may_read(access, object).then_some(selection)
    }
}

/// How an object's events are on a topic.
#[derive(Clone, Copy)]
pub(crate) enum Selection<'o> {
    /// All of them, as they are.
    Whole,
    /// As a channel's member says.
    Member(&'o Member),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_names_lead_to_objects_and_back() {
        for (object, event) in [("Contact", "ContactChangeEvent"), ("Employee__c", "Employee__ChangeEvent")] {
            assert_eq!(event_name(object), event);
            assert_eq!(object_of_event(event).as_deref(), Some(object));
        }
        for name in ["ChangeEvent", "__ChangeEvent", "Contact", "ContactChangeEvents"] {
            assert_ne!(object_of_event(name).as_deref(), Some("Contact"), "{name}");
        }
        assert_eq!(object_of_event("ChangeEvent"), None);
    }
}
