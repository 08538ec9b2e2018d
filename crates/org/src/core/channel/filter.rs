//! Filter expressions of channel members: a small part of SOQL's conditions.
//!
//! `= != < > <= >= LIKE AND OR NOT` and parentheses over the object's own fields. (Change Data Capture guide, "Compose Filter
//! Expressions".) Knows values only; who has them passes them in.

use crate::core::schema::{FieldIndex, FieldType, ObjectSchema};
use crate::core::value::{FieldRef, FieldValue, parse_date, parse_datetime};

/// Conditions nested deeper are refused, so that a long text of parentheses cannot exhaust the stack.
const DEPTH_MAX: usize = 50;

/// A condition on an event's values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    condition: Condition,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(FieldIndex, Operator, FieldValue),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Like,
}

impl Filter {
    /// Reads an expression about an object's fields, or says what is wrong with it.
    pub(crate) fn parse(object: &ObjectSchema, text: &str) -> Result<Filter, String> {
        let mut parser = Parser { object, words: words(text)?, at: 0, depth: 0 };
        let condition = parser.alternatives()?;
        match parser.peek() {
            None => Ok(Filter { condition }),
            Some(word) => Err(format!("unexpected token: {word}")),
        }
    }

    /// The fields it looks at.
    pub(crate) fn fields(&self) -> Vec<FieldIndex> {
        fn collect(condition: &Condition, fields: &mut Vec<FieldIndex>) {
            match condition {
                Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| collect(part, fields)),
                Condition::Not(part) => collect(part, fields),
                Condition::Compare(field, ..) if !fields.contains(field) => fields.push(*field),
                Condition::Compare(..) => {}
            }
        }
        let mut fields = Vec::new();
        collect(&self.condition, &mut fields);
        fields
    }

    /// Whether the values fulfil it.
    pub(crate) fn holds<'v>(&self, value_of: &dyn Fn(FieldIndex) -> FieldRef<'v>) -> bool {
        self.condition.holds(value_of)
    }
}

impl Condition {
    fn holds<'v>(&self, value_of: &dyn Fn(FieldIndex) -> FieldRef<'v>) -> bool {
        match self {
            Condition::And(parts) => parts.iter().all(|part| part.holds(value_of)),
            Condition::Or(parts) => parts.iter().any(|part| part.holds(value_of)),
            Condition::Not(part) => !part.holds(value_of),
            Condition::Compare(field, operator, literal) => compare(value_of(*field), *operator, literal),
        }
    }
}

fn compare(value: FieldRef<'_>, operator: Operator, literal: &FieldValue) -> bool {
    use std::cmp::Ordering;
    let order = match (value, literal.as_field_ref()) {
        (FieldValue::Null, FieldValue::Null) => Some(Ordering::Equal),
        (FieldValue::Text(own), FieldValue::Text(pattern)) if operator == Operator::Like => {
            let fold = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
            return is_like(&fold(own), &fold(pattern));
        }
        (FieldValue::Text(own), FieldValue::Text(other)) => {
            Some(own.chars().flat_map(char::to_lowercase).cmp(other.chars().flat_map(char::to_lowercase)))
        }
        (FieldValue::Boolean(own), FieldValue::Boolean(other)) => Some(own.cmp(&other)),
        (FieldValue::Date(own), FieldValue::Date(other)) => Some(own.cmp(&other)),
        (FieldValue::DateTime(own), FieldValue::DateTime(other)) => Some(own.cmp(&other)),
        (FieldValue::Number(own), FieldValue::Number(other)) => own.partial_cmp(&other),
        (FieldValue::Integer(own), FieldValue::Number(other)) => (own as f64).partial_cmp(&other),
        _ => None,
    };
    match (operator, order) {
        (Operator::Equal, order) => order == Some(Ordering::Equal),
        (Operator::NotEqual, order) => order != Some(Ordering::Equal),
        // Nothing is smaller or greater than no value.
        (_, _) if value.is_null() => false,
        (Operator::Less, order) => order == Some(Ordering::Less),
        (Operator::Greater, order) => order == Some(Ordering::Greater),
        (Operator::LessOrEqual, order) => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        (Operator::GreaterOrEqual, order) => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        (Operator::Like, _) => false,
    }
}

/// `%` stands for any characters and `_` for one; a backslash takes the next character as it is.
fn is_like(text: &[char], pattern: &[char]) -> bool {
    // Where to go on when the rest does not fit: the last `%`, taking one character more.
    let (mut at, mut place, mut retry) = (0, 0, None);
    while at < text.len() {
        let (wanted, width) = match pattern.get(place..) {
            Some(['\\', escaped, ..]) => (Some(*escaped), 2),
            Some(['%', ..]) => {
                retry = Some((at, place + 1));
                place += 1;
                continue;
            }
            Some(['_', ..]) => (Some(text[at]), 1),
            Some([own, ..]) => (Some(*own), 1),
            Some([]) | None => (None, 0),
        };
        if wanted == Some(text[at]) {
            (at, place) = (at + 1, place + width);
            continue;
        }
        let Some((from, behind)) = retry else { return false };
        retry = Some((from + 1, behind));
        (at, place) = (from + 1, behind);
    }
    pattern[place..].iter().all(|c| *c == '%')
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    /// A name, keyword or unquoted literal.
    Bare(String),
    Quoted(String),
    /// An operator or a parenthesis.
    Sign(&'static str),
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Word::Bare(text) | Word::Quoted(text) => f.write_str(text),
            Word::Sign(sign) => f.write_str(sign),
        }
    }
}

/// The longer signs stand before those that they begin with.
const SIGNS: [&str; 9] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")"];

fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            words.push(Word::Sign(sign));
            rest = &rest[sign.len()..];
        } else if first == '\'' {
            let (word, behind) = quoted(&rest[1..])?;
            words.push(word);
            rest = behind;
        } else {
            let is_bare = |c: char| c.is_alphanumeric() || "_.-+:".contains(c);
            let length = rest.find(|c| !is_bare(c)).unwrap_or(rest.len());
            if length == 0 {
                return Err(format!("unexpected token: {first}"));
            }
            words.push(Word::Bare(rest[..length].to_owned()));
            rest = &rest[length..];
        }
        rest = rest.trim_start();
    }
    Ok(words)
}

/// The text up to the closing quote, and what follows it. `\%`, `\_` and `\\` stay as they are for LIKE to read.
fn quoted(text: &str) -> Result<(Word, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\'' => return Ok((Word::Quoted(value), &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, escaped @ ('%' | '_' | '\\'))) => value.extend(['\\', escaped]),
                Some((_, other)) => value.push(other),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("a text has no closing quote".to_owned())
}

struct Parser<'o> {
    object: &'o ObjectSchema,
    words: Vec<Word>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    fn take(&mut self) -> Result<Word, String> {
        let word = self.words.get(self.at).cloned().ok_or_else(|| "unexpected end".to_owned())?;
        self.at += 1;
        Ok(word)
    }

    fn takes_keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Bare(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.conjunction()?];
        while self.takes_keyword("OR") {
            parts.push(self.conjunction()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Or(parts) })
    }

    fn conjunction(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.single()?];
        while self.takes_keyword("AND") {
            parts.push(self.single()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::And(parts) })
    }

    fn single(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("the expression is nested too deeply".to_owned());
        }
        let condition = if self.takes_keyword("NOT") {
            Condition::Not(Box::new(self.single()?))
        } else if self.peek() == Some(&Word::Sign("(")) {
            self.at += 1;
            let inner = self.alternatives()?;
            match self.take()? {
                Word::Sign(")") => inner,
                other => return Err(format!("unexpected token: {other}")),
            }
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let Word::Bare(name) = self.take()? else { return Err("a field name is missing".to_owned()) };
        let (index, field) = self
            .object
            .field_named(&name)
            .filter(|(_, field)| field.in_change_event)
            .ok_or_else(|| format!("No such column '{name}' on entity '{}'", self.object.name))?;
        let field_type = field.field_type;
        let operator = match self.take()? {
            Word::Sign("=") => Operator::Equal,
            Word::Sign("!=" | "<>") => Operator::NotEqual,
            Word::Sign("<") => Operator::Less,
            Word::Sign(">") => Operator::Greater,
            Word::Sign("<=") => Operator::LessOrEqual,
            Word::Sign(">=") => Operator::GreaterOrEqual,
            Word::Bare(word) if word.eq_ignore_ascii_case("LIKE") => Operator::Like,
            other => return Err(format!("unexpected token: {other}")),
        };
        let literal = self.take()?;
        let value = literal_of(field_type, &literal)
            .filter(|value| operator != Operator::Like || value.as_text().is_some())
            .ok_or_else(|| format!("the value {literal} doesn't fit the field {name}"))?;
        let value = if operator == Operator::Like { value } else { unescaped(value) };
        Ok(Condition::Compare(index, operator, value))
    }
}

fn literal_of(field_type: FieldType, literal: &Word) -> Option<FieldValue> {
    match literal {
        Word::Quoted(text) => field_type.is_text().then(|| FieldValue::Text(text.as_str().into())),
        Word::Bare(word) if word.eq_ignore_ascii_case("null") => Some(FieldValue::Null),
        Word::Bare(word) => match field_type {
            FieldType::Boolean if word.eq_ignore_ascii_case("true") => Some(FieldValue::Boolean(true)),
            FieldType::Boolean if word.eq_ignore_ascii_case("false") => Some(FieldValue::Boolean(false)),
            FieldType::Date => parse_date(word).map(FieldValue::Date),
            FieldType::DateTime => parse_datetime(word).map(FieldValue::DateTime),
            FieldType::Int => word.parse().ok().map(FieldValue::Number),
            _ if field_type.is_decimal() => word.parse().ok().map(FieldValue::Number),
            _ => None,
        },
        Word::Sign(_) => None,
    }
}

/// Outside of LIKE an escaped character is just that character.
fn unescaped(value: FieldValue) -> FieldValue {
    let FieldValue::Text(text) = &value else { return value };
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    FieldValue::Text(plain.into())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::core::{Org, OrgProfile};
    use proptest::prelude::*;

    fn holds(text: &str, values: &[(&str, FieldValue)]) -> Result<bool, String> {
        static ACCOUNT: LazyLock<ObjectSchema> = LazyLock::new(|| {
            let org = Org::new(&OrgProfile::default(), [3; 32], 0);
            org.object("Account").expect("there are accounts").clone()
        });
        let object = &*ACCOUNT;
        let filter = Filter::parse(object, text)?;
        let value_of = |index: FieldIndex| {
            let name = &object.field(index).name;
            let own = values.iter().find(|(own, _)| own == name);
            own.map_or(FieldValue::Null, |(_, value)| value.as_field_ref())
        };
        Ok(filter.holds(&value_of))
    }

    #[test]
    fn conditions_combine_as_in_soql() {
        let values: &[(&str, FieldValue)] = &[
            ("Industry", "Energy".into()),
            ("AnnualRevenue", FieldValue::Number(5_000.0)),
            ("NumberOfEmployees", FieldValue::Integer(12)),
            ("Name", "Acme_100% Ltd".into()),
        ];
        for (text, expected) in [
            ("Industry = 'energy'", true),
            ("Industry != 'Energy'", false),
            ("Rating = null", true),
            ("Rating != null", false),
            ("Rating < 'Hot'", false),
            ("AnnualRevenue >= 5000 AND NumberOfEmployees < 12", false),
            ("AnnualRevenue >= 5e3 and NumberOfEmployees <= 12", true),
            ("Industry='Retail' OR (NOT Rating='Hot' AND AnnualRevenue>1)", true),
            ("NOT (Industry = 'Energy')", false),
            ("Name LIKE 'acme%ltd'", true),
            ("Name LIKE 'acme\\_100\\%%'", true),
            ("Name LIKE 'acme_1'", false),
            ("Name LIKE '%x%'", false),
        ] {
            assert_eq!(holds(text, values), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_on_the_object_is_refused() {
        for text in [
            "",
            "Industry",
            "Industry =",
            "Nothing__c = 1",
            "Industry = Energy",
            "AnnualRevenue = 'x'",
            "(Industry = 'a'",
            "Industry = 'a",
            "Industry = 'a' Rating = 'b'",
            "AnnualRevenue LIKE 5",
            "Industry IN ('a')",
            "SystemModstamp = null",
        ] {
            assert!(holds(text, &[]).is_err(), "{text}");
        }
        assert!(holds(&"(".repeat(10_000), &[]).is_err());
        assert!(holds(&"NOT ".repeat(10_000), &[]).is_err());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "[A-Za-z'()=<>!%_ \\\\0-9]{0,80}|\\PC{0,40}") {
            let _ = holds(&text, &[]);
        }

        #[test]
        fn a_text_is_like_itself_and_like_its_beginning(text in "[a-z%_\\\\]{0,12}", tail in "[a-z]{0,5}") {
            let escaped: Vec<char> = text.chars().flat_map(|c| ['\\', c]).collect();
            let own: Vec<char> = text.chars().collect();
            prop_assert!(is_like(&own, &escaped));
            let longer: Vec<char> = text.chars().chain(tail.chars()).collect();
            let beginning: Vec<char> = escaped.iter().copied().chain(['%']).collect();
            prop_assert!(is_like(&longer, &beginning));
            prop_assert_eq!(is_like(&longer, &escaped), tail.is_empty());
        }
    }
}
