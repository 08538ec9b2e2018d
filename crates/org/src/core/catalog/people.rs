//! Accounts and contacts, and what belongs to them.

use super::choices::{CLEAN_STATUSES, GENDERS, INDUSTRIES, LEAD_SOURCES, PRONOUNS, RATINGS};
use super::fields::*;
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};

use FieldType::{Currency, Date, DateTime};

pub(super) fn objects() -> Vec<ObjectSchema> {
    vec![operating_hours(), individual(), account(), contact()]
}

fn operating_hours() -> ObjectSchema {
    let mut fields = vec![
        id(),
        is_deleted(),
        object_name("Name", 255),
        long_text("Description", "Description", 255),
        picklist("TimeZone", "Time Zone", super::choices::TIME_ZONES).required().restricted(),
    ];
    fields.extend(audit());
    fields.extend(views());
    ObjectSchema::new("OperatingHours", "Operating Hours", "Operating Hours", "0OH", fields)
}

fn individual() -> ObjectSchema {
    let mut fields = vec![id(), is_deleted(), owner()];
    fields.extend(person_name("Name"));
    fields.extend(checkboxes(
        "",
        "",
        &[
            "HasOptedOutTracking",
            "HasOptedOutProfiling",
            "HasOptedOutProcessing",
            "HasOptedOutSolicit",
            "ShouldForget",
            "SendIndividualData",
            "CanStorePiiElsewhere",
            "HasOptedOutGeoTracking",
        ],
    ));
    fields.extend([
        field("BirthDate", "Birth Date", Date),
        field("DeathDate", "Death Date", Date),
        master_record("Individual"),
        count("IndividualsAge", "Individual's Age"),
    ]);
    fields.extend(audit());
    fields.extend(views());
    ObjectSchema::new("Individual", "Individual", "Individuals", "0PK", fields)
}

fn account() -> ObjectSchema {
    let mut fields = vec![
        id(),
        is_deleted(),
        master_record("Account"),
        object_name("Account Name", 255),
        picklist(
            "Type",
            "Account Type",
            &[
                "Prospect",
                "Customer - Direct",
                "Customer - Channel",
                "Channel Partner / Reseller",
                "Installation Partner",
                "Technology Partner",
                "Other",
            ],
        ),
        lookup("ParentId", "Parent Account ID", &["Account"], "Parent", "ChildAccounts"),
    ];
    fields.extend(address("Billing", "Billing"));
    fields.extend(address("Shipping", "Shipping"));
    fields.extend([
        phone("Phone", "Account Phone"),
        phone("Fax", "Account Fax"),
        text("AccountNumber", "Account Number", 40),
        url("Website", "Website"),
        photo("PhotoUrl", "Photo URL"),
        text("Sic", "SIC Code", 20),
        picklist("Industry", "Industry", INDUSTRIES),
        number("AnnualRevenue", "Annual Revenue", Currency, 18, 0),
        count("NumberOfEmployees", "Employees"),
        picklist("Ownership", "Ownership", &["Public", "Private", "Subsidiary", "Other"]),
        text("TickerSymbol", "Ticker Symbol", 20),
        long_text("Description", "Account Description", 32_000),
        picklist("Rating", "Account Rating", RATINGS),
        text("Site", "Account Site", 80),
        owner(),
    ]);
    fields.extend(audit());
    fields.extend(visits());
    fields.extend([
        text("Jigsaw", "Data.com Key", 20),
        text("JigsawCompanyId", "Jigsaw Company ID", 20).read_only(),
        labelled_picklist("CleanStatus", "Clean Status", CLEAN_STATUSES).with_length(40).restricted(),
        picklist("AccountSource", "Account Source", LEAD_SOURCES),
        text("DunsNumber", "D-U-N-S Number", 9),
        text("Tradestyle", "Tradestyle", 255),
        text("NaicsCode", "NAICS Code", 8),
        text("NaicsDesc", "NAICS Description", 120),
        text("YearStarted", "Year Started", 4),
        text("SicDesc", "SIC Description", 80),
        reference("OperatingHoursId", "Operating Hour ID", &["OperatingHours"], "OperatingHours"),
        picklist("Tier", "Einstein Account Tier", &["A", "B", "C", "D"]).with_length(2),
        text("ChannelProgramName", "Channel Program Name", 255).read_only(),
        text("ChannelProgramLevelName", "Channel Program Level Name", 255).read_only(),
        checkbox("IsPartner", "Partner Account").read_only(),
        checkbox("IsCustomerPortal", "Customer Portal Account").read_only(),
    ]);
    ObjectSchema::new("Account", "Account", "Accounts", "001", fields)
}

fn contact() -> ObjectSchema {
    let account = lookup("AccountId", "Account ID", &["Account"], "Account", "Contacts").cascading();
    let mut fields = vec![id(), is_deleted(), master_record("Contact"), account];
    fields.extend(person_name("Full Name"));
    fields.extend(address("Other", "Other"));
    fields.extend(address("Mailing", "Mailing"));
    fields.extend([
        phone("Phone", "Business Phone"),
        phone("Fax", "Business Fax"),
        phone("MobilePhone", "Mobile Phone"),
        phone("HomePhone", "Home Phone"),
        phone("OtherPhone", "Other Phone"),
        phone("AssistantPhone", "Asst. Phone"),
        lookup("ReportsToId", "Reports To ID", &["Contact"], "ReportsTo", "ContactReports"),
        email("Email", "Email"),
        text("Title", "Title", 128),
        text("Department", "Department", 80),
        text("AssistantName", "Assistant's Name", 40),
        picklist("LeadSource", "Lead Source", LEAD_SOURCES),
        field("Birthdate", "Birthdate", Date),
        long_text("Description", "Contact Description", 32_000),
        owner(),
        checkbox("HasOptedOutOfEmail", "Email Opt Out"),
        checkbox("HasOptedOutOfFax", "Fax Opt Out"),
        checkbox("DoNotCall", "Do Not Call"),
    ]);
    fields.extend(audit());
    fields.extend(visits());
    fields.extend([
        field("LastCURequestDate", "Last Stay-in-Touch Request Date", DateTime).read_only(),
        field("LastCUUpdateDate", "Last Stay-in-Touch Save Date", DateTime).read_only(),
        text("EmailBouncedReason", "Email Bounced Reason", 255),
        field("EmailBouncedDate", "Email Bounced Date", DateTime),
        checkbox("IsEmailBounced", "Is Email Bounced").read_only().not_in_change_events(),
        photo("PhotoUrl", "Photo URL"),
        text("Jigsaw", "Data.com Key", 20),
        text("JigsawContactId", "Jigsaw Contact ID", 20).read_only(),
        labelled_picklist("CleanStatus", "Clean Status", CLEAN_STATUSES).with_length(40).restricted(),
        reference("IndividualId", "Individual ID", &["Individual"], "Individual").children_named("Contacts"),
        checkbox("IsPriorityRecord", "Is Priority Record").read_only().not_in_change_events(),
        picklist("ContactSource", "Creation Source", &["Manual", "Einstein", "Import"]),
        picklist("BuyerAttributes", "Buyer Attributes", &["Champion", "Decision Maker", "Evaluator", "Influencer"]),
        picklist("GenderIdentity", "Gender Identity", GENDERS),
        picklist("Pronouns", "Pronouns", PRONOUNS),
    ]);
    ObjectSchema::new("Contact", "Contact", "Contacts", "003", fields)
}

/// Fields of a contact that a person account has under the same name: its address fields have their own names there.
pub(crate) const SHARED_WITH_CONTACT: &[&str] = &["LastName", "FirstName", "Salutation", "Phone", "Fax", "OwnerId"];

/// Fields of a contact that a person account does not have.
const NOT_OF_A_PERSON_ACCOUNT: &[&str] = &[
    "Id",
    "IsDeleted",
    "MasterRecordId",
    "AccountId",
    "Name",
    "ReportsToId",
    "Description",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "SystemModstamp",
    "LastActivityDate",
    "LastViewedDate",
    "LastReferencedDate",
    "IsEmailBounced",
    "PhotoUrl",
    "Jigsaw",
    "JigsawContactId",
    "CleanStatus",
    "IsPriorityRecord",
    "ContactSource",
    "BuyerAttributes",
    "IsPersonAccount",
    "RecordTypeId",
];

/// The name that a field of a contact has on a person account; `None` for those that are not there.
pub(crate) fn person_account_field(contact_field: &FieldSchema) -> Option<String> {
    let name = contact_field.name.as_str();
    if SHARED_WITH_CONTACT.contains(&name) {
        return Some(name.to_owned());
    }
    match name.strip_suffix("__c") {
        Some(custom) => Some(format!("{custom}__pc")),
        None if NOT_OF_A_PERSON_ACCOUNT.contains(&name) => None,
        None => Some(format!("Person{name}")),
    }
}

/// What a field of a contact is on a person account.
pub(crate) fn on_person_account(contact_field: &FieldSchema, name: &str) -> FieldSchema {
    let mut field = contact_field.clone();
    field.name = name.to_owned();
    field.nillable = field.nillable || field.field_type != FieldType::Boolean;
    field.unique = false;
    field.external_id = false;
    field.id_lookup = false;
    field.indexed = field.field_type == FieldType::Email;
    field.child_relationship_name = None;
    if let Some(part) = &mut field.compound
        && part.parent != "Name"
    {
        part.parent = format!("Person{}", part.parent);
    }
    if let Some(relationship) = &mut field.relationship_name {
        *relationship = format!("Person{relationship}");
    }
    field
}

/// The fields that every account has once the org has person accounts, before those of the contact.
pub(crate) fn person_account_fields() -> Vec<FieldSchema> {
    let mut fields = person_name("Account Name");
    // What the parts make up is the account's own name.
    fields.retain(|field| field.name != "Name");
    for field in &mut fields {
        field.nillable = true;
    }
    fields.extend([
        checkbox("IsPersonAccount", "Is Person Account").read_only(),
        reference("PersonContactId", "Contact ID", &["Contact"], "PersonContact").read_only(),
    ]);
    fields
}

/// Whether a field of an account belongs to people, and comes from their contact: companies have none of these.
pub(crate) fn is_of_people(account_field: &str) -> bool {
    (account_field.starts_with("Person") && account_field != "PersonContactId" && !account_field.ends_with("__c"))
        || account_field.ends_with("__pc")
        || matches!(account_field, "FirstName" | "LastName" | "Salutation")
}

/// What a contact tells of the account it is the person of.
pub(crate) fn is_person_account() -> FieldSchema {
    checkbox("IsPersonAccount", "Is Person Account").read_only()
}
