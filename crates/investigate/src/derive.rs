//! Evidence from facts: the query that shows it again, the statistic, and the digest of what was read.
//!
//! The same function serves the report and its verification: `verify` builds the world anew from the
//! recording and derives each observation a second time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use analysis::precedents::Near;
use model::evidence::Value;
use model::{Evidence, EvidenceId, Polarity, Query, SourceKind, Statistic, TimeWindow, Timestamp};

use crate::facts::Interval;
use crate::kinds::FactRef;
use crate::role::Bad;
use crate::scene::SceneEdge;
use crate::words::{self, number};
use crate::world::World;

/// What an observation is about: a fact of the survey, an alarm, or a question that was answered by silence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A fact.
    Fact(FactRef),
    /// An alarm, by index.
    Alarm(usize),
    /// What leans on what around a unit.
    Around(u32),
    /// A kind of source was asked about a unit and had nothing to say.
    Silence(SourceKind, u32),
    /// How a unit's series are, taken together: all within their bands.
    Calm(u32),
    /// An earlier incident that is alike, by its place among those that were recalled.
    Lesson(u32),
}

/// The observations of one report, in the order in which they were first cited.
pub struct Ledger<'w, 'e> {
    world: &'w World<'e>,
    recalled: &'w [Near],
    entries: Vec<Evidence>,
    by_subject: BTreeMap<Subject, usize>,
    log_digests: BTreeMap<u32, String>,
    span_digests: BTreeMap<u32, String>,
}

impl<'w, 'e> Ledger<'w, 'e> {
    /// An empty ledger over a world. The rows of logs and spans are read once more for the units
    /// that `cited` names, so that evidence carries the digest of all that was read about them.
    pub fn new(world: &'w World<'e>, cited: &[u32], recalled: &'w [Near]) -> Self {
        let (log_digests, span_digests) = row_digests(world, cited);
        Self {
            world,
            recalled,
            entries: Vec::new(),
            by_subject: BTreeMap::new(),
            log_digests,
            span_digests,
        }
    }

    /// The id of the observation about `subject`; derived when cited for the first time.
    pub fn cite(&mut self, subject: Subject, polarity: Polarity, weight: f64) -> EvidenceId {
        if let Some(&at) = self.by_subject.get(&subject) {
            return self.entries[at].id;
        }
        let id = EvidenceId(self.entries.len() as u32 + 1);
        let evidence = self.derive(&subject, id, polarity, words::six(weight));
        self.entries.push(evidence);
        self.by_subject.insert(subject, self.entries.len() - 1);
        id
    }

    /// The same for a list of facts.
    pub fn cite_facts(&mut self, facts: &[FactRef], polarity: Polarity) -> Vec<EvidenceId> {
        facts
            .iter()
            .map(|at| self.cite(Subject::Fact(*at), polarity, 0.0))
            .collect()
    }

    /// What an observation says, for use in sentences.
    pub fn says(&self, id: EvidenceId) -> &str {
        self.entries.get(id.0 as usize - 1).map_or("", |e| &e.says)
    }

    /// All observations, in order.
    pub fn finish(self) -> Vec<Evidence> {
        self.entries
    }

    fn derive(
        &self,
        subject: &Subject,
        id: EvidenceId,
        polarity: Polarity,
        weight: f64,
    ) -> Evidence {
        let mut evidence = match subject {
            Subject::Fact(FactRef::Series(i)) => self.series(*i),
            Subject::Fact(FactRef::Log(i)) => self.log(*i),
            Subject::Fact(FactRef::Edge(i)) => self.edge(*i),
            Subject::Fact(FactRef::Work(i)) => self.work(*i),
            Subject::Fact(FactRef::Event(i)) => self.event(*i),
            Subject::Fact(FactRef::State(i)) => self.state(*i),
            Subject::Fact(FactRef::Change(i)) => self.change(*i),
            Subject::Alarm(i) => self.alarm(*i),
            Subject::Around(unit) => self.around(*unit),
            Subject::Silence(kind, unit) => self.silence(*kind, *unit),
            Subject::Calm(unit) => self.calm(*unit),
            Subject::Lesson(i) => self.lesson(*i),
        };
        (evidence.id, evidence.polarity, evidence.weight) = (id, polarity, weight);
        evidence
    }

    fn series(&self, index: u32) -> Evidence {
        let fact = &self.world.facts.series[index as usize];
        let scene = &self.world.scene;
        let key = &fact.series.key;
        let window = scene.span();
        let mut hasher = blake3::Hasher::new();
        let range = fact.series.range(Timestamp(i64::MIN), scene.now);
        for i in range.clone() {
            hasher
                .update(&fact.series.times[i].to_le_bytes())
                .update(&fact.series.values[i].to_bits().to_le_bytes());
        }
        let mut values = numbers([
            ("normal", fact.normal),
            ("scale", fact.scale),
            ("level", fact.level),
            ("worst", fact.worst),
            ("z", fact.z),
            ("points", range.len() as f64),
        ]);
        onset_values(&mut values, fact.onset);
        values.insert("active".to_string(), Value::Flag(fact.active));
        let unit = words::unit(&key.unit);
        let name = words::metric(key);
        let says = if fact.bad > crate::probes::series::BAND
            || (fact.role.bad() == Bad::Either && fact.z.abs() > crate::probes::series::BAND)
        {
            let verb = match (fact.z > 0.0, fact.ramp) {
                (true, false) => "rose",
                (true, true) => "climbed",
                (false, false) => "fell",
                (false, true) => "sank",
            };
            let since = fact
                .onset
                .map_or(String::new(), |o| format!(" {}", words::interval(o)));
            let now = if fact.active {
                ", and is still there"
            } else if fact.recovered.is_none() {
                ", at its last reading"
            } else {
                ", and has come back since"
            };
            format!(
                "{name} {verb} from {}{unit} to {}{unit}{since}{now}",
                number(fact.normal),
                number(fact.level)
            )
        } else {
            format!(
                "{name} stayed at {}{unit} (usually {}{unit})",
                number(fact.level),
                number(fact.normal)
            )
        };
        Evidence {
            source: SourceKind::Metrics,
            entity: Some(key.entity.clone()),
            query: Query::Metric {
                entity: key.entity.clone(),
                metric: key.metric.clone(),
                statistic: key.statistic.clone(),
                window,
            },
            window: Some(window),
            statistic: Statistic {
                name: "shift".to_string(),
                arguments: self.comparison(),
                values,
            },
            says,
            digest: hasher.finalize().to_hex().to_string(),
            ..blank()
        }
    }

    fn comparison(&self) -> BTreeMap<String, String> {
        let scene = &self.world.scene;
        let mut arguments = BTreeMap::new();
        arguments.insert("incident".to_string(), scene.window.to_string());
        arguments.insert("before".to_string(), scene.near.to_string());
        if let Some(history) = scene.history.first() {
            arguments.insert("history".to_string(), history.to_string());
        }
        arguments
    }

    fn log(&self, index: u32) -> Evidence {
        let fact = &self.world.facts.logs[index as usize];
        let scene = &self.world.scene;
        let mut values = numbers([
            ("before", fact.before as f64),
            ("during", fact.during as f64),
            ("expected", fact.expected),
            ("z", fact.z),
        ]);
        values.insert("first".to_string(), Value::Text(fact.first.to_string()));
        values.insert("last".to_string(), Value::Text(fact.last.to_string()));
        values.insert(
            "example".to_string(),
            Value::Text(words::clip(&fact.example, 400)),
        );
        let says = if fact.during == 0 {
            format!(
                "no line \u{201c}{}\u{201d} any more, where {} would be expected",
                words::clip(&fact.template, 120),
                number(fact.expected)
            )
        } else if fact.before == 0 {
            format!(
                "{} new {} \u{201c}{}\u{201d}, first at {}",
                fact.during,
                words::plural(fact.during, "line", "lines"),
                words::clip(&fact.example, 160),
                fact.first.clock()
            )
        } else {
            format!(
                "{} {} like \u{201c}{}\u{201d}, where {} would be expected",
                fact.during,
                words::plural(fact.during, "line", "lines"),
                words::clip(&fact.example, 160),
                number(fact.expected)
            )
        };
        let says = match &fact.habit {
            Some(habit) => {
                values.insert(
                    "requests".to_string(),
                    Value::Number(words::six(habit.requests as f64)),
                );
                format!(
                    "{says}; every one of {} requests for {} ended with it, which is so for {} of the {} other operations",
                    habit.requests,
                    words::clip(&habit.operation, 80),
                    habit.peers.0,
                    habit.peers.1
                )
            }
            None => says,
        };
        let entity = scene.id(fact.unit).clone();
        Evidence {
            source: SourceKind::Logs,
            entity: Some(entity.clone()),
            query: Query::Logs {
                entity: Some(entity),
                pattern: fact.template.clone(),
                window: scene.span(),
            },
            window: Some(scene.span()),
            statistic: Statistic {
                name: "template_rate".to_string(),
                arguments: self.comparison(),
                values,
            },
            says,
            raw: fact.raw.iter().take(5).cloned().collect(),
            digest: self
                .log_digests
                .get(&fact.unit)
                .cloned()
                .unwrap_or_default(),
            ..blank()
        }
    }

    fn edge(&self, index: u32) -> Evidence {
        let fact = &self.world.facts.edges[index as usize];
        let scene = &self.world.scene;
        let values = numbers([
            ("calls_before", fact.calls.0 as f64),
            ("calls_during", fact.calls.1 as f64),
            ("errors_before", fact.errors.0 as f64),
            ("errors_during", fact.errors.1 as f64),
            ("calls_per_request_before", fact.calls_per_request.0),
            ("calls_per_request_during", fact.calls_per_request.1),
            ("gap_ms_before", fact.gap_ms.0),
            ("gap_ms_during", fact.gap_ms.1),
            ("gap_z", fact.gap_z),
        ]);
        let (caller, callee) = (scene.name(fact.caller), scene.name(fact.callee));
        let says = if fact.errors.1 > fact.errors.0 {
            format!(
                "{} of {} calls from {caller} to {callee} failed ({} of {} before)",
                fact.errors.1, fact.calls.1, fact.errors.0, fact.calls.0
            )
        } else if fact.gap_z > 3.0 {
            format!(
                "between {caller} and {callee} {} ms are spent on the way, where it was {} ms",
                number(fact.gap_ms.1),
                number(fact.gap_ms.0)
            )
        } else if fact.calls_per_request.1 > 1.5 * fact.calls_per_request.0 {
            format!(
                "{caller} calls {callee} {} times per request, where it was {}",
                number(fact.calls_per_request.1),
                number(fact.calls_per_request.0)
            )
        } else {
            format!(
                "calls from {caller} to {callee}: {} in the incident, {} before",
                fact.calls.1, fact.calls.0
            )
        };
        let entity = scene.id(fact.callee).clone();
        Evidence {
            source: SourceKind::Traces,
            entity: Some(entity.clone()),
            query: Query::Traces {
                entity,
                caller: Some(scene.id(fact.caller).clone()),
                operation: String::new(),
                window: scene.span(),
            },
            window: Some(scene.span()),
            statistic: Statistic {
                name: "edge".to_string(),
                arguments: self.comparison(),
                values,
            },
            says,
            raw: fact.raw.iter().take(5).cloned().collect(),
            digest: self
                .span_digests
                .get(&fact.callee)
                .cloned()
                .unwrap_or_default(),
            ..blank()
        }
    }

    fn work(&self, index: u32) -> Evidence {
        let fact = &self.world.facts.work[index as usize];
        let scene = &self.world.scene;
        let mut values = numbers([
            ("requests_before", fact.requests.0 as f64),
            ("requests_during", fact.requests.1 as f64),
            ("own_ms_before", fact.own_ms.0),
            ("own_ms_during", fact.own_ms.1),
            ("own_z", fact.own_z),
            ("origin_errors_before", fact.origin_errors.0 as f64),
            ("origin_errors_during", fact.origin_errors.1 as f64),
        ]);
        if let Some(quiet) = &fact.quiet {
            values.extend(numbers([
                ("quiet_requests_before", quiet.requests.0 as f64),
                ("quiet_requests_during", quiet.requests.1 as f64),
            ]));
        }
        let name = scene.name(fact.unit);
        let says = if fact.origin_errors.1 > fact.origin_errors.0 {
            let message = fact.messages.first().map_or(String::new(), |m| {
                format!(": \u{201c}{}\u{201d}", words::clip(m, 160))
            });
            format!(
                "{} of {} requests began to fail at {name} itself ({} of {} before){message}",
                fact.origin_errors.1, fact.requests.1, fact.origin_errors.0, fact.requests.0
            )
        } else if let Some(quiet) = fact.quiet.as_ref().filter(|_| fact.own_z < 3.0) {
            format!(
                "none of {} requests for {} left a line in the log of {name} ({} of them before), where all its other operations do; so it is for {} of the {} other operations",
                quiet.requests.0 + quiet.requests.1,
                words::clip(&quiet.operation, 80),
                quiet.requests.0,
                quiet.peers.0,
                quiet.peers.1
            )
        } else {
            format!(
                "{name} spends {} ms of its own on {}, where it was {} ms",
                number(fact.own_ms.1),
                words::clip(&fact.operation, 80),
                number(fact.own_ms.0)
            )
        };
        let entity = scene.id(fact.unit).clone();
        Evidence {
            source: SourceKind::Traces,
            entity: Some(entity.clone()),
            query: Query::Traces {
                entity,
                caller: None,
                operation: fact.operation.clone(),
                window: scene.span(),
            },
            window: Some(scene.span()),
            statistic: Statistic {
                name: "own_work".to_string(),
                arguments: self.comparison(),
                values,
            },
            says,
            raw: fact.raw.iter().take(5).cloned().collect(),
            digest: self
                .span_digests
                .get(&fact.unit)
                .cloned()
                .unwrap_or_default(),
            ..blank()
        }
    }

    fn event(&self, index: u32) -> Evidence {
        let (unit, event) = &self.world.facts.events[index as usize];
        let scene = &self.world.scene;
        let mut values = numbers([("count", event.count as f64)]);
        for (name, text) in [
            ("first", event.first.to_string()),
            ("last", event.last.to_string()),
            ("reason", event.reason.clone()),
            ("message", words::clip(&event.message, 400)),
        ] {
            values.insert(name.to_string(), Value::Text(text));
        }
        let often = if event.count > 1 {
            format!(", {} times until {}", event.count, event.last.clock())
        } else {
            String::new()
        };
        let reason = if event.reason.is_empty() {
            String::new()
        } else {
            format!("{}: ", event.reason)
        };
        Evidence {
            source: SourceKind::Events,
            entity: Some(event.entity.clone()),
            query: Query::Events {
                entity: Some(event.entity.clone()),
                pattern: regex::escape(&event.message),
                window: scene.span(),
            },
            window: Some(scene.span()),
            statistic: Statistic {
                name: "event".to_string(),
                arguments: BTreeMap::new(),
                values,
            },
            says: format!(
                "{} about {} at {}{often}: \u{201c}{reason}{}\u{201d}",
                event.source,
                scene.name(*unit),
                event.first.clock(),
                words::clip(&event.message, 200)
            ),
            raw: vec![event.raw.clone()],
            digest: digest_json(event),
            ..blank()
        }
    }

    fn state(&self, index: u32) -> Evidence {
        let (unit, snapshot) = &self.world.facts.states[index as usize];
        let judged = self
            .world
            .facts
            .state_facts
            .iter()
            .find(|f| f.index == index);
        let mut values = BTreeMap::new();
        let (path, why) = judged.map_or((String::new(), String::new()), |f| {
            (f.path.clone(), f.why.clone())
        });
        values.insert("why".to_string(), Value::Text(words::clip(&why, 300)));
        if let Some(fact) = judged {
            values.insert(
                "health".to_string(),
                Value::Text(format!("{:?}", fact.health).to_lowercase()),
            );
            for (i, saying) in fact.sayings.iter().take(8).enumerate() {
                values.insert(
                    format!("says_{}", i + 1),
                    Value::Text(words::clip(&saying.text, 300)),
                );
            }
        }
        let sayings = judged.map_or(String::new(), |f| {
            let texts: Vec<String> = f
                .sayings
                .iter()
                .take(3)
                .map(|s| words::clip(&s.text, 160))
                .collect();
            texts.join("; ")
        });
        let what = match (why.is_empty(), sayings.is_empty()) {
            (false, false) if why != sayings => format!("{why} ({sayings})"),
            (false, _) => why,
            (true, false) => sayings,
            (true, true) => format!("a {} document", snapshot.kind),
        };
        Evidence {
            source: SourceKind::State,
            entity: Some(snapshot.entity.clone()),
            query: Query::State {
                entity: snapshot.entity.clone(),
                kind: snapshot.kind.clone(),
                path,
            },
            statistic: Statistic {
                name: "state".to_string(),
                arguments: BTreeMap::new(),
                values,
            },
            says: format!(
                "{} as of {}: {what}",
                self.world.scene.name(*unit),
                snapshot.time.clock()
            ),
            raw: vec![snapshot.raw.clone()],
            digest: digest_json(snapshot),
            ..blank()
        }
    }

    fn change(&self, index: u32) -> Evidence {
        let fact = &self.world.facts.changes[index as usize];
        let change = &fact.change;
        let mut values = numbers([
            ("relevance", fact.relevance),
            ("files", change.files.len() as f64),
        ]);
        values.insert(
            "acts_from".to_string(),
            Value::Text(fact.acts_from.to_string()),
        );
        values.insert(
            "title".to_string(),
            Value::Text(words::clip(&change.title, 200)),
        );
        for (i, effect) in fact.reading.effects.iter().enumerate() {
            values.insert(
                format!("effect_{}", i + 1),
                Value::Text(words::clip(effect, 300)),
            );
        }
        if let Some(harmless) = &fact.reading.harmless {
            values.insert(
                "harmless".to_string(),
                Value::Text(words::clip(harmless, 200)),
            );
        }
        let effect = fact
            .reading
            .effects
            .first()
            .map_or(String::new(), |e| format!(": {}", words::clip(e, 200)));
        let by = if change.actor.is_empty() {
            String::new()
        } else {
            format!(" by {}", change.actor)
        };
        let via = fact.deployed_by.as_ref().map_or(String::new(), |_| {
            format!(", live from {}", fact.acts_from.clock())
        });
        Evidence {
            source: SourceKind::Changes,
            entity: fact.units.first().map(|u| self.world.scene.id(*u).clone()),
            query: Query::Change {
                id: change.id.clone(),
            },
            statistic: Statistic {
                name: "reading".to_string(),
                arguments: BTreeMap::new(),
                values,
            },
            says: format!(
                "{}{by} at {}{via}{effect}",
                words::change_name(change),
                change.start.clock()
            ),
            raw: vec![change.raw.clone()],
            digest: digest_json(change),
            ..blank()
        }
    }

    fn alarm(&self, index: usize) -> Evidence {
        let alarm = &self.world.eyes.alarms()[index];
        let mut values = BTreeMap::new();
        values.insert(
            "rule".to_string(),
            Value::Text(words::clip(&alarm.rule, 200)),
        );
        for (name, value) in [("threshold", alarm.threshold), ("observed", alarm.observed)] {
            if let Some(value) = value {
                values.insert(name.to_string(), Value::Number(words::six(value)));
            }
        }
        let crossed = match (&alarm.metric, alarm.observed, alarm.threshold) {
            (Some(metric), Some(seen), Some(line)) => {
                format!(": {metric} at {} (line {})", number(seen), number(line))
            }
            (Some(metric), ..) => format!(": {metric}"),
            _ => String::new(),
        };
        let name = self.world.scene.number(&alarm.entity).map_or_else(
            || alarm.entity.to_string(),
            |n| self.world.scene.name(n).to_string(),
        );
        Evidence {
            source: SourceKind::Alarm,
            entity: Some(alarm.entity.clone()),
            query: Query::Alarm {
                id: alarm.id.clone(),
            },
            statistic: Statistic {
                name: "alarm".to_string(),
                arguments: BTreeMap::new(),
                values,
            },
            says: format!(
                "alarm {} on {name} at {}{crossed}",
                words::clip(&alarm.rule, 120),
                alarm.fired_at.clock()
            ),
            raw: vec![alarm.raw.clone()],
            digest: digest_json(alarm),
            ..blank()
        }
    }

    fn around(&self, unit: u32) -> Evidence {
        let scene = &self.world.scene;
        let drawn = |(_, edge): &(u32, &SceneEdge)| edge.told_by.is_none();
        let below = scene.below(unit).filter(drawn);
        let below: Vec<&str> = below.map(|(u, _)| scene.name(u)).collect();
        let above = scene.above(unit).filter(drawn);
        let above: Vec<&str> = above.map(|(u, _)| scene.name(u)).collect();
        let values = numbers([
            ("leans_on", below.len() as f64),
            ("carries", above.len() as f64),
        ]);
        let mut hasher = blake3::Hasher::new();
        for edge in scene
            .below(unit)
            .chain(scene.above(unit))
            .filter(drawn)
            .map(|(_, e)| e)
        {
            hasher.update(
                format!(
                    "{} {} {:?} {}\n",
                    scene.id(edge.from),
                    scene.id(edge.to),
                    edge.kind,
                    edge.confidence
                )
                .as_bytes(),
            );
        }
        Evidence {
            source: SourceKind::Topology,
            entity: Some(scene.id(unit).clone()),
            query: Query::Topology {
                entity: scene.id(unit).clone(),
            },
            statistic: Statistic {
                name: "neighbours".to_string(),
                arguments: BTreeMap::new(),
                values,
            },
            says: format!(
                "{} leans on {} and carries {}",
                scene.name(unit),
                words::list(&below, 4, "nothing known"),
                words::list(&above, 4, "nothing known")
            ),
            digest: hasher.finalize().to_hex().to_string(),
            ..blank()
        }
    }

    fn silence(&self, kind: SourceKind, unit: u32) -> Evidence {
        let scene = &self.world.scene;
        let word = kind.word();
        let entity = scene.id(unit).clone();
        let query = match kind {
            SourceKind::Logs => Query::Logs {
                entity: Some(entity.clone()),
                pattern: String::new(),
                window: scene.window,
            },
            SourceKind::Traces => Query::Traces {
                entity: entity.clone(),
                caller: None,
                operation: String::new(),
                window: scene.window,
            },
            SourceKind::Changes => Query::Changes {
                window: scene.span(),
            },
            SourceKind::State => Query::State {
                entity: entity.clone(),
                kind: "*".to_string(),
                path: String::new(),
            },
            SourceKind::Metrics => Query::Metric {
                entity: entity.clone(),
                metric: "*".to_string(),
                statistic: String::new(),
                window: scene.window,
            },
            SourceKind::Events | SourceKind::Topology | SourceKind::Alarm | SourceKind::Lessons => {
                Query::Events {
                    entity: Some(entity.clone()),
                    pattern: String::new(),
                    window: scene.window,
                }
            }
        };
        Evidence {
            source: kind,
            entity: Some(entity),
            query,
            window: Some(scene.window),
            statistic: Statistic {
                name: "rows".to_string(),
                arguments: BTreeMap::new(),
                values: numbers([("rows", 0.0)]),
            },
            says: format!(
                "{word} were asked about {} and show nothing out of order",
                scene.name(unit)
            ),
            digest: blake3::hash(b"").to_hex().to_string(),
            ..blank()
        }
    }

    fn lesson(&self, index: u32) -> Evidence {
        let recalled = self.recalled.get(index as usize);
        let known = recalled.and_then(|near| self.world.lessons.get(near.lesson).zip(Some(near)));
        let Some((lesson, near)) = known else {
            return blank();
        };
        Evidence {
            source: SourceKind::Lessons,
            query: Query::Lesson {
                incident: lesson.incident.clone(),
            },
            statistic: Statistic {
                name: "likeness".to_string(),
                arguments: BTreeMap::from([
                    ("learned".to_string(), lesson.at.to_string()),
                    ("now".to_string(), self.world.scene.now.to_string()),
                ]),
                values: numbers([
                    ("templates", near.likeness.templates),
                    ("mechanism", near.likeness.mechanism),
                    ("place", near.likeness.place),
                    ("shapes", near.likeness.shapes),
                    ("changes", near.likeness.changes),
                    ("alike", near.likeness.total()),
                    ("days", near.days),
                    ("similarity", near.similarity),
                ]),
            },
            says: format!(
                "the lesson of {}: {}",
                lesson.incident,
                crate::compose::was(&self.world.scene, lesson)
            ),
            digest: digest_json(lesson),
            ..blank()
        }
    }

    fn calm(&self, unit: u32) -> Evidence {
        let scene = &self.world.scene;
        let mut hasher = blake3::Hasher::new();
        let mut count = 0_u32;
        let mut largest = 0.0_f64;
        for fact in self.world.facts.series.iter().filter(|f| f.unit == unit) {
            count += 1;
            largest = largest.max(fact.bad);
            hasher.update(fact.series.key.to_string().as_bytes());
            for i in fact.series.range(scene.window.from(), scene.window.to()) {
                hasher.update(&fact.series.values[i].to_bits().to_le_bytes());
            }
        }
        Evidence {
            source: SourceKind::Metrics,
            entity: Some(scene.id(unit).clone()),
            query: Query::Metric {
                entity: scene.id(unit).clone(),
                metric: "*".to_string(),
                statistic: String::new(),
                window: scene.window,
            },
            window: Some(scene.window),
            statistic: Statistic {
                name: "calm".to_string(),
                arguments: self.comparison(),
                values: numbers([("series", f64::from(count)), ("largest_z", largest)]),
            },
            says: format!(
                "{count} series of {} stayed within their bands (largest deviation {} of {})",
                scene.name(unit),
                number(largest),
                number(crate::probes::series::BAND)
            ),
            digest: hasher.finalize().to_hex().to_string(),
            ..blank()
        }
    }
}

fn blank() -> Evidence {
    Evidence {
        id: EvidenceId(0),
        source: SourceKind::Alarm,
        entity: None,
        query: Query::Alarm { id: String::new() },
        window: None,
        statistic: Statistic::default(),
        polarity: Polarity::Neutral,
        weight: 0.0,
        quality: 1.0,
        says: String::new(),
        raw: Vec::new(),
        digest: String::new(),
    }
}

fn numbers<const N: usize>(pairs: [(&str, f64); N]) -> BTreeMap<String, Value> {
    pairs
        .into_iter()
        .filter(|(_, v)| v.is_finite())
        .map(|(name, value)| (name.to_string(), Value::Number(words::six(value))))
        .collect()
}

fn onset_values(values: &mut BTreeMap<String, Value>, onset: Option<Interval>) {
    if let Some(onset) = onset {
        values.insert("onset_lo".to_string(), Value::Text(onset.lo.to_string()));
        values.insert("onset_hi".to_string(), Value::Text(onset.hi.to_string()));
    }
}

pub(crate) fn digest_json<T: serde::Serialize>(value: &T) -> String {
    // A value of the model always serialises; an empty digest would be caught by `verify`.
    serde_json::to_vec(value)
        .map(|bytes| blake3::hash(&bytes).to_hex().to_string())
        .unwrap_or_default()
}

/// One pass over logs and one over spans: per cited unit, the digest of all rows that were read.
fn row_digests(world: &World<'_>, cited: &[u32]) -> (BTreeMap<u32, String>, BTreeMap<u32, String>) {
    let span: TimeWindow = world.scene.span();
    let wanted: BTreeMap<u32, ()> = cited.iter().map(|u| (*u, ())).collect();
    let mut logs: BTreeMap<u32, blake3::Hasher> = BTreeMap::new();
    if world
        .facts
        .logs
        .iter()
        .any(|f| wanted.contains_key(&f.unit))
    {
        let _ = model::ports::LogSource::scan(world.eyes, None, span, &mut |line| {
            if let Some(unit) = world
                .scene
                .unit(line.entity)
                .filter(|u| wanted.contains_key(u))
            {
                logs.entry(unit)
                    .or_default()
                    .update(&line.time.0.to_le_bytes())
                    .update(line.body.as_bytes())
                    .update(b"\n");
            }
            ControlFlow::Continue(())
        });
    }
    let mut spans: BTreeMap<u32, blake3::Hasher> = BTreeMap::new();
    if !world.facts.work.is_empty() || !world.facts.edges.is_empty() {
        let _ = model::ports::TraceSource::scan(world.eyes, span, &mut |row| {
            if let Some(unit) = world
                .scene
                .unit(row.entity)
                .filter(|u| wanted.contains_key(u))
            {
                spans
                    .entry(unit)
                    .or_default()
                    .update(&row.start.0.to_le_bytes())
                    .update(&row.end.0.to_le_bytes())
                    .update(&[u8::from(row.error)])
                    .update(row.name.as_bytes())
                    .update(b"\n");
            }
            ControlFlow::Continue(())
        });
    }
    let hex = |hashes: BTreeMap<u32, blake3::Hasher>| {
        hashes
            .into_iter()
            .map(|(u, h)| (u, h.finalize().to_hex().to_string()))
            .collect()
    };
    (hex(logs), hex(spans))
}
