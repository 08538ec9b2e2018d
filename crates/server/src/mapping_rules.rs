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
    person_account::{ACCOUNT, CONTACT, contact_field},
    profile::ProfileKind,
    schema::{FieldSchema, FieldType, ListedObject, ObjectSchema},
    summary::QuestionDefinition,
};

#[cfg(test)]
mod fights;
#[cfg(test)]
mod tests;

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
            judge_feeds(&definition.salesforce, &line.to, &line.to, around).or_else(|words| refuse(&to, words))?;
            if !targets.insert(line.to.clone()) {
                return refuse(to, fed_twice(&line.to));
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
        if schema.name == ACCOUNT && field.name == "Name" && contact_field(&definition.match_rule.salesforce).is_some()
        {
            let message = format!("{} of a person is made of the first and the last name; choose these.", field.label);
            return refuse(to, message);
        }
        let given = source.data_type.map(|data_type| given_type(line, data_type));
        if given.is_some_and(|data_type| !can_hold(field.field_type, data_type)) {
            let message = format!("{} can not hold `{}`: the types do not fit.", field.label, line.from);
            return refuse(to, message);
        }
        check_outbound(line, &path, source_type, field)?;
        judge_feeds(&definition.salesforce, &field.name, &field.label, around).or_else(|words| refuse(&to, words))?;
        if !targets.insert(field.name.clone()) {
            return refuse(to, fed_twice(&field.label));
        }
    }
    Ok(wanted)
}

fn fed_twice(field: &str) -> String {
    format!("{field} is fed by two lines; leave one of them out.")
}

/// Whether no other mapping feeds the field, under whichever of its names.
fn judge_feeds(object: &str, field: &str, label: &str, around: Surroundings<'_>) -> Result<(), String> {
    let place = Place::Field(object.to_owned(), field.to_owned());
    let fed = |place: &Place| {
        let is_meant = |mapping: &MappingDefinition, line: &FieldMapping| match place {
            Place::Field(object, field) => mapping.salesforce == *object && line.to.eq_ignore_ascii_case(field),
            Place::Attribute(..) => false,
        };
        others(around).any(|other| other.outbound.iter().any(|line| is_meant(other, line)))
    };
    match place.other_name(around) {
        _ if fed(&place) => Err(fed_twice(label)),
        Some(other) if fed(&other) => {
            Err(format!("{place} and {other} are one field of a person account; leave one of the two lines out."))
        }
        _ => Ok(()),
    }
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

impl Place {
    /// What a field of a person account that comes from its contact is called there, and the other way round.
    fn other_name(&self, around: Surroundings<'_>) -> Option<Self> {
        let Self::Field(object, field) = self else { return None };
        match object.as_str() {
            ACCOUNT => Some(Self::Field(CONTACT.to_owned(), contact_field(field)?)),
            CONTACT => {
                let accounts = around.schemas.iter().find(|schema| schema.name == ACCOUNT)?;
                let is_meant = |known: &&FieldSchema| contact_field(&known.name).as_ref() == Some(field);
                Some(Self::Field(ACCOUNT.to_owned(), accounts.fields.iter().find(is_meant)?.name.clone()))
            }
            _ => None,
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
    let places: BTreeSet<Place> = flows.iter().flat_map(|(from, to)| to.iter().chain([from])).cloned().collect();
    for place in places {
        if let Some(other) = place.other_name(around) {
            flows.entry(other.clone()).or_default().insert(place.clone());
            flows.entry(place).or_default().insert(other);
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
