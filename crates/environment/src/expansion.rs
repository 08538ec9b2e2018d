//! `expand`: which related objects an answer is to hold. The others are null.

use crate::{
    query::Query,
    refusal::{Refusal, shortened},
};

/// The related objects that were asked for, by their paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expansion(Vec<&'static str>);

impl Expansion {
    pub(crate) const USER: &[&str] = &["groups", "memberships", "memberships.group"];
    pub(crate) const GROUP: &[&str] = &["users", "memberships", "memberships.user"];
    pub(crate) const EVENT: &[&str] = &["user", "group"];

    /// Takes `expand=a` and `expand[]=a` as often as they stand there.
    pub(crate) fn take(query: &mut Query, allowed: &[&'static str]) -> Result<Self, Refusal> {
        let find = |given: String| {
            allowed.iter().copied().find(|path| *path == given).ok_or_else(|| {
                let given = shortened(&given);
                Refusal::invalid("expand", format!("`{given}` can not be expanded; allowed are {}", allowed.join(", ")))
            })
        };
        query.many("expand").into_iter().map(find).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the path, or something below it, was asked for.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.iter().any(|given| given.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    }
}
