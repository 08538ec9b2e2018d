//! The set-up objects that say who may do what: permission sets, their assignments, object and field permissions.
//!
//! Knows their fields only; [`crate::core::access`] reads what they say.

use super::fields::{audit, checkbox, field, id, lookup, picklist, text};
use crate::core::access::Permission;
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};

/// Every object of this kind.
pub(super) fn objects() -> Vec<ObjectSchema> {
    vec![permission_set(), permission_set_assignment(), object_permissions(), field_permissions()]
}

fn object(name: &str, label: &str, prefix: &str, mut fields: Vec<FieldSchema>) -> ObjectSchema {
    fields.insert(0, id());
    fields.extend(audit());
    ObjectSchema::new(name, label, &format!("{label}s"), prefix, fields).setup()
}

fn permission_set() -> ObjectSchema {
    let mut name = text("Name", "Permission Set Name", 80).required();
    name.name_field = true;
    let mut fields = vec![
        name,
        text("Label", "Permission Set Label", 80).required(),
        text("Description", "Description", 255),
        lookup("ProfileId", "Profile ID", &["Profile"], "Profile", "PermissionSets").read_only(),
        checkbox("IsOwnedByProfile", "Is Owned By Profile").read_only(),
        checkbox("IsCustom", "Is Custom").read_only().with_default(true),
        picklist("Type", "Permission Set Type", &["Regular", "Standard", "Profile", "Group", "Session"])
            .read_only()
            .with_default("Regular"),
        text("NamespacePrefix", "Namespace Prefix", 15).read_only(),
    ];
    fields.extend(Permission::ALL.map(|permission| checkbox(permission.field(), permission.label())));
    object("PermissionSet", "Permission Set", "0PS", fields)
}

fn permission_set_assignment() -> ObjectSchema {
    let parent = |name: &str, label: &str, target: &str, relationship: &str| {
        let mut parent = lookup(
            name,
            label,
            &[target],
            relationship,
            if target == "User" { "PermissionSetAssignments" } else { "Assignments" },
        )
        .required();
        parent.updateable = false;
        parent.cascade_delete = true;
        parent
    };
    let fields = vec![
        parent("PermissionSetId", "Permission Set ID", "PermissionSet", "PermissionSet"),
        parent("AssigneeId", "Assignee ID", "User", "Assignee"),
        field("ExpirationDate", "Expiration Date", FieldType::DateTime),
        checkbox("IsActive", "Is Active").read_only().with_default(true),
    ];
    object("PermissionSetAssignment", "Permission Set Assignment", "0Pa", fields)
}

fn object_permissions() -> ObjectSchema {
    let mut fields = vec![parent("ObjectPerms"), sobject_type()];
    fields.extend(
        [
            ("PermissionsCreate", "Create Records"),
            ("PermissionsRead", "Read Records"),
            ("PermissionsEdit", "Edit Records"),
            ("PermissionsDelete", "Delete Records"),
            ("PermissionsViewAllRecords", "Read All Records"),
            ("PermissionsModifyAllRecords", "Edit All Records"),
        ]
        .map(|(name, label)| checkbox(name, label)),
    );
    object("ObjectPermissions", "Object Permissions", "110", fields)
}

fn field_permissions() -> ObjectSchema {
    let mut permitted = text("Field", "Field Name", 255).required();
    permitted.updateable = false;
    let fields = vec![
        parent("FieldPerms"),
        sobject_type(),
        permitted,
        checkbox("PermissionsEdit", "Edit Field"),
        checkbox("PermissionsRead", "Read Field"),
    ];
    object("FieldPermissions", "Field Permissions", "01k", fields)
}

fn parent(children: &str) -> FieldSchema {
    let mut parent = lookup("ParentId", "Parent ID", &["PermissionSet"], "Parent", children).required();
    parent.updateable = false;
    parent.cascade_delete = true;
    parent
}

fn sobject_type() -> FieldSchema {
    let mut object = text("SobjectType", "Object Type Name", 255).required();
    object.updateable = false;
    object
}
