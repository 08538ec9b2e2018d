//! The standard objects as `describe` tells of them, and record types.

use std::collections::{BTreeSet, HashSet};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::web::Web;

/// What a description of an object has, and nothing else (REST guide; recorded descriptions).
const OBJECT_KEYS: &str = "actionOverrides activateable associateEntityType associateParentEntity childRelationships \
    compactLayoutable createable custom customSetting deepCloneable defaultImplementation deletable deprecatedAndHidden \
    extendedBy extendsInterfaces feedEnabled fields hasSubtypes implementedBy implementsInterfaces isInterface isSubtype \
    keyPrefix label labelPlural layoutable listviewable lookupLayoutable mergeable mruEnabled name namedLayoutInfos \
    networkScopeFieldName queryable recordTypeInfos replicateable retrieveable searchLayoutable searchable \
    sobjectDescribeOption supportedScopes triggerable undeletable updateable urls";
const FIELD_KEYS: &str = "aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete \
    caseSensitive compoundFieldName controllerName createable custom defaultValue defaultValueFormula defaultedOnCreate \
    dependentPicklist deprecatedAndHidden digits displayLocationInDecimal encrypted externalId extraTypeInfo filterable \
    filteredLookupInfo formulaTreatNullNumberAsZero groupable highScaleNumber htmlFormatted idLookup inlineHelpText label \
    length mask maskType name nameField namePointing nillable permissionable picklistValues polymorphicForeignKey precision \
    queryByDistance referenceTargetField referenceTo relationshipName relationshipOrder restrictedDelete restrictedPicklist \
    scale searchPrefilterable soapType sortable type unique updateable writeRequiresMasterRead";

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split_whitespace().collect()
}

#[tokio::test]
async fn every_description_has_the_documented_keys_and_points_to_what_is_there() {
    let web = Web::start().await;
    {
        let now_ms = web.org.handle().now_ms();
        let mut org = web.org.handle().lock();
        org.enable_person_accounts(now_ms);
        org.enable_knowledge(now_ms);
    }
    let (_, global) = web.get("/sobjects").await;
    let names: HashSet<&str> =
        global["sobjects"].as_array().unwrap().iter().map(|object| object["name"].as_str().unwrap()).collect();
    for expected in [
        "Account",
        "Contact",
        "Lead",
        "Opportunity",
        "User",
        "Task",
        "Event",
        "TaskStatus",
        "RecordType",
        "Case",
        "CaseStatus",
        "Campaign",
        "CampaignMember",
        "Organization",
        "Profile",
        "UserRole",
        "Group",
        "PermissionSet",
        "LeadStatus",
        "OpportunityStage",
        "Knowledge__kav",
        "KnowledgeArticleVersion",
    ] {
        assert!(names.contains(expected), "{expected}");
    }
    for name in &names {
        let (status, object) = web.get(&format!("/sobjects/{name}/describe")).await;
        assert_eq!(status, StatusCode::OK, "{name}");
        assert_eq!(keys(&object), words(OBJECT_KEYS), "{name}");
        for field in object["fields"].as_array().unwrap() {
            let path = format!("{name}.{}", field["name"].as_str().unwrap());
            assert_eq!(keys(field), words(FIELD_KEYS), "{path}");
            assert!(!field["label"].as_str().unwrap().is_empty(), "{path}");
            let targets = field["referenceTo"].as_array().unwrap();
            assert!(targets.iter().all(|target| names.contains(target.as_str().unwrap())), "{path}: {targets:?}");
            let is_reference = field["type"] == "reference";
            assert_eq!(
                (is_reference, is_reference),
                (!targets.is_empty(), !field["relationshipName"].is_null()),
                "{path}"
            );
            assert_eq!(field["polymorphicForeignKey"], json!(targets.len() > 1), "{path}");
        }
        let children = object["childRelationships"].as_array().unwrap();
        let named: Vec<&str> = children.iter().filter_map(|child| child["relationshipName"].as_str()).collect();
        let once: HashSet<&str> = named.iter().copied().collect();
        assert_eq!(once.len(), named.len(), "{name}: each name of children once: {named:?}");
        assert!(
            object["fields"].as_array().unwrap().iter().filter(|field| field["nameField"] == true).count() <= 1,
            "{name}"
        );
    }
}

#[tokio::test]
async fn objects_of_a_feature_are_not_there_before_it_is_on() {
    let web = Web::start().await;
    let (status, refused) = web.query("SELECT Id FROM Knowledge__kav").await;
    assert_eq!((status, &refused[0]["errorCode"]), (StatusCode::BAD_REQUEST, &json!("INVALID_TYPE")));
    let (_, account) = web.get("/sobjects/Account/describe").await;
    let names: Vec<&str> =
        account["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect();
    assert!(!names.contains(&"IsPersonAccount") && !names.contains(&"RecordTypeId"));
}

#[tokio::test]
async fn the_lists_of_statuses_say_which_are_closed() {
    let web = Web::start().await;
    for (statement, expected) in [
        ("SELECT MasterLabel FROM TaskStatus WHERE IsClosed = true", "Completed"),
        ("SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true", "Closed - Converted"),
        ("SELECT MasterLabel FROM CaseStatus WHERE IsClosed = true", "Closed"),
        ("SELECT MasterLabel FROM OpportunityStage WHERE IsWon = true", "Closed Won"),
    ] {
        let (_, found) = web.query(statement).await;
        assert_eq!((&found["totalSize"], &found["records"][0]["MasterLabel"]), (&json!(1), &json!(expected)));
    }
}

#[tokio::test]
async fn a_record_type_leaves_its_records_some_choices_and_is_the_profiles_default() {
    let web = Web::start().await;
    let profile = web.query("SELECT Id FROM Profile WHERE Name = 'System Administrator'").await.1;
    let profile = profile["records"][0]["Id"].as_str().unwrap().to_owned();
    let (partner, other) = {
        let now_ms = web.org.handle().now_ms();
        let mut org = web.org.handle().lock();
        let partner = org.add_record_type("Account", "Partner", "Partners", now_ms).unwrap();
        let other = org.add_record_type("Account", "Other", "Others", now_ms).unwrap();
        org.limit_choices(&partner, "CleanStatus", &["Matched", "Pending"], Some("Pending")).unwrap();
        org.set_default_record_type(&profile, &partner).unwrap();
        (partner, other)
    };
    let made = web.create("Account", json!({ "Name": "Acme" })).await;
    let (_, row) = web.get(&format!("/sobjects/Account/{made}?fields=RecordTypeId,CleanStatus")).await;
    assert_eq!((&row["RecordTypeId"], &row["CleanStatus"]), (&json!(partner), &json!("Pending")));
    let (_, found) = web.query("SELECT RecordType.DeveloperName FROM Account").await;
    assert_eq!(found["records"][0]["RecordType"]["DeveloperName"], "Partner");

    let path = format!("/sobjects/Account/{made}");
    let patch = |body: Value| web.send(reqwest::Method::PATCH, &path, body);
    let (status, refused) = patch(json!({ "CleanStatus": "Skipped" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(refused[0]["errorCode"], "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    assert_eq!(refused[0]["message"], "Clean Status: bad value for restricted picklist field: Skipped");
    assert_eq!(patch(json!({ "CleanStatus": "Skipped", "RecordTypeId": other })).await.0, StatusCode::NO_CONTENT);
    let (_, refused) = patch(json!({ "RecordTypeId": profile })).await;
    assert_eq!(refused[0]["errorCode"], "MALFORMED_ID");

    let (_, described) = web.get("/sobjects/Account/describe").await;
    let infos = described["recordTypeInfos"].as_array().unwrap();
    let told: Vec<_> = infos
        .iter()
        .map(|info| (info["developerName"].as_str().unwrap(), &info["defaultRecordTypeMapping"], &info["master"]))
        .collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(told, [("Partner", &yes, &no), ("Other", &no, &no), ("Master", &no, &yes)]);
}
