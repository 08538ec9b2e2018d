//! The objects that every org has, with the fields of Salesforce's object reference; a family of objects a file.

mod activities;
mod channels;
mod choices;
mod fields;
mod people;
mod permissions;
mod sales;
mod service;
mod setup;
mod tooling;

use super::schema::ObjectSchema;

pub(crate) use choices::{CASE_STATUSES, STAGES, TASK_PRIORITIES, TASK_STATUSES, forecast_category};
pub(crate) use people::{
    is_of_people, is_person_account, on_person_account, person_account_field, person_account_fields,
};
pub(crate) use service::knowledge_objects;
pub(crate) use setup::standard_rows;
pub(crate) use tooling::custom_object_fields;

/// Every standard object, in the order of their numbers.
pub(crate) fn standard_objects() -> Vec<ObjectSchema> {
    [
        setup::objects(),
        people::objects(),
        sales::objects(),
        service::objects(),
        activities::objects(),
        permissions::objects(),
        tooling::objects(),
        channels::objects(),
    ]
    .concat()
}
