//! How the ill did when they were well, and how their calls can be counted at all: so that a plan promises what
//! can be seen to come true.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use model::entity::EntityId;
use model::ports::{Eyes, MetricSource, TraceSource};
use model::query::Answer;
use model::report::Report;
use model::telemetry::SpanKind;
use model::time::{TimeWindow, Timestamp};

use crate::verify;

/// Beyond its usual 95th percentile an entity may answer so many times more slowly and be well: percentiles of few
/// calls vary, and what was started afresh is cold.
const SLOWER: f64 = 1.5;
/// And by so many milliseconds, which matter where answers take next to no time.
const SLACK_MS: f64 = 20.0;
/// Fewer calls than this are no habit.
const HABIT: usize = 20;

/// What was learned from the telemetry that the report rests on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usual {
    /// The response time in milliseconds up to which an entity is well, from its own spans before it fell ill.
    pub latency_ms: BTreeMap<EntityId, f64>,
    /// Entities whose calls can be counted, from spans or counters.
    pub countable: BTreeSet<EntityId>,
    /// Metrics, as (entity, metric, statistic), that are one series: their own line is a measure.
    pub single: BTreeSet<(EntityId, String, String)>,
}

impl Usual {
    /// Looks at whom the report calls ill, or a cause.
    pub fn learn(eyes: &dyn Eyes, report: &Report) -> Self {
        let mut usual = Self::default();
        let ill: BTreeSet<&EntityId> = report
            .symptoms
            .iter()
            .map(|symptom| &symptom.entity)
            .chain(report.causes.iter().map(|cause| &cause.entity))
            .collect();
        let manifest = eyes.manifest();
        let first = manifest
            .baselines
            .iter()
            .map(|baseline| baseline.window.from())
            .fold(manifest.window.from(), Timestamp::min);
        let onset = |entity: &EntityId| {
            report
                .symptoms
                .iter()
                .filter(|symptom| symptom.entity == *entity)
                .map(|symptom| symptom.onset.lo)
                .chain(report.header.started.map(|onset| onset.lo))
                .min()
        };
        let onsets: BTreeMap<&EntityId, Option<Timestamp>> =
            ill.iter().map(|entity| (*entity, onset(entity))).collect();
        let mut durations: BTreeMap<&EntityId, Vec<f64>> = BTreeMap::new();
        let Some(window) = TimeWindow::new(first, manifest.now) else {
            return usual;
        };
        // What could not be looked at taught nothing, which is what an empty answer teaches too.
        let _ = TraceSource::scan(eyes, window, &mut |span| {
            if let Some((entity, onset)) = onsets.get_key_value(span.entity)
                && matches!(span.kind, SpanKind::Server | SpanKind::Consumer)
            {
                usual.countable.insert((*entity).clone());
                if onset.is_some_and(|onset| span.end < onset) && !span.error {
                    let ms = span.end.since(span.start).0.max(0) as f64 / 1e6;
                    durations.entry(*entity).or_default().push(ms);
                }
            }
            ControlFlow::Continue(())
        });
        for (entity, mut durations) in durations {
            if durations.len() >= HABIT
                && let Some(p95) = verify::percentile_95(&mut durations)
            {
                let at_most = (p95 * SLOWER).max(p95 + SLACK_MS);
                usual.latency_ms.insert(entity.clone(), at_most);
            }
        }
        if let Answer::Found(all) = MetricSource::series(eyes) {
            let mut times: BTreeMap<(&EntityId, &str, &str), u32> = BTreeMap::new();
            for series in all.iter().filter(|series| ill.contains(&series.key.entity)) {
                let key = &series.key;
                *times
                    .entry((&key.entity, &key.metric, &key.statistic))
                    .or_default() += 1;
            }
            for ((entity, metric, statistic), times) in times {
                if times == 1 {
                    let (metric, statistic) = (metric.to_string(), statistic.to_string());
                    usual.single.insert((entity.clone(), metric, statistic));
                }
            }
        }
        for entity in ill {
            if verify::counters(eyes, window, entity) {
                usual.countable.insert(entity.clone());
            }
        }
        usual
    }
}
