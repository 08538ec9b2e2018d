//! All records of an object, by bulk jobs and by queries: nothing is missed, nothing is told twice, whatever breaks.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use futures::FutureExt;
use syncline_model::{
    Value,
    connector::{Connector, ConnectorError, ErrorKind},
    record::Record,
};
use syncline_org::{BulkSettings as OrgBulk, Fault, FaultRule, OrgOptions, core::FieldValue};

use crate::connected::{self, Connected};

const CREATE: &str = "POST /jobs/query";
const RESULTS: &str = "GET /jobs/query/{id}/results";
const QUERIES: &str = "GET /query";

/// An org with so many contacts, whose results come in pages of so many rows.
async fn org_of(contacts: usize, page_rows: usize) -> Connected {
    let org = syncline_org::start(OrgOptions { keeps_history: false, ..OrgOptions::default() }).await.unwrap();
    let row = |n: usize| {
        let words = ["plain", "said \"no\",\r\n", "\u{e9}\u{1f600}\n\n,", " a\r"][n % 4];
        vec![
            ("LastName", FieldValue::from(format!("N{n:06}"))),
            ("Email", format!("n{n}@acme.example").into()),
            ("Description", format!("{words}{n}").into()),
        ]
    };
    org.handle().lock().load("Contact", (0..contacts).map(row).collect(), 1_309_999_020_000).unwrap();
    let connected = connected::connect_to(org).await;
    connected.org.handle().bulk().set_settings(OrgBulk { page_rows, ..OrgBulk::default() });
    connected
}

fn names() -> Vec<String> {
    ["Email", "Description", "LastName", "MailingAddress", "AccountId"].map(str::to_owned).to_vec()
}

async fn all(connected: &Connected) -> Result<Vec<Record>, ConnectorError> {
    let mut stream = connected.salesforce.read_all("Contact", &names()).await?;
    let mut records = Vec::new();
    while let Some(some) = stream.next().await? {
        assert!(!some.is_empty());
        records.extend(some);
    }
    Ok(records)
}

/// What the org has, each once, compared with what REST says of it.
async fn assert_complete(connected: &Connected, records: &[Record], count: usize) {
    assert_eq!(records.len(), count);
    let by_id: BTreeMap<&str, &Record> = records.iter().map(|record| (record.id.as_str(), record)).collect();
    assert_eq!(by_id.len(), count);
    let ids: Vec<String> = by_id.keys().step_by(7).map(|id| (*id).to_owned()).collect();
    for record in connected.salesforce.read("Contact", &ids, &names()).await.unwrap() {
        let read = by_id[record.id.as_str()];
        for (name, value) in read.values.iter().filter(|(name, _)| names().contains(name)) {
            assert_eq!(record.values.get(name), Some(value), "{name}");
        }
        assert_eq!((read.created_at, read.modstamp), (record.created_at, record.modstamp));
    }
}

fn fault(connected: &Connected, path: &str, skip: u64, times: u64, fault: Fault) {
    let (method, path) = path.split_once(' ').unwrap();
    connected.org.handle().add_fault(FaultRule {
        method: Some(method.to_owned()),
        path: Some(path.to_owned()),
        object: None,
        skip,
        times: Some(times),
        probability: 1.0,
        fault,
    });
}

fn refusal(status: u16, code: &str, message: &str) -> Fault {
    Fault::Answer { status, error_code: Some(code.to_owned()), message: Some(message.to_owned()), after_commit: false }
}

#[tokio::test]
async fn pages_are_read_side_by_side_and_the_job_is_deleted() {
    let connected = org_of(2_345, 300).await;
    let records = all(&connected).await.unwrap();
    assert_complete(&connected, &records, 2_345).await;
    assert_eq!(records[0].values["MailingAddress"], Value::Null);
    assert_eq!(records[0].values.len(), 5);
    // Eight pages, in two lists.
    assert_eq!(connected.calls(RESULTS), 8);
    assert_eq!(connected.calls("GET /jobs/query/{id}/resultPages"), 2);
    assert_eq!(connected.calls("DELETE /jobs/query/{id}"), 1);
}

#[tokio::test]
async fn an_org_without_lists_of_pages_is_read_page_by_page() {
    let connected = org_of(1_000, 300).await;
    let unknown = refusal(404, "NOT_FOUND", "The requested resource does not exist");
    fault(&connected, "GET /jobs/query/{id}/resultPages", 0, 1, unknown);
    assert_complete(&connected, &all(&connected).await.unwrap(), 1_000).await;
    assert_eq!(connected.calls(RESULTS), 4);
}

#[tokio::test]
async fn nothing_to_read_is_an_end_like_any_other() {
    let connected = org_of(0, 300).await;
    assert!(all(&connected).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_page_that_breaks_off_goes_on_where_it_was() {
    let connected = org_of(4_000, 2_500).await;
    fault(&connected, RESULTS, 0, 3, Fault::TruncateBody);
    fault(&connected, RESULTS, 3, 1, Fault::CutConnection);
    fault(&connected, RESULTS, 0, 1, refusal(503, "SERVER_UNAVAILABLE", "later"));
    fault(&connected, "GET /jobs/query/{id}", 0, 2, Fault::LoseAnswer);
    assert_complete(&connected, &all(&connected).await.unwrap(), 4_000).await;
    assert_eq!(connected.calls(CREATE), 1);
    assert!(connected.calls(RESULTS) >= 6);
}

#[tokio::test]
async fn what_a_streamed_answer_tells_of_the_days_calls_is_taken_in() {
    let connected = org_of(20_000, 50_000).await;
    connected.salesforce.describe("Contact").await.unwrap();
    let before = connected.salesforce.report();
    // Nobody takes the records, so the page is still being read when it has told.
    let stream = connected.salesforce.read_all("Contact", &names()).await.unwrap();
    until("the page has begun", || {
        let report = connected.salesforce.report();
        let told = report.usage.unwrap().used - before.usage.unwrap().used;
        (connected.calls(RESULTS) == 1 && told == made_by(&connected) - 1).then_some(())
    })
    .await;
    drop(stream);
    until_no_job_is_left(&connected).await;

    // A page that is refused for the day's calls says that they are spent; the calls behind it are lost, and say nothing.
    fault(&connected, RESULTS, 0, 1, refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
    for method in ["PATCH", "DELETE"] {
        fault(&connected, &format!("{method} /jobs/query/{{id}}"), 0, 99, Fault::CutConnection);
    }
    assert_eq!(all(&connected).await.unwrap_err().kind, ErrorKind::QuotaExhausted);
    let usage = connected.salesforce.report().usage.unwrap();
    assert!(usage.used >= usage.limit, "{usage:?}");
}

/// Calls that the org counts, of those that were made since it was connected.
fn made_by(connected: &Connected) -> u64 {
    let counts = connected.org.handle().ledger().report().counts;
    counts.iter().filter(|(name, _)| *name != "GET /services/data").map(|(_, count)| count).sum()
}

async fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = tokio::time::Instant::now();
    loop {
        if let Some(met) = condition() {
            return met;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_session_that_ends_on_the_way_is_renewed() {
    let connected = org_of(1_000, 300).await;
    fault(&connected, RESULTS, 1, 1, Fault::ExpireSession);
    assert_complete(&connected, &all(&connected).await.unwrap(), 1_000).await;
}

#[tokio::test]
async fn a_job_that_got_lost_is_asked_anew() {
    let connected = org_of(1_000, 300).await;
    fault(&connected, RESULTS, 1, 1, refusal(404, "NOT_FOUND", "The requested resource does not exist"));
    let records = all(&connected).await.unwrap();
    // What was given before the job was lost comes again.
    let ids: HashSet<_> = records.iter().map(|record| &record.id).collect();
    assert_eq!(ids.len(), 1_000);
    assert_eq!(connected.calls(CREATE), 2);
}

#[tokio::test]
async fn a_job_that_stays_lost_is_an_error_and_never_a_short_read() {
    let connected = org_of(1_000, 300).await;
    fault(&connected, RESULTS, 1, 99, refusal(404, "NOT_FOUND", "The requested resource does not exist"));
    assert_eq!(all(&connected).await.unwrap_err().kind, ErrorKind::Transient);
    assert_eq!(connected.calls(CREATE), 3);
}

#[tokio::test]
async fn where_no_bulk_job_is_to_be_had_queries_read_all() {
    let unsupported = refusal(400, "INVALIDENTITY", "Entity 'Contact' is not supported by the Bulk API.");
    let disabled = refusal(403, "FUNCTIONALITY_NOT_ENABLED", "AsyncApi not enabled");
    for no in [unsupported, disabled] {
        let connected = org_of(4_100, 300).await;
        fault(&connected, CREATE, 0, 1, no);
        assert_complete(&connected, &all(&connected).await.unwrap(), 4_100).await;
        assert_eq!((connected.calls(CREATE), connected.calls(RESULTS)), (1, 0));
        // Two thousand a call; [`assert_complete`] makes the others.
        assert!(connected.calls(QUERIES) >= 3);
    }
}

#[tokio::test]
async fn the_days_query_jobs_may_be_used_up_and_a_job_may_fail() {
    let connected = org_of(500, 300).await;
    let settings = OrgBulk { query_jobs_max: 1, fail_after_rows: Some(100), ..OrgBulk::default() };
    connected.org.handle().bulk().set_settings(settings);
    assert_complete(&connected, &all(&connected).await.unwrap(), 500).await;
    assert_complete(&connected, &all(&connected).await.unwrap(), 500).await;
    assert_eq!((connected.calls(CREATE), connected.calls(RESULTS)), (2, 0));
}

#[tokio::test]
async fn a_job_that_does_not_end_is_stopped_and_told() {
    let connected = org_of(10, 300).await;
    connected.org.handle().bulk().set_settings(OrgBulk { state_ms_min: 60_000, ..OrgBulk::default() });
    let mut settings = connected::settings(&connected.org);
    settings.bulk.patience = Duration::from_millis(50);
    let salesforce = connected.again(&settings);
    let error = salesforce.read_all("Contact", &names()).await.unwrap().next().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert_eq!(connected.calls("PATCH /jobs/query/{id}"), 1);
    assert_eq!(connected.calls("DELETE /jobs/query/{id}"), 1);
}

/// The org's jobs that are not deleted.
async fn jobs(connected: &Connected) -> usize {
    let list = connected.send(reqwest::Method::GET, "/jobs/query", serde_json::json!({})).await;
    list["records"].as_array().unwrap().len()
}

async fn until_no_job_is_left(connected: &Connected) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while jobs(connected).await > 0 {
        assert!(tokio::time::Instant::now() < deadline, "a job was left in the org");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn who_has_enough_leaves_no_job_behind() {
    // While its results are read.
    let connected = org_of(20_000, 5_000).await;
    let mut stream = connected.salesforce.read_all("Contact", &names()).await.unwrap();
    assert!(stream.next().await.unwrap().is_some());
    assert_eq!(jobs(&connected).await, 1);
    // That a call fails for a moment does not keep it there.
    fault(&connected, "DELETE /jobs/query/{id}", 0, 1, refusal(503, "SERVER_UNAVAILABLE", "later"));
    drop(stream);
    until_no_job_is_left(&connected).await;

    // While the org works on it.
    connected.org.handle().bulk().set_settings(OrgBulk { state_ms_min: 60_000, ..OrgBulk::default() });
    let stream = connected.salesforce.read_all("Contact", &names()).await.unwrap();
    until("the job is made", || (connected.calls("GET /jobs/query/{id}") > 1).then_some(())).await;
    drop(stream);
    until_no_job_is_left(&connected).await;

    // While it is being made.
    fault(&connected, CREATE, 0, 1, Fault::Delay { ms: 200, after_commit: true });
    let before = connected.calls(CREATE);
    let stream = connected.salesforce.read_all("Contact", &names()).await.unwrap();
    until("the job is asked for", || (connected.calls(CREATE) > before).then_some(())).await;
    drop(stream);
    let deleted = connected.calls("DELETE /jobs/query/{id}");
    until("the job is deleted", || (connected.calls("DELETE /jobs/query/{id}") > deleted).then_some(())).await;
    until_no_job_is_left(&connected).await;
}

#[tokio::test]
async fn reading_that_fails_leaves_no_job_behind() {
    let connected = org_of(1_000, 300).await;
    for (times, why) in
        [(99, refusal(503, "SERVER_UNAVAILABLE", "later")), (1, refusal(403, "API_DISABLED_FOR_ORG", "no"))]
    {
        fault(&connected, RESULTS, 1, times, why);
        all(&connected).await.unwrap_err();
        assert_eq!(jobs(&connected).await, 0);
    }
}

#[tokio::test]
async fn a_closed_connection_ends_the_reading_and_calls_no_more() {
    let connected = org_of(20_000, 5_000).await;
    let mut stream = connected.salesforce.read_all("Contact", &names()).await.unwrap();
    assert!(stream.next().await.unwrap().is_some());
    connected.salesforce.close().await;
    let total = connected.org.handle().ledger().report().total;
    let end = loop {
        match stream.next().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(end.unwrap_err().message.contains("closed"));
    drop(stream);
    assert_eq!(connected.org.handle().ledger().report().total, total);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_allowed_are_told() {
    let connected = org_of(10, 300).await;
    let error = connected.salesforce.read_all("Contact", &["Nonsense__c".to_owned()]).await.unwrap().next().await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::SchemaChanged);
    assert!(connected.salesforce.read_all("Nonsense", &[]).await.is_err());
    fault(&connected, CREATE, 0, 1, refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
    assert_eq!(all(&connected).await.unwrap_err().kind, ErrorKind::QuotaExhausted);
}

#[tokio::test]
async fn few_records_wait_in_memory_however_many_there_are() {
    let connected = org_of(20_000, 5_000).await;
    let mut stream = connected.salesforce.read_all("Contact", &names()).await.unwrap();
    let (mut count, mut at_once, mut most_at_once) = (0, 0, 0);
    loop {
        let ready = stream.next().now_or_never();
        let some = match ready {
            Some(some) => some.unwrap(),
            None => {
                // A slow consumer: whoever reads has all the time to pile records up.
                most_at_once = most_at_once.max(std::mem::take(&mut at_once));
                for _ in 0..1_000 {
                    tokio::task::yield_now().await;
                }
                continue;
            }
        };
        let Some(some) = some else { break };
        at_once += some.len();
        count += some.len();
    }
    assert_eq!(count, 20_000);
    assert!(most_at_once.max(at_once) <= 2_500, "{most_at_once}");
}
