//! The budget: how many of the org's daily API calls are Syncline's, how fast they may be spent, and when they will be used up at
//! the present rate. Pure: the caller passes the time and what was counted.
//!
//! Salesforce counts calls over the last 24 hours, and so does this, by the hour: an hour's calls come back once all of it is older
//! than that. Three purposes share what there is, each stopping earlier than the one before, so that a full sync never takes
//! what a live change needs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use syncline_model::{
    budget::{DEFAULT_API_SHARE, HourOfCalls},
    connector::ApiUsage,
};

/// Over which time the org counts.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// How finely calls are counted.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// What others use of the org's allowance comes back at a time that nobody tells; look again after this.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(15);
/// The present rate is that of the last whole hours and the one that has begun.
const RATE_HOURS: i64 = 2;

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// A change that somebody made: look-ups, reads and writes of due items.
    Live,
    /// Asking for what changed.
    Sweep,
    /// Going through everything.
    FullSync,
}

impl Purpose {
    /// Share of the allowance, in percent, that is left to those that come before.
    fn kept_back(self) -> u64 {
        match self {
            Self::Live => 0,
            Self::Sweep => 10,
            Self::FullSync => 30,
        }
    }
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// At once.
    Go,
    /// So long after the last one for the same purpose.
    Wait(Duration),
    /// Not before that time.
    Stop(Timestamp),
}

/// What may be called, and what was called of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Syncline's own calls of the last 24 hours, oldest first.
    pub hours: Vec<HourOfCalls>,
    /// What the org said of its allowance and of everybody's use of it; `None` before it has said anything.
    pub usage: Option<ApiUsage>,
    /// Syncline's share of the allowance, in percent.
    pub share: u8,
}

impl Default for Budget {
    fn default() -> Self {
        Self { hours: Vec::new(), usage: None, share: DEFAULT_API_SHARE }
    }
}

impl Budget {
    /// Calls that Syncline may make in 24 hours; `None` while the org has not said what it allows.
    pub fn allowance(&self) -> Option<u64> {
        let share = u128::from(self.share.min(100));
        self.usage.map(|usage| u64::try_from(u128::from(usage.limit) * share / 100).unwrap_or(u64::MAX))
    }

    /// Calls that Syncline made in the last 24 hours.
    pub fn used(&self, now: Timestamp) -> u64 {
        self.counted(now).map(|hour| hour.calls).sum()
    }

    /// Calls that Syncline may make now: of its share, and never more than the org has left.
    pub fn left(&self, now: Timestamp) -> Option<u64> {
        let own = self.allowance()?.saturating_sub(self.used(now));
        let org = self.usage.map_or(u64::MAX, |usage| usage.limit.saturating_sub(usage.used));
        Some(own.min(org))
    }

    /// Whether it is the org as a whole that has nothing left, as against Syncline's share of it.
    pub fn is_org_spent(&self) -> bool {
        self.usage.is_some_and(|usage| usage.used >= usage.limit)
    }

    /// Whether a call may be made.
    pub fn permit(&self, purpose: Purpose, now: Timestamp) -> Permit {
        let (Some(allowance), Some(left)) = (self.allowance(), self.left(now)) else { return Permit::Go };
        if self.spare(purpose, now) == 0 {
            return Permit::Stop(self.relief(purpose, now));
        }
        if purpose == Purpose::Live || left > allowance / 2 {
            return Permit::Go;
        }
        self.spacing(purpose, now).map_or(Permit::Go, Permit::Wait)
    }

    /// How far apart questions for changes are to be: as near as `fastest`, further where the calls that are left would not last.
    pub fn question_interval(&self, now: Timestamp, fastest: Duration, slowest: Duration) -> Duration {
        let interval = self.spacing(Purpose::Sweep, now).unwrap_or(Duration::ZERO);
        if self.allowance().is_some() && self.spare(Purpose::Sweep, now) == 0 {
            return slowest;
        }
        interval.clamp(fastest.min(slowest), slowest)
    }

    /// When nothing will be left if calls go on as of late; `None` if they can go on for ever.
    pub fn runs_out(&self, now: Timestamp) -> Option<Timestamp> {
        let left = self.left(now)?;
        if left == 0 {
            return Some(now);
        }
        let rate = self.rate(now);
        if rate <= 0.0 {
            return None;
        }
        let mut come_back = 0;
        let until_all_is_back = now + WINDOW;
        let falls = self.counted(now).map(|hour| (falls_out(hour), hour.calls));
        for (at, calls) in falls.chain([(until_all_is_back, 0)]) {
            let seconds = as_f64(left.saturating_add(come_back)) / rate;
            if seconds < (at - now).as_secs_f64() {
                return now.checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?).ok();
            }
            come_back += calls;
        }
        None
    }

    /// What is left for a purpose once those before it have what is kept back for them.
    fn spare(&self, purpose: Purpose, now: Timestamp) -> u64 {
        let (Some(allowance), Some(left)) = (self.allowance(), self.left(now)) else { return u64::MAX };
        left.saturating_sub(kept_back(purpose, allowance))
    }

    /// The smallest time between two calls at which those that are left last for the rest of the window, with what comes back
    /// meanwhile. `None` while nothing limits it.
    fn spacing(&self, purpose: Purpose, now: Timestamp) -> Option<Duration> {
        self.usage?;
        let spare = self.spare(purpose, now);
        let mut come_back = 0;
        let mut slowest = 0.0_f64;
        let falls = self.counted(now).map(|hour| (falls_out(hour), hour.calls));
        for (at, calls) in falls.chain([(now + WINDOW, 0)]) {
            let until = (at - now).as_secs_f64().max(0.0);
            slowest = slowest.max(until / as_f64(spare.saturating_add(come_back).max(1)));
            come_back += calls;
        }
        Some(Duration::try_from_secs_f64(slowest).unwrap_or(Duration::MAX))
    }

    /// When a purpose that must stop may go on.
    fn relief(&self, purpose: Purpose, now: Timestamp) -> Timestamp {
        let floor = kept_back(purpose, self.allowance().unwrap_or(u64::MAX));
        let org_left = self.usage.map_or(u64::MAX, |usage| usage.limit.saturating_sub(usage.used));
        let by_org = if org_left <= floor { now + LOOK_AGAIN } else { now };
        let (allowance, mut used) = (self.allowance().unwrap_or(u64::MAX), self.used(now));
        let mut by_share = now;
        for hour in self.counted(now) {
            if allowance.saturating_sub(used) > floor {
                break;
            }
            used -= hour.calls;
            by_share = falls_out(hour);
        }
        // With an allowance of nothing there is no relief to wait for but an administrator's.
        if allowance.saturating_sub(used) <= floor {
            by_share = now + LOOK_AGAIN;
        }
        by_org.max(by_share)
    }

    /// Calls a second, as of late.
    fn rate(&self, now: Timestamp) -> f64 {
        let from = now - HOUR * i32::try_from(RATE_HOURS).unwrap_or(1);
        let recent = self.counted(now).filter(|hour| hour.hour > from - HOUR);
        let (mut calls, mut since) = (0, now);
        for hour in recent {
            calls += hour.calls;
            since = since.min(hour.hour);
        }
        // A burst of the first minutes is no rate yet.
        let seconds = (now - since).as_secs_f64().max(HOUR.as_secs_f64());
        as_f64(calls) / seconds
    }

    /// Hours whose calls count still.
    fn counted(&self, now: Timestamp) -> impl Iterator<Item = &HourOfCalls> {
        self.hours.iter().filter(move |hour| falls_out(hour) > now)
    }
}

/// When the calls of an hour count no longer: once its last one is older than the window.
fn falls_out(hour: &HourOfCalls) -> Timestamp {
    hour.hour + HOUR + WINDOW
}

fn kept_back(purpose: Purpose, allowance: u64) -> u64 {
    allowance / 100 * purpose.kept_back() + allowance % 100 * purpose.kept_back() / 100
}

/// Numbers of calls are far below where a double loses whole numbers.
fn as_f64(calls: u64) -> f64 {
    calls as f64
}
