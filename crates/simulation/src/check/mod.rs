//! The checkers: each looks at what a run left behind and says what must not be. None of them shares code with the product.

mod convergence;
mod cursor;
mod effects;
mod requests;

use std::collections::BTreeMap;

pub(crate) use convergence::{Expected, converged};
pub(crate) use cursor::{Frozen, lost_is_due, nothing_lost, stream_never_skips};
pub(crate) use effects::{in_scope, no_regress, no_thin_air};
pub(crate) use requests::{nothing_made_twice, quota_kept, starts_nowhere_late, tokens_used_once};

/// What the checkers found.
#[derive(Debug, Default)]
pub struct Report {
    /// How many things each checker looked at.
    pub examined: BTreeMap<&'static str, u64>,
    /// What must not be.
    pub violations: Vec<String>,
}

impl Report {
    /// Looks at one thing.
    pub(crate) fn examine(&mut self, checker: &'static str, is_right: bool, words: impl FnOnce() -> String) {
        *self.examined.entry(checker).or_default() += 1;
        if !is_right {
            self.violations.push(format!("{checker}: {}", words()));
        }
    }
}
