//! The objects that tell of the schema itself: what the Tooling API shows, and what a custom object begins with.
//!
//! Knows their fields only; [`crate::core::metadata`] writes their rows.

use super::fields::{audit, checkbox, field, id, is_deleted, owner, picklist, text, visits};
use crate::core::schema::{FieldSchema, FieldType, ObjectSchema};

/// Every object of this kind.
pub(super) fn objects() -> Vec<ObjectSchema> {
    let tooling = |mut object: ObjectSchema| {
        object.tooling = true;
        object
    };
    vec![
        entity_definition(),
        field_definition(),
        tooling(custom_field()),
        tooling(custom_object()),
        tooling(apex("ApexClass", "Apex Class", "Apex Classes", "01p")),
        tooling(apex("ApexTrigger", "Apex Trigger", "Apex Triggers", "01q")),
    ]
}

/// The fields of a new custom object around the one that names its records.
pub(crate) fn custom_object_fields(name: FieldSchema, has_activities: bool) -> Vec<FieldSchema> {
    let mut fields = vec![id(), owner(), is_deleted(), name];
    fields.extend(audit());
    fields.extend(visits().into_iter().filter(|field| has_activities || field.name != "LastActivityDate"));
    fields
}

fn object(name: &str, label: &str, plural: &str, prefix: &str, mut fields: Vec<FieldSchema>) -> ObjectSchema {
    fields.insert(0, id());
    fields.extend(audit());
    ObjectSchema::new(name, label, plural, prefix, fields).read_only().setup()
}

fn read(name: &str, label: &str, length: u32) -> FieldSchema {
    text(name, label, length).read_only()
}

fn number(name: &str, label: &str) -> FieldSchema {
    field(name, label, FieldType::Int).read_only()
}

fn complex(name: &str, label: &str) -> FieldSchema {
    field(name, label, FieldType::ComplexValue)
}

/// The object that a row is about. Its key is no record id: `Contact`, or the id of a custom object.
fn entity(children: &str) -> FieldSchema {
    let mut entity = read("EntityDefinitionId", "Entity Definition ID", 255).children_named(children).indexed();
    entity.reference_to = vec!["EntityDefinition".to_owned()];
    entity.relationship_name = Some("EntityDefinition".to_owned());
    entity
}

fn developer_name() -> FieldSchema {
    let mut name = text("DeveloperName", "Developer Name", 80).indexed();
    name.name_field = true;
    name
}

fn entity_definition() -> ObjectSchema {
    let mut fields = vec![
        read("DurableId", "Durable ID", 255).indexed(),
        read("QualifiedApiName", "Qualified API Name", 255).indexed(),
        read("NamespacePrefix", "Namespace Prefix", 15),
        developer_name(),
        read("MasterLabel", "Master Label", 255),
        read("Label", "Label", 255),
        read("PluralLabel", "Plural Label", 255),
        read("KeyPrefix", "Key Prefix", 3).indexed(),
        read("PublisherId", "Publisher ID", 255),
    ];
    fields.extend(
        [
            ("IsCustomizable", "Customizable"),
            ("IsQueryable", "Queryable"),
            ("IsRetrieveable", "Retrieveable"),
            ("IsSearchable", "Searchable"),
            ("IsTriggerable", "Triggerable"),
            ("IsApexTriggerable", "Apex Triggerable"),
            ("IsWorkflowEnabled", "Workflow Enabled"),
            ("IsLayoutable", "Layoutable"),
            ("IsCompactLayoutable", "Compact Layoutable"),
            ("IsReplicateable", "Replicateable"),
            ("IsIdEnabled", "ID Enabled"),
            ("IsCustomSetting", "Custom Setting"),
            ("IsDeprecatedAndHidden", "Deprecated and Hidden"),
            ("IsInterface", "Interface"),
        ]
        .map(|(name, label)| checkbox(name, label).read_only()),
    );
    object("EntityDefinition", "Object Definition", "Object Definitions", "4ie", fields)
}

fn field_definition() -> ObjectSchema {
    let mut fields = vec![
        read("DurableId", "Durable ID", 255).indexed(),
        read("QualifiedApiName", "Qualified API Name", 255).indexed(),
        entity("Fields"),
        read("NamespacePrefix", "Namespace Prefix", 15),
        developer_name(),
        read("MasterLabel", "Master Label", 255),
        read("Label", "Label", 255),
        read("FullName", "Full Name", 255).indexed(),
        complex("Metadata", "Metadata").read_only(),
        read("Description", "Description", 1000),
        read("DataType", "Data Type", 255),
        read("ValueTypeId", "Value Type ID", 255),
        number("Length", "Length"),
        number("Precision", "Precision"),
        number("Scale", "Scale"),
        read("RelationshipName", "Relationship Name", 255),
        complex("ReferenceTo", "Reference To").read_only(),
        read("ComplianceGroup", "Compliance Categorization", 255),
        read("PublisherId", "Publisher ID", 255),
    ];
    fields.extend(
        [
            ("IsIndexed", "Indexed"),
            ("IsCompound", "Compound"),
            ("IsNillable", "Nillable"),
            ("IsCalculated", "Calculated"),
            ("IsNameField", "Name Field"),
            ("IsHtmlFormatted", "HTML Formatted"),
            ("IsHighScaleNumber", "High-scale Number"),
            ("IsPolymorphicForeignKey", "Polymorphic Foreign Key"),
            ("IsApiFilterable", "API Filterable"),
            ("IsApiSortable", "API Sortable"),
            ("IsApiGroupable", "API Groupable"),
            ("IsFieldHistoryTracked", "Field History Tracked"),
        ]
        .map(|(name, label)| checkbox(name, label).read_only()),
    );
    object("FieldDefinition", "Field Definition", "Field Definitions", "4fe", fields)
}

fn custom_field() -> ObjectSchema {
    let fields = vec![
        developer_name(),
        text("TableEnumOrId", "Entity Enumeration Or ID", 40).indexed(),
        entity("CustomFields"),
        text("NamespacePrefix", "Namespace Prefix", 15),
        text("FullName", "Full Name", 255).indexed(),
        complex("Metadata", "Metadata"),
        text("Description", "Description", 1000),
        text("InlineHelpText", "Help Text", 510),
        number("Length", "Length"),
        number("Precision", "Precision"),
        number("Scale", "Scale"),
        text("RelationshipLabel", "Relationship Label", 80),
        text("SummaryOperation", "Summary Operation", 40),
        picklist("ManageableState", "Manageable State", &["unmanaged"]),
    ];
    object("CustomField", "Custom Field Definition", "Custom Field Definitions", "00N", fields)
}

fn custom_object() -> ObjectSchema {
    let fields = vec![
        developer_name(),
        text("NamespacePrefix", "Namespace Prefix", 15),
        text("FullName", "Full Name", 255).indexed(),
        complex("Metadata", "Metadata"),
        text("Description", "Description", 1000),
        text("SharingModel", "Sharing Model", 40),
        picklist("ManageableState", "Manageable State", &["unmanaged"]),
    ];
    object("CustomObject", "Custom Object Definition", "Custom Object Definitions", "01I", fields)
}

fn apex(name: &str, label: &str, plural: &str, prefix: &str) -> ObjectSchema {
    let mut own = text("Name", "Name", 255);
    own.name_field = true;
    let fields = vec![
        text("NamespacePrefix", "Namespace Prefix", 15),
        own,
        field("ApiVersion", "Api Version", FieldType::Double),
        text("Status", "Status", 40),
        checkbox("IsValid", "Is Valid"),
        field("Body", "Body", FieldType::TextArea).with_length(1_000_000),
        number("LengthWithoutComments", "Size Without Comments"),
        picklist("ManageableState", "Manageable State", &["unmanaged"]),
    ];
    object(name, label, plural, prefix, fields)
}
