//! Date words such as `TODAY` and `LAST_N_DAYS:30`, as spans of whole days in UTC.

use crate::core::value::{civil_from_days, days_from_civil};

/// Days from `start` up to, not including, `end`; both since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DaySpan {
    pub(crate) start: i32,
    pub(crate) end: i32,
}

/// The span that an upper-case word names, or nothing if it is no date word.
pub(crate) fn span(word: &str, number: Option<i32>, now_ms: i64) -> Option<DaySpan> {
    let today = i32::try_from(now_ms.div_euclid(86_400_000)).ok()?;
    let (year, month, _) = civil_from_days(today);
    // Weeks begin on Sunday in the org's locale (en_US); 1970-01-01 was a Thursday.
    let week = today - (today + 4).rem_euclid(7);
    let days = |start, length| Some(DaySpan { start, end: start + length });
    let months = |from: i32, to: i32| Some(DaySpan { start: first_of(year, from), end: first_of(year, to) });
    match (word, number) {
        ("YESTERDAY", None) => days(today - 1, 1),
        ("TODAY", None) => days(today, 1),
        ("TOMORROW", None) => days(today + 1, 1),
        ("LAST_WEEK", None) => days(week - 7, 7),
        ("THIS_WEEK", None) => days(week, 7),
        ("NEXT_WEEK", None) => days(week + 7, 7),
        ("LAST_MONTH", None) => months(month - 1, month),
        ("THIS_MONTH", None) => months(month, month + 1),
        ("NEXT_MONTH", None) => months(month + 1, month + 2),
        ("LAST_90_DAYS", None) => days(today - 90, 91),
        ("NEXT_90_DAYS", None) => days(today + 1, 90),
        ("LAST_YEAR", None) => months(-11, 1),
        ("THIS_YEAR", None) => months(1, 13),
        ("NEXT_YEAR", None) => months(13, 25),
        ("LAST_N_DAYS", Some(count)) => days(today - count, count + 1),
        ("NEXT_N_DAYS", Some(count)) => days(today + 1, count),
        ("N_DAYS_AGO", Some(count)) => days(today - count, 1),
        _ => None,
    }
}

/// The first day of a month, counted from January of `year`; months beyond the year's roll over.
fn first_of(year: i32, month: i32) -> i32 {
    days_from_civil(year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1, 1)
}
