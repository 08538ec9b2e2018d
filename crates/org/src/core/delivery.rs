//! How many events were delivered in the last 24 hours, all subscribers together, and how many may be.
//!
//! (Platform Events guide, "Event Delivery Allocation".)

use super::edition::RollingCount;
use super::org::Org;

/// The count and its limit.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    max: Option<u64>,
    delivered: RollingCount,
}

impl Org {
    /// Allows so many deliveries of events in 24 hours instead of the edition's number; `None` for the edition's.
    pub fn set_daily_deliveries_max(&mut self, max: Option<u64>) {
        self.deliveries.max = max;
    }

    /// How many events were delivered in the last 24 hours, and how many may be.
    pub fn daily_deliveries(&mut self, now_ms: i64) -> (u64, u64) {
        let max = self.deliveries.max.unwrap_or_else(|| self.edition().daily_deliveries_max());
        (self.deliveries.delivered.total(now_ms), max)
    }

    /// Counts as many of the wanted deliveries as are allowed, and says how many that is.
    pub(crate) fn use_deliveries(&mut self, wanted: u64, now_ms: i64) -> u64 {
        let (delivered, max) = self.daily_deliveries(now_ms);
        let granted = wanted.min(max.saturating_sub(delivered));
        self.deliveries.delivered.add(now_ms, granted);
        granted
    }
}
