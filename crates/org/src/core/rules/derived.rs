//! The fields of a record that follow from others of the same record.

mod event_time;

use super::round_to_scale;
use crate::core::catalog::{CASE_STATUSES, STAGES, TASK_PRIORITIES, TASK_STATUSES, forecast_category};
use crate::core::error::WriteError;
use crate::core::row::{Draft, Row};
use crate::core::schema::ObjectSchema;
use crate::core::value::{FieldRef, FieldValue, civil_from_days};

const LEAD_PREFIX: &str = "00Q";

/// Sets the fields that follow from others of the same record. `before` is the record as it was, for an update.
///
/// # Errors
/// Where fields contradict each other.
pub(crate) fn derive(
    schema: &ObjectSchema,
    before: Option<&Row>,
    row: &mut Draft,
    now_ms: i64,
) -> Result<(), WriteError> {
    match schema.name.as_str() {
        "Contact" | "Lead" | "User" | "Individual" => derive_person_name(schema, row),
        "Opportunity" => derive_opportunity(schema, before, row, now_ms),
        "Task" => {
            derive_relations(schema, row)?;
            derive_task(schema, before, row, now_ms);
        }
        "Event" => {
            derive_relations(schema, row)?;
            event_time::derive(schema, before, row)?;
        }
        "Case" => derive_case(schema, before, row),
        _ => {}
    }
    Ok(())
}

pub(crate) fn derive_person_name(schema: &ObjectSchema, row: &mut Draft) {
    let part = |name: &str| schema.index_of(name).and_then(|index| row.get(index).as_text()).unwrap_or("");
    let name = FieldValue::text(&format!("{} {}", part("FirstName"), part("LastName")));
    if let Some(index) = schema.index_of("Name") {
        row.set(index, name);
    }
}

fn derive_opportunity(schema: &ObjectSchema, before: Option<&Row>, row: &mut Draft, now_ms: i64) {
    let at = |name: &str| schema.index_of(name).expect("the catalogue gives opportunities this field");
    let (stage, probability, forecast) = (at("StageName"), at("Probability"), at("ForecastCategoryName"));
    let same_as_before = |index| before.is_some_and(|before| before.get(index) == row.get(index));
    let stage_changed = !same_as_before(stage);
    let probability_given =
        if before.is_some() { !same_as_before(probability) } else { !row.get(probability).is_null() };
    let forecast_given = if before.is_some() { !same_as_before(forecast) } else { !row.get(forecast).is_null() };
    let known =
        STAGES.iter().find(|known| row.get(stage).as_text().is_some_and(|name| name.eq_ignore_ascii_case(known.0)));
    if let (Some(&(_, percent, closed, won, category)), true) = (known, stage_changed) {
        if !probability_given {
            row.set(probability, FieldValue::Number(percent));
        }
        if !forecast_given {
            row.set(forecast, category.into());
        }
        row.set(at("IsClosed"), closed.into());
        row.set(at("IsWon"), won.into());
        if before.is_some() {
            row.set(at("LastStageChangeDate"), FieldValue::DateTime(now_ms / 1000 * 1000));
        }
    }
    let category = row.get(forecast).as_text().and_then(forecast_category);
    row.set(at("ForecastCategory"), category.map_or(FieldValue::Null, FieldValue::from));
    let expected = match (row.get(at("Amount")), row.get(probability)) {
        (FieldValue::Number(amount), FieldValue::Number(percent)) => {
            FieldValue::Number(round_to_scale(amount * percent / 100.0, 2))
        }
        _ => FieldValue::Null,
    };
    row.set(at("ExpectedRevenue"), expected);
    let month_of = |value: FieldRef<'_>| match value {
        FieldValue::Date(day) => Some(civil_from_days(day)).map(|(year, month, _)| (year, month)),
        _ => None,
    };
    // A close date that moves to a later month was pushed.
    let (was, is) =
        (before.and_then(|before| month_of(before.get(at("CloseDate")))), month_of(row.get(at("CloseDate"))));
    if was.is_some()
        && is > was
        && let FieldValue::Integer(pushes) = row.get(at("PushCount"))
    {
        row.set(at("PushCount"), FieldValue::Integer(pushes + 1));
    }
    if let FieldValue::Date(days) = row.get(at("CloseDate")) {
        let (year, month, _) = civil_from_days(days);
        let quarter = (month - 1) / 3 + 1;
        row.set(at("FiscalYear"), FieldValue::Integer(i64::from(year)));
        row.set(at("FiscalQuarter"), FieldValue::Integer(i64::from(quarter)));
        row.set(at("Fiscal"), format!("{year} {quarter}").into());
    }
}

fn derive_task(schema: &ObjectSchema, before: Option<&Row>, row: &mut Draft, now_ms: i64) {
    let at = |name: &str| schema.index_of(name).expect("the catalogue gives tasks this field");
    let status = row.get(at("Status")).as_text().unwrap_or("");
    let closed = TASK_STATUSES.iter().any(|(name, closed)| *closed && status.eq_ignore_ascii_case(name));
    let was_closed = before.is_some_and(|before| before.get(at("IsClosed")) == FieldValue::Boolean(true));
    row.set(at("IsClosed"), closed.into());
    match (closed, was_closed) {
        (true, false) if row.get(at("CompletedDateTime")).is_null() => {
            row.set(at("CompletedDateTime"), FieldValue::DateTime(now_ms / 1000 * 1000));
        }
        (false, _) => row.set(at("CompletedDateTime"), FieldValue::Null),
        _ => {}
    }
    let priority = row.get(at("Priority")).as_text().unwrap_or("");
    let high = TASK_PRIORITIES.iter().any(|(name, high)| *high && priority.eq_ignore_ascii_case(name));
    row.set(at("IsHighPriority"), high.into());
}

/// A lead is not about anything else (Object reference, Task, `WhatId`).
fn derive_relations(schema: &ObjectSchema, row: &mut Draft) -> Result<(), WriteError> {
    let at = |name: &str| schema.index_of(name).expect("the catalogue gives activities this field");
    let is_lead = row.get(at("WhoId")).as_text().is_some_and(|id| id.starts_with(LEAD_PREFIX));
    if is_lead && !row.get(at("WhatId")).is_null() {
        let message = "Related To ID: cannot be set when the Name ID is that of a lead";
        return Err(WriteError::at("FIELD_INTEGRITY_EXCEPTION", "WhatId", message));
    }
    for (count, reference) in [("WhoCount", "WhoId"), ("WhatCount", "WhatId")] {
        let present = !row.get(at(reference)).is_null();
        row.set(at(count), FieldValue::Integer(i64::from(present)));
    }
    Ok(())
}

fn derive_case(schema: &ObjectSchema, before: Option<&Row>, row: &mut Draft) {
    let at = |name: &str| schema.index_of(name).expect("the catalogue gives cases this field");
    let status = row.get(at("Status")).as_text().unwrap_or("");
    let closed = CASE_STATUSES.iter().any(|(name, closed)| *closed && status.eq_ignore_ascii_case(name));
    row.set(at("IsClosed"), closed.into());
    if before.is_none() {
        row.set(at("IsClosedOnCreate"), closed.into());
    }
}
