//! salesforce-eventbus
