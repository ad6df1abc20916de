//! Renames everything that has a name, and moves all times: what an investigation finds must not
//! depend on either.
//!
//! What carries meaning stays: metric names, operations, words of code, SQL, error texts. What names
//! *this* system goes, wherever it is mentioned: entities, pods, hosts, commits, traces, people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use model::time::MINUTE;
use model::{EntityId, EntityKind, Series, Span, TimeWindow, Timestamp};
use serde_json::Value;

use super::SplitMix;
use model::case::Case;

/// What became of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Entities, old id to new.
    pub entities: BTreeMap<EntityId, EntityId>,
    /// Names as people write them, old to new.
    pub names: BTreeMap<String, String>,
    /// Changes, old id to new.
    pub changes: BTreeMap<String, String>,
    /// How far every time was moved.
    pub shift: Span,
}

/// The case under other names and at another time, and what became of what.
pub fn disguise(case: &Case, seed: u64) -> (Case, Mapping) {
    let mut random = SplitMix::new(seed ^ 0x6d69_6477_6174_6368);
    let mut mapping = Mapping::default();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (id, name, kind) in named(case) {
        let (prefix, bare) = id.as_str().split_once('/').unwrap_or(("", id.as_str()));
        let new = match mapping.names.get(bare) {
            Some(new) => new.clone(),
            None => loop {
                let new = format!("{}-{}", short(kind), syllables(&mut random));
                if taken.insert(new.clone()) {
                    break new;
                }
            },
        };
        mapping.names.insert(bare.to_string(), new.clone());
        mapping.names.entry(name).or_insert_with(|| new.clone());
        let renamed = if prefix.is_empty() {
            new
        } else {
            format!("{prefix}/{new}")
        };
        mapping.entities.insert(id, EntityId::new(renamed));
    }
    for change in case.changes.iter().flatten() {
        for id in std::iter::once(&change.id).chain(&change.carries) {
            // A commit's hash keeps its length, so that it still looks like one.
            let hex = id.len() >= 7 && id.bytes().all(|b| b.is_ascii_hexdigit());
            let new = if hex {
                hex_of(&mut random, id.len())
            } else {
                format!("change-{}", hex_of(&mut random, 12))
            };
            mapping.changes.entry(id.clone()).or_insert(new);
        }
    }
    let days = 30 + random.below(300) as i64;
    let minutes = random.below(1440) as i64;
    mapping.shift = Span(-(days * 1440 + minutes) * MINUTE);
    (rename(case, &mapping, Some(seed)), mapping)
}

/// Every entity that any part of the case speaks of, with a name and a kind, sorted.
fn named(case: &Case) -> Vec<(EntityId, String, EntityKind)> {
    let mut all: BTreeMap<EntityId, (String, EntityKind)> = BTreeMap::new();
    for entity in &case.topology.entities {
        all.insert(entity.id.clone(), (entity.name.clone(), entity.kind));
    }
    let mut more: BTreeSet<&EntityId> = BTreeSet::new();
    more.extend(case.alarms.iter().map(|alarm| &alarm.entity));
    more.extend(
        case.series
            .iter()
            .flatten()
            .map(|series| &series.key.entity),
    );
    more.extend(case.logs.iter().flatten().map(|log| &log.entity));
    more.extend(case.spans.iter().flatten().map(|span| &span.entity));
    more.extend(case.events.iter().flatten().map(|event| &event.entity));
    more.extend(case.snapshots.iter().flatten().map(|state| &state.entity));
    more.extend(
        case.changes
            .iter()
            .flatten()
            .flat_map(|change| &change.entities),
    );
    more.extend(
        case.topology
            .edges
            .iter()
            .flat_map(|edge| [&edge.from, &edge.to]),
    );
    more.extend(
        case.lessons
            .iter()
            .flat_map(|lesson| lesson.causes.iter().map(|cause| &cause.entity)),
    );
    more.extend(
        case.manifest
            .gaps
            .iter()
            .filter_map(|gap| gap.entity.as_ref()),
    );
    for id in more {
        all.entry(id.clone()).or_insert_with(|| {
            let name = id.as_str().rsplit('/').next().unwrap_or(id.as_str());
            (name.to_string(), EntityKind::Unknown)
        });
    }
    all.into_iter()
        .map(|(id, (name, kind))| (id, name, kind))
        .collect()
}

fn short(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Pod => "pod",
        EntityKind::Host => "host",
        EntityKind::Database => "db",
        EntityKind::Table => "tbl",
        EntityKind::Queue => "q",
        EntityKind::External => "ext",
        EntityKind::Workload => "wl",
        EntityKind::Function => "fn",
        EntityKind::Scope => "ns",
        _ => "svc",
    }
}

fn syllables(random: &mut SplitMix) -> String {
    // No vowels and no word of any language: a name must not come to mean something.
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..5)
        .map(|_| char::from(LETTERS[random.below(LETTERS.len())]))
        .collect()
}

fn hex_of(random: &mut SplitMix, length: usize) -> String {
    let mut out = String::with_capacity(length + 16);
    while out.len() < length {
        out.push_str(&format!("{:016x}", random.next_u64()));
    }
    out.truncate(length);
    out
}

/// Applies a mapping to every part of a case. With a seed, trace and span ids change as well.
pub(super) fn rename(case: &Case, mapping: &Mapping, seed: Option<u64>) -> Case {
    let texts = Texts::new(mapping);
    let shift = mapping.shift;
    let entity = |id: &EntityId| {
        mapping
            .entities
            .get(id)
            .cloned()
            .unwrap_or_else(|| id.clone())
    };
    let change = |id: &String| {
        mapping
            .changes
            .get(id)
            .cloned()
            .unwrap_or_else(|| id.clone())
    };
    let trace = |id: &str| -> Box<str> {
        match seed {
            Some(seed) if !id.is_empty() => other_id(id, seed).into(),
            _ => id.into(),
        }
    };
    let window = |window: TimeWindow| {
        TimeWindow::new(window.from().plus(shift), window.to().plus(shift)).unwrap_or(window)
    };
    let pairs = |pairs: &[(Box<str>, Box<str>)]| -> Vec<(Box<str>, Box<str>)> {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), texts.apply(value).into()))
            .collect()
    };
    let labels = |labels: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        labels
            .iter()
            .map(|(name, value)| {
                let moved = mapping.entities.get(&EntityId::from(value.as_str()));
                let value = moved.map_or_else(|| texts.apply(value), ToString::to_string);
                (name.clone(), value)
            })
            .collect()
    };

    let mut out = case.clone();
    out.manifest.id = texts.apply(&out.manifest.id);
    out.manifest.title = texts.apply(&out.manifest.title);
    // Questions in a source's own words name everything by its true name.
    out.manifest.sources.clear();
    out.manifest.now = out.manifest.now.plus(shift);
    out.manifest.window = window(out.manifest.window);
    for baseline in &mut out.manifest.baselines {
        baseline.window = window(baseline.window);
    }
    for gap in &mut out.manifest.gaps {
        gap.entity = gap.entity.as_ref().map(entity);
        gap.detail = texts.apply(&gap.detail);
    }
    for alarm in &mut out.alarms {
        alarm.id = texts.apply(&alarm.id);
        alarm.rule = texts.apply(&alarm.rule);
        alarm.summary = texts.apply(&alarm.summary);
        alarm.entity = entity(&alarm.entity);
        alarm.fired_at = alarm.fired_at.plus(shift);
        alarm.true_at = alarm.true_at.map(|at| at.plus(shift));
        alarm.labels = labels(&alarm.labels);
    }
    for one in &mut out.topology.entities {
        one.id = entity(&one.id);
        one.name = mapping
            .names
            .get(&one.name)
            .cloned()
            .unwrap_or_else(|| texts.apply(&one.name));
        one.labels = labels(&one.labels);
    }
    for edge in &mut out.topology.edges {
        edge.from = entity(&edge.from);
        edge.to = entity(&edge.to);
    }
    for series in out.series.iter_mut().flatten() {
        let mut key = series.key.clone();
        key.entity = entity(&key.entity);
        key.labels = labels(&key.labels);
        *series = Arc::new(Series {
            key,
            times: series
                .times
                .iter()
                .map(|time| time.saturating_add(shift.0))
                .collect(),
            values: series.values.clone(),
        });
    }
    for log in out.logs.iter_mut().flatten() {
        log.time = log.time.plus(shift);
        log.entity = entity(&log.entity);
        log.body = texts.apply(&log.body).into();
        log.attributes = pairs(&log.attributes);
        log.trace_id = trace(&log.trace_id);
        log.span_id = trace(&log.span_id);
    }
    for span in out.spans.iter_mut().flatten() {
        span.start = span.start.plus(shift);
        span.end = span.end.plus(shift);
        span.entity = entity(&span.entity);
        span.name = texts.apply(&span.name).into();
        span.message = texts.apply(&span.message).into();
        span.peer = texts.apply(&span.peer).into();
        span.attributes = pairs(&span.attributes);
        span.trace_id = trace(&span.trace_id);
        span.span_id = trace(&span.span_id);
        span.parent_id = trace(&span.parent_id);
    }
    for one in out.changes.iter_mut().flatten() {
        one.id = change(&one.id);
        one.carries = one.carries.iter().map(change).collect();
        one.start = one.start.plus(shift);
        one.end = one.end.plus(shift);
        one.undone = one.undone.map(|at| at.plus(shift));
        one.entities = one.entities.iter().map(entity).collect();
        one.title = texts.apply(&one.title);
        one.version = texts.apply(&one.version);
        one.files = one.files.iter().map(|path| texts.path(path)).collect();
        one.diff = one.diff.as_ref().map(|diff| texts.diff(diff));
    }
    for state in out.snapshots.iter_mut().flatten() {
        state.entity = entity(&state.entity);
        state.time = state.time.plus(shift);
        texts.document(&mut state.document, shift, 0);
    }
    for event in out.events.iter_mut().flatten() {
        event.entity = entity(&event.entity);
        event.first = event.first.plus(shift);
        event.last = event.last.plus(shift);
        event.message = texts.apply(&event.message);
    }
    for runbook in &mut out.runbooks {
        runbook.title = texts.apply(&runbook.title);
        runbook.text = texts.apply(&runbook.text);
    }
    for lesson in &mut out.lessons {
        lesson.at = lesson.at.plus(shift);
        lesson.title = texts.apply(&lesson.title);
        for cause in &mut lesson.causes {
            cause.entity = entity(&cause.entity);
        }
        lesson.templates = lesson.templates.iter().map(|t| texts.apply(t)).collect();
        for text in &mut lesson.put_right {
            *text = texts.apply(text);
        }
        for advice in &mut lesson.advice {
            advice.text = texts.apply(&advice.text);
        }
        let milestones = &mut lesson.milestones;
        milestones.detected = milestones.detected.plus(shift);
        for at in [
            &mut milestones.began,
            &mut milestones.investigated,
            &mut milestones.approved,
            &mut milestones.recovered,
        ] {
            *at = at.map(|at| at.plus(shift));
        }
    }
    if let Some(answer) = &mut out.answer {
        answer.entities = answer.entities.iter().map(entity).collect();
        answer.changes = answer.changes.iter().map(change).collect();
        answer.notes.clear();
    }
    if let Some(seed) = seed {
        shuffle(&mut out, seed);
    }
    out.normalise();
    out
}

/// Another order of every list; what has a promised order gets it back from `normalise`.
fn shuffle(case: &mut Case, seed: u64) {
    let mut random = SplitMix::new(seed ^ 0x7368_7566_666c_6521);
    random.shuffle(&mut case.alarms);
    random.shuffle(&mut case.topology.entities);
    random.shuffle(&mut case.topology.edges);
    random.shuffle(&mut case.manifest.gaps);
    if let Some(all) = &mut case.series {
        random.shuffle(all);
    }
    if let Some(all) = &mut case.logs {
        random.shuffle(all);
    }
    if let Some(all) = &mut case.spans {
        random.shuffle(all);
    }
    if let Some(all) = &mut case.changes {
        all.iter_mut()
            .for_each(|change| random.shuffle(&mut change.files));
        random.shuffle(all);
    }
    if let Some(all) = &mut case.snapshots {
        random.shuffle(all);
    }
    if let Some(all) = &mut case.events {
        random.shuffle(all);
    }
}

/// Another id of the same length; the same for the same id.
fn other_id(id: &str, seed: u64) -> String {
    // FNV-1a, then SplitMix: two ids of one case must not become one.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hex_of(&mut SplitMix::new(hash), id.len().max(16))
}

/// Replaces names where they are mentioned.
struct Texts<'a> {
    find: Option<AhoCorasick>,
    replacements: Vec<&'a str>,
    /// Parts of paths that stand for a component: `payment` for `paymentservice`.
    stems: BTreeMap<String, &'a str>,
}

impl<'a> Texts<'a> {
    fn new(mapping: &'a Mapping) -> Self {
        let mut words: BTreeMap<&str, &str> = BTreeMap::new();
        let mut stems: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (old, new) in &mapping.names {
            // Two letters are no name but a coincidence.
            if old.len() >= 3 {
                words.insert(old, new);
            }
            for stem in stems_of(old) {
                stems.entry(stem).or_default().insert(new);
            }
        }
        for (old, new) in &mapping.changes {
            words.insert(old, new);
            // People write the first seven or eight digits of a commit.
            if old.len() == 40 && new.len() == 40 && old.is_ascii() {
                for digits in [7, 8, 12] {
                    words.insert(&old[..digits], &new[..digits]);
                }
            }
        }
        let patterns: Vec<&str> = words.keys().copied().collect();
        let find = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&patterns)
            .ok()
            .filter(|_| !patterns.is_empty());
        Self {
            find,
            replacements: words.values().copied().collect(),
            stems: stems
                .into_iter()
                .filter(|(_, new)| new.len() == 1)
                .filter_map(|(stem, new)| Some((stem, new.into_iter().next()?)))
                .collect(),
        }
    }

    /// The text with every whole-word mention replaced.
    fn apply(&self, text: &str) -> String {
        let Some(find) = &self.find else {
            return text.to_string();
        };
        let bytes = text.as_bytes();
        let inside = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for found in find.find_iter(text) {
            let before = found.start().checked_sub(1).and_then(|at| bytes.get(at));
            if inside(before) || inside(bytes.get(found.end())) {
                continue;
            }
            out.push_str(&text[done..found.start()]);
            out.push_str(self.replacements[found.pattern().as_usize()]);
            done = found.end();
        }
        out.push_str(&text[done..]);
        out
    }

    /// A file's path: besides mentions, folders that stand for a component.
    fn path(&self, path: &str) -> String {
        let parts: Vec<String> = path.split('/').map(|part| self.part(part)).collect();
        parts.join("/")
    }

    fn part(&self, part: &str) -> String {
        let lower = part.to_ascii_lowercase();
        match self.stems.get(&lower) {
            Some(new) => (*new).to_string(),
            None => self.apply(part),
        }
    }

    /// A diff: paths in it as paths, the rest as text.
    fn diff(&self, diff: &str) -> String {
        let mut out = String::with_capacity(diff.len());
        for line in diff.split_inclusive('\n') {
            let head = ["@@", "+++", "---", "diff "]
                .iter()
                .any(|mark| line.starts_with(mark));
            if !head {
                out.push_str(&self.apply(line));
                continue;
            }
            for word in line.split_inclusive(char::is_whitespace) {
                if word.contains('/') {
                    out.push_str(&self.path(word));
                } else {
                    out.push_str(&self.apply(word));
                }
            }
        }
        out
    }

    /// Every text of a document; whole moments move with the case.
    fn document(&self, value: &mut Value, shift: Span, depth: usize) {
        if depth > 32 {
            return;
        }
        match value {
            Value::String(text) => {
                *text = match text.parse::<Timestamp>() {
                    Ok(at) => at.plus(shift).to_string(),
                    Err(_) => self.apply(text),
                };
            }
            Value::Array(items) => {
                items
                    .iter_mut()
                    .for_each(|item| self.document(item, shift, depth + 1));
            }
            Value::Object(fields) => {
                fields
                    .values_mut()
                    .for_each(|field| self.document(field, shift, depth + 1));
            }
            _ => {}
        }
    }
}

/// What a folder of a component's code is called: its name, or its name without the word for what it
/// is.
fn stems_of(name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let mut stems = vec![lower.clone()];
    for ending in ["-service", "_service", "service", "-svc", "svc", "-api"] {
        if let Some(stem) = lower.strip_suffix(ending)
            && stem.len() >= 3
        {
            stems.push(stem.to_string());
            break;
        }
    }
    stems
}
