//! The Tooling objects of the event set-up: channels, their members and managed subscriptions.
//!
//! Their fields only; [`crate::core::channel`] writes the rows. (Tooling API guide.)

use super::fields::{audit, field, id, picklist, text};
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};

/// Every object of this kind.
pub(super) fn objects() -> Vec<ObjectSchema> {
    let replays = ["LATEST", "EARLIEST"];
    vec![
        object(
            "PlatformEventChannel",
            "Platform Event Channel",
            "0YL",
            vec![picklist("ChannelType", "Channel Type", &["data", "event"])],
        ),
        object(
            "PlatformEventChannelMember",
            "Platform Event Channel Member",
            "0v8",
            vec![
                text("EventChannel", "Event Channel", 255),
                text("SelectedEntity", "Selected Entity", 255),
                text("FilterExpression", "Filter Expression", 131_072),
            ],
        ),
        object(
            "ManagedEventSubscription",
            "Managed Event Subscription",
            "18x",
            vec![
                text("TopicName", "Topic Name", 255),
                picklist("DefaultReplay", "Default Replay", &replays),
                picklist("ErrorRecoveryReplay", "Error Recovery Replay", &replays),
                picklist("State", "State", &["RUN", "STOP"]),
            ],
        ),
    ]
}

fn object(name: &str, label: &str, prefix: &str, own: Vec<FieldSchema>) -> ObjectSchema {
    let mut fields = vec![
        id(),
        text("DeveloperName", "Developer Name", 80),
        text("FullName", "Full Name", 255),
        text("MasterLabel", "Label", 80),
        picklist("Language", "Master Language", &["en_US"]).with_default("en_US"),
        text("NamespacePrefix", "Namespace Prefix", 15),
        picklist("ManageableState", "Manageable State", &["unmanaged"]).with_default("unmanaged"),
    ];
    fields.extend(own);
    fields.push(field("Metadata", "Metadata", FieldType::ComplexValue));
    fields.extend(audit());
    let mut object = ObjectSchema::new(name, label, &format!("{label}s"), prefix, fields).read_only();
    object.tooling = true;
    object
}
