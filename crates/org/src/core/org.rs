//! The org: its objects, rows, event log and people. Reads are here; writes are in [`super::write`].

use std::collections::HashMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::access::{AccessCache, Permission};
use super::automation::Automations;
use super::capture::Capture;
use super::catalog;
use super::channel::Channels;
use super::delivery::Deliveries;
use super::edition::{Allowances, Edition};
use super::error::WriteError;
use super::event::{CommittedEvent, EventLog, LogEntry};
use super::feature::SharedFields;
use super::history::History;
use super::id;
use super::metadata::Setup;
use super::oauth::OAuthState;
use super::record_type::RecordTypes;
use super::row::{Draft, Row};
use super::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
use super::table::{Slot, Table};
use super::value::FieldValue;

/// How long the event bus keeps events (Pub/Sub API guide: 72 hours).
pub const EVENT_RETENTION_MS: i64 = 72 * 3600 * 1000;

/// Alias of the second administrator.
const SECOND_USER: &str = "oskar";

/// Who the org is and who runs it.
#[derive(Clone, Debug)]
pub struct OrgProfile {
    /// Name of the company.
    pub name: String,
    /// Sign-in name of the administrator.
    pub admin_username: String,
    /// The administrator's password.
    pub admin_password: String,
    /// First name of the administrator.
    pub admin_first_name: String,
    /// Last name of the administrator.
    pub admin_last_name: String,
    /// What was bought.
    pub edition: Edition,
}

impl Default for OrgProfile {
    fn default() -> OrgProfile {
        OrgProfile {
            name: "Northwind Traders".to_owned(),
            admin_username: "admin@northwind.example".to_owned(),
            admin_password: "northwind-demo-1".to_owned(),
            admin_first_name: "Nora".to_owned(),
            admin_last_name: "Winther".to_owned(),
            edition: Edition::default(),
        }
    }
}

/// A whole Salesforce org in memory.
#[derive(Debug)]
pub struct Org {
    pub(crate) tables: Vec<Table>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<String, usize>,
    pub(crate) log: EventLog,
    pub(crate) capture: Capture,
    pub(crate) channels: Channels,
    pub(crate) deliveries: Deliveries,
    pub(crate) commit_number: i64,
    pub(crate) rng: StdRng,
    pub(crate) oauth: OAuthState,
    pub(crate) access: AccessCache,
    pub(super) allowances: Allowances,
    pub(super) history: History,
    pub(super) record_types: RecordTypes,
    /// `None` until the org has person accounts.
    pub(super) person_accounts: Option<SharedFields>,
    /// The articles and the view of all article types, if there are any.
    pub(super) articles: Option<(usize, usize)>,
    pub(super) automations: Automations,
    /// What followed another record to the recycle bin, and which. Only true of what is in the bin.
    pub(super) deleted_with: HashMap<(usize, Slot), (usize, Slot)>,
    /// What left the recycle bin for good, by table, with the time of its deletion: the log of deletions still knows it.
    pub(super) purged: HashMap<usize, Vec<(String, i64)>>,
    /// Locked records, with the time until when.
    pub(super) row_locks: HashMap<String, Option<i64>>,
    org_id: String,
    admin_user_id: String,
    second_user_id: String,
    name: String,
    made_ms: i64,
    pub(super) setup: Setup,
}

impl Org {
    /// An org with its standard objects, one administrator and no other records.
    ///
    /// Everything random (tokens, transaction keys, gaps between replay ids) follows from `seed`.
    pub fn new(profile: &OrgProfile, seed: [u8; 32], now_ms: i64) -> Org {
        let mut rng = StdRng::from_seed(seed);
        let mut org = Org {
            tables: Vec::new(),
            by_name: HashMap::new(),
            by_prefix: HashMap::new(),
            log: EventLog::new(&mut rng),
            capture: Capture::default(),
            channels: Channels::default(),
            deliveries: Deliveries::default(),
            commit_number: 10_000_000_000 + (rng.next_u64() % 1_000_000_000) as i64,
            rng,
            oauth: OAuthState::default(),
            access: AccessCache::default(),
            allowances: Allowances::new(profile.edition),
            history: History::default(),
            record_types: RecordTypes::default(),
            person_accounts: None,
            articles: None,
            automations: Automations::default(),
            deleted_with: HashMap::new(),
            purged: HashMap::new(),
            row_locks: HashMap::new(),
            org_id: String::new(),
            admin_user_id: String::new(),
            second_user_id: String::new(),
            name: profile.name.clone(),
            made_ms: now_ms,
            setup: Setup::default(),
        };
        for schema in catalog::standard_objects() {
            org.add_object(schema);
        }
        org.people_it(profile, now_ms);
        org.select_default_entities(now_ms);
        org
    }

    fn people_it(&mut self, profile: &OrgProfile, now_ms: i64) {
        let organization: &[(&str, FieldValue)] = &[
            ("Name", profile.name.as_str().into()),
            ("OrganizationType", profile.edition.organization_type().into()),
            ("InstanceName", "LOC1".into()),
            ("DefaultLocaleSidKey", "en_US".into()),
            ("TimeZoneSidKey", "GMT".into()),
            ("LanguageLocaleKey", "en_US".into()),
        ];
        self.org_id = self.load_one("Organization", organization, now_ms);
        let mut administrator: Vec<(&str, FieldValue)> = vec![("Name", "System Administrator".into())];
        administrator.extend(Permission::ALL.map(|permission| (permission.field(), true.into())));
        let admin_profile = self.load_one("Profile", &administrator, now_ms);
        let standard: &[(&str, FieldValue)] =
            &[("Name", "Standard User".into()), (Permission::ApiEnabled.field(), true.into())];
        let standard_profile = self.load_one("Profile", standard, now_ms);
        let alias: String = profile.admin_username.chars().take_while(|c| c.is_ascii_alphanumeric()).take(8).collect();
        let admin: &[(&str, FieldValue)] = &[
            ("Username", profile.admin_username.as_str().into()),
            ("Email", profile.admin_username.as_str().into()),
            ("FirstName", profile.admin_first_name.as_str().into()),
            ("LastName", profile.admin_last_name.as_str().into()),
            ("Alias", alias.as_str().into()),
            ("CommunityNickname", alias.as_str().into()),
            ("CompanyName", profile.name.as_str().into()),
            ("ProfileId", admin_profile.as_str().into()),
            ("IsActive", true.into()),
        ];
        self.admin_user_id = self.load_one("User", admin, now_ms);
        let domain = profile.admin_username.split_once('@').map_or("northwind.example", |(_, domain)| domain);
        let second: &[(&str, FieldValue)] = &[
            ("Username", format!("{SECOND_USER}@{domain}").into()),
            ("Email", format!("{SECOND_USER}@{domain}").into()),
            ("FirstName", "Oskar".into()),
            ("LastName", "Lind".into()),
            ("Alias", SECOND_USER.into()),
            ("CommunityNickname", SECOND_USER.into()),
            ("CompanyName", profile.name.as_str().into()),
            ("ProfileId", admin_profile.as_str().into()),
            ("IsActive", true.into()),
        ];
        self.second_user_id = self.load_one("User", second, now_ms);
        self.equip_profile(&admin_profile, true, now_ms);
        self.equip_profile(&standard_profile, false, now_ms);
        self.oauth.set_password(&self.admin_user_id, &profile.admin_password, &mut self.rng);
        for (object, rows) in catalog::standard_rows() {
            self.load(object, rows, now_ms).expect("the catalogue has these objects and fields");
        }
    }

    fn load_one(&mut self, object: &str, values: &[(&str, FieldValue)], now_ms: i64) -> String {
        let ids = self.load(object, vec![values.to_vec()], now_ms).expect("the catalogue has these objects and fields");
        ids.into_iter().next().expect("one row was loaded")
    }

    pub(crate) fn add_object(&mut self, mut schema: ObjectSchema) {
        let at = self.tables.len();
        schema.number = at;
        self.by_name.insert(schema.name.to_ascii_lowercase(), at);
        // The view of all article types shares its ids with the type.
        self.by_prefix.entry(schema.key_prefix.clone()).or_insert(at);
        self.tables.push(Table::new(schema));
        self.access.outdate();
    }

    /// Takes an object out of use; its number stays taken.
    pub(crate) fn remove_object(&mut self, at: usize) {
        let schema = &mut self.tables[at].schema;
        schema.removed = true;
        schema.version += 1;
        self.by_name.remove(&schema.name.to_ascii_lowercase());
        self.by_prefix.remove(&schema.key_prefix);
        self.access.outdate();
    }

    /// Puts rows in without transactions, checks or events: for seeding. Values are taken as they are, by API name.
    ///
    /// What is not given is filled in: the id, the audit fields (`CreatedDate` becomes `now_ms`, the other stamps follow from
    /// it), owner and users (the administrator), defaults, and fields that follow from others. Gives back the ids, in order.
    pub fn load<N: AsRef<str>>(
        &mut self,
        object: &str,
        rows: Vec<Vec<(N, FieldValue)>>,
        now_ms: i64,
    ) -> Result<Vec<String>, WriteError> {
        let at = self.table_index(object).ok_or_else(|| no_such_object(object))?;
        let mut ids = Vec::with_capacity(rows.len());
        for values in rows {
            let mut row = Draft::default();
            for (name, value) in values {
                let schema = &self.tables[at].schema;
                let index = schema
                    .index_of(name.as_ref())
                    .ok_or_else(|| WriteError::no_such_column(name.as_ref(), &schema.name))?;
                row.set(index, value);
            }
            let (slot, id) = self.tables[at].reserve();
            self.fill_in(at, &id, &mut row, &self.admin_user_id.clone(), now_ms);
            // Rows are put in as they are, also where a writer would be told that something is amiss.
            let _ = self.derive(at, None, &mut row, now_ms);
            self.replace_row(at, slot, Some(row.pack()));
            ids.push(id);
        }
        self.access.note_write(&self.tables[at].schema);
        Ok(ids)
    }

    /// Gives a field of a loaded row its value: for what was not known when it was loaded.
    pub(crate) fn load_into(&mut self, id: &str, field: FieldIndex, value: FieldValue) {
        let Some((at, slot)) = self.locate(id) else { return };
        let Some(mut row) = self.tables[at].row(slot).map(Row::unpack) else { return };
        row.set(field, value);
        self.tables[at].replace(slot, Some(row.pack()));
    }

    /// Id of the record of an object whose indexed field has a value.
    pub(crate) fn find_by_key(&self, object: &str, field: &str, key: &str) -> Option<String> {
        let table = self.table(object)?;
        let index = table.schema.index_of(field).filter(|index| table.is_indexed(*index))?;
        let row = table.row(table.find(index, FieldValue::Text(key)).next()?)?;
        Some(table.id_of(row).to_owned())
    }

    /// Gives a new row its id, stamps, users and defaults, where it has none.
    pub(crate) fn fill_in(&mut self, table: usize, id: &str, row: &mut Draft, user_id: &str, now_ms: i64) {
        self.tables[table].number_new(row);
        let Table { schema, system, .. } = &self.tables[table];
        let mut set_if_null = |index: FieldIndex, value: FieldValue| {
            if row.get(index).is_null() {
                row.set(index, value);
            }
        };
        // The first user is its own creator.
        let user = FieldValue::text(if user_id.is_empty() { id } else { user_id });
        set_if_null(system.id, FieldValue::Text(id.into()));
        set_if_null(system.created_date, FieldValue::DateTime(now_ms / 1000 * 1000));
        set_if_null(system.created_by, user.clone());
        set_if_null(system.last_modified_by, user.clone());
        if let Some(owner) = system.owner {
            set_if_null(owner, user);
        }
        for (index, field) in schema.each_field() {
            set_if_null(index, field.default.clone());
        }
        let created = row.get(system.created_date).to_value();
        if row.get(system.last_modified_date).is_null() {
            row.set(system.last_modified_date, created);
        }
        if row.get(system.system_modstamp).is_null() {
            row.set(system.system_modstamp, row.get(system.last_modified_date).to_value());
        }
    }

    /// 18-character id of the org.
    pub fn org_id(&self) -> &str {
        &self.org_id
    }

    /// Name of the company.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// 18-character id of the administrator.
    pub fn admin_user_id(&self) -> &str {
        &self.admin_user_id
    }

    /// 18-character id of another administrator, who has no password: the second writer of tests.
    pub fn second_user_id(&self) -> &str {
        &self.second_user_id
    }

    /// 18-character id of the user with this name.
    pub fn user_named(&self, username: &str) -> Option<String> {
        let table = self.table("User")?;
        let slot = table.find(table.schema.index_of("Username")?, FieldValue::Text(username)).next()?;
        Some(table.id_of(table.row(slot)?).to_owned())
    }

    /// Every object, in the order of the global describe.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectSchema> {
        self.tables.iter().map(|table| &table.schema).filter(|schema| !schema.removed)
    }

    /// An object by its API name, in any case.
    pub fn object(&self, name: &str) -> Option<&ObjectSchema> {
        self.table(name).map(|table| &table.schema)
    }

    /// The object whose ids begin with these three characters.
    pub fn object_with_prefix(&self, prefix: &str) -> Option<&ObjectSchema> {
        self.by_prefix.get(prefix).map(|at| &self.tables[*at].schema)
    }

    /// The record with an 18-character id, deleted or not, with its object.
    pub fn record(&self, id: &str) -> Option<(&ObjectSchema, &Row)> {
        let table = &self.tables[*self.by_prefix.get(id::key_prefix(id))?];
        Some((&table.schema, table.row_by_id(id)?))
    }

    /// Whether a record is in the recycle bin.
    pub fn is_deleted(&self, object: &ObjectSchema, row: &Row) -> bool {
        object.index_of("IsDeleted").is_some_and(|index| row.get(index) == FieldValue::Boolean(true))
    }

    /// When the org was made.
    pub(crate) fn made_ms(&self) -> i64 {
        self.made_ms
    }

    /// Number of records of an object, without those in the recycle bin.
    pub fn record_count(&self, object: &str) -> usize {
        self.table(object).map_or(0, |table| table.iter().filter(|(_, row)| !table.is_deleted(row)).count())
    }

    /// Reference fields of other objects that point to this one: (child object, field).
    pub fn child_relationships(&self, object: &str) -> Vec<(&ObjectSchema, &FieldSchema)> {
        let points_here = |field: &&FieldSchema| field.reference_to.iter().any(|target| target == object);
        self.objects()
            .flat_map(|child| {
                child.each_field().map(|(_, field)| field).filter(points_here).map(move |field| (child, field))
            })
            .collect()
    }

    /// Changes of records after a position; from the earliest kept one for `None`. Positions need not be in the log still.
    pub fn events_after(&self, replay_id: Option<u64>) -> impl Iterator<Item = &Arc<CommittedEvent>> {
        self.log.after(replay_id).filter_map(|entry| match entry {
            LogEntry::Change(event) => Some(event),
            LogEntry::Published(_) => None,
        })
    }

    /// Position of the newest event; a position from before the first one if there was none.
    pub fn latest_replay_id(&self) -> u64 {
        self.log.latest()
    }

    /// Whether a subscriber may resume from a position: that of a kept event, or the newest.
    pub fn replay_id_is_valid(&self, replay_id: u64) -> bool {
        self.log.is_valid(replay_id)
    }

    /// Drops events past their retention. Every commit does this too.
    pub fn expire_events(&mut self, now_ms: i64) {
        self.log.expire(now_ms - EVENT_RETENTION_MS);
    }

    /// Forgets every event, and with them every position that subscribers hold.
    pub fn forget_events(&mut self) {
        let distance = self.rng.next_u64() % 1_000;
        self.log.forget(distance);
    }

    /// Moves the org to another instance: events are lost, and positions begin somewhere else.
    pub fn migrate(&mut self) {
        let distance = (1 << 40) + self.rng.next_u64() % (1 << 40);
        self.log.forget(distance);
        self.commit_number = 10_000_000_000 + (self.rng.next_u64() % 1_000_000_000) as i64;
    }

    pub(crate) fn table_index(&self, name: &str) -> Option<usize> {
        match self.by_name.get(name) {
            Some(at) => Some(*at),
            None => self.by_name.get(&name.to_ascii_lowercase()).copied(),
        }
    }

    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.table_index(name).map(|at| &self.tables[at])
    }

    pub(crate) fn table_with_prefix(&self, prefix: &str) -> Option<usize> {
        self.by_prefix.get(prefix).copied()
    }

    /// Where the row is that a reference of another one leads to, deleted or not. Definitions are referred to by their durable
    /// ids, everything else by record ids.
    pub(crate) fn parent(&self, table: &Table, row: &Row, index: FieldIndex) -> Option<(usize, Slot)> {
        let key = row.get(index).as_text()?;
        if table.schema.field(index).field_type == FieldType::Reference {
            return self.locate(key);
        }
        let at = self.table_index(table.schema.field(index).reference_to.first()?)?;
        let durable_id = self.tables[at].schema.index_of("DurableId")?;
        let slot = self.tables[at].find(durable_id, FieldValue::Text(key)).next()?;
        Some((at, slot))
    }

    /// Where the row with an 18-character id is, deleted or not.
    pub(crate) fn locate(&self, id: &str) -> Option<(usize, Slot)> {
        let at = self.table_with_prefix(id::key_prefix(id))?;
        Some((at, self.tables[at].slot_of(id)?))
    }
}

pub(super) fn no_such_object(object: &str) -> WriteError {
    WriteError::new("INVALID_TYPE", format!("sObject type '{object}' is not supported."))
}
