//! Many updates by ingest jobs: each record gets its own outcome, whatever becomes of the job.

use std::time::Duration;

use syncline_model::{
    Value,
    connector::{Connector, ErrorKind, RecordWrite, WriteOutcome},
};
use syncline_org::{
    BulkSettings as OrgBulk, Fault, FaultRule, OrgOptions, RowCode,
    core::{FieldValue, Write},
};

use crate::connected::{self, Connected};

const CREATE: &str = "POST /jobs/ingest";
const COLLECTIONS: &str = "PATCH /composite/sobjects";

/// An org with so many contacts, and their ids.
async fn org_of(contacts: usize) -> (Connected, Vec<String>) {
    let org = syncline_org::start(OrgOptions { keeps_history: false, ..OrgOptions::default() }).await.unwrap();
    let row = |n: usize| vec![("LastName", FieldValue::from(format!("N{n:06}"))), ("Title", "Old".into())];
    org.handle().lock().load("Contact", (0..contacts).map(row).collect(), 1_309_999_020_000).unwrap();
    let connected = connected::connect_to(org).await;
    let mut stream = connected.salesforce.read_all("Contact", &[]).await.unwrap();
    let mut ids = Vec::new();
    while let Some(some) = stream.next().await.unwrap() {
        ids.extend(some.into_iter().map(|record| record.id));
    }
    connected.org.handle().ledger().reset();
    (connected, ids)
}

fn write(id: &str, values: &[(&str, Value)]) -> RecordWrite {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    RecordWrite { object: "Contact".to_owned(), id: id.to_owned(), values }
}

fn titles(ids: &[String], title: &str) -> Vec<RecordWrite> {
    ids.iter().map(|id| write(id, &[("Title", title.into())])).collect()
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

fn refusal(status: u16, code: &str) -> Fault {
    Fault::Answer { status, error_code: Some(code.to_owned()), message: None, after_commit: false }
}

fn kinds(outcomes: &[WriteOutcome]) -> Vec<Option<ErrorKind>> {
    outcomes.iter().map(|outcome| outcome.as_ref().err().map(|error| error.kind)).collect()
}

/// How many contacts have the title, by the org itself.
async fn titled(connected: &Connected, ids: &[String], title: &str) -> usize {
    let records = connected.salesforce.read("Contact", ids, &["Title".to_owned()]).await.unwrap();
    records.iter().filter(|record| record.values["Title"] == Value::from(title)).count()
}

#[tokio::test]
async fn thousands_of_rows_take_a_handful_of_calls() {
    let (connected, ids) = org_of(3_000).await;
    assert!(connected.salesforce.many_writes().contains(&ids.len()));
    let outcomes = connected.salesforce.write_many(&titles(&ids, "New")).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    // Besides the questions how far it is, which grow with the time that it takes.
    let calls = connected.org.handle().ledger().report().total - connected.calls("GET /jobs/ingest/{id}");
    assert!(calls <= 8, "{calls}");
    assert_eq!((connected.calls(CREATE), connected.calls(COLLECTIONS)), (1, 0));
    assert_eq!(connected.calls("DELETE /jobs/ingest/{id}"), 1);
    assert_eq!(titled(&connected, &ids, "New").await, 3_000);
}

#[tokio::test]
async fn each_row_says_what_it_says_and_nothing_else() {
    let (connected, ids) = org_of(6).await;
    let tricky = "a \"b\", c\r\nd\n\u{e9}";
    let writes = [
        write(&ids[0], &[("Title", Value::Null), ("DoNotCall", Value::Boolean(true))]),
        write(&ids[1], &[("Title", "#N/A".into())]),
        write(&ids[2], &[("Description", tricky.into())]),
        write(&ids[3], &[("Birthdate", Value::DateTime("1990-02-03T00:00:00Z".parse().unwrap()))]),
        write(&ids[3], &[("Title", "Twice".into())]),
        write("003000000000001", &[("Title", "Nobody".into())]),
        write("nonsense", &[("Title", "Nobody".into())]),
        write(&ids[4], &[("CreatedDate", Value::Null)]),
        write(&ids[5], &[("Description", Value::text("x".repeat(31_999)))]),
    ];
    let outcomes = connected.salesforce.write_many(&writes).await.unwrap();
    let expected = [
        None,
        None,
        None,
        None,
        None,
        Some(ErrorKind::RecordGone),
        Some(ErrorKind::RecordRejected),
        Some(ErrorKind::SchemaChanged),
        None,
    ];
    assert_eq!(kinds(&outcomes), expected, "{outcomes:?}");
    // What CSV can not say, and the second write to a record, go by a call of their own.
    assert_eq!((connected.calls(CREATE), connected.calls(COLLECTIONS)), (1, 1));

    let fields = ["Title", "DoNotCall", "Description", "Birthdate"].map(str::to_owned);
    let records = connected.salesforce.read("Contact", &ids, &fields).await.unwrap();
    let of = |id: &str| &records.iter().find(|record| record.id == id).unwrap().values;
    assert_eq!((&of(&ids[0])["Title"], &of(&ids[0])["DoNotCall"]), (&Value::Null, &Value::Boolean(true)));
    assert_eq!(of(&ids[1])["Title"], "#N/A".into());
    assert_eq!((&of(&ids[2])["Description"], &of(&ids[2])["Title"]), (&tricky.into(), &"Old".into()));
    assert_eq!(of(&ids[3])["Title"], "Twice".into());
    assert_eq!(of(&ids[3])["Birthdate"], Value::DateTime("1990-02-03T00:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_refused_row_is_told_with_its_fields_and_holds_up_no_other() {
    let (connected, ids) = org_of(400).await;
    let mut writes = titles(&ids, "New");
    writes[7].values.insert("Email".to_owned(), "no address".into());
    connected.commit(Write::Delete { object: None, id: ids[9].clone() });
    let rule = Fault::RowError { status_code: RowCode::UnableToLockRow, message: None };
    fault(&connected, "PATCH /jobs/ingest/{id}", 11, 1, rule);
    let outcomes = connected.salesforce.write_many(&writes).await.unwrap();
    let error = outcomes[7].as_ref().unwrap_err();
    assert_eq!((error.kind, error.fields.as_slice()), (ErrorKind::FieldRejected, &["Email".to_owned()][..]));
    assert_eq!(outcomes[9].as_ref().unwrap_err().kind, ErrorKind::RecordGone);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 3);
    let locked =
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).find(|error| error.code == "UNABLE_TO_LOCK_ROW");
    assert_eq!(locked.unwrap().kind, ErrorKind::Transient);
    assert_eq!(titled(&connected, &ids, "New").await, 397);
}

#[tokio::test]
async fn what_a_failed_job_did_not_come_to_goes_by_calls() {
    let (connected, ids) = org_of(1_000).await;
    connected.org.handle().bulk().set_settings(OrgBulk { fail_after_rows: Some(600), ..OrgBulk::default() });
    let outcomes = connected.salesforce.write_many(&titles(&ids, "New")).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(connected.calls(COLLECTIONS), 2);
    assert_eq!(titled(&connected, &ids, "New").await, 1_000);
}

#[tokio::test]
async fn what_an_aborted_job_did_not_come_to_is_to_be_tried_again() {
    let (connected, ids) = org_of(500).await;
    connected.org.handle().bulk().set_settings(OrgBulk { state_ms_min: 60_000, ..OrgBulk::default() });
    let mut settings = connected::settings(&connected.org);
    settings.bulk.patience = Duration::from_millis(50);
    let outcomes = connected.again(&settings).write_many(&titles(&ids, "New")).await.unwrap();
    assert!(kinds(&outcomes).iter().all(|kind| *kind == Some(ErrorKind::Transient)));
    assert_eq!(titled(&connected, &ids, "New").await, 0);
}

#[tokio::test]
async fn where_no_bulk_job_is_to_be_had_calls_write_all() {
    for (path, no) in [
        (CREATE, refusal(400, "INVALIDENTITY")),
        (CREATE, refusal(403, "FUNCTIONALITY_NOT_ENABLED")),
        ("PUT /jobs/ingest/{id}/batches", refusal(400, "BULK_API_ERROR")),
    ] {
        let (connected, ids) = org_of(450).await;
        fault(&connected, path, 0, 1, no);
        let outcomes = connected.salesforce.write_many(&titles(&ids, "New")).await.unwrap();
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(connected.calls(COLLECTIONS), 3);
        assert_eq!(titled(&connected, &ids, "New").await, 450);
    }
    let (connected, ids) = org_of(450).await;
    connected.org.handle().bulk().set_settings(OrgBulk { batches_max: 0, ..OrgBulk::default() });
    assert!(connected.salesforce.write_many(&titles(&ids, "New")).await.unwrap().iter().all(Result::is_ok));
    assert_eq!(titled(&connected, &ids, "New").await, 450);
}

#[tokio::test]
async fn lost_answers_do_not_lose_the_job() {
    let (connected, ids) = org_of(450).await;
    fault(&connected, "PATCH /jobs/ingest/{id}", 0, 1, Fault::LoseAnswer);
    fault(&connected, "GET /jobs/ingest/{id}", 0, 2, Fault::LoseAnswer);
    fault(&connected, "GET /jobs/ingest/{id}/successfulResults", 0, 2, Fault::TruncateBody);
    fault(&connected, "GET /jobs/ingest/{id}/unprocessedrecords", 0, 1, Fault::CutConnection);
    let outcomes = connected.salesforce.write_many(&titles(&ids, "New")).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!((connected.calls(CREATE), connected.calls(COLLECTIONS)), (1, 0));

    fault(&connected, "PATCH /jobs/ingest/{id}", 0, 1, Fault::CutConnection);
    assert!(connected.salesforce.write_many(&titles(&ids, "Newer")).await.unwrap().iter().all(Result::is_ok));
    assert_eq!(titled(&connected, &ids, "Newer").await, 450);
}

#[tokio::test]
async fn an_end_that_can_not_be_learned_is_an_unknown_outcome() {
    let (connected, ids) = org_of(450).await;
    fault(&connected, "GET /jobs/ingest/{id}", 0, 99, Fault::CutConnection);
    let error = connected.salesforce.write_many(&titles(&ids, "New")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::UnknownOutcome);

    let (connected, ids) = org_of(450).await;
    fault(&connected, "GET /jobs/ingest/{id}/successfulResults", 0, 99, Fault::CutConnection);
    let outcomes = connected.salesforce.write_many(&titles(&ids, "New")).await.unwrap();
    assert!(kinds(&outcomes).iter().all(|kind| *kind == Some(ErrorKind::UnknownOutcome)));
}

#[tokio::test]
async fn an_upload_that_is_lost_wrote_nothing() {
    let (connected, ids) = org_of(450).await;
    fault(&connected, "PUT /jobs/ingest/{id}/batches", 0, 1, Fault::LoseAnswer);
    let error = connected.salesforce.write_many(&titles(&ids, "New")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert_eq!(titled(&connected, &ids, "New").await, 0);
    assert_eq!(connected.calls("DELETE /jobs/ingest/{id}"), 1);
}
