//! The words in which the catalogue's objects are written down: fields of the usual kinds, and the groups of fields that many
//! objects share.

use super::choices::{GEOCODE_ACCURACIES, SALUTATIONS};
use crate::core::schema::{FieldSchema, FieldType, PicklistValue};
use crate::core::value::FieldValue;

use FieldType::{Boolean, Date, DateTime, Double, Email, Int, Phone, TextArea, Url};

pub(super) fn field(name: &str, label: &str, field_type: FieldType) -> FieldSchema {
    FieldSchema::new(name, label, field_type)
}

pub(super) fn text(name: &str, label: &str, length: u32) -> FieldSchema {
    FieldSchema::text(name, label, length)
}

pub(super) fn number(name: &str, label: &str, field_type: FieldType, precision: u8, scale: u8) -> FieldSchema {
    FieldSchema::number(name, label, field_type, precision, scale)
}

/// A whole number.
pub(super) fn count(name: &str, label: &str) -> FieldSchema {
    number(name, label, Int, 0, 0)
}

pub(super) fn picklist(name: &str, label: &str, values: &[&str]) -> FieldSchema {
    FieldSchema::picklist(name, label, values)
}

/// A picklist whose values people see under other names: (value, label).
pub(super) fn labelled_picklist(name: &str, label: &str, values: &[(&str, &str)]) -> FieldSchema {
    let mut field = picklist(name, label, &[]);
    let choice =
        |(value, label): &(&str, &str)| PicklistValue { label: (*label).to_owned(), ..PicklistValue::new(value) };
    field.picklist_values = values.iter().map(choice).collect();
    field
}

pub(super) fn checkbox(name: &str, label: &str) -> FieldSchema {
    field(name, label, Boolean).required().with_default(false)
}

/// A checkbox for each of these names, labelled with its words.
pub(super) fn checkboxes(prefix: &str, label: &str, names: &[&str]) -> Vec<FieldSchema> {
    names.iter().map(|name| checkbox(&format!("{prefix}{name}"), &format!("{label}{}", words(name)))).collect()
}

/// `Hide Bigger Photo Callout` of `HideBiggerPhotoCallout`.
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    let mut previous = ' ';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && previous.is_ascii_lowercase() {
            words.push(' ');
        }
        words.push(letter);
        previous = letter;
    }
    words
}

pub(super) fn long_text(name: &str, label: &str, length: u32) -> FieldSchema {
    field(name, label, TextArea).with_length(length)
}

pub(super) fn rich_text(name: &str, label: &str, length: u32) -> FieldSchema {
    let mut field = long_text(name, label, length);
    field.html_formatted = true;
    field
}

pub(super) fn phone(name: &str, label: &str) -> FieldSchema {
    field(name, label, Phone).with_length(40)
}

pub(super) fn email(name: &str, label: &str) -> FieldSchema {
    let mut email = field(name, label, Email).with_length(80).indexed();
    email.id_lookup = true;
    email
}

pub(super) fn url(name: &str, label: &str) -> FieldSchema {
    field(name, label, Url).with_length(255)
}

/// An owner who must be a person.
pub(super) fn owner() -> FieldSchema {
    FieldSchema::reference("OwnerId", "Owner ID", &["User"], "Owner").required().with_default(FieldValue::Null)
}

/// An owner who may also be a queue.
pub(super) fn owner_or_queue() -> FieldSchema {
    FieldSchema::reference("OwnerId", "Owner ID", &["Group", "User"], "Owner").required().with_default(FieldValue::Null)
}

/// A lookup whose children the parent lists, and finds without a scan.
pub(super) fn lookup(name: &str, label: &str, targets: &[&str], relationship: &str, children: &str) -> FieldSchema {
    FieldSchema::reference(name, label, targets, relationship).children_named(children).indexed()
}

/// A lookup whose children the parent does not list.
pub(super) fn reference(name: &str, label: &str, targets: &[&str], relationship: &str) -> FieldSchema {
    FieldSchema::reference(name, label, targets, relationship)
}

pub(super) fn object_name(label: &str, length: u32) -> FieldSchema {
    let mut name = text("Name", label, length).required();
    name.name_field = true;
    name
}

/// `Name` with its components, as Contact, Lead and User have it.
pub(super) fn person_name(name_label: &str) -> Vec<FieldSchema> {
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
pub(super) fn address(prefix: &str, label: &str) -> Vec<FieldSchema> {
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

pub(super) fn id() -> FieldSchema {
    let mut id = field("Id", "Record ID", FieldType::Id).with_length(18).required().read_only().not_in_change_events();
    id.defaulted_on_create = true;
    id.id_lookup = true;
    id
}

pub(super) fn is_deleted() -> FieldSchema {
    checkbox("IsDeleted", "Deleted").read_only().not_in_change_events()
}

pub(super) fn master_record(object: &str) -> FieldSchema {
    reference("MasterRecordId", "Master Record ID", &[object], "MasterRecord").read_only().not_in_change_events()
}

/// The fields that keep the account of every record.
pub(super) fn audit() -> Vec<FieldSchema> {
    let stamp = |name: &str, label: &str| {
        let mut stamp = field(name, label, DateTime).required().read_only();
        stamp.defaulted_on_create = true;
        stamp
    };
    let user = |name: &str, label: &str, relationship: &str| {
        let mut user = reference(name, label, &["User"], relationship).required().read_only();
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

/// The dates of the last activity and of the last looks.
pub(super) fn visits() -> Vec<FieldSchema> {
    let mut visits = vec![field("LastActivityDate", "Last Activity", Date).read_only().not_in_change_events()];
    visits.extend(views());
    visits
}

/// The dates of the last looks.
pub(super) fn views() -> Vec<FieldSchema> {
    vec![
        field("LastViewedDate", "Last Viewed Date", DateTime).read_only().not_in_change_events(),
        field("LastReferencedDate", "Last Referenced Date", DateTime).read_only().not_in_change_events(),
    ]
}

pub(super) fn photo(name: &str, label: &str) -> FieldSchema {
    url(name, label).read_only().not_in_change_events()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_becomes_words() {
        assert_eq!(super::words("HideS1BrowserUI"), "Hide S1Browser UI");
        assert_eq!(super::words("ContentNoEmail"), "Content No Email");
    }
}
