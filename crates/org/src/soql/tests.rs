//! Tests of SOQL: what questions give, and that nothing makes it panic.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::core::org::OrgProfile;
use crate::core::{FieldSchema, FieldValue};

const NOW_MS: i64 = 1_700_000_000_000;
const DAY_MS: i64 = 86_400_000;

fn text(value: &str) -> FieldValue {
    FieldValue::text(value)
}

/// The same org for every case of a property.
static ORG: std::sync::LazyLock<Org> = std::sync::LazyLock::new(org);

/// Three contacts of one account, one without any, and one in the bin.
fn org() -> Org {
    let mut org = Org::new(&OrgProfile::default(), [7; 32], NOW_MS);
    let mut external = FieldSchema::text("Key__c", "Key", 20);
    external.external_id = true;
    org.add_custom_field("Contact", external).unwrap();
    let account = org
        .load(
            "Account",
            vec![vec![("Name", text("Acme")), ("Industry", text("Energy")), ("BillingCity", text("Oslo"))]],
            NOW_MS,
        )
        .unwrap()
        .remove(0);
    let contact = |first: &str, last: &str, email: &str, in_account: bool, days_ago: i64| {
        let mut values = vec![
            ("FirstName", text(first)),
            ("LastName", text(last)),
            ("Email", text(email)),
            ("CreatedDate", FieldValue::DateTime(NOW_MS - days_ago * DAY_MS)),
        ];
        if in_account {
            values.push(("AccountId", text(&account)));
            values.push(("Key__c", text(&format!("K-{last}"))));
        }
        values
    };
    let mut deleted = contact("Dag", "Deleted", "dag@x.io", true, 0);
    deleted.push(("IsDeleted", true.into()));
    let rows = vec![
        contact("Ann", "Zeta", "Ann@x.io", true, 0),
        contact("bob", "alpha", "bob@x.io", true, 10),
        contact("Cid", "Beta", "", true, 40),
        contact("Eve", "100%_done", "eve@x.io", false, 400),
        deleted,
    ];
    org.load("Contact", rows, NOW_MS).unwrap();
    org
}

fn ask(org: &Org, statement: &str, include_deleted: bool) -> Result<Execution, SoqlError> {
    let access = org.access(org.admin_user_id(), NOW_MS);
    run(org, &Asker { access: &access, now_ms: NOW_MS, include_deleted, tooling: false }, statement)
}

fn records(org: &Org, statement: &str) -> Vec<serde_json::Value> {
    match ask(org, statement, false).unwrap_or_else(|error| panic!("{statement}: {error}")) {
        Execution::Rows(rows) => rows.page(org, 0, rows.len(), "/services/data/v66.0"),
        other => panic!("{statement} gave {other:?}"),
    }
}

fn last_names(org: &Org, rest: &str) -> Vec<String> {
    let records = records(org, &format!("SELECT LastName FROM Contact {rest}"));
    records.iter().map(|record| record["LastName"].as_str().unwrap().to_owned()).collect()
}

fn refusal(statement: &str) -> SoqlError {
    ask(&org(), statement, false).unwrap_err()
}

#[test]
fn filters_choose_rows() {
    let org = org();
    for (rest, expected) in [
        ("", vec!["Zeta", "alpha", "Beta", "100%_done"]),
        ("WHERE email = 'ANN@X.IO'", vec!["Zeta"]),
        ("WHERE Email IN ('bob@x.io', 'ann@X.io', 'nobody@x.io')", vec!["Zeta", "alpha"]),
        ("WHERE Email NOT IN ('bob@x.io')", vec!["Zeta", "Beta", "100%_done"]),
        ("WHERE Email = null", vec!["Beta"]),
        ("WHERE Email = ''", vec!["Beta"]),
        ("WHERE Email != 'bob@x.io'", vec!["Zeta", "Beta", "100%_done"]),
        ("WHERE Key__c = 'k-beta'", vec!["Beta"]),
        ("WHERE LastName LIKE '%ETA'", vec!["Zeta", "Beta"]),
        ("WHERE LastName LIKE '_eta'", vec!["Zeta", "Beta"]),
        ("WHERE LastName LIKE '100\\%\\_%'", vec!["100%_done"]),
        ("WHERE LastName LIKE '%\\%x%'", vec![]),
        ("WHERE Account.Industry = 'energy' AND FirstName > 'Ann'", vec!["alpha", "Beta"]),
        ("WHERE Account.Name = null", vec!["100%_done"]),
        ("WHERE NOT (FirstName = 'Ann' OR FirstName = 'Bob')", vec!["Beta", "100%_done"]),
        ("WHERE CreatedDate = TODAY", vec!["Zeta"]),
        ("WHERE CreatedDate = LAST_N_DAYS:10", vec!["Zeta", "alpha"]),
        ("WHERE CreatedDate < LAST_YEAR", vec![]),
        ("WHERE CreatedDate < 2023-01-01T00:00:00+01:00", vec!["100%_done"]),
        ("WHERE DoNotCall = false AND IsDeleted = false LIMIT 1", vec!["Zeta"]),
        ("WHERE (Email = 'ann@x.io' OR Key__c = 'K-alpha') AND FirstName = 'bob'", vec!["alpha"]),
        ("ORDER BY LastName", vec!["100%_done", "alpha", "Beta", "Zeta"]),
        ("ORDER BY Email DESC NULLS LAST, LastName", vec!["100%_done", "alpha", "Zeta", "Beta"]),
        ("ORDER BY Email", vec!["Beta", "Zeta", "alpha", "100%_done"]),
        ("ORDER BY LastName DESC LIMIT 2 OFFSET 1", vec!["Beta", "alpha"]),
    ] {
        assert_eq!(last_names(&org, rest), expected, "{rest}");
    }
}

#[test]
fn parents_are_nested_and_null_where_missing() {
    let org = org();
    let found = records(
        &org,
        "SELECT c.Name, Account.Name, Account.Owner.Username FROM Contact c WHERE Email IN ('ann@x.io','eve@x.io')",
    );
    assert_eq!(found[0]["Name"], "Ann Zeta");
    assert_eq!(found[0]["Account"]["Name"], "Acme");
    assert_eq!(found[0]["Account"]["attributes"]["type"], "Account");
    assert_eq!(found[0]["Account"]["Owner"]["Username"], "admin@northwind.example");
    assert_eq!(found[1]["Account"], json!(null));
}

#[test]
fn compound_addresses_are_objects() {
    let org = org();
    let found = records(&org, "SELECT BillingAddress, ShippingAddress FROM Account");
    assert_eq!(found[0]["BillingAddress"]["city"], "Oslo");
    assert_eq!(found[0]["BillingAddress"]["postalCode"], json!(null));
    assert_eq!(found[0]["ShippingAddress"], json!(null));
}

#[test]
fn counts_and_deleted_rows() {
    let org = org();
    let count = |statement: &str, all: bool| match ask(&org, statement, all).unwrap() {
        Execution::Count(count) | Execution::Aggregate(_, count) => count,
        Execution::Rows(rows) => rows.len(),
    };
    assert_eq!(count("select count() from contact", false), 4);
    assert_eq!(count("select count() from contact", true), 5);
    assert_eq!(count("SELECT COUNT(Email) n FROM Contact", false), 3);
    assert_eq!(count("SELECT FIELDS(ALL) FROM Contact LIMIT 200", false), 4);
}

#[test]
fn refusals_have_salesforces_words() {
    let error = refusal("SELECT Foo FROM Contact");
    assert_eq!(error.code, "INVALID_FIELD");
    assert!(error.message.starts_with(
        "\nSELECT Foo FROM Contact\n       ^\nERROR at Row:1:Column:8\nNo such column 'Foo' on entity 'Contact'."
    ));
    let error = refusal("SELECT Id FORM Contact");
    assert_eq!(error.code, "MALFORMED_QUERY");
    assert!(error.message.ends_with("ERROR at Row:1:Column:11\nunexpected token: 'FORM'"), "{}", error.message);
    let error = refusal("SELECT Id FROM Gadget");
    assert_eq!(error.code, "INVALID_TYPE");
    assert!(error.message.contains("sObject type 'Gadget' is not supported."));
    for (statement, code, words) in [
        ("", "MALFORMED_QUERY", "cannot be empty"),
        ("SELECT Gadget.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Gadget' in field path."),
        (
            "SELECT Id FROM Contact WHERE Email = 5",
            "INVALID_FIELD",
            "must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE DoNotCall = 'x'",
            "INVALID_FIELD",
            "must be of type boolean and should not be enclosed",
        ),
        ("SELECT Id FROM Contact WHERE AccountId = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered in a query call"),
        ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "offset"),
        ("SELECT Id, id FROM Contact", "INVALID_FIELD", "duplicate field selected: id"),
        (
            "SELECT Id FROM Contact WHERE Email = 'a' AND Name = 'b' OR Name = 'c'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        ("SELECT Id FROM Contact WHERE Email = 'a", "MALFORMED_QUERY", "closing quote"),
        ("SELECT FIELDS(ALL) FROM Contact", "MALFORMED_QUERY", "LIMIT of at most 200"),
    ] {
        let error = refusal(statement);
        assert_eq!(error.code, code, "{statement}");
        assert!(error.message.contains(words), "{statement}: {}", error.message);
    }
}

#[test]
fn a_look_up_of_two_thousand_keys_finds_its_rows() {
    let org = org();
    let list: Vec<String> = (0..1999).map(|n| format!("'nobody{n}@x.io'")).chain(["'bob@x.io'".to_owned()]).collect();
    assert_eq!(last_names(&org, &format!("WHERE Email IN ({})", list.join(","))), ["alpha"]);
}

#[test]
fn deep_nesting_is_refused_without_exhausting_the_stack() {
    let nested = format!("SELECT Id FROM Contact WHERE {}Name = 'a'{}", "(".repeat(20_000), ")".repeat(20_000));
    assert_eq!(refusal(&nested).code, "MALFORMED_QUERY");
    let negated = format!("SELECT Id FROM Contact WHERE {}Name = 'a'", "NOT ".repeat(20_000));
    assert_eq!(refusal(&negated).code, "MALFORMED_QUERY");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(statement in "\\PC{0,80}") {
        let _ = parser::parse(&statement);
    }

    #[test]
    fn no_jumble_of_soql_makes_a_query_panic(words in prop::collection::vec(prop_oneof![
        Just("SELECT"), Just("Id"), Just("Name"), Just("Account.Name"), Just("FROM"), Just("Contact"), Just("WHERE"), Just("="),
        Just("("), Just(")"), Just(","), Just("IN"), Just("NOT"), Just("AND"), Just("OR"), Just("LIKE"), Just("'a%_\\'b'"),
        Just("5"), Just("-1.5"), Just("null"), Just("LAST_N_DAYS:99999999999"), Just("LAST_N_DAYS:1000000"), Just("2024-02-30"),
        Just("2024-01-01T00:00:00Z"), Just("ORDER"), Just("BY"), Just("DESC"), Just("NULLS"), Just("LIMIT"), Just("OFFSET"),
        Just("COUNT()"), Just("."), Just(":"), Just("'\\u00e9"), Just("é"),
    ], 0..24)) {
        let statement = words.join(" ");
        let _ = ask(&ORG, &statement, false);
        let _ = ask(&ORG, &format!("SELECT Id FROM Contact WHERE {statement}"), false);
    }

    #[test]
    fn a_quoted_string_is_read_back_as_it_was(value in "[^\\x00-\\x1f]{0,30}") {
        let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
        let tokens = lexer::tokenize(&format!("'{quoted}'")).unwrap();
        let is_same = matches!(&tokens[0].kind, lexer::TokenKind::Text { value: read, .. } if *read == value);
        prop_assert!(is_same);
    }
}
