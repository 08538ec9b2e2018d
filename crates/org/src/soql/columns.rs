//! What the columns of a query's result are, for `columns=true`.

use serde_json::{Value as Json, json};

use super::plan::{Branches, Column, GroupSource, Hop, Item, Output, Pick, Plan};
use crate::core::Org;
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};

/// A column, or a parent or children with columns of their own.
struct Described {
    name: String,
    shown: String,
    /// The reference field, of a parent.
    foreign_key: Option<String>,
    is_aggregate: bool,
    kind: FieldType,
    /// Whether it is custom, can be created, can be changed.
    field: (bool, bool, bool),
    joined: Vec<Described>,
}

/// The answer to `columns=true`.
pub(crate) fn of_plan(org: &Org, plan: &Plan) -> Json {
    let Some(object) = org.object(&plan.object) else { return Json::Null };
    let (columns, is_grouped) = match &plan.output {
        Output::Records(items) => (of_items(org, object, items), false),
        Output::RowCount => (vec![Described::aggregate("count", "count()", FieldType::Int)], false),
        Output::Groups(grouping) => {
            let columns = grouping.outputs.iter().map(|output| {
                if let GroupSource::Key(at) = output.value.source
                    && grouping.keys[at].function.is_none()
                {
                    let mut column = of_column(org, object, &grouping.keys[at], Some(&output.name));
                    column.shown = output.name.clone();
                    return column;
                }
                Described::aggregate(&output.name, &output.shown, output.value.kind)
            });
            (columns.collect(), !grouping.keys.is_empty())
        }
    };
    let is_id = |column: &Described| column.kind == FieldType::Id && column.joined.is_empty();
    json!({
        "columnMetadata": columns.iter().map(Described::to_json).collect::<Vec<_>>(),
        "entityName": object.name,
        "groupBy": is_grouped,
        "idSelected": columns.iter().any(is_id),
        "keyPrefix": object.key_prefix,
    })
}

fn of_items(org: &Org, object: &ObjectSchema, items: &[Item]) -> Vec<Described> {
    let mut columns = Vec::new();
    for item in items {
        match item {
            Item::Value { column, alias } => {
                let described = of_column(org, object, column, alias.as_deref());
                put(org, Some(object), &mut columns, &column.hops, described);
            }
            Item::Children(children) => {
                let child = org.object(&children.object);
                let joined = child.map_or_else(Vec::new, |child| of_items(org, child, &children.items));
                columns.push(Described {
                    joined,
                    ..Described::aggregate(&children.name, &children.name, FieldType::AnyType)
                });
            }
            Item::TypeOf(Branches { hops, branches, otherwise }) => {
                let of_branches = branches.iter().filter_map(|(name, columns)| Some((org.object(name)?, columns)));
                for (object, of_branch) in of_branches.chain([(object, otherwise)]) {
                    for column in of_branch {
                        put(org, Some(object), &mut columns, hops, of_column(org, object, column, None));
                    }
                }
            }
        }
    }
    columns
}

/// Puts a column among those of its parents.
fn put(org: &Org, object: Option<&ObjectSchema>, columns: &mut Vec<Described>, hops: &[Hop], described: Described) {
    let [hop, rest @ ..] = hops else {
        if !columns.iter().any(|own| own.name == described.name && own.joined.is_empty()) {
            columns.push(described);
        }
        return;
    };
    let reference = object.and_then(|object| field_of(object, &hop.reference));
    let at = columns.iter().position(|own| own.name == hop.name && !own.is_aggregate).unwrap_or(columns.len());
    if at == columns.len() {
        columns.push(Described {
            name: hop.name.clone(),
            shown: hop.name.clone(),
            foreign_key: reference.map(|field| field.name.clone()),
            is_aggregate: false,
            kind: FieldType::AnyType,
            field: reference.map_or((false, false, false), |field| (field.custom, false, false)),
            joined: Vec::new(),
        });
    }
    let parent = reference.and_then(|field| org.object(field.reference_to.first()?));
    put(org, parent, &mut columns[at].joined, rest, described);
}

fn of_column(org: &Org, object: &ObjectSchema, column: &Column, alias: Option<&str>) -> Described {
    let parent =
        |object: &&ObjectSchema, hop: &Hop| org.object(field_of(object, &hop.reference)?.reference_to.first()?);
    let object = column.hops.iter().try_fold(object, |object, hop| parent(&object, hop));
    let field = object.and_then(|object| field_of(object, &column.pick));
    let name = match (&column.pick, field) {
        (Pick::OneOf { name, .. }, _) => name.clone(),
        (_, Some(field)) => field.name.clone(),
        _ => "Type".to_owned(),
    };
    Described {
        name: alias.map_or_else(|| name.clone(), str::to_owned),
        shown: name,
        foreign_key: None,
        is_aggregate: false,
        kind: column.kind,
        field: field.map_or((false, false, false), |field| (field.custom, field.createable, field.updateable)),
        joined: Vec::new(),
    }
}

fn field_of<'o>(object: &'o ObjectSchema, pick: &Pick) -> Option<&'o FieldSchema> {
    match pick {
        Pick::At(index) => Some(object.field(*index)),
        Pick::OneOf { fields, .. } => {
            let (_, index) = fields.iter().find(|(number, _)| *number == object.number)?;
            Some(object.field(*index))
        }
        Pick::Type => None,
    }
}

impl Described {
    fn aggregate(name: &str, shown: &str, kind: FieldType) -> Described {
        Described {
            name: name.to_owned(),
            shown: shown.to_owned(),
            foreign_key: None,
            is_aggregate: true,
            kind,
            field: (false, false, false),
            joined: Vec::new(),
        }
    }

    fn to_json(&self) -> Json {
        let is_number = self.kind.is_decimal() || matches!(self.kind, FieldType::Int | FieldType::Long);
        let apex_type = match self.kind {
            _ if !self.joined.is_empty() => Json::Null,
            FieldType::Id | FieldType::Reference => json!("Id"),
            FieldType::Boolean => json!("Boolean"),
            FieldType::Int => json!("Integer"),
            FieldType::Long => json!("Long"),
            FieldType::Date => json!("Date"),
            FieldType::DateTime => json!("Datetime"),
            FieldType::Time => json!("Time"),
            FieldType::Address => json!("System.Address"),
            FieldType::Location => json!("System.Location"),
            FieldType::AnyType | FieldType::ComplexValue => json!("Object"),
            _ if is_number => json!("Decimal"),
            _ => json!("String"),
        };
        let (custom, insertable, updatable) = self.field;
        json!({
            "aggregate": self.is_aggregate,
            "apexType": apex_type,
            "booleanType": self.kind == FieldType::Boolean,
            "columnName": self.name,
            "custom": custom,
            "displayName": self.shown,
            "foreignKeyName": self.foreign_key,
            "insertable": insertable,
            "joinColumns": self.joined.iter().map(Described::to_json).collect::<Vec<_>>(),
            "numberType": is_number,
            "textType": self.kind.is_text(),
            "updatable": updatable,
        })
    }
}
