//! Editions, and the allowances that go with them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::org::Org;

const MINUTE_MS: i64 = 60 * 1000;
/// Allowances are counted over the last 24 hours, not by the calendar (App limits cheat sheet).
const DAY_MINUTES: i64 = 24 * 60;

/// What was bought from Salesforce. Numbers are those of the App limits cheat sheet and the Change Data Capture guide (v67).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edition {
    /// Free, to develop on.
    #[default]
    Developer,
    /// Without change data capture, and without the API unless that was bought too.
    Professional,
    /// What most companies with integrations have.
    Enterprise,
    /// The largest.
    Unlimited,
}

impl Edition {
    /// `Organization.OrganizationType`.
    pub fn organization_type(self) -> &'static str {
        match self {
            Edition::Developer => "Developer Edition",
            Edition::Professional => "Professional Edition",
            Edition::Enterprise => "Enterprise Edition",
            Edition::Unlimited => "Unlimited Edition",
        }
    }

    /// API requests in 24 hours, with so many user licences.
    pub fn daily_requests_max(self, licences: u64) -> u64 {
        match self {
            Edition::Developer => 15_000,
            Edition::Professional | Edition::Enterprise => 100_000 + 1_000 * licences,
            Edition::Unlimited => 100_000 + 5_000 * licences,
        }
    }

    /// Requests that may run for longer than [`LONG_RUNNING_MS`] at one time.
    pub fn long_running_max(self) -> usize {
        if self == Edition::Developer { 5 } else { 25 }
    }

    /// Custom fields of one object.
    pub fn custom_fields_max(self) -> usize {
        match self {
            Edition::Professional => 100,
            Edition::Developer | Edition::Enterprise => 500,
            Edition::Unlimited => 800,
        }
    }

    /// Whether the API comes with it.
    pub fn has_api(self) -> bool {
        self != Edition::Professional
    }

    /// Whether change data capture comes with it.
    pub fn has_change_data_capture(self) -> bool {
        self != Edition::Professional
    }

    /// Events delivered in 24 hours, each subscriber counted.
    pub fn daily_deliveries_max(self) -> u64 {
        match self {
            Edition::Developer => 10_000,
            Edition::Professional => 0,
            Edition::Enterprise => 25_000,
            Edition::Unlimited => 50_000,
        }
    }
}

/// When a request counts as long-running (App limits cheat sheet: 20 seconds).
pub const LONG_RUNNING_MS: i64 = 20 * 1000;

/// How often something happened in the last 24 hours, to the minute.
#[derive(Clone, Debug, Default)]
pub struct RollingCount {
    minutes: VecDeque<(i64, u64)>,
    total: u64,
}

impl RollingCount {
    /// Counts something that happens now, so many times over.
    pub fn add(&mut self, now_ms: i64, count: u64) {
        let minute = now_ms.div_euclid(MINUTE_MS);
        match self.minutes.back_mut() {
            // A clock that went back counts on in the newest minute.
            Some((newest, counted)) if *newest >= minute => *counted += count,
            _ => self.minutes.push_back((minute, count)),
        }
        self.total += count;
    }

    /// What is left of the last 24 hours.
    pub fn total(&mut self, now_ms: i64) -> u64 {
        let oldest = now_ms.div_euclid(MINUTE_MS) - DAY_MINUTES;
        while let Some((_, count)) = self.minutes.pop_front_if(|(minute, _)| *minute <= oldest) {
            self.total -= count;
        }
        self.total
    }
}

/// The edition, what was agreed beside it, and what was used up.
#[derive(Clone, Debug)]
pub(crate) struct Allowances {
    edition: Edition,
    api_enabled: bool,
    daily_requests_max: Option<u64>,
    requests: RollingCount,
    query_locator_life_ms: i64,
    query_rows_max: Option<usize>,
}

impl Allowances {
    pub(crate) fn new(edition: Edition) -> Allowances {
        Allowances {
            edition,
            api_enabled: edition.has_api(),
            daily_requests_max: None,
            requests: RollingCount::default(),
            query_locator_life_ms: QUERY_LOCATOR_LIFE_MS,
            query_rows_max: None,
        }
    }
}

/// How long a query's next page can be asked for (REST guide: two days).
const QUERY_LOCATOR_LIFE_MS: i64 = 2 * 24 * 3600 * 1000;

/// API requests: used in the last 24 hours, and allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiUsage {
    /// Used.
    pub used: u64,
    /// Allowed.
    pub max: u64,
}

impl Org {
    /// The edition.
    pub fn edition(&self) -> Edition {
        self.allowances.edition
    }

    /// Whether anybody may use the API.
    pub fn api_enabled(&self) -> bool {
        self.allowances.api_enabled
    }

    /// Lets the API be used, or not.
    pub fn set_api_enabled(&mut self, enabled: bool) {
        self.allowances.api_enabled = enabled;
    }

    /// Allows so many API requests in 24 hours instead of the edition's number; `None` for the edition's.
    pub fn set_daily_requests_max(&mut self, max: Option<u64>) {
        self.allowances.daily_requests_max = max;
    }

    /// How long a query's next page can be asked for, in milliseconds.
    pub fn query_locator_life_ms(&self) -> i64 {
        self.allowances.query_locator_life_ms
    }

    /// Lets queries expire so long after they were asked.
    pub fn set_query_locator_life_ms(&mut self, life_ms: i64) {
        self.allowances.query_locator_life_ms = life_ms;
    }

    /// A query that comes to more rows than this runs too long, and is ended; none does if it is not said.
    pub fn query_rows_max(&self) -> Option<usize> {
        self.allowances.query_rows_max
    }

    /// Sets it.
    pub fn set_query_rows_max(&mut self, rows_max: Option<usize>) {
        self.allowances.query_rows_max = rows_max;
    }

    /// API requests used and allowed.
    pub fn api_usage(&mut self, now_ms: i64) -> ApiUsage {
        let licences = self.record_count("User") as u64;
        let allowances = &mut self.allowances;
        let max = allowances.daily_requests_max.unwrap_or_else(|| allowances.edition.daily_requests_max(licences));
        ApiUsage { used: allowances.requests.total(now_ms), max }
    }

    /// Counts one API request, if one is left, and says what is used by then.
    pub fn use_api_request(&mut self, now_ms: i64) -> Result<ApiUsage, ApiUsage> {
        let usage = self.api_usage(now_ms);
        if usage.used >= usage.max {
            return Err(usage);
        }
        self.allowances.requests.add(now_ms, 1);
        Ok(ApiUsage { used: usage.used + 1, ..usage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_a_day_no_longer_counts() {
        let mut count = RollingCount::default();
        let day_ms = DAY_MINUTES * MINUTE_MS;
        count.add(0, 2);
        count.add(MINUTE_MS, 3);
        count.add(MINUTE_MS - 1, 1);
        assert_eq!(count.total(day_ms - 1), 6);
        assert_eq!(count.total(day_ms), 4);
        assert_eq!(count.total(day_ms + MINUTE_MS), 0);
        count.add(day_ms + MINUTE_MS, 1);
        assert_eq!(count.total(day_ms + MINUTE_MS), 1);
    }
}
