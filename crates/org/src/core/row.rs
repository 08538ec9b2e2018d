//! One record: as it is stored, packed; and as it is while it is being written.
//!
//! A million records have to fit, so a stored record is one run of bytes with its populated fields in the order of their
//! positions. A record has a few dozen of them, so walking over them is as quick as searching.

use super::schema::FieldIndex;
use super::value::{FieldRef, FieldValue};

/// One record as it is stored. Only populated fields take room.
#[derive(Clone, Default, PartialEq)]
pub struct Row {
    /// For each populated field: its position (2 bytes), its kind (1 byte), its value.
    cells: Box<[u8]>,
}

const TEXT: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INTEGER: u8 = 3;
const NUMBER: u8 = 4;
const DATE: u8 = 5;
const DATETIME: u8 = 6;
/// Text of at most 255 bytes, whose length is one byte.
const SHORT_TEXT: u8 = 7;
const TIME: u8 = 8;
const HEAD_BYTES: usize = 3;

impl Row {
    /// The value of a field.
    pub fn get(&self, index: FieldIndex) -> FieldRef<'_> {
        let cell = self.cells().find(|cell| cell.index >= index).filter(|cell| cell.index == index);
        cell.map_or(FieldValue::Null, Cell::value)
    }

    /// Every populated field, by position.
    pub fn populated(&self) -> impl Iterator<Item = (FieldIndex, FieldRef<'_>)> {
        self.cells().map(|cell| (cell.index, cell.value()))
    }

    /// Where two states of a record differ: position, the value before, the value after.
    pub(crate) fn differences<'r>(
        before: &'r Row,
        after: &'r Row,
    ) -> impl Iterator<Item = (FieldIndex, FieldRef<'r>, FieldRef<'r>)> {
        let (mut before, mut after) = (before.cells().peekable(), after.cells().peekable());
        let pairs = std::iter::from_fn(move || {
            let next =
                before.peek().map(|cell| cell.index).into_iter().chain(after.peek().map(|cell| cell.index)).min()?;
            Some((next, before.next_if(|cell| cell.index == next), after.next_if(|cell| cell.index == next)))
        });
        let value = |cell: Option<Cell<'r>>| cell.map_or(FieldValue::Null, Cell::value);
        pairs
            .filter(|(_, old, new)| old.as_ref().map(Cell::content) != new.as_ref().map(Cell::content))
            .map(move |(index, old, new)| (index, value(old), value(new)))
    }

    /// The record to be written upon.
    pub fn unpack(&self) -> Draft {
        Draft { fields: self.populated().map(|(index, value)| (index, value.to_value())).collect() }
    }

    fn cells(&self) -> Cells<'_> {
        Cells { rest: &self.cells }
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.populated()).finish()
    }
}

/// A field of a row, its value not yet read.
struct Cell<'a> {
    index: FieldIndex,
    kind: u8,
    bytes: &'a [u8],
}

impl<'a> Cell<'a> {
    fn value(self) -> FieldRef<'a> {
        match self.kind {
            SHORT_TEXT | TEXT => FieldValue::Text(std::str::from_utf8(self.bytes).expect("rows are packed from text")),
            FALSE => FieldValue::Boolean(false),
            TRUE => FieldValue::Boolean(true),
            INTEGER => FieldValue::Integer(i64::from_le_bytes(self.array())),
            NUMBER => FieldValue::Number(f64::from_le_bytes(self.array())),
            TIME => FieldValue::Time(i32::from_le_bytes(self.array())),
            DATE => FieldValue::Date(i32::from_le_bytes(self.array())),
            _ => FieldValue::DateTime(i64::from_le_bytes(self.array())),
        }
    }

    /// Its kind and bytes, which are the same for the same value.
    fn content(&self) -> (u8, &'a [u8]) {
        (self.kind, self.bytes)
    }

    fn array<const N: usize>(&self) -> [u8; N] {
        self.bytes.try_into().expect("rows are packed with values of their kind's width")
    }
}

struct Cells<'a> {
    rest: &'a [u8],
}

impl<'a> Cells<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cell<'a>;

    fn next(&mut self) -> Option<Cell<'a>> {
        let [low, high, kind] = *self.rest.first_chunk()?;
        self.take(HEAD_BYTES);
        let width = match kind {
            SHORT_TEXT => usize::from(self.take(1)[0]),
            TEXT => {
                let length = *self.take(4).first_chunk().expect("four bytes were taken");
                u32::from_le_bytes(length) as usize
            }
            FALSE | TRUE => 0,
            DATE | TIME => 4,
            _ => 8,
        };
        Some(Cell { index: FieldIndex::from_le_bytes([low, high]), kind, bytes: self.take(width) })
    }
}

/// A record while it is being written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// Populated fields, by position.
    fields: Vec<(FieldIndex, FieldValue)>,
}

impl Draft {
    /// The value of a field.
    pub fn get(&self, index: FieldIndex) -> FieldRef<'_> {
        match self.fields.binary_search_by_key(&index, |(own, _)| *own) {
            Ok(at) => self.fields[at].1.as_field_ref(),
            Err(_) => FieldValue::Null,
        }
    }

    /// Gives a field a value, or takes it away.
    pub fn set(&mut self, index: FieldIndex, value: FieldValue) {
        match (self.fields.binary_search_by_key(&index, |(own, _)| *own), value) {
            (Ok(at), FieldValue::Null) => drop(self.fields.remove(at)),
            (Ok(at), value) => self.fields[at].1 = value,
            (Err(_), FieldValue::Null) => {}
            (Err(at), value) => self.fields.insert(at, (index, value)),
        }
    }

    /// The record in its stored form.
    pub fn pack(&self) -> Row {
        let mut cells = Vec::with_capacity(self.fields.len() * 16);
        for (index, value) in &self.fields {
            pack_cell(&mut cells, *index, value.as_field_ref());
        }
        Row { cells: cells.into_boxed_slice() }
    }
}

fn pack_cell(cells: &mut Vec<u8>, index: FieldIndex, value: FieldRef<'_>) {
    let mut head = |kind: u8| {
        cells.extend_from_slice(&index.to_le_bytes());
        cells.push(kind);
    };
    match value {
        FieldValue::Null => {}
        FieldValue::Text(text) => match u8::try_from(text.len()) {
            Ok(length) => {
                head(SHORT_TEXT);
                cells.push(length);
                cells.extend_from_slice(text.as_bytes());
            }
            Err(_) => {
                head(TEXT);
                let length = u32::try_from(text.len()).expect("a request is smaller than 4 GB");
                cells.extend_from_slice(&length.to_le_bytes());
                cells.extend_from_slice(text.as_bytes());
            }
        },
        FieldValue::Boolean(value) => head(if value { TRUE } else { FALSE }),
        FieldValue::Integer(value) => {
            head(INTEGER);
            cells.extend_from_slice(&value.to_le_bytes());
        }
        FieldValue::Number(value) => {
            head(NUMBER);
            cells.extend_from_slice(&value.to_le_bytes());
        }
        FieldValue::Date(days) => {
            head(DATE);
            cells.extend_from_slice(&days.to_le_bytes());
        }
        FieldValue::DateTime(ms) => {
            head(DATETIME);
            cells.extend_from_slice(&ms.to_le_bytes());
        }
        FieldValue::Time(ms) => {
            head(TIME);
            cells.extend_from_slice(&ms.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = FieldValue> {
        prop_oneof![
            Just(FieldValue::Null),
            "\\PC{1,300}".prop_map(|text| FieldValue::text(&text)),
            any::<bool>().prop_map(FieldValue::Boolean),
            any::<i64>().prop_map(FieldValue::Integer),
            any::<i32>().prop_map(|number| FieldValue::Number(f64::from(number) / 8.0)),
            any::<i32>().prop_map(FieldValue::Date),
            any::<i64>().prop_map(FieldValue::DateTime),
            any::<i32>().prop_map(FieldValue::Time),
        ]
    }

    proptest! {
        #[test]
        fn a_packed_record_has_the_values_it_was_packed_from(
            values in prop::collection::btree_map(0u16..900, any_value(), 0..40)
        ) {
            let mut draft = Draft::default();
            values.iter().for_each(|(index, value)| draft.set(*index, value.clone()));
            let row = draft.pack();
            for index in 0..901 {
                let expected = values.get(&index).cloned().unwrap_or_default();
                prop_assert_eq!(row.get(index), expected.as_field_ref());
            }
            prop_assert_eq!(row.unpack(), draft);
        }

        #[test]
        fn two_states_differ_where_their_values_do(
            old in prop::collection::btree_map(0u16..40, any_value(), 0..30),
            changed in prop::collection::btree_map(0u16..40, any_value(), 0..10),
        ) {
            let mut draft = Draft::default();
            old.iter().for_each(|(index, value)| draft.set(*index, value.clone()));
            let before = draft.pack();
            changed.iter().for_each(|(index, value)| draft.set(*index, value.clone()));
            let after = draft.pack();
            let found: Vec<_> = Row::differences(&before, &after).collect();
            let expected: Vec<_> = (0..40)
                .map(|index| (index, before.get(index), after.get(index)))
                .filter(|(_, old, new)| old != new)
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
