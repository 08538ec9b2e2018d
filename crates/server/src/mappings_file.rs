//! Mappings as a TOML file: written, compared with what there is, and brought into force.

use std::fmt::Write as _;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use syncline_model::{
    connection::{Connection, ConnectionStatus},
    id::MappingId,
    mapping::{FieldMapping, MappingDefinition, ObjectMapping},
    schema::ObjectSchema,
    store::Store,
};

use crate::{
    inquire::InquiryError,
    mapping_rules::{Accepted, Surroundings, judge, undescribed},
    org_objects::{self, NotKnown},
    preview::{self, Preview, preview},
};

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingsFile {
    /// Mappings in order.
    #[serde(default)]
    pub mapping: Vec<MappingDefinition>,
}

impl MappingsFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// Where it is, and what is allowed there.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        toml::from_str(text).context("the mappings file is wrong")
    }

    /// The file's text.
    ///
    /// # Errors
    /// Never for mappings that were stored.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(toml::to_string(self)?)
    }

    /// The file that would lead to these mappings.
    pub fn of(mappings: Vec<ObjectMapping>) -> Self {
        Self { mapping: mappings.into_iter().map(|mapping| mapping.definition).collect() }
    }
}

/// What bringing a file into force would do.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<Step>,
    /// Mappings that are there already come in another order.
    is_reordered: bool,
}

#[derive(Debug)]
enum Step {
    Save { existing: Option<MappingId>, accepted: Accepted, differences: Vec<String> },
    Remove { id: MappingId, definition: MappingDefinition },
}

/// A step in words, for people and for programs.
#[derive(Debug, Serialize)]
pub struct StepReport {
    /// `create`, `change`, `keep` or `remove`.
    pub action: &'static str,
    /// API name of the Salesforce object.
    pub salesforce: String,
    /// `user` or `company`.
    pub userflow: &'static str,
    /// What changes, line by line.
    pub changes: Vec<String>,
    /// What it would do on a sample of real profiles, where it was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// Why it was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untried: Option<String>,
}

/// Compares a file with what there is. A mapping of the file stands for the one of the same objects that there is; with several
/// of the same objects, for the one at the same place among them.
///
/// # Errors
/// What is wrong with the first mapping that can not be accepted; nothing is changed.
pub async fn plan(
    store: &dyn Store,
    connection: &Connection,
    file: &MappingsFile,
    now: Timestamp,
) -> anyhow::Result<Plan> {
    let objects = match org_objects::listed(store, connection.id).await {
        Err(NotKnown::NotListed) => bail!(
            "the org's objects are not known yet: a server must be running, and needs a few seconds after connecting"
        ),
        listed => listed?,
    };
    let missing =
        |schemas: &[ObjectSchema]| file.mapping.iter().flat_map(|one| undescribed(one, &objects, schemas)).collect();
    let schemas = org_objects::described(store, connection, missing).await?;
    let attributes = store.attribute_definitions(connection.environment_id, None).await?;
    let questions = store.question_definitions(connection.environment_id).await?;
    let mut left = store.mappings(connection.id).await?;
    let known: Vec<MappingId> = left.iter().map(|mapping| mapping.id).collect();
    let mut paired = Vec::new();
    for definition in &file.mapping {
        let same = |mapping: &ObjectMapping| {
            mapping.definition.salesforce.eq_ignore_ascii_case(&definition.salesforce)
                && mapping.definition.userflow == definition.userflow
        };
        let existing = left.iter().position(same).map(|at| left.remove(at));
        paired.push((definition, existing));
    }
    // Each is judged beside all others of the file, not beside those that it replaces.
    let beside: Vec<ObjectMapping> =
        paired.iter().map(|(definition, existing)| as_stored(definition, existing.as_ref(), now)).collect();
    let mut steps = Vec::new();
    for ((definition, existing), judged) in paired.into_iter().zip(&beside) {
        let around = Surroundings {
            mappings: &beside,
            judged: Some(judged.id),
            objects: &objects,
            schemas: &schemas,
            attributes: &attributes,
            questions: &questions,
            now,
        };
        let accepted = judge(definition, around).map_err(|fault| {
            let place = format!("{} ↔ {}", definition.salesforce, definition.userflow);
            anyhow::anyhow!("mapping {place}: {}: {}", fault.field, fault.message)
        })?;
        let mut differences = match &existing {
            Some(existing) => differences(&existing.definition, &accepted.definition),
            None => all_lines(&accepted.definition),
        };
        differences.extend(
            accepted
                .fields
                .iter()
                .map(|field| format!("+ Salesforce field: {}.{}, {}", field.object, field.name, field.kind.title())),
        );
        steps.push(Step::Save { existing: existing.map(|mapping| mapping.id), accepted, differences });
    }
    let kept = steps.iter().filter_map(|step| match step {
        Step::Save { existing, .. } => *existing,
        Step::Remove { .. } => None,
    });
    let kept: Vec<MappingId> = kept.collect();
    let is_reordered = !known.iter().filter(|id| kept.contains(id)).eq(&kept);
    steps.extend(left.into_iter().map(|mapping| Step::Remove { id: mapping.id, definition: mapping.definition }));
    Ok(Plan { steps, is_reordered })
}

fn as_stored(definition: &MappingDefinition, existing: Option<&ObjectMapping>, now: Timestamp) -> ObjectMapping {
    ObjectMapping {
        id: existing.map_or_else(|| MappingId::new(now), |mapping| mapping.id),
        version: 0,
        edited_at: None,
        position: 0,
        paused: false,
        definition: definition.clone(),
    }
}

impl Plan {
    /// What it would do, in order.
    pub fn report(&self) -> Vec<StepReport> {
        let report = self.steps.iter().enumerate().map(|(at, step)| {
            let (action, definition, changes) = match step {
                Step::Save { existing: None, accepted, differences } => {
                    ("create", &accepted.definition, differences.clone())
                }
                Step::Save { accepted, differences, .. } if differences.is_empty() => {
                    ("keep", &accepted.definition, Vec::new())
                }
                Step::Save { accepted, differences, .. } => ("change", &accepted.definition, differences.clone()),
                Step::Remove { definition, .. } => ("remove", definition, Vec::new()),
            };
            let mut changes = changes;
            if self.is_reordered && action != "remove" {
                changes.push(format!("place: {}", at + 1));
            }
            StepReport {
                action,
                salesforce: definition.salesforce.clone(),
                userflow: definition.userflow.as_str(),
                changes,
                preview: None,
                untried: None,
            }
        });
        report.collect()
    }

    /// What it would do, in order, tried on a sample of real profiles.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn tried_report(
        &self,
        store: &dyn Store,
        connection: &Connection,
        now: Timestamp,
    ) -> anyhow::Result<Vec<StepReport>> {
        let mut report = self.report();
        for (step, told) in self.steps.iter().zip(&mut report) {
            let Step::Save { existing, accepted, differences } = step else { continue };
            if differences.is_empty() {
                continue;
            }
            match preview(store, connection, *existing, accepted.clone(), now).await {
                Ok(preview) => told.preview = Some(preview),
                Err(InquiryError::Refused(words)) => told.untried = Some(words),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(report)
    }

    /// Does it.
    ///
    /// # Errors
    /// Where the store fails or the connection is not there any more; steps before are done then.
    pub async fn apply(self, store: &dyn Store, connection: &Connection) -> anyhow::Result<()> {
        let mut order = Vec::new();
        for step in self.steps {
            match step {
                Step::Save { existing: Some(id), differences, .. } if differences.is_empty() => order.push(id),
                Step::Save { existing, accepted, .. } => {
                    let saved = store
                        .save_mapping(
                            connection.id,
                            existing,
                            &accepted.definition,
                            &accepted.targets,
                            &accepted.fields,
                        )
                        .await?;
                    order.push(saved.id);
                }
                Step::Remove { id, .. } => store.delete_mapping(connection.id, id).await?,
            }
        }
        let now = store.mappings(connection.id).await?;
        if !now.iter().map(|mapping| &mapping.id).eq(&order) {
            store.order_mappings(connection.id, &order).await?;
        }
        Ok(())
    }
}

/// The report as people read it.
pub fn in_words(report: &[StepReport]) -> String {
    let mut text = String::new();
    for step in report {
        let _ = writeln!(text, "{} {} ↔ {}", step.action, step.salesforce, step.userflow);
        for change in &step.changes {
            let _ = writeln!(text, "    {change}");
        }
        let tried = step.preview.iter().flat_map(|preview| preview::in_words(preview, &step.salesforce));
        for line in tried.chain(step.untried.iter().map(|why| format!("not tried: {why}"))) {
            let _ = writeln!(text, "    | {line}");
        }
    }
    if text.is_empty() { "nothing to do\n".to_owned() } else { text }
}

fn differences(old: &MappingDefinition, new: &MappingDefinition) -> Vec<String> {
    let mut found = Vec::new();
    let rule = |one: &MappingDefinition| format!("{} = {}", one.match_rule.salesforce, one.match_rule.userflow);
    for (name, old, new) in [
        ("match", rule(old), rule(new)),
        ("duplicates", word(old.duplicates), word(new.duplicates)),
        ("on_unlink", word(old.on_unlink), word(new.on_unlink)),
        ("stream_events", old.stream_events.to_string(), new.stream_events.to_string()),
        ("events", old.events.join(", "), new.events.join(", ")),
    ] {
        if old != new {
            found.push(format!("{name}: {old} → {new}"));
        }
    }
    for (direction, old, new) in [("inbound", &old.inbound, &new.inbound), ("outbound", &old.outbound, &new.outbound)] {
        found.extend(old.iter().filter(|line| !new.contains(line)).map(|line| in_a_line('-', direction, line)));
        found.extend(new.iter().filter(|line| !old.contains(line)).map(|line| in_a_line('+', direction, line)));
    }
    found
}

fn all_lines(definition: &MappingDefinition) -> Vec<String> {
    let inbound = definition.inbound.iter().map(|line| in_a_line('+', "inbound", line));
    let outbound = definition.outbound.iter().map(|line| in_a_line('+', "outbound", line));
    inbound.chain(outbound).collect()
}

fn in_a_line(sign: char, direction: &str, line: &FieldMapping) -> String {
    let mut text = format!("{sign} {direction}: {} → {}", line.from, line.to);
    // The options as the file says them; a line without any has none there.
    let Ok(serde_json::Value::Object(mut said)) = serde_json::to_value(line) else { return text };
    said.retain(|name, _| name != "from" && name != "to");
    let options: Vec<String> = said.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    if !options.is_empty() {
        let _ = write!(text, " ({})", options.join(", "));
    }
    text
}

/// The word that the file uses for a choice.
fn word(choice: impl Serialize) -> String {
    let json = serde_json::to_value(choice).unwrap_or_default();
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// The connection of an environment that mappings can be given to.
///
/// # Errors
/// Where there is none.
pub async fn connection_of(
    store: &dyn Store,
    environment: syncline_model::id::EnvironmentId,
) -> anyhow::Result<Connection> {
    let connection = store.connection(environment).await?;
    let connection = connection.filter(|one| one.status != ConnectionStatus::Disconnected);
    connection.context("the environment is not connected; connect it first")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[[mapping]]
salesforce = "Contact"
userflow = "user"
match = { salesforce = "Email", userflow = "email" }
stream_events = true
events = ["content", "trial_extended"]

[[mapping.inbound]]
from = "Title"
to = "salesforce_contact_title"

[[mapping.inbound]]
from = "Rating"
to = "rating"
empty = "default"
default = 1
values = { "Hot" = "3", "Warm" = "2" }
otherwise = "1"

[[mapping.outbound]]
from = "plan"
to = "userflow_user_plan__c"
truncate = true
"#;

    #[test]
    fn a_file_survives_being_written() {
        let file = MappingsFile::parse(FILE).unwrap();
        assert_eq!(file.mapping.len(), 1);
        let text = file.to_text().unwrap();
        assert_eq!(MappingsFile::parse(&text).unwrap(), file);
        assert_eq!(text.matches("empty").count(), 1, "an option that is not used is left out: {text}");
    }

    #[test]
    fn a_misspelt_name_is_refused() {
        let error = MappingsFile::parse(&FILE.replace("stream_events", "stream_event")).unwrap_err();
        assert!(format!("{error:#}").contains("stream_event"), "{error:#}");
    }

    #[test]
    fn differences_are_told_line_by_line() {
        let old = MappingsFile::parse(FILE).unwrap().mapping.remove(0);
        let mut new = old.clone();
        new.duplicates = syncline_model::mapping::Duplicates::Skip;
        new.inbound[0].to = "job_title".into();
        assert_eq!(
            differences(&old, &new),
            [
                "duplicates: oldest → skip",
                "- inbound: Title → salesforce_contact_title",
                "+ inbound: Title → job_title"
            ]
        );
        assert!(differences(&old, &old).is_empty());

        let mut new = old.clone();
        new.outbound[0].truncate = false;
        new.inbound[1].values.remove("Warm");
        assert_eq!(
            differences(&old, &new),
            [
                r#"- inbound: Rating → rating (empty = "default", default = 1, otherwise = "1", values = {"Hot":"3","Warm":"2"})"#,
                r#"+ inbound: Rating → rating (empty = "default", default = 1, otherwise = "1", values = {"Hot":"3"})"#,
                "- outbound: plan → userflow_user_plan__c (truncate = true)",
                "+ outbound: plan → userflow_user_plan__c",
            ]
        );
    }
}
