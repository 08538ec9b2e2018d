//! Date words such as `TODAY` and `LAST_N_DAYS:30`, as spans of whole days in UTC. The fiscal year is the calendar year.

use crate::core::value::{civil_from_days, days_from_civil};

/// Days from `start` up to, not including, `end`; both since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DaySpan {
    pub(crate) start: i32,
    pub(crate) end: i32,
}

/// What a date word counts.
#[derive(Clone, Copy)]
enum Unit {
    Day,
    Week,
    /// As many months.
    Months(i32),
}

const UNITS: [(&str, Unit); 7] = [
    ("DAY", Unit::Day),
    ("WEEK", Unit::Week),
    ("MONTH", Unit::Months(1)),
    ("QUARTER", Unit::Months(3)),
    ("YEAR", Unit::Months(12)),
    ("FISCAL_QUARTER", Unit::Months(3)),
    ("FISCAL_YEAR", Unit::Months(12)),
];

/// The span that an upper-case word names, or nothing if it is no date word.
pub(crate) fn span(word: &str, number: Option<i32>, now_ms: i64) -> Option<DaySpan> {
    let today = i32::try_from(now_ms.div_euclid(86_400_000)).ok()?;
    let days = |from: i32, to: i32| Some(DaySpan { start: today + from, end: today + to });
    match (word, number) {
        ("YESTERDAY", None) => days(-1, 0),
        ("TODAY", None) => days(0, 1),
        ("TOMORROW", None) => days(1, 2),
        // Days count to and including today; longer units leave the current one out.
        ("LAST_90_DAYS", None) => days(-90, 1),
        ("NEXT_90_DAYS", None) => days(1, 91),
        ("LAST_N_DAYS", Some(count)) => days(-count, 1),
        (word, None) => {
            let (from, unit) = [("LAST_", -1), ("THIS_", 0), ("NEXT_", 1)]
                .into_iter()
                .find_map(|(prefix, from)| Some((from, named(word.strip_prefix(prefix)?, false)?)))?;
            Some(units(unit, today, from, from + 1))
        }
        (word, Some(count)) => {
            if let Some(unit) = word.strip_prefix("N_").and_then(|rest| named(rest.strip_suffix("_AGO")?, true)) {
                return Some(units(unit, today, -count, -count + 1));
            }
            if let Some(unit) = word.strip_prefix("LAST_N_").and_then(|rest| named(rest, true)) {
                return Some(units(unit, today, -count, 0));
            }
            let unit = word.strip_prefix("NEXT_N_").and_then(|rest| named(rest, true))?;
            Some(units(unit, today, 1, count + 1))
        }
    }
}

fn named(word: &str, is_plural: bool) -> Option<Unit> {
    let word = if is_plural { word.strip_suffix('S')? } else { word };
    // `LAST_DAY` is no word: it is called `YESTERDAY`.
    let (_, unit) = UNITS.iter().find(|(name, unit)| *name == word && (is_plural || !matches!(unit, Unit::Day)))?;
    Some(*unit)
}

/// The units from the `from`th up to, not including, the `to`th; the current one is the 0th.
fn units(unit: Unit, today: i32, from: i32, to: i32) -> DaySpan {
    let starts = |position: i32| match unit {
        Unit::Day => today + position,
        // Weeks begin on Sunday in the org's locale (en_US); 1970-01-01 was a Thursday.
        Unit::Week => today - (today + 4).rem_euclid(7) + 7 * position,
        Unit::Months(length) => {
            let (year, month, _) = civil_from_days(today);
            let months = (month - 1) / length * length + length * position;
            days_from_civil(year + months.div_euclid(12), months.rem_euclid(12) + 1, 1)
        }
    };
    DaySpan { start: starts(from), end: starts(to) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::value::format_date;

    #[test]
    fn every_word_has_its_span() {
        // Wednesday, 2023-11-15.
        let now_ms = 1_700_000_000_000 + 86_400_000;
        for (word, number, start, end) in [
            ("YESTERDAY", None, "2023-11-14", "2023-11-15"),
            ("TODAY", None, "2023-11-15", "2023-11-16"),
            ("TOMORROW", None, "2023-11-16", "2023-11-17"),
            ("LAST_WEEK", None, "2023-11-05", "2023-11-12"),
            ("THIS_WEEK", None, "2023-11-12", "2023-11-19"),
            ("NEXT_WEEK", None, "2023-11-19", "2023-11-26"),
            ("LAST_MONTH", None, "2023-10-01", "2023-11-01"),
            ("THIS_MONTH", None, "2023-11-01", "2023-12-01"),
            ("NEXT_MONTH", None, "2023-12-01", "2024-01-01"),
            ("LAST_90_DAYS", None, "2023-08-17", "2023-11-16"),
            ("NEXT_90_DAYS", None, "2023-11-16", "2024-02-14"),
            ("LAST_N_DAYS", Some(2), "2023-11-13", "2023-11-16"),
            ("NEXT_N_DAYS", Some(2), "2023-11-16", "2023-11-18"),
            ("N_DAYS_AGO", Some(2), "2023-11-13", "2023-11-14"),
            ("LAST_N_WEEKS", Some(2), "2023-10-29", "2023-11-12"),
            ("NEXT_N_WEEKS", Some(2), "2023-11-19", "2023-12-03"),
            ("N_WEEKS_AGO", Some(1), "2023-11-05", "2023-11-12"),
            ("LAST_N_MONTHS", Some(2), "2023-09-01", "2023-11-01"),
            ("NEXT_N_MONTHS", Some(2), "2023-12-01", "2024-02-01"),
            ("N_MONTHS_AGO", Some(11), "2022-12-01", "2023-01-01"),
            ("THIS_QUARTER", None, "2023-10-01", "2024-01-01"),
            ("LAST_QUARTER", None, "2023-07-01", "2023-10-01"),
            ("NEXT_QUARTER", None, "2024-01-01", "2024-04-01"),
            ("LAST_N_QUARTERS", Some(4), "2022-10-01", "2023-10-01"),
            ("NEXT_N_QUARTERS", Some(1), "2024-01-01", "2024-04-01"),
            ("N_QUARTERS_AGO", Some(1), "2023-07-01", "2023-10-01"),
            ("THIS_YEAR", None, "2023-01-01", "2024-01-01"),
            ("LAST_YEAR", None, "2022-01-01", "2023-01-01"),
            ("NEXT_YEAR", None, "2024-01-01", "2025-01-01"),
            ("LAST_N_YEARS", Some(2), "2021-01-01", "2023-01-01"),
            ("NEXT_N_YEARS", Some(2), "2024-01-01", "2026-01-01"),
            ("N_YEARS_AGO", Some(3), "2020-01-01", "2021-01-01"),
            ("THIS_FISCAL_QUARTER", None, "2023-10-01", "2024-01-01"),
            ("LAST_FISCAL_QUARTER", None, "2023-07-01", "2023-10-01"),
            ("NEXT_FISCAL_QUARTER", None, "2024-01-01", "2024-04-01"),
            ("LAST_N_FISCAL_QUARTERS", Some(1), "2023-07-01", "2023-10-01"),
            ("NEXT_N_FISCAL_QUARTERS", Some(1), "2024-01-01", "2024-04-01"),
            ("N_FISCAL_QUARTERS_AGO", Some(1), "2023-07-01", "2023-10-01"),
            ("THIS_FISCAL_YEAR", None, "2023-01-01", "2024-01-01"),
            ("LAST_FISCAL_YEAR", None, "2022-01-01", "2023-01-01"),
            ("NEXT_FISCAL_YEAR", None, "2024-01-01", "2025-01-01"),
            ("LAST_N_FISCAL_YEARS", Some(1), "2022-01-01", "2023-01-01"),
            ("NEXT_N_FISCAL_YEARS", Some(1), "2024-01-01", "2025-01-01"),
            ("N_FISCAL_YEARS_AGO", Some(1), "2022-01-01", "2023-01-01"),
        ] {
            let found = span(word, number, now_ms).unwrap_or_else(|| panic!("{word} is no date word"));
            assert_eq!((format_date(found.start).as_str(), format_date(found.end).as_str()), (start, end), "{word}");
        }
        for (word, number) in
            [("LAST_DAY", None), ("LAST_N_DAYS", None), ("TODAY", Some(1)), ("N_DAYS", Some(1)), ("X", None)]
        {
            assert_eq!(span(word, number, now_ms), None, "{word}");
        }
        for word in ["LAST_N_YEARS", "NEXT_N_YEARS", "LAST_N_WEEKS", "N_QUARTERS_AGO"] {
            assert!(span(word, Some(1_000_000), now_ms).is_some(), "{word}");
        }
    }
}
