//! Writes that SOAP and the control interface have and REST has not, and the rules that an administrator adds.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::web::Web;

/// Sends a SOAP request of the partner API; the elements of its body are given.
async fn soap(web: &Web, session_id: &str, body: &str) -> (StatusCode, String) {
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:urn=\"urn:partner.soap.sforce.com\">\
         <soapenv:Header><urn:CallOptions><urn:client>Tester</urn:client></urn:CallOptions>\
         <urn:SessionHeader><urn:sessionId>{session_id}</urn:sessionId></urn:SessionHeader></soapenv:Header>\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    let request =
        web.http.post(web.url("/services/Soap/u/60.0")).header("content-type", "text/xml").header("SOAPAction", "\"\"");
    let answer = request.body(envelope).send().await.expect("the org answers");
    (answer.status(), answer.text().await.expect("a body"))
}

async fn control(web: &Web, method: Method, path: &str, body: Value) -> (StatusCode, String) {
    let request = web.http.request(method, web.url(&format!("/__control/{path}"))).json(&body);
    let answer = request.send().await.expect("the org answers");
    (answer.status(), answer.text().await.expect("a body"))
}

fn element<'x>(xml: &'x str, name: &str) -> &'x str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once("</").expect("it ends").0
}

#[tokio::test]
async fn a_merge_over_soap() {
    let web = Web::start().await;
    let master = web.create("Contact", json!({ "LastName": "Master" })).await;
    let loser = web.create("Contact", json!({ "LastName": "Loser" })).await;
    let task = web.create("Task", json!({ "WhoId": loser, "Subject": "Call" })).await;
    let start = web.org.handle().lock().latest_replay_id();
    let body = format!(
        "<urn:merge><urn:request><urn:masterRecord><type>Contact</type><Id>{master}</Id><Title>Chief &amp; more</Title>\
         </urn:masterRecord><urn:recordToMergeIds>{loser}</urn:recordToMergeIds></urn:request></urn:merge>"
    );
    let (status, answer) = soap(&web, &web.token, &body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!((element(&answer, "success"), element(&answer, "id")), ("true", master.as_str()));
    assert_eq!(element(&answer, "mergedRecordIds"), loser);
    assert_eq!(element(&answer, "updatedRelatedIds"), task);
    assert_eq!(web.get(&format!("/sobjects/Contact/{master}")).await.1["Title"], "Chief & more");
    assert_eq!(web.get(&format!("/sobjects/Task/{task}")).await.1["WhoId"], json!(master));
    let (_, gone) = web.get(&format!("/queryAll?q=SELECT+MasterRecordId+FROM+Contact+WHERE+Id='{loser}'")).await;
    assert_eq!(gone["records"][0]["MasterRecordId"], json!(master));
    let org = web.org.handle().lock();
    let origins: Vec<_> = org.events_after(Some(start)).map(|event| event.change_origin.clone()).collect();
    assert!(!origins.is_empty() && origins.iter().all(|origin| origin == "com/salesforce/api/soap/60.0;client=Tester"));
}

#[tokio::test]
async fn a_lead_is_converted_over_soap_once() {
    let web = Web::start().await;
    let lead = web.create("Lead", json!({ "LastName": "Ay", "Company": "Acme" })).await;
    let body = format!(
        "<urn:convertLead><urn:leadConverts><urn:leadId>{lead}</urn:leadId><urn:convertedStatus>Closed - Converted\
         </urn:convertedStatus><urn:doNotCreateOpportunity>true</urn:doNotCreateOpportunity></urn:leadConverts></urn:convertLead>"
    );
    let (_, answer) = soap(&web, &web.token, &body).await;
    assert_eq!((element(&answer, "success"), element(&answer, "leadId")), ("true", lead.as_str()));
    let contact = element(&answer, "contactId");
    let (_, row) = web.get(&format!("/sobjects/Contact/{contact}?fields=LastName,AccountId")).await;
    assert_eq!((&row["LastName"], &row["AccountId"]), (&json!("Ay"), &json!(element(&answer, "accountId"))));
    assert!(answer.contains("<opportunityId xsi:nil=\"true\"/>"), "{answer}");

    let (status, answer) = soap(&web, &web.token, &body).await;
    assert_eq!((status, element(&answer, "success")), (StatusCode::OK, "false"));
    assert_eq!(element(&answer, "statusCode"), "CANNOT_UPDATE_CONVERTED_LEAD");
    let (status, answer) = soap(&web, "wrong", &body).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(element(&answer, "sf:exceptionCode"), "INVALID_SESSION_ID");
}

#[tokio::test]
async fn the_bin_is_emptied_and_undone_over_soap() {
    let web = Web::start().await;
    let kept = web.create("Account", json!({ "Name": "Kept" })).await;
    let gone = web.create("Account", json!({ "Name": "Gone" })).await;
    for id in [&kept, &gone] {
        assert_eq!(web.call(Method::DELETE, &format!("/sobjects/Account/{id}"), None).await.status(), 204);
    }
    let (_, answer) = soap(&web, &web.token, &format!("<undelete><ids>{kept}</ids></undelete>")).await;
    assert_eq!((element(&answer, "success"), element(&answer, "id")), ("true", kept.as_str()));
    let body = format!("<emptyRecycleBin><ids>{gone}</ids><ids>{kept}</ids></emptyRecycleBin>");
    let (_, answer) = soap(&web, &web.token, &body).await;
    let succeeded: Vec<&str> = answer.split("<success>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(succeeded, ["true", "false"]);
    let (_, found) = web.get("/queryAll?q=SELECT+Name+FROM+Account").await;
    assert_eq!((&found["totalSize"], &found["records"][0]["Name"]), (&json!(1), &json!("Kept")));
}

#[tokio::test]
async fn rules_are_set_up_over_the_control_interface() {
    let web = Web::start().await;
    let rule = json!({
        "object": "Opportunity", "name": "Small", "when": "Amount < 100 AND StageName = 'closed won' AND Account.Name != 'Exempt'",
        "message": "Too small to be won", "field": "Amount",
    });
    assert_eq!(control(&web, Method::POST, "validation_rules", rule).await.0, StatusCode::NO_CONTENT);
    let deal = web
        .create(
            "Opportunity",
            json!({ "Name": "D", "StageName": "Prospecting", "CloseDate": "2026-01-31", "Amount": 5 }),
        )
        .await;
    let path = format!("/sobjects/Opportunity/{deal}");
    let (status, refused) = web.send(Method::PATCH, &path, json!({ "StageName": "Closed Won" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let expected = json!([{
        "message": "Too small to be won", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Amount"],
    }]);
    assert_eq!(refused, expected);
    let automation = json!({
        "object": "Opportunity", "name": "Next", "trigger": "update", "when": "NextStep != null",
        "action": { "set": { "field": "NextStep", "to": { "append": "!" } } },
    });
    assert_eq!(control(&web, Method::POST, "automations", automation).await.0, StatusCode::NO_CONTENT);
    web.send(Method::PATCH, &path, json!({ "NextStep": "Call" })).await;
    assert_eq!(web.get(&path).await.1["NextStep"], "Call!");
    for wrong in [
        json!({ "object": "Nope", "name": "n", "message": "m" }),
        json!({ "object": "Lead", "name": "n", "message": "m", "when": "Nope = 1" }),
    ] {
        assert_eq!(control(&web, Method::POST, "validation_rules", wrong).await.0, StatusCode::BAD_REQUEST);
    }
    assert_eq!(control(&web, Method::DELETE, "automations", json!(null)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(web.send(Method::PATCH, &path, json!({ "StageName": "Closed Won" })).await.0, StatusCode::NO_CONTENT);

    let record_type = json!({
        "object": "Lead", "developer_name": "Web", "label": "From the web", "default_for": ["System Administrator"],
        "choices": { "CleanStatus": { "allowed": ["Matched"], "default": "Matched" } },
    });
    assert_eq!(control(&web, Method::POST, "record_types", record_type.clone()).await.0, StatusCode::OK);
    assert_eq!(control(&web, Method::POST, "record_types", record_type).await.0, StatusCode::BAD_REQUEST);
    let lead = web.create("Lead", json!({ "LastName": "Ay", "Company": "Acme" })).await;
    assert_eq!(web.get(&format!("/sobjects/Lead/{lead}")).await.1["CleanStatus"], "Matched");
}

#[tokio::test]
async fn articles_and_people_come_with_their_features() {
    let web = Web::start().await;
    let features = json!({ "person_accounts": true, "knowledge": true });
    let (_, on) = control(&web, Method::PUT, "features", features.clone()).await;
    assert_eq!(serde_json::from_str::<Value>(&on).unwrap(), features);
    let person = web.create("Account", json!({ "LastName": "Ay", "PersonEmail": "a@b.co" })).await;
    let (_, found) = web.query("SELECT PersonContact.Email, IsPersonAccount FROM Account").await;
    assert_eq!(found["records"][0]["PersonContact"]["Email"], "a@b.co", "{found}");
    let (_, row) = web.get(&format!("/sobjects/Account/{person}?fields=Name")).await;
    assert_eq!(row["Name"], "Ay");
    assert_eq!(web.query("SELECT Id FROM Contact WHERE Email = 'a@b.co'").await.1["totalSize"], 1);

    let article =
        web.create("Knowledge__kav", json!({ "Title": "How", "UrlName": "how", "Answer__c": "<b>So</b>" })).await;
    let online = "SELECT Id, Title, VersionNumber FROM KnowledgeArticleVersion WHERE PublishStatus = 'Online' AND Language = 'en_US'";
    assert_eq!(web.query(online).await.1["totalSize"], 0);
    let (status, _) =
        control(&web, Method::POST, "write", json!({ "writes": [{ "publish_article": { "id": article } }] })).await;
    assert_eq!(status, StatusCode::OK);
    let (_, found) = web.query(online).await;
    assert_eq!((&found["records"][0]["Id"], &found["records"][0]["VersionNumber"]), (&json!(article), &json!(1)));
    let (_, row) = web.get(&format!("/sobjects/Knowledge__kav/{article}")).await;
    assert!(row["LastPublishedDate"].is_string() && row["ArticleNumber"] == "000000001", "{row}");
}

#[tokio::test]
async fn another_user_merges_and_converts_over_the_control_interface() {
    let web = Web::start().await;
    let (master, loser) =
        (web.create("Account", json!({ "Name": "A" })).await, web.create("Account", json!({ "Name": "B" })).await);
    let lead = web.create("Lead", json!({ "LastName": "Ay", "Company": "Acme" })).await;
    let writes = json!({ "writes": [
        { "merge": { "master": master, "losers": [loser], "values": { "Phone": "1" } } },
        { "convert": { "lead_id": lead, "converted_status": "Closed - Converted", "account_id": master } },
        { "merge": { "master": master, "losers": [loser] } },
    ] });
    let (_, answer) = control(&web, Method::POST, "write", writes).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let succeeded: Vec<_> = answer.as_array().unwrap().iter().map(|row| row["success"].as_bool().unwrap()).collect();
    assert_eq!(succeeded, [true, true, false], "{answer}");
    assert_eq!(answer[2]["errors"][0]["statusCode"], "ENTITY_IS_DELETED");
    let (_, row) = web.get(&format!("/sobjects/Lead/{lead}")).await;
    assert_eq!((&row["IsConverted"], &row["ConvertedAccountId"]), (&json!(true), &json!(master)));
}
