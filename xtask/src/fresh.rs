//! Work that is done again only when its input changed: installing npm packages, building the web app.
//!
//! A stamp under `target/` remembers the input's contents, not its times, because a fresh checkout makes every file new.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::root;

/// Names of folders and files that tools make; none holds anybody's work.
const MADE_BY_TOOLS: [&str; 7] =
    ["schema.d.ts", "node_modules", "dist", "test-results", "playwright-report", ".venv", "target"];

/// Does `work` unless `output` exists and `inputs` (files or folders) are as they were when it was last done.
/// Paths are relative to the workspace's root; `name` tells one kind of work from another.
pub(crate) fn when_changed(name: &str, inputs: &[&str], output: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = root().join("target/xtask").join(format!("{name}.stamp"));
    let now = fingerprint(inputs)?;
    if root().join(output).exists() && fs::read_to_string(&stamp).is_ok_and(|last| last == now) {
        return Ok(());
    }
    work()?;
    fs::create_dir_all(root().join("target/xtask"))?;
    fs::write(&stamp, now).with_context(|| format!("cannot write {}", stamp.display()))
}

fn fingerprint(inputs: &[&str]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for input in inputs {
        for file in files_under(&root().join(input))? {
            file.hash(&mut hasher);
            fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Every file at or under `path`, sorted, without what tools made.
fn files_under(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(if path.exists() { vec![path.to_owned()] } else { Vec::new() });
    }
    let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    entries.retain(|entry| entry.file_name().is_some_and(|name| MADE_BY_TOOLS.iter().all(|made| name != *made)));
    entries.sort();
    let nested = entries.iter().map(|entry| files_under(entry)).collect::<Result<Vec<_>>>()?;
    Ok(nested.concat())
}
