//! The values that standard picklists have in a new org.

pub(super) const INDUSTRIES: &[&str] = &[
    "Agriculture",
    "Apparel",
    "Banking",
    "Biotechnology",
    "Chemicals",
    "Communications",
    "Construction",
    "Consulting",
    "Education",
    "Electronics",
    "Energy",
    "Engineering",
    "Entertainment",
    "Environmental",
    "Finance",
    "Food & Beverage",
    "Government",
    "Healthcare",
    "Hospitality",
    "Insurance",
    "Machinery",
    "Manufacturing",
    "Media",
    "Not For Profit",
    "Recreation",
    "Retail",
    "Shipping",
    "Technology",
    "Telecommunications",
    "Transportation",
    "Utilities",
    "Other",
];
pub(super) const LEAD_SOURCES: &[&str] = &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];
pub(super) const RATINGS: &[&str] = &["Hot", "Warm", "Cold"];
pub(super) const SALUTATIONS: &[&str] = &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."];
pub(super) const PRONOUNS: &[&str] = &["He/Him", "She/Her", "They/Them", "He/They", "She/They", "Not Listed"];
pub(super) const GENDERS: &[&str] = &["Male", "Female", "Nonbinary", "Not Listed"];
pub(super) const GEOCODE_ACCURACIES: &[&str] = &[
    "Address",
    "NearAddress",
    "Block",
    "Street",
    "ExtendedZip",
    "Zip",
    "Neighborhood",
    "City",
    "County",
    "State",
    "Unknown",
];
/// (value, label).
pub(super) const CLEAN_STATUSES: &[(&str, &str)] = &[
    ("Matched", "In Sync"),
    ("Different", "Different"),
    ("Acknowledged", "Reviewed"),
    ("NotFound", "Not Found"),
    ("Inactive", "Inactive"),
    ("Pending", "Not Compared"),
    ("SelectMatch", "Select Match"),
    ("Skipped", "Skipped"),
];
/// (value, label).
pub(super) const FORECAST_CATEGORIES: &[(&str, &str)] = &[
    ("Omitted", "Omitted"),
    ("Pipeline", "Pipeline"),
    ("BestCase", "Best Case"),
    ("MostLikely", "Most Likely"),
    ("Forecast", "Commit"),
    ("Closed", "Closed"),
];
pub(super) const TIME_ZONES: &[&str] = &[
    "Pacific/Auckland",
    "Australia/Sydney",
    "Asia/Tokyo",
    "Asia/Singapore",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Europe/Istanbul",
    "Europe/Helsinki",
    "Europe/Copenhagen",
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/London",
    "GMT",
    "UTC",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Pacific/Honolulu",
];
pub(super) const LOCALES: &[&str] = &[
    "da_DK", "de_AT", "de_CH", "de_DE", "en_AU", "en_CA", "en_GB", "en_US", "es_ES", "fr_FR", "it_IT", "ja_JP",
    "nl_NL", "pt_BR", "sv_SE",
];
pub(super) const LANGUAGES: &[(&str, &str)] = &[
    ("en_US", "English"),
    ("de", "German"),
    ("es", "Spanish"),
    ("fr", "French"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("sv", "Swedish"),
    ("ko", "Korean"),
    ("zh_TW", "Chinese (Traditional)"),
    ("zh_CN", "Chinese (Simplified)"),
    ("pt_BR", "Portuguese (Brazil)"),
    ("nl_NL", "Dutch"),
    ("da", "Danish"),
    ("th", "Thai"),
    ("fi", "Finnish"),
    ("ru", "Russian"),
    ("es_MX", "Spanish (Mexico)"),
    ("no", "Norwegian"),
];

/// Stages of an opportunity: name, probability, whether it is closed, whether it is won, the forecast category's label.
pub(crate) const STAGES: &[(&str, f64, bool, bool, &str)] = &[
    ("Prospecting", 10.0, false, false, "Pipeline"),
    ("Qualification", 10.0, false, false, "Pipeline"),
    ("Needs Analysis", 20.0, false, false, "Pipeline"),
    ("Value Proposition", 50.0, false, false, "Pipeline"),
    ("Id. Decision Makers", 60.0, false, false, "Pipeline"),
    ("Perception Analysis", 70.0, false, false, "Best Case"),
    ("Proposal/Price Quote", 75.0, false, false, "Best Case"),
    ("Negotiation/Review", 90.0, false, false, "Commit"),
    ("Closed Won", 100.0, true, true, "Closed"),
    ("Closed Lost", 0.0, true, false, "Omitted"),
];
/// Statuses of a task and whether each is closed.
pub(crate) const TASK_STATUSES: &[(&str, bool)] = &[
    ("Not Started", false),
    ("In Progress", false),
    ("Completed", true),
    ("Waiting on someone else", false),
    ("Deferred", false),
];
/// Priorities of a task and whether each is high.
pub(crate) const TASK_PRIORITIES: &[(&str, bool)] = &[("High", true), ("Normal", false), ("Low", false)];
/// Statuses of a lead and whether each is that of a converted one.
pub(crate) const LEAD_STATUSES: &[(&str, bool)] = &[
    ("Open - Not Contacted", false),
    ("Working - Contacted", false),
    ("Closed - Converted", true),
    ("Closed - Not Converted", false),
];
/// Statuses of a case and whether each is closed.
pub(crate) const CASE_STATUSES: &[(&str, bool)] =
    &[("New", false), ("Working", false), ("Escalated", false), ("Closed", true)];

/// The names in a list of (name, flag).
pub(super) fn names<'a>(statuses: &[(&'a str, bool)]) -> Vec<&'a str> {
    statuses.iter().map(|(name, _)| *name).collect()
}

/// The value of a forecast category by its label.
pub(crate) fn forecast_category(label: &str) -> Option<&'static str> {
    FORECAST_CATEGORIES.iter().find(|(_, own)| *own == label).map(|(value, _)| *value)
}
