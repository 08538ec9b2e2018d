//! How a long text differs from the one before it, as change events tell it.
//!
//! Knows texts only. The form is the unified one without context lines, its second line naming the SHA-256 of the new text
//! (Change Data Capture guide, "Sending Data Differences for Fields of Updated Records").

use std::fmt::Write;

/// Shorter texts are told whole.
const CHARACTERS_MIN: usize = 1_000;
/// More cells than this make comparing cost more than it saves.
const COMPARISONS_MAX: usize = 4_000_000;

/// The difference, where it is worth telling: both texts are long, alike enough, and the difference is the shorter.
pub(crate) fn difference(old: &str, new: &str) -> Option<String> {
    let (old_length, new_length) = (old.chars().count(), new.chars().count());
    if old_length < CHARACTERS_MIN || new_length < CHARACTERS_MIN {
        return None;
    }
    if old_length.abs_diff(new_length) * 2 > old_length {
        return None;
    }
    let (old_lines, new_lines): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let hunks = hunks(&old_lines, &new_lines)?;
    let changed: usize = hunks.iter().map(|hunk| hunk.old.len() + hunk.new.len()).sum();
    if changed * 4 > old_lines.len() + new_lines.len() {
        return None;
    }
    let mut text = format!("--- \n+++ {}", sha256(new));
    for Hunk { old, new } in hunks {
        let place = |lines: &std::ops::Range<usize>| {
            // A side without lines is named by the line before it.
            let first = if lines.is_empty() { lines.start } else { lines.start + 1 };
            format!("{first},{}", lines.len())
        };
        write!(text, "\n@@ -{} +{} @@", place(&old), place(&new)).expect("a String takes everything");
        for line in &old_lines[old] {
            write!(text, "\n-{line}").expect("a String takes everything");
        }
        for line in &new_lines[new] {
            write!(text, "\n+{line}").expect("a String takes everything");
        }
    }
    (text.chars().count() < new_length).then_some(text)
}

fn sha256(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}

/// Lines of the old text that lines of the new one stand for; either may be none.
#[derive(Debug, PartialEq)]
struct Hunk {
    old: std::ops::Range<usize>,
    new: std::ops::Range<usize>,
}

/// Where the lines differ, by their longest common subsequence; `None` if that would take too long.
fn hunks(old: &[&str], new: &[&str]) -> Option<Vec<Hunk>> {
    let alike = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(old, new)| old == new).count();
    let head = alike(&mut old.iter().zip(new));
    let tail = alike(&mut old[head..].iter().rev().zip(new[head..].iter().rev()));
    let (old_middle, new_middle) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let width = new_middle.len() + 1;
    if (old_middle.len() + 1).checked_mul(width)? > COMPARISONS_MAX {
        return None;
    }

    // For each pair of places, how many lines the rests behind them have in common.
    let mut common = vec![0u32; (old_middle.len() + 1) * width];
    for (i, old) in old_middle.iter().enumerate().rev() {
        for (j, new) in new_middle.iter().enumerate().rev() {
            common[i * width + j] = if old == new {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }

    let mut hunks: Vec<Hunk> = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < old_middle.len() || j < new_middle.len() {
        if i < old_middle.len() && j < new_middle.len() && old_middle[i] == new_middle[j] {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let takes_old =
            j == new_middle.len() || (i < old_middle.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]);
        let (old_at, new_at) = (head + i, head + j);
        match hunks.last_mut().filter(|hunk| hunk.old.end == old_at && hunk.new.end == new_at) {
            Some(hunk) if takes_old => hunk.old.end += 1,
            Some(hunk) => hunk.new.end += 1,
            None if takes_old => hunks.push(Hunk { old: old_at..old_at + 1, new: new_at..new_at }),
            None => hunks.push(Hunk { old: old_at..old_at, new: new_at..new_at + 1 }),
        }
        if takes_old { i += 1 } else { j += 1 }
    }
    Some(hunks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Puts a difference back on the old text, line by line, in the way of the `patch` program.
    fn patched(old: &str, difference: &str) -> String {
        let old: Vec<&str> = old.split('\n').collect();
        let (mut lines, mut at) = (Vec::new(), 0);
        for line in difference.split('\n').skip(2) {
            if let Some(place) = line.strip_prefix("@@ -") {
                let (first, count) = place.split_once(' ').and_then(|(old, _)| old.split_once(',')).expect("a place");
                let (first, count): (usize, usize) = (first.parse().expect("a number"), count.parse().expect("one"));
                let start = if count == 0 { first } else { first - 1 };
                lines.extend(&old[at..start]);
                at = start;
            } else if let Some(removed) = line.strip_prefix('-') {
                assert_eq!(old[at], removed);
                at += 1;
            } else {
                lines.push(line.strip_prefix('+').expect("a changed line"));
            }
        }
        lines.extend(&old[at..]);
        lines.join("\n")
    }

    fn long_text(lines: usize) -> Vec<String> {
        (0..lines)
            .map(|line| format!("line {line} of a text that is long enough to be told by its differences"))
            .collect()
    }

    #[test]
    fn a_changed_line_is_told_with_the_hash_of_the_whole() {
        let old = long_text(20);
        let mut new = old.clone();
        new[6] = "changed".to_owned();
        let difference = difference(&old.join("\n"), &new.join("\n")).expect("alike enough");
        let expected = format!("--- \n+++ {}\n@@ -7,1 +7,1 @@\n-{}\n+changed", sha256(&new.join("\n")), old[6]);
        assert_eq!(difference, expected);
    }

    #[test]
    fn short_or_strange_texts_are_told_whole() {
        let old = long_text(20).join("\n");
        assert_eq!(difference("short", &old), None);
        assert_eq!(difference(&old, "short"), None);
        assert_eq!(difference(&old, &old.replace("line", "row")), None, "most lines differ");
        assert_eq!(difference(&old, &old.repeat(2)), None, "much longer");
    }

    proptest! {
        #[test]
        fn a_difference_leads_from_the_old_text_to_the_new(
            edits in proptest::collection::vec((0usize..40, 0u8..3), 1..8),
        ) {
            let old = long_text(40);
            let mut new = old.clone();
            for (at, kind) in edits {
                let at = at % new.len();
                match kind {
                    0 => drop(new.remove(at)),
                    1 => new.insert(at, "-+@ inserted".to_owned()),
                    _ => new[at] = "@@ changed".to_owned(),
                }
            }
            let (old, new) = (old.join("\n"), new.join("\n"));
            if let Some(difference) = difference(&old, &new) {
                prop_assert_eq!(patched(&old, &difference), new);
            }
        }
    }
}
