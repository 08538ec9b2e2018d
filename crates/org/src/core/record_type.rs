//! Record types: kinds of records of one object, each with its own share of the picklists' choices.
//!
//! The types themselves are rows of RecordType. An object has the field `RecordTypeId` once it has a type.

use std::collections::HashMap;

use super::error::WriteError;
use super::id;
use super::org::Org;
use super::row::{Draft, Row};
use super::rules;
use super::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
use super::value::FieldValue;

/// The type that records have where nobody made one: no row, but an id that descriptions name.
pub const MASTER_RECORD_TYPE_ID: &str = "012000000000000AAA";

/// What a record type leaves of one picklist.
#[derive(Clone, Debug)]
struct Choices {
    allowed: Vec<String>,
    default: Option<String>,
}

/// What the org knows of its record types beside their rows.
#[derive(Debug, Default)]
pub(crate) struct RecordTypes {
    /// By record type and field.
    choices: HashMap<String, HashMap<FieldIndex, Choices>>,
    /// The type of a new record, by profile and object.
    defaults: HashMap<(String, String), String>,
}

/// One record type as a description tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordTypeInfo {
    /// 18-character id.
    pub id: String,
    /// What people see.
    pub name: String,
    /// API name.
    pub developer_name: String,
    /// Whether records may have it.
    pub active: bool,
    /// Whether a new record of this user has it when nothing is said.
    pub is_default: bool,
    /// Whether its accounts are people.
    pub is_person: bool,
}

impl Org {
    /// Makes a record type of an object, with all choices of every picklist, and gives its id.
    ///
    /// # Errors
    /// Where there is no such object, or it has a type of this name.
    pub fn add_record_type(
        &mut self,
        object: &str,
        developer_name: &str,
        label: &str,
        now_ms: i64,
    ) -> Result<String, WriteError> {
        self.load_record_type(object, developer_name, label, false, now_ms)
    }

    pub(super) fn load_record_type(
        &mut self,
        object: &str,
        developer_name: &str,
        label: &str,
        is_person: bool,
        now_ms: i64,
    ) -> Result<String, WriteError> {
        let at = self.table_index(object).ok_or_else(|| super::org::no_such_object(object))?;
        let object = self.tables[at].schema.name.clone();
        let user = self.admin_user_id().to_owned();
        if self.record_types_of(&object, &user).iter().any(|known| known.developer_name == developer_name) {
            let message = format!("There is already a record type named {developer_name} on {object}.");
            return Err(WriteError::new("DUPLICATE_DEVELOPER_NAME", message));
        }
        if self.tables[at].schema.index_of("RecordTypeId").is_none() {
            let field = FieldSchema::reference("RecordTypeId", "Record Type ID", &["RecordType"], "RecordType");
            self.tables[at].add_field(field);
            self.access.outdate();
        }
        let row: Vec<(&str, FieldValue)> = vec![
            ("Name", label.into()),
            ("DeveloperName", developer_name.into()),
            ("SobjectType", object.as_str().into()),
            ("IsActive", true.into()),
            ("IsPersonType", is_person.into()),
        ];
        Ok(self.load("RecordType", vec![row], now_ms)?.remove(0))
    }

    /// Leaves records of a type only these choices of a picklist. Salesforce holds writers to them where the picklist is restricted.
    ///
    /// # Errors
    /// Where the type, the field or a choice is not there.
    pub fn limit_choices(
        &mut self,
        record_type_id: &str,
        field: &str,
        allowed: &[&str],
        default: Option<&str>,
    ) -> Result<(), WriteError> {
        let (object, id) = self.record_type(record_type_id).ok_or_else(WriteError::no_such_record)?;
        let schema = self.object(&object).ok_or_else(|| super::org::no_such_object(&object))?;
        let (index, field) =
            schema.field_named(field).ok_or_else(|| WriteError::no_such_column(field, &schema.name))?;
        let is_choice = |text: &&str| field.picklist_values.iter().any(|choice| choice.value == **text);
        if let Some(foreign) = allowed.iter().copied().chain(default).find(|text| !is_choice(text)) {
            return Err(rules::bad_choice(field, foreign));
        }
        let choices = Choices {
            allowed: allowed.iter().map(|text| (*text).to_owned()).collect(),
            default: default.map(str::to_owned),
        };
        self.record_types.choices.entry(id).or_default().insert(index, choices);
        Ok(())
    }

    /// Gives new records of a profile's users this type when nothing is said.
    ///
    /// # Errors
    /// Where the type is not there.
    pub fn set_default_record_type(&mut self, profile_id: &str, record_type_id: &str) -> Result<(), WriteError> {
        let (object, id) = self.record_type(record_type_id).ok_or_else(WriteError::no_such_record)?;
        let profile = id::normalize(profile_id).ok_or_else(WriteError::no_such_record)?;
        self.record_types.defaults.insert((profile, object), id);
        Ok(())
    }

    /// 18-character id of the profile with this name.
    pub fn profile_named(&self, name: &str) -> Option<String> {
        let profiles = self.table("Profile")?;
        let named = profiles.iter().find(|(_, row)| profiles.text(row, "Name") == Some(name));
        named.map(|(_, row)| profiles.id_of(row).to_owned())
    }

    /// The record types of an object as one user has them, without the master type.
    pub fn record_types_of(&self, object: &str, user_id: &str) -> Vec<RecordTypeInfo> {
        let Some(table) = self.table("RecordType") else { return Vec::new() };
        let Some(of) = table.schema.index_of("SobjectType") else { return Vec::new() };
        let default = self.default_record_type(object, user_id);
        let info = |row: &Row| {
            let text = |field: &str| table.text(row, field).unwrap_or_default().to_owned();
            RecordTypeInfo {
                id: table.id_of(row).to_owned(),
                name: text("Name"),
                developer_name: text("DeveloperName"),
                active: table.is_checked(row, "IsActive"),
                is_default: default == Some(table.id_of(row)),
                is_person: table.is_checked(row, "IsPersonType"),
            }
        };
        table.find(of, FieldValue::Text(object)).filter_map(|slot| table.row(slot)).map(info).collect()
    }

    /// Whether records of a type may have a choice of a picklist; for a type that limits nothing, and for the master type, they may.
    pub fn may_choose(&self, record_type_id: &str, field: FieldIndex, choice: &str) -> bool {
        let limited = self.record_types.choices.get(record_type_id).and_then(|by_field| by_field.get(&field));
        limited.is_none_or(|choices| choices.allowed.iter().any(|allowed| allowed == choice))
    }

    /// The type that a user's new records of an object have when nothing is said; `None` for the master type.
    pub(super) fn default_record_type(&self, object: &str, user_id: &str) -> Option<&str> {
        if self.record_types.defaults.is_empty() {
            return None;
        }
        let (users, user) = self.record(user_id)?;
        let profile = user.get(users.index_of("ProfileId")?).as_text()?;
        self.record_types.defaults.get(&(profile.to_owned(), object.to_owned())).map(String::as_str)
    }

    /// The object and the full id of a record type.
    fn record_type(&self, given: &str) -> Option<(String, String)> {
        let id = id::normalize(given)?;
        let (types, row) = self.record(&id).filter(|(object, _)| object.name == "RecordType")?;
        Some((row.get(types.index_of("SobjectType")?).as_text()?.to_owned(), id))
    }

    /// Whether accounts of this type are people.
    pub(super) fn is_person_type(&self, record_type_id: &str) -> bool {
        let row = self.record(record_type_id).filter(|(object, _)| object.name == "RecordType");
        row.is_some_and(|(types, row)| {
            types.index_of("IsPersonType").is_some_and(|index| row.get(index) == FieldValue::Boolean(true))
        })
    }

    /// Gives a new record what its type says where the writer said nothing.
    pub(super) fn default_choices(&self, schema: &ObjectSchema, row: &mut Draft) {
        for (index, choices) in self.choices_of(schema, row).into_iter().flatten() {
            if row.get(*index).is_null()
                && let Some(default) = &choices.default
            {
                row.set(*index, default.as_str().into());
            }
        }
    }

    /// Says no to a record whose type is not for it, or does not have a value that was written.
    pub(super) fn check_record_type(
        &self,
        schema: &ObjectSchema,
        before: Option<&Row>,
        row: &Draft,
    ) -> Result<(), WriteError> {
        let Some(type_index) = schema.index_of("RecordTypeId") else { return Ok(()) };
        let Some(type_id) = row.get(type_index).as_text() else { return Ok(()) };
        let is_new = before.is_none_or(|before| before.get(type_index).as_text() != Some(type_id));
        if is_new && !self.may_have_type(schema, type_id) {
            let message = format!("Record Type ID: this ID value isn't valid for the user: {type_id}");
            return Err(WriteError::at("INVALID_CROSS_REFERENCE_KEY", "RecordTypeId", message));
        }
        for (index, choices) in self.choices_of(schema, row).into_iter().flatten() {
            let field = schema.field(*index);
            let value = row.get(*index);
            let is_written = is_new || before.is_none_or(|before| before.get(*index) != value);
            let Some(text) = value.as_text().filter(|_| is_written && field.restricted_picklist) else { continue };
            let parts = text.split(if field.field_type == FieldType::MultiPicklist { ";" } else { "\0" });
            if let Some(foreign) = parts.into_iter().find(|part| !choices.allowed.iter().any(|own| own == part)) {
                return Err(rules::bad_choice(field, foreign));
            }
        }
        Ok(())
    }

    fn may_have_type(&self, schema: &ObjectSchema, type_id: &str) -> bool {
        let Some((types, row)) = self.record(type_id).filter(|(object, _)| object.name == "RecordType") else {
            return false;
        };
        let of = |name: &str| types.index_of(name).map_or(FieldValue::Null, |index| row.get(index));
        of("SobjectType").as_text() == Some(schema.name.as_str()) && of("IsActive") == FieldValue::Boolean(true)
    }

    fn choices_of(&self, schema: &ObjectSchema, row: &Draft) -> Option<&HashMap<FieldIndex, Choices>> {
        if self.record_types.choices.is_empty() {
            return None;
        }
        self.record_types.choices.get(row.get(schema.index_of("RecordTypeId")?).as_text()?)
    }
}
