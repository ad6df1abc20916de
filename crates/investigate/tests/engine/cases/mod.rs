//! Small invented incidents, and the words to tell them in.
//!
//! A [`Story`] runs for three hours, 09:00 to 12:00, in minutes. Readings come once a minute with noise
//! from a seeded generator; the last hour is the window. [`stories`] tells the incidents,
//! [`crossed`] those of two troubles that touch, [`exported`] those whose words mislead.

pub mod crossed;
pub mod exported;
pub mod stories;

use std::sync::Arc;

use connectors::files::Case;
use connectors::files::transform::SplitMix;
use connectors::files::{OwnedLog, OwnedSpan};
use investigate::hypotheses::{Ground, Hypothesis};
use investigate::world::World;
use model::alarm::AlarmState;
use model::recording::{Manifest, SCHEMA};
use model::report::Report;
use model::telemetry::{SeriesKey, SpanKind};
use model::time::{MINUTE, SECOND};
use model::{
    Alarm, Change, ChangeKind, Edge, EdgeKind, Entity, EntityId, EntityKind, Event, RawRef, Series,
    Severity, Span, StateSnapshot, TimeWindow, Timestamp,
};

/// The last minute of every story.
pub const END: i64 = 180;
/// The minute at which the window opens.
pub const WINDOW: i64 = 120;

/// A moment of the story, in minutes after 09:00.
pub fn minute(at: i64) -> Timestamp {
    // 2026-03-10T09:00:00Z, a Tuesday.
    Timestamp::from_seconds(1_773_133_200).plus(Span::minutes(at))
}

/// An incident in the making.
pub struct Story {
    case: Case,
    random: SplitMix,
    row: u64,
}

impl Story {
    /// A case in which everything is collected and nothing has happened yet.
    pub fn new(id: &str, title: &str) -> Self {
        let window = TimeWindow::new(minute(WINDOW), minute(END)).expect("the window runs forward");
        let mut case = Case::new(Manifest {
            schema: SCHEMA.to_string(),
            id: id.to_string(),
            title: title.to_string(),
            now: minute(END),
            window,
            baselines: Vec::new(),
            gaps: Vec::new(),
            sources: Vec::new(),
            origin: String::new(),
            licence: String::new(),
        });
        case.series = Some(Vec::new());
        case.logs = Some(Vec::new());
        case.spans = Some(Vec::new());
        case.changes = Some(Vec::new());
        case.snapshots = Some(Vec::new());
        case.events = Some(Vec::new());
        let seed = id
            .bytes()
            .fold(7_u64, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte));
        Self {
            case,
            random: SplitMix::new(seed),
            row: 0,
        }
    }

    /// The finished case.
    pub fn told(mut self) -> Case {
        self.case.normalise();
        self.case
    }

    fn next_row(&mut self) -> RawRef {
        self.row += 1;
        RawRef {
            file: "story".into(),
            line: self.row,
        }
    }

    /// There are things of this kind.
    pub fn with(mut self, kind: EntityKind, names: &[&str]) -> Self {
        for name in names {
            self.case.topology.entities.push(Entity {
                id: EntityId::from(*name),
                kind,
                name: (*name).to_string(),
                labels: Default::default(),
            });
        }
        self
    }

    /// `from` sends requests to each of these.
    pub fn calls(self, from: &str, to: &[&str]) -> Self {
        to.iter()
            .fold(self, |story, to| story.leans(from, to, EdgeKind::Calls))
    }

    /// `from` leans on `to` in this way.
    pub fn leans(mut self, from: &str, to: &str, kind: EdgeKind) -> Self {
        self.case.topology.edges.push(Edge {
            from: from.into(),
            to: to.into(),
            kind,
            confidence: 1.0,
            calls_per_request: None,
            seen_in: "declared".to_string(),
        });
        self
    }

    /// A metric follows this course, with noise of two parts in a hundred.
    pub fn reads(
        mut self,
        entity: &str,
        metric: &str,
        unit: &str,
        course: impl Fn(i64) -> f64,
    ) -> Self {
        let mut series = Series {
            key: SeriesKey {
                entity: entity.into(),
                metric: metric.to_string(),
                unit: unit.to_string(),
                ..SeriesKey::default()
            },
            ..Series::default()
        };
        for at in 0..END {
            let level = course(at);
            series.times.push(minute(at).0);
            series
                .values
                .push((level * (1.0 + 0.02 * self.random.normal())).max(0.0));
        }
        self.case
            .series
            .get_or_insert_default()
            .push(Arc::new(series));
        self
    }

    /// A service that serves as ever: a hundred requests a second, in this many milliseconds.
    pub fn serves_well(self, name: &str, ms: f64) -> Self {
        self.serves(name, move |_| ms, |_| 0.1)
    }

    /// A service with these courses of milliseconds and of failed requests in percent.
    pub fn serves(self, name: &str, ms: impl Fn(i64) -> f64, failed: impl Fn(i64) -> f64) -> Self {
        self.reads(name, "request_latency_ms", "ms", ms)
            .reads(name, "error_rate_percent", "%", failed)
            .reads(name, "requests_per_second", "1/s", |_| 100.0)
            .reads(name, "cpu_usage_percent", "%", |_| 35.0)
    }

    /// Lines of one wording, `each` a minute from `from` to `to`; `#` becomes a running number.
    pub fn writes(
        mut self,
        entity: &str,
        severity: Severity,
        text: &str,
        (from, to): (i64, i64),
        each: i64,
    ) -> Self {
        for at in from..to {
            for nth in 0..each {
                let raw = self.next_row();
                let number = 1000 + self.random.below(9000);
                let time = minute(at).plus(Span(nth * MINUTE / each + 7 * SECOND / 2));
                self.case.logs.get_or_insert_default().push(OwnedLog {
                    time,
                    entity: entity.into(),
                    severity: Some(severity),
                    body: text.replace('#', &number.to_string()).into(),
                    attributes: Vec::new(),
                    trace_id: "".into(),
                    span_id: "".into(),
                    file: raw.file,
                    line: raw.line,
                });
            }
        }
        self
    }

    /// Ordinary lines from beginning to end.
    pub fn chatters(self, entity: &str) -> Self {
        self.writes(
            entity,
            Severity::Info,
            "served request # in time",
            (0, END),
            3,
        )
    }

    /// Four requests a minute go down this way of (who, own milliseconds). From minute `fails.0` on,
    /// each fails at the last of them with the words `fails.1`.
    pub fn traced(mut self, way: &[(&str, f64)], fails: Option<(i64, &str)>) -> Self {
        for at in 0..END {
            for nth in 0..4 {
                let trace = format!("{:032x}", self.random.next_u64());
                let failing = fails.filter(|(from, _)| at >= *from);
                let begin = minute(at).plus(Span(nth * 15 * SECOND + SECOND));
                let total: f64 = way.iter().map(|(_, own)| own).sum();
                let (mut inside, mut parent) = (0.0, String::new());
                for (depth, (who, own)) in way.iter().enumerate() {
                    let raw = self.next_row();
                    let jitter = 1.0 + 0.05 * self.random.normal();
                    let ms = |x: f64| Span((x * 1e6) as i64);
                    let id = format!("{:016x}", self.random.next_u64());
                    let last = depth + 1 == way.len();
                    self.case.spans.get_or_insert_default().push(OwnedSpan {
                        trace_id: trace.as_str().into(),
                        span_id: id.as_str().into(),
                        parent_id: parent.as_str().into(),
                        entity: (*who).into(),
                        name: format!("handle {who}").into(),
                        kind: SpanKind::Server,
                        start: begin.plus(ms(inside)),
                        end: begin.plus(ms(inside + (total - 2.0 * inside).max(0.5) * jitter)),
                        error: failing.is_some(),
                        message: failing
                            .filter(|_| last)
                            .map_or("", |(_, words)| words)
                            .into(),
                        peer: "".into(),
                        attributes: Vec::new(),
                        file: raw.file,
                        line: raw.line,
                    });
                    parent = id;
                    inside += own / 2.0;
                }
            }
        }
        self
    }

    /// An alarm fires about a metric that went over its line.
    pub fn alarm(mut self, entity: &str, metric: &str, at: i64, line: f64, seen: f64) -> Self {
        let raw = self.next_row();
        self.case.alarms.push(Alarm {
            id: format!("alarm-{}", raw.line),
            source: "monitor".to_string(),
            rule: format!("{entity} {metric}"),
            entity: entity.into(),
            metric: Some(metric.to_string()),
            statistic: None,
            threshold: Some(line),
            observed: Some(seen),
            fired_at: minute(at),
            true_at: None,
            severity: Some(Severity::Error),
            state: AlarmState::Firing,
            summary: String::new(),
            labels: Default::default(),
            raw,
        });
        self
    }

    /// The newest alarm has said itself that it is over.
    pub fn which_resolved(mut self) -> Self {
        if let Some(alarm) = self.case.alarms.last_mut() {
            alarm.state = AlarmState::Resolved;
        }
        self
    }

    /// A platform says something about an entity, once.
    pub fn notice(
        mut self,
        source: &str,
        entity: &str,
        at: i64,
        reason: &str,
        message: &str,
    ) -> Self {
        let raw = self.next_row();
        self.case.events.get_or_insert_default().push(Event {
            entity: entity.into(),
            first: minute(at),
            last: minute(at),
            source: source.to_string(),
            reason: reason.to_string(),
            message: message.to_string(),
            severity: Some(Severity::Error),
            count: 1,
            raw,
        });
        self
    }

    /// What an entity looks like at the end.
    pub fn looks(mut self, entity: &str, kind: &str, document: serde_json::Value) -> Self {
        let raw = self.next_row();
        self.case
            .snapshots
            .get_or_insert_default()
            .push(StateSnapshot {
                entity: entity.into(),
                time: minute(END - 1),
                kind: kind.to_string(),
                document,
                raw,
            });
        self
    }

    /// Something is altered.
    pub fn change(
        mut self,
        kind: ChangeKind,
        id: &str,
        entity: &str,
        at: i64,
        title: &str,
        diff: &str,
    ) -> Self {
        let raw = self.next_row();
        let files = diff
            .lines()
            .filter_map(|line| line.strip_prefix("@@ "))
            .map(str::to_string)
            .collect();
        self.case.changes.get_or_insert_default().push(Change {
            id: id.to_string(),
            kind,
            start: minute(at),
            end: minute(at),
            entities: vec![entity.into()],
            actor: "someone".to_string(),
            title: title.to_string(),
            files,
            diff: (!diff.is_empty()).then(|| diff.to_string()),
            version: String::new(),
            carries: Vec::new(),
            undone: None,
            raw,
        });
        self
    }

    /// A commit, and the deploy that brings it out ten minutes later.
    pub fn deploy(self, commit: &str, entity: &str, at: i64, title: &str, diff: &str) -> Self {
        let id = format!("deploy-{commit}");
        let mut story = self
            .change(ChangeKind::Commit, commit, entity, at - 10, title, diff)
            .change(
                ChangeKind::Deploy,
                &id,
                entity,
                at,
                &format!("deploy {entity}"),
                "",
            );
        for change in story.case.changes.iter_mut().flatten() {
            if change.id == id {
                change.carries = vec![commit.to_string()];
                change.version = format!("v-{commit}");
            }
        }
        story
    }
}

/// `well` until this minute, `ill` from it on.
pub fn from(onset: i64, well: f64, ill: f64) -> impl Fn(i64) -> f64 {
    move |at| if at < onset { well } else { ill }
}

/// The report on a case, with the usual budget.
pub fn report_on(case: &Case) -> Report {
    investigate::investigate(case, investigate::DEFAULT_BUDGET, &mut |_| {})
}

/// A report as it is written.
pub fn written(report: &Report) -> String {
    serde_json::to_string(report).expect("a report can always be written")
}

/// The leading hypotheses with their scores, for people who wonder about a failed test.
pub fn leaders(case: &Case) -> String {
    investigate::consider(
        case,
        investigate::DEFAULT_BUDGET,
        &mut |_| {},
        |world, ground, all, _| why(world, ground, all),
    )
}

fn why(world: &World<'_>, ground: &Ground<'_>, all: &[Hypothesis]) -> String {
    let mut text = String::new();
    for fact in world.facts.series.iter().filter(|fact| fact.bad > 3.5) {
        text += &format!(
            "SERIES {} {:?} z {:.1} active {} recovered {:?}\n",
            fact.series.key, fact.role, fact.z, fact.active, fact.recovered
        );
    }
    for symptom in ground.symptoms {
        text += &format!(
            "SEEN {} {} active {} size {:.1}\n",
            world.scene.name(symptom.unit),
            symptom.aspect,
            symptom.active,
            symptom.size
        );
    }
    for own in ground.anomalies {
        text += &format!(
            "OWN {} {} strength {:.1} explained by {:?}\n",
            world.scene.name(own.unit),
            own.kind(),
            own.strength,
            own.explained_by.map(|unit| world.scene.name(unit))
        );
    }
    for fact in &world.facts.changes {
        text += &format!(
            "CHANGE {} on {:?} acts {} {:?} {:?}\n",
            fact.change.id,
            fact.units,
            fact.acts_from.clock(),
            fact.reading.harmless,
            fact.reading.produces
        );
    }
    for hypothesis in all.iter().take(14) {
        let change = hypothesis
            .change
            .map(|c| world.facts.changes[c as usize].change.id.as_str());
        text += &format!(
            "HYP {} {} {change:?} {:?} aside {:?} {:?}\n",
            world.scene.name(hypothesis.unit),
            hypothesis.mechanism().id,
            hypothesis.score,
            hypothesis.aside.as_ref().map(|aside| aside.reason),
            hypothesis.groups
        );
    }
    text
}
