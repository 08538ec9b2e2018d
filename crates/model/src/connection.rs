//! A connection: one environment tied to one Salesforce org.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    connector::ApiUsage,
    id::{ConnectionId, EnvironmentId},
};

/// A connection as stored, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Identifier.
    pub id: ConnectionId,
    /// The environment; it has at most one connection.
    pub environment_id: EnvironmentId,
    /// Whether it works, and if not, why.
    pub status: ConnectionStatus,
    /// Words for the administrator where the status needs some.
    pub detail: Option<String>,
    /// Rises when it is disconnected, paused or connected: what was begun under an older epoch must not be finished.
    pub epoch: i64,
    /// The org.
    pub org: OrgIdentity,
    /// When a person or a command connected it last.
    pub connected_at: Timestamp,
    /// State of the change stream, as its owner last said.
    pub stream: StreamStatus,
    /// Use of the org's API allowance, as its owner last said.
    pub api_usage: Option<ApiUsage>,
    /// Use of the org's daily event deliveries, as its owner last said.
    pub deliveries: Option<ApiUsage>,
    /// Share of the org's daily API calls that Syncline may use, in percent; an administrator sets it.
    pub api_share: u8,
}

/// Which org, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgIdentity {
    /// Organization id in its 18-character form; a connection keeps to one org.
    pub org_id: String,
    /// The organization's name.
    pub org_name: String,
    /// The connected user's name.
    pub username: String,
    /// Id of the connected user.
    pub user_id: String,
    /// Scheme and host of the org's API.
    pub instance_url: String,
    /// Scheme and host that issued the tokens; refreshes go there.
    pub login_url: String,
}

/// Whether a connection works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// It syncs.
    Connected,
    /// An administrator paused it.
    Paused,
    /// The grant is gone; everything is kept until somebody connects again.
    ReconnectNeeded,
    /// An administrator is disconnecting it; its owner has not yet stopped.
    Disconnecting,
    /// Disconnected; mappings and attribute values are kept.
    Disconnected,
}

impl ConnectionStatus {
    /// The word that the store and the management API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Paused => "paused",
            Self::ReconnectNeeded => "reconnect_needed",
            Self::Disconnecting => "disconnecting",
            Self::Disconnected => "disconnected",
        }
    }
}

/// State of a connection's change stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamStatus {
    /// What it is doing.
    pub state: StreamState,
    /// Since when.
    pub since: Timestamp,
    /// Words for the administrator where the state needs some.
    pub detail: Option<String>,
    /// Commit time of the newest event.
    pub last_event_at: Option<Timestamp>,
    /// How long that event took from its commit until it was durable here, in milliseconds.
    pub last_delay_ms: Option<i64>,
}

/// What a change stream is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// Nobody runs it.
    Stopped,
    /// Being opened.
    Connecting,
    /// Open.
    Live,
    /// Broken; will be opened again.
    Retrying,
}

impl StreamState {
    /// The word that the store and the management API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Retrying => "retrying",
        }
    }
}

/// The right of one node to work on a connection. Every write under it is refused once another node has taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Fencing token: rises each time the lease changes hands.
    pub token: i64,
}
