//! Names and values: settings in configuration files, constants, keyword arguments, literal
//! arguments of calls, command-line flags.

use super::lexer::Token;
use super::path::Language;
use super::quantity::{Quantity, parse_literal, parse_tokens};
use super::source::{CodeLine, is_keyword, matching_close, path_before};
use super::words::split_identifier;
use std::collections::BTreeSet;

/// What a setting is set to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Quantity(Quantity),
    Bool(bool),
    /// A word or string.
    Text(String),
    /// An expression whose value the diff does not tell.
    Expression,
}

/// One name with one value on one line.
#[derive(Clone, Debug)]
pub(crate) struct Setting<'l> {
    /// What must be equal for two settings to be the same one.
    pub key: String,
    /// The last name, as written.
    pub name: String,
    /// Names above it: the YAML path, the receiver, the section.
    pub parents: String,
    pub value: Value,
    /// The value as written.
    pub raw: String,
    pub line: &'l CodeLine<'l>,
    /// A literal argument or comparison, meaningful only beside its counterpart.
    pub positional: bool,
}

/// Every setting on the changed lines of one image. Context lines give the path above.
pub(crate) fn settings_of<'l>(
    lines: &'l [CodeLine<'l>],
    language: Language,
    section: &str,
) -> Vec<Setting<'l>> {
    let mut found = Vec::new();
    match language {
        Language::Yaml | Language::HelmTemplate => yaml(lines, section, &mut found),
        Language::Properties | Language::Env | Language::Toml | Language::Dockerfile => {
            keyed(lines, language, section, &mut found);
        }
        Language::Nginx => nginx(lines, &mut found),
        Language::Xml => xml(lines, &mut found),
        _ => {
            let mut blocks: Vec<String> = Vec::new();
            for line in lines {
                in_code(line, &blocks.join("."), &mut found);
                follow_blocks(line, language, &mut blocks);
            }
        }
    }
    for line in lines {
        flags(line, &mut found);
    }
    found.retain(|s| s.line.tag != super::diff::Tag::Context);
    found
}

fn literal(name: &str, parents: &str, text: &str) -> Value {
    let text = text.trim().trim_end_matches([',', ';']).trim();
    let bare = text.trim_matches(['"', '\'']);
    match bare {
        "true" | "True" | "yes" | "on" | "enabled" => return Value::Bool(true),
        "false" | "False" | "no" | "off" | "disabled" => return Value::Bool(false),
        _ => {}
    }
    match parse_literal(bare, is_cpu(name, parents)) {
        Some(quantity) => Value::Quantity(quantity),
        None if bare.starts_with('-') && parse_literal(&bare[1..], false).is_some_and(|_| true) => {
            let quantity = parse_literal(&bare[1..], false);
            quantity.map_or(Value::Expression, |q| {
                Value::Quantity(Quantity {
                    value: -q.value,
                    ..q
                })
            })
        }
        None => Value::Text(bare.to_owned()),
    }
}

fn is_cpu(name: &str, parents: &str) -> bool {
    let words = split_identifier(name);
    words.iter().any(|w| w == "cpu" || w == "cpus")
        || split_identifier(parents).last().is_some_and(|w| w == "cpu")
}

fn yaml<'l>(lines: &'l [CodeLine<'l>], section: &str, found: &mut Vec<Setting<'l>>) {
    // (indent, key) of the keys above; a list item's `name:` stands for the item.
    let mut above: Vec<(usize, String)> = Vec::new();
    for line in lines {
        if line.tokens.is_empty() {
            continue;
        }
        let body = without_comment(line.text.trim());
        let mut indent = line.indent;
        let mut rest = body;
        let mut item = false;
        while let Some(tail) = rest.strip_prefix("- ") {
            rest = tail.trim_start();
            indent += 2;
            item = true;
        }
        while above.last().is_some_and(|(i, _)| *i >= indent) {
            above.pop();
        }
        let _ = item;
        let Some((key, value)) = split_yaml(rest) else {
            continue;
        };
        let key = key.trim().trim_matches(['"', '\'']);
        let value = value.trim();
        if value.is_empty() || value == "|" || value == ">" {
            above.push((indent, key.to_owned()));
            continue;
        }
        let mut parents: Vec<&str> = above.iter().map(|(_, k)| k.as_str()).collect();
        if parents.is_empty() && !section.is_empty() && !section.contains(' ') {
            parents.push(section.trim_end_matches(':'));
        }
        let parents_text = parents.join(".");
        let mut name = key.to_owned();
        if key == "name" {
            // The name of a list item keys what follows at the same depth.
            above.push((indent, format!("[{}]", value.trim_matches(['"', '\'']))));
            if let Some(last) = above.last_mut() {
                last.0 = indent.saturating_sub(1);
            }
        } else if key == "value"
            && let Some((_, label)) = above.last()
            && let Some(label) = label.strip_prefix('[').and_then(|l| l.strip_suffix(']'))
        {
            name = label.to_owned();
        }
        if value.starts_with('{') {
            in_code(line, &parents_text, found);
            continue;
        }
        found.push(Setting {
            key: format!("{parents_text}.{key}"),
            value: literal(&name, &parents_text, value),
            raw: value.trim_matches(['"', '\'']).to_owned(),
            name,
            parents: parents_text,
            line,
            positional: false,
        });
    }
}

fn split_yaml(text: &str) -> Option<(&str, &str)> {
    if text.starts_with("{{") {
        return None;
    }
    let at = text
        .find(": ")
        .or_else(|| text.ends_with(':').then(|| text.len() - 1))?;
    Some((&text[..at], &text[at + 1..]))
}

fn without_comment(text: &str) -> &str {
    text.find(" #").map_or(text, |at| text[..at].trim_end())
}

/// `key = value`, `key: value`, `KEY=value`, `ENV KEY value`.
fn keyed<'l>(
    lines: &'l [CodeLine<'l>],
    language: Language,
    section: &str,
    found: &mut Vec<Setting<'l>>,
) {
    let mut above = section.trim_matches(['[', ']']).to_owned();
    for line in lines {
        if line.tokens.is_empty() {
            continue;
        }
        let mut body = without_comment(line.text.trim());
        if let Some(header) = body.strip_prefix('[').and_then(|b| b.strip_suffix(']')) {
            above = header.trim_matches(['[', ']']).to_owned();
            continue;
        }
        if language == Language::Dockerfile {
            let mut words = body.splitn(2, ' ');
            match (words.next(), words.next()) {
                (Some("ENV" | "ARG"), Some(rest)) => body = rest.trim(),
                (Some("EXPOSE"), Some(rest)) => {
                    push_keyed("expose_port", rest, "", line, found);
                    continue;
                }
                _ => continue,
            }
        }
        let body = body.strip_prefix("export ").unwrap_or(body);
        let split = body.find(['=', ':']).or_else(|| {
            (language == Language::Dockerfile || language == Language::Properties)
                .then(|| body.find(' '))
                .flatten()
        });
        if let Some(at) = split {
            push_keyed(&body[..at], &body[at + 1..], &above, line, found);
        }
    }
}

fn push_keyed<'l>(
    key: &str,
    value: &str,
    parents: &str,
    line: &'l CodeLine<'l>,
    found: &mut Vec<Setting<'l>>,
) {
    let key = key.trim().trim_matches(['"', '\'']);
    if key.is_empty() || key.contains(' ') {
        return;
    }
    let value = value.trim();
    if value.starts_with('{') {
        return in_code(line, key, found);
    }
    let (above, name) = key.rsplit_once('.').unwrap_or(("", key));
    let parents = [parents, above]
        .into_iter()
        .filter(|p| !p.is_empty())
        .collect::<Vec<_>>()
        .join(".");
    found.push(Setting {
        key: format!("{parents}.{name}"),
        name: name.to_owned(),
        value: literal(name, &parents, value),
        raw: value.trim_matches(['"', '\'']).to_owned(),
        parents,
        line,
        positional: false,
    });
}

/// `directive value;`
fn nginx<'l>(lines: &'l [CodeLine<'l>], found: &mut Vec<Setting<'l>>) {
    for line in lines {
        let body = without_comment(line.text.trim()).trim_end_matches(';');
        let Some((key, value)) = body.split_once(char::is_whitespace) else {
            continue;
        };
        if key.is_empty() || value.ends_with('{') || line.tokens.is_empty() {
            continue;
        }
        if key == "server" && value.contains("weight=") {
            if let Some((address, weight)) = value.split_once("weight=") {
                push_keyed("weight", weight, &address.replace('.', "-"), line, found);
            }
            continue;
        }
        push_keyed(key, value, "", line, found);
    }
}

/// `<name>value</name>` and `name="value"`.
fn xml<'l>(lines: &'l [CodeLine<'l>], found: &mut Vec<Setting<'l>>) {
    for line in lines {
        let body = line.text.trim();
        if let Some(rest) = body.strip_prefix('<')
            && let Some((name, tail)) = rest.split_once('>')
            && let Some((value, _)) = tail.split_once("</")
        {
            push_keyed(name, value, "", line, found);
        } else {
            in_code(line, "", found);
        }
    }
}

/// Names of the braces that are open, for HCL and JSON and object literals.
fn follow_blocks(line: &CodeLine<'_>, language: Language, blocks: &mut Vec<String>) {
    if language.indented() {
        return;
    }
    for (i, token) in line.tokens.iter().enumerate() {
        if token.is("{") {
            let named = matches!(
                language,
                Language::Terraform | Language::Json | Language::Manifest | Language::JavaScript
            );
            let name = line.tokens[..i]
                .iter()
                .rev()
                .find_map(|t| match t {
                    Token::Word(w) if !is_keyword(w) => Some(*w),
                    Token::Text(w) => Some(*w),
                    _ => None,
                })
                .filter(|_| named)
                .unwrap_or("");
            // Deeper nesting than this is generated or hostile, and names nothing more.
            if blocks.len() < 12 {
                blocks.push(name.to_owned());
            }
        } else if token.is("}") {
            blocks.pop();
        }
    }
}

fn in_code<'l>(line: &'l CodeLine<'l>, parents: &str, found: &mut Vec<Setting<'l>>) {
    let tokens = &line.tokens;
    let looping = matches!(
        line.first(),
        "for" | "foreach" | "while" | "import" | "package" | "use"
    );
    let mut seen: BTreeSet<String> = BTreeSet::new();
    if line.text.trim_start().starts_with("#define")
        && let [.., Token::Word(name), last] = tokens.as_slice()
        && let Some(q) = parse_tokens(&[*last], false)
    {
        found.push(setting(
            name,
            parents,
            Value::Quantity(q),
            last.text(),
            line,
            false,
        ));
        return;
    }
    for (i, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark("=" | ":=" | ":" | "=>") if !looping => {
                let Some((name, above)) = name_before(tokens, i) else {
                    continue;
                };
                let end = expression_end(tokens, i + 1);
                let expression = &tokens[i + 1..end];
                if expression.is_empty() {
                    continue;
                }
                let all_parents = join(parents, &above);
                let value = value_of(expression, &name, &all_parents);
                let raw = raw_of(expression);
                if seen.insert(format!("{name}={raw}")) {
                    found.push(setting(&name, &all_parents, value, &raw, line, false));
                }
            }
            Token::Mark("<" | ">" | "<=" | ">=") if !looping => {
                let Some((_, path)) = path_before(tokens, i) else {
                    continue;
                };
                let end = comparison_end(tokens, i + 1);
                let expression = &tokens[i + 1..end];
                if let Some(q) = parse_tokens(expression, false) {
                    let mut s = setting(
                        &path,
                        parents,
                        Value::Quantity(q),
                        &raw_of(expression),
                        line,
                        true,
                    );
                    s.key = format!("cmp {path} {}", &token.text()[..1]);
                    found.push(s);
                }
            }
            Token::Mark("(") if i > 0 => arguments(line, i, parents, found),
            _ => {}
        }
    }
}

/// Literal arguments of the call whose parenthesis opens at `open`.
fn arguments<'l>(line: &'l CodeLine<'l>, open: usize, parents: &str, found: &mut Vec<Setting<'l>>) {
    let tokens = &line.tokens;
    let Token::Word(callee) = tokens[open - 1] else {
        return;
    };
    let lower = callee.to_ascii_lowercase();
    let unit = [
        "ofseconds",
        "ofmillis",
        "ofminutes",
        "ofhours",
        "ofdays",
        "timedelta",
        "duration",
        "fromseconds",
        "fromminutes",
        "frommilliseconds",
        "from_secs",
        "from_millis",
        "seconds",
        "minutes",
        "hours",
        "milliseconds",
        "int",
        "long",
        "int64",
        "len",
        "valueof",
    ];
    if is_keyword(callee) || unit.contains(&lower.as_str()) {
        return;
    }
    let receiver = path_before(tokens, open - 1)
        .filter(|_| false)
        .map(|(_, p)| p)
        .or_else(|| {
            (open >= 3 && tokens[open - 2].is("."))
                .then(|| path_before(tokens, open - 2).map(|(_, p)| p))
                .flatten()
        })
        .unwrap_or_default();
    let close = matching_close(tokens, open);
    let mut start = open + 1;
    let mut index = 0;
    while start < close {
        let mut end = start;
        let mut depth = 0usize;
        while end < close {
            match tokens[end] {
                Token::Mark("(" | "[" | "{") => depth += 1,
                Token::Mark(")" | "]" | "}") => depth = depth.saturating_sub(1),
                Token::Mark(",") if depth == 0 => break,
                _ => {}
            }
            end += 1;
        }
        let mut argument = &tokens[start..end];
        // `await(5, TimeUnit.SECONDS)`: the unit is the next argument.
        let mut next = end + 1;
        if next < close && tokens[next].is_word("TimeUnit") {
            argument = &tokens[start..close.min(next + 3)];
            next = close;
        }
        let named = argument
            .iter()
            .any(|t| t.is("=") || t.is(":") || t.is("=>"));
        if !named && let Some(q) = parse_tokens(argument, is_cpu(callee, &receiver)) {
            let name =
                if callee == "make" && tokens[open + 1..close].iter().any(|t| t.is_word("chan")) {
                    "channel buffer"
                } else {
                    callee
                };
            let mut s = setting(
                name,
                &join(parents, &receiver),
                Value::Quantity(q),
                &raw_of(argument),
                line,
                true,
            );
            s.key = format!("{receiver}.{callee}#{index}");
            found.push(s);
        } else if let [Token::Word(flag @ ("true" | "false" | "True" | "False"))] = argument {
            let mut s = setting(
                callee,
                &join(parents, &receiver),
                Value::Bool(flag.eq_ignore_ascii_case("true")),
                flag,
                line,
                true,
            );
            s.key = format!("{receiver}.{callee}#{index}");
            found.push(s);
        } else if let [Token::Text(text)] = argument
            && text.len() < 200
        {
            let mut s = setting(
                callee,
                &join(parents, &receiver),
                Value::Text((*text).to_owned()),
                text,
                line,
                true,
            );
            s.key = format!("{receiver}.{callee}#{index}");
            found.push(s);
        }
        index += 1;
        start = next;
    }
}

fn setting<'l>(
    name: &str,
    parents: &str,
    value: Value,
    raw: &str,
    line: &'l CodeLine<'l>,
    positional: bool,
) -> Setting<'l> {
    Setting {
        key: format!("{parents}.{name}"),
        name: name.to_owned(),
        parents: parents.to_owned(),
        value,
        raw: raw.to_owned(),
        line,
        positional,
    }
}

fn join(a: &str, b: &str) -> String {
    match (a.is_empty(), b.is_empty()) {
        (_, true) => a.to_owned(),
        (true, _) => b.to_owned(),
        _ => format!("{a}.{b}"),
    }
}

fn raw_of(tokens: &[Token<'_>]) -> String {
    let mut out = String::new();
    for token in tokens.iter().take(24) {
        let spaced = matches!(token, Token::Mark("*" | "+" | "/" | "<<"));
        if spaced {
            out.push(' ');
        }
        out.push_str(token.text());
        if spaced || token.is(",") {
            out.push(' ');
        }
    }
    out
}

/// The name that the sign at `sign` gives a value to, and what stands before it.
fn name_before(tokens: &[Token<'_>], sign: usize) -> Option<(String, String)> {
    // `const x time.Duration = …`, `var x int = …`
    if let [
        Token::Word("const" | "var"),
        Token::Word(name),
        Token::Word(_),
        ..,
    ] = tokens
        && tokens[sign].is("=")
        && sign > 2
    {
        return Some(((*name).to_owned(), String::new()));
    }
    let (start, path) = path_before(tokens, sign)?;
    // `name: Type = …`, and `name: Type<…> = …` is left to the colon.
    if tokens[sign].is("=")
        && start >= 2
        && tokens[start - 1].is(":")
        && let Token::Word(name) = tokens[start - 2]
    {
        return Some((name.to_owned(), String::new()));
    }
    // `row["key"] = …`
    if tokens[sign - 1].is("]")
        && let Some(Token::Text(name)) = tokens.get(sign.wrapping_sub(2))
    {
        return Some(((*name).to_owned(), String::new()));
    }
    if path.ends_with([')', ']']) || path.is_empty() || path.contains(' ') {
        return None;
    }
    let (above, name) = path.rsplit_once('.').unwrap_or(("", &path));
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some((name.to_owned(), above.to_owned()))
}

fn expression_end(tokens: &[Token<'_>], start: usize) -> usize {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Mark("(" | "[" | "{") => depth += 1,
            Token::Mark(")" | "]" | "}") if depth == 0 => return i,
            Token::Mark(")" | "]" | "}") => depth -= 1,
            Token::Mark("," | ";") if depth == 0 => return i,
            _ => {}
        }
    }
    tokens.len()
}

fn comparison_end(tokens: &[Token<'_>], start: usize) -> usize {
    let stop = ["&&", "||", "{", ":", ";", "?", "==", ","];
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Mark("(") => depth += 1,
            Token::Mark(")") if depth == 0 => return i,
            Token::Mark(")") => depth -= 1,
            Token::Mark(m) if stop.contains(m) => return i,
            Token::Word("and" | "or" | "then" | "return") => return i,
            _ => {}
        }
    }
    tokens.len()
}

fn value_of(expression: &[Token<'_>], name: &str, parents: &str) -> Value {
    if let Some(q) = parse_tokens(expression, is_cpu(name, parents)) {
        return Value::Quantity(q);
    }
    match expression {
        [Token::Word("true" | "True" | "TRUE")] => Value::Bool(true),
        [Token::Word("false" | "False" | "FALSE")] => Value::Bool(false),
        [Token::Text(text)] => literal(name, parents, text),
        _ => Value::Expression,
    }
}

/// `-Xmx512m`, `--flag=value`, `-Dname=value`, `-XX:Name=value`, wherever they stand.
fn flags<'l>(line: &'l CodeLine<'l>, found: &mut Vec<Setting<'l>>) {
    if !line.text.contains('-') {
        return;
    }
    for word in line.text.split([' ', '\t', '"', '\'', ',', '[', ']', '`']) {
        if let Some(size) = word
            .strip_prefix("-Xmx")
            .or_else(|| word.strip_prefix("-Xms"))
        {
            let lower = size.to_ascii_lowercase();
            let bytes = lower.strip_suffix('m').map(|n| format!("{n}Mi"));
            if let Some(q) = parse_literal(bytes.as_deref().unwrap_or(&lower), false) {
                found.push(setting(
                    &word[..4],
                    "heap",
                    Value::Quantity(q),
                    size,
                    line,
                    false,
                ));
            }
        } else if let Some(flag) = ["--", "-XX:", "-D"]
            .iter()
            .find_map(|p| word.strip_prefix(p))
            && let Some((name, value)) = flag.split_once('=')
            && !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            found.push(setting(
                name,
                "",
                literal(name, "", value),
                value,
                line,
                false,
            ));
        }
    }
}
