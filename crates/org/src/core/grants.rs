//! The rules that rows of permission sets, their assignments, object and field permissions are under, besides those of every row.
//!
//! What the rows then mean is for [`super::access`] to say.

use super::error::WriteError;
use super::org::Org;
use super::row::{Draft, Row};
use super::table::{Slot, Table};
use super::value::FieldValue;

/// A permission on an object, with those that it cannot be without.
const DEPENDENCIES: [(&str, &[&str]); 5] = [
    ("PermissionsCreate", &["PermissionsRead"]),
    ("PermissionsEdit", &["PermissionsRead"]),
    ("PermissionsDelete", &["PermissionsRead", "PermissionsEdit"]),
    ("PermissionsViewAllRecords", &["PermissionsRead"]),
    (
        "PermissionsModifyAllRecords",
        &["PermissionsRead", "PermissionsEdit", "PermissionsDelete", "PermissionsViewAllRecords"],
    ),
];

impl Org {
    /// Says what is wrong with a row that is about to be stored, and puts right what follows from the rest.
    pub(super) fn check_grant(&self, table: usize, slot: Option<Slot>, row: &mut Draft) -> Result<(), WriteError> {
        let grant = Grant { org: self, table: &self.tables[table], slot };
        match grant.table.schema.name.as_str() {
            "FieldPermissions" => grant.field_permissions(row),
            "ObjectPermissions" => grant.object_permissions(row),
            "PermissionSet" => grant.permission_set(row),
            "PermissionSetAssignment" => grant.assignment(row),
            _ => Ok(()),
        }
    }

    /// What belongs to a profile goes with the profile only.
    pub(super) fn check_grant_removal(&self, table: usize, slot: Slot) -> Result<(), WriteError> {
        let table = &self.tables[table];
        let is_owned = table.row(slot).is_some_and(|row| table.is_checked(row, "IsOwnedByProfile"));
        if table.schema.name == "PermissionSet" && is_owned {
            let message = "You can't delete a permission set that is owned by a profile.";
            return Err(WriteError::new("INSUFFICIENT_ACCESS_OR_READONLY", message));
        }
        Ok(())
    }
}

struct Grant<'o> {
    org: &'o Org,
    table: &'o Table,
    slot: Option<Slot>,
}

impl Grant<'_> {
    fn text<'r>(&self, row: &'r Draft, field: &str) -> &'r str {
        self.table.schema.index_of(field).and_then(|index| row.get(index).as_text()).unwrap_or_default()
    }

    fn is_checked(&self, row: &Draft, field: &str) -> bool {
        self.table.schema.index_of(field).is_some_and(|index| row.get(index) == FieldValue::Boolean(true))
    }

    fn set(&self, row: &mut Draft, field: &str, value: FieldValue) {
        if let Some(index) = self.table.schema.index_of(field) {
            row.set(index, value);
        }
    }

    /// Another row with the same values in these two fields, the first of which is indexed.
    fn other_with(&self, row: &Draft, indexed: &str, field: &str) -> Option<&Row> {
        let first = self.table.schema.index_of(indexed)?;
        let wanted = self.text(row, field);
        let others = self.table.find(first, row.get(first)).filter(|slot| Some(*slot) != self.slot);
        let mut others = others.filter_map(|slot| self.table.row(slot));
        others.find(|other| self.table.text(other, field).is_some_and(|own| own.eq_ignore_ascii_case(wanted)))
    }

    fn check_single(&self, row: &Draft, field: &str) -> Result<(), WriteError> {
        match self.other_with(row, "ParentId", field) {
            None => Ok(()),
            Some(other) => {
                let id = self.table.id_of(other);
                let message = format!("duplicate value found: {field} duplicates value on record with id: {id}");
                Err(WriteError::new("DUPLICATE_VALUE", message))
            }
        }
    }

    fn field_permissions(&self, row: &mut Draft) -> Result<(), WriteError> {
        let refused = |field: &str, label: &str, value: &str| {
            let message = format!("{label}: bad value for restricted picklist field: {value}");
            WriteError::at("FIELD_INTEGRITY_EXCEPTION", field, message)
        };
        let (object, field) = (self.text(row, "SobjectType"), self.text(row, "Field"));
        let schema = self.org.object(object).filter(|object| !object.setup && !object.tooling);
        let schema = schema.ok_or_else(|| refused("SobjectType", "Sobject Type Name", object))?;
        let named = field.split_once('.').filter(|(of, _)| of.eq_ignore_ascii_case(&schema.name));
        let found = named.and_then(|(_, name)| schema.field_named(name)).filter(|(_, field)| field.permissionable());
        let (_, found) = found.ok_or_else(|| refused("Field", "Field Name", field))?;
        let full_name = format!("{}.{}", schema.name, found.name);
        self.set(row, "SobjectType", schema.name.as_str().into());
        self.set(row, "Field", full_name.into());
        if self.is_checked(row, "PermissionsEdit") {
            self.set(row, "PermissionsRead", true.into());
        }
        self.check_single(row, "Field")
    }

    fn object_permissions(&self, row: &mut Draft) -> Result<(), WriteError> {
        let object = self.text(row, "SobjectType");
        let schema = self.org.object(object).filter(|object| object.writeable && !object.setup && !object.tooling);
        let schema = schema.ok_or_else(|| {
            let message = format!("Sobject Type Name: bad value for restricted picklist field: {object}");
            WriteError::at("FIELD_INTEGRITY_EXCEPTION", "SobjectType", message)
        })?;
        self.set(row, "SobjectType", schema.name.as_str().into());
        for (permission, needed) in DEPENDENCIES {
            if !self.is_checked(row, permission) {
                continue;
            }
            let words = |permission: &str| format!("{} {}", permission.trim_start_matches("Permissions"), schema.name);
            let missing: Vec<String> =
                needed.iter().filter(|needed| !self.is_checked(row, needed)).map(|needed| words(needed)).collect();
            if !missing.is_empty() {
                let permission = words(permission);
                let message = format!("Permission {permission} depends on permission(s): {}", missing.join(", "));
                return Err(WriteError::new("FIELD_INTEGRITY_EXCEPTION", message));
            }
        }
        self.check_single(row, "SobjectType")
    }

    fn permission_set(&self, row: &Draft) -> Result<(), WriteError> {
        if self.is_checked(row, "IsOwnedByProfile") {
            return Ok(());
        }
        let name = self.text(row, "Name");
        let well_formed = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.ends_with('_')
            && !name.contains("__");
        if !well_formed {
            let message = "The API Name can only contain underscores and alphanumeric characters. It must be unique, begin with a \
                           letter, not include spaces, not end with an underscore, and not contain two consecutive underscores.";
            return Err(WriteError::at("FIELD_INTEGRITY_EXCEPTION", "Name", message));
        }
        let is_other = |(slot, other): &(Slot, &Row)| {
            Some(*slot) != self.slot && self.table.text(other, "Name").is_some_and(|own| own.eq_ignore_ascii_case(name))
        };
        match self.table.iter().find(is_other) {
            None => Ok(()),
            Some((_, other)) => {
                let id = self.table.id_of(other);
                let message = format!("duplicate value found: Name duplicates value on record with id: {id}");
                Err(WriteError::at("DUPLICATE_VALUE", "Name", message))
            }
        }
    }

    fn assignment(&self, row: &Draft) -> Result<(), WriteError> {
        let (set, assignee) = (self.text(row, "PermissionSetId"), self.text(row, "AssigneeId"));
        let sets = self.org.table("PermissionSet");
        let is_owned =
            sets.is_some_and(|sets| sets.row_by_id(set).is_some_and(|row| sets.is_checked(row, "IsOwnedByProfile")));
        if is_owned {
            let message = "Cannot assign a permission set that is owned by a profile";
            return Err(WriteError::at("FIELD_INTEGRITY_EXCEPTION", "PermissionSetId", message));
        }
        if self.other_with(row, "AssigneeId", "PermissionSetId").is_some() {
            let message = format!("Duplicate PermissionSetAssignment. Assignee: {assignee}; Permission Set: {set}");
            return Err(WriteError::at("DUPLICATE_VALUE", "PermissionSetId", message));
        }
        Ok(())
    }
}
