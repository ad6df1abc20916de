//! Things that pile up: containers that live as long as the process, tasks that never end,
//! connections made for every call, resources opened and never closed, log lines.

use super::super::diff::Tag;
use super::super::effect::{Effect, EffectKind};
use super::super::lexer::Token;
use super::super::path::Language;
use super::super::source::{CodeLine, FileView, is_keyword, matching_close, path_before};
use super::super::words::split_identifier;
use super::facts::Facts;
use std::collections::{BTreeMap, BTreeSet};

/// How long a container lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    Object,
    Process,
}

pub(super) fn read(files: &[&FileView<'_>], effects: &mut Vec<Effect>) {
    for file in files {
        if !file.language.is_code() && file.language != Language::Other {
            continue;
        }
        containers(file, effects);
        tasks(file, effects);
        resources(file, effects);
        log_volume(file, effects);
    }
}

/// Containers declared at the top level or as static, by name.
fn long_lived(file: &FileView<'_>) -> BTreeMap<String, Life> {
    let mut found = BTreeMap::new();
    for line in file.after() {
        let tokens = &line.tokens;
        let Some(sign) = tokens
            .iter()
            .position(|t| t.is("=") || t.is(":="))
            .or_else(|| (line.first() == "var").then_some(tokens.len()))
        else {
            continue;
        };
        let text = line.norm.to_ascii_lowercase();
        let container = [
            "map", "list", "[ ]", "dict", "{ }", "set", "array", "vec", "queue", "deque", "append",
        ]
        .iter()
        .any(|c| text.contains(c));
        if !container {
            continue;
        }
        let name = match (tokens.first(), tokens.get(1)) {
            (Some(Token::Word("var")), Some(Token::Word(name))) if sign == tokens.len() => {
                Some((*name).to_owned())
            }
            _ => path_before(tokens, sign).map(|(s, p)| {
                // `name: Type = …`, `name []T = …`
                if s >= 2 && tokens[s - 1].is(":") {
                    tokens[s - 2].text().to_owned()
                } else {
                    p
                }
            }),
        };
        let Some(name) = name else { continue };
        let name = if line.first() == "var" {
            tokens.get(1).map_or(name, |t| t.text().to_owned())
        } else {
            name
        };
        let top = line.indent == 0 && !matches!(line.first(), "if" | "for" | "return");
        let fixed = line.has_word(&["static", "companion", "@@", "global", "lazy_static"])
            || name.starts_with("@@")
            || name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') && name.len() > 2;
        let owned = name.starts_with("self.")
            || name.starts_with("this.")
            || line.has_word(&["private", "protected"]);
        let last = name.rsplit('.').next().unwrap_or(&name).to_owned();
        if top || fixed {
            found.insert(last, Life::Process);
        } else if owned {
            found.entry(last).or_insert(Life::Object);
        }
    }
    found
}

/// The container that a line adds to, with the words of its path.
fn grows<'l>(line: &'l CodeLine<'l>) -> Option<String> {
    let tokens = &line.tokens;
    for (i, token) in tokens.iter().enumerate() {
        match token {
            // `log = append(log, x)`
            Token::Word("append")
                if tokens.get(i + 1).is_some_and(|t| t.is("("))
                    && i >= 2
                    && tokens[i - 1].is("=") =>
            {
                return path_before(tokens, i - 1).map(|(_, p)| p);
            }
            Token::Word(
                "append" | "add" | "push" | "put" | "set" | "insert" | "computeIfAbsent"
                | "putIfAbsent" | "Add" | "TryAdd" | "push_back" | "addLast" | "offer" | "emplace"
                | "extend" | "Store" | "getOrPut" | "GetOrAdd" | "setdefault",
            ) if tokens.get(i + 1).is_some_and(|t| t.is("("))
                && i >= 2
                && matches!(tokens[i - 1], Token::Mark("." | "->" | "?.")) =>
            {
                // `cell.set(x)` replaces; only a key and a value file something.
                let keyed = matches!(
                    token.text(),
                    "put" | "set" | "Store" | "insert" | "Add" | "TryAdd" | "getOrPut"
                );
                let close = matching_close(tokens, i + 1);
                let single =
                    !tokens[i + 1..close].iter().any(|t| t.is(",")) && close < tokens.len();
                if keyed && single && token.text() != "Add" && token.text() != "insert" {
                    return None;
                }
                return path_before(tokens, i - 1).map(|(_, p)| p);
            }
            // `seen[key] = …`
            Token::Mark("]") if tokens.get(i + 1).is_some_and(|t| t.is("=") || t.is("+=")) => {
                let (start, _) = path_before(tokens, i + 1)?;
                let open = (start..i).find(|k| tokens[*k].is("["))?;
                return path_before(tokens, open).map(|(_, p)| p);
            }
            // Ruby's and C++'s `list << x`
            Token::Mark("<<")
                if i > 0
                    && tokens.len() <= i + 8
                    && !matches!(tokens[0], Token::Word("std" | "cout" | "return")) =>
            {
                return path_before(tokens, i)
                    .map(|(_, p)| p)
                    .filter(|p| !p.contains("cout") && !p.contains("stream"));
            }
            _ => {}
        }
    }
    None
}

const BOUNDED: [&str; 22] = [
    "lru", "evict", "max", "maxsize", "limit", "cap", "capacity", "trim", "expire", "ttl", "ring",
    "bounded", "weak", "remove", "clear", "pop", "shift", "prune", "cleanup", "truncate", "maxlen",
    "delete",
];

fn containers(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let declared = long_lived(file);
    let grown = |line: &CodeLine<'_>| {
        grows(line).map(|p| {
            p.trim_start_matches("this.")
                .trim_start_matches("self.")
                .to_owned()
        })
    };
    let before: BTreeSet<String> = file.before().filter_map(grown).collect();
    let new_lines: Vec<&CodeLine<'_>> = file.net_added().collect();
    let bounded_words: BTreeSet<String> = file
        .after()
        .filter(|l| !matches!(l.first(), "return"))
        .flat_map(|l| l.tokens.iter())
        .filter_map(|t| match t {
            Token::Word(w) => Some(split_identifier(w)),
            _ => None,
        })
        .flatten()
        .collect();
    let bounded = BOUNDED.iter().any(|b| bounded_words.contains(*b));
    let mut told = BTreeSet::new();
    for line in &new_lines {
        let Some(path) = grown(line) else { continue };
        let last = path.rsplit('.').next().unwrap_or(&path).to_owned();
        if told.len() > 64
            || before.contains(&path)
            || !told.insert(path.clone())
            || last.is_empty()
        {
            continue;
        }
        let whole = grows(line).unwrap_or_default();
        let member = whole.starts_with("self.")
            || whole.starts_with("this.")
            || (path.contains('.') && whole.split('.').next().is_some_and(|r| r.len() <= 2));
        let local = file.after().any(|l| {
            l.indent > 0
                && !declared.contains_key(&last)
                && l.tokens
                    .iter()
                    .position(|t| t.is(":=") || t.is("="))
                    .is_some_and(|s| {
                        path_before(&l.tokens, s).is_some_and(|(start, p)| {
                            p == path
                                && (l.tokens[s].is(":=") || start > 0 || !std::ptr::eq(l, *line))
                                && grows(l).is_none()
                        })
                    })
                || l.first() == "var"
                    && l.indent > 0
                    && l.tokens.get(1).is_some_and(|t| t.text() == path)
        });
        if local
            || line.has_word(&[
                "builder",
                "response",
                "headers",
                "header",
                "params",
                "claims",
                "attributes",
            ])
        {
            continue;
        }
        let quiet = [
            "header", "span", "builder", "response", "res", "req", "params", "result", "results",
            "out", "rows", "order", "fields", "attrs", "args", "opts", "config", "cfg", "claims",
            "session", "w", "r", "ctx",
        ];
        let root = path.split('.').next().unwrap_or("").to_ascii_lowercase();
        let life = declared.get(&last).copied();
        let strength = match life {
            Some(Life::Process) => 0.95,
            Some(Life::Object) => 0.75,
            None if quiet.contains(&last.to_ascii_lowercase().as_str())
                || quiet.contains(&root.as_str())
                || path.contains('(') =>
            {
                continue;
            }
            None if member => 0.5,
            None => continue,
        };
        let kind = if bounded {
            EffectKind::BoundedCacheAdded
        } else {
            EffectKind::UnboundedGrowthAdded
        };
        effects.push(
            Effect::new(
                kind,
                file.path,
                if bounded { 0.25 } else { strength },
                if bounded {
                    format!("adds to `{last}`, which is bounded")
                } else if life == Some(Life::Process) {
                    format!("adds to `{last}`, which lives as long as the process, and nothing removes from it")
                } else {
                    format!("adds to `{last}` on every call, and nothing shown removes from it")
                },
            )
            .about([last.as_str()])
            .quoting_added(line.text),
        );
    }
    for line in &new_lines {
        let unbounded = line.norm.contains("maxsize = None")
            || line.first() == "@cache"
            || line.norm.contains("newCachedThreadPool")
            || line.norm.contains("LinkedBlockingQueue < > ( )")
            || line.norm.contains("unbounded_channel");
        if unbounded {
            effects.push(
                Effect::new(
                    EffectKind::UnboundedGrowthAdded,
                    file.path,
                    0.8,
                    "adds a store without a bound",
                )
                .quoting_added(line.text),
            );
        } else if line.has_word(&[
            "lru",
            "LRU",
            "LruCache",
            "lru_cache",
            "maximumSize",
            "LRUCache",
            "TTLCache",
        ]) {
            effects.push(
                Effect::new(
                    EffectKind::BoundedCacheAdded,
                    file.path,
                    0.25,
                    "adds a cache with a bound",
                )
                .quoting_added(line.text),
            );
        }
    }
}

/// Tasks, timers, listeners and clients that are started in code that runs per call.
fn tasks(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    fn noted<'l>(lines: impl Iterator<Item = &'l CodeLine<'l>>) -> Facts<'l> {
        let mut facts = Facts::default();
        for line in lines {
            let tokens = &line.tokens;
            if line.first() == "go" && tokens.len() > 2 {
                facts.note("goroutine", line);
            }
            for (i, token) in tokens.iter().enumerate() {
                let Token::Word(word) = token else { continue };
                let called = tokens.get(i + 1).is_some_and(|t| t.is("("));
                let created = i > 0 && tokens[i - 1].is_word("new");
                match *word {
                    "Thread" if called && line.indent > 0 => facts.note("thread", line),
                    "setInterval" | "addEventListener" | "addListener"
                        if called && line.indent > 0 =>
                    {
                        facts.note("listener", line)
                    }
                    "on" if called
                        && line.indent > 0
                        && i > 0
                        && tokens[i - 1].is(".")
                        && matches!(tokens.get(i + 2), Some(Token::Text(_))) =>
                    {
                        facts.note("listener", line)
                    }
                    "newFixedThreadPool"
                    | "newCachedThreadPool"
                    | "newSingleThreadExecutor"
                    | "ThreadPoolExecutor"
                        if called && line.indent > 4 =>
                    {
                        facts.note("executor", line)
                    }
                    "HttpClient" | "MongoClient" | "RestTemplate" | "DefaultHttpClient"
                    | "OkHttpClient" | "SqlConnection" | "PrismaClient" | "Pool"
                        if created && line.indent > 4 =>
                    {
                        facts.note("client", line);
                    }
                    "Open" | "connect" | "createConnection" | "getConnection" | "create_engine"
                    | "NewClient" | "Dial" | "createClient"
                        if called
                            && line.indent > 0
                            && i > 1
                            && matches!(
                                tokens[i - 2].text(),
                                "sql"
                                    | "psycopg2"
                                    | "mysql"
                                    | "pymysql"
                                    | "DriverManager"
                                    | "grpc"
                                    | "redis"
                                    | "sqlite3"
                                    | "MySQLdb"
                                    | "sqlalchemy"
                            ) =>
                    {
                        facts.note("client", line);
                    }
                    "After" if called && i > 1 && tokens[i - 2].is_word("time") => {
                        facts.note("timer", line)
                    }
                    _ => {}
                }
            }
        }
        facts
    }
    let then = noted(file.before());
    let now = noted(file.after());
    for (what, lines) in now.beyond(&then) {
        let Some(line) = lines.first() else { continue };
        let stopped = file.after().any(|l| {
            l.has_word(&[
                "WaitGroup",
                "errgroup",
                "cancel",
                "Done",
                "clearInterval",
                "removeEventListener",
                "removeListener",
                "shutdown",
                "close",
                "Close",
                "join",
                "once",
            ])
        });
        let (kind, strength, text) = match what {
            "client" => (
                EffectKind::ConnectionPerCallAdded,
                0.75,
                "makes a new client or connection at this place",
            ),
            "goroutine" => (
                EffectKind::TaskLeakAdded,
                if stopped { 0.2 } else { 0.6 },
                "starts a goroutine that nothing shown ends",
            ),
            "thread" | "executor" => (
                EffectKind::TaskLeakAdded,
                if stopped { 0.25 } else { 0.65 },
                "starts threads that nothing shown ends",
            ),
            "listener" => (
                EffectKind::TaskLeakAdded,
                if stopped { 0.15 } else { 0.6 },
                "registers a listener or timer that nothing shown removes",
            ),
            _ => continue,
        };
        effects.push(Effect::new(kind, file.path, strength, text).quoting_added(line.text));
    }
}

/// Things opened on added lines without a close anywhere in view, and closes that were added.
fn resources(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let closes = |l: &CodeLine<'_>| {
        l.has_word(&[
            "Close", "close", "with", "using", "release", "Release", "Dispose", "use", "Stop",
            "ensure", "finally",
        ])
    };
    let opens = |l: &CodeLine<'_>| {
        l.tokens.windows(3).any(|w| {
            matches!(
                w[0],
                Token::Mark("." | "=" | ":=") | Token::Word("new" | "return")
            ) && matches!(
                w[1],
                Token::Word(
                    "Open"
                        | "OpenFile"
                        | "open"
                        | "FileInputStream"
                        | "FileOutputStream"
                        | "prepareStatement"
                        | "createStatement"
                        | "getConnection"
                        | "NewTicker"
                        | "acquire"
                        | "Acquire"
                        | "BeginTx"
                        | "Begin"
                )
            ) && w[2].is("(")
        })
    };
    let closed = file.after().any(closes);
    let try_resource = |l: &CodeLine<'_>| l.norm.starts_with("try (");
    let opened_before = file.before().filter(|l| opens(l)).count();
    let opened_after: Vec<&CodeLine<'_>> = file
        .after()
        .filter(|l| opens(l) && !try_resource(l))
        .collect();
    if opened_after.len() > opened_before
        && !closed
        && let Some(line) = opened_after.iter().find(|l| l.net)
        && line.indent > 0
    {
        effects.push(
            Effect::new(
                EffectKind::ResourceLeakAdded,
                file.path,
                0.6,
                "opens something that nothing shown closes",
            )
            .quoting_added(line.text),
        );
    }
    let tried = |lines: &mut dyn Iterator<Item = &CodeLine<'_>>| {
        lines
            .filter(|l| l.norm.starts_with("try (") || l.first() == "with" || l.first() == "using")
            .map(|l| l.text.to_owned())
            .collect::<Vec<_>>()
    };
    let before = tried(&mut file.before());
    let after = tried(&mut file.after());
    if before.len() > after.len()
        && opened_after.iter().any(|l| l.tag == Tag::Added)
        && !file.added().any(closes)
    {
        effects.push(
            Effect::new(
                EffectKind::ResourceReleaseRemoved,
                file.path,
                0.9,
                "no longer closes what it opens",
            )
            .quoting_removed(before.first().map_or("", String::as_str)),
        );
    }
    let close_before = file.before().filter(|l| closes(l)).count();
    let close_after: Vec<&CodeLine<'_>> = file.after().filter(|l| closes(l)).collect();
    if close_after.len() > close_before
        && let Some(line) = close_after.iter().find(|l| l.net)
    {
        effects.push(
            Effect::new(
                EffectKind::GuardAdded,
                file.path,
                0.25,
                "releases what it opened",
            )
            .quoting_added(line.text),
        );
    }
}

/// Log calls in loops, and whole payloads in the log.
fn log_volume(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let logs = |l: &CodeLine<'_>| is_log_line(l);
    let mut loop_column: Option<usize> = None;
    let mut came = Vec::new();
    for line in file.after() {
        if loop_column.is_some_and(|c| line.indent <= c && !line.tokens.is_empty()) {
            loop_column = None;
        }
        if matches!(line.first(), "for" | "while" | "foreach") {
            loop_column = Some(line.indent);
        } else if loop_column.is_some() && line.net && logs(line) {
            came.push(line);
        }
    }
    let payload = file.net_added().find(|l| {
        logs(l) && l.has_word(&["body", "payload", "dump", "stringify", "requestBody", "raw"])
    });
    if let Some(line) = came.first().copied().or(payload) {
        let strength = if came.is_empty() { 0.45 } else { 0.55 };
        effects.push(
            Effect::new(
                EffectKind::LogVolumeRaised,
                file.path,
                strength,
                "logs much more",
            )
            .quoting_added(line.text),
        );
    }
}

/// Whether a line only writes to the log.
pub(crate) fn is_log_line(line: &CodeLine<'_>) -> bool {
    let first = line
        .tokens
        .iter()
        .take(4)
        .filter_map(|t| match t {
            Token::Word(w) if !is_keyword(w) => Some(w.to_ascii_lowercase()),
            _ => None,
        })
        .collect::<Vec<_>>();
    let named = |w: &String| {
        matches!(
            w.as_str(),
            "log"
                | "logger"
                | "logging"
                | "slog"
                | "console"
                | "println"
                | "printf"
                | "print"
                | "logrus"
                | "zap"
                | "tracing"
                | "nslog"
                | "puts"
                | "timber"
                | "error_log"
        ) || w.starts_with("log_")
            || w.ends_with("logger")
    };
    first.first().is_some_and(named)
        || first.get(1).is_some_and(|w| {
            named(w)
                && first.first().is_some_and(|f| {
                    matches!(f.as_str(), "self" | "this" | "s" | "h" | "fmt" | "system")
                })
        })
}
