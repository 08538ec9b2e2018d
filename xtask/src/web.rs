//! The npm packages of this workspace: the web app, its end-to-end tests, and the foreign clients.

use std::process::Command;

use anyhow::Result;

use crate::fresh::when_changed;
use crate::workspace::{command, run};

/// Builds the web app into `web/dist`, which the server embeds.
pub(crate) fn build() -> Result<()> {
    install("web")?;
    when_changed("web-build", &["web", "crates/server/openapi.json"], "web/dist/index.html", || {
        run(npm("web").args(["run", "build"]))
    })
}

/// Type-checks, lints and unit-tests the web app.
pub(crate) fn check() -> Result<()> {
    install("web")?;
    run(npm("web").args(["run", "check"]))?;
    run(npm("web").arg("test"))
}

/// Installs exactly what the lock file of the package in `folder` names.
pub(crate) fn install(folder: &str) -> Result<()> {
    let name = format!("npm-{}", folder.replace('/', "-"));
    let modules = format!("{folder}/node_modules");
    when_changed(&name, &[&format!("{folder}/package-lock.json")], &modules, || {
        let mut install = npm(folder);
        install.args(["ci", "--no-audit", "--no-fund"]);
        // The browser comes from Debian.
        run(install.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))
    })
}

/// npm in a package's folder.
pub(crate) fn npm(folder: &str) -> Command {
    command("npm", folder)
}
