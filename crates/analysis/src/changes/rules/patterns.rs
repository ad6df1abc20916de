//! Ways of breaking that show only in how a few lines stand to each other: the order of locks,
//! what cache entries are filed under, patterns that backtrack.

use super::super::effect::{Effect, EffectKind};
use super::super::lexer::Token;
use super::super::path::path_words;
use super::super::source::{CodeLine, FileView};
use super::super::words::split_identifier;
use super::calls::{Call, FileCalls, declared};
use std::collections::BTreeSet;

/// The same number of locks, taken in another order or on others: two such paths can wait for
/// each other for ever.
pub(super) fn lock_order(file: &FileView<'_>, calls: &FileCalls<'_>, effects: &mut Vec<Effect>) {
    let order = |calls: &[Call<'_>]| -> Vec<String> {
        calls
            .iter()
            .filter(|c| matches!(c.name, "Lock" | "lock" | "acquire"))
            .map(|c| c.path.clone())
            .collect()
    };
    let (before, after) = (order(&calls.before), order(&calls.after));
    if before.len() < 2 || before.len() != after.len() || before == after || before.len() > 8 {
        return;
    }
    let line = file
        .net_added()
        .find(|l| l.has_word(&["Lock", "lock", "acquire"]));
    effects.push(
        Effect::new(
            EffectKind::LockWidened,
            file.path,
            0.65,
            format!(
                "takes locks in another order ({} instead of {})",
                after.join(", "),
                before.join(", ")
            ),
        )
        .about(after)
        .quoting_added(line.map_or("", |l| l.text)),
    );
}

/// What entries of a cache are filed under.
pub(super) fn cache_keys(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let words = |l: &CodeLine<'_>| -> BTreeSet<String> {
        l.tokens
            .iter()
            .filter(|t| matches!(t, Token::Word(_)))
            .flat_map(|t| split_identifier(t.text()))
            .collect()
    };
    for hunk in &file.hunks {
        let place: BTreeSet<String> = path_words(file.path)
            .into_iter()
            .chain(split_identifier(hunk.section))
            .chain(
                hunk.before
                    .iter()
                    .filter(|l| declared(l).is_some())
                    .flat_map(words),
            )
            .collect();
        for line in hunk.before.iter().filter(|l| l.net) {
            let own = words(line);
            let key = own.contains("key") || place.contains("key");
            let cache = ["cache", "caching", "memo"]
                .iter()
                .any(|w| own.contains(*w) || place.contains(*w));
            let builds = line
                .tokens
                .iter()
                .any(|t| matches!(t, Token::Text(_) | Token::Mark("+")));
            if !(key && cache && builds) || line.first() == "import" {
                continue;
            }
            if let Some(after) = hunk
                .after
                .iter()
                .find(|l| l.net && l.first() == line.first())
            {
                effects.push(
                    Effect::new(
                        EffectKind::CacheKeyChanged,
                        file.path,
                        0.75,
                        "files cache entries under another key",
                    )
                    .about(own)
                    .quoting_removed(line.text)
                    .quoting_added(after.text),
                );
                return;
            }
        }
    }
}

/// Whether a pattern repeats a group that itself repeats: engines that backtrack can take
/// exponential time on such.
fn backtracks(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    let mut groups: Vec<bool> = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' => groups.push(false),
            b'+' | b'*' => {
                if let Some(repeats) = groups.last_mut() {
                    *repeats = true;
                }
            }
            b')' if groups.pop() == Some(true)
                && matches!(bytes.get(at + 1), Some(b'+' | b'*')) =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// New patterns that backtrack.
pub(super) fn backtracking(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    fn risky<'l>(lines: impl Iterator<Item = &'l CodeLine<'l>>) -> Vec<&'l CodeLine<'l>> {
        const MATCHERS: [&str; 7] = [
            "regex",
            "regexp",
            "pattern",
            "re.compile",
            "matches(",
            ".match(",
            ".test(",
        ];
        lines
            .filter(|l| {
                let text = l.text.to_ascii_lowercase();
                l.tokens
                    .iter()
                    .any(|t| matches!(t, Token::Text(t) if backtracks(t)))
                    && MATCHERS.iter().any(|w| text.contains(w))
            })
            .collect()
    }
    if risky(file.before()).is_empty()
        && let Some(line) = risky(file.net_added()).first()
    {
        effects.push(
            Effect::new(
                EffectKind::ComplexityAdded,
                file.path,
                0.8,
                "matches with a pattern that repeats a repeating group, which can backtrack without end",
            )
            .quoting_added(line.text),
        );
    }
}
