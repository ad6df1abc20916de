//! What people read of a bench.

use std::fmt::Write;

use super::figures::{BenchResult, CaseResult, Measures};

/// One line of a case: what was answered, where the truth stood, how sure, how long, how many reads.
pub fn line(case: &CaseResult) -> String {
    let mark = if case.right { "ok  " } else { "MISS" };
    let rank = case
        .rank
        .map_or_else(|| "-".to_string(), |rank| format!("{rank}"));
    let sure = case
        .confidence
        .map_or_else(|| "   -".to_string(), |sure| format!("{sure:.2}"));
    let mut text = format!(
        "{mark} {:<44} rank {rank:>5}  sure {sure}  {:>8.1} ms  {:>3} reads  {}",
        case.id, case.ms, case.reads, case.answer
    );
    if !case.mechanism.is_empty() {
        let _ = write!(text, " [{}]", case.mechanism);
    }
    if !case.right {
        let _ = write!(text, "  (truth: {})", case.truth);
    }
    for (name, value) in &case.notes {
        if *value != 0.0 {
            let _ = write!(text, "  {name}={value:.2}");
        }
    }
    if case.soundness < 1.0 {
        let _ = write!(text, "  UNSOUND {:.3}", case.soundness);
    }
    text
}

/// The figures of every system and over all.
pub fn table(result: &BenchResult) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<16} {:>5} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>8} {:>8}",
        result.suite,
        "cases",
        "ac1",
        "ac3",
        "ac5",
        "avg5",
        "exact",
        "false",
        "decoy",
        "unsure",
        "ece",
        "brier",
        "sound",
        "ms p50",
        "ms p95"
    );
    let rows = result
        .systems
        .iter()
        .map(|(name, measures)| (name.as_str(), measures));
    for (name, measures) in rows.chain([("macro", &result.overall)]) {
        text.push_str(&row(name, measures));
    }
    text
}

fn row(name: &str, one: &Measures) -> String {
    format!(
        "{name:<16} {:>5} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>6} {:>6} {:>6} {:>6.3} {:>6.3} {:>6.3} {:>8.2} {:>8.2}\n",
        one.cases,
        one.ac1,
        one.ac3,
        one.ac5,
        one.avg5,
        one.exact_set,
        one.false_convictions,
        one.decoy_hits,
        one.abstentions,
        one.ece,
        one.brier,
        one.soundness,
        one.ms_p50,
        one.ms_p95
    )
}
