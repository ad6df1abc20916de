//! A small lexer that serves every language well enough to tell code from comments and strings.

use super::path::Language;

/// A token, borrowed from the line it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Token<'a> {
    /// An identifier or keyword.
    Word(&'a str),
    /// A number with whatever letters are glued to it: `15`, `1_000`, `512Mi`, `0x1F`.
    Number(&'a str),
    /// The inside of a string.
    Text(&'a str),
    /// An operator or delimiter.
    Mark(&'a str),
}

impl<'a> Token<'a> {
    /// The token's text.
    pub fn text(self) -> &'a str {
        match self {
            Self::Word(t) | Self::Number(t) | Self::Text(t) | Self::Mark(t) => t,
        }
    }
    /// Whether this is that operator.
    pub fn is(self, mark: &str) -> bool {
        matches!(self, Self::Mark(t) if t == mark)
    }
    /// Whether this is that keyword.
    pub fn is_word(self, word: &str) -> bool {
        matches!(self, Self::Word(t) if t == word)
    }
}

/// What a line may inherit from the lines above it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Carry {
    /// Nothing is open.
    #[default]
    None,
    /// Inside `/* … */` or `<!-- … -->`.
    Comment,
    /// Inside a string of several lines that ends with this delimiter.
    Text(&'static str),
    /// Inside a documentation string: prose, not code.
    DocText(&'static str),
}

/// Operators of more than one character, longest first.
const MARKS: [&str; 34] = [
    "===", "!==", "...", "<<=", ">>=", "**=", "??=", ":=", "==", "!=", "<=", ">=", "&&", "||",
    "->", "=>", "::", "<-", "<<", ">>", "+=", "-=", "*=", "/=", "?.", "??", "?:", "&.", "!!", "++",
    "--", "**", "|>", "<>",
];

/// Splits a line into tokens without its comments; `carry` is updated for the next line.
pub(crate) fn lex<'a>(line: &'a str, language: Language, carry: &mut Carry) -> Vec<Token<'a>> {
    let mut tokens = Vec::new();
    let bytes = line.as_bytes();
    let mut at = 0;
    match *carry {
        Carry::Comment => match find(line, 0, &["*/", "-->"]) {
            Some((_, end)) => {
                *carry = Carry::None;
                at = end;
            }
            None => return tokens,
        },
        Carry::Text(close) | Carry::DocText(close) => {
            let doc = matches!(carry, Carry::DocText(_));
            let end = line.find(close);
            let inside = line[..end.unwrap_or(line.len())].trim();
            if !doc && !inside.is_empty() {
                tokens.push(Token::Text(inside));
            }
            match end {
                Some(end) => {
                    *carry = Carry::None;
                    at = end + close.len();
                }
                None => return tokens,
            }
        }
        Carry::None => {}
    }
    // The body of a block comment whose opening is outside the hunk.
    let trimmed = line.trim_start();
    if at == 0
        && !matches!(
            language,
            Language::Markdown | Language::Yaml | Language::Python
        )
        && (trimmed.starts_with("* ") || trimmed == "*" || trimmed.starts_with("*/"))
    {
        return tokens;
    }
    while at < bytes.len() {
        let rest = &line[at..];
        let byte = bytes[at];
        if byte.is_ascii_whitespace() {
            at += 1;
        } else if let Some(kind) = comment_at(line, at, language) {
            match kind {
                Comment::Line => break,
                Comment::Block(close) => match find(line, at + 2, &[close]) {
                    Some((_, end)) => at = end,
                    None => {
                        *carry = Carry::Comment;
                        break;
                    }
                },
            }
        } else if let Some(quote) = quote_at(rest, language) {
            let start = at + quote.len();
            let multiline = quote.len() == 3 || quote == "`";
            match end_of_string(line, start, quote) {
                Some(end) => {
                    let doc =
                        quote.len() == 3 && tokens.is_empty() && line[end + 3..].trim().is_empty();
                    if !doc {
                        tokens.push(Token::Text(&line[start..end]));
                    }
                    at = end + quote.len();
                }
                None if multiline => {
                    // A triple-quoted string that no name receives is documentation.
                    *carry = if quote.len() == 3 && tokens.is_empty() {
                        Carry::DocText(quote)
                    } else {
                        let inside = line[start..].trim();
                        if !inside.is_empty() {
                            tokens.push(Token::Text(inside));
                        }
                        Carry::Text(quote)
                    };
                    break;
                }
                None => {
                    // A lone quote (an apostrophe, a Rust lifetime) is a mark.
                    tokens.push(Token::Mark(&line[at..at + 1]));
                    at += 1;
                }
            }
        } else if byte.is_ascii_digit() {
            let end = number_end(bytes, at);
            tokens.push(Token::Number(&line[at..end]));
            at = end;
        } else if is_word_byte(byte) || !byte.is_ascii() {
            let dashed = language.is_config() || language == Language::Shell;
            let mut end = at + 1;
            while end < bytes.len()
                && (is_word_byte(bytes[end])
                    || !bytes[end].is_ascii()
                    || bytes[end].is_ascii_digit()
                    || (dashed
                        && bytes[end] == b'-'
                        && bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric)))
            {
                end += 1;
            }
            tokens.push(Token::Word(&line[at..end]));
            at = end;
        } else if let Some(mark) = MARKS.iter().find(|m| rest.starts_with(**m)) {
            tokens.push(Token::Mark(&line[at..at + mark.len()]));
            at += mark.len();
        } else {
            tokens.push(Token::Mark(&line[at..at + 1]));
            at += 1;
        }
    }
    tokens
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$' || byte == b'@'
}

/// End of a number with its suffix and at most one decimal point.
fn number_end(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    while end < bytes.len() {
        let b = bytes[end];
        let digit_follows = bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        let more = b.is_ascii_alphanumeric()
            || b == b'_'
            || (b == b'.' && digit_follows)
            || (matches!(b, b'-' | b'+')
                && matches!(bytes[end - 1], b'e' | b'E')
                && digit_follows
                && bytes[start..end]
                    .iter()
                    .filter(|c| c.is_ascii_alphabetic())
                    .count()
                    == 1);
        if !more {
            break;
        }
        end += 1;
    }
    end
}

enum Comment {
    Line,
    Block(&'static str),
}

fn comment_at(line: &str, at: usize, language: Language) -> Option<Comment> {
    use Language::*;
    let rest = &line[at..];
    let slashes = matches!(
        language,
        Go | Java
            | Kotlin
            | Scala
            | JavaScript
            | Php
            | CSharp
            | C
            | Rust
            | Swift
            | Terraform
            | Protobuf
            | Json
            | Css
            | Manifest
            | Other
    );
    if slashes && rest.starts_with("//") && !line[..at].ends_with(':') {
        return Some(Comment::Line);
    }
    if (slashes || matches!(language, Sql | Css)) && rest.starts_with("/*") {
        return Some(Comment::Block("*/"));
    }
    if matches!(language, Xml | Html | Markdown) && rest.starts_with("<!--") {
        return Some(Comment::Block("-->"));
    }
    let hash = matches!(
        language,
        Python
            | Ruby
            | Yaml
            | HelmTemplate
            | Toml
            | Properties
            | Env
            | Terraform
            | Dockerfile
            | Shell
            | Nginx
            | Elixir
            | Php
            | GraphQl
            | Manifest
            | Other
    );
    let spaced = at == 0 || line.as_bytes()[at - 1].is_ascii_whitespace();
    if hash && rest.starts_with('#') && spaced {
        return Some(Comment::Line);
    }
    if language == Sql && rest.starts_with("--") {
        return Some(Comment::Line);
    }
    if language == Properties && rest.starts_with(['!', ';']) && line[..at].trim().is_empty() {
        return Some(Comment::Line);
    }
    None
}

fn quote_at(rest: &str, language: Language) -> Option<&'static str> {
    use Language::*;
    let triple = matches!(
        language,
        Python | Kotlin | Scala | Java | Swift | CSharp | Elixir
    );
    if triple && rest.starts_with("\"\"\"") {
        return Some("\"\"\"");
    }
    if triple && rest.starts_with("'''") {
        return Some("'''");
    }
    match rest.as_bytes().first() {
        Some(b'"') => Some("\""),
        Some(b'\'') => Some("'"),
        Some(b'`') if matches!(language, Go | JavaScript | Sql | Kotlin | Ruby) => Some("`"),
        _ => None,
    }
}

fn end_of_string(line: &str, start: usize, quote: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            at += 2;
            continue;
        }
        if bytes[at..].starts_with(quote.as_bytes()) {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn find(line: &str, from: usize, closers: &[&str]) -> Option<(usize, usize)> {
    let tail = line.get(from..)?;
    closers
        .iter()
        .filter_map(|c| tail.find(c).map(|i| (from + i, from + i + c.len())))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(line: &str, language: Language) -> String {
        let mut carry = Carry::None;
        lex(line, language, &mut carry)
            .iter()
            .map(|t| t.text())
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn comments_and_strings_are_told_from_code() {
        assert_eq!(
            show("x := 15*time.Minute // long", Language::Go),
            "x|:=|15|*|time|.|Minute"
        );
        assert_eq!(
            show("url: http://a.b:80 # main", Language::Yaml),
            "url|:|http|:|/|/|a|.|b|:|80"
        );
        assert_eq!(
            show("a = \"it's // fine\"", Language::Java),
            "a|=|it's // fine"
        );
        assert_eq!(show("memory: 512Mi", Language::Yaml), "memory|:|512Mi");
        assert_eq!(show("-- gone", Language::Sql), "");
        assert_eq!(show("/* a */ b", Language::C), "b");
    }

    proptest! {
        #[test]
        fn any_line_is_lexed(line in "\\PC{0,80}") {
            for language in [Language::Go, Language::Python, Language::Yaml, Language::Sql, Language::Xml] {
                let mut carry = Carry::None;
                lex(&line, language, &mut carry);
                lex(&line, language, &mut carry);
            }
        }
    }
}
