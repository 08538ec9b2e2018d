//! Tasks and calendar events.

use super::choices::{TASK_PRIORITIES, TASK_STATUSES, names};
use super::fields::*;
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema, PicklistValue};

use FieldType::{Date, DateTime};

/// What an activity may be about, besides custom objects that allow activities.
const WHAT: &[&str] = &["Account", "Campaign", "Case", "Opportunity", "Product2"];

pub(super) fn objects() -> Vec<ObjectSchema> {
    vec![task(), event()]
}

fn subject(choices: &[&str]) -> FieldSchema {
    let mut subject = field("Subject", "Subject", FieldType::Combobox).with_length(255);
    subject.name_field = true;
    subject.picklist_values = choices.iter().map(|choice| PicklistValue::new(choice)).collect();
    subject
}

fn who(children: &str) -> FieldSchema {
    lookup("WhoId", "Name ID", &["Contact", "Lead"], "Who", children).cascading()
}

fn what(children: &str) -> FieldSchema {
    lookup("WhatId", "Related To ID", WHAT, "What", children).cascading()
}

fn counts() -> [FieldSchema; 2] {
    [
        count("WhoCount", "Relation Count").read_only().not_in_change_events(),
        count("WhatCount", "Related To Count").read_only().not_in_change_events(),
    ]
}

fn account() -> FieldSchema {
    reference("AccountId", "Account ID", &["Account"], "Account").indexed().read_only()
}

/// What a recurring series is made of; the org makes no series, so these are read.
fn recurrence(object: &str, start: FieldSchema) -> Vec<FieldSchema> {
    let series = if object == "Task" { "Tasks" } else { "Events" };
    vec![
        reference("RecurrenceActivityId", "Recurrence Activity ID", &[object], "RecurrenceActivity")
            .children_named(&format!("Recurring{series}"))
            .read_only(),
        checkbox("IsRecurrence", &format!("Create Recurring Series of {series}")).read_only(),
        start.read_only(),
        field("RecurrenceEndDateOnly", "Recurrence End", Date).read_only(),
        picklist("RecurrenceTimeZoneSidKey", "Recurrence Time Zone", super::choices::TIME_ZONES)
            .with_length(40)
            .read_only(),
        picklist(
            "RecurrenceType",
            "Recurrence Type",
            &[
                "RecursDaily",
                "RecursEveryWeekday",
                "RecursMonthly",
                "RecursMonthlyNth",
                "RecursWeekly",
                "RecursYearly",
                "RecursYearlyNth",
            ],
        )
        .with_length(40)
        .read_only(),
        count("RecurrenceInterval", "Recurrence Interval").read_only(),
        count("RecurrenceDayOfWeekMask", "Recurrence Day of Week Mask").read_only(),
        count("RecurrenceDayOfMonth", "Recurrence Day of Month").read_only(),
        picklist("RecurrenceInstance", "Recurrence Instance", &["First", "Second", "Third", "Fourth", "Last"])
            .with_length(40)
            .read_only(),
        picklist(
            "RecurrenceMonthOfYear",
            "Recurrence Month of Year",
            &[
                "January",
                "February",
                "March",
                "April",
                "May",
                "June",
                "July",
                "August",
                "September",
                "October",
                "November",
                "December",
            ],
        )
        .with_length(40)
        .read_only(),
    ]
}

fn reminder() -> [FieldSchema; 2] {
    [field("ReminderDateTime", "Reminder Date/Time", DateTime), checkbox("IsReminderSet", "Reminder Set")]
}

fn task() -> ObjectSchema {
    let subtypes = &["Task", "Email", "ListEmail", "Cadence", "Call", "LinkedIn"];
    let mut fields = vec![id(), who("Tasks"), what("Tasks")];
    fields.extend(counts());
    fields.extend([
        subject(&["Call", "Email", "Send Letter", "Send Quote", "Other"]),
        field("ActivityDate", "Due Date Only", Date),
        picklist("Status", "Status", &names(TASK_STATUSES)).with_length(40).required().with_default("Not Started"),
        picklist("Priority", "Priority", &names(TASK_PRIORITIES)).with_length(40).required().with_default("Normal"),
        checkbox("IsHighPriority", "High Priority").read_only().not_in_change_events(),
        owner_or_queue(),
        long_text("Description", "Description", 32_000),
        is_deleted(),
        account(),
        checkbox("IsClosed", "Closed").read_only(),
    ]);
    fields.extend(audit());
    fields.extend([
        checkbox("IsArchived", "Archived").read_only().not_in_change_events(),
        count("CallDurationInSeconds", "Call Duration"),
        picklist("CallType", "Call Type", &["Internal", "Inbound", "Outbound"]).with_length(40),
        text("CallDisposition", "Call Result", 255),
        text("CallObject", "Call Object Identifier", 255),
    ]);
    fields.extend(reminder());
    fields.extend(recurrence("Task", field("RecurrenceStartDateOnly", "Recurrence Start", Date)));
    fields.extend([
        picklist(
            "RecurrenceRegeneratedType",
            "Repeat This Task",
            &["RecurrenceRegenerateAfterDueDate", "RecurrenceRegenerateAfterToday", "RecurrenceRegenerated"],
        )
        .with_length(40)
        .read_only(),
        picklist("TaskSubtype", "Task Subtype", subtypes)
            .with_length(40)
            .restricted()
            .with_default("Task")
            .fixed()
            .not_in_change_events(),
        field("CompletedDateTime", "Completed Date", DateTime).read_only(),
    ]);
    ObjectSchema::new("Task", "Task", "Tasks", "00T", fields)
}

fn event() -> ObjectSchema {
    let mut fields = vec![id(), who("Events"), what("Events")];
    fields.extend(counts());
    fields.extend([
        subject(&["Call", "Email", "Meeting", "Send Letter/Quote", "Other"]),
        text("Location", "Location", 255),
        checkbox("IsAllDayEvent", "All-Day Event"),
        field("ActivityDateTime", "Due Date Time", DateTime),
        field("ActivityDate", "Due Date Only", Date),
        count("DurationInMinutes", "Duration"),
        field("StartDateTime", "Start Date Time", DateTime).not_in_change_events(),
        field("EndDateTime", "End Date Time", DateTime).not_in_change_events(),
        field("EndDate", "Event End Date", Date).read_only(),
        long_text("Description", "Description", 32_000),
        account(),
        owner_or_queue(),
        checkbox("IsPrivate", "Private"),
        labelled_picklist(
            "ShowAs",
            "Show Time As",
            &[("Busy", "Busy"), ("OutOfOffice", "Out of Office"), ("Free", "Free")],
        )
        .with_length(40)
        .restricted()
        .with_default("Busy"),
        is_deleted(),
        checkbox("IsChild", "Is Child").read_only(),
        checkbox("IsGroupEvent", "Is Group Event").read_only(),
        labelled_picklist(
            "GroupEventType",
            "Group Event Type",
            &[
                ("0", "Non-group Event"),
                ("1", "Group Event"),
                ("2", "Proposed Event"),
                ("3", "IsRecurrence2 Series Pattern"),
            ],
        )
        .with_length(40)
        .restricted()
        .read_only(),
    ]);
    fields.extend(audit());
    fields.push(checkbox("IsArchived", "Archived").read_only().not_in_change_events());
    fields.extend(recurrence("Event", field("RecurrenceStartDateTime", "Recurrence Start", DateTime)));
    fields.extend(reminder());
    fields.push(
        picklist("EventSubtype", "Event Subtype", &["Event"])
            .with_length(40)
            .restricted()
            .with_default("Event")
            .fixed()
            .not_in_change_events(),
    );
    ObjectSchema::new("Event", "Event", "Events", "00U", fields)
}
