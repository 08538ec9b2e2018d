//! Formula fields: the text that an administrator writes, read once ([`parse`]), and worked out whenever the field is read
//! ([`evaluate`]).
//!
//! It has the operators and the functions named in [`Function`]; a formula with any other is refused when it is written. There is
//! no clock, so `TODAY()` and `NOW()` are not among them. (Formula Operators and Functions, Salesforce Help.)

mod evaluate;
mod kind;
mod parse;

use std::sync::Arc;

use super::org::Org;
use super::row::Row;
use super::schema::{FieldIndex, FieldType, ObjectSchema};
use super::table::Table;
use super::value::FieldValue;

/// A formula longer than this is refused (Help: 3,900 characters).
const LENGTH_MAX: usize = 3_900;

/// A formula, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    text: String,
    root: Node,
    /// `formulaTreatBlanksAs`: whether a number without a value counts as 0.
    blank_as_zero: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Literal(FieldValue),
    /// A field, by the relationships that lead to it.
    Field(Vec<String>),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Join,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// What a formula may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    If,
    And,
    Or,
    Not,
    IsBlank,
    BlankValue,
    Text,
    Value,
    Len,
    Upper,
    Lower,
    Trim,
    Left,
    Right,
    Contains,
    Begins,
    Substitute,
    Abs,
    Round,
    Floor,
    Ceiling,
    Max,
    Min,
    Mod,
    Year,
    Month,
    Day,
    IsPickVal,
    Case,
}

impl Function {
    /// By name, with the fewest and the most parameters.
    fn named(name: &str) -> Option<(Function, usize, usize)> {
        const MANY: usize = 100;
        Some(match name.to_ascii_uppercase().as_str() {
            "IF" => (Function::If, 3, 3),
            "AND" => (Function::And, 1, MANY),
            "OR" => (Function::Or, 1, MANY),
            "NOT" => (Function::Not, 1, 1),
            "ISBLANK" | "ISNULL" => (Function::IsBlank, 1, 1),
            "BLANKVALUE" | "NULLVALUE" => (Function::BlankValue, 2, 2),
            "TEXT" => (Function::Text, 1, 1),
            "VALUE" => (Function::Value, 1, 1),
            "LEN" => (Function::Len, 1, 1),
            "UPPER" => (Function::Upper, 1, 1),
            "LOWER" => (Function::Lower, 1, 1),
            "TRIM" => (Function::Trim, 1, 1),
            "LEFT" => (Function::Left, 2, 2),
            "RIGHT" => (Function::Right, 2, 2),
            "CONTAINS" => (Function::Contains, 2, 2),
            "BEGINS" => (Function::Begins, 2, 2),
            "SUBSTITUTE" => (Function::Substitute, 3, 3),
            "ABS" => (Function::Abs, 1, 1),
            "ROUND" => (Function::Round, 2, 2),
            "FLOOR" => (Function::Floor, 1, 1),
            "CEILING" => (Function::Ceiling, 1, 1),
            "MAX" => (Function::Max, 1, MANY),
            "MIN" => (Function::Min, 1, MANY),
            "MOD" => (Function::Mod, 2, 2),
            "YEAR" => (Function::Year, 1, 1),
            "MONTH" => (Function::Month, 1, 1),
            "DAY" => (Function::Day, 1, 1),
            "ISPICKVAL" => (Function::IsPickVal, 2, 2),
            "CASE" => (Function::Case, 4, MANY),
            _ => return None,
        })
    }
}

impl Formula {
    /// Reads a formula of an object, whose value is to be of this type. The message of a refusal is Salesforce's.
    pub(crate) fn read(
        org: &Org,
        object: &ObjectSchema,
        text: &str,
        result: FieldType,
        blank_as_zero: bool,
    ) -> Result<Arc<Formula>, String> {
        if text.len() > LENGTH_MAX {
            return Err(format!("Formula is too long (3,900 characters). Actual length: {}", text.len()));
        }
        let root = parse::parse(text)?;
        kind::check(org, object, &root, result)?;
        Ok(Arc::new(Formula { text: text.to_owned(), root, blank_as_zero }))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a number without a value counts as 0.
    pub fn blank_as_zero(&self) -> bool {
        self.blank_as_zero
    }

    /// Whether it names this field of its own object.
    pub(crate) fn mentions(&self, field: &str) -> bool {
        fn within(node: &Node, field: &str) -> bool {
            match node {
                Node::Literal(_) => false,
                Node::Field(path) => path.len() == 1 && path[0].eq_ignore_ascii_case(field),
                Node::Negate(inner) => within(inner, field),
                Node::Binary(_, left, right) => within(left, field) || within(right, field),
                Node::Call(_, parameters) => parameters.iter().any(|parameter| within(parameter, field)),
            }
        }
        within(&self.root, field)
    }
}

/// Text with the blanks that it has: a formula may be about them.
fn raw(text: String) -> FieldValue {
    if text.is_empty() { FieldValue::Null } else { FieldValue::Text(text.into()) }
}

/// The value of a formula that is nothing but a literal.
pub(crate) fn literal(text: &str) -> Option<FieldValue> {
    match parse::parse(text).ok()? {
        Node::Literal(value) => Some(value),
        Node::Negate(inner) => match *inner {
            Node::Literal(FieldValue::Number(number)) => Some(FieldValue::Number(-number)),
            _ => None,
        },
        _ => None,
    }
}

/// Formulas that lead to formulas are followed this far (Help: ten); a circle has no value.
const DEPTH_MAX: usize = 10;

impl Org {
    /// The value of a field as it is read: worked out for a formula, as stored for any other.
    pub(crate) fn field_value(&self, table: &Table, row: &Row, index: FieldIndex) -> FieldValue {
        self.value_at_depth(table, row, index, 0)
    }

    fn value_at_depth(&self, table: &Table, row: &Row, index: FieldIndex, depth: usize) -> FieldValue {
        let field = table.schema.field(index);
        match &field.formula {
            None => row.get(index).to_value(),
            Some(_) if depth >= DEPTH_MAX => FieldValue::Null,
            Some(formula) => {
                let scope = evaluate::Scope { org: self, table, row, blank_as_zero: formula.blank_as_zero, depth };
                evaluate::as_type(scope.value(&formula.root), field)
            }
        }
    }
}

#[cfg(test)]
mod tests;
