//! Decisions and computations that now come out differently: the same words under other signs.

use super::super::effect::{Effect, EffectKind};
use super::super::lexer::Token;
use super::super::source::{CodeLine, FileView};
use super::super::words::split_identifier;
use std::collections::BTreeSet;

pub(super) fn read(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let mut told = 0;
    for hunk in &file.hunks {
        let removed: Vec<&CodeLine<'_>> = hunk.before.iter().filter(|l| l.net).collect();
        let mut added: Vec<(&CodeLine<'_>, BTreeSet<&str>)> = hunk
            .after
            .iter()
            .filter(|l| l.net)
            .take(200)
            .map(|l| (l, words_of(l)))
            .collect();
        // Pairing costs the product of both sides; what matters stands in hunks of ordinary size.
        for before in removed.into_iter().take(200) {
            let words = words_of(before);
            if words.is_empty() {
                continue;
            }
            let Some(at) = added
                .iter()
                .position(|(a, other)| twin(before, &words, a, other))
            else {
                continue;
            };
            let (after, _) = added.remove(at);
            if let Some(effect) = compare(file, before, after)
                && told < 8
            {
                told += 1;
                effects.push(effect);
            }
        }
    }
}

fn words_of<'a>(line: &CodeLine<'a>) -> BTreeSet<&'a str> {
    line.tokens
        .iter()
        .filter_map(|t| match t {
            Token::Word(w) => Some(*w),
            _ => None,
        })
        .collect()
}

/// Lines that say nearly the same with the same words.
fn twin(
    before: &CodeLine<'_>,
    words: &BTreeSet<&str>,
    after: &CodeLine<'_>,
    other: &BTreeSet<&str>,
) -> bool {
    let shared = words.intersection(other).count();
    let all = words.len() + other.len() - shared;
    before.first() == after.first() && shared * 3 >= all * 2
}

fn marks(line: &CodeLine<'_>, which: &[&str]) -> Vec<String> {
    line.tokens
        .iter()
        .filter(|t| which.contains(&t.text()) && !matches!(t, Token::Text(_)))
        .map(|t| t.text().to_owned())
        .collect()
}

fn compare(file: &FileView<'_>, before: &CodeLine<'_>, after: &CodeLine<'_>) -> Option<Effect> {
    if super::guards::same_shape(before, after) {
        return None;
    }
    let deciding = ["if", "elif", "while", "when", "case", "unless", "guard"];
    let logic = [
        "==", "!=", "===", "!==", "<", ">", "<=", ">=", "&&", "||", "!", "and", "or", "not", "is",
    ];
    let decides = |l: &CodeLine<'_>| {
        l.has_word(&deciding)
            || marks(l, &["?", "&&", "||", "==", "!="]).len() > 1
            || l.first() == "return" && !marks(l, &logic).is_empty()
    };
    let (words, other) = (words_of(before), words_of(after));
    if decides(before)
        && decides(after)
        && (marks(before, &logic) != marks(after, &logic) || words != other)
    {
        // Only the error's name or the response differs: not a decision.
        if marks(before, &logic) == marks(after, &logic) && !before.has_word(&deciding) {
            return None;
        }
        let inverted = marks(before, &logic) != marks(after, &logic);
        let subjects: Vec<String> = words
            .union(&other)
            .filter(|w| !super::super::source::is_keyword(w))
            .map(|w| (*w).to_owned())
            .collect();
        let auth = subjects
            .iter()
            .flat_map(|s| split_identifier(s))
            .any(|w| super::access::is_auth_word(&w));
        let time = subjects.iter().flat_map(|s| split_identifier(s)).any(|w| {
            matches!(
                w.as_str(),
                "expired" | "expiry" | "exp" | "before" | "after" | "nbf"
            )
        });
        let kind = if auth {
            EffectKind::AuthCheckChanged
        } else {
            EffectKind::ConditionChanged
        };
        return Some(
            Effect::new(
                kind,
                file.path,
                match (auth || time, inverted) {
                    (true, _) => 0.7,
                    (false, true) => 0.5,
                    (false, false) => 0.35,
                },
                "decides by another condition",
            )
            .about(subjects)
            .quoting_removed(before.text)
            .quoting_added(after.text),
        );
    }
    let sums = ["+", "-", "*", "/", "%", "<<", ">>", "**"];
    if words == other && marks(before, &sums) != marks(after, &sums) && before.tokens.len() > 2 {
        return Some(
            Effect::new(
                EffectKind::ComputationChanged,
                file.path,
                0.3,
                "computes a value differently",
            )
            .about(
                words
                    .iter()
                    .filter(|w| !super::super::source::is_keyword(w))
                    .map(|w| (*w).to_owned()),
            )
            .quoting_removed(before.text)
            .quoting_added(after.text),
        );
    }
    // A call whose receiver lost or gained a step: `exp.Add(leeway).Before(now)`.
    let lost: Vec<&&str> = words.difference(&other).collect();
    if decides(before) && !lost.is_empty() && other.is_subset(&words) {
        return Some(
            Effect::new(
                EffectKind::ConditionChanged,
                file.path,
                0.5,
                format!("no longer uses `{}` to decide", lost[0]),
            )
            .about(lost.into_iter().map(|w| (*w).to_owned()))
            .quoting_removed(before.text)
            .quoting_added(after.text),
        );
    }
    None
}
