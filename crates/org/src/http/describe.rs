//! What the org says of itself: resources, objects and fields.

use std::sync::PoisonError;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer::{json_text, ok};
use super::call::{Call, Reply};
use super::recent;
use super::routes::Route;
use super::rows::known;
use crate::core::record_type::{MASTER_RECORD_TYPE_ID, RecordTypeInfo};
use crate::core::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
use crate::core::write::MERGEABLE;
use crate::core::{FieldValue, Org};

pub(crate) const ROUTES: &[Route] = &[
    Route { template: "/", methods: &[("GET", |call, _| resources(call))] },
    Route { template: "/sobjects", methods: &[("GET", |call, _| global(call))] },
    Route { template: "/sobjects/{object}/describe", methods: &[("GET", |call, names| object(call, names[0]))] },
];

/// Records that the basic information of an object shows.
const RECENT_ITEMS: usize = 5;

/// `GET /services/data/vNN.0`.
pub(crate) fn resources(call: &Call<'_>) -> Reply {
    let base = &call.base;
    let mut resources = Map::new();
    for name in ["limits", "query", "queryAll", "search", "parameterizedSearch", "recent", "sobjects", "composite"] {
        resources.insert(name.to_owned(), json!(format!("{base}/{name}")));
    }
    let identity = format!("{}/id/{}/{}", call.origin, call.org().org_id(), call.session.user_id);
    resources.insert("identity".to_owned(), json!(identity));
    Ok((ok(&Value::Object(resources)), 0))
}

/// `GET /sobjects`.
pub(crate) fn global(call: &Call<'_>) -> Reply {
    let org = call.org();
    let visible = org.objects().filter(|object| call.knows(object));
    let objects: Vec<Value> = visible.map(|object| Value::Object(summary(call, &org, object))).collect();
    let count = objects.len();
    drop(org);
    let body = json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects });
    Ok((described(call, "", &body), count))
}

/// `GET /sobjects/X`.
pub(crate) fn basic(call: &Call<'_>, name: &str) -> Reply {
    let org = call.org();
    let object = known(call, &org, name)?;
    let body = json!({ "objectDescribe": summary(call, &org, object), "recentItems": recent::viewed(call, &org, Some(&object.name), RECENT_ITEMS) });
    Ok((ok(&body), 0))
}

/// `GET /sobjects/X/describe`.
pub(crate) fn object(call: &Call<'_>, name: &str) -> Reply {
    let org = call.org();
    let object = known(call, &org, name)?;
    let mut body = Map::new();
    body.insert("actionOverrides".to_owned(), json!([]));
    let children: Vec<Value> = org
        .child_relationships(&object.name)
        .into_iter()
        .map(|(child, field)| {
            json!({
                "cascadeDelete": field.cascade_delete,
                "childSObject": child.name,
                "deprecatedAndHidden": false,
                "field": field.name,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": field.child_relationship_name,
                "restrictedDelete": field.restricted_delete,
            })
        })
        .collect();
    body.insert("childRelationships".to_owned(), Value::Array(children));
    body.insert("compactLayoutable".to_owned(), json!(object.writeable));
    body.insert(
        "fields".to_owned(),
        call.access
            .visible_fields(object)
            .map(|(index, field)| describe_field(call, &org, object, index, field))
            .collect(),
    );
    for (name, value) in summary(call, &org, object) {
        body.insert(name, value);
    }
    for (name, value) in [
        ("defaultImplementation", Value::Null),
        ("extendedBy", Value::Null),
        ("extendsInterfaces", Value::Null),
        ("implementedBy", Value::Null),
        ("implementsInterfaces", Value::Null),
        ("listviewable", Value::Null),
        ("lookupLayoutable", Value::Null),
        ("namedLayoutInfos", json!([])),
        ("networkScopeFieldName", Value::Null),
        ("recordTypeInfos", record_types(call, &org, object)),
        ("searchLayoutable", json!(object.writeable)),
        ("sobjectDescribeOption", json!("FULL")),
        (
            "supportedScopes",
            json!([{ "label": format!("All {}", object.label_plural.to_lowercase()), "name": "everything" }]),
        ),
    ] {
        body.insert(name.to_owned(), value);
    }
    Ok((described(call, &object.name, &Value::Object(body)), object.width()))
}

/// Answers with a description unless the caller has it already.
fn described(call: &Call<'_>, object: &str, body: &Value) -> Response {
    let body = body.to_string();
    let key = format!("{} {} {object}", call.session.user_id, call.base);
    let mut known = call.web.descriptions.lock().unwrap_or_else(PoisonError::into_inner);
    let version = known.version_of(key, &body, call.web.org.now_ms());
    drop(known);
    version.answer(call, || json_text(StatusCode::OK, body))
}

fn record_types(call: &Call<'_>, org: &Org, object: &ObjectSchema) -> Value {
    let layouts = format!("{}/sobjects/{}/describe/layouts", call.base, object.name);
    let own = org.record_types_of(&object.name, &call.session.user_id);
    let master = RecordTypeInfo {
        id: MASTER_RECORD_TYPE_ID.to_owned(),
        name: "Master".to_owned(),
        developer_name: "Master".to_owned(),
        active: true,
        is_default: own.iter().all(|info| !info.is_default),
        is_person: false,
    };
    let described = own.iter().chain([&master]).map(|info| {
        json!({
            "active": info.active,
            "available": info.active,
            "defaultRecordTypeMapping": info.is_default,
            "developerName": info.developer_name,
            "master": info.id == MASTER_RECORD_TYPE_ID,
            "name": info.name,
            "recordTypeId": info.id,
            "urls": { "layout": format!("{layouts}/{}", info.id) },
        })
    });
    described.collect()
}

fn summary(call: &Call<'_>, org: &Org, object: &ObjectSchema) -> Map<String, Value> {
    let url = format!("{}/sobjects/{}", call.base, object.name);
    let binned = object.index_of("IsDeleted").is_some();
    let value = json!({
        "activateable": false,
        "associateEntityType": null,
        "associateParentEntity": null,
        "createable": object.writeable && call.access.creates(object),
        "custom": object.name.ends_with("__c") || !object.durable_id.is_empty(),
        "customSetting": false,
        "deepCloneable": false,
        "deletable": object.writeable && (binned || object.setup) && call.access.deletes(object),
        "deprecatedAndHidden": false,
        "feedEnabled": org.is_captured(&object.name),
        "hasSubtypes": false,
        "isInterface": false,
        "isSubtype": false,
        "keyPrefix": object.key_prefix,
        "label": object.label,
        "labelPlural": object.label_plural,
        "layoutable": object.writeable,
        "mergeable": MERGEABLE.contains(&object.name.as_str()),
        "mruEnabled": object.writeable,
        "name": object.name,
        "queryable": true,
        "replicateable": object.writeable,
        "retrieveable": true,
        "searchable": object.writeable,
        "triggerable": object.writeable,
        "undeletable": object.writeable && binned,
        "updateable": object.writeable && call.access.edits(object),
        "urls": {
            "compactLayouts": format!("{url}/describe/compactLayouts"),
            "rowTemplate": format!("{url}/{{ID}}"),
            "describe": format!("{url}/describe"),
            "layouts": format!("{url}/describe/layouts"),
            "sobject": url,
        },
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn describe_field(call: &Call<'_>, org: &Org, object: &ObjectSchema, index: FieldIndex, field: &FieldSchema) -> Value {
    let kind = field.field_type;
    let is_long_text = kind == FieldType::TextArea && field.length > 4000;
    let is_plain = !kind.is_compound() && !is_long_text;
    let is_picklist = !field.picklist_values.is_empty();
    let picklist: Vec<Value> = field
        .picklist_values
        .iter()
        .map(|choice| {
            json!({
                "active": choice.active,
                "defaultValue": choice.default,
                "label": choice.label,
                "validFor": null,
                "value": choice.value,
            })
        })
        .collect();
    let is_polymorphic = field.reference_to.len() > 1;
    let default = match &field.default {
        FieldValue::Boolean(value) => json!(value),
        FieldValue::Text(text) if is_picklist => json!(text.to_string()),
        _ => Value::Null,
    };
    // Only objects that the org has can be pointed to.
    let targets: Vec<&String> = field.reference_to.iter().filter(|target| org.object(target).is_some()).collect();
    let head = json!({
        "aggregatable": is_plain && kind != FieldType::Boolean,
        "aiPredictionField": false,
        "autoNumber": field.auto_number.is_some(),
        "byteLength": field.length * if matches!(kind, FieldType::Id | FieldType::Reference) { 1 } else { 3 },
        "calculated": field.calculated,
        "calculatedFormula": field.formula.as_ref().map(|formula| formula.text()),
        "cascadeDelete": field.cascade_delete,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": field.compound.as_ref().map(|part| part.parent.as_str()),
        "controllerName": null,
        "createable": object.writeable && field.createable && call.access.changes(object, index),
        "custom": field.custom,
        "defaultValue": default,
        "defaultValueFormula": null,
        "defaultedOnCreate": field.defaulted_on_create,
        "dependentPicklist": false,
        "deprecatedAndHidden": false,
        "digits": if kind == FieldType::Int { 9 } else { 0 },
        "displayLocationInDecimal": kind == FieldType::Double && field.compound.is_some(),
        "encrypted": false,
        "externalId": field.external_id,
        "extraTypeInfo": extra_type_info(object, field),
        "filterable": is_plain,
        "filteredLookupInfo": null,
        "formulaTreatNullNumberAsZero": false,
        "groupable": is_plain && !kind.is_decimal() && kind != FieldType::DateTime,
        "highScaleNumber": false,
    });
    // One literal of this size would exceed the recursion that macros are allowed.
    let tail = json!({
        "htmlFormatted": field.html_formatted,
        "idLookup": field.id_lookup,
        "inlineHelpText": field.help_text,
        "label": field.label,
        "length": field.length,
        "mask": null,
        "maskType": null,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": is_polymorphic,
        "nillable": field.nillable,
        "permissionable": !object.setup && field.permissionable(),
        "picklistValues": picklist,
        "polymorphicForeignKey": is_polymorphic,
        "precision": field.precision,
        "queryByDistance": kind.is_compound(),
        "referenceTargetField": null,
        "referenceTo": targets,
        "relationshipName": field.relationship_name,
        "relationshipOrder": null,
        "restrictedDelete": field.restricted_delete,
        "restrictedPicklist": field.restricted_picklist,
        "scale": field.scale,
        "searchPrefilterable": kind == FieldType::Reference,
        "soapType": kind.soap_type(),
        "sortable": is_plain,
        // What points to a definition does so by another key than an id.
        "type": if targets.is_empty() { kind } else { FieldType::Reference }.as_str(),
        "unique": field.unique,
        "updateable": object.writeable && field.updateable && call.access.changes(object, index),
        "writeRequiresMasterRead": false,
    });
    merged(head, tail)
}

fn merged(mut head: Value, tail: Value) -> Value {
    if let (Value::Object(head), Value::Object(tail)) = (&mut head, tail) {
        head.extend(tail);
    }
    head
}

fn extra_type_info(object: &ObjectSchema, field: &FieldSchema) -> Value {
    match (field.field_type, field.compound_parent) {
        // An account may be a company or a person.
        (FieldType::String, false) if field.name_field && object.index_of("IsPersonAccount").is_some() => {
            json!("switchablepersonname")
        }
        (FieldType::TextArea, _) if field.html_formatted => json!("richtextarea"),
        (FieldType::TextArea, _) if field.length > 255 => json!("plaintextarea"),
        (FieldType::String, true) => json!("personname"),
        _ => Value::Null,
    }
}
