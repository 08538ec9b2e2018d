//! What the work of a connection is planned by.

use std::collections::HashMap;

use crate::{
    attribute::{DataType, Scope},
    custom_field::WantedField,
    id::MappingId,
    mapping::ObjectMapping,
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
}
