//! What a connection's owner has spent: keeps the [`Budget`] up to date between two looks into the store, and says in words why
//! calls wait. Knows no I/O.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use syncline_model::{
    budget::{CallReport, HourOfCalls},
    connector::ApiUsage,
};

use crate::{
    budget::{Budget, Permit, Purpose},
    error_policy::Rest,
    tempo::Tempo,
};

const HOUR_SECONDS: i64 = 3_600;

/// What one connection has spent.
pub(crate) struct Spending {
    state: Mutex<State>,
    /// Set by whoever looks at the connections, at any time.
    share: AtomicU8,
    /// A word of the org that nothing is left is believed so long: then a call may find out whether it is still so.
    believed: SignedDuration,
}

#[derive(Default)]
struct State {
    hours: Vec<HourOfCalls>,
    usage: Option<(ApiUsage, Timestamp)>,
    /// The org refused a call for one of its limits: what for, from when, and until when others need not find out for themselves.
    refused: Option<(Rest, Timestamp, Timestamp)>,
}

impl State {
    /// What the org refused a call for, if the rest from that is not over, and when it will be.
    fn resting(&self, now: Timestamp) -> Option<(Rest, Timestamp)> {
        // A clock that was put back must not make it longer.
        self.refused.filter(|(_, from, until)| (*from..*until).contains(&now)).map(|(why, _, until)| (why, until))
    }
}

impl Spending {
    pub(crate) fn new(share: u8, tempo: &Tempo) -> Self {
        let believed = SignedDuration::try_from(tempo.rest_quota).unwrap_or(SignedDuration::MAX);
        Self { state: Mutex::default(), share: AtomicU8::new(share), believed }
    }

    pub(crate) fn set_share(&self, share: u8) {
        self.share.store(share, Ordering::Relaxed);
    }

    /// Takes over what was counted before.
    pub(crate) fn load(&self, hours: Vec<HourOfCalls>, usage: Option<ApiUsage>, now: Timestamp) {
        let mut state = self.state();
        state.hours = hours;
        state.usage = usage.map(|usage| (usage, now));
    }

    /// Adds what a report says.
    pub(crate) fn add(&self, report: &CallReport, now: Timestamp) {
        let mut state = self.state();
        if report.calls > 0 {
            let hour = now - SignedDuration::from_secs(now.as_second().rem_euclid(HOUR_SECONDS));
            let hour = Timestamp::from_second(hour.as_second()).unwrap_or(hour);
            match state.hours.last_mut() {
                Some(last) if last.hour >= hour => last.calls += report.calls,
                _ => state.hours.push(HourOfCalls { hour, calls: report.calls }),
            }
        }
        // What it said is news only where it was asked.
        match report.usage {
            Some(usage) if report.calls > 0 || state.usage.is_none() => state.usage = Some((usage, now)),
            _ => {}
        }
    }

    /// Takes in that the org refused a call because the day's are used up, or because there are too many at a time: one answer is
    /// enough for everybody who would call. The first stops every purpose; of the second, live changes go on, so that there are fewer.
    pub(crate) fn refused(&self, why: Rest, now: Timestamp, until: Timestamp) {
        let mut state = self.state();
        let is_graver = state.resting(now).is_some_and(|(known, _)| known == Rest::Quota && why != Rest::Quota);
        if !is_graver {
            state.refused = Some((why, now, until));
        }
    }

    /// Takes in that the org answered somebody who asked all the same.
    pub(crate) fn answered(&self) {
        self.state().refused = None;
    }

    pub(crate) fn permit(&self, purpose: Purpose, now: Timestamp) -> Permit {
        let resting = self.state().resting(now);
        match resting {
            Some((why, until)) if why == Rest::Quota || purpose > Purpose::Live => Permit::Stop(until),
            _ => self.budget(now).permit(purpose, now),
        }
    }

    /// How far apart questions for changes are to be at present.
    pub(crate) fn question_interval(&self, tempo: &Tempo, now: Timestamp) -> Duration {
        self.budget(now).question_interval(now, tempo.poll, tempo.poll_most)
    }

    /// The budget as it is known now.
    pub(crate) fn budget(&self, now: Timestamp) -> Budget {
        let state = self.state();
        let usage = state.usage.map(|(usage, at)| match usage.used >= usage.limit && now - at >= self.believed {
            true => ApiUsage { used: 0, ..usage },
            false => usage,
        });
        Budget { hours: state.hours.clone(), usage, share: self.share.load(Ordering::Relaxed) }
    }

    /// Why calls wait, in words for the administrator.
    pub(crate) fn words(&self, until: Timestamp, now: Timestamp) -> String {
        let until = until.strftime("%H:%M UTC");
        let resting = self.state().resting(now).map(|(why, _)| why);
        if resting == Some(Rest::Rate) {
            "Salesforce takes no more calls at the same time; asking for changes goes on in a moment.".to_owned()
        } else if resting == Some(Rest::Quota) || self.budget(now).is_org_spent() {
            format!(
                "The org's API calls of the last 24 hours are used up. Changes are kept and follow, at about {until} or as soon as Salesforce takes calls again."
            )
        } else {
            format!(
                "Syncline's share of the org's API calls is used up; changes are kept and follow at about {until}. Raise the share to go on at once."
            )
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(calls: u64, used: u64) -> CallReport {
        CallReport { calls, usage: Some(ApiUsage { used, limit: 100 }), deliveries: None }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn calls_are_added_to_the_hour_that_it_is() {
        let spending = Spending::new(50, &Tempo::default());
        for (time, calls) in [("2026-03-10T12:10:00Z", 2), ("2026-03-10T12:50:00Z", 3), ("2026-03-10T13:00:00Z", 4)] {
            spending.add(&report(calls, 10), at(time));
        }
        let hours = spending.budget(at("2026-03-10T13:00:00Z")).hours;
        assert_eq!(hours.iter().map(|hour| hour.calls).collect::<Vec<_>>(), [5, 4]);
        assert_eq!(hours[1].hour, at("2026-03-10T13:00:00Z"));
    }

    #[test]
    fn an_org_that_had_nothing_left_is_asked_again_after_a_while() {
        let (now, later) = (at("2026-03-10T12:10:00Z"), at("2026-03-10T12:26:00Z"));
        let spending = Spending::new(100, &Tempo::default());
        spending.add(&report(1, 100), now);
        assert!(matches!(spending.permit(Purpose::Live, now), Permit::Stop(_)));
        spending.add(&report(0, 100), now + SignedDuration::from_mins(10));
        assert_eq!(spending.permit(Purpose::Live, later), Permit::Go);
    }

    #[test]
    fn one_answer_that_the_days_calls_are_used_up_stops_everybody_until_somebody_is_answered() {
        let (now, until) = (at("2026-03-10T12:10:00Z"), at("2026-03-10T12:25:00Z"));
        let spending = Spending::new(100, &Tempo::default());
        spending.add(&report(1, 10), now);
        spending.refused(Rest::Quota, now, until);
        // That there are too many at a time as well makes it no better.
        spending.refused(Rest::Rate, now, now + SignedDuration::from_secs(5));
        for purpose in [Purpose::Live, Purpose::Sweep, Purpose::FullSync] {
            assert_eq!(spending.permit(purpose, now + SignedDuration::from_mins(14)), Permit::Stop(until));
            assert!(!matches!(spending.permit(purpose, until), Permit::Stop(_)));
        }
        assert!(spending.words(until, now).starts_with("The org's API calls of the last 24 hours are used up"));
        spending.answered();
        assert_eq!(spending.permit(Purpose::Live, now), Permit::Go);
    }

    #[test]
    fn when_there_are_too_many_calls_at_a_time_only_live_changes_go_on() {
        let (now, until) = (at("2026-03-10T12:10:00Z"), at("2026-03-10T12:10:05Z"));
        let spending = Spending::new(100, &Tempo::default());
        spending.add(&report(1, 10), now);
        spending.refused(Rest::Rate, now, until);
        assert_eq!(spending.permit(Purpose::Live, now), Permit::Go);
        assert_eq!(spending.permit(Purpose::Sweep, now), Permit::Stop(until));
        assert_ne!(spending.permit(Purpose::Sweep, until), Permit::Stop(until));
        // A clock that is put back does not make the rest longer.
        assert_eq!(spending.permit(Purpose::Sweep, now - SignedDuration::from_hours(1)), Permit::Go);
    }

    #[test]
    fn a_share_that_is_raised_counts_at_once() {
        let now = at("2026-03-10T12:10:00Z");
        let spending = Spending::new(10, &Tempo::default());
        spending.add(&report(10, 10), now);
        let Permit::Stop(until) = spending.permit(Purpose::Live, now) else { panic!("it is spent") };
        assert!(spending.words(until, now).starts_with("Syncline's share of the org's API calls is used up"));
        spending.set_share(50);
        assert_eq!(spending.permit(Purpose::Live, now), Permit::Go);
    }
}
