//! Syncline's server: the command line, the settings, the HTTP interfaces, and the wiring of everything behind them.

pub mod api;
pub mod cli;
pub mod commands;
pub mod demo;
pub mod doctor;
pub mod emulated_org;
pub mod explain;
pub mod inquire;
pub mod lifecycle;
mod line_rules;
pub mod mapping_rules;
pub mod mappings_file;
pub mod org_objects;
pub mod preview;
pub mod salesforce_login;
pub mod sample;
pub mod secrets;
pub mod settings;
mod sources;
pub mod stopping;
pub mod telemetry;
#[cfg(test)]
mod type_matrix;
pub mod userflow_api;
pub mod web;
pub mod wiring;
