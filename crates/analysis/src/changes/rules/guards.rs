//! Checks that went or came: for nil, for errors, of input, of bounds; and things that abort.

use super::super::diff::Tag;
use super::super::effect::{Effect, EffectKind};
use super::super::lexer::Token;
use super::super::path::Language;
use super::super::source::{CodeLine, FileView, is_keyword, matching_close, path_before};
use super::super::words::split_identifier;
use super::facts::Facts;

const NULLS: [&str; 7] = [
    "nil",
    "null",
    "None",
    "undefined",
    "NULL",
    "nullptr",
    "Nothing",
];

#[derive(Default)]
struct Checks<'l> {
    nil: Facts<'l>,
    errors: Facts<'l>,
    swallowed: Facts<'l>,
    aborts: Facts<'l>,
    throws: Facts<'l>,
    unchecked: Facts<'l>,
    validations: Facts<'l>,
    bounds: Facts<'l>,
}

pub(super) fn read(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let before: Vec<&CodeLine<'_>> = file.before().collect();
    let after: Vec<&CodeLine<'_>> = file.after().collect();
    let then = checks(&before, file.language);
    let now = checks(&after, file.language);
    nil_checks(file, &then, &now, &after, effects);
    error_handling(file, &then, &now, &before, &after, effects);
    aborts(file, &then, &now, &after, effects);
    validations(file, &then, &now, effects);
    bounds(file, &then, &now, &before, &after, effects);
}

fn is_error_name(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path).to_ascii_lowercase();
    last == "e"
        || last == "ex"
        || last.starts_with("err")
        || last.ends_with("err")
        || last.ends_with("error")
}

fn checks<'l>(lines: &[&'l CodeLine<'l>], language: Language) -> Checks<'l> {
    // Elsewhere an entry that is not there is nil, or does not compile.
    let raises_on_absence = language == Language::Python;
    let mut found = Checks::default();
    for (at, line) in lines.iter().copied().enumerate() {
        let tokens = &line.tokens;
        for (i, token) in tokens.iter().enumerate() {
            match token {
                Token::Mark("==" | "!=" | "===" | "!==") => {
                    let nulled = tokens
                        .get(i + 1)
                        .is_some_and(|t| matches!(t, Token::Word(w) if NULLS.contains(w)));
                    if nulled && let Some((_, path)) = path_before(tokens, i) {
                        if is_error_name(&path) {
                            found.errors.note("err", line);
                        } else {
                            found.nil.note(path, line);
                        }
                    }
                }
                Token::Word("is") => {
                    let negated = usize::from(tokens.get(i + 1).is_some_and(|t| t.is_word("not")));
                    let nulled = tokens
                        .get(i + 1 + negated)
                        .is_some_and(|t| matches!(t, Token::Word(w) if NULLS.contains(w)));
                    if nulled && let Some((_, path)) = path_before(tokens, i) {
                        found.nil.note(path, line);
                    }
                }
                Token::Mark("?." | "&." | "??" | "?:") => {
                    if let Some((_, path)) = path_before(tokens, i) {
                        found.nil.note(path, line);
                    }
                }
                Token::Mark("!!")
                    if i > 0
                        && matches!(tokens[i - 1], Token::Word(_) | Token::Mark(")" | "]")) =>
                {
                    found
                        .unchecked
                        .note(format!("!! {}", tokens[i - 1].text()), line);
                }
                Token::Mark("!")
                    if i > 0
                        && tokens.get(i + 1).is_some_and(|t| t.is("."))
                        && matches!(tokens[i - 1], Token::Word(_) | Token::Mark(")" | "]")) =>
                {
                    found
                        .unchecked
                        .note(format!("!. {}", tokens[i - 1].text()), line);
                }
                Token::Word(word) => named_check(word, i, line, &mut found),
                Token::Mark("[") if raises_on_absence => {
                    if let Some(key) = key_read(tokens, i) {
                        found.unchecked.note(format!(".{key}"), line);
                    }
                }
                _ => {}
            }
        }
        statement_checks(at, line, lines, &mut found);
    }
    found
}

/// The key of `x["key"]` where it is read, not written; `open` is the bracket.
fn key_read<'t>(tokens: &[Token<'t>], open: usize) -> Option<&'t str> {
    let of_value = open > 0
        && match tokens[open - 1] {
            Token::Mark(mark) => [")", "]"].contains(&mark),
            Token::Word(word) => !is_keyword(word),
            _ => false,
        };
    let (Some(Token::Text(key)), Some(close)) = (tokens.get(open + 1), tokens.get(open + 2)) else {
        return None;
    };
    let written = matches!(tokens.get(open + 3), Some(Token::Mark("=" | ":=")));
    (of_value && close.is("]") && !written && !key.is_empty()).then_some(*key)
}

/// Checks that are spelled as a call or a keyword.
fn named_check<'l>(word: &str, i: usize, line: &'l CodeLine<'l>, found: &mut Checks<'l>) {
    let tokens = &line.tokens;
    let called = tokens.get(i + 1).is_some_and(|t| t.is("("));
    let argument = || {
        let close = matching_close(tokens, i + 1);
        tokens[(i + 2).min(close)..close]
            .iter()
            .take_while(|t| !t.is(","))
            .map(|t| t.text())
            .collect::<String>()
    };
    let receiver = || {
        (i > 1)
            .then(|| path_before(tokens, i - 1).map(|(_, p)| p))
            .flatten()
    };
    match word {
        "ofNullable" | "requireNonNull" | "isNull" | "nonNull" | "is_null" | "isset"
        | "IsNullOrEmpty" | "IsNullOrWhiteSpace" | "isBlank" | "isNotBlank" | "hasattr"
        | "checkNotNull" | "empty" | "isNil" | "isNotEmpty" | "getattr" | "isEmpty"
            if called =>
        {
            let subject = argument();
            if subject.is_empty() {
                if let Some(path) = receiver() {
                    found.nil.note(path, line);
                }
            } else {
                found.nil.note(subject, line);
            }
        }
        "isPresent" | "is_some" | "is_none" | "orElse" | "orElseGet" | "unwrap_or"
        | "unwrap_or_default" | "getOrDefault" | "ifPresent" | "unwrap_or_else" | "containsKey"
        | "has" | "ContainsKey" | "TryGetValue" | "GetValueOrDefault"
            if called =>
        {
            if let Some(path) = receiver() {
                found.nil.note(path, line);
            }
        }
        "catch" | "except" | "rescue" | "finally" => found.errors.note("err", line),
        "recover" if called => found.errors.note("recover", line),
        "panic" | "abort" if called || tokens.get(i + 1).is_some_and(|t| t.is("!")) => {
            found.aborts.note("panic", line)
        }
        "Exit" | "exit" | "Fatal" | "Fatalf" | "halt"
            if called && i > 0 && tokens[i - 1].is(".") =>
        {
            found.aborts.note("exit", line);
        }
        "throw" | "raise" => found.throws.note("throw", line),
        "unwrap" | "expect"
            if called
                && i > 0
                && tokens[i - 1].is(".")
                && !tokens.iter().any(|t| t.is_word("test")) =>
        {
            found.unchecked.note(word, line);
        }
        _ => {
            // An assertion of the language, or a method that validates.
            let lower = word.to_ascii_lowercase();
            let validating = [
                "validat",
                "verify",
                "sanitiz",
                "isvalid",
                "ensure",
                "checkrange",
                "escape",
                "assertvalid",
            ]
            .iter()
            .any(|v| lower.contains(v))
                || lower.starts_with("check")
                || lower.starts_with("require");
            let declared = i > 0
                && matches!(
                    tokens[i - 1],
                    Token::Word("func" | "def" | "fn" | "fun" | "function")
                );
            if called && validating && !declared && lower != "require" {
                found.validations.note(word, line);
            }
        }
    }
}

fn is_branch(line: &CodeLine<'_>) -> bool {
    matches!(line.first(), "if" | "elif" | "unless" | "guard" | "elsif")
        || (line.first() == "}" && line.has_word(&["if"]))
}

/// Checks that take a whole statement to see.
fn statement_checks<'l>(
    at: usize,
    line: &'l CodeLine<'l>,
    lines: &[&'l CodeLine<'l>],
    found: &mut Checks<'l>,
) {
    let tokens = &line.tokens;
    let next = lines.get(at + 1);
    if is_branch(line) {
        // `if (x)`, `if not x`, `if (!x)`: the value itself decides.
        let inner: Vec<&Token<'_>> = tokens
            .iter()
            .filter(|t| {
                !matches!(
                    t,
                    Token::Mark("(" | ")" | "{" | ":" | "!")
                        | Token::Word("if" | "not" | "unless" | "elif")
                )
            })
            .collect();
        let calls = tokens.windows(2).any(|w| {
            matches!(w[0], Token::Word(n) if !super::super::source::is_keyword(n)) && w[1].is("(")
        });
        let path_only = !inner.is_empty()
            && !calls
            && inner.len() <= 7
            && inner
                .iter()
                .all(|t| matches!(t, Token::Word(_) | Token::Mark(".")));
        if path_only {
            found
                .nil
                .note(inner.iter().map(|t| t.text()).collect::<String>(), line);
        }
        // Go's `if v, ok := m[k]; ok`.
        if let Some(open) = tokens.iter().position(|t| t.is("["))
            && line.has_word(&["ok", "found", "exists"])
            && let Some((_, path)) = path_before(tokens, open)
        {
            found.nil.note(path, line);
        }
        if let Some(position) = tokens.iter().position(|t| t.is_word("in"))
            && let Some(Token::Word(map)) = tokens.get(position + 1)
        {
            found.nil.note(*map, line);
        }
        // `len(x) == 0`, `x.length === 0`, `x.size() == 0`: whether there is a first element.
        if let Some(sign) = tokens
            .iter()
            .position(|t| matches!(t, Token::Mark("==" | "===" | "!=" | ">")))
            && tokens.get(sign + 1).is_some_and(|t| t.text() == "0")
            && let Some((_, path)) = path_before(tokens, sign)
        {
            let inner = path
                .strip_prefix("len(")
                .or_else(|| path.strip_prefix("count("))
                .and_then(|p| p.strip_suffix(')'))
                .or_else(|| {
                    [
                        ".length", ".size()", ".Count", ".len()", ".size", ".Length", ".count()",
                    ]
                    .iter()
                    .find_map(|e| path.strip_suffix(e))
                });
            if let Some(subject) = inner {
                found.nil.note(subject, line);
            }
        }
        let compares = tokens
            .iter()
            .any(|t| matches!(t, Token::Mark("<" | ">" | "<=" | ">=")));
        if compares {
            found.bounds.note(line.norm.clone(), line);
        }
    }
    // Errors that are caught and dropped.
    let caught = line.has_word(&["catch", "except", "rescue"]);
    let empty_body = line.norm.ends_with("{ }")
        || line.norm.ends_with("pass")
        || next.is_some_and(|n| {
            n.tokens.is_empty() || matches!(n.norm.as_str(), "}" | "pass" | "continue")
        });
    if caught && empty_body && !line.text.contains("//") {
        found.swallowed.note("catch", line);
    }
    if line.norm.contains(". catch ( ( ) => { } )") || line.norm.contains("rescue nil") {
        found.swallowed.note("catch", line);
    }
    // Go's blank identifier in the error's place.
    if let Some(sign) = tokens.iter().position(|t| t.is("=") || t.is(":="))
        && sign > 0
        && tokens[sign - 1].is_word("_")
        && !line.has_word(&["range", "for"])
        && tokens.iter().any(|t| t.is("("))
        && !tokens.windows(2).any(|w| w[0].is(".") && w[1].is("("))
    {
        let trivial = [
            "Write",
            "Fprint",
            "Fprintf",
            "Fprintln",
            "Close",
            "Copy",
            "Encode",
            "Flush",
            "WriteString",
            "Sscanf",
            "Read",
        ];
        if !line.has_word(&trivial) {
            found.swallowed.note("blank", line);
        }
    }
}

fn nil_checks(
    file: &FileView<'_>,
    then: &Checks<'_>,
    now: &Checks<'_>,
    after: &[&CodeLine<'_>],
    effects: &mut Vec<Effect>,
) {
    for (subject, lines) in then.nil.beyond(&now.nil).take(64) {
        let last = subject.rsplit('.').next().unwrap_or(subject);
        let last_word = last.split(['(', '[']).next().unwrap_or(last);
        if now.nil.total() >= then.nil.total()
            && now
                .nil
                .beyond(&then.nil)
                .any(|(s, _)| s.rsplit('.').next() == Some(last))
        {
            continue;
        }
        let Some(line) = lines.first() else { continue };
        let mut used = false;
        let mut dereferenced = false;
        for other in after {
            for (i, token) in other.tokens.iter().enumerate() {
                if token.is_word(last_word) && !last_word.is_empty() {
                    used = true;
                    let next = other.tokens.get(i + 1);
                    let mut past = i + 1;
                    if next.is_some_and(|t| t.is("(")) {
                        past = matching_close(&other.tokens, i + 1) + 1;
                    }
                    dereferenced |= other
                        .tokens
                        .get(past)
                        .is_some_and(|t| matches!(t, Token::Mark("." | "[" | "->" | "!!")))
                        || (i > 0 && other.tokens[i - 1].is("*"));
                }
            }
        }
        let strength = match (used, dereferenced) {
            (_, true) => 0.95,
            (true, false) => 0.55,
            (false, false) => 0.15,
        };
        if strength < 0.2 {
            continue;
        }
        effects.push(
            Effect::new(
                EffectKind::NilCheckRemoved,
                file.path,
                strength,
                format!("no longer checks `{subject}` for absence while it is still used"),
            )
            .about([subject, last_word])
            .quoting_removed(line.text)
            .quoting_added(
                after
                    .iter()
                    .find(|l| l.tag == Tag::Added && l.has_word(&[last_word]))
                    .map_or("", |l| l.text),
            ),
        );
    }
    for (subject, lines) in now.nil.beyond(&then.nil).take(64) {
        if let Some(line) = lines.first() {
            effects.push(
                Effect::new(
                    EffectKind::GuardAdded,
                    file.path,
                    0.3,
                    format!("checks `{subject}` for absence"),
                )
                .about([subject])
                .quoting_added(line.text),
            );
        }
    }
    for (what, lines) in now.unchecked.beyond(&then.unchecked) {
        if let Some(line) = lines.first() {
            effects.push(
                Effect::new(
                    EffectKind::UncheckedAccessAdded,
                    file.path,
                    if file
                        .hunks
                        .iter()
                        .all(|h| h.before.iter().all(|l| l.tag == Tag::Context))
                    {
                        0.5
                    } else {
                        0.75
                    },
                    "takes a value that may be absent without checking it",
                )
                .about([what.trim_start_matches(['!', '.', ' '])])
                .quoting_added(line.text),
            );
        }
    }
}

fn error_handling(
    file: &FileView<'_>,
    then: &Checks<'_>,
    now: &Checks<'_>,
    before: &[&CodeLine<'_>],
    after: &[&CodeLine<'_>],
    effects: &mut Vec<Effect>,
) {
    let lost = then.errors.total().saturating_sub(now.errors.total());
    if lost > 0
        && let Some((_, lines)) = then.errors.beyond(&now.errors).next()
        && let Some(line) = lines.first()
    {
        let gone = before.iter().filter(|l| l.net).count();
        let come = after.iter().filter(|l| l.net).count();
        // `x, err := f(); if err … return; return x, nil` collapsed into `return f()`.
        let returned: Vec<&str> = after
            .iter()
            .filter(|l| l.net && l.first() == "return")
            .flat_map(|l| callees(l))
            .collect();
        let passed_on = before
            .iter()
            .any(|l| l.tag == Tag::Removed && callees(l).iter().any(|c| returned.contains(c)));
        // An error that is received and then not looked at.
        let unread = after.iter().enumerate().any(|(i, l)| {
            l.net
                && l.tokens
                    .iter()
                    .take_while(|t| !t.is(":=") && !t.is("="))
                    .any(|t| matches!(t, Token::Word(w) if is_error_name(w)))
                && l.tokens.iter().any(|t| t.is(":=") || t.is("="))
                && l.tokens.iter().any(|t| t.is("("))
                && !l.has_word(&["if"])
                && !after[i + 1..after.len().min(i + 4)].iter().any(|n| {
                    n.tokens
                        .iter()
                        .any(|t| matches!(t, Token::Word(w) if is_error_name(w)))
                })
        });
        let block_gone = gone >= 6 && come * 3 < gone;
        // A check that went together with the call that it guarded is no loss.
        let at = before
            .iter()
            .position(|l| std::ptr::eq(*l, *line))
            .unwrap_or(0);
        let own = callees(line);
        let guarded: Vec<&str> = if own.is_empty() {
            before[at.saturating_sub(2)..=at]
                .iter()
                .flat_map(|l| callees(l))
                .collect()
        } else {
            own
        };
        let still_called = guarded.is_empty()
            || after
                .iter()
                .any(|l| callees(l).iter().any(|c| guarded.contains(c)));
        if !passed_on && (unread || (!block_gone && still_called)) {
            effects.push(
                Effect::new(
                    EffectKind::ErrorHandlingRemoved,
                    file.path,
                    if unread { 0.65 } else { 0.5 },
                    "no longer handles an error that it handled before",
                )
                .about(callees(line).into_iter().map(str::to_owned))
                .quoting_removed(line.text),
            );
        }
    }
    for (what, lines) in now.swallowed.beyond(&then.swallowed) {
        if let Some(line) = lines.first() {
            effects.push(
                Effect::new(
                    EffectKind::ErrorHandlingRemoved,
                    file.path,
                    if what == "blank" { 0.45 } else { 0.5 },
                    "drops an error without handling it",
                )
                .about(callees(line).into_iter().map(str::to_owned))
                .quoting_added(line.text),
            );
        }
    }
}

/// Names that are called on a line.
fn callees<'a>(line: &CodeLine<'a>) -> Vec<&'a str> {
    line.tokens
        .windows(2)
        .filter_map(|w| match (w[0], w[1]) {
            (Token::Word(name), Token::Mark("(")) if !super::super::source::is_keyword(name) => {
                Some(name)
            }
            _ => None,
        })
        .collect()
}

fn aborts(
    file: &FileView<'_>,
    then: &Checks<'_>,
    now: &Checks<'_>,
    after: &[&CodeLine<'_>],
    effects: &mut Vec<Effect>,
) {
    for (_, lines) in now.aborts.beyond(&then.aborts) {
        if let Some(line) = lines.first() {
            effects.push(
                Effect::new(
                    EffectKind::AbortAdded,
                    file.path,
                    0.7,
                    "aborts the process or request at a new place",
                )
                .quoting_added(line.text),
            );
        }
    }
    for (_, lines) in now.throws.beyond(&then.throws) {
        let Some(line) = lines.first() else { continue };
        let at = after
            .iter()
            .position(|l| std::ptr::eq(*l, *line))
            .unwrap_or(0);
        let guarded =
            after[at.saturating_sub(2)..at].iter().any(|l| is_branch(l)) || is_branch(line);
        let caught = after[at.saturating_sub(3)..at]
            .iter()
            .any(|l| l.has_word(&["catch", "except", "rescue"]));
        let (kind, strength, text) = if guarded {
            (
                EffectKind::ValidationTightened,
                0.5,
                "refuses input that it accepted before",
            )
        } else if caught {
            (
                EffectKind::AbortAdded,
                0.35,
                "passes an error on instead of handling it",
            )
        } else {
            (EffectKind::AbortAdded, 0.6, "throws at a new place")
        };
        effects.push(Effect::new(kind, file.path, strength, text).quoting_added(line.text));
    }
}

fn validations(
    file: &FileView<'_>,
    then: &Checks<'_>,
    now: &Checks<'_>,
    effects: &mut Vec<Effect>,
) {
    let replaced = now.validations.beyond(&then.validations).count();
    for (at, (name, lines)) in then.validations.beyond(&now.validations).enumerate() {
        let Some(line) = lines.first() else { continue };
        // A near twin that stays, or a new one, does the work.
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        if at < replaced || (stem != name && now.validations.count(stem) > 0) {
            continue;
        }
        effects.push(
            Effect::new(
                EffectKind::ValidationRemoved,
                file.path,
                0.75,
                format!("no longer calls `{name}`"),
            )
            .about([name])
            .quoting_removed(line.text),
        );
    }
    // A bound that moved into a helper is checked as before.
    let gone =
        then.validations.beyond(&now.validations).count() + then.bounds.beyond(&now.bounds).count();
    for (name, lines) in now.validations.beyond(&then.validations).skip(gone) {
        if let Some(line) = lines.first() {
            effects.push(
                Effect::new(
                    EffectKind::ValidationTightened,
                    file.path,
                    0.45,
                    format!("now also calls `{name}`"),
                )
                .about([name])
                .quoting_added(line.text),
            );
        }
    }
}

/// Comparisons that decide whether to go on.
fn bounds(
    file: &FileView<'_>,
    then: &Checks<'_>,
    now: &Checks<'_>,
    before: &[&CodeLine<'_>],
    after: &[&CodeLine<'_>],
    effects: &mut Vec<Effect>,
) {
    let added_text: Vec<&str> = after
        .iter()
        .filter(|l| l.net)
        .flat_map(|l| l.tokens.iter().map(|t| t.text()))
        .collect();
    for (_, lines) in then.bounds.beyond(&now.bounds).take(64) {
        let Some(line) = lines.first() else { continue };
        let kept = line.tokens.iter().all(|t| match t {
            Token::Number(n) => added_text.contains(n),
            _ => true,
        }) && line.tokens.iter().any(|t| matches!(t, Token::Word(w) if w.len() > 1 && !matches!(*w, "if" | "len" | "return") && added_text.contains(w)));
        let renamed = now
            .bounds
            .beyond(&then.bounds)
            .any(|(_, l)| l.iter().any(|l| same_shape(l, line)));
        let rewritten = renamed
            || now
                .bounds
                .beyond(&then.bounds)
                .any(|(_, l)| l.iter().any(|l| shares_words(l, line)));
        if kept || rewritten {
            continue;
        }
        let at = before
            .iter()
            .position(|l| std::ptr::eq(*l, *line))
            .unwrap_or(0);
        let refuses = before[at..before.len().min(at + 3)]
            .iter()
            .any(|l| l.has_word(&["return", "throw", "raise", "break", "continue", "panic"]));
        effects.push(
            Effect::new(
                EffectKind::BoundsCheckRemoved,
                file.path,
                if refuses { 0.7 } else { 0.5 },
                "no longer compares with a bound before going on",
            )
            .about(words_of(line))
            .quoting_removed(line.text),
        );
    }
    for (_, lines) in now.bounds.beyond(&then.bounds).take(64) {
        let Some(line) = lines.first() else { continue };
        if then.bounds.beyond(&now.bounds).any(|(_, l)| {
            l.iter()
                .any(|l| shares_words(l, line) || same_shape(l, line))
        }) {
            continue;
        }
        let at = after
            .iter()
            .position(|l| std::ptr::eq(*l, *line))
            .unwrap_or(0);
        let refuses = after[at..after.len().min(at + 3)].iter().any(|l| {
            l.has_word(&["throw", "raise"])
                || (l.has_word(&["return"])
                    && l.tokens
                        .iter()
                        .any(|t| matches!(t, Token::Word(w) if is_refusal(w))))
        });
        let (kind, strength, text) = if refuses {
            (
                EffectKind::ValidationTightened,
                0.4,
                "refuses values beyond a bound",
            )
        } else {
            (EffectKind::GuardAdded, 0.3, "adds a bound")
        };
        effects.push(
            Effect::new(kind, file.path, strength, text)
                .about(words_of(line))
                .quoting_added(line.text),
        );
    }
}

fn is_refusal(word: &str) -> bool {
    let words = split_identifier(word);
    words.iter().any(|w| {
        matches!(
            w.as_str(),
            "err" | "error" | "exception" | "invalid" | "reject" | "denied" | "errorf"
        )
    })
}

fn words_of(line: &CodeLine<'_>) -> Vec<String> {
    line.tokens
        .iter()
        .filter_map(|t| match t {
            Token::Word(w) if w.len() > 1 && !super::super::source::is_keyword(w) => {
                Some((*w).to_owned())
            }
            _ => None,
        })
        .collect()
}

fn shares_words(a: &CodeLine<'_>, b: &CodeLine<'_>) -> bool {
    let (a, b) = (words_of(a), words_of(b));
    !a.is_empty() && a.iter().any(|w| b.contains(w))
}

/// Lines that differ only in that a number got a name or a name became a number.
pub(super) fn same_shape(a: &CodeLine<'_>, b: &CodeLine<'_>) -> bool {
    a.tokens.len() == b.tokens.len()
        && a.tokens.iter().zip(&b.tokens).all(|(x, y)| {
            x == y
                || matches!(
                    (x, y),
                    (Token::Number(_), Token::Word(_)) | (Token::Word(_), Token::Number(_))
                )
        })
}
