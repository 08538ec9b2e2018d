//! Checks of one object: whether the connected user gets at it and at its fields, what may refuse a write, and whether the field that
//! records are matched by tells them apart.

use serde_json::{Value as Json, json};
use syncline_model::connector::{ConnectorError, ExaminedObject};

use super::{Report, counted};
use crate::{conversion::IS_CONVERTED, rest::Rest, setup::Api, soql::Identifier};

/// Keys with several records that are counted; beyond it "at least".
const DUPLICATES_COUNTED: usize = 200;
/// Record types whose picklists are asked for; each costs a call.
const RECORD_TYPES_ASKED: usize = 20;
/// Fields that are named in a message; beyond it how many more there are.
const NAMED_MAX: usize = 5;

pub(super) async fn check(rest: &Rest, examined: &ExaminedObject, report: &mut Report) -> Result<(), ConnectorError> {
    let name = examined.object.as_str();
    let object = Identifier::new(name)?;
    let answer = rest.get_json(&format!("/sobjects/{}/describe", object.as_str())).await;
    let described = match answer {
        Err(error) if matches!(error.code.as_str(), "NOT_FOUND" | "INVALID_TYPE") => {
            report.problem(
                "object_access",
                Some(name),
                "The org has no such object that the connected user can see.",
                "Give the user Read on the object by a permission set, or take its mapping out.",
            );
            return Ok(());
        }
        answer => report.answered("object_access", Some(name), answer)?,
    };
    let Some(described) = described else { return Ok(()) };
    object_access(&described, examined, report);
    field_access(&described, examined, report);
    required_fields(&described, examined, report);
    restricted_picklists(rest, &described, examined, report).await?;
    duplicates(rest, &described, examined, report).await?;
    if name == "Account" {
        person_accounts(&described, report);
    }
    Ok(())
}

fn object_access(described: &Json, examined: &ExaminedObject, report: &mut Report) {
    let name = Some(examined.object.as_str());
    if described["queryable"] == json!(false) {
        report.problem("object_access", name, "It can not be queried.", "Map another object.");
    } else if !examined.written.is_empty() && described["updateable"] == json!(false) {
        report.problem(
            "object_access",
            name,
            "The connected user may read it and not change it.",
            "Give the user Edit on the object by a permission set.",
        );
    } else {
        let can = if examined.written.is_empty() { "read" } else { "read and change" };
        report.good("object_access", name, format!("The connected user may {can} it."));
    }
}

fn field_access(described: &Json, examined: &ExaminedObject, report: &mut Report) {
    let name = Some(examined.object.as_str());
    let sources = examined.read.iter().chain([&examined.key_field]);
    let hidden: Vec<_> = sources.filter(|field| field_of(described, field).is_none()).map(String::as_str).collect();
    let is_fixed = |field: &&String| field_of(described, field).is_none_or(|known| known["updateable"] == json!(false));
    let fixed: Vec<_> = examined.written.iter().filter(is_fixed).map(String::as_str).collect();
    if !hidden.is_empty() {
        report.problem(
            "field_access",
            name,
            format!("The connected user can not see {}.", named(&hidden)),
            "Give the user Read Access to the fields by a permission set, or take them out of the mapping.",
        );
    }
    if !fixed.is_empty() {
        report.problem(
            "field_access",
            name,
            format!("The connected user can not change {}.", named(&fixed)),
            "Give the user Edit Access to the fields by a permission set, or take them out of the mapping.",
        );
    }
    if hidden.is_empty() && fixed.is_empty() {
        report.good("field_access", name, "The connected user has access to all mapped fields.");
    }
}

/// Fields that may not be empty: clearing one is refused, and a record in which one is empty takes no change at all.
fn required_fields(described: &Json, examined: &ExaminedObject, report: &mut Report) {
    let name = Some(examined.object.as_str());
    let is_required = |field: &&String| {
        field_of(described, field).is_some_and(|known| known["nillable"] == json!(false) && known["type"] != "boolean")
    };
    let required: Vec<_> = examined.written.iter().filter(is_required).map(String::as_str).collect();
    if required.is_empty() {
        report.good("required_fields", name, "No mapped field is required by the org.");
    } else {
        report.warning(
            "required_fields",
            name,
            format!("{} may not be empty: an attribute without a value becomes a sync issue.", named(&required)),
            "See that the attributes always have a value, or make the fields optional.",
        );
    }
}

/// Restricted picklists, and those of which some record type leaves only part: what is allowed depends on the record then. (User
/// Interface API guide, "Get Values for All Picklist Fields of a Record Type".)
async fn restricted_picklists(
    rest: &Rest,
    described: &Json,
    examined: &ExaminedObject,
    report: &mut Report,
) -> Result<(), ConnectorError> {
    let name = Some(examined.object.as_str());
    let restricted: Vec<&Json> = examined
        .written
        .iter()
        .filter_map(|field| field_of(described, field))
        .filter(|field| field["restrictedPicklist"] == json!(true))
        .collect();
    if restricted.is_empty() {
        report.good("restricted_picklists", name, "No mapped field is a restricted picklist.");
        return Ok(());
    }
    let types: Vec<(&str, &str)> = described["recordTypeInfos"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|of_type| of_type["master"] == json!(false) && of_type["active"] != json!(false))
        .filter_map(|of_type| of_type["recordTypeId"].as_str().zip(of_type["name"].as_str()))
        .take(RECORD_TYPES_ASKED)
        .collect();
    let mut choices = Vec::new();
    for (id, type_name) in types {
        let path = format!("/ui-api/object-info/{}/picklist-values/{id}", examined.object);
        let answer = rest.get_json(&path).await;
        let Some(answer) = report.answered("restricted_picklists", name, answer)? else { return Ok(()) };
        choices.push((type_name, answer));
    }
    for field in restricted {
        let field_name = field["name"].as_str().unwrap_or_default();
        let all = field["picklistValues"].as_array().into_iter().flatten();
        let all = all.filter(|value| value["active"] != json!(false)).count();
        let is_narrow = |(_, of_type): &&(&str, Json)| {
            let values = &of_type["picklistFieldValues"][field_name]["values"];
            values.as_array().is_some_and(|values| values.len() < all)
        };
        let narrow: Vec<&str> = choices.iter().filter(is_narrow).map(|(type_name, _)| *type_name).collect();
        let allowed = format!("Only its {} are taken", counted(all, "value", "values"));
        let (message, remedy) = match narrow.is_empty() {
            true => (
                format!("{allowed}; any other becomes a sync issue."),
                "Add the values that the attribute can have, or do not restrict the picklist.",
            ),
            false => (
                format!("{allowed}, and fewer for records of the type {}.", named(&narrow)),
                "Give these record types the values that the attribute can have.",
            ),
        };
        report.warning("restricted_picklists", Some(&format!("{}.{field_name}", examined.object)), message, remedy);
    }
    Ok(())
}

/// Keys that several records have. (SOQL reference, GROUP BY and HAVING.)
async fn duplicates(
    rest: &Rest,
    described: &Json,
    examined: &ExaminedObject,
    report: &mut Report,
) -> Result<(), ConnectorError> {
    let subject = format!("{}.{}", examined.object, examined.key_field);
    let Some(field) = field_of(described, &examined.key_field) else { return Ok(()) };
    if field["unique"] == json!(true) || examined.key_field.eq_ignore_ascii_case("Id") {
        report.good("duplicates", Some(&subject), "No two records can have the same value.");
        return Ok(());
    }
    if field["groupable"] == json!(false) {
        return Ok(());
    }
    let (object, key) = (Identifier::new(&examined.object)?, Identifier::new(&examined.key_field)?);
    let (object, key) = (object.as_str(), key.as_str());
    let only = field_of(described, IS_CONVERTED).map_or("", |_| " AND IsConverted = false");
    let statement = format!(
        "SELECT {key} FROM {object} WHERE {key} != null{only} GROUP BY {key} HAVING COUNT(Id) > 1 LIMIT {DUPLICATES_COUNTED}"
    );
    let answer = rest.rows(Api::Data, &statement).await;
    let Some(rows) = report.answered("duplicates", Some(&subject), answer)? else { return Ok(()) };
    if rows.is_empty() {
        report.good("duplicates", Some(&subject), "No two records have the same value.");
        return Ok(());
    }
    let at_least = if rows.len() >= DUPLICATES_COUNTED { "At least " } else { "" };
    report.warning(
        "duplicates",
        Some(&subject),
        format!("{at_least}{} by several records.", counted(rows.len(), "value is shared", "values are shared")),
        "Merge the duplicates, or choose in the mapping which record is taken.",
    );
    Ok(())
}

fn person_accounts(described: &Json, report: &mut Report) {
    let message = match field_of(described, "IsPersonAccount") {
        Some(_) => {
            "Person accounts are on: map them as Account, matched by PersonEmail. A mapping of Contact reaches their contacts too."
        }
        None => "Person accounts are not on.",
    };
    report.good("person_accounts", Some("Account"), message);
}

/// A field by its API name, which has no case.
fn field_of<'d>(described: &'d Json, name: &str) -> Option<&'d Json> {
    let fields = described["fields"].as_array().into_iter().flatten();
    fields.into_iter().find(|field| field["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)))
}

/// `A, B and 3 more`.
fn named(names: &[&str]) -> String {
    let shown = &names[..names.len().min(NAMED_MAX)];
    match (shown, names.len() - shown.len()) {
        ([], _) => String::new(),
        ([one], 0) => (*one).to_owned(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_short_in_words() {
        assert_eq!(named(&["A"]), "A");
        assert_eq!(named(&["A", "B", "C"]), "A, B and C");
        assert_eq!(named(&["A", "B", "C", "D", "E", "F", "G"]), "A, B, C, D, E and 2 more");
    }
}
