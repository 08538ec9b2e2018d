//! What happens to a value on its way into a record: types, normal forms and limits.

mod derived;

use serde_json::Value as Json;

use super::error::WriteError;
use super::id;
use super::schema::{FieldSchema, FieldType, PicklistValue};
use super::value::{FieldValue, parse_date, parse_datetime, parse_time};

pub(crate) use derived::{derive, derive_person_name};

/// The stored form of a value that came in JSON, or why it cannot be stored. References are checked for form only.
pub(crate) fn coerce(field: &FieldSchema, input: &Json) -> Result<FieldValue, WriteError> {
    match (field.field_type, input) {
        (FieldType::Boolean, Json::Null) => Err(WriteError::at(
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            &field.name,
            format!("{}: value not of required type: ", field.label),
        )),
        (_, Json::Null) => Ok(FieldValue::Null),
        (FieldType::Boolean, _) => boolean(field, input),
        (FieldType::Int | FieldType::Long | FieldType::Currency | FieldType::Double | FieldType::Percent, _) => {
            decimal(field, input)
        }
        (_, Json::String(text)) => from_text(field, text),
        // Salesforce's reader takes any scalar for text, and refuses lists and objects.
        (FieldType::Date | FieldType::DateTime | FieldType::Time | FieldType::Reference | FieldType::Id, _) => {
            Err(not_deserializable(field, input))
        }
        (_, Json::Number(number)) => from_text(field, &number.to_string()),
        (_, Json::Bool(value)) => from_text(field, if *value { "true" } else { "false" }),
        (..) => Err(not_deserializable(field, input)),
    }
}

fn from_text(field: &FieldSchema, input: &str) -> Result<FieldValue, WriteError> {
    let text = input.trim();
    if text.is_empty() {
        return Ok(FieldValue::Null);
    }
    let unreadable = || not_deserializable(field, &Json::String(input.to_owned()));
    match field.field_type {
        FieldType::Date => {
            let day = text.get(..10).filter(|_| text.len() == 10 || parse_datetime(text).is_some());
            day.and_then(parse_date).map(FieldValue::Date).ok_or_else(unreadable)
        }
        FieldType::DateTime => {
            let midnight = || parse_date(text).map(|days| i64::from(days) * 86_400_000);
            parse_datetime(text).or_else(midnight).map(FieldValue::DateTime).ok_or_else(unreadable)
        }
        FieldType::Time => parse_time(text).map(FieldValue::Time).ok_or_else(unreadable),
        FieldType::Reference | FieldType::Id => {
            let message = || format!("{}: id value of incorrect type: {text}", field.label);
            let id = id::normalize(text).ok_or_else(|| WriteError::at("MALFORMED_ID", &field.name, message()))?;
            Ok(FieldValue::Text(id.into()))
        }
        FieldType::Email if !is_email(text) => Err(WriteError::at(
            "INVALID_EMAIL_ADDRESS",
            &field.name,
            format!("{}: invalid email address: {text}", field.label),
        )),
        FieldType::Picklist | FieldType::MultiPicklist => choice(field, text),
        _ => bounded(field, text),
    }
}

fn bounded(field: &FieldSchema, text: &str) -> Result<FieldValue, WriteError> {
    if field.length > 0 && length_of(text) > field.length as usize {
        let shown: String = text.chars().take(255).collect();
        return Err(WriteError::at(
            "STRING_TOO_LONG",
            &field.name,
            format!("{}: data value too large: {shown} (max length={})", field.label, field.length),
        ));
    }
    Ok(FieldValue::Text(text.into()))
}

/// The length of a text as Apex and the database count it, in UTF-16 units: most emoji have two.
pub(crate) fn length_of(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn choice(field: &FieldSchema, text: &str) -> Result<FieldValue, WriteError> {
    if field.field_type == FieldType::Picklist {
        return bounded(field, one_choice(field, text)?.1);
    }
    // The values of a multi-select picklist stand in the order of its definition, each once.
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    let mut chosen = parts.map(|part| one_choice(field, part)).collect::<Result<Vec<_>, _>>()?;
    chosen.sort_by_key(|(at, _)| *at);
    let mut texts: Vec<&str> = Vec::with_capacity(chosen.len());
    for (_, choice) in chosen {
        if !texts.contains(&choice) {
            texts.push(choice);
        }
    }
    match texts.as_slice() {
        [] => Ok(FieldValue::Null),
        texts => bounded(field, &texts.join(";")),
    }
}

/// The choice that a text means, with its position; the text itself, last, where any is accepted.
fn one_choice<'a>(field: &'a FieldSchema, text: &'a str) -> Result<(usize, &'a str), WriteError> {
    let is_meant = |choice: &PicklistValue| {
        choice.value.eq_ignore_ascii_case(text) && (choice.active || !field.restricted_picklist)
    };
    match field.picklist_values.iter().position(is_meant) {
        Some(at) => Ok((at, field.picklist_values[at].value.as_str())),
        None if field.restricted_picklist => Err(bad_choice(field, text)),
        None => Ok((usize::MAX, text)),
    }
}

/// A value that a restricted picklist does not have, or that the record's type does not allow.
pub(crate) fn bad_choice(field: &FieldSchema, text: &str) -> WriteError {
    WriteError::at(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        &field.name,
        format!("{}: bad value for restricted picklist field: {text}", field.label),
    )
}

fn boolean(field: &FieldSchema, input: &Json) -> Result<FieldValue, WriteError> {
    match input {
        Json::Bool(value) => Ok(FieldValue::Boolean(*value)),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Ok(FieldValue::Boolean(true)),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Ok(FieldValue::Boolean(false)),
        _ => Err(not_deserializable(field, input)),
    }
}

fn decimal(field: &FieldSchema, input: &Json) -> Result<FieldValue, WriteError> {
    let number = match input {
        Json::Number(number) => number.as_f64(),
        Json::String(text) if text.trim().is_empty() => return Ok(FieldValue::Null),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.filter(|number: &f64| number.is_finite()).ok_or_else(|| not_deserializable(field, input))?;
    let out_of_range = || {
        WriteError::at(
            "NUMBER_OUTSIDE_VALID_RANGE",
            &field.name,
            format!("{}: value outside of valid range on numeric field: {number}", field.label),
        )
    };
    if field.field_type == FieldType::Long {
        return Ok(FieldValue::Integer(number.round() as i64));
    }
    if field.field_type == FieldType::Int {
        let rounded = number.round();
        let fits = rounded >= f64::from(i32::MIN) && rounded <= f64::from(i32::MAX);
        return if fits { Ok(FieldValue::Integer(rounded as i64)) } else { Err(out_of_range()) };
    }
    let rounded = round_to_scale(number, field.scale);
    let degrees_max = match field.compound.as_ref().map(|part| part.name) {
        Some("Latitude") => Some(90.0),
        Some("Longitude") => Some(180.0),
        _ => None,
    };
    if degrees_max.is_some_and(|max| rounded.abs() > max) {
        return Err(out_of_range());
    }
    let whole_digits = i32::from(field.precision.saturating_sub(field.scale));
    if rounded.abs() >= 10f64.powi(whole_digits) { Err(out_of_range()) } else { Ok(FieldValue::Number(rounded)) }
}

/// Half away from zero, on the decimal form, so that 1.005 with scale 2 becomes 1.01 as a person expects.
pub(crate) fn round_to_scale(number: f64, scale: u8) -> f64 {
    let scale = usize::from(scale);
    // The shortest decimal that means this number; never with an exponent.
    let shown = number.abs().to_string();
    let Some(point) = shown.find('.').filter(|point| shown.len() - point - 1 > scale) else {
        return number + 0.0;
    };
    let kept = shown[..point + 1 + scale].trim_end_matches('.');
    let is_up = shown.as_bytes()[point + 1 + scale] >= b'5';
    let mut sum = Vec::with_capacity(kept.len() + 1);
    let mut carry = is_up;
    for byte in kept.bytes().rev() {
        sum.push(match byte {
            b'.' => b'.',
            b'9' if carry => b'0',
            digit if carry => {
                carry = false;
                digit + 1
            }
            digit => digit,
        });
    }
    if carry {
        sum.push(b'1');
    }
    sum.reverse();
    let rounded: f64 = String::from_utf8(sum).ok().and_then(|text| text.parse().ok()).unwrap_or(number.abs());
    // No negative zero: it would differ from zero in JSON and in comparisons of text.
    if rounded == 0.0 { 0.0 } else { rounded.copysign(number) }
}

pub(crate) fn not_deserializable(field: &FieldSchema, input: &Json) -> WriteError {
    let (token, shown) = match input {
        Json::String(text) => ("VALUE_STRING", text.clone()),
        Json::Bool(value) => (if *value { "VALUE_TRUE" } else { "VALUE_FALSE" }, value.to_string()),
        Json::Number(number) if number.is_f64() => ("VALUE_NUMBER_FLOAT", number.to_string()),
        Json::Number(number) => ("VALUE_NUMBER_INT", number.to_string()),
        Json::Array(_) => ("START_ARRAY", "[".to_owned()),
        Json::Object(_) => ("START_OBJECT", "{".to_owned()),
        Json::Null => ("VALUE_NULL", "null".to_owned()),
    };
    let wanted = field.field_type.as_str();
    WriteError::new(
        "JSON_PARSER_ERROR",
        format!(
            "Cannot deserialize instance of {wanted} from {token} value {shown} or request may be missing a required field"
        ),
    )
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_allowed = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let label_allowed = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(local_allowed)
        && domain.contains('.')
        && domain.split('.').all(label_allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_rounded_to_their_scale() {
        for (number, scale, expected) in [
            (1.005, 2, 1.01),
            (2.5, 0, 3.0),
            (-2.5, 0, -3.0),
            (0.1 + 0.2, 2, 0.3),
            (-0.001, 2, 0.0),
            (12_345_678.915, 2, 12_345_678.92),
            (999.995, 2, 1000.0),
            (6.44, 15, 6.44),
            (-0.0, 2, 0.0),
        ] {
            assert_eq!(round_to_scale(number, scale), expected, "{number}");
            assert_eq!(round_to_scale(expected, scale), expected, "{number} twice");
        }
    }

    #[test]
    fn blanks_around_text_go_and_nothing_is_null() {
        let field = FieldSchema::text("Title", "Title", 5);
        assert_eq!(coerce(&field, &json!("  abc \n")), Ok(FieldValue::text("abc")));
        assert_eq!(coerce(&field, &json!("   ")), Ok(FieldValue::Null));
        assert_eq!(coerce(&field, &json!("  abcde  ")), Ok(FieldValue::text("abcde")));
        assert_eq!(coerce(&field, &json!("abcdef")).unwrap_err().code, "STRING_TOO_LONG");
        assert_eq!(coerce(&field, &json!("🙂🙂é")), Ok(FieldValue::text("🙂🙂é")));
        assert_eq!(coerce(&field, &json!("🙂🙂🙂")).unwrap_err().code, "STRING_TOO_LONG", "six units");
        assert_eq!(coerce(&field, &json!(5)), Ok(FieldValue::text("5")));
        assert_eq!(coerce(&field, &json!(true)), Ok(FieldValue::text("true")));
        for no_scalar in [json!([]), json!({ "a": 1 })] {
            assert_eq!(coerce(&field, &no_scalar).unwrap_err().code, "JSON_PARSER_ERROR");
        }
    }

    #[test]
    fn email_addresses_are_checked_for_form() {
        for good in ["a@b.co", "first.last+tag@sub.example.com", "o'brien@example.ie"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "a", "a@b", "@b.co", "a@.co", "a b@c.de", "a@b..co", "a@-b.co", ".a@b.co"] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn several_choices_stand_in_the_order_of_the_definition_each_once() {
        let mut field = FieldSchema::picklist("Colours__c", "Colours", &["Red", "Green", "Blue"]);
        field.field_type = FieldType::MultiPicklist;
        assert_eq!(coerce(&field, &json!(" blue;Red ;;BLUE; Odd")), Ok(FieldValue::text("Red;Blue;Odd")));
        assert_eq!(coerce(&field, &json!(" ; ")), Ok(FieldValue::Null));
        let mut field = field.restricted();
        assert_eq!(
            coerce(&field, &json!("Red;Odd")).unwrap_err().message,
            "Colours: bad value for restricted picklist field: Odd"
        );
        field.picklist_values[0].active = false;
        assert!(coerce(&field, &json!("Red")).is_err(), "no longer a choice");
    }

    #[test]
    fn a_restricted_picklist_refuses_and_a_free_one_accepts() {
        let free = FieldSchema::picklist("Rating", "Rating", &["Hot", "Cold"]);
        assert_eq!(coerce(&free, &json!("hot")), Ok(FieldValue::text("Hot")));
        assert_eq!(coerce(&free, &json!("Tepid")), Ok(FieldValue::text("Tepid")));
        let error = coerce(&free.restricted(), &json!("Tepid")).unwrap_err();
        assert_eq!(error.code, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
        assert_eq!(error.message, "Rating: bad value for restricted picklist field: Tepid");
    }
}
