//! Asking what changed since a time, where no stream says so by itself: all objects in as few calls as Salesforce takes.
//!
//! Rows come in the order of `SystemModstamp` and id, and each further page begins behind the last row of the one before. So many
//! rows of one time neither repeat nor get lost, and a record that changes meanwhile only moves to a later page. What was asked
//! for and when, in the org's own time, is the caller's to remember. Knows no store.
//!
//! A question that runs too long for Salesforce is asked of the first half of its time, and of half of that, until it is answered; the
//! answer says from when on the rest is to be asked for, which is then asked for in a span twice as long.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use syncline_model::{
    connector::{ChangedObject, ChangedSince, ConnectorError, ErrorKind, Since},
    schema::ObjectSchema,
};
use tokio::time::Instant;

use crate::{
    conversion::IS_CONVERTED,
    error::{self, Effect},
    fields, record_id,
    rest::{self, Rest},
    soql::{self, Identifier},
};

/// Parts of one composite request, and how many of them may be queries (REST guide, "Composite"). It counts as one call,
/// while each part of a batch request counts as one.
const MAX_PARTS: usize = 25;
const MAX_QUERIES: usize = 5;
/// Rows of one object that are read before the answer is given with word of the rest: what is held in memory at one time.
const ENOUGH_ROWS: usize = 10_000;
/// Deletions can be asked for as far back as 30 days (REST guide, "sObject Get Deleted"); an hour is kept off for clocks.
const DELETIONS_BACK: SignedDuration = SignedDuration::from_hours(30 * 24 - 1);
/// Salesforce ends a query after two minutes: who gives up before never learns that it asked for too much.
const QUERY_PATIENCE: Duration = Duration::from_secs(150);
/// The shortest span of time that is asked for by itself.
const SHORTEST_SPAN: SignedDuration = SignedDuration::from_secs(1);
/// How often an object's time is halved before the others, which wait in the same answer, are told; the next question goes on from there.
const MOST_HALVINGS: u32 = 3;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl Rest {
    /// What changed of each object; see [`syncline_model::connector::Connector::changed_since`].
    pub(crate) async fn changed_since(&self, asked: &[Since]) -> Result<ChangedSince, ConnectorError> {
        let mut questions = Vec::with_capacity(asked.len());
        for since in asked {
            questions.push(self.question(since).await?);
        }
        let mut steps = VecDeque::new();
        for (index, question) in questions.iter().enumerate() {
            let Ok(question) = question else { continue };
            steps.extend((0..question.groups.len()).map(|group| Step::Rows { question: index, group }));
            if asked[index].with_deletions {
                steps.push_back(Step::Deletions { question: index });
            }
        }

        let mut asked_at = None;
        while !steps.is_empty() {
            let call = self.next_call(&mut steps);
            let begun = Instant::now();
            let (answers, at) = self.composite(&call, &questions).await?;
            // The clock stood at that when the answer was made, so it stood no later than this when the questions were.
            let taken = SignedDuration::try_from(begun.elapsed()).unwrap_or(SignedDuration::MAX);
            asked_at = asked_at.or_else(|| at?.checked_sub(taken).ok());
            for (step, (status, body)) in call.into_iter().zip(answers) {
                let place = &mut questions[step.question()];
                let Ok(question) = place else { continue };
                match question.take_in(step, status, body) {
                    Ok(more) => steps.extend(more),
                    Err(error) if error.code == QUERY_TIMEOUT && question.narrow(step, self.org_time()) => {
                        self.remember_span(question);
                        steps.push_back(step);
                    }
                    Err(error) => {
                        self.forget_if_changed(question.object.as_str(), &error);
                        *place = Err(error);
                    }
                }
            }
            steps.retain(|step| questions[step.question()].is_ok());
        }

        // Without a word of its time, the org is asked from the same times on again.
        let earliest = || asked.iter().map(|since| since.since).min().unwrap_or_default();
        let answer = |question: Question| {
            self.widen_span(&question);
            question.answer()
        };
        let objects = questions.into_iter().map(|question| question.and_then(answer)).collect();
        Ok(ChangedSince { objects, asked_at: asked_at.unwrap_or_else(earliest) })
    }

    /// A question about one object, or why that one can not be asked.
    async fn question(&self, since: &Since) -> Result<Result<Question, ConnectorError>, ConnectorError> {
        let object = match Identifier::new(&since.object) {
            Ok(object) => object,
            Err(error) => return Ok(Err(error)),
        };
        let schema = match self.schema(&since.object).await {
            Ok(schema) => schema,
            Err(error) if matches!(error.kind, ErrorKind::SchemaChanged | ErrorKind::Misconfigured) => {
                return Ok(Err(error));
            }
            Err(error) => return Err(error),
        };
        let mut always: Vec<_> = rest::ALWAYS_READ.iter().map(|name| Identifier((*name).to_owned())).collect();
        // Not every object has a recycle bin.
        let says_gone = SAYS_GONE.iter().filter(|name| schema.field(name).is_some());
        always.extend(says_gone.map(|name| Identifier((*name).to_owned())));
        // Only what is in the description can be asked for; one that is not must not keep the others from being read.
        let visible = since.fields.iter().filter(|name| schema.field(name).is_some());
        let wanted = match visible.map(|name| Identifier::new(name)).collect::<Result<Vec<_>, _>>() {
            Ok(wanted) => wanted,
            Err(error) => return Ok(Err(error)),
        };
        let groups = soql::field_groups(&always, &wanted).into_iter().map(Group::new).collect();
        let asked = wanted.into_iter().map(|field| field.0).collect();
        let span = self.spans().get(&object.as_str().to_ascii_lowercase()).copied();
        let until = span.and_then(|span| since.since.checked_add(span).ok());
        // What ends behind the org's time ends with it, and then it is all.
        let until = until.filter(|until| self.org_time().is_none_or(|now| *until < now));
        let deleted = Vec::new();
        Ok(Ok(Question { object, schema, asked, since: since.since, until, halvings: 0, groups, deleted }))
    }

    fn remember_span(&self, question: &Question) {
        if let Some(until) = question.until {
            let span = until.duration_since(question.since);
            self.spans().insert(question.object.as_str().to_ascii_lowercase(), span);
            tracing::info!(object = question.object.as_str(), %span, "a question for changes ran too long; asking for a shorter time");
        }
    }

    /// After an answer the next span is twice as long, and none where the answer was of all time.
    fn widen_span(&self, question: &Question) {
        let key = question.object.as_str().to_ascii_lowercase();
        match question.until {
            Some(until) => self.spans().insert(key, until.duration_since(question.since).saturating_mul(2)),
            None => self.spans().remove(&key),
        };
    }

    fn spans(&self) -> std::sync::MutexGuard<'_, HashMap<String, SignedDuration>> {
        self.spans.lock().expect("nobody panics with the lock held")
    }

    /// As many steps as go into one call.
    fn next_call(&self, steps: &mut VecDeque<Step>) -> Vec<Step> {
        let mut call = Vec::new();
        let mut left = VecDeque::new();
        let mut queries = 0;
        for step in steps.drain(..) {
            let fits = match step {
                Step::Rows { .. } => queries < MAX_QUERIES,
                // The span of time has to end by the org's clock, which every answer tells.
                Step::Deletions { .. } => self.org_time().is_some() || queries == 0,
            };
            if !fits || call.len() == MAX_PARTS {
                left.push_back(step);
                continue;
            }
            queries += usize::from(matches!(step, Step::Rows { .. }));
            call.push(step);
        }
        *steps = left;
        call
    }

    /// Makes one call of these steps. Status and body of each, and the org's time.
    async fn composite(
        &self,
        steps: &[Step],
        questions: &[Result<Question, ConnectorError>],
    ) -> Result<(Vec<(u16, Json)>, Option<Timestamp>), ConnectorError> {
        let now = self.org_time().unwrap_or_default();
        let request = |base: &str| {
            let path = base.find("/services/data").map_or(base, |at| &base[at..]);
            let part = |(number, step): (usize, &Step)| {
                let question = questions[step.question()].as_ref().ok()?;
                let url = format!("{path}{}", question.url(*step, now));
                Some(json!({ "method": "GET", "url": url, "referenceId": format!("part{number}") }))
            };
            let parts: Vec<_> = steps.iter().enumerate().filter_map(part).collect();
            json!({ "allOrNone": false, "compositeRequest": parts })
        };
        let post = |base: &str, _: &_| {
            self.http.post(format!("{base}/composite")).timeout(QUERY_PATIENCE).json(&request(base))
        };
        let answer = self.call(Effect::Reads, post).await?;
        let Composite { composite_response: parts } =
            serde_json::from_slice(&answer.body).map_err(|_| error::unreadable(&answer, Effect::Reads))?;
        if parts.len() != steps.len() {
            return Err(error::unreadable(&answer, Effect::Reads));
        }
        Ok((parts.into_iter().map(|part| (part.http_status_code, part.body)).collect(), answer.date))
    }
}

/// Fields that say of a record that it is gone.
const SAYS_GONE: [&str; 2] = ["IsDeleted", IS_CONVERTED];
const QUERY_TIMEOUT: &str = "QUERY_TIMEOUT";

/// One part of a call.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The next rows of one of a question's groups of fields.
    Rows { question: usize, group: usize },
    /// The org's list of deletions.
    Deletions { question: usize },
}

impl Step {
    fn question(self) -> usize {
        match self {
            Self::Rows { question, .. } | Self::Deletions { question } => question,
        }
    }
}

struct Question {
    object: Identifier,
    schema: std::sync::Arc<ObjectSchema>,
    asked: Vec<String>,
    since: Timestamp,
    /// Rows from this time on are left for the next question.
    until: Option<Timestamp>,
    halvings: u32,
    groups: Vec<Group>,
    /// Ids from the list of deletions.
    deleted: Vec<String>,
}

/// Fields that fit one statement, and what was read of them.
struct Group {
    fields: Vec<Identifier>,
    rows: Vec<Json>,
    /// `SystemModstamp` and id of the last row.
    last: Option<(Timestamp, String)>,
    /// There is more, from this time on.
    more_from: Option<Timestamp>,
}

impl Group {
    fn new(fields: Vec<Identifier>) -> Self {
        Self { fields, rows: Vec::new(), last: None, more_from: None }
    }
}

impl Question {
    fn url(&self, step: Step, now: Timestamp) -> String {
        let group = match step {
            Step::Rows { group, .. } => &self.groups[group],
            Step::Deletions { .. } => {
                let minute = |at: Timestamp| Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at);
                let (start, end) = (minute(self.since.max(now - DELETIONS_BACK)), minute(now));
                // Less than a minute is refused; what is asked for twice does no harm.
                let start = start.min(end - MINUTE * 2);
                let [start, end] = [start, end].map(|at| soql::encoded(&fields::instant_text(at)));
                return format!("/sobjects/{}/deleted?start={start}&end={end}", self.object.as_str());
            }
        };
        let behind = match &group.last {
            None => format!("SystemModstamp >= {}", fields::instant_text(self.since)),
            Some((stamp, id)) => {
                let (stamp, id) = (fields::instant_text(*stamp), soql::quoted(id));
                format!("(SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > {id}))")
            }
        };
        let before = self.until.map(|until| format!(" AND SystemModstamp < {}", fields::instant_text(until)));
        let before = before.unwrap_or_default();
        let names: Vec<_> = group.fields.iter().map(Identifier::as_str).collect();
        let statement = format!(
            "SELECT {} FROM {} WHERE {behind}{before} ORDER BY SystemModstamp, Id",
            names.join(","),
            self.object.as_str()
        );
        format!("/queryAll?q={}", soql::encoded(&statement))
    }

    /// Keeps what a step was answered, and says which step follows.
    fn take_in(&mut self, step: Step, status: u16, body: Json) -> Result<Option<Step>, ConnectorError> {
        let is_success = (200..300).contains(&status);
        let Step::Rows { group, .. } = step else {
            if is_success {
                let Deletions { deleted_records } =
                    serde_json::from_value(body).map_err(|_| unreadable("the list of deletions"))?;
                self.deleted = deleted_records.into_iter().filter_map(|gone| record_id::to_long(&gone.id)).collect();
            } else {
                let error = error::from_part(status, &body);
                if matches!(error.kind, ErrorKind::Transient | ErrorKind::RateLimited | ErrorKind::QuotaExhausted) {
                    return Err(error);
                }
                // Not every object has such a list; the rows say what is in the recycle bin.
                tracing::debug!(object = self.object.as_str(), %error, "no list of deletions");
            }
            return Ok(None);
        };
        if !is_success {
            return Err(error::from_part(status, &body));
        }
        let Rows { done, records } = serde_json::from_value(body).map_err(|_| unreadable("a page of rows"))?;
        let group = &mut self.groups[group];
        if let Some(row) = records.last() {
            let stamp = row["SystemModstamp"].as_str().and_then(fields::parse_instant);
            let id = row["Id"].as_str().and_then(record_id::to_long);
            group.last = Some(stamp.zip(id).ok_or_else(|| unreadable("a row"))?);
        }
        let is_stuck = records.is_empty();
        group.rows.extend(records);
        match &group.last {
            _ if done => Ok(None),
            _ if is_stuck => Err(unreadable("a page without rows")),
            // All rows of the one time that was asked from have to be read at once.
            Some((stamp, _)) if group.rows.len() >= ENOUGH_ROWS && *stamp > self.since => {
                group.more_from = Some(*stamp);
                Ok(None)
            }
            _ => Ok(Some(step)),
        }
    }

    /// Halves the time that is left to a step which ran too long; tells whether it can be asked again.
    fn narrow(&mut self, step: Step, now: Option<Timestamp>) -> bool {
        let Step::Rows { group, .. } = step else { return false };
        let Some(until) = self.until.or(now) else { return false };
        let start = self.groups[group].last.as_ref().map_or(self.since, |(stamp, _)| *stamp);
        let half = until.duration_since(start) / 2;
        if half < SHORTEST_SPAN || self.halvings == MOST_HALVINGS {
            return false;
        }
        self.halvings += 1;
        self.until = start.checked_add(half).ok();
        self.until.is_some()
    }

    fn answer(self) -> Result<ChangedObject, ConnectorError> {
        let asked: Vec<_> = self.asked.iter().map(String::as_str).collect();
        let more_from = self.groups.iter().filter_map(|group| group.more_from).chain(self.until).min();
        let group_count = self.groups.len();
        let mut gone = HashSet::new();
        let mut rows = Vec::new();
        for group in self.groups {
            // A record that changed while its pages were read came more than once.
            let mut newest: HashMap<String, Json> = HashMap::with_capacity(group.rows.len());
            for row in group.rows {
                let id = row["Id"].as_str().and_then(record_id::to_long).ok_or_else(|| unreadable("a row"))?;
                newest.insert(id, row);
            }
            for (id, row) in newest {
                if SAYS_GONE.iter().any(|name| row[*name] == Json::Bool(true)) {
                    gone.insert(id);
                } else {
                    rows.push(row);
                }
            }
        }
        let records = rest::join_groups(rows.into_iter(), group_count, |row| rest::record(row, &self.schema, &asked))?;
        let is_back: HashSet<_> = records.iter().map(|record| record.id.as_str()).collect();
        gone.extend(self.deleted.into_iter().filter(|id| !is_back.contains(id.as_str())));
        let mut gone: Vec<_> = gone.into_iter().collect();
        gone.sort_unstable();
        Ok(ChangedObject { records, gone, more_from })
    }
}

fn unreadable(what: &str) -> ConnectorError {
    let what = format!("{what} in a composite answer is not what Salesforce's documentation says");
    ConnectorError::new(ErrorKind::Transient, "", what)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Composite {
    composite_response: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(default)]
    body: Json,
    http_status_code: u16,
}

#[derive(Deserialize)]
struct Rows {
    done: bool,
    records: Vec<Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deletions {
    deleted_records: Vec<Deletion>,
}

#[derive(Deserialize)]
struct Deletion {
    id: String,
}
