//! Objects as JSON, in the shapes of Userflow's REST API. Related objects are null unless they are handed over.

use jiff::{Timestamp, tz::Offset};
use serde_json::{Map, Value as Json, json};
use syncline_model::{
    Value, Values,
    attribute::{AttributeDefinition, EventDefinition, Scope},
    profile::{Membership, Profile, ProfileKind},
};

use crate::request::Tracked;

/// `2022-11-29T12:34:56.000+00:00`: the form of every instant in Userflow's API.
pub(crate) fn instant(instant: Timestamp) -> String {
    Offset::UTC.to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()
}

pub(crate) fn attributes(values: &Values) -> Json {
    Json::Object(values.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<Map<_, _>>())
}

fn attribute(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::Number(number) => number.as_i64().map_or_else(|| json!(number.as_f64()), |whole| json!(whole)),
        Value::Text(text) => json!(text),
        Value::DateTime(value) => json!(instant(*value)),
        Value::List(items) => json!(items),
    }
}

/// A user with what it belongs to.
pub(crate) fn user(profile: &Profile, groups: Option<Vec<Json>>, memberships: Option<Vec<Json>>) -> Json {
    json!({
        "id": profile.id,
        "object": "user",
        "attributes": attributes(&profile.attributes),
        "created_at": instant(profile.created_at),
        "groups": groups,
        "memberships": memberships,
    })
}

/// A company with who belongs to it.
pub(crate) fn group(profile: &Profile, users: Option<Vec<Json>>, memberships: Option<Vec<Json>>) -> Json {
    json!({
        "id": profile.id,
        "object": "group",
        "attributes": attributes(&profile.attributes),
        "created_at": instant(profile.created_at),
        "memberships": memberships,
        "users": users,
    })
}

/// A user or company with nothing expanded.
pub(crate) fn profile(profile: &Profile) -> Json {
    match profile.kind {
        ProfileKind::User => user(profile, None, None),
        ProfileKind::Company => group(profile, None, None),
    }
}

/// A membership with its user or company.
pub(crate) fn membership(membership: &Membership, user: Option<Json>, group: Option<Json>) -> Json {
    json!({
        "id": membership_id(&membership.user_id, &membership.company_id),
        "object": "group_membership",
        "attributes": attributes(&membership.attributes),
        "created_at": instant(membership.created_at),
        "group_id": membership.company_id,
        "group": group,
        "user_id": membership.user_id,
        "user": user,
    })
}

/// A membership is known by its user and company, so they make up its id; escaped, because either may hold a colon.
pub(crate) fn membership_id(user_id: &str, company_id: &str) -> String {
    let escaped = |id: &str| id.replace('%', "%25").replace(':', "%3A");
    format!("{}:{}", escaped(user_id), escaped(company_id))
}

/// An event as it was recorded.
pub(crate) fn event(
    id: &str,
    event: &Tracked,
    time: Timestamp,
    created_at: Timestamp,
    user: Option<Json>,
    group: Option<Json>,
) -> Json {
    json!({
        "id": id,
        "object": "event",
        "name": event.name,
        "time": instant(time),
        "created_at": instant(created_at),
        "attributes": attributes(&event.attributes),
        "user_id": event.user_id,
        "user": user,
        "group_id": event.company_id,
        "group": group,
    })
}

/// The word of the API for a scope.
pub(crate) fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::User => "user",
        Scope::Company => "group",
        Scope::Membership => "group_membership",
        Scope::Event => "event",
    }
}

/// A definition is known by scope and name. Names hold no colon.
pub(crate) fn attribute_definition_id(definition: &AttributeDefinition) -> String {
    format!("{}:{}", scope(definition.scope), definition.name)
}

pub(crate) fn attribute_definition(definition: &AttributeDefinition) -> Json {
    json!({
        "id": attribute_definition_id(definition),
        "object": "attribute_definition",
        "name": definition.name,
        "display_name": definition.display_name,
        "description": definition.description,
        "data_type": definition.data_type.as_str(),
        "scope": scope(definition.scope),
        "created_at": instant(definition.created_at),
    })
}

pub(crate) fn event_definition(definition: &EventDefinition) -> Json {
    json!({
        "id": definition.name,
        "object": "event_definition",
        "name": definition.name,
        "display_name": definition.display_name,
        "description": definition.description,
        "created_at": instant(definition.created_at),
    })
}

/// What a deletion answers.
pub(crate) fn deleted(id: &str, object: &str) -> Json {
    json!({ "id": id, "object": object, "deleted": true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_milliseconds_and_a_numeric_zone() {
        for (given, expected) in [
            ("2022-11-29T12:34:56Z", "2022-11-29T12:34:56.000+00:00"),
            ("2022-11-29T12:34:56.0789Z", "2022-11-29T12:34:56.078+00:00"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500+00:00"),
        ] {
            assert_eq!(instant(given.parse().unwrap()), expected);
        }
    }

    #[test]
    fn memberships_of_different_pairs_have_different_ids() {
        let pairs = [("a", "b"), ("a:b", "c"), ("a", "b:c"), ("a%3Ab", "c"), ("a", "b%3Ac"), ("%", ":"), (":", "%")];
        let ids: std::collections::HashSet<_> =
            pairs.iter().map(|(user, company)| membership_id(user, company)).collect();
        assert_eq!(ids.len(), pairs.len());
    }
}
