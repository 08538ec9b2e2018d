//! The control interface under `/__control/`, for tests and benchmarks. It is no part of Salesforce.
//!
//! | request | does |
//! |---|---|
//! | `GET /__control/faults` | the faults that are on, the rules with what is left of them |
//! | `PUT /__control/faults` `{"response_delay_ms": 50, "clock_skew_ms": 0, "seed": 1, "rules": […]}` | sets them; what is not named is off |
//! | `POST /__control/faults` (a rule) | adds one rule to those that are on |
//! | `DELETE /__control/faults` | everything is well again |
//! | `POST /__control/locks` `{"ids": ["003…"], "ms": 5000}` | locks records for so long, or until they are unlocked: writes to them say `UNABLE_TO_LOCK_ROW` |
//! | `DELETE /__control/locks` | unlocks them all |
//! | `POST /__control/write` `{"username": "…", "change_origin": "", "all_or_none": true, "writes": [{"update": {"id": "003…", "values": {"Title": "x"}}}]}` | another user's edit, in one transaction: `create` `{object, values}`, `update`, `delete`, `undelete`, `empty_bin`, `hard_delete` `{id}`, `merge` `{master, losers, values}`, `convert` `{lead_id, converted_status, account_id, contact_id, do_not_create_opportunity, opportunity_name, owner_id, overwrite_lead_source}`, `publish_article`, `draft_article` `{id}`. Without a username it is the second administrator, without an origin the user interface |
//! | `GET /__control/history?record=003…&field=Title` | every value that fields had, in the order of commits: `[{record_id, object, field, old, new, at_ms, user_id, change_origin, transaction}]` |
//! | `PUT /__control/history` `{"is_kept": true}` | keeps that history from now on, or not |
//! | `GET /__control/bulk` | how bulk jobs behave |
//! | `PUT /__control/bulk` `{"state_ms_min": 500}` | sets it; what is not named is as at the start: `state_ms_min` (how long a job stays in each state), `query_jobs_max` and `batches_max` (in 24 hours), `page_rows`, `fail_after_rows` (a job that comes to more fails) |
//! | `GET /__control/ledger` | `{"total", "counts": {"PATCH /composite/sobjects": 3}, "records": {…}, "recent": […]}` |
//! | `GET /__control/ledger/entries?after=17&limit=1000` | requests one by one: `[{number, started_ms, at_ms, answered_ms, method, path, uri, user_id, client_id, token, status, error_code, records, bytes_in, bytes_out}]` |
//! | `DELETE /__control/ledger` | begins a new ledger |
//! | `PUT /__control/limits` `{"daily_requests_max": 100, "api_enabled": true, "query_locator_life_ms": 1000, "query_rows_max": 5000, "ledger_entries_max": 50000, "custom_fields_max": 5, "field_visibility_delay_ms": 60000}` | sets what is named; a maximum of `null` is the edition's, of rows none: a query that comes to more says `QUERY_TIMEOUT`. A field that was granted is invisible for the delay |
//! | `POST /__control/events` `{"action": "end_streams", "how": "clean"}` | does something to the event bus once; see below |
//!
//! A rule names the requests that it meets, and what happens to them:
//! `{"method": "PATCH", "path": "/composite/sobjects", "object": "Contact", "skip": 0, "times": 3, "probability": 0.5, "fault": …}`,
//! all but the fault to be left out at will. The path is the ledger's template. What a fault may be:
//!
//! | fault | does |
//! |---|---|
//! | `{"delay": {"ms": 500, "after_commit": true}}` | the request takes longer, before or after it took effect |
//! | `"cut_connection"` | the connection is cut before the request takes effect |
//! | `"lose_answer"` | it takes effect, and the connection is cut instead of an answer |
//! | `"truncate_body"` | the answer breaks off in its middle |
//! | `{"answer": {"status": 403, "error_code": "REQUEST_LIMIT_EXCEEDED", "message": "…", "after_commit": false}}` | an error in the path's shape; without a code a gateway's HTML page, as with 502 and 503 |
//! | `{"row_error": {"status_code": "UNABLE_TO_LOCK_ROW", "message": "…"}}` | a row that it writes is refused, the others are written |
//! | `"expire_session"` | the session ends before the request is looked at |
//! | `"revoke_grant"` | so does everything that came from the same grant |
//!
//! `events` among the faults is how the event bus misbehaves: `latest_blind_ms`, `duplicate_every`, `end_stream_after`,
//! `end_unavailable`, `unavailable`, `old_schema_every`, `streams_max`, `refusal` (such as `"delivery_limit"`: every subscription is refused with it), `permission_cache_ms`. What can be done to it once:
//! `end_streams` `{how: "clean" | "unavailable" | "deaf"}`, `forget_replay_ids`, `migrate`, `make_gaps` `{object, commits}`,
//! `announce_conversion` `{object}`, `set_overflow_after` `{changes}`, `set_captured_entities_max` `{entities}`,
//! `set_daily_deliveries_max` `{events}`.
//!
//! Apps, grants and sessions: [`super::control_oauth`].
//!
//! It has no authentication: the org is meant for the machine it runs on.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::Web;
use crate::core::{LeadConversion, Write, WriteContext, id};
use crate::pubsub::EventAction;
use crate::{BulkSettings, FaultRule, Faults, LedgerEntry, LedgerReport};

/// Entries of the ledger in one answer unless fewer are asked for.
const ENTRIES_MAX: usize = 10_000;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/__control/faults", get(faults).put(set_faults).post(add_fault).delete(clear_faults))
        .route("/__control/events", post(act_on_events))
        .route("/__control/locks", post(lock_rows).delete(unlock_rows))
        .route("/__control/write", post(write))
        .route("/__control/history", get(history).put(keep_history))
        .route("/__control/bulk", get(bulk).put(set_bulk))
        .route("/__control/ledger", get(ledger).delete(reset_ledger))
        .route("/__control/ledger/entries", get(ledger_entries))
        .route("/__control/limits", put(set_limits))
}

async fn faults(State(web): State<Web>) -> Json<Faults> {
    Json(web.org.faults())
}

async fn set_faults(State(web): State<Web>, Json(faults): Json<Faults>) -> Json<Faults> {
    web.org.set_faults(faults);
    Json(web.org.faults())
}

async fn add_fault(State(web): State<Web>, Json(rule): Json<FaultRule>) -> Json<Faults> {
    web.org.add_fault(rule);
    Json(web.org.faults())
}

async fn clear_faults(State(web): State<Web>) -> StatusCode {
    web.org.set_faults(Faults::default());
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Locks {
    ids: Vec<String>,
    ms: Option<i64>,
}

async fn lock_rows(State(web): State<Web>, Json(locks): Json<Locks>) -> StatusCode {
    let until_ms = locks.ms.map(|ms| web.org.now_ms().saturating_add(ms));
    web.org.lock().lock_rows(locks.ids.iter().map(String::as_str), until_ms);
    StatusCode::NO_CONTENT
}

async fn unlock_rows(State(web): State<Web>) -> StatusCode {
    web.org.lock().unlock_rows();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    username: Option<String>,
    #[serde(default)]
    change_origin: String,
    #[serde(default)]
    all_or_none: bool,
    writes: Vec<EditedRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum EditedRow {
    Create {
        object: String,
        values: Map<String, Value>,
    },
    Update {
        id: String,
        values: Map<String, Value>,
    },
    Delete {
        id: String,
    },
    Undelete {
        id: String,
    },
    EmptyBin {
        id: String,
    },
    HardDelete {
        id: String,
    },
    Merge {
        master: String,
        losers: Vec<String>,
        #[serde(default)]
        values: Map<String, Value>,
    },
    Convert(LeadConversion),
    PublishArticle {
        id: String,
    },
    DraftArticle {
        id: String,
    },
}

async fn act_on_events(State(web): State<Web>, Json(action): Json<EventAction>) -> StatusCode {
    web.org.act_on_events(action);
    StatusCode::NO_CONTENT
}

async fn write(State(web): State<Web>, Json(edit): Json<Edit>) -> Response {
    let user_id = {
        let org = web.org.lock();
        match &edit.username {
            None => Some(org.second_user_id().to_owned()),
            Some(username) => org.user_named(username),
        }
    };
    let Some(user_id) = user_id else {
        return (StatusCode::NOT_FOUND, "no user has that username").into_response();
    };
    let context = WriteContext { user_id, change_origin: edit.change_origin, now_ms: web.org.now_ms() };
    let writes = edit.writes.into_iter().map(|row| match row {
        EditedRow::Create { object, values } => Write::Create { object, values },
        EditedRow::Update { id, values } => Write::Update { object: None, id, values },
        EditedRow::Delete { id } => Write::Delete { object: None, id },
        EditedRow::Undelete { id } => Write::Undelete { id },
        EditedRow::EmptyBin { id } => Write::EmptyBin { id },
        EditedRow::HardDelete { id } => Write::HardDelete { object: None, id },
        EditedRow::Merge { master, losers, values } => Write::Merge { master, losers, values },
        EditedRow::Convert(conversion) => Write::Convert(conversion),
        EditedRow::PublishArticle { id } => Write::PublishArticle { id },
        EditedRow::DraftArticle { id } => Write::DraftArticle { id },
    });
    let results = web.org.commit(&context, edit.all_or_none, writes.collect());
    let results: Vec<Value> = results.into_iter().map(super::collections::result_json).collect();
    Json(results).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    record: Option<String>,
    field: Option<String>,
}

async fn history(State(web): State<Web>, Query(query): Query<HistoryQuery>) -> Json<Vec<Value>> {
    let record = query.record.map(|record| id::normalize(&record).unwrap_or(record));
    let org = web.org.lock();
    let is_meant = |change: &crate::core::FieldChange<'_>| {
        record.as_ref().is_none_or(|record| record == change.record_id)
            && query.field.as_ref().is_none_or(|field| field.eq_ignore_ascii_case(change.field))
    };
    let changes = org.history().filter(is_meant).map(|change| {
        json!({
            "record_id": change.record_id,
            "object": change.object,
            "field": change.field,
            "old": change.old.to_json(),
            "new": change.new.to_json(),
            "at_ms": change.at_ms,
            "user_id": change.user_id,
            "change_origin": change.change_origin,
            "transaction": change.transaction,
        })
    });
    Json(changes.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryKeeping {
    is_kept: bool,
}

async fn keep_history(State(web): State<Web>, Json(keeping): Json<HistoryKeeping>) -> StatusCode {
    web.org.lock().keep_history(keeping.is_kept);
    StatusCode::NO_CONTENT
}

async fn bulk(State(web): State<Web>) -> Json<BulkSettings> {
    Json(web.org.bulk().settings())
}

async fn set_bulk(State(web): State<Web>, Json(settings): Json<BulkSettings>) -> Json<BulkSettings> {
    web.org.bulk().set_settings(settings.clone());
    Json(settings)
}

async fn ledger(State(web): State<Web>) -> Json<LedgerReport> {
    Json(web.org.ledger().report())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntriesQuery {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

async fn ledger_entries(State(web): State<Web>, Query(query): Query<EntriesQuery>) -> Json<Vec<LedgerEntry>> {
    Json(web.org.ledger().entries_after(query.after, query.limit.unwrap_or(ENTRIES_MAX).min(ENTRIES_MAX)))
}

async fn reset_ledger(State(web): State<Web>) -> StatusCode {
    web.org.ledger().reset();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    /// Not said, said to be nothing, or a number.
    #[serde(default, deserialize_with = "said")]
    daily_requests_max: Option<Option<u64>>,
    api_enabled: Option<bool>,
    query_locator_life_ms: Option<i64>,
    #[serde(default, deserialize_with = "said")]
    query_rows_max: Option<Option<usize>>,
    ledger_entries_max: Option<usize>,
    #[serde(default, deserialize_with = "said")]
    custom_fields_max: Option<Option<usize>>,
    field_visibility_delay_ms: Option<i64>,
}

/// A member that is there, be it null.
pub(super) fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

async fn set_limits(State(web): State<Web>, Json(limits): Json<Limits>) -> StatusCode {
    let mut org = web.org.lock();
    if let Some(max) = limits.daily_requests_max {
        org.set_daily_requests_max(max);
    }
    if let Some(enabled) = limits.api_enabled {
        org.set_api_enabled(enabled);
    }
    if let Some(life_ms) = limits.query_locator_life_ms {
        org.set_query_locator_life_ms(life_ms);
    }
    if let Some(max) = limits.query_rows_max {
        org.set_query_rows_max(max);
    }
    if let Some(max) = limits.custom_fields_max {
        org.set_custom_fields_max(max);
    }
    if let Some(delay_ms) = limits.field_visibility_delay_ms {
        org.set_field_visibility_delay_ms(delay_ms.max(0));
    }
    drop(org);
    if let Some(max) = limits.ledger_entries_max {
        web.org.ledger().set_entries_max(max);
    }
    StatusCode::NO_CONTENT
}
