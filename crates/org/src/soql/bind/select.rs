//! What is selected of each record: fields, sets of fields, children, and fields by the type of a parent.

use super::super::Refusal;
use super::super::plan::{Branches, Children, Column, Item};
use super::super::tree::{Expression, FieldSet, Path, Query, SelectItem, TypeOf};
use super::group::aggregate_of;
use super::{Binder, is_column, is_known, plain};
use crate::core::schema::{FieldSchema, FieldType};

const FIELDS_ALL_LIMIT_MAX: usize = 200;
/// Subqueries in one query (SOQL reference).
const CHILDREN_MAX: usize = 20;
/// Levels of children (SOQL reference: five, from version 58 on).
const CHILD_LEVELS_MAX: usize = 4;

impl<'a> Binder<'a> {
    pub(super) fn items(&self, query: &Query, level: usize) -> Result<Vec<Item>, Refusal> {
        let mut items: Vec<Item> = Vec::new();
        for selected in &query.select {
            match selected {
                SelectItem::CountRows(at) => {
                    return Err(Refusal::malformed(*at, "COUNT() must be the only element in the SELECT list"));
                }
                SelectItem::Value { expression, alias } => {
                    if aggregate_of(expression).is_some() {
                        let message = "Only root queries support aggregate expressions";
                        return Err(Refusal::malformed(expression.at(), message));
                    }
                    let (column, _) = self.expression(expression)?;
                    if column.function.is_some_and(|function| function.is_of_dates()) {
                        let message = format!("Field must be grouped or aggregated: {}", expression.shown());
                        return Err(Refusal::malformed(expression.at(), message));
                    }
                    if let (Expression::Path(_), Some(alias)) = (expression, alias) {
                        return Err(Refusal::malformed(alias.at, "only aggregate expressions use field aliasing"));
                    }
                    if items.iter().any(|item| is_column(item, &column)) {
                        let message = format!("duplicate field selected: {}", expression.shown());
                        return Err(Refusal::at("INVALID_FIELD", expression.at(), message));
                    }
                    items.push(Item::Value { column, alias: alias.as_ref().map(|alias| alias.text.clone()) });
                }
                SelectItem::Fields(set, at) => {
                    for column in self.field_set(*set, *at, query.limit)? {
                        if !items.iter().any(|item| is_column(item, &column)) {
                            items.push(Item::Value { column, alias: None });
                        }
                    }
                }
                SelectItem::TypeOf(type_of) => items.push(Item::TypeOf(self.branches(type_of)?)),
                SelectItem::Children(children) => {
                    let is_child = |item: &&Item| matches!(item, Item::Children(_));
                    if level >= CHILD_LEVELS_MAX || items.iter().filter(is_child).count() >= CHILDREN_MAX {
                        let message = "Too many child-to-parent subqueries: a query may have 20, on 5 levels";
                        return Err(Refusal::malformed(children.object.at, message));
                    }
                    items.push(Item::Children(self.children(children, level + 1)?));
                }
            }
        }
        Ok(items)
    }

    fn field_set(&self, set: FieldSet, at: usize, limit: Option<usize>) -> Result<Vec<Column>, Refusal> {
        if set != FieldSet::Standard && limit.is_none_or(|limit| limit > FIELDS_ALL_LIMIT_MAX) {
            return Err(Refusal::malformed(at, "The SOQL FIELDS function must have a LIMIT of at most 200"));
        }
        let chosen = |field: &FieldSchema| match set {
            FieldSet::All => true,
            FieldSet::Standard => !field.custom,
            FieldSet::Custom => field.custom,
        };
        let visible = self.asker.access.visible_fields(self.object).filter(|(_, field)| chosen(field));
        Ok(visible.map(|(index, field)| plain(index, field)).collect())
    }

    fn children(&self, query: &Query, level: usize) -> Result<Children, Refusal> {
        let wanted = query.object.text.strip_suffix("__r").unwrap_or(&query.object.text);
        let is_wanted = |field: &FieldSchema| {
            field.child_relationship_name.as_deref().is_some_and(|own| {
                own.eq_ignore_ascii_case(&query.object.text)
                    || own.strip_suffix("__r").unwrap_or(own).eq_ignore_ascii_case(wanted) && field.custom
            })
        };
        let found = self.org.child_relationships(&self.object.name).into_iter().find(|(_, field)| is_wanted(field));
        let found = found.and_then(|(child, field)| Some((child, child.index_of(&field.name)?, field)));
        let found =
            found.filter(|(child, index, _)| is_known(self.asker, child) && self.asker.access.sees(child, *index));
        let (child, reference, field) = found.ok_or_else(|| {
            let message = format!(
                "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom relationship, \
                 be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for \
                 the appropriate names.",
                query.object.text
            );
            Refusal::at("INVALID_TYPE", query.object.at, message)
        })?;
        if query.group.is_some() || query.select.iter().any(|item| matches!(item, SelectItem::CountRows(_))) {
            let message = "Only root queries support aggregate expressions";
            return Err(Refusal::malformed(query.object.at, message));
        }
        let mut name = field.child_relationship_name.clone().unwrap_or_default();
        if field.custom && !name.ends_with("__r") {
            name.push_str("__r");
        }
        let binder = Binder::new(self.org, self.asker, child, query.alias.as_deref(), self.may_join);
        let (items, rows) = (binder.items(query, level)?, binder.choice(query)?);
        Ok(Children { name, object: child.name.clone(), reference, items, rows })
    }

    fn branches(&self, type_of: &TypeOf) -> Result<Branches, Refusal> {
        let (hops, objects) = self.reference(&type_of.reference)?;
        let mut branches = Vec::with_capacity(type_of.branches.len());
        for (name, paths) in &type_of.branches {
            let object =
                objects.iter().find(|object| object.name.eq_ignore_ascii_case(&name.text)).ok_or_else(|| {
                    let message =
                        format!("'{}' is not a type that '{}' refers to", name.text, type_of.reference.shown());
                    Refusal::at("INVALID_TYPE", name.at, message)
                })?;
            let binder = Binder::new(self.org, self.asker, object, None, false);
            let columns = paths.iter().map(|path| Ok(binder.path(path)?.0)).collect::<Result<Vec<_>, Refusal>>()?;
            branches.push((object.name.clone(), columns));
        }
        let otherwise = type_of.otherwise.iter().map(|path| match path.steps.as_slice() {
            [only] => self.of_several(path, Vec::new(), &objects, only),
            _ => Err(Refusal::malformed(path.at, format!("unexpected token: '{}'", path.shown()))),
        });
        Ok(Branches { hops, branches, otherwise: otherwise.collect::<Result<_, _>>()? })
    }

    /// The one id that a semi-join gives of each of its rows.
    pub(super) fn joined_column(&self, query: &Query, at: usize) -> Result<Column, Refusal> {
        let [SelectItem::Value { expression: Expression::Path(path), .. }] = query.select.as_slice() else {
            return Err(Refusal::malformed(at, "semi join sub-selects must select exactly one field"));
        };
        let (column, _) = self.path(path)?;
        if !matches!(column.kind, FieldType::Id | FieldType::Reference) {
            return Err(not_an_id(path));
        }
        Ok(column)
    }
}

fn not_an_id(path: &Path) -> Refusal {
    let message = format!("The inner select field '{}' must be an id or a reference", path.shown());
    Refusal::malformed(path.at, message)
}
