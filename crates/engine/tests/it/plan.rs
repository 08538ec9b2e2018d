//! The plan, by examples and by the property that carrying it out leaves nothing to do.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use proptest::prelude::*;
use syncline_engine::{Need, Paths, Plan, Ready, pick};
use syncline_model::{
    Number, Value, Values,
    attribute::DataType,
    id::MappingId,
    issue::IssueKind,
    mapping::{Duplicates, Empty, FieldMapping, MappingDefinition, MatchRule, OnUnlink},
    path::FieldPath,
    profile::{Profile, ProfileKind},
    record::{HeldRecord, Record},
    rules::AttributeTypes,
    schema::{FieldSchema, FieldType, ObjectSchema},
    work::{Sources, Work, WorkKey},
};

fn lines(lines: &[(&str, &str)]) -> Vec<FieldMapping> {
    lines.iter().map(|(from, to)| FieldMapping::new(*from, *to)).collect()
}

fn mapping() -> MappingDefinition {
    MappingDefinition {
        salesforce: "Contact".into(),
        userflow: ProfileKind::User,
        match_rule: MatchRule { salesforce: "Email".into(), userflow: "email".into() },
        duplicates: Duplicates::Oldest,
        on_unlink: OnUnlink::Clear,
        stream_events: false,
        events: Vec::new(),
        inbound: lines(&[("Title", "title")]),
        outbound: lines(&[("plan", "Plan__c"), ("score", "Score__c")]),
    }
}

fn schema() -> ObjectSchema {
    let field = |name: &str, field_type, length, scale| FieldSchema {
        name: name.into(),
        label: name.into(),
        field_type,
        length,
        scale,
        updateable: true,
        nillable: true,
        custom: false,
        calculated: false,
        restricted_to: Vec::new(),
        reference_to: Vec::new(),
        relationship: None,
    };
    ObjectSchema {
        key_prefix: None,
        name: "Contact".into(),
        label: "Contact".into(),
        fields: vec![
            field("Email", FieldType::Email, Some(80), None),
            field("Title", FieldType::String, Some(128), None),
            field("Plan__c", FieldType::String, Some(10), None),
            field("Score__c", FieldType::Double, None, Some(2)),
        ],
    }
}

fn values(values: &[(&str, Value)]) -> Values {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn number(value: f64) -> Value {
    Value::Number(Number::new(value).unwrap())
}

fn profile(attributes: Values) -> Profile {
    Profile {
        kind: ProfileKind::User,
        id: "u1".into(),
        attributes: attributes.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        created_at: Timestamp::UNIX_EPOCH,
        last_seen_at: None,
        summary: Default::default(),
        revision: 1,
    }
}

fn record(values: Values) -> HeldRecord {
    HeldRecord {
        object: "Contact".into(),
        id: "003000000000001AAA".into(),
        values,
        created_at: Timestamp::UNIX_EPOCH,
        read_ms: 0,
        commit: None,
        stale: false,
        gone: false,
        revision: 3,
    }
}

/// A linked item whose sides agree.
fn agreed() -> Work {
    Work {
        key: WorkKey { mapping_id: MappingId::new(Timestamp::UNIX_EPOCH), profile_id: "u1".into() },
        generation: 1,
        due_at: Timestamp::UNIX_EPOCH,
        attempts: 0,
        profile: Some(profile(values(&[
            ("email", "Ada@Example.com".into()),
            ("title", "CTO".into()),
            ("plan", "pro".into()),
            ("score", number(7.0)),
        ]))),
        match_key: mapping().match_rule.key(&"ada@example.com".into()),
        searched: true,
        candidates: 1,
        was_linked: true,
        record: Some(record(values(&[
            ("Email", "ada@example.com".into()),
            ("Title", "CTO".into()),
            ("Plan__c", "pro".into()),
            ("Score__c", number(7.0)),
        ]))),
        associated: BTreeMap::new(),
        speaks: true,
    }
}

fn plan(mapping: &MappingDefinition, schema: Option<&ObjectSchema>, work: &Work) -> Plan {
    syncline_engine::plan(mapping, schema, &Paths::new(), &AttributeTypes::new(), work)
}

fn ready(work: &Work) -> Ready {
    match plan(&mapping(), Some(&schema()), work) {
        Plan::Ready(ready) => ready,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_attribute_that_the_mapping_feeds_goes_to_salesforce_as_it_becomes() {
    let mut mapping = mapping();
    mapping.outbound = lines(&[("title", "Plan__c")]);
    let mut work = agreed();
    work.record.as_mut().unwrap().values.insert("Title".into(), "CEO".into());
    let Plan::Ready(ready) = plan(&mapping, Some(&schema()), &work) else { panic!() };
    assert_eq!(ready.attributes, values(&[("title", "CEO".into())]));
    assert_eq!(ready.write.unwrap().values, values(&[("Plan__c", "CEO".into())]));
}

#[test]
fn sides_that_agree_need_nothing() {
    assert_eq!(ready(&agreed()), Ready::default());
}

#[test]
fn only_differences_are_written_in_the_form_that_the_field_keeps() {
    let mut work = agreed();
    work.profile = Some(profile(values(&[
        ("email", "ada@example.com".into()),
        ("plan", "  pro ".into()),
        ("score", number(8.005)),
        ("title", "CEO".into()),
    ])));
    let ready = ready(&work);
    assert_eq!(ready.attributes, values(&[("title", "CTO".into())]));
    assert_eq!(ready.write.unwrap().values, values(&[("Score__c", number(8.01))]));
    let sources = |to: &str, from: &str| [(to.to_owned(), from.to_owned())].into();
    let expected = Sources { attributes: sources("title", "Title"), fields: sources("Score__c", "score") };
    assert_eq!(ready.sources, expected);
}

#[test]
fn null_clears_in_both_directions() {
    let mut work = agreed();
    work.profile = Some(profile(values(&[("email", "ada@example.com".into()), ("title", "CTO".into())])));
    work.record.as_mut().unwrap().values.insert("Title".into(), Value::Null);
    let ready = ready(&work);
    assert_eq!(ready.attributes, values(&[("title", Value::Null)]));
    assert_eq!(ready.write.unwrap().values, values(&[("Plan__c", Value::Null), ("Score__c", Value::Null)]));
}

#[test]
fn a_value_that_does_not_fit_becomes_an_issue_and_the_others_sync() {
    let mut work = agreed();
    work.profile.as_mut().unwrap().attributes.insert("plan".into(), "far too long a plan".into());
    work.profile.as_mut().unwrap().attributes.insert("score".into(), number(1.0));
    let ready = ready(&work);
    assert_eq!(ready.write.unwrap().values, values(&[("Score__c", number(1.0))]));
    assert_eq!(ready.issues.len(), 1);
    assert_eq!(ready.issues[0].kind, IssueKind::ValueMisfit);
    assert_eq!(ready.issues[0].field.as_deref(), Some("Plan__c"));
    assert!(!ready.issues[0].cause.contains("far too long a plan"), "an issue tells no value");
}

#[test]
fn a_line_keeps_maps_or_cuts_as_it_is_told_and_nothing_is_written_twice() {
    let mut mapping = mapping();
    mapping.inbound[0].values = [("CTO", "leader"), ("CEO", "leader")].map(|(a, b)| (a.into(), b.into())).into();
    mapping.outbound[0].truncate = true;
    mapping.outbound[1].empty = Empty::Keep;
    let planned = |work: &Work| match plan(&mapping, Some(&schema()), work) {
        Plan::Ready(ready) => ready,
        other => panic!("{other:?}"),
    };
    let mut work = agreed();
    let attributes = &mut work.profile.as_mut().unwrap().attributes;
    attributes.insert("plan".into(), "far too long a plan".into());
    attributes.remove("score");
    let ready = planned(&work);
    assert_eq!(ready.attributes, values(&[("title", "leader".into())]));
    let write = ready.write.unwrap();
    assert_eq!(write.values, values(&[("Plan__c", "far too l…".into())]));
    assert!(ready.issues.is_empty());

    work.profile.as_mut().unwrap().attributes.extend(ready.attributes);
    work.record.as_mut().unwrap().values.extend(write.values);
    assert_eq!(planned(&work), Ready::default());

    work.record.as_mut().unwrap().values.insert("Title".into(), "Intern".into());
    let unmapped = planned(&work);
    assert!(unmapped.attributes.is_empty());
    assert_eq!(unmapped.issues[0].kind, IssueKind::ValueMisfit);
    assert_eq!(unmapped.issues[0].field.as_deref(), Some("title"));
}

#[test]
fn of_several_profiles_of_a_record_only_the_one_that_speaks_writes() {
    let mut work = agreed();
    work.profile.as_mut().unwrap().attributes.insert("plan".into(), "team".into());
    work.speaks = false;
    assert_eq!(ready(&work), Ready::default());
}

#[test]
fn what_is_not_known_is_asked_first() {
    let needs = |work: &Work| plan(&mapping(), Some(&schema()), work);
    let mut work = agreed();
    work.searched = false;
    assert_eq!(needs(&work), Plan::Needs(Need::Search));

    let mut work = agreed();
    work.record.as_mut().unwrap().stale = true;
    assert_eq!(needs(&work), Plan::Needs(Need::Read));

    let mut work = agreed();
    work.record.as_mut().unwrap().values.remove("Title");
    assert_eq!(needs(&work), Plan::Needs(Need::Read));

    assert_eq!(plan(&mapping(), None, &agreed()), Plan::Needs(Need::Schema));
}

#[test]
fn a_record_that_is_gone_or_has_another_key_is_looked_for_again() {
    let mut work = agreed();
    work.record.as_mut().unwrap().gone = true;
    assert_eq!(plan(&mapping(), Some(&schema()), &work), Plan::Needs(Need::Search));
    // Also where its copy lacks fields, since it was gone before they were to be seen.
    work.record.as_mut().unwrap().values.remove("Title");
    assert_eq!(plan(&mapping(), Some(&schema()), &work), Plan::Needs(Need::Search));

    let mut work = agreed();
    work.record.as_mut().unwrap().values.insert("Email".into(), "someone@else.example".into());
    assert_eq!(plan(&mapping(), Some(&schema()), &work), Plan::Needs(Need::Search));
}

#[test]
fn a_link_that_ends_clears_what_came_by_it_unless_told_to_keep() {
    let mut work = agreed();
    work.record = None;
    let ended = ready(&work);
    assert!(ended.unlink);
    assert_eq!(ended.attributes, values(&[("title", Value::Null)]));

    let keep = MappingDefinition { on_unlink: OnUnlink::Keep, ..mapping() };
    let Plan::Ready(kept) = plan(&keep, Some(&schema()), &work) else { panic!() };
    assert!(kept.unlink && kept.attributes.is_empty());

    work.was_linked = false;
    assert_eq!(ready(&work), Ready::default(), "attributes of a profile that was never linked are not ours to clear");
}

#[test]
fn a_deleted_profile_only_ends_its_link() {
    let work = Work { profile: None, ..agreed() };
    assert_eq!(ready(&work), Ready { unlink: true, ..Ready::default() });
}

#[test]
fn several_records_of_a_key_are_an_issue_whatever_the_rule() {
    let work = Work { candidates: 3, ..agreed() };
    let issues = ready(&work).issues;
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0].kind, IssueKind::AmbiguousKey);
    assert!(issues[0].cause.contains("3 Contact records"));
}

#[test]
fn a_field_that_is_not_there_is_an_issue_and_the_others_sync() {
    let mut schema = schema();
    schema.fields.retain(|field| field.name != "Plan__c");
    let mut work = agreed();
    work.profile.as_mut().unwrap().attributes.insert("score".into(), number(9.0));
    let Plan::Ready(ready) = plan(&mapping(), Some(&schema), &work) else { panic!() };
    assert_eq!(ready.issues[0].kind, IssueKind::SchemaChanged);
    assert_eq!(ready.write.unwrap().values, values(&[("Score__c", number(9.0))]));
}

#[test]
fn a_field_that_may_not_be_changed_is_an_issue_where_it_would_have_to_be_and_the_others_sync() {
    let mut schema = schema();
    schema.fields.iter_mut().filter(|field| field.name == "Plan__c").for_each(|field| field.updateable = false);
    let planned = |work: &Work| match plan(&mapping(), Some(&schema), work) {
        Plan::Ready(ready) => ready,
        other => panic!("{other:?}"),
    };
    assert_eq!(planned(&agreed()).issues, []);
    let mut work = agreed();
    let attributes = &mut work.profile.as_mut().unwrap().attributes;
    attributes.extend([("plan".to_owned(), "scale".into()), ("score".to_owned(), number(9.0))]);
    let ready = planned(&work);
    assert_eq!((ready.issues[0].kind, ready.issues[0].field.as_deref()), (IssueKind::FieldRejected, Some("Plan__c")));
    assert_eq!(ready.write.unwrap().values, values(&[("Score__c", number(9.0))]));
}

#[test]
fn the_type_of_the_attribute_decides_when_the_field_has_another_by_now() {
    let mut schema = schema();
    schema.fields[1].field_type = FieldType::Double;
    let mut work = agreed();
    work.record.as_mut().unwrap().values.insert("Title".into(), number(5.0));
    let planned = |data_type| {
        let types = AttributeTypes::from([("title".to_owned(), data_type)]);
        match syncline_engine::plan(&mapping(), Some(&schema), &Paths::new(), &types, &work) {
            Plan::Ready(ready) => ready,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(planned(DataType::String).attributes, values(&[("title", "5".into())]));
    let misfit = planned(DataType::Boolean);
    assert!(misfit.attributes.is_empty());
    assert_eq!(misfit.issues[0].kind, IssueKind::ValueMisfit);
}

fn candidate(id: &str, email: &str, created: i64, modified: i64) -> Record {
    Record {
        object: "Contact".into(),
        id: id.into(),
        values: values(&[("Email", email.into())]),
        created_at: Timestamp::from_second(created).unwrap(),
        modified_at: Timestamp::from_second(modified).unwrap(),
        modstamp: Timestamp::from_second(modified).unwrap(),
    }
}

#[test]
fn the_rule_picks_one_of_several_records() {
    let rule = mapping().match_rule;
    let records = || {
        vec![
            candidate("003B", "ada@example.com", 5, 9),
            candidate("003A", " ADA@example.com", 5, 7),
            candidate("003C", "ada@example.com", 6, 10),
            candidate("003D", "bob@example.com", 1, 1),
        ]
    };
    let key = rule.key(&"ada@example.com".into()).unwrap();
    let picked = |duplicates| {
        let (count, record) = pick(&rule, duplicates, records())[&key].clone();
        (count, record.map(|record| record.id))
    };
    assert_eq!(picked(Duplicates::Oldest), (3, Some("003A".into())));
    assert_eq!(picked(Duplicates::Newest), (3, Some("003C".into())));
    assert_eq!(picked(Duplicates::Skip), (3, None));
    let bob = rule.key(&"bob@example.com".into()).unwrap();
    assert!(pick(&rule, Duplicates::Skip, records())[&bob].1.is_some());
}

fn any_text() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), "[ a-z]{0,14}".prop_map(|text| Value::text(text.trim()))]
}

proptest! {
    /// Carrying out a plan leaves nothing to do but what it named as issues.
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do(
        title in any_text(), held_title in any_text(), plan_name in any_text(), held_plan in any_text(),
        score in proptest::option::of(-1e6f64..1e6), held_score in proptest::option::of(-1e6f64..1e6),
    ) {
        let score = score.map_or(Value::Null, number);
        let held_score = held_score.map_or(Value::Null, number);
        let mut work = agreed();
        work.profile = Some(profile(values(&[
            ("email", "ada@example.com".into()), ("title", title), ("plan", plan_name), ("score", score),
        ])));
        work.record = Some(record(values(&[
            ("Email", "ada@example.com".into()), ("Title", held_title), ("Plan__c", held_plan), ("Score__c", held_score),
        ])));
        let first = ready(&work);
        let profile = work.profile.as_mut().unwrap();
        profile.attributes.extend(first.attributes);
        profile.attributes.retain(|_, value| !value.is_null());
        if let Some(write) = first.write {
            work.record.as_mut().unwrap().values.extend(write.values);
        }
        prop_assert_eq!(ready(&work), Ready { issues: first.issues, ..Ready::default() });
    }
}

/// `Account.Industry` and `Account.Parent.Industry`, and what the org would have to look like for it.
fn paths() -> (MappingDefinition, ObjectSchema, Paths) {
    let lookup = |name: &str, relationship: &str| FieldSchema {
        name: name.into(),
        field_type: FieldType::Reference,
        relationship: Some(relationship.into()),
        reference_to: vec!["Account".into()],
        ..schema().fields[1].clone()
    };
    let mut contact = schema();
    contact.fields.push(lookup("AccountId", "Account"));
    let industry = FieldSchema { name: "Industry".into(), ..schema().fields[1].clone() };
    let account = ObjectSchema {
        name: "Account".into(),
        label: "Account".into(),
        key_prefix: Some("001".into()),
        fields: vec![industry, lookup("ParentId", "Parent")],
    };
    let known = |name: &str| (name == "Account").then_some(&account);
    let resolve = |path: &str| (path.to_owned(), FieldPath::resolve(path, &contact, &known));
    let paths = Paths::from(["Account.Industry", "Account.Parent.Industry"].map(resolve));
    let inbound = lines(&[("Account.Industry", "industry"), ("Account.Parent.Industry", "sector")]);
    (MappingDefinition { inbound, ..mapping() }, contact, paths)
}

fn account_key(id: &str) -> (String, String) {
    ("Account".to_owned(), id.to_owned())
}

fn account(id: &str, fields: &[(&str, Value)]) -> ((String, String), Arc<HeldRecord>) {
    let held = HeldRecord { object: "Account".into(), id: id.into(), ..record(values(fields)) };
    (account_key(id), Arc::new(held))
}

fn with_account(id: Value) -> Work {
    let mut work = agreed();
    work.record.as_mut().unwrap().values.insert("AccountId".into(), id);
    work
}

fn plan_along(work: &Work) -> Plan {
    let (mapping, schema, paths) = paths();
    syncline_engine::plan(&mapping, Some(&schema), &paths, &AttributeTypes::new(), work)
}

fn needs(work: &Work) -> (Vec<String>, Vec<String>) {
    match plan_along(work) {
        Plan::Needs(Need::Associated { unknown, unread }) => {
            let ids = |keys: std::collections::BTreeSet<(String, String)>| keys.into_iter().map(|(_, id)| id).collect();
            (ids(unknown), ids(unread))
        }
        other => panic!("{other:?}"),
    }
}

fn along(work: &Work) -> Ready {
    match plan_along(work) {
        Plan::Ready(ready) => ready,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_is_followed_step_by_step() {
    let (first, second) = ("001000000000001AAA", "001000000000002AAA");
    let mut work = agreed();
    assert_eq!(plan_along(&work), Plan::Needs(Need::Read), "the lookup is not held yet");
    work = with_account(first.into());
    assert_eq!(needs(&work), (vec![first.to_owned()], Vec::new()));
    work.associated.insert(account_key(first), Arc::new(HeldRecord::unread(account_key(first))));
    assert_eq!(needs(&work), (Vec::new(), vec![first.to_owned()]));
    work.associated.extend([account(first, &[("Industry", "Banking".into())])]);
    assert_eq!(needs(&work), (Vec::new(), vec![first.to_owned()]), "the next lookup is not held yet");
    work.associated.extend([account(first, &[("Industry", "Banking".into()), ("ParentId", second.into())])]);
    assert_eq!(needs(&work), (vec![second.to_owned()], Vec::new()));
    work.associated.extend([account(second, &[("Industry", "Energy".into())])]);
    let ready = along(&work);
    assert_eq!(ready.attributes, values(&[("industry", "Banking".into()), ("sector", "Energy".into())]));
    assert!(ready.dissociated.is_empty());
}

#[test]
fn a_path_that_ends_early_has_no_value_and_needs_no_other_record() {
    let (first, second) = ("001000000000001AAA", "001000000000002AAA");
    let mut work = with_account(Value::Null);
    let held = |id: &str| account(id, &[("Industry", "Banking".into()), ("ParentId", Value::Null)]);
    work.associated.extend([held(first), held(second)]);
    work.profile.as_mut().unwrap().attributes.insert("industry".into(), "Old".into());
    let ready = along(&work);
    assert_eq!(ready.attributes, values(&[("industry", Value::Null)]));
    assert_eq!(ready.dissociated, [account_key(first), account_key(second)]);

    let mut work = with_account(first.into());
    work.associated.extend([held(first), held(second)]);
    assert_eq!(along(&work).dissociated, [account_key(second)]);
    let gone = HeldRecord { gone: true, ..HeldRecord::clone(&work.associated[&account_key(first)]) };
    work.associated.insert(account_key(first), Arc::new(gone));
    assert_eq!(along(&work).attributes, values(&[]));

    // A record of an object that the path does not apply to.
    assert_eq!(along(&with_account("500000000000001AAA".into())).attributes, values(&[]));
}

#[test]
fn a_path_that_leads_nowhere_is_an_issue_of_its_line_alone() {
    let (mapping, schema, mut paths) = paths();
    let known = |_: &str| None;
    let lost = FieldPath::resolve("Account.Industry", &schema, &known);
    paths.insert("Account.Industry".into(), lost);
    let mut work = with_account("001000000000001AAA".into());
    work.associated.extend([account("001000000000001AAA", &[("ParentId", Value::Null)])]);
    let Plan::Ready(ready) = syncline_engine::plan(&mapping, Some(&schema), &paths, &AttributeTypes::new(), &work)
    else {
        panic!("the other lines can be planned");
    };
    assert_eq!(ready.issues.len(), 1);
    assert_eq!(
        (ready.issues[0].kind, ready.issues[0].field.as_deref()),
        (IssueKind::SchemaChanged, Some("Account.Industry"))
    );
}

#[test]
fn a_profile_without_a_link_is_associated_with_nothing() {
    let mut work = agreed();
    work.associated.extend([account("001000000000001AAA", &[])]);
    work.match_key = None;
    work.record = None;
    assert_eq!(along(&work).dissociated, [account_key("001000000000001AAA")]);
}
