//! Rules that do not depend on where the rows are kept, so that every store follows the same ones. Pure.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use jiff::Timestamp;
use syncline_model::{
    Value, Values,
    attribute::{
        AttributeDefinition, AttributeOperation, DataType, EventDefinition, Origin, Scope, display_name, to_millisecond,
    },
    change::RecordChange,
    connection::{ConnectionStatus, OrgIdentity},
    convert,
    custom_field::{WantedField, WantedFieldState},
    feed::Feed,
    id::{IssueId, MappingId},
    issue::{Issue, IssueFilter, IssueKind, NewIssue},
    mapping::{Concern, MappingDefinition, MatchKey, ObjectMapping},
    profile::{Profile, ProfileFilter, ProfileKind, ProfileWrite},
    record::{Applied, HeldRecord, Record},
    source,
    store::StoreError,
    summary::{Answered, EventSummary, QuestionDefinition, implied_type},
    work::{Lane, Settlement, WorkKey},
};

/// After so long nobody waits for the answer of an inquiry any more.
pub(crate) const INQUIRY_LIFE_MS: i64 = 10 * 60 * 1000;

/// Items to be marked due; of two lanes for one item the higher one counts.
#[derive(Debug, Default)]
pub(crate) struct Marks(BTreeMap<(MappingId, String), Lane>);

impl Marks {
    pub(crate) fn add(&mut self, mapping: MappingId, profile: &str, lane: Lane) {
        let known = self.0.entry((mapping, profile.to_owned())).or_insert(lane);
        *known = lane.max(*known);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&MappingId, &String, Lane)> {
        self.0.iter().map(|((mapping, profile), lane)| (mapping, profile, *lane))
    }
}

/// The attributes, events and questions that an environment knows, with those that a transaction adds.
#[derive(Debug)]
pub(crate) struct Definitions {
    types: BTreeMap<(Scope, String), DataType>,
    events: BTreeSet<String>,
    questions: BTreeMap<String, QuestionDefinition>,
    origin: Origin,
    now: Timestamp,
    /// Attributes to be added.
    pub(crate) new_attributes: Vec<AttributeDefinition>,
    /// Events to be added.
    pub(crate) new_events: Vec<EventDefinition>,
    /// Questions to be added, or to be called otherwise, by id.
    pub(crate) new_questions: BTreeMap<String, QuestionDefinition>,
}

impl Definitions {
    pub(crate) fn new(
        types: BTreeMap<(Scope, String), DataType>,
        events: BTreeSet<String>,
        questions: BTreeMap<String, QuestionDefinition>,
        origin: Origin,
        now: Timestamp,
    ) -> Self {
        let (new_attributes, new_events, new_questions) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { types, events, questions, origin, now, new_attributes, new_events, new_questions }
    }

    /// The attribute's type; one that is new gets the implied type. `None` where nothing tells a type.
    fn type_of(&mut self, scope: Scope, name: &str, implied: Option<DataType>) -> Result<Option<DataType>, StoreError> {
        if let Some(known) = self.types.get(&(scope, name.to_owned())) {
            return Ok(Some(*known));
        }
        let Some(data_type) = implied else { return Ok(None) };
        check_name(name, name)?;
        self.types.insert((scope, name.to_owned()), data_type);
        self.new_attributes.push(AttributeDefinition {
            scope,
            name: name.to_owned(),
            display_name: display_name(name),
            description: None,
            data_type,
            origin: self.origin,
            created_at: self.now,
        });
        Ok(Some(data_type))
    }

    /// Applies operations in their order.
    pub(crate) fn apply<'a>(
        &mut self,
        scope: Scope,
        attributes: &mut Values,
        operations: impl IntoIterator<Item = (&'a String, &'a AttributeOperation)>,
    ) -> Result<(), StoreError> {
        for (name, operation) in operations {
            let Some(data_type) = self.type_of(scope, name, operation.implied_type())? else { continue };
            let current = attributes.get(name).unwrap_or(&Value::Null);
            let value = operation
                .apply(current, data_type)
                .map_err(|reason| StoreError::Misfit { attribute: name.clone(), reason })?;
            set(attributes, name, value);
        }
        Ok(())
    }

    /// Sets values, as [`Self::apply`] would with [`AttributeOperation::set`], but for what is known of events.
    pub(crate) fn set(&mut self, scope: Scope, attributes: &mut Values, values: &Values) -> Result<(), StoreError> {
        for (name, value) in values {
            let implied = match scope {
                Scope::Event => implied_type(name, value),
                _ => DataType::inferred(value),
            };
            let Some(data_type) = self.type_of(scope, name, implied)? else { continue };
            let value = convert::to_attribute(value, data_type)
                .map_err(|misfit| StoreError::Misfit { attribute: name.clone(), reason: misfit.to_string() })?;
            set(attributes, name, value);
        }
        Ok(())
    }

    /// Makes an event known.
    pub(crate) fn name_event(&mut self, name: &str) -> Result<(), StoreError> {
        check_name("event name", name)?;
        if self.events.insert(name.to_owned()) {
            self.new_events.push(EventDefinition {
                name: name.to_owned(),
                display_name: display_name(name),
                description: None,
                created_at: self.now,
            });
        }
        Ok(())
    }

    /// Makes the question known that an event tells an answer to.
    pub(crate) fn name_question(&mut self, event: &str, attributes: &Values) -> Result<(), StoreError> {
        let Some(answered) = Answered::of(event, attributes) else { return Ok(()) };
        let Some(data_type) = answered.data_type() else { return Ok(()) };
        let Answered { question: id, name, .. } = answered;
        check_name("question_cvid", &id)?;
        check_name("question_name", &name)?;
        let known = self.questions.get(&id);
        if known.is_none_or(|known| known.name != name) {
            let (data_type, created_at) =
                known.map_or((data_type, self.now), |known| (known.data_type, known.created_at));
            let question = QuestionDefinition { id: id.clone(), name, data_type, created_at };
            self.questions.insert(id.clone(), question.clone());
            self.new_questions.insert(id, question);
        }
        Ok(())
    }
}

fn set(attributes: &mut Values, name: &str, value: Value) {
    if value.is_null() {
        attributes.remove(name);
    } else {
        attributes.insert(name.to_owned(), value);
    }
}

/// PostgreSQL keeps no zero character in a text, so no name and no id may have one.
fn check_name(attribute: &str, name: &str) -> Result<(), StoreError> {
    if name.contains('\0') {
        let reason = "it must not contain the character U+0000".to_owned();
        return Err(StoreError::Misfit { attribute: attribute.replace('\0', "\u{fffd}"), reason });
    }
    Ok(())
}

/// Refuses ids that can not be kept.
pub(crate) fn check_ids(write: &[ProfileWrite]) -> Result<(), StoreError> {
    for step in write {
        let ids: [Option<&String>; 2] = match step {
            ProfileWrite::Upsert { id, .. } | ProfileWrite::Delete { id, .. } => [Some(id), None],
            ProfileWrite::Join { user_id, company_id, .. } | ProfileWrite::Leave { user_id, company_id } => {
                [Some(user_id), Some(company_id)]
            }
            ProfileWrite::Prune { user_id, .. } => [Some(user_id), None],
            ProfileWrite::Track { user_id, company_id, .. } => [user_id.as_ref(), company_id.as_ref()],
        };
        for id in ids.into_iter().flatten() {
            check_name("id", id)?;
        }
    }
    Ok(())
}

/// The profile after an upsert.
pub(crate) fn upserted(
    before: Option<&Profile>,
    kind: ProfileKind,
    id: &str,
    operations: &[(String, AttributeOperation)],
    seen: bool,
    definitions: &mut Definitions,
) -> Result<Profile, StoreError> {
    let now = definitions.now;
    let mut profile = before.cloned().unwrap_or_else(|| Profile {
        kind,
        id: id.to_owned(),
        attributes: Values::new(),
        created_at: now,
        last_seen_at: None,
        summary: EventSummary::default(),
        revision: 0,
    });
    let named = operations.iter().map(|(name, operation)| (name, operation));
    definitions.apply(kind.into(), &mut profile.attributes, named)?;
    if seen {
        profile.last_seen_at = Some(now);
    }
    if before
        .is_none_or(|before| before.attributes != profile.attributes || before.last_seen_at != profile.last_seen_at)
    {
        profile.revision += 1;
    }
    Ok(profile)
}

/// Who an event is about.
pub(crate) fn concerned(user_id: Option<&String>, company_id: Option<&String>) -> Vec<(ProfileKind, String)> {
    let of = |kind, id: Option<&String>| id.map(|id| (kind, id.clone()));
    of(ProfileKind::User, user_id).into_iter().chain(of(ProfileKind::Company, company_id)).collect()
}

/// Adds an event to what is known of a profile.
pub(crate) fn add_up(profile: &mut Profile, event: &str, time: Timestamp, attributes: &Values) {
    profile.summary.take_in(event, time, attributes);
    profile.revision += 1;
}

/// Whether anything was brought into step: what ends a link clears its attributes.
pub(crate) fn has_synced(settlement: &Settlement) -> bool {
    !(settlement.unlink || settlement.attributes.is_empty() && settlement.written.is_empty())
}

/// How a transaction changes one profile.
#[derive(Debug)]
pub(crate) struct ProfileChange {
    pub(crate) before: Option<Profile>,
    pub(crate) after: Option<Profile>,
}

/// Who changed a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// The application, the API, an administrator.
    Environment,
    /// A work item of this mapping.
    Item(MappingId),
}

/// What the change of a profile means for one mapping of its kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Consequence {
    /// The profile has another match key now, perhaps none: it is not searched.
    pub(crate) key: Option<Option<MatchKey>>,
    /// Its item is due there.
    pub(crate) lane: Lane,
}

impl ProfileChange {
    /// The attributes and computed sources that have another value afterwards.
    pub(crate) fn changed(&self) -> BTreeSet<Cow<'_, str>> {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => source::changed(before, after),
            _ => BTreeSet::new(),
        }
    }

    /// What it means for a mapping; `None` if nothing. `changed` is what [`Self::changed`] gives, which is the same for all mappings.
    pub(crate) fn consequence(
        &self,
        mapping: MappingId,
        definition: &MappingDefinition,
        author: Author,
        changed: &BTreeSet<Cow<'_, str>>,
    ) -> Option<Consequence> {
        let (before, after) = match (&self.before, &self.after) {
            (None, None) => return None,
            (Some(before), Some(after)) => (before, after),
            (_, after) => {
                let key = after.as_ref().and_then(|after| match_key(definition, after));
                return Some(Consequence { key: Some(key), lane: Lane::Remote });
            }
        };
        let key = match_key(definition, after);
        if key != match_key(definition, before) {
            return Some(Consequence { key: Some(key), lane: Lane::Remote });
        }
        let lane = match (definition.concern(changed), author) {
            // An item has dealt with its own mapping, and what it set there is what is held.
            (_, Author::Item(own)) if own == mapping => return None,
            (Concern::None, _) => return None,
            (Concern::Outbound, _) => Lane::Remote,
            // Another mapping that feeds the attribute too has set it: which of the two comes first is to be seen again, since its
            // item may have been planned before what is held now.
            (Concern::Inbound, _) => Lane::Local,
        };
        Some(Consequence { key: None, lane })
    }

    /// Whether the profile was seen, and is the same one as before.
    pub(crate) fn seen(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => before.last_seen_at != after.last_seen_at,
            _ => false,
        }
    }
}

/// The profile's key, unless it is one that no database keeps.
pub(crate) fn match_key(definition: &MappingDefinition, profile: &Profile) -> Option<MatchKey> {
    definition.match_rule.profile_key(profile).filter(|key| !key.as_str().contains('\0'))
}

/// What the `email` filter compares: trimmed and lower-cased.
pub(crate) fn email(profile: &Profile) -> Option<String> {
    let text = profile.attribute("email").as_text()?.trim().to_lowercase().replace('\0', "");
    (!text.is_empty()).then_some(text)
}

/// What the `search` filter looks in: id, name and address, lower-cased, each on a line of its own.
pub(crate) fn search_text(profile: &Profile) -> String {
    let attribute = |name| profile.attribute(name).as_text().unwrap_or_default();
    format!("{}\n{}\n{}", profile.id, attribute("name"), attribute("email")).to_lowercase().replace('\0', "")
}

/// The filter's search words in the form of [`search_text`]; `None` where there are none.
pub(crate) fn search_words(filter: &ProfileFilter) -> Option<String> {
    filter.search.as_deref().and_then(words_of)
}

/// A text to search for, in the form in which texts are searched; `None` where there is nothing to search for.
pub(crate) fn words_of(text: &str) -> Option<String> {
    Some(text.trim().to_lowercase().replace('\0', "")).filter(|text| !text.is_empty())
}

/// The filter's address in the form of [`email`].
pub(crate) fn email_wanted(filter: &ProfileFilter) -> Option<String> {
    filter.email.as_ref().map(|text| text.trim().to_lowercase().replace('\0', ""))
}

/// The issues that an item has after those of `new` replaced the `old` ones; one that was there already keeps its id and
/// first time. Two about the same field of the same record are one.
pub(crate) fn replaced_issues(
    old: Vec<Issue>,
    item: &WorkKey,
    kind: ProfileKind,
    new: &[NewIssue],
    now: Timestamp,
) -> Vec<Issue> {
    let same = |a: &NewIssue, b: &NewIssue| (a.kind, &a.field, &a.record_id) == (b.kind, &b.field, &b.record_id);
    let mut issues: Vec<Issue> = Vec::new();
    for new in new {
        if issues.iter().any(|issue| same(&issue.issue, new)) {
            continue;
        }
        let known = old.iter().find(|old| same(&old.issue, new));
        issues.push(Issue {
            id: known.map_or_else(|| IssueId::new(now), |known| known.id),
            mapping_id: item.mapping_id,
            profile_kind: kind,
            profile_id: item.profile_id.clone(),
            issue: new.clone(),
            first_at: known.map_or(now, |known| known.first_at),
            last_at: now,
            count: known.map_or(1, |known| known.count + 1),
        });
    }
    issues
}

/// Whether an issue is one of those that a filter means; `profile` is its profile, unless that is deleted.
pub(crate) fn is_meant(filter: &IssueFilter, issue: &Issue, profile: Option<&Profile>) -> bool {
    let IssueFilter { id, mappings, kind, code, field, profile: of, search } = filter;
    let what = &issue.issue;
    let has = |words: &String| {
        let own = [&issue.profile_id, &what.code, &what.cause].into_iter().chain(&what.record_id).chain(&what.field);
        profile.is_some_and(|profile| search_text(profile).contains(words))
            || own.into_iter().any(|text| text.to_lowercase().contains(words))
    };
    id.is_none_or(|id| id == issue.id)
        && mappings.as_ref().is_none_or(|mappings| mappings.contains(&issue.mapping_id))
        && kind.is_none_or(|kind| kind == what.kind)
        && code.as_ref().is_none_or(|code| *code == what.code)
        && field.as_ref().is_none_or(|field| field == what.field.as_deref().unwrap_or_default())
        && of.as_ref().is_none_or(|(kind, id)| (*kind, id) == (issue.profile_kind, &issue.profile_id))
        && search.as_deref().and_then(words_of).is_none_or(|words| has(&words))
}

/// What issues of one group have in common, in the order in which groups are told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IssueGroupKey {
    position: i64,
    mapping: MappingId,
    kind: IssueKind,
    field: Option<String>,
    code: String,
}

impl IssueGroupKey {
    /// The key of the group that the issue is in; `position` is its mapping's.
    pub(crate) fn of(position: i64, issue: &Issue) -> Self {
        let NewIssue { kind, field, code, .. } = &issue.issue;
        Self { position, mapping: issue.mapping_id, kind: *kind, field: field.clone(), code: code.clone() }
    }
}

/// Checks targets of a mapping against what is known.
pub(crate) fn check_target(target: &AttributeDefinition, known: DataType) -> Result<(), StoreError> {
    if known == target.data_type {
        return Ok(());
    }
    let (name, wanted) = (&target.name, target.data_type);
    Err(StoreError::Conflict(format!(
        "the attribute `{name}` exists as a {known}; the mapping would fill it with a {wanted}"
    )))
}

/// Object and id of a record.
type RecordKey = (String, String);

/// What news and reads did to held copies.
#[derive(Debug, Default)]
pub(crate) struct TakenIn {
    /// Copies that are to be kept anew.
    pub(crate) touched: BTreeSet<RecordKey>,
    /// Those that say something else now, or are known to be wrong: whoever is linked to them is due.
    pub(crate) changed: BTreeSet<RecordKey>,
    /// Those that were stale until a read made them certain: whoever needs them is due, unless it is already.
    pub(crate) cleared: BTreeSet<RecordKey>,
    /// Those that a read found otherwise although they were not stale: news of them was missed, or is late.
    pub(crate) missed: BTreeSet<RecordKey>,
}

impl TakenIn {
    /// Takes in news.
    pub(crate) fn changes(&mut self, copies: &mut BTreeMap<RecordKey, HeldRecord>, changes: &[RecordChange]) {
        for change in changes {
            let key = (change.object.clone(), change.record_id.clone());
            let Some(held) = copies.get_mut(&key) else { continue };
            match held.apply(change) {
                Applied::Older => continue,
                Applied::Confirmed => {}
                Applied::Changed => {
                    self.changed.insert(key.clone());
                }
            }
            self.touched.insert(key);
        }
    }

    /// Takes in what questions that named no record gave, and what is gone by them.
    pub(crate) fn found(
        &mut self,
        copies: &mut BTreeMap<RecordKey, HeldRecord>,
        reads: &[Record],
        gone: &[(String, String)],
    ) {
        for read in reads {
            let key = (read.object.clone(), read.id.clone());
            self.read(copies, key, |held| held.refresh(read.clone(), None));
        }
        for key in gone {
            self.read(copies, key.clone(), |held| held.vanish(None));
        }
    }

    /// Takes in what reads of just these records gave, which were asked for at these revisions of their copies.
    pub(crate) fn answers(
        &mut self,
        copies: &mut BTreeMap<RecordKey, HeldRecord>,
        object: &str,
        asked: &[(String, i64)],
        read: Vec<Record>,
    ) {
        let mut read: BTreeMap<String, Record> = read.into_iter().map(|record| (record.id.clone(), record)).collect();
        for (id, revision) in asked {
            let record = read.remove(id);
            self.read(copies, (object.to_owned(), id.clone()), |held| match record {
                Some(record) => held.refresh(record, Some(*revision)),
                None => held.vanish(Some(*revision)),
            });
        }
    }

    fn read(
        &mut self,
        copies: &mut BTreeMap<RecordKey, HeldRecord>,
        key: RecordKey,
        take: impl FnOnce(&mut HeldRecord),
    ) {
        let Some(held) = copies.get_mut(&key) else { return };
        let before = held.clone();
        take(held);
        if *held == before {
            return;
        }
        self.touched.insert(key.clone());
        if before.stale {
            // Whoever needs it is due since the copy is known to be stale, but for those whose own read was refused.
            if !held.stale {
                self.cleared.insert(key);
            }
            return;
        }
        if held.stale || (before.gone, &before.values) != (held.gone, &held.values) {
            self.changed.insert(key.clone());
        }
        // A field that was not known is no news, and a read that may have been overtaken proves nothing.
        let differs = |(name, value): (&String, &Value)| held.values.get(name) != Some(value);
        if !held.stale && (before.gone != held.gone || before.values.iter().any(differs)) {
            self.missed.insert(key);
        }
    }
}

/// The feeds after `said` replaced the `old` ones, by object: one whose way and reason are what they were keeps its time, and
/// what was noted of its newest change stays.
pub(crate) fn replaced_feeds(old: &[Feed], said: &[Feed]) -> Vec<Feed> {
    let replaced = said.iter().map(|said| {
        let known = old.iter().find(|known| known.object == said.object);
        let unchanged = known.filter(|known| (known.way, &known.reason) == (said.way, &said.reason));
        let noted = known.unwrap_or(said);
        let feed = Feed {
            since: unchanged.map_or(to_millisecond(said.since), |known| known.since),
            last_change_at: noted.last_change_at.map(to_millisecond),
            last_delay_ms: noted.last_delay_ms,
            ..said.clone()
        };
        (feed.object.clone(), feed)
    });
    let by_object: BTreeMap<String, Feed> = replaced.collect();
    by_object.into_values().collect()
}

/// Milliseconds of an hour: calls are counted by the hour.
const HOUR_MS: i64 = 3_600_000;

/// The beginning of the hour, in milliseconds after 1970.
pub(crate) fn begin_of_hour(now: Timestamp) -> i64 {
    now.as_millisecond().div_euclid(HOUR_MS) * HOUR_MS
}

/// Hours that began after this are, in part at least, among the last 24.
pub(crate) fn recent_after(now: Timestamp) -> i64 {
    now.as_millisecond() - 25 * HOUR_MS
}

/// The mappings that feed an attribute which `one`, as it is or was, feeds too.
pub(crate) fn rivals(mappings: &[ObjectMapping], one: &ObjectMapping) -> BTreeSet<MappingId> {
    let targets: BTreeSet<&str> = one.definition.inbound.iter().map(|line| line.to.as_str()).collect();
    let others = mappings.iter().filter(|other| {
        other.id != one.id
            && other.definition.userflow == one.definition.userflow
            && other.definition.inbound.iter().any(|line| targets.contains(line.to.as_str()))
    });
    others.map(|other| other.id).collect()
}

/// The place of each mapping in a new order.
pub(crate) fn places(mappings: &[ObjectMapping], order: &[MappingId]) -> Result<BTreeMap<MappingId, i32>, StoreError> {
    let places: BTreeMap<MappingId, i32> = order.iter().copied().zip(0..).collect();
    if order.len() == mappings.len() && mappings.iter().all(|mapping| places.contains_key(&mapping.id)) {
        return Ok(places);
    }
    Err(StoreError::Conflict("an order names each of the connection's mappings once".to_owned()))
}

/// Whether the mapping writes to that field; names compare without regard to case, as in Salesforce.
pub(crate) fn writes(definition: &MappingDefinition, field: &WantedField) -> bool {
    definition.salesforce.eq_ignore_ascii_case(&field.object)
        && definition.outbound.iter().any(|line| line.to.eq_ignore_ascii_case(&field.name))
}

/// Whether a mapping feeds an attribute from a field that it has written itself.
pub(crate) fn reads_back(definition: &MappingDefinition, written: &Values) -> bool {
    definition.inbound.iter().any(|line| written.contains_key(&line.from))
}

/// Whether some mapping writes to that field.
pub(crate) fn is_written(mappings: &[ObjectMapping], field: &WantedField) -> bool {
    mappings.iter().any(|mapping| writes(&mapping.definition, field))
}

/// A field as it is after a mapping said that it wants it: one that is made already stays, one that was refused is wanted again.
pub(crate) fn again_wanted(known: &[WantedField], field: &WantedField) -> WantedField {
    let known = known.iter().find(|known| known.object == field.object && known.name == field.name);
    match known {
        Some(known) if known.state == WantedFieldState::Usable => known.clone(),
        Some(known) if known.state == WantedFieldState::Wanted => {
            WantedField { state: known.state, detail: known.detail.clone(), ..field.clone() }
        }
        _ => WantedField { state: WantedFieldState::Wanted, detail: None, ..field.clone() },
    }
}

/// Whether a connection can be paused.
pub(crate) fn check_pausable(status: ConnectionStatus) -> Result<(), StoreError> {
    match status {
        ConnectionStatus::Connected => Ok(()),
        _ => Err(StoreError::Conflict("only a connection that works can be paused".to_owned())),
    }
}

/// Whether a connection can be resumed.
pub(crate) fn check_resumable(status: ConnectionStatus) -> Result<(), StoreError> {
    match status {
        ConnectionStatus::Paused => Ok(()),
        _ => Err(StoreError::Conflict("only a connection that is paused can be resumed".to_owned())),
    }
}

/// Whether that can be a share of the org's calls.
pub(crate) fn check_share(percent: u8) -> Result<(), StoreError> {
    match percent {
        1..=100 => Ok(()),
        _ => Err(StoreError::Conflict("the share of the org's API calls is 1 to 100 percent".to_owned())),
    }
}

/// Why an org can not be connected to an environment.
pub(crate) fn org_taken(org: &OrgIdentity) -> StoreError {
    StoreError::Conflict(format!(
        "The Salesforce org {} is connected to another environment already, and an org can be connected to one only. \
         Disconnect it there first, or sign in to another org.",
        named(org)
    ))
}

/// Why another org can not be connected in place of the first.
pub(crate) fn other_org(first: &OrgIdentity, other: &OrgIdentity) -> StoreError {
    StoreError::Conflict(format!(
        "You signed in to the Salesforce org {}, but this environment belongs to {}: its mappings and links are about the \
         ids of that one. Connect again, choose My Domain with {}, and sign in as a user of that org. Another org, and so a sandbox \
         that was refreshed, needs a Syncline with a database of its own.",
        named(other),
        named(first),
        first.instance_url
    ))
}

fn named(org: &OrgIdentity) -> String {
    format!("\u{201c}{}\u{201d} ({})", org.org_name, org.org_id)
}
