//! What is to be where, by docs/mappings.md and by nothing else: no code of the product, no time, no events. Both sides are given as
//! they are after somebody changed something; what comes out is how they are to be once all is quiet.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    case::{Case, Empty, Line, Mapping, Side},
    fact::{CHOICES, DAY_MS, Fact, Kind, Type, instant},
};

/// Steps after which two mappings must be said to fight.
const STEPS_MAX: usize = 20;

/// A record of the org.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) object: &'static str,
    pub(crate) is_alive: bool,
    /// Places of the records that its lookups point to.
    pub(crate) lookups: BTreeMap<&'static str, usize>,
    pub(crate) fields: BTreeMap<String, Fact>,
}

/// A user or a company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) side: Side,
    /// When it was last heard of: a number that rises.
    pub(crate) seen: u64,
    pub(crate) attributes: BTreeMap<String, Fact>,
}

/// Both sides, the mappings between them, and which record each profile is linked to by which mapping. Records stand in the order of their
/// making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) records: Vec<Record>,
    pub(crate) people: Vec<Person>,
    pub(crate) mappings: Vec<Mapping>,
    /// Places of the mappings that there still are, in their order.
    pub(crate) order: Vec<usize>,
    pub(crate) paused: BTreeSet<usize>,
    links: BTreeMap<(usize, usize), usize>,
}

/// What a line says of its target.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Says {
    Value(Fact),
    /// The source has no value; what the target becomes, if it is not to stay.
    Empty(Option<Fact>),
    /// Its value does not fit: a sync issue, and the target stays.
    Misfit,
}

impl Model {
    /// Nobody and nothing, and these mappings.
    pub(crate) fn new(mappings: &[Mapping]) -> Model {
        Model { mappings: mappings.to_vec(), order: (0..mappings.len()).collect(), ..Model::default() }
    }

    /// Brings both sides into agreement.
    ///
    /// # Errors
    /// If it never ends.
    pub(crate) fn settle(&mut self, case: &Case) -> Result<(), String> {
        for _ in 0..STEPS_MAX {
            let before = (self.records.clone(), self.people.clone(), self.links.clone());
            let ended = self.link();
            self.feed_people(case, &ended);
            self.feed_records(case);
            if before == (self.records.clone(), self.people.clone(), self.links.clone()) {
                return Ok(());
            }
        }
        Err("the mappings fight: the model never comes to rest".to_owned())
    }

    /// Deletes a mapping. What came from it stays, unless another feeds it.
    pub(crate) fn forget(&mut self, mapping: usize) {
        self.order.retain(|at| *at != mapping);
        self.links.retain(|(at, _), _| *at != mapping);
    }

    /// Whether an attribute hangs on what happened since a mapping was paused: it holds on to what it gave, and whoever else feeds it is
    /// heard where it had nothing to give, as soon as something happens there.
    pub(crate) fn is_open(&self, side: Side, attribute: &str) -> bool {
        let (paused, others): (Vec<_>, Vec<_>) = self.feeding(side, attribute).partition(|at| self.paused.contains(at));
        !paused.is_empty() && !others.is_empty()
    }

    /// Mappings that feed an attribute, in order.
    fn feeding(&self, side: Side, attribute: &str) -> impl Iterator<Item = usize> {
        let feeds = move |at: &usize| {
            let mapping = &self.mappings[*at];
            mapping.side == side && mapping.inbound.iter().any(|line| line.to == attribute)
        };
        self.order.iter().copied().filter(feeds)
    }

    /// Mappings that work, with their places.
    fn working(&self) -> Vec<(usize, Mapping)> {
        let places = self.order.iter().filter(|at| !self.paused.contains(at));
        places.map(|at| (*at, self.mappings[*at].clone())).collect()
    }

    /// Finds each profile's record; the links that ended.
    fn link(&mut self) -> BTreeSet<(usize, usize)> {
        let mut ended = BTreeSet::new();
        for (at, mapping) in &self.working() {
            let at = *at;
            for person in (0..self.people.len()).filter(|person| self.people[*person].side == mapping.side) {
                match self.matched(mapping, &self.people[person]) {
                    Some(record) => drop(self.links.insert((at, person), record)),
                    None if self.links.remove(&(at, person)).is_some() => drop(ended.insert((at, person))),
                    None => {}
                }
            }
        }
        ended
    }

    fn matched(&self, mapping: &Mapping, person: &Person) -> Option<usize> {
        let is_email = mapping.attribute == "email";
        let normal = |fact: &Fact| {
            let words = fact.words();
            (!words.is_empty()).then(|| if is_email { words.to_lowercase() } else { words })
        };
        let key = match mapping.attribute {
            "user_id" | "company_id" => Some(person.id.clone()),
            name => person.attributes.get(name).and_then(normal),
        }?;
        let has_key = |record: &Record| {
            record.is_alive
                && record.object == mapping.object
                && record.fields.get(mapping.key).and_then(normal) == Some(key.clone())
        };
        let mut found = (0..self.records.len()).filter(|at| has_key(&self.records[*at]));
        let oldest = found.next();
        if mapping.skips_duplicates && found.next().is_some() { None } else { oldest }
    }

    /// The first mapping in order that has a link and a value wins; where none has a value, the first that is linked says what becomes
    /// of the attribute, and where none is linked any more, it is cleared unless the mapping keeps it.
    fn feed_people(&mut self, case: &Case, ended: &BTreeSet<(usize, usize)>) {
        let mappings = self.mappings.clone();
        for person in 0..self.people.len() {
            let side = self.people[person].side;
            for name in case.targets(side) {
                let feeding: Vec<(usize, &Line)> = self
                    .feeding(side, name)
                    .filter_map(|at| Some((at, mappings[at].inbound.iter().find(|line| line.to == name)?)))
                    .collect();
                if feeding.iter().any(|(at, _)| self.paused.contains(at)) {
                    continue;
                }
                let is_cleared =
                    feeding.iter().any(|(at, _)| ended.contains(&(*at, person)) && !mappings[*at].keeps_when_unlinked);
                // What it becomes, or that it stays; the first that has no value is heard only where none has one.
                let mut becomes: Option<Option<Fact>> = None;
                let mut empty: Option<Option<Fact>> = None;
                for (at, line) in &feeding {
                    let Some(record) = self.links.get(&(*at, person)) else { continue };
                    match self.says(case, line, *record) {
                        Says::Value(fact) => becomes = Some(Some(fact)),
                        Says::Misfit => becomes = Some(None),
                        Says::Empty(fact) => {
                            empty.get_or_insert(fact);
                            continue;
                        }
                    }
                    break;
                }
                let becomes = becomes.or(empty.flatten().map(Some));
                let fact = match becomes {
                    Some(Some(fact)) => fact,
                    Some(None) => continue,
                    None if is_cleared => Fact::Nothing,
                    None => continue,
                };
                match fact {
                    Fact::Nothing => drop(self.people[person].attributes.remove(name)),
                    fact => drop(self.people[person].attributes.insert(name.to_owned(), fact)),
                }
            }
        }
    }

    fn says(&self, case: &Case, line: &Line, record: usize) -> Says {
        let source = self.source(case, &line.from, record);
        match looked_up(line, &source) {
            Err(()) => Says::Misfit,
            Ok(fact) if fact.is_blank() => Says::Empty(when_empty(line)),
            Ok(fact) => Says::Value(fact),
        }
    }

    /// Follows the path: a lookup that is empty, or leads to a record that is gone, has no value.
    fn source(&self, case: &Case, path: &str, record: usize) -> Fact {
        let mut at = record;
        let mut steps: Vec<&str> = path.split('.').collect();
        let field = steps.pop().unwrap_or_default();
        for step in steps {
            match self.records[at].lookups.get(step) {
                Some(next) if self.records[*next].is_alive => at = *next,
                _ => return Fact::Nothing,
            }
        }
        let object = self.records[at].object;
        let default = if case.kind(object, field) == Kind::Checkbox { Fact::Truth(false) } else { Fact::Nothing };
        self.records[at].fields.get(field).cloned().unwrap_or(default)
    }

    fn feed_records(&mut self, case: &Case) {
        for (at, mapping) in &self.working() {
            let linked: Vec<(usize, usize)> = self
                .links
                .iter()
                .filter(|((of, _), _)| of == at)
                .map(|((_, person), record)| (*person, *record))
                .collect();
            for (person, record) in &linked {
                // Of several with one record the one last seen speaks.
                let seen = |person: usize| self.people[person].seen;
                if linked.iter().any(|(other, its)| its == record && seen(*other) > seen(*person)) {
                    continue;
                }
                for line in &mapping.outbound {
                    let source = self.people[*person].attributes.get(&line.from).cloned().unwrap_or_default();
                    let kind = case.kind(mapping.object, &line.to);
                    if let Some(fact) = kept(line, kind, &source) {
                        self.records[*record].fields.insert(line.to.clone(), fact);
                    }
                }
            }
        }
    }
}

/// What a field becomes; `None` where it stays as it is: because the line says so, or because the value does not fit.
pub(crate) fn kept(line: &Line, kind: Kind, source: &Fact) -> Option<Fact> {
    let fact = match looked_up(line, source).ok()? {
        fact if fact.is_blank() => when_empty(line)?,
        fact => fact,
    };
    fits(&fact, kind, line.cuts)
}

/// The form that Salesforce keeps; `None` where it does not fit.
pub(crate) fn fits(fact: &Fact, kind: Kind, cuts: bool) -> Option<Fact> {
    if fact.is_blank() {
        return Some(if kind == Kind::Checkbox { Fact::Truth(false) } else { Fact::Nothing });
    }
    match kind {
        Kind::Text(length) => {
            let words = fact.words();
            let units = |text: &str| text.encode_utf16().count();
            if units(&words) <= length {
                return Some(Fact::Text(words));
            }
            if !cuts {
                return None;
            }
            let mut short = String::new();
            for letter in words.chars() {
                if units(&short) + letter.len_utf16() + 1 > length {
                    break;
                }
                short.push(letter);
            }
            Some(Fact::Text(format!("{}…", short.trim_end())))
        }
        Kind::Choice => choice(&fact.words()).map(Fact::Text),
        Kind::Choices => {
            let items = match fact {
                Fact::Texts(items) => items.clone(),
                other => vec![other.words()],
            };
            let chosen: Option<BTreeSet<String>> =
                items.iter().filter(|item| !item.trim().is_empty()).map(|item| choice(item.trim())).collect();
            Some(Fact::Texts(chosen?.into_iter().collect()))
        }
        Kind::Checkbox => match fact {
            Fact::Truth(truth) => Some(Fact::Truth(*truth)),
            Fact::Text(text) => text.trim().parse().ok().map(Fact::Truth),
            _ => None,
        },
        Kind::Number(decimals) => {
            let thousandths = match fact {
                Fact::Thousandths(number) => *number,
                Fact::Text(text) => (text.trim().parse::<f64>().ok()? * 1_000.0).round() as i64,
                _ => return None,
            };
            let unit = 10_i64.pow(3 - decimals);
            Some(Fact::Thousandths((thousandths.abs() + unit / 2) / unit * unit * thousandths.signum()))
        }
        Kind::Day | Kind::Instant => {
            let ms = match fact {
                Fact::Instant(ms) => *ms,
                Fact::Text(text) => instant(text.trim())?,
                _ => return None,
            };
            let unit = if kind == Kind::Day { DAY_MS } else { 1_000 };
            Some(Fact::Instant(ms.div_euclid(unit) * unit))
        }
    }
}

/// A restricted picklist's choice, in the definition's spelling.
fn choice(words: &str) -> Option<String> {
    CHOICES.iter().find(|choice| choice.eq_ignore_ascii_case(words)).map(|choice| (*choice).to_owned())
}

/// What the line's value map makes of it.
fn looked_up(line: &Line, source: &Fact) -> Result<Fact, ()> {
    if source.is_blank() {
        return Ok(Fact::Nothing);
    }
    if line.values.is_empty() {
        return Ok(source.clone());
    }
    let look = |words: &str| line.values.get(words.trim()).or(line.otherwise.as_ref()).cloned().ok_or(());
    match source {
        Fact::Texts(items) => {
            let mut found = Vec::new();
            for item in items {
                let item = look(item)?;
                if !item.is_empty() && !found.contains(&item) {
                    found.push(item);
                }
            }
            Ok(if found.is_empty() { Fact::Nothing } else { Fact::Texts(found) })
        }
        other => Ok(match look(&other.words())? {
            text if text.is_empty() => Fact::Nothing,
            text => Fact::Text(text),
        }),
    }
}

fn when_empty(line: &Line) -> Option<Fact> {
    match &line.empty {
        Empty::Clear => Some(Fact::Nothing),
        Empty::Keep => None,
        Empty::Default(fact) => Some(fact.clone()),
    }
}

/// The type of what a line gives, by its source's.
pub(crate) fn given(line: &Line, source: Type) -> Type {
    if line.values.is_empty() || source == Type::List { source } else { Type::String }
}
