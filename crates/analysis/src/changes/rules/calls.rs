//! Calls: which functions a change calls, how often, and what they wait for.

use super::super::lexer::Token;
use super::super::path::Language;
use super::super::source::{CodeLine, FileView, is_keyword, matching_close, path_before};
use std::collections::BTreeSet;

/// How a line is repeated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Repeat {
    /// Not at all.
    Once,
    /// Endless by intent: tickers, consumers.
    Endless,
    /// Once per element.
    PerElement,
}

/// One call on one line.
pub(super) struct Call<'l> {
    /// Receiver and name: `a.catalog.GetItem`.
    pub(super) path: String,
    pub(super) name: &'l str,
    pub(super) repeat: Repeat,
    pub(super) waits: bool,
    pub(super) line: &'l CodeLine<'l>,
    /// The function whose body it stands in, if the diff shows its head.
    pub(super) inside: Option<&'l str>,
}

/// The calls of both images of one file.
pub(super) struct FileCalls<'l> {
    pub(super) before: Vec<Call<'l>>,
    pub(super) after: Vec<Call<'l>>,
    pub(super) declared_before: BTreeSet<&'l str>,
    pub(super) declared_after: BTreeSet<&'l str>,
    pub(super) loops_before: usize,
    pub(super) loops_after: usize,
}

pub(super) fn read<'l>(file: &'l FileView<'l>) -> FileCalls<'l> {
    let mut calls = FileCalls {
        before: Vec::new(),
        after: Vec::new(),
        declared_before: BTreeSet::new(),
        declared_after: BTreeSet::new(),
        loops_before: 0,
        loops_after: 0,
    };
    if !file.language.is_code() && file.language != Language::Other {
        return calls;
    }
    for hunk in &file.hunks {
        calls.loops_before = calls.loops_before.max(scan(
            &hunk.before,
            file.language,
            &mut calls.before,
            &mut calls.declared_before,
        ));
        calls.loops_after = calls.loops_after.max(scan(
            &hunk.after,
            file.language,
            &mut calls.after,
            &mut calls.declared_after,
        ));
    }
    calls
}

/// The name that a line declares as a function.
pub(super) fn declared<'l>(line: &CodeLine<'l>) -> Option<&'l str> {
    let tokens = &line.tokens;
    let keyword = tokens
        .iter()
        .position(|t| matches!(t, Token::Word("func" | "def" | "fn" | "fun" | "function")));
    if let Some(at) = keyword {
        // Go's receiver stands between the keyword and the name.
        let mut next = at + 1;
        if tokens.get(next).is_some_and(|t| t.is("(")) && at == 0 {
            next = matching_close(tokens, next) + 1;
        }
        if let Some(Token::Word(name)) = tokens.get(next) {
            return Some(name);
        }
        return None;
    }
    // `const f = (x) => {`, `f = async (x) => {`
    if line.norm.ends_with("=> {")
        && let Some(sign) = tokens.iter().position(|t| t.is("="))
        && sign > 0
        && let Token::Word(name) = tokens[sign - 1]
    {
        return Some(name);
    }
    // `public Item getItem(String sku) {`, `async getItem(sku) {`
    if line.norm.ends_with('{')
        && let Some(open) = tokens.iter().position(|t| t.is("("))
        && open > 0
        && let Token::Word(name) = tokens[open - 1]
        && !is_keyword(name)
    {
        let preceded = open < 2
            || matches!(tokens[open - 2], Token::Word(w) if !is_keyword(w) || matches!(w, "public" | "private" | "protected" | "static" | "async" | "final"))
            || tokens[open - 2].is(">")
            || tokens[open - 2].is("]");
        let clean = tokens[..open]
            .iter()
            .all(|t| !matches!(t, Token::Mark("." | "=" | ":=")));
        if preceded && clean {
            return Some(name);
        }
    }
    None
}

const PER_ELEMENT: [&str; 14] = [
    "map",
    "forEach",
    "flatMap",
    "each",
    "mapNotNull",
    "foreach",
    "ForEach",
    "parallelStream",
    "filterMap",
    "collect_concurrent",
    "each_with_index",
    "flat_map",
    "for_each",
    "parMap",
];

/// Collects the calls of one image; returns the deepest nesting of loops.
fn scan<'l>(
    lines: &'l [CodeLine<'l>],
    language: Language,
    calls: &mut Vec<Call<'l>>,
    functions: &mut BTreeSet<&'l str>,
) -> usize {
    // Delimiters that are open: is it a loop's body, and how does it repeat?
    let mut open: Vec<Repeat> = Vec::new();
    // Indented loops: column of the loop's head.
    let mut columns: Vec<(usize, Repeat)> = Vec::new();
    let mut pending: Option<Repeat> = None;
    let mut inside: Option<(&'l str, usize)> = None;
    let mut deepest = 0;
    // Nesting deeper than this is generated or hostile: it is forgotten from the outside in.
    const MAX_OPEN: usize = 64;
    for (at, line) in lines.iter().enumerate() {
        if line.tokens.is_empty() {
            continue;
        }
        while columns.last().is_some_and(|(c, _)| line.indent <= *c) {
            columns.pop();
        }
        if let Some((_, column)) = inside
            && line.indent <= column
            && !matches!(line.first(), "}" | ")" | "{")
        {
            inside = None;
        }
        if open.len() > MAX_OPEN {
            open.drain(..open.len() - MAX_OPEN);
        }
        columns.truncate(MAX_OPEN);
        let heads = declared(line);
        if let Some(name) = heads {
            functions.insert(name);
            inside = Some((name, line.indent));
            open.clear();
            pending = None;
        }
        // A body of one statement without braces.
        let single = pending.take_if(|_| at > 0);
        let mut line_loop: Option<Repeat> = single;
        let looping = line.tokens.iter().position(|t| {
            matches!(
                t,
                Token::Word("for" | "while" | "foreach" | "loop" | "until")
            )
        });
        if let Some(head) = looping {
            let starts = head == 0
                || matches!(
                    line.tokens[head - 1],
                    Token::Mark("}" | "{" | ";" | ":") | Token::Word("await" | "async")
                );
            let endless = endless(line, head, &lines[at + 1..lines.len().min(at + 12)]);
            if starts {
                if language.indented() {
                    columns.push((line.indent, endless));
                } else {
                    pending = Some(endless);
                }
            } else if head > 0 && line.has_word(&["in"]) && language == Language::Python {
                // A comprehension repeats what stands before its `for`.
                line_loop = Some(Repeat::PerElement);
            }
        }
        if language == Language::Ruby && line.norm.contains(". each") && line.has_word(&["do"]) {
            columns.push((line.indent, Repeat::PerElement));
        }
        let base =
            columns.len() - usize::from(columns.last().is_some_and(|(c, _)| *c == line.indent));
        let mut i = 0;
        while i < line.tokens.len() {
            let token = line.tokens[i];
            match token {
                Token::Mark("{") => {
                    open.push(pending.take().unwrap_or(Repeat::Once));
                }
                Token::Mark("(") => {
                    let callee = i.checked_sub(1).map(|p| line.tokens[p]);
                    let element = matches!(callee, Some(Token::Word(w)) if PER_ELEMENT.contains(&w))
                        && i > 1
                        && matches!(line.tokens[i - 2], Token::Mark("." | "?." | "->"))
                        && lambda_follows(&line.tokens[i + 1..], line);
                    // The head of a loop is not its body.
                    open.push(if element {
                        Repeat::PerElement
                    } else {
                        Repeat::Once
                    });
                }
                Token::Mark("[") => open.push(Repeat::Once),
                Token::Mark(")" | "]" | "}") => {
                    open.pop();
                }
                Token::Word(name)
                    if line.tokens.get(i + 1).is_some_and(|t| {
                        t.is("(") || (t.is("[") && generic_call(&line.tokens[i + 1..]))
                    }) && !is_keyword(name)
                        && heads != Some(name) =>
                {
                    let around: Vec<Repeat> = open
                        .iter()
                        .copied()
                        .chain(columns[..base].iter().map(|(_, r)| *r))
                        .chain(line_loop)
                        .filter(|r| *r != Repeat::Once)
                        .collect();
                    let start = path_before(&line.tokens, i + 1).map_or(i, |(s, _)| s);
                    let path: String = line.tokens[start..=i].iter().map(|t| t.text()).collect();
                    let close = matching_close(&line.tokens, i + 1);
                    let first_argument = line.tokens[(i + 2).min(close)..close]
                        .split(|t| t.is(","))
                        .next()
                        .unwrap_or(&[]);
                    let context = !matches!(
                        name,
                        "WithContext"
                            | "WithValue"
                            | "WithTimeout"
                            | "WithCancel"
                            | "WithDeadline"
                            | "Context"
                    ) && (matches!(first_argument, [Token::Word(w)] if w.ends_with("ctx") || w.ends_with("Ctx"))
                        || matches!(
                            first_argument,
                            [
                                ..,
                                Token::Word("Context"),
                                Token::Mark("("),
                                Token::Mark(")")
                            ]
                        ));
                    let awaited = start > 0
                        && matches!(line.tokens[start - 1], Token::Word("await"))
                        || line.norm.contains(") . await");
                    calls.push(Call {
                        path,
                        name,
                        repeat: around.iter().copied().max().unwrap_or(Repeat::Once),
                        waits: context || awaited,
                        line,
                        inside: inside.map(|(n, _)| n),
                    });
                }
                _ => {}
            }
            i += 1;
        }
        let per_element = |r: &Repeat| *r == Repeat::PerElement;
        deepest = deepest.max(
            open.iter().filter(|r| per_element(r)).count()
                + columns.iter().filter(|(_, r)| per_element(r)).count(),
        );
    }
    deepest
}

/// Go's `f[T](x)`.
fn generic_call(tokens: &[Token<'_>]) -> bool {
    let close = matching_close(tokens, 0);
    tokens.get(close + 1).is_some_and(|t| t.is("("))
}

fn lambda_follows(tokens: &[Token<'_>], line: &CodeLine<'_>) -> bool {
    tokens.is_empty()
        || tokens
            .iter()
            .any(|t| t.is("=>") || t.is("->") || t.is("::") || t.is("|"))
        || line.has_word(&["function", "fn", "lambda", "async"])
        || line.norm.ends_with('{')
}

/// Whether a loop runs for ever by intent: `for {`, `while True:`, and waits for something.
fn endless(line: &CodeLine<'_>, head: usize, body: &[CodeLine<'_>]) -> Repeat {
    let rest: Vec<&str> = line.tokens[head + 1..].iter().map(|t| t.text()).collect();
    let bare = matches!(
        rest.as_slice(),
        ["{"]
            | []
            | ["True", ":"]
            | ["(", "true", ")", "{"]
            | ["true", "{"]
            | ["(", ";", ";", ")", "{"]
            | ["do"]
            | ["true", ";", "do"]
            | [":"]
            | ["1", ":"]
    ) || line.text.contains("!Thread.currentThread().isInterrupted");
    let receives = bare || body.first().is_some_and(|l| l.has_word(&["select"]));
    if receives {
        Repeat::Endless
    } else {
        Repeat::PerElement
    }
}
