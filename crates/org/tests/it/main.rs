//! The org from outside, over real sockets.

mod access;
mod bulk;
mod bulk_classic;
mod bulk_ingest;
mod console;
mod data_describe;
mod data_writes;
mod doors;
mod metadata_api;
mod oauth;
mod oauth_apps;
mod oauth_identity;
mod pubsub;
mod rest;
mod rest_composite;
mod rest_faults;
mod rest_rows;
mod seed_file;
mod soql;
mod soql_question;
mod tooling;
mod tooling_permissions;
mod web;
