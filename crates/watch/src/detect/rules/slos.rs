//! Objectives and how fast their budgets burn: what can be wrong with one.

use model::Severity;
use model::time::SECOND;

use super::super::datapoints::{CALLS, DURATION, ERRORS, Selector, Statistic};
use super::super::declared::{BurnRule, SloRule};
use super::super::length::Length;
use super::{Read, Slo};

/// The pairs of the SRE workbook (chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"), for a budget of 30 days:
/// 2 % of it gone in an hour, 5 % in six, 10 % in three days.
fn workbook() -> Vec<BurnRule> {
    let pair = |long: i64, short: i64, rate, severity| BurnRule {
        long: Length::seconds(long),
        short: Length::seconds(short),
        rate,
        severity: Some(severity),
    };
    vec![
        pair(3600, 300, 14.4, Severity::Error),
        pair(21_600, 1800, 6.0, Severity::Error),
        pair(259_200, 21_600, 1.0, Severity::Warn),
    ]
}

pub(super) fn slo(rule: SloRule) -> Result<Slo, String> {
    if !(rule.objective > 0.0 && rule.objective < 1.0) {
        return Err(format!(
            "objective is a share between 0 and 1 such as 0.999, not {}",
            rule.objective
        ));
    }
    if rule
        .slower_than_ms
        .is_some_and(|ms| !ms.is_finite() || ms < 0.0)
    {
        return Err("slower_than_ms is a number of milliseconds".to_string());
    }
    let read = |id: &str, metric: &str, statistic| Read {
        id: id.to_string(),
        selector: Selector::new(metric, &rule.entity),
        statistic,
    };
    let (bad, total) = match (rule.slower_than_ms, &rule.bad, &rule.total) {
        (None, None, None) => (
            read("bad", ERRORS, Statistic::Sum),
            read("total", CALLS, Statistic::Sum),
        ),
        (Some(ms), None, None) => {
            let above = Statistic::Count {
                above: Some(ms),
                up_to: None,
            };
            (
                read("bad", DURATION, above),
                read("total", DURATION, Statistic::SampleCount),
            )
        }
        (None, Some(bad), Some(total)) => (
            read("bad", bad, Statistic::Sum),
            read("total", total, Statistic::Sum),
        ),
        _ => {
            return Err(
                "what is bad is said by slower_than_ms, or by bad and total together, or by neither (failed calls)"
                    .to_string(),
            );
        }
    };
    let burn = if rule.burn.is_empty() {
        workbook()
    } else {
        rule.burn.clone()
    };
    for pair in &burn {
        if pair.short >= pair.long {
            return Err(format!(
                "burn: the short window {} is not shorter than the long one {}",
                pair.short, pair.long
            ));
        }
        let most = 1.0 / (1.0 - rule.objective);
        if !pair.rate.is_finite() || pair.rate <= 0.0 || pair.rate > most {
            return Err(format!(
                "burn: rate {} can never be reached; when every call is bad, it is {most:.1}",
                pair.rate
            ));
        }
    }
    let tick = rule.every.map_or(10 * SECOND, |every| every.0.0);
    let least_events = f64::from(rule.least_events.unwrap_or(10));
    Ok(Slo {
        rule,
        bad,
        total,
        burn,
        least_events,
        tick,
    })
}
