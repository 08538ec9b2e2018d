//! The bitmaps by which a change event names fields: positions in the schema that the event was written with.
//!
//! An entry `0x…` is one big number whose bit *i* stands for field *i* of the record; an entry `<parent>-0x…` is the same for
//! the parts of the compound field at `parent`, whose own bit then stays clear. (Pub/Sub API guide, "Event Deserialization
//! Considerations".)

use std::collections::BTreeSet;

/// Bits of one entry beyond which it can not be meant: no object has as many fields.
const MAX_BITS: usize = 8_192;

/// The fields that a list of bitmaps names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    fields: BTreeSet<usize>,
    parts: BTreeSet<(usize, usize)>,
}

impl FieldSet {
    /// `None` where an entry is not of either form.
    pub(crate) fn decode<'a>(entries: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut set = Self::default();
        for entry in entries {
            match entry.split_once('-') {
                None => set.fields.extend(bits(entry)?),
                Some((parent, parts)) => {
                    let parent = parent.parse().ok().filter(|parent| *parent < MAX_BITS)?;
                    set.parts.extend(bits(parts)?.into_iter().map(|part| (parent, part)));
                }
            }
        }
        Some(set)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.parts.is_empty()
    }

    /// Whether the field as a whole is named.
    pub(crate) fn has(&self, field: usize) -> bool {
        self.fields.contains(&field)
    }

    /// Whether a part of a compound field is named, be it with the whole.
    pub(crate) fn has_part(&self, field: usize, part: usize) -> bool {
        self.has(field) || self.parts.contains(&(field, part))
    }

    /// Whether the field or a part of it is named.
    pub(crate) fn touches(&self, field: usize) -> bool {
        self.has(field) || self.parts.range((field, 0)..=(field, usize::MAX)).next().is_some()
    }

    /// The greatest position of a field that is named.
    pub(crate) fn last(&self) -> Option<usize> {
        self.fields.last().copied().max(self.parts.last().map(|(field, _)| *field))
    }
}

fn bits(entry: &str) -> Option<Vec<usize>> {
    let digits = entry.strip_prefix("0x").or_else(|| entry.strip_prefix("0X"))?;
    if digits.is_empty() || digits.len() * 4 > MAX_BITS {
        return None;
    }
    let mut bits = Vec::new();
    for (place, digit) in digits.chars().rev().enumerate() {
        let digit = digit.to_digit(16)?;
        bits.extend((0..4).filter(|bit| digit & (1 << bit) != 0).map(|bit| 4 * place + bit));
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(entries: &[&str]) -> Option<FieldSet> {
        FieldSet::decode(entries.iter().copied())
    }

    #[test]
    fn the_guides_own_examples_are_read() {
        for (entry, expected) in [
            ("0x400800", vec![11, 22]),
            ("0x410000", vec![16, 22]),
            ("0x400080", vec![7, 22]),
            ("0x401002", vec![1, 12, 22]),
        ] {
            assert_eq!(fields(&[entry]).unwrap().fields, expected.into_iter().collect());
        }
        let nested = fields(&["0x400000", "4-0x01"]).unwrap();
        assert!(
            nested.has(22) && !nested.has(4) && nested.touches(4) && nested.has_part(4, 0) && !nested.has_part(4, 1)
        );
        assert_eq!(nested.last(), Some(22));
        assert!(fields(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_bitmap_is_refused() {
        for entry in ["", "0x", "12", "0xg1", "-0x1", "x-0x1", "1-", "99999999999999999999-0x1", "1-2-0x1"] {
            assert_eq!(fields(&[entry]), None, "{entry}");
        }
        assert_eq!(fields(&[&format!("0x{}", "f".repeat(5_000))]), None);
    }

    /// Writes a bitmap by long addition of powers of two in decimal-free, digit-by-digit hexadecimal: a way of its own.
    fn encode(fields: &BTreeSet<usize>) -> String {
        let Some(last) = fields.last() else { return "0x00".to_owned() };
        let mut digits = String::new();
        for pair in (0..=last / 8).rev() {
            let byte: u32 =
                (0..8u32).filter(|bit| fields.contains(&(pair * 8 + *bit as usize))).map(|bit| 2u32.pow(bit)).sum();
            digits.push_str(&format!("{byte:02X}"));
        }
        format!("0x{digits}")
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(
            top in proptest::collection::btree_set(0usize..900, 0..40),
            nested in proptest::collection::btree_map(0usize..900, proptest::collection::btree_set(0usize..12, 1..6), 0..5),
        ) {
            let mut entries = vec![encode(&top)];
            entries.extend(nested.iter().map(|(parent, parts)| format!("{parent}-{}", encode(parts))));
            let set = FieldSet::decode(entries.iter().map(String::as_str)).unwrap();
            prop_assert_eq!(&set.fields, &top);
            let parts: BTreeSet<_> = nested.iter().flat_map(|(parent, parts)| parts.iter().map(|part| (*parent, *part))).collect();
            prop_assert_eq!(set.parts, parts);
        }

        #[test]
        fn any_text_is_decoded_or_refused(entries in proptest::collection::vec("(\\d{0,4}-)?(0x)?[0-9a-fA-F]{0,40}|\\PC{0,20}", 0..4)) {
            let _ = FieldSet::decode(entries.iter().map(String::as_str));
        }
    }
}
