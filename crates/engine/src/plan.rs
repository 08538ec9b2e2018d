//! The plan: what has to be written where so that both sides of a work item agree. A pure function of the mapping, the object's
//! schema and the item; it never waits, and what carries it out never decides.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use syncline_model::{
    Value, Values,
    connector::RecordWrite,
    convert::{attribute_type, is_kept},
    issue::{IssueKind, NewIssue},
    mapping::{Duplicates, MappingDefinition, MatchRule, OnUnlink},
    path::{FieldPath, PathError},
    profile::Profile,
    record::{HeldRecord, Record, RecordKey},
    rules::AttributeTypes,
    schema::ObjectSchema,
    work::{Sources, Work},
};

use crate::interest::{Paths, own_fields};

/// What to do about a work item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Something has to be asked first.
    Needs(Need),
    /// All is known.
    Ready(Ready),
}

/// What has to be asked of the outside first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// What the object looks like.
    Schema,
    /// Which record has the profile's key.
    Search,
    /// What the linked record's values are.
    Read,
    /// What the values of records are that the linked one is associated with.
    Associated {
        /// Those that the item was not associated with yet.
        unknown: BTreeSet<RecordKey>,
        /// Those whose copies are stale or lack fields.
        unread: BTreeSet<RecordKey>,
    },
}

/// The differences between the two sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Attributes to set; null clears.
    pub attributes: Values,
    /// Field values to write to the record.
    pub write: Option<RecordWrite>,
    /// What those values come from.
    pub sources: Sources,
    /// The link ends.
    pub unlink: bool,
    /// Associated records that are not needed any more.
    pub dissociated: Vec<RecordKey>,
    /// What can not be brought into agreement.
    pub issues: Vec<NewIssue>,
}

impl Ready {
    pub(crate) fn set(&mut self, attribute: &str, value: Value, from: String) {
        self.attributes.insert(attribute.to_owned(), value);
        self.sources.attributes.insert(attribute.to_owned(), from);
    }

    pub(crate) fn leave(&mut self, attribute: &str) {
        self.attributes.remove(attribute);
        self.sources.attributes.remove(attribute);
    }
}

/// Plans a work item. `schema` is what is known of the mapping's object, `paths` what its sources in associated records mean.
pub fn plan(
    mapping: &MappingDefinition,
    schema: Option<&ObjectSchema>,
    paths: &Paths,
    types: &AttributeTypes,
    work: &Work,
) -> Plan {
    plan_corrected(mapping, schema, paths, types, work, |_| ())
}

/// The same, but `correct` has a say in what becomes of the profile, before what goes to Salesforce is planned by that.
pub(crate) fn plan_corrected(
    mapping: &MappingDefinition,
    schema: Option<&ObjectSchema>,
    paths: &Paths,
    types: &AttributeTypes,
    work: &Work,
    correct: impl FnOnce(&mut Ready),
) -> Plan {
    let mut reach = Reach::default();
    let (mut ready, sides) = match plan_inbound(mapping, schema, paths, types, work, &mut reach) {
        Ok(planned) => planned,
        Err(need) => return Plan::Needs(need),
    };
    let unneeded = work.associated.keys().filter(|key| !reach.needed.contains(*key));
    ready.dissociated = unneeded.cloned().collect();
    correct(&mut ready);
    if let Some(sides) = sides.filter(|_| work.speaks) {
        plan_outbound(mapping, sides, &mut ready);
    }
    ready.issues.extend(ambiguity(mapping, work));
    Plan::Ready(ready)
}

/// What a held copy, or one associated with it, says of an inbound source; `None` where it is not known.
pub fn source<'w>(from: &str, paths: &Paths, work: &'w Work) -> Option<&'w Value> {
    let record = work.record.as_ref()?;
    match paths.get(from) {
        Some(Ok(path)) => Reach::default().follow(path, record, &work.associated),
        Some(Err(_)) => None,
        None => record.values.get(from),
    }
}

/// The two sides of an item that is linked.
struct Sides<'a> {
    profile: &'a Profile,
    record: &'a HeldRecord,
    schema: &'a ObjectSchema,
}

/// What becomes of the profile, with both sides where they are linked and stay so.
fn plan_inbound<'a>(
    mapping: &MappingDefinition,
    schema: Option<&'a ObjectSchema>,
    paths: &Paths,
    types: &AttributeTypes,
    work: &'a Work,
    reach: &mut Reach,
) -> Result<(Ready, Option<Sides<'a>>), Need> {
    let Some(profile) = &work.profile else {
        return Ok((Ready { unlink: work.was_linked, ..Ready::default() }, None));
    };
    let Some(match_key) = &work.match_key else { return Ok((end_link(mapping, work), None)) };
    if !work.searched {
        return Err(Need::Search);
    }
    let Some(record) = &work.record else { return Ok((end_link(mapping, work), None)) };
    let Some(schema) = schema else { return Err(Need::Schema) };
    let is_missing = |name: &str| !record.values.contains_key(name) && schema.field(name).is_some();
    // What is gone has no fields to be read.
    if record.stale || !record.gone && own_fields(mapping, paths).into_iter().any(is_missing) {
        return Err(Need::Read);
    }
    let record_key = record.values.get(&mapping.match_rule.salesforce).and_then(|value| mapping.match_rule.key(value));
    if record.gone || record_key.as_ref() != Some(match_key) {
        return Err(Need::Search);
    }

    let mut ready = Ready::default();
    for line in &mapping.inbound {
        let (field, value) = match paths.get(&line.from) {
            Some(Ok(path)) => match reach.follow(path, record, &work.associated) {
                Some(value) => (&path.field, value),
                None => continue,
            },
            Some(Err(error)) => {
                ready.issues.push(missing_path(record, &line.from, error));
                continue;
            }
            None => {
                let Some(field) = schema.field(&line.from) else {
                    ready.issues.push(missing_field(record, &line.from));
                    continue;
                };
                (field, record.values.get(&line.from).unwrap_or(&Value::Null))
            }
        };
        // The attribute's own type decides: the field's may have been changed since the mapping was saved.
        let Some(data_type) = types.get(&line.to).copied().or_else(|| attribute_type(field.field_type)) else {
            continue;
        };
        match line.to_attribute(value, data_type) {
            Ok(None) => {}
            Ok(Some(value)) if value == *profile.attribute(&line.to) => {}
            Ok(Some(value)) => ready.set(&line.to, value, line.from.clone()),
            Err(misfit) => ready.issues.push(misfit_issue(record, &line.to, &misfit.to_string())),
        }
    }
    if !(reach.unknown.is_empty() && reach.unread.is_empty()) {
        let (unknown, unread) = (std::mem::take(&mut reach.unknown), std::mem::take(&mut reach.unread));
        return Err(Need::Associated { unknown, unread });
    }
    Ok((ready, Some(Sides { profile, record, schema })))
}

/// What is to be written to the record. An attribute that the plan sets goes there as it will be.
fn plan_outbound(mapping: &MappingDefinition, Sides { profile, record, schema }: Sides<'_>, ready: &mut Ready) {
    let mut values = Values::new();
    for line in &mapping.outbound {
        let Some(field) = schema.field(&line.to) else {
            ready.issues.push(missing_field(record, &line.to));
            continue;
        };
        let held = record.values.get(&line.to).unwrap_or(&Value::Null);
        let source = ready.attributes.get(&line.from).map_or_else(|| profile.source(&line.from), Cow::Borrowed);
        match line.to_field(&source, field) {
            Ok(None) => {}
            Ok(Some(value)) if is_kept(held, &value, field) => {}
            Ok(Some(_)) if !field.updateable => ready.issues.push(read_only_field(record, &line.to)),
            Ok(Some(value)) => {
                ready.sources.fields.insert(line.to.clone(), line.from.clone());
                values.insert(line.to.clone(), value);
            }
            Err(misfit) => ready.issues.push(misfit_issue(record, &line.to, &misfit.to_string())),
        }
    }
    if !values.is_empty() {
        ready.write = Some(RecordWrite { object: record.object.clone(), id: record.id.clone(), values });
    }
}

/// What was reached along paths.
#[derive(Default)]
pub(crate) struct Reach {
    /// All records that paths go through, as far as they are known.
    needed: BTreeSet<RecordKey>,
    unknown: BTreeSet<RecordKey>,
    unread: BTreeSet<RecordKey>,
}

impl Reach {
    /// The value at the end of a path; `None` where it is not known. A lookup that is empty, or that leads to nothing, has no value.
    pub(crate) fn follow<'w>(
        &mut self,
        path: &FieldPath,
        record: &'w HeldRecord,
        associated: &'w BTreeMap<RecordKey, Arc<HeldRecord>>,
    ) -> Option<&'w Value> {
        let mut at = record;
        let lookups = path.steps.iter().skip(1).map(|step| &step.lookup);
        for (step, wanted) in path.steps.iter().zip(lookups.chain([&path.field.name])) {
            let Some(id) = at.values.get(&step.lookup).and_then(Value::as_text) else { return Some(&Value::Null) };
            let Some(object) = step.object_of(id) else { return Some(&Value::Null) };
            let key = (object.to_owned(), id.to_owned());
            self.needed.insert(key.clone());
            let Some(next) = associated.get(&key) else {
                self.unknown.insert(key);
                return None;
            };
            if next.stale || (!next.gone && !next.values.contains_key(wanted)) {
                self.unread.insert(key);
                return None;
            }
            if next.gone {
                return Some(&Value::Null);
            }
            at = next;
        }
        at.values.get(&path.field.name)
    }
}

/// No record any more: what came from it is cleared, unless the mapping says to keep it.
fn end_link(mapping: &MappingDefinition, work: &Work) -> Ready {
    let mut ready = Ready { unlink: work.was_linked, ..Ready::default() };
    if work.was_linked && mapping.on_unlink == OnUnlink::Clear {
        let held = mapping
            .inbound
            .iter()
            .filter(|line| work.profile.as_ref().is_some_and(|profile| !profile.attribute(&line.to).is_null()));
        ready.attributes = held.map(|line| (line.to.clone(), Value::Null)).collect();
    }
    ready
}

/// That several records have the profile's key.
fn ambiguity(mapping: &MappingDefinition, work: &Work) -> Option<NewIssue> {
    if work.candidates < 2 || work.match_key.is_none() {
        return None;
    }
    let (taken, remedy) = match mapping.duplicates {
        Duplicates::Oldest => ("The oldest is taken", "Merge the duplicates in Salesforce"),
        Duplicates::Newest => ("The one modified last is taken", "Merge the duplicates in Salesforce"),
        Duplicates::Skip => ("None is taken", "Merge the duplicates in Salesforce, or choose a rule that takes one"),
    };
    Some(NewIssue {
        kind: IssueKind::AmbiguousKey,
        record_id: work.record.as_ref().map(|record| record.id.clone()),
        field: Some(mapping.match_rule.salesforce.clone()),
        code: String::new(),
        cause: format!("{} {} records have this key. {taken}.", work.candidates, mapping.salesforce),
        remedy: format!("{remedy}."),
    })
}

fn missing_field(record: &HeldRecord, field: &str) -> NewIssue {
    NewIssue {
        kind: IssueKind::SchemaChanged,
        record_id: Some(record.id.clone()),
        field: Some(field.to_owned()),
        code: String::new(),
        cause: format!("{} has no field {field} that the connected user can see.", record.object),
        remedy: "Give the connected user access to the field, or take it out of the mapping.".to_owned(),
    }
}

fn read_only_field(record: &HeldRecord, field: &str) -> NewIssue {
    NewIssue {
        kind: IssueKind::FieldRejected,
        record_id: Some(record.id.clone()),
        field: Some(field.to_owned()),
        code: String::new(),
        cause: format!("The connected user can not change {field} of {}.", record.object),
        remedy: "Give the connected user edit access to the field, or take it out of the mapping.".to_owned(),
    }
}

fn missing_path(record: &HeldRecord, path: &str, error: &PathError) -> NewIssue {
    NewIssue {
        kind: IssueKind::SchemaChanged,
        record_id: Some(record.id.clone()),
        field: Some(path.to_owned()),
        code: String::new(),
        cause: format!("`{path}` leads nowhere: {error}."),
        remedy: "Give the connected user access to the object and the field, or take it out of the mapping.".to_owned(),
    }
}

fn misfit_issue(record: &HeldRecord, target: &str, misfit: &str) -> NewIssue {
    NewIssue {
        kind: IssueKind::ValueMisfit,
        record_id: Some(record.id.clone()),
        field: Some(target.to_owned()),
        code: String::new(),
        cause: format!("The value does not fit {target}: {misfit}."),
        remedy: "Change the value at its source, have the field take it (a longer field, one more value in its picklist), or map it elsewhere.".to_owned(),
    }
}

/// Sorts the records that a look-up gave by their key in normal form, and picks one of each by the mapping's rule. Records whose key
/// is none in normal form are left out.
pub fn pick(
    rule: &MatchRule,
    duplicates: Duplicates,
    records: Vec<Record>,
) -> BTreeMap<syncline_model::mapping::MatchKey, (u32, Option<Record>)> {
    let mut by_key: BTreeMap<_, (u32, Option<Record>)> = BTreeMap::new();
    for record in records {
        let Some(key) = record.values.get(&rule.salesforce).and_then(|value| rule.key(value)) else { continue };
        let (count, picked) = by_key.entry(key).or_default();
        *count += 1;
        let better = picked.as_ref().is_none_or(|picked| match duplicates {
            Duplicates::Oldest => (record.created_at, &record.id) < (picked.created_at, &picked.id),
            Duplicates::Newest => (record.modified_at, &record.id) > (picked.modified_at, &picked.id),
            Duplicates::Skip => false,
        });
        if better {
            *picked = Some(record);
        }
    }
    if duplicates == Duplicates::Skip {
        by_key.values_mut().filter(|(count, _)| *count > 1).for_each(|(_, picked)| *picked = None);
    }
    by_key
}
