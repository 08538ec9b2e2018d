//! Draws a case from its seed, all of it before it is played. Mappings are such as may be saved, and edited to what they are edited to:
//! each field is fed once, each attribute once by one mapping, types fit, and nothing flows in a circle.

use std::collections::{BTreeMap, BTreeSet};

use rand::{
    RngExt, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};

use super::{
    case::{Act, COMPANIES, Case, Empty, Line, Mapping, PROJECT, Side, USERS, lookups, type_of},
    fact::{CHOICES, DAY_MS, Fact, Kind, Type},
    model::{fits, given},
};

const OBJECTS: [&str; 5] = ["Account", "Contact", "Lead", "Opportunity", PROJECT];
/// Records of each object at the beginning.
const RECORDS: [usize; 5] = [3, 4, 3, 3, 3];
/// Custom fields of each object that lines may go from and to.
const FIELDS: usize = 5;
/// Records are matched by one of these.
const KEY: &str = "Key__c";
const KEY_NUMBER: &str = "KeyNumber__c";
const EMAIL: &str = "Email";
const WORDS: [&str; 9] = ["alpha", "Béta", "x y", "🙂 ok", "7", "2.345", "true", "Gold", "tin"];
const LONG: &str = "many words 🙂🙂 in one text";
const TYPES: [Type; 5] = [Type::String, Type::Number, Type::Boolean, Type::DateTime, Type::List];

impl Case {
    /// Draws a case.
    pub fn draw(seed: u64) -> Case {
        let mut drawer =
            Drawer { random: StdRng::seed_from_u64(seed), case: Case::empty(seed), flows: BTreeSet::new() };
        drawer.fields();
        for _ in 0..drawer.random.random_range(1..=4) {
            drawer.mapping();
        }
        for _ in 0..drawer.random.random_range(0..=2) {
            drawer.edited();
        }
        drawer.complete();
        drawer.beginnings();
        drawer.acts();
        drawer.case
    }

    fn empty(seed: u64) -> Case {
        Case {
            seed,
            fields: BTreeMap::new(),
            mappings: Vec::new(),
            later: Vec::new(),
            records: Vec::new(),
            people: Vec::new(),
            acts: Vec::new(),
        }
    }
}

struct Drawer {
    random: StdRng,
    case: Case,
    /// From where to where values flow.
    flows: BTreeSet<(String, String)>,
}

impl Drawer {
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of.choose(&mut self.random).expect("there are some").clone()
    }

    fn fields(&mut self) {
        for object in OBJECTS {
            for at in 0..FIELDS {
                let kinds = [
                    Kind::Text(8),
                    Kind::Text(20),
                    Kind::Choice,
                    Kind::Choices,
                    Kind::Checkbox,
                    Kind::Number(0),
                    Kind::Number(2),
                    Kind::Day,
                    Kind::Instant,
                ];
                let kind = self.one(&kinds);
                self.case.fields.insert((object, format!("F{at}__c")), kind);
            }
            self.case.fields.insert((object, KEY.to_owned()), Kind::Text(40));
            self.case.fields.insert((object, KEY_NUMBER.to_owned()), Kind::Number(0));
            if object == "Contact" || object == "Lead" {
                self.case.fields.insert((object, EMAIL.to_owned()), Kind::Text(80));
            }
        }
    }

    fn mapping(&mut self) {
        let object = self.one(&OBJECTS);
        let side = self.one(&[Side::User, Side::User, Side::Company]);
        let mapping = self.matching(object, side);
        let mapping = self.filled(mapping);
        self.case.mappings.push(mapping);
    }

    /// What a mapping is edited to: another match, some of its lines and others beside them.
    fn edited(&mut self) {
        let at = self.random.random_range(0..self.case.mappings.len());
        let before = self.case.mappings[at].clone();
        let mut mapping = match self.random.random_bool(0.4) {
            true => self.matching(before.object, before.side),
            false => Mapping { inbound: Vec::new(), outbound: Vec::new(), ..before.clone() },
        };
        mapping.inbound.extend(before.inbound.into_iter().filter(|_| self.random.random_bool(0.6)));
        mapping.outbound.extend(before.outbound.into_iter().filter(|_| self.random.random_bool(0.6)));
        let mapping = self.filled(mapping);
        self.case.later.push((at, mapping));
    }

    fn matching(&mut self, object: &'static str, side: Side) -> Mapping {
        let mut keys = vec![(KEY, "ref"), (KEY_NUMBER, "number_ref")];
        keys.push((KEY, if side == Side::User { "user_id" } else { "company_id" }));
        if side == Side::User && self.case.fields.contains_key(&(object, EMAIL.to_owned())) {
            keys.extend([(EMAIL, "email"); 2]);
        }
        let (key, attribute) = self.one(&keys);
        Mapping {
            object,
            side,
            key,
            attribute,
            skips_duplicates: self.random.random_bool(0.2),
            keeps_when_unlinked: self.random.random_bool(0.3),
            inbound: Vec::new(),
            outbound: Vec::new(),
        }
    }

    fn filled(&mut self, mut mapping: Mapping) -> Mapping {
        for _ in 0..self.random.random_range(1..=4) {
            self.inbound(&mut mapping);
        }
        for _ in 0..self.random.random_range(0..=3) {
            self.outbound(&mut mapping);
        }
        mapping
    }

    fn inbound(&mut self, mapping: &mut Mapping) {
        let paths: &[(&str, &'static str)] = match mapping.object {
            "Account" => &[("", "Account"), ("", "Account"), ("Parent.", "Account")],
            "Contact" => &[
                ("", "Contact"),
                ("", "Contact"),
                ("Account.", "Account"),
                ("Account.Parent.", "Account"),
                ("ReportsTo.", "Contact"),
                ("Project__r.", PROJECT),
                ("Project__r.Account__r.", "Account"),
            ],
            "Lead" => &[("", "Lead")],
            PROJECT => &[("", PROJECT), ("", PROJECT), ("Account__r.", "Account"), ("Account__r.Parent.", "Account")],
            _ => &[("", "Opportunity"), ("", "Opportunity"), ("Account.", "Account"), ("Account.Parent.", "Account")],
        };
        let (path, end) = self.one(paths);
        let field = format!("F{}__c", self.random.random_range(0..FIELDS));
        let source = self.case.kind(end, &field).becomes();
        let mut line = self.line(format!("{path}{field}"), source, None);
        let target = given(&line, source);
        line.to = format!("{}_in{}", word(target), self.random.random_range(0..2));
        if target != Type::DateTime && self.random.random_bool(0.2) {
            let fact = self.said(target);
            line.empty = if fact.is_blank() { Empty::Keep } else { Empty::Default(fact) };
        }
        let is_fed = mapping.inbound.iter().any(|other| other.to == line.to);
        let flow = (format!("{end}.{field}"), format!("{:?} {}", mapping.side, line.to));
        if !is_fed && self.flows_on(flow) {
            mapping.inbound.push(line);
        }
    }

    fn outbound(&mut self, mapping: &mut Mapping) {
        let own = format!("{}_say{}", word(self.one(&TYPES)), self.random.random_range(0..2));
        let fed: Vec<String> = self.case.targets(mapping.side).into_iter().map(str::to_owned).collect();
        let from = if !fed.is_empty() && self.random.random_bool(0.3) { self.one(&fed) } else { own };
        let to = format!("F{}__c", self.random.random_range(0..FIELDS));
        let kind = self.case.kind(mapping.object, &to);
        let mut line = self.line(from, Type::String, Some(kind));
        let source = type_of(&line.from);
        if source == Type::DateTime {
            line.values.clear();
            line.otherwise = None;
        }
        line.to = to;
        line.cuts = matches!(kind, Kind::Text(_)) && self.random.random_bool(0.4);
        if !matches!(kind, Kind::Day | Kind::Instant) && self.random.random_bool(0.2) {
            let fact = self.entered(kind);
            line.empty = if fact.is_blank() { Empty::Keep } else { Empty::Default(fact) };
        }
        let target = format!("{}.{}", mapping.object, line.to);
        let is_fed = self.flows.iter().any(|(_, to)| *to == target);
        let flow = (format!("{:?} {}", mapping.side, line.from), target);
        if !is_fed && kind.takes(given(&line, source)) && self.flows_on(flow) {
            mapping.outbound.push(line);
        }
    }

    /// A line with options but for its target; `kind` is that of the field that it writes to.
    fn line(&mut self, from: String, source: Type, kind: Option<Kind>) -> Line {
        let mut line = Line {
            from,
            to: String::new(),
            empty: if self.random.random_bool(0.3) { Empty::Keep } else { Empty::Clear },
            values: BTreeMap::new(),
            otherwise: None,
            cuts: false,
        };
        if source == Type::DateTime || self.random.random_bool(0.7) {
            return line;
        }
        let mut keys: Vec<&str> = vec!["5", "-2.345", "false", "Iron", "Lead"];
        keys.extend(WORDS);
        let becomes: Vec<&str> = match kind {
            None | Some(Kind::Text(_)) => vec!["hot", "warm", ""],
            Some(Kind::Choice | Kind::Choices) => CHOICES.to_vec(),
            Some(Kind::Checkbox) => vec!["true", "false"],
            Some(Kind::Number(_)) => vec!["1", "2.5", ""],
            Some(Kind::Day | Kind::Instant) => vec!["2024-02-03T04:05:06Z", ""],
        };
        keys.shuffle(&mut self.random);
        for key in keys.into_iter().take(8) {
            let to = self.one(&becomes);
            line.values.insert(key.to_owned(), to.to_owned());
        }
        line.otherwise = self.random.random_bool(0.6).then(|| self.one(&becomes).to_owned());
        line
    }

    /// Takes a flow in, unless it would close a circle.
    fn flows_on(&mut self, flow: (String, String)) -> bool {
        let mut reached = BTreeSet::from([flow.1.clone()]);
        loop {
            let next: Vec<String> = self
                .flows
                .iter()
                .filter(|(from, to)| reached.contains(from) && !reached.contains(to))
                .map(|(_, to)| to.clone())
                .collect();
            if next.is_empty() {
                break;
            }
            reached.extend(next);
        }
        let is_open = !reached.contains(&flow.0);
        if is_open {
            self.flows.insert(flow);
        }
        is_open
    }

    /// A line whose source is another's target may see it with values that are soon gone, or not see those. Where it lets its target stay as
    /// it is for some of them, timing would decide: such lines are made to say something of every value.
    fn complete(&mut self) {
        let targets: BTreeSet<String> = self.flows.iter().map(|(_, to)| to.clone()).collect();
        let (mut mappings, mut later) = (self.case.mappings.clone(), self.case.later.clone());
        for mapping in mappings.iter_mut().chain(later.iter_mut().map(|(_, mapping)| mapping)) {
            for line in &mut mapping.inbound {
                let (path, field) = line.from.rsplit_once('.').unwrap_or(("", &line.from));
                let end = match path.rsplit('.').next() {
                    Some("") | None => mapping.object,
                    Some("ReportsTo") => "Contact",
                    Some("Project__r") => PROJECT,
                    Some(_) => "Account",
                };
                if targets.contains(&format!("{end}.{field}")) {
                    complete(line);
                }
            }
            let (side, object) = (mapping.side, mapping.object);
            mapping.outbound.retain_mut(|line| {
                if !targets.contains(&format!("{side:?} {}", line.from)) {
                    return true;
                }
                complete(line);
                let kind = self.case.kind(object, &line.to);
                line.cuts = matches!(kind, Kind::Text(_));
                match kind {
                    Kind::Text(_) => true,
                    _ if !line.values.is_empty() => true,
                    Kind::Choice | Kind::Choices => false,
                    kind => kind.becomes() == type_of(&line.from),
                }
            });
        }
        (self.case.mappings, self.case.later) = (mappings, later);
    }

    fn beginnings(&mut self) {
        for (object, count) in OBJECTS.into_iter().zip(RECORDS) {
            for _ in 0..count {
                let record = self.case.records.len();
                let names: Vec<String> = self.case.fields_of(object).map(|(name, _)| name.to_owned()).collect();
                let fields = names.into_iter().map(|name| self.field(object, name)).collect();
                let lookups = lookups(object).iter().map(|name| (*name, self.pointed(object, name, record))).collect();
                self.case.records.push((object, Act::Edit { record, fields, lookups }));
            }
        }
        for person in 0..USERS + COMPANIES {
            let names: Vec<String> = own_attributes();
            let attributes = names.into_iter().map(|name| self.attribute(name)).collect();
            self.case.people.push(Act::Say { person, attributes });
        }
    }

    fn acts(&mut self) {
        // Whoever changes what a line writes to too often is taken for a fight (three times in ten minutes).
        let mut overwritten: BTreeSet<(usize, String)> = BTreeSet::new();
        let count = self.case.records.len();
        let mut order: Vec<usize> = (0..self.case.mappings.len()).collect();
        for _ in 0..self.random.random_range(10..18) {
            let record = self.random.random_range(0..count);
            let object = self.case.records[record].0;
            let act = match self.random.random_range(0..100) {
                0..42 => {
                    let names: Vec<String> = self.case.fields_of(object).map(|(name, _)| name.to_owned()).collect();
                    let mut fields: BTreeMap<String, Fact> = BTreeMap::new();
                    for _ in 0..self.random.random_range(1..=3) {
                        let name = self.one(&names);
                        let is_target = self.flows.iter().any(|(_, to)| *to == format!("{object}.{name}"));
                        if !is_target || overwritten.insert((record, name.clone())) {
                            let (name, fact) = self.field(object, name);
                            fields.insert(name, fact);
                        }
                    }
                    let pointing = lookups(object);
                    let lookups = match pointing.is_empty() || self.random.random_bool(0.6) {
                        true => Vec::new(),
                        false => {
                            let name = self.one(pointing);
                            vec![(name, self.pointed(object, name, record))]
                        }
                    };
                    Act::Edit { record, fields: fields.into_iter().collect(), lookups }
                }
                42..74 => {
                    let person = self.random.random_range(0..USERS + COMPANIES);
                    let side = if person < USERS { Side::User } else { Side::Company };
                    let mut names = own_attributes();
                    names.extend(self.case.targets(side).into_iter().map(str::to_owned));
                    let count = self.random.random_range(1..=3);
                    let attributes: BTreeMap<String, Fact> = (0..count)
                        .map(|_| {
                            let name = self.one(&names);
                            self.attribute(name)
                        })
                        .collect();
                    Act::Say { person, attributes: attributes.into_iter().collect() }
                }
                74..83 => Act::Delete { record },
                83..91 => Act::Undelete { record },
                91..94 if object == "Lead" => {
                    let contacts: Vec<usize> =
                        (0..count).filter(|other| self.case.records[*other].0 == "Contact").collect();
                    Act::Convert { lead: record, contact: self.one(&contacts) }
                }
                91..95 => {
                    let same: Vec<usize> =
                        (0..count).filter(|other| self.case.records[*other].0 == object && *other != record).collect();
                    Act::Merge { master: record, loser: self.one(&same) }
                }
                _ => {
                    order.shuffle(&mut self.random);
                    Act::Order(order.clone())
                }
            };
            self.case.acts.push(act);
        }
        self.steering(&order);
    }

    /// Puts in what an administrator does with mappings, anywhere: edits each as was drawn, pauses some for a while, deletes one.
    fn steering(&mut self, mappings: &[usize]) {
        for (mapping, definition) in self.case.later.clone() {
            let at = self.random.random_range(0..=self.case.acts.len());
            self.case.acts.insert(at, Act::Define { mapping, definition });
        }
        for mapping in mappings.iter().copied() {
            if self.random.random_bool(0.4) {
                let from = self.random.random_range(0..self.case.acts.len());
                let until = self.random.random_range(from + 1..=self.case.acts.len());
                self.case.acts.insert(until, Act::Pause { mapping, is_paused: false });
                self.case.acts.insert(from, Act::Pause { mapping, is_paused: true });
            }
        }
        if self.random.random_bool(0.2) {
            let mapping = self.one(mappings);
            let at = self.random.random_range(0..=self.case.acts.len());
            self.case.acts.insert(at, Act::Forget { mapping });
        }
    }

    fn pointed(&mut self, object: &str, lookup: &str, record: usize) -> Option<usize> {
        let (of, before) = match (object, lookup) {
            // Nobody is above oneself.
            ("Account", _) => ("Account", record),
            ("Contact", "ReportsTo") => ("Contact", record),
            ("Contact", "Project__r") => (PROJECT, usize::MAX),
            _ => ("Account", usize::MAX),
        };
        let all: Vec<usize> = self
            .case
            .records
            .iter()
            .enumerate()
            .filter(|(at, (object, _))| *object == of && *at < before)
            .map(|(at, _)| at)
            .collect();
        if all.is_empty() || self.random.random_bool(0.2) { None } else { Some(self.one(&all)) }
    }

    fn field(&mut self, object: &'static str, name: String) -> (String, Fact) {
        let fact = match name.as_str() {
            KEY => {
                let mut keys: Vec<String> = (0..USERS).map(|at| format!("u{at}")).collect();
                keys.extend((0..COMPANIES).map(|at| format!("c{at}")));
                keys.extend((0..4).map(|at| format!("r{at}")));
                Fact::Text(self.one(&keys))
            }
            KEY_NUMBER => Fact::Thousandths(self.random.random_range(1..5) * 1_000),
            EMAIL => self.email(),
            _ => {
                let kind = self.case.kind(object, &name);
                self.entered(kind)
            }
        };
        (name, fact)
    }

    fn email(&mut self) -> Fact {
        Fact::Text(format!("p{}@maps.example", self.random.random_range(0..5)))
    }

    /// What a person enters in a field: in the form that it keeps.
    fn entered(&mut self, kind: Kind) -> Fact {
        if self.random.random_bool(0.3) {
            return if kind == Kind::Checkbox { Fact::Truth(false) } else { Fact::Nothing };
        }
        let said = match kind {
            Kind::Text(_) => Fact::Text(self.one(&WORDS).to_owned()),
            Kind::Choice => Fact::Text(self.one(&CHOICES).to_owned()),
            Kind::Choices => Fact::Texts((0..2).map(|_| self.one(&CHOICES).to_owned()).collect()),
            Kind::Checkbox => Fact::Truth(true),
            Kind::Number(_) => self.said(Type::Number),
            Kind::Day | Kind::Instant => self.said(Type::DateTime),
        };
        fits(&said, kind, false).unwrap_or_default()
    }

    fn attribute(&mut self, name: String) -> (String, Fact) {
        let fact = match name.as_str() {
            "email" => match self.email() {
                Fact::Text(email) if self.random.random_bool(0.3) => Fact::Text(format!(" {} ", email.to_uppercase())),
                email => email,
            },
            "ref" => Fact::Text(format!("r{}", self.random.random_range(0..4))),
            "number_ref" => Fact::Thousandths(self.random.random_range(1..5) * 1_000),
            _ => self.said(type_of(&name)),
        };
        (name, fact)
    }

    fn said(&mut self, of: Type) -> Fact {
        if self.random.random_bool(0.2) {
            return Fact::Nothing;
        }
        match of {
            Type::String => {
                let text = self.one(&WORDS);
                match self.random.random_range(0..10) {
                    0 => Fact::Text(format!("  {text} ")),
                    1 | 2 => Fact::Text(LONG.to_owned()),
                    3 => Fact::Text("  ".to_owned()),
                    _ => Fact::Text(text.to_owned()),
                }
            }
            Type::Number => Fact::Thousandths(self.one(&[-2_345, 0, 1_250, 2_500, 2_345, 5_000, 999_999])),
            Type::Boolean => Fact::Truth(self.random.random_bool(0.5)),
            Type::DateTime => Fact::Instant(
                self.random.random_range(-100..400) * DAY_MS * 50 + self.one(&[0, 3_600_000, 86_399_000, 7]),
            ),
            Type::List => {
                let items = ["Gold", "Iron", "tin", "alpha"];
                let mut chosen: Vec<String> = Vec::new();
                for item in items {
                    if self.random.random_bool(0.35) {
                        chosen.push(item.to_owned());
                    }
                }
                chosen.shuffle(&mut self.random);
                if chosen.is_empty() { Fact::Nothing } else { Fact::Texts(chosen) }
            }
        }
    }
}

fn complete(line: &mut Line) {
    if line.empty == Empty::Keep {
        line.empty = Empty::Clear;
    }
    if let (Some(to), None) = (line.values.values().next(), &line.otherwise) {
        line.otherwise = Some(to.clone());
    }
}

/// Attributes that only people change.
fn own_attributes() -> Vec<String> {
    let says = TYPES.iter().flat_map(|of| (0..2).map(|at| format!("{}_say{at}", word(*of))));
    says.chain(["email", "ref", "number_ref"].map(str::to_owned)).collect()
}

fn word(of: Type) -> &'static str {
    match of {
        Type::String => "string",
        Type::Number => "number",
        Type::Boolean => "boolean",
        Type::DateTime => "datetime",
        Type::List => "list",
    }
}
