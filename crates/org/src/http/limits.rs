//! What the org allows and how much of it is left.

use serde_json::json;

use super::answer::ok;
use super::call::{Call, Reply};
use super::routes::Route;

pub(crate) const ROUTES: &[Route] = &[
    Route { template: "/limits", methods: &[("GET", |call, _| limits(call))] },
    Route { template: "/limits/recordCount", methods: &[("GET", |call, _| record_count(call))] },
];

/// `GET /limits`.
fn limits(call: &Call<'_>) -> Reply {
    let (usage, (delivered, deliveries)) = {
        let now_ms = call.web.org.now_ms();
        let mut org = call.org();
        (org.api_usage(now_ms), org.daily_deliveries(now_ms))
    };
    let limit = |max: u64, remaining: u64| json!({ "Max": max, "Remaining": remaining });
    let allowed = call.web.org.bulk().settings();
    let (queries, batches) = call.web.org.bulk().used(call.web.org.now_ms());
    let left = |max: usize, used: usize| limit(max as u64, max.saturating_sub(used) as u64);
    let body = json!({
        "DailyApiRequests": limit(usage.max, usage.max.saturating_sub(usage.used)),
        "DailyAsyncApexExecutions": limit(250_000, 250_000),
        "DailyBulkApiBatches": left(allowed.batches_max, batches),
        "DailyBulkV2QueryFileStorageMB": limit(976_562, 976_562),
        "DailyBulkV2QueryJobs": left(allowed.query_jobs_max, queries),
        "DailyDeliveredPlatformEvents": limit(deliveries, deliveries.saturating_sub(delivered)),
        "DataStorageMB": limit(5, 5),
        "FileStorageMB": limit(20, 20),
        "HourlyPublishedPlatformEvents": limit(50_000, 50_000),
        "MonthlyPlatformEventsUsageEntitlement": limit(0, 0),
        "SingleEmail": limit(15, 15),
    });
    Ok((ok(&body), 0))
}

/// `GET /limits/recordCount?sObjects=Account,Contact`: all objects if none is named.
fn record_count(call: &Call<'_>) -> Reply {
    let asked = call.parameters.get("sObjects").map(String::as_str);
    let names: Option<Vec<&str>> = asked.map(|names| names.split(',').map(str::trim).collect());
    let org = call.org();
    let is_asked =
        |name: &str| names.as_ref().is_none_or(|names| names.iter().any(|asked| asked.eq_ignore_ascii_case(name)));
    let visible = org.objects().filter(|object| !object.tooling && call.access.reads(object) && is_asked(&object.name));
    let counts = visible.map(|object| json!({ "count": org.record_count(&object.name), "name": object.name }));
    let counts: Vec<_> = counts.collect();
    let count = counts.len();
    Ok((ok(&json!({ "sObjects": counts })), count))
}
