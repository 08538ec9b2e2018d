//! Which handler answers which resource of the data API.
//!
//! Each part of the API keeps its routes beside its handlers; [`TABLES`] names the tables. Salesforce takes trailing slashes and
//! any letter case, and a composite request runs its parts through the same table.

use std::borrow::Cow;

use super::answer::RestError;
use super::call::{Call, Reply};

/// Answers one method of one resource. The texts are the variable parts of the path, in order.
pub(crate) type Handler = fn(&Call<'_>, &[&str]) -> Reply;

/// One resource under `/services/data/vNN.0`.
pub(crate) struct Route {
    /// Its path, the variable parts in braces, as the ledger and fault rules name it.
    pub(crate) template: &'static str,
    /// What it answers, by method in the order of the alphabet. HEAD is a GET whose body the HTTP layer leaves out.
    pub(crate) methods: &'static [(&'static str, Handler)],
}

const TABLES: &[&[Route]] = &[
    super::bulk::ROUTES,
    super::bulk_ingest::ROUTES,
    super::collections::ROUTES,
    super::composite::ROUTES,
    super::describe::ROUTES,
    super::tooling::ROUTES,
    super::events::ROUTES,
    super::layouts::ROUTES,
    super::picklists::ROUTES,
    super::limits::ROUTES,
    super::query::ROUTES,
    super::recent::ROUTES,
    super::replication::ROUTES,
    super::rows::ROUTES,
    super::search::ROUTES,
    super::tooling_channel::ROUTES,
    super::tree::ROUTES,
];

/// What the ledger calls a path that no route has.
pub(crate) const UNKNOWN: &str = "/{unknown}";

/// The route of a path and the variable parts of the path.
pub(crate) fn find<'p>(segments: &[&'p str]) -> Option<(&'static Route, Vec<&'p str>)> {
    let candidates =
        TABLES.iter().copied().flatten().filter_map(|route| Some((route, literal_parts(route, segments)?)));
    // A named resource wins over a variable part: `describe` is no record id.
    let (route, _) = candidates.max_by_key(|(_, literals)| *literals)?;
    let is_variable = |(part, _): &(&str, &&'p str)| part.starts_with('{');
    let names = parts(route.template).zip(segments).filter(is_variable).map(|(_, segment)| *segment).collect();
    Some((route, names))
}

/// Which parts of the path the route names, the first part the highest bit; `None` if the route is not this path's.
fn literal_parts(route: &Route, segments: &[&str]) -> Option<u32> {
    let mut literals = 0;
    let mut template = parts(route.template);
    for segment in segments {
        let part = template.next()?;
        let is_literal = !part.starts_with('{');
        if is_literal && !part.eq_ignore_ascii_case(segment) {
            return None;
        }
        literals = literals << 1 | u32::from(is_literal);
    }
    template.next().is_none().then_some(literals)
}

fn parts(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter(|part| !part.is_empty())
}

/// The parts of a path, decoded one by one: an encoded slash belongs to a value.
pub(crate) fn segments(path: &str) -> Vec<Cow<'_, str>> {
    path.split('/').filter(|part| !part.is_empty()).map(decoded).collect()
}

pub(crate) fn decoded(part: &str) -> Cow<'_, str> {
    if !part.contains('%') {
        return Cow::Borrowed(part);
    }
    let bytes = part.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at..at + 3).filter(|escape| escape[0] == b'%');
        let byte = escape.and_then(|escape| u8::from_str_radix(std::str::from_utf8(&escape[1..]).ok()?, 16).ok());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// Answers a call.
pub(crate) fn dispatch(call: &Call<'_>, segments: &[&str]) -> Reply {
    let (route, names) = find(segments).ok_or_else(RestError::not_found)?;
    let method = if call.method == "HEAD" { "GET" } else { call.method.as_str() };
    match route.methods.iter().find(|(own, _)| *own == method) {
        Some((_, handler)) => handler(call, &names),
        None => {
            let with_head =
                |(own, _): &(&'static str, Handler)| if *own == "GET" { vec!["GET", "HEAD"] } else { vec![*own] };
            let allowed: Vec<&str> = route.methods.iter().flat_map(with_head).collect();
            Err(RestError::method_not_allowed(call.method.as_str(), &allowed.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(path: &str) -> Option<(&'static str, Vec<String>)> {
        let segments = segments(path);
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        find(&segments).map(|(route, names)| (route.template, names.into_iter().map(str::to_owned).collect()))
    }

    #[test]
    fn a_named_resource_wins_over_a_variable_part() {
        let found =
            |template: &'static str, names: &[&str]| Some((template, names.iter().map(|n| (*n).to_owned()).collect()));
        assert_eq!(template("/sobjects/Contact/Describe/"), found("/sobjects/{object}/describe", &["Contact"]));
        assert_eq!(template("/sobjects/Contact/003"), found("/sobjects/{object}/{id}", &["Contact", "003"]));
        assert_eq!(
            template("/SObjects/x/K__c/a%2Fb%zz"),
            found("/sobjects/{object}/{field}/{value}", &["x", "K__c", "a/b%zz"])
        );
        assert_eq!(template(""), found("/", &[]));
        assert_eq!(template("/nonsense/x"), None);
    }

    #[test]
    fn no_two_routes_are_the_same() {
        let mut templates: Vec<String> = TABLES
            .iter()
            .copied()
            .flatten()
            .map(|route| {
                parts(route.template)
                    .map(|part| if part.starts_with('{') { "{}" } else { part })
                    .collect::<Vec<_>>()
                    .join("/")
            })
            .collect();
        templates.sort_unstable();
        let count = templates.len();
        templates.dedup();
        assert_eq!(templates.len(), count);
    }
}
