//! Why something did or did not sync: what each mapping says of a profile, what is held of both sides, what waits, what failed. It
//! asks nobody but the store, and plans as the engine would, so that what it says is what will happen.

use std::fmt::Write as _;

use anyhow::bail;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use syncline_engine::{Contender, Need, Paths, Plan, Schemas, paths, plan_among, source};
use syncline_model::{
    Value,
    connection::Connection,
    custom_field::{WantedField, WantedFieldState},
    id::EnvironmentId,
    issue::{Issue, IssueFilter},
    mapping::{Duplicates, FieldMapping, ObjectMapping},
    profile::{Profile, ProfileFilter, ProfileKind},
    record_id,
    rules::{AttributeTypes, StoredRules},
    schema::ObjectSchema,
    store::{Store, StoreError},
    work::{Standing, Work},
};
use utoipa::ToSchema;

use crate::commands::{Output, Target};

/// Profiles with one address that are explained; more are a mistake of their own.
const PROFILES_MAX: u32 = 10;
/// Sync issues of one profile that are told.
const ISSUES_MAX: u32 = 100;

/// All that is known of why a profile did or did not sync.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// `user` or `company`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Its name.
    #[schema(required = true)]
    pub name: Option<String>,
    /// One for each mapping of its kind, in order.
    pub mappings: Vec<MappingExplanation>,
}

/// What one mapping makes of a profile.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MappingExplanation {
    /// The mapping.
    pub mapping_id: String,
    /// API name of the Salesforce object.
    pub salesforce: String,
    /// What matches what, such as `Email = email`.
    pub matches: String,
    /// Whether the mapping is paused.
    pub paused: bool,
    /// The key that the profile has.
    #[schema(required = true)]
    pub key: Option<String>,
    /// How it stands.
    pub state: LinkState,
    /// The same in a sentence, with the reason.
    pub reason: String,
    /// The linked record.
    #[schema(required = true)]
    pub record_id: Option<String>,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub linked_at: Option<Timestamp>,
    /// Its fields, where it is linked.
    pub fields: Vec<FieldExplanation>,
    /// What it waits for, in a sentence.
    #[schema(required = true)]
    pub waiting: Option<String>,
    /// How often in a row it failed to be synced, for a reason that may pass. It is tried again by itself.
    pub attempts: u32,
    /// What could not be synced, with the remedy.
    pub issues: Vec<String>,
}

/// How a profile stands with a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It is linked to a record.
    Linked,
    /// It has no value in what is matched by.
    NoKey,
    /// Salesforce was not asked yet.
    NotSearched,
    /// No record has its key.
    NoRecord,
    /// Several records have its key, and the mapping takes none then.
    Ambiguous,
}

/// One line of a mapping, with both its sides.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldExplanation {
    /// Which way.
    pub direction: Direction,
    /// Source.
    pub from: String,
    /// Target.
    pub to: String,
    /// What is held of the source.
    pub source: serde_json::Value,
    /// What is held of the target.
    pub target: serde_json::Value,
    /// How the two stand.
    pub state: FieldState,
    /// Why, where they do not agree.
    #[schema(required = true)]
    pub message: Option<String>,
    /// When the target was set last through this link; nothing where that was never needed.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub synced_at: Option<Timestamp>,
    /// What it was set to then; a long text is cut.
    #[schema(required = true)]
    pub synced_value: Option<serde_json::Value>,
    /// What that value came from then, such as `Title`, or `Title of Lead` where it was another mapping's: `from` may have been
    /// edited since. Not known of what was set before this was kept.
    #[schema(required = true)]
    pub synced_from: Option<String>,
}

/// Which way a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From Salesforce.
    Inbound,
    /// To Salesforce.
    Outbound,
}

/// How the two sides of a line stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldState {
    /// They agree.
    InStep,
    /// They differ, and the target is to be written, or made first.
    Waiting,
    /// The value can not be synced.
    Failed,
    /// What Salesforce has is not known, and has to be read first.
    Unknown,
}

/// Explains a profile; `None` where there is no such one.
///
/// # Errors
/// Where the store fails.
pub async fn of_profile(
    store: &dyn Store,
    environment: EnvironmentId,
    connection: &Connection,
    kind: ProfileKind,
    id: &str,
) -> Result<Option<Explanation>, StoreError> {
    let Some(profile) = store.profile(environment, kind, id).await? else { return Ok(None) };
    let schemas = store.object_schemas(connection.id).await?;
    let schemas: Schemas = schemas.into_iter().map(|schema| (schema.name.clone(), schema.into())).collect();
    let rules = store.rules(connection.id).await?;
    let standing = store.standing(connection.id, kind, id).await?;
    let issues = store.issues(connection.id, &IssueFilter::of_profile(kind, id), None, ISSUES_MAX).await?;
    let planned = rules.planned();
    let of_kind = rules.mappings.iter().zip(&planned).filter(|(mapping, _)| mapping.definition.userflow == kind);
    let of_kind: Vec<_> =
        of_kind.map(|(mapping, planned)| (mapping, planned, paths(&planned.definition, &schemas))).collect();
    let item = |mapping: &ObjectMapping| standing.iter().find(|one| one.work.key.mapping_id == mapping.id);
    let linked = of_kind.iter().filter_map(|(_, mapping, paths)| {
        let work = &item(mapping)?.work;
        let schema = schemas.get(&mapping.definition.salesforce).map(AsRef::as_ref);
        Some(Contender { mapping, schema, paths, record: work.record.as_ref()?, associated: &work.associated })
    });
    let linked: Vec<Contender<'_>> = linked.collect();
    let explained = of_kind.iter().map(|(mapping, planned, paths)| {
        let schema = schemas.get(&mapping.definition.salesforce).map(AsRef::as_ref);
        let issues = issues.iter().map(|listed| &listed.issue).filter(|issue| issue.mapping_id == mapping.id);
        let types = &rules.types[&kind.into()];
        let known = Known { rules: &rules, planned, schema, paths, types, linked: &linked };
        explain_mapping(mapping, &profile, item(mapping), issues.collect(), known)
    });
    let name = profile.attribute("name").as_text().map(str::to_owned);
    Ok(Some(Explanation { kind: kind.as_str(), id: id.to_owned(), name, mappings: explained.collect() }))
}

/// What is known around a mapping.
#[derive(Clone, Copy)]
struct Known<'a> {
    rules: &'a StoredRules,
    /// The mapping as work is planned by.
    planned: &'a ObjectMapping,
    schema: Option<&'a ObjectSchema>,
    paths: &'a Paths,
    types: &'a AttributeTypes,
    /// All mappings by which the profile is linked.
    linked: &'a [Contender<'a>],
}

impl Known<'_> {
    /// What the engine would do about an item.
    fn plan(&self, work: &Work) -> Plan {
        let rivals = self.linked.iter().filter(|contender| contender.mapping.id != self.planned.id).copied();
        plan_among(self.planned, self.schema, self.paths, self.types, work, rivals.collect())
    }
}

fn explain_mapping(
    mapping: &ObjectMapping,
    profile: &Profile,
    item: Option<&Standing>,
    issues: Vec<&Issue>,
    known: Known<'_>,
) -> MappingExplanation {
    let definition = &mapping.definition;
    let rule = &definition.match_rule;
    let key = rule.profile_key(profile).map(|key| key.to_string());
    let record = item.and_then(|item| item.work.record.as_ref());
    let (state, reason) = link_state(mapping, key.as_deref(), item);
    MappingExplanation {
        mapping_id: mapping.id.to_string(),
        salesforce: definition.salesforce.clone(),
        matches: format!("{} = {}", rule.salesforce, rule.userflow),
        paused: mapping.paused,
        key,
        state,
        reason,
        record_id: record.map(|record| record.id.clone()),
        linked_at: item.and_then(|item| item.linked_at),
        fields: item
            .filter(|item| item.work.record.is_some())
            .map(|item| explain_fields(mapping, profile, item, &issues, known))
            .unwrap_or_default(),
        waiting: item.and_then(|item| waiting(mapping, item, known)),
        attempts: item.and_then(|item| item.waiting).map_or(0, |waiting| waiting.attempts.unsigned_abs()),
        issues: issues.iter().map(|issue| format!("{} {}", issue.issue.cause, issue.issue.remedy)).collect(),
    }
}

fn link_state(mapping: &ObjectMapping, key: Option<&str>, item: Option<&Standing>) -> (LinkState, String) {
    let definition = &mapping.definition;
    let (object, field) = (&definition.salesforce, &definition.match_rule.salesforce);
    let Some(key) = key else {
        let reason = format!("It has no value in `{}`, by which it would be matched.", definition.match_rule.userflow);
        return (LinkState::NoKey, reason);
    };
    let Some(work) = item.map(|item| &item.work) else {
        return (LinkState::NotSearched, format!("Salesforce has not been asked yet for a {object} with this key."));
    };
    match (&work.record, work.searched, work.candidates) {
        (Some(record), _, several) if several > 1 => {
            let taken = if definition.duplicates == Duplicates::Newest { "modified last" } else { "created first" };
            let reason = format!(
                "Linked to {object} {}: {several} records have {field} {key}, and the one {taken} is taken.",
                record.id
            );
            (LinkState::Linked, reason)
        }
        (Some(record), ..) => (LinkState::Linked, format!("Linked to {object} {}: its {field} is {key}.", record.id)),
        (None, false, _) => {
            (LinkState::NotSearched, format!("Salesforce has not been asked yet for a {object} with {field} {key}."))
        }
        (None, true, 0) => {
            (LinkState::NoRecord, format!("No {object} that the connected user can see has {field} {key}."))
        }
        (None, true, 1) => {
            (LinkState::NoRecord, format!("The {object} that had {field} {key} is gone or has another key now."))
        }
        (None, true, several) => {
            let reason = format!("{several} records of {object} have {field} {key}, and the mapping takes none then.");
            (LinkState::Ambiguous, reason)
        }
    }
}

fn explain_fields(
    mapping: &ObjectMapping,
    profile: &Profile,
    item: &Standing,
    issues: &[&Issue],
    known: Known<'_>,
) -> Vec<FieldExplanation> {
    let definition = &mapping.definition;
    let (work, last) = (&item.work, &item.last_synced);
    let record_id = work.record.as_ref().map_or("", |record| &record.id);
    let planned = known.plan(work);
    let ready = match &planned {
        Plan::Ready(ready) => Some(ready),
        Plan::Needs(_) => None,
    };
    let failed = |target: &str| {
        let of_plan = ready.into_iter().flat_map(|ready| &ready.issues);
        let of_plan = of_plan.map(|issue| (issue.field.as_deref(), &issue.cause));
        let open = issues.iter().map(|issue| (issue.issue.field.as_deref(), &issue.issue.cause));
        of_plan.chain(open).find(|(field, _)| *field == Some(target)).map(|(_, cause)| cause.clone())
    };
    let state = |target: &str, differs: bool, is_known: bool| match failed(target) {
        Some(cause) => (FieldState::Failed, Some(cause)),
        None if ready.is_none() || !is_known => {
            (FieldState::Unknown, Some("It has to be read from Salesforce first.".to_owned()))
        }
        None if differs => (FieldState::Waiting, Some("The target is to be written.".to_owned())),
        None => (FieldState::InStep, None),
    };
    let inbound = definition.inbound.iter().map(|line| {
        let value = source(&line.from, known.paths, work);
        let differs = ready.is_some_and(|ready| ready.attributes.contains_key(&line.to));
        // A source that can not be found is an issue under its own name.
        let lost = if value.is_none() { failed(&line.from) } else { None };
        let (state, mut message) = match lost {
            Some(cause) => (FieldState::Failed, Some(cause)),
            None => state(&line.to, differs, value.is_some()),
        };
        if state == FieldState::InStep && is_overruled(line, value, profile, known.types) {
            message = Some("Another mapping that comes before this one feeds the attribute.".to_owned());
        }
        let synced = last.attribute(record_id, &line.to);
        FieldExplanation {
            direction: Direction::Inbound,
            from: line.from.clone(),
            to: line.to.clone(),
            source: shown(value.unwrap_or(&Value::Null)),
            target: shown(profile.attribute(&line.to)),
            state,
            message,
            synced_at: synced.map(|synced| synced.at),
            synced_value: synced.map(|synced| shown(&synced.value)),
            synced_from: synced.and_then(|synced| synced.from.clone()),
        }
    });
    let outbound = definition.outbound.iter().map(|line| {
        let held = work.record.as_ref().and_then(|record| record.values.get(&line.to));
        let written = ready.and_then(|ready| ready.write.as_ref());
        let (state, mut message) = match known.rules.unmade(&definition.salesforce, &line.to) {
            Some(field) => being_made(field),
            None => state(&line.to, written.is_some_and(|write| write.values.contains_key(&line.to)), held.is_some()),
        };
        if !work.speaks && state == FieldState::InStep {
            message =
                Some("Another profile that is linked to the record was seen later: it writes to the record.".into());
        } else if state == FieldState::Unknown && known.schema.is_some_and(|schema| schema.field(&line.to).is_none()) {
            message = Some("The connected user sees no such field.".into());
        }
        let synced = last.field(record_id, &line.to);
        FieldExplanation {
            direction: Direction::Outbound,
            from: line.from.clone(),
            to: line.to.clone(),
            source: shown(&profile.source(&line.from)),
            target: shown(held.unwrap_or(&Value::Null)),
            state,
            message,
            synced_at: synced.map(|synced| synced.at),
            synced_value: synced.map(|synced| shown(&synced.value)),
            synced_from: synced.and_then(|synced| synced.from.clone()),
        }
    });
    inbound.chain(outbound).collect()
}

/// How a line stands whose field is still to be made.
fn being_made(field: &WantedField) -> (FieldState, Option<String>) {
    let state = match field.state {
        WantedFieldState::Refused => FieldState::Failed,
        WantedFieldState::Wanted | WantedFieldState::Usable => FieldState::Waiting,
    };
    let told = field.detail.clone();
    (state, Some(told.unwrap_or_else(|| "The field is being made in Salesforce; its value follows.".to_owned())))
}

/// Whether the attribute is other than what the line by itself would make it.
fn is_overruled(line: &FieldMapping, value: Option<&Value>, profile: &Profile, types: &AttributeTypes) -> bool {
    let wanted =
        value.zip(types.get(&line.to)).and_then(|(value, data_type)| line.to_attribute(value, *data_type).ok());
    wanted.flatten().is_some_and(|wanted| wanted != *profile.attribute(&line.to))
}

fn waiting(mapping: &ObjectMapping, item: &Standing, known: Known<'_>) -> Option<String> {
    let waiting = item.waiting?;
    if mapping.paused {
        return Some("It is due, and waits until the mapping is resumed.".to_owned());
    }
    let what = match known.plan(&item.work) {
        Plan::Needs(Need::Search) => "for a look-up of its record",
        Plan::Needs(Need::Schema) => "for a description of the object",
        Plan::Needs(Need::Read) => "for a read of its record",
        Plan::Needs(Need::Associated { .. }) => "for a read of associated records",
        Plan::Ready(ready) if ready.write.is_some() => "for a write to Salesforce",
        Plan::Ready(_) => "for its turn",
    };
    let tried = match waiting.attempts {
        0 => String::new(),
        1 => "; it failed once".to_owned(),
        times => format!("; it failed {times} times in a row"),
    };
    Some(format!("It waits {what}, since or until {}{tried}.", waiting.at.strftime("%Y-%m-%d %H:%M:%S UTC")))
}

/// The value as JSON: an instant is its RFC 3339 text.
pub(crate) fn shown(value: &Value) -> serde_json::Value {
    match value {
        Value::DateTime(instant) => instant.to_string().into(),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

/// `syncline explain`.
///
/// # Errors
/// Where nothing is known by that name, or the environment is not connected.
pub async fn explain(target: Target, who: String, output: Output) -> anyhow::Result<()> {
    let (store, environment, connection) = target.connected().await?;
    let profiles = named(store.as_ref(), environment.id, &connection, who.trim()).await?;
    let mut explanations = Vec::new();
    for (kind, id) in profiles {
        explanations.extend(of_profile(store.as_ref(), environment.id, &connection, kind, &id).await?);
    }
    if explanations.is_empty() {
        bail!(
            "no user or company of environment {} has the id or e-mail address `{who}`, and none is linked to a Salesforce record of that id. \
             Nothing is kept of records that match nobody.",
            environment.name
        );
    }
    let words: Vec<String> = explanations.iter().map(in_words).collect();
    output.say(&json!({ "explanations": explanations }), &words.join("\n"));
    Ok(())
}

/// The profiles that a word may mean: by id, by e-mail address, or by the record that they are linked to.
async fn named(
    store: &dyn Store,
    environment: EnvironmentId,
    connection: &Connection,
    who: &str,
) -> anyhow::Result<Vec<(ProfileKind, String)>> {
    let mut found = Vec::new();
    for kind in [ProfileKind::User, ProfileKind::Company] {
        if store.profile(environment, kind, who).await?.is_some() {
            found.push((kind, who.to_owned()));
        }
        if who.contains('@') {
            let filter =
                ProfileFilter { email: Some(who.to_lowercase()), limit: PROFILES_MAX, ..ProfileFilter::default() };
            let page = store.profiles(environment, kind, &filter).await?;
            found.extend(page.data.into_iter().map(|profile| (kind, profile.id)));
        }
    }
    if let Some(id) = record_id::to_long(who) {
        found.extend(store.profiles_of_record(connection.id, &id).await?);
    }
    found.sort_by(|a, b| (a.0.as_str(), &a.1).cmp(&(b.0.as_str(), &b.1)));
    found.dedup();
    Ok(found)
}

fn in_words(explanation: &Explanation) -> String {
    let mut text = format!("{} {}", explanation.kind, explanation.id);
    if let Some(name) = &explanation.name {
        let _ = write!(text, " ({})", printable(name));
    }
    text.push('\n');
    if explanation.mappings.is_empty() {
        let _ = writeln!(text, "  No mapping is about {} profiles.", explanation.kind);
    }
    for mapping in &explanation.mappings {
        let paused = if mapping.paused { ", paused" } else { "" };
        let _ = writeln!(text, "  {} ↔ {} ({}{paused})", mapping.salesforce, explanation.kind, mapping.matches);
        let since = mapping.linked_at.map(|at| format!(" Since {}.", at.strftime("%Y-%m-%d %H:%M UTC")));
        let _ = writeln!(text, "    {}{}", printable(&mapping.reason), since.unwrap_or_default());
        for field in &mapping.fields {
            let mark = match field.state {
                FieldState::InStep => "✓",
                FieldState::Waiting => "…",
                FieldState::Failed => "✗",
                FieldState::Unknown => "?",
            };
            let sides = [&field.source, &field.target].map(|value| printable(&value.to_string()));
            let _ = writeln!(text, "    {mark} {} → {}: {} → {}", field.from, field.to, sides[0], sides[1]);
            if let Some(message) = &field.message {
                let _ = writeln!(text, "        {message}");
            }
            if let (Some(at), Some(value)) = (field.synced_at, &field.synced_value) {
                let (at, value) = (at.strftime("%Y-%m-%d %H:%M:%S UTC"), printable(&value.to_string()));
                let from = field.synced_from.as_ref().map(|from| format!(" from {}", printable(from)));
                let _ = writeln!(text, "        set to {value}{} at {at}", from.unwrap_or_default());
            }
        }
        for line in mapping.waiting.iter().chain(&mapping.issues) {
            let _ = writeln!(text, "    ! {}", printable(line));
        }
    }
    text
}

/// Without what would steer a terminal, and no longer than a line.
pub(crate) fn printable(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    let mut shown: String =
        text.chars().take(CHARS_MAX).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}
