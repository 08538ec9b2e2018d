//! Tokens to a tree, by recursive descent.

use super::Refusal;
use super::lexer::{PatternPart, Token, TokenKind, tokenize};

/// Parentheses and NOTs within one another; beyond it lies the end of the stack, not of anybody's query.
const DEPTH_MAX: usize = 100;
/// Longest statement (SOQL reference).
const STATEMENT_LENGTH_MAX: usize = 100_000;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) select: Vec<SelectItem>,
    pub(crate) object: Name,
    pub(crate) alias: Option<String>,
    pub(crate) condition: Option<Condition>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) at: usize,
}

/// `Account.Owner.Name`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    pub(crate) steps: Vec<String>,
    pub(crate) at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SelectItem {
    Path(Path),
    /// `COUNT()`: the number of rows in place of rows.
    CountRows,
    /// `COUNT(Field) alias`.
    CountValues(Path, Option<String>),
    /// `FIELDS(ALL)` and its kin.
    Fields(FieldSet, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldSet {
    All,
    Standard,
    Custom,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Path, Operator, Literal),
    In { path: Path, values: Vec<Literal>, negated: bool },
    Includes { path: Path, values: Vec<Literal>, negated: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Literal {
    pub(crate) value: LiteralValue,
    pub(crate) at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LiteralValue {
    Null,
    Boolean(bool),
    Text {
        value: String,
        pattern: Vec<PatternPart>,
    },
    /// A number, date or datetime as written.
    Unquoted(String),
    /// `TODAY`, `LAST_N_DAYS:30`: the upper-case word, and the number if there is one.
    DateWord(String, Option<i32>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) path: Path,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

pub(crate) fn parse(statement: &str) -> Result<Query, Refusal> {
    if statement.len() > STATEMENT_LENGTH_MAX {
        let message = "SOQL statement is too long: it may have 100,000 characters".to_owned();
        return Err(Refusal { code: "MALFORMED_QUERY", message, at: None });
    }
    let mut parser = Parser { tokens: tokenize(statement)?, position: 0, depth: 0 };
    let query = parser.query()?;
    parser.finish()?;
    Ok(query)
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
}

impl Parser {
    fn query(&mut self) -> Result<Query, Refusal> {
        self.keyword("SELECT")?;
        let mut select = vec![self.select_item()?];
        while self.accept_symbol(",") {
            select.push(self.select_item()?);
        }
        self.keyword("FROM")?;
        let object = self.name()?;
        self.accept_keyword("AS");
        let alias = if self.at_clause() { None } else { Some(self.name()?.text) };
        let condition = if self.accept_keyword("WHERE") { Some(self.condition()?) } else { None };
        let order = if self.accept_keyword("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.accept_keyword("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.accept_keyword("OFFSET") { self.count()? } else { 0 };
        if self.accept_keyword("FOR") {
            self.name()?;
        }
        Ok(Query { select, object, alias, condition, order, limit, offset })
    }

    fn select_item(&mut self) -> Result<SelectItem, Refusal> {
        let opens_call = matches!(self.peek_at(1), TokenKind::Symbol("("));
        if opens_call && self.accept_keyword("COUNT") {
            self.symbol("(")?;
            if self.accept_symbol(")") {
                return Ok(SelectItem::CountRows);
            }
            let path = self.path()?;
            self.symbol(")")?;
            let is_alias = matches!(self.peek(), TokenKind::Word(word) if !word.eq_ignore_ascii_case("FROM"));
            let alias = if is_alias { Some(self.name()?.text) } else { None };
            return Ok(SelectItem::CountValues(path, alias));
        }
        if opens_call && self.accept_keyword("FIELDS") {
            let at = self.at();
            self.symbol("(")?;
            let set = if self.accept_keyword("ALL") {
                FieldSet::All
            } else if self.accept_keyword("STANDARD") {
                FieldSet::Standard
            } else if self.accept_keyword("CUSTOM") {
                FieldSet::Custom
            } else {
                return Err(self.unexpected());
            };
            self.symbol(")")?;
            return Ok(SelectItem::Fields(set, at));
        }
        Ok(SelectItem::Path(self.path()?))
    }

    fn condition(&mut self) -> Result<Condition, Refusal> {
        let first = self.term()?;
        // SOQL has no precedence between AND and OR: mixing them takes parentheses.
        let (word, join): (&str, fn(Vec<Condition>) -> Condition) = match self.peek() {
            TokenKind::Word(word) if word.eq_ignore_ascii_case("AND") => ("AND", Condition::And),
            TokenKind::Word(word) if word.eq_ignore_ascii_case("OR") => ("OR", Condition::Or),
            _ => return Ok(first),
        };
        let mut terms = vec![first];
        while self.accept_keyword(word) {
            terms.push(self.term()?);
        }
        Ok(join(terms))
    }

    fn term(&mut self) -> Result<Condition, Refusal> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Refusal::malformed(self.at(), "the WHERE clause is nested too deeply"));
        }
        let term = if self.accept_keyword("NOT") {
            Condition::Not(Box::new(self.term()?))
        } else if self.accept_symbol("(") {
            let inner = self.condition()?;
            self.symbol(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(term)
    }

    fn comparison(&mut self) -> Result<Condition, Refusal> {
        let path = self.path()?;
        if self.accept_keyword("IN") {
            return Ok(Condition::In { path, values: self.literals()?, negated: false });
        }
        if self.accept_keyword("NOT") {
            self.keyword("IN")?;
            return Ok(Condition::In { path, values: self.literals()?, negated: true });
        }
        for (word, negated) in [("INCLUDES", false), ("EXCLUDES", true)] {
            if self.accept_keyword(word) {
                return Ok(Condition::Includes { path, values: self.literals()?, negated });
            }
        }
        let operator = if self.accept_keyword("LIKE") {
            Operator::Like
        } else {
            let operator = match self.peek() {
                TokenKind::Symbol("=") => Operator::Equal,
                TokenKind::Symbol("!=" | "<>") => Operator::NotEqual,
                TokenKind::Symbol("<") => Operator::Less,
                TokenKind::Symbol("<=") => Operator::LessOrEqual,
                TokenKind::Symbol(">") => Operator::Greater,
                TokenKind::Symbol(">=") => Operator::GreaterOrEqual,
                _ => return Err(self.unexpected()),
            };
            self.position += 1;
            operator
        };
        Ok(Condition::Compare(path, operator, self.literal()?))
    }

    fn literals(&mut self) -> Result<Vec<Literal>, Refusal> {
        self.symbol("(")?;
        let mut values = vec![self.literal()?];
        while self.accept_symbol(",") {
            values.push(self.literal()?);
        }
        self.symbol(")")?;
        Ok(values)
    }

    fn literal(&mut self) -> Result<Literal, Refusal> {
        let at = self.at();
        let value = match self.peek().clone() {
            TokenKind::Text { value, pattern } => LiteralValue::Text { value, pattern },
            TokenKind::Literal(text) => LiteralValue::Unquoted(text),
            TokenKind::Word(word) => match word.to_ascii_uppercase().as_str() {
                "NULL" => LiteralValue::Null,
                "TRUE" => LiteralValue::Boolean(true),
                "FALSE" => LiteralValue::Boolean(false),
                _ => {
                    self.position += 1;
                    let number = if self.accept_symbol(":") { Some(self.day_count()?) } else { None };
                    return Ok(Literal { value: LiteralValue::DateWord(word.to_ascii_uppercase(), number), at });
                }
            },
            _ => return Err(self.unexpected()),
        };
        self.position += 1;
        Ok(Literal { value, at })
    }

    fn order(&mut self) -> Result<Vec<Order>, Refusal> {
        self.keyword("BY")?;
        let mut order = Vec::new();
        loop {
            let path = self.path()?;
            let descending = self.accept_keyword("DESC");
            if !descending {
                self.accept_keyword("ASC");
            }
            let mut nulls_last = false;
            if self.accept_keyword("NULLS") {
                nulls_last = self.accept_keyword("LAST");
                if !nulls_last {
                    self.keyword("FIRST")?;
                }
            }
            order.push(Order { path, descending, nulls_last });
            if !self.accept_symbol(",") {
                return Ok(order);
            }
        }
    }

    fn count(&mut self) -> Result<usize, Refusal> {
        match self.peek() {
            TokenKind::Literal(text) => match text.parse() {
                Ok(count) => {
                    self.position += 1;
                    Ok(count)
                }
                Err(_) => Err(self.unexpected()),
            },
            _ => Err(self.unexpected()),
        }
    }

    fn day_count(&mut self) -> Result<i32, Refusal> {
        // A million days is 2,700 years: more than dates reach, and far from overflowing them.
        let count = self.count()?;
        i32::try_from(count).ok().filter(|count| *count <= 1_000_000).ok_or_else(|| self.unexpected())
    }

    fn path(&mut self) -> Result<Path, Refusal> {
        let first = self.name()?;
        let mut path = Path { steps: vec![first.text], at: first.at };
        while self.accept_symbol(".") {
            path.steps.push(self.name()?.text);
        }
        Ok(path)
    }

    fn name(&mut self) -> Result<Name, Refusal> {
        let at = self.at();
        match self.peek() {
            TokenKind::Word(text) if !is_reserved(text) => {
                let text = text.clone();
                self.position += 1;
                Ok(Name { text, at })
            }
            _ => Err(self.unexpected()),
        }
    }

    fn at_clause(&self) -> bool {
        match self.peek() {
            TokenKind::Word(word) => {
                ["WHERE", "ORDER", "LIMIT", "OFFSET", "FOR"].iter().any(|clause| word.eq_ignore_ascii_case(clause))
            }
            _ => true,
        }
    }

    fn finish(&self) -> Result<(), Refusal> {
        if *self.peek() == TokenKind::End { Ok(()) } else { Err(self.unexpected()) }
    }

    fn keyword(&mut self, word: &str) -> Result<(), Refusal> {
        if self.accept_keyword(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn accept_keyword(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Word(own) if own.eq_ignore_ascii_case(word));
        self.position += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: &str) -> Result<(), Refusal> {
        if self.accept_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn accept_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(own) if *own == symbol);
        self.position += usize::from(found);
        found
    }

    fn peek(&self) -> &TokenKind {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &TokenKind {
        self.tokens.get(self.position + ahead).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.position).or(self.tokens.last()).map_or(0, |token| token.at)
    }

    fn unexpected(&self) -> Refusal {
        Refusal::malformed(self.at(), format!("unexpected token: '{}'", self.peek().shown()))
    }
}

fn is_reserved(word: &str) -> bool {
    const RESERVED: &[&str] = &[
        "AND", "ASC", "DESC", "EXCLUDES", "FIRST", "FROM", "GROUP", "HAVING", "IN", "INCLUDES", "LAST", "LIKE",
        "LIMIT", "NOT", "NULL", "NULLS", "OR", "SELECT", "WHERE", "WITH",
    ];
    RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}
