//! What formulas answer, written and read through an org.

use serde_json::json;

use super::*;
use crate::core::{OrgProfile, Write, WriteContext};

fn org_with_a_contact() -> (Org, String) {
    let mut org = Org::new(&OrgProfile::default(), [3; 32], 0);
    let account = org.load("Account", vec![vec![("Name", "Acme".into()), ("Industry", "Energy".into())]], 0).unwrap();
    let context =
        WriteContext { user_id: org.admin_user_id().to_owned(), change_origin: String::new(), now_ms: 86_400_000 };
    let values = json!({
        "LastName": "Okafor", "FirstName": "Ada", "AccountId": account[0], "Birthdate": "1990-02-03", "LeadSource": "Web",
        "Email": "ada@acme.example",
    });
    let values = values.as_object().unwrap().clone();
    let made = org.commit(&context, true, vec![Write::Create { object: "Contact".to_owned(), values }]).remove(0);
    (org, made.unwrap().id)
}

fn value_as(org: &Org, id: &str, text: &str, kind: FieldType, blank_as_zero: bool) -> Result<FieldValue, String> {
    let (object, row) = org.record(id).unwrap();
    let formula = Formula::read(org, object, text, kind, blank_as_zero)?;
    let table = org.table(&object.name).unwrap();
    Ok(evaluate::Scope { org, table, row, blank_as_zero, depth: 0 }.value(&formula.root))
}

#[test]
fn formulas_say_what_a_person_expects() {
    let (org, id) = org_with_a_contact();
    let text = |formula: &str| value_as(&org, &id, formula, FieldType::String, true).unwrap();
    for (formula, expected) in [
        ("FirstName & ' ' & LastName", "Ada Okafor"),
        ("UPPER(LEFT(Account.Name, 2)) + \"!\"", "AC!"),
        ("IF(ISPICKVAL(LeadSource, 'Web'), 'web', 'other')", "web"),
        ("CASE(LeadSource, 'Phone', 'p', 'Web', 'w', '?')", "w"),
        ("TEXT(Birthdate)", "1990-02-03"),
        ("TEXT(1 + 2 * 3 ^ 2 - 4 / 8)", "18.5"),
        ("BLANKVALUE(Title, 'none')", "none"),
        ("/* a remark */ SUBSTITUTE(Email, '@', ' at ')", "ada at acme.example"),
        ("RIGHT(LastName, 99)", "Okafor"),
        ("TEXT(Account.Industry)", "Energy"),
    ] {
        assert_eq!(text(formula), FieldValue::text(expected), "{formula}");
    }
    let truth = |formula: &str| value_as(&org, &id, formula, FieldType::Boolean, true).unwrap();
    for (formula, expected) in [
        ("AND(NOT(ISBLANK(Email)), OR(1 > 2, 'a' < 'b'))", true),
        ("ISBLANK(Title) && !HasOptedOutOfEmail", true),
        ("YEAR(Birthdate) = 1990 && MONTH(Birthdate + 30) = 3", true),
        ("CONTAINS(Email, 'acme') && BEGINS(Email, 'bob')", false),
        ("MAX(1, 5, 3) <> MIN(7, 5)", false),
    ] {
        assert_eq!(truth(formula), FieldValue::Boolean(expected), "{formula}");
    }
}

#[test]
fn a_number_without_a_value_is_zero_or_nothing_as_the_formula_says() {
    let (org, id) = org_with_a_contact();
    let number = |blank_as_zero| value_as(&org, &id, "Account.AnnualRevenue + 1", FieldType::Double, blank_as_zero);
    assert_eq!(number(true), Ok(FieldValue::Number(1.0)));
    assert_eq!(number(false), Ok(FieldValue::Null));
    assert_eq!(value_as(&org, &id, "1 / Account.AnnualRevenue", FieldType::Double, true), Ok(FieldValue::Null));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let (org, id) = org_with_a_contact();
    for (formula, reason) in [
        ("Nonsense__c", "Field Nonsense__c does not exist. Check spelling."),
        ("Owner.Nonsense", "Field Owner.Nonsense does not exist. Check spelling."),
        ("FOO(1)", "Unknown function FOO. Check spelling."),
        ("IF(TRUE, 'a')", "Incorrect number of parameters for function 'IF()'. Expected 3, received 2"),
        ("LEN(1)", "Incorrect parameter type for function 'LEN()'. Expected Text, received Number"),
        (
            "LeadSource",
            "Field LeadSource is a picklist field. Picklist fields are only supported in certain functions.",
        ),
        ("1 + 'a'", "Incorrect parameter type for operator '+'. Expected Number, received Text"),
        ("1", "Formula result is data type (Number), incompatible with expected data type (Text)."),
        ("'a' 'b'", "Syntax error. Extra '\"b\"'"),
        ("('a'", "Syntax error. Missing ')'"),
        ("'a", "Syntax error. Missing '''"),
        ("", "Syntax error. Found end of formula"),
        ("é", "Syntax error. Found 'é'"),
    ] {
        assert_eq!(value_as(&org, &id, formula, FieldType::String, true), Err(reason.to_owned()), "{formula}");
    }
    let deep = "(".repeat(3_000);
    assert_eq!(value_as(&org, &id, &deep, FieldType::String, true), Err("Formula is too complex".to_owned()));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_stumble(text in "[a-zA-Z0-9_.,()+*/&|=<>!'\" \\\\é^-]{0,60}") {
        let _ = parse::parse(&text);
    }
}
