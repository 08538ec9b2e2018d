//! The org's set-up: the company, its users, profiles, roles and groups, record types, and the lists of statuses.

use super::choices::{
    CASE_STATUSES, FORECAST_CATEGORIES, LANGUAGES, LEAD_STATUSES, LOCALES, STAGES, TASK_PRIORITIES, TASK_STATUSES,
    TIME_ZONES, forecast_category,
};
use super::fields::*;
use crate::core::access::Permission;
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};
use crate::core::value::FieldValue;

use FieldType::{DateTime, Double};

/// Rows of an object that every org has: the object's name, and the fields of each row.
pub(crate) type StandardRows = (&'static str, Vec<Vec<(&'static str, FieldValue)>>);

pub(super) fn objects() -> Vec<ObjectSchema> {
    vec![
        organization(),
        profile(),
        user_role(),
        group(),
        user(),
        group_member(),
        record_type(),
        business_hours(),
        status("TaskStatus", "Task Status Value", "01T", checkbox("IsClosed", "Closed")),
        status("TaskPriority", "Task Priority Value", "01V", checkbox("IsHighPriority", "High Priority")),
        status("LeadStatus", "Lead Status Value", "01L", checkbox("IsConverted", "Converted")),
        status("CaseStatus", "Case Status Value", "01C", checkbox("IsClosed", "Closed")),
        opportunity_stage(),
    ]
}

fn organization() -> ObjectSchema {
    let access = |name: &str, label: &str| {
        picklist(name, label, &["None", "Read", "Edit", "ReadEditTransfer", "All", "ControlledByParent"])
            .with_length(40)
            .read_only()
    };
    let mut fields = vec![id(), object_name("Name", 80), text("Division", "Division", 80)];
    fields.extend(address("", ""));
    fields.extend([
        phone("Phone", "Phone"),
        phone("Fax", "Fax"),
        text("PrimaryContact", "Primary Contact", 80),
        picklist("DefaultLocaleSidKey", "Locale", LOCALES).with_length(40).required().restricted(),
        picklist("TimeZoneSidKey", "Time Zone", TIME_ZONES).with_length(40).required().restricted(),
        labelled_picklist("LanguageLocaleKey", "Language", LANGUAGES).with_length(40).required().restricted(),
        checkbox("ReceivesInfoEmails", "Info Emails"),
        checkbox("ReceivesAdminInfoEmails", "Info Emails Admin"),
        checkbox("PreferencesRequireOpportunityProducts", "RequireOpportunityProducts"),
        count("FiscalYearStartMonth", "Fiscal Year Starts In").read_only().with_default(FieldValue::Integer(1)),
        checkbox("UsesStartDateAsFiscalYearName", "Fiscal Year Name by Start").read_only(),
        access("DefaultAccountAccess", "Default Account Access").with_default("Edit"),
        access("DefaultContactAccess", "Default Contact Access").with_default("ControlledByParent"),
        access("DefaultOpportunityAccess", "Default Opportunity Access").with_default("Edit"),
        access("DefaultLeadAccess", "Default Lead Access").with_default("ReadEditTransfer"),
        access("DefaultCaseAccess", "Default Case Access").with_default("ReadEditTransfer"),
        access("DefaultCampaignAccess", "Default Campaign Access").with_default("All"),
        text("WebToCaseDefaultOrigin", "Web to Cases Default Origin", 40),
        text("UiSkin", "UI Skin", 40).read_only().with_default("Theme3"),
        text("SignupCountryIsoCode", "Signup Country", 2).read_only(),
        field("TrialExpirationDate", "Trial Expiration Date", DateTime).read_only(),
        text("OrganizationType", "Edition", 40).read_only(),
        text("NamespacePrefix", "Namespace Prefix", 15).read_only(),
        text("InstanceName", "Instance Name", 5).read_only(),
        checkbox("IsSandbox", "Is Sandbox").read_only(),
        checkbox("IsReadOnly", "Is Read Only").read_only(),
    ]);
    fields.extend(audit());
    ObjectSchema::new("Organization", "Organization", "Organizations", "00D", fields).read_only().setup()
}

fn profile() -> ObjectSchema {
    let mut fields = vec![id(), object_name("Name", 255)];
    fields.extend(Permission::ALL.map(|permission| checkbox(permission.field(), permission.label()).read_only()));
    fields.extend([
        picklist("UserType", "User Type", &["Standard", "PowerPartner", "CsnOnly", "AutomatedProcess", "Guest"])
            .with_length(40)
            .with_default("Standard"),
        text("Description", "Description", 255),
    ]);
    fields.extend(audit());
    fields.extend(views());
    ObjectSchema::new("Profile", "Profile", "Profiles", "00e", fields).read_only().setup()
}

fn user_role() -> ObjectSchema {
    let access = |name: &str, label: &str| {
        picklist(name, label, &["None", "Read", "Edit"]).with_length(40).restricted().with_default("Edit")
    };
    let mut fields = vec![
        id(),
        object_name("Name", 80),
        lookup("ParentRoleId", "Parent Role ID", &["UserRole"], "ParentRole", "SubRoles"),
        text("RollupDescription", "Description", 80),
        access("OpportunityAccessForAccountOwner", "Opportunity Access Level for Account Owner").required(),
        access("CaseAccessForAccountOwner", "Case Access Level for Account Owner"),
        access("ContactAccessForAccountOwner", "Contact Access Level for Account Owner"),
        reference("ForecastUserId", "User ID", &["User"], "ForecastUser"),
        checkbox("MayForecastManagerShare", "May Forecast Manager Share").read_only(),
        text("DeveloperName", "Developer Name", 80),
        text("PortalType", "Portal Type", 40).read_only().with_default("None"),
    ];
    fields.extend(audit());
    ObjectSchema::new("UserRole", "Role", "Roles", "00E", fields).setup()
}

fn group() -> ObjectSchema {
    let mut fields = vec![
        id(),
        object_name("Name", 40),
        text("DeveloperName", "Developer Name", 80),
        reference("RelatedId", "Related ID", &["User", "UserRole"], "Related").read_only(),
        picklist("Type", "Type", &["Regular", "Role", "RoleAndSubordinates", "Organization", "Queue"])
            .with_length(40)
            .required()
            .restricted()
            .fixed()
            .with_default("Regular"),
        field("Email", "Email", FieldType::Email).with_length(255),
        reference("OwnerId", "Owner ID", &["Organization", "User"], "Owner").read_only(),
        checkbox("DoesSendEmailToMembers", "Send Email to Members"),
        checkbox("DoesIncludeBosses", "Include Bosses").with_default(true),
    ];
    fields.extend(audit());
    ObjectSchema::new("Group", "Group", "Groups", "00G", fields).setup()
}

fn group_member() -> ObjectSchema {
    let mut fields = vec![
        id(),
        lookup("GroupId", "Group ID", &["Group"], "Group", "GroupMembers").required().fixed().cascading(),
        lookup("UserOrGroupId", "User/Group ID", &["Group", "User"], "UserOrGroup", "GroupMemberships")
            .required()
            .fixed(),
    ];
    fields.extend(audit());
    ObjectSchema::new("GroupMember", "Group Member", "Group Member", "011", fields).setup()
}

fn record_type() -> ObjectSchema {
    let mut fields = vec![
        id(),
        object_name("Name", 80),
        text("DeveloperName", "Record Type Name", 80).required(),
        text("NamespacePrefix", "Namespace Prefix", 15).read_only(),
        text("Description", "Description", 255),
        text("SobjectType", "SObject Type Name", 40).required().fixed().indexed(),
        checkbox("IsActive", "Active"),
        checkbox("IsPersonType", "Is Person Type").read_only(),
    ];
    fields.extend(audit());
    ObjectSchema::new("RecordType", "Record Type", "Record Types", "012", fields).read_only().setup()
}

fn business_hours() -> ObjectSchema {
    let mut fields = vec![
        id(),
        object_name("Name", 80),
        checkbox("IsActive", "Active"),
        checkbox("IsDefault", "Default Business Hours"),
        picklist("TimeZoneSidKey", "Time Zone", TIME_ZONES).with_length(40).required().restricted(),
    ];
    for day in ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] {
        fields.push(field(&format!("{day}StartTime"), &format!("{day} Start"), FieldType::Time));
        fields.push(field(&format!("{day}EndTime"), &format!("{day} End"), FieldType::Time));
    }
    fields.extend(audit());
    ObjectSchema::new("BusinessHours", "Business Hours", "Business Hours", "01m", fields).read_only().setup()
}

/// A list of the values of a standard picklist, with the flag that gives each its meaning.
fn status(name: &str, label: &str, prefix: &str, flag: FieldSchema) -> ObjectSchema {
    let mut fields = vec![
        id(),
        text("MasterLabel", "Master Label", 255),
        text("ApiName", "API Name", 255),
        count("SortOrder", "Sort Order"),
        checkbox("IsDefault", "Is Default"),
        flag,
    ];
    fields.extend(audit());
    ObjectSchema::new(name, label, label, prefix, fields).read_only().setup()
}

fn opportunity_stage() -> ObjectSchema {
    let mut fields = vec![
        id(),
        text("MasterLabel", "Master Label", 255),
        text("ApiName", "API Name", 255),
        checkbox("IsActive", "Is Active"),
        count("SortOrder", "Sort Order"),
        checkbox("IsClosed", "Closed"),
        checkbox("IsWon", "Won"),
        labelled_picklist("ForecastCategory", "Forecast Category", FORECAST_CATEGORIES).with_length(40).restricted(),
        text("ForecastCategoryName", "Forecast Category Name", 255),
        number("DefaultProbability", "Probability (%)", Double, 3, 0),
        text("Description", "Description", 255),
    ];
    fields.extend(audit());
    ObjectSchema::new("OpportunityStage", "Opportunity Stage", "Opportunity Stage", "01J", fields).read_only().setup()
}

const MAIL_PREFERENCES: &[&str] = &["AutoBcc", "AutoBccStayInTouch", "StayInTouchReminder"];
const USER_PERMISSIONS: &[&str] = &[
    "MarketingUser",
    "OfflineUser",
    "CallCenterAutoLogin",
    "SFContentUser",
    "KnowledgeUser",
    "InteractionUser",
    "SupportUser",
];
const USER_PREFERENCES: &[&str] = &[
    "ActivityRemindersPopup",
    "EventRemindersCheckboxDefault",
    "TaskRemindersCheckboxDefault",
    "ReminderSoundOff",
    "DisableAllFeedsEmail",
    "DisableFollowersEmail",
    "DisableProfilePostEmail",
    "DisableChangeCommentEmail",
    "DisableLaterCommentEmail",
    "DisProfPostCommentEmail",
    "ContentNoEmail",
    "ContentEmailAsAndWhen",
    "ApexPagesDeveloperMode",
    "ReceiveNoNotificationsAsApprover",
    "ReceiveNotificationsAsDelegatedApprover",
    "HideCSNGetChatterMobileTask",
    "DisableMentionsPostEmail",
    "DisMentionsCommentEmail",
    "HideCSNDesktopTask",
    "HideChatterOnboardingSplash",
    "HideSecondChatterOnboardingSplash",
    "DisCommentAfterLikeEmail",
    "DisableLikeEmail",
    "SortFeedByComment",
    "DisableMessageEmail",
    "DisableBookmarkEmail",
    "DisableSharePostEmail",
    "EnableAutoSubForFeeds",
    "DisableFileShareNotificationsForApi",
    "ShowTitleToExternalUsers",
    "ShowManagerToExternalUsers",
    "ShowEmailToExternalUsers",
    "ShowWorkPhoneToExternalUsers",
    "ShowMobilePhoneToExternalUsers",
    "ShowFaxToExternalUsers",
    "ShowStreetAddressToExternalUsers",
    "ShowCityToExternalUsers",
    "ShowStateToExternalUsers",
    "ShowPostalCodeToExternalUsers",
    "ShowCountryToExternalUsers",
    "ShowProfilePicToGuestUsers",
    "ShowTitleToGuestUsers",
    "ShowCityToGuestUsers",
    "ShowStateToGuestUsers",
    "ShowPostalCodeToGuestUsers",
    "ShowCountryToGuestUsers",
    "HideS1BrowserUI",
    "DisableEndorsementEmail",
    "PathAssistantCollapsed",
    "CacheDiagnostics",
    "ShowEmailToGuestUsers",
    "ShowManagerToGuestUsers",
    "ShowWorkPhoneToGuestUsers",
    "ShowMobilePhoneToGuestUsers",
    "ShowFaxToGuestUsers",
    "ShowStreetAddressToGuestUsers",
    "LightningExperiencePreferred",
    "PreviewLightning",
    "HideEndUserOnboardingAssistantModal",
    "HideLightningMigrationModal",
    "HideSfxWelcomeMat",
    "HideBiggerPhotoCallout",
    "GlobalNavBarWTShown",
    "GlobalNavGridMenuWTShown",
    "CreateLEXAppsWTShown",
    "FavoritesWTShown",
    "RecordHomeSectionCollapseWTShown",
    "RecordHomeReservedWTShown",
    "FavoritesShowTopFavorites",
    "ExcludeMailAppAttachments",
    "SuppressTaskSFXReminders",
    "SuppressEventSFXReminders",
    "PreviewCustomTheme",
    "HasCelebrationBadge",
    "UserDebugModePref",
    "SRHOverrideActivities",
    "NewLightningReportRunPageEnabled",
];

fn user() -> ObjectSchema {
    let mut username = text("Username", "Username", 80).required().indexed();
    username.unique = true;
    username.id_lookup = true;
    let mut fields = vec![id(), username];
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
    fields.push(field("Email", "Email", FieldType::Email).with_length(128).required().indexed());
    fields.extend(checkboxes("EmailPreferences", "", MAIL_PREFERENCES));
    fields.extend([
        field("SenderEmail", "Email Sender Address", FieldType::Email).with_length(80),
        text("SenderName", "Email Sender Name", 80),
        long_text("Signature", "Email Signature", 1333),
        phone("Phone", "Phone"),
        phone("Fax", "Fax"),
        phone("MobilePhone", "Mobile"),
        text("Alias", "Alias", 8).required(),
        text("CommunityNickname", "Nickname", 40).required(),
        text("BadgeText", "User Photo badge text overlay", 80).read_only().not_in_change_events(),
        checkbox("IsActive", "Active"),
        picklist("TimeZoneSidKey", "Time Zone", TIME_ZONES).with_length(40).required().restricted().with_default("GMT"),
        lookup("UserRoleId", "Role ID", &["UserRole"], "UserRole", "Users"),
        picklist("LocaleSidKey", "Locale", LOCALES).with_length(40).required().restricted().with_default("en_US"),
        checkbox("ReceivesInfoEmails", "Info Emails"),
        checkbox("ReceivesAdminInfoEmails", "Admin Info Emails"),
        picklist(
            "EmailEncodingKey",
            "Email Encoding",
            &["UTF-8", "ISO-8859-1", "Shift_JIS", "ISO-2022-JP", "EUC-JP", "ks_c_5601-1987", "Big5", "GB2312"],
        )
        .with_length(40)
        .required()
        .restricted()
        .with_default("UTF-8"),
        lookup("ProfileId", "Profile ID", &["Profile"], "Profile", "Users").required(),
        picklist("UserType", "User Type", &["Standard", "PowerPartner", "CsnOnly", "AutomatedProcess", "Guest"])
            .with_length(40)
            .restricted()
            .read_only()
            .with_default("Standard"),
        labelled_picklist("LanguageLocaleKey", "Language", LANGUAGES)
            .with_length(40)
            .required()
            .restricted()
            .with_default("en_US"),
        text("EmployeeNumber", "Employee Number", 20),
        reference("DelegatedApproverId", "Delegated Approver ID", &["Group", "User"], "DelegatedApprover"),
        lookup("ManagerId", "Manager ID", &["User"], "Manager", "ManagedUsers"),
        field("LastLoginDate", "Last Login", DateTime).read_only().not_in_change_events(),
        field("LastPasswordChangeDate", "Last Password Change or Reset", DateTime).read_only().not_in_change_events(),
    ]);
    fields.extend(audit());
    fields.extend(checkboxes("UserPermissions", "", USER_PERMISSIONS));
    fields.push(checkbox("ForecastEnabled", "Allow Forecasting"));
    fields.extend(checkboxes("UserPreferences", "", USER_PREFERENCES));
    fields.extend([
        lookup("ContactId", "Contact ID", &["Contact"], "Contact", "Users").fixed(),
        lookup("AccountId", "Account ID", &["Account"], "Account", "Users").read_only(),
        text("Extension", "Extension", 40),
        checkbox("IsPortalEnabled", "Portal User").read_only().not_in_change_events(),
        text("FederationIdentifier", "SAML Federation ID", 512).indexed(),
        long_text("AboutMe", "About Me", 1000),
        photo("FullPhotoUrl", "Url for full-sized Photo"),
        photo("SmallPhotoUrl", "Photo"),
        checkbox("IsExtIndicatorVisible", "Show external indicator").read_only().not_in_change_events(),
        text("OutOfOfficeMessage", "Out of office message", 40).read_only().not_in_change_events(),
        photo("MediumPhotoUrl", "Url for medium profile photo"),
        digest("DigestFrequency", "Chatter Email Highlights Frequency", "D"),
        digest("DefaultGroupNotificationFrequency", "Default Notification Frequency when Joining Groups", "N"),
    ]);
    fields.extend(views());
    fields.extend([
        photo("BannerPhotoUrl", "Url for banner photo"),
        photo("SmallBannerPhotoUrl", "Url for IOS banner photo"),
        photo("MediumBannerPhotoUrl", "Url for Android banner photo"),
        checkbox("IsProfilePhotoActive", "Has Profile Photo").read_only().not_in_change_events(),
        reference("IndividualId", "Individual ID", &["Individual"], "Individual").children_named("Users"),
    ]);
    ObjectSchema::new("User", "User", "Users", "005", fields).setup()
}

fn digest(name: &str, label: &str, default: &str) -> FieldSchema {
    labelled_picklist(name, label, &[("D", "Daily"), ("W", "Weekly"), ("P", "Email on each post"), ("N", "Never")])
        .with_length(40)
        .required()
        .restricted()
        .with_default(default)
}

/// The rows of the lists of statuses, and the business hours.
pub(crate) fn standard_rows() -> Vec<StandardRows> {
    let list = |values: &[(&'static str, bool)], default: &str, flag: &'static str| {
        let row = |((name, flagged), position): (&(&'static str, bool), i64)| {
            vec![
                ("MasterLabel", (*name).into()),
                ("ApiName", (*name).into()),
                ("SortOrder", FieldValue::Integer(position)),
                ("IsDefault", (*name == default).into()),
                (flag, (*flagged).into()),
            ]
        };
        values.iter().zip(1..).map(row).collect::<Vec<_>>()
    };
    let stage = |((name, probability, closed, won, category), position): (
        &(&'static str, f64, bool, bool, &'static str),
        i64,
    )| {
        vec![
            ("MasterLabel", (*name).into()),
            ("ApiName", (*name).into()),
            ("IsActive", true.into()),
            ("SortOrder", FieldValue::Integer(position)),
            ("IsClosed", (*closed).into()),
            ("IsWon", (*won).into()),
            ("ForecastCategory", forecast_category(category).unwrap_or_default().into()),
            ("ForecastCategoryName", (*category).into()),
            ("DefaultProbability", FieldValue::Number(*probability)),
        ]
    };
    let mut hours: Vec<(&'static str, FieldValue)> = vec![
        ("Name", "Default".into()),
        ("IsActive", true.into()),
        ("IsDefault", true.into()),
        ("TimeZoneSidKey", "GMT".into()),
    ];
    hours.extend(
        [
            "SundayStartTime",
            "MondayStartTime",
            "TuesdayStartTime",
            "WednesdayStartTime",
            "ThursdayStartTime",
            "FridayStartTime",
            "SaturdayStartTime",
        ]
        .map(|name| (name, FieldValue::Time(0))),
    );
    hours.extend(
        [
            "SundayEndTime",
            "MondayEndTime",
            "TuesdayEndTime",
            "WednesdayEndTime",
            "ThursdayEndTime",
            "FridayEndTime",
            "SaturdayEndTime",
        ]
        .map(|name| (name, FieldValue::Time(0))),
    );
    vec![
        ("TaskStatus", list(TASK_STATUSES, "Not Started", "IsClosed")),
        ("TaskPriority", list(TASK_PRIORITIES, "Normal", "IsHighPriority")),
        ("LeadStatus", list(LEAD_STATUSES, "Open - Not Contacted", "IsConverted")),
        ("CaseStatus", list(CASE_STATUSES, "New", "IsClosed")),
        ("OpportunityStage", STAGES.iter().zip(1..).map(stage).collect()),
        ("BusinessHours", vec![hours]),
    ]
}
