//! What changed in a span of time: `/sobjects/X/updated` and `/sobjects/X/deleted`.

use serde_json::{Value, json};

use super::answer::{RestError, ok};
use super::call::{Call, Reply};
use super::routes::Route;
use super::rows::known;
use crate::core::FieldValue;
use crate::core::value::{format_datetime, parse_datetime};

pub(crate) const ROUTES: &[Route] = &[
    Route { template: "/sobjects/{object}/updated", methods: &[("GET", |call, names| updated(call, names[0]))] },
    Route { template: "/sobjects/{object}/deleted", methods: &[("GET", |call, names| deleted(call, names[0]))] },
];

const MINUTE_MS: i64 = 60 * 1000;
/// How far back changes can be asked for, and how long deletions are remembered (REST guide: 30 days; 15 days in the bin, but
/// the log is purged by size, so that the earliest date is no promise).
const DAYS_BACK_MS: i64 = 30 * 24 * 3600 * 1000;
/// Ids in one answer (REST guide).
const IDS_MAX: usize = 600_000;

struct Span {
    start_ms: i64,
    end_ms: i64,
}

/// Both ends, the seconds left out.
fn span(call: &Call<'_>) -> Result<Span, RestError> {
    let invalid = |message: String| RestError::bad_request("INVALID_REPLICATION_DATE", message);
    let moment = |name: &str| {
        let text = call
            .parameters
            .get(name)
            .ok_or_else(|| RestError::bad_request("MISSING_ARGUMENT", format!("The {name} parameter is required")))?;
        // A plus that was not encoded has become a blank by now.
        let ms = parse_datetime(&text.trim().replace(' ', "+"));
        ms.map(|ms| ms.div_euclid(MINUTE_MS) * MINUTE_MS)
            .ok_or_else(|| RestError::bad_request("INVALID_FIELD", format!("{name}: invalid date: {text}")))
    };
    let span = Span { start_ms: moment("start")?, end_ms: moment("end")? };
    if span.end_ms - span.start_ms < MINUTE_MS {
        return Err(invalid("endDate must be at least one minute greater than startDate".to_owned()));
    }
    if span.start_ms < call.web.org.now_ms() - DAYS_BACK_MS {
        return Err(invalid(format!("startDate cannot be more than 30 days ago: {}", format_datetime(span.start_ms))));
    }
    Ok(span)
}

/// Ids and stamps of the rows that changed in the span and are, or are not, in the recycle bin.
fn changed(call: &Call<'_>, name: &str, span: &Span, in_bin: bool) -> Result<Vec<(String, i64)>, RestError> {
    let org = call.org();
    let schema = known(call, &org, name)?;
    let table = org.table(&schema.name).filter(|_| schema.writeable).ok_or_else(RestError::not_found)?;
    let mut changed = Vec::new();
    for (_, row) in table.iter().filter(|(_, row)| table.is_deleted(row) == in_bin) {
        let FieldValue::DateTime(at_ms) = row.get(table.system.system_modstamp) else { continue };
        if (span.start_ms..span.end_ms).contains(&at_ms) {
            changed.push((table.id_of(row).to_owned(), at_ms));
        }
    }
    if changed.len() > IDS_MAX {
        let message = format!("more than {IDS_MAX} records changed: ask for a shorter span");
        return Err(RestError::bad_request("EXCEEDED_ID_LIMIT", message));
    }
    Ok(changed)
}

/// No transaction is under way between two requests, so that all is covered up to now.
fn covered(call: &Call<'_>, span: &Span) -> String {
    let now_ms = call.web.org.now_ms().div_euclid(MINUTE_MS) * MINUTE_MS;
    format_datetime(span.end_ms.min(now_ms))
}

fn updated(call: &Call<'_>, name: &str) -> Reply {
    let span = span(call)?;
    let changed = changed(call, name, &span, false)?;
    let ids: Vec<&str> = changed.iter().map(|(id, _)| id.as_str()).collect();
    Ok((ok(&json!({ "ids": ids, "latestDateCovered": covered(call, &span) })), changed.len()))
}

fn deleted(call: &Call<'_>, name: &str) -> Reply {
    let span = span(call)?;
    let mut changed = changed(call, name, &span, true)?;
    let purged = call.org().purged(name).to_vec();
    changed.extend(purged.into_iter().filter(|(_, at_ms)| (span.start_ms..span.end_ms).contains(at_ms)));
    changed.sort_by_key(|(_, at_ms)| *at_ms);
    let records: Vec<Value> =
        changed.iter().map(|(id, at_ms)| json!({ "deletedDate": format_datetime(*at_ms), "id": id })).collect();
    let earliest_ms = call.web.org.now_ms() - DAYS_BACK_MS;
    let body = json!({
        "deletedRecords": records,
        "earliestDateAvailable": format_datetime(earliest_ms.div_euclid(MINUTE_MS) * MINUTE_MS),
        "latestDateCovered": covered(call, &span),
    });
    Ok((ok(&body), records.len()))
}
