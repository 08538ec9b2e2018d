//! The committed description of the management API is the one that the server gives.

use std::{fs, path::Path};

#[test]
fn the_committed_document_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let document = syncline::api::openapi::document().unwrap();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&file, &document).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == document, "openapi.json is out of date; run this test with UPDATE_OPENAPI=1");
}
