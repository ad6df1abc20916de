//! A tolerant reader of diffs: unified diffs as git, hg and svn write them, and the abbreviated
//! style of incident records (`@@ path: func f() {` followed by `+`/`-`/context lines).
//!
//! Nothing here fails: what cannot be understood is kept as context or passed over, because a
//! half-read diff is still evidence and a diff is never worth a crash.

use super::path::{Language, language_of};
use serde::Serialize;

/// Bytes of diff text that are read; what follows is ignored and [`Diff::truncated`] is set.
pub const MAX_BYTES: usize = 10 << 20;
/// Lines of one diff that are kept, for the same reason.
pub const MAX_LINES: usize = 200_000;
/// Bytes of one line that are kept: generated and minified files have megabytes in one line.
pub const MAX_LINE_BYTES: usize = 8 << 10;

/// Which side of the change a line stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Tag {
    /// On both sides.
    Context,
    /// Only after the change.
    Added,
    /// Only before the change.
    Removed,
}

/// One line of a hunk, without its marker and line ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Side of the change.
    pub tag: Tag,
    /// The text as written.
    pub text: &'a str,
}

/// A run of lines with the function or section that the header names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hunk<'a> {
    /// Text after the second `@@`, or after `path:` in the abbreviated style; may be empty.
    pub section: &'a str,
    /// The lines in order.
    pub lines: Vec<Line<'a>>,
}

/// What happened to the file as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum FileStatus {
    /// Existed before and after.
    Modified,
    /// New with this change.
    Added,
    /// Gone with this change.
    Deleted,
    /// The same file under a new path.
    Renamed,
}

/// Everything that a diff says about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff<'a> {
    /// Path after the change (before it, for a deleted file). Empty when nothing names it.
    pub path: String,
    /// Language by the path's extension or name.
    pub language: Language,
    /// What happened to the file.
    pub status: FileStatus,
    /// Hunks in order of appearance.
    pub hunks: Vec<Hunk<'a>>,
}

/// A parsed diff.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff<'a> {
    /// Files in order of first appearance, each once.
    pub files: Vec<FileDiff<'a>>,
    /// The text was longer than [`MAX_BYTES`], [`MAX_LINES`] or [`MAX_LINE_BYTES`] allow.
    pub truncated: bool,
}

/// Parses a diff. `hints` are the paths known from the commit's file list: hunks that name no
/// path belong to the first of them that is not a lock file.
pub fn parse<'a>(text: &'a str, hints: &[&str]) -> Diff<'a> {
    let mut parser = Parser::new(hints);
    let bounded = clip(text, MAX_BYTES);
    parser.diff.truncated = bounded.len() < text.len();
    let mut lines = bounded.lines().peekable();
    let mut count = 0usize;
    while let Some(line) = lines.next() {
        count += 1;
        if count > MAX_LINES {
            parser.diff.truncated = true;
            break;
        }
        let kept = clip(line, MAX_LINE_BYTES);
        parser.diff.truncated |= kept.len() < line.len();
        let next_is_plus = lines.peek().is_some_and(|l| l.starts_with("+++ "));
        parser.line(kept, next_is_plus);
    }
    parser.finish()
}

/// The longest prefix of at most `max` bytes that ends on a character boundary.
fn clip(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

struct Parser<'a> {
    diff: Diff<'a>,
    current: Option<usize>,
    in_hunk: bool,
    default_path: String,
    old_path: Option<&'a str>,
}

impl<'a> Parser<'a> {
    fn new(hints: &[&str]) -> Self {
        let default_path = hints
            .iter()
            .find(|p| language_of(p) != Language::Lockfile)
            .or(hints.first())
            .map_or_else(String::new, |p| (*p).to_owned());
        Self {
            diff: Diff::default(),
            current: None,
            in_hunk: false,
            default_path,
            old_path: None,
        }
    }

    fn open(&mut self, path: &str, status: FileStatus) {
        let found = self.diff.files.iter().position(|f| f.path == path);
        let index = found.unwrap_or_else(|| {
            self.diff.files.push(FileDiff {
                path: path.to_owned(),
                language: language_of(path),
                status,
                hunks: Vec::new(),
            });
            self.diff.files.len() - 1
        });
        if status != FileStatus::Modified {
            self.diff.files[index].status = status;
        }
        self.current = Some(index);
        self.in_hunk = false;
    }

    fn start_hunk(&mut self, section: &'a str) {
        if self.current.is_none() {
            let path = self.default_path.clone();
            self.open(&path, FileStatus::Modified);
        }
        if let Some(file) = self.current.and_then(|i| self.diff.files.get_mut(i)) {
            file.hunks.push(Hunk {
                section,
                lines: Vec::new(),
            });
            self.in_hunk = true;
        }
    }

    fn push(&mut self, tag: Tag, text: &'a str) {
        if !self.in_hunk {
            self.start_hunk("");
        }
        let file = self.current.and_then(|i| self.diff.files.get_mut(i));
        if let Some(hunk) = file.and_then(|f| f.hunks.last_mut()) {
            hunk.lines.push(Line { tag, text });
        }
    }

    fn line(&mut self, line: &'a str, next_is_plus: bool) {
        if let Some(rest) = line.strip_prefix("diff --git ") {
            self.open(git_header_path(rest), FileStatus::Modified);
            return;
        }
        if let Some(rest) = line.strip_prefix("Index: ") {
            self.open(rest.trim(), FileStatus::Modified);
            return;
        }
        if let Some(rest) = line.strip_prefix("--- ")
            && next_is_plus
        {
            self.old_path = Some(header_path(rest));
            return;
        }
        if let Some(rest) = line.strip_prefix("+++ ")
            && let Some(old) = self.old_path.take()
        {
            let new = header_path(rest);
            match (old, new) {
                ("/dev/null", new) => self.open(new, FileStatus::Added),
                (old, "/dev/null") => self.open(old, FileStatus::Deleted),
                (_, new) => self.open(new, FileStatus::Modified),
            }
            return;
        }
        if let Some(rest) = line.strip_prefix("@@") {
            self.hunk_header(rest);
            return;
        }
        if !self.in_hunk {
            if self.git_extended_header(line) {
                return;
            }
            // A bare list of changed lines without any header is still a diff.
            if self.current.is_none() && !line.starts_with(['+', '-']) {
                return;
            }
        }
        match line.as_bytes().first() {
            Some(b'+') => self.push(Tag::Added, &line[1..]),
            Some(b'-') => self.push(Tag::Removed, &line[1..]),
            Some(b' ') => self.push(Tag::Context, &line[1..]),
            Some(b'\\') => {}
            // Records often lose the leading space of context lines.
            _ if self.in_hunk => self.push(Tag::Context, line),
            _ => {}
        }
    }

    fn git_extended_header(&mut self, line: &'a str) -> bool {
        let status = if line.starts_with("new file mode") {
            FileStatus::Added
        } else if line.starts_with("deleted file mode") {
            FileStatus::Deleted
        } else if line.starts_with("rename to ") || line.starts_with("rename from ") {
            FileStatus::Renamed
        } else {
            return [
                "index ",
                "similarity index",
                "dissimilarity index",
                "old mode",
                "new mode",
                "copy from",
                "copy to",
                "Binary files",
                "GIT binary patch",
                "====",
            ]
            .iter()
            .any(|p| line.starts_with(p));
        };
        if let Some(file) = self.current.and_then(|i| self.diff.files.get_mut(i)) {
            file.status = status;
        }
        true
    }

    fn hunk_header(&mut self, rest: &'a str) {
        let rest = rest.trim_start_matches('@').trim();
        let (head, tail) = match rest.find("@@") {
            Some(at) => (rest[..at].trim(), rest[at + 2..].trim()),
            None => (rest, ""),
        };
        let numeric = head.starts_with('-') && head.contains('+') && !head.contains('/');
        if numeric {
            return self.start_hunk(tail);
        }
        if looks_like_path(head) {
            self.open(head, FileStatus::Modified);
            return self.start_hunk(tail);
        }
        if let Some((path, section)) = head.split_once(':')
            && looks_like_path(path.trim())
        {
            self.open(path.trim(), FileStatus::Modified);
            return self.start_hunk(section.trim());
        }
        self.start_hunk(head);
    }

    fn finish(mut self) -> Diff<'a> {
        for file in &mut self.diff.files {
            file.hunks.retain(|h| !h.lines.is_empty());
        }
        self.diff
    }
}

/// The new path of `a/x b/x`.
fn git_header_path(rest: &str) -> &str {
    let rest = rest.trim();
    match rest.rfind(" b/") {
        Some(at) => &rest[at + 3..],
        None => header_path(rest.split_whitespace().next_back().unwrap_or(rest)),
    }
}

/// A path of a `---`/`+++` line without prefix, quotes and time stamp.
fn header_path(rest: &str) -> &str {
    let path = rest.split('\t').next().unwrap_or(rest).trim();
    let path = path.trim_matches('"');
    path.strip_prefix("a/")
        .or_else(|| path.strip_prefix("b/"))
        .unwrap_or(path)
}

fn looks_like_path(text: &str) -> bool {
    if text.is_empty() || text.contains([' ', '\t', '(', ')', '{', '"', '<', '=']) {
        return false;
    }
    text.contains('/') || language_of(text) != Language::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str, hints: &[&str]) -> Vec<String> {
        parse(text, hints)
            .files
            .iter()
            .map(|f| {
                let hunks: Vec<String> = f
                    .hunks
                    .iter()
                    .map(|h| {
                        let tags: String = h
                            .lines
                            .iter()
                            .map(|l| match l.tag {
                                Tag::Context => '.',
                                Tag::Added => '+',
                                Tag::Removed => '-',
                            })
                            .collect();
                        format!("[{}]{}", h.section, tags)
                    })
                    .collect();
                format!("{} {:?} {}", f.path, f.status, hunks.join(" "))
            })
            .collect()
    }

    #[test]
    fn every_header_style_is_understood() {
        let git = "diff --git a/src/a.go b/src/a.go\nindex 1..2 100644\n--- a/src/a.go\n+++ b/src/a.go\n@@ -1,2 +1,2 @@ func F() {\n ctx\n-old\n+new\n\\ No newline at end of file\n";
        assert_eq!(shape(git, &[]), ["src/a.go Modified [func F() {].-+"]);
        let added = "--- /dev/null\n+++ b/x/new.py\n@@ -0,0 +1 @@\n+a = 1\n";
        assert_eq!(shape(added, &[]), ["x/new.py Added []+"]);
        let short = "@@ services/checkout/order.go: func (a *A) F(x int) {\n-\told\n+\tnew\n\tkept\n@@ db/pool.go @@ class X:\n+y\n@@ config.yaml @@\n-z: 1\n";
        assert_eq!(
            shape(short, &[]),
            [
                "services/checkout/order.go Modified [func (a *A) F(x int) {]-+.",
                "db/pool.go Modified [class X:]+",
                "config.yaml Modified []-"
            ]
        );
        let nameless = "@@ require (\n-\tx v1.0.0\n+\tx v1.0.1\n )\n";
        assert_eq!(
            shape(nameless, &["go.sum", "go.mod"]),
            ["go.mod Modified [require (]-+."]
        );
        assert_eq!(shape("+only\n-lines\n", &["a.rb"]), ["a.rb Modified []+-"]);
    }

    #[test]
    fn removed_sql_comments_are_not_headers() {
        let text = "@@ db/q.sql @@\n--- an old remark\n+SELECT 1\n";
        assert_eq!(shape(text, &[]), ["db/q.sql Modified []-+"]);
    }

    #[test]
    fn long_input_is_cut_not_refused() {
        let text = format!("@@ a.go @@\n+{}\n", "é".repeat(MAX_LINE_BYTES));
        assert!(parse(&text, &[]).truncated);
    }
}
