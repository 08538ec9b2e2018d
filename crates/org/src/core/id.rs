//! Salesforce record ids: 15 case-sensitive characters, or the same with a 3-character checksum of the letter cases.

/// Base-62 digits in ASCII order, so that ids sort as their serial numbers do.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
/// What stands between the key prefix and the serial number in every id of an org: its instance.
const INSTANCE: &str = "8d00";
/// The first serial number, so that the ids of a young org look like ids.
const FIRST_SERIAL: u64 = 62 * 62 * 62 * 62 * 3 + 777_777;

/// The 18-character form of a 15-character id.
fn with_checksum(id15: &str) -> String {
    let mut id = String::with_capacity(18);
    id.push_str(id15);
    for group in id15.as_bytes().chunks(5) {
        let bits = group.iter().enumerate().fold(0, |bits, (k, c)| bits | (usize::from(c.is_ascii_uppercase()) << k));
        id.push(char::from(CHECKSUM[bits]));
    }
    id
}

/// The 18-character form of an id given in either form; `None` for what is no id.
///
/// An 18-character id whose letter cases were lost is repaired from its checksum, as Salesforce does.
pub fn normalize(text: &str) -> Option<String> {
    if !text.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    match text.len() {
        15 => Some(with_checksum(text)),
        18 => {
            let (id15, suffix) = text.split_at(15);
            let mut repaired = String::with_capacity(15);
            for (group, check) in id15.as_bytes().chunks(5).zip(suffix.bytes()) {
                let bits = CHECKSUM.iter().position(|c| *c == check.to_ascii_uppercase())?;
                for (k, c) in group.iter().enumerate() {
                    let upper = bits >> k & 1 == 1;
                    if upper && !c.is_ascii_alphabetic() {
                        return None;
                    }
                    repaired.push(char::from(if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }));
                }
            }
            Some(with_checksum(&repaired))
        }
        _ => None,
    }
}

/// The id of the row in position `slot` of the object with this key prefix.
pub(crate) fn of_slot(prefix: &str, slot: usize) -> String {
    with_checksum(&format!("{prefix}{INSTANCE}{}", base62(FIRST_SERIAL + slot as u64, 8)))
}

/// The position that an 18-character id names, if it is one that [`of_slot`] could have made.
pub(crate) fn slot(id: &str) -> Option<usize> {
    if id.get(3..7)? != INSTANCE {
        return None;
    }
    let mut serial = 0u64;
    for c in id.get(7..15)?.bytes() {
        serial = serial * 62 + DIGITS.binary_search(&c).ok()? as u64;
    }
    usize::try_from(serial.checked_sub(FIRST_SERIAL)?).ok()
}

/// `number` in base 62, padded to `width` digits.
pub(crate) fn base62(mut number: u64, width: usize) -> String {
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

/// The key prefix (object type) of an id.
pub fn key_prefix(id: &str) -> &str {
    id.get(..3).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_agree_with_published_vectors() {
        for (id15, suffix) in [
            ("a01M00000062mPg", "IAI"),
            ("001M000000qfPyS", "IAU"),
            ("a0RE000000IJmcN", "MAT"),
            ("a0D30000001n7Pi", "EAI"),
            ("003q000000KvQ1t", "AAF"),
            ("000000000000000", "AAA"),
            ("AbCdEfGhIjKlMnO", "VKV"),
        ] {
            assert_eq!(normalize(id15).unwrap(), format!("{id15}{suffix}"));
        }
    }

    #[test]
    fn an_18_character_id_with_lost_cases_is_repaired() {
        assert_eq!(normalize("abcdefghijklmnovkv").unwrap(), "AbCdEfGhIjKlMnOVKV");
        assert_eq!(normalize("003q000000KvQ1t"), normalize("003Q000000KVQ1TAAF"));
    }

    #[test]
    fn slots_and_ids_are_inverse_and_sort_alike() {
        let ids: Vec<String> = (0..5000).map(|slot| of_slot("003", slot)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().enumerate().all(|(position, id)| slot(id) == Some(position)));
        assert_eq!(slot("003000000000000AAA"), None);
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "003", "003q000000KvQ1!", "003q000000KvQ1tA", "0034000000!vQ1tAAF"] {
            assert_eq!(normalize(text), None, "{text}");
        }
    }
}
