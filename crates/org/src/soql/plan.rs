//! A query bound to one org: names have become positions, literals values. What is done with it is elsewhere.

use super::date_literal::DaySpan;
use super::function::RowFunction;
use super::lexer::PatternPart;
use super::tree::{GroupKind, Operator};
use crate::core::schema::{FieldIndex, FieldType};
use crate::core::value::FieldValue;

/// A query ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) object: String,
    pub(crate) rows: RowChoice,
    pub(crate) output: Output,
}

/// Which rows, in which order.
#[derive(Clone, Debug)]
pub(crate) struct RowChoice {
    pub(crate) filter: Option<Filter<Column>>,
    pub(crate) order: Vec<OrderBy<Column>>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Output {
    Records(Vec<Item>),
    /// `COUNT()`.
    RowCount,
    Groups(Grouping),
}

/// One thing selected of each record.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Value { column: Column, alias: Option<String> },
    Children(Children),
    TypeOf(Branches),
}

/// `(SELECT … FROM Contacts)`.
#[derive(Clone, Debug)]
pub(crate) struct Children {
    /// The relationship's name.
    pub(crate) name: String,
    pub(crate) object: String,
    /// The children's field that points to the parent.
    pub(crate) reference: FieldIndex,
    pub(crate) items: Vec<Item>,
    pub(crate) rows: RowChoice,
}

/// `TYPEOF … END`.
#[derive(Clone, Debug)]
pub(crate) struct Branches {
    /// The way to the record that is looked at.
    pub(crate) hops: Vec<Hop>,
    /// By object.
    pub(crate) branches: Vec<(String, Vec<Column>)>,
    pub(crate) otherwise: Vec<Column>,
}

/// A field of the row, or of a parent of it, or a function of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) hops: Vec<Hop>,
    pub(crate) pick: Pick,
    pub(crate) function: Option<RowFunction>,
    /// What the values are.
    pub(crate) kind: FieldType,
    /// Whether letter cases matter.
    pub(crate) exact: bool,
}

/// A step to a parent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hop {
    pub(crate) reference: Pick,
    /// The relationship's name.
    pub(crate) name: String,
}

/// Which field of a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pick {
    /// Of a known object.
    At(FieldIndex),
    /// Of whichever object a polymorphic reference points to: by the object's number. What is not there has no value.
    OneOf { name: String, fields: Vec<(usize, FieldIndex)> },
    /// The name of the object itself (`Owner.Type`).
    Type,
}

#[derive(Clone, Debug)]
pub(crate) struct OrderBy<L> {
    pub(crate) by: L,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
    /// Choices of a picklist, which sorts as its choices do; empty for what sorts by itself.
    pub(crate) choices: Vec<String>,
}

/// A condition; `L` is what it looks at.
#[derive(Clone, Debug)]
pub(crate) enum Filter<L> {
    And(Vec<Filter<L>>),
    Or(Vec<Filter<L>>),
    Not(Box<Filter<L>>),
    Is(L, Test),
}

impl<L> Filter<L> {
    pub(crate) fn passes(&self, holds: &impl Fn(&L, &Test) -> bool) -> bool {
        match self {
            Filter::And(filters) => filters.iter().all(|filter| filter.passes(holds)),
            Filter::Or(filters) => filters.iter().any(|filter| filter.passes(holds)),
            Filter::Not(inner) => !inner.passes(holds),
            Filter::Is(subject, test) => holds(subject, test),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Compare(Operator, FieldValue),
    /// Against a span of days.
    Span(Operator, DaySpan),
    Like(Vec<PatternPart>),
    /// The values, sorted, without a null.
    In {
        values: Vec<FieldValue>,
        has_null: bool,
        negated: bool,
    },
    /// Each alternative is a set of choices, in lower case, that must all be there.
    Includes {
        alternatives: Vec<Vec<String>>,
        negated: bool,
    },
}

/// A query whose rows stand for groups of records.
#[derive(Clone, Debug)]
pub(crate) struct Grouping {
    pub(crate) kind: GroupKind,
    pub(crate) keys: Vec<Column>,
    pub(crate) measures: Vec<Measure>,
    pub(crate) outputs: Vec<GroupColumn>,
    pub(crate) having: Option<Filter<GroupValue>>,
    pub(crate) order: Vec<OrderBy<GroupValue>>,
}

/// A column of the groups.
#[derive(Clone, Debug)]
pub(crate) struct GroupColumn {
    pub(crate) name: String,
    /// What was written, such as `COUNT(Id)`.
    pub(crate) shown: String,
    pub(crate) value: GroupValue,
}

/// A value of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GroupValue {
    pub(crate) source: GroupSource,
    pub(crate) kind: FieldType,
    pub(crate) exact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupSource {
    Key(usize),
    Measure(usize),
    /// Whether a subtotal leaves the key out (`GROUPING(…)`).
    LeftOut(usize),
}

/// An aggregate function of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measure {
    pub(crate) function: Aggregate,
    pub(crate) column: Column,
    /// Digits after the point of a sum.
    pub(crate) scale: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
}

impl Aggregate {
    pub(crate) fn named(name: &str) -> Option<Aggregate> {
        let known = [
            ("COUNT", Aggregate::Count),
            ("COUNT_DISTINCT", Aggregate::CountDistinct),
            ("SUM", Aggregate::Sum),
            ("AVG", Aggregate::Avg),
            ("MIN", Aggregate::Min),
            ("MAX", Aggregate::Max),
        ];
        known.into_iter().find_map(|(own, function)| own.eq_ignore_ascii_case(name).then_some(function))
    }
}
