//! Debian packages that the tests need. They are installed only where they are missing and only as root: on anybody's
//! own machine the message says what to install instead.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow, bail};

use crate::workspace::{output_of, run};

/// Where `program` is in `PATH`.
pub(crate) fn program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Installs Debian packages; without root, or without apt, it fails and names them.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if program("apt-get").is_none() {
        bail!("this needs {names}, and there is no apt-get here: install it by your system's own means");
    }
    if !is_root()? {
        bail!("this needs {names}: `sudo apt-get install {names}`");
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    // A fresh machine has no package lists, and old lists name packages that are gone.
    run(Command::new("apt-get").arg("update"))?;
    run(&mut install)
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> Result<bool> {
    Ok(output_of(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Chromium, installed first where there is none.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(chromium) = program("chromium") {
        return Ok(chromium);
    }
    // Without recommended packages it comes without a single font.
    install(&["chromium", "fonts-liberation"])?;
    program("chromium").ok_or_else(|| anyhow!("`chromium` is still missing after installing it"))
}

/// The newest folder of PostgreSQL server programs, installed first where there is none.
pub(crate) fn postgres_programs() -> Result<PathBuf> {
    if let Some(folder) = find_postgres_programs() {
        return Ok(folder);
    }
    install(&["postgresql"])?;
    find_postgres_programs().ok_or_else(|| anyhow!("`initdb` is still missing after installing postgresql"))
}

fn find_postgres_programs() -> Option<PathBuf> {
    // In PATH it may be a link into the folder that holds the rest.
    if let Some(initdb) = program("initdb").and_then(|file| file.canonicalize().ok()) {
        return initdb.parent().map(Path::to_owned);
    }
    // Debian keeps the server's programs out of PATH, one folder a major version.
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path());
    let major = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter(|path| path.join("bin/initdb").is_file()).max_by_key(|path| major(path))?;
    Some(newest.join("bin"))
}
