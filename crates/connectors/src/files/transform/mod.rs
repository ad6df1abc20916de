//! Alters recorded cases for the bench: what must not matter is changed, what must matter is removed.
//!
//! Every function is a pure function of the case and a seed: the same input gives the same output.

pub mod disguise;
pub mod estate;
pub mod splice;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::alarm::AlarmState;
use model::query::{Gap, GapReason};
use model::telemetry::{RawRef, SeriesKey};
use model::time::MINUTE;
use model::{
    Alarm, Change, ChangeKind, Edge, EdgeKind, Entity, EntityId, EntityKind, Series, Severity,
    Span, Timestamp,
};

pub use disguise::{Mapping, disguise};
pub use splice::splice;

use model::case::Case;

/// SplitMix64 (Steele, Lea, Flood 2014): a small generator whose whole state is one word.
#[derive(Clone, Copy, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// From a seed; the same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 {
            return 0;
        }
        // The bias of a 64-bit product is far below anything that a bench could see.
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Roughly normal, mean 0, standard deviation 1 (the sum of twelve uniform numbers).
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Puts `items` in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// One kind of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Modality {
    /// Series.
    Metrics,
    /// Log lines.
    Logs,
    /// Spans, and the edges that only they show.
    Traces,
    /// Changes.
    Changes,
    /// Snapshots.
    State,
    /// Events.
    Events,
}

impl Modality {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Metrics,
        Self::Logs,
        Self::Traces,
        Self::Changes,
        Self::State,
        Self::Events,
    ];

    /// The word that a gap uses for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Traces => "traces",
            Self::Changes => "changes",
            Self::State => "state",
            Self::Events => "events",
        }
    }

    /// The kind that this word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// The case without one kind of telemetry, with the gap that says so.
pub fn drop_modality(case: &Case, modality: Modality) -> Case {
    let mut left = case.clone();
    let unseen = |left: &mut Case, source: &str| {
        left.topology
            .edges
            .retain(|edge| !edge.seen_in.starts_with(source));
    };
    match modality {
        Modality::Metrics => left.series = None,
        Modality::Logs => {
            left.logs = None;
            unseen(&mut left, "logs");
        }
        Modality::Traces => {
            left.spans = None;
            unseen(&mut left, "trace");
        }
        Modality::Changes => left.changes = None,
        Modality::State => left.snapshots = None,
        Modality::Events => left.events = None,
    }
    left.manifest.gaps.push(Gap {
        wanted: modality.word().to_string(),
        entity: None,
        hides: Vec::new(),
        why: GapReason::NotRecorded,
        detail: format!("{} were taken out of this case", modality.word()),
        how_to_close: String::new(),
    });
    left
}

/// Adds a deploy that carries one commit, at `at`, to `entity`: it touches a comment and a text for
/// people and can produce no failure.
pub fn inject_innocent_deploy(case: &Case, at: Timestamp, entity: &EntityId) -> Case {
    let mut more = case.clone();
    let changes = more.changes.get_or_insert_default();
    let commit = "1dd0c5a7e9b34f6880a2c4e6f8091b3d5f7a9c1e".to_string();
    let raw = || RawRef {
        file: "injected".into(),
        line: 1,
    };
    let change = |id: &str, kind, start, title: &str| Change {
        id: id.to_string(),
        kind,
        start,
        end: start,
        entities: Vec::new(),
        actor: "someone".to_string(),
        title: title.to_string(),
        files: Vec::new(),
        diff: None,
        version: String::new(),
        carries: Vec::new(),
        undone: None,
        raw: raw(),
    };
    changes.push(Change {
        files: vec!["README.md".to_string()],
        diff: Some(
            "@@ README.md\n-Run the tests before you send a patch.\n+Please run the tests before you send a patch.\n"
                .to_string(),
        ),
        ..change(
            &commit,
            ChangeKind::Commit,
            at.minus(Span::minutes(10)),
            "docs: word the contribution note more kindly",
        )
    });
    changes.push(Change {
        entities: vec![entity.clone()],
        version: "injected-1".to_string(),
        carries: vec![commit],
        ..change(
            &format!("deploy injected-1 {at}"),
            ChangeKind::Deploy,
            at,
            "deploy injected-1",
        )
    });
    more.normalise();
    more
}

/// Adds `count` healthy services that call each other and nobody else, with a flat metric each.
pub fn add_irrelevant_entities(case: &Case, count: usize, seed: u64) -> Case {
    let mut more = case.clone();
    let mut random = SplitMix::new(seed);
    let ids: Vec<EntityId> = (0..count)
        .map(|number| EntityId::new(format!("service/bystander-{number}")))
        .collect();
    for (number, id) in ids.iter().enumerate() {
        more.topology.entities.push(Entity {
            id: id.clone(),
            kind: EntityKind::Service,
            name: format!("bystander-{number}"),
            labels: BTreeMap::new(),
        });
        if number > 0 {
            more.topology.edges.push(Edge {
                from: ids[random.below(number)].clone(),
                to: id.clone(),
                kind: EdgeKind::Calls,
                confidence: 1.0,
                calls_per_request: Some(1.0),
                seen_in: "declared".to_string(),
            });
        }
        if let Some(series) = &mut more.series {
            let level = 20.0 + 100.0 * random.unit();
            series.push(Arc::new(flat(id, level, &case.manifest, &mut random)));
        }
    }
    more.normalise();
    more
}

/// Adds an alarm about a healthy bystander, a minute after the first real one.
pub fn add_noise_alarm(case: &Case, seed: u64) -> Case {
    let mut more = add_irrelevant_entities(case, 1, seed);
    let first = case
        .alarms
        .first()
        .map_or(case.manifest.now, |alarm| alarm.fired_at);
    let fired_at = first.plus(Span::minutes(1)).min(case.manifest.now);
    more.alarms.push(Alarm {
        id: "bystander".to_string(),
        source: "monitor".to_string(),
        rule: "bystander latency".to_string(),
        entity: EntityId::from("service/bystander-0"),
        metric: Some("latency_ms".to_string()),
        statistic: None,
        threshold: None,
        observed: None,
        fired_at,
        true_at: None,
        severity: Some(Severity::Warn),
        state: AlarmState::Firing,
        summary: String::new(),
        labels: BTreeMap::new(),
        raw: RawRef {
            file: "injected".into(),
            line: 1,
        },
    });
    more.normalise();
    more
}

/// A series that stays at its level from the first baseline on, a point a minute, at most 2,000.
fn flat(
    entity: &EntityId,
    level: f64,
    manifest: &model::recording::Manifest,
    random: &mut SplitMix,
) -> Series {
    let starts = manifest
        .baselines
        .iter()
        .map(|baseline| baseline.window.from());
    let from = starts
        .min()
        .unwrap_or(manifest.window.from())
        .min(manifest.window.from());
    let length = manifest.now.since(from).0.max(MINUTE);
    let step = MINUTE.max(length / 2000);
    let mut series = Series {
        key: SeriesKey {
            entity: entity.clone(),
            metric: "latency_ms".to_string(),
            unit: "ms".to_string(),
            ..SeriesKey::default()
        },
        ..Series::default()
    };
    let mut at = from.0;
    while at < manifest.now.0 {
        series.times.push(at);
        series.values.push(level * (1.0 + 0.02 * random.normal()));
        at = at.saturating_add(step);
    }
    series
}
