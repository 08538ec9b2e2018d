//! What makes a mapping acceptable. Pure: everything that is known of the org and of the other mappings is passed in, so the
//! screens, the mappings file and the demo are refused in the same words.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use syncline_model::{
    attribute::{AttributeDefinition, DataType, Origin, Scope},
    convert,
    custom_field::{WantedField, is_own_name},
    id::MappingId,
    mapping::{FieldMapping, MappingDefinition, ObjectMapping},
    path::{FieldPath, PathError},
    profile::ProfileKind,
    schema::{FieldSchema, FieldType, ListedObject, ObjectSchema},
    summary::QuestionDefinition,
};

#[cfg(test)]
mod fights;

use crate::{
    line_rules::{as_made, check_inbound, check_outbound, given_type},
    sources::{describe, named},
};

/// Most lines of one direction; Salesforce takes no more than about 500 fields in one query of this kind.
const LINES_MAX: usize = 200;

/// Most objects that are named where one is not known.
const OBJECTS_NAMED: usize = 12;

/// Longest code name of an attribute.
const NAME_CHARS_MAX: usize = 100;

/// Why a mapping is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Path of the value that is wrong, such as `match.salesforce` or `inbound[2].from`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// What is known around a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The connection's mappings, maybe with an older version of the one that is judged.
    pub mappings: &'a [ObjectMapping],
    /// Which of them is judged, if it exists already.
    pub judged: Option<MappingId>,
    /// The objects that can be mapped.
    pub objects: &'a [ListedObject],
    /// What the org said of its objects, those that [`undescribed`] names included.
    pub schemas: &'a [ObjectSchema],
    /// The environment's attributes.
    pub attributes: &'a [AttributeDefinition],
    /// The questions that were answered.
    pub questions: &'a [QuestionDefinition],
    /// The present time.
    pub now: Timestamp,
}

/// An acceptable mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The mapping, with objects and fields in the org's own spelling.
    pub definition: MappingDefinition,
    /// The attributes that it feeds, as they are or are to be made.
    pub targets: Vec<AttributeDefinition>,
    /// The Salesforce fields that it writes to and that are to be made.
    pub fields: Vec<WantedField>,
}

pub(crate) fn refuse<T>(field: impl Into<String>, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { field: field.into(), message: message.into() })
}

fn listed<'a>(object: &str, objects: &'a [ListedObject]) -> Option<&'a ListedObject> {
    objects.iter().find(|listed| listed.name.eq_ignore_ascii_case(object.trim()))
}

/// Objects that must be described before more can be said of a mapping. Once they are, there may be others, that its paths lead on to.
pub fn undescribed(
    definition: &MappingDefinition,
    objects: &[ListedObject],
    schemas: &[ObjectSchema],
) -> BTreeSet<String> {
    // What is not listed is refused without being described.
    let Some(object) = listed(&definition.salesforce, objects) else { return BTreeSet::new() };
    let schema = |name: &str| schemas.iter().find(|schema| schema.name == name);
    let Some(mapped) = schema(&object.name) else { return BTreeSet::from([object.name.clone()]) };
    let missing = |line: &FieldMapping| match FieldPath::resolve(&line.from, mapped, &schema) {
        Err(PathError::NotDescribed(objects)) => objects,
        _ => Vec::new(),
    };
    definition.inbound.iter().flat_map(missing).collect()
}

/// Judges a mapping.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn judge(definition: &MappingDefinition, around: Surroundings<'_>) -> Result<Accepted, Fault> {
    let mut definition = definition.clone();
    let object = definition.salesforce.trim();
    let Some(listed) = listed(object, around.objects) else {
        let known: Vec<_> = around.objects.iter().take(OBJECTS_NAMED).map(|object| object.name.as_str()).collect();
        let others = around.objects.len().saturating_sub(known.len());
        let more = if others == 0 { String::new() } else { format!(" and {others} more") };
        let message = format!(
            "`{object}` is no object that can be synced, or the connected user can not change its records; there are {}{more}.",
            known.join(", ")
        );
        return refuse("salesforce", message);
    };
    let Some(schema) = around.schemas.iter().find(|schema| schema.name == listed.name) else {
        return refuse("salesforce", format!("{}.", PathError::NotDescribed(vec![listed.name.clone()])));
    };
    definition.salesforce.clone_from(&schema.name);
    judge_match(&mut definition, schema, around)?;
    let targets = judge_inbound(&mut definition, schema, around)?;
    let fields = judge_outbound(&mut definition, schema, around)?;
    judge_loops(&definition, around)?;
    Ok(Accepted { definition, targets, fields })
}

fn judge_match(
    definition: &mut MappingDefinition,
    schema: &ObjectSchema,
    around: Surroundings<'_>,
) -> Result<(), Fault> {
    let kind = definition.userflow;
    let rule = &mut definition.match_rule;
    let field = field_of(schema, &rule.salesforce, "match.salesforce")?;
    if !can_be_key(field.field_type) {
        let message = format!("{} can not be matched by: choose a field of text, e-mail, id or number.", field.label);
        return refuse("match.salesforce", message);
    }
    rule.salesforce.clone_from(&field.name);
    match (rule.userflow.as_str(), kind) {
        ("user_id", ProfileKind::User) | ("company_id", ProfileKind::Company) => return Ok(()),
        ("user_id", ProfileKind::Company) => {
            return refuse("match.userflow", "A company has no user id; choose `company_id` or an attribute.");
        }
        ("company_id", ProfileKind::User) => {
            return refuse("match.userflow", "A user has no company id; choose `user_id`, `email` or an attribute.");
        }
        _ => {}
    }
    check_name(&rule.userflow, "match.userflow")?;
    match attribute(around, kind, &rule.userflow).map(|one| one.data_type) {
        None | Some(DataType::String | DataType::Number) => Ok(()),
        Some(other) => {
            let message = format!("`{}` is a {other}; only text and numbers can be matched by.", rule.userflow);
            refuse("match.userflow", message)
        }
    }
}

fn judge_inbound(
    definition: &mut MappingDefinition,
    schema: &ObjectSchema,
    around: Surroundings<'_>,
) -> Result<Vec<AttributeDefinition>, Fault> {
    check_count(&definition.inbound, "inbound")?;
    let kind = definition.userflow;
    let key = definition.match_rule.userflow.clone();
    let mut targets = Vec::<AttributeDefinition>::new();
    for (index, line) in definition.inbound.iter_mut().enumerate() {
        let (from, to) = (format!("inbound[{index}].from"), format!("inbound[{index}].to"));
        let source = path_of(schema, &line.from, around, &from)?;
        let Some(data_type) = convert::attribute_type(source.field.field_type) else {
            return refuse(from, format!("{} is of a type that can not be synced.", source.label));
        };
        line.from.clone_from(&source.name);
        check_name(&line.to, &to)?;
        if line.to == key {
            return refuse(to, format!("`{key}` is what profiles are matched by, so it can not be overwritten."));
        }
        if targets.iter().any(|target| target.name == line.to) {
            return refuse(to, format!("`{}` is fed by two lines; leave one of them out.", line.to));
        }
        let existing = attribute(around, kind, &line.to);
        let given = given_type(line, data_type);
        let unfit = |existing: &&AttributeDefinition| {
            existing.data_type != given && (line.values.is_empty() || given == DataType::List)
        };
        if let Some(existing) = existing.filter(unfit) {
            let message = format!(
                "`{}` is a {} and {} gives a {given}; choose another attribute or a new name.",
                line.to, existing.data_type, source.label
            );
            return refuse(to, message);
        }
        let target = existing.map_or(given, |existing| existing.data_type);
        check_inbound(line, &format!("inbound[{index}]"), data_type, target)?;
        targets.push(existing.cloned().unwrap_or_else(|| AttributeDefinition {
            scope: Scope::from(kind),
            name: line.to.clone(),
            display_name: source.label,
            description: None,
            data_type: given,
            origin: Origin::Salesforce,
            created_at: around.now,
        }));
    }
    Ok(targets)
}

fn judge_outbound(
    definition: &mut MappingDefinition,
    schema: &ObjectSchema,
    around: Surroundings<'_>,
) -> Result<Vec<WantedField>, Fault> {
    check_count(&definition.outbound, "outbound")?;
    let kind = definition.userflow;
    let mut targets = BTreeSet::new();
    let mut wanted = Vec::new();
    for (index, line) in definition.outbound.iter_mut().enumerate() {
        let (from, to) = (format!("outbound[{index}].from"), format!("outbound[{index}].to"));
        let source = describe(named(&line.from, &from)?, kind, around.attributes, around.questions);
        let source_type = source.data_type.unwrap_or(DataType::String);
        let path = format!("outbound[{index}]");
        line.to = line.to.trim().to_owned();
        if schema.field(&line.to).is_none() && is_own_name(&line.to).or_else(|words| refuse(&to, words))? {
            let field = WantedField::new(&schema.name, &line.to, &source.title, given_type(line, source_type));
            check_outbound(line, &path, source_type, &as_made(&field))?;
            wanted.push(field);
            if is_fed_elsewhere(&definition.salesforce, &line.to, around) || !targets.insert(line.to.clone()) {
                return refuse(to, format!("{} is fed by two lines; leave one of them out.", line.to));
            }
            continue;
        }
        let field = field_of(schema, &line.to, &to)?;
        line.to.clone_from(&field.name);
        if field.name == definition.match_rule.salesforce {
            return refuse(
                to,
                format!("{} is what records are matched by, so it can not be overwritten.", field.label),
            );
        }
        if !field.updateable {
            let message = format!("{} can not be changed by the connected user; choose another field.", field.label);
            return refuse(to, message);
        }
        let given = source.data_type.map(|data_type| given_type(line, data_type));
        if given.is_some_and(|data_type| !can_hold(field.field_type, data_type)) {
            let message = format!("{} can not hold `{}`: the types do not fit.", field.label, line.from);
            return refuse(to, message);
        }
        check_outbound(line, &path, source_type, field)?;
        if is_fed_elsewhere(&definition.salesforce, &field.name, around) || !targets.insert(field.name.clone()) {
            return refuse(to, format!("{} is fed by two lines; leave one of them out.", field.label));
        }
    }
    Ok(wanted)
}

fn is_fed_elsewhere(object: &str, field: &str, around: Surroundings<'_>) -> bool {
    let is_target = |line: &FieldMapping| line.to.eq_ignore_ascii_case(field);
    others(around).any(|other| other.salesforce == object && other.outbound.iter().any(is_target))
}

/// A place that values flow from and to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Field(String, String),
    Attribute(ProfileKind, String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Field(object, field) => write!(f, "{object}.{field}"),
            Self::Attribute(kind, name) => write!(f, "{kind} {name}"),
        }
    }
}

fn judge_loops(definition: &MappingDefinition, around: Surroundings<'_>) -> Result<(), Fault> {
    let mut flows = BTreeMap::<Place, BTreeSet<Place>>::new();
    for mapping in others(around).chain([definition]) {
        for (_, from, to) in flows_of(mapping, around) {
            flows.entry(from).or_default().insert(to);
        }
    }
    for (line, from, to) in flows_of(definition, around) {
        if let Some(mut way) = way(&flows, &to, &from) {
            way.push(to);
            let way: Vec<_> = way.iter().rev().map(Place::to_string).collect();
            return refuse(line, format!("This would close a loop: {from} → {}.", way.join(" → ")));
        }
    }
    Ok(())
}

fn flows_of(mapping: &MappingDefinition, around: Surroundings<'_>) -> Vec<(String, Place, Place)> {
    let field = |name: &str| Place::Field(mapping.salesforce.clone(), name.to_owned());
    let attribute = |name: &str| Place::Attribute(mapping.userflow, name.to_owned());
    // A field of an associated record is that object's own, whichever way it is come to.
    let sources = |from: &str| match resolve(&mapping.salesforce, from, around).map(|path| (path.steps, path.field)) {
        Some((steps, end)) if !steps.is_empty() => {
            let last = steps.into_iter().next_back().map(|step| step.objects).unwrap_or_default();
            last.into_iter().map(|target| Place::Field(target.object, end.name.clone())).collect()
        }
        _ => vec![field(from)],
    };
    let inbound = mapping.inbound.iter().enumerate().flat_map(|(at, line)| {
        let flow = move |source| (format!("inbound[{at}].to"), source, attribute(&line.to));
        sources(&line.from).into_iter().map(flow)
    });
    let outbound = mapping.outbound.iter().enumerate();
    let outbound = outbound.map(|(at, line)| (format!("outbound[{at}].to"), attribute(&line.from), field(&line.to)));
    inbound.chain(outbound).collect()
}

/// A way from one place to another, without its start, in reverse.
fn way(flows: &BTreeMap<Place, BTreeSet<Place>>, start: &Place, goal: &Place) -> Option<Vec<Place>> {
    let mut came_from = BTreeMap::<&Place, &Place>::new();
    let mut open = vec![start];
    while let Some(place) = open.pop() {
        for next in flows.get(place).into_iter().flatten() {
            if next != start && !came_from.contains_key(next) {
                came_from.insert(next, place);
                open.push(next);
            }
        }
    }
    let mut steps = Vec::new();
    let mut place = came_from.contains_key(goal).then_some(goal)?;
    while place != start {
        steps.push(place.clone());
        place = came_from.get(place)?;
    }
    Some(steps)
}

fn others<'a>(around: Surroundings<'a>) -> impl Iterator<Item = &'a MappingDefinition> {
    let others = around.mappings.iter().filter(move |mapping| Some(mapping.id) != around.judged);
    others.map(|mapping| &mapping.definition)
}

fn attribute<'a>(around: Surroundings<'a>, kind: ProfileKind, name: &str) -> Option<&'a AttributeDefinition> {
    around.attributes.iter().find(|one| one.scope == Scope::from(kind) && one.name == name)
}

fn resolve(object: &str, path: &str, around: Surroundings<'_>) -> Option<FieldPath> {
    let schema = |name: &str| around.schemas.iter().find(|schema| schema.name == name);
    FieldPath::resolve(path, schema(object)?, &schema).ok()
}

/// What the source of an inbound line is.
fn path_of(schema: &ObjectSchema, path: &str, around: Surroundings<'_>, place: &str) -> Result<FieldPath, Fault> {
    let known = |name: &str| around.schemas.iter().find(|schema| schema.name == name);
    FieldPath::resolve(path, schema, &known).or_else(|error| refuse(place, format!("{error}.")))
}

fn field_of<'a>(schema: &'a ObjectSchema, name: &str, path: &str) -> Result<&'a FieldSchema, Fault> {
    if name.contains('.') {
        let message = format!(
            "`{name}` is a field of an associated record, which can only be read; choose a field of {} itself.",
            schema.label
        );
        return refuse(path, message);
    }
    let missing = || Fault {
        field: path.to_owned(),
        message: format!("{} has no field `{name}`, or the connected user can not see it.", schema.label),
    };
    schema.field(name.trim()).ok_or_else(missing)
}

fn check_count(lines: &[FieldMapping], path: &str) -> Result<(), Fault> {
    if lines.len() > LINES_MAX {
        return refuse(path, format!("There are {} lines; at most {LINES_MAX} are allowed.", lines.len()));
    }
    Ok(())
}

pub(crate) fn check_name(name: &str, path: &str) -> Result<(), Fault> {
    if matches!(name, "user_id" | "company_id") {
        return refuse(path, format!("`{name}` is no attribute and can only be matched by."));
    }
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | ' ');
    let fits = !name.is_empty() && name.trim() == name && name.chars().all(allowed) && name.len() <= NAME_CHARS_MAX;
    if fits {
        return Ok(());
    }
    let message = format!(
        "`{name}` is no name of an attribute: up to {NAME_CHARS_MAX} letters, digits, `_`, `-` and spaces between."
    );
    refuse(path, message)
}

/// Whether records can be looked up by a field of that type, and profiles compared with it.
fn can_be_key(field_type: FieldType) -> bool {
    use FieldType as F;
    matches!(
        field_type,
        F::Id | F::Reference | F::String | F::Picklist | F::Email | F::Phone | F::Url | F::Int | F::Double
    )
}

/// Whether values of that type have a form in the field; single values may still not fit.
pub(crate) fn can_hold(field_type: FieldType, data_type: DataType) -> bool {
    use FieldType as F;
    match field_type {
        F::Boolean => matches!(data_type, DataType::Boolean | DataType::String),
        F::Int | F::Double | F::Currency | F::Percent => matches!(data_type, DataType::Number | DataType::String),
        F::Date | F::DateTime => matches!(data_type, DataType::DateTime | DataType::String),
        F::Id | F::Address | F::Other => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use syncline_model::{
        clock::from_ms,
        mapping::{Empty, MatchRule},
    };

    use super::*;

    fn field(name: &str, field_type: FieldType, updateable: bool) -> FieldSchema {
        FieldSchema {
            name: name.into(),
            label: name.replace('_', " "),
            field_type,
            length: None,
            scale: None,
            updateable,
            nillable: true,
            custom: name.ends_with("__c"),
            calculated: false,
            restricted_to: Vec::new(),
            reference_to: Vec::new(),
            relationship: None,
        }
    }

    fn contact() -> ObjectSchema {
        let fields = vec![
            field("Email", FieldType::Email, true),
            FieldSchema { length: Some(128), ..field("Title", FieldType::String, true) },
            field("Description", FieldType::TextArea, true),
            field("MailingAddress", FieldType::Address, false),
            field("CreatedDate", FieldType::DateTime, false),
            field("Plan__c", FieldType::String, true),
            field("Opted_Out__c", FieldType::Boolean, true),
            lookup("AccountId", "Account ID", "Account", "Account"),
        ];
        ObjectSchema { name: "Contact".into(), label: "Contact".into(), key_prefix: None, fields }
    }

    fn lookup(name: &str, label: &str, relationship: &str, to: &str) -> FieldSchema {
        FieldSchema {
            label: label.into(),
            relationship: Some(relationship.into()),
            reference_to: vec![to.into()],
            ..field(name, FieldType::Reference, true)
        }
    }

    fn account() -> ObjectSchema {
        let fields = vec![
            field("Industry", FieldType::Picklist, true),
            field("Website", FieldType::Url, true),
            lookup("ParentId", "Parent Account ID", "Parent", "Account"),
        ];
        ObjectSchema { name: "Account".into(), label: "Account".into(), key_prefix: None, fields }
    }

    fn attribute_of(name: &str, data_type: DataType) -> AttributeDefinition {
        AttributeDefinition {
            scope: Scope::User,
            name: name.into(),
            display_name: name.into(),
            description: None,
            data_type,
            origin: Origin::Api,
            created_at: from_ms(0),
        }
    }

    fn lines(pairs: &[(&str, &str)]) -> Vec<FieldMapping> {
        pairs.iter().map(|(from, to)| FieldMapping::new(*from, *to)).collect()
    }

    fn mapping(inbound: &[(&str, &str)], outbound: &[(&str, &str)]) -> MappingDefinition {
        MappingDefinition {
            salesforce: "Contact".into(),
            userflow: ProfileKind::User,
            match_rule: MatchRule { salesforce: "Email".into(), userflow: "email".into() },
            duplicates: Default::default(),
            on_unlink: Default::default(),
            stream_events: false,
            events: Vec::new(),
            inbound: lines(inbound),
            outbound: lines(outbound),
        }
    }

    fn judge_alone(definition: &MappingDefinition) -> Result<Accepted, Fault> {
        judge_beside(definition, &[])
    }

    fn judge_beside(definition: &MappingDefinition, mappings: &[ObjectMapping]) -> Result<Accepted, Fault> {
        let schemas = [contact(), account()];
        let objects =
            schemas.iter().map(|schema| ListedObject { name: schema.name.clone(), label: schema.label.clone() });
        let objects: Vec<_> = objects.collect();
        let attributes = [attribute_of("plan", DataType::String), attribute_of("seats", DataType::Number)];
        let nps = QuestionDefinition {
            id: "nps".into(),
            name: "How likely?".into(),
            data_type: DataType::Number,
            created_at: from_ms(0),
        };
        let around = Surroundings {
            mappings,
            judged: None,
            objects: &objects,
            schemas: &schemas,
            attributes: &attributes,
            questions: &[nps],
            now: from_ms(0),
        };
        judge(definition, around)
    }

    #[track_caller]
    fn assert_refused(definition: &MappingDefinition, field: &str, words: &str) {
        let fault = judge_alone(definition).unwrap_err();
        assert_eq!(fault.field, field, "{fault:?}");
        assert!(fault.message.contains(words), "{fault:?}");
    }

    #[test]
    fn an_accepted_mapping_takes_the_orgs_spelling_and_labels() {
        let mut given = mapping(&[("title", "salesforce_contact_title")], &[("plan", "plan__c")]);
        given.salesforce = "contact".into();
        let accepted = judge_alone(&given).unwrap();
        assert_eq!(accepted.definition.salesforce, "Contact");
        assert_eq!(accepted.definition.inbound[0].from, "Title");
        assert_eq!(accepted.definition.outbound[0].to, "Plan__c");
        assert_eq!(accepted.targets[0].display_name, "Title");
        assert_eq!(accepted.targets[0].origin, Origin::Salesforce);
    }

    #[test]
    fn what_is_not_described_yet_is_named_step_by_step() {
        let listed = |name: &str| ListedObject { name: name.into(), label: name.into() };
        let objects = [listed("Contact"), listed("Account")];
        let mut given = mapping(&[("Account.Parent.Industry", "sector"), ("Title", "title")], &[]);
        given.salesforce = "contact".into();
        let names = |schemas: &[ObjectSchema]| undescribed(&given, &objects, schemas).into_iter().collect::<Vec<_>>();
        assert_eq!(names(&[]), ["Contact"]);
        assert_eq!(names(&[contact()]), ["Account"]);
        assert!(names(&[contact(), account()]).is_empty());
        given.salesforce = "User".into();
        assert!(undescribed(&given, &objects, &[]).is_empty(), "what can not be mapped is not described for it");
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let mut unknown = mapping(&[], &[]);
        unknown.salesforce = "Invoice__c".into();
        assert_refused(&unknown, "salesforce", "there are Contact, Account");
        assert_refused(&mapping(&[("Nope", "nope")], &[]), "inbound[0].from", "no field `Nope`");
        assert_refused(&mapping(&[("Acount.Industry", "x")], &[]), "inbound[0].from", "no association `Acount`");
        assert_refused(&mapping(&[("Account.Nope", "x")], &[]), "inbound[0].from", "Account has no field `Nope`");
        assert_refused(&mapping(&[], &[("plan", "Account.Industry")]), "outbound[0].to", "can only be read");
        assert_refused(&mapping(&[], &[("plan", "Nope__c")]), "outbound[0].to", "no field `Nope__c`");
    }

    #[test]
    fn a_match_needs_a_field_and_an_attribute_that_can_be_keys() {
        let mut text_area = mapping(&[], &[]);
        text_area.match_rule.salesforce = "Description".into();
        assert_refused(&text_area, "match.salesforce", "can not be matched by");
        let mut company_id = mapping(&[], &[]);
        company_id.match_rule.userflow = "company_id".into();
        assert_refused(&company_id, "match.userflow", "no company id");
    }

    #[test]
    fn types_must_fit() {
        assert_refused(&mapping(&[("MailingAddress", "address")], &[]), "inbound[0].from", "can not be synced");
        assert_refused(&mapping(&[("Title", "seats")], &[]), "inbound[0].to", "is a number");
        assert_refused(&mapping(&[], &[("seats", "Opted_Out__c")]), "outbound[0].to", "types do not fit");
    }

    #[test]
    fn options_of_a_line_must_fit_its_target() {
        let inbound = |line: FieldMapping| MappingDefinition { inbound: vec![line], ..mapping(&[], &[]) };
        let outbound = |line: FieldMapping| MappingDefinition { outbound: vec![line], ..mapping(&[], &[]) };
        let values = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let seats = || FieldMapping::new("Title", "seats");
        let title = || FieldMapping::new("plan", "Title");

        let numbered = FieldMapping { values: values(&[("Small", "5"), ("Large", "50")]), ..seats() };
        let accepted = judge_alone(&inbound(numbered.clone())).unwrap();
        assert_eq!(accepted.definition.inbound[..], *std::slice::from_ref(&numbered));
        assert_eq!(accepted.targets[0].data_type, DataType::Number);
        let worded = FieldMapping { values: values(&[("Small", "few")]), ..seats() };
        assert_refused(&inbound(worded), "inbound[0].values", "no number");
        let padded = FieldMapping { values: values(&[(" Small", "5")]), ..seats() };
        assert_refused(&inbound(padded), "inbound[0].values", "never be met");
        let lonely = FieldMapping { otherwise: Some("5".into()), ..FieldMapping::new("Title", "x") };
        assert_refused(&inbound(lonely), "inbound[0].otherwise", "beside `values`");
        let misfit = FieldMapping { otherwise: Some("many".into()), ..numbered };
        assert_refused(&inbound(misfit), "inbound[0].otherwise", "no number");
        let dated = FieldMapping { values: values(&[("a", "b")]), ..FieldMapping::new("CreatedDate", "x") };
        assert_refused(&inbound(dated), "inbound[0].values", "point in time");
        let cut = FieldMapping { truncate: true, ..FieldMapping::new("Title", "x") };
        assert_refused(&inbound(cut), "inbound[0].truncate", "goes to Salesforce");

        let cut = FieldMapping { truncate: true, ..title() };
        assert!(judge_alone(&outbound(cut)).is_ok());
        let cut = FieldMapping { truncate: true, ..FieldMapping::new("plan", "Opted_Out__c") };
        assert_refused(&outbound(cut), "outbound[0].truncate", "no text field");
        let cut = FieldMapping { truncate: true, ..FieldMapping::new("seats", "userflow_user_seats__c") };
        assert_refused(&outbound(cut), "outbound[0].truncate", "no text field");
        let unsaid = FieldMapping { empty: Empty::Default, ..title() };
        assert_refused(&outbound(unsaid), "outbound[0].default", "has no value");
        let idle = FieldMapping { default: "free".into(), ..title() };
        assert_refused(&outbound(idle), "outbound[0].default", "counts only");
        let long = FieldMapping { empty: Empty::Default, default: "x".repeat(129).as_str().into(), ..title() };
        assert_refused(&outbound(long), "outbound[0].default", "longer than the 128");
        // By a value map a number can tick a box.
        let ticked = FieldMapping { values: values(&[("1", "true")]), ..FieldMapping::new("seats", "Opted_Out__c") };
        assert!(judge_alone(&outbound(ticked)).is_ok());
    }

    #[test]
    fn targets_must_be_writable_and_fed_once() {
        assert_refused(&mapping(&[], &[("plan", "CreatedDate")]), "outbound[0].to", "can not be changed");
        assert_refused(&mapping(&[], &[("plan", "Email")]), "outbound[0].to", "matched by");
        assert_refused(&mapping(&[("Title", "email")], &[]), "inbound[0].to", "matched by");
        assert_refused(&mapping(&[("Title", "user_id")], &[]), "inbound[0].to", "no attribute");
        assert_refused(&mapping(&[("Title", "a/b")], &[]), "inbound[0].to", "no name");
        assert_refused(&mapping(&[("Title", "x"), ("Plan__c", "x")], &[]), "inbound[1].to", "two lines");
        assert_refused(&mapping(&[], &[("plan", "Title"), ("tier", "title")]), "outbound[1].to", "two lines");
    }

    #[test]
    fn another_mapping_may_feed_the_same_attribute() {
        let first = ObjectMapping {
            id: MappingId::new(from_ms(0)),
            version: 1,
            position: 0,
            paused: false,
            definition: mapping(&[("Title", "job")], &[]),
        };
        assert!(judge_beside(&mapping(&[("Description", "job")], &[]), &[first]).is_ok());
    }

    #[test]
    fn a_field_of_ours_that_is_not_there_is_wanted_with_the_type_of_its_attribute() {
        let accepted = judge_alone(&mapping(&[], &[("seats", "userflow_user_seats__c"), ("plan", "Plan__c")])).unwrap();
        let [field] = &accepted.fields[..] else { panic!("{:?}", accepted.fields) };
        assert_eq!((field.object.as_str(), field.name.as_str()), ("Contact", "userflow_user_seats__c"));
        assert_eq!((field.label.as_str(), field.kind.title()), ("Userflow seats", "Number(16, 2)"));
        let long = format!("userflow_{}__c", "x".repeat(40));
        assert_refused(&mapping(&[], &[("plan", &long)]), "outbound[0].to", "too long");
        let twice = mapping(&[], &[("plan", "userflow_user_x__c"), ("seats", "userflow_user_x__c")]);
        assert_refused(&twice, "outbound[1].to", "two lines");
    }

    #[test]
    fn what_is_worked_out_of_events_is_a_source_of_its_own_type_and_nothing_else_with_a_period_is() {
        let lines = [
            ("first_seen_at", "userflow_user_first_seen__c"),
            ("event.trial.extended.count", "userflow_user_trials__c"),
            ("event.trial.extended.last", "userflow_user_trial__c"),
            ("answer.nps", "userflow_user_nps__c"),
            ("answer.never given", "Title"),
        ];
        let accepted = judge_alone(&mapping(&[], &lines)).unwrap();
        let made: Vec<_> = accepted.fields.iter().map(|field| (field.label.as_str(), field.kind.title())).collect();
        let wanted = [
            ("Userflow First seen", "Date/Time"),
            ("Userflow How often: Trial Extended", "Number(16, 2)"),
            ("Userflow Last time: Trial Extended", "Date/Time"),
            ("Userflow Latest answer: How likely?", "Number(16, 2)"),
        ];
        assert_eq!(made, wanted);
        assert_refused(&mapping(&[], &[("event.paid.count", "Opted_Out__c")]), "outbound[0].to", "types do not fit");
        assert_refused(&mapping(&[], &[("event.paid.mean", "Title")]), "outbound[0].from", "`event.<name>.count`");
        assert_refused(&mapping(&[], &[("Account.Industry", "Title")]), "outbound[0].from", "nothing that can be sent");
        assert_refused(&mapping(&[], &[("event.a/b.count", "Title")]), "outbound[0].from", "no name of an event");
    }

    #[test]
    fn a_field_of_an_associated_record_is_a_source_in_the_orgs_spelling() {
        let accepted = judge_alone(&mapping(&[("account.parent.INDUSTRY", "salesforce_industry")], &[])).unwrap();
        assert_eq!(accepted.definition.inbound[0].from, "Account.Parent.Industry");
        assert_eq!(accepted.targets[0].display_name, "Account › Parent Account › Industry");
        assert_eq!(accepted.targets[0].data_type, DataType::String);
    }

    #[test]
    fn a_loop_through_an_associated_record_is_found() {
        let first = ObjectMapping {
            id: MappingId::new(from_ms(0)),
            version: 1,
            position: 0,
            paused: false,
            definition: MappingDefinition {
                salesforce: "Account".into(),
                match_rule: MatchRule { salesforce: "Website".into(), userflow: "site".into() },
                ..mapping(&[], &[("sector", "Industry")])
            },
        };
        let closing = mapping(&[("Account.Industry", "sector")], &[]);
        let fault = judge_beside(&closing, &[first]).unwrap_err();
        assert_eq!(fault.field, "inbound[0].to");
        assert!(fault.message.contains("Account.Industry → user sector → Account.Industry"), "{fault:?}");
    }

    #[test]
    fn a_loop_is_spelled_out_also_over_several_mappings() {
        let direct = mapping(&[("Title", "job")], &[("job", "Title")]);
        assert_refused(&direct, "inbound[0].to", "Contact.Title → user job → Contact.Title");

        let first = ObjectMapping {
            id: MappingId::new(from_ms(0)),
            version: 1,
            position: 0,
            paused: false,
            definition: mapping(&[("Title", "job")], &[("plan", "Plan__c")]),
        };
        let second = mapping(&[("Plan__c", "copy")], &[("copy", "Title")]);
        assert!(judge_beside(&second, std::slice::from_ref(&first)).is_ok());
        let closing = mapping(&[("Plan__c", "copy")], &[("job", "Description"), ("copy", "Title")]);
        assert!(judge_beside(&closing, std::slice::from_ref(&first)).is_ok());
        let closing = mapping(&[("Title", "plan")], &[("job", "Description"), ("copy", "Title")]);
        assert!(judge_beside(&closing, std::slice::from_ref(&first)).is_ok());
        let closing = mapping(&[("Plan__c", "copy")], &[("job", "Title")]);
        let fault = judge_beside(&closing, &[first]).unwrap_err();
        assert_eq!(fault.field, "outbound[0].to");
        assert!(fault.message.contains("user job → Contact.Title → user job"), "{fault:?}");
    }
}
