//! The bitmaps that name fields in a change event's header (`changedFields`, `nulledFields`, `diffFields`).
//!
//! An event does not carry field names. One entry, `0x…`, is one big hexadecimal number whose bit *i* (the least
//! significant is 0) stands for the field at index *i* of the schema the event was written with, where index 0 is the header
//! itself. Parts of a compound field get an entry each of the form `<index of the compound>-0x<bits of its parts>`, and the
//! compound's own bit stays clear. The number of hexadecimal digits is even, since the entry is a row of bytes.
//! (Pub/Sub API guide, "Event Deserialization Considerations".)
//!
//! Knows positions only; [`super::schema`] knows which field is where.

use std::collections::BTreeMap;

/// Where a field's value sits in an event: a field of its own, or a part of a compound field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Position {
    /// The index of a top-level field.
    Field(usize),
    /// The index of the compound field, then that of the part in it.
    Part(usize, usize),
}

/// The bitmap entries that name these positions. Empty for no positions.
///
/// The entry of the top-level fields comes first, if there is one; those of compounds follow in the schema's order.
pub(crate) fn bitmap(positions: impl IntoIterator<Item = Position>) -> Vec<String> {
    let mut fields = Bits::default();
    let mut parts: BTreeMap<usize, Bits> = BTreeMap::new();
    for position in positions {
        match position {
            Position::Field(index) => fields.set(index),
            Position::Part(parent, index) => parts.entry(parent).or_default().set(index),
        }
    }

    let mut entries = Vec::with_capacity(1 + parts.len());
    if !fields.0.is_empty() {
        entries.push(fields.hexadecimal());
    }
    entries.extend(parts.iter().map(|(parent, bits)| format!("{parent}-{}", bits.hexadecimal())));
    entries
}

/// Bytes of a big number, the least significant first.
#[derive(Default)]
struct Bits(Vec<u8>);

impl Bits {
    fn set(&mut self, bit: usize) {
        if self.0.len() <= bit / 8 {
            self.0.resize(bit / 8 + 1, 0);
        }
        self.0[bit / 8] |= 1 << (bit % 8);
    }

    fn hexadecimal(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let mut text = String::with_capacity(2 + 2 * self.0.len());
        text.push_str("0x");
        for byte in self.0.iter().rev() {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use Position::{Field, Part};
    use proptest::prelude::*;

    #[test]
    fn bits_count_from_the_least_significant_and_digits_come_in_pairs() {
        assert_eq!(bitmap([Field(11), Field(22)]), ["0x400800"]);
        assert_eq!(bitmap([Field(16), Field(22)]), ["0x410000"]);
        assert_eq!(bitmap([Field(7), Field(22)]), ["0x400080"]);
        assert_eq!(bitmap([Field(1), Field(12), Field(22)]), ["0x401002"]);
        assert_eq!(bitmap([Field(1), Field(3)]), ["0x0A"]);
    }

    #[test]
    fn a_part_of_a_compound_is_named_under_its_parent_whose_own_bit_stays_clear() {
        assert_eq!(bitmap([Field(22), Part(4, 0)]), ["0x400000", "4-0x01"]);
        assert_eq!(bitmap([Part(4, 1)]), ["4-0x02"]);
        assert_eq!(bitmap([Part(5, 9), Part(4, 1), Part(4, 2)]), ["4-0x06", "5-0x0200"]);
    }

    #[test]
    fn no_fields_make_no_entries() {
        assert!(bitmap([]).is_empty());
    }

    /// Reads bitmaps by the rules of the guide, in the guide's own way: the digits become a string of binary digits, which is
    /// turned round and searched for ones. It shares nothing with the encoder, which sets bits in bytes.
    pub(in crate::pubsub) fn decode(entries: &[String]) -> BTreeSet<Position> {
        let ones = |hex: &str| -> Vec<usize> {
            let digits = hex.strip_prefix("0x").expect("a bitmap begins with 0x");
            assert!(digits.len().is_multiple_of(2), "an odd number of digits is no row of bytes: {hex}");
            let binary: String = digits
                .chars()
                .map(|digit| format!("{:04b}", digit.to_digit(16).expect("a hexadecimal digit")))
                .collect();
            binary.chars().rev().enumerate().filter(|(_, bit)| *bit == '1').map(|(index, _)| index).collect()
        };
        let mut positions = BTreeSet::new();
        for (place, entry) in entries.iter().enumerate() {
            match entry.split_once('-') {
                None => {
                    assert_eq!(place, 0, "the entry of the top-level fields comes first");
                    positions.extend(ones(entry).into_iter().map(Field));
                }
                Some((parent, bits)) => {
                    let parent = parent.parse().expect("a decimal index");
                    positions.extend(ones(bits).into_iter().map(|index| Part(parent, index)));
                }
            }
        }
        positions
    }

    proptest! {
        #[test]
        fn an_independent_decoder_reads_every_set_of_positions_back(
            fields in proptest::collection::btree_set(1usize..900, 0..60),
            parts in proptest::collection::btree_set((1usize..900, 0usize..12), 0..20),
        ) {
            let positions: BTreeSet<Position> =
                fields.into_iter().map(Field).chain(parts.into_iter().map(|(parent, part)| Part(parent, part))).collect();
            prop_assert_eq!(decode(&bitmap(positions.iter().copied())), positions);
        }
    }
}
