//! Precedence: of several mappings that feed one attribute, the first in order that has a link and a value wins. Pure. Each of
//! their items comes to the same result, so it does not matter whose turn it is.

use std::{collections::BTreeMap, sync::Arc};

use syncline_model::{
    Value,
    attribute::DataType,
    convert::{attribute_type, to_attribute},
    mapping::{FieldMapping, MappingDefinition, ObjectMapping},
    profile::Profile,
    record::{HeldRecord, RecordKey},
    rules::AttributeTypes,
    schema::{FieldType, ObjectSchema},
    work::Work,
};

use crate::{
    interest::Paths,
    plan::{Plan, Reach, Ready, plan_corrected},
};

/// A mapping by which the profile is linked, with what it is linked to.
#[derive(Clone, Copy, Debug)]
pub struct Contender<'a> {
    /// The mapping.
    pub mapping: &'a ObjectMapping,
    /// Its object.
    pub schema: Option<&'a ObjectSchema>,
    /// What its paths mean.
    pub paths: &'a Paths,
    /// The linked record.
    pub record: &'a HeldRecord,
    /// What that is associated with.
    pub associated: &'a BTreeMap<RecordKey, Arc<HeldRecord>>,
}

/// What a source has to say.
enum Source<'a> {
    Known(FieldType, &'a Value),
    /// It is to be read; that mapping's own item is due.
    Unknown,
    /// There is no such field any more.
    Missing,
}

/// A linked mapping, and its line that feeds the attribute.
type Feeder<'a> = (&'a Contender<'a>, &'a FieldMapping);

/// What all of an attribute's sources together have to say.
enum Verdict<'a> {
    /// A value, and whose it is.
    Value(Value, Feeder<'a>),
    /// Whoever should decide can not say now: the attribute stays as it is.
    Undecided,
    /// None has a value. What becomes of the attribute then, and who says so; `None` where it stays as it is.
    Empty(Option<(Value, Feeder<'a>)>),
}

/// Plans a work item among `rivals`: other mappings by which the profile is linked, and that feed the same attributes.
pub fn plan_among<'a>(
    mapping: &'a ObjectMapping,
    schema: Option<&'a ObjectSchema>,
    paths: &'a Paths,
    types: &AttributeTypes,
    work: &'a Work,
    mut rivals: Vec<Contender<'a>>,
) -> Plan {
    plan_corrected(&mapping.definition, schema, paths, types, work, |ready| {
        let (Some(profile), false) = (&work.profile, rivals.is_empty()) else { return };
        if let (Some(record), Some(_), false) = (&work.record, &work.match_key, ready.unlink) {
            rivals.push(Contender { mapping, schema, paths, record, associated: &work.associated });
        }
        rivals.sort_by_key(|contender| (contender.mapping.position, contender.mapping.id));
        give_precedence(ready, mapping, profile, types, &rivals);
    })
}

/// Corrects what a mapping's plan sets, where others feed the same attributes. `contenders` are all linked mappings in order, the
/// mapping itself among them unless its own link ends or there is none.
pub fn give_precedence(
    ready: &mut Ready,
    own: &ObjectMapping,
    profile: &Profile,
    types: &AttributeTypes,
    contenders: &[Contender<'_>],
) {
    let is_linked = contenders.iter().any(|contender| contender.mapping.id == own.id);
    for to in own.definition.inbound.iter().map(|line| &line.to) {
        let feeding = contenders.iter().filter_map(|contender| {
            let line = contender.mapping.definition.inbound.iter().find(|line| line.to == *to)?;
            Some((contender, line))
        });
        let feeding: Vec<Feeder<'_>> = feeding.collect();
        if feeding.iter().all(|(contender, _)| contender.mapping.id == own.id) {
            continue;
        }
        let wanted = match verdict(&feeding, types.get(to).copied()) {
            Verdict::Value(value, feeder) => Some((value, feeder)),
            Verdict::Undecided => None,
            // Whoever is linked leaves it as it is: where the own link has ended, its end says whether the attribute is cleared.
            Verdict::Empty(None) if !is_linked => continue,
            Verdict::Empty(decided) => decided,
        };
        match wanted {
            Some((value, (contender, line))) if value != *profile.attribute(to) => {
                let MappingDefinition { salesforce, .. } = &contender.mapping.definition;
                let is_own = contender.mapping.id == own.id;
                ready.set(to, value, if is_own { line.from.clone() } else { format!("{} of {salesforce}", line.from) });
            }
            _ => ready.leave(to),
        }
    }
}

fn verdict<'a>(feeding: &[Feeder<'a>], data_type: Option<DataType>) -> Verdict<'a> {
    let mut empty = None;
    for &(contender, line) in feeding {
        let (field_type, value) = match contender.source(line) {
            Source::Known(field_type, value) => (field_type, value),
            Source::Unknown => return Verdict::Undecided,
            Source::Missing => continue,
        };
        let Some(data_type) = data_type.or_else(|| attribute_type(field_type)) else { continue };
        match line.looked_up(value) {
            Ok(Value::Null) => {
                let decides = || line.when_empty().filter(|_| !contender.mapping.paused);
                empty.get_or_insert_with(|| {
                    let value = decides().and_then(|value| to_attribute(&value, data_type).ok())?;
                    Some((value, (contender, line)))
                });
            }
            // A paused mapping holds on to what it gave.
            Ok(_) if contender.mapping.paused => return Verdict::Undecided,
            // What does not fit is an issue of that mapping's own item.
            Ok(value) => {
                let fitting = to_attribute(&value, data_type);
                return fitting.map_or(Verdict::Undecided, |value| Verdict::Value(value, (contender, line)));
            }
            Err(_) => return Verdict::Undecided,
        }
    }
    Verdict::Empty(empty.flatten())
}

impl Contender<'_> {
    fn source(&self, line: &FieldMapping) -> Source<'_> {
        match self.paths.get(&line.from) {
            Some(Ok(path)) => match Reach::default().follow(path, self.record, self.associated) {
                Some(value) => Source::Known(path.field.field_type, value),
                None => Source::Unknown,
            },
            Some(Err(_)) => Source::Missing,
            None => {
                let Some(schema) = self.schema else { return Source::Unknown };
                let Some(field) = schema.field(&line.from) else { return Source::Missing };
                self.record
                    .values
                    .get(&line.from)
                    .map_or(Source::Unknown, |value| Source::Known(field.field_type, value))
            }
        }
    }
}
