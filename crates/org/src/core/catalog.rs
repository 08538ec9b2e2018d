//! The objects that every org has, with the fields of Salesforce's object reference.

mod permissions;

use super::schema::{FieldSchema, FieldType, ObjectSchema};
use super::value::FieldValue;

use FieldType::{Boolean, Currency, Date, DateTime, Double, Email, Int, Percent, Phone, TextArea, Url};

const INDUSTRIES: &[&str] = &[
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
const LEAD_SOURCES: &[&str] = &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];
const RATINGS: &[&str] = &["Hot", "Warm", "Cold"];
const SALUTATIONS: &[&str] = &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."];
const GEOCODE_ACCURACIES: &[&str] = &[
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
const CLEAN_STATUSES: &[&str] =
    &["Matched", "Different", "Acknowledged", "NotFound", "Inactive", "Pending", "SelectMatch", "Skipped"];

/// Stages of an opportunity: name, probability, whether it is closed, whether it is won, forecast category.
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

fn field(name: &str, label: &str, field_type: FieldType) -> FieldSchema {
    FieldSchema::new(name, label, field_type)
}

fn text(name: &str, label: &str, length: u32) -> FieldSchema {
    FieldSchema::text(name, label, length)
}

fn number(name: &str, label: &str, field_type: FieldType, precision: u8, scale: u8) -> FieldSchema {
    FieldSchema::number(name, label, field_type, precision, scale)
}

fn picklist(name: &str, label: &str, values: &[&str]) -> FieldSchema {
    FieldSchema::picklist(name, label, values)
}

fn checkbox(name: &str, label: &str) -> FieldSchema {
    field(name, label, Boolean).required().with_default(false)
}

fn long_text(name: &str, label: &str, length: u32) -> FieldSchema {
    field(name, label, TextArea).with_length(length)
}

fn phone(name: &str, label: &str) -> FieldSchema {
    field(name, label, Phone).with_length(40)
}

fn email(name: &str, label: &str) -> FieldSchema {
    let mut email = field(name, label, Email).with_length(80).indexed();
    email.id_lookup = true;
    email
}

fn owner(name: &str) -> FieldSchema {
    FieldSchema::reference(name, "Owner ID", &["User"], "Owner").required().with_default(FieldValue::Null)
}

/// A lookup whose children the parent lists, and finds without a scan.
fn lookup(name: &str, label: &str, targets: &[&str], relationship: &str, children: &str) -> FieldSchema {
    FieldSchema::reference(name, label, targets, relationship).children_named(children).indexed()
}

fn object_name(label: &str, length: u32) -> FieldSchema {
    let mut name = text("Name", label, length).required();
    name.name_field = true;
    name
}

/// `Name` with its components, as Contact, Lead and User have it.
fn person_name(name_label: &str) -> Vec<FieldSchema> {
    let mut whole = text("Name", name_label, 121).required().compound();
    whole.name_field = true;
    vec![
        text("LastName", "Last Name", 80).required().part_of("Name", 2, "LastName"),
        text("FirstName", "First Name", 40).part_of("Name", 1, "FirstName"),
        picklist("Salutation", "Salutation", SALUTATIONS).with_length(40).part_of("Name", 0, "Salutation"),
        whole,
    ]
}

/// The components of an address, then the address itself.
fn address(prefix: &str, label: &str) -> Vec<FieldSchema> {
    let parent = format!("{prefix}Address");
    let title = |part: &str| format!("{label}{}{part}", if label.is_empty() { "" } else { " " });
    let name = |part: &str| format!("{prefix}{part}");
    vec![
        long_text(&name("Street"), &title("Street"), 255).part_of(&parent, 0, "Street"),
        text(&name("City"), &title("City"), 40).part_of(&parent, 1, "City"),
        text(&name("State"), &title("State/Province"), 80).part_of(&parent, 2, "State"),
        text(&name("PostalCode"), &title("Zip/Postal Code"), 20).part_of(&parent, 3, "PostalCode"),
        text(&name("Country"), &title("Country"), 80).part_of(&parent, 4, "Country"),
        number(&name("Latitude"), &title("Latitude"), Double, 18, 15).part_of(&parent, 5, "Latitude"),
        number(&name("Longitude"), &title("Longitude"), Double, 18, 15).part_of(&parent, 6, "Longitude"),
        picklist(&name("GeocodeAccuracy"), &title("Geocode Accuracy"), GEOCODE_ACCURACIES)
            .with_length(40)
            .restricted()
            .part_of(&parent, 7, "GeocodeAccuracy"),
        field(&parent, &title("Address"), FieldType::Address).compound(),
    ]
}

fn id() -> FieldSchema {
    let mut id = field("Id", "Record ID", FieldType::Id).with_length(18).required().read_only().not_in_change_events();
    id.defaulted_on_create = true;
    id.id_lookup = true;
    id
}

fn is_deleted() -> FieldSchema {
    checkbox("IsDeleted", "Deleted").read_only().not_in_change_events()
}

fn master_record(object: &str) -> FieldSchema {
    FieldSchema::reference("MasterRecordId", "Master Record ID", &[object], "MasterRecord")
        .read_only()
        .not_in_change_events()
}

/// The fields that keep the account of every record.
fn audit() -> Vec<FieldSchema> {
    let stamp = |name: &str, label: &str| {
        let mut stamp = field(name, label, DateTime).required().read_only();
        stamp.defaulted_on_create = true;
        stamp
    };
    let user = |name: &str, label: &str, relationship: &str| {
        let mut user = FieldSchema::reference(name, label, &["User"], relationship).required().read_only();
        user.defaulted_on_create = true;
        user
    };
    vec![
        stamp("CreatedDate", "Created Date"),
        user("CreatedById", "Created By ID", "CreatedBy"),
        stamp("LastModifiedDate", "Last Modified Date"),
        user("LastModifiedById", "Last Modified By ID", "LastModifiedBy"),
        stamp("SystemModstamp", "System Modstamp").not_in_change_events(),
    ]
}

fn visits() -> Vec<FieldSchema> {
    vec![
        field("LastActivityDate", "Last Activity", Date).read_only().not_in_change_events(),
        field("LastViewedDate", "Last Viewed Date", DateTime).read_only().not_in_change_events(),
        field("LastReferencedDate", "Last Referenced Date", DateTime).read_only().not_in_change_events(),
    ]
}

fn photo() -> FieldSchema {
    field("PhotoUrl", "Photo URL", Url).with_length(255).read_only().not_in_change_events()
}

/// Every standard object, referenced ones first.
pub(crate) fn standard_objects() -> Vec<ObjectSchema> {
    let mut objects =
        vec![organization(), profile(), user(), task_status(), account(), contact(), lead(), opportunity(), task()];
    objects.extend(permissions::objects());
    objects
}

fn organization() -> ObjectSchema {
    let mut fields = vec![id(), object_name("Name", 80), text("Division", "Division", 80)];
    fields.extend(address("", ""));
    fields.extend([
        phone("Phone", "Phone"),
        text("PrimaryContact", "Primary Contact", 80),
        text("DefaultLocaleSidKey", "Locale", 40),
        text("TimeZoneSidKey", "Time Zone", 40),
        text("LanguageLocaleKey", "Language", 40),
        text("OrganizationType", "Edition", 40).read_only(),
        text("NamespacePrefix", "Namespace Prefix", 15).read_only(),
        text("InstanceName", "Instance Name", 5).read_only(),
        checkbox("IsSandbox", "Is Sandbox").read_only(),
        field("TrialExpirationDate", "Trial Expiration Date", DateTime).read_only(),
    ]);
    fields.extend(audit());
    ObjectSchema::new("Organization", "Organization", "Organizations", "00D", fields).read_only().setup()
}

fn profile() -> ObjectSchema {
    let mut fields = vec![
        id(),
        object_name("Name", 255),
        text("UserType", "User Type", 40),
        text("Description", "Description", 255),
    ];
    fields.extend(audit());
    ObjectSchema::new("Profile", "Profile", "Profiles", "00e", fields).read_only().setup()
}

fn task_status() -> ObjectSchema {
    let mut fields = vec![
        id(),
        text("MasterLabel", "Master Label", 255),
        text("ApiName", "API Name", 255),
        number("SortOrder", "Sort Order", Int, 0, 0),
        checkbox("IsDefault", "Is Default"),
        checkbox("IsClosed", "Closed"),
    ];
    fields.extend(audit());
    ObjectSchema::new("TaskStatus", "Task Status Value", "Task Status Value", "01T", fields).read_only().setup()
}

fn user() -> ObjectSchema {
    let mut fields = vec![id(), text("Username", "Username", 80).required().indexed()];
    fields.extend(person_name("Full Name"));
    // A user's name has no salutation.
    fields.retain(|field| field.name != "Salutation");
    fields.extend([
        text("CompanyName", "Company Name", 80),
        text("Division", "Division", 80),
        text("Department", "Department", 80),
        text("Title", "Title", 80),
    ]);
    fields.extend(address("", ""));
    fields.extend([
        field("Email", "Email", Email).with_length(128).required().indexed(),
        phone("Phone", "Phone"),
        phone("Fax", "Fax"),
        phone("MobilePhone", "Mobile"),
        text("Alias", "Alias", 8).required(),
        text("CommunityNickname", "Nickname", 40).required(),
        checkbox("IsActive", "Active"),
        picklist("TimeZoneSidKey", "Time Zone", &["America/Los_Angeles", "America/New_York", "Europe/London", "UTC"])
            .required()
            .with_default("America/Los_Angeles"),
        picklist("LocaleSidKey", "Locale", &["en_US", "en_GB", "de_DE", "da_DK"]).required().with_default("en_US"),
        picklist("EmailEncodingKey", "Email Encoding", &["UTF-8", "ISO-8859-1"]).required().with_default("UTF-8"),
        picklist("LanguageLocaleKey", "Language", &["en_US", "de", "da"]).required().with_default("en_US"),
        FieldSchema::reference("ProfileId", "Profile ID", &["Profile"], "Profile").required(),
        picklist("UserType", "User Type", &["Standard", "PowerPartner", "CsnOnly", "AutomatedProcess"])
            .read_only()
            .with_default("Standard"),
        text("EmployeeNumber", "Employee Number", 20),
        lookup("ManagerId", "Manager ID", &["User"], "Manager", "ManagedUsers"),
        field("LastLoginDate", "Last Login", DateTime).read_only().not_in_change_events(),
        text("FederationIdentifier", "SAML Federation ID", 512),
        long_text("AboutMe", "About Me", 1000),
    ]);
    fields.extend(audit());
    ObjectSchema::new("User", "User", "Users", "005", fields).setup()
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
        field("Website", "Website", Url).with_length(255),
        photo(),
        text("Sic", "SIC Code", 20),
        picklist("Industry", "Industry", INDUSTRIES),
        number("AnnualRevenue", "Annual Revenue", Currency, 18, 0),
        number("NumberOfEmployees", "Employees", Int, 0, 0),
        picklist("Ownership", "Ownership", &["Public", "Private", "Subsidiary", "Other"]),
        text("TickerSymbol", "Ticker Symbol", 20),
        long_text("Description", "Account Description", 32_000),
        picklist("Rating", "Account Rating", RATINGS),
        text("Site", "Account Site", 80),
        owner("OwnerId"),
    ]);
    fields.extend(audit());
    fields.extend(visits());
    fields.extend([
        text("Jigsaw", "Data.com Key", 20),
        text("JigsawCompanyId", "Jigsaw Company ID", 20).read_only(),
        picklist("CleanStatus", "Clean Status", CLEAN_STATUSES).with_length(40).restricted(),
        picklist("AccountSource", "Account Source", LEAD_SOURCES),
        text("DunsNumber", "D-U-N-S Number", 9),
        text("Tradestyle", "Tradestyle", 255),
        text("NaicsCode", "NAICS Code", 8),
        text("NaicsDesc", "NAICS Description", 120),
        text("YearStarted", "Year Started", 4),
        text("SicDesc", "SIC Description", 80),
        FieldSchema::reference("OperatingHoursId", "Operating Hour ID", &["OperatingHours"], "OperatingHours")
            .read_only(),
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
        owner("OwnerId"),
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
        photo(),
        text("Jigsaw", "Data.com Key", 20),
        text("JigsawContactId", "Jigsaw Contact ID", 20).read_only(),
        picklist("CleanStatus", "Clean Status", CLEAN_STATUSES).with_length(40).restricted(),
        FieldSchema::reference("IndividualId", "Individual ID", &["Individual"], "Individual"),
        checkbox("IsPriorityRecord", "Is Priority Record").read_only().not_in_change_events(),
        picklist("ContactSource", "Creation Source", &["Manual", "Einstein", "Import"]),
        picklist("BuyerAttributes", "Buyer Attributes", &["Champion", "Decision Maker", "Evaluator", "Influencer"]),
        picklist("GenderIdentity", "Gender Identity", &["Male", "Female", "Nonbinary", "Not Listed"]),
        picklist("Pronouns", "Pronouns", &["He/Him", "She/Her", "They/Them", "Not Listed"]),
    ]);
    ObjectSchema::new("Contact", "Contact", "Contacts", "003", fields)
}

fn lead() -> ObjectSchema {
    let mut fields = vec![id(), is_deleted(), master_record("Lead")];
    fields.extend(person_name("Full Name"));
    fields.extend([text("Title", "Title", 128), text("Company", "Company", 255).required()]);
    fields.extend(address("", ""));
    fields.extend([
        phone("Phone", "Phone"),
        phone("MobilePhone", "Mobile Phone"),
        phone("Fax", "Fax"),
        email("Email", "Email"),
        field("Website", "Website", Url).with_length(255),
        photo(),
        long_text("Description", "Description", 32_000),
        picklist("LeadSource", "Lead Source", LEAD_SOURCES),
        picklist(
            "Status",
            "Status",
            &["Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"],
        )
        .required()
        .with_default("Open - Not Contacted"),
        picklist("Industry", "Industry", INDUSTRIES),
        picklist("Rating", "Rating", RATINGS),
        number("AnnualRevenue", "Annual Revenue", Currency, 18, 0),
        number("NumberOfEmployees", "Employees", Int, 0, 0),
        owner("OwnerId"),
        checkbox("HasOptedOutOfEmail", "Email Opt Out"),
        checkbox("IsConverted", "Converted").read_only(),
        field("ConvertedDate", "Converted Date", Date).read_only(),
        FieldSchema::reference("ConvertedAccountId", "Converted Account ID", &["Account"], "ConvertedAccount")
            .read_only(),
        FieldSchema::reference("ConvertedContactId", "Converted Contact ID", &["Contact"], "ConvertedContact")
            .read_only(),
        FieldSchema::reference(
            "ConvertedOpportunityId",
            "Converted Opportunity ID",
            &["Opportunity"],
            "ConvertedOpportunity",
        )
        .read_only(),
        checkbox("IsUnreadByOwner", "Unread By Owner"),
    ]);
    fields.extend(audit());
    fields.extend(visits());
    fields.extend([
        checkbox("DoNotCall", "Do Not Call"),
        text("Jigsaw", "Data.com Key", 20),
        text("JigsawContactId", "Jigsaw Contact ID", 20).read_only(),
        picklist("CleanStatus", "Clean Status", CLEAN_STATUSES).with_length(40).restricted(),
        text("CompanyDunsNumber", "Company D-U-N-S Number", 9),
        text("EmailBouncedReason", "Email Bounced Reason", 255),
        field("EmailBouncedDate", "Email Bounced Date", DateTime),
        FieldSchema::reference("IndividualId", "Individual ID", &["Individual"], "Individual"),
        picklist("Pronouns", "Pronouns", &["He/Him", "She/Her", "They/Them", "Not Listed"]),
    ]);
    ObjectSchema::new("Lead", "Lead", "Leads", "00Q", fields)
}

fn opportunity() -> ObjectSchema {
    let stage_names: Vec<&str> = STAGES.iter().map(|stage| stage.0).collect();
    let account = lookup("AccountId", "Account ID", &["Account"], "Account", "Opportunities").cascading();
    let mut fields = vec![
        id(),
        is_deleted(),
        account,
        checkbox("IsPrivate", "Private"),
        object_name("Name", 120),
        long_text("Description", "Description", 32_000),
        picklist("StageName", "Stage", &stage_names).required(),
        number("Amount", "Amount", Currency, 18, 2),
        number("Probability", "Probability (%)", Percent, 3, 0),
        number("ExpectedRevenue", "Expected Amount", Currency, 18, 2).read_only(),
        number("TotalOpportunityQuantity", "Quantity", Double, 18, 2),
        field("CloseDate", "Close Date", Date).required(),
        picklist(
            "Type",
            "Opportunity Type",
            &[
                "Existing Customer - Upgrade",
                "Existing Customer - Replacement",
                "Existing Customer - Downgrade",
                "New Customer",
            ],
        ),
        text("NextStep", "Next Step", 255),
        picklist("LeadSource", "Lead Source", LEAD_SOURCES),
        checkbox("IsClosed", "Closed").read_only(),
        checkbox("IsWon", "Won").read_only(),
        picklist("ForecastCategory", "Forecast Category", &["Omitted", "Pipeline", "Best Case", "Commit", "Closed"])
            .with_length(40)
            .read_only(),
        picklist(
            "ForecastCategoryName",
            "Forecast Category",
            &["Omitted", "Pipeline", "Best Case", "Commit", "Closed"],
        ),
        FieldSchema::reference("CampaignId", "Campaign ID", &["Campaign"], "Campaign"),
        checkbox("HasOpportunityLineItem", "Has Line Item").read_only(),
        FieldSchema::reference("Pricebook2Id", "Price Book ID", &["Pricebook2"], "Pricebook2"),
        owner("OwnerId"),
        lookup("ContactId", "Contact ID", &["Contact"], "Contact", "Opportunities"),
    ];
    fields.extend(audit());
    fields.extend(visits());
    fields.extend([
        number("PushCount", "Push Count", Int, 0, 0).read_only(),
        field("LastStageChangeDate", "Last Stage Change Date", DateTime).read_only(),
        number("FiscalQuarter", "Fiscal Quarter", Int, 0, 0).read_only().not_in_change_events(),
        number("FiscalYear", "Fiscal Year", Int, 0, 0).read_only().not_in_change_events(),
        text("Fiscal", "Fiscal Period", 6).read_only().not_in_change_events(),
    ]);
    ObjectSchema::new("Opportunity", "Opportunity", "Opportunities", "006", fields)
}

fn task() -> ObjectSchema {
    let statuses: Vec<&str> = TASK_STATUSES.iter().map(|status| status.0).collect();
    let mut subject = field("Subject", "Subject", FieldType::Combobox).with_length(255);
    subject.name_field = true;
    subject.picklist_values =
        FieldSchema::picklist("", "", &["Call", "Email", "Send Letter", "Send Quote", "Other"]).picklist_values;
    let mut subtype =
        picklist("TaskSubtype", "Task Subtype", &["Task", "Email", "Call", "ListEmail", "LinkedIn", "Cadence"])
            .with_length(40)
            .restricted()
            .with_default("Task");
    subtype.updateable = false;
    let mut fields = vec![
        id(),
        lookup("WhoId", "Name ID", &["Contact", "Lead"], "Who", "Tasks"),
        lookup("WhatId", "Related To ID", &["Account", "Opportunity"], "What", "Tasks"),
        number("WhoCount", "Relation Count", Int, 0, 0).read_only().not_in_change_events(),
        number("WhatCount", "Related To Count", Int, 0, 0).read_only().not_in_change_events(),
        subject,
        field("ActivityDate", "Due Date Only", Date),
        picklist("Status", "Status", &statuses).required().with_default("Not Started"),
        picklist("Priority", "Priority", &["High", "Normal", "Low"]).required().with_default("Normal"),
        checkbox("IsHighPriority", "High Priority").read_only().not_in_change_events(),
        owner("OwnerId"),
        long_text("Description", "Description", 32_000),
        is_deleted(),
        FieldSchema::reference("AccountId", "Account ID", &["Account"], "Account").read_only(),
        checkbox("IsClosed", "Closed").read_only(),
    ];
    fields.extend(audit());
    fields.extend([
        checkbox("IsArchived", "Archived").read_only().not_in_change_events(),
        number("CallDurationInSeconds", "Call Duration", Int, 0, 0),
        picklist("CallType", "Call Type", &["Internal", "Inbound", "Outbound"]).with_length(40),
        text("CallDisposition", "Call Result", 255),
        text("CallObject", "Call Object Identifier", 255),
        field("ReminderDateTime", "Reminder Date/Time", DateTime),
        checkbox("IsReminderSet", "Reminder Set"),
        checkbox("IsRecurrence", "Create Recurring Series of Tasks").read_only(),
        subtype,
        field("CompletedDateTime", "Completed Date", DateTime).read_only(),
    ]);
    ObjectSchema::new("Task", "Task", "Tasks", "00T", fields)
}
