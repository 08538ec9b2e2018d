//! Leads, opportunities, campaigns, and what is sold.

use super::choices::{
    CLEAN_STATUSES, FORECAST_CATEGORIES, GENDERS, INDUSTRIES, LEAD_SOURCES, LEAD_STATUSES, PRONOUNS, RATINGS, STAGES,
    names,
};
use super::fields::*;
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};
use crate::core::value::FieldValue;

use FieldType::{Currency, Date, DateTime, Double, Percent};

pub(super) fn objects() -> Vec<ObjectSchema> {
    vec![
        product(),
        price_book(),
        campaign(),
        lead(),
        opportunity(),
        opportunity_contact_role(),
        campaign_member(),
        campaign_member_status(),
    ]
}

fn lead() -> ObjectSchema {
    let converted = |name: &str, label: &str, object: &str, relationship: &str| {
        reference(name, label, &[object], relationship).read_only()
    };
    let mut fields = vec![id(), is_deleted(), master_record("Lead")];
    fields.extend(person_name("Full Name"));
    fields.extend([text("Title", "Title", 128), text("Company", "Company", 255).required()]);
    fields.extend(address("", ""));
    fields.extend([
        phone("Phone", "Phone"),
        phone("MobilePhone", "Mobile Phone"),
        phone("Fax", "Fax"),
        email("Email", "Email"),
        url("Website", "Website"),
        photo("PhotoUrl", "Photo URL"),
        long_text("Description", "Description", 32_000),
        picklist("LeadSource", "Lead Source", LEAD_SOURCES),
        picklist("Status", "Status", &names(LEAD_STATUSES)).required().with_default("Open - Not Contacted"),
        picklist("Industry", "Industry", INDUSTRIES),
        picklist("Rating", "Rating", RATINGS),
        number("AnnualRevenue", "Annual Revenue", Currency, 18, 0),
        count("NumberOfEmployees", "Employees"),
        owner_or_queue(),
        checkbox("HasOptedOutOfEmail", "Email Opt Out"),
        checkbox("IsConverted", "Converted").read_only(),
        field("ConvertedDate", "Converted Date", Date).read_only(),
        converted("ConvertedAccountId", "Converted Account ID", "Account", "ConvertedAccount"),
        converted("ConvertedContactId", "Converted Contact ID", "Contact", "ConvertedContact"),
        converted("ConvertedOpportunityId", "Converted Opportunity ID", "Opportunity", "ConvertedOpportunity"),
        checkbox("IsUnreadByOwner", "Unread By Owner").with_default(true),
    ]);
    fields.extend(audit());
    fields.extend(visits());
    fields.extend([
        checkbox("DoNotCall", "Do Not Call"),
        checkbox("HasOptedOutOfFax", "Fax Opt Out"),
        text("Jigsaw", "Data.com Key", 20),
        text("JigsawContactId", "Jigsaw Contact ID", 20).read_only(),
        labelled_picklist("CleanStatus", "Clean Status", CLEAN_STATUSES).with_length(40).restricted(),
        text("CompanyDunsNumber", "Company D-U-N-S Number", 9),
        text("EmailBouncedReason", "Email Bounced Reason", 255),
        field("EmailBouncedDate", "Email Bounced Date", DateTime),
        reference("IndividualId", "Individual ID", &["Individual"], "Individual").children_named("Leads"),
        checkbox("IsPriorityRecord", "Is Priority Record").read_only().not_in_change_events(),
        picklist("GenderIdentity", "Gender Identity", GENDERS),
        picklist("Pronouns", "Pronouns", PRONOUNS),
    ]);
    ObjectSchema::new("Lead", "Lead", "Leads", "00Q", fields)
}

fn opportunity() -> ObjectSchema {
    let stage_names: Vec<&str> = STAGES.iter().map(|stage| stage.0).collect();
    let forecast_labels: Vec<&str> =
        FORECAST_CATEGORIES.iter().map(|(_, label)| *label).filter(|label| *label != "Most Likely").collect();
    let mut fields = vec![
        id(),
        is_deleted(),
        lookup("AccountId", "Account ID", &["Account"], "Account", "Opportunities").cascading(),
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
        labelled_picklist("ForecastCategory", "Forecast Category", FORECAST_CATEGORIES)
            .with_length(40)
            .restricted()
            .read_only(),
        picklist("ForecastCategoryName", "Forecast Category", &forecast_labels),
        lookup("CampaignId", "Campaign ID", &["Campaign"], "Campaign", "Opportunities"),
        checkbox("HasOpportunityLineItem", "Has Line Item").read_only(),
        reference("Pricebook2Id", "Price Book ID", &["Pricebook2"], "Pricebook2").children_named("Opportunities"),
        owner(),
        lookup("ContactId", "Contact ID", &["Contact"], "Contact", "Opportunities").fixed(),
    ];
    fields.extend(audit());
    fields.extend(visits());
    fields.extend([
        count("PushCount", "Push Count").read_only().with_default(FieldValue::Integer(0)),
        field("LastStageChangeDate", "Last Stage Change Date", DateTime).read_only(),
        count("FiscalQuarter", "Fiscal Quarter").read_only().not_in_change_events(),
        count("FiscalYear", "Fiscal Year").read_only().not_in_change_events(),
        text("Fiscal", "Fiscal Period", 6).read_only().not_in_change_events(),
    ]);
    ObjectSchema::new("Opportunity", "Opportunity", "Opportunities", "006", fields)
}

fn opportunity_contact_role() -> ObjectSchema {
    let parent = |name: &str, label: &str, object: &str| {
        lookup(name, label, &[object], object, "OpportunityContactRoles").required().fixed().cascading()
    };
    let mut fields = vec![
        id(),
        parent("OpportunityId", "Opportunity ID", "Opportunity"),
        parent("ContactId", "Contact ID", "Contact"),
        picklist(
            "Role",
            "Role",
            &[
                "Business User",
                "Decision Maker",
                "Economic Buyer",
                "Economic Decision Maker",
                "Evaluator",
                "Executive Sponsor",
                "Influencer",
                "Technical Buyer",
                "Other",
            ],
        ),
        checkbox("IsPrimary", "Primary"),
    ];
    fields.extend(audit());
    fields.push(is_deleted());
    ObjectSchema::new("OpportunityContactRole", "Opportunity Contact Role", "Opportunity Contact Role", "00K", fields)
}

fn campaign() -> ObjectSchema {
    let total =
        |name: &str, label: &str| count(name, label).required().read_only().with_default(FieldValue::Integer(0));
    let amount = |name: &str, label: &str| {
        number(name, label, Currency, 18, 0).required().read_only().with_default(FieldValue::Number(0.0))
    };
    let mut fields = vec![
        id(),
        is_deleted(),
        object_name("Name", 80),
        lookup("ParentId", "Parent Campaign ID", &["Campaign"], "Parent", "ChildCampaigns"),
        picklist(
            "Type",
            "Type",
            &[
                "Conference",
                "Webinar",
                "Trade Show",
                "Public Relations",
                "Partners",
                "Referral Program",
                "Advertisement",
                "Banner Ads",
                "Direct Mail",
                "Email",
                "Telemarketing",
                "Other",
            ],
        )
        .with_length(40),
        picklist("Status", "Status", &["Planned", "In Progress", "Completed", "Aborted"])
            .with_length(40)
            .with_default("Planned"),
        field("StartDate", "Start Date", Date),
        field("EndDate", "End Date", Date),
        number("ExpectedRevenue", "Expected Revenue", Currency, 18, 0),
        number("BudgetedCost", "Budgeted Cost", Currency, 18, 0),
        number("ActualCost", "Actual Cost", Currency, 18, 0),
        number("ExpectedResponse", "Expected Response (%)", Percent, 10, 2),
        number("NumberSent", "Num Sent", Double, 18, 0),
        checkbox("IsActive", "Active"),
        long_text("Description", "Description", 32_000),
        total("NumberOfLeads", "Leads in Campaign"),
        total("NumberOfConvertedLeads", "Converted Leads in Campaign"),
        total("NumberOfContacts", "Contacts in Campaign"),
        total("NumberOfResponses", "Responses in Campaign"),
        total("NumberOfOpportunities", "Opportunities in Campaign"),
        total("NumberOfWonOpportunities", "Won Opportunities in Campaign"),
        amount("AmountAllOpportunities", "Value Opportunities in Campaign"),
        amount("AmountWonOpportunities", "Value Won Opportunities in Campaign"),
        owner(),
    ];
    fields.extend(audit());
    fields.extend(visits());
    ObjectSchema::new("Campaign", "Campaign", "Campaigns", "701", fields)
}

fn campaign_member() -> ObjectSchema {
    let person = |name: &str, label: &str, object: &str| {
        lookup(name, label, &[object], object, "CampaignMembers").fixed().cascading()
    };
    let copied = |field: FieldSchema| field.read_only();
    let mut fields = vec![
        id(),
        is_deleted(),
        lookup("CampaignId", "Campaign ID", &["Campaign"], "Campaign", "CampaignMembers")
            .required()
            .fixed()
            .cascading(),
        person("LeadId", "Lead ID", "Lead"),
        person("ContactId", "Contact ID", "Contact"),
        picklist("Status", "Status", &["Sent", "Responded"]).with_length(40).with_default("Sent"),
        checkbox("HasResponded", "Responded").read_only(),
    ];
    fields.extend(audit());
    fields.extend([
        field("FirstRespondedDate", "First Responded Date", Date).read_only(),
        copied(picklist("Salutation", "Salutation", super::choices::SALUTATIONS).with_length(40)),
        copied(text("Name", "Name", 121)),
        copied(text("FirstName", "First Name", 40)),
        copied(text("LastName", "Last Name", 80)),
        copied(text("Title", "Title", 128)),
        copied(long_text("Street", "Street", 255)),
        copied(text("City", "City", 40)),
        copied(text("State", "State/Province", 80)),
        copied(text("PostalCode", "Zip/Postal Code", 20)),
        copied(text("Country", "Country", 80)),
        copied(field("Email", "Email", FieldType::Email).with_length(80)),
        copied(phone("Phone", "Phone")),
        copied(phone("Fax", "Fax")),
        copied(phone("MobilePhone", "Mobile")),
        copied(long_text("Description", "Description", 32_000)),
        checkbox("DoNotCall", "Do Not Call").read_only(),
        checkbox("HasOptedOutOfEmail", "Email Opt Out").read_only(),
        checkbox("HasOptedOutOfFax", "Fax Opt Out").read_only(),
        copied(picklist("LeadSource", "Lead Source", LEAD_SOURCES)),
        copied(text("CompanyOrAccount", "Company (Account)", 255)),
        copied(picklist("Type", "Type", &["Lead", "Contact"]).with_length(40)),
        copied(reference("LeadOrContactId", "Related Record ID", &["Contact", "Lead"], "LeadOrContact")),
        copied(reference("LeadOrContactOwnerId", "Related Record Owner ID", &["Group", "User"], "LeadOrContactOwner")),
    ]);
    ObjectSchema::new("CampaignMember", "Campaign Member", "Campaign Members", "00v", fields)
}

fn campaign_member_status() -> ObjectSchema {
    let mut fields = vec![
        id(),
        is_deleted(),
        lookup("CampaignId", "Campaign ID", &["Campaign"], "Campaign", "CampaignMemberStatuses")
            .required()
            .fixed()
            .cascading(),
        text("Label", "Label", 765).required(),
        count("SortOrder", "Sort Order"),
        checkbox("IsDefault", "Is Default"),
        checkbox("HasResponded", "Responded"),
    ];
    fields.extend(audit());
    ObjectSchema::new("CampaignMemberStatus", "Campaign Member Status", "Campaign Member Status", "01Y", fields)
}

fn product() -> ObjectSchema {
    let mut fields = vec![
        id(),
        object_name("Product Name", 255),
        text("ProductCode", "Product Code", 255),
        long_text("Description", "Product Description", 4000),
        checkbox("IsActive", "Active"),
    ];
    fields.extend(audit());
    fields.extend([
        picklist("Family", "Product Family", &["None"]),
        url("DisplayUrl", "Display URL"),
        picklist("QuantityUnitOfMeasure", "Quantity Unit Of Measure", &["Each"]),
        is_deleted(),
        checkbox("IsArchived", "Archived").read_only(),
    ]);
    fields.extend(views());
    fields.push(text("StockKeepingUnit", "Product SKU", 180));
    ObjectSchema::new("Product2", "Product", "Products", "01t", fields)
}

fn price_book() -> ObjectSchema {
    let mut fields = vec![id(), is_deleted(), object_name("Price Book Name", 255)];
    fields.extend(views());
    fields.extend(audit());
    fields.extend([
        checkbox("IsActive", "Active"),
        checkbox("IsArchived", "Archived").read_only(),
        long_text("Description", "Description", 255),
        checkbox("IsStandard", "Is Standard Price Book").read_only(),
    ]);
    ObjectSchema::new("Pricebook2", "Price Book", "Price Books", "01s", fields)
}
