//! Invented diffs in many languages, and what must be read out of each: see `changes/cases.txt`.

use analysis::changes::{ChangeReading, FailureKind, can_produce, read_change};
use proptest::prelude::*;

struct Case<'t> {
    name: &'t str,
    title: &'t str,
    files: Vec<&'t str>,
    diff: String,
    expected: Vec<&'t str>,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("=== ") {
            let mut parts = head.split(" | ");
            cases.push(Case {
                name: parts.next().unwrap_or_default(),
                title: parts.next().unwrap_or_default(),
                files: parts.next().unwrap_or_default().split(',').collect(),
                diff: String::new(),
                expected: Vec::new(),
            });
        } else if let Some(case) = cases.last_mut() {
            match line.strip_prefix("> ") {
                Some(expectation) => case.expected.push(expectation),
                None if line.is_empty() && (case.diff.is_empty() || !case.expected.is_empty()) => {}
                None => {
                    case.diff.push_str(line);
                    case.diff.push('\n');
                }
            }
        }
    }
    cases
}

fn kind(name: &str) -> FailureKind {
    *FailureKind::ALL
        .iter()
        .find(|k| format!("{k:?}") == name.trim())
        .unwrap_or_else(|| panic!("no failure kind `{name}`"))
}

/// What is wrong with a reading, in words; empty if nothing is.
fn complaint(expectation: &str, reading: &ChangeReading) -> Option<String> {
    let (word, rest) = expectation.split_once(' ').unwrap_or((expectation, ""));
    let plausible = |k: FailureKind| can_produce(reading, k);
    match word {
        "effect" => {
            let (wanted, least) = rest
                .split_once(" >= ")
                .map_or((rest, 0.3), |(k, s)| (k, s.parse().expect("a strength")));
            let found = reading
                .effects
                .iter()
                .any(|e| format!("{:?}", e.kind) == wanted && e.strength >= least);
            (!found).then(|| format!("no effect {wanted} of {least} or more"))
        }
        "can" => rest.split(", ").find_map(|k| {
            let (p, why) = plausible(kind(k));
            (p < 0.4).then(|| format!("{k} only {p:.2}: {why}"))
        }),
        "cannot" => rest.split(", ").find_map(|k| {
            let (p, why) = plausible(kind(k));
            (p > 0.2).then(|| format!("{k} as much as {p:.2}: {why}"))
        }),
        "harmless" => match &reading.harmless {
            None => Some("not harmless".to_owned()),
            Some(h) => (rest != "any" && format!("{:?}", h.kind) != rest)
                .then(|| format!("harmless as {:?}", h.kind)),
        },
        "suspicious" => reading
            .harmless
            .as_ref()
            .map(|h| format!("harmless: {}", h.reason)),
        "innocent" => FailureKind::ALL.iter().find_map(|k| {
            let (p, why) = plausible(*k);
            (p >= 0.3).then(|| format!("{k:?} as much as {p:.2}: {why}"))
        }),
        "says" => (!reading.effects.iter().any(|e| e.summary.contains(rest)))
            .then(|| format!("nobody says `{rest}`")),
        other => Some(format!("unknown expectation `{other}`")),
    }
}

#[test]
fn every_case_reads_as_expected() {
    let cases = cases(include_str!("changes/cases.txt"));
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut report = String::new();
    let mut wrong = 0;
    for case in &cases {
        let diff = (!case.diff.trim().is_empty()).then_some(case.diff.as_str());
        let reading = read_change(case.title, &case.files, diff);
        let complaints: Vec<String> = case
            .expected
            .iter()
            .filter_map(|e| complaint(e, &reading).map(|c| format!("  `{e}`: {c}")))
            .collect();
        if case.expected.is_empty() || !complaints.is_empty() {
            wrong += 1;
            report += &format!("\n{}\n{}\n", case.name, complaints.join("\n"));
            for e in &reading.effects {
                report += &format!("    {:.2} {:?}: {}\n", e.strength, e.kind, e.summary);
            }
            if let Some(h) = &reading.harmless {
                report += &format!("    harmless {:?}: {}\n", h.kind, h.reason);
            }
        }
    }
    assert!(wrong == 0, "{wrong} of {} cases:{report}", cases.len());
}

/// The same lines in files of other names and in another order of files read the same.
#[test]
fn the_order_of_files_does_not_matter() {
    let one = "@@ a/x.go @@\n-const poolSize = 50\n+const poolSize = 5\n@@ b/y.go @@\n+\t// note\n";
    let two = "@@ b/y.go @@\n+\t// note\n@@ a/x.go @@\n-const poolSize = 50\n+const poolSize = 5\n";
    let (one, two) = (
        read_change("t", &[], Some(one)),
        read_change("t", &[], Some(two)),
    );
    assert_eq!(one.effects, two.effects);
    assert_eq!(one.vocabulary, two.vocabulary);
}

#[test]
fn hostile_sizes_are_survived() {
    let many = "+x = {[( \n".repeat(50_000);
    let deep = format!("@@ a.js @@\n+{}\n", "(".repeat(8000));
    for text in [
        many.as_str(),
        deep.as_str(),
        "@@",
        "@@ @@",
        "--- \n+++ \n@@ -1 +1 @@\n",
        "+\n-\n",
        "diff --git \n",
    ] {
        read_change("", &["a.js"], Some(text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any text at all is read without a panic, twice the same, with strengths within 0 and 1.
    #[test]
    fn anything_is_read(lines in proptest::collection::vec("[-+ @]?[ \\t]{0,4}(for|if|SELECT|return|func|def|x\\.y|err|nil|\\(|\\)|\\{|\\}|\\[|=|:=|:|\"|'|`|5s|512Mi|a_b|é|#|//|,|\\.|!|\\?\\.| ){0,12}", 0..30), ext in 0usize..8) {
        let path = ["a.go", "b.py", "c.yaml", "d.sql", "e.tf", "Dockerfile", "f.ts", "pom.xml"][ext];
        let text = format!("@@ {path} @@\n{}", lines.join("\n"));
        let reading = read_change("t", &[path], Some(&text));
        for effect in &reading.effects {
            prop_assert!((0.0..=1.0).contains(&effect.strength));
        }
        for kind in FailureKind::ALL {
            let (p, why) = can_produce(&reading, kind);
            prop_assert!((0.0..=1.0).contains(&p) && !why.is_empty());
        }
        prop_assert_eq!(reading, read_change("t", &[path], Some(&text)));
    }

    /// A change that only adds and removes the same lines does nothing.
    #[test]
    fn the_same_lines_moved_do_nothing(lines in proptest::collection::vec("[a-z]{2,6} = [a-z]{2,6}\\([0-9]{1,3}\\)", 1..8)) {
        let removed: String = lines.iter().map(|l| format!("-{l}\n")).collect();
        let added: String = lines.iter().map(|l| format!("+{l}\n")).collect();
        let reading = read_change("t", &["a.py"], Some(&format!("@@ a.py @@\n{removed}{added}")));
        prop_assert!(reading.harmless.is_some(), "{:?}", reading.effects);
    }
}
