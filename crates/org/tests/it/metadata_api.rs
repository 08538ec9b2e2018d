//! Custom objects and fields through the Metadata API, in the XML that clients send.

use reqwest::StatusCode;

use crate::web::Web;

/// Calls an operation of the Metadata API as the administrator.
async fn metadata(web: &Web, operation: &str, content: &str) -> (StatusCode, String) {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Header xmlns=\"http://soap.sforce.com/2006/04/metadata\"><SessionHeader><sessionId>{}</sessionId>\
         </SessionHeader></soapenv:Header><soapenv:Body xmlns=\"http://soap.sforce.com/2006/04/metadata\">\
         <{operation}>{content}</{operation}></soapenv:Body></soapenv:Envelope>",
        web.token
    );
    let request = web.http.post(web.url("/services/Soap/m/60.0")).header("content-type", "text/xml").body(body);
    let response = request.send().await.expect("an answer");
    (response.status(), response.text().await.expect("a body"))
}

const BADGE: &str = "<metadata xsi:type=\"CustomObject\"><fullName>Badge__c</fullName><label>Badge</label>\
    <pluralLabel>Badges</pluralLabel><nameField><type>Text</type><label>Badge Name</label></nameField>\
    <deploymentStatus>Deployed</deploymentStatus><sharingModel>ReadWrite</sharingModel>\
    <enableActivities>true</enableActivities><fields><fullName>Level__c</fullName><type>Picklist</type><label>Level</label>\
    <valueSet><valueSetDefinition><sorted>false</sorted><value><fullName>Gold</fullName><default>true</default></value>\
    <value><fullName>Silver</fullName><default>false</default></value></valueSetDefinition></valueSet></fields></metadata>";

#[tokio::test]
async fn objects_come_with_their_fields_and_are_read_listed_and_deleted() {
    let web = Web::start().await;
    let (status, made) = metadata(&web, "createMetadata", BADGE).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    assert!(made.contains("<result><fullName>Badge__c</fullName><success>true</success></result>"), "{made}");
    assert_eq!(web.get("/sobjects/Badge__c/describe").await.0, StatusCode::OK);

    let field = "<metadata xsi:type=\"CustomField\"><fullName>Badge__c.Points__c</fullName><type>Number</type>\
                 <label>Points</label><precision>5</precision><scale>0</scale></metadata>";
    for created in [true, false] {
        let (_, written) = metadata(&web, "upsertMetadata", field).await;
        assert!(written.contains(&format!("<created>{created}</created>")), "{written}");
    }
    let (_, refused) = metadata(&web, "createMetadata", field).await;
    assert!(refused.contains("<statusCode>DUPLICATE_DEVELOPER_NAME</statusCode>"), "{refused}");
    assert!(refused.contains("<success>false</success>"));

    let wanted = "<type>CustomObject</type><fullNames>Badge__c</fullNames><fullNames>Nobody__c</fullNames>";
    let (_, read) = metadata(&web, "readMetadata", wanted).await;
    assert!(read.contains("<records xsi:type=\"CustomObject\"><fullName>Badge__c</fullName>"), "{read}");
    assert!(read.contains("<valueName>Gold</valueName>") && read.contains("<fullName>Points__c</fullName>"), "{read}");
    assert!(read.contains("<enableActivities>true</enableActivities>") && read.contains("<records xsi:nil=\"true\"/>"));

    let (_, listed) = metadata(&web, "listMetadata", "<queries><type>CustomField</type></queries>").await;
    assert!(listed.contains("<fullName>Badge__c.Level__c</fullName>"), "{listed}");
    let (_, described) = metadata(&web, "describeMetadata", "<asOfVersion>60.0</asOfVersion>").await;
    assert!(described.contains("<xmlName>CustomObject</xmlName>"), "{described}");

    let wanted = "<type>CustomObject</type><fullNames>Badge__c</fullNames>";
    for success in [true, false] {
        let (_, deleted) = metadata(&web, "deleteMetadata", wanted).await;
        assert!(deleted.contains(&format!("<success>{success}</success>")), "{deleted}");
    }
    assert_eq!(web.get("/sobjects/Badge__c/describe").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_here_is_said_not_to_be() {
    let web = Web::start().await;
    let (status, answer) = metadata(&web, "deploy", "").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.contains("No operation available for request"), "{answer}");
    let flow = "<metadata xsi:type=\"Flow\"><fullName>F</fullName></metadata>";
    assert!(metadata(&web, "createMetadata", flow).await.1.contains("<statusCode>INVALID_TYPE</statusCode>"));
    let bad = BADGE.replace("<label>Level</label>", "");
    assert!(metadata(&web, "createMetadata", &bad).await.1.contains("FIELD_INTEGRITY_EXCEPTION"));
    assert_eq!(web.get("/sobjects/Badge__c/describe").await.0, StatusCode::NOT_FOUND, "all of it or none");

    let stranger = Web { token: "00D000000000001!none".to_owned(), ..web };
    let (status, answer) = metadata(&stranger, "describeMetadata", "").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.contains("INVALID_SESSION_ID"), "{answer}");
}
