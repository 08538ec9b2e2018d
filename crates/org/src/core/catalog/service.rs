//! Cases, and the articles of the knowledge base.

use super::choices::{CASE_STATUSES, LANGUAGES, names};
use super::fields::*;
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};
use crate::core::value::FieldValue;

use FieldType::DateTime;

pub(super) fn objects() -> Vec<ObjectSchema> {
    vec![case(), case_comment()]
}

fn case() -> ObjectSchema {
    let mut number = text("CaseNumber", "Case Number", 30).auto_numbered("{00000000}").indexed();
    number.name_field = true;
    number.id_lookup = true;
    let of_the_contact = |field: FieldSchema| field.read_only().not_in_change_events();
    let mut fields = vec![
        id(),
        is_deleted(),
        master_record("Case"),
        number,
        lookup("ContactId", "Contact ID", &["Contact"], "Contact", "Cases").restricting(),
        lookup("AccountId", "Account ID", &["Account"], "Account", "Cases").restricting(),
        reference("BusinessHoursId", "Business Hours ID", &["BusinessHours"], "BusinessHours").children_named("Cases"),
        lookup("ParentId", "Parent Case ID", &["Case"], "Parent", "Cases"),
        text("SuppliedName", "Name", 80),
        field("SuppliedEmail", "Email Address", FieldType::Email).with_length(80),
        text("SuppliedPhone", "Phone", 40),
        text("SuppliedCompany", "Company", 80),
        picklist("Type", "Case Type", &["Mechanical", "Electrical", "Electronic", "Structural", "Other"]),
        picklist("Status", "Status", &names(CASE_STATUSES)).with_default("New"),
        picklist(
            "Reason",
            "Case Reason",
            &[
                "Installation",
                "Equipment Complexity",
                "Performance",
                "Breakdown",
                "Equipment Design",
                "Feedback",
                "Other",
            ],
        ),
        picklist("Origin", "Case Origin", &["Phone", "Email", "Web"]),
        text("Subject", "Subject", 255),
        picklist("Priority", "Priority", &["High", "Medium", "Low"]).with_default("Medium"),
        long_text("Description", "Description", 32_000),
        checkbox("IsClosed", "Closed").read_only(),
        field("ClosedDate", "Closed Date", DateTime).read_only(),
        checkbox("IsEscalated", "Escalated"),
        owner_or_queue(),
        checkbox("IsClosedOnCreate", "Closed When Created").read_only(),
    ];
    fields.extend(audit());
    fields.extend([
        of_the_contact(phone("ContactPhone", "Contact Phone")),
        of_the_contact(phone("ContactMobile", "Contact Mobile")),
        of_the_contact(field("ContactEmail", "Contact Email", FieldType::Email).with_length(80)),
        of_the_contact(phone("ContactFax", "Contact Fax")),
        long_text("Comments", "Internal Comments", 4000).not_in_change_events(),
    ]);
    fields.extend(views());
    ObjectSchema::new("Case", "Case", "Cases", "500", fields)
}

fn case_comment() -> ObjectSchema {
    let mut fields = vec![
        id(),
        lookup("ParentId", "Parent Case ID", &["Case"], "Parent", "CaseComments").required().fixed().cascading(),
        checkbox("IsPublished", "Published"),
        long_text("CommentBody", "Body", 4000),
    ];
    fields.extend(audit());
    fields.push(is_deleted());
    ObjectSchema::new("CaseComment", "Case Comment", "Case Comments", "00a", fields)
}

/// The objects that an org has once Knowledge is on: articles in their versions, and the view of all versions of all types.
pub(crate) fn knowledge_objects() -> Vec<ObjectSchema> {
    let mut own = article_version_fields();
    own.push(rich_text("Answer__c", "Answer", 131_072));
    if let Some(answer) = own.last_mut() {
        answer.custom = true;
    }
    vec![
        ObjectSchema::new("Knowledge__kav", "Knowledge", "Knowledge", "ka0", own),
        ObjectSchema::new(
            "KnowledgeArticleVersion",
            "Knowledge Article Version",
            "Knowledge Article Versions",
            "ka0",
            article_version_fields(),
        )
        .read_only(),
    ]
}

fn article_version_fields() -> Vec<FieldSchema> {
    let mut title = text("Title", "Title", 255).required();
    title.name_field = true;
    let mut number = text("ArticleNumber", "Article Number", 30).auto_numbered("{000000000}");
    number.id_lookup = false;
    let mut fields = vec![
        id(),
        text("KnowledgeArticleId", "Knowledge Article ID", 18).read_only(),
        is_deleted(),
        owner(),
        number,
        picklist("PublishStatus", "Publication Status", &["Draft", "Online", "Archived"])
            .with_length(40)
            .restricted()
            .read_only()
            .with_default("Draft"),
        count("VersionNumber", "Version Number").read_only(),
        checkbox("IsLatestVersion", "Is Latest Version").read_only().with_default(true),
        checkbox("IsVisibleInApp", "Visible In Internal App").with_default(true),
        checkbox("IsVisibleInPkb", "Visible In Public Knowledge Base"),
        checkbox("IsVisibleInCsp", "Visible to Customer"),
        checkbox("IsVisibleInPrm", "Visible to Partner"),
        labelled_picklist("Language", "Language", LANGUAGES)
            .with_length(40)
            .required()
            .restricted()
            .fixed()
            .with_default("en_US"),
        checkbox("IsMasterLanguage", "Is Master Language").read_only().with_default(true),
        text("MasterVersionId", "Master Version ID", 18).read_only(),
        title,
        text("UrlName", "URL Name", 255).required().indexed(),
        long_text("Summary", "Summary", 1000),
        field("FirstPublishedDate", "First Published Date", DateTime).read_only(),
        field("LastPublishedDate", "Last Published Date", DateTime).read_only(),
        field("ArchivedDate", "Archived Date", DateTime).read_only(),
        count("ArticleTotalViewCount", "Total View Count").read_only().with_default(FieldValue::Integer(0)),
        checkbox("IsOutOfDate", "Is Translation Out of Date").read_only(),
        picklist("ValidationStatus", "Validation Status", &["Not Validated", "Validated"])
            .with_default("Not Validated"),
        text("SourceId", "Source ID", 18),
    ];
    fields.extend(audit());
    fields.extend(views());
    fields
}
