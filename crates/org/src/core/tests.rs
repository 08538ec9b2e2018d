//! Tests of the state core: rules on store, events, sign-in.

mod data;
mod people;

use serde_json::{Map, Value as Json, json};

use super::event::{ChangeType, CommittedEvent};
use super::oauth::{Client, CodeRequest};
use super::org::{EVENT_RETENTION_MS, Org, OrgProfile};
use super::{FieldSchema, FieldValue, Write, WriteContext, WriteError, WriteOutcome};

const NOW_MS: i64 = 1_700_000_000_123;

fn org() -> Org {
    Org::new(&OrgProfile::default(), [3; 32], NOW_MS)
}

fn context(org: &Org, now_ms: i64) -> WriteContext {
    WriteContext { user_id: org.admin_user_id().to_owned(), change_origin: String::new(), now_ms }
}

fn values(json: Json) -> Map<String, Json> {
    json.as_object().unwrap().clone()
}

fn create(object: &str, json: Json) -> Write {
    Write::Create { object: object.to_owned(), values: values(json) }
}

fn update(id: &str, json: Json) -> Write {
    Write::Update { object: None, id: id.to_owned(), values: values(json) }
}

fn delete(id: &str) -> Write {
    Write::Delete { object: None, id: id.to_owned() }
}

fn commit(org: &mut Org, all_or_none: bool, writes: Vec<Write>) -> Vec<Result<WriteOutcome, WriteError>> {
    let context = context(org, NOW_MS);
    org.commit(&context, all_or_none, writes)
}

fn one(org: &mut Org, write: Write) -> String {
    commit(org, true, vec![write]).remove(0).unwrap().id
}

fn value(org: &Org, id: &str, field: &str) -> FieldValue {
    let (object, row) = org.record(id).unwrap();
    row.get(object.index_of(field).unwrap()).to_value()
}

type Told = (String, ChangeType, usize, Vec<String>, Vec<String>);

/// What was committed after a position: entity, change, ids, names of the fields with values, names of the cleared ones.
fn told(org: &Org, after: u64) -> Vec<Told> {
    let names = |event: &CommittedEvent, indexes: &mut dyn Iterator<Item = u16>| {
        let object = org.object(&event.entity).unwrap();
        indexes.map(|index| object.field(index).name.clone()).collect::<Vec<_>>()
    };
    org.events_after(Some(after))
        .map(|event| {
            let values = names(event, &mut event.values.iter().map(|(index, _)| *index));
            let nulled = names(event, &mut event.nulled.iter().copied());
            (event.entity.clone(), event.change_type, event.record_ids.len(), values, nulled)
        })
        .collect()
}

#[test]
fn a_create_tells_every_value_but_derived_and_housekeeping_ones() {
    let mut org = org();
    let start = org.latest_replay_id();
    let id = one(&mut org, create("Contact", json!({ "FirstName": "Ann", "LastName": "Ay", "MailingCity": "Oslo" })));
    assert_eq!(value(&org, &id, "Name"), FieldValue::text("Ann Ay"));
    let told = told(&org, start);
    assert_eq!(told.len(), 1);
    let (entity, change, _, fields, _) = &told[0];
    assert_eq!((entity.as_str(), *change), ("Contact", ChangeType::Create));
    for carried in ["FirstName", "LastName", "MailingCity", "OwnerId", "CreatedDate", "LastModifiedDate", "DoNotCall"] {
        assert!(fields.iter().any(|field| field == carried), "{carried}");
    }
    for left_out in ["Id", "Name", "IsDeleted", "SystemModstamp", "MailingAddress"] {
        assert!(!fields.iter().any(|field| field == left_out), "{left_out}");
    }
}

#[test]
fn a_record_written_twice_in_a_transaction_is_told_once_with_its_final_state() {
    let mut org = org();
    let id = one(&mut org, create("Contact", json!({ "LastName": "Ay", "Title": "a" })));
    let start = org.latest_replay_id();
    commit(
        &mut org,
        false,
        vec![update(&id, json!({ "Title": "b" })), update(&id, json!({ "Title": "a", "Phone": "1" }))],
    );
    let expected = ["Phone", "LastModifiedDate"].map(str::to_owned).to_vec();
    assert_eq!(told(&org, start), [("Contact".to_owned(), ChangeType::Update, 1, expected, vec![])]);
}

#[test]
fn the_same_change_to_several_records_is_told_once() {
    let mut org = org();
    let ids: Vec<String> =
        (0..3).map(|n| one(&mut org, create("Contact", json!({ "LastName": format!("N{n}") })))).collect();
    let start = org.latest_replay_id();
    let titles = ["same", "same", "other"];
    commit(&mut org, false, ids.iter().zip(titles).map(|(id, title)| update(id, json!({ "Title": title }))).collect());
    let counts: Vec<usize> = told(&org, start).iter().map(|event| event.2).collect();
    assert_eq!(counts, [2, 1]);
    let events: Vec<_> = org.events_after(Some(start)).collect();
    assert_eq!(events[0].record_ids, ids[..2]);
    assert_eq!(events[0].transaction_key, events[1].transaction_key);
    assert!(events[0].sequence_number < events[1].sequence_number);
}

#[test]
fn a_write_that_changes_nothing_is_not_told() {
    let mut org = org();
    let id = one(&mut org, create("Account", json!({ "Name": "Acme", "AnnualRevenue": 10, "Phone": "1" })));
    let start = org.latest_replay_id();
    one(&mut org, update(&id, json!({ "Name": " Acme ", "AnnualRevenue": 10.4, "Fax": "  ", "Phone": "1" })));
    assert_eq!(told(&org, start), []);
}

#[test]
fn all_or_none_takes_everything_back() {
    let mut org = org();
    let account = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    let (start, contacts) = (org.latest_replay_id(), org.record_count("Contact"));
    let writes = vec![
        create("Contact", json!({ "LastName": "Ay", "Email": "ay@x.io" })),
        update(&account, json!({ "Name": "Changed" })),
        update(&account, json!({ "Name": null })),
    ];
    let codes: Vec<_> = commit(&mut org, true, writes).into_iter().map(|result| result.unwrap_err().code).collect();
    assert_eq!(
        codes,
        ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    );
    assert_eq!(value(&org, &account, "Name"), FieldValue::text("Acme"));
    assert_eq!((org.record_count("Contact"), told(&org, start)), (contacts, vec![]));
    let contacts = org.table("Contact").unwrap();
    let email = contacts.schema.index_of("Email").unwrap();
    assert!(
        contacts.find(email, FieldValue::Text("ay@x.io")).next().is_none(),
        "the index has forgotten the row as well"
    );
}

#[test]
fn an_account_takes_its_contacts_to_the_bin_and_back() {
    let mut org = org();
    let account = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    let contact = one(&mut org, create("Contact", json!({ "LastName": "Ay", "AccountId": account })));
    let start = org.latest_replay_id();
    one(&mut org, delete(&account));
    assert_eq!(value(&org, &contact, "IsDeleted"), FieldValue::Boolean(true));
    assert_eq!(
        commit(&mut org, false, vec![update(&contact, json!({ "Title": "x" }))])[0].as_ref().unwrap_err().code,
        "ENTITY_IS_DELETED"
    );
    one(&mut org, Write::Undelete { id: account });
    assert_eq!(value(&org, &contact, "IsDeleted"), FieldValue::Boolean(false));
    let changes: Vec<_> = told(&org, start).into_iter().map(|event| (event.0, event.1)).collect();
    let expected = [
        ("Account", ChangeType::Delete),
        ("Contact", ChangeType::Delete),
        ("Account", ChangeType::Undelete),
        ("Contact", ChangeType::Undelete),
    ];
    assert_eq!(changes, expected.map(|(entity, change)| (entity.to_owned(), change)));
}

#[test]
fn a_task_belongs_to_its_parents_account_and_moves_their_last_activity() {
    let mut org = org();
    let account = one(&mut org, create("Account", json!({ "Name": "Acme" })));
    let contact = one(&mut org, create("Contact", json!({ "LastName": "Ay", "AccountId": account })));
    let start = org.latest_replay_id();
    let task = json!({ "WhoId": contact, "Subject": "Call", "Status": "Completed", "ActivityDate": "2023-11-14" });
    let task = one(&mut org, create("Task", task));
    assert_eq!(value(&org, &task, "AccountId"), FieldValue::text(&account));
    assert_eq!(value(&org, &task, "IsClosed"), FieldValue::Boolean(true));
    assert_eq!(value(&org, &task, "CompletedDateTime"), FieldValue::DateTime(NOW_MS / 1000 * 1000));
    for parent in [&account, &contact] {
        assert_eq!(value(&org, parent, "LastActivityDate"), FieldValue::Date(19_675));
    }
    let entities: Vec<_> = told(&org, start).into_iter().map(|event| event.0).collect();
    assert_eq!(entities, ["Task"], "the parents did not change for subscribers");
}

#[test]
fn an_opportunity_follows_its_stage() {
    let mut org = org();
    let deal = json!({ "Name": "Big", "StageName": "Prospecting", "CloseDate": "2023-12-31", "Amount": 100.555 });
    let deal = one(&mut org, create("Opportunity", deal));
    assert_eq!(value(&org, &deal, "Amount"), FieldValue::Number(100.56));
    assert_eq!(value(&org, &deal, "Probability"), FieldValue::Number(10.0));
    one(&mut org, update(&deal, json!({ "StageName": "Closed Won" })));
    assert_eq!(value(&org, &deal, "IsWon"), FieldValue::Boolean(true));
    assert_eq!(value(&org, &deal, "ExpectedRevenue"), FieldValue::Number(100.56));
    assert_eq!(value(&org, &deal, "Fiscal"), FieldValue::text("2023 4"));
}

#[test]
fn replay_ids_grow_with_gaps_and_only_kept_ones_are_valid() {
    let mut org = org();
    assert!(org.replay_id_is_valid(org.latest_replay_id()), "an idle org's newest position");
    for n in 0..50 {
        one(&mut org, create("Account", json!({ "Name": format!("A{n}") })));
    }
    let ids: Vec<u64> = org.events_after(None).map(|event| event.replay_id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    let gap = ids.windows(2).find(|pair| pair[1] > pair[0] + 1).expect("there are gaps")[0] + 1;
    assert!(!org.replay_id_is_valid(gap) && !org.replay_id_is_valid(0));
    assert_eq!(org.events_after(Some(ids[10])).count(), 39);
    org.expire_events(NOW_MS + EVENT_RETENTION_MS + 1);
    assert!(!org.replay_id_is_valid(ids[10]));
    assert!(org.replay_id_is_valid(org.latest_replay_id()));
}

#[test]
fn a_unique_field_holds_each_value_once() {
    let mut org = org();
    let mut key = super::FieldSchema::text("Key__c", "Key", 20);
    key.unique = true;
    org.add_custom_field("Account", key).unwrap();
    let first = one(&mut org, create("Account", json!({ "Name": "A", "Key__c": "k" })));
    let error =
        commit(&mut org, false, vec![create("Account", json!({ "Name": "B", "Key__c": "K" }))]).remove(0).unwrap_err();
    assert_eq!(error.message, format!("duplicate value found: Key__c duplicates value on record with id: {first}"));
    one(&mut org, update(&first, json!({ "Key__c": "k" })));
    one(&mut org, delete(&first));
    one(&mut org, create("Account", json!({ "Name": "B", "Key__c": "k" })));
}

#[test]
fn sessions_slide_with_use_and_codes_and_refresh_tokens_grow_old() {
    let mut org = org();
    let admin = org.admin_user_id().to_owned();
    org.set_session_idle_ms(1000);
    let token = org.sign_in(&admin, NOW_MS).access_token;
    assert!(org.use_session(&token, NOW_MS + 900).is_some());
    assert!(org.use_session(&token, NOW_MS + 1800).is_some());
    assert!(org.session(&token, NOW_MS + 2800).is_none());

    let redirect_uri = "https://app.example/callback".to_owned();
    org.register_client(Client {
        redirect_uris: vec![redirect_uri.clone()],
        rotates_refresh_tokens: false,
        ..Client::new("c", "s", "C")
    });
    let request = CodeRequest {
        client_id: "c".to_owned(),
        redirect_uri: redirect_uri.clone(),
        scope: "api refresh_token".to_owned(),
        ..CodeRequest::default()
    };
    let late = org.issue_code(request.clone(), &admin, NOW_MS).unwrap();
    let after_life = NOW_MS + super::oauth::CODE_LIFE_MS;
    assert_eq!(
        org.exchange_code("c", "s", &late, &redirect_uri, None, after_life).unwrap_err().description,
        "expired authorization code"
    );
    let code = org.issue_code(request.clone(), &admin, NOW_MS).unwrap();
    let grant = org.exchange_code("c", "s", &code, &redirect_uri, None, NOW_MS).unwrap();
    let refresh_token = grant.refresh_token.unwrap();
    let again = org.refresh("c", "s", &refresh_token, NOW_MS + 5000).unwrap();
    assert_eq!(again.refresh_token, None, "without rotation the token stays");
    let idle = NOW_MS + 5000 + super::oauth::REFRESH_IDLE_MS;
    assert!(org.refresh("c", "s", &refresh_token, idle).is_err());
    assert_eq!(org.client_credentials("c", "s", NOW_MS).unwrap_err().error, "invalid_app_access");
    let loopback = CodeRequest { redirect_uri: "http://127.0.0.1/".to_owned(), ..request };
    assert_eq!(org.check_code_request(&loopback).unwrap_err().error, "redirect_uri_mismatch");
}

#[test]
fn the_same_seed_makes_the_same_org() {
    let run = |seed: u8| {
        let mut org = Org::new(&OrgProfile::default(), [seed; 32], NOW_MS);
        one(&mut org, create("Account", json!({ "Name": "A" })));
        let admin = org.admin_user_id().to_owned();
        (org.sign_in(&admin, NOW_MS).access_token, org.events_after(None).cloned().collect::<Vec<_>>())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn a_removed_field_is_gone_and_the_others_keep_their_values() {
    let mut org = Org::new(&OrgProfile::default(), [3; 32], NOW_MS);
    for name in ["First__c", "Second__c"] {
        org.add_custom_field("Contact", FieldSchema::text(name, name, 20)).unwrap();
    }
    let values = vec![("LastName", "Ay".into()), ("First__c", "1".into()), ("Second__c", "2".into())];
    let id = org.load("Contact", vec![values], NOW_MS).unwrap().remove(0);
    org.remove_custom_field("Contact", "First__c").unwrap();
    let contact = org.object("Contact").unwrap();
    assert!(contact.index_of("First__c").is_none() && contact.each_field().all(|(_, field)| field.name != "First__c"));
    assert_eq!(value(&org, &id, "Second__c"), FieldValue::text("2"));
    assert_eq!(org.remove_custom_field("Contact", "Title").unwrap_err().code, "INSUFFICIENT_ACCESS_OR_READONLY");
    org.add_custom_field("Contact", FieldSchema::text("First__c", "First", 20)).unwrap();
    assert_eq!(value(&org, &id, "First__c"), FieldValue::Null, "a new field of the same name begins empty");
}
