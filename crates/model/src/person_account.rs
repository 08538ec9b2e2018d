//! Person accounts: accounts that are people. Each has a contact of its own, and what the contact holds the account shows as fields of
//! its own too. (Object reference, Account, "Person Account Fields".)

/// The object whose records may be people.
pub const ACCOUNT: &str = "Account";
/// The object of the contact that each of them has.
pub const CONTACT: &str = "Contact";
/// Tells accounts that are people from companies; only where the org has person accounts.
pub const IS_PERSON_ACCOUNT: &str = "IsPersonAccount";

/// The field of the contact that a field of an account is another name of: `Email` of `PersonEmail`, `Plan__c` of `Plan__pc`. `None`
/// for a field that companies have as well.
pub fn contact_field(account_field: &str) -> Option<String> {
    if matches!(account_field, "FirstName" | "MiddleName" | "LastName" | "Suffix" | "Salutation") {
        return Some(account_field.to_owned());
    }
    if let Some(name) = account_field.strip_suffix("__pc") {
        return Some(format!("{name}__c"));
    }
    // A field that a customer made for accounts may begin like that; the contact's id is the account's own.
    let standard = account_field.strip_prefix("Person").filter(|rest| !rest.contains("__") && *rest != "ContactId");
    standard.map(str::to_owned)
}

/// Whether of these fields of an object some come from the contacts of person accounts: changes of those are told of only where contacts
/// are selected for change events too. (Change Data Capture guide, "Change Events for Person Accounts".)
pub fn needs_contacts<'f>(object: &str, mut fields: impl Iterator<Item = &'f String>) -> bool {
    object == ACCOUNT && fields.any(|field| contact_field(field).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_people_is_known_by_its_name() {
        for (account, contact) in [
            ("PersonEmail", "Email"),
            ("PersonMailingCity", "MailingCity"),
            ("Plan__pc", "Plan__c"),
            ("ns__Plan__pc", "ns__Plan__c"),
            ("FirstName", "FirstName"),
        ] {
            assert_eq!(contact_field(account).as_deref(), Some(contact), "{account}");
        }
        for of_all in ["Name", "Phone", "Plan__c", "Person__c", "PersonScore__c", "PersonContactId", "IsPersonAccount"]
        {
            assert_eq!(contact_field(of_all), None, "{of_all}");
        }
    }
}
