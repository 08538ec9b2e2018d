//! What the org allows and how much of it is left.

use serde_json::json;

use super::answer::ok;
use super::data::{Call, Reply};
use super::routes::Route;

pub(crate) const ROUTES: &[Route] = &[Route { template: "/limits", methods: &[("GET", |call, _| limits(call))] }];

/// Requests a day of a Developer Edition org.
pub(crate) const DAILY_REQUESTS_MAX: u64 = 15_000;

/// `GET /limits`.
fn limits(call: &Call<'_>) -> Reply {
    let used = call.web.org.lock().api_requests_used();
    let limit = |max: u64, remaining: u64| json!({ "Max": max, "Remaining": remaining });
    let body = json!({
        "DailyApiRequests": limit(DAILY_REQUESTS_MAX, DAILY_REQUESTS_MAX.saturating_sub(used)),
        "DailyAsyncApexExecutions": limit(250_000, 250_000),
        "DailyBulkApiBatches": limit(15_000, 15_000),
        "DailyBulkV2QueryFileStorageMB": limit(976_562, 976_562),
        "DailyBulkV2QueryJobs": limit(10_000, 10_000),
        "DailyDeliveredPlatformEvents": limit(10_000, 10_000),
        "DataStorageMB": limit(5, 5),
        "FileStorageMB": limit(20, 20),
        "HourlyPublishedPlatformEvents": limit(50_000, 50_000),
        "MonthlyPlatformEventsUsageEntitlement": limit(0, 0),
        "SingleEmail": limit(15, 15),
    });
    Ok((ok(&body), 0))
}
