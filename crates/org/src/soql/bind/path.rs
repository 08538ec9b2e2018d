//! Paths and functions of fields, to columns.

use super::super::Refusal;
use super::super::function::RowFunction;
use super::super::plan::{Column, Hop, Pick};
use super::super::tree::{Expression, Path};
use super::{Binder, Bound, is_exact, is_known, plain};
use crate::core::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};

/// Parents on the way to a field (SOQL reference).
const PARENT_STEPS_MAX: usize = 5;
/// Different parents in one query (SOQL reference).
const PARENTS_MAX: usize = 55;
/// What is known of a record whose object is not: the fields of the object `Name` (object reference).
const NAME_FIELDS: [&str; 17] = [
    "Id",
    "Name",
    "Alias",
    "Email",
    "FirstName",
    "LastName",
    "MiddleName",
    "Suffix",
    "Title",
    "Phone",
    "Username",
    "UserRoleId",
    "ProfileId",
    "IsActive",
    "RecordTypeId",
    "LastViewedDate",
    "LastReferencedDate",
];

impl<'a> Binder<'a> {
    pub(super) fn expression(&self, expression: &Expression) -> Result<Bound<'a>, Refusal> {
        let (function, argument) = match expression {
            Expression::Path(path) => return self.path(path),
            Expression::Call { function, argument } => (function, argument.as_ref()),
        };
        let known = RowFunction::named(&function.text)
            .ok_or_else(|| Refusal::malformed(function.at, format!("unexpected token: '{}'", function.text)))?;
        // All times are in UTC, which is the time zone of the org's users.
        let argument = match argument {
            Expression::Call { function, argument }
                if known.is_of_dates() && function.text.eq_ignore_ascii_case("convertTimezone") =>
            {
                argument.as_ref()
            }
            other => other,
        };
        let Expression::Path(path) = argument else {
            return Err(Refusal::malformed(argument.at(), format!("unexpected token: '{}'", argument.shown())));
        };
        let (column, field) = self.path(path)?;
        if !known.takes(column.kind) {
            let message = format!("field '{}' does not support function {}", path.shown(), function.text);
            return Err(Refusal::at("INVALID_FIELD", path.at, message));
        }
        let kind = if known == RowFunction::ToLabel { column.kind } else { known.kind() };
        Ok((Column { function: Some(known), kind, exact: false, ..column }, field))
    }

    pub(super) fn path(&self, path: &Path) -> Result<Bound<'a>, Refusal> {
        let (parents, last) = self.steps(path)?;
        let (hops, object) = self.hops(path, parents)?;
        match object {
            Target::One(object) => {
                let found = self.asker.access.field_named(object, last);
                let (index, field) = found.ok_or_else(|| no_such_column(path, last, &object.name))?;
                Ok((Column { hops, ..plain(index, field) }, Some(field)))
            }
            Target::Several(objects) => Ok((self.of_several(path, hops, &objects, last)?, None)),
        }
    }

    /// The parents of a path and its field, without the name of the object itself.
    fn steps<'p>(&self, path: &'p Path) -> Result<(&'p [String], &'p str), Refusal> {
        let mut steps = path.steps.as_slice();
        if let [first, rest @ ..] = steps
            && !rest.is_empty()
            && (self.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(first))
                || first.eq_ignore_ascii_case(&self.object.name))
            && self.object.relationship(first).is_none()
        {
            steps = rest;
        }
        let Some((last, parents)) = steps.split_last() else {
            return Err(Refusal::malformed(path.at, "unexpected token: '.'"));
        };
        if parents.len() > PARENT_STEPS_MAX {
            let message = "A path may go through at most 5 parent relationships";
            return Err(Refusal::malformed(path.at, message));
        }
        Ok((parents, last))
    }

    /// The way to the record that a path, taken as a reference, points to: for TYPEOF.
    pub(super) fn reference(&self, path: &Path) -> Result<(Vec<Hop>, Vec<&'a ObjectSchema>), Refusal> {
        let (parents, last) = self.steps(path)?;
        let all: Vec<String> = parents.iter().cloned().chain([last.to_owned()]).collect();
        match self.hops(path, &all)? {
            (hops, Target::Several(objects)) => Ok((hops, objects)),
            (hops, Target::One(object)) => Ok((hops, vec![object])),
        }
    }

    fn hops(&self, path: &Path, parents: &[String]) -> Result<(Vec<Hop>, Target<'a>), Refusal> {
        let mut target = Target::One(self.object);
        let mut hops: Vec<Hop> = Vec::with_capacity(parents.len());
        for (position, parent) in parents.iter().enumerate() {
            let unknown = || {
                let message = format!(
                    "Didn't understand relationship '{parent}' in field path. If you are attempting to use a custom \
                     relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or \
                     the describe call for the appropriate names."
                );
                Refusal::at("INVALID_FIELD", path.at, message)
            };
            let (reference, field) = match &target {
                Target::One(object) => {
                    let found = object.relationship(parent);
                    let found = found.filter(|(index, _)| self.asker.access.sees(object, *index));
                    let (index, field) = found.ok_or_else(unknown)?;
                    (Pick::At(index), field)
                }
                Target::Several(objects) => self.shared_relationship(objects, parent).ok_or_else(unknown)?,
            };
            hops.push(Hop { reference, name: field.relationship_name.clone().unwrap_or_default() });
            let objects = field.reference_to.iter().filter_map(|target| self.org.object(target));
            let objects: Vec<_> = objects.filter(|object| is_known(self.asker, object)).collect();
            let is_polymorphic = field.reference_to.len() > 1;
            target = match objects.as_slice() {
                _ if is_polymorphic => Target::Several(objects),
                [object] => Target::One(object),
                _ => return Err(unknown()),
            };
            self.note_parent(path, &parents[..=position])?;
        }
        Ok((hops, target))
    }

    fn note_parent(&self, path: &Path, parents: &[String]) -> Result<(), Refusal> {
        let mut known = self.parents.borrow_mut();
        known.insert(parents.join(".").to_ascii_lowercase());
        if known.len() > PARENTS_MAX {
            let message = "a query can not have more than 55 child-to-parent relationships";
            return Err(Refusal::malformed(path.at, message));
        }
        Ok(())
    }

    /// A relationship of the object `Name`: those of a user.
    fn shared_relationship(&self, objects: &[&'a ObjectSchema], name: &str) -> Option<(Pick, &'a FieldSchema)> {
        let name = ["Profile", "UserRole"].into_iter().find(|own| own.eq_ignore_ascii_case(name))?;
        let relationships = objects.iter().filter_map(|object| Some((*object, object.relationship(name)?)));
        let visible = relationships.filter(|(object, (index, _))| self.asker.access.sees(object, *index));
        let visible: Vec<_> = visible.collect();
        let (_, (_, field)) = visible.first()?;
        let fields = visible.iter().map(|(object, (index, _))| (object.number, *index)).collect();
        Some((Pick::OneOf { name: name.to_owned(), fields }, field))
    }

    /// A field of whichever of these objects it is.
    pub(super) fn of_several(
        &self,
        path: &Path,
        hops: Vec<Hop>,
        objects: &[&'a ObjectSchema],
        last: &str,
    ) -> Result<Column, Refusal> {
        let column = |pick, kind, exact| Column { hops, pick, function: None, kind, exact };
        if last.eq_ignore_ascii_case("Type") {
            return Ok(column(Pick::Type, FieldType::String, false));
        }
        let name = NAME_FIELDS.into_iter().find(|name| name.eq_ignore_ascii_case(last));
        let name = name.ok_or_else(|| no_such_column(path, last, "Name"))?;
        let visible = |object: &&'a ObjectSchema| -> Option<(usize, FieldIndex, &'a FieldSchema)> {
            let object: &'a ObjectSchema = object;
            let named = || object.each_field().find(|(_, field)| field.name_field);
            let (index, field) = if name == "Name" { named() } else { object.field_named(name) }?;
            self.asker.access.sees(object, index).then_some((object.number, index, field))
        };
        let found: Vec<_> = objects.iter().filter_map(visible).collect();
        let (kind, exact) =
            found.first().map_or((FieldType::String, false), |(.., field)| (field.field_type, is_exact(field)));
        let fields = found.into_iter().map(|(number, index, _)| (number, index)).collect();
        Ok(column(Pick::OneOf { name: name.to_owned(), fields }, kind, exact))
    }
}

/// Where a chain of references ends.
enum Target<'a> {
    One(&'a ObjectSchema),
    Several(Vec<&'a ObjectSchema>),
}

pub(super) fn no_such_column(path: &Path, column: &str, object: &str) -> Refusal {
    let message = format!(
        "No such column '{column}' on entity '{object}'. If you are attempting to use a custom field, be sure to append the '__c' \
         after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
    );
    Refusal::at("INVALID_FIELD", path.at, message)
}
