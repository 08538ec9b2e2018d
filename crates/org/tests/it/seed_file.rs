//! An org that begins with records from files: what the official CLI exported, and CSV.

use std::path::PathBuf;

use serde_json::{Value, json};
use syncline_org::{OrgOptions, start};

use crate::web::Web;

/// A folder with these files, removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Folder {
        let folder = std::env::temp_dir().join(format!("syncline-seed-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        files.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).expect("a file"));
        Folder(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// An org with these files in it, or what is wrong with them.
    async fn org(&self, names: &[&str]) -> Result<Web, String> {
        let seed_files = names.iter().map(|name| self.file(name)).collect();
        match start(OrgOptions { seed_files, ..OrgOptions::default() }).await {
            Ok(org) => Ok(Web::of(org)),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in a temporary folder hurts nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn records(web: &Web, statement: &str) -> Vec<Value> {
    let (_, answer) = web.query(statement).await;
    answer["records"].as_array().unwrap_or_else(|| panic!("{statement}: {answer}")).clone()
}

const TREE: &str = r#"{ "records": [
    { "attributes": { "type": "Account", "referenceId": "AccountRef1" }, "Name": "Acme", "NumberOfEmployees": 12,
      "Contacts": { "records": [
        { "attributes": { "type": "Contact", "referenceId": "ContactRef1" }, "LastName": "Ay", "Email": "ay@acme.example" },
        { "attributes": { "type": "Contact", "referenceId": "ContactRef2" }, "LastName": "Bee", "Birthdate": "1990-02-28" }
      ] } }
] }"#;

#[tokio::test]
async fn a_tree_becomes_records_with_their_children() {
    let folder = Folder::new(&[("Account-Contact.json", TREE)]);
    let web = folder.org(&["Account-Contact.json"]).await.unwrap();
    let found = records(&web, "SELECT LastName, Birthdate, Account.Name FROM Contact ORDER BY LastName").await;
    let shown: Vec<_> =
        found.iter().map(|row| (&row["LastName"], &row["Birthdate"], &row["Account"]["Name"])).collect();
    let acme = json!("Acme");
    assert_eq!(shown, [(&json!("Ay"), &json!(null), &acme), (&json!("Bee"), &json!("1990-02-28"), &acme)]);
    let account = records(&web, "SELECT NumberOfEmployees, Owner.Username FROM Account").await.remove(0);
    assert_eq!(
        (&account["NumberOfEmployees"], &account["Owner"]["Username"]),
        (&json!(12), &json!(web.org.org_username))
    );
}

#[tokio::test]
async fn a_plan_names_its_files_and_references_between_them() {
    let folder = Folder::new(&[
        (
            "plan.json",
            r#"[{ "sobject": "Account", "files": ["Accounts.json"] }, { "sobject": "Contact", "files": ["Contacts.json"] }]"#,
        ),
        (
            "Accounts.json",
            r#"{ "records": [{ "attributes": { "type": "Account", "referenceId": "A1" }, "Name": "Acme" }] }"#,
        ),
        (
            "Contacts.json",
            r#"{ "records": [{ "attributes": { "type": "Contact", "referenceId": "C1" }, "LastName": "Ay", "AccountId": "@A1" }] }"#,
        ),
    ]);
    let web = folder.org(&["plan.json"]).await.unwrap();
    assert_eq!(records(&web, "SELECT Account.Name FROM Contact").await[0]["Account"]["Name"], "Acme");
}

#[tokio::test]
async fn csv_keeps_who_belongs_to_whom_under_new_ids() {
    let folder = Folder::new(&[
        ("Account.csv", "\"Id\",\"Name\",\"Industry\"\n\"001000000000001AAA\",\"Acme, \"\"Ltd\"\"\",\"Energy\"\n"),
        // The first reports to the second, who comes later; the owner is nobody here.
        (
            "Contact-old.csv",
            "Id,LastName,AccountId,ReportsToId,OwnerId,CreatedDate\r\n\
             003000000000001AAA,Ay,001000000000001AAA,003000000000002AAA,005000000000001AAA,2020-05-17T08:00:00.000Z\r\n\
             003000000000002AAA,Bee,001000000000001AAA,,,\r\n",
        ),
    ]);
    let web = folder.org(&["Account.csv", "Contact-old.csv"]).await.unwrap();
    let statement = "SELECT Id, Account.Name, Account.Industry, ReportsTo.LastName, Owner.Username, CreatedDate FROM Contact WHERE LastName = 'Ay'";
    let ay = records(&web, statement).await.remove(0);
    assert_ne!(ay["Id"], "003000000000001AAA");
    assert_eq!((&ay["Account"]["Name"], &ay["Account"]["Industry"]), (&json!("Acme, \"Ltd\""), &json!("Energy")));
    assert_eq!((&ay["ReportsTo"]["LastName"], &ay["Owner"]["Username"]), (&json!("Bee"), &json!(web.org.org_username)));
    assert_eq!(ay["CreatedDate"], "2020-05-17T08:00:00.000+0000");
}

#[tokio::test]
async fn what_cannot_be_taken_is_named_with_its_place() {
    let folder = Folder::new(&[
        ("Gadget.csv", "Name\nx\n"),
        ("Contact.csv", "LastName,Colour\nAy,red\n"),
        ("Account.csv", "Name,NumberOfEmployees\nAcme,many\n"),
        ("Lead.csv", "LastName,ConvertedAccountId\nAy,001000000000009AAA\n"),
        ("broken.json", "{"),
        ("empty.json", "{}"),
        ("tree.json", r#"{ "records": [{ "attributes": { "type": "Contact" }, "AccountId": "@Nobody" }] }"#),
    ]);
    for (name, words) in [
        ("Gadget.csv", "no object Gadget"),
        ("Contact.csv", "row 2: Contact has no field Colour"),
        ("Account.csv", "row 2: Cannot deserialize instance of int"),
        ("Lead.csv", "no record of these files has the id 001000000000009AAA"),
        ("broken.json", "EOF"),
        ("empty.json", "no list of records"),
        ("tree.json", "record 1: AccountId: there was no record with the reference id Nobody"),
        ("missing.json", "No such file"),
    ] {
        let problem = folder.org(&[name]).await.map(|_| ()).unwrap_err();
        assert!(problem.contains(name) && problem.contains(words), "{name}: {problem}");
    }
}
