//! A parsed query against the objects of one org, as the asker sees it: names become positions, literals become values.

mod condition;
mod group;
mod path;
mod select;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use super::plan::{Column, Filter, Item, OrderBy, Output, Pick, Plan, RowChoice};
use super::tree::{Condition, Expression, Query, SelectItem};
use super::{Asker, Refusal};
use crate::core::Org;
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};

const OFFSET_MAX: usize = 2000;

/// Whether an object is there for the asker.
fn is_known(asker: &Asker<'_>, object: &ObjectSchema) -> bool {
    (asker.tooling || !object.tooling) && asker.access.reads(object)
}

/// Binds what is asked of the records of one object.
struct Binder<'a> {
    org: &'a Org,
    asker: &'a Asker<'a>,
    object: &'a ObjectSchema,
    alias: Option<&'a str>,
    /// Semi-joins so far; none may be in what is itself one.
    joins: Cell<usize>,
    may_join: bool,
    /// Parents gone through so far, each by its path.
    parents: RefCell<HashSet<String>>,
}

/// What an expression stands for, and the field's schema, unless a polymorphic reference is on the way.
type Bound<'a> = (Column, Option<&'a FieldSchema>);

pub(crate) fn bind(org: &Org, asker: &Asker<'_>, query: &Query) -> Result<Plan, Refusal> {
    let binder = Binder::for_query(org, asker, query, true)?;
    let is_grouped = query.group.is_some()
        || query.select.iter().any(
            |item| matches!(item, SelectItem::Value { expression, .. } if group::aggregate_of(expression).is_some()),
        );
    if is_grouped {
        return binder.grouped(query);
    }
    let output = match query.select.as_slice() {
        [SelectItem::CountRows(_)] => Output::RowCount,
        _ => Output::Records(binder.items(query, 0)?),
    };
    Ok(Plan { object: binder.object.name.clone(), rows: binder.choice(query)?, output })
}

/// A condition on the rows of one object, by itself.
pub(crate) fn bind_condition(
    org: &Org,
    asker: &Asker<'_>,
    object: &str,
    condition: &Condition,
) -> Result<(String, Filter<Column>), Refusal> {
    let binder = Binder::new(org, asker, known_object(org, asker, object, 0)?, None, false);
    Ok((binder.object.name.clone(), binder.filter(condition, true)?))
}

fn known_object<'a>(org: &'a Org, asker: &Asker<'_>, name: &str, at: usize) -> Result<&'a ObjectSchema, Refusal> {
    org.object(name).filter(|object| is_known(asker, object)).ok_or_else(|| {
        let message = format!(
            "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' \
             after the entity name. Please reference your WSDL or the describe call for the appropriate names."
        );
        Refusal::at("INVALID_TYPE", at, message)
    })
}

impl<'a> Binder<'a> {
    fn new(
        org: &'a Org,
        asker: &'a Asker<'a>,
        object: &'a ObjectSchema,
        alias: Option<&'a str>,
        may_join: bool,
    ) -> Binder<'a> {
        Binder { org, asker, object, alias, joins: Cell::new(0), may_join, parents: RefCell::default() }
    }

    fn for_query(org: &'a Org, asker: &'a Asker<'a>, query: &'a Query, may_join: bool) -> Result<Binder<'a>, Refusal> {
        let object = known_object(org, asker, &query.object.text, query.object.at)?;
        Ok(Binder::new(org, asker, object, query.alias.as_deref(), may_join))
    }

    /// Which rows, in which order.
    fn choice(&self, query: &Query) -> Result<RowChoice, Refusal> {
        let order = query.order.iter().map(|by| {
            let (column, field) = self.expression(&by.expression)?;
            let is_sortable = !column.kind.is_compound() && column.kind != FieldType::MultiPicklist;
            if !is_sortable || field.is_some_and(is_long_text) {
                let message = format!("field '{}' can not be sorted in a query call", by.expression.shown());
                return Err(Refusal::malformed(by.expression.at(), message));
            }
            Ok(OrderBy {
                by: column,
                descending: by.descending,
                nulls_last: by.nulls_last,
                choices: choices_of(&by.expression, field),
            })
        });
        Ok(RowChoice { order: order.collect::<Result<_, _>>()?, ..self.unordered(query)? })
    }

    /// The same, as groups want it: order and limit are theirs.
    fn unordered(&self, query: &Query) -> Result<RowChoice, Refusal> {
        if query.offset > OFFSET_MAX {
            let message = "Maximum SOQL offset allowed is 2000".to_owned();
            return Err(Refusal { code: "NUMBER_OUTSIDE_VALID_RANGE", message, at: None });
        }
        if let Some(scope) = &query.scope
            && !scope.text.eq_ignore_ascii_case("everything")
        {
            let message = format!("Scope '{}' is not supported for entity '{}'", scope.text, self.object.name);
            return Err(Refusal::malformed(scope.at, message));
        }
        Ok(RowChoice {
            filter: query.condition.as_ref().map(|condition| self.filter(condition, true)).transpose()?,
            order: Vec::new(),
            limit: query.limit,
            offset: query.offset,
        })
    }
}

/// The choices that a picklist sorts by (SOQL reference, "ORDER BY").
fn choices_of(expression: &Expression, field: Option<&FieldSchema>) -> Vec<String> {
    let is_plain = matches!(expression, Expression::Path(_));
    match field {
        Some(field) if is_plain && field.field_type == FieldType::Picklist => {
            field.picklist_values.iter().map(|choice| choice.value.clone()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a field holds more text than can be searched and sorted.
fn is_long_text(field: &FieldSchema) -> bool {
    field.field_type == FieldType::TextArea && field.length > 4000
}

/// Whether an item is this column, so that it need not be given twice.
fn is_column(item: &Item, column: &Column) -> bool {
    matches!(item, Item::Value { column: own, .. } if own == column)
}

fn plain(index: u16, field: &FieldSchema) -> Column {
    Column { hops: Vec::new(), pick: Pick::At(index), function: None, kind: field.field_type, exact: is_exact(field) }
}

/// Whether letter cases of a field's values matter: of ids always, of text if the admin said so.
fn is_exact(field: &FieldSchema) -> bool {
    field.case_sensitive || matches!(field.field_type, FieldType::Id | FieldType::Reference)
}
