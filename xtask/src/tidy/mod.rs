//! The repository's own rules, those that no compiler or linter knows. Each rule returns what it found; all are reported
//! at once, because finding one at a time is tiresome.

mod layer;
mod licence;
mod metadata;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use self::metadata::Metadata;
use crate::workspace::{command, output_of, root};

/// Checks every rule; fails when any was broken, after naming each place.
pub(crate) fn tidy() -> Result<()> {
    let files = committed_files()?;
    let metadata = Metadata::load()?;
    let mut findings = licence::check_crates(&metadata);
    findings.extend(layer::check_layers(&metadata));
    findings.extend(licence::check_npm_packages(&files)?);
    findings.extend(source::check_sizes(&files)?);
    findings.extend(source::check_contents(&files)?);
    findings.extend(source::check_migrations(&files));
    findings.extend(source::check_lints(&files)?);
    findings.extend(source::check_named_tests(&files)?);
    if findings.is_empty() {
        eprintln!("tidy: {} files keep the repository's rules", files.len());
        return Ok(());
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    bail!("{} finding(s)", findings.len())
}

/// What git holds or would hold, relative to the root, without what was deleted.
fn committed_files() -> Result<Vec<PathBuf>> {
    let mut list = command("git", "");
    // The list is read-only: it may be asked for in a checkout that belongs to somebody else, as in a container.
    list.args(["-c", "safe.directory=*"]);
    list.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let listed = output_of(&mut list)?;
    let paths = listed.split_terminator('\0').map(PathBuf::from);
    Ok(paths.filter(|path| root().join(path).is_file()).collect())
}

fn read(path: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(root().join(path))?)
}
