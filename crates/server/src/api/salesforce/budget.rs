//! What the connection costs the org: its calls against the share that Syncline may use, and the events delivered to it.

use jiff::Timestamp;
use serde::Serialize;
use syncline_model::connection::Connection;
use utoipa::ToSchema;

use super::super::{Api, error::ApiError};

/// Use of the org's daily allowances.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Budget {
    /// API calls that all programs together made in the last 24 hours, as the org last said.
    #[schema(required = true)]
    org_used: Option<u64>,
    /// API calls that the org takes in 24 hours.
    #[schema(required = true)]
    org_limit: Option<u64>,
    /// API calls that Syncline made in the last 24 hours.
    own_used: u64,
    /// API calls that Syncline may make in 24 hours: its share of `org_limit`.
    #[schema(required = true)]
    own_limit: Option<u64>,
    /// Share of the org's daily API calls that Syncline may use, in percent.
    share_percent: u8,
    /// When the calls run out at the present pace; nothing where they last.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    runs_out_at: Option<Timestamp>,
    /// Events that the org delivered in the last 24 hours, to all subscribers together.
    #[schema(required = true)]
    deliveries_used: Option<u64>,
    /// Events that the org delivers in 24 hours.
    #[schema(required = true)]
    deliveries_limit: Option<u64>,
    /// Calls that Syncline made in each hour of the last 24, oldest first; hours without any are left out.
    hours: Vec<Hour>,
}

/// Calls of one hour.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Hour {
    /// The hour's beginning.
    #[schema(value_type = String, format = DateTime)]
    hour: Timestamp,
    calls: u64,
}

/// The budget as the screens show it.
pub(super) async fn describe(api: &Api, connection: &Connection) -> Result<Budget, ApiError> {
    let hours = api.store.api_calls(connection.id).await?;
    let usage = connection.api_usage.as_ref();
    let now = api.clock.now();
    let own =
        syncline_engine::Budget { hours: hours.clone(), usage: connection.api_usage, share: connection.api_share };
    Ok(Budget {
        org_used: usage.map(|usage| usage.used),
        org_limit: usage.map(|usage| usage.limit),
        own_used: own.used(now),
        own_limit: own.allowance(),
        share_percent: connection.api_share,
        runs_out_at: own.runs_out(now).map(to_the_minute),
        deliveries_used: connection.deliveries.as_ref().map(|usage| usage.used),
        deliveries_limit: connection.deliveries.as_ref().map(|usage| usage.limit),
        hours: hours.into_iter().map(|hour| Hour { hour: hour.hour, calls: hour.calls }).collect(),
    })
}

/// Without seconds, so that a forecast which stays what it is does not look new at every glance.
fn to_the_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(60)).unwrap_or(at)
}
