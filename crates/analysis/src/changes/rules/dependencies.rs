//! Versions of packages and base images.

use super::super::effect::{Bump, Effect, EffectKind};
use super::super::path::{FileRole, Language};
use super::super::source::{CodeLine, FileView};
use std::collections::BTreeMap;

pub(super) fn read(files: &[&FileView<'_>], effects: &mut Vec<Effect>) {
    for file in files {
        if file.role == FileRole::Dependencies && file.language != Language::Lockfile {
            packages(file, effects);
        }
        if file.language == Language::Dockerfile {
            base_images(file, effects);
        }
    }
}

/// Every `name … version` pair on changed lines.
fn versions<'l>(
    lines: impl Iterator<Item = &'l CodeLine<'l>>,
) -> BTreeMap<String, (String, &'l CodeLine<'l>)> {
    let mut found = BTreeMap::new();
    let mut artifact: Option<String> = None;
    for line in lines {
        let clean: String = line
            .text
            .chars()
            .map(|c| {
                if "\"',=<>~^!()[]{};".contains(c) {
                    ' '
                } else {
                    c
                }
            })
            .collect();
        let words: Vec<&str> = clean
            .split_whitespace()
            .map(|w| w.trim_matches(':'))
            .filter(|w| !w.is_empty())
            .collect();
        // Maven spreads one dependency over several lines.
        if line.text.contains("<artifactId>") {
            artifact = words.get(1).map(|w| (*w).to_owned());
        }
        let mut pairs: Vec<&str> = Vec::new();
        for word in &words {
            // `group:artifact:1.2.3`
            if word.matches(':').count() >= 2 {
                pairs.extend(word.rsplitn(2, ':').collect::<Vec<_>>().into_iter().rev());
            } else {
                pairs.push(word);
            }
        }
        let Some(at) = pairs.iter().position(|w| parse_version(w).is_some()) else {
            continue;
        };
        let name = pairs[..at]
            .iter()
            .rev()
            .find(|w| {
                !matches!(
                    **w,
                    "require" | "version" | "implementation" | "api" | "gem" | "rev" | "package"
                )
            })
            .map(|w| (*w).to_owned())
            .or_else(|| artifact.clone());
        let Some(name) = name else { continue };
        let name = if name == "version" {
            artifact.clone().unwrap_or(name)
        } else {
            name
        };
        // Unchanged lines only tell whose version comes next.
        if !line.net {
            continue;
        }
        found.entry(name).or_insert((pairs[at].to_owned(), line));
    }
    found
}

/// Major, minor, patch of what looks like a version.
fn parse_version(text: &str) -> Option<[u64; 3]> {
    let body = text.strip_prefix('v').unwrap_or(text);
    let core = body.split(['-', '+']).next()?;
    let mut numbers = [0u64; 3];
    let mut count = 0;
    for part in core.split('.') {
        let value = part.parse().ok()?;
        if count < 3 {
            numbers[count] = value;
        }
        count += 1;
    }
    (2..=4).contains(&count).then_some(numbers)
}

fn packages(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let before = versions(file.before());
    let after = versions(file.after());
    for (name, (to, line)) in &after {
        let Some((from, old)) = before.get(name) else {
            effects.push(
                Effect::new(
                    EffectKind::DependencyBumped(Bump::Other),
                    file.path,
                    0.2,
                    format!("adds the dependency {name} {to}"),
                )
                .about([name.as_str(), last_name(name)])
                .quoting_added(line.text),
            );
            continue;
        };
        let (Some(a), Some(b)) = (parse_version(from), parse_version(to)) else {
            continue;
        };
        let (bump, strength) = if b < a {
            (Bump::Other, 0.45)
        } else if b[0] > a[0] || (a[0] == 0 && b[1] > a[1]) {
            (Bump::Major, 0.55)
        } else if b[1] > a[1] {
            (Bump::Minor, 0.25)
        } else {
            (Bump::Patch, 0.08)
        };
        let mut effect = Effect::new(
            EffectKind::DependencyBumped(bump),
            file.path,
            strength,
            format!(
                "moves the dependency {name} from {from} to {to} ({})",
                word_for(bump)
            ),
        )
        .about([name.as_str(), last_name(name)])
        .quoting_removed(old.text)
        .quoting_added(line.text);
        effect.before = Some(from.clone());
        effect.after = Some(to.clone());
        effects.push(effect);
    }
    for (name, (from, line)) in &before {
        if !after.contains_key(name) {
            effects.push(
                Effect::new(
                    EffectKind::DependencyBumped(Bump::Other),
                    file.path,
                    0.35,
                    format!("removes the dependency {name} {from}"),
                )
                .about([name.as_str(), last_name(name)])
                .quoting_removed(line.text),
            );
        }
    }
}

fn word_for(bump: Bump) -> &'static str {
    match bump {
        Bump::Patch => "patch",
        Bump::Minor => "minor version",
        Bump::Major => "major version",
        Bump::Other => "not a step forward",
    }
}

fn last_name(name: &str) -> &str {
    name.rsplit(['/', ':']).next().unwrap_or(name)
}

fn base_images(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let image = |l: &CodeLine<'_>| {
        let mut words = l.text.split_whitespace();
        words.next().filter(|w| w.eq_ignore_ascii_case("from"))?;
        words.find(|w| !w.starts_with("--")).map(str::to_owned)
    };
    let before: Vec<_> = file
        .before()
        .filter(|l| l.net)
        .filter_map(|l| Some((image(l)?, l)))
        .collect();
    let after: Vec<_> = file
        .after()
        .filter(|l| l.net)
        .filter_map(|l| Some((image(l)?, l)))
        .collect();
    for ((from, old), (to, new)) in before.iter().zip(&after) {
        let repository = |i: &str| i.split(['@', ':']).next().unwrap_or(i).to_owned();
        let same = repository(from) == repository(to);
        let mut effect = Effect::new(
            EffectKind::ImageChanged,
            file.path,
            if same { 0.2 } else { 0.5 },
            format!("builds on {to} instead of {from}"),
        )
        .about([repository(to), from.clone(), to.clone()])
        .quoting_removed(old.text)
        .quoting_added(new.text);
        effect.before = Some(from.clone());
        effect.after = Some(to.clone());
        effects.push(effect);
    }
    let user = |l: &CodeLine<'_>| matches!(l.first(), "USER" | "ENTRYPOINT" | "CMD");
    if let Some(line) = file.after().find(|l| l.net && user(l)) {
        effects.push(
            Effect::new(
                EffectKind::PermissionChanged,
                file.path,
                0.45,
                format!("starts the container differently: `{}`", line.text.trim()),
            )
            .about([line.first()])
            .quoting_added(line.text),
        );
    }
}
