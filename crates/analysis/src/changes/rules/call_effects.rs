//! What calls that came, went or moved into loops do at run time.

use super::super::diff::{FileStatus, Tag};
use super::super::effect::{Effect, EffectKind};
use super::super::lexer::Token;
use super::super::source::{CodeLine, FileView};
use super::super::words::split_identifier;
use super::calls::{Call, FileCalls, Repeat};
use super::patterns;
use std::collections::{BTreeMap, BTreeSet};

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
            && !replaces(call, calls)
        {
            (
                EffectKind::RemoteCallAdded,
                (if call.waits { 0.6 } else { 0.35 }) * remote,
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
    patterns::lock_order(file, calls, effects);
    patterns::cache_keys(file, effects);
    patterns::backtracking(file, effects);
    keywords(file, effects);
}

/// Whether a call that is gone did the same under a shorter or longer name: `Query`, `QueryContext`.
fn replaces(call: &Call<'_>, calls: &FileCalls<'_>) -> bool {
    calls.before.iter().any(|c| {
        c.line.net
            && count(&calls.before, c.name) > count(&calls.after, c.name)
            && (c.name.starts_with(call.name) || call.name.starts_with(c.name))
    })
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
