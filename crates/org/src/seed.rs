//! Believable data for an org that should not be empty: companies, the people who work there, leads, opportunities, and the
//! colleagues who own them.
//!
//! The same number always gives the same data. Every address ends in `.example`, which belongs to nobody, so no mail can reach
//! a stranger. Data that is there before anyone looks makes no change events.

mod file;
mod names;

use std::collections::HashSet;

pub use file::{SeedFileError, seed_files};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use crate::core::{FieldSchema, FieldType, FieldValue, Org};
use names::{
    ACCOUNT_TYPES, COMPANY_FIRST, COMPANY_SECOND, CULTURES, DEALS, INDUSTRIES, JOBS, LEAD_SOURCES, LEAD_STATUSES,
    OWNERS, PLACES, Place, RATINGS, STAGES,
};

const MS_PER_DAY: i64 = 86_400_000;
/// The oldest record was made about this many days ago.
const HISTORY_DAYS: i64 = 4 * 365;
/// Three in four people have a name that is usual where their company sits.
const LOCAL_NAME_SHARE: f64 = 0.75;
/// Some companies were never given an id of the customer's own system.
const EXTERNAL_ID_SHARE: f64 = 0.9;

/// How many records to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedSize {
    /// People at companies.
    pub contacts: usize,
    /// Companies.
    pub accounts: usize,
    /// People who may become customers.
    pub leads: usize,
    /// Deals.
    pub opportunities: usize,
}

impl SeedSize {
    /// What the demo shows.
    pub const DEMO: SeedSize = SeedSize { contacts: 3_000, accounts: 800, leads: 300, opportunities: 400 };
}

/// Fills the org, as of `now_ms` (milliseconds since 1970 UTC). The custom fields that a customer of Syncline is likely to have are
/// added too, empty but for `Account.External_Id__c`, which holds ids such as `acme-corp`.
pub fn seed(org: &mut Org, size: SeedSize, number: u64, now_ms: i64) {
    add_custom_fields(org);
    let mut sower =
        Sower { org, random: StdRng::seed_from_u64(number), now_ms, owners: Vec::new(), emails: HashSet::new() };
    sower.sow_owners();
    let mut pairs: Vec<usize> = (0..COMPANY_FIRST.len() * COMPANY_SECOND.len()).collect();
    pairs.shuffle(&mut sower.random);
    // The one that everybody looks for comes first.
    let mut companies = std::iter::once(Company::named("Acme Corp".to_owned(), 0))
        .chain((0..).map(|place_in_line| nth_company(&pairs, place_in_line)));

    let accounts: Vec<Company> =
        companies.by_ref().take(size.accounts).map(|company| sower.sow_account(company)).collect();
    for place_in_line in 0..size.contacts {
        sower.sow_contact(&accounts, place_in_line);
    }
    for company in companies.take(size.leads) {
        sower.sow_lead(company);
    }
    for _ in 0..size.opportunities {
        sower.sow_opportunity(&accounts);
    }
}

fn add_custom_fields(org: &mut Org) {
    let mut external_id = FieldSchema::text("External_Id__c", "External Id", 255);
    external_id.external_id = true;
    external_id.unique = true;
    external_id.id_lookup = true;
    let plan = |name: &str| FieldSchema::text(name, "Userflow Plan", 255);
    let fields = [
        ("Contact", plan("userflow_user_plan__c")),
        (
            "Contact",
            FieldSchema::number(
                "userflow_user_onboarding_score__c",
                "Userflow Onboarding Score",
                FieldType::Double,
                18,
                2,
            ),
        ),
        ("Contact", FieldSchema::new("userflow_user_last_seen__c", "Userflow Last Seen", FieldType::DateTime)),
        ("Account", plan("userflow_company_plan__c")),
        ("Account", FieldSchema::number("userflow_company_seats__c", "Userflow Seats", FieldType::Double, 18, 0)),
        ("Account", external_id),
    ];
    for (object, field) in fields {
        org.add_custom_field(object, field).expect("a new org has none of these fields");
    }
}

/// A company, as its people need to know it.
struct Company {
    /// Id of its account; empty if it has none.
    account_id: String,
    name: String,
    domain: String,
    industry: &'static str,
    place: &'static Place,
    created_ms: i64,
}

impl Company {
    fn named(name: String, industry: usize) -> Company {
        let domain = format!("{}.example", slug(&name));
        let (industry, place) = (INDUSTRIES[industry], &PLACES[0]);
        Company { account_id: String::new(), name, domain, industry, place, created_ms: 0 }
    }
}

/// Every pair of a first and a second word in turn, then all of them again as the branch in one city after the other.
fn nth_company(pairs: &[usize], place_in_line: usize) -> Company {
    let (round, pair) = (place_in_line / pairs.len(), pairs[place_in_line % pairs.len()]);
    let (second, industry) = COMPANY_SECOND[pair % COMPANY_SECOND.len()];
    let name = format!("{} {second}", COMPANY_FIRST[pair / COMPANY_SECOND.len()]);
    match round {
        0 => Company::named(name, industry),
        _ if round <= PLACES.len() => Company::named(format!("{name} {}", PLACES[round - 1].city), industry),
        _ => Company::named(format!("{name} {round}"), industry),
    }
}

/// A record to be: its fields by name.
type Fields = Vec<(&'static str, FieldValue)>;

struct Sower<'a> {
    org: &'a mut Org,
    random: StdRng,
    now_ms: i64,
    owners: Vec<String>,
    emails: HashSet<String>,
}

impl Sower<'_> {
    fn sow_owners(&mut self) {
        let profile = self.standard_profile();
        for (first, last, title) in OWNERS {
            let email = format!("{}.{}@salesteam.example", slug(first), slug(last));
            let fields: Fields = vec![
                ("Username", email.as_str().into()),
                ("Email", email.as_str().into()),
                ("FirstName", (*first).into()),
                ("LastName", (*last).into()),
                ("Title", (*title).into()),
                ("Department", "Sales".into()),
                ("Alias", format!("{}{}", &first[..1], &last[..last.len().min(7)]).to_lowercase().into()),
                ("CommunityNickname", format!("{first}.{last}").to_lowercase().into()),
                ("ProfileId", profile.clone()),
                ("IsActive", true.into()),
            ];
            let created_ms = self.now_ms - HISTORY_DAYS * MS_PER_DAY;
            let owner = self.plant("User", created_ms, fields);
            self.owners.push(owner);
        }
    }

    fn standard_profile(&self) -> FieldValue {
        let profiles = self.org.table("Profile").expect("every org has profiles");
        let (name, id) = (profiles.schema.index_of("Name"), profiles.schema.index_of("Id"));
        let (name, id) = name.zip(id).expect("a profile has a name and an id");
        let standard = profiles.iter().find(|(_, row)| row.get(name).as_text() == Some("Standard User"));
        standard.map(|(_, row)| row.get(id).to_value()).unwrap_or_default()
    }

    fn sow_account(&mut self, mut company: Company) -> Company {
        company.place = self.pick(PLACES);
        company.created_ms =
            self.moment_between(self.now_ms - HISTORY_DAYS * MS_PER_DAY, self.now_ms - 30 * MS_PER_DAY);
        // As many small companies as medium ones as large ones, by the logarithm of their size.
        let employees = 10f64.powf(self.random.random_range(0.9..4.1)).round();
        let revenue = (employees * self.random.random_range(90_000.0..240_000.0) / 10_000.0).round() * 10_000.0;
        let mut fields: Fields = vec![
            ("Name", company.name.as_str().into()),
            ("Type", (*self.pick(ACCOUNT_TYPES)).into()),
            ("Industry", company.industry.into()),
            ("AnnualRevenue", FieldValue::Number(revenue)),
            ("NumberOfEmployees", FieldValue::Integer(employees as i64)),
            ("Website", format!("https://{}", company.domain).into()),
            ("Phone", self.phone(company.place).into()),
            ("BillingStreet", self.street(company.place).into()),
            ("BillingCity", company.place.city.into()),
            ("BillingState", company.place.state.unwrap_or_default().into()),
            ("BillingPostalCode", company.place.postal_code.into()),
            ("BillingCountry", company.place.country.into()),
            ("Rating", (*self.pick(RATINGS)).into()),
            ("AccountSource", (*self.pick(LEAD_SOURCES)).into()),
        ];
        if self.random.random_bool(EXTERNAL_ID_SHARE) || company.name == "Acme Corp" {
            fields.push(("External_Id__c", slug(&company.name).into()));
        }
        company.account_id = self.plant("Account", company.created_ms, fields);
        company
    }

    fn sow_contact(&mut self, accounts: &[Company], place_in_line: usize) {
        // Everybody has somebody; after that, some companies are far better known than others.
        let company = match accounts.get(place_in_line) {
            Some(company) => Some(company),
            None => {
                let skewed = self.random.random::<f64>().powi(2) * accounts.len() as f64;
                accounts.get(skewed as usize)
            }
        };
        let alone = Company::named("Independent".to_owned(), 8);
        let company = company.unwrap_or(&alone);
        let (first, last) = self.person(company.place);
        let (title, department) = *self.pick(JOBS);
        let email = self.email(first, last, &company.domain);
        let mut fields: Fields = vec![
            ("FirstName", first.into()),
            ("LastName", last.into()),
            ("Email", email.into()),
            ("Title", title.into()),
            ("Department", department.into()),
            ("Phone", self.phone(company.place).into()),
            ("MailingStreet", self.street(company.place).into()),
            ("MailingCity", company.place.city.into()),
            ("MailingState", company.place.state.unwrap_or_default().into()),
            ("MailingPostalCode", company.place.postal_code.into()),
            ("MailingCountry", company.place.country.into()),
            ("LeadSource", (*self.pick(LEAD_SOURCES)).into()),
            ("AccountId", company.account_id.as_str().into()),
        ];
        if self.random.random_bool(0.6) {
            fields.push(("MobilePhone", self.phone(company.place).into()));
        }
        let earliest = company.created_ms.max(self.now_ms - HISTORY_DAYS * MS_PER_DAY);
        let created_ms = self.moment_between(earliest, self.now_ms - MS_PER_DAY);
        self.plant("Contact", created_ms, fields);
    }

    fn sow_lead(&mut self, mut company: Company) {
        company.place = self.pick(PLACES);
        let (first, last) = self.person(company.place);
        let (title, _) = *self.pick(JOBS);
        let email = self.email(first, last, &company.domain);
        let fields: Fields = vec![
            ("FirstName", first.into()),
            ("LastName", last.into()),
            ("Company", company.name.as_str().into()),
            ("Email", email.into()),
            ("Title", title.into()),
            ("Phone", self.phone(company.place).into()),
            ("City", company.place.city.into()),
            ("State", company.place.state.unwrap_or_default().into()),
            ("Country", company.place.country.into()),
            ("Industry", company.industry.into()),
            ("Status", (*self.pick(LEAD_STATUSES)).into()),
            ("LeadSource", (*self.pick(LEAD_SOURCES)).into()),
            ("Rating", (*self.pick(RATINGS)).into()),
        ];
        let created_ms = self.moment_between(self.now_ms - 240 * MS_PER_DAY, self.now_ms - MS_PER_DAY);
        self.plant("Lead", created_ms, fields);
    }

    fn sow_opportunity(&mut self, accounts: &[Company]) {
        let Some(company) = accounts.choose(&mut self.random) else { return };
        let (stage, probability, is_closed) = *self.pick(STAGES);
        let created_ms = self.moment_between(company.created_ms, self.now_ms - MS_PER_DAY);
        // A closed deal closed between its beginning and now; an open one is expected to within half a year.
        let closes_ms = match is_closed {
            true => self.moment_between(created_ms, self.now_ms),
            false => self.moment_between(self.now_ms, self.now_ms + 180 * MS_PER_DAY),
        };
        let amount = f64::from(self.random.random_range(8..900u32)) * 500.0;
        let deal = *self.pick(DEALS);
        let fields: Fields = vec![
            ("Name", format!("{} - {deal}", company.name).into()),
            ("AccountId", company.account_id.as_str().into()),
            ("StageName", stage.into()),
            ("Probability", FieldValue::Number(probability)),
            ("Amount", FieldValue::Number(amount)),
            ("CloseDate", FieldValue::Date((closes_ms / MS_PER_DAY) as i32)),
            ("Type", if deal == "New Business" { "New Customer" } else { "Existing Customer - Upgrade" }.into()),
            ("LeadSource", (*self.pick(LEAD_SOURCES)).into()),
        ];
        self.plant("Opportunity", created_ms, fields);
    }

    fn plant(&mut self, object: &str, created_ms: i64, mut fields: Fields) -> String {
        let changed_ms = self.moment_between(created_ms, self.now_ms);
        fields.push(("CreatedDate", FieldValue::DateTime(created_ms)));
        fields.push(("LastModifiedDate", FieldValue::DateTime(changed_ms)));
        if object != "User" {
            let owner = self.owners.choose(&mut self.random).expect("the owners were sown first");
            fields.push(("OwnerId", owner.as_str().into()));
            fields.push(("CreatedById", owner.as_str().into()));
            fields.push(("LastModifiedById", owner.as_str().into()));
        }
        let ids = self.org.load(object, vec![fields], created_ms).expect("every org has these objects and fields");
        ids.into_iter().next().expect("one record was loaded")
    }

    fn pick<T>(&mut self, choices: &'static [T]) -> &'static T {
        choices.choose(&mut self.random).expect("the word lists are not empty")
    }

    fn person(&mut self, place: &Place) -> (&'static str, &'static str) {
        let culture = match self.random.random_bool(LOCAL_NAME_SHARE) {
            true => &CULTURES[place.culture],
            false => self.pick(CULTURES),
        };
        (*self.pick(culture.given), *self.pick(culture.family))
    }

    /// An address that nobody else in this org has.
    fn email(&mut self, first: &str, last: &str, domain: &str) -> String {
        let name = format!("{}.{}", slug(first), slug(last));
        let numbered = (2..).map(|number| format!("{name}{number}@{domain}"));
        let email = std::iter::once(format!("{name}@{domain}"))
            .chain(numbered)
            .find(|email| !self.emails.contains(email))
            .expect("there is always another number");
        self.emails.insert(email.clone());
        email
    }

    fn phone(&mut self, place: &Place) -> String {
        format!("{}{} {:04}", place.phone, self.random.random_range(200..=999), self.random.random_range(0..=9999))
    }

    fn street(&mut self, place: &Place) -> String {
        let street = *self.pick(place.streets);
        let number = self.random.random_range(1..=240);
        if place.streets[0].starts_with("Market") { format!("{number} {street}") } else { format!("{street} {number}") }
    }

    fn moment_between(&mut self, earliest_ms: i64, latest_ms: i64) -> i64 {
        let moment = self.random.random_range(earliest_ms..latest_ms.max(earliest_ms + 1));
        moment - moment.rem_euclid(1000)
    }
}

/// `acme-corp` for `Acme Corp`: lower-case ASCII letters, digits and single hyphens.
fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'a'..='z' | '0'..='9' => slug.push(letter),
            'á' | 'à' | 'ã' | 'å' | 'ą' => slug.push('a'),
            'ä' => slug.push_str("ae"),
            'ç' | 'ć' => slug.push('c'),
            'é' | 'è' | 'ê' | 'ë' | 'ę' => slug.push('e'),
            'í' | 'î' => slug.push('i'),
            'ł' => slug.push('l'),
            'ñ' | 'ń' => slug.push('n'),
            'ó' | 'ô' | 'õ' => slug.push('o'),
            'ö' | 'ø' => slug.push_str("oe"),
            'ś' => slug.push('s'),
            'ß' => slug.push_str("ss"),
            'ú' => slug.push('u'),
            'ü' => slug.push_str("ue"),
            'ź' | 'ż' => slug.push('z'),
            ' ' | '-' if !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::OrgProfile;

    const NOW_MS: i64 = 1_790_000_000_000;

    fn seeded(number: u64) -> Org {
        let mut org = Org::new(&OrgProfile::default(), [3; 32], NOW_MS);
        seed(&mut org, SeedSize::DEMO, number, NOW_MS);
        org
    }

    /// The values of one field in every record of an object.
    fn values(org: &Org, object: &str, field: &str) -> Vec<FieldValue> {
        let table = org.table(object).expect("the object exists");
        let index = table.schema.index_of(field).expect("the field exists");
        table.iter().map(|(_, row)| row.get(index).to_value()).collect()
    }

    #[test]
    fn a_seeded_org_holds_what_was_asked_for_and_no_event() {
        let org = seeded(1);
        let counts = ["Contact", "Account", "Lead", "Opportunity"].map(|object| org.record_count(object));
        assert_eq!(counts, [3_000, 800, 300, 400]);
        assert_eq!(org.record_count("User"), 2 + OWNERS.len());
        assert_eq!(org.events_after(None).count(), 0);
    }

    #[test]
    fn nobody_shares_an_address_and_no_company_an_external_id() {
        let org = seeded(1);
        let emails = [values(&org, "Contact", "Email"), values(&org, "Lead", "Email")].concat();
        let unique: HashSet<&str> = emails.iter().filter_map(|value| value.as_text()).collect();
        assert_eq!(unique.len(), 3_300);
        assert!(unique.iter().all(|email| email.is_ascii() && email.ends_with(".example")));

        let external_ids = values(&org, "Account", "External_Id__c");
        let given: Vec<&str> = external_ids.iter().filter_map(|value| value.as_text()).collect();
        assert!(given.contains(&"acme-corp") && (650..800).contains(&given.len()));
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), given.len());
    }

    #[test]
    fn people_belong_to_companies_and_records_to_colleagues_and_to_the_past() {
        let org = seeded(1);
        let accounts: HashSet<String> = values(&org, "Contact", "AccountId")
            .iter()
            .filter_map(|value| value.as_text())
            .map(str::to_owned)
            .collect();
        assert_eq!(accounts.len(), 800);
        assert!(accounts.iter().all(|id| org.record(id).is_some_and(|(object, _)| object.name == "Account")));
        let owners: HashSet<String> =
            values(&org, "Contact", "OwnerId").iter().filter_map(|value| value.as_text()).map(str::to_owned).collect();
        assert_eq!(owners.len(), OWNERS.len());
        for (created, changed) in
            values(&org, "Contact", "CreatedDate").into_iter().zip(values(&org, "Contact", "LastModifiedDate"))
        {
            let (FieldValue::DateTime(created), FieldValue::DateTime(changed)) = (created, changed) else {
                panic!("every record has its dates");
            };
            assert!(created <= changed && changed <= NOW_MS && created > NOW_MS - (HISTORY_DAYS + 1) * MS_PER_DAY);
        }
    }

    #[test]
    fn the_same_number_gives_the_same_data_and_another_number_other_data() {
        let emails = |number| values(&seeded(number), "Contact", "Email");
        assert_eq!(emails(5), emails(5));
        assert_ne!(emails(5), emails(6));
    }

    #[test]
    fn every_name_on_the_lists_becomes_plain_ascii_without_losing_letters() {
        for culture in CULTURES {
            for name in culture.given.iter().chain(culture.family) {
                let kept = name.chars().filter(|letter| letter.is_alphabetic()).count();
                let slug = slug(name);
                assert!(slug.chars().filter(char::is_ascii_alphabetic).count() >= kept, "{name} became {slug}");
            }
        }
        assert_eq!(slug("Acme Corp"), "acme-corp");
    }

    #[test]
    fn companies_never_run_out_of_names() {
        let pairs: Vec<usize> = (0..COMPANY_FIRST.len() * COMPANY_SECOND.len()).collect();
        let names: HashSet<String> = (0..40_000).map(|place| nth_company(&pairs, place).name).collect();
        assert_eq!(names.len(), 40_000);
    }
}
