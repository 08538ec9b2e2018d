//! The words that seeded data is made of: places, people's names, companies, jobs. Data only, no choices.

/// A city where seeded companies sit.
pub(super) struct Place {
    pub(super) city: &'static str,
    pub(super) state: Option<&'static str>,
    pub(super) postal_code: &'static str,
    pub(super) country: &'static str,
    /// A telephone number's beginning, to which seven digits are added.
    pub(super) phone: &'static str,
    pub(super) streets: &'static [&'static str],
    /// Index in [`CULTURES`] of the names most heard there.
    pub(super) culture: usize,
}

const ANGLO_STREETS: &[&str] = &["Market St", "Elm Ave", "King St", "Harbor Rd", "Mill Ln", "Station Rd", "Park Ave"];
const GERMAN_STREETS: &[&str] = &["Lindenallee", "Hauptstr.", "Gartenweg", "Am Markt", "Bergstr."];
const FRENCH_STREETS: &[&str] = &["rue de la Paix", "avenue Foch", "quai du Port", "rue des Lilas"];
const SPANISH_STREETS: &[&str] = &["Calle Mayor", "Av. de la Constitución", "Paseo del Prado", "Calle Luna"];
const PORTUGUESE_STREETS: &[&str] = &["Rua das Flores", "Av. Paulista", "Rua do Carmo"];
const NORDIC_STREETS: &[&str] = &["Storgatan", "Kungsgatan", "Hamngatan", "Skolgatan"];
const POLISH_STREETS: &[&str] = &["ul. Długa", "ul. Polna", "al. Solidarności"];
const JAPANESE_STREETS: &[&str] = &["Marunouchi", "Shibuya", "Honcho", "Sakae"];
const INDIAN_STREETS: &[&str] = &["MG Road", "Residency Road", "Link Road", "Brigade Road"];

#[rustfmt::skip]
pub(super) const PLACES: &[Place] = &[
    Place { city: "San Francisco", state: Some("California"), postal_code: "94105", country: "United States", phone: "+1 415 ", streets: ANGLO_STREETS, culture: 0 },
    Place { city: "Austin", state: Some("Texas"), postal_code: "78701", country: "United States", phone: "+1 512 ", streets: ANGLO_STREETS, culture: 0 },
    Place { city: "New York", state: Some("New York"), postal_code: "10011", country: "United States", phone: "+1 212 ", streets: ANGLO_STREETS, culture: 0 },
    Place { city: "Chicago", state: Some("Illinois"), postal_code: "60606", country: "United States", phone: "+1 312 ", streets: ANGLO_STREETS, culture: 0 },
    Place { city: "Denver", state: Some("Colorado"), postal_code: "80202", country: "United States", phone: "+1 303 ", streets: ANGLO_STREETS, culture: 0 },
    Place { city: "Miami", state: Some("Florida"), postal_code: "33131", country: "United States", phone: "+1 305 ", streets: ANGLO_STREETS, culture: 3 },
    Place { city: "Toronto", state: Some("Ontario"), postal_code: "M5V 2T6", country: "Canada", phone: "+1 416 ", streets: ANGLO_STREETS, culture: 0 },
    Place { city: "London", state: None, postal_code: "EC2A 4NE", country: "United Kingdom", phone: "+44 20 ", streets: ANGLO_STREETS, culture: 0 },
    Place { city: "Dublin", state: None, postal_code: "D02 X285", country: "Ireland", phone: "+353 1 ", streets: ANGLO_STREETS, culture: 0 },
    Place { city: "Lagos", state: None, postal_code: "101241", country: "Nigeria", phone: "+234 1 ", streets: ANGLO_STREETS, culture: 9 },
    Place { city: "Berlin", state: None, postal_code: "10115", country: "Germany", phone: "+49 30 ", streets: GERMAN_STREETS, culture: 1 },
    Place { city: "München", state: None, postal_code: "80331", country: "Germany", phone: "+49 89 ", streets: GERMAN_STREETS, culture: 1 },
    Place { city: "Zürich", state: None, postal_code: "8001", country: "Switzerland", phone: "+41 44 ", streets: GERMAN_STREETS, culture: 1 },
    Place { city: "Paris", state: None, postal_code: "75009", country: "France", phone: "+33 1 ", streets: FRENCH_STREETS, culture: 2 },
    Place { city: "Lyon", state: None, postal_code: "69002", country: "France", phone: "+33 4 ", streets: FRENCH_STREETS, culture: 2 },
    Place { city: "Madrid", state: None, postal_code: "28013", country: "Spain", phone: "+34 91 ", streets: SPANISH_STREETS, culture: 3 },
    Place { city: "Ciudad de México", state: None, postal_code: "06600", country: "Mexico", phone: "+52 55 ", streets: SPANISH_STREETS, culture: 3 },
    Place { city: "São Paulo", state: None, postal_code: "01310-100", country: "Brazil", phone: "+55 11 ", streets: PORTUGUESE_STREETS, culture: 4 },
    Place { city: "Lisboa", state: None, postal_code: "1200-109", country: "Portugal", phone: "+351 21 ", streets: PORTUGUESE_STREETS, culture: 4 },
    Place { city: "Stockholm", state: None, postal_code: "111 22", country: "Sweden", phone: "+46 8 ", streets: NORDIC_STREETS, culture: 5 },
    Place { city: "København", state: None, postal_code: "1150", country: "Denmark", phone: "+45 3", streets: NORDIC_STREETS, culture: 5 },
    Place { city: "Kraków", state: None, postal_code: "31-005", country: "Poland", phone: "+48 12 ", streets: POLISH_STREETS, culture: 6 },
    Place { city: "Tokyo", state: None, postal_code: "100-0005", country: "Japan", phone: "+81 3 ", streets: JAPANESE_STREETS, culture: 7 },
    Place { city: "Bengaluru", state: Some("Karnataka"), postal_code: "560001", country: "India", phone: "+91 80 ", streets: INDIAN_STREETS, culture: 8 },
    Place { city: "Mumbai", state: Some("Maharashtra"), postal_code: "400001", country: "India", phone: "+91 22 ", streets: INDIAN_STREETS, culture: 8 },
];

/// Given and family names that go together.
pub(super) struct Culture {
    pub(super) given: &'static [&'static str],
    pub(super) family: &'static [&'static str],
}

#[rustfmt::skip]
pub(super) const CULTURES: &[Culture] = &[
    Culture {
        given: &["Emma", "James", "Olivia", "Noah", "Charlotte", "Liam", "Grace", "Henry", "Ruth", "Owen", "Harriet", "Marcus", "Tessa", "Dylan", "Nora", "Caleb", "Joanna", "Wesley", "Paige", "Derek", "Monique", "Andre"],
        family: &["Carter", "Bennett", "Hughes", "Walsh", "Foster", "Reed", "Sullivan", "Hayes", "Coleman", "Barnes", "Whitaker", "Doyle", "Pearson", "Lambert", "O'Neill", "Byrne", "Washington", "Fraser", "Ellison", "Marsh"],
    },
    Culture {
        given: &["Anna", "Lukas", "Greta", "Jonas", "Katrin", "Felix", "Ulrike", "Matthias", "Heike", "Sebastian", "Franziska", "Jürgen"],
        family: &["Müller", "Schneider", "Weber", "Hoffmann", "Krüger", "Vogel", "Brandt", "Keller", "Schäfer", "Lindner", "Groß", "Baumann"],
    },
    Culture {
        given: &["Camille", "Louis", "Élodie", "Mathieu", "Chloé", "Antoine", "Margaux", "Rémi", "Inès", "Thibault"],
        family: &["Lefèvre", "Moreau", "Girard", "Rousseau", "Fontaine", "Chevalier", "Dupuis", "Marchand", "Benoît", "Delacroix"],
    },
    Culture {
        given: &["Lucía", "Mateo", "Valentina", "Javier", "Carmen", "Diego", "Ximena", "Andrés", "Pilar", "Rodrigo", "Beatriz"],
        family: &["García", "Hernández", "Morales", "Ortiz", "Castillo", "Navarro", "Ibáñez", "Peña", "Delgado", "Quintero", "Rojas"],
    },
    Culture {
        given: &["Beatriz", "Rafael", "Larissa", "Thiago", "Helena", "João", "Marina", "Caio", "Inês", "Duarte"],
        family: &["Silva", "Oliveira", "Ferreira", "Carvalho", "Azevedo", "Gonçalves", "Ribeiro", "Teixeira", "Moreira"],
    },
    Culture {
        given: &["Astrid", "Erik", "Freja", "Lars", "Ingrid", "Oskar", "Sigrid", "Mikkel", "Saga", "Henrik"],
        family: &["Lindqvist", "Johansson", "Nygaard", "Sørensen", "Bergström", "Holm", "Åkesson", "Dahl", "Ekström"],
    },
    Culture {
        given: &["Zofia", "Jakub", "Katarzyna", "Piotr", "Agnieszka", "Michał", "Magdalena", "Tomasz"],
        family: &["Nowak", "Kowalczyk", "Wiśniewska", "Zieliński", "Wójcik", "Mazur", "Dąbrowska", "Pawlak"],
    },
    Culture {
        given: &["Yuki", "Haruto", "Sakura", "Ren", "Aoi", "Kenji", "Mei", "Takumi", "Naoko"],
        family: &["Tanaka", "Suzuki", "Watanabe", "Kobayashi", "Yamamoto", "Fujita", "Ogawa", "Mori", "Ishikawa"],
    },
    Culture {
        given: &["Priya", "Arjun", "Ananya", "Rohan", "Kavya", "Vikram", "Meera", "Aditya", "Ishita", "Sanjay", "Nisha"],
        family: &["Sharma", "Iyer", "Patel", "Reddy", "Banerjee", "Kulkarni", "Nair", "Mehta", "Chatterjee", "Rao"],
    },
    Culture {
        given: &["Chidi", "Amara", "Tunde", "Ngozi", "Kwame", "Zainab", "Femi", "Adaeze", "Yusuf"],
        family: &["Okafor", "Adeyemi", "Balogun", "Mensah", "Eze", "Abubakar", "Nwosu", "Diallo"],
    },
    Culture {
        given: &["Wei", "Minh", "Jia", "Ji-woo", "Linh", "Hao", "Seo-yeon", "Xin", "Anh", "Min-jun"],
        family: &["Chen", "Nguyen", "Kim", "Zhang", "Tran", "Park", "Liu", "Pham", "Choi", "Huang"],
    },
    Culture {
        given: &["Layla", "Omar", "Noor", "Karim", "Yasmin", "Tariq", "Leila", "Hassan", "Salma"],
        family: &["Haddad", "Rahman", "Khalil", "Mansour", "Farouk", "Aziz", "Saleh", "Hosseini"],
    },
];

/// First words of company names; joined with [`COMPANY_SECOND`] every pair is a company of its own.
#[rustfmt::skip]
pub(super) const COMPANY_FIRST: &[&str] = &[
    "Northwind", "Bluebird", "Cedar", "Ironbridge", "Lumen", "Harbor", "Juniper", "Kestrel", "Meridian", "Oakfield", "Pinnacle", "Quartz",
    "Redwood", "Summit", "Tidal", "Umbra", "Verdant", "Willow", "Zephyr", "Alder", "Beacon", "Cobalt", "Driftwood", "Ember", "Falcon",
    "Granite", "Halcyon", "Indigo", "Jasper", "Kindred", "Larkspur", "Marlow", "Nimbus", "Orchard", "Pelican", "Quill", "Riverstone",
    "Saffron", "Thistle", "Uplift", "Vantage", "Wren",
];

#[rustfmt::skip]
pub(super) const COMPANY_SECOND: &[(&str, usize)] = &[
    ("Software", 0), ("Labs", 0), ("Analytics", 0), ("Systems", 0), ("Health", 1), ("Biotech", 1), ("Capital", 2), ("Insurance", 2),
    ("Logistics", 3), ("Freight", 3), ("Foods", 4), ("Outfitters", 4), ("Media", 5), ("Studios", 5), ("Energy", 6), ("Robotics", 7),
    ("Manufacturing", 7), ("Consulting", 8), ("Partners", 8), ("Learning", 9), ("Hotels", 10), ("Construction", 11),
];

/// Values of the standard `Industry` picklist, in the order that [`COMPANY_SECOND`] points to.
#[rustfmt::skip]
pub(super) const INDUSTRIES: &[&str] = &[
    "Technology", "Healthcare", "Finance", "Transportation", "Retail", "Media", "Energy", "Manufacturing", "Consulting", "Education",
    "Hospitality", "Construction",
];

/// Job titles with their departments.
#[rustfmt::skip]
pub(super) const JOBS: &[(&str, &str)] = &[
    ("Chief Executive Officer", "Executive"), ("Chief Technology Officer", "Engineering"), ("VP of Engineering", "Engineering"),
    ("Engineering Manager", "Engineering"), ("Senior Software Engineer", "Engineering"), ("Product Manager", "Product"),
    ("Head of Product", "Product"), ("Product Designer", "Product"), ("Customer Success Manager", "Customer Success"),
    ("Director of Customer Success", "Customer Success"), ("Support Team Lead", "Support"), ("Support Specialist", "Support"),
    ("Marketing Manager", "Marketing"), ("Growth Lead", "Marketing"), ("Content Strategist", "Marketing"), ("Account Executive", "Sales"),
    ("VP of Sales", "Sales"), ("Sales Operations Analyst", "Sales"), ("Finance Director", "Finance"), ("Controller", "Finance"),
    ("HR Business Partner", "People"), ("Operations Manager", "Operations"), ("IT Administrator", "IT"), ("Data Analyst", "Data"),
];

pub(super) const ACCOUNT_TYPES: &[&str] =
    &["Customer - Direct", "Customer - Direct", "Prospect", "Customer - Channel", "Technology Partner"];
pub(super) const LEAD_SOURCES: &[&str] = &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];
pub(super) const LEAD_STATUSES: &[&str] = &["Open - Not Contacted", "Working - Contacted", "Closed - Not Converted"];
pub(super) const RATINGS: &[&str] = &["Hot", "Warm", "Cold"];

/// Stage, probability in percent, whether the opportunity is closed.
pub(super) const STAGES: &[(&str, f64, bool)] = &[
    ("Prospecting", 10.0, false),
    ("Qualification", 10.0, false),
    ("Needs Analysis", 20.0, false),
    ("Proposal/Price Quote", 75.0, false),
    ("Negotiation/Review", 90.0, false),
    ("Closed Won", 100.0, true),
    ("Closed Lost", 0.0, true),
];

pub(super) const DEALS: &[&str] = &["New Business", "Renewal", "Expansion", "Pilot", "Seats Upgrade"];

/// The org's own users, who own its records: first name, last name, title.
pub(super) const OWNERS: &[(&str, &str, &str)] = &[
    ("Morgan", "Ellis", "Sales Director"),
    ("Aisha", "Rahman", "Account Executive"),
    ("Jonas", "Keller", "Account Executive"),
    ("Sofia", "Navarro", "Customer Success Manager"),
    ("Kenji", "Mori", "Account Executive"),
    ("Rachel", "Doyle", "Sales Development Representative"),
];
