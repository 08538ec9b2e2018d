//! The words that the management API uses for the model's enumerations, so that its document lists them.

use serde::{Deserialize, Serialize};
use syncline_model::{attribute, connection, custom_field, mapping, profile};
use utoipa::ToSchema;

/// User or company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProfileKind {
    /// A person who uses the application.
    User,
    /// An account of the application.
    Company,
}

impl From<profile::ProfileKind> for ProfileKind {
    fn from(kind: profile::ProfileKind) -> Self {
        match kind {
            profile::ProfileKind::User => Self::User,
            profile::ProfileKind::Company => Self::Company,
        }
    }
}

impl From<ProfileKind> for profile::ProfileKind {
    fn from(kind: ProfileKind) -> Self {
        match kind {
            ProfileKind::User => Self::User,
            ProfileKind::Company => Self::Company,
        }
    }
}

/// Type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum DataType {
    /// Text.
    String,
    /// Number.
    Number,
    /// True or false.
    Boolean,
    /// Instant.
    DateTime,
    /// List of texts.
    List,
}

impl From<attribute::DataType> for DataType {
    fn from(data_type: attribute::DataType) -> Self {
        match data_type {
            attribute::DataType::String => Self::String,
            attribute::DataType::Number => Self::Number,
            attribute::DataType::Boolean => Self::Boolean,
            attribute::DataType::DateTime => Self::DateTime,
            attribute::DataType::List => Self::List,
        }
    }
}

/// Where an attribute's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Origin {
    /// The customer's application or the API.
    Api,
    /// A field mapping from Salesforce.
    Salesforce,
}

impl From<attribute::Origin> for Origin {
    fn from(origin: attribute::Origin) -> Self {
        match origin {
            attribute::Origin::Api => Self::Api,
            attribute::Origin::Salesforce => Self::Salesforce,
        }
    }
}

/// Whether a connection works. One that is being disconnected, or was, is `not_connected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConnectionStatus {
    /// There is none.
    NotConnected,
    /// It syncs.
    Connected,
    /// An administrator paused it.
    Paused,
    /// The grant is gone; somebody must connect again.
    ReconnectNeeded,
}

impl From<connection::ConnectionStatus> for ConnectionStatus {
    fn from(status: connection::ConnectionStatus) -> Self {
        use connection::ConnectionStatus as Stored;
        match status {
            Stored::Connected => Self::Connected,
            Stored::Paused => Self::Paused,
            Stored::ReconnectNeeded => Self::ReconnectNeeded,
            Stored::Disconnecting | Stored::Disconnected => Self::NotConnected,
        }
    }
}

/// What a change stream is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum StreamState {
    /// Open.
    Live,
    /// Being opened.
    Connecting,
    /// Broken; will be opened again.
    Retrying,
    /// Nobody runs it.
    Stopped,
}

impl From<connection::StreamState> for StreamState {
    fn from(state: connection::StreamState) -> Self {
        match state {
            connection::StreamState::Live => Self::Live,
            connection::StreamState::Connecting => Self::Connecting,
            connection::StreamState::Retrying => Self::Retrying,
            connection::StreamState::Stopped => Self::Stopped,
        }
    }
}

/// Which of several records with one key is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Duplicates {
    /// The one created first.
    #[default]
    Oldest,
    /// The one modified last.
    Newest,
    /// None of them.
    Skip,
}

impl From<mapping::Duplicates> for Duplicates {
    fn from(rule: mapping::Duplicates) -> Self {
        match rule {
            mapping::Duplicates::Oldest => Self::Oldest,
            mapping::Duplicates::Newest => Self::Newest,
            mapping::Duplicates::Skip => Self::Skip,
        }
    }
}

impl From<Duplicates> for mapping::Duplicates {
    fn from(rule: Duplicates) -> Self {
        match rule {
            Duplicates::Oldest => Self::Oldest,
            Duplicates::Newest => Self::Newest,
            Duplicates::Skip => Self::Skip,
        }
    }
}

/// What becomes of inbound attributes when a link ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnUnlink {
    /// They are cleared.
    #[default]
    Clear,
    /// They stay.
    Keep,
}

impl From<mapping::OnUnlink> for OnUnlink {
    fn from(rule: mapping::OnUnlink) -> Self {
        match rule {
            mapping::OnUnlink::Clear => Self::Clear,
            mapping::OnUnlink::Keep => Self::Keep,
        }
    }
}

impl From<OnUnlink> for mapping::OnUnlink {
    fn from(rule: OnUnlink) -> Self {
        match rule {
            OnUnlink::Clear => Self::Clear,
            OnUnlink::Keep => Self::Keep,
        }
    }
}

/// What a source without value does to the target of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Empty {
    /// It is cleared.
    #[default]
    Clear,
    /// It stays as it is.
    Keep,
    /// It gets the line's default.
    Default,
}

impl From<mapping::Empty> for Empty {
    fn from(rule: mapping::Empty) -> Self {
        match rule {
            mapping::Empty::Clear => Self::Clear,
            mapping::Empty::Keep => Self::Keep,
            mapping::Empty::Default => Self::Default,
        }
    }
}

impl From<Empty> for mapping::Empty {
    fn from(rule: Empty) -> Self {
        match rule {
            Empty::Clear => Self::Clear,
            Empty::Keep => Self::Keep,
            Empty::Default => Self::Default,
        }
    }
}

/// How far a Salesforce field is that Syncline makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum MadeFieldState {
    /// Being made, or not yet visible to the connected user.
    Wanted,
    /// It takes values.
    Usable,
    /// Salesforce refuses it; an administrator must act.
    Refused,
}

impl From<custom_field::WantedFieldState> for MadeFieldState {
    fn from(state: custom_field::WantedFieldState) -> Self {
        match state {
            custom_field::WantedFieldState::Wanted => Self::Wanted,
            custom_field::WantedFieldState::Usable => Self::Usable,
            custom_field::WantedFieldState::Refused => Self::Refused,
        }
    }
}
