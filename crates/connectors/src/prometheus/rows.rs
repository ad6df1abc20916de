//! From series as the source keeps them to series as the engine reads them.
//!
//! Gauges keep their values. What accumulates becomes what came in since the point before: counters as `increase`,
//! histograms as `count`, `sum`, `mean`, `p50`, `p90`, `p99`; a count that shrinks was begun anew. That is how pushed
//! telemetry is read, so the same service looks the same either way. A counter that appears while its target was being
//! scraped stood at zero before: the first error of its kind is an error, not a beginning.

use std::collections::{BTreeMap, BTreeSet};

use model::source::Asked;
use model::time::Span;
use model::{EntityId, Series, SeriesKey, SourceKind};

use super::plan::{self, family};
use super::read::{Labels, Matrix};
use super::told;
use crate::files::otlp::quantile::{explicit, quantile};
use crate::pull::{Brought, Met, Naming, matchers};

/// Quantiles that histograms are read at, as those of pushed telemetry.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];

/// Labels that hold the status of an HTTP answer.
const STATUS: [&str; 8] = [
    "code",
    "status",
    "status_code",
    "http_status",
    "http_code",
    "http_status_code",
    "http_response_status_code",
    "response_code",
];

/// Points of one statistic.
type Points = (Vec<i64>, Vec<f64>);

/// How a statistic is asked for, given the selector of what it is made of.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The series itself.
    Plain,
    /// What came in since the point before.
    Increase,
    /// The same of a part of a family.
    Part(&'static str),
    /// Sum by count.
    Mean,
    /// A quantile of a histogram.
    Quantile(f64),
    /// A quantile that the target itself computes.
    Given(&'static str),
    /// Answers with a status of 5xx, of all series.
    Failures(&'static str),
    /// 1 where it is another value than at the point before, 0 where it is not.
    Changed,
    /// What came in since the point before, whatever the status that this label holds.
    Total(&'static str),
}

/// What was asked for one (entity, metric, statistic): the labels that all its series share.
struct Question {
    way: Way,
    /// The name of the family.
    base: String,
    labels: Labels,
}

/// Collects series and the questions that bring them.
struct Out<'b> {
    series: BTreeMap<SeriesKey, Series>,
    questions: BTreeMap<(EntityId, String, String), Question>,
    brought: &'b mut Brought,
    step: Span,
}

/// The parts of one histogram or summary.
#[derive(Default)]
struct Heap {
    /// Cumulative, by upper edge.
    buckets: Vec<(f64, Matrix)>,
    quantiles: Vec<(String, Matrix)>,
    count: Option<Matrix>,
    sum: Option<Matrix>,
}

/// Answers of one metric of one entity that failed.
struct Failed {
    /// The label that holds the status.
    status: &'static str,
    way: Way,
    /// How many, by time; of every point at which any answer was counted.
    points: BTreeMap<i64, f64>,
    /// Is there a series of failures at all?
    any: bool,
}

type Failures = BTreeMap<(EntityId, String), Failed>;

/// Requests of one metric of one entity whatever was answered: by labels without the status, which label that is, and how
/// many, by time.
type Totals = BTreeMap<(EntityId, String, Labels), (&'static str, BTreeMap<i64, f64>)>;

/// The label that holds the status of an HTTP answer, and the status.
fn status_of(labels: &Labels) -> Option<(&'static str, &str)> {
    let (label, status) = STATUS
        .iter()
        .find_map(|name| Some((*name, labels.get(*name)?.as_str())))?;
    let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    is_status.then_some((label, status))
}

/// Metrics that say when something started: what they tell is that it started anew.
const STARTED: [&str; 2] = ["start_time_seconds", "boot_time_seconds"];

/// Does the metric say when one thing started? The oldest or newest of a group is another one whenever one of them goes.
fn says_start(name: &str) -> bool {
    let of_a_group = ["oldest", "newest"].iter().any(|word| name.contains(word));
    !of_a_group && STARTED.iter().any(|ending| name.ends_with(ending))
}

/// Puts the series into what is brought, and gives those that say who was up.
pub(super) fn fill(
    matrices: Vec<Matrix>,
    kinds: &BTreeMap<String, String>,
    naming: &Naming,
    step: Span,
    met: &mut Met,
    brought: &mut Brought,
) -> Vec<Matrix> {
    let infos = told::infos(matrices.iter().map(|matrix| &matrix.labels));
    told::edges(
        matrices.iter().map(|matrix| &matrix.labels),
        &infos,
        naming,
        met,
    );
    let ups: Vec<Matrix> = matrices
        .iter()
        .filter(|matrix| name_of(matrix) == "up")
        .cloned()
        .collect();
    let alive: BTreeMap<(&str, &str), &Matrix> =
        ups.iter().map(|up| (target(&up.labels), up)).collect();
    let bucketed: BTreeSet<String> = matrices
        .iter()
        .filter_map(|matrix| Some(name_of(matrix).strip_suffix("_bucket")?.to_string()))
        .collect();
    let mut out = Out {
        series: BTreeMap::new(),
        questions: BTreeMap::new(),
        brought,
        step,
    };
    let mut heaps: BTreeMap<(String, Labels), Heap> = BTreeMap::new();
    let (mut failures, mut totals) = (Failures::new(), Totals::new());
    for mut matrix in matrices {
        let Some(name) = matrix.labels.remove("__name__") else {
            continue;
        };
        if name == "target_info" {
            // It only tells who is who.
            told::whose(&matrix.labels, &infos, naming, met);
            continue;
        }
        let (base, mut part, mut kind) = family(&name, kinds);
        let mut base = base.to_string();
        for (suffix, which) in [("_count", "count"), ("_sum", "sum")] {
            if part.is_none()
                && let Some(found) = name.strip_suffix(suffix)
                && bucketed.contains(found)
            {
                (base, part, kind) = (found.to_string(), Some(which), "histogram");
            }
        }
        if part.is_some() && matches!(kind, "histogram" | "summary") {
            let edge = matrix.labels.remove("le");
            let share = matrix.labels.remove("quantile");
            let heap = heaps.entry((base, matrix.labels.clone())).or_default();
            match (part, edge, share) {
                (Some("bucket"), Some(edge), _) => {
                    // `+Inf` is read as infinity.
                    if let Ok(edge) = edge.parse::<f64>() {
                        heap.buckets.push((edge, matrix));
                    }
                }
                (Some("quantile"), _, Some(share)) => heap.quantiles.push((share, matrix)),
                (Some("count"), ..) => heap.count = Some(matrix),
                (Some("sum"), ..) => heap.sum = Some(matrix),
                _ => {}
            }
            continue;
        }
        let (id, _) = told::whose(&matrix.labels, &infos, naming, met);
        if kind == "counter" {
            let points = increases(&matrix, alive.get(&target(&matrix.labels)).copied());
            note_failures(
                &mut failures,
                &id,
                &name,
                Way::Increase,
                &matrix.labels,
                &points,
            );
            // A series of one status is no measure of how much is asked: all of them together are.
            match status_of(&matrix.labels) {
                Some((label, status)) => {
                    let mut rest = matrix.labels.clone();
                    rest.remove(label);
                    let total = totals.entry((id.clone(), name.clone(), rest));
                    let (_, total) = total.or_insert_with(|| (label, BTreeMap::new()));
                    for (at, value) in risen(&matrix) {
                        *total.entry(at).or_insert(0.0) += value;
                    }
                    if status.starts_with('4') {
                        out.refused(&id, &name, status, &matrix.labels, points);
                    }
                }
                None => {
                    let way = Way::Increase;
                    out.add(&id, &name, "increase", way, &matrix.labels, points);
                }
            }
        } else if says_start(&name) {
            let points = changes(&matrix);
            out.add(&id, &name, "restarts", Way::Changed, &matrix.labels, points);
        } else {
            let points = (matrix.times, matrix.values);
            out.add(&id, &name, "", Way::Plain, &matrix.labels, points);
        }
    }
    for ((id, name, labels), (status, points)) in totals {
        let points = points.into_iter().unzip();
        out.add(&id, &name, "increase", Way::Total(status), &labels, points);
    }
    for ((base, labels), heap) in heaps {
        let (id, _) = told::whose(&labels, &infos, naming, met);
        let up = alive.get(&target(&labels)).copied();
        let count = heap.count.as_ref().map(|count| increases(count, up));
        if let Some(count) = &count {
            note_failures(
                &mut failures,
                &id,
                &base,
                Way::Part("_count"),
                &labels,
                count,
            );
        }
        out.heap(&id, &base, &labels, &heap, count);
    }
    for ((id, base), failed) in failures {
        if !failed.any {
            continue;
        }
        let points = failed.points.into_iter().unzip();
        let name = match failed.way {
            Way::Part(part) => format!("{base}{part}"),
            _ => base.clone(),
        };
        out.failures(&id, &format!("{base}:5xx"), failed.status, &name, points);
    }
    out.finish();
    ups
}

fn name_of(matrix: &Matrix) -> &str {
    matrix.labels.get("__name__").map_or("", String::as_str)
}

/// The target that a series was scraped from.
fn target(labels: &Labels) -> (&str, &str) {
    let get = |name: &str| labels.get(name).map_or("", String::as_str);
    (get("job"), get("instance"))
}

/// What came in between one point and the next. `up` says when the target was scraped.
fn increases(matrix: &Matrix, up: Option<&Matrix>) -> Points {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let (Some(first), Some(value)) = (matrix.times.first(), matrix.values.first()) else {
        return (times, values);
    };
    // Scrapes of the target before the counter was there: it stood at zero.
    let before: Vec<i64> = up
        .into_iter()
        .flat_map(|up| up.times.iter().zip(&up.values))
        .filter(|(at, up)| *at < first && **up > 0.0)
        .map(|(at, _)| *at)
        .collect();
    if before.len() > 1 {
        for at in before.iter().skip(1) {
            times.push(*at);
            values.push(0.0);
        }
        times.push(*first);
        values.push(value.max(0.0));
    }
    for (i, pair) in matrix.values.windows(2).enumerate() {
        let (old, new) = (pair[0], pair[1]);
        times.push(matrix.times[i + 1]);
        values.push(if new >= old { new - old } else { new.max(0.0) });
    }
    (times, values)
}

/// What came in between one point and the next, where a counter did not begin anew.
fn risen(matrix: &Matrix) -> impl Iterator<Item = (i64, f64)> + '_ {
    let pairs = matrix.values.windows(2).zip(matrix.times.iter().skip(1));
    pairs
        .map(|(pair, at)| (*at, pair[1] - pair[0]))
        .filter(|(_, more)| *more >= 0.0)
}

/// Where a series is another than at the point before.
fn changes(matrix: &Matrix) -> Points {
    let pairs = matrix.values.windows(2);
    let changed = pairs.map(|pair| f64::from(u8::from(pair[0] != pair[1])));
    (
        matrix.times.iter().skip(1).copied().collect(),
        changed.collect(),
    )
}

/// Adds what came in to the failures of its metric, if its labels tell of a status.
fn note_failures(
    failures: &mut Failures,
    id: &EntityId,
    base: &str,
    way: Way,
    labels: &Labels,
    points: &Points,
) {
    let Some((label, value)) = status_of(labels) else {
        return;
    };
    let failed = value.starts_with('5');
    let entry = failures
        .entry((id.clone(), base.to_string()))
        .or_insert_with(|| Failed {
            status: label,
            way,
            points: BTreeMap::new(),
            any: false,
        });
    entry.any |= failed;
    for (at, value) in points.0.iter().zip(&points.1) {
        let sum = entry.points.entry(*at).or_insert(0.0);
        if failed {
            *sum += value;
        }
    }
}

impl Out<'_> {
    fn add(
        &mut self,
        id: &EntityId,
        base: &str,
        statistic: &str,
        way: Way,
        labels: &Labels,
        points: Points,
    ) {
        if points.0.is_empty() {
            return;
        }
        let key = SeriesKey {
            entity: id.clone(),
            metric: base.to_string(),
            statistic: statistic.to_string(),
            unit: unit(base, statistic).to_string(),
            labels: labels.clone(),
        };
        let asked = (id.clone(), base.to_string(), statistic.to_string());
        self.questions
            .entry(asked)
            .and_modify(|known| {
                known
                    .labels
                    .retain(|name, value| labels.get(name) == Some(value));
            })
            .or_insert_with(|| Question {
                way,
                base: base.to_string(),
                labels: labels.clone(),
            });
        let (times, values) = points;
        self.series
            .entry(key.clone())
            .or_insert(Series { key, times, values });
    }

    /// Answers of one status, 400 to 499.
    fn refused(
        &mut self,
        id: &EntityId,
        name: &str,
        status: &str,
        labels: &Labels,
        points: Points,
    ) {
        let metric = format!("{name}:{status}");
        self.add(id, &metric, "increase", Way::Increase, labels, points);
        let asked = (id.clone(), metric, "increase".to_string());
        if let Some(question) = self.questions.get_mut(&asked) {
            question.base = name.to_string();
        }
    }

    fn failures(
        &mut self,
        id: &EntityId,
        metric: &str,
        status: &'static str,
        name: &str,
        points: Points,
    ) {
        // The labels that all series of the metric share; the status is none of them.
        let whole = self
            .questions
            .iter()
            .find(|((entity, known, _), question)| {
                entity == id && (known == name || format!("{}_count", question.base) == name)
            })
            .map(|(_, question)| question.labels.clone())
            .unwrap_or_default();
        self.add(
            id,
            metric,
            "increase",
            Way::Failures(status),
            &Labels::new(),
            points,
        );
        let asked = (id.clone(), metric.to_string(), "increase".to_string());
        if let Some(question) = self.questions.get_mut(&asked) {
            question.base = name.to_string();
            question.labels = whole;
            question.labels.remove(status);
        }
    }

    fn heap(
        &mut self,
        id: &EntityId,
        base: &str,
        labels: &Labels,
        heap: &Heap,
        count: Option<Points>,
    ) {
        let sum = heap.sum.as_ref().map(|sum| increases(sum, None));
        if let (Some(count), Some(sum)) = (&count, &sum) {
            let sums: BTreeMap<i64, f64> =
                sum.0.iter().copied().zip(sum.1.iter().copied()).collect();
            let means = count.0.iter().zip(&count.1).filter_map(|(at, count)| {
                let sum = sums.get(at)?;
                (*count > 0.0).then(|| (*at, sum / count))
            });
            self.add(id, base, "mean", Way::Mean, labels, means.unzip());
        }
        if let Some(count) = count {
            self.add(id, base, "count", Way::Part("_count"), labels, count);
        }
        if let Some(sum) = sum {
            self.add(id, base, "sum", Way::Part("_sum"), labels, sum);
        }
        for (share, matrix) in &heap.quantiles {
            let Some((statistic, share)) = [("p50", "0.5"), ("p90", "0.9"), ("p99", "0.99")]
                .into_iter()
                .find(|(_, known)| known == share)
            else {
                continue;
            };
            let points = (matrix.times.clone(), matrix.values.clone());
            self.add(id, base, statistic, Way::Given(share), labels, points);
        }
        for (i, points) in quantiles(&heap.buckets).into_iter().enumerate() {
            let (statistic, share) = QUANTILES[i];
            self.add(id, base, statistic, Way::Quantile(share), labels, points);
        }
    }

    fn finish(self) {
        let step = step_text(self.step);
        self.brought.series = self.series.into_values().collect();
        self.brought.asked.asked = self
            .questions
            .into_iter()
            .map(|((entity, metric, statistic), question)| Asked {
                kind: SourceKind::Metrics,
                entity: Some(entity),
                metric,
                statistic,
                text: question.text(&step),
            })
            .collect();
    }
}

impl Question {
    /// In PromQL, ready to be copied.
    fn text(&self, step: &str) -> String {
        let matchers: Vec<String> = self
            .labels
            .iter()
            .map(|(name, value)| matchers::equals(name, value))
            .collect();
        let of = |suffix: &str, more: Option<String>| {
            let mut all = matchers.clone();
            all.extend(more);
            plan::selector(&format!("{}{suffix}", self.base), &all, "")
        };
        let since = |selector: String| format!("{selector} - {selector} offset {step}");
        match self.way {
            Way::Plain => of("", None),
            Way::Increase => format!("({}) >= 0", since(of("", None))),
            Way::Part(part) => format!("({}) >= 0", since(of(part, None))),
            Way::Mean => format!(
                "({}) / ({})",
                since(of("_sum", None)),
                since(of("_count", None))
            ),
            Way::Quantile(share) => format!(
                "histogram_quantile({share}, {})",
                since(of("_bucket", None))
            ),
            Way::Given(share) => of("", Some(matchers::equals("quantile", share))),
            Way::Total(status) => {
                format!("sum without ({status}) (({}) >= 0)", since(of("", None)))
            }
            Way::Changed => {
                let selector = of("", None);
                format!("{selector} != bool {selector} offset {step}")
            }
            Way::Failures(status) => {
                let fives = format!("{status}=~\"5..\"");
                format!("sum({})", since(of("", Some(fives))))
            }
        }
    }
}

/// p50, p90 and p99 of what came in between one point and the next.
fn quantiles(buckets: &[(f64, Matrix)]) -> Vec<Points> {
    let mut found: Vec<Points> = vec![Points::default(); QUANTILES.len()];
    let mut sorted: Vec<&(f64, Matrix)> =
        buckets.iter().filter(|(edge, _)| !edge.is_nan()).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some((_, all)) = sorted.last() else {
        return found;
    };
    let bounds: Vec<f64> = sorted
        .iter()
        .map(|(edge, _)| *edge)
        .filter(|edge| edge.is_finite())
        .collect();
    for pair in all.times.windows(2) {
        let (before, at) = (pair[0], pair[1]);
        let value = |matrix: &Matrix, at: i64| {
            let found = matrix.times.binary_search(&at).ok()?;
            matrix.values.get(found).copied()
        };
        let (Some(old_all), Some(new_all)) = (value(all, before), value(all, at)) else {
            continue;
        };
        let restarted = new_all < old_all;
        let cumulative: Option<Vec<f64>> = sorted
            .iter()
            .map(|(_, matrix)| {
                let new = value(matrix, at)?;
                // A bucket may be missing at the start of a process only.
                let old = value(matrix, before).unwrap_or(0.0);
                Some(if restarted { new } else { (new - old).max(0.0) })
            })
            .collect();
        let Some(cumulative) = cumulative else {
            continue;
        };
        let mut below = 0.0;
        let counts: Vec<f64> = cumulative
            .iter()
            .map(|all| {
                let own = (all - below).max(0.0);
                below = below.max(*all);
                own
            })
            .collect();
        let distribution = explicit(&bounds, &counts);
        for ((times, values), (_, share)) in found.iter_mut().zip(QUANTILES) {
            if let Some(value) = quantile(&distribution, share) {
                times.push(at);
                values.push(value);
            }
        }
    }
    found
}

/// The unit that a name says, as the naming rules of Prometheus have it.
fn unit(base: &str, statistic: &str) -> &'static str {
    if matches!(statistic, "count" | "restarts") || base.ends_with(":5xx") {
        return "1";
    }
    let name = base.strip_suffix("_total").unwrap_or(base);
    match name.rsplit('_').next() {
        Some("seconds") => "s",
        Some("milliseconds" | "ms") => "ms",
        Some("bytes") => "By",
        Some("ratio") => "1",
        Some("percent" | "percentage") => "%",
        Some("celsius") => "Cel",
        _ => "",
    }
}

/// A length as PromQL writes it.
fn step_text(step: Span) -> String {
    let ms = step.0 / 1_000_000;
    if ms % 1000 == 0 {
        format!("{}s", ms / 1000)
    } else {
        format!("{ms}ms")
    }
}
