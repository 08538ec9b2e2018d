//! The first Bulk API, as jsforce (XML and CSV), simple-salesforce (JSON) and tap-salesforce (both) speak it.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::web::{Web, read};

const XML: &str = "application/xml; charset=UTF-8";
const JSON: &str = "application/json";

/// Status and body of a request as text.
async fn send(web: &Web, method: Method, path: &str, kind: &str, body: &str) -> (StatusCode, String) {
    let url = web.url(&format!("/services/async/60.0/{path}"));
    let request = web.http.request(method, url).header("X-SFDC-Session", &web.token).header("content-type", kind);
    let answer = request.body(body.to_owned()).send().await.expect("the org answers");
    (answer.status(), answer.text().await.expect("a body"))
}

fn element<'x>(xml: &'x str, name: &str) -> &'x str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once('<').expect("the element ends").0
}

/// The batch when it is done.
async fn done(web: &Web, path: &str, kind: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (_, batch) = send(web, Method::GET, path, kind, "").await;
        if batch.contains("Completed") || batch.contains("Failed<") || batch.contains("\"Failed\"") {
            return batch;
        }
        assert!(Instant::now() < deadline, "still {batch}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_job_in_xml_takes_rows_as_csv() {
    let web = Web::start().await;
    let request = "<?xml version=\"1.0\"?><jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
                   <operation>insert</operation><object>Account</object><contentType>CSV</contentType></jobInfo>";
    let (status, job) = send(&web, Method::POST, "job", XML, request).await;
    assert_eq!(status, StatusCode::CREATED, "{job}");
    assert!(job.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?><jobInfo xmlns="), "{job}");
    assert_eq!((element(&job, "state"), element(&job, "apiVersion")), ("Open", "60.0"));
    let id = element(&job, "id").to_owned();
    let (status, batch) =
        send(&web, Method::POST, &format!("job/{id}/batch"), "text/csv", "Name\nAcme\n\"\"\nB & C\n").await;
    assert_eq!((status, element(&batch, "jobId")), (StatusCode::CREATED, id.as_str()));
    let path = format!("job/{id}/batch/{}", element(&batch, "id"));
    let batch = done(&web, &path, XML).await;
    assert_eq!(
        (element(&batch, "numberRecordsProcessed"), element(&batch, "numberRecordsFailed")),
        ("3", "1"),
        "{batch}"
    );
    let (_, results) = send(&web, Method::GET, &format!("{path}/result"), XML, "").await;
    let lines: Vec<&str> = results.lines().collect();
    assert_eq!(lines[0], "\"Id\",\"Success\",\"Created\",\"Error\"");
    assert!(lines[1].starts_with("\"001") && lines[1].ends_with("\",\"true\",\"true\",\"\""), "{results}");
    assert_eq!(
        lines[2],
        "\"\",\"false\",\"false\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --\""
    );
    let close = "<jobInfo><state>Closed</state></jobInfo>";
    let (status, closed) = send(&web, Method::POST, &format!("job/{id}"), XML, close).await;
    assert_eq!(
        (status, element(&closed, "state"), element(&closed, "numberBatchesCompleted")),
        (StatusCode::OK, "Closed", "1")
    );
    let (status, refused) = send(&web, Method::POST, &format!("job/{id}/batch"), "text/csv", "Name\nLate\n").await;
    assert_eq!((status, element(&refused, "exceptionCode")), (StatusCode::BAD_REQUEST, "InvalidJobState"));
    // Version 2.0 has nothing to do with it.
    assert_eq!(web.get("/jobs/ingest").await.1["records"], json!([]));
}

#[tokio::test]
async fn a_job_in_json_takes_and_gives_records() {
    let web = Web::start().await;
    let account = web.create("Account", json!({ "Name": "Acme" })).await;
    let id = web.create("Contact", json!({ "LastName": "Ay", "Title": "Chief" })).await;
    let make = json!({ "operation": "update", "object": "Contact", "concurrencyMode": 0, "contentType": "JSON" });
    let (_, job) = send(&web, Method::POST, "job", JSON, &make.to_string()).await;
    let job: Value = serde_json::from_str(&job).unwrap();
    let job_id = job["id"].as_str().unwrap();
    let records = json!([
        { "Id": id, "Title": null, "HasOptedOutOfEmail": true, "AccountId": account },
        { "Id": account, "Title": "x" }
    ]);
    let (_, batch) = send(&web, Method::POST, &format!("job/{job_id}/batch"), JSON, &records.to_string()).await;
    let batch: Value = serde_json::from_str(&batch).unwrap();
    let path = format!("job/{job_id}/batch/{}", batch["id"].as_str().unwrap());
    done(&web, &path, JSON).await;
    let (_, results) = send(&web, Method::GET, &format!("{path}/result"), JSON, "").await;
    let results: Value = serde_json::from_str(&results).unwrap();
    assert_eq!(results[0], json!({ "success": true, "created": false, "id": id, "errors": [] }));
    assert_eq!(
        (&results[1]["success"], &results[1]["errors"][0]["statusCode"]),
        (&json!(false), &json!("MALFORMED_ID"))
    );

    let make = json!({ "operation": "query", "object": "Contact", "contentType": "JSON" });
    let (_, job) = send(&web, Method::POST, "job", JSON, &make.to_string()).await;
    let job: Value = serde_json::from_str(&job).unwrap();
    let job_id = job["id"].as_str().unwrap();
    let statement = "SELECT LastName, Title, HasOptedOutOfEmail, CreatedDate, Account.Name FROM Contact";
    let (_, batch) = send(&web, Method::POST, &format!("job/{job_id}/batch"), JSON, statement).await;
    let batch: Value = serde_json::from_str(&batch).unwrap();
    let path = format!("job/{job_id}/batch/{}", batch["id"].as_str().unwrap());
    done(&web, &path, JSON).await;
    let (_, list) = send(&web, Method::GET, &format!("{path}/result"), JSON, "").await;
    let list: Vec<String> = serde_json::from_str(&list).unwrap();
    let (_, rows) = send(&web, Method::GET, &format!("{path}/result/{}", list[0]), JSON, "").await;
    let rows: Value = serde_json::from_str(&rows).unwrap();
    assert_eq!((rows[0]["LastName"].clone(), rows[0]["Title"].clone()), (json!("Ay"), json!(null)));
    assert_eq!((&rows[0]["HasOptedOutOfEmail"], &rows[0]["Account"]["Name"]), (&json!(true), &json!("Acme")));
    assert!(rows[0]["CreatedDate"].as_i64().unwrap() > 1_500_000_000_000, "{rows}");
    assert_eq!(rows[0]["attributes"]["type"], "Contact");
}

#[tokio::test]
async fn what_is_said_of_batches_follows_the_job_and_not_the_request() {
    let web = Web::start().await;
    web.create("Lead", json!({ "LastName": "Ay", "Company": "B" })).await;
    let make = json!({ "operation": "queryAll", "object": "Lead", "contentType": "CSV" });
    let (_, job) = send(&web, Method::POST, "job", JSON, &make.to_string()).await;
    let job: Value = serde_json::from_str(&job).unwrap();
    let id = job["id"].as_str().unwrap();
    let (_, batch) =
        send(&web, Method::POST, &format!("job/{id}/batch"), "text/csv", "SELECT LastName FROM Lead").await;
    let path = format!("job/{id}/batch/{}", element(&batch, "id"));
    assert_eq!(element(&done(&web, &path, JSON).await, "state"), "Completed");
    let (_, all) = send(&web, Method::GET, &format!("job/{id}/batch"), JSON, "").await;
    assert!(all.contains("<batchInfoList xmlns=") && all.contains("<batchInfo><apex"), "{all}");
    let (_, list) = send(&web, Method::GET, &format!("{path}/result"), JSON, "").await;
    let result = format!("{path}/result/{}", element(&list, "result"));
    assert_eq!(send(&web, Method::GET, &result, JSON, "").await.1, "\"LastName\"\n\"Ay\"\n");
    for (statement, message) in [
        ("SELECT Nope FROM Lead", "InvalidBatch : Failed to process query: INVALID_FIELD: "),
        (
            "SELECT Address FROM Lead",
            "InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED: Selecting compound ",
        ),
        (
            "SELECT Name FROM Contact",
            "InvalidBatch : Failed to process query: INVALID_TYPE_FOR_OPERATION: The root entity of the requested query \
             (Contact) does not match the entity of the requested Bulk API Job (Lead).",
        ),
    ] {
        let (status, batch) = send(&web, Method::POST, &format!("job/{id}/batch"), "text/csv", statement).await;
        assert_eq!((status, element(&batch, "state")), (StatusCode::CREATED, "Failed"), "{batch}");
        assert!(element(&batch, "stateMessage").starts_with(message), "{batch}");
    }
}

#[tokio::test]
async fn refusals_have_a_shape_of_their_own() {
    let web = Web::start().await;
    let url = web.url("/services/async/60.0/job/7500000000000000AA");
    let stranger = web.http.get(&url).header("X-SFDC-Session", "nobody").send().await.unwrap();
    let (status, body) = (stranger.status(), stranger.text().await.unwrap());
    assert_eq!((status, element(&body, "exceptionCode")), (StatusCode::BAD_REQUEST, "InvalidSessionId"));
    for (request, code, message) in [
        (
            json!({ "operation": "insert", "object": "Nope", "contentType": "CSV" }),
            "InvalidJob",
            "Unable to find object: Nope",
        ),
        (json!({ "operation": "fetch", "object": "Lead" }), "InvalidJob", "Operation not supported: fetch"),
        (
            json!({ "operation": "insert", "object": "Lead", "contentType": "XML" }),
            "FeatureNotEnabled",
            "Content type XML is not available",
        ),
    ] {
        let url = web.url("/services/async/60.0/job");
        let answer = web.http.post(url).header("X-SFDC-Session", &web.token).json(&request).send().await.unwrap();
        let expected = json!({ "exceptionCode": code, "exceptionMessage": message });
        assert_eq!(read(answer).await, (StatusCode::BAD_REQUEST, expected));
    }
}
