//! The rest of the data API: external ids, relationships, conditions, what changed, layouts, search.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use syncline_org::core::value::format_datetime;
use syncline_org::core::{FieldSchema, FieldValue, Write, WriteContext};

use crate::web::{Web, read};

fn add_key(web: &Web) {
    let mut key = FieldSchema::text("Key__c", "Key", 40);
    key.external_id = true;
    web.org.handle().lock().add_custom_field("Contact", key).expect("the field is new");
}

async fn call_with(web: &Web, method: Method, path: &str, header: (&str, &str), body: Option<Value>) -> Response {
    let mut request = web.http.request(method, web.url(&format!("/services/data/v66.0{path}"))).bearer_auth(&web.token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    request.header(header.0, header.1).send().await.expect("the org answers")
}

#[tokio::test]
async fn an_upsert_answers_as_its_version_did() {
    let web = Web::start().await;
    add_key(&web);
    web.create("Contact", json!({ "LastName": "Ay", "Key__c": "a/b c" })).await;
    let old = web.url("/services/data/v45.0/sobjects/Contact/Key__c/a%2Fb%20c");
    let patch = |title: &str| web.http.patch(&old).bearer_auth(&web.token).json(&json!({ "Title": title }));
    assert_eq!(patch("x").send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let path = "/sobjects/Contact/Key__c/nobody";
    let only = web.send(Method::PATCH, &format!("{path}?updateOnly=true"), json!({ "LastName": "N" })).await;
    assert_eq!(only.0, StatusCode::NOT_FOUND);
    assert_eq!(web.send(Method::POST, "/sobjects/Contact/Id", json!({ "LastName": "N" })).await.0, StatusCode::CREATED);
    let unknown = web.send(Method::PATCH, "/sobjects/Contact/Title/x", json!({})).await;
    let words = "Provided external ID field does not exist or is not accessible: Title";
    assert_eq!((unknown.0, &unknown.1[0]["message"]), (StatusCode::NOT_FOUND, &json!(words)));
    let gone = web.call(Method::DELETE, "/sobjects/Contact/Key__c/a%2Fb%20c", None).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(web.get("/sobjects/Contact/Key__c/a%2Fb%20c").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_collection_is_upserted_by_external_id() {
    let web = Web::start().await;
    add_key(&web);
    let id = web.create("Contact", json!({ "LastName": "Ay", "Key__c": "one" })).await;
    for _ in 0..2 {
        web.create("Contact", json!({ "LastName": "Twin", "Key__c": "twin" })).await;
    }
    let record = |key: Value| json!({ "attributes": { "type": "Contact" }, "LastName": "New", "Key__c": key });
    let records = json!([
        record(json!("ONE")),
        record(json!("two")),
        record(json!("twin")),
        record(json!(null)),
        record(json!("two"))
    ]);
    let (status, results) =
        web.send(Method::PATCH, "/composite/sobjects/contact/key__c", json!({ "records": records })).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(results[0], json!({ "id": id, "success": true, "errors": [], "created": false }));
    assert_eq!((&results[1]["success"], &results[1]["created"]), (&json!(true), &json!(true)));
    let codes: Vec<&Value> = (2..5).map(|at| &results[at]["errors"][0]["statusCode"]).collect();
    assert_eq!(codes, ["DUPLICATE_EXTERNAL_ID", "MISSING_ARGUMENT", "DUPLICATE_VALUE"]);
    assert_eq!(web.query("SELECT COUNT() FROM Contact WHERE LastName = 'New'").await.1["totalSize"], 2);
    let (status, _) = web.send(Method::PATCH, "/composite/sobjects/Contact/Title", json!({ "records": [] })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn relationships_lead_to_parents_and_children() {
    let web = Web::start().await;
    let account = web.create("Account", json!({ "Name": "Acme" })).await;
    let ann = web.create("Contact", json!({ "LastName": "Ay", "AccountId": account })).await;
    let lone = web.create("Contact", json!({ "LastName": "Lone" })).await;
    let parent = format!("/sobjects/Contact/{ann}/account");
    let (_, row) = web.get(&format!("{parent}?fields=Name")).await;
    assert_eq!((&row["Name"], &row["attributes"]["type"]), (&json!("Acme"), &json!("Account")));
    assert_eq!(web.send(Method::PATCH, &parent, json!({ "Name": "Acme 2" })).await.0, StatusCode::NO_CONTENT);
    let children = format!("/sobjects/Account/{account}/Contacts");
    let (_, page) = web.get(&format!("{children}?fields=LastName,Account.Name")).await;
    assert_eq!((&page["totalSize"], &page["done"]), (&json!(1), &json!(true)));
    assert_eq!(page["records"][0]["Account"]["Name"], "Acme 2");
    assert_eq!(web.get(&children).await.1["records"][0]["LastName"], "Ay");
    for path in [format!("/sobjects/Contact/{lone}/Account"), format!("/sobjects/Contact/{ann}/Nothing__r")] {
        assert_eq!(web.get(&path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(web.send(Method::PATCH, &children, json!({})).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(web.call(Method::DELETE, &parent, None).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(web.get(&format!("/sobjects/Account/{account}")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_row_is_read_and_written_on_conditions() {
    let web = Web::start().await;
    let id = web.create("Contact", json!({ "LastName": "Ay" })).await;
    let path = format!("/sobjects/Contact/{id}");
    let first = web.call(Method::GET, &path, None).await;
    let etag = first.headers()["etag"].to_str().unwrap().to_owned();
    let modified = first.headers()["last-modified"].to_str().unwrap().to_owned();
    assert!(modified.ends_with(" GMT"), "{modified}");
    let status = async |method: Method, header: (&str, &str), body: Option<Value>| {
        call_with(&web, method, &path, header, body).await.status()
    };
    let change = |title: &str| Some(json!({ "Title": title }));
    assert_eq!(status(Method::GET, ("if-none-match", &etag), None).await, StatusCode::NOT_MODIFIED);
    assert_eq!(status(Method::GET, ("if-modified-since", &modified), None).await, StatusCode::NOT_MODIFIED);
    let long_ago = "Thu, 01 Jan 2015 00:00:00 GMT";
    assert_eq!(status(Method::GET, ("if-modified-since", long_ago), None).await, StatusCode::OK);
    let refused = StatusCode::PRECONDITION_FAILED;
    assert_eq!(status(Method::PATCH, ("if-unmodified-since", long_ago), change("x")).await, refused);
    assert_eq!(status(Method::PATCH, ("if-match", "\"other\""), change("x")).await, refused);
    assert_eq!(status(Method::PATCH, ("if-match", &etag), change("y")).await, StatusCode::NO_CONTENT);
    // The record is another now, within the same second too.
    assert_eq!(status(Method::DELETE, ("if-match", &etag), None).await, refused);
    assert_eq!(status(Method::GET, ("if-none-match", &etag), None).await, StatusCode::OK);
    assert_eq!(web.get(&format!("{path}?fields=Title")).await.1["Title"], "y");
}

#[tokio::test]
async fn a_description_is_sent_again_when_it_changed() {
    let web = Web::start().await;
    for path in ["/sobjects", "/sobjects/Contact/describe"] {
        let first = web.call(Method::GET, path, None).await;
        let modified = first.headers()["last-modified"].to_str().unwrap().to_owned();
        let etag = first.headers()["etag"].to_str().unwrap().to_owned();
        let unchanged = call_with(&web, Method::GET, path, ("if-modified-since", &modified), None).await;
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(unchanged.text().await.unwrap(), "");
        let known = call_with(&web, Method::GET, path, ("if-none-match", &etag), None).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{path}");
        if path.ends_with("describe") {
            add_key(&web);
            for header in [("if-modified-since", modified.as_str()), ("if-none-match", &etag)] {
                let changed = call_with(&web, Method::GET, path, header, None).await;
                assert_eq!(changed.status(), StatusCode::OK, "{header:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_changed_and_what_was_deleted_can_be_asked_for() {
    let web = Web::start().await;
    let now_ms = web.org.handle().now_ms();
    let hour = 3_600_000;
    let row = |name: &str, at_ms: i64| {
        vec![("LastName", FieldValue::text(name)), ("CreatedDate", FieldValue::DateTime(at_ms / 1000 * 1000))]
    };
    let rows = vec![row("old", now_ms - 5 * hour), row("recent", now_ms - hour)];
    let ids = web.org.handle().lock().load("Contact", rows, now_ms).unwrap();
    let fresh = web.create("Contact", json!({ "LastName": "fresh" })).await;
    web.call(Method::DELETE, &format!("/sobjects/Contact/{fresh}"), None).await;
    let span = async |kind: &str, start_ms: i64, end_ms: i64| {
        let url = web.url(&format!("/services/data/v66.0/sobjects/Contact/{kind}/"));
        let span = [("start", format_datetime(start_ms)), ("end", format_datetime(end_ms))];
        read(web.http.get(url).query(&span).bearer_auth(&web.token).send().await.unwrap()).await
    };
    let (status, body) = span("updated", now_ms - 2 * hour, now_ms + hour).await;
    assert_eq!((status, &body["ids"]), (StatusCode::OK, &json!([ids[1]])), "{body}");
    assert!(body["latestDateCovered"].as_str().unwrap().ends_with(":00.000+0000"));
    let (_, body) = span("deleted", now_ms - 2 * hour, now_ms + hour).await;
    assert_eq!(body["deletedRecords"][0]["id"], fresh.as_str());
    assert!(body["earliestDateAvailable"].is_string());
    let write = Write::EmptyBin { id: fresh.clone() };
    let context = WriteContext {
        user_id: web.org.handle().lock().admin_user_id().to_owned(),
        change_origin: String::new(),
        now_ms: web.org.handle().now_ms(),
    };
    web.org.handle().commit(&context, true, vec![write]).remove(0).unwrap();
    let (_, body) = span("deleted", now_ms - 2 * hour, now_ms + hour).await;
    assert_eq!(body["deletedRecords"][0]["id"], fresh.as_str(), "the log knows what has left the bin");
    let month = 31 * 24 * hour;
    for (start_ms, end_ms) in [(now_ms, now_ms + 1000), (now_ms, now_ms - hour), (now_ms - month, now_ms)] {
        let (status, body) = span("updated", start_ms, end_ms).await;
        assert_eq!((status, &body[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("INVALID_REPLICATION_DATE")));
    }
    assert_eq!(web.get("/sobjects/Contact/updated").await.1[0]["errorCode"], "MISSING_ARGUMENT");
    assert_eq!(
        web.get("/limits/recordCount?sObjects=Contact,Gadget").await.1,
        json!({ "sObjects": [{ "count": 2, "name": "Contact" }] })
    );
}

#[tokio::test]
async fn layouts_show_every_field() {
    let web = Web::start().await;
    let (status, body) = web.get("/sobjects/Account/describe/layouts/").await;
    assert_eq!(status, StatusCode::OK);
    let master = body["recordTypeMappings"][0]["recordTypeId"].as_str().unwrap();
    assert_eq!(body["recordTypeMappings"][0]["layoutId"], body["layouts"][0]["id"]);
    let (_, layout) = web.get(&format!("/sobjects/Account/describe/layouts/{master}")).await;
    let rows = layout["editLayoutSections"][0]["layoutRows"].as_array().unwrap();
    let items = rows.iter().flat_map(|row| row["layoutItems"].as_array().unwrap());
    let name = items.into_iter().find(|item| item["layoutComponents"][0]["value"] == "Name").unwrap();
    assert_eq!((&name["required"], &name["editableForNew"]), (&json!(true), &json!(true)));
    let (_, compact) = web.get("/sobjects/Account/describe/compactLayouts").await;
    assert_eq!(compact["compactLayouts"][0]["name"], "SYSTEM");
    assert_eq!(web.get("/sobjects/Account/describe/layouts/012000000000001AAA").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn records_looked_at_are_remembered_on_request() {
    let web = Web::start().await;
    let id = web.create("Contact", json!({ "LastName": "Ay" })).await;
    let path = format!("/sobjects/Contact/{id}");
    web.get(&path).await;
    assert_eq!(web.get("/recent").await, (StatusCode::OK, json!([])));
    call_with(&web, Method::GET, &path, ("sforce-mru", "updateMru=true"), None).await;
    assert_eq!(web.get("/recent?limit=3").await.1[0]["Name"], "Ay");
    assert_eq!(web.get("/sobjects/Contact").await.1["recentItems"][0]["Id"], id.as_str());
}

#[tokio::test]
async fn words_are_searched_for() {
    let web = Web::start().await;
    web.create("Account", json!({ "Name": "Acme Corp", "Industry": "Energy" })).await;
    web.create("Account", json!({ "Name": "Other Acme" })).await;
    web.create("Contact", json!({ "LastName": "Acme", "Email": "ann@acme.io" })).await;
    let search = async |path: &str, name: &str, value: &str| {
        let url = web.url(&format!("/services/data/v66.0/{path}/"));
        read(web.http.get(url).query(&[(name, value)]).bearer_auth(&web.token).send().await.unwrap()).await
    };
    let statement = "FIND {acm*} IN ALL FIELDS RETURNING Account(Id, Name WHERE Industry = null), Contact(LastName)";
    let (status, body) = search("search", "q", statement).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let names: Vec<&Value> = body["searchRecords"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record.get("Name").unwrap_or(&record["LastName"]))
        .collect();
    assert_eq!(names, ["Other Acme", "Acme"]);
    let (_, body) = search("search", "q", "FIND {ann@acme.io} IN EMAIL FIELDS").await;
    assert_eq!(body["searchRecords"][0]["attributes"]["type"], "Contact");
    let (_, body) = search("parameterizedSearch", "q", "nothing of it").await;
    assert_eq!(body, json!({ "searchRecords": [] }));
    let asked = json!({ "q": "corp", "fields": ["Name"], "sobjects": [{ "name": "Account" }], "in": "NAME" });
    let (_, body) = web.send(Method::POST, "/parameterizedSearch", asked).await;
    assert_eq!(body["searchRecords"][0]["Name"], "Acme Corp");
    let (status, body) = search("search", "q", "FIND acme").await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("MALFORMED_SEARCH")));
}

#[tokio::test]
async fn mistakes_in_a_request_have_their_own_answers() {
    let web = Web::start().await;
    let url = web.url("/services/data/v66.0/sobjects/Contact");
    let xml = web.http.post(&url).bearer_auth(&web.token).header("content-type", "application/xml").body("<x/>");
    let (status, body) = read(xml.send().await.unwrap()).await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::UNSUPPORTED_MEDIA_TYPE, &json!("UNSUPPORTED_MEDIA_TYPE")));
    let long = web.http.get(web.url("/services/data/v66.0/query")).query(&[("q", "x".repeat(17_000))]);
    assert_eq!(long.bearer_auth(&web.token).send().await.unwrap().status(), StatusCode::URI_TOO_LONG);
    let headers = call_with(&web, Method::GET, "/limits", ("x-long", &"x".repeat(16_500)), None).await;
    assert_eq!(headers.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let (status, body) = web.send(Method::DELETE, "/sobjects/Contact", json!(null)).await;
    let words = "HTTP Method 'DELETE' not allowed. Allowed are GET, HEAD, POST";
    assert_eq!((status, &body[0]["message"]), (StatusCode::METHOD_NOT_ALLOWED, &json!(words)));
    let account = web.create("Account", json!({ "Name": "Acme" })).await;
    assert_eq!(web.get(&format!("/sobjects/Contact/{account}")).await.0, StatusCode::NOT_FOUND);
    let (status, body) =
        web.send(Method::PATCH, &format!("/sobjects/Contact/{account}"), json!({ "Title": "x" })).await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("MALFORMED_ID")));
    let head = web.call(Method::HEAD, &format!("/sobjects/Account/{account}"), None).await;
    assert_eq!((head.status(), head.text().await.unwrap()), (StatusCode::OK, String::new()));
}

#[tokio::test]
async fn pages_of_wide_records_are_shorter_and_locators_expire() {
    let web = Web::start().await;
    let note = "x".repeat(6_000);
    let row =
        |n: usize| vec![("LastName", FieldValue::text(&format!("N{n:04}"))), ("Description", FieldValue::text(&note))];
    web.org.handle().lock().load("Contact", (0..900).map(row).collect(), 0).unwrap();
    let (_, narrow) = web.query("SELECT LastName FROM Contact").await;
    assert_eq!((&narrow["done"], narrow["records"].as_array().unwrap().len()), (&json!(true), 900));
    let (_, mut page) = web.query("SELECT LastName, Description FROM Contact ORDER BY LastName").await;
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    let mut last_url = String::new();
    loop {
        let records = page["records"].as_array().unwrap();
        sizes.push(records.len());
        names.extend(records.iter().map(|record| record["LastName"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        last_url = web.url(next);
        page = read(web.http.get(&last_url).bearer_auth(&web.token).send().await.unwrap()).await.1;
    }
    assert!(sizes.len() > 2 && sizes[0] >= 200 && sizes[0] < 900, "{sizes:?}");
    assert_eq!(names, (0..900).map(|n| format!("N{n:04}")).collect::<Vec<_>>());
    web.org.handle().lock().set_query_locator_life_ms(0);
    let expired = read(web.http.get(&last_url).bearer_auth(&web.token).send().await.unwrap()).await;
    let words = json!([{ "message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR" }]);
    assert_eq!(expired, (StatusCode::BAD_REQUEST, words));
}

#[tokio::test]
async fn a_query_that_comes_to_too_much_runs_too_long_and_a_narrower_one_does_not() {
    let web = Web::start().await;
    let row = |n: usize| vec![("LastName", FieldValue::text(&format!("N{n}")))];
    web.org.handle().lock().load("Contact", (0..30).map(row).collect(), 0).unwrap();
    web.org.handle().lock().set_query_rows_max(Some(20));
    let words = json!([{ "message": "Your query request was running for too long.", "errorCode": "QUERY_TIMEOUT" }]);
    assert_eq!(web.query("SELECT Id FROM Contact").await, (StatusCode::BAD_REQUEST, words));
    assert_eq!(web.query("SELECT Id FROM Contact WHERE LastName < 'N2'").await.0, StatusCode::OK);
}
