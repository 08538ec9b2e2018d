//! Values of rows: of their own, of their parents, and functions of them. Nothing is copied that is stored.

use super::plan::{Column, Hop, Pick};
use crate::core::schema::{FieldIndex, FieldSchema};
use crate::core::table::Table;
use crate::core::value::{FieldRef, FieldValue};
use crate::core::{Org, Row};

/// A value that is stored, or that was made from one.
#[derive(Clone, Debug)]
pub(crate) enum Cell<'a> {
    Stored(FieldRef<'a>),
    Made(FieldValue),
}

impl Cell<'_> {
    pub(crate) const NULL: Cell<'static> = Cell::Stored(FieldValue::Null);

    pub(crate) fn get(&self) -> FieldRef<'_> {
        match self {
            Cell::Stored(value) => *value,
            Cell::Made(value) => value.as_field_ref(),
        }
    }
}

/// A row and the table it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) org: &'a Org,
    pub(crate) table: &'a Table,
    pub(crate) row: &'a Row,
}

impl<'a> Place<'a> {
    /// The value of a column; null behind a missing parent.
    pub(crate) fn read(self, column: &Column) -> Cell<'a> {
        let Some(place) = self.follow(&column.hops) else { return Cell::NULL };
        let cell = place.pick(&column.pick);
        match column.function {
            None => cell,
            Some(function) => {
                let field = place.index(&column.pick).map(|index| place.field(index));
                function.apply(cell, field)
            }
        }
    }

    /// The row at the end of a chain of references.
    pub(crate) fn follow(self, hops: &[Hop]) -> Option<Place<'a>> {
        hops.iter().try_fold(self, |place, hop| place.parent(&hop.reference))
    }

    /// The row that a reference points to.
    pub(crate) fn parent(self, reference: &Pick) -> Option<Place<'a>> {
        let (at, slot) = self.org.parent(self.table, self.row, self.index(reference)?)?;
        let table = &self.org.tables[at];
        Some(Place { table, row: table.row(slot)?, ..self })
    }

    /// The value of one of the row's own fields.
    pub(crate) fn value(self, index: FieldIndex) -> Cell<'a> {
        match self.field(index).formula {
            None => Cell::Stored(self.row.get(index)),
            Some(_) => Cell::Made(self.org.field_value(self.table, self.row, index)),
        }
    }

    pub(crate) fn pick(self, pick: &Pick) -> Cell<'a> {
        match pick {
            Pick::At(index) => self.value(*index),
            Pick::Type => Cell::Stored(FieldValue::Text(&self.table.schema.name)),
            Pick::OneOf { .. } => self.index(pick).map_or(Cell::NULL, |index| self.value(index)),
        }
    }

    pub(crate) fn index(self, pick: &Pick) -> Option<FieldIndex> {
        match pick {
            Pick::At(index) => Some(*index),
            Pick::OneOf { fields, .. } => {
                let own = self.table.schema.number;
                fields.iter().find_map(|(number, index)| (*number == own).then_some(*index))
            }
            Pick::Type => None,
        }
    }

    pub(crate) fn field(self, index: FieldIndex) -> &'a FieldSchema {
        self.table.schema.field(index)
    }
}
