//! Field paths: a field of a record, or of one associated with it up to five steps away (`Account.Parent.Name`). Pure; what the
//! org looks like is passed in.

use std::fmt;

use crate::schema::{FieldSchema, FieldType, ObjectSchema};

/// Most associations that a path goes through, as in a Salesforce query. (SOQL guide, "Using Relationship Queries".)
pub const STEPS_MAX: usize = 5;

/// One association that a path goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Field that holds the id of the associated record, in the org's own spelling.
    pub lookup: String,
    /// Objects that the associated record can be of; several for a lookup such as an owner. Those that the rest of the path does not
    /// apply to are left out.
    pub objects: Vec<Target>,
}

/// An object that an associated record can be of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// API name.
    pub object: String,
    /// What ids of its records begin with.
    pub key_prefix: Option<String>,
}

impl Step {
    /// The object of an associated record, by its id.
    pub fn object_of(&self, id: &str) -> Option<&str> {
        let by_prefix = self
            .objects
            .iter()
            .find(|target| target.key_prefix.as_deref().is_some_and(|prefix| id.starts_with(prefix)));
        // An object whose prefix is not known is meant if it is the only one.
        let only = match &self.objects[..] {
            [only] if only.key_prefix.is_none() => Some(only),
            _ => None,
        };
        by_prefix.or(only).map(|target| target.object.as_str())
    }
}

/// A path that the org has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    /// The path in the org's own spelling.
    pub name: String,
    /// The associations, in order; empty for a field of the record itself.
    pub steps: Vec<Step>,
    /// The field of the last record.
    pub field: FieldSchema,
    /// Labels of the associations and the field, for people: `Account › Industry`.
    pub label: String,
}

/// Why there is no such path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// The object has no such field, or the connected user can not see it.
    NoField {
        /// Label of the object.
        object: String,
        /// The field.
        field: String,
    },
    /// The object has no association of that name.
    NoAssociation {
        /// Label of the object.
        object: String,
        /// The step.
        step: String,
    },
    /// None of the objects that an association leads to is described yet.
    NotDescribed(Vec<String>),
    /// It goes through too many associations.
    TooLong,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoField { object, field } => {
                write!(f, "{object} has no field `{field}`, or the connected user can not see it")
            }
            Self::NoAssociation { object, step } => write!(f, "{object} has no association `{step}`"),
            Self::NotDescribed(objects) => {
                write!(
                    f,
                    "the org has not told what {} looks like: try again in a moment, or give the connected user access",
                    objects.join(" or ")
                )
            }
            Self::TooLong => write!(f, "a field can be at most {STEPS_MAX} associations away"),
        }
    }
}

impl std::error::Error for PathError {}

impl FieldPath {
    /// Finds what a path such as `Account.Parent.Name` means, seen from `object`. Names compare without regard to case.
    ///
    /// # Errors
    /// Where the org has no such path, or is not known well enough.
    pub fn resolve<'s>(
        path: &str,
        object: &'s ObjectSchema,
        schema: &impl Fn(&str) -> Option<&'s ObjectSchema>,
    ) -> Result<Self, PathError> {
        let names: Vec<&str> = path.split('.').map(str::trim).collect();
        if names.len() > STEPS_MAX + 1 {
            return Err(PathError::TooLong);
        }
        resolve(&names, object, schema)
    }
}

fn resolve<'s>(
    names: &[&str],
    object: &'s ObjectSchema,
    schema: &impl Fn(&str) -> Option<&'s ObjectSchema>,
) -> Result<FieldPath, PathError> {
    let [name, rest @ ..] = names else {
        return Err(PathError::NoField { object: object.label.clone(), field: String::new() });
    };
    if rest.is_empty() {
        let field = object
            .field(name)
            .ok_or_else(|| PathError::NoField { object: object.label.clone(), field: (*name).to_owned() })?;
        return Ok(FieldPath {
            name: field.name.clone(),
            steps: Vec::new(),
            field: field.clone(),
            label: field.label.clone(),
        });
    }
    let (lookup, relationship) = object
        .association(name)
        .ok_or_else(|| PathError::NoAssociation { object: object.label.clone(), step: (*name).to_owned() })?;
    let mut targets = Vec::new();
    let mut found: Option<FieldPath> = None;
    let mut failed = None;
    for target in lookup.reference_to.iter().filter_map(|target| schema(target)) {
        match resolve(rest, target, schema) {
            Ok(path) => {
                targets.push(Target { object: target.name.clone(), key_prefix: target.key_prefix.clone() });
                // Objects that a lookup may lead to go on alike, or they can not be told apart by the path.
                if found.as_ref().is_none_or(|found| found.steps == path.steps) {
                    found.get_or_insert(path);
                } else {
                    targets.pop();
                }
            }
            Err(error) => failed = Some(error),
        }
    }
    let Some(path) = found else {
        return Err(failed.unwrap_or_else(|| PathError::NotDescribed(lookup.reference_to.clone())));
    };
    let mut steps = vec![Step { lookup: lookup.name.clone(), objects: targets }];
    steps.extend(path.steps);
    Ok(FieldPath {
        name: format!("{relationship}.{}", path.name),
        steps,
        field: path.field,
        // Salesforce calls the lookup itself `Account ID`.
        label: format!("{} › {}", lookup.label.strip_suffix(" ID").unwrap_or(&lookup.label), path.label),
    })
}

impl ObjectSchema {
    /// The lookup that an association of that name goes through, with the name in the org's own spelling.
    pub fn association(&self, name: &str) -> Option<(&FieldSchema, &str)> {
        self.fields.iter().filter(|field| field.field_type == FieldType::Reference).find_map(|field| {
            let relationship = field.relationship.as_deref()?;
            relationship.eq_ignore_ascii_case(name).then_some((field, relationship))
        })
    }
}
