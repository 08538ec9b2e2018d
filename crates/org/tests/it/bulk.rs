//! Bulk API 2.0: what query jobs find and how it is paged, states, quotas, and who may not ask what.

use std::time::{Duration, Instant};

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use syncline_org::core::{FieldSchema, FieldValue};
use syncline_org::{BulkSettings, RunningOrg};

use crate::web::{Web, read};

/// Longest wait for a job.
const PATIENCE: Duration = Duration::from_secs(30);

/// A job as it is when its state is one of these.
pub(crate) async fn until(web: &Web, path: &str, states: &[&str]) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, job) = web.get(path).await;
        assert_eq!(status, StatusCode::OK, "{job}");
        if states.iter().any(|state| job["state"] == *state) {
            return job;
        }
        assert!(Instant::now() < deadline, "still {job}");
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn text(web: &Web, path: &str) -> String {
    let response = web.call(Method::GET, path, None).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.expect("a body")
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers()[name].to_str().expect("a header of text")
}

/// Makes a query job and gives its path.
async fn ask(web: &Web, body: Value) -> String {
    let (status, job) = web.send(Method::POST, "/jobs/query", body).await;
    assert_eq!(status, StatusCode::OK, "{job}");
    format!("/jobs/query/{}", job["id"].as_str().expect("an id"))
}

async fn found(web: &Web, statement: &str) -> String {
    let path = ask(web, json!({ "operation": "query", "query": statement })).await;
    until(web, &path, &["JobComplete"]).await;
    text(web, &format!("{path}/results")).await
}

fn load(org: &RunningOrg, contacts: usize) {
    let mut state = org.handle().lock();
    let row = |n: usize| {
        let words = if n.is_multiple_of(3) { "said \"no\",\n" } else { "plain" };
        vec![("LastName", FieldValue::from(format!("N{n:06}"))), ("Description", format!("{words} {n}").into())]
    };
    state.load("Contact", (0..contacts).map(row).collect(), 1_309_999_020_000).expect("the rows are fine");
}

#[tokio::test]
async fn a_query_job_tells_of_itself_and_gives_csv() {
    let web = Web::start().await;
    let account =
        web.create("Account", json!({ "Name": "Acme", "AnnualRevenue": 1250000, "NumberOfEmployees": 7 })).await;
    web.create("Contact", json!({ "LastName": "A \"B\", C", "AccountId": account, "Birthdate": "1999-12-31" })).await;
    web.create("Contact", json!({ "LastName": "Last" })).await;
    let statement = "SELECT lastname, Account.Name, Account.AnnualRevenue, Account.NumberOfEmployees, Birthdate, HasOptedOutOfEmail \
                     FROM contact ORDER BY LastName";
    let (status, made) = web
        .send(Method::POST, "/jobs/query/", json!({ "operation": "query", "query": statement, "contentType": "CSV" }))
        .await;
    assert_eq!(status, StatusCode::OK, "{made}");
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("750") && id.len() == 18, "{id}");
    let expected = json!({
        "id": id, "operation": "query", "object": "Contact", "createdById": made["createdById"],
        "createdDate": made["createdDate"], "systemModstamp": made["systemModstamp"], "state": "UploadComplete",
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": 66.0, "lineEnding": "LF",
        "columnDelimiter": "COMMA"
    });
    assert_eq!(made, expected);
    assert!(made["createdDate"].as_str().unwrap().ends_with(".000+0000"));
    let path = format!("/jobs/query/{}", &id[..15]);
    let done = until(&web, &path, &["JobComplete"]).await;
    assert_eq!(
        (&done["jobType"], &done["numberRecordsProcessed"], &done["retries"]),
        (&json!("V2Query"), &json!(2), &json!(0))
    );
    assert!(done["totalProcessingTime"].is_number() && done["isPkChunkingSupported"] == true, "{done}");
    let answer = web.call(Method::GET, &format!("{path}/results"), None).await;
    assert_eq!((header(&answer, "content-type"), header(&answer, "sforce-locator")), ("text/csv", "null"));
    assert_eq!(header(&answer, "sforce-numberofrecords"), "2");
    let csv = answer.text().await.unwrap();
    let expected = "\"LastName\",\"Account.Name\",\"Account.AnnualRevenue\",\"Account.NumberOfEmployees\",\"Birthdate\",\"HasOptedOutOfEmail\"\n\
                    \"A \"\"B\"\", C\",\"Acme\",\"1250000.0\",\"7\",\"1999-12-31\",\"false\"\n\
                    \"Last\",\"\",\"\",\"\",\"\",\"false\"\n";
    assert_eq!(csv, expected);
}

#[tokio::test]
async fn dialects_deleted_rows_and_instants() {
    let web = Web::start().await;
    load(&web.org, 1);
    let gone = web.create("Contact", json!({ "LastName": "Gone" })).await;
    web.call(Method::DELETE, &format!("/sobjects/Contact/{gone}"), None).await;
    assert_eq!(
        found(&web, "SELECT LastName, CreatedDate FROM Contact").await,
        "\"LastName\",\"CreatedDate\"\n\"N000000\",\"2011-07-07T00:37:00.000Z\"\n"
    );
    let path = ask(
        &web,
        json!({ "operation": "queryAll", "query": "SELECT LastName, IsDeleted FROM Contact", "columnDelimiter": "PIPE",
                "lineEnding": "CRLF" }),
    )
    .await;
    until(&web, &path, &["JobComplete"]).await;
    assert_eq!(
        text(&web, &format!("{path}/results")).await,
        "\"LastName\"|\"IsDeleted\"\r\n\"N000000\"|\"false\"\r\n\"Gone\"|\"true\"\r\n"
    );
    assert_eq!(found(&web, "SELECT Id FROM Lead").await, "\"Id\"\n");
}

#[tokio::test]
async fn pages_have_a_header_each_and_together_every_row_of_the_time_of_the_run() {
    let web = Web::start().await;
    // More than stays in memory.
    let rows = 70_000;
    load(&web.org, rows);
    let path = ask(
        &web,
        json!({ "operation": "query", "query": "SELECT Id, LastName, Description, CreatedById FROM Contact" }),
    )
    .await;
    let job = until(&web, &path, &["JobComplete"]).await;
    assert_eq!(job["numberRecordsProcessed"], rows);
    let whole = text(&web, &format!("{path}/results")).await;
    assert!(whole.len() > 4 * 1024 * 1024, "{}", whole.len());
    let ids: Vec<&str> = whole.lines().filter(|line| line.starts_with("\"003")).map(|line| &line[1..19]).collect();
    let written = json!({ "allOrNone": true, "records": [
        { "attributes": { "type": "Contact" }, "id": ids[0], "Description": "later" }] });
    web.send(Method::PATCH, "/composite/sobjects", written).await;
    let (first_line, all_rows) = whole.split_once('\n').unwrap();
    let (mut pages, mut next, mut together) = (0, String::new(), String::new());
    while next != "null" {
        let locator = if next.is_empty() { String::new() } else { format!("&locator={next}") };
        let answer = web.call(Method::GET, &format!("{path}/results/?maxRecords=30000{locator}"), None).await;
        next = header(&answer, "sforce-locator").to_owned();
        assert_eq!(header(&answer, "sforce-numberofrecords"), if next == "null" { "10000" } else { "30000" });
        let body = answer.text().await.unwrap();
        let (page_header, rows) = body.split_once('\n').unwrap();
        assert_eq!(page_header, first_line);
        together.push_str(rows);
        pages += 1;
    }
    assert_eq!((pages, ids.len()), (3, rows));
    assert!(together == all_rows, "the pages are not the whole");
}

#[tokio::test]
async fn result_pages_are_links_to_pages_side_by_side() {
    let web = Web::start().await;
    load(&web.org, 13);
    let path = ask(&web, json!({ "operation": "query", "query": "SELECT LastName FROM Contact" })).await;
    until(&web, &path, &["JobComplete"]).await;
    let (_, first) = web.get(&format!("{path}/resultPages?maxRecords=2")).await;
    assert_eq!((first["resultPages"].as_array().unwrap().len(), &first["done"]), (5, &json!(false)));
    let next = first["nextRecordsUrl"].as_str().unwrap().strip_prefix("/services/data/v66.0").unwrap().to_owned();
    let (_, last) = web.get(&next).await;
    assert_eq!((last["done"].clone(), last["nextRecordsUrl"].clone()), (json!(true), json!(null)));
    let links = first["resultPages"].as_array().unwrap().iter().chain(last["resultPages"].as_array().unwrap());
    let mut names = Vec::new();
    for link in links {
        let (whole, short) = (link["resultUrl"].as_str().unwrap(), link["resultLink"].as_str().unwrap());
        assert_eq!(whole, format!("/services/data/v66.0{short}"));
        let csv = text(&web, short).await;
        names.extend(csv.lines().skip(1).map(str::to_owned));
    }
    let expected: Vec<String> = (0..13).map(|n| format!("\"N{n:06}\"")).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn what_bulk_queries_do_not_do_is_refused_at_once() {
    let web = Web::start().await;
    for (statement, code, message) in [
        ("SELECT MailingAddress FROM Contact", "API_ERROR", "Selecting compound data not supported in Bulk Query"),
        (
            "SELECT Account.BillingAddress FROM Contact",
            "API_ERROR",
            "Selecting compound data not supported in Bulk Query",
        ),
        (
            "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
            "API_ERROR",
            "Aggregate Relationships not supported in Bulk Query",
        ),
        ("SELECT COUNT() FROM Account", "API_ERROR", "Aggregate Relationships not supported in Bulk Query"),
        ("SELECT Name FROM Account GROUP BY Name", "API_ERROR", "GROUP BY not supported in Bulk Query"),
        ("SELECT Name FROM Account LIMIT 1 OFFSET 1", "API_ERROR", "OFFSET not supported in Bulk Query"),
        ("SELECT TYPEOF What WHEN Account THEN Name END FROM Task", "API_ERROR", "TYPEOF not supported in Bulk Query"),
        ("SELECT Nope FROM Account", "INVALID_FIELD", "No such column 'Nope' on entity 'Account'."),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported."),
        ("", "MALFORMED_QUERY", ""),
    ] {
        let (status, body) =
            web.send(Method::POST, "/jobs/query", json!({ "operation": "query", "query": statement })).await;
        assert_eq!((status, &body[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!(code)), "{statement}: {body}");
        assert!(body[0]["message"].as_str().unwrap().contains(message), "{body}");
    }
    for (request, message) in [
        (
            json!({ "operation": "insert", "query": "SELECT Id FROM Lead" }),
            "Invalid value: 'insert' supplied for property: 'operation'",
        ),
        (
            json!({ "operation": "query", "query": "SELECT Id FROM Lead", "contentType": "XML" }),
            "Invalid value: 'XML' supplied for property: 'contentType'",
        ),
    ] {
        let (status, body) = web.send(Method::POST, "/jobs/query", request).await;
        assert_eq!(
            (status, body),
            (StatusCode::BAD_REQUEST, json!([{ "message": message, "errorCode": "API_ERROR" }]))
        );
    }
    let (_, list) = web.get("/jobs/query").await;
    assert_eq!(list, json!({ "done": true, "records": [], "nextRecordsUrl": null }));
}

#[tokio::test]
async fn a_job_is_seen_in_each_state_and_stopped_in_any() {
    let web = Web::start().await;
    load(&web.org, 1);
    let slow: BulkSettings = serde_json::from_value(json!({ "state_ms_min": 60_000 })).unwrap();
    web.org.handle().bulk().set_settings(slow);
    let query = json!({ "operation": "query", "query": "SELECT LastName FROM Contact" });
    let path = ask(&web, query.clone()).await;
    let (_, waiting) = web.get(&path).await;
    assert_eq!((&waiting["state"], &waiting["numberRecordsProcessed"]), (&json!("UploadComplete"), &json!(0)));
    let (status, early) = web.get(&format!("{path}/results")).await;
    assert_eq!((status, &early[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("INVALIDJOBSTATE")));
    let (status, kept) = web.send(Method::DELETE, &path, json!({})).await;
    assert_eq!((status, &kept[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("INVALIDJOBSTATE")));
    let (status, aborted) = web.send(Method::PATCH, &path, json!({ "state": "Aborted" })).await;
    assert_eq!((status, &aborted["state"]), (StatusCode::OK, &json!("Aborted")));
    let (status, again) = web.send(Method::PATCH, &path, json!({ "state": "Aborted" })).await;
    let words = json!([{ "message": "Aborting already Completed Job not allowed", "errorCode": "INVALIDJOBSTATE" }]);
    assert_eq!((status, again), (StatusCode::BAD_REQUEST, words));
    assert_eq!(web.call(Method::DELETE, &path, None).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(web.get(&path).await.0, StatusCode::NOT_FOUND);

    // Through the control interface, as a test of another language would set it.
    let set = web.http.put(web.url("/__control/bulk")).json(&json!({ "state_ms_min": 150 })).send().await.unwrap();
    assert_eq!(set.status(), StatusCode::OK);
    let path = ask(&web, query).await;
    for state in ["UploadComplete", "InProgress", "JobComplete"] {
        let seen = until(&web, &path, &["UploadComplete", "InProgress", "JobComplete"]).await;
        assert!(seen["state"] == state || state != "UploadComplete", "{seen}");
        until(&web, &path, &[state]).await;
    }
}

#[tokio::test]
async fn results_belong_to_the_version_that_asked() {
    let web = Web::start().await;
    let path = ask(&web, json!({ "operation": "query", "query": "SELECT Id FROM Contact" })).await;
    until(&web, &path, &["JobComplete"]).await;
    for (version, expected) in [("v66.0", StatusCode::OK), ("v60.0", StatusCode::CONFLICT)] {
        let url = web.url(&format!("/services/data/{version}{path}/results"));
        let answer = web.http.get(url).bearer_auth(&web.token).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{version}");
    }
    for (parameters, expected) in [("?locator=xx", StatusCode::BAD_REQUEST), ("?maxRecords=0", StatusCode::BAD_REQUEST)]
    {
        assert_eq!(web.get(&format!("{path}/results{parameters}")).await.0, expected, "{parameters}");
    }
    assert_eq!(web.get(&path.replace("query", "ingest")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(web.get("/jobs/query/750000000000000AAA").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn jobs_are_listed_by_kind_and_counted_by_day() {
    let web = Web::start().await;
    web.org.handle().bulk().set_settings(BulkSettings { query_jobs_max: 2, ..BulkSettings::default() });
    let query = json!({ "operation": "query", "query": "SELECT Id FROM Contact" });
    let first = ask(&web, query.clone()).await;
    ask(&web, query.clone()).await;
    let (status, refused) = web.send(Method::POST, "/jobs/query", query).await;
    let words = "Max bulk v2 query jobs (2) per 24 hrs has been reached";
    assert_eq!(
        (status, refused),
        (StatusCode::BAD_REQUEST, json!([{ "message": words, "errorCode": "LIMIT_EXCEEDED" }]))
    );
    let (_, limits) = web.get("/limits").await;
    assert_eq!(limits["DailyBulkV2QueryJobs"], json!({ "Max": 2, "Remaining": 0 }));
    let count = async |parameters: &str| {
        let (_, list) = web.get(&format!("/jobs/query{parameters}")).await;
        list["records"].as_array().unwrap().len()
    };
    assert_eq!(count("?jobType=V2Query&isPkChunkingEnabled=false&concurrencyMode=parallel").await, 2);
    assert_eq!(count("?jobType=Classic").await, 0);
    let (_, list) = web.get(&format!("/jobs/query?queryLocator={}", first.rsplit_once('/').unwrap().1)).await;
    assert_eq!((list["records"].as_array().unwrap().len(), &list["records"][0]["jobType"]), (1, &json!("V2Query")));
    assert_eq!(web.get("/jobs/ingest").await.1["records"], json!([]));
}

#[tokio::test]
async fn a_field_that_is_hidden_is_no_column() {
    let web = Web::start().await;
    let row = { web.org.handle().lock().load("Contact", vec![vec![("LastName", FieldValue::from("Ay"))]], 0).unwrap() };
    assert_eq!(row.len(), 1);
    let field = FieldSchema::text("Seen__c", "Seen", 20);
    web.org.handle().lock().add_custom_field("Contact", field).unwrap();
    assert_eq!(found(&web, "SELECT Seen__c FROM Contact").await, "\"Seen__c\"\n\"\"\n");
    let grants = web.query("SELECT Id FROM FieldPermissions WHERE Field = 'Contact.Seen__c'").await.1;
    for grant in grants["records"].as_array().unwrap() {
        let path = format!("/sobjects/FieldPermissions/{}", grant["Id"].as_str().unwrap());
        let answer = web.call(Method::DELETE, &path, None).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }
    let request = json!({ "operation": "query", "query": "SELECT Seen__c FROM Contact" });
    let (status, body) = read(web.call(Method::POST, "/jobs/query", Some(request)).await).await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("INVALID_FIELD")));
}
