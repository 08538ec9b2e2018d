//! S1: once all is quiet, both sides of every pair agree, but for what is parked; and nothing is parked without a cause.

use std::collections::BTreeSet;

use syncline_model::{issue::IssueKind, profile::Profile};

use super::Report;
use crate::{
    evidence::{Evidence, INBOUND, OUTBOUND, Plain, key_of},
    fault::FaultKind,
    schedule::{Change, Schedule},
};

const CHECKER: &str = "CK-CONV";

/// What may be parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever the trouble of the schedule made Salesforce refuse.
    AfterTrouble,
    /// Only what a person still has to settle: everything was tried again since the trouble ended.
    AfterRetry,
}

pub(crate) fn converged(report: &mut Report, evidence: &Evidence, schedule: &Schedule, expected: Expected) {
    for object in ["Contact", "Account"] {
        for profile in evidence.profiles(object).values() {
            pair(report, evidence, schedule, expected, object, profile);
        }
    }
    for issue in &evidence.issues {
        let object = if issue.profile_kind.as_str() == "company" { "Account" } else { "Contact" };
        let Some(profile) = evidence.profiles(object).get(&issue.profile_id) else { continue };
        let is_due = match issue.issue.kind {
            // That one of them has gone is noticed with the next look-up: nobody is linked to it.
            IssueKind::AmbiguousKey => match expected {
                Expected::AfterTrouble => had_duplicates(evidence, profile, object),
                Expected::AfterRetry => evidence.candidates(profile, object).len() > 1,
            },
            IssueKind::ValueMisfit => misfits(profile, object, issue.issue.field.as_deref()),
            IssueKind::FieldRejected | IssueKind::RecordRejected | IssueKind::SchemaChanged => match expected {
                Expected::AfterTrouble => schedule.troubles.iter().any(|trouble| trouble.kind.may_park()),
                Expected::AfterRetry => may_stay(schedule, issue.issue.field.as_deref()),
            },
        };
        report.examine(CHECKER, is_due, || {
            format!("{} has an issue without a cause ({expected:?}): {:?}", issue.profile_id, issue.issue)
        });
    }
}

fn pair(
    report: &mut Report,
    evidence: &Evidence,
    schedule: &Schedule,
    expected: Expected,
    object: &'static str,
    profile: &Profile,
) {
    let candidates = evidence.candidates(profile, object);
    let record = candidates.first().map(|id| (*id, &evidence.records[*id]));
    let may_park = |field: &str| match expected {
        Expected::AfterTrouble => true,
        Expected::AfterRetry => may_stay(schedule, Some(field)),
    };
    for (_, field, attribute) in INBOUND.iter().filter(|line| line.0 == object) {
        let (source, target) = (
            record.map_or(Plain::Nothing, |(_, live)| live.field(field)),
            Plain::of_value(profile.attribute(attribute)),
        );
        let is_right =
            source == target || may_park(field) && evidence.is_parked(object, &profile.id, &[field, attribute]);
        report.examine(CHECKER, is_right, || {
            format!(
                "{} of {} is {target:?}, but {field} of {:?} is {source:?} ({expected:?})",
                attribute,
                profile.id,
                record.map(|(id, _)| id)
            )
        });
    }
    let Some((id, live)) = record else { return };
    for line in OUTBOUND.iter().filter(|line| line.object == object) {
        let (source, target) = (Plain::of_value(profile.attribute(line.from)), live.field(line.to));
        let is_parked = evidence.is_parked(object, &profile.id, &[line.from, line.to]);
        let is_right = match line.kept(&source) {
            Some(kept) => kept == target || may_park(line.to) && is_parked,
            None => is_parked,
        };
        report.examine(CHECKER, is_right, || {
            format!(
                "{} of {id} is {target:?}, but {} of {} is {source:?} (parked: {is_parked}, {expected:?})",
                line.to, line.from, profile.id
            )
        });
    }
}

/// Whether several records had the profile's key, at whatever time.
fn had_duplicates(evidence: &Evidence, profile: &Profile, object: &str) -> bool {
    let Some(key) = key_of(profile, object) else { return false };
    let records: BTreeSet<&str> =
        evidence.history.iter().filter(|change| change.object == object).map(|change| change.record.as_str()).collect();
    records.into_iter().filter(|record| evidence.record_keys(record, object).contains(&key)).count() > 1
}

/// Whether a value of the profile does not fit its field.
fn misfits(profile: &Profile, object: &str, field: Option<&str>) -> bool {
    let lines = OUTBOUND.iter().filter(|line| line.object == object && field.is_none_or(|field| field == line.to));
    lines.into_iter().any(|line| line.kept(&Plain::of_value(profile.attribute(line.from))).is_none())
}

/// Whoever keeps changing a field back wins for ten minutes, whatever a person tries.
fn may_stay(schedule: &Schedule, field: Option<&str>) -> bool {
    let overwrites = schedule.steps.iter().filter(|step| matches!(step.change, Change::Overwrite { .. })).count();
    (schedule.has(FaultKind::TriggerReverts) || overwrites >= 3) && field == Some("userflow_user_plan__c")
}
