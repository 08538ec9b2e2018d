//! Which crate of the workspace may use which: the arrows of ARCHITECTURE.md, held by a check.

use std::collections::BTreeSet;

use super::metadata::{Metadata, Package};

/// Each crate, and those of ours that its code may use. Tests may use what they like.
const LAYERS: [(&str, &[&str]); 10] = [
    ("syncline-model", &[]),
    ("syncline-engine", &["syncline-model"]),
    ("syncline-store", &["syncline-model"]),
    ("syncline-environment", &["syncline-model"]),
    ("syncline-salesforce-eventbus", &[]),
    ("syncline-salesforce", &["syncline-model", "syncline-salesforce-eventbus"]),
    // The org and the connector share nothing but generated code: two sides that share a wrong belief agree with each
    // other and with nobody else.
    ("syncline-org", &["syncline-salesforce-eventbus"]),
    (
        "syncline",
        &[
            "syncline-engine",
            "syncline-environment",
            "syncline-model",
            "syncline-org",
            "syncline-salesforce",
            "syncline-store",
        ],
    ),
    // It runs everything but the program around it.
    (
        "syncline-simulation",
        &["syncline-engine", "syncline-model", "syncline-org", "syncline-salesforce", "syncline-store"],
    ),
    ("xtask", &[]),
];

pub(super) fn check_layers(metadata: &Metadata) -> Vec<String> {
    let ours: BTreeSet<&str> = metadata.members().map(|package| package.name.as_str()).collect();
    metadata.members().flat_map(|package| check_package(package, &ours)).collect()
}

fn check_package(package: &Package, ours: &BTreeSet<&str>) -> Vec<String> {
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == package.name) else {
        return vec![format!("{}: a new crate; say in xtask/src/tidy/layer.rs what it may use", package.name)];
    };
    let used = package.dependencies.iter().filter(|dependency| !dependency.is_for_tests());
    let wrong = used.filter(|used| ours.contains(used.name.as_str()) && !allowed.contains(&used.name.as_str()));
    wrong.map(|used| format!("{} may not use {}", package.name, used.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::metadata::Dependency;

    fn package(name: &str, dependency: &str, kind: Option<&str>) -> Package {
        let dependency = Dependency { name: dependency.to_owned(), kind: kind.map(str::to_owned) };
        Package { name: name.to_owned(), license: None, source: None, dependencies: vec![dependency] }
    }

    #[test]
    fn an_arrow_against_the_layers_is_found() {
        let ours = BTreeSet::from(["syncline-model", "syncline-store"]);
        let findings = check_package(&package("syncline-model", "syncline-store", None), &ours);
        assert_eq!(findings, ["syncline-model may not use syncline-store"]);
        assert!(check_package(&package("syncline-store", "syncline-model", None), &ours).is_empty());
    }

    #[test]
    fn tests_may_use_any_crate() {
        let ours = BTreeSet::from(["syncline-salesforce", "syncline-org"]);
        assert!(check_package(&package("syncline-salesforce", "syncline-org", Some("dev")), &ours).is_empty());
    }
}
