//! S8 and S9: whatever lies before the position has had its consequence, or is due. Looked at while the process is dead, when
//! nothing but durable state can speak for it.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::{
    connection::ConnectionStatus,
    profile::Profile,
    store::{AdminStore, SyncStore},
    work::Lane,
};

use super::Report;
use crate::{
    evidence::{Evidence, INBOUND, OUTBOUND, Plain},
    node::NODE,
    tap::Note,
    world::World,
};

const CURSOR: &str = "CK-CURSOR";
/// Items looked at; a run has not as many.
const ITEMS_MAX: u32 = 10_000;

/// Durable state at the moment of a death, and the org's log.
pub(crate) struct Frozen {
    evidence: Evidence,
    /// Profiles whose item is due, now or later.
    due: BTreeSet<String>,
    /// Where the stream goes on, if that is a place in the log.
    position: Option<u64>,
    /// By record: the last event that tells of it.
    told: BTreeMap<String, u64>,
    /// By record: how many of its changes no event tells.
    untold: BTreeSet<String>,
}

impl Frozen {
    /// Looks at a world whose process is dead; nothing where it is not to be judged: nobody is connected, or an item's time is still to come.
    pub(crate) async fn of(world: &World) -> Option<Frozen> {
        let connection = world.connection().await;
        if connection.status != ConnectionStatus::Connected {
            return None;
        }
        let lease = world.tap.acquire_lease(world.connection, NODE, 60_000).await.ok()??;
        let mut due = BTreeSet::new();
        for lane in [Lane::Spread, Lane::Local, Lane::Remote] {
            let items = world.tap.due_work(&lease, lane, None, ITEMS_MAX).await.ok()?;
            due.extend(items.into_iter().map(|work| work.key.profile_id));
        }
        world.tap.release_lease(&lease).await.ok()?;
        let waiting = world.tap.counts(world.connection, None).await.ok()?.waiting;
        if waiting > due.len() as u64 {
            return None;
        }
        let evidence = world.evidence().await;
        let stream = evidence.notes.iter().rev().find_map(|note| match note {
            Note::News { stream, .. } if !stream.starts_with("sweep/") => Some(stream.clone()),
            _ => None,
        });
        let position = match stream {
            Some(stream) => world.tap.position(world.connection, &stream).await.ok()?,
            None => None,
        };
        let position =
            position.and_then(|position| <[u8; 8]>::try_from(position.0.as_slice()).ok()).map(u64::from_be_bytes);
        let org = world.handle().lock();
        let position = position.filter(|position| org.replay_id_is_valid(*position));
        let mut told: BTreeMap<String, u64> = BTreeMap::new();
        for event in org.events_after(None) {
            for record in &event.record_ids {
                told.insert(record.clone(), event.replay_id);
            }
        }
        drop(org);
        let untold = world.untold(&evidence);
        Some(Frozen { evidence, due, position, told, untold })
    }
}

/// S8: a pair that differs is due, or parked, or what makes it differ lies ahead of the position. What a trigger turns back within the
/// transaction of our own write is announced by nothing: the next sweep finds it, so that with `turned_back` outbound fields may differ.
pub(crate) fn nothing_lost(report: &mut Report, frozen: &Frozen, turned_back: bool) {
    // Without a place in the log the stream begins anew, and finds out that it must read everything again.
    let Some(position) = frozen.position else { return };
    for object in ["Contact", "Account"] {
        for profile in frozen.evidence.profiles(object).values() {
            pair(report, frozen, position, object, profile, turned_back);
        }
    }
}

fn pair(report: &mut Report, frozen: &Frozen, position: u64, object: &str, profile: &Profile, turned_back: bool) {
    let evidence = &frozen.evidence;
    let Some(record) = evidence.candidates(profile, object).first().copied() else { return };
    // Whatever has or had the key may have yet to be told of.
    let keys = evidence.profile_keys(&profile.id, object);
    let lies_ahead = evidence.records.keys().chain(frozen.told.keys()).any(|id| {
        (frozen.told.get(id).is_some_and(|event| *event > position) || frozen.untold.contains(id))
            && !evidence.record_keys(id, object).is_disjoint(&keys)
    });
    if lies_ahead || frozen.due.contains(&profile.id) {
        return;
    }
    let live = &evidence.records[record];
    for (_, field, attribute) in INBOUND.iter().filter(|line| line.0 == object) {
        let (source, target) = (live.field(field), Plain::of_value(profile.attribute(attribute)));
        let is_right = source == target || evidence.is_parked(object, &profile.id, &[field, attribute]);
        report.examine(CURSOR, is_right, || {
            format!(
                "died with {attribute} of {} at {target:?} and {field} of {record} at {source:?}, the position past it and nothing due",
                profile.id
            )
        });
    }
    for line in OUTBOUND.iter().filter(|line| line.object == object && !turned_back) {
        let source = Plain::of_value(profile.attribute(line.from));
        let is_right = line.kept(&source) == Some(live.field(line.to))
            || evidence.is_parked(object, &profile.id, &[line.from, line.to]);
        report.examine(CURSOR, is_right, || {
            format!("died with {} of {record} unlike {} of {}, and nothing due", line.to, line.from, profile.id)
        });
    }
}

/// S8 on the stream's own account: what a sweep found otherwise had been told by an event that the position has passed.
pub(crate) fn stream_never_skips(report: &mut Report, evidence: &Evidence, told: &BTreeMap<String, Vec<(u64, i64)>>) {
    let mut position = None;
    for note in &evidence.notes {
        match note {
            Note::News { stream, position: at, missed, at_ms } => {
                if stream.starts_with("sweep/") {
                    for (object, record) in missed {
                        let last_change_ms = evidence
                            .history
                            .iter()
                            .filter(|change| change.record == *record && change.at_ms <= *at_ms)
                            .map(|change| change.at_ms)
                            .max();
                        let events = told.get(record).map_or(&[][..], Vec::as_slice);
                        let newest = events.iter().rfind(|(_, told_ms)| told_ms <= at_ms);
                        let is_told = newest.is_some_and(|(_, told_ms)| {
                            last_change_ms.is_some_and(|change_ms| (change_ms - told_ms).abs() < 50)
                        });
                        let is_passed = newest.zip(position).is_some_and(|((event, _), position)| *event <= position);
                        // Within the last second a read and an event may each be the newer.
                        let is_late = last_change_ms.is_none_or(|change_ms| at_ms - change_ms < 1_500);
                        report.examine(CURSOR, !(is_told && is_passed) || is_late, || {
                            format!("a sweep found {object} {record} otherwise than it was held, though the stream had passed its last event")
                        });
                    }
                } else if let Some(at) = at {
                    position = <[u8; 8]>::try_from(at.as_slice()).ok().map(u64::from_be_bytes);
                }
            }
            Note::Lost { .. } => position = None,
            Note::Set { .. } => {}
        }
    }
}

/// S9: a position is given up only together with marking every pair due.
pub(crate) fn lost_is_due(report: &mut Report, evidence: &Evidence) {
    for note in &evidence.notes {
        if let Note::Lost { due, pairs } = note {
            report.examine(CURSOR, due >= pairs, || {
                format!("a position was given up with {due} items due, and there are {pairs} pairs")
            });
        }
    }
}
