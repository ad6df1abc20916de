//! What knows changes: hosts of code, a repository on this machine, Argo CD; and pages of providers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Connectors, Fault, Length, length_fault, named, nobody};

/// A git repository on this machine: its commits with their diffs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// Its folder; relative to the file.
    pub path: PathBuf,
    /// The branch that is put into production; what is checked out unless it is named.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub branch: String,
    /// Whom its commits touch, such as `["service/cart"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<String>,
    /// How far back commits are read; 24h unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Length>,
    /// Commits whose diffs one look reads, the newest; 50 unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diffs: Option<u64>,
    /// How long one run of the git program may take; 5s unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Length>,
    /// How long one look may take; 20s unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Length>,
}

/// Can it be the full name of a repository: parts of letters, digits and signs that end no address?
fn is_repository(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let part =
        |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain);
    name.contains('/') && name.len() <= 250 && name.split('/').all(part)
}

impl Connectors {
    /// Is there any that is asked what was altered?
    pub fn tell_changes(&self) -> bool {
        !(self.argocd.is_empty()
            && self.git.is_empty()
            && self.github.is_empty()
            && self.gitlab.is_empty()
            && self.kubernetes.is_empty())
    }

    /// What is wrong with what knows changes, beyond addresses and bounds of those that are asked over HTTP.
    pub(super) fn changes_fault(&self) -> Option<Fault> {
        let fault = |key: String, what: String, remedy: &str| Some((key, what, remedy.to_string()));
        if let Some((name, page)) = self.statuspage.iter().find(|(_, one)| nobody(&one.entity)) {
            return fault(
                format!("connectors.statuspage.{name}.entity"),
                format!("is {:?}, which is no entity", page.entity),
                "write it like \"external/api.example.com\"",
            );
        }
        let key = |kind: &str, name: &String| format!("connectors.{kind}.{name}");
        let github = self.github.iter();
        let gitlab = self.gitlab.iter();
        let github = github.map(|(name, one)| (key("github", name), one.watched()));
        let gitlab = gitlab.map(|(name, one)| (key("gitlab", name), one.watched()));
        for (key, watched) in github.chain(gitlab) {
            let numbered = key.starts_with("connectors.github.");
            let mut repositories = watched.repositories.iter();
            let bad = repositories
                .find(|name| !is_repository(name) || numbered && name.matches('/').count() != 1);
            if let Some(bad) = bad {
                return fault(
                    format!("{key}.repositories"),
                    format!("names {bad:?}, which is no repository"),
                    "write them like \"shop/cart\"",
                );
            }
            if watched.repositories.is_empty() {
                return fault(
                    format!("{key}.repositories"),
                    "names none".to_string(),
                    "name those that are put into production, like [\"shop/cart\"]",
                );
            }
            let found = touched(&key, watched.touches)
                .or_else(|| length_fault(&key, ".since", watched.since));
            if found.is_some() {
                return found;
            }
        }
        for (name, one) in &self.argocd {
            let key = format!("connectors.argocd.{name}");
            let found =
                touched(&key, &one.touches).or_else(|| length_fault(&key, ".since", one.since));
            if found.is_some() {
                return found;
            }
        }
        self.git.iter().find_map(|(name, one)| one.fault(name))
    }
}

fn touched(key: &str, touches: &BTreeMap<String, Vec<String>>) -> Option<Fault> {
    let bad = touches.values().flatten().find(|id| nobody(id))?;
    Some((
        format!("{key}.touches"),
        format!("names {bad:?}, which is no entity"),
        "write them like \"service/cart\"".to_string(),
    ))
}

impl Git {
    fn fault(&self, name: &str) -> Option<Fault> {
        let key = format!("connectors.git.{name}");
        let fault = |of: &str, what: String, remedy: &str| {
            Some((format!("{key}{of}"), what, remedy.to_string()))
        };
        if let Some(fault) = named(&key, name) {
            return Some(fault);
        }
        if self.path.as_os_str().is_empty() {
            return fault(
                ".path",
                "names no folder".to_string(),
                "name the repository's folder",
            );
        }
        if !connectors::git::is_branch(&self.branch) {
            return fault(
                ".branch",
                format!("is {:?}, which is no branch", self.branch),
                "write it like \"main\" or \"origin/main\"",
            );
        }
        if let Some(bad) = self.entities.iter().find(|id| nobody(id)) {
            return fault(
                ".entities",
                format!("names {bad:?}, which is no entity"),
                "write them like \"service/cart\"",
            );
        }
        let lengths = [
            (".since", self.since),
            (".timeout", self.timeout),
            (".look", self.look),
        ];
        let mut lengths = lengths.into_iter();
        lengths.find_map(|(of, length)| length_fault(&key, of, length))
    }
}
