//! Words: identifiers taken apart, lightly stemmed, and grouped by what they mean on call.

use std::collections::BTreeSet;

/// Splits an identifier at case changes, digits' edges and separators, into lower-case words:
/// `maxOpenConns` gives max, open, conns; `HTTPServer` gives http, server.
pub fn split_identifier(identifier: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = identifier.chars().collect();
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            flush(&mut word, &mut words);
            continue;
        }
        let previous = i.checked_sub(1).map(|p| chars[p]);
        let next = chars.get(i + 1).copied();
        let boundary = previous.is_some_and(|p| {
            (p.is_lowercase() && c.is_uppercase())
                || (p.is_uppercase() && c.is_uppercase() && next.is_some_and(char::is_lowercase))
        });
        if boundary {
            flush(&mut word, &mut words);
        }
        word.extend(c.to_lowercase());
    }
    flush(&mut word, &mut words);
    words
}

fn flush(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

/// Takes the commonest English endings off: pools → pool, retries → retry, rejected → reject.
/// Deliberately weaker than Porter's: identifiers are not prose.
pub fn stem(word: &str) -> String {
    let ascii = word.is_ascii();
    for (ending, replacement, least) in [
        ("ies", "y", 5),
        ("sses", "ss", 6),
        ("ches", "ch", 6),
        ("xes", "x", 5),
        ("ing", "", 7),
        ("ed", "", 6),
    ] {
        if ascii && word.len() >= least && word.ends_with(ending) {
            return format!("{}{replacement}", &word[..word.len() - ending.len()]);
        }
    }
    if ascii
        && word.len() > 3
        && word.ends_with('s')
        && !word.ends_with("ss")
        && !word.ends_with("us")
    {
        return word[..word.len() - 1].to_owned();
    }
    word.to_owned()
}

/// Words that mean the same trouble; the first is the group's name.
const SYNONYMS: [&[&str]; 22] = [
    &["latency", "slow", "duration", "elapsed", "p99", "p95"],
    &[
        "timeout",
        "deadline",
        "exceeded",
        "cancelled",
        "canceled",
        "timedout",
    ],
    &[
        "memory",
        "rss",
        "heap",
        "oom",
        "oomkilled",
        "malloc",
        "alloc",
    ],
    &[
        "pool",
        "conn",
        "connection",
        "conns",
        "hikari",
        "pgbouncer",
        "pgx",
    ],
    &[
        "auth",
        "unauthorized",
        "401",
        "jwt",
        "token",
        "expired",
        "leeway",
        "unauthenticated",
    ],
    &[
        "forbidden",
        "403",
        "denied",
        "permission",
        "policy",
        "role",
        "iam",
        "rbac",
    ],
    &[
        "dns",
        "resolve",
        "resolver",
        "lookup",
        "nxdomain",
        "coredns",
        "enotfound",
        "servfail",
    ],
    &[
        "sql", "query", "select", "db", "database", "relation", "postgres", "mysql", "jdbc",
    ],
    &["table", "column", "migration", "schema", "undefined"],
    &["cache", "ttl", "redis", "memcached", "evict", "hit", "miss"],
    &[
        "panic",
        "nil",
        "null",
        "dereference",
        "npe",
        "nullpointer",
        "segfault",
        "sigsegv",
        "undefined",
    ],
    &["throttle", "429", "quota", "limit", "ratelimit"],
    &[
        "queue", "backlog", "lag", "offset", "consumer", "kafka", "sqs",
    ],
    &["tls", "cert", "certificate", "x509", "ssl", "handshake"],
    &["disk", "enospc", "volume", "inode", "filesystem"],
    &["lock", "deadlock", "mutex", "contention", "blocked"],
    &["retry", "attempt", "backoff"],
    &["cpu", "saturation", "busy"],
    &["crash", "restart", "crashloop", "backoff", "exit"],
    &[
        "parse",
        "decode",
        "unmarshal",
        "deserialize",
        "malformed",
        "invalid",
        "json",
    ],
    &["config", "env", "environment", "setting", "variable"],
    &["thread", "goroutine", "worker", "executor"],
];

/// The domain groups that a (stemmed) word belongs to, by group name.
pub fn groups_of(word: &str) -> impl Iterator<Item = &'static str> {
    let word = word.to_owned();
    SYNONYMS
        .iter()
        .filter(move |group| group.iter().any(|w| *w == word || stem(w) == word))
        .map(|group| group[0])
}

/// Words so common in code or telemetry that sharing them says nothing.
const COMMON: [&str; 97] = [
    "the", "and", "for", "from", "with", "not", "this", "that", "err", "error", "errors", "nil",
    "null", "none", "true", "false", "return", "func", "function", "def", "class", "var", "let",
    "const", "new", "int", "string", "str", "bool", "float", "void", "public", "private", "static",
    "final", "import", "package", "if", "else", "try", "catch", "self", "ctx", "context", "http",
    "https", "request", "response", "req", "resp", "res", "get", "set", "add", "type", "struct",
    "value", "key", "name", "data", "info", "log", "logger", "level", "msg", "message", "service",
    "server", "client", "handler", "main", "src", "com", "org", "github", "api", "count", "total",
    "rate", "per", "sec", "seconds", "failed", "fail", "status", "code", "span", "trace", "id",
    "time", "now", "len", "ok", "to", "of", "in", "is",
];

/// Whether sharing this word says nothing.
pub fn is_common(word: &str) -> bool {
    word.len() < 3
        || COMMON.contains(&word)
        || word.bytes().all(|b| b.is_ascii_digit() && word.len() != 3)
}

/// The stemmed, uncommon words of free text or code.
pub fn vocabulary_of(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty() && w.len() <= 64)
        .flat_map(split_identifier)
        .filter(|w| !is_common(w))
        .map(|w| stem(&w))
        .filter(|w| !is_common(w))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_come_apart() {
        assert_eq!(split_identifier("maxOpenConns"), ["max", "open", "conns"]);
        assert_eq!(split_identifier("HTTPServer_v2"), ["http", "server", "v2"]);
        assert_eq!(split_identifier("DB-POOL.size"), ["db", "pool", "size"]);
        assert!(split_identifier("--").is_empty());
    }

    #[test]
    fn stems_meet() {
        for (a, b) in [
            ("pools", "pool"),
            ("retries", "retry"),
            ("rejected", "reject"),
            ("status", "status"),
        ] {
            assert_eq!(stem(a), stem(b), "{a}");
        }
        assert!(groups_of("jwt").any(|g| g == "auth"));
    }
}
