//! Several requests in one: composite, batch, graph and tree.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_org::core::ChangeType;

use crate::web::Web;

const BASE: &str = "/services/data/v66.0";

fn part(method: &str, path: &str, reference: &str, body: Value) -> Value {
    json!({ "method": method, "url": format!("{BASE}{path}"), "referenceId": reference, "body": body })
}

async fn composite(web: &Web, all_or_none: bool, parts: Value) -> Value {
    let body = json!({ "allOrNone": all_or_none, "compositeRequest": parts });
    let (status, body) = web.send(Method::POST, "/composite", body).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["compositeResponse"].clone()
}

fn statuses(answers: &Value) -> Vec<u64> {
    answers
        .as_array()
        .expect("answers")
        .iter()
        .map(|answer| answer["httpStatusCode"].as_u64().expect("a status"))
        .collect()
}

#[tokio::test]
async fn parts_use_what_parts_before_them_were_answered() {
    let web = Web::start().await;
    let answers = composite(
        &web,
        false,
        json!([
            part("POST", "/sobjects/Account", "acme", json!({ "Name": "Acme" })),
            part("POST", "/sobjects/Contact", "ann", json!({ "LastName": "Ay", "AccountId": "@{acme.id}" })),
            part(
                "GET",
                "/query?q=SELECT+Id,Account.Name+FROM+Contact+WHERE+AccountId='@{acme.id}'",
                "found",
                json!(null)
            ),
            part(
                "PATCH",
                "/sobjects/Contact/@{found.records[0].Id}",
                "changed",
                json!({ "Title": "of @{found.records[0].Account.Name}" })
            ),
            part("GET", "/sobjects/Contact/@{ann.id}?fields=Title", "read", json!(null)),
            part("GET", "/sobjects/Contact/@{nobody.id}", "lost", json!(null)),
        ]),
    )
    .await;
    assert_eq!(statuses(&answers), [201, 201, 200, 204, 200, 400]);
    let acme = answers[0]["body"]["id"].as_str().unwrap();
    assert_eq!(answers[0]["httpHeaders"]["Location"], format!("{BASE}/sobjects/Account/{acme}"));
    assert_eq!(answers[3]["body"], json!(null));
    assert_eq!(answers[4]["body"]["Title"], "of Acme");
    let words = "Invalid reference specified. No value for nobody.id found in nobody";
    assert_eq!(answers[5]["body"], json!([{ "errorCode": "PROCESSING_HALTED", "message": words }]));
    // One request, whatever is in it.
    assert_eq!(web.org.handle().ledger().report().total, 1);
}

#[tokio::test]
async fn all_or_none_takes_everything_back_and_tells_nobody() {
    let web = Web::start().await;
    let id = web.create("Contact", json!({ "LastName": "Ay", "Title": "before" })).await;
    let before = web.org.handle().lock().latest_replay_id();
    let parts = |email: &str| {
        json!([
            part("POST", "/sobjects/Account", "acme", json!({ "Name": "Acme" })),
            part(
                "PATCH",
                &format!("/sobjects/Contact/{id}"),
                "one",
                json!({ "Title": "after", "AccountId": "@{acme.id}" })
            ),
            part(
                "POST",
                "/composite/sobjects",
                "some",
                json!({ "records": [{ "attributes": { "type": "Lead" }, "LastName": "L", "Company": "C" }] })
            ),
            part("PATCH", &format!("/sobjects/Contact/{id}"), "two", json!({ "Email": email })),
            part("DELETE", &format!("/sobjects/Contact/{id}"), "three", json!(null)),
        ])
    };
    let answers = composite(&web, true, parts("nonsense")).await;
    assert_eq!(statuses(&answers), [400; 5]);
    assert_eq!(answers[3]["body"][0]["errorCode"], "INVALID_EMAIL_ADDRESS");
    for other in [0, 1, 2, 4] {
        assert_eq!(answers[other]["body"][0]["errorCode"], "PROCESSING_HALTED", "{other}");
    }
    assert_eq!(web.query("SELECT COUNT() FROM Account").await.1["totalSize"], 0);
    assert_eq!(web.query("SELECT COUNT() FROM Lead").await.1["totalSize"], 0);
    assert_eq!(web.get(&format!("/sobjects/Contact/{id}?fields=Title")).await.1["Title"], "before");
    assert_eq!(web.org.handle().lock().latest_replay_id(), before);

    let answers = composite(&web, true, parts("a@b.io")).await;
    assert_eq!(statuses(&answers), [201, 204, 200, 204, 204]);
    let org = web.org.handle().lock();
    let events: Vec<_> =
        org.events_after(Some(before)).map(|event| (event.entity.as_str(), event.change_type)).collect();
    // One transaction: the contact's changes and its end are one event.
    assert_eq!(
        events,
        [("Account", ChangeType::Create), ("Contact", ChangeType::Delete), ("Lead", ChangeType::Create)]
    );
}

#[tokio::test]
async fn a_composite_request_has_limits() {
    let web = Web::start().await;
    let many: Vec<Value> = (0..26).map(|n| part("GET", "/limits", &format!("r{n}"), json!(null))).collect();
    let heavy: Vec<Value> =
        (0..6).map(|n| part("GET", "/query/?q=SELECT+Id+FROM+Lead", &format!("r{n}"), json!(null))).collect();
    let twice = json!([part("GET", "/limits", "same", json!(null)), part("GET", "/limits", "same", json!(null))]);
    for (parts, code) in [(json!(many), "LIMIT_EXCEEDED"), (json!(heavy), "LIMIT_EXCEEDED"), (twice, "INVALID_INPUT")] {
        let (status, body) = web.send(Method::POST, "/composite", json!({ "compositeRequest": parts })).await;
        assert_eq!((status, &body[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!(code)));
    }
    let nested = part("POST", "/composite", "inner", json!({ "compositeRequest": [] }));
    assert_eq!(statuses(&composite(&web, false, json!([nested])).await), [404]);
}

#[tokio::test]
async fn a_batch_goes_on_or_halts() {
    let web = Web::start().await;
    let requests = json!([
        { "method": "POST", "url": "v66.0/sobjects/Contact", "richInput": { "LastName": "Ay" } },
        { "method": "GET", "url": "/services/data/v66.0/sobjects/Gadget/describe" },
        { "method": "GET", "url": "/services/data/v60.0/query/?q=SELECT%20LastName%20FROM%20Contact" },
    ]);
    let (status, body) = web.send(Method::POST, "/composite/batch/", json!({ "batchRequests": requests })).await;
    assert_eq!((status, &body["hasErrors"]), (StatusCode::OK, &json!(true)));
    assert_eq!(body["results"][0]["statusCode"], 201);
    assert_eq!(body["results"][1]["result"][0]["errorCode"], "NOT_FOUND");
    let record = &body["results"][2]["result"]["records"][0];
    assert_eq!(record["LastName"], "Ay");
    assert!(record["attributes"]["url"].as_str().unwrap().starts_with("/services/data/v60.0/"));
    let halting = json!({ "haltOnError": true, "batchRequests": requests });
    let (_, body) = web.send(Method::POST, "/composite/batch", halting).await;
    assert_eq!(body["results"][2]["statusCode"], 412);
    assert_eq!(body["results"][2]["result"][0]["errorCode"], "BATCH_PROCESSING_HALTED");
}

#[tokio::test]
async fn each_graph_stands_or_falls_as_a_whole() {
    let web = Web::start().await;
    let graph = |id: &str, last_name: Value| {
        json!({ "graphId": id, "compositeRequest": [
            part("POST", "/sobjects/Account", "acme", json!({ "Name": id })),
            part("POST", "/sobjects/Contact", "ann", json!({ "LastName": last_name, "AccountId": "@{acme.id}" })),
        ]})
    };
    let body = json!({ "graphs": [graph("good", json!("Ay")), graph("bad", json!(null))] });
    let (status, body) = web.send(Method::POST, "/composite/graph", body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&body["graphs"][0]["isSuccessful"], &body["graphs"][1]["isSuccessful"]), (&json!(true), &json!(false)));
    assert_eq!(statuses(&body["graphs"][0]["graphResponse"]["compositeResponse"]), [201, 201]);
    let (_, names) = web.query("SELECT Name FROM Account").await;
    assert_eq!((&names["totalSize"], &names["records"][0]["Name"]), (&json!(1), &json!("good")));
}

#[tokio::test]
async fn a_tree_is_planted_whole_or_not_at_all() {
    let web = Web::start().await;
    let tree = |email: &str| {
        json!({ "records": [{
            "attributes": { "type": "Account", "referenceId": "acme" },
            "Name": "Acme",
            "Contacts": { "records": [
                { "attributes": { "type": "Contact", "referenceId": "ann" }, "LastName": "Ay", "Email": email },
                { "attributes": { "type": "Contact", "referenceId": "ben" }, "LastName": "Bee" },
            ]},
        }]})
    };
    let (status, body) = web.send(Method::POST, "/composite/tree/Account/", tree("nonsense")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let error = json!({ "statusCode": "INVALID_EMAIL_ADDRESS", "message": "Email: invalid email address: nonsense", "fields": ["Email"] });
    assert_eq!(body, json!({ "hasErrors": true, "results": [{ "referenceId": "ann", "errors": [error] }] }));
    assert_eq!(web.query("SELECT COUNT() FROM Account").await.1["totalSize"], 0);

    let (status, body) = web.send(Method::POST, "/composite/tree/Account", tree("a@b.io")).await;
    assert_eq!((status, &body["hasErrors"]), (StatusCode::CREATED, &json!(false)));
    let references: Vec<&str> =
        body["results"].as_array().unwrap().iter().map(|result| result["referenceId"].as_str().unwrap()).collect();
    assert_eq!(references, ["acme", "ann", "ben"]);
    let (_, found) = web.query("SELECT Id FROM Contact WHERE Account.Name = 'Acme'").await;
    assert_eq!(found["totalSize"], 2);
    let missing = json!({ "records": [{ "attributes": { "type": "Account" }, "Name": "x" }] });
    assert_eq!(web.send(Method::POST, "/composite/tree/Account", missing).await.1[0]["errorCode"], "INVALID_INPUT");
}
