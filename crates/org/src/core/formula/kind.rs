//! Whether a formula makes sense on an object: fields exist, and each operator has values of the kind it takes.

use super::{Function, Node, Operator};
use crate::core::org::Org;
use crate::core::schema::{FieldType, ObjectSchema};
use crate::core::value::FieldValue;

/// A path goes through at most this many parents (Help: ten).
const PARENTS_MAX: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `NULL`, which is of every kind.
    Any,
    Text,
    Picklist,
    Number,
    Boolean,
    Date,
    DateTime,
    Time,
}

impl Kind {
    fn of(field_type: FieldType) -> Option<Kind> {
        Some(match field_type {
            FieldType::Picklist => Kind::Picklist,
            FieldType::Int | FieldType::Long | FieldType::Double | FieldType::Currency | FieldType::Percent => {
                Kind::Number
            }
            FieldType::Boolean => Kind::Boolean,
            FieldType::Date => Kind::Date,
            FieldType::DateTime => Kind::DateTime,
            FieldType::Time => Kind::Time,
            FieldType::MultiPicklist | FieldType::Base64 | FieldType::EncryptedString => return None,
            kind if kind.is_text() => Kind::Text,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Any => "Null",
            Kind::Text | Kind::Picklist => "Text",
            Kind::Number => "Number",
            Kind::Boolean => "Boolean",
            Kind::Date => "Date",
            Kind::DateTime => "DateTime",
            Kind::Time => "Time",
        }
    }

    fn fits(self, expected: Kind) -> bool {
        self == expected || self == Kind::Any || expected == Kind::Any
    }
}

/// Refuses a formula that has no meaning on the object, or gives another kind of value than it should.
pub(super) fn check(org: &Org, object: &ObjectSchema, root: &Node, result: FieldType) -> Result<(), String> {
    let kind = Checker { org, object }.plain(root)?;
    let expected = Kind::of(result).unwrap_or(Kind::Text);
    if kind.fits(expected) {
        return Ok(());
    }
    let (kind, expected) = (kind.name(), expected.name());
    Err(format!("Formula result is data type ({kind}), incompatible with expected data type ({expected})."))
}

struct Checker<'o> {
    org: &'o Org,
    object: &'o ObjectSchema,
}

impl Checker<'_> {
    /// The kind of a value used as it is: a picklist has to go through a function first.
    fn plain(&self, node: &Node) -> Result<Kind, String> {
        match (self.kind(node)?, node) {
            (Kind::Picklist, Node::Field(path)) => {
                let name = path.join(".");
                Err(format!(
                    "Field {name} is a picklist field. Picklist fields are only supported in certain functions."
                ))
            }
            (kind, _) => Ok(kind),
        }
    }

    fn demand(&self, node: &Node, expected: Kind, by: &str) -> Result<(), String> {
        let kind = self.plain(node)?;
        if kind.fits(expected) {
            return Ok(());
        }
        let (expected, received) = (expected.name(), kind.name());
        Err(format!("Incorrect parameter type for {by}. Expected {expected}, received {received}"))
    }

    fn kind(&self, node: &Node) -> Result<Kind, String> {
        match node {
            Node::Literal(FieldValue::Text(_)) => Ok(Kind::Text),
            Node::Literal(FieldValue::Number(_)) => Ok(Kind::Number),
            Node::Literal(FieldValue::Boolean(_)) => Ok(Kind::Boolean),
            Node::Literal(_) => Ok(Kind::Any),
            Node::Field(path) => self.field(path),
            Node::Negate(inner) => self.demand(inner, Kind::Number, "operator '-'").map(|()| Kind::Number),
            Node::Binary(operator, left, right) => self.binary(*operator, left, right),
            Node::Call(function, parameters) => self.call(*function, parameters),
        }
    }

    fn field(&self, path: &[String]) -> Result<Kind, String> {
        let unknown = || format!("Field {} does not exist. Check spelling.", path.join("."));
        let (last, parents) = path.split_last().ok_or_else(unknown)?;
        if parents.len() > PARENTS_MAX {
            return Err(unknown());
        }
        let mut object = self.object;
        for parent in parents {
            let (_, reference) = object.relationship(parent).ok_or_else(unknown)?;
            let [target] = reference.reference_to.as_slice() else { return Err(unknown()) };
            object = self.org.object(target).ok_or_else(unknown)?;
        }
        let (_, field) = object.field_named(last).ok_or_else(unknown)?;
        let unusable = || format!("You cannot use field {} in a formula.", path.join("."));
        Kind::of(field.field_type).ok_or_else(unusable)
    }

    fn binary(&self, operator: Operator, left: &Node, right: &Node) -> Result<Kind, String> {
        let both = |kind: Kind, symbol: &str| {
            let by = format!("operator '{symbol}'");
            self.demand(left, kind, &by).and_then(|()| self.demand(right, kind, &by))
        };
        match operator {
            Operator::Or => both(Kind::Boolean, "||").map(|()| Kind::Boolean),
            Operator::And => both(Kind::Boolean, "&&").map(|()| Kind::Boolean),
            Operator::Join => both(Kind::Text, "&").map(|()| Kind::Text),
            Operator::Multiply => both(Kind::Number, "*").map(|()| Kind::Number),
            Operator::Divide => both(Kind::Number, "/").map(|()| Kind::Number),
            Operator::Power => both(Kind::Number, "^").map(|()| Kind::Number),
            Operator::Add | Operator::Subtract => match (self.plain(left)?, self.plain(right)?) {
                (Kind::Text, Kind::Text) if operator == Operator::Add => Ok(Kind::Text),
                (moment @ (Kind::Date | Kind::DateTime), Kind::Number) => Ok(moment),
                (from @ (Kind::Date | Kind::DateTime), to) if from == to && operator == Operator::Subtract => {
                    Ok(Kind::Number)
                }
                _ => both(Kind::Number, if operator == Operator::Add { "+" } else { "-" }).map(|()| Kind::Number),
            },
            _ => {
                let kind = self.plain(left)?;
                self.demand(right, kind, "operator '='").map(|()| Kind::Boolean)
            }
        }
    }

    fn call(&self, function: Function, parameters: &[Node]) -> Result<Kind, String> {
        let each = |kinds: &[Kind], name: &str, result: Kind| {
            let by = format!("function '{name}()'");
            let last = kinds.last().copied().unwrap_or(Kind::Any);
            for (at, parameter) in parameters.iter().enumerate() {
                self.demand(parameter, kinds.get(at).copied().unwrap_or(last), &by)?;
            }
            Ok(result)
        };
        match function {
            Function::If => {
                self.demand(&parameters[0], Kind::Boolean, "function 'IF()'")?;
                self.alike(&[&parameters[1], &parameters[2]], "function 'IF()'")
            }
            Function::Case => {
                let (subject, rest) = (self.kind(&parameters[0])?, &parameters[1..]);
                if rest.len() % 2 == 0 {
                    let received = parameters.len();
                    let expected = received + 1;
                    return Err(format!(
                        "Incorrect number of parameters for function 'CASE()'. Expected {expected}, received {received}"
                    ));
                }
                let subject = if subject == Kind::Picklist { Kind::Text } else { subject };
                let mut results = Vec::new();
                for pair in rest.chunks(2) {
                    if let [value, _] = pair {
                        self.demand(value, subject, "function 'CASE()'")?;
                    }
                    results.extend(pair.last());
                }
                self.alike(&results, "function 'CASE()'")
            }
            Function::IsBlank => self.kind(&parameters[0]).map(|_| Kind::Boolean),
            Function::Text => self.kind(&parameters[0]).map(|_| Kind::Text),
            Function::IsPickVal => match self.kind(&parameters[0])? {
                Kind::Picklist => {
                    self.demand(&parameters[1], Kind::Text, "function 'ISPICKVAL()'").map(|()| Kind::Boolean)
                }
                other => Err(format!(
                    "Incorrect parameter type for function 'ISPICKVAL()'. Expected Picklist, received {}",
                    other.name()
                )),
            },
            Function::BlankValue => self.alike(&[&parameters[0], &parameters[1]], "function 'BLANKVALUE()'"),
            Function::And => each(&[Kind::Boolean], "AND", Kind::Boolean),
            Function::Or => each(&[Kind::Boolean], "OR", Kind::Boolean),
            Function::Not => each(&[Kind::Boolean], "NOT", Kind::Boolean),
            Function::Value => each(&[Kind::Text], "VALUE", Kind::Number),
            Function::Len => each(&[Kind::Text], "LEN", Kind::Number),
            Function::Upper => each(&[Kind::Text], "UPPER", Kind::Text),
            Function::Lower => each(&[Kind::Text], "LOWER", Kind::Text),
            Function::Trim => each(&[Kind::Text], "TRIM", Kind::Text),
            Function::Left => each(&[Kind::Text, Kind::Number], "LEFT", Kind::Text),
            Function::Right => each(&[Kind::Text, Kind::Number], "RIGHT", Kind::Text),
            Function::Contains => each(&[Kind::Text], "CONTAINS", Kind::Boolean),
            Function::Begins => each(&[Kind::Text], "BEGINS", Kind::Boolean),
            Function::Substitute => each(&[Kind::Text], "SUBSTITUTE", Kind::Text),
            Function::Abs => each(&[Kind::Number], "ABS", Kind::Number),
            Function::Round => each(&[Kind::Number], "ROUND", Kind::Number),
            Function::Floor => each(&[Kind::Number], "FLOOR", Kind::Number),
            Function::Ceiling => each(&[Kind::Number], "CEILING", Kind::Number),
            Function::Max => each(&[Kind::Number], "MAX", Kind::Number),
            Function::Min => each(&[Kind::Number], "MIN", Kind::Number),
            Function::Mod => each(&[Kind::Number], "MOD", Kind::Number),
            Function::Year => each(&[Kind::Date], "YEAR", Kind::Number),
            Function::Month => each(&[Kind::Date], "MONTH", Kind::Number),
            Function::Day => each(&[Kind::Date], "DAY", Kind::Number),
        }
    }

    /// Results that may stand for each other: all of one kind.
    fn alike(&self, nodes: &[&Node], by: &str) -> Result<Kind, String> {
        let mut common = Kind::Any;
        for node in nodes {
            self.demand(node, common, by)?;
            if common == Kind::Any {
                common = self.plain(node)?;
            }
        }
        Ok(common)
    }
}
