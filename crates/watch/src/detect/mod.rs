//! Alarms of our own, faithful to CloudWatch's semantics because people know them.
//!
//! Pure: declared rules, a source of numbers, how the alarms stood and `now` give how they stand and what turned.
//! [`Rules`] are read from TOML, [`evaluate()`] does one round, [`Tally`] is a source of numbers that is fed
//! with spans, points and log lines as they arrive.
//!
//! Reading order: `declared` (what people write), `rules` (what is checked), `evaluate` (one round), `metric` with
//! `missing` (M of N), `math` (expressions), `band` (anomalies), `burn` (objectives), `parent` with `composite` and
//! `suppress`, `reason` (the texts), `filter` (numbers from log lines), `tally`.

mod band;
mod burn;
mod calendar;
mod composite;
mod datapoints;
mod declared;
mod evaluate;
mod filter;
mod length;
mod math;
mod metric;
mod missing;
mod nearest;
mod parent;
mod reason;
mod rules;
mod state;
mod suppress;
mod tally;

pub use band::Band;
pub use composite::Composite;
pub use datapoints::{
    CALLS, DURATION, Datapoint, Datapoints, ERROR_SHARE, ERRORS, LOG_METRIC, Points, Selector,
    Statistic, too_few_samples,
};
pub use declared::{
    AlarmRule, BurnRule, Comparison, CompositeRule, Declared, FilterValue, LowSamples,
    MetricFilterRule, MetricQuery, SloRule, Window,
};
pub use evaluate::evaluate;
pub use filter::Pattern;
pub use length::{Length, span, written};
pub use missing::{Decision, Missing, decide, evaluation_range};
pub use nearest::nearest;
pub use rules::{MetricFilter, Rules, RulesError, read};
pub use state::{AlarmKey, SOURCE, Standing, State, States, Transition};
pub use suppress::{Hold, Patience, SuppressedBy, step};
pub use tally::{Keep, Tally};

#[cfg(test)]
mod tests;
