//! Records found, and their JSON.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::choose::Chooser;
use super::plan::{Branches, Children, Column, Hop, Item, Pick};
use super::read::Place;
use crate::core::schema::{FieldIndex, FieldType, ObjectSchema};
use crate::core::table::Slot;
use crate::core::{Org, Row};

/// Records found, to be rendered a page at a time. Values are those at the time of rendering.
#[derive(Clone, Debug)]
pub struct ResultRows {
    pub(super) object: String,
    pub(super) items: Vec<Item>,
    pub(super) slots: Vec<Slot>,
    pub(super) include_deleted: bool,
}

impl ResultRows {
    /// Number of records.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Records `from` up to `from + count` as JSON, with URLs under `base` (`/services/data/v66.0`).
    pub fn page(&self, org: &Org, from: usize, count: usize, base: &str) -> Vec<Json> {
        let Some(chooser) = Chooser::new(org, &self.object, true) else { return Vec::new() };
        let renderer = Renderer { org, base, include_deleted: self.include_deleted, scans: RefCell::default() };
        let slots = self.slots.iter().skip(from).take(count);
        slots.filter_map(|slot| Some(renderer.record(chooser.place(*slot)?, &self.items))).collect()
    }
}

/// One record with the given fields, all of which are its own.
pub fn render_record(org: &Org, object: &ObjectSchema, row: &Row, fields: &[FieldIndex], base: &str) -> Json {
    let Some(table) = org.table(&object.name) else { return Json::Null };
    let place = Place { org, table, row };
    let mut record = attributes(place, base);
    for index in fields {
        record.insert(object.field(*index).name.clone(), json_of(place, *index));
    }
    Json::Object(record)
}

type ByParent<'a> = HashMap<&'a str, Vec<Slot>>;

struct Renderer<'a> {
    org: &'a Org,
    base: &'a str,
    include_deleted: bool,
    /// Children by their parent, for references that no index knows.
    scans: RefCell<HashMap<(String, FieldIndex), ByParent<'a>>>,
}

impl<'a> Renderer<'a> {
    fn record(&self, place: Place<'a>, items: &[Item]) -> Json {
        let mut record = attributes(place, self.base);
        for item in items {
            match item {
                Item::Value { column, alias } => self.put(place, column, alias.as_deref(), &mut record),
                Item::Children(children) => {
                    record.insert(children.name.clone(), self.children(place, children));
                }
                Item::TypeOf(branches) => self.put_branch(place, branches, &mut record),
            }
        }
        Json::Object(record)
    }

    /// Puts one column's value in its place, in the objects of its parents.
    fn put(&self, place: Place<'a>, column: &Column, alias: Option<&str>, record: &mut Map<String, Json>) {
        let Some((last, record)) = self.descend(place, &column.hops, record) else { return };
        let value = match column.function {
            None => match last.index(&column.pick) {
                Some(index) => json_of(last, index),
                None => last.pick(&column.pick).get().to_json(),
            },
            Some(_) => last.read(&Column { hops: Vec::new(), ..column.clone() }).get().to_json(),
        };
        record.insert(alias.map_or_else(|| name_of(last, &column.pick), str::to_owned), value);
    }

    /// Goes to a parent, in the row and in the JSON; a parent that is not there is null.
    fn descend<'r>(
        &self,
        place: Place<'a>,
        hops: &[Hop],
        record: &'r mut Map<String, Json>,
    ) -> Option<(Place<'a>, &'r mut Map<String, Json>)> {
        let [hop, rest @ ..] = hops else { return Some((place, record)) };
        let Some(parent) = place.parent(&hop.reference) else {
            record.insert(hop.name.clone(), Json::Null);
            return None;
        };
        let nested = record.entry(hop.name.clone()).or_insert(Json::Null);
        if nested.is_null() {
            *nested = Json::Object(attributes(parent, self.base));
        }
        self.descend(parent, rest, nested.as_object_mut()?)
    }

    fn put_branch(&self, place: Place<'a>, branches: &Branches, record: &mut Map<String, Json>) {
        let Some((parent, record)) = self.descend(place, &branches.hops, record) else { return };
        let object = &parent.table.schema.name;
        let own = branches.branches.iter().find(|(name, _)| name == object);
        for column in own.map_or(&branches.otherwise, |(_, columns)| columns) {
            self.put(parent, column, None, record);
        }
    }

    fn children(&self, place: Place<'a>, children: &Children) -> Json {
        let Some(chooser) = Chooser::new(self.org, &children.object, self.include_deleted) else { return Json::Null };
        let parent = place.table.id_of(place.row);
        let known = chooser.children_of(children.reference, parent).unwrap_or_else(|| self.scanned(children, parent));
        let slots = chooser.slots_among(known, &children.rows);
        if slots.is_empty() {
            return Json::Null;
        }
        let places = slots.iter().filter_map(|slot| chooser.place(*slot));
        let records: Vec<Json> = places.map(|place| self.record(place, &children.items)).collect();
        json!({ "totalSize": records.len(), "done": true, "records": records })
    }

    fn scanned(&self, children: &Children, parent: &str) -> Vec<Slot> {
        let mut scans = self.scans.borrow_mut();
        let by_parent = scans.entry((children.object.clone(), children.reference)).or_insert_with(|| {
            let mut by_parent = ByParent::new();
            for (slot, row) in self.org.table(&children.object).into_iter().flat_map(|table| table.iter()) {
                if let Some(parent) = row.get(children.reference).as_text() {
                    by_parent.entry(parent).or_default().push(slot);
                }
            }
            by_parent
        });
        by_parent.get(parent).cloned().unwrap_or_default()
    }
}

fn name_of(place: Place<'_>, pick: &Pick) -> String {
    match pick {
        Pick::At(index) => place.field(*index).name.clone(),
        Pick::OneOf { name, .. } => name.clone(),
        Pick::Type => "Type".to_owned(),
    }
}

fn attributes(place: Place<'_>, base: &str) -> Map<String, Json> {
    let name = &place.table.schema.name;
    let id = place.table.id_of(place.row);
    let attributes = json!({ "type": name, "url": format!("{base}/sobjects/{name}/{id}") });
    Map::from_iter([("attributes".to_owned(), attributes)])
}

fn json_of(place: Place<'_>, index: FieldIndex) -> Json {
    let field = place.field(index);
    if field.field_type == FieldType::ComplexValue {
        return place.row.get(index).as_text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    }
    if !field.field_type.is_compound() {
        return place.value(index).get().to_json();
    }
    let mut parts: Vec<(String, Json)> = Vec::new();
    for (index, component) in place.table.schema.components(&field.name) {
        let name = component.compound.as_ref().map_or("", |part| part.name);
        let (first, rest) = name.split_at(name.len().min(1));
        parts.push((first.to_ascii_lowercase() + rest, place.row.get(index).to_json()));
    }
    parts.sort_by(|left, right| left.0.cmp(&right.0));
    if parts.iter().all(|(_, value)| value.is_null()) { Json::Null } else { Json::Object(parts.into_iter().collect()) }
}
