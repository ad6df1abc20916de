//! M out of N, and what is made of missing datapoints.
//!
//! The procedure reproduces every row of the tables in CloudWatch's user guide (`Using Amazon CloudWatch
//! alarms`, "Configuring how CloudWatch alarms treat missing data", 2023): `tests/vectors/missing_data.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a missing datapoint counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Missing {
    /// Neither: with nothing in the whole evaluation range the alarm has insufficient data.
    #[default]
    Missing,
    /// The alarm keeps its state.
    Ignore,
    /// As breaching.
    Breaching,
    /// As not breaching.
    NotBreaching,
}

/// What follows from the datapoints of one evaluation range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// At least M of N breach.
    Alarm,
    /// They do not.
    Ok,
    /// There is too little to tell.
    InsufficientData,
    /// The state stays what it was.
    Keep,
}

/// How many of the newest periods are looked at for N evaluation periods: a few more than N, so that late
/// datapoints do not make an alarm turn. The exact formula is not published; this one gives 5 for 3, as the guide
/// does, and 3 for 1, as is observed.
pub fn evaluation_range(evaluation_periods: usize) -> usize {
    evaluation_periods.saturating_add((evaluation_periods / 3).max(2))
}

/// Decides over one evaluation range, oldest first: does the datapoint breach; `None` where it is missing.
/// `n` is the number of evaluation periods, `m` that of datapoints to alarm.
pub fn decide(range: &[Option<bool>], n: usize, m: usize, missing: Missing) -> Decision {
    let real = range.iter().flatten().count();
    let verdict = |alarm: bool| if alarm { Decision::Alarm } else { Decision::Ok };
    if real >= n {
        // Enough of them: the newest N count, wherever in the range they lie.
        let breaching = range.iter().rev().flatten().take(n).filter(|b| **b).count();
        return verdict(breaching >= m);
    }
    let breaching = range.iter().flatten().filter(|b| **b).count();
    let fill = n - real;
    match missing {
        Missing::Breaching => verdict(breaching + fill >= m),
        Missing::NotBreaching => verdict(breaching >= m),
        Missing::Missing | Missing::Ignore => {
            let keep_or = |other| {
                if missing == Missing::Ignore {
                    Decision::Keep
                } else {
                    other
                }
            };
            if real == 0 {
                return keep_or(Decision::InsufficientData);
            }
            if breaching >= m {
                return Decision::Alarm;
            }
            if breaching < real {
                return Decision::Ok;
            }
            // Only breaching ones, and fewer than M. While the oldest is young, the datapoints that
            // would complete the picture may still be on their way: not prematurely into ALARM.
            let oldest = range.iter().position(Option::is_some).unwrap_or(0);
            let age = range.len() - oldest;
            if age >= m {
                keep_or(Decision::Alarm)
            } else {
                keep_or(Decision::InsufficientData)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_range_has_a_decision(
            range in proptest::collection::vec(proptest::option::of(any::<bool>()), 0..40),
            n in 1usize..20,
            m in 1usize..20,
        ) {
            for missing in [Missing::Missing, Missing::Ignore, Missing::Breaching, Missing::NotBreaching] {
                let decision = decide(&range, n, m.min(n), missing);
                if missing == Missing::Breaching || missing == Missing::NotBreaching {
                    prop_assert!(matches!(decision, Decision::Alarm | Decision::Ok));
                }
                // Where nothing breaches, nothing alarms but what is counted as breaching.
                if !range.iter().flatten().any(|b| *b) && missing != Missing::Breaching {
                    prop_assert!(decision != Decision::Alarm);
                }
            }
        }

        #[test]
        fn with_enough_datapoints_the_treatment_of_missing_ones_does_not_matter(
            range in proptest::collection::vec(any::<bool>(), 5..20),
            m in 1usize..5,
        ) {
            let range: Vec<Option<bool>> = range.into_iter().map(Some).collect();
            let first = decide(&range, 5, m, Missing::Missing);
            for missing in [Missing::Ignore, Missing::Breaching, Missing::NotBreaching] {
                prop_assert_eq!(decide(&range, 5, m, missing), first);
            }
        }
    }
}
