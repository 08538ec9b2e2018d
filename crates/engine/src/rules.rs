//! What items are planned by: the mappings, the types of attributes, what paths mean, and what other mappings are linked to that
//! feed the same attributes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError},
};

use syncline_model::{
    id::MappingId,
    mapping::ObjectMapping,
    rules::{AttributeTypes, StoredRules},
    schema::ObjectSchema,
    work::{Linked, Work, WorkKey},
};

use crate::{
    apply::Worker,
    context::Interrupt,
    interest::{Interest, Paths},
    plan::{Plan, plan},
    precedence::{Contender, plan_among},
};

/// Of a mapping without sources in associated records.
static NO_PATHS: Paths = Paths::new();

/// What the work is done by, as it was after the work was taken. A mapping that is edited later marks its items again, so none of
/// them is taken off the due list by what the old one said.
pub(crate) struct Rules {
    stored: Arc<StoredRules>,
    /// Those to plan by.
    pub(crate) mappings: HashMap<MappingId, ObjectMapping>,
    pub(crate) interest: Arc<Interest>,
}

impl Rules {
    fn new(stored: Arc<StoredRules>, interest: Arc<Interest>) -> Self {
        let mappings = stored.planned().into_iter().map(|mapping| (mapping.id, mapping)).collect();
        Self { stored, mappings, interest }
    }

    fn types(&self, mapping: &ObjectMapping) -> &AttributeTypes {
        &self.stored.types[&mapping.definition.userflow.into()]
    }

    /// What the mapping's paths mean.
    pub(crate) fn paths(&self, mapping: MappingId) -> &Paths {
        self.interest.paths(mapping).unwrap_or(&NO_PATHS)
    }
}

/// What the profiles of items are linked to by other mappings that feed the same attributes.
pub(crate) type Rivals = HashMap<WorkKey, Linked>;

impl Worker<'_> {
    pub(crate) async fn rules(&self) -> Result<Arc<Rules>, Interrupt> {
        let stored = self.context.stored_rules().await?;
        let interest = self.context.interest(&stored.mappings);
        let mut known = self.context.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&Arc<Rules>| Arc::ptr_eq(&known.stored, &stored) && Arc::ptr_eq(&known.interest, &interest);
        if let Some(rules) = known.as_ref().filter(same) {
            return Ok(Arc::clone(rules));
        }
        Ok(Arc::clone(known.insert(Arc::new(Rules::new(stored, interest)))))
    }

    pub(crate) fn schema(&self, mapping: &ObjectMapping) -> Option<Arc<ObjectSchema>> {
        self.context.schema(&mapping.definition.salesforce)
    }

    /// Plans an item by itself: what has to be asked first, or both sides' differences as far as its own mapping knows.
    pub(crate) fn plan(&self, rules: &Rules, work: &Work) -> Plan {
        let mapping = &rules.mappings[&work.key.mapping_id];
        plan(&mapping.definition, self.schema(mapping).as_deref(), rules.paths(mapping.id), rules.types(mapping), work)
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
        let schema = self.schema(mapping);
        plan_among(
            mapping,
            schema.as_deref(),
            rules.paths(mapping.id),
            rules.types(mapping),
            work,
            contenders.collect(),
        )
    }
}
