//! The doctor: what it finds in an org where something is wrong, and in one where nothing is.

use serde_json::json;
use syncline_model::{
    connector::{Connector, ErrorKind, ExaminedObject},
    examination::{Finding, Verdict},
};
use syncline_org::{Fault, FaultRule, Faults, OrgOptions, core::Edition};

use crate::connected::{Connected, connect, connect_to};

fn contact(written: &[&str]) -> ExaminedObject {
    ExaminedObject {
        object: "Contact".into(),
        key_field: "Email".into(),
        read: vec!["Title".into()],
        written: written.iter().map(|name| (*name).to_owned()).collect(),
    }
}

async fn examine(connected: &Connected, objects: &[ExaminedObject]) -> Vec<Finding> {
    connected.salesforce.examine(objects).await.unwrap()
}

/// The verdict and the words of a check on a subject.
#[track_caller]
fn told<'f>(findings: &'f [Finding], check: &str, subject: Option<&str>) -> (Verdict, &'f str) {
    let is_it = |finding: &&Finding| finding.check == check && finding.subject.as_deref() == subject;
    let finding = findings.iter().find(is_it).unwrap_or_else(|| panic!("no {check} of {subject:?} in {findings:#?}"));
    assert_eq!(finding.remedy.is_none(), finding.verdict == Verdict::Good, "{finding:?}");
    (finding.verdict, &finding.message)
}

#[tokio::test]
async fn in_an_org_where_all_is_well_nothing_is_found() {
    let connected = connect().await;
    let findings = examine(&connected, &[contact(&["Department"])]).await;
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Good), "{findings:#?}");
    for check in ["edition", "permissions", "limits", "change_data_capture", "object_access", "field_access"] {
        assert!(findings.iter().any(|finding| finding.check == check), "{check}");
    }
    let calls = connected.org.handle().ledger().report().total;
    assert!(calls <= 9, "an examination of one object costs {calls} calls");
}

#[tokio::test]
async fn missing_permissions_and_fields_are_problems_with_a_remedy() {
    let connected = connect().await;
    let hidden = ExaminedObject { read: vec!["Nope__c".into()], ..contact(&["CreatedDate"]) };
    let nobody = ExaminedObject { object: "Nope__c".into(), ..contact(&[]) };
    let findings = examine(&connected, &[hidden, nobody]).await;
    assert_eq!(
        told(&findings, "field_access", Some("Contact")),
        (Verdict::Problem, "The connected user can not see Nope__c.")
    );
    let fixed = findings.iter().filter(|finding| finding.check == "field_access").nth(1).unwrap();
    assert!(fixed.message.contains("can not change CreatedDate"), "{fixed:?}");
    assert_eq!(told(&findings, "object_access", Some("Nope__c")).0, Verdict::Problem);

    connected.as_standard_user().await;
    let findings = examine(&connected, &[contact(&["Department"])]).await;
    let (verdict, words) = told(&findings, "permissions", Some("Customize Application"));
    assert_eq!(verdict, Verdict::Warning);
    assert!(words.contains("no fields"), "{words}");
    assert_eq!(told(&findings, "permissions", Some("View All Data")).0, Verdict::Warning);
}

#[tokio::test]
async fn duplicates_of_the_match_key_are_counted() {
    let connected = connect().await;
    for email in ["a@x.test", "a@x.test", "b@x.test", "b@x.test", "c@x.test"] {
        connected.contact(email);
    }
    let findings = examine(&connected, &[contact(&[])]).await;
    let expected = (Verdict::Warning, "2 values are shared by several records.");
    assert_eq!(told(&findings, "duplicates", Some("Contact.Email")), expected);
}

#[tokio::test]
async fn restricted_picklists_are_told_with_the_record_types_that_leave_less() {
    let connected = connect().await;
    let field = json!({
        "FullName": "Contact.Tier__c",
        "Metadata": {"type": "Picklist", "label": "Tier", "valueSet": {"restricted": true, "valueSetDefinition": {
            "sorted": false, "value": [{"fullName": "Gold", "label": "Gold", "default": false},
                {"fullName": "Silver", "label": "Silver", "default": false}]}}},
    });
    connected.send(reqwest::Method::POST, "/tooling/sobjects/CustomField", field).await;
    connected.give_access("Contact", "Tier__c").await;
    let findings = examine(&connected, &[contact(&["Tier__c"])]).await;
    let (verdict, words) = told(&findings, "restricted_picklists", Some("Contact.Tier__c"));
    assert_eq!((verdict, words), (Verdict::Warning, "Only its 2 values are taken; any other becomes a sync issue."));

    let handle = connected.org.handle();
    let now_ms = handle.now_ms();
    let partner = handle.lock().add_record_type("Contact", "Partner", "Partner", now_ms).unwrap();
    handle.lock().limit_choices(&partner, "Tier__c", &["Gold"], None).unwrap();
    let findings = examine(&connected, &[contact(&["Tier__c"])]).await;
    let words = told(&findings, "restricted_picklists", Some("Contact.Tier__c")).1;
    assert_eq!(words, "Only its 2 values are taken, and fewer for records of the type Partner.");
}

#[tokio::test]
async fn limits_that_are_nearly_used_up_are_told() {
    let options = OrgOptions { daily_requests_max: Some(40), ..OrgOptions::default() };
    let connected = connect_to(syncline_org::start(options).await.unwrap()).await;
    let mut verdicts = Vec::new();
    let refused = loop {
        match connected.salesforce.examine(&[]).await {
            Ok(findings) => verdicts.push(told(&findings, "limits", Some("API calls")).0),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind, ErrorKind::QuotaExhausted);
    assert_eq!(verdicts.first(), Some(&Verdict::Good));
    assert!(verdicts.contains(&Verdict::Warning), "{verdicts:?}");
}

#[tokio::test]
async fn an_edition_without_change_data_capture_is_told_and_so_is_a_full_selection() {
    let mut options = OrgOptions::default();
    options.profile.edition = Edition::Professional;
    let org = syncline_org::start(options).await.unwrap();
    org.handle().lock().set_api_enabled(true);
    let connected = connect_to(org).await;
    let (verdict, words) = {
        let findings = examine(&connected, &[]).await;
        let (verdict, words) = told(&findings, "edition", None);
        (verdict, words.to_owned())
    };
    assert_eq!(verdict, Verdict::Warning);
    assert!(words.contains("no Change Data Capture"), "{words}");

    let connected = connect().await;
    let case =
        ExaminedObject { object: "Case".into(), key_field: "Subject".into(), read: Vec::new(), written: Vec::new() };
    let findings = examine(&connected, &[case]).await;
    let (verdict, words) = told(&findings, "change_data_capture", Some("Case"));
    assert_eq!(verdict, Verdict::Warning);
    assert!(words.contains("5 objects are selected"), "{words}");
}

#[tokio::test]
async fn a_check_that_can_not_be_made_does_not_keep_others_from_being_made() {
    let connected = connect().await;
    let answer = Fault::Answer {
        status: 403,
        error_code: Some("INSUFFICIENT_ACCESS".into()),
        message: Some("no".into()),
        after_commit: false,
    };
    let rule = FaultRule {
        method: None,
        path: Some("/tooling/query".into()),
        object: None,
        skip: 0,
        times: None,
        probability: 1.0,
        fault: answer,
    };
    connected.org.handle().set_faults(Faults { rules: vec![rule], ..Faults::default() });
    let findings = examine(&connected, &[contact(&[])]).await;
    let is_selection = |finding: &&Finding| finding.check == "change_data_capture";
    assert_eq!(findings.iter().find(is_selection).unwrap().verdict, Verdict::Unknown);
    assert_eq!(told(&findings, "object_access", Some("Contact")).0, Verdict::Good);
}

#[tokio::test]
async fn whether_accounts_may_be_people_is_told_with_how_to_map_them() {
    let connected = connect().await;
    let accounts =
        ExaminedObject { object: "Account".into(), key_field: "Website".into(), read: vec![], written: vec![] };
    let findings = examine(&connected, std::slice::from_ref(&accounts)).await;
    let (verdict, words) = told(&findings, "person_accounts", Some("Account"));
    assert_eq!((verdict, words), (Verdict::Good, "Person accounts are not on."));
    connected.org.handle().lock().enable_person_accounts(0);
    let findings = examine(&connected, std::slice::from_ref(&accounts)).await;
    let (verdict, words) = told(&findings, "person_accounts", Some("Account"));
    assert!(verdict == Verdict::Good && words.contains("matched by PersonEmail"), "{words}");

    let people = ExaminedObject { key_field: "PersonEmail".into(), ..accounts };
    {
        let handle = connected.org.handle();
        let mut org = handle.lock();
        let contacts = org.channel_members().find(|member| member.metadata.selected_entity == "ContactChangeEvent");
        let contacts = contacts.unwrap().id;
        org.delete_channel_member(&contacts).unwrap();
    }
    let findings = examine(&connected, &[people]).await;
    let (verdict, words) = told(&findings, "change_data_capture", Some("Contact"));
    assert!(
        verdict == Verdict::Warning && words.contains("person accounts are told of in full only with it"),
        "{words}"
    );
}
