//! When a calendar event begins and ends: told in four ways, which must agree (Object reference, Event).

use crate::core::error::WriteError;
use crate::core::row::{Draft, Row};
use crate::core::schema::{FieldIndex, ObjectSchema};
use crate::core::value::FieldValue;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// An event lasts 14 days at most.
const MINUTES_MAX: i64 = 14 * 24 * 60;

fn integrity(field: &str, message: &str) -> WriteError {
    WriteError::at("FIELD_INTEGRITY_EXCEPTION", field, message)
}

fn instant(value: FieldValue<&str>) -> Option<i64> {
    match value {
        FieldValue::DateTime(ms) => Some(ms),
        FieldValue::Date(day) => Some(i64::from(day) * DAY_MS),
        _ => None,
    }
}

/// Completes the times of an event from those that were given.
pub(super) fn derive(schema: &ObjectSchema, before: Option<&Row>, row: &mut Draft) -> Result<(), WriteError> {
    let at = |name: &str| schema.index_of(name).expect("the catalogue gives events this field");
    let (start, end, duration) = (at("StartDateTime"), at("EndDateTime"), at("DurationInMinutes"));
    let (activity, day) = (at("ActivityDateTime"), at("ActivityDate"));
    let is_all_day = row.get(at("IsAllDayEvent")) == FieldValue::Boolean(true);
    let is_given = |row: &Draft, index: FieldIndex| {
        !row.get(index).is_null() && before.is_none_or(|before| before.get(index) != row.get(index))
    };
    let given = |row: &Draft, index: FieldIndex| instant(row.get(index)).filter(|_| is_given(row, index));

    let starts: Vec<i64> = [start, if is_all_day { day } else { activity }]
        .into_iter()
        .filter_map(|index| given(row, index))
        .map(|ms| if is_all_day { ms.div_euclid(DAY_MS) * DAY_MS } else { ms })
        .collect();
    if starts.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(integrity("StartDateTime", "Start Date Time and Activity Date Time must be the same"));
    }
    let known = before.and_then(|before| instant(before.get(start)));
    let Some(begins) = starts.first().copied().or(known) else {
        let missing = if is_all_day { ["ActivityDate"].as_slice() } else { &["DurationInMinutes", "ActivityDateTime"] };
        return Err(WriteError::missing(missing.iter().map(|name| (*name).to_owned()).collect()));
    };
    let minutes = minutes(row, before, [end, duration], begins, is_all_day, &is_given)?;
    if minutes < 0 {
        return Err(integrity("EndDateTime", "Event duration can not be negative."));
    }
    if minutes > MINUTES_MAX {
        return Err(integrity("DurationInMinutes", "Event duration can not be longer than 14 days."));
    }
    // The end of an event of whole days is the midnight with which its last day begins.
    let ends = if is_all_day { begins + (minutes - 24 * 60).max(0) * MINUTE_MS } else { begins + minutes * MINUTE_MS };
    row.set(start, FieldValue::DateTime(begins));
    row.set(end, FieldValue::DateTime(ends));
    row.set(duration, FieldValue::Integer(minutes));
    row.set(activity, if is_all_day { FieldValue::Null } else { FieldValue::DateTime(begins) });
    row.set(day, FieldValue::Date(begins.div_euclid(DAY_MS) as i32));
    row.set(at("EndDate"), FieldValue::Date(ends.div_euclid(DAY_MS) as i32));
    Ok(())
}

/// How long the event lasts.
fn minutes(
    row: &Draft,
    before: Option<&Row>,
    [end, duration]: [FieldIndex; 2],
    begins: i64,
    is_all_day: bool,
    is_given: &dyn Fn(&Draft, FieldIndex) -> bool,
) -> Result<i64, WriteError> {
    let until = instant(row.get(end)).filter(|_| is_given(row, end)).map(|ends| match is_all_day {
        true => (ends.div_euclid(DAY_MS) * DAY_MS - begins) / MINUTE_MS + 24 * 60,
        false => (ends - begins).div_euclid(MINUTE_MS),
    });
    let whole_minutes = |value: FieldValue<&str>| match value {
        FieldValue::Integer(minutes) => Some(minutes),
        _ => None,
    };
    let told = whole_minutes(row.get(duration)).filter(|_| is_given(row, duration));
    match (until, told, before.and_then(|before| whole_minutes(before.get(duration)))) {
        (Some(until), Some(told), _) if until != told => {
            Err(integrity("DurationInMinutes", "Duration, start and end of the event do not agree"))
        }
        (Some(minutes), ..) | (None, Some(minutes), _) | (None, None, Some(minutes)) => Ok(minutes),
        (None, None, None) if is_all_day => Ok(24 * 60),
        (None, None, None) => Err(WriteError::missing(vec!["DurationInMinutes".to_owned()])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::value::parse_datetime;
    use crate::core::{Org, OrgProfile};

    fn at(text: &str) -> FieldValue {
        FieldValue::DateTime(parse_datetime(text).expect("a time"))
    }

    /// What the given times lead to: start, end, minutes; or the code of the refusal.
    fn derived(given: &[(&str, FieldValue)]) -> Result<(FieldValue, FieldValue, FieldValue), &'static str> {
        let org = Org::new(&OrgProfile::default(), [1; 32], 0);
        let schema = org.object("Event").expect("there are events");
        let index = |name: &str| schema.index_of(name).expect("a field of events");
        let mut row = Draft::default();
        given.iter().for_each(|(name, value)| row.set(index(name), value.clone()));
        derive(schema, None, &mut row).map_err(|error| error.code)?;
        let value = |name: &str| row.get(index(name)).to_value();
        Ok((value("StartDateTime"), value("EndDateTime"), value("DurationInMinutes")))
    }

    #[test]
    fn an_end_and_a_duration_say_the_same() {
        let (start, end) = (at("2024-03-01T10:00:00Z"), at("2024-03-01T11:30:00Z"));
        let expected = Ok((start.clone(), end.clone(), FieldValue::Integer(90)));
        let minutes = ("DurationInMinutes", FieldValue::Integer(90));
        assert_eq!(derived(&[("StartDateTime", start.clone()), ("EndDateTime", end.clone())]), expected);
        assert_eq!(derived(&[("ActivityDateTime", start.clone()), minutes.clone()]), expected);
        assert_eq!(derived(&[("StartDateTime", start.clone()), ("EndDateTime", end), minutes]), expected);
    }

    #[test]
    fn what_contradicts_itself_or_is_not_enough_is_refused() {
        let (start, end) = (at("2024-03-01T10:00:00Z"), at("2024-03-01T11:30:00Z"));
        let minutes = |minutes| ("DurationInMinutes", FieldValue::Integer(minutes));
        assert_eq!(derived(&[("StartDateTime", start.clone())]), Err("REQUIRED_FIELD_MISSING"));
        assert_eq!(derived(&[minutes(5)]), Err("REQUIRED_FIELD_MISSING"));
        for wrong in [
            vec![("StartDateTime", end.clone()), ("EndDateTime", start.clone())],
            vec![("StartDateTime", start.clone()), ("EndDateTime", end.clone()), minutes(60)],
            vec![("StartDateTime", start.clone()), ("ActivityDateTime", end), minutes(60)],
            vec![("StartDateTime", start), minutes(14 * 24 * 60 + 1)],
        ] {
            assert_eq!(derived(&wrong), Err("FIELD_INTEGRITY_EXCEPTION"), "{wrong:?}");
        }
    }

    #[test]
    fn an_event_of_whole_days_begins_and_ends_at_midnight() {
        let midnight = at("2024-03-01T00:00:00Z");
        let all_day = ("IsAllDayEvent", FieldValue::Boolean(true));
        let day = ("ActivityDate", FieldValue::Date(19_783));
        assert_eq!(
            derived(&[all_day.clone(), day]),
            Ok((midnight.clone(), midnight.clone(), FieldValue::Integer(24 * 60)))
        );
        let two_days = [all_day, ("StartDateTime", midnight.clone()), ("EndDateTime", at("2024-03-02T00:00:00Z"))];
        assert_eq!(derived(&two_days), Ok((midnight, at("2024-03-02T00:00:00Z"), FieldValue::Integer(48 * 60))));
    }
}
