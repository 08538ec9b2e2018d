//! What the connection costs the org: its calls against the share that Syncline may use, and the events delivered to it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use syncline_model::{budget::HourOfCalls, connection::Connection};
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
    let own_used = hours.iter().map(|hour| hour.calls).sum();
    let own_limit = usage.map(|usage| usage.limit * u64::from(connection.api_share) / 100);
    Ok(Budget {
        org_used: usage.map(|usage| usage.used),
        org_limit: usage.map(|usage| usage.limit),
        own_used,
        own_limit,
        share_percent: connection.api_share,
        runs_out_at: own_limit.and_then(|limit| runs_out_at(&hours, limit.saturating_sub(own_used), api.clock.now())),
        deliveries_used: connection.deliveries.as_ref().map(|usage| usage.used),
        deliveries_limit: connection.deliveries.as_ref().map(|usage| usage.limit),
        hours: hours.into_iter().map(|hour| Hour { hour: hour.hour, calls: hour.calls }).collect(),
    })
}

/// PENDING engine: its forecast.
fn runs_out_at(hours: &[HourOfCalls], left: u64, now: Timestamp) -> Option<Timestamp> {
    let recent: u64 = hours.iter().rev().take(2).map(|hour| hour.calls).sum();
    let seconds = i64::try_from(left.checked_mul(2 * 3600)? / recent.max(1)).ok()?;
    (seconds < 24 * 3600).then(|| now.saturating_add(SignedDuration::from_secs(seconds)).ok())?
}
