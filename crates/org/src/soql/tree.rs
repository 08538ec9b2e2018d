//! The tree of a parsed statement: words and where they stand. It knows no org.

use super::lexer::PatternPart;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) select: Vec<SelectItem>,
    /// The object; in a subquery among the selected, the children's name.
    pub(crate) object: Name,
    pub(crate) alias: Option<String>,
    /// `USING SCOPE`.
    pub(crate) scope: Option<Name>,
    pub(crate) condition: Option<Condition>,
    pub(crate) group: Option<Group>,
    pub(crate) having: Option<Condition>,
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

impl Path {
    pub(crate) fn shown(&self) -> String {
        self.steps.join(".")
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SelectItem {
    Value {
        expression: Expression,
        alias: Option<Name>,
    },
    /// `COUNT()`: the number of rows in place of rows.
    CountRows(usize),
    /// `FIELDS(ALL)` and its kin.
    Fields(FieldSet, usize),
    /// `(SELECT … FROM Contacts)`.
    Children(Box<Query>),
    TypeOf(TypeOf),
}

/// `TYPEOF What WHEN Account THEN Phone ELSE Name END`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TypeOf {
    pub(crate) reference: Path,
    pub(crate) branches: Vec<(Name, Vec<Path>)>,
    pub(crate) otherwise: Vec<Path>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldSet {
    All,
    Standard,
    Custom,
}

/// A field, or a function of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Path(Path),
    Call { function: Name, argument: Box<Expression> },
}

impl Expression {
    pub(crate) fn at(&self) -> usize {
        match self {
            Expression::Path(path) => path.at,
            Expression::Call { function, .. } => function.at,
        }
    }

    pub(crate) fn shown(&self) -> String {
        match self {
            Expression::Path(path) => path.shown(),
            Expression::Call { function, argument } => format!("{}({})", function.text, argument.shown()),
        }
    }

    /// The field at the bottom of it.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Expression::Path(path) => path,
            Expression::Call { argument, .. } => argument.path(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) kind: GroupKind,
    pub(crate) keys: Vec<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupKind {
    Plain,
    Rollup,
    Cube,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Expression, Operator, Literal),
    In {
        expression: Expression,
        values: Vec<Literal>,
        negated: bool,
    },
    /// A semi-join or, negated, an anti-join.
    InRows {
        expression: Expression,
        query: Box<Query>,
        negated: bool,
        at: usize,
    },
    Includes {
        expression: Expression,
        values: Vec<Literal>,
        negated: bool,
    },
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
    pub(crate) expression: Expression,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}
