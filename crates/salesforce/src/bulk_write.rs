//! Many updates by ingest jobs: rows go up as CSV, and what became of each is read from the job's three lists of results. What a job
//! can not do goes through sObject Collections.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};
use syncline_model::connector::{ConnectorError, ErrorKind, RecordWrite, WriteOutcome};

use crate::{
    bulk::{self, BulkSettings, Job, JobEnd, JobKind, STREAM_TIMEOUT},
    bulk_csv::{CsvFault, CsvReader, write_row},
    error::{self, Effect},
    fields,
    rest::{MAX_WRITES, Rest},
};

/// From how many rows on a job costs fewer calls than Collections, and how many rows a job takes.
///
/// A job costs seven calls (make, upload, start, three lists of results, delete) and a question for each doubling of the time
/// that it takes, about six in a minute: as many as Collections needs for 2,600 rows. Salesforce works on 10,000 rows at a time,
/// so a larger job would only be slower to begin.
pub(crate) const MANY_WRITES: Range<usize> = 3_000..10_000;

/// Largest upload (Bulk API 2.0 guide: 150 MB when encoded in base64, which is 100 MB before), less a reserve for a last row.
const MAX_UPLOAD_BYTES: usize = 95 << 20;
/// Longest header row (Bulk API 2.0 guide, limits).
const MAX_HEADER_BYTES: usize = 32_000;
/// Tries to start a job whose upload is complete.
const MOST_STARTS: u32 = 4;

/// A row of an upload: which of the writes, its record's id, and its other columns.
struct Row {
    index: usize,
    id: String,
    cells: BTreeMap<String, String>,
}

/// What became of the rows of a job.
struct Ingested {
    outcomes: Vec<(usize, WriteOutcome)>,
    /// Writes that Collections may do where the job did not.
    left: Vec<usize>,
}

/// Writes by as few jobs as can be. One outcome for each write, in order.
pub(crate) async fn write_many(
    rest: &Arc<Rest>,
    settings: BulkSettings,
    writes: &[RecordWrite],
) -> Result<Vec<WriteOutcome>, ConnectorError> {
    let mut outcomes: Vec<Option<WriteOutcome>> = vec![None; writes.len()];
    // What no job can hold, or would mix up.
    let mut left: Vec<usize> = Vec::new();
    let mut objects: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut ids = HashSet::new();
    for (index, write) in writes.iter().enumerate() {
        match rest.row(write).await? {
            Err(refusal) => outcomes[index] = Some(Err(refusal)),
            Ok(json) => match row(index, json) {
                Some((object, row)) if ids.insert(row.id.clone()) => objects.entry(object).or_default().push(row),
                _ => left.push(index),
            },
        }
    }
    let uploads: Vec<_> = objects.into_iter().flat_map(|(object, rows)| uploads(object, rows)).collect();
    let is_only_job = uploads.len() == 1;
    let mut refused: HashSet<String> = HashSet::new();
    for upload in uploads {
        if refused.contains(&upload.object) {
            left.extend(upload.rows.values().copied());
            continue;
        }
        match upload.ingest(rest, settings).await {
            Ok(ingested) => {
                left.extend(ingested.left);
                for (index, outcome) in ingested.outcomes {
                    outcomes[index] = Some(outcome.map_err(|refusal| rest.take_in_refusal(&upload.object, refusal)));
                }
            }
            Err(error) if bulk::is_refused(&error) => {
                tracing::info!(object = %upload.object, "writing by single calls, since a bulk job is not to be had: {error}");
                left.extend(upload.rows.values().copied());
                refused.insert(upload.object);
            }
            Err(error) if is_only_job && upload.rows.len() == writes.len() => return Err(error),
            Err(error) => {
                upload.rows.values().for_each(|index| outcomes[*index] = Some(Err(error.clone())));
            }
        }
    }
    left.sort_unstable();
    for call in left.chunks(MAX_WRITES) {
        let some: Vec<_> = call.iter().map(|index| writes[*index].clone()).collect();
        match rest.write(&some).await {
            Ok(results) => call.iter().zip(results).for_each(|(index, result)| outcomes[*index] = Some(result)),
            Err(error) if left.len() == writes.len() && call.len() == writes.len() => return Err(error),
            Err(error) => call.iter().for_each(|index| outcomes[*index] = Some(Err(error.clone()))),
        }
    }
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(untold()))).collect())
}

fn untold() -> ConnectorError {
    ConnectorError::new(ErrorKind::UnknownOutcome, "", "Salesforce did not tell what became of the record")
}

/// A record as Collections takes it, as the row of an upload: its object and the row. `None` where CSV can not say it.
fn row(index: usize, json: Json) -> Option<(String, Row)> {
    let Json::Object(json) = json else { return None };
    let mut cells = BTreeMap::new();
    let text = |json: &Map<String, Json>, name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
    let object = json.get("attributes").and_then(Json::as_object).and_then(|attributes| text(attributes, "type"))?;
    let id = text(&json, "id")?;
    for (name, value) in &json {
        if name != "attributes" && name != "id" {
            cells.insert(name.clone(), fields::to_csv(value)?);
        }
    }
    Some((object, Row { index, id, cells }))
}

/// A job's worth of rows.
struct Upload {
    object: String,
    csv: Bytes,
    /// Which write is of which record.
    rows: HashMap<String, usize>,
}

/// Cuts an object's rows into jobs. A cell that a row has not is empty, which leaves the field as it is.
fn uploads(object: String, rows: Vec<Row>) -> Vec<Upload> {
    let mut uploads = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<Row> = rows.by_ref().take(MANY_WRITES.end).collect();
        let names: std::collections::BTreeSet<&str> =
            some.iter().flat_map(|row| row.cells.keys()).map(String::as_str).collect();
        let mut header = Vec::new();
        write_row(&mut header, std::iter::once("Id").chain(names.iter().copied()));
        let mut upload = Upload { object: object.clone(), csv: Bytes::new(), rows: HashMap::new() };
        let mut csv = header.clone();
        for row in &some {
            if csv.len() > MAX_UPLOAD_BYTES {
                let full = Upload { csv: std::mem::replace(&mut csv, header.clone()).into(), ..upload };
                uploads.push(full);
                upload = Upload { object: object.clone(), csv: Bytes::new(), rows: HashMap::new() };
            }
            let cells = names.iter().map(|name| row.cells.get(*name).map_or("", String::as_str));
            write_row(&mut csv, std::iter::once(row.id.as_str()).chain(cells));
            upload.rows.insert(row.id.clone(), row.index);
        }
        uploads.push(Upload { csv: csv.into(), ..upload });
    }
    uploads
}

impl Upload {
    async fn ingest(&self, rest: &Arc<Rest>, settings: BulkSettings) -> Result<Ingested, ConnectorError> {
        if self.csv.iter().position(|byte| *byte == b'\n').is_none_or(|header| header > MAX_HEADER_BYTES) {
            return Ok(Ingested { outcomes: Vec::new(), left: self.rows.values().copied().collect() });
        }
        let asked = json!({ "object": self.object, "operation": "update", "contentType": "CSV", "lineEnding": "LF" });
        let job = Job::create(rest, settings, JobKind::Ingest, &asked).await?;
        if let Err(error) = self.send(rest, &job, settings).await {
            job.discard().await;
            return Err(error);
        }
        let end = match job.ended().await {
            // What it did until now is told once it is stopped.
            Ok(JobEnd::Late) => job.set_state("Aborted").await.map(|()| JobEnd::Late),
            end => end,
        };
        let end = match end {
            Ok(JobEnd::Gone) => return Err(untold()),
            Err(error) if bulk::is_passing(&error) => return Err(untold()),
            Err(error) => return Err(error),
            Ok(end) => end,
        };
        let ingested = self.results(rest, &job, settings, end).await;
        job.delete().await;
        ingested
    }

    /// Uploads the rows and starts the job. Where that fails nothing was written, unless the job was started all the same.
    async fn send(&self, rest: &Arc<Rest>, job: &Job, settings: BulkSettings) -> Result<(), ConnectorError> {
        let put = |base: &str, _: &_| {
            let request = rest.http.put(format!("{base}{}/batches", job.path)).timeout(STREAM_TIMEOUT);
            request.header("content-type", "text/csv; charset=UTF-8").body(self.csv.clone())
        };
        rest.call(Effect::Reads, put).await?;
        let mut starts = 0;
        loop {
            match job.set_state("UploadComplete").await {
                Err(error) if bulk::is_passing(&error) && starts < MOST_STARTS => {
                    bulk::pause(settings, starts).await;
                    // The answer was lost, or the call was.
                    if job.state().await? != "Open" {
                        return Ok(());
                    }
                    starts += 1;
                }
                done => return done,
            }
        }
    }

    /// What became of each row, from the job's own lists: done, refused, or not looked at.
    async fn results(
        &self,
        rest: &Arc<Rest>,
        job: &Job,
        settings: BulkSettings,
        end: JobEnd,
    ) -> Result<Ingested, ConnectorError> {
        let mut found: HashMap<usize, Option<WriteOutcome>> = HashMap::new();
        for list in [ResultList::Successful, ResultList::Failed, ResultList::Unprocessed] {
            let rows = bulk::insist(settings, || self.list(rest, job, list)).await;
            match rows {
                Ok(rows) => found.extend(rows),
                Err(error) if bulk::is_passing(&error) || bulk::is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let mut ingested = Ingested { outcomes: Vec::with_capacity(self.rows.len()), left: Vec::new() };
        for index in self.rows.values() {
            match (found.remove(index), &end) {
                (Some(Some(outcome)), _) => ingested.outcomes.push((*index, outcome)),
                // Salesforce gave the job up; row by row it may still do it, or say what is wrong.
                (Some(None), JobEnd::Failed(_)) => ingested.left.push(*index),
                (Some(None), _) => {
                    let what = "the bulk job ended before it came to the record";
                    ingested.outcomes.push((*index, Err(bulk::broken_off(what))));
                }
                (None, _) => ingested.outcomes.push((*index, Err(untold()))),
            }
        }
        Ok(ingested)
    }

    /// One of the lists: for each of our rows what became of it, or nothing where nothing did.
    async fn list(
        &self,
        rest: &Arc<Rest>,
        job: &Job,
        list: ResultList,
    ) -> Result<Vec<(usize, Option<WriteOutcome>)>, ConnectorError> {
        let path = format!("{}/{}", job.path, list.resource());
        let get = |base: &str, _: &_| rest.http.get(format!("{base}{path}")).timeout(STREAM_TIMEOUT);
        let mut body = rest.open(get).await?;
        let promised: Option<usize> = body.header("sforce-numberofrecords").and_then(|number| number.parse().ok());
        let mut reader = CsvReader::default();
        let mut places: Option<(usize, Option<usize>)> = None;
        let mut rows = Vec::new();
        let mut count = 0;
        loop {
            let piece = body.piece().await?;
            let is_end = piece.is_none();
            let piece = piece.unwrap_or_default();
            let mut piece: &[u8] = &piece;
            while reader.read(&mut piece).map_err(broken)? || (is_end && reader.finish().map_err(broken)?) {
                let row = reader.row().map_err(broken)?;
                let Some((id, error)) = places else {
                    let place = |name: &str| row.fields().position(|own| own.eq_ignore_ascii_case(name));
                    let id = place("Id").ok_or_else(|| bulk::broken_off("a bulk job's results have no ids"))?;
                    places = Some((id, place("sf__Error")));
                    continue;
                };
                count += 1;
                let Some(index) = row.get(id).and_then(|id| self.rows.get(id)) else { continue };
                let outcome = match list {
                    ResultList::Successful => Some(Ok(())),
                    ResultList::Failed => {
                        Some(Err(error::from_bulk_row(error.and_then(|place| row.get(place)).unwrap_or_default())))
                    }
                    ResultList::Unprocessed => None,
                };
                rows.push((*index, outcome));
            }
            if is_end {
                break;
            }
        }
        if promised.is_some_and(|promised| promised != count) {
            return Err(bulk::broken_off("a list of a bulk job's results broke off"));
        }
        Ok(rows)
    }
}

/// A job's lists of results. (Bulk API 2.0 guide, "Get Job Results".)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResultList {
    Successful,
    Failed,
    Unprocessed,
}

impl ResultList {
    fn resource(self) -> &'static str {
        match self {
            Self::Successful => "successfulResults",
            Self::Failed => "failedResults",
            Self::Unprocessed => "unprocessedrecords",
        }
    }
}

fn broken(fault: CsvFault) -> ConnectorError {
    bulk::broken_off(format!("the bulk job's results can not be read: {}", fault.words()))
}
