//! What a change does, read from its diff: typed effects on how the system runs, recognised
//! innocence, the words it touches, and whether it can produce a given failure.
//!
//! The order of reading: [`mod@diff`] parses the text, `source` turns it into two images of tokens
//! and cancels what merely moved, `rules` compare the images, `harmless` recognises what
//! cannot disturb, [`mod@failure`] says which effects lead to which failures, and [`mod@relevance`]
//! compares words with what fails. Everything is pure and deterministic; nothing here fails.
//!
//! ```
//! use analysis::changes::{FailureKind, can_produce, read_change};
//! let diff = "@@ billing/client.go: func (c *Client) Charge(ctx context.Context) error {\n\
//! -\tctx, cancel := context.WithTimeout(ctx, 5*time.Second)\n\
//! +\tctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)\n";
//! let reading = read_change("tidy client", &["billing/client.go"], Some(diff));
//! assert!(can_produce(&reading, FailureKind::TimeoutsUp).0 > 0.8);
//! assert!(can_produce(&reading, FailureKind::MemoryGrowth).0 < 0.1);
//! ```

mod consequences;
pub mod diff;
pub mod effect;
pub mod failure;
mod harmless;
mod lexer;
mod message;
pub mod path;
pub mod quantity;
pub mod relevance;
mod rules;
pub mod setting_class;
mod settings;
mod source;
pub mod words;

pub use consequences::failure_kinds_of;
pub use effect::{Bump, Effect, EffectKind, Motion, Provenance};
pub use failure::{FailureKind, can_produce};
pub use harmless::Harmless;
pub use relevance::{FailureVocabulary, Relevance, relevance};
pub use setting_class::SettingClass;

use lexer::Token;
use path::{path_words, territory_of};
use serde::Serialize;
use source::FileView;
use std::collections::BTreeSet;
use words::{is_common, split_identifier};

/// Effects that a reading keeps, strongest first: a change of a thousand files is not more
/// telling for its thousandth effect.
pub const MAX_EFFECTS: usize = 64;

/// What a change does, as far as its diff, paths and message tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChangeReading {
    /// Effects, strongest first.
    pub effects: Vec<Effect>,
    /// Identifiers on changed lines, as written.
    pub identifiers: BTreeSet<String>,
    /// Lower-case words of those identifiers and of the paths.
    pub words: BTreeSet<String>,
    /// Services, applications, charts and modules whose folders are touched.
    pub owners: BTreeSet<String>,
    /// Paths that are touched, in the order given, then those only the diff names.
    pub paths: Vec<String>,
    /// Code or configuration that several services build on is touched.
    pub shared_library: bool,
    /// Why the change cannot disturb what ran before, if that is so.
    pub harmless: Option<Harmless>,
    /// Lower-case words of added and removed lines, comments and strings included.
    pub vocabulary: BTreeSet<String>,
    /// There was a diff and all of it was read.
    pub diff_read: bool,
}

/// Reads a change. `title` is the commit message (its first line suffices), `files` the paths it
/// touches, `diff` its diff in any style that [`diff::parse`] knows.
pub fn read_change(title: &str, files: &[&str], diff: Option<&str>) -> ChangeReading {
    let parsed = diff.map(|text| diff::parse(text, files));
    let (views, complete) = parsed.as_ref().map(source::view).unwrap_or_default();
    let has_lines = views.iter().any(|f| !f.hunks.is_empty());
    let mut paths: Vec<String> = files.iter().map(|f| (*f).to_owned()).collect();
    for view in &views {
        if !view.path.is_empty() && !paths.iter().any(|p| p == view.path) {
            paths.push(view.path.to_owned());
        }
    }
    let territory = territory_of(paths.iter().map(String::as_str));
    let mut reading = ChangeReading {
        owners: territory.owners,
        shared_library: territory.shared,
        diff_read: has_lines && complete && parsed.as_ref().is_some_and(|p| !p.truncated),
        ..ChangeReading::default()
    };
    if has_lines {
        let mut effects = rules::read(&views);
        // Innocence of a change that was not read to its end is not for us to say.
        let whole = complete && parsed.as_ref().is_some_and(|p| !p.truncated);
        reading.harmless = if whole {
            harmless::by_diff(&views, &effects)
        } else {
            harmless::by_paths(paths.iter().map(String::as_str))
        };
        if reading.harmless.is_none() {
            effects.extend(unrecognised(&views, &effects));
        }
        reading.effects = effects;
        gather_words(&views, &mut reading);
    } else {
        reading.harmless = message::harmless(title, files);
        if reading.harmless.is_none() {
            reading.effects = message::effects(title, files);
        }
        reading.vocabulary = words::vocabulary_of(title);
    }
    for path in &paths {
        reading.words.extend(path_words(path));
    }
    discount(&mut reading.effects);
    rank(&mut reading.effects);
    if let Some(harmless) = &reading.harmless {
        name_harmless(harmless, &paths, &mut reading.effects);
    }
    reading.paths = paths;
    reading
}

/// Code that changed although no rule says what it does.
fn unrecognised(views: &[FileView<'_>], effects: &[Effect]) -> Option<Effect> {
    let known = effects
        .iter()
        .filter(|e| !e.kind.is_harmless())
        .map(|e| e.strength)
        .fold(0.0, f64::max);
    if known >= harmless::MATERIAL {
        return None;
    }
    let running = || {
        views
            .iter()
            .filter(|f| f.runs() && f.role != path::FileRole::Dependencies)
    };
    let removed = running().flat_map(|f| f.net_removed()).count();
    let added = running().flat_map(|f| f.net_added()).count();
    let file = running().find(|f| f.net_removed().chain(f.net_added()).next().is_some())?;
    let quoted = file
        .net_added()
        .next()
        .or_else(|| file.net_removed().next())?;
    let size = (removed + added) as f64;
    let (kind, strength, text) = if removed == 0 {
        (
            EffectKind::CodeAdded,
            0.1 + (size / 400.0).min(0.15),
            "adds code beside what ran before",
        )
    } else {
        (
            EffectKind::LogicChanged,
            0.12 + (size / 200.0).min(0.18),
            "changes code in a way that matches no known way of breaking",
        )
    };
    Some(Effect::new(kind, file.path, strength, text).quoting_added(quoted.text))
}

/// Identifiers and words of every changed line of files that run.
fn gather_words(views: &[FileView<'_>], reading: &mut ChangeReading) {
    for view in views.iter().filter(|v| v.runs()) {
        for hunk in &view.hunks {
            for line in hunk.before.iter().chain(&hunk.after) {
                if line.tag == diff::Tag::Context {
                    continue;
                }
                reading.vocabulary.extend(
                    line.text
                        .split(|c: char| !c.is_alphanumeric() && c != '_')
                        .filter(|w| !w.is_empty() && w.len() <= 64)
                        .flat_map(split_identifier)
                        .filter(|w| !is_common(w)),
                );
                if !line.net {
                    continue;
                }
                for token in &line.tokens {
                    if let Token::Word(word) = token
                        && word.len() > 1
                        && word.len() <= 64
                        && !source::is_keyword(word)
                    {
                        reading.identifiers.insert((*word).to_owned());
                        reading.words.extend(split_identifier(word));
                    }
                }
            }
        }
    }
}

/// Files of places that are not production weigh little in an incident of production.
fn discount(effects: &mut [Effect]) {
    const ELSEWHERE: [&str; 9] = [
        "staging",
        "stage",
        "dev",
        "development",
        "sandbox",
        "qa",
        "preview",
        "local",
        "examples",
    ];
    for effect in effects {
        if effect
            .file
            .split(['/', '.', '-', '_'])
            .any(|p| ELSEWHERE.contains(&p))
        {
            effect.strength *= 0.25;
        }
    }
}

fn rank(effects: &mut Vec<Effect>) {
    effects.sort_by(|a, b| {
        b.strength
            .total_cmp(&a.strength)
            .then_with(|| a.kind.cmp(&b.kind))
            .then_with(|| a.file.cmp(&b.file))
            .then_with(|| a.summary.cmp(&b.summary))
    });
    effects.dedup_by(|a, b| a.kind == b.kind && a.file == b.file && a.summary == b.summary);
    effects.truncate(MAX_EFFECTS);
}

/// A harmless change names its class among its effects, so that readers of effects see it too.
fn name_harmless(harmless: &Harmless, paths: &[String], effects: &mut Vec<Effect>) {
    if !effects.iter().any(|e| e.kind == harmless.kind) {
        let file = paths.first().map_or("", String::as_str);
        effects.push(Effect::new(
            harmless.kind,
            file,
            0.05,
            harmless.reason.clone(),
        ));
    }
}
