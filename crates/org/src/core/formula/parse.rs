//! From a formula's text to its tree. Knows no org: whether fields exist is for [`super::kind`] to say.

use super::{Function, Node, Operator, raw};
use crate::core::value::FieldValue;

/// Parentheses within parentheses; more would be a mistake, and must not exhaust the stack.
const NESTING_MAX: usize = 60;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Name(String),
    Symbol(&'static str),
}

/// Two characters before one, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 20] =
    ["<=", ">=", "<>", "!=", "==", "&&", "||", "(", ")", ",", "+", "-", "*", "/", "^", "&", "=", "<", ">", "!"];

pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, nesting: 0 };
    let root = parser.binary(0)?;
    match parser.tokens.get(parser.at) {
        None => Ok(root),
        Some(extra) => Err(format!("Syntax error. Extra {}", shown(extra))),
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Number(number) => format!("'{number}'"),
        Token::Text(text) => format!("'\"{text}\"'"),
        Token::Name(name) => format!("'{name}'"),
        Token::Symbol(symbol) => format!("'{symbol}'"),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let consumed = if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map(|end| end + 4).ok_or("Syntax error. Missing '*/'")?
        } else if first.is_ascii_digit() || first == '.' {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let number = rest[..end].parse().map_err(|_| format!("Syntax error. Found '{}'", &rest[..end]))?;
            tokens.push(Token::Number(number));
            end
        } else if first == '"' || first == '\'' {
            let (value, end) = quoted(rest, first)?;
            tokens.push(Token::Text(value));
            end
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..end].to_owned()));
            end
        } else {
            let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
            let symbol = symbol.ok_or_else(|| format!("Syntax error. Found '{first}'"))?;
            tokens.push(Token::Symbol(symbol));
            symbol.len()
        };
        rest = rest[consumed..].trim_start();
    }
    Ok(tokens)
}

/// The text of a literal and the bytes it took.
fn quoted(rest: &str, quote: char) -> Result<(String, usize), String> {
    let mut value = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            end if end == quote => return Ok((value, at + 1)),
            other => value.push(other),
        }
    }
    Err(format!("Syntax error. Missing '{quote}'"))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.tokens.get(self.at), Some(Token::Symbol(next)) if *next == symbol);
        self.at += usize::from(is_next);
        is_next
    }

    fn demand(&mut self, symbol: &str) -> Result<(), String> {
        if self.takes(symbol) { Ok(()) } else { Err(format!("Syntax error. Missing '{symbol}'")) }
    }

    /// Operators of this rank and above, all of them from left to right.
    fn binary(&mut self, rank: usize) -> Result<Node, String> {
        const RANKS: [&[(&str, Operator)]; 8] = [
            &[("||", Operator::Or)],
            &[("&&", Operator::And)],
            &[("=", Operator::Equal), ("==", Operator::Equal), ("<>", Operator::NotEqual), ("!=", Operator::NotEqual)],
            &[
                ("<", Operator::Less),
                ("<=", Operator::LessOrEqual),
                (">", Operator::Greater),
                (">=", Operator::GreaterOrEqual),
            ],
            &[("&", Operator::Join)],
            &[("+", Operator::Add), ("-", Operator::Subtract)],
            &[("*", Operator::Multiply), ("/", Operator::Divide)],
            &[("^", Operator::Power)],
        ];
        let Some(operators) = RANKS.get(rank) else { return self.unary() };
        let mut left = self.binary(rank + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(symbol, _)| self.takes(symbol)) {
            let right = self.binary(rank + 1)?;
            left = Node::Binary(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, String> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err("Formula is too complex".to_owned());
        }
        let node = match self.next() {
            Some(Token::Number(number)) => Ok(Node::Literal(FieldValue::Number(number))),
            Some(Token::Text(text)) => Ok(Node::Literal(raw(text))),
            Some(Token::Symbol("-")) => self.unary().map(|inner| Node::Negate(Box::new(inner))),
            Some(Token::Symbol("!")) => self.unary().map(|inner| Node::Call(Function::Not, vec![inner])),
            Some(Token::Symbol("(")) => self.binary(0).and_then(|inner| self.demand(")").map(|()| inner)),
            Some(Token::Name(name)) if self.takes("(") => self.call(&name),
            Some(Token::Name(name)) => Ok(match name.to_ascii_uppercase().as_str() {
                "TRUE" => Node::Literal(FieldValue::Boolean(true)),
                "FALSE" => Node::Literal(FieldValue::Boolean(false)),
                "NULL" => Node::Literal(FieldValue::Null),
                _ => Node::Field(name.split('.').map(str::to_owned).collect()),
            }),
            Some(other) => Err(format!("Syntax error. Found {}", shown(&other))),
            None => Err("Syntax error. Found end of formula".to_owned()),
        };
        self.nesting -= 1;
        node
    }

    fn call(&mut self, name: &str) -> Result<Node, String> {
        let known = Function::named(name);
        let (function, fewest, most) = known.ok_or_else(|| format!("Unknown function {name}. Check spelling."))?;
        let mut parameters = Vec::new();
        if !self.takes(")") {
            parameters.push(self.binary(0)?);
            while self.takes(",") {
                parameters.push(self.binary(0)?);
            }
            self.demand(")")?;
        }
        if (fewest..=most).contains(&parameters.len()) {
            return Ok(Node::Call(function, parameters));
        }
        let name = name.to_ascii_uppercase();
        let received = parameters.len();
        Err(format!("Incorrect number of parameters for function '{name}()'. Expected {fewest}, received {received}"))
    }
}
