//! Tokens to a tree, by recursive descent.

use super::Refusal;
use super::lexer::{Token, TokenKind, tokenize};
use super::tree::{
    Condition, Expression, FieldSet, Group, GroupKind, Literal, LiteralValue, Name, Operator, Order, Path, Query,
    SelectItem, TypeOf,
};

/// Parentheses, NOTs, calls and subqueries within one another; beyond it lies the end of the stack, not of anybody's query.
const DEPTH_MAX: usize = 100;
/// Longest statement (SOQL reference).
const STATEMENT_LENGTH_MAX: usize = 100_000;
/// Longest string in a WHERE clause (SOQL reference).
const STRING_LENGTH_MAX: usize = 4000;

pub(crate) fn parse(statement: &str) -> Result<Query, Refusal> {
    let mut parser = Parser::of(statement)?;
    let query = parser.query()?;
    parser.finish()?;
    Ok(query)
}

/// What may follow WHERE, by itself.
pub(crate) fn parse_condition(text: &str) -> Result<Condition, Refusal> {
    let mut parser = Parser::of(text)?;
    let condition = parser.condition()?;
    parser.finish()?;
    Ok(condition)
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
}

impl Parser {
    fn of(statement: &str) -> Result<Parser, Refusal> {
        if statement.len() > STATEMENT_LENGTH_MAX && statement.chars().count() > STATEMENT_LENGTH_MAX {
            let message = "SOQL statements cannot be longer than 100000 characters.".to_owned();
            return Err(Refusal { code: "MALFORMED_QUERY", message, at: None });
        }
        Ok(Parser { tokens: tokenize(statement)?, position: 0, depth: 0 })
    }

    /// Does something one level further down.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Parser) -> Result<T, Refusal>) -> Result<T, Refusal> {
        if self.depth >= DEPTH_MAX {
            return Err(Refusal::malformed(self.at(), "the statement is nested too deeply"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

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
        let scope = if self.accept_keyword("USING") {
            self.keyword("SCOPE")?;
            Some(self.name()?)
        } else {
            None
        };
        let condition = if self.accept_keyword("WHERE") { Some(self.condition()?) } else { None };
        self.with()?;
        let group = if self.accept_keyword("GROUP") { Some(self.group()?) } else { None };
        let having = if group.is_some() && self.accept_keyword("HAVING") { Some(self.condition()?) } else { None };
        let order = if self.accept_keyword("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.accept_keyword("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.accept_keyword("OFFSET") { self.count()? } else { 0 };
        self.purpose()?;
        Ok(Query { select, object, alias, scope, condition, group, having, order, limit, offset })
    }

    /// `WITH SECURITY_ENFORCED` and its kin ask for what the API does anyhow: obey the user's permissions.
    fn with(&mut self) -> Result<(), Refusal> {
        while self.accept_keyword("WITH") {
            let modes = ["SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"];
            if !modes.iter().any(|mode| self.accept_keyword(mode)) {
                return Err(self.unexpected());
            }
        }
        Ok(())
    }

    /// What the rows are for. None of it changes the answer.
    fn purpose(&mut self) -> Result<(), Refusal> {
        while self.accept_keyword("FOR") {
            if !["VIEW", "REFERENCE", "UPDATE"].iter().any(|purpose| self.accept_keyword(purpose)) {
                return Err(self.unexpected());
            }
        }
        if self.accept_keyword("UPDATE") && !(self.accept_keyword("TRACKING") || self.accept_keyword("VIEWSTAT")) {
            return Err(self.unexpected());
        }
        let at = self.at();
        if self.accept_keyword("ALL") {
            self.keyword("ROWS")?;
            return Err(Refusal::malformed(at, "ALL ROWS not allowed in this context"));
        }
        Ok(())
    }

    fn select_item(&mut self) -> Result<SelectItem, Refusal> {
        if *self.peek() == TokenKind::Symbol("(") {
            self.position += 1;
            let query = self.deeper(Parser::query)?;
            self.symbol(")")?;
            return Ok(SelectItem::Children(Box::new(query)));
        }
        if self.is_keyword("TYPEOF") && matches!(self.peek_at(1), TokenKind::Word(word) if !is_reserved(word)) {
            return self.type_of();
        }
        let opens_call = *self.peek_at(1) == TokenKind::Symbol("(");
        let at = self.at();
        if opens_call && self.is_keyword("COUNT") && *self.peek_at(2) == TokenKind::Symbol(")") {
            self.position += 3;
            return Ok(SelectItem::CountRows(at));
        }
        if opens_call && self.accept_keyword("FIELDS") {
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
        let expression = self.expression()?;
        let has_alias = matches!(self.peek(), TokenKind::Word(word) if !is_reserved(word));
        if !has_alias {
            return Ok(SelectItem::Value { expression, alias: None });
        }
        // A word that no comma or FROM follows is a mistyped FROM rather than an alias.
        let follows = self.peek_at(1);
        let is_followed = *follows == TokenKind::Symbol(",")
            || matches!(follows, TokenKind::Word(word) if word.eq_ignore_ascii_case("FROM"));
        if !is_followed {
            return Err(self.unexpected());
        }
        Ok(SelectItem::Value { expression, alias: Some(self.name()?) })
    }

    fn type_of(&mut self) -> Result<SelectItem, Refusal> {
        self.keyword("TYPEOF")?;
        let reference = self.path()?;
        let mut branches = Vec::new();
        while self.accept_keyword("WHEN") {
            let object = self.name()?;
            self.keyword("THEN")?;
            branches.push((object, self.paths()?));
        }
        if branches.is_empty() {
            return Err(self.unexpected());
        }
        let otherwise = if self.accept_keyword("ELSE") { self.paths()? } else { Vec::new() };
        self.keyword("END")?;
        Ok(SelectItem::TypeOf(TypeOf { reference, branches, otherwise }))
    }

    fn paths(&mut self) -> Result<Vec<Path>, Refusal> {
        let mut paths = vec![self.path()?];
        while self.accept_symbol(",") {
            paths.push(self.path()?);
        }
        Ok(paths)
    }

    fn expression(&mut self) -> Result<Expression, Refusal> {
        if *self.peek_at(1) != TokenKind::Symbol("(") {
            return Ok(Expression::Path(self.path()?));
        }
        let function = self.name()?;
        self.symbol("(")?;
        let argument = Box::new(self.deeper(Parser::expression)?);
        self.symbol(")")?;
        Ok(Expression::Call { function, argument })
    }

    fn group(&mut self) -> Result<Group, Refusal> {
        self.keyword("BY")?;
        let opens_call = *self.peek_at(1) == TokenKind::Symbol("(");
        let kind = if opens_call && self.accept_keyword("ROLLUP") {
            GroupKind::Rollup
        } else if opens_call && self.accept_keyword("CUBE") {
            GroupKind::Cube
        } else {
            GroupKind::Plain
        };
        if kind != GroupKind::Plain {
            self.symbol("(")?;
        }
        let mut keys = vec![self.expression()?];
        while self.accept_symbol(",") {
            keys.push(self.expression()?);
        }
        if kind != GroupKind::Plain {
            self.symbol(")")?;
        }
        Ok(Group { kind, keys })
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
        self.deeper(|parser| {
            if parser.accept_keyword("NOT") {
                return Ok(Condition::Not(Box::new(parser.term()?)));
            }
            if !parser.accept_symbol("(") {
                return parser.comparison();
            }
            let inner = parser.condition()?;
            parser.symbol(")")?;
            Ok(inner)
        })
    }

    fn comparison(&mut self) -> Result<Condition, Refusal> {
        let expression = self.expression()?;
        if self.accept_keyword("IN") {
            return self.membership(expression, false);
        }
        if self.accept_keyword("NOT") {
            self.keyword("IN")?;
            return self.membership(expression, true);
        }
        for (word, negated) in [("INCLUDES", false), ("EXCLUDES", true)] {
            if self.accept_keyword(word) {
                return Ok(Condition::Includes { expression, values: self.literals()?, negated });
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
        Ok(Condition::Compare(expression, operator, self.literal()?))
    }

    fn membership(&mut self, expression: Expression, negated: bool) -> Result<Condition, Refusal> {
        let is_query = matches!(self.peek_at(1), TokenKind::Word(word) if word.eq_ignore_ascii_case("SELECT"));
        if !is_query {
            return Ok(Condition::In { expression, values: self.literals()?, negated });
        }
        self.symbol("(")?;
        let at = self.at();
        let query = Box::new(self.deeper(Parser::query)?);
        self.symbol(")")?;
        Ok(Condition::InRows { expression, query, negated, at })
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
            TokenKind::Text { value, .. }
                if value.len() > STRING_LENGTH_MAX && value.chars().count() > STRING_LENGTH_MAX =>
            {
                let message = "a string literal can not be longer than 4000 characters";
                return Err(Refusal::malformed(at, message));
            }
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
            let expression = self.expression()?;
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
            order.push(Order { expression, descending, nulls_last });
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
            TokenKind::Word(word) => CLAUSES.iter().any(|clause| word.eq_ignore_ascii_case(clause)),
            _ => true,
        }
    }

    fn finish(&self) -> Result<(), Refusal> {
        if *self.peek() == TokenKind::End { Ok(()) } else { Err(self.unexpected()) }
    }

    fn keyword(&mut self, word: &str) -> Result<(), Refusal> {
        if self.accept_keyword(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn is_keyword(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(own) if own.eq_ignore_ascii_case(word))
    }

    fn accept_keyword(&mut self, word: &str) -> bool {
        let found = self.is_keyword(word);
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

/// Words that begin what may follow the object.
const CLAUSES: [&str; 11] =
    ["WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "USING", "UPDATE", "ALL"];

fn is_reserved(word: &str) -> bool {
    const RESERVED: &[&str] = &[
        "AND", "ASC", "DESC", "EXCLUDES", "FIRST", "FROM", "GROUP", "HAVING", "IN", "INCLUDES", "LAST", "LIKE",
        "LIMIT", "NOT", "NULL", "NULLS", "OR", "SELECT", "WHERE", "WITH",
    ];
    RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}
