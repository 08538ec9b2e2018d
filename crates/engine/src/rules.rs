//! What items are planned by: the mappings, the types of attributes, what paths mean, and what other mappings are linked to that
//! feed the same attributes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use syncline_model::{
    attribute::Scope,
    custom_field::{WantedField, WantedFieldState},
    id::MappingId,
    mapping::{MappingDefinition, ObjectMapping},
    schema::ObjectSchema,
    work::{Linked, Work, WorkKey},
};

use crate::{
    apply::Worker,
    context::Interrupt,
    interest::{Interest, Paths},
    plan::{AttributeTypes, Plan, plan},
    precedence::{Contender, plan_among},
};

/// Of a mapping without sources in associated records.
static NO_PATHS: Paths = Paths::new();

/// What the work is done by, as it was after the work was taken. A mapping that is edited later marks its items again, so none of
/// them is taken off the due list by what the old one said.
pub(crate) struct Rules {
    pub(crate) mappings: HashMap<MappingId, ObjectMapping>,
    pub(crate) interest: Arc<Interest>,
    types: HashMap<Scope, AttributeTypes>,
}

impl Rules {
    /// What the mapping's paths mean.
    pub(crate) fn paths(&self, mapping: MappingId) -> &Paths {
        self.interest.paths(mapping).unwrap_or(&NO_PATHS)
    }
}

/// What the profiles of items are linked to by other mappings that feed the same attributes.
pub(crate) type Rivals = HashMap<WorkKey, Linked>;

impl Worker<'_> {
    pub(crate) async fn rules(&self) -> Result<Rules, Interrupt> {
        let store = &self.context.options.store;
        let connection = &self.context.connection;
        let definitions = store.attribute_definitions(connection.environment_id, None);
        let (mut mappings, definitions, wanted) =
            tokio::try_join!(store.mappings(connection.id), definitions, store.wanted_fields(connection.id))?;
        let interest = self.context.interest(&mappings);
        leave_out_unmade(&mut mappings, &wanted);
        let mut types = HashMap::from([(Scope::User, AttributeTypes::new()), (Scope::Company, AttributeTypes::new())]);
        for definition in definitions {
            if let Some(of_scope) = types.get_mut(&definition.scope) {
                of_scope.insert(definition.name, definition.data_type);
            }
        }
        let mappings = mappings.into_iter().map(|mapping| (mapping.id, mapping)).collect();
        Ok(Rules { mappings, interest, types })
    }

    pub(crate) fn schema(&self, mapping: &ObjectMapping) -> Option<Arc<ObjectSchema>> {
        self.context.schema(&mapping.definition.salesforce)
    }

    /// Plans an item by itself: what has to be asked first, or both sides' differences as far as its own mapping knows.
    pub(crate) fn plan(&self, rules: &Rules, work: &Work) -> Plan {
        let mapping = &rules.mappings[&work.key.mapping_id];
        let types = &rules.types[&mapping.definition.userflow.into()];
        plan(&mapping.definition, self.schema(mapping).as_deref(), rules.paths(mapping.id), types, work)
    }

    /// Reads what the profiles are linked to by other mappings that feed the same attributes; nothing where there are none.
    pub(crate) async fn rivals(&self, rules: &Rules, works: &[Work]) -> Result<Rivals, Interrupt> {
        let keys = works.iter().flat_map(|work| {
            let rivals = rules.interest.rivals(work.key.mapping_id);
            rivals.map(|mapping_id| WorkKey { mapping_id, profile_id: work.key.profile_id.clone() })
        });
        let keys: BTreeSet<WorkKey> = keys.collect();
        if keys.is_empty() {
            return Ok(Rivals::new());
        }
        let keys: Vec<_> = keys.into_iter().collect();
        let linked = self.context.options.store.linked(&self.context.lease, &keys).await?;
        Ok(linked.into_iter().map(|linked| (linked.key.clone(), linked)).collect())
    }

    /// Plans an item, with what the other mappings that feed its attributes have to say.
    pub(crate) fn plan_among(&self, rules: &Rules, work: &Work, rivals: &Rivals) -> Plan {
        let mapping = &rules.mappings[&work.key.mapping_id];
        let linked = rules.interest.rivals(mapping.id).filter_map(|rival| {
            let key = WorkKey { mapping_id: rival, profile_id: work.key.profile_id.clone() };
            let (rival, linked) = (rules.mappings.get(&rival)?, rivals.get(&key)?);
            Some((rival, self.schema(rival), linked))
        });
        let linked: Vec<_> = linked.collect();
        let contenders = linked.iter().map(|(mapping, schema, linked)| Contender {
            mapping,
            schema: schema.as_deref(),
            paths: rules.paths(mapping.id),
            record: &linked.record,
            associated: &linked.associated,
        });
        let types = &rules.types[&mapping.definition.userflow.into()];
        let schema = self.schema(mapping);
        plan_among(mapping, schema.as_deref(), rules.paths(mapping.id), types, work, contenders.collect())
    }
}

/// A field that is still to be made is no target yet: its line is left out, and its items become due again once it is there.
fn leave_out_unmade(mappings: &mut [ObjectMapping], wanted: &[WantedField]) {
    for mapping in mappings {
        let MappingDefinition { salesforce, outbound, .. } = &mut mapping.definition;
        outbound.retain(|line| {
            let unmade = |field: &WantedField| {
                field.state != WantedFieldState::Usable
                    && field.object.eq_ignore_ascii_case(salesforce)
                    && field.name.eq_ignore_ascii_case(&line.to)
            };
            !wanted.iter().any(unmade)
        });
    }
}
