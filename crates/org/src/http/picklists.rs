//! What a record type leaves of an object's picklists. (User Interface API guide, "Get Values for All Picklist Fields of a Record
//! Type".)

use serde_json::{Map, Value, json};

use super::answer::{RestError, ok};
use super::call::{Call, Reply};
use super::routes::Route;
use super::rows::known;
use crate::core::schema::FieldType;
use crate::core::{MASTER_RECORD_TYPE_ID, id};

pub(crate) const ROUTES: &[Route] = &[Route {
    template: "/ui-api/object-info/{object}/picklist-values/{record_type}",
    methods: &[("GET", |call, names| values(call, names[0], names[1]))],
}];

fn values(call: &Call<'_>, name: &str, record_type: &str) -> Reply {
    let org = call.org();
    let object = known(call, &org, name)?;
    let record_type = id::normalize(record_type).ok_or_else(RestError::not_found)?;
    let is_own = |known: &crate::core::RecordTypeInfo| known.id == record_type;
    let has_type = org.record_types_of(&object.name, &call.session.user_id).iter().any(is_own);
    if !has_type && record_type != MASTER_RECORD_TYPE_ID {
        return Err(RestError::not_found());
    }
    let base = format!("{}/ui-api/object-info/{}/picklist-values/{record_type}", call.base, object.name);
    let mut fields = Map::new();
    for (index, field) in call.access.visible_fields(object) {
        if !matches!(field.field_type, FieldType::Picklist | FieldType::MultiPicklist) {
            continue;
        }
        let choices = field.picklist_values.iter().filter(|choice| choice.active);
        let choices = choices.filter(|choice| org.may_choose(&record_type, index, &choice.value));
        let values: Vec<Value> = choices
            .map(|choice| json!({ "attributes": null, "label": choice.label, "validFor": [], "value": choice.value }))
            .collect();
        let told = json!({
            "controllerValues": {},
            "defaultValue": null,
            "url": format!("{base}/{}", field.name),
            "values": values,
        });
        fields.insert(field.name.clone(), told);
    }
    Ok((ok(&json!({ "picklistFieldValues": fields })), 1))
}
