//! Writes that touch several records, rules that an administrator adds, and the features of an org.

use serde_json::json;

use super::*;
use crate::core::LeadConversion;
use crate::core::automation::{Action, Assignment, Automation, Condition, Trigger, ValidationRule};

pub(super) fn code(org: &mut Org, write: Write) -> &'static str {
    commit(org, false, vec![write]).remove(0).unwrap_err().code
}

pub(super) fn changes(org: &Org, after: u64) -> Vec<(String, ChangeType)> {
    told(org, after).into_iter().map(|event| (event.0, event.1)).collect()
}

pub(super) fn entities(expected: &[(&str, ChangeType)]) -> Vec<(String, ChangeType)> {
    expected.iter().map(|(entity, change)| ((*entity).to_owned(), *change)).collect()
}

pub(super) fn merge(master: &str, losers: &[&str], json: Json) -> Write {
    let losers = losers.iter().map(|id| (*id).to_owned()).collect();
    Write::Merge { master: master.to_owned(), losers, values: values(json) }
}

#[test]
fn only_what_went_to_the_bin_together_comes_back_together() {
    let mut org = org();
    let account = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    let early = one(&mut org, create("Contact", json!({ "LastName": "Early", "AccountId": account })));
    let late = one(&mut org, create("Contact", json!({ "LastName": "Late", "AccountId": account })));
    one(&mut org, delete(&early));
    one(&mut org, delete(&account));
    assert_eq!(code(&mut org, Write::Undelete { id: late.clone() }), "UNDELETE_FAILED", "its account is in the bin");
    one(&mut org, Write::Undelete { id: account.clone() });
    assert_eq!(value(&org, &late, "IsDeleted"), FieldValue::Boolean(false));
    assert_eq!(value(&org, &early, "IsDeleted"), FieldValue::Boolean(true));
    one(&mut org, Write::Undelete { id: early });
    assert_eq!(code(&mut org, Write::Undelete { id: account }), "UNDELETE_FAILED");
}

#[test]
fn emptying_the_bin_takes_the_record_and_what_went_with_it_and_tells_nobody() {
    let mut org = org();
    let account = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    let contact =
        one(&mut org, create("Contact", json!({ "LastName": "Ay", "AccountId": account, "Email": "a@b.co" })));
    assert_eq!(code(&mut org, Write::EmptyBin { id: account.clone() }), "INVALID_OPERATION", "it is not in the bin");
    one(&mut org, delete(&account));
    let start = org.latest_replay_id();
    one(&mut org, Write::EmptyBin { id: account.clone() });
    assert!(org.record(&account).is_none() && org.record(&contact).is_none());
    assert_eq!(told(&org, start), []);
    assert_eq!(code(&mut org, Write::Undelete { id: account }), "INVALID_CROSS_REFERENCE_KEY");

    let alone = one(&mut org, create("Account", json!({ "Name": "Alone" })));
    let start = org.latest_replay_id();
    one(&mut org, Write::HardDelete { object: None, id: alone.clone() });
    assert!(org.record(&alone).is_none());
    assert_eq!(changes(&org, start), entities(&[("Account", ChangeType::Delete)]));
}

#[test]
fn a_record_that_others_keep_is_not_deleted() {
    let mut org = org();
    let account = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    let case = one(&mut org, create("Case", json!({ "Subject": "Broken", "AccountId": account })));
    assert_eq!(value(&org, &case, "CaseNumber"), FieldValue::text("00000001"));
    let refused = commit(&mut org, false, vec![delete(&account)]).remove(0).unwrap_err();
    assert_eq!(refused.code, "DELETE_FAILED");
    assert!(refused.message.contains("Acme") && refused.message.contains("00000001"), "{}", refused.message);
    one(&mut org, delete(&case));
    one(&mut org, delete(&account));
}

#[test]
fn a_merge_moves_what_pointed_to_the_losers_to_the_master() {
    let mut org = org();
    let master = one(&mut org, create("Account", json!({ "Name": "Master" })));
    let loser = one(&mut org, create("Account", json!({ "Name": "Loser", "Phone": "1" })));
    let contact = one(&mut org, create("Contact", json!({ "LastName": "Ay", "AccountId": loser })));
    let task = json!({ "WhatId": loser, "Subject": "Call", "Status": "Completed", "ActivityDate": "2023-11-14" });
    let task = one(&mut org, create("Task", task));
    let start = org.latest_replay_id();
    let outcome = commit(&mut org, true, vec![merge(&master, &[&loser], json!({ "Phone": "2" }))]).remove(0).unwrap();
    assert_eq!(outcome.id, master);
    assert!(outcome.related.contains(&contact) && outcome.related.contains(&task) && outcome.related.len() == 2);
    assert_eq!(value(&org, &loser, "MasterRecordId"), FieldValue::text(&master));
    assert_eq!(value(&org, &loser, "IsDeleted"), FieldValue::Boolean(true));
    assert_eq!(value(&org, &master, "Phone"), FieldValue::text("2"));
    assert_eq!(value(&org, &master, "LastActivityDate"), FieldValue::Date(19_675));
    assert_eq!(value(&org, &contact, "AccountId"), FieldValue::text(&master));
    assert_eq!(value(&org, &task, "AccountId"), FieldValue::text(&master));
    let expected = [
        ("Account", ChangeType::Delete),
        ("Account", ChangeType::Update),
        ("Contact", ChangeType::Update),
        ("Task", ChangeType::Update),
    ];
    assert_eq!(changes(&org, start), entities(&expected));
}

#[test]
fn a_merge_that_fails_leaves_everything_as_it_was() {
    let mut org = org();
    let make = |org: &mut Org, name: &str| one(org, create("Contact", json!({ "LastName": name })));
    let (master, loser) = (make(&mut org, "Master"), make(&mut org, "Loser"));
    let (start, other) = (org.latest_replay_id(), one(&mut org, create("Account", json!({ "Name": "A" }))));
    let too_many = [loser.as_str(), loser.as_str(), loser.as_str()];
    for (write, expected) in [
        (merge(&master, &[&loser], json!({ "LastName": null })), "REQUIRED_FIELD_MISSING"),
        (merge(&master, &[&master], json!({})), "INVALID_OPERATION"),
        (merge(&master, &[], json!({})), "INVALID_OPERATION"),
        (merge(&master, &too_many, json!({})), "INVALID_OPERATION"),
        (merge(&master, &[&other], json!({})), "MALFORMED_ID"),
    ] {
        assert_eq!(code(&mut org, write), expected);
        assert_eq!(value(&org, &loser, "IsDeleted"), FieldValue::Boolean(false), "{expected}");
    }
    assert_eq!(changes(&org, start), entities(&[("Account", ChangeType::Create)]));
}

#[test]
fn a_lead_becomes_an_account_a_contact_and_an_opportunity() {
    let mut org = org();
    let lead = json!({ "FirstName": "Ann", "LastName": "Ay", "Company": "Acme", "Email": "a@b.co", "City": "Oslo" });
    let lead = one(&mut org, create("Lead", lead));
    let task = one(&mut org, create("Task", json!({ "WhoId": lead, "Subject": "Call" })));
    let start = org.latest_replay_id();
    let wanted = LeadConversion {
        lead_id: lead.clone(),
        converted_status: "Closed - Converted".to_owned(),
        ..LeadConversion::default()
    };
    let wrong = LeadConversion { converted_status: "Open - Not Contacted".to_owned(), ..wanted.clone() };
    assert_eq!(code(&mut org, Write::Convert(wrong)), "INVALID_STATUS");
    one(&mut org, Write::Convert(wanted.clone()));
    let text = |org: &Org, id: &str, field: &str| value(org, id, field).as_text().unwrap_or_default().to_owned();
    let account = text(&org, &lead, "ConvertedAccountId");
    let contact = text(&org, &lead, "ConvertedContactId");
    let opportunity = text(&org, &lead, "ConvertedOpportunityId");
    assert_eq!((text(&org, &account, "Name"), text(&org, &account, "BillingCity")), ("Acme".into(), "Oslo".into()));
    assert_eq!((text(&org, &contact, "Name"), text(&org, &contact, "AccountId")), ("Ann Ay".into(), account.clone()));
    assert_eq!((text(&org, &opportunity, "Name"), text(&org, &opportunity, "AccountId")), ("Acme-".into(), account));
    assert_eq!(text(&org, &task, "WhoId"), contact);
    let mut kinds = changes(&org, start);
    kinds.sort_by(|left, right| left.0.cmp(&right.0));
    let expected = [
        ("Account", ChangeType::Create),
        ("Contact", ChangeType::Create),
        ("Lead", ChangeType::Update),
        ("Opportunity", ChangeType::Create),
        ("Task", ChangeType::Update),
    ];
    assert_eq!(kinds, entities(&expected));
    assert_eq!(code(&mut org, Write::Convert(wanted)), "CANNOT_UPDATE_CONVERTED_LEAD");
    assert_eq!(code(&mut org, update(&lead, json!({ "Title": "x" }))), "CANNOT_UPDATE_CONVERTED_LEAD");
}

#[test]
fn a_lead_joins_an_account_and_a_contact_that_are_there_and_fills_what_they_lack() {
    let mut org = org();
    let account = one(&mut org, create("Account", json!({ "Name": "There", "Phone": "1" })));
    let contact = one(&mut org, create("Contact", json!({ "LastName": "Ay", "AccountId": account, "Title": "Old" })));
    let other = one(&mut org, create("Account", json!({ "Name": "Other" })));
    let lead =
        json!({ "LastName": "Ay", "Company": "Acme", "Phone": "2", "Title": "New", "Website": "https://x.example" });
    let lead = one(&mut org, create("Lead", lead));
    let wanted = LeadConversion {
        lead_id: lead.clone(),
        converted_status: "Closed - Converted".to_owned(),
        account_id: Some(other),
        contact_id: Some(contact.clone()),
        do_not_create_opportunity: true,
        ..LeadConversion::default()
    };
    assert_eq!(code(&mut org, Write::Convert(wanted.clone())), "INVALID_CROSS_REFERENCE_KEY");
    one(&mut org, Write::Convert(LeadConversion { account_id: Some(account.clone()), ..wanted }));
    assert_eq!(value(&org, &account, "Phone"), FieldValue::text("1"), "what is there stays");
    assert_eq!(value(&org, &account, "Website"), FieldValue::text("https://x.example"));
    assert_eq!(value(&org, &contact, "Title"), FieldValue::text("Old"));
    assert_eq!(value(&org, &contact, "Phone"), FieldValue::text("2"));
    assert_eq!(value(&org, &lead, "ConvertedOpportunityId"), FieldValue::Null);
    assert_eq!(org.record_count("Opportunity"), 0);
}

fn holds(field: &'static str, text: &'static str) -> Condition {
    Condition::new(move |org, row| {
        let contact = org.object("Contact").unwrap();
        row.get(contact.index_of(field).unwrap()).as_text() == Some(text)
    })
}

fn automation(name: &str, condition: Condition, action: Action) -> Automation {
    Automation { object: "Contact".to_owned(), name: name.to_owned(), trigger: Trigger::Both, condition, action }
}

#[test]
fn a_validation_rule_judges_what_would_be_stored() {
    let mut org = org();
    org.add_validation_rule(ValidationRule {
        object: "Contact".to_owned(),
        name: "No_chiefs".to_owned(),
        condition: holds("Title", "CHIEF"),
        message: "No chiefs, please".to_owned(),
        field: Some("title".to_owned()),
    })
    .unwrap();
    let to = Assignment::Upper;
    org.add_automation(automation("Capitals", Condition::always(), Action::Set { field: "Title".to_owned(), to }))
        .unwrap();
    let refused = commit(&mut org, false, vec![create("Contact", json!({ "LastName": "Ay", "Title": "chief" }))]);
    let refused = refused[0].as_ref().unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No chiefs, please"));
    assert_eq!(refused.fields, ["Title"]);
    let id = one(&mut org, create("Contact", json!({ "LastName": "Ay", "Title": "head" })));
    assert_eq!(value(&org, &id, "Title"), FieldValue::text("HEAD"));
    org.clear_automations();
    one(&mut org, update(&id, json!({ "Title": "chief" })));
}

#[test]
fn an_automation_changes_what_the_event_tells() {
    let mut org = org();
    let append = Action::Set { field: "Department".to_owned(), to: Assignment::Append(" (EU)".to_owned()) };
    org.add_automation(automation("Region", Condition::always(), append)).unwrap();
    let copy = Action::Set { field: "AssistantName".to_owned(), to: Assignment::CopyOf("Title".to_owned()) };
    org.add_automation(automation("Copy", holds("Title", "Chief"), copy)).unwrap();
    let account = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    let parent = Action::UpdateParent { reference: "AccountId".to_owned(), values: values(json!({ "Rating": "Hot" })) };
    org.add_automation(automation("Warm", holds("Title", "Chief"), parent)).unwrap();
    let task = Action::CreateTask { values: values(json!({ "Subject": "Welcome" })) };
    org.add_automation(Automation { trigger: Trigger::Create, ..automation("Greet", Condition::always(), task) })
        .unwrap();

    let contact = json!({ "LastName": "Ay", "Department": "Sales", "AccountId": account });
    let start = org.latest_replay_id();
    let contact = one(&mut org, create("Contact", contact));
    assert_eq!(changes(&org, start), entities(&[("Contact", ChangeType::Create), ("Task", ChangeType::Create)]));
    assert_eq!(value(&org, &contact, "Department"), FieldValue::text("Sales (EU)"));

    let start = org.latest_replay_id();
    one(&mut org, update(&contact, json!({ "Title": "Chief" })));
    let told = told(&org, start);
    assert_eq!((told[0].0.as_str(), told[1].0.as_str()), ("Contact", "Account"));
    assert!(told[0].3.contains(&"AssistantName".to_owned()) && told[0].3.contains(&"Title".to_owned()));
    assert_eq!(value(&org, &account, "Rating"), FieldValue::text("Hot"));
}

#[test]
fn an_automation_that_fails_takes_its_record_with_it() {
    let mut org = org();
    let task = Action::CreateTask { values: values(json!({ "Subject": "x", "TaskSubtype": "Nonsense" })) };
    org.add_automation(automation("Broken", Condition::always(), task)).unwrap();
    let start = org.latest_replay_id();
    let results = commit(
        &mut org,
        false,
        vec![create("Contact", json!({ "LastName": "Ay" })), create("Account", json!({ "Name": "Acme" }))],
    );
    assert_eq!(results[0].as_ref().unwrap_err().code, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    assert_eq!((org.record_count("Contact"), org.record_count("Account")), (0, 1));
    assert_eq!(changes(&org, start), entities(&[("Account", ChangeType::Create)]));
}

#[test]
fn automations_that_call_each_other_end() {
    let mut org = org();
    let parent = Action::UpdateParent { reference: "ReportsToId".to_owned(), values: values(json!({ "Title": "x" })) };
    let boss = one(&mut org, create("Contact", json!({ "LastName": "Boss" })));
    one(&mut org, update(&boss, json!({ "ReportsToId": boss })));
    org.add_automation(automation("Loop", Condition::always(), parent)).unwrap();
    assert_eq!(code(&mut org, update(&boss, json!({ "Phone": "1" }))), "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY");
    assert_eq!(value(&org, &boss, "Phone"), FieldValue::Null);
}

#[test]
fn an_article_goes_online_and_its_next_version_replaces_it() {
    let mut org = org();
    org.enable_knowledge(NOW_MS);
    let article = json!({ "Title": "How", "UrlName": "how", "Answer__c": "<p>So</p>" });
    let first = one(&mut org, create("Knowledge__kav", article.clone()));
    assert_eq!(value(&org, &first, "PublishStatus"), FieldValue::text("Draft"));
    assert!(value(&org, &first, "KnowledgeArticleId").as_text().unwrap().starts_with("kA0"));
    assert_eq!(code(&mut org, create("Knowledge__kav", article)), "DUPLICATE_VALUE", "the address is taken");
    one(&mut org, Write::PublishArticle { id: first.clone() });
    assert_eq!(value(&org, &first, "PublishStatus"), FieldValue::text("Online"));
    assert_eq!(code(&mut org, update(&first, json!({ "Title": "x" }))), "FIELD_INTEGRITY_EXCEPTION");

    let second = one(&mut org, Write::DraftArticle { id: first.clone() });
    one(&mut org, update(&second, json!({ "Title": "How now" })));
    one(&mut org, Write::PublishArticle { id: second.clone() });
    assert_eq!(value(&org, &first, "PublishStatus"), FieldValue::text("Archived"));
    assert_eq!(value(&org, &first, "IsLatestVersion"), FieldValue::Boolean(false));
    assert_eq!(value(&org, &second, "VersionNumber"), FieldValue::Integer(2));
    for shared in ["KnowledgeArticleId", "ArticleNumber", "UrlName"] {
        assert_eq!(value(&org, &first, shared), value(&org, &second, shared), "{shared}");
    }
    let view = org.table("KnowledgeArticleVersion").unwrap();
    let titles: Vec<_> = view.iter().map(|(_, row)| view.text(row, "Title").unwrap()).collect();
    assert_eq!(titles, ["How", "How now"]);
}

#[test]
fn an_activity_follows_its_rules_and_its_parents_follow_it() {
    let mut org = org();
    let account = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    let lead = one(&mut org, create("Lead", json!({ "LastName": "Ay", "Company": "Acme" })));
    let about_both = create("Task", json!({ "WhoId": lead, "WhatId": account, "Subject": "x" }));
    assert_eq!(code(&mut org, about_both), "FIELD_INTEGRITY_EXCEPTION");
    let task = |day: &str, status: &str| {
        create("Task", json!({ "WhatId": account, "Subject": "x", "ActivityDate": day, "Status": status }))
    };
    one(&mut org, task("2023-11-20", "Not Started"));
    assert_eq!(value(&org, &account, "LastActivityDate"), FieldValue::Null, "it has not happened");
    one(&mut org, task("2023-11-10", "Completed"));
    let last = one(&mut org, task("2023-11-14", "Completed"));
    assert_eq!(value(&org, &account, "LastActivityDate"), FieldValue::Date(19_675));
    one(&mut org, delete(&last));
    assert_eq!(value(&org, &account, "LastActivityDate"), FieldValue::Date(19_671));
    one(&mut org, Write::Undelete { id: last.clone() });
    assert_eq!(value(&org, &account, "LastActivityDate"), FieldValue::Date(19_675));
    assert_eq!(code(&mut org, update(&last, json!({ "TaskSubtype": "Call" }))), "INVALID_FIELD_FOR_INSERT_UPDATE");
    let meeting = json!({ "WhatId": account, "Subject": "Meet", "StartDateTime": "2023-12-01T10:00:00Z", "DurationInMinutes": 30 });
    let meeting = one(&mut org, create("Event", meeting));
    assert_eq!(value(&org, &meeting, "AccountId"), FieldValue::text(&account));
    assert_eq!(value(&org, &account, "LastActivityDate"), FieldValue::Date(19_692));
}

#[test]
fn a_campaign_has_each_member_once_and_shows_the_person() {
    let mut org = org();
    let campaign = one(&mut org, create("Campaign", json!({ "Name": "Spring" })));
    let contact =
        one(&mut org, create("Contact", json!({ "LastName": "Ay", "Email": "a@b.co", "MailingCity": "Oslo" })));
    let member =
        || create("CampaignMember", json!({ "CampaignId": campaign, "ContactId": contact, "Status": "Responded" }));
    let made = one(&mut org, member());
    assert_eq!(value(&org, &made, "City"), FieldValue::text("Oslo"));
    assert_eq!(value(&org, &made, "HasResponded"), FieldValue::Boolean(true));
    assert_eq!(code(&mut org, member()), "DUPLICATE_VALUE");
    let deal = json!({
        "Name": "Big", "StageName": "Closed Won", "CloseDate": "2023-12-31", "Amount": 100, "CampaignId": campaign
    });
    let deal = one(&mut org, create("Opportunity", deal));
    let counted = |org: &Org| {
        ["NumberOfContacts", "NumberOfLeads", "NumberOfResponses", "NumberOfWonOpportunities", "AmountWonOpportunities"]
            .map(|field| value(org, &campaign, field))
    };
    let counts = |numbers: [i64; 4]| numbers.map(FieldValue::Integer);
    assert_eq!(counted(&org)[..4], counts([1, 0, 1, 1]));
    assert_eq!(counted(&org)[4], FieldValue::Number(100.0));
    one(&mut org, update(&made, json!({ "Status": "Sent" })));
    one(&mut org, delete(&deal));
    assert_eq!(counted(&org)[..4], counts([1, 0, 0, 0]));
    one(&mut org, delete(&contact));
    assert_eq!(counted(&org)[..4], counts([0, 0, 0, 0]));
    assert_eq!(code(&mut org, create("CampaignMember", json!({ "CampaignId": campaign }))), "REQUIRED_FIELD_MISSING");
}

#[test]
fn a_record_belongs_to_somebody_who_works_here_or_to_a_queue() {
    let mut org = org();
    let group = |kind: &str| create("Group", json!({ "Name": kind, "Type": kind }));
    let (queue, team) = (one(&mut org, group("Queue")), one(&mut org, group("Regular")));
    let lead = |owner: &str| create("Lead", json!({ "LastName": "Ay", "Company": "Acme", "OwnerId": owner }));
    let made = one(&mut org, lead(&queue));
    assert_eq!(value(&org, &made, "OwnerId"), FieldValue::text(&queue));
    assert_eq!(code(&mut org, lead(&team)), "INVALID_CROSS_REFERENCE_KEY");
    let colleague = org.second_user_id().to_owned();
    one(&mut org, update(&colleague, json!({ "IsActive": false })));
    assert_eq!(code(&mut org, lead(&colleague)), "INACTIVE_OWNER_OR_USER");
    let contact = create("Contact", json!({ "LastName": "Ay", "OwnerId": queue }));
    assert_eq!(code(&mut org, contact), "MALFORMED_ID", "only people own contacts");
}

#[test]
fn a_case_shows_its_contact_as_it_is() {
    let mut org = org();
    let account = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    let contact = json!({ "LastName": "Ay", "Phone": "1", "AccountId": account });
    let contact = one(&mut org, create("Contact", contact));
    let case = one(&mut org, create("Case", json!({ "Subject": "Broken", "ContactId": contact })));
    assert_eq!(value(&org, &case, "AccountId"), FieldValue::text(&account));
    assert_eq!(value(&org, &case, "ContactPhone"), FieldValue::text("1"));
    one(&mut org, update(&contact, json!({ "Phone": "2" })));
    assert_eq!(value(&org, &case, "ContactPhone"), FieldValue::text("2"));
    assert_eq!(value(&org, &case, "IsClosed"), FieldValue::Boolean(false));
    one(&mut org, update(&case, json!({ "Status": "Closed" })));
    assert_eq!(value(&org, &case, "ClosedDate"), FieldValue::DateTime(NOW_MS / 1000 * 1000));
}

#[test]
fn an_opportunity_counts_its_pushes_and_gives_its_contact_a_part() {
    let mut org = org();
    let contact = one(&mut org, create("Contact", json!({ "LastName": "Ay" })));
    let deal = json!({ "Name": "D", "StageName": "Prospecting", "CloseDate": "2023-12-31", "ContactId": contact });
    let deal = one(&mut org, create("Opportunity", deal));
    assert_eq!(org.record_count("OpportunityContactRole"), 1);
    for (day, pushes) in [("2024-01-01", 1), ("2024-01-31", 1), ("2023-11-30", 1), ("2024-02-01", 2)] {
        one(&mut org, update(&deal, json!({ "CloseDate": day })));
        assert_eq!(value(&org, &deal, "PushCount"), FieldValue::Integer(pushes), "{day}");
    }
}

#[test]
fn places_are_on_the_globe() {
    let mut org = org();
    for (field, degrees) in [("MailingLatitude", 90.1), ("MailingLongitude", -180.5)] {
        let refused = code(&mut org, create("Contact", json!({ "LastName": "Ay", field: degrees })));
        assert_eq!(refused, "NUMBER_OUTSIDE_VALID_RANGE");
    }
    one(&mut org, create("Contact", json!({ "LastName": "Ay", "MailingLatitude": -90, "MailingLongitude": 180 })));
    let compound = create("Contact", json!({ "LastName": "Ay", "MailingAddress": { "city": "Oslo" } }));
    assert_eq!(code(&mut org, compound), "INVALID_FIELD_FOR_INSERT_UPDATE");
}

#[test]
fn a_parent_is_named_by_its_external_id() {
    let mut org = org();
    let mut key = FieldSchema::text("Key__c", "Key", 20);
    key.external_id = true;
    org.add_custom_field("Account", key).unwrap();
    let account = one(&mut org, create("Account", json!({ "Name": "Acme", "Key__c": "acme" })));
    let contact = one(&mut org, create("Contact", json!({ "LastName": "Ay", "Account": { "Key__c": "ACME" } })));
    assert_eq!(value(&org, &contact, "AccountId"), FieldValue::text(&account));
    let refused = commit(&mut org, false, vec![update(&contact, json!({ "Account": { "Key__c": "none" } }))]);
    let refused = refused[0].as_ref().unwrap_err();
    assert_eq!(refused.message, "Foreign key external ID: none not found for field Key__c in entity Account");
    assert_eq!(refused.code, "INVALID_FIELD");
    one(&mut org, update(&contact, json!({ "Account": null })));
    assert_eq!(value(&org, &contact, "AccountId"), FieldValue::Null);
}

#[test]
fn a_unique_field_may_tell_letter_cases_apart() {
    let mut org = org();
    let mut key = FieldSchema::text("Key__c", "Key", 20);
    key.unique = true;
    key.case_sensitive = true;
    org.add_custom_field("Account", key).unwrap();
    one(&mut org, create("Account", json!({ "Name": "A", "Key__c": "k" })));
    one(&mut org, create("Account", json!({ "Name": "B", "Key__c": "K" })));
    assert_eq!(code(&mut org, create("Account", json!({ "Name": "C", "Key__c": "k" }))), "DUPLICATE_VALUE");
}
