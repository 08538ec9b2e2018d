//! The REST calls that syncing makes: describe, query, and updates through sObject Collections.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use reqwest::header;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use syncline_model::{
    connector::{ApiUsage, ConnectorError, ErrorKind, RecordWrite, WriteOutcome},
    record::Record,
    schema::{FieldType, ListedObject, ObjectSchema},
};
use tokio::{sync::OnceCell, time::Instant};

use crate::{
    conversion::{self, unconverted},
    error::{self, Effect, Refusal},
    fields::{self, DescribedObject, DescribedOrg},
    gate::Gate,
    http::{self, Answer, Body, Cause, Failed, Opened, misconfigured},
    record_id,
    session::{Session, Token},
    soql::{self, Identifier},
    version,
};

/// Salesforce takes this much for address and headers together (REST guide, "Limits").
const MAX_REQUEST_HEAD_BYTES: usize = 16_384;
/// What the address, apart from the statement, and the headers, apart from the token, stay under.
const REQUEST_HEAD_RESERVE_BYTES: usize = 1_536;
/// Statements of one read that are in flight together.
const MAX_PARALLEL_QUERIES: usize = 4;
/// Records of one sObject Collections call, and runs of one type among them. (REST guide, "sObject Collections".)
pub(crate) const MAX_WRITES: usize = 200;
const MAX_TYPE_RUNS: usize = 10;
/// A description is asked for as a whole after this time, however sure the org is that we have it: what a user may see is not
/// documented to move its date.
const DESCRIPTION_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two questions for the use of event deliveries, each of which costs a call.
const DELIVERIES_APART: Duration = Duration::from_secs(55 * 60);
/// HTTP's word for what the caller has already.
const NOT_MODIFIED: u16 = 304;
/// What every read asks for: which record, and which version of it.
pub(crate) const ALWAYS_READ: [&str; 4] = ["Id", "CreatedDate", "LastModifiedDate", "SystemModstamp"];

pub(crate) struct Rest {
    pub(crate) http: reqwest::Client,
    pub(crate) gate: Arc<Gate>,
    session: Arc<Session>,
    version_path: OnceCell<String>,
    schemas: Mutex<HashMap<String, Described>>,
    calls: AtomicU64,
    usage: Mutex<Option<ApiUsage>>,
    /// Use of the daily event deliveries, and when it was asked for.
    deliveries: Mutex<(Option<ApiUsage>, Option<Instant>)>,
    /// Spans of time that changes of an object are asked for at once, where all at once takes Salesforce too long; by lower-cased name.
    pub(crate) spans: Mutex<HashMap<String, SignedDuration>>,
    /// What the org's clock said last, and when that was.
    clock: Mutex<Option<(Timestamp, Instant)>>,
}

/// What describe said of an object.
struct Described {
    schema: Arc<ObjectSchema>,
    /// Which version of the description it is, in the org's words; for the question whether there is a newer one.
    etag: Option<String>,
    last_modified: Option<String>,
    /// When it was last sent as a whole.
    sent_at: Instant,
}

impl Rest {
    pub(crate) fn new(http: reqwest::Client, gate: Arc<Gate>, session: Arc<Session>) -> Self {
        Self {
            http,
            gate,
            session,
            version_path: OnceCell::new(),
            schemas: Mutex::default(),
            calls: AtomicU64::new(0),
            usage: Mutex::default(),
            deliveries: Mutex::default(),
            spans: Mutex::default(),
            clock: Mutex::default(),
        }
    }

    pub(crate) fn api_usage(&self) -> Option<ApiUsage> {
        *self.usage.lock().expect("nobody panics with the lock held")
    }

    /// Use of the daily event deliveries, as the org last said.
    pub(crate) fn deliveries(&self) -> Option<ApiUsage> {
        self.deliveries.lock().expect("nobody panics with the lock held").0
    }

    /// Asks for the use of the daily event deliveries, unless that was done not long ago. That it can not be told is no trouble.
    pub(crate) async fn ask_deliveries(&self) {
        let is_known = |asked: Option<Instant>| asked.is_some_and(|asked| asked.elapsed() < DELIVERIES_APART);
        if is_known(self.deliveries.lock().expect("nobody panics with the lock held").1) {
            return;
        }
        let usage = match self.get_json("/limits").await {
            Ok(limits) => deliveries_of(&limits),
            Err(error) => {
                tracing::info!(%error, "the org does not tell its limits");
                None
            }
        };
        *self.deliveries.lock().expect("nobody panics with the lock held") = (usage, Some(Instant::now()));
    }

    /// How many calls were made since this was last asked, answered or not.
    pub(crate) fn take_calls(&self) -> u64 {
        self.calls.swap(0, Ordering::Relaxed)
    }

    /// What the org's clock says by now, as far as its answers told: never later than it really says.
    pub(crate) fn org_time(&self) -> Option<Timestamp> {
        let known = *self.clock.lock().expect("nobody panics with the lock held");
        let (said, at) = known?;
        said.checked_add(SignedDuration::try_from(at.elapsed()).ok()?).ok()
    }

    // --- describe ---

    pub(crate) async fn describe(&self, object: &str) -> Result<Arc<ObjectSchema>, ConnectorError> {
        let object = Identifier::new(object)?;
        let key = object.as_str().to_ascii_lowercase();
        let path = format!("/sobjects/{}/describe", object.as_str());
        let known: Vec<_> = match self.schemas().get(&key) {
            Some(known) if known.sent_at.elapsed() < DESCRIPTION_LIFE => {
                let tags = known.etag.clone().map(|tag| (header::IF_NONE_MATCH, tag));
                let times = known.last_modified.clone().map(|time| (header::IF_MODIFIED_SINCE, time));
                tags.into_iter().chain(times).collect()
            }
            _ => Vec::new(),
        };
        let ask = |base: &str, _: &Token| {
            let request = self.http.get(format!("{base}{path}"));
            known.iter().fold(request, |request, (name, value)| request.header(name, value))
        };
        let answer = self.call(Effect::Reads, ask).await?;
        if answer.status == NOT_MODIFIED {
            // Forgotten meanwhile, it is asked for as a whole the next time.
            let gone = || ConnectorError::new(ErrorKind::Transient, "", "the description was forgotten meanwhile");
            return self.described(object.as_str()).ok_or_else(gone);
        }
        let described: DescribedObject =
            serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Reads))?;
        let schema = Arc::new(ObjectSchema::from(described));
        let described = Described {
            schema: Arc::clone(&schema),
            etag: answer.etag,
            last_modified: answer.last_modified,
            sent_at: Instant::now(),
        };
        self.schemas().insert(key, described);
        Ok(schema)
    }

    /// The objects that can be mapped. (REST guide, "Describe Global".)
    pub(crate) async fn list_objects(&self) -> Result<Vec<ListedObject>, ConnectorError> {
        let answer = self.call(Effect::Reads, |base, _| self.http.get(format!("{base}/sobjects"))).await?;
        let described: DescribedOrg =
            serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Reads))?;
        Ok(described.into_listed())
    }

    /// What describe said last, if it was asked.
    pub(crate) fn described(&self, object: &str) -> Option<Arc<ObjectSchema>> {
        self.schemas().get(&object.to_ascii_lowercase()).map(|known| Arc::clone(&known.schema))
    }

    /// The objects that were described so far.
    pub(crate) fn described_objects(&self) -> Vec<String> {
        self.schemas().values().map(|known| known.schema.name.clone()).collect()
    }

    pub(crate) async fn schema(&self, object: &str) -> Result<Arc<ObjectSchema>, ConnectorError> {
        match self.described(object) {
            Some(schema) => Ok(schema),
            None => self.describe(object).await,
        }
    }

    fn schemas(&self) -> std::sync::MutexGuard<'_, HashMap<String, Described>> {
        self.schemas.lock().expect("nobody panics with the lock held")
    }

    /// A schema that turned out not to be true is asked for anew before its next use.
    pub(crate) fn forget_if_changed(&self, object: &str, error: &ConnectorError) {
        if error.kind == ErrorKind::SchemaChanged {
            self.schemas().remove(&object.to_ascii_lowercase());
        }
    }

    // --- read ---

    pub(crate) async fn find(
        &self,
        object: &str,
        key_field: &str,
        keys: &[String],
        wanted: &[String],
    ) -> Result<Vec<Record>, ConnectorError> {
        let found = self.find_by(object, key_field, keys, wanted).await;
        if let Err(error) = &found {
            self.forget_if_changed(object, error);
        }
        found
    }

    async fn find_by(
        &self,
        object: &str,
        key_field: &str,
        keys: &[String],
        wanted: &[String],
    ) -> Result<Vec<Record>, ConnectorError> {
        let names = |names: &[String]| names.iter().map(|name| Identifier::new(name)).collect::<Result<Vec<_>, _>>();
        let (object_name, key, wanted) = (Identifier::new(object)?, Identifier::new(key_field)?, names(wanted)?);
        let schema = self.schema(object).await?;
        let key_type = schema.field(key_field).map_or(FieldType::String, |field| field.field_type);
        let mut literals: Vec<_> = keys.iter().filter_map(|key| soql::literal(key, key_type)).collect();
        literals.sort_unstable();
        literals.dedup();
        if literals.is_empty() {
            return Ok(Vec::new());
        }

        let token = self.session.token().await?;
        let max_bytes =
            MAX_REQUEST_HEAD_BYTES - REQUEST_HEAD_RESERVE_BYTES - token.secret().len().min(MAX_REQUEST_HEAD_BYTES / 2);
        let always: Vec<_> =
            ALWAYS_READ.iter().map(|name| Identifier((*name).to_owned())).chain([key.clone()]).collect();
        let groups = soql::field_groups(&always, &wanted);
        let group_count = groups.len();
        let only = unconverted(&schema);
        let statements: Vec<_> = groups
            .iter()
            .flat_map(|group| soql::select_in(&object_name, group, only, &key, &literals, max_bytes))
            .collect();
        let pages: Vec<Vec<Json>> = futures::stream::iter(statements)
            .map(|statement| self.query(statement))
            .buffered(MAX_PARALLEL_QUERIES)
            .try_collect()
            .await?;

        let asked: Vec<_> = std::iter::once(&key).chain(&wanted).map(Identifier::as_str).collect();
        join_groups(pages.into_iter().flatten(), group_count, |row| record(row, &schema, &asked))
    }

    /// All rows of a statement, which is encoded already.
    async fn query(&self, statement: String) -> Result<Vec<Json>, ConnectorError> {
        self.query_through("/query", statement).await
    }

    /// All rows of a statement, which is encoded already, through one of the resources that take one.
    pub(crate) async fn query_through(&self, resource: &str, statement: String) -> Result<Vec<Json>, ConnectorError> {
        let mut rows = Vec::new();
        let first = |base: &str, _: &Token| self.http.get(format!("{base}{resource}?q={statement}"));
        let mut page = self.call(Effect::Reads, first).await?;
        loop {
            let QueryPage { done, next_records_url, records } =
                serde_json::from_slice(&page.body).map_err(|_| error::unreadable(&page, Effect::Reads))?;
            rows.extend(records);
            let Some(next) = next_records_url.filter(|_| !done) else { return Ok(rows) };
            if !next.starts_with("/services/data/") {
                return Err(error::unreadable(&page, Effect::Reads));
            }
            let next_page = |_: &str, token: &Token| {
                let mut url = token.instance_url.clone();
                url.set_path(&next);
                self.http.get(url)
            };
            page = self.call(Effect::Reads, next_page).await?;
        }
    }

    // --- write ---

    pub(crate) async fn write(&self, writes: &[RecordWrite]) -> Result<Vec<WriteOutcome>, ConnectorError> {
        let mut outcomes: Vec<Option<WriteOutcome>> = vec![None; writes.len()];
        let mut rows = Vec::with_capacity(writes.len());
        for (index, write) in writes.iter().enumerate() {
            match self.row(write).await? {
                Ok(row) => rows.push((index, row)),
                Err(refusal) => outcomes[index] = Some(Err(refusal)),
            }
        }
        // Runs of one type count, so records of one type are sent side by side.
        rows.sort_by(|(a, _), (b, _)| writes[*a].object.cmp(&writes[*b].object));

        let calls = collections(&rows, |(index, _)| writes[*index].object.as_str());
        let is_only_call = calls.len() == 1;
        for call in calls {
            let records = call.iter().map(|(_, row)| row.clone()).collect();
            let results = match self.update(records).await {
                Ok(results) => results,
                Err(error) if is_only_call && call.len() == writes.len() => return Err(error),
                Err(error) => vec![Err(error); call.len()],
            };
            for ((index, _), result) in call.iter().zip(results) {
                outcomes[*index] =
                    Some(result.map_err(|refusal| self.take_in_refusal(&writes[*index].object, refusal)));
            }
        }
        let missing =
            || ConnectorError::new(ErrorKind::UnknownOutcome, "", "Salesforce did not tell what became of the record");
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(missing()))).collect())
    }

    /// A record as Collections takes it, or why it is not even sent: one row that names an unknown field could fail them all.
    pub(crate) async fn row(&self, write: &RecordWrite) -> Result<Result<Json, ConnectorError>, ConnectorError> {
        let schema = match self.schema(&write.object).await {
            Ok(schema) => schema,
            Err(error) if error.kind == ErrorKind::SchemaChanged => return Ok(Err(error)),
            Err(error) => return Err(error),
        };
        let Some(id) = record_id::to_long(&write.id) else {
            return Ok(Err(ConnectorError::new(ErrorKind::RecordRejected, "MALFORMED_ID", "this is not a record id")));
        };
        let mut row = Map::with_capacity(write.values.len() + 2);
        row.insert("attributes".to_owned(), json!({ "type": schema.name }));
        row.insert("id".to_owned(), Json::String(id));
        for (name, value) in &write.values {
            let Some(field) = schema.field(name).filter(|field| field.updateable) else {
                let what = format!("the connected user can not change the field {name} of {}", schema.name);
                let mut refusal =
                    ConnectorError::new(ErrorKind::SchemaChanged, "INVALID_FIELD_FOR_INSERT_UPDATE", what);
                refusal.fields.push(name.clone());
                self.forget_if_changed(&write.object, &refusal);
                return Ok(Err(refusal));
            };
            row.insert(field.name.clone(), fields::to_json(value, field.field_type));
        }
        Ok(Ok(Json::Object(row)))
    }

    /// Takes in what the refusal of a record says of more than what was written.
    pub(crate) fn take_in_refusal(&self, object: &str, refusal: ConnectorError) -> ConnectorError {
        let refusal = conversion::understood(refusal, self.described(object).as_deref());
        self.forget_if_changed(object, &refusal);
        refusal
    }

    async fn update(&self, records: Vec<Json>) -> Result<Vec<WriteOutcome>, ConnectorError> {
        let count = records.len();
        let body = json!({ "allOrNone": false, "records": records });
        let answer = self
            .call(Effect::Writes, |base, _| self.http.patch(format!("{base}/composite/sobjects")).json(&body))
            .await?;
        let results: Vec<RowResult> =
            serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Writes))?;
        if results.len() != count {
            return Err(error::unreadable(&answer, Effect::Writes));
        }
        let outcome = |result: RowResult| if result.success { Ok(()) } else { Err(error::from_row(result.errors)) };
        Ok(results.into_iter().map(outcome).collect())
    }

    // --- call ---

    /// Makes a call under the session, once more under another one where that may help, and returns a success.
    pub(crate) async fn call(
        &self,
        effect: Effect,
        request: impl Fn(&str, &Token) -> reqwest::RequestBuilder,
    ) -> Result<Answer, ConnectorError> {
        let token = self.session.token().await?;
        let failed = match self.send(&token, effect, &request).await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        let token = self.another_session(&token, failed).await?;
        Ok(self.send(&token, effect, &request).await?)
    }

    /// Makes a call that changes nothing as [`Rest::call`] does, and gives a success whose body has yet to be read.
    pub(crate) async fn open(
        &self,
        request: impl Fn(&str, &Token) -> reqwest::RequestBuilder,
    ) -> Result<Body, ConnectorError> {
        let token = self.session.token().await?;
        let failed = match self.send_for_body(&token, &request).await {
            Ok(body) => return Ok(body),
            Err(failed) => failed,
        };
        let token = self.another_session(&token, failed).await?;
        Ok(self.send_for_body(&token, &request).await?)
    }

    /// The session under which a call that failed may succeed; else its failure.
    async fn another_session(&self, stale: &Token, failed: Failed) -> Result<Arc<Token>, ConnectorError> {
        let found = match failed.cause {
            Cause::Other => None,
            Cause::SessionOver => Some(self.session.token_after(stale).await?),
            Cause::Unreached if !self.session.is_long_unreached() => None,
            Cause::Unreached | Cause::Elsewhere => match self.session.token_elsewhere(stale).await {
                Err(error) if error.kind == ErrorKind::AuthRevoked => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, "could not ask where the org is now");
                    None
                }
                Ok(found) => found,
            },
        };
        found.ok_or(failed.error)
    }

    async fn send(
        &self,
        token: &Token,
        effect: Effect,
        request: &impl Fn(&str, &Token) -> reqwest::RequestBuilder,
    ) -> Result<Answer, Failed> {
        let request = self.ready(token, request).await?;
        let answer = http::exchange(&self.gate, request, effect).await?;
        if answer.is_success() || answer.status == NOT_MODIFIED {
            self.take_in(answer.date, answer.limit_info.as_deref(), false);
            return Ok(answer);
        }
        Err(self.refused(&answer, effect))
    }

    async fn send_for_body(
        &self,
        token: &Token,
        request: &impl Fn(&str, &Token) -> reqwest::RequestBuilder,
    ) -> Result<Body, Failed> {
        let request = self.ready(token, request).await?;
        match http::open(&self.gate, request).await? {
            Opened::Success(body) => {
                self.take_in(body.date(), body.limit_info(), false);
                Ok(body)
            }
            Opened::Other(answer) => Err(self.refused(&answer, Effect::Reads)),
        }
    }

    fn refused(&self, answer: &Answer, effect: Effect) -> Failed {
        let failed = Failed::answered(answer, effect);
        let is_spent = failed.error.kind == ErrorKind::QuotaExhausted;
        self.take_in(answer.date, answer.limit_info.as_deref(), is_spent);
        failed
    }

    /// Takes in what every answer tells besides what was asked for: the org's time, and the use of the day's calls, or that they are
    /// spent.
    fn take_in(&self, date: Option<Timestamp>, limit_info: Option<&str>, is_spent: bool) {
        self.session.note_reached();
        if let Some(date) = date {
            *self.clock.lock().expect("nobody panics with the lock held") = Some((date, Instant::now()));
        }
        let mut usage = self.usage.lock().expect("nobody panics with the lock held");
        if let Some(told) = limit_info.and_then(parse_usage) {
            *usage = Some(told);
        } else if let Some(known) = usage.as_mut().filter(|_| is_spent) {
            // A refusal says that the day's calls are used up, and not how many those are.
            known.used = known.used.max(known.limit);
        }
    }

    /// The request as it goes out.
    async fn ready(
        &self,
        token: &Token,
        request: &impl Fn(&str, &Token) -> reqwest::RequestBuilder,
    ) -> Result<reqwest::RequestBuilder, Failed> {
        let version_path =
            self.version_path.get_or_try_init(|| version::newest(&self.http, &self.gate, &token.instance_url)).await?;
        let base = format!("{}{version_path}", version::origin_text(&token.instance_url));
        // Whatever becomes of it: the org counts what reached it, and we can not tell.
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(request(&base, token)
            .bearer_auth(token.secret())
            // Shown in the change events of our own writes (`changeOrigin`).
            .header("Sforce-Call-Options", "client=Syncline")
            // An update of ours must not give the record to somebody else.
            .header("Sforce-Auto-Assign", "FALSE"))
    }
}

/// `api-usage=46/15000` (REST guide, "Limit Info Header").
fn parse_usage(header: &str) -> Option<ApiUsage> {
    let usage = header.split([',', ';']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, limit) = usage.split_once('/')?;
    let limit = limit.split('(').next()?;
    Some(ApiUsage { used: used.trim().parse().ok()?, limit: limit.trim().parse().ok()? })
}

/// `{"DailyDeliveredPlatformEvents": {"Max": 25000, "Remaining": 24000}}` (REST guide, "Limits").
fn deliveries_of(limits: &Json) -> Option<ApiUsage> {
    let limit = &limits["DailyDeliveredPlatformEvents"];
    let (most, left) = (limit["Max"].as_u64()?, limit["Remaining"].as_u64()?);
    Some(ApiUsage { used: most.saturating_sub(left), limit: most })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryPage {
    done: bool,
    next_records_url: Option<String>,
    records: Vec<Json>,
}

#[derive(Deserialize)]
struct RowResult {
    success: bool,
    #[serde(default)]
    errors: Vec<Refusal>,
}

/// Cuts rows, which are sorted by type, into as few calls as the limits allow.
fn collections<'a, R>(rows: &'a [R], type_of: impl Fn(&'a R) -> &'a str) -> Vec<&'a [R]> {
    let mut calls = Vec::new();
    let mut start = 0;
    let mut runs = 0;
    for (index, row) in rows.iter().enumerate() {
        let begins_run = index == start || type_of(&rows[index - 1]) != type_of(row);
        if index > start && (index - start == MAX_WRITES || (begins_run && runs == MAX_TYPE_RUNS)) {
            calls.push(&rows[start..index]);
            (start, runs) = (index, 1);
        } else if begins_run {
            runs += 1;
        }
    }
    if start < rows.len() {
        calls.push(&rows[start..]);
    }
    calls
}

/// Joins what several reads of the same records by different fields brought. A record that one of them missed was deleted in
/// between, or appeared.
pub(crate) fn join_groups(
    rows: impl Iterator<Item = Json>,
    group_count: usize,
    to_record: impl Fn(&Json) -> Result<Record, ConnectorError>,
) -> Result<Vec<Record>, ConnectorError> {
    let mut joined: Vec<(Record, usize)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let record = to_record(&row)?;
        match places.get(&record.id) {
            Some(place) => {
                let (known, seen) = &mut joined[*place];
                // The older version of two: whatever changed in between is news that is still to come.
                known.modstamp = known.modstamp.min(record.modstamp);
                known.values.extend(record.values);
                *seen += 1;
            }
            None => {
                places.insert(record.id.clone(), joined.len());
                joined.push((record, 1));
            }
        }
    }
    Ok(joined.into_iter().filter(|(_, seen)| *seen >= group_count).map(|(record, _)| record).collect())
}

pub(crate) fn record(row: &Json, schema: &ObjectSchema, asked: &[&str]) -> Result<Record, ConnectorError> {
    let broken = |name: &str| {
        let what = format!("the field {name} of a {} that was read is not as it was described", schema.name);
        ConnectorError::new(ErrorKind::SchemaChanged, "", what)
    };
    let row = row.as_object().ok_or_else(|| misconfigured("a row of a query is no object"))?;
    let cell = |name: &str| {
        row.get(name).or_else(|| row.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, cell)| cell))
    };
    let time =
        |name: &str| cell(name).and_then(Json::as_str).and_then(fields::parse_instant).ok_or_else(|| broken(name));
    let id = cell("Id").and_then(Json::as_str).and_then(record_id::to_long).ok_or_else(|| broken("Id"))?;
    let mut values = syncline_model::Values::new();
    for name in asked {
        // One group of fields out of several has only its own; the others bring theirs.
        let (Some(cell), Some(field)) = (cell(name), schema.field(name)) else { continue };
        let value = fields::from_json(cell, field.field_type).ok_or_else(|| broken(name))?;
        values.insert((*name).to_owned(), value);
    }
    Ok(Record {
        object: schema.name.clone(),
        id,
        values,
        created_at: time("CreatedDate")?,
        modified_at: time("LastModifiedDate")?,
        modstamp: time("SystemModstamp")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_header_is_read() {
        assert_eq!(parse_usage("api-usage=46/15000"), Some(ApiUsage { used: 46, limit: 15_000 }));
        assert_eq!(
            parse_usage("api-usage=25/5000; per-app-api-usage=17/250(appName=sample)"),
            Some(ApiUsage { used: 25, limit: 5_000 })
        );
        assert_eq!(parse_usage("per-app-api-usage=17/250"), None);
    }

    #[test]
    fn calls_keep_within_both_limits_of_collections() {
        let of_type = |count: usize, name: &'static str| vec![name; count];
        let sizes =
            |rows: &[&'static str]| collections(rows, |row| row).iter().map(|call| call.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&of_type(200, "A")), [200]);
        assert_eq!(sizes(&of_type(401, "A")), [200, 200, 1]);
        let names = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];
        let many: Vec<_> = names.iter().flat_map(|name| of_type(2, name)).collect();
        assert_eq!(sizes(&many), [20, 4]);
        assert!(sizes(&[]).is_empty());
    }

    #[test]
    fn parts_of_a_record_are_joined_and_a_record_that_one_part_misses_is_left_out() {
        let schema = ObjectSchema::from(
            serde_json::from_value::<DescribedObject>(json!({"name": "Contact", "label": "Contact", "fields": [
                {"name": "A", "label": "A", "type": "string"}, {"name": "B", "label": "B", "type": "string"}]}))
            .unwrap(),
        );
        let row = |id: &str, field: &str, second: u8| {
            let stamp = format!("2026-01-01T00:00:0{second}.000+0000");
            json!({"Id": id, "CreatedDate": stamp, "LastModifiedDate": stamp, "SystemModstamp": stamp, field: field})
        };
        let rows = vec![row("003q000000KvQ1t", "A", 1), row("003q000000KvQ2t", "A", 1), row("003q000000KvQ1t", "B", 2)];
        let joined = join_groups(rows.into_iter(), 2, |row| record(row, &schema, &["A", "B"])).unwrap();
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].values.len(), 2);
        assert_eq!(joined[0].modstamp.to_string(), "2026-01-01T00:00:01Z");
    }
}
