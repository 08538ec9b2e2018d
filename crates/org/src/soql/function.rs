//! Functions of one value: parts of dates, labels, display forms.

use super::read::Cell;
use crate::core::schema::{FieldSchema, FieldType};
use crate::core::value::{FieldRef, FieldValue, civil_from_days, days_from_civil};

const DAY_MS: i64 = 86_400_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowFunction {
    CalendarMonth,
    CalendarQuarter,
    CalendarYear,
    DayInMonth,
    DayInWeek,
    DayInYear,
    DayOnly,
    HourInDay,
    WeekInMonth,
    WeekInYear,
    ToLabel,
    Format,
}

impl RowFunction {
    pub(crate) fn named(name: &str) -> Option<RowFunction> {
        // The fiscal year is the calendar year.
        let known = [
            ("CALENDAR_MONTH", RowFunction::CalendarMonth),
            ("CALENDAR_QUARTER", RowFunction::CalendarQuarter),
            ("CALENDAR_YEAR", RowFunction::CalendarYear),
            ("DAY_IN_MONTH", RowFunction::DayInMonth),
            ("DAY_IN_WEEK", RowFunction::DayInWeek),
            ("DAY_IN_YEAR", RowFunction::DayInYear),
            ("DAY_ONLY", RowFunction::DayOnly),
            ("FISCAL_MONTH", RowFunction::CalendarMonth),
            ("FISCAL_QUARTER", RowFunction::CalendarQuarter),
            ("FISCAL_YEAR", RowFunction::CalendarYear),
            ("HOUR_IN_DAY", RowFunction::HourInDay),
            ("WEEK_IN_MONTH", RowFunction::WeekInMonth),
            ("WEEK_IN_YEAR", RowFunction::WeekInYear),
            ("toLabel", RowFunction::ToLabel),
            ("FORMAT", RowFunction::Format),
        ];
        known.into_iter().find_map(|(own, function)| own.eq_ignore_ascii_case(name).then_some(function))
    }

    /// Whether it takes a part of a date or an instant.
    pub(crate) fn is_of_dates(self) -> bool {
        !matches!(self, RowFunction::ToLabel | RowFunction::Format)
    }

    /// Whether a field of this kind has it.
    pub(crate) fn takes(self, kind: FieldType) -> bool {
        match self {
            RowFunction::ToLabel => kind.is_text(),
            RowFunction::Format => !kind.is_compound(),
            RowFunction::HourInDay | RowFunction::DayOnly => kind == FieldType::DateTime,
            _ => matches!(kind, FieldType::Date | FieldType::DateTime),
        }
    }

    /// What it gives.
    pub(crate) fn kind(self) -> FieldType {
        match self {
            RowFunction::DayOnly => FieldType::Date,
            RowFunction::ToLabel | RowFunction::Format => FieldType::String,
            _ => FieldType::Int,
        }
    }

    /// The value of a function of a field's value.
    pub(crate) fn apply<'a>(self, cell: Cell<'a>, field: Option<&'a FieldSchema>) -> Cell<'a> {
        match (self, cell.get()) {
            (_, FieldValue::Null) => Cell::NULL,
            (RowFunction::ToLabel, FieldValue::Text(text)) => {
                let labelled = field.and_then(|field| labels(field, text));
                labelled.map_or(cell, |label| Cell::Made(FieldValue::text(&label)))
            }
            (RowFunction::ToLabel, _) => cell,
            (RowFunction::Format, value) => Cell::Made(FieldValue::text(&display(value, field))),
            (_, value) => self.part_of(value).map_or(Cell::NULL, Cell::Stored),
        }
    }

    fn part_of(self, value: FieldRef<'_>) -> Option<FieldRef<'static>> {
        let (day, ms) = match value {
            FieldValue::Date(day) => (day, 0),
            FieldValue::DateTime(ms) => (i32::try_from(ms.div_euclid(DAY_MS)).ok()?, ms.rem_euclid(DAY_MS)),
            _ => return None,
        };
        let (year, month, day_in_month) = civil_from_days(day);
        let day_in_year = day - days_from_civil(year, 1, 1) + 1;
        let number = match self {
            RowFunction::CalendarMonth => month,
            RowFunction::CalendarQuarter => (month - 1) / 3 + 1,
            RowFunction::CalendarYear => year,
            RowFunction::DayInMonth => day_in_month,
            // 1970-01-01 was a Thursday, and Sunday is 1.
            RowFunction::DayInWeek => (day + 4).rem_euclid(7) + 1,
            RowFunction::DayInYear => day_in_year,
            RowFunction::HourInDay => i32::try_from(ms / 3_600_000).ok()?,
            RowFunction::WeekInMonth => (day_in_month - 1) / 7 + 1,
            RowFunction::WeekInYear => (day_in_year - 1) / 7 + 1,
            RowFunction::DayOnly => return Some(FieldValue::Date(day)),
            RowFunction::ToLabel | RowFunction::Format => return None,
        };
        Some(FieldValue::Integer(i64::from(number)))
    }
}

/// The labels of chosen values, if a field has choices.
fn labels(field: &FieldSchema, text: &str) -> Option<String> {
    if field.picklist_values.is_empty() {
        return None;
    }
    let label = |value: &str| {
        let choice = field.picklist_values.iter().find(|choice| choice.value == value);
        choice.map_or_else(|| value.to_owned(), |choice| choice.label.clone())
    };
    let is_several = field.field_type == FieldType::MultiPicklist;
    Some(if is_several { text.split(';').map(label).collect::<Vec<_>>().join(";") } else { label(text) })
}

/// A value as a person in the United States reads it.
fn display(value: FieldRef<'_>, field: Option<&FieldSchema>) -> String {
    let date = |day: i32| {
        let (year, month, day) = civil_from_days(day);
        format!("{month}/{day}/{year}")
    };
    match value {
        FieldValue::Date(day) => date(day),
        FieldValue::DateTime(ms) => {
            let minutes = ms.rem_euclid(DAY_MS) / 60_000;
            let (hour, half) = (minutes / 60, if minutes < 720 { "AM" } else { "PM" });
            let day = i32::try_from(ms.div_euclid(DAY_MS)).unwrap_or(0);
            format!("{}, {}:{:02} {half}", date(day), (hour + 11) % 12 + 1, minutes % 60)
        }
        FieldValue::Integer(number) => thousands(&number.to_string()),
        FieldValue::Number(number) => {
            let scale = field.map_or(2, |field| usize::from(field.scale));
            let digits = thousands(&format!("{number:.scale$}"));
            match field.map(|field| field.field_type) {
                Some(FieldType::Currency) if number < 0.0 => format!("-${}", digits.trim_start_matches('-')),
                Some(FieldType::Currency) => format!("${digits}"),
                Some(FieldType::Percent) => format!("{digits}%"),
                _ => digits,
            }
        }
        other => other.as_text().map_or_else(|| other.to_json().to_string(), str::to_owned),
    }
}

/// Puts commas between the thousands of a decimal number.
fn thousands(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = String::from(sign);
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_in_the_united_states() {
        let money = FieldSchema::number("Amount", "Amount", FieldType::Currency, 18, 2);
        for (value, field, expected) in [
            (FieldValue::Number(1_234_567.5), Some(&money), "$1,234,567.50"),
            (FieldValue::Number(-12.0), Some(&money), "-$12.00"),
            (FieldValue::Integer(-1_000), None, "-1,000"),
            (FieldValue::Date(19_782), None, "2/29/2024"),
            (FieldValue::DateTime(1_309_999_020_000), None, "7/7/2011, 12:37 AM"),
            (FieldValue::Text("as it is"), None, "as it is"),
        ] {
            assert_eq!(display(value, field), expected);
        }
    }
}
