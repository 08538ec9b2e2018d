//! How changes of each object are noticed: by the change stream, or by asking again and again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How changes of one object are noticed, as the connection's owner last said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// API name of the object.
    pub object: String,
    /// In which way.
    pub way: FeedWay,
    /// Why it is not the change stream, in words for the administrator, and what would change that.
    pub reason: Option<String>,
    /// Since when it is this way.
    pub since: Timestamp,
    /// How long a change takes to be noticed at most, in milliseconds, as far as Syncline decides it.
    pub expected_delay_ms: i64,
    /// When the newest change that was noticed had been committed.
    pub last_change_at: Option<Timestamp>,
    /// How long that change took from its commit until it was durable here, in milliseconds.
    pub last_delay_ms: Option<i64>,
}

/// A way of noticing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedWay {
    /// Change Data Capture: the org says so by itself.
    Stream,
    /// Syncline asks at intervals.
    Polling,
}

impl FeedWay {
    /// The word that the store and the management API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Polling => "polling",
        }
    }
}

/// The newest change of an object in a batch of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestChange {
    /// API name of the object.
    pub object: String,
    /// When it was committed, in milliseconds after 1970.
    pub commit_ms: i64,
    /// How long it took to arrive, in milliseconds.
    pub delay_ms: i64,
}
