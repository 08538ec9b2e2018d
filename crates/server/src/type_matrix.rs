//! The type matrix of `docs/mappings.md`, made from what the program does, so that the page stays true.

use syncline_model::{attribute::DataType, convert::attribute_type, schema::FieldType};

use crate::mapping_rules::can_hold;

const PAGE: &str = include_str!("../../../docs/mappings.md");

const FIELD_TYPES: [FieldType; 19] = {
    use FieldType as F;
    [
        F::Id,
        F::Reference,
        F::String,
        F::TextArea,
        F::Picklist,
        F::MultiPicklist,
        F::Email,
        F::Phone,
        F::Url,
        F::Boolean,
        F::Int,
        F::Double,
        F::Currency,
        F::Percent,
        F::Date,
        F::DateTime,
        F::Time,
        F::Address,
        F::Other,
    ]
};

fn normal_form(field_type: FieldType) -> &'static str {
    use FieldType as F;
    match field_type {
        F::Id | F::Reference => "the id's 18-character form",
        F::String => "trimmed; no longer than the field, counted in UTF-16 units",
        F::TextArea => "as `string`; rich text and HTML stay as they are",
        F::Picklist => "trimmed, in the definition's spelling; of a restricted one a value that it has",
        F::MultiPicklist => "a set in sorted order; no item has a `;`",
        F::Email | F::Phone | F::Url => "as `string`; never cut",
        F::Boolean => "no value is false",
        F::Int => "rounded to a whole number, half away from zero",
        F::Double | F::Currency => "rounded to the field's decimals, half away from zero",
        F::Percent => "as `double`; 25 is 25 %",
        F::Date => "the day in UTC, of the years 1700 to 4000; as an attribute its midnight in UTC",
        F::DateTime => "the instant, cut to the second, of the years 1700 to 4000",
        F::Time => "`13:45:00.000Z`",
        F::Address => "only its parts are fields of their own: `MailingCity`, `Location__Latitude__s`",
        F::Other => "not synced",
    }
}

fn row(field_type: FieldType) -> String {
    let word = serde_json::to_value(field_type).unwrap_or_default();
    let from = attribute_type(field_type).map_or("—", DataType::as_str);
    let to: Vec<_> = DataType::ALL.into_iter().filter(|one| can_hold(field_type, *one)).map(DataType::as_str).collect();
    let to = if to.is_empty() { "—".to_owned() } else { to.join(", ") };
    format!("| `{}` | {from} | {to} | {} |", word.as_str().unwrap_or_default(), normal_form(field_type))
}

#[test]
fn the_page_says_what_the_program_does() {
    let rows: Vec<String> = FIELD_TYPES.into_iter().map(row).collect();
    let rows = rows.join("\n");
    assert!(PAGE.contains(&rows), "docs/mappings.md should have these rows:\n{rows}");
}
