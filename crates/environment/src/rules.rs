//! What ids, names and texts may be, and how much of everything one request may hold.

use serde_json::{Map, Value as Json};

use crate::refusal::{Refusal, shortened};

/// Longest id of a user or company, in characters. Ids are UUIDs, database keys or e-mail addresses; the longest e-mail address
/// has 254 characters, and every database can index this.
pub const MAX_ID_LENGTH: usize = 255;

/// Longest name of an attribute or event, in characters. A name is typed in a field of a screen and becomes part of a field
/// name elsewhere; anything longer is a value that was sent in place of a name.
pub const MAX_NAME_LENGTH: usize = 128;

/// Most attributes of one object in one request. Each new name becomes a definition that stays and is offered in every list of
/// attributes, so a client that uses data as names is to be stopped early.
pub const MAX_ATTRIBUTES: usize = 200;

/// Longest text, in bytes. Salesforce's longest text field takes 131,072 characters, but attributes are read with every look
/// at a profile.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Most items of a list in one request, for the same reason.
pub const MAX_LIST_ITEMS: usize = 1_000;

/// Most companies named along with a user. Each is a profile and a membership in the same transaction.
pub const MAX_GROUPS: usize = 100;

/// What a name may be made of.
#[derive(Clone, Copy)]
pub(crate) enum Name {
    /// Letters, digits, underscores, dashes and spaces.
    Attribute,
    /// The same and periods.
    Event,
}

/// The JSON object at `field`, which has no fields but the known ones: a misspelt field that was silently ignored would be
/// data that is silently lost.
pub(crate) fn object<'a>(field: &str, json: &'a Json, known: &[&str]) -> Result<&'a Map<String, Json>, Refusal> {
    let whole = if field.is_empty() { "body" } else { field };
    let Json::Object(map) = json else {
        return Err(Refusal::invalid(whole, "must be an object"));
    };
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(Refusal::invalid(
            within(field, &shortened(key)),
            format!("is no known field; known are {}", known.join(", ")),
        )),
        None => Ok(map),
    }
}

/// The field's value; null is as good as absent.
pub(crate) fn optional<'a>(map: &'a Map<String, Json>, key: &str) -> Option<&'a Json> {
    map.get(key).filter(|value| !value.is_null())
}

/// `groups[0]` and `id` → `groups[0].id`.
pub(crate) fn within(field: &str, key: &str) -> String {
    if field.is_empty() { key.to_owned() } else { format!("{field}.{key}") }
}

/// The id in the field, which must be there.
pub(crate) fn required_id(field: &str, map: &Map<String, Json>, key: &str) -> Result<String, Refusal> {
    match optional(map, key) {
        Some(json) => id(&within(field, key), json),
        None => Err(Refusal::invalid(within(field, key), "is required")),
    }
}

/// An id given as JSON.
pub(crate) fn id(field: &str, json: &Json) -> Result<String, Refusal> {
    match json {
        Json::String(text) => check_id(text).map(|()| text.clone()).map_err(|message| Refusal::invalid(field, message)),
        _ => Err(Refusal::invalid(field, "must be a string")),
    }
}

/// Whether the text can be an id: compared as exact text, so nothing is trimmed, but no store keeps a NUL and nobody
/// means a line break.
pub(crate) fn check_id(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    if text.chars().count() > MAX_ID_LENGTH {
        return Err(format!("is longer than {MAX_ID_LENGTH} characters"));
    }
    Ok(())
}

/// Whether the text can be the name of an attribute or event.
pub(crate) fn check_name(text: &str, name: Name) -> Result<(), String> {
    let allowed = |letter: char| {
        letter.is_ascii_alphanumeric()
            || matches!(letter, '_' | '-' | ' ')
            || (matches!(name, Name::Event) && letter == '.')
    };
    let also = match name {
        Name::Attribute => "underscores, dashes and spaces",
        Name::Event => "underscores, dashes, periods and spaces",
    };
    if text.is_empty() {
        return Err("a name must not be empty".to_owned());
    }
    if !text.chars().all(allowed) {
        return Err(format!("a name is made of the letters a-z and A-Z, digits, {also}"));
    }
    if text.len() > MAX_NAME_LENGTH {
        return Err(format!("a name must not be longer than {MAX_NAME_LENGTH} characters"));
    }
    Ok(())
}

/// Whether the text can be the value of an attribute.
pub(crate) fn check_text(text: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("is longer than {MAX_TEXT_BYTES} bytes"));
    }
    if text.contains('\0') {
        return Err("must not contain the character U+0000".to_owned());
    }
    Ok(())
}
