//! Objects and their fields, as `describe` tells of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::formula::Formula;
use super::value::FieldValue;

/// Position of a field in its object. Fields are only ever added at the end, so a position stays true.
pub type FieldIndex = u16;

/// The `type` of a field in describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Salesforce's own and say all")]
pub enum FieldType {
    Id,
    String,
    TextArea,
    Picklist,
    MultiPicklist,
    Combobox,
    Reference,
    Boolean,
    Currency,
    Int,
    Double,
    Percent,
    Phone,
    Date,
    DateTime,
    Time,
    Url,
    Email,
    Address,
    Location,
    Long,
    Base64,
    EncryptedString,
    AnyType,
    ComplexValue,
}

impl FieldType {
    /// The word in describe's `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            FieldType::Id => "id",
            FieldType::String => "string",
            FieldType::TextArea => "textarea",
            FieldType::Picklist => "picklist",
            FieldType::MultiPicklist => "multipicklist",
            FieldType::Combobox => "combobox",
            FieldType::Reference => "reference",
            FieldType::Boolean => "boolean",
            FieldType::Currency => "currency",
            FieldType::Int => "int",
            FieldType::Double => "double",
            FieldType::Percent => "percent",
            FieldType::Phone => "phone",
            FieldType::Date => "date",
            FieldType::DateTime => "datetime",
            FieldType::Time => "time",
            FieldType::Url => "url",
            FieldType::Email => "email",
            FieldType::Address => "address",
            FieldType::Location => "location",
            FieldType::Long => "long",
            FieldType::Base64 => "base64",
            FieldType::EncryptedString => "encryptedstring",
            FieldType::AnyType => "anyType",
            FieldType::ComplexValue => "complexvalue",
        }
    }

    /// The word in describe's `soapType`.
    pub fn soap_type(self) -> &'static str {
        match self {
            FieldType::Id | FieldType::Reference => "tns:ID",
            FieldType::Boolean => "xsd:boolean",
            FieldType::Int => "xsd:int",
            FieldType::Currency | FieldType::Double | FieldType::Percent => "xsd:double",
            FieldType::Date => "xsd:date",
            FieldType::DateTime => "xsd:dateTime",
            FieldType::Time => "xsd:time",
            FieldType::Address => "urn:address",
            FieldType::Location => "urn:location",
            FieldType::Long => "xsd:long",
            FieldType::Base64 => "xsd:base64Binary",
            FieldType::AnyType => "xsd:anyType",
            _ => "xsd:string",
        }
    }

    /// Whether values are numbers with a precision and a scale.
    pub fn is_decimal(self) -> bool {
        matches!(self, FieldType::Currency | FieldType::Double | FieldType::Percent)
    }

    /// Whether values are held as text.
    pub fn is_text(self) -> bool {
        !self.is_decimal()
            && !matches!(
                self,
                FieldType::Boolean
                    | FieldType::Int
                    | FieldType::Long
                    | FieldType::Date
                    | FieldType::DateTime
                    | FieldType::Time
                    | FieldType::Address
                    | FieldType::Location
                    | FieldType::AnyType
                    | FieldType::ComplexValue
            )
    }

    /// Whether it is a compound of other fields, shown as an object.
    pub fn is_compound(self) -> bool {
        matches!(self, FieldType::Address | FieldType::Location)
    }
}

/// One choice of a picklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PicklistValue {
    /// The stored value.
    pub value: String,
    /// What people see.
    pub label: String,
    /// Whether new values may be it.
    pub active: bool,
    /// Whether a new record gets it when nothing is said.
    pub default: bool,
}

impl PicklistValue {
    /// An active choice that people see as it is stored.
    pub fn new(value: &str) -> PicklistValue {
        PicklistValue { value: value.to_owned(), label: value.to_owned(), active: true, default: false }
    }
}

/// The place of a component in its compound field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompoundPart {
    /// API name of the compound field, such as `MailingAddress` or `Name`.
    pub parent: String,
    /// Position among the components, from 0: Street, City, State, PostalCode, Country, Latitude, Longitude, GeocodeAccuracy
    /// of an address; Salutation, FirstName, LastName of a person's name.
    pub index: usize,
    /// The component's own name in the compound, such as `Street`.
    pub name: &'static str,
}

/// One field of an object.
#[derive(Clone, Debug)]
pub struct FieldSchema {
    /// API name.
    pub name: String,
    /// What people see.
    pub label: String,
    /// Its type.
    pub field_type: FieldType,
    /// Characters at most, for text; 0 otherwise.
    pub length: u32,
    /// Digits in all, for decimals; 0 otherwise.
    pub precision: u8,
    /// Digits after the point, for decimals.
    pub scale: u8,
    /// Whether it may be without a value.
    pub nillable: bool,
    /// Whether a create may set it.
    pub createable: bool,
    /// Whether an update may set it.
    pub updateable: bool,
    /// Whether records can be addressed by it.
    pub external_id: bool,
    /// Whether two records may not share a value.
    pub unique: bool,
    /// Whether values that differ only in letter case are different ones.
    pub case_sensitive: bool,
    /// How the org numbers new records in it, such as `{00000000}` or `A-{0000}`; `None` if it does not.
    pub auto_number: Option<String>,
    /// Whether its text is HTML.
    pub html_formatted: bool,
    /// Whether an admin added it.
    pub custom: bool,
    /// Whether it is a formula.
    pub calculated: bool,
    /// What works out its value, if it is a formula.
    pub formula: Option<Arc<Formula>>,
    /// Whether a create without it still gives it a value.
    pub defaulted_on_create: bool,
    /// Whether upsert and lookups may use it (`idLookup`).
    pub id_lookup: bool,
    /// Whether it is the record's name (`nameField`).
    pub name_field: bool,
    /// Objects that a reference may point to; more than one makes it polymorphic.
    pub reference_to: Vec<String>,
    /// Name of the parent in SOQL paths, such as `Account` for `AccountId`.
    pub relationship_name: Option<String>,
    /// Name of the children in the parent's describe, such as `Contacts`.
    pub child_relationship_name: Option<String>,
    /// Whether deleting the parent deletes the record.
    pub cascade_delete: bool,
    /// Whether the parent cannot be deleted while the record is there.
    pub restricted_delete: bool,
    /// Choices of a picklist.
    pub picklist_values: Vec<PicklistValue>,
    /// Whether only the choices are accepted.
    pub restricted_picklist: bool,
    /// Its place in a compound field, if it has one.
    pub compound: Option<CompoundPart>,
    /// Whether it is itself a compound field (`MailingAddress`; `Name` of a person), thus never written.
    pub compound_parent: bool,
    /// Whether change events carry it. Derived and housekeeping fields are not carried; compound parents are carried through
    /// their components.
    pub in_change_event: bool,
    /// The value of a new record when nothing is said.
    pub default: FieldValue,
    /// What an administrator noted about it.
    pub description: Option<String>,
    /// What people read who want to know what it is for (`inlineHelpText`).
    pub help_text: Option<String>,
    /// Lines that the page shows of a long text; 0 for other types.
    pub visible_lines: u8,
    /// Durable id (`00N…`) of a custom field; empty for standard ones.
    pub durable_id: String,
    /// Whether rows can be found by it without a scan.
    pub(crate) indexed: bool,
    /// Whether an admin removed it: it is in no description and no answer, and its position is never given out again.
    pub(crate) removed: bool,
}

impl FieldSchema {
    /// A plain field that can be read and written.
    pub fn new(name: &str, label: &str, field_type: FieldType) -> FieldSchema {
        FieldSchema {
            name: name.to_owned(),
            label: label.to_owned(),
            field_type,
            length: 0,
            precision: 0,
            scale: 0,
            nillable: true,
            createable: true,
            updateable: true,
            external_id: false,
            unique: false,
            case_sensitive: false,
            auto_number: None,
            html_formatted: false,
            custom: false,
            calculated: false,
            formula: None,
            defaulted_on_create: false,
            id_lookup: false,
            name_field: false,
            reference_to: Vec::new(),
            relationship_name: None,
            child_relationship_name: None,
            cascade_delete: false,
            restricted_delete: false,
            picklist_values: Vec::new(),
            restricted_picklist: false,
            compound: None,
            compound_parent: false,
            in_change_event: true,
            default: FieldValue::Null,
            description: None,
            help_text: None,
            visible_lines: 0,
            durable_id: String::new(),
            indexed: false,
            removed: false,
        }
    }

    /// Whether field-level security rules it (`permissionable`). Nobody can hide a required or a system field, and a part of a
    /// compound goes with the whole.
    pub fn permissionable(&self) -> bool {
        let demanded = !self.nillable && self.field_type != FieldType::Boolean;
        !demanded && !self.name_field && self.compound.is_none() && !SYSTEM_FIELDS.contains(&self.name.as_str())
    }

    /// A text field of at most `length` characters.
    pub fn text(name: &str, label: &str, length: u32) -> FieldSchema {
        FieldSchema::new(name, label, FieldType::String).with_length(length)
    }

    /// A number field with `precision` digits in all, `scale` of them after the point.
    pub fn number(name: &str, label: &str, field_type: FieldType, precision: u8, scale: u8) -> FieldSchema {
        let mut field = FieldSchema::new(name, label, field_type);
        field.precision = precision;
        field.scale = scale;
        field
    }

    /// A picklist with these choices.
    pub fn picklist(name: &str, label: &str, values: &[&str]) -> FieldSchema {
        let mut field = FieldSchema::new(name, label, FieldType::Picklist).with_length(255);
        field.picklist_values = values.iter().map(|value| PicklistValue::new(value)).collect();
        field
    }

    /// A lookup to one of these objects, by the relationship name that SOQL paths use.
    pub fn reference(name: &str, label: &str, targets: &[&str], relationship: &str) -> FieldSchema {
        let mut field = FieldSchema::new(name, label, FieldType::Reference).with_length(18);
        field.reference_to = targets.iter().map(|target| (*target).to_owned()).collect();
        field.relationship_name = Some(relationship.to_owned());
        field
    }

    /// The same with a length.
    pub fn with_length(mut self, length: u32) -> FieldSchema {
        self.length = length;
        self
    }

    /// The same, a value demanded.
    pub fn required(mut self) -> FieldSchema {
        self.nillable = false;
        self
    }

    /// The same, not writeable.
    pub fn read_only(mut self) -> FieldSchema {
        self.createable = false;
        self.updateable = false;
        self
    }

    /// The same, set when the record is made and never again.
    pub fn fixed(mut self) -> FieldSchema {
        self.updateable = false;
        self
    }

    /// The same, each new record numbered in this format, such as `A-{0000}`.
    pub fn auto_numbered(mut self, format: &str) -> FieldSchema {
        self.auto_number = Some(format.to_owned());
        self.defaulted_on_create = true;
        self.required().read_only()
    }

    /// The same, deleted with its parent.
    pub(crate) fn cascading(mut self) -> FieldSchema {
        self.cascade_delete = true;
        self
    }

    /// The same, keeping its parent from being deleted.
    pub(crate) fn restricting(mut self) -> FieldSchema {
        self.restricted_delete = true;
        self
    }

    /// The same with a default, which makes it never miss on create.
    pub fn with_default(mut self, value: impl Into<FieldValue>) -> FieldSchema {
        self.default = value.into();
        self.defaulted_on_create = true;
        if let Some(text) = self.default.as_text() {
            for choice in &mut self.picklist_values {
                choice.default = choice.value == text;
            }
        }
        self
    }

    /// The same, accepting only its choices.
    pub fn restricted(mut self) -> FieldSchema {
        self.restricted_picklist = true;
        self
    }

    /// The same, left out of change events.
    pub fn not_in_change_events(mut self) -> FieldSchema {
        self.in_change_event = false;
        self
    }

    /// The same as the children of its parent under this name.
    pub fn children_named(mut self, name: &str) -> FieldSchema {
        self.child_relationship_name = Some(name.to_owned());
        self
    }

    /// The same, found without a scan.
    pub(crate) fn indexed(mut self) -> FieldSchema {
        self.indexed = true;
        self
    }

    /// The same as a component of a compound field.
    pub(crate) fn part_of(mut self, parent: &str, index: usize, name: &'static str) -> FieldSchema {
        self.compound = Some(CompoundPart { parent: parent.to_owned(), index, name });
        self
    }

    /// The same as a compound field, whose components alone are written.
    pub(crate) fn compound(mut self) -> FieldSchema {
        self.compound_parent = true;
        self.in_change_event = false;
        self.read_only()
    }
}

/// Fields that every user may read, whatever the profile.
const SYSTEM_FIELDS: &[&str] = &[
    "Id",
    "IsDeleted",
    "MasterRecordId",
    "OwnerId",
    "RecordTypeId",
    "LastActivityDate",
    "LastViewedDate",
    "LastReferencedDate",
    "PhotoUrl",
];

/// One object (table) of the org.
#[derive(Clone, Debug)]
pub struct ObjectSchema {
    /// API name.
    pub name: String,
    /// What people see.
    pub label: String,
    /// What people see for several.
    pub label_plural: String,
    /// First three characters of every record's id.
    pub key_prefix: String,
    /// Whether API users may create, change and delete records.
    pub writeable: bool,
    /// Whether it holds the org's set-up (profiles, permissions, users): everybody may read it, an administrator may write it.
    pub setup: bool,
    /// Whether only the Tooling API knows it.
    pub tooling: bool,
    /// Rises with every change of the schema.
    pub version: u32,
    /// Durable id (`01I…`) of a custom object; empty for standard ones.
    pub durable_id: String,
    /// Whether an admin removed it: its number stays taken.
    pub(crate) removed: bool,
    /// Position among the org's objects, which never changes.
    pub(crate) number: usize,
    fields: Vec<FieldSchema>,
    by_name: HashMap<String, FieldIndex>,
}

impl ObjectSchema {
    /// An object with these fields.
    pub fn new(
        name: &str,
        label: &str,
        label_plural: &str,
        key_prefix: &str,
        fields: Vec<FieldSchema>,
    ) -> ObjectSchema {
        let mut object = ObjectSchema {
            name: name.to_owned(),
            label: label.to_owned(),
            label_plural: label_plural.to_owned(),
            key_prefix: key_prefix.to_owned(),
            writeable: true,
            setup: false,
            tooling: false,
            version: 0,
            durable_id: String::new(),
            removed: false,
            number: 0,
            fields: Vec::with_capacity(fields.len()),
            by_name: HashMap::new(),
        };
        for field in fields {
            object.push(field);
        }
        object
    }

    /// Whether what is created is published instead of kept.
    pub fn is_platform_event(&self) -> bool {
        self.name.ends_with("__e")
    }

    pub(crate) fn read_only(mut self) -> ObjectSchema {
        self.writeable = false;
        self
    }

    pub(crate) fn setup(mut self) -> ObjectSchema {
        self.setup = true;
        self
    }

    pub(crate) fn push(&mut self, field: FieldSchema) -> FieldIndex {
        let index = FieldIndex::try_from(self.fields.len()).expect("an object has at most 900 fields");
        let previous = self.by_name.insert(field.name.to_ascii_lowercase(), index);
        assert!(previous.is_none(), "field {}.{} is defined twice", self.name, field.name);
        self.fields.push(field);
        self.version += 1;
        index
    }

    /// Takes a field out of use. Its position stays taken, so that those of the others stay true.
    pub(crate) fn remove(&mut self, index: FieldIndex) {
        let field = &mut self.fields[usize::from(index)];
        field.removed = true;
        self.by_name.remove(&field.name.to_ascii_lowercase());
        self.version += 1;
    }

    /// To change the definition of a field.
    pub(crate) fn field_mut(&mut self, index: FieldIndex) -> &mut FieldSchema {
        self.version += 1;
        &mut self.fields[usize::from(index)]
    }

    /// Every field with its position, in the order of describe.
    pub fn each_field(&self) -> impl Iterator<Item = (FieldIndex, &FieldSchema)> {
        (0..).zip(&self.fields).filter(|(_, field)| !field.removed)
    }

    /// Positions ever given out: every field's is below it.
    pub fn width(&self) -> usize {
        self.fields.len()
    }

    /// The field at a position.
    pub fn field(&self, index: FieldIndex) -> &FieldSchema {
        &self.fields[usize::from(index)]
    }

    /// The position of a field by its API name, in any case.
    pub fn index_of(&self, name: &str) -> Option<FieldIndex> {
        match self.by_name.get(name) {
            Some(index) => Some(*index),
            None => self.by_name.get(&name.to_ascii_lowercase()).copied(),
        }
    }

    /// A field and its position by its API name, in any case.
    pub fn field_named(&self, name: &str) -> Option<(FieldIndex, &FieldSchema)> {
        self.index_of(name).map(|index| (index, self.field(index)))
    }

    /// The reference field whose relationship has this name, in any case.
    pub fn relationship(&self, name: &str) -> Option<(FieldIndex, &FieldSchema)> {
        self.each_field()
            .find(|(_, field)| field.relationship_name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name)))
    }

    /// The components of a compound field, in order.
    pub fn components(&self, parent: &str) -> Vec<(FieldIndex, &FieldSchema)> {
        let part_index =
            |field: &FieldSchema| field.compound.as_ref().filter(|part| part.parent == parent).map(|p| p.index);
        let mut parts: Vec<_> = self.each_field().filter_map(|(i, f)| part_index(f).map(|at| (at, i, f))).collect();
        parts.sort_by_key(|(at, ..)| *at);
        parts.into_iter().map(|(_, index, field)| (index, field)).collect()
    }
}
