//! What cargo knows of the workspace and its dependencies.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::workspace::{cargo, output_of};

#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
}

#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) license: Option<String>,
    /// Where it was downloaded from; absent for the workspace's own.
    pub(super) source: Option<String>,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `dev` or `build`; absent for what the package's own code uses.
    pub(super) kind: Option<String>,
}

impl Metadata {
    /// Asks cargo, for all platforms.
    pub(super) fn load() -> Result<Self> {
        let printed = output_of(cargo().args(["metadata", "--format-version", "1", "--locked"]))?;
        serde_json::from_str(&printed).context("cannot read cargo's metadata")
    }

    /// The workspace's own packages.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.source.is_none())
    }
}

impl Dependency {
    pub(super) fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}
