//! How long the engine waits between what it does, all in one place: each number with its reason.

use std::time::Duration;

/// The engine's waits. [`Tempo::default`] is for real orgs; tests and benchmarks live through a day in minutes with [`Tempo::hurried`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo {
    /// First wait before something that failed is tried again; it doubles with each failure in a row.
    pub retry_first: Duration,
    /// Longest wait before something that failed is tried again.
    pub retry_most: Duration,
    /// Rest after the org said that too many calls are made at the same time.
    pub rest_rate: Duration,
    /// Rest after the org said that the day's calls are used up: calls fall out of the window by the hour.
    pub rest_quota: Duration,
    /// Rest after the org said that something is not allowed; an administrator may be mending it right now.
    pub rest_misconfigured: Duration,
    /// Between two questions for changes where the stream is not to be had and nothing else limits it.
    pub poll: Duration,
    /// Longest time between two such questions; beyond it the allowance is so short that only the sweep is left.
    pub poll_most: Duration,
    /// Between two sweeps: questions for what changed that reach back further, whatever the stream said. They find what an org never
    /// announces, and a stream that has gone deaf. A day has 96 of them.
    pub sweep: Duration,
    /// How far a sweep reaches back behind the last one: a transaction commits with the stamps of its beginning, and may last long.
    pub sweep_overlap: Duration,
    /// How far a poll reaches back behind the last one: what commits later than that is found by the sweep.
    pub poll_overlap: Duration,
    /// Between two looks at what the stream carries, and at whether it can carry more.
    pub prepare_stream: Duration,
    /// Between two descriptions of the mapped objects.
    pub describe: Duration,
    /// Between two descriptions of an object that lacks what mappings need: whoever gives it back expects it to be noticed.
    pub describe_missing: Duration,
    /// Between two examinations that nobody asked for.
    pub examine: Duration,
    /// Between two uses of the grant: an unused one ends after 30 days (Salesforce, refresh token policy for partner apps).
    pub keep_alive: Duration,
    /// Between two tries to make a wanted field usable: Salesforce takes seconds to minutes to show one that was granted.
    pub ensure_field: Duration,
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            retry_first: Duration::from_secs(1),
            retry_most: Duration::from_secs(5 * 60),
            rest_rate: Duration::from_secs(5),
            rest_quota: Duration::from_secs(15 * 60),
            rest_misconfigured: Duration::from_secs(60),
            poll: Duration::from_secs(2),
            poll_most: Duration::from_secs(15 * 60),
            sweep: Duration::from_secs(15 * 60),
            sweep_overlap: Duration::from_secs(15 * 60),
            poll_overlap: Duration::from_secs(10),
            prepare_stream: Duration::from_secs(30 * 60),
            describe: Duration::from_secs(6 * 60 * 60),
            describe_missing: Duration::from_secs(10 * 60),
            examine: Duration::from_secs(24 * 60 * 60),
            keep_alive: Duration::from_secs(12 * 60 * 60),
            ensure_field: Duration::from_secs(2),
        }
    }
}

impl Tempo {
    /// Everything so many times as fast, but for the overlaps, which follow the org's clock and not ours.
    pub fn hurried(self, times: u32) -> Self {
        Self {
            retry_first: self.retry_first / times,
            retry_most: self.retry_most / times,
            rest_rate: self.rest_rate / times,
            rest_quota: self.rest_quota / times,
            rest_misconfigured: self.rest_misconfigured / times,
            poll: self.poll / times,
            poll_most: self.poll_most / times,
            sweep: self.sweep / times,
            prepare_stream: self.prepare_stream / times,
            describe: self.describe / times,
            describe_missing: self.describe_missing / times,
            examine: self.examine / times,
            keep_alive: self.keep_alive / times,
            ensure_field: self.ensure_field / times,
            ..self
        }
    }

    /// How long to wait before try number `attempts` + 1: 1 s, 2 s, 4 s … at most 5 minutes.
    pub(crate) fn backoff(&self, attempts: u32) -> Duration {
        self.retry_most.min(self.retry_first.saturating_mul(1 << attempts.min(20)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        let tempo = Tempo::default();
        assert_eq!(tempo.backoff(0), Duration::from_secs(1));
        assert_eq!(tempo.backoff(3), Duration::from_secs(8));
        assert_eq!(tempo.backoff(u32::MAX), Duration::from_secs(300));
    }

    #[test]
    fn a_hurried_day_keeps_its_proportions_and_its_overlaps() {
        let (day, hurried) = (Tempo::default(), Tempo::default().hurried(600));
        assert_eq!(hurried.sweep * 600, day.sweep);
        assert_eq!(hurried.sweep_overlap, day.sweep_overlap);
    }
}
