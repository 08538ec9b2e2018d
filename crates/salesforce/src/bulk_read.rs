//! All records of an object: by a query job, whose pages of results are read side by side and parsed as they arrive; or by queries
//! through the REST API where bulk jobs are not to be had. However many records there are, only a few batches are in memory.

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use syncline_model::{
    Value, Values,
    connector::{ConnectorError, ErrorKind, RecordStream},
    record::Record,
    schema::{FieldType, ObjectSchema},
};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    bulk::{self, BulkSettings, Job, JobEnd, JobKind, STREAM_TIMEOUT},
    bulk_csv::{CsvFault, CsvReader, CsvRow},
    conversion::unconverted,
    error::{self, Effect},
    fields, record_id,
    rest::{ALWAYS_READ, Rest, record},
    soql::{self, Identifier},
    version,
};

/// Records that are handed over together.
const BATCH_RECORDS: usize = 500;
/// Batches that wait to be taken. With [`MAX_PARALLEL_PAGES`] this bounds the records in memory.
const WAITING_BATCHES: usize = 4;
/// Pages of results that are read side by side.
const MAX_PARALLEL_PAGES: usize = 3;
/// Records of one REST query: more come in pages anyway (REST guide, "Query Options Header").
const QUERY_RECORDS: usize = 2_000;
/// Tries to read a page that bring nothing new.
const MOST_PAGE_FAILURES: u32 = 4;
/// Jobs that may get lost before their results are read.
const MOST_JOBS: usize = 3;

const NOBODY_LISTENS: &str = "nobody takes the records";

type Batch = Vec<Record>;
/// Batches, and at last nothing, or why not all came.
type Out = mpsc::Sender<Result<Option<Batch>, ConnectorError>>;

/// Starts reading all records of an object. Whoever drops the stream has had enough: the job is stopped and deleted in the
/// background. Only a connection that is closed, or whose process ends, leaves its job standing, since nothing may be called any more;
/// Salesforce deletes it with its results after seven days.
pub(crate) async fn read_all(
    rest: &Arc<Rest>,
    settings: BulkSettings,
    object: &str,
    wanted: &[String],
) -> Result<Box<dyn RecordStream>, ConnectorError> {
    let columns = Columns::new(rest.schema(object).await?, wanted)?;
    let reading = Arc::new(Reading { rest: Arc::clone(rest), settings, columns });
    let (out, batches) = mpsc::channel(WAITING_BATCHES);
    tokio::spawn(async move {
        let end = reading.all(&out).await;
        if let Err(error) = &end {
            reading.rest.forget_if_changed(&reading.columns.schema.name, error);
        }
        // Whoever does not listen any more does not want to know.
        let _ = out.send(end.map(|()| None)).await;
    });
    Ok(Box::new(BulkRecords { batches }))
}

/// Records as a task reads them, which ends when this is dropped.
struct BulkRecords {
    batches: mpsc::Receiver<Result<Option<Batch>, ConnectorError>>,
}

#[async_trait]
impl RecordStream for BulkRecords {
    async fn next(&mut self) -> Result<Option<Batch>, ConnectorError> {
        match self.batches.recv().await {
            Some(next) => next,
            None => Err(bulk::broken_off("reading was broken off")),
        }
    }
}

/// What is asked of each record.
struct Columns {
    schema: Arc<ObjectSchema>,
    object: Identifier,
    /// Names as they were asked for, with their types.
    asked: Vec<(Identifier, FieldType)>,
    /// Names of what bulk jobs do not give: compound fields, of which nobody can make anything, and files.
    left_out: Vec<String>,
}

impl Columns {
    fn new(schema: Arc<ObjectSchema>, wanted: &[String]) -> Result<Self, ConnectorError> {
        let object = Identifier::new(&schema.name)?;
        let (mut asked, mut left_out) = (Vec::new(), Vec::new());
        for name in wanted {
            let field_type = schema.field(name).map_or(FieldType::String, |field| field.field_type);
            match field_type {
                FieldType::Address | FieldType::Other => left_out.push(name.clone()),
                _ => asked.push((Identifier::new(name)?, field_type)),
            }
        }
        Ok(Self { schema, object, asked, left_out })
    }

    /// All names, each once.
    fn selected(&self) -> Vec<Identifier> {
        let always = ALWAYS_READ.iter().map(|name| Identifier((*name).to_owned()));
        let mut names: Vec<Identifier> = Vec::new();
        for name in always.chain(self.asked.iter().map(|(name, _)| name.clone())) {
            if !names.iter().any(|known| known.0.eq_ignore_ascii_case(&name.0)) {
                names.push(name);
            }
        }
        names
    }

    fn statement(&self) -> String {
        let names: Vec<_> = self.selected().into_iter().map(|name| name.0).collect();
        format!("SELECT {} FROM {}{}", names.join(","), self.object.as_str(), where_all(unconverted(&self.schema)))
    }

    fn nulls(&self) -> impl Iterator<Item = (String, Value)> {
        self.left_out.iter().map(|name| (name.clone(), Value::Null))
    }
}

fn where_all<'c>(conditions: impl IntoIterator<Item = &'c str>) -> String {
    let conditions: Vec<_> = conditions.into_iter().collect();
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

/// Where the columns of a page are.
struct Layout {
    id: usize,
    created_at: usize,
    modified_at: usize,
    modstamp: usize,
    asked: Vec<usize>,
    width: usize,
}

impl Layout {
    fn new(columns: &Columns, header: CsvRow<'_>) -> Result<Self, ConnectorError> {
        let place = |name: &str| {
            header
                .fields()
                .position(|own| own.eq_ignore_ascii_case(name))
                .ok_or_else(|| bulk::broken_off(format!("a page of the bulk job's results lacks the column {name}")))
        };
        Ok(Self {
            id: place("Id")?,
            created_at: place("CreatedDate")?,
            modified_at: place("LastModifiedDate")?,
            modstamp: place("SystemModstamp")?,
            asked: columns.asked.iter().map(|(name, _)| place(name.as_str())).collect::<Result<_, _>>()?,
            width: header.len(),
        })
    }

    fn record(&self, columns: &Columns, row: CsvRow<'_>) -> Result<Record, ConnectorError> {
        if row.len() != self.width {
            return Err(bulk::broken_off("a row of the bulk job's results has not as many fields as its header"));
        }
        let broken = |name: &str| {
            let what =
                format!("the field {name} of a {} that was read is not as it was described", columns.schema.name);
            ConnectorError::new(ErrorKind::SchemaChanged, "", what)
        };
        let time =
            |place: usize, name: &str| row.get(place).and_then(fields::parse_instant).ok_or_else(|| broken(name));
        let mut values: Values = columns.nulls().collect();
        for ((name, field_type), place) in columns.asked.iter().zip(&self.asked) {
            let value = row.get(*place).and_then(|text| fields::from_csv(text, *field_type));
            values.insert(name.0.clone(), value.ok_or_else(|| broken(name.as_str()))?);
        }
        Ok(Record {
            object: columns.schema.name.clone(),
            id: row.get(self.id).and_then(record_id::to_long).ok_or_else(|| broken("Id"))?,
            values,
            created_at: time(self.created_at, "CreatedDate")?,
            modified_at: time(self.modified_at, "LastModifiedDate")?,
            modstamp: time(self.modstamp, "SystemModstamp")?,
        })
    }
}

/// What a try by a bulk job came to.
enum ByJob {
    Done,
    /// The org lost the job or its results.
    Lost,
    /// The REST API may do what a job does not.
    Refused(String),
}

/// A page that was read to its end.
struct Page {
    rows: u64,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageList {
    result_pages: Vec<PageLink>,
    next_records_url: Option<String>,
    done: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageLink {
    // The guide has the one name, replies of Salesforce were seen with the other.
    result_url: Option<String>,
    result_link: Option<String>,
}

struct Reading {
    rest: Arc<Rest>,
    settings: BulkSettings,
    columns: Columns,
}

impl Reading {
    async fn all(self: &Arc<Self>, out: &Out) -> Result<(), ConnectorError> {
        for _ in 0..MOST_JOBS {
            match self.by_job(out).await? {
                ByJob::Done => return Ok(()),
                ByJob::Lost => {
                    tracing::warn!(object = %self.columns.schema.name, "the org lost a bulk query job; asking anew")
                }
                ByJob::Refused(why) => {
                    tracing::info!(object = %self.columns.schema.name, "reading by queries, since a bulk job is not to be had: {why}");
                    return tokio::select! {
                        done = self.by_queries(out) => done,
                        why = self.stopped(out) => Err(why),
                    };
                }
            }
        }
        Err(bulk::broken_off("the org lost each bulk query job before its results were read"))
    }

    /// Waits until reading is to end before all is read, and says why.
    async fn stopped(&self, out: &Out) -> ConnectorError {
        tokio::select! {
            // A page that waits for somebody to take its records would hold the gate open.
            () = self.rest.gate.closing() => bulk::broken_off("the connection was closed"),
            () = out.closed() => bulk::broken_off(NOBODY_LISTENS),
        }
    }

    // --- by a bulk job ---

    async fn by_job(self: &Arc<Self>, out: &Out) -> Result<ByJob, ConnectorError> {
        let asked = json!({
            "operation": "query", "query": self.columns.statement(),
            "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF",
        });
        let job = match Job::create(&self.rest, self.settings, JobKind::Query, &asked).await {
            Ok(job) => job,
            Err(error) if bulk::is_refused(&error) => return Ok(ByJob::Refused(error.to_string())),
            Err(error) => return Err(error),
        };
        // The job is there from here on, and whatever comes, it goes again.
        let done = tokio::select! {
            done = self.from_job(&job, out) => done,
            why = self.stopped(out) => Err(why),
        };
        match &done {
            Ok(ByJob::Lost) => {}
            Ok(_) => job.delete().await,
            Err(_) => job.discard().await,
        }
        done
    }

    async fn from_job(self: &Arc<Self>, job: &Job, out: &Out) -> Result<ByJob, ConnectorError> {
        let expected = match job.ended().await? {
            JobEnd::Complete(records) => records,
            // Salesforce tried many times already; small questions get through where a large one does not.
            JobEnd::Failed(why) => return Ok(ByJob::Refused(why)),
            JobEnd::Gone => return Ok(ByJob::Lost),
            JobEnd::Aborted => return Err(bulk::broken_off("somebody stopped the bulk query job in the org")),
            JobEnd::Late => return Err(bulk::broken_off("the bulk query job did not end in time and was stopped")),
        };
        let rows = match self.pages(job, out).await {
            Ok(rows) => rows,
            Err(error) if bulk::is_gone(&error) => return Ok(ByJob::Lost),
            Err(error) => return Err(error),
        };
        if rows != expected {
            return Err(bulk::broken_off(format!("the bulk job found {expected} records, but gave {rows}")));
        }
        Ok(ByJob::Done)
    }

    /// Reads all pages of a job's results, and gives the number of rows.
    async fn pages(self: &Arc<Self>, job: &Job, out: &Out) -> Result<u64, ConnectorError> {
        let results = format!("{}/results", job.path);
        let (mut links, mut next_list, is_list) = match self.page_list(&format!("{}/resultPages", job.path)).await {
            Ok((links, next)) => (links, next, true),
            // Orgs of an older version have no such list: each page then says where the next one is.
            Err(error) if bulk::is_refused(&error) => (VecDeque::from([results.clone()]), None, false),
            Err(error) => return Err(error),
        };
        let mut rows = 0;
        let mut pages: JoinSet<Result<Page, ConnectorError>> = JoinSet::new();
        loop {
            while pages.len() < MAX_PARALLEL_PAGES
                && let Some(link) = links.pop_front()
            {
                let (reading, out) = (Arc::clone(self), out.clone());
                pages.spawn(async move { reading.page(&link, &out).await });
            }
            if links.is_empty()
                && let Some(list) = next_list.take()
            {
                (links, next_list) = self.page_list(&list).await?;
                continue;
            }
            let Some(page) = pages.join_next().await else { return Ok(rows) };
            let page = page.map_err(|_| bulk::broken_off("reading a page was broken off"))??;
            rows += page.rows;
            if let Some(locator) = page.next.filter(|_| !is_list) {
                links.push_back(format!("{results}?locator={}", soql::encoded(&locator)));
            }
        }
    }

    /// Links to pages that can be read side by side, and to the next such list.
    async fn page_list(&self, link: &str) -> Result<(VecDeque<String>, Option<String>), ConnectorError> {
        let list = bulk::insist(self.settings, || async {
            let answer = self
                .rest
                .call(Effect::Reads, |base, token| {
                    self.rest.http.get(address(base, &version::origin_text(&token.instance_url), link))
                })
                .await?;
            let list: PageList =
                serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Reads))?;
            let links = list.result_pages.into_iter().map(|page| page.result_url.or(page.result_link));
            let links = links.map(|link| link.as_deref().and_then(path_of)).collect::<Option<VecDeque<_>>>();
            let next = list.next_records_url.filter(|_| !list.done).map(|link| path_of(&link));
            match (links, next) {
                (Some(links), None) => Ok((links, None)),
                (Some(links), Some(Some(next))) => Ok((links, Some(next))),
                _ => Err(error::unreadable(&answer, Effect::Reads)),
            }
        });
        list.await
    }

    /// Reads a page; where it breaks off it is read again, and what was handed over already is passed over.
    async fn page(&self, link: &str, out: &Out) -> Result<Page, ConnectorError> {
        let (mut given, mut failures) = (0, 0);
        loop {
            let before = given;
            let error = match self.try_page(link, &mut given, out).await {
                Err(error) if bulk::is_passing(&error) => error,
                done => return done,
            };
            failures = if given > before { 0 } else { failures + 1 };
            if failures > MOST_PAGE_FAILURES {
                return Err(error);
            }
            tracing::debug!(%error, given, "a page of bulk results broke off");
            bulk::pause(self.settings, failures).await;
        }
    }

    async fn try_page(&self, link: &str, given: &mut u64, out: &Out) -> Result<Page, ConnectorError> {
        let request = |base: &str, token: &crate::session::Token| {
            let url = address(base, &version::origin_text(&token.instance_url), link);
            self.rest.http.get(url).timeout(STREAM_TIMEOUT)
        };
        let mut body = self.rest.open(request).await?;
        let promised: Option<u64> = body.header("sforce-numberofrecords").and_then(|number| number.parse().ok());
        // The last page says so with the word null.
        let next = body.header("sforce-locator").filter(|locator| !locator.is_empty() && *locator != "null");
        let next = next.map(str::to_owned);

        let mut rows = PageRows { layout: None, rows: 0, given, batch: Vec::with_capacity(BATCH_RECORDS), out };
        let mut reader = CsvReader::default();
        loop {
            let Some(piece) = body.piece().await? else { break };
            let mut piece: &[u8] = &piece;
            while reader.read(&mut piece).map_err(broken)? {
                rows.take(&self.columns, reader.row().map_err(broken)?).await?;
            }
        }
        if reader.finish().map_err(broken)? {
            rows.take(&self.columns, reader.row().map_err(broken)?).await?;
        }
        let read = rows.rows;
        if promised.is_some_and(|promised| promised != read) {
            return Err(bulk::broken_off(format!(
                "a page of bulk results brought {read} rows of {}",
                promised.unwrap_or(0)
            )));
        }
        rows.hand_over().await?;
        Ok(Page { rows: read, next })
    }

    // --- by queries ---

    /// Reads by id, a query at a time: nothing is missed or told twice whatever comes and goes meanwhile.
    async fn by_queries(&self, out: &Out) -> Result<(), ConnectorError> {
        let always: Vec<_> = ALWAYS_READ.iter().map(|name| Identifier((*name).to_owned())).collect();
        let asked: Vec<_> = self.columns.asked.iter().map(|(name, _)| name.clone()).collect();
        let names: Vec<_> = asked.iter().map(Identifier::as_str).collect();
        let groups = soql::field_groups(&always, &asked);
        let head: Vec<_> = groups[0].iter().map(Identifier::as_str).collect();
        let head = format!("SELECT {} FROM {}", head.join(","), self.columns.object.as_str());
        let mut last: Option<String> = None;
        loop {
            let behind = last.as_deref().map(|id| format!("Id > {}", soql::quoted(id)));
            let conditions = unconverted(&self.columns.schema).into_iter().chain(behind.as_deref());
            let statement = format!("{head}{} ORDER BY Id LIMIT {QUERY_RECORDS}", where_all(conditions));
            let rows =
                bulk::insist(self.settings, || self.rest.query_through("/query", soql::encoded(&statement))).await?;
            let found: Vec<Record> =
                rows.iter().map(|row| record(row, &self.columns.schema, &names)).collect::<Result<_, _>>()?;
            let is_last = found.len() < QUERY_RECORDS;
            last = found.last().map(|record| record.id.clone());
            let mut records = found;
            if groups.len() > 1 {
                let ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
                let wanted: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
                let object = &self.columns.schema.name;
                records = bulk::insist(self.settings, || self.rest.find(object, "Id", &ids, &wanted)).await?;
            }
            for record in &mut records {
                record.values.extend(self.columns.nulls());
            }
            if !records.is_empty() {
                out.send(Ok(Some(records))).await.map_err(|_| bulk::broken_off(NOBODY_LISTENS))?;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// The rows of a page on their way to whoever takes them.
struct PageRows<'p> {
    layout: Option<Layout>,
    rows: u64,
    /// How many rows of the page were handed over, now or by an earlier try.
    given: &'p mut u64,
    batch: Batch,
    out: &'p Out,
}

impl PageRows<'_> {
    async fn take(&mut self, columns: &Columns, row: CsvRow<'_>) -> Result<(), ConnectorError> {
        let Some(layout) = &self.layout else {
            self.layout = Some(Layout::new(columns, row)?);
            return Ok(());
        };
        self.rows += 1;
        if self.rows > *self.given {
            self.batch.push(layout.record(columns, row)?);
        }
        if self.batch.len() == BATCH_RECORDS { self.hand_over().await } else { Ok(()) }
    }

    async fn hand_over(&mut self) -> Result<(), ConnectorError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_RECORDS));
        let count = batch.len() as u64;
        self.out.send(Ok(Some(batch))).await.map_err(|_| bulk::broken_off(NOBODY_LISTENS))?;
        *self.given += count;
        Ok(())
    }
}

fn broken(fault: CsvFault) -> ConnectorError {
    bulk::broken_off(format!("the bulk job's results can not be read: {}", fault.words()))
}

/// The path of a link that Salesforce gave: with the host, from the root, or below the API's version. What is on another host is
/// never called.
fn path_of(link: &str) -> Option<String> {
    let path = match url::Url::parse(link) {
        Ok(url) => format!("{}{}", url.path(), url.query().map(|query| format!("?{query}")).unwrap_or_default()),
        Err(_) => link.to_owned(),
    };
    (path.starts_with("/services/data/") || path.starts_with("/jobs/query/")).then_some(path)
}

/// The address of such a path.
fn address(base: &str, origin: &str, path: &str) -> String {
    if path.starts_with("/services/data/") { format!("{origin}{path}") } else { format!("{base}{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_each_form_lead_to_the_orgs_own_host() {
        let base = "https://acme.my.salesforce.com/services/data/v66.0";
        let origin = "https://acme.my.salesforce.com";
        let results = format!("{base}/jobs/query/750/results?locator=MTAw");
        for link in [
            "https://acme.my.salesforce.com/services/data/v66.0/jobs/query/750/results?locator=MTAw",
            "https://elsewhere.example/services/data/v66.0/jobs/query/750/results?locator=MTAw",
            "/services/data/v66.0/jobs/query/750/results?locator=MTAw",
            "/jobs/query/750/results?locator=MTAw",
        ] {
            assert_eq!(address(base, origin, &path_of(link).unwrap()), results, "{link}");
        }
        for hostile in
            ["", "@elsewhere.example/", "//elsewhere.example/jobs/query/x", "/sobjects/Contact", "javascript:x"]
        {
            assert_eq!(path_of(hostile), None, "{hostile}");
        }
    }
}
