//! What the source of the pure floors may not say: vendors' names, files and sockets, clocks and dice,
//! hands.
//!
//! Comments and tests may: only code counts. Where a name must be known to read what teams write (a
//! diff names the products it configures), the file is listed below with its reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The floors that compute.
const PURE: &[&str] = &["model", "analysis", "investigate", "learn"];

/// Companies and products whose words belong into a folder of `connectors`.
const VENDORS: &[&str] = &[
    "aws",
    "amazon",
    "cloudwatch",
    "cloudtrail",
    "xray",
    "dynamodb",
    "lambda",
    "s3",
    "ec2",
    "rds",
    "ecs",
    "eks",
    "sqs",
    "bedrock",
    "azure",
    "gcp",
    "google",
    "prometheus",
    "alertmanager",
    "grafana",
    "loki",
    "jaeger",
    "zipkin",
    "datadog",
    "newrelic",
    "dynatrace",
    "splunk",
    "elasticsearch",
    "kibana",
    "honeycomb",
    "kubernetes",
    "kubectl",
    "istio",
    "linkerd",
    "argocd",
    "github",
    "gitlab",
    "bitbucket",
    "jenkins",
    "pagerduty",
    "opsgenie",
    "jira",
    "openai",
    "anthropic",
    "ollama",
    "petshop",
    "nezha",
    "trainticket",
    "rootcausebench",
    "opensre",
];

/// Files that must know such words, which, and why. A word that is needed no longer is a fault too.
const KNOWN: &[(&str, &[&str], &str)] = &[
    (
        "analysis/src/changes",
        &[
            "azure",
            "bitbucket",
            "cloudwatch",
            "datadog",
            "dynamodb",
            "elasticsearch",
            "github",
            "gitlab",
            "jenkins",
            "kubernetes",
            "lambda",
            "prometheus",
            "s3",
            "sqs",
        ],
        "a diff is read in the words in which teams write their code and settings",
    ),
    (
        "investigate/src/scene",
        &["argocd"],
        "who wrote a line is told from what it is about by the names of machinery that writes about others",
    ),
    (
        "investigate/src/readiness",
        &["kubernetes"],
        "the catalogue's ids say which failures only an orchestrator knows; where there is none, nobody is asked for them",
    ),
    (
        "investigate/src/probes/states",
        &["kubernetes"],
        "orchestrators' objects arrive as documents in that project's own published schema",
    ),
];

/// What reads the world, and who may.
const WORLD: &[(&str, &str)] = &[
    ("std::fs", "reads files"),
    ("std::net", "opens sockets"),
    ("std::process", "runs programs"),
    ("std::env", "reads the environment"),
    ("tokio::", "does IO"),
    ("Instant::now", "reads a clock"),
    ("SystemTime::now", "reads a clock"),
    ("Timestamp::now", "reads a clock"),
    ("Zoned::now", "reads a clock"),
    ("thread_rng", "rolls dice"),
    ("rand::", "rolls dice"),
    ("RandomState", "rolls dice"),
    (
        "HashMap::new",
        "has a random order; use BTreeMap, or FxHashMap where nothing walks it",
    ),
    (
        "HashSet::new",
        "has a random order; use BTreeSet, or FxHashSet where nothing walks it",
    ),
    ("Actuator", "has hands (J7)"),
    ("Command::new", "runs programs"),
];

/// Every line of the pure floors that says what it may not.
pub fn faults(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut needed: BTreeSet<(usize, &str)> = BTreeSet::new();
    for floor in PURE {
        let mut files = Vec::new();
        gather(&root.join("crates").join(floor).join("src"), &mut files)?;
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let shown = file.strip_prefix(root.join("crates")).unwrap_or(&file);
            let shown = shown.display().to_string().replace('\\', "/");
            for (number, line) in code(&text) {
                let at = format!("crates/{shown}:{number}");
                faults
                    .extend(world(line, floor).map(|why| format!("{at}: {why}: {}", line.trim())));
                for vendor in vendors(line) {
                    let known = KNOWN.iter().position(|(folder, words, _)| {
                        (shown.starts_with(&format!("{folder}/"))
                            || shown == format!("{folder}.rs"))
                            && words.contains(&vendor)
                    });
                    match known {
                        Some(index) => {
                            needed.insert((index, vendor));
                        }
                        None => faults.push(format!(
                            "{at}: the vendor's word {vendor:?} belongs into crates/connectors (or, with a reason, into xtask/src/source.rs): {}",
                            line.trim()
                        )),
                    }
                }
            }
        }
    }
    for (index, (folder, words, _)) in KNOWN.iter().enumerate() {
        for word in words
            .iter()
            .filter(|word| !needed.contains(&(index, **word)))
        {
            faults.push(format!(
                "xtask/src/source.rs: {folder} needs {word:?} no longer; take it out of the exceptions"
            ));
        }
    }
    Ok(faults)
}

/// The first forbidden thing that a line of code does. The ground declares what hands are, so it may
/// name them.
fn world(line: &str, floor: &str) -> Option<String> {
    WORLD
        .iter()
        .filter(|(word, _)| !(floor == "model" && *word == "Actuator"))
        .find(|(word, _)| {
            line.match_indices(word).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            })
        })
        .map(|(word, why)| format!("`{word}` {why}"))
}

/// The vendors that a line of code names, as whole words or as parts of a name in any case.
fn vendors(line: &str) -> Vec<&'static str> {
    let lower = line.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    // Short names hide in other words; long ones are seen inside of CamelCase.
    let named = |vendor: &&&str| {
        words
            .iter()
            .any(|word| word == *vendor || (vendor.len() >= 7 && word.contains(**vendor)))
    };
    VENDORS.iter().filter(named).copied().collect()
}

/// The numbered lines of code: no comments, and nothing after a module of tests begins.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let end = (0..lines.len())
        .find(|&i| {
            lines[i].trim() == "#[cfg(test)]"
                && lines
                    .get(i + 1)
                    .is_some_and(|next| next.starts_with("mod tests {"))
        })
        .unwrap_or(lines.len());
    lines
        .into_iter()
        .take(end)
        .enumerate()
        .map(|(i, line)| (i + 1, bare(line)))
}

/// A line without its comment. A `//` inside of a text ends the line too early, which hides at most the
/// rest of an address.
fn bare(line: &str) -> &str {
    line.find("//").map_or(line, |at| &line[..at])
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if name != "tests" {
                gather(&path, files)?;
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{code, vendors, world};

    #[test]
    fn vendors_are_seen_in_any_case_and_not_inside_of_other_words() {
        assert_eq!(vendors(r#"if source == "CloudWatch" {"#), ["cloudwatch"]);
        assert_eq!(vendors("struct PrometheusAlarm;"), ["prometheus"]);
        assert_eq!(vendors("let s3_key = records.ids3();"), ["s3"]);
        assert!(vendors("let awsome = gloria.geks();").is_empty());
    }

    #[test]
    fn windows_clocks_and_dice_are_seen() {
        for line in [
            "use std::fs::File;",
            "let now = std::time::Instant::now();",
            "let x = rand::random();",
            "let map: HashMap<u8, u8> = HashMap::new();",
            "fn undo(hands: &dyn Actuator) {}",
        ] {
            assert!(world(line, "investigate").is_some(), "{line}");
        }
        assert!(world("pub trait Actuator {}", "model").is_none());
        assert!(world("let operand::Kind = x; FxHashMap::new();", "analysis").is_none());
    }

    #[test]
    fn comments_and_tests_are_no_code() {
        let text = "//! AWS\nlet a = 1; // github\n#[cfg(test)]\nmod tests {\n  loki\n}\n";
        let seen: Vec<&str> = code(text).map(|(_, line)| line).collect();
        assert_eq!(seen, ["", "let a = 1; "]);
    }
}
