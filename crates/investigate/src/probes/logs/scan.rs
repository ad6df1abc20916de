//! The scan: lines become counts per template, and steps of requests.

use std::ops::ControlFlow;

use analysis::logs::{Config, Miner, TemplateId, is_error_like, severity_hint};
use model::ports::{Eyes, Scanned};
use model::query::Answer;
use model::{LogLine, RawRef, Severity};
use rustc_hash::FxHashMap;

use super::location::location;
use super::mentions::Mentions;
use crate::probes::traces::{RequestCounts, Stretch, cut};
use crate::scene::Scene;

/// Bounds of one unit's miner: many units are mined side by side.
const MINER: Config = Config {
    max_line_bytes: 4096,
    max_tokens: 256,
    max_skeletons: 4096,
    max_bytes: 4 << 20,
    max_example_bytes: 400,
};
/// Most rows that a template refers to.
const MOST_RAW: usize = 5;
/// Most steps of requests that are kept; beyond this, lines are counted only.
const MOST_STEPS: usize = 8_000_000;
/// Most lines of one template that are searched for names: they hardly ever name somebody new.
const MOST_SEARCHED: u64 = 5_000;

/// Lines of one unit that say the same from the same place.
#[derive(Clone, Debug, Default)]
pub struct Kind {
    /// Whose.
    pub unit: u32,
    /// Text with typed slots, with the place in the code in front where lines tell it.
    pub template: String,
    /// A line, of the incident if there is one.
    pub example: String,
    /// The worst that its lines say.
    pub severity: Option<Severity>,
    /// Lines before and during.
    pub lines: (u64, u64),
    /// First and last line in the incident, ns; without any, the last line before it.
    pub seen: (i64, i64),
    /// Rows of the incident, else of the time before.
    pub raw: Vec<RawRef>,
    /// Other units that it names, sorted.
    pub mentions: Vec<u32>,
}

impl Kind {
    /// Does it say that something failed?
    pub fn is_error(&self) -> bool {
        self.severity >= Some(Severity::Error)
    }
}

/// One line that belongs to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Which request.
    pub request: u32,
    /// When, ns.
    pub at: i64,
    /// Place in the order of the scan, for lines of the same moment.
    pub order: u32,
    /// Index into [`Scan::kinds`].
    pub kind: u32,
    /// It is an error line that names another unit.
    pub foreign: bool,
}

/// What the scan gathered.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Sorted by (unit, template).
    pub kinds: Vec<Kind>,
    /// Sorted by (request, time).
    pub steps: Vec<Step>,
    /// Per unit: lines that could be joined to a request, of all lines.
    pub joined: FxHashMap<u32, (u64, u64)>,
    /// When the first line before the incident was written, ns.
    pub first_before: Option<i64>,
}

struct Unit {
    miner: Miner,
    /// From the place in the code, or without one the template as first named, to a raw kind.
    kinds: FxHashMap<(u32, u32), u32>,
    places: FxHashMap<Box<str>, u32>,
    /// Reused for look-ups.
    key: String,
}

/// Stands for "any template" where the place in the code is known.
const NO_TEMPLATE: u32 = u32::MAX;
/// Bytes of the first word of the text that tell lines of one place apart: a place may be a helper
/// through which many write.
const HEAD_BYTES: usize = 24;

impl Unit {
    fn new() -> Self {
        Self {
            miner: Miner::new(MINER),
            kinds: FxHashMap::default(),
            places: FxHashMap::default(),
            key: String::new(),
        }
    }

    /// The number of a place, told apart by the first word after it; 0 when there are too many.
    fn place(&mut self, location: &str, body: &str) -> u32 {
        let end = body.find(location).map_or(0, |at| at + location.len());
        let word = body[end..].trim_start_matches(|c: char| !c.is_alphabetic());
        let head: String = word
            .chars()
            .take_while(|c| c.is_alphabetic())
            .take(HEAD_BYTES)
            .collect();
        self.key.clear();
        self.key.push_str(location);
        self.key.push(' ');
        self.key.push_str(&head);
        if let Some(&place) = self.places.get(self.key.as_str()) {
            return place;
        }
        if self.places.len() >= MINER.max_skeletons {
            return 0;
        }
        let place = self.places.len() as u32 + 1;
        self.places.insert(self.key.as_str().into(), place);
        place
    }
}

struct Raw {
    unit: u32,
    template: TemplateId,
    /// Number and text of the place in the code.
    place: Option<(u32, Box<str>)>,
    kind: Kind,
    error: bool,
    searched: u64,
}

/// Reads the near past and the incident.
pub fn ask(eyes: &dyn Eyes, scene: &Scene, requests: &RequestCounts) -> (Scan, Answer<Scanned>) {
    let mut reader = Reader {
        scene,
        requests,
        mentions: None,
        units: FxHashMap::default(),
        raw: Vec::new(),
        scan: Scan::default(),
        last: None,
    };
    let answer = model::ports::LogSource::scan(eyes, None, scene.span(), &mut |line| {
        reader.visit(line);
        ControlFlow::Continue(())
    });
    let answer = match answer {
        Answer::Found(scanned) if scanned.rows == 0 => Answer::Nothing,
        other => other,
    };
    (reader.finish(), answer)
}

struct Reader<'a> {
    scene: &'a Scene,
    requests: &'a RequestCounts,
    /// Made for the first line: a case without lines does not pay for it.
    mentions: Option<Mentions>,
    units: FxHashMap<u32, Unit>,
    raw: Vec<Raw>,
    scan: Scan,
    /// The last writer and its unit: lines of one writer often come together.
    last: Option<(model::EntityId, Option<u32>)>,
}

impl Reader<'_> {
    fn visit(&mut self, line: &LogLine<'_>) {
        let unit = match &self.last {
            Some((id, unit)) if id == line.entity => *unit,
            _ => {
                let unit = self.scene.unit(line.entity);
                self.last = Some((line.entity.clone(), unit));
                unit
            }
        };
        let Some(unit) = unit else { return };
        let stretch = Stretch::of(self.scene, line.time.0);
        if stretch == Stretch::Outside {
            return;
        }
        let number = self.kind_of(unit, line);
        let raw = &mut self.raw[number as usize];
        if let Some(severity) = line.severity {
            raw.kind.severity = raw.kind.severity.max(Some(severity));
            raw.error |= severity >= Severity::Error;
        }
        let mut foreign = false;
        if raw.searched < MOST_SEARCHED && (raw.error || raw.searched == 0) {
            raw.searched += 1;
            let mentions = self
                .mentions
                .get_or_insert_with(|| Mentions::of(self.scene));
            let named = mentions.in_text(unit, line.body);
            foreign = raw.error && !named.is_empty();
            for one in named {
                if let Err(place) = raw.kind.mentions.binary_search(&one) {
                    raw.kind.mentions.insert(place, one);
                }
            }
        } else if raw.error {
            foreign = !raw.kind.mentions.is_empty();
        }
        count(&mut raw.kind, stretch, line);
        if stretch == Stretch::Before {
            let first = self.scan.first_before.get_or_insert(line.time.0);
            *first = (*first).min(line.time.0);
        }
        let joined = self.scan.joined.entry(unit).or_default();
        joined.1 += 1;
        if let Some(request) = self.requests.find(unit, line.trace_id, line.span_id) {
            joined.0 += 1;
            if self.scan.steps.len() < MOST_STEPS {
                let order = self.scan.steps.len() as u32;
                self.scan.steps.push(Step {
                    request,
                    at: line.time.0,
                    order,
                    kind: number,
                    foreign,
                });
            }
        }
    }

    fn kind_of(&mut self, unit: u32, line: &LogLine<'_>) -> u32 {
        let table = self.units.entry(unit).or_insert_with(Unit::new);
        let template = table.miner.insert(line.body.as_bytes());
        let place = location(line.body).map_or(0, |text| table.place(text, line.body));
        // A place says more than a text, whose variable parts may look like several templates.
        let key = if place > 0 {
            (NO_TEMPLATE, place)
        } else {
            (template.0, 0)
        };
        let next = self.raw.len() as u32;
        let number = *table.kinds.entry(key).or_insert(next);
        if number == next {
            let severity = line
                .severity
                .or_else(|| severity_hint(line.body.as_bytes()));
            let told = severity >= Some(Severity::Error)
                || (line.severity.is_none() && is_error_like(line.body.as_bytes()));
            self.raw.push(Raw {
                unit,
                template,
                place: (place > 0).then(|| (place, location(line.body).unwrap_or_default().into())),
                kind: Kind {
                    unit,
                    severity: if told {
                        severity.max(Some(Severity::Error))
                    } else {
                        severity
                    },
                    ..Kind::default()
                },
                error: told,
                searched: 0,
            });
        }
        number
    }

    /// Merges what the miners found to be one template, and sorts.
    fn finish(mut self) -> Scan {
        for unit in self.units.values_mut() {
            unit.miner.merge();
        }
        let mut texts: FxHashMap<(u32, u32), String> = FxHashMap::default();
        let mut merged: Vec<Kind> = Vec::new();
        let mut known: FxHashMap<(u32, u32, u32), u32> = FxHashMap::default();
        let mut moved: Vec<u32> = Vec::with_capacity(self.raw.len());
        for raw in self.raw {
            let miner = &self.units[&raw.unit].miner;
            let template = miner.resolve(raw.template);
            let next = merged.len() as u32;
            let key = match &raw.place {
                Some((place, _)) => (raw.unit, NO_TEMPLATE, *place),
                None => (raw.unit, template.0, 0),
            };
            let at = *known.entry(key).or_insert(next);
            moved.push(at);
            if at != next {
                join(&mut merged[at as usize], raw.kind);
                continue;
            }
            let text = texts
                .entry((raw.unit, template.0))
                .or_insert_with(|| miner.template(template).map(|t| t.text).unwrap_or_default());
            let mut kind = raw.kind;
            // Numbers are slots: without the place, templates of two places would read the same.
            kind.template = match &raw.place {
                Some((_, place)) => format!("{place}: {text}"),
                None => text.clone(),
            };
            merged.push(kind);
        }
        let mut order: Vec<u32> = (0..merged.len() as u32).collect();
        order.sort_by(|a, b| {
            let (a, b) = (&merged[*a as usize], &merged[*b as usize]);
            (a.unit, &a.template, &a.example).cmp(&(b.unit, &b.template, &b.example))
        });
        let mut rank = vec![0_u32; merged.len()];
        for (place, kind) in order.iter().enumerate() {
            rank[*kind as usize] = place as u32;
        }
        let mut slots: Vec<Option<Kind>> = merged.into_iter().map(Some).collect();
        self.scan.kinds = order
            .iter()
            .filter_map(|k| slots[*k as usize].take())
            .collect();
        for step in &mut self.scan.steps {
            step.kind = rank[moved[step.kind as usize] as usize];
        }
        self.scan.steps.sort_unstable();
        self.scan
    }
}

fn count(kind: &mut Kind, stretch: Stretch, line: &LogLine<'_>) {
    let at = line.time.0;
    match stretch {
        Stretch::During => {
            if kind.lines.1 == 0 {
                kind.raw.clear();
                kind.example = cut(line.body, MINER.max_example_bytes).to_string();
                kind.seen = (at, at);
            }
            kind.lines.1 += 1;
            kind.seen = (kind.seen.0.min(at), kind.seen.1.max(at));
        }
        Stretch::Before => {
            if kind.lines == (0, 0) {
                kind.example = cut(line.body, MINER.max_example_bytes).to_string();
                kind.seen = (at, at);
            }
            kind.lines.0 += 1;
            if kind.lines.1 > 0 {
                return;
            }
            kind.seen = (kind.seen.1.max(at), kind.seen.1.max(at));
        }
        Stretch::Outside => return,
    }
    if kind.raw.len() < MOST_RAW {
        kind.raw.push(line.raw());
    }
}

/// Puts two kinds together that turned out to be one.
fn join(into: &mut Kind, other: Kind) {
    let (a, b) = (into.lines.1 > 0, other.lines.1 > 0);
    match (a, b) {
        (true, true) => {
            into.seen = (into.seen.0.min(other.seen.0), into.seen.1.max(other.seen.1));
            into.raw.extend(other.raw);
        }
        (false, true) => {
            into.seen = other.seen;
            into.raw = other.raw;
            into.example = other.example;
        }
        (false, false) => {
            let last = into.seen.1.max(other.seen.1);
            into.seen = (last, last);
            into.raw.extend(other.raw);
        }
        (true, false) => {}
    }
    into.raw.sort();
    into.raw.truncate(MOST_RAW);
    into.lines = (into.lines.0 + other.lines.0, into.lines.1 + other.lines.1);
    into.severity = into.severity.max(other.severity);
    into.mentions.extend(other.mentions);
    into.mentions.sort_unstable();
    into.mentions.dedup();
}
