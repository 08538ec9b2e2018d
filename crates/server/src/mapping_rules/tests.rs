//! What is accepted of a mapping, and in which words the rest is refused.

use syncline_model::{
    clock::from_ms,
    mapping::{Empty, MatchRule},
};

use super::*;

fn field(name: &str, field_type: FieldType, updateable: bool) -> FieldSchema {
    FieldSchema {
        name: name.into(),
        label: name.replace('_', " "),
        field_type,
        length: None,
        scale: None,
        updateable,
        nillable: true,
        custom: name.ends_with("__c"),
        calculated: false,
        restricted_to: Vec::new(),
        reference_to: Vec::new(),
        relationship: None,
    }
}

fn contact() -> ObjectSchema {
    let fields = vec![
        field("Email", FieldType::Email, true),
        FieldSchema { length: Some(128), ..field("Title", FieldType::String, true) },
        field("Description", FieldType::TextArea, true),
        field("MailingAddress", FieldType::Address, false),
        field("CreatedDate", FieldType::DateTime, false),
        field("Plan__c", FieldType::String, true),
        field("Opted_Out__c", FieldType::Boolean, true),
        lookup("AccountId", "Account ID", "Account", "Account"),
    ];
    ObjectSchema { name: "Contact".into(), label: "Contact".into(), key_prefix: None, fields }
}

fn lookup(name: &str, label: &str, relationship: &str, to: &str) -> FieldSchema {
    FieldSchema {
        label: label.into(),
        relationship: Some(relationship.into()),
        reference_to: vec![to.into()],
        ..field(name, FieldType::Reference, true)
    }
}

fn account() -> ObjectSchema {
    let fields = vec![
        field("Industry", FieldType::Picklist, true),
        field("Website", FieldType::Url, true),
        lookup("ParentId", "Parent Account ID", "Parent", "Account"),
    ];
    ObjectSchema { name: "Account".into(), label: "Account".into(), key_prefix: None, fields }
}

fn attribute_of(name: &str, data_type: DataType) -> AttributeDefinition {
    AttributeDefinition {
        scope: Scope::User,
        name: name.into(),
        display_name: name.into(),
        description: None,
        data_type,
        origin: Origin::Api,
        created_at: from_ms(0),
    }
}

fn lines(pairs: &[(&str, &str)]) -> Vec<FieldMapping> {
    pairs.iter().map(|(from, to)| FieldMapping::new(*from, *to)).collect()
}

fn mapping(inbound: &[(&str, &str)], outbound: &[(&str, &str)]) -> MappingDefinition {
    MappingDefinition {
        salesforce: "Contact".into(),
        userflow: ProfileKind::User,
        match_rule: MatchRule { salesforce: "Email".into(), userflow: "email".into() },
        duplicates: Default::default(),
        on_unlink: Default::default(),
        stream_events: false,
        events: Vec::new(),
        inbound: lines(inbound),
        outbound: lines(outbound),
    }
}

fn judge_alone(definition: &MappingDefinition) -> Result<Accepted, Fault> {
    judge_beside(definition, &[])
}

fn judge_beside(definition: &MappingDefinition, mappings: &[ObjectMapping]) -> Result<Accepted, Fault> {
    let schemas = [contact(), account()];
    let objects = schemas.iter().map(|schema| ListedObject { name: schema.name.clone(), label: schema.label.clone() });
    let objects: Vec<_> = objects.collect();
    let attributes = [attribute_of("plan", DataType::String), attribute_of("seats", DataType::Number)];
    let nps = QuestionDefinition {
        id: "nps".into(),
        name: "How likely?".into(),
        data_type: DataType::Number,
        created_at: from_ms(0),
    };
    let around = Surroundings {
        mappings,
        judged: None,
        objects: &objects,
        schemas: &schemas,
        attributes: &attributes,
        questions: &[nps],
        now: from_ms(0),
    };
    judge(definition, around)
}

#[track_caller]
fn assert_refused(definition: &MappingDefinition, field: &str, words: &str) {
    let fault = judge_alone(definition).unwrap_err();
    assert_eq!(fault.field, field, "{fault:?}");
    assert!(fault.message.contains(words), "{fault:?}");
}

#[test]
fn an_accepted_mapping_takes_the_orgs_spelling_and_labels() {
    let mut given = mapping(&[("title", "salesforce_contact_title")], &[("plan", "plan__c")]);
    given.salesforce = "contact".into();
    let accepted = judge_alone(&given).unwrap();
    assert_eq!(accepted.definition.salesforce, "Contact");
    assert_eq!(accepted.definition.inbound[0].from, "Title");
    assert_eq!(accepted.definition.outbound[0].to, "Plan__c");
    assert_eq!(accepted.targets[0].display_name, "Title");
    assert_eq!(accepted.targets[0].origin, Origin::Salesforce);
}

#[test]
fn what_is_not_described_yet_is_named_step_by_step() {
    let listed = |name: &str| ListedObject { name: name.into(), label: name.into() };
    let objects = [listed("Contact"), listed("Account")];
    let mut given = mapping(&[("Account.Parent.Industry", "sector"), ("Title", "title")], &[]);
    given.salesforce = "contact".into();
    let names = |schemas: &[ObjectSchema]| undescribed(&given, &objects, schemas).into_iter().collect::<Vec<_>>();
    assert_eq!(names(&[]), ["Contact"]);
    assert_eq!(names(&[contact()]), ["Account"]);
    assert!(names(&[contact(), account()]).is_empty());
    given.salesforce = "User".into();
    assert!(undescribed(&given, &objects, &[]).is_empty(), "what can not be mapped is not described for it");
}

#[test]
fn what_does_not_exist_is_named() {
    let mut unknown = mapping(&[], &[]);
    unknown.salesforce = "Invoice__c".into();
    assert_refused(&unknown, "salesforce", "there are Contact, Account");
    assert_refused(&mapping(&[("Nope", "nope")], &[]), "inbound[0].from", "no field `Nope`");
    assert_refused(&mapping(&[("Acount.Industry", "x")], &[]), "inbound[0].from", "no association `Acount`");
    assert_refused(&mapping(&[("Account.Nope", "x")], &[]), "inbound[0].from", "Account has no field `Nope`");
    assert_refused(&mapping(&[], &[("plan", "Account.Industry")]), "outbound[0].to", "can only be read");
    assert_refused(&mapping(&[], &[("plan", "Nope__c")]), "outbound[0].to", "no field `Nope__c`");
}

#[test]
fn a_match_needs_a_field_and_an_attribute_that_can_be_keys() {
    let mut text_area = mapping(&[], &[]);
    text_area.match_rule.salesforce = "Description".into();
    assert_refused(&text_area, "match.salesforce", "can not be matched by");
    let mut company_id = mapping(&[], &[]);
    company_id.match_rule.userflow = "company_id".into();
    assert_refused(&company_id, "match.userflow", "no company id");
}

#[test]
fn types_must_fit() {
    assert_refused(&mapping(&[("MailingAddress", "address")], &[]), "inbound[0].from", "can not be synced");
    assert_refused(&mapping(&[("Title", "seats")], &[]), "inbound[0].to", "is a number");
    assert_refused(&mapping(&[], &[("seats", "Opted_Out__c")]), "outbound[0].to", "types do not fit");
}

#[test]
fn options_of_a_line_must_fit_its_target() {
    let inbound = |line: FieldMapping| MappingDefinition { inbound: vec![line], ..mapping(&[], &[]) };
    let outbound = |line: FieldMapping| MappingDefinition { outbound: vec![line], ..mapping(&[], &[]) };
    let values = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let seats = || FieldMapping::new("Title", "seats");
    let title = || FieldMapping::new("plan", "Title");

    let numbered = FieldMapping { values: values(&[("Small", "5"), ("Large", "50")]), ..seats() };
    let accepted = judge_alone(&inbound(numbered.clone())).unwrap();
    assert_eq!(accepted.definition.inbound[..], *std::slice::from_ref(&numbered));
    assert_eq!(accepted.targets[0].data_type, DataType::Number);
    let worded = FieldMapping { values: values(&[("Small", "few")]), ..seats() };
    assert_refused(&inbound(worded), "inbound[0].values", "no number");
    let padded = FieldMapping { values: values(&[(" Small", "5")]), ..seats() };
    assert_refused(&inbound(padded), "inbound[0].values", "never be met");
    let lonely = FieldMapping { otherwise: Some("5".into()), ..FieldMapping::new("Title", "x") };
    assert_refused(&inbound(lonely), "inbound[0].otherwise", "beside `values`");
    let misfit = FieldMapping { otherwise: Some("many".into()), ..numbered };
    assert_refused(&inbound(misfit), "inbound[0].otherwise", "no number");
    let dated = FieldMapping { values: values(&[("a", "b")]), ..FieldMapping::new("CreatedDate", "x") };
    assert_refused(&inbound(dated), "inbound[0].values", "point in time");
    let cut = FieldMapping { truncate: true, ..FieldMapping::new("Title", "x") };
    assert_refused(&inbound(cut), "inbound[0].truncate", "goes to Salesforce");

    let cut = FieldMapping { truncate: true, ..title() };
    assert!(judge_alone(&outbound(cut)).is_ok());
    let cut = FieldMapping { truncate: true, ..FieldMapping::new("plan", "Opted_Out__c") };
    assert_refused(&outbound(cut), "outbound[0].truncate", "no text field");
    let cut = FieldMapping { truncate: true, ..FieldMapping::new("seats", "userflow_user_seats__c") };
    assert_refused(&outbound(cut), "outbound[0].truncate", "no text field");
    let unsaid = FieldMapping { empty: Empty::Default, ..title() };
    assert_refused(&outbound(unsaid), "outbound[0].default", "has no value");
    let idle = FieldMapping { default: "free".into(), ..title() };
    assert_refused(&outbound(idle), "outbound[0].default", "counts only");
    let long = FieldMapping { empty: Empty::Default, default: "x".repeat(129).as_str().into(), ..title() };
    assert_refused(&outbound(long), "outbound[0].default", "longer than the 128");
    // By a value map a number can tick a box.
    let ticked = FieldMapping { values: values(&[("1", "true")]), ..FieldMapping::new("seats", "Opted_Out__c") };
    assert!(judge_alone(&outbound(ticked)).is_ok());
}

#[test]
fn targets_must_be_writable_and_fed_once() {
    assert_refused(&mapping(&[], &[("plan", "CreatedDate")]), "outbound[0].to", "can not be changed");
    assert_refused(&mapping(&[], &[("plan", "Email")]), "outbound[0].to", "matched by");
    assert_refused(&mapping(&[("Title", "email")], &[]), "inbound[0].to", "matched by");
    assert_refused(&mapping(&[("Title", "user_id")], &[]), "inbound[0].to", "no attribute");
    assert_refused(&mapping(&[("Title", "a/b")], &[]), "inbound[0].to", "no name");
    assert_refused(&mapping(&[("Title", "x"), ("Plan__c", "x")], &[]), "inbound[1].to", "two lines");
    assert_refused(&mapping(&[], &[("plan", "Title"), ("tier", "title")]), "outbound[1].to", "two lines");
}

/// A mapping that the connection has already.
fn saved(definition: MappingDefinition) -> ObjectMapping {
    ObjectMapping {
        id: MappingId::new(from_ms(0)),
        version: 1,
        edited_at: None,
        position: 0,
        paused: false,
        definition,
    }
}

#[test]
fn another_mapping_may_feed_the_same_attribute() {
    let first = saved(mapping(&[("Title", "job")], &[]));
    assert!(judge_beside(&mapping(&[("Description", "job")], &[]), &[first]).is_ok());
}

#[test]
fn a_field_of_ours_that_is_not_there_is_wanted_with_the_type_of_its_attribute() {
    let accepted = judge_alone(&mapping(&[], &[("seats", "userflow_user_seats__c"), ("plan", "Plan__c")])).unwrap();
    let [field] = &accepted.fields[..] else { panic!("{:?}", accepted.fields) };
    assert_eq!((field.object.as_str(), field.name.as_str()), ("Contact", "userflow_user_seats__c"));
    assert_eq!((field.label.as_str(), field.kind.title()), ("Userflow seats", "Number(16, 2)"));
    let long = format!("userflow_{}__c", "x".repeat(40));
    assert_refused(&mapping(&[], &[("plan", &long)]), "outbound[0].to", "too long");
    let twice = mapping(&[], &[("plan", "userflow_user_x__c"), ("seats", "userflow_user_x__c")]);
    assert_refused(&twice, "outbound[1].to", "two lines");
}

#[test]
fn what_is_worked_out_of_events_is_a_source_of_its_own_type_and_nothing_else_with_a_period_is() {
    let lines = [
        ("first_seen_at", "userflow_user_first_seen__c"),
        ("event.trial.extended.count", "userflow_user_trials__c"),
        ("event.trial.extended.last", "userflow_user_trial__c"),
        ("answer.nps", "userflow_user_nps__c"),
        ("answer.never given", "Title"),
    ];
    let accepted = judge_alone(&mapping(&[], &lines)).unwrap();
    let made: Vec<_> = accepted.fields.iter().map(|field| (field.label.as_str(), field.kind.title())).collect();
    let wanted = [
        ("Userflow First seen", "Date/Time"),
        ("Userflow How often: Trial Extended", "Number(16, 2)"),
        ("Userflow Last time: Trial Extended", "Date/Time"),
        ("Userflow Latest answer: How likely?", "Number(16, 2)"),
    ];
    assert_eq!(made, wanted);
    assert_refused(&mapping(&[], &[("event.paid.count", "Opted_Out__c")]), "outbound[0].to", "types do not fit");
    assert_refused(&mapping(&[], &[("event.paid.mean", "Title")]), "outbound[0].from", "`event.<name>.count`");
    assert_refused(&mapping(&[], &[("Account.Industry", "Title")]), "outbound[0].from", "nothing that can be sent");
    assert_refused(&mapping(&[], &[("event.a/b.count", "Title")]), "outbound[0].from", "no name of an event");
}

#[test]
fn a_field_of_an_associated_record_is_a_source_in_the_orgs_spelling() {
    let accepted = judge_alone(&mapping(&[("account.parent.INDUSTRY", "salesforce_industry")], &[])).unwrap();
    assert_eq!(accepted.definition.inbound[0].from, "Account.Parent.Industry");
    assert_eq!(accepted.targets[0].display_name, "Account › Parent Account › Industry");
    assert_eq!(accepted.targets[0].data_type, DataType::String);
}

#[test]
fn a_loop_through_an_associated_record_is_found() {
    let first = saved(MappingDefinition {
        salesforce: "Account".into(),
        match_rule: MatchRule { salesforce: "Website".into(), userflow: "site".into() },
        ..mapping(&[], &[("sector", "Industry")])
    });
    let closing = mapping(&[("Account.Industry", "sector")], &[]);
    let fault = judge_beside(&closing, &[first]).unwrap_err();
    assert_eq!(fault.field, "inbound[0].to");
    assert!(fault.message.contains("Account.Industry → user sector → Account.Industry"), "{fault:?}");
}

#[test]
fn a_loop_is_spelled_out_also_over_several_mappings() {
    let direct = mapping(&[("Title", "job")], &[("job", "Title")]);
    assert_refused(&direct, "inbound[0].to", "Contact.Title → user job → Contact.Title");

    let first = saved(mapping(&[("Title", "job")], &[("plan", "Plan__c")]));
    let second = mapping(&[("Plan__c", "copy")], &[("copy", "Title")]);
    assert!(judge_beside(&second, std::slice::from_ref(&first)).is_ok());
    let closing = mapping(&[("Plan__c", "copy")], &[("job", "Description"), ("copy", "Title")]);
    assert!(judge_beside(&closing, std::slice::from_ref(&first)).is_ok());
    let closing = mapping(&[("Title", "plan")], &[("job", "Description"), ("copy", "Title")]);
    assert!(judge_beside(&closing, std::slice::from_ref(&first)).is_ok());
    let closing = mapping(&[("Plan__c", "copy")], &[("job", "Title")]);
    let fault = judge_beside(&closing, &[first]).unwrap_err();
    assert_eq!(fault.field, "outbound[0].to");
    assert!(fault.message.contains("user job → Contact.Title → user job"), "{fault:?}");
}

#[test]
fn a_field_of_a_person_account_and_of_its_contact_is_one() {
    let mut accounts = account();
    let of_people = ["Name", "PersonEmail", "PersonTitle", "Plan__pc"].map(|name| field(name, FieldType::String, true));
    accounts.fields.extend(of_people);
    let schemas = [contact(), accounts];
    let objects =
        schemas.each_ref().map(|schema| ListedObject { name: schema.name.clone(), label: schema.label.clone() });
    let of_people = |inbound: &[(&str, &str)], outbound: &[(&str, &str)]| MappingDefinition {
        salesforce: ACCOUNT.into(),
        match_rule: MatchRule { salesforce: "PersonEmail".into(), userflow: "email".into() },
        ..mapping(inbound, outbound)
    };
    let judged = |definition: &MappingDefinition, beside: &MappingDefinition| {
        let around = Surroundings {
            mappings: &[saved(beside.clone())],
            judged: None,
            objects: &objects,
            schemas: &schemas,
            attributes: &[],
            questions: &[],
            now: from_ms(0),
        };
        judge(definition, around).map_err(|fault| fault.message)
    };
    let (contacts, people) = (mapping(&[], &[("plan", "Plan__c")]), of_people(&[], &[("tier", "Plan__pc")]));
    let words = "are one field of a person account; leave one of the two lines out.";
    assert_eq!(judged(&people, &contacts).unwrap_err(), format!("Account.Plan__pc and Contact.Plan__c {words}"));
    assert_eq!(judged(&contacts, &people).unwrap_err(), format!("Contact.Plan__c and Account.Plan__pc {words}"));
    let (contacts, people) = (mapping(&[("Title", "t")], &[]), of_people(&[], &[("t", "PersonTitle")]));
    for (one, other) in [(&contacts, &people), (&people, &contacts)] {
        let words = judged(one, other).unwrap_err();
        assert!(words.contains("Contact.Title") && words.contains("Account.PersonTitle"), "{words}");
    }
    let both_in = of_people(&[("PersonTitle", "t")], &[("plan", "Website")]);
    assert!(judged(&both_in, &contacts).is_ok());
    let named = of_people(&[], &[("plan", "Name")]);
    assert!(judged(&named, &contacts).unwrap_err().contains("first and the last name"));
}
