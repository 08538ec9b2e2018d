//! What the work of a connection is planned by.

use std::collections::HashMap;

use crate::{
    attribute::{DataType, Scope},
    custom_field::{WantedField, WantedFieldState},
    id::MappingId,
    mapping::{MappingDefinition, ObjectMapping},
};

/// The types of the attributes of users or of companies, by name.
pub type AttributeTypes = HashMap<String, DataType>;

/// What is stored that work is planned by, all as of one moment.
#[derive(Debug, Default)]
pub struct StoredRules {
    /// The connection's mappings in order, paused ones included.
    pub mappings: Vec<ObjectMapping>,
    /// The fields that mappings want made, in whatever state.
    pub wanted_fields: Vec<WantedField>,
    /// The types of users' attributes and of companies'.
    pub types: HashMap<Scope, AttributeTypes>,
}

impl StoredRules {
    /// One of the mappings.
    pub fn mapping(&self, id: MappingId) -> Option<&ObjectMapping> {
        self.mappings.iter().find(|mapping| mapping.id == id)
    }

    /// The field that a mapping of the object would write to, where it is still to be made.
    pub fn unmade(&self, object: &str, field: &str) -> Option<&WantedField> {
        self.wanted_fields.iter().find(|wanted| {
            wanted.state != WantedFieldState::Usable
                && wanted.object.eq_ignore_ascii_case(object)
                && wanted.name.eq_ignore_ascii_case(field)
        })
    }

    /// The mappings to plan by. A field that is still to be made is no target yet: its line is left out, and its items become due
    /// again once it is there.
    pub fn planned(&self) -> Vec<ObjectMapping> {
        let mut mappings = self.mappings.clone();
        for mapping in &mut mappings {
            let MappingDefinition { salesforce, outbound, .. } = &mut mapping.definition;
            outbound.retain(|line| self.unmade(salesforce, &line.to).is_none());
        }
        mappings
    }
}
