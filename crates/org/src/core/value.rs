//! The value of one field of one record, in the form that the org stores.

use std::sync::Arc;

use serde_json::{Number, Value as Json};

use super::schema::FieldSchema;

/// A value. Text is never empty and never has blanks around it; those become [`FieldValue::Null`].
///
/// `T` is how text is held: shared by default, borrowed from a stored record in a [`FieldRef`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum FieldValue<T = Arc<str>> {
    /// No value.
    #[default]
    Null,
    /// Any kind of text, picklist values and 18-character ids among them.
    Text(T),
    /// A checkbox.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number, currency amount or percentage, rounded to the field's scale.
    Number(f64),
    /// A calendar date, in days since 1970-01-01.
    Date(i32),
    /// An instant, in milliseconds since 1970 UTC; always whole seconds.
    DateTime(i64),
    /// A time of day, in milliseconds since midnight.
    Time(i32),
}

/// A value as it stands in a stored record.
pub type FieldRef<'a> = FieldValue<&'a str>;

impl FieldValue {
    /// Text, trimmed; nothing if that leaves nothing.
    pub fn text(text: &str) -> FieldValue {
        match text.trim() {
            "" => FieldValue::Null,
            trimmed => FieldValue::Text(Arc::from(trimmed)),
        }
    }

    /// The text, if this is text.
    pub fn as_text(&self) -> Option<&str> {
        self.as_field_ref().as_text()
    }

    /// The same without a copy.
    pub fn as_field_ref(&self) -> FieldRef<'_> {
        match self {
            FieldValue::Null => FieldValue::Null,
            FieldValue::Text(text) => FieldValue::Text(text),
            FieldValue::Boolean(value) => FieldValue::Boolean(*value),
            FieldValue::Integer(value) => FieldValue::Integer(*value),
            FieldValue::Number(value) => FieldValue::Number(*value),
            FieldValue::Date(days) => FieldValue::Date(*days),
            FieldValue::DateTime(ms) => FieldValue::DateTime(*ms),
            FieldValue::Time(ms) => FieldValue::Time(*ms),
        }
    }
}

impl<'a> FieldRef<'a> {
    /// The text, if this is text.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            FieldValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same as a value of its own.
    pub fn to_value(self) -> FieldValue {
        match self {
            FieldValue::Null => FieldValue::Null,
            FieldValue::Text(text) => FieldValue::Text(Arc::from(text)),
            FieldValue::Boolean(value) => FieldValue::Boolean(value),
            FieldValue::Integer(value) => FieldValue::Integer(value),
            FieldValue::Number(value) => FieldValue::Number(value),
            FieldValue::Date(days) => FieldValue::Date(days),
            FieldValue::DateTime(ms) => FieldValue::DateTime(ms),
            FieldValue::Time(ms) => FieldValue::Time(ms),
        }
    }
}

impl<T: AsRef<str>> FieldValue<T> {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, FieldValue::Null)
    }

    /// The form that the REST API gives: dates as ISO text, whole-valued decimals with a fraction.
    pub fn to_json(&self) -> Json {
        match self {
            FieldValue::Null => Json::Null,
            FieldValue::Text(text) => Json::String(text.as_ref().to_owned()),
            FieldValue::Boolean(value) => Json::Bool(*value),
            FieldValue::Integer(value) => Json::Number(Number::from(*value)),
            FieldValue::Number(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
            FieldValue::Date(days) => Json::String(format_date(*days)),
            FieldValue::DateTime(ms) => Json::String(format_datetime(*ms)),
            FieldValue::Time(ms) => Json::String(format_time(*ms)),
        }
    }

    /// The form that a person sees in the console; empty for no value.
    pub fn to_display(&self, field: &FieldSchema) -> String {
        match self {
            FieldValue::Null => String::new(),
            FieldValue::Text(text) => text.as_ref().to_owned(),
            FieldValue::Boolean(value) => value.to_string(),
            FieldValue::Integer(value) => value.to_string(),
            FieldValue::Number(value) => format!("{value:.*}", usize::from(field.scale)),
            FieldValue::Date(days) => format_date(*days),
            FieldValue::DateTime(ms) => format_datetime(*ms).replace(".000+0000", "Z"),
            FieldValue::Time(ms) => format_time(*ms),
        }
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> FieldValue {
        FieldValue::text(text)
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> FieldValue {
        FieldValue::text(&text)
    }
}

impl From<bool> for FieldValue {
    fn from(value: bool) -> FieldValue {
        FieldValue::Boolean(value)
    }
}

/// `2010-01-31`.
pub fn format_date(days: i32) -> String {
    let (year, month, day) = civil_from_days(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2011-07-07T00:37:00.000+0000`, the REST API's form (no colon in the offset).
pub fn format_datetime(ms: i64) -> String {
    let days = ms.div_euclid(86_400_000);
    let within = ms.rem_euclid(86_400_000);
    let date = format_date(i32::try_from(days).unwrap_or(0));
    let (hour, minute, second) = (within / 3_600_000, within / 60_000 % 60, within / 1000 % 60);
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{:03}+0000", within % 1000)
}

/// `13:45:00.000Z`.
pub fn format_time(ms: i32) -> String {
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Milliseconds since midnight of `13:45:00.000Z`; the seconds, their fraction and the `Z` may be missing.
pub fn parse_time(text: &str) -> Option<i32> {
    let clock = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let (second, fraction) = parts.next().map_or(("0", ""), |text| text.split_once('.').unwrap_or((text, "")));
    let second = digits(second)?;
    let thousandths = match fraction {
        "" => 0,
        fraction if fraction.len() <= 9 => {
            digits(&format!("{fraction:0<3}")[..3]).filter(|_| digits(fraction).is_some())?
        }
        _ => return None,
    };
    let is_time = parts.next().is_none() && hour <= 23 && minute <= 59 && second <= 59;
    is_time.then_some(((hour * 60 + minute) * 60 + second) * 1000 + thousandths)
}

/// Days since 1970-01-01 of `2010-01-31`; `None` if that is no date from year 1700 to 4000, Salesforce's range.
pub fn parse_date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&text[..4])?, digits(&text[5..7])?, digits(&text[8..])?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    ((1700..=4000).contains(&year) && (1..=month_length).contains(&day)).then(|| days_from_civil(year, month, day))
}

/// Milliseconds since 1970 UTC of an ISO date and time with an offset (`Z`, `+01:00`, `+0100`), fractions cut to whole seconds.
pub fn parse_datetime(text: &str) -> Option<i64> {
    if !text.is_ascii() || text.len() < 17 || !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let days = parse_date(&text[..10])?;
    let (clock, offset_minutes) = split_offset(&text[11..])?;
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let second = match parts.next() {
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
            digits(fraction.get(..fraction.len().min(9))?)?;
            digits(whole)?
        }
        None => 0,
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second) - i64::from(offset_minutes) * 60;
    Some((i64::from(days) * 86_400 + seconds) * 1000)
}

fn split_offset(text: &str) -> Option<(&str, i32)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let at = text.rfind(['+', '-'])?;
    let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
    let offset: String = text[at + 1..].chars().filter(|c| *c != ':').collect();
    if offset.len() != 4 {
        return None;
    }
    Some((&text[..at], sign * (digits(&offset[..2])? * 60 + digits(&offset[2..])?)))
}

fn digits(text: &str) -> Option<i32> {
    if text.is_empty() || !text.bytes().all(|c| c.is_ascii_digit()) { None } else { text.parse().ok() }
}

/// The proleptic Gregorian calendar, after Howard Hinnant's `days_from_civil`.
pub fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: (year, month, day).
pub fn civil_from_days(days: i32) -> (i32, i32, i32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i32::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_are_inverse() {
        for days in -98_000..200_000 {
            assert_eq!(parse_date(&format_date(days)), Some(days));
        }
        assert_eq!(parse_date("2023-02-29"), None);
        assert_eq!(parse_date("2024-02-29"), Some(19_782));
    }

    #[test]
    fn times_of_day_are_read_in_every_documented_form() {
        for text in ["13:45:00.000Z", "13:45:00Z", "13:45:00", "13:45"] {
            assert_eq!(parse_time(text).map(format_time).as_deref(), Some("13:45:00.000Z"), "{text}");
        }
        assert_eq!(parse_time("00:00:00.5Z"), Some(500));
        for text in ["24:00:00Z", "13", "13:60", "13:45:00.é", "13:45:00:00", ""] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn datetimes_are_read_in_every_documented_form() {
        let expected = Some(1_309_999_020_000);
        for text in [
            "2011-07-07T00:37:00.000+0000",
            "2011-07-07T00:37:00Z",
            "2011-07-07T02:37:00+02:00",
            "2011-07-06T19:37:00.999-0500",
            "2011-07-07T00:37Z",
        ] {
            assert_eq!(parse_datetime(text), expected, "{text}");
        }
        assert_eq!(format_datetime(1_309_999_020_000), "2011-07-07T00:37:00.000+0000");
        for text in ["2011-07-07T25:00:00Z", "2011-07-07", "2011-07-07T00:37:00", "2011-07-07T00:37:00é"] {
            assert_eq!(parse_datetime(text), None, "{text}");
        }
    }
}
