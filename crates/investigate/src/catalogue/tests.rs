//! The catalogue is data; these tests are its compiler.

use std::collections::BTreeSet;

use regex::RegexBuilder;

use super::*;
use crate::role::Role;

fn mechanisms() -> &'static [Mechanism] {
    &catalogue().mechanisms
}

/// Every condition of a mechanism, with its place in the file.
fn conditions(mechanism: &Mechanism) -> Vec<(String, &Condition)> {
    let predict = &mechanism.predict;
    [
        ("signature", &mechanism.signatures),
        ("must", &predict.must),
        ("may", &predict.may),
        ("must_not", &predict.must_not),
    ]
    .into_iter()
    .flat_map(|(part, list)| {
        list.iter()
            .enumerate()
            .map(move |(i, c)| (format!("{} {part} {i}", mechanism.id), c))
    })
    .collect()
}

/// Runs `check` over every condition and fails with all complaints at once.
fn each_condition(check: impl Fn(&Condition) -> Result<(), String>) {
    let wrong: Vec<String> = mechanisms()
        .iter()
        .flat_map(conditions)
        .filter_map(|(place, condition)| {
            check(condition)
                .err()
                .map(|problem| format!("{place}: {problem}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn regex(pattern: &str) -> Result<regex::Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(64 << 20)
        .build()
        .map_err(|e| format!("{pattern}: {e}"))
}

#[test]
fn every_file_parses_and_all_categories_are_covered() {
    let catalogue = Catalogue::parse(FILES).unwrap_or_else(|bad| panic!("{bad}"));
    let categories: BTreeSet<Category> = catalogue.mechanisms.iter().map(|m| m.category).collect();
    assert_eq!(categories.len(), 5);
    assert!(
        catalogue.mechanisms.len() >= 70,
        "{} mechanisms",
        catalogue.mechanisms.len()
    );
}

#[test]
fn ids_are_unique_and_found() {
    let ids: BTreeSet<&str> = mechanisms().iter().map(|m| m.id.as_str()).collect();
    assert_eq!(ids.len(), mechanisms().len());
    for id in ids {
        assert_eq!(catalogue().get(id).map(|m| m.id.as_str()), Some(id));
    }
}

#[test]
fn every_mechanism_is_complete() {
    let mut wrong = Vec::new();
    for mechanism in mechanisms() {
        let mut miss = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{}: {what}", mechanism.id));
            }
        };
        miss(!mechanism.signatures.is_empty(), "no signature");
        miss(
            !(mechanism.predict.must.is_empty() && mechanism.predict.must_not.is_empty()),
            "no must, no must_not",
        );
        miss(!mechanism.remedies.is_empty(), "no remedy");
        miss(!mechanism.reads.is_empty(), "no reads");
        miss(
            !mechanism.title.is_empty() && !mechanism.summary.is_empty(),
            "no title or summary",
        );
        miss(
            mechanism.prior > 0.0 && mechanism.prior < 0.5,
            "prior out of range",
        );
        for remedy in &mechanism.remedies {
            for (name, text) in [
                ("prepare", &remedy.prepare),
                ("apply", &remedy.apply),
                ("verify", &remedy.verify),
                ("roll_back", &remedy.roll_back),
                ("risk", &remedy.risk),
                ("approver", &remedy.approver),
            ] {
                miss(!text.trim().is_empty(), &format!("a remedy without {name}"));
            }
            miss(
                ACTIONS.contains(&remedy.action.as_str()),
                &format!("action {:?}", remedy.action),
            );
        }
        for cause in &mechanism.causes {
            miss(
                catalogue().get(cause).is_some(),
                &format!("causes {cause:?}, which does not exist"),
            );
            miss(*cause != mechanism.id, "causes itself");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Two mechanisms that each claim to cause the other would leave no root.
#[test]
fn nothing_causes_its_own_cause() {
    let direct = |from: &Mechanism, to: &str| from.causes.iter().any(|c| c == to);
    let mut wrong = Vec::new();
    for one in mechanisms() {
        for other in one.causes.iter().filter_map(|c| catalogue().get(c)) {
            if direct(other, &one.id) {
                wrong.push(format!("{} and {} cause each other", one.id, other.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_condition_says_one_thing() {
    each_condition(|c| {
        let said = [
            c.log.is_some(),
            c.steps.is_some(),
            c.event.is_some(),
            c.state.is_some(),
            c.metric.is_some(),
            c.trace.is_some(),
            c.change.is_some(),
        ];
        match said.iter().filter(|s| **s).count() {
            1 if !c.says.is_empty() => Ok(()),
            1 => Err("without `says`".into()),
            n => Err(format!("{n} things")),
        }
    });
}

#[test]
fn every_role_and_change_word_exists() {
    let kinds = [
        "commit",
        "deploy",
        "flag",
        "config",
        "permission",
        "infrastructure",
        "scaling",
        "migration",
        "schedule",
        "certificate",
        "maintenance",
    ];
    each_condition(|c| {
        if let Some(metric) = &c.metric
            && Role::parse(&metric.role).is_none()
        {
            return Err(format!("role {:?}", metric.role));
        }
        if let Some(word) = &c.change
            && !kinds.contains(&word.as_str())
            && !crate::matching::is_failure_word(word)
        {
            return Err(format!("change {word:?}"));
        }
        Ok(())
    });
}

#[test]
fn every_expression_compiles_and_keeps_to_its_examples() {
    each_condition(|c| {
        for expression in crate::matching::expressions(c) {
            regex(expression)?;
        }
        let Some(pattern) = c.pattern() else {
            return Ok(());
        };
        let (pattern, except) = (regex(pattern)?, c.except.as_deref().map(regex).transpose()?);
        let counts = |text: &str| {
            pattern.is_match(text) && !except.as_ref().is_some_and(|e| e.is_match(text))
        };
        if c.examples.is_empty() || c.counter_examples.is_empty() {
            return Err("needs examples and counter_examples".into());
        }
        if let Some(missed) = c.examples.iter().find(|e| !counts(e)) {
            return Err(format!("misses {missed:?}"));
        }
        if let Some(taken) = c.counter_examples.iter().find(|e| counts(e)) {
            return Err(format!("takes {taken:?}"));
        }
        Ok(())
    });
}

#[test]
fn every_named_group_exists() {
    each_condition(|c| {
        let Some(group) = &c.names else { return Ok(()) };
        let pattern = regex(c.pattern().unwrap_or_default())?;
        if pattern.capture_names().flatten().any(|name| name == group) {
            Ok(())
        } else {
            Err(format!("no group {group:?}"))
        }
    });
}

#[test]
fn kinds_of_entities_exist() {
    if let Err(bad) =
        crate::matching::Compiled::new(catalogue()).and_then(|compiled| compiled.check())
    {
        panic!("{bad}");
    }
}

#[test]
fn an_unknown_field_is_refused() {
    let text = "id = \"a\"\ntitel = \"x\"";
    let bad = Catalogue::parse(&[("a.toml", text)])
        .map(|_| ())
        .map_err(|e| e.to_string());
    assert!(bad.is_err_and(|e| e.contains("titel")));
}
