//! What a seed stands for: which trouble comes when, and who changes what when. All of it is drawn before the run begins, so that
//! the seed gives it again.

use std::fmt;

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::fault::FaultKind;

/// Contacts that an org begins with. The first is the run's canary: nobody else touches it.
pub(crate) const CONTACTS: usize = 24;
/// Users who have one of these contacts.
pub(crate) const MATCHED_USERS: usize = 18;
/// Users that an environment begins with.
pub(crate) const USERS: usize = 21;
/// Accounts, and companies with the same ids. The first is a canary.
pub(crate) const ACCOUNTS: usize = 8;
/// Choices of the restricted picklist.
pub(crate) const TIERS: [&str; 3] = ["gold", "silver", "bronze"];

/// How long the two sides change while there is trouble.
const LASTS_MS: u64 = 1_600;

/// Where durable state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// SQLite in a folder.
    Sqlite,
    /// Memory.
    Memory,
}

/// What the connection acts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// A refresh token that changes with each use.
    Rotating,
    /// Client credentials.
    ClientCredentials,
}

/// Trouble of one kind, from when to when.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// What.
    pub kind: FaultKind,
    /// When it comes on, or first strikes.
    pub from_ms: u64,
    /// When it goes off.
    pub until_ms: u64,
    /// For what comes at moments: time between two of them.
    pub apart_ms: u64,
    /// The chance of a request to meet it.
    pub chance: f64,
    /// A number that the kind makes something of.
    pub dose: u64,
}

/// A change that somebody makes. Contacts, users and accounts are named by their place; `number` makes a value one of its kind.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "said above")]
pub enum Change {
    /// Another user of the org edits a contact's title.
    Title { contact: usize, number: u64 },
    /// Another user edits a contact's department; or clears it.
    Department { contact: usize, number: Option<u64> },
    /// One transaction changes the titles of several contacts.
    Titles { contacts: Vec<usize>, number: u64 },
    /// Another user edits an account's website.
    Website { account: usize, number: u64 },
    /// Another user writes over what Syncline wrote.
    Overwrite { contact: usize, number: u64 },
    /// A contact gets another address.
    ContactEmail { contact: usize, email: String },
    /// A contact is made.
    NewContact { email: String, number: u64 },
    /// A user's plan changes; `padded` puts blanks around it. Nothing clears it.
    Plan { user: usize, number: Option<u64>, padded: bool },
    /// A user's score changes, in thousandths.
    Score { user: usize, thousandths: i64 },
    /// A user's tier changes.
    Tier { user: usize, tier: String },
    /// A company's seats change, in thousandths.
    Seats { company: usize, thousandths: i64 },
    /// A user gets another address.
    UserEmail { user: usize, email: String },
    /// A user is heard of for the first time.
    NewUser { email: String, number: u64 },
}

/// A change and when it is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub at_ms: u64,
    /// What.
    pub change: Change,
}

/// Everything that is drawn from a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The seed.
    pub seed: u64,
    /// Where durable state is.
    pub store: StoreKind,
    /// What the connection acts with.
    pub grant: GrantKind,
    /// How far the org's clock is ahead of ours.
    pub skew_ms: i64,
    /// Trouble.
    pub troubles: Vec<Trouble>,
    /// Changes, in order.
    pub steps: Vec<Step>,
}

impl Schedule {
    /// Draws a schedule.
    pub fn draw(seed: u64) -> Schedule {
        let mut random = StdRng::seed_from_u64(seed);
        let count = random.random_range(3..=12);
        let mut kinds: Vec<FaultKind> = FaultKind::ALL.sample(&mut random, count).copied().collect();
        kinds.sort_unstable();
        let troubles: Vec<Trouble> = kinds.iter().map(|kind| draw_trouble(&mut random, *kind)).collect();
        let needs_rotation =
            [FaultKind::GrantRevoked, FaultKind::TokenAnswersLost].iter().any(|kind| kinds.contains(kind));
        let grant = match needs_rotation || random.random_bool(0.5) {
            true => GrantKind::Rotating,
            false => GrantKind::ClientCredentials,
        };
        let store = if random.random_bool(0.75) { StoreKind::Sqlite } else { StoreKind::Memory };
        let skew_ms = match kinds.contains(&FaultKind::ClockSkew) {
            true => random.random_range(-9 * 60_000..=9 * 60_000),
            false => 0,
        };
        let steps = Planner::new(&mut random, kinds.contains(&FaultKind::PicklistMisfits)).draw();
        Schedule { seed, store, grant, skew_ms, troubles, steps }
    }

    /// Whether trouble of this kind is in it.
    pub fn has(&self, kind: FaultKind) -> bool {
        self.troubles.iter().any(|trouble| trouble.kind == kind)
    }

    /// How long the changes go on.
    pub(crate) fn lasts_ms(&self) -> u64 {
        LASTS_MS
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Schedule { seed, store, grant, skew_ms, troubles, steps } = self;
        writeln!(f, "seed {seed}: {store:?}, {grant:?}, org's clock {skew_ms} ms ahead, {} changes", steps.len())?;
        for Trouble { kind, from_ms, until_ms, apart_ms, chance, dose } in troubles {
            let row = kind.row();
            match kind.is_momentary() {
                true => writeln!(
                    f,
                    "  {row:<4} {kind:?} at {from_ms} ms and every {apart_ms} ms until {until_ms} ms, dose {dose}"
                )?,
                false => {
                    writeln!(f, "  {row:<4} {kind:?} from {from_ms} to {until_ms} ms, chance {chance:.2}, dose {dose}")?
                }
            }
        }
        Ok(())
    }
}

fn draw_trouble(random: &mut StdRng, kind: FaultKind) -> Trouble {
    let from_ms = random.random_range(0..LASTS_MS / 2);
    let until_ms = random.random_range(from_ms + LASTS_MS / 4..=LASTS_MS);
    let apart_ms = match kind {
        FaultKind::EngineDies | FaultKind::GrantRevoked => random.random_range(500..1_200),
        FaultKind::PositionForgotten | FaultKind::OrgMigrated => random.random_range(400..1_000),
        _ => random.random_range(60..400),
    };
    Trouble {
        kind,
        from_ms,
        until_ms,
        apart_ms,
        chance: random.random_range(0.05..0.5),
        dose: random.random_range(0..1_000),
    }
}

/// Draws the changes. Keeps who has which address, so that no two users have the same: which of them speaks would hang on timing.
struct Planner<'r> {
    random: &'r mut StdRng,
    misfits: bool,
    number: u64,
    contacts: usize,
    users: Vec<String>,
    /// Addresses that nobody at either side has.
    fresh: usize,
}

impl Planner<'_> {
    fn new(random: &mut StdRng, misfits: bool) -> Planner<'_> {
        Planner {
            random,
            misfits,
            number: 100,
            contacts: CONTACTS,
            users: (0..USERS).map(first_user_email).collect(),
            fresh: 0,
        }
    }

    fn draw(mut self) -> Vec<Step> {
        let count = self.random.random_range(45..90);
        let mut steps = Vec::new();
        for _ in 0..count {
            let at_ms = self.random.random_range(0..LASTS_MS);
            match self.random.random_range(0..100) {
                // Both sides of a pair at the same moment.
                0..10 => {
                    let pair = self.random.random_range(1..MATCHED_USERS);
                    let number = self.next();
                    steps.push(Step { at_ms, change: Change::Title { contact: pair, number } });
                    let number = Some(self.next());
                    steps.push(Step { at_ms, change: Change::Plan { user: pair, number, padded: false } });
                }
                die => {
                    let change = self.change(die);
                    steps.push(Step { at_ms, change });
                }
            }
        }
        // Addresses were drawn in this order, so they change in this order.
        let mut times: Vec<u64> = steps.iter().map(|step| step.at_ms).collect();
        times.sort_unstable();
        steps.iter_mut().zip(times).for_each(|(step, at_ms)| step.at_ms = at_ms);
        steps
    }

    fn change(&mut self, die: u32) -> Change {
        let (contact, user) =
            (self.random.random_range(1..self.contacts), self.random.random_range(1..self.users.len()));
        let number = self.next();
        match die {
            10..28 => Change::Title { contact, number },
            28..36 => Change::Department { contact, number: self.random.random_bool(0.7).then_some(number) },
            36..42 => {
                let count = self.random.random_range(2..8);
                let contacts = (0..count).map(|_| self.random.random_range(1..self.contacts)).collect();
                Change::Titles { contacts, number }
            }
            42..48 => Change::Website { account: self.random.random_range(1..ACCOUNTS), number },
            48..52 => Change::Overwrite { contact, number },
            52..55 => Change::ContactEmail { contact, email: self.some_email() },
            55..58 => Change::NewContact { email: self.new_contact_email(), number },
            58..70 => {
                let number = self.random.random_bool(0.85).then_some(number);
                Change::Plan { user, number, padded: self.random.random_bool(0.3) }
            }
            70..79 => Change::Score { user, thousandths: number as i64 * 10 + self.random.random_range(0..10) },
            79..87 => Change::Tier { user, tier: self.tier() },
            87..94 => Change::Seats {
                company: self.random.random_range(1..ACCOUNTS),
                thousandths: number as i64 * 1_000 + self.random.random_range(0..1_000),
            },
            94..97 => {
                let email = self.free_email();
                self.users[user].clone_from(&email);
                Change::UserEmail { user, email }
            }
            _ => {
                let email = self.free_email();
                self.users.push(email.clone());
                Change::NewUser { email, number }
            }
        }
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn tier(&mut self) -> String {
        if self.misfits && self.random.random_bool(0.5) {
            return format!("unheard-of-{}", self.number);
        }
        (*TIERS.choose(self.random).expect("there are some")).to_owned()
    }

    fn fresh_email(&mut self) -> String {
        self.fresh += 1;
        format!("fresh{}@sim.example", self.fresh)
    }

    /// An address that no user has: that of a contact nobody has, or a new one.
    fn free_email(&mut self) -> String {
        let contact = contact_email(self.random.random_range(MATCHED_USERS..CONTACTS));
        let free = !self.users.iter().any(|email| email.eq_ignore_ascii_case(&contact));
        if free && self.random.random_bool(0.6) { capitalised(self.random, contact) } else { self.fresh_email() }
    }

    /// Any address: one that a user has, so that a contact becomes a duplicate or is found at last, or a new one.
    fn some_email(&mut self) -> String {
        let user = self.random.random_range(1..self.users.len());
        if self.random.random_bool(0.6) { self.users[user].clone() } else { self.fresh_email() }
    }

    fn new_contact_email(&mut self) -> String {
        self.contacts += 1;
        self.some_email()
    }
}

/// Case means nothing in an address.
fn capitalised(random: &mut StdRng, email: String) -> String {
    if random.random_bool(0.3) { email.to_uppercase() } else { email }
}

/// The address that a contact begins with.
pub(crate) fn contact_email(contact: usize) -> String {
    format!("p{contact}@sim.example")
}

/// The address that a user begins with.
pub(crate) fn first_user_email(user: usize) -> String {
    if user < MATCHED_USERS { contact_email(user) } else { format!("q{user}@sim.example") }
}
