//! One run: warm-up, trouble while both sides change, healing, quiet, and the last look.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use syncline_model::{
    connection::ConnectionStatus,
    store::{AdminStore, SyncStore},
};

use crate::{
    check::{self, Expected, Frozen, Report},
    fault::FaultKind,
    schedule::{Change, Schedule, Step, TIERS, Trouble},
    trouble::Driver,
    world::{LINKS, World},
};

/// Longest time until all is in step again. It is far more than a run needs; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at whether it is.
const LOOK_APART: Duration = Duration::from_millis(25);
/// Numbers of the canaries that are sent after the trouble.
const CANARY: u64 = 1_000_000;
/// A person connects again so often at most.
const RECONNECTS_MAX: u32 = 3;

/// What one run came to.
#[derive(Debug)]
pub struct Run {
    /// What was drawn.
    pub schedule: Schedule,
    /// How often each kind of trouble struck.
    pub injected: BTreeMap<FaultKind, u64>,
    /// Whether anybody asks for what no event tells; if not, trouble that needs it was left out.
    pub asks: bool,
    /// Changes that took effect.
    pub effects: usize,
    /// What the checkers found.
    pub report: Report,
}

enum Act<'s> {
    Step(&'s Step),
    On(&'s Trouble),
    Strike(&'s Trouble, u64),
    Off(&'s Trouble),
}

/// Plays a schedule on a runtime of its own.
pub fn simulate(schedule: Schedule) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be had");
    let run = runtime.block_on(play(schedule));
    runtime.shutdown_timeout(Duration::from_secs(1));
    run
}

async fn play(schedule: Schedule) -> Run {
    let mut report = Report::default();
    let mut driver = Driver::new(&schedule);
    let mut world = World::build(&schedule).await;
    // What a trigger turns back within our own write is found by a sweep that begins after that write has ended.
    let ends_first = schedule.has(FaultKind::TriggerReverts);
    settle(&mut world, &mut report, "after connecting", CANARY, false).await;
    let counts = world.tap.counts(world.connection, None).await.expect("the store answers");
    report.examine("CK-LIVE", counts.links == LINKS, || format!("{} pairs were linked of {LINKS}", counts.links));

    let asks = sweep_mark(&world, "Contact").await.is_some();
    let mut effects = 0;
    let begun = Instant::now();
    for (at_ms, act) in timeline(&schedule, asks) {
        tokio::time::sleep(Duration::from_millis(at_ms).saturating_sub(begun.elapsed())).await;
        match act {
            Act::Step(step) => {
                let took_effect = world.make(&step.change).await;
                effects += usize::from(took_effect);
                if let Change::Tier { tier, .. } = &step.change
                    && took_effect
                    && !TIERS.contains(&tier.as_str())
                {
                    driver.misfit();
                }
            }
            Act::On(trouble) => driver.on(&world, trouble),
            Act::Off(trouble) => driver.off(&world, trouble),
            Act::Strike(trouble, _) if trouble.kind == FaultKind::EngineDies => {
                world.kill().await;
                driver.died();
                if let Some(frozen) = Frozen::of(&world).await {
                    check::nothing_lost(&mut report, &frozen, schedule.has(FaultKind::TriggerReverts));
                }
                world.revive();
            }
            Act::Strike(trouble, nth) => driver.strike(&world, trouble, nth),
        }
    }
    driver.heal(&world);

    settle(&mut world, &mut report, "after the trouble", CANARY + 1, ends_first).await;
    // The org's log of deletions tells of whole minutes, and what is deleted past the bin while the stream does not tell of it is
    // nowhere else: the next comparison of everything finds it.
    if schedule.has(FaultKind::HardDeletes) {
        compare_everything(&world).await;
        settle(&mut world, &mut report, "after comparing everything", CANARY + 2, ends_first).await;
    }
    let evidence = world.evidence().await;
    check::converged(&mut report, &evidence, &schedule, Expected::AfterTrouble);
    if !evidence.issues.is_empty() {
        compare_everything(&world).await;
        settle(&mut world, &mut report, "after trying again", CANARY + 3, ends_first).await;
    }
    world.kill().await;
    if let Some(frozen) = Frozen::of(&world).await {
        check::nothing_lost(&mut report, &frozen, schedule.has(FaultKind::TriggerReverts));
    }
    let evidence = world.evidence().await;
    check::converged(&mut report, &evidence, &schedule, Expected::AfterRetry);
    check::no_thin_air(&mut report, &evidence, &schedule);
    check::no_regress(&mut report, &evidence);
    check::in_scope(&mut report, &evidence, &schedule);
    // While the stream is not to tell everything, its position passes what it does not tell.
    if !schedule.has(FaultKind::FieldHidden) && !schedule.has(FaultKind::MemberDeselected) {
        check::stream_never_skips(&mut report, &evidence, &world.told());
    }
    check::starts_nowhere_late(&mut report, &evidence);
    let deaths = driver.injected.get(&FaultKind::EngineDies).copied().unwrap_or(0);
    check::tokens_used_once(&mut report, &evidence, schedule.grant, deaths);
    let forgets = [FaultKind::EngineDies, FaultKind::GrantRevoked, FaultKind::TokenAnswersLost];
    check::quota_kept(&mut report, &evidence, forgets.into_iter().any(|kind| schedule.has(kind)));
    check::lost_is_due(&mut report, &evidence);
    check::nothing_made_twice(&mut report, &evidence);
    let injected = driver.injected;
    Run { schedule, injected, asks, effects, report }
}

async fn compare_everything(world: &World) {
    for mapping in &world.mappings {
        world.tap.mark_all_due(world.connection, *mapping).await.expect("the store answers");
    }
}

/// What happens when, in order.
fn timeline(schedule: &Schedule, asks: bool) -> Vec<(u64, Act<'_>)> {
    let mut acts: Vec<(u64, Act<'_>)> = schedule.steps.iter().map(|step| (step.at_ms, Act::Step(step))).collect();
    for trouble in schedule.troubles.iter().filter(|trouble| asks || !trouble.kind.is_silent()) {
        if !trouble.kind.is_momentary() {
            acts.push((trouble.from_ms, Act::On(trouble)));
            acts.push((trouble.until_ms, Act::Off(trouble)));
        }
        let strikes = trouble.kind.is_momentary() || trouble.kind.ends_sessions();
        let times = (trouble.from_ms..=trouble.until_ms).step_by(usize::try_from(trouble.apart_ms.max(1)).unwrap_or(1));
        acts.extend(times.zip(0..).filter(|_| strikes).map(|(at_ms, nth)| (at_ms, Act::Strike(trouble, nth))));
    }
    acts.retain(|(at_ms, _)| *at_ms <= schedule.lasts_ms());
    acts.sort_by_key(|(at_ms, _)| *at_ms);
    acts
}

/// Waits until all that anybody changed is in step: canaries at both sides have arrived, every sweep has been made once more, no field
/// is thought to be hidden, and nothing is waiting; with `ends_first` every sweep since nothing was waiting for the first time.
async fn settle(world: &mut World, report: &mut Report, when: &str, canary: u64, mut ends_first: bool) {
    let begun = Instant::now();
    let mut since_ms = world.handle().now_ms();
    world.send_canaries(canary).await;
    let mut reconnects = 0;
    let mut quiet = 0;
    while quiet < 2 {
        let connection = world.connection().await;
        if connection.status == ConnectionStatus::ReconnectNeeded && reconnects < RECONNECTS_MAX {
            reconnects += 1;
            world.connect().await;
        }
        let waiting = world.tap.counts(world.connection, None).await.expect("the store answers").waiting;
        if ends_first && waiting == 0 {
            since_ms = world.handle().now_ms();
            ends_first = false;
        }
        let have_arrived = world.have_canaries_arrived(canary).await || world.is_a_canary_parked().await;
        let is_swept = !ends_first && is_swept(world, since_ms).await;
        let is_seen = world.sees_all_fields().await;
        quiet = if have_arrived && is_swept && is_seen && waiting == 0 { quiet + 1 } else { 0 };
        if begun.elapsed() > PATIENCE {
            report.examine("CK-LIVE", false, || {
                format!(
                    "not in step {} s {when}: {:?} ({:?}), stream {:?} ({:?}), {waiting} waiting, canaries arrived: {have_arrived}, swept: {is_swept}, all fields seen: {is_seen}",
                    PATIENCE.as_secs(),
                    connection.status,
                    connection.detail,
                    connection.stream.state,
                    connection.stream.detail
                )
            });
            return;
        }
        tokio::time::sleep(LOOK_APART).await;
    }
    report.examine("CK-LIVE", true, String::new);
}

/// Whether each object was asked for its changes since then, by the org's clock.
async fn is_swept(world: &World, since_ms: i64) -> bool {
    for object in ["Contact", "Account"] {
        // Who does not ask leaves no mark.
        if sweep_mark(world, object).await.is_some_and(|mark| mark.as_millisecond() < since_ms) {
            return false;
        }
    }
    true
}

/// Until when an object was asked for its changes.
async fn sweep_mark(world: &World, object: &str) -> Option<jiff::Timestamp> {
    let mark = world.tap.position(world.connection, &format!("sweep/{object}")).await.expect("the store answers")?;
    String::from_utf8(mark.0).ok()?.parse().ok()
}
