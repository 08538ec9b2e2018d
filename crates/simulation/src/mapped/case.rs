//! What a seed stands for: fields, mappings and what people do one after the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::fact::{Fact, Kind, Type};

/// An object that an administrator made.
pub(crate) const PROJECT: &str = "Project__c";
pub(crate) const USERS: usize = 4;
pub(crate) const COMPANIES: usize = 2;

/// Users or companies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    #[default]
    User,
    Company,
}

/// What a source without value does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    Clear,
    Keep,
    Default(Fact),
}

/// A line of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) empty: Empty,
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) otherwise: Option<String>,
    pub(crate) cuts: bool,
}

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) object: &'static str,
    pub(crate) side: Side,
    pub(crate) key: &'static str,
    pub(crate) attribute: &'static str,
    pub(crate) skips_duplicates: bool,
    pub(crate) keeps_when_unlinked: bool,
    pub(crate) inbound: Vec<Line>,
    pub(crate) outbound: Vec<Line>,
}

/// What somebody does. Records, people and mappings are named by their places.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Edit {
        record: usize,
        fields: Vec<(String, Fact)>,
        lookups: Vec<(&'static str, Option<usize>)>,
    },
    Delete {
        record: usize,
    },
    Undelete {
        record: usize,
    },
    Merge {
        master: usize,
        loser: usize,
    },
    Convert {
        lead: usize,
        contact: usize,
    },
    Say {
        person: usize,
        attributes: Vec<(String, Fact)>,
    },
    Order(Vec<usize>),
    /// Edits a mapping: from now on it is this one.
    Define {
        mapping: usize,
        definition: Mapping,
    },
    /// Pauses a mapping, or has it go on.
    Pause {
        mapping: usize,
        is_paused: bool,
    },
    /// Deletes a mapping.
    Forget {
        mapping: usize,
    },
}

/// Everything that is drawn from a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub(crate) seed: u64,
    pub(crate) fields: BTreeMap<(&'static str, String), Kind>,
    /// As they are at first.
    pub(crate) mappings: Vec<Mapping>,
    /// What some of them, named by their places, are edited to later.
    pub(crate) later: Vec<(usize, Mapping)>,
    /// What records begin with; the acts of their making.
    pub(crate) records: Vec<(&'static str, Act)>,
    /// What people begin with.
    pub(crate) people: Vec<Act>,
    pub(crate) acts: Vec<Act>,
}

impl Case {
    /// What a field is for.
    pub(crate) fn kind(&self, object: &'static str, field: &str) -> Kind {
        self.fields[&(object, field.to_owned())]
    }

    /// Fields of an object.
    pub(crate) fn fields_of(&self, object: &str) -> impl Iterator<Item = (&str, Kind)> {
        self.fields.iter().filter(move |((of, _), _)| *of == object).map(|((_, name), kind)| (name.as_str(), *kind))
    }

    /// Attributes that a side is fed, now or later.
    pub(crate) fn targets(&self, side: Side) -> BTreeSet<&str> {
        let all = self.mappings.iter().chain(self.later.iter().map(|(_, mapping)| mapping));
        all.filter(move |mapping| mapping.side == side)
            .flat_map(|mapping| &mapping.inbound)
            .map(|line| line.to.as_str())
            .collect()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        let later = self.later.iter().map(|(at, mapping)| (*at, mapping));
        for (at, mapping) in self.mappings.iter().enumerate().chain(later) {
            let Mapping { object, side, key, attribute, skips_duplicates, keeps_when_unlinked, inbound, outbound } =
                mapping;
            writeln!(
                f,
                "  mapping {at}: {object}.{key} = {side:?}.{attribute}, skips duplicates: {skips_duplicates}, keeps when unlinked: {keeps_when_unlinked}"
            )?;
            for (arrow, line) in inbound.iter().map(|line| ("→", line)).chain(outbound.iter().map(|line| ("←", line)))
            {
                let Line { from, to, empty, values, otherwise, cuts } = line;
                let field = if arrow == "→" { None } else { Some(self.kind(object, to)) };
                write!(f, "    {from} {arrow} {to} {field:?} {empty:?}")?;
                if !values.is_empty() {
                    write!(f, " {values:?} otherwise {otherwise:?}")?;
                }
                writeln!(f, "{}", if *cuts { " cut" } else { "" })?;
            }
        }
        Ok(())
    }
}

/// The type that an attribute of this name has.
pub(crate) fn type_of(attribute: &str) -> Type {
    match attribute.split('_').next().unwrap_or_default() {
        "number" => Type::Number,
        "boolean" => Type::Boolean,
        "datetime" => Type::DateTime,
        "list" => Type::List,
        _ => Type::String,
    }
}

/// Lookups of an object, by the names that paths use.
pub(crate) fn lookups(object: &str) -> &'static [&'static str] {
    match object {
        "Account" => &["Parent"],
        "Contact" => &["Account", "ReportsTo", "Project__r"],
        "Opportunity" => &["Account"],
        PROJECT => &["Account__r"],
        _ => &[],
    }
}

/// The field in which such a lookup keeps the id.
pub(crate) fn lookup_field(name: &str) -> String {
    name.strip_suffix("__r").map_or_else(|| format!("{name}Id"), |name| format!("{name}__c"))
}
