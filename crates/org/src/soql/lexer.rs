//! Characters to tokens.

use super::Refusal;

/// A token and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A keyword or a name.
    Word(String),
    /// A quoted string. `pattern` is the text with the LIKE wildcards told apart from escaped ones.
    Text { value: String, pattern: Vec<PatternPart> },
    /// A number, date or datetime, as written.
    Literal(String),
    /// Punctuation and operators.
    Symbol(&'static str),
    /// The end of the statement.
    End,
}

/// One step of a LIKE pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PatternPart {
    /// This character, in lower case.
    Exactly(char),
    /// Any one character (`_`).
    AnyOne,
    /// Any text (`%`).
    AnyText,
}

impl TokenKind {
    /// How an error message names the token.
    pub(crate) fn shown(&self) -> String {
        match self {
            TokenKind::Word(text) | TokenKind::Literal(text) => text.clone(),
            TokenKind::Text { value, .. } => format!("'{value}'"),
            TokenKind::Symbol(symbol) => (*symbol).to_owned(),
            TokenKind::End => "<EOF>".to_owned(),
        }
    }
}

/// Longer operators first, so that `<=` is not read as `<`.
const SYMBOLS: &[&str] = &["<=", ">=", "!=", "<>", "=", "<", ">", "(", ")", ",", ".", ":"];

pub(crate) fn tokenize(statement: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = statement[at..].chars().next() {
        let rest = &statement[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
        } else if first == '\'' {
            let (kind, length) = text(rest, at)?;
            tokens.push(Token { kind, at });
            at += length;
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token { kind: TokenKind::Word(rest[..length].to_owned()), at });
            at += length;
        } else if starts_literal(rest) {
            let in_literal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | ':' | '.');
            let length = rest.find(|c: char| !in_literal(c)).unwrap_or(rest.len());
            tokens.push(Token { kind: TokenKind::Literal(rest[..length].to_owned()), at });
            at += length;
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            tokens.push(Token { kind: TokenKind::Symbol(symbol), at });
            at += symbol.len();
        } else {
            return Err(Refusal::malformed(at, format!("line 1:{at} no viable alternative at character '{first}'")));
        }
    }
    tokens.push(Token { kind: TokenKind::End, at });
    Ok(tokens)
}

fn starts_literal(rest: &str) -> bool {
    let mut characters = rest.chars();
    match characters.next() {
        Some('+' | '-') => characters.next().is_some_and(|c| c.is_ascii_digit() || c == '.'),
        Some('.') => characters.next().is_some_and(|c| c.is_ascii_digit()),
        Some(first) => first.is_ascii_digit(),
        None => false,
    }
}

/// A quoted string at the start of `rest`, and its length in bytes with the quotes.
fn text(rest: &str, at: usize) -> Result<(TokenKind, usize), Refusal> {
    let (mut value, mut pattern) = (String::new(), Vec::new());
    let mut characters = rest.char_indices().skip(1);
    let push_plain = |c: char, value: &mut String, pattern: &mut Vec<PatternPart>| {
        value.push(c);
        pattern.extend(c.to_lowercase().map(PatternPart::Exactly));
    };
    while let Some((offset, c)) = characters.next() {
        match c {
            '\'' => return Ok((TokenKind::Text { value, pattern }, offset + 1)),
            '\\' => {
                let illegal = || Refusal::malformed(at + offset, "Illegal escape sequence in a string literal");
                let (_, escaped) = characters.next().ok_or_else(illegal)?;
                let plain = match escaped {
                    'n' | 'N' => '\n',
                    'r' | 'R' => '\r',
                    't' | 'T' => '\t',
                    'b' | 'B' => '\u{8}',
                    'f' | 'F' => '\u{c}',
                    '"' | '\'' | '\\' | '_' | '%' => escaped,
                    'u' => {
                        let digits: String = characters.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                        code.and_then(char::from_u32).ok_or_else(illegal)?
                    }
                    _ => return Err(illegal()),
                };
                push_plain(plain, &mut value, &mut pattern);
            }
            '%' => {
                value.push(c);
                pattern.push(PatternPart::AnyText);
            }
            '_' => {
                value.push(c);
                pattern.push(PatternPart::AnyOne);
            }
            plain => push_plain(plain, &mut value, &mut pattern),
        }
    }
    Err(Refusal::malformed(at, "unexpected end of string literal: missing closing quote"))
}

/// Whether a text, letter cases aside, has the form of a pattern.
pub(crate) fn matches_pattern(text: &str, pattern: &[PatternPart]) -> bool {
    let mut rest = text.chars().flat_map(char::to_lowercase);
    let mut step = 0;
    // Where to go on from when what follows the last `%` does not fit: one character further.
    let mut retry = None;
    loop {
        if let Some(PatternPart::AnyText) = pattern.get(step) {
            step += 1;
            if step == pattern.len() {
                return true;
            }
            retry = Some((rest.clone(), step));
            continue;
        }
        let Some(next) = rest.next() else { return step == pattern.len() };
        let fits = match pattern.get(step) {
            Some(PatternPart::AnyOne) => true,
            Some(PatternPart::Exactly(c)) => *c == next,
            _ => false,
        };
        if fits {
            step += 1;
            continue;
        }
        let Some((from, after)) = &mut retry else { return false };
        from.next();
        rest = from.clone();
        step = *after;
    }
}
