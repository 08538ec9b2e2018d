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
        Execution::Groups(groups) => groups.records(),
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
        ("ORDER BY Id DESC LIMIT 2", vec!["100%_done", "Beta"]),
        ("ORDER BY Account.Name NULLS LAST, LastName LIMIT 1", vec!["alpha"]),
        ("WHERE CALENDAR_YEAR(CreatedDate) = 2022", vec!["100%_done"]),
        ("WHERE DAY_ONLY(convertTimezone(CreatedDate)) = 2023-11-14", vec!["Zeta"]),
        ("WHERE AccountId IN (SELECT Id FROM Account WHERE Industry = 'Energy') AND FirstName = 'ann'", vec!["Zeta"]),
        ("WHERE AccountId NOT IN (SELECT Id FROM Account)", vec!["100%_done"]),
        ("WHERE Account.IsDeleted = false AND FirstName = 'Eve'", vec!["100%_done"]),
        ("USING SCOPE everything WHERE FirstName = 'Ann' WITH SECURITY_ENFORCED LIMIT 1 FOR VIEW", vec!["Zeta"]),
        ("WHERE toLabel(Salutation) = null AND FirstName = 'Ann'", vec!["Zeta"]),
        ("WHERE CreatedDate = N_MONTHS_AGO:1", vec!["Beta"]),
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
        Execution::Count(count) => count,
        Execution::Groups(groups) => groups.records()[0]["n"].as_u64().unwrap() as usize,
        Execution::Rows(rows) => rows.len(),
    };
    assert_eq!(count("select count() from contact", false), 4);
    assert_eq!(count("select count() from contact", true), 5);
    assert_eq!(count("SELECT COUNT(Email) n FROM Contact", false), 3);
    assert_eq!(count("SELECT FIELDS(ALL) FROM Contact LIMIT 200", false), 4);
}

#[test]
fn children_are_nested_or_null() {
    let org = org();
    let found = records(
        &org,
        "SELECT Name, (SELECT LastName, Account.Name FROM Contacts WHERE Email != null ORDER BY LastName LIMIT 1), \
         (SELECT Id FROM Opportunities) FROM Account",
    );
    let contacts = &found[0]["Contacts"];
    assert_eq!((&contacts["totalSize"], &contacts["done"]), (&json!(1), &json!(true)));
    assert_eq!(contacts["records"][0]["LastName"], "alpha");
    assert_eq!(contacts["records"][0]["Account"]["Name"], "Acme");
    assert_eq!(found[0]["Opportunities"], json!(null));
}

#[test]
fn groups_have_their_keys_and_aggregates() {
    let org = org();
    let found = records(
        &org,
        "SELECT Account.Name, COUNT(Id), MAX(LastName) latest, COUNT_DISTINCT(Email), GROUPING(Account.Name) g FROM Contact \
         GROUP BY ROLLUP(Account.Name) ORDER BY GROUPING(Account.Name), Account.Name NULLS LAST",
    );
    let attributes = json!({ "type": "AggregateResult" });
    let group = |name: serde_json::Value, count: u64, last: &str, emails: u64, left_out: u64| json!({ "attributes": attributes, "Name": name, "expr0": count, "latest": last, "expr1": emails, "g": left_out });
    let acme = group(json!("Acme"), 3, "Zeta", 2, 0);
    assert_eq!(found[0], acme);
    assert_eq!(found[1], group(json!(null), 1, "100%_done", 1, 0));
    assert_eq!(found[2], group(json!(null), 4, "Zeta", 3, 1));
    let found = records(
        &org,
        "SELECT CALENDAR_YEAR(CreatedDate) y, COUNT(Id) n FROM Contact GROUP BY CALENDAR_YEAR(CreatedDate) \
         HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC",
    );
    assert_eq!(found, [json!({ "attributes": attributes, "y": 2023, "n": 3 })]);
    let none = records(&org, "SELECT COUNT(Id), MIN(Email) FROM Contact WHERE Email = 'nobody@x.io'");
    assert_eq!(none, [json!({ "attributes": attributes, "expr0": 0, "expr1": null })]);
    assert!(records(&org, "SELECT COUNT(Id) FROM Contact WHERE Email = 'nobody@x.io' GROUP BY LastName").is_empty());
}

#[test]
fn polymorphic_parents_show_what_they_are() {
    let mut org = org();
    let account =
        org.load("Account", vec![vec![("Name", text("Globex")), ("Phone", text("12"))]], NOW_MS).unwrap().remove(0);
    let tasks = vec![vec![("Subject", text("Call")), ("WhatId", text(&account))], vec![("Subject", text("Write"))]];
    org.load("Task", tasks, NOW_MS).unwrap();
    let found = records(
        &org,
        "SELECT What.Type, What.Name, Owner.Name, Owner.Profile.Name, TYPEOF What WHEN Account THEN Phone, Owner.Email ELSE Name END \
         FROM Task WHERE What.Type = 'Account'",
    );
    assert_eq!(found.len(), 1);
    let what = &found[0]["What"];
    assert_eq!((&what["Type"], &what["Name"], &what["Phone"]), (&json!("Account"), &json!("Globex"), &json!("12")));
    assert!(what["Owner"]["Email"].is_string(), "{what}");
    assert_eq!(found[0]["Owner"]["Profile"]["Name"], "System Administrator");
    let found =
        records(&org, "SELECT TYPEOF What WHEN Opportunity THEN Amount ELSE Name, Type END FROM Task ORDER BY Subject");
    assert_eq!((&found[0]["What"]["Type"], &found[0]["What"]["Name"]), (&json!("Account"), &json!("Globex")));
    assert_eq!(found[1]["What"], json!(null));
}

#[test]
fn a_picklist_sorts_by_its_choices() {
    let mut org = org();
    let rated = |rating: &str| vec![("Name", text(rating)), ("Rating", text(rating))];
    org.load("Account", vec![rated("Cold"), rated("Hot"), rated("Warm")], NOW_MS).unwrap();
    let found = records(
        &org,
        "SELECT Name, FORMAT(CreatedDate) made, toLabel(Rating) FROM Account WHERE Rating != null ORDER BY Rating",
    );
    let names: Vec<_> = found.iter().map(|record| record["Name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Hot", "Warm", "Cold"]);
    assert_eq!((&found[0]["made"], &found[0]["Rating"]), (&json!("11/14/2023, 10:13 PM"), &json!("Hot")));
}

#[test]
fn a_condition_is_asked_of_rows_one_by_one() {
    let org = org();
    let access = org.access(org.admin_user_id(), NOW_MS);
    let asker = Asker { access: &access, now_ms: NOW_MS, include_deleted: false, tooling: false };
    let condition =
        condition(&org, &asker, "contact", "Email LIKE '%x.io' AND Account.Name = 'acme' AND IsDeleted = false")
            .unwrap();
    assert_eq!(condition.object(), "Contact");
    let rows = org.table("Contact").unwrap().iter();
    let held: Vec<_> = rows.map(|(_, row)| condition.holds(&org, row)).collect();
    assert_eq!(held, [true, true, false, false, false]);
    for text in ["", "Nope = 1", "Email = 'a' LIMIT 1", "AccountId IN (SELECT Id FROM Account)"] {
        assert!(super::condition(&org, &asker, "Contact", text).is_err(), "{text}");
    }
}

#[test]
fn columns_are_described_with_those_of_parents_and_children() {
    let org = org();
    let access = org.access(org.admin_user_id(), NOW_MS);
    let asker = Asker { access: &access, now_ms: NOW_MS, include_deleted: false, tooling: false };
    let statement = "SELECT Id, Key__c, Account.Owner.Name, Account.Name FROM Contact";
    let described = columns(&org, &asker, statement).unwrap();
    assert_eq!(described["entityName"], "Contact");
    assert_eq!((&described["keyPrefix"], &described["idSelected"]), (&json!("003"), &json!(true)));
    let found = &described["columnMetadata"];
    assert_eq!((&found[0]["columnName"], &found[0]["apexType"]), (&json!("Id"), &json!("Id")));
    assert_eq!((&found[1]["custom"], &found[1]["textType"]), (&json!(true), &json!(true)));
    assert_eq!((&found[2]["columnName"], &found[2]["foreignKeyName"]), (&json!("Account"), &json!("AccountId")));
    assert_eq!(found[2]["joinColumns"][0]["joinColumns"][0]["columnName"], "Name");
    assert_eq!(found[2]["joinColumns"][1]["columnName"], "Name");
    let described = columns(&org, &asker, "SELECT Name, (SELECT LastName FROM Contacts) FROM Account").unwrap();
    let children = &described["columnMetadata"][1];
    assert_eq!((&children["columnName"], &children["aggregate"]), (&json!("Contacts"), &json!(true)));
    assert_eq!(children["joinColumns"][0]["columnName"], "LastName");
    let described = columns(&org, &asker, "SELECT Industry, COUNT(Id) n FROM Account GROUP BY Industry").unwrap();
    assert_eq!(described["groupBy"], true);
    assert_eq!(described["columnMetadata"][1]["displayName"], "COUNT(Id)");
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
        ("SELECT Name n FROM Contact", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        (
            "SELECT FirstName, COUNT(Id) FROM Contact",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: FirstName",
        ),
        (
            "SELECT COUNT(Id) FROM Contact GROUP BY LastName ORDER BY FirstName",
            "MALFORMED_QUERY",
            "Ordered field must be grouped or aggregated: FirstName",
        ),
        ("SELECT COUNT(Id) FROM Contact LIMIT 5", "MALFORMED_QUERY", "cannot also use LIMIT"),
        ("SELECT SUM(LastName) FROM Contact", "MALFORMED_QUERY", "does not support aggregate operator SUM"),
        ("SELECT COUNT(Id) a, MIN(Name) a FROM Contact", "MALFORMED_QUERY", "duplicate alias: a"),
        ("SELECT Id FROM Contact GROUP BY Description", "MALFORMED_QUERY", "can not be grouped in a query call"),
        ("SELECT Id FROM Contact HAVING COUNT(Id) > 1", "MALFORMED_QUERY", "unexpected token: 'HAVING'"),
        ("SELECT Id FROM Contact ALL ROWS", "MALFORMED_QUERY", "ALL ROWS not allowed in this context"),
        ("SELECT Id, (SELECT Id FROM Gadgets) FROM Account", "INVALID_TYPE", "in FROM part of query call"),
        ("SELECT Id, (SELECT COUNT() FROM Contacts) FROM Account", "MALFORMED_QUERY", "Only root queries support"),
        (
            "SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account) OR FirstName = 'a'",
            "MALFORMED_QUERY",
            "only allowed at the top level",
        ),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE AccountId IN (SELECT Id FROM Account))",
            "MALFORMED_QUERY",
            "Nesting of semi join sub-selects is not supported",
        ),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM Account)",
            "MALFORMED_QUERY",
            "should not be on the same object type",
        ),
        ("SELECT Id FROM Contact WHERE FirstName INCLUDES ('a')", "INVALID_QUERY_FILTER_OPERATOR", "multi-select"),
        ("SELECT What.Industry FROM Task", "INVALID_FIELD", "No such column 'Industry' on entity 'Name'"),
        ("SELECT TYPEOF What WHEN Contact THEN Name END FROM Task", "INVALID_TYPE", "'Contact' is not a type"),
        ("SELECT FOO(Id) FROM Contact", "MALFORMED_QUERY", "unexpected token: 'FOO'"),
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
        Just("COUNT()"), Just("COUNT(Id)"), Just("SUM"), Just("GROUP"), Just("HAVING"), Just("ROLLUP"), Just("TYPEOF"), Just("WHEN"),
        Just("THEN"), Just("ELSE"), Just("END"), Just("(SELECT Id FROM Contacts)"), Just("FIELDS(ALL)"), Just("CALENDAR_YEAR"),
        Just("(SELECT Id FROM Account)"), Just("INCLUDES"), Just("toLabel"), Just("USING"), Just("SCOPE"), Just("WITH"), Just("ALL"),
        Just("."), Just(":"), Just("'\\u00e9"), Just("é"),
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
