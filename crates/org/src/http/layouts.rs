//! Page layouts: every org here has the one that shows all fields, for every record type.

use serde_json::{Value, json};

use super::answer::{RestError, ok};
use super::call::{Call, Reply};
use super::routes::Route;
use super::rows::known;
use crate::core::schema::{FieldIndex, FieldSchema, FieldType, ObjectSchema};
use crate::core::{Org, id};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        template: "/sobjects/{object}/describe/layouts",
        methods: &[("GET", |call, names| layouts(call, names[0]))],
    },
    Route {
        template: "/sobjects/{object}/describe/layouts/{record_type}",
        methods: &[("GET", |call, names| layout_of_record_type(call, names[0], names[1]))],
    },
    Route {
        template: "/sobjects/{object}/describe/compactLayouts",
        methods: &[("GET", |call, names| compact_layouts(call, names[0]))],
    },
];

/// The record type that every object has.
const MASTER: &str = "012000000000000AAA";
/// Fields in a row of a layout.
const COLUMNS: usize = 2;
/// Fields of a compact layout besides the name.
const COMPACT_FIELDS: usize = 3;

fn layoutable<'o>(call: &Call<'_>, org: &'o Org, name: &str) -> Result<&'o ObjectSchema, RestError> {
    known(call, org, name).ok().filter(|object| object.writeable).ok_or_else(RestError::not_found)
}

fn layouts(call: &Call<'_>, name: &str) -> Reply {
    let org = call.org();
    let object = layoutable(call, &org, name)?;
    let id = layout_id(object);
    let url = format!("{}/sobjects/{}/describe/layouts/{MASTER}", call.base, object.name);
    let mapping = json!({
        "active": true,
        "available": true,
        "defaultRecordTypeMapping": true,
        "developerName": "Master",
        "layoutId": id,
        "master": true,
        "name": "Master",
        "picklistsForRecordType": [],
        "recordTypeId": MASTER,
        "urls": { "layout": url },
    });
    let body = json!({
        "layouts": [layout(call, object)],
        "recordTypeMappings": [mapping],
        "recordTypeSelectorRequired": [false],
    });
    Ok((ok(&body), 1))
}

fn layout_of_record_type(call: &Call<'_>, name: &str, record_type: &str) -> Reply {
    let org = call.org();
    let object = layoutable(call, &org, name)?;
    let given = id::normalize(record_type).ok_or_else(RestError::not_found)?;
    let is_own = |(kind, row): (&ObjectSchema, &crate::core::Row)| {
        let of = kind.index_of("SobjectType").and_then(|index| row.get(index).as_text());
        kind.name == "RecordType" && of == Some(object.name.as_str())
    };
    if given != MASTER && !org.record(&given).is_some_and(is_own) {
        return Err(RestError::not_found());
    }
    Ok((ok(&layout(call, object)), 1))
}

/// An id that is the object's own and stays.
fn layout_id(object: &ObjectSchema) -> String {
    id::normalize(&format!("00h8d000000{:0>4}", object.number % 10_000)).unwrap_or_default()
}

fn layout(call: &Call<'_>, object: &ObjectSchema) -> Value {
    // A compound stands for its parts.
    let shown: Vec<_> = call
        .access
        .visible_fields(object)
        .filter(|(_, field)| field.compound.is_none() && field.field_type != FieldType::Id && field.name != "IsDeleted")
        .collect();
    let section = |edits: bool| {
        let rows: Vec<Value> = shown
            .chunks(COLUMNS)
            .map(|row| {
                let items: Vec<Value> =
                    row.iter().map(|(index, field)| item(call, object, *index, field, edits)).collect();
                json!({ "layoutItems": items, "numItems": items.len() })
            })
            .collect();
        json!([{
            "columns": COLUMNS,
            "heading": format!("{} Information", object.label),
            "layoutRows": rows,
            "layoutSectionId": null,
            "parentLayoutId": layout_id(object),
            "rows": rows.len(),
            "tabOrder": "LeftToRight",
            "useCollapsibleSection": false,
            "useHeading": true,
        }])
    };
    json!({
        "buttonLayoutSection": { "detailButtons": [] },
        "detailLayoutSections": section(false),
        "editLayoutSections": section(true),
        "feedView": null,
        "highlightsPanelLayoutSection": null,
        "id": layout_id(object),
        "multirowEditLayoutSections": [],
        "offlineLinks": [],
        "quickActionList": { "quickActionListItems": [] },
        "relatedContent": null,
        "relatedLists": [],
        "saveOptions": [],
    })
}

fn item(call: &Call<'_>, object: &ObjectSchema, index: FieldIndex, field: &FieldSchema, edits: bool) -> Value {
    let changes = edits && call.access.changes(object, index);
    json!({
        "editableForNew": changes && (field.createable || field.compound_parent),
        "editableForUpdate": changes && (field.updateable || field.compound_parent),
        "label": field.label,
        "layoutComponents": [{ "displayLines": 1, "tabOrder": index, "type": "Field", "value": field.name }],
        "placeholder": false,
        "required": !field.nillable && field.createable && !field.defaulted_on_create,
    })
}

fn compact_layouts(call: &Call<'_>, name: &str) -> Reply {
    let org = call.org();
    let object = layoutable(call, &org, name)?;
    let fields = call.access.visible_fields(object);
    let items: Vec<Value> = fields
        .filter(|(_, field)| {
            field.name_field || (field.compound.is_none() && field.updateable && field.field_type != FieldType::Boolean)
        })
        .take(1 + COMPACT_FIELDS)
        .map(|(index, field)| item(call, object, index, field, false))
        .collect();
    let url = format!("{}/sobjects/{}/describe/compactLayouts", call.base, object.name);
    let body = json!({
        "compactLayouts": [{
            "actions": [],
            "fieldItems": items,
            "id": null,
            "imageItems": [],
            "label": "System Default",
            "name": "SYSTEM",
            "objectType": object.name,
        }],
        "defaultCompactLayoutId": null,
        "recordTypeCompactLayoutMappings": [{
            "available": true,
            "compactLayoutId": null,
            "compactLayoutName": "SYSTEM",
            "recordTypeId": MASTER,
            "recordTypeName": "Master",
            "urls": { "compactLayout": format!("{url}/{MASTER}") },
        }],
        "urls": { "primary": format!("{url}/primary") },
    });
    Ok((ok(&body), 1))
}
