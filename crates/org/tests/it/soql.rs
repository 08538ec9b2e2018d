//! SOQL against SQLite: the same rows, the same questions, the same answers. And SOQL over HTTP.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use syncline_org::core::value::{format_date, parse_date, parse_datetime};
use syncline_org::core::{FieldSchema, FieldType, FieldValue, Org, OrgProfile};
use syncline_org::soql::{self, Asker, Execution};

use crate::soql_question::{Asking, CHOICES, NOW, Question, TAGS, WORDS, lower};
use crate::web::Web;

const DATA_SETS: u64 = 4;
const QUESTIONS_EACH: usize = 2_500;
const ACCOUNTS: usize = 25;
const CONTACTS: usize = 100;

/// Both sides of the comparison.
struct Twins {
    org: Org,
    now_ms: i64,
    sqlite: SqliteConnection,
    accounts: Vec<String>,
    contacts: Vec<String>,
}

type Values = Vec<(&'static str, FieldValue)>;

impl Twins {
    async fn new(seed: u64) -> Twins {
        let now_ms = parse_datetime(&format!("{}Z", NOW.replace(' ', "T"))).expect("an instant");
        let mut org = Org::new(&OrgProfile::default(), [seed as u8; 32], now_ms);
        let mut sqlite = SqliteConnection::connect("sqlite::memory:").await.expect("SQLite is there");
        for object in ["Account", "Contact"] {
            for field in custom_fields() {
                org.add_custom_field(object, field).expect("a new field");
            }
            let table = format!(
                "create table {} (id text, ref text, deleted integer, t text, t_l text, n real, i integer, d text, w text, \
                 b integer, p text, p_l text, m text, m_l text, k text, k_l text)",
                object.to_lowercase()
            );
            execute(&mut sqlite, table).await;
        }
        let mut twins = Twins { org, now_ms, sqlite, accounts: Vec::new(), contacts: Vec::new() };
        let mut random = StdRng::seed_from_u64(seed);
        for number in 0..ACCOUNTS {
            let parent = if random.random_bool(0.6) { twins.accounts.choose(&mut random).cloned() } else { None };
            let id = twins.add("Account", "ParentId", parent, false, number, &mut random).await;
            twins.accounts.push(id);
        }
        for number in 0..CONTACTS {
            let account = if random.random_bool(0.8) { twins.accounts.choose(&mut random).cloned() } else { None };
            let is_deleted = random.random_bool(0.1);
            let id = twins.add("Contact", "AccountId", account, is_deleted, number, &mut random).await;
            twins.contacts.push(id);
        }
        twins
    }

    /// The same record on both sides.
    async fn add(
        &mut self,
        object: &str,
        reference: &'static str,
        parent: Option<String>,
        is_deleted: bool,
        number: usize,
        random: &mut StdRng,
    ) -> String {
        let name = if object == "Account" { "Name" } else { "LastName" };
        let mut values: Values = vec![(name, "N".into())];
        if let Some(parent) = &parent {
            values.push((reference, parent.as_str().into()));
        }
        if is_deleted {
            values.push(("IsDeleted", true.into()));
        }
        let text =
            |text: Option<&str>| text.map_or("null".to_owned(), |text| format!("'{}'", text.replace('\'', "''")));
        let word = maybe(random, |random| *WORDS.choose(random).expect("words"));
        let amount = maybe(random, |random| random.random_range(-2000..2000));
        let whole = maybe(random, |random| random.random_range(0..40_i64));
        let date = maybe(random, |random| {
            let spread = if random.random_bool(0.5) { 40 } else { 700 };
            let today = parse_date(&NOW[..10]).expect("a date");
            format_date(today + random.random_range(-spread..spread))
        });
        let instant = maybe(random, |random| {
            let spread = if random.random_bool(0.5) { 40 } else { 700 };
            let today = parse_date(&NOW[..10]).expect("a date");
            let day = format_date(today + random.random_range(-spread..spread));
            format!("{day} {:02}:{:02}:00", random.random_range(0..24), random.random_range(0..60))
        });
        let checked = maybe(random, |random| random.random_bool(0.5));
        let choice = maybe(random, |random| *CHOICES.choose(random).expect("choices"));
        let tags = maybe(random, |random| {
            let tags: Vec<&str> = TAGS.into_iter().filter(|_| random.random_bool(0.4)).collect();
            tags.join(";")
        });
        let tags = tags.filter(|tags| !tags.is_empty());
        let key = maybe(random, |_| format!("K-{number}"));
        let mut set = |name: &'static str, value: Option<FieldValue>| values.extend(value.map(|value| (name, value)));
        set("T__c", word.map(FieldValue::text));
        set("N__c", amount.map(|amount| FieldValue::Number(f64::from(amount) / 100.0)));
        set("I__c", whole.map(FieldValue::Integer));
        set("D__c", date.as_deref().and_then(parse_date).map(FieldValue::Date));
        let ms = |instant: &String| parse_datetime(&format!("{}Z", instant.replace(' ', "T"))).expect("an instant");
        set("W__c", instant.as_ref().map(ms).map(FieldValue::DateTime));
        set("B__c", checked.map(FieldValue::Boolean));
        set("P__c", choice.map(FieldValue::text));
        set("M__c", tags.as_deref().map(FieldValue::text));
        set("Key__c", key.as_deref().map(FieldValue::text));
        let id = self.org.load(object, vec![values], self.now_ms).expect("a record").remove(0);
        let small = |text: Option<&str>| text.map(lower);
        let columns = [
            format!("'{id}'"),
            text(parent.as_deref()),
            u8::from(is_deleted).to_string(),
            text(word),
            text(small(word).as_deref()),
            amount.map_or("null".to_owned(), |amount| format!("{}", f64::from(amount) / 100.0)),
            whole.map_or("null".to_owned(), |whole| whole.to_string()),
            text(date.as_deref()),
            text(instant.as_deref()),
            checked.map_or("null".to_owned(), |checked| u8::from(checked).to_string()),
            text(choice),
            text(small(choice).as_deref()),
            text(tags.as_deref()),
            text(small(tags.as_deref()).as_deref()),
            text(key.as_deref()),
            text(small(key.as_deref()).as_deref()),
        ];
        let insert = format!("insert into {} values ({})", object.to_lowercase(), columns.join(", "));
        execute(&mut self.sqlite, insert).await;
        id
    }

    fn answer(&self, question: &Question) -> Vec<Value> {
        let access = self.org.access(self.org.admin_user_id(), self.now_ms);
        let include_deleted = question.include_deleted;
        let asker = Asker { access: &access, now_ms: self.now_ms, include_deleted, tooling: false };
        let soql = &question.said.soql;
        let records = match soql::run(&self.org, &asker, soql).unwrap_or_else(|error| panic!("{soql}\n{error}")) {
            Execution::Count(count) => return vec![json!([count])],
            Execution::Groups(groups) => groups.records(),
            Execution::Rows(rows) => rows.page(&self.org, 0, rows.len(), ""),
        };
        let value = |record: &Value, path: &Vec<String>| {
            let found = path.iter().fold(record, |record, step| &record[step.as_str()]);
            if path[0] == "Contacts" {
                let children = found["records"].as_array().map_or(&[][..], Vec::as_slice);
                return children.iter().map(|child| child["Id"].clone()).collect();
            }
            found.clone()
        };
        records.iter().map(|record| question.values.iter().map(|path| value(record, path)).collect()).collect()
    }

    async fn expected(&mut self, question: &Question) -> Vec<Value> {
        let sql = &question.said.sql;
        let rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql.clone())).persistent(false);
        let rows = rows.fetch_all(&mut self.sqlite).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
        rows.iter().map(|row| serde_json::from_str(row).expect("JSON")).collect()
    }
}

fn custom_fields() -> Vec<FieldSchema> {
    let mut key = FieldSchema::text("Key__c", "Key", 20);
    key.external_id = true;
    let mut tags = FieldSchema::picklist("M__c", "M", &TAGS);
    tags.field_type = FieldType::MultiPicklist;
    vec![
        FieldSchema::text("T__c", "T", 80),
        FieldSchema::number("N__c", "N", FieldType::Double, 18, 2),
        FieldSchema::new("I__c", "I", FieldType::Int),
        FieldSchema::new("D__c", "D", FieldType::Date),
        FieldSchema::new("W__c", "W", FieldType::DateTime),
        FieldSchema::new("B__c", "B", FieldType::Boolean),
        FieldSchema::picklist("P__c", "P", &CHOICES),
        tags,
        key,
    ]
}

fn maybe<T>(random: &mut StdRng, value: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
    random.random_bool(0.8).then(|| value(random))
}

async fn execute(sqlite: &mut SqliteConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(sqlite).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
}

/// Whether two values are the same but for the letter cases of a group's key, for checkboxes being numbers in SQLite, and for the
/// last bits of an average.
fn agree(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| agree(ours, theirs))
        }
        (Value::Bool(ours), Value::Number(theirs)) => theirs.as_i64() == Some(i64::from(*ours)),
        (Value::Number(ours), Value::Number(theirs)) => {
            let (ours, theirs) = (ours.as_f64().expect("a number"), theirs.as_f64().expect("a number"));
            (ours - theirs).abs() <= 1e-9 * ours.abs().max(1.0)
        }
        (Value::String(ours), Value::String(theirs)) => ours == theirs || lower(ours) == *theirs,
        (ours, theirs) => ours == theirs,
    }
}

#[tokio::test]
async fn ten_thousand_questions_have_the_answers_that_sqlite_gives() {
    let mut with_rows = 0;
    for seed in 1..=DATA_SETS {
        let mut twins = Twins::new(seed).await;
        let mut asking = Asking::new(seed, twins.accounts.clone(), twins.contacts.clone());
        for _ in 0..QUESTIONS_EACH {
            let question = asking.question();
            let (ours, theirs) = (twins.answer(&question), twins.expected(&question).await);
            let is_same =
                ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(ours, theirs)| agree(ours, theirs));
            assert!(is_same, "{question:#?}\nSOQL: {}\nSQL:  {}", json!(ours), json!(theirs));
            with_rows += usize::from(!ours.is_empty());
        }
    }
    // Questions that find nothing prove little.
    assert!(with_rows > QUESTIONS_EACH * 2, "only {with_rows} questions found anything");
}

#[tokio::test]
async fn a_query_over_http_gives_children_groups_columns_and_errors_with_their_place() {
    let web = Web::start().await;
    let account = web.create("Account", json!({ "Name": "Acme", "Industry": "Energy" })).await;
    web.create("Contact", json!({ "LastName": "Ash", "AccountId": account })).await;
    web.create("Contact", json!({ "LastName": "Birch", "AccountId": account })).await;

    let (status, body) =
        web.query("select name, (select LASTNAME from contacts order by lastname desc limit 1) from account").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let record = body["records"].as_array().expect("records").iter().find(|record| record["Name"] == "Acme");
    let children = &record.expect("Acme")["Contacts"];
    assert_eq!(children["records"][0]["LastName"], "Birch", "{children}");

    let statement =
        format!("SELECT Account.Name, COUNT(Id) FROM Contact WHERE AccountId = '{account}' GROUP BY Account.Name");
    let (_, body) = web.query(&statement).await;
    let expected = json!([{ "attributes": { "type": "AggregateResult" }, "Name": "Acme", "expr0": 2 }]);
    assert_eq!((&body["totalSize"], &body["records"]), (&json!(1), &expected), "{body}");

    let url = web.url("/services/data/v66.0/query");
    let request = web.http.request(Method::GET, url).bearer_auth(&web.token);
    let response = request.query(&[("q", statement.as_str()), ("columns", "true")]).send().await.expect("an answer");
    let (status, body) = crate::web::read(response).await;
    assert_eq!((status, &body["entityName"], &body["groupBy"]), (StatusCode::OK, &json!("Contact"), &json!(true)));

    let (status, body) = web.query("SELECT LastName, COUNT(Id) FROM Contact").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body[0]["errorCode"], "MALFORMED_QUERY");
    let message = body[0]["message"].as_str().expect("a message");
    assert!(message.ends_with("ERROR at Row:1:Column:8\nField must be grouped or aggregated: LastName"), "{message}");
}
