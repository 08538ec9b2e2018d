//! Records from files: what `sf data export tree` writes (records, nested children, plans), and CSV.
//!
//! Records keep their values but get ids of this org. What refers to a record of the same files, by reference id, by its old id
//! or by a unique field, refers to its successor; one to a user or a record type of the org they came from is left to the default.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use crate::bulk::csv::{CsvFormat, CsvReader, LineEnding};
use crate::core::schema::{FieldIndex, FieldSchema, FieldType};
use crate::core::{FieldValue, ObjectSchema, Org, WriteError, id, rules};

/// How deep children may be nested in a tree (the API's tree resource takes five levels).
const DEPTH_MAX: usize = 5;
/// What each record has of its own and nobody gives it.
const NOT_TAKEN: [&str; 3] = ["IsDeleted", "SystemModstamp", "MasterRecordId"];

/// Objects whose records every org has of its own: what refers to one of another org takes the default here.
const NOT_CARRIED: [&str; 5] = ["User", "Group", "RecordType", "Profile", "UserRole"];

/// Why a file was not taken, and where in it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct SeedFileError {
    file: PathBuf,
    problem: String,
}

/// Puts the records of these files into the org, without rules or events, and says how many there were.
///
/// `.json` is a tree or a plan of trees; anything else is CSV named after its object, such as `Contact.csv` or
/// `Contact-2026.csv`, with API names in its first line (`Account.External_Id__c` refers by a unique field, `#N/A` is no value).
///
/// # Errors
/// The first file, record and field that cannot be taken. What was read before it stays.
pub fn seed_files(org: &mut Org, files: &[PathBuf], now_ms: i64) -> Result<usize, SeedFileError> {
    let mut sower = FileSower { org, now_ms, successors: HashMap::new(), pending: Vec::new(), count: 0 };
    for file in files {
        sower.file(file)?;
    }
    sower.resolve_pending()?;
    Ok(sower.count)
}

struct FileSower<'o> {
    org: &'o mut Org,
    now_ms: i64,
    /// Ids here by the reference ids and old ids of the files.
    successors: HashMap<String, String>,
    /// References to records that had not come yet.
    pending: Vec<Pending>,
    count: usize,
}

struct Pending {
    file: PathBuf,
    id: String,
    field: FieldIndex,
    reference: String,
}

impl FileSower<'_> {
    fn file(&mut self, file: &Path) -> Result<(), SeedFileError> {
        let failed = |problem: String| SeedFileError { file: file.to_owned(), problem };
        let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        if file.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("json")) {
            return self.csv(file, &text).map_err(failed);
        }
        match serde_json::from_str(&text).map_err(|error| failed(error.to_string()))? {
            Json::Array(plan) => self.plan(file, &plan),
            Json::Object(tree) => {
                let records = tree.get("records").and_then(Json::as_array);
                let records = records.ok_or_else(|| failed("there is no list of records".to_owned()))?;
                self.tree(file, records, None, 0).map_err(failed)
            }
            _ => Err(failed("this is neither a tree of records nor a plan of trees".to_owned())),
        }
    }

    /// A plan lists files in an order in which what is referred to comes first.
    fn plan(&mut self, plan_file: &Path, plan: &[Json]) -> Result<(), SeedFileError> {
        let folder = plan_file.parent().unwrap_or(Path::new(""));
        for step in plan {
            let files = step.get("files").and_then(Json::as_array).ok_or_else(|| SeedFileError {
                file: plan_file.to_owned(),
                problem: "a step of the plan has no list of files".to_owned(),
            })?;
            for file in files.iter().filter_map(Json::as_str) {
                self.file(&folder.join(file))?;
            }
        }
        Ok(())
    }

    fn tree(
        &mut self,
        file: &Path,
        records: &[Json],
        parent: Option<(&str, &str)>,
        depth: usize,
    ) -> Result<(), String> {
        if depth == DEPTH_MAX {
            return Err(format!("children are nested in more than {DEPTH_MAX} levels"));
        }
        for (number, record) in records.iter().enumerate() {
            let at = |problem: String| format!("record {}: {problem}", number + 1);
            let record = record.as_object().ok_or_else(|| at("is no object".to_owned()))?;
            let attributes = record.get("attributes").unwrap_or(&Json::Null);
            let object = attributes["type"].as_str().ok_or_else(|| at("has no attributes.type".to_owned()))?;
            let (mut values, mut children) = (Map::new(), Vec::new());
            for (name, value) in record.iter().filter(|(name, _)| *name != "attributes") {
                match value.get("records").and_then(Json::as_array) {
                    Some(records) => children.push((name, records)),
                    None => drop(values.insert(name.clone(), value.clone())),
                }
            }
            if let Some((field, id)) = parent {
                values.insert(field.to_owned(), json!(id));
            }
            let id = self.record(file, object, &values).map_err(at)?;
            if let Some(reference) = attributes["referenceId"].as_str() {
                self.successors.insert(reference.to_owned(), id.clone());
            }
            for (relationship, records) in children {
                let field = self.child_field(object, relationship).map_err(at)?;
                self.tree(file, records, Some((&field, &id)), depth + 1).map_err(at)?;
            }
        }
        Ok(())
    }

    fn child_field(&self, object: &str, relationship: &str) -> Result<String, String> {
        let children = self.org.child_relationships(object);
        let field = children.iter().find(|(_, field)| {
            field.child_relationship_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(relationship))
        });
        field.map(|(_, field)| field.name.clone()).ok_or_else(|| format!("{object} has no children {relationship}"))
    }

    fn csv(&mut self, file: &Path, text: &str) -> Result<(), String> {
        let object = csv_object(self.org, file)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line_ending = match text.find('\n') {
            Some(end) if text[..end].ends_with('\r') => LineEnding::Crlf,
            _ => LineEnding::Lf,
        };
        let mut reader = CsvReader::new(text, CsvFormat { line_ending, ..CsvFormat::default() });
        let (mut names, mut cells) = (Vec::new(), Vec::new());
        let mut row = 1;
        let broken = |row: usize, fault| format!("row {row}: {fault:?}");
        if !reader.read(&mut names).map_err(|fault| broken(row, fault))? {
            return Err("there is no line with field names".to_owned());
        }
        while reader.read(&mut cells).map_err(|fault| broken(row + 1, fault))? {
            row += 1;
            if cells.len() != names.len() {
                return Err(format!("row {row}: {} fields where the first line names {}", cells.len(), names.len()));
            }
            let given = names.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty() && cell.as_ref() != "#N/A");
            let values = given.map(|(name, cell)| (name.to_string(), json!(cell))).collect();
            self.record(file, &object, &values).map_err(|problem| format!("row {row}: {problem}"))?;
        }
        Ok(())
    }

    fn record(&mut self, file: &Path, object: &str, values: &Map<String, Json>) -> Result<String, String> {
        let schema = self.org.object(object).filter(|schema| schema.writeable && !schema.tooling);
        let schema = schema.ok_or_else(|| format!("there is no object {object} whose records can be given"))?;
        let object = schema.name.clone();
        let (mut fields, mut later, mut old_id) = (Vec::new(), Vec::new(), None);
        for (name, input) in values {
            if name.eq_ignore_ascii_case("Id") {
                old_id = input.as_str().and_then(id::normalize);
                continue;
            }
            let Some((index, field, input)) = self.target(schema, name, input)? else { continue };
            let value = rules::coerce(field, &input).map_err(in_words)?;
            match (field.field_type, value.as_text()) {
                (FieldType::Reference, Some(reference)) => match self.successor(reference) {
                    Some(id) => fields.push((field.name.clone(), id.as_str().into())),
                    None if field.reference_to.iter().any(|target| NOT_CARRIED.contains(&target.as_str())) => {}
                    None => later.push((index, reference.to_owned())),
                },
                _ => fields.push((field.name.clone(), value)),
            }
        }
        let id = self.org.load(&object, vec![fields], self.now_ms).map_err(in_words)?.remove(0);
        self.successors.extend(old_id.map(|old_id| (old_id, id.clone())));
        self.pending.extend(later.into_iter().map(|(field, reference)| Pending {
            file: file.to_owned(),
            id: id.clone(),
            field,
            reference,
        }));
        self.count += 1;
        Ok(id)
    }

    /// The field that a column fills, and with what; nothing for what a record has of its own.
    fn target<'s>(
        &self,
        schema: &'s ObjectSchema,
        name: &str,
        input: &Json,
    ) -> Result<Option<(FieldIndex, &'s FieldSchema, Json)>, String> {
        let unknown = || format!("{} has no field {name}", schema.name);
        if let Some((relationship, key)) = name.split_once('.') {
            let (index, field) = schema.relationship(relationship).ok_or_else(unknown)?;
            let found = field.reference_to.iter().find_map(|target| self.org.find_by_key(target, key, input.as_str()?));
            let id = found.ok_or_else(|| format!("{name}: nothing has the value {input}"))?;
            return Ok(Some((index, field, json!(id))));
        }
        let (index, field) = schema.field_named(name).ok_or_else(unknown)?;
        let is_own = field.compound_parent || field.calculated || NOT_TAKEN.contains(&field.name.as_str());
        let input = match (field.field_type, input.as_str().and_then(|text| text.strip_prefix('@'))) {
            (FieldType::Reference, Some(reference)) => {
                let id = self.successors.get(reference);
                json!(id.ok_or_else(|| format!("{name}: there was no record with the reference id {reference}"))?)
            }
            _ => input.clone(),
        };
        Ok((!is_own).then_some((index, field, input)))
    }

    fn successor(&self, reference: &str) -> Option<String> {
        let known = || self.org.record(reference).map(|_| reference.to_owned());
        self.successors.get(reference).cloned().or_else(known)
    }

    fn resolve_pending(&mut self) -> Result<(), SeedFileError> {
        for pending in std::mem::take(&mut self.pending) {
            let Some(id) = self.successor(&pending.reference) else {
                let problem = format!("no record of these files has the id {}, which one refers to", pending.reference);
                return Err(SeedFileError { file: pending.file, problem });
            };
            self.org.load_into(&pending.id, pending.field, FieldValue::from(id));
        }
        Ok(())
    }
}

fn in_words(error: WriteError) -> String {
    error.message
}

/// `Contact` of `Contact.csv` and `Contact-2026.csv`.
fn csv_object(org: &Org, file: &Path) -> Result<String, String> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let named = stem.split(['-', '.']).next().unwrap_or_default();
    match org.object(stem).or_else(|| org.object(named)) {
        Some(object) => Ok(object.name.clone()),
        None => Err(format!("a CSV file is named after its object, and there is no object {named}")),
    }
}
