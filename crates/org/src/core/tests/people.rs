//! Person accounts: accounts that are people.

use serde_json::json;

use super::data::{changes, code, entities, merge};
use super::*;

/// What events tell after a position: of which object, how, and which fields.
fn fields_told(org: &Org, after: u64) -> Vec<(String, ChangeType, Vec<String>)> {
    told(org, after)
        .into_iter()
        .map(|(entity, change, _, fields, nulled)| (entity, change, [fields, nulled].concat()))
        .collect()
}

fn update_told(entity: &str, fields: &[&str]) -> (String, ChangeType, Vec<String>) {
    (entity.to_owned(), ChangeType::Update, fields.iter().map(|field| (*field).to_owned()).collect())
}

/// An org in which accounts may be people, and a person with a contact.
fn person() -> (Org, String, String) {
    let mut org = org();
    org.enable_person_accounts(NOW_MS);
    let person = json!({ "FirstName": "Ann", "LastName": "Ay", "PersonEmail": "a@b.co", "PersonTitle": "CTO" });
    let person = one(&mut org, create("Account", person));
    let contact = value(&org, &person, "PersonContactId").as_text().unwrap().to_owned();
    (org, person, contact)
}

fn type_of(org: &Org, is_person: bool) -> String {
    let types = org.record_types_of("Account", "");
    types.iter().find(|info| info.is_person == is_person).unwrap().id.clone()
}

#[test]
fn a_person_account_and_its_contact_are_one_person() {
    let mut org = org();
    org.enable_person_accounts(NOW_MS);
    let mut plan = FieldSchema::text("Plan__c", "Plan", 20);
    plan.unique = true;
    org.add_custom_field("Contact", plan).unwrap();
    let start = org.latest_replay_id();
    let person = json!({ "FirstName": "Ann", "LastName": "Ay", "PersonEmail": "a@b.co", "Plan__pc": "pro" });
    let person = one(&mut org, create("Account", person));
    assert_eq!(value(&org, &person, "Name"), FieldValue::text("Ann Ay"));
    assert_eq!(value(&org, &person, "IsPersonAccount"), FieldValue::Boolean(true));
    let contact = value(&org, &person, "PersonContactId").as_text().unwrap().to_owned();
    assert_eq!(value(&org, &contact, "IsPersonAccount"), FieldValue::Boolean(true));
    assert_eq!(value(&org, &contact, "Email"), FieldValue::text("a@b.co"));
    assert_eq!(value(&org, &contact, "Plan__c"), FieldValue::text("pro"));
    let mut kinds = changes(&org, start);
    kinds.sort_by(|left, right| left.0.cmp(&right.0));
    assert_eq!(kinds, entities(&[("Account", ChangeType::Create), ("Contact", ChangeType::Create)]));

    one(&mut org, update(&person, json!({ "PersonMailingCity": "Oslo" })));
    assert_eq!(value(&org, &contact, "MailingCity"), FieldValue::text("Oslo"));
    one(&mut org, update(&contact, json!({ "LastName": "Bee" })));
    assert_eq!(value(&org, &person, "Name"), FieldValue::text("Ann Bee"));
    assert_eq!(code(&mut org, delete(&contact)), "DELETE_FAILED");
    one(&mut org, delete(&person));
    assert_eq!(value(&org, &contact, "IsDeleted"), FieldValue::Boolean(true));
}

#[test]
fn companies_and_people_are_kept_apart() {
    let mut org = org();
    org.enable_person_accounts(NOW_MS);
    let company = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    assert_eq!(value(&org, &company, "IsPersonAccount"), FieldValue::Boolean(false));
    assert_eq!(code(&mut org, update(&company, json!({ "PersonEmail": "a@b.co" }))), "INVALID_FIELD_FOR_INSERT_UPDATE");
    assert_eq!(org.record_count("Contact"), 0);
    let types = org.record_types_of("Account", "");
    let person = types.iter().find(|info| info.is_person).unwrap().id.clone();
    let named = json!({ "LastName": "Ay", "Name": "Ay" });
    assert_eq!(code(&mut org, create("Account", named)), "INVALID_FIELD_FOR_INSERT_UPDATE");
    let without_name = create("Account", json!({ "RecordTypeId": person, "FirstName": "Ann" }));
    assert_eq!(code(&mut org, without_name), "REQUIRED_FIELD_MISSING");
    assert_eq!(
        code(&mut org, update(&company, json!({ "RecordTypeId": person, "LastName": "Ay" }))),
        "INVALID_FIELD_FOR_INSERT_UPDATE"
    );
}

/// (Change Data Capture guide, "Change Events for Person Accounts".)
#[test]
fn each_change_of_a_person_is_told_of_both_halves_and_the_name_by_its_parts() {
    let (mut org, person, contact) = person();
    let later = WriteContext { now_ms: NOW_MS + 5_000, ..context(&org, NOW_MS) };
    let write = |org: &mut Org, id: &str, json: Json| {
        let start = org.latest_replay_id();
        org.commit(&later, true, vec![update(id, json)]).remove(0).unwrap();
        fields_told(org, start)
    };
    let stamp = "LastModifiedDate";
    assert_eq!(
        write(&mut org, &person, json!({ "Industry": "Energy" })),
        [update_told("Account", &["Industry", stamp]), update_told("Contact", &[stamp])]
    );
    assert_eq!(
        write(&mut org, &contact, json!({ "Title": null, "FirstName": "Bea" })),
        [
            update_told("Contact", &["FirstName", stamp, "Title"]),
            update_told("Account", &[stamp, "FirstName", "PersonTitle"])
        ]
    );
    assert_eq!(value(&org, &person, "LastModifiedDate"), value(&org, &contact, "LastModifiedDate"));

    let start = org.latest_replay_id();
    let created = one(&mut org, create("Account", json!({ "LastName": "Cee", "PersonEmail": "c@b.co" })));
    let told = fields_told(&org, start);
    let of_account = &told.iter().find(|event| event.0 == "Account").unwrap().2;
    assert!(of_account.contains(&"LastName".to_owned()) && of_account.contains(&"PersonEmail".to_owned()));
    assert!(!of_account.contains(&"Name".to_owned()));
    let start = org.latest_replay_id();
    one(&mut org, delete(&created));
    assert_eq!(changes(&org, start), entities(&[("Account", ChangeType::Delete), ("Contact", ChangeType::Delete)]));
    let start = org.latest_replay_id();
    one(&mut org, Write::Undelete { id: created });
    assert_eq!(changes(&org, start), entities(&[("Account", ChangeType::Undelete), ("Contact", ChangeType::Undelete)]));
}

#[test]
fn what_comes_from_the_contact_is_told_only_where_contacts_are_captured() {
    let (mut org, person, _) = person();
    let contacts =
        org.channel_members().find(|member| member.metadata.selected_entity == "ContactChangeEvent").unwrap().id;
    org.delete_channel_member(&contacts).unwrap();
    let start = org.latest_replay_id();
    one(&mut org, update(&person, json!({ "PersonTitle": "CEO", "FirstName": "Bea", "Industry": "Energy" })));
    assert_eq!(fields_told(&org, start), [update_told("Account", &["Industry", "LastModifiedDate"])]);
    let start = org.latest_replay_id();
    one(&mut org, create("Account", json!({ "LastName": "Cee", "PersonTitle": "CFO" })));
    assert!(fields_told(&org, start)[0].2.contains(&"PersonTitle".to_owned()));
}

#[test]
fn a_field_of_people_is_as_visible_as_their_contacts() {
    let (mut org, ..) = person();
    let metadata = json!({ "type": "Text", "label": "Tier", "length": 20 });
    org.create_field("Contact.Tier__c", &metadata, NOW_MS).unwrap();
    let sees = |org: &Org| {
        let access = org.access(org.admin_user_id(), NOW_MS);
        access.field_named(org.object("Account").unwrap(), "Tier__pc").is_some()
    };
    assert!(!sees(&org));
    org.grant_to_profiles("Contact", "Tier__c", NOW_MS);
    assert!(sees(&org));
}

#[test]
fn people_are_merged_with_their_contacts_and_come_back_with_them() {
    let (mut org, master, contact) = person();
    let loser = one(&mut org, create("Account", json!({ "LastName": "Ay", "PersonEmail": "a@c.co" })));
    let lost = value(&org, &loser, "PersonContactId").as_text().unwrap().to_owned();
    let case = one(&mut org, create("Case", json!({ "Subject": "Broken", "ContactId": lost })));
    let company = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    assert_eq!(code(&mut org, merge(&master, &[&company], json!({}))), "INVALID_OPERATION");
    assert_eq!(code(&mut org, merge(&contact, &[&lost], json!({}))), "INVALID_OPERATION");
    one(&mut org, merge(&master, &[&loser], json!({})));
    assert_eq!(value(&org, &lost, "MasterRecordId"), FieldValue::text(&contact));
    assert_eq!(value(&org, &lost, "IsDeleted"), FieldValue::Boolean(true));
    assert_eq!(value(&org, &case, "ContactId"), FieldValue::text(&contact));
    one(&mut org, Write::Undelete { id: loser.clone() });
    assert_eq!(value(&org, &lost, "IsDeleted"), FieldValue::Boolean(false));
    assert_eq!(value(&org, &lost, "AccountId"), FieldValue::text(&loser));
}

/// (Change Data Capture guide, "Converting an Account"; SOAP API guide, "Person Account Record Types".)
#[test]
fn a_company_with_one_contact_becomes_a_person_and_a_company_again() {
    let (mut org, ..) = person();
    let (person, company) = (type_of(&org, true), type_of(&org, false));
    let account = one(&mut org, create("Account", json!({ "Name": "Acme", "Phone": "1" })));
    let become_person = || update(&account, json!({ "RecordTypeId": person }));
    assert_eq!(code(&mut org, become_person()), "INVALID_FIELD_FOR_INSERT_UPDATE", "it has no contact");
    let contact =
        json!({ "FirstName": "Bea", "LastName": "Bee", "Email": "b@b.co", "AccountId": account, "Phone": "2" });
    let contact = one(&mut org, create("Contact", contact));
    let start = org.latest_replay_id();
    one(&mut org, become_person());
    assert_eq!(fields_told(&org, start), [update_told("Account", &["LastModifiedDate", "RecordTypeId"])]);
    assert_eq!(value(&org, &account, "Name"), FieldValue::text("Bea Bee"));
    assert_eq!(value(&org, &account, "PersonEmail"), FieldValue::text("b@b.co"));
    assert_eq!(value(&org, &account, "PersonContactId"), FieldValue::text(&contact));
    assert_eq!(value(&org, &contact, "Phone"), FieldValue::text("1"), "the account's goes before the contact's");
    one(&mut org, update(&account, json!({ "PersonTitle": "CEO" })));

    let start = org.latest_replay_id();
    one(&mut org, update(&account, json!({ "RecordTypeId": company })));
    assert_eq!(fields_told(&org, start), [update_told("Account", &["LastModifiedDate", "RecordTypeId"])]);
    assert_eq!(value(&org, &account, "PersonEmail"), FieldValue::Null);
    assert_eq!(value(&org, &contact, "IsPersonAccount"), FieldValue::Boolean(false));
    assert_eq!(value(&org, &contact, "Title"), FieldValue::text("CEO"));
}
