//! The budget over any history of calls.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use syncline_engine::{Budget, Permit, Purpose};
use syncline_model::{budget::HourOfCalls, connector::ApiUsage};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn noon() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

fn hours_ago(hours: i64, calls: u64) -> HourOfCalls {
    HourOfCalls { hour: noon() - SignedDuration::from_hours(hours), calls }
}

fn budget(limit: u64, share: u8, hours: Vec<HourOfCalls>) -> Budget {
    let used = hours.iter().map(|hour| hour.calls).sum();
    Budget { hours, usage: Some(ApiUsage { used, limit }), share }
}

fn any_budget() -> impl Strategy<Value = Budget> {
    let hours = proptest::collection::vec(0_u64..300, 0..26);
    (hours, 0_u64..20_000, 0_u64..10_000, 0_u8..=100).prop_map(|(hours, limit, others, share)| {
        let count = i64::try_from(hours.len()).unwrap();
        let hours: Vec<_> = (0..count).zip(hours).map(|(index, calls)| hours_ago(count - 1 - index, calls)).collect();
        let used = hours.iter().map(|hour| hour.calls).sum::<u64>() + others;
        Budget { hours, usage: Some(ApiUsage { used, limit }), share }
    })
}

#[test]
fn what_the_org_has_not_told_limits_nothing() {
    let budget = Budget::default();
    assert_eq!(budget.permit(Purpose::FullSync, noon()), Permit::Go);
    assert_eq!(budget.runs_out(noon()), None);
    let two = Duration::from_secs(2);
    assert_eq!(budget.question_interval(noon(), two, Duration::from_secs(900)), two);
}

#[test]
fn each_purpose_stops_before_the_one_before_it() {
    let at = |used| {
        let budget = budget(1_000, 50, vec![hours_ago(3, used)]);
        [Purpose::Live, Purpose::Sweep, Purpose::FullSync]
            .map(|purpose| !matches!(budget.permit(purpose, noon()), Permit::Stop(_)))
    };
    assert_eq!(at(0), [true, true, true]);
    assert_eq!(at(350), [true, true, false]);
    assert_eq!(at(450), [true, false, false]);
    assert_eq!(at(500), [false, false, false]);
}

#[test]
fn a_spent_share_comes_back_with_the_hour_that_falls_out_of_the_window() {
    let budget = budget(1_000, 10, vec![hours_ago(20, 60), hours_ago(5, 40)]);
    let Permit::Stop(until) = budget.permit(Purpose::Live, noon()) else { panic!("it is spent") };
    assert_eq!(until, noon() + HOUR * 5);
    assert!(matches!(budget.permit(Purpose::Live, until), Permit::Go));
}

#[test]
fn what_others_use_counts_against_the_org_and_not_against_the_share() {
    let mut budget = budget(1_000, 50, vec![hours_ago(1, 10)]);
    budget.usage = Some(ApiUsage { used: 995, limit: 1_000 });
    assert_eq!(budget.left(noon()), Some(5));
    budget.usage = Some(ApiUsage { used: 1_001, limit: 1_000 });
    assert!(budget.is_org_spent());
    assert!(matches!(budget.permit(Purpose::Live, noon()), Permit::Stop(_)));
}

#[test]
fn questions_are_as_fast_as_can_be_and_slower_where_the_share_is_small() {
    let (fastest, slowest) = (Duration::from_secs(2), Duration::from_secs(900));
    let interval = |limit| budget(limit, 50, Vec::new()).question_interval(noon(), fastest, slowest);
    assert_eq!(interval(1_000_000), fastest);
    assert_eq!(interval(15_000).as_secs(), 12);
    assert_eq!(interval(100), slowest);
}

#[test]
fn the_forecast_says_when_calls_end_or_that_they_do_not() {
    let steady = |calls| budget(10_000, 50, (1..25).rev().map(|ago| hours_ago(ago, calls)).collect());
    assert_eq!(steady(150).runs_out(noon()), None);
    let soon = budget(10_000, 50, vec![hours_ago(2, 1_000), hours_ago(1, 1_000)]).runs_out(noon()).unwrap();
    assert_eq!(soon, noon() + HOUR * 3, "3,000 are left, and 1,000 an hour were made");
    assert_eq!(steady(200).runs_out(noon()), None);
    assert!(steady(205).runs_out(noon()).is_some_and(|at| at < noon() + HOUR));
    assert_eq!(steady(209).runs_out(noon()), Some(noon()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn who_may_less_never_may_more(budget in any_budget()) {
        let rank = |purpose| match budget.permit(purpose, noon()) {
            Permit::Go => (0, Duration::ZERO),
            Permit::Wait(time) => (1, time),
            Permit::Stop(_) => (2, Duration::ZERO),
        };
        prop_assert!(rank(Purpose::Live) <= rank(Purpose::Sweep));
        prop_assert!(rank(Purpose::Sweep) <= rank(Purpose::FullSync));
    }

    #[test]
    fn who_must_stop_is_told_a_time_to_come(budget in any_budget()) {
        for purpose in [Purpose::Live, Purpose::Sweep, Purpose::FullSync] {
            if let Permit::Stop(until) = budget.permit(purpose, noon()) {
                prop_assert!(until > noon() && until <= noon() + HOUR * 25);
            }
        }
    }

    /// Questions at the interval that is told, for a day, whatever came before: the share is never overdrawn, and what is kept
    /// back for live changes is touched by nothing else.
    #[test]
    fn questions_at_that_interval_last_for_the_day(start in any_budget()) {
        let (fastest, slowest) = (Duration::from_secs(30), Duration::from_secs(900));
        let mut budget = start;
        let mut now = noon();
        let others = budget.usage.unwrap().used - budget.used(now);
        while now < noon() + HOUR * 24 {
            now += budget.question_interval(now, fastest, slowest);
            if matches!(budget.permit(Purpose::Sweep, now), Permit::Stop(_)) {
                continue;
            }
            let hour = noon() + HOUR * i32::try_from((now - noon()).as_secs() / 3_600).unwrap();
            match budget.hours.last_mut() {
                Some(last) if last.hour == hour => last.calls += 1,
                _ => budget.hours.push(HourOfCalls { hour, calls: 1 }),
            }
            let limit = budget.usage.unwrap().limit;
            budget.usage = Some(ApiUsage { used: budget.used(now) + others, limit });
            let kept = budget.allowance().unwrap() / 10;
            prop_assert!(budget.left(now).unwrap() + 1 >= kept);
        }
    }

    #[test]
    fn a_forecast_is_not_in_the_past(budget in any_budget()) {
        if let Some(at) = budget.runs_out(noon()) {
            prop_assert!(at >= noon() && at <= noon() + HOUR * 25);
        }
    }
}
