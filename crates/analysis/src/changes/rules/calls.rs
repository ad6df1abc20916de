//! Calls: which functions a change calls, how often, and what they wait for.

use super::super::diff::{FileStatus, Tag};
use super::super::effect::{Effect, EffectKind};
use super::super::lexer::Token;
use super::super::path::Language;
use super::super::source::{CodeLine, FileView, is_keyword, matching_close, path_before};
use super::super::words::split_identifier;
use std::collections::{BTreeMap, BTreeSet};

/// How a line is repeated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Repeat {
    Once,
    /// Endless by intent: tickers, consumers.
    Endless,
    /// Once per element.
    PerElement,
}

struct Call<'l> {
    /// Receiver and name: `a.catalog.GetItem`.
    path: String,
    name: &'l str,
    repeat: Repeat,
    waits: bool,
    line: &'l CodeLine<'l>,
    /// The function whose body it stands in, if the diff shows its head.
    inside: Option<&'l str>,
}

/// The calls of both images of one file.
pub(super) struct FileCalls<'l> {
    before: Vec<Call<'l>>,
    after: Vec<Call<'l>>,
    declared_before: BTreeSet<&'l str>,
    declared_after: BTreeSet<&'l str>,
    loops_before: usize,
    loops_after: usize,
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
fn declared<'l>(line: &CodeLine<'l>) -> Option<&'l str> {
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

const REMOTE_NOUNS: [&str; 60] = [
    "db",
    "database",
    "repo",
    "repository",
    "dao",
    "client",
    "conn",
    "connection",
    "session",
    "redis",
    "http",
    "https",
    "grpc",
    "stub",
    "api",
    "gateway",
    "kafka",
    "producer",
    "s3",
    "dynamo",
    "dynamodb",
    "elastic",
    "elasticsearch",
    "mongo",
    "sql",
    "rpc",
    "rest",
    "axios",
    "requests",
    "entitymanager",
    "em",
    "jdbc",
    "collection",
    "objects",
    "prisma",
    "knex",
    "bucket",
    "blob",
    "mailer",
    "smtp",
    "store",
    "storage",
    "pool",
    "tx",
    "cursor",
    "memcached",
    "webclient",
    "feign",
    "httpclient",
    "fetcher",
    "catalog",
    "service",
    "svc",
    "remote",
    "upstream",
    "backend",
    "aiohttp",
    "httpx",
    "sqs",
    "sns",
];
const QUERY_NAMES: [&str; 48] = [
    "query",
    "queryrow",
    "querycontext",
    "queryrowcontext",
    "exec",
    "execcontext",
    "execute",
    "executequery",
    "executeupdate",
    "fetch",
    "fetchone",
    "fetchall",
    "findone",
    "findbyid",
    "findall",
    "find",
    "findfirst",
    "findmany",
    "findunique",
    "getitem",
    "putitem",
    "batchgetitem",
    "lookup",
    "getobject",
    "putobject",
    "sendmessage",
    "publish",
    "invoke",
    "exchange",
    "getforobject",
    "postforobject",
    "getforentity",
    "selectone",
    "selectlist",
    "aggregate",
    "insertone",
    "updateone",
    "save",
    "scalar",
    "resolve",
    "roundtrip",
    "load",
    "loadone",
    "fetchrow",
    "getbyid",
    "findby",
    "rpc",
    "request",
];

/// How surely a call leaves the process, 0 to 1.
fn remoteness(call: &Call<'_>, helpers: &BTreeMap<&str, f64>) -> f64 {
    if let Some(known) = helpers.get(call.name) {
        return *known;
    }
    let receiver = call.path.strip_suffix(call.name).unwrap_or("");
    let words = split_identifier(receiver);
    let noun = words.iter().any(|w| REMOTE_NOUNS.contains(&w.as_str()));
    let name = call.name.to_ascii_lowercase().replace('_', "");
    let verb = QUERY_NAMES.contains(&name.as_str())
        || name.starts_with("findby")
        || name.starts_with("query")
        || name.starts_with("fetch")
        || name.starts_with("execute");
    let local = [
        "append",
        "len",
        "add",
        "string",
        "error",
        "errorf",
        "info",
        "debug",
        "warn",
        "printf",
        "println",
        "log",
        "close",
        "lock",
        "unlock",
        "tostring",
        "builder",
        "build",
        "of",
        "inc",
        "observe",
        "get_logger",
        "rollback",
        "commit",
        "done",
        "err",
        "scan",
        "next",
    ];
    if local.contains(&name.as_str()) {
        return 0.0;
    }
    match (noun, verb) {
        (true, true) => 0.95,
        (true, false) if call.waits => 0.85,
        (true, false) if !words.is_empty() => 0.45,
        (false, true) if !receiver.is_empty() && call.waits => 0.8,
        (false, true) if !receiver.is_empty() => 0.45,
        _ if call.waits && !receiver.is_empty() => 0.6,
        _ if matches!(
            call.name,
            "fetch" | "urlopen" | "curl_exec" | "file_get_contents"
        ) =>
        {
            0.8
        }
        _ => 0.0,
    }
}

pub(super) fn effects(files: &[&FileView<'_>], calls: &[FileCalls<'_>], effects: &mut Vec<Effect>) {
    // Functions whose bodies the diff shows: do they leave the process? Two rounds for helpers of helpers.
    let mut helpers: BTreeMap<&str, f64> = BTreeMap::new();
    for _ in 0..2 {
        let mut next = helpers.clone();
        for call in calls.iter().flat_map(|c| &c.after) {
            if let Some(function) = call.inside
                && call.name != function
            {
                let remote = remoteness(call, &helpers);
                if remote >= 0.6 {
                    let entry = next.entry(function).or_insert(0.0);
                    *entry = entry.max(remote.max(0.6));
                }
            }
        }
        helpers = next;
    }
    for (file, file_calls) in files.iter().zip(calls) {
        repeated(file, file_calls, &helpers, effects);
        single(file, file_calls, &helpers, effects);
        complexity(file, file_calls, effects);
    }
}

fn repeated(
    file: &FileView<'_>,
    calls: &FileCalls<'_>,
    helpers: &BTreeMap<&str, f64>,
    effects: &mut Vec<Effect>,
) {
    let looped = |calls: &[Call<'_>], name: &str| {
        calls
            .iter()
            .filter(|c| c.name == name && c.repeat == Repeat::PerElement)
            .count()
    };
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for call in &calls.after {
        if call.repeat != Repeat::PerElement || call.line.tag == Tag::Context && !told.is_empty() {
            continue;
        }
        let remote = remoteness(call, helpers);
        if remote < 0.45
            || looped(&calls.before, call.name) >= looped(&calls.after, call.name)
            || !told.insert(call.name)
        {
            continue;
        }
        let proven = helpers.contains_key(call.name);
        let strength = if proven { 0.97 } else { remote };
        effects.push(
            Effect::new(
                EffectKind::CallInsideLoopAdded,
                file.path,
                strength,
                format!(
                    "calls `{}` once per element of a loop{}",
                    call.path,
                    if proven {
                        ", and that function queries"
                    } else {
                        ""
                    }
                ),
            )
            .about([call.name, call.path.as_str()])
            .quoting_added(call.line.text),
        );
    }
}

fn count(calls: &[Call<'_>], name: &str) -> usize {
    calls.iter().filter(|c| c.name == name).count()
}

fn single(
    file: &FileView<'_>,
    calls: &FileCalls<'_>,
    helpers: &BTreeMap<&str, f64>,
    effects: &mut Vec<Effect>,
) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for call in calls.after.iter().filter(|c| c.line.net) {
        if count(&calls.after, call.name) <= count(&calls.before, call.name)
            || !told.insert(call.name)
        {
            continue;
        }
        let words = split_identifier(call.name);
        let has = |options: &[&str]| words.iter().any(|w| options.contains(&w.as_str()));
        let all = split_identifier(&call.path);
        let near = |options: &[&str]| all.iter().any(|w| options.contains(&w.as_str()));
        let endless = call.repeat == Repeat::Endless;
        let new_function = call.inside.is_some_and(|f| {
            calls.declared_after.contains(f) && !calls.declared_before.contains(f)
        }) || file.status == FileStatus::Added;
        let discount = if new_function { 0.5 } else { 1.0 };
        let (kind, strength, text) = if has(&["sleep", "usleep", "nanosleep", "delay"]) && !endless
        {
            (EffectKind::BlockingCallAdded, 0.85, "pauses")
        } else if matches!(
            call.name,
            "readFileSync"
                | "writeFileSync"
                | "execSync"
                | "spawnSync"
                | "block"
                | "blockOptional"
                | "join"
                | "Wait"
                | "GetResult"
                | "runBlocking"
                | "block_on"
                | "fsync"
                | "waitFor"
        ) && (call.path.contains('.') || call.name == "runBlocking")
            && !near(&["string", "strings", "path", "os"])
            && !(call.name == "join"
                && call.line.tokens.iter().any(|t| matches!(t, Token::Text(_))))
        {
            (EffectKind::BlockingCallAdded, 0.7, "waits")
        } else if matches!(
            call.name,
            "Lock"
                | "RLock"
                | "lock"
                | "acquire"
                | "tryLock"
                | "writeLock"
                | "synchronized"
                | "acquire_lock"
                | "with_lock"
        ) {
            (EffectKind::LockWidened, 0.7, "takes a lock")
        } else if has(&["retry", "retryable", "retrying"]) {
            (EffectKind::RetryAdded, 0.6, "tries again")
        } else if has(&[
            "bcrypt", "scrypt", "argon2", "pbkdf2", "hash", "gzip", "compress", "encrypt",
        ]) {
            (
                EffectKind::ComplexityAdded,
                0.45,
                "computes something costly",
            )
        } else if let remote = remoteness(call, helpers)
            && remote >= 0.6
            && call.repeat == Repeat::Once
            && call.line.net
        {
            (
                EffectKind::RemoteCallAdded,
                0.35 * remote,
                "makes another remote call",
            )
        } else {
            continue;
        };
        effects.push(
            Effect::new(
                kind,
                file.path,
                strength * discount,
                format!("{text} at a new place (`{}`)", call.path),
            )
            .about([call.name, call.path.as_str()])
            .quoting_added(call.line.text),
        );
    }
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    for call in calls.before.iter().filter(|c| c.line.net) {
        if count(&calls.before, call.name) <= count(&calls.after, call.name)
            || !gone.insert(call.name)
        {
            continue;
        }
        let words = split_identifier(call.name);
        let path = split_identifier(&call.path);
        let cached = path
            .iter()
            .any(|w| w.contains("cache") || w == "redis" || w == "memcached" || w == "memo");
        let cache_left = calls.after.iter().any(|c| {
            split_identifier(&c.path)
                .iter()
                .any(|w| w.contains("cache"))
        });
        let (kind, strength, text) = if cached && !cache_left {
            (EffectKind::CacheRemoved, 0.85, "no longer asks the cache")
        } else if words.iter().any(|w| w == "retry" || w == "retryable") {
            (EffectKind::RetryRemoved, 0.7, "no longer tries again")
        } else if matches!(
            call.name,
            "Unlock"
                | "RUnlock"
                | "unlock"
                | "Close"
                | "close"
                | "release"
                | "Release"
                | "rollback"
                | "Rollback"
                | "cancel"
                | "Stop"
                | "stop"
                | "dispose"
                | "Dispose"
                | "clearInterval"
                | "clearTimeout"
                | "removeListener"
                | "removeEventListener"
                | "unsubscribe"
                | "shutdown"
                | "disconnect"
                | "Done"
                | "free"
        ) && !whole_function_gone(calls, call)
        {
            (
                EffectKind::ResourceReleaseRemoved,
                0.9,
                "no longer releases",
            )
        } else if matches!(call.name, "Lock" | "RLock" | "lock" | "acquire") {
            (EffectKind::LockRemoved, 0.6, "no longer takes the lock")
        } else {
            continue;
        };
        effects.push(
            Effect::new(
                kind,
                file.path,
                strength,
                format!("{text} (`{}`)", call.path),
            )
            .about([call.name, call.path.as_str()])
            .quoting_removed(call.line.text),
        );
    }
    keywords(file, effects);
}

fn whole_function_gone(calls: &FileCalls<'_>, call: &Call<'_>) -> bool {
    call.inside
        .is_some_and(|f| calls.declared_before.contains(f) && !calls.declared_after.contains(f))
}

/// Releases and locks that are spelled as keywords or annotations.
fn keywords(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let lines = |words: &[&str], side: &mut dyn Iterator<Item = &CodeLine<'_>>| -> Vec<String> {
        side.filter(|l| l.has_word(words))
            .map(|l| l.text.to_owned())
            .collect()
    };
    let pairs: [(&[&str], EffectKind, EffectKind, f64, &str); 3] = [
        (
            &["synchronized", "@Synchronized"],
            EffectKind::LockWidened,
            EffectKind::LockRemoved,
            0.75,
            "a lock",
        ),
        (
            &[
                "@Cacheable",
                "@cached",
                "@lru_cache",
                "@cache",
                "memoize",
                "useMemo",
            ],
            EffectKind::BoundedCacheAdded,
            EffectKind::CacheRemoved,
            0.85,
            "a cache",
        ),
        (
            &["@Retryable", "@retry", "@Retry", "@backoff"],
            EffectKind::RetryAdded,
            EffectKind::RetryRemoved,
            0.7,
            "a retry",
        ),
    ];
    for (words, came, went, strength, noun) in pairs {
        let before = lines(words, &mut file.before());
        let after = lines(words, &mut file.after());
        if after.len() > before.len() {
            let line = after
                .iter()
                .find(|l| !before.contains(l))
                .map_or("", String::as_str);
            effects.push(
                Effect::new(came, file.path, strength * 0.8, format!("adds {noun}"))
                    .quoting_added(line),
            );
        } else if before.len() > after.len() {
            let line = before
                .iter()
                .find(|l| !after.contains(l))
                .map_or("", String::as_str);
            effects.push(
                Effect::new(went, file.path, strength, format!("removes {noun}"))
                    .quoting_removed(line),
            );
        }
    }
}

fn complexity(file: &FileView<'_>, calls: &FileCalls<'_>, effects: &mut Vec<Effect>) {
    let costly = |c: &&Call<'_>| {
        let name = c.name.to_ascii_lowercase();
        let path = c.path.to_ascii_lowercase();
        c.repeat == Repeat::PerElement
            && (name.contains("sort")
                || (path.contains("re.compile")
                    || path.contains("regexp.mustcompile")
                    || path.contains("pattern.compile")
                    || name == "regexp"
                    || path.contains("regex::new"))
                || name == "deepcopy"
                || path.contains("json.parse")
                || path.contains("clonedeep"))
    };
    let before: Vec<&Call<'_>> = calls.before.iter().filter(costly).collect();
    for call in calls.after.iter().filter(costly).skip(before.len()).take(2) {
        effects.push(
            Effect::new(
                EffectKind::ComplexityAdded,
                file.path,
                0.75,
                format!("does `{}` once per element of a loop", call.path),
            )
            .about([call.name])
            .quoting_added(call.line.text),
        );
    }
    if calls.loops_after >= 2 && calls.loops_after > calls.loops_before && calls.loops_before > 0 {
        effects.push(
            Effect::new(
                EffectKind::ComplexityAdded,
                file.path,
                0.7,
                "nests a loop in a loop",
            )
            .quoting_added(
                file.net_added()
                    .find(|l| l.has_word(&["for", "while", "forEach", "foreach"]))
                    .map_or("", |l| l.text),
            ),
        );
    } else if calls.loops_after >= 2 && calls.loops_before == 0 {
        effects.push(
            Effect::new(
                EffectKind::ComplexityAdded,
                file.path,
                0.4,
                "brings nested loops",
            )
            .quoting_added(
                file.net_added()
                    .find(|l| l.has_word(&["for", "while"]))
                    .map_or("", |l| l.text),
            ),
        );
    }
}
