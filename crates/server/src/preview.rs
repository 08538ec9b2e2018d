//! What a mapping would do, on a sample of real profiles and the records that they match, before it is saved. Plans as the engine
//! would, from a fresh read of both sides, and writes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Serialize;
use syncline_engine::{Contender, Need, Paths, Plan, Ready, Schemas, paths, pick, plan, plan_among, uses};
use syncline_model::{
    Value,
    attribute::Scope,
    connection::Connection,
    id::MappingId,
    inquiry::Question,
    mapping::{MappingDefinition, MatchKey, ObjectMapping},
    path::STEPS_MAX,
    profile::{Profile, ProfileFilter},
    record::{HeldRecord, Record, RecordKey},
    rules::AttributeTypes,
    schema::ObjectSchema,
    store::{Store, StoreError},
    work::{Standing, Work, WorkKey},
};
use utoipa::ToSchema;

use crate::{
    explain::{Direction, printable, shown},
    inquire::{InquiryError, ask, read},
    line_rules::as_made,
    mapping_rules::Accepted,
};

/// Profiles whose keys are looked up, in one question.
const SAMPLE: usize = 25;
/// Profiles that are shown.
const SHOWN: usize = 5;
/// Records of one look-up, and of one write.
const TOGETHER: u64 = 200;
/// From so many writes on they are made by bulk jobs, each of which takes about so many calls for so many records.
const BULK: (u64, u64, u64) = (3_000, 10, 10_000);
/// A call takes about so long, one after the other.
const CALL_MS: u64 = 400;

/// What a mapping would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Preview {
    /// Users or companies that there are.
    pub profiles: u64,
    /// So many of them were tried.
    pub tried: usize,
    /// So many of those match a record.
    pub matched: usize,
    /// What saving would cost, estimated from those.
    pub cost: Cost,
    /// Some of them: first those that something would change for.
    pub sample: Vec<ProfilePreview>,
    /// What else there is to know, in a sentence.
    #[schema(required = true)]
    pub note: Option<String>,
}

/// An estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cost {
    /// Profiles that will be linked.
    pub links: u64,
    /// Profiles that attributes change of.
    pub updates: u64,
    /// Records that are written to.
    pub writes: u64,
    /// API calls.
    pub calls: u64,
    /// Seconds.
    pub seconds: u64,
}

/// What a mapping would do for one profile.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProfilePreview {
    /// Its id.
    pub id: String,
    /// Its name.
    #[schema(required = true)]
    pub name: Option<String>,
    /// The key that it is matched by.
    pub key: String,
    /// The record that matches.
    #[schema(required = true)]
    pub record_id: Option<String>,
    /// How many records have the key.
    pub candidates: u32,
    /// Line by line.
    pub lines: Vec<LinePreview>,
    /// What would become a sync issue besides.
    pub issues: Vec<String>,
}

/// What a line would do for one profile.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LinePreview {
    /// Which way.
    pub direction: Direction,
    /// Source.
    pub from: String,
    /// Target.
    pub to: String,
    /// What the target is.
    pub before: serde_json::Value,
    /// What it would be.
    pub after: serde_json::Value,
    /// Whether that is another value.
    pub changes: bool,
    /// Why it would not be synced.
    #[schema(required = true)]
    pub failure: Option<String>,
}

/// A mapping as it would be.
struct Draft {
    mapping: ObjectMapping,
    schemas: Schemas,
    paths: Paths,
    types: AttributeTypes,
}

impl Draft {
    fn schema(&self) -> Option<&ObjectSchema> {
        self.schemas.get(&self.mapping.definition.salesforce).map(AsRef::as_ref)
    }
}

/// Tries a mapping that was found acceptable. `existing` is the one that it would replace.
///
/// # Errors
/// Where the org can not be asked.
pub async fn preview(
    store: &dyn Store,
    connection: &Connection,
    existing: Option<MappingId>,
    accepted: Accepted,
    now: Timestamp,
) -> Result<Preview, InquiryError> {
    let mut known: Schemas = store
        .object_schemas(connection.id)
        .await?
        .into_iter()
        .map(|schema| (schema.name.clone(), Arc::new(schema)))
        .collect();
    let definition = accepted.definition;
    let seen: BTreeSet<String> = known
        .get(&definition.salesforce)
        .iter()
        .flat_map(|schema| &schema.fields)
        .map(|field| field.name.clone())
        .collect();
    if let Some(schema) = known.get_mut(&definition.salesforce) {
        // As if the fields were made that are to be made.
        Arc::make_mut(schema).fields.extend(accepted.fields.iter().map(as_made));
    }
    let definitions = store.attribute_definitions(connection.environment_id, Some(Scope::from(definition.userflow)));
    let definitions = definitions.await?.into_iter().chain(accepted.targets);
    let mappings = store.mappings(connection.id).await?;
    let before = mappings.iter().find(|mapping| Some(mapping.id) == existing);
    let position = before.map_or(i32::MAX, |before| before.position);
    let id = existing.unwrap_or_else(|| MappingId::new(now));
    let draft = Draft {
        paths: paths(&definition, &known),
        schemas: known,
        types: definitions.map(|one| (one.name, one.data_type)).collect(),
        mapping: ObjectMapping { id, version: 0, edited_at: None, position, paused: false, definition },
    };

    let profiles = sample(store, connection, before, &draft.mapping.definition).await?;
    let total = store
        .count_profiles(connection.environment_id, draft.mapping.definition.userflow, &ProfileFilter::default())
        .await?;
    let mut items = Vec::new();
    for (profile, key) in profiles {
        let kind = draft.mapping.definition.userflow;
        let standing = store.standing(connection.id, kind, &profile.id).await?;
        items.push(Item { standing, work: to_be(&draft, profile, key) });
    }
    let records = find(store, connection, &draft, &seen, &items).await?;
    let mut found = pick(&draft.mapping.definition.match_rule, draft.mapping.definition.duplicates, records);
    for Item { work, .. } in &mut items {
        let Some((candidates, record)) = work.match_key.as_ref().and_then(|key| found.get_mut(key)) else { continue };
        work.candidates = *candidates;
        work.record = record.clone().map(|record| copy_of(record, &draft));
    }
    let reads = associate(store, connection, &draft, &mut items).await?;
    Ok(summed_up(&draft, &mappings, total, reads, &items))
}

/// A profile that the mapping is tried on.
struct Item {
    /// How it stands with the mappings that there are.
    standing: Vec<Standing>,
    /// How it would stand with this one.
    work: Work,
}

fn to_be(draft: &Draft, profile: Profile, key: MatchKey) -> Work {
    Work {
        key: WorkKey { mapping_id: draft.mapping.id, profile_id: profile.id.clone() },
        generation: 0,
        due_at: Timestamp::UNIX_EPOCH,
        attempts: 0,
        profile: Some(profile),
        match_key: Some(key),
        searched: true,
        candidates: 0,
        was_linked: false,
        record: None,
        associated: BTreeMap::new(),
        speaks: true,
    }
}

/// Profiles that have a key: those first that are linked, then any.
pub(crate) async fn sample(
    store: &dyn Store,
    connection: &Connection,
    before: Option<&ObjectMapping>,
    definition: &MappingDefinition,
) -> Result<Vec<(Profile, MatchKey)>, StoreError> {
    /// Not every profile has a key.
    const LOOKED_AT: u32 = 200;
    let (environment, kind) = (connection.environment_id, definition.userflow);
    let mut profiles: Vec<Profile> = Vec::new();
    if let Some(before) = before.filter(|before| before.definition.userflow == kind) {
        for id in store.linked_profiles(connection.id, before.id, u32::try_from(SAMPLE).unwrap_or(u32::MAX)).await? {
            profiles.extend(store.profile(environment, kind, &id).await?);
        }
    }
    if profiles.len() < SAMPLE {
        let filter = ProfileFilter { limit: LOOKED_AT, ..ProfileFilter::default() };
        profiles.extend(store.profiles(environment, kind, &filter).await?.data);
    }
    let mut taken = BTreeSet::new();
    let with_key = profiles.into_iter().filter_map(|profile| {
        let key = definition.match_rule.profile_key(&profile)?;
        taken.insert(profile.id.clone()).then_some((profile, key))
    });
    Ok(with_key.take(SAMPLE).collect())
}

async fn find(
    store: &dyn Store,
    connection: &Connection,
    draft: &Draft,
    seen: &BTreeSet<String>,
    items: &[Item],
) -> Result<Vec<Record>, InquiryError> {
    let definition = &draft.mapping.definition;
    let keys: Vec<String> =
        items.iter().filter_map(|item| item.work.match_key.as_ref()).map(ToString::to_string).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let fields = uses(definition, &draft.paths).remove(&definition.salesforce).unwrap_or_default();
    let fields = fields.into_iter().filter(|field| seen.contains(field)).collect();
    let (object, key_field) = (definition.salesforce.clone(), definition.match_rule.salesforce.clone());
    ask(store, connection, Question::Find { object, key_field, keys, fields }).await
}

/// The copy that would be held; fields that are still to be made have no value.
fn copy_of(record: Record, draft: &Draft) -> HeldRecord {
    let mut copy = HeldRecord::from_read(record);
    for line in &draft.mapping.definition.outbound {
        copy.values.entry(line.to.clone()).or_insert(Value::Null);
    }
    copy
}

/// Reads what the records are associated with, step by step. Gives how many records that were.
async fn associate(
    store: &dyn Store,
    connection: &Connection,
    draft: &Draft,
    items: &mut [Item],
) -> Result<usize, InquiryError> {
    let fields = uses(&draft.mapping.definition, &draft.paths);
    let mut held: BTreeMap<RecordKey, Arc<HeldRecord>> = BTreeMap::new();
    for _ in 0..=STEPS_MAX {
        let mut wanted: BTreeSet<RecordKey> = BTreeSet::new();
        for Item { work, .. } in items.iter() {
            let planned = plan(&draft.mapping.definition, draft.schema(), &draft.paths, &draft.types, work);
            if let Plan::Needs(Need::Associated { unknown, .. }) = planned {
                wanted.extend(unknown);
            }
        }
        if wanted.is_empty() {
            break;
        }
        let mut by_object: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
        for (object, id) in wanted.iter().filter(|key| !held.contains_key(*key)) {
            let of_object = by_object
                .entry(object.clone())
                .or_insert_with(|| (Vec::new(), fields.get(object).into_iter().flatten().cloned().collect()));
            of_object.0.push(id.clone());
        }
        for record in read(store, connection, by_object).await? {
            held.insert((record.object.clone(), record.id.clone()), Arc::new(HeldRecord::from_read(record)));
        }
        for key in &wanted {
            let gone = || Arc::new(HeldRecord { stale: false, gone: true, ..HeldRecord::unread(key.clone()) });
            held.entry(key.clone()).or_insert_with(gone);
        }
        for Item { work, .. } in items.iter_mut() {
            work.associated.clone_from(&held);
        }
    }
    Ok(held.len())
}

fn summed_up(draft: &Draft, mappings: &[ObjectMapping], total: u64, reads: usize, items: &[Item]) -> Preview {
    let tried: Vec<(ProfilePreview, Effect)> = items.iter().filter_map(|item| try_on(draft, mappings, item)).collect();
    let matched = tried.iter().filter(|(profile, _)| profile.record_id.is_some()).count();
    let count = |has: fn(&Effect) -> bool| tried.iter().filter(|(_, effect)| has(effect)).count();
    // Of those that were not tried as many as of those that were.
    let of_all = |part: usize| match tried.len() {
        0 => 0,
        all => (total * part as u64).div_ceil(all as u64),
    };
    let (links, updates, writes) = (of_all(matched), of_all(count(|one| one.updates)), of_all(count(|one| one.writes)));
    let look_ups = if tried.is_empty() { 0 } else { total.div_ceil(TOGETHER) };
    let reads = if reads == 0 { 0 } else { of_all(reads).div_ceil(TOGETHER) };
    let (bulk_from, bulk_calls, bulk_records) = BULK;
    let write_calls =
        if writes >= bulk_from { writes.div_ceil(bulk_records) * bulk_calls } else { writes.div_ceil(TOGETHER) };
    let calls = look_ups + reads + write_calls;
    let cost = Cost { links, updates, writes, calls, seconds: (calls * CALL_MS).div_ceil(1000) };

    let definition = &draft.mapping.definition;
    let note = if tried.is_empty() {
        let kind = definition.userflow.as_str();
        Some(format!(
            "No {kind} that was looked at has a value in `{}` to be matched by.",
            definition.match_rule.userflow
        ))
    } else if matched == 0 {
        Some("None of those that were tried matches a record now. Links are made as soon as one does.".to_owned())
    } else {
        None
    };
    let tried_count = tried.len();
    let mut tried: Vec<_> = tried.into_iter().collect();
    tried.sort_by_key(|(profile, effect)| {
        (profile.record_id.is_none(), !(effect.updates || effect.writes || effect.fails))
    });
    let sample = tried.into_iter().take(SHOWN).map(|(profile, _)| profile).collect();
    Preview { profiles: total, tried: tried_count, matched, cost, sample, note }
}

#[derive(Clone, Copy)]
struct Effect {
    updates: bool,
    writes: bool,
    fails: bool,
}

fn try_on(
    draft: &Draft,
    mappings: &[ObjectMapping],
    Item { standing, work }: &Item,
) -> Option<(ProfilePreview, Effect)> {
    let definition = &draft.mapping.definition;
    let profile = work.profile.as_ref()?;
    let others: Vec<(&ObjectMapping, &Standing, Paths)> = standing
        .iter()
        .filter(|other| other.work.key.mapping_id != draft.mapping.id)
        .filter_map(|other| {
            let mapping = mappings.iter().find(|mapping| mapping.id == other.work.key.mapping_id)?;
            Some((mapping, other, paths(&mapping.definition, &draft.schemas)))
        })
        .collect();
    let rivals = others.iter().filter_map(|(mapping, other, paths)| {
        let schema = draft.schemas.get(&mapping.definition.salesforce).map(AsRef::as_ref);
        Some(Contender {
            mapping,
            schema,
            paths,
            record: other.work.record.as_ref()?,
            associated: &other.work.associated,
        })
    });
    // As it stands, the link that there is ends where another key does not match.
    let own = standing.iter().find(|one| one.work.key.mapping_id == draft.mapping.id);
    let work = Work { was_linked: own.is_some_and(|own| own.work.was_linked), ..work.clone() };
    let planned = plan_among(&draft.mapping, draft.schema(), &draft.paths, &draft.types, &work, rivals.collect());
    let ready = match planned {
        Plan::Ready(ready) => ready,
        Plan::Needs(_) => Ready::default(),
    };
    let mut told = BTreeSet::new();
    let mut failure = |names: [&str; 2]| {
        let found = ready
            .issues
            .iter()
            .enumerate()
            .find(|(_, issue)| issue.field.as_deref().is_some_and(|field| names.contains(&field)))?;
        told.insert(found.0);
        Some(found.1.cause.clone())
    };
    let record = work.record.as_ref();
    let mut lines = Vec::new();
    for line in &definition.inbound {
        let before = profile.attribute(&line.to);
        let after = ready.attributes.get(&line.to).unwrap_or(before);
        lines.push(LinePreview {
            direction: Direction::Inbound,
            from: line.from.clone(),
            to: line.to.clone(),
            before: shown(before),
            after: shown(after),
            changes: before != after,
            failure: failure([&line.to, &line.from]),
        });
    }
    for line in definition.outbound.iter().filter(|_| record.is_some()) {
        let before = record.and_then(|record| record.values.get(&line.to)).unwrap_or(&Value::Null);
        let after = ready.write.as_ref().and_then(|write| write.values.get(&line.to)).unwrap_or(before);
        lines.push(LinePreview {
            direction: Direction::Outbound,
            from: line.from.clone(),
            to: line.to.clone(),
            before: shown(before),
            after: shown(after),
            changes: before != after,
            failure: failure([&line.to, &line.to]),
        });
    }
    let effect = Effect {
        updates: !ready.attributes.is_empty(),
        writes: ready.write.is_some(),
        fails: !ready.issues.is_empty(),
    };
    let rest = ready.issues.iter().enumerate().filter(|(at, _)| !told.contains(at));
    let preview = ProfilePreview {
        id: profile.id.clone(),
        name: profile.attribute("name").as_text().map(str::to_owned),
        key: work.match_key.as_ref().map(ToString::to_string).unwrap_or_default(),
        record_id: record.map(|record| record.id.clone()),
        candidates: work.candidates,
        lines,
        issues: rest.map(|(_, issue)| format!("{} {}", issue.cause, issue.remedy)).collect(),
    };
    Some((preview, effect))
}

/// A preview as people read it in a terminal; each line is indented.
pub fn in_words(preview: &Preview, object: &str) -> Vec<String> {
    let Preview { profiles, tried, matched, cost, sample, note } = preview;
    let Cost { links, updates, writes, calls, seconds } = cost;
    let mut words = vec![
        format!("of {profiles} profiles {tried} were tried, and {matched} match a {object}"),
        format!(
            "about {links} links, {updates} profiles that attributes change of, {writes} records written to; about {calls} API calls, {seconds} s"
        ),
    ];
    words.extend(note.clone());
    for profile in sample {
        let name = profile.name.as_deref().map(|name| format!(" ({})", printable(name))).unwrap_or_default();
        let record = profile.record_id.as_deref().unwrap_or("no record");
        words.push(format!("{}{name} = {record}", printable(&profile.id)));
        for line in &profile.lines {
            let [before, after] = [&line.before, &line.after].map(|value| printable(&value.to_string()));
            let change = match &line.failure {
                Some(failure) => format!("✗ {failure}"),
                None if line.changes => format!("{before} → {after}"),
                None => format!("{before} stays"),
            };
            words.push(format!("    {} → {}: {change}", line.from, line.to));
        }
        words.extend(profile.issues.iter().map(|issue| format!("    ! {}", printable(issue))));
    }
    words
}
