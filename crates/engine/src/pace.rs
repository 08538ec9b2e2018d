//! When to make the next call. A line that is idle sends at once; while it is busy, changes gather into one call, because a call
//! is the scarce thing and takes 200 records as well as one.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Calls of a busy line start at least this far apart; unnoticeable to a person, and it lets a burst show itself as one.
const APART: Duration = Duration::from_millis(20);
/// Over which time the rate is taken.
const WINDOW: Duration = Duration::from_millis(250);
/// This many records within [`WINDOW`] are a burst (64 a second): from here on calls wait to be full.
const BURST: usize = 16;
/// Longest wait for a call to fill up. Together with the call itself it stays well below the promised second.
const GATHER: Duration = Duration::from_millis(400);

/// The rhythm of one connection's calls.
#[derive(Default)]
pub(crate) struct Pace {
    calls: VecDeque<(Instant, usize)>,
}

impl Pace {
    /// When the next call may start, given how many records wait for it now (counted no further than `full`): at once on an idle
    /// line; in a burst when the call is full, or [`GATHER`] after the last one.
    pub(crate) fn next_start(&self, now: Instant, waiting: usize, full: usize) -> Instant {
        let recent = self.calls.iter().filter(|(at, _)| now.duration_since(*at) <= WINDOW);
        let in_burst = recent.map(|(_, records)| records).sum::<usize>() >= BURST;
        match self.calls.back() {
            None => now,
            Some((last, _)) if in_burst && waiting < full => now.max(*last + GATHER),
            Some((last, _)) => now.max(*last + APART),
        }
    }

    /// A call with that many records started at `at`.
    pub(crate) fn called(&mut self, at: Instant, records: usize) {
        while self.calls.front().is_some_and(|(earlier, _)| at.duration_since(*earlier) > WINDOW) {
            self.calls.pop_front();
        }
        self.calls.push_back((at, records));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: usize = 200;

    #[tokio::test]
    async fn an_idle_line_sends_at_once() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.next_start(now, 1, FULL), now);
        pace.called(now, FULL);
        let later = now + GATHER + Duration::from_millis(1);
        assert_eq!(pace.next_start(later, 1, FULL), later);
    }

    #[tokio::test]
    async fn a_trickle_is_not_held_back() {
        let now = Instant::now();
        let mut pace = Pace::default();
        for call in 0..20 {
            let at = now + Duration::from_millis(50) * call;
            assert_eq!(pace.next_start(at, 1, FULL), at);
            pace.called(at, 1);
        }
    }

    #[tokio::test]
    async fn a_burst_waits_for_a_full_call_but_not_for_long() {
        let now = Instant::now();
        let mut pace = Pace::default();
        pace.called(now, BURST);
        assert_eq!(pace.next_start(now, FULL - 1, FULL), now + GATHER);
        assert_eq!(pace.next_start(now, FULL, FULL), now + APART);
    }
}
