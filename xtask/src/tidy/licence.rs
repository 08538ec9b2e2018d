//! Every dependency's licence must let anybody host, change and sell what is built from it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::metadata::Metadata;
use super::read;

/// Licences that ask for no more than a notice, or, as MPL-2.0 does, for changes to the licensed files themselves.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BlueOak-1.0.0",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "OpenSSL",
    "Unicode-3.0",
    "Zlib",
];

/// Packages whose licence is not in the list or not stated (`""`), and why each is fine all the same.
const EXCEPTIONS: [(&str, &str, &str); 7] = [
    (
        "webpki-roots",
        "CDLA-Permissive-2.0",
        "a list of certificates, which is data; the licence asks that its text goes along",
    ),
    (
        "webpki-root-certs",
        "CDLA-Permissive-2.0",
        "a list of certificates, which is data; the licence asks that its text goes along",
    ),
    ("caniuse-lite", "CC-BY-4.0", "browser data for a build tool; none of it is in what we ship"),
    ("argparse", "Python-2.0", "the command line of a build tool; none of it is in what we ship"),
    (
        "npm",
        "Artistic-2.0",
        "part of Salesforce's command line, which tests run as it is; none of it is in what we ship",
    ),
    ("spdx-exceptions", "CC-BY-3.0", "a list of names in Salesforce's command line, which tests run as it is"),
    (
        "qrcode-terminal",
        "",
        "Apache 2.0 in the old form that npm does not read; in Salesforce's command line, which tests run as it is",
    ),
];

/// The licences of all crates, those of other platforms too.
pub(super) fn check_crates(metadata: &Metadata) -> Vec<String> {
    let packages = metadata.packages.iter();
    packages.filter_map(|package| refusal(&package.name, package.license.as_deref())).collect()
}

/// The licences of all npm packages, as their lock files state them.
pub(super) fn check_npm_packages(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut findings = BTreeSet::new();
    for lock in files.iter().filter(|file| file.ends_with("package-lock.json")) {
        findings.extend(check_npm_lock(lock)?);
    }
    Ok(findings.into_iter().collect())
}

fn check_npm_lock(lock: &Path) -> Result<Vec<String>> {
    let parsed: Value =
        serde_json::from_str(&read(lock)?).with_context(|| format!("cannot read {}", lock.display()))?;
    let Some(packages) = parsed["packages"].as_object() else {
        bail!("{}: an old lock file without `packages`; make it again with npm 7 or later", lock.display())
    };
    let installed = packages.iter().filter_map(|(path, package)| {
        let (_, name) = path.rsplit_once("node_modules/")?;
        Some((name, package))
    });
    // A link is a package of this repository.
    let installed = installed.filter(|(_, package)| package["link"] != Value::Bool(true));
    Ok(installed.filter_map(|(name, package)| refusal(name, package["license"].as_str())).collect())
}

fn refusal(name: &str, licence: Option<&str>) -> Option<String> {
    let licence = licence.unwrap_or_default();
    if EXCEPTIONS.iter().any(|(package, its, _)| *package == name && *its == licence) {
        return None;
    }
    if licence.is_empty() {
        return Some(format!("{name} states no licence"));
    }
    match Expression::parse(licence) {
        Ok(expression) if expression.is_allowed() => None,
        Ok(_) => Some(format!("{name} has the licence `{licence}`, which is not allowed")),
        Err(error) => Some(format!("{name} has the licence `{licence}`, which cannot be read: {error}")),
    }
}

/// An SPDX licence expression.
enum Expression {
    Licence(String),
    Both(Box<Self>, Box<Self>),
    Either(Box<Self>, Box<Self>),
}

impl Expression {
    fn parse(text: &str) -> Result<Self> {
        // Before SPDX, crates wrote `MIT/Apache-2.0` for a choice.
        let spaced = text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().peekable();
        let expression = Self::parse_either(&mut words)?;
        match words.next() {
            None => Ok(expression),
            Some(word) => bail!("`{word}` was not expected"),
        }
    }

    fn parse_either(words: &mut Words<'_>) -> Result<Self> {
        let mut left = Self::parse_both(words)?;
        while words.next_if_eq(&"OR").is_some() {
            left = Self::Either(Box::new(left), Box::new(Self::parse_both(words)?));
        }
        Ok(left)
    }

    /// AND binds more tightly than OR.
    fn parse_both(words: &mut Words<'_>) -> Result<Self> {
        let mut left = Self::parse_one(words)?;
        while words.next_if_eq(&"AND").is_some() {
            left = Self::Both(Box::new(left), Box::new(Self::parse_one(words)?));
        }
        Ok(left)
    }

    fn parse_one(words: &mut Words<'_>) -> Result<Self> {
        let Some(word) = words.next() else { bail!("it ends too soon") };
        match word {
            "(" => {
                let inner = Self::parse_either(words)?;
                if words.next() != Some(")") {
                    bail!("a parenthesis is not closed")
                }
                Ok(inner)
            }
            ")" | "AND" | "OR" | "WITH" => bail!("`{word}` was not expected"),
            licence => {
                // An exception only adds to what a licence permits.
                if words.next_if_eq(&"WITH").is_some() && words.next().is_none() {
                    bail!("`WITH` names no exception")
                }
                Ok(Self::Licence(licence.to_owned()))
            }
        }
    }

    fn is_allowed(&self) -> bool {
        match self {
            Self::Licence(name) => ALLOWED.contains(&name.as_str()),
            Self::Both(left, right) => left.is_allowed() && right.is_allowed(),
            Self::Either(left, right) => left.is_allowed() || right.is_allowed(),
        }
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(text: &str) -> bool {
        Expression::parse(text).unwrap().is_allowed()
    }

    #[test]
    fn a_choice_is_allowed_when_one_licence_is() {
        assert!(is_allowed("MIT OR LGPL-2.1-or-later"));
        assert!(is_allowed("GPL-3.0/MIT"));
        assert!(!is_allowed("GPL-3.0 OR AGPL-3.0"));
    }

    #[test]
    fn a_sum_is_allowed_only_when_all_its_licences_are() {
        assert!(is_allowed("MIT AND BSD-3-Clause"));
        assert!(!is_allowed("MIT AND GPL-3.0"));
    }

    #[test]
    fn and_binds_more_tightly_than_or() {
        assert!(is_allowed("MIT OR Apache-2.0 AND GPL-3.0"));
        assert!(!is_allowed("(MIT OR Apache-2.0) AND GPL-3.0"));
        assert!(is_allowed("GPL-3.0 AND MIT OR ISC"));
    }

    #[test]
    fn an_exception_does_not_change_the_verdict() {
        assert!(is_allowed("Apache-2.0 WITH LLVM-exception"));
        assert!(!is_allowed("GPL-2.0 WITH Classpath-exception-2.0"));
    }

    #[test]
    fn broken_expressions_are_refused() {
        for text in ["", "MIT OR", "(MIT", "MIT)", "AND MIT", "MIT Apache-2.0", "MIT WITH"] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_package_without_a_licence_is_refused() {
        assert!(refusal("nameless", None).is_some());
    }

    #[test]
    fn an_exception_holds_for_its_own_package_and_licence_only() {
        assert!(refusal("webpki-roots", Some("CDLA-Permissive-2.0")).is_none());
        assert!(refusal("webpki-roots", Some("GPL-3.0")).is_some());
        assert!(refusal("another", Some("CDLA-Permissive-2.0")).is_some());
    }
}
