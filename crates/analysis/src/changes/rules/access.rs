//! Who may do what: checks of identity and rights in code.

use super::super::effect::{Effect, EffectKind};
use super::super::lexer::Token;
use super::super::source::{CodeLine, FileView};
use super::super::words::split_identifier;
use super::facts::Facts;

/// Words of names that decide about identity and rights.
pub(super) fn is_auth_word(word: &str) -> bool {
    matches!(
        word,
        "auth"
            | "authenticated"
            | "authorize"
            | "authorized"
            | "authorization"
            | "authenticate"
            | "permission"
            | "permissions"
            | "jwt"
            | "audience"
            | "issuer"
            | "signature"
            | "csrf"
            | "acl"
            | "rbac"
            | "forbidden"
            | "login"
            | "admin"
            | "preauthorize"
            | "rolesallowed"
            | "scope"
            | "scopes"
            | "leeway"
    )
}

fn auth_facts<'l>(lines: impl Iterator<Item = &'l CodeLine<'l>>) -> Facts<'l> {
    let mut facts = Facts::default();
    for line in lines {
        for (i, token) in line.tokens.iter().enumerate() {
            let Token::Word(word) = token else { continue };
            let declared = i > 0
                && matches!(
                    line.tokens[i - 1],
                    Token::Word("func" | "def" | "fn" | "fun" | "class" | "function")
                );
            let called = line
                .tokens
                .get(i + 1)
                .is_some_and(|t| t.is("(") || t.is("."));
            let annotation = word.starts_with('@')
                || (i > 0 && line.tokens[i - 1].is("[") && line.tokens.len() < 12);
            let branch = matches!(line.first(), "if" | "elif" | "unless");
            if !declared
                && (called || annotation || branch)
                && split_identifier(word).iter().any(|w| is_auth_word(w))
            {
                facts.note(*word, line);
            }
        }
    }
    facts
}

pub(super) fn read(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let then = auth_facts(file.before());
    let now = auth_facts(file.after());
    let refused = |facts: &CodeLine<'_>| {
        facts.tokens.iter().any(|t| {
            matches!(
                t.text(),
                "401" | "403" | "StatusUnauthorized" | "StatusForbidden"
            )
        })
    };
    // Names that stand on both sides were only written once more or less.
    let gone: Vec<_> = then
        .beyond(&now)
        .filter(|(name, _)| now.count(name) == 0)
        .collect();
    let come: Vec<_> = now
        .beyond(&then)
        .filter(|(name, _)| then.count(name) == 0)
        .collect();
    let both = !gone.is_empty() && !come.is_empty();
    for (name, lines) in gone.iter().take(3) {
        if let Some(line) = lines.first() {
            effects.push(
                Effect::new(
                    EffectKind::AuthCheckChanged,
                    file.path,
                    if both { 0.5 } else { 0.7 },
                    format!("no longer uses `{name}` to decide about access"),
                )
                .about([*name])
                .quoting_removed(line.text),
            );
        }
    }
    for (name, lines) in come.iter().take(3) {
        if let Some(line) = lines.first() {
            // Only how a refusal is answered changed, not who is refused.
            if refused(line) && file.before().any(|l| l.net && refused(l)) {
                continue;
            }
            effects.push(
                Effect::new(
                    EffectKind::AuthCheckChanged,
                    file.path,
                    if both { 0.5 } else { 0.65 },
                    format!("now uses `{name}` to decide about access"),
                )
                .about([*name])
                .quoting_added(line.text),
            );
        }
    }
}
