//! What a writer gave, put into the record: who may, what a value becomes, and what it points to.

use serde_json::{Map, Value as Json};

use crate::core::access::Access;
use crate::core::error::WriteError;
use crate::core::id;
use crate::core::org::Org;
use crate::core::row::{Draft, Row};
use crate::core::rules;
use crate::core::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
use crate::core::table::Slot;
use crate::core::value::FieldValue;

impl Org {
    /// Puts the given values into the row, or says what is wrong with them.
    pub(super) fn assign(
        &self,
        access: &Access,
        table: usize,
        is_new: bool,
        row: &mut Draft,
        values: &Map<String, Json>,
    ) -> Result<(), WriteError> {
        let schema = &self.tables[table].schema;
        let mut read_only = Vec::new();
        for (name, input) in values {
            let (index, given) = match (access.field_named(schema, name), schema.relationship(name)) {
                (Some((index, _)), _) => (index, None),
                (None, Some((index, field))) if access.sees(schema, index) => {
                    (index, Some(self.referenced(access, field, input)?))
                }
                _ => return Err(WriteError::no_such_column(name, &schema.name)),
            };
            let field = schema.field(index);
            let writeable = if is_new { field.createable } else { field.updateable };
            if !writeable || !access.changes(schema, index) {
                read_only.push(field.name.clone());
                continue;
            }
            let value = given.map_or_else(|| rules::coerce(field, input), Ok)?;
            self.check_reference(field, &value)?;
            row.set(index, value);
        }
        if read_only.is_empty() { Ok(()) } else { Err(WriteError::not_writeable(read_only)) }
    }

    /// The id of a parent that is named by an external id: `"Account": {"External_Id__c": "acme"}`.
    fn referenced(&self, access: &Access, field: &FieldSchema, input: &Json) -> Result<FieldValue, WriteError> {
        let parent = match input {
            Json::Null => return Ok(FieldValue::Null),
            Json::Object(parent) => parent,
            _ => return Err(rules::not_deserializable(field, input)),
        };
        let kind =
            parent.get("attributes").and_then(|attributes| attributes.get("type")).or_else(|| parent.get("type"));
        let named = kind.and_then(Json::as_str).or(field.reference_to.first().map(String::as_str)).unwrap_or_default();
        let is_target = |target: &&ObjectSchema| field.reference_to.contains(&target.name);
        let unknown = || WriteError::new("INVALID_TYPE", format!("sObject type '{named}' is not supported."));
        let target = self.object(named).filter(is_target).ok_or_else(unknown)?;
        let key = parent.iter().find(|(name, _)| !name.eq_ignore_ascii_case("attributes") && *name != "type");
        let nothing = || {
            let message =
                format!("Field name not provided. The relationship field {} needs one external ID.", field.name);
            WriteError::new("INVALID_FIELD", message)
        };
        let (name, key) = key.ok_or_else(nothing)?;
        let (index, key_field) =
            access.field_named(target, name).ok_or_else(|| WriteError::no_such_column(name, &target.name))?;
        if !key_field.id_lookup {
            let message = format!("{} is not an External ID or indexed field for {}", key_field.name, target.name);
            return Err(WriteError::new("INVALID_FIELD", message));
        }
        let value = rules::coerce(key_field, key)?;
        if key_field.field_type == FieldType::Id {
            return Ok(value);
        }
        let table = &self.tables[target.number];
        let live = |slot: &Slot| table.row(*slot).is_some_and(|row| !table.is_deleted(row));
        let mut found = table.find(index, value.as_field_ref()).filter(live);
        let shown = value.to_display(key_field);
        match (found.next().and_then(|slot| table.row(slot)), found.next()) {
            (Some(row), None) => Ok(table.id_of(row).into()),
            (Some(_), Some(_)) => {
                let message = format!(
                    "Foreign key external ID: {shown} is not unique for field {} in entity {}",
                    key_field.name, target.name
                );
                Err(WriteError::new("DUPLICATE_EXTERNAL_ID", message))
            }
            (None, _) => {
                let message = format!(
                    "Foreign key external ID: {shown} not found for field {} in entity {}",
                    key_field.name, target.name
                );
                Err(WriteError::new("INVALID_FIELD", message))
            }
        }
    }

    fn check_reference(&self, field: &FieldSchema, value: &FieldValue) -> Result<(), WriteError> {
        let (FieldType::Reference, Some(id)) = (field.field_type, value.as_text()) else { return Ok(()) };
        let target = self.object_with_prefix(id::key_prefix(id));
        if target.is_none_or(|target| !field.reference_to.contains(&target.name)) {
            let message = format!("{}: id value of incorrect type: {id}", field.label);
            return Err(WriteError::at("MALFORMED_ID", &field.name, message));
        }
        match self.record(id) {
            None => {
                let message = format!("{}: invalid cross reference id", field.label);
                Err(WriteError::at("INVALID_CROSS_REFERENCE_KEY", &field.name, message))
            }
            Some((object, row)) if self.is_deleted(object, row) => {
                Err(WriteError::at("ENTITY_IS_DELETED", &field.name, "entity is deleted"))
            }
            Some((object, row)) if field.name == "OwnerId" => self.check_owner(object, row),
            Some(_) => Ok(()),
        }
    }

    /// Records belong to users who still work, and to queues.
    fn check_owner(&self, object: &ObjectSchema, owner: &Row) -> Result<(), WriteError> {
        let table = &self.tables[object.number];
        if object.name == "User" && !table.is_checked(owner, "IsActive") {
            let message = format!("operation performed with inactive user [{}] as owner", table.id_of(owner));
            return Err(WriteError::new("INACTIVE_OWNER_OR_USER", message));
        }
        if object.name == "Group" && table.text(owner, "Type") != Some("Queue") {
            let message = "Owner ID: only a queue or a user owns a record";
            return Err(WriteError::at("INVALID_CROSS_REFERENCE_KEY", "OwnerId", message));
        }
        Ok(())
    }

    /// Says no to a value of a unique field that another record has.
    pub(super) fn check_unique(
        &self,
        table: usize,
        slot: Slot,
        before: Option<&Row>,
        row: &Draft,
    ) -> Result<(), WriteError> {
        let unique = self.tables[table].schema.each_field().filter(|(_, field)| field.unique);
        let changed =
            |(index, _): &(FieldIndex, &FieldSchema)| before.is_none_or(|before| before.get(*index) != row.get(*index));
        for (index, field) in unique.filter(changed) {
            let (table, value) = (&self.tables[table], row.get(index));
            let is_other = |other: &Slot| {
                let Some(row) = table.row(*other) else { return false };
                *other != slot && !table.is_deleted(row) && (!field.case_sensitive || row.get(index) == value)
            };
            let Some(id) =
                table.find(index, value).find(is_other).and_then(|other| Some(table.id_of(table.row(other)?)))
            else {
                continue;
            };
            if field.name == "Username" {
                let message = "Duplicate Username.<br>The username already exists in this or another Salesforce organization. \
                               Usernames must be unique across all Salesforce organizations. To resolve, use a different \
                               username (it doesn't need to match the user's email address).";
                return Err(WriteError::at("DUPLICATE_USERNAME", &field.name, message));
            }
            let message = format!("duplicate value found: {} duplicates value on record with id: {id}", field.name);
            return Err(WriteError::at("DUPLICATE_VALUE", &field.name, message));
        }
        Ok(())
    }

    /// Says which fields that must have a value have none.
    pub(super) fn require(&self, table: usize, row: &Draft) -> Result<(), WriteError> {
        let schema = &self.tables[table].schema;
        let missing: Vec<String> = (schema.each_field())
            .filter(|(index, field)| {
                !field.nillable && !field.compound_parent && field.createable && row.get(*index).is_null()
            })
            .map(|(_, field)| field.name.clone())
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(WriteError::missing(missing)) }
    }
}
