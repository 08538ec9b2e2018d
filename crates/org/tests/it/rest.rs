//! The data API: describe, queries and their pages, rows, collections, errors.

use std::io::Write as _;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_org::core::{ChangeType, FieldSchema, FieldValue};

use crate::web::{Web, read};

fn field<'v>(describe: &'v Value, name: &str) -> &'v Value {
    let fields = describe["fields"].as_array().expect("fields");
    fields.iter().find(|field| field["name"] == name).unwrap_or_else(|| panic!("no field {name}"))
}

#[tokio::test]
async fn versions_are_told_to_anybody() {
    let web = Web::start().await;
    let versions: Value = web.http.get(web.url("/services/data/")).send().await.unwrap().json().await.unwrap();
    let versions = versions.as_array().unwrap();
    let entry = |version: &str| versions.iter().find(|entry| entry["version"] == version).unwrap().clone();
    assert_eq!(entry("66.0"), json!({ "label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0" }));
    assert_eq!(entry("62.0")["label"], "Winter '25");
    let (_, resources) = web.get("/").await;
    assert_eq!(resources["sobjects"], "/services/data/v66.0/sobjects");
    assert!(resources["identity"].as_str().unwrap().starts_with("http://"));
}

#[tokio::test]
async fn empty_parts_of_a_path_are_looked_past() {
    let web = Web::start().await;
    let token = web.org.access_token();
    for (path, status) in
        [("//services//data", 200), ("//services/data/v66.0//limits/", 200), ("//services/nothing", 404)]
    {
        let answer = web.http.get(web.url(path)).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    let answer = web.http.get(web.url("//services/data/v66.0/query/?q=SELECT+Id+FROM+User+LIMIT+1"));
    let answer: Value = answer.bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["totalSize"], 1);
}

#[tokio::test]
async fn describe_tells_types_references_and_children() {
    let web = Web::start().await;
    let (_, global) = web.get("/sobjects/").await;
    assert_eq!(global["maxBatchSize"], 200);
    let names: Vec<&str> =
        global["sobjects"].as_array().unwrap().iter().map(|object| object["name"].as_str().unwrap()).collect();
    for name in ["Account", "Contact", "Lead", "Opportunity", "Task", "User"] {
        assert!(names.contains(&name), "{name}");
    }
    let (_, contact) = web.get("/sobjects/cOnTact/describe/").await;
    assert_eq!(contact["name"], "Contact");
    assert_eq!(contact["keyPrefix"], "003");
    assert!(contact["fields"].as_array().unwrap().len() >= 60);
    assert_eq!(field(&contact, "Title")["length"], 128);
    assert_eq!(field(&contact, "LastName")["compoundFieldName"], "Name");
    assert_eq!(field(&contact, "Name")["updateable"], false);
    assert_eq!(field(&contact, "AccountId")["referenceTo"], json!(["Account"]));
    assert_eq!(field(&contact, "AccountId")["relationshipName"], "Account");
    assert_eq!(field(&contact, "MailingAddress")["soapType"], "urn:address");
    assert_eq!(field(&contact, "CreatedDate")["createable"], false);
    let children = contact["childRelationships"].as_array().unwrap();
    assert!(children.iter().any(|child| child["childSObject"] == "Task"
        && child["field"] == "WhoId"
        && child["relationshipName"] == "Tasks"));
    let (_, account) = web.get("/sobjects/Account/describe").await;
    assert!(account["fields"].as_array().unwrap().len() >= 60);
    assert_eq!(field(&account, "AnnualRevenue")["precision"], 18);
    let (_, task) = web.get("/sobjects/Task/describe").await;
    assert_eq!(field(&task, "WhoId")["polymorphicForeignKey"], true);
    assert_eq!(field(&task, "Status")["defaultValue"], "Not Started");
}

#[tokio::test]
async fn a_row_is_made_read_changed_and_deleted() {
    let web = Web::start().await;
    let account = web.create("Account", json!({ "Name": "Acme" })).await;
    let (_, made) = web
        .send(
            Method::POST,
            "/sobjects/contact/",
            json!({ "FirstName": " Ann ", "lastname": "Ay", "AccountId": &account[..15] }),
        )
        .await;
    assert_eq!((made["success"].clone(), made["errors"].clone()), (json!(true), json!([])));
    let path = format!("/sobjects/Contact/{}", made["id"].as_str().unwrap());
    let answer =
        web.call(Method::PATCH, &path, Some(json!({ "Title": "Chief", "Email": "Ann@X.io", "Phone": "" }))).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert!(answer.headers()["sforce-limit-info"].to_str().unwrap().starts_with("api-usage="));
    let (_, row) = web.get(&format!("{path}?fields=name,Title,Email,AccountId,Phone,CreatedDate")).await;
    let created = row["CreatedDate"].as_str().unwrap();
    assert!(created.ends_with(".000+0000"), "{created}");
    assert_eq!(row["attributes"], json!({ "type": "Contact", "url": format!("/services/data/v66.0{path}") }));
    assert_eq!(
        (&row["Name"], &row["Title"], &row["Email"], &row["AccountId"], &row["Phone"]),
        (&json!("Ann Ay"), &json!("Chief"), &json!("Ann@X.io"), &json!(account), &json!(null))
    );
    assert_eq!(web.call(Method::DELETE, &path, None).await.status(), StatusCode::NO_CONTENT);
    let gone = json!([{ "message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": [] }]);
    assert_eq!(web.get(&path).await, (StatusCode::NOT_FOUND, gone.clone()));
    assert_eq!(web.send(Method::PATCH, &path, json!({ "Title": "x" })).await, (StatusCode::NOT_FOUND, gone));
    assert_eq!(web.query("SELECT Id FROM Contact").await.1["totalSize"], 0);
}

#[tokio::test]
async fn refusals_have_salesforces_codes_and_words_and_change_nothing() {
    let web = Web::start().await;
    let id = web.create("Contact", json!({ "LastName": "Ay", "Title": "before" })).await;
    let account = web.create("Account", json!({ "Name": "Acme" })).await;
    let long = "x".repeat(129);
    let long_message = format!("Title: data value too large: {long} (max length=128)");
    for (body, code, message, fields) in [
        (json!({ "Foo": 1 }), "INVALID_FIELD", "No such column 'Foo' on sobject of type Contact", json!([])),
        (json!({ "Title": long }), "STRING_TOO_LONG", long_message.as_str(), json!(["Title"])),
        (json!({ "Email": "nope" }), "INVALID_EMAIL_ADDRESS", "Email: invalid email address: nope", json!(["Email"])),
        (
            json!({ "LastName": " " }),
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LastName]",
            json!(["LastName"]),
        ),
        (
            json!({ "AccountId": "xyz" }),
            "MALFORMED_ID",
            "Account ID: id value of incorrect type: xyz",
            json!(["AccountId"]),
        ),
        (
            json!({ "ReportsToId": account }),
            "MALFORMED_ID",
            &format!("Reports To ID: id value of incorrect type: {account}"),
            json!(["ReportsToId"]),
        ),
        (
            json!({ "CleanStatus": "Odd" }),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Clean Status: bad value for restricted picklist field: Odd",
            json!(["CleanStatus"]),
        ),
        (
            json!({ "CreatedDate": "2020-01-01T00:00:00Z" }),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: CreatedDate. Please check the security settings of this field and verify that it is \
             read/write for your profile or permission set.",
            json!(["CreatedDate"]),
        ),
    ] {
        let mut body = body;
        body["Title"] = body.get("Title").cloned().unwrap_or(json!("after"));
        let expected = json!([{ "message": message, "errorCode": code, "fields": fields }]);
        assert_eq!(
            web.send(Method::PATCH, &format!("/sobjects/Contact/{id}"), body).await,
            (StatusCode::BAD_REQUEST, expected)
        );
    }
    let (_, row) = web.get(&format!("/sobjects/Contact/{id}?fields=Title")).await;
    assert_eq!(row["Title"], "before");

    let missing = json!([{ "message": "The requested resource does not exist", "errorCode": "NOT_FOUND" }]);
    for path in ["/sobjects/Gadget", "/sobjects/Gadget/describe", "/nonsense/x", "/sobjects/Contact/003000000000000AAA"]
    {
        assert_eq!(web.get(path).await, (StatusCode::NOT_FOUND, missing.clone()), "{path}");
    }
    let outside = web.http.get(web.url("/services/nowhere")).send().await.unwrap();
    assert_eq!(read(outside).await, (StatusCode::NOT_FOUND, missing));
    assert_eq!(web.send(Method::PUT, "/sobjects/Contact", json!({})).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let url = web.url("/services/data/v66.0/sobjects/Contact");
    let garbage = web.http.post(url).bearer_auth(&web.token).body("{\"LastName\": ").send().await.unwrap();
    let (status, body) = read(garbage).await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("JSON_PARSER_ERROR")));
    let retired = web.http.get(web.url("/services/data/v20.0/limits")).bearer_auth(&web.token).send().await.unwrap();
    assert_eq!(retired.status(), StatusCode::GONE);
}

#[tokio::test]
async fn queries_come_in_pages() {
    let web = Web::start().await;
    let rows: Vec<Vec<(String, FieldValue)>> =
        (0..450).map(|n| vec![("LastName".to_owned(), FieldValue::text(&format!("N{n:03}")))]).collect();
    web.org.handle().lock().load("Contact", rows, 0).unwrap();
    let url = web.url("/services/data/v66.0/query");
    let first = web.http.get(url).query(&[("q", "SELECT LastName FROM Contact ORDER BY LastName")]);
    let first = first.header("sforce-query-options", "batchSize=200").bearer_auth(&web.token);
    let (_, mut page) = read(first.send().await.unwrap()).await;
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    loop {
        assert_eq!(page["totalSize"], 450);
        let records = page["records"].as_array().unwrap();
        sizes.push(records.len());
        names.extend(records.iter().map(|record| record["LastName"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        assert_eq!(page["done"], false);
        page = read(web.http.get(web.url(next)).bearer_auth(&web.token).send().await.unwrap()).await.1;
    }
    assert_eq!(page["done"], true);
    assert_eq!(sizes, [200, 200, 50]);
    assert_eq!(names, (0..450).map(|n| format!("N{n:03}")).collect::<Vec<_>>());
    let (status, body) = web.get("/query/01gD0000002HU6KIAW-2000").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body, json!([{ "message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR" }]));
    assert_eq!(
        web.query("SELECT COUNT() FROM Contact").await.1,
        json!({ "totalSize": 450, "done": true, "records": [] })
    );
    let (status, body) = web.query("SELECT Nope FROM Contact").await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("INVALID_FIELD")));
}

#[tokio::test]
async fn a_collection_succeeds_in_part_and_tells_each_row_apart() {
    let web = Web::start().await;
    let record = |name: Value| json!({ "attributes": { "type": "Contact" }, "LastName": name });
    let body =
        json!({ "allOrNone": false, "records": [record(json!("One")), record(json!(null)), record(json!("Three"))] });
    let (status, results) = web.send(Method::POST, "/composite/sobjects/", body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(results[0]["success"], true);
    let missing = json!({ "statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [LastName]", "fields": ["LastName"] });
    assert_eq!(results[1], json!({ "success": false, "errors": [missing] }));
    let ids = [results[0]["id"].as_str().unwrap(), results[2]["id"].as_str().unwrap()];

    let change = |id: &str, title: &str| json!({ "attributes": { "type": "Contact" }, "id": id, "Title": title });
    let unknown = "0030000000000AAAAA";
    let records = json!([change(ids[0], "a"), change(unknown, "b"), change(ids[1], "c"), { "attributes": { "type": "Contact" }, "Title": "d" }]);
    let (_, results) = web.send(Method::PATCH, "/composite/sobjects", json!({ "records": records })).await;
    assert_eq!(results[0], json!({ "id": ids[0], "success": true, "errors": [] }));
    assert_eq!(results[1]["errors"][0]["statusCode"], "INVALID_CROSS_REFERENCE_KEY");
    assert_eq!(results[2]["id"], json!(ids[1]));
    assert_eq!(results[3]["errors"][0]["statusCode"], "MISSING_ARGUMENT");

    let together = json!({ "allOrNone": true, "records": [change(ids[0], "z"), change(ids[1], &"x".repeat(200))] });
    let (_, results) = web.send(Method::PATCH, "/composite/sobjects", together).await;
    assert_eq!(results[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(results[1]["errors"][0]["statusCode"], "STRING_TOO_LONG");

    let asked = json!({ "ids": [ids[1], unknown, ids[0]], "fields": ["Title"] });
    let (_, rows) = web.send(Method::POST, "/composite/sobjects/Contact", asked).await;
    assert_eq!((&rows[0]["Title"], &rows[1], &rows[2]["Title"]), (&json!("c"), &json!(null), &json!("a")));
    let (_, rows) = web.get(&format!("/composite/sobjects/Contact?ids={},{}&fields=Id,Title", ids[0], ids[1])).await;
    assert_eq!(rows[1]["Title"], "c");
    let answer = web.call(Method::DELETE, &format!("/composite/sobjects?ids={},{unknown}", ids[0]), None).await;
    let (_, results) = read(answer).await;
    assert_eq!((&results[0]["success"], &results[1]["success"]), (&json!(true), &json!(false)));

    let many: Vec<Value> = (0..201).map(|_| record(json!("x"))).collect();
    let (status, body) = web.send(Method::POST, "/composite/sobjects", json!({ "records": many })).await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("EXCEEDED_ID_LIMIT")));
}

#[tokio::test]
async fn an_external_id_addresses_a_row() {
    let web = Web::start().await;
    let mut key = FieldSchema::text("Key__c", "Key", 40);
    key.external_id = true;
    web.org.handle().lock().add_custom_field("Contact", key).unwrap();
    let path = "/sobjects/Contact/Key__c/k%201";
    let (status, made) = web.send(Method::PATCH, path, json!({ "LastName": "Ay" })).await;
    assert_eq!((status, &made["created"]), (StatusCode::CREATED, &json!(true)));
    let (status, kept) = web.send(Method::PATCH, path, json!({ "Title": "T" })).await;
    assert_eq!((status, &kept["created"], &kept["id"]), (StatusCode::OK, &json!(false), &made["id"]));
    web.create("Contact", json!({ "LastName": "Bee", "Key__c": "K 1" })).await;
    let (status, urls) = web.get(path).await;
    assert_eq!((status, urls.as_array().unwrap().len()), (StatusCode::MULTIPLE_CHOICES, 2));
}

#[tokio::test]
async fn packed_and_chunked_bodies_are_read_and_answers_are_packed_on_request() {
    let web = Web::start().await;
    let url = web.url("/services/data/v66.0/sobjects/Contact");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(br#"{"LastName":"Packed"}"#).unwrap();
    let packed =
        web.http.post(&url).bearer_auth(&web.token).header("content-encoding", "gzip").body(packer.finish().unwrap());
    assert_eq!(packed.send().await.unwrap().status(), StatusCode::CREATED);
    let chunks = futures::stream::iter(["{\"LastName\":", "\"Chunked\"}"].map(Ok::<_, std::io::Error>));
    let chunked = web.http.post(&url).bearer_auth(&web.token).body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(chunked.send().await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(web.query("SELECT Id FROM Contact WHERE LastName IN ('packed','chunked')").await.1["totalSize"], 2);

    let plain = reqwest::Client::builder().no_gzip().build().unwrap();
    let describe = plain
        .get(format!("{url}/describe"))
        .bearer_auth(&web.token)
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(describe.headers()["content-encoding"], "gzip");
    let head = plain.head(format!("{url}/describe")).bearer_auth(&web.token).send().await.unwrap();
    assert_eq!((head.status(), head.bytes().await.unwrap().len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn a_write_leaves_one_event_with_its_origin_and_only_what_changed() {
    let web = Web::start().await;
    let id = web.create("Contact", json!({ "LastName": "Ay", "Title": "a", "Phone": "1" })).await;
    let start = web.org.handle().lock().latest_replay_id();
    let path = web.url(&format!("/services/data/v66.0/sobjects/Contact/{id}"));
    let patch = |body: Value| {
        let request =
            web.http.patch(&path).bearer_auth(&web.token).header("sforce-call-options", "client=Syncline").json(&body);
        async { assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT) }
    };
    patch(json!({ "Title": "b", "Phone": null })).await;
    patch(json!({ "Title": " b ", "Phone": "" })).await;
    let org = web.org.handle().lock();
    let events: Vec<_> = org.events_after(Some(start)).collect();
    assert_eq!(events.len(), 1, "a write that changes nothing leaves no event");
    let event = events[0];
    assert_eq!((event.change_type, event.record_ids.as_slice()), (ChangeType::Update, [id].as_slice()));
    assert_eq!(event.change_origin, "com/salesforce/api/rest/66.0;client=Syncline");
    let contact = org.object("Contact").unwrap();
    let changed: Vec<&str> = event.values.iter().map(|(index, _)| contact.field(*index).name.as_str()).collect();
    assert_eq!(changed, ["Title", "LastModifiedDate"]);
    let nulled: Vec<&str> = event.nulled.iter().map(|index| contact.field(*index).name.as_str()).collect();
    assert_eq!(nulled, ["Phone"]);
}
