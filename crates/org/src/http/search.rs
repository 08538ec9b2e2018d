//! Search by words: SOSL (`/search?q=FIND {…}`) and its form in parameters (`/parameterizedSearch`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{RestError, ok};
use super::call::{Call, Reply};
use super::routes::Route;
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};
use crate::soql::{self, Execution};

pub(crate) const ROUTES: &[Route] = &[
    Route { template: "/search", methods: &[("GET", |call, _| search(call))] },
    Route {
        template: "/parameterizedSearch",
        methods: &[("GET", |call, _| by_query(call)), ("POST", |call, _| by_body(call))],
    },
];

/// Records found at most (SOSL reference).
const RECORDS_MAX: usize = 2000;

/// Which fields are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    All,
    Name,
    Email,
    Phone,
}

/// What is to be found of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Returning {
    object: String,
    /// As in a SELECT; the id if there are none.
    fields: String,
    /// `WHERE`, `ORDER BY`, `LIMIT` and so on, as in SOQL.
    condition: String,
    rest: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Search {
    term: String,
    within: Within,
    returning: Vec<Returning>,
    limit: usize,
}

fn malformed(message: impl Into<String>) -> RestError {
    RestError::bad_request("MALFORMED_SEARCH", message)
}

/// `GET /search?q=FIND {…} IN ALL FIELDS RETURNING Account(Id, Name)`.
fn search(call: &Call<'_>) -> Reply {
    let statement = call.parameters.get("q").map_or("", String::as_str);
    run(call, &parse(statement)?)
}

/// `GET /parameterizedSearch?q=…&sobject=Account&Account.fields=Id,Name`.
fn by_query(call: &Call<'_>) -> Reply {
    let text = |name: &str| call.parameters.get(name).map(String::as_str);
    let list = |name: &str| text(name).unwrap_or("").split(',').map(str::trim).filter(|name| !name.is_empty());
    let returning = list("sobject").map(|object| Returning {
        object: object.to_owned(),
        fields: text(&format!("{object}.fields")).or(text("fields")).unwrap_or("").to_owned(),
        condition: text(&format!("{object}.where")).unwrap_or("").to_owned(),
        rest: text(&format!("{object}.limit")).map_or_else(String::new, |limit| format!("LIMIT {limit}")),
    });
    let search = Search {
        term: text("q").unwrap_or("").to_owned(),
        within: within(text("in").unwrap_or("ALL"))?,
        returning: returning.collect(),
        limit: text("overallLimit").and_then(|limit| limit.parse().ok()).unwrap_or(RECORDS_MAX),
    };
    run(call, &search)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchBody {
    q: String,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    sobjects: Vec<SearchedObject>,
    #[serde(rename = "in")]
    within: Option<String>,
    overall_limit: Option<usize>,
    default_limit: Option<usize>,
}

#[derive(Deserialize)]
struct SearchedObject {
    name: String,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(rename = "where", default)]
    condition: String,
    limit: Option<usize>,
}

/// `POST /parameterizedSearch`.
fn by_body(call: &Call<'_>) -> Reply {
    let body: SearchBody = call.json()?;
    let returning = body.sobjects.into_iter().map(|searched| Returning {
        fields: if searched.fields.is_empty() { body.fields.join(",") } else { searched.fields.join(",") },
        object: searched.name,
        condition: searched.condition,
        rest: searched.limit.or(body.default_limit).map_or_else(String::new, |limit| format!("LIMIT {limit}")),
    });
    let search = Search {
        term: body.q,
        within: within(body.within.as_deref().unwrap_or("ALL"))?,
        returning: returning.collect(),
        limit: body.overall_limit.unwrap_or(RECORDS_MAX),
    };
    run(call, &search)
}

fn within(word: &str) -> Result<Within, RestError> {
    match word.to_ascii_uppercase().as_str() {
        "ALL" => Ok(Within::All),
        "NAME" => Ok(Within::Name),
        "EMAIL" => Ok(Within::Email),
        "PHONE" => Ok(Within::Phone),
        _ => Err(malformed(format!("unexpected token: {word}"))),
    }
}

/// Reads `FIND {term} [IN X FIELDS] [RETURNING Object(fields WHERE … ORDER BY … LIMIT n), …] [LIMIT n]`.
fn parse(statement: &str) -> Result<Search, RestError> {
    let rest = keyword(statement, "FIND").ok_or_else(|| malformed("a search begins with FIND"))?;
    let rest = rest.strip_prefix('{').ok_or_else(|| malformed("a search term stands in braces"))?;
    let (term, mut rest) = term(rest).ok_or_else(|| malformed("unexpected end of search term"))?;
    let mut search = Search { term, within: Within::All, returning: Vec::new(), limit: RECORDS_MAX };
    if let Some(after) = keyword(rest, "IN") {
        let (word, after) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
        search.within = within(word)?;
        rest = keyword(after, "FIELDS").ok_or_else(|| malformed("expecting FIELDS"))?;
    }
    if let Some(mut after) = keyword(rest, "RETURNING") {
        loop {
            let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
            let (object, tail) = after.split_at(end);
            if object.is_empty() {
                return Err(malformed("an object is expected after RETURNING"));
            }
            let tail = tail.trim_start();
            let (inner, tail) = match tail.strip_prefix('(') {
                Some(inner) => parenthesis(inner).ok_or_else(|| malformed("unexpected end of RETURNING"))?,
                None => ("", tail),
            };
            search.returning.push(returning(object, inner));
            match tail.trim_start().strip_prefix(',') {
                Some(more) => after = more.trim_start(),
                None => {
                    rest = tail;
                    break;
                }
            }
        }
    }
    if let Some(after) = keyword(rest, "LIMIT") {
        search.limit = after.trim().parse().map_err(|_| malformed("a number is expected after LIMIT"))?;
    } else if !rest.trim().is_empty() {
        return Err(malformed(format!("unexpected token: {}", rest.trim())));
    }
    Ok(search)
}

/// What follows a keyword, if the text begins with it.
fn keyword<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let text = text.trim_start();
    let head = text.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word))?;
    let rest = &text[head.len()..];
    (!rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')).then(|| rest.trim_start())
}

/// A search term up to its closing brace; a backslash makes the next character plain.
fn term(text: &str) -> Option<(String, &str)> {
    let mut term = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '}' => return Some((term, &text[at + 1..])),
            '\\' => term.push(characters.next()?.1),
            c => term.push(c),
        }
    }
    None
}

/// What is in a parenthesis that was opened, and what follows it.
fn parenthesis(text: &str) -> Option<(&str, &str)> {
    let (mut depth, mut quoted, mut escaped) = (1, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some((&text[..at], &text[at + 1..]));
                }
            }
            _ => {}
        }
    }
    None
}

fn returning(object: &str, inner: &str) -> Returning {
    let word_at = |text: &str, words: &[&str]| {
        let starts = text.char_indices().filter(|(at, _)| *at == 0 || text[..*at].ends_with(char::is_whitespace));
        starts.map(|(at, _)| at).find(|at| words.iter().any(|word| keyword(&text[*at..], word).is_some()))
    };
    let rest_at = word_at(inner, &["ORDER", "LIMIT", "OFFSET"]).unwrap_or(inner.len());
    let (head, rest) = inner.split_at(rest_at);
    let (fields, condition) = match word_at(head, &["WHERE"]) {
        Some(at) => (&head[..at], keyword(&head[at..], "WHERE").unwrap_or("")),
        None => (head, ""),
    };
    Returning {
        object: object.to_owned(),
        fields: fields.trim().to_owned(),
        condition: condition.trim().to_owned(),
        rest: rest.trim().to_owned(),
    }
}

fn run(call: &Call<'_>, search: &Search) -> Reply {
    let term = search.term.trim().trim_matches('"').to_lowercase();
    let words: Vec<&str> = term.split_whitespace().filter(|word| *word != "and").collect();
    if term.replace(['*', '?'], "").chars().count() < 2 {
        return Err(malformed(format!("search term must be longer than one character: {}", search.term)));
    }
    let org = call.org();
    let mut returning = search.returning.clone();
    if returning.is_empty() {
        let searchable = org.objects().filter(|object| object.writeable && !object.setup && !object.tooling);
        let visible = searchable.filter(|object| call.access.reads(object));
        returning.extend(visible.map(|object| Returning { object: object.name.clone(), ..Returning::default() }));
    }
    let mut found: Vec<Value> = Vec::new();
    for wanted in &returning {
        let schema = org.object(&wanted.object).filter(|object| !object.tooling && call.access.reads(object));
        let table = schema.and_then(|schema| org.table(&schema.name)).ok_or_else(|| {
            RestError::bad_request("INVALID_TYPE", format!("sObject type '{}' is not supported.", wanted.object))
        })?;
        let schema = &table.schema;
        let fields: Vec<_> =
            call.access.visible_fields(schema).filter(|(_, field)| is_searched(field, search.within)).collect();
        let rows = table.iter().filter(|(_, row)| !table.is_deleted(row));
        let hits = rows.filter(|(_, row)| {
            let texts: Vec<String> =
                fields.iter().filter_map(|(index, _)| row.get(*index).as_text().map(str::to_lowercase)).collect();
            words.iter().all(|word| texts.iter().any(|text| has_word(text, word)))
        });
        let ids: Vec<String> = hits.map(|(_, row)| format!("'{}'", table.id_of(row))).take(RECORDS_MAX).collect();
        if ids.is_empty() {
            continue;
        }
        let statement = select(schema, wanted, &ids);
        if let Execution::Rows(rows) = soql::run(&org, &call.asker(false), &statement)? {
            found.extend(rows.page(&org, 0, RECORDS_MAX, &call.base));
        }
    }
    found.truncate(search.limit.min(RECORDS_MAX));
    let count = found.len();
    Ok((ok(&json!({ "searchRecords": found })), count))
}

fn select(schema: &ObjectSchema, wanted: &Returning, ids: &[String]) -> String {
    let fields = if wanted.fields.is_empty() { "Id" } else { &wanted.fields };
    let condition = if wanted.condition.is_empty() { String::new() } else { format!(" AND ({})", wanted.condition) };
    format!("SELECT {fields} FROM {} WHERE Id IN ({}){condition} {}", schema.name, ids.join(","), wanted.rest)
}

fn is_searched(field: &FieldSchema, within: Within) -> bool {
    let kind = field.field_type;
    match within {
        Within::Name => field.name_field || field.compound.as_ref().is_some_and(|part| part.parent == "Name"),
        Within::Email => kind == FieldType::Email,
        Within::Phone => kind == FieldType::Phone,
        Within::All => kind.is_text() && !matches!(kind, FieldType::Id | FieldType::Reference | FieldType::Picklist),
    }
}

/// Whether a text has a word; `*` stands for any characters within it, `?` for one.
fn has_word(text: &str, word: &str) -> bool {
    let separates = |c: char| c.is_whitespace() || ",;()\"/".contains(c);
    let parts = text.split(separates).chain(text.split(|c: char| !c.is_alphanumeric()));
    let (text_characters, pattern): (Vec<&str>, Vec<char>) = (parts.collect(), word.chars().collect());
    text_characters.iter().any(|part| matches(&part.chars().collect::<Vec<_>>(), &pattern))
}

fn matches(text: &[char], pattern: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', pattern @ ..], _) => (0..=text.len()).any(|skip| matches(&text[skip..], pattern)),
        (['?', pattern @ ..], [_, text @ ..]) => matches(text, pattern),
        ([expected, pattern @ ..], [c, text @ ..]) => expected == c && matches(text, pattern),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_taken_apart() {
        let parsed = parse(
            "find {a\\}b*} in Name fields returning Account(Id, Name where Name != ')x' order by Name limit 5), Lead limit 7",
        );
        let account = Returning {
            object: "Account".to_owned(),
            fields: "Id, Name".to_owned(),
            condition: "Name != ')x'".to_owned(),
            rest: "order by Name limit 5".to_owned(),
        };
        let lead = Returning { object: "Lead".to_owned(), ..Returning::default() };
        let expected =
            Search { term: "a}b*".to_owned(), within: Within::Name, returning: vec![account, lead], limit: 7 };
        assert_eq!(parsed.unwrap(), expected);
        for broken in [
            "",
            "FIND x",
            "FIND {x",
            "FIND {x} IN SOME FIELDS",
            "FIND {x} RETURNING",
            "FIND {x} RETURNING A(",
            "FIND {x} 5",
        ] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn words_match_whole_unless_they_have_wildcards() {
        for (text, word, expected) in [
            ("acme corp", "acme", true),
            ("acme corp", "acm", false),
            ("acme corp", "ac*", true),
            ("acme corp", "a?me", true),
            ("ann@x.io", "ann@x.io", true),
            ("ann@x.io", "ann", true),
        ] {
            assert_eq!(has_word(text, word), expected, "{text} {word}");
        }
    }
}
