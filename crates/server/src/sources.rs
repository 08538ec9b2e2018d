//! What outbound lines can come from: what people call it, of which type it is, and which field is made for it. Pure.

use syncline_model::{
    attribute::{AttributeDefinition, DataType, EventDefinition, Scope, display_name},
    custom_field::{WantedField, own_name},
    profile::ProfileKind,
    source::Source,
    summary::QuestionDefinition,
};

use crate::mapping_rules::{Fault, check_name, refuse};

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// As people call it.
    pub(crate) title: String,
    /// Its type, where that is known yet.
    pub(crate) data_type: Option<DataType>,
    /// What the field is named after that is made for it.
    stem: String,
}

impl Described {
    /// The field that is made for it on an object unless another is chosen.
    pub(crate) fn own_field(&self, object: &str, kind: ProfileKind) -> WantedField {
        let data_type = self.data_type.unwrap_or(DataType::String);
        WantedField::new(object, &own_name(kind, &self.stem), &self.title, data_type)
    }
}

/// What an outbound line comes from; `path` leads to its `from`.
pub(crate) fn named<'a>(from: &'a str, path: &str) -> Result<Source<'a>, Fault> {
    let Some(source) = Source::parse(from) else {
        let message = format!(
            "`{from}` is nothing that can be sent: name an attribute, `first_seen_at`, `last_seen_at`, `event.<name>.count`, \
             `event.<name>.first`, `event.<name>.last` or `answer.<question_cvid>`."
        );
        return refuse(path, message);
    };
    match source {
        Source::Attribute(name) => check_name(name, path)?,
        Source::EventCount(name) | Source::EventFirst(name) | Source::EventLast(name) => {
            // Names of events are those of attributes, and may have periods.
            let parts_fit = name.split('.').filter(|part| !part.is_empty()).all(|part| check_name(part, path).is_ok());
            if !parts_fit {
                return refuse(
                    path,
                    format!("`{name}` is no name of an event: letters, digits, `_`, `-`, `.` and spaces."),
                );
            }
        }
        Source::FirstSeen | Source::LastSeen | Source::Answer(_) => {}
    }
    Ok(source)
}

/// What is known of a source of a user or company.
pub(crate) fn describe(
    source: Source<'_>,
    kind: ProfileKind,
    attributes: &[AttributeDefinition],
    questions: &[QuestionDefinition],
) -> Described {
    let attribute = |name: &str| attributes.iter().find(|one| one.scope == Scope::from(kind) && one.name == name);
    let seen = |title: &str, stem: &str| Described {
        title: title.to_owned(),
        data_type: Some(attribute(&source.to_string()).map_or(DataType::DateTime, |one| one.data_type)),
        stem: stem.to_owned(),
    };
    let event = |words: &str, name: &str, part: &str, data_type| Described {
        title: format!("{words}: {}", display_name(name)),
        data_type: Some(data_type),
        stem: format!("{name}_{part}"),
    };
    match source {
        Source::Attribute(name) => Described {
            title: attribute(name).map_or_else(|| display_name(name), |one| one.display_name.clone()),
            data_type: attribute(name).map(|one| one.data_type),
            stem: name.to_owned(),
        },
        Source::FirstSeen => seen("First seen", "first_seen"),
        Source::LastSeen => seen("Last seen", "last_seen"),
        Source::EventCount(name) => event("How often", name, "count", DataType::Number),
        Source::EventFirst(name) => event("First time", name, "first", DataType::DateTime),
        Source::EventLast(name) => event("Last time", name, "last", DataType::DateTime),
        Source::Answer(id) => {
            let known = questions.iter().find(|question| question.id == id);
            let name = known.map_or(id, |question| question.name.as_str());
            Described {
                title: format!("Latest answer: {name}"),
                data_type: known.map(|question| question.data_type),
                stem: name.to_owned(),
            }
        }
    }
}

/// All that can be chosen, as lines name it: attributes, when the profile was seen, events, answers.
pub(crate) fn choices(
    kind: ProfileKind,
    attributes: &[AttributeDefinition],
    events: &[EventDefinition],
    questions: &[QuestionDefinition],
) -> Vec<(String, Described)> {
    let own = attributes.iter().filter(|one| one.scope == Scope::from(kind));
    let mut sources: Vec<Source<'_>> = own.filter_map(|one| Source::parse(&one.name)).collect();
    for seen in [Source::FirstSeen, Source::LastSeen] {
        // An attribute of that name is the same source.
        if !sources.contains(&seen) {
            sources.push(seen);
        }
    }
    let of_event = |name| [Source::EventCount(name), Source::EventFirst(name), Source::EventLast(name)];
    sources.extend(events.iter().flat_map(|event| of_event(event.name.as_str())));
    sources.extend(questions.iter().map(|question| Source::Answer(&question.id)));
    let described = |source: Source<'_>| (source.to_string(), describe(source, kind, attributes, questions));
    sources.into_iter().map(described).collect()
}

#[cfg(test)]
mod tests {
    use syncline_model::{attribute::Origin, clock::from_ms, custom_field::is_own_name};

    use super::*;

    fn attribute(name: &str, scope: Scope, data_type: DataType) -> AttributeDefinition {
        AttributeDefinition {
            scope,
            name: name.into(),
            display_name: display_name(name),
            description: None,
            data_type,
            origin: Origin::Api,
            created_at: from_ms(0),
        }
    }

    #[test]
    fn each_choice_has_a_title_a_type_and_a_field_that_salesforce_takes() {
        let attributes = [
            attribute("plan", Scope::User, DataType::String),
            attribute("last_seen_at", Scope::User, DataType::String),
            attribute("seats", Scope::Company, DataType::Number),
        ];
        let event = |name: &str| EventDefinition {
            name: name.into(),
            display_name: display_name(name),
            description: None,
            created_at: from_ms(0),
        };
        let question = |id: &str, name: &str, data_type| QuestionDefinition {
            id: id.into(),
            name: name.into(),
            data_type,
            created_at: from_ms(0),
        };
        let events = [event("trial_extended"), event("subscription.renewed_by_the_customer")];
        let questions = [
            question("cv1", "How likely are you to recommend us?", DataType::Number),
            question("cv2", "Why", DataType::String),
        ];
        let choices = choices(ProfileKind::User, &attributes, &events, &questions);
        let shown: Vec<_> = choices
            .iter()
            .map(|(from, described)| {
                let field = described.own_field("Contact", ProfileKind::User);
                assert_eq!(is_own_name(&field.name), Ok(true), "{}", field.name);
                (from.as_str(), described.title.as_str(), field.kind.title(), field.name)
            })
            .collect();
        let names: std::collections::BTreeSet<_> = shown.iter().map(|one| &one.3).collect();
        assert_eq!(names.len(), shown.len(), "{shown:?}");
        let long = shown.iter().find(|one| one.0 == "event.subscription.renewed_by_the_customer.count").unwrap();
        assert!(long.3.len() <= "userflow_".len() + 34, "{}", long.3);
        let text = |from: &'static str, title, kind, name: &str| (from, title, kind, name.to_owned());
        let first = [
            text("plan", "Plan", "Text(255)", "userflow_user_plan__c"),
            text("last_seen_at", "Last seen", "Text(255)", "userflow_user_last_seen__c"),
            text("first_seen_at", "First seen", "Date/Time", "userflow_user_first_seen__c"),
            text(
                "event.trial_extended.count",
                "How often: Trial Extended",
                "Number(16, 2)",
                "userflow_user_trial_extended_count__c",
            ),
            text(
                "event.trial_extended.first",
                "First time: Trial Extended",
                "Date/Time",
                "userflow_user_trial_extended_first__c",
            ),
            text(
                "event.trial_extended.last",
                "Last time: Trial Extended",
                "Date/Time",
                "userflow_user_trial_extended_last__c",
            ),
        ];
        assert_eq!(shown[..first.len()], first);
        let last = shown.last().unwrap();
        assert_eq!(last, &text("answer.cv2", "Latest answer: Why", "Text(255)", "userflow_user_why__c"));
    }
}
