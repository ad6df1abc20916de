//! Recognising innocence: changes that cannot disturb what ran before, and why.

use super::effect::{Effect, EffectKind};
use super::lexer::Token;
use super::path::{FileRole, role_of};
use super::rules::is_log_line;
use super::source::{CodeLine, FileView, is_keyword};
use super::words::split_identifier;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Why a change cannot disturb what ran before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Harmless {
    /// The class of innocence.
    pub kind: EffectKind,
    /// A clause that begins with a verb: "only moves code: …".
    pub reason: String,
}

impl Harmless {
    fn new(kind: EffectKind, reason: impl Into<String>) -> Option<Self> {
        Some(Self {
            kind,
            reason: reason.into(),
        })
    }
}

/// An effect of this strength or more makes a change worth suspicion.
pub(crate) const MATERIAL: f64 = 0.3;

/// Innocence by the paths alone: prose, tests, pipelines, pictures.
pub(crate) fn by_paths<'p>(paths: impl IntoIterator<Item = &'p str>) -> Option<Harmless> {
    let roles: BTreeSet<FileRole> = paths.into_iter().map(role_of).collect();
    let running = [
        FileRole::Runtime,
        FileRole::Migration,
        FileRole::Dependencies,
    ];
    if roles.is_empty() || roles.iter().any(|r| running.contains(r)) {
        return None;
    }
    let (kind, what) = match roles.iter().next()? {
        _ if roles.contains(&FileRole::Asset) => (
            EffectKind::AssetsOnly,
            "styles, pictures or texts for people",
        ),
        FileRole::Test => (EffectKind::TestsOnly, "tests"),
        FileRole::Docs => (EffectKind::DocsOnly, "documentation"),
        _ => (EffectKind::CiOnly, "pipelines, linters or ownership"),
    };
    Harmless::new(
        kind,
        format!("only touches {what}, which do not run in production"),
    )
}

/// Innocence by what the diff holds.
pub(crate) fn by_diff(files: &[FileView<'_>], effects: &[Effect]) -> Option<Harmless> {
    if files.is_empty() {
        return None;
    }
    if let Some(harmless) = by_paths(files.iter().map(|f| f.path)) {
        return Some(harmless);
    }
    let running: Vec<&FileView<'_>> = files.iter().filter(|f| f.runs()).collect();
    let worst = effects
        .iter()
        .filter(|e| !e.kind.is_harmless())
        .map(|e| e.strength)
        .fold(0.0, f64::max);
    let removed = || running.iter().flat_map(|f| f.removed());
    let added = || running.iter().flat_map(|f| f.added());
    let touched = running.iter().any(|f| !f.hunks.is_empty());
    if touched && removed().next().is_none() && added().next().is_none() {
        return Harmless::new(
            EffectKind::CommentOnly,
            "only changes comments and blank lines",
        );
    }
    let material = worst >= MATERIAL;
    if material {
        return None;
    }
    let net: Vec<&CodeLine<'_>> = running
        .iter()
        .flat_map(|f| f.net_removed().chain(f.net_added()))
        .collect();
    if touched && net.is_empty() {
        let same_order = running
            .iter()
            .all(|f| f.removed().map(|l| &l.norm).eq(f.added().map(|l| &l.norm)));
        return if same_order {
            Harmless::new(
                EffectKind::FormattingOnly,
                "only changes layout and comments: every token stays where it was",
            )
        } else {
            Harmless::new(
                EffectKind::CodeMoved,
                "only moves lines: the same tokens stand elsewhere, nothing is added",
            )
        };
    }
    if !net.is_empty() && net.iter().all(|l| is_import(l)) {
        return Harmless::new(EffectKind::FormattingOnly, "only changes imports");
    }
    if let Some(harmless) = quiet_lines(&running) {
        return Some(harmless);
    }
    if let Some(harmless) = words_of_people(&running) {
        return Some(harmless);
    }
    if let Some(harmless) = moved(&running) {
        return Some(harmless);
    }
    // Whatever effects there are, all of them are of a harmless kind and they explain the change.
    let named: BTreeSet<EffectKind> = effects
        .iter()
        .filter(|e| e.kind.is_harmless())
        .map(|e| e.kind)
        .collect();
    let only_harmless = !named.is_empty()
        && effects
            .iter()
            .all(|e| e.kind.is_harmless() || e.strength < 0.12);
    if only_harmless {
        let best = effects
            .iter()
            .filter(|e| e.kind.is_harmless())
            .max_by(|a, b| {
                a.strength
                    .total_cmp(&b.strength)
                    .then(b.summary.cmp(&a.summary))
            })?;
        let small = net.len() <= 12;
        let certain = matches!(
            best.kind,
            EffectKind::IndexAddedConcurrently
                | EffectKind::DependencyBumped(_)
                | EffectKind::Setting(..)
        );
        if certain || small || best.kind == EffectKind::BoundedCacheAdded {
            return Harmless::new(best.kind, format!("only {}", best.summary));
        }
    }
    None
}

fn is_import(line: &CodeLine<'_>) -> bool {
    matches!(
        line.first(),
        "import" | "use" | "from" | "require" | "#include" | "using" | "package" | "include"
    ) && !line.norm.contains(" = ")
        || (line.tokens.len() == 1 && matches!(line.tokens[0], Token::Text(t) if t.contains('/')))
        || line.norm.contains("= require (")
}

/// Every changed line writes to the log, or counts and traces.
fn quiet_lines(files: &[&FileView<'_>]) -> Option<Harmless> {
    let mut logs = 0;
    let mut metrics = 0;
    let mut others = 0;
    for hunk in files.iter().flat_map(|f| &f.hunks) {
        for image in [&hunk.before, &hunk.after] {
            // What a call that spans lines is about holds for its arguments.
            let mut open: Option<(i32, bool)> = None;
            for line in image {
                let depth: i32 = line
                    .tokens
                    .iter()
                    .map(|t| match t {
                        Token::Mark("(" | "{" | "[") => 1,
                        Token::Mark(")" | "}" | "]") => -1,
                        _ => 0,
                    })
                    .sum();
                let continued = open.map(|(_, metric)| metric);
                let metric = continued.unwrap_or_else(|| is_metric_line(line));
                let log =
                    continued.map_or_else(|| is_log_line(line) || mentions_logger(line), |m| !m);
                if line.net {
                    match (log, metric) {
                        (_, true) => metrics += 1,
                        (true, false) => logs += 1,
                        _ if line.tokens.iter().all(|t| matches!(t, Token::Mark(_))) => {}
                        _ => others += 1,
                    }
                }
                open = match open {
                    Some((d, m)) if d + depth > 0 => Some((d + depth, m)),
                    Some(_) => None,
                    None if depth > 0 && (log || metric) => Some((depth, metric)),
                    None => None,
                };
            }
        }
    }
    match (logs, metrics, others) {
        (0, 0, _) => None,
        (_, 0, 0) => Harmless::new(
            EffectKind::LoggingOnly,
            "only changes what is written to the log",
        ),
        (_, _, 0) => Harmless::new(
            EffectKind::MetricsOnly,
            "only changes counters, spans or log fields",
        ),
        _ => None,
    }
}

fn mentions_logger(line: &CodeLine<'_>) -> bool {
    line.has_word(&[
        "logger",
        "slog",
        "zap",
        "logrus",
        "Logger",
        "LOG",
        "LOG_INFO",
        "LOG_DEBUG",
        "LOG_TRACE",
        "LOG_WARN",
        "LOG_ERROR",
    ])
}

fn is_metric_line(line: &CodeLine<'_>) -> bool {
    line.has_word(&[
        "prometheus",
        "metrics",
        "Metrics",
        "meter",
        "Counter",
        "Histogram",
        "Gauge",
        "statsd",
        "tracer",
        "span",
        "Span",
        "otel",
        "SetAttributes",
        "Inc",
        "Observe",
        "inc",
        "observe",
        "setAttribute",
        "set_attribute",
        "StatsD",
        "meterRegistry",
        "MeterRegistry",
        "addEvent",
        "datadog",
        "micrometer",
        "cloudwatch",
    ]) && !line.has_word(&["if", "for", "return"])
        || line.has_word(&["Inc", "Observe"]) && !line.has_word(&["return"])
}

/// Only the inside of strings that people read changed.
fn words_of_people(files: &[&FileView<'_>]) -> Option<Harmless> {
    let skeleton = |l: &CodeLine<'_>| {
        l.tokens
            .iter()
            .map(|t| {
                if matches!(t, Token::Text(_)) {
                    "\""
                } else {
                    t.text()
                }
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let prose = |l: &CodeLine<'_>| {
        l.tokens.iter().all(|t| match t {
            Token::Text(t) => {
                t.contains(' ')
                    && !t.contains(['/', '=', '%', '$'])
                    && !t.to_ascii_uppercase().starts_with("SELECT")
            }
            _ => true,
        }) && l.tokens.iter().any(|t| matches!(t, Token::Text(_)))
    };
    let before: Vec<&CodeLine<'_>> = files.iter().flat_map(|f| f.net_removed()).collect();
    let after: Vec<&CodeLine<'_>> = files.iter().flat_map(|f| f.net_added()).collect();
    let same = !before.is_empty()
        && before.len() == after.len()
        && before
            .iter()
            .zip(&after)
            .all(|(b, a)| prose(b) && prose(a) && skeleton(b) == skeleton(a));
    same.then(|| Harmless {
        kind: EffectKind::AssetsOnly,
        reason: "only rewords texts for people".to_owned(),
    })
}

/// Words that helpers are named with when code is only restructured.
const HELPER_WORDS: [&str; 44] = [
    "decode", "encode", "write", "parse", "build", "builder", "error", "err", "status", "bad",
    "request", "internal", "server", "gateway", "response", "handle", "make", "to", "from",
    "format", "render", "wrap", "extract", "scan", "helper", "convert", "map", "read", "json",
    "new", "init", "with", "do", "fmt", "errorf", "string", "http", "not", "found", "record",
    "params", "opts", "body", "util",
];

/// The same code under another name or in another place.
fn moved(files: &[&FileView<'_>]) -> Option<Harmless> {
    let tokens = |lines: &mut dyn Iterator<Item = &CodeLine<'_>>| {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for line in lines {
            for token in &line.tokens {
                if !matches!(token, Token::Mark(_))
                    && !matches!(token, Token::Word(w) if is_keyword(w))
                {
                    *count.entry(token.text().to_owned()).or_default() += 1;
                }
            }
        }
        count
    };
    let before = tokens(&mut files.iter().flat_map(|f| f.removed()));
    let after = tokens(&mut files.iter().flat_map(|f| f.added()));
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let total_before: usize = before.values().sum();
    let total_after: usize = after.values().sum();
    let kept: usize = before
        .iter()
        .map(|(t, n)| (*n).min(after.get(t).copied().unwrap_or(0)))
        .sum();
    let known: BTreeSet<String> = before.keys().flat_map(|t| split_identifier(t)).collect();
    let context: BTreeSet<String> = files
        .iter()
        .flat_map(|f| f.before())
        .flat_map(|l| l.tokens.iter())
        .flat_map(|t| split_identifier(t.text()))
        .collect();
    // The head of a function that the change itself declares brings words of its own, and so do
    // the calls of that function; its body is what is compared.
    let heads = [
        "func",
        "def",
        "fn",
        "fun",
        "function",
        "private",
        "public",
        "static",
        "protected",
    ];
    let own: BTreeSet<&str> = files
        .iter()
        .flat_map(|f| f.net_added())
        .filter(|l| heads.contains(&l.first()))
        .flat_map(|l| l.tokens.iter().map(|t| t.text()))
        .collect();
    let foreign: Vec<&String> = after
        .keys()
        .filter(|t| !before.contains_key(*t) && !own.contains(t.as_str()))
        .filter(|t| {
            let words = split_identifier(t);
            !words.iter().all(|w| {
                known.contains(w)
                    || context.contains(w)
                    || HELPER_WORDS.contains(&w.as_str())
                    || w.len() == 1
            })
        })
        .collect();
    let numbers_new = after.keys().any(|t| {
        !before.contains_key(t) && t.starts_with(|c: char| c.is_ascii_digit()) && t.len() > 1
    });
    let lost: usize = total_before - kept;
    // A rename: tokens pair one to one.
    if total_before == total_after && !numbers_new {
        let gone: Vec<&String> = before.keys().filter(|t| !after.contains_key(*t)).collect();
        let come: Vec<&String> = after.keys().filter(|t| !before.contains_key(*t)).collect();
        let words_only = gone
            .iter()
            .chain(&come)
            .all(|t| t.starts_with(|c: char| c.is_alphabetic() || c == '_'));
        if gone.len() == 1
            && come.len() == 1
            && words_only
            && before[gone[0]] == after[come[0]]
            && before[gone[0]] > 1
        {
            return Some(Harmless {
                kind: EffectKind::CodeMoved,
                reason: format!("only renames `{}` to `{}`", gone[0], come[0]),
            });
        }
    }
    let similar = kept * 10 >= total_before.min(total_after) * 6;
    // What only takes something away restructures nothing: a default or a check may be what is gone.
    let only_removes = lost > 0 && kept == total_after;
    if foreign.is_empty() && !numbers_new && similar && !only_removes {
        return Some(Harmless {
            kind: EffectKind::CodeMoved,
            reason: if lost == 0 {
                "only moves code into or out of a helper: the same tokens stay, nothing else is added".to_owned()
            } else {
                "only restructures code: what is added are calls of helpers made of the words that were there".to_owned()
            },
        });
    }
    None
}
