//! Interest: what mappings need of each object of the org, worked out from what they say and from what the org looks like. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use syncline_model::{
    change::RecordedChanges,
    id::MappingId,
    mapping::{MappingDefinition, ObjectMapping},
    path::{FieldPath, PathError, Step},
    profile::ProfileKind,
    schema::{FieldSchema, ObjectSchema},
};

/// What the org looks like, by object.
pub type Schemas = HashMap<String, Arc<ObjectSchema>>;

/// What a mapping's inbound sources that are fields of associated records mean, by source.
pub type Paths = BTreeMap<String, Result<FieldPath, PathError>>;

/// Fields by object.
pub type Fields = BTreeMap<String, BTreeSet<String>>;

/// What all mappings together need of the org.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    /// All fields that copies of records must have.
    fields: Fields,
    /// For each mapped object, the fields that its records are matched by.
    keys: Fields,
    paths: HashMap<MappingId, Paths>,
    /// Objects that a path leads to.
    associated: BTreeSet<String>,
    /// Objects that are mapped or that a path leads to, and that are not described yet.
    undescribed: BTreeSet<String>,
    /// For each mapping, the others that feed an attribute which it feeds too; only where there are any.
    rivals: HashMap<MappingId, BTreeSet<MappingId>>,
}

impl Interest {
    pub(crate) fn of(mappings: &[ObjectMapping], schemas: &Schemas) -> Self {
        let mut interest = Self { rivals: rivals(mappings), ..Self::default() };
        for ObjectMapping { id, definition, .. } in mappings {
            let paths = paths(definition, schemas);
            if !schemas.contains_key(&definition.salesforce) {
                interest.undescribed.insert(definition.salesforce.clone());
            }
            for (object, fields) in uses(definition, &paths) {
                interest.fields.entry(object).or_default().extend(fields);
            }
            let keys = interest.keys.entry(definition.salesforce.clone()).or_default();
            keys.insert(definition.match_rule.salesforce.clone());
            for path in paths.values() {
                match path {
                    Ok(path) => {
                        let targets = path.steps.iter().flat_map(|step| &step.objects);
                        interest.associated.extend(targets.map(|target| target.object.clone()));
                    }
                    Err(PathError::NotDescribed(objects)) => interest.undescribed.extend(objects.iter().cloned()),
                    Err(_) => {}
                }
            }
            interest.paths.insert(*id, paths);
        }
        interest
    }

    /// The objects whose changes matter, mapped ones first.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &str> {
        let others = self.fields.keys().filter(|object| !self.keys.contains_key(*object));
        self.keys.keys().chain(others).map(String::as_str)
    }

    /// The fields of an object that copies of its records must have.
    pub(crate) fn fields(&self, object: &str) -> Option<&BTreeSet<String>> {
        self.fields.get(object)
    }

    /// The fields that an object's records are matched by; none where it is only associated with others.
    pub(crate) fn keys(&self, object: &str) -> impl Iterator<Item = &String> {
        self.keys.get(object).into_iter().flatten()
    }

    /// What the mapping's paths mean; nothing where it has none.
    pub(crate) fn paths(&self, mapping: MappingId) -> Option<&Paths> {
        self.paths.get(&mapping)
    }

    /// Whether a path leads nowhere, by descriptions of all that is on it.
    pub(crate) fn has_broken_path(&self) -> bool {
        let mut paths = self.paths.values().flat_map(BTreeMap::values);
        paths.any(|path| matches!(path, Err(error) if !matches!(error, PathError::NotDescribed(_))))
    }

    /// The other mappings that feed an attribute which that one feeds too.
    pub(crate) fn rivals(&self, mapping: MappingId) -> impl Iterator<Item = MappingId> {
        self.rivals.get(&mapping).into_iter().flatten().copied()
    }

    /// Whether records of the object are needed because others are associated with them.
    pub(crate) fn is_associated(&self, object: &str) -> bool {
        self.associated.contains(object)
    }

    /// News that any record of the object may have changed.
    pub(crate) fn all_may_have_changed(&self, object: &str, mappings: &[ObjectMapping]) -> RecordedChanges {
        let of_object = mappings.iter().filter(|mapping| mapping.definition.salesforce == object);
        RecordedChanges {
            resync: of_object.map(|mapping| mapping.id).collect(),
            resync_objects: self.is_associated(object).then(|| object.to_owned()).into_iter().collect(),
            ..RecordedChanges::default()
        }
    }

    /// Objects that must be described before all is known that mappings need.
    pub(crate) fn undescribed(&self) -> &BTreeSet<String> {
        &self.undescribed
    }
}

fn rivals(mappings: &[ObjectMapping]) -> HashMap<MappingId, BTreeSet<MappingId>> {
    let mut feeding: HashMap<(ProfileKind, &str), Vec<MappingId>> = HashMap::new();
    for ObjectMapping { id, definition, .. } in mappings {
        for line in &definition.inbound {
            feeding.entry((definition.userflow, &line.to)).or_default().push(*id);
        }
    }
    let mut rivals: HashMap<MappingId, BTreeSet<MappingId>> = HashMap::new();
    for together in feeding.into_values().filter(|together| together.len() > 1) {
        for one in &together {
            rivals.entry(*one).or_default().extend(together.iter().filter(|other| *other != one));
        }
    }
    rivals
}

/// Finds out what the mapping's sources in associated records mean.
pub fn paths(definition: &MappingDefinition, schemas: &Schemas) -> Paths {
    let sources = definition.inbound.iter().map(|line| line.from.as_str()).filter(|from| from.contains('.'));
    let schema = |name: &str| schemas.get(name).map(Arc::as_ref);
    let resolve = |source: &str| match schema(&definition.salesforce) {
        Some(object) => FieldPath::resolve(source, object, &schema),
        None => Err(PathError::NotDescribed(vec![definition.salesforce.clone()])),
    };
    sources.map(|source| (source.to_owned(), resolve(source))).collect()
}

/// Whether what a mapping needs of the org is described otherwise than before. An object that was not described before has been waited
/// for by whoever needs it.
pub(crate) fn looks_otherwise(definition: &MappingDefinition, before: &Schemas, after: &Schemas) -> bool {
    before.contains_key(&definition.salesforce) && look(definition, before) != look(definition, after)
}

type Look = (BTreeMap<String, Option<FieldSchema>>, BTreeMap<String, Result<(Vec<Step>, FieldSchema), PathError>>);

/// What a mapping sees of the org. A new label changes nothing about values.
fn look(definition: &MappingDefinition, schemas: &Schemas) -> Look {
    let unlabelled = |field: &FieldSchema| FieldSchema { label: String::new(), ..field.clone() };
    let paths = paths(definition, schemas);
    let own = own_fields(definition, &paths).into_iter().map(|name| {
        let field = schemas.get(&definition.salesforce).and_then(|schema| schema.field(name));
        (name.to_owned(), field.map(unlabelled))
    });
    let own = own.collect();
    let paths =
        paths.into_iter().map(|(source, path)| (source, path.map(|path| (path.steps, unlabelled(&path.field)))));
    (own, paths.collect())
}

/// What a mapping needs of its own object and of those that its paths lead to.
pub fn uses(definition: &MappingDefinition, paths: &Paths) -> Fields {
    let own = own_fields(definition, paths).into_iter().map(str::to_owned).collect();
    let mut uses = Fields::from([(definition.salesforce.clone(), own)]);
    for path in paths.values().flatten() {
        let lookups = path.steps.iter().skip(1).map(|step| &step.lookup);
        for (step, field) in path.steps.iter().zip(lookups.chain([&path.field.name])) {
            for target in &step.objects {
                uses.entry(target.object.clone()).or_default().insert(field.clone());
            }
        }
    }
    uses
}

/// Fields of the mapped object that a copy must have: what it is matched by, sources, the lookups that paths begin with, and targets.
pub(crate) fn own_fields<'m>(definition: &'m MappingDefinition, paths: &'m Paths) -> BTreeSet<&'m str> {
    let inbound = definition.inbound.iter().map(|line| line.from.as_str()).filter(|from| !from.contains('.'));
    let lookups = paths.values().flatten().filter_map(|path| path.steps.first()).map(|step| step.lookup.as_str());
    let outbound = definition.outbound.iter().map(|line| line.to.as_str());
    inbound.chain(lookups).chain(outbound).chain([definition.match_rule.salesforce.as_str()]).collect()
}
