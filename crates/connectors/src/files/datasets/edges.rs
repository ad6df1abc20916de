//! Edges that nobody declared, read from what services say of each other: spans and their peers,
//! log lines that name another service or an address.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::topology::EdgeKind;
use model::{Edge, Entity, EntityId, EntityKind};

use model::case::{OwnedLog, OwnedSpan};

/// The components met so far, by the name that the source gives them.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_name: BTreeMap<String, EntityId>,
}

impl Names {
    /// The id of this name; made the first time.
    pub(super) fn intern(&mut self, name: &str, make: impl FnOnce() -> EntityId) -> EntityId {
        if let Some(id) = self.by_name.get(name) {
            return id.clone();
        }
        let id = make();
        self.by_name.insert(name.to_string(), id.clone());
        id
    }

    /// The id of a name that was met.
    pub(super) fn get(&self, name: &str) -> Option<&EntityId> {
        self.by_name.get(name)
    }

    /// All of them, sorted by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &EntityId)> {
        self.by_name.iter().map(|(name, id)| (name.as_str(), id))
    }

    /// The first component whose name stands in `text` as a whole word, whatever its case.
    pub(super) fn mentioned(&self, text: &str) -> Option<&EntityId> {
        let lower = text.to_ascii_lowercase();
        self.by_name
            .iter()
            .find(|(name, _)| {
                name.len() >= 3 && word_at(&lower, &name.to_ascii_lowercase()).is_some()
            })
            .map(|(_, id)| id)
    }
}

/// Fields in which a span or a log line names the other end of a call, the surest first.
const PEER_FIELDS: [&str; 10] = [
    "peer.service",
    "upstream.host",
    "upstream.service",
    "server.address",
    "net.peer.name",
    "peer.address",
    "db.name",
    "messaging.destination.name",
    "http.url",
    "url.full",
];

/// The other end as these fields name it; empty if they do not.
pub(super) fn peer(attributes: &[(Box<str>, Box<str>)]) -> String {
    PEER_FIELDS
        .iter()
        .find_map(|field| attributes.iter().find(|(name, _)| **name == **field))
        .map_or_else(String::new, |(_, value)| host(value).to_string())
}

/// The host part of an address or URL.
fn host(address: &str) -> &str {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    let bare = bare.split(['/', '?', '#']).next().unwrap_or_default();
    let bare = bare.rsplit_once('@').map_or(bare, |(_, rest)| rest);
    match bare.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => bare,
    }
}

/// Names of providers that go by a single word (`stripe`): an address of the same second level
/// (`api.stripe.com`) is taken to be theirs.
pub(super) fn providers(
    spans: &[OwnedSpan],
    more: impl Iterator<Item = String>,
) -> BTreeSet<String> {
    spans
        .iter()
        .map(|span| span.peer.to_string())
        .chain(more)
        .filter(|name| !name.is_empty() && !name.contains('.'))
        .collect()
}

/// The entity that an address stands for: a component that was met, or a provider outside.
pub(super) fn resolve(peer: &str, names: &Names, providers: &BTreeSet<String>) -> Option<EntityId> {
    let name = host(peer);
    if name.is_empty() || name.len() > 253 {
        return None;
    }
    if let Some(id) = names.get(name) {
        return Some(id.clone());
    }
    let labels: Vec<&str> = name.split('.').collect();
    if let Some(id) = names.get(labels[0]) {
        return Some(id.clone());
    }
    // An address of numbers says nothing about who stands behind it.
    if labels
        .iter()
        .all(|label| label.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    let second = labels.len().checked_sub(2).map(|at| labels[at]);
    let provider = second.filter(|label| providers.contains(*label));
    Some(EntityId::new(format!(
        "external/{}",
        provider.unwrap_or(name)
    )))
}

/// The entity of an id that [`resolve`] made.
pub(super) fn external(id: &EntityId) -> Entity {
    let name = id
        .as_str()
        .split_once('/')
        .map_or(id.as_str(), |(_, name)| name);
    Entity {
        id: id.clone(),
        kind: EntityKind::External,
        name: name.to_string(),
        labels: BTreeMap::new(),
    }
}

/// Gives a span whose parent is known only from another trace that trace's id.
///
/// Some exporters write a placeholder in place of the trace id of all spans but the first. A span id
/// that is written once is enough to find the parent; of several the nearest row before the child
/// counts.
pub(super) fn adopt_orphans(spans: &mut [OwnedSpan]) {
    let mut own: BTreeSet<(Box<str>, Box<str>)> = BTreeSet::new();
    for span in spans.iter() {
        own.insert((span.trace_id.clone(), span.span_id.clone()));
    }
    let mut nearest: HashMap<Box<str>, Box<str>> = HashMap::new();
    for span in spans.iter_mut() {
        let orphan = !span.parent_id.is_empty()
            && !own.contains(&(span.trace_id.clone(), span.parent_id.clone()));
        if orphan && let Some(trace) = nearest.get(&span.parent_id) {
            span.trace_id = trace.clone();
        }
        nearest.insert(span.span_id.clone(), span.trace_id.clone());
    }
}

/// `Calls` edges between the components of parent and child spans, with the calls made per request
/// that the caller received, and edges to the peers that spans name.
pub(super) fn from_spans(
    spans: &[OwnedSpan],
    names: &Names,
    providers: &BTreeSet<String>,
) -> Vec<Edge> {
    let mut of: HashMap<(&str, &str), &EntityId> = HashMap::with_capacity(spans.len());
    for span in spans {
        of.entry((&span.trace_id, &span.span_id))
            .or_insert(&span.entity);
    }
    let parents: BTreeSet<(&str, &str)> = spans
        .iter()
        .filter(|span| {
            let parent = of.get(&(&*span.trace_id, &*span.parent_id));
            parent.is_some_and(|parent| **parent != span.entity)
        })
        .map(|span| (&*span.trace_id, &*span.parent_id))
        .collect();
    let mut received: BTreeMap<&EntityId, u64> = BTreeMap::new();
    let mut calls: BTreeMap<(EntityId, EntityId), u64> = BTreeMap::new();
    for span in spans {
        let parent = of.get(&(&*span.trace_id, &*span.parent_id)).copied();
        match parent {
            Some(parent) if *parent == span.entity => {}
            Some(parent) => {
                *received.entry(&span.entity).or_default() += 1;
                *calls
                    .entry((parent.clone(), span.entity.clone()))
                    .or_default() += 1;
            }
            None => *received.entry(&span.entity).or_default() += 1,
        }
        // A client span with a child on the other side was counted by that child.
        let answered = parents.contains(&(&*span.trace_id, &*span.span_id));
        if !answered
            && !span.peer.is_empty()
            && let Some(to) = resolve(&span.peer, names, providers)
            && to != span.entity
        {
            *calls.entry((span.entity.clone(), to)).or_default() += 1;
        }
    }
    let edge = |((from, to), count): ((EntityId, EntityId), u64)| {
        let requests = received.get(&from).copied().filter(|count| *count > 0);
        Edge {
            calls_per_request: requests.map(|requests| count as f64 / requests as f64),
            from,
            to,
            kind: EdgeKind::Calls,
            confidence: 1.0,
            seen_in: "traces".to_string(),
        }
    };
    calls.into_iter().map(edge).collect()
}

/// Words before a name which say that the named one is the caller, not the called.
const CALLER_WORDS: [&str; 7] = [
    "from",
    "by",
    "client",
    "caller",
    "downstream",
    "consumer",
    "for",
];

/// Texts that speak of a failed or slow name lookup.
const LOOKUP_WORDS: [&str; 9] = [
    "lookup ",
    "enotfound",
    "no such host",
    "name resol",
    "nxdomain",
    "eai_again",
    "server misbehaving",
    "could not resolve",
    "name or service not known",
];

/// Edges from log lines: a component that names another one, an address it calls, or a name lookup.
/// Less sure than spans: someone may speak of a thing without leaning on it.
pub(super) fn from_logs(
    logs: &[OwnedLog],
    names: &Names,
    providers: &BTreeSet<String>,
) -> Vec<Edge> {
    let resolvers: Vec<&EntityId> = names
        .iter()
        .filter(|(name, _)| {
            let lower = name.to_ascii_lowercase();
            lower.contains("dns") || lower.contains("resolver")
        })
        .map(|(_, id)| id)
        .collect();
    let lower: Vec<(String, &EntityId)> = names
        .iter()
        .filter(|(name, _)| name.len() >= 4)
        .map(|(name, id)| (name.to_ascii_lowercase(), id))
        .collect();
    let mut seen: BTreeSet<(&EntityId, &str)> = BTreeSet::new();
    let mut found: BTreeMap<(EntityId, EntityId), f64> = BTreeMap::new();
    let mut note = |from: &EntityId, to: &EntityId, confidence: f64| {
        if from != to {
            let best = found.entry((from.clone(), to.clone())).or_insert(0.0);
            *best = best.max(confidence);
        }
    };
    for log in logs {
        let named = peer(&log.attributes);
        if !named.is_empty()
            && let Some(to) = resolve(&named, names, providers)
        {
            note(&log.entity, &to, 0.8);
        }
        // Repeated bodies say nothing new; a runaway line is not searched to its end.
        let body = clipped(&log.body, 2048);
        if !seen.insert((&log.entity, body)) {
            continue;
        }
        let text = body.to_ascii_lowercase();
        for (name, id) in &lower {
            if let Some(at) = word_at(&text, name) {
                let before = text[..at].trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
                let word = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
                if !word.is_some_and(|word| CALLER_WORDS.contains(&word)) {
                    note(&log.entity, id, 0.5);
                }
            }
        }
        for scheme in ["http://", "https://", "grpc://"] {
            if let Some((_, rest)) = text.split_once(scheme) {
                let end = rest.find(|c: char| c.is_whitespace() || "\"'),;".contains(c));
                if let Some(to) = resolve(&rest[..end.unwrap_or(rest.len())], names, providers) {
                    note(&log.entity, &to, 0.6);
                }
            }
        }
        if LOOKUP_WORDS.iter().any(|word| text.contains(word)) {
            resolvers.iter().for_each(|to| note(&log.entity, to, 0.6));
        }
    }
    found
        .into_iter()
        .map(|((from, to), confidence)| Edge {
            from,
            to,
            kind: EdgeKind::Calls,
            confidence,
            calls_per_request: None,
            seen_in: "logs".to_string(),
        })
        .collect()
}

/// Drops an edge that was only read out of log text when spans show the opposite direction.
pub(super) fn merged(edges: Vec<Edge>) -> Vec<Edge> {
    let traced: BTreeSet<(EntityId, EntityId)> = edges
        .iter()
        .filter(|edge| edge.seen_in != "logs")
        .map(|edge| (edge.from.clone(), edge.to.clone()))
        .collect();
    let mut kept = edges;
    kept.retain(|edge| {
        edge.seen_in != "logs" || !traced.contains(&(edge.to.clone(), edge.from.clone()))
    });
    kept
}

/// Where `word` stands in `text` with nothing that belongs to a longer name on either side.
fn word_at(text: &str, word: &str) -> Option<usize> {
    let joins = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = at.checked_sub(1).map(|at| text.as_bytes()[at]);
        let after = text.as_bytes().get(at + word.len()).copied();
        !before.is_some_and(joins) && !after.is_some_and(joins)
    })
}

/// At most `limit` bytes of `text`, cut where a character ends.
fn clipped(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
