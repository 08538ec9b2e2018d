//! Fields that Syncline makes: through the Tooling API, and visible through one permission set. Knows nothing of what they are for.
//!
//! A field made by an API is invisible to everybody until a permission says otherwise (Object reference, FieldPermissions). Each
//! step looks before it acts and takes "there is one already" for done, so a crash between two steps, a lost answer and two
//! nodes at once come to the same field, once.

use serde_json::{Value as Json, json};
use syncline_model::{
    connector::{Advice, ConnectorError, ErrorKind},
    custom_field::{WantedField, WantedFieldKind},
    schema::{FieldSchema, FieldType},
};

use crate::{
    rest::Rest,
    setup::Api,
    soql::{self, Identifier},
};

/// The permission set through which people and Syncline see its fields; an administrator gives it to whoever needs to.
const PERMISSION_SET: &str = "Syncline";
const DESCRIPTION: &str = "Kept in step by Syncline.";

/// Takes a field as far as it will go; tells whether it is usable by now.
///
/// # Errors
/// As Salesforce says, with advice where an administrator must act; [`ErrorKind::FieldRejected`] where a field of that name exists
/// that can not hold what is wanted.
pub(crate) async fn ensure(rest: &Rest, user_id: &str, wanted: &WantedField) -> Result<bool, ConnectorError> {
    if is_usable(rest, wanted).await? {
        return Ok(true);
    }
    if !exists(rest, wanted).await? {
        make(rest, wanted).await?;
    }
    let set = permission_set(rest).await?;
    assign(rest, &set, user_id).await?;
    grant(rest, &set, wanted).await?;
    is_usable(rest, wanted).await
}

/// Whether the connected user sees the field and may change it.
async fn is_usable(rest: &Rest, wanted: &WantedField) -> Result<bool, ConnectorError> {
    let object = rest.describe(&wanted.object).await?;
    let Some(field) = object.field(&wanted.name) else { return Ok(false) };
    if !can_hold(field, wanted.kind) {
        return Err(clash(wanted, "a field of that name exists that is of another type"));
    }
    Ok(field.updateable)
}

fn can_hold(field: &FieldSchema, kind: WantedFieldKind) -> bool {
    use FieldType as F;
    match kind {
        WantedFieldKind::Text => {
            matches!(field.field_type, F::String | F::TextArea | F::Picklist | F::Email | F::Phone | F::Url)
        }
        WantedFieldKind::LongText => matches!(field.field_type, F::TextArea | F::MultiPicklist),
        WantedFieldKind::Number => matches!(field.field_type, F::Double | F::Int | F::Currency | F::Percent),
        WantedFieldKind::Checkbox => field.field_type == F::Boolean,
        WantedFieldKind::DateTime => field.field_type == F::DateTime,
    }
}

/// Whether there is such a field, visible or not. (Tooling API, FieldDefinition.)
async fn exists(rest: &Rest, wanted: &WantedField) -> Result<bool, ConnectorError> {
    let (object, name) = (Identifier::new(&wanted.object)?, Identifier::new(&wanted.name)?);
    let statement = format!(
        "SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = {} AND QualifiedApiName = {}",
        soql::quoted(object.as_str()),
        soql::quoted(name.as_str())
    );
    Ok(!rest.rows(Api::Tooling, &statement).await?.is_empty())
}

async fn make(rest: &Rest, wanted: &WantedField) -> Result<(), ConnectorError> {
    let body = json!({ "FullName": format!("{}.{}", wanted.object, wanted.name), "Metadata": metadata(wanted) });
    match rest.create(Api::Tooling, "CustomField", &body).await {
        Ok(_) => Ok(()),
        Err(error) if is_there_already(&error) && exists(rest, wanted).await? => Ok(()),
        Err(error) if is_there_already(&error) => {
            let mut refusal = clash(wanted, "a field of that name was deleted and is still in the org's recycle bin");
            refusal.advice = Some(Advice {
                cause: "A deleted field of that name is still kept by the org",
                remedy: "Undelete it or erase it in Setup (Object Manager, Fields & Relationships, Deleted Fields), then save the mapping again.",
            });
            Err(refusal)
        }
        Err(error) => Err(advised(error)),
    }
}

/// The field in the form of the Metadata API (CustomField).
fn metadata(wanted: &WantedField) -> Json {
    let mut metadata = json!({ "label": wanted.label, "description": DESCRIPTION });
    let of_type = match wanted.kind {
        WantedFieldKind::Text => json!({ "type": "Text", "length": 255 }),
        WantedFieldKind::LongText => json!({ "type": "LongTextArea", "length": 32_768, "visibleLines": 3 }),
        WantedFieldKind::Number => json!({ "type": "Number", "precision": 18, "scale": 2 }),
        WantedFieldKind::Checkbox => json!({ "type": "Checkbox", "defaultValue": "false" }),
        WantedFieldKind::DateTime => json!({ "type": "DateTime" }),
    };
    if let (Json::Object(all), Json::Object(of_type)) = (&mut metadata, of_type) {
        all.extend(of_type);
    }
    metadata
}

async fn permission_set(rest: &Rest) -> Result<String, ConnectorError> {
    let name = soql::quoted(PERMISSION_SET);
    let statement = format!("SELECT Id FROM PermissionSet WHERE Name = {name} AND NamespacePrefix = null");
    if let Some(id) = first_id(rest, &statement).await? {
        return Ok(id);
    }
    let values = json!({
        "Name": PERMISSION_SET,
        "Label": PERMISSION_SET,
        "Description": "Lets people see and Syncline change the fields that Syncline made.",
    });
    match rest.create(Api::Data, "PermissionSet", &values).await {
        Err(error) if is_there_already(&error) => first_id(rest, &statement).await?.ok_or(error),
        made => made.map_err(advised),
    }
}

async fn assign(rest: &Rest, set: &str, user_id: &str) -> Result<(), ConnectorError> {
    let statement = format!(
        "SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = {} AND AssigneeId = {}",
        soql::quoted(set),
        soql::quoted(user_id)
    );
    if first_id(rest, &statement).await?.is_some() {
        return Ok(());
    }
    let values = json!({ "PermissionSetId": set, "AssigneeId": user_id });
    done(rest.create(Api::Data, "PermissionSetAssignment", &values).await)
}

async fn grant(rest: &Rest, set: &str, wanted: &WantedField) -> Result<(), ConnectorError> {
    let field = format!("{}.{}", wanted.object, wanted.name);
    let statement = format!(
        "SELECT Id, PermissionsEdit FROM FieldPermissions WHERE ParentId = {} AND SobjectType = {} AND Field = {}",
        soql::quoted(set),
        soql::quoted(&wanted.object),
        soql::quoted(&field)
    );
    let given = rest.rows(Api::Data, &statement).await?;
    match given.first() {
        Some(row) if row["PermissionsEdit"] == json!(true) => Ok(()),
        Some(row) => {
            let id = row["Id"].as_str().unwrap_or_default();
            let values = json!({ "PermissionsRead": true, "PermissionsEdit": true });
            rest.change(Api::Data, "FieldPermissions", id, &values).await.map_err(advised)
        }
        None => {
            let values = json!({
                "ParentId": set,
                "SobjectType": wanted.object,
                "Field": field,
                "PermissionsRead": true,
                "PermissionsEdit": true,
            });
            done(rest.create(Api::Data, "FieldPermissions", &values).await)
        }
    }
}

async fn first_id(rest: &Rest, statement: &str) -> Result<Option<String>, ConnectorError> {
    let rows = rest.rows(Api::Data, statement).await?;
    Ok(rows.first().and_then(|row| row["Id"].as_str()).map(str::to_owned))
}

fn done(made: Result<String, ConnectorError>) -> Result<(), ConnectorError> {
    match made {
        Err(error) if !is_there_already(&error) => Err(advised(error)),
        _ => Ok(()),
    }
}

fn is_there_already(error: &ConnectorError) -> bool {
    matches!(error.code.as_str(), "DUPLICATE_DEVELOPER_NAME" | "DUPLICATE_VALUE")
}

fn clash(wanted: &WantedField, why: &str) -> ConnectorError {
    let message = format!("{}.{} can not be made: {why}", wanted.object, wanted.name);
    let mut error = ConnectorError::new(ErrorKind::FieldRejected, "DUPLICATE_DEVELOPER_NAME", message);
    error.fields.push(wanted.name.clone());
    error.advice = Some(Advice {
        cause: "The org has a field of that name that can not hold the attribute",
        remedy: "Rename or remove that field in Salesforce, or map the attribute to another field.",
    });
    error
}

/// What an administrator can do where Salesforce refuses to make a field.
fn advised(mut error: ConnectorError) -> ConnectorError {
    error.advice = match error.code.as_str() {
        "CUSTOM_ENTITY_OR_FIELD_LIMIT" => Some(Advice {
            cause: "The object has as many custom fields as the org's edition allows",
            remedy: "Delete custom fields that nobody uses (and erase them from the deleted fields), or map to an existing field.",
        }),
        "INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_OR_READONLY" | "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" => {
            Some(Advice {
                cause: "The connected user may not make fields or give access to them",
                remedy: "Give the connected user the permissions Customize Application and Manage Users (or Manage Profiles and \
                     Permission Sets), or make the field yourself and map to it.",
            })
        }
        _ => error.advice,
    };
    error
}
