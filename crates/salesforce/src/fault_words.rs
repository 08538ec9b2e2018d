//! Words for the administrator about Salesforce's codes, where more can be said than the kind of a failure says. Knows nothing of
//! what is done about a failure.

use syncline_model::{connector::Advice, person_account::contact_field};

/// What a code means and what to do about it.
pub(crate) fn advice(code: &str, message: &str) -> Option<Advice> {
    let words = |cause, remedy| Some(Advice { cause, remedy });
    match code {
        "UNABLE_TO_LOCK_ROW" => words("Somebody else is changing the record", "Nothing: it is tried again."),
        "QUERY_TIMEOUT" => words(
            "Salesforce ended a query of Syncline that ran too long",
            "Nothing at first: Syncline asks for shorter spans of time. If it stays so, map fewer formula fields of the object, which \
             make its queries slow.",
        ),
        "ENTITY_IS_LOCKED" => {
            words("The record is locked, as by an approval process", "Unlock the record, or end its approval.")
        }
        "FIELD_CUSTOM_VALIDATION_EXCEPTION" => words(
            "A validation rule of the org refuses the record",
            "Change the record so that it fulfils the rule, or make an exception for the connected user in the rule.",
        ),
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" | "CANNOT_EXECUTE_FLOW_TRIGGER" | "APEX_ERROR" => words(
            "An automation of the org failed on the record",
            "Have the trigger or flow that Salesforce names mended.",
        ),
        "DUPLICATES_DETECTED" => words(
            "A duplicate rule of the org refuses the record",
            "Merge the duplicates, or let the rule allow changes by the connected user.",
        ),
        "CANNOT_UPDATE_CONVERTED_LEAD" => {
            words("The lead was converted", "Map contacts, which the lead has become, instead.")
        }
        "INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_OR_READONLY" | "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" => {
            words(
                "The connected user may not do this",
                "Give the connected user edit access to the object and its records, by permission set and sharing.",
            )
        }
        "INACTIVE_OWNER_OR_USER" => {
            words("The owner of the record is an inactive user", "Give the record to an active user.")
        }
        "REQUIRED_FIELD_MISSING" => {
            words("The org requires a field that would be empty", "Fill the field that Salesforce names.")
        }
        "STRING_TOO_LONG" => words("The text is longer than the field", "Shorten the value, or lengthen the field."),
        "DUPLICATE_VALUE" => words("Another record has this unique value already", "Correct one of the two records."),
        "INVALID_EMAIL_ADDRESS" => words("The value is no e-mail address", "Correct the value."),
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" => words(
            "The value is not in the field's list",
            "Add the value to the picklist, for the record's type too, or take the restriction off.",
        ),
        "NUMBER_OUTSIDE_VALID_RANGE" => {
            words("The number does not fit the field", "Correct the value, or widen the field.")
        }
        "INVALID_FIELD_FOR_INSERT_UPDATE" if refused_fields(message).eq(["Name"]) => words(
            "The account is a person, whose name is made of the first and the last name",
            "Map FirstName and LastName in place of Name.",
        ),
        "INVALID_FIELD_FOR_INSERT_UPDATE" if refused_fields(message).any(|name| contact_field(name).is_some()) => {
            words(
                "The account is a company, which has no such field, or the connected user may not change it",
                "Match accounts by a field of people, such as PersonEmail, or give the connected user access to the field.",
            )
        }
        "STORAGE_LIMIT_EXCEEDED" => words("The org's data storage is full", "Delete data, or buy storage."),
        "API_DISABLED_FOR_ORG" => {
            words("The org's edition has no API", "Buy API access from Salesforce, or use another edition.")
        }
        "API_CURRENTLY_DISABLED" => {
            words("The API is switched off for the moment", "Nothing, if it passes; otherwise ask Salesforce.")
        }
        "REQUEST_LIMIT_EXCEEDED" if message.contains("TotalRequests") => words(
            "The org's API calls for the last 24 hours are used up",
            "Wait until calls of yesterday fall out of the window, or buy more. Changes are kept and follow.",
        ),
        "INVALID_SESSION_ID" => words(
            "Salesforce refuses the session although it was just renewed",
            "Look for IP restrictions, API Access Control and the app's policies that keep the connected user out.",
        ),
        "invalid_grant" => words(
            "Salesforce no longer accepts the connection's grant: it was revoked, replaced or unused for too long",
            "Connect again with Reconnect; nothing is lost meanwhile.",
        ),
        "inactive_user" => {
            words("The connected user is inactive", "Activate the user, or connect again as another with Reconnect.")
        }
        "inactive_org" => words("The org is locked or gone", "Ask Salesforce; then connect again with Reconnect."),
        "invalid_client" | "invalid_client_id" | "invalid_client_credentials" => words(
            "Salesforce does not accept the app's consumer key or secret",
            "Compare both with those of the External Client App; it may need to be installed in the org.",
        ),
        "invalid_app_access" | "OAUTH_APPROVAL_ERROR_GENERIC" => words(
            "The connected user is not approved for the app",
            "Approve the user by permission set or profile in the app's policies.",
        ),
        "redirect_uri_mismatch" => words(
            "The app does not know Syncline's callback URL",
            "Enter the callback URL that Syncline shows in the External Client App, letter for letter.",
        ),
        _ => match code.strip_prefix("sfdc.platform.eventbus.grpc.")? {
            "subscription.limit.exceeded" => words(
                "The org's event deliveries for the last 24 hours are used up",
                "Nothing: Syncline asks for changes at intervals meanwhile. An add-on allows more deliveries.",
            ),
            "concurrent.client.limit.exceeded" => words(
                "Too many clients listen to the org's events",
                "See which other integrations subscribe to change events, and end what nobody needs.",
            ),
            _ => None,
        },
    }
}

/// The fields in `Unable to create/update fields: A, B. Please …` and in `Account: bad field names on insert/update call: A`.
fn refused_fields(message: &str) -> impl Iterator<Item = &str> {
    let named = message.split_once("fields: ").or_else(|| message.split_once("call: "));
    let named = named.and_then(|(_, names)| names.split('.').next());
    named.into_iter().flat_map(|names| names.split(',').map(str::trim))
}
