//! What the metrics of widespread exporters measure, where their words mislead: data, in files under `exporters/`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::Role;

include!(concat!(env!("OUT_DIR"), "/exporters.rs"));

/// One exporter: a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exporter {
    /// What it calls itself.
    #[serde(rename = "exporter")]
    _exporter: String,
    /// Where it stands what its metrics mean.
    #[serde(rename = "manual")]
    _manual: String,
    /// Metrics whose names would be misread.
    #[serde(rename = "metric")]
    metrics: Vec<Meaning>,
}

/// Metrics that measure one thing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meaning {
    /// Names; `*` stands for anything.
    names: Vec<String>,
    /// What they measure.
    role: Role,
    /// What they really are, for whoever reads the file.
    #[serde(rename = "because")]
    _because: String,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("exporter {file}: {problem}")]
pub(super) struct BadExporter {
    file: String,
    problem: String,
}

/// All that is known of exporters.
#[derive(Debug)]
pub(super) struct Exporters {
    /// By their whole names.
    exact: BTreeMap<String, Role>,
    /// Patterns, those that say most first.
    patterns: Vec<(String, Role)>,
    /// BLAKE3 (hex) of the files.
    digest: String,
}

impl Exporters {
    /// Reads the files.
    ///
    /// # Errors
    /// The first that does not parse, or that names what another one names too.
    pub(super) fn parse(files: &[(&str, &str)]) -> Result<Self, BadExporter> {
        let mut hasher = blake3::Hasher::new();
        let mut named: BTreeMap<String, Role> = BTreeMap::new();
        for (name, text) in files {
            let bad = |problem: String| BadExporter {
                file: (*name).to_string(),
                problem,
            };
            let exporter: Exporter = toml::from_str(text).map_err(|e| bad(e.to_string()))?;
            for meaning in exporter.metrics {
                for metric in meaning.names {
                    if named.insert(metric.clone(), meaning.role).is_some() {
                        return Err(bad(format!(
                            "{metric} has a meaning already; expected each name once in all files"
                        )));
                    }
                }
            }
            hasher
                .update(name.as_bytes())
                .update(&[0])
                .update(text.as_bytes())
                .update(&[0]);
        }
        let (patterns, exact): (Vec<_>, Vec<_>) =
            named.into_iter().partition(|(name, _)| name.contains('*'));
        let mut patterns: Vec<(String, Role)> = patterns;
        patterns.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Ok(Self {
            exact: exact.into_iter().collect(),
            patterns,
            digest: hasher.finalize().to_hex().to_string(),
        })
    }

    /// What a metric of this name measures; `None` where its words may be believed. A whole name comes before a
    /// pattern, a longer pattern before a shorter one.
    pub(super) fn means(&self, metric: &str) -> Option<Role> {
        self.exact.get(metric).copied().or_else(|| {
            let fitting = self.patterns.iter().find(|(p, _)| fits(p, metric));
            fitting.map(|(_, role)| *role)
        })
    }
}

/// Those that are built in.
pub(super) fn exporters() -> &'static Exporters {
    static EXPORTERS: OnceLock<Exporters> = OnceLock::new();
    EXPORTERS.get_or_init(|| {
        // A test parses every file, so that this cannot fail in a released build.
        Exporters::parse(FILES).unwrap_or_else(|bad| panic!("built-in exporters: {bad}"))
    })
}

/// BLAKE3 (hex) of what is known of exporters: a part of the rules of the engine.
pub fn digest() -> &'static str {
    &exporters().digest
}

/// Does the name fit a pattern in which `*` stands for anything?
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((begins, ends)) => name.strip_prefix(begins).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| fits(ends, rest)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_parses_and_every_name_is_needed() {
        let known = Exporters::parse(FILES).unwrap_or_else(|bad| panic!("{bad}"));
        let idle: Vec<&String> = known
            .exact
            .iter()
            .filter(|(name, role)| {
                let said = |statistic| crate::role::by_custom(name, statistic, "");
                said("") == **role && said("increase") == **role
            })
            .map(|(name, _)| name)
            .collect();
        assert!(idle.is_empty(), "their words say as much: {idle:?}");
    }

    #[test]
    fn the_narrowest_meaning_counts() {
        let file = "exporter = 'x'\nmanual = 'x'\n\
                    [[metric]]\nnames = ['a_*', 'a_b_c']\nrole = 'other'\nbecause = 'x'\n\
                    [[metric]]\nnames = ['a_b_*']\nrole = 'queue'\nbecause = 'x'\n";
        let known = Exporters::parse(&[("x.toml", file)]).expect("it parses");
        let means = |name| known.means(name);
        assert_eq!(means("a_b_c"), Some(Role::Other));
        assert_eq!(means("a_b_d"), Some(Role::Queue));
        assert_eq!(means("a_z"), Some(Role::Other));
        assert_eq!(means("b"), None);
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why() {
        let said = |files: &[(&str, &str)]| match Exporters::parse(files) {
            Ok(_) => panic!("it parses"),
            Err(bad) => bad.to_string(),
        };
        let one = "exporter = 'x'\nmanual = 'x'\n[[metric]]\nnames = ['a']\nrole = 'queue'\nbecause = 'x'\n";
        assert_eq!(
            said(&[("x.toml", one), ("y.toml", one)]),
            "exporter y.toml: a has a meaning already; expected each name once in all files"
        );
        let wrong = one.replace("queue", "quue");
        assert!(said(&[("x.toml", &wrong)]).contains("unknown variant `quue`"));
    }
}
