//! The control interface under `/__control/`, for tests and benchmarks. It is no part of Salesforce.
//!
//! | request | does |
//! |---|---|
//! | `GET /__control/faults` | the faults that are on |
//! | `PUT /__control/faults` `{"response_delay_ms": 50}` | sets them; a fault that is not named is off. Every answer of the org then comes that much later: HTTP answers after what they did took effect, and each Pub/Sub delivery; how many there are is not limited |
//! | `GET /__control/ledger` | `{"total", "counts": {"PATCH /composite/sobjects": 3}, "records": {…}, "recent": [{at_ms, method, path, status, records}]}` |
//! | `DELETE /__control/ledger` | begins a new ledger |
//! | `DELETE /__control/sessions` | ends every session, as an administrator could; refresh tokens stay |
//!
//! It has no authentication: the org is meant for the machine it runs on.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::Web;
use crate::{Faults, LedgerReport};

pub(super) async fn faults(State(web): State<Web>) -> Json<Faults> {
    Json(web.org.faults())
}

pub(super) async fn set_faults(State(web): State<Web>, Json(faults): Json<Faults>) -> Json<Faults> {
    web.org.set_faults(faults.clone());
    Json(faults)
}

pub(super) async fn ledger(State(web): State<Web>) -> Json<LedgerReport> {
    Json(web.org.ledger().report())
}

pub(super) async fn reset_ledger(State(web): State<Web>) -> StatusCode {
    web.org.ledger().reset();
    StatusCode::NO_CONTENT
}

pub(super) async fn end_sessions(State(web): State<Web>) -> StatusCode {
    web.org.lock().end_all_sessions();
    StatusCode::NO_CONTENT
}
