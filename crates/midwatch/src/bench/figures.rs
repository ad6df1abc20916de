//! Figures per case, per system, and over systems.

use std::collections::BTreeMap;

use analysis::ranking::{ac_at, avg_at_5, brier, ece};
use model::report::{Report, Status};
use serde::{Deserialize, Serialize};

use super::judge::Judged;

/// What a set's cases came to. The JSON of `midwatch bench --format json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchResult {
    /// Which set.
    pub suite: String,
    /// Figures per application, suite or difficulty.
    pub systems: BTreeMap<String, Measures>,
    /// The mean of the systems' figures; counts are sums.
    #[serde(rename = "macro")]
    pub overall: Measures,
    /// Every case, sorted by id.
    pub cases: Vec<CaseResult>,
}

/// The figures of a number of cases.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// How many.
    pub cases: usize,
    /// Share with the truth first (RootCauseBench: passed; OpenSRE: exact category).
    pub ac1: f64,
    /// Share with the truth among the first three.
    pub ac3: f64,
    /// Share with the truth among the first five.
    pub ac5: f64,
    /// Mean of AC@1 to AC@5.
    pub avg5: f64,
    /// Share in which exactly the true causes were named.
    pub exact_set: f64,
    /// Cases in which somebody was convicted though nobody (or no change) was guilty, or wrongly "confirmed".
    pub false_convictions: usize,
    /// Cases in which a decoy was named.
    pub decoy_hits: usize,
    /// Cases in which the report says that it does not know.
    pub abstentions: usize,
    /// Expected calibration error of the first cause's confidence, over reports that name one.
    pub ece: f64,
    /// Brier score of the same.
    pub brier: f64,
    /// Share of claims that follow from the recording.
    pub soundness: f64,
    /// Median milliseconds per answer, reading not counted.
    pub ms_p50: f64,
    /// 95th percentile of the same.
    pub ms_p95: f64,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// Which.
    pub id: String,
    /// Its system.
    pub system: String,
    /// How the report ended.
    pub status: Status,
    /// What it says, in the set's words.
    pub answer: String,
    /// What is true.
    pub truth: String,
    /// The first cause's mechanism; empty if none.
    pub mechanism: String,
    /// Expected rank of the truth; `None` when it is not ranked.
    pub rank: Option<f64>,
    /// Is the first answer right?
    pub right: bool,
    /// Are exactly the true causes named?
    pub exact_set: bool,
    /// See [`Measures::false_convictions`].
    pub false_conviction: bool,
    /// Was a decoy named?
    pub decoy_hit: bool,
    /// Does the report say that it does not know?
    pub abstained: bool,
    /// The first cause's confidence; `None` without a cause.
    pub confidence: Option<f64>,
    /// Share of claims that follow from the recording.
    pub soundness: f64,
    /// Questions asked of sources.
    pub reads: u32,
    /// Milliseconds for the answer, without reading; the median of three where it is not compared with another answer.
    pub ms: f64,
    /// Milliseconds with reading, altering and checking.
    pub total_ms: f64,
    /// Further figures of the set's protocol.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, f64>,
}

impl CaseResult {
    /// From what was judged; times and soundness are for the caller to set.
    pub fn new(id: &str, system: &str, judged: &Judged, report: &Report) -> Self {
        let first = report.causes.first();
        Self {
            id: id.to_string(),
            system: system.to_string(),
            status: report.header.status,
            answer: judged.answer.clone(),
            truth: judged.truth.clone(),
            mechanism: first.map_or_else(String::new, |cause| cause.mechanism.0.clone()),
            rank: judged.rank,
            right: judged.right,
            exact_set: judged.exact_set,
            false_conviction: judged.false_conviction,
            decoy_hit: judged.decoy_hit,
            abstained: judged.abstained,
            confidence: first.map(|cause| cause.confidence),
            soundness: 1.0,
            reads: report.cost.reads,
            ms: 0.0,
            total_ms: 0.0,
            notes: judged.notes.clone(),
        }
    }
}

/// Sums cases up, per system and over systems.
pub fn sum_up(suite: &str, cases: Vec<CaseResult>) -> BenchResult {
    let mut by_system: BTreeMap<String, Vec<&CaseResult>> = BTreeMap::new();
    for case in &cases {
        by_system.entry(case.system.clone()).or_default().push(case);
    }
    let systems: BTreeMap<String, Measures> = by_system
        .into_iter()
        .map(|(name, cases)| (name, measure(&cases)))
        .collect();
    let all: Vec<&Measures> = systems.values().collect();
    let mean = |of: &dyn Fn(&Measures) -> f64| {
        rounded(all.iter().map(|one| of(one)).sum::<f64>() / all.len().max(1) as f64)
    };
    let times: Vec<f64> = cases.iter().map(|case| case.ms).collect();
    let overall = Measures {
        cases: cases.len(),
        ac1: mean(&|one| one.ac1),
        ac3: mean(&|one| one.ac3),
        ac5: mean(&|one| one.ac5),
        avg5: mean(&|one| one.avg5),
        exact_set: mean(&|one| one.exact_set),
        false_convictions: all.iter().map(|one| one.false_convictions).sum(),
        decoy_hits: all.iter().map(|one| one.decoy_hits).sum(),
        abstentions: all.iter().map(|one| one.abstentions).sum(),
        ece: mean(&|one| one.ece),
        brier: mean(&|one| one.brier),
        soundness: mean(&|one| one.soundness),
        ms_p50: percentile(&times, 0.50),
        ms_p95: percentile(&times, 0.95),
    };
    BenchResult {
        suite: suite.to_string(),
        systems,
        overall,
        cases,
    }
}

fn measure(cases: &[&CaseResult]) -> Measures {
    let ranks: Vec<Option<f64>> = cases.iter().map(|case| case.rank).collect();
    let count = |is: &dyn Fn(&CaseResult) -> bool| cases.iter().filter(|case| is(case)).count();
    let share =
        |is: &dyn Fn(&CaseResult) -> bool| rounded(count(is) as f64 / cases.len().max(1) as f64);
    let pairs: Vec<(f64, bool)> = cases
        .iter()
        .filter_map(|case| Some((case.confidence?, case.right)))
        .collect();
    let times: Vec<f64> = cases.iter().map(|case| case.ms).collect();
    let sound: f64 = cases.iter().map(|case| case.soundness).sum();
    Measures {
        cases: cases.len(),
        ac1: rounded(ac_at(&ranks, 1)),
        ac3: rounded(ac_at(&ranks, 3)),
        ac5: rounded(ac_at(&ranks, 5)),
        avg5: rounded(avg_at_5(&ranks)),
        exact_set: share(&|case| case.exact_set),
        false_convictions: count(&|case| case.false_conviction),
        decoy_hits: count(&|case| case.decoy_hit),
        abstentions: count(&|case| case.abstained),
        ece: rounded(ece(&pairs)),
        brier: rounded(brier(&pairs)),
        soundness: rounded(sound / cases.len().max(1) as f64),
        ms_p50: percentile(&times, 0.50),
        ms_p95: percentile(&times, 0.95),
    }
}

/// The smallest value that at least this share of the values does not exceed (nearest rank).
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(at.saturating_sub(1))
        .copied()
        .map_or(0.0, rounded)
}

/// Four digits after the point: more would be noise.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
