//! Asking for what changed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use syncline_model::connector::{ChangedObject, ChangedSince, Connector, ErrorKind, Since};
use syncline_org::{
    Fault, FaultRule, Faults,
    core::{Write, WriteContext},
};

use crate::connected::{self, Connected};

const POLLS: &str = "POST /composite";

fn since(object: &str, fields: &[&str], since: Timestamp) -> Since {
    let fields = fields.iter().map(|name| (*name).to_owned()).collect();
    Since { object: object.to_owned(), fields, since, with_deletions: false }
}

fn org_time(connected: &Connected) -> Timestamp {
    Timestamp::from_millisecond(connected.org.handle().now_ms()).unwrap()
}

fn answer(changed: &ChangedSince, index: usize) -> &ChangedObject {
    changed.objects[index].as_ref().unwrap()
}

/// Makes so many contacts in one transaction, which gives all of them the same time.
fn contacts(connected: &Connected, count: usize) -> Vec<String> {
    let handle = connected.org.handle();
    let user_id = handle.lock().admin_user_id().to_owned();
    let context = WriteContext { user_id, change_origin: String::new(), now_ms: handle.now_ms() };
    let values = |n: usize| json!({"LastName": format!("L{n}")}).as_object().unwrap().clone();
    let writes = (0..count).map(|n| Write::Create { object: "Contact".to_owned(), values: values(n) }).collect();
    handle.commit(&context, true, writes).into_iter().map(|made| made.unwrap().id).collect()
}

async fn tick(connected: &Connected, past: Timestamp) {
    while org_time(connected) <= past + SignedDuration::from_secs(1) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_changed_came_and_went_is_told_of_all_objects_in_one_call() {
    let connected = connected::connect().await;
    let begun = org_time(&connected);
    let kept = connected.contact("kept@example.com");
    let gone = connected.contact("gone@example.com");
    let account = connected.create("Account", json!({"Name": "Acme"}));
    connected.commit(Write::Delete { object: None, id: gone.clone() });
    for object in ["Contact", "Account", "User"] {
        connected.salesforce.describe(object).await.unwrap();
    }
    let asked = [
        Since { with_deletions: true, ..since("Contact", &["Email", "Title"], begun) },
        since("Nonsense__c", &[], begun),
        Since { with_deletions: true, ..since("Account", &["Name", "NotYetVisible__c"], begun) },
        // Has no recycle bin, and no list of deletions.
        Since { with_deletions: true, ..since("User", &["Username"], begun) },
    ];
    let changed = connected.salesforce.changed_since(&asked).await.unwrap();
    assert_eq!(connected.calls(POLLS), 1);
    let told = answer(&changed, 0);
    assert_eq!(told.records.len(), 1);
    assert_eq!((told.records[0].id.as_str(), &told.records[0].values["Email"]), (&*kept, &"kept@example.com".into()));
    assert_eq!((&told.gone, told.more_from), (&vec![gone], None));
    assert_eq!(changed.objects[1].as_ref().unwrap_err().kind, ErrorKind::SchemaChanged);
    let told = answer(&changed, 2);
    assert_eq!((told.records[0].id.as_str(), &told.records[0].values["Name"]), (&*account, &"Acme".into()));
    assert!(!told.records[0].values.contains_key("NotYetVisible__c"));
    assert!(answer(&changed, 3).gone.is_empty());

    // Nothing is told twice but what falls into the overlap that the caller chooses.
    tick(&connected, changed.asked_at).await;
    let later = org_time(&connected);
    connected.edit(&kept, json!({"Title": "Boss"}));
    let changed = connected.salesforce.changed_since(&[since("Contact", &["Title"], later)]).await.unwrap();
    assert_eq!(answer(&changed, 0).records.len(), 1);
    assert_eq!(answer(&changed, 0).records[0].values["Title"], "Boss".into());
    assert!(changed.asked_at >= begun && changed.asked_at <= org_time(&connected));
}

#[tokio::test]
async fn many_records_of_one_time_are_each_told_once() {
    let connected = connected::connect().await;
    let begun = org_time(&connected);
    let mut made = contacts(&connected, 4_500);
    let changed = connected.salesforce.changed_since(&[since("Contact", &["LastName"], begun)]).await.unwrap();
    let mut told: Vec<_> = answer(&changed, 0).records.iter().map(|record| record.id.clone()).collect();
    made.sort();
    told.sort();
    assert_eq!(told, made);
    assert_eq!(connected.calls(POLLS), 3);
}

#[tokio::test]
async fn more_than_is_good_for_one_answer_is_told_in_several() {
    let connected = connected::connect().await;
    let mut from = org_time(&connected);
    let mut made = contacts(&connected, 10_500);
    tick(&connected, from).await;
    made.extend(contacts(&connected, 2_500));
    let mut told = Vec::new();
    let mut answers = 0;
    loop {
        let changed = connected.salesforce.changed_since(&[since("Contact", &[], from)]).await.unwrap();
        let answer = answer(&changed, 0);
        told.extend(answer.records.iter().map(|record| record.id.clone()));
        answers += 1;
        let Some(more) = answer.more_from else { break };
        assert!(more > from);
        from = more;
    }
    assert!(answers > 1);
    told.sort();
    told.dedup();
    made.sort();
    assert_eq!(told, made);
}

/// What a caller does: asks on from where the last answer ended, and again where it failed for the moment.
async fn told_from(connected: &Connected, mut from: Timestamp) -> (Vec<String>, Vec<Timestamp>) {
    let (mut told, mut marks, mut failures) = (Vec::new(), Vec::new(), 0);
    loop {
        let changed = connected.salesforce.changed_since(&[since("Contact", &["LastName"], from)]).await.unwrap();
        match &changed.objects[0] {
            Ok(answer) => {
                told.extend(answer.records.iter().map(|record| record.id.clone()));
                let Some(more) = answer.more_from else { return (told, marks) };
                assert!(more > from && more < changed.asked_at, "{from} {more}");
                marks.push(more);
                from = more;
            }
            Err(error) => {
                assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Transient, "QUERY_TIMEOUT"));
                assert!(error.advice.unwrap().remedy.contains("shorter spans"));
                failures += 1;
                assert!(failures < 20, "no span was short enough");
            }
        }
    }
}

#[tokio::test]
async fn a_question_that_runs_too_long_is_asked_in_halves_and_nothing_is_passed() {
    let connected = connected::connect().await;
    let handle = connected.org.handle().clone();
    // A day's changes, most of them in an hour that lies hours ago.
    let now_ms = handle.now_ms();
    let at = |n: i64| now_ms - 24 * 3_600_000 + if n < 400 { 10 * 3_600_000 + n * 9_000 } else { (n - 400) * 800_000 };
    let mut made: Vec<String> = Vec::new();
    for n in 0..500 {
        let row = vec![("LastName", syncline_org::core::FieldValue::from(format!("L{n}")))];
        made.extend(handle.lock().load("Contact", vec![row], at(n)).unwrap());
    }
    let from = Timestamp::from_millisecond(now_ms - 24 * 3_600_000 - 1).unwrap();
    handle.lock().set_query_rows_max(Some(60));
    let (mut told, marks) = told_from(&connected, from).await;
    let calls = connected.calls(POLLS);
    told.sort();
    made.sort();
    assert_eq!(told, made, "each is told, and once");
    assert!(marks.len() > 8, "{marks:?}");
    assert!(calls < 60, "{calls} calls");
    // The spans grow again where little changed.
    let spans: Vec<_> = marks.windows(2).map(|pair| pair[1].duration_since(pair[0])).collect();
    assert!(
        spans.windows(2).any(|pair| pair[1] > pair[0]) && spans.windows(2).any(|pair| pair[1] < pair[0]),
        "{spans:?}"
    );

    // Once a question is about little, it is asked at once.
    let last = *marks.last().unwrap();
    let before = connected.calls(POLLS);
    told_from(&connected, last).await;
    told_from(&connected, org_time(&connected)).await;
    assert_eq!(connected.calls(POLLS), before + 2);
}

#[tokio::test]
async fn what_can_not_be_asked_for_in_halves_is_told_and_holds_up_no_other() {
    let connected = connected::connect().await;
    let begun = org_time(&connected);
    let mut made = contacts(&connected, 50);
    let account = connected.create("Account", json!({"Name": "Acme"}));
    connected.org.handle().lock().set_query_rows_max(Some(20));
    let asked = [since("Contact", &[], begun), since("Account", &["Name"], begun)];
    for _ in 0..2 {
        let changed = connected.salesforce.changed_since(&asked).await.unwrap();
        assert_eq!(changed.objects[0].as_ref().unwrap_err().code, "QUERY_TIMEOUT");
        assert_eq!(answer(&changed, 1).records[0].id, account);
    }
    connected.org.handle().lock().set_query_rows_max(None);
    let (mut told, _) = told_from(&connected, begun).await;
    told.sort();
    made.sort();
    assert_eq!(told, made);
}

#[tokio::test]
async fn a_wide_read_comes_in_parts_that_are_joined() {
    let connected = connected::connect().await;
    let names: Vec<_> = (0..200).map(|n| format!("a_rather_long_name_of_a_field_{n}__c")).collect();
    connected.org.handle().change(|org| {
        for name in &names {
            let metadata = json!({"type": "Text", "label": name.trim_end_matches("__c"), "length": 20});
            org.create_field(&format!("Contact.{name}"), &metadata, begun_ms()).unwrap();
        }
    });
    connected.grant_fields("Contact", &names);
    let begun = org_time(&connected);
    let id = connected.create("Contact", json!({"LastName": "Ek", &names[0]: "first", &names[199]: "last"}));
    let gone = connected.contact("gone@example.com");
    connected.commit(Write::Delete { object: None, id: gone.clone() });
    let fields: Vec<_> = names.iter().map(String::as_str).collect();
    let changed = connected.salesforce.changed_since(&[since("Contact", &fields, begun)]).await.unwrap();
    let told = answer(&changed, 0);
    assert_eq!((told.records.len(), &told.gone), (1, &vec![gone]));
    assert_eq!(told.records[0].id, id);
    assert_eq!(told.records[0].values.len(), 200);
    assert_eq!(told.records[0].values[&names[199]], "last".into());
    assert_eq!(connected.calls(POLLS), 1);
}

fn begun_ms() -> i64 {
    1_700_000_000_000
}

#[tokio::test]
async fn the_time_is_the_orgs_own() {
    let connected = connected::connect().await;
    let hours = |hours: i64| hours * 3_600_000;
    for skew_ms in [hours(-3), hours(3)] {
        connected.org.handle().set_faults(Faults { clock_skew_ms: skew_ms, ..Faults::default() });
        let begun = org_time(&connected);
        connected.contact("a@example.com");
        let asked = Since { with_deletions: true, ..since("Contact", &[], begun) };
        let changed = connected.salesforce.changed_since(&[asked]).await.unwrap();
        assert_eq!(answer(&changed, 0).records.len(), 1);
        let now = org_time(&connected);
        assert!(changed.asked_at <= now && changed.asked_at > now - SignedDuration::from_mins(1), "{skew_ms}");
    }
}

#[tokio::test]
async fn a_refused_question_is_the_objects_own_trouble_and_a_refused_call_is_everybodys() {
    let connected = connected::connect().await;
    let begun = org_time(&connected);
    let fields = ["Email"];
    connected.salesforce.changed_since(&[since("Contact", &fields, begun)]).await.unwrap();
    let fault = Fault::Answer { status: 503, error_code: None, message: None, after_commit: false };
    let rule = FaultRule {
        method: None,
        path: Some("/composite".to_owned()),
        object: None,
        skip: 0,
        times: Some(1),
        probability: 1.0,
        fault,
    };
    connected.org.handle().add_fault(rule);
    let error = connected.salesforce.changed_since(&[since("Contact", &fields, begun)]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);

    // A name that is none never gets into a statement.
    let asked = [since("Contact WHERE Id != null", &[], begun), since("Contact", &["Id FROM User--"], begun)];
    let changed = connected.salesforce.changed_since(&asked).await.unwrap();
    assert_eq!(changed.objects[0].as_ref().unwrap_err().kind, ErrorKind::Misconfigured);
    assert!(answer(&changed, 1).records.is_empty());
}

#[tokio::test]
async fn every_call_is_counted_once_and_a_report_begins_anew() {
    let connected = connected::connect().await;
    connected.salesforce.report();
    connected.org.handle().ledger().reset();
    connected.salesforce.describe("Contact").await.unwrap();
    connected.end_sessions();
    connected.salesforce.find("Contact", "Email", &["a@example.com".to_owned()], &[]).await.unwrap();
    let counts = connected.org.handle().ledger().report().counts;
    // The token and the list of versions cost the org's allowance nothing.
    let free = ["POST /services/oauth2/token", "GET /services/data"];
    let called: u64 = counts.iter().filter(|(name, _)| !free.contains(&name.as_str())).map(|(_, count)| count).sum();
    let report = connected.salesforce.report();
    assert_eq!((report.calls, called), (3, 3), "{counts:?}");
    assert!(report.usage.is_some());
    assert_eq!(connected.salesforce.report().calls, 0);
}

#[tokio::test]
async fn a_description_that_did_not_change_is_not_sent_again_and_one_that_did_is_noticed() {
    let connected = connected::connect().await;
    let first = connected.salesforce.describe("Contact").await.unwrap();
    assert_eq!(connected.salesforce.describe("Contact").await.unwrap(), first);
    let path = "/sobjects/{object}/describe";
    assert_eq!(connected.statuses("GET", path), [200, 304]);
    connected.org.handle().change(|org| {
        let metadata = json!({"type": "Text", "label": "Plan", "length": 20});
        org.create_field("Contact.Plan__c", &metadata, begun_ms()).unwrap();
    });
    connected.grant_fields("Contact", &["Plan__c".to_owned()]);
    let changed = connected.salesforce.describe("Contact").await.unwrap();
    assert!(changed.field("Plan__c").is_some());
    assert_eq!(connected.statuses("GET", path), [200, 304, 200]);
}
