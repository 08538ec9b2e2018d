//! Rules about the committed files themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::read;
use crate::workspace::root;

/// Larger files make every clone slower for ever.
const LARGEST_FILE_BYTES: u64 = 1_000_000;

/// Text that must not be committed, and why. Each is written in two halves, so that this file may be committed.
const FORBIDDEN: [(&str, &str, Kind); 15] = [
    (concat!("/ro", "ot/"), "a path of one machine", Kind::Any),
    (concat!("/ho", "me/"), "a path of one machine", Kind::Any),
    (concat!("/Us", "ers/"), "a path of one machine", Kind::Any),
    (concat!("/wo", "rk/"), "a path of one machine", Kind::Any),
    (concat!("C:", "\\Users"), "a path of one machine", Kind::Any),
    (concat!("to", "do!("), "unfinished code", Kind::Rust),
    (concat!("unimple", "mented!("), "unfinished code", Kind::Rust),
    (concat!("db", "g!("), "left from debugging", Kind::Rust),
    (concat!("#[ig", "nore"), "a test that does not run", Kind::Rust),
    (concat!("#[al", "low("), "use `#[expect(…, reason = \"…\")]`", Kind::Rust),
    (concat!(".on", "ly("), "keeps other tests from running", Kind::Script),
    (concat!("test.sk", "ip("), "a test that does not run", Kind::Script),
    (concat!("it.sk", "ip("), "a test that does not run", Kind::Script),
    (concat!("describe.sk", "ip("), "a test that does not run", Kind::Script),
    (concat!("debug", "ger;"), "left from debugging", Kind::Script),
];

/// How the gRPC generator opens its files.
const GENERATED: &str = "// This file is @generated";

/// Which files a rule is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Rust,
    Script,
}

impl Kind {
    fn covers(self, file: &Path) -> bool {
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match self {
            Self::Any => true,
            Self::Rust => extension == "rs",
            Self::Script => ["js", "mjs", "ts", "tsx"].contains(&extension),
        }
    }
}

/// The page that names tests.
const NAMES_TESTS: &str = "docs/reliability.md";

/// The tests that a page promises are there. Those of the store are functions that a macro calls for each database.
pub(super) fn check_named_tests(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut functions = BTreeSet::new();
    for file in files.iter().filter(|file| Kind::Rust.covers(file)) {
        let text = read(file)?;
        let names = text.lines().filter_map(|line| line.split_once("fn ")?.1.split_once('('));
        functions.extend(names.map(|(name, _)| name.to_owned()));
    }
    let page = read(Path::new(NAMES_TESTS))?;
    let is_test = |word: &&str| {
        word.matches('_').count() > 1 && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
    };
    let named = page.split('`').skip(1).step_by(2).filter(is_test);
    let missing = named.filter(|name| !functions.contains(*name));
    Ok(missing.map(|name| format!("{NAMES_TESTS}: there is no test `{name}`")).collect())
}

pub(super) fn check_sizes(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in files {
        let bytes = root().join(file).metadata()?.len();
        if bytes > LARGEST_FILE_BYTES {
            findings.push(format!("{}: {bytes} bytes; the limit is {LARGEST_FILE_BYTES}", file.display()));
        }
    }
    Ok(findings)
}

pub(super) fn check_contents(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in files {
        // Pictures and the like are no text.
        let Ok(text) = String::from_utf8(std::fs::read(root().join(file))?) else { continue };
        findings.extend(forbidden_in(file, &text));
        if Kind::Rust.covers(file) && !opens_with_its_role(&text) {
            findings.push(format!("{}: must open with `//!` lines that say its role", file.display()));
        }
    }
    Ok(findings)
}

fn forbidden_in(file: &Path, text: &str) -> Vec<String> {
    // How a generator writes is not ours to choose; what may leave this machine is.
    let is_generated = text.starts_with(GENERATED);
    let holds = |kind: Kind| kind.covers(file) && (!is_generated || kind == Kind::Any);
    let rules: Vec<_> = FORBIDDEN.iter().filter(|(_, _, kind)| holds(*kind)).collect();
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for (forbidden, why, _) in rules.iter().filter(|(forbidden, ..)| line.contains(forbidden)) {
            findings.push(format!("{}:{number}: `{forbidden}`: {why}", file.display()));
        }
    }
    findings
}

fn opens_with_its_role(text: &str) -> bool {
    text.starts_with("//!") || text.starts_with(GENERATED)
}

/// Both databases must go through the same steps: folders `…/migrations/<database>` hold the same names.
pub(super) fn check_migrations(files: &[PathBuf]) -> Vec<String> {
    let mut databases: BTreeMap<&Path, BTreeSet<_>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "sql")) {
        let Some(database) = file.parent() else { continue };
        if database.parent().is_some_and(|folder| folder.ends_with("migrations")) {
            databases.entry(database).or_default().insert(file.file_name());
        }
    }
    let Some((first, names)) = databases.first_key_value() else { return Vec::new() };
    let different = databases.iter().filter(|(_, others)| *others != names);
    different
        .map(|(other, _)| format!("{} and {} hold different migrations", first.display(), other.display()))
        .collect()
}

/// Every crate takes the workspace's lints, and those forbid unsafe code.
pub(super) fn check_lints(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for manifest in files.iter().filter(|file| file.ends_with("Cargo.toml")) {
        let text = read(manifest)?;
        let is_root = manifest == Path::new("Cargo.toml");
        let wanted = if is_root { "unsafe_code = \"forbid\"" } else { "[lints]\nworkspace = true" };
        if !text.contains(wanted) {
            findings.push(format!("{}: lacks `{}`", manifest.display(), wanted.replace('\n', " ")));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_path_is_found_with_its_line() {
        let text = format!("first\nlet x = \"{}me\";\n", FORBIDDEN[0].0);
        let findings = forbidden_in(Path::new("a.rs"), &text);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("a.rs:2:"), "{}", findings[0]);
    }

    #[test]
    fn a_rust_rule_leaves_other_files_alone() {
        let unfinished = FORBIDDEN.iter().find(|(_, _, kind)| *kind == Kind::Rust).unwrap().0;
        assert_eq!(forbidden_in(Path::new("a.md"), unfinished), Vec::<String>::new());
        assert_eq!(forbidden_in(Path::new("a.rs"), unfinished).len(), 1);
    }

    #[test]
    fn generated_code_keeps_its_own_style_but_no_machine_path() {
        let text = format!("{GENERATED} by a tool.\n{}x)]\n{}me\n", concat!("#[al", "low("), FORBIDDEN[0].0);
        let findings = forbidden_in(Path::new("a.rs"), &text);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("a.rs:3:"), "{}", findings[0]);
    }

    #[test]
    fn migrations_must_have_the_same_names_for_both_databases() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let same = ["s/migrations/postgres/1.sql", "s/migrations/sqlite/1.sql"];
        assert_eq!(check_migrations(&paths(&same)), Vec::<String>::new());
        let more = ["s/migrations/postgres/1.sql", "s/migrations/sqlite/1.sql", "s/migrations/sqlite/2.sql"];
        assert_eq!(check_migrations(&paths(&more)).len(), 1);
    }

    #[test]
    fn a_module_must_say_its_role() {
        assert!(opens_with_its_role("//! Holds the links.\n"));
        assert!(!opens_with_its_role("use std::fmt;\n"));
    }
}
