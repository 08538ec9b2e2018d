//! SOQL, built from checked parts: no text of a person or a configuration can become anything but a name or a literal.

use std::fmt::Write;

use syncline_model::{Number, connector::ConnectorError, schema::FieldType};

use crate::{http::misconfigured, record_id};

/// Longest string literal (SOQL reference, "String Literal Limits"); no indexed field holds more.
const MAX_LITERAL_CHARS: usize = 4_000;
/// Most bytes that the field list of one statement takes up, encoded; wider reads are made in parts.
const MAX_FIELDS_BYTES: usize = 6_000;

/// The API name of an object or a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identifier(pub(crate) String);

impl Identifier {
    /// # Errors
    /// Where the text has not the form of an API name.
    pub(crate) fn new(name: &str) -> Result<Self, ConnectorError> {
        let mut bytes = name.bytes();
        let is_name = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_name {
            Ok(Self(name.to_owned()))
        } else {
            Err(misconfigured(format!(
                "`{}` is not the API name of an object or a field",
                crate::error::presentable(name)
            )))
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key as a literal for a field of that type; `None` where no record can have that key.
pub(crate) fn literal(key: &str, field_type: FieldType) -> Option<String> {
    use FieldType as F;
    if key.is_empty() || key.chars().count() > MAX_LITERAL_CHARS {
        return None;
    }
    match field_type {
        // A malformed id would fail the whole statement.
        F::Id | F::Reference => record_id::to_long(key).map(|id| format!("'{id}'")),
        F::Int | F::Double | F::Currency | F::Percent => {
            let number = key.trim().parse().ok().and_then(Number::new)?;
            Some(number.to_string())
        }
        _ => Some(quoted(key)),
    }
}

/// A text as a literal.
pub(crate) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for character in text.chars() {
        match character {
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            control if control.is_control() => {
                let _ = write!(literal, "\\u{:04X}", control as u32);
            }
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

/// Fields in groups that fit one statement each; every group begins with `always`. A name counts once, whatever its case.
pub(crate) fn field_groups(always: &[Identifier], wanted: &[Identifier]) -> Vec<Vec<Identifier>> {
    let has =
        |group: &[Identifier], field: &Identifier| group.iter().any(|known| known.0.eq_ignore_ascii_case(&field.0));
    let size = |group: &[Identifier]| group.iter().map(|field| field.0.len() + 1).sum::<usize>();
    let mut first: Vec<Identifier> = Vec::new();
    for field in always {
        if !has(&first, field) {
            first.push(field.clone());
        }
    }
    let always = first.clone();
    let mut groups = vec![first];
    for field in wanted {
        if groups.iter().any(|group| has(group, field)) {
            continue;
        }
        let last = groups.last_mut().expect("there is a first group");
        if size(last) + field.0.len() + 1 > MAX_FIELDS_BYTES {
            let mut next = always.clone();
            next.push(field.clone());
            groups.push(next);
        } else {
            last.push(field.clone());
        }
    }
    groups
}

/// As few statements as find all `literals` among the records that meet the condition `only`, if there is one; each statement is at
/// most `max_bytes` long as the value of a URL's `q`, and already encoded.
pub(crate) fn select_in(
    object: &Identifier,
    fields: &[Identifier],
    only: Option<&str>,
    key: &Identifier,
    literals: &[String],
    max_bytes: usize,
) -> Vec<String> {
    let fields: Vec<_> = fields.iter().map(Identifier::as_str).collect();
    let only = only.map(|only| format!("{only} AND ")).unwrap_or_default();
    let head = encoded(&format!("SELECT {} FROM {} WHERE {only}{} IN (", fields.join(","), object.0, key.0));
    let mut statements = Vec::new();
    let mut statement = head.clone();
    for literal in literals {
        let literal = encoded(literal);
        let is_first = statement.len() == head.len();
        if !is_first && statement.len() + literal.len() + 2 > max_bytes {
            statement.push(')');
            statements.push(std::mem::replace(&mut statement, head.clone()));
        }
        if statement.len() > head.len() {
            statement.push(',');
        }
        statement.push_str(&literal);
    }
    if statement.len() > head.len() {
        statement.push(')');
        statements.push(statement);
    }
    statements
}

/// Encodes for a URL's query, leaving alone what may stand there, since every byte saved is room for another key.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'~'
            | b','
            | b'('
            | b')'
            | b'@'
            | b':'
            | b'/' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(names: &[&str]) -> Vec<Identifier> {
        names.iter().map(|name| Identifier::new(name).unwrap()).collect()
    }

    fn decoded(statement: &str) -> String {
        url::form_urlencoded::parse(format!("q={statement}").as_bytes()).next().unwrap().1.into_owned()
    }

    #[test]
    fn only_api_names_are_names() {
        for name in ["Id", "userflow_plan__c", "ns__A1__c"] {
            assert!(Identifier::new(name).is_ok(), "{name}");
        }
        for name in ["", "1a", "_a", "a.b", "a b", "Id FROM User--", "näme", "a'"] {
            assert!(Identifier::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn keys_become_literals_of_their_fields_type() {
        assert_eq!(literal("o'Brien\\\n", FieldType::String).as_deref(), Some(r"'o\'Brien\\\n'"));
        assert_eq!(literal("\u{1}", FieldType::Email).as_deref(), Some(r"'\u0001'"));
        assert_eq!(literal(" 12.50 ", FieldType::Double).as_deref(), Some("12.5"));
        assert_eq!(literal("12 OR 1", FieldType::Double), None);
        assert_eq!(literal("003q000000KvQ1t", FieldType::Id).as_deref(), Some("'003q000000KvQ1tAAF'"));
        assert_eq!(literal("nobody", FieldType::Reference), None);
        assert_eq!(literal("", FieldType::String), None);
    }

    #[test]
    fn many_keys_are_cut_into_full_statements() {
        let literals: Vec<_> = (0..1000).map(|n| format!("'person.number.{n}@example.com'")).collect();
        let statements = select_in(
            &names(&["Contact"])[0],
            &names(&["Id", "Email"]),
            None,
            &names(&["Email"])[0],
            &literals,
            14_000,
        );
        assert_eq!(statements.len(), 3);
        assert!(statements.iter().all(|statement| statement.len() <= 14_000));
        assert!(statements[0].len() > 13_900);
        let found: Vec<_> = statements
            .iter()
            .flat_map(|statement| {
                let text = decoded(statement);
                let list = text.strip_prefix("SELECT Id,Email FROM Contact WHERE Email IN (").unwrap().to_owned();
                list.strip_suffix(')').unwrap().split(',').map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(found, literals);
        assert!(select_in(&names(&["A"])[0], &[], None, &names(&["B"])[0], &[], 100).is_empty());
        let of_some =
            select_in(&names(&["A"])[0], &names(&["Id"]), Some("C = false"), &names(&["B"])[0], &["1".into()], 100);
        assert_eq!(decoded(&of_some[0]), "SELECT Id FROM A WHERE C = false AND B IN (1)");
    }

    #[test]
    fn wide_reads_are_cut_into_groups_that_all_begin_alike() {
        let wanted: Vec<_> =
            (0..500).map(|n| Identifier::new(&format!("custom_field_number_{n}__c")).unwrap()).collect();
        let groups = field_groups(&names(&["Id", "Email", "EMAIL"]), &[&wanted[..], &names(&["email"])[..]].concat());
        assert_eq!(groups.len(), 3);
        assert!(groups.iter().all(|group| group[..2] == names(&["Id", "Email"])[..]));
        let all: Vec<_> = groups.iter().flat_map(|group| &group[2..]).cloned().collect();
        assert_eq!(all, wanted);
    }

    proptest! {
        #[test]
        fn no_text_escapes_from_its_literal(text in "\\PC{1,40}|['\\\\\n\r\t\u{0}-\u{9f}]{1,20}") {
            let literal = quoted(&text);
            let inner = &literal[1..literal.len() - 1];
            let mut characters = inner.chars();
            while let Some(character) = characters.next() {
                prop_assert!(character != '\'' && !character.is_control());
                if character == '\\' {
                    prop_assert!(matches!(characters.next(), Some('\'' | '\\' | 'n' | 'r' | 't' | 'u')));
                }
            }
            prop_assert_eq!(decoded(&encoded(&literal)), literal);
        }
    }
}
