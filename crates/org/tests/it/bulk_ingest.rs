//! Bulk API 2.0: rows that are inserted, updated, upserted and deleted, and the three files that say what became of them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_org::BulkSettings;
use syncline_org::core::{ChangeType, FieldSchema, FieldType};

use crate::bulk::{text, until};
use crate::web::{Web, read};

/// Makes a job, puts the data and starts it; gives its path.
async fn ingest(web: &Web, job: Value, data: &str) -> String {
    let (status, made) = web.send(Method::POST, "/jobs/ingest", job).await;
    assert_eq!((status, &made["state"]), (StatusCode::OK, &json!("Open")), "{made}");
    let path = format!("/jobs/ingest/{}", made["id"].as_str().expect("an id"));
    let url = web.url(&format!("/{}", made["contentUrl"].as_str().expect("a path")));
    let put = web.http.put(url).bearer_auth(&web.token).header("content-type", "text/csv").body(data.to_owned());
    assert_eq!(put.send().await.expect("the org answers").status(), StatusCode::CREATED);
    let (status, started) = web.send(Method::PATCH, &path, json!({ "state": "UploadComplete" })).await;
    assert_eq!((status, &started["state"]), (StatusCode::OK, &json!("UploadComplete")));
    path
}

async fn done(web: &Web, path: &str) -> Value {
    until(web, path, &["JobComplete", "Failed"]).await
}

fn external_id(name: &str) -> FieldSchema {
    let mut field = FieldSchema::text(name, "Key", 20);
    field.external_id = true;
    field
}

#[tokio::test]
async fn inserted_rows_succeed_or_fail_each_by_itself() {
    let web = Web::start().await;
    let (_, made) = web
        .send(
            Method::POST,
            "/jobs/ingest/",
            json!({ "object": "contact", "operation": "insert", "contentType": "CSV" }),
        )
        .await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["contentUrl"], format!("services/data/v66.0/jobs/ingest/{id}/batches"));
    assert_eq!((&made["object"], &made["apiVersion"]), (&json!("Contact"), &json!(66.0)));
    web.send(Method::PATCH, &format!("/jobs/ingest/{id}"), json!({ "state": "Aborted" })).await;

    let data = "LastName,Email,HasOptedOutOfEmail,Birthdate\n\
                \"Ay, \"\"B\"\"\",ay@x.io,yes,1999-12-31\n\
                ,none@x.io,,\n\
                Bee,not an address,0,\n\
                Cee,,maybe,\n\
                Dee,,,31.12.1999\n\
                Eff,,,\n";
    let path = ingest(&web, json!({ "object": "Contact", "operation": "insert" }), data).await;
    let job = done(&web, &path).await;
    assert_eq!(
        (&job["state"], &job["numberRecordsProcessed"], &job["numberRecordsFailed"], &job["jobType"]),
        (&json!("JobComplete"), &json!(6), &json!(4), &json!("V2Ingest")),
        "{job}"
    );
    for number in ["totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime", "retries"] {
        assert!(job[number].is_number(), "{number}: {job}");
    }
    assert!(job.get("contentUrl").is_none() && job.get("errorMessage").is_none());
    let (_, rows) = web.query("SELECT Id, LastName, Email, HasOptedOutOfEmail FROM Contact ORDER BY LastName").await;
    let ids: Vec<&str> = rows["records"].as_array().unwrap().iter().map(|row| row["Id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), &rows["records"][0]["HasOptedOutOfEmail"]), (2, &json!(true)));
    let successful = format!(
        "\"sf__Id\",\"sf__Created\",\"LastName\",\"Email\",\"HasOptedOutOfEmail\",\"Birthdate\"\n\
         \"{}\",\"true\",\"Ay, \"\"B\"\"\",\"ay@x.io\",\"yes\",\"1999-12-31\"\n\
         \"{}\",\"true\",\"Eff\",\"\",\"\",\"\"\n",
        ids[0], ids[1]
    );
    assert_eq!(text(&web, &format!("{path}/successfulResults/")).await, successful);
    let failed = text(&web, &format!("{path}/failedResults")).await;
    let lines: Vec<&str> = failed.lines().collect();
    assert_eq!(lines[0], "\"sf__Id\",\"sf__Error\",\"LastName\",\"Email\",\"HasOptedOutOfEmail\",\"Birthdate\"");
    for (line, expected) in lines[1..].iter().zip([
        "\"\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --\",\"\",\"none@x.io\"",
        "\"\",\"INVALID_EMAIL_ADDRESS:Email: invalid email address: not an address:Email --\",\"Bee\"",
        "\"\",\"INVALID_FIELD:Failed to deserialize field at col 2. Due to, 'maybe' is not a valid value for the type xsd:boolean:HasOptedOutOfEmail --\"",
        "\"\",\"INVALID_FIELD:Failed to deserialize field at col 3. Due to, '31.12.1999' is not a valid value for the type xsd:date:Birthdate --\"",
    ]) {
        assert!(line.starts_with(expected), "{line}");
    }
    assert_eq!(lines.len(), 5);
    for spelling in ["unprocessedrecords", "unprocessedRecords/"] {
        let rest = text(&web, &format!("{path}/{spelling}")).await;
        assert_eq!(rest, "LastName,Email,HasOptedOutOfEmail,Birthdate\n");
    }
    let state = web.org.handle().lock();
    let origins: Vec<&str> = state.events_after(None).map(|event| event.change_origin.as_str()).collect();
    assert!(origins.len() == 2 && origins[0].starts_with("com/salesforce/api/bulkapi/66.0"), "{origins:?}");
}

#[tokio::test]
async fn an_update_leaves_empty_fields_alone_and_clears_on_demand() {
    let web = Web::start().await;
    web.org.handle().lock().add_custom_field("Account", external_id("Key__c")).unwrap();
    let account = web.create("Account", json!({ "Name": "Acme", "Key__c": "A-1" })).await;
    let boss = web.create("Contact", json!({ "LastName": "Boss", "Email": "Boss@X.io" })).await;
    let id =
        web.create("Contact", json!({ "LastName": "Ay", "Title": "Chief", "Phone": "1", "Email": "a@x.io" })).await;
    let data = format!(
        "ID;lastname;Title;Phone;Account.Key__c;ReportsTo.Email\r\n\
         {id};;#N/A; 2 ;a-1;boss@x.io\r\n\
         {id};;;;nobody;\r\n\
         ;x;;;;\r\n\
         {account};x;;;;\r\n"
    );
    let job =
        json!({ "object": "Contact", "operation": "update", "columnDelimiter": "SEMICOLON", "lineEnding": "CRLF" });
    let path = ingest(&web, job, &data).await;
    let job = done(&web, &path).await;
    assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(4), &json!(3)), "{job}");
    let (_, row) =
        web.get(&format!("/sobjects/Contact/{id}?fields=LastName,Title,Phone,Email,AccountId,ReportsToId")).await;
    assert_eq!(
        (&row["LastName"], &row["Title"], &row["Phone"], &row["Email"], &row["AccountId"], &row["ReportsToId"]),
        (&json!("Ay"), &json!(null), &json!("2"), &json!("a@x.io"), &json!(account), &json!(boss))
    );
    let failed = text(&web, &format!("{path}/failedResults")).await;
    let lines: Vec<&str> = failed.lines().collect();
    let missing = "INVALID_FIELD:Foreign key external ID: nobody not found for field Key__c in entity Account:--";
    assert!(lines[1].starts_with(&format!("\"{id}\";\"{missing}\"")), "{failed}");
    assert!(lines[2].starts_with("\"\";\"MISSING_ARGUMENT:Id not specified in an update call:--\""), "{failed}");
    assert!(lines[3].starts_with(&format!("\"{account}\";\"MALFORMED_ID:")), "{failed}");
}

#[tokio::test]
async fn an_upsert_finds_records_by_their_key() {
    let web = Web::start().await;
    web.org.handle().lock().add_custom_field("Contact", external_id("Key__c")).unwrap();
    let id = web.create("Contact", json!({ "LastName": "Ay", "Key__c": "K1" })).await;
    for _ in 0..2 {
        web.create("Contact", json!({ "LastName": "Twin", "Key__c": "T" })).await;
    }
    let job = json!({ "object": "Contact", "operation": "upsert", "externalIdFieldName": "key__c" });
    let data = "\u{feff}Key__c,LastName\nk1,Changed\nK2,New\nT,Twin\n,None\nD,Once\nd,Twice\n";
    let path = ingest(&web, job, data).await;
    done(&web, &path).await;
    let successful = text(&web, &format!("{path}/successfulResults")).await;
    let lines: Vec<&str> = successful.lines().collect();
    assert_eq!(lines[1], format!("\"{id}\",\"false\",\"k1\",\"Changed\""));
    assert!(lines[2].ends_with("\"true\",\"K2\",\"New\"") && lines.len() == 3, "{successful}");
    let failed = text(&web, &format!("{path}/failedResults")).await;
    for code in [
        "DUPLICATE_EXTERNAL_ID:Key__c: more than one record found for external id field: [",
        "MISSING_ARGUMENT:Key__c not specified:Key__c --",
        "DUPLICATE_VALUE:Duplicate external id specified: D:Key__c --",
        "DUPLICATE_VALUE:Duplicate external id specified: d:Key__c --",
    ] {
        assert!(failed.contains(code), "{code}: {failed}");
    }
    let (_, row) = web.get(&format!("/sobjects/Contact/{id}?fields=LastName,Key__c")).await;
    assert_eq!((&row["LastName"], &row["Key__c"]), (&json!("Changed"), &json!("K1")));
}

#[tokio::test]
async fn deleted_rows_go_to_the_bin_or_for_good() {
    let web = Web::start().await;
    let (one, two) = (
        web.create("Lead", json!({ "LastName": "A", "Company": "B" })).await,
        web.create("Lead", json!({ "LastName": "C", "Company": "D" })).await,
    );
    let account = web.create("Account", json!({ "Name": "A" })).await;
    web.create("Contact", json!({ "LastName": "Ay", "AccountId": account })).await;
    for (operation, object, id) in
        [("delete", "Lead", &one), ("hardDelete", "Lead", &two), ("hardDelete", "Account", &account)]
    {
        let path = ingest(&web, json!({ "object": object, "operation": operation }), &format!("Id\n{id}\n")).await;
        let job = done(&web, &path).await;
        assert_eq!((&job["state"], &job["numberRecordsFailed"]), (&json!("JobComplete"), &json!(0)), "{job}");
        let expected = format!("\"sf__Id\",\"sf__Created\",\"Id\"\n\"{id}\",\"false\",\"{id}\"\n");
        assert_eq!(text(&web, &format!("{path}/successfulResults")).await, expected);
    }
    let all = async |statement: &str| {
        let url = web.url("/services/data/v66.0/queryAll");
        let request = web.http.get(url).query(&[("q", statement)]).bearer_auth(&web.token);
        read(request.send().await.unwrap()).await.1
    };
    let leads = all("SELECT Id FROM Lead").await;
    assert_eq!((&leads["totalSize"], &leads["records"][0]["Id"]), (&json!(1), &json!(one)));
    assert_eq!(all("SELECT Id FROM Contact").await["totalSize"], 0, "who went with the account is gone as well");
    let state = web.org.handle().lock();
    assert_eq!(state.events_after(None).filter(|event| event.change_type == ChangeType::Delete).count(), 4);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_writes_nothing_and_says_why() {
    let web = Web::start().await;
    for (data, message) in [
        (
            "LastName\r\nAy\r\n",
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        ("LastName,Nope\nAy,1\n", "InvalidBatch : Field name not found : Nope"),
        ("LastName,Account.Name\nAy,1\n", "InvalidBatch : Field name not found : Account.Name"),
        (
            "LastName,Account:Account.Id\nAy,1\n",
            "InvalidBatch : type is not needed for non polymorphic foreign key references: Account",
        ),
        ("LastName,Title\nAy,1\nBee\n", "InvalidBatch : Row 3 has 1 fields, but the header has 2"),
        ("LastName\n\"Ay\n", "ClientInputError : A quoted field of the CSV does not end where it should"),
        ("", "InvalidBatch : The batch has no header row"),
    ] {
        let path = ingest(&web, json!({ "object": "Contact", "operation": "insert" }), data).await;
        let job = done(&web, &path).await;
        assert_eq!((&job["state"], &job["errorMessage"]), (&json!("Failed"), &json!(message)), "{data}");
        assert_eq!(job["numberRecordsProcessed"], 0);
        assert_eq!(text(&web, &format!("{path}/unprocessedrecords")).await, data);
    }
    assert_eq!(web.query("SELECT COUNT() FROM Contact").await.1["totalSize"], 0);
}

#[tokio::test]
async fn what_an_ingest_job_cannot_be_is_refused() {
    let web = Web::start().await;
    for (request, code, message) in [
        (json!({ "object": "Nope", "operation": "insert" }), "INVALIDJOB", "InvalidJob : Unable to find object: Nope"),
        (
            json!({ "object": "Contact", "operation": "upsert" }),
            "INVALIDJOB",
            "InvalidJob : External ID was blank for Contact. An External ID must be specified for upsert.",
        ),
        (
            json!({ "object": "Contact", "operation": "upsert", "externalIdFieldName": "Title" }),
            "INVALIDJOB",
            "InvalidJob : Field name provided, Title does not match an External ID for Contact",
        ),
        (
            json!({ "object": "Contact", "operation": "query" }),
            "API_ERROR",
            "Invalid value: 'query' supplied for property: 'operation'",
        ),
        (
            json!({ "object": "Contact", "operation": "insert", "columnDelimiter": "COLON" }),
            "API_ERROR",
            "Invalid value: 'COLON' supplied for property: 'columnDelimiter'",
        ),
    ] {
        let (status, body) = web.send(Method::POST, "/jobs/ingest", request).await;
        assert_eq!((status, body), (StatusCode::BAD_REQUEST, json!([{ "message": message, "errorCode": code }])));
    }
    let (_, made) = web.send(Method::POST, "/jobs/ingest", json!({ "object": "Contact", "operation": "insert" })).await;
    let path = format!("/jobs/ingest/{}", made["id"].as_str().unwrap());
    let put = async || {
        let url = web.url(&format!("/services/data/v66.0{path}/batches/"));
        read(web.http.put(url).bearer_auth(&web.token).body("LastName\nAy\n").send().await.unwrap()).await
    };
    assert_eq!(put().await.0, StatusCode::CREATED);
    let (status, twice) = put().await;
    assert_eq!((status, &twice[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("BULK_API_ERROR")));
    for (state, code) in [("Nope", "API_ERROR"), ("UploadComplete", ""), ("UploadComplete", "INVALIDJOBSTATE")] {
        let (status, body) = web.send(Method::PATCH, &path, json!({ "state": state })).await;
        assert_eq!(status == StatusCode::OK, code.is_empty());
        assert_eq!(body[0]["errorCode"].as_str().unwrap_or_default(), code);
    }
}

#[tokio::test]
async fn a_form_with_job_and_data_starts_at_once() {
    let web = Web::start().await;
    let body = "--BOUND\r\nContent-Disposition: form-data; name=\"job\"\r\nContent-Type: application/json\r\n\r\n\
                {\"object\":\"Account\",\"operation\":\"insert\",\"contentType\":\"CSV\"}\r\n\
                --BOUND\r\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\r\nContent-Type: text/csv\r\n\r\n\
                Name\nAcme\nBeta\n\r\n--BOUND--\r\n";
    let request = web.http.post(web.url("/services/data/v66.0/jobs/ingest")).bearer_auth(&web.token);
    let request = request.header("content-type", "multipart/form-data; boundary=BOUND").body(body);
    let (status, made) = read(request.send().await.unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    let job = done(&web, &format!("/jobs/ingest/{}", made["id"].as_str().unwrap())).await;
    assert_eq!((&job["state"], &job["numberRecordsProcessed"]), (&json!("JobComplete"), &json!(2)), "{job}");
    assert_eq!(web.query("SELECT COUNT() FROM Account").await.1["totalSize"], 2);
}

#[tokio::test]
async fn many_rows_are_many_transactions_within_the_days_batches() {
    let web = Web::start().await;
    web.org
        .handle()
        .lock()
        .add_custom_field("Account", FieldSchema::number("N__c", "N", FieldType::Double, 18, 0))
        .unwrap();
    web.org.handle().bulk().set_settings(BulkSettings { batches_max: 1, ..BulkSettings::default() });
    let mut data = String::from("Name,N__c\n");
    (0..10_250).for_each(|n| data.push_str(&format!("A{n},{n}\n")));
    let path = ingest(&web, json!({ "object": "Account", "operation": "insert" }), &data).await;
    let job = done(&web, &path).await;
    assert_eq!((&job["state"], &job["numberRecordsProcessed"]), (&json!("Failed"), &json!(10_000)), "{job}");
    assert_eq!(job["errorMessage"], "ExceededQuota : ApiBatchItems Limit exceeded.");
    assert_eq!(text(&web, &format!("{path}/successfulResults")).await.lines().count(), 10_001);
    let unprocessed = text(&web, &format!("{path}/unprocessedrecords")).await;
    assert_eq!((unprocessed.lines().count(), unprocessed.lines().nth(1)), (251, Some("A10000,10000")));
    let transactions: std::collections::HashSet<String> = {
        let state = web.org.handle().lock();
        state.events_after(None).map(|event| event.transaction_key.clone()).collect()
    };
    assert_eq!(transactions.len(), 50);
}

#[tokio::test]
async fn an_aborted_job_gives_back_what_it_did_not_process() {
    let web = Web::start().await;
    web.org.handle().bulk().set_settings(BulkSettings { state_ms_min: 60_000, ..BulkSettings::default() });
    let path = ingest(&web, json!({ "object": "Account", "operation": "insert" }), "Name\nAcme\n").await;
    let (status, early) = web.get(&format!("{path}/failedResults")).await;
    assert_eq!((status, &early[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("INVALIDJOBSTATE")));
    let (status, aborted) = web.send(Method::PATCH, &path, json!({ "state": "Aborted" })).await;
    assert_eq!((status, &aborted["state"]), (StatusCode::OK, &json!("Aborted")));
    assert_eq!(text(&web, &format!("{path}/unprocessedrecords")).await, "Name\nAcme\n");
    assert_eq!(text(&web, &format!("{path}/successfulResults")).await, "\"sf__Id\",\"sf__Created\"\n");
    assert_eq!(web.query("SELECT COUNT() FROM Account").await.1["totalSize"], 0);
}

#[tokio::test]
async fn rows_are_struck_by_faults_as_those_of_other_writes() {
    let web = Web::start().await;
    let rule = json!({ "path": "/jobs/ingest/{id}", "object": "Account", "times": 1,
                       "fault": { "row_error": { "status_code": "UNABLE_TO_LOCK_ROW" } } });
    let set = web.http.post(web.url("/__control/faults")).json(&rule).send().await.unwrap();
    assert_eq!(set.status(), StatusCode::OK);
    let path = ingest(&web, json!({ "object": "Account", "operation": "insert" }), "Name\nAcme\nBeta\n").await;
    let job = done(&web, &path).await;
    assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(2), &json!(1)), "{job}");
    let failed = text(&web, &format!("{path}/failedResults")).await;
    assert!(failed.contains("\"UNABLE_TO_LOCK_ROW:") && failed.ends_with(":--\",\"Acme\"\n"), "{failed}");
}

#[tokio::test]
async fn a_hard_delete_takes_a_permission_of_its_own() {
    let web = Web::start().await;
    let (_, sets) = web.query("SELECT Id FROM PermissionSet WHERE PermissionsBulkApiHardDelete = true").await;
    for set in sets["records"].as_array().unwrap() {
        let path = format!("/sobjects/PermissionSet/{}", set["Id"].as_str().unwrap());
        let change = json!({ "PermissionsBulkApiHardDelete": false });
        assert_eq!(web.call(Method::PATCH, &path, Some(change)).await.status(), StatusCode::NO_CONTENT);
    }
    let request = json!({ "object": "Lead", "operation": "hardDelete" });
    let (status, refused) = web.send(Method::POST, "/jobs/ingest", request).await;
    let message = "FeatureNotEnabled : hardDelete operation requires special user profile permission, please contact your \
                   system administrator";
    assert_eq!(
        (status, refused),
        (StatusCode::BAD_REQUEST, json!([{ "message": message, "errorCode": "FEATURENOTENABLED" }]))
    );
}
