//! From bodies to writes, and the refusals that name the field.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use syncline_environment::{
    MAX_ATTRIBUTES, MAX_GROUPS, MAX_ID_LENGTH, MAX_NAME_LENGTH, MAX_TEXT_BYTES, Request, Tracked,
};
use syncline_model::{
    Number, Value,
    attribute::{AttributeOperation, DataType, Operator},
    profile::{ProfileKind, ProfileWrite},
};

fn refused_user(body: &Json) -> String {
    Request::user(body).expect_err("the body should be refused").to_string()
}

fn refused_event(body: &Json) -> String {
    Tracked::parse(body).expect_err("the body should be refused").to_string()
}

#[test]
fn a_user_with_memberships_is_written_before_its_companies_and_pruned_last() {
    let body = json!({
        "id": "u1",
        "attributes": { "name": "Ada", "logins": { "add": 1 } },
        "memberships": [{ "attributes": { "role": "owner" }, "group": { "id": "g1", "attributes": { "plan": null } } }],
        "prune_memberships": true,
    });

    let request = Request::user(&body).unwrap();

    let add = AttributeOperation {
        operator: Operator::Add,
        operand: Value::Number(Number::new(1.0).unwrap()),
        data_type: None,
    };
    let operations = |name: &str, value: Value| vec![(name.to_owned(), AttributeOperation::set(value))];
    let mut of_user = operations("name", Value::from("Ada"));
    of_user.push(("logins".to_owned(), add));
    let user_id = || "u1".to_owned();
    let expected = vec![
        ProfileWrite::Upsert { kind: ProfileKind::User, id: user_id(), operations: of_user, seen: true },
        ProfileWrite::Upsert {
            kind: ProfileKind::Company,
            id: "g1".to_owned(),
            operations: operations("plan", Value::Null),
            seen: false,
        },
        ProfileWrite::Join {
            user_id: user_id(),
            company_id: "g1".to_owned(),
            operations: operations("role", Value::from("owner")),
        },
        ProfileWrite::Prune { user_id: user_id(), keep: vec!["g1".to_owned()] },
    ];
    assert_eq!(request.write, expected);
}

#[test]
fn nothing_but_an_id_is_enough() {
    let upsert = |kind| vec![ProfileWrite::Upsert { kind, id: "x".to_owned(), operations: Vec::new(), seen: true }];
    assert_eq!(Request::user(&json!({ "id": "x", "attributes": null })).unwrap().write, upsert(ProfileKind::User));
    assert_eq!(Request::group(&json!({ "id": "x" })).unwrap().write, upsert(ProfileKind::Company));
}

#[test]
fn an_empty_list_of_groups_may_prune_them_all() {
    let request = Request::user(&json!({ "id": "x", "groups": [], "prune_memberships": true })).unwrap();
    let prune = ProfileWrite::Prune { user_id: "x".to_owned(), keep: Vec::new() };
    assert_eq!(request.write.last(), Some(&prune));
}

#[test]
fn refusals_name_the_field_and_what_is_allowed() {
    let with = |attributes: Json| json!({ "id": "x", "attributes": attributes });
    let cases = [
        (json!([]), "body: must be an object"),
        (json!({}), "id: is required"),
        (json!({ "id": 7 }), "id: must be a string"),
        (json!({ "id": "" }), "id: must not be empty"),
        (json!({ "id": "a\u{0}b" }), "id: must not contain control characters"),
        (
            json!({ "id": "x", "attribute": {} }),
            "attribute: is no known field; known are id, attributes, groups, memberships, prune_memberships",
        ),
        (with(json!("blue")), "attributes: must be an object of values by attribute name"),
        (
            with(json!({ "plan.name": "pro" })),
            "attributes.plan.name: a name is made of the letters a-z and A-Z, digits, underscores, dashes and spaces",
        ),
        (with(json!({ "": "pro" })), "attributes.: a name must not be empty"),
        (
            with(json!({ "plan": { "set": "pro", "data_type": "currency" } })),
            "attributes.plan.data_type: `currency` is no attribute type; allowed are string, number, boolean, datetime and list",
        ),
        (
            with(json!({ "plan": { "increment": 1 } })),
            "attributes.plan.increment: is no operation; allowed are set, set_once, add, subtract, append, prepend, remove",
        ),
        (
            with(json!({ "plan": {} })),
            "attributes.plan: must be a value, or an object with one of set, set_once, add, subtract, append, prepend, remove",
        ),
        (
            with(json!({ "plan": { "set": 1, "add": 1 } })),
            "attributes.plan: must be a value, or an object with one of set, set_once, add, subtract, append, prepend, remove",
        ),
        (with(json!({ "plan": { "set": "x", "data_type": "number" } })), "attributes.plan: the text is no number"),
        (with(json!({ "plan": { "add": null } })), "attributes.plan.add: must be a number"),
        (with(json!({ "plan": { "add": "many" } })), "attributes.plan: the text is no number"),
        (
            with(json!({ "plan": { "add": 1, "data_type": "list" } })),
            "attributes.plan: only a number can be added to, and the attribute is a list",
        ),
        (
            with(json!({ "plan": { "set": { "a": 1 } } })),
            "attributes.plan.set: must be a string, number, boolean, null or a list of strings",
        ),
        (with(json!({ "tags": ["a", null] })), "attributes.tags[1]: must be a string, number or boolean"),
        (with(json!({ "tags": ["a\u{0}"] })), "attributes.tags[0]: must not contain the character U+0000"),
        (json!({ "id": "x", "groups": {} }), "groups: must be a list"),
        (json!({ "id": "x", "groups": [{}] }), "groups[0].id: is required"),
        (
            json!({ "id": "x", "groups": [{ "id": "g", "attributes": { "a": { "add": [] , "data_type": 5 } } }] }),
            "groups[0].attributes.a.data_type: must be a string",
        ),
        (json!({ "id": "x", "memberships": [{}] }), "memberships[0].group: is required"),
        (json!({ "id": "x", "memberships": [{ "group": { "id": 1 } }] }), "memberships[0].group.id: must be a string"),
        (
            json!({ "id": "x", "groups": [], "memberships": [] }),
            "memberships: only one of `groups` and `memberships` can be set",
        ),
        (json!({ "id": "x", "prune_memberships": "yes" }), "prune_memberships: must be true or false"),
        (
            json!({ "id": "x", "prune_memberships": true }),
            "prune_memberships: needs `groups` or `memberships`, which say what stays",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(refused_user(&body), expected, "for {body}");
    }
}

#[test]
fn refusals_never_repeat_a_value_and_stay_short() {
    let long = "secret ".repeat(1_000);
    for attributes in
        [json!({ long.as_str(): 1 }), json!({ "a": { long.as_str(): 1 } }), json!({ "a": { "add": long } })]
    {
        let message = refused_user(&json!({ "id": "x", "attributes": attributes }));
        assert!(message.len() < 300, "{message}");
    }
    let message = refused_user(&json!({ "id": "x", "attributes": { "a": { "add": "secret" } } }));
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn each_limit_is_the_last_thing_allowed() {
    let id = |length: usize| json!({ "id": "ä".repeat(length) });
    assert!(Request::user(&id(MAX_ID_LENGTH)).is_ok());
    assert_eq!(refused_user(&id(MAX_ID_LENGTH + 1)), "id: is longer than 255 characters");

    let name = |length: usize| json!({ "id": "x", "attributes": { "n".repeat(length): 1 } });
    assert!(Request::user(&name(MAX_NAME_LENGTH)).is_ok());
    assert!(refused_user(&name(MAX_NAME_LENGTH + 1)).ends_with("a name must not be longer than 128 characters"));

    let text = |length: usize| json!({ "id": "x", "attributes": { "bio": "t".repeat(length) } });
    assert!(Request::user(&text(MAX_TEXT_BYTES)).is_ok());
    assert_eq!(refused_user(&text(MAX_TEXT_BYTES + 1)), "attributes.bio: is longer than 65536 bytes");

    let attributes = |count: usize| {
        let attributes: serde_json::Map<_, _> = (0..count).map(|place| (format!("a{place}"), json!(place))).collect();
        json!({ "id": "x", "attributes": attributes })
    };
    assert!(Request::user(&attributes(MAX_ATTRIBUTES)).is_ok());
    assert_eq!(refused_user(&attributes(MAX_ATTRIBUTES + 1)), "attributes: has more than 200 attributes");

    let groups = |count: usize| {
        let groups: Vec<_> = (0..count).map(|place| json!({ "id": format!("g{place}") })).collect();
        json!({ "id": "x", "groups": groups })
    };
    assert!(Request::user(&groups(MAX_GROUPS)).is_ok());
    assert_eq!(refused_user(&groups(MAX_GROUPS + 1)), "groups: has more than 100 items");
}

#[test]
fn an_event_takes_typed_values_and_leaves_nulls_out() {
    let tracked = Tracked::parse(&json!({
        "name": "subscription.paid",
        "user_id": "u1",
        "time": "2026-01-31T13:00:00.5+01:00",
        "attributes": {
            "amount": { "set": "12.5", "data_type": "number" },
            "first": true,
            "coupon": null,
            "items": ["a", 2],
        },
    }))
    .unwrap();

    assert_eq!(tracked.name, "subscription.paid");
    assert_eq!(tracked.user_id.as_deref(), Some("u1"));
    assert_eq!(tracked.company_id, None);
    assert_eq!(tracked.time, Some("2026-01-31T12:00:00.500Z".parse().unwrap()));
    let expected = [
        ("amount".to_owned(), Value::Number(Number::new(12.5).unwrap())),
        ("first".to_owned(), Value::Boolean(true)),
        ("items".to_owned(), Value::List(vec!["a".to_owned(), "2".to_owned()])),
    ];
    assert_eq!(tracked.attributes, expected.into_iter().collect());
}

#[test]
fn events_are_refused_with_the_field() {
    let cases = [
        (json!({ "user_id": "u" }), "name: is required"),
        (json!({ "name": 5, "user_id": "u" }), "name: must be a string"),
        (
            json!({ "name": "paid!", "user_id": "u" }),
            "name: a name is made of the letters a-z and A-Z, digits, underscores, dashes, periods and spaces",
        ),
        (json!({ "name": "paid" }), "user_id: at least one of `user_id` and `group_id` is required"),
        (json!({ "name": "paid", "group_id": "" }), "group_id: must not be empty"),
        (
            json!({ "name": "paid", "user_id": "u", "time": "yesterday" }),
            "time: `yesterday` is no ISO 8601 date and time with a zone, such as 2026-01-31T12:00:00Z",
        ),
        (
            json!({ "name": "paid", "user_id": "u", "attributes": { "n": { "add": 1 } } }),
            "attributes.n: an event has no earlier value to change; give a value or `set`",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(refused_event(&body), expected, "for {body}");
    }
}

#[test]
fn a_declared_type_is_kept_for_the_definition() {
    let body = json!({ "id": "x", "attributes": { "zip": { "set_once": "01234", "data_type": "string" } } });
    let request = Request::group(&body).unwrap();
    let ProfileWrite::Upsert { operations, .. } = &request.write[0] else { panic!("no upsert") };
    assert_eq!(operations[0].1.implied_type(), Some(DataType::String));
    assert_eq!(operations[0].1.operator, Operator::SetOnce);
}

/// Any JSON at all, but with the words of the API as likely keys, so that the parsing gets somewhere.
fn any_json() -> impl Strategy<Value = Json> {
    let key = prop_oneof![
        "id|attributes|groups|group|memberships|prune_memberships|name|user_id|group_id|time",
        "set|set_once|add|subtract|append|prepend|remove|data_type",
        ".*",
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "string|number|boolean|datetime|list".prop_map(Json::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{0,12}(Z|[+-][0-9]{2}:[0-9]{2})?".prop_map(Json::from),
        ".*".prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A body that is right but for its attributes, so that any JSON reaches the inner parsers too.
fn any_body() -> impl Strategy<Value = Json> {
    prop_oneof![
        any_json(),
        any_json().prop_map(|attributes| json!({ "id": "x", "attributes": attributes })),
        any_json().prop_map(|value| json!({ "id": "x", "attributes": { "a": value } })),
        any_json().prop_map(|groups| json!({ "id": "x", "groups": groups })),
        any_json().prop_map(|group| json!({ "id": "x", "memberships": [{ "group": group }] })),
        any_json().prop_map(|value| json!({ "name": "e", "user_id": "x", "attributes": { "a": value } })),
        any_json().prop_map(|time| json!({ "name": "e", "user_id": "x", "time": time })),
    ]
}

proptest! {
    #[test]
    fn no_json_makes_the_parsers_panic_and_what_they_take_is_in_bounds(body in any_body()) {
        let _ = Request::group(&body);
        if let Ok(tracked) = Tracked::parse(&body) {
            prop_assert!(tracked.attributes.values().all(|value| !value.is_null()));
            prop_assert!(tracked.user_id.is_some() || tracked.company_id.is_some());
        }
        if let Ok(request) = Request::user(&body) {
            prop_assert!(!request.id.is_empty() && !request.id.contains('\0'));
            for step in &request.write {
                let (ProfileWrite::Upsert { operations, .. } | ProfileWrite::Join { operations, .. }) = step else { continue };
                for (name, operation) in operations {
                    prop_assert!(!name.is_empty() && name.is_ascii());
                    if let Some(data_type) = operation.implied_type() {
                        prop_assert!(operation.apply(&Value::Null, data_type).is_ok());
                    }
                }
            }
        }
    }
}
