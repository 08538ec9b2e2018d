//! What a user may see and do: system permissions, object permissions and field-level security.
//!
//! The truth is in rows of PermissionSet, PermissionSetAssignment, ObjectPermissions and FieldPermissions, which clients read and
//! write like any others. A profile is one permission set that its users have without an assignment. Nothing here knows records:
//! who may see an object sees all its records.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::catalog::is_of_people;
use super::org::Org;
use super::row::Row;
use super::schema::{FieldIndex, FieldSchema, ObjectSchema};
use super::table::{Slot, Table};
use super::value::FieldValue;

/// A system permission: a checkbox of a permission set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Salesforce's own and say all")]
pub enum Permission {
    ApiEnabled,
    ViewSetup,
    ViewAllData,
    ModifyAllData,
    CustomizeApplication,
    ManageUsers,
    ViewAllUsers,
    BulkApiHardDelete,
    UseAnyApiClient,
    ApproveUninstalledConnectedApps,
    ViewKnowledge,
}

impl Permission {
    /// Every one of them.
    pub const ALL: [Permission; 11] = [
        Permission::ApiEnabled,
        Permission::ViewSetup,
        Permission::ViewAllData,
        Permission::ModifyAllData,
        Permission::CustomizeApplication,
        Permission::ManageUsers,
        Permission::ViewAllUsers,
        Permission::BulkApiHardDelete,
        Permission::UseAnyApiClient,
        Permission::ApproveUninstalledConnectedApps,
        Permission::ViewKnowledge,
    ];

    /// API name of the checkbox.
    pub fn field(self) -> &'static str {
        match self {
            Permission::ApiEnabled => "PermissionsApiEnabled",
            Permission::ViewSetup => "PermissionsViewSetup",
            Permission::ViewAllData => "PermissionsViewAllData",
            Permission::ModifyAllData => "PermissionsModifyAllData",
            Permission::CustomizeApplication => "PermissionsCustomizeApplication",
            Permission::ManageUsers => "PermissionsManageUsers",
            Permission::ViewAllUsers => "PermissionsViewAllUsers",
            Permission::BulkApiHardDelete => "PermissionsBulkApiHardDelete",
            Permission::UseAnyApiClient => "PermissionsUseAnyApiClient",
            Permission::ApproveUninstalledConnectedApps => "PermissionsApproveUninstalledConnectedApps",
            Permission::ViewKnowledge => "PermissionsViewKnowledge",
        }
    }

    /// What an administrator reads.
    pub fn label(self) -> &'static str {
        match self {
            Permission::ApiEnabled => "API Enabled",
            Permission::ViewSetup => "View Setup and Configuration",
            Permission::ViewAllData => "View All Data",
            Permission::ModifyAllData => "Modify All Data",
            Permission::CustomizeApplication => "Customize Application",
            Permission::ManageUsers => "Manage Users",
            Permission::ViewAllUsers => "View All Users",
            Permission::BulkApiHardDelete => "Bulk API Hard Delete",
            Permission::UseAnyApiClient => "Use Any API Client",
            Permission::ApproveUninstalledConnectedApps => "Approve Uninstalled Connected Apps",
            Permission::ViewKnowledge => "View Knowledge",
        }
    }
}

/// Objects whose rows decide about access: a write to one of them ends what was worked out before.
const DECIDING: [&str; 6] =
    ["PermissionSet", "PermissionSetAssignment", "ObjectPermissions", "FieldPermissions", "User", "Profile"];

/// What one user may see and do.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    permissions: Vec<Permission>,
    /// By the object's number.
    objects: Vec<ObjectAccess>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ObjectAccess {
    reads: bool,
    creates: bool,
    edits: bool,
    deletes: bool,
    views_all: bool,
    /// By the field's position: whether it may be read, and changed.
    fields: Vec<(bool, bool)>,
}

impl ObjectAccess {
    fn allow_all(&mut self) {
        *self = ObjectAccess {
            reads: true,
            creates: true,
            edits: true,
            deletes: true,
            views_all: true,
            fields: std::mem::take(&mut self.fields),
        };
    }
}

impl Access {
    /// Whether a system permission is given.
    pub fn has(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Whether the object and its records are visible.
    pub fn reads(&self, object: &ObjectSchema) -> bool {
        self.of(object).is_some_and(|access| access.reads)
    }

    /// Whether records may be made.
    pub fn creates(&self, object: &ObjectSchema) -> bool {
        self.of(object).is_some_and(|access| access.creates)
    }

    /// Whether records may be changed.
    pub fn edits(&self, object: &ObjectSchema) -> bool {
        self.of(object).is_some_and(|access| access.edits)
    }

    /// Whether records may be deleted.
    pub fn deletes(&self, object: &ObjectSchema) -> bool {
        self.of(object).is_some_and(|access| access.deletes)
    }

    /// Whether every record of the object is visible whoever owns it, which change events demand.
    pub fn views_all(&self, object: &ObjectSchema) -> bool {
        self.of(object).is_some_and(|access| access.views_all)
    }

    /// Whether a field is visible. What is not might as well not exist.
    pub fn sees(&self, object: &ObjectSchema, field: FieldIndex) -> bool {
        self.of(object).and_then(|access| access.fields.get(usize::from(field))).is_some_and(|(reads, _)| *reads)
    }

    /// Whether field-level security lets a field be changed; whether its kind does is the schema's to say.
    pub fn changes(&self, object: &ObjectSchema, field: FieldIndex) -> bool {
        self.of(object).and_then(|access| access.fields.get(usize::from(field))).is_some_and(|(_, edits)| *edits)
    }

    /// The fields of an object that are visible, in the order of describe.
    pub fn visible_fields<'o>(
        &'o self,
        object: &'o ObjectSchema,
    ) -> impl Iterator<Item = (FieldIndex, &'o FieldSchema)> {
        object.each_field().filter(|(index, _)| self.sees(object, *index))
    }

    /// A visible field by its API name, in any case.
    pub fn field_named<'o>(&self, object: &'o ObjectSchema, name: &str) -> Option<(FieldIndex, &'o FieldSchema)> {
        object.field_named(name).filter(|(index, _)| self.sees(object, *index))
    }

    fn of(&self, object: &ObjectSchema) -> Option<&ObjectAccess> {
        self.objects.get(object.number)
    }
}

/// Access as it was worked out, and until when that holds.
#[derive(Debug)]
struct Known {
    version: u64,
    until_ms: i64,
    access: Arc<Access>,
}

/// What the org remembers of its users' access.
#[derive(Debug, Default)]
pub(crate) struct AccessCache {
    /// Rises with every change of a permission or a schema.
    version: u64,
    known: Mutex<HashMap<String, Known>>,
    visibility_delay_ms: i64,
}

impl AccessCache {
    /// Whatever was worked out before no longer holds.
    pub(crate) fn outdate(&mut self) {
        self.version += 1;
    }

    pub(crate) fn note_write(&mut self, object: &ObjectSchema) {
        if object.setup && DECIDING.contains(&object.name.as_str()) {
            self.outdate();
        }
    }
}

impl Org {
    /// What a user may see and do now.
    pub fn access(&self, user_id: &str, now_ms: i64) -> Arc<Access> {
        let mut known = self.access.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(user_id)
            && known.version == self.access.version
            && now_ms < known.until_ms
        {
            return known.access.clone();
        }
        let (access, until_ms) = Survey { org: self, now_ms, until_ms: i64::MAX }.access_of(user_id);
        let access = Arc::new(access);
        known.insert(user_id.to_owned(), Known { version: self.access.version, until_ms, access: access.clone() });
        access
    }

    /// How long a granted field stays invisible, in milliseconds. Salesforce usually takes seconds, at times minutes.
    pub fn set_field_visibility_delay_ms(&mut self, delay_ms: i64) {
        self.access.visibility_delay_ms = delay_ms;
        self.access.outdate();
    }

    /// Lets the users of every profile read and change a field, as an administrator who adds one by hand does.
    pub(crate) fn grant_to_profiles(&mut self, object: &str, field: &str, now_ms: i64) {
        let grants: Vec<_> = self
            .permission_sets(|sets, row| row.get(sets.owned) == FieldValue::Boolean(true))
            .into_iter()
            .map(|set| field_permission(&set, object, field))
            .collect();
        self.load("FieldPermissions", grants, now_ms).expect("every org has field permissions");
    }

    /// Lets the users of every profile read, make, change and delete records of an object.
    pub(crate) fn grant_object_to_profiles(&mut self, object: &str, now_ms: i64) {
        let grants: Vec<_> = self
            .permission_sets(|sets, row| row.get(sets.owned) == FieldValue::Boolean(true))
            .into_iter()
            .map(|set| object_permission(&set, object, false))
            .collect();
        self.load("ObjectPermissions", grants, now_ms).expect("every org has object permissions");
    }

    /// Gives a new profile its permission set: every permission for an administrator, the standard objects for others.
    pub(crate) fn equip_profile(&mut self, profile_id: &str, is_administrator: bool, now_ms: i64) {
        let mut set: Vec<(&str, FieldValue)> = vec![
            ("Name", format!("X{}", &profile_id[..15]).into()),
            ("Label", format!("{}_owned", &profile_id[..15]).into()),
            ("ProfileId", profile_id.into()),
            ("IsOwnedByProfile", true.into()),
            ("IsCustom", false.into()),
            ("Type", "Profile".into()),
            (Permission::ApiEnabled.field(), true.into()),
        ];
        if is_administrator {
            set.extend(Permission::ALL.map(|permission| (permission.field(), true.into())));
        }
        let set = self.load("PermissionSet", vec![set], now_ms).expect("every org has permission sets").remove(0);
        let (mut object_grants, mut field_grants) = (Vec::new(), Vec::new());
        for object in self.objects().filter(|object| has_object_permissions(object)) {
            object_grants.push(object_permission(&set, &object.name, is_administrator));
        }
        for object in self.objects().filter(|object| !object.setup) {
            let ruled = object.each_field().filter(|(_, field)| field.permissionable());
            field_grants.extend(ruled.map(|(_, field)| field_permission(&set, &object.name, &field.name)));
        }
        self.load("ObjectPermissions", object_grants, now_ms).expect("every org has object permissions");
        self.load("FieldPermissions", field_grants, now_ms).expect("every org has field permissions");
    }

    fn permission_sets(&self, wanted: impl Fn(&SetFields, &Row) -> bool) -> Vec<String> {
        let Some(table) = self.table("PermissionSet") else { return Vec::new() };
        let at = |name: &str| table.schema.index_of(name).expect("the catalogue gives permission sets this field");
        let fields = SetFields { owned: at("IsOwnedByProfile"), profile: at("ProfileId") };
        table.iter().filter(|(_, row)| wanted(&fields, row)).map(|(_, row)| table.id_of(row).to_owned()).collect()
    }
}

struct SetFields {
    owned: FieldIndex,
    profile: FieldIndex,
}

/// Whether object permissions rule an object: the set-up has its own rules, and everybody has activities.
fn has_object_permissions(object: &ObjectSchema) -> bool {
    object.writeable && !object.setup && !object.tooling && !matches!(object.name.as_str(), "Task" | "Event")
}

type Grant = Vec<(&'static str, FieldValue)>;

fn field_permission(set: &str, object: &str, field: &str) -> Grant {
    vec![
        ("ParentId", set.into()),
        ("SobjectType", object.into()),
        ("Field", format!("{object}.{field}").into()),
        ("PermissionsRead", true.into()),
        ("PermissionsEdit", true.into()),
    ]
}

fn object_permission(set: &str, object: &str, is_administrator: bool) -> Grant {
    vec![
        ("ParentId", set.into()),
        ("SobjectType", object.into()),
        ("PermissionsCreate", true.into()),
        ("PermissionsRead", true.into()),
        ("PermissionsEdit", true.into()),
        ("PermissionsDelete", true.into()),
        ("PermissionsViewAllRecords", is_administrator.into()),
        ("PermissionsModifyAllRecords", is_administrator.into()),
    ]
}

/// Reads the permissions of one user.
struct Survey<'o> {
    org: &'o Org,
    now_ms: i64,
    /// When a grant that is not in force yet will be.
    until_ms: i64,
}

impl Survey<'_> {
    fn access_of(mut self, user_id: &str) -> (Access, i64) {
        let sets = self.sets_of(user_id);
        let permissions: Vec<Permission> = Permission::ALL
            .into_iter()
            .filter(|permission| sets.iter().any(|set| self.is_checked("PermissionSet", set, permission.field())))
            .collect();
        let mut objects: Vec<ObjectAccess> = self.org.tables.iter().map(|table| unruled(&table.schema)).collect();
        for set in &sets {
            self.each_child("ObjectPermissions", set, |org, table, row| {
                let Some(object) = table.text(row, "SobjectType").and_then(|name| org.table_index(name)) else {
                    return;
                };
                let access = &mut objects[object];
                access.reads |= table.is_checked(row, "PermissionsRead");
                access.creates |= table.is_checked(row, "PermissionsCreate");
                access.edits |= table.is_checked(row, "PermissionsEdit");
                access.deletes |= table.is_checked(row, "PermissionsDelete");
                access.views_all |= table.is_checked(row, "PermissionsViewAllRecords");
                if table.is_checked(row, "PermissionsModifyAllRecords") {
                    access.allow_all();
                }
            });
            let delay_ms = self.org.access.visibility_delay_ms;
            let (now_ms, mut until_ms) = (self.now_ms, self.until_ms);
            self.each_child("FieldPermissions", set, |org, table, row| {
                if delay_ms > 0
                    && let FieldValue::DateTime(granted_ms) = row.get(table.system.system_modstamp)
                    && now_ms < granted_ms + delay_ms
                {
                    until_ms = until_ms.min(granted_ms + delay_ms);
                    return;
                }
                let named = table.text(row, "Field").and_then(|name| name.split_once('.'));
                let Some((object, field)) = named else { return };
                let Some(object) = org.table_index(object) else { return };
                let Some(field) = org.tables[object].schema.index_of(field) else { return };
                let (reads, edits) = &mut objects[object].fields[usize::from(field)];
                *edits |= table.is_checked(row, "PermissionsEdit");
                *reads |= *edits || table.is_checked(row, "PermissionsRead");
            });
            self.until_ms = until_ms;
        }
        self.org.share_access_with_people(&mut objects);
        for (table, access) in self.org.tables.iter().zip(&mut objects) {
            let object = &table.schema;
            let over_all = |permission| permissions.contains(&permission);
            if object.setup || object.tooling {
                access.reads = true;
                access.views_all = true;
                if over_all(Permission::ManageUsers) || over_all(Permission::CustomizeApplication) {
                    access.allow_all();
                }
            } else if !has_object_permissions(object) || over_all(Permission::ModifyAllData) {
                access.allow_all();
            } else if over_all(Permission::ViewAllData) {
                access.reads = true;
                access.views_all = true;
            }
            parts_follow_their_whole(object, access);
        }
        (Access { permissions, objects }, self.until_ms)
    }

    /// The user's profile and what is assigned to the user, as ids of permission sets.
    fn sets_of(&self, user_id: &str) -> Vec<String> {
        let profile = self.org.record(user_id).and_then(|(user, row)| row.get(user.index_of("ProfileId")?).as_text());
        let mut sets = self.org.permission_sets(|fields, row| {
            profile.is_some()
                && row.get(fields.owned) == FieldValue::Boolean(true)
                && row.get(fields.profile).as_text() == profile
        });
        if let Some(table) = self.org.table("PermissionSetAssignment") {
            let assignee = table.schema.index_of("AssigneeId").expect("the catalogue gives assignments this field");
            let rows = table.find(assignee, FieldValue::Text(user_id)).filter_map(|slot| table.row(slot));
            sets.extend(rows.filter_map(|row| table.text(row, "PermissionSetId").map(str::to_owned)));
        }
        sets
    }

    fn is_checked(&self, object: &str, id: &str, field: &str) -> bool {
        let table = self.org.table(object);
        table.is_some_and(|table| table.row_by_id(id).is_some_and(|row| table.is_checked(row, field)))
    }

    fn each_child(&self, object: &str, set: &str, mut visit: impl FnMut(&Org, &Table, &Row)) {
        let Some(table) = self.org.table(object) else { return };
        let parent = table.schema.index_of("ParentId").expect("permissions belong to a permission set");
        let slots: Vec<Slot> = table.find(parent, FieldValue::Text(set)).collect();
        slots.into_iter().filter_map(|slot| table.row(slot)).for_each(|row| visit(self.org, table, row));
    }
}

impl Org {
    /// A field that a person account has from its contact is as visible as the contact's; it has no permissions of its own.
    fn share_access_with_people(&self, objects: &mut [ObjectAccess]) {
        let both = self.table_index("Account").zip(self.table_index("Contact"));
        let (Some(shared), Some((accounts, contacts))) = (&self.person_accounts, both) else { return };
        let schema = &self.tables[accounts].schema;
        for (own, of_contact) in shared.iter().filter(|(own, _)| is_of_people(&schema.field(*own).name)) {
            objects[accounts].fields[usize::from(*own)] = objects[contacts].fields[usize::from(*of_contact)];
        }
    }
}

/// An object before any permission is read: only what no permission rules.
fn unruled(object: &ObjectSchema) -> ObjectAccess {
    let mut fields = vec![(false, false); object.width()];
    for (index, field) in object.each_field() {
        let free = object.setup || object.tooling || object.is_platform_event() || !field.permissionable();
        fields[usize::from(index)] = (free, free);
    }
    ObjectAccess { fields, ..ObjectAccess::default() }
}

/// An address is granted as a whole.
fn parts_follow_their_whole(object: &ObjectSchema, access: &mut ObjectAccess) {
    for (index, field) in object.each_field() {
        let whole = field.compound.as_ref().and_then(|part| object.field_named(&part.parent));
        if let Some((whole_index, whole)) = whole
            && whole.permissionable()
        {
            access.fields[usize::from(index)] = access.fields[usize::from(whole_index)];
        }
    }
}
