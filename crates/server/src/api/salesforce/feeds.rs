//! How changes arrive from Salesforce: the change stream as a whole, and the way of each object.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use syncline_model::{connection, feed, id::ConnectionId};
use utoipa::ToSchema;

use super::super::{Api, error::ApiError, words::StreamState};

/// State of the change stream.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stream {
    state: StreamState,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Commit time of the newest event.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    last_event_at: Option<Timestamp>,
    /// How long the newest event took to arrive, in milliseconds.
    #[schema(required = true)]
    last_delay_ms: Option<i64>,
    /// Plain words where it is not healthy.
    #[schema(required = true)]
    detail: Option<String>,
}

impl From<connection::StreamStatus> for Stream {
    fn from(status: connection::StreamStatus) -> Self {
        Self {
            state: status.state.into(),
            since: status.since,
            last_event_at: status.last_event_at,
            last_delay_ms: status.last_delay_ms,
            detail: status.detail,
        }
    }
}

/// How changes of one object are noticed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Feed {
    /// API name of the object.
    object: String,
    /// What people in the org call it.
    label: String,
    way: FeedWay,
    /// Why it is not the change stream, and what would change that.
    #[schema(required = true)]
    reason: Option<String>,
    /// Since when it is this way.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// How long a change takes to be noticed at most, in milliseconds, as far as Syncline decides it.
    expected_delay_ms: i64,
    /// When the newest change that was noticed had been committed.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    last_change_at: Option<Timestamp>,
    /// How long that change took to arrive, in milliseconds.
    #[schema(required = true)]
    last_delay_ms: Option<i64>,
}

/// A way of noticing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FeedWay {
    /// The org says so by itself (Change Data Capture).
    Stream,
    /// Syncline asks at intervals.
    Polling,
}

impl From<feed::FeedWay> for FeedWay {
    fn from(way: feed::FeedWay) -> Self {
        match way {
            feed::FeedWay::Stream => Self::Stream,
            feed::FeedWay::Polling => Self::Polling,
        }
    }
}

/// The feeds as the screens show them.
pub(super) async fn describe(api: &Api, connection: ConnectionId) -> Result<Vec<Feed>, ApiError> {
    let feeds = api.store.feeds(connection).await?;
    if feeds.is_empty() {
        return Ok(Vec::new());
    }
    let schemas = api.store.object_schemas(connection).await?;
    let show = |feed: feed::Feed| {
        let label = schemas.iter().find(|schema| schema.name == feed.object).map(|schema| schema.label.clone());
        Feed {
            label: label.unwrap_or_else(|| feed.object.clone()),
            object: feed.object,
            way: feed.way.into(),
            reason: feed.reason,
            since: feed.since,
            expected_delay_ms: feed.expected_delay_ms,
            last_change_at: feed.last_change_at,
            last_delay_ms: feed.last_delay_ms,
        }
    };
    Ok(feeds.into_iter().map(show).collect())
}
