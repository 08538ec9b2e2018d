//! What Syncline may cost an org: its share of the day's API calls, and what it has used of it.

use jiff::Timestamp;

use crate::connector::ApiUsage;

/// Share of an org's daily API calls that Syncline uses unless an administrator says otherwise, in percent.
pub const DEFAULT_API_SHARE: u8 = 50;

/// Calls that Syncline made in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourOfCalls {
    /// The hour's beginning.
    pub hour: Timestamp,
    /// Calls made in it.
    pub calls: u64,
}

/// What a connection's owner says of its calls with each renewal of its lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallReport {
    /// Calls made since the last report, by this node.
    pub calls: u64,
    /// What the org last said of its allowance.
    pub usage: Option<ApiUsage>,
    /// What the org last said of its daily event deliveries.
    pub deliveries: Option<ApiUsage>,
}
