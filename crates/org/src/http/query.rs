//! SOQL over REST: pages of records, and the cursors between them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::answer::{RestError, ok};
use super::call::{Call, Reply};
use super::routes::Route;
use super::tooling;
use crate::core::{Org, id};
use crate::soql::{self, Execution, ResultRows};

pub(crate) const ROUTES: &[Route] = &[
    Route { template: "/query", methods: &[("GET", |call, _| query(call, false))] },
    Route { template: "/queryAll", methods: &[("GET", |call, _| query(call, true))] },
    Route { template: "/query/{locator}", methods: &[("GET", |call, names| more(call, names[0]))] },
    Route { template: "/queryAll/{locator}", methods: &[("GET", |call, names| more(call, names[0]))] },
];

/// Records in a page unless the client asks for fewer (REST guide).
const PAGE_RECORDS: usize = 2000;
const PAGE_RECORDS_MIN: usize = 200;
/// JSON in a page, where more than the fewest records are in it. Salesforce shortens pages of wide records without saying how; with
/// this a page of whole accounts has some hundred.
const PAGE_BYTES: usize = 2 * 1024 * 1024;
/// Records whose width is taken for that of all on a page.
const SAMPLE_RECORDS: usize = 10;
/// Open cursors; beyond it the oldest closes, as Salesforce closes cursors of a user who opens many.
const CURSORS_MAX: usize = 200;

/// Result sets that clients are in the middle of.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: HashMap<String, Cursor>,
    opened: u64,
}

#[derive(Debug)]
struct Cursor {
    rows: Arc<ResultRows>,
    page_records: usize,
    number: u64,
    opened_ms: i64,
}

impl Cursors {
    /// Keeps a result set; `word` makes its locator.
    fn open(&mut self, rows: ResultRows, page_records: usize, word: &str, now_ms: i64) -> String {
        if self.open.len() >= CURSORS_MAX
            && let Some(oldest) =
                self.open.iter().min_by_key(|(_, cursor)| cursor.number).map(|(locator, _)| locator.clone())
        {
            self.open.remove(&oldest);
        }
        self.opened += 1;
        let locator = id::normalize(&format!("01g{word}")).unwrap_or_default();
        let cursor = Cursor { rows: Arc::new(rows), page_records, number: self.opened, opened_ms: now_ms };
        self.open.insert(locator.clone(), cursor);
        locator
    }

    fn expire(&mut self, life_ms: i64, now_ms: i64) {
        self.open.retain(|_, cursor| now_ms < cursor.opened_ms.saturating_add(life_ms));
    }
}

/// `GET /query?q=…` and `/queryAll?q=…`.
pub(crate) fn query(call: &Call<'_>, include_deleted: bool) -> Reply {
    run(call, call.parameters.get("q").map_or("", String::as_str), include_deleted)
}

/// Answers a query with its first page.
pub(crate) fn run(call: &Call<'_>, statement: &str, include_deleted: bool) -> Reply {
    let now_ms = call.web.org.now_ms();
    let mut org = call.org();
    tooling::check_filter(statement)?;
    org.refresh_definitions_for(statement);
    if call.parameters.get("columns").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok((ok(&soql::columns(&org, &call.asker(include_deleted), statement)?), 0));
    }
    let rows = match soql::run(&org, &call.asker(include_deleted), statement)? {
        Execution::Count(count) => return Ok((ok(&json!({ "totalSize": count, "done": true, "records": [] })), count)),
        Execution::Groups(groups) if groups.len() > PAGE_RECORDS => {
            let message =
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch";
            return Err(RestError::bad_request("EXCEEDED_ID_LIMIT", message));
        }
        Execution::Groups(groups) => {
            let count = groups.len();
            let body = json!({ "totalSize": count, "done": true, "records": groups.records() });
            return Ok((ok(&body), count));
        }
        Execution::Rows(rows) => rows,
    };
    let page_records = page_records(call);
    let total = rows.len();
    if org.query_rows_max().is_some_and(|rows_max| total > rows_max) {
        return Err(RestError::bad_request("QUERY_TIMEOUT", crate::faults::words_of("QUERY_TIMEOUT")));
    }
    let (records, next) = page(&rows, &org, 0, page_records, &call.base);
    tooling::check_single(&records, total)?;
    let count = records.len();
    let mut body = json!({ "totalSize": total, "done": next >= total, "records": records });
    if next < total {
        let (word, life_ms) = (org.random_word(12), org.query_locator_life_ms());
        drop(org);
        let mut cursors = call.web.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.expire(life_ms, now_ms);
        let locator = cursors.open(rows, page_records, &word, now_ms);
        link_next(&mut body, call, &locator, next);
    }
    Ok((ok(&body), count))
}

/// `GET /query/LOCATOR-OFFSET`.
pub(crate) fn more(call: &Call<'_>, given: &str) -> Reply {
    let invalid = || RestError::bad_request("INVALID_QUERY_LOCATOR", "invalid query locator");
    let (locator, from) = given.split_once('-').ok_or_else(invalid)?;
    let from: usize = from.parse().map_err(|_| invalid())?;
    let locator = id::normalize(locator).ok_or_else(invalid)?;
    let now_ms = call.web.org.now_ms();
    let life_ms = call.org().query_locator_life_ms();
    let (rows, page_records) = {
        let mut cursors = call.web.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.expire(life_ms, now_ms);
        let cursor = cursors.open.get(&locator).filter(|cursor| from < cursor.rows.len()).ok_or_else(invalid)?;
        (cursor.rows.clone(), cursor.page_records)
    };
    let (records, next) = page(&rows, &call.org(), from, page_records, &call.base);
    let count = records.len();
    let mut body = json!({ "totalSize": rows.len(), "done": next >= rows.len(), "records": records });
    if next < rows.len() {
        link_next(&mut body, call, &locator, next);
    }
    Ok((ok(&body), count))
}

/// Puts the next page's URL where Salesforce has it: before the records.
fn link_next(body: &mut Value, call: &Call<'_>, locator: &str, next: usize) {
    if let Value::Object(body) = body {
        let records = body.shift_remove("records");
        body.insert("nextRecordsUrl".to_owned(), json!(format!("{}/query/{locator}-{next}", call.base)));
        body.insert("records".to_owned(), records.unwrap_or_default());
    }
}

/// A page of records, and where the next one begins. Wide records make it shorter than was asked for.
fn page(rows: &ResultRows, org: &Org, from: usize, asked: usize, base: &str) -> (Vec<Value>, usize) {
    let mut records = rows.page(org, from, SAMPLE_RECORDS, base);
    let bytes: usize = records.iter().map(|record| record.to_string().len()).sum();
    let fitting = PAGE_BYTES * records.len() / bytes.max(1);
    let count = asked.min(fitting.max(PAGE_RECORDS_MIN));
    records.extend(rows.page(org, from + SAMPLE_RECORDS, count - SAMPLE_RECORDS, base));
    (records, from + count)
}

fn page_records(call: &Call<'_>) -> usize {
    let options = call.header("sforce-query-options").unwrap_or("");
    let asked =
        options.split([',', ';']).find_map(|option| option.trim().strip_prefix("batchSize=")?.trim().parse().ok());
    asked.unwrap_or(PAGE_RECORDS).clamp(PAGE_RECORDS_MIN, PAGE_RECORDS)
}
