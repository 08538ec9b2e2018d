//! What was written: S2 (nothing that the other side never said), S3 (nothing older after something newer), S4 and S5 (nothing
//! beyond what the mapping allows), S6 and S7 (no activity, as none is mapped).

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use crate::{
    evidence::{Evidence, FieldChange, INBOUND, OUTBOUND, Outbound, Plain},
    fault::FaultKind,
    schedule::Schedule,
    tap::Note,
};

const PROVENANCE: &str = "CK-PROV";
const ORDER: &str = "CK-ORDER";
const SCOPE: &str = "CK-SCOPE";
const TIMELINE: &str = "CK-TIMELINE";

/// Both clocks are this machine's, but the org keeps whole seconds here and there.
const SLACK_MS: i64 = 1_000;

/// What the engine set, attribute by attribute: profile, line, value, time.
fn set_by_engine(
    evidence: &Evidence,
) -> impl Iterator<Item = (&str, &(&'static str, &'static str, &'static str), Plain, i64)> {
    evidence.notes.iter().flat_map(|note| {
        let Note::Set { profile, attributes, at_ms } = note else { return Vec::new() };
        let lines = INBOUND.iter().filter_map(|line| {
            let value = attributes.get(line.2)?;
            Some((profile.as_str(), line, Plain::of_value(value), *at_ms))
        });
        lines.collect()
    })
}

/// What we wrote to the org: the change and its line.
fn written_by_us(evidence: &Evidence) -> impl Iterator<Item = (&FieldChange, &'static Outbound)> {
    evidence.history.iter().filter(|change| change.ours).filter_map(|change| {
        let line = OUTBOUND.iter().find(|line| line.object == change.object && line.to == change.field)?;
        Some((change, line))
    })
}

/// Records that had one of the profile's keys at some time.
fn matched_records<'e>(evidence: &'e Evidence, profile: &str, object: &str) -> BTreeSet<&'e str> {
    let keys = evidence.profile_keys(profile, object);
    let records: BTreeSet<&str> =
        evidence.history.iter().filter(|change| change.object == object).map(|change| change.record.as_str()).collect();
    records.into_iter().filter(|record| !evidence.record_keys(record, object).is_disjoint(&keys)).collect()
}

/// Profiles that had one of the record's keys at some time.
fn matched_profiles(evidence: &Evidence, record: &str, object: &str) -> Vec<String> {
    let keys = evidence.record_keys(record, object);
    let ids: BTreeSet<&String> = evidence.written.iter().map(|written| &written.profile).collect();
    let is_matched = |id: &&String| {
        (object == "Account") == id.starts_with("acc-") && !evidence.profile_keys(id, object).is_disjoint(&keys)
    };
    ids.into_iter().filter(is_matched).cloned().collect()
}

pub(crate) fn no_thin_air(report: &mut Report, evidence: &Evidence, schedule: &Schedule) {
    let mut matched: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (profile, (object, field, attribute), value, at_ms) in set_by_engine(evidence) {
        let records = matched.entry(profile.to_owned()).or_insert_with(|| matched_records(evidence, profile, object));
        let is_told = |record: &&str| {
            let mut versions = evidence.versions(record, field).peekable();
            let was_empty = versions
                .peek()
                .is_none_or(|first| first.old.is_null() && value == Plain::Nothing && first.transaction > 1)
                && value == Plain::Nothing
                && !evidence.versions(record, field).any(|change| is_creation(evidence, change));
            was_empty || versions.any(|change| change.new == value && change.at_ms <= at_ms + SLACK_MS)
        };
        let is_right = records.iter().any(is_told)
            || value == Plain::Nothing && may_have_unlinked(evidence, profile, object, records);
        report.examine(PROVENANCE, is_right, || {
            format!("{attribute} of {profile} became {value:?}, which {field} of its records never was ({records:?})")
        });
    }
    for (change, line) in written_by_us(evidence) {
        // What an automation made of it in the same transaction is not ours.
        if schedule.has(FaultKind::TriggerReverts) && change.new == Plain::Text("LOCKED".to_owned()) {
            continue;
        }
        let profiles = matched_profiles(evidence, &change.record, line.object);
        let is_said = evidence.written.iter().any(|written| {
            profiles.contains(&written.profile)
                && written.attribute == line.from
                && line.kept(&written.value) == Some(change.new.clone())
                && written.at_ms <= change.at_ms + SLACK_MS
        });
        // A profile that has not had the attribute yet clears what others put there.
        let is_silence = change.new == Plain::Nothing
            && profiles.iter().any(|profile| {
                !evidence.written.iter().any(|written| {
                    written.profile == *profile
                        && written.attribute == line.from
                        && written.at_ms + SLACK_MS < change.at_ms
                })
            });
        report.examine(PROVENANCE, is_said || is_silence, || {
            format!("{} of {} became {:?}, which none of {profiles:?} ever said", line.to, change.record, change.new)
        });
    }
}

/// Whether the value came with the record itself.
fn is_creation(evidence: &Evidence, change: &FieldChange) -> bool {
    evidence.versions(&change.record, "Id").any(|made| made.transaction == change.transaction)
}

/// Whether the profile may have been without a record for a while: a key changed on either side, or a record went.
fn may_have_unlinked(evidence: &Evidence, profile: &str, object: &str, records: &BTreeSet<&str>) -> bool {
    let changed_own_key = evidence.profile_keys(profile, object).len() > 1;
    let lost_record = records.iter().any(|record| {
        let is_gone = evidence.versions(record, "IsDeleted").any(|change| !is_creation(evidence, change));
        is_gone || !evidence.records.contains_key(*record) || evidence.record_keys(record, object).len() > 1
    });
    changed_own_key || lost_record || records.is_empty()
}

pub(crate) fn no_regress(report: &mut Report, evidence: &Evidence) {
    // How far along the record's own history each attribute has come.
    let mut reached: BTreeMap<(String, &str, String), usize> = BTreeMap::new();
    for (profile, (object, field, attribute), value, _) in set_by_engine(evidence) {
        if value == Plain::Nothing {
            continue;
        }
        for record in matched_records(evidence, profile, object) {
            let versions: Vec<&Plain> = evidence.versions(record, field).map(|change| &change.new).collect();
            if !versions.contains(&&value) {
                continue;
            }
            let last = reached.entry((profile.to_owned(), attribute, record.to_owned())).or_default();
            let next = versions.iter().skip(*last).position(|version| **version == value).map(|ahead| *last + ahead);
            // Another record of the same key may have had the value; then it says nothing of this one.
            let is_elsewhere = next.is_none()
                && matched_records(evidence, profile, object)
                    .iter()
                    .any(|other| *other != record && evidence.versions(other, field).any(|change| change.new == value));
            report.examine(ORDER, next.is_some() || is_elsewhere, || {
                format!("{attribute} of {profile} went back to {value:?}, an older version of {field} of {record}")
            });
            *last = next.unwrap_or(*last);
        }
    }
    let mut reached: BTreeMap<(&str, &str, String), usize> = BTreeMap::new();
    for (change, line) in written_by_us(evidence).filter(|(change, _)| change.new != Plain::Nothing) {
        for profile in matched_profiles(evidence, &change.record, line.object) {
            let own =
                evidence.written.iter().filter(|written| written.profile == profile && written.attribute == line.from);
            let versions: Vec<Option<Plain>> = own.map(|written| line.kept(&written.value)).collect();
            if !versions.contains(&Some(change.new.clone())) {
                continue;
            }
            let last = reached.entry((&change.record, line.to, profile.clone())).or_default();
            let next = versions.iter().skip(*last).position(|version| version.as_ref() == Some(&change.new));
            report.examine(ORDER, next.is_some(), || {
                format!(
                    "{} of {} went back to {:?}, an older version of {} of {profile}",
                    line.to, change.record, change.new, line.from
                )
            });
            *last += next.unwrap_or(0);
        }
    }
}

/// Fields that every write moves.
const STAMPS: [&str; 5] =
    ["LastModifiedDate", "LastModifiedById", "SystemModstamp", "LastViewedDate", "LastReferencedDate"];
/// Set-up of our own that may be made.
const OWN_SETUP: [&str; 6] = [
    "PlatformEventChannel",
    "PlatformEventChannelMember",
    "CustomField",
    "PermissionSet",
    "PermissionSetAssignment",
    "FieldPermissions",
];

pub(crate) fn in_scope(report: &mut Report, evidence: &Evidence, schedule: &Schedule) {
    for change in evidence.history.iter().filter(|change| change.ours) {
        let is_automation = schedule.has(FaultKind::TriggerUppercases) && change.field == "Title";
        let is_setup = OWN_SETUP.contains(&change.object.as_str());
        let is_target = OUTBOUND.iter().any(|line| line.object == change.object && line.to == change.field);
        let is_allowed = is_setup || is_target || is_automation || STAMPS.contains(&change.field.as_str());
        report.examine(SCOPE, is_allowed, || {
            format!("{} of the {} {} was changed", change.field, change.object, change.record)
        });
        if is_target {
            let profiles = matched_profiles(evidence, &change.record, &change.object);
            report.examine(SCOPE, !profiles.is_empty(), || {
                format!("{} matches nobody and was written to", change.record)
            });
        }
        let is_activity = change.object == "Task" || change.object == "Event";
        report.examine(TIMELINE, !is_activity, || format!("an activity was made: {}", change.record));
    }
    let ids = |written: bool| {
        let known: BTreeSet<&String> = match written {
            true => evidence.written.iter().map(|written| &written.profile).collect(),
            false => evidence.users.keys().chain(evidence.companies.keys()).collect(),
        };
        known
    };
    report.examine(SCOPE, ids(true) == ids(false), || "users or companies came or went by themselves".to_owned());
}
