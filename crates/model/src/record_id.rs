//! Record ids: 15 case-sensitive characters, or 18 of which the last three tell the case of the others. Everything that is
//! held or compared has the 18-character form.

const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The 18-character form of an id in either form; `None` for what is no id. The suffix of a long id is worked out anew and
/// repairs lost case the way Salesforce does: a letter's case is what the suffix says.
pub fn to_long(id: &str) -> Option<String> {
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match id.len() {
        15 => Some(with_suffix(id)),
        18 => {
            let mut short = String::with_capacity(18);
            for (group, suffix) in id.as_bytes()[..15].chunks(5).zip(&id.as_bytes()[15..]) {
                let upper = SUFFIX.iter().position(|letter| *letter == suffix.to_ascii_uppercase())?;
                for (place, byte) in group.iter().enumerate() {
                    let is_upper = upper & (1 << place) != 0;
                    short.push(char::from(if is_upper {
                        byte.to_ascii_uppercase()
                    } else {
                        byte.to_ascii_lowercase()
                    }));
                }
            }
            Some(with_suffix(&short))
        }
        _ => None,
    }
}

/// For each group of five characters, one letter for which of them are upper case (Salesforce help, "15- and 18-character IDs").
fn with_suffix(short: &str) -> String {
    let mut long = short.to_owned();
    for group in short.as_bytes().chunks(5) {
        let upper = (0..)
            .zip(group)
            .filter(|(_, byte)| byte.is_ascii_uppercase())
            .map(|(place, _)| 1usize << place)
            .sum::<usize>();
        long.push(char::from(SUFFIX[upper]));
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ids_get_their_known_suffix() {
        for (short, suffix) in [
            ("a01M00000062mPg", "IAI"),
            ("001M000000qfPyS", "IAU"),
            ("a0RE000000IJmcN", "MAT"),
            ("a0D30000001n7Pi", "EAI"),
            ("003q000000KvQ1t", "AAF"),
            ("000000000000000", "AAA"),
            ("AbCdEfGhIjKlMnO", "VKV"),
        ] {
            let long = format!("{short}{suffix}");
            assert_eq!(to_long(short).as_deref(), Some(long.as_str()));
            assert_eq!(to_long(&long).as_deref(), Some(long.as_str()));
        }
    }

    #[test]
    fn lost_case_is_repaired_from_the_suffix() {
        assert_eq!(to_long("003Q000000KVQ1TAAF").as_deref(), Some("003q000000KvQ1tAAF"));
        assert_eq!(to_long("003q000000kvq1taaf").as_deref(), Some("003q000000KvQ1tAAF"));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "001", "001*", "001M000000qfPyS'", "001M000000qfPySIA", "001M000000qfPySI9U", "ä01M000000qfPy"]
        {
            assert_eq!(to_long(text), None, "{text}");
        }
    }
}
