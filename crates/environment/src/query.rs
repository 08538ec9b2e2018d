//! Query strings: parameters taken out one by one, so that what is left over at the end is unknown.

use url::form_urlencoded;

use crate::{
    refusal::{Refusal, shortened},
    rules::check_id,
};

/// Rows of a page unless told otherwise, and at most (Userflow's own figures).
const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

/// The parameters of a query string that nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Query {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Query {
    /// Reads `a=1&b[]=2`. Never fails: what is no proper escape is taken as it stands.
    pub(crate) fn parse(query: &str) -> Self {
        Self { given: form_urlencoded::parse(query.as_bytes()).into_owned().collect(), known: Vec::new() }
    }

    /// The parameter, which may be there once.
    pub(crate) fn one(&mut self, name: &'static str) -> Result<Option<String>, Refusal> {
        let mut values = self.many(name);
        match (values.pop(), values.is_empty()) {
            (value, true) => Ok(value),
            _ => Err(Refusal::invalid(name, "is given more than once")),
        }
    }

    /// The values of a parameter that may be repeated, as `name=` or `name[]=`.
    pub(crate) fn many(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        let (taken, left) = std::mem::take(&mut self.given)
            .into_iter()
            .partition(|(key, _)| key.strip_suffix("[]").unwrap_or(key) == name);
        self.given = left;
        Vec::into_iter(taken).map(|(_, value)| value).collect()
    }

    /// A parameter that names something by its id.
    pub(crate) fn id(&mut self, name: &'static str) -> Result<Option<String>, Refusal> {
        let id = self.one(name)?;
        if let Some(id) = &id {
            check_id(id).map_err(|message| Refusal::invalid(name, message))?;
        }
        Ok(id)
    }

    fn cursor(&mut self, name: &'static str) -> Result<Option<String>, Refusal> {
        // Clients that page in a loop begin with an empty cursor.
        let id = self.one(name)?.filter(|id| !id.is_empty());
        if let Some(id) = &id {
            check_id(id).map_err(|message| Refusal::invalid(name, message))?;
        }
        Ok(id)
    }

    /// Refuses what nobody has taken: a misspelt filter that was silently ignored would give everything.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.given.first() {
            Some((key, _)) if self.known.is_empty() => {
                Err(Refusal::invalid(shortened(key), "is no known parameter; there are none here"))
            }
            Some((key, _)) => Err(Refusal::invalid(
                shortened(key),
                format!("is no known parameter; known are {}", self.known.join(", ")),
            )),
            None => Ok(()),
        }
    }
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// At the start of the list.
    Start,
    /// Just after the row of this id.
    After(String),
    /// So that it ends just before the row of this id.
    Before(String),
}

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    /// Rows at most.
    pub(crate) limit: u32,
    /// From where.
    pub(crate) cursor: Cursor,
}

impl Paging {
    pub(crate) fn take(query: &mut Query) -> Result<Self, Refusal> {
        let limit = match query.one("limit")? {
            None => DEFAULT_LIMIT,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=MAX_LIMIT) => limit,
                _ => return Err(Refusal::invalid("limit", format!("must be a whole number from 1 to {MAX_LIMIT}"))),
            },
        };
        let after = query.cursor("starting_after")?;
        let before = query.cursor("ending_before")?;
        let cursor = match (after, before) {
            (Some(_), Some(_)) => {
                return Err(Refusal::invalid(
                    "ending_before",
                    "only one of `starting_after` and `ending_before` can be set",
                ));
            }
            (Some(id), None) => Cursor::After(id),
            (None, Some(id)) => Cursor::Before(id),
            (None, None) => Cursor::Start,
        };
        Ok(Self { limit, cursor })
    }

    /// Whether the page is the one before its cursor.
    pub(crate) fn is_backward(&self) -> bool {
        matches!(self.cursor, Cursor::Before(_))
    }

    /// The refusal of a cursor that names no row; `message` as in `User with id 'x' not found`.
    pub(crate) fn unknown_cursor(&self, message: impl Into<String>) -> Refusal {
        Refusal::invalid(if self.is_backward() { "ending_before" } else { "starting_after" }, message)
    }
}

/// A key to sort by, with `-` in front for descending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// One of the allowed keys.
    pub(crate) key: &'static str,
    /// Largest first.
    pub(crate) descending: bool,
}

/// The keys of `order_by`, most significant first.
pub(crate) fn take_order(query: &mut Query, allowed: &[&'static str]) -> Result<Vec<Order>, Refusal> {
    let parse = |given: String| {
        let (name, descending) = given.strip_prefix('-').map_or((given.as_str(), false), |name| (name, true));
        let key = allowed.iter().copied().find(|key| *key == name);
        key.map(|key| Order { key, descending }).ok_or_else(|| {
            let message = format!(
                "`{}` can not be sorted by; allowed are {}, with `-` in front for descending order",
                shortened(&given),
                allowed.join(", ")
            );
            Refusal::invalid("order_by", message)
        })
    };
    query.many("order_by").into_iter().map(parse).collect()
}
