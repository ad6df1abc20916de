//! A diff prepared for reading: both images of each hunk as tokens without comments, and which
//! lines remain once those that merely moved or were laid out anew are cancelled.

use super::diff::{Diff, FileStatus, Tag};
use super::lexer::{Carry, Token, lex};
use super::path::{FileRole, Language, role_of};
use std::collections::BTreeMap;

/// One line of one image.
#[derive(Clone, Debug)]
pub(crate) struct CodeLine<'a> {
    pub tag: Tag,
    pub text: &'a str,
    /// Columns of leading white space, a tab counting four.
    pub indent: usize,
    pub tokens: Vec<Token<'a>>,
    /// The tokens joined by one space: equal for lines that differ only in layout.
    pub norm: String,
    /// Changed, and no equal line stands on the other side of the whole change.
    pub net: bool,
}

impl CodeLine<'_> {
    pub fn first(&self) -> &str {
        self.tokens.first().map_or("", |t| t.text())
    }
    pub fn has_word(&self, words: &[&str]) -> bool {
        self.tokens
            .iter()
            .any(|t| matches!(t, Token::Word(w) if words.contains(w)))
    }
}

/// Both images of one hunk.
#[derive(Clone, Debug)]
pub(crate) struct HunkView<'a> {
    pub section: &'a str,
    pub before: Vec<CodeLine<'a>>,
    pub after: Vec<CodeLine<'a>>,
}

/// One file of a change.
#[derive(Clone, Debug)]
pub(crate) struct FileView<'a> {
    pub path: &'a str,
    pub language: Language,
    pub role: FileRole,
    pub status: FileStatus,
    pub hunks: Vec<HunkView<'a>>,
}

impl<'a> FileView<'a> {
    pub fn before(&self) -> impl Iterator<Item = &CodeLine<'a>> {
        self.hunks.iter().flat_map(|h| &h.before)
    }
    pub fn after(&self) -> impl Iterator<Item = &CodeLine<'a>> {
        self.hunks.iter().flat_map(|h| &h.after)
    }
    /// Removed lines that hold code.
    pub fn removed(&self) -> impl Iterator<Item = &CodeLine<'a>> {
        self.before()
            .filter(|l| l.tag == Tag::Removed && !l.tokens.is_empty())
    }
    /// Added lines that hold code.
    pub fn added(&self) -> impl Iterator<Item = &CodeLine<'a>> {
        self.after()
            .filter(|l| l.tag == Tag::Added && !l.tokens.is_empty())
    }
    pub fn net_removed(&self) -> impl Iterator<Item = &CodeLine<'a>> {
        self.before().filter(|l| l.net)
    }
    pub fn net_added(&self) -> impl Iterator<Item = &CodeLine<'a>> {
        self.after().filter(|l| l.net)
    }
    /// Whether the file runs (as opposed to tests, prose, pipelines, pictures).
    pub fn runs(&self) -> bool {
        matches!(
            self.role,
            FileRole::Runtime | FileRole::Migration | FileRole::Dependencies
        )
    }
}

/// Lines of one file that the rules look at; generated and vendored files have many more.
const MAX_FILE_LINES: usize = 4_000;
/// Lines of a whole change that the rules look at.
const MAX_CHANGE_LINES: usize = 40_000;
/// Tokens of one line that the rules look at.
const MAX_LINE_TOKENS: usize = 600;

/// Prepares a parsed diff. The flag says whether all of it was prepared: beyond the bounds above,
/// lines are left out, so that reading takes time in proportion to the bounds.
pub(crate) fn view<'a>(diff: &'a Diff<'a>) -> (Vec<FileView<'a>>, bool) {
    let mut budget = MAX_CHANGE_LINES;
    let mut complete = true;
    let mut files: Vec<FileView<'a>> = diff
        .files
        .iter()
        .map(|file| (file, language(file)))
        .map(|(file, language)| FileView {
            path: &file.path,
            language,
            role: role_of(&file.path),
            status: file.status,
            hunks: {
                let mut left = budget.min(MAX_FILE_LINES);
                let mut hunks = Vec::new();
                for hunk in &file.hunks {
                    let taken = hunk.lines.len().min(left);
                    complete &= taken == hunk.lines.len();
                    left -= taken;
                    budget -= taken;
                    let lines = &hunk.lines[..taken];
                    hunks.push(HunkView {
                        section: hunk.section,
                        before: image(lines, Tag::Removed, language),
                        after: image(lines, Tag::Added, language),
                    });
                }
                hunks
            },
        })
        .collect();
    cancel_moved(&mut files);
    (files, complete)
}

/// The language of a file; of one whose path tells none, settings if every line is a name and a value. So does an
/// audit trail show what a call altered.
fn language(file: &super::diff::FileDiff<'_>) -> Language {
    if file.language != Language::Other {
        return file.language;
    }
    let mut lines = file
        .hunks
        .iter()
        .flat_map(|hunk| &hunk.lines)
        .map(|line| line.text.trim())
        .filter(|text| !text.is_empty())
        .peekable();
    if lines.peek().is_some() && lines.all(is_setting) {
        Language::Properties
    } else {
        Language::Other
    }
}

/// `name: value` or `name = value`, where the name is a dotted path and the value ends no instruction.
fn is_setting(text: &str) -> bool {
    let Some((name, value)) = text.split_once([':', '=']) else {
        return false;
    };
    let name = name.trim_end().trim_matches(['"', '\'']);
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "._-[]/@".contains(c))
        && !value.starts_with(['=', ':'])
        && !text.ends_with([';', '{', '(', ','])
}

fn image<'a>(lines: &[super::diff::Line<'a>], side: Tag, language: Language) -> Vec<CodeLine<'a>> {
    let mut carry = Carry::default();
    lines
        .iter()
        .filter(|l| l.tag == side || l.tag == Tag::Context)
        .map(|l| {
            let mut tokens = lex(l.text, language, &mut carry);
            tokens.truncate(MAX_LINE_TOKENS);
            let norm = tokens
                .iter()
                .map(|t| t.text())
                .collect::<Vec<_>>()
                .join(" ");
            let indent = l
                .text
                .chars()
                .take_while(|c| c.is_whitespace())
                .map(|c| if c == '\t' { 4 } else { 1 })
                .sum();
            CodeLine {
                tag: l.tag,
                text: l.text,
                indent,
                net: l.tag != Tag::Context && !tokens.is_empty(),
                tokens,
                norm,
            }
        })
        .collect()
}

/// Clears `net` on as many equal lines of both sides as there are pairs, first within each file,
/// then across the files that run.
fn cancel_moved(files: &mut [FileView<'_>]) {
    for file in files.iter_mut() {
        cancel(std::slice::from_mut(file));
    }
    cancel(files);
}

fn cancel(files: &mut [FileView<'_>]) {
    let mut balance: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for file in files.iter() {
        for line in file.net_removed() {
            balance.entry(line.norm.clone()).or_default().0 += 1;
        }
        for line in file.net_added() {
            balance.entry(line.norm.clone()).or_default().1 += 1;
        }
    }
    let mut left: BTreeMap<&str, (usize, usize)> = balance
        .iter()
        .map(|(norm, (r, a))| (norm.as_str(), ((*r).min(*a), (*r).min(*a))))
        .collect();
    for file in files {
        for hunk in &mut file.hunks {
            for line in hunk.before.iter_mut().filter(|l| l.net) {
                if let Some((r, _)) = left.get_mut(line.norm.as_str())
                    && *r > 0
                {
                    *r -= 1;
                    line.net = false;
                }
            }
            for line in hunk.after.iter_mut().filter(|l| l.net) {
                if let Some((_, a)) = left.get_mut(line.norm.as_str())
                    && *a > 0
                {
                    *a -= 1;
                    line.net = false;
                }
            }
        }
    }
}

/// The dotted path that ends just before `end` (exclusive), with its first token's index:
/// `resp.ThreeDS`, `user.getName()`, `row["id"]`.
pub(crate) fn path_before(tokens: &[Token<'_>], end: usize) -> Option<(usize, String)> {
    let mut at = end;
    let mut expect_name = true;
    while at > 0 {
        let token = tokens[at - 1];
        if expect_name {
            match token {
                Token::Word(w) if !is_keyword(w) => at -= 1,
                Token::Text(_) if at == end => at -= 1,
                Token::Mark(")" | "]") => {
                    let open = matching_open(tokens, at - 1)?;
                    at = open;
                    // The name that is called or indexed, if there is one.
                    let named =
                        at > 0 && matches!(tokens[at - 1], Token::Word(w) if !is_keyword(w));
                    if named {
                        at -= 1;
                    }
                }
                _ => break,
            }
            expect_name = false;
        } else if matches!(token, Token::Mark("." | "->" | "::" | "?." | "!!" | "&.")) {
            at -= 1;
            expect_name = true;
        } else {
            break;
        }
    }
    (at < end).then(|| {
        let text: String = tokens[at..end]
            .iter()
            .map(|t| match t.text() {
                "?." | "->" | "&." | "::" => ".",
                "!!" => "",
                t => t,
            })
            .collect();
        (at, text)
    })
}

fn matching_open(tokens: &[Token<'_>], close: usize) -> Option<usize> {
    let mut depth = 0usize;
    for at in (0..=close).rev() {
        match tokens[at] {
            Token::Mark(")" | "]" | "}") => depth += 1,
            Token::Mark("(" | "[" | "{") => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Index of the delimiter that closes the one at `open`, or the end of the line.
pub(crate) fn matching_close(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Mark("(" | "[" | "{") => depth += 1,
            Token::Mark(")" | "]" | "}") => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// Words that no expression is named by.
pub(crate) fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "if" | "else"
            | "elif"
            | "for"
            | "while"
            | "return"
            | "switch"
            | "case"
            | "func"
            | "def"
            | "fn"
            | "fun"
            | "function"
            | "var"
            | "let"
            | "const"
            | "val"
            | "new"
            | "not"
            | "and"
            | "or"
            | "in"
            | "is"
            | "await"
            | "async"
            | "yield"
            | "throw"
            | "raise"
            | "try"
            | "catch"
            | "except"
            | "finally"
            | "do"
            | "unless"
            | "until"
            | "when"
            | "match"
            | "defer"
            | "go"
            | "select"
            | "range"
            | "with"
            | "lambda"
            | "final"
            | "static"
            | "public"
            | "private"
            | "protected"
            | "class"
            | "struct"
            | "interface"
            | "mut"
            | "assert"
            | "delete"
            | "typeof"
            | "foreach"
            | "then"
            | "end"
            | "elsif"
            | "guard"
            | "sizeof"
            | "using"
            | "synchronized"
    )
}
