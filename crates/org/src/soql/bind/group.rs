//! Queries for groups: keys, aggregates, and the rule that whatever is selected is one or the other.

use super::super::Refusal;
use super::super::plan::{
    Aggregate, Column, Filter, GroupColumn, GroupSource, GroupValue, Grouping, Measure, OrderBy, Output, Plan,
};
use super::super::tree::{Condition, Expression, GroupKind, Name, Path, Query, SelectItem};
use super::condition::Subject;
use super::{Binder, Bound, choices_of, is_long_text};
use crate::core::schema::{FieldSchema, FieldType};

/// Keys of a ROLLUP or CUBE (SOQL reference).
const SUBTOTAL_KEYS_MAX: usize = 3;

/// The aggregate function that an expression is, with its argument.
pub(super) fn aggregate_of(expression: &Expression) -> Option<(Aggregate, &Expression)> {
    match expression {
        Expression::Call { function, argument } => Some((Aggregate::named(&function.text)?, argument)),
        Expression::Path(_) => None,
    }
}

/// What has been bound of a grouping so far.
struct Groups<'b, 'a> {
    binder: &'b Binder<'a>,
    kind: GroupKind,
    keys: Vec<(Column, Vec<String>)>,
    measures: Vec<Measure>,
    outputs: Vec<GroupColumn>,
    unnamed: usize,
}

impl<'a> Binder<'a> {
    pub(super) fn grouped(&self, query: &Query) -> Result<Plan, Refusal> {
        let mut groups = Groups {
            binder: self,
            kind: query.group.as_ref().map_or(GroupKind::Plain, |group| group.kind),
            keys: Vec::new(),
            measures: Vec::new(),
            outputs: Vec::new(),
            unnamed: 0,
        };
        match &query.group {
            Some(group) => groups.add_keys(&group.keys)?,
            None if query.limit.is_some() || !query.order.is_empty() => {
                let clause = if query.limit.is_some() { "LIMIT" } else { "ORDER BY" };
                let message =
                    format!("Non-grouped query that uses overall aggregate functions cannot also use {clause}");
                return Err(Refusal::malformed(query.object.at, message));
            }
            None => {}
        }
        for item in &query.select {
            groups.select(item)?;
        }
        let having = query.having.as_ref().map(|condition| groups.filter(condition)).transpose()?;
        let order = query.order.iter().map(|by| {
            let (value, choices) = groups.order_value(&by.expression)?;
            Ok(OrderBy { by: value, descending: by.descending, nulls_last: by.nulls_last, choices })
        });
        let order = order.collect::<Result<Vec<_>, Refusal>>()?;
        let Groups { kind, keys, measures, outputs, .. } = groups;
        let keys = keys.into_iter().map(|(column, _)| column).collect();
        let output = Output::Groups(Grouping { kind, keys, measures, outputs, having, order });
        Ok(Plan { object: self.object.name.clone(), rows: self.unordered(query)?, output })
    }

    /// A column to group by.
    fn key(&self, expression: &Expression) -> Result<Bound<'a>, Refusal> {
        let (column, field) = self.expression(expression)?;
        let is_groupable = !column.kind.is_compound()
            && !column.kind.is_decimal()
            && !matches!(column.kind, FieldType::DateTime | FieldType::Time | FieldType::MultiPicklist);
        if !is_groupable || field.is_some_and(is_long_text) {
            let message = format!("field '{}' can not be grouped in a query call", expression.shown());
            return Err(Refusal::malformed(expression.at(), message));
        }
        Ok((column, field))
    }
}

impl Groups<'_, '_> {
    fn add_keys(&mut self, keys: &[Expression]) -> Result<(), Refusal> {
        for key in keys {
            let (column, field) = self.binder.key(key)?;
            self.keys.push((column, choices_of(key, field)));
        }
        if self.kind != GroupKind::Plain && keys.len() > SUBTOTAL_KEYS_MAX {
            let message = "ROLLUP and CUBE take at most 3 fields";
            return Err(Refusal::malformed(keys[SUBTOTAL_KEYS_MAX].at(), message));
        }
        Ok(())
    }

    fn select(&mut self, item: &SelectItem) -> Result<(), Refusal> {
        let (expression, alias) = match item {
            SelectItem::Value { expression, alias } => (expression, alias),
            SelectItem::CountRows(at) => {
                return Err(Refusal::malformed(*at, "Grouped query can not use COUNT(): use COUNT(Id)"));
            }
            SelectItem::Fields(_, at) => {
                return Err(Refusal::malformed(*at, "The SOQL FIELDS function is not supported with aggregates"));
            }
            SelectItem::Children(query) => {
                let message = "Grouped query can not select child relationships";
                return Err(Refusal::malformed(query.object.at, message));
            }
            SelectItem::TypeOf(type_of) => {
                return Err(Refusal::malformed(type_of.reference.at, "Grouped query can not use TYPEOF"));
            }
        };
        let value = self.value(expression, "Field")?;
        let name = self.name(expression, alias.as_ref(), value)?;
        self.outputs.push(GroupColumn { name, shown: expression.shown(), value });
        Ok(())
    }

    /// The name of a column of the groups: its alias, its field's name, or `expr0`, `expr1` and so on.
    fn name(&mut self, expression: &Expression, alias: Option<&Name>, value: GroupValue) -> Result<String, Refusal> {
        let name = match (alias, expression) {
            (Some(alias), _) => alias.text.clone(),
            (None, Expression::Path(path)) => self.spelling(path, value),
            (None, Expression::Call { .. }) => {
                self.unnamed += 1;
                format!("expr{}", self.unnamed - 1)
            }
        };
        if self.outputs.iter().any(|output| output.name.eq_ignore_ascii_case(&name)) {
            let at = alias.map_or(expression.at(), |alias| alias.at);
            return Err(Refusal::malformed(at, format!("duplicate alias: {name}")));
        }
        Ok(name)
    }

    /// A field's name as its schema spells it.
    fn spelling(&self, path: &Path, value: GroupValue) -> String {
        let as_given = path.steps.last().cloned().unwrap_or_default();
        let bound = self.binder.path(path).ok().and_then(|(_, field)| field);
        debug_assert!(matches!(value.source, GroupSource::Key(_)), "a path is a key");
        bound.map_or(as_given, |field| field.name.clone())
    }

    /// The value of a group that an expression stands for; `what` is wrong if it is none.
    fn value(&mut self, expression: &Expression, what: &str) -> Result<GroupValue, Refusal> {
        if let Some((function, argument)) = aggregate_of(expression) {
            return self.measure(expression, function, argument);
        }
        let (key, is_left_out) = match expression {
            Expression::Call { function, argument } if function.text.eq_ignore_ascii_case("GROUPING") => {
                (argument.as_ref(), true)
            }
            other => (other, false),
        };
        let (column, _) = self.binder.expression(key)?;
        let position = self.keys.iter().position(|(own, _)| *own == column).ok_or_else(|| {
            let message = format!("{what} must be grouped or aggregated: {}", key.shown());
            Refusal::malformed(key.at(), message)
        })?;
        if is_left_out {
            let source = GroupSource::LeftOut(position);
            return Ok(GroupValue { source, kind: FieldType::Int, exact: false });
        }
        Ok(GroupValue { source: GroupSource::Key(position), kind: column.kind, exact: column.exact })
    }

    fn measure(
        &mut self,
        expression: &Expression,
        function: Aggregate,
        argument: &Expression,
    ) -> Result<GroupValue, Refusal> {
        let (column, field) = self.binder.expression(argument)?;
        let kind = column.kind;
        let is_number = kind.is_decimal() || matches!(kind, FieldType::Int | FieldType::Long);
        let is_supported = match function {
            Aggregate::Sum | Aggregate::Avg => is_number,
            Aggregate::Min | Aggregate::Max => {
                !kind.is_compound() && !matches!(kind, FieldType::Boolean | FieldType::MultiPicklist)
            }
            Aggregate::Count | Aggregate::CountDistinct => !kind.is_compound(),
        };
        if !is_supported || field.is_some_and(is_long_text) {
            let name = expression.shown();
            let operator = name.split('(').next().unwrap_or_default().to_ascii_uppercase();
            let message = format!("field {} does not support aggregate operator {operator}", argument.shown());
            return Err(Refusal::malformed(expression.at(), message));
        }
        let kind = match function {
            Aggregate::Count | Aggregate::CountDistinct => FieldType::Int,
            Aggregate::Avg => FieldType::Double,
            _ => kind,
        };
        let exact = column.exact;
        let measure = Measure { function, column, scale: field.map_or(0, |field: &FieldSchema| field.scale) };
        let position = self.measures.iter().position(|own| *own == measure).unwrap_or(self.measures.len());
        if position == self.measures.len() {
            self.measures.push(measure);
        }
        Ok(GroupValue { source: GroupSource::Measure(position), kind, exact })
    }

    fn order_value(&mut self, expression: &Expression) -> Result<(GroupValue, Vec<String>), Refusal> {
        if let Expression::Path(Path { steps, .. }) = expression
            && let [name] = steps.as_slice()
            && let Some(output) = self.outputs.iter().find(|output| output.name.eq_ignore_ascii_case(name))
        {
            return Ok((output.value, self.choices(output.value)));
        }
        let value = self.value(expression, "Ordered field")?;
        Ok((value, self.choices(value)))
    }

    fn choices(&self, value: GroupValue) -> Vec<String> {
        match value.source {
            GroupSource::Key(position) => self.keys[position].1.clone(),
            _ => Vec::new(),
        }
    }

    /// A condition of HAVING.
    fn filter(&mut self, condition: &Condition) -> Result<Filter<GroupValue>, Refusal> {
        let expression = match condition {
            Condition::And(parts) => {
                return Ok(Filter::And(parts.iter().map(|part| self.filter(part)).collect::<Result<_, _>>()?));
            }
            Condition::Or(parts) => {
                return Ok(Filter::Or(parts.iter().map(|part| self.filter(part)).collect::<Result<_, _>>()?));
            }
            Condition::Not(inner) => return Ok(Filter::Not(Box::new(self.filter(inner)?))),
            Condition::Compare(expression, ..)
            | Condition::In { expression, .. }
            | Condition::InRows { expression, .. }
            | Condition::Includes { expression, .. } => expression,
        };
        let value = self.value(expression, "Field")?;
        let subject = Subject { expression, kind: value.kind, exact: value.exact };
        Ok(Filter::Is(value, subject.test(condition, self.binder.asker.now_ms)?))
    }
}
